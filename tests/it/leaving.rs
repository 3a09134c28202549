//! Defaults that leave the files, and commands that give up or keep apart: contract 2.2 and 3.

use std::process::Output;

use serde_json::{Value, json};

use crate::program::Program;
use crate::scenario::{Scenario, class, default, managers, owned, policy, unit, with};

const AT_ONCE: [&str; 2] = ["--removal-delay", "0s"];

/// A class with this policy and another one that stays in the files, kept by a program that removes without delay.
async fn kept(prefix: &'static str, how: &Value) -> (Scenario, Program, String) {
    let s = Scenario::new(prefix).await;
    let name = s.name("a");
    s.mount(&[policy(default(&name), how), default(&s.name("stays"))]);
    let program = s.run_with(&AT_ONCE).await;
    program.class_is(&name, "Unchanged").await;
    program.class_is(&s.name("stays"), "Unchanged").await;
    (s, program, name)
}

/// The files without the class of [`kept`].
fn leave(s: &Scenario) {
    s.mount(&[default(&s.name("stays"))]);
}

fn is_released(class: &Value) -> bool {
    managers(class) == ["classkeeper-released"]
}

fn delete() -> Value {
    json!({"onRemove": "Delete"})
}

#[tokio::test]
async fn a_released_class_keeps_its_values_and_is_taken_up_again() {
    let (s, program, name) = kept("release", &json!({"onRemove": "Release"})).await;
    let before = s.get(&name).await;
    leave(&s);
    let class = s.class_where(&name, "is released", is_released).await;
    assert_eq!(class["spec"], before["spec"]);
    for field in ["uid", "labels", "annotations", "generation"] {
        assert_eq!(class["metadata"][field], before["metadata"][field], "{field}");
    }
    assert_eq!(owned(&class, "classkeeper-released", "Apply"), json!({"f:metadata": {"f:name": {}}}));
    s.stays_quiet().await;
    assert!(program.class(&name).await.is_null(), "it is none of ours any more");
    // Meanwhile a user changes the description; the default that comes back has news for each unit.
    s.edit(&name, "kubectl-edit", &json!({"spec": {"description": "mine"}})).await;
    s.stays_quiet().await;
    let back = with(with(default(&name), "/spec/description", json!("second")), "/metadata/labels/team", json!("new"));
    s.mount(&[with(back, "/spec/parametersRef/name", json!("new")), default(&s.name("stays"))]);
    let is =
        |class: &Value| class["metadata"]["labels"]["team"] == "new" && class["spec"]["parametersRef"]["name"] == "new";
    let class = s.class_where(&name, "is taken up again", is).await;
    assert_eq!(class["spec"]["description"], "mine", "what a user changed meanwhile is theirs");
    assert_eq!(class["metadata"]["uid"], before["metadata"]["uid"]);
    s.class_stays(&name, "so", |class| is(class) && class["spec"]["description"] == "mine").await;
    s.stays_quiet().await;
    assert!(s.proxy.writes().iter().all(|write| !write.query.contains("force=true")), "nothing was forced");
}

#[tokio::test]
async fn releasing_a_class_with_other_owners_takes_only_our_entry_off() {
    let (s, _program, name) = kept("releaseshared", &json!({})).await;
    s.edit(&name, "kubectl-label", &json!({"metadata": {"labels": {"extra": "1"}}})).await;
    s.write_status(&name, "v1", &json!({"conditions": [accepted("True")]})).await;
    let before = s.get(&name).await;
    leave(&s);
    let is = |class: &Value| managers(class) == ["implementation", "kubectl-label"];
    let class = s.class_where(&name, "is without our entry", is).await;
    assert_eq!((&class["spec"], &class["status"]), (&before["spec"], &before["status"]));
    assert_eq!(class["metadata"]["labels"], json!({"team": "edge", "extra": "1"}));
    s.stays_quiet().await;
}

fn accepted(status: &str) -> Value {
    json!({"type": "Accepted", "status": status, "reason": "Accepted", "message": "", "observedGeneration": 1,
           "lastTransitionTime": "2026-01-01T00:00:00Z"})
}

