//! Caps: where they lie, what they cut, and what other looks at a metric of few large values say.

use stats::moments::{Moments, Products};
use stats::quantile::BucketRange;
use stats::robust::{CapOver, CapThresholds, Trim, TrimmedMoments, lift_of_trimmed_means};
use stats::{Lift, Sample};

use lake::Lake;

use super::compare::{outcome, refused, sample, too_little};
use super::finding::{CapFinding, Comparison, Outcome, Pair, SecondLook, SecondOpinion};
use super::plan::{Compared, MadeOf, Plan};
use super::query::Query;
use super::query::columns::{above, below, cap_of};
use super::query::status::COUNTED;
use super::spread::{Rows, near};
use super::tally::{Layout, Tally};
use crate::error::MeasureError;

/// The bounds of each value, those before exposure last: declared, or quantiles of the customers of all arms together.
pub(crate) fn thresholds(
    plan: &Plan<'_>,
    lake: &Lake,
    query: &Query,
) -> Result<Vec<Option<CapThresholds>>, MeasureError> {
    let caps: Vec<Option<&catalog::Cap>> = plan.all_values().map(cap_of).collect();
    let by_percentile: Vec<(usize, &catalog::Cap)> = caps
        .iter()
        .enumerate()
        .filter_map(|(place, cap)| Some((place, cap.filter(|cap| cap.has_percentile())?)))
        .collect();
    let mut thresholds: Vec<Option<CapThresholds>> = caps
        .iter()
        .map(|cap| {
            cap.map(|cap| CapThresholds {
                lower: cap.lower,
                upper: cap.upper,
            })
        })
        .collect();
    if by_percentile.is_empty() {
        return Ok(thresholds);
    }
    let columns: Vec<String> = by_percentile
        .iter()
        .map(|(place, cap)| {
            let nonzero = if cap.nonzero {
                format!(" AND v{place} <> 0")
            } else {
                String::new()
            };
            format!(
                "CASE WHEN {}{nonzero} THEN v{place} END",
                query.is_mature(plan, *place)
            )
        })
        .collect();
    let rows = Rows {
        lake,
        sql: format!(
            "SELECT 0::UTINYINT, {} FROM {} WHERE status = {COUNTED}",
            columns.join(", "),
            query.customers
        ),
        groups: 1,
        columns: columns.len(),
        experiment: &plan.experiment.name,
    };
    let levels = |cap: &catalog::Cap| [cap.lower_percentile, cap.upper_percentile];
    let ranges = |column: usize, histogram: &_| {
        let levels = levels(by_percentile[column].1).into_iter().flatten();
        Ok(levels.filter_map(|level| near(histogram, level)).collect())
    };
    let distributions = rows.distributions(&rows.histograms()?, ranges)?;
    for ((place, cap), distribution) in by_percentile.iter().zip(&distributions) {
        let [lower, upper] = levels(cap);
        // Without any value there is nothing to cap.
        thresholds[*place] = CapThresholds::pooled(&distribution[0], lower, upper, CapOver::All)
            .map(|pooled| CapThresholds {
                lower: pooled.lower.or(cap.lower),
                upper: pooled.upper.or(cap.upper),
            });
    }
    Ok(thresholds)
}

/// How many customers of an arm have a value, and one beyond each bound.
#[derive(Debug, Clone, Copy, Default)]
struct Reached {
    customers: u64,
    below: u64,
    above: u64,
}

/// Adds to comparisons what caps cut, and of means what the uncapped and the trimmed mean say.
pub(crate) fn add(
    plan: &Plan<'_>,
    lake: &Lake,
    query: &Query,
    layout: &Layout,
    tally: &Tally,
    comparisons: &mut [Comparison],
) -> Result<(), MeasureError> {
    let capped: Vec<usize> = (0..plan.values.len())
        .filter(|&place| query.caps[place].is_some())
        .collect();
    if capped.is_empty() {
        return Ok(());
    }
    let reached = reached(plan, lake, query, &capped)?;
    for compared in &plan.metrics {
        let places: Vec<usize> = compared
            .made_of
            .places()
            .into_iter()
            .filter(|place| capped.contains(place))
            .collect();
        if places.is_empty() {
            continue;
        }
        let looks = Looks {
            plan,
            layout,
            compared,
            against: tally
                .moments(plan.reference, compared.made_of.bits())
                .map_err(|error| MeasureError::summary(&plan.experiment.name, &[], &error))?,
        };
        let trimmed = match compared.made_of {
            MadeOf::Value(place) => {
                let counts: Vec<Reached> = reached
                    .iter()
                    .map(|arm| arm[position(&capped, place)])
                    .collect();
                trimmed(plan, lake, query, place, &counts)?
            }
            MadeOf::Ratio { .. } => None,
        };
        let of_metric = comparisons
            .iter_mut()
            .filter(|comparison| comparison.metric == compared.metric.name);
        for comparison in of_metric {
            let Some(arm) = plan.arm(&comparison.arm) else {
                continue;
            };
            let moments = tally
                .moments(arm, compared.made_of.bits())
                .map_err(|error| MeasureError::summary(&plan.experiment.name, &[], &error))?;
            for &place in &places {
                let of = |arm: usize| reached[arm][position(&capped, place)];
                comparison
                    .caps
                    .push(looks.cut(place, query, &moments, of, arm));
            }
            if comparison.outcome.refusal.is_some() {
                continue;
            }
            comparison.second_opinions.extend(looks.uncapped(&moments));
            if let Some(trimmed) = &trimmed {
                comparison
                    .second_opinions
                    .extend(looks.trimmed(trimmed, arm));
            }
        }
    }
    Ok(())
}

