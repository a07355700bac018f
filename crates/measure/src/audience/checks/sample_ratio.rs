//! Were customers split as planned: at one look, on any day, and if not, whom does it concern?

use std::collections::BTreeMap;

use catalog::Experiment;
use lake::Lake;
use stats::TailProbability;
use stats::sample_ratio::{
    SampleRatioError, SequentialSampleRatio, concentration, mismatch_by_segment,
    sample_ratio_of_phases,
};

use crate::audience::codes::MOST_VALUES;
use crate::audience::finding::{ArmFinding, Check, CheckKind, Severity};
use crate::audience::lift::SAMPLE_RATIO_ALARM;
use crate::audience::plan::Plan;
use crate::audience::query::assigned::Assigned;
use crate::audience::tally::Tally;
use crate::audience::trust::{PhaseSplit, Split, Suspect};
use crate::error::MeasureError;

/// Customers for whom watching is tuned where the experiment plans no number. The tuning is flat, so that it serves
/// from ten thousand to a million of them; a number taken from the data would not be valid at all times.
pub(crate) const TYPICAL_CUSTOMERS: f64 = 100_000.0;

/// Suspects that are shown.
const MOST_SUSPECTS: usize = 5;

/// A stretch of time with shares of its own.
struct Planned<'a> {
    from: Option<&'a str>,
    weights: Vec<f64>,
}

/// The phases of an experiment, the time before the first one included.
fn planned<'a>(experiment: &'a Experiment, declared: &[f64]) -> Vec<Planned<'a>> {
    let before = Planned {
        from: None,
        weights: declared.to_vec(),
    };
    let phases = experiment.phases.iter().map(|phase| Planned {
        from: Some(&phase.from),
        weights: experiment
            .arms
            .iter()
            .map(|arm| phase.shares.get(&arm.name).copied().unwrap_or(0.0))
            .collect(),
    });
    std::iter::once(before).chain(phases).collect()
}

/// Whether shares changed on the way, so that customers of different phases had different odds.
pub(crate) fn shares_change(experiment: &Experiment) -> bool {
    let declared: Option<Vec<f64>> = experiment.arms.iter().map(|arm| arm.share).collect();
    let phases = planned(experiment, declared.as_deref().unwrap_or_default());
    // Without shares of the arms nothing is said of the time before the first phase.
    let mut phases = phases[usize::from(declared.is_none())..].iter();
    let Some(first) = phases.next() else {
        return false;
    };
    let differs = |(a, b): (&f64, &f64)| (a - b).abs() > 1e-9;
    phases.any(|phase| phase.weights.iter().zip(&first.weights).any(differs))
}

/// How likely numbers of customers of each arm are, by phase, from 0 for the time before the first one, under the arms'
/// `declared` shares and those of phases; none where no test is possible, as without customers.
pub(crate) fn split_probability(
    experiment: &Experiment,
    declared: &[f64],
    by_phase: &[Vec<u64>],
) -> Option<TailProbability> {
    let phases = planned(experiment, declared);
    let tested: Vec<(&[u64], &[f64])> = by_phase
        .iter()
        .zip(&phases)
        .map(|(customers, phase)| (customers.as_slice(), phase.weights.as_slice()))
        .collect();
    Some(sample_ratio_of_phases(&tested).ok()?.probability)
}

/// Customers of each arm by phase and day of assignment, in the order of time.
type Days = BTreeMap<(usize, String), Vec<u64>>;

