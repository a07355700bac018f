//! Quantiles, trimmed means, strata, triggers, decomposition and wear: laws, and coverage
//! over repeated experiments whose truth is known. Seeds are fixed; limits are those that
//! a binomial leaves once in a million.

mod common;

use common::{Random, arm_moments, covariance, sample};
use proptest::prelude::*;
use stats::decomposition::{ArmEstimate, Decomposition};
use stats::quantile::{
    ClusterIndicator, Distribution, Histogram, Indicator, OrderStatistics, QuantileError,
    QuantileLift, adjusted_lift_of_quantiles, lift_of_clustered_quantiles, lift_of_quantiles,
};
use stats::robust::{Trim, TrimmedMoments, lift_of_trimmed_means};
use stats::strata::{Stratum, post_stratified, post_stratified_ratio};
use stats::tail::normal_quantile;
use stats::trigger::{TriggerWarning, TriggeredArm, trigger_analysis};
use stats::uniformity::binomial_limits;
use stats::wear::{DailyMeans, Pace, Wear, wear};
use stats::{
    AdjustmentHealth, Arm, ArmMoments, Counts, Estimate, NotEstimable, RatioMoments, RatioSample,
    Sample, adjusted_lift, lift_of_means, lift_of_ratios,
};

const ALPHA: f64 = 0.05;

/// Counts how often intervals hold the truth.
struct Coverage {
    what: &'static str,
    covered: u64,
    trials: u64,
}

impl Coverage {
    fn new(what: &'static str) -> Self {
        Coverage {
            what,
            covered: 0,
            trials: 0,
        }
    }

    fn add(&mut self, low: f64, high: f64, truth: f64) {
        self.trials += 1;
        self.covered += u64::from(low <= truth && truth <= high);
    }

    fn interval(&mut self, interval: &Estimate, truth: f64) {
        self.add(interval.low, interval.high, truth);
    }

    /// Not below `1 - alpha - below` nor above `1 - alpha + above`.
    #[track_caller]
    fn assert(&self, below: f64, above: f64) {
        let rate = |slack: f64| (1.0 - ALPHA + slack).min(1.0);
        let (low, _) = binomial_limits(self.trials, rate(-below), 1e-6);
        let (_, high) = binomial_limits(self.trials, rate(above), 1e-6);
        assert!(
            (low..=high).contains(&self.covered),
            "{}: {} of {}, not in {low}..={high}",
            self.what,
            self.covered,
            self.trials
        );
    }
}

fn exact(values: &[f64]) -> Distribution {
    Distribution::of(values.iter().copied())
}

fn draw(n: usize, mut value: impl FnMut() -> f64) -> Vec<f64> {
    (0..n).map(|_| value()).collect()
}

// Laws.

fn values() -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![
        4 => -1e3..1e3f64,
        2 => (0..20i32).prop_map(f64::from),
        1 => Just(0.0),
        1 => prop_oneof![Just(-0.0), Just(1e300), Just(-1e-300), Just(5e-324)],
    ];
    proptest::collection::vec(value, 20..120)
}

