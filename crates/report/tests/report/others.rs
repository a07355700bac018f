//! Findings on lifetimes, credit, content and programmes with numbers as a company would see them.

use catalog::{
    AfterConversion, Dimension, LifetimeConversion, LifetimeEffect, Span, SpanUnit, Unit,
};
use measure::audience::lifetime::{
    AcquisitionFinding, AudienceValue, Audiences, BackTest, Band, BuyerShare, BuyerShares,
    CohortFinding, CovariateFinding, Distribution, Forecast, GroupValue, IncrementalArm,
    IncrementalFinding, IncrementalPart, LifeUnit, LifetimeCheck, LifetimeExtent, LifetimeFinding,
    LifetimeUnit, MeanLife, NeverBought, NewCustomer, PaybackMonths, PaybackPoint, Placebo,
    QuantileValue, RetentionFinding, RetentionPoint, State, States, StatesRow, StaysOnFinding,
    StopsFinding, WindowMeasured,
};
use measure::audience::{Estimate, NotCounted, Pair, Severity};
use measure::content::{
    AttributionCheck, AttributionCheckKind, AttributionFinding, Believed, Calibrated,
    CalibrationFactor, CalibrationFinding, ComponentTest, ComponentsFinding, ContentPart,
    CreditEstimate, CreditFinding, CreditModel, CreditTotals, DropOneFinding, DroppedItem,
    EvidenceGrade, FatigueFinding, FatiguePoint, FlowFinding, FlowNode, FlowStep, ItemFinding,
    JourneyCounts, KeyFinding, LifetimeCreditEstimate, LifetimeCreditFinding, LifetimeModelFinding,
    ModelCalibration, ModelFinding, PartSpread, PathFinding, PerformanceExtent, PerformanceFinding,
    RankedBy, Ranks, RetireFinding, ReuseFinding, Spread, TestedChannel, Untested, Valued,
    WearEvidence,
};
use measure::{Reason, Refusal};

use crate::behind;
use crate::capped;
use crate::fixture::provenance;

pub(crate) fn effect(estimate: f64, se: f64) -> Estimate {
    Estimate {
        estimate,
        se,
        low: estimate - 1.96 * se,
        high: estimate + 1.96 * se,
        df: None,
    }
}

fn group(name: &str, customers: u64, alive: f64, future: f64) -> GroupValue {
    GroupValue {
        group: name.to_owned(),
        customers,
        purchases: 1.4,
        past: 71.2,
        alive,
        expected_purchases: 4.0 * alive,
        future: effect(future, 60.0 / (customers as f64).sqrt()),
    }
}

