//! The section of one experiment.

use measure::audience::{
    ArmFinding, Comparison, LiftFinding, Outcome, SegmentFinding, SegmentValue,
};

use super::ReportError;
use super::forest::{Mark, Row};
use super::history::{self, History};
use super::page::{FORMAT, Figure, mark, percent, quoted, sentence};
use crate::evidence::{self, Topic};
use crate::format::Shown;
use crate::words::{self, Line};

/// What the section shows.
pub(super) struct Experiment {
    /// Of the section, unique on the page.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) hypothesis: Option<String>,
    pub(super) scope: String,
    pub(super) level: String,
    pub(super) refusal: Option<String>,
    pub(super) decisions: Vec<Decision>,
    pub(super) figure: Option<Figure>,
    pub(super) histories: Vec<History>,
    pub(super) metrics: Vec<Metric>,
    pub(super) notes: Vec<String>,
    pub(super) topics: Vec<Topic>,
    pub(super) segments: Vec<Segment>,
    pub(super) caution: String,
    pub(super) arms: Vec<Arm>,
    pub(super) checks: Vec<Check>,
}

pub(super) struct Decision {
    pub(super) verdict: &'static str,
    pub(super) sentence: String,
}

/// One estimate's row in the table of metrics.
pub(super) struct Metric {
    pub(super) metric: String,
    pub(super) arm: String,
    pub(super) primary: bool,
    pub(super) verdict: &'static str,
    pub(super) customers: [String; 2],
    /// `= 0.04`, with its sign.
    pub(super) p: String,
    pub(super) line: Line,
}

pub(super) struct Segment {
    pub(super) name: String,
    /// The metric whose lifts are shown.
    pub(super) metric: String,
    pub(super) refusal: Option<String>,
    /// Whether the effects differ.
    pub(super) says: Vec<String>,
    pub(super) figure: Option<Figure>,
    pub(super) values: Vec<SegmentRow>,
}

pub(super) struct SegmentRow {
    pub(super) value: String,
    pub(super) arm: String,
    pub(super) customers: String,
    pub(super) p: String,
    pub(super) line: Line,
    /// The effect moved towards those of the other values, by as much as its noise warrants.
    pub(super) shrunk: Option<Shown>,
    pub(super) verdict: &'static str,
}

pub(super) struct Arm {
    pub(super) name: String,
    pub(super) customers: String,
    pub(super) share: String,
    pub(super) declared: String,
}

pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) severity: &'static str,
    pub(super) message: String,
}

impl Experiment {
    /// Where the experiment is refused, its effects stay away: nothing can rest on them.
    pub(super) fn new(number: usize, finding: &LiftFinding) -> Result<Self, ReportError> {
        let level = FORMAT.level(1.0 - finding.alpha);
        let trusted = finding.refusal.is_none();
        let comparisons: &[Comparison] = if trusted { &finding.metrics } else { &[] };
        let segments: &[SegmentFinding] = if trusted { &finding.segments } else { &[] };
        let deciding = || comparisons.iter().filter(|comparison| comparison.primary);
        let label = format!(
            "Forest plot of relative lifts in {}; the table below has the same numbers",
            finding.experiment
        );
        let caption = format!(
            "Relative lift against {}, with {level} intervals. Filled circle: better; square: worse; hollow circle: \
             unclear. Small grey dot: the plain estimate where an adjusted one decides.",
            finding.against
        );
        Ok(Self {
            id: format!("experiment-{}", number + 1),
            name: finding.experiment.clone(),
            hypothesis: finding.hypothesis.clone(),
            scope: quoted(&words::scope(FORMAT, finding)),
            refusal: finding
                .refusal
                .as_ref()
                .map(|refusal| sentence(&refusal.message)),
            decisions: deciding()
                .map(|comparison| decision(finding, comparison))
                .collect(),
            figure: Figure::draw(
                label,
                &caption,
                &comparisons.iter().flat_map(rows).collect::<Vec<_>>(),
            )?,
            histories: deciding()
                .filter_map(|comparison| history::draw(FORMAT, comparison, &level).transpose())
                .collect::<Result<_, _>>()?,
            topics: if trusted {
                typeset(evidence::topics(FORMAT, finding))
            } else {
                Vec::new()
            },
            metrics: comparisons.iter().flat_map(metrics).collect(),
            notes: deciding()
                .filter_map(|comparison| words::adjustment(FORMAT, comparison))
                .collect(),
            segments: segments
                .iter()
                .map(|segment| by_segment(finding, segment, &level))
                .collect::<Result<_, _>>()?,
            caution: words::segments_caution(
                FORMAT,
                words::segment_intervals(finding),
                finding.alpha,
            ),
            arms: arms(finding),
            checks: finding.checks.iter().map(check).collect(),
            level,
        })
    }
}

