//! Fits a customer-base model to the customers of a CSV file and says how long that took.
//!
//! `fit_customers MODEL FILE`: MODEL is `bg-nbd` or `pareto-nbd`; lines of `frequency,recency,age` under a header.
#![allow(clippy::print_stdout, reason = "a program, not the library")]

use std::error::Error;
use std::time::Instant;

use clv::{BgNbd, Customer, CustomerTable, ParetoNbd, TimingFit, TimingModel};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let model = arguments.next().ok_or("which model?")?;
    let text = std::fs::read_to_string(arguments.next().ok_or("which file?")?)?;
    let customers = text
        .lines()
        .skip(1)
        .map(customer)
        .collect::<Result<Vec<_>, _>>()?;
    match model.as_str() {
        "bg-nbd" => report(&customers, BgNbd::fit),
        "pareto-nbd" => report(&customers, ParetoNbd::fit),
        _ => Err("the model is bg-nbd or pareto-nbd".into()),
    }
}

fn customer(line: &str) -> Result<Customer, Box<dyn Error>> {
    let mut fields = line.split(',');
    let mut next = || {
        fields
            .next()
            .ok_or_else(|| format!("too few fields: {line}"))
    };
    Ok(Customer {
        frequency: next()?.parse()?,
        recency: next()?.parse()?,
        age: next()?.parse()?,
    })
}

fn report<M: TimingModel>(
    customers: &[Customer],
    fit: impl Fn(&CustomerTable) -> Result<TimingFit<M>, clv::FitError>,
) -> Result<(), Box<dyn Error>> {
    let begin = Instant::now();
    let table = CustomerTable::of(customers)?;
    let fitted = fit(&table)?;
    println!("analysis: {:.3} s", begin.elapsed().as_secs_f64());
    println!("log-likelihood {:.3}", fitted.log_likelihood);
    for (name, value) in M::PARAMETERS.iter().zip(fitted.model.parameters()) {
        println!("{name} {value:.6}");
    }
    Ok(())
}
