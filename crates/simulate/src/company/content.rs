//! What customers are shown, in which channels, and how often they click on it.

/// A way to reach customers.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    /// The place in it where content is shown.
    pub(crate) slot: &'static str,
    /// What showing a piece costs.
    pub(crate) cost: f64,
    /// The factor on the rate of clicks.
    pub(crate) clicks: f64,
}

/// A piece of content.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) name: &'static str,
    pub(crate) channels: &'static [&'static str],
    pub(crate) stage: &'static str,
    pub(crate) campaign: &'static str,
    /// How much it is favoured where it is chosen among others by weight.
    pub(crate) weight: f64,
    /// The probability that a customer clicks on it at first sight in a channel whose factor is 1.
    pub(crate) clicks: f64,
    /// The factor on the probability of a click with each further time that the customer sees it.
    pub(crate) fatigue: f64,
    /// What making it cost.
    pub(crate) cost: f64,
    /// Factors and their levels.
    pub(crate) components: &'static [(&'static str, &'static str)],
}

/// The probability that a customer who sees a piece for the `exposure`-th time, counted from 1 and over all channels,
/// clicks on it: `p rho^(exposure - 1)` with `p` by content and channel and `rho` by content.
pub(crate) fn click_probability(content: usize, channel: usize, exposure: u32) -> f64 {
    let (piece, exposure) = (&CONTENT[content], f64::from(exposure));
    piece.clicks * CHANNELS[channel].clicks * piece.fatigue.powf(exposure - 1.0)
}

pub(crate) static CHANNELS: [Channel; 6] = [
    Channel {
        name: "email",
        description: "E-mail newsletters and offers.",
        slot: "body",
        cost: 0.002,
        clicks: 1.0,
    },
    Channel {
        name: "home-page",
        description: "The shop's home page.",
        slot: "hero",
        cost: 0.0,
        clicks: 0.8,
    },
    Channel {
        name: "product-page",
        description: "Modules on product pages.",
        slot: "below-product",
        cost: 0.0,
        clicks: 0.6,
    },
    Channel {
        name: "checkout",
        description: "Cart and checkout.",
        slot: "summary",
        cost: 0.0,
        clicks: 0.4,
    },
    Channel {
        name: "app-push",
        description: "Notifications of the app.",
        slot: "notification",
        cost: 0.001,
        clicks: 0.7,
    },
    Channel {
        name: "sms",
        description: "Text messages.",
        slot: "message",
        cost: 0.05,
        clicks: 1.2,
    },
];

/// A piece that is favoured like others, clicked on by one in twenty, and worn out slowly.
const fn piece(
    name: &'static str,
    channels: &'static [&'static str],
    stage: &'static str,
    campaign: &'static str,
) -> Content {
    Content {
        name,
        channels,
        stage,
        campaign,
        weight: 1.0,
        clicks: 0.05,
        fatigue: 0.95,
        cost: 400.0,
        components: &[],
    }
}

const EMAIL: &[&str] = &["email"];
const HOME_PAGE: &[&str] = &["home-page"];
const APP_PUSH: &[&str] = &["app-push"];

/// A seasonal piece that is chosen by weight.
const fn seasonal(
    name: &'static str,
    channels: &'static [&'static str],
    weight: f64,
    clicks: f64,
    fatigue: f64,
) -> Content {
    Content {
        weight,
        clicks,
        fatigue,
        cost: 250.0,
        ..piece(name, channels, "consideration", "season")
    }
}

/// A banner that is put together from components.
const fn banner(
    name: &'static str,
    components: &'static [(&'static str, &'static str)],
    clicks: f64,
) -> Content {
    Content {
        components,
        clicks,
        cost: 150.0,
        ..piece(name, HOME_PAGE, "awareness", "banner")
    }
}

