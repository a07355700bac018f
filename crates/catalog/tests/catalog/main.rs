//! Projects through the public interface: what is read, what is refused and how it is said.

mod caps;
mod contract;
mod counted;
mod decisions;
mod diagnostics;
mod metrics;
mod plan;
mod reference;
mod robustness;

use std::path::{Path, PathBuf};

use catalog::{Catalog, LoadError};

/// A project of these files, with one environment variable.
fn load(files: &[(&str, &str)]) -> Result<Catalog, LoadError> {
    let files = files
        .iter()
        .map(|(path, text)| (PathBuf::from(path), *text));
    let environment = |name: &str| (name == "TOUCHSTONE_TEST_DATA").then(|| "/data".to_owned());
    Catalog::from_sources(Path::new("shop"), files, &environment)
}