/// Tests the split. `counted` are the customers of each arm and `declared` the arms' shares; none where no test is
/// possible, as without customers.
///
/// Phases and days come from the experiment's own pass, or where they are those of the assignment and that pass has the
/// exposures, from one query over the assignment; the cause of a mismatch from one more for each segment.
pub(super) fn split(
    plan: &Plan<'_>,
    lake: &Lake,
    assigned: &Assigned,
    tally: &Tally,
    counted: &[u64],
    declared: &[f64],
) -> Result<Option<Split>, MeasureError> {
    let phases = planned(plan.experiment, declared);
    let days = match &assigned.time {
        Some(_) if starts_at_assignment(plan.experiment) => Some(
            (tally.daily.named())
                .map(|(day, customers)| ((0, day), customers.to_vec()))
                .collect(),
        ),
        Some(time) => Some(days(plan, lake, assigned, time, phases.len())?),
        None => None,
    };
    let mut by_phase = vec![vec![0; counted.len()]; phases.len()];
    match &days {
        Some(days) => {
            for ((phase, _), customers) in days {
                add(&mut by_phase[*phase], customers);
            }
        }
        None => by_phase[0] = counted.to_vec(),
    }
    let tested: Vec<(&[u64], &[f64])> = by_phase
        .iter()
        .zip(&phases)
        .map(|(customers, phase)| (customers.as_slice(), phase.weights.as_slice()))
        .collect();
    let Ok(test) = sample_ratio_of_phases(&tested) else {
        return Ok(None);
    };
    let watched = days
        .as_ref()
        .and_then(|days| watch(plan.experiment, &phases, days).ok());
    let mut split = Split {
        p_value: test.probability.p,
        ln_p: test.probability.ln_p,
        anytime_p: watched.as_ref().map(|watched| watched.p),
        anytime_ln_p: watched.as_ref().map(|watched| watched.ln_p),
        first_alarm: watched.and_then(|watched| watched.first_alarm),
        by_phase: Vec::new(),
        suspects: Vec::new(),
    };
    let alarm = split.p_value < SAMPLE_RATIO_ALARM || split.first_alarm.is_some();
    // The phase that fits worst is the one to search.
    let worst = (0..phases.len())
        .filter_map(|phase| Some((phase, test.phases[phase].as_ref()?.probability.ln_p)))
        .min_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((phase, _)) = worst.filter(|_| alarm) {
        split.suspects = suspects(plan, lake, assigned, &phases, phase)?;
    }
    split.by_phase = phases
        .iter()
        .zip(by_phase)
        .zip(test.phases)
        // What was before the first phase is shown where there was something.
        .filter(|((phase, customers), _)| {
            phase.from.is_some() || phases.len() == 1 || customers.iter().sum::<u64>() > 0
        })
        .map(|((phase, customers), test)| PhaseSplit {
            from: phase.from.map(str::to_owned),
            expected: match &test {
                Some(test) => test.expected.clone(),
                None => expected(&customers, &phase.weights),
            },
            p_value: test.map(|test| test.probability.p),
            customers,
        })
        .collect();
    Ok(Some(split))
}

/// The shares that the arms' customers should have over all phases: of each phase in proportion to its customers.
pub(super) fn expected_shares(split: &Split) -> Option<Vec<f64>> {
    let arms = split.by_phase.first()?.expected.len();
    let mut sums = vec![0.0; arms];
    for phase in &split.by_phase {
        for (sum, expected) in sums.iter_mut().zip(&phase.expected) {
            *sum += expected;
        }
    }
    let total: f64 = sums.iter().sum();
    (total > 0.0).then(|| sums.iter().map(|sum| sum / total).collect())
}

/// The number of the phase of a time, as SQL.
pub(crate) fn phase_of(experiment: &Experiment, time: &str) -> String {
    let cases: Vec<String> = experiment
        .phases
        .iter()
        .enumerate()
        .rev()
        .map(|(number, phase)| {
            let from = lake::sql::text(&phase.from);
            format!("WHEN {time} >= TIMESTAMP {from} THEN {}", number + 1)
        })
        .collect();
    if cases.is_empty() {
        return "0".to_owned();
    }
    format!("CASE {} ELSE 0 END", cases.join(" "))
}

/// Whether what a customer's time starts with is the assignment, all under the same shares.
fn starts_at_assignment(experiment: &Experiment) -> bool {
    let assignment = &experiment.assignment;
    experiment.phases.is_empty()
        && experiment.exposure.is_none()
        && assignment.cluster.is_none()
        && assignment.time.is_some()
}

