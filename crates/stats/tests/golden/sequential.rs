//! Looking again and again: confidence sequences, group sequential bounds,
//! anytime-valid t and F.

use crate::cases::{Results, compare, count, id, of_lift, sample, text};
use crate::columns::{Columns, SKEWED, USERS};
use crate::common::{assert_close, number, numbers};
use serde_json::Value;
use stats::quantile::Distribution;
use stats::sequential::{
    AnytimeF, ConfidenceSequence, DistributionSequence, EmpiricalBernstein, HedgedCapital, Looks,
    Monitor, PlugInBernstein, SequentialError, Sides, Spending, Stage, any_quantile_bound,
    bernoulli_sequence, gamma_exponential_bound, group_sequential, quantile_sequence_probability,
    quantile_sequence_ranks, stitched_bound,
};
use stats::{Contrast, Lift, Method};

const ALPHA: f64 = 0.05;

#[test]
fn sequential() {
    compare(include_str!("sequential.json"), |case| {
        match text(&case["kind"]) {
            "radius" => radius(case),
            "means" => means(case),
            "anytime_t" => anytime_t(case),
            "anytime_f" => anytime_f(case),
            "gamma_exponential" => gamma_exponential(case),
            "bernoulli" => bernoulli(case),
            "empirical_bernstein" => empirical_bernstein(case),
            "stitched" => stitched(case),
            "plug_in" => plug_in(case),
            "hedged" => hedged(case),
            "quantile_ab" => quantile_ab(case),
            "any_quantile" => any_quantile(case),
            "group_sequential" => spent(case),
            "looks" => looks(case),
            other => panic!("unknown kind {other}"),
        }
        .map_err(|e| e.to_string())
    });
}

type Outcome = Result<Results, SequentialError>;

/// A standard error, and where given a z, at an information fraction.
fn radius(case: &Value) -> Outcome {
    let (se, fraction) = (number(&case["se"]), number(&case["fraction"]));
    let two = ConfidenceSequence::tuned(ALPHA, Sides::Two)?;
    let one = ConfidenceSequence::tuned(ALPHA, Sides::One)?;
    let one_sided = se * one.critical(ALPHA, fraction);
    if let Some(exact) = case.get("one_sided_exact") {
        let exact = number(exact);
        assert!((exact..1.02 * exact).contains(&one_sided), "{}", id(case));
    }
    let mut results = vec![
        ("half_width", vec![se * two.critical(ALPHA, fraction)]),
        ("half_width_one_sided", vec![one_sided]),
    ];
    if let Some(z) = case.get("z") {
        let p = two.probability(number(z), fraction);
        results.extend([
            ("p", vec![p.p]),
            ("ln_e", vec![-p.ln_p]),
            ("one_sided_p", vec![one.probability(number(z), fraction).p]),
        ]);
    }
    Ok(results)
}

/// Two means held against the normal distribution, as the tools do.
fn normal_contrast(arms: &Value) -> Contrast {
    let contrast = Contrast::of_means(&sample(&arms["treated"]), &sample(&arms["control"]));
    Contrast {
        df: f64::INFINITY,
        ..contrast.expect("two means")
    }
}

fn means(case: &Value) -> Outcome {
    let fractions = [number(&case["fraction"])];
    let monitor = Monitor::new(Looks::Anytime, ALPHA, &fractions, Stage::Interim)?;
    let lift = monitor.lift(&normal_contrast(case), Method::Welch)?;
    Ok(of_lift(case, &lift))
}

fn anytime_t(case: &Value) -> Outcome {
    let (effect, se) = (number(&case["effect"]), number(&case["se"]));
    let n = number(&case["n"]);
    let test = AnytimeF::new(1, n - number(&case["coefficients"]), n, number(&case["g"]))?;
    let f = (effect / se).powi(2);
    let radius = test.radius(ALPHA);
    Ok(vec![
        ("ln_e", vec![test.ln_e(f)]),
        ("p", vec![test.probability(f).p]),
        ("radius", vec![radius]),
        ("low", vec![effect - radius * se]),
        ("high", vec![effect + radius * se]),
    ])
}

fn anytime_f(case: &Value) -> Outcome {
    let of = |name: &str| number(&case[name]);
    let test = AnytimeF::new(count(&case["d"]), of("nu"), of("n"), of("g"))?;
    Ok(vec![("ln_e", vec![test.ln_e(of("f"))])])
}

fn gamma_exponential(case: &Value) -> Outcome {
    let of = |name: &str| number(&case[name]);
    let bound = gamma_exponential_bound(of("v"), of("alpha"), of("planned_v"))?;
    Ok(vec![("bound", vec![bound])])
}

fn bernoulli(case: &Value) -> Outcome {
    let (successes, n) = (count(&case["successes"]), count(&case["n"]));
    let (low, high) = bernoulli_sequence(successes, n, ALPHA, number(&case["planned_n"]))?;
    Ok(vec![("low", vec![low]), ("high", vec![high])])
}

