//! Whether an effect fades: with the months that customers have been treated for, and from cohort to cohort; and what the
//! value of a treatment that stays on hangs on it.
//!
//! Effects are relative, the logarithm of the ratio of the arms' means: a treatment that multiplies what customers bring
//! has the same effect in every month, however fast they leave. One that keeps customers longer makes the ratio grow.

use clv::ParetoNbd;
use clv::incremental::{Fading, Settings, SpendArms, TimingArms, stays_on_fading};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::moments::Moments;
use stats::wear::{DailyMeans, Pace, WearAnalysis, wear};
use stats::{Arm, Unestimable};

use super::months::Months;
use super::reading::Reading;
use crate::audience::by_day;
use crate::audience::finding::Pair;
use crate::audience::lifetime::cohorts::{DAYS_PER_MONTH, month_name};
use crate::audience::{Estimate, Says};
use crate::{Reason, Refusal};

/// Customers that a cohort needs in each arm.
const FEWEST: u64 = 50;

/// How an effect changes with the months.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FadingFinding {
    /// Customers who have been seen for all the months.
    pub customers: Pair<u64>,
    /// By month since the process began.
    pub months: Vec<MonthEffect>,
    /// The line through the months, by generalized least squares.
    pub change: Option<FadingChange>,
    /// Months that cohorts are compared in, from the beginning of their process.
    pub cohort_months: u32,
    /// By the month in which the process began.
    pub cohorts: Vec<CohortEffect>,
    /// Cohorts with too few customers who have been seen so long.
    pub cohorts_left_out: u64,
    /// The line through the cohorts.
    pub by_cohort: Option<FadingChange>,
    /// The value if the treatment stays on, by Pareto/NBD, for several paces of fading after the window.
    pub paces: Vec<FadingPace>,
    /// What cannot be said, and why.
    pub refusals: Vec<Refusal>,
}

/// How much more the arm brought; 0.1 is ten per cent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RelativeEffect {
    pub estimate: f64,
    pub low: f64,
    pub high: f64,
}

/// The effect in one month of the process.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MonthEffect {
    /// 1 is the first month (a twelfth of 365.25 days).
    pub month: u32,
    /// What a customer brought in it.
    pub mean: Pair<f64>,
    pub effect: RelativeEffect,
}

/// The effect on the customers whose process began in one month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CohortEffect {
    /// Such as `2024-03`.
    pub cohort: String,
    pub customers: Pair<u64>,
    /// What a customer brought in the months that cohorts are compared in.
    pub mean: Pair<f64>,
    pub effect: RelativeEffect,
}

/// A line through effects.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FadingChange {
    pub says: Says,
    /// Mean of the logarithms of the ratios of the arms' means: the effect in the middle of the line.
    pub mean: Estimate,
    /// Change of the logarithm of the ratio of the arms' means with each month, or with each month of beginning.
    pub a_month: Estimate,
    /// Two-sided probability of such a change where there is none.
    pub p_value: f64,
    /// The probability of the effects where all are equal, off the line too.
    pub constant_p_value: f64,
}

/// What is supposed of the effects after the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Supposed {
    /// They stay what they were.
    Last,
    /// They halve as fast as the line through the months says.
    FadeAsEstimated,
    /// They halve as fast as the end of the line's interval says.
    FadeAsFastAsDataAllow,
    /// They end with the window, for every customer.
    End,
}

/// The value of a treatment that stays on whose effects fade.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FadingPace {
    pub supposed: Supposed,
    /// Months in which effects halve; none where they last or end.
    pub half_life: Option<f64>,
    /// Over the horizon, per treated customer; the interval takes the pace as given.
    pub total: Estimate,
}

