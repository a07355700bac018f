//! Customers who are all equally likely to leave.

use super::*;

#[test]
fn customers_who_leave_alike_are_a_result_and_told_of() {
    // Lives that differ less than by chance: a hundred days each.
    let mut random = Random(5);
    let mut rows = "id,day,amount\n".to_owned();
    let first = jiff::civil::date(2023, 1, 1);
    for id in 0..300 {
        let begin = id % 300;
        let rate = random.exponential(1.0) / 12.0;
        let mut time = 0.0;
        while time < 100.0 && f64::from(begin) + time < 365.0 {
            let day = jiff::Span::new().days(i64::from(begin) + time as i64);
            writeln!(rows, "{id},{},10", first.checked_add(day).unwrap()).unwrap();
            time += random.exponential(rate);
        }
    }
    let finding = measured(&rows, "spend: amount\nhorizon: 1 year\nmodel: pareto-nbd\n").unwrap();
    let boundaries = &finding.models[0].boundaries;
    assert_eq!(boundaries, &["all customers are equally likely to leave"]);
    assert!(
        says(&finding, "intervals take it so"),
        "{:?}",
        finding.checks
    );
    let value = finding.value.unwrap().future;
    assert!(value.low < value.estimate && value.estimate < value.high);
}
