//! The loops over rows: least and greatest, taking digits, multiplying them, and adding them to cells.
//!
//! All but the last are written twice, in plain Rust and with AVX2 instructions, and both do the same
//! exact operations. They are not left to the compiler's vectorizer because it was seen to transpose
//! these loops into something several times slower, depending on the code around them.

use super::digits::{DIGITS, Extent, RADIX_BITS, power_of_two};

/// Values treated together; the width of a 256-bit register.
pub(super) const LANES: usize = 4;
/// Four rows of one digit of one column.
pub(super) type Lanes = [i64; LANES];

/// Four integers that lie where a register is loaded from and stored to at once.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(32))]
pub(super) struct Quad([i64; LANES]);

impl Quad {
    pub(super) const ZERO: Self = Self([0; LANES]);

    pub(super) const fn new(integers: [i64; LANES]) -> Self {
        Self(integers)
    }

    /// The integers one after the other.
    pub(super) fn flat(quads: &[Self]) -> &[i64] {
        // SAFETY: a quad is four integers and nothing else.
        unsafe { std::slice::from_raw_parts(quads.as_ptr().cast(), quads.len() * LANES) }
    }

    /// The integers one after the other.
    pub(super) fn flat_mut(quads: &mut [Self]) -> &mut [i64] {
        // SAFETY: a quad is four integers and nothing else.
        unsafe { std::slice::from_raw_parts_mut(quads.as_mut_ptr().cast(), quads.len() * LANES) }
    }
}

/// Adding and subtracting `1.5 · 2^(52 + k)` rounds a double below `2^(51 + k)` to the nearest
/// multiple of `2^k`; the sum's bits, less those of the constant, are that multiple divided by
/// `2^k`. Lowest digit first.
const ROUNDERS: [f64; DIGITS] = [
    1.5 * power_of_two(52),
    1.5 * power_of_two(52 + RADIX_BITS),
    1.5 * power_of_two(52 + 2 * RADIX_BITS),
];

/// Over some rows of a column and for each digit: the sum, and the union of the bits.
#[derive(Clone, Copy)]
pub(super) struct DigitSums {
    pub(super) sums: [i64; DIGITS],
    pub(super) bits: [i64; DIGITS],
}

/// Instructions to use.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kernel {
    /// What every processor of the target has.
    Portable,
    /// Only [`Kernel::detect`] makes it, where the processor has AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Kernel {
    /// The fastest instructions of this processor.
    pub(super) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            return Self::Avx2;
        }
        Self::Portable
    }

    pub(super) fn extent(self, values: &[f64]) -> Extent {
        match self {
            Self::Portable => extent(values),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the variant exists only where the processor has AVX2.
            Self::Avx2 => unsafe { avx2::extent(values) },
        }
    }

    /// Writes the digits of `values · root²`, lowest first, each to its plane of as many groups.
    ///
    /// Exactness: the multiplications are by powers of two and can only underflow where the value
    /// is far below one half, so that all its digits are zero. `|y| < 2^83` is the caller's duty.
    /// What remains of `y` after rounding is a multiple of the last bit of `y` and not larger than
    /// `y`, hence a double; and it is at most half the unit that was rounded to, so all digits are
    /// at most `2^27`.
    pub(super) fn split(
        self,
        values: &[[f64; LANES]],
        root: f64,
        planes: [&mut [Lanes]; DIGITS],
    ) -> DigitSums {
        match self {
            Self::Portable => split(values, root, planes),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the variant exists only where the processor has AVX2.
            Self::Avx2 => unsafe { avx2::split(values, root, planes) },
        }
    }

    /// Dot products of each left plane with each right plane, all of the same length.
    ///
    /// Digits fit in 32 bits, so that a product is one instruction for four rows; the sum of at
    /// most 256 rows fits in 64.
    pub(super) fn dot<const A: usize, const B: usize>(
        self,
        left: [&[Lanes]; A],
        right: [&[Lanes]; B],
    ) -> [[i64; B]; A] {
        match self {
            Self::Portable => left.map(|a| right.map(|b| dot(a, b))),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the variant exists only where the processor has AVX2.
            Self::Avx2 => unsafe { avx2::dot(left, right) },
        }
    }

    /// Lays out what each row adds to the sums of a column (`other` is `own`) or of a pair of columns, given as planes
    /// with the highest digit first: [`line`], of which `quads` are kept. Rows that add nothing are left out. Returns the
    /// number of the others.
    pub(super) fn lay_out(
        self,
        of_column: bool,
        own: [&[Lanes]; DIGITS],
        other: [&[Lanes]; DIGITS],
        quads: usize,
        lines: &mut [Quad],
        rows: &mut [u32],
    ) -> usize {
        match self {
            Self::Portable => lay_out(of_column, own, other, quads, lines, rows),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the variant exists only where the processor has AVX2.
            Self::Avx2 => unsafe { avx2::lay_out(of_column, own, other, quads, lines, rows) },
        }
    }

    /// Adds lines, one for each of some rows, to the sums of the rows' cells; both have `quads` quads
    /// a line.
    pub(super) fn add_rows(
        self,
        sums: &mut [Quad],
        lines: &[Quad],
        quads: usize,
        rows: &[u32],
        cells: &RowCells,
    ) {
        match self {
            Self::Portable => add_rows(sums, lines, quads, rows, cells),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the variant exists only where the processor has AVX2.
            Self::Avx2 => unsafe { avx2::add_rows(sums, lines, quads, rows, cells) },
        }
    }
}

