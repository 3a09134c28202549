//! Ownership that changes hands: adoption, release, and the leave of a class without a default.

use serde_json::{Value, json};

use super::{OURS, Planned, class, made_by, ours, owners, plan, settle, value, wants, yielding};
use crate::engine::annotations::{HELM_POLICY, HELM_RELEASE, ON_REMOVE};
use crate::engine::outcome::{Outcome, Reason, UnitAction};
use crate::engine::plan::server::{Refusal, Server};
use crate::engine::plan::{Helm, Inherit, Plan, Rewrite, Step};
use crate::engine::policy::{Conflicts, Policy};
use crate::engine::source::Leaving;

const TEAM: &str = "metadata.labels['team']";

fn adopting() -> Policy {
    Policy { adopt_from: vec!["helm".to_owned()], ..Policy::default() }
}

/// A class that Helm made.
fn helms() -> Server {
    let mut server = Server::default();
    let mut object = class([("spec.description", "chart"), (TEAM, "chart"), ("metadata.labels['chart']", "edge-1")]);
    object["metadata"]["annotations"] = json!({HELM_RELEASE: "edge"});
    server.update("helm", &object).unwrap();
    server
}

fn leave(server: &Server) -> Planned {
    let live = server.live().unwrap();
    Planned::from(Plan::leave(&live, &ours(), Leaving::AsMarked), Some(&live))
}

fn release(server: &mut Server) -> Planned {
    let live = server.live().unwrap();
    let planned = Planned::from(Plan::release(&live, &ours()), Some(&live));
    planned.send(server).unwrap();
    planned
}

/// A class of ours whose default said `onRemove: Delete`.
fn marked() -> Server {
    let mark = "metadata.annotations['classkeeper.dev/on-remove']";
    made_by(&wants([("spec.description", "d"), (mark, "Delete")], yielding()))
}

#[test]
fn adoption_takes_the_units_that_the_file_names_and_tells_helm_to_keep_the_class() {
    let mut server = helms();
    let plans = settle(&mut server, &wants([("spec.description", "d"), (TEAM, "chart")], adopting()));
    let Step::Rewrite(Rewrite::Take { units, from, helm }) = &plans[0].step else { panic!("{plans:?}") };
    let units: Vec<_> = units.iter().map(ToString::to_string).collect();
    assert_eq!(units, ["spec.controllerName", "spec.description", TEAM]);
    assert_eq!((&from[..], helm), (&["helm".to_owned()][..], &Helm::Keep));
    let outcomes: Vec<_> = plans.iter().map(|planned| planned.outcome).collect();
    assert_eq!(outcomes, [Outcome::Adopted, Outcome::Configured, Outcome::Unchanged]);
    assert_eq!(value(&server, "spec.description"), Some(&json!("d")));
    assert_eq!(owners(&server, TEAM), ["classkeeper/Apply"]);
    assert_eq!(owners(&server, "metadata.labels['chart']"), ["helm/Update"]);
    let policy = format!("metadata.annotations['{HELM_POLICY}']");
    assert_eq!(value(&server, &policy), Some(&json!("keep")));
}

#[test]
fn a_file_that_wants_helm_to_do_otherwise_has_the_last_word() {
    let policy = "metadata.annotations['helm.sh/resource-policy']";
    let mut server = helms();
    settle(&mut server, &wants([(TEAM, "chart"), (policy, "delete")], adopting()));
    assert_eq!(value(&server, policy), Some(&json!("delete")));
}

#[test]
fn what_the_file_does_not_name_any_more_stays_the_former_managers() {
    let mut server = made_by(&wants([("spec.description", "d"), (TEAM, "a")], yielding()));
    server.apply("helm", &class([(TEAM, "a")]), false).unwrap();
    let plans = settle(&mut server, &wants([("spec.description", "d")], adopting()));
    assert_eq!(plans[0].action(TEAM), Some(UnitAction::StillOwned));
    assert_eq!(owners(&server, TEAM), ["helm/Apply"]);
}

#[test]
fn adoption_leaves_alone_what_a_third_manager_has() {
    let mut server = helms();
    server.update("kubectl-edit", &class([(TEAM, "theirs")])).unwrap();
    let rest = settle(&mut server, &wants([(TEAM, "a")], adopting())).pop().unwrap();
    assert_eq!((rest.action(TEAM), value(&server, TEAM)), (Some(UnitAction::Yielded), Some(&json!("theirs"))));
}

