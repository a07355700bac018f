//! The summary of one arm at one time, once it has been found to be possible.

use stats::{Counts, Sample};

use super::reasons::{Refused, Why};
use super::rows::Numbers;

/// Customers of an arm, with their mean and variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cell {
    pub(super) sample: Sample,
    /// Where successes are counted.
    pub(super) successes: Option<u64>,
}

impl Cell {
    /// Reads what a row says of an arm.
    pub(super) fn read(numbers: &Numbers) -> Result<Self, Refused> {
        let n = customers(numbers.n)?;
        if n < 2 {
            let message = format!("{n} customers tell nothing of the variation between them");
            return Err(Refused::new(Why::TooLittle, message));
        }
        match numbers.successes {
            Some(successes) => {
                let successes = whole("successes", successes)?;
                if successes > n {
                    let message = format!("{successes} successes of {n} customers");
                    return Err(Refused::new(Why::Impossible, message));
                }
                Ok(Self::of_counts(Counts { successes, n }))
            }
            None => Self::of_moments(n, numbers),
        }
    }

    fn of_moments(n: u64, numbers: &Numbers) -> Result<Self, Refused> {
        let (Some(mean), Some(variance)) = (finite(numbers.mean), finite(numbers.variance)) else {
            let what = if finite(numbers.mean).is_none() {
                "mean or number of successes"
            } else {
                "variance"
            };
            return Err(Refused::new(Why::Missing, format!("no {what}")));
        };
        if variance < 0.0 {
            let message = format!("the variance is {variance}");
            return Err(Refused::new(Why::Impossible, message));
        }
        if variance == 0.0 {
            let message = format!("the variance between {n} customers is 0");
            return Err(Refused::new(Why::NoVariation, message));
        }
        Ok(Self {
            sample: Sample { n, mean, variance },
            successes: None,
        })
    }

    /// Of zeros and ones.
    pub(super) fn of_counts(counts: Counts) -> Self {
        let (n, share) = (counts.n as f64, counts.share());
        Self {
            sample: Sample {
                n: counts.n,
                mean: share,
                variance: share * (1.0 - share) * (n / (n - 1.0)),
            },
            successes: Some(counts.successes),
        }
    }

    pub(super) fn counts(&self) -> Option<Counts> {
        Some(Counts {
            successes: self.successes?,
            n: self.sample.n,
        })
    }
}

/// A number of customers.
pub(super) fn customers(n: Option<f64>) -> Result<u64, Refused> {
    match n {
        Some(n) => whole("customers", n),
        None => Err(Refused::new(Why::Missing, "no number of customers")),
    }
}

fn whole(what: &str, number: f64) -> Result<u64, Refused> {
    // From here on not every whole number is a double.
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    if (0.0..LARGEST).contains(&number) && number.fract() == 0.0 {
        Ok(number as u64)
    } else {
        Err(Refused::new(
            Why::Impossible,
            format!("the number of {what} is {number}"),
        ))
    }
}

fn finite(number: Option<f64>) -> Option<f64> {
    number.filter(|number| number.is_finite())
}
