//! The surrogate index: an effect on a long outcome, from an experiment that has seen early outcomes
//! only and from earlier customers who have been seen for long.
//!
//! S. Athey, R. Chetty, G. W. Imbens and H. Kang, "The surrogate index: combining short-term proxies
//! to estimate long-term treatment effects more rapidly and precisely", NBER working paper 26463,
//! 2019. Among earlier customers the long outcome Y is predicted by the early outcomes S,
//! `h(S) = E[Y | S]`; the effect on Y is then the difference of the mean `h(S)` between the arms. It
//! takes three assumptions:
//!
//! * the arms were randomized;
//! * **surrogacy**: the treatment reaches Y through S alone. A treatment that goes on after S was
//!   seen breaks it, because earlier customers were not treated then: what is estimated is the value
//!   of what the treatment has done while S was seen;
//! * **comparability**: `E[Y | S]` is the same of earlier customers and of those of the experiment.
//!   [`standardized_difference`] and [`SurrogateIndex::drift`] look at that.
//!
//! Here h is linear, so that moments suffice and nothing has to be kept of customers.

use crate::cholesky::{Cholesky, dot};
use crate::error::{Arm, Unestimable, check_alpha};
use crate::lift::Estimate;
use crate::moments::Moments;

/// `h(S) = intercept + slopes' S`, by least squares among earlier customers.
#[derive(Debug, Clone, PartialEq)]
pub struct SurrogateIndex {
    /// Earlier customers.
    pub customers: u64,
    /// The constant.
    pub intercept: f64,
    /// A slope each early outcome; zero of one that those before it determine.
    pub slopes: Vec<f64>,
    /// Means of the early outcomes among earlier customers.
    pub means: Vec<f64>,
    /// Share of the variance of the long outcome that the index explains.
    pub r2: f64,
    /// Residual variance of the long outcome.
    residual: f64,
    /// Early outcomes with a slope, and their sums of squares and products among earlier customers.
    kept: Vec<usize>,
    products: Vec<f64>,
}

/// Share of its variance that an early outcome must have for itself.
const DEPENDENT: f64 = 1e-9;

impl SurrogateIndex {
    /// From the moments of earlier customers: columns of early outcomes, then the long outcome, with
    /// all co-moments.
    ///
    /// # Errors
    ///
    /// Hardly more customers than early outcomes, co-moments that are not there, a long outcome or
    /// early outcomes that do not vary.
    pub fn fit(earlier: &Moments) -> Result<Self, Unestimable> {
        let columns = earlier.products().columns();
        let n = earlier.rows();
        let surrogates = columns.saturating_sub(1);
        let needed = columns as u64 + 2;
        if n < needed {
            return Err(Unestimable::TooFew {
                arm: Arm::Control,
                n,
                needed,
            });
        }
        let comoment = |i, j| {
            earlier
                .comoment(i, j)
                .ok_or(Unestimable::MismatchedCovariates)
        };
        let all: Vec<f64> = (0..surrogates * surrogates)
            .map(|at| comoment(at / surrogates, at % surrogates))
            .collect::<Result<_, _>>()?;
        let factor = Cholesky::new(&all, surrogates, DEPENDENT);
        let kept = factor.kept.clone();
        let with_outcome: Vec<f64> = kept
            .iter()
            .map(|&i| comoment(i, surrogates))
            .collect::<Result<_, _>>()?;
        let total = comoment(surrogates, surrogates)?;
        if kept.is_empty() || total <= 0.0 {
            return Err(Unestimable::DependentCovariates { covariate: 0 });
        }
        let solved = factor.solve(&with_outcome);
        let mut slopes = vec![0.0; surrogates];
        for (&place, slope) in kept.iter().zip(&solved) {
            slopes[place] = *slope;
        }
        let means: Vec<f64> = (0..surrogates).map(|i| earlier.mean(i)).collect();
        let explained = dot(&solved, &with_outcome);
        let df = (n - 1) as f64 - kept.len() as f64;
        let pairs = kept.iter().flat_map(|&i| kept.iter().map(move |&j| (i, j)));
        let products = pairs.map(|(i, j)| all[i * surrogates + j]).collect();
        Ok(SurrogateIndex {
            customers: n,
            intercept: earlier.mean(surrogates) - dot(&slopes, &means),
            r2: (explained / total).clamp(0.0, 1.0),
            residual: (total - explained).max(0.0) / df,
            slopes,
            means,
            kept,
            products,
        })
    }

