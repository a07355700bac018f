//! What a factorial says, in sentences and lines that the terminal and the page share.

use catalog::FactorialOf;
use measure::audience::{Outcome, Verdict};
use measure::content::{
    AddsUp, Aliases, Answer, ChannelsFinding, CombinationFinding, DesignOption, FactorBySegment,
    FactorialFinding, FactorsTogether, LevelEffect,
};

use crate::format::{Format, Interval, Shown};
use crate::words::{self, relative_interval};

/// An answer with what it is an answer to.
pub(crate) struct Line<'f> {
    pub(crate) what: String,
    pub(crate) answer: &'f Answer,
    /// Of all channels together: what they bring beside the sum of each alone.
    adds_up: Option<AddsUp>,
}

impl Line<'_> {
    /// What the answer says in words, where anything is decided.
    pub(crate) fn verdict(&self) -> Option<&'static str> {
        let adds_up = self.adds_up.map(|adds_up| match adds_up {
            AddsUp::LessThanTheSum => "less than the sum",
            AddsUp::MoreThanTheSum => "more than the sum",
            AddsUp::NotToldApart => "not told from the sum",
        });
        adds_up.or(self.answer.verdict.map(words::verdict))
    }
}

/// What the column of relative effects is relative to.
pub(crate) const RELATIVE: &str = "Relative: to what an effect is against.";

/// The contrasts, from any channel against none to each factor with and without.
pub(crate) fn lines(finding: &FactorialFinding) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let mut add = |what: String, answer| {
        lines.push(Line {
            what,
            answer,
            adds_up: None,
        });
    };
    if let Some(channels) = &finding.channels {
        add(
            "any channel against none".to_owned(),
            &channels.any_against_none,
        );
        add(
            "all channels against none".to_owned(),
            &channels.all_against_none,
        );
        if let Some(answer) = &channels.many_against_one {
            add("many channels against one".to_owned(), answer);
        }
        for step in channels.ladder.iter().filter(|_| channels.ladder.len() > 1) {
            let what = match step.channels {
                1 => "one channel against none".to_owned(),
                number => format!("{number} channels against {}", number - 1),
            };
            add(what, &step.effect);
        }
    }
    let channels = finding.channels.as_ref();
    lines.extend(channels.and_then(|channels| {
        Some(Line {
            what: "all together against the sum of each alone".to_owned(),
            answer: channels.synergy.as_ref()?,
            adds_up: channels.adds_up,
        })
    }));
    for effect in &finding.effects {
        let what = match finding.of {
            FactorialOf::Channels => format!("{}, with and without", effect.factor),
            FactorialOf::Components => {
                format!(
                    "{}: {} against {}",
                    effect.factor, effect.level, effect.against
                )
            }
        };
        lines.push(Line {
            what,
            answer: &effect.effect,
            adds_up: None,
        });
    }
    lines
}

/// The effect with its interval, or why there is none.
pub(crate) fn effect(
    format: Format,
    finding: &FactorialFinding,
    outcome: &Outcome,
) -> Result<Shown, String> {
    match (&outcome.absolute, &outcome.refusal) {
        (Some(effect), _) => Ok(format.absolute(finding.unit, effect.into())),
        (None, Some(refusal)) => Err(refusal.message.clone()),
        (None, None) => Err("tested alone".to_owned()),
    }
}

/// The relative effect with its interval; none where it cannot be had.
pub(crate) fn relative(format: Format, outcome: &Outcome) -> Option<Shown> {
    let relative = relative_interval(outcome.relative.as_ref()?).ok()?;
    Some(format.relative(relative))
}

/// The share of a channel with its interval.
pub(crate) fn share(format: Format, share: Option<&measure::audience::Relative>) -> Option<Shown> {
    let share = relative_interval(share?).ok()?;
    let places = crate::format::places(50.0 * (share.high - share.low));
    Some(Shown {
        estimate: format.percent(share.estimate, places),
        low: format.percent(share.low, places),
        high: format.percent(share.high, places),
    })
}

/// What the finding says in ten seconds.
pub(crate) fn says(format: Format, finding: &FactorialFinding) -> String {
    if let Some(refusal) = &finding.refusal {
        return format!(
            "Nothing can be said of {}: {}.",
            finding.experiment, refusal.message
        );
    }
    match &finding.channels {
        Some(channels) => channels_say(format, finding, channels),
        None => components_say(format, finding),
    }
}

