//! Why an effect of a factorial is not estimated.

use super::ChannelSet;

/// Factors that can be crossed at most.
pub const MOST_FACTORS: usize = 16;

/// Cells of a grid at most.
pub const MOST_CELLS: usize = 1 << MOST_FACTORS;

/// Terms of the model by which cells that were not run are reached, at most.
pub const MOST_TERMS: usize = 600;

/// Why an effect of a factorial is not estimated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FactorialError {
    /// No factors, or too many.
    #[error("a factorial has 1 to {MOST_FACTORS} factors, and not {factors}")]
    FactorCount {
        /// How many there are.
        factors: usize,
    },
    /// A factor with one level.
    #[error("factor {factor} has {levels} level(s); at least 2 are needed")]
    LevelCount {
        /// Its place, from 0.
        factor: usize,
        /// Its levels.
        levels: usize,
    },
    /// More combinations of levels than can be looked at.
    #[error("the factors have more than {MOST_CELLS} combinations of levels")]
    TooManyCells,
    /// A cell that is none of the grid.
    #[error("there is no cell {cell} in a grid of {cells}")]
    UnknownCell {
        /// The cell's place.
        cell: usize,
        /// Cells of the grid.
        cells: usize,
    },
    /// The same cell twice.
    #[error("the cell {cell} is given twice")]
    RepeatedCell {
        /// The cell's place.
        cell: usize,
    },
    /// A cell too small for a variance.
    #[error("the cell {cell} has {n} customer(s); at least 2 are needed")]
    TooFew {
        /// The cell's place.
        cell: usize,
        /// Its customers.
        n: u64,
    },
    /// A mean that is not finite or a variance that is negative or not finite.
    #[error("the mean or the variance of the cell {cell} is not a valid number")]
    InvalidCell {
        /// The cell's place.
        cell: usize,
    },
    /// Weights that are not one for each cell.
    #[error("there must be {expected} finite weights, one for each cell, and there are {found}")]
    WeightCount {
        /// Cells of the grid.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A channel, or a set with a channel, beyond those declared.
    #[error("the set of channels {set:#b} has a channel beyond the {channels} declared")]
    UnknownChannel {
        /// The set.
        set: ChannelSet,
        /// How many channels there are.
        channels: usize,
    },
    /// A question about more channels than there are.
    #[error("there is no step to {channels} channels in a factorial of {of}")]
    NoSuchStep {
        /// To how many channels.
        channels: usize,
        /// How many there are.
        of: usize,
    },
    /// The model of the cells that were not run has too many terms.
    #[error(
        "effects of up to {largest} factors are {terms} terms, more than {MOST_TERMS}; assume that those of fewer factors \
         are enough"
    )]
    TooManyTerms {
        /// The largest number of factors of an effect that is not assumed to be zero.
        largest: usize,
        /// How many terms that are.
        terms: usize,
    },
    /// Cells that are needed were not run, and those that were do not determine what is asked.
    #[error(
        "the cells that were run do not tell it from other effects of up to {largest} factors: run more combinations, or \
         assume that effects of so many factors are zero"
    )]
    NotDetermined {
        /// The largest number of factors of an effect that is not assumed to be zero.
        largest: usize,
    },
    /// An effect that is needed cannot be told from another.
    #[error("the effect of {effect} cannot be told from that of {alias}")]
    Aliased {
        /// The effect.
        effect: String,
        /// What it is confounded with.
        alias: String,
    },
    /// What is asked is made of effects that are assumed to be zero.
    #[error("effects of more factors than {largest} are assumed to be zero")]
    AssumedZero {
        /// The largest number of factors of an effect that is not assumed to be zero.
        largest: usize,
    },
}
