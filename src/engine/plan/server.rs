//! A model of the API server, as far as one GatewayClass is concerned: server-side apply, updates, `managedFields`,
//! preconditions and validation.
//!
//! What it does was read in `sigs.k8s.io/structured-merge-diff` v6 (`merge/update.go`) and
//! `k8s.io/apimachinery/pkg/util/managedfields`, and compared with kube-apiserver 1.37.2 over random histories. What
//! it shows is the object as JSON, so that reading it back goes through `Live::new` and the decoder of `FieldsV1`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use self::merge::{Comparison, Set, compare, decode, fields_of, merge, prune};
pub(super) use self::read::read;
use crate::engine::annotations::{HELM_KEEP, HELM_POLICY, ON_REMOVE};
use crate::engine::live::{FieldManager, Live};
use crate::engine::managed_fields::ManagedFields;
use crate::engine::plan::{Helm, Rewrite};
use crate::engine::unit::Unit;

mod merge;
mod read;

/// The API version that requests name.
pub(super) const API_VERSION: &str = "gateway.networking.k8s.io/v1";

const STATUS: &str = "status";

/// The server with the one class that may be there.
#[derive(Clone, Debug, Default)]
pub(super) struct Server {
    class: Option<Class>,
    /// Counts writes: the source of uids and resource versions.
    writes: u64,
}

#[derive(Clone, Debug, PartialEq)]
struct Class {
    uid: String,
    version: u64,
    terminating: bool,
    /// Labels, annotations and spec.
    fields: Value,
    managed: BTreeMap<Writer, Set>,
}

/// Whose an entry of `managedFields` is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Writer {
    pub(super) manager: String,
    pub(super) operation: Operation,
    subresource: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    Apply,
    Update,
}

/// Why the server refuses a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// 409 with causes: these fields have other managers.
    Conflict { fields: Vec<String>, managers: Vec<String> },
    /// 409 without causes: the precondition names another uid or resourceVersion.
    Stale,
    /// 422, with the field.
    Invalid(&'static str),
}

impl Writer {
    /// A manager's main entry.
    pub(super) fn new(manager: &str, operation: Operation) -> Self {
        Self { manager: manager.to_owned(), operation, subresource: None }
    }
}

impl Server {
    /// Server-side apply (`merge.Updater.Apply`).
    pub(super) fn apply(&mut self, manager: &str, body: &Value, force: bool) -> Result<(), Refusal> {
        let guard = |name: &str| body["metadata"].get(name).and_then(Value::as_str);
        let live = self.class.as_ref();
        if guard("uid").is_some_and(|uid| live.is_none_or(|live| live.uid != uid))
            || live
                .is_some_and(|live| guard("resourceVersion").is_some_and(|version| live.version.to_string() != version))
        {
            return Err(Refusal::Stale);
        }
        let (old, mut entries) = self.state();
        if live.is_some() && entries.is_empty() {
            // Nobody's fields since the list was wiped: from now on somebody's.
            entries.insert(Writer::new("before-first-apply", Operation::Update), compare(&json!({}), &old).added);
        }
        let applied = fields(body);
        let writer = Writer::new(manager, Operation::Apply);
        let last = entries.insert(writer.clone(), fields_of(&applied)).unwrap_or_default();
        let all = entries.values().flatten().cloned().collect();
        let new = prune(&merge(&old, &applied), &last, &all);
        let comparison = compare(&old, &new);
        let taken = comparison.added.union(&comparison.modified).cloned().collect::<Set>();
        let contested: Vec<_> = entries
            .iter()
            .filter(|(other, _)| **other != writer)
            .flat_map(|(other, set)| set.intersection(&taken).map(|path| (other.manager.clone(), path.join("."))))
            .collect();
        if !force && !contested.is_empty() {
            let (managers, fields) = contested.into_iter().unzip();
            return Err(Refusal::Conflict { fields, managers });
        }
        take_from_others(&mut entries, &comparison, Some(&writer));
        self.store(&old, new, entries)
    }

