//! Who renews contracts: what was observed, and what the model makes of it.

use catalog::Span;
use clv::Prediction;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::tail::normal_quantile;
use stats::{Counts, wilson};

use super::contracts::{Contracts, Followed, Renewals};
use crate::audience::Estimate;

/// Who renews contracts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RetentionFinding {
    /// How long a period is.
    pub period: Span,
    /// Contracts that ran at the end of the last day, those among them that are known to end, and contracts that had
    /// ended.
    pub running: u64,
    pub known_to_end: u64,
    pub ended: u64,
    /// By renewals, from the first.
    pub curve: Vec<RetentionPoint>,
}

/// A renewal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RetentionPoint {
    /// The first renewal is 1.
    pub renewal: u32,
    /// Contracts that were up for it.
    pub due: u64,
    /// Those that were renewed.
    pub renewed: u64,
    /// Their share, with its interval (Wilson); none where no contract was due.
    pub observed: Option<Estimate>,
    /// The share by the model.
    pub modelled: Option<Estimate>,
    /// The share of all contracts that are renewed so often: the product of the observed shares (Kaplan and Meier); none
    /// beyond what was observed.
    pub surviving: Option<f64>,
    /// The same by the model.
    pub surviving_modelled: Option<Estimate>,
}

/// Renewals that are shown beyond those that were observed.
const BEYOND: u32 = 12;
/// Renewals that are shown at most.
const MOST: u32 = 120;

/// Who renews: what was observed until now, and what the model makes of it there and a little beyond.
pub(super) fn retention(
    held: &Contracts,
    model: Option<&Renewals>,
    alpha: f64,
) -> Vec<RetentionPoint> {
    let mut surviving = Some(1.0);
    let mut curve = Vec::new();
    let longest = held.rows.iter().map(|row| row.paid).max().unwrap_or(0);
    // The renewal after the last payment of those who ended has been due, too.
    let observed = if held.rows.iter().any(|row| row.ended && row.paid == longest) {
        longest
    } else {
        longest.saturating_sub(1)
    };
    let shown = match model {
        Some(_) => observed + BEYOND,
        None => observed,
    };
    for renewal in 1..=shown.min(MOST) {
        let sum = |made: bool| -> u64 {
            let rows = held.rows.iter();
            rows.filter(|row| row.paid > renewal || (!made && row.ended && row.paid == renewal))
                .map(|row| u64::from(row.contracts))
                .sum()
        };
        let (due, renewed) = (sum(false), sum(true));
        let share = (due > 0).then(|| renewed as f64 / due as f64);
        surviving = surviving.zip(share).map(|(before, share)| before * share);
        let counts = Counts {
            n: due,
            successes: renewed,
        };
        let interval = wilson(counts, alpha).ok();
        curve.push(RetentionPoint {
            renewal,
            due,
            renewed,
            observed: share.zip(interval).map(|(share, (low, high))| Estimate {
                estimate: share,
                se: (share * (1.0 - share) / due as f64).sqrt(),
                low,
                high,
                df: None,
            }),
            modelled: model
                .map(|model| share_of(model.prediction(|sbg| sbg.retention(renewal)), alpha)),
            surviving,
            surviving_modelled: model
                .map(|model| share_of(model.prediction(|sbg| sbg.survival(renewal)), alpha)),
        });
    }
    curve
}

/// A share with its interval, which is normal in the log-odds.
fn share_of(Followed { prediction, lowest }: Followed, alpha: f64) -> Estimate {
    let Prediction {
        value,
        standard_error,
    } = prediction;
    let odds = value / (1.0 - value);
    let reach = normal_quantile(1.0 - 0.5 * alpha) * standard_error / (value * (1.0 - value));
    let (low, high) = (odds * (-reach).exp(), odds * reach.exp());
    let is_inside = value > 0.0 && value < 1.0;
    let low = if is_inside { low / (1.0 + low) } else { value };
    Estimate {
        estimate: value,
        se: standard_error,
        low: lowest.map_or(low, |lowest| low.min(lowest)),
        high: if is_inside {
            high / (1.0 + high)
        } else {
            value
        },
        df: None,
    }
}
