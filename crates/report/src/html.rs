//! Findings as one self-contained HTML page.
//!
//! The page needs nothing else: no network, no script, no font. Pictures are inline SVG beside tables of the same
//! numbers. It follows the reader's colour scheme, fits a phone, and prints.

mod acquisition;
mod attribution;
mod block;
mod calibration;
mod cohorts;
mod components;
mod curve;
mod design;
mod experiment;
mod factorial;
mod flow;
mod forest;
mod history;
mod incremental;
mod incremental_behind;
mod interaction;
mod label;
mod lifetime;
mod lifetime_credit;
mod lifetime_states;
mod money;
mod overlaps;
mod page;
mod palette;
mod performance;
mod programme;
mod provenance;
mod replay;
mod rows;
mod worth;

use catalog::Unit;
use measure::audience::{
    DesignFinding, InteractionFinding, LifetimeFinding, LiftFinding, OverlapsFinding,
    ProgrammeFinding, ReplayFinding,
};
use measure::content::{AttributionFinding, FactorialFinding, PerformanceFinding};
use schemars::JsonSchema;
use serde::Serialize;
use value::LedgerFinding;

use crate::format::{Format, Interval, Shown};

/// What goes into a page; what is empty has no section.
#[derive(Debug, Clone, Copy, Default)]
pub struct Report<'a> {
    /// The project's name.
    pub project: &'a str,
    /// ISO code of the currency that money is in.
    pub currency: &'a str,
    pub ledger: Option<&'a LedgerFinding>,
    /// One section an experiment, in this order.
    pub lifts: &'a [LiftFinding],
    /// Experiments of which only summaries are known.
    pub programmes: &'a [ProgrammeFinding],
    /// What customers are worth over their lifetime.
    pub lifetimes: &'a [LifetimeFinding],
    /// What channels, content and campaigns are credited with.
    pub attributions: &'a [AttributionFinding],
    /// How pieces of content do.
    pub performances: &'a [PerformanceFinding],
    /// What channels and components cause, alone and together.
    pub factorials: &'a [FactorialFinding],
    /// Whether experiments on the same customers disturb each other.
    pub overlaps: Option<&'a OverlapsFinding>,
    /// Pairs of experiments that were looked at closely.
    pub interactions: &'a [InteractionFinding],
    /// Whether analyses are valid on their data.
    pub replays: &'a [ReplayFinding],
    /// How large experiments have to be.
    pub designs: &'a [DesignFinding],
    /// What could not be shown, and why, in sentences.
    pub left_out: &'a [String],
    /// Estimates beside the truth, where it is known; empty otherwise.
    pub truth: &'a [TruthRow],
    /// The version of the program that writes the page.
    pub version: &'a str,
}

/// An estimate beside what is true, for a simulated company.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TruthRow {
    /// What was estimated, in words: `spring-email, womens: spend per customer`.
    pub what: String,
    pub scale: Scale,
    pub estimate: f64,
    pub low: f64,
    pub high: f64,
    pub truth: f64,
}

impl TruthRow {
    /// Whether the interval holds the truth.
    pub fn covered(&self) -> bool {
        self.low <= self.truth && self.truth <= self.high
    }

    /// The estimate with its interval, and the truth to the places of the estimate.
    pub(crate) fn shown(&self, format: Format) -> (Shown, String) {
        let show = |estimate| {
            let numbers = Interval {
                estimate,
                low: self.low,
                high: self.high,
            };
            match self.scale {
                Scale::Absolute(unit) => format.absolute(unit, numbers),
                Scale::Relative => format.relative(numbers),
                Scale::Amount => format.whole(numbers),
            }
        };
        (show(self.estimate), show(self.truth).estimate)
    }
}

/// What the numbers of a [`TruthRow`] are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// A difference per customer, in a metric's unit.
    Absolute(Unit),
    /// A share: a relative lift, or a return.
    Relative,
    /// An amount of the currency.
    Amount,
}

/// Why a page could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("the page could not be written")]
    Template(#[from] askama::Error),
    /// The message of the plotting library.
    #[error("a plot could not be drawn: {0}")]
    Plot(String),
}

/// The page. The same findings give the same bytes.
///
/// # Errors
///
/// [`ReportError`] where a plot or the page cannot be written, which no content of a finding causes.
pub fn render(report: &Report<'_>) -> Result<String, ReportError> {
    page::render(report)
}