#[test]
fn a_move_is_refused_once_somebody_wrote_meanwhile() {
    let mut server = helms();
    let planned = plan(&server, &wants([(TEAM, "a")], adopting()));
    server.update("kubectl-edit", &class([(TEAM, "theirs")])).unwrap();
    assert_eq!(planned.send(&mut server), Err(Refusal::Stale));
}

#[test]
fn a_release_leaves_every_value_and_every_other_owner() {
    let mut server = made_by(&wants([("spec.description", "d"), (TEAM, "a")], yielding()));
    server.update("kubectl-edit", &class([("metadata.labels['theirs']", "x")])).unwrap();
    server.update(OURS, &class([("metadata.labels['patched']", "x")])).unwrap();
    assert_eq!(release(&mut server).outcome, Outcome::Released);
    for (unit, is) in [("spec.description", "d"), (TEAM, "a"), ("metadata.labels['patched']", "x")] {
        assert_eq!(value(&server, unit), Some(&json!(is)));
        assert_eq!(owners(&server, unit), [""; 0]);
    }
    assert_eq!(owners(&server, "metadata.labels['theirs']"), ["kubectl-edit/Update"]);
}

#[test]
fn after_the_release_of_the_only_entry_edits_are_still_recorded() {
    let units = [("spec.description", "d"), (TEAM, "a")];
    let mut server = made_by(&wants(units, yielding()));
    release(&mut server);
    assert!(!server.is_wiped());
    server.update("kubectl-edit", &class([(TEAM, "theirs")])).unwrap();
    // The default comes back: what nobody touched is taken up, what somebody changed is theirs.
    let rest = settle(&mut server, &wants([("spec.description", "new"), (TEAM, "a")], yielding())).pop().unwrap();
    assert_eq!(value(&server, "spec.description"), Some(&json!("new")));
    assert_eq!((rest.action(TEAM), value(&server, TEAM)), (Some(UnitAction::Yielded), Some(&json!("theirs"))));
}

#[test]
fn a_class_without_a_default_is_released() {
    let mut server = made_by(&wants([("spec.description", "d")], yielding()));
    let planned = leave(&server);
    assert_eq!((&planned.step, planned.outcome), (&Step::Rewrite(Rewrite::Release), Outcome::Released));
    planned.send(&mut server).unwrap();
    assert_eq!((leave(&server).step, leave(&server).outcome), (Step::Rest, Outcome::Unchanged));
}

#[test]
fn a_marked_class_is_deleted_unless_somebody_else_has_a_unit_of_it() {
    let mut server = marked();
    assert_eq!((leave(&server).step, leave(&server).outcome), (Step::Delete, Outcome::Deleted));
    server.update("kubectl-edit", &class([("metadata.labels['theirs']", "x")])).unwrap();
    let planned = leave(&server);
    assert_eq!((&planned.step, planned.outcome), (&Step::Rewrite(Rewrite::Release), Outcome::Released));
    assert!(planned.message.as_ref().unwrap().contains("kubectl-edit"), "{planned:?}");
    planned.send(&mut server).unwrap();
    assert_eq!(value(&server, &format!("metadata.annotations['{ON_REMOVE}']")), None);
}

#[test]
fn who_has_only_an_empty_container_does_not_save_a_marked_class() {
    let reference = json!({"group": "g", "kind": "K", "name": "a"});
    let mut server = marked();
    server.update("kubectl-edit", &class([("spec.parametersRef", reference.clone())])).unwrap();
    let other = json!({"spec": {"parametersRef": {"group": "h", "kind": "L", "name": "b"}}});
    server.apply("flux", &other, true).unwrap();
    server.disown("flux");
    assert_eq!(leave(&server).step, Step::Delete);
}

#[test]
fn a_mark_that_is_not_our_own_is_not_honoured() {
    let mut server = made_by(&wants([("spec.description", "d")], yielding()));
    let mark = "metadata.annotations['classkeeper.dev/on-remove']";
    server.update("kubectl-edit", &class([(mark, "Delete")])).unwrap();
    server.disown("kubectl-edit");
    assert_eq!(leave(&server).step, Step::Rewrite(Rewrite::Release));
}

