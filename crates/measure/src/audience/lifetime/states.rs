//! Customers by how often they have bought and how long ago they did so last: who of them is still there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::base::Base;
use super::value::Expected;

/// Customers by repeat purchases and by days since the last purchase, over the customers that there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct States {
    /// From the fewest purchases to the most; no row is without customers.
    pub rows: Vec<StatesRow>,
    /// Days since the last purchase: each cell of a row covers the days from one of these, included, to the next, and the
    /// last cell all from its first day on. At opportunities they lie between the periods.
    pub days_from: Vec<u32>,
    /// The same in periods where customers buy at opportunities.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub periods_from: Vec<u32>,
}

/// Customers with so many repeat purchases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StatesRow {
    /// The fewest and the most repeat purchases; no most in the last row.
    pub from: u32,
    pub to: Option<u32>,
    /// By days since the last purchase; none without customers.
    pub cells: Vec<Option<State>>,
}

/// Customers of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct State {
    pub customers: u64,
    /// Expected share of them who have not left.
    pub alive: f64,
    /// Expected purchases of each within the horizon, not discounted.
    pub expected_purchases: f64,
}

/// The fewest repeat purchases of each row.
const FREQUENCIES: [u32; 9] = [0, 1, 2, 3, 4, 6, 10, 20, 50];
/// Most cells of a row.
const RECENCIES: u32 = 8;

/// Sums over the customers of a cell.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    customers: f64,
    alive: f64,
    purchases: f64,
}

/// The customers of a base by their states; where they buy at opportunities, `period` has so many days.
pub(super) fn states(base: &Base, expected: &Expected, period: Option<f64>) -> States {
    let oldest = base.kept.iter().map(|row| row.age).max().unwrap_or(0);
    let step = period.unwrap_or(1.0);
    let steps = (f64::from(oldest) / step).round() as u32 + 1;
    let width = steps.div_ceil(RECENCIES);
    let steps_from: Vec<u32> = (0..steps).step_by(width as usize).collect();
    // Periods are not all of one length: what is nearest to a number of them is that many. Days are themselves.
    let first_day = |steps: &u32| ((f64::from(*steps) - 0.5) * step).ceil().max(0.0) as u32;
    let days_from: Vec<u32> = steps_from.iter().map(first_day).collect();
    let mut sums = [[Sums::default(); RECENCIES as usize]; FREQUENCIES.len()];
    for (place, rows) in base.histories().enumerate() {
        let first = &rows[0];
        let row = FREQUENCIES.partition_point(|from| *from <= first.frequency) - 1;
        let ago = first.age - first.recency;
        let column = days_from.partition_point(|from| *from <= ago) - 1;
        let customers: f64 = rows.iter().map(|row| f64::from(row.customers)).sum();
        let (alive, purchases) = expected.state(place);
        let cell = &mut sums[row][column];
        cell.customers += customers;
        cell.alive += customers * alive;
        cell.purchases += customers * purchases;
    }
    let state = |sums: &Sums| {
        (sums.customers > 0.0).then(|| State {
            customers: sums.customers as u64,
            alive: sums.alive / sums.customers,
            expected_purchases: sums.purchases / sums.customers,
        })
    };
    let rows = sums.iter().enumerate().map(|(i, cells)| StatesRow {
        from: FREQUENCIES[i],
        to: FREQUENCIES.get(i + 1).map(|next| next - 1),
        cells: cells[..days_from.len()].iter().map(state).collect(),
    });
    States {
        rows: rows
            .filter(|row| row.cells.iter().any(Option::is_some))
            .collect(),
        periods_from: period.map_or_else(Vec::new, |_| steps_from),
        days_from,
    }
}
