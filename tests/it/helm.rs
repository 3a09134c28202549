//! Moving a class from a chart to classkeeper, with real Helm 3 and Helm 4: the way of `docs/moving-from-helm.md`.

use std::fs;
use std::path::{Path, PathBuf};

use control_plane::helm::{Version, find_or_build};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::ownership::owners;
use crate::scenario::{Scenario, default, path_str, with};

const KEEP: &str = "helm.sh/resource-policy";

/// Helm and a chart, in a home of their own. The release is named as the scenario is.
struct Helm {
    program: PathBuf,
    kubeconfig: PathBuf,
    home: TempDir,
    release: &'static str,
}

impl Helm {
    async fn new(version: Version, release: &'static str) -> Self {
        let program = tokio::task::spawn_blocking(move || find_or_build(version)).await.unwrap().unwrap();
        let kubeconfig = control_plane::shared().await.unwrap().kubeconfig().to_owned();
        Self { program, kubeconfig, home: tempfile::tempdir().unwrap(), release }
    }

    /// Runs Helm with what the user has: a kubeconfig, and nothing in the environment that changes what Helm does.
    async fn run(&self, args: &[&str]) -> Result<String, String> {
        let home = self.home.path();
        let output = Command::new(&self.program)
            .args(args)
            .env_clear()
            .env("HOME", home)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("HELM_CACHE_HOME", home.join("cache"))
            .env("HELM_CONFIG_HOME", home.join("config"))
            .env("HELM_DATA_HOME", home.join("data"))
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        if output.status.success() { Ok(text) } else { Err(text) }
    }

    async fn install(&self, class: &Value) -> String {
        let chart = self.chart(Some(class));
        self.run(&["install", self.release, path_str(&chart)]).await.unwrap()
    }

    async fn upgrade(&self, class: Option<&Value>) -> Result<String, String> {
        let chart = self.chart(class);
        self.run(&["upgrade", self.release, path_str(&chart)]).await
    }

    async fn uninstall(&self) -> String {
        self.run(&["uninstall", self.release]).await.unwrap()
    }

    /// A chart with a ConfigMap and this class.
    fn chart(&self, class: Option<&Value>) -> PathBuf {
        let chart = self.home.path().join("chart");
        let templates = chart.join("templates");
        let _ = fs::remove_dir_all(&templates);
        fs::create_dir_all(&templates).unwrap();
        write(&chart.join("Chart.yaml"), &json!({"apiVersion": "v2", "name": "edge", "version": "1.0.0"}));
        let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": self.release}});
        write(&templates.join("config.yaml"), &config);
        if let Some(class) = class {
            write(&templates.join("class.yaml"), class);
        }
        chart
    }
}

/// JSON is YAML.
fn write(path: &Path, content: &Value) {
    fs::write(path, content.to_string()).unwrap();
}

/// The class as the chart has it: with a label that the default doesn't name.
fn charted(name: &str) -> Value {
    let mut class = default(name);
    class["apiVersion"] = json!("gateway.networking.k8s.io/v1");
    class["kind"] = json!("GatewayClass");
    class["metadata"]["labels"]["edition"] = json!("chart");
    class
}

/// The class as the defaults files have it: another label, and another description than the user's.
fn wanted(name: &str) -> Value {
    let default = with(default(name), "/metadata/labels/team", json!("platform"));
    with(default, "/spec/description", json!("second"))
}

/// A class that a chart made and a user edited.
async fn installed(s: &Scenario, helm: &Helm) -> (String, Value) {
    let name = s.name("a");
    helm.install(&charted(&name)).await;
    s.edit(&name, "kubectl-edit", &json!({"spec": {"description": "mine"}})).await;
    let class = s.get(&name).await;
    assert_eq!(class["metadata"]["labels"]["app.kubernetes.io/managed-by"], "Helm", "{class:#}");
    assert_eq!(owned_by(&class, "spec.description"), ["kubectl-edit"]);
    assert!(class["metadata"]["annotations"][KEEP].is_null(), "{class:#}");
    (name, class)
}

