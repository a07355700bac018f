//! Orders that are on record more than once without being equal rows.

use measure::audience::Severity;

use super::*;

const KEYS: &str = "spend: amount\norder: ordering\n";
/// Forty orders, of which one has two lines of different amounts and one has two alike.
fn orders() -> String {
    let mut rows = "id,day,ordering,amount,load\n".to_owned();
    for order in 0..40 {
        let (id, day) = (order % 8, 1 + order % 28);
        writeln!(rows, "{id},2024-01-{day:02},o{order},{},1", 10 + order).unwrap();
    }
    rows + "0,2024-01-01,o0,3,1\n1,2024-01-02,o1,11,2\n"
}

#[test]
fn an_order_that_is_there_twice_is_told_of() {
    let finding = measured(&orders(), KEYS).unwrap();
    // Two things of one price, perhaps.
    let said = "1 orders (2.50 %) have each of their amounts an even number of times, 0 of them at several times";
    assert!(says(&finding, said), "{:?}", finding.checks);
    assert!(!says(&finding, "rows of several customers"));
    let rows = orders() + "2,2024-01-20,o2,12,1\n3,2024-01-21,o3,13,1\n0,2024-01-04,o3,5,1\n";
    let finding = measured(&rows, KEYS).unwrap();
    let said = "3 orders (7.50 %) have each of their amounts an even number of times, 2 of them at several times";
    assert!(says(&finding, said), "{:?}", finding.checks);
    assert!(says(
        &finding,
        "1 orders (2.50 %) have rows of several customers"
    ));
}

/// Four hundred orders, each loaded twice with another number of the load.
fn loaded_twice(orders: u32) -> String {
    let mut rows = "id,day,ordering,amount,load\n".to_owned();
    for order in 0..400 {
        let (id, day) = (order % 80, 1 + order % 28);
        for load in 1..=(1 + u32::from(order < orders)) {
            writeln!(rows, "{id},2024-01-{day:02},o{order},{},{load}", 10 + order).unwrap();
        }
    }
    rows
}

#[test]
fn one_equal_row_does_not_hide_orders_that_were_loaded_twice() {
    let severity = |finding: &LifetimeFinding, said: &str| {
        let mut checks = finding.checks.iter();
        let check = checks.find(|check| check.message.contains(said));
        check.map(|check| check.severity)
    };
    let rows = loaded_twice(400);
    let all = measured(&rows, KEYS).unwrap();
    let said = "400 orders (100.00 %) have each of their amounts";
    assert_eq!(severity(&all, said), Some(Severity::Warning));
    // An order has two more rows, which are equal to others.
    let equal = format!("{rows}7,2024-01-08,o7,17,1\n7,2024-01-08,o7,17,2\n");
    let equal = measured(&equal, KEYS).unwrap();
    let said = "at least 398 orders (99.50 %) have each of their amounts";
    assert_eq!(severity(&equal, said), Some(Severity::Warning));
    // Some orders have two things of one price.
    let some = measured(&loaded_twice(19), KEYS).unwrap();
    let said = "19 orders (4.75 %) have each of their amounts";
    assert_eq!(severity(&some, said), Some(Severity::Notice));
    let many = measured(&loaded_twice(20), KEYS).unwrap();
    let said = "20 orders (5.00 %) have each of their amounts";
    assert_eq!(severity(&many, said), Some(Severity::Warning));
    // Equal rows are told of once.
    let equal = loaded_twice(0) + "7,2024-01-08,o7,17,1\n";
    let equal = measured(&equal, KEYS).unwrap();
    assert!(says(&equal, "equal to another one in all columns"));
    assert!(!says(&equal, "even number of times"));
}
