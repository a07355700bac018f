//! Why a comparison gives no number.

use crate::{Reason, Refusal};

/// The kinds of reasons, by which refusals are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    SampleRatio,
    FaultyPeriod,
    NoReference,
    Repeated,
    Impossible,
    Shrinking,
    Missing,
    NoVariation,
    TooLittle,
}

impl Why {
    /// What was found, in words.
    pub(super) fn what(self) -> &'static str {
        match self {
            Self::SampleRatio => "arms of sizes that chance does not explain",
            Self::FaultyPeriod => "ran in a period in which too many arms have such sizes",
            Self::NoReference => "no reference arm, or several",
            Self::Repeated => "several rows of one arm and time",
            Self::Impossible => "numbers that cannot be",
            Self::Shrinking => "cumulative counts that shrink",
            Self::Missing => "a number is missing at the last look",
            Self::NoVariation => "an arm in which nothing varies at the last look",
            Self::TooLittle => "too little data",
        }
    }

    pub(super) fn reason(self) -> Reason {
        match self {
            Self::SampleRatio | Self::FaultyPeriod => Reason::SampleRatioMismatch,
            Self::NoReference => Reason::Undeclared,
            Self::Repeated | Self::Impossible | Self::Shrinking | Self::Missing => {
                Reason::UnfitData
            }
            Self::NoVariation | Self::TooLittle => Reason::TooLittleData,
        }
    }
}

/// A reason with what exactly was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) why: Why,
    pub(super) message: String,
}

impl Refused {
    pub(super) fn new(why: Why, message: impl Into<String>) -> Self {
        Self {
            why,
            message: message.into(),
        }
    }

    pub(super) fn refusal(&self) -> Refusal {
        Refusal::new(self.why.reason(), self.message.clone())
    }
}
