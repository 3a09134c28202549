//! Templates: namespaces that appear, change and go, and what of it becomes of their classes. Contract 1.3 and 2.2.

use serde_json::{Value, json};

use crate::program::Program;
use crate::scenario::{Scenario, default, eventually, path_str};

const AT_ONCE: [&str; 2] = ["--removal-delay", "0s"];

/// A template of one class for each namespace that is labelled for a test.
fn template(s: &Scenario) -> Value {
    json!({
        "apiVersion": "classkeeper.dev/v1alpha1", "kind": "GatewayClassTemplate", "metadata": {"name": "per-team"},
        "forEach": {"namespaces": {"selector": {"matchLabels": {s.name("tenant"): "true"}}}},
        "template": {
            "metadata": {"name": "${namespace.name}-edge", "labels": {"team": "${namespace.labels['team']}"}},
            "spec": {
                "controllerName": "example.com/controller",
                "description": "Edge of ${namespace.annotations['title']}",
                "parametersRef": {"group": "example.com", "kind": "Parameters", "name": "edge", "namespace": "${namespace.name}"},
            },
        },
        "policy": {"onRemove": "Delete"},
    })
}

/// Somebody makes a namespace of this test, labelled for it.
async fn create(s: &Scenario, suffix: &str, title: &str) -> String {
    let name = s.name(suffix);
    let labels = json!({s.name("tenant"): "true", "team": suffix});
    let metadata = json!({"name": name, "labels": labels, "annotations": {"title": title, "other": "x"}});
    s.create("/api/v1/namespaces", &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})).await;
    name
}

async fn patch(s: &Scenario, namespace: &str, operations: Value) {
    s.patch_object(&format!("/api/v1/namespaces/{namespace}"), &operations).await.unwrap();
}

async fn retitle(s: &Scenario, namespace: &str, title: &str) {
    patch(s, namespace, json!([{"op": "add", "path": "/metadata/annotations/title", "value": title}])).await;
}

fn describes(class: &Value, title: &str) -> bool {
    class["spec"]["description"] == format!("Edge of {title}")
}

/// What `/status` says of single namespaces: namespace, code, message.
async fn findings(program: &Program) -> Vec<(String, String, String)> {
    let status = program.status().await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let found = status["config"]["templates"]["findings"].as_array().unwrap().iter();
    found.map(|found| (text(&found["namespace"]), text(&found["code"]), text(&found["message"]))).collect()
}

