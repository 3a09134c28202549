//! A default as the document that says the same: what was written, whatever the kind of document it came from.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::engine::defaults::DefaultClass;
use crate::engine::policy::{Conflicts, Mode, OnDelete, OnRemove, OnReplace, Policy};
use crate::engine::unit::{Unit, UnitPath};
use crate::engine::when::When;

/// In the order in which people write it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata<'a>,
    spec: Map<String, Value>,
    #[serde(skip_serializing_if = "Said::is_empty")]
    policy: Said,
    #[serde(skip_serializing_if = "Option::is_none")]
    when: Option<&'a str>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    labels: Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    annotations: Map<String, Value>,
}

/// What of a policy isn't as it would be without a word.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conflicts: Option<Conflicts>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    enforce: Vec<Unit>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    create_only: Vec<Unit>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    adopt_from: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_remove: Option<OnRemove>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_delete: Option<OnDelete>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_replace: Option<OnReplace>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protect: Option<bool>,
}

impl Said {
    fn of(policy: &Policy) -> Self {
        let Policy { mode, conflicts, enforce, create_only, adopt_from, on_remove, on_delete, on_replace, protect } =
            policy;
        Self {
            mode: other_than_usual(*mode),
            conflicts: other_than_usual(*conflicts),
            enforce: enforce.clone(),
            create_only: create_only.clone(),
            adopt_from: adopt_from.clone(),
            on_remove: other_than_usual(*on_remove),
            on_delete: other_than_usual(*on_delete),
            on_replace: other_than_usual(*on_replace),
            protect: other_than_usual(*protect),
        }
    }

    fn is_empty(&self) -> bool {
        let Self { mode, conflicts, enforce, create_only, adopt_from, on_remove, on_delete, on_replace, protect } =
            self;
        (mode, conflicts, on_remove) == (&None, &None, &None)
            && (on_delete, on_replace, protect) == (&None, &None, &None)
            && enforce.is_empty()
            && create_only.is_empty()
            && adopt_from.is_empty()
    }
}

fn other_than_usual<T: Default + PartialEq>(value: T) -> Option<T> {
    (value != T::default()).then_some(value)
}

/// The default as YAML.
pub(super) fn yaml(default: &DefaultClass) -> String {
    let (mut spec, mut labels, mut annotations) = (Map::new(), Map::new(), Map::new());
    // What the policy itself puts on the class isn't written.
    let marks: Vec<_> = default.policy.marks().map(|(unit, _)| unit).collect();
    for (unit, value) in default.units.iter().filter(|(unit, _)| !marks.contains(unit)) {
        let (map, key) = match unit.path() {
            UnitPath::Spec(field) => (&mut spec, field),
            UnitPath::Metadata("labels", key) => (&mut labels, key),
            UnitPath::Metadata(_, key) => (&mut annotations, key),
        };
        map.insert(key.to_owned(), value.to_json());
    }
    let document = Document {
        api_version: "classkeeper.dev/v1alpha1",
        kind: "DefaultGatewayClass",
        metadata: Metadata { name: &default.name, labels, annotations },
        spec,
        policy: Said::of(&default.policy),
        when: default.when.as_deref().map(When::text),
    };
    serde_saphyr::to_string(&document).unwrap_or_default()
}

/// The policy in few words: what of it isn't as it would be without a word.
pub(super) fn policy_words(policy: &Policy) -> String {
    let said = serde_json::to_value(Said::of(policy)).unwrap_or_default();
    let words = said.as_object().into_iter().flatten().map(|(name, value)| match value {
        Value::String(value) => format!("{name}: {value}"),
        Value::Array(values) => {
            let values: Vec<_> = values.iter().map(|value| value.as_str().unwrap_or_default()).collect();
            format!("{name}: {}", values.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => format!("{name}: {value}"),
    });
    words.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::engine::author::Author;
    use crate::engine::defaults::Origin;
    use crate::files::reload::{Loader, Reload};
    use crate::files::snapshot::Snapshot;

    fn default(policy: Policy, when: Option<&str>) -> DefaultClass {
        let units = [
            (Unit::ControllerName, json!("example.com/c")),
            (Unit::ParametersRef, json!({"group": "example.com", "kind": "P", "name": "yes"})),
            (Unit::label("team"), json!("010")),
            (Unit::annotation("note"), json!("a: b #c\n\u{7}")),
        ];
        DefaultClass {
            name: "edge".into(),
            units: units.into_iter().chain(policy.marks()).collect(),
            policy: Arc::new(policy),
            when: when.map(|when| Arc::new(When::compile(when).unwrap())),
            author: Author::Platform,
            origin: Origin { file: "10-edge.yaml".into(), line: 1 },
        }
    }

    #[test]
    fn what_is_shown_is_read_as_the_same_default() {
        let policy = Policy {
            conflicts: Conflicts::Force,
            create_only: vec![Unit::Description],
            on_remove: OnRemove::Delete,
            protect: true,
            ..Policy::default()
        };
        for default in [default(Policy::default(), None), default(policy, Some("cluster.kubernetes.version != \"\""))] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("10-edge.yaml"), yaml(&default)).unwrap();
            let reload = Loader::default().load(&Snapshot::read(folder.path()).unwrap());
            let Reload::Accepted { defaults, .. } = reload else { panic!("{reload:?} of {}", yaml(&default)) };
            assert_eq!(**defaults.get("edge").unwrap(), default);
        }
    }

    #[test]
    fn a_policy_is_told_by_what_is_not_usual_in_it() {
        assert_eq!(policy_words(&Policy::default()), "");
        let policy =
            Policy { enforce: vec![Unit::Description, Unit::label("team")], protect: true, ..Policy::default() };
        assert_eq!(policy_words(&policy), "enforce: spec.description, metadata.labels['team']; protect: true");
    }
}
