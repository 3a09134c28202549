//! Findings as a `JUnit` report: a test case for each file, which fails with what is wrong in it.
//!
//! There is no standard for these. This keeps to what the readers of GitLab, Jenkins and GitHub's reporters have in common:
//! a suite with its counts, and cases with one `failure`, or with `system-out` for what doesn't make them fail.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Strictness;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::diagnostic::render::{Color, count};

/// The report on these files.
pub(super) fn report(files: &[String], findings: &[Diagnostic], strictness: Strictness) -> String {
    let mut cases: BTreeMap<&str, Vec<&Diagnostic>> = files.iter().map(|file| (&**file, Vec::new())).collect();
    for finding in findings {
        // A file that couldn't be read has no case yet.
        cases.entry(&finding.place.file).or_default().push(finding);
    }
    let is_bad = |findings: &Vec<&Diagnostic>| findings.iter().any(|finding| strictness.is_bad(finding));
    let (tests, failures) = (cases.len(), cases.values().filter(|findings| is_bad(findings)).count());
    let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"0\"");
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    // Writing to a String can't fail, here and below.
    let _ = writeln!(text, "<testsuites name=\"classkeeper\" {counts}>");
    let _ = writeln!(text, "  <testsuite name=\"classkeeper check\" {counts} skipped=\"0\">");
    for (file, findings) in cases {
        let file = attribute(file);
        let _ =
            write!(text, "    <testcase classname=\"classkeeper.check\" name=\"{file}\" file=\"{file}\" time=\"0\"");
        let Some(first) = findings.iter().find(|finding| strictness.is_bad(finding)).or(findings.first()) else {
            text.push_str("/>\n");
            continue;
        };
        let all: Vec<_> = findings.iter().copied().cloned().collect();
        let whole: String = findings.iter().map(|finding| finding.render(Color::Never) + "\n").collect();
        let whole = content(&(whole + &count(&all)));
        if is_bad(&findings) {
            let message = match findings.len() {
                1 => format!("{}: {}", first.place, first.message),
                more => format!("{}: {}, and {} more", first.place, first.message, more - 1),
            };
            let (message, code) = (attribute(&message), first.code);
            let _ = writeln!(text, ">\n      <failure message=\"{message}\" type=\"{code}\">{whole}</failure>");
        } else {
            let _ = writeln!(text, ">\n      <system-out>{whole}</system-out>");
        }
        text.push_str("    </testcase>\n");
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

/// A text between tags.
fn content(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // What XML can't say, also not in other words.
            '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                escaped.push(char::REPLACEMENT_CHARACTER);
            }
            // A reader would make a line break of it.
            '\r' => escaped.push_str("&#13;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A text in quotes.
fn attribute(text: &str) -> String {
    content(text).replace('"', "&quot;").replace('\n', "&#10;").replace('\t', "&#9;")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::diagnostic::{Code, Severity};

    #[test]
    fn warnings_fail_a_case_only_if_they_are_denied() {
        let mut warning = Diagnostic::of_file(Code::NoEffect, &Arc::from("b.yaml"), "no effect");
        warning.severity = Severity::Warning;
        let files = ["a.yaml".to_owned(), "b.yaml".to_owned()];
        let of = |deny_warnings| report(&files, std::slice::from_ref(&warning), Strictness { deny_warnings });
        assert!(of(false).contains("tests=\"2\" failures=\"0\"") && of(false).contains("<system-out>warning"));
        assert!(of(true).contains("tests=\"2\" failures=\"1\"") && of(true).contains("type=\"no-effect\">warning"));
    }

    #[test]
    fn a_case_fails_by_its_error_and_not_by_a_warning_before_it() {
        let file = Arc::from("a.yaml");
        let mut warning = Diagnostic::of_file(Code::NoEffect, &file, "no effect");
        warning.severity = Severity::Warning;
        let error = Diagnostic::of_file(Code::NotUtf8, &file, "bad bytes");
        let text = report(&[], &[warning, error], Strictness { deny_warnings: false });
        let failure = "<failure message=\"a.yaml:1:1: bad bytes, and 1 more\" type=\"not-utf8\">";
        assert!(text.contains(failure), "{text}");
    }

    #[test]
    fn what_xml_has_no_place_for_is_escaped_or_replaced() {
        assert_eq!(attribute("<a b=\"c\">&\u{1b}[0m\n\t"), "&lt;a b=&quot;c&quot;&gt;&amp;\u{fffd}[0m&#10;&#9;");
        assert_eq!(content("ä]]>\r\n\u{ffff}"), "ä]]&gt;&#13;\n\u{fffd}");
    }
}
