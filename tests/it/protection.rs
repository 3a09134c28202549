//! `protect: true`: the class outlives its deletion while Gateways use it, and nothing else is ever held up by that.

use control_plane::{ControlPlane, Options, User};
use serde_json::{Value, json};

use crate::program::Program;
use crate::scenario::{Scenario, default, eventually, with};

const OURS: &str = "classkeeper.dev/in-use";
const THEIRS: &str = "gateway-exists-finalizer.gateway.networking.k8s.io";
const CRD: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gatewayclasses.gateway.networking.k8s.io";

fn protected(name: &str) -> Value {
    with(default(name), "/policy", json!({"protect": true}))
}

fn has(class: &Value, finalizer: &str) -> bool {
    class["metadata"]["finalizers"].as_array().is_some_and(|list| list.iter().any(|name| name == finalizer))
}

fn is_held(class: &Value) -> bool {
    has(class, OURS)
}

fn is_free(class: &Value) -> bool {
    !class.is_null() && !is_held(class)
}

/// A class that a Gateway uses and that is therefore held.
async fn held(prefix: &'static str) -> (Scenario, Program, String) {
    let s = Scenario::new(prefix).await;
    let name = s.name("a");
    s.mount(&[protected(&name)]);
    let program = s.run_with(&["--removal-delay", "0s"]).await;
    s.class_where(&name, "is marked", |class| class["metadata"]["annotations"]["classkeeper.dev/protected"] == "true")
        .await;
    s.create_gateway(&name).await;
    s.class_where(&name, "is held", is_held).await;
    (s, program, name)
}

#[tokio::test]
async fn a_class_in_use_outlives_its_deletion_until_the_last_gateway_goes() {
    let (s, _program, name) = held("protect").await;
    s.stays_quiet().await;
    let uid = s.get(&name).await["metadata"]["uid"].clone();
    s.delete(&name).await;
    let is_terminating =
        |class: &Value| class["metadata"]["uid"] == uid && class["metadata"]["deletionTimestamp"].is_string();
    s.class_stays(&name, "there, being deleted", is_terminating).await;
    s.delete_gateway(&name).await;
    // Gone, and created again, as the default says; nobody uses it now.
    s.class_where(&name, "is another one", |class| !class.is_null() && class["metadata"]["uid"] != uid).await;
    s.class_stays(&name, "free", is_free).await;
}

#[tokio::test]
async fn a_class_that_nobody_uses_is_not_held() {
    let s = Scenario::new("protectfree").await;
    let name = s.name("a");
    s.mount(&[protected(&name)]);
    let _program = s.run().await;
    s.class_where(&name, "is there", |class| !class.is_null()).await;
    s.class_stays(&name, "free", is_free).await;
    s.create_gateway(&name).await;
    s.class_where(&name, "is held", is_held).await;
    s.delete_gateway(&name).await;
    s.class_where(&name, "is free", is_free).await;
    s.stays_quiet().await;
}

#[tokio::test]
async fn a_finalizer_that_a_merge_patch_drops_is_put_back_and_the_implementation_s_stays() {
    let (s, program, name) = held("protectback").await;
    // As Envoy Gateway writes it: the list as a whole.
    s.edit(&name, "implementation", &json!({"metadata": {"finalizers": [THEIRS]}})).await;
    s.class_where(&name, "is held by both", |class| is_held(class) && has(class, THEIRS)).await;
    eventually("it counts as drift", || async {
        let repaired = program.metric("classkeeper_drift_repaired_total").await;
        if repaired > 0.5 { Ok(()) } else { Err(repaired) }
    })
    .await;
    s.delete_gateway(&name).await;
    let class = s.class_where(&name, "is free of ours", is_free).await;
    assert_eq!(class["metadata"]["finalizers"], json!([THEIRS]), "the implementation's is none of ours");
    s.edit(&name, "implementation", &json!({"metadata": {"finalizers": null}})).await;
}

#[tokio::test]
async fn the_finalizer_goes_with_the_policy() {
    let (s, _program, name) = held("protectpolicy").await;
    s.mount(&[default(&name)]);
    let class = s.class_where(&name, "is free", is_free).await;
    assert!(class["metadata"]["annotations"]["example.com/note"].is_string());
    s.class_where(&name, "is marked no more", |class| {
        class["metadata"]["annotations"]["classkeeper.dev/protected"].is_null()
    })
    .await;
    s.mount(&[protected(&name)]);
    s.class_where(&name, "is held again", is_held).await;
    // With its default, too.
    s.mount(&[default(&s.name("other"))]);
    let class = s.class_where(&name, "is free", is_free).await;
    assert!(class["metadata"]["deletionTimestamp"].is_null());
}

