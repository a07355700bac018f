//! What the customers with each value of each segment add up to.
//!
//! Segments of few values are looked at together: a customer is then in one cell by the values of all of them, and what
//! one value adds up to is the sum of its cells. Sums are of integers, so that it does not matter which segments are
//! together, nor that it differs from thread to thread.

use std::collections::BTreeMap;

use stats::moments::{CellMoments, Moments, MomentsError, Products};

use super::plan::{MadeOf, Plan};

/// Which sums are kept of each value of a segment.
///
/// A customer whose value is missing for a metric adds nothing to that metric: the value counts as zero, and the
/// customer is counted as lacking it. So there is one cell for each arm and value of a segment, whatever is missing,
/// and a value that several metrics need in different company is there several times.
#[derive(Debug, Clone)]
pub(crate) struct CellLayout {
    pub(crate) arms: usize,
    /// The values that a metric needs, a bit each; without repetition.
    needs: Vec<u64>,
    /// The place of a value, and of the need that must be met.
    columns: Vec<(usize, usize)>,
    /// Of each metric the place of its need, and its columns.
    metrics: Vec<(usize, MadeOf)>,
    products: Products,
}

impl CellLayout {
    pub(crate) fn new(plan: &Plan<'_>) -> Self {
        let (mut needs, mut columns, mut metrics) = (Vec::new(), Vec::new(), Vec::new());
        for compared in &plan.metrics {
            let need = place_of(&mut needs, compared.made_of.bits());
            let made_of = match compared.made_of {
                MadeOf::Value(place) => MadeOf::Value(place_of(&mut columns, (place, need))),
                MadeOf::Ratio {
                    numerator,
                    denominator,
                } => MadeOf::Ratio {
                    numerator: place_of(&mut columns, (numerator, need)),
                    denominator: place_of(&mut columns, (denominator, need)),
                },
            };
            metrics.push((need, made_of));
        }
        let is_ratio = |i, j| {
            metrics.iter().any(|&(_, made_of)| {
                matches!(made_of, MadeOf::Ratio { numerator, denominator } if (numerator, denominator) == (i, j))
            })
        };
        Self {
            arms: plan.experiment.arms.len(),
            products: Products::new(columns.len(), is_ratio),
            needs,
            columns,
            metrics,
        }
    }

    /// The columns of a metric in a cell's moments.
    pub(crate) fn made_of(&self, metric: usize) -> MadeOf {
        self.metrics[metric].1
    }
}

/// The place of an item in a list, at whose end it is put where it is not there.
fn place_of<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    match list.iter().position(|known| *known == item) {
        Some(place) => place,
        None => {
            list.push(item);
            list.len() - 1
        }
    }
}

/// Rows of a chunk, as cells take them.
pub(crate) struct Rows<'r> {
    /// The arm of each row.
    pub(crate) arms: &'r [u8],
    /// The values, and of which rows they are.
    pub(crate) values: &'r [&'r [f64]],
    pub(crate) rows: &'r [u32],
    /// For each of `values`' rows those that are missing, a bit each; none where all are there.
    pub(crate) missing: Option<&'r [u64]>,
    /// The same of those that are not mature.
    pub(crate) open: Option<&'r [u64]>,
}

/// Counts for each cell and need the rows with a bit that it needs.
fn count(
    layout: &CellLayout,
    (rows, values): (&[u32], &[u64]),
    cells: &[Vec<u32>],
    counts: &mut [u64],
) {
    let needs = layout.needs.len();
    for (at, &row) in rows.iter().enumerate() {
        let values = values[row as usize];
        if values == 0 {
            continue;
        }
        for (place, _) in layout
            .needs
            .iter()
            .enumerate()
            .filter(|(_, need)| values & **need != 0)
        {
            for cells in cells {
                counts[cells[at] as usize * needs + place] += 1;
            }
        }
    }
}

/// Combinations of values of the segments that are looked at together, up to which more are added.
const MOST_TOGETHER: usize = 32;

/// Values that customers of a cell have in common: of each of some segments, one.
type Common = Vec<(usize, u32)>;

/// Segments that are looked at together.
#[derive(Debug, Clone)]
struct Together {
    /// Each with the number of values that there is room for, a power of two.
    segments: Vec<(usize, usize)>,
    /// The cell of the first arm for each combination of values; [`Together::NOT_MET`] where there is none yet.
    cells: Vec<u32>,
}

impl Together {
    const NOT_MET: u32 = u32::MAX;

