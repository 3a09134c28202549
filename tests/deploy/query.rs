//! Which metrics a query of Prometheus names, and by which labels it selects them. Enough of the grammar for the queries here.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// Words that are no metrics though no parenthesis follows them.
const OPERATORS: [&str; 5] = ["and", "or", "unless", "bool", "offset"];
/// Words whose parenthesis lists labels.
const CLAUSES: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// The metrics of a query, each with the labels it's selected by and the values that each is compared to.
pub fn metrics(query: &str) -> BTreeMap<String, BTreeSet<(String, String)>> {
    let mut found = BTreeMap::<_, BTreeSet<_>>::new();
    let mut rest = query;
    while let Some(c) = rest.chars().next() {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
        if c == '[' {
            // A range: 5m, or Grafana's $__rate_interval.
            rest = &rest[rest.find(']').unwrap() + 1..];
        } else if c.is_ascii_alphabetic() || c == '_' {
            let (name, after) = rest.split_at(rest.find(|c| !is_name(c)).unwrap_or(rest.len()));
            let next = after.trim_start();
            if CLAUSES.contains(&name) {
                rest = &next[next.find(')').unwrap() + 1..];
            } else if OPERATORS.contains(&name) || next.starts_with('(') || is_aggregation_before_clause(next) {
                rest = after;
            } else if let Some(selectors) = next.strip_prefix('{') {
                let (selectors, after) = selectors.split_once('}').unwrap();
                found.entry(name.to_owned()).or_default().extend(labels(selectors));
                rest = after;
            } else {
                found.entry(name.to_owned()).or_default();
                rest = after;
            }
        } else if c.is_ascii_digit() {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.');
        } else {
            rest = &rest[c.len_utf8()..];
        }
    }
    found
}

/// `sum by (…)`: the clause may stand between the aggregation and its parenthesis.
fn is_aggregation_before_clause(next: &str) -> bool {
    ["by", "without"]
        .iter()
        .any(|clause| next.strip_prefix(clause).is_some_and(|rest| rest.trim_start().starts_with('(')))
}

/// `a="b", c=~"d|e"` as pairs; each alternative is a pair of its own.
fn labels(selectors: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = selectors;
    while let Some((label, after)) = rest.split_once('"') {
        let (value, after) = after.split_once('"').unwrap();
        let label = label.trim_matches(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        pairs.extend(value.split('|').map(|value| (label.to_owned(), value.to_owned())));
        rest = after;
    }
    pairs
}

#[test]
fn metrics_and_labels_are_found() {
    let query = r#"max by (cluster, pod) (a_total{x="1", y=~"b|c"}) == 0 or absent(d) and on (instance) e
        / histogram_quantile(0.99, sum by (le) (rate(f_bucket[$__rate_interval])))  > 1.5 unless sum(g offset 5m) by (h)"#;
    let found = metrics(query);
    assert!(found.keys().eq(["a_total", "d", "e", "f_bucket", "g"]), "{found:?}");
    let pairs: Vec<_> = found["a_total"].iter().map(|(label, value)| format!("{label}={value}")).collect();
    assert_eq!(pairs, ["x=1", "y=b", "y=c"]);
}
