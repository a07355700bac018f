//! What findings say, in sentences and lines that the terminal and the page share.

use catalog::Unit;
use measure::audience::{
    Check, CheckKind, Comparison, LiftFinding, Outcome, Pair, Period, Relative, Severity, Verdict,
};
use value::{CostLine, Grade, InitiativeValue, LedgerFinding, Payback, Total};

use crate::format::{Format, Interval, Shown, date, places};
use crate::worth;

/// One estimate of a comparison as text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    /// `within strata`, `adjusted`, or `plain` for the difference without covariates.
    pub(crate) kind: &'static str,
    /// Whether the verdict rests on it.
    pub(crate) decides: bool,
    pub(crate) mean: Option<Pair<String>>,
    /// The absolute effect, or why there is none.
    pub(crate) absolute: Result<Shown, String>,
    /// The relative effect, or why there is none.
    pub(crate) relative: Result<Shown, String>,
    pub(crate) p_value: String,
    pub(crate) method: String,
}

/// The estimates of a comparison, the deciding one first.
pub(crate) fn lines(format: Format, comparison: &Comparison) -> Vec<Line> {
    let unit = comparison.unit;
    let mut lines: Vec<Line> = estimates(comparison)
        .into_iter()
        .map(|(kind, outcome, mean)| Line {
            kind,
            ..line(format, unit, outcome, mean)
        })
        .collect();
    let deciding = &mut lines[0];
    deciding.decides = true;
    if let Some(p) = comparison.among.adjusted_p {
        deciding.p_value = format.p_value(p, comparison.among.adjusted_ln_p);
    }
    let estimate = comparison.decisive().and_then(|outcome| outcome.absolute);
    if let (Some(effect), Some(among)) = (estimate, &comparison.among.simultaneous) {
        deciding.absolute = Ok(format.absolute(
            unit,
            Interval {
                estimate: effect.estimate,
                low: among.low,
                high: among.high,
            },
        ));
        if let Ok(relative) = deciding_relative(comparison) {
            deciding.relative = Ok(format.relative(relative));
        }
        deciding.method = format!("{}; {}", deciding.method, among.method);
    }
    lines
}

/// The relative effect that decides: with the interval of one of several comparisons, where it is one.
pub(crate) fn deciding_relative(comparison: &Comparison) -> Result<Interval, &str> {
    let among = comparison.among.simultaneous.as_ref();
    let of_several = among.and_then(|among| among.relative.as_ref());
    let alone = || comparison.decisive()?.relative.as_ref();
    of_several
        .or_else(alone)
        .map_or(Err("not computed"), relative_interval)
}

/// What each estimate is called, and its effect and means: at least the plain one, the deciding one first.
pub(crate) fn estimates(
    comparison: &Comparison,
) -> Vec<(&'static str, &Outcome, Option<Pair<f64>>)> {
    let stratified = comparison
        .stratified
        .as_ref()
        .map(|effect| ("within strata", &effect.outcome, Some(effect.mean)));
    let adjusted = comparison
        .adjusted
        .as_ref()
        .map(|effect| ("adjusted", &effect.outcome, Some(effect.mean)));
    let plain = ("plain", &comparison.outcome, comparison.mean);
    stratified
        .into_iter()
        .chain(adjusted)
        .chain([plain])
        .collect()
}

fn line(format: Format, unit: Unit, outcome: &Outcome, mean: Option<Pair<f64>>) -> Line {
    let refusal = || {
        outcome.refusal.as_ref().map_or_else(
            || "not computed".to_owned(),
            |refusal| refusal.message.clone(),
        )
    };
    let uncertainty = outcome
        .absolute
        .map_or(f64::NAN, |effect| (effect.high - effect.low) / 2.0);
    Line {
        kind: "plain",
        decides: false,
        mean: mean.map(|mean| Pair {
            arm: format.mean(unit, mean.arm, uncertainty),
            against: format.mean(unit, mean.against, uncertainty),
        }),
        absolute: outcome
            .absolute
            .as_ref()
            .map(|effect| format.absolute(unit, effect.into()))
            .ok_or_else(refusal),
        relative: match &outcome.relative {
            Some(relative) => match relative_interval(relative) {
                Ok(effect) => Ok(format.relative(effect)),
                Err(reason) => Err(format!("not estimable: {reason}")),
            },
            None => Err(refusal()),
        },
        p_value: outcome
            .p_value
            .map_or_else(|| "–".to_owned(), |p| format.p_value(p, outcome.ln_p)),
        method: outcome.method.clone().unwrap_or_default(),
    }
}

