//! A release of the chart from `helm install` to `helm uninstall`, against a real API server. What runs in Pods is run by
//! the test: with the container's arguments and the ServiceAccount's rights.

use std::process::Stdio;

use control_plane::helm::Version;
use serde_json::{Value, json};
use tokio::process::Child;

use crate::cluster::{Cluster, cluster, eventually, said};
use crate::helm::{Helm, chart};
use crate::program::{Container, run_to_end};
use crate::yaml;

/// A release: its name is that of its namespace and the prefix of its classes.
struct Release {
    cluster: &'static Cluster,
    helm: Helm,
    name: &'static str,
}

impl Release {
    /// Installs or upgrades a release.
    async fn helm(&self, how: &str, namespace: &str, name: &str, further: &[&str]) -> Result<String, String> {
        let kubeconfig = self.cluster.kubeconfig().to_str().unwrap();
        let chart = chart();
        let fixed = [how, name, &chart, "--namespace", namespace, "--kubeconfig", kubeconfig];
        self.helm.run(&[&fixed[..], further].concat()).await
    }

    async fn install(&self, namespace: &str, name: &str, further: &[&str]) -> Result<String, String> {
        self.helm("install", namespace, name, further).await
    }

    /// Begins `helm uninstall`, which goes on when its Job has ended; the Job, and what waits for it.
    async fn begin_uninstall(&self) -> (Value, Child) {
        let kubeconfig = self.cluster.kubeconfig().to_str().unwrap();
        let args = ["uninstall", self.name, "--namespace", self.name, "--kubeconfig", kubeconfig, "--timeout=2m"];
        let mut uninstall = self.helm.command(&args);
        let running = uninstall.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let name = format!("{}-release", self.full_name());
        let created = || async {
            let job = self.get("job", &name).await;
            if job.is_null() { Err("no Job yet".to_owned()) } else { Ok(job) }
        };
        (eventually("Helm makes the Job", created).await, running)
    }

    /// Says of the Job what its controller would.
    async fn end_job(&self, conditions: [&str; 2]) {
        let now = format!("{:.0}", k8s_openapi::jiff::Timestamp::now());
        let condition = |kind| json!({"type": kind, "status": "True", "lastTransitionTime": now});
        let mut status = json!({"startTime": now, "conditions": conditions.map(condition)});
        if conditions[1] == "Complete" {
            (status["completionTime"], status["succeeded"]) = (now.as_str().into(), 1.into());
        }
        let (name, patch) = (format!("{}-release", self.full_name()), json!({ "status": status }).to_string());
        let patch = ["--subresource=status", "--type=merge", "--patch", &patch];
        let args = [&["patch", "job", &name, "--namespace", self.name], &patch[..]].concat();
        self.cluster.run(&args).await.unwrap();
    }

    fn class(&self, suffix: &str) -> String {
        format!("{}-{suffix}", self.name)
    }

    fn full_name(&self) -> String {
        format!("classkeeper-{}", self.name)
    }

    async fn get(&self, kind: &str, name: &str) -> Value {
        self.cluster.get(kind, self.name, name).await
    }

    /// The names of those who own anything of a class.
    async fn owners(&self, suffix: &str) -> Vec<String> {
        let class = self.get("gatewayclass", &self.class(suffix)).await;
        let entries = class["metadata"]["managedFields"].as_array().unwrap().iter();
        entries.map(|entry| entry["manager"].as_str().unwrap().to_owned()).collect()
    }

    /// Somebody holds the Lease of this namespace for that long, from now.
    async fn hold_lease(&self, seconds: u32) {
        let now = k8s_openapi::jiff::Timestamp::now();
        let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": "classkeeper", "namespace": self.name},
            "spec": {"holderIdentity": "killed", "leaseDurationSeconds": seconds, "renewTime": format!("{now:.6}")}});
        self.cluster.apply(&[lease], &["--force-conflicts"]).await.unwrap();
    }
}