fn position(places: &[usize], place: usize) -> usize {
    places.iter().position(|&known| known == place).unwrap_or(0)
}

/// For each arm and capped value, how many customers the cap reached.
fn reached(
    plan: &Plan<'_>,
    lake: &Lake,
    query: &Query,
    capped: &[usize],
) -> Result<Vec<Vec<Reached>>, MeasureError> {
    let mut select = vec!["arm".to_owned()];
    for &place in capped {
        let cap = query.caps[place].unwrap_or(CapThresholds {
            lower: None,
            upper: None,
        });
        let number = format!("v{place}");
        let mature = query.is_mature(plan, place);
        select.extend(
            [
                format!("{number} IS NOT NULL"),
                below(&number, cap),
                above(&number, cap),
            ]
            .map(|condition| format!("count(*) FILTER (WHERE {mature} AND {condition})")),
        );
    }
    let sql = format!(
        "SELECT {} FROM {} WHERE status = {COUNTED} GROUP BY arm",
        select.join(", "),
        query.customers
    );
    let context = format!("cannot count what caps of `{}` cut", plan.experiment.name);
    let rows = lake.engine().rows(&sql, &context, |row| {
        let arm: u8 = row.get(0)?;
        let mut reached = Vec::with_capacity(capped.len());
        for number in 0..capped.len() {
            reached.push(Reached {
                customers: row.get(1 + 3 * number)?,
                below: row.get(2 + 3 * number)?,
                above: row.get(3 + 3 * number)?,
            });
        }
        Ok((usize::from(arm), reached))
    })?;
    let mut by_arm = vec![vec![Reached::default(); capped.len()]; plan.experiment.arms.len()];
    for (arm, reached) in rows {
        if let Some(known) = by_arm.get_mut(arm) {
            *known = reached;
        }
    }
    Ok(by_arm)
}

/// A trimmed mean of each arm.
struct Trimmed {
    trim: Trim,
    arms: Vec<Option<TrimmedMoments>>,
}

/// What a trimmed mean needs of each arm, where the cap reached enough customers to leave any out: it leaves out, in
/// each arm, the share of customers that the cap reached over all arms.
fn trimmed(
    plan: &Plan<'_>,
    lake: &Lake,
    query: &Query,
    place: usize,
    counts: &[Reached],
) -> Result<Option<Trimmed>, MeasureError> {
    let total = |of: fn(&Reached) -> u64| counts.iter().map(of).sum::<u64>() as f64;
    let customers = total(|reached| reached.customers);
    let trim = Trim {
        lower: total(|reached| reached.below) / customers,
        upper: total(|reached| reached.above) / customers,
    };
    // The shares are NaN where there is nobody.
    let reaches_anybody = trim.lower + trim.upper > 0.0;
    if !reaches_anybody {
        return Ok(None);
    }
    let mature = query.is_mature(plan, place);
    let arms = plan.experiment.arms.len();
    let rows = |condition: &str| Rows {
        lake,
        sql: format!(
            "SELECT arm, v{place} FROM {} WHERE status = {COUNTED} AND v{place} IS NOT NULL AND {mature}{condition}",
            query.customers
        ),
        groups: arms,
        columns: 1,
        experiment: &plan.experiment.name,
    };
    let all = rows("");
    let levels = [trim.lower, 1.0 - trim.upper];
    let ranges = |_: usize, histogram: &_| {
        let ranges: Vec<BucketRange> = levels
            .iter()
            .filter_map(|&level| near(histogram, level))
            .collect();
        Ok(ranges)
    };
    let distributions = all.distributions(&all.histograms()?, ranges)?;
    let bounds: Vec<Option<(f64, f64)>> = distributions[0]
        .iter()
        .map(|distribution| trim.bounds(distribution))
        .collect();
    let inside: Vec<String> = bounds
        .iter()
        .enumerate()
        .filter_map(|(arm, bounds)| {
            let (low, high) = (*bounds)?;
            Some(format!(
                "arm = {arm} AND v{place} > {low:e} AND v{place} < {high:e}"
            ))
        })
        .collect();
    if inside.is_empty() {
        return Ok(None);
    }
    let between = rows(&format!(" AND ({})", inside.join(" OR ")));
    let between = between.moments(&Products::new(1, |_, _| true))?;
    let moments = bounds
        .iter()
        .zip(&distributions[0])
        .zip(&between)
        .map(|((bounds, distribution), between)| {
            let (low, high) = (*bounds)?;
            let steps = distribution.steps();
            let upto = |at: usize| at.checked_sub(1).map_or(0, |at| steps[at].upto);
            let upto_low = upto(steps.partition_point(|step| step.high <= low));
            let before_high = upto(steps.partition_point(|step| step.high < high));
            Some(TrimmedMoments {
                low,
                high,
                upto_low,
                from_high: distribution.count() - before_high.max(upto_low),
                between: sample(between, 0),
            })
        })
        .collect();
    Ok(Some(Trimmed {
        trim,
        arms: moments,
    }))
}

