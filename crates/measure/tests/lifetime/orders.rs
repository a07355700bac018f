//! Orders that are on record more than once without being equal rows.

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
