//! Whether an attribution can be relied on: what was left out, and what looks wrong.

use catalog::{AfterConversion, Attribution, Catalog, did_you_mean};
use stats::tail::binomial_upper;

use super::counts::ChannelCount;
use super::events::{self, Events, what};
use super::evidence;
use super::finding::{
    AttributionCheck, AttributionCheckKind as Kind, CalibrationFinding, CreditTotals, KeyFinding,
};
use super::journeys::{Journeys, MICROSECONDS_A_DAY};
use crate::audience::{READ_ONCE, Severity, of_duplicates};

/// From this share of conversions without a touch on, credit is about less than it seems.
const MANY_UNTOUCHED: f64 = 0.2;
/// From this share of conversions on, clocks are taken for wrong.
const MANY_SKEWED: f64 = 0.01;
/// The level at which touches right after conversions are more than by chance, all channels together.
const ALARM: f64 = 0.001;

/// What the checks look at.
pub(super) struct Looked<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) attribution: &'a Attribution,
    pub(super) events: &'a Events,
    pub(super) journeys: &'a Journeys,
    pub(super) totals: CreditTotals,
    pub(super) keys: &'a [KeyFinding],
    pub(super) calibrations: &'a [CalibrationFinding],
}

/// All checks, in the order of their kinds.
pub(super) fn checks(looked: &Looked<'_>) -> Vec<AttributionCheck> {
    let mut checks = dropped(looked);
    checks.extend(costs(looked));
    checks.extend(conversions(looked));
    checks.extend(without_shares(looked));
    checks.extend(untouched(looked));
    checks.extend(windows(looked));
    checks.extend(clocks(looked));
    checks.extend(channels(looked));
    checks.extend(keys(looked));
    checks.extend(open_journeys(looked));
    checks.extend(models(looked));
    checks.push(evidence::experiments(looked));
    checks.sort_by_key(|check| check.kind);
    checks
}

/// One check.
pub(super) fn check(
    kind: Kind,
    severity: Severity,
    number: u64,
    message: String,
) -> AttributionCheck {
    AttributionCheck {
        kind,
        severity,
        number,
        message,
    }
}

/// One check, if there is anything that it is about.
fn counted(
    kind: Kind,
    severity: Severity,
    number: u64,
    message: impl FnOnce(u64) -> String,
) -> Option<AttributionCheck> {
    (number > 0).then(|| check(kind, severity, number, message(number)))
}

/// A number of things with what they are or do, in the singular where there is one.
fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", plural_of(number, one, many))
}

/// The words for one thing, or for several.
fn plural_of<'w>(number: u64, one: &'w str, many: &'w str) -> &'w str {
    if number == 1 { one } else { many }
}

/// Rows that could not be used.
fn dropped(looked: &Looked<'_>) -> Vec<AttributionCheck> {
    let reasons = [
        (
            what::TOUCH_WITHOUT_CUSTOMER,
            Kind::Touches,
            Severity::Warning,
            [
                "row of touches has no customer",
                "rows of touches have no customer",
            ],
        ),
        (
            what::TOUCH_WITHOUT_TIME,
            Kind::Touches,
            Severity::Warning,
            [
                "touch has no time from the years 1000 to 3099",
                "touches have no time from the years 1000 to 3099",
            ],
        ),
        (
            what::TOUCH_WITHOUT_CHANNEL,
            Kind::Touches,
            Severity::Warning,
            ["touch has no channel", "touches have no channel"],
        ),
        (
            what::TOUCH_OF_OTHER_KIND,
            Kind::Touches,
            Severity::Notice,
            [
                "row is neither a view nor a click",
                "rows are neither a view nor a click",
            ],
        ),
        (
            what::TOUCH_EXCLUDED,
            Kind::Touches,
            Severity::Fine,
            [
                "touch is of an excluded channel",
                "touches are of excluded channels",
            ],
        ),
        (
            what::CONVERSION_WITHOUT_CUSTOMER,
            Kind::Conversions,
            Severity::Warning,
            ["conversion has no customer", "conversions have no customer"],
        ),
        (
            what::CONVERSION_WITHOUT_TIME,
            Kind::Conversions,
            Severity::Warning,
            [
                "conversion has no time from the years 1000 to 3099",
                "conversions have no time from the years 1000 to 3099",
            ],
        ),
        (
            what::CONVERSION_NOT_FINITE,
            Kind::Conversions,
            Severity::Warning,
            [
                "conversion has a value that is infinite or not a number",
                "conversions have a value that is infinite or not a number",
            ],
        ),
    ];
    let counts = &looked.journeys.counts;
    reasons
        .into_iter()
        .filter_map(|(reason, kind, severity, [one, many])| {
            counted(kind, severity, counts.dropped(reason), |number| {
                let left_out = plural_of(number, "it is left out", "they are left out");
                format!("{}: {left_out}", plural(number, one, many))
            })
        })
        .collect()
}

