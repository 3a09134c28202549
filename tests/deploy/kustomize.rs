//! `kubectl apply --server-side -k`: the base, and the overlays that Flux and Argo CD are given.

use serde_json::{Value, json};

use crate::cluster::{Cluster, account, cluster, eventually};
use crate::program::Container;
use crate::yaml;

const NAMESPACE: &str = "classkeeper";
const BASE: &str = "deploy/kustomize";
const PLATFORM: &str = "deploy/gitops/platform";
const OVERLAYS: [&str; 2] = ["deploy/gitops/fleet/overlays/staging", "deploy/gitops/fleet/overlays/production"];

/// What a folder makes.
pub async fn render(cluster: &Cluster, folder: &str) -> Vec<Value> {
    yaml::parse(&cluster.run(&["kustomize", yaml::project(folder).to_str().unwrap()]).await.unwrap())
}

/// What an overlay makes that stands beside `deploy/` and has a file `defaults/10-edge.yaml`.
pub async fn render_overlay(cluster: &Cluster, kustomization: &str) -> Vec<Value> {
    let project = tempfile::tempdir().unwrap();
    for file in yaml::files(BASE) {
        let copy = project.path().join(file.strip_prefix(yaml::project("")).unwrap());
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::copy(file, copy).unwrap();
    }
    let folder = project.path().join("overlay");
    std::fs::create_dir_all(folder.join("defaults")).unwrap();
    std::fs::write(folder.join("kustomization.yaml"), kustomization).unwrap();
    let defaults = yaml::project(PLATFORM).join("defaults/10-edge.yaml");
    std::fs::copy(defaults, folder.join("defaults/10-edge.yaml")).unwrap();
    yaml::parse(&cluster.run(&["kustomize", folder.to_str().unwrap()]).await.unwrap())
}

/// What the server says when it validates a folder's objects as strictly as it can, without storing them.
async fn dry_run(cluster: &Cluster, folder: &str) -> Result<String, String> {
    cluster.apply(&render(cluster, folder).await, &["--dry-run=server"]).await
}

// One test: all of them are the same objects.
#[tokio::test]
async fn what_kustomize_makes_is_taken_and_runs() {
    let cluster = cluster().await;
    let base = render(cluster, BASE).await;
    cluster.apply(&[yaml::only(&base, "Namespace").clone()], &[]).await.unwrap();
    for folder in [BASE, PLATFORM, OVERLAYS[0], OVERLAYS[1]] {
        let said = dry_run(cluster, folder).await.unwrap();
        assert!(!said.contains("Warning"), "{folder}: {said}");
    }

    let folder = yaml::project(BASE);
    let apply = ["apply", "--server-side", "--validate=strict", "-k", folder.to_str().unwrap()];
    let said = cluster.run(&apply).await.unwrap();
    assert!(!said.contains("Warning"), "{said}");
    let before = cluster.get("deployment", NAMESPACE, "classkeeper").await;
    cluster.run(&apply).await.unwrap();
    let deployment = cluster.get("deployment", NAMESPACE, "classkeeper").await;
    assert_eq!(before["metadata"]["resourceVersion"], deployment["metadata"]["resourceVersion"], "applied again");

    the_pod_keeps_the_restricted_standard(cluster, &deployment).await;
    the_controller_runs_with_the_rights_it_is_given(cluster, &deployment).await;
    a_changed_file_is_no_rollout(cluster, &before).await;
}

async fn the_pod_keeps_the_restricted_standard(cluster: &Cluster, deployment: &Value) {
    let template = &deployment["spec"]["template"];
    cluster.create_pod(NAMESPACE, "as-shipped", template).await.unwrap();
    let mut lax = template.clone();
    lax["spec"]["securityContext"]["runAsNonRoot"] = Value::Null;
    let refused = cluster.create_pod(NAMESPACE, "lax", &lax).await.unwrap_err();
    assert!(refused.contains("violates PodSecurity \"restricted:latest\": runAsNonRoot"), "{refused}");
    let container = &template["spec"]["containers"][0];
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true, "which the standard doesn't ask for");
}

