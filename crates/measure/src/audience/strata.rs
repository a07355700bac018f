//! Post-stratification: effects that do not depend on how many customers of each kind an arm happened to draw.

use stats::moments::{Moments, MomentsError};
use stats::strata::{PostStratified, Stratum, post_stratified, post_stratified_ratio};

use super::checks::check;
use super::compare::{arm_moments, outcome, ratio_moments, with_missing};
use super::finding::{Check, CheckKind, Comparison, Outcome, Pair, Severity, Stratified};
use super::plan::{Compared, MadeOf, Plan};
use super::tally::{Layout, MOST_STRATA, Tally};

/// Customers of an arm that a stratum of its own needs, so that its variance is known well enough.
const FEWEST_IN_ARM: u64 = 30;
/// Customers of an arm that a stratum of its own needs for each slope.
const FEWEST_A_SLOPE: u64 = 10;

/// Post-stratifies the comparisons, where the experiment has strata. What comes of it decides; the check says where it
/// cannot be done.
pub(crate) fn add(
    plan: &Plan<'_>,
    layout: &Layout,
    tally: &Tally,
    comparisons: &mut [Comparison],
) -> Result<Option<Check>, MomentsError> {
    if plan.strata.is_empty() {
        return Ok(None);
    }
    let Some(strata) = tally.strata(layout) else {
        return Ok(Some(too_many(plan)));
    };
    let mut alone = 0;
    for comparison in &mut *comparisons {
        let compared = plan.compared(&comparison.metric);
        let Some((compared, arm)) = compared.zip(plan.arm(&comparison.arm)) else {
            continue;
        };
        // A small count is left to its exact test.
        if comparison.outcome.is_exact() || comparison.outcome.absolute.is_none() {
            continue;
        }
        let work = Work {
            plan,
            layout,
            tally,
            compared,
            arm,
            covariates: used_covariates(plan, comparison),
        };
        match work.stratified(&strata)? {
            Some(stratified) => {
                comparison.stratified = Some(stratified);
                comparison.judge();
            }
            None => alone += 1,
        }
    }
    Ok((alone > 0).then(|| nothing_to_stratify(alone, comparisons.len())))
}

fn too_many(plan: &Plan<'_>) -> Check {
    warning(format!(
        "the strata {} are not used: they are more than {MOST_STRATA}; give coarser ones, such as ranges or groups",
        plan.experiment.strata.join(" x ")
    ))
}

fn nothing_to_stratify(alone: usize, all: usize) -> Check {
    warning(format!(
        "{alone} of {all} comparisons are not post-stratified: at most one stratum has enough customers in both arms"
    ))
}

fn warning(message: String) -> Check {
    check(CheckKind::Strata, Severity::Warning, message)
}

/// The covariates that the adjusted comparison uses.
fn used_covariates(plan: &Plan<'_>, comparison: &Comparison) -> Vec<usize> {
    let Some(adjusted) = &comparison.adjusted else {
        return Vec::new();
    };
    let is_used = |name: &str| {
        let mut covariates = adjusted.covariates.iter();
        covariates.any(|covariate| covariate.name == name && covariate.dropped.is_none())
    };
    (0..plan.covariates.len())
        .filter(|&covariate| is_used(&plan.covariates[covariate].name))
        .collect()
}

/// One comparison to be post-stratified.
struct Work<'w, 'a> {
    plan: &'w Plan<'a>,
    layout: &'w Layout,
    tally: &'w Tally,
    compared: &'w Compared<'a>,
    arm: usize,
    covariates: Vec<usize>,
}

impl Work<'_, '_> {
    /// The moments of both arms' customers in some strata.
    fn moments(&self, strata: &[u32]) -> Result<Stratum<Moments>, MomentsError> {
        let needed = self.compared.made_of.bits();
        Ok(Stratum {
            treated: self.tally.moments_in(self.arm, strata, needed)?,
            control: self.tally.moments_in(self.plan.reference, strata, needed)?,
        })
    }

    /// The post-stratified effect; none where fewer than two strata are large enough.
    fn stratified(&self, strata: &[u32]) -> Result<Option<Stratified>, MomentsError> {
        let mut large: Vec<Stratum<Moments>> = Vec::new();
        let (mut small, mut small_customers) = (Vec::new(), 0);
        let slopes = self.covariates.len() as u64;
        let fewest = FEWEST_IN_ARM.max(FEWEST_A_SLOPE * (slopes + 1));
        for &stratum in strata {
            let moments = self.moments(&[stratum])?;
            let (treated, control) = (moments.treated.rows(), moments.control.rows());
            if treated.min(control) >= fewest {
                large.push(moments);
            } else if treated + control > 0 {
                small.push(stratum);
                small_customers += treated + control;
            }
        }
        if !small.is_empty() {
            large.push(self.moments(&small)?);
        }
        if large.len() < 2 {
            return Ok(None);
        }
        let arms = large.iter().flat_map(|s| [&s.treated, &s.control]);
        let columns = with_missing(self.layout, &self.covariates, arms);
        let Some(effect) = self.effect(&large, &columns) else {
            return Ok(None);
        };
        let names = self.covariates.iter();
        Ok(Some(Stratified {
            outcome: Outcome {
                contrast: Some(effect.means),
                ..outcome(&effect.lift, Some(effect.means.control_variance.sqrt()))
            },
            mean: Pair {
                arm: effect.means.treated,
                against: effect.means.control,
            },
            strata: effect.strata,
            // Together they can still be too few, and take a large stratum in.
            merged: small.len() + effect.merged.saturating_sub(1),
            merged_customers: small_customers,
            covariates: names
                .map(|&covariate| self.plan.covariates[covariate].name.clone())
                .collect(),
            variance_reduction: effect.variance_reduction,
        }))
    }

    fn effect(&self, strata: &[Stratum<Moments>], columns: &[usize]) -> Option<PostStratified> {
        let alpha = self.plan.experiment.alpha;
        match self.compared.made_of {
            MadeOf::Value(place) => {
                let strata = each(strata, |moments| arm_moments(moments, place, columns))?;
                post_stratified(&strata, alpha).ok()
            }
            MadeOf::Ratio {
                numerator,
                denominator,
            } => {
                let of = |moments: &_| ratio_moments(moments, numerator, denominator, columns);
                post_stratified_ratio(&each(strata, of)?, alpha).ok()
            }
        }
    }
}

/// Both arms of each stratum as something else.
fn each<T>(
    strata: &[Stratum<Moments>],
    of: impl Fn(&Moments) -> Option<T>,
) -> Option<Vec<Stratum<T>>> {
    let strata = strata.iter().map(|stratum| {
        Some(Stratum {
            treated: of(&stratum.treated)?,
            control: of(&stratum.control)?,
        })
    });
    strata.collect()
}
