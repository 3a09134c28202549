//! The shipped rights are what the program needs: with all of them the whole flow succeeds, and without any one of them
//! an error names the rule that is missing, while the rest goes on.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use control_plane::{Binaries, ControlPlane, Options, User};
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use crate::program::Program;
use crate::scenario::{Scenario, default, eventually, with};

/// Flows that run side by side.
const AT_ONCE: usize = 5;
/// How long a step is waited for that may never come, since a right for it may be missing.
const STEP: Duration = Duration::from_secs(6);
/// The server's lists are asked for as lists here, not as the beginning of a watch: that needs one right more, and older
/// or restricted servers know no other way.
const NO_STREAMING_LISTS: &str = "--feature-gates=WatchList=false";

/// One right: a verb on a resource.
#[derive(Clone, Debug, PartialEq)]
struct Right {
    /// Whether it stands in a Role or a `ClusterRole`.
    kind: &'static str,
    group: String,
    resource: String,
    names: Value,
    verb: String,
}

impl Right {
    /// All rights of the rendered manifests.
    fn shipped() -> Vec<Self> {
        let component = |name| kustomize_component(&format!("deploy/kustomize/components/{name}"));
        Self::of(&[kustomize("deploy/kustomize"), component("deletion"), component("templates")])
    }

    fn of(rendered: &[String]) -> Vec<Self> {
        let documents = rendered.iter().flat_map(|text| documents(text)).collect::<Vec<_>>();
        let mut rights = Vec::new();
        for kind in ["ClusterRole", "Role"] {
            for role in documents.iter().filter(|document| document["kind"] == kind) {
                for rule in role["rules"].as_array().unwrap() {
                    rights.extend(Self::of_rule(kind, rule));
                }
            }
        }
        rights
    }

    fn of_rule(kind: &'static str, rule: &Value) -> Vec<Self> {
        let texts = |key: &str| -> Vec<String> {
            rule[key].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
        };
        let mut rights = Vec::new();
        for group in texts("apiGroups") {
            for resource in texts("resources") {
                for verb in texts("verbs") {
                    let (group, resource, names) = (group.clone(), resource.clone(), rule["resourceNames"].clone());
                    rights.push(Self { kind, group, resource, names, verb });
                }
            }
        }
        rights
    }

    fn rule(&self) -> Value {
        let mut rule = json!({"apiGroups": [self.group], "resources": [self.resource], "verbs": [self.verb]});
        if !self.names.is_null() {
            rule["resourceNames"] = self.names.clone();
        }
        rule
    }

    /// What an error says of it. Where it has to stand follows from where it was wanted.
    fn words(&self) -> String {
        let group = if self.group.is_empty() { "\"\"" } else { &self.group };
        format!("apiGroups: [{group}], resources: [{}], verbs: [{}]", self.resource, self.verb)
    }

    /// Whether nothing can be kept without it.
    fn is_vital(&self) -> bool {
        self.resource == "leases" || (self.resource == "gatewayclasses" && !["get", "delete"].contains(&&*self.verb))
    }
}

fn kustomize(folder: &str) -> String {
    let kubectl = Binaries::find_or_build().unwrap().kubectl().unwrap();
    let output = Command::new(kubectl).args(["kustomize", folder]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A component adds to a kustomization: here to an empty one.
fn kustomize_component(folder: &str) -> String {
    let path = Path::new(folder);
    let mut text = String::new();
    for file in std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()) {
        if file.file_name().unwrap() != "kustomization.yaml" {
            text += &(std::fs::read_to_string(file).unwrap() + "\n---\n");
        }
    }
    text
}

fn documents(text: &str) -> Vec<Value> {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_multiple_with_options(text, options).unwrap()
}

fn user_name(case: usize) -> String {
    format!("system:serviceaccount:{}:classkeeper", namespace(case))
}

fn namespace(case: usize) -> String {
    format!("rights-{case}")
}

/// Gives a case's user these rights, in a namespace of its own.
async fn grant(s: &Scenario, case: usize, rights: &[Right]) {
    let (name, namespace) = (namespace(case), namespace(case));
    let metadata = json!({"name": name});
    s.create("/api/v1/namespaces", &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})).await;
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    for (kind, collection) in
        [("ClusterRole", format!("{rbac}/clusterrole")), ("Role", format!("{rbac}/namespaces/{namespace}/role"))]
    {
        let rules: Vec<_> = rights.iter().filter(|right| right.kind == kind).map(Right::rule).collect();
        let api_version = "rbac.authorization.k8s.io/v1";
        let role = json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "rules": rules});
        s.create(&format!("{collection}s"), &role).await;
        let binding = json!({"apiVersion": api_version, "kind": format!("{kind}Binding"), "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": "classkeeper", "namespace": namespace}]});
        s.create(&format!("{collection}bindings"), &binding).await;
    }
}

