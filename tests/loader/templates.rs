//! docs/templates.md says what holds: its template is read, and gives a class in the cluster that it describes.

use std::sync::Arc;

use classkeeper::engine::expression::{Keys, Scope};
use classkeeper::engine::facts::Facts;
use classkeeper::engine::template::namespace::{BYTES_AT_MOST, ENTRIES_AT_MOST, Namespace};
use classkeeper::files::reload::{Loader, Reload};
use classkeeper::files::snapshot::Snapshot;

const PAGE: &str = include_str!("../../docs/templates.md");

#[test]
fn the_template_of_the_page_gives_a_class_for_each_namespace_that_it_matches() {
    let block = PAGE.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let snapshot = Snapshot::of([("a.yaml".to_owned(), block.as_bytes().to_vec())]);
    let Reload::Accepted { defaults, findings } = Loader::default().load(&snapshot) else { panic!("{block}") };
    assert_eq!(findings, []);
    let template = defaults.templates().next().unwrap();
    let namespace = |tier: &'static str| {
        let labels = [("platform.example.com/tenant", "true"), ("platform.example.com/tier", tier)];
        Namespace::new("team-a", labels, [], &Keys::default())
    };
    assert!(!template.selector.matches(&namespace("bronze").labels));
    let gold = namespace("gold");
    assert!(template.selector.matches(&gold.labels));
    let cluster = Arc::new(Facts::default());
    let made = template.expand(&gold, &Scope::of_cluster(&cluster));
    let class = made.class.unwrap_or_else(|| panic!("{:?}", made.findings));
    assert_eq!(&*class.name, "team-a-edge");
    let units: Vec<_> = class.units.iter().map(|(unit, value)| format!("{unit} {value}")).collect();
    assert!(units.contains(&"metadata.labels['team'] \"none\"".to_owned()), "{units:?}");
}

#[test]
fn the_limits_of_the_page_are_those_of_the_program() {
    assert!(PAGE.contains(&format!("up to {},000 labels", ENTRIES_AT_MOST / 1000)));
    assert!(PAGE.contains(&format!("annotations of {} KiB together", BYTES_AT_MOST / 1024)));
}
