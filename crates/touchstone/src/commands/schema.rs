use schemars::schema_for;

use super::{Checked, Lifts};
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

/// The schemas of all that is printed with `--format json`, by what it is.
fn findings() -> serde_json::Value {
    let mut schemas = report::json::schemas();
    let printed_here = [
        ("lifts", schema_for!(Lifts)),
        ("checked", schema_for!(Checked)),
        ("imported", schema_for!(Vec<lake::Imported>)),
        ("snapshots", schema_for!(Vec<lake::Snapshot>)),
    ];
    if let Some(all) = schemas.as_object_mut() {
        all.extend(printed_here.map(|(name, schema)| (name.to_owned(), schema.to_value())));
    }
    schemas
}
