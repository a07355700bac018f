//! Laws, coverage and known answers of what measures content: rates, crossed effects,
//! ranking, off-policy values, fatigue, fractions, personalizing.

#[path = "content/choosing.rs"]
mod choosing;
mod common;
#[path = "content/off_policy.rs"]
mod off_policy;
#[path = "content/shrunken.rs"]
mod shrunken;
#[path = "content/wear.rs"]
mod wear;

use common::{Random, assert_close, assert_rate, number, numbers, rows};
use serde_json::Value;
use stats::crossed::{Cell, CrossedEffects, moderated_variances};
use stats::fraction::{Fraction, FractionError};
use stats::off_policy::{Decision, OffPolicyError, PolicySums, drop_weight};
use stats::ranking::{Posterior, probabilities_in_top};
use stats::rates::{BetaBinomial, RatesError, moments, too_thin};
use stats::{Counts, Sample};

/// A gamma variable (G. Marsaglia and W. W. Tsang, 2000), for shapes of at least 1.
fn gamma(random: &mut Random, shape: f64) -> f64 {
    let d = shape - 1.0 / 3.0;
    loop {
        let x = random.normal();
        let v = (1.0 + x / (9.0 * d).sqrt()).powi(3);
        if v > 0.0 && random.uniform().ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

fn beta(random: &mut Random, a: f64, b: f64) -> f64 {
    let x = gamma(random, a);
    x / (x + gamma(random, b))
}

fn binomial(random: &mut Random, n: u64, p: f64) -> u64 {
    (0..n).filter(|_| random.uniform() < p).count() as u64
}

#[test]
fn the_moments_of_rates_are_those_of_the_formula() {
    let items = [(5, 100), (12, 200), (1, 50), (30, 300), (2, 10)]
        .map(|(successes, n)| Counts { successes, n });
    let found = moments(&items).unwrap();
    // By hand: sum x = 50, sum n = 660, sum n^2 = 142600.
    let p: f64 = 50.0 / 660.0;
    let q: f64 = items
        .iter()
        .map(|i| i.n as f64 * (i.share() - p).powi(2))
        .sum();
    let divisor = 660.0 - 142_600.0 / 660.0 - 4.0;
    assert_close("mean", found.mean, p, 1e-14, 0.0);
    assert_close(
        "variance",
        found.variance,
        (q - 4.0 * p * (1.0 - p)) / divisor,
        1e-12,
        0.0,
    );
}

#[test]
fn rates_that_cannot_be_shrunk_are_refused() {
    let items = |counts: &[(u64, u64)]| -> Vec<Counts> {
        counts
            .iter()
            .map(|&(successes, n)| Counts { successes, n })
            .collect()
    };
    let of = |counts: &[(u64, u64)]| BetaBinomial::fit(&items(counts)).unwrap_err();
    assert_eq!(of(&[(1, 2); 4]), RatesError::TooFew { n: 4 });
    assert_eq!(
        of(&[(1, 1), (0, 1), (1, 1), (0, 1), (1, 1)]),
        RatesError::ShownOnce
    );
    assert!(matches!(of(&[(0, 9); 6]), RatesError::NoVariation { .. }));
    assert!(matches!(of(&[(9, 2); 6]), RatesError::InvalidCounts { .. }));
}

#[test]
fn thin_items_are_said_to_be_thin_and_others_are_not() {
    let mut items: Vec<Counts> = (0..20)
        .map(|i| Counts {
            successes: 100 + 20 * i,
            n: 10_000,
        })
        .collect();
    items.push(Counts {
        successes: 1,
        n: 15,
    });
    items.push(Counts { successes: 0, n: 0 });
    let model = BetaBinomial::fit(&items).unwrap();
    let middle = model.middle_half().unwrap();
    let thin = |place| {
        too_thin(
            model.posterior(place).unwrap().interval(0.05).unwrap(),
            middle,
        )
    };
    assert!(thin(20) && thin(21));
    assert!((0..20).all(|place| !thin(place)));
    let new = model.forecast().unwrap();
    assert_close("forecast", new.mean(), model.mean(), 1e-6, 0.0);
    assert_eq!(model.posterior(21).unwrap(), new);
}

#[test]
fn probabilities_of_the_top_sum_to_it_and_agree_with_draws() {
    let mut random = Random(5);
    let items: Vec<Posterior> = (0..12)
        .map(|_| {
            let mean = 0.1 * random.normal();
            Posterior::normal(mean, 0.02 + 0.1 * random.uniform()).unwrap()
        })
        .collect();
    let k = 3;
    let found = probabilities_in_top(&items, k);
    assert_close("sum", found.iter().sum(), k as f64, 0.004, 0.0);
    const DRAWS: u64 = 40_000;
    let mut counts = vec![0; items.len()];
    for _ in 0..DRAWS {
        let mut draws: Vec<(f64, usize)> = items
            .iter()
            .enumerate()
            .map(|(i, item)| (item.mean() + item.sd() * random.normal(), i))
            .collect();
        draws.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (_, i) in &draws[..k] {
            counts[*i] += 1;
        }
    }
    for (p, count) in found.iter().zip(counts) {
        assert_rate(
            "in the top",
            count,
            DRAWS,
            (p - 0.005).max(0.0),
            (p + 0.005).min(1.0),
        );
    }
    // Two shares against the exact comparison of betas.
    let share = |a, b| Posterior::Share {
        successes: a,
        failures: b,
    };
    let pair = probabilities_in_top(&[share(12.0, 90.0), share(9.0, 95.0)], 1);
    let exact = stats::bayes::Beta::new(12.0, 90.0)
        .unwrap()
        .against(&stats::bayes::Beta::new(9.0, 95.0).unwrap());
    assert_close("two shares", pair[0], exact.chance_to_win.p, 0.0, 0.005);
}

#[test]
fn excess_and_best_of_several_agree_with_draws() {
    let mut random = Random(13);
    for item in [
        Posterior::share(0.1, 0.03).unwrap(),
        Posterior::normal(0.1, 0.03).unwrap(),
    ] {
        // Inverse sampling over an even grid is exact up to the grid.
        const N: usize = 20_000;
        let draws: Vec<f64> = (0..N)
            .map(|i| item.quantile((i as f64 + 0.5) / N as f64))
            .collect();
        let excess = draws.iter().map(|x| (x - 0.12).max(0.0)).sum::<f64>() / N as f64;
        assert_close("excess", item.mean_excess(0.12), excess, 1e-3, 0.0);
        let mut best = 0.0;
        for _ in 0..4000 {
            let five: [f64; 5] = std::array::from_fn(|_| draws[random.below(N as u64) as usize]);
            best += five.into_iter().fold(f64::MIN, f64::max);
        }
        assert_close(
            "best of five",
            item.mean_of_best(5),
            best / 4000.0,
            0.02,
            0.0,
        );
        assert_close("best of one", item.mean_of_best(1), 0.1, 2e-3, 0.0);
    }
}

#[test]
fn a_few_customers_who_agree_are_not_sure() {
    let sample = |n, variance| Sample {
        n,
        mean: 0.0,
        variance,
    };
    let found = moderated_variances(&[sample(2, 0.0), sample(101, 4.0), sample(1, f64::NAN)]);
    // Pooled 400 / 101.
    let pooled = 400.0 / 101.0;
    assert_close("two", found[0], 10.0 * pooled / 11.0 / 2.0, 1e-12, 0.0);
    assert_close(
        "many",
        found[1],
        (400.0 + 10.0 * pooled) / 110.0 / 101.0,
        1e-12,
        0.0,
    );
    assert_close("one", found[2], pooled, 1e-12, 0.0);
}

/// A simulated table: content by channel by stage, half its cells.
fn table(random: &mut Random, contents: usize) -> (Vec<Cell>, Vec<f64>) {
    let part = |random: &mut Random, n: usize, sd: f64| -> Vec<f64> {
        (0..n).map(|_| sd * random.normal()).collect()
    };
    let content = part(random, contents, 1.0);
    let channel = part(random, 3, 0.7);
    let stage = part(random, 4, 0.5);
    let mut cells = Vec::new();
    let mut truth = Vec::new();
    for (c, of_content) in content.iter().enumerate() {
        for (h, of_channel) in channel.iter().enumerate() {
            for (s, of_stage) in stage.iter().enumerate() {
                if random.uniform() < 0.5 {
                    continue;
                }
                let attribute = f64::from(u8::from(c % 2 == 0));
                let value = 10.0
                    + 0.8 * attribute
                    + of_content
                    + of_channel
                    + of_stage
                    + 0.4 * random.normal();
                let variance = (0.8 * random.normal()).exp();
                truth.push(value);
                cells.push(Cell {
                    estimate: value + variance.sqrt() * random.normal(),
                    variance,
                    attributes: vec![attribute],
                    levels: vec![c, h, s],
                });
            }
        }
    }
    (cells, truth)
}

#[test]
fn intervals_of_cells_and_of_new_content_hold_what_they_say() {
    let mut random = Random(21);
    let (mut inside, mut seen, mut new_inside, mut new_seen) = (0, 0, 0, 0);
    let (mut raw, mut shrunk) = (0.0, 0.0);
    for _ in 0..40 {
        let (mut cells, mut truth) = table(&mut random, 16);
        // The last content is forecast from the others.
        let hidden: Vec<usize> = (0..cells.len())
            .filter(|i| cells[*i].levels[0] == 15)
            .collect();
        let held: Vec<(Cell, f64)> = hidden
            .iter()
            .rev()
            .map(|i| (cells.remove(*i), truth.remove(*i)))
            .collect();
        let model = CrossedEffects::fit(&cells).unwrap();
        for (place, value) in truth.iter().enumerate() {
            let posterior = model.cell(place).unwrap();
            let interval = posterior.interval(0.05).unwrap();
            inside += u64::from(interval.low <= *value && *value <= interval.high);
            seen += 1;
            raw += (cells[place].estimate - value).powi(2);
            shrunk += (posterior.mean() - value).powi(2);
        }
        for (cell, value) in held.iter().take(1) {
            let levels = [None, Some(cell.levels[1]), Some(cell.levels[2])];
            let forecast = model.forecast(&cell.attributes, &levels).unwrap();
            let interval = forecast.interval(0.05).unwrap();
            new_inside += u64::from(interval.low <= *value && *value <= interval.high);
            new_seen += 1;
        }
    }
    println!("cells: {inside} of {seen}; new content: {new_inside} of {new_seen}");
    assert_rate("intervals of cells", inside, seen, 0.93, 0.97);
    assert_rate("intervals of new content", new_inside, new_seen, 0.90, 0.98);
    assert!(shrunk < 0.5 * raw, "{shrunk} {raw}");
}

#[test]
fn crossed_effects_do_not_depend_on_the_order_of_factors_or_the_unit() {
    let (cells, _) = table(&mut Random(3), 8);
    let model = CrossedEffects::fit(&cells).unwrap();
    let turned: Vec<Cell> = cells
        .iter()
        .map(|cell| Cell {
            estimate: 1000.0 * cell.estimate - 5.0,
            variance: 1e6 * cell.variance,
            attributes: vec![2.0 - 3.0 * cell.attributes[0]],
            levels: vec![cell.levels[2], cell.levels[0], cell.levels[1]],
        })
        .collect();
    let other = CrossedEffects::fit(&turned).unwrap();
    for place in 0..cells.len() {
        let (a, b) = (model.cell(place).unwrap(), other.cell(place).unwrap());
        assert_close("mean", b.mean(), 1000.0 * a.mean() - 5.0, 1e-3, 0.0);
        assert_close("sd", b.sd(), 1000.0 * a.sd(), 2e-2, 0.0);
    }
    let (a, b) = (model.part(0, 3).unwrap(), other.part(1, 3).unwrap());
    assert_close("part", b.mean(), 1000.0 * a.mean(), 1e-2, 1.0);
    let shares: f64 = model.spreads().iter().map(|spread| spread.share).sum();
    assert_close("shares", shares, 1.0, 1e-12, 0.0);
}

#[test]
fn fit_of_cells_refuses_what_is_no_table() {
    let cell = |estimate, variance, levels: Vec<usize>| Cell {
        estimate,
        variance,
        attributes: vec![],
        levels,
    };
    let good: Vec<Cell> = (0..6).map(|i| cell(i as f64, 1.0, vec![i / 2])).collect();
    assert!(CrossedEffects::fit(&good).is_ok());
    let with = |place: usize, bad: Cell| {
        let mut cells = good.clone();
        cells[place] = bad;
        CrossedEffects::fit(&cells).is_err()
    };
    assert!(with(1, cell(f64::NAN, 1.0, vec![0])));
    assert!(with(1, cell(1.0, 0.0, vec![0])));
    assert!(with(1, cell(1.0, 1.0, vec![0, 1])));
    assert!(with(1, cell(1.0, 1.0, vec![usize::MAX])));
    assert!(CrossedEffects::fit(&good[..3]).is_err());
    let flat: Vec<Cell> = (0..6).map(|i| cell(1.0, 1.0, vec![i / 2])).collect();
    assert!(CrossedEffects::fit(&flat).is_err());
}

#[test]
fn designs_have_the_resolution_of_the_tables() {
    // Box, Hunter and Hunter, "Statistics for Experimenters", table of 2^(k-p) designs:
    // components, runs, resolution, words of that length.
    for (components, runs, resolution, shortest) in [
        (3, 4, 3, 1),
        (4, 8, 4, 1),
        (5, 8, 3, 2),
        (5, 16, 5, 1),
        (6, 8, 3, 4),
        (6, 16, 4, 3),
        (6, 32, 6, 1),
        (7, 8, 3, 7),
        (7, 16, 4, 7),
        (7, 32, 4, 1),
        (8, 16, 4, 14),
        (8, 64, 5, 2),
        (9, 16, 3, 4),
        (9, 32, 4, 6),
    ] {
        let design = Fraction::of_minimum_aberration(components, runs).unwrap();
        assert_eq!(design.runs().len(), runs);
        assert_eq!(
            design.resolution(),
            Some(resolution),
            "{components} in {runs}"
        );
        let words = design
            .words()
            .iter()
            .filter(|w| w.count_ones() == resolution);
        assert_eq!(words.count(), shortest, "{components} in {runs}");
        // Each component is on in half of the runs.
        for component in 0..components {
            let on = design
                .runs()
                .iter()
                .filter(|run| *run >> component & 1 == 1);
            assert_eq!(on.count(), runs / 2);
        }
    }
    let full = Fraction::of_minimum_aberration(3, 8).unwrap();
    assert_eq!((full.resolution(), full.words().len()), (None, 0));
    let half = Fraction::of_minimum_aberration(4, 8).unwrap();
    assert_eq!(half.aliases(0b0011), [0b1100]);
    assert_eq!(half.alias_table(2)[4], (0b0011, vec![0b1100]));
    assert!(matches!(
        Fraction::of_minimum_aberration(5, 6),
        Err(FractionError::RunCount { .. })
    ));
    assert!(Fraction::of_minimum_aberration(0, 2).is_err());
    assert!(Fraction::of_minimum_aberration(99, 128).is_err());
}

/// Rows of a file of the folder named by `TOUCHSTONE_TEST_DATA`.
fn data(file: &str) -> Option<String> {
    let folder = std::env::var_os("TOUCHSTONE_TEST_DATA")?;
    Some(std::fs::read_to_string(std::path::Path::new(&folder).join(file)).expect("readable"))
}

/// A logged choice of the Open Bandit Dataset, small version.
struct Logged {
    item: usize,
    position: usize,
    click: f64,
    propensity: f64,
}

fn bandit_log(policy: &str, campaign: &str) -> Option<Vec<Logged>> {
    let text = data(&format!("obd_small/{policy}_{campaign}.csv"))?;
    let rows = text.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |i: usize| fields[i].parse::<f64>().expect("a number");
        Logged {
            item: number(2) as usize,
            position: number(3) as usize - 1,
            click: number(4),
            propensity: number(5),
        }
    });
    Some(rows.collect())
}

