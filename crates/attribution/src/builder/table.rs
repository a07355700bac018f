//! The table of all journeys that a builder has taken.

use super::JourneyBuilder;
use super::outcomes::{Count, TAKEN_WORDS};
use crate::intern::{Arena, Slices};
use crate::path::{Customers, JourneyTable, Outcome, OutcomeCount, PathTotals, Totals};

impl JourneyBuilder {
    /// The table of all journeys taken.
    pub fn finish(mut self) -> JourneyTable {
        self.converting.compact();
        self.untouched.compact();
        let counted = |count: &Count, path: u32| OutcomeCount {
            path,
            journeys: count.journeys,
            outcome: self.outcomes.get(count.taken.outcome),
        };
        let untouched = self.untouched.counts.iter();
        let mut untouched: Vec<OutcomeCount> = untouched.map(|count| counted(count, 0)).collect();
        untouched.sort_unstable_by_key(outcome_order);
        for untouched in &untouched {
            self.dropped.untouched_journeys += untouched.journeys;
            self.dropped.untouched.add(untouched);
        }
        let (channels, ranks) = sorted_names(self.names.all());
        let arena = self.paths.into_arena();
        let taken_by = self.customers.into_arena();
        let order = sorted_paths(&arena, &ranks);
        // Where each of the builder's paths went.
        let mut places = vec![0_u32; order.len()];
        for (place, &number) in order.iter().enumerate() {
            places[number as usize] = place as u32;
        }

        let mut table = JourneyTable {
            channels,
            touches: Vec::with_capacity(arena.words().saturating_sub(arena.len())),
            ends: Vec::with_capacity(order.len()),
            ages: Vec::new(),
            age_ends: Vec::with_capacity(order.len()),
            totals: vec![PathTotals::default(); order.len()],
            outcomes: Vec::new(),
            customers: Customers::default(),
            total: Totals::default(),
            dropped: self.dropped,
        };
        for &number in &order {
            let key = arena.get(number as usize);
            let (touches, ages) = key[1..].split_at(key[0] as usize);
            let renumbered = touches.iter().map(|&channel| ranks[channel as usize]);
            table.touches.extend(renumbered);
            table.ends.push(table.touches.len());
            table.ages.extend_from_slice(ages);
            table.age_ends.push(table.ages.len());
        }
        drop(arena);

        let null = |(number, &journeys): (usize, &u64)| OutcomeCount {
            path: places[number],
            journeys,
            outcome: Outcome::NULL,
        };
        let nulls = || {
            let of_path = self.nulls.iter().enumerate();
            of_path.filter(|(_, journeys)| **journeys > 0)
        };
        // Room for all of them at once, and none is held twice for long: there may be as many as
        // journeys.
        let converting = std::mem::take(&mut self.converting.counts);
        table
            .outcomes
            .reserve_exact(nulls().count() + converting.len());
        table.outcomes.extend(nulls().map(null));
        for count in &converting {
            let path = places[count.taken.path as usize];
            table.outcomes.push(counted(count, path));
        }
        drop(converting);
        table.outcomes.sort_unstable_by_key(outcome_order);
        table.add_up();

        let journey = |&[path, outcome]: &[u32; TAKEN_WORDS]| {
            let key = order_key(places[path as usize], self.outcomes.get(outcome));
            // Every journey of a customer was counted among the outcomes.
            let place = table
                .outcomes
                .partition_point(|other| outcome_order(other) < key);
            place as u32
        };
        let mut journeys = Slices::default();
        let mut customers = Vec::new();
        for (number, &count) in self.customer_counts.iter().enumerate() {
            let (taken, _) = taken_by.get(number).as_chunks::<TAKEN_WORDS>();
            customers.push((journeys.add(taken.iter().map(journey)), count));
        }
        drop(taken_by);
        customers.sort_unstable_by(|&(a, _), &(b, _)| journeys.get(a).cmp(journeys.get(b)));
        for (number, customers) in customers {
            table.customers.push(customers, journeys.get(number));
        }
        table
    }
}

