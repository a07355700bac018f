//! Why journeys are not taken, and why a model gives no credit.

use stats::moments::MomentsError;

/// Why a journey or an event is not taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JourneyError {
    /// A channel number that the builder did not give out.
    #[error("channel {channel} is unknown; {known} are known")]
    UnknownChannel {
        /// The number.
        channel: u32,
        /// How many channels there are.
        known: usize,
    },
    /// A path and its ages differ in length.
    #[error("the path has {touches} touches and {ages} ages")]
    MismatchedAges {
        /// Touches of the path.
        touches: usize,
        /// Ages given.
        ages: usize,
    },
    /// The ages of a path do not fall from the first touch to the last.
    #[error("touch {position} is older than the touch before it")]
    AgesOutOfOrder {
        /// The touch, counted from zero.
        position: usize,
    },
    /// Conversions that are negative, infinite or not a number.
    #[error("conversions must be finite and not negative, and are {conversions}")]
    InvalidConversions {
        /// What was given.
        conversions: f64,
    },
    /// A value that is infinite or not a number.
    #[error("a value must be finite, and is {value}")]
    InvalidValue {
        /// What was given.
        value: f64,
    },
    /// Value without a conversion that could bring it.
    #[error("a value of {value} comes without a conversion")]
    ValueWithoutConversion {
        /// The value.
        value: f64,
    },
    /// The events of a customer are not in the order of time, or customers are not in the order
    /// of their numbers.
    #[error("event {event} of the stream is earlier than the event before it")]
    EventsOutOfOrder {
        /// The event, counted from zero.
        event: u64,
    },
    /// More channels than there are numbers.
    #[error("there are more than 2^32 channels")]
    TooManyChannels,
    /// More distinct paths than there are numbers.
    #[error("there are more than 2^32 distinct paths")]
    TooManyPaths,
    /// Credits that cannot be added up.
    #[error("credits cannot be added up: {0}")]
    Sums(MomentsError),
}

/// Why a model gives no credit.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CreditError {
    /// Nobody converted, so there is nothing to share.
    #[error("no journey converted")]
    NoConversions,
    /// Time decay over converting journeys whose touches have no ages.
    #[error("{paths} converting path(s) have no ages, which time decay needs")]
    NoAges {
        /// How many.
        paths: usize,
    },
    /// A half-life or period that is zero, negative, infinite or not a number.
    #[error("the {what} must be positive and finite, and is {seconds} s")]
    InvalidDecay {
        /// Which.
        what: &'static str,
        /// What was given.
        seconds: f64,
    },
    /// Shares by position that are negative or exceed one together.
    #[error(
        "the shares by position must be non-negative, with a sum of at most 1 that leaves \
             something for the touches in between"
    )]
    InvalidShares,
    /// A channel number beyond the table's channels.
    #[error("channel {channel} is unknown; {known} are known")]
    UnknownChannel {
        /// The number.
        channel: u32,
        /// How many channels there are.
        known: usize,
    },
    /// An order of the chain other than 1 to 4.
    #[error("the order of a Markov chain must be 1 to {greatest}, and is {order}")]
    InvalidOrder {
        /// What was asked for.
        order: usize,
        /// The greatest that is offered.
        greatest: usize,
    },
    /// The linear system of a Markov chain was not solved to its tolerance.
    #[error(
        "the chain of {states} states was not solved: the error may be {bound:e} of a conversion"
    )]
    NotSolved {
        /// States of the chain.
        states: usize,
        /// Bound of the error of the probability of conversion.
        bound: f64,
    },
    /// Removal effects or Shapley values that add up to nothing cannot be shares.
    #[error("the effects of all channels add up to nothing")]
    NoEffect,
    /// Conversions have values that add up to nothing: there is no proportion in which to share it.
    #[error(
        "the values of the conversions add up to nothing, which cannot be shared in proportion"
    )]
    ValuesCancel,
    /// A share of credits whose sum is zero or negative, in the data or in a replicate.
    #[error("there is no share of credits whose sum is not positive")]
    NoShare,
    /// Only one outcome (all journeys convert), so that nothing can be predicted.
    #[error("every journey converts: without null journeys there is nothing to predict")]
    NoNulls,
    /// A level outside (0, 1).
    #[error("the level alpha must lie strictly between 0 and 1, and is {alpha}")]
    InvalidAlpha {
        /// The level given.
        alpha: f64,
    },
    /// Too few replicates for the interval asked for.
    #[error("{replicates} replicates are too few; at least {needed} are needed")]
    TooFewReplicates {
        /// What was asked for.
        replicates: usize,
        /// The least that serves.
        needed: usize,
    },
    /// Credits over different channels.
    #[error("credits over {left} and {right} channels do not go together")]
    MismatchedChannels {
        /// Channels of one.
        left: usize,
        /// Channels of the other.
        right: usize,
    },
    /// A group beyond those counted.
    #[error("group {group} is unknown; there are {count}")]
    UnknownGroup {
        /// The group.
        group: usize,
        /// How many there are.
        count: usize,
    },
    /// Credits that do not add up to the total.
    #[error("credits of {credited} do not add up to {total}")]
    DoesNotTie {
        /// The credits' sum.
        credited: f64,
        /// The total.
        total: f64,
    },
    /// An amount of money beyond what whole cents can hold.
    #[error("an amount of {amount} cannot be held in cents")]
    AmountTooLarge {
        /// The amount.
        amount: f64,
    },
}
