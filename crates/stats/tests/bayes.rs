//! Posteriors, shrinkage and heterogeneity: laws, and simulations whose truth is
//! known. Seeds are fixed; limits are those that chance alone leaves once in a
//! million.

mod common;

use common::{Random, assert_close, assert_rate, sample};
use proptest::prelude::*;
use stats::bayes::{BayesError, Beta, Gamma, NormalPrior, Scale, posterior_of_contrast};
use stats::heterogeneity::{anova, heterogeneity, welch_anova};
use stats::interaction::{assignment_dependence, interaction};
use stats::omnibus::{Effect, EffectsError};
use stats::shrink::{LearnedPrior, RandomEffects, winners};
use stats::uniformity::uniform_probability;
use stats::{Contrast, NotEstimable, Sample, lift_of_means, tail};

const ALPHA: f64 = 0.05;

/// Asserts that a mean is zero within its noise.
#[track_caller]
fn assert_unbiased(what: &str, errors: &[f64]) {
    let errors = sample(errors);
    let z = errors.mean / (errors.variance / errors.n as f64).sqrt();
    assert!(z.abs() < 4.9, "{what}: {} is {z} errors away", errors.mean);
}

fn effect(estimate: f64, se: f64) -> Effect {
    Effect {
        estimate,
        se,
        df: f64::INFINITY,
    }
}

/// Standard errors that differ by a factor of ten.
fn noise(random: &mut Random) -> f64 {
    10f64.powf(random.uniform() - 0.5)
}

