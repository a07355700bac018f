//! Tails and quantiles against values computed with 50 digits (mpmath) and against
//! the tables of other tools. The golden file names the tool of every number.

use crate::common::{assert_close, number, numbers, rows};
use serde_json::Value;
use stats::special::{ln_beta, ln_gamma};
use stats::tail;

fn golden() -> Value {
    serde_json::from_str(include_str!("tails.json")).expect("valid JSON")
}

/// Relative on the logarithm; the floor is for probabilities near one.
const LN: f64 = 1e-13;
const LN_FLOOR: f64 = 2e-14;

#[test]
fn student_t() {
    for row in rows(&golden(), "student_t_two_sided") {
        let [t, df, ln_p] = numbers(row)[..] else {
            panic!("three numbers")
        };
        let tail = tail::student_t_two_sided(t, df);
        assert_close(&format!("t {t} df {df}"), tail.ln_p, ln_p, LN, LN_FLOOR);
    }
}

#[test]
fn normal() {
    for row in rows(&golden(), "normal_upper") {
        let [z, ln_p] = numbers(row)[..] else {
            panic!("two numbers")
        };
        let tail = tail::normal_upper(z);
        assert_close(&format!("z {z}"), tail.ln_p, ln_p, LN, LN_FLOOR);
    }
}

#[test]
fn chi_square() {
    for row in rows(&golden(), "chi_square") {
        let [x, df, ln_lower, ln_upper] = numbers(row)[..] else {
            panic!("four numbers")
        };
        let what = format!("chi2 {x} df {df}");
        assert_close(
            &what,
            tail::chi_square_upper(x, df).ln_p,
            ln_upper,
            LN,
            LN_FLOOR,
        );
        assert_close(
            &what,
            tail::chi_square_cdf(x, df),
            ln_lower.exp(),
            1e-12,
            0.0,
        );
    }
}

#[test]
fn f() {
    for row in rows(&golden(), "f") {
        let [x, df1, df2, ln_lower, ln_upper] = numbers(row)[..] else {
            panic!("five numbers")
        };
        let what = format!("F {x} df {df1} {df2}");
        assert_close(
            &what,
            tail::f_upper(x, df1, df2).ln_p,
            ln_upper,
            LN,
            LN_FLOOR,
        );
        assert_close(&what, tail::f_cdf(x, df1, df2), ln_lower.exp(), 1e-12, 0.0);
    }
}

#[test]
fn binomial() {
    for row in rows(&golden(), "binomial") {
        let [k, n, p, ln_lower, ln_upper] = numbers(row)[..] else {
            panic!("five numbers")
        };
        let what = format!("binomial {k} of {n} at {p}");
        let (k, n) = (k as u64, n as u64);
        assert_close(
            &what,
            tail::binomial_lower(k, n, p).ln_p,
            ln_lower,
            LN,
            LN_FLOOR,
        );
        assert_close(
            &what,
            tail::binomial_upper(k, n, p).ln_p,
            ln_upper,
            LN,
            LN_FLOOR,
        );
    }
}

#[test]
fn quantiles() {
    let golden = golden();
    let within = |what: &str, actual, expected| assert_close(what, actual, expected, 2e-13, 0.0);
    for row in rows(&golden, "student_t_critical") {
        let [alpha, df, c] = numbers(row)[..] else {
            panic!("three numbers")
        };
        within(
            &format!("t {alpha} {df}"),
            tail::student_t_critical(alpha, df),
            c,
        );
    }
    for row in rows(&golden, "chi_square_quantile") {
        let [p, df, x] = numbers(row)[..] else {
            panic!("three numbers")
        };
        within(
            &format!("chi2 {p} {df}"),
            tail::chi_square_quantile(p, df),
            x,
        );
    }
    for row in rows(&golden, "f_quantile") {
        let [p, df1, df2, x] = numbers(row)[..] else {
            panic!("four numbers")
        };
        within(
            &format!("F {p} {df1} {df2}"),
            tail::f_quantile(p, df1, df2),
            x,
        );
    }
    for row in rows(&golden, "beta_quantile") {
        let [p, a, b, x] = numbers(row)[..] else {
            panic!("four numbers")
        };
        within(
            &format!("beta {p} {a} {b}"),
            tail::beta_quantile(p, a, b),
            x,
        );
    }
}

