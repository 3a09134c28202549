//! All sources together: news of each goes in, what is in force comes out. Pure but for the clock.
//!
//! A tenant's ConfigMaps are kept as they were read: when a boundary changes, or a namespace gets another tenant, they
//! are read again by the new rules, and nobody has to ask the server for them.

mod one;
mod templates;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;

pub use self::one::Change;
use self::one::Source;
use self::templates::Templates;
use super::configuration::{Configuration, Names};
use super::snapshot::Snapshot;
use crate::engine::assembly::{Assembly, Holders, Holding, assemble};
use crate::engine::author::Author;
use crate::engine::defaults::Defaults;
use crate::engine::diagnostic::{Code, Diagnostic};
use crate::engine::expression::Keys;
use crate::engine::facts::Facts;
use crate::engine::source::{ConfigMapName, Deletion, Leaving, Listing, SourceId, TenantState};
use crate::engine::template::expansions::NamespaceSeen;
use crate::engine::tenancy::{DEFAULTS_LABEL, DEFAULTS_LABEL_TRUE, Right, Scope, Tenant};

/// What became known of a source.
#[derive(Debug)]
pub enum News {
    /// A source of the platform was read.
    Read {
        /// Which one.
        id: SourceId,
        /// The uid of the ConfigMap that it is.
        uid: Option<Arc<str>>,
        /// What it holds.
        snapshot: Snapshot,
    },
    /// A source of the platform is gone, or can't be read.
    Unreadable(SourceId, Diagnostic),
    /// A labelled ConfigMap in a tenant's namespace was read.
    Labelled {
        /// Its name.
        name: ConfigMapName,
        /// Its uid.
        uid: Option<Arc<str>>,
        /// What it holds.
        snapshot: Snapshot,
    },
    /// It lost its label.
    Unlabelled(ConfigMapName),
    /// It was deleted.
    Deleted(ConfigMapName),
    /// All labelled ConfigMaps of a namespace were read.
    Listed(Arc<str>),
    /// A namespace's ConfigMaps may not be looked at, and why.
    Refused(Arc<str>, String),
    /// Something was seen of the cluster's namespaces.
    Namespace(NamespaceSeen),
    /// What the cluster is became known, or changed.
    Cluster(Arc<Facts>),
    /// None of it: what wasn't known may be known by now.
    Again,
}

/// All sources.
#[derive(Debug)]
pub struct Sources {
    all: BTreeMap<SourceId, Source>,
    labelled: BTreeMap<ConfigMapName, Labelled>,
    /// The namespaces whose labelled ConfigMaps are all known.
    listed: BTreeSet<Arc<str>>,
    /// The namespaces whose ConfigMaps may not be looked at.
    refused: BTreeMap<Arc<str>, Arc<str>>,
    /// The tenants of which a ConfigMap was deleted.
    deletions: BTreeSet<Arc<str>>,
    templates: Templates,
    /// What is in force of all of them, and of each.
    in_force: Option<Arc<Defaults>>,
    parts: Vec<Arc<Defaults>>,
}

#[derive(Debug)]
struct Labelled {
    uid: Option<Arc<str>>,
    snapshot: Arc<Snapshot>,
    label: Label,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Label {
    Present,
    Lost,
}

/// What came of some news.
#[derive(Debug)]
pub struct Settled {
    /// What is in force now.
    pub configuration: Configuration,
    /// Which sources were accepted or rejected, in order.
    pub changes: Vec<Change>,
    /// The namespaces whose labelled ConfigMaps are tenants' files.
    pub namespaces: BTreeSet<Arc<str>>,
    /// Which annotations of namespaces templates ask for; `None`: none asks for namespaces.
    pub annotations: Option<Keys>,
}

impl Sources {
    /// The platform's sources, none of which is read yet.
    #[must_use]
    pub fn new(platform: impl IntoIterator<Item = SourceId>) -> Self {
        let source = |id: SourceId| (id.clone(), Source::new(id, Scope::Platform));
        Self {
            all: platform.into_iter().map(source).collect(),
            labelled: BTreeMap::new(),
            listed: BTreeSet::new(),
            refused: BTreeMap::new(),
            deletions: BTreeSet::new(),
            templates: Templates::default(),
            in_force: None,
            parts: Vec::new(),
        }
    }

