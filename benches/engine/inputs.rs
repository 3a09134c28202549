//! What is measured: documents and classes of the size that people have, as many as asked for. `tests/costs.rs` counts on
//! the same ones.

use classkeeper::engine::defaults::{DefaultClass, Defaults};
use classkeeper::engine::live::{FieldManager, Live};
use classkeeper::files::reload::{Loader, Reload};
use classkeeper::files::snapshot::Snapshot;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Map, Value, json};

/// A small document: a label, a controller, a description.
pub(crate) fn small(index: usize) -> String {
    format!(
        "apiVersion: classkeeper.dev/v1alpha1\nkind: DefaultGatewayClass\nmetadata:\n  name: class-{index:05}\n  labels: \
         {{app.kubernetes.io/part-of: edge}}\nspec:\n  controllerName: example.com/controller\n  description: Class \
         number {index}\n"
    )
}

/// A document that uses what there is: a reference, more labels, annotations, a policy, a comment and a condition.
pub(crate) fn rich(index: usize) -> String {
    format!(
        "# Kept by the platform team.\napiVersion: classkeeper.dev/v1alpha1\nkind: DefaultGatewayClass\nmetadata:\n  \
         name: class-{index:05}\n  labels:\n    app.kubernetes.io/part-of: edge\n    example.com/stage: \"production\"\n  \
         annotations:\n    example.com/contact: 'platform@example.com'\nspec:\n  controllerName: \
         example.com/controller\n  description: \"Class number {index}\"\n  parametersRef:\n    group: example.com\n    \
         kind: GatewayParameters\n    name: edge-{index}\n    namespace: platform\npolicy:\n  conflicts: Fail\n  enforce: \
         [spec.parametersRef]\n  createOnly:\n    - spec.description\n  adoptFrom: [helm]\n  onRemove: Delete\nwhen: \
         cluster.serves(\"example.com/v1\", \"GatewayParameters\")\n"
    )
}

/// A document that yields the fields that others own, and names no unit in its policy.
pub(crate) fn yielding(index: usize) -> String {
    rich(index).replace("conflicts: Fail", "conflicts: Yield").replace("  createOnly:\n    - spec.description\n", "")
}

/// A document that differs from the others in its name alone, as the classes of one platform often do.
pub(crate) fn alike(index: usize) -> String {
    rich(index).replace(&format!("number {index}"), "of the platform").replace(&format!("edge-{index}\n"), "edge\n")
}

/// A file of documents.
pub(crate) fn file(document: fn(usize) -> String, count: usize) -> String {
    (0..count).map(document).collect::<Vec<_>>().join("---\n")
}

/// A source of so many files with so many documents each.
pub(crate) fn source(document: fn(usize) -> String, files: usize, documents: usize) -> Snapshot {
    Snapshot::of((0..files).map(|file| {
        let documents = (0..documents).map(|index| document(file * documents + index));
        (format!("{file:05}.yaml"), documents.collect::<Vec<_>>().join("---\n").into_bytes())
    }))
}

/// Loads a source that is valid.
pub(crate) fn load(snapshot: &Snapshot) -> std::sync::Arc<Defaults> {
    match Loader::default().load(snapshot) {
        Reload::Accepted { defaults, .. } => defaults,
        other => panic!("the source isn't accepted: {other:?}"),
    }
}

/// The default that one document describes.
pub(crate) fn default_class(document: &str) -> DefaultClass {
    let defaults = load(&Snapshot::of([("a.yaml".to_owned(), document.to_owned().into_bytes())]));
    (**defaults.iter().next().expect("the document describes a class")).clone()
}

/// The name under which the program writes.
pub(crate) fn ours() -> FieldManager {
    FieldManager::new("classkeeper").expect("a field manager")
}

/// The class of [`rich`] as an API server has it: applied by us, its status written by its controller.
pub(crate) fn object(index: usize) -> Value {
    json!({
        "metadata": {
            "name": format!("class-{index:05}"),
            "uid": "4a6f6d2e-6d4f-4b1e-9c3a-1d2f3e4a5b6c",
            "resourceVersion": "812",
            "labels": {"app.kubernetes.io/part-of": "edge", "example.com/stage": "production"},
            "annotations": {"example.com/contact": "platform@example.com", "classkeeper.dev/on-remove": "Delete"},
            "managedFields": [
                {"manager": "classkeeper", "operation": "Apply", "apiVersion": "gateway.networking.k8s.io/v1",
                 "time": "2026-11-23T21:22:02Z", "fieldsType": "FieldsV1", "fieldsV1": applied()},
                {"manager": "controller", "operation": "Update", "apiVersion": "gateway.networking.k8s.io/v1",
                 "time": "2026-11-23T21:22:03Z", "fieldsType": "FieldsV1", "subresource": "status", "fieldsV1":
                 {"f:status": {"f:conditions": {"k:{\"type\":\"Accepted\"}": {".": {}, "f:lastTransitionTime": {},
                  "f:message": {}, "f:observedGeneration": {}, "f:reason": {}, "f:status": {}}}}}},
            ],
        },
        "spec": {
            "controllerName": "example.com/controller",
            "description": format!("Class number {index}"),
            "parametersRef": {"group": "example.com", "kind": "GatewayParameters", "name": format!("edge-{index}"),
                              "namespace": "platform"},
        },
    })
}

/// What our apply owns of it: the `fieldsV1` of our entry.
pub(crate) fn applied() -> Value {
    json!({
        "f:metadata": {
            "f:annotations": {"f:classkeeper.dev/on-remove": {}, "f:example.com/contact": {}},
            "f:labels": {"f:app.kubernetes.io/part-of": {}, "f:example.com/stage": {}},
        },
        "f:spec": {
            "f:controllerName": {},
            "f:description": {},
            "f:parametersRef": {"f:group": {}, "f:kind": {}, "f:name": {}, "f:namespace": {}},
        },
    })
}

/// The same after somebody wrote another description, which is theirs since.
pub(crate) fn edited(index: usize) -> Value {
    let mut object = object(index);
    object["spec"]["description"] = "mine".into();
    let entries = object["metadata"]["managedFields"].as_array_mut().expect("a list");
    if let Some(spec) = entries[0]["fieldsV1"]["f:spec"].as_object_mut() {
        spec.remove("f:description");
    }
    entries.push(
        json!({"manager": "kubectl-edit", "operation": "Update", "apiVersion": "gateway.networking.k8s.io/v1",
                        "time": "2026-11-23T21:23:00Z", "fieldsType": "FieldsV1",
                        "fieldsV1": {"f:spec": {"f:description": {}}}}),
    );
    object
}

/// An object's metadata and spec, as the watch hands them over.
pub(crate) fn parts(object: &Value) -> (ObjectMeta, Map<String, Value>) {
    let metadata = serde_json::from_value(object["metadata"].clone()).expect("metadata");
    (metadata, object["spec"].as_object().expect("a spec").clone())
}

/// A class as the planner sees it.
pub(crate) fn live(object: &Value) -> Live {
    let (metadata, spec) = parts(object);
    Live::new(metadata, spec).expect("a class")
}
