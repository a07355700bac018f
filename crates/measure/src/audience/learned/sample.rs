//! The customers that models learn from, and the levels of texts.

use lake::{Chunk, Lake, WrongColumn, sql};

use crate::audience::plan::Plan;
use crate::audience::query::{Query, status};
use crate::error::MeasureError;

/// The most levels of a text that are told apart; customers with others have none.
const MOST_LEVELS: usize = 63;

/// Customers whose worth a level's mean outcome is drawn towards that of all, so that few customers do not rank it.
const PRIOR_CUSTOMERS: f64 = 20.0;

/// Into how many parts a sample is measured.
const PARTS: u64 = 1 << 20;

/// The levels of the texts to learn from: the most frequent first.
pub(super) struct Levels(Vec<Option<Vec<String>>>);

impl Levels {
    /// Reads the levels of all columns to learn from that are texts.
    pub(super) fn read(plan: &Plan<'_>, lake: &Lake, query: &Query) -> Result<Self, MeasureError> {
        let context = format!(
            "cannot learn from columns of experiment `{}`",
            plan.experiment.name
        );
        let types = lake.columns(&format!("(FROM {})", query.customers))?;
        let of = |place: usize| {
            let name = format!("f{place}");
            let is_text =
                |column: &&lake::Column| column.name == name && column.type_name == "VARCHAR";
            if types.iter().find(is_text).is_none() {
                return Ok(None);
            }
            let statement = format!(
                "SELECT {name} FROM {} WHERE status = {} AND {name} IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 \
                 LIMIT {MOST_LEVELS}",
                query.customers,
                status::COUNTED,
            );
            Ok(Some(
                lake.engine().rows(&statement, &context, |row| row.get(0))?,
            ))
        };
        let levels: Result<_, MeasureError> = (0..plan.learned_columns.len()).map(of).collect();
        Ok(Self(levels?))
    }

    /// Whether a column is a text.
    pub(super) fn is_text(&self, column: usize) -> bool {
        self.0[column].is_some()
    }

    /// A column as a number, as SQL: of a text the place of its level.
    pub(super) fn number_of(&self, column: usize) -> String {
        match &self.0[column] {
            None => format!("f{column}"),
            Some(levels) => {
                let places: Vec<f64> = (0..levels.len()).map(|place| place as f64).collect();
                self.ranked(column, &places)
            }
        }
    }

    /// A text as a number, as SQL: what stands for its level in a list.
    pub(super) fn ranked(&self, column: usize, ranks: &[f64]) -> String {
        let levels = self.0[column].iter().flatten();
        let cases: String = (levels.zip(ranks))
            .map(|(level, rank)| format!(" WHEN {} THEN {rank:e}", sql::text(level)))
            .collect();
        if cases.is_empty() {
            return "NULL::DOUBLE".to_owned();
        }
        format!("CASE f{column}{cases} END")
    }
}

/// The order of a text's levels by the mean outcome of the rows in `seen`, drawn towards that of all.
pub(super) fn ranks(column: &[f64], seen: &[usize], outcome: &Outcome<'_>, mean: f64) -> Vec<f64> {
    let levels = column.iter().filter(|level| level.is_finite());
    let number = levels.fold(0, |most, &level| most.max(level as usize + 1));
    let mut sums = vec![(PRIOR_CUSTOMERS * mean, PRIOR_CUSTOMERS); number];
    for &row in seen.iter().filter(|&&row| column[row].is_finite()) {
        let (sum, customers) = &mut sums[column[row] as usize];
        *sum += outcome.of(row);
        *customers += 1.0;
    }
    let mut order: Vec<usize> = (0..number).collect();
    order.sort_by(|&a, &b| (sums[a].0 / sums[a].1).total_cmp(&(sums[b].0 / sums[b].1)));
    let mut ranks = vec![0.0; number];
    for (rank, level) in order.into_iter().enumerate() {
        ranks[level] = rank as f64;
    }
    ranks
}

/// What is read of a sample, as SQL over the customers' table.
pub(super) struct Wanted {
    pub(super) columns: Vec<String>,
    /// The outcome, or the two numbers of a ratio.
    pub(super) outcome: Vec<String>,
    pub(super) hash: String,
    pub(super) folds: u32,
    /// Most customers.
    pub(super) most: u64,
}

/// Customers of both arms in the order of their hash.
pub(super) struct Sample {
    hashes: Vec<u64>,
    /// A column for each feature, NaN where there is none.
    pub(super) features: Vec<Vec<f64>>,
    /// The outcome, or the two numbers of a ratio.
    outcomes: Vec<Vec<f64>>,
}

