//! Sentences about what a treatment adds to lifetime value that terminal and page share: whether it fades, the second
//! opinion, and the comparison where nobody was randomized.

use catalog::{LifetimeControls, LifetimeEffect};
use measure::audience::lifetime::{
    FadingChange, FadingFinding, FadingPace, IncrementalArm, IncrementalFinding, LifetimeFinding,
    RelativeEffect, RolloutFinding, Supposed, SurrogateFinding, WindowMeasured,
};
use measure::audience::{Estimate, Says};

use crate::format::{Format, Interval, Shown};
use crate::lifetime::unit;
use crate::words::{self, capitalized};

/// An estimate of a difference with its interval.
pub(crate) fn signed(format: Format, finding: &LifetimeFinding, value: &Estimate) -> Shown {
    format.absolute(unit(finding), value.into())
}

/// A relative effect with its interval.
pub(crate) fn relative(format: Format, effect: &RelativeEffect) -> Shown {
    format.relative(interval(effect))
}

pub(crate) fn interval(effect: &RelativeEffect) -> Interval {
    Interval {
        estimate: effect.estimate,
        low: effect.low,
        high: effect.high,
    }
}

/// Whose lives are compared, and how many are not.
fn whose(format: Format, arm: &IncrementalArm) -> String {
    let mut text = format!(
        "{} and {} customers; {} and {} of them had bought before, whose purchases count from the assignment on.",
        format.count(arm.customers.arm),
        format.count(arm.customers.against),
        format.count(arm.existing.arm),
        format.count(arm.existing.against),
    );
    if arm.existing.arm + arm.existing.against > 0 {
        text.push_str(" Their lives were under way: values are not those of new customers.");
    }
    if arm.never_bought.arm + arm.never_bought.against > 0 {
        text.push_str(&format!(
            " {} and {} have not bought at all: they are in what is measured per assigned customer, and have no life.",
            format.count(arm.never_bought.arm),
            format.count(arm.never_bought.against),
        ));
    }
    if let Some(shares) = arm.shares.filter(|shares| shares.all.p_value < 1.0) {
        text.push_str(&format!(
            " The shares that bought are {} and {}, p {}.",
            format.percent(shares.all.share.arm, 1),
            format.percent(shares.all.share.against, 1),
            words::equals(&format.p_value(shares.all.p_value, None)),
        ));
    }
    text
}

/// Whose lives are compared by which model, and how far others agree with it.
pub(crate) fn about_model(format: Format, arm: &IncrementalArm) -> String {
    let mut text = whose(format, arm);
    if let Some(model) = &arm.model {
        text.push_str(&format!(" Model: {model}."));
    }
    if let Some(band) = arm.band {
        text.push_str(&format!(
            " By all models {} to {}.",
            format.signed(band.low, 2),
            format.signed(band.high, 2)
        ));
    }
    if !arm.placebo.is_empty() {
        let holds_zero = |value: &Estimate| value.low <= 0.0 && value.high >= 0.0;
        let placebos = arm.placebo.iter();
        let holding = placebos.filter(|placebo| holds_zero(&placebo.total));
        text.push_str(&format!(
            " Of {} placebos (arms drawn at random) the intervals of {} hold zero.",
            arm.placebo.len(),
            holding.count()
        ));
    }
    text
}

/// How much of the value that counts nobody has seen; none where it is no share of it.
pub(crate) fn extrapolated(arm: &IncrementalArm, effect: LifetimeEffect) -> Option<f64> {
    match effect {
        LifetimeEffect::StaysOn => arm.stays_on.and_then(|value| value.extrapolated),
        LifetimeEffect::Stops => arm.stops.and_then(|value| value.extrapolated),
    }
}