    /// Takes in what became known, and says what follows from all of it.
    pub fn take_in(&mut self, news: impl IntoIterator<Item = News>, holders: &dyn Fn(&str) -> Holders) -> Settled {
        for news in news {
            self.note(news);
        }
        let platform = self.assemble(Which::Platform, holders);
        self.templates.follow(platform.defaults.as_ref());
        let tenants: Vec<_> = platform.defaults.iter().flat_map(|defaults| defaults.tenants().cloned()).collect();
        self.follow_tenants(&tenants);
        let is_all = tenants.is_empty() && self.templates.given().is_empty();
        let assembly = if is_all { platform } else { self.assemble(Which::All, holders) };
        self.settle(assembly, &tenants)
    }

    fn note(&mut self, news: News) {
        match news {
            News::Read { id, uid, snapshot } => {
                if let Some(source) = self.all.get_mut(&id) {
                    source.load(&snapshot, uid);
                }
            }
            News::Unreadable(id, finding) => {
                if let Some(source) = self.all.get_mut(&id) {
                    source.lose(finding);
                }
            }
            News::Labelled { name, uid, snapshot } => {
                self.all
                    .iter_mut()
                    .filter(|(id, _)| is_tenant_s(id, &name))
                    .for_each(|(_, source)| source.load(&snapshot, uid.clone()));
                self.labelled.insert(name, Labelled { uid, snapshot: Arc::new(snapshot), label: Label::Present });
            }
            News::Unlabelled(name) => {
                let finding = label_lost(&name);
                self.all
                    .iter_mut()
                    .filter(|(id, _)| is_tenant_s(id, &name))
                    .for_each(|(_, source)| source.lose(finding.clone()));
                if let Some(labelled) = self.labelled.get_mut(&name) {
                    labelled.label = Label::Lost;
                }
            }
            News::Deleted(name) => {
                self.labelled.remove(&name);
                self.all.retain(|id, _| {
                    if let SourceId::Tenant { tenant, config_map } = id
                        && *config_map == name
                    {
                        self.deletions.insert(tenant.clone());
                        return false;
                    }
                    true
                });
            }
            News::Listed(namespace) => {
                self.refused.remove(&namespace);
                self.listed.insert(namespace);
            }
            News::Refused(namespace, why) => {
                self.listed.remove(&namespace);
                self.refused.insert(namespace, why.into());
            }
            News::Namespace(seen) => self.templates.see(seen),
            News::Cluster(facts) => self.templates.know(&facts),
            News::Again => {}
        }
    }

    /// Has each labelled ConfigMap read as its tenant's, by the boundary in force.
    fn follow_tenants(&mut self, tenants: &[Arc<Tenant>]) {
        let tenant_of =
            |namespace: &str| tenants.iter().find(|tenant| tenant.namespaces.iter().any(|of| **of == *namespace));
        self.labelled.retain(|name, _| tenant_of(&name.namespace).is_some());
        self.listed.retain(|namespace| tenant_of(namespace).is_some());
        self.refused.retain(|namespace, _| tenant_of(namespace).is_some());
        self.deletions.retain(|name| tenants.iter().any(|tenant| tenant.name == *name));
        let mut wanted: BTreeMap<SourceId, (&Arc<Tenant>, &ConfigMapName, &Labelled)> = BTreeMap::new();
        for (name, labelled) in &self.labelled {
            // What the platform reads by name is the platform's.
            let is_platform_s = self.all.contains_key(&SourceId::ConfigMap(name.clone()));
            if let Some(tenant) = tenant_of(&name.namespace)
                && !is_platform_s
            {
                let id = SourceId::Tenant { tenant: tenant.name.clone(), config_map: name.clone() };
                wanted.insert(id, (tenant, name, labelled));
            }
        }
        self.all.retain(|id, _| match id {
            SourceId::Directory | SourceId::ConfigMap(_) | SourceId::Templates => true,
            SourceId::Tenant { .. } => wanted.contains_key(id),
        });
        for (id, (tenant, name, labelled)) in wanted {
            let scope = Scope::Tenant(tenant.clone());
            let source = self.all.entry(id.clone()).or_insert_with(|| Source::new(id.clone(), Scope::Platform));
            if !source.is_read_by(&scope) {
                source.set_scope(scope);
                source.load(&labelled.snapshot, labelled.uid.clone());
                if labelled.label == Label::Lost {
                    source.lose(label_lost(name));
                }
            }
        }
    }

