//! What customers in experiments are shown, and what they click on.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::calendar::END;
use crate::company::{
    CHANNELS, CONTENT, EXPERIMENTS, Touches, WINDOW, click_probability, position,
};
use crate::history::{Enrolment, History};
use crate::population::pick;
use crate::stream::{ExperimentDraw, Purpose, stream};

/// How much later than it is shown a piece is clicked on, at least and at most, in days.
const CLICK_DELAY: (f64, f64) = (5.0 / 86_400.0, 300.0 / 86_400.0);

/// Days by which the channels of one round follow each other.
const CHANNEL_DELAY: f64 = 1.0;

/// A piece of content in a channel: positions in [`crate::company`]'s lists.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shown {
    pub(crate) channel: usize,
    pub(crate) content: usize,
    /// The probability of its choice.
    pub(crate) probability: f64,
}

/// What can be shown at a time, one of which is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice {
    pub(crate) options: Vec<Shown>,
    /// The names of the content where each option is another piece, with commas; none where no content is chosen.
    pub(crate) candidates: Option<String>,
    is_uniform: bool,
}

/// One experience shown to one customer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Touch<'a> {
    pub(crate) time: f64,
    pub(crate) experiment: usize,
    pub(crate) arm: usize,
    pub(crate) choice: &'a Choice,
    pub(crate) shown: Shown,
    /// How often the customer has seen the piece by then, in all channels, this time included.
    pub(crate) exposure: u32,
    pub(crate) clicked: Option<f64>,
    /// What decides whether it is clicked on, and when: evenly from 0 to 1.
    luck: (f64, f64),
}

impl Choice {
    fn new(pairs: &[(usize, usize)], weight: Option<fn(usize) -> f64>) -> Self {
        let weights = pairs
            .iter()
            .map(|&(_, content)| weight.map_or(1.0, |weight| weight(content)));
        let total: f64 = weights.clone().sum();
        let options = pairs.iter().zip(weights);
        let names: Vec<&str> = pairs.iter().map(|pair| CONTENT[pair.1].name).collect();
        let is_of_content = (1..names.len()).all(|place| !names[..place].contains(&names[place]));
        Self {
            candidates: (names.len() > 1 && is_of_content).then(|| names.join(",")),
            options: options
                .map(|(&(channel, content), weight)| Shown {
                    channel,
                    content,
                    probability: weight / total,
                })
                .collect(),
            is_uniform: weight.is_none(),
        }
    }
}

/// By experiment and arm: the choices, which are made one after the other in a round.
#[derive(Debug, Clone)]
pub(crate) struct Showcase(Vec<Vec<Vec<Choice>>>);

impl Showcase {
    pub(crate) fn new() -> Self {
        let choices = |touches: Touches, channels: &[&'static str], contents: &[&'static str]| {
            let pairs = pairs(channels, contents);
            match touches {
                _ if pairs.is_empty() => Vec::new(),
                Touches::ByWeight(_) => pairs
                    .chunk_by(|a, b| a.0 == b.0)
                    .map(|pairs| Choice::new(pairs, Some(|content| CONTENT[content].weight)))
                    .collect(),
                _ => vec![Choice::new(&pairs, None)],
            }
        };
        let arms = EXPERIMENTS.iter().map(|experiment| {
            let arms = experiment.arms.iter();
            arms.map(|arm| choices(experiment.touches, experiment.channels, arm.content))
                .collect()
        });
        Self(arms.collect())
    }

    /// All choices that there are.
    pub(crate) fn choices(&self) -> impl Iterator<Item = &Choice> {
        self.0.iter().flatten().flatten()
    }

