//! Customers with the times at which their covariates were on.

use crate::error::FitError;
use crate::table::{CustomerColumns, CustomerTable};

/// A covariate that is on from a time to a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Switch {
    /// The covariate, from 0.
    pub covariate: usize,
    /// On from here: negative when before the first purchase.
    pub on: f64,
    /// Off again here; none for one that stays on.
    pub off: Option<f64>,
}

/// A customer's history. Time starts at the first purchase, which is not counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VaryingCustomer<'a> {
    /// Times of the repeat purchases, ascending.
    pub purchases: &'a [f64],
    /// End of the observation.
    pub age: f64,
    /// When covariates were on; all are off otherwise. One that is switched on again
    /// while it is on stays so until the last of these ends.
    pub switches: &'a [Switch],
}

/// Histories of customers, cut where a covariate changes.
#[derive(Debug, Clone, PartialEq)]
pub struct VaryingTable {
    covariates: usize,
    /// All customers' pieces of time, in order.
    ends: Vec<f64>,
    purchases: Vec<f64>,
    /// Which covariates are on, a row for each piece.
    on: Vec<bool>,
    customers: Vec<Customer>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Customer {
    /// Place behind the last of the customer's pieces.
    last_piece: usize,
    frequency: u32,
    recency: f64,
    age: f64,
}

/// A time in which no covariate of a customer changes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Piece<'a> {
    pub(super) start: f64,
    pub(super) end: f64,
    /// Repeat purchases in it.
    pub(super) purchases: f64,
    /// Covariates that are on.
    pub(super) on: &'a [bool],
}

/// One customer of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path<'a> {
    table: &'a VaryingTable,
    customer: usize,
}

impl VaryingTable {
    /// An empty table with this many covariates.
    pub fn new(covariates: usize) -> Self {
        VaryingTable {
            covariates,
            ends: Vec::new(),
            purchases: Vec::new(),
            on: Vec::new(),
            customers: Vec::new(),
        }
    }

    /// Adds a customer.
    ///
    /// # Errors
    ///
    /// A time that is not finite or a covariate that is not in the table; an age below
    /// zero; purchases that are not after the first one, not in order, or after the end;
    /// a switch that goes off before it goes on. The table is then as before.
    pub fn add(&mut self, customer: &VaryingCustomer) -> Result<(), FitError> {
        let VaryingCustomer {
            purchases,
            age,
            switches,
        } = *customer;
        let row = self.customers.len();
        let invalid = |what, value| Err(FitError::InvalidValue { row, what, value });
        if !(age >= 0.0 && age.is_finite()) {
            return invalid("age", age);
        }
        let mut before = 0.0;
        for &time in purchases {
            // The first repeat purchase comes after the first one of all.
            let in_order = time >= before && time > 0.0;
            if !in_order {
                return invalid("time of a purchase", time);
            }
            before = time;
        }
        if before > age {
            return Err(FitError::PurchaseAfterEnd {
                row,
                recency: before,
                age,
            });
        }
        for switch in switches {
            if switch.covariate >= self.covariates {
                return Err(FitError::MissingColumn { what: "covariate" });
            }
            if !switch.on.is_finite() {
                return invalid("time of a switch", switch.on);
            }
            match switch.off {
                Some(off) if off.is_nan() || off < switch.on => {
                    return invalid("end of a switch", off);
                }
                _ => {}
            }
        }
        self.cut(customer, age);
        Ok(())
    }

    /// Adds a customer whose pieces reach to an end that may lie after the observation.
    pub(super) fn add_until(
        &mut self,
        customer: &VaryingCustomer,
        end: f64,
    ) -> Result<(), FitError> {
        self.add(&VaryingCustomer {
            age: customer.age.max(end),
            ..*customer
        })
    }

    /// Cuts a customer's time where a covariate changes.
    fn cut(&mut self, customer: &VaryingCustomer, age: f64) {
        let inside = |time: &f64| *time > 0.0 && *time < age;
        let switches = customer.switches;
        let changes = switches.iter().map(|switch| switch.on);
        let mut ends: Vec<f64> = changes
            .chain(switches.iter().filter_map(|switch| switch.off))
            .filter(inside)
            .chain([age])
            .collect();
        ends.sort_unstable_by(f64::total_cmp);
        ends.dedup();
        let (mut start, mut counted) = (0.0, 0);
        for end in ends {
            // A purchase at the moment of a change is made after it.
            let last = if end == age {
                customer.purchases.len()
            } else {
                customer.purchases.partition_point(|time| *time < end)
            };
            let middle = 0.5 * (start + end);
            self.on.extend((0..self.covariates).map(|covariate| {
                switches.iter().any(|switch| {
                    let lasts = switch.off.is_none_or(|off| middle < off);
                    switch.covariate == covariate && switch.on <= middle && lasts
                })
            }));
            self.purchases.push((last - counted) as f64);
            self.ends.push(end);
            (start, counted) = (end, last);
        }
        self.customers.push(Customer {
            last_piece: self.ends.len(),
            frequency: customer.purchases.len() as u32,
            recency: customer.purchases.last().copied().unwrap_or(0.0),
            age,
        });
    }

