//! What of the effect of personalization is due to showing other content, and what to showing it to the right customers.

use catalog::{Better, Experiment, Role, Unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::decomposition::Decomposition;

use super::arms::ArmValues;
use super::finding::{Comparison, Outcome, Relative};
use super::together::{Rule, outcome_of};
use crate::Refusal;

/// The effect of personalization on a metric in its two parts: `total = targeting + content`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DecompositionFinding {
    pub metric: String,
    pub primary: bool,
    pub unit: Unit,
    /// Which direction is good.
    pub better: Better,
    /// The arms compared.
    pub personalized: String,
    pub shuffled: String,
    pub generic: String,
    /// Personalized against generic: the effect that decides.
    pub total: Option<Outcome>,
    /// Personalized against shuffled: the same content, for the customers that it was chosen for.
    pub targeting: Option<Outcome>,
    /// Shuffled against generic: the content, whoever gets it.
    pub content: Option<Outcome>,
    /// The share of the total effect that is due to targeting; outside 0 to 1 where the two work against each other.
    pub share_of_targeting: Option<Relative>,
    /// Why it cannot be taken apart.
    pub refusal: Option<Refusal>,
}

/// Takes each metric's effect apart, for each personalized arm, where there are a generic and a shuffled one.
pub(crate) fn decompositions(
    experiment: &Experiment,
    rule: &Rule<'_>,
    comparisons: &[Comparison],
) -> Vec<DecompositionFinding> {
    let of_role = |role: Role| {
        let arms = experiment.arms.iter().filter(move |arm| arm.role == role);
        arms.map(|arm| arm.name.as_str())
    };
    let Some(generic) = of_role(Role::Generic).next() else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for metric in experiment.metric_names() {
        for shuffled in of_role(Role::Shuffled) {
            for personalized in of_role(Role::Personalized) {
                let of_arm = |arm: &str| {
                    comparisons
                        .iter()
                        .find(|one| one.metric == metric && one.arm == arm)
                };
                if let (Some(total), Some(content)) = (of_arm(personalized), of_arm(shuffled)) {
                    findings.push(decompose(generic, total, content, rule));
                }
            }
        }
    }
    findings
}

fn decompose(
    generic: &str,
    total: &Comparison,
    content: &Comparison,
    rule: &Rule<'_>,
) -> DecompositionFinding {
    let mut finding = DecompositionFinding {
        metric: total.metric.clone(),
        primary: total.primary,
        unit: total.unit,
        better: total.better,
        personalized: total.arm.clone(),
        shuffled: content.arm.clone(),
        generic: generic.to_owned(),
        total: total.decisive().cloned(),
        targeting: None,
        content: content.decisive().cloned(),
        share_of_targeting: None,
        refusal: None,
    };
    let parts = ArmValues::new(&[total, content]).and_then(|values| {
        let parts = Decomposition::new(
            &values.reference.estimate,
            &values.arms[0].estimate,
            &values.arms[1].estimate,
        );
        parts.map_err(super::compare::too_little)
    });
    match parts {
        Ok(parts) => {
            finding.targeting = Some(outcome_of(Ok(parts.targeting), rule, stats::Method::Welch));
            finding.share_of_targeting = share(&parts, rule);
        }
        Err(refusal) => finding.refusal = Some(refusal),
    }
    finding
}

fn share(parts: &Decomposition, rule: &Rule<'_>) -> Option<Relative> {
    if rule.monitor.is_some() {
        return Some(Relative::NotEstimable {
            not_estimable: "a plan that looks early has no interval of a share".to_owned(),
        });
    }
    Some(match parts.targeting_share(rule.alpha).ok()? {
        Ok(share) => Relative::Estimated {
            estimate: share.estimate,
            low: share.low,
            high: share.high,
        },
        Err(reason) => Relative::NotEstimable {
            not_estimable: format!("of the total effect there is no share: {reason}"),
        },
    })
}