    /// The effect on the long outcome, at confidence `1 - alpha`: `slopes' (S_t - S_c)` with the
    /// arms' mean early outcomes.
    ///
    /// `scores` are the moments, over the same earlier customers, of `(S_j - mean S_j) (Y - h(S))`:
    /// a column each early outcome. The variance adds what the arms' means vary by and what the
    /// slopes do, the latter without taking the noise to be equal (H. White, Econometrica 48, 1980,
    /// with `n / (n - k - 1)`). The reference is normal.
    ///
    /// # Errors
    ///
    /// Fewer than two customers in an arm, columns or co-moments that are not there.
    pub fn effect(
        &self,
        treated: &Moments,
        control: &Moments,
        scores: &Moments,
        alpha: f64,
    ) -> Result<Estimate, Unestimable> {
        check_alpha(alpha)?;
        for (arm, moments) in [(Arm::Treated, treated), (Arm::Control, control)] {
            let n = moments.rows();
            if n < 2 {
                return Err(Unestimable::TooFew { arm, n, needed: 2 });
            }
            if moments.products().columns() < self.slopes.len() {
                return Err(Unestimable::MismatchedCovariates);
            }
        }
        if scores.products().columns() != self.slopes.len() {
            return Err(Unestimable::MismatchedCovariates);
        }
        let apart: Vec<f64> = (0..self.slopes.len())
            .map(|i| treated.mean(i) - control.mean(i))
            .collect();
        let of_arm = |arm: &Moments| quadratic(arm, &self.slopes).map(|v| v / arm.rows() as f64);
        let of_means = of_arm(treated)? + of_arm(control)?;
        let direction = self.solved(&apart);
        let n = scores.rows() as f64;
        let mean = dot(&direction, &column_means(scores, self.slopes.len()));
        let squares = (n - 1.0) * quadratic(scores, &direction)? + n * mean * mean;
        let of_slopes = squares * n / (n - self.kept.len() as f64 - 1.0);
        Ok(Estimate::of(
            dot(&self.slopes, &apart),
            of_means + of_slopes,
            f64::INFINITY,
            alpha,
        ))
    }

    /// How much more later customers brought than the index of earlier ones says, on average: not
    /// zero where the world has changed in between. `later` has the columns of [`fit`](Self::fit).
    ///
    /// # Errors
    ///
    /// Fewer than two customers, columns or co-moments that are not there.
    pub fn drift(&self, later: &Moments, alpha: f64) -> Result<Estimate, Unestimable> {
        check_alpha(alpha)?;
        let (n, outcome) = (later.rows(), self.slopes.len());
        if n < 2 {
            let arm = Arm::Treated;
            return Err(Unestimable::TooFew { arm, n, needed: 2 });
        }
        if later.products().columns() != outcome + 1 {
            return Err(Unestimable::MismatchedCovariates);
        }
        let means = column_means(later, outcome);
        let predicted = self.intercept + dot(&self.slopes, &means);
        // Of the outcome less the index.
        let mut residual: Vec<f64> = self.slopes.iter().map(|slope| -slope).collect();
        residual.push(1.0);
        let of_later = quadratic(later, &residual)? / n as f64;
        let apart: Vec<f64> = means.iter().zip(&self.means).map(|(l, e)| l - e).collect();
        let reach = dot(&self.solved(&apart), &apart);
        let of_index = self.residual * (1.0 / self.customers as f64 + reach);
        let variance = of_later + of_index;
        let actual = later.mean(outcome);
        Ok(Estimate::of(
            actual - predicted,
            variance,
            f64::INFINITY,
            alpha,
        ))
    }

    /// The early outcomes' products, inverted, times a vector; zero where there is no slope.
    fn solved(&self, vector: &[f64]) -> Vec<f64> {
        let factor = Cholesky::new(&self.products, self.kept.len(), 0.0);
        let some: Vec<f64> = self.kept.iter().map(|&i| vector[i]).collect();
        let mut whole = vec![0.0; vector.len()];
        for (&place, value) in self.kept.iter().zip(factor.solve(&some)) {
            whole[place] = value;
        }
        whole
    }
}