/// How the effects of an arm change.
pub(super) fn fading(months: &Months, margin: f64, alpha: f64) -> FadingFinding {
    let mut finding = FadingFinding {
        customers: Pair { arm: 0, against: 0 },
        months: Vec::new(),
        change: None,
        cohort_months: months.cohort_months as u32,
        cohorts: Vec::new(),
        cohorts_left_out: 0,
        by_cohort: None,
        paces: Vec::new(),
        refusals: Vec::new(),
    };
    match by_month(months, alpha) {
        _ if months.count < 2 => finding.refuse(
            "no effects by month: half of an arm's customers have been seen for less than two full months".to_owned(),
        ),
        Ok((all, analysis)) => {
            finding.customers = Pair {
                arm: all.arm.rows(),
                against: all.against.rows(),
            };
            let effects = effects(&analysis, alpha);
            finding.months = effects
                .enumerate()
                .map(|(month, effect)| MonthEffect {
                    month: month as u32 + 1,
                    mean: Pair {
                        arm: margin * all.arm.mean(month),
                        against: margin * all.against.mean(month),
                    },
                    effect,
                })
                .collect();
            finding.change = Some(change(&analysis, alpha));
        }
        Err(error) => finding.refuse(format!("no effects by month: {error}")),
    }
    let enough = |(_, pair): &&(i64, Pair<Moments>)| {
        pair.arm.rows() >= FEWEST && pair.against.rows() >= FEWEST
    };
    let cohorts: Vec<&(i64, Pair<Moments>)> = months.cohorts.iter().filter(enough).collect();
    let seen = |(_, pair): &&(i64, Pair<Moments>)| pair.arm.rows() + pair.against.rows() > 0;
    let all = months.cohorts.iter().filter(seen).count();
    match by_cohort(&cohorts, alpha) {
        _ if cohorts.len() < 2 || months.count == 0 => finding.refuse(format!(
            "no effects by cohort: fewer than two months of beginning have {FEWEST} customers in each arm who were seen \
             for {} months",
            months.cohort_months
        )),
        Ok(analysis) => {
            let effects = effects(&analysis, alpha);
            finding.cohorts = effects
                .zip(&cohorts)
                .map(|(effect, (month, pair))| CohortEffect {
                    cohort: month_name(*month),
                    customers: Pair {
                        arm: pair.arm.rows(),
                        against: pair.against.rows(),
                    },
                    mean: Pair {
                        arm: margin * pair.arm.mean(0),
                        against: margin * pair.against.mean(0),
                    },
                    effect,
                })
                .collect();
            finding.by_cohort = Some(change(&analysis, alpha));
        }
        Err(error) => finding.refuse(format!("no effects by cohort: {error}")),
    }
    finding.cohorts_left_out = (all - cohorts.len()) as u64;
    finding
}

/// The line through the months, whose effects are not independent: the same customers are in all of them.
fn by_month(months: &Months, alpha: f64) -> Result<(Pair<Moments>, WearAnalysis), Unestimable> {
    let all = months
        .all()
        .map_err(|_| Unestimable::MismatchedCovariates)?;
    let columns: Vec<usize> = (0..months.count).collect();
    let of =
        |arm: Arm, moments: &Moments| DailyMeans::of_moments(arm, moments, &columns)?.logarithms();
    let numbers: Vec<u32> = (1..=months.count as u32).collect();
    let analysis = wear(
        &numbers,
        &of(Arm::Treated, &all.arm)?,
        &of(Arm::Control, &all.against)?,
        Pace::Linear,
        alpha,
    )?;
    Ok((all, analysis))
}

/// The line through cohorts, which have no customers in common.
fn by_cohort(cohorts: &[&(i64, Pair<Moments>)], alpha: f64) -> Result<WearAnalysis, Unestimable> {
    let k = cohorts.len();
    let of = |arm: Arm, side: fn(&Pair<Moments>) -> &Moments| {
        let each = || cohorts.iter().map(move |(_, pair)| side(pair));
        let means: Vec<f64> = each().map(|moments| moments.mean(0)).collect();
        let diagonal = |of: &dyn Fn(&Moments) -> f64| -> Vec<f64> {
            let values: Vec<f64> = each().map(of).collect();
            (0..k * k)
                .map(|at| {
                    if at / k == at % k {
                        values[at / k]
                    } else {
                        0.0
                    }
                })
                .collect()
        };
        let counts = diagonal(&|moments| moments.rows() as f64);
        let counts: Vec<u64> = counts.iter().map(|&count| count as u64).collect();
        let variances = diagonal(&|moments| moments.covariance(0, 0).unwrap_or(f64::NAN));
        DailyMeans::of_pairs(arm, &means, &counts, &variances)?.logarithms()
    };
    let first = cohorts.first().map_or(0, |(month, _)| *month);
    let numbers: Vec<u32> = cohorts
        .iter()
        .map(|(month, _)| (month - first + 1) as u32)
        .collect();
    wear(
        &numbers,
        &of(Arm::Treated, |pair| &pair.arm)?,
        &of(Arm::Control, |pair| &pair.against)?,
        Pace::Linear,
        alpha,
    )
}

