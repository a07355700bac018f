//! Two experiments on the same customers: were they assigned independently, and do their effects add up?

use catalog::{Catalog, Experiment, Unit};
use lake::Lake;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::interaction::{assignment_dependence, interaction, interaction_effect};
use stats::moments::{Moments, Products};
use stats::{Sample, probability_above, tail};

use super::compare::{sample, too_little};
use super::finding::Estimate;
use super::plan::{MadeOf, Plan};
use super::query::assigned::assigned;
use super::query::types::same_customer;
use super::query::{self, columns, status};
use super::spread::Rows;
use crate::error::MeasureError;
use crate::{Provenance, Reason, Refusal};

/// The most cells of two experiments' arms: a cell's number is a byte.
pub(super) const MOST_CELLS: usize = 256;

/// Whether two experiments disturb each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InteractionFinding {
    /// The name and version of this format.
    pub format: String,
    /// The experiment whose metrics are looked at, counted from its exposure.
    pub experiment: String,
    /// The experiment that may disturb it.
    pub other: String,
    pub alpha: f64,
    /// Customers who count in both.
    pub customers: u64,
    /// These by arm of the experiment, and by arm of the other.
    pub cells: Vec<Vec<u64>>,
    pub assignment: AssignmentFinding,
    pub metrics: Vec<MetricInteraction>,
    pub provenance: Provenance,
}

impl InteractionFinding {
    /// The name and version of the format.
    pub const FORMAT: &'static str = "touchstone.interaction/1";
}

/// Whether the arms of two experiments are independent: if not, one's effect leaks into the other's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AssignmentFinding {
    pub chi_square: Option<f64>,
    pub df: Option<f64>,
    /// The probability of counts at least this far from independence, if it holds.
    pub p_value: Option<f64>,
    pub ln_p: Option<f64>,
    /// From 0, independence, to 1, where one assignment decides the other: how large the dependence is.
    pub cramers_v: Option<f64>,
    pub refusal: Option<Refusal>,
}

/// Whether two experiments' effects on a metric add up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricInteraction {
    pub metric: String,
    pub unit: Unit,
    /// The mean by arm of the experiment, and by arm of the other.
    pub means: Vec<Vec<Option<f64>>>,
    /// Of two arms each: by how much the effect is larger where the other experiment treats.
    pub effect: Option<Estimate>,
    /// The probability of effects at least this far from adding up, if they do.
    pub p_value: Option<f64>,
    pub ln_p: Option<f64>,
    pub refusal: Option<Refusal>,
}

/// Measures whether two experiments disturb each other, by one query that joins them.
///
/// Cells are the arms of one crossed with those of the other, each as its experiment counts customers. Effects are those
/// on means per customer; a ratio or a quantile is refused.
///
/// # Errors
///
/// [`MeasureError`] where the lake or the catalog do not allow it, or there are more than 256 cells.
pub fn interactions(
    catalog: &Catalog,
    lake: &mut Lake,
    experiment: &Experiment,
    other: &Experiment,
) -> Result<InteractionFinding, MeasureError> {
    let plan = Plan::new(catalog, experiment)?;
    let others = Plan::new(catalog, other)?;
    let (rows, columns) = (experiment.arms.len(), other.arms.len());
    if rows * columns > MOST_CELLS {
        return Err(MeasureError::Limit {
            place: format!("experiments `{}` and `{}`", experiment.name, other.name),
            message: format!(
                "{rows} arms crossed with {columns} are {} cells, at most {MOST_CELLS} are possible",
                rows * columns
            ),
        });
    }
    let query = query::write(&plan, catalog, lake)?;
    query::define(&others, catalog, lake)?;
    let joined = assigned(&others, lake)?;
    let same = same_customer(
        ("other.customer", &joined.customer_type),
        ("own.customer", &query.customer_type),
        format!("experiments `{}` and `{}`", experiment.name, other.name),
    )?;
    let values = plan.values.len();
    // A number that does not count is 0 beside a column that says so.
    let numbers = (0..values).map(|place| {
        let number = columns::number(&query, place);
        format!(
            "CASE WHEN {} THEN {number} ELSE 0 END",
            query.counts(&plan, place)
        )
    });
    let missing =
        (0..values).map(|place| format!("CAST(NOT ({}) AS DOUBLE)", query.counts(&plan, place)));
    let selected: String = numbers
        .chain(missing)
        .map(|column| format!(", {column}"))
        .collect();
    let sql = format!(
        "SELECT CAST(own.arm * {columns} + other.arm AS UTINYINT){selected} FROM {} own JOIN (WITH {} SELECT * FROM {} \
         WHERE counted) other ON {same} WHERE own.status = {}",
        query.customers,
        joined.tables,
        joined.customers,
        status::COUNTED
    );
    let products = Products::new(2 * values, |_, _| false);
    let cells = Rows {
        lake,
        sql,
        groups: rows * columns,
        columns: 2 * values,
        experiment: &experiment.name,
    }
    .moments(&products)?;
    query.finish(lake)?;
    lake.check_unchanged()?;
    let table = |of: &dyn Fn(&Moments) -> u64| -> Vec<Vec<u64>> {
        cells
            .chunks(columns)
            .map(|row| row.iter().map(of).collect())
            .collect()
    };
    let counts = table(&Moments::rows);
    let quantiles = plan.quantiles.iter();
    let quantiles = quantiles.map(|quantile| MetricInteraction::of(quantile.metric).no_mean());
    let metrics = plan.metrics.iter().map(|compared| {
        let mut finding = MetricInteraction::of(compared.metric);
        match compared.made_of {
            MadeOf::Value(place) => {
                let references = [plan.reference, others.reference];
                finding.test(
                    &cells,
                    columns,
                    references,
                    (place, values + place),
                    experiment.alpha,
                );
                finding
            }
            MadeOf::Ratio { .. } => finding.no_mean(),
        }
    });
    Ok(InteractionFinding {
        format: InteractionFinding::FORMAT.to_owned(),
        experiment: experiment.name.clone(),
        other: other.name.clone(),
        alpha: experiment.alpha,
        customers: counts.iter().flatten().sum(),
        assignment: AssignmentFinding::of(&counts),
        metrics: metrics.chain(quantiles).collect(),
        cells: counts,
        provenance: Provenance::of(catalog, lake)?,
    })
}

