//! How sure a credit is: the customer bootstrap over distinct paths.
//!
//! Each customer is drawn a Poisson number of times with mean one (N. Chamandy, O. Muralidharan,
//! A. Najmi and S. Naidu, "Estimating uncertainty for massive data streams", Google 2012), so that
//! the customers who share a path and an outcome are drawn a Poisson number of times with their
//! number as mean, in one draw. Customers with several journeys are drawn with all of them. Every
//! model is worked out anew, exactly, on every replicate. Where replicates cost too much, some
//! models have [standard errors](crate::standard_errors) without.
//!
//! A replicate has more customers or fewer than the data. Where their number is
//! [given](Draws::customers), its credits are divided by the customers drawn and multiplied by
//! those that there are: an amount is then as unsure as it is for so many customers. With `x` what
//! a customer brings and `n` customers, its variance is `Σ x² − (Σ x)² / n` instead of `Σ x²`
//! (B. Efron and R. Tibshirani, An Introduction to the Bootstrap, 1993, chapter 5, of `n` drawn with
//! replacement). Shares and ranks are the same either way.

use std::num::NonZeroUsize;
use std::thread;

use stats::random::SplitMix64;
use stats::{Estimate, tail};

use crate::credit::Credits;
use crate::error::CreditError;
use crate::model::{Model, Reweighable, credit};
use crate::path::{JourneyTable, Outcome, PathTotals};
use crate::random::{Poisson, of_replicate};

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draws {
    /// How many replicates; 1,000 is usual.
    pub replicates: usize,
    /// Of how many customers the journeys are, those without a journey among them; at least those
    /// of the table. `None` if how many customers come is chance as well.
    pub customers: Option<u64>,
    /// The same seed gives the same replicates.
    pub seed: u64,
    /// Threads to work on; they change nothing but the time.
    pub threads: NonZeroUsize,
}

/// What an interval is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Conversions credited.
    Conversions,
    /// Value credited.
    Value,
    /// Conversions credited over all conversions.
    ShareOfConversions,
    /// Value credited over all value.
    ShareOfValue,
}

/// A sum of credits that is smaller than this times their absolute sum is what rounding left.
pub(crate) const CANCELLED: f64 = 1e-12;

impl Measure {
    /// The number of one channel, in their order. None of a channel that there is not, and of a share of credits whose
    /// sum is zero or negative: with refunds, what gained would have a negative share and what lost a positive one.
    pub fn of(self, credits: &Credits, channel: usize) -> Option<f64> {
        let credits = self.counted(credits);
        let credit = *credits.get(channel)?;
        match self {
            Self::Conversions | Self::Value => Some(credit),
            Self::ShareOfConversions | Self::ShareOfValue => {
                let sum: f64 = credits.iter().sum();
                let size: f64 = credits.iter().map(|credit| credit.abs()).sum();
                (sum > CANCELLED * size).then(|| credit / sum)
            }
        }
    }

    /// The same in a replicate, where zero of nothing is zero.
    fn of_replicate(self, credits: &Credits, channel: usize) -> Result<f64, CreditError> {
        let is_nothing = || self.counted(credits).iter().all(|credit| *credit == 0.0);
        self.of(credits, channel)
            .or_else(|| is_nothing().then_some(0.0))
            .ok_or(CreditError::NoShare)
    }

    fn counted(self, credits: &Credits) -> &[f64] {
        match self {
            Self::Conversions | Self::ShareOfConversions => &credits.conversions,
            Self::Value | Self::ShareOfValue => &credits.value,
        }
    }
}

/// How an interval is formed from the replicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limits {
    /// The `alpha / 2` and `1 − alpha / 2` quantiles of the replicates.
    Percentile,
    /// The credit, and the normal quantile times the replicates' standard deviation to each side.
    Normal,
}

/// Credits of one model in the data and in each replicate.
#[derive(Debug, Clone, PartialEq)]
pub struct Bootstrap {
    credits: Credits,
    replicates: Vec<Credits>,
}