/// Waits some time for what may never come.
async fn maybe(s: &Scenario, class: &str, is: impl Fn(&Value) -> bool) {
    let start = Instant::now();
    while start.elapsed() < STEP && !is(&s.get(class).await) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn is_held(class: &Value) -> bool {
    !class["metadata"]["finalizers"].is_null()
}

/// Every feature that needs a right of its own, once: a template, protection, drift and drift again, a class that stays deleted, one
/// that is released and one that is deleted.
async fn flow(s: &Scenario, program: &Program) {
    let [protected, stays, released, deleted] = ["protected", "stays", "released", "deleted"].map(|name| s.name(name));
    let teams = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": s.name("teams")}});
    s.create("/api/v1/namespaces", &teams).await;
    for class in [&protected, &stays, &released, &deleted, &s.name("teams-edge")] {
        maybe(s, class, |class| !class.is_null()).await;
    }
    s.create_gateway(&protected).await;
    maybe(s, &protected, is_held).await;
    for _ in 0..2 {
        if !s.get(&stays).await.is_null() {
            s.edit(&stays, "somebody", &json!({"metadata": {"labels": {"team": null}}})).await;
        }
        maybe(s, &stays, |class| class["metadata"]["labels"]["team"] == "edge").await;
    }
    s.mount(&kept(s));
    maybe(s, &deleted, Value::is_null).await;
    let manager = s.manager();
    maybe(s, &released, |class| !class["metadata"]["managedFields"].to_string().contains(&manager)).await;
    assert_eq!(program.get("/livez").await.0, 200, "it runs on, whatever it may not do");
}

fn kept(s: &Scenario) -> [Value; 2] {
    let with_policy = |name: &str, policy: Value| with(default(&s.name(name)), "/policy", policy);
    [with_policy("protected", json!({"protect": true})), with_policy("stays", json!({"onDelete": "StayDeleted"}))]
}

fn all(s: &Scenario) -> Vec<Value> {
    let deleted = with(default(&s.name("deleted")), "/policy", json!({"onRemove": "Delete"}));
    let template = json!({
        "apiVersion": "classkeeper.dev/v1alpha1", "kind": "GatewayClassTemplate", "metadata": {"name": "per-team"},
        "forEach": {"namespaces": {"selector": {"matchLabels": {"kubernetes.io/metadata.name": s.name("teams")}}}},
        "template": {
            "metadata": {"name": "${namespace.name}-edge"},
            "spec": {"controllerName": "example.com/controller"},
        },
    });
    kept(s).into_iter().chain([default(&s.name("released")), deleted, template]).collect()
}

/// Starts the program as a case's user, in its Pod, and takes it through the flow.
async fn run(control_plane: &ControlPlane, case: usize, rights: &[Right]) -> (Scenario, Program) {
    let prefix: &'static str = Box::leak(namespace(case).into_boxed_str());
    let s = Scenario::on(prefix, control_plane.client().await.unwrap()).await;
    grant(&s, case, rights).await;
    let (_, kubeconfig) = s.another_way(control_plane.client_as(&user_name(case)).await.unwrap()).await;
    s.mount(&all(&s));
    let namespace = namespace(case);
    let pod = [("POD_NAME", "classkeeper-0"), ("POD_NAMESPACE", &*namespace), ("POD_UID", "0b1e")];
    let program = Program::start_in(&pod, &kubeconfig, &s.defaults, &s.manager(), &["--removal-delay", "0s"]);
    flow(&s, &program).await;
    (s, program)
}

/// The log lines that name a right.
fn complaints(program: &Program) -> Vec<String> {
    program.log().iter().map(Value::to_string).filter(|line| line.contains("verbs: [")).collect()
}

/// Waits for an error that names a right in these words.
async fn complains(program: &Program, words: &str) {
    eventually(&format!("without it, an error names {words:?}"), || async {
        let complaints = complaints(program);
        let found = complaints.iter().any(|line| unescaped(line).contains(words));
        if found { Ok(()) } else { Err(format!("{complaints:#?} in {:#?}", program.log())) }
    })
    .await;
}

#[tokio::test]
async fn the_shipped_rights_are_enough_and_none_is_too_much() {
    let rights = Right::shipped();
    assert!(rights.len() > 15, "{rights:#?}");
    let users = (0..=rights.len())
        .map(|case| User { name: user_name(case), token: format!("token-{case}"), groups: groups(case) })
        .collect();
    let options = Options { users, apiserver_args: vec![NO_STREAMING_LISTS.to_owned()], ..Options::default() };
    let control_plane = ControlPlane::start(options).await.unwrap();

    let (s, program) = run(&control_plane, rights.len(), &rights).await;
    assert!(is_held(&s.get(&s.name("protected")).await), "{:#?}", program.log());
    assert!(s.get(&s.name("deleted")).await.is_null(), "{:#?}", program.log());
    assert!(!s.get(&s.name("teams-edge")).await.is_null(), "{:#?}", program.log());
    assert_eq!(complaints(&program), Vec::<String>::new());
    program.class_is(&s.name("stays"), "Unchanged").await;

    let without = |case: usize| {
        let (control_plane, rights) = (&control_plane, &rights);
        async move {
            let missing = &rights[case];
            let rest: Vec<_> = rights.iter().filter(|right| *right != missing).cloned().collect();
            let (s, program) = run(control_plane, case, &rest).await;
            // The verb is in a list of its own, so that this is no other right.
            let words = missing.words();
            complains(&program, &words).await;
            let others: Vec<_> = complaints(&program);
            let others: Vec<_> = others.iter().filter(|line| !unescaped(line).contains(&words)).collect();
            assert!(others.is_empty(), "without {words:?}, others are named: {others:#?}");
            let class = s.get(&s.name("protected")).await;
            assert!(missing.is_vital() || !class.is_null(), "without {words:?}, nothing is kept at all");
        }
    };
    stream::iter((0..rights.len()).map(without)).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}

/// The webhook needs its own, and no other: with all of them its certificates are made and trusted.
#[tokio::test]
async fn the_rights_of_admission_are_enough_and_none_is_too_much() {
    let base = Right::of(&[kustomize("deploy/kustomize")]);
    let rights = Right::of(&[kustomize_component("deploy/kustomize/components/admission")]);
    assert_eq!(rights.len(), 9, "{rights:#?}");
    let users = (0..=rights.len())
        .map(|case| User { name: user_name(case), token: format!("token-{case}"), groups: groups(case) })
        .collect();
    let options = Options { users, apiserver_args: vec![NO_STREAMING_LISTS.to_owned()], ..Options::default() };
    let control_plane = ControlPlane::start(options).await.unwrap();
    // All cases write to it, one after the other. It calls nobody: no ConfigMap has this label.
    let configuration = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "classkeeper"}, "webhooks": [{"name": "a.classkeeper.dev", "sideEffects": "None",
            "admissionReviewVersions": ["v1"], "clientConfig": {"url": "https://127.0.0.1:1/"},
            "objectSelector": {"matchLabels": {"none": "has-it"}}, "failurePolicy": "Ignore",
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["CREATE"]}]}]});
    let path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
    for case in 0..=rights.len() {
        let prefix: &'static str = Box::leak(namespace(case).into_boxed_str());
        let s = Scenario::on(prefix, control_plane.client().await.unwrap()).await;
        if case == 0 {
            s.create(path, &configuration).await;
        }
        let missing = rights.get(case);
        let rest = rights.iter().filter(|right| missing != Some(right));
        grant(&s, case, &base.iter().chain(rest).cloned().collect::<Vec<_>>()).await;
        let (_, kubeconfig) = s.another_way(control_plane.client_as(&user_name(case)).await.unwrap()).await;
        s.mount(&[default(&s.name("a"))]);
        let further = ["--webhook-listen", "127.0.0.1:0", "--namespace", &namespace(case)];
        let program = Program::start(&kubeconfig, &s.defaults, &s.manager(), &further);
        program.ready().await;
        let Some(missing) = missing else {
            let secret = format!("/api/v1/namespaces/{}/secrets/classkeeper-webhook", namespace(case));
            eventually("its authority is trusted", || async {
                let (secret, configuration) = (s.object(&secret).await, s.object(&format!("{path}/classkeeper")).await);
                let bundle = &configuration["webhooks"][0]["clientConfig"]["caBundle"];
                if bundle.is_string() && secret["data"]["ca.crt"] == *bundle {
                    Ok(())
                } else {
                    Err(format!("{secret}"))
                }
            })
            .await;
            assert_eq!(complaints(&program), Vec::<String>::new());
            continue;
        };
        let words = missing.words();
        complains(&program, &words).await;
        let others = complaints(&program);
        assert!(others.iter().all(|line| unescaped(line).contains(&words)), "without {words:?}: {others:#?}");
        program.class_is(&s.name("a"), "Unchanged").await;
    }
}

