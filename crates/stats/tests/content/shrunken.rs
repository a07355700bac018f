//! Rates that are shrunken towards each other.

use stats::Counts;
use stats::rates::{BetaBinomial, moments};

use super::common::{Random, assert_close, assert_rate};
use super::{beta, binomial};

/// Items whose rates are drawn from a beta distribution, of 20, 60, 200 and 600 customers in turn.
fn drawn(random: &mut Random, items: usize, a: f64, b: f64) -> (Vec<f64>, Vec<Counts>) {
    let rates: Vec<f64> = (0..items).map(|_| beta(random, a, b)).collect();
    let counts = rates.iter().zip([20, 60, 200, 600].into_iter().cycle());
    let counts = counts
        .map(|(rate, n)| Counts {
            successes: binomial(random, n, *rate),
            n,
        })
        .collect();
    (rates, counts)
}

#[test]
fn moments_of_rates_are_those_they_were_drawn_with() {
    let mut random = Random(11);
    let (a, b) = (3.0, 57.0);
    let truth = a * b / ((a + b) * (a + b) * (a + b + 1.0));
    const ROUNDS: usize = 150;
    let estimate: f64 = (0..ROUNDS)
        .map(|_| moments(&drawn(&mut random, 30, a, b).1).unwrap().variance)
        .sum();
    let estimate = estimate / ROUNDS as f64;
    assert_close("variance of the rates", estimate, truth, 0.1, 0.0);
}

/// Few items and many, rare responses and frequent ones, rates that hardly differ and rates that differ much.
#[test]
fn intervals_of_shrunken_rates_hold_what_they_say() {
    let mut random = Random(31);
    for (items, a, b) in [
        (30, 3.0, 57.0),
        (8, 3.0, 57.0),
        (100, 2.0, 198.0),
        (20, 40.0, 360.0),
        (20, 1.0, 4.0),
    ] {
        let (mut inside, mut seen, mut raw, mut shrunk) = (0, 0, 0.0, 0.0);
        while seen < 6_000 {
            let (rates, counts) = drawn(&mut random, items, a, b);
            // Without any response there is nothing to fit.
            let Ok(model) = BetaBinomial::fit(&counts) else {
                continue;
            };
            for (place, rate) in rates.iter().enumerate() {
                let posterior = model.posterior(place).unwrap();
                let interval = posterior.interval(0.05).unwrap();
                seen += 1;
                inside += u64::from(interval.low <= *rate && *rate <= interval.high);
                let as_it_is = counts[place].successes as f64 / counts[place].n as f64;
                raw += (as_it_is - rate).powi(2);
                shrunk += (posterior.mean() - rate).powi(2);
            }
        }
        let what = format!("{items} items, beta({a}, {b})");
        let rate = 100.0 * inside as f64 / seen as f64;
        println!(
            "{what}: {rate:.1} % of {seen}, error {:.2} of the raw rate's",
            shrunk / raw
        );
        assert_rate(&what, inside, seen, 0.93, 0.97);
        assert!(shrunk < raw, "{what}: {shrunk} {raw}");
    }
}