/// The cells that each row of a block is in, row after row.
///
/// A row's cells lie side by side because they are added to one after the other: rows in a row are often in the same
/// cell of a classification, and each would wait for the one before to be stored.
#[derive(Debug, Default)]
pub(super) struct RowCells {
    /// Cells of a row.
    pub(super) classes: usize,
    pub(super) cells: Vec<u32>,
}

impl RowCells {
    /// Of some rows, given the cells of all rows in each classification.
    pub(super) fn fill(&mut self, cells: &[&[u32]], rows: std::ops::Range<usize>) {
        self.classes = cells.len();
        self.cells.clear();
        self.cells
            .extend(rows.flat_map(|row| cells.iter().map(move |cells| cells[row])));
    }

    #[inline(always)]
    fn of(&self, row: u32) -> &[u32] {
        &self.cells[row as usize * self.classes..][..self.classes]
    }
}

/// Quads of the longest line.
pub(super) const MOST_QUADS: usize = 3;

/// Digits that multiply: of one row, or of several side by side.
trait Digit: Copy {
    fn times(self, other: Self) -> Self;
}

impl Digit for i64 {
    #[inline(always)]
    fn times(self, other: Self) -> Self {
        self * other
    }
}

/// What a row adds to the sums of a column and its square, or of the products of two columns:
///
/// ```text
/// column:  h hh | m hm mm | l hl ml ll
/// pair:    hh | hm mh mm | hl lh ml lm ll
/// ```
///
/// in quads, the last filled up with zeros. Where the lowest digits are zero, so is what is behind the higher ones.
#[inline(always)]
fn line<const OF_COLUMN: bool, D: Digit>(
    [h, m, l]: [D; DIGITS],
    [g, n, k]: [D; DIGITS],
    zero: D,
) -> [[D; LANES]; MOST_QUADS] {
    if OF_COLUMN {
        [
            [h, h.times(h), m, h.times(m)],
            [m.times(m), l, h.times(l), m.times(l)],
            [l.times(l), zero, zero, zero],
        ]
    } else {
        [
            [h.times(g), h.times(n), m.times(g), m.times(n)],
            [h.times(k), l.times(g), m.times(k), l.times(n)],
            [l.times(k), zero, zero, zero],
        ]
    }
}

fn lay_out(
    of_column: bool,
    own: [&[Lanes]; DIGITS],
    other: [&[Lanes]; DIGITS],
    quads: usize,
    lines: &mut [Quad],
    rows: &mut [u32],
) -> usize {
    let groups = own[0].len() * LANES;
    let digits = |planes: [&[Lanes]; DIGITS], row: usize| {
        planes.map(|plane| plane[row / LANES][row % LANES])
    };
    let is_zero = |[h, m, l]: [i64; DIGITS]| h | m | l == 0;
    let mut number = 0;
    for row in 0..groups {
        let (own, other) = (digits(own, row), digits(other, row));
        if is_zero(own) || is_zero(other) {
            continue;
        }
        let line = if of_column {
            line::<true, _>(own, other, 0)
        } else {
            line::<false, _>(own, other, 0)
        };
        for (to, quad) in lines[number * quads..][..quads].iter_mut().zip(line) {
            *to = Quad::new(quad);
        }
        rows[number] = row as u32;
        number += 1;
    }
    number
}

