//! Edits of `metadata.managedFields`: the few moves of ownership that server-side apply has no request for.
//!
//! An apply can take a field from another manager only by force and only where the values differ, and it can't give
//! one up without removing it. So some moves rewrite the list itself, by a JSON patch that is bound to the
//! resourceVersion it was made from. What belongs to others and isn't named stays to the letter.

use serde_json::{Map, Value, json};

use super::live::{FieldManager, Operation};
use super::unit::{Unit, UnitPath, Units};

/// The manager of the entry that is left when ours was the only one. It owns nothing but the name, and keeps the
/// server recording who changes what: with an empty list it would not.
pub const RELEASED: &str = "classkeeper-released";
/// The manager that units count as owned by whose owner was lost with the list.
pub const UNKNOWN: &str = "unknown";

/// The list of entries, as JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct ManagedFields(Vec<Value>);

impl ManagedFields {
    /// The list of an object; empty if it has none.
    #[must_use]
    pub fn of(object: &Value) -> Self {
        Self(object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default())
    }

    /// The entries.
    #[must_use]
    pub fn entries(&self) -> &[Value] {
        &self.0
    }

    /// Moves what these managers own of these units to our apply. An entry without leaves goes; what else they own
    /// stays theirs. Says whether anything moved.
    pub fn take(&mut self, units: &[Unit], from: &[String], to: &FieldManager, api_version: &str) -> bool {
        let mut taken = Value::Null;
        for entry in &mut self.0 {
            let is_named = entry["manager"].as_str().is_some_and(|manager| from.iter().any(|name| name == manager));
            if !is_named || is_subresource(entry) || is_apply_of(entry, to.as_str()) {
                continue;
            }
            for unit in units {
                if let Some(fields) = cut(&mut entry["fieldsV1"], &path(unit)) {
                    merge(&mut taken, nest(&path(unit), fields));
                }
            }
        }
        if taken.is_null() {
            return false;
        }
        self.0.retain(has_leaves);
        self.add(to, api_version, taken);
        true
    }

    /// Makes a list anew that was wiped: some units are ours, others are owned by [`UNKNOWN`], so that they stay as they
    /// are until somebody takes them up.
    pub fn seed(&mut self, ours: &Units, unknown: &Units, to: &FieldManager, api_version: &str) {
        let set = |units: &Units| {
            units.iter().fold(name_only(), |mut set, (unit, value)| {
                merge(&mut set, nest(&path(unit), leaves(unit, &value.to_json())));
                set
            })
        };
        self.0.clear();
        if !unknown.is_empty() {
            self.0.push(entry(UNKNOWN, Operation::Update, api_version, &set(unknown)));
        }
        self.add(to, api_version, set(ours));
    }

    /// Takes off everything that this manager owns, by apply or by update. If nothing is left, an entry that owns
    /// nothing takes its place.
    pub fn release(&mut self, manager: &FieldManager, api_version: &str) {
        self.0.retain(|entry| entry["manager"] != manager.as_str() || is_subresource(entry));
        if self.0.is_empty() {
            self.0.push(entry(RELEASED, Operation::Apply, api_version, &name_only()));
        }
    }

    /// Rewrites entries of a version that isn't served any more to one that is; their owners stay. Says whether there
    /// was one.
    pub fn rewrite_versions(&mut self, served: &str, is_served: impl Fn(&str) -> bool) -> bool {
        let mut rewritten = false;
        for entry in &mut self.0 {
            if !entry["apiVersion"].as_str().is_some_and(&is_served) {
                entry["apiVersion"] = served.into();
                rewritten = true;
            }
        }
        rewritten
    }

    /// The JSON patch that makes this the list of an object, if it is still at this version (409 otherwise).
    #[must_use]
    pub fn patch(self, resource_version: &str) -> Vec<Value> {
        vec![
            json!({"op": "replace", "path": "/metadata/resourceVersion", "value": resource_version}),
            json!({"op": "add", "path": "/metadata/managedFields", "value": self.0}),
        ]
    }

