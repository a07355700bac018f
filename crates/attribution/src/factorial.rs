//! What channels cause, alone and together, from switching each of them on and off at random.
//!
//! With `k` channels randomized for each customer there are up to `2^k` *cells*, the sets of
//! channels that are personalized for a customer. Every question is a contrast of the cells'
//! expectations, `θ = Σ_S L(S) μ(S)`, estimated from the cells' means, with the variance
//! `Σ L(S)² s²(S)/n(S)`: that of a saturated regression with HC2 errors (T. Dasgupta, N. Pillai
//! and D. Rubin, "Causal inference from 2^K factorial designs", Journal of the Royal Statistical
//! Society B 77, 2015). Degrees of freedom are Satterthwaite's.
//!
//! When only a regular fraction of the cells is run, a contrast is estimated from the factorial
//! effects that it is made of, under the assumption, stated by the caller, that effects of more
//! than so many channels are zero. If an effect that is needed has an alias that is not assumed to
//! be zero, there is no estimate.

use std::fmt;

use stats::{Estimate, NotEstimable, Ratio, ratio_of_estimates, tail};

/// Channels that can be crossed at most.
pub const MOST_CHANNELS: usize = 16;

/// A set of channels: bit `i` stands for channel `i`.
pub type ChannelSet = u32;

/// The outcomes of the customers of one cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// The channels that are on.
    pub on: ChannelSet,
    /// Customers.
    pub n: u64,
    /// Their mean.
    pub mean: f64,
    /// Their variance, with divisor `n − 1`.
    pub variance: f64,
}

/// Why an effect of a factorial is not estimated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FactorialError {
    /// No channels, or too many.
    #[error("a factorial has 1 to {MOST_CHANNELS} channels, and not {channels}")]
    ChannelCount {
        /// How many there are.
        channels: usize,
    },
    /// A cell, channel or set that names a channel beyond those declared.
    #[error("the set of channels {set:#b} has a channel beyond the {channels} declared")]
    UnknownChannel {
        /// The set.
        set: ChannelSet,
        /// How many channels there are.
        channels: usize,
    },
    /// The same cell twice.
    #[error("the cell {set:#b} is given twice")]
    RepeatedCell {
        /// The set of channels that are on.
        set: ChannelSet,
    },
    /// A cell too small for a variance.
    #[error("the cell {set:#b} has {n} customer(s); at least 2 are needed")]
    TooFew {
        /// The set of channels that are on.
        set: ChannelSet,
        /// Its customers.
        n: u64,
    },
    /// A mean that is not finite or a variance that is negative or not finite.
    #[error("the mean or the variance of the cell {set:#b} is not a valid number")]
    InvalidCell {
        /// The set of channels that are on.
        set: ChannelSet,
    },
    /// The level is outside (0, 1).
    #[error("the level alpha must lie strictly between 0 and 1, and is {alpha}")]
    InvalidAlpha {
        /// The level given.
        alpha: f64,
    },
    /// Weights that are not one for each of the `2^k` cells.
    #[error("there must be {expected} finite weights, one for each cell, and there are {found}")]
    WeightCount {
        /// `2^k`.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A cell that is needed was not run, and those that were are no regular fraction.
    #[error("the cell {set:#b} was not run, and the cells that were are no regular fraction")]
    NotRun {
        /// The set of channels that are on.
        set: ChannelSet,
    },
    /// An effect that is needed cannot be told from another.
    #[error("the effect of {effect} cannot be told from that of {alias}")]
    Aliased {
        /// The effect.
        effect: String,
        /// What it is confounded with.
        alias: String,
    },
    /// The effect asked for is among those assumed to be zero.
    #[error("the effect of {effect} is assumed to be zero")]
    AssumedZero {
        /// The effect.
        effect: String,
    },
    /// All channels together have no effect to be shared.
    #[error("all channels together have no effect that could be shared: {0}")]
    NothingToShare(NotEstimable),
}

/// A word of a defining relation: a product of channels, coded −1 (off) and +1 (on), that is the
/// same in all cells that were run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// The channels of the product.
    pub channels: ChannelSet,
    /// Whether the product is +1.
    pub positive: bool,
}

