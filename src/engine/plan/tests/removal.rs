//! Units that leave the files.

use serde_json::{Value, json};

use super::{OURS, class, made_by, owners, plan, settle, value, wants, yielding};
use crate::engine::outcome::{Outcome, UnitAction};
use crate::engine::plan::server::{Refusal, Server};
use crate::engine::plan::{Rewrite, Step};

const REFERENCE: &str = "spec.parametersRef";

fn reference() -> Value {
    json!({"group": "g", "kind": "K", "name": "a"})
}

fn empty() -> [(&'static str, Value); 0] {
    []
}

#[test]
fn what_nobody_else_owns_is_removed() {
    let units = [("spec.description", "d".into()), ("metadata.labels['team']", "a".into()), (REFERENCE, reference())];
    let mut server = made_by(&wants(units, yielding()));
    let default = wants(empty(), yielding());
    let plans = settle(&mut server, &default);
    assert_eq!((plans.len(), plans[0].outcome), (2, Outcome::Configured));
    for unit in ["spec.description", "metadata.labels['team']", REFERENCE] {
        assert_eq!(plans[0].action(unit), Some(UnitAction::Removed), "{unit}");
        assert_eq!(plans[0].sent(unit), None, "{unit}");
        assert_eq!(value(&server, unit), None, "{unit}");
    }
    assert_eq!(plans[1].actions.len(), 1);
}

#[test]
fn what_another_owns_too_stays_as_theirs_alone() {
    let mut server = made_by(&wants([("spec.description", "d")], yielding()));
    server.apply("flux", &class([("spec.description", "d")]), false).unwrap();
    let plans = settle(&mut server, &wants(empty(), yielding()));
    assert_eq!(plans[0].action("spec.description"), Some(UnitAction::StillOwned));
    assert_eq!(plans.len(), 2);
    assert_eq!(value(&server, "spec.description"), Some(&json!("d")));
    assert_eq!(owners(&server, "spec.description"), ["flux/Apply"]);
}

#[test]
fn what_was_never_ours_is_not_looked_at() {
    let mut server = made_by(&wants([("spec.description", "d")], yielding()));
    server.update("kubectl-edit", &class([("metadata.labels['team']", "theirs")])).unwrap();
    let planned = plan(&server, &wants([("spec.description", "d")], yielding()));
    assert_eq!((&planned.step, planned.action("metadata.labels['team']")), (&Step::Rest, None));
}

#[test]
fn our_half_of_a_reference_is_held_until_the_other_half_goes() {
    let mut server = made_by(&wants([(REFERENCE, reference())], yielding()));
    server.update("kubectl-edit", &class([(REFERENCE, json!({"name": "theirs"}))])).unwrap();
    let default = wants([("metadata.labels['team']", "a")], yielding());
    let planned = plan(&server, &default);
    assert_eq!(planned.action(REFERENCE), Some(UnitAction::StillOwned));
    assert_eq!(planned.sent(REFERENCE), Some(json!({"group": "g", "kind": "K"})));
    let rest = settle(&mut server, &default).pop().unwrap();
    assert_eq!(rest.action(REFERENCE), Some(UnitAction::StillOwned));
    assert_eq!(value(&server, REFERENCE), Some(&json!({"group": "g", "kind": "K", "name": "theirs"})));
    server.disown("kubectl-edit");
    settle(&mut server, &default);
    assert_eq!(value(&server, REFERENCE), None);
}

#[test]
fn a_reference_whose_container_another_made_is_removed() {
    let mut server = Server::default();
    server.update("kubectl-edit", &class([(REFERENCE, json!({"group": "h", "kind": "L", "name": "b"}))])).unwrap();
    server.apply(OURS, &class([(REFERENCE, reference())]), true).unwrap();
    assert_eq!(owners(&server, REFERENCE), ["classkeeper/Apply"]);
    let plans = settle(&mut server, &wants(empty(), yielding()));
    assert!(matches!(plans[0].step, Step::Rewrite(Rewrite::Take { .. })), "{plans:?}");
    assert_eq!(value(&server, REFERENCE), None);
}

#[test]
fn a_reference_that_another_takes_a_share_of_meanwhile_is_not_halved() {
    let namespaced = json!({"group": "g", "kind": "K", "name": "a", "namespace": "x"});
    let mut server = made_by(&wants([(REFERENCE, namespaced.clone())], yielding()));
    let planned = plan(&server, &wants(empty(), yielding()));
    server.apply("flux", &class([(REFERENCE, reference())]), false).unwrap();
    assert_eq!(planned.send(&mut server), Err(Refusal::Stale));
    assert_eq!(value(&server, REFERENCE), Some(&namespaced));
}

#[test]
fn an_entry_of_ours_with_nothing_left_goes() {
    let mut server = Server::default();
    server.update("kubectl-edit", &class([("spec.description", "theirs")])).unwrap();
    server.apply(OURS, &json!({"metadata": {"labels": {"team": "a"}}}), false).unwrap();
    let default = wants([("spec.description", "d")], yielding());
    settle(&mut server, &default);
    assert_eq!(value(&server, "metadata.labels['team']"), None);
    assert_eq!(owners(&server, "spec.controllerName"), ["classkeeper/Apply", "kubectl-edit/Update"]);
}