/// None of two hundred, beside a rate that is known to three digits: the ratio may be almost nothing, and its upper limit
/// is that of the first rate, nearly.
#[test]
fn a_rate_without_events_has_a_ratio_to_one_with_many() {
    let prior = Gamma::new(0.1, 0.01).unwrap();
    let none = prior.observed(0, 195.8).unwrap();
    let many = prior.observed(450_592, 1e6).unwrap();
    let ratio = none.ratio(&many, ALPHA).unwrap();
    let before = none
        .ratio(&prior.observed(445_000, 1e6).unwrap(), ALPHA)
        .unwrap();
    assert!(ratio.low > 0.0 && ratio.low < 1e-10, "{ratio:?}");
    assert_close(
        "high",
        ratio.high,
        before.high * 445_000.0 / 450_592.0,
        1e-4,
        0.0,
    );
    assert!((0.01..0.02).contains(&ratio.high), "{ratio:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// The chances of the two arms add up to one, losses differ by the difference of
    /// the means, and swapping the arms swaps everything.
    #[test]
    fn shares_mirror(
        n in (1u64..100_000, 1u64..100_000),
        shares in (0.0..1.0f64, 0.0..1.0f64),
        shape in 0.1..2.0f64,
    ) {
        let prior = Beta::new(shape, 1.0).unwrap();
        let arm = |n: u64, share: f64| prior.observed((n as f64 * share) as u64, n).unwrap();
        let (treated, control) = (arm(n.0, shares.0), arm(n.1, shares.1));
        let (one, other) = (treated.against(&control), control.against(&treated));
        assert_close("sum", one.chance_to_win.p + other.chance_to_win.p, 1.0, 0.0, 1e-11);
        assert_close("loss", one.loss_of_shipping, other.loss_of_not_shipping, 1e-11, 0.0);
        let difference = treated.mean() - control.mean();
        assert_close(
            "losses",
            one.loss_of_not_shipping - one.loss_of_shipping,
            difference,
            1e-11,
            1e-15,
        );
        prop_assert!(one.loss_of_shipping >= 0.0 && one.loss_of_not_shipping >= 0.0);
    }

    /// The interval of the difference excludes zero, and that of the ratio one,
    /// exactly when the chance to win is far enough from one half.
    #[test]
    fn limits_agree_with_the_chance_to_win(
        n in (1u64..20_000, 1u64..20_000),
        shares in (0.0..1.0f64, 0.0..1.0f64),
    ) {
        let prior = Beta::new(1.0, 1.0).unwrap();
        let arm = |n: u64, share: f64| prior.observed((n as f64 * share) as u64, n).unwrap();
        let (treated, control) = (arm(n.0, shares.0), arm(n.1, shares.0 + 0.1 * (shares.1 - shares.0)));
        let difference = treated.difference(&control, ALPHA).unwrap();
        let ratio = treated.ratio(&control, ALPHA).unwrap();
        let chance = treated.against(&control).chance_to_win.p;
        prop_assert!(difference.low < difference.high && ratio.low < ratio.high);
        if (chance - 0.975).abs() > 1e-9 && (chance - 0.025).abs() > 1e-9 {
            prop_assert_eq!(difference.low > 0.0, chance > 0.975);
            prop_assert_eq!(ratio.low > 1.0, chance > 0.975);
            prop_assert_eq!(difference.high < 0.0, chance < 0.025);
            prop_assert_eq!(ratio.high < 1.0, chance < 0.025);
        }
    }

    /// The ratio of two gammas is an F distribution, and its tail an incomplete beta.
    #[test]
    fn rates_have_closed_forms(
        counts in (0u64..3_000, 0u64..3_000),
        exposures in (0.01..1e4f64, 0.01..1e4f64),
    ) {
        let prior = Gamma::new(0.5, 1e-3).unwrap();
        let treated = prior.observed(counts.0, exposures.0).unwrap();
        let control = prior.observed(counts.1, exposures.1).unwrap();
        let (a, b) = (0.5 + counts.0 as f64, 0.5 + counts.1 as f64);
        let means = treated.mean() / control.mean();
        let chance = tail::f_upper(1.0 / means, 2.0 * a, 2.0 * b);
        let comparison = treated.against(&control);
        assert_close("ln p", comparison.chance_to_win.ln_p, chance.ln_p, 1e-10, 1e-12);
        let ratio = treated.ratio(&control, ALPHA).unwrap();
        let quantile = |p| means * tail::f_quantile(p, 2.0 * a, 2.0 * b);
        assert_close("low", ratio.low, quantile(0.025), 1e-9, 0.0);
        assert_close("high", ratio.high, quantile(0.975), 1e-9, 0.0);
        // The unit of time does not matter.
        let daily = Gamma::new(0.5, 24e-3).unwrap();
        let slow = daily.observed(counts.0, 24.0 * exposures.0).unwrap();
        let limits = slow
            .difference(&daily.observed(counts.1, 24.0 * exposures.1).unwrap(), ALPHA)
            .unwrap();
        let hourly = treated.difference(&control, ALPHA).unwrap();
        let size = hourly.high - hourly.low;
        assert_close("unit low", 24.0 * limits.low, hourly.low, 1e-9, 1e-9 * size);
        assert_close("unit high", 24.0 * limits.high, hourly.high, 1e-9, 1e-9 * size);
    }

    /// Counts and rates of any size have an answer in range.
    #[test]
    fn any_size_is_answered(
        sizes in (0.0..15.0f64, 0.0..15.0f64),
        shares in (0.0..1.0f64, 0.0..1.0f64),
        scale in -90.0..90.0f64,
        near in any::<bool>(),
    ) {
        let prior = Beta::new(0.1, 0.1).unwrap();
        let arm = |size: f64, share: f64| {
            let n = 10f64.powf(size);
            prior.observed((share * n) as u64, n as u64).unwrap()
        };
        // Neighbours, or thousands of standard errors apart within reason.
        let other = if near { shares.0 } else { shares.1 };
        let reach = if near { sizes.1 } else { sizes.1.min(6.0) };
        let (treated, control) = (arm(sizes.0, shares.0), arm(reach, other));
        let comparison = treated.against(&control);
        prop_assert!((0.0..=1.0).contains(&comparison.chance_to_win.p));
        prop_assert!((0.0..=1.0).contains(&comparison.loss_of_shipping));
        let limits = treated.difference(&control, ALPHA).unwrap();
        prop_assert!(-1.0 <= limits.low && limits.low < limits.high && limits.high <= 1.0);

        let unit = 10f64.powf(scale);
        let prior = Gamma::new(0.1, 0.01 * unit).unwrap();
        let rate = |size: f64, share: f64| {
            let n = 10f64.powf(size.min(7.0));
            prior.observed((share * n) as u64, n * unit).unwrap()
        };
        let (treated, control) = (rate(sizes.0, shares.0), rate(reach, other));
        let comparison = treated.against(&control);
        prop_assert!((0.0..=1.0).contains(&comparison.chance_to_win.p));
        prop_assert!(comparison.loss_of_shipping >= 0.0);
        let ratio = treated.ratio(&control, ALPHA).unwrap();
        prop_assert!(0.0 < ratio.low && ratio.low < ratio.high);
    }

    /// Chances add up over regions; losses are the integrals of the chances.
    #[test]
    fn normal_chances_add_up(
        mean in -50.0..50.0f64,
        sd in 0.01..10.0f64,
        a in -5.0..5.0f64,
        width in 0.0..5.0f64,
    ) {
        let posterior = NormalPrior::Flat.posterior(mean, sd).unwrap();
        let b = a + width;
        let below = posterior.chance_below(a).p;
        let between = posterior.chance_between(a, b).p;
        let above = posterior.chance_above(b).p;
        assert_close("sum", below + between + above, 1.0, 0.0, 1e-14);
        let losses = posterior.loss_of_not_shipping() - posterior.loss_of_shipping();
        assert_close("losses", losses, mean, 1e-13, 1e-13 * sd);
    }

    /// Nothing but refusals for what is not valid, and no panic for anything.
    #[test]
    fn anything_is_answered(
        estimates in prop::collection::vec((any::<f64>(), any::<f64>(), any::<f64>()), 0..8),
    ) {
        let effects: Vec<Effect> = estimates
            .iter()
            .map(|&(estimate, se, df)| Effect { estimate, se, df })
            .collect();
        let _ = heterogeneity(&effects);
        let _ = winners(&effects, 1.96);
        let _ = LearnedPrior::learn(&effects, ALPHA);
        if let Ok(model) = RandomEffects::fit(&effects) {
            prop_assert!(model.shrunk(0, ALPHA).is_ok());
        }
        if let Some(first) = effects.first() {
            let prior = NormalPrior::Normal { mean: first.df, sd: first.se };
            let _ = prior.posterior(first.estimate, first.se);
            let _ = Gamma::new(first.se, first.df);
            let _ = Beta::new(first.se, first.df);
        }
    }

    /// Shifting and scaling the effects shifts and scales what is learned.
    #[test]
    fn effects_have_no_unit(seed in any::<u64>(), shift in -10.0..10.0f64, scale in 0.01..100.0f64) {
        let mut random = Random(seed);
        let effects: Vec<Effect> = (0..6)
            .map(|_| effect(2.0 * random.normal(), noise(&mut random)))
            .collect();
        let moved: Vec<Effect> = effects
            .iter()
            .map(|e| effect(scale * (e.estimate + shift), scale * e.se))
            .collect();
        let (plain, moved) = (RandomEffects::fit(&effects).unwrap(), RandomEffects::fit(&moved).unwrap());
        assert_close("mean", moved.mean(), scale * (plain.mean() + shift), 1e-6, 1e-6 * scale);
        assert_close("tau", moved.tau(), scale * plain.tau(), 1e-6, 1e-6 * scale);
        let (one, other) = (plain.shrunk(2, ALPHA).unwrap(), moved.shrunk(2, ALPHA).unwrap());
        assert_close("sd", other.sd, scale * one.sd, 1e-6, 0.0);
        assert_close("low", other.interval.low, scale * (one.interval.low + shift), 1e-6, 1e-6 * scale);
        assert_close("high", other.interval.high, scale * (one.interval.high + shift), 1e-6, 1e-6 * scale);
    }
}

/// Far in the tails, where the plain formulas are zero or cancel.
#[test]
fn tails_keep_their_accuracy() {
    // phi(z) (1 / z^2 - 3 / z^4 + 15 / z^6) within 1e-9 at z = 100.
    let z = 100.0f64;
    let series = (1.0 / z.powi(2) - 3.0 / z.powi(4) + 15.0 / z.powi(6)).ln();
    let ln_density = -0.5 * z * z - 0.5 * (2.0 * std::f64::consts::PI).ln();
    assert_close(
        "loss",
        tail::ln_normal_loss(z),
        ln_density + series,
        1e-13,
        0.0,
    );
    let posterior = NormalPrior::Flat.posterior(30.0, 1.0).unwrap();
    assert!(posterior.loss_of_shipping() > 0.0);
    // One in ten against nine in ten of a hundred million.
    let prior = Beta::new(1.0, 1.0).unwrap();
    let few = prior.observed(10_000_000, 100_000_000).unwrap();
    let many = prior.observed(10_100_000, 100_000_000).unwrap();
    let lose = few.against(&many).chance_to_win;
    // z = 23.5 standard errors; the normal approximation is near but not equal.
    let z = 0.001 / (2.0f64 * 0.1005 * 0.8995 / 1e8).sqrt();
    assert_close("far", lose.ln_p, tail::normal_upper(z).ln_p, 1e-3, 0.0);
    let sure = few.against(&prior.observed(90_000_000, 100_000_000).unwrap());
    assert!(sure.chance_to_win.ln_p < -1e6 && sure.chance_to_win.ln_p.is_finite());
}

#[test]
fn relative_effects_need_a_control() {
    let contrast = |control: f64| Contrast {
        treated: 1.0,
        control,
        treated_variance: 0.01,
        control_variance: 0.01,
        covariance: 0.0,
        df: f64::INFINITY,
    };
    let relative =
        |control| posterior_of_contrast(&contrast(control), Scale::Relative, &NormalPrior::Flat);
    assert!(relative(0.5).is_ok());
    assert!(matches!(
        relative(0.3),
        Err(BayesError::Relative(NotEstimable::BaselineNearZero { .. }))
    ));
    assert!(matches!(
        relative(0.0),
        Err(BayesError::Relative(NotEstimable::ZeroBaseline))
    ));
    // The sign is that of the absolute effect.
    assert!(relative(-0.5).unwrap().mean() > 0.0);
}

/// Two by two cells: the test of all interactions is the square of one t; two arms:
/// Welch's analysis of variance is Welch's t.
#[test]
fn omnibus_tests_of_two_are_t_tests() {
    let cell = |mean, variance, n| Sample { n, mean, variance };
    let (a, b) = (cell(1.0, 4.0, 12), cell(2.5, 9.0, 7));
    let lift = lift_of_means(&b, &a, ALPHA).unwrap();
    let test = welch_anova(&[a, b]).unwrap();
    assert_close("f", test.f, lift.statistic.powi(2), 1e-12, 0.0);
    assert_close("df", test.denominator_df, lift.absolute.df, 1e-12, 0.0);
    assert_close("p", test.probability.p, lift.probability.p, 1e-11, 0.0);
    // Additive cells have no interaction, whatever the size.
    let row = |base: f64| -> Vec<Sample> {
        [0.0, 1.0, 3.0]
            .map(|column| cell(base + column, 2.0, 50))
            .to_vec()
    };
    let additive = interaction(&[row(0.0), row(5.0), row(-2.0)]).unwrap();
    assert_eq!(additive.df, 4.0);
    assert!(additive.chi_square < 1e-20);
    // With equal variances and sizes the Wald statistic is the classic sum of squares.
    let mut rows = [row(0.0), row(5.0)];
    rows[1][2].mean += 0.6;
    let classic = 50.0 / 2.0 * 0.6 * 0.6 * (1.0 - 0.5) * (1.0 - 1.0 / 3.0);
    let test = interaction(&rows).unwrap();
    assert_close("wald", test.chi_square, classic, 1e-12, 0.0);
}

#[test]
fn too_little_is_refused() {
    let two = [effect(1.0, 1.0), effect(2.0, 1.0)];
    assert_eq!(
        RandomEffects::fit(&two).err(),
        Some(EffectsError::TooFew { n: 2, needed: 3 })
    );
    let four = [effect(1.0, 1.0); 4];
    assert_eq!(
        LearnedPrior::learn(&four, ALPHA).err(),
        Some(EffectsError::TooFew { n: 4, needed: 5 })
    );
    assert!(matches!(
        assignment_dependence(&[vec![4, 5], vec![3, 4]]),
        Err(EffectsError::TooFewExpected { .. })
    ));
    assert!(matches!(
        heterogeneity(&[effect(1.0, 0.0), effect(2.0, 1.0)]),
        Err(EffectsError::Invalid { place: 0, .. })
    ));
    let constant = Sample {
        n: 10,
        mean: 1.0,
        variance: 0.0,
    };
    assert!(welch_anova(&[constant, constant]).is_err());
    assert!(anova(&[constant, constant]).is_err());
}

/// Effects drawn from the prior lie in their posterior intervals, and the chance to
/// win is the share of positive effects among those given it.
#[test]
fn normal_posteriors_are_calibrated() {
    let trials = 20_000;
    let prior = NormalPrior::Normal { mean: 0.3, sd: 0.8 };
    let mut random = Random(31);
    let (mut covered, mut won, mut expected) = (0, 0.0, 0.0);
    let mut regret = Vec::new();
    for _ in 0..trials {
        let truth = 0.3 + 0.8 * random.normal();
        let se = noise(&mut random);
        let posterior = prior.posterior(truth + se * random.normal(), se).unwrap();
        let interval = posterior.interval(ALPHA).unwrap();
        covered += u64::from(interval.low <= truth && truth <= interval.high);
        expected += posterior.chance_above(0.0).p;
        won += f64::from(u8::from(truth > 0.0));
        regret.push(posterior.loss_of_shipping() - f64::max(-truth, 0.0));
    }
    assert_rate("covered", covered, trials, 0.95, 0.95);
    assert_close(
        "won",
        won,
        expected,
        0.0,
        4.9 * 0.5 * (trials as f64).sqrt(),
    );
    assert_unbiased("loss of shipping", &regret);
}

/// Shares drawn from the prior: interval of the difference and chance to win.
#[test]
fn share_posteriors_are_calibrated() {
    let trials = 1_500;
    let prior = Beta::new(1.0, 1.0).unwrap();
    let mut random = Random(32);
    let (mut difference, mut ratio) = (0, 0);
    let mut regret = Vec::new();
    for _ in 0..trials {
        let mut arm = || {
            let share = random.uniform();
            let n = 5 + random.below(30);
            let hits = (0..n).filter(|_| random.uniform() < share).count();
            (share, prior.observed(hits as u64, n).unwrap())
        };
        let ((p, treated), (q, control)) = (arm(), arm());
        let interval = treated.difference(&control, ALPHA).unwrap();
        difference += u64::from(interval.low <= p - q && p - q <= interval.high);
        let interval = treated.ratio(&control, ALPHA).unwrap();
        ratio += u64::from(interval.low <= p / q && p / q <= interval.high);
        let comparison = treated.against(&control);
        regret.push(comparison.loss_of_shipping - f64::max(q - p, 0.0));
    }
    assert_rate("difference", difference, trials, 0.95, 0.95);
    assert_rate("ratio", ratio, trials, 0.95, 0.95);
    assert_unbiased("loss of shipping", &regret);
}

/// Past experiments with effects drawn from N(0.5, 1): the mean and tau come back, and
/// a posterior from the learned prior covers the next effect.
#[test]
fn priors_are_learned() {
    let trials = 400;
    let mut random = Random(33);
    let mut next_covered = 0;
    let (mut tau_covered, mut means, mut taus) = (0, Vec::new(), Vec::new());
    for _ in 0..trials {
        let past: Vec<Effect> = (0..40)
            .map(|_| {
                let se = noise(&mut random);
                effect(0.5 + random.normal() + se * random.normal(), se)
            })
            .collect();
        let learned = LearnedPrior::learn(&past, ALPHA).unwrap();
        assert_eq!(learned.experiments, 40);
        means.push(learned.mean - 0.5);
        taus.push(learned.tau - 1.0);
        let interval = learned.tau_interval;
        tau_covered += u64::from(interval.low <= 1.0 && 1.0 <= interval.high);
        let truth = 0.5 + random.normal();
        let posterior = learned
            .prior
            .posterior(truth + 0.7 * random.normal(), 0.7)
            .unwrap();
        let interval = posterior.interval(ALPHA).unwrap();
        next_covered += u64::from(interval.low <= truth && truth <= interval.high);
    }
    assert_unbiased("mean", &means);
    // Restricted likelihood leaves tau, a root, a little low.
    let tau = sample(&taus);
    assert!(tau.mean.abs() < 0.05, "{}", tau.mean);
    assert_rate("tau", tau_covered, trials, 0.95, 0.95);
    assert_rate("next effect", next_covered, trials, 0.94, 0.97);
}

/// Of 30 effects those with z > 1.96 are shipped. Their sum is overstated; by the
/// posterior it is not, by Lee and Shen's correction only a little.
#[test]
fn sums_of_winners_are_corrected() {
    let trials = 1_000;
    let mut random = Random(34);
    let (mut naive, mut corrected, mut posterior) = (Vec::new(), Vec::new(), Vec::new());
    let (mut closed_form, mut z2, mut covered) = (0.0, Vec::new(), 0);
    for _ in 0..trials {
        let truths: Vec<f64> = (0..30).map(|_| 0.2 + 0.8 * random.normal()).collect();
        let all: Vec<Effect> = truths
            .iter()
            .map(|truth| {
                let se = noise(&mut random);
                effect(truth + se * random.normal(), se)
            })
            .collect();
        let result = winners(&all, 1.96).unwrap();
        let truth: f64 = result.selected.iter().map(|&i| truths[i]).sum();
        naive.push(result.naive - truth);
        corrected.push(result.corrected.estimate - truth);
        z2.push((corrected[corrected.len() - 1] / result.corrected.se).powi(2));
        let total = RandomEffects::fit(&all)
            .unwrap()
            .total(&result.selected)
            .unwrap();
        posterior.push(total.estimate - truth);
        covered += u64::from((total.estimate - truth).abs() <= 1.96 * total.se);
        for (effect, truth) in all.iter().zip(&truths) {
            let short = 1.96 - truth / effect.se;
            closed_form += effect.se * (-0.5 * short * short).exp();
        }
    }
    let closed_form = closed_form / (2.0 * std::f64::consts::PI).sqrt() / trials as f64;
    let naive = sample(&naive);
    let noise = (naive.variance / naive.n as f64).sqrt();
    assert!(naive.mean > 2.0, "{}", naive.mean);
    assert!((naive.mean - closed_form).abs() < 4.9 * noise);
    let left = sample(&corrected).mean;
    assert!(left.abs() < 0.25 * naive.mean, "{left} of {}", naive.mean);
    // What is left is bias; beyond it the standard error is right.
    let ratio = sample(&z2).mean;
    assert!((0.8..1.4).contains(&ratio), "{ratio}");
    // The posterior mean leaves less than a tenth.
    let left = sample(&posterior).mean;
    assert!(left.abs() < 0.1 * naive.mean, "{left} of {}", naive.mean);
    assert_rate("total", covered, trials, 0.93, 0.98);
}

/// Three to ten segments, equal or very different: intervals cover at the nominal rate
/// or above it, and the posterior mean is nearer than the estimate.
#[test]
fn segments_are_covered() {
    let trials = 400;
    let mut random = Random(35);
    for (segments, tau) in [(3, 0.0), (3, 1.0), (5, 0.3), (5, 3.0), (10, 1.0)] {
        let mut covered = 0;
        let (mut shrunk_loss, mut naive_loss) = (0.0, 0.0);
        for _ in 0..trials {
            let truths: Vec<f64> = (0..segments).map(|_| 1.0 + tau * random.normal()).collect();
            let effects: Vec<Effect> = truths
                .iter()
                .map(|truth| {
                    let se = noise(&mut random);
                    effect(truth + se * random.normal(), se)
                })
                .collect();
            let model = RandomEffects::fit(&effects).unwrap();
            let i = random.below(segments as u64) as usize;
            let shrunk = model.shrunk(i, ALPHA).unwrap();
            let inside = shrunk.interval.low <= truths[i] && truths[i] <= shrunk.interval.high;
            covered += u64::from(inside);
            shrunk_loss += (shrunk.mean - truths[i]).powi(2);
            naive_loss += (effects[i].estimate - truths[i]).powi(2);
        }
        assert_rate(&format!("{segments} {tau}"), covered, trials, 0.935, 0.99);
        assert!(shrunk_loss < naive_loss, "{segments} {tau}");
    }
}

/// Q has its distribution with known standard errors and with few customers a
/// segment, and so has Welch's analysis of variance.
#[test]
fn omnibus_tests_are_uniform() {
    let trials = 4_000;
    let mut random = Random(36);
    let mut known = Vec::new();
    let mut rejected = 0;
    for _ in 0..trials {
        let effects: Vec<Effect> = (0..5)
            .map(|_| {
                let se = noise(&mut random);
                effect(1.0 + se * random.normal(), se)
            })
            .collect();
        known.push(heterogeneity(&effects).unwrap().omnibus.probability.p);
        let arms: Vec<Sample> = [(8, 1.0), (15, 3.0), (10, 0.5), (30, 2.0)]
            .map(|(n, sd)| {
                let values: Vec<f64> = (0..n).map(|_| sd * random.normal()).collect();
                sample(&values)
            })
            .to_vec();
        rejected += u64::from(welch_anova(&arms).unwrap().probability.p < ALPHA);
    }
    let p = uniform_probability(&known).expect("probabilities");
    assert!(p > 1e-6, "{p}");
    assert_rate("welch", rejected, trials, 0.045, 0.055);
}
