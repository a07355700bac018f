//! The JSON Schema of a project's files, made from the types of the model.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::model::{Document, Project};

/// Says in a schema that a text is the name of a document of this kind.
pub(crate) const NAMES: &str = "x-names";

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| generate::<Document>("A document of a Touchstone catalog"));
static PROJECT: LazyLock<Value> =
    LazyLock::new(|| generate::<Project>("The settings of a Touchstone project"));

/// The JSON Schema (draft 2020-12) of one document of a catalog: a `oneOf` with a branch for each `kind`.
///
/// Beside the standard keywords, `x-names` gives the kind of document whose name a text must be, and `format` may be
/// `name`, `span` or `decimal`.
#[must_use]
pub fn schema() -> Value {
    DOCUMENT.clone()
}

/// The JSON Schema (draft 2020-12) of `touchstone.yaml`.
#[must_use]
pub fn project_schema() -> Value {
    PROJECT.clone()
}

/// [`schema`] without a copy.
pub(crate) fn document() -> &'static Value {
    &DOCUMENT
}

/// [`project_schema`] without a copy.
pub(crate) fn project() -> &'static Value {
    &PROJECT
}

/// What a schema says of its values, in one line.
pub(crate) fn description(schema: &Map<String, Value>) -> Option<String> {
    let text = schema.get("description")?.as_str()?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The branch of the schema of documents for one kind.
pub(crate) fn branch(kind: &str) -> Option<&'static Value> {
    branches()
        .find(|(name, _)| *name == kind)
        .map(|(_, branch)| branch)
}

/// The kinds of documents.
pub(crate) fn kinds() -> impl Iterator<Item = &'static str> {
    branches().map(|(kind, _)| kind)
}

fn branches() -> impl Iterator<Item = (&'static str, &'static Value)> {
    let branches = DOCUMENT["oneOf"].as_array().into_iter().flatten();
    branches.filter_map(|branch| Some((branch["properties"]["kind"]["const"].as_str()?, branch)))
}

fn generate<T: JsonSchema>(title: &str) -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with_transform(RecursiveTransform(refuse_null))
        .with_transform(RecursiveTransform(refuse_empty_texts))
        .with_transform(RecursiveTransform(name_items));
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), json!(title));
    schema.to_value()
}

/// Takes `null` from what an optional key allows. A key whose value is missing is more often a line that was indented
/// wrongly or left unfinished than one meant to have no value, which is said by leaving the key out.
fn refuse_null(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(branches)) = object.get_mut("anyOf") {
        branches.retain(|branch| branch.get("type") != Some(&json!("null")));
        if let [Value::Object(only)] = branches.as_slice() {
            let only = only.clone();
            object.remove("anyOf");
            object.extend(only);
        }
    }
}

/// Asks for at least one character in the texts that are values of keys.
fn refuse_empty_texts(schema: &mut Schema) {
    let Some(Value::Object(properties)) = schema.get_mut("properties") else {
        return;
    };
    for property in properties.values_mut().filter_map(Value::as_object_mut) {
        if property.get("type") == Some(&json!("string")) && !has_closed_set(property) {
            property.insert("minLength".to_owned(), json!(1));
        }
    }
}

/// Moves the kind of a list of names from the list to its entries.
fn name_items(schema: &mut Schema) {
    let Some(object) = schema
        .as_object_mut()
        .filter(|object| object.contains_key("items"))
    else {
        return;
    };
    let kind = object.remove(NAMES);
    if let (Some(kind), Some(Value::Object(items))) = (kind, object.get_mut("items")) {
        items.insert(NAMES.to_owned(), kind);
    }
}

fn has_closed_set(schema: &Map<String, Value>) -> bool {
    schema.contains_key("const") || schema.contains_key("enum") || schema.contains_key("pattern")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_a_branch_for_each_kind() {
        let kinds: Vec<&str> = kinds().collect();
        let expected = [
            "source",
            "fact",
            "metric",
            "audience",
            "team",
            "channel",
            "content",
            "initiative",
            "experiment",
            "summaries",
            "lifetime",
            "cost",
            "touch",
            "attribution",
            "performance",
            "factorial",
        ];
        assert_eq!(kinds, expected);
        assert_eq!(
            schema()["$schema"],
            "https://json-schema.org/draft/2020-12/schema"
        );
    }

    #[test]
    fn closes_every_mapping_and_allows_no_null() {
        for schema in [schema(), project_schema()] {
            let text = schema.to_string();
            assert!(!text.contains("null\""), "{text}");
            let open = |object: &Value| {
                object["type"] == "object" && object["additionalProperties"].is_null()
            };
            let defs = schema["$defs"].as_object().unwrap().values();
            let branches = schema["oneOf"].as_array().into_iter().flatten();
            assert!(!defs.chain(branches).any(open));
        }
    }
}