/// What was measured in the window, by whose: of assigned customers, and of those in the process.
pub(crate) fn measured(
    arm: &IncrementalArm,
) -> impl Iterator<Item = (&'static str, &WindowMeasured)> {
    let of_assigned = arm.measured.iter();
    let in_process = arm.in_process.iter();
    of_assigned
        .map(|measured| ("per assigned customer", measured))
        .chain(in_process.map(|measured| ("per customer who bought", measured)))
}

/// Customers and purchases that do not count.
pub(crate) fn left_out(format: Format, found: &IncrementalFinding) -> Option<String> {
    let left = found.left_out.iter();
    let left: Vec<String> = left
        .map(|left| format!("{} {}", format.count(left.number), left.reason))
        .collect();
    (!left.is_empty()).then(|| format!("Left out: {}.", left.join(", ")))
}

/// What adjustment for the time before made of the measured difference.
pub(crate) fn adjusted(
    format: Format,
    arm: &IncrementalArm,
    finding: &LifetimeFinding,
) -> Vec<String> {
    let line = |(of, measured): (&str, &WindowMeasured)| {
        let adjusted = measured.adjusted.as_ref()?;
        Some(format!(
            "Adjusted for what customers had brought before the assignment, the difference measured {of} is {}: its variance \
             is {} smaller, and it is the one that counts.",
            signed(format, finding, &adjusted.difference).in_line(),
            format.percent(adjusted.variance_reduction, 0),
        ))
    };
    measured(arm).filter_map(line).collect()
}

/// Whether the effect changes with the months, and from cohort to cohort.
pub(crate) fn fading(format: Format, found: &FadingFinding) -> Vec<String> {
    let line = |change: &FadingChange, with: &str| {
        let slope = &change.a_month;
        let shown = format.relative(Interval {
            estimate: slope.estimate.exp_m1(),
            low: slope.low.exp_m1(),
            high: slope.high.exp_m1(),
        });
        let says = match change.says {
            Says::Fading => "the effect fades",
            Says::Growing => "the effect grows",
            Says::Changing => "the effect changes",
            Says::NoChangeFound => "no change of the effect was found",
        };
        format!(
            "{says} {with}: the ratio of the arms' means changes by {} a month, p {}.",
            shown.in_line(),
            words::equals(&format.p_value(change.p_value, None))
        )
    };
    let by_month = found.change.as_ref();
    let by_cohort = found.by_cohort.as_ref();
    let lines = by_month
        .map(|change| line(change, "with the months since the start"))
        .into_iter()
        .chain(by_cohort.map(|change| line(change, "from one month of starting to the next")));
    let refused = found
        .refusals
        .iter()
        .map(|refusal| format!("{}.", refusal.message));
    let left_out = (found.cohorts_left_out > 0 && by_cohort.is_some()).then(|| {
        let cohorts = format.counted(found.cohorts_left_out, "month", "months");
        format!("left out: {cohorts} of starting with too few customers who were seen so long.")
    });
    lines
        .chain(left_out)
        .chain(refused)
        .map(|sentence| capitalized(&sentence))
        .collect()
}

/// What is supposed of a pace.
pub(crate) fn supposed(format: Format, pace: &FadingPace) -> String {
    let half_life = pace.half_life.map_or_else(String::new, |months| {
        format!(", halving every {} months", format.fixed(months, 1))
    });
    match pace.supposed {
        Supposed::Last => "effects last".to_owned(),
        Supposed::FadeAsEstimated => format!("they fade as estimated{half_life}"),
        Supposed::FadeAsFastAsDataAllow => {
            format!("they fade as fast as the data allow{half_life}")
        }
        Supposed::End => "they end with the window".to_owned(),
    }
}

