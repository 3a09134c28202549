//! Classes that aren't ours to write, and managedFields in an unusual state.

use serde_json::{Value, json};

use super::{OURS, class, conflicts, made_by, ours, owners, plan, settle, value, wants, yielding};
use crate::engine::outcome::{Outcome, Reason, UnitAction};
use crate::engine::plan::server::{Operation, Refusal, Server, read};
use crate::engine::plan::{Force, Plan, Rewrite, Step};
use crate::engine::policy::{Conflicts, Mode, OnReplace, Policy};

#[test]
fn another_controller_blocks_everything_whatever_the_policy() {
    let mut server = Server::default();
    server.update("kubectl-edit", &json!({"spec": {"controllerName": "foreign.dev/c"}})).unwrap();
    let enforce = vec!["spec.controllerName".parse().unwrap()];
    for policy in [yielding(), conflicts(Conflicts::Force), Policy { enforce, ..Policy::default() }] {
        let planned = plan(&server, &wants([("spec.description", "d")], policy));
        assert_eq!((&planned.step, planned.outcome), (&Step::Rest, Outcome::Blocked));
        assert_eq!((planned.reason, &planned.actions[..]), (Some(Reason::ForeignController), &[][..]));
        let message = planned.message.unwrap();
        assert!(message.contains("foreign.dev/c") && message.contains("example.dev/c"), "{message}");
    }
}

#[test]
fn another_controller_is_replaced_if_the_policy_says_so() {
    let mut server = Server::default();
    server.update("kubectl-edit", &json!({"spec": {"controllerName": "foreign.dev/c"}})).unwrap();
    let policy = |mode| Policy { mode, on_replace: OnReplace::Recreate, ..Policy::default() };
    let observed = plan(&server, &wants([("spec.description", "d")], policy(Mode::Observe)));
    assert_eq!((&observed.step, observed.outcome), (&Step::Rest, Outcome::Observed));
    assert_eq!(observed.reason, Some(Reason::ForeignController));
    let plans = settle(&mut server, &wants([("spec.description", "d")], policy(Mode::Apply)));
    let outcomes: Vec<_> = plans.iter().map(|planned| planned.outcome).collect();
    assert_eq!(outcomes, [Outcome::Recreated, Outcome::Created, Outcome::Unchanged]);
    assert_eq!(plans[0].step, Step::Replace);
}

#[test]
fn a_class_that_is_being_deleted_is_left_alone() {
    let mut server = made_by(&wants([("spec.description", "d")], yielding()));
    server.begin_deletion();
    for policy in [yielding(), conflicts(Conflicts::Force), Policy { mode: Mode::Observe, ..Policy::default() }] {
        let planned = plan(&server, &wants([("spec.description", "new")], policy));
        assert_eq!((&planned.step, planned.outcome), (&Step::Rest, Outcome::Blocked));
        assert_eq!(planned.reason, Some(Reason::Terminating));
    }
}

#[test]
fn an_update_under_our_own_name_is_overruled_like_a_value_of_ours() {
    let default = wants([("spec.description", "d")], yielding());
    let mut server = made_by(&default);
    server.update(OURS, &class([("spec.description", "patched")])).unwrap();
    assert_eq!(owners(&server, "spec.description"), ["classkeeper/Update"]);
    let planned = plan(&server, &default);
    assert_eq!(planned.action("spec.description"), Some(UnitAction::Set));
    assert_eq!((planned.force(), planned.is_bound_to_state()), (Some(Force::Yes), true));
    settle(&mut server, &default);
    assert_eq!(value(&server, "spec.description"), Some(&json!("d")));
    assert_eq!(owners(&server, "spec.description"), ["classkeeper/Apply"]);
}

#[test]
fn a_user_beside_an_update_of_our_own_is_yielded_to() {
    let mut server = Server::default();
    server.update("kubectl-edit", &class([("metadata.labels['team']", "a")])).unwrap();
    server.update(OURS, &class([("spec.description", "both")])).unwrap();
    server.apply("flux", &class([("spec.description", "both")]), false).unwrap();
    let planned = plan(&server, &wants([("spec.description", "d")], yielding()));
    assert_eq!(planned.action("spec.description"), Some(UnitAction::Yielded));
    assert_eq!(planned.force(), Some(Force::No));
}

#[test]
fn an_update_under_our_own_name_with_the_wanted_value_is_not_yet_applied() {
    let mut server = Server::default();
    server.update(OURS, &class([("spec.description", "d")])).unwrap();
    let plans = settle(&mut server, &wants([("spec.description", "d")], yielding()));
    assert_eq!((plans.len(), plans[0].force()), (2, Some(Force::No)));
    assert_eq!(owners(&server, "spec.description"), ["classkeeper/Apply", "classkeeper/Update"]);
}