/// The relative effect, or why it cannot be had.
pub(crate) fn relative_interval(relative: &Relative) -> Result<Interval, &str> {
    match relative {
        Relative::Estimated {
            estimate,
            low,
            high,
        } => Ok(Interval {
            estimate: *estimate,
            low: *low,
            high: *high,
        }),
        Relative::NotEstimable { not_estimable } => Err(not_estimable),
    }
}

/// A comparison in one sentence:
/// `womens: spend +0.42 USD per customer (+65 %), 95 % from +0.17 to +0.68: better`.
pub(crate) fn decision(format: Format, finding: &LiftFinding, comparison: &Comparison) -> String {
    let Comparison { arm, metric, .. } = comparison;
    let lines = lines(format, comparison);
    let line = &lines[0];
    let effect = match &line.absolute {
        Ok(effect) => effect,
        Err(reason) => return format!("{arm}: {metric}: no answer: {reason}"),
    };
    let per = per_customer(comparison);
    let currency = match comparison.unit {
        Unit::Money => format!(" {}", finding.currency),
        Unit::Share | Unit::Count | Unit::Number => String::new(),
    };
    let relative = match &line.relative {
        Ok(relative) => format!(" ({})", relative.estimate),
        Err(_) => String::new(),
    };
    let level = format.level(1.0 - finding.alpha);
    let verdict = comparison.verdict.map_or("no verdict", verdict);
    format!(
        "{arm}: {metric} {}{currency}{per}{relative}, {level} from {} to {}: {verdict}",
        effect.estimate, effect.low, effect.high
    )
}

/// Ratios of sums, and shares, are not amounts per customer.
fn per_customer(comparison: &Comparison) -> &'static str {
    if comparison.ratio || comparison.unit == Unit::Share {
        ""
    } else {
        " per customer"
    }
}

/// The comparisons that decide the experiment: the primary metric of each arm.
pub(crate) fn deciding(finding: &LiftFinding) -> impl Iterator<Item = &Comparison> {
    finding
        .metrics
        .iter()
        .filter(|comparison| comparison.primary)
}

/// The name of the primary metric; empty where nothing was compared.
pub(crate) fn primary(finding: &LiftFinding) -> &str {
    deciding(finding)
        .next()
        .map_or("", |comparison| comparison.metric.as_str())
}

pub(crate) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Better => "better",
        Verdict::Worse => "worse",
        Verdict::Unclear => "unclear",
    }
}

/// Who was compared: `64,000 customers, 2008-03-20 to 2008-03-20 (15 days with the longest window)`.
pub(crate) fn scope(format: Format, finding: &LiftFinding) -> String {
    let customers = format.counted(finding.customers.counted, "customer", "customers");
    let period = finding
        .period
        .map(|period| format!(", {}", stretch(format, period)))
        .unwrap_or_default();
    format!("{customers}{period}, compared with `{}`", finding.against)
}

fn stretch(format: Format, period: Period) -> String {
    let days = format.days(f64::from(period.days));
    format!(
        "exposed from {} to {} ({days} with the longest window)",
        date(period.first),
        date(period.last)
    )
}

/// What was adjusted for, with what it saved.
pub(crate) fn adjustment(format: Format, comparison: &Comparison) -> Option<String> {
    let adjusted = comparison.adjusted.as_ref()?;
    let used = adjusted
        .covariates
        .iter()
        .filter(|covariate| covariate.dropped.is_none());
    let names: Vec<&str> = used.map(|covariate| covariate.name.as_str()).collect();
    let dropped: Vec<String> = adjusted
        .covariates
        .iter()
        .filter_map(|covariate| {
            covariate
                .dropped
                .as_ref()
                .map(|reason| format!("{} ({reason})", covariate.name))
        })
        .collect();
    let left_out = if dropped.is_empty() {
        String::new()
    } else {
        format!("; left out: {}", dropped.join(", "))
    };
    Some(format!(
        "{}, {}: adjusted for {}; this saves {} of the variance{left_out}",
        comparison.metric,
        comparison.arm,
        names.join(", "),
        format.percent(adjusted.variance_reduction, 1),
    ))
}

/// How often chance alone would make a segment look different.
pub(crate) fn segments_caution(format: Format, intervals: usize, alpha: f64) -> String {
    format!(
        "{intervals} intervals, each of level {}: chance alone would put about {} of them off the truth. A difference \
         between segments is a question for the next experiment, not an answer.",
        format.level(1.0 - alpha),
        format.fixed(intervals as f64 * alpha, 1),
    )
}