impl JourneyTable {
    /// The same journeys with other values: `value` gives that of a conversion from the one it had.
    ///
    /// What journeys without a touch were worth is only known as a sum, and is zero afterwards.
    #[must_use]
    pub fn revalued(&self, value: impl Fn(f64) -> f64) -> Self {
        let mut table = self.clone();
        let converting = table.outcomes.iter_mut();
        for count in converting.filter(|count| !count.outcome.is_null()) {
            count.outcome.value = value(count.outcome.value);
        }
        table.dropped.untouched.value = 0.0;
        table.totals.fill(PathTotals::default());
        table.total = Totals::default();
        table.add_up();
        table
    }

    /// Sums the outcomes into the paths' totals and the grand total, in their order.
    fn add_up(&mut self) {
        for count in &self.outcomes {
            let totals = &mut self.totals[count.path as usize];
            if count.outcome.is_null() {
                totals.nulls += count.journeys as f64;
            } else {
                totals.conversions += count.outcome.conversions * count.journeys as f64;
                totals.value += count.outcome.value * count.journeys as f64;
            }
        }
        for totals in &self.totals {
            self.total.conversions += totals.conversions;
            self.total.value += totals.value;
        }
    }
}

impl Totals {
    fn add(&mut self, count: &OutcomeCount) {
        self.conversions += count.outcome.conversions * count.journeys as f64;
        self.value += count.outcome.value * count.journeys as f64;
    }
}

/// The order of outcomes: by path, then conversions (nulls first), then value.
fn order_key(path: u32, outcome: Outcome) -> (u32, u64, u64) {
    // Conversions are not negative, so that their bits are ordered as they are; values are
    // ordered in some way.
    (path, outcome.conversions.to_bits(), outcome.value.to_bits())
}

fn outcome_order(count: &OutcomeCount) -> (u32, u64, u64) {
    order_key(count.path, count.outcome)
}

/// Names in order, and the place of each in it.
fn sorted_names(names: &[String]) -> (Vec<String>, Vec<u32>) {
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_unstable_by(|&a, &b| names[a].cmp(&names[b]));
    let mut ranks = vec![0; names.len()];
    for (rank, &number) in order.iter().enumerate() {
        ranks[number] = rank as u32;
    }
    (order.iter().map(|&i| names[i].clone()).collect(), ranks)
}

/// The numbers of the paths in the order of their channels' ranks, then their ages.
///
/// Sorted by as many first touches as fit into one word; whole paths are compared only where
/// these are equal.
fn sorted_paths(arena: &Arena, ranks: &[u32]) -> Vec<u32> {
    // One more digit than channels: zero stands for "no touch".
    let bits = usize::BITS - ranks.len().leading_zeros();
    let digits = 64 / bits.max(1);
    let prefix = |number: usize| {
        let key = arena.get(number);
        let touches = &key[1..=key[0] as usize];
        (0..digits as usize).fold(0_u64, |word, place| {
            let digit = touches
                .get(place)
                .map_or(0, |&channel| ranks[channel as usize] + 1);
            word << bits | u64::from(digit)
        })
    };
    let full = |number: u32| {
        let key = arena.get(number as usize);
        let (touches, ages) = key[1..].split_at(key[0] as usize);
        (touches.iter().map(|&channel| ranks[channel as usize]), ages)
    };
    let numbers = 0..arena.len() as u32;
    let mut order: Vec<(u64, u32)> = numbers.map(|i| (prefix(i as usize), i)).collect();
    order.sort_unstable_by(|&(a, i), &(b, j)| {
        a.cmp(&b).then_with(|| {
            let ((left, left_ages), (right, right_ages)) = (full(i), full(j));
            left.cmp(right).then_with(|| left_ages.cmp(right_ages))
        })
    });
    order.into_iter().map(|(_, number)| number).collect()
}
