//! Loads a source of defaults for a command that ends.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

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
}

/// Reads and validates a file or a directory.
pub(super) fn source(path: &Path) -> anyhow::Result<Loaded> {
    let snapshot = Snapshot::read(path).with_context(|| format!("can't read {}", path.display()))?;
    Ok(match Loader::default().load(&snapshot) {
        Reload::Accepted { defaults, findings } => Loaded { defaults: Some(defaults), findings },
        Reload::Rejected { findings } => Loaded { defaults: None, findings },
        Reload::Unchanged => unreachable!("a loader that has loaded nothing has nothing to compare with"),
    })
}
