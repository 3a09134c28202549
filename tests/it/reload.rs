//! The files are followed: swaps of a mount, edits in place, and content that is refused.

use std::collections::BTreeMap;
use std::fs;

use control_plane::mount::{Files, LinkOrder};
use serde_json::{Value, json};

use crate::scenario::{Scenario, default, eventually, with};

fn files(documents: &[(&str, &Value)]) -> Files {
    documents.iter().map(|(name, document)| ((*name).to_owned(), document.to_string().into_bytes())).collect()
}

#[tokio::test]
async fn ten_swaps_in_a_row_are_all_followed_in_both_orders_of_links() {
    let s = Scenario::new("swaps").await;
    let at = |turn: usize| with(default(&s.name("a")), "/spec/description", json!(format!("turn {turn}")));
    s.mount_files(&files(&[("a.yaml", &at(0))]), LinkOrder::AfterSwap);
    let _program = s.run().await;
    for turn in 1..=10 {
        let order = if turn % 2 == 0 { LinkOrder::AfterSwap } else { LinkOrder::BeforeSwap };
        // A key comes and another goes with each swap.
        let (changed, other) = (at(turn), default(&s.name(&format!("turn-{turn}"))));
        s.mount_files(&files(&[("a.yaml", &changed), (&format!("{turn:02}.yaml"), &other)]), order);
        let description = format!("turn {turn}");
        s.class_where(&s.name("a"), &description, |class| class["spec"]["description"] == description).await;
        s.class_where(&s.name(&format!("turn-{turn}")), "is there", |class| !class.is_null()).await;
    }
    s.stays_quiet().await;
}

#[tokio::test]
async fn equal_content_swapped_in_is_no_request_and_no_reload() {
    let s = Scenario::new("equal").await;
    s.mount(&[default(&s.name("a"))]);
    let program = s.run().await;
    s.class_where(&s.name("a"), "is there", |class| !class.is_null()).await;
    s.stays_quiet().await;
    let requests = s.proxy.requests().len();
    for _ in 0..3 {
        s.mount(&[default(&s.name("a"))]);
    }
    s.stays_quiet().await;
    assert_eq!(s.proxy.requests().len(), requests);
    assert_eq!(program.logged("defaults accepted").len(), 1);
}

#[tokio::test]
async fn refused_content_keeps_the_last_good_one_in_force_drift_repair_included() {
    let s = Scenario::new("refuse").await;
    let name = s.name("a");
    let good = default(&name);
    s.mount(std::slice::from_ref(&good));
    let program = s.run().await;
    s.class_where(&name, "is there", |class| !class.is_null()).await;
    let bad = with(with(good.clone(), "/spec/description", json!("second")), "/spec/controlerName", json!("typo"));
    s.mount(&[bad, default(&s.name("beside"))]);
    let status = eventually("the refusal is reported", || async {
        let status = program.status().await;
        if status["config"]["state"] == "Rejected" { Ok(status) } else { Err(status) }
    })
    .await;
    let finding = &status["config"]["findings"][0];
    assert_eq!((&finding["code"], &finding["file"]), (&json!("unknown-field"), &json!("00.yaml")));
    assert!(finding["suggestion"].as_str().unwrap().contains("controllerName"), "{finding}");
    s.edit(&name, "kubectl-label", &json!({"metadata": {"labels": {"team": null}}})).await;
    s.class_where(&name, "is repaired", |class| class["metadata"]["labels"]["team"] == "edge").await;
    s.class_stays(&name, "the last good one", |class| class["spec"]["description"] == "first").await;
    assert!(s.get(&s.name("beside")).await.is_null(), "one error rejects the whole source");
    assert_eq!(program.get("/readyz").await.0, 200, "still ready");
    assert!(program.metric("classkeeper_config_last_reload_successful").await.abs() < f64::EPSILON);
    s.mount(&[with(good, "/spec/description", json!("third"))]);
    s.class_where(&name, "follows the repaired file", |class| class["spec"]["description"] == "third").await;
}

