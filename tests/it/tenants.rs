//! Tenants: what a team may do inside its boundary, that it can do nothing beyond it, and whose a class is that more
//! than one names: contract 1.4 and 2.2.

use serde_json::{Value, json};

use crate::program::Program;
use crate::scenario::{Scenario, class, default, managers, owned, policy, with};
use crate::teams::{plain, tenant};
use crate::telling::told;

const AT_ONCE: [&str; 2] = ["--removal-delay", "0s"];
const RELEASED: [&str; 1] = ["classkeeper-released"];

/// A team `a` with its namespace, and a program that runs; the platform's own class is there.
async fn team(prefix: &'static str, allow: &Value) -> (Scenario, Program, String) {
    let s = Scenario::new(prefix).await;
    let namespace = s.namespace("ns-a").await;
    s.mount(&[of_a(&s, &namespace, allow), default(&s.name("platform"))]);
    let program = s.run_with(&AT_ONCE).await;
    s.class_where(&s.name("platform"), "is there", |class| !class.is_null()).await;
    (s, program, namespace)
}

fn of_a(s: &Scenario, namespace: &str, allow: &Value) -> Value {
    tenant("a", namespace, &s.name("a-*"), allow)
}

fn manager(s: &Scenario, tenant: &str) -> String {
    format!("{}/{tenant}", s.manager())
}

fn source(namespace: &str, map: &str) -> String {
    format!("configmap {namespace}/{map}")
}

#[tokio::test]
async fn a_team_keeps_its_classes_under_its_own_field_manager() {
    let (s, program, namespace) = team("tenant", &json!({"parametersNamespaces": ["platform"]})).await;
    let name = s.name("a-1");
    s.files(&namespace, "defaults", &[default(&name)]).await;
    let class = s.class_where(&name, "is there", |class| !class.is_null()).await;
    assert_eq!(managers(&class), [manager(&s, "a")]);
    assert_eq!(managers(&s.get(&s.name("platform")).await), [s.manager()]);
    let known = program.source_is(&source(&namespace, "defaults"), "Accepted", &[]).await;
    assert_eq!((&known["tenant"], &known["classes"]), (&json!("a"), &json!(1)));
    let notes = told(&s, &namespace, "defaults", &[("DefaultsAccepted", 1)]).await;
    assert!(notes[0].starts_with("1 class, digest "), "{notes:?}");
    // Drift is repaired, users' edits are theirs, and a change is live, as for anybody else.
    s.edit(&name, "a-user", &json!({"metadata": {"labels": {"team": null}}, "spec": {"description": "mine"}})).await;
    s.class_where(&name, "is repaired", |class| class["metadata"]["labels"]["team"] == "edge").await;
    let changed = with(with(default(&name), "/spec/description", json!("x")), "/metadata/labels/team", json!("core"));
    s.files(&namespace, "defaults", &[changed]).await;
    let class = s.class_where(&name, "is changed", |class| class["metadata"]["labels"]["team"] == "core").await;
    assert_eq!(class["spec"]["description"], "mine");
    s.delete(&name).await;
    s.class_where(&name, "is there again", |class| managers_of(class) == [manager(&s, "a")]).await;
    program.class_is(&name, "Unchanged").await;
    s.stays_quiet().await;
}

fn managers_of(class: &Value) -> Vec<&str> {
    if class.is_null() { Vec::new() } else { managers(class) }
}

