//! What alerts, dashboard and docs say of metrics, compared with what the program serves.

use std::collections::{BTreeMap, BTreeSet};

use classkeeper::engine::outcome::Outcome;
use serde_json::{Value, json};

use crate::cluster::{cluster, eventually};
use crate::program::Container;
use crate::{alerts, query, yaml};

/// Metrics of other programs, which an alert names beside ours: kube-state-metrics'.
const ELSEWHERE: [&str; 1] = ["kube_deployment_status_replicas_unavailable"];
/// Labels that Prometheus adds to what it scrapes.
const OF_THE_TARGET: [&str; 4] = ["namespace", "pod", "instance", "cluster"];

/// Labels by the name of the sample that has them.
type Samples = BTreeMap<String, BTreeSet<String>>;

/// What the program serves after it has done what it's for: read files, created a class, repaired it.
async fn served() -> (String, Samples) {
    let cluster = cluster().await;
    cluster.namespace("metrics").await;
    let pod = json!({"containers": [{
        "args": ["run", "--defaults", "/defaults", "--field-manager", "classkeeper-metrics"],
        "env": [{"name": "POD_NAME"}, {"name": "POD_NAMESPACE"}, {"name": "POD_UID"}],
        "volumeMounts": [{"mountPath": "/defaults"}],
    }]});
    let class = "{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: metrics}, \
                 spec: {controllerName: example.com/metrics}}";
    let container = Container::start(cluster, "metrics", &pod, &json!({ "10.yaml": class })).await;
    let there = || async {
        let class = cluster.get("gatewayclass", "", "metrics").await;
        if class.is_null() { Err(container.log()) } else { Ok(()) }
    };
    eventually("the class is created", there).await;
    cluster.run(&["delete", "gatewayclass", "metrics"]).await.unwrap();
    eventually("the class is created again", there).await;
    let repaired = || async {
        let text = container.get("/metrics").ok_or("no answer")?;
        if text.contains("\nclasskeeper_drift_repaired_total 1\n") { Ok(text) } else { Err(text) }
    };
    let text = eventually("the repair is counted", repaired).await;
    container.stop().await;
    let samples = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let (name, labels) = line
            .split_once('{')
            .map_or((line.split(' ').next().unwrap(), ""), |(name, rest)| (name, rest.split_once('}').unwrap().0));
        let keys = labels.split("\",").filter_map(|label| Some(label.split_once('=')?.0.to_owned()));
        (name.to_owned(), keys.collect())
    });
    let samples = samples.fold(Samples::new(), |mut all, (name, keys): (String, BTreeSet<_>)| {
        all.entry(name).or_default().extend(keys);
        all
    });
    (text, samples)
}

/// Every query of the alerts and the dashboard, with where it stands.
fn queries() -> Vec<(String, String)> {
    let dashboard: Value =
        serde_json::from_str(&yaml::read("deploy/kustomize/components/monitoring/dashboard.json")).unwrap();
    let variables = dashboard["templating"]["list"].as_array().unwrap().iter();
    let variables = variables.filter_map(|variable| variable["query"]["query"].as_str());
    let of_variables = variables.map(|query| {
        let metric = query.strip_prefix("label_values(").unwrap().split(',').next().unwrap();
        ("a variable".to_owned(), metric.to_owned())
    });
    let panels = dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row");
    let of_panels = panels.flat_map(|panel| {
        let title = panel["title"].as_str().unwrap();
        let targets = panel["targets"].as_array().unwrap().iter();
        targets.map(move |target| (format!("the panel {title:?}"), target["expr"].as_str().unwrap().to_owned()))
    });
    let of_alerts = alerts::rules().into_iter();
    let of_alerts =
        of_alerts.map(|rule| (rule["alert"].as_str().unwrap().to_owned(), rule["expr"].as_str().unwrap().to_owned()));
    of_variables.chain(of_panels).chain(of_alerts).collect()
}

#[tokio::test]
async fn alerts_dashboard_and_docs_name_what_is_served() {
    let (text, samples) = served().await;
    let (mut wrong, mut named) = (BTreeSet::new(), 0);
    for (place, query) in queries() {
        let metrics = query::metrics(&query);
        assert!(!metrics.is_empty(), "{place} names no metric: {query}");
        for (metric, labels) in metrics {
            named += 1;
            if ELSEWHERE.contains(&&*metric) {
                continue;
            }
            let Some(served) = samples.get(&metric) else {
                wrong.insert(format!("{place}: no {metric}"));
                continue;
            };
            for (label, value) in labels {
                let is_outcome = label != "outcome" || Outcome::ALL.iter().any(|outcome| outcome.as_str() == value);
                if !is_outcome || !(served.contains(&label) || OF_THE_TARGET.contains(&&*label)) {
                    wrong.insert(format!("{place}: {metric} has no {label}={value}"));
                }
            }
        }
    }
    assert!(named > 30, "only {named} metrics are named");

    // The page has a row for each metric, by the name that a query uses; of a histogram, without the suffix.
    let page = yaml::read("docs/metrics-and-alerts.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split(['`', '{']).next());
    let documented: BTreeSet<_> = rows.filter(|name| name.contains('_')).map(str::to_owned).collect();
    let histograms: Vec<_> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" histogram")).collect();
    let family = |sample: &String| {
        let of = |name: &&&str| {
            sample.strip_prefix(**name).is_some_and(|suffix| matches!(suffix, "_bucket" | "_sum" | "_count"))
        };
        histograms.iter().find(of).map_or(sample.clone(), |name| (*name).to_owned())
    };
    let families: BTreeSet<_> = samples.keys().map(family).collect();
    wrong.extend(documented.difference(&families).map(|name| format!("docs/metrics-and-alerts.md: no {name}")));
    wrong.extend(
        families.difference(&documented).map(|name| format!("docs/metrics-and-alerts.md doesn't tell of {name}")),
    );
    assert!(wrong.is_empty(), "{wrong:#?}\n{text}");
}

#[test]
fn the_page_tells_what_to_do_about_each_alert() {
    let page = yaml::read("docs/metrics-and-alerts.md");
    let headings: BTreeSet<_> = page.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
    let alerts = alerts::rules();
    let alerts: BTreeSet<_> = alerts.iter().map(|rule| rule["alert"].as_str().unwrap()).collect();
    assert_eq!(headings, alerts);
}