async fn findings_are(program: &Program, expected: &[(&str, &str)]) {
    eventually(&format!("the findings are {expected:?}"), || async {
        let found = findings(program).await;
        let short: Vec<_> = found.iter().map(|(namespace, code, _)| (&**namespace, &**code)).collect();
        if short == expected { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}

#[tokio::test]
async fn each_namespace_that_matches_has_a_class_that_comes_changes_and_goes_with_it() {
    let s = Scenario::new("teams").await;
    let a = create(&s, "a", "A").await;
    s.mount(&[template(&s), default(&s.name("plain"))]);
    let program = s.run_with(&AT_ONCE).await;
    let class = s.class_where(&format!("{a}-edge"), "is there", |class| !class.is_null()).await;
    assert_eq!(class["metadata"]["labels"], json!({"team": "a"}));
    assert_eq!(class["spec"]["parametersRef"]["namespace"], a);
    assert!(describes(&class, "A"), "{class:#}");
    // A namespace appears, and one that doesn't match.
    let b = create(&s, "b", "B").await;
    s.create(
        "/api/v1/namespaces",
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": s.name("c")}}),
    )
    .await;
    s.class_where(&format!("{b}-edge"), "is there", |class| describes(class, "B")).await;
    assert!(s.get(&format!("{}-edge", s.name("c"))).await.is_null());
    // What the class says changes, and what it doesn't say is nothing to it.
    retitle(&s, &a, "Z").await;
    s.class_where(&format!("{a}-edge"), "says so", |class| describes(class, "Z")).await;
    patch(&s, &a, json!([{"op": "add", "path": "/metadata/annotations/other", "value": "y"}])).await;
    s.stays_quiet().await;
    let status = program.status().await;
    assert_eq!(status["config"]["templates"]["classes"], 2, "{status:#}");
    assert_eq!(status["config"]["templates"]["complete"], true);
    assert_eq!(program.class(&format!("{a}-edge")).await["source"], "00.yaml:1");
    // It stops matching.
    let label = format!("/metadata/labels/{}", s.name("tenant"));
    patch(&s, &b, json!([{"op": "remove", "path": label}])).await;
    s.class_where(&format!("{b}-edge"), "is gone", Value::is_null).await;
    // It is deleted: what is in it may be used until it is gone.
    s.delete_object(&format!("/api/v1/namespaces/{a}")).await;
    s.class_stays(&format!("{a}-edge"), "there", |class| !class.is_null()).await;
    s.finalize_namespace(&a).await;
    s.class_where(&format!("{a}-edge"), "is gone", Value::is_null).await;
    assert!(!s.get(&s.name("plain")).await.is_null());
}

#[tokio::test]
async fn what_is_wrong_with_one_namespace_is_its_own_and_leaves_its_class_as_it_was() {
    let s = Scenario::new("teamsinvalid").await;
    let (a, b) = (create(&s, "a", "A").await, create(&s, "b", &"x".repeat(64)).await);
    s.mount(&[template(&s)]);
    let program = s.run_with(&AT_ONCE).await;
    s.class_where(&format!("{a}-edge"), "is there", |class| !class.is_null()).await;
    findings_are(&program, &[(&b, "invalid-value")]).await;
    assert_eq!(findings(&program).await[0].2, "spec.description has 72 characters; at most 64 are allowed");
    assert!(s.get(&format!("{b}-edge")).await.is_null());
    retitle(&s, &b, "B").await;
    s.class_where(&format!("{b}-edge"), "is there", |class| describes(class, "B")).await;
    findings_are(&program, &[]).await;
    // What was good stays, and is repaired.
    patch(&s, &b, json!([{"op": "remove", "path": "/metadata/annotations/title"}])).await;
    findings_are(&program, &[(&b, "failed-expression")]).await;
    let logged = program.logged("there is no key title");
    assert_eq!(logged.len(), 1, "{logged:#?}");
    let column = template(&s).to_string().find("namespace.annotations").unwrap() + 1;
    let place = format!("00.yaml:1:{column}");
    assert_eq!((&logged[0]["namespace"], &logged[0]["place"]), (&json!(b), &json!(place)), "{logged:#?}");
    let edge = format!("{b}-edge");
    s.edit(&edge, "somebody", &json!({"metadata": {"labels": {"team": null}}})).await;
    let repaired = |class: &Value| class["metadata"]["labels"]["team"] == "b" && describes(class, "B");
    s.class_where(&edge, "is repaired", repaired).await;
    // Also by the next program, which doesn't know what was good: the class isn't removed for that.
    drop(program);
    let program = s.run_with(&AT_ONCE).await;
    findings_are(&program, &[(&b, "failed-expression")]).await;
    s.class_stays(&edge, "there, and ours", |class| {
        class["metadata"]["managedFields"].to_string().contains(&s.manager())
    })
    .await;
    // Until the namespace doesn't match any more.
    let label = format!("/metadata/labels/{}", s.name("tenant"));
    patch(&s, &b, json!([{"op": "remove", "path": label}])).await;
    s.class_where(&edge, "is gone", Value::is_null).await;
    findings_are(&program, &[]).await;
}

#[tokio::test]
async fn a_class_of_the_files_comes_before_one_of_a_template() {
    let s = Scenario::new("teamsfile").await;
    let a = create(&s, "a", "A").await;
    let edge = format!("{a}-edge");
    s.mount(&[template(&s), default(&edge)]);
    let program = s.run_with(&AT_ONCE).await;
    s.class_where(&edge, "is that of the file", |class| class["spec"]["description"] == "first").await;
    findings_are(&program, &[(&a, "duplicate-class")]).await;
    s.mount(&[template(&s)]);
    s.class_where(&edge, "is that of the template", |class| describes(class, "A")).await;
    findings_are(&program, &[]).await;
    // A template that goes takes its classes along.
    s.mount(&[default(&s.name("plain"))]);
    s.class_where(&edge, "is gone", Value::is_null).await;
}

#[tokio::test]
async fn commands_fill_in_templates_for_the_namespaces_that_there_are() {
    let s = Scenario::new("teamscommands").await;
    let (a, b) = (create(&s, "a", "A").await, create(&s, "b", "B").await);
    s.mount(&[template(&s)]);
    let files = path_str(&s.defaults).to_owned();
    let run = async |args: &[&str]| {
        let manager = s.manager();
        let output = s.command(&[args, &[&files, "--field-manager", &manager]].concat()).await;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, out, _) = run(&["diff"]).await;
    assert_eq!((code, out.contains(&format!("{a}-edge  would be Created"))), (Some(1), true), "{out}");
    assert_eq!(run(&["apply"]).await.0, Some(0));
    assert!(describes(&s.get(&format!("{b}-edge")).await, "B"));
    assert_eq!(run(&["diff"]).await.0, Some(0));
    // With one namespace that has no valid class, the rest is done; and with --prune its class isn't removed.
    retitle(&s, &a, "new").await;
    patch(&s, &b, json!([{"op": "remove", "path": "/metadata/annotations/title"}])).await;
    let (code, _, said) = run(&["apply", "--prune"]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains(&format!("of the namespace {b}:\nerror[failed-expression]: there is no key title")),
        "{said}"
    );
    assert!(describes(&s.get(&format!("{a}-edge")).await, "new"));
    assert!(describes(&s.get(&format!("{b}-edge")).await, "B"));
}
