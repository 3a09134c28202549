//! Findings as workflow commands, which make GitHub Actions mark the lines of a pull request.
//!
//! Their form and what is escaped in them: `packages/core/src/command.ts` in actions/toolkit.

use std::fmt::Write;

use crate::engine::diagnostic::{Diagnostic, Severity};

/// A command for each finding, on a line of its own.
pub(super) fn commands(findings: &[Diagnostic]) -> String {
    let mut text = String::new();
    for Diagnostic { severity, code, place, message, suggestion, related } in findings {
        let command = match severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let mut message = message.clone();
        // Writing to a String can't fail, here and below.
        for other in related {
            let _ = write!(message, "\n{}: {}", other.place, other.label);
        }
        if let Some(suggestion) = suggestion {
            let _ = write!(message, "\nhelp: {suggestion}");
        }
        let file = property(&place.file);
        let (line, column) = (place.line, place.column);
        let _ = writeln!(
            text,
            "::{command} file={file},line={line},col={column},title={}::{}",
            property(code.as_str()),
            escaped(&message)
        );
    }
    text
}

/// What stands after the command.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What stands in it.
fn property(text: &str) -> String {
    escaped(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::diagnostic::{Code, Place, Related};

    #[test]
    fn what_would_end_a_command_is_escaped() {
        let place = |file: &str, line, column| Place { file: file.into(), line, column, excerpt: None };
        let file = Arc::<str>::from("a,b:c%.yaml");
        let mut finding = Diagnostic::of_file(Code::DuplicateClass, &file, "100 % of\r\nthis: twice, ::error::");
        finding.suggestion = Some("leave one out".to_owned());
        finding.related = vec![Related { place: place("d/e.yaml", 3, 1), label: "the first".to_owned() }];
        let mut warning = Diagnostic::of_file(Code::NoEffect, &Arc::from("f.yaml"), "no effect");
        (warning.severity, warning.place) = (Severity::Warning, place("f.yaml", 8, 3));
        assert_eq!(
            commands(&[finding, warning]),
            "::error file=a%2Cb%3Ac%25.yaml,line=1,col=1,title=duplicate-class::100 %25 of%0D%0Athis: twice, ::error::\
             %0Ad/e.yaml:3:1: the first%0Ahelp: leave one out\n\
             ::warning file=f.yaml,line=8,col=3,title=no-effect::no effect\n"
        );
    }
}
