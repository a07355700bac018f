//! Forest plots: estimates and their intervals beside a line at zero, as inline SVG.
//!
//! Each is drawn twice, for wide and for narrow pages, and the style sheet shows one of them: text keeps its size.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::ReportError;
use super::label::shortened;
use super::palette::{BAD, GOOD, GRID, Ink, QUIET, SURFACE, TEXT};
use crate::format::{Format, Interval};

/// One estimate.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) label: String,
    /// In per cent.
    pub(super) effect: Interval,
    /// The numbers in words, beside the picture.
    pub(super) shown: String,
    pub(super) mark: Mark,
}

/// The shape and colour of an estimate; each differs in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// A filled circle.
    Good,
    /// A filled square.
    Bad,
    /// A hollow circle.
    Unclear,
    /// A small grey dot: an estimate that does not decide.
    Aside,
}

/// A forest plot in both widths.
#[derive(Debug, Clone)]
pub(super) struct Forest {
    pub(super) wide: String,
    pub(super) narrow: String,
    /// Whether an interval goes on beyond the plot.
    pub(super) clipped: bool,
}

/// Where things are, in pixels.
struct Layout {
    width: u32,
    row_height: u32,
    /// Left of the plotting area, for labels.
    left: u32,
    /// Right of it, for numbers.
    right: u32,
    /// Labels and numbers above the interval, not beside it.
    stacked: bool,
    /// The most characters of a label.
    longest: usize,
    /// The characters that a label and the numbers in its line may have together.
    line: usize,
    ticks: usize,
}

impl Layout {
    /// Where the interval's part of a row begins, from the row's top.
    fn bar_top(&self) -> i32 {
        if self.stacked { 20 } else { 0 }
    }
}

const WIDE: Layout = Layout {
    width: 920,
    row_height: 28,
    left: 240,
    right: 240,
    stacked: false,
    longest: 34,
    line: 120,
    ticks: 6,
};

const NARROW: Layout = Layout {
    width: 340,
    row_height: 44,
    left: 8,
    right: 8,
    stacked: true,
    longest: 24,
    line: 46,
    ticks: 5,
};

/// Below the rows, for the axis.
const AXIS_HEIGHT: u32 = 30;
/// The plotting library divides font sizes by this before it writes them.
pub(super) const FONT_SCALE: f64 = 1.24;
const TEXT_SIZE: f64 = 13.0;
const TICK_SIZE: f64 = 12.0;
/// An interval is cut where it goes beyond this many times the middle interval's reach.
const MOST_REACH: f64 = 3.0;
/// Estimates beyond it, in per cent, have no place on an axis.
const LARGEST: f64 = 1e12;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws the rows from top to bottom; none where there is nothing to draw.
pub(super) fn draw(rows: &[Row]) -> Result<Option<Forest>, ReportError> {
    let rows: Vec<&Row> = rows
        .iter()
        .filter(|row| row.effect.estimate.abs() < LARGEST)
        .collect();
    if rows.is_empty() {
        return Ok(None);
    }
    let effects: Vec<Interval> = rows.iter().map(|row| row.effect).collect();
    let (low, high) = extent(&effects);
    let clipped = rows
        .iter()
        .any(|row| row.effect.low < low || row.effect.high > high);
    let plot = |layout| {
        picture(&rows, (low, high), layout).map_err(|error| ReportError::Plot(error.to_string()))
    };
    Ok(Some(Forest {
        wide: plot(&WIDE)?,
        narrow: plot(&NARROW)?,
        clipped,
    }))
}