/// Every document that a tenant's boundary, or the contract, forbids.
#[tokio::test]
async fn nothing_in_a_team_s_files_reaches_past_its_boundary() {
    let allow = json!({"parametersNamespaces": ["team-a"], "parametersKinds": ["example.com/Parameters"]});
    let (s, program, namespace) = team("tenantno", &allow).await;
    let name = s.name("a-1");
    let inside = with(default(&name), "/spec/parametersRef/namespace", json!("team-a"));
    let foreign = s.name("b-1");
    s.create_as("somebody", &class(&foreign, &json!({}))).await;
    let asks = |how: Value| policy(inside.clone(), &how);
    let beyond = "outside-boundary";
    let cases = [
        (with(inside.clone(), "/metadata/name", json!(foreign)), vec![beyond]),
        (with(inside.clone(), "/metadata/name", json!(s.name("platform"))), vec![beyond]),
        (with(inside.clone(), "/metadata/name", json!("a-1")), vec![beyond]),
        (with(inside.clone(), "/spec/controllerName", json!("example.org/controller")), vec![beyond]),
        (with(inside.clone(), "/spec/parametersRef/namespace", json!("platform")), vec![beyond]),
        (crate::scenario::without(inside.clone(), "/spec/parametersRef/namespace"), vec![beyond]),
        (with(inside.clone(), "/spec/parametersRef/kind", json!("Secret")), vec![beyond]),
        (with(inside.clone(), "/spec/parametersRef/group", json!("")), vec![beyond]),
        (asks(json!({"conflicts": "Force"})), vec![beyond]),
        (asks(json!({"enforce": ["spec.description"]})), vec![beyond]),
        (asks(json!({"adoptFrom": ["somebody"]})), vec![beyond]),
        (asks(json!({"onRemove": "Delete"})), vec![beyond]),
        (asks(json!({"onReplace": "Recreate"})), vec![beyond]),
        (asks(json!({"protect": true})), vec![beyond]),
        (asks(json!({"conflicts": "Force", "protect": true, "onRemove": "Delete"})), vec![beyond; 3]),
        // Policies in the guise of metadata.
        (with(inside.clone(), "/metadata/annotations/classkeeper.dev~1on-remove", json!("Delete")), vec!["reserved"]),
        (with(inside.clone(), "/metadata/annotations/classkeeper.dev~1protected", json!("true")), vec!["reserved"]),
        (with(inside.clone(), "/metadata/annotations/meta.helm.sh~1release-name", json!("x")), vec!["reserved"]),
        (with(inside.clone(), "/metadata/finalizers", json!(["classkeeper.dev/in-use"])), vec!["forbidden-field"]),
        (with(inside.clone(), "/metadata/ownerReferences", json!([])), vec!["forbidden-field"]),
        (tenant("b", &s.name("ns-b"), "*", &json!({})), vec![beyond]),
        (tenant("a", &namespace, "*", &json!({})), vec![beyond]),
        // As a plain manifest, too.
        (class(&foreign, &json!({})), vec![beyond]),
    ];
    let before = s.get(&foreign).await;
    let platform = s.get(&s.name("platform")).await;
    let quiet = s.proxy.writes().len();
    for (document, codes) in cases {
        // Beside what it may have: one error rejects all.
        s.files(&namespace, "defaults", &[inside.clone(), with(document.clone(), "/metadata/x", json!(1))]).await;
        program
            .source_where(&source(&namespace, "defaults"), "rejected for x", |known| known["state"] == "Rejected")
            .await;
        s.files(&namespace, "defaults", std::slice::from_ref(&document)).await;
        let known = program.source_is(&source(&namespace, "defaults"), "Rejected", &codes).await;
        assert_eq!(known["findings"][0]["file"], format!("configmap {namespace}/defaults/00.yaml"), "{document}");
    }
    let writes = s.proxy.writes().split_off(quiet);
    let classes: Vec<_> = writes.iter().filter(|write| write.path.contains("gatewayclasses")).collect();
    assert!(classes.is_empty(), "{classes:#?}");
    assert!(s.get(&name).await.is_null(), "nothing of the source was ever in force");
    assert_eq!(s.get(&foreign).await, before);
    assert_eq!(s.get(&s.name("platform")).await, platform);
    // And what is inside is kept.
    s.files(&namespace, "defaults", &[inside]).await;
    s.class_where(&name, "is there", |class| !class.is_null()).await;
}

/// Every ConfigMap that is no tenant's.
#[tokio::test]
async fn no_other_config_map_is_read() {
    let (s, program, namespace) = team("tenantmaps", &json!({})).await;
    let elsewhere = s.namespace("ns-x").await;
    s.config_map(&namespace, "unlabelled", None, &[plain(&s.name("a-unlabelled"))]).await;
    s.config_map(&namespace, "false", Some("false"), &[plain(&s.name("a-false"))]).await;
    s.files(&elsewhere, "defaults", &[plain(&s.name("a-elsewhere"))]).await;
    s.files(&namespace, "defaults", &[plain(&s.name("a-1"))]).await;
    s.class_where(&s.name("a-1"), "is there", |class| !class.is_null()).await;
    // A second one can't have what the first has.
    s.files(&namespace, "second", &[with(plain(&s.name("a-1")), "/spec/description", json!("2"))]).await;
    let known = program.source_is(&source(&namespace, "second"), "Rejected", &["name-held"]).await;
    let held =
        format!("the class {:?} is held by the tenant a, at configmap {namespace}/defaults/00.yaml:1", s.name("a-1"));
    assert_eq!(known["findings"][0]["message"], held);
    told(&s, &namespace, "second", &[("DefaultsRejected", 1)]).await;
    s.stays_quiet().await;
    for name in ["a-unlabelled", "a-false", "a-elsewhere"] {
        assert!(s.get(&s.name(name)).await.is_null(), "{name}");
    }
    assert_eq!(s.get(&s.name("a-1")).await["spec"]["description"], "first");
    // But it can have it after the first.
    s.delete_config_map(&namespace, "defaults").await;
    s.class_where(&s.name("a-1"), "is the second's", |class| class["spec"]["description"] == "2").await;
}

