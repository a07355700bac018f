//! What is tested, and what it truly does.

use super::{Arm, Effect, Experiment, Exposure, Response, Touches};

const GENERIC: Arm = Arm {
    name: "generic",
    role: "generic",
    initiative: None,
    share: 0.5,
    effect: Effect::NONE,
    content: &[],
};

const PERSONALIZED: Arm = Arm {
    name: "personalized",
    role: "personalized",
    ..GENERIC
};

const METRICS: &[&str] = &["conversion", "orders", "average-order-value", "visits"];

/// In the order of their first day. Those of the first year have no effect left when the second begins.
pub(crate) static EXPERIMENTS: [Experiment; 10] = [
    Experiment {
        id: 1,
        name: "platform-check",
        description: "Both arms get the same: the test that the testing works.",
        hypothesis: "There is no difference between two groups that are treated alike.",
        assigned: (60.0, 74.0),
        exposure: Exposure::AtOnce,
        enrolled: 0.8,
        arms: &[
            Arm {
                name: "a",
                content: &["newsletter"],
                ..GENERIC
            },
            Arm {
                name: "b",
                content: &["newsletter"],
                ..PERSONALIZED
            },
        ],
        channels: &["email"],
        touches: Touches::None,
        primary: "revenue",
        secondary: METRICS,
        covariates: &["tenure_days"],
        segments: &["region"],
        rolled_out: false,
    },
    Experiment {
        id: 2,
        name: "home-page-redesign",
        description: "The old home page against the new.",
        hypothesis: "The new home page raises revenue in the four weeks after a customer first sees it.",
        assigned: (90.0, 118.0),
        exposure: Exposure::FirstVisit { until: 150.0 },
        enrolled: 1.0,
        arms: &[
            Arm {
                content: &["bestsellers"],
                ..GENERIC
            },
            Arm {
                name: "redesign",
                initiative: Some("home-page-redesign"),
                content: &["new-home-page"],
                effect: Effect {
                    orders: Response {
                        mean: 0.05,
                        spread: 0.05,
                        ..Response::NONE
                    },
                    visits: 0.05,
                    ..Effect::NONE
                },
                ..PERSONALIZED
            },
        ],
        channels: &["home-page"],
        touches: Touches::EveryVisit,
        primary: "revenue",
        secondary: METRICS,
        covariates: &["tenure_days"],
        segments: &["region", "newbie", "device"],
        rolled_out: true,
    },
    Experiment {
        id: 3,
        name: "email-levels",
        description: "How much personalization an e-mail needs: none, the first name, or a prediction.",
        hypothesis: "A predicted product raises revenue in the following four weeks; a first name does not.",
        assigned: (150.0, 178.0),
        exposure: Exposure::AtOnce,
        enrolled: 1.0,
        arms: &[
            Arm {
                share: 0.34,
                content: &["newsletter"],
                ..GENERIC
            },
            Arm {
                name: "first-name",
                initiative: Some("first-name-emails"),
                share: 0.33,
                content: &["newsletter-with-name"],
                ..PERSONALIZED
            },
            Arm {
                name: "next-purchase",
                initiative: Some("next-purchase-emails"),
                share: 0.33,
                content: &["next-purchase-picks"],
                effect: Effect {
                    orders: Response {
                        mean: 0.12,
                        newbie: -0.08,
                        tier: [0.0, 0.05, 0.10],
                        spread: 0.10,
                        ..Response::NONE
                    },
                    value: 0.02,
                    visits: 0.10,
                },
                ..PERSONALIZED
            },
        ],
        channels: &["email"],
        touches: Touches::EveryDays(7),
        primary: "revenue",
        secondary: METRICS,
        covariates: &["tenure_days"],
        segments: &["loyalty_tier", "newbie"],
        rolled_out: false,
    },
    Experiment {
        id: 4,
        name: "home-recommendations",
        description: "Bestsellers, own recommendations, or recommendations made for somebody else.",
        hypothesis: "Recommendations raise revenue, and they do because they fit the customer, not because they vary.",
        assigned: (200.0, 250.0),
        exposure: Exposure::FirstVisit { until: 290.0 },
        enrolled: 1.0,
        arms: &[
            Arm {
                share: 0.4,
                content: &["bestsellers"],
                ..GENERIC
            },
            Arm {
                initiative: Some("home-recommendations"),
                share: 0.4,
                content: &["recommended-for-you"],
                effect: Effect {
                    orders: Response {
                        mean: 0.13,
                        newbie: -0.12,
                        spread: 0.12,
                        ..Response::NONE
                    },
                    value: 0.03,
                    visits: 0.08,
                },
                ..PERSONALIZED
            },
            Arm {
                name: "shuffled",
                role: "shuffled",
                share: 0.2,
                content: &["recommended-for-you"],
                effect: Effect {
                    orders: Response {
                        mean: -0.02,
                        spread: 0.05,
                        ..Response::NONE
                    },
                    visits: 0.04,
                    ..Effect::NONE
                },
                ..GENERIC
            },
        ],
        channels: &["home-page"],
        touches: Touches::EveryVisit,
        primary: "revenue",
        secondary: METRICS,
        covariates: &["tenure_days"],
        segments: &["newbie", "region", "device"],
        rolled_out: true,
    },
    Experiment {
        id: 5,
        name: "push-reminders",
        description: "News for everyone against reminders of what was left behind.",
        hypothesis: "Reminders raise the number of orders in the following four weeks.",
        assigned: (230.0, 272.0),
        exposure: Exposure::AtOnce,
        enrolled: 0.8,
        arms: &[
            Arm {
                content: &["app-news"],
                ..GENERIC
            },
            Arm {
                initiative: Some("push-reminders"),
                content: &["abandoned-product"],
                effect: Effect {
                    orders: Response {
                        mean: -0.13,
                        newbie: 0.25,
                        spread: 0.15,
                        ..Response::NONE
                    },
                    visits: 0.15,
                    ..Effect::NONE
                },
                ..PERSONALIZED
            },
        ],
        channels: &["app-push"],
        touches: Touches::EveryDays(4),
        primary: "orders",
        secondary: &["revenue", "conversion", "visits"],
        covariates: &["tenure_days"],
        segments: &["newbie", "device"],
        rolled_out: false,
    },
    Experiment {
        id: 6,
        name: "weather-banners",
        description: "One banner for all against the banner of the day's weather.",
        hypothesis: "Weather banners raise revenue, above all in the north.",
        assigned: (400.0, 442.0),
        exposure: Exposure::FirstVisit { until: 470.0 },
        enrolled: 1.0,
        arms: &[
            Arm {
                content: &["bestsellers"],
                ..GENERIC
            },
            Arm {
                initiative: Some("weather-banners"),
                content: &["weather-banner"],
                effect: Effect {
                    orders: Response {
                        mean: 0.04,
                        region: [0.12, 0.02, -0.06, 0.0],
                        spread: 0.08,
                        ..Response::NONE
                    },
                    visits: 0.02,
                    ..Effect::NONE
                },
                ..PERSONALIZED
            },
        ],
        channels: &["home-page"],
        touches: Touches::EveryVisit,
        primary: "revenue",
        secondary: METRICS,
        covariates: &["tenure_days", "engagement"],
        segments: &["region", "newbie"],
        rolled_out: false,
    },
    Experiment {
        id: 7,
        name: "loyalty-offers",
        description: "The newsletter against offers by loyalty tier.",
        hypothesis: "Tier offers raise the share of customers who buy within four weeks.",
        assigned: (430.0, 472.0),
        exposure: Exposure::AtOnce,
        enrolled: 0.9,
        arms: &[
            Arm {
                content: &["newsletter"],
                ..GENERIC
            },
            Arm {
                initiative: Some("loyalty-offers"),
                content: &["tier-offer"],
                effect: Effect {
                    orders: Response {
                        mean: 0.10,
                        tier: [0.0, 0.06, 0.12],
                        spread: 0.10,
                        ..Response::NONE
                    },
                    value: -0.03,
                    visits: 0.10,
                },
                ..PERSONALIZED
            },
        ],
        channels: &["email", "sms"],
        touches: Touches::EveryDays(14),
        primary: "conversion",
        secondary: &["revenue", "orders", "average-order-value"],
        covariates: &["tenure_days"],
        segments: &["loyalty_tier", "region"],
        rolled_out: false,
    },
    Experiment {
        id: 8,
        name: "checkout-countdown",
        description: "A plain checkout against offers that run out.",
        hypothesis: "A countdown raises the share of visitors who buy within four weeks.",
        assigned: (490.0, 525.0),
        exposure: Exposure::FirstVisit { until: 550.0 },
        enrolled: 0.8,
        arms: &[
            Arm {
                content: &["plain-checkout"],
                ..GENERIC
            },
            Arm {
                initiative: Some("checkout-countdown"),
                content: &["countdown"],
                effect: Effect {
                    orders: Response {
                        mean: -0.08,
                        tier: [0.04, 0.0, -0.06],
                        spread: 0.10,
                        ..Response::NONE
                    },
                    value: -0.01,
                    ..Effect::NONE
                },
                ..PERSONALIZED
            },
        ],
        channels: &["checkout"],
        touches: Touches::EveryVisit,
        primary: "conversion",
        secondary: &["revenue", "orders"],
        covariates: &["tenure_days"],
        segments: &["loyalty_tier", "device"],
        rolled_out: false,
    },
    Experiment {
        id: 9,
        name: "dynamic-bundles",
        description: "Nine of ten visitors see personal bundles, one of ten the bestsellers.",
        hypothesis: "Personal bundles raise revenue by larger orders, not by more of them.",
        assigned: (540.0, 582.0),
        exposure: Exposure::FirstVisit { until: 610.0 },
        enrolled: 1.0,
        arms: &[
            Arm {
                share: 0.1,
                content: &["bestsellers"],
                ..GENERIC
            },
            Arm {
                initiative: Some("dynamic-bundles"),
                share: 0.9,
                content: &["personal-bundle"],
                effect: Effect {
                    orders: Response {
                        mean: 0.01,
                        spread: 0.05,
                        ..Response::NONE
                    },
                    value: 0.10,
                    visits: 0.0,
                },
                ..PERSONALIZED
            },
        ],
        channels: &["product-page"],
        touches: Touches::EveryVisit,
        primary: "revenue",
        secondary: &["average-order-value", "orders", "conversion"],
        covariates: &["tenure_days"],
        segments: &["loyalty_tier", "device"],
        rolled_out: false,
    },
    Experiment {
        id: 10,
        name: "one-to-one-journeys",
        description: "Channels that each act alone against one decision across all of them.",
        hypothesis: "One-to-one journeys raise revenue in the following four weeks in every region.",
        assigned: (590.0, 646.0),
        exposure: Exposure::AtOnce,
        enrolled: 1.0,
        arms: &[
            Arm {
                content: &["newsletter", "bestsellers", "app-news"],
                ..GENERIC
            },
            Arm {
                initiative: Some("one-to-one-journeys"),
                content: &["journey-step"],
                effect: Effect {
                    orders: Response {
                        mean: 0.15,
                        newbie: 0.05,
                        region: [0.0, 0.02, 0.0, -0.03],
                        tier: [-0.02, 0.02, 0.04],
                        spread: 0.20,
                    },
                    value: 0.02,
                    visits: 0.15,
                },
                ..PERSONALIZED
            },
        ],
        channels: &["email", "home-page", "app-push"],
        touches: Touches::EveryDays(5),
        primary: "revenue",
        secondary: METRICS,
        covariates: &["tenure_days"],
        segments: &["newbie", "region", "loyalty_tier"],
        rolled_out: false,
    },
];
