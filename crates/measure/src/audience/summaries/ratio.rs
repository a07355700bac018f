//! Whether arms are as large as planned: each experiment, at all its looks, and by period.

use std::collections::BTreeMap;

use catalog::Summaries;
use stats::TailProbability;
use stats::multiplicity::{Adjustment, adjusted};
use stats::sample_ratio::{SequentialSampleRatio, concentration};
use stats::{sample_ratio, tail};

use super::finding::{ArmSize, PeriodRatio, RatioCounts, RatioFinding, SampleRatios, Stretch};
use super::reasons::{Refused, Why};
use super::series::Gathered;
use crate::audience::SAMPLE_RATIO_ALARM;
use crate::audience::checks::TYPICAL_CUSTOMERS;

/// The sizes of an experiment's arms, and their test.
pub(super) struct Sizes {
    pub(super) arms: Vec<ArmSize>,
    pub(super) test: Result<RatioFinding, Refused>,
}

impl Sizes {
    pub(super) fn failed(&self) -> bool {
        self.test
            .as_ref()
            .is_ok_and(|test| test.p_value < SAMPLE_RATIO_ALARM)
    }
}

/// Tests the sizes of the arms at the last time at which all of them have rows, and at all such times.
pub(super) fn sizes(experiment: &Gathered, summaries: &Summaries) -> Sizes {
    let most = experiment.sizes.iter().map(|at| at.arms.len()).max();
    let full: Vec<_> = experiment
        .sizes
        .iter()
        .filter(|at| Some(at.arms.len()) == most)
        .collect();
    let Some(last) = full.last() else {
        return Sizes {
            arms: Vec::new(),
            test: Err(Refused::new(Why::Missing, "no arm has a size")),
        };
    };
    let equal = 1.0 / last.arms.len() as f64;
    let declared = |arm: &String| match summaries.shares.get(arm) {
        Some(share) => Some(*share),
        None => summaries.shares.is_empty().then_some(equal),
    };
    let shares: Option<Vec<f64>> = last.arms.keys().map(declared).collect();
    let all: f64 = shares.iter().flatten().sum();
    let arms = last
        .arms
        .iter()
        .map(|(name, customers)| ArmSize {
            name: name.clone(),
            customers: *customers,
            expected_share: declared(name).map(|share| share / all),
        })
        .collect();
    let test = match (&experiment.sizes_refused, &shares) {
        (Some(refused), _) => Err(refused.clone()),
        (None, None) => Err(Refused::new(
            Why::NoReference,
            "the catalog declares no share for one of the arms",
        )),
        (None, Some(shares)) => {
            let looks: Vec<(&str, Vec<u64>)> = full
                .iter()
                .map(|at| (at.time.as_str(), at.arms.values().copied().collect()))
                .collect();
            let looks_at_metrics = experiment.series.iter().flat_map(|series| &series.looks);
            let planned = looks_at_metrics.filter_map(|look| look.planned).next();
            test(&looks, shares, planned.unwrap_or(TYPICAL_CUSTOMERS))
        }
    };
    Sizes { arms, test }
}

fn test(looks: &[(&str, Vec<u64>)], shares: &[f64], planned: f64) -> Result<RatioFinding, Refused> {
    let unfit = |error: stats::SampleRatioError| Refused::new(Why::TooLittle, error.to_string());
    let Some((_, last)) = looks.last() else {
        return Err(Refused::new(Why::Missing, "no arm has a size"));
    };
    let at_end = sample_ratio(last, shares).map_err(unfit)?.probability;
    let mut finding = RatioFinding {
        p_value: at_end.p,
        ln_p: at_end.ln_p,
        anytime_p: None,
        first_alarm: None,
    };
    if looks.len() > 1 {
        let tuning = concentration(planned, shares.len(), SAMPLE_RATIO_ALARM).map_err(unfit)?;
        let mut watched = SequentialSampleRatio::new(shares, tuning).map_err(unfit)?;
        let mut before = vec![0; shares.len()];
        for (time, now) in looks {
            let more: Option<Vec<u64>> = now
                .iter()
                .zip(&before)
                .map(|(now, before)| now.checked_sub(*before))
                .collect();
            // Shrinking counts are no stream of customers: the last look alone is tested.
            let Some(more) = more else {
                return Ok(RatioFinding {
                    first_alarm: None,
                    ..finding
                });
            };
            watched.add(&more).map_err(unfit)?;
            if finding.first_alarm.is_none() && watched.probability().p < SAMPLE_RATIO_ALARM {
                finding.first_alarm = Some((*time).to_owned());
            }
            before.clone_from(now);
        }
        finding.anytime_p = Some(watched.probability().p);
    }
    Ok(finding)
}

