//! The personalization efforts, from level 0 to 6, and what they cost.

use super::{Cost, Initiative, Per};

pub(crate) static INITIATIVES: [Initiative; 11] = [
    Initiative {
        name: "home-page-redesign",
        description: "A new home page, the same for everyone.",
        team: "web",
        level: 0,
        channels: &["home-page"],
        content: &["new-home-page"],
        hypothesis: "A clearer home page sells more to everyone.",
        costs: &[Cost {
            name: "redesign",
            description: "Agency and build.",
            per: Per::Once(2_400.0),
        }],
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
            Cost {
                name: "first-name-set-up",
                description: "Templates and data feed.",
                per: Per::Once(400.0),
            },
            Cost {
                name: "first-name-sending",
                description: "Sending, an e-mail.",
                per: Per::Touch(0.002),
            },
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
            Cost {
                name: "weather-set-up",
                description: "Banners and rules.",
                per: Per::Once(600.0),
            },
            Cost {
                name: "weather-data",
                description: "The weather service.",
                per: Per::Month {
                    amount: 350.0,
                    months: 3,
                },
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
        costs: &[Cost {
            name: "countdown-build",
            description: "Design and build.",
            per: Per::Once(500.0),
        }],
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
            Cost {
                name: "loyalty-discounts",
                description: "The discounts given.",
                per: Per::Revenue(0.08),
            },
            Cost {
                name: "loyalty-sending",
                description: "Sending, a message.",
                per: Per::Touch(0.01),
            },
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
            Cost {
                name: "recommender-build",
                description: "First model and integration.",
                per: Per::Once(1_800.0),
            },
            Cost {
                name: "recommender-platform",
                description: "Platform and upkeep.",
                per: Per::Month {
                    amount: 450.0,
                    months: 4,
                },
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
                per: Per::Month {
                    amount: 250.0,
                    months: 2,
                },
            },
            Cost {
                name: "push-sending",
                description: "Sending, a notification.",
                per: Per::Touch(0.001),
            },
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
                per: Per::Month {
                    amount: 700.0,
                    months: 3,
                },
            },
            Cost {
                name: "next-purchase-licence",
                description: "Licence, a customer scored.",
                per: Per::Customer(0.05),
            },
            Cost {
                name: "next-purchase-sending",
                description: "Sending, an e-mail.",
                per: Per::Touch(0.002),
            },
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
            Cost {
                name: "bundle-engine",
                description: "Engine and integration.",
                per: Per::Once(24_000.0),
            },
            Cost {
                name: "bundle-discounts",
                description: "The discounts given.",
                per: Per::Revenue(0.02),
            },
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
            Cost {
                name: "journey-integration",
                description: "Joining the channels.",
                per: Per::Once(12_000.0),
            },
            Cost {
                name: "journey-platform",
                description: "The decision platform.",
                per: Per::Month {
                    amount: 6_000.0,
                    months: 3,
                },
            },
            Cost {
                name: "journey-sending",
                description: "Delivery, a touch.",
                per: Per::Touch(0.003),
            },
        ],
    },
    Initiative {
        name: "welcome-programme",
        description: "New customers are greeted with a gift, and from then on written to about what they do.",
        team: "lifecycle",
        level: 4,
        channels: &["email"],
        content: &["welcome-letter"],
        hypothesis: "Who feels welcome stays a customer for longer.",
        costs: &[Cost {
            name: "welcome-gift",
            description: "A gift with the first order.",
            per: Per::Customer(3.5),
        }],
    },
];
