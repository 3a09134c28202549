//! One source: its loader, what its newest content asks for, and what is in force of it.

use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;

use crate::engine::assembly::{Holding, Verdict};
use crate::engine::defaults::Defaults;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::source::{Filling, LoadState, SourceId, SourceState};
use crate::engine::tenancy::Scope;
use crate::files::reload::{Loader, Reload};
use crate::files::snapshot::Snapshot;

/// A source that was accepted or rejected.
#[derive(Clone, Debug)]
pub struct Change {
    /// Which one, and how.
    pub source: SourceState,
}

/// One source.
#[derive(Debug)]
pub(super) struct Source {
    id: SourceId,
    loader: Loader,
    /// The digest of the newest content.
    digest: String,
    /// What the newest content asks for; `None` if it isn't valid by itself, or isn't read.
    candidate: Option<Arc<Defaults>>,
    /// What is wrong with the newest content by itself; warnings if it is valid.
    findings: Vec<Diagnostic>,
    in_force: Option<Arc<Defaults>>,
    state: SourceState,
    /// Whether the newest content wasn't told about yet, although it may end as the one before.
    is_news: bool,
}

impl Source {
    pub(super) fn new(id: SourceId, scope: Scope) -> Self {
        let state = SourceState {
            id: id.clone(),
            uid: None,
            state: LoadState::Pending,
            filling: Filling::Empty,
            in_force: false,
            classes: 0,
            digest: None,
            loaded_at: None,
            findings: Arc::default(),
        };
        Self {
            id,
            loader: Loader::of(scope),
            digest: String::new(),
            candidate: None,
            findings: Vec::new(),
            in_force: None,
            state,
            is_news: false,
        }
    }

    /// Whether its content is read as this author's, by this boundary.
    pub(super) fn is_read_by(&self, scope: &Scope) -> bool {
        self.loader.scope() == scope
    }

    /// Has its content read as another author's, or by another boundary, from now on.
    pub(super) fn set_scope(&mut self, scope: Scope) {
        self.loader.set_scope(scope);
    }

    /// Takes in new content.
    pub(super) fn load(&mut self, snapshot: &Snapshot, uid: Option<Arc<str>>) {
        self.state.uid = uid;
        let (candidate, findings) = match self.loader.load(snapshot) {
            Reload::Unchanged => return,
            Reload::Accepted { defaults, findings } => (Some(defaults), findings),
            Reload::Rejected { findings } => (None, findings),
        };
        (self.candidate, self.findings, self.digest) = (candidate, findings, snapshot.digest());
        self.is_news = true;
    }

    /// Takes in that its content isn't to be had. Once it is again, it is news, also if it is what it was.
    pub(super) fn lose(&mut self, finding: Diagnostic) {
        self.loader.forget_digest();
        if self.findings.first() != Some(&finding) {
            self.is_news = true;
        }
        (self.candidate, self.findings) = (None, vec![finding]);
    }

    pub(super) fn holding(&self) -> Holding<'_> {
        let (candidate, in_force) = (self.candidate.as_ref(), self.in_force.as_ref());
        Holding { id: &self.id, scope: self.loader.scope(), candidate, in_force }
    }

    /// Takes in what becomes of it; how it ended, if that is news.
    pub(super) fn settle(&mut self, verdict: Verdict, now: Timestamp) -> Option<Change> {
        let Verdict { in_force, findings: held } = verdict;
        let is_valid = self.candidate.is_some() && held.is_empty();
        let state = match (is_valid, self.candidate.is_none() && self.findings.is_empty()) {
            (true, _) => LoadState::Accepted,
            (false, true) => LoadState::Pending,
            (false, false) => LoadState::Rejected,
        };
        let findings: Arc<[Diagnostic]> = if held.is_empty() {
            self.findings.as_slice().into()
        } else {
            held.into_iter().chain(self.findings.iter().cloned()).collect()
        };
        let is_news = std::mem::take(&mut self.is_news) || state != self.state.state || findings != self.state.findings;
        self.state.in_force = in_force.is_some();
        self.state.classes = in_force.as_ref().map_or(0, |in_force| in_force.len());
        self.in_force = in_force;
        if !is_news {
            return None;
        }
        if state == LoadState::Accepted {
            self.state.filling = if self.candidate.as_ref().is_none_or(|candidate| candidate.is_empty()) {
                Filling::Empty
            } else {
                Filling::Filled
            };
            self.state.digest = Some(self.digest.clone());
            self.state.loaded_at = Some(now);
        }
        (self.state.state, self.state.findings) = (state, findings);
        (state != LoadState::Pending).then(|| Change { source: self.state.clone() })
    }

    pub(super) fn state(&self) -> SourceState {
        self.state.clone()
    }
}
