//! The company: who works on what, what is tested, what it costs, and what it truly does.
//!
//! Everything is declared here once; the simulation, the truth and the catalog's documents are made from it.

/// A team, a channel or anything else that has only a name and a description.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
}

/// A piece of content.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) name: &'static str,
    pub(crate) channels: &'static [&'static str],
    pub(crate) stage: &'static str,
}

/// A personalization effort.
#[derive(Debug)]
pub(crate) struct Initiative {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) team: &'static str,
    pub(crate) level: u8,
    pub(crate) channels: &'static [&'static str],
    pub(crate) content: &'static [&'static str],
    pub(crate) hypothesis: &'static str,
    pub(crate) costs: &'static [Cost],
}

/// What an initiative costs.
#[derive(Debug)]
pub(crate) struct Cost {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) per: Per,
}

/// What a cost is paid for. `Once` and `Month` are stated for a company of [`COST_BASIS`] customers and grow
/// with it, so that the same initiatives pay at any size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Per {
    Once(f64),
    Month { amount: f64, months: u32 },
    Customer(f64),
    Touch(f64),
    Revenue(f64),
}

/// The number of customers for which fixed costs are stated.
pub(crate) const COST_BASIS: f64 = 50_000.0;

/// The contribution margin on revenue.
pub(crate) const MARGIN: f64 = 0.4;

/// How an experience changes a customer's rates from exposure on, for [`WINDOW`] days.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Effect {
    pub(crate) orders: Response,
    /// Relative change of the order value, the same for everyone.
    pub(crate) value: f64,
    /// Relative change of browsing, not negative, the same for everyone.
    pub(crate) visits: f64,
}

/// The relative change of a customer's order rate: the sum of a mean, of what the customer's attributes add,
/// and of a normal part that no attribute explains. The factor on the rate, 1 plus this, is kept within
/// [`FACTOR_BOUNDS`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Response {
    pub(crate) mean: f64,
    /// Added by [`REGIONS`].
    pub(crate) region: [f64; 4],
    /// Added for customers who joined less than [`NEWBIE_DAYS`] ago.
    pub(crate) newbie: f64,
    /// Added by [`TIERS`].
    pub(crate) tier: [f64; 3],
    /// Standard deviation of the individual part.
    pub(crate) spread: f64,
}

impl Response {
    /// No change for anyone.
    const NONE: Self = Self { mean: 0.0, region: [0.0; 4], newbie: 0.0, tier: [0.0; 3], spread: 0.0 };
}

impl Effect {
    /// No effect on anyone.
    pub(crate) const NONE: Self = Self { orders: Response::NONE, value: 0.0, visits: 0.0 };
}

/// The bounds of the factor on a customer's order rate.
pub(crate) const FACTOR_BOUNDS: (f64, f64) = (0.2, 3.0);

/// One arm of an experiment.
#[derive(Debug)]
pub(crate) struct Arm {
    pub(crate) name: &'static str,
    pub(crate) role: &'static str,
    /// The initiative that the arm shows.
    pub(crate) initiative: Option<&'static str>,
    pub(crate) share: f64,
    pub(crate) effect: Effect,
    /// The content that the arm shows, each piece in the channels that it has in common with [`Experiment::channels`].
    pub(crate) content: &'static [&'static str],
}

/// A randomized experiment. The first arm is the one that the others are compared with.
#[derive(Debug)]
pub(crate) struct Experiment {
    /// Part of the simulation's definition: it keys the experiment's random numbers.
    pub(crate) id: u16,
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) hypothesis: &'static str,
    /// Customers are assigned evenly from the first to before the second of these days.
    pub(crate) assigned: (f64, f64),
    pub(crate) exposure: Exposure,
    /// The share of customers that takes part.
    pub(crate) enrolled: f64,
    pub(crate) arms: &'static [Arm],
    pub(crate) channels: &'static [&'static str],
    pub(crate) touches: Touches,
    pub(crate) primary: &'static str,
    pub(crate) secondary: &'static [&'static str],
    /// Columns of the assignments, beside the revenue before exposure.
    pub(crate) covariates: &'static [&'static str],
    pub(crate) segments: &'static [&'static str],
    /// From the second year on, everyone outside the holdout gets the second arm's experience.
    pub(crate) rolled_out: bool,
}

/// When the arm can first make a difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Exposure {
    /// As soon as the customer is assigned.
    AtOnce,
    /// At the first visit after assignment and before this day. Who does not visit is not exposed.
    FirstVisit { until: f64 },
}

/// How often an exposed customer is shown the experience within [`WINDOW`] days.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Touches {
    None,
    EveryVisit,
    EveryDays(u32),
}

/// How long an effect lasts from exposure on, in days; also the metrics' window.
pub(crate) const WINDOW: f64 = 28.0;

