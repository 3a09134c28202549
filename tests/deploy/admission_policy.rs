//! The component `admission-policy`, evaluated by the API server alone.

use serde_json::{Value, json};

use crate::admission::overlay;
use crate::cluster::{Cluster, account, eventually, own_cluster};

const NAMESPACE: &str = "policies";

fn class(name: &str, protected: &str) -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
        "metadata": {"name": name, "annotations": {"classkeeper.dev/protected": protected}},
        "spec": {"controllerName": "example.com/policies"}})
}

fn defaults(namespace: &str, name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {},
        "metadata": {"name": name, "namespace": namespace, "labels": {"classkeeper.dev/defaults": "true"}}})
}

/// Waits until the API server refuses by a policy that it was told of just now.
async fn refused(cluster: &Cluster, args: &[&str], words: &str) {
    let is_refused = || async {
        match cluster.run(args).await {
            Err(refused) if refused.contains(words) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    };
    eventually(words, is_refused).await;
}

// One test: the policies are the whole cluster's.
#[tokio::test]
async fn the_policies_refuse_what_they_are_for_and_nothing_else() {
    let cluster = &own_cluster().await;
    for namespace in [NAMESPACE, "team-a", "team-c"] {
        cluster.namespace(namespace).await;
    }
    // Somebody was earlier.
    cluster.create(&defaults("team-c", "early")).await.unwrap();
    let mut documents = overlay(cluster, NAMESPACE).await;
    let of_policies = ["ServiceAccount", "ConfigMap", "ClusterRole", "ClusterRoleBinding"];
    documents.retain(|document| {
        let kind = document["kind"].as_str().unwrap();
        of_policies.contains(&kind) || kind.starts_with("ValidatingAdmissionPolicy")
    });
    let said = cluster.apply(&documents, &[]).await.unwrap();
    assert!(!said.contains("Warning"), "{said}");
    // kustomize takes kinds that it doesn't know for namespaced ones; nothing comes of it.
    let stored = cluster.get("validatingadmissionpolicy", "", "classkeeper-protected").await;
    assert_eq!(
        (&stored["metadata"]["namespace"], &stored["status"]["typeChecking"]["expressionWarnings"]),
        (&Value::Null, &Value::Null)
    );
    let rights = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "deleters"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "classkeeper", "namespace": NAMESPACE},
            {"kind": "ServiceAccount", "name": "classkeeper", "namespace": "team-a"}]});
    cluster.create(&rights).await.unwrap();

    protected_classes(cluster).await;
    tenants_namespaces(cluster).await;

    // Without their parameters they block nobody.
    cluster.run(&["delete", "configmap", "classkeeper-admission-policy", "--namespace", NAMESPACE]).await.unwrap();
    let taken = || async { cluster.create(&defaults("team-c", "late")).await };
    eventually("without parameters", taken).await;
    cluster.run(&["delete", "gatewayclass", "guarded"]).await.unwrap();

    // The removal of the kind isn't a deletion of classes to the API server: it asks no policy.
    cluster.apply(&documents, &[]).await.unwrap();
    cluster.create(&class("guarded", "true")).await.unwrap();
    refused(cluster, &["delete", "gatewayclass", "guarded", "--dry-run=server"], "is protected").await;
    let crd = "gatewayclasses.gateway.networking.k8s.io";
    cluster.run(&["delete", "crd", crd, "--timeout=20s"]).await.unwrap();
}

async fn protected_classes(cluster: &Cluster) {
    for (name, protected) in [("guarded", "true"), ("ours", "true"), ("free", "false")] {
        cluster.create(&class(name, protected)).await.unwrap();
    }
    let words = "the GatewayClass guarded is protected: to delete it, take protect: true out of its default";
    refused(cluster, &["delete", "gatewayclass", "guarded", "--dry-run=server"], words).await;
    refused(cluster, &["delete", "gatewayclass", "guarded"], words).await;
    let namesake = format!("--as={}", account("team-a", "classkeeper"));
    refused(cluster, &["delete", "gatewayclass", "guarded", &namesake], words).await;
    cluster.run(&["delete", "gatewayclass", "free"]).await.unwrap();
    let all = cluster.run(&["delete", "gatewayclass", "--all"]).await.unwrap_err();
    assert!(all.contains(words), "{all}");
    cluster.create(&class("ours", "true")).await.ok();
    let own = format!("--as={}", account(NAMESPACE, "classkeeper"));
    cluster.run(&["delete", "gatewayclass", "ours", &own]).await.unwrap();
    assert!(!cluster.get("gatewayclass", "", "guarded").await.is_null());
    // Whoever may edit it may take its protection off.
    cluster.run(&["annotate", "gatewayclass", "guarded", "other=a"]).await.unwrap();
}

async fn tenants_namespaces(cluster: &Cluster) {
    let outside = "the namespace team-c belongs to no tenant";
    let refused = cluster.create(&defaults("team-c", "late")).await.unwrap_err();
    assert!(
        refused.contains(outside) && refused.contains(&format!("{NAMESPACE}/classkeeper-admission-policy")),
        "{refused}"
    );
    cluster.create(&defaults("team-a", "theirs")).await.unwrap();
    let mut unlabelled = defaults("team-c", "unlabelled");
    unlabelled["metadata"]["labels"] = json!({"classkeeper.dev/defaults": "false"});
    cluster.create(&unlabelled).await.unwrap();
    let in_team_c = ["--namespace", "team-c"];
    let label = ["label", "configmap", "unlabelled", "--overwrite", "classkeeper.dev/defaults=true"];
    assert!(cluster.run(&[&label[..], &in_team_c].concat()).await.unwrap_err().contains(outside));
    // What was there before may lose its label, and go.
    let edit = cluster.run(&[&["annotate", "configmap", "early", "a=b"][..], &in_team_c].concat()).await.unwrap_err();
    assert!(edit.contains(outside), "{edit}");
    cluster
        .run(&[&["label", "configmap", "early", "classkeeper.dev/defaults-"][..], &in_team_c].concat())
        .await
        .unwrap();
    cluster.run(&[&["delete", "configmap", "early"][..], &in_team_c].concat()).await.unwrap();
}
