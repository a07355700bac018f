//! Words for credit that the terminal and the page share.

use catalog::LifetimeConversion;
use measure::content::{
    AttributionCheckKind, AttributionFinding, Calibrated, CreditEstimate, CreditModel, KeyFinding,
    LifetimeCreditFinding, LifetimeModelFinding, MarkovFinding, ModelCalibration, ModelFinding,
};

use crate::format::Format;

/// The model that is shown with its intervals: none is the right one, this is the one that looks at whole journeys.
pub(crate) fn detailed(finding: &AttributionFinding) -> Option<&ModelFinding> {
    [CreditModel::Markov, CreditModel::Shapley]
        .into_iter()
        .filter_map(|model| finding.model(model))
        .find(|model| model.refusal.is_none())
}

/// The order of a chain, and how it came to be where there was a choice.
pub(crate) fn chosen(chain: &MarkovFinding) -> String {
    match chain.orders.len() {
        0 | 1 => chain.order.to_string(),
        _ => format!(
            "{}, chosen by the journeys that it is fitted to",
            chain.order
        ),
    }
}

/// What is credited: `channel / content`.
pub(crate) fn by(finding: &AttributionFinding) -> String {
    let names: Vec<&str> = finding
        .by
        .iter()
        .map(|dimension| dimension.key().name())
        .collect();
    names.join(" / ")
}

/// The name of a model in words.
pub(crate) fn name(model: CreditModel) -> &'static str {
    match model {
        CreditModel::First => "First touch",
        CreditModel::Last => "Last touch",
        CreditModel::LastNonDirect => "Last touch that is not direct",
        CreditModel::Linear => "Linear",
        CreditModel::PositionU => "Position, U-shaped",
        CreditModel::PositionW => "Position, W-shaped",
        CreditModel::TimeDecay => "Time decay",
        CreditModel::SteppedTimeDecay => "Time decay by steps",
        CreditModel::Markov => "Markov chain",
        CreditModel::Shapley => "Shapley value",
        CreditModel::ShapleyOfSets => "Shapley value of conversion rates",
        CreditModel::ShapleyOfSequences => "Shapley value of conversion rates in order",
        CreditModel::LeaveOneOut => "Leave one out",
    }
}

/// What was looked at.
pub(crate) fn check_name(kind: AttributionCheckKind) -> &'static str {
    match kind {
        AttributionCheckKind::Touches => "touches",
        AttributionCheckKind::Conversions => "conversions",
        AttributionCheckKind::Duplicates => "duplicates",
        AttributionCheckKind::Untouched => "untouched",
        AttributionCheckKind::Windows => "windows",
        AttributionCheckKind::Clocks => "clocks",
        AttributionCheckKind::Channels => "channels",
        AttributionCheckKind::Keys => "keys",
        AttributionCheckKind::OpenJourneys => "open journeys",
        AttributionCheckKind::Nulls => "not converted",
        AttributionCheckKind::Models => "models",
        AttributionCheckKind::Experiments => "experiments",
    }
}

/// What experiments measured, in a word.
pub(crate) fn measured_in(measures: Calibrated) -> &'static str {
    match measures {
        Calibrated::Value => "value",
        Calibrated::Conversions => "conversions",
    }
}

/// What is shared out in predicted margin.
pub(crate) fn lifetime_scope(
    finding: &AttributionFinding,
    lifetime: &LifetimeCreditFinding,
    format: Format,
) -> String {
    let conversion = match lifetime.credit {
        LifetimeConversion::Acquisition => "first",
        LifetimeConversion::Retention => "last",
    };
    let unknown = match lifetime.unknown_customers {
        0 => String::new(),
        number => format!(
            ", {} of whom the lifetime does not know",
            format.count(number)
        ),
    };
    format!(
        "{} predicts that {} bring {} {} of margin within {} from the last day of the data on. {} of it go to the \
         touches before the {conversion} conversion of {}{unknown}. It comes on top of the credited conversions. \
         Intervals hold both which customers there are and what the model does not know.",
        lifetime.model.as_deref().unwrap_or_default(),
        format.counted(lifetime.customers, "customer", "customers"),
        format.fixed(lifetime.value, 2),
        finding.currency,
        lifetime.horizon,
        format.fixed(lifetime.credited_value, 2),
        format.counted(lifetime.credited_customers, "customer", "customers"),
    )
}

/// What would have happened anyway by a model, and what that holds beside; none without a measured factor. `ends` shows a
/// number with its interval, `amount` one without.
pub(crate) fn baseline(
    finding: &AttributionFinding,
    model: &ModelCalibration,
    ends: impl Fn(CreditEstimate) -> String,
    amount: impl Fn(f64) -> String,
) -> Option<String> {
    let has_factor = |key: &KeyFinding| {
        let mut factors = model.factors.iter();
        factors.any(|factor| factor.channel == key.key && factor.caused.is_some())
    };
    let others = match finding.keys.iter().all(has_factor) {
        true => String::new(),
        false => format!(
            " It holds what channels without a measured factor caused, whose credit is {} (grade D).",
            amount(model.untested_credit)
        ),
    };
    Some(format!(
        "Baseline by {}: {} would have happened without the channels that have a measured factor, if they worked \
         everywhere as in their experiments (grade B).{others}",
        name(model.model),
        ends(model.baseline?),
    ))
}

/// The credits in predicted margin of the model that is shown with its intervals.
pub(crate) fn lifetime_detailed<'f>(
    finding: &AttributionFinding,
    lifetime: &'f LifetimeCreditFinding,
) -> Option<&'f LifetimeModelFinding> {
    lifetime.model(detailed(finding)?.model)
}
