//! Simple numbers that a model of customers must beat, and that stand beside it.
//!
//! They use sums only and assume nothing of single customers. Time is in days.

/// Totals of customers over the time that each was observed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct History {
    /// Customers.
    pub customers: f64,
    /// Their orders.
    pub orders: f64,
    /// What the orders brought, returns netted.
    pub spend: f64,
    /// Days observed, summed over customers.
    pub days: f64,
}

/// Customers who were active at the start of a period, and those of them who were not
/// seen again in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Churn {
    /// Active at the start.
    pub active: f64,
    /// Not seen in the period.
    pub lost: f64,
    /// Days of the period.
    pub days: f64,
}

/// Why a baseline has no value.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NoBaseline {
    /// There is nothing to divide by.
    #[error("there are no {0}")]
    Nothing(&'static str),
    /// A number is negative or not finite, or larger than it can be.
    #[error("the {what} cannot be {value}")]
    Invalid {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// Nobody was lost, so that the lifespan has no upper bound.
    #[error("no customer was lost in the period, so the lifespan is unbounded")]
    NobodyLost,
}

impl History {
    /// Historic average: spend per customer so far.
    ///
    /// # Errors
    ///
    /// No customers.
    pub fn average_spend(&self) -> Result<f64, NoBaseline> {
        ratio(self.spend, self.customers, "customers")
    }

    /// Spend per order.
    ///
    /// # Errors
    ///
    /// No orders.
    pub fn average_order(&self) -> Result<f64, NoBaseline> {
        ratio(self.spend, self.orders, "orders")
    }

    /// Orders per customer and day, all customers taken together.
    ///
    /// # Errors
    ///
    /// No time observed.
    pub fn rate(&self) -> Result<f64, NoBaseline> {
        ratio(self.orders, self.days, "days observed")
    }

    /// The textbook's value of a customer: spend per order times orders a day times
    /// lifespan.
    ///
    /// # Errors
    ///
    /// No time observed, or the lifespan is unbounded.
    pub fn textbook_value(&self, churn: &Churn) -> Result<f64, NoBaseline> {
        Ok(ratio(self.spend, self.days, "days observed")? * churn.lifespan()?)
    }
}

impl Churn {
    /// Share of customers lost in the period.
    ///
    /// # Errors
    ///
    /// Nobody active; more lost than were active.
    pub fn rate(&self) -> Result<f64, NoBaseline> {
        if !(0.0..=self.active).contains(&self.lost) {
            return Err(NoBaseline::Invalid {
                what: "number of lost customers",
                value: self.lost,
            });
        }
        ratio(self.lost, self.active, "active customers")
    }

    /// Expected days until a customer is lost, `days / rate`, if all customers are alike
    /// and stay so. They are not: those who leave easily leave first, and this is too
    /// short for the rest.
    ///
    /// # Errors
    ///
    /// As [`Churn::rate`]; nobody lost.
    pub fn lifespan(&self) -> Result<f64, NoBaseline> {
        let rate = self.rate()?;
        if rate == 0.0 {
            return Err(NoBaseline::NobodyLost);
        }
        Ok(self.days / rate)
    }
}

/// Forecast of a customer's orders over the next `horizon`, if he goes on as before:
/// `x / T` times the horizon. The customer's time is at least `least`, so that orders of
/// the first day do not make a rate without bound.
pub fn rate_per_customer(orders: f64, time: f64, horizon: f64, least: f64) -> f64 {
    orders / time.max(least) * horizon
}

/// What cohorts of customers did by age, in periods of one length: orders, spend or
/// margin per cohort and period of age. Cells that have not been observed to their end
/// are unobserved, not zero.
#[derive(Debug, Clone, PartialEq)]
pub struct CohortTable {
    customers: Vec<f64>,
    cells: Vec<Vec<f64>>,
}

impl CohortTable {
    /// From cohorts: customers acquired, and a value for each period of age that was
    /// observed to its end, from the first.
    ///
    /// # Errors
    ///
    /// A cohort without customers; a value that is not finite.
    pub fn new(cohorts: &[(f64, &[f64])]) -> Result<Self, NoBaseline> {
        for &(customers, values) in cohorts {
            if !(customers > 0.0 && customers.is_finite()) {
                return Err(NoBaseline::Invalid {
                    what: "size of a cohort",
                    value: customers,
                });
            }
            if let Some(&value) = values.iter().find(|value| !value.is_finite()) {
                return Err(NoBaseline::Invalid {
                    what: "value of a cohort",
                    value,
                });
            }
        }
        Ok(CohortTable {
            customers: cohorts.iter().map(|cohort| cohort.0).collect(),
            cells: cohorts.iter().map(|cohort| cohort.1.to_vec()).collect(),
        })
    }

    /// Value per customer of a cohort up to and with a period of age, from 0; none where
    /// that has not been observed.
    pub fn cumulative(&self, cohort: usize, age: usize) -> Option<f64> {
        let cells = self.cells.get(cohort)?.get(..=age)?;
        Some(cells.iter().sum::<f64>() / self.customers[cohort])
    }

    /// Value per customer in each period of age, over the cohorts that were observed in
    /// it. Ages are averaged one by one, so that cohorts that are old enough for the last
    /// period do not stand for all in the first ones.
    pub fn increments(&self) -> Vec<f64> {
        let ages = self.cells.iter().map(Vec::len).max().unwrap_or(0);
        (0..ages)
            .map(|age| {
                let observed = || {
                    self.cells
                        .iter()
                        .zip(&self.customers)
                        .filter(|(c, _)| c.len() > age)
                };
                let value: f64 = observed().map(|(cells, _)| cells[age]).sum();
                value / observed().map(|(_, customers)| customers).sum::<f64>()
            })
            .collect()
    }

    /// Value per customer of each cohort at the end of an age: what was observed, and for
    /// the periods that were not the average of the cohorts that were observed in them.
    /// None where no cohort is that old.
    pub fn forecast(&self, age: usize) -> Option<Vec<f64>> {
        let increments = self.increments();
        let all = increments.get(..=age)?;
        let cohorts = self.cells.iter().zip(&self.customers);
        Some(
            cohorts
                .map(|(cells, customers)| {
                    let seen = cells.len().min(age + 1);
                    let observed: f64 = cells[..seen].iter().sum();
                    observed / customers + all[seen..].iter().sum::<f64>()
                })
                .collect(),
        )
    }
}

fn ratio(part: f64, whole: f64, name: &'static str) -> Result<f64, NoBaseline> {
    if !part.is_finite() {
        return Err(NoBaseline::Invalid {
            what: "sum",
            value: part,
        });
    }
    if whole > 0.0 && whole.is_finite() {
        Ok(part / whole)
    } else {
        Err(NoBaseline::Nothing(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HISTORY: History = History {
        customers: 100.0,
        orders: 250.0,
        spend: 5000.0,
        days: 10_000.0,
    };

    #[test]
    fn averages() {
        assert_eq!(HISTORY.average_spend(), Ok(50.0));
        assert_eq!(HISTORY.average_order(), Ok(20.0));
        assert_eq!(HISTORY.rate(), Ok(0.025));
        let churn = Churn {
            active: 80.0,
            lost: 20.0,
            days: 90.0,
        };
        assert_eq!(churn.rate(), Ok(0.25));
        assert_eq!(churn.lifespan(), Ok(360.0));
        assert_eq!(HISTORY.textbook_value(&churn), Ok(180.0));
    }

    #[test]
    fn nothing_to_divide_by_is_said() {
        let none = History {
            customers: 0.0,
            orders: 0.0,
            spend: 0.0,
            days: 0.0,
        };
        assert_eq!(none.average_order(), Err(NoBaseline::Nothing("orders")));
        let loyal = Churn {
            active: 80.0,
            lost: 0.0,
            days: 90.0,
        };
        assert_eq!(loyal.lifespan(), Err(NoBaseline::NobodyLost));
        let wrong = Churn {
            lost: 81.0,
            ..loyal
        };
        assert!(matches!(wrong.rate(), Err(NoBaseline::Invalid { .. })));
    }

    #[test]
    fn rate_of_a_first_day_is_bounded() {
        assert_eq!(rate_per_customer(3.0, 30.0, 60.0, 1.0), 6.0);
        assert_eq!(rate_per_customer(0.0, 0.0, 60.0, 1.0), 0.0);
        assert_eq!(rate_per_customer(1.0, 0.0, 60.0, 1.0), 60.0);
    }

    #[test]
    fn unobserved_cells_are_not_zero() {
        let table = CohortTable::new(&[
            (10.0, &[20.0, 10.0, 5.0]),
            (30.0, &[30.0, 30.0]),
            (20.0, &[50.0]),
            (5.0, &[]),
        ])
        .expect("a table");
        assert_eq!(table.cumulative(0, 2), Some(3.5));
        assert_eq!(table.cumulative(1, 2), None);
        assert_eq!(table.cumulative(9, 0), None);
        assert_eq!(table.increments(), [100.0 / 60.0, 1.0, 0.5]);
        let forecast = table.forecast(2).expect("an age that was seen");
        assert_eq!(forecast[0], 3.5);
        assert_eq!(forecast[1], 2.0 + 0.5);
        assert_eq!(forecast[2], 2.5 + 1.5);
        assert!((forecast[3] - (100.0 / 60.0 + 1.5)).abs() < 1e-15);
        assert_eq!(table.forecast(3), None);
        assert!(CohortTable::new(&[(0.0, &[1.0])]).is_err());
    }
}
