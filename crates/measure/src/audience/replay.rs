//! A/A replay: is the analysis valid on these very data?
//!
//! The customers of the reference arm, who all got the same, are split in two at random many times, and each split is
//! analysed as if the halves were arms. What is found there is found where nothing is: the share of splits with `p <
//! alpha` must be alpha, and the probabilities uniform. Heavy tails, few customers and customers who are not independent
//! show here.

use std::collections::BTreeMap;

use catalog::{Catalog, Experiment};
use lake::{Chunk, Lake, WrongColumn};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::moments::{CellMoments, CoMoments, Moments, MomentsError};
use stats::random::SplitMix64;
use stats::uniformity::{binomial_limits, uniform_probability};

use super::compare::{ArmSummary, compare};
use super::finding::Pair;
use super::plan::{Compared, Plan};
use super::query::{self, Query, columns, status};
use super::tally::Layout;
use crate::Provenance;
use crate::error::MeasureError;

/// Splits beyond which the sums of their halves take too much memory.
pub const MOST_SPLITS: u32 = 2_000;
/// Splits below which little can be said of a rate.
pub const FEWEST_SPLITS: u32 = 20;

/// The probability below which a rate of false finds, or the shape of the probabilities, is no chance.
const ALARM: f64 = 0.001;

/// What an A/A replay says of every metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayFinding {
    /// The name and version of this format.
    pub format: String,
    pub experiment: String,
    /// The arm whose customers were split.
    pub arm: String,
    pub customers: u64,
    pub splits: u32,
    /// The same seed gives the same splits.
    pub seed: u64,
    pub alpha: f64,
    pub metrics: Vec<ReplayMetric>,
    pub provenance: Provenance,
}

impl ReplayFinding {
    /// The name and version of the format.
    pub const FORMAT: &'static str = "touchstone.replay/1";
}

/// What the splits say of a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayMetric {
    pub metric: String,
    /// Splits that gave a probability.
    pub analysed: u32,
    /// Those with a probability below alpha.
    pub found: u32,
    /// The share of them; alpha, if the analysis is valid.
    pub share: Option<f64>,
    /// Between which shares a valid analysis stays in 999 of 1000 replays.
    pub limits: Option<Pair<f64>>,
    /// Probability of probabilities at least this far from uniform (Kolmogorov and Smirnov).
    pub uniform_p: Option<f64>,
    pub verdict: ReplayVerdict,
    /// What it means, in words.
    pub message: String,
}

/// Whether an analysis is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplayVerdict {
    /// It finds as many effects where there are none as alpha allows.
    Valid,
    /// It finds too many.
    FindsTooMuch,
    /// It finds fewer: intervals are wider than they need be.
    FindsTooLittle,
    /// The rate is right, but probabilities are not uniform: other alphas may not hold.
    NotUniform,
    /// Too few splits could be analysed.
    Unknown,
}

/// Replays an experiment's analysis on random halves of its reference arm: plain effects, and adjusted ones where there
/// are covariates. Strata are left aside. One pass over the customers, whatever the number of splits.
///
/// A split is drawn from the customer's id and the seed, so that it is the same on any machine.
///
/// # Errors
///
/// As [`lift`](super::lift()); a number of splits outside [`FEWEST_SPLITS`] to [`MOST_SPLITS`].
pub fn replay(
    catalog: &Catalog,
    lake: &mut Lake,
    experiment: &Experiment,
    splits: u32,
    seed: u64,
) -> Result<ReplayFinding, MeasureError> {
    if !(FEWEST_SPLITS..=MOST_SPLITS).contains(&splits) {
        return Err(MeasureError::Limit {
            place: format!("experiment `{}`, replay", experiment.name),
            message: format!(
                "{splits} splits are asked for; from {FEWEST_SPLITS} to {MOST_SPLITS} are possible"
            ),
        });
    }
    let plan = Plan::new(catalog, experiment)?;
    let query = query::write(&plan, catalog, lake)?;
    let layout = Layout::new(&plan, &query);
    let halves = split(&plan, &query, &layout, lake, (splits, seed))?;
    query.finish(lake)?;
    lake.check_unchanged()?;
    let metrics = (plan.metrics.iter())
        .map(|compared| analyse(&plan, &layout, compared, &halves, splits))
        .collect::<Result<_, MomentsError>>()
        .map_err(|error| failed(&experiment.name, &error))?;
    Ok(ReplayFinding {
        format: ReplayFinding::FORMAT.to_owned(),
        experiment: experiment.name.clone(),
        arm: experiment.arms[plan.reference].name.clone(),
        customers: halves.customers(),
        splits,
        seed,
        alpha: experiment.alpha,
        metrics,
        provenance: Provenance::of(catalog, lake)?,
    })
}

