use super::*;
use crate::moments::{CoMoments, Products};
use crate::random::SplitMix64;

const PERIODS: usize = 8;
const STARTS: [Option<usize>; 4] = [Some(3), Some(5), Some(6), None];

/// A customer's outcome in each period.
struct Unit {
    since: Option<usize>,
    cluster: usize,
    outcomes: Vec<f64>,
}

/// An effect that grows with the periods since the treatment, and is larger in earlier cohorts.
fn truth(since: usize, period: usize) -> f64 {
    if period < since {
        0.0
    } else {
        (8 - since) as f64 * 0.2 * (1.0 + (period - since) as f64)
    }
}

fn normal(random: &mut SplitMix64) -> f64 {
    tail::normal_quantile(random.uniform())
}

/// Customers whose level differs by cohort and who all move along the same path but for the
/// treatment, and but for a trend of the treated before it.
fn units(seed: u64, each: usize, clusters: usize, trend: f64) -> Vec<Unit> {
    let mut random = SplitMix64::new(seed);
    let shocks: Vec<Vec<f64>> = (0..STARTS.len() * clusters)
        .map(|_| (0..PERIODS).map(|_| normal(&mut random)).collect())
        .collect();
    let mut units = Vec::new();
    for (number, since) in STARTS.into_iter().enumerate() {
        for i in 0..each {
            let cluster = number * clusters + i % clusters.max(1);
            let level = number as f64 + 2.0 * normal(&mut random);
            let outcomes = (0..PERIODS).map(|period| {
                let season = [0.0, 1.0, -0.5, 2.0, 0.3, 1.1, 0.0, 3.0][period];
                let effect =
                    since.map_or(0.0, |since| truth(since, period) + trend * period as f64);
                let shock = if clusters > 0 {
                    shocks[cluster][period]
                } else {
                    0.0
                };
                level + season + effect + shock + normal(&mut random)
            });
            units.push(Unit {
                since,
                cluster,
                outcomes: outcomes.collect(),
            });
        }
    }
    units
}

fn of_customers(units: &[Unit]) -> Panel {
    let cohorts: Vec<_> = STARTS
        .iter()
        .map(|since| {
            let mut moments = CoMoments::new(&Products::new(PERIODS, |_, _| true));
            let rows: Vec<&Unit> = units.iter().filter(|unit| unit.since == *since).collect();
            let columns: Vec<Vec<f64>> = (0..PERIODS)
                .map(|period| rows.iter().map(|unit| unit.outcomes[period]).collect())
                .collect();
            let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
            moments.push(&columns).unwrap();
            (*since, moments.finish())
        })
        .collect();
    Panel::of_customers(PERIODS, &cohorts).unwrap()
}

fn of_clusters(units: &[Unit]) -> Panel {
    let mut cells: Vec<ClusterCell> = Vec::new();
    for unit in units {
        let same =
            |cell: &&mut ClusterCell| cell.cluster == unit.cluster && cell.since == unit.since;
        match cells.iter_mut().find(same) {
            Some(cell) => {
                cell.customers += 1.0;
                for (sum, outcome) in cell.sums.iter_mut().zip(&unit.outcomes) {
                    *sum += outcome;
                }
            }
            None => cells.push(ClusterCell {
                cluster: unit.cluster,
                since: unit.since,
                customers: 1.0,
                sums: unit.outcomes.clone(),
            }),
        }
    }
    Panel::of_clusters(PERIODS, &cells).unwrap()
}

fn near(found: f64, expected: f64, tolerance: f64) {
    let error = (found - expected).abs();
    assert!(
        error <= tolerance * expected.abs().max(1.0),
        "{found} is not {expected}"
    );
}

/// Mean and variance of the mean of a number per customer.
fn mean_and_variance(numbers: &[f64]) -> (f64, f64) {
    let n = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / n;
    let squares: f64 = numbers.iter().map(|x| (x - mean).powi(2)).sum();
    (mean, squares / (n - 1.0) / n)
}