fn empirical_bernstein(case: &Value) -> Outcome {
    let alpha = ALPHA * number(&case["alpha_factor"]);
    let (mut low, mut high) = (Vec::new(), Vec::new());
    for look in case["looks"].as_array().expect("looks") {
        let state = EmpiricalBernstein {
            n: count(&look["n"]),
            mean: number(&look["mean"]),
            intrinsic_time: number(&look["intrinsic_time"]),
        };
        let interval = state.interval(alpha, number(&case["planned_time"]))?;
        low.push(interval.0);
        high.push(interval.1);
    }
    Ok(vec![("low", low), ("high", high)])
}

fn stitched(case: &Value) -> Outcome {
    let of = |name: &str| number(&case[name]);
    let bound = stitched_bound(of("v"), of("alpha"), of("start"), 0.0)?;
    Ok(vec![("bound", vec![bound])])
}

/// Revenue of the control arm in the order of the rows, capped and as a share of the cap.
fn shares_of_cap(case: &Value) -> Vec<f64> {
    let columns = Columns::read(match text(&case["file"]) {
        "users" => USERS,
        "skewed" => SKEWED,
        other => panic!("unknown file {other}"),
    });
    let cap = number(&case["cap"]);
    let revenue = columns.of_arm("revenue", 0.0);
    revenue.into_iter().map(|x| x.min(cap) / cap).collect()
}

/// The intervals after some numbers of values.
fn followed(
    case: &Value,
    mut next: impl FnMut(f64) -> Result<(f64, f64), SequentialError>,
) -> Outcome {
    let at = numbers(&case["at"]);
    let (mut low, mut high) = (Vec::new(), Vec::new());
    for (i, value) in shares_of_cap(case).into_iter().enumerate() {
        let interval = next(value)?;
        if at.contains(&(i as f64 + 1.0)) {
            low.push(interval.0);
            high.push(interval.1);
        }
        if i as f64 > at[at.len() - 1] {
            break;
        }
    }
    Ok(vec![("low", low), ("high", high)])
}

fn plug_in(case: &Value) -> Outcome {
    let mut sequence = PlugInBernstein::new(ALPHA)?;
    followed(case, |value| {
        sequence.push(value)?;
        Ok(sequence.interval())
    })
}

fn hedged(case: &Value) -> Outcome {
    let mut sequence = HedgedCapital::new(ALPHA)?;
    followed(case, |value| {
        sequence.push(value)?;
        Ok(sequence.interval())
    })
}

fn quantile_ab(case: &Value) -> Outcome {
    let users = Columns::read(USERS);
    let [control, treated] = [0.0, 1.0].map(|arm| Distribution::of(users.of_arm("revenue", arm)));
    let (quantile, planned_n) = (number(&case["quantile"]), number(&case["planned_n"]));
    let p = quantile_sequence_probability(&treated, &control, quantile, planned_n)?;
    Ok(vec![("p", vec![p.p])])
}

fn any_quantile(case: &Value) -> Outcome {
    let (quantile, n, alpha) = (
        number(&case["quantile"]),
        count(&case["n"]),
        number(&case["alpha"]),
    );
    let [first, band_first] = [0, 1].map(|i| count(&case["first_n"][i]));
    let bound = any_quantile_bound(quantile, n, alpha, first)?;
    let band = DistributionSequence::new(alpha, band_first)?;
    // The one quantile asked for has the narrower sequence.
    let (low, high) = quantile_sequence_ranks(quantile, n, alpha, n as f64)?;
    assert!(high as f64 - quantile * n as f64 <= bound);
    assert!(high - low < 2 * bound as u64);
    Ok(vec![
        ("bound", vec![bound]),
        ("distance", vec![band.distance(n)]),
    ])
}

fn spent(case: &Value) -> Outcome {
    let sides = match count(&case["sides"]) {
        1 => Sides::One,
        _ => Sides::Two,
    };
    let fractions = numbers(&case["fractions"]);
    let alpha = number(&case["alpha"]);
    let test = group_sequential(&fractions, alpha, sides, Spending::Power(2.0), true)?;
    for (spent, t) in test.spent.iter().zip(&fractions) {
        assert_close(id(case), *spent, alpha * t * t, 1e-14, 0.0);
    }
    Ok(vec![("critical", test.critical)])
}

fn looks(case: &Value) -> Outcome {
    let plan = Looks::GroupSequential(Spending::Power(2.0));
    let monitor = Monitor::new(plan, ALPHA, &numbers(&case["fractions"]), Stage::Interim)?;
    let looks = case["looks"].as_array().expect("looks");
    let contrasts: Vec<_> = looks
        .iter()
        .map(|look| Some(normal_contrast(look)))
        .collect();
    let history = monitor.history(&contrasts, Method::Welch)?;
    let lifts = || history.looks.iter().flatten().map(|look| &look.lift);
    let of = |value: fn(&Lift) -> f64| lifts().map(value).collect::<Vec<f64>>();
    Ok(vec![
        ("estimate", of(|lift| lift.absolute.estimate)),
        ("low", of(|lift| lift.absolute.low)),
        ("high", of(|lift| lift.absolute.high)),
    ])
}
