//! The YAML in the pages about deployment is what it says.

use std::process::Command;

use control_plane::helm::Version;

use crate::cluster::cluster;
use crate::examples::defaults_of_chart;
use crate::helm::Helm;
use crate::kustomize::render_overlay;
use crate::yaml;

/// The YAML blocks of a page that begin with this comment, without it.
fn blocks(page: &str, first_line: &str) -> Vec<String> {
    let text = yaml::read(page);
    let blocks = text.split("\n```yaml\n").skip(1).map(|rest| rest.split("\n```").next().unwrap().to_owned() + "\n");
    blocks.filter(|block| block.lines().next() == Some(first_line)).collect()
}

#[tokio::test]
async fn the_overlay_on_the_page_can_be_built() {
    let blocks = blocks("docs/installing.md", "# kustomization.yaml");
    let documents = render_overlay(cluster().await, &blocks[0]).await;
    let files = yaml::find(&documents, "ConfigMap", "classkeeper-defaults");
    assert!(files["data"].as_object().unwrap().keys().eq(["10-edge.yaml"]), "{files:#}");
    yaml::find(&documents, "ClusterRole", "classkeeper-deletion");
    yaml::only(&documents, "PrometheusRule");
    assert_eq!(blocks.len(), 1);
}

#[tokio::test]
async fn the_values_on_the_page_are_values() {
    let blocks = blocks("docs/installing.md", "# values.yaml");
    assert_eq!(blocks.len(), 1);
    let data = defaults_of_chart("classkeeper", &yaml::parse(&blocks[0])[0]).await;
    assert!(data["10-edge.yaml"].as_str().unwrap().contains("name: edge"), "{data:#}");
}

/// The commands of the page on uninstalling that are ours exist.
#[test]
fn commands_on_the_pages_exist() {
    for args in [&["release", "--all", "--namespace", "a", "--help"][..], &["check", "--deny-warnings", "--help"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_classkeeper")).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}");
    }
}

#[tokio::test]
async fn what_the_page_on_admission_shows_can_be_built() {
    let cluster = cluster().await;
    let overlays = blocks("docs/admission.md", "# kustomization.yaml");
    let documents = render_overlay(cluster, &overlays[0]).await;
    let parameters = yaml::find(&documents, "ConfigMap", "classkeeper-admission-policy");
    assert_eq!(parameters["data"]["namespaces"], "team-a\nteam-b");
    let values = blocks("docs/admission.md", "# values.yaml");
    assert_eq!((overlays.len(), values.len()), (1, 2));
    for (values, policies) in values.iter().zip([2, 0]) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), values).unwrap();
        let args = ["--values", file.path().to_str().unwrap()];
        let documents = Helm::new(Version::V4).await.template("classkeeper", "classkeeper", &args).await.unwrap();
        yaml::only(&documents, "ValidatingWebhookConfiguration");
        let found = documents.iter().filter(|document| document["kind"] == "ValidatingAdmissionPolicy").count();
        assert_eq!(found, policies);
    }
}
