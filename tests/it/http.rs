//! What the program serves over HTTP.

use serde_json::json;

use crate::scenario::{Scenario, default};

#[tokio::test]
async fn metrics_are_what_the_contract_names() {
    let s = Scenario::new("metrics").await;
    s.mount(&[default(&s.name("a"))]);
    let program = s.run().await;
    s.class_where(&s.name("a"), "is there", |class| !class.is_null()).await;
    s.stays_quiet().await;
    let (status, text) = program.get("/metrics").await;
    assert_eq!(status, 200);
    for line in [
        "classkeeper_config_last_reload_successful 1",
        "classkeeper_config_reloads_total{result=\"accepted\"} 1",
        "classkeeper_classes{outcome=\"Unchanged\"} 1",
        "classkeeper_classes{outcome=\"Failed\"} 0",
        "classkeeper_apply_total{outcome=\"Created\"} 1",
        "classkeeper_apply_duration_seconds_count 1",
        "classkeeper_units_yielded 0",
        "classkeeper_drift_repaired_total 0",
        "classkeeper_api_requests_total{verb=\"APPLY\",code=\"201\"} 1",
        "classkeeper_leader 1",
    ] {
        assert!(text.lines().any(|found| found == line), "no line {line:?} in {text}");
    }
    for name in [
        "classkeeper_config_last_reload_success_timestamp_seconds",
        "classkeeper_build_info",
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
        "process_start_time_seconds",
        "process_open_fds",
    ] {
        assert!(text.lines().any(|line| line.starts_with(name)), "no {name} in {text}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn the_status_tells_units_owners_and_the_configuration() {
    let s = Scenario::new("httpstatus").await;
    s.mount(&[default(&s.name("a"))]);
    let program = s.run().await;
    s.class_where(&s.name("a"), "is there", |class| !class.is_null()).await;
    s.stays_quiet().await;
    let status = program.status().await;
    assert_eq!(status["summary"], json!({"Unchanged": 1}));
    assert_eq!((&status["config"]["state"], &status["leader"]), (&json!("Accepted"), &json!(true)));
    assert!(status["config"]["digest"].is_string() && status["config"]["loadedAt"].is_string());
    let class = &status["classes"][0];
    assert_eq!((&class["name"], &class["source"]), (&json!(s.name("a")), &json!("00.yaml:1")));
    let units: Vec<_> = class["units"].as_array().unwrap().iter().map(|unit| unit["unit"].as_str().unwrap()).collect();
    let expected = [
        "spec.controllerName",
        "spec.description",
        "spec.parametersRef",
        "metadata.labels['team']",
        "metadata.annotations['example.com/note']",
    ];
    assert_eq!(units, expected);
    assert!(class["units"].as_array().unwrap().iter().all(|unit| unit["owners"][0]["manager"] == s.manager().as_str()));
}

#[tokio::test]
async fn the_public_address_serves_no_status() {
    let s = Scenario::new("public").await;
    s.mount(&[default(&s.name("a"))]);
    let program = s.run().await;
    assert_eq!(program.get("/status").await.0, 404);
    assert_eq!(program.get_admin("/metrics").await.0, 404);
}
