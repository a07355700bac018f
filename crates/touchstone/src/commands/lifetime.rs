//! What customers are worth over their lifetime.

use std::fs;
use std::path::Path;

use catalog::{Catalog, Lifetime};
use lake::{Lake, LakeError};
use measure::audience::lifetime::{ValuesFile, ValuesFormat};
use measure::audience::{self, LifetimeFinding};
use report::terminal;

use super::check_folder;
use crate::cli::Global;
use crate::failure::{Failure, eprint};
use crate::output::show;
use crate::progress::Spinner;
use crate::project;

/// Measures a lifetime and shows what it says.
pub(crate) fn show_one(
    global: &Global,
    catalog: &Catalog,
    lifetime: &Lifetime,
    at: Option<u64>,
) -> Result<(), Failure> {
    let mut lake = Lake::open(catalog, at)?;
    let finding = measured(catalog, &mut lake, lifetime)?;
    show(global.format, &finding, terminal::lifetime)
}

/// Measures a lifetime, writes what each customer is worth to a new file, and shows what the lifetime says.
pub(crate) fn write_customers(
    global: &Global,
    name: &str,
    path: &Path,
    at: Option<u64>,
) -> Result<(), Failure> {
    let refused = |why: &str| Err(Failure::Refused(format!("{}: {why}", path.display())));
    let Some(format) = ValuesFormat::of(path) else {
        return refused(
            "customers are written as `.csv` or `.parquet`: end the file's name with one of these",
        );
    };
    // The engine is told the name in SQL.
    let Some(name_in_part) = path.to_str().map(|path| format!("{path}.partial")) else {
        return refused("its name is not UTF-8: choose another with `--customers`");
    };
    let part = Path::new(&name_in_part);
    for file in [path, part] {
        if file.exists() {
            return Err(Failure::Refused(format!(
                "{}: it is there already: remove it, or choose another name with `--customers`",
                file.display()
            )));
        }
    }
    check_folder(path, "customers", "--customers")?;
    let catalog = project::load(global)?;
    let Some(lifetime) = catalog.lifetime(name) else {
        let known = catalog.lifetimes().map(|lifetime| lifetime.name.as_str());
        return Err(Failure::unknown("lifetime", name, known));
    };
    let mut lake = Lake::open(&catalog, at)?;
    lake.check_place(&catalog, path, "--customers")?;
    let measured = {
        let _spinner = Spinner::new(&format!("measuring {name}"));
        let file = ValuesFile { path: part, format };
        audience::lifetime_with_values(&catalog, &mut lake, lifetime, file)
    };
    let finding = match measured {
        Ok(finding) if finding.refusal.is_none() => finding,
        failed => {
            // There may be none, and the failure is what is to be told.
            let _ = fs::remove_file(part);
            let why = failed?.refusal.map_or_else(String::new, |why| why.message);
            return refused(&format!("it was not written: {why}"));
        }
    };
    fs::rename(part, path).map_err(|error| LakeError::Io {
        path: path.to_owned(),
        error,
    })?;
    show(global.format, &finding, terminal::lifetime)?;
    let customers = finding.extent.customers;
    eprint(&format!(
        "wrote {customers} customers to {}\n",
        path.display()
    ));
    Ok(())
}

/// Measures all lifetimes of a project.
pub(crate) fn all(catalog: &Catalog, lake: &mut Lake) -> Result<Vec<LifetimeFinding>, Failure> {
    all_that(catalog, lake, |_| true)
}

/// Measures those lifetimes of a project that are wanted.
pub(crate) fn all_that(
    catalog: &Catalog,
    lake: &mut Lake,
    wanted: impl Fn(&Lifetime) -> bool,
) -> Result<Vec<LifetimeFinding>, Failure> {
    let lifetimes = catalog.lifetimes().filter(|lifetime| wanted(lifetime));
    lifetimes
        .map(|lifetime| measured(catalog, lake, lifetime))
        .collect()
}

fn measured(
    catalog: &Catalog,
    lake: &mut Lake,
    lifetime: &Lifetime,
) -> Result<LifetimeFinding, Failure> {
    let _spinner = Spinner::new(&format!("measuring {}", lifetime.name));
    Ok(audience::lifetime(catalog, lake, lifetime)?)
}
