//! How sure a credit is, without replicates.

use crate::bootstrap::Measure;
use crate::error::CreditError;
use crate::heuristics::{Rule, Sharing};
use crate::model::Model;
use crate::path::{JourneyTable, OutcomeCount};

/// The standard errors of one model's credits.
#[derive(Debug, Clone, PartialEq)]
pub struct StandardErrors {
    conversions: Squares,
    value: Squares,
}

/// The standard errors that a [bootstrap](crate::bootstrap::bootstrap) of ever more replicates
/// comes to, in one pass; `None` of a model in which what a path earns depends on other paths.
///
/// A model that shares each path in fixed parts credits channel `k` with `Σ x_k` over customers,
/// where `x_k` is what a customer's journeys give it. If each customer is drawn a Poisson number of
/// times with mean one, the variance of that sum is exactly `Σ x_k²`. That of its share `p_k` of
/// all credit `T` is, by the delta method, `Σ (x_k − p_k t)² / T²`, with `t` all that the customer
/// brings.
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
    let mut customer = Customer {
        rule,
        table,
        sharing: Sharing::new(channels),
        met: Vec::new(),
        credits: vec![None; channels],
    };
    let mut errors = StandardErrors {
        conversions: Squares::new(channels),
        value: Squares::new(channels),
    };
    for (journey, customers) in table.outcomes.iter().zip(table.alone()) {
        if customers > 0 {
            customer.credit(journey);
            customer.leave(customers, &mut errors);
        }
    }
    for several in &table.customers {
        for &journey in &several.journeys {
            customer.credit(&table.outcomes[journey as usize]);
        }
        customer.leave(several.customers, &mut errors);
    }
    Ok(Some(errors))
}

impl StandardErrors {
    /// The standard error of a credit; `None` of a share of nothing, and of a channel that there is
    /// not.
    pub fn of(&self, measure: Measure, channel: usize) -> Option<f64> {
        match measure {
            Measure::Conversions => self.conversions.error(channel),
            Measure::Value => self.value.error(channel),
            Measure::ShareOfConversions => self.conversions.error_of_share(channel),
            Measure::ShareOfValue => self.value.error_of_share(channel),
        }
    }
}

/// Sums over customers of what their journeys give.
#[derive(Debug, Clone, PartialEq)]
struct Squares {
    /// Of each channel: `Σ x`, `Σ x²` and `Σ x t`.
    sums: Vec<f64>,
    squares: Vec<f64>,
    products: Vec<f64>,
    /// `Σ t²`.
    total: f64,
}

impl Squares {
    fn new(channels: usize) -> Self {
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

    fn error(&self, channel: usize) -> Option<f64> {
        self.squares.get(channel).map(|squares| squares.sqrt())
    }

    fn error_of_share(&self, channel: usize) -> Option<f64> {
        let all: f64 = self.sums.iter().sum();
        let share = self.sums.get(channel)? / all;
        let residual = self.squares[channel] - 2.0 * share * self.products[channel]
            + share * share * self.total;
        // Rounding may leave a little less than nothing.
        (all != 0.0).then(|| residual.max(0.0).sqrt() / all.abs())
    }
}

/// What the journeys of the customer in work give each channel.
struct Customer<'t> {
    rule: Rule,
    table: &'t JourneyTable,
    sharing: Sharing,
    /// The channels that they met.
    met: Vec<usize>,
    /// Conversions and value by channel.
    credits: Vec<Option<(f64, f64)>>,
}

impl Customer<'_> {
    fn credit(&mut self, journey: &OutcomeCount) {
        if journey.outcome.is_null() {
            return;
        }
        let path = self.table.path(journey.path as usize);
        let shares = self.sharing.shares(&self.rule, &path);
        for (&channel, share) in path.channels.iter().zip(shares) {
            let channel = channel as usize;
            let met = &mut self.met;
            let (conversions, value) = self.credits[channel].get_or_insert_with(|| {
                met.push(channel);
                (0.0, 0.0)
            });
            *conversions += share * journey.outcome.conversions;
            *value += share * journey.outcome.value;
        }
    }

    /// Adds up what so many customers like this one give, and begins the next.
    fn leave(&mut self, customers: u64, errors: &mut StandardErrors) {
        let customers = customers as f64;
        let (mut conversions, mut value) = (0.0, 0.0);
        for credit in self.met.iter().filter_map(|&channel| self.credits[channel]) {
            conversions += credit.0;
            value += credit.1;
        }
        for channel in self.met.drain(..) {
            if let Some(credit) = self.credits[channel].take() {
                errors
                    .conversions
                    .add(channel, customers, credit.0, conversions);
                errors.value.add(channel, customers, credit.1, value);
            }
        }
        errors.conversions.total += customers * conversions * conversions;
        errors.value.total += customers * value * value;
    }
}