#[tokio::test]
async fn a_class_that_is_to_be_deleted_is_deleted_with_its_default() {
    let (s, _program, name) = kept("delete", &delete()).await;
    let class = s.get(&name).await;
    assert_eq!(class["metadata"]["annotations"]["classkeeper.dev/on-remove"], "Delete");
    s.write_status(&name, "v1", &json!({"conditions": [accepted("True")]})).await;
    leave(&s);
    s.class_where(&name, "is gone", Value::is_null).await;
    let deletions: Vec<_> = s.proxy.writes().into_iter().filter(|write| write.method == "DELETE").collect();
    assert_eq!(deletions.len(), 1);
    let preconditions = &deletions[0].body["preconditions"];
    assert_eq!(preconditions["uid"], class["metadata"]["uid"]);
    assert!(preconditions["resourceVersion"].is_string(), "{preconditions}");
    s.class_stays(&name, "gone", Value::is_null).await;
    assert!(!s.get(&s.name("stays")).await.is_null());
    s.stays_quiet().await;
}

#[tokio::test]
async fn a_class_that_a_gateway_uses_is_not_deleted_until_the_gateway_is_gone() {
    let (s, program, name) = kept("deleteused", &delete()).await;
    s.create_gateway(&name).await;
    let before = s.get(&name).await;
    leave(&s);
    let class = program.class_is(&name, "Blocked").await;
    assert_eq!(class["reason"], "InUse");
    assert!(class["message"].as_str().unwrap().contains(&format!("default/{name}")), "{class:#}");
    s.class_stays(&name, "untouched", |class| *class == before).await;
    s.stays_quiet().await;
    s.delete_gateway(&name).await;
    s.class_where(&name, "is gone", Value::is_null).await;
}

#[tokio::test]
async fn a_class_of_which_somebody_else_owns_a_unit_is_released_rather_than_deleted() {
    let (s, program, name) = kept("deleteshared", &delete()).await;
    s.edit(&name, "kubectl-label", &json!({"metadata": {"labels": {"extra": "1"}}})).await;
    leave(&s);
    let class = s.class_where(&name, "is released", |class| managers(class) == ["kubectl-label"]).await;
    assert_eq!(class["spec"], default("")["spec"]);
    assert!(class["metadata"]["annotations"]["classkeeper.dev/on-remove"].is_null(), "{class:#}");
    s.class_stays(&name, "there", |class| !class.is_null()).await;
    s.stays_quiet().await;
    let told = program
        .log()
        .iter()
        .any(|line| line["detail"].as_str().is_some_and(|detail| detail.contains("kubectl-label owns a part of it")));
    assert!(told, "it is told why: {:#?}", program.log());
}

#[tokio::test]
async fn what_left_the_files_while_the_program_was_down_is_found_from_the_owners_alone() {
    let s = Scenario::new("leftdown").await;
    let (released, deleted, stays) = (s.name("released"), s.name("deleted"), s.name("stays"));
    s.mount(&[default(&released), policy(default(&deleted), &delete()), default(&stays)]);
    let program = s.run_with(&AT_ONCE).await;
    for name in [&released, &deleted, &stays] {
        s.class_where(name, "is there", |class| !class.is_null()).await;
    }
    assert!(program.stop("TERM").await.success());
    leave(&s);
    let _program = s.run_with(&AT_ONCE).await;
    s.class_where(&deleted, "is gone", Value::is_null).await;
    s.class_where(&released, "is released", is_released).await;
    s.stays_quiet().await;
    assert_eq!(managers(&s.get(&stays).await), [s.manager()]);
}

#[tokio::test]
async fn nothing_is_removed_within_the_delay() {
    let s = Scenario::new("delay").await;
    let name = s.name("a");
    s.mount(&[policy(default(&name), &delete()), default(&s.name("stays"))]);
    let program = s.run_with(&["--removal-delay", "5s"]).await;
    let started = std::time::Instant::now();
    s.class_where(&name, "is there", |class| !class.is_null()).await;
    leave(&s);
    s.class_stays(&name, "there", |class| !class.is_null()).await;
    assert!(program.class(&name).await["outcome"] != "Deleted");
    s.class_where(&name, "is gone", Value::is_null).await;
    // The program was ready a little before it was asked.
    assert!(started.elapsed().as_secs_f32() > 4.0, "{:?}", started.elapsed());
}

