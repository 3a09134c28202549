//! Each directory below `tests/fixtures/bad` is a source that is rejected, each below `good` one that is accepted. What
//! the loader says of it stands in the file `result.txt` beside its files, which `UPDATE_SNAPSHOTS=1 cargo test` writes
//! anew: read the difference before you commit it.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use classkeeper::engine::defaults::Defaults;
use classkeeper::engine::diagnostic::render::Color;
use classkeeper::engine::diagnostic::{Code, Diagnostic, Severity};
use classkeeper::files::reload::{Loader, Reload};
use classkeeper::files::snapshot::Snapshot;

/// The directories below one of `tests/fixtures`.
fn fixtures(kind: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(kind);
    let mut found: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

fn load(source: &Path) -> Reload {
    Loader::default().load(&Snapshot::read(source).unwrap())
}

fn load_files(files: impl IntoIterator<Item = (&'static str, String)>) -> Reload {
    let files = files.into_iter().map(|(name, text)| (name.to_owned(), text.into_bytes()));
    Loader::default().load(&Snapshot::of(files))
}

fn rejected(reload: Reload) -> Vec<Diagnostic> {
    match reload {
        Reload::Rejected { findings } => findings,
        Reload::Accepted { defaults, .. } => panic!("accepted with {} classes", defaults.len()),
        Reload::Unchanged => panic!("unchanged at the first load"),
    }
}

fn rendered(findings: &[Diagnostic]) -> String {
    findings.iter().map(|finding| finding.render(Color::Never)).collect::<Vec<_>>().join("\n")
}

/// The classes as a person checks them: where from, each unit with its value, and the policy.
fn described(defaults: &Defaults) -> String {
    let mut text = String::new();
    for class in defaults.iter() {
        writeln!(text, "{} from {}", class.name, class.origin).unwrap();
        for (unit, value) in class.units.iter() {
            writeln!(text, "  {unit} = {value}").unwrap();
        }
        if let Some(when) = &class.when {
            writeln!(text, "  when {}", when.text()).unwrap();
        }
        writeln!(text, "  {:?}", class.policy).unwrap();
    }
    for template in defaults.templates() {
        writeln!(text, "template {} from {}", template.name, template.origin).unwrap();
        writeln!(text, "  for {:?}", template.selector).unwrap();
        writeln!(text, "  with {:?}", template.annotations()).unwrap();
        if let Some(when) = &template.when {
            writeln!(text, "  when {}", when.text()).unwrap();
        }
        writeln!(text, "  {:?}", template.policy).unwrap();
    }
    for tenant in defaults.tenants() {
        writeln!(text, "{} from {}", tenant.name, tenant.origin).unwrap();
        writeln!(text, "  {:?} {:#?}", tenant.namespaces, tenant.boundary).unwrap();
    }
    text
}

/// Compares a result with the one that is kept; the difference if there is one.
fn difference(fixture: &Path, result: &str) -> Option<String> {
    let kept = fixture.join("result.txt");
    let expected = fs::read_to_string(&kept).unwrap_or_default();
    if expected == result {
        return None;
    }
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&kept, result).unwrap();
        return None;
    }
    let (expected, result): (Vec<_>, Vec<_>) = (expected.lines().collect(), result.lines().collect());
    let mut text = format!("{}:\n", kept.display());
    let same = expected.iter().zip(&result).take_while(|(a, b)| a == b).count();
    let same_at_end =
        expected[same..].iter().rev().zip(result[same..].iter().rev()).take_while(|(a, b)| a == b).count();
    for line in &expected[same.saturating_sub(3)..same] {
        writeln!(text, "  {line}").unwrap();
    }
    for line in &expected[same..expected.len() - same_at_end] {
        writeln!(text, "- {line}").unwrap();
    }
    for line in &result[same..result.len() - same_at_end] {
        writeln!(text, "+ {line}").unwrap();
    }
    Some(text)
}

