//! What is known of customers as numbers for models: a covariate is one number, or one for each value but the most common.

use std::collections::BTreeMap;

use super::finding::CovariateFinding;
use super::purchases::Purchases;
use crate::error::MeasureError;

/// Most values of a covariate that is text.
const MOST_LEVELS: usize = 12;
/// The share of a number's spread that must be its own: below it, the others say it already.
const LEAST_OWN: f64 = 1e-9;

/// The numbers of customers by their cells. Customers whose numbers are equal have one pattern.
#[derive(Debug, Clone, Default)]
pub(super) struct Covariates {
    pub(super) columns: Vec<Column>,
    /// The pattern of each cell.
    of_cell: Vec<u32>,
    /// Row after row, a number for each column.
    patterns: Vec<f64>,
    /// What was left out, in words.
    pub(super) left_out: Vec<String>,
}

/// A number of customers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    /// The column that it comes from.
    name: String,
    /// What it is one for; none for a number.
    level: Option<String>,
    /// Where it is zero.
    reference: String,
    /// By cell.
    values: Vec<f64>,
}

impl Covariates {
    /// Of the columns behind cells that are covariates, given how many customers each cell has. Numbers are taken from
    /// their mean; texts against their most common value. What is the same for all customers, or follows from other
    /// covariates, is left out and said.
    pub(super) fn new(
        purchases: &Purchases,
        customers: &[f64],
        place: &str,
    ) -> Result<Self, MeasureError> {
        let mut all = Self::default();
        for (column, is_number) in purchases.covariates.clone().zip(&purchases.numeric) {
            let name = &purchases.columns[column];
            let cells: Vec<Option<&str>> = (purchases.cells.iter())
                .map(|cell| cell[column].as_deref())
                .collect();
            let found = if *is_number {
                numbers(name, &cells, customers)
            } else {
                levels(name, &cells, customers, place)?
            };
            if found.is_empty() {
                all.left_out.push(says_nothing(name));
            }
            all.columns.extend(found);
        }
        all.keep_independent(customers);
        all.merge(purchases.cells.len());
        Ok(all)
    }

    /// The covariates of a cell.
    pub(super) fn of(&self, cell: u32) -> &[f64] {
        self.pattern(self.number_of(cell))
    }

    /// The number of a cell's pattern.
    pub(super) fn number_of(&self, cell: u32) -> u32 {
        self.of_cell.get(cell as usize).copied().unwrap_or(0)
    }

    fn pattern(&self, number: u32) -> &[f64] {
        let width = self.columns.len();
        &self.patterns[number as usize * width..][..width]
    }

    /// What a number is, for the finding.
    pub(super) fn finding(&self, column: usize) -> CovariateFinding {
        let Column {
            name,
            level,
            reference,
            ..
        } = &self.columns[column];
        CovariateFinding {
            column: name.clone(),
            level: level.clone(),
            reference: reference.clone(),
            rate: None,
            attrition: None,
            spend: None,
        }
    }

    /// Leaves out what has no spread of its own beside a constant and the columns before (Gram and Schmidt).
    fn keep_independent(&mut self, customers: &[f64]) {
        let inner = |a: &[f64], b: &[f64]| -> f64 {
            let products = a.iter().zip(b).zip(customers);
            products.map(|((a, b), n)| n * a * b).sum()
        };
        let mut basis: Vec<Vec<f64>> = vec![vec![1.0; customers.len()]];
        let columns = std::mem::take(&mut self.columns);
        for column in columns {
            let size = inner(&column.values, &column.values);
            let mut rest = column.values.clone();
            for known in &basis {
                let share = inner(&rest, known) / inner(known, known);
                for (value, known) in rest.iter_mut().zip(known) {
                    *value -= share * known;
                }
            }
            if size > 0.0 && inner(&rest, &rest) > LEAST_OWN * size {
                basis.push(rest);
                self.columns.push(column);
            } else {
                let level = column.level.map(|level| format!(" {level}"));
                let what = format!("{}{}", column.name, level.unwrap_or_default());
                self.left_out.push(says_nothing(&what));
            }
        }
    }

    /// Gives cells with equal numbers one pattern, in the order in which they first occur.
    fn merge(&mut self, cells: usize) {
        let mut known: BTreeMap<Vec<u64>, u32> = BTreeMap::new();
        for cell in 0..cells {
            let row: Vec<f64> = (self.columns.iter())
                .map(|column| column.values[cell])
                .collect();
            let next = known.len() as u32;
            let key = row.iter().map(|value| value.to_bits()).collect();
            let number = *known.entry(key).or_insert(next);
            if number == next {
                self.patterns.extend(row);
            }
            self.of_cell.push(number);
        }
    }
}

fn says_nothing(what: &str) -> String {
    format!(
        "the covariate `{what}` is left out: it is the same for all customers, or follows from those before it"
    )
}

