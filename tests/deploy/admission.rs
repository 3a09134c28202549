//! The component and the values `admission`: the API server calls the webhook as it is shipped, through its Service, and
//! the program has no more than the rights that are shipped with it.

use control_plane::helm::Version;
use serde_json::{Value, json};

use crate::cluster::{Cluster, cluster, eventually};
use crate::helm::Helm;
use crate::kustomize::render_overlay;
use crate::program::Container;
use crate::yaml;

pub const NAMESPACE: &str = "webhooked";
const COMPONENTS: [&str; 2] = ["admission", "admission-policy"];
const VALUES: [&str; 6] = [
    "--set",
    "admission.enabled=true",
    "--set",
    "admissionPolicy.enabled=true",
    "--set",
    "tenants.namespaces={team-a,team-b}",
];

/// What an overlay with both components makes, in this namespace.
pub async fn overlay(cluster: &Cluster, namespace: &str) -> Vec<Value> {
    let components: Vec<_> = COMPONENTS.iter().map(|name| format!("../deploy/kustomize/components/{name}")).collect();
    let kustomization = json!({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
        "namespace": namespace, "resources": ["../deploy/kustomize"], "components": components,
        "patches": [{"target": {"kind": "ConfigMap", "name": "classkeeper-admission-policy"},
            "patch": json!([{"op": "replace", "path": "/data/namespaces", "value": "team-a\nteam-b"}]).to_string()}]});
    render_overlay(cluster, &kustomization.to_string()).await
}

#[tokio::test]
async fn the_chart_makes_what_the_components_make() {
    let cluster = cluster().await;
    let from_components = overlay(cluster, "classkeeper").await;
    let from_chart = Helm::new(Version::V4).await.template("classkeeper", "classkeeper", &VALUES).await.unwrap();
    let compared = [
        ("ValidatingWebhookConfiguration", "classkeeper"),
        ("ClusterRole", "classkeeper-admission"),
        ("ClusterRoleBinding", "classkeeper-admission"),
        ("Role", "classkeeper-admission"),
        ("RoleBinding", "classkeeper-admission"),
        ("Service", "classkeeper"),
        ("NetworkPolicy", "classkeeper"),
        ("ConfigMap", "classkeeper-admission-policy"),
        ("ValidatingAdmissionPolicy", "classkeeper-protected"),
        ("ValidatingAdmissionPolicyBinding", "classkeeper-protected"),
        ("ValidatingAdmissionPolicy", "classkeeper-tenants"),
        ("ValidatingAdmissionPolicyBinding", "classkeeper-tenants"),
    ];
    for (kind, name) in compared {
        let [one, other] = [&from_components, &from_chart].map(|documents| {
            let mut object = yaml::find(documents, kind, name).clone();
            object["metadata"]["labels"] = Value::Null;
            if kind.starts_with("ValidatingAdmissionPolicy") {
                // kustomize takes kinds that it doesn't know for namespaced ones; the API server leaves it out.
                object["metadata"]["namespace"] = Value::Null;
            }
            for selector in ["/spec/selector", "/spec/podSelector"] {
                object.pointer_mut(selector).map(Value::take);
            }
            // Only the chart knows the account's whole name where this is rendered.
            object.pointer_mut("/webhooks/1/matchConditions/0/expression").map(Value::take);
            object
        });
        assert_eq!(one, other, "{kind} {name}");
    }
    let ports = [&from_components, &from_chart].map(|documents| {
        yaml::only(documents, "Deployment")["spec"]["template"]["spec"]["containers"][0]["ports"].clone()
    });
    assert_eq!(ports[0], ports[1]);
}

#[tokio::test]
async fn certificates_of_somebody_else_are_mounted_and_ask_for_no_rights() {
    let helm = Helm::new(Version::V4).await;
    let values = ["--set", "admission.enabled=true", "--set", "admission.certificateSecret=theirs"];
    let documents = helm.template("edge", "a", &values).await.unwrap();
    let pod = &yaml::only(&documents, "Deployment")["spec"]["template"]["spec"];
    assert!(pod.to_string().contains("--webhook-cert-dir=/etc/classkeeper/webhook"), "{pod:#}");
    assert_eq!(pod["volumes"][1]["secret"]["secretName"], "theirs");
    assert_eq!(pod["containers"][0]["volumeMounts"][1]["mountPath"], "/etc/classkeeper/webhook");
    assert!(!yaml::names(&documents).iter().any(|name| name.ends_with("-admission")), "{:?}", yaml::names(&documents));
}

