//! What comes of somebody's edit of a class that we keep, told while it is made: a sentence for each unit that the edit
//! touches and that is ours. Nothing is told of what stays as the user wants it anyway.

use super::annotations::{IGNORE, RECONCILE};
use super::defaults::DefaultClass;
use super::live::{FieldManager, Live};
use super::outcome::{Outcome, UnitAction};
use super::plan::{Plan, UnitPlan};
use super::policy::{Mode, OnDelete};
use super::protection::FINALIZER;
use super::unit::Unit;

/// What comes of a class's edit. `after` is the class as it would be stored, `managedFields` included.
#[must_use]
pub fn of_update(default: &DefaultClass, before: &Live, after: &Live, manager: &FieldManager) -> Vec<String> {
    let plan = Plan::new(default, Some(after), manager);
    let is_touched = |unit: &Unit| before.units.get(unit) != after.units.get(unit);
    let complaint = plan.message.as_deref().filter(|_| {
        // What is wrong with an annotation is told to whoever writes it.
        [RECONCILE, IGNORE].iter().any(|key| is_touched(&Unit::annotation(key)))
    });
    let write_nothing = plan.outcome == Outcome::Conflict;
    let was_ours = |unit: &Unit| before.applied_by(manager).is_some_and(|ours| ours.of(unit).is_some());
    let units = plan.units.iter().filter(|plan| is_touched(plan.unit));
    let told = units.filter_map(|unit| match plan.outcome {
        // Nothing is written, whatever is edited.
        Outcome::Observed | Outcome::Paused | Outcome::Blocked => None,
        Outcome::Created
        | Outcome::Configured
        | Outcome::Unchanged
        | Outcome::Adopted
        | Outcome::Recreated
        | Outcome::Conflict
        | Outcome::Skipped
        | Outcome::Failed
        | Outcome::Fighting
        | Outcome::Released
        | Outcome::Deleted => told(unit, default, was_ours(unit.unit), write_nothing),
    });
    complaint.map(str::to_owned).into_iter().chain(told).collect()
}

/// What comes of one touched unit.
fn told(plan: &UnitPlan<'_>, default: &DefaultClass, was_ours: bool, write_nothing: bool) -> Option<String> {
    let (unit, name) = (plan.unit, &default.name);
    match plan.action {
        UnitAction::Yielded if !was_ours => None,
        UnitAction::Yielded if write_nothing => Some(format!(
            "{unit} is yours now; its default has conflicts: Fail, so classkeeper writes nothing more to {name}"
        )),
        UnitAction::Yielded => {
            Some(format!("{unit} stays as you set it, classkeeper yields; remove it to hand it back"))
        }
        // What is written waits for the units that are in conflict.
        UnitAction::Enforced | UnitAction::Set if write_nothing => None,
        UnitAction::Enforced => Some(format!("{unit} is enforced: classkeeper sets it back at once")),
        UnitAction::Set if plan.live == plan.wanted => None,
        UnitAction::Set if plan.live.is_none() => {
            Some(format!("{unit} comes back at once; to keep it removed: classkeeper pin {name} \"{unit}\""))
        }
        UnitAction::Set => Some(format!("classkeeper sets {unit} back at once")),
        UnitAction::Kept | UnitAction::Removed | UnitAction::Ignored | UnitAction::StillOwned => None,
    }
}