impl AssignmentFinding {
    pub(super) fn of(counts: &[Vec<u64>]) -> Self {
        match assignment_dependence(counts) {
            Ok(test) => Self {
                chi_square: Some(test.chi_square),
                df: Some(test.df),
                p_value: Some(test.probability.p),
                ln_p: Some(test.probability.ln_p),
                cramers_v: Some(test.cramers_v),
                refusal: None,
            },
            Err(error) => Self {
                chi_square: None,
                df: None,
                p_value: None,
                ln_p: None,
                cramers_v: None,
                refusal: Some(too_little(error)),
            },
        }
    }
}

impl MetricInteraction {
    pub(super) fn of(metric: &catalog::Metric) -> Self {
        Self {
            metric: metric.name.clone(),
            unit: metric.unit,
            means: Vec::new(),
            effect: None,
            p_value: None,
            ln_p: None,
            refusal: None,
        }
    }

    /// Refused, because the metric is a ratio or a quantile.
    pub(super) fn no_mean(self) -> Self {
        let message = format!(
            "whether effects add up is told of means, and `{}` is a ratio or a quantile: see a metric that is a sum or a \
             count",
            self.metric
        );
        Self {
            refusal: Some(Refusal::new(Reason::Undeclared, message)),
            ..self
        }
    }

    /// Tests the values in a column of the cells' moments, beside which another column says what is missing; both
    /// experiments' arms are compared with their reference arms.
    pub(super) fn test(
        &mut self,
        cells: &[Moments],
        columns: usize,
        references: [usize; 2],
        (place, missing): (usize, usize),
        alpha: f64,
    ) {
        let missing: f64 = cells.iter().map(|cell| cell.sum(missing)).sum();
        if missing > 0.0 {
            let message = format!(
                "`{}` is missing or no finite number for {missing} customers: their part in it is not known",
                self.metric
            );
            self.refusal = Some(Refusal::new(Reason::UnfitData, message));
            return;
        }
        let sample = |cell: &Moments| sample(cell, place);
        let samples: Vec<Vec<Sample>> = cells
            .chunks(columns)
            .map(|row| row.iter().map(sample).collect())
            .collect();
        let mean = |sample: &Sample| (sample.n > 0).then_some(sample.mean);
        self.means = samples
            .iter()
            .map(|row| row.iter().map(mean).collect())
            .collect();
        let mut from_reference = samples;
        from_reference.swap(0, references[0]);
        for row in &mut from_reference {
            row.swap(0, references[1]);
        }
        match interaction_of(&from_reference, alpha) {
            Ok(found) => {
                self.effect = found.effect;
                (self.p_value, self.ln_p) = (Some(found.p), Some(found.ln_p));
            }
            Err(refusal) => self.refusal = Some(refusal),
        }
    }
}

/// How far effects are from adding up.
pub(crate) struct Interaction {
    /// Of two by two cells: the difference of the differences.
    pub(crate) effect: Option<Estimate>,
    pub(crate) p: f64,
    pub(crate) ln_p: f64,
}

/// Whether the effects of rows and columns add up.
pub(crate) fn interaction_of(cells: &[Vec<Sample>], alpha: f64) -> Result<Interaction, Refusal> {
    if cells.iter().flatten().any(|cell| cell.n < 2) {
        return Err(too_little(
            "fewer than two customers count in a combination of arms",
        ));
    }
    if cells.iter().flatten().any(|cell| cell.variance == 0.0) {
        return Err(too_little(
            "nothing varies among the customers of a combination of arms",
        ));
    }
    if let [a, b] = cells
        && let (&[m00, m01], &[m10, m11]) = (a.as_slice(), b.as_slice())
    {
        let effect = interaction_effect(&[[m00, m01], [m10, m11]]).map_err(too_little)?;
        let half = tail::student_t_critical(alpha, effect.df) * effect.se;
        // Twice the probability of an effect on the other side of zero.
        let beyond = probability_above(-effect.estimate.abs(), effect.se, effect.df, 0.0);
        return Ok(Interaction {
            effect: Some(Estimate {
                estimate: effect.estimate,
                se: effect.se,
                low: effect.estimate - half,
                high: effect.estimate + half,
                df: effect.df.is_finite().then_some(effect.df),
            }),
            p: 2.0 * beyond.p,
            ln_p: beyond.ln_p + std::f64::consts::LN_2,
        });
    }
    let omnibus = interaction(cells).map_err(too_little)?;
    Ok(Interaction {
        effect: None,
        p: omnibus.probability.p,
        ln_p: omnibus.probability.ln_p,
    })
}
