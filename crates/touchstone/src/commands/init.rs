use std::fs;
use std::path::Path;

use crate::failure::Failure;
use crate::output::print;

const SETTINGS: &str = include_str!("init/touchstone.yaml");
const CATALOG: &str = include_str!("init/catalog.yaml");
const CUSTOMERS: &str = include_str!("init/customers.csv");

/// Starts a project that can be measured at once, to be edited from there.
pub(crate) fn init(folder: &Path) -> Result<(), Failure> {
    let files = [
        ("touchstone.yaml", SETTINGS),
        ("catalog/example.yaml", CATALOG),
        ("data/customers.csv", CUSTOMERS),
    ];
    if let Some((taken, _)) = files.iter().find(|(name, _)| folder.join(name).exists()) {
        let taken = folder.join(taken);
        return Err(Failure::Refused(format!(
            "{} is there already: choose another folder",
            taken.display()
        )));
    }
    for (name, text) in files {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(Failure::io(parent))?;
        }
        fs::write(&path, text).map_err(Failure::io(&path))?;
    }
    let folder = folder.display();
    print(&format!(
        "started a project in {folder}\n\n  touchstone -C {folder} measure audience\n  touchstone -C {folder} roi\n"
    ))
}
