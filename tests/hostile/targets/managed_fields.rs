//! `managedFields`: anybody who may write a class writes them, and the server checks little of it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use classkeeper::engine::author::Author;
use classkeeper::engine::defaults::{DefaultClass, Origin};
use classkeeper::engine::field_set::FieldSet;
use classkeeper::engine::live::{FieldManager, Live, Operation};
use classkeeper::engine::managed_fields::{ManagedFields, RELEASED};
use classkeeper::engine::outcome::UnitAction;
use classkeeper::engine::plan::Plan;
use classkeeper::engine::policy::{Conflicts, Policy};
use classkeeper::engine::source::Leaving;
use classkeeper::engine::unit::Unit;
use classkeeper::engine::value::UnitValue;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

const API_VERSION: &str = "gateway.networking.k8s.io/v1";
const ADOPTED: &str = "helm";
static OURS: LazyLock<FieldManager> = LazyLock::new(|| FieldManager::new("classkeeper").unwrap());

/// Reads the bytes as the JSON of a list of entries, of one entry, or of the field set of one.
pub(crate) fn run(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return };
    field_set(&value);
    let entries = match value {
        Value::Array(_) => value,
        Value::Object(ref fields) if fields.contains_key("fieldsV1") => json!([value]),
        _ => json!([{"manager": ADOPTED, "operation": "Update", "apiVersion": API_VERSION, "fieldsV1": value}]),
    };
    plan(&entries);
    let list = ManagedFields::of(&json!({"metadata": {"managedFields": entries}}));
    // A class of which one can't be decoded is never planned, so its list isn't changed either.
    if list.entries().iter().all(|entry| FieldSet::decode(&entry["fieldsV1"]).is_ok()) {
        take(&list);
        release(&list);
    }
}

/// What a decoded set tells about itself agrees.
fn field_set(value: &Value) {
    let Ok(set) = FieldSet::decode(value) else { return };
    let units: Vec<_> = set.units().collect();
    assert!(units.is_sorted(), "{units:?}");
    assert!(units.iter().all(|unit| set.of(unit).is_some() && set.touches(unit)), "{value}");
    assert_eq!(set.is_empty(), units.is_empty() && set.finalizers().next().is_none(), "{value}");
    let of_value = json!({"group": "g", "kind": "k", "name": ["a", {"b": 1}], "namespace": null});
    for fields in units.iter().filter_map(|unit| set.of(unit)) {
        // What is held of a value is a part of it.
        let kept = UnitValue::from(of_value.clone());
        if let Some(held) = fields.extract(&kept)
            && let (Some(held), Some(whole)) = (held.as_object(), of_value.as_object())
        {
            assert!(held.keys().all(|key| whole.contains_key(key)), "{held:?}");
        }
        if fields.covers(&kept) {
            assert!(fields.extract(&kept).is_some(), "{value}");
        }
    }
}

/// Taking units from a manager takes those, and nothing else from anybody.
fn take(list: &ManagedFields) {
    let units = [Unit::Description, Unit::ParametersRef, Unit::label("team"), Unit::annotation("a/b")];
    let mut taken = list.clone();
    let moved = taken.take(&units, &[ADOPTED.to_owned()], &OURS, API_VERSION);
    if !moved {
        // It isn't sent then.
        return;
    }
    let is_theirs = |entry: &&Value| entry["manager"] == ADOPTED && is_of_the_object(entry);
    for entry in taken.entries().iter().filter(is_theirs) {
        let set = FieldSet::decode(&entry["fieldsV1"]).unwrap();
        assert!(units.iter().all(|unit| !set.touches(unit)), "{entry} has what was taken");
    }
    let is_others = |entry: &&Value| {
        !(entry["manager"] == ADOPTED || entry["manager"] == OURS.as_str()) && has_leaves(&entry["fieldsV1"])
    };
    let others = |list: &ManagedFields| list.entries().iter().filter(is_others).cloned().collect::<Vec<_>>();
    assert_eq!(others(&taken), others(list), "what others own stays to the letter");
    assert_eq!(owned(&taken), owned(list), "no unit lost its last owner, and none got its first");
    assert!(!taken.take(&units, &[ADOPTED.to_owned()], &OURS, API_VERSION), "there is nothing left to take");
}

