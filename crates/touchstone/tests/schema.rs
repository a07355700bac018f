//! What the commands print is what `schema findings` says.

mod common;

use std::fs;
use std::path::Path;

use common::{printed, shown};
use serde_json::Value;

/// Where a value does not fit a schema, by those of its words that our schemas use; none where it fits.
struct Schemas<'s> {
    definitions: &'s Value,
}

impl Schemas<'_> {
    fn misfit(&self, schema: &Value, value: &Value, place: &str) -> Option<String> {
        let Value::Object(words) = schema else {
            return (schema == &Value::Bool(false)).then(|| format!("{place}: nothing fits"));
        };
        if words.get("additionalProperties") == Some(&Value::Bool(false)) {
            let known = |key: &&String| words["properties"].get(key.as_str()).is_some();
            let other = value
                .as_object()
                .and_then(|object| object.keys().find(|key| !known(key)));
            if let Some(key) = other {
                return Some(format!("{place}: {key} is not known"));
            }
        }
        words
            .iter()
            .find_map(|(word, said)| self.misfit_of(word, said, value, place))
    }

    fn misfit_of(&self, word: &str, said: &Value, value: &Value, place: &str) -> Option<String> {
        let wrong = |holds: bool| (!holds).then(|| format!("{place}: {word} {said}: {value}"));
        let fits = |schema: &Value| self.misfit(schema, value, place).is_none();
        let list = || said.as_array().unwrap();
        match word {
            "$ref" => {
                let name = said.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                let schema = self.definitions.get(name);
                self.misfit(schema.unwrap_or_else(|| panic!("no {name}")), value, place)
            }
            "type" => wrong(match said {
                Value::Array(several) => several.iter().any(|one| is_of(one, value)),
                one => is_of(one, value),
            }),
            "const" => wrong(said == value),
            "enum" => wrong(list().contains(value)),
            "anyOf" => wrong(list().iter().any(fits)),
            "oneOf" => wrong(list().iter().filter(|schema| fits(schema)).count() == 1),
            "allOf" => list()
                .iter()
                .find_map(|schema| self.misfit(schema, value, place)),
            "required" => value.as_object().and_then(|object| {
                let missing = list()
                    .iter()
                    .find(|key| !object.contains_key(key.as_str().unwrap()))?;
                Some(format!("{place}: {missing} is a required property"))
            }),
            "properties" => value.as_object()?.iter().find_map(|(key, value)| {
                self.misfit(said.get(key)?, value, &format!("{place}/{key}"))
            }),
            "items" => value
                .as_array()?
                .iter()
                .enumerate()
                .find_map(|(i, value)| self.misfit(said, value, &format!("{place}/{i}"))),
            "prefixItems" => (value.as_array()?.iter().zip(list()).enumerate()).find_map(
                |(i, (value, schema))| self.misfit(schema, value, &format!("{place}/{i}")),
            ),
            "minItems" => wrong(value.as_array()?.len() as u64 >= said.as_u64().unwrap()),
            "maxItems" => wrong(value.as_array()?.len() as u64 <= said.as_u64().unwrap()),
            "minimum" => wrong(value.as_f64()? >= said.as_f64().unwrap()),
            "maximum" => wrong(value.as_f64()? <= said.as_f64().unwrap()),
            "$schema"
            | "$defs"
            | "title"
            | "description"
            | "default"
            | "format"
            | "pattern"
            | "additionalProperties" => None,
            _ => panic!("{place}: `{word}` is not known here"),
        }
    }
}

fn is_of(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        kind => panic!("`{kind}` is no type"),
    }
}

