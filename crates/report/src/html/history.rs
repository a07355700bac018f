//! The effect over time: the estimate as a line in the band of its interval, beside a line at zero, as inline SVG.

use catalog::Unit;
use measure::audience::{Comparison, Look};
use plotters::prelude::*;

use super::ReportError;
use super::palette::{GRID, QUIET, TEXT};
use crate::format::{Format, Interval, date};

/// A history in both widths, with what it says in words.
pub(super) struct History {
    pub(super) label: String,
    pub(super) caption: String,
    pub(super) wide: String,
    pub(super) narrow: String,
}

/// Width, height, and ticks of the time's axis.
const WIDE: (u32, u32, usize) = (920, 260, 6);
const NARROW: (u32, u32, usize) = (340, 220, 3);

/// The first looks have intervals that would dwarf the others: the axis holds what is at most this many times as far
/// from zero as the last one.
const MOST_REACH: f64 = 2.5;
/// The plotting library divides font sizes by this before it writes them.
const FONT_SCALE: f64 = 1.24;

/// Draws the looks at a comparison; none where there are fewer than two.
pub(super) fn draw(
    format: Format,
    comparison: &Comparison,
    level: &str,
) -> Result<Option<History>, ReportError> {
    let Some(looking) = &comparison.looking else {
        return Ok(None);
    };
    let looks: Vec<&Look> = looking
        .history
        .iter()
        .filter(|look| look.estimate.is_finite())
        .collect();
    let [first, .., last] = looks.as_slice() else {
        return Ok(None);
    };
    let unit = comparison.unit;
    let plot =
        |size| picture(&looks, unit, size).map_err(|error| ReportError::Plot(error.to_string()));
    let now = Interval {
        estimate: last.estimate,
        low: last.low,
        high: last.high,
    };
    let now = format.absolute(unit, now);
    let of = format!("{}, {}", comparison.metric, comparison.arm);
    Ok(Some(History {
        label: format!(
            "Effect on {of} over time, from {} to {}: now {}, from {} to {}",
            date(first.until),
            date(last.until),
            now.estimate,
            now.low,
            now.high
        ),
        caption: format!(
            "{of}: the effect as it was known at each look, with {level} intervals of the plan ({} looks).{}{}",
            looks.len(),
            match looks.iter().find(|look| look.crossed) {
                Some(look) => format!(
                    " The ring marks the first look whose interval excludes zero, on {}.",
                    date(look.until)
                ),
                None => " At no look the interval excludes zero.".to_owned(),
            },
            if looks.iter().any(|look| reach(look) > most_reach(last)) {
                " The first intervals go on beyond the picture."
            } else {
                ""
            },
        ),
        wide: plot(WIDE)?,
        narrow: plot(NARROW)?,
    }))
}

/// How far from zero an interval reaches.
fn reach(look: &Look) -> f64 {
    look.low.abs().max(look.high.abs())
}

/// How far from zero the axis goes, where the last look is this one.
fn most_reach(last: &Look) -> f64 {
    MOST_REACH * reach(last).max(f64::MIN_POSITIVE)
}

type Failure<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

fn picture<'a>(
    looks: &[&Look],
    unit: Unit,
    (width, height, ticks): (u32, u32, usize),
) -> Result<String, Failure<'a>> {
    let (first, last) = (looks[0], looks[looks.len() - 1]);
    let most = most_reach(last);
    let held = |value: f64| value.clamp(-most, most);
    let low = looks.iter().map(|look| held(look.low)).fold(0.0, f64::min);
    let high = looks.iter().map(|look| held(look.high)).fold(0.0, f64::max);
    let room = 0.05 * (high - low).max(f64::MIN_POSITIVE);
    let (from, to) = (first.until as f64, last.until.max(first.until + 1) as f64);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .margin_top(8)
            .margin_right(16)
            .x_label_area_size(30)
            .y_label_area_size(64)
            .build_cartesian_2d(from..to, low - room..high + room)?;
        let grid = GRID.drawn();
        let tick = |estimate: &f64| {
            let estimate = *estimate;
            let tick = Interval {
                estimate,
                low,
                high,
            };
            Format::TYPESET.absolute(unit, tick).estimate
        };
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(ticks)
            .y_labels(5)
            .x_label_formatter(&|time| date(*time as i64))
            .y_label_formatter(&tick)
            .bold_line_style(grid)
            .light_line_style(TRANSPARENT)
            .axis_style(grid)
            .label_style(
                ("sans-serif", 12.0 * FONT_SCALE)
                    .into_font()
                    .color(&QUIET.drawn()),
            )
            .draw()?;
        let upper = looks
            .iter()
            .map(|look| (look.until as f64, held(look.high)));
        let lower = looks
            .iter()
            .rev()
            .map(|look| (look.until as f64, held(look.low)));
        let band: Vec<(f64, f64)> = upper.chain(lower).collect();
        chart.draw_series([Polygon::new(band, QUIET.drawn().mix(0.18).filled())])?;
        let zero = [(from, 0.0), (to, 0.0)];
        chart.draw_series([PathElement::new(zero, QUIET.drawn().stroke_width(1))])?;
        let line = looks
            .iter()
            .map(|look| (look.until as f64, held(look.estimate)));
        let line: Vec<(f64, f64)> = line.collect();
        chart.draw_series([PathElement::new(line, TEXT.drawn().stroke_width(2))])?;
        let crossed = looks.iter().find(|look| look.crossed);
        chart.draw_series(crossed.map(|look| {
            let center = (look.until as f64, held(look.estimate));
            Circle::new(center, 6, TEXT.drawn().stroke_width(2))
        }))?;
        root.present()?;
    }
    Ok(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(day: i64, estimate: f64, reach: f64) -> Look {
        Look {
            until: day * 86_400_000_000,
            customers: 100,
            estimate,
            low: estimate - reach,
            high: estimate + reach,
            p_value: 0.5,
            crossed: estimate > reach,
        }
    }

    #[test]
    fn the_first_look_that_crosses_has_a_ring_and_wide_first_looks_stay_inside() {
        let looks = [
            look(1, 3.0, 1e9),
            look(2, 1.0, 2.0),
            look(3, 1.2, 1.0),
            look(4, 1.1, 0.9),
        ];
        let svg = picture(&looks.iter().collect::<Vec<_>>(), Unit::Money, WIDE).unwrap();
        assert_eq!(svg.matches("<circle").count(), 1, "{svg}");
        assert!(!svg.contains("1000000000"), "{svg}");
    }

    #[test]
    fn the_axis_of_shares_is_in_percentage_points() {
        let looks = [look(1, 0.03, 0.02), look(2, 0.02, 0.01)];
        let looks: Vec<&Look> = looks.iter().collect();
        let axis = |unit| picture(&looks, unit, WIDE).unwrap();
        assert!(axis(Unit::Share).contains("+2.0\u{a0}pp"));
        assert!(!axis(Unit::Number).contains("pp"));
    }
}
