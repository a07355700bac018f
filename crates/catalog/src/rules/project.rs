//! Rules of `touchstone.yaml`.

use jiff::tz::{TimeZone, db};

use super::Report;
use crate::diagnostic::Diagnostic;
use crate::model::Project;
use crate::names::did_you_mean;
use crate::yaml::{Node, quote};

pub(crate) fn check(project: &Project, node: &Node, diagnostics: &mut Vec<Diagnostic>) {
    let mut report = Report { node, diagnostics };
    let currency = &project.currency;
    if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
        let message = format!("{} is not a currency code", quote(currency));
        report.error(
            "currency",
            "currency",
            message,
            "write the three capitals of ISO 4217, such as USD or EUR",
        );
    }
    let zone = &project.time_zone;
    // Zones are found in any case of letters, but other programs read the name too.
    if !TimeZone::get(zone).is_ok_and(|found| found.iana_name() == Some(zone)) {
        let names: Vec<String> = db().available().map(|name| name.to_string()).collect();
        let help = match did_you_mean(zone, names.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "write the IANA name of the zone, such as Europe/Berlin or UTC".to_owned(),
        };
        report.error(
            "time-zone",
            "time_zone",
            format!("there is no time zone {}", quote(zone)),
            help,
        );
    }
    if let Some(memory) = project
        .engine
        .memory
        .as_ref()
        .filter(|memory| !is_memory(memory))
    {
        let message = format!("{} is not an amount of memory", quote(memory));
        report.error(
            "memory",
            "engine/memory",
            message,
            "write a number and a unit, such as `4GB` or `512MiB`",
        );
    }
}

/// Whether a text is an amount of memory as the SQL engine reads it.
fn is_memory(text: &str) -> bool {
    let Some(unit_start) = text.find(|c: char| !c.is_ascii_digit() && c != '.') else {
        return false;
    };
    let (number, unit) = text.split_at(unit_start);
    let units = ["KB", "MB", "GB", "TB", "KIB", "MIB", "GIB", "TIB"];
    number.parse().is_ok_and(|number: f64| number > 0.0)
        && units.contains(&unit.trim().to_ascii_uppercase().as_str())
}
