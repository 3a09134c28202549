//! Schema and loader accept the same documents, tried with documents at random.

use classkeeper::files::reload::{Loader, Reload};
use classkeeper::files::snapshot::Snapshot;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

use crate::schema::{NOT_IN_THE_SCHEMA, VALIDATOR, errors, keywords};

/// A valid document, some fields set.
fn document() -> impl Strategy<Value = Value> {
    let name = "[a-z0-9]([a-z0-9-]{0,9}[a-z0-9])?(\\.[a-z0-9]{1,5})?";
    let key = "([a-z0-9]{1,5}(\\.[a-z]{1,3})?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,9}[A-Za-z0-9])?";
    let labels = option::of(btree_map(key, "([A-Za-z0-9]([A-Za-z0-9_.-]{0,9}[A-Za-z0-9])?)?", 0..3));
    let annotations = option::of(btree_map(key, "\\PC{0,20}", 0..3));
    let controller = "[a-z0-9]{1,5}\\.[a-z]{2,3}/[A-Za-z0-9/._~%!$&'()*+,;=:-]{1,20}";
    let reference = option::of(("[a-z]{0,9}", "[A-Z][a-zA-Z0-9]{0,9}", "\\PC{1,20}", option::of("[a-z0-9]{1,9}")));
    let spec = (controller, option::of("\\PC{0,64}"), reference);
    let unit = select(vec![
        "spec.controllerName",
        "spec.description",
        "spec.parametersRef",
        "spec.other",
        "metadata.labels['team']",
        "metadata.annotations['a/b']",
    ]);
    let policy = option::of((
        option::of(select(vec!["Apply", "Observe"])),
        option::of(select(vec!["Yield", "Fail", "Force"])),
        option::of(proptest::sample::subsequence(vec!["spec.description", "spec.parametersRef", "spec.a"], 0..3)),
        option::of(vec(unit, 0..2)),
        option::of(vec("[a-z]{1,9}", 0..2)),
        option::of(any::<bool>()),
    ));
    let when = option::of(select(vec![
        "true",
        "cluster.serves('a/v1', 'B')",
        "'v1' in cluster.gatewayAPI.servedVersions",
        "cluster.gatewayApi",
    ]));
    (any::<bool>(), any::<bool>(), name, labels, annotations, spec, (policy, when)).prop_map(
        |(is_plain, is_beta, name, labels, annotations, (controller, description, reference), (policy, when))| {
            let set = |fields: &mut Map<String, Value>, field: &str, value: Option<Value>| {
                if let Some(value) = value {
                    fields.insert(field.to_owned(), value);
                }
            };
            let mut metadata = Map::from_iter([("name".to_owned(), json!(name))]);
            set(&mut metadata, "labels", labels.map(|labels| json!(labels)));
            set(&mut metadata, "annotations", annotations.map(|annotations| json!(annotations)));
            let mut spec = Map::from_iter([("controllerName".to_owned(), json!(controller))]);
            set(&mut spec, "description", description.map(|description| json!(description)));
            let reference = reference.map(|(group, kind, name, namespace)| {
                let mut reference = json!({"group": group, "kind": kind, "name": name});
                if let Some(namespace) = namespace {
                    reference["namespace"] = json!(namespace);
                }
                reference
            });
            set(&mut spec, "parametersRef", reference);
            if is_plain {
                let version = if is_beta { "v1beta1" } else { "v1" };
                let api_version = format!("gateway.networking.k8s.io/{version}");
                return json!({"apiVersion": api_version, "kind": "GatewayClass", "metadata": metadata, "spec": spec});
            }
            let mut document = json!({
                "apiVersion": "classkeeper.dev/v1alpha1", "kind": "DefaultGatewayClass", "metadata": metadata, "spec": spec,
            });
            if let Some(when) = when {
                document["when"] = json!(when);
            }
            if let Some((mode, conflicts, enforce, create_only, adopt_from, protect)) = policy {
                let mut policy = Map::new();
                set(&mut policy, "mode", mode.map(|mode| json!(mode)));
                set(&mut policy, "conflicts", conflicts.map(|conflicts| json!(conflicts)));
                set(&mut policy, "enforce", enforce.map(|units| json!(units)));
                set(&mut policy, "createOnly", create_only.map(|units| json!(units)));
                set(&mut policy, "adoptFrom", adopt_from.map(|managers| json!(managers)));
                set(&mut policy, "protect", protect.map(|protect| json!(protect)));
                document["policy"] = Value::Object(policy);
            }
            document
        },
    )
}

/// A value that fits somewhere, or nowhere.
fn any_value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        select(vec![
            "",
            "a",
            "A",
            "a.b",
            "a/b",
            "a.b/c",
            "-",
            "a b",
            "Apply",
            "Force",
            "Delete",
            "Recreate",
            "GatewayClass",
            "DefaultGatewayClass",
            "Tenant",
            "v1",
            "classkeeper.dev/v1alpha1",
            "gateway.networking.k8s.io/v1",
            "true",
            "1 == 2 || a",
            "null",
            "spec.description",
            "metadata.labels['a']",
            "metadata.labels['']",
        ])
        .prop_map(str::to_owned),
        (select(vec!["a", "ü", "🚪", "a/"]), select(vec![1_usize, 62, 63, 64, 65, 127, 128, 129, 252, 253, 254]))
            .prop_map(|(text, count)| text.repeat(count)),
        "\\PC{0,8}",
    ];
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => (-1e9..1e9).prop_map(Value::from),
        8 => text.prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            btree_map(any_key(), inner, 0..3).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

