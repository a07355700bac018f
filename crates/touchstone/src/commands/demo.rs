use std::path::Path;

use catalog::{Catalog, Unit};
use lake::Lake;
use measure::audience::{Depth, Estimate, LifetimeFinding, LiftFinding};
use measure::content::FactorialFinding;
use report::html::{Report, Scale, TruthRow};
use report::terminal;
use schemars::JsonSchema;
use serde::Serialize;
use simulate::{Estimand, Settings, Truth, Written};
use value::LedgerFinding;

use super::worth::Worth;
use crate::cli::{Company, Demo, Global};
use crate::failure::Failure;
use crate::output::{print, show};
use crate::progress::bar;
use crate::project;

/// Writes a simulated retailer's data, catalog and truth.
pub(crate) fn simulate(global: &Global, folder: &Path, company: Company) -> Result<(), Failure> {
    let written = write(global, folder, company)?;
    print(&format!(
        "wrote {} customers to {}: {} rows, {:.1} MB; the truth is in {}\n",
        company.customers,
        folder.display(),
        written.rows,
        written.bytes as f64 / 1e6,
        folder.join(Truth::FILE).display(),
    ))
}

fn write(global: &Global, folder: &Path, company: Company) -> Result<Written, Failure> {
    let mut settings = Settings {
        customers: company.customers,
        seed: company.seed,
        ..Settings::default()
    };
    if let Some(threads) = global
        .threads
        .and_then(|threads| std::num::NonZeroUsize::new(threads as usize))
    {
        settings.threads = threads;
    }
    let bar = bar("simulating customers", company.customers);
    let written = simulate::write_project(&settings, folder, &mut |progress| {
        bar.set_position(progress.done)
    })?;
    bar.finish_and_clear();
    Ok(written)
}

/// The estimates of a demonstration beside the truth.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Demonstration {
    /// The name and version of this format.
    format: &'static str,
    rows: Vec<TruthRow>,
}

impl Demonstration {
    pub(super) const FORMAT: &'static str = "touchstone.demo/1";
}

/// Simulates a retailer and measures it like any other project, with the truth beside the estimates.
pub(crate) fn demo(global: &Global, demo: &Demo) -> Result<(), Failure> {
    let written = write(global, &demo.folder, demo.company)?;
    let mut catalog = Catalog::load(&demo.folder)?;
    catalog.bound_engine(global.threads, global.memory.clone());
    let mut lake = Lake::open(&catalog, None)?;
    let lifts = project::lifts(&catalog, &mut lake, Depth::Usual)?;
    let worth = Worth::measure(&catalog, &mut lake)?;
    let ledger = project::ledger(&catalog, &lake, &worth.with(&lifts))?;
    let lifetimes = &worth.lifetimes;
    let overlaps = super::trust::overlaps(&catalog, &mut lake)?;
    let (designs, left_out) = super::trust::designs(&catalog, &lifts);
    let mut rows = beside_truth(&written.truth, &lifts, &ledger);
    rows.extend(lifetimes_beside_truth(&written.truth, lifetimes));
    let factorials = super::content::factorials(&catalog, &mut lake)?;
    rows.extend(factorials_beside_truth(&written.truth, &factorials));
    let performances = super::content::performances(&catalog, &mut lake)?;
    let beside = Demonstration {
        format: Demonstration::FORMAT,
        rows,
    };
    let page = demo.folder.join("report.html");
    let report = Report {
        ledger: Some(&ledger),
        lifts: &lifts,
        lifetimes,
        overlaps: overlaps.as_ref(),
        designs: &designs,
        left_out: &left_out,
        attributions: &worth.attributions,
        performances: &performances,
        factorials: &factorials,
        truth: &beside.rows,
        ..Report::default()
    };
    super::write_html(&catalog, report, &page)?;
    show(global.format, &beside, |beside, screen| {
        format!(
            "{}\n{}\nThe project is in {}, the report in {}.\n",
            terminal::ledger(&ledger, screen),
            terminal::truth(&beside.rows, screen),
            demo.folder.display(),
            page.display(),
        )
    })
}

