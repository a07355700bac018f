//! Journeys with the ages of their touches, which only the models of time decay look at.
//!
//! Hardly two paths have the same ages, so that these journeys are nearly as many as the conversions. They are kept while
//! they are few enough to be bootstrapped. Beyond, they are shared out as they come, and what is left of them are sums:
//! the same credits, and the standard errors that a bootstrap of ever more replicates would come to.

use attribution::{
    ChannelId, CreditError, CreditSums, Credits, Heuristic, JourneyBuilder, JourneyError,
    JourneyTable, Outcome, PathPolicy, StandardErrors,
};
use lake::Codes;

/// Journeys with ages, or what is left of them.
#[derive(Debug, Clone)]
pub(super) enum Aged {
    Kept(Box<JourneyTable>),
    /// Credits and standard errors of the [decays], in the order of the channels of the table without ages.
    Summed(Vec<(Credits, StandardErrors)>),
}

/// The models that look at ages, by the half-life in seconds: continuous and stepped.
pub(super) fn decays(half_life: f64) -> [Heuristic; 2] {
    let period = half_life;
    [
        Heuristic::TimeDecay { half_life },
        Heuristic::SteppedTimeDecay { period },
    ]
}

/// When journeys are no longer kept, and what they are then shared out by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keeping {
    /// Distinct paths with ages, at most.
    pub(super) most: usize,
    pub(super) half_life: f64,
}

/// Takes journeys with ages in one thread.
///
/// Whether journeys end as sums depends on how many there are in all, and sums are exact: how they were divided among
/// threads does not show.
#[derive(Debug, Clone)]
pub(super) enum AgedMaker {
    Kept(Box<JourneyBuilder>),
    Summed(Box<CreditSums>),
}

/// Touches of a journey, twice: channels as numbers of the builder and as codes, with their ages in seconds.
#[derive(Debug, Clone, Default)]
pub(super) struct AgedPath {
    pub(super) channels: Vec<ChannelId>,
    pub(super) codes: Vec<u32>,
    pub(super) ages: Vec<u32>,
}

impl AgedMaker {
    pub(super) fn new() -> Self {
        Self::Kept(builder())
    }

    /// Gives a channel the next number.
    pub(super) fn channel(&mut self, name: &str) -> Result<(), JourneyError> {
        match self {
            Self::Kept(builder) => builder.channel(name).map(|_| ()),
            Self::Summed(_) => Ok(()),
        }
    }

    pub(super) fn journey(
        &mut self,
        path: &AgedPath,
        outcome: Outcome,
    ) -> Result<(), JourneyError> {
        match self {
            Self::Kept(builder) => builder.journey(&path.channels, Some(&path.ages), outcome),
            Self::Summed(sums) => sums.journey(&path.codes, &path.ages, outcome),
        }
    }

    pub(super) fn end_customer(&mut self) -> Result<(), JourneyError> {
        match self {
            Self::Kept(builder) => builder.end_customer(),
            Self::Summed(sums) => sums.end_customer(),
        }
    }

    /// Lets go of the journeys if there are too many of them.
    pub(super) fn bound(&mut self, keeping: Keeping, codes: &Codes) -> Result<(), AgedError> {
        let Self::Kept(kept) = self else {
            return Ok(());
        };
        if kept.paths() <= keeping.most {
            return Ok(());
        }
        let kept = std::mem::replace(kept, builder());
        let mut sums = CreditSums::new(&decays(keeping.half_life))?;
        add(&mut sums, *kept, codes)?;
        *self = Self::Summed(Box::new(sums));
        Ok(())
    }

    pub(super) fn merge(
        &mut self,
        other: Self,
        keeping: Keeping,
        codes: &Codes,
    ) -> Result<(), AgedError> {
        match (&mut *self, other) {
            (Self::Kept(own), Self::Kept(other)) => own.merge(*other)?,
            (Self::Summed(own), Self::Summed(other)) => own.merge(*other)?,
            (Self::Summed(own), Self::Kept(other)) => add(own, *other, codes)?,
            (Self::Kept(own), Self::Summed(mut other)) => {
                let own = std::mem::replace(own, builder());
                add(&mut other, *own, codes)?;
                *self = Self::Summed(other);
            }
        }
        self.bound(keeping, codes)
    }

    /// What was taken, for a table without ages that has these channels.
    pub(super) fn finish(self, channels: &[String], codes: &Codes) -> Result<Aged, JourneyError> {
        Ok(match self {
            Self::Kept(builder) => Aged::Kept(Box::new(builder.finish())),
            Self::Summed(sums) => Aged::Summed(sums.finish(&numbers(channels, codes))?),
        })
    }
}

fn builder() -> Box<JourneyBuilder> {
    Box::new(JourneyBuilder::new(PathPolicy::default()))
}