fn two_passes(values: &[f64], level: f64) -> (Histogram, Distribution) {
    let histogram: Histogram = values.iter().copied().collect();
    let buckets = histogram.buckets_near(level, ALPHA, 1.0, 0.0);
    let buckets = buckets.expect("a level").expect("values");
    let mut second = OrderStatistics::new(buckets);
    second.extend(values.iter().copied());
    let refined = histogram.refined(&[second]).expect("the same rows");
    (histogram, refined)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn histograms_do_not_depend_on_order_or_chunks(values in values(), chunk in 1..50usize) {
        let whole: Histogram = values.iter().copied().collect();
        let mut merged = Histogram::new();
        for rows in values.chunks(chunk).rev() {
            let part: Histogram = rows.iter().rev().copied().collect();
            merged.merge(&part);
        }
        prop_assert_eq!(&whole, &merged);
        prop_assert_eq!(whole.count(), values.len() as u64);

        let buckets = whole.buckets_near(0.5, ALPHA, 1.0, 0.0).unwrap().unwrap();
        let mut second = OrderStatistics::new(buckets);
        second.extend(values.iter().copied());
        let mut parts = OrderStatistics::new(buckets);
        for rows in values.chunks(chunk).rev() {
            let mut part = OrderStatistics::new(buckets);
            part.extend(rows.iter().copied());
            parts.merge(&part);
        }
        prop_assert_eq!(second, parts);
    }

    #[test]
    fn buckets_bound_the_exact_quantiles(values in values(), level in 0.0..=1.0f64) {
        let histogram: Histogram = values.iter().copied().collect();
        let coarse = histogram.distribution().quantile(level).unwrap();
        let exact = exact(&values).quantile(level).unwrap().value;
        prop_assert!(coarse.low <= exact && exact <= coarse.high);
    }

    /// The second pass gives the exact answer; the first surely contains it.
    #[test]
    fn two_passes_are_exact(a in values(), b in values(), level in 0.2..0.8f64) {
        let Ok(all) = lift_of_quantiles(&exact(&a), &exact(&b), level, ALPHA) else {
            return Ok(());
        };
        let (coarse_a, refined_a) = two_passes(&a, level);
        let (coarse_b, refined_b) = two_passes(&b, level);
        let refined = lift_of_quantiles(&refined_a, &refined_b, level, ALPHA).unwrap();
        prop_assert_eq!(refined.lift.absolute, all.lift.absolute);
        prop_assert_eq!(&refined.lift.relative, &all.lift.relative);
        prop_assert!(refined.lift.probability.p >= all.lift.probability.p);
        let (coarse_a, coarse_b) = (coarse_a.distribution(), coarse_b.distribution());
        let coarse = lift_of_quantiles(&coarse_a, &coarse_b, level, ALPHA).unwrap().lift;
        prop_assert!(coarse.absolute.low <= all.lift.absolute.low);
        prop_assert!(coarse.absolute.high >= all.lift.absolute.high);
        prop_assert!(coarse.probability.p >= all.lift.probability.p);
    }

    /// Intervals and probability give one verdict, at every level alpha.
    #[test]
    fn quantile_verdicts_agree(a in values(), b in values(), level in 0.3..0.7f64, shift in -50.0..50.0f64) {
        let a: Vec<f64> = a.iter().map(|x| x + shift).collect();
        let (a, b) = (exact(&a), exact(&b));
        let Ok(QuantileLift { lift, .. }) = lift_of_quantiles(&a, &b, level, ALPHA) else {
            return Ok(());
        };
        let p = lift.probability.p;
        prop_assert_eq!(lift.absolute.excludes_zero(), p < ALPHA);
        if let Ok(relative) = &lift.relative {
            prop_assert_eq!(relative.excludes_zero(), p < ALPHA);
            prop_assert!(relative.low <= relative.estimate && relative.estimate <= relative.high);
        }
        prop_assert!(lift.absolute.low <= lift.absolute.estimate);
        prop_assert!(lift.absolute.estimate <= lift.absolute.high);
        if p > 0.01 && p < 0.9 {
            for (alpha, excludes) in [(p * 1.001, true), (p * 0.999, false)] {
                let again = lift_of_quantiles(&a, &b, level, alpha);
                // A smaller alpha may be out of reach.
                if let Ok(again) = again {
                    prop_assert_eq!(again.lift.absolute.excludes_zero(), excludes);
                }
            }
        }
    }

    #[test]
    fn quantile_effects_follow_units_and_arms(a in values(), b in values()) {
        let Ok(effect) = lift_of_quantiles(&exact(&a), &exact(&b), 0.5, ALPHA) else {
            return Ok(());
        };
        let swapped = lift_of_quantiles(&exact(&b), &exact(&a), 0.5, ALPHA).unwrap().lift;
        let lift = effect.lift;
        prop_assert_eq!(swapped.absolute.low, -lift.absolute.high);
        prop_assert_eq!(swapped.absolute.high, -lift.absolute.low);
        prop_assert_eq!(swapped.probability, lift.probability);
        let double = |x: &[f64]| exact(&x.iter().map(|x| x * 2.0).collect::<Vec<_>>());
        let doubled = lift_of_quantiles(&double(&a), &double(&b), 0.5, ALPHA).unwrap().lift;
        prop_assert_eq!(doubled.absolute.low, 2.0 * lift.absolute.low);
        prop_assert_eq!(doubled.probability, lift.probability);
        prop_assert_eq!(doubled.relative.ok(), lift.relative.ok());
    }

    #[test]
    fn strata_of_all_customers_are_welch(n_t in 2..50u64, n_c in 2..50u64, m in -5.0..5.0f64, v in 0.1..9.0f64) {
        let treated = Sample { n: n_t, mean: m, variance: v };
        let control = Sample { n: n_c, mean: 1.0, variance: 2.0 };
        let stratum = Stratum { treated: treated.into(), control: control.into() };
        let effect = post_stratified(&[stratum], ALPHA).unwrap();
        let welch = lift_of_means(&treated, &control, ALPHA).unwrap();
        prop_assert!((effect.lift.absolute.se / welch.absolute.se - 1.0).abs() < 1e-12);
        prop_assert!((effect.lift.absolute.df / welch.absolute.df - 1.0).abs() < 1e-12);
        prop_assert_eq!(effect.lift.absolute.estimate, welch.absolute.estimate);
    }

    #[test]
    fn effects_of_content_and_targeting_add_up(
        g in -9.0..9.0f64, p in -9.0..9.0f64, s in -9.0..9.0f64, v in 0.0..1.0f64,
    ) {
        let arm = |value| ArmEstimate { value, variance: v, df: 50.0 };
        let effect = Decomposition::new(&arm(g), &arm(p), &arm(s)).unwrap();
        let d = |c: &stats::Contrast| c.treated - c.control;
        let sum = d(&effect.targeting) + d(&effect.content);
        prop_assert!((sum - d(&effect.total)).abs() < 1e-14 * 20.0);
        // The variances add up too, with the covariance of the shared arm.
        let variance = |c: &stats::Contrast| c.treated_variance + c.control_variance;
        let total = variance(&effect.targeting) + variance(&effect.content) + 2.0 * effect.covariance;
        prop_assert!((total - variance(&effect.total)).abs() < 1e-14);
    }
}

// Quantiles.

