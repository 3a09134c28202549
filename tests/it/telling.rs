//! Events: one for a change, none for a pass.

use serde_json::{Value, json};

use crate::program::Program;
use crate::scenario::{Scenario, default, eventually, with};

/// The Events about an object, oldest first, as `reason`, `count` and note.
pub async fn events(s: &Scenario, namespace: &str, name: &str) -> Vec<(String, i64, String)> {
    let list = s.object(&format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events")).await;
    let mut events: Vec<Value> = list["items"].as_array().unwrap().clone();
    events.retain(|event| event["regarding"]["name"] == name);
    events.sort_by_key(|event| event["eventTime"].to_string());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    events
        .iter()
        .map(|event| (text(&event["reason"]), event["series"]["count"].as_i64().unwrap_or(1), text(&event["note"])))
        .collect()
}

/// Waits until these are the Events about a class.
pub async fn told(s: &Scenario, namespace: &str, name: &str, expected: &[(&str, i64)]) -> Vec<String> {
    let expected: Vec<_> = expected.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect();
    eventually(&format!("Events of {name}"), || async {
        let events = events(s, namespace, name).await;
        let found: Vec<_> = events.iter().map(|(reason, count, _)| (reason.clone(), *count)).collect();
        if found == expected {
            Ok(events.into_iter().map(|(_, _, note)| note).collect())
        } else {
            Err(format!("{events:?}"))
        }
    })
    .await
}

#[tokio::test]
async fn each_change_of_a_class_is_told_once() {
    let s = Scenario::new("told").await;
    let name = s.name("a");
    s.mount(&[default(&name)]);
    let program = s.run_with(&["--removal-delay", "0s"]).await;
    let notes = told(&s, "default", &name, &[("Created", 1)]).await;
    assert_eq!(notes, ["as 00.yaml:1 says"]);
    s.edit(&name, "a-user", &json!({"spec": {"description": "mine"}})).await;
    let notes = told(&s, "default", &name, &[("Created", 1), ("FieldsYielded", 1)]).await;
    assert_eq!(notes[1], "left to their owners: spec.description (a-user)");
    s.mount(&[with(default(&name), "/metadata/labels/team", json!("core"))]);
    let so_far = [("Created", 1), ("FieldsYielded", 1), ("Configured", 1)];
    let notes = told(&s, "default", &name, &so_far).await;
    assert_eq!(notes[2], "set metadata.labels['team'], as 00.yaml:1 says", "the unit, and not its value");
    // The same twice is one Event that counts.
    for count in 1..=2 {
        s.edit(&name, "a-user", &json!({"metadata": {"labels": {"team": null}}})).await;
        told(&s, "default", &name, &[so_far[0], so_far[1], so_far[2], ("DriftRepaired", count)]).await;
    }
    // A restart says nothing about a class that is as wanted.
    let all = [so_far[0], so_far[1], so_far[2], ("DriftRepaired", 2)];
    assert!(program.stop("TERM").await.success());
    let program = s.run_with(&["--removal-delay", "0s"]).await;
    program.class_is(&name, "Unchanged").await;
    s.stays_quiet().await;
    told(&s, "default", &name, &all).await;
    // Its default goes.
    s.mount(&[default(&s.name("other"))]);
    told(&s, "default", &name, &[all[0], all[1], all[2], all[3], ("Released", 1)]).await;
}

#[tokio::test]
async fn what_stands_in_the_way_is_told_once() {
    let s = Scenario::new("toldblocked").await;
    let name = s.name("a");
    s.create_as(
        "somebody",
        &json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
        "metadata": {"name": name}, "spec": {"controllerName": "example.com/another"}}),
    )
    .await;
    s.mount(&[default(&name)]);
    let program = s.run().await;
    program.class_is(&name, "Blocked").await;
    let notes = told(&s, "default", &name, &[("Blocked", 1)]).await;
    assert!(notes[0].starts_with("ForeignController: "), "{notes:?}");
    // Another pass over it, with the same end.
    s.edit(&name, "somebody", &json!({"metadata": {"labels": {"a": "b"}}})).await;
    s.stays_quiet().await;
    told(&s, "default", &name, &[("Blocked", 1)]).await;
}

#[tokio::test]
async fn each_load_is_told_on_the_pod() {
    let s = Scenario::new("toldpod").await;
    let (pod, namespace) = (s.name("pod"), s.create_namespace().await);
    let environment = [("POD_NAME", &*pod), ("POD_NAMESPACE", &*namespace), ("POD_UID", "0b1e")];
    s.mount(&[default(&s.name("a"))]);
    let program = Program::start_in(&environment, &s.kubeconfig, &s.defaults, &s.manager(), &[]);
    told(&s, &namespace, &pod, &[("DefaultsAccepted", 1)]).await;
    s.mount_text("apiVersion: classkeeper.dev/v1alpha1\nkind: DefaultGatewayClas\n");
    let notes = told(&s, &namespace, &pod, &[("DefaultsAccepted", 1), ("DefaultsRejected", 1)]).await;
    assert!(notes[1].contains("00.yaml:2:7") && notes[1].contains("DefaultGatewayClas"), "{notes:?}");
    // In a Pod it writes only as the leader.
    let leader = program.log().into_iter().any(|line| line["message"] == "this replica leads");
    assert!(leader, "{:#?}", program.log());
    let holder = s.object(&format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/classkeeper")).await;
    assert!(holder["spec"]["holderIdentity"].as_str().unwrap().starts_with(&format!("{pod}_")), "{holder:#}");
}
