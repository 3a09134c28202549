//! The schema validator sees in a document what it sees in the same JSON value.

use classkeeper::engine::diagnostic::text::{FileText, Findings};
use classkeeper::engine::document::json::{Tree, TreeNode};
use classkeeper::files::yaml::{self, Budget};
use jsonschema::Draft;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::json::json;

/// Each kind of question that a validator asks a value.
fn schemas() -> Vec<Value> {
    vec![
        json!({"type": "object"}),
        json!({"type": ["array", "null"]}),
        json!({"type": "string"}),
        json!({"type": "boolean"}),
        json!({"type": "integer"}),
        json!({"type": "number"}),
        json!({"const": null}),
        json!({"const": {"a": [1, {"b": null}]}}),
        json!({"enum": ["", "a", [], {}, 0, true]}),
        json!({"enum": [[null], {"a": {}}]}),
        json!({"maxLength": 1}),
        json!({"minLength": 2}),
        json!({"pattern": "^a"}),
        json!({"minimum": 0, "maximum": 9, "multipleOf": 2}),
        json!({"maxItems": 1}),
        json!({"uniqueItems": true}),
        json!({"contains": {"const": []}}),
        json!({"items": {"type": "object"}}),
        json!({"minProperties": 2}),
        json!({"required": ["a"]}),
        json!({"propertyNames": {"maxLength": 1}}),
        json!({"propertyNames": {"const": "a"}}),
        json!({"propertyNames": {"not": {"enum": ["a", "b"]}}}),
        json!({"properties": {"a": {"type": "array"}}, "additionalProperties": false}),
        json!({"patternProperties": {"^a": {"type": "null"}}, "additionalProperties": {"type": "string"}}),
        json!({"anyOf": [{"type": "array", "items": {"$ref": "#"}}, {"type": "string"}]}),
        json!({"not": {"type": "object"}}),
    ]
}

/// Values that are likely to meet one of the schemas half way.
fn value() -> impl Strategy<Value = Value> {
    let likely = prop::sample::select(vec![
        json!({"a": [1, {"b": null}]}),
        json!({"a": [1, {"b": false}]}),
        json!([null]),
        json!([[]]),
        json!([[], []]),
        json!([{"a": 1}, {"a": 2}]),
        json!([{"a": 1}, {"a": 1}]),
        json!([["a", "b"], "c"]),
        json!({"a": {}}),
        json!({"a": []}),
        json!({"a": [], "b": 1}),
        json!({"aa": null, "b": "c"}),
        json!({}),
        json!("a"),
        json!("ä"),
        json!(0),
        json!(1.5),
        json!(2.0),
    ]);
    prop_oneof![likely, json()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_document_is_validated_as_its_value(value in value()) {
        let text = value.to_string();
        let file = FileText::new("a.json".into(), &text);
        let documents = yaml::parse(&mut Findings::new(&file), Budget::default());
        let node = TreeNode::Value(&documents[0].root);
        for schema in schemas() {
            let of_values = jsonschema::options().with_draft(Draft::Draft7).build(&schema).unwrap();
            let of_trees = jsonschema::options_for::<Tree>().with_draft(Draft::Draft7).build(&schema).unwrap();
            prop_assert_eq!(of_trees.is_valid(node), of_values.is_valid(&value), "{}", schema);
            let errors = |path: String, keyword: &str| format!("{keyword} {path}");
            let expected: Vec<_> = of_values
                .iter_errors(&value)
                .map(|error| errors(error.instance_path().to_string(), error.kind().keyword()))
                .collect();
            let mut found: Vec<_> = of_trees
                .iter_errors(node)
                .map(|error| errors(error.instance_path().to_string(), error.kind().keyword()))
                .collect();
            // The entries of a document have the order of the file, those of a value that of their keys.
            found.sort();
            let mut expected = expected;
            expected.sort();
            prop_assert_eq!(found, expected, "{}", schema);
        }
    }
}
