//! One number a customer, summed up once more by something that the main pass does not tell apart.

use std::collections::BTreeMap;

use lake::Lake;
use stats::Sample;
use stats::moments::{CoMoments, Moments, MomentsError, Products};

use crate::error::MeasureError;

/// Moments by a small key, of a query with the columns key (UTINYINT) and number (DOUBLE, never null). Exact, whatever
/// the threads.
pub(super) fn by_key(
    lake: &Lake,
    experiment: &str,
    query: &str,
) -> Result<BTreeMap<u8, Moments>, MeasureError> {
    let context = format!("cannot check experiment `{experiment}`");
    let failed = {
        let experiment = experiment.to_owned();
        move |error: MomentsError| {
            MeasureError::summary(&experiment, &["the primary metric".to_owned()], &error)
        }
    };
    let products = Products::new(1, |_, _| false);
    type Sums = BTreeMap<u8, CoMoments>;
    let (of_step, failed_step) = (products.clone(), failed.clone());
    let parts = lake.engine().fold(
        query,
        2,
        &context,
        Sums::new,
        move |sums: &mut Sums, chunk| {
            let wrong = |error: &lake::WrongColumn| MeasureError::Unusable {
                place: "a check".to_owned(),
                message: error.to_string(),
            };
            let keys: &[u8] = chunk.values(0).map_err(|error| wrong(&error))?;
            let numbers: &[f64] = chunk.values(1).map_err(|error| wrong(&error))?;
            let mut by_key: BTreeMap<u8, Vec<f64>> = BTreeMap::new();
            for (&key, &number) in keys.iter().zip(numbers) {
                by_key.entry(key).or_default().push(number);
            }
            for (key, numbers) in by_key {
                sums.entry(key)
                    .or_insert_with(|| CoMoments::new(&of_step))
                    .push(&[&numbers])
                    .map_err(&failed_step)?;
            }
            Ok::<(), MeasureError>(())
        },
    )?;
    let mut total = Sums::new();
    for (key, part) in parts.into_iter().flatten() {
        total
            .entry(key)
            .or_insert_with(|| CoMoments::new(&products))
            .merge(&part)
            .map_err(&failed)?;
    }
    Ok(total
        .into_iter()
        .map(|(key, sums)| (key, sums.finish()))
        .collect())
}

/// The one column of moments as a sample.
pub(super) fn sample(moments: &Moments) -> Sample {
    Sample {
        n: moments.rows(),
        mean: moments.mean(0),
        variance: moments.variance(0),
    }
}
