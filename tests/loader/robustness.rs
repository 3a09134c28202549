//! Whatever stands in the files, the loader neither panics nor hangs, and what it says of them makes sense.

use std::fs;
use std::path::{Path, PathBuf};

use classkeeper::engine::diagnostic::render::Color;
use classkeeper::engine::diagnostic::text::{FileText, Findings};
use classkeeper::engine::diagnostic::{Diagnostic, Severity};
use classkeeper::files::reload::{Loader, Reload};
use classkeeper::files::snapshot::Snapshot;
use classkeeper::files::yaml::{self, Budget};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

/// Loads a file and checks what holds for every result.
fn load(bytes: Vec<u8>) -> Result<(), TestCaseError> {
    let lines = String::from_utf8_lossy(&bytes).replace("\r\n", "\n").split(['\n', '\r']).count();
    let snapshot = Snapshot::of([("a.yaml".to_owned(), bytes)]);
    let check = |finding: &Diagnostic| {
        let places = std::iter::once(&finding.place).chain(finding.related.iter().map(|related| &related.place));
        for place in places {
            prop_assert!(place.line >= 1 && place.line as usize <= lines && place.column >= 1, "{finding:?}");
            if let Some(excerpt) = &place.excerpt {
                prop_assert!(excerpt.text.get(excerpt.mark.clone()).is_some(), "{finding:?}");
                prop_assert!(excerpt.text.chars().count() < 200, "{finding:?}");
            }
        }
        prop_assert!(finding.message.chars().count() <= 601, "{finding:?}");
        let rendered = finding.render(Color::Never);
        prop_assert!(rendered.contains(finding.code.as_str()), "{rendered}");
        let is_plain = |c: char| c == '\n' || c == '\t' || !c.is_control();
        prop_assert!(rendered.chars().all(is_plain), "{rendered:?}");
        Ok(())
    };
    match Loader::default().load(&snapshot) {
        Reload::Accepted { findings, .. } => {
            prop_assert!(findings.iter().all(|finding| finding.severity == Severity::Warning));
            findings.iter().try_for_each(check)
        }
        Reload::Rejected { findings } => {
            prop_assert!(findings.iter().any(|finding| finding.severity == Severity::Error));
            prop_assert!(findings.is_sorted_by_key(|finding| (finding.place.line, finding.place.column)));
            findings.iter().try_for_each(check)
        }
        Reload::Unchanged => Err(TestCaseError::fail("unchanged at the first load")),
    }
}

/// The files of all fixtures that aren't huge.
fn fixture_files() -> Vec<Vec<u8>> {
    fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.file_name().unwrap() != "result.txt" {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures"), &mut found);
    found.sort();
    let files: Vec<_> = found.iter().map(|path| fs::read(path).unwrap()).filter(|bytes| bytes.len() < 3_000).collect();
    assert!(files.len() > 50);
    files
}

/// What is put into a file where it doesn't belong.
fn disturbance() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        select(vec![
            "\n",
            "\r",
            "\t",
            " ",
            "  ",
            ": ",
            "- ",
            "? ",
            "[",
            "]",
            "{",
            "}",
            ",",
            "\"",
            "'",
            "|",
            ">",
            "&a ",
            "*a",
            "!",
            "!!str ",
            "---\n",
            "...\n",
            "%YAML 1.2\n",
            "#",
            "<<: ",
            "@",
            "\u{feff}",
            "\0",
            "\u{7f}",
            "\u{85}",
            "\u{2028}",
            "ü",
            "🚪",
            "0x",
            "1e999",
            ".inf",
            "~",
            "apiVersion: ",
            "kind: GatewayClass\n",
            "when: true",
            "cluster.",
            " && ",
            "!(",
            "\\",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        vec(any::<u8>(), 1..4),
    ]
}

/// A JSON value without the numbers that floats round.
pub(crate) fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        "[\\PC\\n\\t\u{0}-\u{1f}]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map("\\PC{0,6}", inner, 0..6).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..200)) {
        load(bytes)?;
    }

    #[test]
    fn any_yaml_like_text(parts in vec(disturbance(), 0..60)) {
        load(parts.concat())?;
    }

    #[test]
    fn fixtures_with_disturbances(
        file in select(fixture_files()),
        changes in vec((any::<Index>(), 0..20_usize, disturbance()), 1..5),
    ) {
        let mut bytes = file;
        for (place, removed, added) in changes {
            let at = place.index(bytes.len() + 1);
            let end = (at + removed).min(bytes.len());
            bytes.splice(at..end, added);
        }
        load(bytes)?;
    }

    #[test]
    fn json_is_yaml(value in json()) {
        for text in [value.to_string(), format!("{value:#}")] {
            let file = FileText::new("a.json".into(), &text);
            let mut findings = Findings::new(&file);
            let documents = yaml::parse(&mut findings, Budget::default());
            prop_assert_eq!(findings.into_list(), []);
            prop_assert_eq!(documents.len(), 1);
            prop_assert_eq!(documents[0].root.to_value(), value.clone());
        }
    }
}