/// A line of the log, as JSON, with its quotes as they were meant.
fn unescaped(line: &str) -> String {
    line.replace("\\\"", "\"")
}

fn groups(case: usize) -> Vec<String> {
    vec![
        "system:serviceaccounts".to_owned(),
        format!("system:serviceaccounts:{}", namespace(case)),
        "system:authenticated".to_owned(),
    ]
}

/// The rights on ConfigMaps of a component, each by itself.
fn config_map_rights(component: &str, kind: &'static str) -> Vec<Right> {
    let documents = documents(&kustomize_component(&format!("deploy/kustomize/components/{component}")));
    let role = documents.iter().find(|document| document["kind"] == kind).unwrap();
    role["rules"].as_array().unwrap().iter().flat_map(|rule| Right::of_rule(kind, rule)).collect()
}

/// Binds these rights to a case's user, in a namespace.
async fn bind(s: &Scenario, case: usize, namespace: &str, rights: &[&Right]) {
    let rbac = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}");
    let (api_version, metadata) = ("rbac.authorization.k8s.io/v1", json!({"name": "config-maps"}));
    let rules: Vec<_> = rights.iter().map(|right| right.rule()).collect();
    s.create(
        &format!("{rbac}/roles"),
        &json!({"apiVersion": api_version, "kind": "Role", "metadata": metadata, "rules": rules}),
    )
    .await;
    let binding = json!({"apiVersion": api_version, "kind": "RoleBinding", "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "config-maps"},
        "subjects": [{"kind": "ServiceAccount", "name": "classkeeper", "namespace": self::namespace(case)}]});
    s.create(&format!("{rbac}/rolebindings"), &binding).await;
}

