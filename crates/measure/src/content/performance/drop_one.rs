//! What would be lost without an item, from the logged probabilities of choices.
//!
//! A decision brings the outcomes from its exposure until the customer's next one, at most within the time of the
//! outcome: so each outcome is brought by one decision, and what decisions bring adds up to no more than the data hold.
//!
//! Only the probability of what was chosen is logged. That of the other candidates is known where choices among the
//! same candidates were always made with the same probabilities; where an item's probability changes among them, the
//! choice used something that is not logged, and there is no value.

use std::collections::{BTreeMap, BTreeSet};

use catalog::Performance;
use lake::{Lake, sql};
use stats::off_policy::{CustomerSum, ItemSums, OffPolicyError, PolicySums, drop_weight};

use super::finding::{DropOneFinding, DroppedItem, Valued};
use super::query::{OUTCOMES, Prepared, SHOWN, Units, not_counted};
use crate::error::MeasureError;
use crate::{Reason, Refusal};

/// Exposures as decisions with what they brought, or the reason for which they do not count.
const EXPOSED: &str = "_ts_exposed";
/// Those that count, as a view.
const DECISIONS: &str = "_ts_decisions";
/// The weight of decisions in the log without an item.
const WEIGHTS: &str = "_ts_weights";
/// Weights are added up in whole ones of this size.
const WEIGHT_UNITS: f64 = (1_u64 << 20) as f64;
/// Most items whose value is computed: those shown most often.
const MOST_ITEMS: usize = 50;
/// Most different lists of candidates.
const MOST_LISTS: usize = 1_000;
/// How far the logged probabilities of an item among the same candidates may lie apart, relative to the larger.
const SAME: f64 = 0.01;

/// Choices of one item among one list of candidates.
struct Choice {
    list: String,
    content: String,
    decisions: u64,
    least: f64,
    most: f64,
}

/// The probabilities of the candidates of one list.
type Chances = BTreeMap<String, f64>;

pub(super) fn drop_one(
    lake: &Lake,
    document: &Performance,
    prepared: &Prepared,
    items: &[Units],
) -> Result<Option<DropOneFinding>, MeasureError> {
    if !prepared.has_choices {
        return Ok(None);
    }
    let context = "cannot read the decisions that chose content";
    lake.engine().execute(
        &format!(
            "CREATE OR REPLACE TEMP TABLE {EXPOSED} AS WITH exposures AS (SELECT *, {} AS shown_at FROM {SHOWN}), \
             timed AS ({}) SELECT s.customer, s.candidates AS list, s.content, s.propensity, s.left_out, {} AS y \
             FROM (SELECT *, \
             CASE WHEN propensity IS NULL THEN 'without a probability' \
             WHEN NOT (propensity > 0 AND propensity <= 1) THEN 'with a probability outside (0, 1]' \
             WHEN candidates IS NULL THEN 'without candidates' \
             WHEN NOT {} THEN 'whose time was not over at the end of the data' END AS left_out FROM timed) s \
             LEFT JOIN {OUTCOMES} f \
             ON f.customer = s.customer AND f.moment >= s.shown_at AND f.moment < s.own_end \
             GROUP BY s.id, s.customer, s.candidates, s.content, s.propensity, s.left_out, s.together; \
             CREATE OR REPLACE TEMP VIEW {DECISIONS} AS SELECT * EXCLUDE (left_out) FROM {EXPOSED} \
             WHERE left_out IS NULL",
            prepared.start("moment"),
            prepared.timed("exposures"),
            prepared.own_outcome("s"),
            prepared.is_mature("shown_at"),
        ),
        context,
    )?;
    let finding = of_decisions(lake, document, prepared, items);
    lake.engine().execute(
        &format!("DROP VIEW IF EXISTS {DECISIONS}; DROP TABLE IF EXISTS {EXPOSED}; DROP TABLE IF EXISTS {WEIGHTS}"),
        context,
    )?;
    finding.map(Some)
}

