//! Group sequential boundaries, futility, and the chance to succeed at the end.

use super::path::{Alive, Region, normal_upper_p};
use super::{SequentialError, Sides, Spending, check_between, check_fractions};
use crate::root;
use crate::tail::normal_quantile;

/// A boundary beyond this is crossed with less than 1e-18 by chance: paths are not
/// stopped there.
pub(super) const FAR: f64 = 9.0;

/// Boundaries of a group sequential test.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupSequential {
    /// The critical value of z at each look; infinite where nothing may be spent.
    pub critical: Vec<f64>,
    /// The probability spent up to each look, of both sides together.
    pub spent: Vec<f64>,
}

/// Boundaries whose probability of being crossed by look k, without an effect, is what
/// the spending function allows at its information fraction: `P(|Z_1| > c_1 or ... or
/// |Z_k| > c_k) = spent(t_k)`, one-sided without the bars.
///
/// The fractions may be any, and looks may be added as they happen: a boundary depends
/// on the looks up to its own alone. Their times must not depend on the estimates. With
/// `ends` the last look spends what is left of alpha
/// whatever its fraction (an end with less or more information than planned).
/// Crossing probabilities are within 1e-8.
///
/// # Errors
///
/// A level outside (0, 1), one-sided outside (0, 1/2); fractions that are not positive
/// and ascending; an exponent that is not positive.
///
/// ```
/// use stats::sequential::{Sides, Spending, group_sequential};
///
/// let looks = [0.2, 0.4, 0.6, 0.8, 1.0];
/// let test = group_sequential(&looks, 0.05, Sides::Two, Spending::OBrienFleming, true)?;
/// assert!((test.critical[4] - 2.0310).abs() < 1e-4);
/// # Ok::<(), stats::sequential::SequentialError>(())
/// ```
pub fn group_sequential(
    fractions: &[f64],
    alpha: f64,
    sides: Sides,
    spending: Spending,
    ends: bool,
) -> Result<GroupSequential, SequentialError> {
    check_between("level alpha", alpha * 2.0 / sides.count(), 0.0, 1.0)?;
    spending.check()?;
    check_fractions(fractions)?;
    let side = alpha / sides.count();
    let last = fractions.len() - 1;
    let spent = (0..=last).map(|look| {
        sides.count() * spent_by(side, spending, fractions[look], ends && look == last)
    });
    Ok(GroupSequential {
        critical: spent_boundary(fractions, side, sides, spending, ends),
        spent: spent.collect(),
    })
}

/// What a side may have spent by a look.
fn spent_by(side: f64, spending: Spending, fraction: f64, ends: bool) -> f64 {
    spending.spent(side, if ends { 1.0 } else { fraction })
}

/// The boundary that spends the probability `side` on each side.
pub(super) fn spent_boundary(
    fractions: &[f64],
    side: f64,
    sides: Sides,
    spending: Spending,
    ends: bool,
) -> Vec<f64> {
    let last = fractions.len() - 1;
    boundary(fractions, sides, |look, alive, spent| {
        let by_now = spent_by(side, spending, fractions[look], ends && look == last);
        spend(alive, fractions[look], by_now - spent, sides)
    })
}

/// The boundary that a rule draws, look by look: it is given the place of the look, the
/// paths without an effect that are alive, and the probability spent so far on a side.
pub(super) fn boundary(
    fractions: &[f64],
    sides: Sides,
    mut rule: impl FnMut(usize, &Alive, f64) -> f64,
) -> Vec<f64> {
    let mut alive = Alive::start(0.0);
    let mut spent = 0.0;
    let mut critical = Vec::with_capacity(fractions.len());
    for (look, &fraction) in fractions.iter().enumerate() {
        let bound = rule(look, &alive, spent);
        critical.push(bound);
        let Some(&next) = fractions.get(look + 1) else {
            break;
        };
        if bound < FAR {
            spent += alive.above(fraction, bound);
            alive = alive.after(fraction, stops(bound, sides), next);
        }
    }
    critical
}

/// Where paths go on under a boundary.
pub(super) fn stops(critical: f64, sides: Sides) -> Region {
    match sides {
        Sides::Two => Region::within(critical),
        Sides::One => Region {
            low: f64::NEG_INFINITY,
            high: critical,
            inner: 0.0,
        },
    }
}

/// The boundary that spends a probability on the upper side of a look.
pub(super) fn spend(alive: &Alive, fraction: f64, probability: f64, sides: Sides) -> f64 {
    // So little that the overlap with earlier looks is lost in rounding.
    const TINY: f64 = 1e-17;
    if probability <= 0.0 {
        return f64::INFINITY;
    }
    // Nobody stopped before: the paths alive can only be fewer.
    let most = -normal_quantile(probability.min(1.0));
    if probability < TINY {
        return most;
    }
    let least = match sides {
        Sides::Two => 0.0,
        Sides::One => -FAR,
    };
    let excess = |z: f64| (alive.above(fraction, z) / probability).ln();
    if excess(least) <= 0.0 {
        return least;
    }
    const MARGIN: f64 = 1e-3;
    root::bracketed(excess, least, most + MARGIN)
}