/// Bootstraps several models on the same replicates, so that they can be compared.
///
/// A replicate in which nobody converts credits nothing. Memory: two numbers for each channel,
/// model and replicate.
///
/// # Errors
///
/// [`CreditError::TooFewReplicates`] below two, and the errors of the [models](credit).
pub fn bootstrap(
    table: &JourneyTable,
    models: &[Model],
    draws: &Draws,
) -> Result<Vec<Bootstrap>, CreditError> {
    let replicates = draws.replicates;
    check_replicates(replicates, 2)?;
    let credits = credit(table, models)?;
    let prepared = models.iter().map(|model| Reweighable::new(model, table));
    let prepared = prepared.collect::<Result<Vec<_>, _>>()?;
    let sampler = Sampler::new(table, draws.customers);

    let threads = draws.threads.get().min(replicates);
    let work = |first: usize| {
        let mut totals = vec![PathTotals::default(); table.len()];
        let mut drawn = Vec::new();
        for replicate in (first..replicates).step_by(threads) {
            let scale = sampler.draw(&mut of_replicate(draws.seed, replicate as u64), &mut totals);
            let credits = prepared.iter().map(|model| match model.credit(&totals) {
                Err(CreditError::NoConversions) => Ok(Credits::zero(table.channels().len())),
                other => other.map(|credits| credits.times(scale)),
            });
            drawn.push(credits.collect::<Result<Vec<_>, _>>()?);
        }
        Ok(drawn)
    };
    let shares: Vec<Result<Vec<Vec<Credits>>, CreditError>> = thread::scope(|scope| {
        let work = &work;
        let others: Vec<_> = (1..threads)
            .map(|first| scope.spawn(move || work(first)))
            .collect();
        let own = work(0);
        let joined = others.into_iter().map(|thread| match thread.join() {
            Ok(share) => share,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        std::iter::once(own).chain(joined).collect()
    });
    let shares = shares.into_iter().collect::<Result<Vec<_>, _>>()?;

    let mut shares: Vec<_> = shares.into_iter().map(Vec::into_iter).collect();
    let mut all: Vec<Bootstrap> = credits
        .into_iter()
        .map(|credits| Bootstrap {
            credits,
            replicates: Vec::with_capacity(replicates),
        })
        .collect();
    for replicate in 0..replicates {
        let drawn = shares[replicate % threads].next().unwrap_or_default();
        for (model, credits) in all.iter_mut().zip(drawn) {
            model.replicates.push(credits);
        }
    }
    Ok(all)
}

fn check_replicates(replicates: usize, needed: usize) -> Result<(), CreditError> {
    match replicates >= needed {
        true => Ok(()),
        false => Err(CreditError::TooFewReplicates { replicates, needed }),
    }
}

/// Draws customers.
#[derive(Debug)]
struct Sampler<'a> {
    table: &'a JourneyTable,
    poisson: Poisson,
    /// Customers with one journey, of each outcome.
    alone: Vec<u64>,
    /// Customers, and those of them without a journey, where their number is given.
    given: Option<(u64, u64)>,
}

impl<'a> Sampler<'a> {
    fn new(table: &'a JourneyTable, customers: Option<u64>) -> Self {
        let alone = table.alone();
        let several = table.customers.iter().map(|(customers, _)| customers);
        let in_table = alone.iter().sum::<u64>() + several.sum::<u64>();
        Self {
            table,
            poisson: Poisson::new(),
            alone,
            given: customers.map(|customers| {
                let others = customers.saturating_sub(in_table);
                (in_table + others, others)
            }),
        }
    }

    /// Draws the totals of all paths; returns what amounts are to be multiplied by, so that they are
    /// of as many customers as are given.
    fn draw(&self, random: &mut SplitMix64, totals: &mut [PathTotals]) -> f64 {
        totals.fill(PathTotals::default());
        let mut all_drawn = 0.0;
        let mut add = |outcome: usize, journeys: f64| {
            let count = &self.table.outcomes[outcome];
            let totals = &mut totals[count.path as usize];
            let Outcome { conversions, value } = count.outcome;
            if count.outcome.is_null() {
                totals.nulls += journeys;
            } else {
                totals.conversions += conversions * journeys;
                totals.value += value * journeys;
            }
        };
        for (outcome, &customers) in self.alone.iter().enumerate() {
            let drawn = self.poisson.draw(customers, random);
            add(outcome, drawn);
            all_drawn += drawn;
        }
        for (customers, journeys) in self.table.customers.iter() {
            let drawn = self.poisson.draw(customers, random);
            for &journey in journeys {
                add(journey as usize, drawn);
            }
            all_drawn += drawn;
        }
        match self.given {
            Some((customers, others)) => {
                all_drawn += self.poisson.draw(others, random);
                // Of nobody there is nothing to multiply.
                customers as f64 / all_drawn.max(1.0)
            }
            None => 1.0,
        }
    }
}

impl Bootstrap {
    /// The credits in the data themselves.
    pub fn credits(&self) -> &Credits {
        &self.credits
    }

    /// The credits of each replicate.
    pub fn replicates(&self) -> &[Credits] {
        &self.replicates
    }

    fn drawn(&self, measure: Measure, channel: usize) -> Result<Vec<f64>, CreditError> {
        let known = self.credits.channels();
        if channel >= known {
            let channel = u32::try_from(channel).unwrap_or(u32::MAX);
            return Err(CreditError::UnknownChannel { channel, known });
        }
        let replicates = self.replicates.iter();
        replicates
            .map(|credits| measure.of_replicate(credits, channel))
            .collect()
    }

    /// A credit with its interval at confidence `1 − alpha`; its standard error is the replicates'
    /// standard deviation.
    ///
    /// # Errors
    ///
    /// [`CreditError::UnknownChannel`], [`CreditError::InvalidAlpha`], [`CreditError::NoShare`], and for percentiles
    /// [`CreditError::TooFewReplicates`] if fewer than one replicate is expected beyond a limit.
    pub fn interval(
        &self,
        measure: Measure,
        channel: usize,
        limits: Limits,
        alpha: f64,
    ) -> Result<Estimate, CreditError> {
        if !(alpha > 0.0 && alpha < 1.0) {
            return Err(CreditError::InvalidAlpha { alpha });
        }
        let mut drawn = self.drawn(measure, channel)?;
        let estimate = measure
            .of(&self.credits, channel)
            .ok_or(CreditError::NoShare)?;
        let se = standard_deviation(&drawn);
        let (low, high) = match limits {
            Limits::Normal => {
                let half = -tail::normal_quantile(alpha / 2.0) * se;
                (estimate - half, estimate + half)
            }
            Limits::Percentile => {
                check_replicates(drawn.len(), (2.0 / alpha).ceil() as usize - 1)?;
                drawn.sort_unstable_by(f64::total_cmp);
                let quantile = |p| quantile(&drawn, p);
                (quantile(alpha / 2.0), quantile(1.0 - alpha / 2.0))
            }
        };
        Ok(Estimate {
            estimate,
            se,
            df: f64::INFINITY,
            low,
            high,
        })
    }

    /// The share of replicates in which one channel has more credit than another, with half of
    /// those in which they have the same: how sure it is that it ranks above.
    ///
    /// # Errors
    ///
    /// [`CreditError::UnknownChannel`], [`CreditError::NoShare`].
    pub fn ranks_above(
        &self,
        measure: Measure,
        channel: usize,
        other: usize,
    ) -> Result<f64, CreditError> {
        let (one, other) = (self.drawn(measure, channel)?, self.drawn(measure, other)?);
        let replicates = one.len() as f64;
        let wins = one.iter().zip(&other).map(|(a, b)| {
            let (above, below) = (f64::from(a > b), f64::from(a < b));
            (1.0 + above - below) / 2.0
        });
        Ok(wins.sum::<f64>() / replicates)
    }
}

fn standard_deviation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|value| (value - mean).powi(2));
    (squares.sum::<f64>() / (n - 1.0)).sqrt()
}

/// The quantile of sorted values at position `p (n + 1)`, between neighbours in proportion.
fn quantile(sorted: &[f64], p: f64) -> f64 {
    let last = sorted.len() - 1;
    let position = (p * (sorted.len() + 1) as f64 - 1.0).clamp(0.0, last as f64);
    let below = position.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (position - below as f64) * (sorted[above] - sorted[below])
}