/// How long a customer is new, in days.
pub(crate) const NEWBIE_DAYS: f64 = 180.0;

/// The experiment that compares the whole programme with nothing of it, over the second year.
pub(crate) const PROGRAMME: &str = "universal-holdout";

/// The arms of [`PROGRAMME`], the compared-with first.
pub(crate) const PROGRAMME_ARMS: [&str; 2] = ["holdout", "programme"];

/// The share of customers in the holdout.
pub(crate) const HOLDOUT_SHARE: f64 = 0.05;

pub(crate) const REGIONS: [&str; 4] = ["north", "east", "south", "west"];
pub(crate) const REGION_SHARES: [f64; 4] = [0.30, 0.25, 0.25, 0.20];

pub(crate) const DEVICES: [&str; 3] = ["mobile", "desktop", "tablet"];
pub(crate) const DEVICE_SHARES: [f64; 3] = [0.60, 0.32, 0.08];

pub(crate) const TIERS: [&str; 3] = ["basic", "silver", "gold"];

/// How customers are won, how often, and what winning one costs.
pub(crate) const ACQUISITION: [(&str, f64, f64); 5] = [
    ("organic-search", 0.30, 4.0),
    ("paid-search", 0.25, 22.0),
    ("social", 0.20, 18.0),
    ("referral", 0.15, 10.0),
    ("affiliate", 0.10, 15.0),
];

/// What is sold, and each category's share of orders.
pub(crate) const CATEGORIES: [(&str, f64); 6] = [
    ("kitchen", 0.26),
    ("bath", 0.17),
    ("bedroom", 0.19),
    ("garden", 0.14),
    ("lighting", 0.11),
    ("decoration", 0.13),
];

/// The stages of a customer's journey.
pub(crate) const STAGES: [&str; 4] = ["awareness", "consideration", "purchase", "retention"];

pub(crate) static TEAMS: [Named; 5] = [
    Named { name: "lifecycle", description: "E-mail and everything that follows a customer over time." },
    Named { name: "web", description: "Home page, product pages and checkout." },
    Named { name: "app", description: "The app and its notifications." },
    Named { name: "loyalty", description: "The loyalty programme and its offers." },
    Named { name: "data-science", description: "Models that choose content for one customer at a time." },
];

pub(crate) static CHANNELS: [Named; 6] = [
    Named { name: "email", description: "E-mail newsletters and offers." },
    Named { name: "home-page", description: "The shop's home page." },
    Named { name: "product-page", description: "Modules on product pages." },
    Named { name: "checkout", description: "Cart and checkout." },
    Named { name: "app-push", description: "Notifications of the app." },
    Named { name: "sms", description: "Text messages." },
];

pub(crate) static CONTENT: [Content; 14] = [
    Content { name: "newsletter", channels: &["email"], stage: "retention" },
    Content { name: "newsletter-with-name", channels: &["email"], stage: "retention" },
    Content { name: "next-purchase-picks", channels: &["email"], stage: "consideration" },
    Content { name: "tier-offer", channels: &["email", "sms"], stage: "retention" },
    Content { name: "bestsellers", channels: &["home-page", "product-page"], stage: "awareness" },
    Content { name: "new-home-page", channels: &["home-page"], stage: "awareness" },
    Content { name: "recommended-for-you", channels: &["home-page"], stage: "consideration" },
    Content { name: "weather-banner", channels: &["home-page"], stage: "awareness" },
    Content { name: "plain-checkout", channels: &["checkout"], stage: "purchase" },
    Content { name: "countdown", channels: &["checkout"], stage: "purchase" },
    Content { name: "personal-bundle", channels: &["product-page"], stage: "purchase" },
    Content { name: "app-news", channels: &["app-push"], stage: "awareness" },
    Content { name: "abandoned-product", channels: &["app-push"], stage: "consideration" },
    Content { name: "journey-step", channels: &["email", "home-page", "app-push"], stage: "consideration" },
];

