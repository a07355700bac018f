//! What ways of watching would have said of a comparison over its looks.
//!
//! A look's information is that of the difference of sums: `h^2 V`, with V the variance of the difference of means and
//! `h = n_t n_c / (n_t + n_c)`. Where customers do not change after they have come it is proportional to h, the usual
//! fraction of customers. Where a customer's value grows while the experiment runs, as in cumulative exports, earlier
//! looks are less like the end than their customers' share says, and this measure gives them less.
//!
//! Statistics of looks are held against boundaries on the normal scale; exports are of many customers.

use stats::sequential::{
    ConfidenceSequence, Looks, SequentialError, Sides, Spending, Stage, Watch as Listed,
    end_critical_of, group_sequential, stopped_estimate,
};
use stats::{Contrast, Lift, Method, tail};

use super::cell::Cell;
use super::finding::{Corrected, Decided, Watch};
use super::series::Series;
use crate::audience::Pair;

/// Looks with less growth of information than this add nothing.
const LEAST_GROWTH: f64 = 1.002;
/// From this fraction on a look is the planned end.
const END: f64 = 0.999;

/// What watching says, and what it takes to say it of the whole programme.
pub(super) struct Watched {
    pub(super) finding: Watch,
    /// The logarithm of the e-value of the last look.
    pub(super) ln_e: f64,
    /// Looks that add no information.
    pub(super) idle: u64,
}

struct Point<'s> {
    time: &'s str,
    contrast: Contrast,
    information: f64,
}

/// Watches a comparison; none where fewer than two looks can be used.
///
/// The last look is the planned end, unless the rows say how many customers were planned.
pub(super) fn watch(series: &Series, alpha: f64) -> Result<Option<Watched>, SequentialError> {
    let points: Vec<Point<'_>> = series
        .looks
        .iter()
        .filter_map(|look| {
            let pair = look.pair.as_ref().ok()?;
            let contrast = Contrast::of_means(&pair.arm.sample, &pair.against.sample).ok()?;
            let information = information(pair, &contrast);
            (information > 0.0).then_some(Point {
                time: &look.time,
                contrast,
                information,
            })
        })
        .collect();
    let all = points.len();
    let points = growing(points);
    let (Some(last), true) = (points.last(), points.len() > 1) else {
        return Ok(None);
    };
    let now = reached(series).unwrap_or(1.0);
    let fractions: Vec<f64> = points
        .iter()
        .map(|point| now * (point.information / last.information))
        .collect();
    let stage = if now < END {
        Stage::Interim
    } else {
        Stage::End
    };
    let looks: Vec<Lift> = points
        .iter()
        .map(|point| point.contrast.lift(alpha, Method::Welch))
        .collect::<Result<_, _>>()?;
    let decided = |look: usize| Decided {
        time: points[look].time.to_owned(),
        fraction: fractions[look],
        more: looks[look].statistic > 0.0,
    };
    let z: Vec<f64> = looks.iter().map(|lift| lift.statistic.abs()).collect();
    let sequence = ConfidenceSequence::tuned(alpha, Sides::Two)?;
    let anytime: Vec<f64> = fractions
        .iter()
        .map(|fraction| sequence.critical(alpha, *fraction))
        .collect();
    let ln_p: Vec<f64> = looks
        .iter()
        .zip(&fractions)
        .map(|(lift, fraction)| sequence.probability(lift.statistic, *fraction).ln_p)
        .collect();
    let peeking = looks.iter().position(|lift| lift.probability.p < alpha);
    let (groups, hybrid) = match peeking {
        Some(_) => (
            groups(&z, &fractions, alpha, stage)?,
            hybrid(&z, &fractions, alpha, stage)?,
        ),
        // No boundary of level alpha lies inside that of a single look.
        None => (None, None),
    };
    let corrected = match hybrid {
        Some(look) => Some(corrected(look, &looks[look], &fractions, alpha)?),
        None => None,
    };
    let finding = Watch {
        looks: points.len() as u64,
        fraction: now,
        peeking: peeking.map(decided),
        anytime: crossing(&z, &anytime).map(decided),
        anytime_ln_p: ln_p.iter().copied().fold(0.0, f64::min),
        group_sequential: groups.map(decided),
        hybrid: hybrid.map(decided),
        corrected,
    };
    Ok(Some(Watched {
        finding,
        // The probability of a confidence sequence is one over its e-value.
        ln_e: -ln_p.last().copied().unwrap_or(0.0),
        idle: (all - points.len()) as u64,
    }))
}

