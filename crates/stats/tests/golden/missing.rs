//! Values that are missing: they are left out, or filled, before moments are taken,
//! and n counts what is there.

use crate::cases::{compare, text};
use crate::{adjusted, means};

#[test]
fn missing_values() {
    compare(include_str!("missing.json"), |case| {
        match text(&case["kind"]) {
            "means" => means::welch(case),
            "cuped" => adjusted::one_slope(case),
            other => panic!("unknown kind {other}"),
        }
    });
}
