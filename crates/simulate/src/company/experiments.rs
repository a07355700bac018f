//! What is tested, and what it truly does.

use super::{Arm, Effect, Experiment, Exposure, Response, Schedule, Touches};

const GENERIC: Arm = Arm {
    name: "generic",
    role: "generic",
    initiative: None,
    share: 0.5,
    effect: Effect::NONE,
    content: &[],
    factors: &[],
};

const PERSONALIZED: Arm = Arm {
    name: "personalized",
    role: "personalized",
    ..GENERIC
};

const METRICS: &[&str] = &["conversion", "orders", "average-order-value", "visits"];

/// An arm that is one of the eight combinations of three factors, whose effect is a change of the order rate.
const fn cell(
    name: &'static str,
    change: f64,
    content: &'static [&'static str],
    factors: &'static [(&'static str, &'static str)],
) -> Arm {
    Arm {
        name,
        share: 0.125,
        effect: Effect {
            orders: Response {
                mean: change,
                ..Response::NONE
            },
            ..Effect::NONE
        },
        content,
        factors,
        ..PERSONALIZED
    }
}

/// E-mail adds 12 points to the order rate, push 10, the home page 6; e-mail and push together lose 8.
static SWITCHES: [Arm; 8] = [
    Arm {
        role: "generic",
        ..cell(
            "none",
            0.00,
            &[],
            &[
                ("email", "without"),
                ("push", "without"),
                ("home-page", "without"),
            ],
        )
    },
    cell(
        "email",
        0.12,
        &[
            "spring-guide",
            "garden-tips",
            "lighting-offer",
            "kitchen-stories",
        ],
        &[
            ("email", "with"),
            ("push", "without"),
            ("home-page", "without"),
        ],
    ),
    cell(
        "push",
        0.10,
        &["weekend-sale", "new-in-store", "style-quiz"],
        &[
            ("email", "without"),
            ("push", "with"),
            ("home-page", "without"),
        ],
    ),
    cell(
        "email-push",
        0.14,
        &[
            "spring-guide",
            "garden-tips",
            "lighting-offer",
            "kitchen-stories",
            "weekend-sale",
            "new-in-store",
            "style-quiz",
        ],
        &[
            ("email", "with"),
            ("push", "with"),
            ("home-page", "without"),
        ],
    ),
    cell(
        "home",
        0.06,
        &["room-of-the-week", "makers-stories", "bath-refresh"],
        &[
            ("email", "without"),
            ("push", "without"),
            ("home-page", "with"),
        ],
    ),
    cell(
        "email-home",
        0.18,
        &[
            "spring-guide",
            "garden-tips",
            "lighting-offer",
            "kitchen-stories",
            "room-of-the-week",
            "makers-stories",
            "bath-refresh",
        ],
        &[
            ("email", "with"),
            ("push", "without"),
            ("home-page", "with"),
        ],
    ),
    cell(
        "push-home",
        0.16,
        &[
            "weekend-sale",
            "new-in-store",
            "style-quiz",
            "room-of-the-week",
            "makers-stories",
            "bath-refresh",
        ],
        &[
            ("email", "without"),
            ("push", "with"),
            ("home-page", "with"),
        ],
    ),
    cell(
        "email-push-home",
        0.20,
        &[
            "spring-guide",
            "garden-tips",
            "lighting-offer",
            "kitchen-stories",
            "weekend-sale",
            "new-in-store",
            "style-quiz",
            "room-of-the-week",
            "makers-stories",
            "bath-refresh",
        ],
        &[("email", "with"), ("push", "with"), ("home-page", "with")],
    ),
];

