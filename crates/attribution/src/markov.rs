//! Removal effects of a Markov chain over journeys, exact.
//!
//! The chain of order `k` has as states the windows of `k` touches that follow each other in some
//! path (a shorter path is one window); a window equal to the one before it is passed over. A
//! journey with `c` conversions counts `c` times, a null journey once. Removing a channel closes
//! all states whose window holds it: whoever gets there is lost. The *removal effect* is
//! `1 − P(conversion without the channel) / P(conversion)`, and for value the same of expected
//! values, where a conversion from a state is worth the state's mean; credit is shared in
//! proportion to the effects.
//!
//! E. Anderl, I. Becker, F. von Wangenheim and J. Schumann, "Mapping the customer journey",
//! International Journal of Research in Marketing 33 (2016). The package ChannelAttribution
//! estimates the same effects by simulated walks; here they are solved for.

use crate::absorb::{Flow, Sweeps, Unsolved, Yield};
use crate::bootstrap::CANCELLED;
use crate::credit::Credits;
use crate::error::CreditError;
use crate::intern::Slices;
use crate::path::{ChannelId, JourneyTable, OutcomeCount, PathTotals};

/// The greatest order offered: states, and with them thin data, grow with each order.
pub const GREATEST_ORDER: usize = 4;

/// A fitted chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Markov {
    /// The chain's order.
    pub order: usize,
    /// How many states it has.
    pub states: usize,
    /// Probability that a journey converts.
    pub conversion: f64,
    /// Removal effects on conversions, by channel.
    pub conversion_effects: Vec<f64>,
    /// Removal effects on value, by channel; all zero if the journeys are worth nothing.
    pub value_effects: Vec<f64>,
    /// Credit in proportion to the effects.
    pub credits: Credits,
}

/// The chain of an order over all journeys.
///
/// Without null journeys every walk converts, and an effect says no more than how many journeys
/// meet the channel.
///
/// # Errors
///
/// [`CreditError::InvalidOrder`] unless the order is 1 to [`GREATEST_ORDER`];
/// [`CreditError::NoConversions`]; [`CreditError::ValuesCancel`] if there are values and they add up to nothing;
/// [`CreditError::NoEffect`] if effects cancel in such a way that no channel has a share; [`CreditError::NotSolved`] for a chain of thousands of states that
/// hardly ever ends.
pub fn markov(table: &JourneyTable, order: usize) -> Result<Markov, CreditError> {
    Chain::new(table, order)?.of_data(table)
}

/// Channels up to which a chain of order one is solved by elimination.
const MOST_ELIMINATED: usize = 256;

/// The states of a chain and each path's way through them, to be fitted to any weights.
#[derive(Debug)]
pub(crate) struct Chain {
    order: usize,
    channels: usize,
    /// The windows. Order one has all channels, in their order.
    states: Slices,
    /// Pairs of states; in each, the first is where a path comes from.
    moves: Slices,
    /// First and last state of each path.
    ends: Vec<(u32, u32)>,
    /// Where the moves of each path end.
    walk_ends: Vec<usize>,
    walks: Vec<u32>,
}

impl Chain {
    pub(crate) fn new(table: &JourneyTable, order: usize) -> Result<Self, CreditError> {
        if !(1..=GREATEST_ORDER).contains(&order) {
            return Err(CreditError::InvalidOrder {
                order,
                greatest: GREATEST_ORDER,
            });
        }
        let channels = table.channels().len();
        let mut chain = Self {
            order,
            channels,
            states: Slices::default(),
            moves: Slices::default(),
            ends: Vec::with_capacity(table.len()),
            walk_ends: Vec::with_capacity(table.len()),
            walks: Vec::new(),
        };
        let mut direct = DirectMoves::new(channels);
        for path in table.paths() {
            if order == 1 {
                chain.walk(path.channels.iter().copied(), &mut direct)?;
            } else {
                let mut states = Vec::with_capacity(path.channels.len());
                let shortest = order.min(path.channels.len());
                for window in path.channels.windows(shortest) {
                    states.push(chain.states.intern(window).map_err(|_| chain.too_many())?);
                }
                chain.walk(states.into_iter(), &mut DirectMoves::none())?;
            }
        }
        Ok(chain)
    }

    fn too_many(&self) -> CreditError {
        CreditError::NotSolved {
            states: self.states.len(),
            bound: 1.0,
        }
    }

    /// Adds the way of a path. Paths have at least one touch.
    fn walk(
        &mut self,
        mut states: impl Iterator<Item = u32>,
        direct: &mut DirectMoves,
    ) -> Result<(), CreditError> {
        let first = states.next().unwrap_or_default();
        let mut last = first;
        for state in states {
            if state == last {
                continue;
            }
            let number = match direct.get(last, state) {
                Some(number) => number,
                None => {
                    let number = self.moves.intern(&[last, state]);
                    let number = number.map_err(|_| self.too_many())?;
                    direct.set(last, state, number);
                    number
                }
            };
            self.walks.push(number);
            last = state;
        }
        self.ends.push((first, last));
        self.walk_ends.push(self.walks.len());
        Ok(())
    }