#[test]
fn an_apply_to_the_status_under_our_name_is_not_our_entry() {
    let default = wants([("metadata.labels['team']", "a")], yielding());
    let mut server = made_by(&default);
    server.write_status(OURS, Operation::Apply);
    let mut object = server.object().unwrap();
    let entries = object["metadata"]["managedFields"].as_array_mut().unwrap();
    entries.reverse();
    assert_eq!(entries[0]["subresource"], "status");
    let (live, manager) = (read(object), ours());
    assert_eq!(Plan::new(&default, Some(&live), &manager).outcome, Outcome::Unchanged);
}

#[test]
fn an_update_under_our_own_name_does_not_keep_what_left_the_files() {
    let mut server = made_by(&wants([("spec.description", "d")], yielding()));
    server.update(OURS, &class([("metadata.labels['team']", "a")])).unwrap();
    settle(&mut server, &wants([("metadata.labels['team']", "a")], yielding()));
    assert_eq!(owners(&server, "metadata.labels['team']"), ["classkeeper/Apply", "classkeeper/Update"]);
    settle(&mut server, &wants([("spec.description", "d")], yielding()));
    assert_eq!(value(&server, "metadata.labels['team']"), None);
}

#[test]
fn without_managed_fields_what_is_as_wanted_is_ours_and_all_else_is_the_unknowns() {
    let units = [("spec.description", "d"), ("metadata.labels['team']", "a")];
    let mut server = made_by(&wants(units, yielding()));
    server.update("kubectl-edit", &class([("metadata.labels['theirs']", "x")])).unwrap();
    server.wipe();
    server.update("kubectl-edit", &class([("spec.description", "edited")])).unwrap();
    assert!(server.is_wiped());
    let plans = settle(&mut server, &wants(units, yielding()));
    assert!(matches!(plans[0].step, Step::Rewrite(Rewrite::Seed { .. })), "{plans:?}");
    let actions: Vec<_> = plans.iter().map(|planned| planned.action("spec.description").unwrap()).collect();
    assert_eq!(actions, [UnitAction::Yielded; 2]);
    assert_eq!(owners(&server, "metadata.labels['team']"), ["classkeeper/Apply"]);
    assert_eq!(owners(&server, "spec.description"), ["unknown/Update"]);
    // What no file names has an owner, too: the server removes what has none with our last label.
    settle(&mut server, &wants([("spec.description", "d")], yielding()));
    assert_eq!(value(&server, "metadata.labels['team']"), None);
    assert_eq!(value(&server, "metadata.labels['theirs']"), Some(&json!("x")));
}

#[test]
fn without_managed_fields_force_takes_what_differs_and_fail_fails() {
    let mut server = made_by(&wants([("spec.description", "old")], yielding()));
    server.wipe();
    let fails = plan(&server, &wants([("spec.description", "d")], conflicts(Conflicts::Fail)));
    assert_eq!(fails.outcome, Outcome::Conflict);
    settle(&mut server, &wants([("spec.description", "d")], conflicts(Conflicts::Force)));
    assert_eq!(owners(&server, "spec.description"), ["classkeeper/Apply"]);
}

#[test]
fn the_first_label_is_no_conflict_with_whoever_had_labels_once() {
    let mut server = Server::default();
    server.update("kubectl-edit", &class([("metadata.labels['team']", "theirs")])).unwrap();
    server.apply("flux", &class([("metadata.labels['team']", "a")]), true).unwrap();
    server.apply("flux", &class([("spec.description", "d")]), false).unwrap();
    assert_eq!(value(&server, "metadata.labels['team']"), None);
    let label = json!({"metadata": {"labels": {"team": "a"}}});
    let fields = vec!["metadata.labels".to_owned()];
    let conflict = Refusal::Conflict { fields, managers: vec!["kubectl-edit".to_owned()] };
    assert_eq!(server.clone().apply(OURS, &label, false), Err(conflict));
    let default = wants([("metadata.labels['team']", "a")], yielding());
    let planned = plan(&server, &default);
    assert_eq!((planned.force(), planned.is_bound_to_state()), (Some(Force::Yes), true));
    settle(&mut server, &default);
    assert_eq!(value(&server, "metadata.labels['team']"), Some(&json!("a")));
    server.update("kubectl-edit", &class([("metadata.labels['team']", Value::Null)])).unwrap();
    assert_eq!(plan(&server, &default).force(), Some(Force::No));
}
