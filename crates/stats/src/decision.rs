//! One decision from the tests of many metrics: ship, do not ship, or wait.
//!
//! The rule is that of M. Schultzberg, S. Ankargren and M. Frånberg, "Risk-aware
//! product decisions in A/B tests with multiple metrics" (arXiv 2402.11609, 2024). Ship
//! exactly when
//!
//! 1. at least one **success** metric is shown to be better than in the control,
//! 2. every **guardrail** metric is shown to be not worse by its margin,
//! 3. no metric of any role is shown to be **worse** than in the control,
//! 4. every **quality** check of the experiment has passed.
//!
//! It reads one-sided probabilities that were computed elsewhere. Those of
//! fixed-sample tests answer once, at the planned end; those of sequential tests, which
//! hold at every look, also before.
//!
//! # The error rates, and when they hold
//!
//! Let S metrics be success metrics, G guardrails, and M the metrics of all roles.
//!
//! * **False ship.** When no success metric is truly better, the probability to ship
//!   is at most alpha, as each is tested at `alpha / S` (Bonferroni; which of them
//!   succeeded is told by Holm's procedure, so that also any false claim among them has
//!   a probability of at most alpha). When any guardrail is truly worse by its margin
//!   or more, it is at most alpha as well: all guardrails must pass, so the level is not
//!   divided (intersection-union test). Both hold under any dependence of the metrics,
//!   for fixed and for sequential tests that hold their own levels. Conditions 3 and 4
//!   only ever prevent shipping.
//! * **Missed ship.** Plan every success test at the level `alpha / S` and every
//!   guardrail test at alpha with the power `1 - b`, where `b = (beta - delta) / (G +
//!   1)` and delta is the level of all deterioration tests and quality checks together.
//!   When a success metric has the effect planned for, the guardrails are as the plan
//!   supposes, no metric is truly worse and the experiment is sound, then the
//!   probability to ship at the end is at least `1 - beta`, by the sum of the
//!   probabilities of whatever could go wrong (Boole's inequality), under any
//!   dependence.
//! * **Not promised.** The deterioration tests are a net: how often a truly worse
//!   metric that is not a guardrail stops a launch depends on their power, which the
//!   plan does not fix. A metric that must not get worse should be a guardrail.

use std::fmt;

use crate::multiplicity;
use crate::tail::TailProbability;

/// The risks accepted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Risks {
    /// Probability of a false ship, at most.
    pub alpha: f64,
    /// Probability of a missed ship, at most; one minus the power of the decision.
    pub beta: f64,
    /// Probability of any false alarm among the deterioration tests of all metrics.
    pub deterioration: f64,
}

/// What a metric is for, with the test that belongs to it; `None` where that test
/// could not be computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Role {
    /// It should improve.
    Success {
        /// One-sided probability of evidence at least this strong if the metric is not
        /// better.
        superiority: Option<TailProbability>,
    },
    /// It must not get worse by its margin.
    Guardrail {
        /// One-sided probability of evidence at least this strong if the metric is
        /// worse by the margin.
        non_inferiority: Option<TailProbability>,
    },
    /// It is only watched.
    Watched,
}

/// The tests of one metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricTests {
    /// Its role.
    pub role: Role,
    /// One-sided probability of evidence at least this strong if the metric is not
    /// worse; `None` where it could not be computed.
    pub inferiority: Option<TailProbability>,
}

/// A check that the experiment itself was sound: the split of customers, the absence
/// of imbalance before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QualityCheck {
    /// Whether it passed; `None` where it could not be made.
    pub passed: Option<bool>,
    /// Probability that it fails although the experiment is sound: the level of the
    /// test behind it, zero for a check that is no matter of chance.
    pub level: f64,
}

/// Everything that a decision rests on. Metrics and checks are named by their place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence<'a> {
    /// The metrics.
    pub metrics: &'a [MetricTests],
    /// The checks.
    pub checks: &'a [QualityCheck],
    /// Whether the planned end has been reached. If not, what is not shown yet may
    /// still be, and only tests that hold at every look may be given.
    pub finished: bool,
}

/// The levels that follow from the risks and the numbers of metrics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Levels {
    /// Of each superiority test: `alpha / S`.
    pub success: f64,
    /// Of each non-inferiority test: alpha.
    pub guardrail: f64,
    /// Of each inferiority test: the level of all deterioration tests over the number
    /// of metrics.
    pub deterioration: f64,
    /// The power for which each superiority and each non-inferiority test has to be
    /// planned, so that the decision has the power `1 - beta`.
    pub planned_power: f64,
}