    /// Adds fields to our apply's entry, and makes the entry if there is none.
    fn add(&mut self, manager: &FieldManager, api_version: &str, fields: Value) {
        match self.0.iter_mut().find(|entry| is_apply_of(entry, manager.as_str())) {
            Some(ours) => merge(&mut ours["fieldsV1"], fields),
            None => self.0.push(entry(manager.as_str(), Operation::Apply, api_version, &fields)),
        }
    }
}

fn entry(manager: &str, operation: Operation, api_version: &str, fields: &Value) -> Value {
    let operation = match operation {
        Operation::Apply => "Apply",
        Operation::Update => "Update",
    };
    json!({"manager": manager, "operation": operation, "apiVersion": api_version,
           "fieldsType": "FieldsV1", "fieldsV1": fields})
}

fn name_only() -> Value {
    json!({"f:metadata": {"f:name": {}}})
}

fn is_subresource(entry: &Value) -> bool {
    entry["subresource"].as_str().is_some_and(|name| !name.is_empty())
}

fn is_apply_of(entry: &Value, manager: &str) -> bool {
    entry["manager"] == manager && entry["operation"] == "Apply" && !is_subresource(entry)
}

/// A unit's place in a field set.
fn path(unit: &Unit) -> Vec<String> {
    match unit.path() {
        UnitPath::Spec(field) => vec!["f:spec".to_owned(), format!("f:{field}")],
        UnitPath::Metadata(map, key) => vec!["f:metadata".to_owned(), format!("f:{map}"), format!("f:{key}")],
    }
}

/// The field set of a unit that is owned as a whole. Of `parametersRef` each leaf is owned; how the server divides a
/// field that we don't know is unknown, so that one counts as atomic.
fn leaves(unit: &Unit, value: &Value) -> Value {
    match (unit, value) {
        (Unit::ParametersRef, Value::Object(fields)) => {
            fields.keys().map(|field| (format!("f:{field}"), json!({}))).collect::<Map<_, _>>().into()
        }
        _ => json!({}),
    }
}

fn nest(path: &[String], fields: Value) -> Value {
    path.iter().rev().fold(fields, |below, element| json!({element.as_str(): below}))
}

/// Takes out what stands at the path, and the containers that are left with nothing in them.
fn cut(set: &mut Value, path: &[String]) -> Option<Value> {
    let (first, rest) = path.split_first()?;
    let fields = set.as_object_mut()?;
    if rest.is_empty() {
        return fields.remove(first);
    }
    let below = fields.get_mut(first)?;
    let cut = cut(below, rest)?;
    // A container of which nothing else is owned goes with its content: alone it would look like a leaf.
    if below.as_object().is_some_and(|below| below.keys().all(|element| element == ".")) {
        fields.remove(first);
    }
    Some(cut)
}

/// The union of two sets. A leaf is an empty object, so that whatever is beside it wins.
fn merge(set: &mut Value, other: Value) {
    match (set, other) {
        (Value::Object(set), Value::Object(other)) => {
            for (element, below) in other {
                match set.get_mut(&element) {
                    Some(present) => merge(present, below),
                    None => {
                        set.insert(element, below);
                    }
                }
            }
        }
        (set, other) => *set = other,
    }
}