    /// Puts segments together. `values` are their numbers of values; a segment of too many has none.
    fn all(values: &[Option<usize>]) -> Vec<Self> {
        let known = values.iter().enumerate();
        let mut segments: Vec<(usize, usize)> = known
            .filter_map(|(segment, values)| Some((segment, (*values)?.next_power_of_two())))
            .collect();
        segments.sort_by_key(|&(_, room)| std::cmp::Reverse(room));
        let mut all: Vec<Self> = Vec::new();
        // The largest first, each to the first others that leave room for it.
        for (segment, room) in segments {
            let cells = |together: &Self| together.cells.len() * room;
            match all.iter_mut().find(|to| cells(to) <= MOST_TOGETHER) {
                Some(to) => {
                    to.segments.push((segment, room));
                    to.cells.resize(cells(to), Self::NOT_MET);
                }
                None => all.push(Self {
                    segments: vec![(segment, room)],
                    cells: vec![Self::NOT_MET; room],
                }),
            }
        }
        all
    }

    /// For each row the place of its values' combination.
    fn places(&self, codes: &[Option<(&[u32], usize)>], rows: usize) -> Vec<u32> {
        let mut places = vec![0; rows];
        for &(segment, room) in &self.segments {
            let codes = codes[segment].map_or(&[][..], |(codes, _)| codes);
            for (place, &code) in places.iter_mut().zip(codes) {
                *place = *place * room as u32 + code;
            }
        }
        places
    }

    /// The values of a combination.
    fn common(&self, mut place: usize) -> Common {
        let mut common = Common::new();
        for &(segment, room) in self.segments.iter().rev() {
            common.push((segment, (place % room) as u32));
            place /= room;
        }
        common.sort_unstable();
        common
    }
}

/// The sums of all cells.
#[derive(Debug, Clone)]
pub(crate) struct Cells {
    sums: CellMoments,
    together: Vec<Together>,
    /// The cell of the first arm for all values in common; cells of the other arms follow.
    known: BTreeMap<Common, u32>,
    /// Of each segment, for each value, the cells of the first arm.
    first: Vec<Vec<Vec<u32>>>,
    /// Of each cell, for each need, the customers who do not meet it.
    lacking: Vec<u64>,
    /// The same of those of whom a needed value is not mature.
    open: Vec<u64>,
    numbers: Vec<Vec<f64>>,
}

impl Cells {
    pub(crate) fn new(layout: &CellLayout, segments: usize) -> Self {
        Self {
            sums: CellMoments::new(&layout.products),
            together: Vec::new(),
            known: BTreeMap::new(),
            first: vec![Vec::new(); segments],
            lacking: Vec::new(),
            open: Vec::new(),
            numbers: vec![Vec::new(); layout.columns.len()],
        }
    }

    /// The first arm's cell of those who have some values in common; made where it is not there.
    fn cell(&mut self, layout: &CellLayout, common: Common) -> u32 {
        if let Some(&first) = self.known.get(&common) {
            return first;
        }
        let first = self.sums.cells();
        let cells = first + layout.arms;
        self.sums.grow(cells);
        self.lacking.resize(cells * layout.needs.len(), 0);
        self.open.resize(cells * layout.needs.len(), 0);
        for &(segment, value) in &common {
            let values = &mut self.first[segment];
            let number = values.len().max(value as usize + 1);
            values.resize(number, Vec::new());
            values[value as usize].push(first as u32);
        }
        self.known.insert(common, first as u32);
        first as u32
    }

    /// Puts segments together anew where there are values that have no room, or no longer a segment.
    fn make_room(&mut self, codes: &[Option<(&[u32], usize)>]) {
        let values: Vec<Option<usize>> = codes.iter().map(|codes| Some((*codes)?.1)).collect();
        let has_room = |&(segment, room): &(usize, usize)| {
            values[segment].is_some_and(|values| values <= room)
        };
        let mut segments = self.together.iter().flat_map(|together| &together.segments);
        let all = values.iter().flatten().count();
        if segments.clone().count() != all || !segments.all(has_room) {
            self.together = Together::all(&values);
        }
    }

    /// The cells of rows, for all segments that are together.
    fn cells_of(
        &mut self,
        layout: &CellLayout,
        arms: &[u8],
        codes: &[Option<(&[u32], usize)>],
    ) -> Vec<Vec<u32>> {
        self.make_room(codes);
        let mut all = std::mem::take(&mut self.together);
        let of_rows = all.iter_mut().map(|together| {
            let mut cells = together.places(codes, arms.len());
            for (cell, &arm) in cells.iter_mut().zip(arms) {
                let place = *cell as usize;
                if together.cells[place] == Together::NOT_MET {
                    together.cells[place] = self.cell(layout, together.common(place));
                }
                *cell = together.cells[place] + u32::from(arm);
            }
            cells
        });
        let of_rows = of_rows.collect();
        self.together = all;
        of_rows
    }

