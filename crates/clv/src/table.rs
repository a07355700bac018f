//! What is known of customers, and the compressed table that models are fitted to.

use crate::error::FitError;
use std::collections::HashMap;

/// What the timing models need to know of one customer. Time starts at the first
/// purchase, which is not counted; any unit will do, as long as it is the same
/// throughout.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Customer {
    /// Repeat purchases, `x`.
    pub frequency: u32,
    /// Time of the last purchase, `t_x`; 0 without a repeat purchase.
    pub recency: f64,
    /// End of the observation, `T`.
    pub age: f64,
}

/// Columns of a customer table, one value a customer or a group of equal customers.
#[derive(Debug, Clone, Copy, Default)]
pub struct CustomerColumns<'a> {
    /// Repeat purchases of each.
    pub frequency: &'a [u32],
    /// Times of the last purchase.
    pub recency: &'a [f64],
    /// Ends of the observation.
    pub age: &'a [f64],
    /// Customers that each row stands for; one where not given.
    pub count: Option<&'a [f64]>,
    /// Sums of the logarithms of the times between consecutive purchases, over the
    /// customers of the row. Only models of regular buyers need them.
    pub ln_gaps: Option<&'a [f64]>,
    /// Static covariates: columns of values. A treatment arm is a column of 0 and 1.
    pub covariates: &'a [&'a [f64]],
}

/// One row of a [`CustomerTable`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Row {
    /// Which combination of covariates.
    pub(crate) pattern: u32,
    /// Repeat purchases.
    pub(crate) frequency: u32,
    /// Time of the last purchase.
    pub(crate) recency: f64,
    /// End of the observation.
    pub(crate) age: f64,
    /// Customers.
    pub(crate) count: f64,
}

/// Customers by what the timing models need to know of them, equal ones merged.
///
/// A likelihood over the table is the likelihood over the customers. Rows are sorted
/// by covariates, frequency, age and recency.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomerTable {
    rows: Vec<Row>,
    /// Distinct combinations of covariates, row-major.
    patterns: Vec<f64>,
    covariate_count: usize,
    customers: f64,
    purchases: f64,
    time: f64,
    ln_gaps: Option<f64>,
}

impl CustomerTable {
    /// Checks and merges customers.
    ///
    /// Customers observed for no time (`age` 0) are allowed: they say nothing and
    /// disturb nothing.
    ///
    /// # Errors
    ///
    /// [`FitError`] names the first row whose values are negative, not finite or
    /// contradict each other, or says that columns differ in length, that there are
    /// no customers, or that none was observed for any time.
    pub fn new(columns: &CustomerColumns) -> Result<Self, FitError> {
        Self::build(columns, true, &mut |_, _| ())
    }

    /// The same with the row of each customer, in the order of the columns.
    ///
    /// # Errors
    ///
    /// As [`CustomerTable::new`].
    pub fn with_places(columns: &CustomerColumns) -> Result<(Self, Vec<u32>), FitError> {
        let mut places = vec![0; columns.frequency.len()];
        let table = Self::build(columns, true, &mut |customer, row| {
            places[customer] = row as u32
        })?;
        Ok((table, places))
    }

    /// Tells the row of each customer.
    fn build(
        columns: &CustomerColumns,
        merge: bool,
        place: &mut dyn FnMut(usize, usize),
    ) -> Result<Self, FitError> {
        check(columns)?;
        let (pattern_of, patterns) = patterns(columns);
        let n = columns.frequency.len();
        // Bits of doubles that are not negative sort as their values do.
        let mut keys: Vec<(u32, u32, u64, u64, u32)> = (0..n)
            .map(|i| {
                let bits = |v: f64| (v + 0.0).to_bits();
                let pattern = pattern_of.get(i).copied().unwrap_or(0);
                let (age, recency) = (bits(columns.age[i]), bits(columns.recency[i]));
                (pattern, columns.frequency[i], age, recency, i as u32)
            })
            .collect();
        keys.sort_unstable();
        let mut rows: Vec<Row> = Vec::with_capacity(n / 2);
        for (pattern, frequency, age, recency, i) in keys {
            let row = Row {
                pattern,
                frequency,
                recency: f64::from_bits(recency),
                age: f64::from_bits(age),
                count: columns.count.map_or(1.0, |count| count[i as usize]),
            };
            match rows.last_mut() {
                Some(last)
                    if merge
                        && Row {
                            count: last.count,
                            ..row
                        } == *last =>
                {
                    last.count += row.count;
                }
                _ => rows.push(row),
            }
            place(i as usize, rows.len() - 1);
        }
        rows.shrink_to_fit();
        let total = |value: fn(&Row) -> f64| rows.iter().map(|row| row.count * value(row)).sum();
        let table = CustomerTable {
            customers: total(|_| 1.0),
            purchases: total(|row| f64::from(row.frequency)),
            time: total(|row| row.age),
            ln_gaps: columns.ln_gaps.map(|gaps| gaps.iter().sum()),
            rows,
            patterns,
            covariate_count: columns.covariates.len(),
        };
        if table.customers == 0.0 {
            return Err(FitError::NoCustomers);
        }
        if table.time == 0.0 {
            return Err(FitError::NoTimeObserved);
        }
        Ok(table)
    }