#[test]
fn a_cell_is_the_difference_of_two_differences() {
    let units = units(1, 40, 0, 0.0);
    let found = staggered(&of_customers(&units), Controls::NeverTreated, 0.05).unwrap();
    assert_eq!(found.group_times.len(), 3 * (PERIODS - 1));
    for cell in &found.group_times {
        let changes = |since: Option<usize>| -> Vec<f64> {
            let of = units.iter().filter(|unit| unit.since == since);
            of.map(|unit| unit.outcomes[cell.period] - unit.outcomes[cell.since - 1])
                .collect()
        };
        let (treated, a) = mean_and_variance(&changes(Some(cell.since)));
        let (never, b) = mean_and_variance(&changes(None));
        near(cell.effect.estimate, treated - never, 1e-12);
        near(cell.effect.se, (a + b).sqrt(), 1e-12);
    }
}

/// Sums over customers, one by one: each customer's part in the estimate, whose squares are the
/// variance.
#[test]
fn means_over_cohorts_are_sums_over_customers() {
    let units = units(2, 30, 0, 0.0);
    let panel = of_customers(&units);
    let found = staggered(&panel, Controls::NotYetTreated, 0.05).unwrap();
    // Cohorts have equal sizes: plain means over cells.
    let cells: Vec<(usize, usize)> = [3, 5, 6]
        .into_iter()
        .flat_map(|since| (since..PERIODS).map(move |period| (since, period)))
        .collect();
    let weight = 1.0 / cells.len() as f64;
    let mut parts = vec![0.0; units.len()];
    for &(since, period) in &cells {
        let is_control = |unit: &Unit| unit.since.is_none_or(|theirs| theirs > period);
        let controls = units.iter().filter(|unit| is_control(unit)).count() as f64;
        for (part, unit) in parts.iter_mut().zip(&units) {
            let change = unit.outcomes[period] - unit.outcomes[since - 1];
            if unit.since == Some(since) {
                *part += weight * change / 30.0;
            } else if is_control(unit) {
                *part -= weight * change / controls;
            }
        }
    }
    near(found.per_period.estimate, parts.iter().sum(), 1e-12);
    near(found.periods_treated, cells.len() as f64 / 3.0, 1e-12);
    near(
        found.cumulative.estimate,
        found.per_period.estimate * found.periods_treated,
        1e-12,
    );
    // Within each cohort, departures from the cohort's mean part.
    let variance: f64 = STARTS
        .iter()
        .map(|since| {
            let of = units
                .iter()
                .zip(&parts)
                .filter(|(unit, _)| unit.since == *since);
            let of: Vec<f64> = of.map(|(_, part)| *part).collect();
            mean_and_variance(&of).1 * (of.len() as f64).powi(2)
        })
        .sum();
    near(found.per_period.se, variance.sqrt(), 1e-12);
    let first = found.events.iter().find(|event| event.event == 0).unwrap();
    near(first.customers, 90.0, 1e-12);
    assert!(found.events.iter().all(|event| event.event != -1));
}

#[test]
fn clusters_of_one_customer_are_customers() {
    let mut units = units(3, 25, 0, 0.0);
    for (number, unit) in units.iter_mut().enumerate() {
        unit.cluster = number;
    }
    let customers = staggered(&of_customers(&units), Controls::NeverTreated, 0.05).unwrap();
    let clusters = staggered(&of_clusters(&units), Controls::NeverTreated, 0.05).unwrap();
    near(
        clusters.per_period.estimate,
        customers.per_period.estimate,
        1e-12,
    );
    near(clusters.per_period.se, customers.per_period.se, 1e-12);
    assert_eq!(clusters.per_period.df, 96.0);
}

#[test]
fn effects_of_cohorts_do_not_mix() {
    // Without noise the truth comes out whatever the levels, the season and the growth.
    let mut units = units(4, 4, 0, 0.0);
    for unit in &mut units {
        let base = unit.since.map_or(1.0, |since| since as f64);
        for (period, outcome) in unit.outcomes.iter_mut().enumerate() {
            *outcome = base + (period * period) as f64;
            *outcome += unit.since.map_or(0.0, |since| truth(since, period));
        }
    }
    for controls in [Controls::NeverTreated, Controls::NotYetTreated] {
        let found = staggered(&of_customers(&units), controls, 0.05).unwrap();
        for cell in &found.group_times {
            near(cell.effect.estimate, truth(cell.since, cell.period), 1e-12);
        }
        assert_eq!(found.without_controls, 0);
    }
    // Without customers who are never treated, the last cohort has no controls.
    units.retain(|unit| unit.since.is_some());
    let mut cells = Vec::new();
    for (cluster, unit) in units.iter().enumerate() {
        cells.push(ClusterCell {
            cluster,
            since: unit.since,
            customers: 1.0,
            sums: unit.outcomes.clone(),
        });
    }
    let panel = Panel::of_clusters(PERIODS, &cells).unwrap();
    let found = staggered(&panel, Controls::NotYetTreated, 0.05).unwrap();
    let last = found
        .group_times
        .iter()
        .map(|cell| cell.period)
        .filter(|&period| period >= 6);
    assert_eq!((last.count(), found.without_controls), (0, 6));
    let never = staggered(&panel, Controls::NeverTreated, 0.05);
    assert_eq!(never, Err(PanelError::NoEffect));
}

