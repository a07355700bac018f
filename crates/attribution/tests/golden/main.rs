//! Credits equal to other tools' and to an independent exact solution.
//!
//! `golden.json` holds answers of ChannelAttribution 2.2.5, of marketing-attribution-models 1.0.10
//! and of closed forms and dense solves in Python (NumPy 2.4). ChannelAttribution's own example
//! data are read from the folder named by `TOUCHSTONE_TEST_DATA`.

use attribution::{
    Comparison, Heuristic, JourneyBuilder, JourneyTable, Model, Outcome, PathPolicy, best_order,
    credit, markov, order_scores,
};
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden.json")).expect("valid JSON")
}

#[track_caller]
fn numbers(value: &Value) -> Vec<f64> {
    let values = value.as_array().expect("an array").iter();
    values
        .map(|value| value.as_f64().expect("a number"))
        .collect()
}

#[track_caller]
fn texts(value: &Value) -> Vec<&str> {
    let values = value.as_array().expect("an array").iter();
    values
        .map(|value| value.as_str().expect("a text"))
        .collect()
}

#[track_caller]
fn assert_close(what: &str, actual: f64, expected: f64) {
    let error = (actual - expected).abs();
    assert!(
        error <= 1e-9 * expected.abs().max(1e-3),
        "{what}: {actual} is not {expected}"
    );
}

/// Compares what a table has by channel with what a golden file has, in its own order.
#[track_caller]
fn assert_by_channel(
    what: &str,
    table: &JourneyTable,
    actual: &[f64],
    names: &[&str],
    expected: &[f64],
) {
    assert_eq!(names.len(), table.channels().len(), "{what}");
    for (name, &expected) in names.iter().zip(expected) {
        let channel = table.channel(name).expect("a known channel") as usize;
        assert_close(&format!("{what} of {name}"), actual[channel], expected);
    }
}

/// Rows of an aggregated file: path, conversions, value, nulls.
type Row = (String, f64, f64, f64);

fn table(rows: &[Row], with_nulls: bool) -> JourneyTable {
    let mut builder = JourneyBuilder::new(PathPolicy::default());
    for (path, conversions, value, nulls) in rows {
        let nulls = if with_nulls { *nulls as u64 } else { 0 };
        builder
            .add_text(path, '>', *conversions, *value, nulls)
            .expect("a valid row");
    }
    // Channels that only null journeys have count as channels too.
    for (path, ..) in rows {
        for name in path.split('>') {
            builder.channel(name.trim()).expect("a name");
        }
    }
    builder.finish()
}

fn compare(what: &str, rows: &[Row], golden: &Value) {
    let all = table(rows, true);
    let heuristics = &golden["heuristics"];
    let names = texts(&heuristics["channels"]);
    let models = [
        ("first", Heuristic::First),
        ("last", Heuristic::Last),
        ("linear", Heuristic::Linear),
        ("u_40_20_40", Heuristic::U),
    ];
    for (name, heuristic) in models {
        let credits = credit(&all, &[Model::Heuristic(heuristic)]).expect("credits");
        let what = format!("{what} {name}");
        let expected = numbers(&heuristics[name]);
        assert_by_channel(&what, &all, &credits[0].conversions, &names, &expected);
        if let Some(value) = heuristics.get(format!("{name}_value")) {
            assert_by_channel(&what, &all, &credits[0].value, &names, &numbers(value));
        }
    }
    let chains = golden["markov"].as_object().expect("chains");
    assert!(!chains.is_empty());
    for (name, expected) in chains {
        let what = format!("{what} {name}");
        let table = table(rows, name.ends_with("_null"));
        let order = name.as_bytes()["markov_order".len()] - b'0';
        let fitted = markov(&table, usize::from(order)).expect("a chain");
        assert_close(
            &what,
            fitted.conversion,
            expected["p_conversion"].as_f64().expect("one"),
        );
        if order > 1 {
            assert_eq!(
                Some(fitted.states as u64),
                expected["n_states"].as_u64(),
                "{what}"
            );
        }
        let names = texts(&expected["channels"]);
        for (field, actual) in [
            ("removal_effects_conversion", &fitted.conversion_effects),
            ("removal_effects_value", &fitted.value_effects),
            ("attributed_conversions", &fitted.credits.conversions),
            ("attributed_value", &fitted.credits.value),
        ] {
            let what = format!("{what} {field}");
            assert_by_channel(&what, &table, actual, &names, &numbers(&expected[field]));
        }
    }
}

#[test]
fn small_tables() {
    for (name, toy) in golden()["toys"].as_object().expect("toys") {
        let input = &toy["input"];
        let column = |name: &str| numbers(&input[name]);
        let (conversions, value, nulls) = (column("conv"), column("val"), column("null"));
        let paths = texts(&input["path"]).into_iter().enumerate();
        let rows: Vec<Row> = paths
            .map(|(i, path)| (path.to_owned(), conversions[i], value[i], nulls[i]))
            .collect();
        compare(name, &rows, toy);
    }
}

/// ChannelAttribution's example: 88,387 journeys on 10,000 rows.
fn large() -> Option<Vec<Row>> {
    let folder = std::env::var_os("TOUCHSTONE_TEST_DATA")?;
    let path = std::path::Path::new(&folder).join("channelattribution_paths.csv");
    let text = std::fs::read_to_string(path).expect("channelattribution_paths.csv is readable");
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(';').collect();
        let number = |i: usize| fields[i].trim().parse().expect("a number");
        (fields[0].to_owned(), number(1), number(2), number(3))
    };
    Some(text.lines().skip(1).map(row).collect())
}