/// The class is ours, the user's field is the user's, and what only the chart names is still the chart's.
fn assert_moved(s: &Scenario, before: &Value, class: &Value) {
    let manager = s.manager();
    assert_eq!(class["metadata"]["uid"], before["metadata"]["uid"], "the same class: {class:#}");
    assert_eq!(class["metadata"]["annotations"][KEEP], "keep", "{class:#}");
    assert_eq!(class["metadata"]["labels"]["team"], "platform", "{class:#}");
    assert_eq!(class["spec"]["description"], "mine", "{class:#}");
    assert_eq!(class["spec"]["parametersRef"], before["spec"]["parametersRef"], "{class:#}");
    assert_eq!(owned_by(class, "spec.description"), ["kubectl-edit"], "{class:#}");
    for unit in ["metadata.labels['team']", "spec.parametersRef", "spec.controllerName"] {
        assert_eq!(owned_by(class, unit), [manager.as_str()], "{unit}: {class:#}");
    }
    assert_eq!(class["metadata"]["labels"]["edition"], "chart", "{class:#}");
    assert_eq!(owned_by(class, "metadata.labels['edition']"), ["helm"], "{class:#}");
}

fn owned_by(class: &Value, unit: &str) -> Vec<String> {
    owners(class, unit).into_iter().collect()
}

async fn adopt(s: &Scenario, name: &str) -> Value {
    let manager = s.manager();
    let args = ["adopt", name, "--from", "helm", "--defaults", s.defaults_arg(), "--field-manager", &manager];
    let adopted = s.command(&[&args[..], &["-o", "json"]].concat()).await;
    assert_eq!(adopted.status.code(), Some(0), "{adopted:?}");
    let report: Value = serde_json::from_slice(&adopted.stdout).unwrap();
    report["classes"][0].clone()
}

async fn a_class_adopted_by_the_command_outlives_its_chart(version: Version, prefix: &'static str) {
    let s = Scenario::new(prefix).await;
    let helm = Helm::new(version, prefix).await;
    let (name, before) = installed(&s, &helm).await;
    s.mount(&[wanted(&name)]);

    let adopted = adopt(&s, &name).await;
    assert_eq!(adopted["outcome"], "Adopted", "{adopted:#}");
    let first = &s.proxy.writes()[0];
    let keeps = |operation: &Value| operation["path"] == "/metadata/annotations/helm.sh~1resource-policy";
    assert!(first.body.as_array().unwrap().iter().any(keeps), "Helm is told before all else: {first:#?}");
    assert_moved(&s, &before, &s.get(&name).await);

    helm.upgrade(None).await.unwrap();
    assert_moved(&s, &before, &s.get(&name).await);
    helm.uninstall().await;
    assert_moved(&s, &before, &s.get(&name).await);

    s.mount(&[with(wanted(&name), "/metadata/labels/team", json!("new"))]);
    let applied = s.command(&["apply", s.defaults_arg(), "--field-manager", &s.manager()]).await;
    assert_eq!(applied.status.code(), Some(0), "{applied:?}");
    assert_eq!(s.get(&name).await["metadata"]["labels"]["team"], "new", "changes of the defaults go on reaching it");
}

#[tokio::test]
async fn a_class_adopted_by_the_command_outlives_its_chart_of_helm_3() {
    a_class_adopted_by_the_command_outlives_its_chart(Version::V3, "helm3-command").await;
}

#[tokio::test]
async fn a_class_adopted_by_the_command_outlives_its_chart_of_helm_4() {
    a_class_adopted_by_the_command_outlives_its_chart(Version::V4, "helm4-command").await;
}

