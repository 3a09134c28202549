//! What kube-apiserver 1.37.2 does, and so the model must.

use serde_json::{Value, json};

use super::{class, owners, value};
use crate::engine::plan::server::{Refusal, Server};

const REFERENCE: &str = "spec.parametersRef";

fn reference() -> Value {
    json!({"group": "g", "kind": "K", "name": "a"})
}

fn described(description: &str) -> Value {
    class([("spec.description", description)])
}

/// The `fieldsV1` of one manager's first entry.
fn fields(server: &Server, manager: &str) -> Value {
    let object = server.object().unwrap();
    let entries = object["metadata"]["managedFields"].as_array().unwrap();
    let entry = entries.iter().find(|entry| entry["manager"] == manager);
    entry.map_or(Value::Null, |entry| entry["fieldsV1"].clone())
}

#[test]
fn another_value_is_a_conflict_and_an_equal_one_is_co_owned() {
    let mut server = Server::default();
    server.update("user", &described("a")).unwrap();
    let conflict = Refusal::Conflict { fields: vec!["spec.description".to_owned()], managers: vec!["user".to_owned()] };
    assert_eq!(server.apply("m", &described("b"), false), Err(conflict));
    server.apply("m", &described("a"), false).unwrap();
    assert_eq!(owners(&server, "spec.description"), ["m/Apply", "user/Update"]);
    server.apply("n", &described("b"), true).unwrap();
    assert_eq!(owners(&server, "spec.description"), ["n/Apply"]);
}

#[test]
fn an_update_takes_what_it_changes_and_claims_nothing_equal() {
    let mut server = Server::default();
    server.apply("m", &described("a"), false).unwrap();
    server.update("user", &described("a")).unwrap();
    assert_eq!(owners(&server, "spec.description"), ["m/Apply"]);
    server.update("user", &described("b")).unwrap();
    assert_eq!(owners(&server, "spec.description"), ["user/Update"]);
    server.update("user", &class([("spec.description", Value::Null)])).unwrap();
    assert_eq!(owners(&server, "spec.description"), [""; 0]);
    server.apply("m", &described("a"), false).unwrap();
}

#[test]
fn what_its_only_applier_omits_is_removed() {
    let mut server = Server::default();
    server.apply("m", &described("a"), false).unwrap();
    server.apply("n", &described("a"), false).unwrap();
    server.apply("m", &class([("metadata.labels['x']", "y")]), false).unwrap();
    assert_eq!(value(&server, "spec.description"), Some(&json!("a")));
    server.apply("n", &class([("metadata.labels['x']", "y")]), false).unwrap();
    assert_eq!(value(&server, "spec.description"), None);
}

#[test]
fn updates_own_containers_and_applies_do_not() {
    let mut server = Server::default();
    let body = class([(REFERENCE, reference()), ("metadata.labels['x']", "y".into())]);
    server.update("user", &body).unwrap();
    server.apply("m", &body, false).unwrap();
    let parts = json!({"f:group": {}, "f:kind": {}, "f:name": {}});
    let updated = json!({".": {}, "f:group": {}, "f:kind": {}, "f:name": {}});
    assert_eq!(
        fields(&server, "user"),
        json!({"f:metadata": {"f:labels": {".": {}, "f:x": {}}},
               "f:spec": {".": {}, "f:controllerName": {}, "f:parametersRef": updated}})
    );
    assert_eq!(
        fields(&server, "m"),
        json!({"f:metadata": {"f:labels": {"f:x": {}}}, "f:spec": {"f:controllerName": {}, "f:parametersRef": parts}})
    );
}

#[test]
fn half_a_reference_is_refused() {
    let mut server = Server::default();
    server.apply("m", &class([(REFERENCE, reference())]), false).unwrap();
    server.update("user", &class([(REFERENCE, json!({"name": "b"}))])).unwrap();
    let nothing = class([("metadata.labels['x']", "y")]);
    assert_eq!(server.apply("m", &nothing, false), Err(Refusal::Invalid("spec.parametersRef")));
}

#[test]
fn a_container_that_another_made_cannot_be_removed_by_an_apply() {
    let mut server = Server::default();
    server.update("user", &class([(REFERENCE, reference())])).unwrap();
    server.apply("m", &class([(REFERENCE, json!({"group": "h", "kind": "L", "name": "b"}))]), true).unwrap();
    assert_eq!(fields(&server, "user")["f:spec"]["f:parametersRef"], json!({}));
    let nothing = class([("metadata.labels['x']", "y")]);
    assert_eq!(server.apply("m", &nothing, true), Err(Refusal::Invalid("spec.parametersRef")));
}

#[test]
fn neighbours_that_nobody_owns_go_with_the_last_label_that_anybody_does() {
    let mut server = Server::default();
    server.update("user", &class([("spec.description", "a")])).unwrap();
    server.apply("n", &class([("metadata.labels['orphan']", "x")]), false).unwrap();
    server.apply("m", &class([("metadata.labels['x']", "y")]), false).unwrap();
    server.disown("n");
    server.apply("m", &described("a"), false).unwrap();
    assert_eq!(value(&server, "metadata.labels['orphan']"), None);
}

#[test]
fn after_a_wipe_updates_are_not_recorded_until_the_first_apply() {
    let mut server = Server::default();
    server.apply("m", &described("a"), false).unwrap();
    server.wipe();
    server.update("user", &described("b")).unwrap();
    assert!(server.is_wiped());
    server.apply("n", &class([("metadata.labels['x']", "y")]), false).unwrap();
    assert_eq!(owners(&server, "spec.description"), ["before-first-apply/Update"]);
}

#[test]
fn the_last_entry_cannot_be_taken_off() {
    let mut server = Server::default();
    server.apply("m", &described("a"), false).unwrap();
    server.disown("m");
    assert_eq!(owners(&server, "spec.description"), ["m/Apply"]);
}

#[test]
fn preconditions_name_the_object_and_its_state() {
    let mut server = Server::default();
    let guarded = |key: &str, text: &str| {
        let mut body = described("b");
        body["metadata"][key] = text.into();
        body
    };
    assert_eq!(server.apply("m", &guarded("uid", "uid-1"), false), Err(Refusal::Stale));
    // On a missing object a resourceVersion is no precondition.
    server.apply("m", &guarded("resourceVersion", "77"), false).unwrap();
    assert_eq!(server.apply("m", &guarded("uid", "uid-7"), true), Err(Refusal::Stale));
    assert_eq!(server.apply("m", &guarded("resourceVersion", "77"), true), Err(Refusal::Stale));
    let version = server.object().unwrap()["metadata"]["resourceVersion"].clone();
    server.apply("m", &guarded("resourceVersion", version.as_str().unwrap()), true).unwrap();
    assert_eq!(server.object().unwrap()["metadata"]["resourceVersion"], version, "nothing changed");
}

#[test]
fn the_schema_is_validated() {
    let mut server = Server::default();
    let missing = json!({"metadata": {"labels": {"x": "y"}}});
    assert_eq!(server.apply("m", &missing, false), Err(Refusal::Invalid("spec.controllerName")));
    assert_eq!(server.apply("m", &described(&"ä".repeat(65)), false), Err(Refusal::Invalid("spec.description")));
    server.apply("m", &described(&"ä".repeat(64)), false).unwrap();
    let other = json!({"spec": {"controllerName": "other.dev/c"}});
    assert_eq!(server.apply("m", &other, true), Err(Refusal::Invalid("spec.controllerName")));
}
