//! `when`: a default counts as long as its condition about the cluster holds.

use serde_json::{Value, json};

use crate::scenario::{Scenario, default, with};

const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

fn when(name: &str, condition: &str) -> Value {
    with(default(name), "/when", json!(condition))
}

fn widgets(group: &str) -> Value {
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("widgets.{group}")},
        "spec": {"group": group, "scope": "Cluster", "names": {"kind": "Widget", "plural": "widgets"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object"}}}]}})
}

#[tokio::test]
async fn a_default_counts_while_its_condition_holds() {
    let s = Scenario::new("when").await;
    let (name, always) = (s.name("a"), s.name("always"));
    let group = "when.example.com";
    s.mount(&[when(&name, &format!("cluster.serves('{group}/v1', 'Widget')")), default(&always)]);
    let program = s.run_with(&["--removal-delay", "0s"]).await;
    s.class_where(&always, "is there", |class| !class.is_null()).await;
    let class = program.class_is(&name, "Skipped").await;
    assert!(class["message"].as_str().unwrap().contains("when is false"), "{class:#}");
    s.class_stays(&name, "absent", Value::is_null).await;

    s.create(CRDS, &widgets(group)).await;
    s.class_where(&name, "is created with the kind", |class| !class.is_null()).await;
    program.class_is(&name, "Unchanged").await;

    // Without the kind it is neither kept nor removed.
    s.delete_object(&format!("{CRDS}/widgets.{group}")).await;
    program.class_is(&name, "Skipped").await;
    s.edit(&name, "a-user", &json!({"metadata": {"labels": {"team": null}}})).await;
    let is_left_alone = |class: &Value| !class.is_null() && class["metadata"]["labels"]["team"].is_null();
    s.class_stays(&name, "left alone", is_left_alone).await;
    s.create(CRDS, &widgets(group)).await;
    s.class_where(&name, "is repaired", |class| class["metadata"]["labels"]["team"] == "edge").await;
    s.delete_object(&format!("{CRDS}/widgets.{group}")).await;
}

#[tokio::test]
async fn the_cluster_s_versions_can_be_asked_for() {
    let s = Scenario::new("whenversions").await;
    let (holds, fails) = (s.name("holds"), s.name("fails"));
    let versions = "cluster.kubernetes.version.startsWith('1.') && 'v1' in cluster.gatewayAPI.servedVersions && \
                    cluster.gatewayAPI.channel == 'standard' && cluster.gatewayAPI.bundleVersion.startsWith('v1.')";
    s.mount(&[when(&holds, versions), when(&fails, "cluster.gatewayAPI.servedVersions[7] == 'v1'")]);
    let program = s.run().await;
    s.class_where(&holds, "is there", |class| !class.is_null()).await;
    let class = program.class_is(&fails, "Failed").await;
    assert!(class["message"].as_str().unwrap().contains("when can't be evaluated"), "{class:#}");
    s.class_stays(&fails, "absent", Value::is_null).await;
    assert!(program.stop("TERM").await.success());

    // The commands ask the same.
    let manager = s.manager();
    let diff = s.command(&["diff", s.defaults_arg(), "-o", "json", "--field-manager", &manager]).await;
    let report: Value = serde_json::from_slice(&diff.stdout).unwrap();
    assert_eq!(report["summary"], json!({"Unchanged": 1, "Failed": 1}), "{report:#}");
    s.mount(&[when(&holds, "false"), when(&fails, "cluster.kubernetes.version == ''")]);
    let writes = s.proxy.writes().len();
    let apply = s.command(&["apply", s.defaults_arg(), "-o", "json", "--field-manager", &manager]).await;
    let report: Value = serde_json::from_slice(&apply.stdout).unwrap();
    assert_eq!((apply.status.code(), &report["summary"]), (Some(0), &json!({"Skipped": 2})), "{report:#}");
    assert_eq!(s.proxy.writes().len(), writes);
}
