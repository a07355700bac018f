//! Writes a page of made-up findings, to look at: `cargo run -p touchstone-report --example sample -- sample.html`.

#[path = "../tests/report/behind.rs"]
mod behind;
#[path = "../tests/report/capped.rs"]
mod capped;
#[path = "../tests/report/fixture.rs"]
mod fixture;
#[path = "../tests/report/others.rs"]
mod others;

use std::error::Error;
use std::io::Write;

use report::html::Report;
use report::terminal::{self, Screen};

fn main() -> Result<(), Box<dyn Error>> {
    let mut findings = fixture::Findings::new();
    findings.ledger.programmes = fixture::programmes();
    if let Some(path) = std::env::args().nth(1) {
        let report = Report {
            lifetimes: &[others::lifetime(), others::contracts()],
            attributions: &[others::attribution_in_lifetime_value()],
            performances: &[others::performance()],
            ..findings.report()
        };
        std::fs::write(path, report::html::render(&report)?)?;
    }
    let screen = Screen {
        width: 110,
        color: false,
    };
    let mut out = std::io::stdout();
    writeln!(out, "{}", terminal::ledger(&findings.ledger, screen))?;
    for lift in &findings.lifts {
        writeln!(out, "{}", terminal::lift(lift, screen))?;
    }
    Ok(())
}