async fn the_controller_runs_with_the_rights_it_is_given(cluster: &Cluster, deployment: &Value) {
    let file = |classes: &str| json!({ "10.yaml": classes });
    let class = "{apiVersion: classkeeper.dev/v1alpha1, kind: DefaultGatewayClass, metadata: {name: rights},\n\
                 spec: {controllerName: example.com/rights}, policy: {onRemove: Delete}}\n";
    let other = "---\n{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: rights-other},\n\
                 spec: {controllerName: example.com/rights}}\n";
    let pod = &mut deployment["spec"]["template"]["spec"].clone();
    let args = pod["containers"][0]["args"].as_array_mut().unwrap();
    args.push("--removal-delay=0s".into());
    let container = Container::start(cluster, NAMESPACE, pod, &file(&format!("{class}{other}"))).await;
    let there = || async {
        let class = cluster.get("gatewayclass", "", "rights").await;
        if class.is_null() { Err(container.log()) } else { Ok(class) }
    };
    let created = eventually("the class is created", there).await;
    assert_eq!(created["metadata"]["managedFields"][0]["manager"], "classkeeper");
    assert!(!container.log().contains("orbidden"), "{}", container.log());

    // To delete is a right of its own, which the base doesn't give.
    let can = ["auth", "can-i", "delete", "gatewayclasses", "--as", &account(NAMESPACE, "classkeeper")];
    assert!(cluster.run(&can).await.unwrap_err().starts_with("no\n"));
    container.mount(&file(other));
    let refused = || async {
        let log = container.log();
        if log.contains("delete") && log.contains("orbidden") { Ok(()) } else { Err(log) }
    };
    eventually("the missing right is reported", refused).await;
    assert!(!cluster.get("gatewayclass", "", "rights").await.is_null());
    container.stop().await;

    cluster.apply(&render(cluster, PLATFORM).await, &[]).await.unwrap();
    let container = Container::start(cluster, NAMESPACE, pod, &file(other)).await;
    let gone = || async {
        let class = cluster.get("gatewayclass", "", "rights").await;
        if class.is_null() { Ok(()) } else { Err(container.log()) }
    };
    eventually("the class is deleted", gone).await;
    assert!(!container.log().contains("orbidden"), "{}", container.log());
    container.stop().await;
}

async fn a_changed_file_is_no_rollout(cluster: &Cluster, before: &Value) {
    // By now it's the overlay's, which has other files, and another image: the one thing of the Pod that differs.
    let mut after = cluster.get("deployment", NAMESPACE, "classkeeper").await;
    let files = cluster.get("configmap", NAMESPACE, "classkeeper-defaults").await;
    assert!(files["data"]["20-internal.yaml"].is_string(), "{files:#}");
    let image = |deployment: &Value| deployment["spec"]["template"]["spec"]["containers"][0]["image"].clone();
    assert_ne!(image(&after), image(before));
    after["spec"]["template"]["spec"]["containers"][0]["image"] = image(before);
    assert_eq!(after["spec"]["template"], before["spec"]["template"]);
}

#[tokio::test]
async fn a_misspelt_field_would_be_refused() {
    let cluster = cluster().await;
    let mut documents = render(cluster, BASE).await;
    let deployment = documents.iter_mut().find(|document| document["kind"] == "Deployment").unwrap();
    deployment["metadata"]["namespace"] = "default".into();
    deployment["spec"]["replica"] = json!(2);
    let refused = cluster.apply(std::slice::from_ref(deployment), &["--dry-run=server"]).await.unwrap_err();
    assert!(refused.contains(".spec.replica: field not declared in schema"), "{refused}");
}

#[tokio::test]
async fn an_overlay_may_choose_another_namespace() {
    let kustomization = "{apiVersion: kustomize.config.k8s.io/v1beta1, kind: Kustomization, namespace: other, \
                         resources: [../deploy/kustomize], components: [../deploy/kustomize/components/deletion]}";
    let documents = render_overlay(cluster().await, kustomization).await;
    let mut subjects = 0;
    for document in &documents {
        for subject in document["subjects"].as_array().into_iter().flatten() {
            assert_eq!(subject["namespace"], "other", "{document:#}");
            subjects += 1;
        }
    }
    assert_eq!((subjects, &yaml::only(&documents, "Namespace")["metadata"]["name"]), (3, &json!("other")));
}

#[tokio::test]
async fn the_files_may_be_read_from_the_api_server_and_tenants_have_a_role_to_bind() {
    let kustomization = "{apiVersion: kustomize.config.k8s.io/v1beta1, kind: Kustomization, namespace: other, \
                         resources: [../deploy/kustomize], components: [../deploy/kustomize/components/live-defaults, \
                         ../deploy/kustomize/components/tenancy]}";
    let documents = render_overlay(cluster().await, kustomization).await;
    let pod = &yaml::only(&documents, "Deployment")["spec"]["template"]["spec"];
    assert_eq!(pod["containers"][0]["args"], json!(["run", "--configmap=$(POD_NAMESPACE)/classkeeper-defaults"]));
    assert!(!pod.to_string().contains("volume"), "{pod:#}");
    let binding = yaml::find(&documents, "RoleBinding", "classkeeper-defaults");
    assert_eq!(
        (&binding["metadata"]["namespace"], &binding["subjects"][0]["namespace"]),
        (&json!("other"), &json!("other"))
    );
    assert!(
        !documents.iter().any(|document| document["roleRef"]["name"] == "classkeeper-tenant"),
        "it is bound nowhere"
    );
    yaml::find(&documents, "ClusterRole", "classkeeper-tenant");
}

#[tokio::test]
async fn each_overlay_has_its_files_and_those_of_the_platform() {
    let cluster = cluster().await;
    for (folder, own) in OVERLAYS.into_iter().zip(["90-staging.yaml", "90-production.yaml"]) {
        let documents = render(cluster, folder).await;
        let files = yaml::find(&documents, "ConfigMap", "classkeeper-defaults");
        let names: Vec<_> = files["data"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["10-edge.yaml", "20-internal.yaml", own]);
    }
}