/// The sums of a log in which every choice is of another customer.
fn sums(log: &[Logged], decision: impl Fn(&Logged) -> Decision) -> PolicySums {
    let mut sums = PolicySums::default();
    for row in log {
        sums.add([decision(row)]);
    }
    sums
}

#[test]
fn values_of_policies_are_those_of_obp_and_logs_that_hardly_overlap_are_refused() {
    let golden: Value =
        serde_json::from_str(include_str!("golden/off_policy.json")).expect("a golden table");
    for campaign in ["all", "men", "women"] {
        let (Some(random), Some(bandit)) =
            (bandit_log("random", campaign), bandit_log("bts", campaign))
        else {
            println!("skipped: TOUCHSTONE_TEST_DATA is not set");
            return;
        };
        let golden = &golden["campaigns"][campaign];
        let expected = |name: &str| number(&golden[name]);
        let chances: Vec<Vec<f64>> = rows(golden, "pi_e").iter().map(numbers).collect();
        let clicks = numbers(&golden["q_hat"]);
        let weight = |row: &Logged| chances[row.item][row.position] / row.propensity;
        let plain = sums(&random, |row| Decision {
            reward: row.click,
            weight: weight(row),
            expected: 0.0,
            expected_of_other: 0.0,
        });
        let robust = sums(&random, |row| Decision {
            reward: row.click,
            weight: weight(row),
            expected: clicks[row.item],
            expected_of_other: chances
                .iter()
                .zip(&clicks)
                .map(|(chances, clicks)| chances[row.position] * clicks)
                .sum(),
        });
        let found = plain.value(0.05).unwrap();
        assert_close("snips", found.other.estimate, expected("snips"), 1e-10, 0.0);
        assert_close("se", found.other.se, expected("snips_se"), 1e-10, 0.0);
        assert_close("effective", found.effective, expected("ess"), 1e-10, 0.0);
        assert_close("weight", found.mean_weight, expected("mean_w"), 1e-10, 0.0);
        let found = robust.value(0.05).unwrap();
        assert_close("sndr", found.other.estimate, expected("sndr"), 1e-10, 0.0);
        // From Thompson sampling back to uniform choice.
        let uniform = 1.0 / chances.len() as f64;
        let back = sums(&bandit, |row| Decision {
            reward: row.click,
            weight: uniform / row.propensity,
            expected: 0.0,
            expected_of_other: 0.0,
        });
        match back.value(0.05) {
            Err(OffPolicyError::TooLittleOverlap { effective, .. }) => {
                assert!(campaign != "men");
                assert_close("effective", effective, expected("reverse_ess"), 1e-10, 0.0);
            }
            found => {
                // 656 effective decisions of 10,000.
                assert_eq!(campaign, "men");
                let found = found.unwrap();
                assert_close(
                    "back",
                    found.other.estimate,
                    expected("reverse_snips"),
                    1e-10,
                    0.0,
                );
            }
        }
        // Uniform choice without an item is a mean over the choices of others.
        for item in 0..chances.len() {
            let without = sums(&random, |row| Decision {
                reward: row.click,
                weight: drop_weight(row.item == item, row.propensity),
                expected: 0.0,
                expected_of_other: 0.0,
            });
            let others: Vec<f64> = random
                .iter()
                .filter(|row| row.item != item)
                .map(|row| row.click)
                .collect();
            let mean = others.iter().sum::<f64>() / others.len() as f64;
            let found = without.value(0.05).unwrap();
            assert_close("without", found.other.estimate, mean, 1e-10, 0.0);
        }
    }
}

