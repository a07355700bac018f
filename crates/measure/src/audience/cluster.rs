//! Experiments whose arms were randomized to clusters of customers: shops, households, regions.
//!
//! Customers of a cluster are alike, so that clusters are what is counted as independent. Behind the one pass over
//! customers stands one more grouping, by cluster, whose few rows are all that is kept.

use lake::Lake;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::clusters::lift_of_clusters;
use stats::moments::{CoMoments, Moments, MomentsError, Products};
use stats::{Sample, sample_ratio};

use super::compare::{adjusted, covariates_of, outcome, ratio_moments, refused, too_little};
use super::finding::{Adjusted, Comparison, Outcome, Pair, SegmentFinding};
use super::plan::{Compared, MadeOf, Plan};
use super::query::columns::{covariates, number};
use super::query::{Query, exact_sum, status};
use super::tally::Tally;
use super::trust::{PhaseSplit, Split, Trust};
use crate::error::MeasureError;
use crate::{Reason, Refusal};

/// The customers' table with the arms of clusters.
pub(crate) const UNITED: &str = "_ts_united";

/// The clusters with their arms.
pub(crate) const CLUSTERS: &str = "_ts_clusters";

/// Clusters that an arm needs for each slope, so that regression over clusters is safe.
const CLUSTERS_A_SLOPE: u64 = 10;

/// The clusters of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClustersFinding {
    /// The column that holds them.
    pub cluster: String,
    /// Clusters counted in each arm, in the order of the arms.
    pub counted: Vec<u64>,
    /// Clusters with customers in several arms: they count in the first, or are left out, as customers would.
    pub several_arms: u64,
    /// Each metric for each arm.
    pub metrics: Vec<ClusteredMetric>,
}

/// How alike the customers of a cluster are in a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClusteredMetric {
    pub metric: String,
    pub arm: String,
    /// Clusters with a value.
    pub clusters: Pair<u64>,
    /// Mean customers of a cluster.
    pub size: Option<f64>,
    /// Standard deviation of the sizes over their mean.
    pub size_variation: Option<f64>,
    /// Intracluster correlation: the share of the variance that lies between clusters; none of a ratio.
    pub icc: Option<f64>,
    /// The squared standard error over that of a test which takes customers for independent.
    pub design_effect: f64,
}

/// Gives each customer the arm of the cluster: that of its first customer. Clusters in several arms are left out where
/// customers in several arms would be.
pub(crate) fn unite(plan: &Plan<'_>, lake: &Lake, query: &mut Query) -> Result<(), MeasureError> {
    let assignment = &plan.experiment.assignment;
    if assignment.cluster.is_none() {
        return Ok(());
    }
    // Time and arm are one number, whose least is the first assignment.
    let first = if query.has_exposure {
        "epoch_us(started) * 256 + arm"
    } else {
        "CAST(arm AS BIGINT)"
    };
    let leaves_out =
        assignment.time.is_none() || plan.experiment.several_arms == catalog::SeveralArms::Exclude;
    let several = if leaves_out {
        format!(" WHEN k.several THEN {}", status::SEVERAL_ARMS)
    } else {
        String::new()
    };
    let statement = format!(
        "CREATE OR REPLACE TEMP TABLE {CLUSTERS} AS \
         SELECT cluster, min(arm) <> max(arm) AS several, CAST((min({first}) % 256 + 256) % 256 AS UTINYINT) AS arm \
         FROM {customers} WHERE status = {counted} AND cluster IS NOT NULL GROUP BY cluster; \
         CREATE OR REPLACE TEMP VIEW {UNITED} AS SELECT c.* REPLACE ( \
         CAST(CASE WHEN c.status <> {counted} THEN c.status WHEN c.cluster IS NULL THEN {none}{several} \
         ELSE {counted} END AS UTINYINT) AS status, \
         CASE WHEN c.status = {counted} THEN coalesce(k.arm, c.arm) ELSE c.arm END AS arm) \
         FROM {customers} c LEFT JOIN {CLUSTERS} k ON c.cluster = k.cluster",
        customers = query.customers,
        counted = status::COUNTED,
        none = status::NO_CLUSTER,
    );
    let context = format!(
        "cannot find the clusters of experiment `{}`",
        plan.experiment.name
    );
    lake.engine().execute(&statement, &context)?;
    query.customers = UNITED.to_owned();
    Ok(())
}

/// One cluster's sums.
struct Row {
    arm: usize,
    numbers: Vec<f64>,
}

