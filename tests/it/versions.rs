//! The API's versions and the Gateway API's releases change under a program that runs on.
//!
//! These tests take their turns on one control plane of their own, and each begins with CRDs freshly installed.

use std::time::{Duration, Instant};

use control_plane::{ControlPlane, Crds, GATEWAY_API_VERSION, Options};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::program::Program;
use crate::proxy::{Lateness, Recorded};
use crate::scenario::{Scenario, default, eventually, owned, path_str, with};

const CRD: &str = "gatewayclasses.gateway.networking.k8s.io";
const RELEASES: [&str; 5] = ["v1.0.0", "v1.2.1", "v1.4.1", "v1.5.1", GATEWAY_API_VERSION];

static OWN: OnceCell<Mutex<ControlPlane>> = OnceCell::const_new();

/// The control plane of these tests, with the CRDs of a release and nothing else.
async fn with_release(release: &str) -> MutexGuard<'static, ControlPlane> {
    let options = Options { crds: Crds::None, ..Options::default() };
    let start = async || Mutex::new(ControlPlane::start(options).await.unwrap());
    let cluster = OWN.get_or_init(start).await.lock().await;
    cluster.remove_crds().await.unwrap();
    cluster.install_crds(release).await.unwrap();
    cluster
}

/// An administrator has GatewayClasses served in these versions only.
async fn serve(cluster: &ControlPlane, versions: &[&str]) {
    let is_one = |name: &Value| versions.iter().any(|version| name == version);
    let set = |all: &mut Vec<Value>| {
        for version in all {
            version["served"] = json!(is_one(&version["name"]));
        }
    };
    cluster.edit_crd(CRD, set).await.unwrap();
}

/// The same, under a program that goes on in the first of them; says how long that took, the server's own time included.
#[expect(clippy::print_stdout, reason = "for whoever asks, with --nocapture")]
async fn serve_under(program: &Program, s: &Scenario, cluster: &ControlPlane, versions: &[&str]) {
    let start = Instant::now();
    serve(cluster, versions).await;
    let path = format!("/apis/gateway.networking.k8s.io/{}/gatewayclasses", versions[0]);
    eventually(&format!("it watches in {}", versions[0]), || async {
        let last = s.proxy.requests().into_iter().rev().find(|request| request.path.ends_with("/gatewayclasses"));
        if last.is_some_and(|last| last.path == path) { Ok(()) } else { Err(format!("{:#?}", program.log())) }
    })
    .await;
    println!("it watches in {} {:?} after the CRD was edited", versions[0], start.elapsed());
}

/// What every class may expect in every version: a user's edit stays, and drift is repaired, in the version that is
/// spoken, by one write. Shortly after the CRD changed, the server may refuse one or the other before.
async fn is_kept(s: &Scenario, name: &str) {
    s.class_where(name, "is there", |class| !class.is_null()).await;
    s.edit(name, "kubectl-edit", &json!({"spec": {"description": "mine"}})).await;
    let before = s.proxy.writes().len();
    s.edit(name, "kubectl-label", &json!({"metadata": {"labels": {"team": null}}})).await;
    let is = |class: &Value| class["metadata"]["labels"]["team"] == "edge" && class["spec"]["description"] == "mine";
    s.class_where(name, "is repaired, but for what the user owns", is).await;
    let written = eventually("each write is answered", || async {
        let written = s.proxy.writes().split_off(before);
        if written.iter().all(|write| write.status != 0) { Ok(written) } else { Err(format!("{written:#?}")) }
    })
    .await;
    let path = format!("/apis/gateway.networking.k8s.io/{}/gatewayclasses/{name}", s.version);
    let done = written.iter().filter(|write| write.succeeded() && write.path == path).count();
    assert!(done == 1 && written.len() <= 2, "{written:#?}");
}

/// A default whose next wish is this label.
fn labelled(name: &str, team: &str) -> Value {
    with(default(name), "/metadata/labels/team", json!(team))
}

