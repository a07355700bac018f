//! How sure sums of increments are.

use measure::audience::LiftFinding;

use crate::fixture::{CATALOG, catalog, finding, of_lifts};

/// The standard errors that the interval of the total reaches to, and its standard error.
fn reach(lifts: &[LiftFinding]) -> (f64, f64) {
    let total = of_lifts(&catalog(CATALOG), lifts).total.unwrap();
    let width = total.increment_high.to_f64() - total.increment_low.to_f64();
    (0.5 * width / total.increment_se, total.increment_se)
}

/// A lift of arms with their standard error, customers and degrees of freedom.
fn lift(experiment: &str, arms: &[(&str, f64, u64, f64)]) -> LiftFinding {
    let plain: Vec<_> = (arms.iter())
        .map(|&(arm, se, customers, _)| (arm, 0.5, se, customers))
        .collect();
    let mut lift = finding(&plain);
    lift.experiment = experiment.to_owned();
    for (comparison, &(.., df)) in lift.metrics.iter_mut().zip(arms) {
        if let Some(absolute) = &mut comparison.outcome.absolute {
            absolute.df = Some(df);
        }
    }
    lift
}

#[test]
fn degrees_of_freedom_of_independent_increments_are_those_of_satterthwaite() {
    // Of a handful of customers, an error of 0.02 x 500 = 10; of many, one of 0.1 x 1000 = 100.
    let handful = lift("handful", &[("a", 0.02, 1000, 1.04)]);
    let many = lift("many", &[("b", 0.1, 2000, 200.0)]);
    let (q, se) = reach(&[handful, many]);
    assert!((se - 10_100.0_f64.sqrt()).abs() < 1e-9);
    // 10100^2 / (100^2 / 1.04 + 10000^2 / 200) = 200.17 degrees of freedom, and not 1.04, where q is 11.6.
    assert!((q - 1.971_886).abs() < 1e-4, "{q}");
}

#[test]
fn increments_of_one_experiment_are_one_part_with_the_fewest_degrees_of_freedom() {
    // Errors of 65 and 100, and the reference arm's of 0.08 in both.
    let test = lift("test", &[("a", 0.13, 1000, 5.0), ("b", 0.1, 2000, 50.0)]);
    let variance = 65.0_f64.powi(2) + 100.0_f64.powi(2) + 2.0 * 40.0 * 80.0;
    let (q, se) = reach(&[test]);
    assert!((se - variance.sqrt()).abs() < 1e-9);
    assert!((q - 2.570_582).abs() < 1e-4, "{q}");
}
