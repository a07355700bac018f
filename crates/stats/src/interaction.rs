//! Two experiments on the same customers: do their effects depend on each other, and
//! were their assignments independent?

use crate::cholesky::Cholesky;
use crate::error::Unestimable;
use crate::lift::satterthwaite;
use crate::mean::Sample;
use crate::omnibus::{Effect, EffectsError, Omnibus, check_effects, means};
use crate::tail::{self, TailProbability};

/// The difference of differences of two experiments of two arms each,
/// `(m_11 - m_10) - (m_01 - m_00)`: by how much the effect of one is larger where the
/// other treats. `cells[i][j]` holds the customers in arm i of the first and arm j of
/// the second experiment, arm 0 being the control.
///
/// Its standard error is that of four independent means, with the degrees of freedom of
/// Welch and Satterthwaite. Zero means that the two effects add up.
///
/// # Errors
///
/// A cell with fewer than two customers or without variation.
pub fn interaction_effect(cells: &[[Sample; 2]; 2]) -> Result<Effect, EffectsError> {
    let [[m00, m01], [m10, m11]] = cells;
    let cells = means(&[*m00, *m01, *m10, *m11])?;
    check_effects(&cells, 4)?;
    let parts: Vec<(f64, f64)> = cells.iter().map(|c| (c.se * c.se, c.df)).collect();
    let effect = |i: usize| cells[i].estimate;
    Ok(Effect {
        estimate: (effect(3) - effect(2)) - (effect(1) - effect(0)),
        se: parts.iter().map(|part| part.0).sum::<f64>().sqrt(),
        df: satterthwaite(&parts),
    })
}

/// Tests that the effects of two experiments of any number of arms add up: that all
/// `(rows - 1) (columns - 1)` differences of differences are zero, by the Welch-James
/// test (see [`Omnibus`]). `cells[i][j]` is as for [`interaction_effect`]; with two by
/// two cells the test is the square of its t.
///
/// # Errors
///
/// Fewer than two rows or columns, rows of different lengths, a cell with fewer than
/// two customers or without variation.
pub fn interaction(cells: &[Vec<Sample>]) -> Result<Omnibus, EffectsError> {
    let (rows, columns) = shape(cells)?;
    let cells = means(&cells.concat())?;
    check_effects(&cells, 4)?;
    // A contrast for each row and column after the first, of four cells each.
    let contrasts: Vec<[(usize, f64); 4]> = (1..rows)
        .flat_map(|i| (1..columns).map(move |j| (i, j)))
        .map(|(i, j)| {
            [
                (i * columns + j, 1.0),
                (i * columns, -1.0),
                (j, -1.0),
                (0, 1.0),
            ]
        })
        .collect();
    let variance = |cell: usize| cells[cell].se * cells[cell].se;
    let size = contrasts.len();
    let mut covariances = vec![0.0; size * size];
    for (a, first) in contrasts.iter().enumerate() {
        for (b, second) in contrasts.iter().enumerate() {
            for (cell, sign) in first {
                let shared = second.iter().find(|(other, _)| other == cell);
                covariances[a * size + b] +=
                    shared.map_or(0.0, |(_, other)| sign * other * variance(*cell));
            }
        }
    }
    let factor = Cholesky::new(&covariances, size, 0.0);
    if factor.kept.len() < size {
        return Err(EffectsError::Input(Unestimable::InvalidInput {
            what: "ratio of the variances of the cells",
            value: f64::INFINITY,
        }));
    }
    let values: Vec<f64> = contrasts
        .iter()
        .map(|contrast| {
            contrast
                .iter()
                .map(|(cell, sign)| sign * cells[*cell].estimate)
                .sum()
        })
        .collect();
    let squares = |v: Vec<f64>| v.iter().map(|x| x * x).sum::<f64>();
    let shares = (0..cells.len()).map(|cell| {
        // The cell's column of the contrasts.
        let column: Vec<f64> = contrasts
            .iter()
            .map(|contrast| {
                contrast
                    .iter()
                    .find(|(other, _)| *other == cell)
                    .map_or(0.0, |(_, sign)| *sign)
            })
            .collect();
        (
            variance(cell) * squares(factor.whiten(&column)),
            cells[cell].df,
        )
    });
    Ok(Omnibus::new(
        squares(factor.whiten(&values)),
        size as f64,
        shares,
    ))
}

