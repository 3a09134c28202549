//! How times, texts, values and links stand on the page. Templates escape what is shown; what is made here besides is that
//! nothing invisible is hidden in it and nothing is endless.

use std::fmt::{self, Display, Write};

use askama::filters::HtmlSafe;
use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use crate::engine::unit::Unit;
use crate::engine::value::UnitValue;

/// Longer texts are cut, in characters; `/status` has them whole.
const TEXT_AT_MOST: usize = 400;

/// A text that users wrote: control characters, invisible ones and those that turn the direction of writing are spelled
/// out, and its end is cut off if it is long. Templates escape it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown<'a>(pub(super) &'a str);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars();
        for c in characters.by_ref().take(TEXT_AT_MOST) {
            if is_hidden(c) {
                write!(f, "{}", c.escape_unicode())?;
            } else {
                f.write_char(c)?;
            }
        }
        match characters.count() {
            0 => Ok(()),
            more => write!(f, "… ({more} more characters)"),
        }
    }
}

/// Whether a character can't be seen, or makes others be seen elsewhere.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The value of a unit: a string in quotes, a reference as its fields.
pub(super) fn value(value: &UnitValue) -> String {
    Shown(&on_a_line(&value.to_json())).to_string()
}

fn on_a_line(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: Vec<_> = fields.iter().map(|(name, field)| format!("{name}: {}", on_a_line(field))).collect();
            format!("{{{}}}", fields.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => value.to_string(),
    }
}

/// A unit, where a line may be broken within its key.
pub(super) fn unit(unit: &Unit) -> String {
    Shown(&unit.to_string()).to_string()
}

/// The page `/classes/NAME`.
pub(super) fn class_link(name: &str) -> String {
    format!("/classes/{}", crate::cluster::api::percent_encode(name))
}

/// A number with its thousands apart: `12,345`.
pub(super) fn number(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things: `1 class`, `2 classes`.
pub(super) fn count(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{} {many}", number(count)) }
}

/// A time, as HTML: its age in words, the time itself for machines and whoever points at it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) time: Timestamp,
    pub(super) now: Timestamp,
}

/// The digits of a time and words of ours, nothing that must be escaped.
impl HtmlSafe for Moment {}

impl Moment {
    /// The time itself: `2026-11-27 02:05:11 UTC`.
    pub(super) fn clock(&self) -> String {
        self.time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
    }

    /// The same for machines.
    pub(super) fn iso(&self) -> String {
        self.time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }
}

impl Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (iso, clock) = (self.iso(), self.clock());
        write!(
            f,
            "<time datetime=\"{iso}\" title=\"{clock}\">{}</time>",
            Age(self.now.as_second() - self.time.as_second())
        )
    }
}

/// How many seconds ago something was, in its largest unit.
struct Age(i64);

impl Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ..1 => f.write_str("just now"),
            seconds @ 1..60 => write!(f, "{seconds} s ago"),
            seconds @ 60..3600 => write!(f, "{} min ago", seconds / 60),
            seconds @ 3600..86400 => write!(f, "{} h ago", seconds / 3600),
            seconds => write!(f, "{} d ago", seconds / 86400),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_in_a_text_is_spelled_out() {
        let shown = |text: &str| Shown(text).to_string();
        assert_eq!(shown("a\u{202e}b\0c\u{1b}[31m\u{200b}\n"), "a\\u{202e}b\\u{0}c\\u{1b}[31m\\u{200b}\\u{a}");
        assert_eq!(shown("مرحبا, ⎈ ä"), "مرحبا, ⎈ ä", "a language that is written from the right is none of that");
        assert_eq!(shown(&"ä".repeat(405)), format!("{}… (5 more characters)", "ä".repeat(400)));
    }

    #[test]
    fn a_reference_is_shown_by_its_fields() {
        let reference = serde_json::json!({"kind": "P", "name": "a \"b\""});
        assert_eq!(value(&reference.into()), "{kind: \"P\", name: \"a \\\"b\\\"\"}");
        assert_eq!(value(&"a\u{202e}\n".into()), "\"a\\u{202e}\\n\"");
    }

    #[test]
    fn numbers_and_ages_are_words() {
        assert_eq!(["0", "999", "1,000", "1,234,567"], [0, 999, 1000, 1_234_567].map(number).each_ref().map(|s| &**s));
        assert_eq!(
            (count(1, "class", "classes"), count(2000, "class", "classes")),
            ("1 class".into(), "2,000 classes".into())
        );
        let age = |seconds| Age(seconds).to_string();
        assert_eq!(
            [-5, 0, 1, 59, 60, 7200, 200_000].map(age).join(", "),
            "just now, just now, 1 s ago, 59 s ago, 1 min ago, 2 h ago, 2 d ago"
        );
    }

    #[test]
    fn a_time_is_told_to_people_and_machines() {
        let (time, now) =
            (Timestamp::from_second(1_800_000_000).unwrap(), Timestamp::from_second(1_800_000_065).unwrap());
        let expected = "<time datetime=\"2027-01-15T08:00:00Z\" title=\"2027-01-15 08:00:00 UTC\">1 min ago</time>";
        assert_eq!(Moment { time, now }.to_string(), expected);
    }
}
