//! Several effects at once: shrinkage, heterogeneity, interaction, three arms.

use crate::cases::{Results, compare, count, sample, text};
use crate::common::{number, numbers};
use serde_json::Value;
use stats::bayes::NormalPrior;
use stats::heterogeneity::{anova, heterogeneity, welch_anova};
use stats::interaction::{assignment_dependence, interaction, interaction_effect};
use stats::omnibus::Effect;
use stats::shrink::james_stein;
use stats::{Sample, lift_of_means, tail};

#[test]
fn shrink() {
    compare(include_str!("shrink.json"), |case| {
        Ok(match text(&case["kind"]) {
            "given_prior" => given_prior(case),
            "james_stein" => {
                let means = james_stein(&effects(case, "se", |se| se)).expect("effects");
                vec![("means", means)]
            }
            "anova" => {
                let test = anova(&arms(case)).expect("arms");
                vec![
                    ("f", vec![test.f]),
                    ("df", vec![test.df, test.denominator_df]),
                    ("p", vec![test.probability.p]),
                ]
            }
            "welch_anova" => {
                let test = welch_anova(&arms(case)).expect("arms");
                vec![
                    ("f", vec![test.f]),
                    ("df", vec![test.df, test.denominator_df]),
                    ("p", vec![test.probability.p]),
                ]
            }
            "segments" => segments(case),
            "effects" => cochran(case),
            "interaction" => two_experiments(case),
            "assignment" => assignment(case),
            other => panic!("unknown kind {other}"),
        })
    });
}

fn effects(case: &Value, noise: &str, se: impl Fn(f64) -> f64) -> Vec<Effect> {
    numbers(&case["effects"])
        .into_iter()
        .zip(numbers(&case[noise]))
        .map(|(estimate, noise)| Effect {
            estimate,
            se: se(noise),
            df: f64::INFINITY,
        })
        .collect()
}

fn arms(case: &Value) -> Vec<Sample> {
    let arms = case["arms"].as_array().expect("arms");
    arms.iter().map(sample).collect()
}

fn given_prior(case: &Value) -> Results {
    let prior = NormalPrior::Normal {
        mean: number(&case["prior"]["mean"]),
        sd: number(&case["prior"]["sd"]),
    };
    let (means, sds) = effects(case, "se", |se| se)
        .iter()
        .map(|effect| {
            let posterior = prior
                .posterior(effect.estimate, effect.se)
                .expect("a posterior");
            (posterior.mean(), posterior.sd())
        })
        .unzip();
    vec![("means", means), ("sds", sds)]
}

fn segments(case: &Value) -> Results {
    let effects: Vec<Effect> = case["segments"]
        .as_array()
        .expect("segments")
        .iter()
        .map(|segment| {
            let lift = lift_of_means(
                &sample(&segment["treated"]),
                &sample(&segment["control"]),
                0.05,
            );
            Effect::from(&lift.expect("an effect").absolute)
        })
        .collect();
    let test = heterogeneity(&effects).expect("effects").omnibus;
    vec![("wald", vec![test.chi_square / test.df])]
}

fn cochran(case: &Value) -> Results {
    let result = heterogeneity(&effects(case, "variances", f64::sqrt)).expect("effects");
    vec![
        ("q", vec![result.omnibus.chi_square]),
        ("df", vec![result.omnibus.df]),
        ("p", vec![result.omnibus.probability.p]),
        ("i_squared", vec![result.i_squared]),
        ("pooled", vec![result.pooled]),
    ]
}

fn two_experiments(case: &Value) -> Results {
    let cells = case["cells"].as_array().expect("rows");
    let cell = |i: usize, j: usize| sample(&cells[i][j]);
    let table = [[cell(0, 0), cell(0, 1)], [cell(1, 0), cell(1, 1)]];
    let effect = interaction_effect(&table).expect("an effect");
    let z = effect.estimate / effect.se;
    let test = interaction(&table.map(|row| row.to_vec())).expect("a test");
    let p = tail::student_t_two_sided(z, effect.df).p;
    assert!((test.probability.p / p - 1.0).abs() < 1e-9, "{test:?} {p}");
    vec![
        ("estimate", vec![effect.estimate]),
        ("se", vec![effect.se]),
        ("z", vec![z]),
        ("normal_p", vec![tail::normal_two_sided(z).p]),
    ]
}

fn assignment(case: &Value) -> Results {
    let counts: Vec<Vec<u64>> = case["counts"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row.as_array().expect("a row").iter().map(count).collect())
        .collect();
    let test = assignment_dependence(&counts).expect("a test");
    vec![
        ("chi2", vec![test.chi_square]),
        ("p", vec![test.probability.p]),
    ]
}