/// A decision, and what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruling {
    /// The decision.
    pub decision: Decision,
    /// The levels of the tests.
    pub levels: Levels,
    /// The success metrics shown to be better, by Holm's procedure at alpha. They may
    /// be claimed whatever the decision.
    pub successes: Vec<usize>,
}

/// Whether to ship.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// All conditions are met.
    Ship,
    /// These conditions have failed for good.
    DoNotShip(Vec<Reason>),
    /// These are missing, and more customers, or the missing test, would settle them.
    Undecided(Vec<Reason>),
}

/// A condition that is not met. Metrics and checks are named by their place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reason {
    /// A check of the experiment failed, so its numbers cannot be trusted.
    CheckFailed {
        /// The check.
        check: usize,
    },
    /// A metric is shown to be worse.
    Worse {
        /// The metric.
        metric: usize,
        /// Its probability of inferiority, which is below the level.
        probability: TailProbability,
        /// The level of the test.
        level: f64,
    },
    /// No success metric is shown to be better.
    NoSuccess {
        /// The metric that comes closest.
        metric: usize,
        /// Its probability of superiority, which would have to fall below the level.
        probability: TailProbability,
        /// The level of the test.
        level: f64,
    },
    /// A guardrail is not shown to be safe.
    NotShownSafe {
        /// The metric.
        metric: usize,
        /// Its probability of non-inferiority, which would have to fall below the
        /// level.
        probability: TailProbability,
        /// The level of the test.
        level: f64,
    },
    /// A test on which the decision depends could not be computed.
    NotTested {
        /// The metric.
        metric: usize,
        /// The test.
        test: MissingTest,
    },
    /// A check of the experiment could not be made.
    NotChecked {
        /// The check.
        check: usize,
    },
}

/// A test that could not be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingTest {
    /// That a success metric is better.
    Superiority,
    /// That a guardrail is not worse by its margin.
    NonInferiority,
    /// That a metric is worse.
    Inferiority,
}

/// Why there is no decision to be made.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DecisionError {
    /// Without a success metric nothing could speak for shipping.
    #[error("no metric has the role of success, so nothing can speak for shipping")]
    NoSuccessMetric,
    /// A risk or level is outside (0, 1).
    #[error("the {what} must lie strictly between 0 and 1, and is {value}")]
    InvalidRisk {
        /// Which one.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// The false alarms of deterioration tests and checks alone exceed beta.
    #[error(
        "false alarms of deterioration tests and checks ({alarms}) leave nothing of the risk of a missed ship ({beta})"
    )]
    NoPowerLeft {
        /// Their level together.
        alarms: f64,
        /// The risk of a missed ship.
        beta: f64,
    },
    /// A value that is not a probability.
    #[error("metric {metric} has a probability that is not valid: {value}")]
    InvalidProbability {
        /// The metric.
        metric: usize,
        /// The value.
        value: f64,
    },
}

impl Risks {
    /// The levels of the tests, and the power to plan them for, with so many metrics;
    /// `checks` is the sum of the levels of the quality checks.
    ///
    /// See the [module](self) for the formulas and what they guarantee. Planning needs
    /// this before there is any evidence.
    ///
    /// ```
    /// use stats::decision::Risks;
    ///
    /// let risks = Risks { alpha: 0.05, beta: 0.2, deterioration: 0.01 };
    /// let levels = risks.levels(2, 3, 5, 0.001).unwrap();
    /// assert_eq!(levels.success, 0.025);
    /// assert_eq!(levels.guardrail, 0.05);
    /// assert_eq!(levels.deterioration, 0.002);
    /// assert!((levels.planned_power - (1.0 - (0.2 - 0.011) / 4.0)).abs() < 1e-15);
    /// ```
    pub fn levels(
        &self,
        successes: usize,
        guardrails: usize,
        metrics: usize,
        checks: f64,
    ) -> Result<Levels, DecisionError> {
        for (what, value) in [
            ("risk of a false ship", self.alpha),
            ("risk of a missed ship", self.beta),
            ("risk of a false deterioration alarm", self.deterioration),
        ] {
            if !(value > 0.0 && value < 1.0) {
                return Err(DecisionError::InvalidRisk { what, value });
            }
        }
        if !(0.0..1.0).contains(&checks) {
            return Err(DecisionError::InvalidRisk {
                what: "risk of a false alarm of the checks",
                value: checks,
            });
        }
        if successes == 0 {
            return Err(DecisionError::NoSuccessMetric);
        }
        let alarms = self.deterioration + checks;
        let missed = (self.beta - alarms) / (guardrails + 1) as f64;
        if missed <= 0.0 {
            let beta = self.beta;
            return Err(DecisionError::NoPowerLeft { alarms, beta });
        }
        Ok(Levels {
            success: self.alpha / successes as f64,
            guardrail: self.alpha,
            deterioration: self.deterioration / metrics.max(successes + guardrails) as f64,
            planned_power: 1.0 - missed,
        })
    }
}

