//! Customers randomized in clusters: households, shops, postcodes.
//!
//! Customers of a cluster are alike, so that a test that takes them for independent is
//! too sure. Clusters are the units here, and the effect is still that on a customer.

use crate::design::Clustering;
use crate::error::{Arm, Unestimable, check_alpha, check_finite, check_variance};
use crate::lift::{ArmEstimate, Contrast, Lift, Method};
use crate::mean::Sample;

/// The effect on the mean of a customer when clusters were randomized.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusteredLift {
    /// The effect with its cluster-robust interval and probability.
    pub lift: Lift,
    /// The arms' means and their variances.
    pub means: Contrast,
    /// Clusters with customers in the treated arm.
    pub treated_clusters: u64,
    /// Clusters with customers in the control arm.
    pub control_clusters: u64,
    /// How customers are clustered, to design the next test with; none when no cluster
    /// has two customers, or nothing varies.
    pub clustering: Option<Clustering>,
}

/// The effect on the mean of a customer, at confidence `1 - alpha`, from the customers
/// of each cluster summarised: their number, mean and variance. The variance of a
/// cluster of one is not looked at; clusters without customers are left out.
///
/// * estimate: the mean over all customers of the treated arm less that of the control
///   arm, each the ratio of the sum of the clusters' totals to the sum of their sizes;
/// * variance: CR2 (R. M. Bell and D. F. McCaffrey, Survey Methodology 28, 2002) in
///   each arm: `sum e_j^2 / (1 - m_j / M) / M^2`, where cluster j has `m_j` of the
///   arm's M customers and `e_j` is the sum of their departures from the arm's mean.
///   With clusters of one size it is the delta method's variance of the ratio, which
///   [`lift_of_ratios`](crate::lift_of_ratios) gives from moments over clusters;
/// * degrees of freedom: Bell and McCaffrey's in each arm, that is clusters less one
///   when they are of one size and fewer when a few hold most customers, combined by
///   Satterthwaite's rule;
/// * clustering: the analysis-of-variance estimator of the intracluster correlation,
///   `(MSB - MSW) / (MSB + (m0 - 1) MSW)`, from both arms, each around its own mean
///   (A. Donner and N. Klar, "Design and analysis of cluster randomization trials",
///   2000, section 6.2).
///
/// # Errors
///
/// An arm with fewer than two clusters, a number that is not finite, or two different
/// arms in which nothing varies between clusters.
///
/// ```
/// use stats::{Sample, clusters::lift_of_clusters};
///
/// let cluster = |n, mean| Sample { n, mean, variance: 1.0 };
/// let control = [cluster(10, 5.1), cluster(12, 4.2), cluster(9, 5.6), cluster(11, 4.4)];
/// let treated = [cluster(11, 6.3), cluster(10, 5.8), cluster(8, 7.1), cluster(12, 6.0)];
/// let effect = lift_of_clusters(&treated, &control, 0.05).unwrap();
/// assert!(effect.lift.absolute.df < 6.0);
/// assert!(effect.clustering.unwrap().icc > 0.0);
/// ```
pub fn lift_of_clusters(
    treated: &[Sample],
    control: &[Sample],
    alpha: f64,
) -> Result<ClusteredLift, Unestimable> {
    check_alpha(alpha)?;
    let treated = ArmOfClusters::new(treated, Arm::Treated)?;
    let control = ArmOfClusters::new(control, Arm::Control)?;
    let means = treated.mean.against(&control.mean);
    Ok(ClusteredLift {
        lift: means.lift(alpha, Method::Clustered)?,
        means,
        treated_clusters: treated.clusters,
        control_clusters: control.clusters,
        clustering: clustering(&[treated, control]),
    })
}

/// One arm's customers and clusters.
struct ArmOfClusters {
    clusters: u64,
    customers: f64,
    /// Sum of the squared sizes of the clusters.
    squared_sizes: f64,
    /// The mean of a customer with its CR2 variance.
    mean: ArmEstimate,
    /// Sums of squares of customers within clusters, and of clusters around the arm.
    within: f64,
    between: f64,
}

impl ArmOfClusters {
    fn new(clusters: &[Sample], arm: Arm) -> Result<Self, Unestimable> {
        let used = || clusters.iter().filter(|cluster| cluster.n > 0);
        let size = |cluster: &Sample| cluster.n as f64;
        let (mut count, mut customers, mut within) = (0, 0.0, 0.0);
        for cluster in used() {
            check_finite("mean of a cluster", cluster.mean)?;
            count += 1;
            customers += size(cluster);
            if cluster.n > 1 {
                check_variance("variance within a cluster", cluster.variance)?;
                within += (size(cluster) - 1.0) * cluster.variance;
            }
        }
        match count {
            0 => return Err(Unestimable::Empty { arm }),
            1 => {
                return Err(Unestimable::TooFew {
                    arm,
                    n: 1,
                    needed: 2,
                });
            }
            _ => {}
        }
        let mean = used()
            .map(|cluster| size(cluster) / customers * cluster.mean)
            .sum::<f64>();

        let (mut variance, mut between, mut squared_sizes) = (0.0, 0.0, 0.0);
        // Sums over clusters of h^2, h^2 / (1 - h) and h^4 / (1 - h)^2, where h is the
        // cluster's share of the customers: what the degrees of freedom are made of.
        let (mut h2, mut adjusted, mut adjusted_squared) = (0.0, 0.0, 0.0);
        for cluster in used() {
            let m = size(cluster);
            let share = m / customers;
            let departure = cluster.mean - mean;
            variance += (share * departure).powi(2) / (1.0 - share);
            between += m * departure * departure;
            squared_sizes += m * m;
            let term = share * share / (1.0 - share);
            h2 += share * share;
            adjusted += term;
            adjusted_squared += term * term;
        }
        Ok(ArmOfClusters {
            clusters: count,
            customers,
            squared_sizes,
            mean: ArmEstimate {
                value: mean,
                variance,
                df: 1.0 / (h2 + adjusted * adjusted - adjusted_squared),
            },
            within,
            between,
        })
    }
}

fn clustering(arms: &[ArmOfClusters; 2]) -> Option<Clustering> {
    let total = |of: fn(&ArmOfClusters) -> f64| arms.iter().map(of).sum::<f64>();
    let clusters = total(|arm| arm.clusters as f64);
    let customers = total(|arm| arm.customers);
    if customers <= clusters {
        return None;
    }
    let groups = clusters - arms.len() as f64;
    let between = total(|arm| arm.between) / groups;
    let within = total(|arm| arm.within) / (customers - clusters);
    let usual_size = (customers - total(|arm| arm.squared_sizes / arm.customers)) / groups;
    let whole = between + (usual_size - 1.0) * within;
    if whole <= 0.0 {
        return None;
    }
    let size = customers / clusters;
    let spread = total(|arm| arm.squared_sizes) / clusters - size * size;
    Some(Clustering {
        size,
        size_variation: spread.max(0.0).sqrt() / size,
        icc: (between - within) / whole,
    })
}