fn channels_say(format: Format, finding: &FactorialFinding, channels: &ChannelsFinding) -> String {
    let mut text = match effect(format, finding, &channels.all_against_none.outcome) {
        Ok(shown) => format!(
            "All channels against none: {} of {} a customer ({}).",
            shown.estimate,
            finding.metric,
            shown.interval()
        ),
        Err(reason) => format!("What all channels cause is not known: {reason}."),
    };
    let shares: Vec<String> = channels
        .shares
        .iter()
        .filter_map(|one| {
            let share = share(format, one.share.as_ref())?;
            Some(format!(
                "{} {} ({})",
                one.channel,
                share.estimate,
                share.interval()
            ))
        })
        .collect();
    if !shares.is_empty() {
        text.push_str(&format!(" Of that, caused by: {}.", shares.join(", ")));
    }
    text + &together_say(&finding.interactions)
}

fn components_say(format: Format, finding: &FactorialFinding) -> String {
    let sure: Vec<String> = finding
        .effects
        .iter()
        .filter(|effect| {
            let verdict = effect.effect.verdict;
            verdict.is_some_and(|verdict| verdict != Verdict::Unclear)
        })
        .filter_map(|one| {
            let shown = effect(format, finding, &one.effect.outcome).ok()?;
            let (factor, level, against) = (&one.factor, &one.level, &one.against);
            Some(format!(
                "{factor} {level} against {against}: {} ({})",
                shown.estimate,
                shown.interval()
            ))
        })
        .collect();
    let has_answer = |one: &LevelEffect| one.effect.outcome.absolute.is_some();
    let mut text = if !sure.is_empty() {
        format!("What matters: {}.", sure.join("; "))
    } else if finding.effects.iter().any(has_answer) {
        "No component is shown to matter.".to_owned()
    } else if !finding.design.aliases.is_empty() {
        "The effects of single components cannot be told apart by the combinations that were run."
            .to_owned()
    } else {
        "No component's effect can be told.".to_owned()
    };
    if let Some(best) = finding.combinations.first() {
        text.push_str(&format!(
            " Most is to be expected of {}",
            best.levels.join(" with ")
        ));
        if let Some(probability) = best.probability_best {
            let probability = format.probability(probability);
            text.push_str(&format!(
                ", with a probability of {probability} to be the best"
            ));
        }
        if best.arm.is_none() {
            text.push_str(", which was not run");
        }
        text.push('.');
    }
    text + &together_say(&finding.interactions)
}

/// Which factors are shown to change each other's effects.
fn together_say(interactions: &[FactorsTogether]) -> String {
    let shown: Vec<String> = interactions
        .iter()
        .filter(|one| one.interact == Some(true))
        .map(|one| {
            let names = one.factors.join(" and ");
            match one
                .effect
                .outcome
                .absolute
                .map(|effect| effect.estimate > 0.0)
            {
                Some(true) => format!("{names} add to each other's effect"),
                Some(false) => format!("{names} take from each other's effect"),
                None => format!("{names} change each other's effect"),
            }
        })
        .collect();
    match shown.is_empty() {
        true => String::new(),
        false => format!(" {}.", shown.join("; ")),
    }
}

/// Which combinations were run by how many customers, and what cannot be told apart.
pub(crate) fn scope(format: Format, finding: &FactorialFinding) -> Vec<String> {
    let design = &finding.design;
    let mut sentences = vec![format!(
        "{} of {} combinations of {} in {}; {} by the arm that they were assigned to; effects on {} a customer, with {} \
         intervals.",
        format.count(design.run),
        format.count(design.of),
        names(finding),
        finding.experiment,
        format.counted(finding.customers, "customer counts", "customers count"),
        finding.metric,
        format.level(1.0 - finding.alpha),
    )];
    if let Some(assumed) = design.assumed {
        sentences.push(format!(
            "Where a combination was not run, effects of more than {} are taken as zero.",
            format.counted(assumed as u64, "factor", "factors")
        ));
    }
    if !design.aliases.is_empty() {
        sentences.push(format!("Not told apart: {}.", aliases(&design.aliases)));
    }
    if design.regular == Some(false) {
        sentences.push(
            "The combinations are no regular fraction: each effect says whether they tell it."
                .to_owned(),
        );
    }
    sentences
}

