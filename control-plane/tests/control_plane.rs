//! What a control plane gives to those who ask it: users, CRDs, and an API server that can be stopped.

#![expect(clippy::unwrap_used, reason = "the functions of a test are tests too")]

use control_plane::{ControlPlane, Crds, Error, GATEWAY_API_VERSION, Kubernetes, Options, Program, User};
use k8s_openapi::{
    api::core::v1::ConfigMap, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, ResourceExt,
    api::{DynamicObject, ListParams, PostParams},
    core::{ApiResource, GroupVersionKind},
};
use serde_json::{Value, from_value, json};

const CRD: &str = "gatewayclasses.gateway.networking.k8s.io";
const RELEASE: &str = "gateway.networking.k8s.io/bundle-version";

fn classes(client: Client) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "GatewayClass");
    Api::all_with(client, &ApiResource::from_gvk(&kind))
}

fn config_map(name: &str) -> ConfigMap {
    from_value(json!({ "metadata": { "name": name } })).unwrap()
}

fn code<T: std::fmt::Debug>(result: kube::Result<T>) -> u16 {
    match result.unwrap_err() {
        kube::Error::Api(status) => status.code,
        other => panic!("no answer of the server: {other}"),
    }
}

async fn create_class_on_the_shared_one(name: &str) {
    let control_plane = control_plane::shared().await.unwrap();
    let classes = classes(control_plane.client().await.unwrap());
    let class = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": { "name": name },
        "spec": { "controllerName": "example.net/controller" },
    });
    classes.create(&PostParams::default(), &from_value(class).unwrap()).await.unwrap();
    assert_eq!(classes.get(name).await.unwrap().name_any(), name);
}

// Two tests are two runtimes: the one that started it may have ended when the other asks.
#[tokio::test]
async fn shared_serves_one_runtime() {
    create_class_on_the_shared_one("first").await;
}

#[tokio::test]
async fn shared_serves_another_runtime() {
    create_class_on_the_shared_one("second").await;
}

#[tokio::test]
async fn shared_has_the_pinned_versions() {
    let control_plane = control_plane::shared().await.unwrap();
    let client = control_plane.client().await.unwrap();
    let asked = Kubernetes::from_env().unwrap();
    if asked.is_some() || std::env::var_os("KUBEBUILDER_ASSETS").is_none() {
        let version = client.apiserver_version().await.unwrap();
        let expected = asked.unwrap_or_default();
        assert_eq!(version.git_version, expected.version());
        assert_eq!(format!("v{}.{}", version.major, version.minor), expected.minor());
    }
    let crd = Api::<CustomResourceDefinition>::all(client).get(CRD).await.unwrap();
    assert_eq!(crd.annotations()[RELEASE], GATEWAY_API_VERSION);
}

#[tokio::test]
async fn users_have_the_rights_of_their_groups() {
    let user = |name: &str, group: &str| User {
        name: name.to_owned(),
        token: format!("token-of-{name}"),
        groups: vec!["readers".to_owned(), group.to_owned()],
    };
    let users = vec![user("nobody", "guests"), user("somebody", "system:masters")];
    let options = Options { crds: Crds::None, users, ..Options::default() };
    let control_plane = ControlPlane::start(options).await.unwrap();
    for (name, expected) in [("nobody", Some(403)), ("somebody", None)] {
        let maps: Api<ConfigMap> = Api::default_namespaced(control_plane.client_as(name).await.unwrap());
        let listed = maps.list(&ListParams::default()).await;
        assert_eq!(listed.is_err().then(|| code(listed)), expected, "{name}");
    }
    let unknown = control_plane.client_as("unknown").await.err().unwrap();
    assert!(matches!(unknown, Error::Kubeconfig { .. }), "{unknown}");
    control_plane.stop().await.unwrap();
}

