//! What it is worth to choose a component by segment, beyond the one that is best for all.
//!
//! `E_s[max_l mean_l(s)] - max_l E_s[mean_l(s)]` is never negative, and neither is what one
//! gets by putting estimates into it: noise alone makes some version look best in each
//! segment. So the choice is made on one half of the customers and its value measured on
//! the other.

mod shrunken;

pub use self::shrunken::{ShrunkenPersonalizing, shrunken_value};
use crate::error::{Number, Unestimable, check_alpha, check_finite, check_variance};
use crate::lift::Estimate;
use crate::mean::Sample;
use crate::omnibus::EffectsError;

/// The most that the errors of the two ways of halving are taken to have in common, as a
/// correlation.
const MOST_IN_COMMON: f64 = std::f64::consts::FRAC_2_PI;

/// Why personalizing has no value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PersonalizingError {
    /// Too few segments, or fewer than two versions.
    #[error(
        "there are {} and {}; at least {needed} and 2 are needed",
        Number(*segments as u64, "segment"),
        Number(*versions as u64, "version")
    )]
    TooFew {
        /// Segments.
        segments: usize,
        /// How many segments would be enough.
        needed: usize,
        /// Versions of the component.
        versions: usize,
    },
    /// A segment has not as many versions as the first.
    #[error("segment {segment} has not as many versions as the first")]
    NotRectangular {
        /// Its place, from 0.
        segment: usize,
    },
    /// A cell with fewer than two customers in a half.
    #[error(
        "version {version} has {} in one half of segment {segment}; at least 2 are needed",
        Number(*n, "customer")
    )]
    TooFewCustomers {
        /// The segment's place, from 0.
        segment: usize,
        /// The version's place, from 0.
        version: usize,
        /// Customers in the half.
        n: u64,
    },
    /// A mean without a positive standard error.
    #[error(transparent)]
    Means(#[from] EffectsError),
    /// Another input is not valid.
    #[error(transparent)]
    Input(#[from] Unestimable),
}

/// The value of choosing by segment, and what would be chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Personalizing {
    /// What choosing by segment brings a customer, beyond the version that is best for
    /// all, when the choice is learned on half of the customers. It can come out negative:
    /// the choice was worse than no choice. None where no noise was measured, mostly because
    /// both halves choose one version for all segments: such choices bring nothing by
    /// construction, and nothing says how much others could bring.
    pub value: Option<Estimate>,
    /// The same from all customers at once, which is too large.
    pub naive: f64,
    /// The version that is best for all, by all customers.
    pub best: usize,
    /// The version that is best in each segment, by all customers.
    pub best_by_segment: Vec<usize>,
}