#[test]
fn quantile_intervals_cover() {
    let mut random = Random(1);
    let z90 = normal_quantile(0.9);
    let log_normal = |random: &mut Random, scale: f64| scale * random.normal().exp();
    let mut median = Coverage::new("median of log-normals");
    let mut high = Coverage::new("0.9 quantile of log-normals");
    let mut relative = Coverage::new("relative effect on the 0.9 quantile");
    let mut small = Coverage::new("median of 12 and 15 values");
    let mut bucketed = Coverage::new("0.9 quantile from buckets");
    for _ in 0..1500 {
        let treated = draw(150, || log_normal(&mut random, 1.3));
        let control = draw(400, || log_normal(&mut random, 1.0));
        let (t, c) = (exact(&treated), exact(&control));
        let effect = lift_of_quantiles(&t, &c, 0.5, ALPHA)
            .expect("an effect")
            .lift;
        median.interval(&effect.absolute, 0.3);
        let effect = lift_of_quantiles(&t, &c, 0.9, ALPHA)
            .expect("an effect")
            .lift;
        high.interval(&effect.absolute, 0.3 * z90.exp());
        let ratio = effect.relative.expect("positive values");
        relative.add(ratio.low, ratio.high, 0.3);
        let (t, c) = (exact(&treated[..12]), exact(&control[..15]));
        let effect = lift_of_quantiles(&t, &c, 0.5, ALPHA)
            .expect("an effect")
            .lift;
        small.interval(&effect.absolute, 0.3);
        let buckets = |values: &[f64]| {
            let histogram: Histogram = values.iter().copied().collect();
            histogram.distribution()
        };
        let effect = lift_of_quantiles(&buckets(&treated), &buckets(&control), 0.9, ALPHA);
        bucketed.interval(&effect.expect("an effect").lift.absolute, 0.3 * z90.exp());
    }
    for coverage in [&median, &high, &relative, &bucketed] {
        coverage.assert(0.005, 0.02);
    }
    small.assert(0.0, 0.04);
}

/// A median on the atom at zero, and a 0.9 quantile of buyers beside it.
#[test]
fn zero_inflated_quantiles_are_covered() {
    let mut random = Random(2);
    let revenue = |random: &mut Random, scale: f64| {
        if random.uniform() < 0.3 {
            scale * random.normal().exp()
        } else {
            0.0
        }
    };
    let mut at_zero = Coverage::new("median at zero");
    let mut buyers = Coverage::new("0.9 quantile of which two thirds buy nothing");
    // P(X <= x) = 0.7 + 0.3 P(Z <= ln x) = 0.9.
    let truth = 0.2 * normal_quantile(2.0 / 3.0).exp();
    for _ in 0..1000 {
        let treated = exact(&draw(500, || revenue(&mut random, 1.2)));
        let control = exact(&draw(300, || revenue(&mut random, 1.0)));
        let effect = lift_of_quantiles(&treated, &control, 0.5, ALPHA).expect("an effect");
        assert_eq!(
            (effect.lift.absolute.low, effect.lift.absolute.high),
            (0.0, 0.0)
        );
        assert_eq!(effect.lift.probability.p, 1.0);
        assert_eq!(effect.lift.relative, Err(NotEstimable::ZeroBaseline));
        at_zero.interval(&effect.lift.absolute, 0.0);
        let effect = lift_of_quantiles(&treated, &control, 0.9, ALPHA).expect("an effect");
        buyers.interval(&effect.lift.absolute, truth);
    }
    at_zero.assert(0.0, 0.05);
    buyers.assert(0.005, 0.02);
}

/// Load times whose level is the customer's: naive intervals would be far too narrow.
#[test]
fn clustered_quantiles_are_covered() {
    let mut random = Random(3);
    let spread = (0.6f64 * 0.6 + 0.5 * 0.5).sqrt();
    let quantile = |level: f64| (spread * normal_quantile(level)).exp();
    let mut clustered = Coverage::new("0.9 quantile of clustered events");
    let mut median = Coverage::new("median of clustered events");
    let mut naive = Coverage::new("0.9 quantile as if independent");
    for _ in 0..500 {
        let mut arm = |customers: usize, scale: f64| {
            let of_customers: Vec<Vec<f64>> = (0..customers)
                .map(|_| {
                    let level = 0.6 * random.normal();
                    let events = 1 + random.below(12) as usize;
                    draw(events, || scale * (level + 0.5 * random.normal()).exp())
                })
                .collect();
            of_customers
        };
        let (treated, control) = (arm(200, 1.1), arm(300, 1.0));
        let clusters = |customers: &[Vec<f64>], threshold: f64| {
            let mut sums = ClusterIndicator::new();
            for events in customers {
                let below = events.iter().filter(|x| **x <= threshold).count();
                sums.insert(below as u32, events.len() as u32);
            }
            sums
        };
        let (t, c) = (exact(&treated.concat()), exact(&control.concat()));
        for (level, coverage) in [(0.9, &mut clustered), (0.5, &mut median)] {
            let sums = |customers: &[Vec<f64>], events: &Distribution| {
                clusters(customers, events.quantile(level).expect("events").value)
            };
            let (s_t, s_c) = (sums(&treated, &t), sums(&control, &c));
            assert!(s_t.design_effect(Arm::Treated).expect("one") > 1.5);
            let effect = lift_of_clustered_quantiles((&t, &s_t), (&c, &s_c), level, ALPHA);
            let effect = effect.expect("an effect").lift.absolute;
            coverage.interval(&effect, 0.1 * quantile(level));
        }
        let effect = lift_of_quantiles(&t, &c, 0.9, ALPHA)
            .expect("an effect")
            .lift;
        naive.interval(&effect.absolute, 0.1 * quantile(0.9));
    }
    clustered.assert(0.01, 0.02);
    median.assert(0.01, 0.02);
    let naive = naive.covered as f64 / naive.trials as f64;
    assert!(naive < 0.9, "{naive}");
}