#[test]
fn gamma_and_beta_functions() {
    let golden = golden();
    for row in rows(&golden, "ln_gamma") {
        let [x, expected] = numbers(row)[..] else {
            panic!("two numbers")
        };
        assert_close(
            &format!("ln gamma {x}"),
            ln_gamma(x),
            expected,
            1e-14,
            1e-15,
        );
    }
    for row in rows(&golden, "ln_beta") {
        let [a, b, expected] = numbers(row)[..] else {
            panic!("three numbers")
        };
        assert_close(
            &format!("ln beta {a} {b}"),
            ln_beta(a, b),
            expected,
            1e-13,
            1e-14,
        );
    }
}

/// The published cases of two-sided probabilities down to ln p = -5004, to the
/// 1e-10 that the field asks for and beyond.
#[test]
fn other_tools() {
    let golden = golden();
    for case in rows(&golden, "other_tools_tails") {
        let df = case["df"].as_f64().unwrap_or(f64::INFINITY);
        let statistic = number(&case["statistic"]);
        let tail = tail::student_t_two_sided(statistic, df);
        let id = case["id"].as_str().expect("an id");
        assert_close(id, tail.ln_p, number(&case["ln_p"]), 1e-13, 0.0);
        assert_close(id, tail.p, tail.ln_p.exp(), 1e-15, 0.0);
        if df == f64::INFINITY {
            assert_eq!(tail, tail::normal_two_sided(statistic));
        }
    }
    for case in rows(&golden, "other_tools_quantiles") {
        let df = case["df"].as_f64().unwrap_or(f64::INFINITY);
        let q = number(&case["q"]);
        let id = case["id"].as_str().expect("an id");
        // Near one the probability itself is known to no more than its rounding.
        let tolerance = if q > 0.99999 { 1e-7 } else { 1e-12 };
        let x = tail::student_t_quantile(q, df);
        assert_close(id, x, number(&case["x"]), tolerance, 1e-15);
    }
}

#[test]
fn edges_are_certain() {
    assert_eq!(tail::student_t_two_sided(0.0, 3.0).p, 1.0);
    assert_eq!(tail::student_t_two_sided(f64::INFINITY, 3.0).p, 0.0);
    assert_eq!(tail::student_t_upper(f64::NEG_INFINITY, 3.0).p, 1.0);
    assert_eq!(tail::normal_upper(f64::INFINITY).ln_p, f64::NEG_INFINITY);
    assert_eq!(tail::chi_square_upper(0.0, 2.0).p, 1.0);
    assert_eq!(tail::chi_square_upper(f64::INFINITY, 2.0).p, 0.0);
    assert_eq!(tail::f_upper(f64::INFINITY, 2.0, 3.0).p, 0.0);
    assert_eq!(tail::binomial_upper(0, 5, 0.3).p, 1.0);
    assert_eq!(tail::binomial_lower(5, 5, 0.3).p, 1.0);
    assert!(tail::student_t_two_sided(f64::NAN, 3.0).p.is_nan());
    assert!(tail::student_t_critical(1.5, 3.0).is_nan());
    assert_eq!(tail::student_t_critical(1.0, 3.0), 0.0);
    assert_eq!(tail::normal_quantile(0.0), f64::NEG_INFINITY);
    assert_eq!(tail::normal_quantile(0.5), 0.0);
}

#[test]
fn one_sided_tails_complete_each_other() {
    for df in [1.0, 4.5, 300.0, f64::INFINITY] {
        for t in [-3.0, -0.2, 0.0, 0.7, 5.0] {
            let above = tail::student_t_upper(t, df).p;
            let below = tail::student_t_cdf(t, df);
            assert_close("tails", above + below, 1.0, 1e-15, 0.0);
        }
    }
}