/// A question adds 5 points to the order rate, a person 3, the call to discover 2; a question beside a person 8 more.
static COMPONENTS: [Arm; 8] = [
    Arm {
        role: "generic",
        ..cell(
            "promise-product-shop",
            0.00,
            &["banner-1"],
            &[
                ("headline", "promise"),
                ("image", "product"),
                ("call", "shop"),
            ],
        )
    },
    cell(
        "question-product-shop",
        0.05,
        &["banner-2"],
        &[
            ("headline", "question"),
            ("image", "product"),
            ("call", "shop"),
        ],
    ),
    cell(
        "promise-person-shop",
        0.03,
        &["banner-3"],
        &[
            ("headline", "promise"),
            ("image", "person"),
            ("call", "shop"),
        ],
    ),
    cell(
        "question-person-shop",
        0.16,
        &["banner-4"],
        &[
            ("headline", "question"),
            ("image", "person"),
            ("call", "shop"),
        ],
    ),
    cell(
        "promise-product-discover",
        0.02,
        &["banner-5"],
        &[
            ("headline", "promise"),
            ("image", "product"),
            ("call", "discover"),
        ],
    ),
    cell(
        "question-product-discover",
        0.07,
        &["banner-6"],
        &[
            ("headline", "question"),
            ("image", "product"),
            ("call", "discover"),
        ],
    ),
    cell(
        "promise-person-discover",
        0.05,
        &["banner-7"],
        &[
            ("headline", "promise"),
            ("image", "person"),
            ("call", "discover"),
        ],
    ),
    cell(
        "question-person-discover",
        0.18,
        &["banner-8"],
        &[
            ("headline", "question"),
            ("image", "person"),
            ("call", "discover"),
        ],
    ),
];

/// In the order of their first day, and at last the one that always runs. Those of the first year have no effect left
/// when the second begins.
pub(crate) static EXPERIMENTS: [Experiment; 13] = [
    Experiment {
        id: 1,
        name: "platform-check",
        description: "Both arms get the same: the test that the testing works.",
        hypothesis: "There is no difference between two groups that are treated alike.",
        schedule: Schedule::Between(60.0, 74.0),
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
        schedule: Schedule::Between(90.0, 118.0),
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
        schedule: Schedule::Between(150.0, 178.0),
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
                    ..Effect::NONE
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
        schedule: Schedule::Between(200.0, 250.0),
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
                    ..Effect::NONE
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
        schedule: Schedule::Between(230.0, 272.0),
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
        schedule: Schedule::Between(400.0, 442.0),
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
        schedule: Schedule::Between(430.0, 472.0),
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
                    ..Effect::NONE
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
        schedule: Schedule::Between(490.0, 525.0),
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
        schedule: Schedule::Between(540.0, 582.0),
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
                    ..Effect::NONE
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
        schedule: Schedule::Between(590.0, 646.0),
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
                    ..Effect::NONE
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
    Experiment {
        id: 13,
        name: "component-test",
        description: "A banner put together in all ways from two headlines, two images and two calls to action.",
        hypothesis: "A question sells more, and more than that beside a person.",
        schedule: Schedule::Between(620.0, 665.0),
        exposure: Exposure::FirstVisit { until: 695.0 },
        enrolled: 1.0,
        arms: &COMPONENTS,
        channels: &["home-page"],
        touches: Touches::EveryVisit,
        primary: "revenue",
        secondary: METRICS,
        covariates: &["tenure_days"],
        segments: &["region"],
        rolled_out: false,
    },
    Experiment {
        id: 12,
        name: "channel-factorial",
        description: "The season's content in e-mail, push and on the home page, each switched on or off.",
        hypothesis: "Each channel adds revenue, e-mail and push together less than the sum of the two.",
        schedule: Schedule::Between(646.0, 690.0),
        exposure: Exposure::AtOnce,
        enrolled: 1.0,
        arms: &SWITCHES,
        channels: &["email", "app-push", "home-page"],
        touches: Touches::ByWeight(7),
        primary: "revenue",
        secondary: METRICS,
        covariates: &["tenure_days"],
        segments: &["region"],
        rolled_out: false,
    },
    Experiment {
        id: 11,
        name: "welcome-programme",
        description: "The newsletter, or a programme that welcomes new customers and goes on for good.",
        hypothesis: "Customers who are welcomed in person stay longer, order more often and spend more.",
        schedule: Schedule::FromJoining,
        exposure: Exposure::AtOnce,
        enrolled: 1.0,
        arms: &[
            Arm {
                content: &["newsletter"],
                ..GENERIC
            },
            Arm {
                initiative: Some("welcome-programme"),
                content: &["welcome-letter"],
                effect: Effect {
                    orders: Response {
                        mean: 0.15,
                        ..Response::NONE
                    },
                    value: 0.04,
                    attrition: -0.20,
                    ..Effect::NONE
                },
                ..PERSONALIZED
            },
        ],
        channels: &["email"],
        touches: Touches::EveryDays(7),
        primary: "revenue",
        secondary: METRICS,
        covariates: &[],
        segments: &["region", "loyalty_tier"],
        rolled_out: false,
    },
];
