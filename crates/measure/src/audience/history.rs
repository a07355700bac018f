//! What was known by when: the customers of an experiment by the day of their exposure.
//!
//! A customer enters with the day of exposure and counts as soon as the metric's window has passed, so the data at an
//! earlier look are those of the customers exposed up to some day. The moments of each day (of each week, where there
//! are many days) add up to what was known at the end of it, from the one scan that measures everything else.

use std::collections::BTreeMap;

use lake::Nulls;
use stats::moments::{CoMoments, Moments, MomentsError, Products};

use super::plan::Plan;
use super::tally::Layout;

/// Days, or longer stretches, that are told apart at most.
pub(crate) const MOST_LOOKS: usize = 60;

pub(crate) const MICROSECONDS_A_DAY: i64 = 86_400_000_000;

/// Days a cell, from one length to the next: a day, a week, four weeks, and fourfold from there.
const WIDER: i32 = 4;
const WEEK: i32 = 7;

/// From Thursday 1970-01-01 back to a Monday, with which weeks begin.
const MONDAY: i32 = 3;

/// Rows that are pushed to moments together: a push has a fixed cost.
const ROWS: usize = 512;

/// The customers by the day of exposure, and the moments of those who have the primary metric.
#[derive(Debug, Clone)]
pub(crate) struct Days {
    products: Products,
    /// The columns that the primary metric and its adjustment need.
    needed: Vec<bool>,
    /// The bits of the values that the primary metric needs.
    values: u64,
    /// Days a cell.
    width: i32,
    /// By the number of the stretch of days, and by arm.
    cells: BTreeMap<(i32, u8), Cell>,
}

#[derive(Debug, Clone)]
struct Cell {
    customers: u64,
    moments: CoMoments,
    /// Rows that have not been pushed yet, column after column.
    waiting: Vec<Vec<f64>>,
}

/// What is known of each arm at a look.
pub(crate) struct Known {
    /// The first microsecond after the last day of exposure.
    pub(crate) until: i64,
    /// Of each arm the customers exposed so far, and the moments of those who have the primary metric.
    pub(crate) arms: Vec<(u64, Moments)>,
}

impl Days {
    /// Days of an experiment that looks at them; none where no plan asks for it.
    pub(crate) fn new(plan: &Plan<'_>, layout: &Layout) -> Option<Self> {
        plan.experiment.plan.as_ref()?;
        let primary = plan.primary()?;
        let values = primary.made_of.bits();
        let products = layout.products();
        let covariates = (0..plan.covariates.len())
            .filter(|&covariate| plan.covariates[covariate].is_for(primary.metric))
            .flat_map(|covariate| {
                [
                    layout.covariate(covariate),
                    layout.covariate_missing(covariate),
                ]
            });
        let made_of = (0..plan.values.len()).filter(|place| values >> place & 1 == 1);
        let mut needed = vec![false; products.columns()];
        for column in made_of.chain(covariates) {
            needed[column] = true;
        }
        let wanted = Products::new(products.columns(), |i, j| {
            needed[i] && needed[j] && products.pairs().binary_search(&(i, j)).is_ok()
        });
        Some(Self {
            products: wanted,
            needed,
            values,
            width: 1,
            cells: BTreeMap::new(),
        })
    }

    /// The columns that the primary metric and its adjustment need.
    pub(crate) fn columns(&self) -> impl Iterator<Item = usize> {
        let needed = self.needed.iter().enumerate();
        needed
            .filter(|(_, needed)| **needed)
            .map(|(column, _)| column)
    }

