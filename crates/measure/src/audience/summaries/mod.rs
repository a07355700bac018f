//! Experiments of which only summaries are known, one by one and as a programme.

mod cell;
mod compared;
mod finding;
mod metric;
mod ratio;
mod reasons;
mod rows;
mod series;
mod watch;

pub use finding::{
    ArmSize, BestArm, Corrected, Decided, Direction, ExperimentFinding, Extent, MetricFinding,
    OmnibusFinding, PeriodRatio, Prior, ProgrammeFinding, RatioCounts, RatioFinding,
    Refused as RefusedComparisons, SampleRatios, Shrunk, Significant, Stretch, SummaryComparison,
    Watch, Watched, Watching, Winners,
};

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use catalog::{Catalog, Summaries};
use lake::Lake;

use self::compared::{Compared, compare, omnibus};
use self::ratio::Sizes;
use self::reasons::{Refused, Why};
use self::rows::Row;
use self::series::{Gathered, Series, gather};
use super::{NotCounted, SAMPLE_RATIO_ALARM};
use crate::Provenance;
use crate::error::MeasureError;

/// Measures experiments of which only summaries are known.
///
/// Each comparison is tested once, at its last look; that test decides. Beside it stands what ways of watching would
/// have said at earlier looks. Over the programme the tests of a metric are adjusted for their number, and relative
/// effects, as logarithms of ratios of means, are drawn together by how much they differ from one another ([`stats::shrink`]), which takes them to be
/// independent: arms that share a control are not quite.
///
/// An experiment whose arms have sizes that chance does not explain, or that ran in a period in which too many did, is
/// refused.
///
/// # Errors
///
/// [`MeasureError`] where the lake or the catalog do not allow the measurement at all.
pub fn programme(
    catalog: &Catalog,
    lake: &mut Lake,
    summaries: &Summaries,
) -> Result<ProgrammeFinding, MeasureError> {
    let rows = rows::read(catalog, lake, summaries)?;
    lake.check_unchanged()?;
    let mut extent = Extent {
        rows: rows.len() as u64,
        ..Extent::default()
    };
    let rows = complete(rows, &mut extent);
    let experiments: Vec<(Gathered, Sizes)> = rows
        .chunk_by(|a, b| a.experiment == b.experiment)
        .map(|rows| {
            let name = rows[0].experiment.as_deref().unwrap_or_default();
            let gathered = gather(name, rows, summaries);
            let sizes = ratio::sizes(&gathered, summaries);
            (gathered, sizes)
        })
        .collect();
    let sample_ratios = ratio::programme(&experiments);
    let refused: Vec<Option<Refused>> = experiments
        .iter()
        .map(|(gathered, sizes)| refusal(gathered, sizes, &sample_ratios))
        .collect();

    let jobs: Vec<(usize, &Series)> = experiments
        .iter()
        .enumerate()
        .flat_map(|(place, (gathered, _))| gathered.series.iter().map(move |s| (place, s)))
        .collect();
    let mut compared = in_parallel(&jobs, lake.engine().threads(), |(place, series)| {
        compare(series, refused[*place].as_ref(), summaries.alpha)
    });
    count(&mut extent, &experiments, &compared);

    let names: BTreeSet<String> = compared
        .iter()
        .map(|compared| compared.finding.metric.clone())
        .collect();
    let metrics = names
        .iter()
        .map(|metric| {
            let of_metric = compared
                .iter_mut()
                .filter(|compared| compared.finding.metric == *metric)
                .collect();
            metric::together(metric, of_metric, summaries.alpha, summaries.multiplicity)
        })
        .collect();
    let refused_by_why = refused_by_why(&experiments, &refused, &jobs, &compared);

    let mut by_experiment: Vec<Vec<Compared>> = experiments.iter().map(|_| Vec::new()).collect();
    for ((place, _), compared) in jobs.iter().zip(compared) {
        by_experiment[*place].push(compared);
    }
    let findings = experiments
        .iter()
        .zip(&refused)
        .zip(by_experiment)
        .map(|((experiment, refused), compared)| finding(experiment, refused.as_ref(), compared))
        .collect();
    Ok(ProgrammeFinding {
        format: ProgrammeFinding::FORMAT.to_owned(),
        programme: summaries.name.clone(),
        description: summaries.description.clone(),
        alpha: summaries.alpha,
        multiplicity: summaries.multiplicity,
        extent,
        metrics,
        sample_ratios,
        refused: refused_by_why,
        experiments: findings,
        provenance: Provenance::of(catalog, lake)?,
    })
}

/// Leaves out rows that belong to no experiment, arm, metric or time, and counts them.
fn complete(rows: Vec<Row>, extent: &mut Extent) -> Vec<Row> {
    let mut left_out: BTreeMap<&str, u64> = BTreeMap::new();
    let lacks = |row: &Row| {
        [
            ("without an experiment", row.experiment.is_none()),
            ("without an arm", row.arm.is_none()),
            ("without a metric", row.metric.is_none()),
            ("without a time", row.time.is_none()),
        ]
        .into_iter()
        .find_map(|(what, lacks)| lacks.then_some(what))
    };
    let complete = rows
        .into_iter()
        .filter(|row| match lacks(row) {
            Some(what) => {
                *left_out.entry(what).or_default() += 1;
                false
            }
            None => true,
        })
        .collect();
    extent.rows_left_out = counted(left_out);
    complete
}

fn counted(numbers: BTreeMap<&str, u64>) -> Vec<NotCounted> {
    numbers
        .into_iter()
        .map(|(reason, number)| NotCounted {
            reason: reason.to_owned(),
            number,
        })
        .collect()
}

