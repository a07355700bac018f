//! The probability that belongs to a boundary without a closed form.

use crate::tail::{TailProbability, normal_two_sided, student_t_critical};

/// Levels at which a boundary is computed, as the two-sided normal critical values.
const LEVELS: [f64; 12] = [0.01, 0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.5, 6.0, 8.0];

/// Levels around alpha and alpha itself, from large to small, and their place on the
/// normal scale.
pub(super) fn levels(alpha: f64) -> Vec<(f64, f64)> {
    const NEAR: f64 = 0.1;
    let own = student_t_critical(alpha, f64::INFINITY);
    let others = LEVELS.into_iter().filter(|z| (z - own).abs() > NEAR);
    let mut levels: Vec<(f64, f64)> = others
        .map(|z| (z, normal_two_sided(z).p))
        .chain([(own, alpha)])
        .collect();
    levels.sort_by(|a, b| a.0.total_cmp(&b.0));
    levels
}

/// The smallest level at which z would cross the boundary of one look: the repeated
/// probability (Jennison and Turnbull 2000, section 9.3).
///
/// Between levels that were computed, the square of the normal critical value is a
/// monotone cubic of the square of the boundary, and a line beyond them: both are exact
/// in the limit of small levels. `ln p` is within 0.005 plus 0.2 % down to the smallest
/// level, 1e-15, within a hundredth of itself beyond, and exact at alpha.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Inverse {
    /// Squares of the boundary and of the normal critical value, ascending.
    squares: Vec<(f64, f64)>,
    slopes: Vec<f64>,
}

impl Inverse {
    /// From boundaries and normal critical values, ascending.
    pub(super) fn new(points: impl Iterator<Item = (f64, f64)>) -> Self {
        let mut squares = vec![(0.0, 0.0)];
        for (critical, normal) in points.filter(|p| p.0.is_finite()) {
            let (x, y) = (critical * critical, normal * normal);
            match squares.last_mut() {
                // A boundary of 0 is crossed at every level down to this one.
                Some(last) if x <= last.0 => last.1 = y,
                _ => squares.push((x, y)),
            }
        }
        let secants: Vec<f64> = squares
            .windows(2)
            .map(|pair| (pair[1].1 - pair[0].1) / (pair[1].0 - pair[0].0))
            .collect();
        let last = squares.len() - 1;
        let slopes = (0..=last).map(|i| match (i, secants.as_slice()) {
            // Nothing is crossed at any level.
            (_, []) => 0.0,
            (0, [first, ..]) => *first,
            (i, [.., end]) if i == last => *end,
            // The harmonic mean keeps the cubic monotone (Fritsch and Butland 1984).
            (i, s) => 2.0 * s[i - 1] * s[i] / (s[i - 1] + s[i]),
        });
        let slopes = slopes.collect();
        Inverse { squares, slopes }
    }

    pub(super) fn probability(&self, z: f64) -> TailProbability {
        let x = z * z;
        // The first point is at 0; a z that is not a number is read there.
        let next = self.squares.partition_point(|p| p.0 <= x).max(1);
        let (x0, y0) = self.squares[next - 1];
        let Some(&(x1, y1)) = self.squares.get(next) else {
            let slope = self.slopes[next - 1];
            let beyond = if slope > 0.0 { slope * (x - x0) } else { 0.0 };
            return normal_two_sided((y0 + beyond).sqrt());
        };
        let width = x1 - x0;
        let u = (x - x0) / width;
        let rest = 1.0 - u;
        let y = y0 * (1.0 + 2.0 * u) * rest * rest
            + y1 * (3.0 - 2.0 * u) * u * u
            + width * u * rest * (self.slopes[next - 1] * rest - self.slopes[next] * u);
        normal_two_sided(y.max(0.0).sqrt())
    }
}
