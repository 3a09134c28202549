//! How places are worded in messages.

use crate::engine::unit::Unit;

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
}
