//! `conflicts`, `enforce`, `createOnly` and `mode`.

use serde_json::{Value, json};

use super::{class, conflicts, made_by, owners, plan, settle, value, wants, yielding};
use crate::engine::outcome::{Outcome, UnitAction};
use crate::engine::plan::server::{Refusal, Server};
use crate::engine::plan::{Force, Step};
use crate::engine::policy::{Conflicts, Mode, Policy};

/// A class made by a user who described it.
fn theirs() -> Server {
    let mut server = Server::default();
    server.update("kubectl-edit", &class([("spec.description", "theirs")])).unwrap();
    server
}

fn enforcing(unit: &str) -> Policy {
    Policy { enforce: vec![unit.parse().unwrap()], ..Policy::default() }
}

fn at_creation_only(unit: &str) -> Policy {
    Policy { create_only: vec![unit.parse().unwrap()], ..Policy::default() }
}

#[test]
fn fail_writes_nothing_at_all_while_a_unit_is_contested() {
    let units = [("spec.description", "d"), ("metadata.labels['team']", "a")];
    let planned = plan(&theirs(), &wants(units, conflicts(Conflicts::Fail)));
    assert_eq!((&planned.step, planned.outcome), (&Step::Rest, Outcome::Conflict));
    assert!(planned.message.as_ref().unwrap().contains("spec.description"), "{planned:?}");
    assert_eq!(planned.action("spec.description"), Some(UnitAction::Yielded));
}

#[test]
fn fail_applies_what_nobody_contests() {
    let mut server = theirs();
    let units = [("spec.description", "theirs"), ("metadata.labels['team']", "a")];
    let plans = settle(&mut server, &wants(units, conflicts(Conflicts::Fail)));
    assert_eq!((plans[0].outcome, plans[1].outcome), (Outcome::Configured, Outcome::Unchanged));
    assert_eq!(value(&server, "metadata.labels['team']"), Some(&json!("a")));
}

#[test]
fn force_takes_what_another_owns() {
    let mut server = theirs();
    let default = wants([("spec.description", "d")], conflicts(Conflicts::Force));
    let planned = plan(&server, &default);
    assert_eq!(planned.action("spec.description"), Some(UnitAction::Enforced));
    assert_eq!(planned.force(), Some(Force::Yes));
    settle(&mut server, &default);
    assert_eq!(value(&server, "spec.description"), Some(&json!("d")));
    assert_eq!(owners(&server, "spec.description"), ["classkeeper/Apply"]);
}

#[test]
fn a_forced_apply_never_steals_an_edit_that_came_between() {
    let mut server = theirs();
    let planned = plan(&server, &wants([("spec.description", "d")], conflicts(Conflicts::Force)));
    assert!(planned.is_bound_to_state());
    server.update("kubectl-edit", &class([("spec.description", "later")])).unwrap();
    assert_eq!(planned.send(&mut server), Err(Refusal::Stale));
    assert_eq!(value(&server, "spec.description"), Some(&json!("later")));
}

#[test]
fn force_without_anything_to_take_is_not_forced() {
    let server = made_by(&wants([("spec.description", "d")], yielding()));
    let planned = plan(&server, &wants([("spec.description", "new")], conflicts(Conflicts::Force)));
    assert_eq!(planned.force(), Some(Force::No));
    assert_eq!(planned.action("spec.description"), Some(UnitAction::Set));
}

#[test]
fn enforce_takes_its_unit_and_leaves_the_other_contested_ones() {
    let mut server = theirs();
    server.update("kubectl-edit", &class([("metadata.labels['team']", "theirs")])).unwrap();
    let units = [("spec.description", "d"), ("metadata.labels['team']", "a")];
    let default = wants(units, enforcing("spec.description"));
    let planned = plan(&server, &default);
    assert_eq!(planned.action("metadata.labels['team']"), Some(UnitAction::Yielded));
    assert_eq!(planned.sent("metadata.labels['team']"), None);
    settle(&mut server, &default);
    assert_eq!(value(&server, "spec.description"), Some(&json!("d")));
    assert_eq!(value(&server, "metadata.labels['team']"), Some(&json!("theirs")));
    assert_eq!(owners(&server, "metadata.labels['team']"), ["kubectl-edit/Update"]);
}

#[test]
fn enforce_goes_before_fail() {
    let mut server = theirs();
    let policy = Policy { conflicts: Conflicts::Fail, ..enforcing("spec.description") };
    let plans = settle(&mut server, &wants([("spec.description", "d")], policy));
    assert_eq!(plans[0].action("spec.description"), Some(UnitAction::Enforced));
    assert_eq!(value(&server, "spec.description"), Some(&json!("d")));
}

#[test]
fn an_enforced_unit_with_the_wanted_value_stays_co_owned() {
    let mut server = theirs();
    let rest = settle(&mut server, &wants([("spec.description", "theirs")], enforcing("spec.description")));
    assert_eq!(rest.last().unwrap().action("spec.description"), Some(UnitAction::Kept));
    assert_eq!(owners(&server, "spec.description"), ["classkeeper/Apply", "kubectl-edit/Update"]);
}

#[test]
fn a_unit_for_creation_only_is_set_with_the_class_and_never_again() {
    let policy = || at_creation_only("spec.description");
    let mut server = made_by(&wants([("spec.description", "d")], policy()));
    assert_eq!(value(&server, "spec.description"), Some(&json!("d")));
    // Ours alone, it is repeated: left out of an apply it would vanish.
    let default = wants([("spec.description", "new"), ("metadata.labels['team']", "a")], policy());
    assert_eq!(plan(&server, &default).sent("spec.description"), Some(json!("d")));
    settle(&mut server, &default);
    assert_eq!(value(&server, "spec.description"), Some(&json!("d")));
    server.update("kubectl-edit", &class([("spec.description", Value::Null)])).unwrap();
    assert_eq!(plan(&server, &default).step, Step::Rest);
}

#[test]
fn a_unit_for_creation_only_is_no_reason_to_write_to_a_class_that_was_there() {
    let policy = at_creation_only("metadata.labels['team']");
    let mut server = theirs();
    let default = wants([("metadata.labels['team']", "a")], policy);
    let plans = settle(&mut server, &default);
    assert_eq!(plans.last().unwrap().action("metadata.labels['team']"), Some(UnitAction::Kept));
    assert_eq!(value(&server, "metadata.labels['team']"), None);
}

#[test]
fn observing_reports_and_never_writes() {
    let policy = || Policy { mode: Mode::Observe, ..Policy::default() };
    let missing = plan(&Server::default(), &wants([("spec.description", "d")], policy()));
    assert_eq!((&missing.step, missing.outcome), (&Step::Rest, Outcome::Observed));
    assert_eq!(missing.action("spec.description"), Some(UnitAction::Set));
    let units = [("spec.description", "d"), ("metadata.labels['team']", "a")];
    let planned = plan(&theirs(), &wants(units, policy()));
    assert_eq!((&planned.step, planned.outcome), (&Step::Rest, Outcome::Observed));
    assert_eq!(planned.action("spec.description"), Some(UnitAction::Yielded));
    assert_eq!(planned.action("metadata.labels['team']"), Some(UnitAction::Set));
}
