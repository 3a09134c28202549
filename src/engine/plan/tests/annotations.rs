//! What users say on the class: `classkeeper.dev/reconcile` and `classkeeper.dev/ignore`.

use serde_json::{Value, json};

use super::{class, conflicts, made_by, owners, plan, settle, value, wants, yielding};
use crate::engine::outcome::{Outcome, UnitAction};
use crate::engine::plan::Step;
use crate::engine::plan::server::{Refusal, Server};
use crate::engine::policy::Conflicts;

const RECONCILE: &str = "metadata.annotations['classkeeper.dev/reconcile']";
const IGNORE: &str = "metadata.annotations['classkeeper.dev/ignore']";

/// A class of ours that a user has annotated.
fn annotated(annotation: &'static str, text: &str) -> Server {
    let mut server = made_by(&wants([("spec.description", "d"), ("metadata.labels['team']", "a")], yielding()));
    server.update("kubectl-annotate", &class([(annotation, text)])).unwrap();
    server
}

#[test]
fn a_paused_class_gets_no_request() {
    let planned = plan(&annotated(RECONCILE, "disabled"), &wants([("spec.description", "new")], yielding()));
    assert_eq!((&planned.step, planned.outcome), (&Step::Rest, Outcome::Paused));
    assert_eq!(planned.message, None);
    assert_eq!(planned.actions.len(), 3);
    assert!(planned.actions.iter().all(|(_, action)| *action == UnitAction::Ignored));
}

#[test]
fn pausing_goes_before_a_conflict_and_before_another_controller() {
    let mut server = Server::default();
    let paused = json!({"metadata": {"annotations": {"classkeeper.dev/reconcile": "disabled"}},
                        "spec": {"controllerName": "foreign.dev/c", "description": "theirs"}});
    server.update("kubectl-edit", &paused).unwrap();
    let planned = plan(&server, &wants([("spec.description", "d")], conflicts(Conflicts::Fail)));
    assert_eq!(planned.outcome, Outcome::Paused);
}

#[test]
fn a_word_that_says_neither_pauses_the_class_and_is_reported() {
    let planned = plan(&annotated(RECONCILE, "off"), &wants([("spec.description", "new")], yielding()));
    assert_eq!((&planned.step, planned.outcome), (&Step::Rest, Outcome::Paused));
    assert!(planned.message.unwrap().contains("\"off\""));
}

#[test]
fn an_enabled_class_is_kept() {
    let mut server = annotated(RECONCILE, "enabled");
    settle(&mut server, &wants([("spec.description", "new")], yielding()));
    assert_eq!(value(&server, "spec.description"), Some(&json!("new")));
}

#[test]
fn an_ignored_unit_of_ours_is_repeated_as_it_is() {
    let mut server = annotated(IGNORE, "spec.description, metadata.labels['tier']");
    let default = wants([("spec.description", "new"), ("metadata.labels['team']", "b")], conflicts(Conflicts::Force));
    let planned = plan(&server, &default);
    assert_eq!(planned.action("spec.description"), Some(UnitAction::Ignored));
    assert_eq!(planned.sent("spec.description"), Some(json!("d")));
    settle(&mut server, &default);
    assert_eq!(value(&server, "spec.description"), Some(&json!("d")));
    assert_eq!(value(&server, "metadata.labels['team']"), Some(&json!("b")));
    assert_eq!(owners(&server, "spec.description"), ["classkeeper/Apply"]);
}

#[test]
fn an_ignored_unit_that_is_not_ours_is_left_out() {
    let mut server = annotated(IGNORE, "spec.description");
    server.update("kubectl-edit", &class([("spec.description", "theirs")])).unwrap();
    let planned = plan(&server, &wants([("spec.description", "theirs"), ("metadata.labels['team']", "b")], yielding()));
    assert_eq!(planned.action("spec.description"), Some(UnitAction::Ignored));
    assert_eq!(planned.sent("spec.description"), None);
}

#[test]
fn an_ignored_unit_that_is_missing_stays_missing() {
    let mut server = annotated(IGNORE, "spec.description");
    server.update("kubectl-edit", &class([("spec.description", Value::Null)])).unwrap();
    let default = wants([("spec.description", "d"), ("metadata.labels['team']", "a")], yielding());
    assert_eq!(plan(&server, &default).step, Step::Rest);
}

#[test]
fn an_ignored_unit_that_leaves_the_files_stays() {
    let mut server = annotated(IGNORE, "spec.description");
    let rest = settle(&mut server, &wants([("metadata.labels['team']", "b")], yielding())).pop().unwrap();
    assert_eq!(rest.action("spec.description"), Some(UnitAction::Ignored));
    assert_eq!(value(&server, "spec.description"), Some(&json!("d")));
}

#[test]
fn an_ignored_unit_is_no_conflict() {
    let mut server = annotated(IGNORE, "spec.description");
    server.update("kubectl-edit", &class([("spec.description", "theirs")])).unwrap();
    let default = wants([("spec.description", "d"), ("metadata.labels['team']", "a")], conflicts(Conflicts::Fail));
    assert_eq!(plan(&server, &default).outcome, Outcome::Unchanged);
}

#[test]
fn a_malformed_list_leaves_every_unit_alone_and_is_reported() {
    let mut server = annotated(IGNORE, "spec.description; metadata.labels");
    let planned = plan(&server, &wants([("spec.description", "new"), ("metadata.labels['x']", "y")], yielding()));
    assert_eq!((&planned.step, planned.outcome), (&Step::Rest, Outcome::Unchanged));
    assert!(planned.message.as_ref().unwrap().contains("every unit is left alone"), "{planned:?}");
    assert!(planned.actions.iter().all(|(_, action)| *action == UnitAction::Ignored));
    server.update("kubectl-annotate", &class([(IGNORE, Value::Null)])).unwrap();
    assert_eq!(plan(&server, &wants([("spec.description", "new")], yielding())).message, None);
}

#[test]
fn a_removal_that_comes_between_is_not_undone_by_repeating_the_value() {
    let mut server = annotated(IGNORE, "spec.description");
    let planned = plan(&server, &wants([("metadata.labels['team']", "b")], yielding()));
    assert_eq!(planned.sent("spec.description"), Some(json!("d")));
    server.update("kubectl-edit", &class([("spec.description", Value::Null)])).unwrap();
    assert_eq!(planned.send(&mut server), Err(Refusal::Stale));
    assert_eq!(value(&server, "spec.description"), None);
}
