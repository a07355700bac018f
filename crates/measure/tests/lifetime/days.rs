//! Dates that are far from all others.

use super::*;

/// Purchases of 600 customers on nearly every day of 2023, with some more rows.
fn with(more: &str) -> String {
    let [rows, ..] = simulated(600, 1.0);
    rows + more
}

fn value(finding: &LifetimeFinding) -> f64 {
    finding.value.as_ref().unwrap().future.estimate
}

#[test]
fn a_late_date_does_not_move_the_end_and_is_told_of() {
    let plain = measured(&with(""), "spend: amount\n").unwrap();
    assert!(!says(&plain, "dated"));
    let end = plain.extent.last_day.clone();
    for (date, days) in [
        ("2024-01-20", "20"),
        ("2024-02-09", "40"),
        ("2199-01-01", "63919"),
    ] {
        let late = measured(&with(&format!("1,{date},10\n")), "spend: amount\n").unwrap();
        assert_eq!((&late.extent.last_day, &late.extent.data_end), (&end, &end));
        assert_eq!(value(&late), value(&plain));
        let said = format!("1 purchase is dated {date} or later, after the others by {days} days");
        assert!(says(&late, &said), "{:?}", late.checks);
        assert!(says(&late, "`until: 2024-01-01`"));
        let left = late.extent.left_out.last().unwrap();
        assert_eq!(left.number, 1);
    }
    // Who knows that the date is right says where the data end.
    let rows = with("1,2024-02-09,10\n");
    let right = measured(&rows, "spend: amount\nuntil: 2024-02-10\n").unwrap();
    assert_eq!(right.extent.last_day.as_deref(), Some("2024-02-09"));
    assert!(value(&right) < 0.7 * value(&plain));
    assert!(!says(&right, "dated"));
}

#[test]
fn a_back_test_does_not_reach_to_a_lone_date() {
    let keys = "spend: amount\nuntil: 2023-10-01\n";
    let plain = measured(&with(""), keys).unwrap();
    let late = measured(&with("1,2199-01-01,10\n"), keys).unwrap();
    assert_eq!(late.back_test, plain.back_test);
    let test = late.back_test.as_ref().unwrap();
    assert_eq!(
        (test.days, test.forecast_until.as_str()),
        (92, "2023-12-31")
    );
    assert!(says(&late, "the back-test ends on 2023-12-31"));
}

#[test]
fn an_early_date_does_not_move_the_start_and_is_told_of() {
    for until in ["", "until: 2023-12-01\n"] {
        let keys = format!("spend: amount\n{until}");
        let plain = measured(&with(""), &keys).unwrap();
        let early = measured(&with("stranger,1970-01-01,10\n"), &keys).unwrap();
        assert_eq!(early.extent.first_day, plain.extent.first_day);
        assert_eq!(early.back_test, plain.back_test);
        assert_eq!(value(&early), value(&plain));
        assert!(
            says(&early, "1 purchase is dated 1970-01-01 or earlier"),
            "{:?}",
            early.checks
        );
        assert!(says(&early, "`from: 2023-01-01`"));
    }
}
