//! What a finding says beyond its table of effects: decisions, the plan, second views, what arms have in common. In
//! sentences, by topic, that the terminal and the page share.

use catalog::{Looks, Unit};
use measure::audience::{
    BayesFinding, CombinedEffect, Comparison, Decision, DecisionReasonKind, LiftFinding,
    LookingState, Outcome, PlanFinding, Says, SecondOpinion, SegmentFinding, TriggerFinding,
};

use crate::format::{Format, Interval, Shown, date};
use crate::words::{self, relative_interval};

/// Sentences on one subject.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Topic {
    pub(crate) title: &'static str,
    pub(crate) sentences: Vec<String>,
}

/// All subjects on which a finding says something.
pub(crate) fn topics(format: Format, finding: &LiftFinding) -> Vec<Topic> {
    let each = |says: fn(Format, &LiftFinding) -> Vec<String>| says(format, finding);
    [
        ("Ship or not", each(decisions)),
        ("The plan", each(plan)),
        ("All arms at once", each(omnibus)),
        ("Several arms together", each(together)),
        ("What to believe", each(beliefs)),
        ("Content or targeting", each(decompositions)),
        ("Where the treatment could differ", each(triggers)),
        ("Since exposure", each(by_day)),
        ("Metrics in more detail", each(details)),
        ("Second opinions", each(second_opinions)),
        ("Adjustment and clusters", each(adjustment)),
    ]
    .into_iter()
    .filter(|(_, sentences)| !sentences.is_empty())
    .map(|(title, sentences)| Topic { title, sentences })
    .collect()
}

fn decisions(format: Format, finding: &LiftFinding) -> Vec<String> {
    let mut sentences = Vec::new();
    for ruling in &finding.together.decisions {
        let decision = match ruling.decision {
            Decision::Ship => "ship",
            Decision::DoNotShip => "do not ship",
            Decision::Undecided => "undecided",
        };
        let reasons: Vec<&str> = ruling
            .reasons
            .iter()
            .map(|reason| reason.message.as_str())
            .collect();
        let because = if reasons.is_empty() {
            String::new()
        } else {
            format!(": {}", reasons.join("; "))
        };
        sentences.push(format!("{}: {decision}{because}", ruling.arm));
        let too_early = |reason: &measure::audience::DecisionReason| {
            reason.reason == DecisionReasonKind::TooEarly
        };
        if !ruling.what_would_change_it.is_empty() && !ruling.reasons.iter().any(too_early) {
            sentences.push(format!(
                "{}: what would change it: {}",
                ruling.arm,
                ruling.what_would_change_it.join("; ")
            ));
        }
    }
    if let Some(ruling) = finding.together.decisions.first() {
        sentences.push(format!(
            "A bad arm is shipped with a probability of at most {}",
            format.percent(ruling.false_ship_rate, 1)
        ));
    }
    sentences
}

fn plan(format: Format, finding: &LiftFinding) -> Vec<String> {
    let Some(plan) = &finding.plan else {
        return Vec::new();
    };
    let mut sentences = vec![design(format, plan)];
    sentences.extend(standing(format, plan));
    for comparison in words::deciding(finding) {
        sentences.extend(looking(format, comparison));
    }
    sentences.extend(
        plan.history_refusal
            .as_ref()
            .map(|refusal| format!("There is no history of the looks: {}", refusal.message)),
    );
    match (&plan.sealed_at, plan.sealed_before_first_exposure) {
        (Some(at), Some(true)) => {
            sentences.push(format!("Sealed on {at}, before the first exposure"));
        }
        (Some(at), Some(false)) => {
            sentences.push(format!("Sealed on {at}, after the first exposure"));
        }
        (Some(at), None) => sentences.push(format!("Sealed on {at}")),
        (None, _) => {
            sentences.push("Not sealed: nothing shows that the plan was there first".to_owned())
        }
    }
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
    sentences.extend(plan.deviations.iter().map(|deviation| {
        format!(
            "Deviation: {} was sealed as {} and is {}",
            deviation.path,
            shown(&deviation.sealed),
            shown(&deviation.current)
        )
    }));
    sentences
}

