//! Moments of many sets of rows at once, as exact as [`CoMoments`].
//!
//! A customer belongs to one cell of each of several classifications: a country, a device, an age.
//! Pushing each cell's rows to a [`CoMoments`] of its own would take the digits of a value once for
//! every classification and pay the fixed cost of a push for a handful of rows. Here the digits of
//! a row's value and their products are computed once and laid out as one vector of integers, which
//! is added to the vector of each cell that the row is in. Column after column, so that its vectors
//! in all cells stay in the first-level cache; and only rows with a value that is not zero are
//! looked at, which for orders and sums of money are few.
//!
//! All cells share one window of digits a column, that of the largest magnitude over all rows. So
//! the cells of a classification [merge](CoMoments::merge) to exactly what one cell with all rows
//! holds, and the argument of the [module above](super) applies to each cell: its sums are those of
//! the digits that the largest magnitude over all rows asks for, whatever the order of the rows.

use super::digits::{Block, DIGITS, Extent, lowest_digit};
use super::kernel::{Kernel, LANES, MOST_QUADS, Quad, RowCells};
use super::{CoMoments, ColumnSums, MomentsError, Products, added, drop_lowest};

/// Rows whose digits are laid out together: few enough for the first-level cache.
const ROWS: usize = 128;
/// Rows of a cell after which its 64-bit sums go to 128 bits. A product of digits is at most 2^54,
/// and a block adds up to [`ROWS`] more, so that sums stay below 2^63.
const SPILL_AT: u32 = 256;
/// Sums kept for a column or a pair of columns.
const SUMS: usize = DIGITS * DIGITS;
/// Sums of a column that has one, two or three digits: those of the digits and of their products.
const OF_COLUMN: [usize; DIGITS + 1] = [0, 2, 5, 9];
/// Sums of a pair of which the longer has one, two or three digits.
const OF_PAIR: [usize; DIGITS + 1] = [0, 1, 4, 9];
const _: () = assert!(MOST_QUADS == SUMS.div_ceil(LANES));

/// Accumulates the rows of many cells, each row in several of them.
///
/// ```
/// use stats::moments::{CellMoments, Products};
///
/// let mut sums = CellMoments::new(&Products::new(1, |_, _| false));
/// sums.grow(4);
/// // Cells 0 and 1 are one classification, 2 and 3 another.
/// sums.push(&[&[1.0, 2.0, 6.0]], &[&[0, 1, 1], &[2, 2, 3]])?;
/// assert_eq!(sums.cell(1).finish().mean(0), 4.0);
/// assert_eq!(sums.cell(2).finish().mean(0), 1.5);
/// # Ok::<(), stats::moments::MomentsError>(())
/// ```
#[derive(Clone, Debug)]
pub struct CellMoments {
    products: Products,
    kernel: Kernel,
    windows: Vec<Window>,
    /// For each pair of the products, in their order.
    units: Vec<Unit>,
    /// Of each cell, the rows since its sums were last spilled.
    pending_rows: Vec<u32>,
    /// Of each cell, the rows before.
    rows: Vec<u64>,
}

/// The digits kept of a column.
#[derive(Clone, Copy, Debug)]
struct Window {
    low: i32,
    extent: Extent,
}

/// The sums of a column and its square, or of the products of two columns, in each cell: those of the
/// rows' [lines](Kernel::lay_out). Those that need only the highest digit come first, those that need
/// the lowest one last, so that columns with few digits (flags, counts) take few of them.
#[derive(Clone, Debug)]
struct Unit {
    i: usize,
    j: usize,
    /// How many digits have been seen, from the highest.
    depth: usize,
    /// Of each cell, [`Unit::quads`] with the sums since it was last spilled.
    pending: Vec<Quad>,
    /// Of each cell, the sums before.
    totals: Vec<[i128; SUMS]>,
}

impl Unit {
    fn of_column(&self) -> bool {
        self.i == self.j
    }

    fn sums(&self) -> usize {
        if self.of_column() {
            OF_COLUMN[self.depth]
        } else {
            OF_PAIR[self.depth]
        }
    }

    /// Quads that hold the sums of a cell; what is behind the sums is zero.
    fn quads(&self) -> usize {
        self.sums().div_ceil(LANES)
    }

    fn grow(&mut self, cells: usize) {
        self.pending.resize(cells * self.quads(), Quad::ZERO);
        self.totals.resize(cells, [0; SUMS]);
    }