#[test]
fn what_says_nothing_is_refused() {
    let cell = |cluster, since| ClusterCell {
        cluster,
        since,
        customers: 3.0,
        sums: vec![1.0; 4],
    };
    let one = [cell(0, Some(2)), cell(1, None), cell(2, None)];
    let error = Panel::of_clusters(4, &one).unwrap_err();
    assert!(
        matches!(error, PanelError::TooFew { cohorts: 1, .. }),
        "{error}"
    );
    // Two clusters in both cohorts: their departures from the means have no freedom left.
    let split: Vec<ClusterCell> = (0..2)
        .flat_map(|number| [cell(number, Some(2)), cell(number, None)])
        .collect();
    let error = Panel::of_clusters(4, &split).unwrap_err();
    let expected = PanelError::FewClusters {
        clusters: 2,
        cohorts: 2,
    };
    assert_eq!(error, expected);
    let error = Panel::of_clusters(5, &one).unwrap_err();
    assert!(matches!(error, PanelError::Invalid { .. }), "{error}");
}

/// Bias, and how often intervals hold the truth, over simulated panels; and how often the test of
/// the periods before rejects without and with a trend of the treated.
#[test]
fn intervals_cover_the_truth() {
    const PANELS: u64 = 400;
    let cells: Vec<f64> = [3, 5, 6]
        .into_iter()
        .flat_map(|since| (since..PERIODS).map(move |period| truth(since, period)))
        .collect();
    let mean_truth = cells.iter().sum::<f64>() / cells.len() as f64;
    let run = |clusters: usize, trend: f64| {
        let (mut sum, mut covered, mut rejected, mut less) = (0.0, 0, 0, 0);
        for seed in 0..PANELS {
            let units = units(1000 + seed, 60, clusters, trend);
            let panel = if clusters > 0 {
                of_clusters(&units)
            } else {
                of_customers(&units)
            };
            let found = staggered(&panel, Controls::NotYetTreated, 0.05).unwrap();
            let holds = |e: &Estimate| u32::from(e.low <= mean_truth && mean_truth <= e.high);
            sum += found.per_period.estimate - mean_truth;
            covered += holds(&found.per_period);
            rejected += u32::from(found.before.unwrap().probability.p < 0.05);
            less += holds(&found.per_period_less_trend.unwrap());
        }
        let n = PANELS as f64;
        (
            sum / n,
            f64::from(covered) / n,
            f64::from(rejected) / n,
            f64::from(less) / n,
        )
    };
    for clusters in [0, 10] {
        let (bias, coverage, rejected, less) = run(clusters, 0.0);
        println!(
            "{clusters} clusters: bias {bias:.4} of {mean_truth:.3}, coverage {coverage:.3}, {less:.3}, rejected {rejected:.3}"
        );
        assert!(bias.abs() < 0.05 * mean_truth, "{bias}");
        // A binomial of 400 at 0.95 leaves 0.90 to 0.99 less than once in 10,000.
        assert!((0.90..=0.99).contains(&coverage), "{coverage}");
        assert!((0.90..=0.99).contains(&less), "{less}");
        assert!(rejected < 0.10, "{rejected}");
    }
    // A trend of the treated is mistaken for an effect, is noticed, and can be taken off.
    let (bias, coverage, rejected, less) = run(0, 0.3);
    println!(
        "with a trend: bias {bias:.4}, coverage {coverage:.3}, less the trend {less:.3}, rejected {rejected:.3}"
    );
    assert!(bias > 0.5 && coverage < 0.1);
    assert!(rejected > 0.9, "{rejected}");
    assert!((0.90..=0.99).contains(&less), "{less}");
}