/// A covariate that tells half of the variance narrows the interval, and it still covers.
#[test]
fn adjusted_quantiles_are_covered_and_narrower() {
    let mut random = Random(4);
    let mut coverage = Coverage::new("adjusted median");
    let (mut plain_width, mut adjusted_width) = (0.0, 0.0);
    for _ in 0..500 {
        let mut arm = |n: usize, shift: f64| {
            let x = draw(n, || random.normal());
            let y: Vec<f64> = x
                .iter()
                .map(|x| shift + 2.0 * x + random.normal())
                .collect();
            (y, x)
        };
        let (treated, control) = (arm(300, 10.5), arm(150, 10.0));
        let moments = |(y, x): &(Vec<f64>, Vec<f64>)| {
            let quantile = exact(y).quantile(0.5).expect("values").value;
            let below: Vec<f64> = y
                .iter()
                .map(|y| f64::from(u8::from(*y <= quantile)))
                .collect();
            arm_moments(&below, &[x])
        };
        let (m_t, m_c) = (moments(&treated), moments(&control));
        let (t, c) = (exact(&treated.0), exact(&control.0));
        let indicator = Indicator::Customers {
            treated: &m_t,
            control: &m_c,
        };
        let effect = adjusted_lift_of_quantiles(&t, &c, indicator, 0.5, ALPHA);
        let effect = effect.expect("an effect").lift.absolute;
        coverage.interval(&effect, 0.5);
        adjusted_width += effect.high - effect.low;
        let plain = lift_of_quantiles(&t, &c, 0.5, ALPHA)
            .expect("an effect")
            .lift
            .absolute;
        plain_width += plain.high - plain.low;
    }
    coverage.assert(0.01, 0.02);
    assert!(
        adjusted_width < 0.8 * plain_width,
        "{adjusted_width} {plain_width}"
    );
}

#[test]
fn quantiles_are_refused_for_reasons() {
    let few = Distribution::of([1.0, 2.0, 3.0]);
    let many = Distribution::of((0..100).map(f64::from));
    let out_of_reach = QuantileError::OutOfReach {
        arm: Arm::Treated,
        n: 3,
    };
    assert_eq!(
        lift_of_quantiles(&few, &many, 0.5, ALPHA),
        Err(out_of_reach)
    );
    let empty = Distribution::of([]);
    let effect = lift_of_quantiles(&empty, &many, 0.5, ALPHA);
    assert_eq!(effect.unwrap_err().to_string(), "the treated arm is empty");
    for level in [0.0, 1.0, f64::NAN] {
        let effect = lift_of_quantiles(&many, &many, level, ALPHA);
        assert!(matches!(effect, Err(QuantileError::InvalidLevel { .. })));
    }
    assert!(lift_of_quantiles(&many, &many, 0.5, 0.0).is_err());
    let infinite = Distribution::of((0..100).map(|x| f64::from(x) / 0.0));
    let effect = lift_of_quantiles(&infinite, &many, 0.5, ALPHA);
    assert!(matches!(effect, Err(QuantileError::NotFinite { .. })));
    let crossing = Distribution::of((-50..50).map(|x| f64::from(x) + 0.5));
    let effect = lift_of_quantiles(&many, &crossing, 0.5, ALPHA)
        .unwrap()
        .lift;
    assert!(effect.relative.is_err() && effect.absolute.excludes_zero());
    // Rows changed between the passes.
    let histogram: Histogram = [1.0, 2.0].into_iter().collect();
    let buckets = histogram
        .buckets_near(0.5, 0.05, 1.0, 0.0)
        .unwrap()
        .unwrap();
    let refined = histogram.refined(&[OrderStatistics::new(buckets)]);
    assert!(matches!(refined, Err(QuantileError::PassesDiffer { .. })));
    assert_eq!(Histogram::new().buckets_near(0.5, 0.05, 1.0, 0.0), Ok(None));
}

// Trimmed means.

/// The mean of a log-normal between two quantiles.
fn trimmed_log_normal(lower: f64, upper: f64) -> f64 {
    const STEPS: u32 = 20_000;
    let kept = 1.0 - lower - upper;
    let level = |i: u32| lower + kept * (f64::from(i) + 0.5) / f64::from(STEPS);
    let sum: f64 = (0..STEPS).map(|i| normal_quantile(level(i)).exp()).sum();
    sum / f64::from(STEPS)
}

#[test]
fn trimmed_means_are_covered() {
    let mut random = Random(5);
    let trim = Trim {
        lower: 0.05,
        upper: 0.1,
    };
    let truth = 0.2 * trimmed_log_normal(trim.lower, trim.upper);
    let mut coverage = Coverage::new("trimmed mean");
    let (mut trimmed_width, mut plain_width) = (0.0, 0.0);
    for _ in 0..1500 {
        let treated = draw(300, || 1.2 * random.normal().exp());
        let control = draw(120, || random.normal().exp());
        let moments = |values: &[f64]| TrimmedMoments::of(values, trim).expect("values");
        let lift = lift_of_trimmed_means(&moments(&treated), &moments(&control), trim, ALPHA);
        let lift = lift.expect("an effect").absolute;
        coverage.interval(&lift, truth);
        let plain = lift_of_means(&sample(&treated), &sample(&control), ALPHA);
        trimmed_width += lift.se;
        plain_width += plain.expect("an effect").absolute.se;
    }
    coverage.assert(0.015, 0.01);
    assert!(trimmed_width < 0.7 * plain_width);
}