#[tokio::test]
async fn a_boundary_that_changes_is_held_against_what_is_in_force() {
    let (s, program, namespace) = team("tenantedge", &json!({})).await;
    let (kept, dropped) = (s.name("a-kept"), s.name("a-dropped"));
    s.files(&namespace, "defaults", &[plain(&kept), plain(&dropped)]).await;
    for name in [&kept, &dropped] {
        s.class_where(name, "is there", |class| !class.is_null()).await;
    }
    let before = s.get(&dropped).await;
    s.mount(&[tenant("a", &namespace, &s.name("a-k*"), &json!({})), default(&s.name("platform"))]);
    let known = program.source_is(&source(&namespace, "defaults"), "Rejected", &["outside-boundary"]).await;
    assert_eq!(
        (&known["findings"][0]["file"], &known["findings"][0]["line"]),
        (&json!(format!("configmap {namespace}/defaults/01.yaml")), &json!(1))
    );
    // Neither kept nor removed: the source isn't accepted.
    let edit = json!({"metadata": {"labels": {"team": null}}});
    for name in [&kept, &dropped] {
        s.edit(name, "a-user", &edit).await;
    }
    s.class_where(&kept, "is repaired", |class| class["metadata"]["labels"]["team"] == "edge").await;
    s.class_stays(&dropped, "as the user left it", |class| class["metadata"]["labels"].is_null()).await;
    assert_eq!(managers(&s.get(&dropped).await), managers(&before));
    // Wider again.
    s.mount(&[of_a(&s, &namespace, &json!({})), default(&s.name("platform"))]);
    s.class_where(&dropped, "is kept again", |class| class["metadata"]["labels"]["team"] == "edge").await;
    program.source_is(&source(&namespace, "defaults"), "Accepted", &[]).await;
}

#[tokio::test]
async fn the_right_to_delete_ends_with_the_boundary_that_gave_it() {
    let (s, program, namespace) = team("tenantmark", &json!({"policies": ["Delete"]})).await;
    let (first, second) = (s.name("a-1"), s.name("a-2"));
    let marked = |name: &str| policy(plain(name), &json!({"onRemove": "Delete"}));
    s.files(&namespace, "defaults", &[marked(&first), marked(&second)]).await;
    for name in [&first, &second] {
        s.class_where(name, "is there", |class| !class.is_null()).await;
    }
    s.files(&namespace, "defaults", &[marked(&second)]).await;
    s.class_where(&first, "is deleted", Value::is_null).await;
    s.mount(&[of_a(&s, &namespace, &json!({})), default(&s.name("platform"))]);
    program.source_is(&source(&namespace, "defaults"), "Rejected", &["outside-boundary"]).await;
    s.delete_config_map(&namespace, "defaults").await;
    s.class_where(&second, "is released, and not deleted", |class| managers_of(class) == RELEASED).await;
}

