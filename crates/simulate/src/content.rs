//! Gathers what is true of clicks on content.

use crate::company::{CHANNELS, CONTENT, click_probability};
use crate::touches::Touch;
use crate::truth::{ClickTruth, ContentTruth, DroppedTruth};

/// Sums over what customers were shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ContentSums {
    /// By content and channel.
    cells: Vec<[CellSums; CHANNELS.len()]>,
    /// Choices among several pieces, and the sum of the probabilities of a click that they brought on average.
    choices: u64,
    expected: f64,
    /// By content: the choices for which it was a candidate, and what they would have lost without it.
    dropped: Vec<(u64, f64)>,
}

/// Sums over what was shown of a piece in a channel.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct CellSums {
    touches: u64,
    /// Customers, and the sum of their probabilities of a click the first time that they met the piece there.
    customers: u64,
    first: f64,
}

impl ContentSums {
    pub(crate) fn new() -> Self {
        Self {
            cells: vec![Default::default(); CONTENT.len()],
            choices: 0,
            expected: 0.0,
            dropped: vec![(0, 0.0); CONTENT.len()],
        }
    }

    /// Adds everything that one customer was shown, in order of time.
    pub(crate) fn add(&mut self, touches: &[Touch<'_>]) {
        let mut seen = [0; CONTENT.len()];
        let mut met = [[false; CHANNELS.len()]; CONTENT.len()];
        for touch in touches {
            self.add_choice(touch, &seen);
            let (content, channel) = (touch.shown.content, touch.shown.channel);
            let cell = &mut self.cells[content][channel];
            cell.touches += 1;
            if !met[content][channel] {
                met[content][channel] = true;
                cell.customers += 1;
                cell.first += click_probability(content, channel, touch.exposure);
            }
            seen[content] = touch.exposure;
        }
    }

    /// Adds what a choice among several pieces brings on average, and what it would bring without each of them, whose
    /// chances then go to the others in proportion. `seen` is how often the customer has seen each piece before.
    fn add_choice(&mut self, touch: &Touch<'_>, seen: &[u32; CONTENT.len()]) {
        if touch.choice.candidates.is_none() {
            return;
        }
        let options = &touch.choice.options;
        let clicks =
            |content: usize, channel: usize| click_probability(content, channel, seen[content] + 1);
        let expected: f64 = options
            .iter()
            .map(|option| option.probability * clicks(option.content, option.channel))
            .sum();
        self.choices += 1;
        self.expected += expected;
        for option in options {
            let own = option.probability * clicks(option.content, option.channel);
            let without = (expected - own) / (1.0 - option.probability);
            let (choices, loss) = &mut self.dropped[option.content];
            *choices += 1;
            *loss += expected - without;
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        let cells = self.cells.as_flattened_mut().iter_mut();
        for (cell, other) in cells.zip(other.cells.as_flattened()) {
            cell.touches += other.touches;
            cell.customers += other.customers;
            cell.first += other.first;
        }
        self.choices += other.choices;
        self.expected += other.expected;
        for ((choices, loss), (more, other)) in self.dropped.iter_mut().zip(&other.dropped) {
            *choices += more;
            *loss += other;
        }
    }

    pub(crate) fn truth(&self) -> ContentTruth {
        let mut clicks = Vec::new();
        for (content, cells) in self.cells.iter().enumerate() {
            for (channel, cell) in cells.iter().enumerate() {
                if cell.touches > 0 {
                    clicks.push(ClickTruth {
                        content: CONTENT[content].name.to_owned(),
                        channel: CHANNELS[channel].name.to_owned(),
                        rate: click_probability(content, channel, 1),
                        fatigue: CONTENT[content].fatigue,
                        touches: cell.touches,
                        customers: cell.customers,
                        rate_at_first_meeting: cell.first / cell.customers as f64,
                    });
                }
            }
        }
        let over = |sum: f64| sum / self.choices as f64;
        let dropped = self.dropped.iter().zip(&CONTENT);
        ContentTruth {
            clicks,
            choices: self.choices,
            rate: (self.choices > 0).then(|| over(self.expected)),
            dropped: dropped
                .filter(|((choices, _), _)| *choices > 0)
                .map(|(&(choices, loss), content)| DroppedTruth {
                    content: content.name.to_owned(),
                    choices,
                    loss: over(loss),
                })
                .collect(),
        }
    }
}