/// A number as its distance from its mean; one more column says where it is missing.
fn numbers(name: &str, cells: &[Option<&str>], customers: &[f64]) -> Vec<Column> {
    let numbers: Vec<Option<f64>> = cells
        .iter()
        .map(|text| {
            text.and_then(|text| text.parse().ok())
                .filter(|n: &f64| n.is_finite())
        })
        .collect();
    let known = || {
        let pairs = numbers.iter().zip(customers);
        pairs.filter_map(|(number, n)| Some(((*number)?, *n)))
    };
    let total: f64 = known().map(|(_, n)| n).sum();
    if total == 0.0 {
        return Vec::new();
    }
    let mean = known().map(|(number, n)| number * n).sum::<f64>() / total;
    let centred = numbers
        .iter()
        .map(|number| number.map_or(0.0, |number| number - mean));
    let mut columns = vec![Column {
        name: name.to_owned(),
        level: None,
        reference: format!("{mean:.4}"),
        values: centred.collect(),
    }];
    if numbers.iter().any(Option::is_none) {
        columns.push(Column {
            name: name.to_owned(),
            level: Some(MISSING.to_owned()),
            reference: "known".to_owned(),
            values: numbers
                .iter()
                .map(|number| f64::from(u8::from(number.is_none())))
                .collect(),
        });
    }
    columns
}

/// The value of customers of whom none is known.
const MISSING: &str = "(none)";

/// One column for each value but the most common.
fn levels(
    name: &str,
    cells: &[Option<&str>],
    customers: &[f64],
    place: &str,
) -> Result<Vec<Column>, MeasureError> {
    let text = |cell: &Option<&str>| cell.unwrap_or(MISSING).to_owned();
    let mut sizes: BTreeMap<String, f64> = BTreeMap::new();
    for (cell, n) in cells.iter().zip(customers) {
        *sizes.entry(text(cell)).or_default() += n;
    }
    if sizes.len() > MOST_LEVELS {
        return Err(MeasureError::Limit {
            place: format!("{place}, covariates"),
            message: format!(
                "`{name}` has {} values, and a covariate that is text has at most {MOST_LEVELS}: take rarer ones together \
                 in the source, or make it a number",
                sizes.len()
            ),
        });
    }
    let mut sizes: Vec<(String, f64)> = sizes.into_iter().collect();
    sizes.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let Some((reference, others)) = sizes.split_first() else {
        return Ok(Vec::new());
    };
    let column = |level: &String| Column {
        name: name.to_owned(),
        level: Some(level.clone()),
        reference: reference.0.clone(),
        values: cells
            .iter()
            .map(|cell| f64::from(u8::from(text(cell) == *level)))
            .collect(),
    };
    Ok(others.iter().map(|(level, _)| column(level)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(columns: &[&[Option<&str>]]) -> Vec<Vec<Option<String>>> {
        let rows = columns[0].len();
        (0..rows)
            .map(|row| {
                columns
                    .iter()
                    .map(|column| column[row].map(str::to_owned))
                    .collect()
            })
            .collect()
    }

    fn purchases(numeric: &[bool], columns: &[&[Option<&str>]]) -> Purchases {
        Purchases {
            columns: (0..columns.len()).map(|i| format!("c{i}")).collect(),
            cells: cells(columns),
            covariates: 0..columns.len(),
            numeric: numeric.to_vec(),
            ..Purchases::default()
        }
    }

    #[test]
    fn numbers_are_centred_and_texts_are_against_the_most_common() {
        let found = purchases(
            &[true, false],
            &[
                &[Some("1"), Some("3"), None, Some("1")],
                &[Some("a"), Some("b"), Some("b"), Some("b")],
            ],
        );
        let covariates = Covariates::new(&found, &[3.0, 1.0, 2.0, 4.0], "here").unwrap();
        let names: Vec<_> = (covariates.columns.iter())
            .map(|column| (column.name.as_str(), column.level.as_deref()))
            .collect();
        assert_eq!(
            names,
            [("c0", None), ("c0", Some("(none)")), ("c1", Some("a"))]
        );
        // The mean of 1 (seven customers) and 3 (one) is 1.25.
        assert_eq!(covariates.of(0), [-0.25, 0.0, 1.0]);
        assert_eq!(covariates.of(2), [0.0, 1.0, 0.0]);
        assert_eq!(covariates.number_of(3), 3);
        assert!(covariates.left_out.is_empty());
    }

    #[test]
    fn what_says_nothing_of_its_own_is_left_out() {
        let found = purchases(
            &[true, true, false],
            &[
                &[Some("1"), Some("2"), Some("4")],
                &[Some("3"), Some("5"), Some("9")],
                &[Some("a"), Some("a"), Some("a")],
            ],
        );
        let covariates = Covariates::new(&found, &[1.0, 1.0, 1.0], "here").unwrap();
        assert_eq!(covariates.columns.len(), 1);
        // Twice the first and one more; a text with one value.
        assert_eq!(covariates.left_out.len(), 2, "{:?}", covariates.left_out);
    }

    #[test]
    fn a_text_with_many_values_is_refused() {
        let values: Vec<String> = (0..13).map(|i| format!("v{i}")).collect();
        let column: Vec<Option<&str>> = values.iter().map(|value| Some(value.as_str())).collect();
        let found = purchases(&[false], &[&column]);
        let error = Covariates::new(&found, &[1.0; 13], "here").unwrap_err();
        assert!(error.to_string().contains("13 values"), "{error}");
    }
}
