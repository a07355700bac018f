//! Ship or not: one decision for an arm from all its metrics, by the rule of [`stats::decision`].
//!
//! Two-sided tests at the experiment's alpha are one-sided ones at half of it, which is the risk of a false ship. The
//! evidence that something improved is the success metric with the smallest adjusted probability, so that a decision
//! and the verdicts beside it say the same: it is adjusted for success metrics and arms already.

mod guardrail;

use catalog::{Experiment, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::decision::{
    Decision as Ruled, Evidence, MetricTests, MissingTest, QualityCheck, Reason as Ruling, Risks,
    Role as MetricRole, decide,
};
use stats::{TailProbability, tail};

use super::finding::{Check, CheckKind, Comparison, Severity, Verdict};
use super::lift::SAMPLE_RATIO_ALARM;
use super::together::{Rule, good_sign, one_sided, probability};

pub use guardrail::GuardrailFinding;
pub(crate) use guardrail::guard;

/// The probability of a missed ship that planning takes for granted where no plan names another.
const MISSED_SHIP: f64 = 0.2;

/// Ship or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ArmDecision {
    pub arm: String,
    pub decision: Decision,
    /// The conditions that are not met; of a decision to ship, what speaks for it.
    pub reasons: Vec<DecisionReason>,
    pub what_would_change_it: Vec<String>,
    /// The probability of shipping, at most, where nothing is better or a guardrail is broken.
    pub false_ship_rate: f64,
    /// The power for which each test has to be planned, so that a good arm is shipped with the planned power.
    pub planned_power: Option<f64>,
}

/// Whether to ship an arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Something improved, all guardrails are safe, nothing got worse, the experiment is sound.
    Ship,
    /// A condition has failed for good.
    DoNotShip,
    /// A condition is not met yet.
    Undecided,
}

/// A reason of a decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DecisionReason {
    pub reason: DecisionReasonKind,
    /// The metric, of a reason that is about one.
    pub metric: Option<String>,
    pub message: String,
}

/// The kinds of reasons of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecisionReasonKind {
    /// A success metric is better.
    Success,
    /// A guardrail is shown to be safe.
    Safe,
    /// A check of the experiment failed.
    CheckFailed,
    /// A metric is worse.
    Worse,
    /// No success metric is shown to be better.
    NoSuccess,
    /// A guardrail is not shown to be safe.
    NotShownSafe,
    /// A test could not be made.
    NotTested,
    /// The planned end is not reached.
    TooEarly,
}

/// The decisions on all arms that could be shipped.
pub(crate) fn decisions(
    experiment: &Experiment,
    rule: &Rule<'_>,
    comparisons: &[Comparison],
    checks: &[Check],
) -> Vec<ArmDecision> {
    let reference = experiment.reference().map(|arm| &arm.name);
    let arms = experiment.arms.iter().filter(|arm| {
        Some(&arm.name) != reference && !matches!(arm.role, Role::Shuffled | Role::Holdout)
    });
    arms.map(|arm| {
        let of_arm: Vec<&Comparison> = comparisons
            .iter()
            .filter(|comparison| comparison.arm == arm.name)
            .collect();
        Case {
            experiment,
            rule,
            arm: &arm.name,
            metrics: of_arm,
            checks,
        }
        .decide()
    })
    .collect()
}

/// What there is on one arm.
struct Case<'c> {
    experiment: &'c Experiment,
    rule: &'c Rule<'c>,
    arm: &'c str,
    metrics: Vec<&'c Comparison>,
    checks: &'c [Check],
}

