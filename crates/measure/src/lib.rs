//! Findings: what the data say about audience, content and process.
//!
//! A measurement is a query that ends in summaries (counts, centred moments) and closed mathematics on those few
//! numbers. Its result is a typed finding with its provenance and caveats; what cannot be supported is a [`Refusal`]
//! with its reason, never a number.

pub mod audience;
pub mod content;
mod error;
mod months;
mod provenance;

pub use error::MeasureError;
pub use months::begun_months;
pub use provenance::Provenance;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a number is not given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refusal {
    /// The kind of reason, for programs.
    pub reason: Reason,
    /// The reason in words.
    pub message: String,
}

/// The kinds of reasons for which a number is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The arms' sizes cannot come from the declared shares: something other than chance sorted the customers.
    SampleRatioMismatch,
    /// Too few customers, or no variation among them.
    TooLittleData,
    /// The values contradict what the catalog declares.
    UnfitData,
    /// The catalog does not say enough.
    Undeclared,
    /// Nothing bounds a customer's life.
    UnboundedLifetime,
}

impl Refusal {
    /// A refusal in words.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }
}