impl Sample {
    /// Reads the customers whose hash is small enough that about `most` are read.
    ///
    /// The order of threads does not show: rows are put in the order of their hash.
    pub(super) fn read(
        plan: &Plan<'_>,
        lake: &Lake,
        query: &Query,
        wanted: &Wanted,
    ) -> Result<Self, MeasureError> {
        let name = plan.experiment.name.clone();
        let context = format!("cannot learn from customers of experiment `{name}`");
        let counted = format!("status = {}", status::COUNTED);
        let statement = format!("SELECT count(*) FROM {} WHERE {counted}", query.customers);
        let customers: i64 = lake.engine().value(&statement, &context)?;
        let customers = u64::try_from(customers).unwrap_or(0);
        let parts = if customers > wanted.most {
            (u128::from(PARTS) * u128::from(wanted.most) / u128::from(customers)) as u64
        } else {
            PARTS
        };
        let numbers = wanted.columns.iter().chain(&wanted.outcome);
        let select: Vec<String> = numbers
            .enumerate()
            .map(|(place, number)| format!("CAST({number} AS DOUBLE) AS c{place}"))
            .collect();
        let features = wanted.columns.len();
        let columns = features + wanted.outcome.len();
        let finite: String = (features..columns)
            .map(|place| format!(" AND isfinite(c{place})"))
            .collect();
        let names: String = (0..columns).map(|place| format!(", c{place}")).collect();
        let statement = format!(
            "SELECT h{names} FROM (SELECT {} AS h, {} FROM {} WHERE {counted}) WHERE h // {} % {PARTS} < {parts}{finite}",
            wanted.hash,
            select.join(", "),
            query.customers,
            wanted.folds,
        );
        let states = lake.engine().fold(
            &statement,
            1 + columns,
            &context,
            Vec::new,
            move |rows: &mut Vec<(u64, Vec<f64>)>, chunk| {
                read(rows, chunk, columns)
                    .map_err(|error| MeasureError::summary_of_columns(&name, &error))
            },
        )?;
        let mut rows = states.concat();
        let numbers = |row: &(u64, Vec<f64>)| -> Vec<u64> {
            row.1.iter().map(|number| number.to_bits()).collect()
        };
        rows.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| numbers(a).cmp(&numbers(b))));
        let column = |place: usize| rows.iter().map(|(_, numbers)| numbers[place]).collect();
        Ok(Self {
            hashes: rows.iter().map(|(hash, _)| *hash).collect(),
            features: (0..features).map(column).collect(),
            outcomes: (features..columns).map(column).collect(),
        })
    }

    /// The number of customers.
    pub(super) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// The fold of a customer.
    pub(super) fn fold(&self, row: usize, folds: u32) -> u32 {
        // Less than `folds`.
        (self.hashes[row] % u64::from(folds)) as u32
    }

    /// The outcome as some customers show it.
    pub(super) fn outcome(&self, seen: &[usize]) -> Outcome<'_> {
        let sum = |column: &[f64]| seen.iter().map(|&row| column[row]).sum::<f64>();
        let ratio = match self.outcomes.as_slice() {
            [numerator, denominator] => sum(numerator) / sum(denominator),
            _ => 0.0,
        };
        Outcome {
            columns: &self.outcomes,
            ratio: if ratio.is_finite() { ratio } else { 0.0 },
        }
    }
}

/// The outcome of customers: a number, or of a ratio r the linear `numerator - r denominator`.
pub(super) struct Outcome<'s> {
    columns: &'s [Vec<f64>],
    ratio: f64,
}

impl Outcome<'_> {
    /// The outcome of a customer.
    pub(super) fn of(&self, row: usize) -> f64 {
        match self.columns {
            [number] => number[row],
            [numerator, denominator] => numerator[row] - self.ratio * denominator[row],
            _ => 0.0,
        }
    }

    /// The mean over some customers.
    pub(super) fn mean(&self, rows: &[usize]) -> f64 {
        rows.iter().map(|&row| self.of(row)).sum::<f64>() / rows.len().max(1) as f64
    }
}

fn read(
    rows: &mut Vec<(u64, Vec<f64>)>,
    chunk: &Chunk<'_>,
    columns: usize,
) -> Result<(), WrongColumn> {
    let hashes: &[u64] = chunk.values(0)?;
    let first = rows.len();
    rows.extend(
        hashes
            .iter()
            .map(|&hash| (hash, Vec::with_capacity(columns))),
    );
    for column in 1..=columns {
        let numbers: &[f64] = chunk.values(column)?;
        let nulls = chunk.nulls(column)?;
        for (row, &number) in numbers.iter().enumerate() {
            let is_there = nulls.is_none_or(|nulls| !nulls.is_null(row)) && number.is_finite();
            rows[first + row]
                .1
                .push(if is_there { number } else { f64::NAN });
        }
    }
    Ok(())
}
