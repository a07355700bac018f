//! Sums up the query's rows as they come: counts, and co-moments for each arm and segment.

use std::collections::HashMap;

use lake::{Chunk, Nulls, WrongColumn};
use stats::moments::{CoMoments, Moments, MomentsError, Products};

use super::plan::{MadeOf, Plan};
use super::query::{Query, status};

/// Values of a segment beyond which it is no segment.
pub(crate) const MOST_SEGMENT_VALUES: usize = 1000;

/// How the value of a segment is called that a customer has none of.
const NO_VALUE: &str = "(none)";

/// Where the query's columns are and which products of them are wanted.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    has_assignments: bool,
    has_exposure: bool,
    segments: usize,
    values: usize,
    cuts: usize,
    covariates: usize,
    arms: usize,
    /// Values, cuts, covariates, and for each covariate whether it is missing.
    all: Products,
    /// Values alone.
    by_segment: Products,
}

impl Layout {
    pub(crate) fn new(plan: &Plan<'_>, query: &Query) -> Self {
        let values = plan.values.len();
        let cuts = plan
            .values
            .iter()
            .filter(|value| value.metric.is_some_and(|metric| metric.cap.is_some()))
            .count();
        let covariates = plan.covariates.len();
        let ratios: Vec<(usize, usize)> = plan
            .metrics
            .iter()
            .filter_map(|compared| match compared.made_of {
                MadeOf::Ratio {
                    numerator,
                    denominator,
                } => Some((numerator, denominator)),
                MadeOf::Value(_) => None,
            })
            .collect();
        let is_ratio = |i: usize, j: usize| ratios.contains(&(i, j));
        let first_covariate = values + cuts;
        let columns = first_covariate + 2 * covariates;
        // Of each covariate the column itself and the one that says where it is missing.
        let covariate = |i: usize| i.checked_sub(first_covariate).map(|i| i % covariates);
        let adjusts = |covariate: usize, value: usize| {
            plan.metrics.iter().any(|compared| {
                compared.made_of.bits() & 1 << value != 0
                    && plan.covariates[covariate].is_for(compared.metric)
            })
        };
        let meet =
            |a: usize, b: usize| (0..values).any(|value| adjusts(a, value) && adjusts(b, value));
        Self {
            has_assignments: query.has_assignments,
            has_exposure: query.has_exposure,
            segments: plan.experiment.segments.len(),
            values,
            cuts,
            covariates,
            arms: plan.experiment.arms.len(),
            all: Products::new(columns, |i, j| match (covariate(i), covariate(j)) {
                (Some(a), Some(b)) => meet(a, b),
                (None, Some(known)) => i < values && adjusts(known, i),
                _ => is_ratio(i, j),
            }),
            by_segment: Products::new(values, is_ratio),
        }
    }

    /// The number of the query's columns.
    pub(crate) fn query_columns(&self) -> usize {
        let fixed = 2 + 2 * usize::from(self.has_assignments) + usize::from(self.has_exposure);
        fixed + self.segments + self.values + self.cuts + self.covariates
    }

    /// The place of a value's cut among the co-moments' columns.
    pub(crate) fn cut(&self, among_cuts: usize) -> usize {
        self.values + among_cuts
    }

    /// The place of a covariate among the co-moments' columns.
    pub(crate) fn covariate(&self, number: usize) -> usize {
        self.values + self.cuts + number
    }

    /// The place of the column that says where a covariate is missing.
    pub(crate) fn covariate_missing(&self, number: usize) -> usize {
        self.covariate(number) + self.covariates
    }
}

/// A group of customers whose moments are kept together: an arm's, with the same values missing (a bit each).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Group {
    arm: u8,
    missing: u64,
}

/// The rows of a chunk by their groups. There are few groups, so that a list is searched faster than a table.
#[derive(Debug, Default)]
struct Members {
    groups: Vec<(Group, Vec<u32>)>,
}