/// Decides by the rule of the [module](self).
///
/// * [`Decision::DoNotShip`]: a check has failed or a metric is shown to be worse, at
///   any time; or, at the planned end, a guardrail was not shown to be safe or no
///   success metric to be better. All such reasons are listed.
/// * [`Decision::Ship`]: all four conditions are met. Before the planned end too, if
///   the tests hold at every look.
/// * [`Decision::Undecided`]: otherwise, with everything that is missing.
///
/// A test that could not be computed never counts in favour. It does not hold up a
/// decision that it could not change: the superiority test of one success metric when
/// another has succeeded, or any test when there is a reason not to ship for good.
///
/// # Errors
///
/// No success metric, invalid risks or probabilities, or risks that leave no power; see
/// [`DecisionError`].
///
/// ```
/// use stats::TailProbability;
/// use stats::decision::{Decision, Evidence, MetricTests, Reason, Risks, Role, decide};
///
/// let p = |p: f64| Some(TailProbability::from_ln(p.ln()));
/// let revenue = MetricTests {
///     role: Role::Success { superiority: p(0.001) },
///     inferiority: p(0.999),
/// };
/// let returns = |safe| MetricTests {
///     role: Role::Guardrail { non_inferiority: p(safe) },
///     inferiority: p(0.3),
/// };
/// let risks = Risks { alpha: 0.05, beta: 0.2, deterioration: 0.01 };
/// let decision = |safe, finished| {
///     let metrics = [revenue, returns(safe)];
///     let evidence = Evidence { metrics: &metrics, checks: &[], finished };
///     decide(&risks, &evidence).unwrap().decision
/// };
/// assert_eq!(decision(0.02, true), Decision::Ship);
/// assert!(matches!(decision(0.2, true), Decision::DoNotShip(_)));
/// let Decision::Undecided(missing) = decision(0.2, false) else { panic!() };
/// assert_eq!(
///     missing[0].to_string(),
///     "metric 1 is not shown to be safe: its p of 0.2 is not below 0.05"
/// );
/// ```
pub fn decide(risks: &Risks, evidence: &Evidence<'_>) -> Result<Ruling, DecisionError> {
    let levels = levels_of(risks, evidence)?;
    check_probabilities(evidence.metrics)?;

    let mut failed = Vec::new();
    let mut open = Vec::new();
    let mut untested = Vec::new();
    for (check, QualityCheck { passed, .. }) in evidence.checks.iter().enumerate() {
        match passed {
            Some(true) => {}
            Some(false) => failed.push(Reason::CheckFailed { check }),
            None => untested.push(Reason::NotChecked { check }),
        }
    }
    for (metric, tests) in evidence.metrics.iter().enumerate() {
        let missing = |test| Reason::NotTested { metric, test };
        let level = levels.deterioration;
        match tests.inferiority {
            None => untested.push(missing(MissingTest::Inferiority)),
            Some(probability) if probability.p < level => failed.push(Reason::Worse {
                metric,
                probability,
                level,
            }),
            Some(_) => {}
        }
        let Role::Guardrail { non_inferiority } = tests.role else {
            continue;
        };
        let level = levels.guardrail;
        match non_inferiority {
            None => untested.push(missing(MissingTest::NonInferiority)),
            Some(probability) if probability.p >= level => open.push(Reason::NotShownSafe {
                metric,
                probability,
                level,
            }),
            Some(_) => {}
        }
    }
    let superiority = superiority_tests(evidence.metrics);
    let successes = holm(&superiority, risks.alpha);
    if successes.is_empty() {
        let tested = |&(metric, p): &(usize, Option<TailProbability>)| p.map(|p| (metric, p));
        let closest = superiority
            .iter()
            .filter_map(tested)
            .min_by(|a, b| a.1.ln_p.total_cmp(&b.1.ln_p));
        let missing = superiority.iter().filter(|(_, p)| p.is_none());
        let before = untested.len();
        untested.extend(missing.map(|&(metric, _)| Reason::NotTested {
            metric,
            test: MissingTest::Superiority,
        }));
        // A missing test could still be the success.
        if let (Some((metric, probability)), true) = (closest, untested.len() == before) {
            open.push(Reason::NoSuccess {
                metric,
                probability,
                level: levels.success,
            });
        }
    }

    if evidence.finished {
        failed.append(&mut open);
    }
    let decision = if !failed.is_empty() {
        Decision::DoNotShip(failed)
    } else if open.is_empty() && untested.is_empty() {
        Decision::Ship
    } else {
        open.append(&mut untested);
        Decision::Undecided(open)
    };
    Ok(Ruling {
        decision,
        levels,
        successes,
    })
}

