//! Staggered adoption without randomization: difference-in-differences of cohorts by the
//! period in which their treatment began.
//!
//! The regression with an effect for each unit and each period, which is in common use, takes
//! units treated earlier as controls of those treated later, and so subtracts effects that are
//! still growing; it can have the wrong sign. Here every cohort is compared, before and after,
//! with customers who are not treated by then, and with nobody else (B. Callaway and
//! P. H. C. Sant'Anna, "Difference-in-differences with multiple time periods", Journal of
//! Econometrics 225, 2021, without covariates).
//!
//! What makes it an effect is an assumption that no data can prove: without the treatment the
//! mean of a cohort would have moved as that of its controls did (**parallel trends**), and
//! nobody acted on it before it began (no anticipation). What the data can do is to speak against
//! it: before the treatment, both should have moved alike.
//!
//! Everything is a linear combination of the cohorts' means by period. Estimates and variances
//! follow from these means and their covariances, exactly.

mod panel;
#[cfg(test)]
mod tests;

pub use panel::{ClusterCell, Cohort, Panel, PanelError};

use crate::cholesky::Cholesky;
use crate::lift::Estimate;
use crate::tail;
use crate::wear::JointTest;

/// With whom a cohort is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Controls {
    /// Customers who are treated in no period of the panel.
    NeverTreated,
    /// Customers who are not treated yet in either of the two periods compared, those who never
    /// are among them.
    NotYetTreated,
}

/// The effect on one cohort in one period, `ATT(g, t)`; before the treatment it should be zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupTime {
    /// The cohort's first treated period, from 0 on.
    pub since: usize,
    /// The period.
    pub period: usize,
    /// The cohort's customers.
    pub customers: f64,
    /// `[Y(t) - Y(g - 1)]` of the cohort less that of its controls.
    pub effect: Estimate,
}

/// The mean effect so many periods after the treatment began.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EventTime {
    /// Periods since the first treated one, which is 0; negative before.
    pub event: i64,
    /// Customers of the cohorts that were seen then.
    pub customers: f64,
    /// Mean over these cohorts by their customers.
    pub effect: Estimate,
}

/// What the cohorts say together.
#[derive(Debug, Clone, PartialEq)]
pub struct Staggered {
    /// Each cohort and period that has controls.
    pub group_times: Vec<GroupTime>,
    /// By periods since the treatment began, ascending; without -1, which is zero by
    /// construction.
    pub events: Vec<EventTime>,
    /// Effect per treated customer and treated period: the mean of all `ATT(g, t)`, `t >= g`, by
    /// customers.
    pub per_period: Estimate,
    /// The same summed over a customer's treated periods: what the treatment brought per treated
    /// customer in the panel.
    pub cumulative: Estimate,
    /// Treated periods of a customer on average, of those with controls.
    pub periods_treated: f64,
    /// Treated customers with an effect.
    pub treated: f64,
    /// Cells `(g, t)` after the treatment began that have no controls: they are in no number.
    pub without_controls: usize,
    /// Of no difference in any period before the treatment, by periods until it. `None` where
    /// there are none to look at.
    pub before: Option<JointTest>,
    /// How much a period the cohorts moved away from their controls before the treatment: the
    /// line through zero at -1.
    pub trend_before: Option<Estimate>,
    /// Effect per treated customer and period if that line had gone on: less its continuation.
    pub per_period_less_trend: Option<Estimate>,
}

/// A linear combination of a panel's means: places and weights.
type Weights = Vec<(usize, f64)>;

/// The effects of a treatment that began at different times, with intervals at confidence
/// `1 - alpha`.
///
/// * `ATT(g, t) = [Y_g(t) - Y_g(g-1)] - [Y_C(t) - Y_C(g-1)]`, with the mean over all controls
///   by customers. Periods before the treatment have the same base, `g - 1`, so that a path of
///   effects can be read from left to right.
/// * Means over cohorts weigh by their customers, whose numbers are taken as given.
/// * Of customers in clusters (see [`Panel::of_clusters`]) the reference is Student's t with
///   clusters less cohorts degrees of freedom, otherwise the normal one.
/// * The test of the periods before is Wald's, with Hotelling's F in place of chi-square where
///   there are clusters. Not rejecting is no proof: see the trend's interval, and the effect less
///   the trend (J. Roth, "Pretest with caution", American Economic Review: Insights 4, 2022).
///
/// # Errors
///
/// [`PanelError::NoEffect`] where no treated cohort has a period before its treatment and
/// controls after it; an alpha outside (0, 1).
pub fn staggered(panel: &Panel, controls: Controls, alpha: f64) -> Result<Staggered, PanelError> {
    if !(alpha > 0.0 && alpha < 1.0) {
        return Err(PanelError::InvalidAlpha { alpha });
    }
    let cells = Cells::new(panel, controls);
    let effect = |weights: &Weights| panel.estimate(weights, alpha);
    let treated_cells = || cells.estimable.iter().filter(|cell| cell.event >= 0);
    let customer_periods: f64 = treated_cells().map(|cell| cell.customers).sum();
    if customer_periods <= 0.0 {
        return Err(PanelError::NoEffect);
    }
    let mut cohorts: Vec<(usize, f64)> = treated_cells().map(|c| (c.since, c.customers)).collect();
    cohorts.dedup();
    let treated: f64 = cohorts.iter().map(|(_, customers)| customers).sum();
    let per_period = combined(treated_cells(), |cell| cell.customers / customer_periods);
    let cumulative = combined(treated_cells(), |cell| cell.customers / treated);

    let mut times: Vec<i64> = cells.estimable.iter().map(|cell| cell.event).collect();
    times.sort_unstable();
    times.dedup();
    let by_event: Vec<(i64, f64, Weights)> = times
        .into_iter()
        .map(|event| {
            let of_event = || {
                cells
                    .estimable
                    .iter()
                    .filter(move |cell| cell.event == event)
            };
            let customers: f64 = of_event().map(|cell| cell.customers).sum();
            let weights = combined(of_event(), |cell| cell.customers / customers);
            (event, customers, weights)
        })
        .collect();
    let before: Vec<&(i64, f64, Weights)> = by_event.iter().filter(|(e, ..)| *e < 0).collect();
    // The line through zero at -1 by least squares over the event times.
    let squares: f64 = before.iter().map(|(e, ..)| ((e + 1) as f64).powi(2)).sum();
    let trend = sum_of(before.iter().map(|(event, _, weights)| {
        let share = (event + 1) as f64 / squares;
        (share, weights)
    }));
    // Where the line has got to in the mean treated cell.
    let reached: f64 = treated_cells()
        .map(|cell| cell.customers / customer_periods * (cell.event + 1) as f64)
        .sum();
    let less_trend = sum_of([(1.0, &per_period), (-reached, &trend)].into_iter());
    let has_before = !before.is_empty();
    Ok(Staggered {
        group_times: cells
            .estimable
            .iter()
            .map(|cell| GroupTime {
                since: cell.since,
                period: cell.period,
                customers: cell.customers,
                effect: effect(&cell.weights),
            })
            .collect(),
        before: before_test(panel, &before),
        trend_before: has_before.then(|| effect(&trend)),
        per_period_less_trend: has_before.then(|| effect(&less_trend)),
        events: by_event
            .iter()
            .map(|(event, customers, weights)| EventTime {
                event: *event,
                customers: *customers,
                effect: effect(weights),
            })
            .collect(),
        per_period: effect(&per_period),
        cumulative: effect(&cumulative),
        periods_treated: customer_periods / treated,
        treated,
        without_controls: cells.without_controls,
    })
}