/// The axis: all estimates, zero, and the intervals as far as they do not dwarf the others. Always finite.
pub(super) fn extent(effects: &[Interval]) -> (f64, f64) {
    let reach = |effect: &Interval| effect.low.abs().max(effect.high.abs());
    let mut reaches: Vec<f64> = effects
        .iter()
        .map(reach)
        .filter(|reach| reach.is_finite())
        .collect();
    reaches.sort_by(f64::total_cmp);
    let most = reaches
        .get(reaches.len() / 2)
        .map_or(0.0, |middle| MOST_REACH * middle);
    let (mut low, mut high) = (0.0_f64, 0.0_f64);
    for effect in effects {
        low = low.min(effect.low.max(-most)).min(effect.estimate);
        high = high.max(effect.high.min(most)).max(effect.estimate);
    }
    let span = if high > low { high - low } else { 1.0 };
    (low - 0.04 * span, high + 0.04 * span)
}

pub(super) type Failure<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

fn picture<'a>(
    rows: &[&Row],
    (low, high): (f64, f64),
    layout: &Layout,
) -> Result<String, Failure<'a>> {
    let mut svg = String::new();
    {
        let height = layout.row_height * rows.len() as u32 + AXIS_HEIGHT;
        let root = SVGBackend::with_string(&mut svg, (layout.width, height)).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .margin_left(layout.left)
            .margin_right(layout.right)
            .x_label_area_size(AXIS_HEIGHT)
            .build_cartesian_2d(low..high, 0.0..rows.len() as f64)?;
        let (grid, tick_style) = (GRID.drawn(), text(TICK_SIZE, QUIET, HPos::Center));
        let mut mesh = chart.configure_mesh();
        if layout.stacked {
            // Lines would cross the words.
            mesh.disable_x_mesh();
        }
        mesh.disable_y_mesh()
            .disable_y_axis()
            .x_labels(layout.ticks)
            .x_label_formatter(&|tick| tick_label(*tick))
            .bold_line_style(grid)
            .light_line_style(TRANSPARENT)
            .axis_style(grid)
            .label_style(tick_style)
            .draw()?;
        for (number, row) in rows.iter().enumerate() {
            let middle = rows.len() as f64 - number as f64 - 0.5;
            let x = |value: f64| chart.backend_coord(&(value.clamp(low, high), middle)).0;
            let top = (number as u32 * layout.row_height) as i32;
            let ends = Ends {
                low: x(row.effect.low),
                estimate: x(row.effect.estimate),
                high: x(row.effect.high),
                goes_on: (row.effect.low < low, row.effect.high > high),
            };
            let zero = [
                (x(0.0), top + layout.bar_top()),
                (x(0.0), top + layout.row_height as i32),
            ];
            root.draw(&PathElement::new(zero, QUIET.drawn().stroke_width(1)))?;
            interval(&root, row, &ends, top, layout)?;
            words(&root, row, top, layout)?;
        }
        root.present()?;
    }
    Ok(svg)
}

/// The pixels of an interval, and whether it goes on to the left and to the right.
struct Ends {
    low: i32,
    estimate: i32,
    high: i32,
    goes_on: (bool, bool),
}

fn interval<'a>(
    root: &Area<'a>,
    row: &Row,
    ends: &Ends,
    top: i32,
    layout: &Layout,
) -> Result<(), Failure<'a>> {
    let ink = match row.mark {
        Mark::Good => GOOD,
        Mark::Bad => BAD,
        Mark::Unclear => TEXT,
        Mark::Aside => QUIET,
    };
    let color = ink.drawn();
    let stroke = color.stroke_width(if row.mark == Mark::Aside { 1 } else { 2 });
    let y = top + (layout.bar_top() + layout.row_height as i32) / 2;
    root.draw(&PathElement::new([(ends.low, y), (ends.high, y)], stroke))?;
    for (x, goes_on, outward) in [
        (ends.low, ends.goes_on.0, -1),
        (ends.high, ends.goes_on.1, 1),
    ] {
        if goes_on {
            root.draw(&Polygon::new(
                [(x + 7 * outward, y), (x, y - 5), (x, y + 5)],
                color.filled(),
            ))?;
        } else {
            root.draw(&PathElement::new([(x, y - 4), (x, y + 4)], stroke))?;
        }
    }
    let center = (ends.estimate, y);
    match row.mark {
        Mark::Good => root.draw(&Circle::new(center, 5, color.filled())),
        Mark::Bad => root.draw(&Rectangle::new(
            [(center.0 - 5, y - 5), (center.0 + 5, y + 5)],
            color.filled(),
        )),
        Mark::Unclear => {
            root.draw(&Circle::new(center, 5, SURFACE.drawn().filled()))?;
            root.draw(&Circle::new(center, 5, stroke))
        }
        Mark::Aside => root.draw(&Circle::new(center, 3, color.filled())),
    }
}