pub(crate) static INITIATIVES: [Initiative; 10] = [
    Initiative {
        name: "home-page-redesign",
        description: "A new home page, the same for everyone.",
        team: "web",
        level: 0,
        channels: &["home-page"],
        content: &["new-home-page"],
        hypothesis: "A clearer home page sells more to everyone.",
        costs: &[Cost { name: "redesign", description: "Agency and build.", per: Per::Once(2_400.0) }],
    },
    Initiative {
        name: "first-name-emails",
        description: "Newsletters that greet by first name.",
        team: "lifecycle",
        level: 1,
        channels: &["email"],
        content: &["newsletter-with-name"],
        hypothesis: "A newsletter that greets by name is read and sells more.",
        costs: &[
            Cost { name: "first-name-set-up", description: "Templates and data feed.", per: Per::Once(400.0) },
            Cost { name: "first-name-sending", description: "Sending, an e-mail.", per: Per::Touch(0.002) },
        ],
    },
    Initiative {
        name: "weather-banners",
        description: "Home-page banners that follow the local weather.",
        team: "web",
        level: 2,
        channels: &["home-page"],
        content: &["weather-banner"],
        hypothesis: "What suits today's weather sells, above all where the weather changes.",
        costs: &[
            Cost { name: "weather-set-up", description: "Banners and rules.", per: Per::Once(600.0) },
            Cost {
                name: "weather-data",
                description: "The weather service.",
                per: Per::Month { amount: 350.0, months: 3 },
            },
        ],
    },
    Initiative {
        name: "checkout-countdown",
        description: "Offers at checkout that run out, by segment.",
        team: "web",
        level: 3,
        channels: &["checkout"],
        content: &["countdown"],
        hypothesis: "A deadline makes hesitant segments complete their order.",
        costs: &[Cost { name: "countdown-build", description: "Design and build.", per: Per::Once(500.0) }],
    },
    Initiative {
        name: "loyalty-offers",
        description: "Discounts by loyalty tier, by e-mail and text message.",
        team: "loyalty",
        level: 3,
        channels: &["email", "sms"],
        content: &["tier-offer"],
        hypothesis: "An offer that fits the tier brings customers back sooner.",
        costs: &[
            Cost { name: "loyalty-discounts", description: "The discounts given.", per: Per::Revenue(0.08) },
            Cost { name: "loyalty-sending", description: "Sending, a message.", per: Per::Touch(0.01) },
        ],
    },
    Initiative {
        name: "home-recommendations",
        description: "Products on the home page chosen from what the customer looked at and bought.",
        team: "data-science",
        level: 4,
        channels: &["home-page"],
        content: &["recommended-for-you"],
        hypothesis: "Customers with a history buy more when they see what goes with it.",
        costs: &[
            Cost { name: "recommender-build", description: "First model and integration.", per: Per::Once(1_800.0) },
            Cost {
                name: "recommender-platform",
                description: "Platform and upkeep.",
                per: Per::Month { amount: 450.0, months: 4 },
            },
        ],
    },
    Initiative {
        name: "push-reminders",
        description: "App notifications about products that were looked at and not bought.",
        team: "app",
        level: 4,
        channels: &["app-push"],
        content: &["abandoned-product"],
        hypothesis: "A reminder of what was left behind brings the customer back to buy it.",
        costs: &[
            Cost {
                name: "push-platform",
                description: "The notification service.",
                per: Per::Month { amount: 250.0, months: 2 },
            },
            Cost { name: "push-sending", description: "Sending, a notification.", per: Per::Touch(0.001) },
        ],
    },
    Initiative {
        name: "next-purchase-emails",
        description: "E-mails with the products that a model expects the customer to need next.",
        team: "data-science",
        level: 5,
        channels: &["email"],
        content: &["next-purchase-picks"],
        hypothesis: "The right product at the right time is bought, more so by loyal customers.",
        costs: &[
            Cost {
                name: "next-purchase-model",
                description: "The model and its upkeep.",
                per: Per::Month { amount: 700.0, months: 3 },
            },
            Cost {
                name: "next-purchase-licence",
                description: "Licence, a customer scored.",
                per: Per::Customer(0.05),
            },
            Cost { name: "next-purchase-sending", description: "Sending, an e-mail.", per: Per::Touch(0.002) },
        ],
    },
    Initiative {
        name: "dynamic-bundles",
        description: "Product bundles put together and priced for one customer.",
        team: "data-science",
        level: 5,
        channels: &["product-page"],
        content: &["personal-bundle"],
        hypothesis: "A bundle made for the customer makes orders larger.",
        costs: &[
            Cost { name: "bundle-engine", description: "Engine and integration.", per: Per::Once(14_000.0) },
            Cost { name: "bundle-discounts", description: "The discounts given.", per: Per::Revenue(0.02) },
        ],
    },
    Initiative {
        name: "one-to-one-journeys",
        description: "One decision for each customer across e-mail, home page and app.",
        team: "lifecycle",
        level: 6,
        channels: &["email", "home-page", "app-push"],
        content: &["journey-step"],
        hypothesis: "Channels that act as one sell more than each on its own.",
        costs: &[
            Cost { name: "journey-integration", description: "Joining the channels.", per: Per::Once(4_000.0) },
            Cost {
                name: "journey-platform",
                description: "The decision platform.",
                per: Per::Month { amount: 1_500.0, months: 3 },
            },
            Cost { name: "journey-sending", description: "Delivery, a touch.", per: Per::Touch(0.003) },
        ],
    },
];

