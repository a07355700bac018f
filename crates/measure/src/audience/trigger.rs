//! The effect among those whom the treatment could reach, and what it means for everyone.

use catalog::{Better, Trigger};
use lake::sql;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::trigger::{TriggerWarning, TriggeredArm, trigger_analysis};
use stats::{Contrast, Method, Sample};

use super::codes::Value;
use super::compare::{sample, too_little, verdict};
use super::finding::{Comparison, Outcome, Pair, Verdict};
use super::plan::{MadeOf, Plan};
use super::tally::{Layout, Tally};
use super::together::{Rule, outcome_of};
use crate::{Reason, Refusal};

/// The effect of an arm on a metric among triggered customers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TriggerFinding {
    pub metric: String,
    pub primary: bool,
    pub unit: catalog::Unit,
    /// Which direction is good.
    pub better: Better,
    pub arm: String,
    /// Customers with a value whom the treatment could reach.
    pub triggered_customers: Pair<u64>,
    /// Those with a value whom it could not.
    pub untriggered_customers: Pair<u64>,
    /// Customers of whom the trigger is not known; they are left out.
    pub unknown: u64,
    /// Share of customers who were triggered.
    pub rate: Option<f64>,
    /// The effect on triggered customers.
    pub triggered: Option<Outcome>,
    /// The same for everyone: multiplied by their share.
    pub diluted: Option<Outcome>,
    /// What the diluted effect says.
    pub verdict: Option<Verdict>,
    /// Share of the squared standard error of the plain comparison that the trigger saves.
    pub variance_saved: Option<f64>,
    /// The probability of trigger rates this different, if the arms trigger alike.
    pub rates_p: Option<f64>,
    /// The probability of an effect this large on those who could not be reached, if there is none.
    pub untriggered_p: Option<f64>,
    /// What speaks against the analysis.
    pub warnings: Vec<String>,
    pub refusal: Option<Refusal>,
}

/// The trigger analysis of all metrics and arms.
pub(crate) fn triggers(
    plan: &Plan<'_>,
    rule: &Rule<'_>,
    sides: &Sides<'_>,
    comparisons: &[Comparison],
) -> Vec<TriggerFinding> {
    let mut findings = Vec::new();
    for (place, compared) in plan.metrics.iter().enumerate() {
        for arm in (0..plan.experiment.arms.len()).filter(|&arm| arm != plan.reference) {
            let (treated, control) = (sides.arm(place, arm), sides.arm(place, plan.reference));
            let metric = compared.metric;
            let name = &plan.experiment.arms[arm].name;
            let refusal = comparisons
                .iter()
                .find(|one| one.metric == metric.name && one.arm == *name)
                .and_then(|comparison| comparison.outcome.refusal.clone());
            let mut finding = TriggerFinding {
                metric: metric.name.clone(),
                primary: metric.name == plan.experiment.metrics.primary,
                unit: metric.unit,
                better: metric.better,
                arm: name.clone(),
                triggered_customers: Pair {
                    arm: treated.triggered.n,
                    against: control.triggered.n,
                },
                untriggered_customers: Pair {
                    arm: treated.untriggered.n,
                    against: control.untriggered.n,
                },
                unknown: sides.unknown(arm) + sides.unknown(plan.reference),
                rate: None,
                triggered: None,
                diluted: None,
                verdict: None,
                variance_saved: None,
                rates_p: None,
                untriggered_p: None,
                warnings: Vec::new(),
                refusal,
            };
            match compared.made_of {
                _ if finding.refusal.is_some() => {}
                MadeOf::Value(_) => finding.analyse(&treated, &control, rule),
                MadeOf::Ratio { .. } => {
                    let message =
                        "a ratio of sums has no diluted effect: take its numerator and denominator";
                    finding.refusal = Some(Refusal::new(Reason::Undeclared, message));
                }
            }
            findings.push(finding);
        }
    }
    findings
}

