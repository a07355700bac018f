//! The models by name, alone or several in one pass.

use crate::credit::Credits;
use crate::error::CreditError;
use crate::heuristics::{Heuristic, Rule, Sharing, shared};
use crate::markov::Chain;
use crate::path::{JourneyTable, PathTotals};
use crate::shapley::{Compared, Comparison};

/// A credit model: how the conversions of all journeys are shared among the channels.
#[derive(Debug, Clone, PartialEq)]
pub enum Model {
    /// By place or age of the touches.
    Heuristic(Heuristic),
    /// By removal effects of a Markov chain of this order; see [`markov`](crate::markov()).
    Markov {
        /// 1 to 4.
        order: usize,
    },
    /// The Shapley value of the game in which a set of channels `S` is worth the conversions (the
    /// value) of the journeys whose channels all lie in `S`.
    ///
    /// Each journey is then a game of its own, in which its distinct channels are alike and all
    /// are needed: its conversions are shared equally among them. This holds for any number of
    /// channels, in one pass.
    ShapleyOfSubsets,
    /// By what a path brings with and without each of its touches.
    Comparison(Comparison),
}

impl Model {
    fn prepared(&self, table: &JourneyTable) -> Result<Prepared, CreditError> {
        Ok(match self {
            Self::Heuristic(heuristic) => Prepared::Shared(Rule::Heuristic(heuristic.clone())),
            Self::ShapleyOfSubsets => Prepared::Shared(Rule::EachChannel),
            Self::Markov { order } => Prepared::Markov(Chain::new(table, *order)?),
            Self::Comparison(comparison) => Prepared::Compared(Compared::new(table, *comparison)),
        })
    }
}

/// What a model needs to know of the table, whatever the paths' weights.
#[derive(Debug)]
enum Prepared {
    Shared(Rule),
    Markov(Chain),
    Compared(Compared),
}

/// The credits of each model, in order.
///
/// Models that share by touch are worked out together, in one pass over the distinct paths.
///
/// # Errors
///
/// [`CreditError::NoConversions`] of a table without conversions, and those of the models.
pub fn credit(table: &JourneyTable, models: &[Model]) -> Result<Vec<Credits>, CreditError> {
    if table.total().conversions <= 0.0 {
        return Err(CreditError::NoConversions);
    }
    let prepared = models.iter().map(|model| model.prepared(table));
    let prepared = prepared.collect::<Result<Vec<_>, _>>()?;
    let mut rules = Vec::new();
    for prepared in &prepared {
        if let Prepared::Shared(rule) = prepared {
            rule.check(table)?;
            rules.push(rule);
        }
    }
    let mut together = shared(table, &rules).into_iter();
    let credits = prepared.iter().map(|prepared| match prepared {
        Prepared::Shared(_) => Ok(together.next().unwrap_or(Credits::zero(0))),
        Prepared::Markov(chain) => chain.of_data(table).map(|fitted| fitted.credits),
        Prepared::Compared(compared) => Ok(compared.credit(&table.totals)),
    });
    credits.collect()
}

/// A model ready to be worked out for many weightings of the same paths.
#[derive(Debug)]
pub(crate) enum Reweighable {
    Shares(Shares),
    Markov(Chain),
    Compared(Compared),
}

impl Reweighable {
    pub(crate) fn new(model: &Model, table: &JourneyTable) -> Result<Self, CreditError> {
        Ok(match model.prepared(table)? {
            Prepared::Shared(rule) => Self::Shares(Shares::new(&rule, table)?),
            Prepared::Markov(chain) => Self::Markov(chain),
            Prepared::Compared(compared) => Self::Compared(compared),
        })
    }

    /// Credits with the given totals of the paths.
    pub(crate) fn credit(&self, totals: &[PathTotals]) -> Result<Credits, CreditError> {
        match self {
            Self::Shares(shares) => Ok(shares.credit(totals)),
            Self::Markov(chain) => chain.fit(totals).map(|fitted| fitted.credits),
            Self::Compared(compared) => Ok(compared.credit(totals)),
        }
    }
}

/// The shares of the converting paths by channel, written down.
#[derive(Debug)]
pub(crate) struct Shares {
    channels: usize,
    /// Converting paths, and where each ends among the parts.
    paths: Vec<(u32, usize)>,
    parts: Vec<(u32, f64)>,
}

impl Shares {
    fn new(rule: &Rule, table: &JourneyTable) -> Result<Self, CreditError> {
        rule.check(table)?;
        let channels = table.channels().len();
        let mut sharing = Sharing::new(channels);
        let mut shares = Self {
            channels,
            paths: Vec::new(),
            parts: Vec::new(),
        };
        let paths = table.paths().enumerate();
        for (number, path) in paths.filter(|(_, path)| path.totals.conversions > 0.0) {
            let own = shares.parts.len();
            let by_touch = sharing.shares(rule, &path);
            let parts = path.channels.iter().copied().zip(by_touch.iter().copied());
            shares
                .parts
                .extend(parts.filter(|&(_, share)| share != 0.0));
            merge_channels(&mut shares.parts, own);
            // Paths have 32-bit numbers.
            shares.paths.push((number as u32, shares.parts.len()));
        }
        Ok(shares)
    }

    fn credit(&self, totals: &[PathTotals]) -> Credits {
        let mut credits = Credits::zero(self.channels);
        let mut begin = 0;
        for &(path, end) in &self.paths {
            let totals = totals[path as usize];
            for &(channel, share) in &self.parts[begin..end] {
                credits.conversions[channel as usize] += share * totals.conversions;
                credits.value[channel as usize] += share * totals.value;
            }
            begin = end;
        }
        credits
    }
}

/// Adds up the parts of a path, which begin at `own`, by channel.
fn merge_channels(parts: &mut Vec<(u32, f64)>, own: usize) {
    parts[own..].sort_by_key(|&(channel, _)| channel);
    let mut kept = own;
    for next in own..parts.len() {
        let (channel, share) = parts[next];
        if kept > own && parts[kept - 1].0 == channel {
            parts[kept - 1].1 += share;
        } else {
            parts[kept] = (channel, share);
            kept += 1;
        }
    }
    parts.truncate(kept);
}
