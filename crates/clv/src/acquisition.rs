//! What customers cost to acquire, and when they have paid it back.

use stats::tail::normal_quantile;

/// What was spent on a channel or cohort, and how many customers it brought.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Acquisition {
    /// Money spent: taken as known.
    pub cost: f64,
    /// Customers acquired.
    pub customers: f64,
}

/// Value per customer with its standard error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Value {
    /// The estimate, margin per customer.
    pub estimate: f64,
    /// Its standard error.
    pub standard_error: f64,
}

/// A ratio with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// Value over cost.
    pub estimate: f64,
    /// Lower limit.
    pub low: f64,
    /// Upper limit.
    pub high: f64,
}

/// Cumulative margin per customer at an age.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// Days from the acquisition.
    pub days: f64,
    /// Cumulative margin per customer.
    pub value: Value,
}

/// Days after which a customer has paid back what he cost; none where the curve ends
/// before that.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Payback {
    /// The estimate.
    pub days: Option<f64>,
    /// Lower limit of the interval.
    pub earliest: Option<f64>,
    /// Upper limit; none where the data do not exclude that it takes longer than the
    /// curve reaches, or never happens.
    pub latest: Option<f64>,
}

/// Why acquisition has no such number.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NoPayback {
    /// Nobody was acquired.
    #[error("nobody was acquired for the {0} spent")]
    NobodyAcquired(f64),
    /// Acquisition was free: no ratio to it exists.
    #[error("the acquisition cost nothing, so value has no ratio to it")]
    Free,
    /// A curve has no points.
    #[error("the curve of value has no points")]
    NoCurve,
    /// A number is outside its domain.
    #[error("the {what} cannot be {value}")]
    Invalid {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
    },
}

impl Acquisition {
    /// Customer acquisition cost: money spent per customer acquired.
    ///
    /// # Errors
    ///
    /// Nobody acquired; a cost or number that is negative or not finite.
    pub fn cost_per_customer(&self) -> Result<f64, NoPayback> {
        check("cost", self.cost, |cost| cost >= 0.0)?;
        check("number of customers", self.customers, |n| n >= 0.0)?;
        if self.customers == 0.0 {
            return Err(NoPayback::NobodyAcquired(self.cost));
        }
        Ok(self.cost / self.customers)
    }

    /// Lifetime value per unit of acquisition cost, with an interval at level `1 - alpha`.
    ///
    /// # Errors
    ///
    /// As [`cost_per_customer`](Self::cost_per_customer); a cost of zero.
    pub fn value_over_cost(&self, value: Value, alpha: f64) -> Result<Ratio, NoPayback> {
        let cost = self.cost_per_customer()?;
        if cost == 0.0 {
            return Err(NoPayback::Free);
        }
        let (low, high) = value.interval(alpha)?;
        Ok(Ratio {
            estimate: value.estimate / cost,
            low: low / cost,
            high: high / cost,
        })
    }

    /// When the cumulative margin of a customer reaches what he cost. Between points the
    /// curve is a straight line; it starts from nothing at day 0 unless a point there
    /// says otherwise.
    ///
    /// The interval inverts those of the curve: a day is in it exactly when the interval
    /// of the curve's value on that day contains the cost, but for days after the curve
    /// has surely passed it.
    ///
    /// # Errors
    ///
    /// As [`cost_per_customer`](Self::cost_per_customer); no points, points that are not
    /// in the order of their days.
    pub fn payback(&self, curve: &[CurvePoint], alpha: f64) -> Result<Payback, NoPayback> {
        let cost = self.cost_per_customer()?;
        if curve.is_empty() {
            return Err(NoPayback::NoCurve);
        }
        let mut before = 0.0;
        let mut lines: [Vec<(f64, f64)>; 3] = Default::default();
        for point in curve {
            check("day of the curve", point.days, |days| days >= before)?;
            before = point.days;
            let (low, high) = point.value.interval(alpha)?;
            for (line, value) in lines.iter_mut().zip([point.value.estimate, low, high]) {
                line.push((point.days, value));
            }
        }
        let [estimate, low, high] = lines.map(|line| first_reached(&line, cost));
        Ok(Payback {
            days: estimate,
            earliest: high,
            latest: low,
        })
    }
}