#[test]
fn trimming_nothing_is_welch_and_ties_do_not_matter() {
    let mut random = Random(6);
    let treated = draw(40, || random.below(7) as f64);
    let control = draw(31, || random.below(6) as f64);
    let nothing = Trim {
        lower: 0.0,
        upper: 0.0,
    };
    let moments = |values: &[f64], trim| TrimmedMoments::of(values, trim).expect("values");
    let lift = lift_of_trimmed_means(
        &moments(&treated, nothing),
        &moments(&control, nothing),
        nothing,
        ALPHA,
    );
    let welch = lift_of_means(&sample(&treated), &sample(&control), ALPHA).expect("an effect");
    let (lift, welch) = (lift.expect("an effect").absolute, welch.absolute);
    for (a, b) in [
        (lift.estimate, welch.estimate),
        (lift.se, welch.se),
        (lift.df, welch.df),
    ] {
        assert!((a / b - 1.0).abs() < 1e-12, "{a} {b}");
    }
    // One value remains where the rest is left out, whatever that is.
    let most = Trim {
        lower: 0.0,
        upper: 0.6,
    };
    let mut few = vec![1.0; 4];
    few.extend([9.0; 6]);
    let constant = stats::robust::contrast_of_trimmed_means(
        &moments(&few, most),
        &moments(&control, most),
        most,
    );
    let constant = constant.expect("means");
    assert_eq!((constant.treated, constant.treated_variance), (1.0, 0.0));
    // With many ties the kept values are still the middle ones.
    let trim = Trim {
        lower: 0.1,
        upper: 0.2,
    };
    let mut sorted = treated.clone();
    sorted.sort_by(f64::total_cmp);
    let kept = sample(&sorted[4..32]).mean;
    let winsorized: Vec<f64> = treated
        .iter()
        .map(|x| x.clamp(sorted[4], sorted[31]))
        .collect();
    let contrast = stats::robust::contrast_of_trimmed_means(
        &moments(&treated, trim),
        &moments(&control, trim),
        trim,
    )
    .expect("means");
    assert!((contrast.treated - kept).abs() < 1e-12);
    let variance = 39.0 * sample(&winsorized).variance / (28.0 * 27.0);
    assert!((contrast.treated_variance / variance - 1.0).abs() < 1e-12);
}

// Strata.

/// Outcomes and a covariate of the customers of an arm in a stratum.
type Rows = (Vec<f64>, Vec<f64>);

/// Strata that differ in level, effect and size, drawn at random with an uneven split.
#[test]
fn post_stratified_effects_are_covered() {
    let mut random = Random(7);
    let shares = [0.6, 0.3, 0.1];
    let levels = [1.0, 5.0, 20.0];
    let effects = [0.1, 0.5, 3.0];
    let sum = |values: &[f64]| -> f64 { values.iter().zip(&shares).map(|(v, w)| v * w).sum() };
    let (truth, base) = (sum(&effects), sum(&levels));
    let mut plain = Coverage::new("post-stratified");
    let mut relative = Coverage::new("post-stratified, relative");
    let mut adjusted = Coverage::new("post-stratified and adjusted");
    let (mut se, mut adjusted_se, mut unstratified_se) = (0.0, 0.0, 0.0);
    for _ in 0..1500 {
        let mut arms: [[Rows; 3]; 2] = Default::default();
        let mut all: [Vec<f64>; 2] = Default::default();
        for _ in 0..400 {
            let arm = usize::from(random.uniform() < 0.15);
            let u = random.uniform();
            let stratum = usize::from(u > 0.6) + usize::from(u > 0.9);
            let x = random.normal();
            let noise = (1.0 + stratum as f64) * (x + random.normal());
            let y = levels[stratum] + effects[stratum] * arm as f64 + noise;
            arms[arm][stratum].0.push(y);
            arms[arm][stratum].1.push(x);
            all[arm].push(y);
        }
        let strata = |of: &dyn Fn(&Rows) -> ArmMoments| -> Vec<Stratum<ArmMoments>> {
            (0..3)
                .map(|s| Stratum {
                    treated: of(&arms[1][s]),
                    control: of(&arms[0][s]),
                })
                .collect()
        };
        let effect = post_stratified(&strata(&|(y, _)| sample_of(y).into()), ALPHA);
        let effect = effect.expect("an effect");
        plain.interval(&effect.lift.absolute, truth);
        se += effect.lift.absolute.se;
        let ratio = effect.lift.relative.expect("a base");
        relative.add(ratio.low, ratio.high, truth / base);
        let both = strata(&|(y, x)| {
            let mut moments = arm_moments(y, &[x]);
            if moments.n < 2 {
                moments.variance = 0.0;
                moments.outcome_covariances[0] = 0.0;
                moments.covariate_covariances[0] = 0.0;
            }
            moments
        });
        let effect = post_stratified(&both, ALPHA).expect("an effect");
        adjusted.interval(&effect.lift.absolute, truth);
        adjusted_se += effect.lift.absolute.se;
        let welch = lift_of_means(&sample(&all[1]), &sample(&all[0]), ALPHA);
        unstratified_se += welch.expect("an effect").absolute.se;
    }
    plain.assert(0.015, 0.01);
    relative.assert(0.015, 0.01);
    adjusted.assert(0.02, 0.015);
    assert!(se < 0.6 * unstratified_se && adjusted_se < 0.9 * se);
}

