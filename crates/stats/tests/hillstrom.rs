//! An experiment with 64,000 customers whose answers are published: MineThatData's
//! e-mail test. Welch's test and the interacted regression with HC2 of statsmodels
//! 0.15.0. The data are read from the folder named by `TOUCHSTONE_TEST_DATA`.

mod common;

use common::{arm_moments, assert_close, sample};
use stats::{ArmMoments, Counts, adjusted_lift, lift_of_means, lift_of_shares};

/// The covariates: recency, history, mens, womens, newbie, rural, suburban, phone,
/// web.
const COVARIATES: usize = 9;

struct Customer {
    segment: String,
    covariates: [f64; COVARIATES],
    /// Visit, conversion, spend.
    outcomes: [f64; 3],
}

fn customers() -> Option<Vec<Customer>> {
    let folder = std::env::var_os("TOUCHSTONE_TEST_DATA")?;
    let path = std::path::Path::new(&folder).join("hillstrom.csv");
    let text = std::fs::read_to_string(path).expect("hillstrom.csv is readable");
    let customers = text.lines().skip(1).map(|line| {
        // The second field is sometimes quoted, with a comma; it is not needed.
        let line = line.split('"').step_by(2).collect::<String>();
        let fields: Vec<&str> = line.trim_end().split(',').collect();
        let number = |i: usize| fields[i].parse::<f64>().expect("a number");
        let is = |i: usize, text: &str| f64::from(u8::from(fields[i] == text));
        Customer {
            segment: fields[8].to_owned(),
            covariates: [
                number(0),
                number(2),
                number(3),
                number(4),
                number(6),
                is(5, "Rural"),
                is(5, "Surburban"),
                is(7, "Phone"),
                is(7, "Web"),
            ],
            outcomes: [number(9), number(10), number(11)],
        }
    });
    Some(customers.collect())
}

fn moments(arm: &[&Customer], outcome: usize) -> ArmMoments {
    let y: Vec<f64> = arm.iter().map(|c| c.outcomes[outcome]).collect();
    let x: Vec<Vec<f64>> = (0..COVARIATES)
        .map(|j| arm.iter().map(|c| c.covariates[j]).collect())
        .collect();
    arm_moments(&y, &x)
}

/// Segment, outcome, Welch: difference, se, df, t, p; adjusted: difference, HC2 se.
type Published = (&'static str, usize, [f64; 5], [f64; 2]);

const PUBLISHED: [Published; 6] = [
    (
        "Womens E-Mail",
        0,
        [
            0.045233106587052985,
            0.003234462099090751,
            41792.927706577066,
            13.984738482410599,
            2.4324477023127946e-44,
        ],
        [0.04540963304200142, 0.003188057575953495],
    ),
    (
        "Womens E-Mail",
        1,
        [
            0.003111057511085258,
            0.0008226770775551195,
            40913.7760649906,
            3.781626589537274,
            0.00015602839508556404,
        ],
        [0.003112430589081454, 0.0008217937805803498],
    ),
    (
        "Womens E-Mail",
        2,
        [
            0.4244122159365967,
            0.13033285852919116,
            40064.88440653066,
            3.2563715760253924,
            0.0011293971023632475,
        ],
        [0.4246591682018954, 0.130223642411088],
    ),
    (
        "Mens E-Mail",
        0,
        [
            0.07658956365153125,
            0.0033858878117283653,
            40593.688228635794,
            22.620230766723257,
            1.3644511962742905e-112,
        ],
        [0.0760595485867109, 0.003335713964047184],
    ),
    (
        "Mens E-Mail",
        1,
        [
            0.006805006519615695,
            0.0009208727857351216,
            37486.66940455389,
            7.38973572140406,
            1.50181578515438e-13,
        ],
        [0.006773553644300776, 0.0009195624002916033],
    ),
    (
        "Mens E-Mail",
        2,
        [
            0.7698271558945368,
            0.14524656024868676,
            36671.15797736051,
            5.300140358411669,
            1.163814968225482e-07,
        ],
        [0.7668913937526942, 0.14506670341366712],
    ),
];

#[test]
fn published_effects_are_reproduced() {
    let Some(customers) = customers() else {
        eprintln!("skipped: TOUCHSTONE_TEST_DATA names no folder with hillstrom.csv");
        return;
    };
    let arm = |segment: &str| -> Vec<&Customer> {
        customers.iter().filter(|c| c.segment == segment).collect()
    };
    let control = arm("No E-Mail");
    for (segment, outcome, welch, adjusted) in PUBLISHED {
        let treated = arm(segment);
        let values =
            |arm: &[&Customer]| -> Vec<f64> { arm.iter().map(|c| c.outcomes[outcome]).collect() };
        let (y_t, y_c) = (values(&treated), values(&control));
        let lift = lift_of_means(&sample(&y_t), &sample(&y_c), 0.05).expect("an effect");
        let [difference, se, df, t, p] = welch;
        assert_close("difference", lift.absolute.estimate, difference, 1e-10, 0.0);
        assert_close("se", lift.absolute.se, se, 1e-10, 0.0);
        assert_close("df", lift.absolute.df, df, 1e-9, 0.0);
        assert_close("t", lift.statistic, t, 1e-10, 0.0);
        assert_close("p", lift.probability.p, p, 1e-8, 0.0);
        if outcome < 2 {
            let counts = |y: &[f64]| Counts {
                successes: y.iter().sum::<f64>() as u64,
                n: y.len() as u64,
            };
            let shares = lift_of_shares(counts(&y_t), counts(&y_c), 0.05).expect("an effect");
            assert_close("se", shares.absolute.se, se, 1e-10, 0.0);
        }

        let (m_t, m_c) = (moments(&treated, outcome), moments(&control, outcome));
        let lift = adjusted_lift(&m_t, &m_c, 0.05).expect("an effect");
        assert_eq!(lift.kept.len(), COVARIATES);
        assert!(lift.imbalance.iter().all(|d| d.abs() < 0.03));
        let absolute = lift.lift.absolute;
        assert_close("adjusted", absolute.estimate, adjusted[0], 1e-8, 0.0);
        // HC2 goes through the rows and takes the covariates as given.
        assert_close("adjusted se", absolute.se, adjusted[1], 0.003, 0.0);
    }
}
