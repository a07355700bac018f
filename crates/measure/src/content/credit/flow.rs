//! The paths that journeys take, for tables and pictures.

use std::collections::HashMap;

use attribution::{JourneyTable, PathTotals};

use super::finding::{FlowFinding, FlowNode, FlowStep, PathFinding};

/// Paths that are listed.
const MOST_PATHS: usize = 20;
/// Touches of a path that are listed.
const MOST_TOUCHES: usize = 50;
/// Steps that are listed.
const MOST_STEPS: usize = 200;

/// The distinct sequences of touches: the place of one path that has it, and what all of them came to.
///
/// Paths of one sequence follow each other in the table; they may differ in what is known of their ages.
pub(super) fn sequences(table: &JourneyTable) -> Vec<(usize, PathTotals)> {
    let mut sequences: Vec<(usize, PathTotals)> = Vec::new();
    for (place, path) in table.paths().enumerate() {
        match sequences.last_mut() {
            Some((same, totals)) if table.path(*same).channels == path.channels => {
                totals.nulls += path.totals.nulls;
                totals.conversions += path.totals.conversions;
                totals.value += path.totals.value;
            }
            _ => sequences.push((place, path.totals)),
        }
    }
    sequences
}

/// The paths that most conversions came by, then those that most journeys took.
pub(super) fn paths(
    table: &JourneyTable,
    mut sequences: Vec<(usize, PathTotals)>,
    valued: bool,
) -> Vec<PathFinding> {
    // Sequences are in an order of their own, which the stable sort keeps for equals.
    sequences.sort_by(|(_, a), (_, b)| {
        let by_conversions = b.conversions.total_cmp(&a.conversions);
        by_conversions.then(b.nulls.total_cmp(&a.nulls))
    });
    let finding = |(place, totals): (usize, PathTotals)| {
        let path = table.path(place);
        let names = path.channels.iter().take(MOST_TOUCHES);
        PathFinding {
            path: names
                .map(|&key| table.channels()[key as usize].clone())
                .collect(),
            touches: path.channels.len() as u64,
            conversions: totals.conversions,
            value: valued.then_some(totals.value),
            without_conversion: totals.nulls,
        }
    };
    let listed = sequences.into_iter().take(MOST_PATHS);
    listed.map(finding).collect()
}

/// A node by its number: those that are credited, then these.
const START: u32 = u32::MAX;
const CONVERSION: u32 = u32::MAX - 1;
const NO_CONVERSION: u32 = u32::MAX - 2;

/// How often journeys go from where to where.
pub(super) fn flow(table: &JourneyTable) -> FlowFinding {
    let mut steps: HashMap<(u32, u32), u64> = HashMap::new();
    for outcome in table.outcomes() {
        let path = table.path(outcome.path as usize);
        let mut at = START;
        for &key in path.channels {
            *steps.entry((at, key)).or_default() += outcome.journeys;
            at = key;
        }
        let end = if outcome.outcome.is_null() {
            NO_CONVERSION
        } else {
            CONVERSION
        };
        *steps.entry((at, end)).or_default() += outcome.journeys;
    }
    let mut steps: Vec<((u32, u32), u64)> = steps.into_iter().collect();
    steps.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let others = steps.iter().skip(MOST_STEPS).map(|(_, journeys)| journeys);
    let node = |number: u32| match number {
        START => FlowNode::Start,
        CONVERSION => FlowNode::Conversion,
        NO_CONVERSION => FlowNode::NoConversion,
        key => FlowNode::Key(table.channels()[key as usize].clone()),
    };
    FlowFinding {
        other_steps: others.sum(),
        steps: (steps.iter().take(MOST_STEPS))
            .map(|&((from, to), journeys)| FlowStep {
                from: node(from),
                to: node(to),
                journeys,
            })
            .collect(),
    }
}