#[tokio::test]
async fn a_paused_class_and_one_that_is_only_observed_are_let_go_all_the_same() {
    for (prefix, pause) in [("protectpaused", true), ("protectobserved", false)] {
        let (s, _program, name) = held(prefix).await;
        if pause {
            let pause = json!({"metadata": {"annotations": {"classkeeper.dev/reconcile": "disabled"}}});
            s.edit(&name, "user", &pause).await;
        } else {
            s.mount(&[with(default(&name), "/policy", json!({"protect": true, "mode": "Observe"}))]);
        }
        s.class_stays(&name, "held", is_held).await;
        s.delete_gateway(&name).await;
        s.class_where(&name, "is free", is_free).await;
    }
}

#[tokio::test]
async fn a_load_that_was_never_good_holds_nothing_up() {
    let (s, program, name) = held("protectrejected").await;
    assert!(program.stop("TERM").await.success());
    s.mount_text("kind: nothing of ours\n");
    let program = Program::start(&s.kubeconfig, &s.defaults, &s.manager(), &[]);
    eventually("the files are refused", || async {
        let state = program.status().await["config"]["state"].clone();
        if state == "Rejected" { Ok(()) } else { Err(state) }
    })
    .await;
    s.class_stays(&name, "held: its default may be among what was refused", is_held).await;
    s.delete_gateway(&name).await;
    s.class_where(&name, "is free", is_free).await;
    assert_eq!(s.get(&name).await["spec"]["description"], "first", "all else is left alone");
}

#[tokio::test]
async fn a_fight_holds_no_finalizer_up() {
    let (s, program, name) = held("protectfight").await;
    s.mount(&[with(default(&name), "/policy", json!({"protect": true, "enforce": ["spec.description"]}))]);
    eventually("it is a fight", || async {
        let class = program.class(&name).await;
        if class["outcome"] == "Fighting" {
            return Ok(());
        }
        s.edit(&name, "rival", &json!({"spec": {"description": "mine"}})).await;
        Err(class["outcome"].clone())
    })
    .await;
    s.delete_gateway(&name).await;
    s.class_where(&name, "is free", is_free).await;
    assert_eq!(program.class(&name).await["outcome"], "Fighting");
}

#[tokio::test]
async fn release_takes_the_finalizer_off() {
    let (s, program, name) = held("protectrelease").await;
    assert!(program.stop("TERM").await.success());
    let released = s.command(&["release", "--all", "--field-manager", &s.manager()]).await;
    assert!(released.status.success(), "{released:?}");
    let class = s.get(&name).await;
    assert!(is_free(&class) && class["metadata"]["finalizers"].is_null(), "{class:#}");
    let entries = class["metadata"]["managedFields"].to_string();
    assert!(!entries.contains(&format!("\"{}\"", s.manager())), "{entries}");
}

#[tokio::test]
async fn the_removal_of_the_kind_is_not_held_up() {
    let control_plane = ControlPlane::start(Options::default()).await.unwrap();
    let s = Scenario::on("protectkind", control_plane.client().await.unwrap()).await;
    let name = s.name("a");
    s.mount(&[protected(&name)]);
    let program = s.run().await;
    s.class_where(&name, "is there", |class| !class.is_null()).await;
    s.create_gateway(&name).await;
    s.class_where(&name, "is held", is_held).await;
    s.delete_object(CRD).await;
    eventually("the CRD is gone", || async {
        let crd = s.object(CRD).await;
        if crd.is_null() { Ok(()) } else { Err(crd["metadata"].clone()) }
    })
    .await;
    let reason = |class: &Value| class["outcome"] == "Blocked" && class["reason"] == "CRDMissing";
    program.class_where(&name, "waits for the kind", reason).await;
    // It returns, and so does the class, held as before: its Gateway is still there.
    control_plane.install_crds(control_plane::GATEWAY_API_VERSION).await.unwrap();
    s.class_where(&name, "is held", is_held).await;
    s.stays_quiet().await;
}

/// Another installation beside ours: the same files, another field manager.
#[tokio::test]
async fn two_installations_leave_each_other_s_finalizer_alone() {
    let (s, program, name) = held("protecttwo").await;
    let observing = tempfile::tempdir().unwrap();
    let observe = with(default(&name), "/policy", json!({"mode": "Observe"}));
    std::fs::write(observing.path().join("a.json"), observe.to_string()).unwrap();
    let other = Program::start(&s.kubeconfig, observing.path(), "classkeeper-protecttwo-b", &[]);
    other.class_is(&name, "Observed").await;
    s.stays_quiet().await;
    assert!(is_held(&s.get(&name).await));
    assert!(program.metric("classkeeper_drift_repaired_total").await < 0.5);
}