    /// Any other write: a JSON merge patch.
    pub(super) fn update(&mut self, manager: &str, patch: &Value) -> Result<(), Refusal> {
        let (old, entries) = self.state();
        let mut new = old.clone();
        merge_patch(&mut new, &fields(patch));
        self.write(manager, &old, new, entries)
    }

    /// A move of ownership, as `cluster::rewrite` sends it: a JSON patch of `managedFields` and annotations, bound to
    /// the version that the move was planned from.
    pub(super) fn rewrite(&mut self, manager: &FieldManager, planned: &Live, how: &Rewrite) -> Result<(), Refusal> {
        let object =
            self.object().filter(|object| object["metadata"]["resourceVersion"] == planned.resource_version.as_str());
        let mut list = ManagedFields::of(&object.ok_or(Refusal::Stale)?);
        let (old, entries) = self.state();
        let mut new = old.clone();
        match how {
            Rewrite::Take { units, from, helm } => {
                list.take(units, from, manager, API_VERSION);
                match helm {
                    Helm::Leave => {}
                    Helm::Keep => new["metadata"]["annotations"][HELM_POLICY] = HELM_KEEP.into(),
                }
            }
            Rewrite::Seed { ours, unknown } => list.seed(ours, unknown, manager, API_VERSION),
            Rewrite::Release => {
                let mark = Unit::annotation(ON_REMOVE);
                if planned.applied_by(manager).is_some_and(|ours| ours.of(&mark).is_some()) {
                    merge_patch(&mut new, &json!({"metadata": {"annotations": {ON_REMOVE: null}}}));
                }
                list.release(manager, API_VERSION);
            }
        }
        let patched: BTreeMap<_, _> = list.entries().iter().map(read_entry).collect();
        // An emptied list is put back.
        self.write(manager.as_str(), &old, new, if patched.is_empty() { entries } else { patched })
    }

    /// Stores what isn't applied (`merge.Updater.Update`).
    fn write(
        &mut self,
        manager: &str,
        old: &Value,
        mut new: Value,
        mut entries: BTreeMap<Writer, Set>,
    ) -> Result<(), Refusal> {
        drop_empty_maps(&mut new);
        // Once the list is empty, the server no longer records who changes what.
        if self.class.is_none() || !entries.is_empty() {
            let comparison = compare(old, &new);
            take_from_others(&mut entries, &comparison, None);
            let set = entries.entry(Writer::new(manager, Operation::Update)).or_default();
            set.extend(comparison.added.into_iter().chain(comparison.modified));
        }
        self.store(old, new, entries)
    }

    /// A write to the status, which is apart.
    pub(super) fn write_status(&mut self, manager: &str, operation: Operation) {
        let (old, mut entries) = self.state();
        let set = Set::from([vec!["status".to_owned(), "conditions".to_owned()]]);
        entries.insert(Writer { subresource: Some(STATUS), ..Writer::new(manager, operation) }, set);
        self.store(&old, old.clone(), entries).expect("nothing to refuse");
    }

    /// Takes one manager's entries off the list, so that what it alone owned has no owner. The last entry can't be
    /// taken off: the server puts an emptied list back.
    pub(super) fn disown(&mut self, manager: &str) {
        let (old, mut entries) = self.state();
        entries.retain(|writer, _| writer.manager != manager);
        if !entries.is_empty() {
            self.store(&old, old.clone(), entries).expect("nothing to refuse");
        }
    }

    /// Empties `managedFields`.
    pub(super) fn wipe(&mut self) {
        if let Some(class) = &mut self.class {
            self.writes += 1;
            class.version = self.writes;
            class.managed.clear();
        }
    }

    /// Deletes the class.
    pub(super) fn delete(&mut self) {
        self.class = None;
    }

    /// Deletes the class while a finalizer holds it.
    pub(super) fn begin_deletion(&mut self) {
        let class = self.class.as_mut().expect("there is a class");
        self.writes += 1;
        class.version = self.writes;
        class.terminating = true;
    }

