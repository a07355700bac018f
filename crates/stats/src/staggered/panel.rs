//! The means of cohorts by period, with their covariances.

use super::Weights;
use crate::lift::Estimate;
use crate::moments::Moments;

/// Customers whose treatment began in the same period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cohort {
    /// The first treated period, from 0 on; `None` of customers who are never treated. A cohort
    /// of period 0 has nothing before it, and is no control either.
    pub since: Option<usize>,
    /// Its customers.
    pub customers: f64,
}

/// The customers of one cluster who belong to one cohort.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterCell {
    /// The number of the cluster.
    pub cluster: usize,
    /// The cohort's first treated period.
    pub since: Option<usize>,
    /// Customers.
    pub customers: f64,
    /// What their outcomes sum to in each period.
    pub sums: Vec<f64>,
}

/// Why there is no effect.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PanelError {
    /// A cohort has too few units to say how much it varies.
    #[error(
        "the {cohorts} cohort(s) with fewer than two {units} cannot say how much they vary: leave them out"
    )]
    TooFew {
        /// How many cohorts.
        cohorts: usize,
        /// Customers or clusters.
        units: &'static str,
    },
    /// No more clusters than cohorts.
    #[error(
        "{clusters} clusters cannot say how much {cohorts} cohorts vary: more clusters than cohorts are needed"
    )]
    FewClusters {
        /// How many clusters.
        clusters: usize,
        /// How many cohorts.
        cohorts: usize,
    },
    /// Numbers that do not fit together, or are not finite.
    #[error("the {what} do not agree in size, or are not finite")]
    Invalid {
        /// Which.
        what: &'static str,
    },
    /// No cohort has a period before its treatment and somebody to compare it with afterwards.
    #[error("no treated cohort has a period before its treatment and controls after it")]
    NoEffect,
    /// The level is outside (0, 1).
    #[error("the level alpha must lie strictly between 0 and 1, and is {alpha}")]
    InvalidAlpha {
        /// The level given.
        alpha: f64,
    },
}

/// The mean outcome of each cohort in each period, over customers who are all seen in all periods.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    periods: usize,
    cohorts: Vec<Cohort>,
    /// By cohort, then by period.
    means: Vec<f64>,
    /// Of the means, row after row.
    covariances: Vec<f64>,
    df: f64,
}

impl Panel {
    /// From independent customers: of each cohort the moments of its customers, with a column a
    /// period and a co-moment of each two.
    ///
    /// # Errors
    ///
    /// [`PanelError::TooFew`] below two customers in a cohort; columns or co-moments that are not
    /// there.
    pub fn of_customers(
        periods: usize,
        cohorts: &[(Option<usize>, Moments)],
    ) -> Result<Self, PanelError> {
        let small = cohorts.iter().filter(|(_, moments)| moments.rows() < 2);
        too_few(small.count(), "customers")?;
        let size = cohorts.len() * periods;
        let mut covariances = vec![0.0; size * size];
        let mut means = Vec::with_capacity(size);
        for (number, (_, moments)) in cohorts.iter().enumerate() {
            if moments.products().columns() != periods {
                return Err(PanelError::Invalid { what: "periods" });
            }
            means.extend((0..periods).map(|period| moments.mean(period)));
            for (i, j) in (0..periods * periods).map(|at| (at / periods, at % periods)) {
                let covariance = moments.covariance(i, j);
                let covariance = covariance.ok_or(PanelError::Invalid { what: "co-moments" })?;
                covariances[(number * periods + i) * size + number * periods + j] =
                    covariance / moments.rows() as f64;
            }
        }
        let cohorts = cohorts.iter().map(|(since, moments)| Cohort {
            since: *since,
            customers: moments.rows() as f64,
        });
        Self::new(
            periods,
            cohorts.collect(),
            means,
            covariances,
            f64::INFINITY,
        )
    }

