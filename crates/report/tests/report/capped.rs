//! What more exposures cause by caps that chance gave out, with numbers as a company would see them.

use measure::audience::NotCounted;
use measure::content::{CapArm, CapStep, CapsFinding, Valued};
use measure::{Reason, Refusal};

fn valued(estimate: f64, reach: f64) -> Valued {
    Valued {
        estimate,
        low: estimate - reach,
        high: estimate + reach,
    }
}

fn arm(arm: &str, cap: Option<u32>, customers: u64, exposures: f64, outcome: f64) -> CapArm {
    CapArm {
        arm: arm.to_owned(),
        cap,
        customers,
        exposures,
        outcome,
    }
}

/// Four arms: up to three banners bring orders, up to eight hardly any, and more were hardly shown. An order is worth
/// 12 EUR.
pub(crate) fn caps() -> CapsFinding {
    let step = |first, last, exposures, difference: Valued, each: Option<Valued>| CapStep {
        first,
        last,
        exposures,
        difference: Some(difference),
        each,
        worth: each.map(|each| Valued {
            estimate: 12.0 * each.estimate,
            low: 12.0 * each.low,
            high: 12.0 * each.high,
        }),
        refusal: each.is_none().then(|| {
            Refusal::new(
                Reason::TooLittleData,
                "the higher cap did not clearly show customers more",
            )
        }),
    };
    CapsFinding {
        experiment: "banner-frequency".to_owned(),
        arms: vec![
            arm("one", Some(1), 5_988, 0.97, 0.0987),
            arm("three", Some(3), 6_024, 2.58, 0.1354),
            arm("eight", Some(8), 5_991, 4.46, 0.1419),
            arm("open", None, 6_007, 4.51, 0.1402),
        ],
        steps: vec![
            step(
                2,
                Some(3),
                1.61,
                valued(0.0367, 0.0115),
                Some(valued(0.0228, 0.0072)),
            ),
            step(
                4,
                Some(8),
                1.88,
                valued(0.0065, 0.0124),
                Some(valued(0.0035, 0.0066)),
            ),
            step(9, None, 0.05, valued(-0.0017, 0.0125), None),
        ],
        left_out: vec![NotCounted {
            reason: "rows of no declared arm".to_owned(),
            number: 41,
        }],
        refusal: None,
    }
}