fn of_decisions(
    lake: &Lake,
    document: &Performance,
    prepared: &Prepared,
    items: &[Units],
) -> Result<DropOneFinding, MeasureError> {
    let choices = choices(lake)?;
    let decisions: u64 = choices.iter().map(|choice| choice.decisions).sum();
    let left_out = not_counted(lake, EXPOSED)?;
    let refused = |reason, message: String| DropOneFinding {
        decisions,
        left_out: left_out.clone(),
        mean: None,
        items: Vec::new(),
        items_left_out: 0,
        refusal: Some(Refusal::new(reason, message)),
    };
    if decisions == 0 {
        let message = "no decision has a probability, candidates, and an outcome that is known";
        return Ok(refused(Reason::TooLittleData, message.to_owned()));
    }
    let lists: BTreeSet<&str> = choices.iter().map(|choice| choice.list.as_str()).collect();
    if lists.len() > MOST_LISTS {
        let message = format!(
            "there are {} different lists of candidates, more than {MOST_LISTS}: the probabilities of candidates that \
             were not chosen cannot be told from those that were",
            lists.len()
        );
        return Ok(refused(Reason::Undeclared, message));
    }
    let chances = match chances(&choices) {
        Ok(chances) => chances,
        Err(message) => return Ok(refused(Reason::UnfitData, message)),
    };
    let mut most_shown: Vec<&Units> = items.iter().collect();
    most_shown.sort_by(|a, b| {
        b.exposures
            .cmp(&a.exposures)
            .then_with(|| a.keys.cmp(&b.keys))
    });
    let items_left_out = most_shown.len().saturating_sub(MOST_ITEMS) as u64;
    most_shown.truncate(MOST_ITEMS);
    let mut dropped = Vec::new();
    let mut rows: Vec<String> = Vec::new();
    let mut heaviest = 0.0_f64;
    for item in most_shown {
        let content = &item.keys[0];
        let mut finding = DroppedItem {
            content: content.clone(),
            decisions: 0,
            chosen: 0,
            value: None,
            effective: None,
            effective_customers: None,
            refusal: None,
        };
        for choice in &choices {
            if chances[&choice.list].contains_key(content) {
                finding.decisions += choice.decisions;
            }
            if choice.content == *content {
                finding.chosen += choice.decisions;
            }
        }
        let alone = |chances: &Chances| chances.get(content).is_some_and(|p| *p >= 1.0 - SAME);
        if finding.decisions == 0 {
            continue;
        }
        if chances.values().any(alone) {
            let message = "where it is the only candidate, nothing can be shown in its place";
            finding.refusal = Some(Refusal::new(Reason::TooLittleData, message));
        } else {
            // Where it was no candidate, dropping it changes nothing.
            let with_it = chances
                .iter()
                .filter_map(|(list, chances)| Some((list, *chances.get(content)?)));
            for (list, chance) in with_it {
                let weight = (drop_weight(false, chance) * WEIGHT_UNITS).round();
                heaviest = heaviest.max(weight);
                let (content, list) = (sql::text(content), sql::text(list));
                rows.push(format!("({content}, {list}, {})", weight as i64));
            }
        }
        dropped.push(finding);
    }
    if !rows.is_empty() {
        let statement = format!(
            "CREATE OR REPLACE TEMP TABLE {WEIGHTS} AS \
             SELECT item, list, CAST(weight AS HUGEINT) AS weight FROM (VALUES {}) AS t(item, list, weight)",
            rows.join(", ")
        );
        lake.engine()
            .execute(&statement, "cannot weigh the decisions that chose content")?;
        let sums = sums(lake, prepared, heaviest)?;
        for item in &mut dropped {
            if let Some((sums, own)) = sums.get(&item.content) {
                add_value(item, sums, own, decisions, document.alpha);
            }
        }
    }
    dropped.sort_by(|a, b| {
        let value = |item: &DroppedItem| item.value.map_or(f64::NEG_INFINITY, |v| v.estimate);
        value(b)
            .total_cmp(&value(a))
            .then_with(|| a.content.cmp(&b.content))
    });
    let mean = lake.engine().value::<f64>(
        &format!("SELECT CAST(sum(y) AS DOUBLE) / count(*) FROM {DECISIONS}"),
        "cannot average the decisions that chose content",
    )?;
    Ok(DropOneFinding {
        decisions,
        left_out,
        mean: Some(mean / prepared.own_units()),
        items: dropped,
        items_left_out,
        refusal: None,
    })
}