async fn a_release_comes_runs_and_leaves_nothing_but_classes(version: Version, name: &'static str) {
    let release = Release { cluster: cluster().await, helm: Helm::new(version).await, name };
    let cluster = release.cluster;
    cluster.namespace(name).await;

    // It comes.
    let values = tempfile::NamedTempFile::with_suffix(".json").unwrap();
    let document = |suffix: &str| {
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": release.class(suffix)},
            "spec": {"controllerName": "example.com/controller", "description": "shipped"}})
    };
    let files = json!({"10.yaml": document("a").to_string(), "20.yaml": document("b").to_string()});
    std::fs::write(values.path(), json!({ "defaults": files }).to_string()).unwrap();
    let with_values = ["--values", values.path().to_str().unwrap()];
    let notes = release.install(name, name, &with_values).await.unwrap();
    assert!(notes.contains(&format!("under the field manager \"classkeeper-{name}\"")), "{notes}");
    assert!(!notes.contains("Warning"), "{notes}");
    let refused = release.install(name, "second", &[]).await.unwrap_err();
    assert!(refused.contains("Role \"classkeeper\"") && refused.contains("cannot be imported"), "{refused}");
    let elsewhere = format!("{name}-elsewhere");
    cluster.namespace(&elsewhere).await;
    let refused = release.install(&elsewhere, name, &[]).await.unwrap_err();
    assert!(refused.contains(&format!("ClusterRole \"classkeeper-{name}\"")), "{refused}");

    // It runs.
    let deployment = release.get("deployment", &release.full_name()).await;
    let template = &deployment["spec"]["template"];
    cluster.create_pod(name, "controller", template).await.unwrap();
    let files = release.get("configmap", &format!("{}-defaults", release.full_name())).await["data"].clone();
    let container = Container::start(cluster, name, &template["spec"], &files).await;
    for suffix in ["a", "b"] {
        let there = || async {
            let class = release.get("gatewayclass", &release.class(suffix)).await;
            if class.is_null() { Err(container.log()) } else { Ok(()) }
        };
        eventually("the class is created", there).await;
        assert_eq!(release.owners(suffix).await, [release.full_name()]);
    }
    assert!(!container.log().contains("orbidden"), "{}", container.log());
    let holder = async || release.get("lease", "classkeeper").await["spec"]["holderIdentity"].clone();
    assert!(holder().await.as_str().unwrap().starts_with("a-pod"), "who writes holds the Lease");
    container.stop().await;
    assert!(holder().await.as_str().is_none_or(str::is_empty), "and gives it up at the end: {}", holder().await);

    // Somebody else takes the files over.
    let defaults = format!("{}-defaults", release.full_name());
    let existing = format!("existingConfigMap={defaults}");
    release.helm("upgrade", name, name, &["--set", &existing]).await.unwrap();
    assert_eq!(release.get("configmap", &defaults).await["data"], files);
    let deployment = release.get("deployment", &release.full_name()).await;
    assert_eq!(deployment["spec"]["template"]["spec"]["volumes"][0]["configMap"]["name"], defaults.as_str());

    // It leaves.
    uninstall(&release).await;
    for suffix in ["a", "b"] {
        assert_eq!(release.owners(suffix).await, ["classkeeper-released"]);
        let class = release.get("gatewayclass", &release.class(suffix)).await;
        assert_eq!(class["spec"]["description"], "shipped", "{class:#}");
    }
    let left = [
        "get",
        "all,job,configmap,role,rolebinding,serviceaccount,networkpolicy,poddisruptionbudget",
        "--output=name",
        "--namespace",
        name,
    ];
    let left = cluster.run(&left).await.unwrap();
    assert_eq!(left, format!("pod/controller\npod/release\nconfigmap/classkeeper-{name}-defaults\n"));
    let cluster_wide = cluster.run(&["get", "clusterrole,clusterrolebinding", "--output=name"]).await.unwrap();
    assert!(!cluster_wide.contains(&release.full_name()), "{cluster_wide}");

    // It may come back, and finds the files that stayed.
    release.install(name, name, &with_values).await.unwrap();
    let kubeconfig = cluster.kubeconfig().to_str().unwrap();
    release
        .helm
        .run(&["uninstall", name, "--namespace", name, "--kubeconfig", kubeconfig, "--no-hooks"])
        .await
        .unwrap();
}

