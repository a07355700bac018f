//! Whether a document has the structure that its schema gives: keys, types, values out of a closed set, bounds.
//!
//! The checker knows the part of JSON Schema that schemars makes of the model's types: `type`, `properties`, `required`,
//! `additionalProperties`, `items`, `minItems`, `maxItems`, `$ref`, `anyOf` and `oneOf` whose branches differ in type or are closed
//! sets, `const`, `enum`, bounds of numbers, `minLength`, and the formats `name`, `span` and `decimal`.

use std::fmt::Display;
use std::str::FromStr;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Map, Value as Json, json};

use crate::diagnostic::{Diagnostic, Place};
use crate::names::{did_you_mean, is_name};
use crate::schema::{NAMES, description};
use crate::span::Span;
use crate::yaml::{Entry, Node, Value, quote};

type Schema = Map<String, Json>;

/// A name that must be that of another document.
#[derive(Debug)]
pub(crate) struct Reference {
    /// The kind of document that is meant.
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) place: Place,
}

/// What came of walking a schema over a document.
#[derive(Debug, Default)]
pub(crate) struct Structure {
    pub(crate) errors: Vec<Diagnostic>,
    pub(crate) references: Vec<Reference>,
}

impl Structure {
    /// Walks a schema over a document. The result is the document as JSON, in which decimal numbers are texts so that no
    /// digit is lost; it means something only where there are no errors.
    ///
    /// `title` names what the document is in messages, such as `a metric`.
    pub(crate) fn walk(root: &Json, branch: &Json, document: &Node, title: &str) -> (Self, Json) {
        let mut walker = Walker {
            definitions: root.get("$defs"),
            structure: Self::default(),
        };
        let json = match branch.as_object() {
            Some(schema) => walker.value(schema, document, title),
            None => Json::Null,
        };
        (walker.structure, json)
    }
}

struct Walker<'s> {
    definitions: Option<&'s Json>,
    structure: Structure,
}

impl<'s> Walker<'s> {
    /// Checks a value. `title` is what messages call it: `` `margin` ``, `a metric`.
    fn value(&mut self, schema: &'s Schema, node: &Node, title: &str) -> Json {
        let schema = self.resolve(schema);
        if let Some(branches) = schema
            .get("anyOf")
            .or_else(|| schema.get("oneOf"))
            .and_then(Json::as_array)
        {
            let branches: Vec<&Schema> = branches
                .iter()
                .filter_map(Json::as_object)
                .map(|branch| self.resolve(branch))
                .collect();
            return self.branches(&branches, node, title);
        }
        if let Some(choices) = choices(schema) {
            return self.choice(&choices, node, title);
        }
        if !type_fits(schema, node) {
            self.wrong_type(&[schema], node, title);
            return Json::Null;
        }
        match &node.value {
            Value::Null => Json::Null,
            Value::Bool(value) => json!(value),
            Value::Text(text) => self.text(schema, text, node, title),
            Value::Integer(text) | Value::Float(text) => self.number(schema, text, node, title),
            Value::Sequence(items) => self.list(schema, items, node, title),
            Value::Mapping(entries) => self.mapping(schema, entries, node, title),
        }
    }

