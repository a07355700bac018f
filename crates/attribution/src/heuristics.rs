//! Rules that share a conversion among the touches before it by their place or age.

use crate::credit::Credits;
use crate::error::CreditError;
use crate::path::{ChannelId, JourneyTable, Path};

/// A rule that gives each touch of a converting path its share of the credit.
///
/// The shares of a path are not negative and add up to one. A path of one touch gives it all.
#[derive(Debug, Clone, PartialEq)]
pub enum Heuristic {
    /// All to the first touch.
    First,
    /// All to the last touch.
    Last,
    /// All to the last touch that is not of a `direct` channel; if all are, to the last.
    LastNonDirect {
        /// The channels that count as direct.
        direct: Vec<ChannelId>,
    },
    /// Equal shares.
    Linear,
    /// U-shaped: `first` and `last` to the ends, the rest in equal shares to the touches between.
    /// A path of two touches divides the credit as `first` to `last` (with equal ends, in halves).
    /// Google's rule is 0.4 and 0.4, see [`Heuristic::U`].
    Position {
        /// Share of the first touch.
        first: f64,
        /// Share of the last touch.
        last: f64,
    },
    /// W-shaped: 0.3 each to the first, the middle and the last touch, 0.1 in equal shares to the
    /// others. The middle of `n` touches is touch `⌊n / 2⌋`, counted from zero. Two touches get
    /// halves, three get thirds.
    W,
    /// Shares in proportion to 1, 2, 3, … from the first touch to the last.
    PositionDecay,
    /// Shares in proportion to `2^(−age / half-life)`.
    TimeDecay {
        /// The half-life in seconds.
        half_life: f64,
    },
    /// Shares in proportion to `2^(−⌊age / period⌋)`: halved with each full period (the rule of the
    /// package `marketing-attribution-models`).
    SteppedTimeDecay {
        /// The period in seconds.
        period: f64,
    },
}

impl Heuristic {
    /// 40 % to the first touch, 40 % to the last, 20 % between.
    pub const U: Self = Self::Position {
        first: 0.4,
        last: 0.4,
    };

    fn check(&self, table: &JourneyTable) -> Result<(), CreditError> {
        self.check_numbers()?;
        let aged = || {
            let converting = table.paths().filter(|path| path.totals.conversions > 0.0);
            match converting.filter(|path| path.ages.is_none()).count() {
                0 => Ok(()),
                paths => Err(CreditError::NoAges { paths }),
            }
        };
        match self {
            Self::LastNonDirect { direct } => {
                let known = table.channels().len();
                match direct.iter().find(|&&channel| channel as usize >= known) {
                    Some(&channel) => Err(CreditError::UnknownChannel { channel, known }),
                    None => Ok(()),
                }
            }
            Self::TimeDecay { .. } | Self::SteppedTimeDecay { .. } => aged(),
            Self::First
            | Self::Last
            | Self::Linear
            | Self::Position { .. }
            | Self::W
            | Self::PositionDecay => Ok(()),
        }
    }

    /// Whether its own numbers are valid, whatever the journeys.
    pub(crate) fn check_numbers(&self) -> Result<(), CreditError> {
        let decay = |what, seconds: f64| match seconds.is_finite() && seconds > 0.0 {
            true => Ok(()),
            false => Err(CreditError::InvalidDecay { what, seconds }),
        };
        match self {
            Self::Position { first, last } => {
                match *first >= 0.0 && *last >= 0.0 && first + last <= 1.0 {
                    true => Ok(()),
                    false => Err(CreditError::InvalidShares),
                }
            }
            Self::TimeDecay { half_life } => decay("half-life", *half_life),
            Self::SteppedTimeDecay { period } => decay("period", *period),
            _ => Ok(()),
        }
    }

