//! A file with what each customer is worth.
//!
//! Customers with one history differ in what they have spent only, and in this the value that is expected of them is linear,
//! and the variance by the parameters of spend quadratic: with t the spend on repeat purchases as a multiple of some `scale`,
//! a table of the histories has
//!
//! ```text
//! purchase(t) = mean + mean_slope t                             margin on a purchase
//! variance(t) = spread + 2 spread_cross t + spread_square t^2   of purchase(t), by the parameters of spend
//! value       = discounted purchase(t)
//! se^2        = (timing purchase(t))^2 + discounted^2 variance(t)
//! ```
//!
//! with `discounted` the expected discounted purchases and `timing` their standard error. The engine joins the customers with
//! their histories and writes the file; no customer comes out of it.

use std::path::Path;

use clv::InfiniteMeanSpend;
use lake::{Lake, sql};
use stats::tail::normal_quantile;

use super::histories::HISTORIES;
use super::measured::{Chosen, Measured};
use super::purchases::CELLS;
use super::spend::{Spend, slopes};
use crate::error::MeasureError;

/// Histories, with the columns of [`TABLE`].
const VALUES: &str = "_ts_lifetime_values";
/// Columns `cell` and `pattern`, the number of its covariates.
const PATTERNS: &str = "_ts_lifetime_patterns";
/// The columns of histories: the key, what is expected, and what the module's head names. `fall` is the logarithm of how much
/// more purchases are expected than with the most attrition that there may be, zero where standard errors count it.
const TABLE: &str = "pattern INTEGER, x INTEGER, age INTEGER, recency INTEGER, alive DOUBLE, purchases DOUBLE, \
                     discounted DOUBLE, timing DOUBLE, fall DOUBLE, scale DOUBLE, mean DOUBLE, mean_slope DOUBLE, \
                     spread DOUBLE, spread_cross DOUBLE, spread_square DOUBLE";
/// The names of the columns that the file always has.
const NAMES: [&str; 10] = [
    "customer",
    "repeat_purchases",
    "first_day",
    "last_day",
    "alive",
    "expected_purchases",
    "value",
    "value_se",
    "value_low",
    "value_high",
];

/// The format of a file of customers' values, by its name's extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValuesFormat {
    /// Comma-separated values with a header.
    Csv,
    /// Apache Parquet.
    Parquet,
}

impl ValuesFormat {
    /// The format of a file; none where the extension is neither `.csv` nor `.parquet`.
    #[must_use]
    pub fn of(file: &Path) -> Option<Self> {
        match file.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }

    fn options(self) -> &'static str {
        match self {
            Self::Csv => "FORMAT csv, HEADER",
            Self::Parquet => "FORMAT parquet",
        }
    }
}

/// Where customers' values are written to.
#[derive(Debug, Clone, Copy)]
pub struct ValuesFile<'a> {
    /// The file.
    pub path: &'a Path,
    /// Its format.
    pub format: ValuesFormat,
}

/// Writes a row for each customer. What fails may leave a part of the file.
pub(super) fn write(
    lake: &Lake,
    measured: &Measured<'_>,
    chosen: &Chosen<'_>,
    file: ValuesFile<'_>,
) -> Result<(), MeasureError> {
    let context = format!("cannot write {}", file.path.display());
    let engine = lake.engine();
    let rows = rows(measured, chosen).map_err(|error| MeasureError::Unusable {
        place: format!("lifetime `{}`", measured.lifetime.name),
        message: error.to_string(),
    })?;
    let known = measured.base.known();
    let cells = measured.purchases.cells.len() as u32;
    let patterns = (0..cells).map(|cell| [f64::from(cell), f64::from(known.number_of(cell))]);
    engine.table(VALUES, TABLE, rows.into_iter(), &context)?;
    engine.table(
        PATTERNS,
        "cell INTEGER, pattern INTEGER",
        patterns,
        &context,
    )?;
    let statements = format!(
        "COPY ({}) TO {} ({}); DROP TABLE {VALUES}; DROP TABLE {PATTERNS}",
        query(measured),
        sql::text(&file.path.to_string_lossy()),
        file.format.options()
    );
    Ok(engine.execute(&statements, &context)?)
}