pub(crate) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Fine => "fine",
        Severity::Notice => "notice",
        Severity::Warning => "warning",
        Severity::Stop => "stop",
    }
}

pub(crate) fn check_name(check: &Check) -> &'static str {
    match check.check {
        CheckKind::SampleRatio => "sample ratio",
        CheckKind::SeveralArms => "several arms",
        CheckKind::MissingValues => "missing values",
        CheckKind::Balance => "balance before",
        CheckKind::Assignment => "assignment",
        CheckKind::Caps => "caps",
        CheckKind::Maturity => "time",
        CheckKind::Windows => "windows",
        CheckKind::Adjustment => "adjustment",
        CheckKind::Events => "rows",
        CheckKind::Strata => "strata",
        CheckKind::NoData => "data",
        CheckKind::Plan => "plan",
        CheckKind::Sources => "sources",
    }
}

pub(crate) fn grade(grade: Grade) -> &'static str {
    match grade {
        Grade::A => "A",
        Grade::B => "B",
        Grade::C => "C",
        Grade::D => "D",
        Grade::E => "E",
    }
}

pub(crate) fn grade_meaning(grade: Grade) -> &'static str {
    match grade {
        Grade::A => "measured by randomization, on the customers and in the time that it counts",
        Grade::B => "measured by randomization, extrapolated to other times or customers",
        Grade::C => "a comparison without randomization",
        Grade::D => "a model or attribution",
        Grade::E => "an assumption",
    }
}

pub(crate) const GRADES: [Grade; 5] = [Grade::A, Grade::B, Grade::C, Grade::D, Grade::E];

/// The level of personalization in a word.
pub(crate) fn level(level: u8) -> &'static str {
    match level {
        0 => "generic",
        1 => "substitution",
        2 => "contextual",
        3 => "segment",
        4 => "behavioural",
        5 => "predictive one-to-one",
        6 => "one-to-one across channels",
        _ => "unknown",
    }
}

/// The whole ledger in a few sentences.
pub(crate) fn ledger_verdict(format: Format, finding: &LedgerFinding) -> String {
    let mut text = match &finding.total {
        Some(total) => total_verdict(format, finding, total),
        None => "No initiative has a number yet.".to_owned(),
    };
    match (finding.refused, &finding.total) {
        (0, _) => {}
        (1, Some(_)) => text.push_str(" One initiative has no number and is left out."),
        (1, None) => text.push_str(" One was refused."),
        (refused, Some(_)) => text.push_str(&format!(
            " {refused} initiatives have no number and are left out."
        )),
        (refused, None) => text.push_str(&format!(" {refused} were refused.")),
    }
    if let Some(credited) = worth::credited_verdict(format, finding) {
        text.push_str(&format!(" {credited}"));
    }
    text
}

fn total_verdict(format: Format, finding: &LedgerFinding, total: &Total) -> String {
    let currency = &finding.currency;
    let verb = if total.increment.0.is_sign_negative() {
        "changed margin by"
    } else {
        "added"
    };
    let earned = format!(
        "Personalization {verb} {}{} and cost {}",
        format.amount(total.increment, currency),
        if verb == "added" { " of margin" } else { "" },
        format.amount(total.cost, currency)
    );
    let level = format.level(finding.confidence);
    let returned = total.roi.as_ref().map_or_else(
        || "nothing was spent on it, so there is no return on it".to_owned(),
        |roi| {
            let shown = format.relative(roi.into());
            format!(
                "a return of {} ({level} from {} to {})",
                shown.estimate, shown.low, shown.high
            )
        },
    );
    let probability = format.probability(total.probability_positive);
    format!("{earned}: {returned}. The probability that it earns its cost is {probability}.")
}

/// When an initiative has paid for itself: `after 34 days (25 days to 51 days)`.
pub(crate) fn payback(format: Format, payback: &Payback) -> String {
    let Some(days) = payback.days else {
        return format!("not within {}", format.days(payback.of_days));
    };
    let earliest = payback.earliest_days.map(|days| format.days(days));
    let latest = payback
        .latest_days
        .map_or_else(|| "never".to_owned(), |days| format.days(days));
    let range = earliest
        .map(|earliest| format!(" ({earliest} to {latest})"))
        .unwrap_or_default();
    format!("after {}{range}", format.days(days))
}

