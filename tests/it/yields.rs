//! What users own stays theirs, consistently, while everything else follows the files.

use serde_json::{Value, json};

use crate::scenario::{Scenario, default, eventually, kept, with, without};

#[tokio::test]
async fn a_user_s_label_stays() {
    let (s, _program, name) = kept("label", &json!({})).await;
    s.edit(&name, "kubectl-label", &json!({"metadata": {"labels": {"team": "mine", "extra": "1"}}})).await;
    let theirs = json!({"team": "mine", "extra": "1"});
    s.class_stays(&name, "the user's", |class| class["metadata"]["labels"] == theirs).await;
    // An upgrade of the default reaches the rest of the class, and the user's units still stay.
    let upgraded =
        with(with(default(&name), "/metadata/labels/team", json!("ours")), "/spec/description", json!("second"));
    s.mount(&[upgraded]);
    let both = |class: &Value| class["metadata"]["labels"] == theirs && class["spec"]["description"] == "second";
    s.class_where(&name, "upgraded beside the user's labels", both).await;
    s.class_stays(&name, "both", both).await;
}

#[tokio::test]
async fn a_user_s_description_stays() {
    let (s, program, name) = kept("description", &json!({})).await;
    s.edit(&name, "kubectl-edit", &json!({"spec": {"description": "mine"}})).await;
    s.class_stays(&name, "the user's", |class| class["spec"]["description"] == "mine").await;
    s.stays_quiet().await;
    let class = program.class(&name).await;
    let unit =
        class["units"].as_array().unwrap().iter().find(|unit| unit["unit"] == "spec.description").unwrap().clone();
    assert_eq!((&unit["action"], &unit["wanted"], &unit["live"]), (&json!("Yielded"), &json!("first"), &json!("mine")));
    assert_eq!(
        (&unit["owners"][0]["manager"], &unit["owners"][0]["operation"]),
        (&json!("kubectl-edit"), &json!("Update"))
    );
    assert!((program.metric("classkeeper_units_yielded").await - 1.0).abs() < f64::EPSILON);
    // Once the user gives it up, it is ours again.
    s.edit(&name, "kubectl-edit", &json!({"spec": {"description": null}})).await;
    s.class_where(&name, "as the file says", |class| class["spec"]["description"] == "first").await;
}

#[tokio::test]
async fn a_reference_of_which_a_user_changed_one_leaf_stays_whole() {
    let (s, _program, name) = kept("leaf", &json!({})).await;
    s.edit(&name, "kubectl-edit", &json!({"spec": {"parametersRef": {"name": "mine"}}})).await;
    let theirs = with(default(""), "/spec/parametersRef/name", json!("mine"))["spec"]["parametersRef"].clone();
    s.class_stays(&name, "the user's", |class| class["spec"]["parametersRef"] == theirs).await;
    // Neither a new reference in the files nor one that is gone from them makes a mixture of two owners' values.
    let new = json!({"group": "other.example.com", "kind": "Other", "name": "new"});
    let upgraded = with(with(default(&name), "/spec/parametersRef", new), "/spec/description", json!("second"));
    s.mount(std::slice::from_ref(&upgraded));
    let second = |class: &Value| class["spec"]["description"] == "second" && class["spec"]["parametersRef"] == theirs;
    s.class_where(&name, "upgraded beside the user's reference", second).await;
    s.mount(&[with(without(upgraded, "/spec/parametersRef"), "/spec/description", json!("third"))]);
    let third = |class: &Value| class["spec"]["description"] == "third" && class["spec"]["parametersRef"] == theirs;
    s.class_where(&name, "upgraded beside the user's reference", third).await;
    s.class_stays(&name, "the user's", third).await;
    s.stays_quiet().await;
}

#[tokio::test]
async fn another_applier_s_value_stays_and_an_equal_one_is_shared() {
    let s = Scenario::new("applier").await;
    let name = s.name("a");
    let theirs = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
        "metadata": {"name": name, "labels": {"team": "edge"}},
        "spec": {"controllerName": "example.com/controller", "description": "theirs"}});
    s.apply_as("flux", &theirs).await;
    s.mount(&[default(&name)]);
    let _program = s.run().await;
    let class = s.class_where(&name, "has our reference", |class| class["spec"]["parametersRef"].is_object()).await;
    assert_eq!(class["spec"]["description"], "theirs");
    let of = |manager: &str| {
        let entries = class["metadata"]["managedFields"].as_array().unwrap();
        entries.iter().find(|entry| entry["manager"] == manager).unwrap()["fieldsV1"].clone()
    };
    let (ours, flux) = (of(&s.manager()), of("flux"));
    assert!(ours["f:spec"]["f:controllerName"].is_object() && flux["f:spec"]["f:controllerName"].is_object(), "shared");
    assert!(ours["f:spec"]["f:description"].is_null() && flux["f:spec"]["f:description"].is_object(), "yielded");
    s.stays_quiet().await;
}

