//! The chart as Helm 3 and 4 render it: valid, the same as kustomize's, and particular about its values.

use std::collections::BTreeSet;
use std::process::Command;

use control_plane::helm::Version;
use serde_json::Value;

use crate::cluster::{cluster, said};
use crate::helm::{Helm, chart, full_values};
use crate::{kustomize, yaml};

#[tokio::test]
async fn both_helms_lint_it_and_the_server_takes_what_they_render() {
    let (cluster, values) = (cluster().await, full_values());
    cluster.namespace("templates").await;
    for version in Version::ALL {
        let helm = Helm::new(version).await;
        for further in [&[][..], &["--values", &values]] {
            helm.run(&[&["lint", "--strict", &chart()][..], further].concat()).await.unwrap();
            for release in ["classkeeper", "edge"] {
                let documents = helm.template(release, "templates", further).await.unwrap();
                let said = cluster.apply(&documents, &["--dry-run=server"]).await.unwrap();
                assert!(!said.contains("Warning"), "{version:?}: {said}");
            }
        }
    }
}

#[tokio::test]
async fn values_that_mean_nothing_are_refused() {
    let refusals: [(&[&str], &str); 15] = [
        (&["replicas=two"], "replicas"),
        (&["replicas=-1"], "replicas"),
        (&["replcas=2"], "replcas"),
        (&["image.repository="], "repository"),
        (&["image.digest=sha256:0"], "digest"),
        (&["defaults.notes\\.txt=a"], "notes.txt"),
        (&["configMaps={defaults}"], "configMaps"),
        (&["tenants.namespaces={a/b}"], "namespaces"),
        (&["fieldManager=a/b"], "fieldManager"),
        (&["removalDelay=3 minutes"], "removalDelay"),
        (&["logFormat=xml"], "logFormat"),
        (&["rbac.deletion=perhaps"], "deletion"),
        (&["networkPolicy=true"], "networkPolicy"),
        (&["leaderElection=false"], "two replicas without it would both write"),
        (&["existingConfigMap=mine", "defaults.a\\.yaml=a"], "exclude each other"),
    ];
    for version in Version::ALL {
        let helm = Helm::new(version).await;
        for (sets, words) in refusals {
            let args: Vec<_> = sets.iter().flat_map(|set| ["--set", *set]).collect();
            let refused = helm.template("edge", "a", &args).await.unwrap_err();
            assert!(refused.contains(words), "{version:?} {sets:?}: {refused}");
        }
        for release in ["a.b", &"long".repeat(13)] {
            let refused = helm.template(release, "a", &[]).await.unwrap_err();
            assert!(refused.contains("without dots, of 51 characters at most"), "{version:?}: {refused}");
        }
        let longest = "x".repeat(51);
        helm.template(&longest, "a", &[]).await.unwrap();
    }
}