/// A factorial experiment over channels.
#[derive(Debug, Clone, PartialEq)]
pub struct Factorial {
    channels: Vec<String>,
    cells: Vec<Cell>,
    /// Effects of more channels than this are taken as zero where a cell was not run.
    largest: u32,
    words: Vec<Word>,
    regular: bool,
}

/// How much each cell counts in a contrast.
type Weights = Vec<f64>;

impl Factorial {
    /// The cells that were run. Where some were not, effects of more than `largest_interaction`
    /// channels are assumed to be zero: one for additive effects, two for interactions of pairs.
    ///
    /// # Errors
    ///
    /// [`FactorialError`] of channels and cells.
    pub fn new(
        channels: Vec<String>,
        mut cells: Vec<Cell>,
        largest_interaction: usize,
    ) -> Result<Self, FactorialError> {
        let count = channels.len();
        if !(1..=MOST_CHANNELS).contains(&count) {
            return Err(FactorialError::ChannelCount { channels: count });
        }
        cells.sort_unstable_by_key(|cell| cell.on);
        for (place, cell) in cells.iter().enumerate() {
            let set = cell.on;
            check_set(set, count)?;
            if place > 0 && cells[place - 1].on == set {
                return Err(FactorialError::RepeatedCell { set });
            }
            if cell.n < 2 {
                return Err(FactorialError::TooFew { set, n: cell.n });
            }
            let valid = cell.variance.is_finite() && cell.variance >= 0.0;
            if !(valid && cell.mean.is_finite()) {
                return Err(FactorialError::InvalidCell { set });
            }
        }
        let (words, regular) = defining_relation(&cells, count);
        Ok(Self {
            channels,
            cells,
            // At most MOST_CHANNELS matter.
            largest: largest_interaction.min(MOST_CHANNELS) as u32,
            words,
            regular,
        })
    }

    /// The words of the defining relation: none for the full factorial. If the cells are no
    /// regular fraction, the words do not tell all that is confounded.
    pub fn defining_relation(&self) -> &[Word] {
        &self.words
    }

    /// Whether the cells are all cells, or a regular fraction of them: all those in which the
    /// words of the defining relation have their signs.
    pub fn is_regular(&self) -> bool {
        self.regular
    }

    /// The length of the shortest word; `None` without words. From four on, main effects are
    /// not confounded with each other nor with interactions of pairs.
    pub fn resolution(&self) -> Option<u32> {
        let lengths = self.words.iter().map(|word| word.channels.count_ones());
        lengths.min()
    }

    /// The effects that cannot be told from that of a set of channels.
    pub fn aliases(&self, set: ChannelSet) -> Vec<ChannelSet> {
        self.words.iter().map(|word| word.channels ^ set).collect()
    }

    /// The name of an effect: its channels, with a cross between.
    pub fn name(&self, set: ChannelSet) -> String {
        let names = self.channels.iter().enumerate();
        let on = names.filter(|(i, _)| set >> i & 1 == 1);
        let names: Vec<&str> = on.map(|(_, name)| name.as_str()).collect();
        match names.is_empty() {
            true => "none".to_owned(),
            false => names.join(" × "),
        }
    }

    /// The factorial effect of a set of channels: for one channel, the mean over the others' cells
    /// of on less off; for more, half the difference of the effect of some with and without the
    /// other, and so on.
    ///
    /// # Errors
    ///
    /// As [`contrast`](Self::contrast); [`FactorialError::AssumedZero`].
    pub fn effect(&self, set: ChannelSet, alpha: f64) -> Result<Estimate, FactorialError> {
        check_set(set, self.channels.len())?;
        let fraction = self.cells.len() < self.all();
        if fraction && set.count_ones() > self.largest {
            let effect = self.name(set);
            return Err(FactorialError::AssumedZero { effect });
        }
        let half = 2.0 / self.all() as f64;
        self.contrast(&self.weights(|cell| half * sign(set, cell)), alpha)
    }

    /// One channel with and without personalization, the others as they are: the mean over all
    /// cells of the others, each counted alike.
    ///
    /// # Errors
    ///
    /// As [`contrast`](Self::contrast).
    pub fn with_and_without(&self, channel: usize, alpha: f64) -> Result<Estimate, FactorialError> {
        self.effect(self.only(channel)?, alpha)
    }