#[tokio::test]
async fn nothing_is_removed_while_the_files_are_rejected() {
    let (s, program, name) = kept("rejected", &delete()).await;
    s.mount_text("kind: Nonsense\n");
    s.class_stays(&name, "there", |class| !class.is_null()).await;
    assert!(program.stop("TERM").await.success());
    let _program = Program::start(&s.kubeconfig, &s.defaults, &s.manager(), &AT_ONCE);
    s.class_stays(&name, "there", |class| !class.is_null()).await;
    s.stays_quiet().await;
    leave(&s);
    s.class_where(&name, "is gone", Value::is_null).await;
}

#[tokio::test]
async fn an_empty_directory_removes_nothing_unless_that_is_allowed() {
    let (s, program, name) = kept("empty", &delete()).await;
    s.mount(&[]);
    s.class_stays(&name, "there", |class| !class.is_null()).await;
    assert!(program.stop("TERM").await.success());
    let program = s.run_with(&AT_ONCE).await;
    s.class_stays(&name, "there", |class| !class.is_null()).await;
    assert!(program.stop("TERM").await.success());
    let _program = s.run_with(&["--removal-delay", "1s", "--allow-empty"]).await;
    s.class_where(&name, "is gone", Value::is_null).await;
    s.class_where(&s.name("stays"), "is released", is_released).await;
    s.stays_quiet().await;
}

#[tokio::test]
async fn a_user_s_own_wish_to_delete_is_not_honoured() {
    let (s, _program, name) = kept("ownwish", &json!({})).await;
    let wish = json!({"metadata": {"annotations": {"classkeeper.dev/on-remove": "Delete"}}});
    s.edit(&name, "kubectl-annotate", &wish).await;
    leave(&s);
    let class = s.class_where(&name, "is released", |class| managers(class) == ["kubectl-annotate"]).await;
    assert_eq!(class["metadata"]["annotations"]["classkeeper.dev/on-remove"], "Delete", "the annotation is theirs");
    s.class_stays(&name, "there", |class| !class.is_null()).await;
    s.stays_quiet().await;
}

#[tokio::test]
async fn a_policy_that_no_longer_asks_for_deletion_takes_the_annotation_off() {
    let (s, _program, name) = kept("nolonger", &delete()).await;
    s.mount(&[default(&name), default(&s.name("stays"))]);
    let is = |class: &Value| class["metadata"]["annotations"]["classkeeper.dev/on-remove"].is_null();
    s.class_where(&name, "is without the annotation", is).await;
    leave(&s);
    s.class_where(&name, "is released", is_released).await;
}

#[tokio::test]
async fn a_paused_class_is_not_left_before_it_is_resumed() {
    let (s, program, name) = kept("pausedleaver", &delete()).await;
    let pause = |value: Value| json!({"metadata": {"annotations": {"classkeeper.dev/reconcile": value}}});
    s.edit(&name, "kubectl-annotate", &pause(json!("disabled"))).await;
    leave(&s);
    program.class_is(&name, "Paused").await;
    s.class_stays(&name, "there", |class| managers(class).contains(&s.manager().as_str())).await;
    s.edit(&name, "kubectl-annotate", &pause(Value::Null)).await;
    s.class_where(&name, "is gone", Value::is_null).await;
}

#[tokio::test]
async fn a_class_that_is_gone_at_last_is_no_longer_reported() {
    let (s, program, name) = kept("gone", &delete()).await;
    let held = s.name("held");
    s.mount(&[policy(default(&name), &delete()), policy(default(&held), &delete()), default(&s.name("stays"))]);
    s.class_where(&held, "is there", |class| !class.is_null()).await;
    let hold = |finalizers: Value| json!({"metadata": {"finalizers": finalizers}});
    s.edit(&held, "theirs", &hold(json!(["example.com/hold"]))).await;
    let pause = json!({"metadata": {"annotations": {"classkeeper.dev/reconcile": "disabled"}}});
    s.edit(&name, "kubectl-annotate", &pause).await;
    leave(&s);
    program.class_is(&name, "Paused").await;
    program.class_where(&held, "Terminating", |class| class["reason"] == "Terminating").await;
    s.delete(&name).await;
    s.edit(&held, "theirs", &hold(Value::Null)).await;
    for name in [&name, &held] {
        program.class_where(name, "none", Value::is_null).await;
    }
    assert_eq!(program.status().await["summary"], json!({"Unchanged": 1}));
}