/// A sample of any size.
fn sample_of(values: &[f64]) -> Sample {
    let mut summary = sample(values);
    if values.len() < 2 {
        summary.variance = 0.0;
    }
    summary
}

#[test]
fn small_strata_are_merged_and_counted() {
    let arm = |n, mean| {
        ArmMoments::from(Sample {
            n,
            mean,
            variance: 1.0,
        })
    };
    let stratum = |t, c| Stratum {
        treated: arm(t, 2.0),
        control: arm(c, 1.0),
    };
    // Two too small ones together suffice; a stratum of nobody is no stratum.
    let effect = post_stratified(
        &[stratum(9, 9), stratum(1, 9), stratum(9, 1), stratum(0, 0)],
        ALPHA,
    );
    let effect = effect.expect("an effect");
    assert_eq!((effect.strata, effect.merged, effect.empty), (2, 2, 1));
    assert!((effect.lift.absolute.estimate - 1.0).abs() < 1e-12);
    // One without a treated arm joins the smallest of the others.
    let effect = post_stratified(&[stratum(90, 90), stratum(0, 9), stratum(20, 20)], ALPHA);
    let effect = effect.expect("an effect");
    assert_eq!((effect.strata, effect.merged), (2, 2));
    assert!(post_stratified(&[stratum(0, 9), stratum(0, 8)], ALPHA).is_err());
    assert!(post_stratified(&[], ALPHA).is_err());
}

#[test]
fn ratios_post_stratify_as_means_do() {
    let ratio = |n, numerator_mean, denominator_mean| RatioMoments {
        ratio: RatioSample {
            n,
            numerator_mean,
            denominator_mean,
            numerator_variance: 4.0,
            denominator_variance: 0.5,
            covariance: 0.7,
        },
        covariate_means: vec![],
        numerator_covariances: vec![],
        denominator_covariances: vec![],
        covariate_covariances: vec![],
    };
    let one = Stratum {
        treated: ratio(50, 3.0, 2.0),
        control: ratio(70, 2.5, 2.1),
    };
    let whole = lift_of_ratios(&one.treated.ratio, &one.control.ratio, ALPHA).expect("an effect");
    let effect = post_stratified_ratio(std::slice::from_ref(&one), ALPHA).expect("an effect");
    assert!((effect.lift.absolute.estimate - whole.absolute.estimate).abs() < 1e-14);
    assert!((effect.lift.absolute.se / whole.absolute.se - 1.0).abs() < 1e-12);
    let two = Stratum {
        treated: ratio(30, 9.0, 4.0),
        control: ratio(10, 8.0, 4.1),
    };
    let effect = post_stratified_ratio(&[one, two], ALPHA).expect("an effect");
    let weights = [120.0 / 160.0, 40.0 / 160.0];
    let mean = |a: f64, b: f64| weights[0] * a + weights[1] * b;
    let truth = mean(3.0, 9.0) / mean(2.0, 4.0) - mean(2.5, 8.0) / mean(2.1, 4.1);
    assert!((effect.lift.absolute.estimate - truth).abs() < 1e-12);
}

#[test]
fn mantel_haenszel_takes_degenerate_tables() {
    use stats::strata::mantel_haenszel;
    let counts = |successes, n| Counts { successes, n };
    let table = |t, c| Stratum {
        treated: t,
        control: c,
    };
    let nothing = table(counts(0, 0), counts(3, 9));
    assert!(mantel_haenszel(std::slice::from_ref(&nothing), ALPHA).is_err());
    let invalid = table(counts(5, 0), counts(3, 9));
    assert!(mantel_haenszel(&[invalid], ALPHA).is_err());
    let result = mantel_haenszel(&[nothing, table(counts(5, 9), counts(0, 9))], ALPHA);
    let result = result.expect("a test");
    assert_eq!((result.strata, result.uninformative), (1, 1));
    assert!(result.odds_ratio.is_none() && result.probability.p < 0.05);
}

// Triggers.

#[test]
fn diluted_effects_are_covered_and_sharper() {
    let mut random = Random(8);
    let rate = 0.1;
    let (mut absolute, mut relative) =
        (Coverage::new("diluted"), Coverage::new("diluted, relative"));
    let mut ratio = 0.0;
    const TRIALS: usize = 800;
    for _ in 0..TRIALS {
        let mut arm = |n: usize, effect: f64| {
            let (mut triggered, mut rest) = (Vec::new(), Vec::new());
            for _ in 0..n {
                if random.uniform() < rate {
                    triggered.push(8.0 + effect + 3.0 * random.normal());
                } else {
                    rest.push(4.0 + 3.0 * random.normal());
                }
            }
            TriggeredArm {
                triggered: sample(&triggered),
                untriggered: sample(&rest),
            }
        };
        let (treated, control) = (arm(1200, 2.0), arm(400, 0.0));
        let result = trigger_analysis(&treated, &control, ALPHA).expect("an effect");
        absolute.interval(&result.diluted.absolute, rate * 2.0);
        let effect = result.diluted.relative.expect("a base");
        relative.add(effect.low, effect.high, rate * 2.0 / 4.4);
        ratio += result.variance_ratio / TRIALS as f64;
    }
    absolute.assert(0.01, 0.01);
    relative.assert(0.01, 0.01);
    // The triggered share of the variance, and less by what the strata's levels differ.
    assert!((0.05..0.15).contains(&ratio), "{ratio}");
}

