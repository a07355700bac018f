//! Sums of floating-point numbers that are the same in whatever order the engine's threads add.

use duckdb::ffi;

/// The SQL name of the aggregate: `touchstone_sum(DOUBLE)`, which like `sum` is NULL where there is no number.
pub(crate) const FUNCTION: &str = "touchstone_sum";
const NAME: &std::ffi::CStr = c"touchstone_sum";

/// A group's sum so far.
///
/// It is a whole number of units of 2^-76, which integers add exactly in any order. Of each number what is below a unit is
/// cut off: nothing of numbers of at least 2^-24 in size, about 6e-8. From 2^49 on, about 5e14, as of what is no number, it
/// is a plain sum of doubles, as good as any, though not the same in any order. (Decimals are exact as well, but converting
/// to them costs a third of a query.)
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct Sum {
    low: u64,
    /// Where it is [`PLAIN`], the low word holds the bits of a double.
    high: i64,
}

/// No sum of units is that low.
const PLAIN: i64 = i64::MIN;
/// Binary digits after the point.
const DIGITS: i32 = 76;
/// Sums of this size, in units, are plain.
const MOST: i128 = 1 << 125;

impl Sum {
    /// No number as yet: what is no sum of units is large, or no number, and not -0.
    const EMPTY: Self = Self::plain(-0.0);

    const fn plain(sum: f64) -> Self {
        Self {
            low: sum.to_bits(),
            high: PLAIN,
        }
    }

    fn is_empty(self) -> bool {
        self.high == PLAIN && self.low == (-0.0_f64).to_bits()
    }

    /// The whole units; none of a plain sum.
    fn units(self) -> Option<i128> {
        if self.high != PLAIN {
            return Some(i128::from(self.high) << 64 | i128::from(self.low));
        }
        self.is_empty().then_some(0)
    }

    fn of_units(units: i128) -> Self {
        Self {
            low: units as u64,
            high: (units >> 64) as i64,
        }
    }

    /// Adds another sum, of a number or of several, that is not empty.
    fn merge(&mut self, other: Self) {
        let sum = match (self.units(), other.units()) {
            // Both are below 2^125 in size, so that the sum fits.
            (Some(mine), Some(theirs)) => Some(mine + theirs),
            _ => None,
        };
        *self = match sum {
            Some(sum) if -MOST < sum && sum < MOST => Self::of_units(sum),
            _ => Self::plain(self.number() + other.number()),
        };
    }

    /// A number as a sum.
    fn of(number: f64) -> Self {
        const MANTISSA: u32 = f64::MANTISSA_DIGITS - 1;
        let bits = number.to_bits();
        let exponent = (bits >> MANTISSA & 0x7ff) as i32;
        // The exponent of the last digit of the mantissa, against a unit.
        let shift = exponent - 1075 + DIGITS;
        if shift > 125 - 53 {
            return Self::plain(number);
        }
        // Numbers without the leading digit are far below a unit.
        let mantissa = i128::from(bits & ((1 << MANTISSA) - 1) | 1 << MANTISSA);
        let size = match shift {
            0.. => mantissa << shift,
            -63..0 => mantissa >> -shift,
            _ => 0,
        };
        Self::of_units(if number < 0.0 { -size } else { size })
    }

    fn add(&mut self, number: f64) {
        self.merge(Self::of(number));
    }

    /// The double nearest to the sum.
    fn number(self) -> f64 {
        const UNIT: f64 = 1.0 / (1_u128 << DIGITS) as f64;
        match self.units() {
            Some(units) => units as f64 * UNIT,
            None => f64::from_bits(self.low),
        }
    }

    fn total(self) -> Option<f64> {
        (!self.is_empty()).then(|| self.number())
    }
}