    /// Customers.
    pub fn len(&self) -> usize {
        self.customers.len()
    }

    /// Whether there are no customers.
    pub fn is_empty(&self) -> bool {
        self.customers.is_empty()
    }

    /// Covariates.
    pub fn covariates(&self) -> usize {
        self.covariates
    }

    /// Repeat purchases of all customers.
    pub(super) fn purchases(&self) -> f64 {
        self.purchases.iter().sum()
    }

    pub(super) fn mean_age(&self) -> f64 {
        let ages: f64 = self.customers.iter().map(|customer| customer.age).sum();
        ages / self.customers.len() as f64
    }

    pub(super) fn path(&self, customer: usize) -> Path<'_> {
        Path {
            table: self,
            customer,
        }
    }

    /// The same customers without covariates.
    pub(super) fn without_covariates(&self) -> Result<CustomerTable, FitError> {
        let frequency: Vec<u32> = self.customers.iter().map(|c| c.frequency).collect();
        let recency: Vec<f64> = self.customers.iter().map(|c| c.recency).collect();
        let age: Vec<f64> = self.customers.iter().map(|c| c.age).collect();
        CustomerTable::new(&CustomerColumns {
            frequency: &frequency,
            recency: &recency,
            age: &age,
            ..CustomerColumns::default()
        })
    }
}

impl<'a> Path<'a> {
    /// Pieces from the first purchase to the end.
    pub(super) fn pieces(self) -> impl Iterator<Item = Piece<'a>> {
        let Path { table, customer } = self;
        let first = match customer {
            0 => 0,
            _ => table.customers[customer - 1].last_piece,
        };
        let width = table.covariates;
        (first..table.customers[customer].last_piece).map(move |i| Piece {
            start: if i == first { 0.0 } else { table.ends[i - 1] },
            end: table.ends[i],
            purchases: table.purchases[i],
            on: &table.on[i * width..(i + 1) * width],
        })
    }

    pub(super) fn frequency(self) -> u32 {
        self.table.customers[self.customer].frequency
    }

    pub(super) fn recency(self) -> f64 {
        self.table.customers[self.customer].recency
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_cut_where_something_changes() {
        let switch = |covariate, on, off| Switch { covariate, on, off };
        let mut table = VaryingTable::new(2);
        table
            .add(&VaryingCustomer {
                purchases: &[1.0, 4.0, 10.0],
                age: 10.0,
                switches: &[
                    switch(0, -3.0, Some(4.0)),
                    switch(1, 2.0, None),
                    switch(0, 3.0, Some(6.0)),
                    switch(0, 12.0, Some(14.0)),
                ],
            })
            .expect("a history");
        let pieces: Vec<Piece> = table.path(0).pieces().collect();
        let ends: Vec<f64> = pieces.iter().map(|piece| piece.end).collect();
        assert_eq!(ends, [2.0, 3.0, 4.0, 6.0, 10.0]);
        let on: Vec<&[bool]> = pieces.iter().map(|piece| piece.on).collect();
        assert_eq!(on[0], [true, false]);
        assert_eq!(on[1], [true, true]);
        assert_eq!(on[3], [true, true]);
        assert_eq!(on[4], [false, true]);
        let purchases: Vec<f64> = pieces.iter().map(|piece| piece.purchases).collect();
        assert_eq!(purchases, [1.0, 0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn histories_that_cannot_be_are_refused() {
        let mut table = VaryingTable::new(1);
        let history = |purchases, age, switches| VaryingCustomer {
            purchases,
            age,
            switches,
        };
        let backwards = [Switch {
            covariate: 0,
            on: 3.0,
            off: Some(2.0),
        }];
        let unknown = [Switch {
            covariate: 1,
            on: 3.0,
            off: None,
        }];
        for customer in [
            history(&[2.0, 1.0], 5.0, &[]),
            history(&[0.0], 5.0, &[]),
            history(&[6.0], 5.0, &[]),
            history(&[], f64::NAN, &[]),
            history(&[], 5.0, &backwards),
            history(&[], 5.0, &unknown),
        ] {
            assert!(table.add(&customer).is_err(), "{customer:?}");
        }
        assert!(table.is_empty());
    }
}
