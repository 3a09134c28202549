//! Loads a source of defaults for a command that ends.

use std::path::Path;
use std::sync::Arc;

use crate::engine::defaults::Defaults;
use crate::engine::diagnostic::Diagnostic;
use crate::files::reload::{Loader, Reload};
use crate::files::snapshot::Snapshot;

/// A source that was read.
pub(super) struct Loaded {
    /// What it asks for; `None` if a finding is an error.
    pub(super) defaults: Option<Arc<Defaults>>,
    /// Everything that was found.
    pub(super) findings: Vec<Diagnostic>,
    /// The files that were read, by name.
    pub(super) files: Vec<Arc<str>>,
    /// What leads to a file of that name: the directory as it was given, with a slash; empty for a file by itself.
    pub(super) folder: String,
}

impl Loaded {
    /// The path of one of its files, as somebody in the same folder would write it.
    pub(super) fn path(&self, file: &str) -> String {
        format!("{}{file}", self.folder)
    }

    /// The findings with paths instead of names, so that terminals and pipelines find the files.
    pub(super) fn placed(&self) -> Vec<Diagnostic> {
        let place = |mut finding: Diagnostic| {
            let related = finding.related.iter_mut().map(|related| &mut related.place);
            for place in related.chain([&mut finding.place]) {
                place.file = self.path(&place.file).into();
            }
            finding
        };
        self.findings.iter().cloned().map(place).collect()
    }
}

/// Reads and validates a file or a directory.
pub(super) fn source(path: &Path) -> anyhow::Result<Loaded> {
    let snapshot = Snapshot::read(path)?;
    let (defaults, findings) = match Loader::default().load(&snapshot) {
        Reload::Accepted { defaults, findings } => (Some(defaults), findings),
        Reload::Rejected { findings } => (None, findings),
        Reload::Unchanged => unreachable!("a loader that has loaded nothing has nothing to compare with"),
    };
    let files = snapshot.files().iter().map(|file| file.name.clone()).collect();
    Ok(Loaded { defaults, findings, files, folder: folder(path) })
}

fn folder(path: &Path) -> String {
    let folder = if path.is_dir() { Some(path) } else { path.parent() };
    let text = folder.map(|folder| folder.to_string_lossy().into_owned()).unwrap_or_default();
    // `./defaults.d` and `defaults.d` are the same, and what marks lines of a pull request knows only the second.
    match text.strip_prefix("./").unwrap_or(&text).trim_end_matches('/') {
        "" if text.starts_with('/') => "/".to_owned(),
        "" | "." => String::new(),
        text => format!("{text}/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_s_path_is_written_as_its_source_was() {
        let root = tempfile::tempdir().unwrap();
        let shown = root.path().display();
        assert_eq!(folder(root.path()), format!("{shown}/"));
        assert_eq!(folder(&root.path().join("a.yaml")), format!("{shown}/"));
        assert_eq!(folder(Path::new("a.yaml")), "");
        assert_eq!(folder(Path::new("./a.yaml")), "");
        assert_eq!(folder(Path::new(".")), "");
        assert_eq!(folder(Path::new("./src/")), "src/");
        assert_eq!(folder(Path::new("/")), "/");
    }
}
