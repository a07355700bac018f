use super::*;

/// Uniform numbers between 0 and 1, by SplitMix64.
fn noise(seed: u64, rows: usize) -> Vec<f64> {
    let mut state = seed;
    (0..rows)
        .map(|_| {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        })
        .collect()
}

/// Share of the variance of new rows that the model explains.
fn explained(model: &Model, features: &[Vec<f64>], outcome: &[f64]) -> f64 {
    let mean = outcome.iter().sum::<f64>() / outcome.len() as f64;
    let (mut left, mut all) = (0.0, 0.0);
    for (row, &y) in outcome.iter().enumerate() {
        let x: Vec<f64> = features.iter().map(|feature| feature[row]).collect();
        left += (y - model.predict(&x)).powi(2);
        all += (y - mean).powi(2);
    }
    1.0 - left / all
}

fn exclusive_or(seed: u64, rows: usize) -> (Vec<Vec<f64>>, Vec<f64>) {
    let features: Vec<Vec<f64>> = (0..4).map(|i| noise(seed + i, rows)).collect();
    let error = noise(seed + 9, rows);
    let outcome = (0..rows)
        .map(|row| {
            let differs = (features[0][row] > 0.5) != (features[1][row] > 0.4);
            f64::from(u8::from(differs)) + 0.5 * (error[row] - 0.5)
        })
        .collect();
    (features, outcome)
}

#[test]
fn an_interaction_without_main_effects_is_found() {
    let (features, outcome) = exclusive_or(1, 4000);
    let model = fit(&features, &outcome, &Settings::default()).unwrap();
    let (features, outcome) = exclusive_or(100, 2000);
    // The noise is 0.25 / 12 of a variance of 0.25 + 0.25 / 12.
    let r2 = explained(&model, &features, &outcome);
    assert!((0.88..0.93).contains(&r2), "{r2}");
    let importance = model.importance(4);
    assert!(importance[0] + importance[1] > 0.9, "{importance:?}");
    assert!((importance.iter().sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn noise_teaches_nothing() {
    let features: Vec<Vec<f64>> = (0..10).map(|i| noise(i, 2000)).collect();
    let outcome = noise(77, 2000);
    let model = fit(&features, &outcome, &Settings::default()).unwrap();
    assert!(model.trees.len() < 30, "{} trees", model.trees.len());
    let fresh: Vec<Vec<f64>> = (0..10).map(|i| noise(500 + i, 2000)).collect();
    assert!(explained(&model, &fresh, &noise(600, 2000)) > -0.02);
}

#[test]
fn missing_values_go_their_own_way() {
    // The middle is high, and so are rows without a value.
    let mut x = noise(3, 3000);
    let y: Vec<f64> = x
        .iter_mut()
        .enumerate()
        .map(|(row, x)| {
            if row % 7 == 0 {
                *x = f64::NAN;
                return 4.0;
            }
            if (0.4..0.6).contains(x) { 4.0 } else { 0.0 }
        })
        .collect();
    let model = fit(&[x], &y, &Settings::default()).unwrap();
    assert!(model.predict(&[f64::NAN]) > 3.9);
    assert!(model.predict(&[0.5]) > 3.9);
    assert!(model.predict(&[0.1]) < 0.1);
    // Infinite is missing too, and so is what is not given at all.
    assert_eq!(model.predict(&[f64::INFINITY]), model.predict(&[]));
}

#[test]
fn a_value_missing_only_later_goes_with_the_many() {
    let x: Vec<f64> = (0..1000).map(|i| f64::from(i * 619 % 1000)).collect();
    let y: Vec<f64> = x.iter().map(|&x| f64::from(u8::from(x < 200.0))).collect();
    let model = fit(&[x], &y, &Settings::default()).unwrap();
    assert!(model.predict(&[f64::NAN]) < 0.1);
}

#[test]
fn a_feature_in_other_units_predicts_the_same() {
    let (features, outcome) = exclusive_or(5, 1500);
    let settings = Settings::default();
    let model = fit(&features, &outcome, &settings).unwrap();
    let scaled: Vec<Vec<f64>> = features
        .iter()
        .map(|feature| feature.iter().map(|x| (8.0 * x).exp()).collect())
        .collect();
    let other = fit(&scaled, &outcome, &settings).unwrap();
    for row in 0..100 {
        let x: Vec<f64> = features.iter().map(|feature| feature[row]).collect();
        let z: Vec<f64> = scaled.iter().map(|feature| feature[row]).collect();
        assert_eq!(model.predict(&x), other.predict(&z));
    }
}

#[test]
fn an_outcome_that_is_constant_has_no_trees() {
    let model = fit(&[noise(1, 500)], &[2.5; 500], &Settings::default()).unwrap();
    assert_eq!(model.base, 2.5);
    assert!(model.trees.is_empty());
    assert_eq!(model.importance(1), [0.0]);
}

#[test]
fn bad_input_is_refused() {
    let settings = Settings::default();
    let few = fit(&[vec![0.0; 49]], &[1.0; 49], &settings);
    assert_eq!(
        few,
        Err(BoostingError::TooFewRows {
            rows: 49,
            needed: 50
        })
    );
    let uneven = fit(&[vec![0.0; 60], vec![0.0; 59]], &[1.0; 60], &settings);
    assert_eq!(
        uneven,
        Err(BoostingError::RowCount {
            feature: 1,
            expected: 60,
            found: 59
        })
    );
    let mut outcome = [1.0; 60];
    outcome[7] = f64::NAN;
    let nan = fit(&[vec![0.0; 60]], &outcome, &settings);
    assert_eq!(nan, Err(BoostingError::NotFinite { row: 7 }));
    let depth = Settings {
        depth: 0,
        ..settings
    };
    let flat = fit(&[vec![0.0; 60]], &[1.0; 60], &depth);
    assert_eq!(flat, Err(BoostingError::Setting { what: "depth" }));
}
