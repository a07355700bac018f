//! Shares over strata.

use super::Stratum;
use crate::error::{Arm, Unestimable, check_alpha};
use crate::fieller::Ratio;
use crate::share::Counts;
use crate::tail::{self, TailProbability};

/// Shares of two arms compared inside strata, under a ratio common to all strata.
#[derive(Debug, Clone, PartialEq)]
pub struct MantelHaenszel {
    /// The common odds ratio, treated over control, with its interval on the logarithmic
    /// scale; `None` without successes of one arm beside failures of the other.
    pub odds_ratio: Option<Ratio>,
    /// The common risk ratio, likewise.
    pub risk_ratio: Option<Ratio>,
    /// The Cochran-Mantel-Haenszel statistic of no effect in any stratum, chi-square with
    /// 1 degree of freedom, without continuity correction.
    pub statistic: f64,
    /// Its probability.
    pub probability: TailProbability,
    /// The Breslow-Day statistic of one odds ratio for all strata; where there is one.
    pub homogeneity_statistic: Option<f64>,
    /// Its probability, chi-square with one degree of freedom fewer than strata.
    pub homogeneity: Option<TailProbability>,
    /// Strata that tell something: both arms and both outcomes are present.
    pub strata: usize,
    /// Strata given that do not; they add nothing to any of the sums.
    pub uninformative: usize,
}

/// Compares shares over strata at confidence `1 - alpha`.
///
/// With `a, b` successes and failures of the treated arm of a stratum, `c, d` of the
/// control arm, and n its customers:
///
/// * odds ratio `sum(a d / n) / sum(b c / n)` (N. Mantel and W. Haenszel, Journal of the
///   National Cancer Institute 22, 1959), variance of its logarithm by J. Robins, N.
///   Breslow and S. Greenland, Biometrics 42 (1986);
/// * risk ratio `sum(a (c + d) / n) / sum(c (a + b) / n)` and the variance of its logarithm
///   by S. Greenland and J. Robins, Biometrics 41 (1985);
/// * the test of no effect, `(sum(a - E a))^2 / sum(Var a)`, hypergeometric in each stratum;
/// * Breslow and Day's test of one odds ratio (N. Breslow and N. Day, Statistical Methods in
///   Cancer Research I, 1980).
///
/// These suit many small strata, where [`post_stratified`](super::post_stratified) cannot
/// estimate a variance in each. They presume a common ratio: for the average effect on
/// customers, where the effect varies between strata, post-stratify.
///
/// # Errors
///
/// Invalid counts, or no stratum with both arms and both outcomes.
pub fn mantel_haenszel(
    strata: &[Stratum<Counts>],
    alpha: f64,
) -> Result<MantelHaenszel, Unestimable> {
    check_alpha(alpha)?;
    let mut tables = Vec::with_capacity(strata.len());
    for Stratum { treated, control } in strata {
        for (counts, arm) in [(treated, Arm::Treated), (control, Arm::Control)] {
            // A stratum without an arm tells nothing, and is no error.
            if counts.n > 0 || counts.successes > 0 {
                counts.check(arm)?;
            }
        }
        let table = Table::new(treated, control);
        if table.informs() {
            tables.push(table);
        }
    }
    if tables.is_empty() {
        return Err(Unestimable::NoVariation { difference: 0.0 });
    }
    let sum = |term: &dyn Fn(&Table) -> f64| tables.iter().map(term).sum::<f64>();

    let critical = tail::student_t_critical(alpha, f64::INFINITY);
    let excess = sum(&|t| t.a - t.treated() * t.successes() / t.n());
    let statistic = excess * excess / sum(&Table::null_variance);

    let odds_ratio = {
        let (r, s) = (sum(&Table::concordant), sum(&Table::discordant));
        let p = |t: &Table| (t.a + t.d) / t.n();
        let q = |t: &Table| (t.b + t.c) / t.n();
        let variance = sum(&|t| p(t) * t.concordant()) / (2.0 * r * r)
            + sum(&|t| p(t) * t.discordant() + q(t) * t.concordant()) / (2.0 * r * s)
            + sum(&|t| q(t) * t.discordant()) / (2.0 * s * s);
        log_ratio(r, s, variance, critical)
    };
    let risk_ratio = {
        let r = sum(&|t| t.a * t.control() / t.n());
        let s = sum(&|t| t.c * t.treated() / t.n());
        let spread = sum(&|t| {
            (t.treated() * t.control() * t.successes() - t.a * t.c * t.n()) / (t.n() * t.n())
        });
        log_ratio(r, s, spread / (r * s), critical)
    };
    let homogeneity_statistic = odds_ratio
        .filter(|_| tables.len() > 1)
        .map(|ratio| sum(&|t| t.breslow_day(ratio.estimate)));
    Ok(MantelHaenszel {
        odds_ratio,
        risk_ratio,
        statistic,
        probability: tail::chi_square_upper(statistic, 1.0),
        homogeneity_statistic,
        homogeneity: homogeneity_statistic
            .map(|chi2| tail::chi_square_upper(chi2, (tables.len() - 1) as f64)),
        strata: tables.len(),
        uninformative: strata.len() - tables.len(),
    })
}