/// Runs a command in a project and holds what it prints against the schema of its format.
fn assert_fits(project: &Path, arguments: &[&str]) -> Value {
    let mut all = vec!["-C", shown(project)];
    all.extend(arguments);
    all.extend(["--format", "json"]);
    let value: Value = serde_json::from_str(&printed(&all)).unwrap();
    let schemas: Value = serde_json::from_str(&printed(&["schema", "findings"])).unwrap();
    let format = value["format"].as_str().unwrap();
    let schema = &schemas[format];
    assert!(schema.is_object(), "{format}");
    let schemas = Schemas {
        definitions: &schema["$defs"],
    };
    assert_eq!(
        schemas.misfit(schema, &value, format),
        None,
        "{arguments:?}"
    );
    value
}

#[test]
fn what_a_project_of_one_experiment_prints_fits_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("shop");
    printed(&["init", shown(&project)]);
    let name = "welcome-back-test";
    let all = assert_fits(&project, &["measure", "audience"]);
    // What there is none of is left out, and the schema must allow that.
    assert!(all.get("programmes").is_none() && all.get("lifetimes").is_none());
    for arguments in [
        &["check"] as &[&str],
        &["measure", "audience", name],
        &["measure", "audience", name, "--replay", "20"],
        &["roi"],
        &["plan", name],
        &["seal", name],
        &["import"],
        &["snapshots"],
    ] {
        assert_fits(&project, arguments);
    }
}

#[test]
fn what_a_project_of_one_attribution_prints_fits_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("touchstone.yaml", "name: Shop\n"),
        (
            "catalog/credit.yaml",
            "{ kind: source, name: touches, path: touches.csv }
---
{ kind: source, name: orders, path: orders.csv }
---
{ kind: fact, name: orders, source: orders, customer: who, time: at }
---
{ kind: touch, name: touches, source: touches, customer: who, time: at, channel: channel }
---
{ kind: attribution, name: credit, conversion: { fact: orders, value: amount, unit: money }, touches: [touches] }
",
        ),
        (
            "touches.csv",
            "who,at,channel\n1,2024-01-01 08:00:00,email\n1,2024-01-02 08:00:00,search\n2,2024-01-01 09:00:00,email\n",
        ),
        ("orders.csv", "who,at,amount\n1,2024-01-02 10:00:00,20\n"),
    ];
    fs::create_dir(folder.path().join("catalog")).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let all = assert_fits(folder.path(), &["measure", "content"]);
    assert!(all.get("performances").is_none() && all.get("factorials").is_none());
    assert_fits(folder.path(), &["measure", "content", "credit"]);
}

#[test]
fn what_a_whole_retailer_prints_fits_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    let demo = folder.path().join("demo");
    assert_fits(
        folder.path(),
        &["demo", shown(&demo), "--customers", "2000"],
    );
    let audience = assert_fits(&demo, &["measure", "audience"]);
    let content = assert_fits(&demo, &["measure", "content"]);
    assert_fits(&demo, &["roi"]);
    for (kind, key, of) in [
        ("audience", "experiment", &audience["experiments"]),
        ("audience", "lifetime", &audience["lifetimes"]),
        ("audience", "programme", &audience["programmes"]),
        ("content", "attribution", &content["attributions"]),
        ("content", "performance", &content["performances"]),
        ("content", "factorial", &content["factorials"]),
    ] {
        if let Some(name) = of[0][key].as_str() {
            assert_fits(&demo, &["measure", kind, name]);
        }
    }
}

#[test]
fn the_guide_names_the_fields_of_every_format_that_it_describes() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/json.md");
    let guide = fs::read_to_string(guide).unwrap();
    let schemas: Value = serde_json::from_str(&printed(&["schema", "findings"])).unwrap();
    let described: Vec<&str> = guide.split("\n## `").skip(1).collect();
    assert_eq!(described.len(), 7);
    for section in described {
        let (format, text) = section.split_once('`').unwrap();
        let fields = schemas[format]["properties"].as_object().unwrap();
        let missing: Vec<&String> = fields
            .keys()
            .filter(|field| !text.contains(&format!("`{field}`")))
            .collect();
        assert!(missing.is_empty(), "{format}: {missing:?}");
    }
}