impl Members {
    fn add(&mut self, group: Group, row: u32) {
        match self.groups.iter_mut().find(|(known, _)| *known == group) {
            Some((_, rows)) => rows.push(row),
            None => self.groups.push((group, vec![row])),
        }
    }
}

/// The moments of groups of customers.
#[derive(Debug, Clone)]
struct Groups {
    products: Products,
    moments: HashMap<Group, CoMoments>,
}

impl Groups {
    fn new(products: &Products) -> Self {
        Self {
            products: products.clone(),
            moments: HashMap::new(),
        }
    }

    fn of(&mut self, group: Group) -> &mut CoMoments {
        self.moments
            .entry(group)
            .or_insert_with(|| CoMoments::new(&self.products))
    }

    fn merge(&mut self, other: Self) -> Result<(), MomentsError> {
        for (group, moments) in other.moments {
            self.of(group).merge(&moments)?;
        }
        Ok(())
    }

    /// The moments of an arm's customers who have all of the values in `needed`.
    fn moments(&self, arm: usize, needed: u64) -> Result<Moments, MomentsError> {
        let mut all = CoMoments::new(&self.products);
        for (group, moments) in &self.moments {
            if usize::from(group.arm) == arm && group.missing & needed == 0 {
                all.merge(moments)?;
            }
        }
        Ok(all.finish())
    }

    fn customers(&self, arm: usize) -> u64 {
        self.moments
            .iter()
            .filter(|(group, _)| usize::from(group.arm) == arm)
            .map(|(_, moments)| moments.rows())
            .sum()
    }
}

/// A segment's values with their groups; `None` once there are too many.
type Segment = Option<HashMap<String, Groups>>;

/// What the rows seen so far add up to. Tallies of parts merge to that of the whole, bit for bit.
pub(crate) struct Tally {
    groups: Groups,
    segments: Vec<Segment>,
    /// Customers by status and arm; the last arm is "none".
    statuses: Vec<[u64; status::NUMBER]>,
    pub(crate) several_arms: u64,
    pub(crate) repeated_rows: u64,
    pub(crate) rows_without_customer: u64,
    /// First and last exposure.
    pub(crate) exposures: Option<(i64, i64)>,
    scratch: Vec<Vec<f64>>,
}

impl Tally {
    pub(crate) fn new(layout: &Layout) -> Self {
        Self {
            groups: Groups::new(&layout.all),
            segments: vec![Some(HashMap::new()); layout.segments],
            statuses: vec![[0; status::NUMBER]; layout.arms + 1],
            several_arms: 0,
            repeated_rows: 0,
            rows_without_customer: 0,
            exposures: None,
            scratch: vec![Vec::new(); layout.all.columns()],
        }
    }

    /// Adds a chunk of the query's rows.
    pub(crate) fn add(&mut self, layout: &Layout, chunk: &Chunk<'_>) -> Result<(), TallyError> {
        let statuses: &[u8] = chunk.values(0)?;
        let arms: &[u8] = chunk.values(1)?;
        let no_arm = chunk.nulls(1)?;
        let mut next = 2;
        if layout.has_assignments {
            self.count_assignments(chunk.values(next)?, chunk.values(next + 1)?, statuses);
            next += 2;
        }
        if layout.has_exposure {
            self.note_exposures(chunk.values(next)?, chunk.nulls(next)?, statuses);
            next += 1;
        }
        let segments = next..next + layout.segments;
        let columns = Columns::new(layout, chunk, segments.end)?;
        let missing = columns.missing_values(layout.values);
        let mut members = Members::default();
        for (row, (&status, &arm)) in statuses.iter().zip(arms).enumerate() {
            let has_arm = no_arm.is_none_or(|no_arm| !no_arm.is_null(row));
            self.statuses[if has_arm {
                usize::from(arm)
            } else {
                layout.arms
            }][usize::from(status)] += 1;
            if status == status::COUNTED {
                let missing = missing.as_ref().map_or(0, |missing| missing[row]);
                // A chunk has some thousand rows, so that a row's number fits.
                members.add(Group { arm, missing }, row as u32);
            }
        }
        for (group, rows) in &members.groups {
            columns.gather(rows, &mut self.scratch);
            let numbers: Vec<&[f64]> = self.scratch.iter().map(Vec::as_slice).collect();
            self.groups.of(*group).push(&numbers)?;
        }
        for (number, column) in segments.enumerate() {
            self.add_segment(layout, chunk, number, column, &columns, &members)?;
        }
        Ok(())
    }