/// A ratio of sums with its interval on the logarithmic scale.
fn log_ratio(numerator: f64, denominator: f64, variance: f64, critical: f64) -> Option<Ratio> {
    if !(numerator > 0.0 && denominator > 0.0) {
        return None;
    }
    let estimate = numerator / denominator;
    let factor = (critical * variance.max(0.0).sqrt()).exp();
    Some(Ratio {
        estimate,
        low: estimate / factor,
        high: estimate * factor,
    })
}

/// Successes and failures of the treated arm (a, b) and of the control arm (c, d).
struct Table {
    a: f64,
    b: f64,
    c: f64,
    d: f64,
}

impl Table {
    fn new(treated: &Counts, control: &Counts) -> Self {
        Table {
            a: treated.successes as f64,
            b: treated.failures() as f64,
            c: control.successes as f64,
            d: control.failures() as f64,
        }
    }

    fn treated(&self) -> f64 {
        self.a + self.b
    }

    fn control(&self) -> f64 {
        self.c + self.d
    }

    fn successes(&self) -> f64 {
        self.a + self.c
    }

    fn n(&self) -> f64 {
        self.treated() + self.control()
    }

    fn informs(&self) -> bool {
        let failures = self.b + self.d;
        self.treated() > 0.0 && self.control() > 0.0 && self.successes() > 0.0 && failures > 0.0
    }

    /// `a d / n`.
    fn concordant(&self) -> f64 {
        self.a * self.d / self.n()
    }

    /// `b c / n`.
    fn discordant(&self) -> f64 {
        self.b * self.c / self.n()
    }

    /// The variance of a by chance alone.
    fn null_variance(&self) -> f64 {
        let (n, successes) = (self.n(), self.successes());
        self.treated() * self.control() * successes * (n - successes) / (n * n * (n - 1.0))
    }

    /// `(a - A)^2 / Var`, with A the number of treated successes that these margins give
    /// under an odds ratio.
    fn breslow_day(&self, odds_ratio: f64) -> f64 {
        let (n_t, n_c, m) = (self.treated(), self.control(), self.successes());
        // A (n_c - m + A) = psi (n_t - A) (m - A), by the root that does not cancel.
        let leading = 1.0 - odds_ratio;
        let linear = n_c - m + odds_ratio * (n_t + m);
        let constant = odds_ratio * n_t * m;
        let root = (linear * linear + 4.0 * leading * constant).max(0.0).sqrt();
        let expected = 2.0 * constant / (linear + root);
        let cells = [expected, n_t - expected, m - expected, n_c - m + expected];
        let inverse_variance: f64 = cells.iter().map(|cell| 1.0 / cell).sum();
        (self.a - expected) * (self.a - expected) * inverse_variance
    }
}