#[tokio::test]
async fn two_field_managers_never_touch_each_other_s_classes() {
    let s = Scenario::new("two").await;
    let other = Scenario::new("twoother").await;
    let (ours, theirs) = (s.name("a"), other.name("a"));
    s.mount(&[policy(default(&ours), &delete()), default(&s.name("stays"))]);
    other.mount(&[policy(default(&theirs), &delete()), default(&other.name("stays"))]);
    let _first = s.run_with(&AT_ONCE).await;
    let _second = other.run_with(&AT_ONCE).await;
    let before = s.class_where(&theirs, "is there", |class| !class.is_null()).await;
    s.class_where(&ours, "is there", |class| !class.is_null()).await;
    leave(&s);
    s.class_where(&ours, "is gone", Value::is_null).await;
    s.class_stays(&theirs, "untouched", |class| *class == before).await;
    let mentions = |scenario: &Scenario, name: &str| {
        scenario.proxy.requests().iter().any(|request| request.path.ends_with(&format!("/{name}")))
    };
    assert!(!mentions(&s, &theirs) && !mentions(&other, &ours), "neither even asks for the other's classes");
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

#[tokio::test]
async fn prune_leaves_what_the_path_does_not_name_and_diff_tells_so_before() {
    let s = Scenario::new("prune").await;
    let manager = s.manager();
    let (released, deleted, stays, foreign) = (s.name("released"), s.name("deleted"), s.name("stays"), s.name("x"));
    s.create_as("theirs", &class(&foreign, &json!({}))).await;
    s.mount(&[default(&released), policy(default(&deleted), &delete()), default(&stays)]);
    let run = async |command: &str, further: &[&str]| {
        let args = [&[command, s.defaults_arg(), "--field-manager", &manager, "-o", "json"], further].concat();
        s.command(&args).await
    };
    assert_eq!(run("apply", &[]).await.status.code(), Some(0));
    leave(&s);
    // Without --prune, what the path doesn't name isn't looked at.
    let asked = run("diff", &[]).await;
    assert_eq!((asked.status.code(), &report(&asked)["summary"]), (Some(0), &json!({"Unchanged": 1})));
    assert_eq!(run("apply", &[]).await.status.code(), Some(0));
    assert_eq!(managers(&s.get(&released).await), [manager.as_str()]);
    // With it, diff tells and changes nothing, and apply does it.
    let expected = json!({"Unchanged": 1, "Released": 1, "Deleted": 1});
    let before = [s.get(&released).await, s.get(&deleted).await];
    let asked = run("diff", &["--prune"]).await;
    assert_eq!((asked.status.code(), &report(&asked)["summary"]), (Some(1), &expected), "{:#}", report(&asked));
    assert_eq!([s.get(&released).await, s.get(&deleted).await], before);
    let applied = run("apply", &["--prune", "--dry-run"]).await;
    assert_eq!((applied.status.code(), &report(&applied)["summary"]), (Some(0), &expected));
    assert_eq!([s.get(&released).await, s.get(&deleted).await], before);
    let applied = run("apply", &["--prune"]).await;
    assert_eq!((applied.status.code(), &report(&applied)["summary"]), (Some(0), &expected));
    assert!(s.get(&deleted).await.is_null());
    assert!(is_released(&s.get(&released).await));
    assert_eq!(managers(&s.get(&foreign).await), ["theirs"]);
    let asked = run("diff", &["--prune"]).await;
    assert_eq!((asked.status.code(), &report(&asked)["summary"]), (Some(0), &json!({"Unchanged": 1})));
    // An empty path is taken for a mistake.
    s.mount(&[]);
    assert_eq!(run("apply", &["--prune"]).await.status.code(), Some(2));
    assert_eq!(managers(&s.get(&stays).await), [manager.as_str()]);
}

#[tokio::test]
async fn prune_does_not_delete_what_a_gateway_uses() {
    let s = Scenario::new("pruneused").await;
    let (name, manager) = (s.name("a"), s.manager());
    s.mount(&[policy(default(&name), &delete()), default(&s.name("stays"))]);
    let apply = ["apply", s.defaults_arg(), "--field-manager", &manager, "--prune", "-o", "json"];
    assert_eq!(s.command(&apply).await.status.code(), Some(0));
    s.create_gateway(&name).await;
    leave(&s);
    let applied = s.command(&apply).await;
    assert_eq!(applied.status.code(), Some(1));
    assert_eq!(report(&applied)["summary"], json!({"Blocked": 1, "Unchanged": 1}));
    let diff = ["diff", s.defaults_arg(), "--field-manager", &manager, "--prune", "-o", "json"];
    assert_eq!(s.command(&diff).await.status.code(), Some(1));
    assert!(!s.get(&name).await.is_null());
    s.delete_gateway(&name).await;
    assert_eq!(s.command(&apply).await.status.code(), Some(0));
    assert!(s.get(&name).await.is_null());
}

#[tokio::test]
async fn release_gives_up_one_class_or_all() {
    let s = Scenario::new("releasecommand").await;
    let manager = s.manager();
    let (a, b, c) = (s.name("a"), s.name("b"), s.name("c"));
    s.mount(&[default(&a), policy(default(&b), &delete()), default(&c)]);
    assert_eq!(s.command(&["apply", s.defaults_arg(), "--field-manager", &manager]).await.status.code(), Some(0));
    let before = s.get(&a).await;
    let release = async |which: &[&str]| {
        s.command(&[&["release", "--field-manager", &manager, "-o", "json"], which].concat()).await
    };
    let released = release(&[&a]).await;
    assert_eq!((released.status.code(), &report(&released)["summary"]), (Some(0), &json!({"Released": 1})));
    let class = s.get(&a).await;
    assert!(is_released(&class), "{class:#}");
    assert_eq!((&class["spec"], &class["metadata"]["uid"]), (&before["spec"], &before["metadata"]["uid"]));
    assert_eq!(managers(&s.get(&b).await), [manager.as_str()], "only the named class");
    let released = release(&["--all"]).await;
    assert_eq!((released.status.code(), &report(&released)["summary"]), (Some(0), &json!({"Released": 2})));
    let class = s.get(&b).await;
    assert!(is_released(&class), "whatever its policy was: {class:#}");
    assert!(class["metadata"]["annotations"]["classkeeper.dev/on-remove"].is_null());
    assert!(is_released(&s.get(&c).await));
    let released = release(&["--all"]).await;
    assert_eq!((released.status.code(), &report(&released)["summary"]), (Some(0), &json!({})), "nothing is left");
    let words = String::from_utf8_lossy(&released.stderr).into_owned();
    assert!(words.contains(&format!("{manager} owns nothing on this cluster")), "{words}");
    // There is no such class, or nothing was said.
    for wrong in [&["nonsense"][..], &[]] {
        assert_eq!(release(wrong).await.status.code(), Some(2), "{wrong:?}");
    }
}

#[tokio::test]
async fn release_refuses_while_a_controller_holds_the_lease() {
    let s = Scenario::new("lease").await;
    let (name, manager) = (s.name("a"), s.manager());
    s.mount(&[default(&name)]);
    assert_eq!(s.command(&["apply", s.defaults_arg(), "--field-manager", &manager]).await.status.code(), Some(0));
    let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "classkeeper"},
        "spec": {"holderIdentity": "classkeeper-0", "leaseDurationSeconds": 3600, "renewTime": now()}});
    s.create("/apis/coordination.k8s.io/v1/namespaces/kube-public/leases", &lease).await;
    let release = ["release", &name, "--field-manager", &manager, "--namespace"];
    let refused = s.command(&[&release[..], &["kube-public"]].concat()).await;
    assert_eq!(refused.status.code(), Some(2));
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(words.contains("classkeeper-0") && words.contains("scale deployment classkeeper --replicas=0"), "{words}");
    assert_eq!(managers(&s.get(&name).await), [manager.as_str()]);
    let released = s.command(&[&release[..], &["kube-system"]].concat()).await;
    assert_eq!(released.status.code(), Some(0), "another namespace's Lease is another installation's");
}