/// The first look beyond its boundary.
fn crossing(z: &[f64], critical: &[f64]) -> Option<usize> {
    z.iter()
        .zip(critical)
        .position(|(z, critical)| z > critical)
}

fn groups(
    z: &[f64],
    fractions: &[f64],
    alpha: f64,
    stage: Stage,
) -> Result<Option<usize>, SequentialError> {
    let ends = stage == Stage::End;
    let spending = Spending::OBrienFleming;
    let test = group_sequential(fractions, alpha, Sides::Two, spending, ends)?;
    Ok(crossing(z, &test.critical))
}

/// The first look at which the calibrated hybrid decides.
///
/// Its last boundary spends what is left of alpha. That is alpha at most and half of alpha at least, so the boundary
/// lies between the critical values of single tests at those levels, and has to be computed only where z does too.
fn hybrid(
    z: &[f64],
    fractions: &[f64],
    alpha: f64,
    stage: Stage,
) -> Result<Option<usize>, SequentialError> {
    let mut critical = early_bounds(fractions, alpha)?;
    if let (Stage::End, Some(at_end), Some(last)) = (stage, z.last(), critical.last_mut()) {
        let (least, most) = (
            tail::student_t_critical(alpha, f64::INFINITY),
            tail::student_t_critical(0.5 * alpha, f64::INFINITY),
        );
        *last = if *at_end > least && *at_end <= most {
            end_critical_of(Looks::Hybrid(Listed::Listed), alpha, fractions, stage)?
        } else {
            most
        };
    }
    Ok(crossing(z, &critical))
}

/// The hybrid's boundaries before its end: a confidence sequence at half of alpha.
fn early_bounds(fractions: &[f64], alpha: f64) -> Result<Vec<f64>, SequentialError> {
    let level = 0.5 * alpha;
    let sequence = ConfidenceSequence::tuned(level, Sides::Two)?;
    Ok(fractions
        .iter()
        .map(|fraction| sequence.critical(level, *fraction))
        .collect())
}

/// The effect corrected for the hybrid's having stopped at a look; what matters are the boundaries before it.
fn corrected(
    look: usize,
    lift: &Lift,
    fractions: &[f64],
    alpha: f64,
) -> Result<Corrected, SequentialError> {
    let fractions = &fractions[..=look];
    let critical = early_bounds(fractions, alpha)?;
    let drift = stopped_estimate(fractions, &critical, lift.statistic, alpha)?;
    let scale = lift.absolute.se * fractions[look].sqrt();
    Ok(Corrected {
        estimate: drift.estimate * scale,
        low: drift.low * scale,
        high: drift.high * scale,
    })
}

fn information(pair: &Pair<Cell>, contrast: &Contrast) -> f64 {
    let (arm, against) = (pair.arm.sample.n as f64, pair.against.sample.n as f64);
    let h = arm * (against / (arm + against));
    h * h * (contrast.treated_variance + contrast.control_variance)
}

/// The looks whose information grows up to the last one, which is kept.
fn growing(points: Vec<Point<'_>>) -> Vec<Point<'_>> {
    let mut kept: Vec<Point<'_>> = Vec::with_capacity(points.len());
    for point in points.into_iter().rev() {
        let grows = |later: &Point<'_>| point.information * LEAST_GROWTH < later.information;
        if kept.last().is_none_or(grows) {
            kept.push(point);
        }
    }
    kept.reverse();
    kept
}

/// The share of the planned customers that the last look has.
fn reached(series: &Series) -> Option<f64> {
    let look = series.looks.last()?;
    let pair = look.pair.as_ref().ok()?;
    let now = (pair.arm.sample.n + pair.against.sample.n) as f64;
    let planned = look.planned.filter(|planned| *planned > 0.0)?;
    Some(now / planned)
}