    fn resolve(&self, schema: &'s Schema) -> &'s Schema {
        let target = schema
            .get("$ref")
            .and_then(Json::as_str)
            .and_then(|reference| {
                let name = reference.strip_prefix("#/$defs/")?;
                self.definitions?.get(name)?.as_object()
            });
        target.unwrap_or(schema)
    }

    fn error(&mut self, diagnostic: Diagnostic) {
        self.structure.errors.push(diagnostic);
    }

    /// One of several schemas: a closed set of texts, or what the value's type and keys decide.
    fn branches(&mut self, branches: &[&'s Schema], node: &Node, title: &str) -> Json {
        let sets: Option<Vec<Vec<&str>>> = branches.iter().map(|branch| choices(branch)).collect();
        if let Some(sets) = sets {
            return self.choice(&sets.concat(), node, title);
        }
        // Of several mappings, the one that knows most of the keys is meant; the first of equals.
        let fitting = branches
            .iter()
            .rev()
            .filter(|branch| type_fits(branch, node));
        let Some(branch) = fitting.max_by_key(|branch| known_keys(branch, node)) else {
            self.wrong_type(branches, node, title);
            return Json::Null;
        };
        let allows_text = branches.iter().any(|branch| type_of(branch) == "string");
        if allows_text
            && let Value::Integer(text) | Value::Float(text) = &node.value
            && let Some(diagnostic) = ambiguous_number(text, node, title)
        {
            self.error(diagnostic);
            return Json::Null;
        }
        self.value(branch, node, title)
    }

    fn choice(&mut self, choices: &[&str], node: &Node, title: &str) -> Json {
        let list = || format!("one of {}", choices.join(", "));
        let Some(text) = node.text() else {
            let message = format!("{title} takes {}, not {}", list(), node.describe());
            self.error(
                Diagnostic::error("wrong-type", &node.place, message).help("write one of them"),
            );
            return Json::Null;
        };
        if choices.contains(&text) {
            return json!(text);
        }
        let help = match did_you_mean(text, choices.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`? {title} takes {}", list()),
            None => format!("{title} takes {}", list()),
        };
        let message = format!("{title} cannot be {}", quote(text));
        self.error(Diagnostic::error("unknown-value", &node.place, message).help(help));
        Json::Null
    }

    fn text(&mut self, schema: &Schema, text: &str, node: &Node, title: &str) -> Json {
        let problem = match schema.get("format").and_then(Json::as_str) {
            Some("name") if !is_name(text) => Some((
                "bad-name",
                format!("{} cannot be a name", quote(text)),
                "a name has letters, digits, `-` and `_`, and begins with a letter or digit"
                    .to_owned(),
            )),
            Some("span") => Span::from_str(text).err().map(|error| {
                (
                    "bad-span",
                    error.to_string(),
                    "write a whole number and a unit, such as `14 days` or `1 month`".to_owned(),
                )
            }),
            _ if text.is_empty() && schema.contains_key("minLength") => Some((
                "empty",
                format!("{title} is empty"),
                "give it a value, or remove the key".to_owned(),
            )),
            _ => None,
        };
        if let Some((code, message, help)) = problem {
            self.error(Diagnostic::error(code, &node.place, message).help(help));
        }
        if let Some(kind) = schema.get(NAMES).and_then(Json::as_str) {
            let reference = Reference {
                kind: kind.to_owned(),
                name: text.to_owned(),
                place: node.place.clone(),
            };
            self.structure.references.push(reference);
        }
        json!(text)
    }

    fn number(&mut self, schema: &Schema, text: &str, node: &Node, title: &str) -> Json {
        if schema
            .get("format")
            .is_some_and(|format| format == "decimal")
        {
            return self.decimal(schema, text, node, title);
        }
        let whole = integer(text);
        let number = whole.map(|n| n as f64).or_else(|| text.parse().ok());
        let Some(number) = number.filter(|n| n.is_finite()) else {
            return self.out_of_range(
                schema,
                node,
                format!("{title} is {text}, which is not finite"),
            );
        };
        if let Some(bounds) = broken_bounds(schema, number) {
            return self.out_of_range(
                schema,
                node,
                format!("{title} is {text}, but must be {bounds}"),
            );
        }
        let largest = match schema.get("format").and_then(Json::as_str) {
            Some("uint32") => i64::from(u32::MAX),
            _ => i64::MAX,
        };
        let exact = whole
            .and_then(|n| i64::try_from(n).ok())
            .filter(|n| *n <= largest);
        match exact {
            Some(exact) => json!(exact),
            None if type_of(schema) == "integer" => self.out_of_range(
                schema,
                node,
                format!("{title} is {text}, which is too large"),
            ),
            None => json!(number),
        }
    }

    /// A decimal number as a text with the digits that were written.
    fn decimal(&mut self, schema: &Schema, text: &str, node: &Node, title: &str) -> Json {
        let digits = text.strip_prefix('+').unwrap_or(text);
        let decimal = match digits.split_once(['e', 'E']) {
            None => Decimal::from_str_exact(digits),
            Some((mantissa, _)) => {
                Decimal::from_str_exact(mantissa).and_then(|_| Decimal::from_scientific(digits))
            }
        };
        let Ok(decimal) = decimal else {
            let message =
                format!("{title} is {text}, which is not a decimal number of at most 28 digits");
            return self.out_of_range(schema, node, message);
        };
        match decimal
            .to_f64()
            .and_then(|number| broken_bounds(schema, number))
        {
            Some(bounds) => self.out_of_range(
                schema,
                node,
                format!("{title} is {text}, but must be {bounds}"),
            ),
            None => json!(decimal.normalize().to_string()),
        }
    }

    fn out_of_range(&mut self, schema: &Schema, node: &Node, message: String) -> Json {
        let diagnostic = Diagnostic::error("out-of-range", &node.place, message);
        self.error(diagnostic.maybe_help(description(schema)));
        Json::Null
    }

    fn list(&mut self, schema: &'s Schema, items: &[Node], node: &Node, title: &str) -> Json {
        let least = schema.get("minItems").and_then(Json::as_u64).unwrap_or(0);
        if (items.len() as u64) < least {
            let message = format!("{title} has {} of at least {least} entries", items.len());
            self.error(
                Diagnostic::error("too-few", &node.place, message).maybe_help(description(schema)),
            );
        }
        // At the first entry that is one too many.
        let most = schema.get("maxItems").and_then(Json::as_u64);
        let most = most.and_then(|most| usize::try_from(most).ok());
        if let Some(most) = most
            && let Some(beyond) = items.get(most)
        {
            let message = format!("{title} has {} of at most {most} entries", items.len());
            self.error(
                Diagnostic::error("too-many", &beyond.place, message)
                    .maybe_help(description(schema)),
            );
        }
        let Some(item_schema) = schema.get("items").and_then(Json::as_object) else {
            return json!([]);
        };
        let item_title = format!("an entry of {title}");
        let item = |item| self.value(item_schema, item, &item_title);
        Json::Array(items.iter().map(item).collect())
    }

    fn mapping(&mut self, schema: &'s Schema, entries: &[Entry], node: &Node, title: &str) -> Json {
        let properties = schema.get("properties").and_then(Json::as_object);
        let property = |key: &str| {
            properties
                .and_then(|p| p.get(key))
                .and_then(Json::as_object)
        };
        let known = || {
            properties
                .into_iter()
                .flat_map(Map::keys)
                .map(String::as_str)
        };
        let other = schema.get("additionalProperties").and_then(Json::as_object);
        let has = |key: &str| entries.iter().any(|entry| entry.key == key);
        let mut values = Map::new();
        // A misspelt key is reported once, not as a missing one too.
        let mut misspelt = Vec::new();
        for entry in entries {
            let Some(value_schema) = property(&entry.key).or(other) else {
                let meant = did_you_mean(&entry.key, known().filter(|key| !has(key)));
                misspelt.extend(meant);
                let help = match meant {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!(
                        "the keys of {title} are {}",
                        known().collect::<Vec<_>>().join(", ")
                    ),
                };
                let message = format!("{title} has no key {}", quote(&entry.key));
                self.error(Diagnostic::error("unknown-key", &entry.place, message).help(help));
                continue;
            };
            let value = self.value(value_schema, &entry.value, &format!("`{}`", entry.key));
            values.insert(entry.key.clone(), value);
        }
        let required = schema
            .get("required")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(Json::as_str);
        for key in required.filter(|key| !has(key) && !misspelt.contains(key)) {
            let message = format!("{title} needs the key `{key}`");
            let help = property(key)
                .and_then(description)
                .map(|text| format!("`{key}`: {text}"));
            self.error(Diagnostic::error("missing-key", &node.place, message).maybe_help(help));
        }
        Json::Object(values)
    }

    fn wrong_type(&mut self, schemas: &[&Schema], node: &Node, title: &str) {
        let mut wanted: Vec<&str> = schemas
            .iter()
            .map(|schema| type_name(type_of(schema)))
            .collect();
        wanted.dedup();
        let wants = |name: &str| schemas.iter().any(|schema| type_of(schema) == name);
        let help = match &node.value {
            Value::Null => "give it a value, or remove the key".to_owned(),
            Value::Bool(text) if wants("string") => in_quotes(text),
            Value::Integer(text) | Value::Float(text) if wants("string") => in_quotes(text),
            Value::Text(text) if wants("number") || wants("integer") => number_meant(text),
            Value::Text(text) if wants("array") => format!("write [{text}] for a list of one"),
            Value::Sequence(_) if !wants("array") => {
                "write one value, without brackets or dashes".to_owned()
            }
            _ => format!("write {}", wanted.join(" or ")),
        };
        let message = match node.value {
            Value::Null => format!("{title} has no value"),
            _ => format!(
                "{title} takes {}, not {}",
                wanted.join(" or "),
                node.describe()
            ),
        };
        self.error(Diagnostic::error("wrong-type", &node.place, message).help(help));
    }
}

/// The texts of a closed set.
fn choices(schema: &Schema) -> Option<Vec<&str>> {
    if let Some(only) = schema.get("const").and_then(Json::as_str) {
        return Some(vec![only]);
    }
    schema
        .get("enum")?
        .as_array()?
        .iter()
        .map(Json::as_str)
        .collect()
}

fn type_of(schema: &Schema) -> &str {
    schema
        .get("type")
        .and_then(Json::as_str)
        .unwrap_or_default()
}

fn type_name(json_type: &str) -> &'static str {
    match json_type {
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        _ => "a mapping of keys to values",
    }
}

fn type_fits(schema: &Schema, node: &Node) -> bool {
    let json_type = type_of(schema);
    match node.value {
        Value::Null => false,
        Value::Bool(_) => json_type == "boolean",
        Value::Integer(_) => matches!(json_type, "integer" | "number"),
        Value::Float(_) => json_type == "number",
        Value::Text(_) => json_type == "string",
        Value::Sequence(_) => json_type == "array",
        Value::Mapping(_) => json_type == "object",
    }
}

/// How many keys of a mapping a schema knows.
fn known_keys(schema: &Schema, node: &Node) -> usize {
    let (Value::Mapping(entries), Some(properties)) = (
        &node.value,
        schema.get("properties").and_then(Json::as_object),
    ) else {
        return 0;
    };
    entries
        .iter()
        .filter(|entry| properties.contains_key(&entry.key))
        .count()
}

/// The bounds of a schema that a number breaks, in words.
fn broken_bounds(schema: &Schema, number: f64) -> Option<String> {
    let bounds = [
        ("minimum", "at least", f64::ge as fn(&f64, &f64) -> bool),
        ("exclusiveMinimum", "more than", f64::gt),
        ("maximum", "at most", f64::le),
        ("exclusiveMaximum", "less than", f64::lt),
    ];
    let bounds = bounds.map(|(key, words, holds)| {
        let bound = schema.get(key).and_then(Json::as_f64)?;
        Some((format!("{words} {bound}"), holds(&number, &bound)))
    });
    let bounds: Vec<(String, bool)> = bounds.into_iter().flatten().collect();
    if bounds.iter().all(|(_, holds)| *holds) {
        return None;
    }
    let words: Vec<String> = bounds.into_iter().map(|(words, _)| words).collect();
    Some(words.join(" and "))
}

/// The value of a whole number in decimal, hexadecimal or octal digits.
fn integer(text: &str) -> Option<i128> {
    if let Some(digits) = text.strip_prefix("0x") {
        return i128::from_str_radix(digits, 16).ok();
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return i128::from_str_radix(digits, 8).ok();
    }
    text.parse().ok()
}

/// Where a number or a text may stand: a number that is not written as numbers usually are (`007`, `0x1F`, `1e3`, `1.0`)
/// may be meant as a text.
fn ambiguous_number(text: &str, node: &Node, title: &str) -> Option<Diagnostic> {
    let usual = match &node.value {
        Value::Integer(_) => integer(text).map(|n| n.to_string()),
        _ => text.parse::<f64>().ok().map(|n| n.to_string()),
    };
    if usual.as_deref() == Some(text) {
        return None;
    }
    let number = usual.map_or_else(String::new, |usual| {
        format!(", or {usual} if the number is meant")
    });
    let message = format!("{title} is {text}, which may be a number or a text");
    let help = format!("write \"{text}\" in quotes if the text is meant{number}");
    Some(Diagnostic::error("ambiguous-value", &node.place, message).help(help))
}

/// How to say that a text is meant, not a number or a truth value.
fn in_quotes(text: impl Display) -> String {
    format!("write \"{text}\" in quotes if the text is meant")
}

/// How to write the number that was meant by a text such as `5 %` or `1,000`.
fn number_meant(text: &str) -> String {
    let text = text.trim();
    let share = text.strip_suffix('%').and_then(|percentage| {
        let percentage = Decimal::from_str_exact(percentage.trim()).ok()?;
        percentage.checked_div(Decimal::ONE_HUNDRED)
    });
    if let Some(share) = share {
        return format!("write {} for {text}", share.normalize());
    }
    let plain = text.replace([',', '_', ' '], "");
    match Decimal::from_str_exact(&plain) {
        Ok(_) => format!("write {plain}, without separators"),
        Err(_) => "write a plain number, such as 12 or 0.5".to_owned(),
    }
}