    /// One channel alone against none.
    ///
    /// # Errors
    ///
    /// As [`contrast`](Self::contrast).
    pub fn alone(&self, channel: usize, alpha: f64) -> Result<Estimate, FactorialError> {
        let only = self.only(channel)?;
        self.contrast(
            &self.weights(|cell| is(cell == only) - is(cell == 0)),
            alpha,
        )
    }

    /// Any channel against none: the mean of all cells but the empty one, each counted alike,
    /// less the empty one.
    ///
    /// # Errors
    ///
    /// As [`contrast`](Self::contrast).
    pub fn any_against_none(&self, alpha: f64) -> Result<Estimate, FactorialError> {
        let others = (self.all() - 1) as f64;
        self.contrast(
            &self.weights(|cell| is(cell != 0) / others - is(cell == 0)),
            alpha,
        )
    }

    /// All channels against none.
    ///
    /// # Errors
    ///
    /// As [`contrast`](Self::contrast).
    pub fn all_against_none(&self, alpha: f64) -> Result<Estimate, FactorialError> {
        self.contrast(&self.all_less_none(), alpha)
    }

    /// Several channels against one: the mean of the cells with two channels or more, each counted
    /// alike, less that of the cells with one. `None` of a single channel.
    ///
    /// # Errors
    ///
    /// As [`contrast`](Self::contrast).
    pub fn many_against_one(&self, alpha: f64) -> Option<Result<Estimate, FactorialError>> {
        let channels = self.channels.len();
        let many = self.all() - 1 - channels;
        (many > 0).then(|| {
            let weights = self.weights(|cell| match cell.count_ones() {
                0 => 0.0,
                1 => -1.0 / channels as f64,
                _ => 1.0 / many as f64,
            });
            self.contrast(&weights, alpha)
        })
    }

    /// What all channels bring beyond the sum of what each brings alone:
    /// `(all − none) − Σ_i (i alone − none)`.
    ///
    /// # Errors
    ///
    /// As [`contrast`](Self::contrast).
    pub fn synergy(&self, alpha: f64) -> Result<Estimate, FactorialError> {
        let channels = self.channels.len() as f64;
        let all = self.full_set();
        // A single channel is both all and alone: the weights add up to nothing.
        let weights = self.weights(|cell| {
            is(cell == all) - is(cell.count_ones() == 1) + is(cell == 0) * (channels - 1.0)
        });
        self.contrast(&weights, alpha)
    }

    /// A channel's Shapley value of the causal lift: the mean over all orders of switching the
    /// channels on, one by one, of what this one adds,
    /// `φ_i = Σ_{S ∌ i} |S|! (k − |S| − 1)!/k! (μ(S ∪ i) − μ(S))`.
    ///
    /// The values of all channels add up to all against none.
    ///
    /// # Errors
    ///
    /// As [`contrast`](Self::contrast).
    pub fn shapley(&self, channel: usize, alpha: f64) -> Result<Estimate, FactorialError> {
        self.contrast(&self.shapley_weights(channel)?, alpha)
    }

    /// A channel's Shapley value as a share of all against none, with Fieller's interval.
    ///
    /// # Errors
    ///
    /// As [`contrast`](Self::contrast); [`FactorialError::NothingToShare`] if all against none is
    /// not clearly away from zero.
    pub fn shapley_share(&self, channel: usize, alpha: f64) -> Result<Ratio, FactorialError> {
        check_alpha(alpha)?;
        let part = self.linear(&self.shapley_weights(channel)?)?;
        let whole = self.linear(&self.all_less_none())?;
        let covariance = self.covariance(&part, &whole);
        let (of_part, df) = self.variance(&part);
        let (of_whole, whole_df) = self.variance(&whole);
        let (numerator, denominator) = (self.value(&part), self.value(&whole));
        let df = df.min(whole_df);
        ratio_of_estimates(
            numerator,
            denominator,
            of_part,
            of_whole,
            covariance,
            df,
            alpha,
        )
        // Cells, level and degrees of freedom were checked.
        .map_err(|_| FactorialError::InvalidCell {
            set: self.full_set(),
        })?
        .map_err(FactorialError::NothingToShare)
    }

