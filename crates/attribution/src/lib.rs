//! Credit models over journeys.
mod builder;
mod error;
mod intern;
mod path;
mod stream;

pub use builder::{JourneyBuilder, PathPolicy, Repeats};
pub use error::{CreditError, JourneyError};
pub use path::{ChannelId, Dropped, JourneyTable, Outcome, OutcomeCount, Path, PathTotals, Totals};
pub use stream::{AfterConversion, TouchStream};
mod credit;
mod heuristics;
pub use credit::{Credits, Spread, spread};
pub use heuristics::Heuristic;