fn effects(analysis: &WearAnalysis, alpha: f64) -> impl Iterator<Item = RelativeEffect> {
    let reach = stats::tail::normal_quantile(1.0 - 0.5 * alpha);
    analysis.days.iter().map(move |contrast| {
        let estimate = contrast.treated - contrast.control;
        let se = (contrast.treated_variance + contrast.control_variance).sqrt();
        RelativeEffect {
            estimate: estimate.exp_m1(),
            low: (estimate - reach * se).exp_m1(),
            high: (estimate + reach * se).exp_m1(),
        }
    })
}

fn change(analysis: &WearAnalysis, alpha: f64) -> FadingChange {
    let k = analysis.days.len() as f64;
    let effects = analysis.days.iter();
    let mean = effects.map(|day| day.treated - day.control).sum::<f64>() / k;
    let se = analysis.covariances.iter().sum::<f64>().max(0.0).sqrt() / k;
    FadingChange {
        says: analysis.wear.into(),
        mean: Reading { alpha, df: None }.estimate(mean, se),
        a_month: by_day::estimate(&analysis.slope, 1.0),
        p_value: analysis.probability.p,
        constant_p_value: analysis.constant.probability.p,
    }
}

impl FadingFinding {
    fn refuse(&mut self, message: String) {
        self.refusals
            .push(Refusal::new(Reason::TooLittleData, message));
    }

    /// Adds what the value is for several paces. The line through the months says the pace: what it loses a month over the
    /// mean effect of the months, at their middle.
    pub(super) fn add_paces(
        &mut self,
        timing: &TimingArms<ParetoNbd>,
        spend: &SpendArms,
        measured_days: f64,
        settings: &Settings,
        reading: Reading,
    ) {
        let rates = self.change.as_ref().and_then(FadingChange::rates);
        if rates.is_none() && self.change.is_some() {
            self.refuse(
                "no half-life: the mean effect of the months is not clearly away from zero"
                    .to_owned(),
            );
        }
        let fades = |supposed, rate: fn((f64, f64)) -> f64| {
            let rate = rates.map(rate).filter(|&rate| rate > 0.0)?;
            Some((supposed, std::f64::consts::LN_2 / rate))
        };
        let paces = [
            Some((Supposed::Last, f64::INFINITY)),
            fades(Supposed::FadeAsEstimated, |(estimated, _)| estimated),
            fades(Supposed::FadeAsFastAsDataAllow, |(_, fastest)| fastest),
            Some((Supposed::End, 0.0)),
        ];
        for (supposed, half_life) in paces.into_iter().flatten() {
            let pace = Fading {
                measured_days,
                half_life_days: half_life * DAYS_PER_MONTH,
            };
            match stays_on_fading(timing, spend, pace, settings) {
                Ok(total) => self.paces.push(FadingPace {
                    supposed,
                    half_life: (half_life.is_finite() && half_life > 0.0).then_some(half_life),
                    total: reading.of(&total),
                }),
                Err(error) => {
                    let refusal = Refusal::new(Reason::UnfitData, error.to_string());
                    self.refusals.push(refusal);
                    break;
                }
            }
        }
    }
}

impl FadingChange {
    /// The share of the mean effect that is lost a month, as estimated and at the end of the interval; none where the
    /// mean effect has no clear sign.
    fn rates(&self) -> Option<(f64, f64)> {
        let Self { mean, a_month, .. } = self;
        let towards_zero = if mean.low > 0.0 {
            a_month.low
        } else if mean.high < 0.0 {
            a_month.high
        } else {
            return None;
        };
        let lost = |change: f64| -change / mean.estimate;
        Some((lost(a_month.estimate), lost(towards_zero)))
    }
}