async fn a_class_adopted_by_policy_outlives_its_chart(version: Version, prefix: &'static str) {
    let s = Scenario::new(prefix).await;
    let helm = Helm::new(version, prefix).await;
    let (name, before) = installed(&s, &helm).await;
    s.mount(&[with(wanted(&name), "/policy", json!({"adoptFrom": ["helm"]}))]);
    let program = s.run().await;
    let is_platform_s = |class: &Value| class["metadata"]["labels"]["team"] == "platform";
    let class = s.class_where(&name, "is adopted", is_platform_s).await;
    assert_moved(&s, &before, &class);

    helm.upgrade(None).await.unwrap();
    helm.uninstall().await;
    s.class_stays(&name, "as it was", |now| now["metadata"]["resourceVersion"] == class["metadata"]["resourceVersion"])
        .await;
    s.stays_quiet().await;
    let reported = program.class(&name).await;
    assert_eq!((&reported["outcome"], &reported["lastChange"]["outcome"]), (&json!("Unchanged"), &json!("Adopted")));
}

#[tokio::test]
async fn a_class_adopted_by_policy_outlives_its_chart_of_helm_3() {
    a_class_adopted_by_policy_outlives_its_chart(Version::V3, "helm3-policy").await;
}

#[tokio::test]
async fn a_class_adopted_by_policy_outlives_its_chart_of_helm_4() {
    a_class_adopted_by_policy_outlives_its_chart(Version::V4, "helm4-policy").await;
}

async fn a_class_is_deleted_with_its_chart(version: Version, prefix: &'static str) {
    let s = Scenario::new(prefix).await;
    let helm = Helm::new(version, prefix).await;
    let (name, _) = installed(&s, &helm).await;
    // Applied beside Helm, but not adopted: that's not enough.
    s.mount(&[default(&name)]);
    s.command(&["apply", s.defaults_arg(), "--field-manager", &s.manager()]).await;
    helm.upgrade(None).await.unwrap();
    s.class_where(&name, "is deleted", Value::is_null).await;

    // The annotation on the class holds for an upgrade. An uninstall goes by the chart.
    helm.upgrade(Some(&charted(&name))).await.unwrap();
    s.mount(&[wanted(&name)]);
    adopt(&s, &name).await;
    helm.uninstall().await;
    s.class_where(&name, "is deleted", Value::is_null).await;
}

#[tokio::test]
async fn without_adoption_or_with_the_class_in_the_chart_helm_3_deletes_it() {
    a_class_is_deleted_with_its_chart(Version::V3, "helm3-control").await;
}

#[tokio::test]
async fn without_adoption_or_with_the_class_in_the_chart_helm_4_deletes_it() {
    a_class_is_deleted_with_its_chart(Version::V4, "helm4-control").await;
}

async fn a_released_class_goes_back_into_its_chart(version: Version, prefix: &'static str) {
    let s = Scenario::new(prefix).await;
    let helm = Helm::new(version, prefix).await;
    let (name, before) = installed(&s, &helm).await;
    s.mount(&[wanted(&name)]);
    adopt(&s, &name).await;
    helm.upgrade(None).await.unwrap();

    let manager = s.manager();
    let released = s.command(&["release", &name, "--field-manager", &manager]).await;
    assert_eq!(released.status.code(), Some(0), "{released:?}");
    s.edit(&name, "kubectl-annotate", &json!({"metadata": {"annotations": {KEEP: null}}})).await;
    let chart = with(charted(&name), "/metadata/labels/team", json!("chart"));
    helm.upgrade(Some(&with(chart, "/spec/description", json!("mine")))).await.unwrap();
    let class = s.get(&name).await;
    assert_eq!(class["metadata"]["uid"], before["metadata"]["uid"], "the same class: {class:#}");
    // Helm 3 sends what differs between two charts, and the last one had no class: the values stay until the next.
    let team = match version {
        Version::V3 => "platform",
        Version::V4 => "chart",
    };
    assert_eq!(class["metadata"]["labels"]["team"], team, "{class:#}");
    assert_eq!(class["spec"]["description"], "mine", "{class:#}");
    helm.uninstall().await;
    s.class_where(&name, "is the chart's again", Value::is_null).await;
}

#[tokio::test]
async fn a_released_class_goes_back_into_its_chart_of_helm_3() {
    a_released_class_goes_back_into_its_chart(Version::V3, "helm3-back").await;
}

#[tokio::test]
async fn a_released_class_goes_back_into_its_chart_of_helm_4() {
    a_released_class_goes_back_into_its_chart(Version::V4, "helm4-back").await;
}