/// Counts the failures, and finds the periods that have too many of them.
///
/// If all is well, each tested experiment fails with the probability of the alarm, so that the failures of a period
/// are binomial. A period is faulty where so many or more have a probability below the alarm, after Holm's adjustment
/// for the number of periods.
pub(super) fn programme(experiments: &[(Gathered, Sizes)]) -> SampleRatios {
    let count = |of: &[&(Gathered, Sizes)]| RatioCounts {
        tested: of.iter().filter(|(_, sizes)| sizes.test.is_ok()).count() as u64,
        failed: of.iter().filter(|(_, sizes)| sizes.failed()).count() as u64,
    };
    let everything: Vec<_> = experiments.iter().collect();
    let all = count(&everything);
    let at_some_look: Vec<bool> = experiments
        .iter()
        .filter_map(|(_, sizes)| sizes.test.as_ref().ok())
        .filter(|test| test.anytime_p.is_some())
        .map(|test| test.first_alarm.is_some())
        .collect();
    let mut by_period: BTreeMap<&(i64, String), Vec<&(Gathered, Sizes)>> = BTreeMap::new();
    for experiment in experiments {
        if let Some(period) = &experiment.0.period {
            by_period.entry(period).or_default().push(experiment);
        }
    }
    let counts: Vec<RatioCounts> = by_period.values().map(|of| count(of)).collect();
    let chances: Vec<TailProbability> = counts
        .iter()
        .map(|counts| tail::binomial_upper(counts.failed, counts.tested, SAMPLE_RATIO_ALARM))
        .collect();
    let adjusted = adjusted(&chances, Adjustment::Holm).unwrap_or_else(|_| chances.clone());
    let periods: Vec<PeriodRatio> = by_period
        .iter()
        .enumerate()
        .map(|(place, (period, of))| PeriodRatio {
            period: period.1.clone(),
            experiments: of.len() as u64,
            counts: counts[place],
            p_value: chances[place].p,
            ln_p: chances[place].ln_p,
            faulty: adjusted[place].p < SAMPLE_RATIO_ALARM,
        })
        .collect();
    let elsewhere: Vec<RatioCounts> = periods
        .iter()
        .filter(|period| !period.faulty)
        .map(|period| period.counts)
        .collect();
    SampleRatios {
        alarm: SAMPLE_RATIO_ALARM,
        all,
        failed_at_some_look: (!at_some_look.is_empty())
            .then(|| at_some_look.iter().filter(|alarm| **alarm).count() as u64),
        untested: experiments.len() as u64 - all.tested,
        stretches: stretches(&periods),
        elsewhere: (!periods.is_empty()).then(|| sum(&elsewhere)),
        periods,
    }
}

/// Faulty periods that follow one another.
fn stretches(periods: &[PeriodRatio]) -> Vec<Stretch> {
    let stretch = |run: &[PeriodRatio]| {
        let (first, last) = (run.first()?, run.last()?);
        let counts: Vec<RatioCounts> = run.iter().map(|period| period.counts).collect();
        Some(Stretch {
            first: first.period.clone(),
            last: last.period.clone(),
            periods: run.len() as u64,
            experiments: run.iter().map(|period| period.experiments).sum(),
            counts: sum(&counts),
        })
    };
    periods
        .chunk_by(|a, b| a.faulty == b.faulty)
        .filter(|run| run.iter().any(|period| period.faulty))
        .filter_map(stretch)
        .collect()
}

fn sum(counts: &[RatioCounts]) -> RatioCounts {
    RatioCounts {
        tested: counts.iter().map(|counts| counts.tested).sum(),
        failed: counts.iter().map(|counts| counts.failed).sum(),
    }
}