/// A key that means something somewhere, or nowhere.
fn any_key() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(vec![
            "apiVersion", "kind", "metadata", "spec", "policy", "when", "status", "name", "labels", "annotations", "uid",
            "finalizers", "ownerReferences", "namespace", "generateName", "managedFields", "controllerName", "description",
            "parametersRef", "group", "mode", "conflicts", "enforce", "createOnly", "adoptFrom", "onRemove", "protect",
            "classkeeper.dev/a", "meta.helm.sh/a", "a.b/c", "A.b/c", "a b", "",
        ])
        .prop_map(str::to_owned),
        1 => "\\PC{0,8}",
    ]
}

/// One change of a document, at a place chosen among all places.
#[derive(Clone, Debug)]
enum Change {
    Replace(Index, Value),
    Remove(Index),
    Add(Index, String, Value),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (any::<Index>(), any_value()).prop_map(|(place, value)| Change::Replace(place, value)),
        1 => any::<Index>().prop_map(Change::Remove),
        3 => (any::<Index>(), any_key(), any_value()).prop_map(|(place, key, value)| Change::Add(place, key, value)),
    ]
}

/// The JSON pointers of all values below the root.
fn pointers(value: &Value, pointer: &str, found: &mut Vec<String>) {
    let mut below = |key: &str, value: &Value| {
        let pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
        pointers(value, &pointer, found);
        found.push(pointer);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| below(key, value)),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, value)| below(&index.to_string(), value)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn apply(document: &mut Value, change: Change) {
    let mut places = Vec::new();
    pointers(document, "", &mut places);
    let (Change::Replace(place, _) | Change::Remove(place) | Change::Add(place, ..)) = &change;
    if places.is_empty() {
        return;
    }
    let pointer = place.get(&places).clone();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/").replace("~0", "~");
    match (change, document.pointer_mut(parent).unwrap()) {
        (Change::Replace(_, value), _) => *document.pointer_mut(&pointer).unwrap() = value,
        (Change::Remove(_), Value::Object(fields)) => {
            fields.remove(&key);
        }
        (Change::Remove(_), Value::Array(items)) => {
            items.remove(key.parse().unwrap());
        }
        (Change::Add(_, key, value), Value::Object(fields)) => {
            fields.insert(key, value);
        }
        (Change::Add(_, _, value), Value::Array(items)) => items.push(value),
        (Change::Remove(_) | Change::Add(..), other) => panic!("{other} has no value {pointer}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn schema_and_loader_accept_the_same(mut document in document(), changes in vec(change(), 0..4)) {
        for change in changes {
            apply(&mut document, change);
        }
        let codes: Vec<_> = errors(&document).iter().map(|finding| finding.code).collect();
        if VALIDATOR.is_valid(&document) {
            prop_assert!(codes.iter().all(|code| NOT_IN_THE_SCHEMA.contains(code)), "{document}: {codes:?}");
        } else {
            prop_assert!(!codes.is_empty(), "{document}: {:?}", keywords(&document));
        }
    }

    #[test]
    fn a_class_has_what_its_document_says(document in document()) {
        let codes: Vec<_> = errors(&document).iter().map(|finding| finding.code).collect();
        prop_assert!(VALIDATOR.is_valid(&document), "{document}: {:?}", keywords(&document));
        if !codes.is_empty() {
            prop_assert!(codes.iter().all(|code| NOT_IN_THE_SCHEMA.contains(code)), "{document}: {codes:?}");
            return Ok(());
        }
        let snapshot = Snapshot::of([("a.json".to_owned(), document.to_string().into_bytes())]);
        let Reload::Accepted { defaults, .. } = Loader::default().load(&snapshot) else { panic!("{document}") };
        prop_assert_eq!(defaults.len(), 1);
        let class = defaults.get(document["metadata"]["name"].as_str().unwrap()).unwrap();
        let mut expected = Vec::new();
        for (field, value) in document["spec"].as_object().unwrap() {
            expected.push((format!("spec.{field}"), value));
        }
        for map in ["labels", "annotations"] {
            for (key, value) in document["metadata"][map].as_object().into_iter().flatten() {
                expected.push((format!("metadata.{map}['{key}']"), value));
            }
        }
        // What we write on a protected class ourselves.
        let mark = json!("true");
        if document["policy"]["protect"] == true {
            expected.push(("metadata.annotations['classkeeper.dev/protected']".to_owned(), &mark));
        }
        let mut units: Vec<_> = class.units.iter().map(|(unit, value)| (unit.to_string(), value.to_json())).collect();
        units.sort_by(|a, b| a.0.cmp(&b.0));
        expected.sort_by(|a, b| a.0.cmp(&b.0));
        let expected: Vec<_> = expected.into_iter().map(|(unit, value)| (unit, value.clone())).collect();
        prop_assert_eq!(units, expected);
        prop_assert_eq!(class.when.as_ref().map(|when| when.text()), document["when"].as_str());
        let text = |list: &str| {
            let mut units: Vec<_> = document["policy"][list].as_array().into_iter().flatten().collect();
            units.sort_by_key(|unit| unit.as_str());
            json!(units)
        };
        let mut enforce: Vec<_> = class.policy.enforce.iter().map(ToString::to_string).collect();
        enforce.sort();
        prop_assert_eq!(json!(enforce), text("enforce"));
        prop_assert_eq!(format!("{:?}", class.policy.mode), document["policy"]["mode"].as_str().unwrap_or("Apply"));
        prop_assert_eq!(
            format!("{:?}", class.policy.conflicts),
            document["policy"]["conflicts"].as_str().unwrap_or("Yield")
        );
    }
}
