//! Experiments on the same customers, all pairs: were they assigned independently, and do their effects add up?
//!
//! A business runs many experiments on the same customers at once. That is harmless as long as the assignments are
//! independent and no experiment changes another's effect. Whoever looks at all pairs makes many tests, some of which
//! come out by chance: the probabilities are therefore adjusted (Holm), those of assignments as one family, those of
//! effects as another, so that the probability of any false alarm in a family is at most alpha, however the tests
//! depend on each other.

use catalog::{Catalog, Experiment, Metrics};
use lake::{Lake, sql};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::TailProbability;
use stats::moments::{Moments, Products};
use stats::multiplicity::{Adjustment, adjusted};

use super::checks::shares_change;
use super::interactions::{AssignmentFinding, MOST_CELLS, MetricInteraction};
use super::plan::{MadeOf, Plan};
use super::query::types::same_customer;
use super::query::{self, columns, status};
use super::spread::Rows;
use crate::error::MeasureError;
use crate::{Provenance, Reason, Refusal};

/// The most pairs that are looked at: all of 20 experiments.
pub const MOST_PAIRS: usize = 190;

/// The customers of two experiments, while they are looked at.
const PAIR: &str = "_ts_overlap";

/// What experiments on the same customers do to each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OverlapsFinding {
    /// The name and version of this format.
    pub format: String,
    /// Below it an adjusted probability is an alarm: the smallest alpha of the experiments.
    pub alpha: f64,
    /// Experiments whose pairs were looked at.
    pub experiments: u64,
    /// Pairs that share customers, those that share most first.
    pub pairs: Vec<Overlap>,
    /// Pairs that share no customer.
    pub apart: u64,
    /// Pairs that were not looked at, because there are more than [`MOST_PAIRS`]: those whose smaller experiment is
    /// smallest.
    pub not_looked_at: u64,
    /// Experiments and pairs that cannot be looked at.
    pub refused: Vec<OverlapRefused>,
    pub provenance: Provenance,
}

impl OverlapsFinding {
    /// The name and version of the format.
    pub const FORMAT: &'static str = "touchstone.overlaps/1";

    /// Pairs whose assignments depend on each other.
    pub fn dependent(&self) -> impl Iterator<Item = &Overlap> {
        let alpha = self.alpha;
        self.pairs
            .iter()
            .filter(move |pair| pair.adjusted_p.is_some_and(|p| p < alpha))
    }

    /// Effects that are another one where the other experiment treats.
    pub fn disturbed(&self) -> impl Iterator<Item = (&Overlap, &OverlapEffect)> {
        let alpha = self.alpha;
        let effects = self.pairs.iter().flat_map(|pair| {
            let effects = pair.effects.iter();
            effects.map(move |effect| (pair, effect))
        });
        effects.filter(move |(_, effect)| effect.adjusted_p.is_some_and(|p| p < alpha))
    }
}

/// Two experiments that share customers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Overlap {
    pub experiments: [String; 2],
    /// Customers who count in both, at the same time or one after the other.
    pub customers: u64,
    /// Whether the arms are independent.
    pub assignment: AssignmentFinding,
    /// The probability of the assignments' test, adjusted for the number of pairs.
    pub adjusted_p: Option<f64>,
    /// Whether the effect on the primary metric of either adds up with the other experiment's arms.
    pub effects: Vec<OverlapEffect>,
}

/// The effect of one experiment by the arms of another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OverlapEffect {
    /// The experiment whose primary metric it is.
    pub experiment: String,
    /// Of customers whose window has passed, where the experiment leaves the others out.
    pub interaction: MetricInteraction,
    /// The probability of the test, adjusted for the number of effects.
    pub adjusted_p: Option<f64>,
}

/// Why an experiment or a pair was not looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OverlapRefused {
    /// One experiment, or two.
    pub experiments: Vec<String>,
    pub refusal: Refusal,
}