    fn count_assignments(&mut self, repeated: &[u64], several: &[bool], statuses: &[u8]) {
        for (&repeated, &status) in repeated.iter().zip(statuses) {
            // The rows without a customer are one group of the query, which repeats nobody.
            let counter = if status == status::NO_CUSTOMER {
                &mut self.rows_without_customer
            } else {
                &mut self.repeated_rows
            };
            *counter += repeated;
        }
        self.several_arms += several
            .iter()
            .map(|&several| u64::from(several))
            .sum::<u64>();
    }

    fn note_exposures(&mut self, times: &[i64], nulls: Option<Nulls<'_>>, statuses: &[u8]) {
        for (row, (&time, &status)) in times.iter().zip(statuses).enumerate() {
            if status == status::COUNTED && nulls.is_none_or(|nulls| !nulls.is_null(row)) {
                let (first, last) = self.exposures.unwrap_or((time, time));
                self.exposures = Some((first.min(time), last.max(time)));
            }
        }
    }

    fn add_segment(
        &mut self,
        layout: &Layout,
        chunk: &Chunk<'_>,
        number: usize,
        column: usize,
        columns: &Columns<'_>,
        members: &Members,
    ) -> Result<(), TallyError> {
        let texts = chunk.texts(column)?;
        let mut cells: HashMap<(&str, Group), Vec<u32>> = HashMap::new();
        for (group, rows) in &members.groups {
            for &row in rows {
                let text = texts.get(row as usize).unwrap_or(NO_VALUE);
                cells.entry((text, *group)).or_default().push(row);
            }
        }
        for ((text, group), rows) in cells {
            let Some(segment) = &mut self.segments[number] else {
                return Ok(());
            };
            if !segment.contains_key(text) {
                if segment.len() >= MOST_SEGMENT_VALUES {
                    self.segments[number] = None;
                    return Ok(());
                }
                segment.insert(text.to_owned(), Groups::new(&layout.by_segment));
            }
            if let Some(groups) = segment.get_mut(text) {
                columns.gather(&rows, &mut self.scratch[..layout.values]);
                let numbers: Vec<&[f64]> = self.scratch[..layout.values]
                    .iter()
                    .map(Vec::as_slice)
                    .collect();
                groups.of(group).push(&numbers)?;
            }
        }
        Ok(())
    }

    /// Adds another tally of the same layout.
    pub(crate) fn merge(&mut self, other: Self) -> Result<(), MomentsError> {
        self.groups.merge(other.groups)?;
        for (mine, theirs) in self.segments.iter_mut().zip(other.segments) {
            let (Some(known), Some(theirs)) = (mine.as_mut(), theirs) else {
                *mine = None;
                continue;
            };
            for (text, groups) in theirs {
                match known.get_mut(&text) {
                    Some(known) => known.merge(groups)?,
                    None => {
                        known.insert(text, groups);
                    }
                }
            }
            if known.len() > MOST_SEGMENT_VALUES {
                *mine = None;
            }
        }
        for (mine, theirs) in self
            .statuses
            .iter_mut()
            .flatten()
            .zip(other.statuses.iter().flatten())
        {
            *mine += theirs;
        }
        self.several_arms += other.several_arms;
        self.repeated_rows += other.repeated_rows;
        self.rows_without_customer += other.rows_without_customer;
        self.exposures = match (self.exposures, other.exposures) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (mine, theirs) => mine.or(theirs),
        };
        Ok(())
    }

    /// Customers with a status, in all arms and none.
    pub(crate) fn with_status(&self, status: u8) -> u64 {
        self.statuses
            .iter()
            .map(|counts| counts[usize::from(status)])
            .sum()
    }

    /// Customers counted in an arm.
    pub(crate) fn customers(&self, arm: usize) -> u64 {
        self.statuses[arm][usize::from(status::COUNTED)]
    }

    /// The moments of an arm's customers who have all of the values in `needed`.
    pub(crate) fn moments(&self, arm: usize, needed: u64) -> Result<Moments, MomentsError> {
        self.groups.moments(arm, needed)
    }

    /// A segment's values in the order of their names, or none where there are too many.
    pub(crate) fn segment(&self, number: usize) -> Option<Vec<(&str, SegmentCells<'_>)>> {
        let values = self.segments.get(number)?.as_ref()?;
        let mut sorted: Vec<_> = values
            .iter()
            .map(|(text, groups)| (text.as_str(), SegmentCells(groups)))
            .collect();
        sorted.sort_unstable_by_key(|(text, _)| *text);
        Some(sorted)
    }
}

