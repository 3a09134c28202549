//! Defaults from ConfigMaps, read from the API server, alone and beside a directory.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::program::{Program, command};
use crate::scenario::{Scenario, default, eventually, managers, with};
use crate::telling::told;

const AT_ONCE: [&str; 2] = ["--removal-delay", "0s"];

/// A program that reads this ConfigMap and no directory.
fn run(s: &Scenario, config_map: &str) -> Program {
    let args = ["--configmap", config_map, AT_ONCE[0], AT_ONCE[1]];
    Program::start_with(&[], &s.kubeconfig, &s.manager(), &args)
}

#[tokio::test]
async fn a_config_map_is_followed_and_each_change_is_live_at_once() {
    let s = Scenario::new("cmlive").await;
    let (namespace, name) = (s.namespace("ns").await, s.name("a"));
    s.config_map(&namespace, "defaults", None, &[default(&name)]).await;
    let program = run(&s, &format!("{namespace}/defaults"));
    program.ready().await;
    s.class_where(&name, "is there", |class| !class.is_null()).await;
    let told = program.class_is(&name, "Unchanged").await["source"].clone();
    assert_eq!(told, json!(format!("configmap {namespace}/defaults/00.yaml:1")));
    let mut times = Vec::new();
    for turn in 1..=5 {
        let description = format!("turn {turn}");
        let start = Instant::now();
        s.config_map(&namespace, "defaults", None, &[with(default(&name), "/spec/description", json!(description))])
            .await;
        s.class_where(&name, &description, |class| class["spec"]["description"] == description).await;
        times.push(start.elapsed());
    }
    eprintln!("from the change of the ConfigMap to that of the class: {times:?}");
    // The fastest, since other tests run beside; the mount takes a minute or two.
    assert!(times.iter().min().unwrap() < &Duration::from_secs(1), "{times:?}");
    let before = s.proxy.writes().len();
    s.config_map(&namespace, "defaults", None, &[with(default(&name), "/spec/description", json!("last"))]).await;
    s.class_where(&name, "last", |class| class["spec"]["description"] == "last").await;
    let writes = s.proxy.writes().len() - before;
    s.stays_quiet().await;
    assert!(writes <= 2, "one apply, and perhaps its Event already: {:#?}", s.proxy.writes());
}

#[tokio::test]
async fn a_config_map_that_is_wrong_or_gone_keeps_its_last_good_content_in_force() {
    let s = Scenario::new("cmbad").await;
    let (namespace, name) = (s.namespace("ns").await, s.name("a"));
    let source = format!("configmap {namespace}/defaults");
    s.config_map(&namespace, "defaults", None, &[default(&name), default(&s.name("b"))]).await;
    let program = run(&s, &format!("{namespace}/defaults"));
    program.ready().await;
    s.class_where(&name, "is there", |class| !class.is_null()).await;
    s.config_map(&namespace, "defaults", None, &[with(default(&name), "/spec/controlerName", json!("typo"))]).await;
    let known = program.source_is(&source, "Rejected", &["unknown-field"]).await;
    assert_eq!(known["findings"][0]["file"], format!("{source}/00.yaml"));
    let notes = told(&s, &namespace, "defaults", &[("DefaultsAccepted", 1), ("DefaultsRejected", 1)]).await;
    assert!(notes[1].contains("unknown field"), "{notes:?}");
    s.edit(&name, "kubectl-label", &json!({"metadata": {"labels": {"team": null}}})).await;
    s.class_where(&name, "is repaired", |class| class["metadata"]["labels"]["team"] == "edge").await;
    for documents in [&[][..], &[default(&name)]] {
        s.delete_config_map(&namespace, "defaults").await;
        program.source_is(&source, "Rejected", &["unreadable"]).await;
        s.class_stays(&s.name("b"), "ours", |class| managers(class).contains(&&*s.manager())).await;
        // Empty is taken for a mistake; and a class that is missing in what is there is meant.
        s.config_map(&namespace, "defaults", None, documents).await;
        program.source_is(&source, "Accepted", &[]).await;
    }
    s.class_where(&s.name("b"), "is released", |class| managers(class) == ["classkeeper-released"]).await;
    program.class_is(&name, "Unchanged").await;
}

