//! JSON for programs.

use measure::audience::LiftFinding;
use report::json;
use serde_json::Value;
use value::LedgerFinding;

use crate::fixture;

#[test]
fn findings_survive_the_way_there_and_back() {
    let lift = fixture::email();
    let text = json::to_string(&lift).unwrap();
    assert!(text.starts_with("{\n  \"format\": \"touchstone.lift/1\"") && text.ends_with("}\n"));
    assert_eq!(serde_json::from_str::<LiftFinding>(&text).unwrap(), lift);
    let ledger = fixture::ledger();
    let text = json::to_string(&ledger).unwrap();
    assert_eq!(
        serde_json::from_str::<LedgerFinding>(&text).unwrap(),
        ledger
    );
}

/// Follows a schema's references.
fn resolve<'a>(root: &'a Value, mut schema: &'a Value) -> &'a Value {
    while let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        schema = root.pointer(reference.trim_start_matches('#')).unwrap();
    }
    schema
}

#[test]
fn schemas_name_every_field_of_their_format() {
    let schemas = json::schemas();
    let findings = [
        serde_json::to_value(fixture::email()).unwrap(),
        serde_json::to_value(fixture::ledger()).unwrap(),
    ];
    for finding in findings {
        let schema = &schemas[finding["format"].as_str().unwrap()];
        for (field, value) in finding.as_object().unwrap() {
            let property = &schema["properties"][field];
            assert!(property.is_object(), "{field}");
            let Some(first) = value.get(0).and_then(Value::as_object) else {
                continue;
            };
            let item = resolve(schema, &property["items"]);
            for nested in first.keys() {
                assert!(item["properties"][nested].is_object(), "{field}.{nested}");
            }
        }
    }
}
