//! Classes that somebody else rewrites as often as classkeeper does: contract 2.4.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::program::Program;
use crate::scenario::{self, Scenario, default, policy, with};

/// Somebody who sends the same edit again and again, whatever is there.
struct Looper {
    stop: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Looper {
    /// Edits a class as `looper`.
    fn start(s: &Arc<Scenario>, name: &str, edit: Value) -> Self {
        let (stop, name, s) = (Arc::new(AtomicBool::new(false)), name.to_owned(), s.clone());
        let task = tokio::spawn({
            let stop = stop.clone();
            async move {
                for turn in 0_u32.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let edit = edit.to_string().replace("TURN", &turn.to_string());
                    let edit = serde_json::from_str(&edit).unwrap();
                    s.edit(&name, "looper", &edit).await;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        });
        Self { stop, task }
    }

    async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap();
    }
}

async fn kept(prefix: &'static str, how: &Value) -> (Arc<Scenario>, Program, String) {
    let (s, program, name) = scenario::kept(prefix, how).await;
    s.stays_quiet().await;
    (Arc::new(s), program, name)
}

fn status(accepted: &str, turn: usize) -> Value {
    json!({"conditions": [{"type": "Accepted", "status": accepted, "reason": "Accepted",
        "message": format!("turn {turn}"), "lastTransitionTime": "2026-01-01T00:00:00Z"}]})
}

/// A fight from its first blow to its end; `edit` is what the other one sends again and again.
async fn fight(prefix: &'static str, how: &Value, edit: Value) {
    let (s, program, name) = kept(prefix, how).await;
    let before = s.proxy.writes().len();
    let looper = Looper::start(&s, &name, edit);
    let named = |text: &Value| text.as_str().is_some_and(|text| text.contains("looper rewrites"));
    program.class_is(&name, "Fighting").await;
    program.class_where(&name, "names the other one", |class| named(&class["message"])).await;
    // Each rewrite may be two requests: the apply, and one that the other one came before.
    let writes = s.proxy.writes().len() - before;
    assert!((5..=12).contains(&writes), "{writes} writes");
    let told = program.logged("the class is being rewritten again and again");
    assert!(told.len() == 1 && named(&told[0]["detail"]), "it is told once: {told:#?}");
    // The other one goes on, and we don't.
    s.stays_quiet().await;
    let requests = s.proxy.requests().len();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(s.proxy.requests().len(), requests, "nothing is sent at all");
    looper.stop().await;
    // Times of owners have whole seconds. Whoever writes the status, and last, isn't the one to be named.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    s.write_status(&name, "v1", &status("True", 0)).await;
    s.stays_quiet().await;
    let class = program.class(&name).await;
    assert!(class["outcome"] == "Fighting" && named(&class["message"]), "{class:#}");
    assert_eq!(program.logged("the class is being rewritten again and again").len(), 1, "it is told once");
    // A new intent ends it.
    let new = with(policy(default(&name), how), "/spec/description", json!("second"));
    s.mount(&[with(new, "/metadata/labels/team", json!("new"))]);
    let is = |class: &Value| class["metadata"]["labels"]["team"] == "new" && class["spec"]["description"] == "second";
    s.class_where(&name, "as the files say now", is).await;
    s.stays_quiet().await;
    assert_eq!(program.class(&name).await["outcome"], "Unchanged");
}

#[tokio::test]
async fn a_label_that_is_removed_in_a_loop_is_a_fight_that_ends_with_a_new_intent() {
    // Who only removes is recorded nowhere, so this one also writes something of its own.
    let edit = json!({"metadata": {"labels": {"team": null}, "annotations": {"example.com/turn": "TURN"}}});
    fight("fightremoved", &json!({}), edit).await;
}

#[tokio::test]
async fn a_description_that_is_enforced_and_set_in_a_loop_is_a_fight_that_ends_with_a_new_intent() {
    fight("fightset", &json!({"conflicts": "Force"}), json!({"spec": {"description": "mine"}})).await;
}

#[tokio::test]
async fn a_few_edits_in_a_minute_are_no_fight() {
    let (s, program, name) = kept("nofight", &json!({})).await;
    for _ in 0..3 {
        s.edit(&name, "kubectl-label", &json!({"metadata": {"labels": {"team": null}}})).await;
        s.class_where(&name, "is repaired", |class| class["metadata"]["labels"]["team"] == "edge").await;
    }
    s.stays_quiet().await;
    assert_eq!(program.class(&name).await["outcome"], "Unchanged");
}

#[tokio::test]
async fn a_controller_that_writes_the_status_in_another_version_causes_no_write() {
    let (s, program, name) = kept("status", &json!({})).await;
    let requests = s.proxy.requests().len();
    for turn in 0..40 {
        s.write_status(&name, "v1beta1", &status(if turn % 2 == 0 { "True" } else { "False" }, turn)).await;
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    s.stays_quiet().await;
    assert_eq!(s.proxy.requests().len(), requests, "not even a read");
    let class = s.get(&name).await;
    let entries = class["metadata"]["managedFields"].as_array().unwrap();
    let theirs = entries.iter().find(|entry| entry["manager"] == "implementation").unwrap();
    assert_eq!(theirs["apiVersion"], "gateway.networking.k8s.io/v1beta1");
    // A change of the default still reaches the class, at another version than the status's.
    s.mount(&[with(default(&name), "/spec/description", json!("second"))]);
    s.class_where(&name, "is changed", |class| class["spec"]["description"] == "second").await;
    s.write_status(&name, "v1beta1", &status("True", 40)).await;
    s.stays_quiet().await;
    assert_eq!(program.class(&name).await["outcome"], "Unchanged");
}
