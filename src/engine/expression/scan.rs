//! Looks at a text before the parser does, and refuses what the parser can't take:
//!
//! - It recurses with every bracket and every `?`, and its own limit on that panics in a debug build
//!   (`true?1:true?1:…`, 100 times).
//! - It reads `!!x` as `!x` and `--x` as `-x`, and reads the operand twice each time: `!!(!!(!!(…` takes exponential time.
//! - Bytes, `b'…'`, are of no use here, and `b''.contains(b'')` panics.
//!
//! Brackets and quotes that don't match are found on the way, and some slips get better words than a parser has for them.

use super::{LENGTH_AT_MOST, Problem};

/// More brackets than this don't stand in one another.
const BRACKETS_AT_MOST: usize = 16;
/// More choices `a ? b : c` than this don't stand in one text.
const CHOICES_AT_MOST: usize = 16;

/// Refuses a text that the parser can't take.
pub(super) fn scan(text: &str) -> Result<(), Problem> {
    let length = text.chars().count();
    if length > LENGTH_AT_MOST as usize {
        let message = format!("the expression has {length} characters; at most {LENGTH_AT_MOST} are allowed");
        return Err(Problem::new(0..text.len(), message));
    }
    if text.trim().is_empty() {
        return Err(Problem::new(0..text.len(), "the expression is empty"));
    }
    Scanner { text, at: 0, open: Vec::new(), choices: 0, prefix: None }.run()
}

struct Scanner<'t> {
    text: &'t str,
    /// The next byte.
    at: usize,
    /// The brackets that aren't closed yet, and where they stand.
    open: Vec<(char, usize)>,
    choices: usize,
    /// The operator that stands just before, if it is one that may stand before its only operand.
    prefix: Option<char>,
}

impl<'t> Scanner<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn run(mut self) -> Result<(), Problem> {
        while let Some(next) = self.rest().chars().next() {
            let at = self.at;
            let here = at..at + next.len_utf8();
            if next.is_whitespace() {
                self.at = here.end;
                continue;
            }
            if self.rest().starts_with("//") {
                self.at = self.rest().find('\n').map_or(self.text.len(), |end| at + end);
                continue;
            }
            let before = self.prefix.take();
            if next.is_ascii_alphanumeric() || next == '_' {
                self.word()?;
                continue;
            }
            if matches!(next, '\'' | '"') {
                self.quoted(false)?;
                continue;
            }
            self.at = here.end;
            match next {
                '(' | '[' | '{' => {
                    if self.open.len() == BRACKETS_AT_MOST {
                        let message = format!("more than {BRACKETS_AT_MOST} brackets stand in one another here");
                        return Err(Problem::new(here, message));
                    }
                    self.open.push((next, at));
                }
                ')' | ']' | '}' => self.close(next, at)?,
                '?' => {
                    self.choices += 1;
                    if self.choices > CHOICES_AT_MOST {
                        let message = format!("more than {CHOICES_AT_MOST} choices ? : are not allowed");
                        return Err(Problem::new(here, message));
                    }
                }
                '!' | '<' | '>' if self.rest().starts_with('=') => self.at += 1,
                '!' if before == Some('!') => {
                    return Err(Problem::new(here, "a second ! does nothing").suggest("remove both"));
                }
                '-' if before == Some('-') && !self.rest().starts_with(|next: char| next.is_ascii_digit()) => {
                    return Err(Problem::new(here, "a second - does nothing").suggest("remove both"));
                }
                '!' | '-' => self.prefix = Some(next),
                '=' | '&' | '|' if self.rest().starts_with(next) => self.at += 1,
                '=' | '&' | '|' => {
                    let problem = Problem::new(here, format!("a single {next} means nothing"));
                    return Err(problem.suggest(format!("did you mean {next}{next}?")));
                }
                _ => {}
            }
        }
        match self.open.first() {
            Some((bracket, at)) => Err(Problem::new(*at..at + 1, format!("this {bracket} is never closed"))),
            None => Ok(()),
        }
    }

    fn close(&mut self, bracket: char, at: usize) -> Result<(), Problem> {
        let opening = match bracket {
            ')' => '(',
            ']' => '[',
            _ => '{',
        };
        match self.open.pop() {
            Some((open, _)) if open == opening => Ok(()),
            Some((open, _)) => {
                Err(Problem::new(at..at + 1, format!("this {bracket} doesn't close the {open} before it")))
            }
            None => Err(Problem::new(at..at + 1, format!("this {bracket} closes nothing"))),
        }
    }

    /// A name, a number, or the letters before a quote.
    fn word(&mut self) -> Result<(), Problem> {
        let rest = self.rest();
        let end = rest.find(|next: char| !next.is_ascii_alphanumeric() && next != '_').unwrap_or(rest.len());
        let (at, word) = (self.at, &rest[..end]);
        self.at += end;
        if !self.rest().starts_with(['\'', '"']) {
            return Ok(());
        }
        match word {
            "r" | "R" => self.quoted(true),
            "b" | "B" | "br" | "bR" | "Br" | "BR" => {
                Err(Problem::new(at..self.at, "bytes are of no use here").suggest(format!("remove the {word}")))
            }
            _ => Err(Problem::new(self.at..self.at + 1, "unexpected quote")),
        }
    }

    /// A string. A raw one has no escapes; one in triple quotes may go over several lines.
    fn quoted(&mut self, raw: bool) -> Result<(), Problem> {
        let (start, quote) = (self.at, &self.rest()[..1]);
        let triple = quote.repeat(3);
        let (delimiter, lines) = if self.rest().starts_with(&triple) { (&*triple, true) } else { (quote, false) };
        self.at += delimiter.len();
        while let Some(next) = self.rest().chars().next() {
            if self.rest().starts_with(delimiter) {
                self.at += delimiter.len();
                return Ok(());
            }
            if !lines && matches!(next, '\n' | '\r') {
                break;
            }
            self.at += next.len_utf8();
            if next == '\\' && !raw {
                self.at += self.rest().chars().next().map_or(0, char::len_utf8);
            }
        }
        Err(Problem::new(start..self.at, "this string is never closed"))
    }
}
