//! A number over another: a line through dots in the band of its interval, as inline SVG.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::ReportError;
use super::block::Drawn;
use super::forest::{Failure, text};
use super::palette::{CAUTION, GRID, QUIET, TEXT};
use crate::format::{Format, Interval};

/// A line through dots.
pub(super) struct Curve<'a> {
    /// From left to right. Without an interval, the ends are the estimate.
    pub(super) points: Vec<(f64, Interval)>,
    pub(super) x_tick: &'a dyn Fn(f64) -> String,
    pub(super) y_tick: &'a dyn Fn(f64) -> String,
    /// A height that the curve is read against.
    pub(super) line: Option<Threshold>,
}

/// A height that a curve is read against.
pub(super) struct Threshold {
    pub(super) height: f64,
    pub(super) label: String,
    /// Where the curve crosses it, with what is known of that.
    pub(super) crossing: Option<Interval>,
}

/// Width, height, and ticks of the axis below.
const WIDE: (u32, u32, usize) = (920, 240, 12);
const NARROW: (u32, u32, usize) = (340, 210, 5);
const TICK_SIZE: f64 = 12.0;
const TEXT_SIZE: f64 = 13.0;
/// An interval is cut where it goes beyond this many times the greatest estimate.
const MOST_REACH: f64 = 2.0;

/// Draws the curve; none where there are fewer than two points.
pub(super) fn draw(curve: &Curve<'_>) -> Result<Option<Drawn>, ReportError> {
    let known = curve.points.iter().filter(|(_, y)| y.estimate.is_finite());
    let points: Vec<(f64, Interval)> = known.copied().collect();
    if points.len() < 2 {
        return Ok(None);
    }
    let plot =
        |size| picture(curve, &points, size).map_err(|error| ReportError::Plot(error.to_string()));
    Ok(Some(Drawn {
        wide: plot(WIDE)?,
        narrow: plot(NARROW)?,
    }))
}

/// The whole number that a tick stands at, up to rounding.
pub(super) fn whole(tick: f64) -> Option<u64> {
    let rounded = tick.round();
    ((tick - rounded).abs() < 1e-6 && rounded >= 0.0).then_some(rounded as u64)
}

/// A tick at a whole number; between them is nothing.
pub(super) fn whole_number(tick: f64) -> String {
    whole(tick).map_or_else(String::new, |number| Format::TYPESET.count(number))
}

fn picture<'a>(
    curve: &Curve<'_>,
    points: &[(f64, Interval)],
    (width, height, ticks): (u32, u32, usize),
) -> Result<String, Failure<'a>> {
    let threshold = curve.line.as_ref();
    let heights = points.iter().map(|(_, y)| y.estimate.abs());
    let greatest = heights
        .chain(threshold.map(|line| line.height.abs()))
        .fold(f64::MIN_POSITIVE, f64::max);
    let held = |value: f64| value.clamp(-MOST_REACH * greatest, MOST_REACH * greatest);
    let low = points.iter().map(|(_, y)| held(y.low)).fold(0.0, f64::min);
    let high = points
        .iter()
        .map(|(_, y)| held(y.high))
        .chain(threshold.map(|line| line.height))
        .fold(0.0, f64::max);
    let room = 0.06 * (high - low).max(f64::MIN_POSITIVE);
    let (from, to) = (points[0].0, points[points.len() - 1].0);
    let side = 0.02 * (to - from);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .margin_top(8)
            .margin_right(16)
            .x_label_area_size(30)
            .y_label_area_size(64)
            .build_cartesian_2d(
                from - side..to + side,
                (if low < 0.0 { low - room } else { low })..high + room,
            )?;
        let grid = GRID.drawn();
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(ticks)
            .y_labels(5)
            .x_label_formatter(&|x| (curve.x_tick)(*x))
            .y_label_formatter(&|y| (curve.y_tick)(*y))
            .bold_line_style(grid)
            .light_line_style(TRANSPARENT)
            .axis_style(grid)
            .label_style(text(TICK_SIZE, QUIET, HPos::Center))
            .y_label_style(text(TICK_SIZE, QUIET, HPos::Right))
            .draw()?;
        if points.iter().any(|(_, y)| y.high > y.low) {
            let upper = points.iter().map(|(x, y)| (*x, held(y.high)));
            let lower = points.iter().rev().map(|(x, y)| (*x, held(y.low)));
            let band: Vec<(f64, f64)> = upper.chain(lower).collect();
            chart.draw_series([Polygon::new(band, QUIET.drawn().mix(0.18).filled())])?;
        }
        if let Some(line) = threshold {
            let ends = [(from - side, line.height), (to + side, line.height)];
            chart.draw_series([PathElement::new(ends, CAUTION.drawn().stroke_width(1))])?;
            let style = text(TEXT_SIZE, CAUTION, HPos::Right).pos(Pos::new(HPos::Right, VPos::Top));
            let (x, y) = chart.backend_coord(&(to, line.height));
            root.draw(&Text::new(line.label.clone(), (x, y + 5), style))?;
            if let Some(crossing) = line.crossing {
                let ends = [(crossing.low, line.height), (crossing.high, line.height)];
                let ends = ends.map(|(x, y)| (x.clamp(from, to), y));
                chart.draw_series([PathElement::new(ends, CAUTION.drawn().stroke_width(5))])?;
            }
        }
        let line: Vec<(f64, f64)> = points.iter().map(|(x, y)| (*x, y.estimate)).collect();
        let dots = line.clone();
        chart.draw_series([PathElement::new(line, TEXT.drawn().stroke_width(2))])?;
        let dots = dots.into_iter();
        chart.draw_series(dots.map(|at| Circle::new(at, 3, TEXT.drawn().filled())))?;
        root.present()?;
    }
    Ok(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(points: Vec<(f64, Interval)>) -> Curve<'static> {
        Curve {
            points,
            x_tick: &|x| format!("{x:.0}"),
            y_tick: &|y| format!("{y:.1}"),
            line: Some(Threshold {
                height: 1.5,
                label: "<cost>".to_owned(),
                crossing: None,
            }),
        }
    }

    fn point(x: f64, estimate: f64, reach: f64) -> (f64, Interval) {
        let interval = Interval {
            estimate,
            low: estimate - reach,
            high: estimate + reach,
        };
        (x, interval)
    }

    #[test]
    fn one_point_is_no_curve() {
        assert!(draw(&curve(vec![point(1.0, 1.0, 0.0)])).unwrap().is_none());
    }

    #[test]
    fn only_whole_numbers_are_named() {
        assert_eq!(whole_number(1.999_999_999_6), "2");
        assert_eq!(whole_number(1.5), "");
        assert_eq!(whole(-1.0), None);
    }

    #[test]
    fn a_band_is_drawn_where_there_are_intervals() {
        let exact = curve(vec![point(1.0, 1.0, 0.0), point(2.0, 2.0, 0.0)]);
        assert!(!draw(&exact).unwrap().unwrap().wide.contains("<polygon"));
        let unsure = curve(vec![point(1.0, 1.0, 1e9), point(2.0, 2.0, 0.5)]);
        let drawn = draw(&unsure).unwrap().unwrap();
        assert!(drawn.wide.contains("<polygon") && !drawn.wide.contains("1000000001"));
        assert!(drawn.narrow.contains("&lt;cost&gt;"));
    }
}
