//! What `policy` asks for: contract 1.1 and the rows of 2.1 that depend on it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::proxy::Lateness;
use crate::scenario::{Scenario, class, default, kept, managers, owned, policy, unit, with};

/// The reference of the defaults.
fn reference() -> Value {
    default("")["spec"]["parametersRef"].clone()
}

#[tokio::test]
async fn force_takes_a_scalar_and_a_label_back() {
    let (s, program, name) = kept("force", &json!({"conflicts": "Force"})).await;
    let edit = json!({"spec": {"description": "mine"}, "metadata": {"labels": {"team": "mine", "extra": "1"}}});
    s.edit(&name, "kubectl-edit", &edit).await;
    let is = |class: &Value| class["spec"]["description"] == "first" && class["metadata"]["labels"]["team"] == "edge";
    let class = s.class_where(&name, "as the file says", is).await;
    assert_eq!(class["metadata"]["labels"]["extra"], "1", "what the file doesn't name stays");
    assert_eq!(owned(&class, "kubectl-edit", "Update")["f:spec"], Value::Null, "the user owns it no more");
    assert_eq!(
        owned(&class, "kubectl-edit", "Update")["f:metadata"]["f:labels"],
        json!({"f:extra": {}}),
        "and of the labels only the other one"
    );
    s.stays_quiet().await;
    assert_eq!(s.proxy.writes().len(), 2, "one create, one forced apply");
    assert_eq!(program.class(&name).await["lastChange"]["outcome"], "Configured");
}

#[tokio::test]
async fn force_takes_a_reference_of_which_a_user_owns_one_leaf_whole() {
    let (s, _program, name) = kept("forceleaf", &json!({"conflicts": "Force"})).await;
    s.edit(&name, "kubectl-edit", &json!({"spec": {"parametersRef": {"name": "mine"}}})).await;
    let is = |class: &Value| class["spec"]["parametersRef"] == reference() && managers(class) == [s.manager().as_str()];
    s.class_where(&name, "has our reference, and we alone own it", is).await;
    s.stays_quiet().await;
}

/// A reference of ours without a namespace, to which a user adds one: the unit is the whole reference.
async fn reference_with_a_foreign_namespace(prefix: &'static str, how: Value) {
    let s = Scenario::new(prefix).await;
    let name = s.name("a");
    let cluster_scoped = json!({"group": "example.com", "kind": "Parameters", "name": "edge"});
    s.mount(&[policy(with(default(&name), "/spec/parametersRef", cluster_scoped.clone()), &how)]);
    let _program = s.run().await;
    s.class_where(&name, "is there", |class| !class.is_null()).await;
    s.edit(&name, "kubectl-edit", &json!({"spec": {"parametersRef": {"namespace": "mine"}}})).await;
    let is = |class: &Value| class["spec"]["parametersRef"] == cluster_scoped;
    let class = s.class_where(&name, "has our reference, whole", is).await;
    assert_eq!(managers(&class), [s.manager()]);
    s.class_stays(&name, "so", is).await;
    s.stays_quiet().await;
}

#[tokio::test]
async fn force_takes_away_a_namespace_that_our_reference_does_not_have() {
    reference_with_a_foreign_namespace("forcens", json!({"conflicts": "Force"})).await;
}

#[tokio::test]
async fn an_enforced_reference_is_taken_whole() {
    reference_with_a_foreign_namespace("enforcens", json!({"enforce": ["spec.parametersRef"]})).await;
}

#[tokio::test]
async fn an_enforced_reference_is_taken_back_and_the_description_beside_it_stays() {
    let (s, program, name) = kept("enforceref", &json!({"enforce": ["spec.parametersRef"]})).await;
    let edit = json!({"spec": {"description": "mine", "parametersRef": {"name": "mine", "kind": "Mine"}}});
    s.edit(&name, "kubectl-edit", &edit).await;
    let is = |class: &Value| class["spec"]["parametersRef"] == reference() && class["spec"]["description"] == "mine";
    let class = s.class_where(&name, "has the reference back", is).await;
    assert_eq!(owned(&class, "kubectl-edit", "Update")["f:spec"], json!({"f:description": {}}));
    s.class_stays(&name, "so", is).await;
    s.stays_quiet().await;
    assert_eq!(unit(&program.class(&name).await, "spec.description")["action"], "Yielded");
}