#[tokio::test]
async fn the_platform_takes_a_team_s_class_with_all_its_units_and_gives_it_back() {
    let (s, program, namespace) = team("tenanttake", &json!({})).await;
    let name = s.name("a-1");
    s.files(
        &namespace,
        "defaults",
        &[with(plain(&name), "/metadata/labels/only-theirs", json!("x")), plain(&s.name("a-2"))],
    )
    .await;
    for name in [&name, &s.name("a-2")] {
        s.class_where(name, "is there", |class| !class.is_null()).await;
    }
    s.edit(&name, "a-user", &json!({"metadata": {"annotations": {"example.com/note": "mine"}}})).await;
    let platform = default(&s.name("platform"));
    let ours = with(plain(&name), "/spec/description", json!("the platform's"));
    s.mount(&[of_a(&s, &namespace, &json!({})), platform.clone(), ours]);
    let class = s.class_where(&name, "is taken", |class| class["spec"]["description"] == "the platform's").await;
    assert_eq!(managers(&class), ["a-user".to_owned(), s.manager()]);
    assert!(class["metadata"]["labels"]["only-theirs"].is_null(), "{class:#}");
    assert_eq!(class["metadata"]["annotations"]["example.com/note"], "mine", "a user's edit outlives it");
    let known = program.source_is(&source(&namespace, "defaults"), "Rejected", &["name-held"]).await;
    assert_eq!(known["findings"][0]["message"], format!("the class {name:?} is held by the platform, at 02.yaml:1"));
    // What else the team has stays in force, and is kept.
    s.edit(&s.name("a-2"), "a-user", &json!({"metadata": {"labels": {"team": null}}})).await;
    s.class_where(&s.name("a-2"), "is repaired", |class| class["metadata"]["labels"]["team"] == "edge").await;
    s.stays_quiet().await;
    s.mount(&[of_a(&s, &namespace, &json!({})), platform]);
    let back =
        |class: &Value| class["spec"]["description"] == "first" && class["metadata"]["labels"]["only-theirs"] == "x";
    let class = s.class_where(&name, "is the team's again", back).await;
    assert_eq!(managers(&class), ["a-user".to_owned(), manager(&s, "a")]);
    program.source_is(&source(&namespace, "defaults"), "Accepted", &[]).await;
    s.stays_quiet().await;
}

#[tokio::test]
async fn of_two_teams_the_one_that_has_applied_a_class_keeps_it_also_after_a_restart() {
    let s = Scenario::new("tenanttwo").await;
    let (of_b, of_a) = (s.namespace("ns-b").await, s.namespace("ns-a").await);
    let (name, names) = (s.name("x"), s.name("*"));
    s.mount(&[tenant("a", &of_a, &names, &json!({})), tenant("b", &of_b, &names, &json!({}))]);
    let program = s.run_with(&AT_ONCE).await;
    s.files(&of_b, "defaults", &[with(plain(&name), "/spec/description", json!("b"))]).await;
    s.class_where(&name, "is b's", |class| class["spec"]["description"] == "b").await;
    // Alphabetically first, and too late.
    s.files(&of_a, "defaults", &[with(plain(&name), "/spec/description", json!("a"))]).await;
    let known = program.source_is(&source(&of_a, "defaults"), "Rejected", &["name-held"]).await;
    let held = format!("the class {name:?} is held by the tenant b, at configmap {of_b}/defaults/00.yaml:1");
    assert_eq!(known["findings"][0]["message"], held);
    // Somebody deletes it: it comes back as b's.
    s.delete(&name).await;
    s.class_where(&name, "is b's again", |class| class["spec"]["description"] == "b").await;
    program.kill();
    let program = s.run_with(&AT_ONCE).await;
    program.source_is(&source(&of_a, "defaults"), "Rejected", &["name-held"]).await;
    program.class_is(&name, "Unchanged").await;
    assert_eq!(managers(&s.get(&name).await), [manager(&s, "b")]);
    // b gives it up, and a has it.
    s.files(&of_b, "defaults", &[plain(&s.name("y"))]).await;
    let class = s.class_where(&name, "is a's", |class| class["spec"]["description"] == "a").await;
    assert_eq!(managers(&class), [manager(&s, "a")]);
    assert_eq!(owned(&class, &manager(&s, "a"), "Apply")["f:spec"]["f:description"], json!({}));
    program.source_is(&source(&of_a, "defaults"), "Accepted", &[]).await;
}

#[tokio::test]
async fn a_team_takes_nothing_that_another_may_still_describe() {
    let s = Scenario::new("tenantwait").await;
    let (of_b, of_a) = (s.namespace("ns-b").await, s.namespace("ns-a").await);
    let (name, names) = (s.name("x"), s.name("*"));
    s.mount(&[tenant("a", &of_a, &names, &json!({})), tenant("b", &of_b, &names, &json!({}))]);
    let program = s.run_with(&AT_ONCE).await;
    s.files(&of_b, "defaults", &[plain(&name), plain(&s.name("y"))]).await;
    s.class_where(&name, "is b's", |class| !class.is_null()).await;
    s.class_where(&s.name("y"), "is b's", |class| !class.is_null()).await;
    program.kill();
    // b's files are wrong when the program starts anew, and a wants what b had.
    s.config_map_of(&of_b, "defaults", Some("true"), &json!({"a.yaml": "["})).await;
    s.files(&of_a, "defaults", &[with(plain(&name), "/spec/description", json!("a")), plain(&s.name("z"))]).await;
    let program = s.run_with(&AT_ONCE).await;
    s.class_where(&s.name("z"), "is a's", |class| !class.is_null()).await;
    let told = program.class_is(&name, "Skipped").await;
    assert!(told["message"].as_str().unwrap().starts_with(&format!("{} has applied it", manager(&s, "b"))), "{told}");
    s.stays_quiet().await;
    for name in [&name, &s.name("y")] {
        assert_eq!(managers(&s.get(name).await), [manager(&s, "b")], "nothing of b's was taken or removed");
    }
    // b is repaired, without x.
    s.files(&of_b, "defaults", &[plain(&s.name("y"))]).await;
    let class = s.class_where(&name, "is a's", |class| class["spec"]["description"] == "a").await;
    assert_eq!(managers(&class), [manager(&s, "a")]);
}