#[test]
fn a_class_that_is_paused_or_being_deleted_is_not_left() {
    let mut server = marked();
    let paused = "metadata.annotations['classkeeper.dev/reconcile']";
    server.update("kubectl-edit", &class([(paused, "disabled")])).unwrap();
    assert_eq!((leave(&server).step, leave(&server).outcome), (Step::Rest, Outcome::Paused));
    server.update("kubectl-edit", &class([(paused, Value::Null)])).unwrap();
    server.begin_deletion();
    assert_eq!((leave(&server).step, leave(&server).reason), (Step::Rest, Some(Reason::Terminating)));
}

#[test]
fn what_was_applied_for_another_author_is_inherited_with_all_its_units() {
    let mut server = Server::default();
    let theirs = [("spec.description", "t"), (TEAM, "t"), ("metadata.labels['only']", "t")];
    server.apply("classkeeper/team-a", &class(theirs), false).unwrap();
    server.update("kubectl-edit", &class([(TEAM, "mine")])).unwrap();
    // It is no conflict, and nobody's value is yielded to: but a user's edit stays the user's.
    let policy = Policy { conflicts: Conflicts::Yield, ..Policy::default() };
    let plans = settle(&mut server, &wants([("spec.description", "p"), (TEAM, "p")], policy));
    assert!(matches!(&plans[0].step, Step::Rewrite(Rewrite::Take { from, .. }) if from[..] == ["classkeeper/team-a"]));
    assert_eq!(plans[0].outcome, Outcome::Configured);
    assert_eq!(value(&server, "spec.description"), Some(&json!("p")));
    assert_eq!(owners(&server, "spec.description"), ["classkeeper/Apply"]);
    assert_eq!(value(&server, "metadata.labels['only']"), None, "as if the file had never changed hands");
    assert_eq!(
        (value(&server, TEAM), owners(&server, TEAM)),
        (Some(&json!("mine")), vec!["kubectl-edit/Update".to_owned()])
    );
}

#[test]
fn another_author_s_value_is_no_conflict_and_another_installation_s_is() {
    for (manager, outcome) in [("classkeeper/team-a", Outcome::Configured), ("classkeeper-2/team-a", Outcome::Conflict)]
    {
        let mut server = Server::default();
        server.apply(manager, &class([("spec.description", "t")]), false).unwrap();
        let policy = Policy { conflicts: Conflicts::Fail, ..Policy::default() };
        assert_eq!(plan(&server, &wants([("spec.description", "p")], policy)).outcome, outcome, "{manager}");
    }
}

#[test]
fn a_class_that_changes_hands_leaves_alone_what_the_class_says_to() {
    let mut server = Server::default();
    let ignored = "metadata.annotations['classkeeper.dev/ignore']";
    server.apply("classkeeper/team-a", &class([("spec.description", "t"), (TEAM, "t")]), false).unwrap();
    server.update("kubectl-annotate", &class([(ignored, TEAM)])).unwrap();
    settle(&mut server, &wants([("spec.description", "p")], yielding()));
    assert_eq!((value(&server, TEAM), value(&server, "spec.description")), (Some(&json!("t")), Some(&json!("p"))));
}

#[test]
fn who_may_not_delete_releases_what_is_marked() {
    let server = marked();
    let live = server.live().unwrap();
    let planned = Planned::from(Plan::leave(&live, &ours(), Leaving::Released), Some(&live));
    assert_eq!((&planned.step, planned.outcome), (&Step::Rewrite(Rewrite::Release), Outcome::Released));
}

#[test]
fn what_another_author_may_still_describe_is_not_touched() {
    for (manager, is_held) in [("classkeeper/team-a", true), ("classkeeper-2", false), ("helm", false)] {
        let mut server = Server::default();
        server.apply(manager, &class([("spec.description", "t")]), false).unwrap();
        let (live, ours) = (server.live(), ours());
        let default = wants([(TEAM, "p")], yielding());
        let planned = Plan::inheriting(&default, live.as_ref(), &ours, Inherit::Nothing);
        assert_eq!((planned.step == Step::Rest, planned.outcome == Outcome::Skipped), (is_held, is_held), "{manager}");
    }
}
