//! What is in force, and how the last load of each source ended.

use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::snapshot::hex;
use crate::engine::author::Author;
use crate::engine::defaults::Defaults;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::source::{LoadState, SourceState, TemplatesState, TenantState};

/// What is in force, and how the last load of each source ended.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// The defaults in force: those of the last good load of each source. `None` before the first one.
    pub defaults: Option<Arc<Defaults>>,
    /// The digest of the content in force, in hexadecimal.
    pub digest: Option<String>,
    /// When some of the content in force was loaded last.
    pub loaded_at: Option<Timestamp>,
    /// How the last loads ended: rejected if one of them was.
    pub state: LoadState,
    /// What the last loads found: errors of those that were rejected, else warnings.
    pub findings: Arc<[Diagnostic]>,
    /// Each source by itself, in order.
    pub sources: Arc<[SourceState]>,
    /// Each tenant's sources as a whole.
    pub tenants: Arc<[TenantState]>,
    /// The templates as a whole.
    pub templates: TemplatesState,
    /// Whether each name is somebody's.
    pub names: Names,
}

/// Whether it is decided whose each name is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// It is.
    #[default]
    Decided,
    /// It isn't: a class that two tenants describe is nobody's for now, which is no word on it.
    Undecided,
}

impl Configuration {
    /// Of these sources and tenants, with what is in force of all of them.
    #[must_use]
    pub fn of(
        defaults: Option<Arc<Defaults>>,
        names: Names,
        sources: Vec<SourceState>,
        tenants: Vec<TenantState>,
    ) -> Self {
        let any = |state| sources.iter().any(|source| source.state == state);
        let is_waited_for =
            |source: &SourceState| source.state == LoadState::Pending && source.id.author() == Author::Platform;
        let state = if any(LoadState::Rejected) {
            LoadState::Rejected
        } else if !any(LoadState::Accepted) || sources.iter().any(is_waited_for) {
            LoadState::Pending
        } else {
            LoadState::Accepted
        };
        Self {
            defaults,
            names,
            digest: digest(&sources),
            loaded_at: sources.iter().filter_map(|source| source.loaded_at).max(),
            state,
            findings: match &*sources {
                [only] => only.findings.clone(),
                all => all.iter().flat_map(|source| source.findings.iter().cloned()).collect(),
            },
            sources: sources.into(),
            tenants: tenants.into(),
            templates: TemplatesState::default(),
        }
    }
}

/// That of the only content in force, else one of all of them.
fn digest(sources: &[SourceState]) -> Option<String> {
    let mut digests = sources.iter().filter_map(|source| Some((&source.id, source.digest.as_ref()?)));
    let (first, second) = (digests.next(), digests.next());
    let (Some(first), Some(second)) = (first, second) else { return first.map(|(_, digest)| digest.clone()) };
    let mut all = Sha256::new();
    for (id, digest) in [first, second].into_iter().chain(digests) {
        all.update(format!("{id} {digest}\n"));
    }
    Some(hex(&all.finalize()))
}