    /// Adds rows. `codes` are for each segment the numbers of the rows' values, and how many values there are; a segment
    /// of too many values has none.
    pub(crate) fn add(
        &mut self,
        layout: &CellLayout,
        rows: &Rows<'_>,
        codes: &[Option<(&[u32], usize)>],
    ) -> Result<(), MomentsError> {
        let cells = self.cells_of(layout, rows.arms, codes);
        for (values, counts) in [
            (rows.missing, &mut self.lacking),
            (rows.open, &mut self.open),
        ] {
            if let Some(values) = values {
                count(layout, (rows.rows, values), &cells, counts);
            }
        }
        let is_all = rows.missing.is_none()
            && rows
                .values
                .first()
                .is_none_or(|values| values.len() == rows.rows.len());
        let mut numbers: Vec<&[f64]> = Vec::with_capacity(layout.columns.len());
        if !is_all {
            for (&(value, need), numbers) in layout.columns.iter().zip(&mut self.numbers) {
                let need = layout.needs[need];
                let values = rows.values[value];
                numbers.clear();
                numbers.extend(rows.rows.iter().map(|&row| {
                    let row = row as usize;
                    let is_missing = rows.missing.is_some_and(|missing| missing[row] & need != 0);
                    if is_missing { 0.0 } else { values[row] }
                }));
            }
        }
        for (column, &(value, _)) in layout.columns.iter().enumerate() {
            numbers.push(if is_all {
                rows.values[value]
            } else {
                &self.numbers[column]
            });
        }
        let cells: Vec<&[u32]> = cells.iter().map(Vec::as_slice).collect();
        self.sums.push(&numbers, &cells)
    }

    /// Adds other cells. `numbers` are, for each segment, the numbers here of its values there; a segment of too many
    /// values has none.
    pub(crate) fn merge(
        &mut self,
        layout: &CellLayout,
        other: Self,
        numbers: &[Vec<u32>],
    ) -> Result<(), MomentsError> {
        let mut places = vec![0; other.sums.cells()];
        for (common, &theirs) in &other.known {
            let known = common.iter().filter_map(|&(segment, value)| {
                let number = numbers[segment].get(value as usize)?;
                Some((segment, *number))
            });
            let mine = self.cell(layout, known.collect());
            for arm in 0..layout.arms as u32 {
                places[(theirs + arm) as usize] = mine + arm;
            }
        }
        let needs = layout.needs.len();
        for (theirs, &mine) in places.iter().enumerate() {
            for need in 0..needs {
                let (mine, theirs) = (mine as usize * needs + need, theirs * needs + need);
                self.lacking[mine] += other.lacking[theirs];
                self.open[mine] += other.open[theirs];
            }
        }
        self.sums.merge(other.sums, &places)
    }

    /// The customers of an arm with a value of a segment, whatever they lack.
    pub(crate) fn customers(&self, segment: usize, value: u32, arm: usize) -> u64 {
        let cells = self.cells_with(segment, value, arm);
        cells.map(|cell| self.sums.rows_of(cell)).sum()
    }

    /// The moments of those who have what a metric needs, in the columns of [`CellLayout::made_of`].
    pub(crate) fn moments(
        &self,
        layout: &CellLayout,
        (segment, value): (usize, u32),
        arm: usize,
        metric: usize,
    ) -> Moments {
        let lacking = self.number(layout, &self.lacking, (segment, value), arm, metric);
        let cells = self.cells_with(segment, value, arm);
        self.sums.union(cells).finish_without_zeros(lacking)
    }

    /// The customers of whom a value that a metric needs is not mature.
    pub(crate) fn not_matured(
        &self,
        layout: &CellLayout,
        place: (usize, u32),
        arm: usize,
        metric: usize,
    ) -> u64 {
        self.number(layout, &self.open, place, arm, metric)
    }

    /// What is counted for a metric's need in the cells with a value.
    fn number(
        &self,
        layout: &CellLayout,
        counts: &[u64],
        (segment, value): (usize, u32),
        arm: usize,
        metric: usize,
    ) -> u64 {
        let need = layout.metrics[metric].0;
        let cells = self.cells_with(segment, value, arm);
        cells
            .map(|cell| counts[cell * layout.needs.len() + need])
            .sum()
    }

    /// An arm's cells of customers with a value of a segment.
    fn cells_with(
        &self,
        segment: usize,
        value: u32,
        arm: usize,
    ) -> impl Iterator<Item = usize> + Clone {
        let values = self.first.get(segment);
        let cells = values.and_then(|values| values.get(value as usize));
        let cells = cells.map_or(&[][..], Vec::as_slice).iter();
        cells.map(move |&first| first as usize + arm)
    }
}