#[tokio::test]
async fn what_is_set_at_creation_only_is_never_set_again() {
    let how = json!({"createOnly": ["spec.description", "metadata.labels['team']"]});
    let (s, program, name) = kept("createonly", &how).await;
    let class = s.get(&name).await;
    assert_eq!(
        (&class["spec"]["description"], &class["metadata"]["labels"]["team"]),
        (&json!("first"), &json!("edge"))
    );
    // The file changes: everything else follows.
    let changed = with(policy(default(&name), &how), "/spec/description", json!("second"));
    let changed = with(changed, "/metadata/annotations", json!({"example.com/note": "b"}));
    s.mount(&[changed]);
    let is = |class: &Value| {
        class["spec"]["description"] == "first" && class["metadata"]["annotations"]["example.com/note"] == "b"
    };
    s.class_where(&name, "has the new annotation and the old description", is).await;
    s.class_stays(&name, "so", is).await;
    // A user's edit stays, and so does a user's removal.
    let edit = json!({"spec": {"description": "mine"}, "metadata": {"labels": {"team": null}}});
    s.edit(&name, "kubectl-edit", &edit).await;
    let theirs = |class: &Value| class["spec"]["description"] == "mine" && class["metadata"]["labels"].is_null();
    s.class_stays(&name, "as the user left it", theirs).await;
    s.stays_quiet().await;
    assert_eq!(program.class(&name).await["outcome"], "Unchanged");
    // A class that is created anew has the file's value of then.
    s.delete(&name).await;
    s.class_where(&name, "is back", |class| class["spec"]["description"] == "second").await;
}

#[tokio::test]
async fn a_class_that_others_created_gets_no_unit_that_is_set_at_creation_only() {
    let s = Scenario::new("createonly2").await;
    let name = s.name("a");
    s.create_as("theirs", &class(&name, &json!({}))).await;
    s.mount(&[policy(default(&name), &json!({"createOnly": ["spec.description"]}))]);
    let _program = s.run().await;
    let class = s.class_where(&name, "has our reference", |class| class["spec"]["parametersRef"] == reference()).await;
    assert_eq!(class["spec"]["description"], Value::Null);
    s.class_stays(&name, "without it", |class| class["spec"]["description"].is_null()).await;
    s.stays_quiet().await;
}

#[tokio::test]
async fn an_observed_class_is_reported_and_never_written() {
    let s = Scenario::new("observe").await;
    let (there, missing) = (s.name("there"), s.name("missing"));
    let theirs = s.create_as("theirs", &class(&there, &json!({"description": "mine"}))).await;
    let observed = json!({"mode": "Observe", "onRemove": "Delete", "adoptFrom": ["nobody"]});
    s.mount(&[policy(default(&there), &observed), policy(default(&missing), &observed)]);
    let program = s.run_with(&["--removal-delay", "0s"]).await;
    let class = program.class_is(&there, "Observed").await;
    for (name, action) in [("spec.description", "Yielded"), ("spec.parametersRef", "Set")] {
        assert_eq!(unit(&class, name)["action"], action, "what it would do: {class:#}");
    }
    assert_eq!(unit(&class, "spec.description")["owners"][0]["manager"], "theirs");
    let class = program.class_is(&missing, "Observed").await;
    assert_eq!(unit(&class, "spec.description")["action"], "Set");
    // Neither an edit nor wiped owners nor a deletion is a reason to write, nor a default that leaves.
    s.edit(&there, "theirs", &json!({"spec": {"description": "mine again"}})).await;
    s.stays_quiet().await;
    s.wipe(&there).await;
    s.stays_quiet().await;
    s.mount(&[policy(default(&missing), &observed)]);
    s.stays_quiet().await;
    assert_eq!(s.proxy.writes().len(), 0);
    assert!(s.get(&missing).await.is_null());
    assert_eq!(s.get(&there).await["metadata"]["uid"], theirs["metadata"]["uid"]);
}

/// A default that wants another controller, and may have the class created anew for it.
fn replaced(name: &str) -> Value {
    let other = with(default(name), "/spec/controllerName", json!("example.com/other"));
    policy(other, &json!({"onReplace": "Recreate"}))
}