    /// Writes the share of each touch.
    fn shares(&self, path: &Path<'_>, shares: &mut [f64]) {
        let touches = shares.len();
        let last = touches - 1;
        match self {
            Self::First => all_to(0, shares),
            Self::Last => all_to(last, shares),
            Self::LastNonDirect { direct } => {
                let other = |channel: &ChannelId| !direct.contains(channel);
                all_to(
                    path.channels.iter().rposition(other).unwrap_or(last),
                    shares,
                );
            }
            Self::Linear => shares.fill(1.0 / touches as f64),
            &Self::Position { first, last } => match touches {
                1 => shares[0] = 1.0,
                2 => {
                    let ends = first + last;
                    shares[0] = if ends > 0.0 { first / ends } else { 0.5 };
                    shares[1] = 1.0 - shares[0];
                }
                _ => {
                    shares.fill((1.0 - first - last) / (touches - 2) as f64);
                    shares[0] = first;
                    shares[touches - 1] = last;
                }
            },
            Self::W => match touches {
                1..=3 => shares.fill(1.0 / touches as f64),
                _ => {
                    shares.fill(0.1 / (touches - 3) as f64);
                    shares[0] = 0.3;
                    shares[touches / 2] = 0.3;
                    shares[last] = 0.3;
                }
            },
            Self::PositionDecay => {
                let sum = (touches * (touches + 1)) as f64 / 2.0;
                for (place, share) in shares.iter_mut().enumerate() {
                    *share = (place + 1) as f64 / sum;
                }
            }
            Self::TimeDecay { half_life } => {
                decayed(path.ages, |age| f64::from(age) / half_life, shares);
            }
            Self::SteppedTimeDecay { period } => {
                decayed(path.ages, |age| (f64::from(age) / period).floor(), shares);
            }
        }
    }
}

fn all_to(touch: usize, shares: &mut [f64]) {
    shares.fill(0.0);
    shares[touch] = 1.0;
}

/// Shares in proportion to `2^(−halvings(age))`, taken from the youngest touch on, so that old
/// paths do not underflow.
fn decayed(ages: Option<&[u32]>, halvings: impl Fn(u32) -> f64, shares: &mut [f64]) {
    // The check has seen that all converting paths have ages.
    let ages = ages.unwrap_or_default();
    let youngest = ages.last().map_or(0.0, |&age| halvings(age));
    for (share, &age) in shares.iter_mut().zip(ages) {
        *share = (youngest - halvings(age)).exp2();
    }
    let sum: f64 = shares.iter().sum();
    shares.iter_mut().for_each(|share| *share /= sum);
}

/// A rule that shares each path's conversions in fixed parts, whatever became of other paths.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rule {
    Heuristic(Heuristic),
    /// Equal shares to the distinct channels.
    EachChannel,
}

/// Works out a path's shares by channel.
#[derive(Debug, Clone)]
pub(crate) struct Sharing {
    shares: Vec<f64>,
    /// The path in which each channel was last seen, counted from one.
    seen: Vec<u32>,
    path: u32,
}

impl Sharing {
    pub(crate) fn new(channels: usize) -> Self {
        Self {
            shares: Vec::new(),
            seen: vec![0; channels],
            path: 0,
        }
    }

    /// The touches' shares by a rule; a channel that is touched several times may have several.
    pub(crate) fn shares(&mut self, rule: &Rule, path: &Path<'_>) -> &[f64] {
        self.shares.clear();
        self.shares.resize(path.channels.len(), 0.0);
        match rule {
            Rule::Heuristic(heuristic) => heuristic.shares(path, &mut self.shares),
            Rule::EachChannel => self.each_channel(path),
        }
        &self.shares
    }

    fn each_channel(&mut self, path: &Path<'_>) {
        if self.path == u32::MAX {
            self.seen.fill(0);
            self.path = 0;
        }
        self.path += 1;
        let mut distinct = 0.0;
        for (share, &channel) in self.shares.iter_mut().zip(path.channels) {
            let seen = &mut self.seen[channel as usize];
            if *seen != self.path {
                *seen = self.path;
                *share = 1.0;
                distinct += 1.0;
            }
        }
        self.shares.iter_mut().for_each(|share| *share /= distinct);
    }
}

impl Rule {
    pub(crate) fn check(&self, table: &JourneyTable) -> Result<(), CreditError> {
        match self {
            Self::Heuristic(heuristic) => heuristic.check(table),
            Self::EachChannel => Ok(()),
        }
    }
}

/// Credits by several rules in one pass over the distinct paths.
pub(crate) fn shared(table: &JourneyTable, rules: &[&Rule]) -> Vec<Credits> {
    let channels = table.channels().len();
    let mut credits = vec![Credits::zero(channels); rules.len()];
    let mut sharing = Sharing::new(channels);
    for path in table.paths().filter(|path| path.totals.conversions > 0.0) {
        for (credits, rule) in credits.iter_mut().zip(rules) {
            let shares = sharing.shares(rule, &path);
            for (&channel, share) in path.channels.iter().zip(shares) {
                credits.conversions[channel as usize] += share * path.totals.conversions;
                credits.value[channel as usize] += share * path.totals.value;
            }
        }
    }
    credits
}