pub(crate) static CONTENT: [Content; 33] = [
    Content {
        clicks: 0.03,
        fatigue: 0.98,
        ..piece("newsletter", EMAIL, "retention", "newsletter")
    },
    Content {
        clicks: 0.03,
        fatigue: 0.98,
        ..piece("newsletter-with-name", EMAIL, "retention", "newsletter")
    },
    Content {
        clicks: 0.08,
        fatigue: 0.90,
        cost: 900.0,
        ..piece("next-purchase-picks", EMAIL, "consideration", "picks")
    },
    Content {
        clicks: 0.10,
        fatigue: 0.80,
        ..piece("tier-offer", &["email", "sms"], "retention", "loyalty")
    },
    piece(
        "bestsellers",
        &["home-page", "product-page"],
        "awareness",
        "shop",
    ),
    Content {
        clicks: 0.06,
        fatigue: 0.97,
        cost: 2_400.0,
        ..piece("new-home-page", HOME_PAGE, "awareness", "shop")
    },
    Content {
        clicks: 0.09,
        fatigue: 0.96,
        cost: 1_200.0,
        ..piece("recommended-for-you", HOME_PAGE, "consideration", "picks")
    },
    Content {
        clicks: 0.07,
        fatigue: 0.75,
        ..piece("weather-banner", HOME_PAGE, "awareness", "weather")
    },
    piece("plain-checkout", &["checkout"], "purchase", "shop"),
    Content {
        clicks: 0.04,
        fatigue: 0.70,
        ..piece("countdown", &["checkout"], "purchase", "countdown")
    },
    Content {
        clicks: 0.11,
        fatigue: 0.90,
        cost: 1_500.0,
        ..piece("personal-bundle", &["product-page"], "purchase", "bundles")
    },
    piece("app-news", APP_PUSH, "awareness", "app"),
    Content {
        clicks: 0.12,
        fatigue: 0.70,
        ..piece("abandoned-product", APP_PUSH, "consideration", "app")
    },
    Content {
        clicks: 0.06,
        fatigue: 0.90,
        ..piece("welcome-letter", EMAIL, "retention", "welcome")
    },
    Content {
        clicks: 0.10,
        fatigue: 0.92,
        cost: 3_000.0,
        ..piece(
            "journey-step",
            &["email", "home-page", "app-push"],
            "consideration",
            "journeys",
        )
    },
    seasonal("spring-guide", EMAIL, 5.0, 0.050, 0.85),
    seasonal("garden-tips", EMAIL, 3.0, 0.090, 0.90),
    seasonal("lighting-offer", EMAIL, 1.5, 0.140, 0.60),
    seasonal("kitchen-stories", EMAIL, 0.5, 0.030, 0.95),
    seasonal("weekend-sale", APP_PUSH, 5.0, 0.070, 0.65),
    seasonal("new-in-store", APP_PUSH, 3.0, 0.100, 0.85),
    seasonal("style-quiz", APP_PUSH, 2.0, 0.160, 0.50),
    seasonal("room-of-the-week", HOME_PAGE, 4.0, 0.060, 0.90),
    seasonal("makers-stories", HOME_PAGE, 3.0, 0.045, 0.95),
    seasonal("bath-refresh", HOME_PAGE, 3.0, 0.110, 0.80),
    banner(
        "banner-1",
        &[
            ("headline", "promise"),
            ("image", "product"),
            ("call", "shop"),
        ],
        0.040,
    ),
    banner(
        "banner-2",
        &[
            ("headline", "question"),
            ("image", "product"),
            ("call", "shop"),
        ],
        0.050,
    ),
    banner(
        "banner-3",
        &[
            ("headline", "promise"),
            ("image", "person"),
            ("call", "shop"),
        ],
        0.045,
    ),
    banner(
        "banner-4",
        &[
            ("headline", "question"),
            ("image", "person"),
            ("call", "shop"),
        ],
        0.075,
    ),
    banner(
        "banner-5",
        &[
            ("headline", "promise"),
            ("image", "product"),
            ("call", "discover"),
        ],
        0.048,
    ),
    banner(
        "banner-6",
        &[
            ("headline", "question"),
            ("image", "product"),
            ("call", "discover"),
        ],
        0.058,
    ),
    banner(
        "banner-7",
        &[
            ("headline", "promise"),
            ("image", "person"),
            ("call", "discover"),
        ],
        0.053,
    ),
    banner(
        "banner-8",
        &[
            ("headline", "question"),
            ("image", "person"),
            ("call", "discover"),
        ],
        0.083,
    ),
];