/// Makes the aggregate known to all connections of a database.
///
/// # Safety
///
/// `connection` is one that is open.
pub(crate) unsafe fn register(connection: ffi::duckdb_connection) -> bool {
    // SAFETY: what is made here is destroyed here, after the engine has copied it; the callbacks keep to the types and
    // the size that they are registered with.
    unsafe {
        let mut double = ffi::duckdb_create_logical_type(ffi::DUCKDB_TYPE_DUCKDB_TYPE_DOUBLE);
        let mut function = ffi::duckdb_create_aggregate_function();
        ffi::duckdb_aggregate_function_set_name(function, NAME.as_ptr());
        ffi::duckdb_aggregate_function_add_parameter(function, double);
        ffi::duckdb_aggregate_function_set_return_type(function, double);
        ffi::duckdb_aggregate_function_set_functions(
            function,
            Some(size),
            Some(begin),
            Some(update),
            Some(combine),
            Some(finish),
        );
        let outcome = ffi::duckdb_register_aggregate_function(connection, function);
        ffi::duckdb_destroy_aggregate_function(&mut function);
        ffi::duckdb_destroy_logical_type(&mut double);
        outcome == ffi::DuckDBSuccess
    }
}

extern "C" fn size(_: ffi::duckdb_function_info) -> ffi::idx_t {
    size_of::<Sum>() as ffi::idx_t
}

unsafe extern "C" fn begin(_: ffi::duckdb_function_info, state: ffi::duckdb_aggregate_state) {
    // SAFETY: the engine gives `size` bytes, which it may not have aligned.
    unsafe { state.cast::<Sum>().write_unaligned(Sum::EMPTY) }
}

unsafe extern "C" fn update(
    _: ffi::duckdb_function_info,
    input: ffi::duckdb_data_chunk,
    states: *mut ffi::duckdb_aggregate_state,
) {
    // SAFETY: a chunk has the one column of doubles that the function is declared with, flattened, and there is a state
    // for each of its rows.
    unsafe {
        let rows = ffi::duckdb_data_chunk_get_size(input) as usize;
        let vector = ffi::duckdb_data_chunk_get_vector(input, 0);
        let numbers: *const f64 = ffi::duckdb_vector_get_data(vector).cast();
        let validity: *const u64 = ffi::duckdb_vector_get_validity(vector);
        for row in 0..rows {
            let is_there = validity.is_null() || *validity.add(row / 64) >> (row % 64) & 1 == 1;
            if is_there {
                change(*states.add(row), |sum| sum.add(*numbers.add(row)));
            }
        }
    }
}

unsafe extern "C" fn combine(
    _: ffi::duckdb_function_info,
    source: *mut ffi::duckdb_aggregate_state,
    target: *mut ffi::duckdb_aggregate_state,
    count: ffi::idx_t,
) {
    for place in 0..count as usize {
        // SAFETY: there are `count` states in both.
        unsafe {
            let other = (*source.add(place)).cast::<Sum>().read_unaligned();
            if !other.is_empty() {
                change(*target.add(place), |sum| sum.merge(other));
            }
        }
    }
}

unsafe extern "C" fn finish(
    _: ffi::duckdb_function_info,
    source: *mut ffi::duckdb_aggregate_state,
    result: ffi::duckdb_vector,
    count: ffi::idx_t,
    offset: ffi::idx_t,
) {
    // SAFETY: the result is a vector of doubles with room for `count` of them from `offset` on, and there are `count`
    // states.
    unsafe {
        let totals: *mut f64 = ffi::duckdb_vector_get_data(result).cast();
        for place in 0..count as usize {
            let row = offset as usize + place;
            let sum = (*source.add(place)).cast::<Sum>().read_unaligned();
            match sum.total() {
                Some(total) => *totals.add(row) = total,
                None => {
                    ffi::duckdb_vector_ensure_validity_writable(result);
                    let validity = ffi::duckdb_vector_get_validity(result);
                    ffi::duckdb_validity_set_row_invalid(validity, row as ffi::idx_t);
                }
            }
        }
    }
}