/// Where the sums of a metric are among a row's numbers.
struct Sums {
    /// Customers with a value.
    customers: usize,
    /// The metric, or what stands above a ratio's line, and behind it what stands below.
    values: usize,
    /// Each covariate, and behind each the customers without it.
    covariates: usize,
    /// The covariates' places in the plan.
    known: Vec<usize>,
}

/// Replaces what comparisons say of effects by what clusters say.
pub(crate) fn add(
    plan: &Plan<'_>,
    lake: &Lake,
    query: &Query,
    tally: &Tally,
    comparisons: &mut [Comparison],
) -> Result<Option<ClustersFinding>, MeasureError> {
    let Some(cluster) = &plan.experiment.assignment.cluster else {
        return Ok(None);
    };
    let (rows, sums) = read(plan, lake, query)?;
    let context = "cannot count clusters";
    let statement = format!("SELECT count(*) FROM {CLUSTERS} WHERE several");
    let several: i64 = lake.engine().value(&statement, context)?;
    let in_arm = |arm: usize| rows.iter().filter(move |row| row.arm == arm);
    let mut finding = ClustersFinding {
        cluster: cluster.clone(),
        counted: (0..plan.experiment.arms.len())
            .map(|arm| in_arm(arm).count() as u64)
            .collect(),
        several_arms: u64::try_from(several).unwrap_or(0),
        metrics: Vec::new(),
    };
    let failed = |error: MomentsError| MeasureError::summary(&plan.experiment.name, &[], &error);
    for comparison in comparisons.iter_mut() {
        // They take customers for independent.
        comparison.second_opinions.clear();
    }
    for (compared, sums) in plan.metrics.iter().zip(&sums) {
        let of_metric = comparisons
            .iter_mut()
            .filter(|comparison| comparison.metric == compared.metric.name);
        for comparison in of_metric {
            let (Some(arm), Some(plain)) = (plan.arm(&comparison.arm), comparison.outcome.absolute)
            else {
                continue;
            };
            let of = |arm: usize| Side::new(compared, sums, in_arm(arm), tally, arm);
            let sides = Pair {
                arm: of(arm).map_err(failed)?,
                against: of(plan.reference).map_err(failed)?,
            };
            let effect = sides.effect(compared, plan.experiment.alpha);
            finding.metrics.push(ClusteredMetric {
                metric: comparison.metric.clone(),
                arm: comparison.arm.clone(),
                clusters: Pair {
                    arm: sides.arm.moments.rows(),
                    against: sides.against.moments.rows(),
                },
                size: effect.clustering.map(|clustering| clustering.size),
                size_variation: effect
                    .clustering
                    .map(|clustering| clustering.size_variation),
                icc: effect.clustering.map(|clustering| clustering.icc),
                design_effect: (effect.outcome.absolute)
                    .map_or(f64::NAN, |effect| (effect.se / plain.se).powi(2)),
            });
            comparison.adjusted =
                (effect.outcome.absolute).and_then(|_| sides.adjusted(plan, compared, sums));
            comparison.outcome = effect.outcome;
            comparison.judge();
        }
    }
    // What says nothing is not shown as a number.
    finding
        .metrics
        .retain(|metric| metric.design_effect.is_finite());
    Ok(Some(finding))
}