#[tokio::test]
async fn directory_and_config_map_are_in_force_together_and_one_s_mistake_is_its_own() {
    let s = Scenario::new("cmboth").await;
    let namespace = s.namespace("ns").await;
    let (map, source) = (format!("{namespace}/defaults"), format!("configmap {namespace}/defaults"));
    s.mount(&[default(&s.name("d"))]);
    s.config_map(&namespace, "defaults", None, &[default(&s.name("m"))]).await;
    let program = s.run_with(&["--configmap", &map, AT_ONCE[0], AT_ONCE[1]]).await;
    for name in ["d", "m"] {
        s.class_where(&s.name(name), "is there", |class| !class.is_null()).await;
    }
    // The directory's mistake.
    s.mount_text("[");
    program.source_is("directory", "Rejected", &["syntax"]).await;
    let changed = |name: &str| with(default(name), "/spec/description", json!("changed"));
    s.config_map(&namespace, "defaults", None, &[changed(&s.name("m"))]).await;
    s.class_where(&s.name("m"), "changed", |class| class["spec"]["description"] == "changed").await;
    // What left the ConfigMap isn't removed: the directory may have it, once it is repaired.
    s.config_map(&namespace, "defaults", None, &[default(&s.name("other"))]).await;
    s.class_where(&s.name("other"), "is there", |class| !class.is_null()).await;
    s.class_stays(&s.name("m"), "ours", |class| managers(class).contains(&&*s.manager())).await;
    s.mount(&[default(&s.name("d"))]);
    s.class_where(&s.name("m"), "is released", |class| managers(class) == ["classkeeper-released"]).await;
    // One name in both: the directory's.
    s.config_map(&namespace, "defaults", None, &[default(&s.name("other")), changed(&s.name("d"))]).await;
    let known = program.source_is(&source, "Rejected", &["name-held"]).await;
    let message = known["findings"][0]["message"].as_str().unwrap();
    assert_eq!(message, format!("the class {:?} is held by the platform, at 00.yaml:1", s.name("d")));
    assert_eq!(known["findings"][0]["file"], format!("{source}/01.yaml"));
    s.class_stays(&s.name("d"), "the directory's", |class| class["spec"]["description"] == "first").await;
    // The directory gives it up, and the ConfigMap has it at once, without a moment in which nobody has it.
    s.mount(&[default(&s.name("e"))]);
    let class = s.class_where(&s.name("d"), "changed", |class| class["spec"]["description"] == "changed").await;
    assert_eq!(managers(&class), [s.manager()]);
    program.source_is(&source, "Accepted", &[]).await;
    assert!(program.metric("classkeeper_config_last_reload_successful").await > 0.5);
}

#[tokio::test]
async fn after_a_restart_a_source_that_is_rejected_or_missing_removes_nothing_of_anybody_s() {
    let s = Scenario::new("cmrestart").await;
    let namespace = s.namespace("ns").await;
    let (map, source) = (format!("{namespace}/defaults"), format!("configmap {namespace}/defaults"));
    s.mount(&[default(&s.name("d")), default(&s.name("gone"))]);
    s.config_map(&namespace, "defaults", None, &[default(&s.name("m"))]).await;
    let args = ["--configmap", &map, AT_ONCE[0], AT_ONCE[1]];
    let program = s.run_with(&args).await;
    for name in ["d", "gone", "m"] {
        s.class_where(&s.name(name), "is there", |class| !class.is_null()).await;
    }
    program.kill();
    s.mount(&[default(&s.name("d"))]);
    s.config_map_of(&namespace, "defaults", None, &json!({"a.yaml": "["})).await;
    let program = s.run_with(&args).await;
    program.source_is(&source, "Rejected", &["syntax"]).await;
    s.stays_quiet().await;
    program.kill();
    s.delete_config_map(&namespace, "defaults").await;
    let program = s.run_with(&args).await;
    program.source_is(&source, "Rejected", &["unreadable"]).await;
    s.stays_quiet().await;
    for name in ["d", "gone", "m"] {
        assert!(managers(&s.get(&s.name(name)).await).contains(&&*s.manager()), "{name}");
    }
    s.config_map(&namespace, "defaults", None, &[default(&s.name("new"))]).await;
    for name in ["gone", "m"] {
        s.class_where(&s.name(name), "is released", |class| managers(class) == ["classkeeper-released"]).await;
    }
    s.class_where(&s.name("new"), "is there", |class| !class.is_null()).await;
    program.class_is(&s.name("d"), "Unchanged").await;
}

#[tokio::test]
async fn a_config_map_comes_back_after_the_watch_was_lost() {
    let s = Scenario::new("cmlater").await;
    let (namespace, name) = (s.namespace("ns").await, s.name("a"));
    // It isn't there yet at the start.
    let program = run(&s, &format!("{namespace}/defaults"));
    let source = format!("configmap {namespace}/defaults");
    program.source_is(&source, "Rejected", &["unreadable"]).await;
    assert_eq!(program.get("/readyz").await.0, 503);
    s.config_map_of(&namespace, "defaults", None, &json!({"note.txt": "x", "a.yml": default(&name).to_string()})).await;
    program.ready().await;
    s.class_where(&name, "is there", |class| !class.is_null()).await;
    eventually("it is told", || async {
        let known = program.source(&source).await;
        if known["classes"] == 1 { Ok(()) } else { Err(known) }
    })
    .await;
}

#[test]
fn a_run_without_a_source_or_with_a_wrong_name_is_wrong_use() {
    for args in
        [&["run"][..], &["run", "--configmap", "defaults"], &["run", "--defaults", ".", "--field-manager", "a/b"]]
    {
        let output = command().args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
    }
    let output = command().args(["run", "--configmap", "defaults"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("NAMESPACE/NAME"), "{said}");
}