/// Shares out what a builder has taken.
fn add(sums: &mut CreditSums, builder: JourneyBuilder, codes: &Codes) -> Result<(), JourneyError> {
    let table = builder.finish();
    sums.add_table(&table, &numbers(table.channels(), codes))
}

fn numbers(channels: &[String], codes: &Codes) -> Vec<u32> {
    channels.iter().map(|name| codes.of(name)).collect()
}

/// Why journeys cannot be let go of.
#[derive(Debug, thiserror::Error)]
pub(super) enum AgedError {
    #[error(transparent)]
    Journey(#[from] JourneyError),
    #[error(transparent)]
    Rule(#[from] CreditError),
}

impl Aged {
    /// The same journeys with other values, where there are journeys.
    pub(super) fn revalued(&self, value: impl Fn(f64) -> f64) -> Self {
        match self {
            Self::Kept(table) => Self::Kept(Box::new(table.revalued(value))),
            Self::Summed(_) => Self::Summed(Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use stats::random::SplitMix64;

    use super::*;

    const CHANNELS: [&str; 3] = ["web", "app", "email"];

    /// Channels as places among [`CHANNELS`], ages and value.
    type Journey = (Vec<usize>, Vec<u32>, f64);

    /// Journeys of customers.
    fn customers() -> Vec<Vec<Journey>> {
        let mut random = SplitMix64::new(3);
        let mut below = |n: u64| random.bits() % n;
        let mut journey = || {
            let touches = 1 + below(4) as usize;
            let mut ages: Vec<u32> = (0..touches).map(|_| below(900_000) as u32).collect();
            ages.sort_unstable_by(|a, b| b.cmp(a));
            let channels = (0..touches).map(|_| below(3) as usize).collect();
            (channels, ages, below(9_000) as f64 / 100.0)
        };
        (0..600)
            .map(|customer| (0..1 + customer % 2).map(|_| journey()).collect())
            .collect()
    }

    /// What makers leave that each took every so many customers, and met channels in an order of their own.
    fn made(makers: usize, most: usize) -> Aged {
        let codes = Codes::default();
        // What else a query has codes for.
        codes.of("other");
        let keeping = Keeping {
            most,
            half_life: 86_400.0,
        };
        let customers = customers();
        let mut all = AgedMaker::new();
        for maker in 0..makers {
            let mut own = AgedMaker::new();
            let mut names = CHANNELS;
            names.rotate_left(maker % 3);
            for name in names {
                codes.of(name);
                own.channel(name).unwrap();
            }
            for journeys in customers.iter().skip(maker).step_by(makers) {
                for (channels, ages, value) in journeys {
                    let place = |channel: usize| {
                        names
                            .iter()
                            .position(|name| *name == CHANNELS[channel])
                            .unwrap()
                    };
                    let path = AgedPath {
                        channels: channels.iter().map(|one| place(*one) as u32).collect(),
                        codes: channels
                            .iter()
                            .map(|one| codes.of(CHANNELS[*one]))
                            .collect(),
                        ages: ages.clone(),
                    };
                    own.journey(&path, Outcome::converted(*value)).unwrap();
                }
                own.end_customer().unwrap();
            }
            own.bound(keeping, &codes).unwrap();
            all.merge(own, keeping, &codes).unwrap();
        }
        let mut names = CHANNELS.map(str::to_owned);
        names.sort();
        all.finish(&names, &codes).unwrap()
    }

    #[test]
    fn journeys_that_are_too_many_are_credited_all_the_same() {
        let Aged::Kept(table) = made(1, usize::MAX) else {
            panic!("there is room for all");
        };
        let Aged::Summed(sums) = made(1, 100) else {
            panic!("there are more than 100");
        };
        assert!(matches!(made(3, table.len()), Aged::Kept(kept) if kept == table));
        for (rule, (credits, errors)) in decays(86_400.0).into_iter().zip(&sums) {
            let model = attribution::Model::Heuristic(rule);
            let wanted = attribution::credit(&table, std::slice::from_ref(&model)).unwrap();
            let sure = attribution::standard_errors(&table, &model)
                .unwrap()
                .unwrap();
            for channel in 0..CHANNELS.len() {
                let ratio = credits.value[channel] / wanted[0].value[channel];
                assert!((ratio - 1.0).abs() < 1e-12, "{ratio}");
                let measure = attribution::bootstrap::Measure::Value;
                let of = |errors: &StandardErrors| errors.of(measure, channel, None).unwrap();
                assert!((of(errors) / of(&sure) - 1.0).abs() < 1e-10);
            }
        }
        // Kept by no maker, by some, or by all until they are put together.
        for (makers, most) in [(2, 100), (3, 150), (4, 500), (5, table.len() - 1)] {
            let Aged::Summed(other) = made(makers, most) else {
                panic!("there are more than {most}");
            };
            assert_eq!(other, sums, "{makers}");
        }
    }
}