/// Reads the sums of each cluster, in the order of arms and clusters.
fn read(
    plan: &Plan<'_>,
    lake: &Lake,
    query: &Query,
) -> Result<(Vec<Row>, Vec<Sums>), MeasureError> {
    let mut inner = vec!["arm".to_owned(), "cluster".to_owned()];
    for (place, covariate) in covariates(plan, query).iter().enumerate() {
        inner.push(format!(
            "CASE WHEN isfinite({covariate}) THEN {covariate} END AS x{place}"
        ));
    }
    let mut outer: Vec<String> = Vec::new();
    let mut sums = Vec::new();
    for (m, compared) in plan.metrics.iter().enumerate() {
        let places = compared.made_of.places();
        let is_there: Vec<String> = (places.iter())
            .map(|&place| {
                format!(
                    "{} IS NOT NULL AND {}",
                    number(query, place),
                    query.is_mature(plan, place)
                )
            })
            .collect();
        inner.push(format!("{} AS w{m}", is_there.join(" AND ")));
        let filter = format!(" FILTER (WHERE w{m})");
        let sum = |expression: &str| format!("coalesce({}, 0)", exact_sum(expression, &filter));
        let customers = outer.len();
        outer.push(format!("count(*){filter}"));
        for (part, &place) in places.iter().enumerate() {
            inner.push(format!("{} AS y{m}_{part}", number(query, place)));
            outer.push(sum(&format!("y{m}_{part}")));
        }
        let first_covariate = outer.len();
        let known: Vec<usize> = (0..plan.covariates.len())
            .filter(|&place| plan.covariates[place].is_for(compared.metric))
            .collect();
        for place in &known {
            outer.push(sum(&format!("coalesce(_ts_in.x{place}, 0e0)")));
            outer.push(format!(
                "count(*) FILTER (WHERE w{m} AND _ts_in.x{place} IS NULL)"
            ));
        }
        sums.push(Sums {
            customers,
            values: customers + 1,
            covariates: first_covariate,
            known,
        });
    }
    let columns = outer.len();
    let select: String = outer
        .iter()
        .map(|column| format!(", CAST({column} AS DOUBLE)"))
        .collect();
    let statement = format!(
        "SELECT CAST(arm AS INTEGER){select} FROM (SELECT {} FROM {} WHERE status = {}) AS _ts_in \
         GROUP BY arm, cluster ORDER BY arm, cluster",
        inner.join(", "),
        query.customers,
        status::COUNTED,
    );
    let context = format!(
        "cannot sum up the clusters of experiment `{}`",
        plan.experiment.name
    );
    let rows = lake.engine().rows(&statement, &context, |row| {
        let arm: i32 = row.get(0)?;
        let numbers = (1..=columns).map(|column| row.get(column));
        Ok(Row {
            // An arm's place, below 256.
            arm: arm as usize,
            numbers: numbers.collect::<Result<_, _>>()?,
        })
    })?;
    Ok((rows, sums))
}

/// The clusters of one arm.
struct Side {
    /// Of means: each cluster's customers.
    samples: Vec<Sample>,
    /// Over clusters: the sum of the metric, or above the ratio's line; customers, or below the line; covariates and
    /// where they are missing.
    moments: Moments,
}

/// An effect by clusters.
struct Effect {
    outcome: Outcome,
    clustering: Option<stats::design::Clustering>,
}

impl Side {
    fn new<'r>(
        compared: &Compared<'_>,
        sums: &Sums,
        rows: impl Iterator<Item = &'r Row>,
        tally: &Tally,
        arm: usize,
    ) -> Result<Self, MomentsError> {
        let rows: Vec<&Row> = rows
            .filter(|row| row.numbers[sums.customers] > 0.0)
            .collect();
        let column =
            |place: usize| -> Vec<f64> { rows.iter().map(|row| row.numbers[place]).collect() };
        let below = match compared.made_of {
            MadeOf::Value(_) => sums.customers,
            MadeOf::Ratio { .. } => sums.values + 1,
        };
        let mut columns = vec![column(sums.values), column(below), column(sums.customers)];
        columns.extend((0..2 * sums.known.len()).map(|place| column(sums.covariates + place)));
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let mut moments = CoMoments::new(&Products::new(columns.len(), |_, _| true));
        moments.push(&columns)?;
        let samples = match compared.made_of {
            MadeOf::Value(place) => {
                let customers = tally.moments(arm, compared.made_of.bits())?;
                samples(&rows, sums, &customers, place)
            }
            MadeOf::Ratio { .. } => Vec::new(),
        };
        Ok(Self {
            samples,
            moments: moments.finish(),
        })
    }
}

/// The customers of each cluster. Only the sum of squares within all clusters together matters, which is what those
/// around the arm's mean leave over when those between clusters are taken: each cluster gets its share.
fn samples(rows: &[&Row], sums: &Sums, customers: &Moments, place: usize) -> Vec<Sample> {
    let all: f64 = rows.iter().map(|row| row.numbers[sums.customers]).sum();
    let mean = rows.iter().map(|row| row.numbers[sums.values]).sum::<f64>() / all;
    let of = |row: &&&Row| (row.numbers[sums.customers], row.numbers[sums.values]);
    let between: f64 = rows
        .iter()
        .map(|row| {
            let (n, sum) = of(&row);
            n * (sum / n - mean).powi(2)
        })
        .sum();
    let whole = customers.comoment(place, place).unwrap_or(0.0);
    let df = all - rows.len() as f64;
    let variance = if df > 0.0 {
        (whole - between).max(0.0) / df
    } else {
        0.0
    };
    rows.iter()
        .map(|row| {
            let (n, sum) = of(&row);
            Sample {
                // A number of customers.
                n: n as u64,
                mean: sum / n,
                variance,
            }
        })
        .collect()
}