#[tokio::test]
async fn an_edit_that_comes_as_a_surprise_is_respected() {
    let (s, program, name) = kept("surprise", &json!({})).await;
    // The program is held while the user edits and the files change: its watch cache is old when it plans.
    program.signal("STOP");
    s.edit(&name, "kubectl-edit", &json!({"spec": {"description": "mine"}})).await;
    let upgraded =
        with(with(default(&name), "/spec/description", json!("second")), "/metadata/labels/team", json!("new"));
    s.mount(&[upgraded]);
    program.signal("CONT");
    let both = |class: &Value| class["metadata"]["labels"]["team"] == "new" && class["spec"]["description"] == "mine";
    s.class_where(&name, "upgraded beside the user's description", both).await;
    s.class_stays(&name, "both", both).await;
    s.stays_quiet().await;
}

#[tokio::test]
async fn a_unit_that_leaves_the_file_is_removed_unless_somebody_else_owns_it() {
    let (s, _program, name) = kept("leaves", &json!({})).await;
    let shared = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
        "metadata": {"name": name, "annotations": {"example.com/note": "a"}},
        "spec": {"controllerName": "example.com/controller"}});
    s.apply_as("flux", &shared).await;
    let less = without(without(default(&name), "/metadata/annotations"), "/spec/description");
    s.mount(&[less]);
    let class = s.class_where(&name, "has no description", |class| class["spec"]["description"].is_null()).await;
    assert_eq!(class["metadata"]["annotations"]["example.com/note"], "a", "flux owns it too");
    s.stays_quiet().await;
}

#[tokio::test]
async fn a_paused_class_and_an_ignored_unit_are_left_alone() {
    let (s, program, name) = kept("paused", &json!({})).await;
    let pause =
        json!({"metadata": {"annotations": {"classkeeper.dev/reconcile": "disabled"}, "labels": {"team": null}}});
    s.edit(&name, "kubectl-annotate", &pause).await;
    s.class_stays(&name, "without the label", |class| class["metadata"]["labels"].is_null()).await;
    program.class_is(&name, "Paused").await;
    let ignore = json!({"metadata": {"annotations": {
        "classkeeper.dev/reconcile": null, "classkeeper.dev/ignore": "metadata.labels['team']"}},
        "spec": {"description": null}});
    s.edit(&name, "kubectl-annotate", &ignore).await;
    let is = |class: &Value| class["spec"]["description"] == "first" && class["metadata"]["labels"].is_null();
    s.class_where(&name, "repaired but for the ignored unit", is).await;
    s.class_stays(&name, "so", is).await;
}

#[tokio::test]
async fn conflicts_fail_writes_nothing_to_the_class() {
    let s = Scenario::new("fail").await;
    let name = s.name("a");
    let fail = |description: &str, label: &str| {
        let default = with(default(&name), "/policy", json!({"conflicts": "Fail"}));
        with(with(default, "/spec/description", json!(description)), "/metadata/labels/team", json!(label))
    };
    s.mount(&[fail("first", "edge")]);
    let program = s.run().await;
    s.class_where(&name, "is there", |class| !class.is_null()).await;
    s.edit(&name, "kubectl-edit", &json!({"spec": {"description": "mine"}})).await;
    s.mount(&[fail("second", "new")]);
    eventually("it is reported", || async {
        let class = program.class(&name).await;
        if class["outcome"] == "Conflict" { Ok(()) } else { Err(class) }
    })
    .await;
    let untouched =
        |class: &Value| class["metadata"]["labels"]["team"] == "edge" && class["spec"]["description"] == "mine";
    s.class_stays(&name, "untouched", untouched).await;
}

#[tokio::test]
async fn an_enforced_unit_is_taken_back_and_only_that() {
    let s = Scenario::new("enforce").await;
    let name = s.name("a");
    s.mount(&[with(default(&name), "/policy", json!({"enforce": ["spec.description"]}))]);
    let _program = s.run().await;
    s.class_where(&name, "is there", |class| !class.is_null()).await;
    let edit = json!({"spec": {"description": "mine"}, "metadata": {"labels": {"team": "mine"}}});
    s.edit(&name, "kubectl-edit", &edit).await;
    let is = |class: &Value| class["spec"]["description"] == "first" && class["metadata"]["labels"]["team"] == "mine";
    s.class_where(&name, "has the description back", is).await;
    s.class_stays(&name, "so", is).await;
    let forced = s.proxy.writes().into_iter().filter(|write| write.query.contains("force=true")).collect::<Vec<_>>();
    assert_eq!(forced.len(), 1);
    let metadata = &forced[0].body["metadata"];
    assert!(metadata["resourceVersion"].is_string() && metadata["uid"].is_string(), "guarded: {metadata}");
    assert!(metadata["labels"]["team"].is_null(), "the user's label isn't in a forced body: {metadata}");
}