#[tokio::test]
async fn every_release_is_at_home_and_an_upgrade_from_the_oldest_to_the_newest_needs_no_restart() {
    let cluster = with_release(RELEASES[0]).await;
    let s = Scenario::on("release", cluster.client().await.unwrap()).await;
    let names = RELEASES.map(|release| s.name(&release.replace('.', "-")));
    let mut program = None;
    for (index, release) in RELEASES.into_iter().enumerate() {
        cluster.install_crds(release).await.unwrap();
        let defaults: Vec<_> = names[..=index].iter().map(|name| default(name)).collect();
        s.mount(&defaults);
        if program.is_none() {
            program = Some(s.run().await);
        }
        is_kept(&s, &names[index]).await;
        // One that starts now finds the same, also in classes that older releases stored.
        let manager = s.manager();
        let diff = s.command(&["diff", s.defaults_arg(), "--field-manager", &manager]).await;
        assert_eq!(diff.status.code(), Some(0), "{release}: {}", String::from_utf8_lossy(&diff.stdout));
    }
    // The next release of the files reaches the classes of all of them, beside the users' edits.
    s.mount(&names.each_ref().map(|name| with(labelled(name, "new"), "/spec/description", json!("second"))));
    for name in &names {
        let is = |class: &Value| class["metadata"]["labels"]["team"] == "new" && class["spec"]["description"] == "mine";
        s.class_where(name, "upgraded beside the user's description", is).await;
    }
    s.stays_quiet().await;
    // Made, repaired, and upgraded with its default: nothing else was written, whatever became of the CRD meanwhile.
    for name in &names {
        let is_of_it = |write: &Recorded| write.succeeded() && write.path.ends_with(name);
        let writes = s.proxy.writes().into_iter().filter(is_of_it).collect::<Vec<_>>();
        assert_eq!(writes.len(), 3, "{name}: {writes:#?}");
    }
}

#[tokio::test]
async fn v1beta1_alone_will_do_and_v1_is_taken_when_it_comes_and_left_when_it_goes() {
    let cluster = with_release(RELEASES[0]).await;
    serve(&cluster, &["v1beta1"]).await;
    let mut s = Scenario::on("beta", cluster.client().await.unwrap()).await;
    s.version = "v1beta1";
    let names = ["a", "b", "c"].map(|suffix| s.name(suffix));
    s.mount(&names[..1].iter().map(|name| default(name)).collect::<Vec<_>>());
    let program = s.run().await;
    is_kept(&s, &names[0]).await;

    serve_under(&program, &s, &cluster, &["v1", "v1beta1"]).await;
    s.version = "v1";
    s.mount(&names[..2].iter().map(|name| default(name)).collect::<Vec<_>>());
    is_kept(&s, &names[1]).await;

    serve_under(&program, &s, &cluster, &["v1beta1"]).await;
    s.version = "v1beta1";
    s.mount(&names.each_ref().map(|name| default(name)));
    is_kept(&s, &names[2]).await;
    // The next release of the files reaches them all, whichever version they were written in.
    s.mount(&names.each_ref().map(|name| with(labelled(name, "new"), "/spec/description", json!("second"))));
    for name in &names {
        let is = |class: &Value| class["metadata"]["labels"]["team"] == "new" && class["spec"]["description"] == "mine";
        let class = s.class_where(name, "upgraded beside the user's description", is).await;
        let theirs = owned(&class, "kubectl-edit", "Update");
        assert_eq!(theirs, json!({"f:spec": {"f:description": {}}}), "{class:#}");
    }
    s.stays_quiet().await;
}

#[tokio::test]
async fn a_user_s_edit_outlives_the_version_it_was_made_in() {
    let cluster = with_release(GATEWAY_API_VERSION).await;
    let mut s = Scenario::on("dropped", cluster.client().await.unwrap()).await;
    let (theirs, ours) = (s.name("theirs"), s.name("ours"));
    s.mount(&[default(&theirs)]);
    let program = s.run().await;
    s.class_where(&theirs, "is there", |class| !class.is_null()).await;
    // One entry of a user's in v1beta1, and one of ours.
    s.version = "v1beta1";
    s.edit(&theirs, "kubectl-edit", &json!({"spec": {"description": "mine"}})).await;
    serve_under(&program, &s, &cluster, &["v1beta1"]).await;
    s.mount(&[default(&theirs), default(&ours)]);
    s.class_where(&ours, "is there", |class| !class.is_null()).await;
    serve_under(&program, &s, &cluster, &["v1", "v1beta1"]).await;
    s.version = "v1";
    cluster.drop_crd_version(CRD, "v1beta1").await.unwrap();

    let next = |name: &str| with(labelled(name, "new"), "/spec/description", json!("second"));
    let release = tempfile::tempdir().unwrap();
    std::fs::write(release.path().join("00.json"), next(&theirs).to_string()).unwrap();
    let manager = s.manager();
    let diff = s.command(&["diff", path_str(release.path()), "--field-manager", &manager, "-o", "json"]).await;
    let report: Value = serde_json::from_slice(&diff.stdout).unwrap();
    assert_eq!(report["classes"][0]["outcome"], "Configured", "{report:#}");
    s.mount(&[next(&theirs), next(&ours)]);
    let new = |class: &Value| class["metadata"]["labels"]["team"] == "new";
    s.class_where(&ours, "follows the files", |class| new(class) && class["spec"]["description"] == "second").await;
    let is = |class: &Value| new(class) && class["spec"]["description"] == "mine";
    let class = s.class_where(&theirs, "follows the files beside the user's description", is).await;
    assert_eq!(owned(&class, "kubectl-edit", "Update"), json!({"f:spec": {"f:description": {}}}), "{class:#}");
    s.class_stays(&theirs, "so", is).await;
    s.stays_quiet().await;
    let reported = program.class(&theirs).await;
    assert_eq!((&reported["outcome"], &reported["lastChange"]["outcome"]), (&json!("Unchanged"), &json!("Configured")));
}