impl Pair<Side> {
    fn effect(&self, compared: &Compared<'_>, alpha: f64) -> Effect {
        let lift = match compared.made_of {
            MadeOf::Value(_) => {
                let lift = lift_of_clusters(&self.arm.samples, &self.against.samples, alpha);
                lift.map(|clustered| Effect {
                    outcome: Outcome {
                        contrast: Some(clustered.means),
                        ..outcome(
                            &clustered.lift,
                            Some(clustered.means.control_variance.sqrt()),
                        )
                    },
                    clustering: clustered.clustering,
                })
            }
            MadeOf::Ratio { .. } => {
                let of = |moments| ratio_moments(moments, 0, 1, &[]).map(|moments| moments.ratio);
                let pair = of(&self.arm.moments).zip(of(&self.against.moments));
                // The numbers of a ratio always have their products.
                pair.map_or(
                    Err(stats::Unestimable::MismatchedCovariates),
                    |(arm, against)| stats::lift_of_ratios(&arm, &against, alpha),
                )
                .map(|lift| Effect {
                    outcome: Outcome {
                        method: Some(format!("{} over clusters", lift.method)),
                        ..outcome(&lift, None)
                    },
                    clustering: None,
                })
            }
        };
        lift.unwrap_or_else(|reason| Effect {
            outcome: refused(too_little(reason)),
            clustering: None,
        })
    }

    /// The effect adjusted by regression over clusters of the linearised ratio on the sums of the covariates and the
    /// number of customers; none where there are too few clusters.
    fn adjusted(&self, plan: &Plan<'_>, compared: &Compared<'_>, sums: &Sums) -> Option<Adjusted> {
        if sums.known.is_empty() {
            return None;
        }
        let has_any =
            |&column: &usize| self.arm.moments.sum(column) + self.against.moments.sum(column) > 0.0;
        let covariate = |number: usize| 3 + 2 * number;
        let known = 0..sums.known.len();
        let columns: Vec<usize> = (known.clone().map(covariate))
            .chain([2])
            .chain(known.map(|number| covariate(number) + 1).filter(has_any))
            .collect();
        let fewest = self.arm.moments.rows().min(self.against.moments.rows());
        if fewest < CLUSTERS_A_SLOPE * columns.len() as u64 {
            return None;
        }
        let of = |moments| ratio_moments(moments, 0, 1, &columns);
        let (arm, against) = (of(&self.arm.moments)?, of(&self.against.moments)?);
        let lift = stats::adjusted_ratio_lift(&arm, &against, plan.experiment.alpha).ok()?;
        // The number of customers alone is not what the catalog asks to adjust for.
        if !lift.kept.iter().any(|&kept| kept < sums.known.len()) {
            return None;
        }
        let mut adjusted = adjusted(&lift, covariates_of(plan, &sums.known, &lift));
        adjusted.outcome.method = Some(format!("{} over clusters", lift.lift.method));
        if matches!(compared.made_of, MadeOf::Ratio { .. }) {
            adjusted.outcome.against_se = None;
        }
        Some(adjusted)
    }
}

impl ClustersFinding {
    /// Tests the split of clusters: that of customers, who are not independent, is not tested.
    pub(crate) fn add_split(&self, trust: &mut Trust, declared: &[f64]) {
        trust.sample_ratio = sample_ratio(&self.counted, declared)
            .ok()
            .map(|test| Split {
                p_value: test.probability.p,
                ln_p: test.probability.ln_p,
                anytime_p: None,
                anytime_ln_p: None,
                first_alarm: None,
                by_phase: vec![PhaseSplit {
                    from: None,
                    customers: self.counted.clone(),
                    expected: test.expected,
                    p_value: Some(test.probability.p),
                }],
                suspects: Vec::new(),
            });
    }
}

/// Segments of customers are not compared where clusters were randomized.
pub(crate) fn refuse(segments: &mut [SegmentFinding]) {
    for segment in segments {
        segment.values.clear();
        segment.heterogeneity.clear();
        segment.refusal = Some(Refusal::new(
            Reason::UnfitData,
            format!(
                "arms were randomized to clusters, and customers of one value of `{}` are not independent",
                segment.segment
            ),
        ));
    }
}