/// `helm uninstall`, whose Job is run by the test.
async fn uninstall(release: &Release) {
    let (cluster, name) = (release.cluster, release.name);
    let (job, running) = release.begin_uninstall().await;
    assert!(release.get("role", "classkeeper").await.is_null(), "the controller's rights are gone before");
    cluster.create_pod(name, "release", &job["spec"]["template"]).await.unwrap();

    let pod = &job["spec"]["template"]["spec"];
    release.hold_lease(3600).await;
    let refused = said(&run_to_end(cluster, name, pod).await).unwrap_err();
    assert!(refused.contains("the controller killed is running"), "{refused}");
    // Nobody renews it: one of the Job's next attempts gets through.
    release.hold_lease(1).await;
    let attempt = || async { said(&run_to_end(cluster, name, pod).await) };
    let released = eventually("the classes are released", attempt).await;
    assert!(released.contains("2 Released"), "{released}");
    let again = said(&run_to_end(cluster, name, pod).await).unwrap();
    assert!(again.contains("owns nothing on this cluster"), "{again}");

    release.end_job(["SuccessCriteriaMet", "Complete"]).await;
    let done = said(&running.wait_with_output().await.unwrap()).unwrap();
    assert!(done.contains("uninstalled"), "{done}");
}

/// The Job stays for its log, and its rights don't.
async fn a_job_that_fails_leaves_no_rights(version: Version, name: &'static str) {
    let release = Release { cluster: cluster().await, helm: Helm::new(version).await, name };
    release.cluster.namespace(name).await;
    release.install(name, name, &[]).await.unwrap();
    let (_, running) = release.begin_uninstall().await;
    release.end_job(["FailureTarget", "Failed"]).await;
    let failed = said(&running.wait_with_output().await.unwrap()).unwrap_err();
    assert!(failed.to_lowercase().contains("failed"), "{failed}");
    let left = ["get", "job,role,rolebinding,serviceaccount", "--output=name", "--namespace", name];
    let left = release.cluster.run(&left).await.unwrap();
    assert_eq!(left, format!("job.batch/{}-release\n", release.full_name()));
}

#[tokio::test]
async fn a_job_that_fails_leaves_no_rights_with_helm_3() {
    a_job_that_fails_leaves_no_rights(Version::V3, "failing3").await;
}

#[tokio::test]
async fn a_job_that_fails_leaves_no_rights_with_helm_4() {
    a_job_that_fails_leaves_no_rights(Version::V4, "failing4").await;
}

#[tokio::test]
async fn a_release_of_helm_3_comes_runs_and_leaves_nothing_but_classes() {
    a_release_comes_runs_and_leaves_nothing_but_classes(Version::V3, "edge3").await;
}

#[tokio::test]
async fn a_release_of_helm_4_comes_runs_and_leaves_nothing_but_classes() {
    a_release_comes_runs_and_leaves_nothing_but_classes(Version::V4, "edge4").await;
}

/// The attempts of the Job outlast a Lease that nobody gave up, and end before Helm gives up by itself.
#[tokio::test]
async fn the_job_outlasts_a_killed_controller_and_not_helm() {
    let documents = Helm::new(Version::V3).await.template("edge", "a", &[]).await.unwrap();
    let job = &yaml::only(&documents, "Job")["spec"];
    // The Job controller waits 10 s before the second attempt, then twice as long each time.
    let retries = u32::try_from(job["backoffLimit"].as_u64().unwrap()).unwrap();
    let last_attempt = 10 * (2_u64.pow(retries) - 1);
    let grace = yaml::only(&documents, "Deployment")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        .as_u64()
        .unwrap();
    let lease = 15;
    let deadline = job["activeDeadlineSeconds"].as_u64().unwrap();
    let helm_waits = 5 * 60;
    assert!(grace + lease < last_attempt && last_attempt + 30 < deadline && deadline < helm_waits, "{job:#}");
}
