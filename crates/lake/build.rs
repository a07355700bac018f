//! Links the project's DuckDB folder into the target directory, where executables and tests find it.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() {
    println!("cargo::rerun-if-env-changed=DUCKDB_LIB_DIR");
    if env::var_os("CARGO_FEATURE_BUNDLED").is_some() {
        return;
    }
    let Some(library_dir) = env::var_os("DUCKDB_LIB_DIR").map(PathBuf::from) else {
        println!(
            "cargo::error=DUCKDB_LIB_DIR is not set: build from the project's folder, where .cargo/config.toml sets it"
        );
        return;
    };
    println!("cargo::rerun-if-changed={}", library_dir.display());
    if !library_dir.join("libduckdb.so").exists() && !library_dir.join("libduckdb.dylib").exists() {
        println!(
            "cargo::error=no libduckdb in {}: run `make setup`, or build with `--features bundled`",
            library_dir.display()
        );
        return;
    }
    if let Err(error) = link_beside_executables(&library_dir) {
        println!("cargo::error=cannot link the DuckDB folder into the target directory: {error}");
    }
}

/// `target/<profile>/duckdb` -> the folder that holds `lib/` and `extensions/`.
fn link_beside_executables(library_dir: &Path) -> io::Result<()> {
    let Some(duckdb_dir) = library_dir.parent().map(fs::canonicalize).transpose()? else {
        return Err(io::Error::other("DUCKDB_LIB_DIR has no parent folder"));
    };
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    // OUT_DIR is target/<profile>/build/<package>/out
    let Some(profile_dir) = out_dir.ancestors().nth(3) else {
        return Err(io::Error::other("OUT_DIR is not inside a target directory"));
    };
    let link = profile_dir.join("duckdb");
    match fs::read_link(&link) {
        Ok(target) if target == duckdb_dir => return Ok(()),
        Ok(_) => fs::remove_file(&link)?,
        Err(_) => {}
    }
    std::os::unix::fs::symlink(duckdb_dir, link)
}