#[tokio::test]
async fn a_class_that_may_be_recreated_gets_its_new_controller() {
    let (s, program, name) = kept("replace", &json!({"onReplace": "Recreate"})).await;
    let uid = s.get(&name).await["metadata"]["uid"].clone();
    s.mount(&[replaced(&name)]);
    let is = |class: &Value| class["spec"]["controllerName"] == "example.com/other";
    let class = s.class_where(&name, "has the new controller", is).await;
    assert_ne!(class["metadata"]["uid"], uid);
    program.class_where(&name, "Recreated", |class| class["lastChange"]["outcome"] == "Recreated").await;
    s.stays_quiet().await;
    assert_eq!(program.class(&name).await["outcome"], "Unchanged");
    let deletions: Vec<_> = s.proxy.writes().into_iter().filter(|write| write.method == "DELETE").collect();
    assert_eq!(deletions.len(), 1);
    let preconditions = &deletions[0].body["preconditions"];
    assert!(preconditions["uid"] == uid && preconditions["resourceVersion"].is_string(), "guarded: {preconditions}");
}

#[tokio::test]
async fn a_class_that_a_gateway_uses_is_not_recreated_until_the_gateway_is_gone() {
    let (s, program, name) = kept("replaceused", &json!({"onReplace": "Recreate"})).await;
    let before = s.get(&name).await;
    s.create_gateway(&name).await;
    let writes = s.proxy.writes().len();
    s.mount(&[replaced(&name)]);
    let class = program.class_is(&name, "Blocked").await;
    assert_eq!(class["reason"], "InUse");
    assert!(class["message"].as_str().unwrap().contains(&format!("default/{name}")), "{class:#}");
    s.class_stays(&name, "untouched", |class| *class == before).await;
    assert_eq!(s.proxy.writes().len(), writes, "nothing is written");
    s.delete_gateway(&name).await;
    let is = |class: &Value| class["spec"]["controllerName"] == "example.com/other";
    s.class_where(&name, "has the new controller", is).await;
}

#[tokio::test]
async fn what_may_not_be_recreated_stays_blocked_without_a_request() {
    let (s, program, name) = kept("block", &json!({"onReplace": "Block"})).await;
    let before = s.get(&name).await;
    let writes = s.proxy.writes().len();
    let other = with(default(&name), "/spec/controllerName", json!("example.com/other"));
    s.mount(&[with(other, "/spec/description", json!("second"))]);
    let class = program.class_is(&name, "Blocked").await;
    assert_eq!(class["reason"], "ForeignController");
    let requests = s.proxy.requests().len();
    s.class_stays(&name, "untouched", |class| *class == before).await;
    assert_eq!((s.proxy.writes().len(), s.proxy.requests().len()), (writes, requests), "nothing is sent at all");
}

#[tokio::test]
async fn a_terminating_class_is_waited_for() {
    let (s, program, name) = kept("terminating", &json!({})).await;
    let uid = s.get(&name).await["metadata"]["uid"].clone();
    let hold = |finalizers: Value| json!({"metadata": {"finalizers": finalizers}});
    s.edit(&name, "theirs", &hold(json!(["example.com/hold"]))).await;
    s.delete(&name).await;
    let class = program.class_is(&name, "Blocked").await;
    assert_eq!(class["reason"], "Terminating");
    let writes = s.proxy.writes().len();
    s.mount(&[with(default(&name), "/spec/description", json!("second"))]);
    s.edit(&name, "kubectl-label", &json!({"metadata": {"labels": {"team": null}}})).await;
    s.stays_quiet().await;
    assert_eq!(s.proxy.writes().len(), writes, "nothing is written to it");
    s.edit(&name, "theirs", &hold(json!(null))).await;
    let is = |class: &Value| class["spec"]["description"] == "second" && class["metadata"]["uid"] != uid;
    s.class_where(&name, "is created anew", is).await;
}

