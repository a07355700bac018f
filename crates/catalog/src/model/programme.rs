//! A programme: several initiatives that one arm gets and a holdout does not.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Initiative, Name};

/// The initiatives that an arm gets together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Covers {
    // Before the mapping, which serde would read from a list too.
    /// Those of these names.
    #[schemars(extend("x-names" = "initiative"))]
    Initiatives(Vec<Name>),
    /// Those with a tag.
    Tag(CoversTag),
}

/// Initiatives by their tag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CoversTag {
    /// One of the initiatives' `tags`.
    #[schemars(schema_with = "super::name_schema")]
    pub tag: Name,
}

impl Covers {
    /// Whether an initiative is among them.
    #[must_use]
    pub fn has(&self, initiative: &Initiative) -> bool {
        match self {
            Self::Tag(covers) => initiative.tags.contains(&covers.tag),
            Self::Initiatives(names) => names.contains(&initiative.name),
        }
    }
}