/// The subjects with the quotation marks of a page.
fn typeset(mut topics: Vec<Topic>) -> Vec<Topic> {
    for sentence in topics.iter_mut().flat_map(|topic| &mut topic.sentences) {
        *sentence = quoted(sentence);
    }
    topics
}

fn decision(finding: &LiftFinding, comparison: &Comparison) -> Decision {
    Decision {
        verdict: comparison.verdict.map_or("none", words::verdict),
        sentence: quoted(&words::decision(FORMAT, finding, comparison)),
    }
}

/// A comparison's rows in the forest plot: the deciding estimate, and the plain one under an adjusted one.
fn rows(comparison: &Comparison) -> Vec<Row> {
    let label = format!("{}, {}", comparison.metric, comparison.arm);
    let lines = words::lines(FORMAT, comparison);
    let outcomes = words::estimates(comparison)
        .into_iter()
        .map(|(_, outcome, _)| outcome);
    let row = |(line, outcome): (Line, &Outcome)| {
        let effect = if line.decides {
            words::deciding_relative(comparison).ok()?
        } else {
            words::relative_interval(outcome.relative.as_ref()?).ok()?
        };
        let shown = line.relative.ok()?;
        Some(Row {
            label: if line.decides {
                label.clone()
            } else {
                line.kind.to_owned()
            },
            effect: percent(effect),
            shown: shown.in_line(),
            mark: if line.decides {
                mark(comparison.verdict)
            } else {
                Mark::Aside
            },
        })
    };
    lines.into_iter().zip(outcomes).filter_map(row).collect()
}

fn metrics(comparison: &Comparison) -> Vec<Metric> {
    let lines = words::lines(FORMAT, comparison);
    let metric = |line: Line| Metric {
        metric: comparison.metric.clone(),
        arm: comparison.arm.clone(),
        primary: comparison.primary,
        verdict: if line.decides {
            comparison.verdict.map_or("–", words::verdict)
        } else {
            ""
        },
        customers: [
            FORMAT.count(comparison.n.arm),
            FORMAT.count(comparison.n.against),
        ],
        p: words::equals(&line.p_value),
        line,
    };
    lines.into_iter().map(metric).collect()
}

fn by_segment(
    finding: &LiftFinding,
    segment: &SegmentFinding,
    level: &str,
) -> Result<Segment, ReportError> {
    let primary = || {
        segment.values.iter().flat_map(|value| {
            let deciding = value.metrics.iter().filter(|comparison| comparison.primary);
            deciding.map(move |comparison| (value, comparison))
        })
    };
    let plot_rows = primary().flat_map(|(value, comparison)| {
        rows(comparison).into_iter().map(move |row| Row {
            label: format!("{}, {}", value.value, comparison.arm),
            ..row
        })
    });
    let metric = words::primary(finding).to_owned();
    let label = format!(
        "Forest plot of the relative lift of {metric} by {}; the table below has the same numbers",
        segment.segment
    );
    let caption = format!(
        "Relative lift of {metric} by {}, with {level} intervals.",
        segment.segment
    );
    let value = |(value, comparison): (&SegmentValue, &Comparison)| {
        let line = words::lines(FORMAT, comparison).swap_remove(0);
        SegmentRow {
            value: value.value.clone(),
            arm: comparison.arm.clone(),
            customers: FORMAT.count(comparison.n.arm + comparison.n.against),
            p: words::equals(&line.p_value),
            line,
            shrunk: evidence::shrunk(FORMAT, comparison),
            verdict: comparison.verdict.map_or("–", words::verdict),
        }
    };
    Ok(Segment {
        name: segment.segment.clone(),
        says: evidence::heterogeneity(FORMAT, finding, segment),
        figure: Figure::draw(label, &caption, &plot_rows.collect::<Vec<_>>())?,
        values: primary().map(value).collect(),
        refusal: segment
            .refusal
            .as_ref()
            .map(|refusal| sentence(&refusal.message)),
        metric,
    })
}

fn arms(finding: &LiftFinding) -> Vec<Arm> {
    let total: u64 = finding.arms.iter().map(|arm| arm.customers).sum();
    let arm = |arm: &ArmFinding| Arm {
        name: arm.name.clone(),
        customers: FORMAT.count(arm.customers),
        share: FORMAT.percent(arm.customers as f64 / total.max(1) as f64, 2),
        declared: FORMAT.percent(arm.expected_share, 2),
    };
    finding.arms.iter().map(arm).collect()
}

fn check(check: &measure::audience::Check) -> Check {
    Check {
        name: words::check_name(check),
        severity: words::severity(check.severity),
        message: quoted(&words::check_message(FORMAT, check)),
    }
}
