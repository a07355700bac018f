//! The customer base as models see it: customers with the same history are one row.

use clv::{CustomerColumns, CustomerTable, FitError};
use lake::{Chunk, Lake, LakeError, WrongColumn};

use super::covariates::Covariates;
use super::histories::{at_end, at_half};
use super::purchases::Purchases;
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
    /// In the order of histories: by covariates, frequency, age and recency.
    pub(super) kept: Vec<Kept>,
    /// The first row of each history in `kept`.
    starts: Vec<usize>,
    /// The last day that is seen.
    pub(super) end: i64,
    covariates: Covariates,
}

/// Why rows could not be read.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Lake(#[from] LakeError),
    #[error(transparent)]
    Column(#[from] WrongColumn),
}

/// Customers by the columns of [`Kept`], in no order; `customers` is a query with a row for each of them.
pub(super) fn kept(lake: &Lake, place: &str, customers: &str) -> Result<Vec<Kept>, MeasureError> {
    let context = format!("cannot measure {place}");
    let query = format!(
        "SELECT x, age, recency, cell, spend, later, count(*) FROM ({customers}) GROUP BY ALL"
    );
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
    Ok(parts.concat())
}

impl Base {
    /// The customers with their purchases until the last day, and how many each made after it.
    pub(super) fn read(
        lake: &Lake,
        place: &str,
        purchases: &Purchases,
        covariates: &Covariates,
    ) -> Result<Self, MeasureError> {
        let kept = kept(lake, place, &at_end(purchases))?;
        Ok(Self::new(kept, purchases.end, covariates.clone()))
    }

    /// Those who had bought by half of the time, with their purchases until then, but not what these sum to, and how many
    /// each made after it.
    pub(super) fn read_half(
        lake: &Lake,
        place: &str,
        half: i64,
        covariates: &Covariates,
    ) -> Result<Self, MeasureError> {
        let kept = kept(lake, place, &at_half(half))?;
        Ok(Self::new(kept, half, covariates.clone()))
    }

    /// From customers in any order.
    pub(super) fn new(mut kept: Vec<Kept>, end: i64, covariates: Covariates) -> Self {
        // All columns in their order, so that the threads that read them do not show.
        kept.sort_unstable_by(|a, b| {
            let key = |k: &Kept| {
                let pattern = covariates.number_of(k.cell);
                (pattern, k.frequency, k.age, k.recency, k.cell)
            };
            key(a)
                .cmp(&key(b))
                .then(a.spend.total_cmp(&b.spend))
                .then(a.later.cmp(&b.later))
        });
        let mut starts: Vec<usize> = Vec::new();
        for (i, row) in kept.iter().enumerate() {
            let history = |k: &Kept| (covariates.number_of(k.cell), k.history());
            let is_new = i == 0 || history(&kept[i - 1]) != history(row);
            if is_new {
                starts.push(i);
            }
        }
        Self {
            kept,
            starts,
            end,
            covariates,
        }
    }

    /// The place of a row's history, which must be one of the base's.
    pub(super) fn place(&self, row: &Kept) -> usize {
        let key = |k: &Kept| (self.covariates.number_of(k.cell), k.history());
        self.starts
            .partition_point(|&start| key(&self.kept[start]) < key(row))
    }

    /// The covariates of a row.
    pub(super) fn covariates(&self, row: &Kept) -> &[f64] {
        self.covariates.of(row.cell)
    }

    /// What the covariates are.
    pub(super) fn known(&self) -> &Covariates {
        &self.covariates
    }

    /// Customers by their covariates.
    pub(super) fn patterns(&self) -> Vec<(&[f64], f64)> {
        let mut patterns: Vec<(u32, &[f64], f64)> = Vec::new();
        for row in &self.kept {
            let number = self.covariates.number_of(row.cell);
            let customers = f64::from(row.customers);
            match patterns.last_mut() {
                Some((last, _, sum)) if *last == number => *sum += customers,
                _ => patterns.push((number, self.covariates.of(row.cell), customers)),
            }
        }
        let each = patterns.into_iter();
        each.map(|(_, values, customers)| (values, customers))
            .collect()
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

    /// All customers as models see them.
    pub(super) fn all(&self) -> Result<Histories, FitError> {
        let mut columns: [Vec<f64>; 3] = Default::default();
        let mut frequency = Vec::new();
        let mut covariates = vec![Vec::new(); self.covariates.columns.len()];
        for rows in self.histories() {
            for (column, value) in covariates.iter_mut().zip(self.covariates(&rows[0])) {
                column.push(*value);
            }
            let customer = rows[0].customer();
            frequency.push(customer.frequency);
            columns[0].push(customer.recency);
            columns[1].push(customer.age);
            columns[2].push(rows.iter().map(|row| f64::from(row.customers)).sum());
        }
        let (table, places) = CustomerTable::with_places(&CustomerColumns {
            frequency: &frequency,
            recency: &columns[0],
            age: &columns[1],
            count: Some(&columns[2]),
            covariates: &covariates.iter().map(Vec::as_slice).collect::<Vec<_>>(),
            ..CustomerColumns::default()
        })?;
        Ok(Histories { table, places })
    }
}

/// The histories of a base as models see them.
pub(super) struct Histories {
    pub(super) table: CustomerTable,
    /// The row of the table in which each of them is.
    places: Vec<u32>,
}

impl Histories {
    /// What is known by rows of the table, by histories in the base's order.
    pub(super) fn of_rows<T: Copy>(&self, rows: &[T]) -> Vec<T> {
        let places = self.places.iter();
        places.map(|place| rows[*place as usize]).collect()
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