fn failed(experiment: &str, error: &MomentsError) -> MeasureError {
    MeasureError::summary(experiment, &[], error)
}

/// The moments of both halves of every split (cells 2 k and 2 k + 1), by the values that are missing, a bit each.
#[derive(Default)]
struct Halves(BTreeMap<u64, CellMoments>);

impl Halves {
    fn customers(&self) -> u64 {
        let of_first = |cells: &CellMoments| cells.rows_of(0) + cells.rows_of(1);
        self.0.values().map(of_first).sum()
    }

    fn merge(&mut self, other: Self) -> Result<(), MomentsError> {
        for (missing, cells) in other.0 {
            match self.0.get_mut(&missing) {
                Some(known) => {
                    let places: Vec<u32> = (0..cells.cells() as u32).collect();
                    known.merge(cells, &places)?;
                }
                None => {
                    self.0.insert(missing, cells);
                }
            }
        }
        Ok(())
    }

    /// A half's customers, and the moments of those who have all of the values in `needed`.
    fn summary(&self, cell: usize, needed: u64) -> Result<Option<(u64, Moments)>, MomentsError> {
        let mut customers = 0;
        let mut moments: Option<CoMoments> = None;
        for (missing, cells) in &self.0 {
            customers += cells.rows_of(cell);
            if missing & needed != 0 {
                continue;
            }
            let part = cells.cell(cell);
            match &mut moments {
                Some(moments) => moments.merge(&part)?,
                None => moments = Some(part),
            }
        }
        Ok(moments.map(|moments| (customers, moments.finish())))
    }
}

/// The first number of a seed's stream.
pub(crate) fn mix(seed: u64) -> u64 {
    SplitMix64::new(seed).bits()
}

/// The splits that a word of bits serves.
const SPLITS_A_WORD: u32 = u64::BITS;

/// The halves of customers in the splits that a word serves, a bit each, by the hashes of their ids.
fn halves_of(customers: impl Iterator<Item = u64>, seed: u64, word: u32) -> Vec<u64> {
    let key = mix(seed ^ u64::from(word) << 32);
    customers.map(|customer| mix(customer ^ key)).collect()
}

/// In which half of a split a customer is.
fn half(halves: u64, split: u32) -> u32 {
    (halves >> (split % SPLITS_A_WORD)) as u32 & 1
}

fn split(
    plan: &Plan<'_>,
    query: &Query,
    layout: &Layout,
    lake: &Lake,
    (splits, seed): (u32, u64),
) -> Result<Halves, MeasureError> {
    let values = plan.values.len();
    let mut select = vec!["md5_number_lower(CAST(customer AS VARCHAR))".to_owned()];
    select.extend((0..values).map(|place| {
        let (number, counts) = (columns::number(query, place), query.counts(plan, place));
        format!("CAST(CASE WHEN {counts} THEN {number} END AS DOUBLE)")
    }));
    let covariates = columns::covariates(plan, query);
    select.extend(covariates.iter().map(|known| {
        format!("CAST(CASE WHEN isfinite(CAST({known} AS DOUBLE)) THEN {known} END AS DOUBLE)")
    }));
    let sql = format!(
        "SELECT {} FROM {} WHERE status = {} AND arm = {}",
        select.join(", "),
        query.customers,
        status::COUNTED,
        plan.reference
    );
    let name = plan.experiment.name.clone();
    let context = format!("cannot replay experiment `{name}`");
    let (layout, covariates) = (layout.clone(), covariates.len());
    let parts = lake.engine().fold(
        &sql,
        select.len(),
        &context,
        Halves::default,
        move |halves, chunk| {
            let wrong = |error: WrongColumn| MeasureError::summary_of_columns(&name, &error);
            let rows = Rows::of(chunk, values, covariates, &layout).map_err(wrong)?;
            for (missing, members) in rows.by_missing() {
                let cells = halves.0.entry(missing).or_insert_with(|| {
                    let mut cells = CellMoments::new(layout.products());
                    cells.grow(2 * splits as usize);
                    cells
                });
                let columns = rows.gathered(&members);
                let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
                let mut places: Vec<Vec<u32>> = Vec::with_capacity(splits as usize);
                for word in 0..splits.div_ceil(SPLITS_A_WORD) {
                    let ids = members.iter().map(|&row| rows.ids[row]);
                    let halves = halves_of(ids, seed, word);
                    let first = word * SPLITS_A_WORD;
                    places.extend((first..splits.min(first + SPLITS_A_WORD)).map(|split| {
                        let places = halves.iter().map(|&halves| 2 * split + half(halves, split));
                        places.collect()
                    }));
                }
                let places: Vec<&[u32]> = places.iter().map(Vec::as_slice).collect();
                cells
                    .push(&columns, &places)
                    .map_err(|error| failed(&name, &error))?;
            }
            Ok::<(), MeasureError>(())
        },
    )?;
    let mut halves = Halves::default();
    for part in parts {
        halves
            .merge(part)
            .map_err(|error| failed(&plan.experiment.name, &error))?;
    }
    Ok(halves)
}