    /// Makes room for the sums of this many digits.
    fn deepen(&mut self, depth: usize) {
        if depth <= self.depth {
            return;
        }
        let cells = self.totals.len();
        (0..cells).for_each(|cell| self.spill(cell));
        self.depth = depth;
        self.pending.clear();
        self.grow(cells);
    }

    /// Adds a cell's 64-bit sums to its 128-bit sums.
    fn spill(&mut self, cell: usize) {
        let (quads, sums) = (self.quads(), self.sums());
        let pending = &mut Quad::flat_mut(&mut self.pending[cell * quads..][..quads])[..sums];
        for (total, sum) in self.totals[cell].iter_mut().zip(pending) {
            *total += i128::from(std::mem::take(sum));
        }
    }

    /// The sums of a cell.
    fn cell(&self, cell: usize) -> [i128; SUMS] {
        let quads = self.quads();
        let pending = Quad::flat(&self.pending[cell * quads..][..quads]);
        let mut sums = self.totals[cell];
        for (sum, &pending) in sums.iter_mut().zip(pending) {
            *sum += i128::from(pending);
        }
        sums
    }
}

/// What a block's rows add to one unit, of those rows where that is not zero.
struct Lines {
    rows: [u32; ROWS],
    number: usize,
    /// Of each of the rows, the unit's quads.
    quads: [Quad; ROWS * MOST_QUADS],
}

impl Lines {
    fn new() -> Self {
        Self {
            rows: [0; ROWS],
            number: 0,
            quads: [Quad::ZERO; ROWS * MOST_QUADS],
        }
    }

    /// Lays out the digits and their products that a block adds to a unit.
    fn lay_out(&mut self, kernel: Kernel, unit: &Unit, block: &Block) {
        let digits = |column| [2, 1, 0].map(|digit| block.plane(column, digit));
        self.number = kernel.lay_out(
            unit.of_column(),
            digits(unit.i),
            digits(unit.j),
            unit.quads(),
            &mut self.quads,
            &mut self.rows,
        );
    }
}

/// Sums of digits and sums of products of digits, lowest first.
type Sums = ([i128; DIGITS], [[i128; DIGITS]; DIGITS]);

/// Reads a unit's sums.
fn read(of_column: bool, sums: [i128; SUMS]) -> Sums {
    if of_column {
        let [h, hh, m, hm, mm, l, hl, ml, ll] = sums;
        ([l, m, h], [[ll, ml, hl], [ml, mm, hm], [hl, hm, hh]])
    } else {
        let [hh, hm, mh, mm, hl, lh, ml, lm, ll] = sums;
        ([0; DIGITS], [[ll, lm, lh], [ml, mm, mh], [hl, hm, hh]])
    }
}

/// The reverse of [`read`].
fn write(of_column: bool, (digits, products): Sums) -> [i128; SUMS] {
    let [l, m, h] = digits;
    let [[ll, lm, lh], [ml, mm, mh], [hl, hm, hh]] = products;
    if of_column {
        [h, hh, m, hm, mm, l, hl, ml, ll]
    } else {
        [hh, hm, mh, mm, hl, lh, ml, lm, ll]
    }
}