    fn states(&self) -> usize {
        match self.order {
            1 => self.channels,
            _ => self.states.len(),
        }
    }

    /// Counts the transitions of paths with the given totals.
    fn flow(&self, totals: &[PathTotals]) -> Flow {
        let states = self.states();
        let mut flow = Flow {
            start: vec![0.0; states],
            moves: Vec::with_capacity(self.moves.len()),
            conversions: vec![0.0; states],
            value: vec![0.0; states],
            nulls: vec![0.0; states],
        };
        let mut counts = vec![0.0; self.moves.len()];
        let mut begin = 0;
        let paths = totals.iter().zip(&self.ends).zip(&self.walk_ends);
        for ((totals, &(first, last)), &end) in paths {
            let walk = &self.walks[begin..end];
            begin = end;
            let weight = totals.weight();
            if weight > 0.0 {
                flow.start[first as usize] += weight;
                for &number in walk {
                    counts[number as usize] += weight;
                }
                flow.conversions[last as usize] += totals.conversions;
                flow.value[last as usize] += totals.value;
                flow.nulls[last as usize] += totals.nulls;
            }
        }
        for (number, &count) in counts.iter().enumerate() {
            let pair = self.moves.get(number);
            flow.moves.push((pair[0], pair[1], count));
        }
        flow
    }

    /// Fits the chain to the journeys themselves. Where their values cancel there is nothing of which the channels' effects
    /// would be a proportion; a replicate in which they happen to do so credits nothing.
    pub(crate) fn of_data(&self, table: &JourneyTable) -> Result<Markov, CreditError> {
        let size = |outcome: &OutcomeCount| outcome.outcome.value.abs() * outcome.journeys as f64;
        let size: f64 = table.outcomes().iter().map(size).sum();
        if size > 0.0 && table.total().value.abs() <= CANCELLED * size {
            return Err(CreditError::ValuesCancel);
        }
        self.fit(&table.totals)
    }

    /// Fits the chain to paths with the given totals.
    pub(crate) fn fit(&self, totals: &[PathTotals]) -> Result<Markov, CreditError> {
        let flow = self.flow(totals);
        let total: f64 = flow.conversions.iter().sum();
        if total <= 0.0 {
            return Err(CreditError::NoConversions);
        }
        let total_value: f64 = flow.value.iter().sum();
        let (open, closed) = if self.order == 1 && self.channels <= MOST_ELIMINATED {
            flow.each_state_closed()
        } else {
            self.each_channel_closed(&flow)
                .map_err(|Unsolved(bound)| CreditError::NotSolved {
                    states: self.states(),
                    bound,
                })?
        };
        let conversion_effects = effects(open.conversion, closed.iter().map(|y| y.conversion));
        let value_effects = match total_value == 0.0 {
            true => vec![0.0; self.channels],
            false => effects(open.value, closed.iter().map(|y| y.value)),
        };
        let credits = Credits {
            conversions: in_proportion(&conversion_effects, total)?,
            value: in_proportion(&value_effects, total_value)?,
        };
        Ok(Markov {
            order: self.order,
            states: self.states(),
            conversion: open.conversion,
            conversion_effects,
            value_effects,
            credits,
        })
    }

    fn each_channel_closed(&self, flow: &Flow) -> Result<(Yield, Vec<Yield>), Unsolved> {
        let sweeps = Sweeps::new(flow)?;
        let closed = (0..self.channels).map(|channel| {
            let holds = |state: usize| match self.order {
                1 => state == channel,
                _ => self.states.get(state).contains(&(channel as ChannelId)),
            };
            let closed: Vec<bool> = (0..self.states()).map(holds).collect();
            match closed.contains(&true) {
                true => sweeps.closed(&closed),
                false => Ok(sweeps.open()),
            }
        });
        Ok((sweeps.open(), closed.collect::<Result<_, _>>()?))
    }
}

/// What closing takes away, relative to the open chain. A channel that no conversion meets may
/// come out at the rounding error of zero, and is taken as zero.
fn effects(open: f64, closed: impl Iterator<Item = f64>) -> Vec<f64> {
    let effect = |closed: f64| {
        let effect = 1.0 - closed / open;
        if effect.abs() < 1e-14 { 0.0 } else { effect }
    };
    closed.map(effect).collect()
}

fn in_proportion(effects: &[f64], total: f64) -> Result<Vec<f64>, CreditError> {
    if total == 0.0 {
        return Ok(vec![0.0; effects.len()]);
    }
    let sum: f64 = effects.iter().sum();
    if !(sum.is_finite() && sum != 0.0) {
        return Err(CreditError::NoEffect);
    }
    Ok(effects.iter().map(|effect| effect / sum * total).collect())
}

