use ethnum::I256;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::digits::{DIGITS, RADIX_BITS, lowest_digit, power_of_two};
use super::kernel::Kernel;
use super::*;

/// Rows of three columns.
type Rows = Vec<[f64; 3]>;

fn all_pairs() -> Products {
    Products::new(3, |_, _| true)
}

fn columns(rows: &[[f64; 3]]) -> [Vec<f64>; 3] {
    std::array::from_fn(|column| rows.iter().map(|row| row[column]).collect())
}

fn push(sums: &mut CoMoments, rows: &[[f64; 3]]) {
    let columns = columns(rows);
    sums.push(&columns.each_ref().map(Vec::as_slice)).unwrap();
}

fn accumulated(rows: &[[f64; 3]]) -> CoMoments {
    let mut sums = CoMoments::new(&all_pairs());
    push(&mut sums, rows);
    sums
}

/// Every number a summary holds.
fn bits(moments: &Moments) -> Vec<u64> {
    let columns = moments.products().columns();
    let of_columns = (0..columns).flat_map(|i| {
        let extent = [moments.min(i), moments.max(i)].map(|value| value.unwrap_or(f64::NAN));
        [moments.sum(i), moments.mean(i), extent[0], extent[1]]
    });
    let pairs = moments.products().pairs().iter();
    let of_pairs = pairs.map(|&(i, j)| moments.comoment(i, j).unwrap());
    std::iter::once(moments.rows())
        .chain(of_columns.chain(of_pairs).map(f64::to_bits))
        .collect()
}

/// The sums themselves, of which a summary may not show the last digits.
pub(super) fn state(sums: &CoMoments) -> impl PartialEq + std::fmt::Debug + use<> {
    let columns = sums.columns.iter();
    let columns: Vec<_> = columns.map(|column| (column.low, column.sums)).collect();
    (bits(&sums.finish()), columns, sums.product_sums.clone())
}

/// Any finite double, with the kinds that matter likely.
pub(super) fn any_finite() -> impl Strategy<Value = f64> {
    let finite = |bits: u64| Some(f64::from_bits(bits)).filter(|x| x.is_finite());
    prop_oneof![
        3 => any::<u64>().prop_filter_map("finite", finite),
        2 => -1e3..1e3,
        2 => (-1000_i32..1000).prop_map(f64::from),
        1 => prop::sample::select(vec![0.0, -0.0, f64::MIN_POSITIVE, 5e-324, -1e-310, 1e-300, 1e300]),
    ]
}

