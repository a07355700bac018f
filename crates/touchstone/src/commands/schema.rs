use schemars::schema_for;

use super::content::Contents;
use super::demo::Demonstration;
use super::import::Imports;
use super::seal::SealedExperiment;
use super::{Checked, Lifts, Snapshots};
use crate::cli::Schema;
use crate::failure::Failure;
use crate::output::print;

/// Prints the JSON Schema of what users write or of what the commands print.
pub(crate) fn schema(of: Schema) -> Result<(), Failure> {
    let schema = match of {
        Schema::Catalog => catalog::schema(),
        Schema::Project => catalog::project_schema(),
        Schema::Findings => findings(),
    };
    print(&report::json::to_string(&schema)?)
}

/// The schemas of all that is printed with `--format json`, by the name and version of its format.
fn findings() -> serde_json::Value {
    let mut schemas = report::json::schemas();
    let printed_here = [
        (Lifts::FORMAT, schema_for!(Lifts)),
        (Contents::FORMAT, schema_for!(Contents)),
        (Checked::FORMAT, schema_for!(Checked)),
        (Imports::FORMAT, schema_for!(Imports)),
        (SealedExperiment::FORMAT, schema_for!(SealedExperiment)),
        (Snapshots::FORMAT, schema_for!(Snapshots)),
        (Demonstration::FORMAT, schema_for!(Demonstration)),
    ];
    if let Some(all) = schemas.as_object_mut() {
        all.extend(printed_here.map(|(name, schema)| (name.to_owned(), schema.to_value())));
    }
    schemas
}
