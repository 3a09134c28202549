//! Moves of ownership, carried out: the class is read afresh and to the letter, its `managedFields` are edited, and
//! the result is sent as a JSON patch that is refused if somebody wrote meanwhile.

use serde_json::{Value, json};

use super::class::Class;
use super::class_api::Classes;
use super::error::ApiError;
use crate::engine::annotations::{HELM_KEEP, HELM_POLICY, ON_REMOVE};
use crate::engine::live::Live;
use crate::engine::managed_fields::ManagedFields;
use crate::engine::plan::{Helm, Rewrite};
use crate::engine::protection::{FINALIZER, Grip, is_held_by};
use crate::engine::unit::Unit;

/// Carries out a move: the class as it is then, or, if the class isn't the one that was planned from, as it is now.
pub(super) async fn rewrite(
    classes: &Classes,
    planned: &Live,
    how: &Rewrite,
) -> Result<Result<Live, Option<Live>>, ApiError> {
    let Some(raw) = classes.get_raw(&planned.name).await? else { return Ok(Err(None)) };
    if raw["metadata"]["resourceVersion"] != planned.resource_version.as_str() {
        return Class::from_value(raw)?.into_live().map(|fresh| Err(Some(fresh)));
    }
    let (manager, version) = (classes.manager(), classes.version().api_version());
    let mut entries = ManagedFields::of(&raw);
    let mut operations = Vec::new();
    match how {
        Rewrite::Take { units, from, helm } => {
            entries.take(units, from, manager, version);
            match helm {
                Helm::Leave => {}
                Helm::Keep => operations.push(add_annotation(HELM_POLICY, HELM_KEEP)),
            }
        }
        Rewrite::Seed { ours, unknown } => entries.seed(ours, unknown, manager, version),
        Rewrite::Release => {
            let on_remove = Unit::annotation(ON_REMOVE);
            let is_ours = planned.applied_by(manager).is_some_and(|ours| ours.of(&on_remove).is_some());
            if is_ours && planned.units.get(&on_remove).is_some() {
                operations.push(json!({"op": "remove", "path": annotation_path(ON_REMOVE)}));
            }
            if is_held_by(planned, manager) {
                operations.extend(without_finalizer(planned));
            }
            entries.release(manager, version);
        }
    }
    let mut patch = entries.patch(planned.resource_version.as_str());
    patch.extend(operations);
    classes.patch(&planned.name, patch).await.map(Ok)
}

/// The JSON patch that puts our finalizer on a class or takes it off, if the class is still in this state (409
/// otherwise). What else is in the list stays.
pub(super) fn finalizer(live: &Live, grip: Grip) -> Vec<Value> {
    let mut operations =
        vec![json!({"op": "replace", "path": "/metadata/resourceVersion", "value": live.resource_version.as_str()})];
    operations.extend(match grip {
        Grip::Hold if live.finalizers.is_empty() => {
            vec![json!({"op": "add", "path": "/metadata/finalizers", "value": [FINALIZER]})]
        }
        Grip::Hold => vec![json!({"op": "add", "path": "/metadata/finalizers/-", "value": FINALIZER})],
        Grip::LetGo => without_finalizer(live),
    });
    operations
}

/// The operations that take our finalizer off, wherever it stands in the list; none if it isn't there.
fn without_finalizer(live: &Live) -> Vec<Value> {
    let ours = live.finalizers.iter().enumerate().filter(|(_, name)| ***name == *FINALIZER);
    // From the end: each removal moves what is behind it.
    ours.rev().map(|(index, _)| json!({"op": "remove", "path": format!("/metadata/finalizers/{index}")})).collect()
}

fn add_annotation(key: &str, value: &str) -> Value {
    json!({"op": "add", "path": annotation_path(key), "value": value})
}

/// An annotation's JSON pointer (RFC 6901).
fn annotation_path(key: &str) -> String {
    format!("/metadata/annotations/{}", key.replace('~', "~0").replace('/', "~1"))
}