/// The second opinion, and how far it can be trusted.
pub(crate) fn surrogate(
    format: Format,
    found: &SurrogateFinding,
    finding: &LifetimeFinding,
) -> String {
    if let Some(refusal) = &found.refusal {
        return format!("{}.", capitalized(&refusal.message));
    }
    let Some(effect) = &found.effect else {
        return String::new();
    };
    let mut text = format!(
        "Second opinion, by {} from outside the experiment who were seen for {} months since their first purchase and show \
         what the first {} months mean (R\u{b2} {}): {} in {} months.",
        format.counted(found.earlier, "customer", "customers"),
        found.months,
        found.early_months,
        found.r2.map_or_else(String::new, |r2| format.fixed(r2, 2)),
        signed(format, finding, effect).in_line(),
        found.months,
    );
    if let Some(modelled) = &found.modelled {
        text.push_str(&format!(
            " The model says {} if it stops and {} if it stays on: {}.",
            signed(format, finding, &modelled.stops).estimate,
            signed(format, finding, &modelled.stays_on).estimate,
            match found.agrees {
                Some(false) => "they disagree",
                _ => "they agree",
            }
        ));
    }
    if let Some(drift) = &found.drift {
        let error = signed(format, finding, &drift.error).in_line();
        text.push_str(&format!(
            " Of these customers the later half brought {} against what the earlier half predicts, at {} per customer.",
            error,
            format.fixed(drift.actual, 2)
        ));
    }
    text
}

/// What a treatment added whose start was not randomized.
pub(crate) fn rollout(
    format: Format,
    found: &RolloutFinding,
    finding: &LifetimeFinding,
) -> Vec<String> {
    let mut sentences = Vec::new();
    if let (Some(a_month), Some(so_far)) = (&found.a_month, &found.so_far) {
        sentences.push(format!(
            "Without randomization, and so of grade {}: {} per treated customer and month, {} so far in {} months of \
             treatment.",
            found.grade,
            signed(format, finding, a_month).in_line(),
            signed(format, finding, so_far).in_line(),
            format.fixed(found.months_treated.unwrap_or_default(), 1),
        ));
    }
    if let Some(refusal) = &found.refusal {
        sentences.push(format!("No value: {}.", refusal.message));
    }
    if !found.cohorts.is_empty() {
        let treated = found.cohorts.iter().filter(|cohort| cohort.since.is_some());
        let customers: u64 = treated.clone().map(|cohort| cohort.customers).sum();
        let others = found.cohorts.iter().filter(|cohort| cohort.since.is_none());
        let others: u64 = others.map(|cohort| cohort.customers).sum();
        let clusters = found.clusters.map_or_else(String::new, |clusters| {
            format!(" in {}", format.counted(clusters, "cluster", "clusters"))
        });
        sentences.push(format!(
            "{} treated from {} on and {} who are not by then{clusters}, month by month from {} to {}, against customers {}.",
            format.counted(customers, "customer", "customers"),
            format.counted(treated.count() as u64, "month", "different months"),
            format.count(others),
            found.first_month,
            found.last_month,
            match found.controls {
                LifetimeControls::NotYetTreated => "who are not treated yet",
                LifetimeControls::NeverTreated => "who are never treated",
            }
        ));
    }
    match &found.before {
        Some(before) => sentences.push(format!(
            "How the two had moved apart before the treatment, over {}: p {}, {} a month. Had that gone on, the treatment would \
             have brought {} a month.",
            format.counted(before.months, "month", "months"),
            words::equals(&format.p_value(before.p_value, None)),
            signed(format, finding, &before.trend).in_line(),
            signed(format, finding, &before.a_month_less_trend).in_line(),
        )),
        None if found.refusal.is_none() => sentences.push(
            "No month before the treatment shows whether both moved alike.".to_owned(),
        ),
        None => {}
    }
    if found.without_controls > 0 {
        sentences.push(format!(
            "In {} of treatment nobody was left to compare with.",
            format.counted(
                found.without_controls,
                "month of a cohort",
                "months of cohorts"
            )
        ));
    }
    for left in &found.left_out {
        let number = format.count(left.number);
        sentences.push(format!("Left out: {number} {}.", left.reason));
    }
    sentences
}