/// The return as text, or why there is none.
pub(crate) fn roi(format: Format, roi: Option<&value::Estimate>) -> Result<Shown, &'static str> {
    roi.map(|roi| format.relative(roi.into())).ok_or("no cost")
}

/// Why an initiative has no number.
pub(crate) fn no_number(initiative: &InitiativeValue) -> &str {
    initiative
        .refusal
        .as_ref()
        .map_or("nothing was measured", |refusal| &refusal.message)
}

/// How many intervals of the primary metric the segments show.
pub(crate) fn segment_intervals(finding: &LiftFinding) -> usize {
    let values = finding.segments.iter().flat_map(|segment| &segment.values);
    values
        .flat_map(|value| &value.metrics)
        .filter(|comparison| comparison.primary && comparison.verdict.is_some())
        .count()
}

/// Why a comparison has no effect or no relative effect.
pub(crate) fn unanswered(format: Format, comparison: &Comparison) -> Option<String> {
    let line = lines(format, comparison).swap_remove(0);
    let what = format!("{}, {}", comparison.metric, comparison.arm);
    match (line.absolute, line.relative) {
        (Err(reason), _) => Some(format!("{what}: no answer: {reason}")),
        (Ok(_), Err(reason)) => Some(format!("{what}: the relative lift is {reason}")),
        (Ok(_), Ok(_)) => None,
    }
}

/// What a check found, with its probability where it is a test.
pub(crate) fn check_message(format: Format, check: &Check) -> String {
    match check.p_value {
        Some(p) => format!(
            "{} (p {})",
            check.message,
            equals(&format.p_value(p, check.ln_p))
        ),
        None => check.message.clone(),
    }
}

/// A sentence's first letter a capital.
pub(crate) fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

/// `= 0.04` or `< 1e-300`; a dash where there is no probability.
pub(crate) fn equals(p_value: &str) -> String {
    if p_value.starts_with(['<', '–']) {
        p_value.to_owned()
    } else {
        format!("= {p_value}")
    }
}

/// The lifts per customer that an initiative's increments rest on; of customers' lives the gain `a life`.
pub(crate) fn measured_lifts(format: Format, initiative: &InitiativeValue) -> Vec<Shown> {
    let lifts = initiative.increments.iter();
    lifts
        .map(|increment| {
            let shown = format.absolute(Unit::Money, (&increment.lift).into());
            match increment.lifetime {
                None => shown,
                Some(_) => Shown {
                    estimate: format!("{} a life", shown.estimate),
                    ..shown
                },
            }
        })
        .collect()
}

/// The break-even lift to the place that the measured lift is shown to, or to four places where none was measured.
pub(crate) fn break_even(format: Format, initiative: &InitiativeValue, lift: f64) -> String {
    let widest = initiative
        .increments
        .iter()
        .map(|increment| increment.lift.high - increment.lift.low)
        .reduce(f64::min);
    format.signed(lift, widest.map_or(4, |width| places(width / 2.0).max(2)))
}

/// The price of one: an amount, or a share of revenue.
pub(crate) fn price(format: Format, line: &CostLine) -> String {
    use rust_decimal::prelude::ToPrimitive;
    let price = line.price.to_f64().unwrap_or(f64::NAN);
    if line.per == "revenue" {
        return format.percent(price, 2);
    }
    let places = line.price.normalize().scale().max(2) as usize;
    format.fixed(price, places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payback_says_when_or_that_it_does_not() {
        let days = |days, latest_days| Payback {
            days,
            earliest_days: Some(25.0),
            latest_days,
            of_days: 182.0,
        };
        assert_eq!(
            payback(Format::PLAIN, &days(Some(34.0), Some(51.0))),
            "after 34 days (25 days to 51 days)"
        );
        assert_eq!(
            payback(Format::PLAIN, &days(Some(34.0), None)),
            "after 34 days (25 days to never)"
        );
        assert_eq!(
            payback(Format::PLAIN, &days(None, None)),
            "not within 182 days"
        );
    }

    #[test]
    fn a_share_of_revenue_is_a_price_in_per_cent() {
        let line = |per: &str, price: &str| CostLine {
            name: "fee".to_owned(),
            per: per.to_owned(),
            price: price.parse().unwrap(),
            quantity: 1.0,
            amount: value::Money::default(),
        };
        assert_eq!(price(Format::PLAIN, &line("revenue", "0.015")), "1.50 %");
        assert_eq!(price(Format::PLAIN, &line("touch", "0.0020")), "0.002");
        assert_eq!(price(Format::PLAIN, &line("once", "1500")), "1,500.00");
    }
}
