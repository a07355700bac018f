//! The panel of a rollout: customers who were there before the first of them was treated, by calendar month.

use catalog::{Lifetime, LifetimeCustomers, LifetimeRollout};
use lake::{Lake, sql};
use stats::moments::{Moments, Products};
use stats::staggered::{ClusterCell, Panel, PanelError};

use super::{RolloutCohort, RolloutFinding};
use crate::audience::NotCounted;
use crate::audience::lifetime::cohorts::{month_name, month_of, month_sql};
use crate::audience::lifetime::purchases::{CUSTOMERS, PURCHASES, Purchases};
use crate::audience::lifetime::reader::leave_out;
use crate::audience::query::types::{
    check_time, require_column, same_customer, type_of, usable_time,
};
use crate::audience::query::{exact_sum, source_view};
use crate::audience::spread::Rows;
use crate::audience::times::Clock;
use crate::error::MeasureError;

/// Columns `customer`, `since` (the month of the panel in which the treatment began, from 0 on; null of customers who are
/// not treated in it) and `cluster`.
const TREATED: &str = "_ts_lifetime_rollout";
/// Months before the first treatment that are looked at, at most.
const MOST_BEFORE: i64 = 6;
/// Months of a panel, at most.
const MOST_MONTHS: i64 = 36;
/// Customers that a cohort needs.
const FEWEST: u64 = 20;

/// The months of the panel.
pub(super) struct PanelSpan {
    /// Months since year 0.
    pub(super) first: i64,
    pub(super) months: usize,
}

/// Reads the customers who are compared, and what they brought.
pub(super) struct Reader<'a> {
    pub(super) lake: &'a Lake,
    pub(super) lifetime: &'a Lifetime,
    pub(super) rollout: &'a LifetimeRollout,
    pub(super) customers: &'a LifetimeCustomers,
    pub(super) purchases: &'a Purchases,
    pub(super) context: String,
}

