//! What a model says each channel contributed.

use crate::error::CreditError;
use crate::path::Totals;

/// Credit by channel, in the order of [`JourneyTable::channels`](crate::JourneyTable::channels).
///
/// The credits add up to the table's conversions and value (to rounding in the last digit; in
/// [cents](Self::value_in_cents), exactly).
#[derive(Debug, Clone, PartialEq)]
pub struct Credits {
    /// Conversions credited.
    pub conversions: Vec<f64>,
    /// Value credited, in units of currency.
    pub value: Vec<f64>,
}

impl Credits {
    pub(crate) fn zero(channels: usize) -> Self {
        Self {
            conversions: vec![0.0; channels],
            value: vec![0.0; channels],
        }
    }

    /// All credits multiplied by a number.
    pub(crate) fn times(mut self, factor: f64) -> Self {
        let amounts = self.conversions.iter_mut().chain(&mut self.value);
        amounts.for_each(|amount| *amount *= factor);
        self
    }

    /// How many channels there are.
    pub fn channels(&self) -> usize {
        self.conversions.len()
    }

    /// The sums over all channels.
    pub fn total(&self) -> Totals {
        Totals {
            conversions: self.conversions.iter().sum(),
            value: self.value.iter().sum(),
        }
    }

    /// The value in whole cents that add up to `total`, rounded to cents (halves away from zero).
    ///
    /// Largest remainders: each value is rounded down, and the cents that are missing go to the
    /// largest fractions, of equal ones to the first channel.
    ///
    /// # Errors
    ///
    /// [`CreditError::AmountTooLarge`] from 2^53 cents; [`CreditError::DoesNotTie`] if the value
    /// differs from `total` by more than rounding to cents can make up for.
    pub fn value_in_cents(&self, total: f64) -> Result<Vec<i64>, CreditError> {
        let in_cents = |amount: f64| {
            let cents = amount * 100.0;
            match cents.abs() < EXACT_CENTS {
                true => Ok(cents),
                false => Err(CreditError::AmountTooLarge { amount }),
            }
        };
        let exact = self.value.iter().map(|&value| in_cents(value));
        let exact = exact.collect::<Result<Vec<f64>, _>>()?;
        let mut cents: Vec<i64> = exact.iter().map(|value| value.floor() as i64).collect();
        let missing = in_cents(total)?.round() as i64 - cents.iter().sum::<i64>();
        let missing = usize::try_from(missing).unwrap_or(usize::MAX);
        if missing > cents.len() {
            return Err(CreditError::DoesNotTie {
                credited: self.total().value,
                total,
            });
        }
        let fraction = |channel: usize| exact[channel] - exact[channel].floor();
        let mut order: Vec<usize> = (0..cents.len()).collect();
        order.sort_by(|&a, &b| fraction(b).total_cmp(&fraction(a)));
        for &channel in &order[..missing] {
            cents[channel] += 1;
        }
        Ok(cents)
    }

    /// Credits added up over groups of channels: `groups[channel]` is the group of a channel, a
    /// number below `count`. Credit by content, campaign or stage from credit by their crossing.
    ///
    /// # Errors
    ///
    /// [`CreditError::MismatchedChannels`] if there is not one group for each channel;
    /// [`CreditError::UnknownGroup`].
    pub fn grouped(&self, groups: &[usize], count: usize) -> Result<Self, CreditError> {
        if groups.len() != self.channels() {
            return Err(CreditError::MismatchedChannels {
                left: self.channels(),
                right: groups.len(),
            });
        }
        let mut sums = Self::zero(count);
        for (channel, &group) in groups.iter().enumerate() {
            if group >= count {
                return Err(CreditError::UnknownGroup { group, count });
            }
            sums.conversions[group] += self.conversions[channel];
            sums.value[group] += self.value[channel];
        }
        Ok(sums)
    }
}

/// Doubles count cents exactly below this.
const EXACT_CENTS: f64 = (1_u64 << 53) as f64;

/// How far models differ over one channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The least conversions, and the least value, that a model credits.
    pub least: Totals,
    /// The greatest.
    pub greatest: Totals,
}

/// The spread of several models' credits, by channel. Without models, no channels.
///
/// # Errors
///
/// [`CreditError::MismatchedChannels`] if the credits are not over the same number of channels.
pub fn spread(models: &[Credits]) -> Result<Vec<Spread>, CreditError> {
    let Some(first) = models.first() else {
        return Ok(Vec::new());
    };
    let left = first.channels();
    if let Some(other) = models.iter().find(|other| other.channels() != left) {
        let right = other.channels();
        return Err(CreditError::MismatchedChannels { left, right });
    }
    let over = |pick: fn(f64, f64) -> f64, channel: usize, start: f64| Totals {
        conversions: models
            .iter()
            .fold(start, |x, m| pick(x, m.conversions[channel])),
        value: models.iter().fold(start, |x, m| pick(x, m.value[channel])),
    };
    let spread = |channel| Spread {
        least: over(f64::min, channel, f64::INFINITY),
        greatest: over(f64::max, channel, f64::NEG_INFINITY),
    };
    Ok((0..left).map(spread).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_value(value: &[f64]) -> Credits {
        Credits {
            conversions: vec![0.0; value.len()],
            value: value.to_vec(),
        }
    }

    #[test]
    fn cents_tie_in_a_fixed_order() {
        let third = 100.0 / 3.0;
        let cents = of_value(&[third, third, third]).value_in_cents(100.0);
        assert_eq!(cents, Ok(vec![3334, 3333, 3333]));
        let cents = of_value(&[-0.005, 0.0, 10.009]).value_in_cents(10.004);
        assert_eq!(cents, Ok(vec![-1, 0, 1001]));
        let cents = of_value(&[1.15, 0.29]).value_in_cents(1.44);
        assert_eq!(cents, Ok(vec![115, 29]));
        assert_eq!(of_value(&[]).value_in_cents(0.0), Ok(vec![]));
    }

    #[test]
    fn cents_that_cannot_tie_are_refused() {
        assert!(matches!(
            of_value(&[1.0, 2.0]).value_in_cents(4.0),
            Err(CreditError::DoesNotTie { .. })
        ));
        assert!(matches!(
            of_value(&[1e15]).value_in_cents(1e15),
            Err(CreditError::AmountTooLarge { .. })
        ));
        assert!(of_value(&[f64::NAN]).value_in_cents(0.0).is_err());
    }

    #[test]
    fn groups_and_spread() {
        let credits = of_value(&[1.0, 2.0, 4.0]);
        assert_eq!(credits.grouped(&[1, 0, 1], 2).unwrap().value, [2.0, 5.0]);
        assert!(credits.grouped(&[1, 0, 2], 2).is_err());
        assert!(credits.grouped(&[1, 0], 2).is_err());
        let other = of_value(&[3.0, 0.0, 4.0]);
        let spreads = spread(&[credits, other]).unwrap();
        assert_eq!(spreads[0].least.value, 1.0);
        assert_eq!(spreads[0].greatest.value, 3.0);
        assert_eq!(spreads[1].least.value, 0.0);
    }
}