#[tokio::test]
async fn only_a_deletion_removes_what_a_team_s_config_map_held() {
    let (s, program, namespace) = team("tenantgone", &json!({"policies": ["Delete"]})).await;
    let (first, second) = (s.name("a-1"), s.name("a-2"));
    s.files(&namespace, "one", &[policy(plain(&first), &json!({"onRemove": "Delete"}))]).await;
    s.files(&namespace, "two", &[plain(&second)]).await;
    for name in [&first, &second] {
        s.class_where(name, "is there", |class| !class.is_null()).await;
    }
    let is_kept = |class: &Value| managers_of(class) == [manager(&s, "a")];
    // Empty, and without its label: nothing goes, whatever the other one says.
    s.files(&namespace, "one", &[]).await;
    program.source_where(&source(&namespace, "one"), "is empty", |known| known["classes"] == 0).await;
    s.class_stays(&first, "kept", is_kept).await;
    s.files(&namespace, "one", &[policy(plain(&first), &json!({"onRemove": "Delete"}))]).await;
    program.source_where(&source(&namespace, "one"), "is filled", |known| known["classes"] == 1).await;
    s.config_map(&namespace, "one", None, &[policy(plain(&first), &json!({"onRemove": "Delete"}))]).await;
    program.source_is(&source(&namespace, "one"), "Rejected", &["label-lost"]).await;
    s.edit(&first, "a-user", &json!({"metadata": {"labels": {"team": null}}})).await;
    s.class_where(&first, "is still in force", |class| class["metadata"]["labels"]["team"] == "edge").await;
    s.files(&namespace, "two", &[plain(&s.name("a-3"))]).await;
    s.class_where(&s.name("a-3"), "is there", |class| !class.is_null()).await;
    s.class_stays(&second, "kept", is_kept).await;
    // The label is back: what left the other one leaves.
    s.files(&namespace, "one", &[policy(plain(&first), &json!({"onRemove": "Delete"}))]).await;
    s.class_where(&second, "is released", |class| managers_of(class) == RELEASED).await;
    assert!(is_kept(&s.get(&first).await));
    // Deleted: the one exception, also for the last one.
    s.delete_config_map(&namespace, "one").await;
    s.class_where(&first, "is deleted", Value::is_null).await;
    s.delete_config_map(&namespace, "two").await;
    s.class_where(&s.name("a-3"), "is released", |class| managers_of(class) == RELEASED).await;
    program.class_is(&s.name("platform"), "Unchanged").await;
}

/// The ConfigMap `one` gives a class, loses its label, and is deleted then; the class's name.
async fn lose_label_then_map(s: &Scenario, program: &Program, namespace: &str) -> String {
    let name = s.name("a-1");
    s.files(namespace, "one", &[plain(&name)]).await;
    s.class_where(&name, "is there", |class| !class.is_null()).await;
    s.config_map(namespace, "one", None, &[plain(&name)]).await;
    program.source_is(&source(namespace, "one"), "Rejected", &["label-lost"]).await;
    s.delete_config_map(namespace, "one").await;
    name
}

