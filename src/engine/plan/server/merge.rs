//! Structured merge and diff for objects without lists: sets of paths, and the four operations on them that the API
//! server's field manager is made of (`sigs.k8s.io/structured-merge-diff`, packages `typed` and `fieldpath`).

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// The keys from an object's root down to a value or a container.
pub(super) type Path = Vec<String>;
/// What one manager owns: values, and the containers that came with them.
pub(super) type Set = BTreeSet<Path>;

/// What differs between two objects, containers included.
#[derive(Default)]
pub(super) struct Comparison {
    pub(super) added: Set,
    pub(super) modified: Set,
    pub(super) removed: Set,
}

/// Compares two objects (`TypedValue.Compare`).
pub(super) fn compare(old: &Value, new: &Value) -> Comparison {
    let mut comparison = Comparison::default();
    compare_below(Some(old), Some(new), &mut Vec::new(), &mut comparison);
    comparison
}

fn compare_below(old: Option<&Value>, new: Option<&Value>, path: &mut Path, found: &mut Comparison) {
    let keys = |value: Option<&Value>| value.and_then(Value::as_object).cloned().unwrap_or_default();
    let (old_keys, new_keys) = (keys(old), keys(new));
    for key in old_keys.keys().chain(new_keys.keys().filter(|key| !old_keys.contains_key(*key))) {
        path.push(key.clone());
        compare_below(old_keys.get(key), new_keys.get(key), path, found);
        path.pop();
    }
    let set = match (old, new) {
        (None, _) => &mut found.added,
        (_, None) => &mut found.removed,
        // Containers are compared by their content. A null is what pruning leaves of an empty one.
        (Some(Value::Object(_) | Value::Null), Some(Value::Object(_) | Value::Null)) => return,
        (Some(old), Some(new)) if old == new => return,
        (Some(_), Some(_)) => &mut found.modified,
    };
    if !path.is_empty() {
        set.insert(path.clone());
    }
}

/// The fields an applied object claims: values and empty containers (`TypedValue.ToFieldSet`).
pub(super) fn fields_of(object: &Value) -> Set {
    let mut set = Set::new();
    fields_below(object, &mut Vec::new(), &mut set);
    set
}

fn fields_below(value: &Value, path: &mut Path, set: &mut Set) {
    match value.as_object().filter(|fields| !fields.is_empty()) {
        Some(fields) => {
            for (key, value) in fields {
                path.push(key.clone());
                fields_below(value, path, set);
                path.pop();
            }
        }
        None if path.is_empty() => {}
        None => {
            set.insert(path.clone());
        }
    }
}

/// An object with another one laid over it (`TypedValue.Merge`).
pub(super) fn merge(live: &Value, applied: &Value) -> Value {
    match (live, applied) {
        (Value::Object(live), Value::Object(applied)) => {
            let mut merged = live.clone();
            for (key, value) in applied {
                let below = live.get(key).map_or_else(|| value.clone(), |live| merge(live, value));
                merged.insert(key.clone(), below);
            }
            Value::Object(merged)
        }
        (_, applied) => applied.clone(),
    }
}

/// An object without some fields, each with everything below it (`TypedValue.RemoveItems`). A container that loses its
/// whole content becomes null.
fn remove(value: &Value, fields: &Set) -> Value {
    remove_below(value, fields, &mut Vec::new())
}

fn remove_below(value: &Value, fields: &Set, path: &mut Path) -> Value {
    let Some(content) = value.as_object().filter(|content| !content.is_empty()) else { return value.clone() };
    let mut left = Map::new();
    for (key, value) in content {
        path.push(key.clone());
        if !fields.contains(path) {
            left.insert(key.clone(), remove_below(value, fields, path));
        }
        path.pop();
    }
    if left.is_empty() { Value::Null } else { Value::Object(left) }
}

/// A set with the containers around its fields (`Set.EnsureNamedFieldsAreMembers`: here every container is a named
/// field of a struct; only labels and annotations aren't, and they contain nothing).
fn with_containers(set: &Set) -> Set {
    set.iter().flat_map(|path| (1..=path.len()).map(|depth| path[..depth].to_vec())).collect()
}

/// Takes off an object what its applier applied last time and, by `managed`, nobody claims any more (`merge.prune`).
///
/// A container that nobody claims anything of goes as a whole, with neighbours that nobody owns.
pub(super) fn prune(merged: &Value, last: &Set, managed: &Set) -> Value {
    if last.is_empty() {
        return merged.clone();
    }
    let fields = |object: &Value| with_containers(&fields_of(object));
    let (all, last) = (fields(merged), with_containers(last));
    let kept: Set = fields(&remove(merged, &last)).union(&with_containers(managed)).cloned().collect();
    let pruned = remove(merged, &all.difference(&kept).cloned().collect());
    let gone: Set = all.difference(&fields(&pruned)).cloned().collect();
    remove(merged, &gone.intersection(&last).cloned().collect())
}

/// A set as `managedFields` has it: `FieldsV1`. A container that is owned without content ends its path, as a value
/// does; `.` stands only beside content (`Set.ToJSON`).
pub(super) fn encode(set: &Set) -> Value {
    let mut root = Map::new();
    for path in set {
        let mut node = &mut root;
        for key in path {
            let below = node.entry(format!("f:{key}")).or_insert_with(|| Value::Object(Map::new()));
            node = below.as_object_mut().expect("each node is an object");
        }
    }
    for container in set {
        let mut node = &mut root;
        for key in container {
            node = node.get_mut(&format!("f:{key}")).and_then(Value::as_object_mut).expect("it was made above");
        }
        if !node.is_empty() {
            node.insert(".".to_owned(), Value::Object(Map::new()));
        }
    }
    Value::Object(root)
}

/// The inverse of [`encode`] (`Set.FromJSON`).
pub(super) fn decode(fields: &Value) -> Set {
    let mut set = Set::new();
    decode_below(fields, &mut Vec::new(), &mut set);
    set
}

fn decode_below(fields: &Value, path: &mut Path, set: &mut Set) {
    let elements = fields.as_object().expect("a set is an object");
    if !path.is_empty() && (elements.is_empty() || elements.contains_key(".")) {
        set.insert(path.clone());
    }
    for (element, below) in elements.iter().filter(|(element, _)| *element != ".") {
        path.push(element.strip_prefix("f:").expect("there are no lists").to_owned());
        decode_below(below, path, set);
        path.pop();
    }
}
