use std::num::NonZeroUsize;
use std::thread;

use jiff::civil::Date;

use crate::{SimulateError, Truth};

/// What company to simulate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How many customers, from 1 to a thousand million.
    pub customers: u64,
    /// The same seed gives the same company; customers of a small one are the first customers of a larger one.
    pub seed: u64,
    /// The first of the 728 days of data, from the year 1900 to 2200.
    pub start: Date,
    /// Threads that simulate. They change nothing but the time that it takes.
    pub threads: NonZeroUsize,
}

impl Default for Settings {
    /// 50,000 customers from Monday, 1 January 2024, on one thread for each core.
    fn default() -> Self {
        Self {
            customers: 50_000,
            seed: 1,
            start: Date::constant(2024, 1, 1),
            threads: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), SimulateError> {
        if !(1..=1_000_000_000).contains(&self.customers) {
            let expected = "1 to 1,000,000,000 customers";
            return Err(SimulateError::Settings {
                expected,
                found: self.customers.to_string(),
            });
        }
        if !(1900..=2200).contains(&self.start.year()) {
            let expected = "a start in the years 1900 to 2200";
            return Err(SimulateError::Settings {
                expected,
                found: self.start.to_string(),
            });
        }
        Ok(())
    }
}

/// How far a simulation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Customers simulated and written.
    pub done: u64,
    /// Customers in all.
    pub customers: u64,
}

/// What was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    pub truth: Truth,
    /// Rows of all tables.
    pub rows: u64,
    /// The size of all files.
    pub bytes: u64,
}
