//! Units that change hands otherwise than by an apply: adoption, and a record of owners that was wiped.

use control_plane::{ControlPlane, Options};
use serde_json::{Value, json};

use crate::scenario::{Scenario, class, default, eventually, managers, owned, policy, unit, with};

const CRD: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gatewayclasses.gateway.networking.k8s.io";

/// A class as a Helm chart makes it: our units with other values, and more.
fn chart(name: &str, helm_s: bool) -> Value {
    let mut chart = class(
        name,
        &json!({"description": "of the chart", "parametersRef": {"group": "example.com", "kind": "Parameters", "name": "chart"}}),
    );
    chart["metadata"]["labels"] = json!({"team": "chart", "app.kubernetes.io/managed-by": "Helm"});
    if helm_s {
        chart["metadata"]["annotations"] =
            json!({"meta.helm.sh/release-name": "edge", "meta.helm.sh/release-namespace": "default"});
    }
    chart
}

/// Whether a class is as its default says, and ours.
fn is_adopted(s: &Scenario, class: &Value) -> bool {
    let spec = &default("")["spec"];
    let ours = owned(class, &s.manager(), "Apply");
    class["spec"] == *spec
        && class["metadata"]["labels"]["team"] == "edge"
        && ours["f:spec"].as_object().is_some_and(|fields| fields.len() == spec.as_object().unwrap().len())
}