#[tokio::test]
async fn crds_come_and_go_and_can_be_of_an_older_release() {
    let control_plane = ControlPlane::start(Options { crds: Crds::None, ..Options::default() }).await.unwrap();
    let client = control_plane.client().await.unwrap();
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let classes = classes(client);
    assert_eq!(code(classes.list(&ListParams::default()).await), 404);
    for release in [GATEWAY_API_VERSION, "v1.0.0"] {
        control_plane.install_crds(release).await.unwrap();
        classes.list(&ListParams::default()).await.unwrap();
        assert_eq!(crds.get(CRD).await.unwrap().annotations()[RELEASE], release);
        control_plane.remove_crds().await.unwrap();
        assert!(crds.list(&ListParams::default()).await.unwrap().items.is_empty());
    }
    // One over the other, up and down again.
    for release in ["v1.0.0", "v1.2.1", "v1.4.1", "v1.5.1", GATEWAY_API_VERSION, "v1.5.1", "v1.2.1", "v1.0.0"] {
        control_plane.install_crds(release).await.unwrap();
        classes.list(&ListParams::default()).await.unwrap();
        assert_eq!(crds.get(CRD).await.unwrap().annotations()[RELEASE], release);
    }
    control_plane.stop().await.unwrap();
}

#[tokio::test]
async fn versions_of_a_crd_are_served_or_not_or_dropped() {
    let control_plane = ControlPlane::start(Options::default()).await.unwrap();
    let client = control_plane.client().await.unwrap();
    let served = async || {
        let group = client.list_api_groups().await.unwrap().groups;
        let group = group.into_iter().find(|group| group.name == "gateway.networking.k8s.io").unwrap();
        let mut served = Vec::new();
        for version in group.versions {
            let list = client.list_api_group_resources(&version.group_version).await.unwrap();
            if list.resources.iter().any(|resource| resource.name == "gatewayclasses") {
                served.push(version.version);
            }
        }
        served
    };
    let only = async |version: &str| {
        let serve = |versions: &mut Vec<Value>| {
            for known in versions {
                known["served"] = json!(known["name"] == version);
            }
        };
        control_plane.edit_crd(CRD, serve).await.unwrap();
    };
    for version in ["v1beta1", "v1"] {
        only(version).await;
        // Discovery follows a moment later.
        while served().await != [version] {}
    }
    control_plane.drop_crd_version(CRD, "v1beta1").await.unwrap();
    let crd = Api::<CustomResourceDefinition>::all(client.clone()).get(CRD).await.unwrap();
    assert_eq!(crd.spec.versions.len(), 1);
    classes(client.clone()).list(&ListParams::default()).await.unwrap();
    control_plane.stop().await.unwrap();
}

#[tokio::test]
async fn apiserver_restarts_with_its_objects() {
    let control_plane = ControlPlane::start(Options { crds: Crds::None, ..Options::default() }).await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(control_plane.client().await.unwrap());
    maps.create(&PostParams::default(), &config_map("kept")).await.unwrap();
    let (etcd, before) = (control_plane.pid(Program::Etcd).await, control_plane.pid(Program::KubeApiserver).await);

    control_plane.stop_apiserver().await.unwrap();
    assert_eq!(control_plane.pid(Program::KubeApiserver).await, None);
    assert!(maps.get("kept").await.is_err());
    control_plane.check().await.unwrap();

    control_plane.start_apiserver().await.unwrap();
    maps.get("kept").await.unwrap();
    control_plane.restart_apiserver().await.unwrap();
    maps.get("kept").await.unwrap();
    assert_eq!(control_plane.pid(Program::Etcd).await, etcd);
    assert_ne!(control_plane.pid(Program::KubeApiserver).await, before);
    control_plane.stop().await.unwrap();
}

#[tokio::test]
async fn an_apiserver_that_ends_is_an_error_with_its_log() {
    let options = Options { apiserver_args: vec!["--no-such-flag".to_owned()], ..Options::default() };
    match ControlPlane::start(options).await.unwrap_err() {
        Error::Ended { program: Program::KubeApiserver, status: 1, log } => {
            assert!(log.contains("unknown flag: --no-such-flag"), "{log}");
        }
        other => panic!("{other}"),
    }
}
