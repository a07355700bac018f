//! Why a model is not fitted.

/// Why a customer-base model gives no parameters.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// The table holds nobody.
    #[error("there are no customers")]
    NoCustomers,
    /// Columns that describe the same customers differ in length.
    #[error("the column {column} has {found} values where {expected} are needed")]
    LengthMismatch {
        /// The column.
        column: &'static str,
        /// Values found.
        found: usize,
        /// Values needed.
        expected: usize,
    },
    /// A value of one row is impossible.
    #[error("row {row}: {what} cannot be {value}")]
    InvalidValue {
        /// Its place in the input, from 0.
        row: usize,
        /// Which quantity.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// The last purchase lies after the end of the observation.
    #[error("row {row}: the last purchase at {recency} lies after the end of observation at {age}")]
    PurchaseAfterEnd {
        /// Its place in the input, from 0.
        row: usize,
        /// Time of the last purchase.
        recency: f64,
        /// End of the observation.
        age: f64,
    },
    /// Repeat purchases and the time of the last one contradict each other: there is
    /// one without the other.
    #[error("row {row}: {frequency} repeat purchase(s), but the last of them at {recency}")]
    RecencyMismatch {
        /// Its place in the input, from 0.
        row: usize,
        /// Repeat purchases.
        frequency: u32,
        /// Time of the last purchase.
        recency: f64,
    },
    /// Nobody was observed for any time after the first purchase.
    #[error("no customer was observed for any time after the first purchase")]
    NoTimeObserved,
    /// Nobody bought again: the rate of purchase may be anything from zero upwards.
    #[error("no customer bought again, so neither a rate of purchase nor attrition can be told")]
    NoRepeatPurchases,
    /// A model parameter or argument is outside its domain.
    #[error("the {what} cannot be {value}")]
    InvalidArgument {
        /// Which parameter or argument.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// The table lacks what the model is made of.
    #[error("the table does not hold the {what} that the model needs")]
    MissingColumn {
        /// What is missing.
        what: &'static str,
    },
    /// No start led to a finite likelihood.
    #[error("the likelihood is not finite at any start")]
    NoFiniteStart,
    /// The search stopped before the maximum.
    #[error(
        "the search stopped after {iterations} iterations, {distance:.1e} standard errors from the maximum"
    )]
    NotConverged {
        /// Iterations made.
        iterations: usize,
        /// Distance that a Newton step would still move, in standard errors.
        distance: f64,
    },
    /// The likelihood does not curve down in some direction: what lies there is not a
    /// maximum.
    #[error("the information matrix is not positive definite where the search stopped")]
    SingularInformation,
}