/// Measures what all pairs of a catalog's experiments do to each other; none where there are fewer than two.
///
/// Each experiment's customers and primary metric come from one query and are kept; each pair is one join of two such
/// tables. Tests are those of [`interactions`](super::interactions()). Experiments whose shares changed on the way, or
/// whose clusters were randomized, are refused: there the arms of two experiments can depend on each other by time or by
/// cluster without any fault.
///
/// # Errors
///
/// [`MeasureError`] where the lake or the catalog do not allow it.
pub fn overlaps(
    catalog: &Catalog,
    lake: &mut Lake,
) -> Result<Option<OverlapsFinding>, MeasureError> {
    if catalog.experiments().nth(1).is_none() {
        return Ok(None);
    }
    let (mut kept, mut refused) = (Vec::new(), Vec::new());
    for experiment in catalog.experiments() {
        match unfit(experiment) {
            Some(refusal) => refused.push(OverlapRefused {
                experiments: vec![experiment.name.to_string()],
                refusal,
            }),
            None => kept.push(Kept::of(catalog, lake, experiment, kept.len())?),
        }
    }
    let alphas = kept.iter().map(|kept| kept.experiment.alpha);
    let alpha = alphas.fold(1.0, f64::min);
    let mut wanted: Vec<(&Kept<'_>, &Kept<'_>)> = kept
        .iter()
        .enumerate()
        .flat_map(|(place, own)| kept[place + 1..].iter().map(move |other| (own, other)))
        .collect();
    // Two experiments share at most the customers of the smaller one.
    wanted.sort_by_key(|(own, other)| std::cmp::Reverse(own.customers.min(other.customers)));
    let not_looked_at = wanted.len().saturating_sub(MOST_PAIRS) as u64;
    wanted.truncate(MOST_PAIRS);
    let (mut pairs, mut apart) = (Vec::new(), 0);
    for (own, other) in wanted {
        match overlap(lake, own, other)? {
            Ok(None) => apart += 1,
            Ok(Some(pair)) => pairs.push(pair),
            Err(refusal) => refused.push(OverlapRefused {
                experiments: vec![own.name(), other.name()],
                refusal,
            }),
        }
    }
    for kept in &kept {
        let statement = format!("DROP TABLE IF EXISTS {}", kept.table);
        lake.engine().execute(&statement, &kept.context())?;
    }
    lake.check_unchanged()?;
    pairs.sort_by_key(|pair: &Overlap| std::cmp::Reverse(pair.customers));
    adjust(&mut pairs)?;
    Ok(Some(OverlapsFinding {
        format: OverlapsFinding::FORMAT.to_owned(),
        alpha,
        experiments: kept.len() as u64,
        pairs,
        apart,
        not_looked_at,
        refused,
        provenance: Provenance::of(catalog, lake)?,
    }))
}

/// Why an experiment's arms cannot be compared with another's.
fn unfit(experiment: &Experiment) -> Option<Refusal> {
    let why = if experiment.assignment.cluster.is_some() {
        "its clusters were randomized and not its customers, who share their arm with others of their cluster"
    } else if shares_change(experiment) {
        "the shares of its arms changed on the way: arms go with time, and so may another experiment's"
    } else {
        return None;
    };
    Some(Refusal::new(Reason::Undeclared, why))
}

/// An experiment whose customers are kept in a table: `customer`, `arm`, the `number` of the primary metric, whether it
/// is `missing`, and whether the customer's window is still `open`.
struct Kept<'a> {
    experiment: &'a Experiment,
    table: String,
    customer_type: String,
    customers: u64,
    /// The place of the arm that others are compared with.
    reference: usize,
    /// The primary metric without a number: why, where it is no mean.
    metric: MetricInteraction,
}