fn choices(lake: &Lake) -> Result<Vec<Choice>, MeasureError> {
    let query = format!(
        "SELECT list, content, count(*), min(propensity), max(propensity) FROM {DECISIONS} \
         GROUP BY list, content ORDER BY list, content"
    );
    let rows = lake
        .engine()
        .rows(&query, "cannot read the probabilities of choices", |row| {
            Ok(Choice {
                list: row.get(0)?,
                content: row.get(1)?,
                decisions: row.get(2)?,
                least: row.get(3)?,
                most: row.get(4)?,
            })
        })?;
    Ok(rows)
}

/// The probabilities of the candidates of every list; those that were never chosen share what is left.
fn chances(choices: &[Choice]) -> Result<BTreeMap<String, Chances>, String> {
    let mut chances: BTreeMap<String, Chances> = BTreeMap::new();
    for choice in choices {
        if choice.most - choice.least > SAME * choice.most {
            return Err(format!(
                "among the same candidates `{}` was chosen with probabilities from {:.4} to {:.4}: the choice used \
                 something of the customer, and the probabilities of what was not chosen are not logged",
                choice.content, choice.least, choice.most
            ));
        }
        let of_list = chances.entry(choice.list.clone()).or_default();
        of_list.insert(choice.content.clone(), 0.5 * (choice.least + choice.most));
    }
    for (list, known) in &mut chances {
        let left = 1.0 - known.values().sum::<f64>();
        let names = candidates(list);
        let unknown: Vec<&String> = names.iter().filter(|n| !known.contains_key(*n)).collect();
        if left < -SAME || unknown.is_empty() && left > SAME {
            return Err(format!(
                "the probabilities of the candidates {list} add up to {:.4} and not to 1",
                1.0 - left
            ));
        }
        let share = left.max(0.0) / unknown.len().max(1) as f64;
        for name in unknown.into_iter().cloned().collect::<Vec<_>>() {
            known.insert(name, share);
        }
    }
    Ok(chances)
}

