//! `spec.parametersRef`: one unit to us, while the server lets each part have its own owner.

use serde_json::{Value, json};

use super::{OURS, class, conflicts, made_by, owners, plan, settle, value, wants, yielding};
use crate::engine::defaults::DefaultClass;
use crate::engine::outcome::{Outcome, UnitAction};
use crate::engine::plan::server::{Refusal, Server};
use crate::engine::plan::{Force, Helm, Rewrite, Step};
use crate::engine::policy::{Conflicts, Policy};

const REFERENCE: &str = "spec.parametersRef";

/// Group, kind, name and, if there is a fourth word, namespace.
fn reference(words: &str) -> Value {
    ["group", "kind", "name", "namespace"].into_iter().zip(words.split(' ')).collect()
}

fn refers(words: &str, policy: Policy) -> DefaultClass {
    wants([(REFERENCE, reference(words))], policy)
}

fn live(server: &Server) -> &Value {
    value(server, REFERENCE).unwrap()
}

#[test]
fn a_changed_reference_of_ours_is_sent_whole() {
    let mut server = made_by(&refers("g K a x", yielding()));
    let default = refers("g K b x", yielding());
    let planned = plan(&server, &default);
    assert_eq!((planned.force(), planned.sent(REFERENCE)), (Some(Force::No), Some(reference("g K b x"))));
    settle(&mut server, &default);
    assert_eq!(live(&server), &reference("g K b x"));
}

#[test]
fn a_part_that_the_wanted_reference_does_not_name_is_removed() {
    let mut server = made_by(&refers("g K a x", yielding()));
    settle(&mut server, &refers("g K a", yielding()));
    assert_eq!(live(&server), &reference("g K a"));
}

#[test]
fn while_another_owns_one_part_ours_are_repeated_as_they_are() {
    let mut server = made_by(&refers("g K a x", yielding()));
    server.update("kubectl-edit", &class([(REFERENCE, json!({"name": "theirs"}))])).unwrap();
    let units = [(REFERENCE, reference("h L b y")), ("metadata.labels['team']", "a".into())];
    let default = wants(units, yielding());
    let planned = plan(&server, &default);
    assert_eq!(planned.action(REFERENCE), Some(UnitAction::Yielded));
    assert_eq!(planned.sent(REFERENCE), Some(json!({"group": "g", "kind": "K", "namespace": "x"})));
    let rest = settle(&mut server, &default).pop().unwrap();
    assert_eq!(rest.action(REFERENCE), Some(UnitAction::Yielded));
    assert_eq!(live(&server), &reference("g K theirs x"));
}

#[test]
fn a_reference_that_another_owns_is_left_out_whole() {
    let mut server = Server::default();
    server.update("kubectl-edit", &class([(REFERENCE, reference("g K a"))])).unwrap();
    let units = [(REFERENCE, reference("g K b x")), ("metadata.labels['team']", "a".into())];
    let planned = plan(&server, &wants(units, yielding()));
    assert_eq!((planned.action(REFERENCE), planned.sent(REFERENCE)), (Some(UnitAction::Yielded), None));
}

#[test]
fn one_foreign_part_is_a_conflict_for_the_whole() {
    let mut server = made_by(&refers("g K a", yielding()));
    server.update("kubectl-edit", &class([(REFERENCE, json!({"namespace": "theirs"}))])).unwrap();
    assert_eq!(plan(&server, &refers("g K a", conflicts(Conflicts::Fail))).outcome, Outcome::Conflict);
}

#[test]
fn an_equal_reference_is_co_owned_part_by_part() {
    let mut server = Server::default();
    server.update("kubectl-edit", &class([(REFERENCE, reference("g K a x"))])).unwrap();
    let default = refers("g K a x", yielding());
    assert_eq!(settle(&mut server, &default).len(), 2);
    assert_eq!(owners(&server, REFERENCE), ["classkeeper/Apply", "kubectl-edit/Update"]);
    // One part alone of which we lost our share is claimed again.
    server.update("kubectl-edit", &class([(REFERENCE, json!({"name": "b"}))])).unwrap();
    server.update("kubectl-edit", &class([(REFERENCE, json!({"name": "a"}))])).unwrap();
    assert_eq!(plan(&server, &default).action(REFERENCE), Some(UnitAction::Set));
}

#[test]
fn a_reference_is_taken_with_the_parts_that_the_wanted_one_does_not_name() {
    let mut server = Server::default();
    server.update("kubectl-edit", &class([(REFERENCE, reference("g K a x"))])).unwrap();
    let policy = Policy { enforce: vec![REFERENCE.parse().unwrap()], ..Policy::default() };
    let plans = settle(&mut server, &refers("g K b", policy));
    assert_eq!(plans[0].action(REFERENCE), Some(UnitAction::Enforced));
    let units = vec![REFERENCE.parse().unwrap()];
    let take = Rewrite::Take { units, from: vec!["kubectl-edit".to_owned()], helm: Helm::Leave };
    assert_eq!(plans[0].step, Step::Rewrite(take));
    assert_eq!(plans[1].force(), Some(Force::No));
    assert_eq!(live(&server), &reference("g K b"));
    assert_eq!(owners(&server, REFERENCE), ["classkeeper/Apply"]);
}

#[test]
fn a_part_that_was_patched_in_under_our_own_name_is_removed() {
    let mut server = made_by(&refers("g K a", yielding()));
    server.update(OURS, &class([(REFERENCE, json!({"namespace": "x"}))])).unwrap();
    settle(&mut server, &refers("g K a", yielding()));
    assert_eq!(live(&server), &reference("g K a"));
}

#[test]
fn who_has_only_the_container_does_not_own_the_reference() {
    let mut server = Server::default();
    server.update("kubectl-edit", &class([(REFERENCE, reference("g K a"))])).unwrap();
    server.apply(OURS, &class([(REFERENCE, reference("h L b"))]), true).unwrap();
    let fields = &server.object().unwrap()["metadata"]["managedFields"][1]["fieldsV1"];
    assert_eq!(fields["f:spec"]["f:parametersRef"], json!({}), "the user has only the container left");
    let default = refers("i M c", yielding());
    let planned = plan(&server, &default);
    assert_eq!((planned.action(REFERENCE), planned.force()), (Some(UnitAction::Set), Some(Force::No)));
    settle(&mut server, &default);
    assert_eq!(live(&server), &reference("i M c"));
}

#[test]
fn a_part_that_nobody_owns_is_claimed_before_it_is_removed() {
    let mut server = made_by(&refers("g K a", yielding()));
    server.update("helm", &class([("metadata.labels['team']", "a")])).unwrap();
    server.update("kubectl-edit", &class([(REFERENCE, json!({"namespace": "x"}))])).unwrap();
    server.disown("kubectl-edit");
    let plans = settle(&mut server, &refers("g K b", yielding()));
    let sent: Vec<_> = plans.iter().filter(|plan| plan.step != Step::Rest).map(|plan| plan.sent(REFERENCE)).collect();
    assert_eq!(sent, [Some(reference("g K a x")), Some(reference("g K b"))]);
    assert_eq!(live(&server), &reference("g K b"));
}

#[test]
fn a_part_that_somebody_adds_meanwhile_is_not_mixed_with_ours() {
    let mut server = made_by(&refers("g K a", yielding()));
    let planned = plan(&server, &refers("h L b", yielding()));
    server.update("kubectl-edit", &class([(REFERENCE, json!({"namespace": "theirs"}))])).unwrap();
    assert_eq!(planned.send(&mut server), Err(Refusal::Stale));
    assert_eq!(live(&server), &reference("g K a theirs"));
}
