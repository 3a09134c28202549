//! A cluster as a platform team may have it, for the pictures in the README and the checks of accessibility: every state
//! that the page tells of, made by what people and programs do.

use std::collections::BTreeMap;

use control_plane::mount::LinkOrder;
use serde_json::{Value, json};

use crate::program::Program;
use crate::scenario::{Scenario, class, eventually};

const KGATEWAY: &str = "kgateway.dev/kgateway";

/// The platform's files: names of files, and their texts.
fn files() -> BTreeMap<String, Vec<u8>> {
    let files = [
        ("10-edge.yaml", include_str!("demo/10-edge.yaml")),
        ("20-mesh.yaml", include_str!("demo/20-mesh.yaml")),
        ("30-vendors.yaml", include_str!("demo/30-vendors.yaml")),
        ("90-tenants.yaml", include_str!("demo/90-tenants.yaml")),
    ];
    files.into_iter().map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())).collect()
}

/// Starts the program as a platform team runs it, and does what people do on a cluster.
pub async fn start(s: &Scenario) -> Program {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "payments"}});
    s.create("/api/v1/namespaces", &namespace).await;
    let metadata =
        json!({"name": "gateway-classes", "namespace": "payments", "labels": {"classkeeper.dev/defaults": "true"}});
    let data = json!({"classes.yaml": include_str!("demo/payments.yaml")});
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data});
    s.create("/api/v1/namespaces/payments/configmaps", &map).await;
    // A vendor's chart was there first.
    s.create_as("helm", &class("nginx", &json!({"controllerName": "k8s.io/ingress-nginx"}))).await;
    s.mount_files(&files(), LinkOrder::AfterSwap);
    let arguments = ["--defaults", s.defaults_arg(), "--leader-elect", "--namespace", "payments"];
    let environment = [("POD_NAME", "classkeeper-6d5f7c9b8-x2lqv")];
    let program = Program::start_with(&environment, &s.kubeconfig, "classkeeper", &arguments);
    program.ready().await;
    for name in ["edge-public", "edge-internal", "istio-waypoint", "traefik", "payments-edge"] {
        program.class_is(name, "Unchanged").await;
    }
    s.edit(
        "edge-public",
        "kubectl-edit",
        &json!({"spec": {"description": "Public traffic. Ask Nadia before you change it!"}}),
    )
    .await;
    s.edit(
        "edge-public",
        "argocd-controller",
        &json!({"metadata": {"labels": {"app.kubernetes.io/instance": "edge"}}}),
    )
    .await;
    s.edit("edge-internal", "terraform", &json!({"metadata": {"labels": {"team": "network"}}})).await;
    s.edit(
        "traefik",
        "kubectl-annotate",
        &json!({"metadata": {"annotations": {"classkeeper.dev/reconcile": "disabled"}}}),
    )
    .await;
    s.edit("cilium", "kubectl-edit", &json!({"spec": {"description": "Ours now"}})).await;
    s.edit("payments-edge", "kubectl-label", &json!({"metadata": {"labels": {"tier": "gold"}}})).await;
    s.delete("istio-waypoint").await;
    let yields = |class: &Value| class["units"].as_array().unwrap().iter().any(|unit| unit["action"] == "Yielded");
    program.class_where("edge-public", "its description is the user's", yields).await;
    program.class_where("edge-internal", "its label is Terraform's", yields).await;
    program.class_is("traefik", "Paused").await;
    program.class_is("cilium", "Conflict").await;
    program.class_where("nginx", "is another controller's", |class| class["reason"] == "ForeignController").await;
    program.class_where("istio-waypoint", "came back", |class| class["lastChange"]["outcome"] == "Created").await;
    program
}

/// Somebody makes two mistakes in a file.
pub async fn refuse(s: &Scenario, program: &Program) {
    let mut files = files();
    let edge = include_str!("demo/10-edge.yaml");
    let edge = edge.replacen(&format!("controllerName: {KGATEWAY}"), &format!("controlerName: {KGATEWAY}"), 1);
    let edge = edge.replacen("protect: true", "protect: yes", 1);
    files.insert("10-edge.yaml".to_owned(), edge.into_bytes());
    s.mount_files(&files, LinkOrder::AfterSwap);
    is_refused(program).await;
}

/// Waits until what is in the files is refused.
pub async fn is_refused(program: &Program) {
    eventually("the files are refused", || async {
        let config = program.status().await["config"].clone();
        if config["state"] == "Rejected" { Ok(()) } else { Err(config) }
    })
    .await;
}

/// Starts the program on files that are refused.
pub async fn refused(s: &Scenario) -> Program {
    s.mount_text(&format!(
        "# {}\nkind: DefaultGatewayClass\napiVersion: classkeeper.dev/v1alpha1\nmetdata: {{name: {}}}\n",
        "=".repeat(70),
        "a".repeat(60)
    ));
    let program = Program::start(&s.kubeconfig, &s.defaults, &s.manager(), &[]);
    is_refused(&program).await;
    program
}
