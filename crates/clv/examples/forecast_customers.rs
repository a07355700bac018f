//! Back-test of the models of purchase timing on the customers of a CSV file.
//!
//! `forecast_customers FILE HORIZON`: lines of `frequency,recency,age,later` under a header, `later` being the purchases
//! within the horizon after the age. Prints, for each model, the sum of the forecasts and their mean absolute and root mean
//! square errors.
#![allow(clippy::print_stdout, reason = "a program, not the library")]

use std::error::Error;

use clv::backtest::{Outcome, score};
use clv::{BgNbd, Customer, CustomerTable, FitError, MbgNbd, ParetoNbd, TimingFit, TimingModel};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let text = std::fs::read_to_string(arguments.next().ok_or("which file?")?)?;
    let horizon: f64 = arguments.next().ok_or("which horizon?")?.parse()?;
    let customers = text
        .lines()
        .skip(1)
        .map(customer)
        .collect::<Result<Vec<_>, _>>()?;
    let seen: Vec<Customer> = customers.iter().map(|(customer, _)| *customer).collect();
    let table = CustomerTable::of(&seen)?;
    report("pareto-nbd", &customers, horizon, ParetoNbd::fit(&table))?;
    report("bg-nbd", &customers, horizon, BgNbd::fit(&table))?;
    report("mbg-nbd", &customers, horizon, MbgNbd::fit(&table))
}

/// A customer and the purchases to come.
fn customer(line: &str) -> Result<(Customer, f64), Box<dyn Error>> {
    let mut fields = line.split(',');
    let mut next = || {
        fields
            .next()
            .ok_or_else(|| format!("too few fields: {line}"))
    };
    let customer = Customer {
        frequency: next()?.parse()?,
        recency: next()?.parse()?,
        age: next()?.parse()?,
    };
    Ok((customer, next()?.parse()?))
}

fn report<M: TimingModel>(
    name: &str,
    customers: &[(Customer, f64)],
    horizon: f64,
    fit: Result<TimingFit<M>, FitError>,
) -> Result<(), Box<dyn Error>> {
    let fit = fit?;
    let outcomes: Vec<Outcome> = customers
        .iter()
        .map(|(customer, later)| Outcome {
            forecast: fit.model.expected_transactions(customer, horizon),
            actual: *later,
            customers: 1.0,
        })
        .collect();
    let score = score(&outcomes)?;
    println!(
        "{name} {:.1} {:.4} {:.4}",
        score.forecast, score.mean_absolute_error, score.root_mean_square_error
    );
    println!(
        "{name}: log-likelihood {:.4}, {:?} {:?}",
        fit.log_likelihood,
        fit.model.parameters(),
        fit.boundaries
    );
    Ok(())
}
