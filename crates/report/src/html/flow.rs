//! From where to where journeys go: bands between two columns, as wide as journeys are many, as inline SVG.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::ReportError;
use super::block::Drawn;
use super::forest::{Failure, text};
use super::label::{LINE_HEIGHT, lines, shortened};
use super::palette::{GOOD, Ink, QUIET, TEXT};

/// A step between two places.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) number: f64,
    /// Whether it ends in what is wanted.
    pub(super) good: bool,
}

/// Width, the columns' distance from the sides, and the most characters of a label.
const WIDE: (u32, u32, usize) = (920, 190, 26);
const NARROW: (u32, u32, usize) = (340, 104, 14);
/// Of all bands of a column together.
const BANDS_HEIGHT: f64 = 300.0;
/// Between the places of a column: room for their names.
const GAP: f64 = 14.0;
const COLUMN_WIDTH: i32 = 6;
const TEXT_SIZE: f64 = 13.0;
/// Points of a band's edge.
const BENDS: usize = 24;

/// A place in a column: where it begins, and how far its bands have come.
struct Place<'a> {
    name: &'a str,
    total: f64,
    top: f64,
    filled: f64,
}

/// Draws the steps, the places of each column in the order in which they are first met; none without steps.
pub(super) fn draw(steps: &[Step]) -> Result<Option<Drawn>, ReportError> {
    if steps.iter().all(|step| step.number <= 0.0) {
        return Ok(None);
    }
    let plot = |size| picture(steps, size).map_err(|error| ReportError::Plot(error.to_string()));
    Ok(Some(Drawn {
        wide: plot(WIDE)?,
        narrow: plot(NARROW)?,
    }))
}

/// The places of a column from top to bottom, and where the last one ends.
fn places<'a>(
    steps: &'a [Step],
    scale: f64,
    name: impl Fn(&'a Step) -> &'a str,
) -> (Vec<Place<'a>>, f64) {
    let mut places: Vec<Place<'a>> = Vec::new();
    for step in steps {
        let known = places.iter_mut().find(|place| place.name == name(step));
        match known {
            Some(place) => place.total += step.number,
            None => places.push(Place {
                name: name(step),
                total: step.number,
                top: 0.0,
                filled: 0.0,
            }),
        }
    }
    let mut top = GAP / 2.0;
    for place in &mut places {
        place.top = top;
        top += scale * place.total + GAP;
    }
    (places, top)
}

/// The next part of a place that a band takes: its upper and lower end.
fn take(places: &mut [Place<'_>], name: &str, height: f64) -> (f64, f64) {
    let Some(place) = places.iter_mut().find(|place| place.name == name) else {
        return (0.0, 0.0);
    };
    let upper = place.top + place.filled;
    place.filled += height;
    (upper, upper + height)
}

fn picture<'a>(
    steps: &[Step],
    (width, side, longest): (u32, u32, usize),
) -> Result<String, Failure<'a>> {
    let total: f64 = steps.iter().map(|step| step.number).sum();
    let scale = BANDS_HEIGHT / total;
    let (mut left, left_end) = places(steps, scale, |step| &step.from);
    let (mut right, right_end) = places(steps, scale, |step| &step.to);
    let height = left_end.max(right_end).ceil() as u32;
    let ends = (side as f64, f64::from(width - side));
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
        for step in steps {
            let from = take(&mut left, &step.from, scale * step.number);
            let to = take(&mut right, &step.to, scale * step.number);
            let ink: Ink = if step.good { GOOD } else { QUIET };
            let band = band(from, to, ends);
            root.draw(&Polygon::new(band, ink.drawn().mix(0.3).filled()))?;
        }
        let columns = [(&left, ends.0, HPos::Right), (&right, ends.1, HPos::Left)];
        for (places, at, side) in columns {
            let (outward, words) = match side {
                HPos::Right => (-COLUMN_WIDTH, -COLUMN_WIDTH - 6),
                _ => (COLUMN_WIDTH, COLUMN_WIDTH + 6),
            };
            let at = at as i32;
            for place in places {
                let (top, bottom) = (place.top as i32, (place.top + place.filled).ceil() as i32);
                let column = [
                    (at.min(at + outward), top),
                    (at.max(at + outward), bottom.max(top + 1)),
                ];
                root.draw(&Rectangle::new(column, TEXT.drawn().filled()))?;
                let room = (bottom - top) as u32 + GAP as u32;
                let label = match room >= 2 * LINE_HEIGHT {
                    true => lines(place.name, longest),
                    false => vec![shortened(place.name, longest)],
                };
                let first = (top + bottom - LINE_HEIGHT as i32 * (label.len() as i32 - 1)) / 2;
                for (line, number) in label.into_iter().zip(0..) {
                    let style = text(TEXT_SIZE, TEXT, side);
                    let middle = first + LINE_HEIGHT as i32 * number;
                    root.draw(&Text::new(line, (at + words, middle), style))?;
                }
            }
        }
        root.present()?;
    }
    Ok(svg)
}

/// A band with smooth edges between two parts of the columns.
fn band(from: (f64, f64), to: (f64, f64), (left, right): (f64, f64)) -> Vec<(i32, i32)> {
    let edge = |from: f64, to: f64| {
        (0..=BENDS).map(move |bend| {
            let share = bend as f64 / BENDS as f64;
            let smooth = share * share * (3.0 - 2.0 * share);
            let x = left + share * (right - left);
            (
                x.round() as i32,
                (from + smooth * (to - from)).round() as i32,
            )
        })
    };
    let upper = edge(from.0, to.0);
    let lower: Vec<(i32, i32)> = edge(from.1.max(from.0 + 1.0), to.1.max(to.0 + 1.0)).collect();
    upper.chain(lower.into_iter().rev()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(from: &str, to: &str, number: f64) -> Step {
        Step {
            from: from.to_owned(),
            to: to.to_owned(),
            number,
            good: false,
        }
    }

    #[test]
    fn each_step_is_a_band_and_each_place_a_name() {
        let steps = [
            step("a", "b", 3.0),
            step("a", "c", 1.0),
            step("b", "c", 2.0),
        ];
        let drawn = draw(&steps).unwrap().unwrap();
        assert_eq!(drawn.wide.matches("<polygon").count(), 3);
        assert_eq!(drawn.wide.matches("<text").count(), 4);
        assert!(draw(&[]).unwrap().is_none());
    }

    #[test]
    fn the_bands_of_a_place_fill_it() {
        let steps = [step("a", "b", 3.0), step("a", "c", 1.0)];
        let (mut left, end) = places(&steps, 10.0, |step| &step.from);
        assert_eq!(end, GAP / 2.0 + 40.0 + GAP);
        assert_eq!(take(&mut left, "a", 30.0), (7.0, 37.0));
        assert_eq!(take(&mut left, "a", 10.0), (37.0, 47.0));
    }
}