impl Case<'_> {
    fn decide(&self) -> ArmDecision {
        let false_ship_rate = 0.5 * self.rule.alpha;
        let decision = |decision, reasons, what_would_change_it, planned_power| ArmDecision {
            arm: self.arm.to_owned(),
            decision,
            reasons,
            what_would_change_it,
            false_ship_rate,
            planned_power,
        };
        let stopped: Vec<&Check> = self
            .checks
            .iter()
            .filter(|check| check.severity == Severity::Stop)
            .collect();
        if !self.rule.may_decide && stopped.is_empty() {
            let message = "the plan lets nothing be decided at this look".to_owned();
            let change = vec!["the planned customers or days, or the plan's next look".to_owned()];
            let early = reason(DecisionReasonKind::TooEarly, None, message);
            return decision(Decision::Undecided, vec![early], change, None);
        }
        let best = self.best_success();
        let tests: Vec<MetricTests> = (0..self.metrics.len())
            .map(|place| self.tests(place, best))
            .collect();
        let checks: Vec<&Check> = self
            .checks
            .iter()
            .filter(|check| {
                check.severity == Severity::Stop || check.check == CheckKind::SampleRatio
            })
            .collect();
        let quality: Vec<QualityCheck> = checks
            .iter()
            .map(|check| QualityCheck {
                passed: Some(check.severity != Severity::Stop),
                level: if check.check == CheckKind::SampleRatio {
                    SAMPLE_RATIO_ALARM
                } else {
                    0.0
                },
            })
            .collect();
        let power = self.experiment.plan.as_ref().map(|plan| plan.power);
        let risks = Risks {
            alpha: false_ship_rate,
            beta: power.map_or(MISSED_SHIP, |power| 1.0 - power),
            deterioration: false_ship_rate,
        };
        let evidence = Evidence {
            metrics: &tests,
            checks: &quality,
            finished: self.rule.ended,
        };
        let ruling = match decide(&risks, &evidence) {
            Ok(ruling) => ruling,
            Err(error) => {
                let not = reason(DecisionReasonKind::NotTested, None, error.to_string());
                return decision(Decision::Undecided, vec![not], Vec::new(), None);
            }
        };
        let planned_power = Some(ruling.levels.planned_power);
        let (kind, rulings) = match ruling.decision {
            Ruled::Ship => {
                return decision(Decision::Ship, self.for_it(), self.caveats(), planned_power);
            }
            Ruled::DoNotShip(rulings) => (Decision::DoNotShip, rulings),
            Ruled::Undecided(rulings) => (Decision::Undecided, rulings),
        };
        let reasons = rulings.iter().map(|ruling| self.reason(ruling, &checks));
        let mut changes: Vec<String> = Vec::new();
        for change in rulings.iter().filter_map(|ruling| self.change(ruling)) {
            // The same data may be wanted for several tests.
            if !changes.contains(&change) {
                changes.push(change);
            }
        }
        decision(kind, reasons.collect(), changes, planned_power)
    }

    /// The success metric with the strongest evidence, where any has some.
    fn best_success(&self) -> Option<usize> {
        let success = |place: &usize| self.experiment.is_success(&self.metrics[*place].metric);
        let places: Vec<usize> = (0..self.metrics.len()).filter(success).collect();
        let evidence = |place: &usize| {
            self.superiority(*place)
                .map_or(f64::INFINITY, |probability| probability.ln_p)
        };
        places
            .into_iter()
            .min_by(|a, b| evidence(a).total_cmp(&evidence(b)))
    }

    /// One-sided evidence that a success metric is better, adjusted for what was asked.
    fn superiority(&self, place: usize) -> Option<TailProbability> {
        let comparison = self.metrics[place];
        let adjusted = comparison
            .among
            .adjusted_p
            .zip(comparison.among.adjusted_ln_p);
        let two_sided = adjusted
            .map(|(p, ln_p)| TailProbability { p, ln_p })
            .or_else(|| probability(comparison))?;
        let effect = comparison.decisive()?.absolute?.estimate;
        Some(one_sided(two_sided, effect, good_sign(comparison.better)))
    }

    fn tests(&self, place: usize, best: Option<usize>) -> MetricTests {
        let comparison = self.metrics[place];
        let two_sided = probability(comparison);
        let effect = comparison
            .decisive()
            .and_then(|outcome| outcome.absolute)
            .map(|effect| effect.estimate);
        let inferiority = two_sided
            .zip(effect)
            .map(|(p, effect)| one_sided(p, effect, -good_sign(comparison.better)));
        let role = match &comparison.among.guardrail {
            Some(guardrail) => MetricRole::Guardrail {
                non_inferiority: guardrail
                    .p_value
                    .zip(guardrail.ln_p)
                    .map(|(p, ln_p)| TailProbability { p, ln_p }),
            },
            None if best == Some(place) => MetricRole::Success {
                superiority: self.superiority(place),
            },
            None => MetricRole::Watched,
        };
        MetricTests { role, inferiority }
    }

    /// What speaks for shipping.
    fn for_it(&self) -> Vec<DecisionReason> {
        let mut reasons = Vec::new();
        for comparison in &self.metrics {
            let name = &comparison.metric;
            if let Some(guardrail) = comparison.among.guardrail.as_ref().filter(|one| one.passed) {
                let message = format!(
                    "`{name}` is not worse by {}: at most {}",
                    size(guardrail, guardrail.margin),
                    size(guardrail, guardrail.bound.unwrap_or(f64::NAN)),
                );
                reasons.push(reason(DecisionReasonKind::Safe, Some(name), message));
            } else if self.experiment.is_success(name)
                && comparison.verdict == Some(Verdict::Better)
            {
                let message = format!("`{name}` is better");
                reasons.push(reason(DecisionReasonKind::Success, Some(name), message));
            }
        }
        reasons
    }

    /// What speaks against shipping all the same: watched metrics whose verdict is that they are worse.
    fn caveats(&self) -> Vec<String> {
        let worse = self.metrics.iter().filter(|comparison| {
            comparison.verdict == Some(Verdict::Worse) && comparison.among.guardrail.is_none()
        });
        worse
            .map(|comparison| {
                format!(
                    "`{}` is worse, by a test that does not count all metrics: where it must not be, make it a guardrail \
                     of the next experiment",
                    comparison.metric
                )
            })
            .collect()
    }

    fn reason(&self, ruling: &Ruling, checks: &[&Check]) -> DecisionReason {
        let name = |metric: usize| self.metrics[metric].metric.as_str();
        let (kind, metric, message) = match *ruling {
            Ruling::CheckFailed { check } | Ruling::NotChecked { check } => {
                let message = checks[check].message.clone();
                return reason(DecisionReasonKind::CheckFailed, None, message);
            }
            Ruling::Worse {
                metric,
                probability,
                level,
            } => (
                DecisionReasonKind::Worse,
                metric,
                format!(
                    "`{}` is worse: one-sided p {} is below {}",
                    name(metric),
                    digits(probability.p),
                    digits(level)
                ),
            ),
            Ruling::NoSuccess {
                metric,
                probability,
                level,
            } => (
                DecisionReasonKind::NoSuccess,
                metric,
                format!(
                    "no success metric is shown to be better: `{}` comes closest, and its one-sided p {} is not below {}",
                    name(metric),
                    digits(probability.p),
                    digits(level)
                ),
            ),
            Ruling::NotShownSafe {
                metric,
                probability,
                level,
            } => (
                DecisionReasonKind::NotShownSafe,
                metric,
                format!(
                    "`{}` is not shown to be safe: one-sided p {} of its margin is not below {}",
                    name(metric),
                    digits(probability.p),
                    digits(level)
                ),
            ),
            Ruling::NotTested { metric, test } => {
                let what = match test {
                    MissingTest::Superiority => "is better",
                    MissingTest::NonInferiority => "is not worse by its margin",
                    MissingTest::Inferiority => "is worse",
                };
                let message = format!("whether `{}` {what} could not be tested", name(metric));
                (DecisionReasonKind::NotTested, metric, message)
            }
        };
        reason(kind, Some(name(metric)), message)
    }

    /// What would turn a condition that is not met into one that is.
    fn change(&self, ruling: &Ruling) -> Option<String> {
        let name = |metric: usize| &self.metrics[metric].metric;
        Some(match *ruling {
            Ruling::CheckFailed { .. } | Ruling::NotChecked { .. } => {
                "finding and mending the fault, and a new experiment".to_owned()
            }
            Ruling::Worse { metric, .. } => {
                format!(
                    "another treatment, which does not make `{}` worse",
                    name(metric)
                )
            }
            Ruling::NoSuccess {
                metric,
                probability,
                level,
            }
            | Ruling::NotShownSafe {
                metric,
                probability,
                level,
            } => match (times_as_many(probability, level), ruling) {
                (Some(times), _) => format!(
                    "some {times:.1} times as many customers, if the effect on `{}` is what it seems",
                    name(metric)
                ),
                (None, Ruling::NoSuccess { .. }) => {
                    format!("an effect on `{}` in the right direction", name(metric))
                }
                (None, _) => format!(
                    "a treatment that costs less of `{}` than the margin, or a wider margin, chosen before a new experiment",
                    name(metric)
                ),
            },
            Ruling::NotTested { metric, .. } => {
                let refusal = self.metrics[metric].outcome.refusal.as_ref();
                refusal.map(|refusal| format!("data on `{}`: {}", name(metric), refusal.message))?
            }
        })
    }
}

/// How many times as many customers it takes until an effect of the same size has a one-sided probability below the
/// level: the square of what its z is short of. None where the effect goes the wrong way, or it would be hopeless.
fn times_as_many(probability: TailProbability, level: f64) -> Option<f64> {
    const HOPELESS: f64 = 1000.0;
    let z = tail::normal_quantile(1.0 - probability.p);
    let needed = tail::normal_quantile(1.0 - level);
    let times = (needed / z).powi(2);
    (z > 0.0 && times < HOPELESS).then_some(times)
}

fn reason(reason: DecisionReasonKind, metric: Option<&str>, message: String) -> DecisionReason {
    DecisionReason {
        reason,
        metric: metric.map(str::to_owned),
        message,
    }
}

fn size(guardrail: &GuardrailFinding, value: f64) -> String {
    if guardrail.relative {
        format!("{:.2} %", 100.0 * value)
    } else {
        digits(value)
    }
}

/// Three digits that say something.
fn digits(value: f64) -> String {
    if value == 0.0 || (1e-3..1e5).contains(&value.abs()) {
        format!("{value:.4}")
    } else {
        format!("{value:.2e}")
    }
}