    fn state(&self) -> (Value, BTreeMap<Writer, Set>) {
        let class = self.class.as_ref();
        class.map_or_else(|| (json!({}), BTreeMap::new()), |class| (class.fields.clone(), class.managed.clone()))
    }

    fn store(&mut self, old: &Value, mut new: Value, mut entries: BTreeMap<Writer, Set>) -> Result<(), Refusal> {
        validate(old, &new)?;
        drop_empty_maps(&mut new);
        for set in entries.values_mut() {
            set.remove(&vec!["metadata".to_owned()]);
        }
        entries.retain(|_, set| !set.is_empty());
        let next = match &self.class {
            Some(class) => Class { fields: new, managed: entries, ..class.clone() },
            None => Class {
                uid: format!("uid-{}", self.writes + 1),
                version: 0,
                terminating: false,
                fields: new,
                managed: entries,
            },
        };
        // A write that changes nothing makes no new version.
        if self.class.as_ref() != Some(&next) {
            self.writes += 1;
            // An empty server is at version 1, as etcd is.
            self.class = Some(Class { version: self.writes + 1, ..next });
        }
        Ok(())
    }
}

fn read_entry(entry: &Value) -> (Writer, Set) {
    let operation = if entry["operation"] == "Apply" { Operation::Apply } else { Operation::Update };
    let subresource = entry["subresource"].as_str().map(|name| {
        assert_eq!(name, STATUS);
        STATUS
    });
    let manager = entry["manager"].as_str().expect("an entry has a manager");
    (Writer { subresource, ..Writer::new(manager, operation) }, decode(&entry["fieldsV1"]))
}

/// What of a request's object is kept here: labels, annotations and spec.
fn fields(body: &Value) -> Value {
    let mut fields = json!({});
    for map in ["labels", "annotations"] {
        if let Some(keys) = body["metadata"].get(map) {
            fields["metadata"][map] = keys.clone();
        }
    }
    if let Some(spec) = body.get("spec") {
        fields["spec"] = spec.clone();
    }
    fields
}

/// An object keeps neither an empty map of labels nor one of annotations.
fn drop_empty_maps(object: &mut Value) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    metadata.retain(|_, map| map.as_object().is_some_and(|keys| !keys.is_empty()));
}

/// RFC 7386.
fn merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let fields = target.as_object_mut().expect("it was just made one");
    for (key, value) in patch {
        if value.is_null() {
            fields.remove(key);
        } else {
            merge_patch(fields.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// What changed is no longer another's; what is gone is nobody's (`merge.Updater.update`).
fn take_from_others(entries: &mut BTreeMap<Writer, Set>, comparison: &Comparison, writer: Option<&Writer>) {
    for (other, set) in entries {
        if Some(other) != writer {
            set.retain(|path| !comparison.added.contains(path) && !comparison.modified.contains(path));
            set.retain(|path| !comparison.removed.contains(path));
        }
    }
}

/// What the CRD of the Gateway API refuses.
fn validate(old: &Value, new: &Value) -> Result<(), Refusal> {
    let spec = &new["spec"];
    let is_text = |value: &Value, least: usize| value.as_str().is_some_and(|text| text.len() >= least);
    if !is_text(&spec["controllerName"], 1)
        || old.get("spec").is_some_and(|old| old["controllerName"] != spec["controllerName"])
    {
        return Err(Refusal::Invalid("spec.controllerName"));
    }
    if spec["description"].as_str().is_some_and(|text| text.chars().count() > 64) {
        return Err(Refusal::Invalid("spec.description"));
    }
    let parts = [("group", 0), ("kind", 1), ("name", 1)];
    let is_whole = |reference: &Value| parts.iter().all(|(part, least)| is_text(&reference[part], *least));
    if spec.get("parametersRef").is_some_and(|reference| !is_whole(reference)) {
        return Err(Refusal::Invalid("spec.parametersRef"));
    }
    Ok(())
}