/// Numbers of the moves between few channels, without a hash.
struct DirectMoves {
    channels: usize,
    numbers: Vec<u32>,
}

impl DirectMoves {
    const MOST_CHANNELS: usize = 1024;

    fn none() -> Self {
        let (channels, numbers) = (0, Vec::new());
        Self { channels, numbers }
    }

    fn new(channels: usize) -> Self {
        match channels <= Self::MOST_CHANNELS {
            true => Self {
                channels,
                numbers: vec![u32::MAX; channels * channels],
            },
            false => Self::none(),
        }
    }

    fn place(&self, from: u32, to: u32) -> usize {
        from as usize * self.channels + to as usize
    }

    fn get(&self, from: u32, to: u32) -> Option<u32> {
        let number = *self.numbers.get(self.place(from, to))?;
        (number != u32::MAX && self.channels > 0).then_some(number)
    }

    fn set(&mut self, from: u32, to: u32, number: u32) {
        let place = self.place(from, to);
        if let Some(slot) = self.numbers.get_mut(place) {
            *slot = number;
        }
    }
}

/// How well the chain of one order predicts who converts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrderScore {
    /// The order.
    pub order: usize,
    /// Area under the ROC curve, in the data themselves.
    pub auc: f64,
    /// The area less a penalty for the number of parameters.
    pub penalized_auc: f64,
}

/// The scores of the orders 1 to [`GREATEST_ORDER`].
///
/// A journey is predicted to convert with the share of converted journeys among those that end in
/// the same `order` touches (or are the same shorter path). The area under the curve counts each
/// pair of a converted and a null journey, half if their predictions are equal; the penalty is
/// that of the adjusted coefficient of determination,
/// `1 − (1 − AUC)(n − 1)/(n − p − 1)`, with `n` journeys and `p = C(channels + order − 1, order)`.
/// ChannelAttribution chooses the order in this way; its areas for orders above one differ from
/// these in the fourth digit.
///
/// # Errors
///
/// [`CreditError::NoConversions`], [`CreditError::NoNulls`].
pub fn order_scores(table: &JourneyTable) -> Result<Vec<OrderScore>, CreditError> {
    let total: f64 = table.totals.iter().map(|totals| totals.conversions).sum();
    let nulls: f64 = table.totals.iter().map(|totals| totals.nulls).sum();
    if total <= 0.0 {
        return Err(CreditError::NoConversions);
    }
    if nulls <= 0.0 {
        return Err(CreditError::NoNulls);
    }
    let score = |order: usize| {
        let mut endings = Slices::default();
        let mut counts: Vec<(f64, f64)> = Vec::new();
        for path in table.paths() {
            let ending = path.channels.len().saturating_sub(order);
            let number = endings.intern(&path.channels[ending..]);
            let number = number.map_err(|_| CreditError::InvalidOrder {
                order,
                greatest: GREATEST_ORDER,
            })? as usize;
            if number == counts.len() {
                counts.push((0.0, 0.0));
            }
            counts[number].0 += path.totals.conversions;
            counts[number].1 += path.totals.nulls;
        }
        let auc = area(counts) / (total * nulls);
        let n = total + nulls;
        let parameters = (0..order).fold(1.0, |product, i| {
            product * (table.channels().len() + i) as f64 / (i + 1) as f64
        });
        let penalized_auc = match n - parameters - 1.0 {
            left if left > 0.0 => 1.0 - (1.0 - auc) * (n - 1.0) / left,
            _ => f64::NEG_INFINITY,
        };
        Ok(OrderScore {
            order,
            auc,
            penalized_auc,
        })
    };
    (1..=GREATEST_ORDER).map(score).collect()
}

/// The order with the greatest penalized area; of equal ones the least.
///
/// # Errors
///
/// As [`order_scores`].
pub fn best_order(table: &JourneyTable) -> Result<usize, CreditError> {
    let scores = order_scores(table)?;
    let better = |best: OrderScore, other: OrderScore| {
        if other.penalized_auc > best.penalized_auc {
            other
        } else {
            best
        }
    };
    let first = scores[0];
    Ok(scores.into_iter().fold(first, better).order)
}

/// Pairs of a conversion and a null in which the conversion has the greater rate, with halves for
/// equal rates. Takes conversions and nulls of groups.
fn area(mut groups: Vec<(f64, f64)>) -> f64 {
    let rate = |&(conversions, nulls): &(f64, f64)| conversions / (conversions + nulls);
    groups.retain(|group| group.0 + group.1 > 0.0);
    groups.sort_by(|a, b| rate(a).total_cmp(&rate(b)));
    let mut pairs = 0.0;
    let mut below = 0.0;
    for equal in groups.chunk_by(|a, b| rate(a) == rate(b)) {
        let conversions: f64 = equal.iter().map(|group| group.0).sum();
        let nulls: f64 = equal.iter().map(|group| group.1).sum();
        pairs += conversions * (below + nulls / 2.0);
        below += nulls;
    }
    pairs
}
