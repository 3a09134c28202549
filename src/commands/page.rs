//! Text for people in lines that fit the terminal: what is too long goes on below, indented.

use anstream::adapter::strip_str;
use unicode_width::UnicodeWidthStr;

/// Narrower than this, text is left to the terminal.
const NARROWEST: usize = 40;

/// A text that grows line by line.
#[derive(Debug, Default)]
pub(super) struct Page {
    text: String,
    /// How many columns there are; `None` if nobody looks at it, and a line stays a line for grep.
    width: Option<usize>,
}

impl Page {
    /// A page of so many columns, or without an end to its lines.
    pub(super) fn new(width: Option<usize>) -> Self {
        Self { text: String::new(), width: width.filter(|width| *width >= NARROWEST) }
    }

    /// Adds a line. What doesn't fit goes on below, behind so many blanks.
    pub(super) fn line(&mut self, line: &str, indent: usize) {
        let Some(width) = self.width else {
            self.text.push_str(line);
            self.text.push('\n');
            return;
        };
        // Blanks at a line's beginning and between columns stay as they are.
        let (mut column, mut first) = (0, true);
        for piece in line.split_inclusive(' ') {
            let (shown, whole) = (columns(piece.trim_end_matches(' ')), columns(piece));
            if column + shown > width && !first && shown > 0 {
                while self.text.ends_with(' ') {
                    self.text.pop();
                }
                self.text.push('\n');
                self.text.extend(std::iter::repeat_n(' ', indent));
                column = indent;
            }
            self.text.push_str(piece);
            column += whole;
            first &= shown == 0;
        }
        self.text.push('\n');
    }

    /// Whether there is a line.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text.
    pub(super) fn into_text(self) -> String {
        self.text
    }
}

/// How many columns a text takes, escape sequences aside.
fn columns(text: &str) -> usize {
    strip_str(text).to_string().width()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(width: Option<usize>, line: &str, indent: usize) -> String {
        let mut page = Page::new(width);
        page.line(line, indent);
        page.into_text()
    }

    #[test]
    fn a_long_line_goes_on_below() {
        let line = "    Yielded     spec.description  stays \"Mine\", owned by a";
        assert_eq!(page(None, line, 16), format!("{line}\n"));
        let wrapped = "    Yielded     spec.description  stays\n                \"Mine\", owned by a\n";
        assert_eq!(page(Some(40), line, 16), wrapped);
        assert_eq!(page(Some(80), line, 16), format!("{line}\n"));
    }

    #[test]
    fn a_word_that_is_too_long_is_never_cut() {
        let word = "x".repeat(50);
        assert_eq!(page(Some(40), &word, 4), format!("{word}\n"));
        assert_eq!(page(Some(40), &format!("  a {word} b"), 4), format!("  a\n    {word}\n    b\n"));
    }

    #[test]
    fn escape_sequences_take_no_columns_and_wide_characters_two() {
        let green = "\u{1b}[32m0123456789\u{1b}[0m ".repeat(3) + "0123456";
        assert_eq!(page(Some(40), &green, 4), format!("{green}\n"));
        assert_eq!(page(Some(40), &format!("{} {}", "日".repeat(10), "本".repeat(10)), 2).lines().count(), 2);
    }
}
