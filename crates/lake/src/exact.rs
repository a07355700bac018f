//! Sums of floating-point numbers that are the same in whatever order the engine's threads add.

use duckdb::ffi;

/// The SQL name of the aggregate: `touchstone_sum(DOUBLE)`, which like `sum` is NULL where there is no number.
pub(crate) const FUNCTION: &str = "touchstone_sum";
const NAME: &std::ffi::CStr = c"touchstone_sum";

/// A group's sum so far, in parts that are exact.
///
/// Each number is split into a multiple of 2^-12, of what is left a multiple of 2^-48, and of what is then left a
/// multiple of 2^-84 (of numbers below 2^39 in size); of a number of at least 2^-31, about 5e-10, nothing is left then. Sums of such multiples are exact
/// in a double while those of the first part stay below 2^41 and there are no more than 2^18 numbers; beyond that they
/// are as good as any sum of doubles, though not the same in any order. (Decimals are exact as well, but converting to
/// them costs a third of a query.)
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct Sum([f64; 3]);

impl Sum {
    /// No number as yet: no sum of multiples, which begin at +0, is -0.
    const EMPTY: Self = Self([-0.0; 3]);

    fn add(&mut self, number: f64) {
        // Adding and taking away 1.5 * 2^(52 - k) rounds to a multiple of 2^-k.
        const ROUNDERS: [f64; 3] = [
            1.5 * (1_u64 << 40) as f64,
            1.5 * (1_u64 << 4) as f64,
            1.5 / (1_u64 << 32) as f64,
        ];
        let mut rest = number;
        for (part, rounder) in self.0.iter_mut().zip(ROUNDERS) {
            let rounded = (rest + rounder) - rounder;
            *part += rounded;
            rest -= rounded;
        }
    }

    fn merge(&mut self, other: &Self) {
        for (part, other) in self.0.iter_mut().zip(other.0) {
            *part += other;
        }
    }

    fn total(&self) -> Option<f64> {
        let [coarse, fine, finest] = self.0;
        let is_empty = coarse == 0.0 && coarse.is_sign_negative();
        (!is_empty).then_some(coarse + (fine + finest))
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
            change(*target.add(place), |sum| sum.merge(&other));
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
        empty.merge(&Sum::EMPTY);
        assert_eq!(empty.total(), None);
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
            parts.merge(&sum);
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
        // A product is rounded once.
        assert_eq!(total(&[1e-9; 1000]), Some(1000.0 * 1e-9));
    }

    #[test]
    fn what_is_no_number_is_not_hidden() {
        assert!(total(&[1.0, f64::NAN]).is_some_and(f64::is_nan));
        assert!(total(&[f64::INFINITY]).is_some_and(|total| !total.is_finite()));
    }
}