/// The rows of a chunk.
struct Rows<'c> {
    ids: &'c [u64],
    /// For each row the values that are missing, a bit each.
    missing: Vec<u64>,
    /// In the order of the co-moments' columns; 0 where there is none.
    columns: Vec<Vec<f64>>,
}

impl<'c> Rows<'c> {
    fn of(
        chunk: &'c Chunk<'_>,
        values: usize,
        covariates: usize,
        layout: &Layout,
    ) -> Result<Self, WrongColumn> {
        let ids: &[u64] = chunk.values(0)?;
        let mut missing = vec![0; ids.len()];
        let mut columns = vec![vec![0.0; ids.len()]; layout.products().columns()];
        for number in 0..values + covariates {
            let numbers: &[f64] = chunk.values(1 + number)?;
            let nulls = chunk.nulls(1 + number)?;
            let covariate = number.checked_sub(values);
            let place = covariate.map_or(number, |covariate| layout.covariate(covariate));
            for (row, &value) in numbers.iter().enumerate() {
                let is_null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
                match (is_null, covariate) {
                    (false, _) => columns[place][row] = value,
                    (true, Some(covariate)) => {
                        columns[layout.covariate_missing(covariate)][row] = 1.0;
                    }
                    (true, None) => missing[row] |= 1 << number,
                }
            }
        }
        Ok(Self {
            ids,
            missing,
            columns,
        })
    }

    fn by_missing(&self) -> BTreeMap<u64, Vec<usize>> {
        let mut groups: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (row, &missing) in self.missing.iter().enumerate() {
            groups.entry(missing).or_default().push(row);
        }
        groups
    }

    fn gathered(&self, members: &[usize]) -> Vec<Vec<f64>> {
        let of_column = |column: &Vec<f64>| members.iter().map(|&row| column[row]).collect();
        self.columns.iter().map(of_column).collect()
    }
}

fn analyse(
    plan: &Plan<'_>,
    layout: &Layout,
    compared: &Compared<'_>,
    halves: &Halves,
    splits: u32,
) -> Result<ReplayMetric, MomentsError> {
    // Names alone depend on which arm the first half is taken for.
    let other = usize::from(plan.reference == 0);
    let needed = compared.made_of.bits();
    let mut probabilities = Vec::new();
    for split in 0..splits as usize {
        let summary = |half: usize| {
            let summary = halves.summary(2 * split + half, needed)?;
            Ok(summary.map(|(customers, moments)| ArmSummary {
                missing: customers - moments.rows(),
                moments,
                not_finite: 0,
                covariates_not_finite: Vec::new(),
            }))
        };
        let (Some(arm), Some(against)) = (summary(0)?, summary(1)?) else {
            continue;
        };
        let summaries = Pair {
            arm: &arm,
            against: &against,
        };
        let comparison = compare(plan, Some(layout), compared, other, summaries);
        probabilities.extend(comparison.decisive().and_then(|outcome| outcome.p_value));
    }
    Ok(judge(
        &compared.metric.name,
        plan.experiment.alpha,
        &probabilities,
    ))
}