fn any_rows() -> impl Strategy<Value = Rows> {
    let row = (
        any_finite(),
        any_scale(),
        prop_oneof![0.0..1.0, any_scale()],
    );
    vec(row.prop_map(|(x, y, z)| [x, y, z]), 0..700)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn order_chunks_and_merges_do_not_matter(
        rows in any_rows(),
        swaps in vec((any::<Index>(), any::<Index>()), 0..700),
        cuts in vec(any::<Index>(), 0..6),
        rotation in any::<Index>(),
    ) {
        let expected = state(&accumulated(&rows));

        let mut shuffled = rows.clone();
        if !rows.is_empty() {
            for (a, b) in swaps {
                shuffled.swap(a.index(rows.len()), b.index(rows.len()));
            }
        }
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(rows.len() + 1)).collect();
        ends.extend([0, rows.len()]);
        ends.sort_unstable();
        let chunks: Vec<_> = ends.windows(2).map(|ends| &shuffled[ends[0]..ends[1]]).collect();

        let mut pushed = CoMoments::new(&all_pairs());
        chunks.iter().for_each(|chunk| push(&mut pushed, chunk));
        prop_assert_eq!(&state(&pushed), &expected);

        let mut parts: Vec<CoMoments> = chunks.iter().map(|chunk| accumulated(chunk)).collect();
        let first = rotation.index(parts.len());
        parts.rotate_left(first);
        let mut merged = CoMoments::new(&all_pairs());
        for part in &parts {
            merged.merge(part).unwrap();
        }
        prop_assert_eq!(&state(&merged), &expected);
    }

    #[test]
    fn instructions_do_not_matter(rows in any_rows()) {
        let mut portable = CoMoments { kernel: Kernel::Portable, ..CoMoments::new(&all_pairs()) };
        push(&mut portable, &rows);
        prop_assert_eq!(state(&portable), state(&accumulated(&rows)));
    }

    #[test]
    fn equals_exact_arithmetic_on_rounded_values(
        rows in vec((any_scale(), any_scale(), any_scale()).prop_map(|(x, y, z)| [x, y, z]), 1..40),
    ) {
        let moments = accumulated(&rows).finish();
        let units = columns(&rows).map(|values| in_units(&values));
        let n = I256::from(rows.len() as u64);
        for i in 0..3 {
            let (unit, values) = &units[i];
            let sum: I256 = values.iter().sum();
            prop_assert_eq!(moments.sum(i), correctly_rounded(sum) * power_of_two(*unit));
            for (j, (other_unit, others)) in units.iter().enumerate() {
                let products: I256 = values.iter().zip(others).map(|(x, y)| *x * *y).sum();
                let centred = n * products - sum * others.iter().sum::<I256>();
                let expected =
                    correctly_rounded(centred) / rows.len() as f64 * power_of_two(*unit) * power_of_two(*other_unit);
                let found = moments.comoment(i, j).unwrap();
                prop_assert!(
                    (found - expected).abs() <= f64::EPSILON * expected.abs(),
                    "{found} {expected}"
                );
            }
        }
    }

    #[test]
    fn agrees_with_two_passes(
        rows in vec((-1.0..1.0, -1.0..1.0, 0.0..1e6).prop_map(|(x, y, z)| [x, x + y, z]), 2..300),
    ) {
        let moments = accumulated(&rows).finish();
        let columns = columns(&rows);
        let n = rows.len() as f64;
        let centred = columns.map(|values| {
            let mean = compensated(values.iter().copied()) / n;
            values.into_iter().map(|x| x - mean).collect::<Vec<f64>>()
        });
        for i in 0..3 {
            for j in 0..3 {
                let products = || centred[i].iter().zip(&centred[j]).map(|(x, y)| x * y);
                let magnitude: f64 = products().map(f64::abs).sum();
                let difference = moments.comoment(i, j).unwrap() - compensated(products());
                prop_assert!(difference.abs() <= 1e-13 * magnitude);
            }
        }
    }

    #[test]
    fn an_offset_leaves_the_variance(
        deviations in vec(-4.0..4.0, 50..400),
        offset in prop::sample::select(vec![1e6, -1e9, 1e12, 3e15]),
    ) {
        // The offset rounds the deviations; what it leaves of them is exact.
        let rows: Rows = deviations.iter().map(|x| [x + offset, (x + offset) - offset, 0.0]).collect();
        let moments = accumulated(&rows).finish();
        let relative = moments.variance(0) / moments.variance(1) - 1.0;
        prop_assert!(relative.abs() <= 1e-15, "{relative:e}");
    }

    #[test]
    fn chan_merge_agrees_with_all_rows(
        rows in vec((-5.0..5.0, 100.0..101.0, 0.0..1.0).prop_map(|(x, y, z)| [x, y, z]), 0..300),
        cut in any::<Index>(),
    ) {
        let cut = cut.index(rows.len() + 1);
        let whole = accumulated(&rows).finish();
        let mut merged = accumulated(&rows[..cut]).finish();
        merged.merge(&accumulated(&rows[cut..]).finish()).unwrap();
        prop_assert_eq!(merged.rows(), whole.rows());
        for i in 0..3 {
            prop_assert_eq!((merged.min(i), merged.max(i)), (whole.min(i), whole.max(i)));
            if rows.is_empty() {
                prop_assert!(merged.mean(i).is_nan());
                continue;
            }
            prop_assert!((merged.mean(i) - whole.mean(i)).abs() <= 1e-12 * 100.0);
            prop_assert!((merged.sum(i) - whole.sum(i)).abs() <= 1e-12 * 101.0 * rows.len() as f64);
            for j in 0..3 {
                let scale = (whole.comoment(i, i).unwrap() * whole.comoment(j, j).unwrap()).sqrt();
                let difference = merged.comoment(i, j).unwrap() - whole.comoment(i, j).unwrap();
                prop_assert!(difference.abs() <= 1e-12 * scale.max(1.0));
            }
        }
    }

    #[test]
    fn the_window_holds_the_magnitude_and_its_last_bit(x in any_finite(), y in any_finite()) {
        let (x, y) = (x.abs(), y.abs());
        let extent = Kernel::detect().extent(&[-0.0, x, -y]);
        prop_assert_eq!(extent.magnitude().to_bits(), x.max(y).to_bits());
        prop_assert_eq!(lowest_digit(x.min(y)), lowest_digit(x).min(lowest_digit(y)));
        let low = lowest_digit(x);
        if x >= f64::MIN_POSITIVE {
            let unit = RADIX_BITS * low;
            let exponent = (x.to_bits() >> 52) as i32 - 1023;
            prop_assert!(exponent < unit + RADIX_BITS * DIGITS as i32 - 1);
            prop_assert!(unit <= exponent - 55);
        }
    }
}