    fn assemble(&self, which: Which, holders: &dyn Fn(&str) -> Holders) -> Assembly {
        let is_meant = |id: &SourceId| match which {
            Which::Platform => id.author() == Author::Platform,
            Which::All => true,
        };
        let mut holdings: Vec<Holding<'_>> =
            self.all.iter().filter(|(id, _)| is_meant(id)).map(|(_, source)| source.holding()).collect();
        // The last one, whose verdict belongs to no source.
        if which == Which::All {
            holdings.push(self.templates.holding());
        }
        assemble(&holdings, self.in_force.as_deref(), holders)
    }

    fn settle(&mut self, assembly: Assembly, tenants: &[Arc<Tenant>]) -> Settled {
        let Assembly { defaults, verdicts, is_undecided } = assembly;
        let (mut changes, mut parts, now) = (Vec::new(), Vec::new(), Timestamp::now());
        let mut verdicts = verdicts.into_iter();
        for (source, verdict) in self.all.values_mut().zip(&mut verdicts) {
            parts.extend(verdict.in_force.clone());
            changes.extend(source.settle(verdict, now));
        }
        parts.extend(verdicts.next().and_then(|templates| templates.in_force));
        let is_same = parts.len() == self.parts.len() && parts.iter().zip(&self.parts).all(|(a, b)| Arc::ptr_eq(a, b));
        if !is_same || self.in_force.is_none() {
            (self.in_force, self.parts) = (defaults, parts);
        }
        let sources = self.all.values().map(Source::state).collect();
        let tenant = |tenant: &Arc<Tenant>| TenantState {
            name: tenant.name.clone(),
            listing: if tenant.namespaces.iter().all(|namespace| self.listed.contains(namespace)) {
                Listing::Complete
            } else {
                Listing::Incomplete
            },
            deletion: if self.deletions.contains(&tenant.name) { Deletion::Seen } else { Deletion::None },
            leaving: if tenant.boundary.rights.contains(&Right::Delete) {
                Leaving::AsMarked
            } else {
                Leaving::Released
            },
            trouble: tenant.namespaces.iter().find_map(|namespace| self.refused.get(namespace).cloned()),
        };
        let tenant_states = tenants.iter().map(tenant).collect();
        let names = if is_undecided { Names::Undecided } else { Names::Decided };
        let configuration = Configuration::of(self.in_force.clone(), names, sources, tenant_states);
        Settled {
            configuration: Configuration { templates: self.templates.state(), ..configuration },
            changes,
            namespaces: tenants.iter().flat_map(|tenant| tenant.namespaces.iter().cloned()).collect(),
            annotations: self.templates.annotations(),
        }
    }
}

/// Which sources are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    /// What the platform wrote.
    Platform,
    /// Everything, and what templates give.
    All,
}

fn is_tenant_s(id: &SourceId, name: &ConfigMapName) -> bool {
    matches!(id, SourceId::Tenant { config_map, .. } if config_map == name)
}

fn label_lost(name: &ConfigMapName) -> Diagnostic {
    let message = format!(
        "the label {DEFAULTS_LABEL}: {DEFAULTS_LABEL_TRUE:?} is gone; what is in force of this ConfigMap stays, and nothing \
         of it is removed"
    );
    let mut finding = Diagnostic::of_file(Code::LabelLost, &format!("configmap {name}").into(), message);
    finding.suggestion = Some("put the label back, or delete the ConfigMap to remove its classes".to_owned());
    finding
}
