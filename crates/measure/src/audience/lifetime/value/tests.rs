//! Standard errors against the delta method by brute force, and against customers drawn anew.

use clv::{BgNbd, Estimation, MbgNbd, ParetoNbd, TimingFit};
use stats::random::SplitMix64;

use super::*;
use crate::audience::lifetime::covariates::Covariates;
use crate::audience::lifetime::fit::Kind;
use crate::audience::lifetime::life::Lives;
use crate::audience::lifetime::purchases::Purchases;
use crate::audience::lifetime::spend::spend_table;

const TERMS: Terms = Terms {
    margin: 0.4,
    discount: 0.004,
    horizon: 150.0,
    alpha: 0.05,
};

/// Customers of two cells who buy every so many days with a mean spend of their own, until they leave. Each `step`-th
/// day is one on which they can buy.
fn base(customers: usize, step: u32, has_covariate: bool) -> Base {
    let mut random = SplitMix64::new(11);
    let mut exponential = |mean: f64| -mean * random.uniform().ln();
    let mut kept = Vec::new();
    for i in 0..customers {
        let cell = (i % 2) as u32;
        let age = step * (30 + (exponential(60.0) as u32).min(200));
        let days = f64::from(step) * exponential(if cell == 1 { 25.0 } else { 40.0 });
        let life = f64::from(step) * 60.0 / exponential(1.0);
        let end = exponential(life).min(f64::from(age));
        let level = exponential(20.0) + exponential(20.0);
        let (mut frequency, mut recency, mut spend) = (0, 0, 0.0);
        let mut at = exponential(days);
        while at < end {
            let on = (at as u32 / step) * step;
            if on > recency {
                (frequency, recency) = (frequency + 1, on);
                spend += level * (0.5 + exponential(0.5));
            }
            at += exponential(days);
        }
        kept.push(Kept {
            frequency,
            age,
            recency,
            cell,
            spend,
            later: 0,
            customers: 1 + (i % 3) as u32,
        });
    }
    let sizes = [1.0, 1.0];
    let cell = |name: &str| vec![Some(name.to_owned())];
    let purchases = Purchases {
        columns: vec!["kind".to_owned()],
        cells: vec![cell("a"), cell("b")],
        covariates: 0..usize::from(has_covariate),
        numeric: vec![false],
        ..Purchases::default()
    };
    let covariates = Covariates::new(&purchases, &sizes, "here").expect("covariates");
    Base::new(kept, 0, covariates)
}

/// The customers of each cell, and those who bought seldom or often.
fn groups(base: &Base) -> Vec<Group> {
    let mut groups = Group::split(base, 2, |row| Some(row.cell as usize));
    groups.extend(Group::split(base, 2, |row| {
        Some(usize::from(row.frequency > 1))
    }));
    groups
}

/// The future value of the customers of a group, customer by customer.
fn total(base: &Base, group: &Group, spend: &Spend, purchases: impl Fn(&Kept) -> f64) -> f64 {
    let of = |(place, share): &(usize, Share)| {
        let row = base.history(*place);
        let (times, mean) = (f64::from(row.frequency), share.spend / share.customers);
        let mean = spend.conditional(times, mean, base.covariates(row));
        TERMS.margin * share.customers * mean.expect("a mean") * purchases(row)
    };
    group.shares.iter().map(of).sum()
}

/// The standard error of each group is that by central differences of its total in each parameter, given the number of
/// parameters and the purchases that are expected where one is moved.
fn assert_errors(
    base: &Base,
    fitted: &Fitted,
    purchases: impl Fn(usize, f64) -> Box<dyn Fn(&Kept) -> f64>,
) {
    const STEP: f64 = 1e-4;
    let histories = base.all().expect("a table");
    let spend = Spend::new(&spend_table(base).expect("spend")).expect("a model of spend");
    let expected = Expected::new(&histories, fitted, &TERMS);
    let covariance = fitted.covariance();
    let size = covariance.len().isqrt();
    for group in groups(base) {
        let found = group.future(base, fitted, &expected, &spend, &TERMS);
        let found = found.expect("a value").prediction();
        let of = |parameter, step| total(base, &group, &spend, purchases(parameter, step));
        let slopes: Vec<f64> = (0..size)
            .map(|i| (of(i, STEP) - of(i, -STEP)) / (2.0 * STEP))
            .collect();
        let value = of(0, 0.0);
        assert!((found.value / value - 1.0).abs() < 1e-9, "{found:?}");
        let by_spend = spend
            .prediction(|moved| Ok(total(base, &group, moved, purchases(0, 0.0))))
            .expect("a value");
        let error = clv::quadratic(&covariance, &slopes).sqrt();
        assert!(error > 0.0 && by_spend.standard_error > 0.0);
        let error = error.hypot(by_spend.standard_error);
        assert!(
            (found.standard_error / error - 1.0).abs() < 1e-5,
            "{found:?} {error}"
        );
    }
}