/// Why nothing can rest on an experiment.
fn refusal(gathered: &Gathered, sizes: &Sizes, ratios: &SampleRatios) -> Option<Refused> {
    if let Some(refused) = &gathered.refused {
        return Some(refused.clone());
    }
    if sizes.failed() {
        let p = sizes.test.as_ref().map_or(0.0, |test| test.p_value);
        let message = format!(
            "the arms' sizes do not fit the planned shares (p = {p:.2e}): something other than chance sorted the \
             customers"
        );
        return Some(Refused::new(Why::SampleRatio, message));
    }
    let (_, name) = gathered.period.as_ref()?;
    let period = ratios
        .periods
        .iter()
        .find(|period| period.faulty && period.period == *name)?;
    let message = format!(
        "it ran in {name}, in which {} of {} experiments have arms of sizes that chance does not explain (p < {}): the \
         randomization cannot be trusted",
        period.counts.failed, period.counts.tested, SAMPLE_RATIO_ALARM
    );
    Some(Refused::new(Why::FaultyPeriod, message))
}

/// Does the same work for each item, on several threads; the results keep the items' order.
fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    // Many small pieces, dealt out in turn, so that threads end together.
    const PIECES: usize = 8;
    let size = items.len().div_ceil(threads * PIECES).max(1);
    let work = &work;
    thread::scope(|scope| {
        let of_thread = |thread: usize| {
            scope.spawn(move || {
                let pieces = items.chunks(size).enumerate().skip(thread);
                pieces
                    .step_by(threads)
                    .map(|(place, piece)| (place, piece.iter().map(work).collect::<Vec<R>>()))
                    .collect::<Vec<_>>()
            })
        };
        let running: Vec<_> = (0..threads).map(of_thread).collect();
        let mut done: Vec<(usize, Vec<R>)> = running
            .into_iter()
            .flat_map(|thread| match thread.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect();
        done.sort_by_key(|(place, _)| *place);
        done.into_iter().flat_map(|(_, results)| results).collect()
    })
}

fn count(extent: &mut Extent, experiments: &[(Gathered, Sizes)], compared: &[Compared]) {
    extent.experiments = experiments.len() as u64;
    extent.in_several_periods = experiments
        .iter()
        .filter(|(gathered, _)| gathered.in_several_periods)
        .count() as u64;
    let arms = experiments.iter().flat_map(|(_, sizes)| &sizes.arms);
    extent.arms = arms.clone().count() as u64;
    extent.customers = arms.map(|arm| arm.customers).sum();
    extent.comparisons = compared.len() as u64;
    extent.looks = compared.iter().map(|compared| compared.looks).sum();
    let mut left_out: BTreeMap<&str, u64> = BTreeMap::new();
    for (what, number) in compared
        .iter()
        .flat_map(|compared| &compared.looks_left_out)
    {
        *left_out.entry(what).or_default() += number;
    }
    extent.looks_left_out = counted(left_out);
}

/// Refused comparisons by the kind of reason; an experiment whose arms cannot be compared at all has none.
fn refused_by_why(
    experiments: &[(Gathered, Sizes)],
    refused: &[Option<Refused>],
    jobs: &[(usize, &Series)],
    compared: &[Compared],
) -> Vec<RefusedComparisons> {
    let mut by_why: BTreeMap<Why, (BTreeSet<usize>, u64)> = BTreeMap::new();
    for (place, (gathered, _)) in experiments.iter().enumerate() {
        if let (Some(refused), true) = (&refused[place], gathered.series.is_empty()) {
            by_why.entry(refused.why).or_default().0.insert(place);
        }
    }
    for ((place, _), compared) in jobs.iter().zip(compared) {
        if let Some(why) = compared.why {
            let (experiments, comparisons) = by_why.entry(why).or_default();
            experiments.insert(*place);
            *comparisons += 1;
        }
    }
    by_why
        .into_iter()
        .map(|(why, (experiments, comparisons))| RefusedComparisons {
            reason: why.reason(),
            what: why.what().to_owned(),
            experiments: experiments.len() as u64,
            comparisons,
        })
        .collect()
}

fn finding(
    (gathered, sizes): &(Gathered, Sizes),
    refused: Option<&Refused>,
    compared: Vec<Compared>,
) -> ExperimentFinding {
    let omnibus = gathered
        .at_end
        .iter()
        .filter(|(_, arms)| refused.is_none() && arms.len() > 2)
        .map(|(metric, arms)| omnibus(metric, arms))
        .collect();
    ExperimentFinding {
        experiment: gathered.name.clone(),
        period: gathered.period.as_ref().map(|(_, name)| name.clone()),
        arms: sizes.arms.clone(),
        sample_ratio: sizes.test.as_ref().ok().cloned(),
        refusal: refused.map(Refused::refusal),
        omnibus,
        best: best(gathered.at_end.keys(), &compared),
        comparisons: compared
            .into_iter()
            .map(|compared| compared.finding)
            .collect(),
    }
}

/// For each metric the arm with the largest relative effect to expect.
fn best<'m>(metrics: impl Iterator<Item = &'m String>, compared: &[Compared]) -> Vec<BestArm> {
    let best = |metric: &String| {
        compared
            .iter()
            .filter(|compared| compared.finding.metric == *metric)
            .filter_map(|compared| {
                let expected = compared.finding.shrunk?;
                Some((compared, compared.ln_ratio?.estimate.exp_m1(), expected))
            })
            .max_by(|a, b| a.2.median.total_cmp(&b.2.median))
            .map(|(compared, observed, expected)| BestArm {
                metric: metric.clone(),
                arm: compared.finding.arm.clone(),
                observed,
                expected,
            })
    };
    metrics.filter_map(best).collect()
}