#[tokio::test]
async fn the_kind_may_go_and_return_in_another_version() {
    let cluster = with_release(RELEASES[0]).await;
    serve(&cluster, &["v1beta1"]).await;
    let mut s = Scenario::on("returns", cluster.client().await.unwrap()).await;
    s.version = "v1beta1";
    let name = s.name("a");
    s.mount(&[default(&name)]);
    let program = s.run().await;
    s.class_where(&name, "is there", |class| !class.is_null()).await;
    cluster.remove_crds().await.unwrap();
    program.class_where(&name, "waits for the kind", |class| class["reason"] == "CRDMissing").await;
    cluster.install_crds(GATEWAY_API_VERSION).await.unwrap();
    s.version = "v1";
    s.class_where(&name, "is back", |class| !class.is_null()).await;
    is_kept(&s, &name).await;
    s.stays_quiet().await;
    assert_eq!(program.class(&name).await["outcome"], "Unchanged");
}

#[tokio::test]
async fn a_unit_that_the_crd_doesn_t_know_is_reported_and_applied_once_it_does() {
    let cluster = with_release(GATEWAY_API_VERSION).await;
    let s = Scenario::on("unknown", cluster.client().await.unwrap()).await;
    let (before, after, without) = (s.name("before"), s.name("after"), s.name("without"));
    s.mount(&[default(&before)]);
    let program = s.run().await;
    s.class_where(&before, "is there", |class| class["spec"]["description"] == "first").await;

    // As in a release that doesn't have the field.
    let field = "/schema/openAPIV3Schema/properties/spec/properties/description";
    let mut schemas = Vec::new();
    let take_out = |versions: &mut Vec<Value>| {
        schemas = versions.clone();
        for version in versions {
            let (parent, key) = field.rsplit_once('/').unwrap();
            version.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key).unwrap();
        }
    };
    cluster.edit_crd(CRD, take_out).await.unwrap();
    s.class_where(&before, "has lost the field", |class| class["spec"]["description"].is_null()).await;
    let mut plain = default(&without);
    plain["spec"].as_object_mut().unwrap().remove("description").unwrap();
    s.mount(&[labelled(&before, "new"), default(&after), plain]);
    s.class_where(&without, "is there", |class| !class.is_null()).await;
    let reported = async |program: &Program| {
        for name in [&before, &after] {
            let class = program.class_is(name, "Failed").await;
            let message = class["message"].as_str().unwrap();
            assert!(message.contains("description"), "the server's words name the field: {message}");
        }
    };
    reported(&program).await;
    assert!(program.stop("TERM").await.success());
    // Right after the CRD's change it may be tried again; one that has not seen a change asks once.
    let writes = s.proxy.writes().len();
    let program = s.run().await;
    reported(&program).await;
    s.stays_quiet().await;
    assert_eq!(s.proxy.writes().len(), writes + 2);

    // The watch may still show the classes without the field when it tells of the writes, and does so first here.
    s.proxy.tell_late(Lateness { answers: Duration::from_millis(200), ..Lateness::default() });
    let start = Instant::now();
    cluster.edit_crd(CRD, |versions| *versions = schemas).await.unwrap();
    for name in [&before, &after] {
        let team = if name == &before { "new" } else { "edge" };
        let is = |class: &Value| class["spec"]["description"] == "first" && class["metadata"]["labels"]["team"] == team;
        s.class_where(name, "as the file says", is).await;
        program.class_where(name, "rests", |class| class["outcome"] == "Unchanged").await;
    }
    println!("the unit is applied {:?} after the CRD was edited", start.elapsed());
    s.stays_quiet().await;
}
