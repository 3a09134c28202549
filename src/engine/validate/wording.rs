//! How places and values are worded in messages.

use crate::engine::unit::Unit;

/// Longer texts are cut in messages, in characters; the excerpt shows more.
const TEXT_AT_MOST: usize = 60;

/// A JSON pointer as people write paths: `spec.parametersRef.kind`, `metadata.labels['a/b']`, `policy.enforce[0]`.
pub(super) fn spelled_path(pointer: &str) -> String {
    let segments: Vec<_> = pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    match &segments[..] {
        [metadata, map, key] if metadata == "metadata" && map == "labels" => Unit::label(key).to_string(),
        [metadata, map, key] if metadata == "metadata" && map == "annotations" => Unit::annotation(key).to_string(),
        segments => {
            let mut path = String::new();
            for segment in segments {
                if segment.bytes().all(|byte| byte.is_ascii_digit()) {
                    path.extend(["[", &**segment, "]"]);
                } else {
                    path.push_str(if path.is_empty() { "" } else { "." });
                    path.push_str(segment);
                }
            }
            path
        }
    }
}

/// A text in quotes, its end cut off if it is long.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(TEXT_AT_MOST) {
        Some((end, _)) => format!("{:?}", format!("{}…", &text[..end])),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_spelled_as_people_write_them() {
        for (pointer, path) in [
            ("", ""),
            ("/spec", "spec"),
            ("/spec/parametersRef/kind", "spec.parametersRef.kind"),
            ("/metadata/labels/a~1b~0c", "metadata.labels['a/b~c']"),
            ("/metadata/annotations/0", "metadata.annotations['0']"),
            ("/policy/enforce/12", "policy.enforce[12]"),
        ] {
            assert_eq!(spelled_path(pointer), path, "{pointer}");
        }
    }

    #[test]
    fn long_texts_are_cut_and_control_characters_escaped() {
        assert_eq!(shortened("a\u{1b}\"b"), r#""a\u{1b}\"b""#);
        assert_eq!(shortened(&"ä".repeat(60)), format!("\"{}\"", "ä".repeat(60)));
        assert_eq!(shortened(&"ä".repeat(61)), format!("\"{}…\"", "ä".repeat(60)));
    }
}