/// Wald's test that the effects of the periods before the treatment are all zero.
fn before_test(panel: &Panel, before: &[&(i64, f64, Weights)]) -> Option<JointTest> {
    /// Share of its variance that a period must have for itself.
    const DEPENDENT: f64 = 1e-9;
    let size = before.len();
    let matrix: Vec<f64> = (0..size * size)
        .map(|at| panel.covariance(&before[at / size].2, &before[at % size].2))
        .collect();
    let factor = Cholesky::new(&matrix, size, DEPENDENT);
    let estimates: Vec<f64> = factor
        .kept
        .iter()
        .map(|&i| panel.value(&before[i].2))
        .collect();
    let dimensions = estimates.len();
    let statistic: f64 = factor.whiten(&estimates).iter().map(|v| v * v).sum();
    let (p, m) = (dimensions as f64, panel.df());
    let probability = if dimensions == 0 {
        return None;
    } else if m.is_infinite() {
        tail::chi_square_upper(statistic, p)
    } else if m > p {
        let rest = m - p + 1.0;
        tail::f_upper(statistic * rest / (m * p), p, rest)
    } else {
        return None;
    };
    Some(JointTest {
        statistic,
        dimensions,
        probability,
    })
}

/// A cohort in a period, as a combination of means.
struct Cell {
    since: usize,
    period: usize,
    event: i64,
    customers: f64,
    weights: Weights,
}

struct Cells {
    /// By cohort, then by period.
    estimable: Vec<Cell>,
    without_controls: usize,
}

impl Cells {
    fn new(panel: &Panel, controls: Controls) -> Self {
        let mut cells = Cells {
            estimable: Vec::new(),
            without_controls: 0,
        };
        for (place, cohort) in panel.cohorts().iter().enumerate() {
            let Some(since) = cohort.since.filter(|&since| since > 0) else {
                continue;
            };
            let base = since - 1;
            for period in (0..panel.periods()).filter(|&period| period != base) {
                let compared: Vec<usize> = (0..panel.cohorts().len())
                    .filter(|&other| match (controls, panel.cohorts()[other].since) {
                        (_, None) => true,
                        (Controls::NeverTreated, Some(_)) => false,
                        (Controls::NotYetTreated, Some(theirs)) => theirs > period.max(base),
                    })
                    .filter(|&other| other != place)
                    .collect();
                let size = |other: usize| panel.cohorts()[other].customers;
                let all: f64 = compared.iter().map(|&other| size(other)).sum();
                if compared.is_empty() {
                    cells.without_controls += usize::from(period >= since);
                    continue;
                }
                let mut weights = vec![
                    (panel.place(place, period), 1.0),
                    (panel.place(place, base), -1.0),
                ];
                for other in compared {
                    let share = size(other) / all;
                    weights.push((panel.place(other, period), -share));
                    weights.push((panel.place(other, base), share));
                }
                cells.estimable.push(Cell {
                    since,
                    period,
                    event: period as i64 - since as i64,
                    customers: cohort.customers,
                    weights,
                });
            }
        }
        cells
    }
}

/// The combination of cells, each with a weight.
fn combined<'a>(cells: impl Iterator<Item = &'a Cell>, weight: impl Fn(&Cell) -> f64) -> Weights {
    sum_of(cells.map(|cell| (weight(cell), &cell.weights)))
}

/// The sum of multiples of combinations, each mean once.
fn sum_of<'a>(parts: impl Iterator<Item = (f64, &'a Weights)>) -> Weights {
    let mut sums = std::collections::BTreeMap::new();
    for (factor, weights) in parts {
        for &(place, weight) in weights {
            *sums.entry(place).or_insert(0.0) += factor * weight;
        }
    }
    sums.into_iter().collect()
}