fn extent(values: &[f64]) -> Extent {
    const WIDTH: usize = 2 * LANES;
    let mut min = [f64::INFINITY; WIDTH];
    let mut max = [f64::NEG_INFINITY; WIDTH];
    // Zero times a number is a zero; times an infinity or a NaN it is a NaN, which stays.
    let mut zero = [0.0_f64; WIDTH];
    let (chunks, rest) = values.as_chunks::<WIDTH>();
    for chunk in chunks {
        for lane in 0..WIDTH {
            let x = chunk[lane];
            min[lane] = if x < min[lane] { x } else { min[lane] };
            max[lane] = if x > max[lane] { x } else { max[lane] };
            zero[lane] += x * 0.0;
        }
    }
    let lanes = (0..WIDTH).map(|lane| Extent {
        min: min[lane],
        max: max[lane],
        finite: !zero[lane].is_nan(),
    });
    let singles = rest.iter().map(|&x| Extent::of_value(x));
    lanes.chain(singles).fold(Extent::EMPTY, Extent::union)
}

/// Inlined where the caller's instructions are known, for which the compiler vectorizes it well.
#[inline(always)]
fn add_rows(sums: &mut [Quad], lines: &[Quad], quads: usize, rows: &[u32], cells: &RowCells) {
    // A loop of its own for each length of a line.
    match quads {
        1 => add_lines::<1>(sums, lines, rows, cells),
        2 => add_lines::<2>(sums, lines, rows, cells),
        _ => add_lines::<3>(sums, lines, rows, cells),
    }
}

#[inline(always)]
fn add_lines<const QUADS: usize>(
    sums: &mut [Quad],
    lines: &[Quad],
    rows: &[u32],
    cells: &RowCells,
) {
    let sums = sums.as_chunks_mut::<QUADS>().0;
    for (line, &row) in lines.as_chunks::<QUADS>().0.iter().zip(rows) {
        for &cell in cells.of(row) {
            for (sum, x) in sums[cell as usize].iter_mut().zip(line) {
                for lane in 0..LANES {
                    sum.0[lane] += x.0[lane];
                }
            }
        }
    }
}

fn split(values: &[[f64; LANES]], root: f64, planes: [&mut [Lanes]; DIGITS]) -> DigitSums {
    let [low, middle, high] = planes;
    let mut total = DigitSums {
        sums: [0; DIGITS],
        bits: [0; DIGITS],
    };
    for (((x, low), middle), high) in values.iter().zip(low).zip(middle).zip(high) {
        for lane in 0..LANES {
            let mut y = x[lane] * root * root;
            let slots = [&mut high[lane], &mut middle[lane], &mut low[lane]];
            for (digit, slot) in (0..DIGITS).rev().zip(slots) {
                let rounder = ROUNDERS[digit];
                let rounded = y + rounder;
                *slot = rounded.to_bits() as i64 - rounder.to_bits() as i64;
                y -= rounded - rounder;
                total.sums[digit] += *slot;
                total.bits[digit] |= *slot;
            }
        }
    }
    total
}

