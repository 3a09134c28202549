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
            entries.release(manager, version);
        }
    }
    let mut patch = entries.patch(planned.resource_version.as_str());
    patch.extend(operations);
    classes.patch(&planned.name, patch).await.map(Ok)
}

fn add_annotation(key: &str, value: &str) -> Value {
    json!({"op": "add", "path": annotation_path(key), "value": value})
}

/// An annotation's JSON pointer (RFC 6901).
fn annotation_path(key: &str) -> String {
    format!("/metadata/annotations/{}", key.replace('~', "~0").replace('/', "~1"))
}
