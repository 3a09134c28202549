//! Classes are made, kept, repaired, and otherwise left in peace.

use serde_json::{Value, json};

use crate::scenario::{Scenario, default, eventually, with};

#[tokio::test]
async fn a_missing_class_is_created_as_its_default_says() {
    let s = Scenario::new("create").await;
    s.mount(&[default(&s.name("a"))]);
    let program = s.run().await;
    let class = s.class_where(&s.name("a"), "is there", |class| !class.is_null()).await;
    assert_eq!(class["metadata"]["labels"], json!({"team": "edge"}));
    assert_eq!(class["metadata"]["annotations"], json!({"example.com/note": "a"}));
    assert_eq!(class["spec"], default("")["spec"]);
    let entries = class["metadata"]["managedFields"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "one owner: {entries:#?}");
    assert_eq!((&entries[0]["manager"], &entries[0]["operation"]), (&json!(s.manager()), &json!("Apply")));
    let writes = s.proxy.writes();
    assert_eq!(writes.len(), 1, "{writes:#?}");
    assert!(!writes[0].query.contains("force"), "nothing is forced: {}", writes[0].query);
    let reported = program.class_is(&s.name("a"), "Unchanged").await;
    assert_eq!(reported["lastChange"]["outcome"], "Created");
}

#[tokio::test]
async fn nothing_is_written_once_a_class_is_as_wanted() {
    let s = Scenario::new("calm").await;
    s.mount(&[default(&s.name("a")), default(&s.name("b"))]);
    let _program = s.run().await;
    s.class_where(&s.name("b"), "is there", |class| !class.is_null()).await;
    s.stays_quiet().await;
}

#[tokio::test]
async fn a_restart_writes_nothing() {
    let s = Scenario::new("restart").await;
    s.mount(&[default(&s.name("a"))]);
    let program = s.run().await;
    let class = s.class_where(&s.name("a"), "is there", |class| !class.is_null()).await;
    assert!(program.stop("TERM").await.success());
    let writes = s.proxy.writes().len();
    let program = s.run().await;
    s.stays_quiet().await;
    assert_eq!(s.proxy.writes().len(), writes);
    assert_eq!(s.get(&s.name("a")).await["metadata"]["resourceVersion"], class["metadata"]["resourceVersion"]);
    assert_eq!(program.class(&s.name("a")).await["outcome"], "Unchanged");
}

#[tokio::test]
async fn the_program_ends_cleanly_on_sigterm_and_sigint() {
    let s = Scenario::new("signals").await;
    s.mount(&[default(&s.name("a"))]);
    for signal in ["TERM", "INT"] {
        let status = s.run().await.stop(signal).await;
        assert_eq!(status.code(), Some(0), "after SIG{signal}");
    }
}

#[tokio::test]
async fn drift_of_our_own_units_is_repaired() {
    let s = Scenario::new("drift").await;
    let name = s.name("a");
    s.mount(&[default(&name)]);
    let program = s.run().await;
    s.class_where(&name, "is there", |class| !class.is_null()).await;
    // A removed field has no owner, so that nobody's wish is overruled.
    let removed = json!({"metadata": {"labels": {"team": null}, "annotations": {"example.com/note": null}},
                         "spec": {"description": null}});
    s.edit(&name, "kubectl-edit", &removed).await;
    let as_wanted = |class: &Value| {
        class["metadata"]["labels"]["team"] == "edge"
            && class["metadata"]["annotations"]["example.com/note"] == "a"
            && class["spec"]["description"] == "first"
    };
    s.class_where(&name, "is repaired", as_wanted).await;
    s.stays_quiet().await;
    assert_eq!(s.proxy.writes().len(), 2, "one create, one repair");
    assert!((program.metric("classkeeper_drift_repaired_total").await - 1.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn a_deleted_class_comes_back() {
    let s = Scenario::new("deleted").await;
    let name = s.name("a");
    s.mount(&[default(&name)]);
    let program = s.run().await;
    let uid = s.class_where(&name, "is there", |class| !class.is_null()).await["metadata"]["uid"].clone();
    s.delete(&name).await;
    s.class_where(&name, "is back", |class| !class.is_null() && class["metadata"]["uid"] != uid).await;
    s.stays_quiet().await;
    assert_eq!(program.class(&name).await["lastChange"]["outcome"], "Created");
}

#[tokio::test]
async fn a_foreign_class_is_never_touched() {
    let s = Scenario::new("foreign").await;
    let (unnamed, other_controller) = (s.name("unnamed"), s.name("other"));
    let mut foreign = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
        "metadata": {"name": unnamed}, "spec": {"controllerName": "example.net/theirs"}});
    s.create_as("theirs", &foreign).await;
    foreign["metadata"]["name"] = json!(other_controller);
    s.create_as("theirs", &foreign).await;
    let before = [s.get(&unnamed).await, s.get(&other_controller).await];
    s.mount(&[default(&other_controller), default(&s.name("ours"))]);
    let program = s.run().await;
    s.class_where(&s.name("ours"), "is there", |class| !class.is_null()).await;
    s.stays_quiet().await;
    assert_eq!([s.get(&unnamed).await, s.get(&other_controller).await], before);
    let class = program.class(&other_controller).await;
    assert_eq!((&class["outcome"], &class["reason"]), (&json!("Blocked"), &json!("ForeignController")));
}

#[tokio::test]
async fn one_changed_default_is_one_patch() {
    let s = Scenario::new("onepatch").await;
    let (a, b) = (default(&s.name("a")), default(&s.name("b")));
    s.mount(&[a.clone(), b.clone()]);
    let _program = s.run().await;
    s.class_where(&s.name("b"), "is there", |class| !class.is_null()).await;
    s.stays_quiet().await;
    let before = s.proxy.requests().len();
    s.mount(&[with(a, "/spec/description", json!("second")), b]);
    s.class_where(&s.name("a"), "is changed", |class| class["spec"]["description"] == "second").await;
    s.stays_quiet().await;
    let requests: Vec<_> = s.proxy.requests().split_off(before);
    assert_eq!(requests.len(), 1, "{requests:#?}");
    assert_eq!(requests[0].method, "PATCH");
}

#[tokio::test]
async fn a_terminating_class_is_waited_for() {
    let s = Scenario::new("terminating").await;
    let name = s.name("a");
    s.mount(&[default(&name)]);
    let program = s.run().await;
    s.class_where(&name, "is there", |class| !class.is_null()).await;
    s.edit(&name, "theirs", &json!({"metadata": {"finalizers": ["example.com/hold"]}})).await;
    s.delete(&name).await;
    let uid = s.get(&name).await["metadata"]["uid"].clone();
    eventually("it is reported", || async {
        let class = program.class(&name).await;
        if class["reason"] == "Terminating" { Ok(()) } else { Err(class) }
    })
    .await;
    s.stays_quiet().await;
    s.edit(&name, "theirs", &json!({"metadata": {"finalizers": null}})).await;
    s.class_where(&name, "is back", |class| !class.is_null() && class["metadata"]["uid"] != uid).await;
}
