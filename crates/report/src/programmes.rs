//! What holdouts say of programmes, in sentences that the terminal and the page share.

use value::{Agreement, LedgerFinding, MoneyEstimate, ProgrammeValue};

use crate::format::Format;

/// What they stand under.
pub(crate) const TITLE: &str = "Programmes against a holdout, which are not in the total";

/// A sentence a programme: what the holdout measured, what its initiatives add up to, and whether the two agree.
pub(crate) fn sentences(format: Format, finding: &LedgerFinding) -> Vec<String> {
    let sentence = |programme| sentence(format, finding, programme);
    finding.programmes.iter().map(sentence).collect()
}

fn sentence(format: Format, finding: &LedgerFinding, programme: &ProgrammeValue) -> String {
    let level = format.level(finding.confidence);
    let shown = |estimate: &MoneyEstimate| {
        format!(
            "{} ({level} from {} to {})",
            format.amount(estimate.amount, &finding.currency),
            format.round_money(estimate.low),
            format.round_money(estimate.high)
        )
    };
    let mut parts = vec![match (&programme.measured, &programme.refusal) {
        (Some(measured), _) => format!("a margin of {} is measured", shown(measured)),
        (None, Some(refusal)) => format!("no answer: {}", refusal.message),
        (None, None) => "no answer".to_owned(),
    }];
    parts.extend(programme.sum.as_ref().map(|sum| {
        format!(
            "the experiments of its initiatives add up to {}",
            shown(sum)
        )
    }));
    let numberless: Vec<&str> = programme
        .initiatives
        .iter()
        .filter(|covered| covered.refusal.is_some())
        .map(|covered| covered.initiative.as_str())
        .collect();
    if !numberless.is_empty() {
        parts.push(format!("without a number: {}", numberless.join(", ")));
    }
    if let (Some(difference), Some(agreement)) = (&programme.difference, programme.agreement) {
        let says = match agreement {
            Agreement::Agrees => "the two agree",
            Agreement::More => "the programme brings more than its initiatives",
            Agreement::Less => "the programme brings less than its initiatives",
        };
        parts.push(format!("the difference is {}: {says}", shown(difference)));
    }
    format!(
        "{}, {}: {}",
        programme.experiment,
        programme.arm,
        parts.join("; ")
    )
}
