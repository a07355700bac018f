//! Credit of rules added up customer by customer, where journeys are too many to be kept.

use stats::moments::{CellMoments, Moments, MomentsError, Products};

use crate::builder::check_outcome;
use crate::credit::Credits;
use crate::error::{CreditError, JourneyError};
use crate::heuristics::{Heuristic, Rule};
use crate::path::{ChannelId, JourneyTable, Outcome, Path, PathTotals, Totals};
use crate::standard_error::{Customer, Squares, StandardErrors};

/// Customers' credits that wait to be added, at most.
const WAITING: usize = 4096;

/// The credits of rules that share each path in fixed parts, and their standard errors, of journeys
/// that are not kept.
///
/// For each rule and channel the sums `Σ x`, `Σ x²` and `Σ x t` over customers, see
/// [`standard_errors`](crate::standard_errors): memory depends on nothing but their numbers. The
/// sums are [exact](stats::moments), so that the order of the customers, and how they were divided
/// among several sums that were [merged](Self::merge), do not show.
///
/// Against a [`JourneyTable`] with the same journeys, credits differ in the last digits, and
/// nothing can be bootstrapped.
#[derive(Debug, Clone)]
pub struct CreditSums {
    customers: Vec<Customer>,
    /// Of each rule what customers bring in all, then of each channel what each rule gives it.
    sums: CellMoments,
    cells: Vec<u32>,
    /// Conversions and value: of the cell, and of the customer.
    columns: [Vec<f64>; 4],
}

impl CreditSums {
    /// Sums of no customers, by these rules.
    ///
    /// # Errors
    ///
    /// [`CreditError`] of a rule whose numbers are invalid.
    pub fn new(rules: &[Heuristic]) -> Result<Self, CreditError> {
        rules.iter().try_for_each(Heuristic::check_numbers)?;
        let products = Products::new(4, |i, j| (i, j) == (0, 2) || (i, j) == (1, 3));
        let mut sums = CellMoments::new(&products);
        sums.grow(rules.len());
        let customer = |rule: &Heuristic| Customer::new(Rule::Heuristic(rule.clone()), 0);
        Ok(Self {
            customers: rules.iter().map(customer).collect(),
            sums,
            cells: Vec::with_capacity(WAITING),
            columns: Default::default(),
        })
    }

    /// Takes a journey of the customer in work. A journey without a conversion, or without touches,
    /// credits nothing. `ages` as of [`JourneyBuilder::add`](crate::JourneyBuilder::add).
    ///
    /// # Errors
    ///
    /// Invalid outcomes.
    pub fn journey(
        &mut self,
        channels: &[ChannelId],
        ages: &[u32],
        outcome: Outcome,
    ) -> Result<(), JourneyError> {
        check_outcome(outcome)?;
        if outcome.is_null() || channels.is_empty() {
            return Ok(());
        }
        let path = Path {
            channels,
            ages: Some(ages),
            totals: PathTotals::default(),
        };
        for customer in &mut self.customers {
            customer.credit(&path, outcome);
        }
        Ok(())
    }