/// What comes of a class's deletion.
#[must_use]
pub fn of_deletion(default: &DefaultClass, live: &Live) -> Vec<String> {
    let (name, origin) = (&default.name, &default.origin);
    if default.policy.mode == Mode::Observe {
        return Vec::new();
    }
    let held = live.has_finalizer(FINALIZER).then(|| format!("{name} goes when no Gateway uses it any more"));
    let then = match default.policy.on_delete {
        OnDelete::Recreate => {
            format!("classkeeper creates {name} again; to be rid of it, take it out of the defaults ({origin})")
        }
        OnDelete::StayDeleted => format!("{name} stays deleted until its default changes ({origin})"),
    };
    held.into_iter().chain([then]).collect()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::author::Author;
    use crate::engine::defaults::Origin;
    use crate::engine::policy::{Conflicts, Policy};
    use crate::engine::value::UnitValue;

    fn ours() -> FieldManager {
        FieldManager::new("classkeeper").unwrap()
    }

    fn default(policy: Policy) -> DefaultClass {
        let wanted = [("spec.controllerName", "example.com/c"), ("spec.description", "first")];
        DefaultClass {
            name: "edge".into(),
            units: wanted
                .into_iter()
                .map(|(unit, value)| (unit.parse::<Unit>().unwrap(), UnitValue::from(value)))
                .collect(),
            policy: policy.into(),
            when: None,
            author: Author::Platform,
            origin: Origin { file: "10-edge.yaml".into(), line: 1 },
        }
    }

    /// A class with this description, who owns it, and these annotations.
    fn class(description: Option<&str>, owner: &str, annotations: &Value) -> Live {
        let entry = |manager: &str, operation: &str, fields: &Value| json!({"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": fields}});
        let (controller, description_field) = (json!({"f:controllerName": {}}), json!({"f:description": {}}));
        let both = json!({"f:controllerName": {}, "f:description": {}});
        let managers = match owner {
            "classkeeper" => json!([entry(owner, "Apply", &both)]),
            "" => json!([entry("classkeeper", "Apply", &controller)]),
            other => json!([entry("classkeeper", "Apply", &controller), entry(other, "Update", &description_field)]),
        };
        let metadata = json!({"name": "edge", "uid": "u", "resourceVersion": "1", "annotations": annotations, "managedFields": managers});
        let metadata: ObjectMeta = serde_json::from_value(metadata).unwrap();
        let mut spec = json!({"controllerName": "example.com/c"});
        if let Some(description) = description {
            spec["description"] = description.into();
        }
        let Value::Object(spec) = spec else { unreachable!() };
        Live::new(metadata, spec).unwrap()
    }

    fn kept() -> Live {
        class(Some("first"), "classkeeper", &json!({}))
    }

    fn told(policy: Policy, after: &Live) -> Vec<String> {
        of_update(&default(policy), &kept(), after, &ours())
    }

    fn edited() -> Live {
        class(Some("mine"), "kubectl-edit", &json!({}))
    }

    #[test]
    fn a_unit_that_its_editor_keeps_is_named_with_the_way_back() {
        let expected = ["spec.description stays as you set it, classkeeper yields; remove it to hand it back"];
        assert_eq!(told(Policy::default(), &edited()), expected);
        assert!(expected[0].len() <= 120);
    }

    #[test]
    fn an_enforced_unit_is_told_to_come_back() {
        let policy = Policy { enforce: vec![Unit::Description], ..Policy::default() };
        let expected = ["spec.description is enforced: classkeeper sets it back at once"];
        assert_eq!(told(policy, &edited()), expected);
        assert_eq!(told(Policy { conflicts: Conflicts::Force, ..Policy::default() }, &edited()), expected);
    }

    #[test]
    fn a_unit_of_somebody_whose_units_are_adopted_is_told_to_come_back() {
        let policy = Policy { adopt_from: vec!["kubectl-edit".to_owned()], ..Policy::default() };
        assert_eq!(told(policy, &edited()), ["classkeeper sets spec.description back at once"]);
    }

    #[test]
    fn a_removed_unit_is_told_to_come_back_and_how_it_would_not() {
        let removed = class(None, "", &json!({}));
        let expected =
            ["spec.description comes back at once; to keep it removed: classkeeper pin edge \"spec.description\""];
        assert_eq!(told(Policy::default(), &removed), expected);
        assert!(expected[0].len() <= 120);
    }

    #[test]
    fn with_fail_it_is_told_that_nothing_is_written_any_more() {
        let policy = Policy { conflicts: Conflicts::Fail, ..Policy::default() };
        let warnings = told(policy, &edited());
        assert_eq!(
            warnings,
            [
                "spec.description is yours now; its default has conflicts: Fail, so classkeeper writes nothing more to edge"
            ]
        );
    }

    #[test]
    fn what_is_none_of_ours_or_stays_as_wanted_is_not_told() {
        let labelled = class(Some("first"), "classkeeper", &json!({"team": "mine"}));
        assert!(told(Policy::default(), &labelled).is_empty(), "not in the files");
        let same = class(Some("first"), "kubectl-edit", &json!({}));
        assert!(told(Policy::default(), &same).is_empty(), "the same value");
        let edited_again = class(Some("mine, too"), "kubectl-edit", &json!({}));
        assert!(of_update(&default(Policy::default()), &edited(), &edited_again, &ours()).is_empty(), "theirs before");
        let ignored = class(Some("mine"), "kubectl-edit", &json!({"classkeeper.dev/ignore": "spec.description"}));
        assert!(told(Policy::default(), &ignored).is_empty(), "left alone as they asked for");
        let paused = class(Some("mine"), "kubectl-edit", &json!({"classkeeper.dev/reconcile": "disabled"}));
        assert!(told(Policy::default(), &paused).is_empty(), "paused");
        let create_only = Policy { create_only: vec![Unit::Description], ..Policy::default() };
        assert!(told(create_only, &edited()).is_empty(), "set once and never again");
        let observing = Policy { mode: Mode::Observe, ..Policy::default() };
        assert!(told(observing, &edited()).is_empty(), "never written");
    }

    #[test]
    fn a_malformed_annotation_is_told_to_whoever_writes_it() {
        let malformed = class(Some("first"), "classkeeper", &json!({"classkeeper.dev/ignore": "description"}));
        let warnings = told(Policy::default(), &malformed);
        assert!(
            warnings.len() == 1 && warnings[0].starts_with("the annotation classkeeper.dev/ignore"),
            "{warnings:?}"
        );
        assert!(of_update(&default(Policy::default()), &malformed, &malformed, &ours()).is_empty(), "told already");
    }

    #[test]
    fn a_deletion_is_told_what_becomes_of_the_class() {
        let live = kept();
        let told = |policy| of_deletion(&default(policy), &live);
        assert_eq!(
            told(Policy::default()),
            ["classkeeper creates edge again; to be rid of it, take it out of the defaults (10-edge.yaml:1)"]
        );
        let stays = Policy { on_delete: OnDelete::StayDeleted, ..Policy::default() };
        assert_eq!(told(stays), ["edge stays deleted until its default changes (10-edge.yaml:1)"]);
        assert!(told(Policy { mode: Mode::Observe, ..Policy::default() }).is_empty());
    }
}