/// # Safety
///
/// `state` is one that [`begin`] has begun.
unsafe fn change(state: ffi::duckdb_aggregate_state, how: impl FnOnce(&mut Sum)) {
    let state = state.cast::<Sum>();
    // SAFETY: as the function's.
    unsafe {
        let mut sum = state.read_unaligned();
        how(&mut sum);
        state.write_unaligned(sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(numbers: &[f64]) -> Option<f64> {
        let mut sum = Sum::EMPTY;
        numbers.iter().for_each(|&number| sum.add(number));
        sum.total()
    }

    #[test]
    fn nothing_is_no_sum_and_zeros_are_one() {
        assert_eq!(total(&[]), None);
        assert_eq!(total(&[0.0]), Some(0.0));
        assert_eq!(total(&[-0.0, -0.0]), Some(0.0));
        assert_eq!(total(&[1.5, -1.5]), Some(0.0));
        let mut empty = Sum::EMPTY;
        empty.add(0.0);
        assert_eq!(empty.total(), Some(0.0));
    }

    #[test]
    fn the_order_of_numbers_and_of_parts_does_not_matter() {
        let mut numbers: Vec<f64> = (1..5000_u32)
            .map(|k| f64::from(k.wrapping_mul(2_654_435_761) >> 8) / 997.0 - 4000.0)
            .collect();
        let forwards = total(&numbers);
        numbers.reverse();
        assert_eq!(total(&numbers), forwards);
        let mut parts = Sum::EMPTY;
        for part in numbers.chunks(7) {
            let mut sum = Sum::EMPTY;
            part.iter().for_each(|&number| sum.add(number));
            parts.merge(sum);
        }
        assert_eq!(parts.total(), forwards);
        // A plain sum does depend on it, or the test would show nothing.
        let plain: f64 = numbers.iter().sum();
        assert_ne!(plain, numbers.iter().rev().sum::<f64>());
    }

    #[test]
    fn tenths_add_up_to_what_they_are() {
        assert_eq!(total(&[0.1; 10]), Some(1.0));
        assert_eq!(total(&[1e9, 0.01, -1e9]), Some(0.01));
        // The double 123456789.01 is not that number, and the sum says by how much.
        let left = (123_456_789.01 - 123_456_789.0) - 0.01;
        assert_eq!(total(&[123_456_789.01, -0.01, -123_456_789.0]), Some(left));
        // What is cut off is below a unit for each number.
        let tiny = total(&[1e-9; 1000]).unwrap();
        assert!((tiny - 1e-6).abs() < 1000.0 / 2_f64.powi(76));
        assert_eq!(total(&[f64::MIN_POSITIVE, -1e-300]), Some(0.0));
    }

    #[test]
    fn a_sum_is_the_nearest_double() {
        // 2^53 + 1 is halfway between two doubles, and a unit decides.
        let digits = |units: i128| Sum::of_units(units).number() * 2_f64.powi(76);
        assert_eq!(digits((1 << 53) + 1), 2_f64.powi(53));
        assert_eq!(digits((1 << 54) + 3), 2_f64.powi(54) + 4.0);
        assert_eq!(digits(-(1 << 100) - 1), -2_f64.powi(100));
        for number in [0.1, -1e-7, 6e-8, 1e14, -499_999_999_999_999.94] {
            assert_eq!(total(&[number]), Some(number));
        }
    }

    #[test]
    fn large_sums_are_those_of_doubles() {
        assert_eq!(total(&[1e300, 1.0, -1e300]), Some(0.0));
        assert_eq!(total(&[1e15; 3]), Some(3e15));
        assert_eq!(total(&[4e14, 4e14, 1.0]), Some(8e14 + 1.0));
        assert_eq!(total(&[f64::MAX, f64::MAX]), Some(f64::INFINITY));
        let mut parts = Sum::of(2e15);
        parts.merge(Sum::of(0.5));
        assert_eq!(parts.total(), Some(2e15 + 0.5));
    }

    #[test]
    fn what_is_no_number_is_not_hidden() {
        assert!(total(&[1.0, f64::NAN]).is_some_and(f64::is_nan));
        assert!(total(&[f64::INFINITY]).is_some_and(|total| !total.is_finite()));
    }
}