fn names(finding: &FactorialFinding) -> String {
    let names: Vec<&str> = finding
        .factors
        .iter()
        .map(|one| one.factor.as_str())
        .collect();
    names.join(" × ")
}

/// `a = b × c; d = e × f`.
pub(crate) fn aliases(aliases: &[Aliases]) -> String {
    let rows: Vec<String> = aliases
        .iter()
        .map(|row| format!("{} = {}", row.effect, row.aliases.join(" = ")))
        .collect();
    rows.join("; ")
}

/// What a design does not tell apart.
pub(crate) fn not_told_apart(design: &DesignOption) -> String {
    match (design.aliases.is_empty(), design.resolution) {
        (false, _) => aliases(&design.aliases),
        (true, None) => "nothing".to_owned(),
        (true, Some(_)) => "no pairs, nor single factors".to_owned(),
    }
}

/// How to read the effects that designs find, and how many customers the effect that matters needs.
pub(crate) fn about_designs(format: Format, finding: &FactorialFinding) -> String {
    let Some(found) = finding.designs.iter().find_map(|one| one.detectable) else {
        return "What designs of these factors can tell.".to_owned();
    };
    let mut text = format!(
        "What designs of these factors can tell: the smallest effects that {} find {} of the time.",
        format.counted(found.customers, "customer", "customers"),
        format.percent(found.power, 0),
    );
    if let (Some(main), Some(interaction)) =
        (found.customers_for_main, found.customers_for_interaction)
    {
        text.push_str(&format!(
            " The smallest effect that matters by the plan needs {} as that of one factor, {} as an interaction.",
            format.counted(main, "customer", "customers"),
            format.count(interaction)
        ));
    }
    text
}

/// What an interaction says.
pub(crate) fn interaction_says(one: &FactorsTogether) -> &'static str {
    match one.interact {
        Some(true) => "they change each other's effect",
        Some(false) => "nothing speaks against adding up",
        None => "–",
    }
}

/// The value of a combination that is to be expected, else its own, with its interval.
pub(crate) fn combination_value(combination: &CombinationFinding) -> Option<Interval> {
    let expected = combination.expected.map(|expected| Interval {
        estimate: expected.estimate,
        low: expected.low,
        high: expected.high,
    });
    expected.or(combination.mean.as_ref().map(Interval::from))
}

/// What choosing a factor by a segment is worth.
pub(crate) fn by_segment(
    format: Format,
    finding: &FactorialFinding,
    one: &FactorBySegment,
) -> String {
    let head = format!("{} by {}", one.factor, one.segment);
    let differ = match one.levels.iter().any(|level| level.differ == Some(true)) {
        true => "effects differ",
        false => "effects are not shown to differ",
    };
    let p: Vec<f64> = one
        .levels
        .iter()
        .filter_map(|level| level.p_adjusted)
        .collect();
    let p = match p.into_iter().reduce(f64::min) {
        Some(p) => format!(" (corrected p {})", words::equals(&format.p_value(p, None))),
        None => String::new(),
    };
    let left_out = match one.left_out {
        0 => String::new(),
        number => format!(
            " {} left out: too few customers in an arm.",
            format.counted(number, "value", "values")
        ),
    };
    let says = match (&one.refusal, &one.worth, &one.best) {
        (Some(refusal), ..) => {
            format!("what choosing is worth cannot be said: {}", refusal.message)
        }
        (None, Some(worth), Some(best)) => {
            let shown = format.absolute(finding.unit, worth.into());
            let choices: Vec<String> = one
                .choices
                .iter()
                .filter(|choice| choice.level != *best)
                .map(|choice| format!("{} for {}", choice.level, choice.value))
                .collect();
            format!(
                "choosing {}, and {best} for all others, is worth {} a customer ({})",
                choices.join(", "),
                shown.estimate,
                shown.interval()
            )
        }
        (None, None, Some(best)) => {
            format!("{best} is to be chosen for all: nothing is gained by choosing")
        }
        (None, _, None) => "nothing is known".to_owned(),
    };
    format!("{head}: {differ}{p}; {says}.{left_out}")
}