/// The units that anybody owns a part of.
fn owned(list: &ManagedFields) -> BTreeSet<Unit> {
    let sets = list.entries().iter().map(|entry| FieldSet::decode(&entry["fieldsV1"]).unwrap());
    sets.flat_map(|set| set.units().cloned().collect::<Vec<_>>()).collect()
}

fn has_leaves(fields: &Value) -> bool {
    fields.as_object().is_some_and(|fields| {
        fields.iter().any(|(element, below)| {
            element != "." && below.as_object().is_none_or(|object| object.is_empty() || has_leaves(below))
        })
    })
}

fn is_of_the_object(entry: &Value) -> bool {
    entry["subresource"].as_str().is_none_or(str::is_empty)
}

/// Giving up leaves a list that records on, in which we own nothing and everybody else what they did.
fn release(list: &ManagedFields) {
    let mut released = list.clone();
    released.release(&OURS, API_VERSION);
    assert!(!released.entries().is_empty(), "an empty list records nothing");
    let is_ours = |entry: &&Value| entry["manager"] == OURS.as_str() && is_of_the_object(entry);
    assert_eq!(released.entries().iter().find(is_ours), None);
    let others: Vec<_> = list.entries().iter().filter(|entry| !is_ours(entry)).collect();
    if others.is_empty() {
        assert_eq!(released.entries()[0]["manager"], RELEASED);
    } else {
        assert_eq!(released.entries().iter().collect::<Vec<_>>(), others);
    }
}

/// A class with these entries is planned, whatever the policy: no entry makes us write what another owns by yielding.
fn plan(entries: &Value) {
    let metadata = json!({"name": "edge", "uid": "1", "resourceVersion": "7", "managedFields": entries,
                          "labels": {"team": "theirs"}, "annotations": {"a/b": "theirs"}});
    let Ok(metadata) = serde_json::from_value::<ObjectMeta>(metadata) else { return };
    let spec = json!({"controllerName": "example.com/controller", "description": "theirs",
                      "parametersRef": {"group": "g", "kind": "k", "name": "theirs"}});
    let Value::Object(spec) = spec else { unreachable!("it is an object") };
    let Ok(live) = Live::new(metadata, spec) else { return };
    for policy in policies() {
        let default = default_class(policy);
        let plan = Plan::new(&default, Some(&live), &OURS);
        for unit in &plan.units {
            let owners: Vec<_> = live.owners(unit.unit).map(|owner| (&owner.name, owner.operation)).collect();
            let is_ours_alone =
                owners.iter().all(|(name, operation)| ***name == *OURS.as_str() && *operation == Operation::Apply);
            // Without any entry, what differs is the unknown's.
            if unit.action == UnitAction::Yielded && !live.managers.is_empty() {
                assert!(!is_ours_alone, "{} has no other owner to yield to", unit.unit);
            }
        }
        let again = Plan::new(&default, Some(&live), &OURS);
        assert_eq!(plan, again);
    }
    let left = Plan::leave(&live, &OURS, Leaving::AsMarked);
    assert_eq!(left, Plan::leave(&live, &OURS, Leaving::AsMarked));
}

fn policies() -> [Policy; 4] {
    [
        Policy::default(),
        Policy { conflicts: Conflicts::Force, ..Policy::default() },
        Policy { conflicts: Conflicts::Fail, ..Policy::default() },
        Policy { adopt_from: vec![ADOPTED.to_owned()], enforce: vec![Unit::ParametersRef], ..Policy::default() },
    ]
}

fn default_class(policy: Policy) -> DefaultClass {
    let units = [
        (Unit::ControllerName, json!("example.com/controller")),
        (Unit::Description, json!("ours")),
        (Unit::ParametersRef, json!({"group": "g", "kind": "k", "name": "ours"})),
        (Unit::label("team"), json!("ours")),
    ];
    let (author, origin) = (Author::Platform, Origin { file: "10-edge.yaml".into(), line: 1 });
    let (units, policy) = (units.into_iter().collect(), policy.into());
    DefaultClass { name: "edge".into(), units, policy, when: None, author, origin }
}
