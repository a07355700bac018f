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

/// Yearly gifts until December 2019, and one of 2199.
fn gifts() -> String {
    let mut random = Random(3);
    let mut rows = "id,day,amount\n".to_owned();
    for id in 0..400 {
        writeln!(rows, "{id},2010-{:02}-15,20", 1 + id % 12).unwrap();
        let (gives, leaves) = (0.2 + 0.6 * random.next(), 0.15 * random.next());
        for year in 2011..2020 {
            if random.next() < leaves {
                break;
            }
            if random.next() < gives {
                writeln!(rows, "{id},{year}-{:02}-27,20", 1 + id % 12).unwrap();
            }
        }
    }
    rows + "5,2199-03-03,10\n"
}

#[test]
fn of_periods_days_are_told_as_what_they_stand_for() {
    let keys = "spend: amount\nopportunities: 1 year\n";
    let plain = measured(&gifts(), keys).unwrap();
    assert_eq!(plain.extent.last_day.as_deref(), Some("2018-01-01"));
    let said = "1 purchase is dated 2199-01-01 or later, after the others by 65744 days, where nowhere else more than 366 \
                lie between the first days of two periods with purchases: they do not count, and the data are taken to end \
                with the period that begins on 2018-01-01; if a date is wrong, mend it, or say `until: 2020-01-01`, if the \
                period before is over; if all";
    assert!(says(&plain, said), "{:?}", plain.checks);
    // Who does that loses nothing, and is not warned again.
    let until = |day: &str| measured(&gifts(), &format!("{keys}until: {day}\n")).unwrap();
    let followed = until("2020-01-01");
    assert_eq!(followed.extent.last_day.as_deref(), Some("2019-01-01"));
    assert_eq!(followed.extent.left_out.len(), 1);
    assert!(!says(&followed, "dated"), "{:?}", followed.checks);
    // Neither is who ends before, where models see all that is over.
    assert!(!says(&until("2019-01-02"), "dated"));
    // The back-test is what is said of it.
    let tested = until("2017-01-01");
    let forecast_until = tested.back_test.as_ref().unwrap().forecast_until.as_str();
    assert_eq!(forecast_until, "2018-01-01");
    let said = "the back-test ends with the period that begins on 2018-01-01;";
    assert!(says(&tested, said), "{:?}", tested.checks);
    // An early date lies before the end of its period, not of the day that stands for it.
    let early = gifts().replace("2199-03-03", "1960-03-03");
    let early = measured(&early, keys).unwrap();
    let said = "1 purchase is dated 1960-12-31 or earlier";
    assert!(says(&early, said), "{:?}", early.checks);
    let from = measured(
        &gifts().replace("2199-03-03", "1960-03-03"),
        &format!("{keys}from: 2010-01-01\n"),
    );
    let from = from.unwrap();
    assert!(says(&early, "`from: 2010-01-01`") && !says(&from, "dated"));
    assert_eq!(from.extent.repeat_purchases, early.extent.repeat_purchases);
}

#[test]
fn who_says_where_the_data_end_is_not_warned_again() {
    let rows = with("1,2199-01-01,10\n");
    let plain = measured(&rows, "spend: amount\n").unwrap();
    for until in ["2024-01-01", "2024-01-20"] {
        let followed = measured(&rows, &format!("spend: amount\nuntil: {until}\n")).unwrap();
        assert!(!says(&followed, "dated"), "{:?}", followed.checks);
        assert_eq!(followed.extent.left_out, plain.extent.left_out);
        if until == "2024-01-01" {
            assert_eq!(value(&followed), value(&plain));
        }
    }
}