#[test]
fn large_table() {
    let Some(rows) = large() else {
        eprintln!(
            "skipped: TOUCHSTONE_TEST_DATA names no folder with channelattribution_paths.csv"
        );
        return;
    };
    let golden = &golden()["large"];
    let table = table(&rows, true);
    assert_close("conversions", table.total().conversions, 19_785.0);
    assert_close(
        "value",
        table.total().value,
        golden["total_value"].as_f64().expect("one"),
    );
    compare("large", &rows, golden);

    // The areas under the curve are the same for order one and nearly so for the others.
    let scores = order_scores(&table).expect("scores");
    for (i, score) in scores.iter().enumerate() {
        let expected = |name: &str| numbers(&golden["order"][name])[i];
        let allowed = if score.order == 1 { 1e-12 } else { 1e-4 };
        assert!((score.auc - expected("auc")).abs() < allowed, "{score:?}");
        assert!(
            (score.penalized_auc - expected("pauc")).abs() < allowed,
            "{score:?}"
        );
    }
    assert_eq!(best_order(&table), Ok(4));

    // Twenty runs of the simulation scatter about the exact answer, where it is not rare.
    let fitted = markov(&table, 1).expect("a chain");
    let simulated = &golden["simulated_20_seeds"];
    for (channel, name) in table.channels().iter().enumerate() {
        let exact = fitted.credits.conversions[channel];
        let of = |field: &str| simulated[field][name.as_str()].as_f64().expect("a number");
        if exact > 500.0 {
            assert!((of("mean") - exact).abs() < of("sd"), "{name}");
        }
    }
}

/// The twelve journeys with their hours before the conversion.
fn timed() -> JourneyTable {
    let golden = golden();
    let mut builder = JourneyBuilder::new(PathPolicy::default());
    for journey in golden["journeys"].as_array().expect("journeys") {
        let touches = journey[3].as_array().expect("touches");
        let mut channels = Vec::new();
        let mut ages = Vec::new();
        for touch in touches {
            channels.push(
                builder
                    .channel(touch[0].as_str().expect("a name"))
                    .expect("known"),
            );
            ages.push((touch[1].as_f64().expect("hours") * 3600.0) as u32);
        }
        let outcome = match journey[1].as_u64() {
            Some(1) => Outcome::converted(journey[2].as_f64().expect("a value")),
            _ => Outcome::NULL,
        };
        builder
            .add(&channels, Some(&ages), outcome, 1)
            .expect("a journey");
    }
    builder.finish()
}

#[test]
fn timed_journeys() {
    let table = timed();
    let golden = &golden()["by_value"];
    let hours = |hours: f64| hours * 3600.0;
    let heuristics = [
        ("first", Heuristic::First),
        ("last", Heuristic::Last),
        ("linear", Heuristic::Linear),
        ("position_based_40_20_40", Heuristic::U),
        ("position_decay", Heuristic::PositionDecay),
        (
            "time_decay_half_168h",
            Heuristic::SteppedTimeDecay {
                period: hours(168.0),
            },
        ),
        (
            "time_decay_half_24h",
            Heuristic::SteppedTimeDecay {
                period: hours(24.0),
            },
        ),
        (
            "time_decay_continuous_halflife_24h_value",
            Heuristic::TimeDecay {
                half_life: hours(24.0),
            },
        ),
        (
            "time_decay_continuous_halflife_168h_value",
            Heuristic::TimeDecay {
                half_life: hours(168.0),
            },
        ),
    ];
    let others = [
        (
            "shapley_exact_v_sum_of_value_in_subsets",
            Model::ShapleyOfSubsets,
        ),
        (
            "shapley_conv_rate",
            Model::Comparison(Comparison::RateOfSet),
        ),
        (
            "shapley_order_conv_rate",
            Model::Comparison(Comparison::RateOfSequence),
        ),
        (
            "leave_one_touch_out_fractribution_definition_value",
            Model::Comparison(Comparison::LeaveOneTouchOut),
        ),
    ];
    let heuristics = heuristics.map(|(name, heuristic)| (name, Model::Heuristic(heuristic)));
    let (names, models): (Vec<_>, Vec<_>) = heuristics.into_iter().chain(others).unzip();
    let credits = credit(&table, &models).expect("credits");
    for (name, credits) in names.iter().zip(&credits) {
        for (channel, expected) in golden[*name].as_object().expect("channels") {
            let place = table.channel(channel).expect("a known channel") as usize;
            let expected = expected.as_f64().expect("a number");
            assert_close(
                &format!("{name} of {channel}"),
                credits.value[place],
                expected,
            );
        }
    }
    for (name, model) in [
        (
            "shapley_exact_v_sum_of_conversions_in_subsets",
            Model::ShapleyOfSubsets,
        ),
        (
            "leave_one_touch_out_fractribution_definition_conversions",
            Model::Comparison(Comparison::LeaveOneTouchOut),
        ),
    ] {
        let credits = credit(&table, &[model]).expect("credits");
        for (channel, expected) in golden[name].as_object().expect("channels") {
            let place = table.channel(channel).expect("a known channel") as usize;
            let expected = expected.as_f64().expect("a number");
            assert_close(name, credits[0].conversions[place], expected);
        }
    }
    let effects = markov(&table, 1).expect("a chain").conversion_effects;
    let expected = &golden["markov_value_as_freq_false_removal_effect"]["removal_effect"];
    for (channel, expected) in expected.as_object().expect("channels") {
        let place = table.channel(channel).expect("a known channel") as usize;
        assert_close(
            channel,
            effects[place],
            expected.as_f64().expect("a number"),
        );
    }
}