/// Whether two assignments of the same customers are independent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AssignmentDependence {
    /// Pearson's statistic over the crossed counts.
    pub chi_square: f64,
    /// `(rows - 1) (columns - 1)`.
    pub df: f64,
    /// Probability of counts at least this far from independence, if it holds.
    pub probability: TailProbability,
    /// Cramer's V: 0 for independence, 1 when one assignment decides the other. With
    /// much traffic a dependence that is too small to matter can be certain; this says
    /// how large it is.
    pub cramers_v: f64,
    /// The smallest expected count.
    pub smallest_expected: f64,
}

/// Tests whether the arms of two experiments, crossed over the customers who are in
/// both, are independent, by Pearson's chi-square without continuity correction.
/// `counts[i][j]` are the customers in arm i of the one and arm j of the other. When
/// they are dependent, the effect of one experiment leaks into that of the other.
///
/// # Errors
///
/// Fewer than two rows or columns, rows of different lengths, or an expected count below
/// 5 (Cochran's limit for the approximation), which includes an empty arm.
///
/// ```
/// let even = vec![vec![1008, 1015], vec![992, 985]];
/// let test = stats::interaction::assignment_dependence(&even).unwrap();
/// assert!(test.probability.p > 0.8 && test.cramers_v < 0.01);
/// ```
pub fn assignment_dependence(counts: &[Vec<u64>]) -> Result<AssignmentDependence, EffectsError> {
    const FEWEST_EXPECTED: f64 = 5.0;
    let (rows, columns) = shape(counts)?;
    let count = |i: usize, j: usize| counts[i][j] as f64;
    let row_sums: Vec<f64> = (0..rows)
        .map(|i| (0..columns).map(|j| count(i, j)).sum())
        .collect();
    let column_sums: Vec<f64> = (0..columns)
        .map(|j| (0..rows).map(|i| count(i, j)).sum())
        .collect();
    let n: f64 = row_sums.iter().sum();
    let (mut chi_square, mut smallest) = (0.0, f64::INFINITY);
    for (i, row_sum) in row_sums.iter().enumerate() {
        for (j, column_sum) in column_sums.iter().enumerate() {
            let expected = if n == 0.0 {
                0.0
            } else {
                row_sum * (column_sum / n)
            };
            smallest = f64::min(smallest, expected);
            let off = count(i, j) - expected;
            chi_square += off * off / expected;
        }
    }
    if smallest < FEWEST_EXPECTED {
        return Err(EffectsError::TooFewExpected { smallest });
    }
    let df = ((rows - 1) * (columns - 1)) as f64;
    let fewest_arms = rows.min(columns) - 1;
    Ok(AssignmentDependence {
        chi_square,
        df,
        probability: tail::chi_square_upper(chi_square, df),
        cramers_v: (chi_square / n / fewest_arms as f64).sqrt(),
        smallest_expected: smallest,
    })
}

/// Rows and columns of a table, at least two of each.
fn shape<T>(table: &[Vec<T>]) -> Result<(usize, usize), EffectsError> {
    let rows = table.len();
    let columns = table.first().map_or(0, Vec::len);
    if table.iter().any(|row| row.len() != columns) {
        return Err(EffectsError::NotRectangular);
    }
    let fewest = rows.min(columns);
    if fewest < 2 {
        return Err(EffectsError::TooFew {
            n: fewest,
            needed: 2,
        });
    }
    Ok((rows, columns))
}