#[test]
fn shrunken_rates_of_headlines_beat_raw_ones_on_the_other_half() {
    let Some(text) = data("upworthy_exploratory.csv") else {
        println!("skipped: TOUCHSTONE_TEST_DATA is not set");
        return;
    };
    // Headlines hold commas: the test is the first field, and the numbers are the last.
    let mut tests: Vec<&str> = Vec::new();
    let packages: Vec<(usize, u64, u64)> = text
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut from_end = line.rsplit(',').skip(4);
            let clicks = from_end.next()?.parse().ok()?;
            let impressions = from_end.next()?.parse().ok()?;
            let test = line.split(',').next()?;
            if tests.last() != Some(&test) {
                tests.push(test);
            }
            Some((tests.len() - 1, impressions, clicks))
        })
        .collect();
    assert!(packages.len() > 20_000);
    let mut random = Random(1);
    for (part, most) in [(0.5, 0.75), (0.05, 0.35)] {
        // A part of the exposures to learn from, all others to be held against.
        let split: Vec<(Counts, Counts)> = packages
            .iter()
            .map(|(_, n, clicks)| {
                let learned = Counts {
                    n: (part * *n as f64).round() as u64,
                    successes: 0,
                };
                let successes = binomial(&mut random, *clicks, part).min(learned.n);
                let rest = Counts {
                    n: n - learned.n,
                    successes: clicks - successes,
                };
                (
                    Counts {
                        successes,
                        ..learned
                    },
                    rest,
                )
            })
            .collect();
        let items: Vec<Counts> = split.iter().map(|(learned, _)| *learned).collect();
        let rates = BetaBinomial::fit(&items).unwrap();
        let mean = rates.mean();
        let cells: Vec<Cell> = packages
            .iter()
            .zip(&items)
            .map(|((test, _, _), item)| Cell {
                estimate: item.share(),
                variance: mean * (1.0 - mean) / item.n as f64,
                attributes: vec![],
                levels: vec![*test],
            })
            .collect();
        let crossed = CrossedEffects::fit(&cells).unwrap();
        // Squared error against the held rate, less that rate's own noise.
        let (mut raw, mut alone, mut together) = (0.0, 0.0, 0.0);
        for (place, (learned, rest)) in split.iter().enumerate() {
            let held = rest.share();
            let noise = held * (1.0 - held) / (rest.n as f64 - 1.0);
            let error = |estimate: f64| (estimate - held).powi(2) - noise;
            raw += error(learned.share());
            alone += error(rates.posterior(place).unwrap().mean());
            together += error(crossed.cell(place).unwrap().mean());
        }
        println!(
            "learned from {part}: squared error of beta-binomial {:.3}, with tests as a factor {:.3} of raw",
            alone / raw,
            together / raw
        );
        assert!(alone < raw && together < alone && together < most * raw);
    }
}