#[tokio::test]
async fn a_deleted_class_that_may_stay_so_stays_deleted() {
    let s = Scenario::new("staydeleted").await;
    let (stays, returns) = (s.name("stays"), s.name("returns"));
    let stay = policy(default(&stays), &json!({"onDelete": "StayDeleted"}));
    let both = |stay: &Value| [stay.clone(), default(&returns)];
    s.mount(&both(&stay));
    let program = s.run().await;
    for name in [&stays, &returns] {
        s.class_where(name, "is there", |class| !class.is_null()).await;
    }
    s.is_remembered(&stays).await;
    assert_eq!(s.remembered().await.as_object().unwrap().len(), 1, "of the other one nothing need be kept");
    let uid = s.get(&returns).await["metadata"]["uid"].clone();
    s.delete(&stays).await;
    s.delete(&returns).await;
    let is_back = |class: &Value| !class.is_null() && class["metadata"]["uid"] != uid;
    s.class_where(&returns, "is back", is_back).await;
    program.class_is(&stays, "Skipped").await;
    s.class_stays(&stays, "deleted", Value::is_null).await;
    // Neither a restart nor another default's change brings it back.
    assert!(program.stop("TERM").await.success());
    let writes = s.proxy.writes().len();
    let program = s.run().await;
    program.class_is(&stays, "Skipped").await;
    s.class_stays(&stays, "deleted", Value::is_null).await;
    s.stays_quiet().await;
    assert_eq!(s.proxy.writes().len(), writes, "the restart wrote nothing");
    s.mount(&[stay.clone(), with(default(&returns), "/spec/description", json!("second"))]);
    s.class_where(&returns, "is changed", |class| class["spec"]["description"] == "second").await;
    s.class_stays(&stays, "deleted", Value::is_null).await;
    // Its own change does.
    let before = s.remembered().await;
    s.mount(&both(&with(stay, "/spec/description", json!("second"))));
    s.class_where(&stays, "is created", |class| class["spec"]["description"] == "second").await;
    let is = |now: &Value| now[&stays].is_string() && *now != before;
    s.remembered_where("it is remembered as what it is now", is).await;
    s.stays_quiet().await;
}

#[tokio::test]
async fn a_class_that_is_deleted_while_it_is_being_repaired_stays_so() {
    let s = Scenario::new("stayrepair").await;
    let name = s.name("a");
    // What is wrong with it is known before it is known that it's gone.
    s.proxy.tell_late(Lateness { events: Duration::from_millis(300), ..Lateness::default() });
    let stay = policy(default(&name), &json!({"onDelete": "StayDeleted"}));
    s.mount(std::slice::from_ref(&stay));
    let program = s.run().await;
    program.class_is(&name, "Unchanged").await;
    s.is_remembered(&name).await;
    s.edit(&name, "kubectl-label", &json!({"metadata": {"labels": {"team": null}}})).await;
    s.delete(&name).await;
    let told = |class: &Value| class["message"].as_str().is_some_and(|message| message.contains("stays deleted"));
    program.class_where(&name, "is known to be deleted", told).await;
    s.class_stays(&name, "deleted", Value::is_null).await;
    program.class_is(&name, "Skipped").await;
    // A changed default is a new wish, also if the deletion isn't known yet.
    s.mount(&[with(stay.clone(), "/spec/description", json!("second"))]);
    s.class_where(&name, "is created", |class| class["spec"]["description"] == "second").await;
    program.class_is(&name, "Unchanged").await;
    s.delete(&name).await;
    s.mount(&[with(stay, "/spec/description", json!("third"))]);
    s.class_where(&name, "is created", |class| class["spec"]["description"] == "third").await;
    program.class_is(&name, "Unchanged").await;
}

#[tokio::test]
async fn a_class_that_was_deleted_while_the_program_was_down_stays_so() {
    let (s, program, name) = kept("staydown", &json!({"onDelete": "StayDeleted"})).await;
    // Ended at once: what was learnt last is stored all the same.
    assert!(program.stop("TERM").await.success());
    s.delete(&name).await;
    let program = s.run().await;
    program.class_is(&name, "Skipped").await;
    s.class_stays(&name, "deleted", Value::is_null).await;
    // It appears again: it is kept again.
    s.create_as("theirs", &class(&name, &json!({}))).await;
    s.class_where(&name, "is kept", |class| class["spec"]["description"] == "first").await;
    s.delete(&name).await;
    program.class_is(&name, "Skipped").await;
}