/// Numbers of exponents that differ by more than the window is wide, and integers.
fn any_scale() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-1.0..1.0, -60..60).prop_map(|(x, exponent): (f64, i32)| x * power_of_two(exponent)),
        (-1000_i32..1000).prop_map(f64::from),
    ]
}

/// The exponent of a column's unit, and its values as integers of that unit: from the bits of the
/// doubles, rounded to nearest with ties to even.
fn in_units(values: &[f64]) -> (i32, Vec<I256>) {
    let magnitude = values.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
    let unit = RADIX_BITS * lowest_digit(magnitude);
    let round = |x: &f64| {
        let significand = (x.to_bits() & ((1 << 52) - 1)) as i128 | 1 << 52;
        let shift = ((x.to_bits() >> 52) & 0x7ff) as i32 - 1075 - unit;
        let rounded = match shift {
            _ if *x == 0.0 => 0,
            0.. => significand << shift,
            -60..0 => {
                let floor = significand >> -shift;
                let remainder = significand - (floor << -shift);
                let half = 1 << (-shift - 1);
                floor + i128::from(remainder > half || (remainder == half && floor % 2 == 1))
            }
            _ => 0,
        };
        I256::from(if *x < 0.0 { -rounded } else { rounded })
    };
    (unit, values.iter().map(round).collect())
}

/// By way of decimal digits, whose conversion is correctly rounded.
fn correctly_rounded(integer: I256) -> f64 {
    integer.to_string().parse().unwrap()
}

/// Neumaier's sum.
fn compensated(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut error) = (0.0_f64, 0.0);
    for x in values {
        let next = sum + x;
        error += if sum.abs() >= x.abs() {
            (sum - next) + x
        } else {
            (x - next) + sum
        };
        sum = next;
    }
    sum + error
}

#[test]
fn a_huge_value_arriving_last_cuts_what_came_before() {
    let mut rows: Rows = (0..600)
        .map(|k| [f64::from(k) * 0.1, 1e-300, -0.0])
        .collect();
    rows.push([1e300, 5e-324, 0.0]);
    let last = bits(&accumulated(&rows).finish());
    rows.reverse();
    let moments = accumulated(&rows).finish();
    assert_eq!(bits(&moments), last);
    assert_eq!(moments.sum(0), 1e300);
    assert_eq!(moments.variance(0), f64::INFINITY);
    assert_eq!(moments.max(0), Some(1e300));
    assert_eq!(moments.sum(1), 600.0 * 1e-300);
    assert_eq!(moments.sum(2).to_bits(), 0.0_f64.to_bits());
    assert_eq!(moments.min(2).map(f64::to_bits), Some(0.0_f64.to_bits()));
}

