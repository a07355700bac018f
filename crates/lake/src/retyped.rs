//! Types that a source declares and its table in the lake has not got yet: they come with the next import.

use catalog::Source;

use crate::error::LakeError;
use crate::lake::{Column, Lake};
use crate::layout::described;

/// A column whose declared type is another than that of the lake's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retyped {
    source: String,
    column: String,
    declared: String,
    has: String,
}

impl Lake {
    /// Keeps what an imported source declares otherwise than its table has it.
    pub(crate) fn note_retyped(
        &mut self,
        source: &Source,
        table: &[Column],
    ) -> Result<(), LakeError> {
        for (name, declared) in &source.types {
            let has = table
                .iter()
                .find(|column| column.name.eq_ignore_ascii_case(name));
            let Some(has) = has else { continue };
            // The engine's name of the type: INT is INTEGER.
            let query = format!("(SELECT CAST(NULL AS {declared}) AS value)");
            let is_same = described(&self.engine, &query)
                .map_err(|error| error.of_source(&source.name))?
                .iter()
                .any(|column| column.type_name == has.type_name);
            if !is_same {
                self.retyped.push(Retyped {
                    source: source.name.clone(),
                    column: has.name.clone(),
                    declared: declared.clone(),
                    has: has.type_name.clone(),
                });
            }
        }
        Ok(())
    }

    /// What to do about a declared type that the lake's table has not got yet, where a column's name or SQL speaks of one.
    #[must_use]
    pub fn way_to_declared_type(&self, text: &str) -> Option<String> {
        // Words of SQL, and the name of a column alone whatever is in it.
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        let words: Vec<&str> = words.chain([text.trim()]).collect();
        let is_meant = |retyped: &&Retyped| {
            let mut words = words.iter();
            words.any(|word| word.to_lowercase() == retyped.column.to_lowercase())
        };
        let retyped = self.retyped.iter().find(is_meant)?;
        Some(format!(
            "run `touchstone import {source}` again, because the lake's table of `{source}` has `{}` as {}, and `types:` \
             now declares {}",
            retyped.column,
            retyped.has,
            retyped.declared,
            source = retyped.source,
        ))
    }

    /// How the columns that a column's name or SQL speaks of come to have another type, for messages about one that is
    /// wrong.
    #[must_use]
    pub fn way_to_type(&self, text: &str) -> String {
        let way = "give the column's type in the source's `types:`";
        match self.way_to_declared_type(text) {
            Some(way) => way,
            None if self.reads_imports => {
                format!("{way}, and import the source again where it is imported")
            }
            None => way.to_owned(),
        }
    }
}
