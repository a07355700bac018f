//! The metrics whose truth is known.

use crate::process::Expected;

/// What a metric counts of a customer's orders and visits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    Revenue,
    Orders,
    Conversion,
    Visits,
}

impl Measure {
    /// Each at the position of its number.
    pub(crate) const ALL: [Self; 4] = [Self::Revenue, Self::Orders, Self::Conversion, Self::Visits];

    pub(crate) fn expectation(self, expected: &Expected) -> f64 {
        match self {
            Self::Revenue => expected.revenue,
            Self::Orders => expected.orders,
            Self::Conversion => expected.conversion(),
            Self::Visits => expected.visits,
        }
    }
}

/// Over the window after exposure.
pub(crate) const WINDOW_METRICS: [(&str, Measure); 4] = [
    ("revenue", Measure::Revenue),
    ("orders", Measure::Orders),
    ("conversion", Measure::Conversion),
    ("visits", Measure::Visits),
];

/// Revenue over orders, in the same window.
pub(crate) const AVERAGE_ORDER_VALUE: &str = "average-order-value";

/// Over the second year, for the whole programme.
pub(crate) const PROGRAMME_METRICS: [(&str, Measure); 3] = [
    ("revenue-year", Measure::Revenue),
    ("orders-year", Measure::Orders),
    ("conversion-year", Measure::Conversion),
];

/// The window of [`PROGRAMME_METRICS`].
pub(crate) const PROGRAMME_DAYS: f64 = 364.0;