/// A lifetime with everything in it: the second cohort has been observed for two months, the third for none.
pub(crate) fn lifetime() -> LifetimeFinding {
    let cohort = |month: &str, alive: f64, by_age: &[Option<f64>]| CohortFinding {
        value: Some(group(month, 900, alive, 120.0 * alive)),
        month: month.to_owned(),
        customers: 900,
        by_age: by_age.to_vec(),
    };
    let forecast = |by: &str, forecast: f64| Forecast {
        by: by.to_owned(),
        forecast,
        relative_error: Some(forecast / 2_150.0 - 1.0),
        mean_absolute_error: 0.71,
        normalized_gini: Some(0.62),
    };
    LifetimeFinding {
        format: LifetimeFinding::FORMAT.to_owned(),
        lifetime: "customers".to_owned(),
        description: Some("Everybody who ever bought.".to_owned()),
        unit: LifetimeUnit::Margin,
        currency: "EUR".to_owned(),
        margin: Some(0.4),
        discount_rate: 0.1,
        horizon: "3 years".parse().unwrap(),
        horizon_days: 1095.75,
        alpha: 0.05,
        extent: LifetimeExtent {
            rows: 14_220,
            customers: 2_700,
            without_repeat: 1_010,
            repeat_purchases: 3_780,
            first_day: Some("2024-01-01".to_owned()),
            last_day: Some("2024-09-30".to_owned()),
            data_end: Some("2024-12-31".to_owned()),
            left_out: vec![NotCounted {
                reason: "rows without a customer".to_owned(),
                number: 12,
            }],
            returns_netted: 40,
            unmatched_returns: 0.0,
        },
        models: Vec::new(),
        model: Some("pareto-nbd".to_owned()),
        spend: None,
        covariates: vec![CovariateFinding {
            column: "tier".to_owned(),
            level: Some("gold <b>".to_owned()),
            reference: "plain".to_owned(),
            rate: Some(effect(1.31, 0.05)),
            attrition: Some(effect(0.72, 0.08)),
            spend: None,
        }],
        refusal: None,
        value: Some(group("", 2_700, 0.64, 84.3)),
        tail: Some(11.2),
        mean_life: Some(MeanLife {
            unit: LifeUnit::Days,
            estimate: Some(1_214.0),
            low: Some(803.0),
            high: None,
        }),
        unbounded: Some(Refusal::new(
            Reason::UnboundedLifetime,
            "without a discount the expected life has no end",
        )),
        band: Some(Band {
            low: 79.0,
            high: 91.5,
        }),
        new_customer: Some(NewCustomer {
            first_purchase: 21.0,
            expected_purchases: 3.1,
            value: effect(88.0, 2.5),
        }),
        distribution: Some(Distribution {
            quantiles: vec![QuantileValue {
                share: 0.5,
                value: 31.0,
            }],
            top_tenth: 0.44,
        }),
        audiences: vec![
            AudienceValue {
                audience: "loyal".to_owned(),
                description: None,
                value: Some(group("loyal", 640, 0.83, 141.0)),
                never_bought: 3,
                not_counted: 0,
            },
            AudienceValue {
                audience: "asleep".to_owned(),
                description: None,
                value: None,
                never_bought: 17,
                not_counted: 2,
            },
        ],
        by: vec![Audiences {
            column: "country".to_owned(),
            values: vec![
                group("Germany", 1_500, 0.7, 96.0),
                group("Austria <small>", 900, 0.6, 78.0),
                group("Switzerland", 300, 0.41, 44.0),
            ],
        }],
        channels: Vec::new(),
        cohorts: vec![
            cohort(
                "2024-01",
                0.5,
                &[Some(24.1), Some(7.3), Some(5.2), Some(4.4)],
            ),
            cohort("2024-02", 0.6, &[Some(22.4), Some(0.0), None, None]),
            cohort("2024-03", 0.7, &[None, None, None, None]),
        ],
        age_step: "1 month".parse().unwrap(),
        states: Some(states()),
        retention: None,
        opportunities: None,
        baselines: Vec::new(),
        back_test: Some(BackTest {
            seen_until: "2024-06-30".to_owned(),
            forecast_until: "2024-09-30".to_owned(),
            days: 92,
            customers: 1_800,
            actual: 2_150,
            forecasts: vec![
                forecast("pareto-nbd", 2_190.0),
                forecast("same-rate", 3_410.0),
            ],
        }),
        acquisition: vec![AcquisitionFinding {
            of: "all".to_owned(),
            group: String::new(),
            customers: 2_600,
            without_cost: 100,
            never_bought: Some(NeverBought {
                customers: 40,
                cost: 600.0,
            }),
            cost: Some(33.0),
            value: Some(effect(155.5, 1.2)),
            value_over_cost: Some(effect(4.7, 0.04)),
            payback: Some(PaybackMonths {
                months: Some(2.6),
                low: Some(2.2),
                high: Some(3.3),
                observed: 4.0,
            }),
            curve: [(1.0, 22.3), (2.0, 28.9), (3.0, 35.0), (4.0, 39.6)]
                .map(|(months, brought)| PaybackPoint {
                    months,
                    brought: effect(brought, 0.8 * months),
                })
                .to_vec(),
            refusal: None,
        }],
        incremental: Some(incremental()),
        rollout: Some(behind::rollout()),
        checks: vec![LifetimeCheck {
            severity: Severity::Warning,
            message: "spend rises with the number of purchases".to_owned(),
        }],
        provenance: provenance(),
    }
}

