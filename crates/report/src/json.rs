//! Findings as JSON, and the schemas that describe it.

use measure::audience::{
    DesignFinding, InteractionFinding, LifetimeFinding, LiftFinding, OverlapsFinding,
    ProgrammeFinding, ReplayFinding,
};
use measure::content::{AttributionFinding, FactorialFinding, PerformanceFinding};
use serde::Serialize;
use serde_json::{Map, Value};
use value::LedgerFinding;

/// A finding as indented JSON that ends in a line break, with the fields in the order of their declaration.
///
/// # Errors
///
/// Where a value cannot be written as JSON; no finding of this workspace has such a value.
pub fn to_string<T: Serialize>(finding: &T) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(finding)?;
    text.push('\n');
    Ok(text)
}

/// The JSON Schema (2020-12) of each output format, by its name and version.
pub fn schemas() -> Value {
    let mut schemas = Map::new();
    schemas.insert(
        LiftFinding::FORMAT.to_owned(),
        schemars::schema_for!(LiftFinding).to_value(),
    );
    schemas.insert(
        ProgrammeFinding::FORMAT.to_owned(),
        schemars::schema_for!(ProgrammeFinding).to_value(),
    );
    schemas.insert(
        LifetimeFinding::FORMAT.to_owned(),
        schemars::schema_for!(LifetimeFinding).to_value(),
    );
    schemas.insert(
        ReplayFinding::FORMAT.to_owned(),
        schemars::schema_for!(ReplayFinding).to_value(),
    );
    schemas.insert(
        InteractionFinding::FORMAT.to_owned(),
        schemars::schema_for!(InteractionFinding).to_value(),
    );
    schemas.insert(
        OverlapsFinding::FORMAT.to_owned(),
        schemars::schema_for!(OverlapsFinding).to_value(),
    );
    schemas.insert(
        DesignFinding::FORMAT.to_owned(),
        schemars::schema_for!(DesignFinding).to_value(),
    );
    schemas.insert(
        AttributionFinding::FORMAT.to_owned(),
        schemars::schema_for!(AttributionFinding).to_value(),
    );
    schemas.insert(
        PerformanceFinding::FORMAT.to_owned(),
        schemars::schema_for!(PerformanceFinding).to_value(),
    );
    schemas.insert(
        FactorialFinding::FORMAT.to_owned(),
        schemars::schema_for!(FactorialFinding).to_value(),
    );
    schemas.insert(
        LedgerFinding::FORMAT.to_owned(),
        schemars::schema_for!(LedgerFinding).to_value(),
    );
    Value::Object(schemas)
}
