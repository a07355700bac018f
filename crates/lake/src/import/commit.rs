//! The rows of an import and its records, in one transaction.

use catalog::Source;

use super::{FileImport, Import, table_of};
use crate::error::LakeError;
use crate::lake::{IMPORT_COLUMN, LAKE, Lake};
use crate::layout::conversion;
use crate::sql;

impl Import {
    /// Brings the staged rows into the lake in one transaction.
    pub(super) fn commit(&self, lake: &Lake, source: &Source) -> Result<(), LakeError> {
        let was_moved = |file: &&FileImport| {
            file.earlier
                .as_ref()
                .is_some_and(|earlier| earlier.file != file.recorded)
        };
        if self
            .files
            .iter()
            .all(|file| file.staged.is_none() && !was_moved(&file))
        {
            return Ok(());
        }
        let engine = &lake.engine;
        let run = |statement: &str| engine.execute(statement, "cannot commit the import");
        engine.transaction(|| {
            run(&format!(
                "CREATE TABLE IF NOT EXISTS {LAKE}.main._imports (import BIGINT, source VARCHAR, file VARCHAR, \
                 digest VARCHAR, rows UBIGINT, rejected UBIGINT, imported_at TIMESTAMPTZ)"
            ))?;
            if self.files.iter().any(|file| file.staged.is_some()) {
                self.make_room(lake, source)?;
            }
            let first: i64 = engine.value(
                &format!("SELECT coalesce(max(import), 0) + 1 FROM {LAKE}.main._imports"),
                "cannot number the import",
            )?;
            for (file, next) in self.files.iter().zip(first..) {
                let earlier = file.earlier.as_ref().map(|earlier| earlier.import);
                let import = if file.staged.is_some() { next } else { earlier.unwrap_or(next) };
                if file.staged.is_none() && !was_moved(&file) {
                    continue;
                }
                if let Some(rows) = &file.staged {
                    run(&format!(
                        "INSERT INTO {} BY NAME SELECT *, {import} AS {IMPORT_COLUMN} FROM {rows}",
                        table_of(source)
                    ))?;
                }
                if let Some(earlier) = earlier {
                    run(&format!("DELETE FROM {LAKE}.main._imports WHERE import = {earlier}"))?;
                }
                run(&format!(
                    "INSERT INTO {LAKE}.main._imports VALUES ({import}, {}, {}, {}, {}, {}, now())",
                    sql::text(&source.name),
                    sql::text(&file.recorded),
                    sql::text(&file.digest),
                    file.rows,
                    file.rejects.lines
                ))?;
            }
            Ok(())
        })
    }

    /// Makes the table as it must be for the new rows: without those that give way, and with the new types.
    fn make_room(&self, lake: &Lake, source: &Source) -> Result<(), LakeError> {
        let table = table_of(source);
        let run = |statement: &str| lake.engine.execute(statement, "cannot commit the import");
        let Some(kept) = self.kept.as_ref().filter(|_| self.stays) else {
            let columns: Vec<String> = self
                .columns
                .iter()
                .map(|column| format!("{} {}", sql::identifier(&column.name), column.type_name))
                .collect();
            return run(&format!(
                "CREATE OR REPLACE TABLE {table} ({}, {IMPORT_COLUMN} BIGINT)",
                columns.join(", ")
            ));
        };
        let replaced: Vec<String> = self
            .files
            .iter()
            .filter_map(FileImport::replaces)
            .map(|id| id.to_string())
            .collect();
        if !replaced.is_empty() {
            run(&format!(
                "DELETE FROM {table} WHERE {IMPORT_COLUMN} IN ({})",
                replaced.join(", ")
            ))?;
        }
        let converted: Vec<String> = kept
            .iter()
            .zip(&self.columns)
            .filter(|(old, new)| old.type_name != new.type_name)
            .map(|(old, new)| {
                let value = conversion(&old.name, &old.type_name, &new.type_name);
                format!("{value} AS {}", sql::identifier(&old.name))
            })
            .collect();
        if converted.is_empty() {
            return Ok(());
        }
        let convert = format!(
            "CREATE TEMP TABLE kept_rows AS SELECT * REPLACE ({}) FROM {table}; \
             CREATE OR REPLACE TABLE {table} AS FROM temp.kept_rows",
            converted.join(", ")
        );
        lake.engine.execute(
            &convert,
            "the rows imported before do not fit the declared types",
        )
    }
}
