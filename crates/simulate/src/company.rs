//! The company: who works on what, what is tested, what it costs, and what it truly does.
//!
//! Everything is declared here once; the simulation, the truth and the catalog's documents are made from it.

mod content;
mod experiments;
mod initiatives;

pub(crate) use content::{CHANNELS, CONTENT, Content, click_probability};
pub(crate) use experiments::EXPERIMENTS;
pub(crate) use initiatives::INITIATIVES;

/// A team.
#[derive(Debug)]
pub(crate) struct Team {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
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

/// By how much money is worth less a year later.
pub(crate) const DISCOUNT_RATE: f64 = 0.1;

/// How an experience changes a customer's rates from exposure on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Effect {
    pub(crate) orders: Response,
    /// Relative change of the order value, the same for everyone.
    pub(crate) value: f64,
    /// Relative change of browsing, not negative, the same for everyone.
    pub(crate) visits: f64,
    /// Relative change of the hazard of leaving, above -1, the same for everyone. Only of effects that last.
    pub(crate) attrition: f64,
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
    const NONE: Self = Self {
        mean: 0.0,
        region: [0.0; 4],
        newbie: 0.0,
        tier: [0.0; 3],
        spread: 0.0,
    };
}

impl Effect {
    /// No effect on anyone.
    pub(crate) const NONE: Self = Self {
        orders: Response::NONE,
        value: 0.0,
        visits: 0.0,
        attrition: 0.0,
    };
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
    /// Where arms are the combinations of factors: the level of each. The arm at place `i` then has the second level of the
    /// factor at place `j` where bit `j` of `i` is set.
    pub(crate) factors: &'static [(&'static str, &'static str)],
}

/// A randomized experiment. The first arm is the one that the others are compared with.
#[derive(Debug)]
pub(crate) struct Experiment {
    /// Part of the simulation's definition: it keys the experiment's random numbers.
    pub(crate) id: u16,
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) hypothesis: &'static str,
    pub(crate) schedule: Schedule,
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

/// When customers are assigned, and how long an effect lasts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Schedule {
    /// Customers are assigned evenly from the first to before the second of these days; an effect lasts [`WINDOW`] days
    /// from exposure.
    Between(f64, f64),
    /// Customers who join within the data are assigned as they do; an effect lasts for good, in and out of the holdout.
    FromJoining,
}

impl Experiment {
    /// Whether effects last for good.
    pub(crate) fn lasts(&self) -> bool {
        self.schedule == Schedule::FromJoining
    }
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
    /// At every visit a piece of the arm's content, all as likely.
    EveryVisit,
    /// Every so many days a piece of the arm's content, all as likely.
    EveryDays(u32),
    /// Every so many days, in each channel of the arm's content one piece by weight. Channels follow each other by a day.
    ByWeight(u32),
}

/// How long an effect lasts from exposure on, in days, where it does not last for good; also the metrics' window.
pub(crate) const WINDOW: f64 = 28.0;

/// How long a customer is new, in days.
pub(crate) const NEWBIE_DAYS: f64 = 180.0;

/// The experiment that compares the whole programme, but for what lasts from joining, with nothing of it, over the second
/// year.
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

pub(crate) static TEAMS: [Team; 5] = [
    Team {
        name: "lifecycle",
        description: "E-mail and everything that follows a customer over time.",
    },
    Team {
        name: "web",
        description: "Home page, product pages and checkout.",
    },
    Team {
        name: "app",
        description: "The app and its notifications.",
    },
    Team {
        name: "loyalty",
        description: "The loyalty programme and its offers.",
    },
    Team {
        name: "data-science",
        description: "Models that choose content for one customer at a time.",
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
            assert!(
                piece
                    .channels
                    .iter()
                    .all(|c| position(channels(), c).is_some())
            );
            assert!(position(STAGES, piece.stage).is_some());
        }
        for initiative in &INITIATIVES {
            assert!(position(TEAMS.iter().map(|t| t.name), initiative.team).is_some());
            assert!(
                initiative
                    .channels
                    .iter()
                    .all(|c| position(channels(), c).is_some())
            );
            assert!(
                initiative
                    .content
                    .iter()
                    .all(|c| position(content(), c).is_some())
            );
        }
        for arm in EXPERIMENTS.iter().flat_map(|e| e.arms) {
            assert!(!arm.content.is_empty() || !arm.factors.is_empty());
            assert!(arm.content.iter().all(|c| position(content(), c).is_some()));
            let initiatives = INITIATIVES.iter().map(|i| i.name);
            assert!(
                arm.initiative
                    .is_none_or(|name| position(initiatives, name).is_some())
            );
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
            let factors = experiment.arms[0].factors;
            assert!(
                experiment
                    .arms
                    .iter()
                    .all(|arm| arm.factors.len() == factors.len())
            );
            if !factors.is_empty() {
                assert_eq!(experiment.arms.len(), 1 << factors.len());
            }
            for (i, arm) in experiment.arms.iter().enumerate() {
                for (j, factor) in arm.factors.iter().enumerate() {
                    assert_eq!(factor.0, factors[j].0);
                    assert_eq!(factor.1 != factors[j].1, i >> j & 1 == 1, "{}", arm.name);
                }
            }
            let Schedule::Between(from, to) = experiment.schedule else {
                assert_eq!(experiment.exposure, Exposure::AtOnce);
                assert!(
                    experiment
                        .arms
                        .iter()
                        .all(|arm| arm.effect.attrition > -1.0)
                );
                assert!(!experiment.rolled_out);
                continue;
            };
            assert!(
                experiment
                    .arms
                    .iter()
                    .all(|arm| arm.effect.attrition == 0.0)
            );
            let last_exposure = match experiment.exposure {
                Exposure::AtOnce => to,
                Exposure::FirstVisit { until } => until,
            };
            let year_end = if from < SECOND_YEAR { SECOND_YEAR } else { END };
            assert!(last_exposure + WINDOW < year_end, "{}", experiment.name);
            assert!(!experiment.rolled_out || year_end == SECOND_YEAR);
        }
    }
}