    /// From customers who are alike within clusters (shops, regions), which are independent. The
    /// customers of a cluster may belong to several cohorts.
    ///
    /// A mean is the ratio of the clusters' sums to their customers; its variance comes from the
    /// clusters' departures from it, `sum (S_c - n_c m)(S_c - n_c m)' / N^2`, times `J / (J - 1)`
    /// with J the clusters of the cohort (of two cohorts, the geometric mean of both factors).
    ///
    /// # Errors
    ///
    /// [`PanelError::TooFew`] below two clusters in a cohort; [`PanelError::FewClusters`]; sums
    /// of other lengths, numbers not finite, cells without customers.
    pub fn of_clusters(periods: usize, cells: &[ClusterCell]) -> Result<Self, PanelError> {
        let valid = |cell: &ClusterCell| {
            cell.sums.len() == periods
                && cell.customers > 0.0
                && cell.customers.is_finite()
                && cell.sums.iter().all(|sum| sum.is_finite())
        };
        if !cells.iter().all(valid) {
            return Err(PanelError::Invalid {
                what: "clusters' sums",
            });
        }
        let mut starts: Vec<Option<usize>> = cells.iter().map(|cell| cell.since).collect();
        starts.sort_unstable();
        starts.dedup();
        let size = starts.len() * periods;
        let of = |since: Option<usize>| cells.iter().filter(move |cell| cell.since == since);
        let count = |since| {
            let mut clusters: Vec<usize> = of(since).map(|cell| cell.cluster).collect();
            clusters.sort_unstable();
            clusters.dedup();
            clusters.len()
        };
        let counts: Vec<usize> = starts.iter().map(|&since| count(since)).collect();
        too_few(
            counts.iter().filter(|&&count| count < 2).count(),
            "clusters",
        )?;
        let cohorts: Vec<Cohort> = starts
            .iter()
            .map(|&since| Cohort {
                since,
                customers: of(since).map(|cell| cell.customers).sum(),
            })
            .collect();
        let mut means = Vec::with_capacity(size);
        for cohort in &cohorts {
            for period in 0..periods {
                let sum: f64 = of(cohort.since).map(|cell| cell.sums[period]).sum();
                means.push(sum / cohort.customers);
            }
        }
        let mut ordered: Vec<&ClusterCell> = cells.iter().collect();
        ordered.sort_by_key(|cell| (cell.cluster, cell.since));
        let mut covariances = vec![0.0; size * size];
        let mut clusters = 0;
        for cluster in ordered.chunk_by(|a, b| a.cluster == b.cluster) {
            clusters += 1;
            // The cluster's part in each mean's departure from the truth.
            let mut parts: Vec<(usize, f64)> = Vec::new();
            for cell in cluster {
                let number = starts.partition_point(|since| *since < cell.since);
                let factor = (counts[number] as f64 / (counts[number] - 1) as f64).sqrt();
                for (period, sum) in cell.sums.iter().enumerate() {
                    let at = number * periods + period;
                    let apart = sum - cell.customers * means[at];
                    parts.push((at, factor * apart / cohorts[number].customers));
                }
            }
            for (i, a) in &parts {
                for (j, b) in &parts {
                    covariances[i * size + j] += a * b;
                }
            }
        }
        if clusters <= starts.len() {
            let cohorts = starts.len();
            return Err(PanelError::FewClusters { clusters, cohorts });
        }
        let df = (clusters - starts.len()) as f64;
        Self::new(periods, cohorts, means, covariances, df)
    }

    fn new(
        periods: usize,
        cohorts: Vec<Cohort>,
        means: Vec<f64>,
        covariances: Vec<f64>,
        df: f64,
    ) -> Result<Self, PanelError> {
        if means.iter().chain(&covariances).any(|v| !v.is_finite()) {
            return Err(PanelError::Invalid { what: "means" });
        }
        Ok(Self {
            periods,
            cohorts,
            means,
            covariances,
            df,
        })
    }

    /// The number of periods.
    pub fn periods(&self) -> usize {
        self.periods
    }

    /// The cohorts.
    pub fn cohorts(&self) -> &[Cohort] {
        &self.cohorts
    }

    pub(super) fn place(&self, cohort: usize, period: usize) -> usize {
        cohort * self.periods + period
    }

    /// Degrees of freedom; infinite for independent customers.
    pub(super) fn df(&self) -> f64 {
        self.df
    }

    pub(super) fn value(&self, weights: &Weights) -> f64 {
        let terms = weights.iter();
        terms
            .map(|(place, weight)| weight * self.means[*place])
            .sum()
    }

    pub(super) fn covariance(&self, a: &Weights, b: &Weights) -> f64 {
        let size = self.means.len();
        let row = |i: usize| -> f64 {
            let terms = b.iter();
            terms.map(|(j, w)| w * self.covariances[i * size + j]).sum()
        };
        a.iter().map(|(i, weight)| weight * row(*i)).sum()
    }

    pub(super) fn estimate(&self, weights: &Weights, alpha: f64) -> Estimate {
        // Rounding must not make a variance of nothing negative.
        let variance = self.covariance(weights, weights).max(0.0);
        Estimate::of(self.value(weights), variance, self.df, alpha)
    }
}

fn too_few(cohorts: usize, units: &'static str) -> Result<(), PanelError> {
    if cohorts > 0 {
        return Err(PanelError::TooFew { cohorts, units });
    }
    Ok(())
}