/// The same of contracts, whose second renewal is not due yet.
pub(crate) fn contracts() -> LifetimeFinding {
    let point = |renewal: u32, due: u64, renewed: u64| RetentionPoint {
        renewal,
        due,
        renewed,
        observed: (due > 0).then(|| effect(renewed as f64 / due as f64, 0.01)),
        modelled: Some(effect(0.71, 0.01)),
        surviving: (due > 0).then_some(0.7),
        surviving_modelled: Some(effect(0.7, 0.02)),
    };
    LifetimeFinding {
        states: None,
        retention: Some(RetentionFinding {
            period: "1 month".parse().unwrap(),
            running: 1_900,
            known_to_end: 30,
            ended: 800,
            curve: vec![point(1, 2_700, 1_900), point(2, 0, 0)],
        }),
        models: vec![
            serde_json::from_value(serde_json::json!({
                "model": "sbg", "parameters": [{ "name": "alpha", "value": 0.7, "se": 0.1 }], "log_likelihood": -4100.0,
                "boundaries": [], "sees_no_attrition": false, "attrition_p": null, "future": 84.3, "refusal": null,
            }))
            .unwrap(),
        ],
        incremental: None,
        rollout: None,
        ..lifetime()
    }
}

fn states() -> States {
    let state = |customers: u64, alive: f64| {
        Some(State {
            customers,
            alive,
            expected_purchases: 3.0 * alive,
        })
    };
    let row = |from: u32, to: Option<u32>, cells: [Option<State>; 3]| StatesRow {
        from,
        to,
        cells: cells.to_vec(),
    };
    States {
        days_from: vec![0, 30, 60],
        periods_from: Vec::new(),
        rows: vec![
            row(
                0,
                Some(0),
                [state(400, 0.9), state(300, 0.62), state(310, 0.4)],
            ),
            row(1, Some(1), [state(700, 0.97), state(390, 0.5), None]),
            row(2, None, [state(600, 0.99), None, None]),
        ],
    }
}

