//! Numbers as rows below each other: dots with intervals, or bars, in groups, as inline SVG.
//!
//! Each is drawn twice, for wide and for narrow pages, and the style sheet shows one of them: text keeps its size.

use plotters::prelude::*;
use plotters::style::FontStyle;
use plotters::style::text_anchor::HPos;

use super::ReportError;
use super::block::Drawn;
use super::forest::{FONT_SCALE, Failure, extent, text};
use super::label::{LINE_HEIGHT, lines, shortened};
use super::palette::{GRID, Ink, QUIET, SURFACE, TEXT};
use crate::format::Interval;

/// Rows under a common heading.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// Empty: none.
    pub(super) label: String,
    pub(super) rows: Vec<Row>,
}

/// One number.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) label: String,
    /// Without an interval, the ends are the estimate.
    pub(super) value: Interval,
    /// A bar from here to the estimate, instead of a dot.
    pub(super) from: Option<f64>,
    /// A small hollow dot: another estimate of the same.
    pub(super) aside: Option<f64>,
    /// The number in words, beside the picture where there is room.
    pub(super) shown: String,
    pub(super) ink: Ink,
}

/// How numbers are read from the picture.
pub(super) struct Axis<'a> {
    pub(super) tick: &'a dyn Fn(f64) -> String,
    /// Whether zero is on it.
    pub(super) from_zero: bool,
    /// A line that numbers are read against.
    pub(super) line: Option<f64>,
}

/// Where things are, in pixels.
struct Layout {
    width: u32,
    /// Left of the plotting area, for labels.
    left: u32,
    /// Right of it, for numbers.
    right: u32,
    /// Whether numbers are written at the right.
    numbers: bool,
    /// The most characters of a line of a row's label, and of a group's label.
    longest: (usize, usize),
    ticks: usize,
}

const WIDE: Layout = Layout {
    width: 920,
    left: 216,
    right: 224,
    numbers: true,
    longest: (30, 100),
    ticks: 6,
};

const NARROW: Layout = Layout {
    width: 340,
    left: 112,
    right: 24,
    numbers: false,
    longest: (16, 44),
    ticks: 3,
};

/// Of a row whose label is one line.
const ROW_HEIGHT: u32 = 22;
const HEADING_HEIGHT: u32 = 28;
/// Below the rows, for the axis.
const AXIS_HEIGHT: u32 = 30;
const TEXT_SIZE: f64 = 13.0;
const TICK_SIZE: f64 = 12.0;
const BAR_HALF: i32 = 7;

impl Row {
    /// A dot with its interval.
    pub(super) fn dot(label: impl Into<String>, value: Interval, shown: String) -> Self {
        Self {
            label: label.into(),
            value,
            from: None,
            aside: None,
            shown,
            ink: TEXT,
        }
    }

    /// A bar from a number to the estimate.
    pub(super) fn bar(
        label: impl Into<String>,
        from: f64,
        value: Interval,
        shown: String,
        ink: Ink,
    ) -> Self {
        Self {
            from: Some(from),
            ink,
            ..Self::dot(label, value, shown)
        }
    }
}

/// A number of whose uncertainty nothing is drawn.
pub(super) fn alone(estimate: f64) -> Interval {
    Interval {
        estimate,
        low: estimate,
        high: estimate,
    }
}

/// Draws the groups from top to bottom; none where there is nothing to draw.
pub(super) fn draw(groups: &[Group], axis: &Axis<'_>) -> Result<Option<Drawn>, ReportError> {
    let kept: Vec<Group> = groups
        .iter()
        .map(|group| Group {
            label: group.label.clone(),
            rows: group
                .rows
                .iter()
                .filter(|row| row.value.estimate.is_finite())
                .cloned()
                .collect(),
        })
        .filter(|group| !group.rows.is_empty())
        .collect();
    if kept.is_empty() {
        return Ok(None);
    }
    let range = range(&kept, axis);
    let plot = |layout| {
        picture(&kept, axis, range, layout).map_err(|error| ReportError::Plot(error.to_string()))
    };
    Ok(Some(Drawn {
        wide: plot(&WIDE)?,
        narrow: plot(&NARROW)?,
    }))
}

