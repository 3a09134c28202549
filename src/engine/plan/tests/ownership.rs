//! Units that are missing, changed, ours, another's or both's.

use serde_json::{Value, json};

use super::{CONTROLLER, class, made_by, ours, owners, plan, settle, value, wants, yielding};
use crate::engine::outcome::{Outcome, UnitAction};
use crate::engine::plan::server::{API_VERSION, Refusal, Server};
use crate::engine::plan::{Force, Plan, Step};
use crate::engine::unit::Unit;

#[test]
fn a_missing_class_is_created_with_every_unit() {
    let default = wants([("spec.description", "d"), ("metadata.labels['team']", "a")], yielding());
    let mut server = Server::default();
    let planned = plan(&server, &default);
    assert_eq!(planned.outcome, Outcome::Created);
    assert!(matches!(planned.step, Step::Create(_)));
    let expected = json!({
        "apiVersion": API_VERSION, "kind": "GatewayClass",
        "metadata": {"name": "edge", "labels": {"team": "a"}, "resourceVersion": "1"},
        "spec": {"controllerName": CONTROLLER, "description": "d"},
    });
    assert_eq!(planned.body(), expected);
    assert!(planned.actions.iter().all(|(_, action)| *action == UnitAction::Set));
    planned.send(&mut server).unwrap();
    assert_eq!(value(&server, "spec.description"), Some(&json!("d")));
    assert_eq!(planned.send(&mut server), Err(Refusal::Stale), "it makes a class, and touches none that is there");
}

#[test]
fn a_class_that_is_as_wanted_gets_no_request() {
    let default = wants([("spec.description", "d"), ("metadata.labels['team']", "a")], yielding());
    let planned = plan(&made_by(&default), &default);
    assert_eq!((planned.step, planned.outcome), (Step::Rest, Outcome::Unchanged));
    assert!(planned.actions.iter().all(|(_, action)| *action == UnitAction::Kept));
}

#[test]
fn a_new_value_in_the_files_is_applied_without_force_and_with_everything_that_stays() {
    let mut server = made_by(&wants([("spec.description", "d"), ("metadata.labels['team']", "a")], yielding()));
    let default = wants([("spec.description", "new"), ("metadata.labels['team']", "a")], yielding());
    let planned = plan(&server, &default);
    assert_eq!(planned.outcome, Outcome::Configured);
    assert_eq!(planned.force(), Some(Force::No));
    assert_eq!(planned.sent("spec.description"), Some(json!("new")));
    assert_eq!(planned.sent("metadata.labels['team']"), Some(json!("a")));
    assert_eq!(settle(&mut server, &default).len(), 2);
    assert_eq!(value(&server, "spec.description"), Some(&json!("new")));
}

#[test]
fn an_apply_names_the_object_it_is_meant_for() {
    let default = wants([("spec.description", "d")], yielding());
    let mut server = made_by(&default);
    let planned = plan(&server, &wants([("spec.description", "new")], yielding()));
    assert_eq!(planned.body()["metadata"]["uid"], server.object().unwrap()["metadata"]["uid"]);
    assert!(!planned.is_bound_to_state());
    server.delete();
    settle(&mut server, &default);
    assert!(planned.send(&mut server).is_err());
    assert_eq!(value(&server, "spec.description"), Some(&json!("d")));
}

#[test]
fn a_label_that_somebody_removed_comes_back() {
    let default = wants([("metadata.labels['team']", "a")], yielding());
    let mut server = made_by(&default);
    server.update("kubectl-edit", &class([("metadata.labels['team']", Value::Null)])).unwrap();
    let plans = settle(&mut server, &default);
    assert_eq!(plans[0].action("metadata.labels['team']"), Some(UnitAction::Set));
    assert_eq!(value(&server, "metadata.labels['team']"), Some(&json!("a")));
}

#[test]
fn a_value_that_nobody_owns_any_more_is_ours_to_change() {
    let mut server = Server::default();
    server.update("kubectl-edit", &class([("spec.description", "theirs")])).unwrap();
    server.apply("flux", &class([("metadata.labels['team']", "a")]), false).unwrap();
    server.disown("kubectl-edit");
    let default = wants([("spec.description", "d")], yielding());
    assert_eq!(plan(&server, &default).force(), Some(Force::No));
    settle(&mut server, &default);
    assert_eq!(value(&server, "spec.description"), Some(&json!("d")));
}