/// The primary lift of each experiment and the return of each initiative, beside what is true of them.
fn beside_truth(truth: &Truth, lifts: &[LiftFinding], ledger: &LedgerFinding) -> Vec<TruthRow> {
    let mut rows = Vec::new();
    for lift in lifts {
        for comparison in lift.metrics.iter().filter(|comparison| comparison.primary) {
            let known = truth.experiment(&lift.experiment);
            let effect = known.and_then(|known| known.effect(&comparison.arm, &comparison.metric));
            let estimate = comparison.decisive().and_then(|outcome| outcome.absolute);
            if let (
                Some(effect),
                Some(Estimate {
                    estimate,
                    low,
                    high,
                    ..
                }),
            ) = (effect, estimate)
            {
                rows.push(TruthRow {
                    what: format!(
                        "{}: {} of {} per customer",
                        lift.experiment, comparison.metric, comparison.arm
                    ),
                    scale: Scale::Absolute(comparison.unit),
                    estimate,
                    low,
                    high,
                    truth: effect.effect,
                });
            }
        }
    }
    for row in &ledger.initiatives {
        let known = truth.initiative(&row.name).and_then(|known| known.roi);
        if let (Some(roi), Some(truth)) = (row.roi, known) {
            rows.push(TruthRow {
                what: format!("{}: return on investment", row.name),
                scale: Scale::Relative,
                estimate: roi.estimate,
                low: roi.low,
                high: roi.high,
                truth,
            });
        }
    }
    rows
}

/// What an arm adds to a customer's lifetime value, staying on and stopping with the data, beside what is true of it.
fn lifetimes_beside_truth(truth: &Truth, lifetimes: &[LifetimeFinding]) -> Vec<TruthRow> {
    let mut rows = Vec::new();
    for lifetime in lifetimes {
        let years = (lifetime.horizon_days / 365.25).round() as u32;
        let Some(incremental) = &lifetime.incremental else {
            continue;
        };
        let Some(known) = truth.lifetime(&incremental.experiment) else {
            continue;
        };
        for arm in &incremental.arms {
            let found = [
                (
                    "staying on",
                    Estimand::StaysOn,
                    arm.stays_on.as_ref().map(|value| value.total.amount),
                ),
                (
                    "stopping",
                    Estimand::Stops,
                    arm.stops.as_ref().map(|value| value.total),
                ),
            ];
            for (how, estimand, estimate) in found {
                let known = known.difference(&arm.arm, estimand, years);
                let (Some(estimate), Some(known)) = (estimate, known) else {
                    continue;
                };
                rows.push(TruthRow {
                    what: format!(
                        "{}: margin of {} in {years} years, {how}",
                        incremental.experiment, arm.arm
                    ),
                    scale: Scale::Absolute(Unit::Money),
                    estimate: estimate.estimate,
                    low: estimate.low,
                    high: estimate.high,
                    truth: known.discounted_margin,
                });
            }
        }
    }
    rows
}

/// What channels and components cause, beside what is true of them: Shapley values, and the effects of components by the
/// true means of the arms.
fn factorials_beside_truth(truth: &Truth, factorials: &[FactorialFinding]) -> Vec<TruthRow> {
    let mut rows = Vec::new();
    for found in factorials {
        let Some(known) = truth.experiment(&found.experiment) else {
            continue;
        };
        let mut add = |what: String, estimate: Option<Estimate>, truth: Option<f64>| {
            if let (Some(estimate), Some(truth)) = (estimate, truth) {
                rows.push(TruthRow {
                    what: format!("{}: {what}", found.factorial),
                    scale: Scale::Absolute(found.unit),
                    estimate: estimate.estimate,
                    low: estimate.low,
                    high: estimate.high,
                    truth,
                });
            }
        };
        for share in found.channels.iter().flat_map(|channels| &channels.shares) {
            let truth = known
                .shares
                .iter()
                .find(|known| known.factor == share.channel && known.metric == found.metric);
            let what = format!("{}, Shapley value of {}", share.channel, found.metric);
            add(
                what,
                share.value.outcome.absolute,
                truth.map(|known| known.share),
            );
        }
        if found.channels.is_some() {
            continue;
        }
        for (place, factor) in found.factors.iter().enumerate() {
            for effect in found
                .effects
                .iter()
                .filter(|effect| effect.factor == factor.factor)
            {
                let mean = |level: &String| {
                    let cells = found
                        .cells
                        .iter()
                        .filter(|cell| cell.levels[place] == *level);
                    let effects: Vec<f64> = cells
                        .map(|cell| {
                            let effect = known.effect(&cell.arm, &found.metric);
                            effect.map_or(0.0, |effect| effect.effect)
                        })
                        .collect();
                    effects.iter().sum::<f64>() / effects.len() as f64
                };
                let truth = mean(&effect.level) - mean(&effect.against);
                let (level, against) = (&effect.level, &effect.against);
                let what = format!(
                    "{} {level} against {against}, {}",
                    factor.factor, found.metric
                );
                add(what, effect.effect.outcome.absolute, Some(truth));
            }
        }
    }
    rows
}
