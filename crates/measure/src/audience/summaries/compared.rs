//! One comparison: the test at its last look, and what watching says.

use std::collections::BTreeMap;

use stats::omnibus::Effect;
use stats::{Lift, lift_of_means, lift_of_shares, tail};

use super::cell::Cell;
use super::finding::{OmnibusFinding, SummaryComparison};
use super::reasons::{Refused, Why};
use super::series::{Series, of_time};
use super::watch::{Watched, watch};
use crate::audience::compare::{outcome, refused};
use crate::audience::{Outcome, Pair};

/// A comparison, and what the programme needs of it.
pub(super) struct Compared {
    pub(super) finding: SummaryComparison,
    /// The logarithm of the ratio of means, where there is one.
    pub(super) ln_ratio: Option<Effect>,
    /// The logarithm of the e-value of watching.
    pub(super) ln_e: Option<f64>,
    pub(super) why: Option<Why>,
    pub(super) looks: u64,
    /// Looks at which nothing can be said, by what is in the way.
    pub(super) looks_left_out: BTreeMap<&'static str, u64>,
}

/// Compares an arm at its last look, unless its experiment is refused.
pub(super) fn compare(series: &Series, experiment: Option<&Refused>, alpha: f64) -> Compared {
    let last = series.looks.last();
    let pair = last.and_then(|look| look.pair.as_ref().ok());
    let result = match experiment {
        Some(refused) => Err(refused.clone()),
        None => possible(series).and_then(|pair| effect(pair, alpha)),
    };
    let mut compared = Compared {
        ln_ratio: result
            .as_ref()
            .ok()
            .and_then(|(lift, _)| ln_ratio(lift, alpha)),
        ln_e: None,
        why: result.as_ref().err().map(|refused| refused.why),
        looks: series.looks.len() as u64,
        looks_left_out: BTreeMap::new(),
        finding: SummaryComparison {
            metric: series.metric.clone(),
            arm: series.arm.clone(),
            against: series.against.clone(),
            n: pair.map(|pair| Pair {
                arm: pair.arm.sample.n,
                against: pair.against.sample.n,
            }),
            mean: pair.map(|pair| Pair {
                arm: pair.arm.sample.mean,
                against: pair.against.sample.mean,
            }),
            outcome: match &result {
                Ok((_, outcome)) => outcome.clone(),
                Err(reason) => refused(reason.refusal()),
            },
            holm_p: None,
            benjamini_hochberg_p: None,
            found: false,
            shrunk: None,
            watch: None,
        },
    };
    if result.is_ok() {
        compared.watch(series, alpha);
    }
    compared
}

impl Compared {
    fn watch(&mut self, series: &Series, alpha: f64) {
        for look in &series.looks {
            if let Err(refused) = &look.pair {
                let what = match refused.why {
                    Why::Missing => "a number is missing",
                    Why::NoVariation => "nothing varies in an arm",
                    _ => "too few customers",
                };
                *self.looks_left_out.entry(what).or_default() += 1;
            }
        }
        // A comparison that cannot be watched keeps its one look.
        if let Ok(Some(Watched {
            finding,
            ln_e,
            idle,
        })) = watch(series, alpha)
        {
            self.finding.watch = Some(finding);
            self.ln_e = Some(ln_e);
            if idle > 0 {
                self.looks_left_out
                    .insert("hardly more information than the look after it", idle);
            }
        }
    }
}

/// The last look of looks that can be those of one experiment.
fn possible(series: &Series) -> Result<&Pair<Cell>, Refused> {
    let at = |time: &str, refused: &Refused| {
        Refused::new(refused.why, format!("{}{}", refused.message, of_time(time)))
    };
    let Some(last) = series.looks.last() else {
        return Err(Refused::new(
            Why::Missing,
            "the arm and what it is compared with have no time in common",
        ));
    };
    for look in &series.looks {
        if let Err(refused) = &look.pair
            && matches!(refused.why, Why::Repeated | Why::Impossible)
        {
            return Err(at(&look.time, refused));
        }
    }
    let known = || {
        series
            .looks
            .iter()
            .filter_map(|look| Some((look, look.pair.as_ref().ok()?)))
    };
    for ((_, before), (look, now)) in known().zip(known().skip(1)) {
        for (side, before, now) in [
            ("arm", &before.arm, &now.arm),
            ("compared with", &before.against, &now.against),
        ] {
            let shrinks = |what: &str, before: u64, now: u64| {
                Refused::new(
                    Why::Shrinking,
                    format!(
                        "{side}: {what} shrink from {before} to {now}{}",
                        of_time(&look.time)
                    ),
                )
            };
            if now.sample.n < before.sample.n {
                return Err(shrinks("customers", before.sample.n, now.sample.n));
            }
            if let (Some(before), Some(now)) = (before.successes, now.successes)
                && now < before
            {
                return Err(shrinks("successes", before, now));
            }
        }
    }
    last.pair
        .as_ref()
        .map_err(|refused| at(&last.time, refused))
}

fn effect(pair: &Pair<Cell>, alpha: f64) -> Result<(Lift, Outcome), Refused> {
    let lift = match (pair.arm.counts(), pair.against.counts()) {
        (Some(arm), Some(against)) => lift_of_shares(arm, against, alpha),
        _ => lift_of_means(&pair.arm.sample, &pair.against.sample, alpha),
    };
    let lift = lift.map_err(|reason| Refused::new(Why::TooLittle, reason.to_string()))?;
    let against = &pair.against.sample;
    let against_se = (against.variance / against.n as f64).sqrt();
    let outcome = outcome(&lift, Some(against_se));
    Ok((lift, outcome))
}

/// The relative effect as the logarithm of the ratio of means, on which what is gained and what is lost are alike.
///
/// Its standard error is the one that the relative interval stands for, half its width over the critical value, carried
/// to the logarithm by the ratio.
fn ln_ratio(lift: &Lift, alpha: f64) -> Option<Effect> {
    let relative = lift.relative.as_ref().ok()?;
    let critical = tail::student_t_critical(alpha, lift.absolute.df);
    let ratio = 1.0 + relative.estimate;
    let se = (relative.high - relative.low) / (2.0 * critical) / ratio;
    (ratio > 0.0 && se.is_finite() && se > 0.0).then_some(Effect {
        estimate: ratio.ln(),
        se,
        df: f64::INFINITY,
    })
}

/// Whether any arm differs from another, by Welch's analysis of variance.
pub(super) fn omnibus(metric: &str, arms: &[Result<Cell, Refused>]) -> OmnibusFinding {
    let test = || {
        let cells: Vec<Cell> = arms.iter().cloned().collect::<Result<_, _>>()?;
        let samples: Vec<_> = cells.iter().map(|cell| cell.sample).collect();
        stats::heterogeneity::welch_anova(&samples)
            .map_err(|error| Refused::new(Why::TooLittle, error.to_string()))
    };
    let result: Result<_, Refused> = test();
    OmnibusFinding {
        metric: metric.to_owned(),
        p_value: result.as_ref().ok().map(|test| test.probability.p),
        ln_p: result.as_ref().ok().map(|test| test.probability.ln_p),
        refusal: result.err().map(|refused| refused.refusal()),
    }
}
