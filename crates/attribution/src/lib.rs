//! Credit models over customer journeys, with intervals: numbers in, numbers out.
//!
//! Journeys are compressed to their distinct paths in one pass ([`JourneyBuilder`], or
//! [`TouchStream`] from single events); every model is exact on the compressed table and costs
//! nothing per journey. Credit is *descriptive*: it shares out all conversions, whatever would have
//! happened anyway. What channels cause, experiments say; [`calibration`] holds the one against the
//! other.
//!
//! | question | function |
//! | --- | --- |
//! | what does each channel get, by any of the [models](Model)? | [`credit()`] |
//! | what would be lost without a channel, in a Markov chain? | [`markov()`] |
//! | of which order should the chain be? | [`best_order`] |
//! | how sure is a credit, and which channel ranks above? | [`bootstrap`] |
//! | how sure is it, where replicates cost too much? | [`standard_errors`] |
//! | and where journeys are too many to be kept? | [`CreditSums`] |
//! | how far do models differ? | [`spread`] |
//! | what do channels cause, alone and together? | [`factorial`] |
//! | how much of a credit is caused? | [`calibration`] |
//!
//! The same journeys give the same numbers to the last bit, in whatever order they come and on
//! however many threads they are read.

mod absorb;
mod builder;
mod credit;
mod error;
mod heuristics;
mod intern;
mod markov;
mod model;
mod path;
mod random;
mod shapley;
mod standard_error;
mod stream;
mod sums;

pub mod bootstrap;
pub mod calibration;
pub mod factorial;

pub use builder::{JourneyBuilder, PathPolicy, Repeats};
pub use credit::{Credits, Spread, spread};
pub use error::{CreditError, JourneyError};
pub use heuristics::Heuristic;
pub use markov::{GREATEST_ORDER, Markov, OrderScore, best_order, markov, order_scores};
pub use model::{Model, credit};
pub use path::{ChannelId, Dropped, JourneyTable, Outcome, OutcomeCount, Path, PathTotals, Totals};
pub use shapley::Comparison;
pub use standard_error::{StandardErrors, standard_errors};
pub use stream::{AfterConversion, TouchStream};
pub use sums::CreditSums;