#[tokio::test]
async fn a_class_that_was_deleted_with_its_default_is_created_when_the_default_comes_back() {
    let s = Scenario::new("stayremoved").await;
    let name = s.name("a");
    let stay = policy(default(&name), &json!({"onDelete": "StayDeleted", "onRemove": "Delete"}));
    s.mount(&[stay.clone(), default(&s.name("other"))]);
    let program = s.run().await;
    s.class_where(&name, "is there", |class| !class.is_null()).await;
    assert!(program.stop("TERM").await.success());
    s.mount(&[default(&s.name("other"))]);
    // The default is back before the watch tells that the class is gone.
    s.proxy.tell_late(Lateness { events: Duration::from_millis(300), ..Lateness::default() });
    let _program = s.run_with(&["--removal-delay", "0s"]).await;
    s.class_where(&name, "is gone", Value::is_null).await;
    // Nobody but classkeeper deleted it.
    s.mount(&[stay, default(&s.name("other"))]);
    s.class_where(&name, "is back", |class| !class.is_null()).await;
}

#[tokio::test]
async fn a_class_that_we_delete_to_recreate_it_does_not_count_as_deleted_by_somebody() {
    let how = json!({"onReplace": "Recreate", "onDelete": "StayDeleted"});
    let (s, program, name) = kept("stayreplaced", &how).await;
    s.is_remembered(&name).await;
    let uid = s.get(&name).await["metadata"]["uid"].clone();
    let hold = |finalizers: Value| json!({"metadata": {"finalizers": finalizers}});
    s.edit(&name, "theirs", &hold(json!(["example.com/hold"]))).await;
    s.create_gateway(&name).await;
    s.mount(&[policy(replaced(&name), &how)]);
    program.class_where(&name, "InUse", |class| class["reason"] == "InUse").await;
    s.delete_gateway(&name).await;
    // Somebody's finalizer holds it for a while.
    program.class_where(&name, "Terminating", |class| class["reason"] == "Terminating").await;
    s.is_forgotten(&name).await;
    s.edit(&name, "theirs", &json!({"metadata": {"labels": {"extra": "1"}}})).await;
    s.stays_quiet().await;
    s.edit(&name, "theirs", &hold(Value::Null)).await;
    let is = |class: &Value| class["spec"]["controllerName"] == "example.com/other" && class["metadata"]["uid"] != uid;
    s.class_where(&name, "is created anew", is).await;
    // And when somebody deletes it then, it stays so.
    s.is_remembered(&name).await;
    s.delete(&name).await;
    program.class_is(&name, "Skipped").await;
    s.class_stays(&name, "deleted", Value::is_null).await;
}

#[tokio::test]
async fn a_malformed_annotation_is_told_and_read_as_leave_alone() {
    let (s, program, name) = kept("malformed", &json!({"conflicts": "Force"})).await;
    let annotate = |reconcile: Value, ignore: Value| {
        json!({"metadata": {"annotations": {"classkeeper.dev/reconcile": reconcile, "classkeeper.dev/ignore": ignore},
                            "labels": {"team": "mine"}}, "spec": {"description": null}})
    };
    let is = |class: &Value| class["metadata"]["labels"]["team"] == "mine" && class["spec"]["description"].is_null();
    s.edit(&name, "kubectl-annotate", &annotate(json!("of course"), Value::Null)).await;
    let told = |class: &Value| class["message"].as_str().is_some_and(|message| message.contains("of course"));
    let class = program.class_where(&name, "tells what is wrong", told).await;
    assert_eq!(class["outcome"], "Paused");
    s.class_stays(&name, "left alone", is).await;
    s.edit(&name, "kubectl-annotate", &annotate(Value::Null, json!("spec.description, team"))).await;
    let told = |class: &Value| class["message"].as_str().is_some_and(|message| message.contains("\"team\""));
    let class = program.class_where(&name, "tells what is wrong", told).await;
    assert!(class["units"].as_array().unwrap().iter().all(|unit| unit["action"] == "Ignored"), "{class:#}");
    s.class_stays(&name, "left alone", is).await;
    s.stays_quiet().await;
    s.edit(&name, "kubectl-annotate", &json!({"metadata": {"annotations": {"classkeeper.dev/ignore": null}}})).await;
    let is = |class: &Value| class["metadata"]["labels"]["team"] == "edge" && class["spec"]["description"] == "first";
    s.class_where(&name, "is kept again", is).await;
}
