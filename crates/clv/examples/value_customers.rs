//! What the customers of a CSV file are worth, with standard errors, and how long each step took.
//!
//! `value_customers MODEL FILE [YEARS]`: MODEL is `bg-nbd` or `pareto-nbd`; lines of `frequency,recency,age,value` under a
//! header, times in weeks, `value` the mean of the repeat purchases. Purchases are discounted by 10 % a year, within a
//! horizon of YEARS, without end where not given.
#![allow(clippy::print_stdout, reason = "a program, not the library")]

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::time::Instant;

use clv::discount::{DAYS_PER_YEAR, Discount};
use clv::{
    BgNbd, CustomerColumns, CustomerTable, FitError, GammaGammaFit, ParetoNbd, Prediction,
    SpendTable, Spenders, TimingFit, TimingModel,
};

const DAYS_PER_WEEK: f64 = 7.0;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let model = arguments.next().ok_or("which model?")?;
    let customers = Customers::read(&arguments.next().ok_or("which file?")?)?;
    let horizon = match arguments.next() {
        Some(years) => years.parse::<f64>()? * DAYS_PER_YEAR / DAYS_PER_WEEK,
        None => f64::INFINITY,
    };
    println!("peak memory of the customers as read: {}", peak_memory());
    match model.as_str() {
        "bg-nbd" => report(&customers, horizon, BgNbd::fit),
        "pareto-nbd" => report(&customers, horizon, ParetoNbd::fit),
        _ => Err("the model is bg-nbd or pareto-nbd".into()),
    }
}

#[derive(Default)]
struct Customers {
    frequency: Vec<u32>,
    recency: Vec<f64>,
    age: Vec<f64>,
    mean: Vec<f64>,
}

impl Customers {
    fn read(path: &str) -> Result<Self, Box<dyn Error>> {
        let mut customers = Self::default();
        for line in BufReader::new(File::open(path)?).lines().skip(1) {
            let line = line?;
            let mut fields = line.split(',');
            let mut next = || {
                fields
                    .next()
                    .ok_or_else(|| format!("too few fields: {line}"))
            };
            customers.frequency.push(next()?.parse()?);
            customers.recency.push(next()?.parse()?);
            customers.age.push(next()?.parse()?);
            customers.mean.push(next()?.parse()?);
        }
        Ok(customers)
    }
}

fn report<M: TimingModel>(
    customers: &Customers,
    horizon: f64,
    fit: impl Fn(&CustomerTable) -> Result<TimingFit<M>, FitError>,
) -> Result<(), Box<dyn Error>> {
    let begin = Instant::now();
    let (table, places) = step("table", || {
        CustomerTable::with_places(&CustomerColumns {
            frequency: &customers.frequency,
            recency: &customers.recency,
            age: &customers.age,
            ..CustomerColumns::default()
        })
    })?;
    println!("  {} customers in {} rows", table.customers(), table.len());
    let fitted = step("timing", || fit(&table))?;
    let spend = step("spend", || -> Result<_, FitError> {
        let mut spend = SpendTable::new(0);
        for (&orders, &mean) in customers.frequency.iter().zip(&customers.mean) {
            spend.add_mean(f64::from(orders), mean, &[], 1.0)?;
        }
        GammaGammaFit::new(&spend)
    })?;
    let discount = Discount::annual(0.1)?.continuous(DAYS_PER_WEEK);
    let begin_values = Instant::now();
    let predictions = step("purchases", || -> Result<_, FitError> {
        Ok(fitted.discounted_expected_transactions(&table, discount, horizon))
    })?;
    let values = step("values", || {
        let spenders = Spenders {
            places: &places,
            means: &customers.mean,
        };
        fitted.value(&table, &predictions, &spend, spenders)
    })?;
    println!(
        "purchases and values: {:.3} s",
        begin_values.elapsed().as_secs_f64()
    );
    println!("analysis: {:.3} s", begin.elapsed().as_secs_f64());
    println!("peak memory: {}", peak_memory());
    show("purchases of all", &predictions.total);
    show("value of all", &values.total);
    let mut means: Vec<f64> = values
        .each
        .iter()
        .map(|value| value.standard_error / value.value)
        .collect();
    means.sort_unstable_by(f64::total_cmp);
    println!(
        "standard error of a customer's value, median: {:.2} %",
        100.0 * means[means.len() / 2]
    );
    Ok(())
}

fn step<T, E>(name: &str, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let begin = Instant::now();
    let done = work();
    println!("{name}: {:.3} s", begin.elapsed().as_secs_f64());
    done
}

fn show(what: &str, prediction: &Prediction) {
    let (low, high) = prediction.interval(0.05);
    println!(
        "{what}: {:.1}, 95 % interval {low:.1} to {high:.1}",
        prediction.value
    );
}

/// Where the system tells.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "not known".to_owned(), |value| value.trim().to_owned())
}