const GENERIC: Arm = Arm {
    name: "generic",
    role: "generic",
    initiative: None,
    share: 0.5,
    effect: Effect::NONE,
    content: &[],
};

const PERSONALIZED: Arm = Arm { name: "personalized", role: "personalized", ..GENERIC };

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
            Arm { name: "a", content: &["newsletter"], ..GENERIC },
            Arm { name: "b", content: &["newsletter"], ..PERSONALIZED },
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
            Arm { content: &["bestsellers"], ..GENERIC },
            Arm {
                name: "redesign",
                initiative: Some("home-page-redesign"),
                content: &["new-home-page"],
                effect: Effect {
                    orders: Response { mean: 0.05, spread: 0.05, ..Response::NONE },
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
            Arm { share: 0.34, content: &["newsletter"], ..GENERIC },
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
            Arm { share: 0.4, content: &["bestsellers"], ..GENERIC },
            Arm {
                initiative: Some("home-recommendations"),
                share: 0.4,
                content: &["recommended-for-you"],
                effect: Effect {
                    orders: Response { mean: 0.13, newbie: -0.12, spread: 0.12, ..Response::NONE },
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
                    orders: Response { mean: -0.02, spread: 0.05, ..Response::NONE },
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
            Arm { content: &["app-news"], ..GENERIC },
            Arm {
                initiative: Some("push-reminders"),
                content: &["abandoned-product"],
                effect: Effect {
                    orders: Response { mean: -0.13, newbie: 0.25, spread: 0.15, ..Response::NONE },
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
            Arm { content: &["bestsellers"], ..GENERIC },
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
            Arm { content: &["newsletter"], ..GENERIC },
            Arm {
                initiative: Some("loyalty-offers"),
                content: &["tier-offer"],
                effect: Effect {
                    orders: Response { mean: 0.10, tier: [0.0, 0.06, 0.12], spread: 0.10, ..Response::NONE },
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
            Arm { content: &["plain-checkout"], ..GENERIC },
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
            Arm { share: 0.1, content: &["bestsellers"], ..GENERIC },
            Arm {
                initiative: Some("dynamic-bundles"),
                share: 0.9,
                content: &["personal-bundle"],
                effect: Effect {
                    orders: Response { mean: 0.01, spread: 0.05, ..Response::NONE },
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
            Arm { content: &["newsletter", "bestsellers", "app-news"], ..GENERIC },
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

/// Where `name` stands in a list of names. Every name in this file is one of its list, which a test proves.
pub(crate) fn position(list: impl IntoIterator<Item = &'static str>, name: &str) -> Option<usize> {
    list.into_iter().position(|item| item == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::{END, SECOND_YEAR};

    #[test]
    fn every_name_is_declared() {
        let channels = || CHANNELS.iter().map(|c| c.name);
        let content = || CONTENT.iter().map(|c| c.name);
        for piece in &CONTENT {
            assert!(piece.channels.iter().all(|c| position(channels(), c).is_some()));
            assert!(position(STAGES, piece.stage).is_some());
        }
        for initiative in &INITIATIVES {
            assert!(position(TEAMS.iter().map(|t| t.name), initiative.team).is_some());
            assert!(initiative.channels.iter().all(|c| position(channels(), c).is_some()));
            assert!(initiative.content.iter().all(|c| position(content(), c).is_some()));
        }
        for arm in EXPERIMENTS.iter().flat_map(|e| e.arms) {
            assert!(!arm.content.is_empty());
            assert!(arm.content.iter().all(|c| position(content(), c).is_some()));
            let initiatives = INITIATIVES.iter().map(|i| i.name);
            assert!(arm.initiative.is_none_or(|name| position(initiatives, name).is_some()));
        }
        let levels: Vec<u8> = INITIATIVES.iter().map(|i| i.level).collect();
        assert!((0..=6).all(|level| levels.contains(&level)));
    }

    #[test]
    fn experiments_have_whole_shares_and_stay_within_their_year() {
        for experiment in &EXPERIMENTS {
            let shares: f64 = experiment.arms.iter().map(|arm| arm.share).sum();
            assert!((shares - 1.0).abs() < 1e-12, "{}", experiment.name);
            assert_eq!(experiment.arms[0].effect, Effect::NONE);
            assert!(experiment.arms.iter().all(|arm| arm.effect.visits >= 0.0));
            let last_exposure = match experiment.exposure {
                Exposure::AtOnce => experiment.assigned.1,
                Exposure::FirstVisit { until } => until,
            };
            let year_end = if experiment.assigned.0 < SECOND_YEAR { SECOND_YEAR } else { END };
            assert!(last_exposure + WINDOW < year_end, "{}", experiment.name);
            assert!(!experiment.rolled_out || year_end == SECOND_YEAR);
        }
    }
}