fn words<'a>(root: &Area<'a>, row: &Row, top: i32, layout: &Layout) -> Result<(), Failure<'a>> {
    let y = top
        + if layout.stacked {
            11
        } else {
            layout.row_height as i32 / 2
        };
    let ink = if row.mark == Mark::Aside { QUIET } else { TEXT };
    let beside = layout.line.saturating_sub(row.shown.chars().count()).max(8);
    let left = text(TEXT_SIZE, ink, HPos::Left);
    let right = text(TEXT_SIZE, ink, HPos::Right);
    root.draw(&Text::new(
        shortened(&row.label, layout.longest.min(beside)),
        (0, y),
        left,
    ))?;
    root.draw(&Text::new(
        row.shown.clone(),
        (layout.width as i32, y),
        right,
    ))
}

pub(super) fn text(size: f64, ink: Ink, side: HPos) -> TextStyle<'static> {
    let style = ("sans-serif", size * FONT_SCALE)
        .into_font()
        .color(&ink.drawn());
    style.pos(Pos::new(side, VPos::Center))
}

/// Per cent without needless places.
fn tick_label(tick: f64) -> String {
    let rounded = (tick * 1e6).round() / 1e6;
    let places = (0..6)
        .find(|&places| (rounded * 10_f64.powi(places)).fract() == 0.0)
        .unwrap_or(6);
    format!(
        "{}\u{a0}%",
        Format::TYPESET.signed(rounded, places as usize)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(label: &str, estimate: f64, low: f64, high: f64) -> Row {
        Row {
            label: label.to_owned(),
            effect: Interval {
                estimate,
                low,
                high,
            },
            shown: format!("{estimate}"),
            mark: Mark::Good,
        }
    }

    #[test]
    fn names_are_escaped_and_shortened() {
        let forest = draw(&[row(
            "<script>alert(1)</script> & a name without end",
            5.0,
            1.0,
            9.0,
        )])
        .unwrap()
        .unwrap();
        assert!(
            forest
                .wide
                .contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; a nam…"),
            "{}",
            forest.wide
        );
        assert!(!forest.narrow.contains("<script"));
    }

    #[test]
    fn an_interval_that_dwarfs_the_others_is_cut() {
        let rows = [
            row("a", 5.0, 1.0, 9.0),
            row("b", 4.0, -2.0, 10.0),
            row("c", 7.0, -900.0, 900.0),
        ];
        let forest = draw(&rows).unwrap().unwrap();
        assert!(forest.clipped);
        assert!(forest.wide.contains("<polygon"));
        assert!(!draw(&rows[..2]).unwrap().unwrap().clipped);
    }

    #[test]
    fn nothing_to_draw_is_no_plot() {
        assert!(draw(&[]).unwrap().is_none());
        assert!(
            draw(&[row("a", f64::NAN, 0.0, 1.0), row("b", 1e300, 0.0, 1.0)])
                .unwrap()
                .is_none()
        );
        let unbounded = draw(&[
            row("a", 0.0, f64::NEG_INFINITY, f64::INFINITY),
            row("b", 0.0, 0.0, 0.0),
        ]);
        assert!(unbounded.unwrap().is_some());
    }

    #[test]
    fn ticks_have_no_needless_places() {
        assert_eq!(tick_label(50.0), "+50\u{a0}%");
        assert_eq!(tick_label(-0.1 - 0.2), "\u{2212}0.3\u{a0}%");
        assert_eq!(tick_label(0.0), "0\u{a0}%");
    }
}