fn design(format: Format, plan: &PlanFinding) -> String {
    let looks = match plan.looks {
        Looks::Fixed => "one look at the end",
        Looks::Anytime => "looks at any time, by a confidence sequence",
        Looks::GroupSequential => "looks at planned times, by group sequential bounds",
        Looks::Hybrid => {
            "looks at any time and one at the end, calibrated to the error rate together"
        }
    };
    let mut design = format!(
        "Null hypothesis: {}. Decided by {looks}",
        plan.null_hypothesis
    );
    if let Some(effect) = plan.minimum_effect {
        design.push_str(&format!(
            "; a relative effect of {} is to be found with a power of {}",
            format.percent(effect, 1),
            format.percent(plan.power, 0)
        ));
    }
    design
}

fn standing(format: Format, plan: &PlanFinding) -> Option<String> {
    if plan.ended {
        return plan
            .information
            .map(|_| "The planned end is reached".to_owned());
    }
    let there = plan.information.map(|information| {
        format!(
            "{} of the planned customers are there",
            format.percent(information.fraction, 1)
        )
    });
    let left = plan.remaining.map(|remaining| {
        let customers = remaining
            .customers
            .map(|customers| format.counted(customers, "customer", "customers"));
        let days = remaining.days.map(|days| format.days(f64::from(days)));
        let parts: Vec<String> = customers.into_iter().chain(days).collect();
        format!("until the end: {}", parts.join(", "))
    });
    let parts: Vec<String> = there.into_iter().chain(left).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn looking(format: Format, comparison: &Comparison) -> Option<String> {
    let looking = comparison.looking.as_ref()?;
    let state = match looking.decision.state {
        LookingState::Running => "no verdict yet",
        LookingState::Effect => "better",
        LookingState::Harm => "worse",
        LookingState::Futile => "the effect that matters is not in sight any more",
        LookingState::NoEffect => "no effect found by the planned end",
    };
    let early = if looking.looked_early {
        "; the plan does not decide on these data"
    } else {
        ""
    };
    let look = looking
        .decision
        .look
        .and_then(|look| looking.history.get(look))
        .map(|look| format!("; the boundary was first crossed on {}", date(look.until)));
    let corrected = looking.decision.corrected.map(|effect| {
        let shown = format.absolute(
            comparison.unit,
            Interval {
                estimate: effect.estimate,
                low: effect.low,
                high: effect.high,
            },
        );
        format!(
            "; corrected for having stopped there, the effect is {} ({} to {})",
            shown.estimate, shown.low, shown.high
        )
    });
    let power = looking.decision.predictive_power.map(|power| {
        format!(
            "; the end will have a verdict with a probability of {}",
            format.probability(power)
        )
    });
    Some(format!(
        "{}, {}: {state}{early}{}{}{}",
        comparison.metric,
        comparison.arm,
        look.unwrap_or_default(),
        corrected.unwrap_or_default(),
        power.unwrap_or_default()
    ))
}

fn omnibus(format: Format, finding: &LiftFinding) -> Vec<String> {
    let sentence = finding.omnibus.as_ref().map(|test| {
        let anytime = test
            .anytime_p_value
            .map(|p| {
                format!(
                    "; for those who look again and again p {}",
                    words::equals(&format.p_value(p, None))
                )
            })
            .unwrap_or_default();
        format!(
            "{}: whether any of the {} arms differs from {}: p {}{anytime}",
            test.metric,
            test.effects,
            finding.against,
            words::equals(&format.p_value(test.p_value, Some(test.ln_p)))
        )
    });
    sentence.into_iter().collect()
}

fn together(format: Format, finding: &LiftFinding) -> Vec<String> {
    let mut sentences = Vec::new();
    for pooled in &finding.together.pooled {
        let of = format!("{} ({} as one)", pooled.name, pooled.arms.join(", "));
        sentences.extend(primary_effects(format, &of, &pooled.metrics));
    }
    let Some(factors) = &finding.together.factors else {
        return sentences;
    };
    for effect in &factors.effects {
        let of = format!(
            "{} {} against {}",
            effect.factor, effect.level, effect.against
        );
        sentences.extend(primary_effects(format, &of, &effect.metrics));
    }
    for interaction in &factors.interactions {
        if let Some(p) = interaction.p_value {
            sentences.push(format!(
                "{}: whether the effects of {} add up: p {}",
                interaction.metric,
                interaction.factors.join(" and "),
                words::equals(&format.p_value(p, interaction.ln_p))
            ));
        }
    }
    sentences.extend(
        factors
            .refusal
            .iter()
            .map(|refusal| refusal.message.clone()),
    );
    sentences
}

fn primary_effects(format: Format, of: &str, metrics: &[CombinedEffect]) -> Vec<String> {
    metrics
        .iter()
        .filter(|effect| effect.primary)
        .map(|effect| {
            let says = outcome(format, effect.unit, &effect.outcome);
            let verdict = effect.verdict.map_or("no verdict", words::verdict);
            format!("{of}: {} {says}: {verdict}", effect.metric)
        })
        .collect()
}

/// An effect with its interval, or why there is none.
fn outcome(format: Format, unit: Unit, outcome: &Outcome) -> String {
    let Some(effect) = &outcome.absolute else {
        return match &outcome.refusal {
            Some(refusal) => format!("no answer: {}", refusal.message),
            None => "no answer".to_owned(),
        };
    };
    let absolute = format.absolute(unit, effect.into());
    let relative = outcome
        .relative
        .as_ref()
        .and_then(|relative| relative_interval(relative).ok())
        .map(|relative| format!(", {}", format.relative(relative).estimate))
        .unwrap_or_default();
    format!(
        "{} ({} to {}{relative})",
        absolute.estimate, absolute.low, absolute.high
    )
}

fn beliefs(format: Format, finding: &LiftFinding) -> Vec<String> {
    let mut sentences = Vec::new();
    for belief in &finding.together.bayes {
        let of = format!("{}, {}", belief.metric, belief.arm);
        match &belief.refusal {
            Some(refusal) => sentences.push(format!("{of}: no answer: {}", refusal.message)),
            None => sentences.push(format!("{of}: {}", believed(format, belief))),
        }
        if let Some(exact) = &belief.exact
            && let Some(chance) = exact.chance_to_win
        {
            sentences.push(format!(
                "{of}: {}: better with a probability of {}",
                exact.model,
                format.probability(chance)
            ));
        }
        sentences.extend(belief.beside_the_test.clone());
    }
    sentences
}

fn believed(format: Format, belief: &BayesFinding) -> String {
    let mut parts = Vec::new();
    if let Some(prior) = &belief.prior {
        let learned = match prior.learned_from.len() {
            0 => String::new(),
            number => format!(", learned from {number} experiments"),
        };
        parts.push(format!(
            "before: a lift of {} give or take {}{learned}",
            format.percent(prior.mean, 1),
            format.percent(prior.sd, 1)
        ));
    }
    if let Some(after) = &belief.lift {
        let shown = format.relative(Interval {
            estimate: after.mean,
            low: after.low,
            high: after.high,
        });
        parts.push(format!(
            "after: {} ({} to {})",
            shown.estimate, shown.low, shown.high
        ));
    }
    if let Some(chance) = belief.chance_to_win {
        parts.push(format!(
            "better with a probability of {}",
            format.probability(chance)
        ));
    }
    let money = |loss: f64| {
        let none_below = Interval {
            estimate: loss,
            low: 0.0,
            high: 2.0 * loss,
        };
        format.absolute(belief.unit, none_below).estimate
    };
    if let (Some(shipping), Some(not)) = (belief.loss_of_shipping, belief.loss_of_not_shipping) {
        parts.push(format!(
            "expected loss per customer of shipping {}, of not shipping {}",
            money(shipping).trim_start_matches('+'),
            money(not).trim_start_matches('+')
        ));
    }
    parts.join("; ")
}

fn decompositions(format: Format, finding: &LiftFinding) -> Vec<String> {
    let mut sentences = Vec::new();
    for parts in finding
        .together
        .decompositions
        .iter()
        .filter(|of| of.primary)
    {
        if let Some(refusal) = &parts.refusal {
            sentences.push(format!("{}: no answer: {}", parts.metric, refusal.message));
        }
        let effects = [
            ("in all", &parts.total),
            (
                "by targeting, the same content for the right customers",
                &parts.targeting,
            ),
            ("by the content, whoever gets it", &parts.content),
        ];
        for (what, effect) in effects {
            if let Some(effect) = effect {
                sentences.push(format!(
                    "{}, {what}: {}",
                    parts.metric,
                    outcome(format, parts.unit, effect)
                ));
            }
        }
        if let Some(Ok(share)) = parts.share_of_targeting.as_ref().map(relative_interval) {
            sentences.push(format!(
                "{}: targeting makes {} of it ({} to {})",
                parts.metric,
                format.percent(share.estimate, 0),
                format.percent(share.low, 0),
                format.percent(share.high, 0)
            ));
        }
    }
    sentences
}

fn triggers(format: Format, finding: &LiftFinding) -> Vec<String> {
    let triggers = finding.together.triggers.iter().filter(|of| of.primary);
    triggers
        .flat_map(|trigger| triggered(format, trigger))
        .collect()
}

fn triggered(format: Format, trigger: &TriggerFinding) -> Vec<String> {
    let of = format!("{}, {}", trigger.metric, trigger.arm);
    let mut sentences = Vec::new();
    if let Some(refusal) = &trigger.refusal {
        sentences.push(format!("{of}: no answer: {}", refusal.message));
    }
    if let (Some(effect), Some(rate)) = (&trigger.triggered, trigger.rate) {
        sentences.push(format!(
            "{of}: the treatment could differ for {} of the customers; among them {}",
            format.percent(rate, 1),
            outcome(format, trigger.unit, effect)
        ));
    }
    if let Some(effect) = &trigger.diluted {
        let saved = trigger
            .variance_saved
            .map(|share| format!("; this saves {} of the variance", format.percent(share, 1)))
            .unwrap_or_default();
        sentences.push(format!(
            "{of}: for everyone {}{saved}",
            outcome(format, trigger.unit, effect)
        ));
    }
    sentences.extend(
        trigger
            .warnings
            .iter()
            .map(|warning| format!("{of}: {warning}")),
    );
    sentences
}

fn by_day(format: Format, finding: &LiftFinding) -> Vec<String> {
    let mut sentences = Vec::new();
    for comparison in &finding.metrics {
        let Some(by_day) = &comparison.by_day else {
            continue;
        };
        let of = format!("{}, {}", comparison.metric, comparison.arm);
        if let Some(refusal) = &by_day.refusal {
            sentences.push(format!("{of}: no answer: {}", refusal.message));
        }
        if let Some(change) = &by_day.change {
            let says = match change.says {
                Says::Fading => "the effect fades",
                Says::Growing => "the effect grows",
                Says::Changing => "the effect changes",
                Says::NoChangeFound => "no change of the effect was found",
            };
            let slope = format.absolute(comparison.unit, (&change.by_doubling).into());
            sentences.push(format!(
                "{of}: {says} with the days since exposure: {} with every doubling of them ({} to {}), p {}",
                slope.estimate,
                slope.low,
                slope.high,
                words::equals(&format.p_value(change.p_value, Some(change.ln_p)))
            ));
        }
    }
    sentences
}

/// Of single metrics: several comparisons, guardrails, funnels, caps, customers whose time has not passed.
fn details(format: Format, finding: &LiftFinding) -> Vec<String> {
    finding
        .metrics
        .iter()
        .flat_map(|comparison| detail(format, comparison))
        .collect()
}

fn detail(format: Format, comparison: &Comparison) -> Vec<String> {
    let of = format!("{}, {}", comparison.metric, comparison.arm);
    let mut sentences = Vec::new();
    let among = &comparison.among;
    if let (Some(_), Some(p)) = (
        among.adjusted_p,
        comparison.decisive().and_then(|outcome| outcome.p_value),
    ) {
        let how = among
            .simultaneous
            .as_ref()
            .map(|interval| format!(" ({})", interval.method));
        sentences.push(format!(
            "{of}: probability and intervals are those of one of several comparisons{}; by itself p {}",
            how.unwrap_or_default(),
            words::equals(&format.p_value(p, None))
        ));
    }
    if let Some(guardrail) = &among.guardrail {
        let says = match (&guardrail.refusal, guardrail.passed) {
            (Some(refusal), _) => format!("no answer: {}", refusal.message),
            (None, true) => "shown to be safe".to_owned(),
            (None, false) => "not shown to be safe".to_owned(),
        };
        let margin = if guardrail.relative {
            format.percent(guardrail.margin, 1)
        } else {
            format.distance(comparison.unit, guardrail.margin)
        };
        let p = guardrail
            .p_value
            .map(|p| format!(", p {}", words::equals(&format.p_value(p, guardrail.ln_p))));
        sentences.push(format!(
            "{of}: guardrail with a margin of {margin}: {says}{}",
            p.unwrap_or_default()
        ));
    }
    for step in &comparison.funnel {
        let share = |reached: u64, n: u64| format.percent(reached as f64 / n.max(1) as f64, 2);
        sentences.push(format!(
            "{of}: {} reached by {} against {}",
            step.step,
            share(step.reached.arm, comparison.n.arm),
            share(step.reached.against, comparison.n.against)
        ));
    }
    for cap in &comparison.caps {
        let bound =
            |bound: Option<f64>, what| bound.map(|at| format!("{what} {}", format.quantity(at)));
        let bounds: Vec<String> = [bound(cap.lower, "below"), bound(cap.upper, "above")]
            .into_iter()
            .flatten()
            .collect();
        sentences.push(format!(
            "{of}: {} cut {}: {} of {} customers against {} of {}",
            cap.metric,
            bounds.join(" and "),
            format.quantity(cap.cut.arm),
            format.count(cap.customers.arm),
            format.quantity(cap.cut.against),
            format.count(cap.customers.against)
        ));
    }
    if let Some(maturity) = comparison.maturity {
        let waiting = maturity.not_matured.arm + maturity.not_matured.against;
        if waiting > 0 {
            let counted = if maturity.counted {
                "they count all the same: an early look"
            } else {
                "they are left out"
            };
            sentences.push(format!(
                "{of}: the windows of {} had not passed on {}; {counted}",
                format.counted(waiting, "customer", "customers"),
                date(maturity.until)
            ));
        }
    }
    sentences
}

fn second_opinions(format: Format, finding: &LiftFinding) -> Vec<String> {
    let opinion = |comparison: &Comparison, opinion: &SecondOpinion| {
        format!(
            "{}, {}: {}: {}",
            comparison.metric,
            comparison.arm,
            opinion.about,
            outcome(format, comparison.unit, &opinion.outcome)
        )
    };
    finding
        .metrics
        .iter()
        .flat_map(|comparison| {
            comparison
                .second_opinions
                .iter()
                .map(move |second| opinion(comparison, second))
        })
        .collect()
}

fn adjustment(format: Format, finding: &LiftFinding) -> Vec<String> {
    let mut sentences: Vec<String> = words::deciding(finding)
        .filter_map(|comparison| {
            let strata = comparison.stratified.as_ref()?;
            Some(format!(
                "{}, {}: compared within {} strata; this saves {} of the variance",
                comparison.metric,
                comparison.arm,
                strata.strata,
                format.percent(strata.variance_reduction, 1)
            ))
        })
        .collect();
    for learned in &finding.learned {
        let says = match (&learned.dropped, learned.r2) {
            (Some(reason), _) => format!("left out: {reason}"),
            (None, Some(r2)) => format!(
                "predicts {} of the variation between customers that the models have not seen",
                format.percent(r2, 1)
            ),
            (None, None) => continue,
        };
        sentences.push(format!("{}: {says}", learned.covariate));
    }
    if let Some(clusters) = &finding.clusters {
        let metrics = clusters.metrics.iter();
        sentences.extend(metrics.map(|metric| {
            format!(
                "{}, {}: {} clusters ({}) against {}; being in clusters makes the variance {} times as large",
                metric.metric,
                metric.arm,
                format.count(metric.clusters.arm),
                clusters.cluster,
                format.count(metric.clusters.against),
                format.fixed(metric.design_effect, 2)
            )
        }));
    }
    sentences
}

/// Whether the effects on the primary metric differ by a segment.
pub(crate) fn heterogeneity(
    format: Format,
    finding: &LiftFinding,
    segment: &SegmentFinding,
) -> Vec<String> {
    let primary = words::primary(finding);
    let tests = segment.heterogeneity.iter();
    tests
        .filter(|test| test.metric == primary)
        .map(|test| {
            let says = match (&test.refusal, test.differ) {
                (Some(refusal), _) => return format!("{}: {}", test.arm, refusal.message),
                (None, Some(true)) => "the effects differ",
                (None, _) => "no difference between the effects is shown",
            };
            let p = test.p_adjusted.map(|p| {
                format!(
                    " (p {}, corrected for the number of segments)",
                    words::equals(&format.p_value(p, test.ln_p_adjusted))
                )
            });
            let share = test.i_squared.map(|share| {
                format!(
                    "; {} of what they differ by is not noise",
                    format.percent(share, 0)
                )
            });
            format!(
                "{}: {says}{}{}",
                test.arm,
                p.unwrap_or_default(),
                share.unwrap_or_default()
            )
        })
        .collect()
}

/// A segment value's effect moved towards those of the others.
pub(crate) fn shrunk(format: Format, comparison: &Comparison) -> Option<Shown> {
    let shrunk = comparison.shrunk?;
    Some(format.absolute(
        comparison.unit,
        Interval {
            estimate: shrunk.estimate,
            low: shrunk.low,
            high: shrunk.high,
        },
    ))
}