    /// Any contrast: `weights[S]` is the weight of the cell in which exactly the channels `S` are
    /// on, for all `2^k` sets.
    ///
    /// If all cells with a weight were run, no assumption is made.
    ///
    /// # Errors
    ///
    /// [`FactorialError::WeightCount`], [`FactorialError::InvalidAlpha`],
    /// [`FactorialError::NotRun`] and [`FactorialError::Aliased`].
    pub fn contrast(&self, weights: &[f64], alpha: f64) -> Result<Estimate, FactorialError> {
        check_alpha(alpha)?;
        let linear = self.linear(weights)?;
        let estimate = self.value(&linear);
        let (variance, df) = self.variance(&linear);
        let se = variance.sqrt();
        let half = if se > 0.0 {
            tail::student_t_critical(alpha, df) * se
        } else {
            0.0
        };
        Ok(Estimate {
            estimate,
            se,
            df,
            low: estimate - half,
            high: estimate + half,
        })
    }

    fn all(&self) -> usize {
        1 << self.channels.len()
    }

    fn full_set(&self) -> ChannelSet {
        (self.all() - 1) as ChannelSet
    }

    fn only(&self, channel: usize) -> Result<ChannelSet, FactorialError> {
        let channels = self.channels.len();
        match channel < channels {
            true => Ok(1 << channel),
            false => Err(FactorialError::UnknownChannel {
                set: 1_u32.checked_shl(channel as u32).unwrap_or(ChannelSet::MAX),
                channels,
            }),
        }
    }

    fn weights(&self, of: impl Fn(ChannelSet) -> f64) -> Weights {
        (0..=self.full_set()).map(of).collect()
    }

    fn all_less_none(&self) -> Weights {
        let all = self.full_set();
        self.weights(|cell| is(cell == all) - is(cell == 0))
    }

    fn shapley_weights(&self, channel: usize) -> Result<Weights, FactorialError> {
        let only = self.only(channel)?;
        let k = self.channels.len();
        // s! (k − s − 1)! / k! for s = 0, 1, …
        let mut chance = vec![1.0 / k as f64; k];
        for s in 1..k {
            chance[s] = chance[s - 1] * s as f64 / (k - s) as f64;
        }
        Ok(self.weights(|cell| {
            let before = (cell & !only).count_ones() as usize;
            is(cell & only != 0) * 2.0 * chance[before] - chance[before]
        }))
    }

    /// The weights of the cells that were run, in their order, that estimate a contrast.
    fn linear(&self, weights: &[f64]) -> Result<Weights, FactorialError> {
        let expected = self.all();
        if weights.len() != expected || weights.iter().any(|weight| !weight.is_finite()) {
            let found = weights.len();
            return Err(FactorialError::WeightCount { expected, found });
        }
        let run = |set: ChannelSet| {
            self.cells
                .binary_search_by_key(&set, |cell| cell.on)
                .is_ok()
        };
        let sets = || (0..=self.full_set()).zip(weights);
        let missing = sets().find(|&(set, &weight)| weight != 0.0 && !run(set));
        let pick = |of: &[f64]| self.cells.iter().map(|cell| of[cell.on as usize]).collect();
        let Some((set, _)) = missing else {
            return Ok(pick(weights));
        };
        if !self.regular {
            return Err(FactorialError::NotRun { set });
        }
        // What the contrast takes of each effect. Signs of effects occur twice and cancel.
        let mut effects = weights.to_vec();
        walsh_hadamard(&mut effects);
        let size: f64 = weights.iter().map(|weight| weight.abs()).sum();
        for (set, taken) in (0..).zip(&mut effects) {
            let set: ChannelSet = set;
            if set.count_ones() > self.largest || taken.abs() <= 1e-12 * size {
                *taken = 0.0;
                continue;
            }
            let aliases = self.aliases(set);
            if let Some(&alias) = aliases.iter().find(|a| a.count_ones() <= self.largest) {
                return Err(FactorialError::Aliased {
                    effect: self.name(set),
                    alias: self.name(alias),
                });
            }
        }
        walsh_hadamard(&mut effects);
        let cells = self.cells.len() as f64;
        effects.iter_mut().for_each(|weight| *weight /= cells);
        Ok(pick(&effects))
    }

