use catalog::Catalog;
use lake::{Lake, LakeError, SourceVersion};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a finding was computed from and by: the same provenance gives the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Provenance {
    /// The content of each source that was read.
    pub sources: Vec<SourceVersion>,
    /// SHA-256 of the catalog's definitions.
    pub definitions: String,
    /// The version of Touchstone.
    pub touchstone: String,
    /// The version of the SQL engine.
    pub engine: String,
}

impl Provenance {
    /// That of what has been read so far.
    ///
    /// # Errors
    ///
    /// Where the engine does not say its version.
    pub fn of(catalog: &Catalog, lake: &Lake) -> Result<Self, LakeError> {
        Ok(Self {
            sources: lake.versions(),
            definitions: catalog.definitions_hash(),
            touchstone: env!("CARGO_PKG_VERSION").to_owned(),
            engine: format!("DuckDB {}", lake.engine().version()?),
        })
    }
}