#[test]
fn trigger_premises_are_checked() {
    let arm = |triggered: u64, untriggered: u64, mean: f64| TriggeredArm {
        triggered: Sample {
            n: triggered,
            mean: 5.0,
            variance: 4.0,
        },
        untriggered: Sample {
            n: untriggered,
            mean,
            variance: 4.0,
        },
    };
    let warnings = |a: &TriggeredArm, b: &TriggeredArm| {
        trigger_analysis(a, b, ALPHA).expect("an effect").warnings
    };
    assert_eq!(warnings(&arm(1000, 9000, 3.0), &arm(1010, 8990, 3.0)), []);
    let rates = warnings(&arm(1000, 9000, 3.0), &arm(1300, 8700, 3.0));
    assert_eq!(rates, [TriggerWarning::RatesDiffer]);
    let effect = warnings(&arm(1000, 9000, 3.2), &arm(1000, 9000, 3.0));
    assert_eq!(effect, [TriggerWarning::UntriggeredEffect]);
    // All triggered: nothing to dilute.
    let nobody = Sample {
        n: 0,
        mean: f64::NAN,
        variance: f64::NAN,
    };
    let all = |mean| TriggeredArm {
        triggered: Sample {
            n: 100,
            mean,
            variance: 4.0,
        },
        untriggered: nobody,
    };
    let result = trigger_analysis(&all(5.0), &all(4.0), ALPHA).expect("an effect");
    assert_eq!(result.rate, 1.0);
    assert_eq!(result.untriggered, None);
    assert_eq!(result.diluted.absolute.low, result.triggered.absolute.low);
}

// Decomposition.

#[test]
fn the_share_of_targeting_is_covered_or_refused() {
    let mut random = Random(9);
    let mut coverage = Coverage::new("share of targeting");
    let arm = |random: &mut Random, n: usize, mean: f64| {
        let summary = sample(&draw(n, || mean + 2.0 * random.normal()));
        ArmEstimate::of_mean(&summary, Arm::Treated).expect("values")
    };
    for _ in 0..1500 {
        let generic = arm(&mut random, 100, 5.0);
        let personalized = arm(&mut random, 200, 7.0);
        let shuffled = arm(&mut random, 80, 5.5);
        let effect = Decomposition::new(&generic, &personalized, &shuffled).expect("numbers");
        let share = effect
            .targeting_share(ALPHA)
            .expect("an alpha")
            .expect("a total");
        coverage.add(share.low, share.high, 0.75);
    }
    coverage.assert(0.01, 0.01);
    let same = arm(&mut random, 100, 5.0);
    let effect = Decomposition::new(&same, &same, &same).expect("numbers");
    assert_eq!(
        effect.targeting_share(ALPHA),
        Ok(Err(NotEstimable::ZeroBaseline))
    );
}

// Wear.

/// Customers who differ for good: their days correlate, and few of them are observed.
#[test]
fn slopes_over_days_are_covered() {
    let mut random = Random(10);
    let days: Vec<u32> = (1..=10).collect();
    let mut slope = Coverage::new("slope of a fading effect");
    let mut start = Coverage::new("start of a fading effect");
    let mut later = Coverage::new("later days less the first week");
    let mut constant = Coverage::new("test of no change");
    let truth = |day: u32| 2.0 - 0.5 * f64::from(day).ln();
    let mean =
        |days: &[u32]| -> f64 { days.iter().map(|d| truth(*d)).sum::<f64>() / days.len() as f64 };
    let mut fading = 0;
    const TRIALS: u64 = 400;
    for _ in 0..TRIALS {
        let mut arm = |n: usize, effect: &dyn Fn(u32) -> f64| {
            let rows: Vec<Vec<f64>> = (0..n)
                .map(|_| {
                    let customer = random.normal();
                    let value = |day: &u32| effect(*day) + customer + 0.7 * random.normal();
                    days.iter().map(value).collect()
                })
                .collect();
            daily(&rows)
        };
        let control = arm(70, &|_| 0.0);
        let treated = arm(60, &truth);
        let result = wear(&days, &treated, &control, Pace::Logarithmic, ALPHA).expect("days");
        slope.interval(&result.slope, -0.5);
        start.interval(&result.start, 2.0);
        let first_week = result.later_less_first_week.expect("more than a week");
        later.interval(&first_week, mean(&days[7..]) - mean(&days[..7]));
        assert_eq!(result.slope.excludes_zero(), result.probability.p < ALPHA);
        fading += u64::from(result.wear == Wear::Fading);
        let steady = arm(60, &|_| 1.0);
        let result = wear(&days, &steady, &control, Pace::Linear, ALPHA).expect("days");
        constant.add(ALPHA, 1.0, result.constant.probability.p);
    }
    slope.assert(0.015, 0.02);
    start.assert(0.015, 0.02);
    later.assert(0.015, 0.02);
    constant.assert(0.02, 0.035);
    assert!(fading > TRIALS * 9 / 10, "{fading}");
}

fn daily(rows: &[Vec<f64>]) -> DailyMeans {
    let n = rows.len() as u64;
    let columns: Vec<Vec<f64>> = (0..rows[0].len())
        .map(|day| rows.iter().map(|row| row[day]).collect())
        .collect();
    let means: Vec<f64> = columns.iter().map(|c| sample(c).mean).collect();
    let pairs = columns
        .iter()
        .flat_map(|a| columns.iter().map(move |b| (a, b)));
    let covariances: Vec<f64> = pairs.map(|(a, b)| covariance(a, b)).collect();
    let counts = vec![n; covariances.len()];
    DailyMeans::of_pairs(Arm::Treated, &means, &counts, &covariances).expect("days")
}