#[tokio::test]
async fn the_api_server_calls_what_is_shipped_through_its_service() {
    let cluster = cluster().await;
    cluster.namespace(NAMESPACE).await;
    let mut documents = overlay(cluster, NAMESPACE).await;
    // Another test's matter, and the same for the whole cluster.
    documents.retain(|document| !document["kind"].as_str().unwrap().starts_with("ValidatingAdmissionPolicy"));
    for document in documents.iter_mut().filter(|document| document["kind"] == "Service") {
        // There is no Pod network: this leads to the program, by the Service's name all the same.
        document["spec"] = json!({"type": "ExternalName", "externalName": "localhost"});
    }
    cluster.apply(&documents, &[]).await.unwrap();
    let pod = &yaml::only(&documents, "Deployment")["spec"]["template"]["spec"];
    let class = "{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: webhooked},\n\
                 spec: {controllerName: example.com/webhooked}}\n";
    let container = Container::start(cluster, NAMESPACE, pod, &json!({"10.yaml": class})).await;
    let address = container.address("admission").unwrap();
    let port: u16 = address.rsplit_once(':').unwrap().1.parse().unwrap();
    let ports: Vec<_> = (0..2)
        .map(|index| json!({"op": "replace", "path": format!("/webhooks/{index}/clientConfig/service/port"), "value": port}))
        .collect();
    let configuration = ["validatingwebhookconfiguration", "classkeeper", "--type=json", "--patch"];
    cluster.run(&[&["patch"], &configuration[..], &[&json!(ports).to_string()]].concat()).await.unwrap();

    let bad = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "bad", "namespace": NAMESPACE, "labels": {"classkeeper.dev/defaults": "true"}},
        "data": {"10.yaml": class.replace("controllerName", "controlerName")}});
    let refused = || async {
        match cluster.apply(std::slice::from_ref(&bad), &["--dry-run=server"]).await {
            Err(refused) if refused.contains("did you mean \"controllerName\"?") => Ok(()),
            other => Err(format!("{other:?}\n{}", container.log())),
        }
    };
    eventually("the webhook is asked", refused).await;
    let said = cluster.run(&["label", "gatewayclass", "webhooked", "a=b", "--dry-run=server"]).await.unwrap();
    assert!(!said.contains("Warning"), "{said}");
    let said = cluster.run(&["delete", "gatewayclass", "webhooked", "--dry-run=server"]).await.unwrap();
    assert!(said.contains("Warning: classkeeper creates webhooked again"), "{said}");
    assert!(!container.log().contains("verbs: ["), "{}", container.log());

    // Applied again, as each release is: what classkeeper added stays.
    let before = cluster.get("validatingwebhookconfiguration", "", "classkeeper").await;
    cluster.run(&[&["patch"], &configuration[..], &[&json!(ports).to_string()]].concat()).await.unwrap();
    let shipped = yaml::only(&documents, "ValidatingWebhookConfiguration").clone();
    cluster.apply(&[shipped], &["--force-conflicts"]).await.unwrap();
    let after = cluster.get("validatingwebhookconfiguration", "", "classkeeper").await;
    for index in 0..2 {
        let bundle = &before["webhooks"][index]["clientConfig"]["caBundle"];
        assert!(bundle.is_string());
        assert_eq!(&after["webhooks"][index]["clientConfig"]["caBundle"], bundle);
    }
    container.stop().await;
    // A stopped classkeeper blocks nobody.
    cluster.apply(&[bad], &["--dry-run=server"]).await.unwrap();
    cluster.run(&["delete", "validatingwebhookconfiguration", "classkeeper"]).await.unwrap();
}