#[tokio::test]
async fn without_a_good_load_the_program_is_not_ready_and_writes_nothing() {
    let s = Scenario::new("bad").await;
    s.mount_text("kind: Nonsense\n");
    let program = crate::program::Program::start(&s.kubeconfig, &s.defaults, &s.manager(), &[]);
    eventually("the refusal is reported", || async {
        let status = program.status().await;
        if status["config"]["state"] == "Rejected" { Ok(()) } else { Err(status) }
    })
    .await;
    s.stays_quiet().await;
    assert_eq!(program.get("/readyz").await.0, 503);
    assert_eq!(program.get("/livez").await.0, 200);
    s.mount(&[default(&s.name("a"))]);
    program.ready().await;
    s.class_where(&s.name("a"), "is there", |class| !class.is_null()).await;
}

#[tokio::test]
async fn files_edited_in_place_are_followed_when_they_are_quiet() {
    let s = Scenario::new("edited").await;
    let path = s.defaults.join("a.yaml");
    fs::write(&path, default(&s.name("a")).to_string()).unwrap();
    let program = s.run().await;
    s.class_where(&s.name("a"), "is there", |class| !class.is_null()).await;
    // As an editor does: a swap file beside it, half of the content, then all of it under another name, then a rename.
    let new = with(default(&s.name("a")), "/spec/description", json!("second")).to_string();
    fs::write(s.defaults.join(".a.yaml.swp"), "x: [").unwrap();
    fs::write(s.defaults.join(".a.new"), &new[..new.len() / 2]).unwrap();
    fs::write(s.defaults.join(".a.new"), &new).unwrap();
    fs::rename(s.defaults.join(".a.new"), &path).unwrap();
    fs::remove_file(s.defaults.join(".a.yaml.swp")).unwrap();
    s.class_where(&s.name("a"), "is changed", |class| class["spec"]["description"] == "second").await;
    assert!(program.logged("defaults rejected; the last good ones stay in force").is_empty());
}

#[tokio::test]
async fn a_directory_that_is_replaced_is_followed_by_sighup_at_the_latest() {
    let s = Scenario::new("replaced").await;
    // As git-sync does: the path is a link to a checkout, and the link is replaced.
    let base = s.defaults.parent().unwrap();
    let (first, second, link) = (base.join("first"), base.join("second"), base.join("current"));
    for (dir, description) in [(&first, "first"), (&second, "second")] {
        fs::create_dir(dir).unwrap();
        let document = with(default(&s.name("a")), "/spec/description", json!(description));
        fs::write(dir.join("a.yaml"), document.to_string()).unwrap();
    }
    std::os::unix::fs::symlink(&first, &link).unwrap();
    let program = crate::program::Program::start(&s.kubeconfig, &link, &s.manager(), &[]);
    s.class_where(&s.name("a"), "first", |class| class["spec"]["description"] == "first").await;
    std::os::unix::fs::symlink(&second, base.join("new")).unwrap();
    fs::rename(base.join("new"), &link).unwrap();
    program.signal("HUP");
    s.class_where(&s.name("a"), "second", |class| class["spec"]["description"] == "second").await;
}

#[tokio::test]
async fn a_class_without_a_default_any_more_stays_as_it_is() {
    let s = Scenario::new("gone").await;
    s.mount(&[default(&s.name("a")), default(&s.name("b"))]);
    let program = s.run().await;
    let class = s.class_where(&s.name("b"), "is there", |class| !class.is_null()).await;
    s.mount(&[default(&s.name("a"))]);
    eventually("it left the report", || async {
        let status = program.status().await;
        if status["classes"].as_array().unwrap().len() == 1 { Ok(()) } else { Err(status) }
    })
    .await;
    s.stays_quiet().await;
    assert_eq!(s.get(&s.name("b")).await, class);
    assert!((program.metric("classkeeper_classes{outcome=\"Unchanged\"}").await - 1.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn a_key_that_is_no_defaults_file_is_not_read() {
    let s = Scenario::new("keys").await;
    let mut content: Files = files(&[("a.yaml", &default(&s.name("a")))]);
    content.extend(BTreeMap::from([("README.md".to_owned(), b"# not: [yaml".to_vec())]));
    s.mount_files(&content, LinkOrder::AfterSwap);
    let program = s.run().await;
    s.class_where(&s.name("a"), "is there", |class| !class.is_null()).await;
    assert_eq!(program.status().await["config"]["findings"], json!([]));
}
