//! Effects over strata known before the experiment: new and returning customers,
//! countries, tiers of value.

mod mantel_haenszel;

pub use mantel_haenszel::{MantelHaenszel, mantel_haenszel};

use crate::adjust::{ArmMoments, adjusted_means};
use crate::error::{Arm, Unestimable, check_alpha};
use crate::lift::{Contrast, Lift, Method, satterthwaite};
use crate::mean::Sample;
use crate::ratio::RatioMoments;
use crate::tail;

/// What both arms have in one stratum.
#[derive(Debug, Clone, PartialEq)]
pub struct Stratum<T> {
    /// The treated arm's customers of the stratum.
    pub treated: T,
    /// The control arm's customers of the stratum.
    pub control: T,
}

impl<T> Stratum<T> {
    fn map<U>(&self, f: impl Fn(&T, Arm) -> U) -> Stratum<U> {
        Stratum {
            treated: f(&self.treated, Arm::Treated),
            control: f(&self.control, Arm::Control),
        }
    }
}

/// A post-stratified effect.
#[derive(Debug, Clone, PartialEq)]
pub struct PostStratified {
    /// The effect on the post-stratified means.
    pub lift: Lift,
    /// The post-stratified means, their variances and their covariance.
    pub means: Contrast,
    /// Strata compared, after merging.
    pub strata: usize,
    /// Strata given that were too small in an arm and were merged with one another, or
    /// with the smallest of the others.
    pub merged: usize,
    /// Strata given that had nobody in either arm.
    pub empty: usize,
    /// `1 - se^2 / se^2(plain)` against the comparison without strata and covariates.
    pub variance_reduction: f64,
}

/// The post-stratified effect on a mean at confidence `1 - alpha`, adjusted for covariates
/// inside each stratum where there are any.
///
/// With stratum weights `w_s = n_s / N` over both arms, an arm's post-stratified mean is
/// `sum w_s m_as`: that of an arm which drew each stratum in its exact share. Its variance
/// has two parts,
///
/// * inside the strata, `sum w_s^2 v_as`, `v_as` being the variance of the stratum's mean
///   (L. W. Miratrix, J. S. Sekhon and B. Yu, "Adjusting treatment effect estimates by
///   post-stratification in randomized experiments", Journal of the Royal Statistical
///   Society B 75, 2013, conditional variance);
/// * between them, `(sum w_s m_as m_bs - M_a M_b) / N`, the covariance of both arms' means
///   by the multinomial noise of the shared weights. In the difference it is the variance
///   of the strata's effects over N.
///
/// Inference is thus for the population that the experiment drew from, as everywhere in
/// this crate. Degrees of freedom are Satterthwaite's over all parts.
///
/// With covariates, the stratum's means are those of
/// [`adjusted_lift`](crate::adjusted_lift) in the stratum, with slopes of its own. Without,
/// an [`ArmMoments`] is `Sample::into()`.
///
/// A stratum with fewer customers in an arm than a variance needs (2, or 2 more than the
/// covariates) has no effect of its own. All such strata are merged into one; if that is
/// still too small, with the smallest other ones; the number is returned.
///
/// # Errors
///
/// As [`lift_of_means`](crate::lift_of_means) and [`adjusted_lift`](crate::adjusted_lift);
/// too few customers in an arm over all strata.
///
/// ```
/// use stats::strata::{Stratum, post_stratified};
/// use stats::{ArmMoments, Sample};
///
/// let arm = |n, mean| ArmMoments::from(Sample { n, mean, variance: 1.0 });
/// // By chance the treated arm has more of the customers who spend more.
/// let strata = [
///     Stratum { treated: arm(120, 10.5), control: arm(100, 10.0) },
///     Stratum { treated: arm(80, 1.5), control: arm(100, 1.0) },
/// ];
/// let effect = post_stratified(&strata, 0.05)?;
/// assert!((effect.lift.absolute.estimate - 0.5).abs() < 1e-12);
/// # Ok::<(), stats::Unestimable>(())
/// ```
pub fn post_stratified(
    strata: &[Stratum<ArmMoments>],
    alpha: f64,
) -> Result<PostStratified, Unestimable> {
    check_alpha(alpha)?;
    let groups = Groups::of(strata)?;
    groups.effect(strata, alpha)
}

