//! Findings as people read them on a terminal, in the manner of rustc.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};

use super::{Diagnostic, Place, Severity};

/// Whether output is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// Text alone.
    #[default]
    Never,
    /// With ANSI escape sequences.
    Always,
}

impl Diagnostic {
    /// The finding with its line of the file, a mark under the part it is about, and a `help:` line; ends with a line
    /// break.
    #[must_use]
    pub fn render(&self, color: Color) -> String {
        self.render_within(color, None)
    }

    /// The same, with the line of the file cut to so many columns.
    fn render_within(&self, color: Color, columns: Option<usize>) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(&*self.message).id(self.code.as_str());
        let mut group = Group::with_title(title).elements(elements(&self.place, None));
        for related in &self.related {
            group = group.elements(elements(&related.place, Some(&related.label)));
        }
        if let Some(suggestion) = &self.suggestion {
            group = group.element(Level::HELP.message(&**suggestion));
        }
        let renderer = match color {
            Color::Never => Renderer::plain(),
            Color::Always => Renderer::styled(),
        };
        let renderer = columns.map_or(renderer.clone(), |columns| renderer.term_width(columns));
        let mut text = renderer.decor_style(DecorStyle::Ascii).render(&[group]);
        text.push('\n');
        text
    }
}

/// Findings as `check` prints them, with a line that counts them, and without a line break at the end.
#[must_use]
pub fn report(findings: &[Diagnostic], color: Color) -> String {
    report_within(findings, color, None)
}

/// The same for a terminal of so many columns.
#[must_use]
pub fn report_within(findings: &[Diagnostic], color: Color, columns: Option<usize>) -> String {
    let text: String = findings.iter().map(|finding| finding.render_within(color, columns) + "\n").collect();
    text + &count(findings)
}

/// How many findings there are: `2 errors, 1 warning`.
#[must_use]
pub fn count(findings: &[Diagnostic]) -> String {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let plural = |count: usize, what: &str| match count {
        0 => None,
        1 => Some(format!("1 {what}")),
        _ => Some(format!("{count} {what}s")),
    };
    let counts = [plural(count(Severity::Error), "error"), plural(count(Severity::Warning), "warning")];
    counts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn elements<'a>(place: &'a Place, label: Option<&'a str>) -> Vec<Element<'a>> {
    let path: String = place.file.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    let Some(excerpt) = &place.excerpt else { return vec![Origin::path(path).into()] };
    let kind = if label.is_some() { AnnotationKind::Context } else { AnnotationKind::Primary };
    let (line, column) = (place.line as usize, place.column as usize);
    let snippet =
        Snippet::source(&*excerpt.text).line_start(line).annotation(kind.span(excerpt.mark.clone()).label(label));
    // The renderer counts the column in the text it's given; of a line whose beginning is cut off that's another one.
    if excerpt.text[..excerpt.mark.start].chars().count() + 1 == column {
        vec![snippet.path(path).into()]
    } else {
        vec![Origin::path(path).line(line).char_column(column).into(), snippet.into()]
    }
}
