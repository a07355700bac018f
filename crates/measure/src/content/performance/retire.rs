//! When a new piece of content pays.
//!
//! A new item is expected to have the forecast's rate, and customers begin anew with it: what was the sixth exposure in
//! the last days would have been the second. What that is worth depends on wear, which caps that chance gave out tell
//! better than the curve does: where they can, they do.

use std::collections::BTreeMap;

use catalog::Catalog;
use lake::Lake;
use stats::Counts;
use stats::fatigue::Fatigue;
use stats::ranking::Posterior;
use stats::rates::{BetaBinomial, RatesError};
use stats::tail::normal_quantile;

use super::caps::Means;
use super::fatigue::{MOST_EXPOSURES, RECENT_DAYS, Row};
use super::finding::{CapStep, RetireFinding, Valued};
use super::query::{Prepared, SHOWN};
use crate::error::MeasureError;

/// What is known of wear.
pub(super) enum Wear<'a> {
    Caps(&'a CapsWear),
    Curve(&'a Fatigue),
}

/// What exposures cause by their number, from arms with caps, in the order of the caps.
pub(super) struct CapsWear {
    /// One more than steps.
    arms: Vec<Means>,
    steps: Vec<Step>,
}

/// Exposures that an arm allows beyond the one before.
struct Step {
    /// The number of the first of them.
    first: usize,
    /// What each causes, where it is known.
    each: Option<f64>,
}

/// The share of customers, of those who were shown content repeatedly, who may have been shown several items where caps
/// still tell how an item wears.
const MOST_SEVERAL_ITEMS: f64 = 0.05;

/// Exposures of the last days to an item, by their number to the same customer.
struct Recent {
    /// As they were.
    worn: Vec<f64>,
    /// As they would have been, had the item been new.
    renewed: Vec<f64>,
}

/// What a response is worth, and a unit of the outcome; intervals have level 1 - alpha.
struct Money {
    response: f64,
    outcome: f64,
    alpha: f64,
}

/// Whether items should be replaced, by wear that all have in common and each one's own shrunken rate at the first
/// exposure; the most gain first.
///
/// # Errors
///
/// Those of the engine. Inside, where the rates of the items do not tell what a new one is like.
pub(super) fn retire(
    catalog: &Catalog,
    lake: &Lake,
    (prepared, rows): (&Prepared, &[Row]),
    wear: &Wear<'_>,
    (value, alpha): (f64, f64),
) -> Result<Result<Vec<RetireFinding>, RatesError>, MeasureError> {
    let mut firsts: BTreeMap<&str, Counts> = BTreeMap::new();
    let mut recent: BTreeMap<&str, Recent> = BTreeMap::new();
    for row in rows {
        let first = firsts
            .entry(&row.content)
            .or_insert(Counts { successes: 0, n: 0 });
        if row.exposure == 1 {
            first.n += row.exposures;
            first.successes += row.answered;
        }
        let recent = recent.entry(&row.content).or_insert_with(|| Recent {
            worn: vec![0.0; MOST_EXPOSURES],
            renewed: vec![0.0; MOST_EXPOSURES],
        });
        recent.worn[row.exposure - 1] += row.recent as f64;
    }
    for (content, number, exposures) in renewed(lake, prepared)? {
        if let Some(recent) = recent.get_mut(content.as_str()) {
            recent.renewed[number - 1] += exposures as f64;
        }
    }
    let answered: u64 = rows.iter().map(|row| row.answered).sum();
    let outcome: f64 = rows.iter().map(|row| row.outcome).sum();
    let money = Money {
        response: value * outcome / answered.max(1) as f64,
        outcome: value,
        alpha,
    };
    let counts: Vec<Counts> = firsts.values().copied().collect();
    let of_items = || -> Result<Vec<RetireFinding>, RatesError> {
        let rates = BetaBinomial::fit(&counts)?;
        let new = rates.forecast()?;
        let of_item = |(place, (content, recent)): (usize, (&&str, &Recent))| {
            let cost = super::costs::making(catalog.content(content)?.cost.as_ref()?);
            let own = rates.posterior(place).ok()?;
            let gain = wear.gain(recent, (&own, &new), &money, cost)?;
            Some(RetireFinding {
                content: (*content).to_owned(),
                gain,
                cost,
                exposures: recent.worn.iter().sum::<f64>() as u64,
                retire: gain.low > 0.0,
            })
        };
        let mut found: Vec<RetireFinding> = recent.iter().enumerate().filter_map(of_item).collect();
        found.sort_by(|a, b| {
            b.gain
                .estimate
                .total_cmp(&a.gain.estimate)
                .then_with(|| a.content.cmp(&b.content))
        });
        Ok(found)
    };
    Ok(of_items())
}

/// Exposures of the last days to each item by the number that they would have to a customer to whom it was new then.
fn renewed(lake: &Lake, prepared: &Prepared) -> Result<Vec<(String, usize, u64)>, MeasureError> {
    let query = format!(
        "WITH exposed AS (SELECT DISTINCT customer, content, {start} AS shown_at FROM {SHOWN}), \
         recent AS (SELECT content, row_number() OVER (PARTITION BY customer, content ORDER BY shown_at) AS number \
         FROM exposed WHERE shown_at >= (SELECT max(shown_at) FROM exposed) - INTERVAL {RECENT_DAYS} DAY) \
         SELECT content, least(number, {MOST_EXPOSURES}) AS number, count(*) FROM recent GROUP BY ALL \
         ORDER BY content, number",
        start = prepared.start("moment"),
    );
    let context = "cannot count exposures of the last days";
    Ok(lake.engine().rows(&query, context, |row| {
        let number: u64 = row.get(1)?;
        let number = usize::try_from(number).unwrap_or(MOST_EXPOSURES);
        Ok((row.get(0)?, number, row.get(2)?))
    })?)
}

impl Wear<'_> {
    /// The margin that a new item would gain over as many exposures as in the last days, less what it costs; none for a
    /// rate that the curve cannot have.
    fn gain(
        &self,
        recent: &Recent,
        (own, new): (&Posterior, &Posterior),
        money: &Money,
        cost: f64,
    ) -> Option<Valued> {
        let Recent { worn, renewed } = recent;
        let gain = match self {
            Self::Curve(curve) => curve
                .with_first_rate(own.mean(), own.sd())
                .and_then(|curve| {
                    let new = (new.mean(), new.sd());
                    curve.retire((worn, renewed), new, money.response, cost, money.alpha)
                })
                .ok()?,
            Self::Caps(caps) => {
                let exposures: f64 = worn.iter().sum();
                let (anew, error) = caps.renewal(worn, renewed);
                let level = exposures * money.response;
                let estimate = level * (new.mean() - own.mean()) + money.outcome * anew - cost;
                let se = (level * new.sd().hypot(own.sd())).hypot(money.outcome * error);
                let half = normal_quantile(1.0 - 0.5 * money.alpha) * se;
                return Some(Valued {
                    estimate,
                    low: estimate - half,
                    high: estimate + half,
                });
            }
        };
        Some(Valued {
            estimate: gain.estimate,
            low: gain.low,
            high: gain.high,
        })
    }
}