fn dot(left: &[Lanes], right: &[Lanes]) -> i64 {
    left.as_flattened()
        .iter()
        .zip(right.as_flattened())
        .map(|(x, y)| x * y)
        .sum()
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::{
        DIGITS, Digit, DigitSums, Extent, LANES, Lanes, MOST_QUADS, Quad, ROUNDERS, RowCells, line,
    };

    /// One digit of four rows.
    #[derive(Clone, Copy)]
    struct Four(__m256i);

    impl Digit for Four {
        #[inline(always)]
        fn times(self, other: Self) -> Self {
            // SAFETY: values of this type are made, and multiplied, in functions with AVX2 only. Digits fit in 32 bits.
            Self(unsafe { _mm256_mul_epi32(self.0, other.0) })
        }
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn lay_out(
        of_column: bool,
        own: [&[Lanes]; DIGITS],
        other: [&[Lanes]; DIGITS],
        quads: usize,
        lines: &mut [Quad],
        rows: &mut [u32],
    ) -> usize {
        // A loop of its own, without a decision inside, for each length of a line.
        match (of_column, quads) {
            (true, 1) => lay_out_lines::<true, 1>(own, other, lines, rows),
            (true, 2) => lay_out_lines::<true, 2>(own, other, lines, rows),
            (true, _) => lay_out_lines::<true, 3>(own, other, lines, rows),
            (false, 1) => lay_out_lines::<false, 1>(own, other, lines, rows),
            (false, 2) => lay_out_lines::<false, 2>(own, other, lines, rows),
            (false, _) => lay_out_lines::<false, 3>(own, other, lines, rows),
        }
    }

    #[target_feature(enable = "avx2")]
    fn lay_out_lines<const OF_COLUMN: bool, const QUADS: usize>(
        own: [&[Lanes]; DIGITS],
        other: [&[Lanes]; DIGITS],
        lines: &mut [Quad],
        rows: &mut [u32],
    ) -> usize {
        const { assert!(QUADS <= MOST_QUADS) };
        let zero = Four(_mm256_setzero_si256());
        let lines = lines.as_chunks_mut::<QUADS>().0;
        let lengths = own.iter().chain(&other).map(|plane| plane.len());
        let groups = lengths.min().unwrap_or(0);
        let mut number = 0;
        for group in 0..groups {
            let own = own.map(|plane| Four(load(&plane[group])));
            let other = other.map(|plane| Four(load(&plane[group])));
            let nothing = _mm256_or_si256(none(own), none(other));
            let nothing = _mm256_movemask_pd(_mm256_castsi256_pd(nothing));
            if nothing == 0b1111 {
                continue;
            }
            let line = line::<OF_COLUMN, _>(own, other, zero);
            let mut by_row = [[Quad::ZERO; QUADS]; LANES];
            for quad in 0..QUADS {
                let rows = transposed(line[quad].map(|digit| digit.0));
                for lane in 0..LANES {
                    store(&mut by_row[lane][quad].0, rows[lane]);
                }
            }
            // A row that adds nothing is written as well, and over it the next one.
            for (lane, line) in by_row.into_iter().enumerate() {
                lines[number] = line;
                rows[number] = (LANES * group + lane) as u32;
                number += usize::from(nothing & 1 << lane == 0);
            }
        }
        number
    }

    /// All bits of the rows whose digits are all zero.
    #[target_feature(enable = "avx2")]
    fn none([h, m, l]: [Four; DIGITS]) -> __m256i {
        let any = _mm256_or_si256(_mm256_or_si256(h.0, m.0), l.0);
        _mm256_cmpeq_epi64(any, _mm256_setzero_si256())
    }

    /// Four rows of four from four columns of four.
    #[target_feature(enable = "avx2")]
    fn transposed([a, b, c, d]: [__m256i; LANES]) -> [__m256i; LANES] {
        let (ab_even, ab_odd) = (_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
        let (cd_even, cd_odd) = (_mm256_unpacklo_epi64(c, d), _mm256_unpackhi_epi64(c, d));
        [
            _mm256_permute2x128_si256::<0x20>(ab_even, cd_even),
            _mm256_permute2x128_si256::<0x20>(ab_odd, cd_odd),
            _mm256_permute2x128_si256::<0x31>(ab_even, cd_even),
            _mm256_permute2x128_si256::<0x31>(ab_odd, cd_odd),
        ]
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn extent(values: &[f64]) -> Extent {
        let zero = _mm256_setzero_pd();
        let mut min = [_mm256_set1_pd(f64::INFINITY); 2];
        let mut max = [_mm256_set1_pd(f64::NEG_INFINITY); 2];
        // Zero times a number is a zero; times an infinity or a NaN it is a NaN, which stays.
        let mut zeros = [zero; 2];
        let (groups, rest) = values.as_chunks::<LANES>();
        let (pairs, single) = groups.as_chunks::<2>();
        for pair in pairs {
            for half in 0..2 {
                let x = load_doubles(&pair[half]);
                min[half] = _mm256_min_pd(x, min[half]);
                max[half] = _mm256_max_pd(x, max[half]);
                zeros[half] = _mm256_add_pd(zeros[half], _mm256_mul_pd(x, zero));
            }
        }
        let mut extent = Extent::EMPTY;
        for half in 0..2 {
            let [min, max, zeros] = [min[half], max[half], zeros[half]].map(|vector| lanes(vector));
            for ((min, max), zero) in min.into_iter().zip(max).zip(zeros) {
                extent = extent.union(Extent {
                    min,
                    max,
                    finite: !zero.is_nan(),
                });
            }
        }
        let singles = single.as_flattened().iter().chain(rest);
        singles.fold(extent, |extent, &x| extent.union(Extent::of_value(x)))
    }

    #[target_feature(enable = "avx2")]
    fn lanes(vector: __m256d) -> [f64; LANES] {
        let mut lanes = [0.0; LANES];
        // SAFETY: 32 writable bytes; the instruction asks for no alignment.
        unsafe { _mm256_storeu_pd(lanes.as_mut_ptr(), vector) };
        lanes
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn split(
        values: &[[f64; LANES]],
        root: f64,
        planes: [&mut [Lanes]; DIGITS],
    ) -> DigitSums {
        let [low, middle, high] = planes;
        let root = _mm256_set1_pd(root);
        let rounders = ROUNDERS.map(|rounder| _mm256_set1_pd(rounder));
        let mut sums = [_mm256_setzero_si256(); DIGITS];
        let mut bits = [_mm256_setzero_si256(); DIGITS];
        for (((x, low), middle), high) in values.iter().zip(low).zip(middle).zip(high) {
            let mut y = _mm256_mul_pd(_mm256_mul_pd(load_doubles(x), root), root);
            for (digit, plane) in [(2, high), (1, middle), (0, low)] {
                let rounder = rounders[digit];
                let rounded = _mm256_add_pd(y, rounder);
                let integer =
                    _mm256_sub_epi64(_mm256_castpd_si256(rounded), _mm256_castpd_si256(rounder));
                y = _mm256_sub_pd(y, _mm256_sub_pd(rounded, rounder));
                sums[digit] = _mm256_add_epi64(sums[digit], integer);
                bits[digit] = _mm256_or_si256(bits[digit], integer);
                store(plane, integer);
            }
        }
        DigitSums {
            sums: sums.map(|vector| total(vector)),
            bits: bits.map(|vector| union(vector)),
        }
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn dot<const A: usize, const B: usize>(
        left: [&[Lanes]; A],
        right: [&[Lanes]; B],
    ) -> [[i64; B]; A] {
        let lengths = left.iter().chain(&right).map(|plane| plane.len());
        let groups = lengths.min().unwrap_or(0);
        let mut sums = [[_mm256_setzero_si256(); B]; A];
        for group in 0..groups {
            // SAFETY: no plane is shorter than `groups`. Checked by hand because the compiler
            // repeats the check for each plane in this innermost loop.
            let at = |plane: &[Lanes]| unsafe { load(plane.get_unchecked(group)) };
            for a in 0..A {
                let x = at(left[a]);
                for b in 0..B {
                    sums[a][b] = _mm256_add_epi64(sums[a][b], _mm256_mul_epi32(x, at(right[b])));
                }
            }
        }
        let mut totals = [[0; B]; A];
        for a in 0..A {
            for b in 0..B {
                totals[a][b] = total(sums[a][b]);
            }
        }
        totals
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn add_rows(
        sums: &mut [Quad],
        lines: &[Quad],
        quads: usize,
        rows: &[u32],
        cells: &RowCells,
    ) {
        super::add_rows(sums, lines, quads, rows, cells);
    }

    #[target_feature(enable = "avx2")]
    fn load(lanes: &Lanes) -> __m256i {
        // SAFETY: a reference to 32 readable bytes; the instruction asks for no alignment.
        unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx2")]
    fn load_doubles(lanes: &[f64; LANES]) -> __m256d {
        // SAFETY: a reference to 32 readable bytes; the instruction asks for no alignment.
        unsafe { _mm256_loadu_pd(lanes.as_ptr()) }
    }

    #[target_feature(enable = "avx2")]
    fn store(lanes: &mut Lanes, vector: __m256i) {
        // SAFETY: a reference to 32 writable bytes; the instruction asks for no alignment.
        unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), vector) }
    }

    #[target_feature(enable = "avx2")]
    fn total(vector: __m256i) -> i64 {
        let halves = _mm_add_epi64(
            _mm256_castsi256_si128(vector),
            _mm256_extracti128_si256::<1>(vector),
        );
        _mm_cvtsi128_si64(halves) + _mm_extract_epi64::<1>(halves)
    }

    #[target_feature(enable = "avx2")]
    fn union(vector: __m256i) -> i64 {
        let halves = _mm_or_si128(
            _mm256_castsi256_si128(vector),
            _mm256_extracti128_si256::<1>(vector),
        );
        _mm_cvtsi128_si64(halves) | _mm_extract_epi64::<1>(halves)
    }
}
