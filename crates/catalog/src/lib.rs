//! What a business declares: the catalog of a project, as typed and validated YAML documents.
//!
//! A project is a folder with its settings in `touchstone.yaml` and its documents in `catalog/`. [`Catalog::load`]
//! reads them all and either gives a [`Catalog`] in which everything fits together, or every mistake at once, each with
//! file, line, column, what was meant and how to mend it.
//!
//! The types in [`model`] are the one definition of what can be written. serde reads documents into them; the JSON
//! Schema ([`schema`], [`project_schema`]) is made from them; and the checker walks that schema over the YAML with its
//! places, so that editors and the command say the same.

mod catalog;
mod check;
mod diagnostic;
mod load;
mod location;
pub mod model;
mod names;
mod rules;
mod schema;
pub mod seal;
mod span;
mod structure;
mod yaml;

pub use crate::catalog::{Catalog, LoadError};
pub use crate::diagnostic::{Diagnostic, Diagnostics, Place, Severity, SourceFile};
pub use crate::location::{Environment, Location};
pub use crate::model::*;
pub use crate::names::{did_you_mean, is_name};
pub use crate::schema::{project_schema, schema};
pub use crate::span::{Span, SpanError, SpanUnit};
