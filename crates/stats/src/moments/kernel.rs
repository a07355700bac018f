//! The loops over rows: taking digits, multiplying them, and adding them to cells.
//!
//! The first two are written twice, in plain Rust and with AVX2 instructions, and both do the same
//! exact operations. They are not left to the compiler's vectorizer because it was seen to transpose
//! these loops into something several times slower, depending on the code around them.

use super::digits::{DIGITS, RADIX_BITS, power_of_two};

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

    /// Adds lines, one for each of some rows, to the sums of the rows' cells; both have `quads` quads
    /// a line, and `cells` says for each row which cell it is in.
    pub(super) fn add_rows(
        self,
        sums: &mut [Quad],
        lines: &[Quad],
        quads: usize,
        rows: &[u32],
        cells: &[u32],
    ) {
        match self {
            Self::Portable => add_rows(sums, lines, quads, rows, cells),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the variant exists only where the processor has AVX2.
            Self::Avx2 => unsafe { avx2::add_rows(sums, lines, quads, rows, cells) },
        }
    }
}

/// Inlined where the caller's instructions are known, for which the compiler vectorizes it well.
#[inline(always)]
fn add_rows(sums: &mut [Quad], lines: &[Quad], quads: usize, rows: &[u32], cells: &[u32]) {
    // A loop of its own for each length of a line.
    match quads {
        1 => add_lines::<1>(sums, lines, rows, cells),
        2 => add_lines::<2>(sums, lines, rows, cells),
        _ => add_lines::<3>(sums, lines, rows, cells),
    }
}

#[inline(always)]
fn add_lines<const QUADS: usize>(sums: &mut [Quad], lines: &[Quad], rows: &[u32], cells: &[u32]) {
    let sums = sums.as_chunks_mut::<QUADS>().0;
    for (line, &row) in lines.as_chunks::<QUADS>().0.iter().zip(rows) {
        let sums = &mut sums[cells[row as usize] as usize];
        for (sum, x) in sums.iter_mut().zip(line) {
            for lane in 0..LANES {
                sum.0[lane] += x.0[lane];
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

    use super::{DIGITS, DigitSums, LANES, Lanes, Quad, ROUNDERS};

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
        cells: &[u32],
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