impl Value {
    /// Normal interval at level `1 - alpha`.
    pub fn interval(&self, alpha: f64) -> Result<(f64, f64), NoPayback> {
        check("alpha", alpha, |alpha| alpha > 0.0 && alpha < 1.0)?;
        check("value", self.estimate, |_| true)?;
        check("standard error", self.standard_error, |se| se >= 0.0)?;
        let reach = normal_quantile(1.0 - 0.5 * alpha) * self.standard_error;
        Ok((self.estimate - reach, self.estimate + reach))
    }
}

/// The first day on which a line through points reaches a level.
fn first_reached(line: &[(f64, f64)], level: f64) -> Option<f64> {
    let mut last = (0.0, 0.0);
    if level <= 0.0 {
        return Some(0.0);
    }
    for &(days, value) in line {
        if value >= level {
            let rise = value - last.1;
            let share = if rise > 0.0 {
                (level - last.1) / rise
            } else {
                1.0
            };
            return Some(last.0 + share * (days - last.0));
        }
        last = (days, value);
    }
    None
}

fn check(what: &'static str, value: f64, valid: impl Fn(f64) -> bool) -> Result<(), NoPayback> {
    if value.is_finite() && valid(value) {
        Ok(())
    } else {
        Err(NoPayback::Invalid { what, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANNEL: Acquisition = Acquisition {
        cost: 3000.0,
        customers: 100.0,
    };

    fn curve(standard_error: f64) -> Vec<CurvePoint> {
        [
            (0.0, 10.0),
            (30.0, 20.0),
            (60.0, 28.0),
            (90.0, 34.0),
            (120.0, 38.0),
        ]
        .map(|(days, estimate)| CurvePoint {
            days,
            value: Value {
                estimate,
                standard_error,
            },
        })
        .into()
    }

    #[test]
    fn cost_and_ratio() {
        assert_eq!(CHANNEL.cost_per_customer(), Ok(30.0));
        let value = Value {
            estimate: 90.0,
            standard_error: 15.0,
        };
        let ratio = CHANNEL.value_over_cost(value, 0.05).expect("a ratio");
        assert_eq!(ratio.estimate, 3.0);
        assert!((ratio.low - (3.0 - 1.959_963_984_540_054 * 0.5)).abs() < 1e-12);
        assert!((ratio.high + ratio.low - 6.0).abs() < 1e-12);
    }

    #[test]
    fn payback_is_where_the_curve_meets_the_cost() {
        let payback = CHANNEL.payback(&curve(1.0), 0.05).expect("a curve");
        assert_eq!(payback.days, Some(70.0));
        let (earliest, latest) = (
            payback.earliest.expect("reached"),
            payback.latest.expect("reached"),
        );
        // There the limits of the curve are the cost.
        let z = 1.959_963_984_540_054;
        assert!(
            (28.0 + (earliest - 60.0) * 0.2 + z - 30.0).abs() < 1e-9,
            "{earliest}"
        );
        assert!(
            (28.0 + (latest - 60.0) * 0.2 - z - 30.0).abs() < 1e-9,
            "{latest}"
        );
    }

    #[test]
    fn what_is_not_reached_is_none() {
        let payback = CHANNEL.payback(&curve(6.0), 0.05).expect("a curve");
        assert_eq!((payback.days, payback.latest), (Some(70.0), None));
        let dear = Acquisition {
            cost: 5000.0,
            ..CHANNEL
        };
        let never = dear.payback(&curve(1.0), 0.05).expect("a curve");
        assert_eq!(
            (never.days, never.earliest, never.latest),
            (None, None, None)
        );
        let free = Acquisition {
            cost: 0.0,
            ..CHANNEL
        };
        assert_eq!(
            free.payback(&curve(1.0), 0.05).expect("a curve").latest,
            Some(0.0)
        );
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let nobody = Acquisition {
            customers: 0.0,
            ..CHANNEL
        };
        assert_eq!(
            nobody.cost_per_customer(),
            Err(NoPayback::NobodyAcquired(3000.0))
        );
        let free = Acquisition {
            cost: 0.0,
            ..CHANNEL
        };
        let value = Value {
            estimate: 9.0,
            standard_error: 1.0,
        };
        assert_eq!(free.value_over_cost(value, 0.05), Err(NoPayback::Free));
        assert_eq!(CHANNEL.payback(&[], 0.05), Err(NoPayback::NoCurve));
        let mut backwards = curve(1.0);
        backwards.reverse();
        assert!(CHANNEL.payback(&backwards, 0.05).is_err());
        assert!(CHANNEL.value_over_cost(value, 1.0).is_err());
    }
}
