use crate::cli::Schema;
use crate::failure::Failure;
use crate::output::print;

/// Prints the JSON Schema of what users write or of what the commands print.
pub fn schema(of: Schema) -> Result<(), Failure> {
    let schema = match of {
        Schema::Catalog => catalog::schema(),
        Schema::Project => catalog::project_schema(),
        Schema::Findings => report::json::schemas(),
    };
    print(&report::json::to_string(&schema)?)
}
