//! Distributions of customers' or rows' numbers, exact where it matters: a first look counts them in the buckets of a
//! histogram, a second one looks into the few buckets that hold the ranks in question.

use lake::{Chunk, Lake};
use stats::moments::{CoMoments, Moments, Products};
use stats::quantile::{BucketRange, Distribution, Histogram, OrderStatistics};

use crate::error::MeasureError;

/// Rows of `group, number, number, ...`: a query whose first column is a number below `groups`, the others doubles.
pub(crate) struct Rows<'a> {
    pub(crate) lake: &'a Lake,
    pub(crate) sql: String,
    pub(crate) groups: usize,
    pub(crate) columns: usize,
    /// The experiment, for messages.
    pub(crate) experiment: &'a str,
}

impl Rows<'_> {
    /// The histogram of each column, for each group. What is no finite number is not in it.
    pub(crate) fn histograms(&self) -> Result<Vec<Vec<Histogram>>, MeasureError> {
        let empty = vec![vec![Histogram::new(); self.groups]; self.columns];
        self.fold(
            empty,
            |state, group, column, number| state[column][group].insert(number),
            |into, from| into.merge(from),
        )
    }

    /// The distributions behind histograms, exact in some ranges of each.
    pub(crate) fn distributions(
        &self,
        histograms: &[Vec<Histogram>],
        ranges: impl Fn(usize, &Histogram) -> Result<Vec<BucketRange>, MeasureError>,
    ) -> Result<Vec<Vec<Distribution>>, MeasureError> {
        let looked: Vec<Vec<Vec<OrderStatistics>>> = histograms
            .iter()
            .enumerate()
            .map(|(column, groups)| {
                groups
                    .iter()
                    .map(|histogram| {
                        let ranges = ranges(column, histogram)?.into_iter();
                        Ok(ranges.map(OrderStatistics::new).collect())
                    })
                    .collect::<Result<_, MeasureError>>()
            })
            .collect::<Result<_, _>>()?;
        let looked = self.fold(
            looked,
            |state, group, column, number| {
                for range in &mut state[column][group] {
                    range.insert(number);
                }
            },
            |into, from| {
                for (into, from) in into.iter_mut().zip(from) {
                    into.merge(from);
                }
            },
        )?;
        let refined = |(histogram, ranges): (&Histogram, &Vec<OrderStatistics>)| {
            histogram
                .refined(ranges)
                .map_err(|error| self.failed(&error))
        };
        histograms
            .iter()
            .zip(&looked)
            .map(|(histograms, ranges)| histograms.iter().zip(ranges).map(refined).collect())
            .collect()
    }

    /// The moments of the columns, for each group; a missing number counts as 0.
    pub(crate) fn moments(&self, products: &Products) -> Result<Vec<Moments>, MeasureError> {
        let (groups, columns) = (self.groups, self.columns);
        let experiment = self.experiment.to_owned();
        let empty = vec![CoMoments::new(products); groups];
        let start = empty.clone();
        let states = self.lake.engine().fold(
            &self.sql,
            1 + columns,
            &self.context(),
            move || start.clone(),
            move |state, chunk| {
                let members = by_group(chunk, groups, &experiment)?;
                for (group, rows) in members
                    .iter()
                    .enumerate()
                    .filter(|(_, rows)| !rows.is_empty())
                {
                    let numbers: Vec<Vec<f64>> = (1..=columns)
                        .map(|column| gathered(chunk, column, rows, &experiment))
                        .collect::<Result<_, _>>()?;
                    let numbers: Vec<&[f64]> = numbers.iter().map(Vec::as_slice).collect();
                    state[group]
                        .push(&numbers)
                        .map_err(|error| MeasureError::summary(&experiment, &[], &error))?;
                }
                Ok::<(), MeasureError>(())
            },
        )?;
        let mut total = empty;
        for state in states {
            for (into, from) in total.iter_mut().zip(&state) {
                into.merge(from)
                    .map_err(|error| MeasureError::summary(self.experiment, &[], &error))?;
            }
        }
        Ok(total.iter().map(CoMoments::finish).collect())
    }

    /// Offers every finite number to the state of its column and group, and unites the threads' states.
    fn fold<S: Clone + Send + Sync + 'static>(
        &self,
        empty: Vec<Vec<S>>,
        insert: impl Fn(&mut Vec<Vec<S>>, usize, usize, f64) + Send + Sync + 'static,
        merge: impl Fn(&mut S, &S),
    ) -> Result<Vec<Vec<S>>, MeasureError> {
        let (groups, columns) = (self.groups, self.columns);
        let experiment = self.experiment.to_owned();
        let start = empty.clone();
        let states = self.lake.engine().fold(
            &self.sql,
            1 + columns,
            &self.context(),
            move || start.clone(),
            move |state: &mut Vec<Vec<S>>, chunk| {
                let members = by_group(chunk, groups, &experiment)?;
                for column in 0..columns {
                    let wrong = |error| MeasureError::summary_of_columns(&experiment, &error);
                    let numbers: &[f64] = chunk.values(column + 1).map_err(wrong)?;
                    let nulls = chunk.nulls(column + 1).map_err(wrong)?;
                    for (group, rows) in members.iter().enumerate() {
                        for &row in rows {
                            let number = numbers[row];
                            if number.is_finite() && nulls.is_none_or(|nulls| !nulls.is_null(row)) {
                                insert(state, group, column, number);
                            }
                        }
                    }
                }
                Ok::<(), MeasureError>(())
            },
        )?;
        let mut total = empty;
        for state in states {
            for (into, from) in total.iter_mut().flatten().zip(state.iter().flatten()) {
                merge(into, from);
            }
        }
        Ok(total)
    }

    fn context(&self) -> String {
        format!("cannot measure experiment `{}`", self.experiment)
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> MeasureError {
        MeasureError::Unusable {
            place: format!("experiment `{}`", self.experiment),
            message: error.to_string(),
        }
    }
}

/// The rows of a chunk by their group.
fn by_group(
    chunk: &Chunk<'_>,
    groups: usize,
    experiment: &str,
) -> Result<Vec<Vec<usize>>, MeasureError> {
    let wrong = |error| MeasureError::summary_of_columns(experiment, &error);
    let numbers: &[u8] = chunk.values(0).map_err(wrong)?;
    let mut members = vec![Vec::new(); groups];
    for (row, &group) in numbers.iter().enumerate() {
        if let Some(rows) = members.get_mut(usize::from(group)) {
            rows.push(row);
        }
    }
    Ok(members)
}

fn gathered(
    chunk: &Chunk<'_>,
    column: usize,
    rows: &[usize],
    experiment: &str,
) -> Result<Vec<f64>, MeasureError> {
    let wrong = |error| MeasureError::summary_of_columns(experiment, &error);
    let numbers: &[f64] = chunk.values(column).map_err(wrong)?;
    let nulls = chunk.nulls(column).map_err(wrong)?;
    let number = |&row: &usize| match nulls {
        Some(nulls) if nulls.is_null(row) => 0.0,
        _ => numbers[row],
    };
    Ok(rows.iter().map(number).collect())
}

/// The buckets that hold the order statistics around a level, from 0 to 1.
pub(crate) fn near(histogram: &Histogram, level: f64) -> Option<BucketRange> {
    let n = histogram.count().max(1) as f64;
    let inside = level.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
    // Half of chance's own spread, and two ranks: what an even number of values or a rounded rank can need.
    histogram
        .buckets_near(inside, 0.5, 1.0, 2.0 / n)
        .ok()
        .flatten()
}