#[test]
fn negative_zeros_are_zeros() {
    for count in [1, 9, 300] {
        let moments = accumulated(&vec![[-0.0; 3]; count]).finish();
        assert_eq!(
            Kernel::detect()
                .extent(&vec![-0.0; count])
                .magnitude()
                .to_bits(),
            0
        );
        assert_eq!(moments.mean(0).to_bits(), 0);
        assert_eq!(moments.comoment(0, 1).map(f64::to_bits), Some(0));
    }
}

#[test]
fn subnormals_are_exact() {
    let rows = [
        [5e-324, 1.0, 0.0],
        [1.5e-323, 3.0, 0.0],
        [-5e-324, -1.0, 0.0],
    ];
    let moments = accumulated(&rows).finish();
    assert_eq!(moments.sum(0), 1.5e-323);
    assert_eq!(moments.max(0), Some(1.5e-323));
    assert_eq!(moments.comoment(0, 1), Some(8.0 * 5e-324));
}

#[test]
fn the_largest_digits_do_not_overflow_a_block() {
    // Each digit of each value is 2^27 in magnitude.
    let unit = power_of_two(-RADIX_BITS);
    let x = power_of_two(27) * (1.0 + unit);
    let rows: Rows = (0..5000)
        .map(|k| [x, if k % 2 == 0 { x } else { -x }, power_of_two(27)])
        .collect();
    let moments = accumulated(&rows).finish();
    assert_eq!(moments.sum(0), 5000.0 * x);
    assert_eq!(moments.variance(0), 0.0);
    assert_eq!(moments.comoment(1, 1), Some(5000.0 * (x * x)));
    assert_eq!(moments.comoment(0, 1), Some(0.0));
}

#[test]
fn no_rows_and_one_row() {
    let mut sums = CoMoments::new(&all_pairs());
    sums.push(&[&[], &[], &[]]).unwrap();
    let none = sums.finish();
    assert_eq!(
        (none.rows(), none.sum(0), none.comoment(0, 1)),
        (0, 0.0, Some(0.0))
    );
    assert!(none.mean(0).is_nan() && none.variance(0).is_nan());
    assert_eq!((none.min(0), none.max(0)), (None, None));

    let one = accumulated(&[[0.1, -2.5, 1e100]]).finish();
    assert_eq!((one.mean(0), one.mean(1), one.mean(2)), (0.1, -2.5, 1e100));
    assert_eq!(
        (one.comoment(0, 0), one.comoment(1, 2)),
        (Some(0.0), Some(0.0))
    );
    assert!(one.variance(0).is_nan());
    assert_eq!((one.min(1), one.max(1)), (Some(-2.5), Some(-2.5)));
}

#[test]
fn only_wanted_products_are_there() {
    let products = Products::new(3, |i, j| (i, j) == (2, 0));
    let mut sums = CoMoments::new(&products);
    sums.push(&[&[1.0, 2.0], &[0.0, 1.0], &[5.0, 9.0]]).unwrap();
    let moments = sums.finish();
    assert_eq!(moments.covariance(0, 2), Some(2.0));
    assert_eq!(moments.covariance(2, 0), Some(2.0));
    assert_eq!(moments.covariance(0, 1), None);
    assert_eq!(moments.variance(1), 0.5);
}

