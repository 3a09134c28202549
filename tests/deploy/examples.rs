//! Every YAML file under `deploy/`: parsed, and looked at by whoever its kind belongs to.

use std::path::Path;
use std::process::Command;

use control_plane::helm::Version;
use serde_json::{Value, json};

use crate::admission;
use crate::cluster::{cluster, said};
use crate::helm::{Helm, full_values};
use crate::kustomize::{render, render_overlay};
use crate::yaml;

/// Whose a document is, and so who validates it.
enum Kind {
    /// The API server, which is asked in `kustomize.rs`. Here only: is it in what is applied?
    BuiltIn,
    /// kubectl: rendering the folder reads it.
    Kustomize,
    /// classkeeper: a defaults file.
    Defaults,
    /// A tool that isn't here: what it refers to must exist.
    GitOps,
}

fn kind(document: &Value, path: &Path) -> Kind {
    let version = document["apiVersion"].as_str().unwrap_or_else(|| panic!("{}: no apiVersion", path.display()));
    match version.split_once('/').map_or("", |(group, _)| group) {
        ""
        | "apps"
        | "batch"
        | "policy"
        | "networking.k8s.io"
        | "rbac.authorization.k8s.io"
        | "admissionregistration.k8s.io"
        | "monitoring.coreos.com" => Kind::BuiltIn,
        "kustomize.config.k8s.io" => Kind::Kustomize,
        "classkeeper.dev" | "gateway.networking.k8s.io" => Kind::Defaults,
        "argoproj.io"
        | "kustomize.toolkit.fluxcd.io"
        | "source.toolkit.fluxcd.io"
        | "cluster.open-cluster-management.io"
        | "work.open-cluster-management.io" => Kind::GitOps,
        group => panic!("{}: who validates {group}?", path.display()),
    }
}

/// classkeeper's word on defaults files.
fn check(path: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_classkeeper"));
    said(&command.args(["check", "--deny-warnings"]).arg(path).output().unwrap()).unwrap();
}

/// classkeeper's word on the data of a ConfigMap.
fn check_data(data: &Value) {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in data.as_object().unwrap() {
        std::fs::write(folder.path().join(name), content.as_str().unwrap()).unwrap();
    }
    check(folder.path());
}

#[tokio::test]
async fn every_file_under_deploy_is_valid() {
    let cluster = cluster().await;
    cluster.namespace("examples").await;
    let mut applied = yaml::names(&render(cluster, "deploy/gitops/platform").await);
    applied.extend(yaml::names(&admission::overlay(cluster, "classkeeper").await));
    let components = ["live-defaults", "templates", "tenancy"]
        .map(|name| format!("../deploy/kustomize/components/{name}"))
        .join(", ");
    let further = format!(
        "{{apiVersion: kustomize.config.k8s.io/v1beta1, kind: Kustomization, namespace: classkeeper, \
         resources: [../deploy/kustomize], components: [{components}]}}"
    );
    applied.extend(yaml::names(&render_overlay(cluster, &further).await));
    let mut seen = [0; 4];
    for path in yaml::files("deploy") {
        let relative = path.strip_prefix(yaml::project("deploy")).unwrap();
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml");
        // Templates, values, and what only promtool and Helm know: looked at elsewhere.
        if !is_yaml || relative.starts_with("helm") || relative.starts_with("monitoring") {
            continue;
        }
        for document in yaml::parse(&std::fs::read_to_string(&path).unwrap()) {
            // What kustomize is told about references has neither kind nor version.
            if document["nameReference"].is_array() {
                continue;
            }
            match kind(&document, &path) {
                Kind::BuiltIn => {
                    let name = yaml::names(&[document]).remove(0);
                    assert!(applied.contains(&name), "{}: {name} is in no kustomization", path.display());
                    seen[0] += 1;
                }
                Kind::Kustomize => {
                    if document["kind"] == "Kustomization" {
                        let documents = render(cluster, path.parent().unwrap().to_str().unwrap()).await;
                        check_data(&yaml::find(&documents, "ConfigMap", "classkeeper-defaults")["data"]);
                    }
                    seen[1] += 1;
                }
                Kind::Defaults => {
                    check(&path);
                    seen[2] += 1;
                }
                Kind::GitOps => {
                    git_ops(cluster, &document).await;
                    seen[3] += 1;
                }
            }
        }
    }
    assert!(seen.iter().all(|&count| count > 3), "{seen:?} of each kind of files");
}

/// What a `GitOps` tool is told to look for must be in the project.
async fn git_ops(cluster: &crate::cluster::Cluster, document: &Value) {
    match document["kind"].as_str().unwrap() {
        "Kustomization" => assert!(folder(&document["spec"]["path"]).is_dir(), "{document:#}"),
        "Application" => {
            let source = &document["spec"]["source"];
            assert!(folder(&source["path"]).is_dir(), "{document:#}");
            if let Some(values) = source["helm"]["valuesObject"].as_object() {
                let release = source["helm"]["releaseName"].as_str().unwrap();
                check_data(&defaults_of_chart(release, &json!(values)).await);
            }
        }
        "ApplicationSet" => {
            let path = document["spec"]["template"]["spec"]["source"]["path"].as_str().unwrap();
            let selector = &document["spec"]["generators"][0]["clusters"]["selector"]["matchExpressions"][0];
            assert_eq!((&selector["key"], &selector["operator"]), (&json!("env"), &json!("In")));
            for env in selector["values"].as_array().unwrap() {
                let path = path.replace("{{ .metadata.labels.env }}", env.as_str().unwrap());
                assert!(folder(&path.into()).is_dir(), "{env} of {document:#}");
            }
        }
        "ManifestWorkReplicaSet" => {
            for manifest in document["spec"]["manifestWorkTemplate"]["workload"]["manifests"].as_array().unwrap() {
                let mut manifest = manifest.clone();
                check_data(&manifest["data"]);
                manifest["metadata"]["namespace"] = "examples".into();
                cluster.apply(&[manifest], &["--dry-run=server"]).await.unwrap();
            }
        }
        "GitRepository" | "ManagedClusterSetBinding" | "Placement" => {
            assert!(document["spec"].is_object(), "{document:#}");
        }
        kind => panic!("what does a {kind} refer to?"),
    }
}

fn folder(path: &Value) -> std::path::PathBuf {
    yaml::project(path.as_str().unwrap())
}

/// The files that the chart makes of values.
pub async fn defaults_of_chart(release: &str, values: &Value) -> Value {
    let file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
    std::fs::write(file.path(), values.to_string()).unwrap();
    let helm = Helm::new(Version::V4).await;
    let documents = helm.template(release, "classkeeper", &["--values", file.path().to_str().unwrap()]).await.unwrap();
    let name = format!("{release}-defaults");
    yaml::find(&documents, "ConfigMap", &name)["data"].clone()
}

#[tokio::test]
async fn the_full_values_have_valid_defaults_and_leave_no_value_out() {
    let full = yaml::parse(&std::fs::read_to_string(full_values()).unwrap()).remove(0);
    check_data(&defaults_of_chart("classkeeper", &full).await);
    let schema: Value = serde_json::from_str(&yaml::read("deploy/helm/classkeeper/values.schema.json")).unwrap();
    let shipped = yaml::parse(&yaml::read("deploy/helm/classkeeper/values.yaml")).remove(0);
    for values in [&full, &shipped] {
        let names: Vec<_> = schema["properties"].as_object().unwrap().keys().filter(|name| *name != "global").collect();
        assert!(values.as_object().unwrap().keys().eq(names), "{values:#}");
    }
}
