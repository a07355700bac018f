//! The worth today of what comes later.

use crate::special::one_minus_exp_over;

/// Days of a year of the calendar, on average.
pub const DAYS_PER_YEAR: f64 = 365.25;

/// A rate of discount, continuous per day.
///
/// A rate of 10 per cent a year makes 1.10 in a year worth 1 today, and `1.10^(days /
/// 365.25)` after any number of days, so that it does not depend on the unit in which a
/// model was fitted.
///
/// ```
/// use clv::discount::Discount;
///
/// let discount = Discount::annual(0.10).unwrap();
/// assert!((discount.factor(365.25) - 1.0 / 1.10).abs() < 1e-15);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Discount {
    per_day: f64,
}

/// A rate of discount that is negative or not a number.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("the discount rate cannot be {0} a year; 0.1 is ten per cent")]
pub struct InvalidRate(pub f64);

impl Discount {
    /// Money keeps its worth.
    pub const NONE: Discount = Discount { per_day: 0.0 };

    /// From the rate of a year: 0.1 is ten per cent.
    ///
    /// # Errors
    ///
    /// A rate that is negative or not finite.
    pub fn annual(rate: f64) -> Result<Self, InvalidRate> {
        if !(rate >= 0.0 && rate.is_finite()) {
            return Err(InvalidRate(rate));
        }
        Ok(Discount {
            per_day: rate.ln_1p() / DAYS_PER_YEAR,
        })
    }

    /// Continuous rate per unit of time of this many days: 7 for a model in weeks.
    pub fn continuous(self, days_per_unit: f64) -> f64 {
        self.per_day * days_per_unit
    }

    /// Rate of a period of this many days, as contracts are discounted by the period:
    /// `exp(continuous) - 1`.
    pub fn periodic(self, days_per_period: f64) -> f64 {
        self.continuous(days_per_period).exp_m1()
    }

    /// Worth today of 1 after this many days.
    pub fn factor(self, days: f64) -> f64 {
        (-self.per_day * days).exp()
    }

    /// Worth today of 1 a day for this many days, `(1 - exp(-d t)) / d`.
    pub fn annuity(self, days: f64) -> f64 {
        one_minus_exp_over(self.per_day, days)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_agree() {
        let discount = Discount::annual(0.15).expect("a rate");
        assert!((discount.continuous(7.0) - 0.15f64.ln_1p() / (365.25 / 7.0)).abs() < 1e-18);
        assert!((discount.periodic(DAYS_PER_YEAR) - 0.15).abs() < 1e-15);
        let month = DAYS_PER_YEAR / 12.0;
        assert!((discount.factor(month).powi(12) - discount.factor(DAYS_PER_YEAR)).abs() < 1e-15);
    }

    #[test]
    fn annuity_is_the_sum_of_its_days() {
        let discount = Discount::annual(0.1).expect("a rate");
        let halves: f64 = (0..2000)
            .map(|i| discount.factor(f64::from(i) / 2.0 + 0.25) / 2.0)
            .sum();
        assert!((discount.annuity(1000.0) / halves - 1.0).abs() < 1e-8);
        assert_eq!(Discount::NONE.annuity(30.0), 30.0);
    }

    #[test]
    fn refuses_rates_that_are_none() {
        for rate in [-0.1, f64::NAN, f64::INFINITY] {
            assert!(Discount::annual(rate).is_err());
        }
    }
}
