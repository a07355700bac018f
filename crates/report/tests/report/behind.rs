//! What stands behind an increment of lifetime value, with numbers as a company would see them.

use catalog::LifetimeControls;
use measure::audience::lifetime::{
    BeforeTest, CohortEffect, Comparability, Drift, FadingChange, FadingFinding, FadingPace,
    Modelled, MonthEffect, RelativeEffect, RolloutCohort, RolloutFinding, RolloutMonth, Supposed,
    SurrogateFinding, WindowAdjusted,
};
use measure::audience::{NotCounted, Pair, Says};

use crate::others::effect;

pub(crate) fn adjusted() -> WindowAdjusted {
    WindowAdjusted {
        difference: effect(3.3, 0.7),
        p_value: 0.000_002,
        variance_reduction: 0.4,
    }
}

fn pair<T>(arm: T, against: T) -> Pair<T> {
    Pair { arm, against }
}

fn relative(estimate: f64, half: f64) -> RelativeEffect {
    RelativeEffect {
        estimate,
        low: estimate - half,
        high: estimate + half,
    }
}

/// An effect that halves about every five months, and no difference between cohorts.
pub(crate) fn fading() -> FadingFinding {
    let change = |says, slope: f64, p_value| FadingChange {
        says,
        mean: effect(0.11, 0.02),
        a_month: effect(slope, 0.005),
        p_value,
        constant_p_value: 0.2,
    };
    let month = |(month, more): (u32, f64)| MonthEffect {
        month,
        mean: pair(5.0 * (1.0 + more), 5.0),
        effect: relative(more, 0.06),
    };
    let cohort = |name: &str, more| CohortEffect {
        cohort: name.to_owned(),
        customers: pair(400, 402),
        mean: pair(15.0 * (1.0 + more), 15.0),
        effect: relative(more, 0.09),
    };
    let pace = |supposed, half_life, total| FadingPace {
        supposed,
        half_life,
        total: effect(total, 2.5),
    };
    FadingFinding {
        customers: pair(900, 910),
        months: [
            (1, 0.16),
            (2, 0.13),
            (3, 0.11),
            (4, 0.12),
            (5, 0.08),
            (6, 0.06),
        ]
        .map(month)
        .to_vec(),
        change: Some(change(Says::Fading, -0.017, 0.0007)),
        cohort_months: 3,
        cohorts: vec![
            cohort("2024-01", 0.13),
            cohort("2024-02", 0.15),
            cohort("2024-03", 0.12),
        ],
        cohorts_left_out: 1,
        by_cohort: Some(change(Says::NoChangeFound, -0.004, 0.43)),
        paces: vec![
            pace(Supposed::Last, None, 15.0),
            pace(Supposed::FadeAsEstimated, Some(4.5), 8.1),
            pace(Supposed::FadeAsFastAsDataAllow, Some(2.8), 6.9),
            pace(Supposed::End, None, 5.2),
        ],
        refusals: Vec::new(),
    }
}

pub(crate) fn surrogate() -> SurrogateFinding {
    let compared = |outcome: &str, earlier, reference, apart| Comparability {
        outcome: outcome.to_owned(),
        earlier,
        reference,
        apart: Some(apart),
    };
    SurrogateFinding {
        early_months: 6,
        months: 20,
        earlier: 2_340,
        customers: Pair {
            arm: 300,
            against: 310,
        },
        r2: Some(0.71),
        effect: Some(effect(7.9, 2.0)),
        modelled: Some(Modelled {
            stops: effect(4.4, 1.0),
            stays_on: effect(10.2, 1.7),
        }),
        agrees: Some(true),
        comparability: vec![
            compared("value", 31.4, 30.0, -0.04),
            compared("purchases", 3.1, 2.9, -0.06),
            compared("bought_late", 0.52, 0.5, -0.04),
        ],
        drift: Some(Drift {
            actual: 92.0,
            error: effect(-2.0, 1.9),
        }),
        refusal: None,
    }
}

/// Two cohorts of shops that were switched on, and what had moved before.
pub(crate) fn rollout() -> RolloutFinding {
    let cohort = |since: Option<&str>, customers| RolloutCohort {
        since: since.map(str::to_owned),
        customers,
    };
    let month = |(month, value): (i64, f64)| RolloutMonth {
        month,
        customers: 1_400,
        effect: effect(value, 0.5),
    };
    RolloutFinding {
        grade: "C".to_owned(),
        controls: LifetimeControls::NotYetTreated,
        first_month: "2023-07".to_owned(),
        last_month: "2024-06".to_owned(),
        cohorts: vec![
            cohort(Some("2024-01"), 800),
            cohort(Some("2024-03"), 600),
            cohort(None, 1_900),
        ],
        clusters: Some(44),
        by_month: [(-3, 0.2), (-2, -0.3), (0, 0.9), (1, 1.8), (2, 2.2)]
            .map(month)
            .to_vec(),
        a_month: Some(effect(1.7, 0.4)),
        so_far: Some(effect(8.7, 2.0)),
        months_treated: Some(5.1),
        without_controls: 0,
        before: Some(BeforeTest {
            months: 2,
            p_value: 0.61,
            trend: effect(-0.05, 0.2),
            a_month_less_trend: effect(1.9, 0.9),
        }),
        left_out: vec![NotCounted {
            reason: "customers without a cluster".to_owned(),
            number: 12,
        }],
        refusal: None,
    }
}
