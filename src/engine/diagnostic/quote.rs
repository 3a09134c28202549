//! How texts from files stand in messages.

/// Longer texts are cut, in characters; the excerpt shows more.
const TEXT_AT_MOST: usize = 60;

/// A text in quotes, control characters escaped, its end cut off if it is long.
#[must_use]
pub fn quoted(text: &str) -> String {
    match text.char_indices().nth(TEXT_AT_MOST) {
        Some((end, _)) => format!("{:?}", format!("{}…", &text[..end])),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_and_control_characters_escaped() {
        assert_eq!(quoted("a\u{1b}\"b"), r#""a\u{1b}\"b""#);
        assert_eq!(quoted(&"ä".repeat(60)), format!("\"{}\"", "ä".repeat(60)));
        assert_eq!(quoted(&"ä".repeat(61)), format!("\"{}…\"", "ä".repeat(60)));
    }
}