#[test]
fn bad_sources_are_rejected_with_the_findings_that_are_kept() {
    let mut differences = Vec::new();
    for fixture in fixtures("bad") {
        let findings = rejected(load(&fixture));
        differences.extend(difference(&fixture, &rendered(&findings)));
    }
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

#[test]
fn good_sources_are_accepted_with_the_classes_that_are_kept() {
    let mut differences = Vec::new();
    for fixture in fixtures("good") {
        match load(&fixture) {
            Reload::Accepted { defaults, findings } => {
                let name = fixture.file_name().unwrap().to_str().unwrap();
                assert_eq!(findings.is_empty(), !name.starts_with("warnings"), "{name}\n{}", rendered(&findings));
                let result = format!("{}\n{}", described(&defaults), rendered(&findings));
                differences.extend(difference(&fixture, result.trim_start()));
            }
            other => panic!("{}: {}", fixture.display(), rendered(&rejected(other))),
        }
    }
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

/// Independent of the kept results: what is marked stands at the line and column that are told.
#[test]
fn every_finding_shows_what_stands_in_the_file() {
    let mut seen = 0;
    for fixture in fixtures("bad").into_iter().chain(fixtures("good")) {
        let (Reload::Rejected { findings } | Reload::Accepted { findings, .. }) = load(&fixture) else {
            panic!("unchanged at the first load")
        };
        for finding in findings {
            let places = std::iter::once(&finding.place).chain(finding.related.iter().map(|related| &related.place));
            for place in places {
                let Some(excerpt) = &place.excerpt else { continue };
                let marked = &excerpt.text[excerpt.mark.clone()];
                let bytes = fs::read(fixture.join(&*place.file)).unwrap();
                let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
                let text = text.trim_start_matches('\u{feff}');
                let line = text.split('\n').nth(place.line as usize - 1).unwrap();
                let at: String = line.chars().skip(place.column as usize - 1).collect();
                // What is made visible is another character.
                let is_shown_as_is = !marked.contains(|c| matches!(c, '\u{2400}'..='\u{2421}' | '\u{fffd}'));
                assert!(!is_shown_as_is || at.starts_with(marked), "{place}: {marked:?} is not in {line:?}");
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "only {seen} places were looked at");
}

#[test]
fn findings_are_ordered_by_file_line_and_column() {
    for fixture in fixtures("bad") {
        let findings = rejected(load(&fixture));
        assert!(findings.is_sorted_by_key(|finding| {
            (finding.place.file.to_string(), finding.place.line, finding.place.column)
        }));
    }
}

fn plain_class(name: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {{name: {name}}}\n\
         spec: {{controllerName: a/b}}\n---\n"
    )
}

#[test]
fn a_file_has_at_most_1_mib() {
    let class = plain_class("a");
    let text = format!("{class}#{}", "x".repeat((1 << 20) - class.len() - 1));
    match load_files([("a.yaml", text.clone())]) {
        Reload::Accepted { defaults, .. } => assert_eq!(defaults.len(), 1),
        other => panic!("{}", rendered(&rejected(other))),
    }
    let findings = rejected(load_files([("a.yaml", text + "x")]));
    assert_eq!(rendered(&findings), "error[too-large]: the file is over 1 MiB\n--> a.yaml\n");
}

#[test]
fn the_annotations_of_a_class_have_at_most_256_kib() {
    let with_annotations = |bytes: usize| {
        let annotations = format!("{{name: a, annotations: {{a: {}}}}}", "x".repeat(bytes - 1));
        load_files([("a.yaml", plain_class("a").replace("{name: a}", &annotations))])
    };
    match with_annotations(256 << 10) {
        Reload::Accepted { defaults, .. } => assert_eq!(defaults.len(), 1),
        other => panic!("{}", rendered(&rejected(other))),
    }
    let findings = rejected(with_annotations((256 << 10) + 1));
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].code, Code::TooLarge);
    assert_eq!(findings[0].message, "the annotations have 262145 bytes together; at most 262144 are allowed");
    // The line has all of them, and isn't shown as a whole.
    assert!(findings[0].render(Color::Never).len() < 1000);
}

#[test]
fn many_findings_are_counted_not_shown() {
    let last = |findings: &[Diagnostic]| {
        let last = findings.last().unwrap();
        (findings.len(), last.code, last.severity, format!("{}: {}", last.place, last.message))
    };
    let in_one_file = rejected(load_files([("a.yaml", "1\n---\n".repeat(501))]));
    let message = "a.yaml:999:1: 1 more findings in this file are not shown".to_owned();
    assert_eq!(last(&in_one_file), (501, Code::TooManyFindings, Severity::Error, message));
    let files = ["a.yaml", "b.yaml", "c.yaml", "d.yaml", "e.yaml"].map(|name| (name, "1\n---\n".repeat(450)));
    let message = "e.yaml:401:1: 250 more findings are not shown".to_owned();
    assert_eq!(last(&rejected(load_files(files))), (2001, Code::TooManyFindings, Severity::Error, message));
    // Of what isn't shown anyway, one finding of a file is kept, and all are counted.
    let files = ["a.yaml", "b.yaml", "c.yaml", "d.yaml", "e.yaml", "f.yaml", "g.yaml"];
    let files = files.map(|name| (name, "1\n---\n".repeat(450)));
    let message = "e.yaml:401:1: 1150 more findings are not shown".to_owned();
    assert_eq!(last(&rejected(load_files(files))), (2001, Code::TooManyFindings, Severity::Error, message));
    let classes = (0..501).map(|number| plain_class(&format!("a{number}")));
    let with_warning = classes.map(|class| class.replace("metadata: {", "metadata: {uid: 1, "));
    match load_files([("a.yaml", with_warning.collect())]) {
        Reload::Accepted { findings, .. } => {
            assert_eq!((findings.len(), findings[500].severity), (501, Severity::Warning));
        }
        other => panic!("{}", rendered(&rejected(other))),
    }
}

#[test]
fn a_class_that_is_described_too_often_fills_no_memory() {
    let findings = rejected(load_files([("a.yaml", plain_class("a").repeat(2_500))]));
    assert_eq!(findings.len(), 2_001);
    assert!(findings[..2_000].iter().all(|finding| finding.code == Code::DuplicateClass));
}

#[test]
fn every_code_has_a_fixture() {
    // Those that need large sources, links and permissions have their own tests.
    let mut seen = BTreeSet::from([Code::Unreadable, Code::TooLarge, Code::TooManyDocuments, Code::TooManyFindings]);
    // And those about a source beside others, or of a tenant, or about a namespace.
    seen.extend([Code::OutsideBoundary, Code::NameHeld, Code::LabelLost, Code::FailedExpression]);
    for fixture in fixtures("bad").into_iter().chain(fixtures("good")) {
        if let Reload::Rejected { findings } | Reload::Accepted { findings, .. } = load(&fixture) {
            seen.extend(findings.iter().map(|finding| finding.code));
        }
    }
    assert_eq!(seen, BTreeSet::from(Code::ALL));
}

#[test]
fn findings_are_serialised_as_the_contract_says() {
    let findings = rejected(load_files([("10-a.yaml", "apiVersion: v1\nkind: GatewayClas\n".to_owned())]));
    assert_eq!(
        serde_json::to_value(&findings).unwrap(),
        serde_json::json!([{
            "severity": "error",
            "code": "unknown-kind",
            "file": "10-a.yaml",
            "line": 2,
            "column": 7,
            "message": "\"GatewayClas\" is no kind of a defaults file",
            "suggestion": "did you mean \"GatewayClass\"?",
        }])
    );
    assert_eq!(findings[0].severity, Severity::Error);
}

#[test]
fn colour_changes_nothing_but_the_colour() {
    for fixture in fixtures("bad") {
        for finding in rejected(load(&fixture)) {
            let coloured = finding.render(Color::Always);
            let mut plain = String::new();
            let mut rest = &*coloured;
            while let Some((before, after)) = rest.split_once("\u{1b}[") {
                plain.push_str(before);
                rest = after.split_once('m').unwrap().1;
            }
            plain.push_str(rest);
            assert_eq!(plain, finding.render(Color::Never));
            assert_ne!(plain, coloured);
        }
    }
}
