//! What can be asked of channels that are switched on and off, each as weights of the cells.

use super::{ChannelSet, Factorial, FactorialError};

/// A question to a factorial over channels. Each is an effect: zero if the channels do nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Question {
    /// One channel with and without personalization, the others as they are: the mean over all
    /// cells of the others, each counted alike.
    WithAndWithout(usize),
    /// One channel alone against none.
    Alone(usize),
    /// Any channel against none: the mean of all cells but the empty one, each counted alike, less
    /// the empty one.
    AnyAgainstNone,
    /// All channels against none.
    AllAgainstNone,
    /// Several channels against one: the mean of the cells with two channels or more, each counted
    /// alike, less that of the cells with one. Zero of a single channel.
    ManyAgainstOne,
    /// A step of the ladder from none to all: the mean of the cells with so many channels, each
    /// counted alike, less that of the cells with one less.
    Step(usize),
    /// What all channels bring beyond the sum of what each brings alone:
    /// `(all − none) − Σ_i (i alone − none)`.
    Synergy,
    /// By how much the effect of some of the channels of a set is larger with the others of it than
    /// without, on average over the cells of all further channels: of a pair
    /// `μ(both) − μ(one) − μ(other) + μ(neither)`, of a single channel [`Question::WithAndWithout`].
    Interaction(ChannelSet),
    /// A channel's Shapley value of the causal lift: the mean over all orders of switching the
    /// channels on, one by one, of what this one adds,
    /// `φ_i = Σ_{S ∌ i} |S|! (k − |S| − 1)!/k! (μ(S ∪ i) − μ(S))`. The values of all channels add
    /// up to all against none.
    Shapley(usize),
    /// The Shapley value of one channel less that of another.
    ShapleyDifference(usize, usize),
}

impl Factorial {
    /// The weight of each cell in the answer; the cell in which exactly the channels `S` are on
    /// stands at place `S`.
    ///
    /// # Errors
    ///
    /// [`FactorialError::UnknownChannel`], [`FactorialError::NoSuchStep`].
    pub fn weights(&self, question: Question) -> Result<Vec<f64>, FactorialError> {
        let all = self.full_set();
        let count = self.channels().len();
        let cells = f64::from(all) + 1.0;
        Ok(match question {
            Question::WithAndWithout(channel) => {
                return self.weights(Question::Interaction(self.only(channel)?));
            }
            Question::Alone(channel) => {
                let only = self.only(channel)?;
                self.each(|cell| is(cell == only) - is(cell == 0))
            }
            Question::AnyAgainstNone => {
                self.each(|cell| is(cell != 0) / (cells - 1.0) - is(cell == 0))
            }
            Question::AllAgainstNone => self.each(|cell| is(cell == all) - is(cell == 0)),
            Question::ManyAgainstOne if count == 1 => self.each(|_| 0.0),
            Question::ManyAgainstOne => {
                let many = cells - 1.0 - count as f64;
                self.each(|cell| match cell.count_ones() {
                    0 => 0.0,
                    1 => -1.0 / count as f64,
                    _ => 1.0 / many,
                })
            }
            Question::Step(channels) if !(1..=count).contains(&channels) => {
                return Err(FactorialError::NoSuchStep {
                    channels,
                    of: count,
                });
            }
            Question::Step(channels) => {
                let with = |on: usize| 1.0 / combinations(count, on);
                self.each(|cell| match cell.count_ones() as usize {
                    on if on == channels => with(on),
                    on if on + 1 == channels => -with(on),
                    _ => 0.0,
                })
            }
            Question::Synergy => {
                // A single channel is both all and alone: the weights add up to nothing.
                let others = count as f64 - 1.0;
                self.each(|cell| {
                    is(cell == all) - is(cell.count_ones() == 1) + is(cell == 0) * others
                })
            }
            Question::Interaction(set) => {
                self.check_set(set)?;
                let others = cells / f64::from(set.count_ones()).exp2();
                self.each(|cell| sign(set, cell) / others)
            }
            Question::Shapley(channel) => {
                let only = self.only(channel)?;
                // The chance of coming after a given set of s others: s! (k − s − 1)!/k!.
                let chance = |s: usize| 1.0 / (count as f64 * combinations(count - 1, s));
                self.each(|cell| {
                    let before = chance((cell & !only).count_ones() as usize);
                    if cell & only != 0 { before } else { -before }
                })
            }
            Question::ShapleyDifference(one, other) => {
                let one = self.weights(Question::Shapley(one))?;
                let other = self.weights(Question::Shapley(other))?;
                one.iter().zip(&other).map(|(a, b)| a - b).collect()
            }
        })
    }

    /// The weights of what a question compares with: of several channels against one the mean of the
    /// cells with one, of a step that of the cells with one channel less, of the synergy the sum of
    /// what each channel brings alone, and else the cell with no channel.
    pub fn base(&self, question: Question) -> Vec<f64> {
        let count = self.channels().len();
        let with = |on: usize| {
            let each = 1.0 / combinations(count, on);
            self.each(|cell| is(cell.count_ones() as usize == on) * each)
        };
        match question {
            Question::ManyAgainstOne => with(1),
            Question::Step(channels) if (1..=count).contains(&channels) => with(channels - 1),
            Question::Synergy => {
                self.each(|cell| is(cell.count_ones() == 1) - is(cell == 0) * count as f64)
            }
            _ => with(0),
        }
    }

    fn each(&self, of: impl Fn(ChannelSet) -> f64) -> Vec<f64> {
        (0..=self.full_set()).map(of).collect()
    }

    fn only(&self, channel: usize) -> Result<ChannelSet, FactorialError> {
        let channels = self.channels().len();
        match channel < channels {
            true => Ok(1 << channel),
            false => Err(FactorialError::UnknownChannel {
                set: u32::try_from(channel)
                    .ok()
                    .and_then(|channel| 1_u32.checked_shl(channel))
                    .unwrap_or(ChannelSet::MAX),
                channels,
            }),
        }
    }

    fn check_set(&self, set: ChannelSet) -> Result<(), FactorialError> {
        let channels = self.channels().len();
        match set >> channels {
            0 => Ok(()),
            _ => Err(FactorialError::UnknownChannel { set, channels }),
        }
    }
}

/// One or zero.
fn is(condition: bool) -> f64 {
    f64::from(u8::from(condition))
}

/// How many ways there are to choose some of `n`.
fn combinations(n: usize, some: usize) -> f64 {
    let factor = |i: usize| (n - i) as f64 / (i + 1) as f64;
    // Each partial product is a whole number.
    (0..some).fold(1.0, |product, i| (product * factor(i)).round())
}

/// The product over a set of channels of +1 (on) and −1 (off).
pub(super) fn sign(set: ChannelSet, on: ChannelSet) -> f64 {
    match (set & !on).count_ones() % 2 {
        0 => 1.0,
        _ => -1.0,
    }
}