impl<'a> Kept<'a> {
    fn of(
        catalog: &Catalog,
        lake: &mut Lake,
        experiment: &'a Experiment,
        place: usize,
    ) -> Result<Self, MeasureError> {
        let alone = primary_alone(experiment);
        let plan = Plan::new(catalog, &alone)?;
        let query = query::write(&plan, catalog, lake)?;
        let (metric, value) = match (plan.metrics.first(), plan.quantiles.first()) {
            (Some(compared), _) => {
                let value = match compared.made_of {
                    MadeOf::Value(place) => Some(place),
                    MadeOf::Ratio { .. } => None,
                };
                (MetricInteraction::of(compared.metric), value)
            }
            (None, Some(quantile)) => (MetricInteraction::of(quantile.metric), None),
            (None, None) => {
                return Err(query::types::unusable(
                    &format!("experiment `{}`", experiment.name),
                    "it has no primary metric".to_owned(),
                ));
            }
        };
        let metric = match value {
            Some(_) => metric,
            None => metric.no_mean(),
        };
        let columns = value.map_or_else(
            || "0.0 AS number, 0.0 AS missing, false AS open".to_owned(),
            |place| {
                let counts = query.counts(&plan, place);
                let number = columns::number(&query, place);
                format!(
                    "CAST(CASE WHEN {counts} THEN {number} ELSE 0 END AS DOUBLE) AS number, CAST(NOT ({counts}) AS \
                     DOUBLE) AS missing, NOT ({}) AS open",
                    query.is_mature(&plan, place)
                )
            },
        );
        let mut kept = Self {
            experiment,
            table: format!("{PAIR}_of{place}"),
            customer_type: query.customer_type.clone(),
            customers: 0,
            reference: plan.reference,
            metric,
        };
        let statement = format!(
            "CREATE OR REPLACE TEMP TABLE {} AS SELECT customer, arm, {columns} FROM {} WHERE status = {}",
            kept.table,
            query.customers,
            status::COUNTED
        );
        lake.engine().execute(&statement, &kept.context())?;
        query.finish(lake)?;
        let count = format!("SELECT count(*) FROM {}", kept.table);
        kept.customers = lake.engine().value(&count, &kept.context())?;
        Ok(kept)
    }

    fn name(&self) -> String {
        self.experiment.name.to_string()
    }

    fn context(&self) -> String {
        format!("cannot measure experiment `{}`", self.experiment.name)
    }
}

/// The experiment with its primary metric and nothing else.
fn primary_alone(experiment: &Experiment) -> Experiment {
    let mut alone = experiment.clone();
    alone.metrics = Metrics {
        primary: experiment.metrics.primary.clone(),
        success: Vec::new(),
        guardrails: Vec::new(),
        secondary: Vec::new(),
    };
    alone.covariates.clear();
    alone.segments.clear();
    alone.strata.clear();
    alone.trigger = None;
    for arm in &mut alone.arms {
        // Whose touches would be counted.
        arm.initiative = None;
    }
    alone
}

/// What two experiments do to each other: nothing where they share no customer, a refusal where they cannot be joined.
fn overlap(
    lake: &Lake,
    own: &Kept<'_>,
    other: &Kept<'_>,
) -> Result<Result<Option<Overlap>, Refusal>, MeasureError> {
    let (rows, columns) = (own.experiment.arms.len(), other.experiment.arms.len());
    if rows * columns > MOST_CELLS {
        let message = format!(
            "{rows} arms crossed with {columns} are {} cells, at most {MOST_CELLS} are possible",
            rows * columns
        );
        return Ok(Err(Refusal::new(Reason::Undeclared, message)));
    }
    let place = format!("experiments `{}` and `{}`", own.name(), other.name());
    let joined = same_customer(
        ("own.customer", &own.customer_type),
        ("other.customer", &other.customer_type),
        place.clone(),
    );
    let same = match joined {
        Ok(same) => same,
        Err(error) => {
            let refusal = Refusal::new(Reason::UnfitData, error.to_string());
            return Ok(Err(refusal));
        }
    };
    let context = format!("cannot measure {place}");
    let sides: String = ["own", "other"]
        .iter()
        .flat_map(|side| ["number", "missing", "open"].map(|column| (side, column)))
        .map(|(side, column)| format!(", {side}.{column} AS {side}_{column}"))
        .collect();
    let statement = format!(
        "CREATE OR REPLACE TEMP TABLE {PAIR} AS SELECT CAST(own.arm * {columns} + other.arm AS UTINYINT) AS cell{sides} \
         FROM {} own JOIN {} other ON {same}",
        own.table, other.table,
    );
    lake.engine().execute(&statement, &context)?;
    let pair = pair_of(lake, own, other, &context);
    lake.engine()
        .execute(&format!("DROP TABLE IF EXISTS {PAIR}"), &context)?;
    Ok(Ok(pair?))
}

