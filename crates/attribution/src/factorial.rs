//! What channels cause, alone and together, from switching each of them on and off at random.
//!
//! With `k` channels randomized for each customer there are up to `2^k` *cells*, the sets of
//! channels that are personalized for a customer. Each [`Question`] is a contrast of the cells'
//! expectations, estimated as [`Cells`] says; [`Cells`] by themselves are for factors of more than
//! two levels.
//!
//! When only a regular fraction of the cells is run, effects are confounded with others, their
//! *aliases*. An answer then rests on the assumption, stated by the caller, that effects of more
//! than so many channels are zero; if an effect that is needed has an alias that is not assumed to
//! be zero, there is no estimate.

mod cells;
mod error;
mod question;

use std::fmt;

use stats::{Contrast, Sample};

pub use self::cells::{Cells, Grid};
pub use self::error::{FactorialError, MOST_CELLS, MOST_FACTORS, MOST_TERMS};
pub use self::question::Question;

/// A set of channels: bit `i` stands for channel `i`.
pub type ChannelSet = u32;

/// A word of a defining relation: a product of channels, coded −1 (off) and +1 (on), that is the
/// same in all cells that were run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// The channels of the product.
    pub channels: ChannelSet,
    /// Whether the product is +1.
    pub positive: bool,
}

/// A factorial experiment over channels, or other factors with two levels.
#[derive(Debug, Clone, PartialEq)]
pub struct Factorial {
    channels: Vec<String>,
    cells: Cells,
    words: Vec<Word>,
    regular: bool,
}

impl Factorial {
    /// The cells that were run: the set of channels that were on, and the outcomes of the customers.
    /// Where some cells were not run, effects of more than `largest_interaction` channels are assumed
    /// to be zero: one for additive effects, two for interactions of pairs.
    ///
    /// # Errors
    ///
    /// [`FactorialError`] of channels and cells.
    pub fn new(
        channels: Vec<String>,
        cells: Vec<(ChannelSet, Sample)>,
        largest_interaction: usize,
    ) -> Result<Self, FactorialError> {
        let grid = Grid::new(vec![2; channels.len()])?;
        let run = cells.into_iter().map(|(on, sample)| (on as usize, sample));
        let cells = Cells::new(grid, run.collect(), largest_interaction)?;
        // There are at most MOST_FACTORS channels: their sets fit.
        let sets: Vec<ChannelSet> = cells.run().iter().map(|(on, _)| *on as u32).collect();
        let (words, regular) = defining_relation(&sets, channels.len());
        Ok(Self {
            channels,
            cells,
            words,
            regular,
        })
    }

    /// The names of the channels.
    pub fn channels(&self) -> &[String] {
        &self.channels
    }

    /// The cells that were run.
    pub fn cells(&self) -> &Cells {
        &self.cells
    }

    /// The set of all channels.
    pub fn full_set(&self) -> ChannelSet {
        (1 << self.channels.len()) - 1
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

    /// The effects that cannot be told from that of a set of channels, those of the fewest channels
    /// first.
    pub fn aliases(&self, set: ChannelSet) -> Vec<ChannelSet> {
        let mut aliases: Vec<ChannelSet> =
            self.words.iter().map(|word| word.channels ^ set).collect();
        aliases.sort_unstable_by_key(|alias| (alias.count_ones(), *alias));
        aliases
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

    /// The answer to a question. Its relative difference is the effect as a share of what the
    /// question [compares with](Self::base); where that is not known, there is none.
    ///
    /// # Errors
    ///
    /// As [`weights`](Self::weights) and [`contrast`](Self::contrast).
    pub fn answer(&self, question: Question) -> Result<Contrast, FactorialError> {
        let part = self.weights(question)?;
        self.contrast(&part, &self.base(question))
            .or_else(|_| self.alone(&part))
    }

    /// [`Cells::contrast`], with the name of what a part is confounded with.
    ///
    /// # Errors
    ///
    /// As there, and [`FactorialError::Aliased`].
    pub fn contrast(&self, part: &[f64], base: &[f64]) -> Result<Contrast, FactorialError> {
        self.check_aliases(part)?;
        self.check_aliases(base)?;
        self.cells.contrast(part, base)
    }

    fn alone(&self, part: &[f64]) -> Result<Contrast, FactorialError> {
        self.check_aliases(part)?;
        self.cells.alone(part)
    }

    /// A channel's Shapley value as a share of all against none: the relative difference, whose
    /// interval is Fieller's with the covariance of the two.
    ///
    /// # Errors
    ///
    /// As [`answer`](Self::answer).
    pub fn shapley_share(&self, channel: usize) -> Result<Contrast, FactorialError> {
        let mut part = self.weights(Question::Shapley(channel))?;
        let whole = self.weights(Question::AllAgainstNone)?;
        // Relative differences are to the size of the base: where it is negative, so is the part.
        if self.alone(&whole)?.treated < 0.0 {
            part.iter_mut().for_each(|weight| *weight = -*weight);
        }
        self.contrast(&part, &whole)
    }

    /// Refuses a contrast that rests on an effect with an alias that is not assumed to be zero.
    fn check_aliases(&self, weights: &[f64]) -> Result<(), FactorialError> {
        let is_run = |set: usize| self.cells.sample(set).is_some();
        let needed = weights
            .iter()
            .enumerate()
            .filter(|(_, weight)| **weight != 0.0);
        if !self.regular || needed.map(|(set, _)| set).all(is_run) {
            return Ok(());
        }
        // What the contrast takes of each effect, by the Walsh-Hadamard transform.
        let mut effects = weights.to_vec();
        walsh_hadamard(&mut effects);
        let size: f64 = weights.iter().map(|weight| weight.abs()).sum();
        let largest = self.cells.largest_interaction();
        let counts = |set: ChannelSet| set.count_ones() as usize <= largest;
        for (set, taken) in (0..).zip(&effects) {
            if !counts(set) || taken.abs() <= 1e-12 * size {
                continue;
            }
            if let Some(alias) = self.aliases(set).into_iter().find(|alias| counts(*alias)) {
                return Err(FactorialError::Aliased {
                    effect: self.name(set),
                    alias: self.name(alias),
                });
            }
        }
        Ok(())
    }
}

/// The defining relation and the aliases up to pairs of channels, for people.
impl fmt::Display for Factorial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.regular {
            let cells = self.cells.run().len();
            return write!(f, "{cells} cells, not a regular fraction");
        }
        if self.words.is_empty() {
            let cells = self.cells.run().len();
            return write!(f, "full factorial of {cells} cells");
        }
        write!(f, "I")?;
        for word in &self.words {
            let sign = if word.positive { '+' } else { '−' };
            write!(f, " = {sign}{}", self.name(word.channels))?;
        }
        for set in (1..=self.full_set()).filter(|set| set.count_ones() <= 2) {
            write!(f, "\n{}", self.name(set))?;
            for alias in self.aliases(set) {
                write!(f, " = {}", self.name(alias))?;
            }
        }
        Ok(())
    }
}

/// The words that have one sign in all cells, and whether there is no other cell in which they do.
fn defining_relation(cells: &[ChannelSet], channels: usize) -> (Vec<Word>, bool) {
    let Some(first) = cells.first() else {
        return (Vec::new(), false);
    };
    // A basis over the field of two elements of the cells' differences from the first.
    let mut basis: Vec<ChannelSet> = Vec::new();
    for cell in cells {
        let mut difference = cell ^ first;
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
        positive: question::sign(set, *first) > 0.0,
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