    /// Adds some rows of a chunk. `numbers` are those of these rows, a list a column, empty if not needed; arms too; `times` and the bits of
    /// missing values are those of all rows of the chunk.
    pub(crate) fn add(
        &mut self,
        rows: &[u32],
        arms: &[u8],
        missing: Option<&[u64]>,
        (times, nulls): (&[i64], Option<Nulls<'_>>),
        numbers: &[Vec<f64>],
    ) -> Result<(), MomentsError> {
        let mut full = Vec::new();
        for (at, (&row, &arm)) in rows.iter().zip(arms).enumerate() {
            let row = row as usize;
            if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                continue;
            }
            let key = (stretch(day_of(times[row]), self.width), arm);
            let cell = self
                .cells
                .entry(key)
                .or_insert_with(|| Cell::new(&self.products));
            cell.customers += 1;
            if missing.is_some_and(|missing| missing[row] & self.values != 0) {
                continue;
            }
            for (column, waiting) in cell.waiting.iter_mut().enumerate() {
                if self.needed[column] {
                    waiting.push(numbers[column][at]);
                }
            }
            if cell.is_full(&self.needed) {
                full.push(key);
            }
        }
        for key in full {
            if let Some(cell) = self.cells.get_mut(&key) {
                cell.push_waiting(&self.needed)?;
            }
        }
        self.widen_where_needed()
    }

    /// Adds the days of other rows of the same experiment.
    pub(crate) fn merge(&mut self, mut other: Self) -> Result<(), MomentsError> {
        let width = self.width.max(other.width);
        self.widen(width)?;
        other.widen(width)?;
        for (key, mut cell) in other.cells {
            cell.push_waiting(&other.needed)?;
            self.cell(key).add(&cell)?;
        }
        self.widen_where_needed()
    }

    /// What was known at the end of each stretch of days, the first first.
    pub(crate) fn known(&self, arms: usize) -> Result<Vec<Known>, MomentsError> {
        let mut so_far: Vec<Cell> = vec![Cell::new(&self.products); arms];
        let mut known: Vec<Known> = Vec::new();
        let mut cells = self.cells.iter().peekable();
        while let Some((&(stretch, arm), cell)) = cells.next() {
            let mut cell = cell.clone();
            cell.push_waiting(&self.needed)?;
            so_far[usize::from(arm)].add(&cell)?;
            let ends = cells.peek().is_none_or(|((next, _), _)| *next != stretch);
            if ends {
                let of = |cell: &Cell| (cell.customers, cell.moments.finish());
                known.push(Known {
                    until: i64::from((stretch + 1) * self.width - MONDAY) * MICROSECONDS_A_DAY,
                    arms: so_far.iter().map(of).collect(),
                });
            }
        }
        Ok(known)
    }

    fn cell(&mut self, key: (i32, u8)) -> &mut Cell {
        self.cells
            .entry(key)
            .or_insert_with(|| Cell::new(&self.products))
    }

    /// Takes days together until there are few enough. The length that remains is the smallest with few enough
    /// stretches over all rows, in whatever order they came.
    fn widen_where_needed(&mut self) -> Result<(), MomentsError> {
        loop {
            let mut stretches: Vec<i32> = self.cells.keys().map(|(stretch, _)| *stretch).collect();
            stretches.dedup();
            if stretches.len() <= MOST_LOOKS {
                return Ok(());
            }
            self.widen(wider(self.width))?;
        }
    }

    fn widen(&mut self, width: i32) -> Result<(), MomentsError> {
        if width == self.width {
            return Ok(());
        }
        let ratio = width / self.width;
        self.width = width;
        for ((narrow, arm), mut cell) in std::mem::take(&mut self.cells) {
            cell.push_waiting(&self.needed)?;
            self.cell((narrow.div_euclid(ratio), arm)).add(&cell)?;
        }
        Ok(())
    }
}

impl Cell {
    fn new(products: &Products) -> Self {
        Self {
            customers: 0,
            moments: CoMoments::new(products),
            waiting: vec![Vec::new(); products.columns()],
        }
    }

    fn waiting_rows(&self, needed: &[bool]) -> usize {
        let first = needed.iter().position(|&needed| needed);
        first.map_or(0, |column| self.waiting[column].len())
    }

    fn is_full(&self, needed: &[bool]) -> bool {
        self.waiting_rows(needed) == ROWS
    }

