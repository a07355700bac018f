//! Writes a project's folder.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::calendar::{Calendar, DAYS};
use crate::claim::{PARTIAL, claim, mark};
use crate::company::MARGIN;
use crate::generate::generate;
use crate::history::Simulator;
use crate::oracle::Oracle;
use crate::population::Population;
use crate::project::documents;
use crate::tables::FILES;
use crate::{Progress, Settings, SimulateError, Truth, Written};

/// Rows of a row group.
const ROW_GROUP: usize = 512 * 1024;

/// Simulates a company and writes its project into `folder`: `touchstone.yaml`, the catalog, the data, and the truth.
///
/// The same settings give the same bytes, whatever the number of threads. Memory does not grow with the number of
/// customers. Files get their names when all are written, `truth.json` last. A folder that an earlier simulation wrote
/// is written again, unless there is anything else in it: other files, edited documents, a lake with imports.
///
/// `progress` is called after each thousand customers or so.
///
/// # Errors
///
/// [`SimulateError::Settings`] for settings out of their bounds, [`SimulateError::Occupied`] and
/// [`SimulateError::Foreign`] for a folder that holds anything else than an earlier simulation, and errors of files and folders.
pub fn write_project(
    settings: &Settings,
    folder: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Written, SimulateError> {
    settings.check()?;
    let documents = documents(settings.customers);
    claim(folder, &documents)?;
    let mut files = Files::new(folder);
    for (name, text) in &documents {
        files.write(name, text.as_bytes())?;
    }

    let mut writers = Vec::with_capacity(FILES.len());
    for name in FILES {
        writers.push(TableWriter::new(files.create(name)?));
    }
    let mut oracle = Oracle::new();
    let mut done = 0;
    let simulator = Simulator::new(
        settings.seed,
        Calendar::new(settings.start),
        Population::default(),
    );
    generate(
        &simulator,
        settings.customers,
        settings.threads.get(),
        |chunk| {
            for (writer, batch) in writers.iter_mut().zip(&chunk.batches) {
                writer.write(batch)?;
            }
            oracle.merge(&chunk.oracle);
            done += chunk.customers;
            progress(Progress {
                done,
                customers: settings.customers,
            });
            Ok(())
        },
    )?;
    let mut rows = 0;
    for writer in writers {
        rows += writer.close()?;
    }

    let truth = Truth {
        version: 2,
        customers: settings.customers,
        seed: settings.seed,
        start: settings.start,
        days: DAYS as u32,
        margin: MARGIN,
        population: Population::default(),
        experiments: oracle.experiments(),
        initiatives: oracle.initiatives(settings.customers),
        lifetimes: oracle.lifetimes(),
        content: oracle.content(),
    };
    let path = folder.join(Truth::FILE);
    let mut text = serde_json::to_string_pretty(&truth)
        .map_err(|source| SimulateError::Truth { path, source })?;
    text.push('\n');
    files.write(Truth::FILE, text.as_bytes())?;
    // Just before the files get their names: until then it tells of the earlier ones.
    mark(folder, &documents)?;
    let bytes = files.finish()?;
    Ok(Written { truth, rows, bytes })
}

/// Files that get their names together.
struct Files {
    folder: PathBuf,
    names: Vec<String>,
}

impl Files {
    fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            names: Vec::new(),
        }
    }

    /// Creates a file under its temporary name, and returns where it is.
    fn create(&mut self, name: &str) -> Result<PathBuf, SimulateError> {
        let path = self.folder.join(format!("{name}.{PARTIAL}"));
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(SimulateError::io(parent))?;
        }
        File::create(&path).map_err(SimulateError::io(&path))?;
        self.names.push(name.to_owned());
        Ok(path)
    }

    fn write(&mut self, name: &str, content: &[u8]) -> Result<(), SimulateError> {
        let path = self.create(name)?;
        fs::write(&path, content).map_err(SimulateError::io(&path))
    }

    /// Gives all files their names, in the order of their creation, and returns their size in bytes.
    fn finish(self) -> Result<u64, SimulateError> {
        let mut bytes = 0;
        for name in self.names {
            let (from, to) = (
                self.folder.join(format!("{name}.{PARTIAL}")),
                self.folder.join(&name),
            );
            bytes += fs::metadata(&from).map_err(SimulateError::io(&from))?.len();
            fs::rename(&from, &to).map_err(SimulateError::io(&to))?;
        }
        Ok(bytes)
    }
}

/// How a table is written: texts by dictionary, whole numbers and times (which rise within a customer) by their
/// differences, both smaller and faster than the defaults.
fn properties(schema: &Schema) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_dictionary_enabled(false)
        .set_max_row_group_row_count(Some(ROW_GROUP));
    for field in schema.fields() {
        let column = ColumnPath::from(field.name().as_str());
        builder = match field.data_type() {
            DataType::Dictionary(..) => builder.set_column_dictionary_enabled(column, true),
            DataType::Int64 | DataType::Timestamp(..) => {
                builder.set_column_encoding(column, Encoding::DELTA_BINARY_PACKED)
            }
            _ => builder,
        };
    }
    builder.build()
}

/// Streams batches into a Parquet file.
struct TableWriter {
    path: PathBuf,
    /// Made with the first batch, which brings the schema.
    writer: Option<ArrowWriter<BufWriter<File>>>,
    rows: u64,
}

impl TableWriter {
    fn new(path: PathBuf) -> Self {
        Self {
            path,
            writer: None,
            rows: 0,
        }
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), SimulateError> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let file = File::create(&self.path).map_err(SimulateError::io(&self.path))?;
                let properties = properties(&batch.schema());
                let writer =
                    ArrowWriter::try_new(BufWriter::new(file), batch.schema(), Some(properties))
                        .map_err(SimulateError::parquet(&self.path))?;
                self.writer.insert(writer)
            }
        };
        self.rows += batch.num_rows() as u64;
        writer
            .write(batch)
            .map_err(SimulateError::parquet(&self.path))
    }

    /// Ends the file and returns its rows.
    fn close(self) -> Result<u64, SimulateError> {
        if let Some(writer) = self.writer {
            writer.close().map_err(SimulateError::parquet(&self.path))?;
        }
        Ok(self.rows)
    }
}
