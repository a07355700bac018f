//! Files of rows.

/// Customers with revenue and what was known of them, in two arms.
pub(crate) const USERS: &str = include_str!("users.csv");

/// Customers of whom few buy, and some of those a great deal, in three arms.
pub(crate) const SKEWED: &str = include_str!("skewed.csv");

/// The columns of a file, the arm first; an empty field is missing.
pub(crate) struct Columns {
    pub(crate) arm: Vec<f64>,
    columns: Vec<(String, Vec<f64>)>,
}

impl Columns {
    pub(crate) fn read(file: &str) -> Self {
        let mut lines = file.lines();
        let names = lines.next().expect("a header").split(',');
        let mut columns: Vec<(String, Vec<f64>)> =
            names.map(|name| (name.to_owned(), Vec::new())).collect();
        for line in lines {
            for ((_, column), field) in columns.iter_mut().zip(line.split(',')) {
                column.push(match field {
                    "" => f64::NAN,
                    number => number.parse().expect("a number"),
                });
            }
        }
        let (_, arm) = columns.remove(0);
        Columns { arm, columns }
    }

    pub(crate) fn column(&self, name: &str) -> &[f64] {
        let column = self.columns.iter().find(|(column, _)| column == name);
        &column.expect("a column").1
    }

    /// The values of one arm, in the order of the rows.
    pub(crate) fn of_arm(&self, name: &str, arm: f64) -> Vec<f64> {
        let rows = self.arm.iter().zip(self.column(name));
        rows.filter(|(of, _)| **of == arm)
            .map(|(_, x)| *x)
            .collect()
    }
}