/// The histories.
fn rows(measured: &Measured<'_>, chosen: &Chosen<'_>) -> Result<Vec<[f64; 15]>, InfiniteMeanSpend> {
    let Chosen {
        fitted,
        spend,
        expected,
        limits,
        ..
    } = chosen;
    let (base, margin) = (&measured.base, measured.terms.margin);
    let covariance = fitted.covariance();
    let moved = spend.moved();
    let mut rows = Vec::new();
    for (place, customers) in base.histories().enumerate() {
        let row = &customers[0];
        let (times, covariates) = (f64::from(row.frequency), base.covariates(row));
        let spent = |sum: f64| -> Result<Purchase, InfiniteMeanSpend> {
            let of = |spend: &Spend| Ok(margin * spend.conditional(times, sum, covariates)?);
            let moved = moved.as_ref().map_or(&[][..], |(moved, _)| moved);
            Ok(Purchase {
                mean: of(spend)?,
                slopes: slopes(moved, of)?,
            })
        };
        // As much as these customers spent, so that differences keep their digits.
        let scale = if row.spend > 0.0 { row.spend } else { 1.0 };
        let (none, some) = (spent(0.0)?, spent(scale)?);
        let apart: Vec<f64> = (some.slopes.iter().zip(&none.slopes))
            .map(|(some, none)| some - none)
            .collect();
        let variance = |slopes: &[f64]| match &moved {
            Some((_, covariance)) => clv::quadratic(covariance, slopes),
            None => 0.0,
        };
        let (spread, square) = (variance(&none.slopes), variance(&apart));
        let mut slopes = vec![0.0; covariance.len().isqrt()];
        fitted.add_slopes(&mut slopes, expected.slopes[place], covariates);
        let discounted = expected.discounted[place];
        let lowest = limits.iter().map(|limit| limit.discounted[place]);
        let lowest = lowest.fold(discounted, f64::min).max(0.0);
        let (alive, purchases) = expected.state(place);
        rows.push([
            f64::from(base.known().number_of(row.cell)),
            times,
            f64::from(row.age),
            f64::from(row.recency),
            alive,
            purchases,
            discounted,
            clv::quadratic(&covariance, &slopes).max(0.0).sqrt(),
            if lowest < discounted {
                (discounted / lowest).ln()
            } else {
                0.0
            },
            scale,
            none.mean,
            some.mean - none.mean,
            spread,
            0.5 * (variance(&some.slopes) - spread - square),
            square,
        ]);
    }
    Ok(rows)
}

/// The margin on a purchase of a customer who has spent some sum, and its slopes in the parameters of spend.
struct Purchase {
    mean: f64,
    slopes: Vec<f64>,
}

/// SQL: the rows of the file.
fn query(measured: &Measured<'_>) -> String {
    let end = measured.base.end;
    let z = normal_quantile(1.0 - 0.5 * measured.terms.alpha);
    let day = |number: &str| format!("DATE '1970-01-01' + CAST({number} AS INTEGER)");
    let segments = segments(measured);
    let of_segments = |column: &dyn Fn(&(usize, String)) -> String| -> String {
        segments.iter().map(column).collect()
    };
    let joined = format!(
        "SELECT h.customer, h.x, h.first, h.recency, v.alive, v.purchases, v.discounted, v.timing, v.fall, \
         h.spend / v.scale AS t, v.mean + v.mean_slope * t AS purchase, \
         v.discounted * sqrt(greatest(v.spread + t * (2 * v.spread_cross + t * v.spread_square), 0)) AS by_spend{} \
         FROM {HISTORIES} AS h JOIN {CELLS} AS c ON h.cell = c.cell JOIN {PATTERNS} AS p ON h.cell = p.cell \
         JOIN {VALUES} AS v ON v.pattern = p.pattern AND v.x = h.x AND v.age = {end} - h.first AND v.recency = h.recency",
        of_segments(&|(place, _)| format!(", c.g{place}")),
    );
    let valued = format!(
        "SELECT *, discounted * purchase AS value, sqrt((timing * purchase) ** 2 + by_spend ** 2) AS se FROM ({joined})"
    );
    // Symmetric in the logarithm; the lower end of attrition that may be there as that of groups.
    let ends = format!(
        "SELECT *, CASE WHEN value > 0 THEN {z:e} * se / value ELSE 0 END AS reach, \
         CASE WHEN fall > 0 AND value > 0 THEN sqrt(fall ** 2 + ({z:e} * by_spend / value) ** 2) ELSE 0 END AS farther \
         FROM ({valued})"
    );
    let [
        customer,
        repeats,
        first,
        last,
        alive,
        expected,
        value,
        se,
        low,
        high,
    ] = NAMES;
    format!(
        "SELECT customer AS {customer}, x AS {repeats}, {} AS {first}, {} AS {last}, alive AS {alive}, \
         purchases AS {expected}, value AS {value}, se AS {se}, value * exp(-greatest(reach, farther)) AS {low}, \
         value * exp(reach) AS {high}{} FROM ({ends}) ORDER BY customer",
        day("first"),
        day("first + recency"),
        of_segments(&|(place, name)| format!(", g{place} AS {}", sql::identifier(name))),
    )
}

/// The columns of `by` and the channel: the place of each among those behind cells, and its name in the file. A name that is
/// taken gets `by_` before it.
fn segments(measured: &Measured<'_>) -> Vec<(usize, String)> {
    let purchases = &measured.purchases;
    let mut segments: Vec<(usize, String)> = Vec::new();
    for (place, column) in purchases.columns.iter().enumerate() {
        let is_known = (segments.iter())
            .any(|(known, _)| purchases.columns[*known].eq_ignore_ascii_case(column));
        if is_known || purchases.covariates.contains(&place) {
            continue;
        }
        let is_taken = |name: &str| {
            let taken = NAMES.into_iter();
            let mut taken = taken.chain(segments.iter().map(|(_, name)| name.as_str()));
            taken.any(|taken| taken.eq_ignore_ascii_case(name))
        };
        let mut name = column.clone();
        while is_taken(&name) {
            name.insert_str(0, "by_");
        }
        segments.push((place, name));
    }
    segments
}