#[test]
fn days_are_refused_for_reasons() {
    let days = |n: u64, k: usize| {
        let covariances: Vec<f64> = (0..k * k)
            .map(|at| f64::from(u8::from(at / k == at % k)))
            .collect();
        DailyMeans::of_pairs(Arm::Treated, &vec![1.0; k], &vec![n; k * k], &covariances)
    };
    assert!(days(1, 3).is_err());
    let three = days(50, 3).expect("days");
    let run = |on: &[u32]| wear(on, &three, &three, Pace::Linear, ALPHA);
    assert_eq!(run(&[1, 2, 3]).expect("days").wear, Wear::NoChangeFound);
    assert!(run(&[1, 2]).is_err() && run(&[3, 2, 1]).is_err() && run(&[0, 1, 2]).is_err());
    let few = days(3, 3).expect("days");
    assert!(wear(&[1, 2, 3], &few, &few, Pace::Linear, ALPHA).is_err());
}

// Health of an adjustment.

#[test]
fn health_tells_what_is_wrong() {
    let arm = |mean: f64, x: f64| ArmMoments {
        n: 400,
        mean,
        variance: 4.0,
        covariate_means: vec![x],
        outcome_covariances: vec![1.8],
        covariate_covariances: vec![1.0],
    };
    let (treated, control) = (arm(10.1, 0.3), arm(10.0, 0.0));
    let adjusted = adjusted_lift(&treated, &control, ALPHA).expect("an effect");
    let extremes = [(-2.0, 15.0)];
    let extremes = Some((&extremes[..], &extremes[..]));
    let health = AdjustmentHealth::new(&treated, &control, &adjusted, (20, 0), extremes);
    let health = health.expect("numbers");
    assert!((health.treated.r2 - 1.8 * 1.8 / 4.0).abs() < 1e-12);
    assert_eq!(
        (health.treated.missing, health.control.missing),
        (0.05, 0.0)
    );
    assert!(health.sign_flip);
    let covariate = health.covariates[0];
    assert!((covariate.imbalance - 0.3).abs() < 1e-12);
    assert!(covariate.probability.p < 1e-4);
    assert!((covariate.largest_leverage.expect("one") - 225.0 / 399.0).abs() < 1e-12);
    assert!(AdjustmentHealth::new(&treated, &control, &adjusted, (401, 0), None).is_err());
}

#[test]
fn days_from_moments_are_those_from_pairs() {
    use stats::moments::{CoMoments, Products};
    let mut random = Random(11);
    let columns: Vec<Vec<f64>> = (0..3).map(|_| draw(30, || random.normal())).collect();
    let slices: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let mut rows = CoMoments::new(&Products::new(3, |_, _| true));
    rows.push(&slices).expect("rows");
    let of_moments = DailyMeans::of_moments(Arm::Treated, &rows.finish(), &[0, 1, 2]);
    let of_moments = of_moments.expect("days");
    let by_row: Vec<Vec<f64>> = (0..30)
        .map(|row| columns.iter().map(|column| column[row]).collect())
        .collect();
    let of_pairs = daily(&by_row);
    let slope = |control: &DailyMeans| {
        let result = wear(&[1, 2, 3], &of_pairs, control, Pace::Linear, ALPHA);
        result.expect("days").slope.se
    };
    assert!((slope(&of_moments) / slope(&of_pairs) - 1.0).abs() < 1e-12);
    let alone = CoMoments::new(&Products::new(3, |_, _| false)).finish();
    assert!(DailyMeans::of_moments(Arm::Treated, &alone, &[0]).is_err());
}

/// Events adjusted without covariates are clustered events.
#[test]
fn adjusting_by_nothing_changes_nothing() {
    let mut random = Random(12);
    let mut arm = |shift: f64| {
        let customers: Vec<Vec<f64>> = (0..150)
            .map(|_| {
                let level = shift + random.normal();
                let events = 1 + random.below(5) as usize;
                draw(events, || level + random.normal())
            })
            .collect();
        let events = exact(&customers.concat());
        let threshold = events.quantile(0.5).expect("events").value;
        let mut sums = ClusterIndicator::new();
        for values in &customers {
            let below = values.iter().filter(|x| **x <= threshold).count();
            sums.insert(below as u32, values.len() as u32);
        }
        let moments = RatioMoments {
            ratio: sums.ratio(Arm::Treated).expect("customers"),
            covariate_means: vec![],
            numerator_covariances: vec![],
            denominator_covariances: vec![],
            covariate_covariances: vec![],
        };
        (events, sums, moments)
    };
    let (treated, control) = (arm(0.3), arm(0.0));
    let clustered = lift_of_clustered_quantiles(
        (&treated.0, &treated.1),
        (&control.0, &control.1),
        0.5,
        ALPHA,
    );
    let indicator = Indicator::Events {
        treated: &treated.2,
        control: &control.2,
    };
    let adjusted = adjusted_lift_of_quantiles(&treated.0, &control.0, indicator, 0.5, ALPHA);
    let (clustered, adjusted) = (clustered.expect("one").lift, adjusted.expect("one").lift);
    assert_eq!(clustered.absolute.low, adjusted.absolute.low);
    assert_eq!(clustered.absolute.high, adjusted.absolute.high);
}