fn levels_of(risks: &Risks, evidence: &Evidence<'_>) -> Result<Levels, DecisionError> {
    let count = |role: fn(&Role) -> bool| {
        let of_role = |tests: &&MetricTests| role(&tests.role);
        evidence.metrics.iter().filter(of_role).count()
    };
    if let Some(check) = evidence
        .checks
        .iter()
        .find(|check| !(0.0..1.0).contains(&check.level))
    {
        return Err(DecisionError::InvalidRisk {
            what: "level of a check",
            value: check.level,
        });
    }
    risks.levels(
        count(|role| matches!(role, Role::Success { .. })),
        count(|role| matches!(role, Role::Guardrail { .. })),
        evidence.metrics.len(),
        evidence.checks.iter().map(|check| check.level).sum(),
    )
}

fn check_probabilities(metrics: &[MetricTests]) -> Result<(), DecisionError> {
    for (metric, tests) in metrics.iter().enumerate() {
        let of_role = match tests.role {
            Role::Success { superiority } => superiority,
            Role::Guardrail { non_inferiority } => non_inferiority,
            Role::Watched => None,
        };
        for probability in [of_role, tests.inferiority].into_iter().flatten() {
            if multiplicity::check(&[probability]).is_err() {
                let value = probability.p;
                return Err(DecisionError::InvalidProbability { metric, value });
            }
        }
    }
    Ok(())
}

/// The success metrics with their tests.
fn superiority_tests(metrics: &[MetricTests]) -> Vec<(usize, Option<TailProbability>)> {
    let of_success = |(metric, tests): (usize, &MetricTests)| match tests.role {
        Role::Success { superiority } => Some((metric, superiority)),
        Role::Guardrail { .. } | Role::Watched => None,
    };
    metrics.iter().enumerate().filter_map(of_success).collect()
}

/// The metrics that Holm's procedure rejects at alpha, in their order; a missing test
/// is never rejected and still counts. The first step is at the level of Bonferroni.
fn holm(tests: &[(usize, Option<TailProbability>)], alpha: f64) -> Vec<usize> {
    let mut sorted: Vec<(usize, TailProbability)> = tests
        .iter()
        .filter_map(|&(metric, p)| p.map(|p| (metric, p)))
        .collect();
    sorted.sort_by(|a, b| a.1.ln_p.total_cmp(&b.1.ln_p));
    let mut rejected: Vec<usize> = (0..)
        .zip(sorted)
        .take_while(|&(k, (_, p))| p.p < alpha / (tests.len() - k) as f64)
        .map(|(_, (metric, _))| metric)
        .collect();
    rejected.sort_unstable();
    rejected
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Reason::CheckFailed { check } => {
                write!(f, "check {check} of the experiment failed")
            }
            Reason::Worse {
                metric,
                probability: TailProbability { p, .. },
                level,
            } => write!(
                f,
                "metric {metric} is shown to be worse: its p of {p} is below {level}"
            ),
            Reason::NoSuccess {
                metric,
                probability: TailProbability { p, .. },
                level,
            } => write!(
                f,
                "no success metric is shown to be better: the closest is metric {metric}, whose p of {p} is not below {level}"
            ),
            Reason::NotShownSafe {
                metric,
                probability: TailProbability { p, .. },
                level,
            } => write!(
                f,
                "metric {metric} is not shown to be safe: its p of {p} is not below {level}"
            ),
            Reason::NotTested { metric, test } => {
                write!(f, "the {test} of metric {metric} could not be tested")
            }
            Reason::NotChecked { check } => {
                write!(f, "check {check} of the experiment could not be made")
            }
        }
    }
}

impl fmt::Display for MissingTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MissingTest::Superiority => "superiority",
            MissingTest::NonInferiority => "non-inferiority",
            MissingTest::Inferiority => "inferiority",
        })
    }
}
