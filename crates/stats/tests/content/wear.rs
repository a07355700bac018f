//! Wear between the exposures of the same customer.

use stats::fatigue::{Fatigue, FatigueError, Sequences, Shape};

use super::common::{Random, assert_close, assert_rate};

/// Sequences of up to six exposures, responses by rate; customers differ, and those who
/// respond more are exposed more.
fn sequences(random: &mut Random, rho: f64, ends: bool) -> Vec<Sequences> {
    let mut lengths: Vec<Sequences> = (1..=6)
        .map(|length| Sequences {
            sequences: 0,
            responses: vec![0; length],
        })
        .collect();
    for _ in 0..20_000 {
        let eager = random.below(2);
        let planned = 1 + random.below(3) as usize + 3 * eager as usize;
        let first = if eager == 1 { 0.12 } else { 0.04 };
        let mut responses = Vec::new();
        for k in 0..planned {
            let responded = random.uniform() < first * rho.powi(k as i32);
            responses.push(u64::from(responded));
            if responded && ends {
                break;
            }
        }
        let length = &mut lengths[responses.len() - 1];
        length.sequences += 1;
        for (sum, response) in length.responses.iter_mut().zip(&responses) {
            *sum += response;
        }
    }
    lengths
}

#[test]
fn fatigue_is_told_from_differences_between_customers() {
    let mut random = Random(2);
    let mut inside = 0;
    const ROUNDS: u64 = 100;
    for _ in 0..ROUNDS {
        let data = sequences(&mut random, 0.8, false);
        let curve = Fatigue::fit(&data, Shape::Geometric).unwrap();
        let relative = curve.relative(4, 0.05).unwrap();
        inside += u64::from(relative.low <= 0.512 && 0.512 <= relative.high);
    }
    println!("fatigue: {inside} of {ROUNDS}");
    assert_rate("fatigue", inside, ROUNDS, 0.93, 0.99);
    // Rates by exposure over customers would rise: those exposed often respond more.
    let data = sequences(&mut random, 0.8, false);
    let rate = |k: usize| {
        let at: Vec<&Sequences> = data.iter().filter(|s| s.responses.len() > k).collect();
        at.iter().map(|s| s.responses[k] as f64).sum::<f64>()
            / at.iter().map(|s| s.sequences as f64).sum::<f64>()
    };
    assert!(rate(3) / rate(0) > 0.6);
    let bent = Fatigue::fit(&data, Shape::LogQuadratic).unwrap();
    assert!((bent.relative(1, 0.05).unwrap().estimate - 1.0).abs() < 1e-12);
}

#[test]
fn exposures_that_end_with_the_response_tell_no_fatigue() {
    let data = sequences(&mut Random(4), 1.0, true);
    let error = Fatigue::fit(&data, Shape::Geometric).unwrap_err();
    assert!(
        matches!(error, FatigueError::EndsWithResponse { .. }),
        "{error}"
    );
    assert!(matches!(
        Fatigue::fit(&[], Shape::Geometric),
        Err(FatigueError::TooFew { responses: 0 })
    ));
}

/// When responses to exposures come.
#[derive(Debug, Clone, Copy)]
enum Responses {
    /// At any time with the same probability.
    Anytime,
    /// Mostly on the first day.
    Soon,
}

/// Sequences of two to four exposures three days apart; the rate of responses within a week changes by `rho` with each. A
/// response counts in the time that every exposure of a sequence has, three days, or as long as its own exposure is the
/// last one, a week for the last of all.
fn timed(random: &mut Random, responses: Responses, rho: f64, own_time: bool) -> Vec<Sequences> {
    const GAP: f64 = 3.0;
    const WEEK: f64 = 7.0;
    let mut lengths: Vec<Sequences> = (2..=4)
        .map(|length| Sequences {
            sequences: 0,
            responses: vec![0; length],
        })
        .collect();
    for _ in 0..10_000 {
        let length = &mut lengths[random.below(3) as usize];
        let rate = if random.below(2) == 0 { 0.03 } else { 0.1 };
        let last = length.responses.len() - 1;
        length.sequences += 1;
        for (k, sum) in length.responses.iter_mut().enumerate() {
            let rate = rate * rho.powi(k as i32);
            let waits = |mean: f64, random: &mut Random| -mean * random.uniform().ln();
            let response = match responses {
                Responses::Anytime => waits(WEEK / rate, random),
                Responses::Soon if random.uniform() < rate => waits(0.5, random),
                Responses::Soon => f64::INFINITY,
            };
            let time = if own_time && k == last { WEEK } else { GAP };
            *sum += u64::from(response < time);
        }
    }
    lengths
}

#[test]
fn wear_shows_over_the_same_time_after_each_exposure() {
    let mut random = Random(17);
    const ROUNDS: u64 = 200;
    for responses in [Responses::Anytime, Responses::Soon] {
        for rho in [1.0, 0.8] {
            let (mut inside, mut change) = (0, 0.0);
            for _ in 0..ROUNDS {
                let data = timed(&mut random, responses, rho, false);
                let curve = Fatigue::fit(&data, Shape::Geometric).unwrap();
                let relative = curve.relative(3, 0.05).unwrap();
                let truth = rho * rho;
                inside += u64::from(relative.low <= truth && truth <= relative.high);
                change += curve.coefficients()[0] / ROUNDS as f64;
            }
            println!("{responses:?}, rho {rho}: {inside} of {ROUNDS}, change {change:.3}");
            let what = format!("wear, {responses:?}, {rho}");
            assert_rate(&what, inside, ROUNDS, 0.93, 0.98);
            assert_close(&what, change, rho.ln(), 0.0, 0.02);
        }
    }
    // The last exposure has more than twice the time of the others: exposures seem to end with the response.
    let data = timed(&mut random, Responses::Anytime, 1.0, true);
    let error = Fatigue::fit(&data, Shape::Geometric).unwrap_err();
    assert!(
        matches!(error, FatigueError::EndsWithResponse { .. }),
        "{error}"
    );
}

#[test]
fn an_item_is_retired_when_a_new_one_earns_more_than_it_costs() {
    let data = sequences(&mut Random(6), 0.8, false);
    let curve = Fatigue::fit(&data, Shape::Geometric).unwrap();
    let rho = curve.coefficients()[0].exp();
    let first = curve.rate(1, 0.05).unwrap().estimate;
    // A thousand customers at their third exposure, half of whom come to the fourth; to 200 others it is new anyway.
    let exposures = (
        [200.0, 0.0, 1000.0, 500.0].as_slice(),
        [1200.0, 500.0].as_slice(),
    );
    let gain = curve
        .retire(exposures, (first, 0.0), 20.0, 300.0, 0.05)
        .unwrap();
    let by_hand =
        20.0 * first * (1000.0 * (1.0 - rho.powi(2)) + 500.0 * (rho - rho.powi(3))) - 300.0;
    assert_close("gain", gain.estimate, by_hand, 1e-12, 0.0);
    let unsure = curve
        .retire(exposures, (first, 0.5 * first), 20.0, 300.0, 0.05)
        .unwrap();
    assert!(unsure.se > gain.se);
}