/// The ends of the axis, which hold every estimate.
fn range(groups: &[Group], axis: &Axis<'_>) -> (f64, f64) {
    let rows = || groups.iter().flat_map(|group| &group.rows);
    let others = rows()
        .flat_map(|row| [row.from, row.aside])
        .chain([axis.line])
        .flatten()
        .filter(|number| number.is_finite());
    if axis.from_zero {
        let values: Vec<Interval> = rows().map(|row| row.value).collect();
        let (low, high) = extent(&values);
        return others.fold((low, high), |(low, high), other| {
            (low.min(other), high.max(other))
        });
    }
    let ends = rows().flat_map(|row| [row.value.low, row.value.estimate, row.value.high]);
    let (low, high) = ends
        .filter(|end| end.is_finite())
        .chain(others)
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), end| {
            (low.min(end), high.max(end))
        });
    let span = if high > low {
        high - low
    } else {
        low.abs().max(1.0)
    };
    (low - 0.04 * span, high + 0.04 * span)
}

fn picture<'a>(
    groups: &[Group],
    axis: &Axis<'_>,
    (low, high): (f64, f64),
    layout: &Layout,
) -> Result<String, Failure<'a>> {
    let heading = |group: &Group| {
        if group.label.is_empty() {
            0
        } else {
            HEADING_HEIGHT
        }
    };
    let label = |row: &Row| lines(&row.label, layout.longest.0);
    let row_height = |row: &Row| ROW_HEIGHT + LINE_HEIGHT * (label(row).len() as u32 - 1);
    let rows_height: u32 = groups
        .iter()
        .map(|group| heading(group) + group.rows.iter().map(row_height).sum::<u32>())
        .sum();
    let mut svg = String::new();
    {
        let size = (layout.width, rows_height + AXIS_HEIGHT);
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .margin_left(layout.left)
            .margin_right(layout.right)
            .x_label_area_size(AXIS_HEIGHT)
            .build_cartesian_2d(low..high, 0.0..1.0)?;
        let grid = GRID.drawn();
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .x_labels(layout.ticks)
            .x_label_formatter(&|tick| (axis.tick)(*tick))
            .bold_line_style(grid)
            .light_line_style(TRANSPARENT)
            .axis_style(grid)
            .label_style(text(TICK_SIZE, QUIET, HPos::Center))
            .draw()?;
        let x = |value: f64| chart.backend_coord(&(value.clamp(low, high), 0.5)).0;
        let lines = axis.line.into_iter().chain(axis.from_zero.then_some(0.0));
        for line in lines {
            let ends = [(x(line), 0), (x(line), rows_height as i32)];
            root.draw(&PathElement::new(ends, QUIET.drawn().stroke_width(1)))?;
        }
        let mut top = 0;
        for group in groups {
            let height = heading(group) as i32;
            if height > 0 {
                // The lines behind would cross the words.
                let behind = [(0, top), (layout.width as i32, top + height)];
                root.draw(&Rectangle::new(behind, SURFACE.drawn().filled()))?;
                let label = shortened(&group.label, layout.longest.1);
                let bold = ("sans-serif", TEXT_SIZE * FONT_SCALE, FontStyle::Bold)
                    .into_font()
                    .color(&TEXT.drawn());
                let bold = bold.pos(text(TEXT_SIZE, TEXT, HPos::Left).pos);
                root.draw(&Text::new(label, (0, top + height / 2 + 2), bold))?;
            }
            top += height;
            for row in &group.rows {
                let height = row_height(row) as i32;
                let y = top + height / 2;
                mark(&root, row, y, (low, high), &x)?;
                let lines = label(row);
                let first = y - LINE_HEIGHT as i32 * (lines.len() as i32 - 1) / 2;
                for (line, place) in lines.into_iter().zip(0..) {
                    let left = text(TEXT_SIZE, TEXT, HPos::Left);
                    let at = (0, first + LINE_HEIGHT as i32 * place);
                    root.draw(&Text::new(line, at, left))?;
                }
                if layout.numbers {
                    let right = text(TEXT_SIZE, TEXT, HPos::Right);
                    let at = (layout.width as i32, y);
                    root.draw(&Text::new(row.shown.clone(), at, right))?;
                }
                top += height;
            }
        }
        root.present()?;
    }
    Ok(svg)
}