/// Touches that cost what nothing costs.
fn costs(looked: &Looked<'_>) -> Option<AttributionCheck> {
    let number = looked.journeys.counts.unknown_costs;
    counted(Kind::Touches, Severity::Warning, number, |number| {
        plural(
            number,
            "touch costs less than nothing, over 10^12 or no number: what it costs counts as unknown, and credit less cost is without it",
            "touches cost less than nothing, over 10^12 or no number: what they cost counts as unknown, and credit less cost is without it",
        )
    })
}

fn conversions(looked: &Looked<'_>) -> Vec<AttributionCheck> {
    let counts = &looked.journeys.counts;
    let has_order = looked.attribution.conversion.order.is_some();
    let by_share = |number| of_duplicates(number, counts.conversions);
    [
        counted(Kind::Conversions, Severity::Notice, counts.worthless, |number| {
            plural(
                number,
                "conversion has no value: it counts as a conversion that is worth nothing",
                "conversions have no value: they count as conversions that are worth nothing",
            )
        }),
        counted(Kind::Conversions, Severity::Notice, counts.negative, |number| {
            plural(
                number,
                "conversion is worth less than nothing, as a refund is: its touches lose value",
                "conversions are worth less than nothing, as refunds are: their touches lose value",
            )
        }),
        counted(Kind::Conversions, Severity::Fine, counts.later_conversions, |number| {
            plural(
                number,
                "conversion came after a customer's first: it is left out",
                "conversions came after a customer's first: they are left out",
            )
        }),
        counted(Kind::Duplicates, by_share(counts.repeated_rows), counts.repeated_rows, |number| {
            let rows = plural(
                number,
                "row of conversions is the same in every column as another",
                "rows of conversions are the same in every column as others",
            );
            format!("{rows}: their order counts once, and their values add up, as in metrics; {READ_ONCE}")
        }),
        counted(Kind::Duplicates, by_share(counts.alike), counts.alike, |number| {
            let known = if has_order {
                "they have different orders, so all count".to_owned()
            } else {
                format!("all count, as in metrics; {READ_ONCE}, or name the order's column with `order`")
            };
            let conversions = plural(number, "conversion is", "conversions are");
            format!("{conversions} of a customer, time and value that another one has: {known}")
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Where what is credited is not more than nothing.
fn without_shares(looked: &Looked<'_>) -> Option<AttributionCheck> {
    let value = looked.totals.credited_value.filter(|value| *value <= 0.0)?;
    let conversions = looked.totals.credited_conversions;
    (conversions > 0.0).then(|| {
        let message = format!(
            "the {conversions:.0} conversions that are credited are worth {value:.2} together: of a total that is not more \
             than nothing there are no shares, only amounts"
        );
        check(Kind::Conversions, Severity::Notice, conversions as u64, message)
    })
}

fn untouched(looked: &Looked<'_>) -> Option<AttributionCheck> {
    let number = looked.journeys.table.dropped().untouched_journeys;
    let all = looked.journeys.counts.conversions;
    let share = number as f64 / all.max(1) as f64;
    let severity = if share > MANY_UNTOUCHED {
        Severity::Warning
    } else {
        Severity::Notice
    };
    counted(Kind::Untouched, severity, number, |number| {
        let no_touch = plural_of(
            number,
            "has no touch before it that counts: no model credits it",
            "have no touch before them that counts: no model credits them",
        );
        format!("{number} of {all} conversions {no_touch}")
    })
}

fn windows(looked: &Looked<'_>) -> Vec<AttributionCheck> {
    let counts = &looked.journeys.counts;
    let of_later = match looked.attribution.after_conversion {
        AfterConversion::FirstOnly => "left out",
        AfterConversion::Cut | AfterConversion::Carry => {
            "no credit from it, but a journey without a conversion"
        }
    };
    [
        counted(Kind::Windows, Severity::Fine, counts.too_old, |number| {
            let times = plural(number, "time", "times");
            format!(
                "{times} a touch was too old for the end of its journey: it earns nothing there"
            )
        }),
        counted(Kind::Windows, Severity::Fine, counts.after_last, |number| {
            let touches = plural(number, "touch", "touches");
            format!("{touches} came after the customer's last conversion: {of_later}")
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn clocks(looked: &Looked<'_>) -> Vec<AttributionCheck> {
    if looked.events.conversions_by_day {
        let message = "conversions are known by their day only: they count as made at the end of it, after all touches \
                       of the day";
        let all = looked.journeys.counts.conversions;
        return vec![check(
            Kind::Clocks,
            Severity::Notice,
            all,
            message.to_owned(),
        )];
    }
    skewed(looked).into_iter().collect()
}

/// Conversions that no touch came before and one soon after, more than by chance: where that is so in most channels, the
/// clocks differ; where it is so in few, conversions trigger these touches, as an order does its confirmation. One channel
/// alone does not tell the two apart.
fn skewed(looked: &Looked<'_>) -> Option<AttributionCheck> {
    let channels = &looked.journeys.channels;
    let level = ALARM / channels.len().max(1) as f64;
    let is_more = |count: &ChannelCount| {
        count.soon > 0 && binomial_upper(count.soon, count.soon + count.later, 0.5).p < level
    };
    let more: Vec<&String> = (channels.iter())
        .filter(|(_, count)| is_more(count))
        .map(|(name, _)| name)
        .collect();
    let names: Vec<String> = more.iter().map(|name| format!("`{name}`")).collect();
    let excess: u64 = (more.iter())
        .map(|name| channels[*name].soon - channels[*name].later)
        .sum();
    let share = excess as f64 / looked.journeys.counts.conversions.max(1) as f64;
    let is_everywhere = 2 * more.len() >= channels.len() && (more.len() > 1 || channels.len() == 1);
    let (severity, why) = match (more.is_empty(), is_everywhere) {
        (true, _) => (Severity::Fine, "as many as by chance".to_owned()),
        (false, true) if share > MANY_SKEWED && channels.len() == 1 => (
            Severity::Warning,
            format!(
                "more than by chance in {}, the only channel: the clocks of touches and conversions may differ, or \
                 conversions trigger these touches",
                names.join(", ")
            ),
        ),
        (false, true) if share > MANY_SKEWED => (
            Severity::Warning,
            format!(
                "more than by chance in {}: the clocks of touches and conversions may differ",
                names.join(", ")
            ),
        ),
        (false, true) => (
            Severity::Notice,
            format!("more than by chance in {}", names.join(", ")),
        ),
        (false, false) => (
            Severity::Notice,
            format!(
                "more than by chance in {} alone: conversions seem to trigger these touches",
                names.join(", ")
            ),
        ),
    };
    let soon = channels.values().map(|count| count.soon).sum();
    counted(Kind::Clocks, severity, soon, |number| {
        let conversions = plural(
            number,
            "conversion has no touch before it",
            "conversions have no touch before them",
        );
        format!("{conversions} and one within five minutes after, {why}")
    })
}

/// Channels of touches that the catalog does not declare, where it declares any.
fn channels(looked: &Looked<'_>) -> Vec<AttributionCheck> {
    let declared: Vec<&str> = (looked.catalog.channels())
        .map(|channel| channel.name.as_str())
        .collect();
    if declared.is_empty() {
        return Vec::new();
    }
    let unknown = |(name, _): &(&String, &ChannelCount)| !declared.contains(&name.as_str());
    let channels = looked.journeys.channels.iter().filter(unknown);
    channels
        .map(|(name, count)| {
            let touches = count.touches;
            let help = match did_you_mean(name, declared.iter().copied()) {
                Some(meant) => format!("is `{meant}` meant?"),
                None => "it is credited as it is".to_owned(),
            };
            let of_channel = plural(touches, "touch is", "touches are");
            let message =
                format!("{of_channel} of the channel `{name}`, which is not declared: {help}");
            check(Kind::Channels, Severity::Warning, touches, message)
        })
        .collect()
}

/// Touches that do not say what is credited.
fn keys(looked: &Looked<'_>) -> Option<AttributionCheck> {
    let is_none = |key: &str| key.split(events::CROSSING).any(|part| part == events::NONE);
    let keys = looked.journeys.keys.iter();
    let number = keys
        .filter(|(key, _)| is_none(key))
        .map(|(_, count)| count.touches)
        .sum();
    counted(Kind::Keys, Severity::Notice, number, |number| {
        let touches = plural(
            number,
            "touch does not say what is credited: it stands",
            "touches do not say what is credited: they stand",
        );
        format!("{touches} under `{}`", events::NONE)
    })
}

fn open_journeys(looked: &Looked<'_>) -> Vec<AttributionCheck> {
    let counts = &looked.journeys.counts;
    let mut checks = Vec::new();
    if counts.null_days.is_empty() {
        let message = "every journey converts: models that compare with journeys without a conversion say no more than \
                       how often a touch was met";
        checks.push(check(Kind::Nulls, Severity::Warning, 0, message.to_owned()));
    }
    let Some((_, last)) = counts.period else {
        return checks;
    };
    // Where a channel's window is longer, journeys are open for as long.
    let attribution = looked.attribution;
    let of_channels = attribution.windows.values();
    let windows = of_channels.flat_map(|window| [window.view(), window.click()]);
    let longest = (windows.flatten()).fold(attribution.lookback, |longest, window| {
        match window.nominal_seconds() > longest.nominal_seconds() {
            true => window,
            false => longest,
        }
    });
    let days = longest.nominal_seconds().div_ceil(86_400);
    let first_open = last.div_euclid(MICROSECONDS_A_DAY) - i64::try_from(days).unwrap_or(i64::MAX);
    let open: u64 = counts.null_days.range(first_open..).map(|(_, n)| n).sum();
    checks.extend(counted(Kind::OpenJourneys, Severity::Notice, open, |number| {
        let journeys = plural(number, "journey", "journeys");
        let may = plural_of(number, "it may", "they may");
        let count = plural_of(number, "counts", "count");
        format!(
            "{journeys} without a conversion had a last touch within {longest} of the last conversion: {may} still \
             convert, and {count} as not converted"
        )
    }));
    checks
}

/// Whether the models agree about who comes first.
fn models(looked: &Looked<'_>) -> Option<AttributionCheck> {
    let best = looked.keys.iter().filter(|key| key.ranks.best == 1).count() as u64;
    (best > 1).then(|| {
        let names: Vec<String> = (looked.keys.iter())
            .filter(|key| key.ranks.best == 1)
            .map(|key| format!("`{}`", key.key))
            .collect();
        let message = format!(
            "the models do not agree on what earns most: it is one of {}",
            names.join(", ")
        );
        check(Kind::Models, Severity::Notice, best, message)
    })
}