/// Of a model in continuous time.
fn assert_timing<M: Lives + 'static>(
    base: &Base,
    fit: impl Fn(&clv::CustomerTable, &Estimation) -> TimingFit<M>,
) {
    let table = base.all().expect("a table").table;
    let fit = fit(&table, &Estimation::all(&table));
    assert!(fit.boundaries.is_empty(), "{:?}", fit.boundaries);
    let covariates = fit.rate_effects.len();
    let boxed: Fitted = Box::new(fit.clone());
    let known = base.known().clone();
    assert_errors(base, &boxed, |parameter, step| {
        let mut moved = fit.clone();
        match parameter {
            0..4 => {
                let mut at = fit.model.scale_free();
                at[parameter] += step;
                moved.model = fit.model.at_scale_free(at);
            }
            effect if effect - 4 < covariates => moved.rate_effects[effect - 4].value += step,
            effect => moved.attrition_effects[effect - 4 - covariates].value += step,
        }
        let known = known.clone();
        Box::new(move |row| {
            let model = moved.model_of(known.of(row.cell));
            let Terms {
                discount, horizon, ..
            } = TERMS;
            model.discounted_expected_transactions(&row.customer(), discount, horizon)
        })
    });
}

#[test]
fn errors_are_those_of_the_delta_method_by_brute_force() {
    for has_covariate in [false, true] {
        let base = base(600, 1, has_covariate);
        assert_timing(&base, |table, all| {
            ParetoNbd::fit_with(table, all).expect("a fit")
        });
        assert_timing(&base, |table, all| {
            BgNbd::fit_with(table, 1, all).expect("a fit")
        });
        assert_timing(&base, |table, all| {
            MbgNbd::fit_with(table, 1, all).expect("a fit")
        });
    }
}

#[test]
fn errors_at_opportunities_are_those_of_the_delta_method_by_brute_force() {
    let base = base(1200, 7, false);
    let table = base.all().expect("a table").table;
    let fitted = Kind::BgBb(1.0).fit(&table).expect("a fit");
    assert!(fitted.boundaries().is_empty(), "{:?}", fitted.boundaries());
    let parameters: Vec<f64> = fitted.parameters().iter().map(|p| p.value).collect();
    let mut model = [0.0; 4];
    model.copy_from_slice(&parameters);
    assert_errors(&base, &fitted, |parameter, step| {
        let mut at = model;
        at[parameter] *= step.exp();
        let [alpha, beta, gamma, delta] = at;
        let moved = clv::BgBb {
            alpha,
            beta,
            gamma,
            delta,
        };
        Box::new(move |row| {
            let history = clv::Opportunities {
                taken: row.frequency,
                last: row.recency / 7,
                all: row.age / 7,
            };
            let rate = TERMS.discount.exp_m1();
            moved.discounted_expected_transactions(history, TERMS.horizon as u32, rate)
        })
    });
}

#[test]
fn errors_are_those_of_customers_drawn_anew() {
    let base = base(600, 1, false);
    let histories = base.all().expect("a table");
    let fit = MbgNbd::fit(&histories.table).expect("a fit");
    let draws = fit.bootstrap(&histories.table, 60, 3);
    let boxed: Fitted = Box::new(fit);
    let expected = Expected::new(&histories, &boxed, &TERMS);
    for group in groups(&base) {
        let found = group.future(&base, &boxed, &expected, &Spend::Counted, &TERMS);
        let found = found.expect("a value").prediction();
        let totals: Vec<f64> = draws
            .iter()
            .map(|draw| {
                let draw: Fitted = Box::new(draw.clone());
                let drawn = purchases(&histories, &draw, TERMS.discount, TERMS.horizon);
                let total = group.total(&base, &drawn, &Spend::Counted, TERMS.margin);
                total.expect("a value")
            })
            .collect();
        let n = totals.len() as f64;
        let mean = totals.iter().sum::<f64>() / n;
        let squares: f64 = totals.iter().map(|total| (total - mean).powi(2)).sum();
        let sd = (squares / (n - 1.0)).sqrt();
        // Sixty draws know a standard deviation to nine per cent.
        assert!(
            (found.standard_error / sd - 1.0).abs() < 0.3,
            "{found:?} {sd}"
        );
    }
}

#[test]
fn what_timing_may_be_at_worst_is_the_lower_end() {
    let future = Future {
        value: 10.0,
        by_timing: 0.1,
        by_spend: 0.0,
        by_chance: 0.0,
    };
    let plain = future.per_customer(None, 2.0, 0.05);
    let worst = future.per_customer(Some(4.0), 2.0, 0.05);
    assert!((worst.low - 2.0).abs() < 1e-12, "{worst:?}");
    assert_eq!((worst.estimate, worst.high), (plain.estimate, plain.high));
    // A limit inside of what is uncertain anyway changes nothing.
    assert_eq!(future.per_customer(Some(9.99), 2.0, 0.05), plain);
    let nothing = future.per_customer(Some(0.0), 2.0, 0.05);
    assert_eq!(nothing.low, 0.0);
}