fn now() -> String {
    let output = std::process::Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%S.000000Z"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_pinned_unit_stays_as_it_is_until_it_is_unpinned() {
    let (s, program, name) = kept("pin", &json!({})).await;
    let done = s.command(&["pin", &name, "spec.description", "metadata.labels['team']"]).await;
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let class = s.get(&name).await;
    let pinned = "spec.description, metadata.labels['team']";
    assert_eq!(class["metadata"]["annotations"]["classkeeper.dev/ignore"], pinned);
    let changed =
        with(with(default(&name), "/spec/description", json!("second")), "/metadata/labels/team", json!("new"));
    s.mount(&[with(changed, "/spec/parametersRef/name", json!("new")), default(&s.name("stays"))]);
    let is = |class: &Value| {
        class["spec"]["parametersRef"]["name"] == "new"
            && class["spec"]["description"] == "first"
            && class["metadata"]["labels"]["team"] == "edge"
    };
    s.class_where(&name, "is changed but for what is pinned", is).await;
    s.class_stays(&name, "so", is).await;
    let reported =
        program.class_where(&name, "ignores", |class| unit(class, "spec.description")["action"] == "Ignored");
    reported.await;
    assert_eq!(s.command(&["unpin", &name, "spec.description"]).await.status.code(), Some(0));
    let is = |class: &Value| {
        class["spec"]["description"] == "second"
            && class["metadata"]["labels"]["team"] == "edge"
            && class["metadata"]["annotations"]["classkeeper.dev/ignore"] == "metadata.labels['team']"
    };
    s.class_where(&name, "is changed but for the label", is).await;
    assert_eq!(s.command(&["unpin", &name, "metadata.labels['team']"]).await.status.code(), Some(0));
    let is = |class: &Value| {
        class["metadata"]["labels"]["team"] == "new"
            && class["metadata"]["annotations"]["classkeeper.dev/ignore"].is_null()
    };
    s.class_where(&name, "is as the file says", is).await;
    s.stays_quiet().await;
    for wrong in [["pin", &name, "description"], ["pin", "nonsense", "spec.description"]] {
        assert_eq!(s.command(&wrong).await.status.code(), Some(2), "{wrong:?}");
    }
}

