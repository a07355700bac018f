//! Sums of increments, and how sure they are.

use std::collections::BTreeMap;

use stats::satterthwaite;
use stats::tail::student_t_critical;

use crate::finding::{Estimate, Money, MoneyEstimate};
use crate::increment::Measured;
use crate::ledger::CONFIDENCE;

/// A sum of increments with its uncertainty.
pub(crate) struct Sum {
    pub(crate) amount: Money,
    pub(crate) se: f64,
    pub(crate) df: f64,
}

impl Sum {
    /// The sum of increments.
    ///
    /// Those of one experiment share customers: their errors go together as [`Measured::covariance_with`] says, and they
    /// are one part, with the fewest degrees of freedom among them. Parts are independent: variances are added, and the
    /// degrees of freedom of the sum are those of Welch and Satterthwaite, `(sum se^2)^2 / sum(se^4 / df)`
    /// (Satterthwaite 1946, equation 17), so that a small experiment weighs as much as its error does.
    pub(crate) fn of(measured: &[Measured]) -> Self {
        let mut experiments: BTreeMap<&str, Vec<&Measured>> = BTreeMap::new();
        for part in measured {
            let experiment = part.increment.experiment.as_str();
            experiments.entry(experiment).or_default().push(part);
        }
        let parts: Vec<(f64, f64)> = experiments.values().map(|part| dependent(part)).collect();
        let amounts = measured.iter().map(|measured| measured.increment.amount.0);
        Self {
            amount: Money(amounts.sum()),
            se: parts
                .iter()
                .map(|(variance, _)| variance)
                .sum::<f64>()
                .sqrt(),
            df: satterthwaite(&parts),
        }
    }

    /// The sum with its interval; none where the amounts are too large for money.
    pub(crate) fn estimate(&self) -> Option<MoneyEstimate> {
        Some(MoneyEstimate {
            amount: self.amount,
            low: Money::from_f64(self.low())?,
            high: Money::from_f64(self.high())?,
            se: self.se,
        })
    }

    fn reach(&self) -> f64 {
        student_t_critical(1.0 - CONFIDENCE, self.df) * self.se
    }

    pub(crate) fn low(&self) -> f64 {
        self.amount.to_f64() - self.reach()
    }

    pub(crate) fn high(&self) -> f64 {
        self.amount.to_f64() + self.reach()
    }

    pub(crate) fn roi(&self, cost: Money) -> Option<Estimate> {
        let spent = cost.to_f64();
        (spent > 0.0).then(|| Estimate {
            estimate: (self.amount.to_f64() - spent) / spent,
            low: (self.low() - spent) / spent,
            high: (self.high() - spent) / spent,
        })
    }

    pub(crate) fn probability_above(&self, cost: Money) -> f64 {
        if self.se == 0.0 {
            return f64::from(u8::from(self.amount > cost));
        }
        stats::probability_above(self.amount.to_f64(), self.se, self.df, cost.to_f64()).p
    }
}

/// The variance of the sum of increments of one experiment, and the fewest degrees of freedom among them.
fn dependent(measured: &[&Measured]) -> (f64, f64) {
    let mut variance = 0.0;
    let mut df = f64::INFINITY;
    for (i, a) in measured.iter().enumerate() {
        variance += a.increment.se.powi(2);
        df = a.df.min(df);
        for b in &measured[i + 1..] {
            if a.shares_reference_with(b) {
                variance += 2.0 * a.covariance_with(b);
            }
        }
    }
    (variance, df)
}
