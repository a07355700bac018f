//! Sums and maps over many rows on all processors.
//!
//! Rows are cut into chunks of a fixed size whose results are put together in their
//! order, so that no result depends on the number of threads.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::thread;

/// Rows of a chunk.
const CHUNK: usize = 2048;

/// Sums of `width` quantities over rows. `add` adds those of a range of rows to a
/// slice.
pub(crate) fn sum(
    rows: usize,
    width: usize,
    add: impl Fn(Range<usize>, &mut [f64]) + Sync,
) -> Vec<f64> {
    if width == 0 {
        return Vec::new();
    }
    let mut parts = vec![0.0; rows.div_ceil(CHUNK).max(1) * width];
    over_chunks(rows, CHUNK, &mut parts, width, &add);
    let mut total = vec![0.0; width];
    for part in parts.chunks(width) {
        for (sum, value) in total.iter_mut().zip(part) {
            *sum += value;
        }
    }
    total
}

/// A value for each row. `fill` puts those of a range of rows into a slice.
pub(crate) fn map_ranges<T: Send + Clone + Default>(
    rows: usize,
    fill: impl Fn(Range<usize>, &mut [T]) + Sync,
) -> Vec<T> {
    let mut values = vec![T::default(); rows];
    over_chunks(rows, CHUNK, &mut values, CHUNK, &fill);
    values
}

/// A value for each of a few items, each of them much work.
pub(crate) fn map<I: Sync, T: Send>(items: &[I], of: impl Fn(&I) -> T + Sync) -> Vec<T> {
    let mut values: Vec<Option<T>> = items.iter().map(|_| None).collect();
    over_chunks(
        items.len(),
        1,
        &mut values,
        1,
        &|range: Range<usize>, slots: &mut [_]| {
            for (slot, item) in slots.iter_mut().zip(&items[range]) {
                *slot = Some(of(item));
            }
        },
    );
    values.into_iter().flatten().collect()
}

/// Hands each chunk of rows its part of the results, chunks dealt to threads in turn.
fn over_chunks<T: Send>(
    rows: usize,
    size: usize,
    results: &mut [T],
    width: usize,
    work: &(impl Fn(Range<usize>, &mut [T]) + Sync),
) {
    let threads = thread::available_parallelism()
        .map_or(1, NonZeroUsize::get)
        .min(rows.div_ceil(size));
    let parts = results.chunks_mut(width).enumerate();
    let range = |chunk: usize| chunk * size..((chunk + 1) * size).min(rows);
    if threads <= 1 {
        for (chunk, part) in parts {
            work(range(chunk), part);
        }
        return;
    }
    let mut hands: Vec<Vec<(usize, &mut [T])>> = (0..threads).map(|_| Vec::new()).collect();
    for (chunk, part) in parts {
        hands[chunk % threads].push((chunk, part));
    }
    thread::scope(|scope| {
        for hand in hands {
            scope.spawn(move || {
                for (chunk, part) in hand {
                    work(range(chunk), part);
                }
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_met_once() {
        for rows in [0, 1, CHUNK, CHUNK + 1, 10 * CHUNK + 7] {
            let sums = sum(rows, 2, |range, sums| {
                for row in range {
                    sums[0] += 1.0;
                    sums[1] += row as f64;
                }
            });
            let n = rows as f64;
            assert_eq!(sums, [n, n * (n - 1.0).max(0.0) / 2.0]);
            let values = map_ranges(rows, |range, slots| {
                slots.copy_from_slice(&range.collect::<Vec<usize>>());
            });
            assert!(values.iter().copied().eq(0..rows));
        }
    }
}