impl Reader<'_> {
    /// Lets go of the table.
    pub(super) fn finish(&self) -> Result<(), MeasureError> {
        let statement = format!("DROP TABLE IF EXISTS {TREATED}");
        Ok(self.lake.engine().execute(&statement, &self.context)?)
    }

    /// The table of customers who are compared; none where nobody's treatment can be.
    pub(super) fn table(
        &self,
        finding: &mut RolloutFinding,
    ) -> Result<Option<PanelSpan>, MeasureError> {
        let known = self.known()?;
        // Full months between the first and the last day.
        let Purchases { from, end, .. } = self.purchases;
        let first = month_of(from - 1) + 1;
        let last = month_of(end + 1) - 1;
        let query = format!(
            "SELECT min({month}) FROM ({known}) WHERE since IS NOT NULL AND {month} > {first} AND {month} <= {last}",
            month = month_sql("since")
        );
        let begin: Option<i64> = self.lake.engine().value(&query, &self.context)?;
        let Some(begin) = begin else {
            return Ok(None);
        };
        // Half of the months before are for customers to come, half to see how they moved.
        let before = ((begin - first) / 2).clamp(1, MOST_BEFORE);
        let span = PanelSpan {
            first: begin - before,
            months: (last - begin + before + 1).min(MOST_MONTHS) as usize,
        };
        let PanelSpan { first, months } = span;
        let counts = format!(
            "SELECT CASE WHEN k.customer IS NULL THEN 1 WHEN {} >= {first} THEN 2 WHEN {} <= {first} THEN 3 \
             WHEN k.no_cluster THEN 4 ELSE 0 END AS status, c.customer, \
             CASE WHEN {} < {first} + {months} THEN {} - {first} END AS since, k.cluster \
             FROM {CUSTOMERS} AS c LEFT JOIN ({known}) AS k ON {}",
            month_sql("c.first"),
            month_sql("k.since"),
            month_sql("k.since"),
            month_sql("k.since"),
            self.same()?,
        );
        let statement = format!("CREATE OR REPLACE TEMP TABLE {TREATED} AS {counts}");
        self.lake.engine().execute(&statement, &self.context)?;
        let query = format!(
            "SELECT status, count(*) FROM {TREATED} WHERE status > 0 GROUP BY 1 ORDER BY 1"
        );
        let left: Vec<(i32, i64)> = (self.lake.engine())
            .rows(&query, &self.context, |row| Ok((row.get(0)?, row.get(1)?)))?;
        for (status, number) in left {
            let reason = match status {
                1 => format!("customers whom `{}` does not have", self.customers.source),
                2 => format!(
                    "customers whose first purchase was not before {}",
                    month_name(first)
                ),
                3 => format!(
                    "customers treated by {}, with no month before",
                    month_name(first)
                ),
                _ => "customers without a cluster".to_owned(),
            };
            finding.left_out.push(NotCounted {
                reason,
                number: number as u64,
            });
        }
        Ok(Some(span))
    }

    /// Customers with the day since 1970 from which they were treated, and their cluster.
    fn known(&self) -> Result<String, MeasureError> {
        let source = &self.customers.source;
        let view = source_view(source);
        let columns = self.lake.columns(&view)?;
        let place = |key: &str| format!("lifetime `{}`, rollout, {key}", self.lifetime.name);
        require_column(&columns, place("since"), source, &self.rollout.since)?;
        check_time(
            self.lake,
            &columns,
            &view,
            &self.rollout.since,
            &place("since"),
        )?;
        let clock = Clock::of(&columns, &self.rollout.since);
        let moment = usable_time(&clock.time(&self.rollout.since));
        let cluster = match &self.rollout.cluster {
            Some(cluster) => {
                require_column(&columns, place("cluster"), source, cluster)?;
                format!("CAST({} AS VARCHAR)", sql::identifier(cluster))
            }
            None => "''".to_owned(),
        };
        Ok(format!(
            "SELECT {} AS customer, min(CAST({moment} AS DATE) - DATE '1970-01-01') AS since, \
             min({cluster}) AS cluster, min({cluster}) IS NULL AS no_cluster FROM {view} GROUP BY 1",
            sql::identifier(&self.customers.customer)
        ))
    }

    fn same(&self) -> Result<String, MeasureError> {
        let columns = self.lake.columns(&source_view(&self.customers.source))?;
        let of_source = type_of(&columns, &self.customers.customer).unwrap_or_default();
        same_customer(
            ("c.customer", &self.purchases.customer_type),
            ("k.customer", of_source),
            format!("lifetime `{}`, customers", self.lifetime.name),
        )
    }

    /// The means of cohorts by month.
    pub(super) fn panel(
        &self,
        span: &PanelSpan,
        finding: &mut RolloutFinding,
    ) -> Result<Result<Panel, PanelError>, MeasureError> {
        if self.rollout.cluster.is_some() {
            self.of_clusters(span, finding)
        } else {
            self.of_customers(span, finding)
        }
    }

    /// A row a customer: `since`, `cluster`, and the value in each month `m0`, `m1`, ...
    fn by_customer(&self, span: &PanelSpan) -> String {
        let worth = if self.lifetime.spend.is_some() {
            "p.amount"
        } else {
            "1.0::DOUBLE"
        };
        let months: String = (0..span.months)
            .map(|month| {
                let sum = exact_sum(worth, &format!(" FILTER (WHERE month = {month})"));
                format!(", coalesce({sum}, 0) AS m{month}")
            })
            .collect();
        format!(
            "SELECT any_value(since) AS since, any_value(cluster) AS cluster{months} \
             FROM (SELECT c.customer, c.since, c.cluster, p.amount, {} - {} AS month \
             FROM {TREATED} AS c LEFT JOIN {PURCHASES} AS p ON p.customer = c.customer WHERE c.status = 0) AS p \
             GROUP BY p.customer",
            month_sql("p.day"),
            span.first,
        )
    }

    fn of_customers(
        &self,
        span: &PanelSpan,
        finding: &mut RolloutFinding,
    ) -> Result<Result<Panel, PanelError>, MeasureError> {
        let PanelSpan { first, months } = *span;
        let columns: Vec<String> = (0..months).map(|month| format!("m{month}")).collect();
        let rows = Rows {
            lake: self.lake,
            sql: format!(
                "SELECT CAST(coalesce(since, {months}) AS UTINYINT), {} FROM ({})",
                columns.join(", "),
                self.by_customer(span)
            ),
            groups: months + 1,
            columns: months,
            experiment: &self.lifetime.name,
        };
        let all = rows.moments(&Products::new(months, |_, _| true))?;
        let mut cohorts: Vec<(Option<usize>, Moments)> = Vec::new();
        let mut small = 0;
        for (since, moments) in all.into_iter().enumerate() {
            match moments.rows() {
                0 => {}
                rows if rows < FEWEST => small += rows,
                _ => cohorts.push(((since < months).then_some(since), moments)),
            }
        }
        leave_out(
            &mut finding.left_out,
            format!("customers of cohorts with fewer than {FEWEST}"),
            small as i64,
        );
        finding.cohorts = cohorts
            .iter()
            .map(|(since, moments)| RolloutCohort {
                since: since.map(|since| month_name(first + since as i64)),
                customers: moments.rows(),
            })
            .collect();
        Ok(Panel::of_customers(months, &cohorts))
    }

    fn of_clusters(
        &self,
        span: &PanelSpan,
        finding: &mut RolloutFinding,
    ) -> Result<Result<Panel, PanelError>, MeasureError> {
        let PanelSpan { first, months } = *span;
        let sums: String = (0..months)
            .map(|month| format!(", {}", exact_sum(&format!("m{month}"), "")))
            .collect();
        let query = format!(
            "SELECT cluster, CAST(since AS BIGINT), count(*){sums} FROM ({}) GROUP BY 1, 2 ORDER BY 1, 2",
            self.by_customer(span)
        );
        type Row = (String, Option<i64>, i64, Vec<f64>);
        let rows: Vec<Row> = self.lake.engine().rows(&query, &self.context, |row| {
            let sums = (0..months).map(|month| row.get(3 + month));
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                sums.collect::<Result<_, _>>()?,
            ))
        })?;
        let mut names: Vec<&str> = rows.iter().map(|(cluster, ..)| cluster.as_str()).collect();
        names.dedup();
        let cells: Vec<ClusterCell> = rows
            .iter()
            .map(|(cluster, since, customers, sums)| ClusterCell {
                cluster: names.partition_point(|name| *name < cluster.as_str()),
                since: since.map(|since| since as usize),
                customers: *customers as f64,
                sums: sums.clone(),
            })
            .collect();
        let clusters_of =
            |since: Option<usize>| cells.iter().filter(move |cell| cell.since == since).count();
        let alone = |cell: &&ClusterCell| clusters_of(cell.since) < 2;
        let small: f64 = cells.iter().filter(alone).map(|cell| cell.customers).sum();
        leave_out(
            &mut finding.left_out,
            "customers of cohorts in a single cluster, which does not say how much clusters vary",
            small as i64,
        );
        let kept: Vec<ClusterCell> = cells.iter().filter(|cell| !alone(cell)).cloned().collect();
        let mut used: Vec<usize> = kept.iter().map(|cell| cell.cluster).collect();
        used.dedup();
        finding.clusters = Some(used.len() as u64);
        let panel = Panel::of_clusters(months, &kept);
        if let Ok(panel) = &panel {
            finding.cohorts = panel
                .cohorts()
                .iter()
                .map(|cohort| RolloutCohort {
                    since: cohort.since.map(|since| month_name(first + since as i64)),
                    customers: cohort.customers as u64,
                })
                .collect();
            // Those without a month stand last.
            finding.cohorts.sort_by_key(|cohort| cohort.since.is_none());
        }
        Ok(panel)
    }
}
