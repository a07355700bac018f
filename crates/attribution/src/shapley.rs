//! Shares by what a path brings with and without each of its touches.
//!
//! "Shapley" names many numbers: each is a Shapley value, but of another game. Every number must
//! be shown with its game's name.

use crate::credit::Credits;
use crate::intern::Slices;
use crate::path::{ChannelId, JourneyTable, PathTotals};

/// What is compared with what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// The Shapley value, within each set of channels `S` that some converting path has (repeats
    /// and order aside), of the game in which `T ⊆ S` is worth the conversion rate of the journeys
    /// with exactly the channels `T` (zero if there are none). The conversions and the value of
    /// the journeys with channels `S` are shared in proportion to these values. A channel that
    /// lowers the rate of a set has negative credit there.
    ///
    /// The default of the package `marketing-attribution-models`, which cuts sets to four
    /// channels; here they are whole.
    RateOfSet,
    /// The same with sequences in the place of sets: a path's distinct channels in the order of
    /// their first touches, and the sub-sequences of it.
    RateOfSequence,
    /// Not a Shapley value. A touch counts as the conversion rate of its very path less that of
    /// the path without it, and at least zero; a path's conversions are shared in proportion, and
    /// go to the last touch if no touch counts. A path that nobody took has the rate zero. The
    /// rule of Google's Fractribution.
    LeaveOneTouchOut,
}

/// The paths' groups and what each is compared with, to be weighed with any totals.
#[derive(Debug)]
pub(crate) struct Compared {
    comparison: Comparison,
    channels: usize,
    /// The group of each path.
    group_of: Vec<u32>,
    /// Channels of each group.
    groups: Slices,
    /// The parts of each converting group.
    parts: Vec<Parts>,
}

/// What one group is compared with.
#[derive(Debug)]
struct Parts {
    group: u32,
    members: Vec<Part>,
    /// The members' places in the group, one after another.
    places: Vec<u32>,
}

/// A group within another: its number and how many channels it has.
#[derive(Debug, Clone, Copy)]
struct Part {
    group: u32,
    size: u32,
}

/// No such group.
const NOBODY: u32 = u32::MAX;

impl Compared {
    pub(crate) fn new(table: &JourneyTable, comparison: Comparison) -> Self {
        let mut groups = Slices::default();
        let mut group_of = Vec::with_capacity(table.len());
        let mut converts = Vec::new();
        let mut key = Vec::new();
        let mut seen = vec![usize::MAX; table.channels().len()];
        for (number, path) in table.paths().enumerate() {
            key.clear();
            if comparison == Comparison::LeaveOneTouchOut {
                key.extend_from_slice(path.channels);
            } else {
                for &channel in path.channels {
                    let seen = &mut seen[channel as usize];
                    if *seen != number {
                        *seen = number;
                        key.push(channel);
                    }
                }
                if comparison == Comparison::RateOfSet {
                    key.sort_unstable();
                }
            }
            // There are not more groups than paths, whose numbers fit.
            let group = groups.intern(&key).unwrap_or(NOBODY);
            if group as usize == converts.len() {
                converts.push(false);
            }
            converts[group as usize] |= path.totals.conversions > 0.0;
            group_of.push(group);
        }
        let converting: Vec<u32> = (0..groups.len() as u32)
            .filter(|&group| converts[group as usize])
            .collect();
        let parts = converting.iter().map(|&group| match comparison {
            Comparison::LeaveOneTouchOut => without_each(&groups, group),
            Comparison::RateOfSet | Comparison::RateOfSequence => {
                within(&groups, group, &converting)
            }
        });
        Self {
            comparison,
            channels: table.channels().len(),
            parts: parts.collect(),
            group_of,
            groups,
        }
    }

    /// Credits with the given totals of the paths.
    pub(crate) fn credit(&self, totals: &[PathTotals]) -> Credits {
        let mut groups = vec![PathTotals::default(); self.groups.len()];
        for (totals, &group) in totals.iter().zip(&self.group_of) {
            let group = &mut groups[group as usize];
            group.nulls += totals.nulls;
            group.conversions += totals.conversions;
            group.value += totals.value;
        }
        let rate = |group: u32| match groups.get(group as usize) {
            Some(group) if group.conversions > 0.0 => group.conversions / group.weight(),
            _ => 0.0,
        };
        let mut credits = Credits::zero(self.channels);
        let mut shares = Vec::new();
        for parts in &self.parts {
            let totals = groups[parts.group as usize];
            if totals.conversions <= 0.0 {
                continue;
            }
            let channels = self.groups.get(parts.group as usize);
            shares.clear();
            shares.resize(channels.len(), 0.0);
            match self.comparison {
                Comparison::LeaveOneTouchOut => parts.differences(rate, &mut shares),
                _ => parts.shapley(rate, &mut shares),
            }
            let sum: f64 = shares.iter().sum();
            for (&channel, share) in channels.iter().zip(&shares) {
                credits.conversions[channel as usize] += share / sum * totals.conversions;
                credits.value[channel as usize] += share / sum * totals.value;
            }
        }
        credits
    }
}