#[tokio::test]
async fn owners_tells_what_is_whose_and_writes_nothing() {
    let s = Scenario::new("owners").await;
    let (name, manager) = (s.name("a"), s.manager());
    s.mount(&[default(&name)]);
    assert_eq!(s.command(&["apply", s.defaults_arg(), "--field-manager", &manager]).await.status.code(), Some(0));
    s.edit(&name, "kubectl-edit", &json!({"spec": {"description": "mine"}, "metadata": {"labels": {"x": "1"}}})).await;
    let writes = s.proxy.writes().len();
    let owners = ["owners", &name, "--defaults", s.defaults_arg(), "--field-manager", &manager];
    let told = s.command(&[&owners[..], &["-o", "json"]].concat()).await;
    assert_eq!(told.status.code(), Some(0));
    let report = report(&told);
    let class = &report["classes"][0];
    let description = unit(class, "spec.description");
    assert_eq!((&description["wanted"], &description["live"]), (&json!("first"), &json!("mine")));
    assert_eq!(description["action"], "Yielded");
    let owner = &description["owners"][0];
    assert_eq!((&owner["manager"], &owner["operation"]), (&json!("kubectl-edit"), &json!("Update")));
    assert!(owner["time"].is_string());
    assert_eq!(unit(class, "metadata.labels['x']")["wanted"], Value::Null);
    assert_eq!(unit(class, "spec.parametersRef")["owners"][0]["manager"], manager.as_str());
    let told = s.command(&owners).await;
    let text = String::from_utf8(told.stdout).unwrap();
    for line in [
        format!("{name}  (00.yaml:1)"),
        "  spec.description\n      \"mine\", wanted: \"first\"\n      owned by kubectl-edit (Update, ".to_owned(),
        "  metadata.labels['x']\n      \"1\", no file names it\n      owned by kubectl-edit (Update, ".to_owned(),
        format!("\"edge\", as wanted\n      owned by {manager} (Apply, "),
    ] {
        assert!(text.contains(&line), "no {line:?} in {text}");
    }
    // All that are ours, also when no file names them.
    let told = s.command(&["owners", "--field-manager", &manager, "-o", "json", "--defaults", "defaults.d"]).await;
    let names = serde_json::from_slice::<Value>(&told.stdout).unwrap()["classes"].clone();
    assert!(names.as_array().unwrap().iter().any(|class| class["name"] == name.as_str()), "{names:#}");
    assert_eq!(s.command(&["owners", "nonsense"]).await.status.code(), Some(2));
    assert_eq!(s.proxy.writes().len(), writes, "nothing was written");
}
