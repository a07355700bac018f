//! The orders from which spend is learned, and those from which it is not.

use crate::error::FitError;
use crate::linear;

/// Customers with the number of their orders and the mean of these, and covariates.
///
/// An order counts with what remains of it after its returns. What remains must be
/// positive to say something of the size of an order; the rest is left out and counted
/// in [`left_out`](SpendTable::left_out), so that whoever multiplies orders by spend can
/// take it into account. Customers without any order that is left are right in a model
/// of timing, and have nothing to say of spend.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SpendTable {
    orders: Vec<f64>,
    means: Vec<f64>,
    customers: Vec<f64>,
    /// Row after row.
    values: Vec<f64>,
    covariates: usize,
    left_out: LeftOut,
}

/// What a [`SpendTable`] leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LeftOut {
    /// Orders of which nothing remains.
    pub zero_orders: f64,
    /// Orders that returned more than they brought.
    pub negative_orders: f64,
    /// What the negative orders sum to, negative or zero.
    pub negative_sum: f64,
    /// Customers without orders.
    pub customers_without_orders: f64,
    /// Customers with orders, none of them positive.
    pub customers_without_spend: f64,
}

/// A row of a [`SpendTable`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpendRow<'a> {
    /// Orders of each customer.
    pub orders: f64,
    /// Their mean.
    pub mean: f64,
    /// Covariates.
    pub covariates: &'a [f64],
    /// Customers like that.
    pub customers: f64,
}

impl SpendTable {
    /// An empty table whose customers have this many covariates.
    pub fn new(covariates: usize) -> Self {
        SpendTable {
            covariates,
            ..SpendTable::default()
        }
    }

    /// Adds a customer with what remains of each order after its returns.
    ///
    /// # Errors
    ///
    /// An amount or covariate that is not finite; a wrong number of covariates. The
    /// table is then as before.
    pub fn add_orders(&mut self, amounts: &[f64], covariates: &[f64]) -> Result<(), FitError> {
        self.check(amounts, covariates)?;
        let (mut count, mut sum) = (0.0, 0.0);
        for &amount in amounts {
            if amount > 0.0 {
                count += 1.0;
                sum += amount;
            } else if amount == 0.0 {
                self.left_out.zero_orders += 1.0;
            } else {
                self.left_out.negative_orders += 1.0;
                self.left_out.negative_sum += amount;
            }
        }
        if amounts.is_empty() {
            self.left_out.customers_without_orders += 1.0;
        } else if count == 0.0 {
            self.left_out.customers_without_spend += 1.0;
        } else {
            self.push(count, sum / count, covariates, 1.0);
        }
        Ok(())
    }

    /// Adds customers of whom only the number of orders and their mean are known. A mean
    /// that is zero or negative leaves them, and all their orders, out.
    ///
    /// # Errors
    ///
    /// A value that is not finite; a negative number of orders or of customers; a wrong
    /// number of covariates.
    pub fn add_mean(
        &mut self,
        orders: f64,
        mean: f64,
        covariates: &[f64],
        customers: f64,
    ) -> Result<(), FitError> {
        self.check(&[orders, mean, customers], covariates)?;
        for (what, value) in [("number of orders", orders), ("weight", customers)] {
            if value < 0.0 {
                return Err(self.invalid(what, value));
            }
        }
        let left_out = &mut self.left_out;
        if orders == 0.0 {
            left_out.customers_without_orders += customers;
        } else if mean > 0.0 {
            self.push(orders, mean, covariates, customers);
        } else {
            left_out.customers_without_spend += customers;
            if mean == 0.0 {
                left_out.zero_orders += orders * customers;
            } else {
                left_out.negative_orders += orders * customers;
                left_out.negative_sum += orders * mean * customers;
            }
        }
        Ok(())
    }

    /// Covariates of each customer.
    pub fn covariates(&self) -> usize {
        self.covariates
    }

    /// Customers in the table.
    pub fn customers(&self) -> f64 {
        self.customers.iter().sum()
    }

    /// What is not in the table.
    pub fn left_out(&self) -> LeftOut {
        self.left_out
    }

    /// What an order brings relative to a positive order, `1 - share left out + (their
    /// sum) / (orders times mean)`: the factor from the mean of [`crate::GammaGamma`] to
    /// the mean over all orders. None without a positive order.
    pub fn share_of_positive_spend(&self) -> Option<f64> {
        let (mut orders, mut sum) = (0.0, 0.0);
        for row in self.rows() {
            orders += row.customers * row.orders;
            sum += row.customers * row.orders * row.mean;
        }
        let all = orders + self.left_out.zero_orders + self.left_out.negative_orders;
        (orders > 0.0).then(|| (sum + self.left_out.negative_sum) / all / (sum / orders))
    }

    /// Rows, in the order in which they were added.
    pub fn rows(&self) -> impl Iterator<Item = SpendRow<'_>> {
        (0..self.len()).map(|i| self.row(i))
    }

    pub(crate) fn len(&self) -> usize {
        self.orders.len()
    }

    pub(crate) fn row(&self, i: usize) -> SpendRow<'_> {
        SpendRow {
            orders: self.orders[i],
            mean: self.means[i],
            covariates: &self.values[i * self.covariates..(i + 1) * self.covariates],
            customers: self.customers[i],
        }
    }

    /// Pearson correlation between the number of orders and their mean over customers,
    /// which the Gamma-Gamma model takes to be zero. None where either does not vary.
    pub fn correlation_with_frequency(&self) -> Option<f64> {
        let total = self.customers();
        let average = |values: &[f64]| linear::dot(values, &self.customers) / total;
        let (orders, mean) = (average(&self.orders), average(&self.means));
        let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
        for row in self.rows() {
            let (x, y) = (row.orders - orders, row.mean - mean);
            xx += row.customers * x * x;
            xy += row.customers * x * y;
            yy += row.customers * y * y;
        }
        (xx > 0.0 && yy > 0.0).then(|| xy / (xx * yy).sqrt())
    }

    fn push(&mut self, orders: f64, mean: f64, covariates: &[f64], customers: f64) {
        if customers > 0.0 {
            self.orders.push(orders);
            self.means.push(mean);
            self.customers.push(customers);
            self.values.extend(covariates);
        }
    }

    fn check(&self, values: &[f64], covariates: &[f64]) -> Result<(), FitError> {
        if covariates.len() != self.covariates {
            return Err(FitError::LengthMismatch {
                column: "covariates",
                found: covariates.len(),
                expected: self.covariates,
            });
        }
        match values.iter().chain(covariates).find(|v| !v.is_finite()) {
            Some(&value) => Err(self.invalid("value", value)),
            None => Ok(()),
        }
    }

    fn invalid(&self, what: &'static str, value: f64) -> FitError {
        FitError::InvalidValue {
            row: self.orders.len(),
            what,
            value,
        }
    }
}