fn mark<'a>(
    root: &DrawingArea<SVGBackend<'a>, plotters::coord::Shift>,
    row: &Row,
    y: i32,
    (low, high): (f64, f64),
    x: &dyn Fn(f64) -> i32,
) -> Result<(), Failure<'a>> {
    let color = row.ink.drawn();
    let stroke = color.stroke_width(2);
    let estimate = x(row.value.estimate);
    if let Some(from) = row.from {
        let (left, right) = (x(from).min(estimate), x(from).max(estimate));
        let bar = [(left, y - BAR_HALF), (right.max(left + 1), y + BAR_HALF)];
        root.draw(&Rectangle::new(bar, color.mix(0.35).filled()))?;
    }
    if row.value.high > row.value.low {
        let (left, right) = (x(row.value.low), x(row.value.high));
        root.draw(&PathElement::new([(left, y), (right, y)], stroke))?;
        let ends = [
            (left, row.value.low < low, -1),
            (right, row.value.high > high, 1),
        ];
        for (end, goes_on, outward) in ends {
            if goes_on {
                let arrow = [(end + 7 * outward, y), (end, y - 5), (end, y + 5)];
                root.draw(&Polygon::new(arrow, color.filled()))?;
            } else {
                root.draw(&PathElement::new([(end, y - 4), (end, y + 4)], stroke))?;
            }
        }
    }
    if let Some(aside) = row.aside {
        root.draw(&Circle::new((x(aside), y), 4, SURFACE.drawn().filled()))?;
        let hollow = QUIET.drawn().stroke_width(1);
        root.draw(&Circle::new((x(aside), y), 4, hollow))?;
    }
    if row.from.is_none() {
        root.draw(&Circle::new((estimate, y), 5, color.filled()))?;
    } else if row.value.high > row.value.low {
        root.draw(&Circle::new((estimate, y), 3, color.filled()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AXIS: Axis<'static> = Axis {
        tick: &|tick| format!("{tick}"),
        from_zero: true,
        line: None,
    };

    fn interval(estimate: f64, low: f64, high: f64) -> Interval {
        Interval {
            estimate,
            low,
            high,
        }
    }

    fn group(rows: Vec<Row>) -> Group {
        Group {
            label: "<group>".to_owned(),
            rows,
        }
    }

    #[test]
    fn bars_have_whiskers_and_names_are_escaped() {
        let rows = vec![
            Row::bar("a & b", 0.0, interval(2.0, 1.0, 3.0), "2".to_owned(), QUIET),
            Row::dot("c", alone(1.0), "1".to_owned()),
        ];
        let drawn = draw(&[group(rows)], &AXIS).unwrap().unwrap();
        assert!(drawn.wide.contains("&lt;group&gt;") && drawn.wide.contains("a &amp; b"));
        assert_eq!(drawn.wide.matches("<circle").count(), 2, "{}", drawn.wide);
    }

    #[test]
    fn a_row_whose_label_is_too_long_has_two_lines() {
        let rows = vec![
            Row::dot("per assigned customer", alone(1.0), String::new()),
            Row::dot("short", alone(2.0), String::new()),
        ];
        let drawn = draw(&[group(rows)], &AXIS).unwrap().unwrap();
        assert!(drawn.narrow.contains("per assigned\n") && drawn.narrow.contains("customer\n"));
        assert!(drawn.wide.contains("per assigned customer"));
        let height = |picture: &str| {
            let (_, rest) = picture.split_once("height=\"").unwrap();
            rest.split('"').next().unwrap().parse::<u32>().unwrap()
        };
        assert_eq!(height(&drawn.narrow), height(&drawn.wide) + LINE_HEIGHT);
    }

    #[test]
    fn nothing_to_draw_is_no_picture() {
        assert!(draw(&[], &AXIS).unwrap().is_none());
        let empty = group(vec![Row::dot("a", alone(f64::NAN), String::new())]);
        assert!(draw(&[empty], &AXIS).unwrap().is_none());
    }

    #[test]
    fn an_axis_need_not_begin_at_zero_and_holds_its_line() {
        let axis = Axis {
            from_zero: false,
            line: Some(13.0),
            ..AXIS
        };
        let rows = vec![Row::dot("a", interval(10.0, 9.0, 11.0), String::new())];
        let (low, high) = range(&[group(rows)], &axis);
        assert!(low > 8.0 && low < 9.0 && high > 13.0 && high < 14.0);
    }
}
