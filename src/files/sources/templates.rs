//! What the platform's templates give: a part of what is in force, beside the sources.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use crate::engine::assembly::Holding;
use crate::engine::defaults::Defaults;
use crate::engine::expression::Keys;
use crate::engine::facts::Facts;
use crate::engine::source::{Progress, SourceId, TemplatesState};
use crate::engine::template::expansions::{Expansions, NamespaceSeen};
use crate::engine::tenancy::Scope;

/// More findings than this aren't shown: each is about one namespace, and is told by what it is about.
const FINDINGS_AT_MOST: usize = 1_000;

static ID: SourceId = SourceId::Templates;
static SCOPE: LazyLock<Scope> = LazyLock::new(Scope::default);

/// What the platform's templates give.
#[derive(Debug, Default)]
pub(super) struct Templates {
    expansions: Expansions,
    /// What the platform wrote itself, when it was looked at last.
    written: Option<Arc<Defaults>>,
    given: Arc<Defaults>,
    state: TemplatesState,
    /// The classes about which something changed since then.
    changed: BTreeSet<Arc<str>>,
    /// Whether anything else did.
    news: News,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum News {
    #[default]
    None,
    Some,
}

impl Templates {
    /// Takes in what was seen of namespaces.
    pub(super) fn see(&mut self, seen: NamespaceSeen) {
        // Of a list, only its end says anything.
        if !matches!(seen, NamespaceSeen::Item(_) | NamespaceSeen::Listing(_)) {
            self.news = News::Some;
        }
        self.changed.extend(self.expansions.see(seen));
    }

    /// Takes in what the cluster is.
    pub(super) fn know(&mut self, facts: &Arc<Facts>) {
        self.news = News::Some;
        self.changed.extend(self.expansions.know(facts));
    }

    /// Follows what the platform wrote: its templates, and its classes, which are preferred.
    pub(super) fn follow(&mut self, written: Option<&Arc<Defaults>>) {
        let is_same = match (written, &self.written) {
            (Some(new), Some(old)) => Arc::ptr_eq(new, old),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !is_same {
            self.written = written.cloned();
            let templates = written.iter().flat_map(|written| written.templates());
            self.changed.extend(self.expansions.load(templates));
            self.changed.extend(self.expansions.names().cloned());
        }
        let changed = std::mem::take(&mut self.changed);
        if is_same && changed.is_empty() && std::mem::take(&mut self.news) == News::None {
            return;
        }
        let nothing = Defaults::default();
        let written = self.written.as_deref().unwrap_or(&nothing);
        self.expansions.settle(&changed, written);
        if !changed.is_empty() {
            let is_free = |name: &str| written.get(name).is_none();
            let classes = self.expansions.classes().filter(|class| is_free(&class.name));
            self.given = Arc::new(classes.cloned().collect());
        }
        self.state = TemplatesState {
            progress: if self.expansions.is_in_sync() { Progress::Complete } else { Progress::Waiting },
            trouble: self.expansions.refusal().cloned(),
            classes: self.given.len(),
            findings: self.expansions.findings().take(FINDINGS_AT_MOST).collect(),
            held: Arc::new(self.expansions.held().cloned().collect()),
        };
    }

    /// The classes that they give.
    pub(super) fn given(&self) -> &Arc<Defaults> {
        &self.given
    }

    /// What is to be put together with what the sources hold.
    pub(super) fn holding(&self) -> Holding<'_> {
        Holding { id: &ID, scope: &SCOPE, candidate: Some(&self.given), in_force: None }
    }

    /// What is told of them.
    pub(super) fn state(&self) -> TemplatesState {
        self.state.clone()
    }

    /// Which annotations of namespaces they ask for; `None` if there are none.
    pub(super) fn annotations(&self) -> Option<Keys> {
        self.expansions.needs()
    }
}