/// A right of the user, one verb on one resource, for all classes and Gateways or CRDs.
async fn grant(s: &Scenario, role: &str, user: &str, rules: &[(&str, &str, &[&str])]) {
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let rule = |(group, resource, verbs): &(&str, &str, &[&str])| json!({"apiGroups": [group], "resources": [resource], "verbs": verbs});
    let role_object = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": role},
        "rules": rules.iter().map(rule).collect::<Vec<_>>()});
    s.create(&format!("{rbac}/clusterroles"), &role_object).await;
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": role},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}]});
    s.create(&format!("{rbac}/clusterrolebindings"), &binding).await;
}

#[tokio::test]
async fn without_the_right_to_watch_it_comes_off_all_the_same_if_later() {
    let user = "keeper";
    let users = vec![User { name: user.to_owned(), token: "keeper-token".to_owned(), groups: vec![] }];
    let control_plane = ControlPlane::start(Options { users, ..Options::default() }).await.unwrap();
    let s = Scenario::on("protectrights", control_plane.client().await.unwrap()).await;
    let (group, name) = ("gateway.networking.k8s.io", s.name("a"));
    let rules: [(&str, &str, &[&str]); 3] = [
        (group, "gatewayclasses", &["get", "list", "watch", "create", "patch"]),
        (group, "gateways", &["list"]),
        ("apiextensions.k8s.io", "customresourcedefinitions", &["list"]),
    ];
    grant(&s, "some", user, &rules).await;
    let (_, kubeconfig) = s.another_way(control_plane.client_as(user).await.unwrap()).await;
    s.mount(&[protected(&name)]);
    let program = Program::start(&kubeconfig, &s.defaults, &s.manager(), &[]);
    s.create_gateway(&name).await;
    s.class_where(&name, "is held", is_held).await;
    s.delete_gateway(&name).await;
    s.class_where(&name, "is free", is_free).await;
    s.create_gateway(&name).await;
    s.class_where(&name, "is held again", is_held).await;
    // Nor does the kind hang on it.
    s.delete_object(CRD).await;
    eventually("the CRD is gone", || async {
        let crd = s.object(CRD).await;
        if crd.is_null() { Ok(()) } else { Err(crd["metadata"].clone()) }
    })
    .await;
    assert_eq!(program.get("/livez").await.0, 200);
}

#[tokio::test]
async fn a_finalizer_that_is_refused_holds_up_nothing_else() {
    let s = Scenario::new("protectrefused").await;
    let name = s.name("a");
    let admission = "/apis/admissionregistration.k8s.io/v1";
    let rule = json!({"apiGroups": ["gateway.networking.k8s.io"], "apiVersions": ["*"], "resources": ["gatewayclasses"],
        "operations": ["UPDATE"], "resourceNames": [name]});
    let policy = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name}, "spec": {"failurePolicy": "Fail", "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": "!has(object.metadata.finalizers)", "message": "no finalizers here"}]}});
    s.create(&format!("{admission}/validatingadmissionpolicies"), &policy).await;
    let binding = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name}, "spec": {"policyName": name, "validationActions": ["Deny"]}});
    s.create(&format!("{admission}/validatingadmissionpolicybindings"), &binding).await;
    s.mount(&[protected(&name)]);
    let program = s.run().await;
    s.class_where(&name, "is there", |class| !class.is_null()).await;
    eventually("the policy is in force", || async {
        let finalizers = json!({"metadata": {"finalizers": ["example.com/a"]}});
        match s.try_edit(&name, &finalizers).await {
            Err(error) if error.to_string().contains("no finalizers here") => Ok(()),
            other => {
                s.edit(&name, "a-user", &json!({"metadata": {"finalizers": null}})).await;
                Err(format!("{other:?}"))
            }
        }
    })
    .await;
    s.create_gateway(&name).await;
    let is_told =
        |class: &Value| class["message"].as_str().is_some_and(|message| message.contains("no finalizers here"));
    program.class_where(&name, "the refusal is told", is_told).await;
    s.edit(&name, "a-user", &json!({"metadata": {"labels": {"team": null}}})).await;
    s.class_where(&name, "is repaired", |class| class["metadata"]["labels"]["team"] == "edge").await;
    // It is tried again, and ever more seldom.
    s.delete_object(&format!("{admission}/validatingadmissionpolicybindings/{name}")).await;
    s.class_where(&name, "is held", is_held).await;
    s.delete_object(&format!("{admission}/validatingadmissionpolicies/{name}")).await;
}
