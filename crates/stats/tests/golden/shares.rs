//! Two shares, and the methods beside our rule.

use crate::cases::{Results, compare, count, id, of_lift};
use serde_json::Value;
use stats::{
    Counts, Method, agresti_caffo, barnard, clopper_pearson, fisher, lift_of_shares, newcombe,
    wilson,
};

#[test]
fn shares() {
    compare(include_str!("shares.json"), |case| {
        shares_of(case).map_err(|e| e.to_string())
    });
}

fn shares_of(case: &Value) -> Result<Results, stats::Unestimable> {
    let counts = |value: &Value| Counts {
        successes: count(&value[0]),
        n: count(&value[1]),
    };
    let (treated, control) = (counts(&case["treated"]), counts(&case["control"]));
    let lift = lift_of_shares(treated, control, 0.05)?;
    let mut results = of_lift(case, &lift);
    let pair = |(low, high): (f64, f64)| vec![low, high];
    results.extend([
        ("newcombe", pair(newcombe(treated, control, 0.05)?)),
        (
            "agresti_caffo",
            pair(agresti_caffo(treated, control, 0.05)?),
        ),
        ("wilson_t", pair(wilson(treated, 0.05)?)),
        ("clopper_pearson_t", pair(clopper_pearson(treated, 0.05)?)),
        ("fisher_p", vec![fisher(treated, control)?.p]),
    ]);
    if case["expect"].get("barnard_p").is_some() {
        let barnard = barnard(treated, control)?.p;
        results.push(("barnard_p", vec![barnard]));
        if lift.method == Method::Score {
            // The worst share instead of the likeliest one.
            let p = lift.probability.p;
            assert!(p <= barnard && p > 0.6 * barnard, "{} {p}", id(case));
        }
    }
    Ok(results)
}
