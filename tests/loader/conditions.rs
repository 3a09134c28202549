//! docs/conditions.md says what holds: each example in it is read or evaluated, each name in it exists.

use std::sync::Arc;

use classkeeper::engine::facts::{Facts, GatewayApi};
use classkeeper::engine::when::{Round, When};
use classkeeper::files::reload::{Loader, Reload};
use classkeeper::files::snapshot::Snapshot;

const PAGE: &str = include_str!("../../docs/conditions.md");

/// The blocks of code in a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let start = format!("```{language}\n");
    PAGE.split(&start).skip(1).map(|text| text.split("```").next().unwrap()).collect()
}

/// The cluster that the page describes.
fn cluster() -> Arc<Facts> {
    let kinds = [
        ("v1", "ConfigMap"),
        ("gateway.networking.k8s.io/v1", "GatewayClass"),
        ("gateway.kgateway.dev/v1alpha1", "GatewayParameters"),
    ];
    Arc::new(Facts {
        kubernetes: "1.37.2".into(),
        gateway_api: GatewayApi {
            bundle_version: "v1.6.3".into(),
            channel: "standard".into(),
            served_versions: vec!["v1".into(), "v1beta1".into()],
        },
        kinds: kinds.into_iter().collect(),
    })
}

#[test]
fn every_condition_of_the_page_holds_in_its_cluster() {
    let round = Round::new(&cluster());
    let conditions: Vec<_> = blocks("cel").into_iter().flat_map(str::lines).collect();
    assert!(conditions.len() > 10, "{conditions:?}");
    for text in conditions {
        let when = When::compile(text).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
        assert_eq!(round.holds(&when), Ok(true), "{text}");
    }
}

#[test]
fn every_default_of_the_page_is_accepted() {
    let files = blocks("yaml");
    assert_eq!(files.len(), 1);
    let snapshot = Snapshot::of([("a.yaml".to_owned(), files[0].as_bytes().to_vec())]);
    let Reload::Accepted { defaults, .. } = Loader::default().load(&snapshot) else { panic!("{}", files[0]) };
    let when = defaults.iter().next().unwrap().when.clone().unwrap();
    assert_eq!(when.holds(&cluster()), Ok(true));
    assert_eq!(when.holds(&Arc::default()), Ok(false), "without kgateway's CRDs");
}