/// What the probabilities of analyses say that should find nothing.
fn judge(metric: &str, alpha: f64, probabilities: &[f64]) -> ReplayMetric {
    let analysed = probabilities.len() as u32;
    let found = probabilities.iter().filter(|p| **p < alpha).count() as u32;
    if analysed < FEWEST_SPLITS {
        return ReplayMetric {
            metric: metric.to_owned(),
            analysed,
            found,
            share: None,
            limits: None,
            uniform_p: None,
            verdict: ReplayVerdict::Unknown,
            message: "too few splits could be analysed: the arm has too few customers, or all have the same value"
                .to_owned(),
        };
    }
    let (low, high) = binomial_limits(u64::from(analysed), alpha, ALARM);
    let uniform = uniform_probability(probabilities);
    let share = f64::from(found) / f64::from(analysed);
    let of_all = |count: u64| count as f64 / f64::from(analysed);
    let rate = format!(
        "{:.1} % of random halves differ by the test, where {:.1} % should (chance goes from {:.1} % to {:.1} %)",
        100.0 * share,
        100.0 * alpha,
        100.0 * of_all(low),
        100.0 * of_all(high)
    );
    let (verdict, message) = if u64::from(found) > high {
        (
            ReplayVerdict::FindsTooMuch,
            format!(
                "{rate}: the analysis finds effects where there are none; look for customers who are there several times \
                 or who act together, and cap the metric"
            ),
        )
    } else if u64::from(found) < low {
        (
            ReplayVerdict::FindsTooLittle,
            format!(
                "{rate}: the analysis is too careful, as where a few customers have nearly all of the metric; a cap would \
                 make it sharper"
            ),
        )
    } else if uniform.is_some_and(|p| p < ALARM) {
        (
            ReplayVerdict::NotUniform,
            format!(
                "{rate}, but the probabilities are not uniform, as where values are few or a few customers have much of \
                 the metric: do not rely on another alpha"
            ),
        )
    } else {
        (
            ReplayVerdict::Valid,
            format!("{rate}: the analysis is valid here"),
        )
    };
    ReplayMetric {
        metric: metric.to_owned(),
        analysed,
        found,
        share: Some(share),
        limits: Some(Pair {
            arm: of_all(low),
            against: of_all(high),
        }),
        uniform_p: uniform,
        verdict,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_halves_and_splits_are_their_own() {
        let halves = |(seed, split): (u64, u32)| -> Vec<u32> {
            let words = halves_of((0..20_000).map(mix), seed, split / SPLITS_A_WORD);
            words.iter().map(|&word| half(word, split)).collect()
        };
        for (seed, split) in [(1, 0), (1, 63), (1, 64), (2, 0), (2, 1_999)] {
            let ones: u32 = halves((seed, split)).iter().sum();
            // Five standard deviations.
            assert!(ones.abs_diff(10_000) < 354, "{seed} {split} {ones}");
        }
        let agree = |a: (u64, u32), b: (u64, u32)| {
            let (a, b) = (halves(a), halves(b));
            a.iter().zip(&b).filter(|(a, b)| a == b).count()
        };
        for (a, b) in [((1, 0), (1, 1)), ((1, 0), (1, 64)), ((1, 0), (2, 0))] {
            assert!(agree(a, b).abs_diff(10_000) < 354, "{a:?} {b:?}");
        }
    }

    #[test]
    fn rates_are_judged_by_what_chance_does() {
        let even: Vec<f64> = (0..200).map(|i| (f64::from(i) + 0.5) / 200.0).collect();
        let judged = judge("m", 0.05, &even);
        assert_eq!(judged.verdict, ReplayVerdict::Valid);
        assert_eq!((judged.found, judged.share), (10, Some(0.05)));
        let low: Vec<f64> = even.iter().map(|p| p.powi(3)).collect();
        assert_eq!(judge("m", 0.05, &low).verdict, ReplayVerdict::FindsTooMuch);
        let high: Vec<f64> = even.iter().map(|p| 0.2 + 0.8 * p).collect();
        assert_eq!(
            judge("m", 0.05, &high).verdict,
            ReplayVerdict::FindsTooLittle
        );
        let shifted: Vec<f64> = even
            .iter()
            .map(|p| if *p < 0.06 { *p } else { 0.5 + p / 2.0 })
            .collect();
        assert_eq!(
            judge("m", 0.05, &shifted).verdict,
            ReplayVerdict::NotUniform
        );
        assert_eq!(
            judge("m", 0.05, &even[..19]).verdict,
            ReplayVerdict::Unknown
        );
    }
}
