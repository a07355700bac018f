//! What customers in experiments are shown.

use rand::RngExt;

use crate::calendar::END;
use crate::company::{CHANNELS, CONTENT, EXPERIMENTS, Touches, WINDOW, position};
use crate::history::{Enrolment, History};
use crate::stream::{ExperimentDraw, Purpose, stream};

/// One experience shown to one customer: positions in [`crate::company`]'s lists.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Touch {
    pub(crate) time: f64,
    pub(crate) channel: usize,
    pub(crate) content: usize,
}

/// By experiment and arm: the content that can be shown and the channel that it is shown in.
#[derive(Debug, Clone)]
pub(crate) struct Showcase(Vec<Vec<Vec<(usize, usize)>>>);

impl Showcase {
    pub(crate) fn new() -> Self {
        let pairs = |channels: &[&'static str], contents: &[&'static str]| {
            let mut pairs = Vec::new();
            for content in contents
                .iter()
                .filter_map(|name| position(CONTENT.iter().map(|c| c.name), name))
            {
                for name in CONTENT[content]
                    .channels
                    .iter()
                    .filter(|name| channels.contains(name))
                {
                    pairs.extend(
                        position(CHANNELS.iter().map(|c| c.name), name)
                            .map(|channel| (channel, content)),
                    );
                }
            }
            pairs
        };
        Self(
            EXPERIMENTS
                .iter()
                .map(|experiment| {
                    experiment
                        .arms
                        .iter()
                        .map(|arm| pairs(experiment.channels, arm.content))
                        .collect()
                })
                .collect(),
        )
    }

    /// Everything that the customer is shown in an experiment within the window after exposure, in order of time.
    pub(crate) fn touches(
        &self,
        seed: u64,
        history: &History,
        enrolment: &Enrolment,
    ) -> Vec<Touch> {
        let experiment = &EXPERIMENTS[enrolment.experiment];
        let pairs = &self.0[enrolment.experiment][enrolment.arm];
        let Some(exposed) = enrolment.exposed.filter(|_| !pairs.is_empty()) else {
            return Vec::new();
        };
        let until = (exposed + WINDOW).min(END);
        let purpose = Purpose::Experiment {
            id: experiment.id,
            draw: ExperimentDraw::Touches,
        };
        let mut generator = stream(seed, purpose, history.customer.index);
        let mut touch = |time: f64| {
            let (channel, content) = pairs[generator.random_range(0..pairs.len())];
            Touch {
                time,
                channel,
                content,
            }
        };
        match experiment.touches {
            Touches::None => Vec::new(),
            Touches::EveryDays(days) => {
                let times = (0..).map(|count| exposed + f64::from(count * days));
                times.take_while(|&time| time < until).map(touch).collect()
            }
            Touches::EveryVisit => {
                let first = history
                    .visits
                    .partition_point(|visit| visit.time <= exposed);
                let later = history.visits[first..]
                    .iter()
                    .map(|visit| visit.time)
                    .take_while(|&time| time < until);
                let first = touch(exposed);
                std::iter::once(first).chain(later.map(touch)).collect()
            }
        }
    }
}
