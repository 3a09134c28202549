//! Protection: our finalizer, by which a class that Gateways use outlives its deletion.
//!
//! It is decided apart from the plan of a class, because it must come off whatever stands in the way of that plan:
//! nothing may wedge a class, or the removal of its kind.

use super::annotations::Reconcile;
use super::author::{are_siblings, is_kept_by_sibling};
use super::defaults::DefaultClass;
use super::live::{FieldManager, Live, Manager, Operation, Phase};
use super::outcome::Outcome;
use super::plan::Plan;

/// Our finalizer. The implementations' own (`gateway-exists-finalizer.gateway.networking.k8s.io`) is none of ours.
pub const FINALIZER: &str = "classkeeper.dev/in-use";

/// What is done about the finalizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grip {
    /// It is put on the class.
    Hold,
    /// It is taken off.
    LetGo,
}

/// Whether Gateways use a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// The Gateways aren't known.
    Unknown,
    /// None does.
    Unused,
    /// At least one does.
    Used,
}

/// What the files say about a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word<'a> {
    /// They describe it.
    Described(&'a DefaultClass),
    /// They don't describe it, or don't yet: a source may be missing, refused or late.
    NotYetKnown,
    /// They don't describe it, and that is meant so.
    Gone,
}

/// Where the kind itself stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KindPhase {
    /// It is there, as far as is known.
    Present,
    /// Its CRD is being deleted, which waits for every class and its finalizers.
    Terminating,
}

/// What there is to do about the finalizer of a class; `None` if it is as it should be.
#[must_use]
pub fn grip(live: &Live, word: Word<'_>, usage: Use, kind: KindPhase, manager: &FieldManager) -> Option<Grip> {
    if live.has_finalizer(FINALIZER) {
        // One that belongs to nobody is whoever's the class is, or is to be.
        let is_ours = match holder(live, manager) {
            Holder::Us => true,
            Holder::AnotherInstallation => false,
            Holder::Nobody => matches!(word, Word::Described(_)) || is_held_by(live, manager),
        };
        let is_over = match word {
            Word::Described(default) => !default.policy.protect,
            Word::NotYetKnown => false,
            Word::Gone => true,
        };
        let is_due = kind == KindPhase::Terminating || usage == Use::Unused || is_over;
        return (is_ours && is_due).then_some(Grip::LetGo);
    }
    let Word::Described(default) = word else { return None };
    let is_wanted = default.policy.protect && usage == Use::Used && kind == KindPhase::Present;
    // The server refuses a finalizer on what is being deleted.
    let is_possible = is_wanted && live.phase == Phase::Present && Reconcile::of(live) == Reconcile::Enabled;
    if !is_possible || !is_kept_by_sibling(live, manager) {
        return None;
    }
    match Plan::new(default, Some(live), manager).outcome {
        Outcome::Unchanged | Outcome::Configured | Outcome::Adopted => Some(Grip::Hold),
        Outcome::Created
        | Outcome::Recreated
        | Outcome::Conflict
        | Outcome::Paused
        | Outcome::Skipped
        | Outcome::Observed
        | Outcome::Blocked
        | Outcome::Failed
        | Outcome::Fighting
        | Outcome::Released
        | Outcome::Deleted => None,
    }
}

/// Whether the finalizer on a class is this manager's or one of its siblings': put there by it, or by nobody who is known to let go of it, on a
/// class that is this manager's, or of which nobody knows whose it is.
#[must_use]
pub fn is_held_by(live: &Live, manager: &FieldManager) -> bool {
    live.has_finalizer(FINALIZER)
        && match holder(live, manager) {
            Holder::Us => true,
            Holder::AnotherInstallation => false,
            Holder::Nobody => live.managers.is_empty() || is_kept_by_sibling(live, manager),
        }
}

/// Whose the finalizer on a class is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    Us,
    /// Another manager, which applies to the class as well: it keeps the class, and lets go of it.
    AnotherInstallation,
    /// Nobody, or somebody who only happened to write it, as whoever restores a backup does.
    Nobody,
}