    /// Everything that the customer is shown in experiments within the window after exposure, in order of time.
    pub(crate) fn touches(&self, seed: u64, history: &History) -> Vec<Touch<'_>> {
        let mut touches: Vec<Touch<'_>> = Vec::new();
        for enrolment in &history.enrolments {
            touches.extend(self.of_enrolment(seed, history, enrolment));
        }
        touches.sort_by(|a, b| a.time.total_cmp(&b.time));
        let mut seen = [0; CONTENT.len()];
        for touch in &mut touches {
            let Shown {
                channel, content, ..
            } = touch.shown;
            seen[content] += 1;
            touch.exposure = seen[content];
            let (whether, when) = touch.luck;
            let is_clicked = whether < click_probability(content, channel, touch.exposure);
            let (least, most) = CLICK_DELAY;
            touch.clicked = is_clicked.then_some(touch.time + least + (most - least) * when);
        }
        touches
    }

    fn of_enrolment(&self, seed: u64, history: &History, enrolment: &Enrolment) -> Vec<Touch<'_>> {
        let experiment = &EXPERIMENTS[enrolment.experiment];
        let choices = &self.0[enrolment.experiment][enrolment.arm];
        let Some(exposed) = enrolment.exposed.filter(|_| !choices.is_empty()) else {
            return Vec::new();
        };
        let until = (exposed + WINDOW).min(END);
        let generator = |draw| {
            let purpose = Purpose::Experiment {
                id: experiment.id,
                draw,
            };
            stream(seed, purpose, history.customer.index)
        };
        let mut chance = generator(ExperimentDraw::Touches);
        let mut luck = generator(ExperimentDraw::Clicks);
        let mut touch = |time: f64, choice| show(time, enrolment, choice, &mut chance, &mut luck);
        match experiment.touches {
            Touches::None => Vec::new(),
            Touches::EveryDays(days) => {
                let times = (0..).map(|count| exposed + f64::from(count * days));
                let times = times.take_while(|&time| time < until);
                times.map(|time| touch(time, &choices[0])).collect()
            }
            Touches::ByWeight(days) => {
                let rounds = (0..).map(|count| exposed + f64::from(count * days));
                let rounds = rounds.take_while(|&time| time < until);
                let times = rounds.flat_map(|round| {
                    let places = choices.iter().enumerate();
                    places
                        .map(move |(place, choice)| (round + place as f64 * CHANNEL_DELAY, choice))
                });
                times
                    .filter(|&(time, _)| time < until)
                    .map(|(time, choice)| touch(time, choice))
                    .collect()
            }
            Touches::EveryVisit => {
                let first = history
                    .visits
                    .partition_point(|visit| visit.time <= exposed);
                let later = history.visits[first..].iter().map(|visit| visit.time);
                let times = std::iter::once(exposed).chain(later);
                let times = times.take_while(|&time| time < until);
                times.map(|time| touch(time, &choices[0])).collect()
            }
        }
    }
}

/// Shows one of a choice's options. Exposure and click follow when all touches of the customer are known.
fn show<'a>(
    time: f64,
    enrolment: &Enrolment,
    choice: &'a Choice,
    chance: &mut ChaCha8Rng,
    luck: &mut ChaCha8Rng,
) -> Touch<'a> {
    let place = if choice.is_uniform {
        chance.random_range(0..choice.options.len())
    } else {
        pick(chance, choice.options.iter().map(|o| o.probability))
    };
    Touch {
        time,
        experiment: enrolment.experiment,
        arm: enrolment.arm,
        choice,
        shown: choice.options[place],
        exposure: 0,
        clicked: None,
        luck: (luck.random(), luck.random()),
    }
}

/// The pieces, each in every channel that it has in common with `channels`.
fn pairs(channels: &[&'static str], contents: &[&'static str]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let contents = contents
        .iter()
        .filter_map(|name| position(CONTENT.iter().map(|c| c.name), name));
    for content in contents {
        let names = CONTENT[content].channels.iter();
        let common = names.filter(|name| channels.contains(name));
        let places = common.filter_map(|name| position(CHANNELS.iter().map(|c| c.name), name));
        pairs.extend(places.map(|channel| (channel, content)));
    }
    pairs
}