#[tokio::test]
async fn values_reach_what_they_are_for() {
    let (helm, values) = (Helm::new(Version::V4).await, full_values());
    let documents = helm.template("edge", "a", &["--values", &values]).await.unwrap();
    let deployment = yaml::only(&documents, "Deployment");
    let pod = &deployment["spec"]["template"];
    let container = &pod["spec"]["containers"][0];
    assert_eq!(deployment["spec"]["replicas"], 3);
    let image = container["image"].as_str().unwrap();
    assert!(image.starts_with("registry.example.com:5000/platform/classkeeper@sha256:0123"), "{image}");
    let args: Vec<_> = container["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
    let expected = [
        "run",
        "--defaults=/etc/classkeeper/defaults",
        "--configmap=templates/more-classes",
        "--field-manager=platform-classes",
        "--removal-delay=10m",
        "--log-format=json",
        "--allow-empty",
        "--webhook-listen=0.0.0.0:8443",
        "--webhook-cert-dir=/etc/classkeeper/webhook",
    ];
    assert_eq!(args, expected);
    assert_eq!(
        (&pod["metadata"]["labels"]["team"], &pod["spec"]["priorityClassName"]),
        (&"platform".into(), &"system-cluster-critical".into())
    );
    assert_eq!(pod["spec"]["imagePullSecrets"][0]["name"], "registry");
    let verbs = &yaml::find(&documents, "ClusterRole", "classkeeper-edge")["rules"][0]["verbs"];
    assert!(verbs.as_array().unwrap().contains(&"delete".into()), "{verbs}");
    let follows_namespaces = |documents: &[Value], name: &str| {
        let rules = yaml::find(documents, "ClusterRole", name)["rules"].clone();
        rules.as_array().unwrap().iter().any(|rule| rule["resources"][0] == "namespaces")
    };
    assert!(follows_namespaces(&documents, "classkeeper-edge"));
    let plain = helm.template("classkeeper", "a", &[]).await.unwrap();
    assert!(!follows_namespaces(&plain, "classkeeper"), "a right that nothing needs");
    let monitor = yaml::only(&documents, "ServiceMonitor");
    assert_eq!(
        (&monitor["metadata"]["labels"]["release"], &monitor["spec"]["endpoints"][0]["interval"]),
        (&"kube-prometheus-stack".into(), &"30s".into())
    );

    let alone = ["--set", "leaderElection=false", "--set", "replicas=1", "--set", "existingConfigMap=mine"];
    let documents = helm.template("classkeeper", "a", &alone).await.unwrap();
    let deployment = yaml::only(&documents, "Deployment");
    assert_eq!(deployment["spec"]["strategy"]["type"], "Recreate");
    let pod = &deployment["spec"]["template"]["spec"];
    let args = pod["containers"][0]["args"].as_array().unwrap();
    assert!(
        args.contains(&"--leader-elect=false".into()) && args.contains(&"--field-manager=classkeeper".into()),
        "{args:?}"
    );
    assert_eq!(pod["volumes"][0]["configMap"]["name"], "mine");
    assert!(!documents.iter().any(|document| document["kind"] == "ConfigMap"), "{:?}", yaml::names(&documents));
    let role = yaml::find(&documents, "Role", "classkeeper");
    assert!(!role.to_string().contains("leases"), "{role:#}");

    let live = ["--set", "configMaps={team/classes}", "--set", "tenants.namespaces={team-a,team-b}"];
    let documents = helm.template("classkeeper", "a", &live).await.unwrap();
    let pod = &yaml::only(&documents, "Deployment")["spec"]["template"]["spec"];
    let args = pod["containers"][0]["args"].as_array().unwrap();
    assert!(args.contains(&"--configmap=team/classes".into()) && !pod.to_string().contains("volume"), "{pod:#}");
    let role = yaml::find(&documents, "Role", "classkeeper-read-classes");
    assert_eq!(
        (&role["metadata"]["namespace"], &role["rules"][0]["resourceNames"][0]),
        (&"team".into(), &"classes".into())
    );
    let bound = documents.iter().filter(|document| document["roleRef"]["name"] == "classkeeper-tenant");
    let bound: Vec<_> = bound.map(|binding| binding["metadata"]["namespace"].as_str().unwrap()).collect();
    assert_eq!(bound, ["team-a", "team-b"]);

    let off = ["networkPolicy.enabled", "podDisruptionBudget.enabled", "uninstall.release"]
        .map(|name| format!("{name}=false"));
    let args: Vec<_> = off.iter().flat_map(|set| ["--set", set]).collect();
    let kinds: BTreeSet<_> =
        yaml::names(&helm.template("classkeeper", "a", &args).await.unwrap()).into_iter().collect();
    for kind in ["NetworkPolicy", "PodDisruptionBudget", "Job", "ServiceMonitor", "PrometheusRule"] {
        assert!(!kinds.iter().any(|name| name.starts_with(kind)), "{kinds:?}");
    }
}

/// A value without what only says which installation it belongs to.
fn without_selectors(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map
                .iter()
                .filter(|(key, _)| !matches!(&***key, "matchLabels" | "labels" | "image" | "args" | "imagePullPolicy"));
            kept.map(|(key, value)| (key.clone(), without_selectors(value))).collect()
        }
        Value::Array(items) => items.iter().map(without_selectors).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

#[tokio::test]
async fn it_installs_what_kustomize_installs() {
    let base = kustomize::render(cluster().await, "deploy/kustomize").await;
    let chart = Helm::new(Version::V3).await.template("classkeeper", "classkeeper", &[]).await.unwrap();
    let compared = [
        "Deployment",
        "Role",
        "ClusterRole",
        "RoleBinding",
        "ClusterRoleBinding",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "ServiceAccount",
    ];
    for kind in compared {
        let [from_base, from_chart] = [&base, &chart].map(|documents| {
            let mut object = without_selectors(yaml::find(documents, kind, "classkeeper"));
            object["metadata"] = Value::Null;
            object
        });
        assert_eq!(from_base, from_chart, "{kind}");
    }
}

#[tokio::test]
async fn two_releases_never_share_a_field_manager() {
    let helm = Helm::new(Version::V4).await;
    let mut managers = BTreeSet::new();
    for release in ["classkeeper", "edge", "classkeeper-edge"] {
        let documents = helm.template(release, "a", &[]).await.unwrap();
        let container = &yaml::only(&documents, "Deployment")["spec"]["template"]["spec"]["containers"][0];
        let args = container["args"].as_array().unwrap().iter().filter_map(Value::as_str);
        let manager = args.filter_map(|arg| arg.strip_prefix("--field-manager=")).collect::<Vec<_>>().join(" ");
        // The name of a cluster-scoped object: a release of the same name in another namespace is refused by it.
        yaml::find(&documents, "ClusterRole", &manager);
        managers.insert(manager);
    }
    assert!(managers.into_iter().eq(["classkeeper", "classkeeper-classkeeper-edge", "classkeeper-edge"]));
}

/// Whatever the values are, the program understands the arguments.
#[tokio::test]
async fn the_arguments_are_the_program_s() {
    let (helm, values) = (Helm::new(Version::V3).await, full_values());
    let alone = ["--set", "leaderElection=false", "--set", "replicas=1"];
    for further in [&[][..], &["--values", &values], &alone] {
        let documents = helm.template("edge", "a", further).await.unwrap();
        for kind in ["Deployment", "Job"] {
            let container = &yaml::only(&documents, kind)["spec"]["template"]["spec"]["containers"][0];
            let mut command = Command::new(env!("CARGO_BIN_EXE_classkeeper"));
            command.args(container["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()));
            said(&command.arg("--help").output().unwrap()).unwrap();
        }
    }
}