/// Stopping because a planned effect is not in sight.
///
/// Not binding: boundaries for an effect do not count on it, so going on regardless
/// does not raise the rate of false positives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Futility {
    /// Probability of stopping for futility before the end although the planned effect
    /// is true.
    pub beta: f64,
    /// The value of z expected at the planned end under the planned effect: effect over
    /// planned standard error; `z_{alpha / 2} + z_{power}` for an effect planned with
    /// a certain power, 2.80 for 80 % at alpha = 0.05.
    pub drift: f64,
    /// How beta is spent.
    pub spending: Spending,
}

impl Futility {
    pub(super) fn check(&self) -> Result<(), SequentialError> {
        check_between("futility beta", self.beta, 0.0, 1.0)?;
        check_between("futility drift", self.drift, 0.0, f64::INFINITY)?;
        self.spending.check()
    }
}

/// The bounds at or below which a look is futile: `|z|`, one-sided z. Under the planned
/// drift the probability of having stopped for futility by look k, not having crossed
/// `critical` before, is what `spending` allows of `beta`. Never above `critical`, and
/// equal to it at the end (fraction 1 and beyond).
///
/// # Errors
///
/// Fractions that are not positive and ascending, lists of different lengths, numbers
/// out of range.
pub fn futility_bounds(
    fractions: &[f64],
    critical: &[f64],
    sides: Sides,
    futility: &Futility,
) -> Result<Vec<f64>, SequentialError> {
    check_fractions(fractions)?;
    futility.check()?;
    if critical.len() != fractions.len() {
        return Err(SequentialError::Length {
            expected: fractions.len(),
            found: critical.len(),
        });
    }
    let mut alive = Alive::start(futility.drift);
    let mut spent = 0.0;
    let mut bounds = Vec::with_capacity(fractions.len());
    for (look, (&fraction, &upper)) in fractions.iter().zip(critical).enumerate() {
        if fraction >= 1.0 {
            bounds.push(upper);
            continue;
        }
        let allowed = futility.spending.spent(futility.beta, fraction) - spent;
        let inside = |z: f64| match sides {
            Sides::Two => alive.above(fraction, -z) - alive.above(fraction, z),
            Sides::One => alive.above(fraction, f64::NEG_INFINITY) - alive.above(fraction, z),
        };
        let reach = upper.min(FAR + futility.drift * fraction.sqrt());
        let least = match sides {
            Sides::Two => 0.0,
            Sides::One => -FAR,
        };
        let bound = if inside(reach) <= allowed {
            upper
        } else if inside(least) >= allowed {
            least
        } else {
            root::bracketed(|z| inside(z) - allowed, least, reach)
        };
        bounds.push(bound);
        let Some(&next) = fractions.get(look + 1) else {
            break;
        };
        spent += inside(bound.min(reach));
        let region = match sides {
            Sides::Two => Region {
                inner: bound,
                ..Region::within(upper)
            },
            Sides::One => Region {
                low: bound,
                high: upper,
                inner: 0.0,
            },
        };
        alive = alive.after(fraction, region, next);
    }
    Ok(bounds)
}

/// The probability that `|Z| > critical` at the planned end, given z now at an
/// information fraction below 1, if `drift` is the value of z to expect at the end. The
/// drift `z / sqrt(fraction)` continues the trend (Jennison and Turnbull 2000, section
/// 10.2). At fraction 1 and beyond it is 1 or 0.
pub fn conditional_power(z: f64, fraction: f64, drift: f64, critical: f64) -> f64 {
    let left = (1.0 - fraction).max(0.0);
    outside(z * fraction.sqrt() + drift * left, left.sqrt(), critical)
}

/// The same averaged over what z says of the drift (a flat prior): `Z` at the end is
/// normal around the trend `z / sqrt(t)` with variance `(1 - t) / t`.
pub fn predictive_power(z: f64, fraction: f64, critical: f64) -> f64 {
    let left = (1.0 - fraction).max(0.0);
    outside(z / fraction.sqrt(), (left / fraction).sqrt(), critical)
}

/// `P(|X| > critical)` of a normal variable.
fn outside(mean: f64, sd: f64, critical: f64) -> f64 {
    if sd > 0.0 {
        normal_upper_p((critical - mean) / sd) + normal_upper_p((critical + mean) / sd)
    } else {
        f64::from(u8::from(mean.abs() > critical))
    }
}