    fn value(&self, linear: &[f64]) -> f64 {
        let terms = self.cells.iter().zip(linear);
        terms.map(|(cell, weight)| weight * cell.mean).sum()
    }

    fn covariance(&self, one: &[f64], other: &[f64]) -> f64 {
        let terms = self.cells.iter().zip(one).zip(other);
        let term = |((cell, a), b): ((&Cell, &f64), &f64)| a * b * cell.variance / cell.n as f64;
        terms.map(term).sum()
    }

    /// Variance and Satterthwaite's degrees of freedom.
    fn variance(&self, linear: &[f64]) -> (f64, f64) {
        let (mut sum, mut squares) = (0.0, 0.0);
        for (cell, weight) in self.cells.iter().zip(linear) {
            let term = weight * weight * cell.variance / cell.n as f64;
            sum += term;
            squares += term * term / (cell.n - 1) as f64;
        }
        let df = if squares > 0.0 {
            sum * sum / squares
        } else {
            f64::INFINITY
        };
        (sum, df)
    }
}

/// The defining relation and the aliases up to pairs of channels, for people.
impl fmt::Display for Factorial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.regular {
            return write!(f, "{} cells, not a regular fraction", self.cells.len());
        }
        if self.words.is_empty() {
            return write!(f, "full factorial of {} cells", self.cells.len());
        }
        write!(f, "I")?;
        for word in &self.words {
            let sign = if word.positive { '+' } else { '−' };
            write!(f, " = {sign}{}", self.name(word.channels))?;
        }
        for set in 1..=self.full_set() {
            if set.count_ones() > 2 {
                continue;
            }
            write!(f, "\n{}", self.name(set))?;
            let mut aliases = self.aliases(set);
            aliases.sort_unstable_by_key(|alias| (alias.count_ones(), *alias));
            for alias in aliases {
                write!(f, " = {}", self.name(alias))?;
            }
        }
        Ok(())
    }
}

fn check_set(set: ChannelSet, channels: usize) -> Result<(), FactorialError> {
    match set >> channels {
        0 => Ok(()),
        _ => Err(FactorialError::UnknownChannel { set, channels }),
    }
}

fn check_alpha(alpha: f64) -> Result<(), FactorialError> {
    match alpha > 0.0 && alpha < 1.0 {
        true => Ok(()),
        false => Err(FactorialError::InvalidAlpha { alpha }),
    }
}

/// One or zero.
fn is(condition: bool) -> f64 {
    f64::from(u8::from(condition))
}

/// The product over a set of channels of +1 (on) and −1 (off).
fn sign(set: ChannelSet, on: ChannelSet) -> f64 {
    match (set & !on).count_ones() % 2 {
        0 => 1.0,
        _ => -1.0,
    }
}

/// The words that have one sign in all cells, and whether there is no other cell in which they do.
fn defining_relation(cells: &[Cell], channels: usize) -> (Vec<Word>, bool) {
    let Some(first) = cells.first() else {
        return (Vec::new(), false);
    };
    // A basis over the field of two elements of the cells' differences from the first.
    let mut basis: Vec<ChannelSet> = Vec::new();
    for cell in cells {
        let mut difference = cell.on ^ first.on;
        for &element in &basis {
            difference = difference.min(difference ^ element);
        }
        if difference != 0 {
            basis.push(difference);
        }
    }
    let constant = |set: ChannelSet| {
        basis
            .iter()
            .all(|b| (b & set).count_ones().is_multiple_of(2))
    };
    let sets = 1..(1_u32 << channels);
    let words = sets.filter(|&set| constant(set)).map(|set| Word {
        channels: set,
        positive: sign(set, first.on) > 0.0,
    });
    (words.collect(), cells.len() == 1 << basis.len())
}

/// The Walsh-Hadamard transform `x(w) → Σ_S (−1)^|w ∩ S| x(S)`, in place.
fn walsh_hadamard(values: &mut [f64]) {
    let mut half = 1;
    while half < values.len() {
        for block in values.chunks_exact_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
}
