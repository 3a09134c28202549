//! Several replicas: one writes, the others are ready to.

use std::fmt::Display;
use std::future::Future;
use std::time::{Duration, Instant};

use classkeeper::cluster::api::ServedVersion;
use classkeeper::cluster::class_api::{Classes, DryRun};
use classkeeper::cluster::error::ApiError;
use classkeeper::cluster::gate::{Gate, LeaseTerm};
use classkeeper::cluster::kept_names::{KeptNames, KeptNamesStore};
use classkeeper::engine::intent::Intent;
use classkeeper::engine::live::FieldManager;
use classkeeper::engine::plan::Force;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::program::Program;
use crate::proxy::Recorded;
use crate::scenario::{Scenario, default, with};

/// A Lease lasts 15 s and is tried for every 2 to 2.4 s.
const TAKEOVER: Duration = Duration::from_mins(1);

async fn within<T, E: Display, F: Future<Output = Result<T, E>>>(what: &str, probe: impl Fn() -> F) -> T {
    let start = Instant::now();
    loop {
        match probe().await {
            Ok(value) => return value,
            Err(error) if start.elapsed() > TAKEOVER => panic!("not within {TAKEOVER:?}: {what}: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

fn start(s: &Scenario, kubeconfig: &std::path::Path, namespace: &str) -> Program {
    Program::start(kubeconfig, &s.defaults, &s.manager(), &["--leader-elect", "--namespace", namespace])
}

async fn leads(program: &Program) -> bool {
    program.status().await["leader"] == true
}

async fn until_it_leads(program: &Program) {
    within("it leads", || async { if leads(program).await { Ok(()) } else { Err("it doesn't") } }).await;
}

async fn lease(s: &Scenario, namespace: &str) -> Value {
    s.object(&format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/classkeeper")).await["spec"].clone()
}

fn described(name: &str, description: &str) -> Value {
    with(default(name), "/spec/description", json!(description))
}

fn writes_to_classes(requests: &[Recorded]) -> usize {
    requests.iter().filter(|request| request.is_write() && request.path.contains("/gatewayclasses")).count()
}

#[tokio::test]
async fn one_replica_writes_and_the_other_takes_over_when_it_ends() {
    let s = Scenario::new("lead").await;
    let (name, namespace) = (s.name("a"), s.create_namespace().await);
    let (standby_proxy, standby_kubeconfig) = s.another_way(s.client.clone()).await;
    s.mount(&[described(&name, "first")]);
    let leader = start(&s, &s.kubeconfig, &namespace);
    until_it_leads(&leader).await;
    s.class_where(&name, "is there", |class| !class.is_null()).await;
    let standby = start(&s, &standby_kubeconfig, &namespace);
    standby.ready().await;
    standby.class_is(&name, "Unchanged").await;
    assert!(leads(&leader).await && !leads(&standby).await);
    assert!((leader.metric("classkeeper_leader").await - 1.0).abs() < 0.1);
    assert!(standby.metric("classkeeper_leader").await.abs() < 0.1);
    assert_eq!(lease(&s, &namespace).await["leaseDurationSeconds"], 15);

    // Both see the new files; one writes them.
    s.mount(&[described(&name, "second")]);
    s.class_where(&name, "is changed", |class| class["spec"]["description"] == "second").await;
    standby.class_is(&name, "Unchanged").await;
    s.stays_quiet().await;
    assert_eq!(writes_to_classes(&standby_proxy.all()), 0);

    // A clean end gives the Lease up: the other one needn't wait until it runs out.
    let before = lease(&s, &namespace).await["leaseTransitions"].as_i64().unwrap();
    assert!(leader.stop("TERM").await.success());
    // The other one may have it already.
    let last = s.proxy.all().into_iter().rfind(|request| request.is_write() && request.path.ends_with("/classkeeper"));
    let last = last.unwrap();
    assert_eq!(last.body["spec"]["holderIdentity"], "", "the Lease is released");
    assert!(last.succeeded());
    until_it_leads(&standby).await;
    assert_eq!(lease(&s, &namespace).await["leaseTransitions"], before + 1);
    s.mount(&[described(&name, "third")]);
    s.class_where(&name, "is changed", |class| class["spec"]["description"] == "third").await;
}

#[tokio::test]
async fn a_killed_leader_is_replaced_when_its_lease_has_run_out() {
    let s = Scenario::new("leadkill").await;
    let (name, namespace) = (s.name("a"), s.create_namespace().await);
    s.mount(&[described(&name, "first")]);
    let leader = start(&s, &s.kubeconfig, &namespace);
    until_it_leads(&leader).await;
    s.class_where(&name, "is there", |class| !class.is_null()).await;
    let standby = start(&s, &s.kubeconfig, &namespace);
    standby.ready().await;
    standby.class_is(&name, "Unchanged").await;
    leader.kill();
    let renewed = time(&lease(&s, &namespace).await["renewTime"]);
    s.mount(&[described(&name, "second")]);
    s.delete(&name).await;
    until_it_leads(&standby).await;
    let class = s.class_where(&name, "is back", |class| class["spec"]["description"] == "second").await;
    // Not before the other one's Lease had run out.
    let taken = time(&lease(&s, &namespace).await["acquireTime"]);
    assert!(taken.duration_since(renewed) >= SignedDuration::from_secs(15), "{renewed} and {taken}");
    let created = time(&class["metadata"]["creationTimestamp"]);
    assert!(created.duration_since(taken) > SignedDuration::from_secs(-1), "{taken} and {created}");
    s.stays_quiet().await;
}

fn time(text: &Value) -> Timestamp {
    text.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_leader_that_was_stopped_past_its_lease_writes_no_more() {
    let s = Scenario::new("leadstop").await;
    let (name, namespace) = (s.name("a"), s.create_namespace().await);
    let (other_proxy, other_kubeconfig) = s.another_way(s.client.clone()).await;
    s.mount(&[described(&name, "first")]);
    let stopped = start(&s, &s.kubeconfig, &namespace);
    until_it_leads(&stopped).await;
    s.class_where(&name, "is there", |class| !class.is_null()).await;
    let other = start(&s, &other_kubeconfig, &namespace);
    other.ready().await;
    stopped.signal("STOP");
    // What it would do first when it goes on: the files say otherwise than the cluster.
    s.mount(&[described(&name, "second")]);
    s.delete(&name).await;
    until_it_leads(&other).await;
    s.class_where(&name, "is back", |class| class["spec"]["description"] == "second").await;
    let (before, others) = (writes_to_classes(&s.proxy.all()), writes_to_classes(&other_proxy.all()));
    stopped.signal("CONT");
    within("it knows that it leads no more", || async {
        if leads(&stopped).await { Err("it doesn't") } else { Ok(()) }
    })
    .await;
    s.class_stays(&name, "as it should be", |class| class["spec"]["description"] == "second").await;
    let late = writes_to_classes(&s.proxy.all()) - before;
    assert!(late <= 1, "{late} writes by the one that was stopped");
    assert!(writes_to_classes(&other_proxy.all()) - others <= late, "nothing had to be repaired but that");
    // And it is a good standby again.
    assert!(other.stop("TERM").await.success());
    until_it_leads(&stopped).await;
}

/// Each of the writes, whatever made somebody believe that it may be sent.
#[tokio::test]
async fn without_the_lease_no_write_is_sent() {
    let s = Scenario::new("leadgate").await;
    let name = s.name("a");
    s.create_as(
        "somebody",
        &json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
        "metadata": {"name": name}, "spec": {"controllerName": "example.com/controller"}}),
    )
    .await;
    let manager = FieldManager::new(&s.manager()).unwrap();
    let open = Classes::new(s.client.clone(), ServedVersion::V1, manager.clone(), DryRun::No);
    let live = open.get(&name).await.unwrap().unwrap();
    let classes = open.clone().behind(Gate::Lease(LeaseTerm::default()));
    let names = KeptNamesStore::new(s.client.clone(), "default".to_owned(), manager, Gate::Lease(LeaseTerm::default()));
    let refused = [
        classes.apply(&name, &Intent::new(&name), Force::Yes).await.map(|_| ()),
        classes.patch(&name, vec![json!({"op": "add", "path": "/metadata/labels", "value": {}})]).await.map(|_| ()),
        classes.annotate(&live, "example.com/a", Some("b")).await.map(|_| ()),
        classes.delete(&live).await,
        names.write(&KeptNames::default()).await,
    ];
    assert_eq!(refused, [(); 5].map(|()| Err(ApiError::NotLeader)));
    assert_eq!(classes.get(&name).await.unwrap(), Some(live), "reading is nobody's privilege");
}

#[tokio::test]
async fn release_refuses_while_a_controller_holds_the_lease() {
    let s = Scenario::new("leadrelease").await;
    let (name, namespace) = (s.name("a"), s.create_namespace().await);
    s.mount(&[default(&name)]);
    let program = start(&s, &s.kubeconfig, &namespace);
    until_it_leads(&program).await;
    s.class_where(&name, "is there", |class| !class.is_null()).await;
    let manager = s.manager();
    let release = ["release", "--all", "--field-manager", &manager, "--namespace", &namespace];
    let refused = s.command(&release).await;
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(words.contains("is running") && words.contains("stop it first"), "{words}");
    assert!(program.stop("TERM").await.success());
    let released = s.command(&release).await;
    assert!(released.status.success(), "{released:?}");
}
