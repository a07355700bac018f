//! How a journey becomes a path.

use std::collections::BTreeMap;

use super::JourneyBuilder;
use crate::path::{ChannelId, Dropped};

/// What becomes of a touch of the same channel as the touch before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Repeats {
    /// It stays.
    #[default]
    Keep,
    /// It is dropped: of a run of touches of one channel, the first stays.
    Collapse,
}

/// How a journey becomes a path, before any model weighs it. Channels are named, so that builders
/// on different threads can share it.
///
/// The rules apply in this order: exclusion, lookback, repeats, longest path.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PathPolicy {
    /// Channels whose touches are left out, so that the others share all credit.
    pub excluded: Vec<String>,
    /// A touch older than this before the conversion (for a null journey, before its last touch)
    /// is left out, in seconds; a touch of exactly this age stays. Touches without ages stay.
    pub lookback: Option<u32>,
    /// Lookbacks of single channels, which go before the general one.
    pub channel_lookback: BTreeMap<String, u32>,
    /// Repeated channels.
    pub repeats: Repeats,
    /// The most touches of a path; earlier ones are left out.
    pub longest: Option<usize>,
}

/// What the policy says of one channel.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChannelRule {
    pub(super) excluded: bool,
    pub(super) lookback: u32,
}

impl JourneyBuilder {
    /// Writes the path that the policy leaves of a journey.
    pub(super) fn write_key(
        &mut self,
        channels: &[ChannelId],
        ages: Option<&[u32]>,
        converted: bool,
        journeys: u64,
    ) {
        let collapse = self.policy.repeats == Repeats::Collapse;
        let key = &mut self.key;
        key.clear();
        key.push(0);
        // The ages that stay are gathered behind the channels, after a first pass over these.
        let stays = |touch: usize, previous: Option<ChannelId>, dropped: &mut Dropped| {
            let channel = channels[touch];
            let rule = self.rules[channel as usize];
            if rule.excluded {
                dropped.excluded += journeys;
            } else if ages.is_some_and(|ages| ages[touch] > rule.lookback) {
                dropped.too_old += journeys;
            } else if collapse && previous == Some(channel) {
                dropped.repeats += journeys;
            } else {
                return true;
            }
            false
        };
        let mut previous = None;
        for (touch, &channel) in channels.iter().enumerate() {
            if stays(touch, previous, &mut self.dropped) {
                previous = Some(channel);
                key.push(channel);
            }
        }
        let kept = key.len() - 1;
        if let (Some(ages), true) = (ages, converted) {
            let mut previous = None;
            for (touch, &channel) in channels.iter().enumerate() {
                if stays(touch, previous, &mut Dropped::default()) {
                    previous = Some(channel);
                    key.push(ages[touch]);
                }
            }
        }
        let longest = self.policy.longest.unwrap_or(usize::MAX);
        let surplus = kept.saturating_sub(longest);
        if surplus > 0 {
            self.dropped.beyond_longest += surplus as u64 * journeys;
            if key.len() > 1 + kept {
                key.drain(1 + kept..1 + kept + surplus);
            }
            key.drain(1..=surplus);
        }
        // Paths of more than 2^32 touches cannot be in memory.
        key[0] = (kept - surplus) as u32;
    }
}