#[tokio::test]
async fn the_rights_on_config_maps_are_enough_and_none_is_too_much() {
    let platform = config_map_rights("live-defaults", "Role");
    let tenants = config_map_rights("tenancy", "ClusterRole");
    assert_eq!((platform.len(), tenants.len()), (2, 3));
    let all: Vec<_> = platform.iter().chain(&tenants).collect();
    let users = (0..=all.len())
        .map(|case| User { name: user_name(case), token: format!("token-{case}"), groups: groups(case) })
        .collect();
    let options = Options { users, apiserver_args: vec![NO_STREAMING_LISTS.to_owned()], ..Options::default() };
    let control_plane = ControlPlane::start(options).await.unwrap();
    let case = |case: usize| {
        let (control_plane, all, platform) = (&control_plane, &all, &platform);
        async move {
            let missing = all.get(case).copied();
            let prefix: &'static str = Box::leak(format!("maps-{case}").into_boxed_str());
            let s = Scenario::on(prefix, control_plane.client().await.unwrap()).await;
            grant(&s, case, &Right::shipped()).await;
            let (own, team) = (namespace(case), s.namespace("team").await);
            let rest = |of: &[&Right]| -> Vec<Right> {
                of.iter().filter(|right| Some(**right) != missing).map(|right| (*right).clone()).collect()
            };
            let (of_platform, of_team) = all.split_at(platform.len());
            for (namespace, rights) in [(&own, rest(of_platform)), (&team, rest(of_team))] {
                bind(&s, case, namespace, &rights.iter().collect::<Vec<_>>()).await;
            }
            let tenant = crate::teams::tenant("a", &team, &s.name("*"), &json!({}));
            s.config_map(&own, "classkeeper-defaults", None, &[tenant, default(&s.name("platform"))]).await;
            s.files(&team, "classes", &[crate::teams::plain(&s.name("team"))]).await;
            let (_, kubeconfig) = s.another_way(control_plane.client_as(&user_name(case)).await.unwrap()).await;
            let pod = [("POD_NAME", "classkeeper-0"), ("POD_NAMESPACE", &*own), ("POD_UID", "0b1e")];
            let args = ["--configmap", &format!("{own}/classkeeper-defaults"), "--removal-delay", "0s"];
            let program = Program::start_with(&pod, &kubeconfig, &s.manager(), &args);
            maybe(&s, &s.name("team"), |class| !class.is_null()).await;
            s.config_map(&team, "classes", None, &[crate::teams::plain(&s.name("team"))]).await;
            let Some(missing) = missing else {
                let source = format!("configmap {team}/classes");
                program.source_is(&source, "Rejected", &["label-lost"]).await;
                assert_eq!(complaints(&program), Vec::<String>::new());
                return;
            };
            let words = missing.words();
            complains(&program, &words).await;
            // Nothing is removed that isn't known to be gone.
            s.stays_quiet().await;
            let class = s.get(&s.name("team")).await;
            let manager = format!("{}/a", s.manager());
            assert!(class.is_null() || crate::scenario::managers(&class) == [manager], "{class:#}");
        }
    };
    stream::iter((0..=all.len()).map(case)).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}
