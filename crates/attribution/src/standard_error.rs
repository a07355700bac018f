//! How sure a credit is, without replicates.

use crate::bootstrap::Measure;
use crate::error::CreditError;
use crate::heuristics::{Rule, Sharing};
use crate::model::Model;
use crate::path::{JourneyTable, Outcome, Path, Totals};

/// The standard errors of one model's credits.
#[derive(Debug, Clone, PartialEq)]
pub struct StandardErrors {
    pub(crate) conversions: Squares,
    pub(crate) value: Squares,
}

/// The standard errors that a [bootstrap](crate::bootstrap::bootstrap) of ever more replicates
/// comes to, in one pass; `None` of a model in which what a path earns depends on other paths.
///
/// A model that shares each path in fixed parts credits channel `k` with `Σ x_k` over customers,
/// where `x_k` is what a customer's journeys give it. If each customer is drawn a Poisson number of
/// times with mean one, the variance of that sum is exactly `Σ x_k²`; of `n` customers drawn out of
/// `n` it is `Σ x_k² − (Σ x_k)² / n`. That of its share `p_k` of all credit `T` is, by the delta
/// method, `Σ (x_k − p_k t)² / T²`, with `t` all that the customer brings.
///
/// # Errors
///
/// Those of the model.
pub fn standard_errors(
    table: &JourneyTable,
    model: &Model,
) -> Result<Option<StandardErrors>, CreditError> {
    let rule = match model {
        Model::Heuristic(heuristic) => Rule::Heuristic(heuristic.clone()),
        Model::ShapleyOfSubsets => Rule::EachChannel,
        Model::Markov { .. } | Model::Comparison(_) => return Ok(None),
    };
    rule.check(table)?;
    let channels = table.channels().len();
    let mut customer = Customer::new(rule, channels);
    let mut errors = StandardErrors {
        conversions: Squares::new(channels),
        value: Squares::new(channels),
    };
    let journey = |customer: &mut Customer, place: usize| {
        let count = &table.outcomes[place];
        if !count.outcome.is_null() {
            customer.credit(&table.path(count.path as usize), count.outcome);
        }
    };
    for (place, customers) in table.alone().into_iter().enumerate() {
        if customers > 0 {
            journey(&mut customer, place);
            errors.add(customers, &mut customer);
        }
    }
    for (customers, journeys) in table.customers.iter() {
        for &place in journeys {
            journey(&mut customer, place as usize);
        }
        errors.add(customers, &mut customer);
    }
    Ok(Some(errors))
}

impl StandardErrors {
    /// The standard error of a credit; `None` of a share of a sum that is not positive, and of a channel that there is
    /// not. `customers` as of [`Draws`](crate::bootstrap::Draws::customers).
    pub fn of(&self, measure: Measure, channel: usize, customers: Option<u64>) -> Option<f64> {
        match measure {
            Measure::Conversions => self.conversions.error(channel, customers),
            Measure::Value => self.value.error(channel, customers),
            Measure::ShareOfConversions => self.conversions.error_of_share(channel),
            Measure::ShareOfValue => self.value.error_of_share(channel),
        }
    }

    /// Adds so many customers like this one.
    fn add(&mut self, customers: u64, customer: &mut Customer) {
        let customers = customers as f64;
        let total = customer.leave(|channel, credit, total| {
            let (own, all) = (credit.conversions, total.conversions);
            self.conversions.add(channel, customers, own, all);
            self.value
                .add(channel, customers, credit.value, total.value);
        });
        self.conversions.total += customers * total.conversions * total.conversions;
        self.value.total += customers * total.value * total.value;
    }
}

/// Sums over customers of what their journeys give.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Squares {
    /// Of each channel: `Σ x`, `Σ x²` and `Σ x t`.
    sums: Vec<f64>,
    squares: Vec<f64>,
    products: Vec<f64>,
    /// `Σ t²`.
    pub(crate) total: f64,
}

impl Squares {
    pub(crate) fn new(channels: usize) -> Self {
        Self {
            sums: vec![0.0; channels],
            squares: vec![0.0; channels],
            products: vec![0.0; channels],
            total: 0.0,
        }
    }

    fn add(&mut self, channel: usize, customers: f64, credit: f64, total: f64) {
        self.sums[channel] += customers * credit;
        self.squares[channel] += customers * credit * credit;
        self.products[channel] += customers * credit * total;
    }

    pub(crate) fn set(&mut self, channel: usize, sum: f64, square: f64, product: f64) {
        self.sums[channel] = sum;
        self.squares[channel] = square;
        self.products[channel] = product;
    }

    fn error(&self, channel: usize, customers: Option<u64>) -> Option<f64> {
        let (sum, square) = (self.sums.get(channel)?, self.squares.get(channel)?);
        // A sum of something is of one customer at the least.
        let given = customers.map_or(0.0, |customers| sum * sum / customers.max(1) as f64);
        // By Cauchy's inequality it takes no more than there is, but for rounding: else there are more customers than
        // that, and their number is unknown.
        match given > square * (1.0 + 1e-9) {
            true => Some(square.sqrt()),
            false => Some((square - given).max(0.0).sqrt()),
        }
    }

    fn error_of_share(&self, channel: usize) -> Option<f64> {
        let all: f64 = self.sums.iter().sum();
        let share = self.sums.get(channel)? / all;
        let residual = self.squares[channel] - 2.0 * share * self.products[channel]
            + share * share * self.total;
        // Rounding may leave a little less than nothing.
        (all > 0.0).then(|| residual.max(0.0).sqrt() / all)
    }
}

/// What the journeys of the customer in work give each channel by a rule.
#[derive(Debug, Clone)]
pub(crate) struct Customer {
    rule: Rule,
    sharing: Sharing,
    /// The channels that they met.
    met: Vec<usize>,
    /// By channel; grows as channels are met.
    credits: Vec<Option<Totals>>,
}

impl Customer {
    /// A rule that shares among the [distinct channels](Rule::EachChannel) needs their number.
    pub(crate) fn new(rule: Rule, channels: usize) -> Self {
        Self {
            rule,
            sharing: Sharing::new(channels),
            met: Vec::new(),
            credits: vec![None; channels],
        }
    }

    /// Shares out a journey.
    pub(crate) fn credit(&mut self, path: &Path<'_>, outcome: Outcome) {
        let shares = self.sharing.shares(&self.rule, path);
        for (&channel, share) in path.channels.iter().zip(shares) {
            let channel = channel as usize;
            if channel >= self.credits.len() {
                self.credits.resize(channel + 1, None);
            }
            let met = &mut self.met;
            let credit = self.credits[channel].get_or_insert_with(|| {
                met.push(channel);
                Totals::default()
            });
            credit.conversions += share * outcome.conversions;
            credit.value += share * outcome.value;
        }
    }

    /// Shows what each channel was given, with what the customer brings in all, returns the latter,
    /// and begins the next customer.
    pub(crate) fn leave(&mut self, mut each: impl FnMut(usize, Totals, Totals)) -> Totals {
        let mut total = Totals::default();
        for credit in self.met.iter().filter_map(|&channel| self.credits[channel]) {
            total.conversions += credit.conversions;
            total.value += credit.value;
        }
        for channel in self.met.drain(..) {
            if let Some(credit) = self.credits[channel].take() {
                each(channel, credit, total);
            }
        }
        total
    }
}