#[tokio::test]
async fn what_helm_updated_is_taken_over_and_the_rest_stays_helm_s() {
    let s = Scenario::new("adoptupdate").await;
    let name = s.name("a");
    s.create_as("helm", &chart(&name, true)).await;
    let uid = s.get(&name).await["metadata"]["uid"].clone();
    s.mount(&[policy(default(&name), &json!({"adoptFrom": ["helm"]}))]);
    let program = s.run().await;
    let class = s.class_where(&name, "is adopted", |class| is_adopted(&s, class)).await;
    assert_eq!(class["metadata"]["uid"], uid);
    assert_eq!(class["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
    let helm = owned(&class, "helm", "Update");
    assert_eq!(helm["f:spec"], Value::Null, "nothing of the spec is left to it: {helm:#}");
    assert!(helm["f:metadata"]["f:labels"]["f:team"].is_null(), "nor our label");
    assert!(helm["f:metadata"]["f:labels"]["f:app.kubernetes.io/managed-by"].is_object(), "but its own: {helm:#}");
    assert!(helm["f:metadata"]["f:annotations"]["f:meta.helm.sh/release-name"].is_object());
    assert_eq!(class["metadata"]["labels"]["app.kubernetes.io/managed-by"], "Helm");
    // Helm is told to keep the class no later than the first unit moves.
    let writes = s.proxy.writes();
    let first_patch = writes.iter().position(|write| write.body.is_array()).unwrap();
    assert_eq!(first_patch, 0, "the move comes before any apply: {writes:#?}");
    let operations = writes[0].body.as_array().unwrap();
    assert!(operations.iter().any(|operation| operation["path"] == "/metadata/annotations/helm.sh~1resource-policy"));
    assert_eq!(operations[0]["op"], "replace", "guarded by a replace of resourceVersion: {operations:#?}");
    assert_eq!(operations[0]["path"], "/metadata/resourceVersion");
    s.stays_quiet().await;
    let reported = program.class(&name).await;
    assert_eq!((&reported["outcome"], &reported["lastChange"]["outcome"]), (&json!("Unchanged"), &json!("Adopted")));
    // The annotation stays when the default leaves its policy behind, and a new description reaches the class.
    s.mount(&[with(default(&name), "/spec/description", json!("second"))]);
    let class = s.class_where(&name, "is upgraded", |class| class["spec"]["description"] == "second").await;
    assert_eq!(class["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
    s.stays_quiet().await;
}

#[tokio::test]
async fn helm_is_told_to_keep_a_class_of_which_nothing_is_left_to_take() {
    let s = Scenario::new("adoptnothing").await;
    let name = s.name("a");
    s.create_as("helm", &chart(&name, true)).await;
    s.mount(&[policy(default(&name), &json!({"conflicts": "Force", "createOnly": ["spec.controllerName"]}))]);
    s.command(&["apply", s.defaults_arg(), "--field-manager", &s.manager()]).await;
    assert!(s.get(&name).await["metadata"]["annotations"]["helm.sh/resource-policy"].is_null());
    s.mount(&[policy(default(&name), &json!({"adoptFrom": ["helm"], "createOnly": ["spec.controllerName"]}))]);
    let adopted = s.command(&["apply", s.defaults_arg(), "--field-manager", &s.manager()]).await;
    assert_eq!(adopted.status.code(), Some(0), "{adopted:?}");
    // Helm goes by the release that made the class, not by who owns its fields now.
    assert_eq!(s.get(&name).await["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
    let _program = s.run().await;
    s.stays_quiet().await;
}

#[tokio::test]
async fn what_helm_applied_is_taken_over_and_an_entry_without_leaves_goes() {
    let s = Scenario::new("adoptapply").await;
    let (some, all) = (s.name("some"), s.name("all"));
    s.apply_as("helm", &chart(&some, false)).await;
    s.apply_as("helm", &class(&all, &json!({"description": "of the chart"}))).await;
    let adopting = json!({"adoptFrom": ["helm"]});
    s.mount(&[policy(default(&some), &adopting), policy(default(&all), &adopting)]);
    let _program = s.run().await;
    let class = s.class_where(&some, "is adopted", |class| is_adopted(&s, class)).await;
    let expected = json!({"f:metadata": {"f:labels": {"f:app.kubernetes.io/managed-by": {}}}});
    assert_eq!(owned(&class, "helm", "Apply"), expected);
    assert!(class["metadata"]["annotations"]["helm.sh/resource-policy"].is_null(), "Helm's release doesn't know it");
    let class = s.class_where(&all, "is adopted", |class| is_adopted(&s, class)).await;
    assert_eq!(managers(&class), [s.manager()]);
    s.stays_quiet().await;
}

#[tokio::test]
async fn nothing_is_taken_from_others_beside_the_named_manager() {
    let s = Scenario::new("adoptone").await;
    let name = s.name("a");
    s.create_as("helm", &chart(&name, false)).await;
    s.edit(&name, "kubectl-edit", &json!({"spec": {"description": "mine", "parametersRef": {"name": "mine"}}})).await;
    s.mount(&[policy(default(&name), &json!({"adoptFrom": ["helm"]}))]);
    let program = s.run().await;
    let is = |class: &Value| class["metadata"]["labels"]["team"] == "edge";
    let class = s.class_where(&name, "has our label", is).await;
    assert_eq!(class["spec"]["description"], "mine");
    let theirs = json!({"group": "example.com", "kind": "Parameters", "name": "mine"});
    assert_eq!(class["spec"]["parametersRef"], theirs, "a reference of which a user owns a leaf stays whole");
    let user_s = json!({"f:description": {}, "f:parametersRef": {"f:name": {}}});
    assert_eq!(owned(&class, "kubectl-edit", "Update")["f:spec"], user_s);
    s.class_stays(&name, "so", |class| class["spec"]["parametersRef"] == theirs).await;
    s.stays_quiet().await;
    assert_eq!(unit(&program.class(&name).await, "spec.parametersRef")["action"], "Yielded");
}

#[tokio::test]
async fn a_former_field_manager_of_ours_is_adopted_the_same_way() {
    let s = Scenario::new("former").await;
    let name = s.name("a");
    s.mount(&[default(&name)]);
    let former = ["apply", s.defaults_arg(), "--field-manager", "classkeeper-former"];
    assert_eq!(s.command(&former).await.status.code(), Some(0));
    let changed = with(default(&name), "/spec/description", json!("second"));
    s.mount(&[policy(changed, &json!({"adoptFrom": ["classkeeper-former"]}))]);
    let _program = s.run().await;
    let class = s.class_where(&name, "is changed", |class| class["spec"]["description"] == "second").await;
    assert_eq!(managers(&class), [s.manager()], "nothing leaks: {class:#}");
    s.stays_quiet().await;
}

#[tokio::test]
async fn an_ignored_unit_is_not_taken_over() {
    let s = Scenario::new("adoptignored").await;
    let name = s.name("a");
    let mut chart = chart(&name, false);
    chart["metadata"]["annotations"] = json!({"classkeeper.dev/ignore": "spec.description"});
    s.create_as("helm", &chart).await;
    s.mount(&[policy(default(&name), &json!({"adoptFrom": ["helm"]}))]);
    let _program = s.run().await;
    let class = s.class_where(&name, "has our label", |class| class["metadata"]["labels"]["team"] == "edge").await;
    assert_eq!(class["spec"]["description"], "of the chart");
    let helm_s = owned(&class, "helm", "Update")["f:spec"].clone();
    assert!(helm_s["f:description"].is_object() && helm_s["f:parametersRef"].is_null(), "{helm_s:#}");
    s.stays_quiet().await;
}

#[tokio::test]
async fn after_the_owners_were_wiped_equal_units_are_claimed_and_differing_ones_are_the_unknown_s() {
    let s = Scenario::new("wiped").await;
    let name = s.name("a");
    s.mount(&[default(&name)]);
    let program = s.run().await;
    s.class_where(&name, "is there", |class| !class.is_null()).await;
    // Nobody keeps the class while it is edited and wiped.
    assert!(program.stop("TERM").await.success());
    let edit = json!({"spec": {"description": "mine"}, "metadata": {"labels": {"extra": "1"}}});
    s.edit(&name, "kubectl-edit", &edit).await;
    s.wipe(&name).await;
    assert!(s.get(&name).await["metadata"]["managedFields"].is_null());
    let program = s.run().await;
    let is = |class: &Value| class["metadata"]["managedFields"].is_array();
    let class = s.class_where(&name, "has owners", is).await;
    assert_eq!(managers(&class), [s.manager().as_str(), "unknown"]);
    assert_eq!(owned(&class, "unknown", "Update")["f:spec"], json!({"f:description": {}}));
    let ours = owned(&class, &s.manager(), "Apply");
    assert!(ours["f:spec"]["f:controllerName"].is_object() && ours["f:spec"]["f:description"].is_null(), "{ours:#}");
    assert_eq!(ours["f:metadata"]["f:labels"], json!({"f:team": {}}), "what the file doesn't name is nobody's");
    s.class_stays(&name, "the user's", |class| class["spec"]["description"] == "mine").await;
    s.stays_quiet().await;
    assert_eq!(unit(&program.class(&name).await, "spec.description")["owners"][0]["manager"], "unknown");
    // Upgrades reach what is ours, and the server records again who changes what.
    s.mount(&[with(default(&name), "/metadata/labels/team", json!("new"))]);
    let class = s.class_where(&name, "is upgraded", |class| class["metadata"]["labels"]["team"] == "new").await;
    assert_eq!(class["spec"]["description"], "mine");
    assert!(!managers(&class).contains(&"before-first-apply"), "{class:#}");
    s.edit(&name, "kubectl-label", &json!({"metadata": {"labels": {"team": "mine"}}})).await;
    s.class_stays(&name, "the user's", |class| class["metadata"]["labels"]["team"] == "mine").await;
    s.stays_quiet().await;
}

#[tokio::test]
async fn owners_that_are_wiped_under_a_running_program_are_recorded_anew() {
    let s = Scenario::new("wipedlive").await;
    let name = s.name("a");
    s.mount(&[policy(default(&name), &json!({"conflicts": "Force"}))]);
    let _program = s.run().await;
    s.class_where(&name, "is there", |class| !class.is_null()).await;
    s.wipe(&name).await;
    let is = |class: &Value| !owned_or_null(class, &s.manager()).is_null();
    let class = s.class_where(&name, "is ours again", is).await;
    assert_eq!(managers(&class), [s.manager()]);
    s.stays_quiet().await;
    s.edit(&name, "kubectl-edit", &json!({"spec": {"description": "mine"}})).await;
    s.class_where(&name, "is taken back", |class| class["spec"]["description"] == "first").await;
}

fn owned_or_null(class: &Value, manager: &str) -> Value {
    if class["metadata"]["managedFields"].is_array() { owned(class, manager, "Apply") } else { Value::Null }
}

#[tokio::test]
async fn the_command_adopts_and_tells_what_it_did() {
    let s = Scenario::new("adoptcommand").await;
    let (name, manager) = (s.name("a"), s.manager());
    s.create_as("helm", &chart(&name, true)).await;
    s.mount(&[default(&name), default(&s.name("b"))]);
    let adopt = ["adopt", &name, "--from", "helm", "--defaults", s.defaults_arg(), "--field-manager", &manager];
    let adopted = s.command(&[&adopt[..], &["-o", "json"]].concat()).await;
    assert_eq!(adopted.status.code(), Some(0), "{}", String::from_utf8_lossy(&adopted.stderr));
    let report: Value = serde_json::from_slice(&adopted.stdout).unwrap();
    assert_eq!(report["summary"], json!({"Adopted": 1}), "only the named class: {report:#}");
    let class = s.get(&name).await;
    assert!(is_adopted(&s, &class), "{class:#}");
    assert_eq!(class["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
    assert!(s.get(&s.name("b")).await.is_null(), "the other default isn't applied");
    let writes = s.proxy.writes().len();
    let again = s.command(&adopt).await;
    assert_eq!((again.status.code(), s.proxy.writes().len()), (Some(0), writes), "there is nothing left to adopt");
    // Words that name nothing are mistakes.
    for (class, what) in [(s.name("b"), "no GatewayClass"), ("nonsense".to_owned(), "names no class")] {
        let adopt = ["adopt", &class, "--from", "helm", "--defaults", s.defaults_arg()];
        let adopted = s.command(&adopt).await;
        let words = String::from_utf8_lossy(&adopted.stderr).into_owned();
        assert_eq!(adopted.status.code(), Some(2), "{words}");
        assert!(words.contains(what), "{words}");
    }
}

#[tokio::test]
async fn an_entry_at_a_version_that_is_no_longer_served_is_rewritten_and_its_owner_kept() {
    // The kind is changed, so that this test has a control plane of its own.
    let control_plane = ControlPlane::start(Options::default()).await.unwrap();
    let s = Scenario::on("unserved", control_plane.client().await.unwrap()).await;
    let name = s.name("a");
    s.create_as("theirs", &class(&name, &json!({}))).await;
    let mut old = s.object(CRD).await["spec"]["versions"].as_array().unwrap().last().unwrap().clone();
    old["name"] = json!("v1alpha9");
    old["storage"] = json!(false);
    s.patch_object(CRD, &json!([{"op": "add", "path": "/spec/versions/-", "value": old}])).await.unwrap();
    let at_old = format!("/apis/gateway.networking.k8s.io/v1alpha9/gatewayclasses/{name}?fieldManager=former");
    let edit = json!([{"op": "add", "path": "/spec/description", "value": "mine"}]);
    eventually("the old version is served", || async {
        s.patch_object(&at_old, &edit).await.map_err(|error| error.to_string())
    })
    .await;
    let index = s.object(CRD).await["spec"]["versions"].as_array().unwrap().len() - 1;
    let remove = json!([{"op": "remove", "path": format!("/spec/versions/{index}")}]);
    s.patch_object(CRD, &remove).await.unwrap();
    eventually("the old version is gone", || async {
        match s.patch_object(&at_old, &edit).await {
            Ok(class) => Err(class.to_string()),
            Err(_) => Ok(()),
        }
    })
    .await;
    s.mount(&[default(&name)]);
    let _program = s.run().await;
    let class = s.class_where(&name, "has our label", |class| class["metadata"]["labels"]["team"] == "edge").await;
    assert_eq!(class["spec"]["description"], "mine");
    assert!(owned(&class, "former", "Update")["f:spec"]["f:description"].is_object(), "{class:#}");
    let entries = class["metadata"]["managedFields"].as_array().unwrap();
    assert!(entries.iter().all(|entry| entry["apiVersion"] == "gateway.networking.k8s.io/v1"), "{entries:#?}");
    s.stays_quiet().await;
    control_plane.stop().await.unwrap();
}
