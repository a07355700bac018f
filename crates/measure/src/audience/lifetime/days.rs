//! The days on which somebody bought: those that lie so far from all others that their dates are doubtful.

/// The share of all purchases that may lie beyond a doubtful gap at an end of the data; a single one always may.
const FEW_BEYOND: f64 = 0.05;
/// A gap is doubtful from so many times the longest other one on: of days that are spread by chance, the longest of n gaps is
/// three times the next one with a probability of about n^-2.
const TIMES_THE_LONGEST: i64 = 3;
/// A gap of fewer days is none, however dense purchases are.
const LEAST_GAP: i64 = 7;
/// With fewer gaps there is nothing to compare one with.
const FEWEST_GAPS: usize = 3;

/// Two days on which somebody bought, and between them none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Gap {
    pub(super) before: i64,
    pub(super) after: i64,
    /// The most days from one purchase to the next among all others that it was compared with.
    pub(super) longest_other: i64,
    /// Purchases beyond it; of a gap that is at no end, those after it.
    pub(super) beyond: u64,
}

/// Gaps that are no chance.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Gaps {
    /// After a few purchases at the start.
    pub(super) early: Option<Gap>,
    /// Before a few purchases at the end.
    pub(super) late: Option<Gap>,
    /// With many purchases on both sides.
    pub(super) within: Option<Gap>,
}

impl Gaps {
    /// From days with their numbers of purchases, rising.
    pub(super) fn of(days: &[(i64, u64)]) -> Self {
        let total: u64 = days.iter().map(|(_, purchases)| purchases).sum();
        let few = ((FEW_BEYOND * total as f64) as u64).max(1);
        let is_few = |of: &mut dyn Iterator<Item = &(i64, u64)>| {
            let mut sum = 0;
            of.take_while(|(_, purchases)| {
                sum += purchases;
                sum <= few
            })
            .count()
        };
        let early = is_few(&mut days.iter());
        let late = days.len() - is_few(&mut days.iter().rev());
        // The bulk of the days, without the few at both ends.
        if late < early + FEWEST_GAPS + 1 {
            return Self {
                within: within(days),
                ..Self::default()
            };
        }
        let longest = longest(&days[early..late]);
        let purchases = |days: &[(i64, u64)]| days.iter().map(|(_, purchases)| purchases).sum();
        let late = first_doubtful(
            (late..days.len()).map(|i| (days[i - 1].0, days[i].0)),
            longest,
        )
        .map(|gap| Gap {
            beyond: purchases(&days[days.partition_point(|day| day.0 < gap.after)..]),
            ..gap
        });
        let early = first_doubtful(
            (1..=early).rev().map(|i| (days[i - 1].0, days[i].0)),
            longest,
        )
        .map(|gap| Gap {
            beyond: purchases(&days[..days.partition_point(|day| day.0 < gap.after)]),
            ..gap
        });
        let is_sound = |day: &(i64, u64)| {
            early.is_none_or(|gap| day.0 >= gap.after) && late.is_none_or(|gap| day.0 <= gap.before)
        };
        let sound: Vec<(i64, u64)> = days.iter().copied().filter(is_sound).collect();
        Self {
            early,
            late,
            within: within(&sound),
        }
    }
}

/// The most days between two that follow each other.
fn longest(days: &[(i64, u64)]) -> i64 {
    let gaps = days.windows(2).map(|pair| pair[1].0 - pair[0].0);
    gaps.max().unwrap_or(0)
}

/// The first of some gaps, from the bulk of the days outwards, that is far longer than all before it.
fn first_doubtful(gaps: impl Iterator<Item = (i64, i64)>, mut longest: i64) -> Option<Gap> {
    for (before, after) in gaps {
        let length = after - before;
        if is_doubtful(length, longest) {
            return Some(Gap {
                before,
                after,
                longest_other: longest,
                beyond: 0,
            });
        }
        longest = longest.max(length);
    }
    None
}

fn is_doubtful(length: i64, longest: i64) -> bool {
    length >= LEAST_GAP && length >= TIMES_THE_LONGEST * longest
}

/// The longest gap where it is far longer than all others, and a tenth of the time.
fn within(days: &[(i64, u64)]) -> Option<Gap> {
    let place =
        (1..days.len()).max_by_key(|&i| (days[i].0 - days[i - 1].0, std::cmp::Reverse(i)))?;
    let (before, after) = (days[place - 1].0, days[place].0);
    let longest_other = longest(&days[..place]).max(longest(&days[place..]));
    let length = days.last()?.0 - days.first()?.0;
    let is_long = 10 * (after - before) > length && is_doubtful(after - before, longest_other);
    (is_long && days.len() > FEWEST_GAPS).then(|| Gap {
        before,
        after,
        longest_other,
        beyond: days[place..].iter().map(|(_, purchases)| purchases).sum(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(days: impl IntoIterator<Item = i64>) -> Vec<(i64, u64)> {
        days.into_iter().map(|day| (day, 10)).collect()
    }

    #[test]
    fn what_is_long_is_measured_by_the_other_gaps() {
        let mut dense = days(0..500);
        assert_eq!(Gaps::of(&dense), Gaps::default());
        dense.push((510, 1));
        dense.push((900, 2));
        let late = Gaps::of(&dense).late.expect("a gap");
        assert_eq!((late.before, late.after, late.beyond), (499, 510, 3));
        // The same gap is nothing among gaps of a week.
        let mut sparse = days((0..70).map(|week| 7 * week));
        sparse.push((493, 1));
        assert_eq!(Gaps::of(&sparse), Gaps::default());
        sparse.push((700, 1));
        let late = Gaps::of(&sparse).late.expect("a gap");
        assert_eq!(
            (late.before, late.after, late.longest_other),
            (493, 700, 10)
        );
    }

    #[test]
    fn both_ends_are_looked_at_and_hide_nothing_from_each_other() {
        let mut both = vec![(-19_000, 1)];
        both.extend(days(0..100));
        both.extend([(140, 2), (60_000, 1)]);
        let found = Gaps::of(&both);
        let early = found.early.expect("a gap");
        assert_eq!((early.before, early.after, early.beyond), (-19_000, 0, 1));
        let late = found.late.expect("a gap");
        assert_eq!((late.before, late.after, late.beyond), (99, 140, 3));
        assert_eq!(found.within, None);
    }

    #[test]
    fn many_purchases_beyond_a_gap_are_not_doubtful_but_the_gap_is() {
        let found = Gaps::of(&days((0..100).chain(160..260)));
        assert_eq!((found.early, found.late), (None, None));
        let within = found.within.expect("a gap");
        assert_eq!(
            (within.before, within.after, within.beyond),
            (99, 160, 1_000)
        );
    }

    #[test]
    fn a_few_days_tell_nothing() {
        assert_eq!(Gaps::of(&[]), Gaps::default());
        assert_eq!(Gaps::of(&days([0, 1, 2_000])), Gaps::default());
    }
}