fn days(
    plan: &Plan<'_>,
    lake: &Lake,
    assigned: &Assigned,
    time: &str,
    phases: usize,
) -> Result<Days, MeasureError> {
    let arms = plan.experiment.arms.len();
    // Days become texts once they are few.
    let query = format!(
        "WITH {} SELECT phase, CAST(day AS VARCHAR), arm, number FROM (SELECT CAST({} AS UBIGINT) AS phase, \
         CAST({time} AS DATE) AS day, CAST(arm AS UBIGINT) AS arm, CAST(count(*) AS UBIGINT) AS number FROM {} \
         WHERE counted GROUP BY ALL)",
        assigned.tables,
        phase_of(plan.experiment, time),
        assigned.customers,
    );
    let rows: Vec<(u64, String, u64, u64)> =
        lake.engine()
            .rows(&query, "cannot count assignments by day", |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?;
    let mut days = Days::new();
    for (phase, day, arm, number) in rows {
        let (phase, arm) = (phase as usize, arm as usize);
        if phase < phases && arm < arms {
            days.entry((phase, day)).or_insert_with(|| vec![0; arms])[arm] += number;
        }
    }
    Ok(days)
}

/// What watching says.
struct Watched {
    p: f64,
    ln_p: f64,
    first_alarm: Option<String>,
}

/// The split as it would have been seen at the end of each day.
fn watch(
    experiment: &Experiment,
    phases: &[Planned<'_>],
    days: &Days,
) -> Result<Watched, SampleRatioError> {
    let customers = experiment.plan.as_ref().and_then(|plan| plan.customers);
    let customers = customers.map_or(TYPICAL_CUSTOMERS, |customers| customers as f64);
    let tuning = |phase: &Planned<'_>| {
        let open = phase.weights.iter().filter(|weight| **weight > 0.0).count();
        concentration(customers, open.max(2), SAMPLE_RATIO_ALARM)
    };
    let mut test: Option<SequentialSampleRatio> = None;
    let mut current = 0;
    let mut watched = Watched {
        p: 1.0,
        ln_p: 0.0,
        first_alarm: None,
    };
    for ((phase, day), customers) in days {
        let planned = &phases[*phase];
        let test = match &mut test {
            None => test.insert(SequentialSampleRatio::new(
                &planned.weights,
                tuning(planned)?,
            )?),
            Some(test) => {
                if *phase != current {
                    test.start_phase(&planned.weights, tuning(planned)?)?;
                }
                test
            }
        };
        current = *phase;
        test.add(customers)?;
        let probability = test.probability();
        // No chance puts anybody into an arm of weight zero.
        (watched.p, watched.ln_p) = if test.unplanned() > 0 {
            (0.0, f64::MIN)
        } else {
            (probability.p, probability.ln_p)
        };
        if watched.first_alarm.is_none() && watched.p < SAMPLE_RATIO_ALARM {
            watched.first_alarm = Some(day.clone());
        }
    }
    Ok(watched)
}

/// Something by which customers can be told apart that was known at assignment.
struct Dimension {
    name: String,
    /// As SQL, a text.
    value: String,
}

fn dimensions(plan: &Plan<'_>, assigned: &Assigned) -> Vec<Dimension> {
    let segments = plan.experiment.segments.iter().enumerate();
    let mut dimensions: Vec<Dimension> = segments
        .map(|(place, name)| Dimension {
            name: name.clone(),
            value: format!("coalesce(CAST(s{place} AS VARCHAR), '(none)')"),
        })
        .collect();
    if let Some(time) = &assigned.time {
        dimensions.push(Dimension {
            name: "day of the week".to_owned(),
            value: format!("dayname({time})"),
        });
        if !assigned.whole_days {
            dimensions.push(Dimension {
                name: "hour of the day".to_owned(),
                value: format!("CAST(hour({time}) AS VARCHAR)"),
            });
        }
    }
    dimensions
}

/// The groups of customers whose split is not that of a phase.
fn suspects(
    plan: &Plan<'_>,
    lake: &Lake,
    assigned: &Assigned,
    phases: &[Planned<'_>],
    phase: usize,
) -> Result<Vec<Suspect>, MeasureError> {
    let weights = &phases[phase].weights;
    let mut searched = Vec::new();
    for dimension in dimensions(plan, assigned) {
        let values = values(plan, lake, assigned, &dimension, phase)?;
        // What differs for nearly every customer tells no group.
        if values.len() <= MOST_VALUES {
            searched.push((dimension, values));
        }
    }
    let counts: Vec<Vec<Vec<u64>>> = searched
        .iter()
        .map(|(_, values)| values.values().cloned().collect())
        .collect();
    let Ok(found) = mismatch_by_segment(&counts, weights, SAMPLE_RATIO_ALARM) else {
        return Ok(Vec::new());
    };
    let mut suspects = Vec::new();
    for mismatch in found
        .into_iter()
        .filter(|mismatch| mismatch.adjusted.p < SAMPLE_RATIO_ALARM)
        .take(MOST_SUSPECTS)
    {
        let (dimension, values) = &searched[mismatch.segmentation];
        let Some((value, customers)) = values.iter().nth(mismatch.value) else {
            continue;
        };
        suspects.push(Suspect {
            segment: dimension.name.clone(),
            value: value.clone(),
            phase: phases[phase].from.map(str::to_owned),
            customers: customers.clone(),
            expected: mismatch.test.expected,
            p_value: mismatch.adjusted.p,
            explains: mismatch.explains,
            since: since(plan, lake, assigned, phases, phase, (dimension, value))?,
        });
    }
    Ok(suspects)
}

/// Customers of each arm by the values of a dimension, in a phase.
fn values(
    plan: &Plan<'_>,
    lake: &Lake,
    assigned: &Assigned,
    dimension: &Dimension,
    phase: usize,
) -> Result<BTreeMap<String, Vec<u64>>, MeasureError> {
    let arms = plan.experiment.arms.len();
    let query = format!(
        "WITH {} SELECT {} AS value, CAST(arm AS UBIGINT) AS arm, CAST(count(*) AS UBIGINT) FROM {} WHERE counted{} \
         GROUP BY ALL",
        assigned.tables,
        dimension.value,
        assigned.customers,
        in_phase(plan, assigned, phase),
    );
    let context = "cannot count assignments by segment";
    let rows: Vec<(String, u64, u64)> = lake.engine().rows(&query, context, |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    let mut values = BTreeMap::new();
    for (value, arm, number) in rows {
        if let Some(count) = values
            .entry(value)
            .or_insert_with(|| vec![0; arms])
            .get_mut(arm as usize)
        {
            *count += number;
        }
    }
    Ok(values)
}

/// The day on which the fault of one value's customers began: that from which on, to the end, the chi-square statistic is
/// largest, which to its order is the likeliest day of a change from the declared shares to others.
fn since(
    plan: &Plan<'_>,
    lake: &Lake,
    assigned: &Assigned,
    phases: &[Planned<'_>],
    phase: usize,
    (dimension, value): (&Dimension, &String),
) -> Result<Option<String>, MeasureError> {
    let Some(time) = &assigned.time else {
        return Ok(None);
    };
    let of_value = Assigned {
        customers: format!(
            "(SELECT * FROM {} WHERE {} = {}{})",
            assigned.customers,
            dimension.value,
            lake::sql::text(value),
            in_phase(plan, assigned, phase),
        ),
        ..assigned.clone()
    };
    let weights = &phases[phase].weights;
    let mut from_here_on = vec![0; weights.len()];
    let mut furthest: Option<(f64, String)> = None;
    for ((_, day), customers) in days(plan, lake, &of_value, time, phases.len())?
        .into_iter()
        .rev()
    {
        add(&mut from_here_on, &customers);
        let Ok(test) = stats::sample_ratio(&from_here_on, weights) else {
            continue;
        };
        if furthest.as_ref().is_none_or(|(chi2, _)| test.chi2 >= *chi2) {
            furthest = Some((test.chi2, day));
        }
    }
    Ok(furthest.map(|(_, day)| day))
}

fn in_phase(plan: &Plan<'_>, assigned: &Assigned, phase: usize) -> String {
    match &assigned.time {
        Some(time) if !plan.experiment.phases.is_empty() => {
            format!(" AND {} = {phase}", phase_of(plan.experiment, time))
        }
        _ => String::new(),
    }
}

fn add(sums: &mut [u64], counts: &[u64]) {
    for (sum, count) in sums.iter_mut().zip(counts) {
        *sum += count;
    }
}

fn expected(customers: &[u64], weights: &[f64]) -> Vec<f64> {
    let total = customers.iter().sum::<u64>() as f64;
    weights.iter().map(|weight| weight * total).collect()
}

/// What the split says in words: at one look, which is the stop sign, and watched over time.
pub(super) fn checks(split: &Split, arms: &[ArmFinding]) -> Vec<Check> {
    let mut checks = vec![at_one_look(split, arms)];
    checks.extend(over_time(split));
    checks
}

fn at_one_look(split: &Split, arms: &[ArmFinding]) -> Check {
    let mut total = vec![0.0; arms.len()];
    for phase in &split.by_phase {
        for (sum, expected) in total.iter_mut().zip(&phase.expected) {
            *sum += expected;
        }
    }
    let customers: Vec<u64> = arms.iter().map(|arm| arm.customers).collect();
    let sizes = sizes(arms, &customers, &total);
    let (severity, message) = if split.p_value < SAMPLE_RATIO_ALARM {
        (
            Severity::Stop,
            format!(
                "the arms' sizes cannot be chance; something sorts customers into arms or out of the data: {sizes}{}",
                cause(split, arms)
            ),
        )
    } else {
        (
            Severity::Fine,
            format!("the arms are as large as declared: {sizes}"),
        )
    };
    Check {
        check: CheckKind::SampleRatio,
        severity,
        message,
        p_value: Some(split.p_value),
        ln_p: Some(split.ln_p),
    }
}

/// Each arm's customers, and how many there should be.
fn sizes(arms: &[ArmFinding], customers: &[u64], expected: &[f64]) -> String {
    let sizes = arms.iter().zip(customers).zip(expected);
    let sizes: Vec<String> = sizes
        .map(|((arm, customers), expected)| {
            format!("{} {customers} (expected {expected:.0})", arm.name)
        })
        .collect();
    sizes.join(", ")
}

/// The arms' sizes in the suspect's phase without its customers, and what they should be.
fn without(split: &Split, suspect: &Suspect) -> Option<(Vec<u64>, Vec<f64>)> {
    let mut phases = split.by_phase.iter();
    let phase = phases.find(|phase| phase.from == suspect.phase)?;
    let all = phase.customers.iter().zip(&suspect.customers);
    let expected = phase.expected.iter().zip(&suspect.expected);
    Some((
        all.map(|(all, own)| all.saturating_sub(*own)).collect(),
        expected.map(|(all, own)| all - own).collect(),
    ))
}

/// Where to look.
fn cause(split: &Split, arms: &[ArmFinding]) -> String {
    let mut cause = String::new();
    let failing: Vec<&str> = split
        .by_phase
        .iter()
        .filter(|phase| phase.p_value.is_some_and(|p| p < SAMPLE_RATIO_ALARM))
        .map(|phase| phase.from.as_deref().unwrap_or("before the first phase"))
        .collect();
    if split.by_phase.len() > 1 && !failing.is_empty() {
        cause.push_str(&format!("; it is in the phase {}", failing.join(", ")));
    }
    if let Some(day) = &split.first_alarm {
        cause.push_str(&format!("; visible since {day}"));
    }
    match split.suspects.as_slice() {
        [] => cause.push_str(
            "; no segment stands out, so look where all customers pass: the assignment itself, and how rows get into \
             the data",
        ),
        [first, ..] => {
            let of_it = sizes(arms, &first.customers, &first.expected);
            let (verb, without) = match without(split, first).filter(|_| first.explains) {
                Some((customers, expected)) => (
                    "explains it",
                    format!(
                        "; without these customers the arms are as declared: {}",
                        sizes(arms, &customers, &expected)
                    ),
                ),
                None => ("deviates most", String::new()),
            };
            cause.push_str(&format!(
                "; `{}` = `{}` {verb}: {of_it}{}; look at what differs for them{without}",
                first.segment,
                first.value,
                match &first.since {
                    Some(day) => format!(", most likely since {day}"),
                    None => String::new(),
                }
            ));
        }
    }
    cause
}

/// A split that was broken for a time and looks well at the end.
fn over_time(split: &Split) -> Option<Check> {
    let (day, p) = (split.first_alarm.as_ref()?, split.anytime_p?);
    if split.p_value < SAMPLE_RATIO_ALARM {
        return None;
    }
    let suspect = split.suspects.first().map_or(String::new(), |first| {
        format!("; `{}` = `{}` deviates most", first.segment, first.value)
    });
    Some(Check {
        check: CheckKind::SampleRatio,
        severity: Severity::Warning,
        message: format!(
            "on {day} the arms' sizes were further from the declared shares than chance goes at any time, though they fit \
             at the end: something was wrong for a while{suspect}"
        ),
        p_value: Some(p),
        ln_p: split.anytime_ln_p,
    })
}