/// Other looks at a capped metric.
struct Looks<'p, 'a> {
    plan: &'p Plan<'a>,
    layout: &'p Layout,
    compared: &'p Compared<'a>,
    /// The reference arm's moments.
    against: Moments,
}

impl Looks<'_, '_> {
    fn cut(
        &self,
        place: usize,
        query: &Query,
        moments: &Moments,
        reached: impl Fn(usize) -> Reached,
        arm: usize,
    ) -> CapFinding {
        let cap = query.caps[place];
        let cut = self.layout.cut_of(place);
        let customers = |arm| {
            let reached = reached(arm);
            reached.below + reached.above
        };
        CapFinding {
            metric: self.plan.values[place].name.clone(),
            lower: cap.and_then(|cap| cap.lower),
            upper: cap.and_then(|cap| cap.upper),
            cut: Pair {
                arm: cut.map_or(0.0, |cut| moments.sum(cut)),
                against: cut.map_or(0.0, |cut| self.against.sum(cut)),
            },
            customers: Pair {
                arm: customers(arm),
                against: customers(self.plan.reference),
            },
        }
    }

    /// The effect on the mean without the cap.
    fn uncapped(&self, moments: &Moments) -> Option<SecondOpinion> {
        let MadeOf::Value(place) = self.compared.made_of else {
            return None;
        };
        let cut = self.layout.cut_of(place)?;
        let raw = |moments: &Moments| Sample {
            n: moments.rows(),
            mean: moments.mean(place) + moments.mean(cut),
            variance: moments.variance(place)
                + 2.0 * moments.covariance(place, cut).unwrap_or(f64::NAN)
                + moments.variance(cut),
        };
        let (treated, control) = (raw(moments), raw(&self.against));
        let alpha = self.plan.experiment.alpha;
        Some(SecondOpinion {
            look: SecondLook::Uncapped,
            about: "the mean without the cap".to_owned(),
            mean: Pair {
                arm: treated.mean,
                against: control.mean,
            },
            outcome: outcome_of(stats::lift_of_means(&treated, &control, alpha)),
        })
    }

    fn trimmed(&self, trimmed: &Trimmed, arm: usize) -> Option<SecondOpinion> {
        let Trimmed { trim, arms } = trimmed;
        let (treated, control) = (arms[arm].as_ref()?, arms[self.plan.reference].as_ref()?);
        let alpha = self.plan.experiment.alpha;
        let contrast = stats::robust::contrast_of_trimmed_means(treated, control, *trim).ok()?;
        Some(SecondOpinion {
            look: SecondLook::Trimmed,
            about: format!(
                "the mean without the {:.3} % of customers with the least and the {:.3} % with the greatest values of \
                 each arm, as many as the cap reached over all arms",
                100.0 * trim.lower,
                100.0 * trim.upper
            ),
            mean: Pair {
                arm: contrast.treated,
                against: contrast.control,
            },
            outcome: outcome_of(lift_of_trimmed_means(treated, control, *trim, alpha)),
        })
    }
}

fn outcome_of(lift: Result<Lift, stats::Unestimable>) -> Outcome {
    match lift {
        Ok(lift) => outcome(&lift, None),
        Err(reason) => refused(too_little(reason)),
    }
}
