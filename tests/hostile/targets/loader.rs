//! The loader: a file of a defaults directory, or an entry of a ConfigMap.

use std::time::{Duration, Instant};

use classkeeper::engine::diagnostic::render::Color;
use classkeeper::engine::diagnostic::{Diagnostic, Severity};
use classkeeper::files::reload::{Loader, Reload};
use classkeeper::files::snapshot::Snapshot;

/// No file may keep a load for longer, on a slow machine and without optimisation: 1 MiB at its worst takes seconds.
const LONGEST: Duration = Duration::from_mins(1);
/// A source without mistakes.
const GOOD: &str = "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: good}\n\
                    spec: {controllerName: example.com/controller}\n";

/// Loads the bytes as a file. What is told of them makes sense, and what is in force stays what it was unless they are
/// without mistakes.
pub(crate) fn run(bytes: &[u8]) {
    let start = Instant::now();
    let mut loader = Loader::default();
    let Reload::Accepted { defaults: good, .. } = loader.load(&snapshot(GOOD.as_bytes())) else {
        panic!("{GOOD} isn't accepted")
    };
    let snapshot = snapshot(bytes);
    let lines = String::from_utf8_lossy(bytes).replace("\r\n", "\n").split(['\n', '\r']).count();
    match loader.load(&snapshot) {
        Reload::Accepted { defaults, findings } => {
            assert!(findings.iter().all(|finding| finding.severity == Severity::Warning), "{findings:?}");
            check_all(&findings, lines);
            for class in defaults.iter() {
                assert!(!class.name.is_empty() && !class.units.is_empty(), "{class:?}");
                assert!(class.origin.line >= 1 && class.origin.line as usize <= lines, "{class:?}");
            }
            assert_eq!(loader.defaults(), Some(&defaults));
        }
        Reload::Rejected { findings } => {
            assert!(findings.iter().any(|finding| finding.severity == Severity::Error), "{findings:?}");
            assert!(findings.is_sorted_by_key(|finding| (finding.place.line, finding.place.column)), "{findings:?}");
            check_all(&findings, lines);
            assert_eq!(loader.defaults(), Some(&good), "what is refused is in force");
        }
        Reload::Unchanged => assert_eq!(bytes, GOOD.as_bytes()),
    }
    assert!(matches!(loader.load(&snapshot), Reload::Unchanged));
    assert!(start.elapsed() < LONGEST, "it took {:?}", start.elapsed());
}

fn snapshot(bytes: &[u8]) -> Snapshot {
    Snapshot::of([("a.yaml".to_owned(), bytes.to_vec())])
}

fn check_all(findings: &[Diagnostic], lines: usize) {
    for finding in findings {
        check(finding, lines);
    }
}

/// A finding stands at a place in the file, shows what is there, and fits on a terminal without disturbing it.
fn check(finding: &Diagnostic, lines: usize) {
    let places = std::iter::once(&finding.place).chain(finding.related.iter().map(|related| &related.place));
    for place in places {
        assert!(place.line >= 1 && place.line as usize <= lines && place.column >= 1, "{finding:?}");
        if let Some(excerpt) = &place.excerpt {
            assert!(excerpt.text.get(excerpt.mark.clone()).is_some(), "{finding:?}");
            assert!(excerpt.text.chars().count() < 200, "{finding:?}");
            assert!(excerpt.text.chars().all(|c| c == '\t' || !c.is_control()), "{finding:?}");
        }
    }
    assert!(finding.message.chars().count() <= 601, "{finding:?}");
    let rendered = finding.render(Color::Never);
    assert!(rendered.contains(finding.code.as_str()), "{rendered}");
    let is_plain = |c: char| c == '\n' || c == '\t' || !c.is_control();
    assert!(rendered.chars().all(is_plain), "{rendered:?}");
}