    /// The same without merging equal customers.
    #[cfg(test)]
    pub(crate) fn unmerged(columns: &CustomerColumns) -> Result<Self, FitError> {
        Self::build(columns, false, &mut |_, _| ())
    }

    /// Customers without covariates.
    ///
    /// # Errors
    ///
    /// As [`CustomerTable::new`].
    pub fn of(customers: &[Customer]) -> Result<Self, FitError> {
        let frequency: Vec<u32> = customers.iter().map(|c| c.frequency).collect();
        let recency: Vec<f64> = customers.iter().map(|c| c.recency).collect();
        let age: Vec<f64> = customers.iter().map(|c| c.age).collect();
        Self::new(&CustomerColumns {
            frequency: &frequency,
            recency: &recency,
            age: &age,
            ..CustomerColumns::default()
        })
    }

    /// Number of customers.
    pub fn customers(&self) -> f64 {
        self.customers
    }

    /// Number of repeat purchases.
    pub fn purchases(&self) -> f64 {
        self.purchases
    }

    /// Mean time observed after the first purchase.
    pub fn mean_age(&self) -> f64 {
        self.time / self.customers
    }

    /// Distinct rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Never: a table without customers is refused.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Number of covariates.
    pub fn covariate_count(&self) -> usize {
        self.covariate_count
    }

