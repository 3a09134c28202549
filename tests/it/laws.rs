//! The ownership laws of structured-merge-diff, seen through the program. Those of taking by force are in
//! `policies`, of removal and whole references in `yields`, of drift in `keep`, of former managers in `adopting`.

use serde_json::{Value, json};

use crate::scenario::{Scenario, class, default, kept, managers, owned, unit, with, without};

#[tokio::test]
async fn an_update_that_sets_the_equal_value_claims_nothing() {
    let (s, _program, name) = kept("lawequal", &json!({})).await;
    s.edit(&name, "kubectl-edit", &json!({"spec": {"description": "first"}})).await;
    s.mount(&[with(default(&name), "/spec/description", json!("second"))]);
    let class = s.class_where(&name, "follows the file", |class| class["spec"]["description"] == "second").await;
    assert_eq!(managers(&class), [s.manager()]);
    s.stays_quiet().await;
}

#[tokio::test]
async fn an_update_that_changes_our_value_takes_the_unit_off_our_entry() {
    let (s, _program, name) = kept("lawupdate", &json!({})).await;
    let class = s.edit(&name, "kubectl-edit", &json!({"spec": {"description": "mine"}})).await;
    assert_eq!(owned(&class, &s.manager(), "Apply")["f:spec"]["f:description"], Value::Null);
    s.stays_quiet().await;
    // So a default that leaves it out has nothing to remove.
    s.mount(&[with(without(default(&name), "/spec/description"), "/metadata/labels/team", json!("new"))]);
    let class = s.class_where(&name, "has the new label", |class| class["metadata"]["labels"]["team"] == "new").await;
    assert_eq!(class["spec"]["description"], "mine");
    s.stays_quiet().await;
}

#[tokio::test]
async fn a_shared_unit_is_yielded_and_ours_again_when_the_other_applier_drops_it() {
    let (s, program, name) = kept("lawshared", &json!({})).await;
    let theirs = |spec: Value| class(&name, &spec);
    s.apply_as("flux", &theirs(json!({"description": "first"}))).await;
    s.stays_quiet().await;
    // Both want "first"; the file's next wish has to wait for flux.
    s.mount(&[with(default(&name), "/spec/description", json!("second"))]);
    program.class_where(&name, "yields", |class| unit(class, "spec.description")["action"] == "Yielded").await;
    s.class_stays(&name, "as flux has it", |class| class["spec"]["description"] == "first").await;
    s.apply_as("flux", &theirs(json!({}))).await;
    let class = s.class_where(&name, "as the file says", |class| class["spec"]["description"] == "second").await;
    assert_eq!(owned(&class, "flux", "Apply")["f:spec"], json!({"f:controllerName": {}}));
    s.stays_quiet().await;
}

#[tokio::test]
async fn an_applier_that_takes_our_unit_by_force_keeps_it_until_it_drops_it() {
    let (s, program, name) = kept("lawforced", &json!({})).await;
    s.apply_as("flux", &class(&name, &json!({"description": "theirs"}))).await;
    program.class_where(&name, "yields", |class| unit(class, "spec.description")["action"] == "Yielded").await;
    s.class_stays(&name, "flux's", |class| class["spec"]["description"] == "theirs").await;
    s.stays_quiet().await;
    // The server removes what its only applier drops; then the unit is missing and nobody's.
    s.apply_as("flux", &class(&name, &json!({}))).await;
    s.class_where(&name, "as the file says", |class| class["spec"]["description"] == "first").await;
    s.stays_quiet().await;
}

#[tokio::test]
async fn a_unit_that_leaves_the_files_stays_while_an_updater_owns_it_and_is_reported_with_the_owner() {
    let s = Scenario::new("lawdropped").await;
    let (name, manager) = (s.name("a"), s.manager());
    let mut theirs = class(&name, &json!({"description": "first"}));
    theirs["metadata"]["labels"] = json!({"team": "edge"});
    s.create_as("kubectl-create", &theirs).await;
    s.mount(&[default(&name)]);
    let apply = ["apply", s.defaults_arg(), "--field-manager", &manager, "-o", "json"];
    assert_eq!(s.command(&apply).await.status.code(), Some(0));
    let ours = owned(&s.get(&name).await, &manager, "Apply");
    assert!(ours["f:spec"]["f:description"].is_object() && ours["f:metadata"]["f:labels"]["f:team"].is_object());
    let less = without(without(default(&name), "/spec/description"), "/metadata/labels");
    s.mount(&[without(less, "/metadata/annotations")]);
    let applied = s.command(&apply).await;
    let report: Value = serde_json::from_slice(&applied.stdout).unwrap();
    let reported = &report["classes"][0];
    for (name, action) in [
        ("spec.description", "StillOwned"),
        ("metadata.labels['team']", "StillOwned"),
        ("metadata.annotations['example.com/note']", "Removed"),
    ] {
        assert_eq!(unit(reported, name)["action"], action, "{name}");
    }
    let owners = unit(reported, "spec.description")["owners"].as_array().unwrap();
    assert!(owners.iter().any(|owner| owner["manager"] == "kubectl-create" && owner["operation"] == "Update"));
    let class = s.get(&name).await;
    assert_eq!(
        (&class["spec"]["description"], &class["metadata"]["labels"]["team"]),
        (&json!("first"), &json!("edge"))
    );
    assert!(class["metadata"]["annotations"].is_null());
    assert!(owned(&class, &manager, "Apply")["f:spec"]["f:description"].is_null(), "our part of it is given up");
}

#[tokio::test]
async fn a_label_beside_ours_is_nobody_s_business_but_its_owner_s() {
    let (s, _program, name) = kept("lawbeside", &json!({})).await;
    s.edit(&name, "kubectl-label", &json!({"metadata": {"labels": {"extra": "1"}}})).await;
    s.mount(&[without(default(&name), "/metadata/labels")]);
    let is = |class: &Value| class["metadata"]["labels"] == json!({"extra": "1"});
    s.class_where(&name, "without our label, and with the other one", is).await;
    s.class_stays(&name, "so", is).await;
    s.stays_quiet().await;
}

#[tokio::test]
async fn a_forced_request_steals_no_edit_that_came_between() {
    let s = Scenario::new("lawbetween").await;
    let name = s.name("a");
    let enforced = |label: &str| {
        let default = with(default(&name), "/policy", json!({"enforce": ["spec.description"]}));
        with(default, "/metadata/labels/team", json!(label))
    };
    s.mount(&[enforced("edge")]);
    let program = s.run().await;
    s.class_where(&name, "is there", |class| !class.is_null()).await;
    s.stays_quiet().await;
    // While the program is held, a user takes the enforced unit and another one; then the files change, too.
    program.signal("STOP");
    s.edit(&name, "kubectl-edit", &json!({"spec": {"description": "mine"}})).await;
    s.edit(&name, "kubectl-label", &json!({"metadata": {"labels": {"team": "mine"}}})).await;
    s.mount(&[enforced("new")]);
    program.signal("CONT");
    let is = |class: &Value| class["spec"]["description"] == "first" && class["metadata"]["labels"]["team"] == "mine";
    s.class_where(&name, "has the enforced unit back, and that alone", is).await;
    s.class_stays(&name, "so", is).await;
    s.stays_quiet().await;
}
