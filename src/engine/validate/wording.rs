//! How places are worded in messages.

use crate::engine::unit::Unit;

/// A JSON pointer as people write paths: `spec.parametersRef.kind`, `metadata.labels['a/b']`, `policy.enforce[0]`.
pub(super) fn spelled_path(pointer: &str) -> String {
    let segments: Vec<_> = pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    let (template, class) = match &segments[..] {
        [template, class @ ..] if template == "template" => ("template.", class),
        class => ("", class),
    };
    match class {
        [metadata, map, key] if metadata == "metadata" && map == "labels" => format!("{template}{}", Unit::label(key)),
        [metadata, map, key] if metadata == "metadata" && map == "annotations" => {
            format!("{template}{}", Unit::annotation(key))
        }
        [path @ .., map, key] if map == "matchLabels" => format!("{}.matchLabels['{key}']", path.join(".")),
        _ => {
            let mut path = String::new();
            for segment in &segments {
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
            ("/template/metadata/labels/a~1b", "template.metadata.labels['a/b']"),
            ("/template/spec/description", "template.spec.description"),
            ("/forEach/namespaces/selector/matchLabels/a.b~1c", "forEach.namespaces.selector.matchLabels['a.b/c']"),
        ] {
            assert_eq!(spelled_path(pointer), path, "{pointer}");
        }
    }
}
