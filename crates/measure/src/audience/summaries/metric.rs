//! A metric over all experiments: what is found, what watching would have found, and what to expect of the next.

use catalog::Multiplicity;
use stats::TailProbability;
use stats::bayes::NormalPrior;
use stats::multiplicity::{Adjustment, adjusted, e_benjamini_hochberg};
use stats::omnibus::{Effect, EffectsError};
use stats::shrink::{LearnedPrior, RandomEffects};

use super::super::compare::too_little;
use super::compared::Compared;
use super::finding::{
    Decided, Direction, MetricFinding, Prior, Shrunk, Significant, Watch, Watched, Watching,
    Winners,
};

/// Takes the comparisons of a metric together, and tells each what the others say of it.
pub(super) fn together(
    metric: &str,
    mut compared: Vec<&mut Compared>,
    alpha: f64,
    multiplicity: Multiplicity,
) -> MetricFinding {
    let significant = adjust(&mut compared, alpha, multiplicity);
    let found = |more: bool| {
        let is_found = |compared: &&&mut Compared| {
            compared.finding.found && estimate(compared).is_some_and(|e| (e > 0.0) == more)
        };
        compared.iter().filter(is_found).count() as u64
    };
    let found = Direction {
        more: found(true),
        less: found(false),
    };
    let watched = watching(&compared, alpha);
    let refused = compared
        .iter()
        .filter(|compared| compared.why.is_some())
        .count() as u64;
    let relative: Vec<usize> = (0..compared.len())
        .filter(|place| compared[*place].ln_ratio.is_some())
        .collect();
    let effects: Vec<Effect> = relative
        .iter()
        .filter_map(|place| compared[*place].ln_ratio)
        .collect();
    let (prior, prior_refusal) = match prior(&effects, alpha) {
        Ok(prior) => (Some(prior), None),
        Err(error) => (None, Some(too_little(error))),
    };
    let mut winners = None;
    if let Ok(model) = RandomEffects::fit(&effects) {
        for (place, number) in relative.iter().enumerate() {
            compared[*number].finding.shrunk =
                model.shrunk(place, alpha).ok().map(|shrunk| Shrunk {
                    median: shrunk.mean.exp_m1(),
                    low: shrunk.interval.low.exp_m1(),
                    high: shrunk.interval.high.exp_m1(),
                });
        }
        let selected: Vec<usize> = (0..relative.len())
            .filter(|place| {
                compared[relative[*place]].finding.found && effects[*place].estimate > 0.0
            })
            .collect();
        winners = model.total(&selected).ok().map(|total| Winners {
            selected: selected.len() as u64,
            naive: selected.iter().map(|place| effects[*place].estimate).sum(),
            corrected: total.estimate,
            corrected_se: total.se,
        });
    }
    MetricFinding {
        metric: metric.to_owned(),
        comparisons: compared.len() as u64,
        refused,
        significant,
        found,
        watched,
        prior,
        prior_refusal,
        not_relative: compared.len() as u64 - refused - relative.len() as u64,
        winners,
    }
}

fn estimate(compared: &Compared) -> Option<f64> {
    compared
        .finding
        .outcome
        .absolute
        .map(|absolute| absolute.estimate)
}

/// Adjusts the probabilities for their number, and marks what is found.
fn adjust(compared: &mut [&mut Compared], alpha: f64, multiplicity: Multiplicity) -> Significant {
    let tested: Vec<usize> = (0..compared.len())
        .filter(|place| compared[*place].finding.outcome.ln_p.is_some())
        .collect();
    let family: Vec<TailProbability> = tested
        .iter()
        .filter_map(|place| {
            let outcome = &compared[*place].finding.outcome;
            Some(TailProbability {
                p: outcome.p_value?,
                ln_p: outcome.ln_p?,
            })
        })
        .collect();
    let after = |adjustment| adjusted(&family, adjustment).unwrap_or_else(|_| family.clone());
    let holm = after(Adjustment::Holm);
    let discovery = after(Adjustment::BenjaminiHochberg);
    let deciding = match multiplicity {
        Multiplicity::Alone => &family,
        Multiplicity::Holm => &holm,
        Multiplicity::BenjaminiHochberg => &discovery,
    };
    for (place, number) in tested.iter().enumerate() {
        let finding = &mut compared[*number].finding;
        finding.holm_p = Some(holm[place].p);
        finding.benjamini_hochberg_p = Some(discovery[place].p);
        finding.found = deciding[place].p < alpha;
    }
    let below = |family: &[TailProbability]| family.iter().filter(|p| p.p < alpha).count() as u64;
    Significant {
        alone: below(&family),
        holm: below(&holm),
        benjamini_hochberg: below(&discovery),
    }
}