    /// Pushes what waits. Columns that nobody asks for are zeros.
    fn push_waiting(&mut self, needed: &[bool]) -> Result<(), MomentsError> {
        let rows = self.waiting_rows(needed);
        if rows == 0 {
            return Ok(());
        }
        let zeros = vec![0.0; rows];
        let numbers: Vec<&[f64]> = self
            .waiting
            .iter()
            .zip(needed)
            .map(|(waiting, &needed)| if needed { waiting.as_slice() } else { &zeros })
            .collect();
        self.moments.push(&numbers)?;
        self.waiting.iter_mut().for_each(Vec::clear);
        Ok(())
    }

    /// Adds a cell with nothing waiting.
    fn add(&mut self, other: &Self) -> Result<(), MomentsError> {
        self.customers += other.customers;
        self.moments.merge(&other.moments)
    }
}

/// The day of a time in microseconds.
pub(crate) fn day_of(time: i64) -> i32 {
    // Times of DuckDB are within some 300,000 years of 1970.
    time.div_euclid(MICROSECONDS_A_DAY) as i32
}

/// The number of the stretch of so many days that a day is in.
fn stretch(day: i32, width: i32) -> i32 {
    (day + MONDAY).div_euclid(width)
}

fn wider(width: i32) -> i32 {
    if width < WEEK { WEEK } else { WIDER * width }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days() -> Days {
        Days {
            products: Products::new(2, |_, _| false),
            needed: vec![false, true],
            values: 0b10,
            width: 1,
            cells: BTreeMap::new(),
        }
    }

    fn add(days: &mut Days, arm: u8, missing: u64, day: i64, value: f64) {
        let times = [day * MICROSECONDS_A_DAY + 5];
        let numbers = [vec![f64::NAN], vec![value]];
        days.add(&[0], &[arm], Some(&[missing]), (&times, None), &numbers)
            .unwrap();
    }

    #[test]
    fn days_add_up_in_their_order() {
        let mut days = days();
        add(&mut days, 1, 0, 20_001, 7.0);
        add(&mut days, 0, 0, 20_000, 1.0);
        add(&mut days, 0, 0, 20_001, 3.0);
        // Exposed, but without the value.
        add(&mut days, 0, 0b10, 20_001, 0.0);
        // The other value is not asked for.
        add(&mut days, 1, 0b01, 20_003, 9.0);
        let known = days.known(2).unwrap();
        let until: Vec<i64> = known.iter().map(|k| k.until / MICROSECONDS_A_DAY).collect();
        assert_eq!(until, [20_001, 20_002, 20_004]);
        let of = |look: usize, arm: usize| {
            let (customers, moments) = &known[look].arms[arm];
            (*customers, moments.rows(), moments.sum(1))
        };
        assert_eq!((of(0, 0), of(0, 1)), ((1, 1, 1.0), (0, 0, 0.0)));
        assert_eq!((of(1, 0), of(1, 1)), ((3, 2, 4.0), (1, 1, 7.0)));
        assert_eq!((of(2, 0), of(2, 1)), ((3, 2, 4.0), (2, 2, 16.0)));
    }

    #[test]
    fn many_days_become_weeks_in_any_order() {
        let mut whole = days();
        let (mut left, mut right) = (days(), days());
        for day in 0..200 {
            add(&mut whole, 0, 0, 19_000 + day, day as f64);
            let part = if day % 3 == 0 { &mut left } else { &mut right };
            add(part, 0, 0, 19_000 + day, day as f64);
        }
        left.merge(right).unwrap();
        assert_eq!((whole.width, left.width), (7, 7));
        let (whole, left) = (whole.known(1).unwrap(), left.known(1).unwrap());
        assert_eq!(whole.len(), left.len());
        assert!(whole.len() <= MOST_LOOKS);
        for (a, b) in whole.iter().zip(&left) {
            assert_eq!((a.until, a.arms[0].0), (b.until, b.arms[0].0));
            assert_eq!(a.arms[0].1.sum(1).to_bits(), b.arms[0].1.sum(1).to_bits());
            // Weeks end with a Sunday.
            assert_eq!((a.until / MICROSECONDS_A_DAY + 3) % 7, 0);
        }
        assert_eq!(whole.last().unwrap().arms[0].0, 200);
    }
}