/// The value of personalizing a component, from the outcomes of two random halves of the
/// customers of each segment and version, `cells[segment][version]`, versions given at
/// random.
///
/// With the choices made on the one half, `V = sum_s w_s (mean(s, best of s) - mean(s, best
/// for all))` on the other, with `w_s` the share of segment s in all customers; the two
/// ways round are averaged. It is unbiased for the value of choices made on half the data,
/// and so on the low side of what choices made on all of them are worth.
///
/// The interval is for the mean of what the two halves' choices are truly worth. Given its
/// choices, a way has the variance of the means that it compares, `v = sum_s w_s^2
/// (se(s, best of s)^2 + se(s, best for all)^2)` over the segments where the two differ. The
/// mean of both has `(v_1 + v_2 + 2 rho sqrt(v_1 v_2)) / 4`. The ways are not independent:
/// noise that speaks for a version in one half is in the choice of the one way and in the
/// measurement of the other. For two versions that are alike in S equal segments
/// `rho = (2 / pi) (1 - S^(-1/2)) / (1 - (2 / pi) asin(S^(-1/2)))`, which rises from 0.37 for
/// two segments to 2 / pi for many; with versions that differ, or more of them, it was below
/// 2 / pi in every simulation. So `rho = 2 / pi` is taken, and the interval is rather too wide
/// than too narrow: it held the value in 95 to 98 % of simulated cases.
///
/// # Errors
///
/// [`PersonalizingError`].
pub fn value_of_personalizing(
    cells: &[Vec<[Sample; 2]>],
    alpha: f64,
) -> Result<Personalizing, PersonalizingError> {
    check_alpha(alpha)?;
    check(cells)?;
    let customers = |segment: &Vec<[Sample; 2]>| -> f64 {
        let halves = segment.iter().flatten();
        halves.map(|half| half.n as f64).sum()
    };
    let all: f64 = cells.iter().map(customers).sum();
    let shares: Vec<f64> = cells.iter().map(|cell| customers(cell) / all).collect();
    let table = |of: &dyn Fn(&[Sample; 2]) -> f64| -> Vec<Vec<f64>> {
        let row = |segment: &Vec<[Sample; 2]>| segment.iter().map(of).collect();
        cells.iter().map(row).collect()
    };
    let halves: [Vec<Vec<f64>>; 2] = [table(&|c| c[0].mean), table(&|c| c[1].mean)];
    let variances: [Vec<Vec<f64>>; 2] = [
        table(&|c| c[0].variance / c[0].n as f64),
        table(&|c| c[1].variance / c[1].n as f64),
    ];
    let together = table(&|cell| {
        let n = cell.map(|half| half.n as f64);
        (n[0] * cell[0].mean + n[1] * cell[1].mean) / (n[0] + n[1])
    });
    let mut value = 0.0;
    let mut variances_of_ways = [0.0; 2];
    for (learned, held) in [(0, 1), (1, 0)] {
        let (best, by_segment) = choices(&halves[learned], &shares);
        value += 0.5 * gain(&halves[held], &shares, best, &by_segment);
        variances_of_ways[held] = shares
            .iter()
            .zip(&variances[held])
            .zip(&by_segment)
            .filter(|(_, chosen)| **chosen != best)
            .map(|((share, noise), chosen)| share * share * (noise[*chosen] + noise[best]))
            .sum();
    }
    let [one, other] = variances_of_ways;
    let variance = 0.25 * (one + other + 2.0 * MOST_IN_COMMON * (one * other).sqrt());
    let (best, best_by_segment) = choices(&together, &shares);
    Ok(Personalizing {
        value: (variance > 0.0).then(|| Estimate::of(value, variance, f64::INFINITY, alpha)),
        naive: gain(&together, &shares, best, &best_by_segment),
        best,
        best_by_segment,
    })
}

fn check(cells: &[Vec<[Sample; 2]>]) -> Result<(), PersonalizingError> {
    let versions = cells.first().map_or(0, Vec::len);
    if cells.len() < 2 || versions < 2 {
        return Err(PersonalizingError::TooFew {
            segments: cells.len(),
            needed: 2,
            versions,
        });
    }
    for (segment, row) in cells.iter().enumerate() {
        if row.len() != versions {
            return Err(PersonalizingError::NotRectangular { segment });
        }
        for (version, cell) in row.iter().enumerate() {
            for half in cell {
                if half.n < 2 {
                    return Err(PersonalizingError::TooFewCustomers {
                        segment,
                        version,
                        n: half.n,
                    });
                }
                check_finite("mean", half.mean)?;
                check_variance("variance", half.variance)?;
            }
        }
    }
    Ok(())
}

/// The version that is best for all, and that of each segment; the first of equals.
fn choices(means: &[Vec<f64>], shares: &[f64]) -> (usize, Vec<usize>) {
    let first_largest = |values: &[f64]| {
        let better = |best: usize, place: usize| match values[place] > values[best] {
            true => place,
            false => best,
        };
        (0..values.len()).fold(0, better)
    };
    let mut overall = vec![0.0; means[0].len()];
    for (row, share) in means.iter().zip(shares) {
        for (sum, mean) in overall.iter_mut().zip(row) {
            *sum += share * mean;
        }
    }
    let by_segment = means.iter().map(|row| first_largest(row)).collect();
    (first_largest(&overall), by_segment)
}

fn gain(means: &[Vec<f64>], shares: &[f64], best: usize, by_segment: &[usize]) -> f64 {
    means
        .iter()
        .zip(shares)
        .zip(by_segment)
        .map(|((row, share), chosen)| share * (row[*chosen] - row[best]))
        .sum()
}