/// Whether an entry owns anything but containers.
fn has_leaves(entry: &Value) -> bool {
    fn leaf(fields: &Map<String, Value>) -> bool {
        fields.iter().any(|(element, below)| {
            element != "." && below.as_object().is_none_or(|below| below.is_empty() || leaf(below))
        })
    }
    entry["fieldsV1"].as_object().is_some_and(leaf)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> FieldManager {
        FieldManager::new("classkeeper").unwrap()
    }

    fn list(entries: &Value) -> ManagedFields {
        ManagedFields::of(&json!({"metadata": {"managedFields": entries}}))
    }

    fn owned(list: &ManagedFields, manager: &str) -> Value {
        list.entries()
            .iter()
            .find(|entry| entry["manager"] == manager)
            .map_or(Value::Null, |entry| entry["fieldsV1"].clone())
    }

    fn helm() -> Value {
        json!({"manager": "helm", "operation": "Update", "apiVersion": "g/v1", "fieldsV1": {
            "f:metadata": {"f:labels": {".": {}, "f:team": {}, "f:chart": {}}},
            "f:spec": {"f:parametersRef": {".": {}, "f:name": {}}}}})
    }

    #[test]
    fn only_the_named_units_of_the_named_managers_are_taken() {
        let user = json!({"manager": "user", "operation": "Update", "apiVersion": "g/v1",
                          "fieldsV1": {"f:metadata": {"f:labels": {"f:team": {}}}}});
        let mut list = list(&json!([helm(), user]));
        let units = [Unit::label("team"), Unit::ParametersRef, Unit::Description];
        assert!(list.take(&units, &["helm".to_owned()], &ours(), "g/v1"));
        assert_eq!(owned(&list, "helm"), json!({"f:metadata": {"f:labels": {".": {}, "f:chart": {}}}}));
        assert_eq!(owned(&list, "user"), json!({"f:metadata": {"f:labels": {"f:team": {}}}}));
        let expected =
            json!({"f:metadata": {"f:labels": {"f:team": {}}}, "f:spec": {"f:parametersRef": {".": {}, "f:name": {}}}});
        assert_eq!(owned(&list, "classkeeper"), expected);
        assert!(!list.take(&units, &["helm".to_owned()], &ours(), "g/v1"), "there is nothing left to take");
    }

    #[test]
    fn an_entry_without_leaves_goes() {
        let mut list = list(&json!([{"manager": "helm", "operation": "Apply", "fieldsV1": {
            "f:metadata": {"f:labels": {".": {}, "f:team": {}}}}}]));
        assert!(list.take(&[Unit::label("team")], &["helm".to_owned()], &ours(), "g/v1"));
        assert_eq!(list.entries().len(), 1);
        assert_eq!(list.entries()[0]["manager"], "classkeeper");
    }

    #[test]
    fn a_wiped_list_is_seeded_with_what_is_as_wanted() {
        let units = |unit, value: &str| -> Units { [(unit, json!(value))].into_iter().collect() };
        let mut list = list(&json!([]));
        list.seed(&units(Unit::label("a"), "1"), &units(Unit::Description, "theirs"), &ours(), "g/v1");
        let named = |set: Value| {
            let mut named = name_only();
            merge(&mut named, set);
            named
        };
        assert_eq!(owned(&list, "classkeeper"), named(json!({"f:metadata": {"f:labels": {"f:a": {}}}})));
        assert_eq!(owned(&list, UNKNOWN), named(json!({"f:spec": {"f:description": {}}})));
    }

    #[test]
    fn releasing_the_only_entry_leaves_one_that_owns_nothing() {
        let ours_only =
            json!([{"manager": "classkeeper", "operation": "Apply", "fieldsV1": {"f:spec": {"f:description": {}}}}]);
        let mut alone = list(&ours_only);
        alone.release(&ours(), "g/v1");
        assert_eq!(alone.entries().len(), 1);
        assert_eq!(owned(&alone, RELEASED), json!({"f:metadata": {"f:name": {}}}));
        let mut shared = list(&json!([ours_only[0], helm()]));
        shared.release(&ours(), "g/v1");
        assert_eq!(shared.entries(), [helm()]);
    }

    #[test]
    fn versions_that_are_not_served_are_rewritten_and_owners_kept() {
        let mut list = list(&json!([helm(), {"manager": "user", "apiVersion": "g/v1beta1", "fieldsV1": {}}]));
        assert!(list.rewrite_versions("g/v1", |version| version == "g/v1"));
        assert_eq!(list.entries()[1], json!({"manager": "user", "apiVersion": "g/v1", "fieldsV1": {}}));
        assert!(!list.rewrite_versions("g/v1", |version| version == "g/v1"));
    }

    #[test]
    fn a_patch_is_bound_to_the_version_it_was_made_from() {
        let patch = list(&json!([helm()])).patch("7");
        assert_eq!(patch[0], json!({"op": "replace", "path": "/metadata/resourceVersion", "value": "7"}));
        assert_eq!(patch[1]["value"], json!([helm()]));
    }
}