impl CapsWear {
    /// What caps say of how an item wears, or why they do not. `several` customers out of those who were shown content
    /// repeatedly were shown several items.
    pub(super) fn new(
        arms: Vec<Means>,
        steps: &[CapStep],
        (several, repeated): (u64, u64),
    ) -> Result<Self, String> {
        if several as f64 > MOST_SEVERAL_ITEMS * repeated as f64 {
            return Err(format!(
                "{several} of {repeated} customers who were shown content repeatedly were shown several items: the caps \
                 tell what more content causes, and not whether one item wears"
            ));
        }
        if steps.iter().filter(|step| step.each.is_some()).count() < 2 {
            let message = "wear shows where what exposures cause is known for two ranges of their number: it takes three \
                           arms that were clearly shown content more and more often";
            return Err(message.to_owned());
        }
        let steps = steps.iter().map(|step| Step {
            first: usize::try_from(step.first).unwrap_or(usize::MAX),
            each: step.each.map(|each| each.estimate),
        });
        Ok(Self {
            steps: steps.collect(),
            arms,
        })
    }

    /// What is gained, in outcomes, if exposures have the numbers `renewed` instead of `worn`, with its standard error.
    ///
    /// With `D` the exposures that a step has more, it is `Σ D each`: as there are as many exposures in all, what any of
    /// them causes drops out. An exposure of which nothing is known, below the lowest cap or in a step that nobody
    /// reached, counts as those of the nearest step below, or else of the lowest; where content wears out, that is too
    /// little rather than too much. The error is that of the delta method, with the arms independent of each other: an
    /// arm's mean is in the steps on both of its sides.
    fn renewal(&self, worn: &[f64], renewed: &[f64]) -> (f64, f64) {
        let known: Vec<usize> = (0..self.steps.len())
            .filter(|&step| self.steps[step].each.is_some())
            .collect();
        let Some(lowest) = known.first() else {
            return (0.0, 0.0);
        };
        let step_of = |number: usize| {
            let from_there = known
                .iter()
                .take_while(|&&step| self.steps[step].first <= number);
            *from_there.last().unwrap_or(lowest)
        };
        let mut more = vec![0.0; self.steps.len()];
        for (place, (new, old)) in renewed.iter().zip(worn).enumerate() {
            more[step_of(place + 1)] += new - old;
        }
        let mut gain = 0.0;
        // By how much the gain changes with the mean outcome and the mean exposures of each arm.
        let mut slopes = vec![(0.0, 0.0); self.arms.len()];
        for (step, more) in more.into_iter().enumerate() {
            let Some(each) = self.steps[step].each else {
                continue;
            };
            gain += more * each;
            let slope = more / (self.arms[step + 1].exposures - self.arms[step].exposures);
            for (arm, sign) in [(step + 1, 1.0), (step, -1.0)] {
                slopes[arm].0 += sign * slope;
                slopes[arm].1 -= sign * slope * each;
            }
        }
        let of_arm = |(arm, (outcome, exposures)): (&Means, (f64, f64))| {
            outcome * outcome * arm.outcome_variance
                + 2.0 * outcome * exposures * arm.covariance
                + exposures * exposures * arm.exposures_variance
        };
        let variance: f64 = self.arms.iter().zip(slopes).map(of_arm).sum();
        // Rounding may leave a little less than nothing.
        (gain, variance.max(0.0).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use stats::random::SplitMix64;

    use super::*;

    fn arm(exposures: f64, outcome: f64) -> Means {
        Means {
            customers: 400.0,
            exposures,
            outcome,
            exposures_variance: 0.004,
            outcome_variance: 0.0009,
            covariance: 0.0012,
        }
    }

    fn step(first: usize, each: Option<f64>) -> Step {
        Step { first, each }
    }

    fn each(arms: &[Means], upper: usize) -> f64 {
        (arms[upper].outcome - arms[upper - 1].outcome)
            / (arms[upper].exposures - arms[upper - 1].exposures)
    }

    /// Caps of 0, 2 and 5, and none.
    fn four() -> CapsWear {
        let arms = vec![arm(0.0, 0.1), arm(1.8, 0.5), arm(3.6, 0.7), arm(5.0, 0.65)];
        CapsWear {
            steps: (1..4)
                .map(|upper| step([1, 3, 6][upper - 1], Some(each(&arms, upper))))
                .collect(),
            arms,
        }
    }

    #[test]
    fn renewal_is_what_the_steps_cause() {
        let caps = four();
        // Two exposures with the numbers 5 and 7 would have had 1 and 3.
        let worn = [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0];
        let renewed = [1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0];
        let (gain, _) = caps.renewal(&worn, &renewed);
        let [low, middle, high] = [1, 2, 3].map(|upper| each(&caps.arms, upper));
        assert!((gain - ((low - middle) + (middle - high))).abs() < 1e-12);
        assert_eq!(caps.renewal(&worn, &worn), (0.0, 0.0));
    }

    #[test]
    fn its_error_is_that_of_arms_drawn_anew() {
        let caps = four();
        let (worn, renewed) = (
            [0.0, 0.0, 1.0, 2.0, 2.0, 3.0],
            [4.0, 2.0, 2.0, 0.0, 0.0, 0.0],
        );
        let (gain, error) = caps.renewal(&worn, &renewed);
        let mut random = SplitMix64::new(3);
        let mut normal = || (0..12).map(|_| random.uniform()).sum::<f64>() - 6.0;
        let (runs, mut squares) = (40_000, 0.0);
        for _ in 0..runs {
            let drawn = |mean: &Means| {
                // Small, so that the ratios are as good as linear.
                let (a, b) = (0.01 * normal(), 0.01 * normal());
                let with = mean.covariance / mean.exposures_variance.sqrt();
                let own = (mean.outcome_variance - with * with).sqrt();
                Means {
                    exposures: mean.exposures + mean.exposures_variance.sqrt() * a,
                    outcome: mean.outcome + with * a + own * b,
                    ..*mean
                }
            };
            let arms: Vec<Means> = caps.arms.iter().map(drawn).collect();
            let steps = (1..4).map(|upper| step([1, 3, 6][upper - 1], Some(each(&arms, upper))));
            let caps = CapsWear {
                steps: steps.collect(),
                arms,
            };
            squares += (caps.renewal(&worn, &renewed).0 - gain).powi(2);
        }
        let simulated = 100.0 * (squares / f64::from(runs)).sqrt();
        assert!(
            (error / simulated - 1.0).abs() < 0.02,
            "{error} {simulated}"
        );
    }

    #[test]
    fn two_arms_say_nothing_of_wear() {
        let known = |first, last| CapStep {
            first,
            last,
            exposures: 1.6,
            difference: None,
            each: Some(Valued {
                estimate: 0.1,
                low: 0.05,
                high: 0.15,
            }),
            worth: None,
            refusal: None,
        };
        let made = |steps: &[CapStep], several| {
            let arms = vec![arm(1.0, 0.1); steps.len() + 1];
            CapsWear::new(arms, steps, (several, 1_000)).err()
        };
        let (two, three) = ([known(2, None)], [known(2, Some(3)), known(4, None)]);
        assert!(made(&two, 0).is_some_and(|why| why.contains("three arms")));
        assert_eq!(made(&three, 50), None);
        assert!(made(&three, 51).is_some_and(|why| why.contains("several items")));
        let unknown = CapStep {
            each: None,
            ..known(4, None)
        };
        assert!(made(&[known(2, Some(3)), unknown], 0).is_some());
    }

    #[test]
    fn exposures_of_which_nothing_is_known_count_as_their_neighbours() {
        let mut caps = four();
        // No holdout, and nobody reached the cap of five.
        caps.arms.remove(0);
        caps.steps = vec![step(3, Some(0.1)), step(6, None)];
        let (worn, renewed) = (
            [0.0, 0.0, 0.0, 1.0, 0.0, 1.0],
            [1.0, 1.0, 0.0, 0.0, 0.0, 0.0],
        );
        let (gain, error) = caps.renewal(&worn, &renewed);
        assert_eq!((gain, error), (0.0, 0.0));
        caps.steps[1].each = Some(0.04);
        let (gain, _) = caps.renewal(&worn, &renewed);
        assert!((gain - 0.06).abs() < 1e-12, "{gain}");
    }
}