/// No watch tells it, and others' changes must not keep us from looking.
#[tokio::test]
async fn a_config_map_that_lost_its_label_is_looked_for_however_busy_its_namespace_is() {
    let (s, program, namespace) = team("tenantbusy", &json!({})).await;
    let name = lose_label_then_map(&s, &program, &namespace).await;
    let busy = async {
        for turn in 0.. {
            let other = with(plain(&s.name("a-2")), "/spec/description", json!(format!("turn {turn}")));
            s.files(&namespace, "two", &[other]).await;
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        () = busy => {}
        _ = s.class_where(&name, "is released", |class| managers_of(class) == RELEASED) => {}
    }
}

#[tokio::test]
async fn a_config_map_that_loses_its_label_and_is_then_deleted_is_deleted() {
    let (s, program, namespace) = team("tenantlater", &json!({})).await;
    let name = lose_label_then_map(&s, &program, &namespace).await;
    s.class_where(&name, "is released", |class| managers_of(class) == RELEASED).await;
}

#[tokio::test]
async fn after_a_restart_nothing_of_a_team_is_removed_that_may_only_be_missing() {
    let (s, program, namespace) = team("tenantboot", &json!({})).await;
    let (first, second) = (s.name("a-1"), s.name("a-2"));
    s.files(&namespace, "one", &[plain(&first)]).await;
    s.files(&namespace, "two", &[plain(&second)]).await;
    for name in [&first, &second] {
        s.class_where(name, "is there", |class| !class.is_null()).await;
    }
    program.kill();
    // One is rejected, so the other's class, which left it meanwhile, stays too.
    s.config_map_of(&namespace, "one", Some("true"), &json!({"a.yaml": "["})).await;
    s.files(&namespace, "two", &[plain(&s.name("a-3"))]).await;
    let program = s.run_with(&AT_ONCE).await;
    s.class_where(&s.name("a-3"), "is there", |class| !class.is_null()).await;
    program.source_is(&source(&namespace, "one"), "Rejected", &["syntax"]).await;
    // The platform's removals go on.
    s.mount(&[of_a(&s, &namespace, &json!({})), default(&s.name("platform-2"))]);
    s.class_where(&s.name("platform"), "is released", |class| managers_of(class) == RELEASED).await;
    s.stays_quiet().await;
    for name in [&first, &second] {
        assert_eq!(managers(&s.get(name).await), [manager(&s, "a")]);
    }
    program.kill();
    // Without any ConfigMap, nobody knows whether they were deleted or lost their labels.
    for map in ["one", "two"] {
        s.delete_config_map(&namespace, map).await;
    }
    let program = s.run_with(&AT_ONCE).await;
    program.class_is(&s.name("platform-2"), "Unchanged").await;
    s.stays_quiet().await;
    assert_eq!(managers(&s.get(&first).await), [manager(&s, "a")]);
    program.kill();
    let _program = s.run_with(&[AT_ONCE[0], AT_ONCE[1], "--allow-empty"]).await;
    s.class_where(&first, "is released", |class| managers_of(class) == RELEASED).await;
}

#[tokio::test]
async fn a_tenant_that_leaves_the_platform_s_files_leaves_its_classes() {
    let (s, _program, namespace) = team("tenantleft", &json!({"policies": ["Delete"]})).await;
    let (first, second) = (s.name("a-1"), s.name("a-2"));
    s.files(&namespace, "defaults", &[plain(&first), policy(plain(&second), &json!({"onRemove": "Delete"}))]).await;
    for name in [&first, &second] {
        s.class_where(name, "is there", |class| !class.is_null()).await;
    }
    // A mistake in the platform's files is no word on the tenant.
    s.mount_text("[");
    s.stays_quiet().await;
    s.mount(&[default(&s.name("platform"))]);
    s.class_where(&first, "is released", |class| managers_of(class) == RELEASED).await;
    s.class_where(&second, "is deleted", Value::is_null).await;
    s.files(&namespace, "defaults", &[plain(&s.name("a-3"))]).await;
    s.class_stays(&s.name("a-3"), "nobody's", Value::is_null).await;
}

#[tokio::test]
async fn release_all_gives_up_what_tenants_have_too_and_prune_doesn_t_touch_it() {
    let (s, program, namespace) = team("tenantcli", &json!({})).await;
    let name = s.name("a-1");
    s.files(&namespace, "defaults", &[plain(&name)]).await;
    s.class_where(&name, "is there", |class| !class.is_null()).await;
    assert!(program.stop("TERM").await.success());
    let manager_arg = ["--field-manager", &s.manager()].map(str::to_owned);
    let with_manager =
        |args: &[&str]| -> Vec<String> { args.iter().map(|&arg| arg.to_owned()).chain(manager_arg.clone()).collect() };
    let run = async |args: &[&str]| {
        let args = with_manager(args);
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let output = s.command(&args).await;
        assert!(output.status.success(), "{output:?}");
    };
    run(&["apply", s.defaults_arg(), "--prune"]).await;
    assert_eq!(managers(&s.get(&name).await), [manager(&s, "a")]);
    run(&["release", "--all"]).await;
    for name in [&name, &s.name("platform")] {
        assert_eq!(managers(&s.get(name).await), RELEASED);
    }
}