impl Parts {
    /// Shapley values of the game in which each part is worth its rate:
    /// `φ_i = Σ_{T ∋ i} (t−1)! (n−t)!/n! v(T) − Σ_{T ∌ i} t! (n−t−1)!/n! v(T)`.
    ///
    /// They add up to the rate of the whole, which is positive.
    fn shapley(&self, rate: impl Fn(u32) -> f64, values: &mut [f64]) {
        let n = values.len();
        // 1 / C(n − 1, t) for t = 0, 1, …
        let mut inverse = vec![1.0; n];
        for t in 1..n {
            inverse[t] = inverse[t - 1] * t as f64 / (n - t) as f64;
        }
        let mut outside = 0.0;
        let mut places = self.places.as_slice();
        for part in &self.members {
            let size = part.size as usize;
            let (own, rest) = places.split_at(size);
            places = rest;
            let worth = rate(part.group) / n as f64;
            if worth == 0.0 {
                continue;
            }
            let lost = if size < n { worth * inverse[size] } else { 0.0 };
            outside += lost;
            for &place in own {
                values[place as usize] += worth * inverse[size - 1] + lost;
            }
        }
        values.iter_mut().for_each(|value| *value -= outside);
    }

    /// Rates less the rates without each touch.
    fn differences(&self, rate: impl Fn(u32) -> f64, values: &mut [f64]) {
        let last = values.len() - 1;
        if last == 0 {
            values[0] = 1.0;
            return;
        }
        let whole = rate(self.group);
        for (value, part) in values.iter_mut().zip(&self.members) {
            *value = (whole - rate(part.group)).max(0.0);
        }
        if values.iter().all(|&value| value == 0.0) {
            values[last] = 1.0;
        }
    }
}

/// The path without each of its touches.
fn without_each(groups: &Slices, group: u32) -> Parts {
    let channels = groups.get(group as usize);
    let size = channels.len() - 1;
    let mut rest = channels[1..].to_vec();
    let mut members = Vec::with_capacity(channels.len());
    for place in 0..channels.len() {
        if place > 0 {
            rest[place - 1] = channels[place - 1];
        }
        members.push(Part {
            group: groups.find(&rest).unwrap_or(NOBODY),
            size: size as u32,
        });
    }
    Parts {
        group,
        members,
        places: Vec::new(),
    }
}

/// The converting groups within a group: found among all its parts, or by going through all
/// groups, whichever is less.
fn within(groups: &Slices, group: u32, converting: &[u32]) -> Parts {
    let channels = groups.get(group as usize);
    let mut parts = Parts {
        group,
        members: Vec::new(),
        places: Vec::new(),
    };
    let n = channels.len();
    let subsets = if n < 32 { 1_usize << n } else { usize::MAX };
    if subsets <= converting.len().saturating_mul(2) {
        let mut key: Vec<ChannelId> = Vec::with_capacity(n);
        for mask in 1..subsets {
            let places = (0..n).filter(|place| mask >> place & 1 == 1);
            key.clear();
            key.extend(places.clone().map(|place| channels[place]));
            if let Some(part) = groups.find(&key) {
                parts.push(part, places.map(|place| place as u32));
            }
        }
    } else {
        let mut places = Vec::with_capacity(n);
        for &part in converting {
            if places_within(groups.get(part as usize), channels, &mut places) {
                parts.push(part, places.iter().copied());
            }
        }
    }
    parts
}

impl Parts {
    fn push(&mut self, group: u32, places: impl Iterator<Item = u32>) {
        let before = self.places.len();
        self.places.extend(places);
        let size = (self.places.len() - before) as u32;
        self.members.push(Part { group, size });
    }
}

/// Finds a sequence of distinct channels within another, in order; sets are in order too.
fn places_within(part: &[ChannelId], whole: &[ChannelId], places: &mut Vec<u32>) -> bool {
    places.clear();
    let mut next = 0;
    for channel in part {
        match whole[next..].iter().position(|other| other == channel) {
            Some(place) => {
                places.push((next + place) as u32);
                next += place + 1;
            }
            None => return false,
        }
    }
    true
}