/// How far the mean of `weights' x` lies apart in two groups, in standard deviations (of both groups'
/// mean variance): above a quarter, regression no longer makes up for it (G. W. Imbens and
/// J. M. Wooldridge, Journal of Economic Literature 47, 2009). None where nothing varies.
///
/// # Errors
///
/// Co-moments that are not there.
pub fn standardized_difference(
    a: &Moments,
    b: &Moments,
    weights: &[f64],
) -> Result<Option<f64>, Unestimable> {
    let mean = |group: &Moments| dot(weights, &column_means(group, weights.len()));
    let variance = 0.5 * (quadratic(a, weights)? + quadratic(b, weights)?);
    Ok((variance > 0.0).then(|| (mean(a) - mean(b)) / variance.sqrt()))
}

fn column_means(moments: &Moments, columns: usize) -> Vec<f64> {
    (0..columns).map(|i| moments.mean(i)).collect()
}

/// The variance of `weights' x` over the first columns.
fn quadratic(moments: &Moments, weights: &[f64]) -> Result<f64, Unestimable> {
    let mut sum = 0.0;
    for (i, a) in weights.iter().enumerate().filter(|(_, a)| **a != 0.0) {
        for (j, b) in weights.iter().enumerate().filter(|(_, b)| **b != 0.0) {
            let covariance = moments.covariance(i, j);
            sum += a * b * covariance.ok_or(Unestimable::MismatchedCovariates)?;
        }
    }
    Ok(sum.max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moments::{CoMoments, Products};
    use crate::random::SplitMix64;
    use crate::tail;

    fn moments(columns: &[Vec<f64>]) -> Moments {
        let mut moments = CoMoments::new(&Products::new(columns.len(), |_, _| true));
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        moments.push(&columns).unwrap();
        moments.finish()
    }

    fn normal(random: &mut SplitMix64) -> f64 {
        tail::normal_quantile(random.uniform())
    }

    /// Early outcomes of customers whose level is shifted, and a long outcome that hangs on them, with
    /// noise that grows with the first; the third is the sum of the others.
    fn customers(random: &mut SplitMix64, n: usize, shift: f64) -> Vec<Vec<f64>> {
        let mut columns = vec![Vec::new(); 4];
        for _ in 0..n {
            let a = shift + normal(random).powi(2);
            let b = 0.5 * a + normal(random);
            let y = 3.0 + 2.0 * a - b + a * normal(random);
            for (column, value) in columns.iter_mut().zip([a, b, a + b, y]) {
                column.push(value);
            }
        }
        columns
    }

    fn scores(index: &SurrogateIndex, rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let residual = |row: usize| {
            let terms = index.slopes.iter().zip(rows);
            let h: f64 = terms.map(|(slope, column)| slope * column[row]).sum();
            rows[3][row] - index.intercept - h
        };
        let of = |j: usize| {
            let each = rows[j].iter().enumerate();
            each.map(move |(row, x)| (x - index.means[j]) * residual(row))
                .collect()
        };
        (0..3).map(of).collect()
    }

    #[test]
    fn a_line_is_found_exactly_and_what_is_determined_gets_no_slope() {
        let mut random = SplitMix64::new(5);
        let mut rows = customers(&mut random, 50, 0.0);
        rows[3] = (0..50)
            .map(|i| 3.0 + 2.0 * rows[0][i] - rows[1][i])
            .collect();
        let index = SurrogateIndex::fit(&moments(&rows)).unwrap();
        assert_eq!(index.slopes[2], 0.0);
        for (found, expected) in [index.intercept, index.slopes[0], index.slopes[1], index.r2]
            .into_iter()
            .zip([3.0, 2.0, -1.0, 1.0])
        {
            assert!((found - expected).abs() < 1e-10, "{found}");
        }
        let drift = index.drift(&moments(&rows), 0.05).unwrap();
        assert!(drift.estimate.abs() < 1e-10);
    }

    /// Least squares and White's variance written out by rows for one early outcome.
    #[test]
    fn the_variance_is_the_sandwich() {
        let mut random = SplitMix64::new(6);
        let rows = customers(&mut random, 200, 0.0);
        let both = vec![rows[0].clone(), rows[3].clone()];
        let index = SurrogateIndex::fit(&moments(&both)).unwrap();
        let n = 200.0;
        let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
        let (x, y) = (&rows[0], &rows[3]);
        let (mx, my) = (mean(x), mean(y));
        let sxx: f64 = x.iter().map(|x| (x - mx).powi(2)).sum();
        let sxy: f64 = x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum();
        let slope = sxy / sxx;
        assert!((index.slopes[0] - slope).abs() < 1e-12);
        let score: Vec<f64> = (0..200)
            .map(|i| (x[i] - mx) * (y[i] - my - slope * (x[i] - mx)))
            .collect();
        let meat: f64 = score.iter().map(|s| s * s).sum();
        let white = meat / sxx / sxx * n / (n - 2.0);
        let arm = |shift: f64| -> Vec<f64> { x.iter().map(|x| x * 0.9 + shift).collect() };
        let (treated, control) = (arm(0.3), arm(0.0));
        let found = index
            .effect(
                &moments(std::slice::from_ref(&treated)),
                &moments(&[control]),
                &moments(&[score]),
                0.05,
            )
            .unwrap();
        let variance = 0.81 * sxx / (n - 1.0);
        let expected = 2.0 * slope * slope * variance / n + 0.09 * white;
        assert!((found.estimate - 0.3 * slope).abs() < 1e-12);
        assert!((found.se - expected.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn intervals_cover_the_effect_through_the_early_outcomes() {
        const TRIALS: u64 = 500;
        // Of a shift of a by 0.3: 2 - 0.5 for each unit.
        let truth = 0.3 * 1.5;
        let (mut covered, mut sum, mut drifted) = (0, 0.0, 0);
        for seed in 0..TRIALS {
            let mut random = SplitMix64::new(100 + seed);
            let rows = customers(&mut random, 400, 0.0);
            let index = SurrogateIndex::fit(&moments(&rows)).unwrap();
            let treated = moments(&customers(&mut random, 300, 0.3));
            let control = moments(&customers(&mut random, 300, 0.0));
            let scores = moments(&scores(&index, &rows));
            let found = index.effect(&treated, &control, &scores, 0.05).unwrap();
            covered += u32::from(found.low <= truth && truth <= found.high);
            sum += found.estimate / TRIALS as f64;
            drifted += u32::from(index.drift(&control, 0.05).unwrap().excludes_zero());
        }
        let (coverage, drifted) = (f64::from(covered) / 500.0, f64::from(drifted) / 500.0);
        println!("coverage {coverage:.3}, mean {sum:.4} of {truth}, drift seen {drifted:.3}");
        // A binomial of 500 at 0.95 leaves 0.91 to 0.985 less than once in 1,000.
        assert!((0.91..=0.985).contains(&coverage), "{coverage}");
        assert!((sum / truth - 1.0).abs() < 0.05, "{sum}");
        assert!(drifted < 0.09, "{drifted}");
    }

    #[test]
    fn groups_apart_are_told_in_standard_deviations() {
        let a = moments(&[vec![1.0, 2.0, 3.0], vec![0.0, 0.0, 3.0]]);
        let b = moments(&[vec![3.0, 4.0, 5.0], vec![0.0, 0.0, 3.0]]);
        let found = standardized_difference(&a, &b, &[1.0, 0.0])
            .unwrap()
            .unwrap();
        assert!((found + 2.0).abs() < 1e-12);
        let same = moments(&[vec![1.0, 1.0], vec![0.0, 3.0]]);
        assert_eq!(
            standardized_difference(&same, &same, &[1.0, 0.0]).unwrap(),
            None
        );
    }

    #[test]
    fn too_little_is_refused() {
        let few = moments(&[vec![1.0, 2.0, 4.0], vec![1.0, 3.0, 2.0]]);
        assert!(matches!(
            SurrogateIndex::fit(&few),
            Err(Unestimable::TooFew { .. })
        ));
        let same = moments(&[vec![1.0; 9], (0..9).map(f64::from).collect()]);
        let error = SurrogateIndex::fit(&same);
        assert!(matches!(
            error,
            Err(Unestimable::DependentCovariates { .. })
        ));
    }
}
