//! JSON is YAML, and is read to the same values. What must hold of any text at all is in `tests/hostile`.

use classkeeper::engine::diagnostic::text::{FileText, Findings};
use classkeeper::files::yaml::{self, Budget};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::Value;

/// A JSON value without the numbers that floats round.
pub(crate) fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        "[\\PC\\n\\t\u{0}-\u{1f}]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map("\\PC{0,6}", inner, 0..6).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn json_is_yaml(value in json()) {
        for text in [value.to_string(), format!("{value:#}")] {
            let file = FileText::new("a.json".into(), &text);
            let mut findings = Findings::new(&file);
            let documents = yaml::parse(&mut findings, Budget::default());
            prop_assert_eq!(findings.into_list(), []);
            prop_assert_eq!(documents.len(), 1);
            prop_assert_eq!(documents[0].root.to_value(), value.clone());
        }
    }
}