#[test]
fn the_same_value_set_by_another_is_co_owned_once() {
    let mut server = Server::default();
    server.update("kubectl-edit", &class([("spec.description", "d")])).unwrap();
    let default = wants([("spec.description", "d")], yielding());
    let plans = settle(&mut server, &default);
    let outcomes: Vec<_> = plans.iter().map(|planned| planned.outcome).collect();
    assert_eq!(outcomes, [Outcome::Configured, Outcome::Unchanged]);
    let actions: Vec<_> = plans.iter().map(|planned| planned.action("spec.description")).collect();
    assert_eq!(actions, [Some(UnitAction::Set), Some(UnitAction::Kept)]);
    assert_eq!(plans[0].force(), Some(Force::No));
    assert_eq!(owners(&server, "spec.description"), ["classkeeper/Apply", "kubectl-edit/Update"]);
}

#[test]
fn another_owners_value_is_left_out_and_the_rest_is_applied() {
    let mut server = Server::default();
    server.update("kubectl-edit", &class([("spec.description", "theirs")])).unwrap();
    let default = wants([("spec.description", "d"), ("metadata.labels['team']", "a")], yielding());
    let planned = plan(&server, &default);
    assert_eq!(planned.outcome, Outcome::Configured);
    assert_eq!(planned.force(), Some(Force::No));
    assert_eq!(planned.action("spec.description"), Some(UnitAction::Yielded));
    assert_eq!(planned.sent("spec.description"), None);
    let rest = settle(&mut server, &default).pop().unwrap();
    assert_eq!((rest.outcome, rest.action("spec.description")), (Outcome::Unchanged, Some(UnitAction::Yielded)));
    assert_eq!(value(&server, "spec.description"), Some(&json!("theirs")));
    assert_eq!(value(&server, "metadata.labels['team']"), Some(&json!("a")));
}

#[test]
fn a_users_edit_of_our_unit_is_yielded_to() {
    let default = wants([("spec.description", "d")], yielding());
    let mut server = made_by(&default);
    server.update("kubectl-edit", &class([("spec.description", "theirs")])).unwrap();
    let planned = plan(&server, &default);
    assert_eq!((planned.step, planned.outcome), (Step::Rest, Outcome::Unchanged));
    assert_eq!(owners(&server, "spec.description"), ["kubectl-edit/Update"]);
}

#[test]
fn a_yielded_value_that_we_own_too_is_repeated() {
    let mut server = made_by(&wants([("spec.description", "both")], yielding()));
    server.apply("flux", &class([("spec.description", "both")]), false).unwrap();
    let default = wants([("spec.description", "new"), ("metadata.labels['team']", "a")], yielding());
    let planned = plan(&server, &default);
    assert_eq!(planned.action("spec.description"), Some(UnitAction::Yielded));
    assert_eq!(planned.sent("spec.description"), Some(json!("both")));
    settle(&mut server, &default);
    assert_eq!(value(&server, "spec.description"), Some(&json!("both")));
    // Even when the other one gives it up meanwhile, it isn't the yielding that changes it.
    server.apply("flux", &class([("metadata.labels['x']", "y")]), false).unwrap();
    assert_eq!(value(&server, "spec.description"), Some(&json!("both")));
    settle(&mut server, &default);
    assert_eq!(value(&server, "spec.description"), Some(&json!("new")));
}

#[test]
fn reports_show_what_is_wanted_and_live_and_every_owner() {
    let mut server = made_by(&wants([("spec.description", "both")], yielding()));
    server.apply("flux", &class([("spec.description", "both")]), false).unwrap();
    let default = wants([("spec.description", "new")], yielding());
    let (live, manager) = (server.live(), ours());
    let plan = Plan::new(&default, live.as_ref(), &manager);
    assert_eq!(*plan.yielded(), [Unit::Description]);
    let reports = plan.unit_reports(live.as_ref());
    let report = reports.iter().find(|report| report.unit.to_string() == "spec.description").unwrap();
    assert_eq!((&report.wanted, &report.live), (&Some(json!("new")), &Some(json!("both"))));
    let owners: Vec<_> = report.owners.iter().map(|owner| &*owner.manager).collect();
    assert_eq!(owners, ["classkeeper", "flux"]);
}