/// The names in a list: `[a, b]`, `["a", "b"]` or `a, b`.
fn candidates(list: &str) -> BTreeSet<String> {
    list.trim_matches(|c: char| c.is_whitespace() || "[]".contains(c))
        .split(',')
        .map(|name| name.trim_matches(|c: char| c.is_whitespace() || "\"'".contains(c)))
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The binary digits of a customer's sum that go into products: these have twice as many, and those of a billion customers
/// add up inside the 127 of the engine's whole numbers.
const DIGITS: i32 = 48;

/// The powers of two by which a customer's decisions, rewards, weights and weighted rewards are divided before their
/// products are added up: 1 for all but very large sums.
fn shifts(lake: &Lake, heaviest: f64) -> Result<[f64; 4], MeasureError> {
    let query = format!(
        "SELECT CAST(max(n) AS DOUBLE), CAST(max(r) AS DOUBLE) FROM \
         (SELECT count(*) AS n, sum(abs(y)) AS r FROM {DECISIONS} GROUP BY customer)"
    );
    let largest =
        lake.engine()
            .rows(&query, "cannot add up the decisions of customers", |row| {
                Ok((row.get::<_, f64>(0)?, row.get::<_, f64>(1)?))
            })?;
    let (n, r) = largest.first().copied().unwrap_or((0.0, 0.0));
    let shift = |largest: f64| 2_f64.powi((largest.max(1.0).log2().ceil() as i32 - DIGITS).max(0));
    Ok([n, r, n * heaviest, r * heaviest].map(shift))
}

/// Adds what all `decisions` would lose without an item, by the sums of those for which it was a candidate.
fn add_value(
    item: &mut DroppedItem,
    sums: &PolicySums,
    own: &ItemSums,
    decisions: u64,
    alpha: f64,
) {
    match sums.drop_value(own, alpha) {
        Ok(value) => {
            let share = item.decisions as f64 / decisions as f64;
            item.value = Some(Valued {
                estimate: share * value.difference.estimate,
                low: share * value.difference.low,
                high: share * value.difference.high,
            });
            item.effective = Some(value.effective);
            item.effective_customers = Some(value.effective_customers);
        }
        Err(error) => {
            let reason = match error {
                OffPolicyError::WrongPropensities { .. } => Reason::UnfitData,
                _ => Reason::TooLittleData,
            };
            item.refusal = Some(Refusal::new(reason, error.to_string()));
        }
    }
}

/// The sums over the decisions for which an item was a candidate, by item, of those that have weights, the largest of which
/// is `heaviest`.
fn sums(
    lake: &Lake,
    prepared: &Prepared,
    heaviest: f64,
) -> Result<BTreeMap<String, (PolicySums, ItemSums)>, MeasureError> {
    // Sums of a customer: decisions n, rewards r, weights d, weighted rewards b.
    const NAMES: [&str; 4] = ["n", "r", "d", "b"];
    let shifts = shifts(lake, heaviest)?;
    let shifted = |name: &str, shift: f64| match shift > 1.0 {
        true => format!("CAST(round(CAST({name} AS DOUBLE) / {shift}) AS HUGEINT)"),
        false => name.to_owned(),
    };
    let names = NAMES.iter().zip(shifts);
    let factors: Vec<String> = names.map(|(name, shift)| shifted(name, shift)).collect();
    let mut sums: Vec<String> = NAMES.iter().map(|name| format!("sum({name})")).collect();
    for (i, one) in factors.iter().enumerate() {
        for other in &factors[i..] {
            sums.push(format!("sum({one} * {other})"));
        }
    }
    // And of the decisions that chose the item, their number and the sizes of their rewards; and the weighted sizes of
    // those of others. Sizes are as large as the sums of the same place.
    const SIZES: [(&str, usize); 3] = [("own_n", 0), ("own_size", 1), ("other_size", 3)];
    for (name, like) in SIZES {
        let shift = shifts[like];
        let factor = shifted(name, shift);
        sums.extend([format!("sum({name})"), format!("sum({factor} * {factor})")]);
    }
    let query = format!(
        "WITH own AS (SELECT customer, list, content, count(*) AS n, sum(y) AS r, sum(abs(y)) AS size FROM {DECISIONS} \
         GROUP BY ALL), \
         every AS (SELECT customer, list, sum(n) AS n, sum(r) AS r, sum(size) AS size FROM own GROUP BY ALL), \
         of_customer AS (SELECT w.item, every.customer, sum(every.n) AS n, sum(every.r) AS r, \
         sum(coalesce(own.n, 0)) AS own_n, sum(coalesce(own.size, 0)) AS own_size, \
         sum((every.size - coalesce(own.size, 0)) * w.weight) AS other_size, \
         sum((every.n - coalesce(own.n, 0)) * w.weight) AS d, \
         sum((every.r - coalesce(own.r, 0)) * w.weight) AS b, \
         sum((every.n - coalesce(own.n, 0)) * w.weight * w.weight) AS squares \
         FROM every JOIN {WEIGHTS} w ON w.list = every.list \
         LEFT JOIN own ON own.customer = every.customer AND own.list = every.list AND own.content = w.item \
         GROUP BY w.item, every.customer) \
         SELECT item, count(*), sum(squares), {} FROM of_customer GROUP BY item ORDER BY item",
        sums.join(", ")
    );
    let scales = [
        1.0,
        prepared.own_units(),
        WEIGHT_UNITS,
        WEIGHT_UNITS * prepared.own_units(),
    ];
    let found = lake
        .engine()
        .rows(&query, "cannot add up the decisions of customers", |row| {
            let mut sums = PolicySums {
                customers: row.get(1)?,
                squared_weights: row.get::<_, f64>(2)? / (WEIGHT_UNITS * WEIGHT_UNITS),
                ..PolicySums::default()
            };
            let mut column = 3 + NAMES.len();
            for (i, scale) in scales.iter().enumerate() {
                sums.first[i] = row.get::<_, f64>(3 + i)? / scale;
                for (j, other) in scales.iter().enumerate().skip(i) {
                    let shift = shifts[i] * shifts[j];
                    let product = row.get::<_, f64>(column)? * shift / (scale * other);
                    sums.second[i][j] = product;
                    sums.second[j][i] = product;
                    column += 1;
                }
            }
            let mut sizes = [CustomerSum::default(); SIZES.len()];
            for (sum, (_, like)) in sizes.iter_mut().zip(SIZES) {
                let square = shifts[like] / scales[like];
                *sum = CustomerSum {
                    sum: row.get::<_, f64>(column)? / scales[like],
                    squares: row.get::<_, f64>(column + 1)? * square * square,
                };
                column += 2;
            }
            let [choices, rewards, other_rewards] = sizes;
            let item = ItemSums {
                choices,
                rewards,
                other_rewards,
            };
            Ok((row.get::<_, String>(0)?, (sums, item)))
        })?;
    Ok(found.into_iter().collect())
}