fn prior(effects: &[Effect], alpha: f64) -> Result<Prior, EffectsError> {
    let learned = LearnedPrior::learn(effects, alpha)?;
    let NormalPrior::Normal { sd, .. } = learned.prior else {
        return Err(EffectsError::TooFew {
            n: effects.len(),
            needed: stats::shrink::FEWEST_EXPERIMENTS,
        });
    };
    Ok(Prior {
        comparisons: learned.experiments as u64,
        mean: learned.mean,
        mean_sd: learned.mean_sd,
        tau: learned.tau,
        tau_low: learned.tau_interval.low,
        tau_high: learned.tau_interval.high,
        predictive_sd: sd,
    })
}

fn watching(compared: &[&mut Compared], alpha: f64) -> Option<Watching> {
    let watches: Vec<(&Watch, f64, bool)> = compared
        .iter()
        .filter_map(|compared| {
            let outcome = &compared.finding.outcome;
            let at_the_end = outcome.p_value.is_some_and(|p| p < alpha);
            Some((
                compared.finding.watch.as_ref()?,
                estimate(compared)?,
                at_the_end,
            ))
        })
        .collect();
    if watches.is_empty() {
        return None;
    }
    let watched = |way: fn(&Watch) -> &Option<Decided>| {
        let decided: Vec<_> = watches
            .iter()
            .filter_map(|(watch, estimate, below)| {
                Some((way(watch).as_ref()?, watch.fraction, *estimate, *below))
            })
            .collect();
        let mut fractions: Vec<f64> = decided
            .iter()
            .map(|(decided, ..)| decided.fraction)
            .collect();
        fractions.sort_by(f64::total_cmp);
        Watched {
            decided: decided.len() as u64,
            early: decided
                .iter()
                .filter(|(decided, last, ..)| decided.fraction < *last)
                .count() as u64,
            reversed: decided
                .iter()
                .filter(|(decided, _, estimate, _)| decided.more != (*estimate > 0.0))
                .count() as u64,
            not_at_the_end: decided.iter().filter(|(.., below)| !below).count() as u64,
            median_fraction: median(&fractions),
        }
    };
    let ln_e: Vec<f64> = compared
        .iter()
        .filter_map(|compared| compared.ln_e)
        .collect();
    let discoveries = e_benjamini_hochberg(&ln_e).unwrap_or_default();
    Some(Watching {
        comparisons: watches.len() as u64,
        at_the_end: watches.iter().filter(|(_, _, below)| *below).count() as u64,
        at_any_look: watches
            .iter()
            .filter(|(watch, _, _)| watch.peeking.is_some())
            .count() as u64,
        anytime: watched(|watch| &watch.anytime),
        group_sequential: watched(|watch| &watch.group_sequential),
        hybrid: watched(|watch| &watch.hybrid),
        e_benjamini_hochberg: discoveries.iter().filter(|level| level.p < alpha).count() as u64,
    })
}

/// Of numbers in ascending order.
fn median(sorted: &[f64]) -> Option<f64> {
    let (low, high) = (
        sorted.get(sorted.len().checked_sub(1)? / 2)?,
        sorted.get(sorted.len() / 2)?,
    );
    Some(0.5 * (low + high))
}