fn incremental() -> IncrementalFinding {
    let part = |often: f64, longer: f64, more: f64, se: f64| IncrementalPart {
        amount: effect(often + longer + more, 2.0 * se),
        often: effect(often, se),
        longer: effect(longer, se),
        more: effect(more, se),
    };
    let pair = |arm, against| Pair { arm, against };
    IncrementalFinding {
        experiment: "spring-email".to_owned(),
        against: "generic".to_owned(),
        effect: LifetimeEffect::StaysOn,
        arms: vec![
            IncrementalArm {
                arm: "personalized".to_owned(),
                customers: pair(1_200, 1_210),
                existing: pair(800, 790),
                never_bought: pair(90, 95),
                shares: Some(BuyerShares {
                    all: BuyerShare {
                        share: Pair {
                            arm: 0.930,
                            against: 0.927,
                        },
                        p_value: 0.78,
                    },
                    new: None,
                }),
                in_process: Some(WindowMeasured {
                    days: 180.0,
                    mean: Pair {
                        arm: 32.0,
                        against: 28.5,
                    },
                    difference: effect(3.4, 0.9),
                    p_value: 0.0002,
                    adjusted: None,
                }),
                measured: Some(WindowMeasured {
                    days: 184.0,
                    mean: Pair {
                        arm: 31.0,
                        against: 27.5,
                    },
                    difference: effect(3.5, 0.9),
                    p_value: 0.0001,
                    adjusted: Some(behind::adjusted()),
                }),
                model: Some("pareto-nbd".to_owned()),
                rate: None,
                attrition: None,
                spend: None,
                stays_on: Some(StaysOnFinding {
                    total: part(11.0, 6.0, -2.0, 1.4),
                    window: part(3.0, 0.4, -0.1, 0.4),
                    to_twelve_months: part(3.0, 1.6, -0.6, 0.6),
                    beyond: part(5.0, 4.0, -1.3, 0.9),
                    extrapolated: Some(0.78),
                    tail: Some(effect(1.1, 0.4)),
                }),
                stops: Some(StopsFinding {
                    total: effect(4.6, 1.1),
                    to_twelve_months: effect(0.8, 0.3),
                    beyond: effect(0.3, 0.2),
                    extrapolated: Some(0.24),
                }),
                counts: Some(effect(15.0, 2.8)),
                fading: Some(behind::fading()),
                surrogate: Some(behind::surrogate()),
                band: Some(Band {
                    low: 12.0,
                    high: 17.0,
                }),
                placebo: vec![Placebo {
                    seed: 1,
                    total: effect(0.4, 1.0),
                }],
                refusals: Vec::new(),
            },
            IncrementalArm {
                arm: "shuffled".to_owned(),
                customers: pair(3, 1_210),
                existing: pair(1, 790),
                never_bought: pair(0, 95),
                shares: None,
                measured: None,
                in_process: None,
                model: None,
                rate: None,
                attrition: None,
                spend: None,
                stays_on: None,
                stops: None,
                counts: None,
                fading: None,
                surrogate: None,
                band: None,
                placebo: Vec::new(),
                refusals: vec![Refusal::new(
                    Reason::TooLittleData,
                    "3 customers have too few purchases for a model",
                )],
            },
        ],
        left_out: vec![NotCounted {
            reason: "customers in several arms".to_owned(),
            number: 7,
        }],
    }
}

fn credit(estimate: f64, se: f64) -> CreditEstimate {
    CreditEstimate {
        estimate,
        se: Some(se),
        low: Some(estimate - 1.96 * se),
        high: Some(estimate + 1.96 * se),
    }
}