    /// Distinct customers, with how many of each and their covariates.
    pub fn groups(&self) -> impl Iterator<Item = (Customer, f64, &[f64])> {
        self.rows
            .iter()
            .map(|row| (row.customer(), row.count, self.pattern(row.pattern)))
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The covariates of a pattern.
    pub(crate) fn pattern(&self, pattern: u32) -> &[f64] {
        let start = pattern as usize * self.covariate_count;
        &self.patterns[start..start + self.covariate_count]
    }

    /// Sum over all customers of the logarithms of times between purchases.
    pub(crate) fn ln_gaps(&self) -> Option<f64> {
        self.ln_gaps
    }

    /// Every `step`-th row, to find a start on.
    pub(crate) fn thinned(&self, step: usize) -> CustomerTable {
        self.with_rows(self.rows.iter().step_by(step).copied().collect())
    }

    /// The same rows standing for other numbers of customers; none if that is nobody, or
    /// nobody observed for any time.
    pub(crate) fn reweighted(&self, counts: &[f64]) -> Option<CustomerTable> {
        let rows = self.rows.iter().zip(counts);
        let present = rows.filter(|(_, count)| **count > 0.0);
        let rows = present.map(|(row, &count)| Row { count, ..*row }).collect();
        let table = self.with_rows(rows);
        (table.time > 0.0).then_some(table)
    }

    fn with_rows(&self, rows: Vec<Row>) -> CustomerTable {
        let total = |value: fn(&Row) -> f64| rows.iter().map(|row| row.count * value(row)).sum();
        CustomerTable {
            customers: total(|_| 1.0),
            purchases: total(|row| f64::from(row.frequency)),
            time: total(|row| row.age),
            patterns: self.patterns.clone(),
            covariate_count: self.covariate_count,
            ln_gaps: None,
            rows,
        }
    }
}

impl Row {
    pub(crate) fn customer(&self) -> Customer {
        Customer {
            frequency: self.frequency,
            recency: self.recency,
            age: self.age,
        }
    }
}

/// Refuses impossible customers.
fn check(columns: &CustomerColumns) -> Result<(), FitError> {
    let n = columns.frequency.len();
    let lengths = [
        ("recency", Some(columns.recency.len())),
        ("age", Some(columns.age.len())),
        ("count", columns.count.map(<[f64]>::len)),
        ("ln_gaps", columns.ln_gaps.map(<[f64]>::len)),
    ];
    let covariates = columns
        .covariates
        .iter()
        .map(|column| ("covariate", Some(column.len())));
    for (column, found) in lengths.into_iter().chain(covariates) {
        if let Some(found) = found
            && found != n
        {
            return Err(FitError::LengthMismatch {
                column,
                found,
                expected: n,
            });
        }
    }
    for row in 0..n {
        let (frequency, recency, age) = (
            columns.frequency[row],
            columns.recency[row],
            columns.age[row],
        );
        let not_negative = [
            ("the time of the last purchase", recency),
            ("the time observed", age),
            (
                "the number of customers",
                columns.count.map_or(1.0, |count| count[row]),
            ),
        ];
        for (what, value) in not_negative {
            if !(value.is_finite() && value >= 0.0) {
                return Err(FitError::InvalidValue { row, what, value });
            }
        }
        let finite = columns.covariates.iter().map(|c| ("a covariate", c[row]));
        let gaps = columns
            .ln_gaps
            .map(|gaps| ("the sum of log gaps", gaps[row]));
        for (what, value) in finite.chain(gaps) {
            if !value.is_finite() {
                return Err(FitError::InvalidValue { row, what, value });
            }
        }
        if recency > age {
            return Err(FitError::PurchaseAfterEnd { row, recency, age });
        }
        if (frequency == 0) != (recency == 0.0) {
            return Err(FitError::RecencyMismatch {
                row,
                frequency,
                recency,
            });
        }
    }
    Ok(())
}

/// The distinct combinations of covariates, and which of them each row has.
fn patterns(columns: &CustomerColumns) -> (Vec<u32>, Vec<f64>) {
    let width = columns.covariates.len();
    if width == 0 {
        return (Vec::new(), Vec::new());
    }
    let mut known: HashMap<Vec<u64>, u32> = HashMap::new();
    let mut values = Vec::new();
    let mut key = Vec::with_capacity(width);
    let pattern_of = (0..columns.frequency.len())
        .map(|row| {
            key.clear();
            key.extend(columns.covariates.iter().map(|c| (c[row] + 0.0).to_bits()));
            if let Some(pattern) = known.get(&key) {
                return *pattern;
            }
            let pattern = known.len() as u32;
            known.insert(key.clone(), pattern);
            values.extend(columns.covariates.iter().map(|c| c[row]));
            pattern
        })
        .collect();
    (pattern_of, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(frequency: &[u32], recency: &[f64], age: &[f64]) -> Result<CustomerTable, FitError> {
        CustomerTable::new(&CustomerColumns {
            frequency,
            recency,
            age,
            ..CustomerColumns::default()
        })
    }

    #[test]
    fn equal_customers_merge() {
        let table =
            table(&[1, 0, 1, 2], &[3.0, 0.0, 3.0, 5.0], &[9.0, 9.0, 9.0, 9.0]).expect("a table");
        assert_eq!(table.len(), 3);
        assert_eq!(table.customers(), 4.0);
        assert_eq!(table.purchases(), 4.0);
        assert_eq!(table.mean_age(), 9.0);
        let counts: Vec<f64> = table.groups().map(|(_, count, _)| count).collect();
        assert_eq!(counts, [1.0, 2.0, 1.0]);
    }

    #[test]
    fn customers_have_their_places() {
        let (table, places) = CustomerTable::with_places(&CustomerColumns {
            frequency: &[1, 0, 1, 2],
            recency: &[3.0, 0.0, 3.0, 5.0],
            age: &[9.0; 4],
            ..CustomerColumns::default()
        })
        .expect("a table");
        assert_eq!(places, [1, 0, 1, 2]);
        assert_eq!(table.len(), 3);
    }

    #[test]
    fn covariates_keep_customers_apart() {
        let arm = [1.0, 0.0, 1.0];
        let table = CustomerTable::new(&CustomerColumns {
            frequency: &[1, 1, 1],
            recency: &[2.0; 3],
            age: &[4.0; 3],
            covariates: &[&arm],
            ..CustomerColumns::default()
        })
        .expect("a table");
        let groups: Vec<(f64, f64)> = table.groups().map(|(_, n, z)| (n, z[0])).collect();
        assert_eq!(groups, [(2.0, 1.0), (1.0, 0.0)]);
    }

    #[test]
    fn impossible_customers_are_refused() {
        assert_eq!(table(&[], &[], &[]), Err(FitError::NoCustomers));
        assert_eq!(table(&[0], &[0.0], &[0.0]), Err(FitError::NoTimeObserved));
        assert_eq!(
            table(&[1], &[5.0], &[4.0]),
            Err(FitError::PurchaseAfterEnd {
                row: 0,
                recency: 5.0,
                age: 4.0
            })
        );
        for (x, t) in [(1, 0.0), (0, 1.0)] {
            assert!(matches!(
                table(&[x], &[t], &[4.0]),
                Err(FitError::RecencyMismatch { row: 0, .. })
            ));
        }
        for bad in [f64::NAN, f64::INFINITY, -1.0] {
            let refused = table(&[0, 1], &[0.0, 1.0], &[4.0, bad]).map(|_| ());
            assert!(
                matches!(refused, Err(FitError::InvalidValue { row: 1, .. })),
                "{refused:?}"
            );
        }
        assert!(matches!(
            table(&[0], &[], &[4.0]),
            Err(FitError::LengthMismatch {
                column: "recency",
                ..
            })
        ));
    }
}
