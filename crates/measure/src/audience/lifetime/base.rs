//! The customer base as models see it: customers with the same history are one row.

use clv::{CustomerColumns, CustomerTable, FitError};
use lake::{Chunk, Lake, LakeError, WrongColumn};

use super::purchases::{CUSTOMERS, PURCHASES};
use crate::audience::query::exact_sum;
use crate::error::MeasureError;

/// Days in the models' unit of time.
pub(super) const DAYS_PER_UNIT: f64 = 7.0;

/// Customers with the same history, in days.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(super) struct Kept {
    /// Repeat purchases.
    pub(super) frequency: u32,
    /// Days from the first purchase to the end.
    pub(super) age: u32,
    /// Days from the first purchase to the last.
    pub(super) recency: u32,
    pub(super) cell: u32,
    /// What the repeat purchases sum to.
    pub(super) spend: f64,
    /// Purchases after the end.
    pub(super) later: u32,
    pub(super) customers: u32,
}

/// The customer base at the end of a day.
#[derive(Debug)]
pub(super) struct Base {
    /// In the order of histories: by frequency, age and recency.
    pub(super) kept: Vec<Kept>,
    /// The first row of each history in `kept`.
    starts: Vec<usize>,
    /// The last day that is seen.
    pub(super) end: i64,
}

/// Why rows could not be read.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Lake(#[from] LakeError),
    #[error(transparent)]
    Column(#[from] WrongColumn),
}

impl Base {
    /// The customers who had bought by the end of a day, with their purchases until then, and how many each made after
    /// it until `stop`.
    pub(super) fn read(
        lake: &Lake,
        place: &str,
        (end, stop): (i64, i64),
    ) -> Result<Self, MeasureError> {
        let seen = format!("FILTER (WHERE p.day > c.first AND p.day <= {end})");
        let spend = exact_sum("p.amount", &format!(" {seen}"));
        let query = format!(
            "SELECT x, age, recency, cell, spend, later, count(*) FROM (SELECT count(*) {seen} AS x, \
             CAST({end} - any_value(c.first) AS BIGINT) AS age, \
             CAST(coalesce(max(p.day) {seen} - any_value(c.first), 0) AS BIGINT) AS recency, \
             CAST(any_value(c.cell) AS BIGINT) AS cell, coalesce({spend}, 0) AS spend, \
             count(*) FILTER (WHERE p.day > {end} AND p.day <= {stop}) AS later \
             FROM {PURCHASES} AS p JOIN {CUSTOMERS} AS c ON p.customer = c.customer WHERE c.first <= {end} \
             GROUP BY c.customer) GROUP BY ALL"
        );
        let context = format!("cannot measure {place}");
        let read = lake.engine().fold(
            &query,
            7,
            &context,
            Vec::new,
            |kept: &mut Vec<Kept>, chunk: &Chunk<'_>| -> Result<(), ReadError> {
                let number = |column| chunk.values::<i64>(column);
                let (x, age, recency, cell) = (number(0)?, number(1)?, number(2)?, number(3)?);
                let spend = chunk.values::<f64>(4)?;
                let (later, customers) = (number(5)?, number(6)?);
                kept.extend((0..chunk.rows()).map(|row| Kept {
                    frequency: x[row] as u32,
                    age: age[row] as u32,
                    recency: recency[row] as u32,
                    cell: cell[row] as u32,
                    spend: spend[row],
                    later: later[row] as u32,
                    customers: customers[row] as u32,
                }));
                Ok(())
            },
        );
        let parts = read.map_err(|error| match error {
            ReadError::Lake(error) => MeasureError::Lake(error),
            ReadError::Column(error) => MeasureError::Unusable {
                place: place.to_owned(),
                message: error.to_string(),
            },
        })?;
        Ok(Self::new(parts.concat(), end))
    }

    fn new(mut kept: Vec<Kept>, end: i64) -> Self {
        // All columns in their order, so that the threads that read them do not show.
        kept.sort_unstable_by(|a, b| {
            let key = |k: &Kept| (k.frequency, k.age, k.recency, k.cell);
            key(a)
                .cmp(&key(b))
                .then(a.spend.total_cmp(&b.spend))
                .then(a.later.cmp(&b.later))
        });
        let mut starts: Vec<usize> = Vec::new();
        for (i, row) in kept.iter().enumerate() {
            let is_new = i == 0 || kept[i - 1].history() != row.history();
            if is_new {
                starts.push(i);
            }
        }
        Self { kept, starts, end }
    }

    /// Customers.
    pub(super) fn customers(&self) -> u64 {
        self.kept.iter().map(|row| u64::from(row.customers)).sum()
    }

    /// Each history with its rows.
    pub(super) fn histories(&self) -> impl Iterator<Item = &[Kept]> {
        let ends = self.starts.iter().skip(1).copied();
        let ends = ends.chain(std::iter::once(self.kept.len()));
        self.starts
            .iter()
            .zip(ends)
            .map(|(&start, end)| &self.kept[start..end])
    }

    /// A customer with a history.
    pub(super) fn history(&self, place: usize) -> &Kept {
        &self.kept[self.starts[place]]
    }

    /// Histories in their order as models see them, each standing for a weight above zero.
    pub(super) fn table(
        &self,
        weights: impl Iterator<Item = (usize, f64)>,
    ) -> Result<CustomerTable, FitError> {
        let mut columns: [Vec<f64>; 3] = Default::default();
        let mut frequency = Vec::new();
        for (place, weight) in weights {
            let customer = self.history(place).customer();
            frequency.push(customer.frequency);
            columns[0].push(customer.recency);
            columns[1].push(customer.age);
            columns[2].push(weight);
        }
        CustomerTable::new(&CustomerColumns {
            frequency: &frequency,
            recency: &columns[0],
            age: &columns[1],
            count: Some(&columns[2]),
            ..CustomerColumns::default()
        })
    }

    /// All customers as models see them.
    pub(super) fn all(&self) -> Result<CustomerTable, FitError> {
        let count = |rows: &[Kept]| rows.iter().map(|row| f64::from(row.customers)).sum();
        self.table(self.histories().map(count).enumerate())
    }
}

impl Kept {
    fn history(&self) -> (u32, u32, u32) {
        (self.frequency, self.age, self.recency)
    }

    /// As models see it.
    pub(super) fn customer(&self) -> clv::Customer {
        clv::Customer {
            frequency: self.frequency,
            recency: f64::from(self.recency) / DAYS_PER_UNIT,
            age: f64::from(self.age) / DAYS_PER_UNIT,
        }
    }
}