/// Three channels by four models, one of them held against an experiment that refutes it.
pub(crate) fn attribution() -> AttributionFinding {
    let channels = ["email", "search", "display"];
    let model = |model: CreditModel, shares: [f64; 3]| ModelFinding {
        model,
        definition: model.definition().to_owned(),
        replicates: Some(1_000),
        credits: channels
            .iter()
            .zip(shares)
            .zip(1..)
            .map(|((key, share), rank)| CreditFinding {
                key: (*key).to_owned(),
                conversions: credit(2_000.0 * share, 30.0),
                value: Some(credit(90_000.0 * share, 1_400.0)),
                share: Some(credit(share, 0.016)),
                rank,
                above_next: (rank < 3).then_some(0.97),
                above: Default::default(),
                value_less_cost: Some(90_000.0 * share - 9_000.0),
                return_on_cost: Some(90_000.0 * share / 9_000.0 - 1.0),
            })
            .collect(),
        refusal: None,
    };
    let key = |key: &str, least: f64, greatest: f64, tested| KeyFinding {
        key: key.to_owned(),
        touches: 9_100,
        clicks: 1_200,
        in_journeys: 8_000,
        cost: Some(9_000.0),
        conversions: Spread {
            least: least / 45.0,
            greatest: greatest / 45.0,
        },
        value: Some(Spread { least, greatest }),
        ranks: Ranks { best: 1, worst: 2 },
        tested: Some(tested),
        factorial: None,
        unanswered: None,
    };
    let named = |name: &str| FlowNode::Key(name.to_owned());
    let step = |from: FlowNode, to: FlowNode, journeys| FlowStep { from, to, journeys };
    AttributionFinding {
        format: AttributionFinding::FORMAT.to_owned(),
        attribution: "channels".to_owned(),
        description: None,
        by: vec![Dimension::Channel],
        fact: "orders".to_owned(),
        touches: vec!["touches".to_owned()],
        alpha: 0.05,
        currency: "EUR".to_owned(),
        unit: Some(Unit::Money),
        ranked_by: RankedBy::Value,
        after_conversion: AfterConversion::default(),
        journeys: JourneyCounts {
            customers: 41_000,
            touches: 96_000,
            conversions: 2_300,
            converting: 2_000,
            untouched: 300,
            without_conversion: 38_000,
            distinct_paths: 812,
            longest: 23,
            first_conversion: None,
            last_conversion: None,
        },
        totals: CreditTotals {
            conversions: 2_300.0,
            credited_conversions: 2_000.0,
            untouched_conversions: 300.0,
            value: Some(103_500.0),
            credited_value: Some(90_000.0),
            untouched_value: Some(13_500.0),
            cost: Some(27_000.0),
        },
        models: vec![
            model(CreditModel::First, [0.24, 0.41, 0.35]),
            model(CreditModel::Last, [0.58, 0.31, 0.11]),
            model(CreditModel::Linear, [0.44, 0.35, 0.21]),
            model(CreditModel::Markov, [0.49, 0.32, 0.19]),
            ModelFinding {
                credits: Vec::new(),
                refusal: Some(Refusal::new(
                    Reason::TooLittleData,
                    "25 channels are too many for exact Shapley values",
                )),
                ..model(CreditModel::Shapley, [0.0; 3])
            },
        ],
        keys: vec![
            key("email", 21_600.0, 52_200.0, true),
            key("search", 27_900.0, 36_900.0, false),
            key("display", 9_900.0, 31_500.0, true),
        ],
        markov: None,
        calibrations: vec![CalibrationFinding {
            measures: Calibrated::Value,
            experiments: vec![
                TestedChannel {
                    channel: "email".to_owned(),
                    experiment: "spring-email".to_owned(),
                    arm: "personalized".to_owned(),
                    metric: "spend".to_owned(),
                    customers: 20_000,
                    increment: Some(credit(9_100.0, 1_900.0)),
                    grade: EvidenceGrade::A,
                    refusal: None,
                },
                TestedChannel {
                    channel: "display".to_owned(),
                    experiment: "display-off".to_owned(),
                    arm: "on".to_owned(),
                    metric: "spend".to_owned(),
                    customers: 18_000,
                    increment: None,
                    grade: EvidenceGrade::A,
                    refusal: Some(Refusal::new(
                        Reason::SampleRatioMismatch,
                        "the arms' sizes do not fit the declared shares",
                    )),
                },
            ],
            models: vec![ModelCalibration {
                model: CreditModel::Markov,
                factors: vec![CalibrationFactor {
                    channel: "email".to_owned(),
                    credited: credit(21_500.0, 700.0),
                    factor: Some(credit(0.42, 0.09)),
                    refuted: Some(true),
                    caused: Some(credit(18_700.0, 4_000.0)),
                    not_estimable: None,
                }],
                baseline: Some(credit(84_800.0, 4_000.0)),
                untested_credit: 45_900.0,
            }],
            untested: vec!["search".to_owned(), "display".to_owned()],
        }],
        lifetime: None,
        paths: vec![PathFinding {
            path: vec!["display".to_owned(), "email".to_owned()],
            touches: 2,
            conversions: 310.0,
            value: Some(14_000.0),
            without_conversion: 2_800.0,
        }],
        flow: FlowFinding {
            steps: vec![
                step(FlowNode::Start, named("display"), 18_000),
                step(FlowNode::Start, named("email"), 14_000),
                step(FlowNode::Start, named("search"), 8_000),
                step(named("display"), FlowNode::NoConversion, 14_000),
                step(named("email"), FlowNode::NoConversion, 17_000),
                step(named("search"), FlowNode::NoConversion, 7_000),
                step(named("display"), named("email"), 4_000),
                step(named("email"), FlowNode::Conversion, 1_200),
                step(named("search"), FlowNode::Conversion, 600),
                step(named("display"), FlowNode::Conversion, 200),
            ],
            other_steps: 31,
        },
        checks: vec![AttributionCheck {
            kind: AttributionCheckKind::Models,
            severity: Severity::Warning,
            number: 2,
            message: "the models rank `email` and `search` differently".to_owned(),
        }],
        refusal: None,
        provenance: provenance(),
    }
}