impl TriggerFinding {
    fn analyse(&mut self, treated: &TriggeredArm, control: &TriggeredArm, rule: &Rule<'_>) {
        let analysis = match trigger_analysis(treated, control, rule.alpha) {
            Ok(analysis) => analysis,
            Err(error) => {
                self.refusal = Some(too_little(error));
                return;
            }
        };
        self.rate = Some(analysis.rate);
        self.rates_p = Some(analysis.rates.probability.p);
        self.untriggered_p = analysis.untriggered.map(|lift| lift.probability.p);
        if analysis.warnings.contains(&TriggerWarning::RatesDiffer) {
            self.refusal = Some(Refusal::new(
                Reason::UnfitData,
                format!(
                    "{} (p = {:.1e}): the treatment changes who is triggered, or one arm does not log it, so that those \
                     who are triggered cannot be compared",
                    TriggerWarning::RatesDiffer,
                    analysis.rates.probability.p
                ),
            ));
            return;
        }
        let warnings = analysis.warnings.iter();
        self.warnings = warnings.map(ToString::to_string).collect();
        let contrast =
            Contrast::of_means(&treated.triggered, &control.triggered).map_err(too_little);
        self.triggered = Some(outcome_of(contrast, rule, Method::Welch));
        // Where the trigger misses some whom the treatment reaches, the effect on all is not the diluted one.
        if self.warnings.is_empty() {
            let diluted = outcome_of(Ok(analysis.means), rule, Method::Diluted);
            self.verdict = diluted
                .absolute
                .filter(|_| rule.may_decide)
                .map(|effect| verdict(effect, self.better));
            self.diluted = Some(diluted);
            self.variance_saved = Some(1.0 - analysis.variance_ratio);
        }
    }
}

/// Whether a customer is triggered, as SQL over the assignment's source; null where that is not known.
pub(crate) fn column_sql(trigger: &Trigger) -> String {
    match trigger {
        Trigger::Column(trigger) => {
            format!("TRY_CAST({} AS BOOLEAN)", sql::identifier(&trigger.column))
        }
        Trigger::Decisions(decisions) => format!(
            "CAST({} AS VARCHAR) <> CAST({} AS VARCHAR)",
            sql::identifier(&decisions.generic),
            sql::identifier(&decisions.personalized)
        ),
    }
}

/// The customers of the arms by their trigger, from the cells of the one pass.
pub(crate) struct Sides<'t> {
    layout: &'t Layout,
    tally: &'t Tally,
    class: usize,
    /// The numbers of the values true, false and none.
    triggered: Option<u32>,
    untriggered: Option<u32>,
    unknown: Option<u32>,
}

impl<'t> Sides<'t> {
    /// None where the experiment declares no trigger.
    pub(crate) fn new(plan: &Plan<'_>, layout: &'t Layout, tally: &'t Tally) -> Option<Self> {
        let class = plan.trigger?;
        let values = tally.segment(class)?;
        let number = |wanted: &Value| {
            let mut values = values.iter();
            values
                .find(|(value, _)| *value == wanted)
                .map(|(_, number)| *number)
        };
        Some(Self {
            layout,
            tally,
            class,
            triggered: number(&Value::Truth(true)),
            untriggered: number(&Value::Truth(false)),
            unknown: number(&Value::None),
        })
    }

    /// The values of a metric that is no ratio, by its place in the plan.
    fn sample(&self, metric: usize, arm: usize, value: Option<u32>) -> Sample {
        let nobody = Sample {
            n: 0,
            mean: 0.0,
            variance: 0.0,
        };
        let (Some(value), MadeOf::Value(place)) = (value, self.layout.cells.made_of(metric)) else {
            return nobody;
        };
        let cells = self.tally.cells();
        let moments = cells.moments(&self.layout.cells, (self.class, value), arm, metric);
        sample(&moments, place)
    }

    fn arm(&self, metric: usize, arm: usize) -> TriggeredArm {
        TriggeredArm {
            triggered: self.sample(metric, arm, self.triggered),
            untriggered: self.sample(metric, arm, self.untriggered),
        }
    }

    fn unknown(&self, arm: usize) -> u64 {
        let cells = self.tally.cells();
        self.unknown
            .map_or(0, |value| cells.customers(self.class, value, arm))
    }
}
