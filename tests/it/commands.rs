//! The commands that end: their exit status, their data, their words.

use serde_json::{Value, json};

use crate::program::output;
use crate::scenario::{Scenario, default, path_str, with};

fn stdout(output: &std::process::Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn check_accepts_the_examples() {
    let checked = output(None, &["check", "defaults.d", "--deny-warnings"]);
    assert_eq!(checked.status.code(), Some(0), "{}{}", stdout(&checked), stderr(&checked));
}

#[test]
fn check_tells_the_place_and_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    let text = "apiVersion: classkeeper.dev/v1alpha1\nkind: DefaultGatewayClass\nmetadata:\n  name: a\nspec:\n  \
                controlerName: example.com/x\n";
    std::fs::write(&file, text).unwrap();
    let checked = output(None, &["check", path_str(folder.path())]);
    assert_eq!(checked.status.code(), Some(1));
    let text = stdout(&checked);
    assert!(text.contains("a.yaml:6:3") && text.contains("did you mean \"controllerName\"?"), "{text}");
    let checked = output(None, &["check", path_str(&file), "-o", "json"]);
    assert_eq!(checked.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(report["valid"], false);
    let finding =
        report["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "unknown-field").unwrap();
    assert_eq!((&finding["line"], &finding["column"], &finding["severity"]), (&json!(6), &json!(3), &json!("error")));
}

#[test]
fn check_of_nothing_is_impossible() {
    let checked = output(None, &["check", "no-such-directory"]);
    assert_eq!(checked.status.code(), Some(2));
    assert!(stderr(&checked).contains("no-such-directory"), "{}", stderr(&checked));
}

#[test]
fn run_without_its_directory_is_wrong_use() {
    let run = output(None, &["run", "--defaults", "no-such-directory"]);
    assert_eq!(run.status.code(), Some(2));
    assert!(stderr(&run).contains("no-such-directory"), "{}", stderr(&run));
}

#[test]
fn schema_prints_the_committed_schema() {
    let schema = output(None, &["schema"]);
    assert_eq!(schema.status.code(), Some(0));
    assert_eq!(stdout(&schema), include_str!("../../schema/defaults.v1alpha1.json"));
}

#[tokio::test]
async fn diff_and_apply_agree() {
    let s = Scenario::new("apply").await;
    let (name, manager) = (s.name("a"), s.manager());
    s.mount(&[default(&name)]);
    let apply = ["apply", s.defaults_arg(), "--field-manager", &manager, "-o", "json"];
    let diff = ["diff", s.defaults_arg(), "--field-manager", &manager, "-o", "json"];
    let outcome = |output: &std::process::Output| {
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", stderr(output)));
        report["classes"][0]["outcome"].as_str().unwrap().to_owned()
    };

    let asked = s.command(&diff).await;
    assert_eq!((asked.status.code(), outcome(&asked).as_str()), (Some(1), "Created"));
    assert!(s.get(&name).await.is_null(), "diff changes nothing");
    assert!(s.proxy.writes().iter().all(|write| write.query.contains("dryRun=All")), "and asks the server");

    let applied = s.command(&apply).await;
    assert_eq!((applied.status.code(), outcome(&applied).as_str()), (Some(0), "Created"));
    let asked = s.command(&diff).await;
    assert_eq!((asked.status.code(), outcome(&asked).as_str()), (Some(0), "Unchanged"));

    let writes = s.proxy.writes().len();
    let applied = s.command(&apply).await;
    assert_eq!((applied.status.code(), outcome(&applied).as_str()), (Some(0), "Unchanged"));
    assert_eq!(s.proxy.writes().len(), writes, "what is as wanted isn't written");

    s.mount(&[with(default(&name), "/spec/controllerName", json!("example.com/other"))]);
    let asked = s.command(&diff).await;
    assert_eq!((asked.status.code(), outcome(&asked).as_str()), (Some(1), "Blocked"));
    let applied = s.command(&apply).await;
    assert_eq!((applied.status.code(), outcome(&applied).as_str()), (Some(1), "Blocked"));
}

#[tokio::test]
async fn diff_shows_what_stays_whose() {
    let s = Scenario::new("diff").await;
    let (name, manager) = (s.name("a"), s.manager());
    s.mount(&[default(&name)]);
    s.command(&["apply", s.defaults_arg(), "--field-manager", &manager]).await;
    s.edit(&name, "kubectl-edit", &json!({"spec": {"description": "mine"}})).await;
    s.mount(&[with(default(&name), "/metadata/labels/team", json!("new"))]);
    let asked = s.command(&["diff", s.defaults_arg(), "--field-manager", &manager]).await;
    let text = stdout(&asked);
    assert_eq!(asked.status.code(), Some(1));
    assert!(text.contains("Set         metadata.labels['team']  \"edge\" -> \"new\""), "{text}");
    assert!(text.contains("Yielded     spec.description  stays \"mine\", owned by kubectl-edit (Update, "), "{text}");
    assert!(text.contains("the file has \"first\""), "{text}");
}

#[tokio::test]
async fn apply_of_invalid_files_sends_nothing() {
    let s = Scenario::new("invalid").await;
    s.mount_text("kind: Nonsense\n");
    let applied = s.command(&["apply", s.defaults_arg()]).await;
    assert_eq!(applied.status.code(), Some(2));
    assert!(s.proxy.requests().is_empty());
    assert!(stderr(&applied).contains("unknown-kind") || stderr(&applied).contains("kind"), "{}", stderr(&applied));
}

#[tokio::test]
async fn apply_without_a_cluster_is_impossible() {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    let text = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "c", "user": {}}], "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}]});
    std::fs::write(&kubeconfig, text.to_string()).unwrap();
    for command in ["apply", "diff"] {
        let done = output(Some(&kubeconfig), &[command, "defaults.d"]);
        assert_eq!(done.status.code(), Some(2), "{command}: {}", stderr(&done));
        assert!(stderr(&done).contains("error: "), "{}", stderr(&done));
    }
}

#[tokio::test]
async fn who_isn_t_known_to_the_server_is_told_to_log_in_and_not_to_ask_for_a_rule() {
    let known = std::fs::read_to_string(control_plane::shared().await.unwrap().kubeconfig()).unwrap();
    let token = regex::Regex::new(r"[0-9a-f]{32}").unwrap();
    assert_eq!(token.find_iter(&known).count(), 1, "the kubeconfig has a token");
    let kubeconfig = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(kubeconfig.path(), token.replace(&known, "expired").as_bytes()).unwrap();
    let asked = output(Some(kubeconfig.path()), &["diff", "defaults.d"]);
    assert_eq!(asked.status.code(), Some(2));
    let expected =
        "error: can't ask the cluster\n  because: Unauthorized\n  help: the server doesn't accept who you are";
    assert!(stderr(&asked).starts_with(expected), "{}", stderr(&asked));
}