/// The same with what the customers are predicted to bring.
pub(crate) fn attribution_in_lifetime_value() -> AttributionFinding {
    let one = |key: &str, customers: f64, value: f64| LifetimeCreditEstimate {
        key: key.to_owned(),
        customers,
        value: credit(value, 2_100.0),
        value_less_cost: Some(credit(value - 9_000.0, 2_100.0)),
        return_on_cost: Some(credit(value / 9_000.0 - 1.0, 2_100.0 / 9_000.0)),
    };
    AttributionFinding {
        lifetime: Some(LifetimeCreditFinding {
            lifetime: "buyers".to_owned(),
            credit: LifetimeConversion::Acquisition,
            horizon: Span {
                count: 3,
                unit: SpanUnit::Year,
            },
            model: Some("mbg-nbd".to_owned()),
            customers: 1_900,
            value: 71_204.5,
            credited_customers: 1_650,
            credited_value: 60_000.0,
            unknown_customers: 12,
            models: vec![LifetimeModelFinding {
                model: CreditModel::Markov,
                credits: vec![
                    one("email", 760.4, 28_100.25),
                    one("search", 560.6, 21_900.5),
                    one("display", 329.0, 9_999.25),
                ],
            }],
            refusal: None,
        }),
        ..attribution()
    }
}

fn believed(mean: f64, sd: f64) -> Believed {
    Believed {
        mean,
        sd,
        low: mean - 1.96 * sd,
        high: mean + 1.96 * sd,
    }
}

fn valued(estimate: f64, reach: f64) -> Valued {
    Valued {
        estimate,
        low: estimate - reach,
        high: estimate + reach,
    }
}

fn dropped(content: &str, value: Option<Valued>, refusal: Option<&str>) -> DroppedItem {
    DroppedItem {
        content: content.to_owned(),
        decisions: 9_120,
        chosen: 4_560,
        value,
        effective: value.map(|_| 4_560.0),
        effective_customers: value.map(|_| 310.0),
        refusal: refusal.map(|message| Refusal::new(Reason::TooLittleData, message)),
    }
}