/// The post-stratified effect on a ratio of means at confidence `1 - alpha`: numerator and
/// denominator are post-stratified, and the ratio `R = N / D` of the post-stratified means
/// is linearised, `R + (num - R den) / D`, which [`post_stratified`] then compares.
///
/// # Errors
///
/// As [`post_stratified`] and [`lift_of_ratios`](crate::lift_of_ratios).
pub fn post_stratified_ratio(
    strata: &[Stratum<RatioMoments>],
    alpha: f64,
) -> Result<PostStratified, Unestimable> {
    check_alpha(alpha)?;
    let parts = |part: fn(&RatioMoments) -> ArmMoments| -> Vec<Stratum<ArmMoments>> {
        strata.iter().map(|s| s.map(|arm, _| part(arm))).collect()
    };
    let numerators = parts(RatioMoments::numerator);
    let denominators = parts(RatioMoments::denominator);
    let groups = Groups::of(&numerators)?;
    let numerator = groups.compare(&numerators)?;
    let denominator = groups.compare(&denominators)?;
    for (arm, mean, variance) in [
        (
            Arm::Treated,
            denominator.treated,
            denominator.treated_variance,
        ),
        (
            Arm::Control,
            denominator.control,
            denominator.control_variance,
        ),
    ] {
        let critical = tail::student_t_critical(alpha, denominator.df);
        if mean.abs() <= critical * variance.sqrt() {
            return Err(Unestimable::DenominatorNearZero { arm });
        }
    }
    let linearised: Vec<Stratum<ArmMoments>> = strata
        .iter()
        .map(|stratum| {
            stratum.map(|arm, side| match side {
                Arm::Treated => arm.linearised_at(numerator.treated, denominator.treated),
                Arm::Control => arm.linearised_at(numerator.control, denominator.control),
            })
        })
        .collect();
    groups.effect(&linearised, alpha)
}

/// Which strata are compared as one.
struct Groups {
    /// Places of the strata of each group.
    members: Vec<Vec<usize>>,
    merged: usize,
    empty: usize,
}

impl Groups {
    fn of(strata: &[Stratum<ArmMoments>]) -> Result<Self, Unestimable> {
        let covariates = strata
            .first()
            .map_or(0, |s| s.treated.covariate_means.len());
        let fewest = covariates as u64 + 2;
        let sizes = |at: usize| {
            let stratum = &strata[at];
            (stratum.treated.n, stratum.control.n)
        };
        let total = |(t, c): (u64, u64)| t.saturating_add(c);
        let suffices = |(t, c): (u64, u64)| t.min(c) >= fewest;

        let present: Vec<usize> = (0..strata.len())
            .filter(|&at| total(sizes(at)) > 0)
            .collect();
        let empty = strata.len() - present.len();
        let (mut whole, small): (Vec<usize>, Vec<usize>) =
            present.into_iter().partition(|&at| suffices(sizes(at)));
        // Smallest last, to be taken from the end; ties by place.
        whole.sort_by_key(|&at| (std::cmp::Reverse(total(sizes(at))), at));
        let mut rest = small;
        let size_of = |members: &[usize]| {
            members.iter().fold((0u64, 0u64), |(t, c), &at| {
                let (more_t, more_c) = sizes(at);
                (t.saturating_add(more_t), c.saturating_add(more_c))
            })
        };
        while !rest.is_empty() && !suffices(size_of(&rest)) {
            match whole.pop() {
                Some(smallest) => rest.push(smallest),
                None => break,
            }
        }
        let merged = rest.len();
        let mut members: Vec<Vec<usize>> = whole.into_iter().map(|at| vec![at]).collect();
        if !rest.is_empty() {
            members.push(rest);
        }
        // In the order given, so that sums do not depend on sizes.
        members.iter_mut().for_each(|group| group.sort_unstable());
        members.sort();
        if members.is_empty() {
            return Err(Unestimable::Empty { arm: Arm::Control });
        }
        Ok(Groups {
            members,
            merged,
            empty,
        })
    }