impl CellMoments {
    /// No cells yet.
    pub fn new(products: &Products) -> Self {
        let window = Window {
            low: lowest_digit(Extent::EMPTY.magnitude()),
            extent: Extent::EMPTY,
        };
        let unit = |&(i, j): &(usize, usize)| Unit {
            i,
            j,
            depth: 0,
            pending: Vec::new(),
            totals: Vec::new(),
        };
        Self {
            products: products.clone(),
            kernel: Kernel::detect(),
            windows: vec![window; products.columns()],
            units: products.pairs().iter().map(unit).collect(),
            pending_rows: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// The number of cells.
    pub fn cells(&self) -> usize {
        self.rows.len()
    }

    /// Adds empty cells until there are this many.
    pub fn grow(&mut self, cells: usize) {
        let cells = cells.max(self.cells());
        self.rows.resize(cells, 0);
        self.pending_rows.resize(cells, 0);
        self.units.iter_mut().for_each(|unit| unit.grow(cells));
    }

    /// Adds rows, given as one slice a column, to cells, given for each classification as one slice
    /// with the cell of each row. A row should be in a cell once.
    ///
    /// # Errors
    ///
    /// [`MomentsError::ColumnCount`]; [`MomentsError::RowCount`], where a classification counts as
    /// a column behind the columns; [`MomentsError::NoSuchCell`]; [`MomentsError::NotFinite`] or
    /// [`MomentsError::TooManyRows`]. Then no row has been added.
    pub fn push(&mut self, columns: &[&[f64]], cells: &[&[u32]]) -> Result<(), MomentsError> {
        let rows = self.check(columns, cells)?;
        let mut extents = Vec::with_capacity(columns.len());
        for (column, values) in columns.iter().enumerate() {
            let extent = self.kernel.extent(values);
            if !extent.finite {
                return Err(MomentsError::NotFinite { column });
            }
            extents.push(extent);
        }
        for (column, extent) in extents.into_iter().enumerate() {
            self.widen(column, extent);
        }

        let mut block = Block::new(self.kernel, columns.len(), rows.min(ROWS));
        let mut lines = Lines::new();
        let mut row_cells = RowCells::default();
        for start in (0..rows).step_by(ROWS) {
            let end = rows.min(start + ROWS);
            for (column, values) in columns.iter().enumerate() {
                block.split(column, &values[start..end], self.windows[column].low);
            }
            row_cells.fill(cells, start..end);
            self.add(&block, &mut lines, &row_cells);
        }
        Ok(())
    }

    /// The number of rows given, if they can be added.
    fn check(&self, columns: &[&[f64]], cells: &[&[u32]]) -> Result<usize, MomentsError> {
        let (expected, found) = (self.windows.len(), columns.len());
        if found != expected {
            return Err(MomentsError::ColumnCount { expected, found });
        }
        let lengths = columns.iter().map(|values| values.len());
        let mut lengths = lengths.chain(cells.iter().map(|cells| cells.len()));
        let rows = lengths.next().unwrap_or(0);
        for (before, found) in lengths.enumerate() {
            if found != rows {
                return Err(MomentsError::RowCount {
                    column: before + 1,
                    expected: rows,
                    found,
                });
            }
        }
        for cells in cells {
            let last = cells.iter().copied().max().unwrap_or(0) as usize;
            if last >= self.cells() && rows > 0 {
                return Err(MomentsError::NoSuchCell { cell: last });
            }
        }
        let fullest = self.rows.iter().copied().max().unwrap_or(0);
        added(fullest + u64::from(SPILL_AT), (rows * cells.len()) as u64)?;
        Ok(rows)
    }

    /// Adds a block to the cells of its rows.
    fn add(&mut self, block: &Block, lines: &mut Lines, cells: &RowCells) {
        let depth = |column: usize| match block.active(column) {
            active if active.is_empty() => 0,
            active => DIGITS - active.start,
        };
        for unit in &mut self.units {
            let (i, j) = (depth(unit.i), depth(unit.j));
            if i == 0 || j == 0 {
                continue;
            }
            unit.deepen(i.max(j));
            lines.lay_out(self.kernel, unit, block);
            let quads = unit.quads();
            let rows = &lines.rows[..lines.number];
            self.kernel
                .add_rows(&mut unit.pending, &lines.quads, quads, rows, cells);
        }
        for &cell in &cells.cells {
            let pending = &mut self.pending_rows[cell as usize];
            *pending += 1;
            if *pending >= SPILL_AT {
                self.spill(cell as usize);
            }
        }
    }

    /// Adds a cell's 64-bit sums to its 128-bit sums.
    fn spill(&mut self, cell: usize) {
        self.rows[cell] += u64::from(std::mem::take(&mut self.pending_rows[cell]));
        self.units.iter_mut().for_each(|unit| unit.spill(cell));
    }

    /// Lets a column take values of this extent, as [`CoMoments`] does.
    fn widen(&mut self, column: usize, extent: Extent) {
        let window = &mut self.windows[column];
        window.extent = window.extent.union(extent);
        let low = lowest_digit(window.extent.magnitude());
        let dropped = low.abs_diff(window.low) as usize;
        if dropped == 0 {
            return;
        }
        window.low = low;
        (0..self.cells()).for_each(|cell| self.spill(cell));
        for unit in &mut self.units {
            let of_column = unit.of_column();
            if unit.i != column && unit.j != column {
                continue;
            }
            for sums in &mut unit.totals {
                let (mut digits, mut products) = read(of_column, *sums);
                if unit.i == column {
                    digits = drop_lowest(digits, dropped);
                    products = drop_lowest(products, dropped);
                }
                if unit.j == column {
                    products = products.map(|row| drop_lowest(row, dropped));
                }
                *sums = write(of_column, (digits, products));
            }
        }
    }

    /// Adds another accumulator of the same products, whose cell `k` is `places[k]` here.
    ///
    /// # Errors
    ///
    /// [`MomentsError::DifferentProducts`], also where there are not as many places as cells;
    /// [`MomentsError::NoSuchCell`]; [`MomentsError::TooManyRows`]. Then nothing has been added.
    pub fn merge(&mut self, mut other: Self, places: &[u32]) -> Result<(), MomentsError> {
        if self.products != other.products || places.len() != other.cells() {
            return Err(MomentsError::DifferentProducts);
        }
        for (cell, &place) in places.iter().enumerate() {
            let place = place as usize;
            if place >= self.cells() {
                return Err(MomentsError::NoSuchCell { cell: place });
            }
            added(self.rows_of(place), other.rows_of(cell))?;
        }
        for column in 0..self.windows.len() {
            let (own, others) = (self.windows[column].extent, other.windows[column].extent);
            self.widen(column, others);
            other.widen(column, own);
        }
        for (cell, &place) in places.iter().enumerate() {
            self.rows[place as usize] += other.rows_of(cell);
        }
        for (own, other) in self.units.iter_mut().zip(&other.units) {
            for (cell, &place) in places.iter().enumerate() {
                let totals = &mut own.totals[place as usize];
                for (total, sum) in totals.iter_mut().zip(other.cell(cell)) {
                    *total += sum;
                }
            }
        }
        Ok(())
    }

    /// The rows of a cell; 0 where there is no such cell.
    pub fn rows_of(&self, cell: usize) -> u64 {
        match (self.rows.get(cell), self.pending_rows.get(cell)) {
            (Some(rows), Some(&pending)) => rows + u64::from(pending),
            _ => 0,
        }
    }

    /// A cell by itself. Its least and greatest values are those over the rows of all cells.
    ///
    /// # Panics
    ///
    /// As an index does, where there is no such cell.
    pub fn cell(&self, cell: usize) -> CoMoments {
        self.union([cell])
    }

    /// Cells that have no row in common, as one: the same as their merged [`CellMoments::cell`]s.
    ///
    /// # Panics
    ///
    /// As an index does, where there is no such cell.
    pub fn union(&self, cells: impl IntoIterator<Item = usize> + Clone) -> CoMoments {
        let columns = self.windows.iter().map(|window| ColumnSums {
            low: window.low,
            extent: window.extent,
            sums: [0; DIGITS],
        });
        let rows = cells.clone().into_iter();
        let mut all = CoMoments {
            products: self.products.clone(),
            kernel: self.kernel,
            rows: rows.map(|cell| self.rows_of(cell)).sum(),
            columns: columns.collect(),
            product_sums: Vec::with_capacity(self.units.len()),
        };
        for unit in &self.units {
            let mut sums = [0; SUMS];
            for cell in cells.clone() {
                for (sum, of_cell) in sums.iter_mut().zip(unit.cell(cell)) {
                    *sum += of_cell;
                }
            }
            let (digits, products) = read(unit.of_column(), sums);
            if unit.of_column() {
                all.columns[unit.i].sums = digits;
            }
            all.product_sums.push(products);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::super::tests::{any_finite, state};
    use super::*;

    const CELLS: usize = 7;

    /// Two columns and their product, and the row's cell of a classification of three (0..3) and of
    /// one of four (3..7).
    type Row = ([f64; 2], [u32; 2]);

    fn any_row() -> impl Strategy<Value = Row> {
        let value =
            || prop_oneof![2 => any_finite(), 2 => Just(0.0), 1 => (0..9_i32).prop_map(f64::from)];
        ((value(), value()), (0..3_u32, 3..7_u32)).prop_map(|((x, y), (a, b))| ([x, y], [a, b]))
    }

    fn pair() -> Products {
        Products::new(2, |_, _| true)
    }

    fn push(sums: &mut CellMoments, rows: &[Row]) {
        let columns = [0, 1].map(|i| rows.iter().map(|row| row.0[i]).collect::<Vec<_>>());
        let cells = [0, 1].map(|i| rows.iter().map(|row| row.1[i]).collect::<Vec<_>>());
        let columns = columns.each_ref().map(Vec::as_slice);
        sums.push(&columns, &cells.each_ref().map(Vec::as_slice))
            .unwrap();
    }

    fn accumulated(rows: &[Row]) -> CellMoments {
        let mut sums = CellMoments::new(&pair());
        sums.grow(CELLS);
        push(&mut sums, rows);
        sums
    }

    fn states(sums: &CellMoments) -> impl PartialEq + std::fmt::Debug + use<> {
        (0..CELLS)
            .map(|cell| state(&sums.cell(cell)))
            .collect::<Vec<_>>()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn cells_of_a_classification_add_up_to_the_whole(rows in vec(any_row(), 0..900)) {
            let sums = accumulated(&rows);
            let mut whole = CoMoments::new(&pair());
            let columns = [0, 1].map(|i| rows.iter().map(|row| row.0[i]).collect::<Vec<_>>());
            whole.push(&columns.each_ref().map(Vec::as_slice)).unwrap();
            for cells in [0..3, 3..7] {
                let mut merged = CoMoments::new(&pair());
                for cell in cells.clone() {
                    merged.merge(&sums.cell(cell)).unwrap();
                }
                prop_assert_eq!(state(&merged), state(&whole));
                prop_assert_eq!(state(&sums.union(cells)), state(&whole));
            }
        }

        #[test]
        fn a_cell_is_its_rows(
            rows in vec((-1e3..1e3, -9..9_i32, 0..3_u32), 1..300),
        ) {
            // Of one magnitude, so that the cells' own windows are that of all rows.
            let rows: Vec<Row> = rows
                .into_iter()
                .map(|(x, y, cell)| ([f64::max(1e3 + x, 600.0), 16.0 + f64::from(y)], [cell, 3]))
                .collect();
            let sums = accumulated(&rows);
            for cell in 0..3 {
                let own = rows.iter().filter(|row| row.1[0] == cell);
                let columns = [0, 1].map(|i| own.clone().map(|row| row.0[i]).collect::<Vec<_>>());
                let mut alone = CoMoments::new(&pair());
                alone.push(&columns.each_ref().map(Vec::as_slice)).unwrap();
                let (found, expected) = (sums.cell(cell as usize).finish(), alone.finish());
                prop_assert_eq!(found.rows(), expected.rows());
                if found.rows() == 0 {
                    continue;
                }
                for (i, j) in [(0, 0), (0, 1), (1, 1)] {
                    prop_assert_eq!(found.mean(i).to_bits(), expected.mean(i).to_bits());
                    prop_assert_eq!(found.comoment(i, j), expected.comoment(i, j));
                }
            }
        }

        #[test]
        fn order_chunks_merges_and_instructions_do_not_matter(
            rows in vec(any_row(), 0..700),
            cuts in vec(any::<Index>(), 0..5),
        ) {
            let expected = states(&accumulated(&rows));
            let mut portable = CellMoments { kernel: Kernel::Portable, ..CellMoments::new(&pair()) };
            portable.grow(CELLS);
            push(&mut portable, &rows);
            prop_assert_eq!(&states(&portable), &expected);

            let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(rows.len() + 1)).collect();
            ends.extend([0, rows.len()]);
            ends.sort_unstable();
            let parts: Vec<_> = ends.windows(2).map(|ends| &rows[ends[0]..ends[1]]).collect();
            let mut pushed = accumulated(&[]);
            let mut merged = accumulated(&[]);
            let reversed: Vec<u32> = (0..CELLS as u32).rev().collect();
            for part in parts.iter().rev() {
                push(&mut pushed, part);
                // In cells of another order.
                let mut turned = accumulated(&[]);
                let last = CELLS as u32 - 1;
                let turn = |row: &Row| (row.0, row.1.map(|cell| last - cell));
                push(&mut turned, &part.iter().map(turn).collect::<Vec<_>>());
                merged.merge(turned, &reversed).unwrap();
            }
            prop_assert_eq!(&states(&pushed), &expected);
            prop_assert_eq!(&states(&merged), &expected);
        }
    }

    #[test]
    fn zeros_taken_back_leave_the_others() {
        let mut sums = CellMoments::new(&Products::new(1, |_, _| false));
        sums.grow(1);
        sums.push(&[&[4.0, 0.0, 8.0, 0.0]], &[&[0; 4]]).unwrap();
        let moments = sums.cell(0).finish_without_zeros(2);
        assert_eq!((moments.rows(), moments.mean(0)), (2, 6.0));
        assert_eq!(moments.variance(0), 8.0);
    }

    #[test]
    fn what_cannot_be_added_is_said() {
        let mut sums = CellMoments::new(&Products::new(1, |_, _| false));
        sums.grow(2);
        let no_cell = MomentsError::NoSuchCell { cell: 2 };
        assert_eq!(sums.push(&[&[1.0]], &[&[2]]), Err(no_cell));
        let infinite = MomentsError::NotFinite { column: 0 };
        assert_eq!(sums.push(&[&[f64::INFINITY]], &[&[0]]), Err(infinite));
        let longer = MomentsError::RowCount {
            column: 1,
            expected: 1,
            found: 2,
        };
        assert_eq!(sums.push(&[&[1.0]], &[&[0, 1]]), Err(longer));
        assert_eq!(sums.rows_of(0), 0);
    }
}