/// What the joined customers of two experiments say; none where there are none.
fn pair_of(
    lake: &Lake,
    own: &Kept<'_>,
    other: &Kept<'_>,
    context: &str,
) -> Result<Option<Overlap>, MeasureError> {
    let (rows, columns) = (own.experiment.arms.len(), other.experiment.arms.len());
    let counted: Vec<(u8, u64)> = lake.engine().rows(
        &format!("SELECT cell, count(*) FROM {PAIR} GROUP BY cell"),
        context,
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let customers: u64 = counted.iter().map(|(_, customers)| customers).sum();
    if customers == 0 {
        return Ok(None);
    }
    let mut cells = vec![vec![0; columns]; rows];
    for (cell, customers) in counted {
        let cell = usize::from(cell);
        if let Some(count) = cells
            .get_mut(cell / columns)
            .and_then(|row| row.get_mut(cell % columns))
        {
            *count = customers;
        }
    }
    let effect = |kept: &Kept<'_>, side: &str| -> Result<OverlapEffect, MeasureError> {
        let mut interaction = kept.metric.clone();
        if interaction.refusal.is_none() {
            let sums = Rows {
                lake,
                sql: format!(
                    "SELECT cell, {side}_number, {side}_missing FROM {PAIR} WHERE NOT {}",
                    sql::identifier(&format!("{side}_open"))
                ),
                groups: rows * columns,
                columns: 2,
                experiment: &kept.experiment.name,
            }
            .moments(&Products::new(2, |_, _| false))?;
            let alpha = kept.experiment.alpha;
            let references = [own.reference, other.reference];
            if side == "own" {
                interaction.test(&sums, columns, references, (0, 1), alpha);
            } else {
                let [own, other] = references;
                let sums = transposed(sums, columns);
                interaction.test(&sums, rows, [other, own], (0, 1), alpha);
            }
        }
        Ok(OverlapEffect {
            experiment: kept.name(),
            interaction,
            adjusted_p: None,
        })
    };
    Ok(Some(Overlap {
        experiments: [own.name(), other.name()],
        customers,
        assignment: AssignmentFinding::of(&cells),
        adjusted_p: None,
        effects: vec![effect(own, "own")?, effect(other, "other")?],
    }))
}

/// Cells of rows of so many columns, by column.
fn transposed(cells: Vec<Moments>, columns: usize) -> Vec<Moments> {
    let rows: Vec<&[Moments]> = cells.chunks(columns).collect();
    (0..columns)
        .flat_map(|column| rows.iter().map(move |row| row[column].clone()))
        .collect()
}

/// Adjusts the probabilities of assignments, and those of effects, for their number.
fn adjust(pairs: &mut [Overlap]) -> Result<(), MeasureError> {
    let assignments = pairs
        .iter_mut()
        .map(|pair| (pair.assignment.ln_p, &mut pair.adjusted_p));
    holm(assignments.collect())?;
    let effects = pairs.iter_mut().flat_map(|pair| &mut pair.effects);
    let effects = effects.map(|effect| (effect.interaction.ln_p, &mut effect.adjusted_p));
    holm(effects.collect())
}

fn holm(family: Vec<(Option<f64>, &mut Option<f64>)>) -> Result<(), MeasureError> {
    let (known, places): (Vec<TailProbability>, Vec<&mut Option<f64>>) = family
        .into_iter()
        .filter_map(|(ln_p, place)| Some((TailProbability::from_ln(ln_p?.min(0.0)), place)))
        .unzip();
    let adjusted = adjusted(&known, Adjustment::Holm)
        .map_err(|error| query::types::unusable("overlapping experiments", error.to_string()))?;
    for (place, probability) in places.into_iter().zip(adjusted) {
        *place = Some(probability.p);
    }
    Ok(())
}