#[test]
fn a_refused_push_adds_nothing() {
    let mut sums = accumulated(&[[1.0, 2.0, 3.0], [4.0, 5.0, 7.0]]);
    let before = bits(&sums.finish());
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for position in [0, 5, 299] {
            let mut column = vec![1.0; 300];
            column[position] = bad;
            let good = vec![1e9; 300];
            let found = sums.push(&[&good, &column, &good]);
            assert_eq!(found, Err(MomentsError::NotFinite { column: 1 }));
        }
    }
    let found = sums.push(&[&[1.0], &[1.0, 2.0], &[1.0]]);
    let expected = MomentsError::RowCount {
        column: 1,
        expected: 1,
        found: 2,
    };
    assert_eq!(found, Err(expected));
    let found = sums.push(&[&[1.0]]);
    assert_eq!(
        found,
        Err(MomentsError::ColumnCount {
            expected: 3,
            found: 1
        })
    );
    let other = CoMoments::new(&Products::new(3, |_, _| false));
    assert_eq!(sums.merge(&other), Err(MomentsError::DifferentProducts));
    assert_eq!(bits(&sums.finish()), before);
}

#[test]
fn rows_are_limited() {
    // Doubling reaches 2^40 rows of the largest magnitudes without pushing them.
    let mut sums = accumulated(&[[f64::MAX, 3.0, -1.0], [-f64::MAX, 5.0, 1.0]]);
    while sums.rows() < CoMoments::MAX_ROWS {
        sums.merge(&sums.clone()).unwrap();
    }
    let moments = sums.finish();
    assert_eq!(moments.mean(0), 0.0);
    assert_eq!(moments.mean(1), 4.0);
    assert_eq!(moments.comoment(1, 1), Some(CoMoments::MAX_ROWS as f64));
    assert_eq!(moments.comoment(1, 2), moments.comoment(1, 1));
    assert_eq!(moments.comoment(0, 1), Some(f64::NEG_INFINITY));
    assert_eq!(sums.merge(&sums.clone()), Err(MomentsError::TooManyRows));
    assert_eq!(
        sums.push(&[&[1.0], &[1.0], &[1.0]]),
        Err(MomentsError::TooManyRows)
    );
}

#[test]
fn integers_round_to_the_nearest_double() {
    let tie = (1_i128 << 53) + 1;
    let cases = [
        (I256::from(tie) << 150, power_of_two(203)),
        (
            (I256::from(tie) << 150) + I256::ONE,
            power_of_two(203) + power_of_two(151),
        ),
        ((I256::from(tie) << 150) - I256::ONE, power_of_two(203)),
        (
            I256::from(tie + 2) << 150,
            power_of_two(203) + power_of_two(152),
        ),
        (I256::from(-7), -7.0),
        (I256::ZERO, 0.0),
        (I256::MAX, power_of_two(255)),
    ];
    for (integer, expected) in cases {
        assert_eq!(nearest(integer), expected, "{integer}");
    }
}

#[test]
fn parts_from_elsewhere() {
    let products = Products::new(2, |_, _| true);
    let parts = |means: &[f64], comoment: f64| {
        Moments::from_parts(
            &products,
            4,
            means,
            |i, j| if i == j { comoment } else { 1.0 },
        )
    };
    let moments = parts(&[2.0, -0.5], 6.0).unwrap();
    assert_eq!((moments.sum(0), moments.sum(1)), (8.0, -2.0));
    assert_eq!(
        (moments.variance(1), moments.covariance(1, 0)),
        (2.0, Some(1.0 / 3.0))
    );
    assert_eq!(moments.min(0), None);

    let found = parts(&[2.0], 6.0);
    assert_eq!(
        found,
        Err(MomentsError::ColumnCount {
            expected: 2,
            found: 1
        })
    );
    assert_eq!(
        parts(&[2.0, f64::NAN], 6.0),
        Err(MomentsError::NotFinite { column: 1 })
    );
    assert_eq!(
        parts(&[2.0, 0.0], f64::INFINITY),
        Err(MomentsError::NotFinite { column: 0 })
    );
    assert_eq!(
        parts(&[2.0, 0.0], -1.0),
        Err(MomentsError::NegativeVariance { column: 0 })
    );
}