fn holder(live: &Live, manager: &FieldManager) -> Holder {
    let has_it = |entry: &&Manager| {
        entry.subresource.is_none() && entry.fields.finalizers().any(|finalizer| finalizer == FINALIZER)
    };
    let owners = || live.managers.iter().filter(has_it).map(|entry| &*entry.name);
    let applies = |name: &str| {
        let is_apply = |entry: &Manager| *entry.name == *name && entry.operation == Operation::Apply;
        live.managers.iter().any(|entry| is_apply(entry) && entry.subresource.is_none())
    };
    if owners().any(|name| are_siblings(name, manager.as_str())) {
        Holder::Us
    } else if owners().any(applies) {
        Holder::AnotherInstallation
    } else {
        Holder::Nobody
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::author::Author;
    use crate::engine::defaults::Origin;
    use crate::engine::policy::{Mode, Policy};
    use crate::engine::unit::Unit;

    fn ours() -> FieldManager {
        FieldManager::new("classkeeper").unwrap()
    }

    fn protecting() -> Policy {
        Policy { protect: true, ..Policy::default() }
    }

    fn default(policy: Policy) -> DefaultClass {
        let units = [(Unit::ControllerName, "example.com/c".into())].into_iter().chain(policy.marks()).collect();
        DefaultClass {
            name: "a".into(),
            units,
            policy,
            when: None,
            author: Author::Platform,
            origin: Origin { file: "a.yaml".into(), line: 1 },
        }
    }

    /// A class of ours with these further pieces of metadata.
    fn class(metadata: &Value) -> Live {
        let mut all = json!({"name": "a", "uid": "u", "resourceVersion": "1",
            "annotations": {"classkeeper.dev/protected": "true"},
            "managedFields": [{"manager": "classkeeper", "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": {
                "f:metadata": {"f:annotations": {"f:classkeeper.dev/protected": {}}},
                "f:spec": {"f:controllerName": {}}}}]});
        all.as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
        let metadata: ObjectMeta = serde_json::from_value(all).unwrap();
        let Value::Object(spec) = json!({"controllerName": "example.com/c"}) else { unreachable!() };
        Live::new(metadata, spec).unwrap()
    }

    fn held() -> Live {
        class(&json!({"finalizers": ["other.example.com/f", FINALIZER]}))
    }

    fn free() -> Live {
        class(&json!({}))
    }

    fn decide(live: &Live, word: Word<'_>, usage: Use) -> Option<Grip> {
        grip(live, word, usage, KindPhase::Present, &ours())
    }

    #[test]
    fn it_holds_a_class_while_gateways_use_it() {
        let default = default(protecting());
        let word = Word::Described(&default);
        assert_eq!(decide(&free(), word, Use::Used), Some(Grip::Hold));
        assert_eq!(decide(&held(), word, Use::Used), None);
        assert_eq!(decide(&held(), word, Use::Unused), Some(Grip::LetGo));
        assert_eq!(decide(&free(), word, Use::Unused), None);
        assert_eq!(decide(&free(), word, Use::Unknown), None);
        assert_eq!(decide(&held(), word, Use::Unknown), None, "they may use it");
    }

    #[test]
    fn it_comes_off_with_the_policy() {
        let unprotected = default(Policy::default());
        assert_eq!(decide(&held(), Word::Described(&unprotected), Use::Used), Some(Grip::LetGo));
        assert_eq!(decide(&held(), Word::Gone, Use::Used), Some(Grip::LetGo));
        assert_eq!(decide(&held(), Word::NotYetKnown, Use::Used), None, "a source may be late");
        assert_eq!(decide(&held(), Word::NotYetKnown, Use::Unused), Some(Grip::LetGo));
    }

    #[test]
    fn it_comes_off_with_the_kind() {
        let default = default(protecting());
        let terminating =
            |live: &Live| grip(live, Word::Described(&default), Use::Used, KindPhase::Terminating, &ours());
        assert_eq!(terminating(&held()), Some(Grip::LetGo));
        assert_eq!(terminating(&free()), None);
    }

    #[test]
    fn what_is_being_deleted_is_let_go_and_never_held() {
        let deletion = json!({"deletionTimestamp": "2026-11-23T21:22:02Z"});
        let default = default(protecting());
        assert_eq!(decide(&class(&deletion), Word::Described(&default), Use::Used), None);
        let mut terminating = deletion;
        terminating["finalizers"] = json!([FINALIZER]);
        assert_eq!(decide(&class(&terminating), Word::Described(&default), Use::Used), None, "that is the protection");
        assert_eq!(decide(&class(&terminating), Word::Described(&default), Use::Unused), Some(Grip::LetGo));
    }

    #[test]
    fn who_may_not_be_written_to_is_let_go_all_the_same() {
        let default = default(Policy { mode: Mode::Observe, ..protecting() });
        assert_eq!(decide(&free(), Word::Described(&default), Use::Used), None);
        assert_eq!(decide(&held(), Word::Described(&default), Use::Unused), Some(Grip::LetGo));
        let mut pause = json!({"annotations": {"classkeeper.dev/reconcile": "disabled"}});
        let default = self::default(protecting());
        assert_eq!(decide(&class(&pause), Word::Described(&default), Use::Used), None);
        pause["finalizers"] = json!([FINALIZER]);
        assert_eq!(decide(&class(&pause), Word::Described(&default), Use::Unused), Some(Grip::LetGo));
    }

    #[test]
    fn a_class_that_is_not_kept_yet_is_not_held() {
        let default = default(protecting());
        let foreign = json!({"managedFields": [{"manager": "other", "operation": "Apply", "fieldsV1": {}}]});
        assert_eq!(decide(&class(&foreign), Word::Described(&default), Use::Used), None);
    }

    #[test]
    fn another_installation_s_finalizer_is_left_alone() {
        let owned = json!({"f:metadata": {"f:finalizers": {".": {}, "v:\"classkeeper.dev/in-use\"": {}}}});
        let applied = json!({"f:spec": {"f:controllerName": {}}});
        let theirs = json!({"finalizers": [FINALIZER], "managedFields": [
            {"manager": "classkeeper-2", "operation": "Apply", "fieldsV1": applied},
            {"manager": "classkeeper", "operation": "Apply", "fieldsV1": applied},
            {"manager": "classkeeper-2", "operation": "Update", "fieldsV1": owned}]});
        assert_eq!(decide(&class(&theirs), Word::Gone, Use::Unused), None);
        // Also by one that only describes the same class.
        for policy in [Policy::default(), protecting(), Policy { mode: Mode::Observe, ..Policy::default() }] {
            assert_eq!(decide(&class(&theirs), Word::Described(&default(policy)), Use::Unused), None);
        }
        // Who restored a backup doesn't come back to let go of it.
        let restored = json!({"finalizers": [FINALIZER], "managedFields": [
            {"manager": "restore", "operation": "Update", "fieldsV1": owned}]});
        let described = default(protecting());
        assert_eq!(decide(&class(&restored), Word::Described(&described), Use::Unused), Some(Grip::LetGo));
        let wiped = json!({"finalizers": [FINALIZER], "managedFields": []});
        assert_eq!(decide(&class(&wiped), Word::Gone, Use::Unused), Some(Grip::LetGo));
    }
}
