//! The alerts, by Prometheus' own checker: that they are rules, and when they fire.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use control_plane::helm::Version;
use serde_json::Value;

use crate::cluster::said;
use crate::helm::{Helm, full_values};
use crate::yaml;

pub const ALERTS: &str = "deploy/kustomize/components/monitoring/alerts.yaml";
const TESTS: &str = "deploy/monitoring/alerts.test.yaml";

/// The rules as kustomize ships them.
pub fn rules() -> Vec<Value> {
    yaml::parse(&yaml::read(ALERTS))[0]["spec"]["groups"][0]["rules"].as_array().unwrap().clone()
}

/// promtool: on PATH, or where `.ci/promtool` unpacks it. Only CI must have it; who has none is told.
fn promtool() -> Option<PathBuf> {
    let unpacked = yaml::project("target/promtool/usr/bin/promtool");
    let found = [PathBuf::from("promtool"), unpacked];
    let runs =
        |program: &PathBuf| Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    let found = found.into_iter().find(runs);
    assert!(found.is_some() || std::env::var_os("CI").is_none(), "there is no promtool: run .ci/promtool");
    if found.is_none() {
        let _ = writeln!(std::io::stderr(), "The alerts were NOT checked, for want of promtool: run .ci/promtool");
    }
    found
}

#[tokio::test]
async fn alerts_fire_when_they_should_and_only_then() {
    let Some(promtool) = promtool() else { return };
    let helm = Helm::new(Version::V4).await;
    // The chart's are named by the release's namespace; in this one they must be the very same.
    let chart = helm.template("classkeeper", "classkeeper", &["--values", &full_values()]).await.unwrap();
    let specs =
        [yaml::parse(&yaml::read(ALERTS))[0]["spec"].clone(), yaml::only(&chart, "PrometheusRule")["spec"].clone()];
    for spec in specs {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("alerts.yaml"), spec.to_string()).unwrap();
        std::fs::write(folder.path().join("alerts.test.yaml"), yaml::read(TESTS)).unwrap();
        let run =
            |args: &[&str]| said(&Command::new(&promtool).args(args).current_dir(folder.path()).output().unwrap());
        let checked = run(&["check", "rules", "--lint-fatal", "alerts.yaml"]).unwrap();
        assert!(checked.contains(&format!("{} rules found", rules().len())), "{checked}");
        run(&["test", "rules", "alerts.test.yaml"]).unwrap();
    }
}

#[test]
fn every_alert_is_seen_to_fire_and_to_be_silent() {
    let tests = yaml::parse(&yaml::read(TESTS))[0]["tests"].as_array().unwrap().clone();
    let cases: Vec<_> = tests.iter().flat_map(|test| test["alert_rule_test"].as_array().unwrap()).collect();
    let names = |fires: bool| -> BTreeSet<_> {
        let is = |case: &&&Value| case["exp_alerts"].as_array().unwrap().is_empty() != fires;
        cases.iter().filter(is).map(|case| case["alertname"].as_str().unwrap().to_owned()).collect()
    };
    let alerts: BTreeSet<_> = rules().iter().map(|rule| rule["alert"].as_str().unwrap().to_owned()).collect();
    assert_eq!(alerts, names(true));
    assert_eq!(alerts, names(false));
}

#[tokio::test]
async fn the_chart_s_alerts_watch_its_own_release() {
    let helm = Helm::new(Version::V3).await;
    let documents = helm.template("edge", "platform", &["--values", &full_values()]).await.unwrap();
    let rules = yaml::only(&documents, "PrometheusRule")["spec"].to_string();
    assert!(!rules.contains(r#"=\"classkeeper\""#), "{rules}");
    assert!(rules.contains(r#"namespace=\"platform\", deployment=\"classkeeper-edge\""#), "{rules}");
}

#[test]
fn the_chart_has_the_same_alerts_and_dashboard_as_kustomize() {
    for file in ["alerts.yaml", "dashboard.json"] {
        let [base, chart] = ["kustomize/components/monitoring", "helm/classkeeper/files"]
            .map(|folder| yaml::read(&format!("deploy/{folder}/{file}")));
        assert!(
            base == chart,
            "{file}: copy deploy/kustomize/components/monitoring/{file} to deploy/helm/classkeeper/files"
        );
    }
}
