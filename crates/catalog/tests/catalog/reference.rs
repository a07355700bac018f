//! The reference of the catalog, `docs/catalog.md`, says what is so.

use std::collections::BTreeSet;

use catalog::{project_schema, schema};
use serde_json::Value;

use crate::load;

const REFERENCE: &str = include_str!("../../../../docs/catalog.md");

/// The blocks of YAML in the reference.
fn examples() -> Vec<&'static str> {
    let blocks = REFERENCE.split("```yaml\n").skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

#[test]
fn its_examples_are_one_project() {
    let (settings, documents): (Vec<&str>, Vec<&str>) = examples()
        .into_iter()
        .partition(|text| !text.contains("kind:"));
    let documents = documents.join("---\n");
    let catalog = load(&[
        ("touchstone.yaml", settings[0]),
        ("catalog/reference.yaml", &documents),
    ])
    .unwrap();
    assert_eq!(settings.len(), 1);
    assert_eq!(catalog.warnings(), []);
    let kinds: BTreeSet<&str> = catalog
        .documents()
        .iter()
        .map(|document| document.kind())
        .collect();
    assert_eq!(kinds.len(), 16);
}

#[test]
fn it_names_every_key() {
    let schemas = [schema(), project_schema()];
    let branches = schemas.iter().flat_map(|schema| {
        let kinds = schema["oneOf"].as_array().into_iter().flatten();
        let parts = schema["$defs"]
            .as_object()
            .into_iter()
            .flat_map(|defs| defs.values());
        kinds.chain(parts).chain([schema])
    });
    let keys: BTreeSet<&String> = branches
        .filter_map(|branch| branch["properties"].as_object())
        .flat_map(|properties| properties.keys())
        .collect();
    assert!(keys.len() > 60);
    for key in keys.into_iter().filter(|key| *key != "kind") {
        assert!(REFERENCE.contains(&format!("| `{key}` ")), "{key}");
    }
}

#[test]
fn it_names_every_choice() {
    let schema = schema();
    for definition in schema["$defs"].as_object().unwrap().values() {
        let branches = definition["oneOf"]
            .as_array()
            .cloned()
            .unwrap_or_else(|| vec![definition.clone()]);
        for branch in branches {
            let choices = branch["enum"].as_array().cloned().unwrap_or_default();
            for choice in choices
                .iter()
                .chain(branch.get("const"))
                .filter_map(Value::as_str)
            {
                assert!(REFERENCE.contains(&format!("`{choice}`")), "{choice}");
            }
        }
    }
}
