//! A release of the chart from `helm install` to `helm uninstall`, against a real API server. What runs in Pods is run by
//! the test: with the container's arguments and the ServiceAccount's rights.

use std::process::Stdio;

use control_plane::helm::Version;
use serde_json::{Value, json};

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
    async fn install(&self, namespace: &str, name: &str, further: &[&str]) -> Result<String, String> {
        let kubeconfig = self.cluster.kubeconfig().to_str().unwrap();
        let chart = chart();
        let fixed = ["install", name, &chart, "--namespace", namespace, "--kubeconfig", kubeconfig];
        self.helm.run(&[&fixed[..], further].concat()).await
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
    container.stop().await;

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
    let kubeconfig = cluster.kubeconfig().to_str().unwrap();
    let mut uninstall =
        release.helm.command(&["uninstall", name, "--namespace", name, "--kubeconfig", kubeconfig, "--timeout=2m"]);
    let running = uninstall.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let job = format!("{}-release", release.full_name());
    let created = || async {
        let job = release.get("job", &job).await;
        if job.is_null() { Err("no Job yet".to_owned()) } else { Ok(job) }
    };
    let found = eventually("Helm makes the Job", created).await;
    assert!(release.get("role", "classkeeper").await.is_null(), "the controller's rights are gone before");
    cluster.create_pod(name, "release", &found["spec"]["template"]).await.unwrap();

    let pod = &found["spec"]["template"]["spec"];
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

    let now = k8s_openapi::jiff::Timestamp::now();
    let now = format!("{now:.0}");
    let condition = |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": now});
    let status = json!({"status": {"startTime": now, "completionTime": now, "succeeded": 1,
        "conditions": [condition("SuccessCriteriaMet"), condition("Complete")]}});
    let patch = [
        "patch",
        "job",
        &job,
        "--namespace",
        name,
        "--subresource=status",
        "--type=merge",
        "--patch",
        &status.to_string(),
    ];
    cluster.run(&patch).await.unwrap();
    let done = said(&running.wait_with_output().await.unwrap()).unwrap();
    assert!(done.contains("uninstalled"), "{done}");
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
