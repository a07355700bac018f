//! The rows of the new files, in temporary tables.

use std::path::{Path, PathBuf};

use catalog::{Format, Source};

use super::rejects::{sound_lines, take_rejects};
use super::{FileImport, Import, rejects_file};
use crate::damage::is_of_damage;
use crate::error::LakeError;
use crate::jsonl;
use crate::lake::{Column, Lake};
use crate::layout::{Damaged, Layout, Settled, damaged_parquet, described, in_file};
use crate::remote::{Remote, is_remote};

impl Import {
    /// Reads the new files into temporary tables, and writes their damaged lines to `rejects`.
    pub(super) fn stage(
        &mut self,
        lake: &Lake,
        source: &Source,
        rejects: Option<&Path>,
    ) -> Result<(), LakeError> {
        let engine = &lake.engine;
        engine.execute(
            "CREATE TEMP TABLE rejected (file VARCHAR, line UBIGINT, \"column\" VARCHAR, error VARCHAR, text VARCHAR)",
            "cannot prepare the import",
        )?;
        let mut new: Vec<&mut FileImport> =
            self.files.iter_mut().filter(|file| file.is_new()).collect();
        for file in new.iter().filter(|file| is_remote(&file.path)) {
            let remote = Remote::new(engine, source, &file.path.to_string_lossy())?;
            for (part, version) in remote.versions(&file.path, self.format)? {
                remote.check_complete(&part, &version)?;
            }
        }
        let mut readable = Vec::with_capacity(new.len());
        for (number, file) in new.iter_mut().enumerate() {
            readable.push(match self.format {
                Format::Jsonl => sound_lines(lake, source, file, number, rejects)?,
                _ => file.path.clone(),
            });
        }
        let paths: Vec<PathBuf> = new.iter().map(|file| file.path.clone()).collect();
        if !readable.is_empty() {
            let settled = Settled::new(source, self.kept.as_deref().unwrap_or_default());
            let shown_as = |error: LakeError| {
                let pairs = readable
                    .iter()
                    .zip(&paths)
                    .filter(|(readable, path)| readable != path);
                pairs.fold(error, |error, (readable, path)| {
                    error.with_path(readable, path)
                })
            };
            let layout = Layout::detect(engine, source, self.format, &readable, &settled)
                .map_err(shown_as)?;
            for (number, (file, readable)) in new.iter_mut().zip(&readable).enumerate() {
                let table = format!("temp.staged_{number}");
                let rows = layout.rows(std::slice::from_ref(readable), Damaged::SetAside);
                jsonl::forget_damaged(engine)?;
                engine
                    .execute(
                        &format!("CREATE TEMP TABLE {table} AS {rows}"),
                        "cannot read it",
                    )
                    .map_err(|error| match &error {
                        LakeError::Engine { message, .. }
                            if self.format == Format::Parquet && is_of_damage(message) =>
                        {
                            damaged_parquet(source, readable, message)
                        }
                        _ => in_file(source, readable, error),
                    })
                    .map_err(shown_as)?;
                if matches!(layout, Layout::Csv(_)) {
                    file.rejects = take_rejects(lake, source, &file.path, rejects)?;
                }
                file.rows = engine.value(
                    &format!("SELECT count(*)::UBIGINT FROM {table}"),
                    "cannot count rows",
                )?;
                file.staged = Some(table);
            }
            // By the engine's names of the types, which may be declared by others.
            self.columns = self.agreed_columns(source, &described(engine, "temp.staged_0")?)?;
        }
        let has_rejects = self
            .files
            .iter()
            .any(|file| file.is_new() && file.rejects.lines > 0);
        match rejects.filter(|_| has_rejects) {
            Some(file) => rejects_file::write(engine, file),
            None => Ok(()),
        }
    }

    /// The columns of the table, in its order, with the types that the new files have. Where rows of no other file stay,
    /// columns may be added, and `columns:` may declare others.
    fn agreed_columns(&self, source: &Source, new: &[Column]) -> Result<Vec<Column>, LakeError> {
        let Some(kept) = &self.kept else {
            return Ok(new.to_vec());
        };
        let missing = |these: &[Column], those: &[Column]| -> Vec<String> {
            let has = |name: &str| {
                those
                    .iter()
                    .any(|column| column.name.eq_ignore_ascii_case(name))
            };
            these
                .iter()
                .filter(|column| !has(&column.name))
                .map(|column| format!("`{}`", column.name))
                .collect()
        };
        let (added, gone) = (missing(new, kept), missing(kept, new));
        if !self.stays && (gone.is_empty() || source.columns.is_some()) {
            return Ok(new.to_vec());
        }
        if !added.is_empty() || !gone.is_empty() {
            let said = |names: Vec<String>, what: &str| {
                (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
            };
            let parts: Vec<String> = [said(added, "they also have"), said(gone, "they lack")]
                .into_iter()
                .flatten()
                .collect();
            let way_out = match self.format {
                Format::Jsonl => "declare keys that may be missing under `types:`",
                Format::Csv | Format::Tsv if !self.stays => {
                    "give them the same columns or, if other ones are meant, name them under `columns:`"
                }
                _ => "give them the same columns, or another source",
            };
            return Err(LakeError::source(
                &source.name,
                format!(
                    "the new files have other columns than those imported before: {}: {way_out}",
                    parts.join(" and ")
                ),
            ));
        }
        let typed = |column: &Column| {
            new.iter()
                .find(|new| new.name.eq_ignore_ascii_case(&column.name))
                .cloned()
        };
        Ok(kept.iter().filter_map(typed).collect())
    }
}