/// The customers with one value of a segment.
pub(crate) struct SegmentCells<'t>(&'t Groups);

impl SegmentCells<'_> {
    pub(crate) fn moments(&self, arm: usize, needed: u64) -> Result<Moments, MomentsError> {
        self.0.moments(arm, needed)
    }

    pub(crate) fn customers(&self, arm: usize) -> u64 {
        self.0.customers(arm)
    }
}

/// The numbers of a chunk, in the order of the co-moments' columns.
struct Columns<'c> {
    numbers: Vec<(&'c [f64], Option<Nulls<'c>>)>,
    covariates: usize,
}

impl<'c> Columns<'c> {
    fn new(layout: &Layout, chunk: &'c Chunk<'_>, first: usize) -> Result<Self, WrongColumn> {
        let number = layout.values + layout.cuts + layout.covariates;
        let column = |column| Ok((chunk.values(column)?, chunk.nulls(column)?));
        Ok(Self {
            numbers: (first..first + number)
                .map(column)
                .collect::<Result<_, WrongColumn>>()?,
            covariates: layout.covariates,
        })
    }

    /// Fills scratch columns with some rows' numbers, 0 where there is none; those behind the numbers say where a
    /// covariate is missing.
    fn gather(&self, rows: &[u32], scratch: &mut [Vec<f64>]) {
        for (place, scratch) in scratch.iter_mut().enumerate() {
            scratch.clear();
            let is_number = place < self.numbers.len();
            let (numbers, nulls) = self.numbers[if is_number {
                place
            } else {
                place - self.covariates
            }];
            match (is_number, nulls) {
                (true, None) => scratch.extend(rows.iter().map(|&row| numbers[row as usize])),
                (true, Some(nulls)) => scratch.extend(rows.iter().map(|&row| {
                    let row = row as usize;
                    if nulls.is_null(row) {
                        0.0
                    } else {
                        numbers[row]
                    }
                })),
                (false, None) => scratch.resize(rows.len(), 0.0),
                (false, Some(nulls)) => {
                    scratch.extend(
                        rows.iter()
                            .map(|&row| f64::from(u8::from(nulls.is_null(row as usize)))),
                    );
                }
            }
        }
    }

    /// For each row the values that are missing, a bit each; none where the chunk has none missing.
    fn missing_values(&self, values: usize) -> Option<Vec<u64>> {
        let mut missing: Option<Vec<u64>> = None;
        for (value, (numbers, nulls)) in self.numbers[..values].iter().enumerate() {
            let Some(nulls) = nulls else { continue };
            let bits = missing.get_or_insert_with(|| vec![0; numbers.len()]);
            for (row, bits) in bits.iter_mut().enumerate() {
                *bits |= u64::from(nulls.is_null(row)) << value;
            }
        }
        missing
    }
}

/// Why rows cannot be summed up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TallyError {
    #[error(transparent)]
    Moments(#[from] MomentsError),
    #[error(transparent)]
    Column(#[from] WrongColumn),
}