/// Three items, one of them too thin, with components, wear and a rule of when to replace.
pub(crate) fn performance() -> PerformanceFinding {
    let item = |content: &str, customers: u64, raw: f64, mean: f64, thin| ItemFinding {
        content: content.to_owned(),
        exposures: 3 * customers,
        customers,
        immature: 10,
        total: raw * customers as f64,
        raw: Some(raw),
        shrunk: Some(believed(mean, 0.2 / (customers as f64).sqrt())),
        alone: None,
        probability_above_average: Some(0.93),
        probability_top: Some(0.71),
        thin,
        cost: None,
    };
    let part = |factor: &str, level: &str, mean: f64| ContentPart {
        factor: factor.to_owned(),
        level: level.to_owned(),
        part: believed(mean, 0.002),
    };
    let spread = |factor: &str, share: f64| PartSpread {
        factor: factor.to_owned(),
        sd: share.sqrt() / 100.0,
        share,
    };
    let point = |exposure, relative, reach| FatiguePoint {
        exposure,
        exposures: 9_000 / exposure,
        relative: valued(relative, reach),
    };
    let retire = |content: &str, gain, retire| RetireFinding {
        content: content.to_owned(),
        gain: valued(gain, 190.0),
        cost: 400.0,
        exposures: 5_200,
        retire,
    };
    PerformanceFinding {
        format: PerformanceFinding::FORMAT.to_owned(),
        performance: "banners".to_owned(),
        description: None,
        touches: "touches".to_owned(),
        outcome: "orders".to_owned(),
        fact: "orders".to_owned(),
        unit: Unit::Share,
        within: "7 days".to_owned(),
        by: vec!["segment".to_owned()],
        alpha: 0.05,
        value: Some(12.0),
        currency: "EUR".to_owned(),
        extent: PerformanceExtent {
            rows: 61_000,
            exposures: 60_000,
            customers: 20_000,
            items: 3,
            left_out: Vec::new(),
            outcomes: 4_860,
            outcomes_left_out: vec![NotCounted {
                reason: "without a usable time".to_owned(),
                number: 3,
            }],
            from: None,
            until: None,
            unknown_costs: 0,
            not_valid: Vec::new(),
        },
        average: Some(0.081),
        spread: Some(0.011),
        forecast: Some(believed(0.081, 0.011)),
        once: 1.0,
        top: 1,
        refusal: None,
        items: vec![
            item("hero-spring", 9_000, 0.0952, 0.0944, false),
            item("hero-winter", 10_900, 0.0710, 0.0713, false),
            item("hero-new", 100, 0.1600, 0.0880, true),
        ],
        cells: Vec::new(),
        cells_refusal: None,
        parts: Vec::new(),
        spreads: vec![
            spread("content", 0.5),
            spread("own", 0.2),
            spread("segment", 0.3),
        ],
        components: Some(ComponentsFinding {
            parts: vec![
                part("headline", "question", 0.006),
                part("headline", "promise", -0.006),
                part("image", "person", 0.001),
                part("image", "product", -0.001),
            ],
            spreads: vec![
                spread("headline", 0.8),
                spread("image", 0.05),
                spread("own", 0.15),
            ],
            untested: vec![Untested {
                levels: vec!["question".to_owned(), "product".to_owned()],
                forecast: believed(0.0899, 0.004),
            }],
            test: Some(ComponentTest {
                combinations: vec![vec!["question".to_owned(), "person".to_owned()]; 4],
                of: 4,
                resolution: None,
                aliases: Vec::new(),
            }),
            refusal: None,
        }),
        personalizing: Vec::new(),
        reuse: ReuseFinding {
            items: 3,
            reused: 2,
            adapted: 0,
            cost_of_new: None,
            cost_of_adapted: None,
            saved: None,
            dead: vec!["hero-autumn".to_owned()],
            dead_cost: 400.0,
            dead_refusal: None,
            undeclared: 0,
        },
        portfolio: None,
        coverage: Vec::new(),
        consistency: None,
        fatigue: FatigueFinding {
            shape: Some("geometric".to_owned()),
            curve: vec![
                point(1, 1.0, 0.0),
                point(2, 0.91, 0.05),
                point(3, 0.83, 0.09),
                point(4, 0.76, 0.13),
                point(5, 0.69, 0.17),
            ],
            left_out: vec![NotCounted {
                reason: "exposures whose time was not over at the end of the data".to_owned(),
                number: 1_240,
            }],
            retire_by: Some(WearEvidence::Caps),
            without_caps: None,
            retire: vec![
                retire("hero-winter", 640.0, true),
                retire("hero-spring", -120.0, false),
            ],
            retire_refusal: None,
            refusal: None,
        },
        caps: Some(capped::caps()),
        drop_one: Some(DropOneFinding {
            decisions: 9_120,
            left_out: vec![NotCounted {
                reason: "without a probability".to_owned(),
                number: 310,
            }],
            mean: Some(0.081),
            items: vec![
                dropped("hero-spring", Some(valued(0.0042, 0.0021)), None),
                dropped(
                    "hero-new",
                    None,
                    Some("the log speaks for the other policy with 16 effective decisions of 9120"),
                ),
            ],
            items_left_out: 0,
            refusal: None,
        }),
        provenance: provenance(),
    }
}