    /// The strata of each group as one.
    fn pooled(
        &self,
        strata: &[Stratum<ArmMoments>],
    ) -> Result<Vec<Stratum<ArmMoments>>, Unestimable> {
        let group = |members: &Vec<usize>| {
            let mut members = members.iter().map(|&at| &strata[at]);
            let first = members.next().ok_or(Unestimable::MismatchedCovariates)?;
            members.try_fold(first.clone(), |group, more| {
                Ok(Stratum {
                    treated: group.treated.merged(&more.treated)?,
                    control: group.control.merged(&more.control)?,
                })
            })
        };
        self.members.iter().map(group).collect()
    }

    /// The post-stratified means.
    fn compare(&self, strata: &[Stratum<ArmMoments>]) -> Result<Contrast, Unestimable> {
        let strata = self.pooled(strata)?;
        let size = |s: &Stratum<ArmMoments>| s.treated.n as f64 + s.control.n as f64;
        let n: f64 = strata.iter().map(size).sum();
        let mut parts = Vec::with_capacity(2 * strata.len() + 1);
        let mut stratum_means = Vec::with_capacity(strata.len());
        let mut means = Contrast {
            treated: 0.0,
            control: 0.0,
            treated_variance: 0.0,
            control_variance: 0.0,
            covariance: 0.0,
            df: f64::INFINITY,
        };
        for stratum in &strata {
            let weight = size(stratum) / n;
            let inside = inside(stratum)?;
            let square = weight * weight;
            means.treated += weight * inside.treated;
            means.control += weight * inside.control;
            means.treated_variance += square * inside.treated_variance;
            means.control_variance += square * inside.control_variance;
            means.covariance += square * inside.covariance;
            let of_difference = inside.variance_of_difference().max(0.0);
            parts.push((square * of_difference, inside.df));
            stratum_means.push((weight, inside.treated, inside.control));
        }
        let mut between = [0.0; 4];
        for (weight, treated, control) in stratum_means {
            let (t, c) = (treated - means.treated, control - means.control);
            for (sum, square) in between
                .iter_mut()
                .zip([t * t, c * c, t * c, (t - c) * (t - c)])
            {
                *sum += weight * square / n;
            }
        }
        means.treated_variance += between[0];
        means.control_variance += between[1];
        means.covariance += between[2];
        parts.push((between[3], n - 1.0));
        means.df = satterthwaite(&parts);
        Ok(means)
    }

    fn effect(
        &self,
        strata: &[Stratum<ArmMoments>],
        alpha: f64,
    ) -> Result<PostStratified, Unestimable> {
        let means = self.compare(strata)?;
        let lift = means.lift(alpha, Method::PostStratified)?;
        let nobody = Sample {
            n: 0,
            mean: 0.0,
            variance: 0.0,
        };
        let (treated, control) = strata.iter().fold((nobody, nobody), |(t, c), s| {
            (t.merged(&s.treated.sample()), c.merged(&s.control.sample()))
        });
        let plain = Contrast::of_means(&treated, &control)?;
        let plain = plain.treated_variance + plain.control_variance;
        let variance_reduction = if plain > 0.0 {
            1.0 - lift.absolute.se * lift.absolute.se / plain
        } else {
            0.0
        };
        Ok(PostStratified {
            lift,
            means,
            strata: self.members.len(),
            merged: self.merged,
            empty: self.empty,
            variance_reduction,
        })
    }
}

/// The means of one stratum: plain or adjusted.
fn inside(stratum: &Stratum<ArmMoments>) -> Result<Contrast, Unestimable> {
    let Stratum { treated, control } = stratum;
    if treated.covariate_means.is_empty() && control.covariate_means.is_empty() {
        treated.check(Arm::Treated, 0)?;
        control.check(Arm::Control, 0)?;
        return Contrast::of_means(&treated.sample(), &control.sample());
    }
    adjusted_means(treated, control)
}
