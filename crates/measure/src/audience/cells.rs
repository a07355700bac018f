//! What the customers with each value of each segment add up to.

use stats::moments::{CellMoments, CoMoments, Moments, MomentsError, Products};

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

/// The sums of all segments' values.
#[derive(Debug, Clone)]
pub(crate) struct Cells {
    sums: CellMoments,
    /// Of each segment, for each value, the cell of the first arm; cells of the other arms follow.
    first: Vec<Vec<u32>>,
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
            first: vec![Vec::new(); segments],
            lacking: Vec::new(),
            open: Vec::new(),
            numbers: vec![Vec::new(); layout.columns.len()],
        }
    }

    /// Makes cells for a segment's values, of which there are this many.
    fn grow(&mut self, layout: &CellLayout, segment: usize, values: usize) {
        while self.first[segment].len() < values {
            let first = self.sums.cells();
            self.first[segment].push(first as u32);
            self.grow_to(layout, first + layout.arms);
        }
    }

    fn grow_to(&mut self, layout: &CellLayout, cells: usize) {
        self.sums.grow(cells);
        self.lacking.resize(cells * layout.needs.len(), 0);
        self.open.resize(cells * layout.needs.len(), 0);
    }

    /// Adds rows. `codes` are for each segment the numbers of the rows' values, and how many values there are; a segment
    /// of too many values has none.
    pub(crate) fn add(
        &mut self,
        layout: &CellLayout,
        rows: &Rows<'_>,
        codes: &[Option<(&[u32], usize)>],
    ) -> Result<(), MomentsError> {
        let mut cells = Vec::with_capacity(codes.len());
        for (segment, codes) in codes.iter().enumerate() {
            let Some((codes, values)) = codes else {
                continue;
            };
            self.grow(layout, segment, *values);
            let first = &self.first[segment];
            let of_rows = codes.iter().zip(rows.arms);
            let of_rows = of_rows.map(|(&code, &arm)| first[code as usize] + u32::from(arm));
            cells.push(of_rows.collect::<Vec<u32>>());
        }
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
        // What belongs to a segment of too many values is put together into a cell that nobody asks for.
        let nowhere = self.sums.cells();
        self.grow_to(layout, nowhere + 1);
        let mut places = vec![nowhere as u32; other.sums.cells()];
        for (segment, numbers) in numbers.iter().enumerate() {
            let values = numbers.iter().map(|&number| number as usize + 1).max();
            self.grow(layout, segment, values.unwrap_or(0));
            for (&number, &theirs) in numbers.iter().zip(&other.first[segment]) {
                for arm in 0..layout.arms as u32 {
                    places[(theirs + arm) as usize] = self.first[segment][number as usize] + arm;
                }
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
        self.cell(segment, value, arm)
            .map_or(0, |cell| self.sums.rows_of(cell))
    }

    /// The moments of those who have what a metric needs, in the columns of [`CellLayout::made_of`].
    pub(crate) fn moments(
        &self,
        layout: &CellLayout,
        (segment, value): (usize, u32),
        arm: usize,
        metric: usize,
    ) -> Moments {
        let Some(cell) = self.cell(segment, value, arm) else {
            return CoMoments::new(&layout.products).finish();
        };
        let need = layout.metrics[metric].0;
        let lacking = self.lacking[cell * layout.needs.len() + need];
        self.sums.cell(cell).finish_without_zeros(lacking)
    }

    /// The customers of whom a value that a metric needs is not mature.
    pub(crate) fn not_matured(
        &self,
        layout: &CellLayout,
        (segment, value): (usize, u32),
        arm: usize,
        metric: usize,
    ) -> u64 {
        let need = layout.metrics[metric].0;
        self.cell(segment, value, arm)
            .map_or(0, |cell| self.open[cell * layout.needs.len() + need])
    }

    fn cell(&self, segment: usize, value: u32, arm: usize) -> Option<usize> {
        let first = *self.first.get(segment)?.get(value as usize)?;
        Some(first as usize + arm)
    }
}
