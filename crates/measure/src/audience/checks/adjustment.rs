//! Can an adjusted effect be relied on?

use stats::moments::Moments;
use stats::{AdjustedLift, AdjustmentHealth};

use crate::audience::compare::arm_moments;
use crate::audience::finding::{Check, CheckKind, Comparison, Pair, Severity};
use crate::audience::plan::MadeOf;
use crate::audience::tally::Layout;
use crate::audience::trust::Health;

/// A slope on which one customer has more influence than this is that customer's.
const MUCH_LEVERAGE: f64 = 0.5;
/// Where covariates are missing for more customers than this, they explain little for the others.
const MANY_MISSING: f64 = 0.5;

/// What to know of an adjustment for the covariates `known`, whose columns (those that say where one is missing
/// included) are `columns`. Of a ratio there is none.
pub(crate) fn health(
    layout: &Layout,
    made_of: MadeOf,
    (known, columns): (&[usize], &[usize]),
    moments: Pair<&Moments>,
    lift: &AdjustedLift,
) -> Option<Health> {
    let MadeOf::Value(place) = made_of else {
        return None;
    };
    let missing = |moments: &Moments| {
        let of_one = |&covariate: &usize| moments.sum(layout.covariate_missing(covariate)) as u64;
        known.iter().map(of_one).max().unwrap_or(0)
    };
    let extremes = |moments: &Moments| {
        let of_one = |&column: &usize| moments.min(column).zip(moments.max(column));
        columns.iter().map(of_one).collect::<Option<Vec<_>>>()
    };
    let extremes = extremes(moments.arm).zip(extremes(moments.against));
    let health = AdjustmentHealth::new(
        &arm_moments(moments.arm, place, columns)?,
        &arm_moments(moments.against, place, columns)?,
        lift,
        (missing(moments.arm), missing(moments.against)),
        extremes
            .as_ref()
            .map(|(arm, against)| (arm.as_slice(), against.as_slice())),
    )
    .ok()?;
    // A flag that says where a covariate is missing hangs on few customers by its nature.
    let leverage = health.covariates[..known.len().min(health.covariates.len())]
        .iter()
        .filter_map(|covariate| covariate.largest_leverage)
        .reduce(f64::max);
    Some(Health {
        r2: Pair {
            arm: health.treated.r2,
            against: health.control.r2,
        },
        missing: Pair {
            arm: health.treated.missing,
            against: health.control.missing,
        },
        largest_leverage: leverage,
        sign_flip: health.sign_flip,
    })
}

/// What it says in words, of the primary metric.
pub(super) fn check(comparison: &Comparison) -> Option<Check> {
    let adjusted = comparison
        .adjusted
        .as_ref()
        .filter(|_| comparison.primary)?;
    let health = adjusted.health.as_ref()?;
    let (metric, arm, against) = (&comparison.metric, &comparison.arm, &comparison.against);
    let mut severity = Severity::Fine;
    let mut message = format!(
        "covariates explain {:.0} % of `{metric}` in {arm} and {:.0} % in {against}",
        100.0 * health.r2.arm,
        100.0 * health.r2.against
    );
    if health.missing.arm + health.missing.against > 0.0 {
        message.push_str(&format!(
            "; at least one is missing for {:.1} % and {:.1} %",
            100.0 * health.missing.arm,
            100.0 * health.missing.against
        ));
        if health.missing.arm.max(health.missing.against) > MANY_MISSING {
            severity = Severity::Notice;
            message.push_str(", so that it explains little");
        }
    }
    if let Some(leverage) = health.largest_leverage.filter(|l| *l > MUCH_LEVERAGE) {
        severity = Severity::Warning;
        message.push_str(&format!(
            "; one customer makes {:.0} % of the variation of a covariate, so that the adjustment hangs on this \
             customer: cap the covariate, or leave it out",
            100.0 * leverage
        ));
    }
    if health.sign_flip {
        severity = severity.max(Severity::Notice);
        message.push_str(
            "; the adjusted and the plain effect have different signs: the arms differed by chance before, which is what \
             is adjusted for",
        );
    }
    Some(super::check(CheckKind::Adjustment, severity, message))
}
