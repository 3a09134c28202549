//! Texts with `${…}` in them, and the classes that a template gives with such a text in it.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use classkeeper::engine::diagnostic::{Diagnostic, Severity};
use classkeeper::engine::expression::{Keys, Problem, Scope};
use classkeeper::engine::facts::Facts;
use classkeeper::engine::template::Template;
use classkeeper::engine::template::namespace::Namespace;
use classkeeper::engine::template::text::Text;
use classkeeper::files::reload::{Loader, Reload};
use classkeeper::files::snapshot::Snapshot;
use serde_json::{Value, json};

/// Neither compiling nor filling in may take longer, on a slow machine and without optimisation.
const LONGEST: Duration = Duration::from_secs(20);

/// Namespaces that are filled in: as a platform makes them, without anything, and with what anybody may write on one.
static NAMESPACES: LazyLock<[Namespace; 3]> = LazyLock::new(|| {
    let all = Keys::default().and(Keys::All);
    let hostile = "${namespace.name}$${'\u{202e}\u{1b}[2J\n\"\\ü🚪".repeat(50);
    let labels = [("team", "edge"), ("tier", "1"), ("", ""), ("example.com/a.b-c_d", "A")];
    [
        Namespace::new("team-a", labels, [("title", "Edge"), ("note", "first")], &all),
        Namespace::new("b", [("", ""); 0], [("", ""); 0], &all),
        Namespace::new("team-c", [("team", &*hostile)], [("title", &*hostile), ("note", "")], &all),
    ]
});

/// Compiles the bytes as a text of a template, and fills it in. What is wrong has a place; what isn't gives the same twice,
/// and a class only if nothing is wrong with it.
pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let start = Instant::now();
    let cluster = Scope::of_cluster(&Arc::<Facts>::default());
    match Text::compile(text) {
        Ok(None) => assert!(!text.contains("${"), "{text:?}"),
        Ok(Some(compiled)) => {
            assert!(text.contains("${"), "{text:?}");
            for namespace in NAMESPACES.iter() {
                let fill = || {
                    compiled.fill(&cluster.and_namespace(namespace)).map_err(|(range, error)| {
                        assert!(text.get(range.clone()).is_some(), "{range:?} in {text:?}");
                        (range, error.to_string())
                    })
                };
                assert_eq!(fill(), fill(), "{text:?}");
            }
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "{text:?}");
            for problem in &problems {
                check(problem, text);
            }
        }
    }
    for template in [json!({"name": text}), json!({"name": "${namespace.name}-edge", "labels": {"text": text}})] {
        expand(&template, text, &cluster);
    }
    assert!(start.elapsed() < LONGEST, "{text:?} took {:?}", start.elapsed());
}

fn check(problem: &Problem, text: &str) {
    assert!(text.get(problem.range.clone()).is_some(), "{problem:?} in {text:?}");
    assert!(!problem.message.is_empty(), "{problem:?} in {text:?}");
}

/// Loads a template with this metadata, and fills it in.
fn expand(metadata: &Value, text: &str, cluster: &Scope<'_>) {
    let spec = json!({"controllerName": "example.com/controller", "description": text});
    let template = json!({
        "apiVersion": "classkeeper.dev/v1alpha1", "kind": "GatewayClassTemplate", "metadata": {"name": "t"},
        "forEach": {"namespaces": {"selector": {}}}, "template": {"metadata": metadata, "spec": spec},
    });
    let snapshot = Snapshot::of([("a.json".to_owned(), template.to_string().into_bytes())]);
    let defaults = match Loader::default().load(&snapshot) {
        Reload::Accepted { defaults, .. } => defaults,
        Reload::Rejected { findings } => return assert!(findings.iter().any(is_error), "{text:?}: {findings:?}"),
        Reload::Unchanged => unreachable!("nothing was loaded before"),
    };
    for (template, namespace) in
        defaults.templates().flat_map(|template| NAMESPACES.iter().map(move |it| (template, it)))
    {
        fill(template, namespace, text, cluster);
    }
}

fn fill(template: &Template, namespace: &Namespace, text: &str, cluster: &Scope<'_>) {
    let expansion = template.expand(namespace, cluster);
    assert_eq!(expansion, template.expand(namespace, cluster), "{text:?}");
    assert_eq!(expansion.class.is_some(), !expansion.findings.iter().any(is_error), "{text:?}: {expansion:?}");
    for finding in &expansion.findings {
        assert_eq!(finding.place.line, 1, "{text:?}: {finding:?}");
        assert!(finding.message.chars().count() <= 601, "{text:?}: {finding:?}");
    }
    if let Some(class) = &expansion.class {
        assert_eq!(expansion.name.as_ref(), Some(&class.name), "{text:?}");
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
        assert!(!class.name.is_empty() && class.name.len() <= 253 && class.name.chars().all(is_plain), "{class:?}");
    }
}

fn is_error(finding: &Diagnostic) -> bool {
    finding.severity == Severity::Error
}