    /// Adds up what the customer in work has, and begins the next.
    ///
    /// # Errors
    ///
    /// [`JourneyError::InvalidValue`] if a customer's value is too large for a number;
    /// [`JourneyError::Sums`] of more customers than can be counted.
    pub fn end_customer(&mut self) -> Result<(), JourneyError> {
        let rules = self.customers.len();
        let (cells, [x_c, x_v, t_c, t_v]) = (&mut self.cells, &mut self.columns);
        let mut add = |cell: usize, credit: Totals, total: Totals| {
            // Cells are channels, of which there are fewer than 2^32 by far, times rules.
            cells.push(cell as u32);
            x_c.push(credit.conversions);
            x_v.push(credit.value);
            t_c.push(total.conversions);
            t_v.push(total.value);
        };
        for (rule, customer) in self.customers.iter_mut().enumerate() {
            let mut any = false;
            let total = customer.leave(|channel, credit, total| {
                any = true;
                add(rules * (1 + channel) + rule, credit, total);
            });
            if any {
                add(rule, total, total);
            }
        }
        match self.cells.len() >= WAITING {
            true => self.flush(),
            false => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<(), JourneyError> {
        let Some(&last) = self.cells.iter().max() else {
            return Ok(());
        };
        self.sums.grow(last as usize + 1);
        let columns = self.columns.each_ref().map(Vec::as_slice);
        self.sums
            .push(&columns, &[&self.cells])
            .map_err(|error| match error {
                MomentsError::NotFinite { .. } => JourneyError::InvalidValue {
                    value: f64::INFINITY,
                },
                error => JourneyError::Sums(error),
            })?;
        self.columns.iter_mut().for_each(Vec::clear);
        self.cells.clear();
        Ok(())
    }

    /// Takes the customers of a table; `channels` are the numbers here of its channels.
    ///
    /// # Errors
    ///
    /// As of [`end_customer`](Self::end_customer).
    pub fn add_table(
        &mut self,
        table: &JourneyTable,
        channels: &[ChannelId],
    ) -> Result<(), JourneyError> {
        let mut own = Vec::new();
        let mut journey = |sums: &mut Self, place: usize| {
            let count = &table.outcomes[place];
            let path = table.path(count.path as usize);
            own.clear();
            own.extend(path.channels.iter().map(|&one| channels[one as usize]));
            sums.journey(&own, path.ages.unwrap_or_default(), count.outcome)
        };
        for (place, customers) in table.alone().into_iter().enumerate() {
            for _ in 0..customers {
                journey(self, place)?;
                self.end_customer()?;
            }
        }
        for (customers, journeys) in table.customers.iter() {
            for _ in 0..customers {
                for &place in journeys {
                    journey(self, place as usize)?;
                }
                self.end_customer()?;
            }
        }
        Ok(())
    }

    /// Adds the sums of other customers by the same rules, with the same numbers for channels.
    ///
    /// # Errors
    ///
    /// As of [`end_customer`](Self::end_customer).
    pub fn merge(&mut self, mut other: Self) -> Result<(), JourneyError> {
        other.flush()?;
        let cells = other.sums.cells();
        self.sums.grow(cells);
        let places: Vec<u32> = (0..cells as u32).collect();
        self.sums
            .merge(other.sums, &places)
            .map_err(JourneyError::Sums)
    }

    /// Each rule's credits and standard errors, of the channels with these numbers.
    ///
    /// # Errors
    ///
    /// As of [`end_customer`](Self::end_customer).
    pub fn finish(
        mut self,
        channels: &[ChannelId],
    ) -> Result<Vec<(Credits, StandardErrors)>, JourneyError> {
        self.flush()?;
        let rules = self.customers.len();
        let of_rule = |rule: usize| {
            let mut credits = Credits::zero(channels.len());
            let mut squares = [(); 2].map(|()| Squares::new(channels.len()));
            for (place, &channel) in channels.iter().enumerate() {
                let cell = rules * (1 + channel as usize) + rule;
                if self.sums.rows_of(cell) == 0 {
                    continue;
                }
                let moments = self.sums.cell(cell).finish();
                credits.conversions[place] = moments.sum(0);
                credits.value[place] = moments.sum(1);
                for (column, squares) in squares.iter_mut().enumerate() {
                    let [square, product] = [column, column + 2].map(|j| raw(&moments, column, j));
                    squares.set(place, moments.sum(column), square, product);
                }
            }
            if self.sums.rows_of(rule) > 0 {
                let moments = self.sums.cell(rule).finish();
                for (column, squares) in squares.iter_mut().enumerate() {
                    squares.total = raw(&moments, column, column);
                }
            }
            let [conversions, value] = squares;
            (credits, StandardErrors { conversions, value })
        };
        Ok((0..rules).map(of_rule).collect())
    }
}

/// `Σ x_i x_j`, from sums about the means.
fn raw(moments: &Moments, i: usize, j: usize) -> f64 {
    moments.comoment(i, j).unwrap_or_default() + moments.sum(i) * moments.mean(j)
}

#[cfg(test)]
mod tests {
    use stats::random::SplitMix64;

    use super::*;
    use crate::bootstrap::Measure;
    use crate::builder::{JourneyBuilder, PathPolicy};
    use crate::model::{Model, credit};
    use crate::standard_error::standard_errors;

    const CHANNELS: [&str; 4] = ["app", "email", "search", "web"];
    const RULES: [Heuristic; 3] = [
        Heuristic::TimeDecay {
            half_life: 604_800.0,
        },
        Heuristic::SteppedTimeDecay { period: 86_400.0 },
        Heuristic::U,
    ];

    /// One customer's journeys: channels, ages and outcome of each.
    type Journeys = Vec<(Vec<u32>, Vec<u32>, Outcome)>;

    fn customers(number: usize) -> Vec<Journeys> {
        let mut random = SplitMix64::new(5);
        let mut below = |n: u64| random.bits() % n;
        let mut journey = || {
            let touches = below(5) as usize;
            let channels = (0..touches).map(|_| below(4) as u32).collect();
            let mut ages: Vec<u32> = (0..touches).map(|_| below(2_000_000) as u32).collect();
            ages.sort_unstable_by(|a, b| b.cmp(a));
            let outcome = match below(3) {
                0 => Outcome::NULL,
                // Some refunds.
                _ => Outcome::converted(below(40_000) as f64 / 100.0 - 20.0),
            };
            (channels, ages, outcome)
        };
        (0..number)
            .map(|customer| (0..1 + customer % 3).map(|_| journey()).collect())
            .collect()
    }

    fn table(customers: &[Journeys]) -> JourneyTable {
        let mut builder = JourneyBuilder::new(PathPolicy::default());
        for name in CHANNELS {
            builder.channel(name).unwrap();
        }
        for journeys in customers {
            for (channels, ages, outcome) in journeys {
                builder.journey(channels, Some(ages), *outcome).unwrap();
            }
            builder.end_customer().unwrap();
        }
        builder.finish()
    }

    fn sums<'a>(customers: impl Iterator<Item = &'a Journeys>) -> CreditSums {
        let mut sums = CreditSums::new(&RULES).unwrap();
        for journeys in customers {
            for (channels, ages, outcome) in journeys {
                sums.journey(channels, ages, *outcome).unwrap();
            }
            sums.end_customer().unwrap();
        }
        sums
    }

    #[test]
    fn sums_are_what_the_table_of_the_same_journeys_credits() {
        let customers = customers(3000);
        let table = table(&customers);
        let summed = sums(customers.iter()).finish(&[0, 1, 2, 3]).unwrap();
        for (rule, (credits, errors)) in RULES.iter().zip(summed) {
            let model = Model::Heuristic(rule.clone());
            let wanted = &credit(&table, std::slice::from_ref(&model)).unwrap()[0];
            let sure = standard_errors(&table, &model).unwrap().unwrap();
            for channel in 0..4 {
                let close = |a: f64, b: f64, within: f64| {
                    assert!((a / b - 1.0).abs() < within, "{a} {b} {rule:?}");
                };
                close(
                    credits.conversions[channel],
                    wanted.conversions[channel],
                    1e-12,
                );
                close(credits.value[channel], wanted.value[channel], 1e-12);
                for measure in [
                    Measure::Conversions,
                    Measure::Value,
                    Measure::ShareOfConversions,
                    Measure::ShareOfValue,
                ] {
                    let of =
                        |errors: &StandardErrors| errors.of(measure, channel, Some(4_000)).unwrap();
                    close(of(&errors), of(&sure), 1e-10);
                }
            }
        }
    }

    #[test]
    fn how_customers_were_divided_does_not_show() {
        let customers = customers(20_000);
        let whole = sums(customers.iter()).finish(&[0, 1, 2, 3]).unwrap();
        let mut parts = sums(customers.iter().rev().step_by(2));
        let (kept, others) = {
            let rest: Vec<&Journeys> = customers.iter().rev().skip(1).step_by(2).collect();
            (rest[..500].to_vec(), rest[500..].to_vec())
        };
        parts.merge(sums(others.into_iter())).unwrap();
        let kept: Vec<Journeys> = kept.into_iter().cloned().collect();
        parts.add_table(&table(&kept), &[0, 1, 2, 3]).unwrap();
        assert_eq!(parts.finish(&[0, 1, 2, 3]).unwrap(), whole);
    }

    #[test]
    fn channels_are_told_apart_by_their_numbers() {
        let mut sums = CreditSums::new(&[Heuristic::U]).unwrap();
        sums.journey(&[7], &[60], Outcome::converted(3.0)).unwrap();
        sums.end_customer().unwrap();
        let (credits, errors) = sums.finish(&[9, 7, 2]).unwrap().remove(0);
        assert_eq!(credits.value, [0.0, 3.0, 0.0]);
        assert_eq!(errors.of(Measure::Value, 1, None), Some(3.0));
        assert_eq!(errors.of(Measure::Value, 2, None), Some(0.0));
    }

    #[test]
    fn rules_with_invalid_numbers_are_refused() {
        let never = Heuristic::TimeDecay { half_life: 0.0 };
        assert!(CreditSums::new(&[never]).is_err());
    }
}
