//! The classes of all templates and namespaces: what is new goes in, the names of the classes that it concerns come out.
//!
//! Pure, and incremental: an event of one namespace fills in that namespace alone. Templates that were loaded are put in
//! force once all that they ask for is known, namespaces with the right annotations and the cluster's facts; until then
//! those before them stay in force, so that no class goes only because something isn't known yet. Likewise a class stays
//! as it was while what a namespace says now isn't valid.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use super::namespace::Namespace;
use super::{Expansion, Template};
use crate::engine::defaults::{DefaultClass, Defaults};
use crate::engine::diagnostic::{Code, Diagnostic, quoted};
use crate::engine::expression::{Keys, Scope};
use crate::engine::facts::Facts;

/// What was seen of the cluster's namespaces, in order.
#[derive(Debug)]
pub enum NamespaceSeen {
    /// What follows is a list of all, up to [`NamespaceSeen::Listed`], with these of their annotations.
    Listing(Keys),
    /// A namespace of the list.
    Item(Namespace),
    /// The list is complete; single changes follow.
    Listed,
    /// A namespace was made or changed.
    Changed(Namespace),
    /// The namespace of this name is gone.
    Deleted(Arc<str>),
    /// They may not be watched, and why.
    Refused(Arc<str>),
}

/// A finding that concerns the class of one namespace alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamespaceFinding {
    /// The namespace.
    pub namespace: Arc<str>,
    /// What is wrong, at its place in the template.
    #[serde(flatten)]
    pub diagnostic: Diagnostic,
}

/// A namespace and a template. In this order they are preferred if two give a class of the same name.
type Claim = (Arc<str>, Arc<str>);

/// The classes of all templates and namespaces.
#[derive(Debug, Default)]
pub struct Expansions {
    /// By name, in force.
    templates: BTreeMap<Arc<str>, Arc<Template>>,
    /// Loaded, and not in force yet.
    next: Option<Vec<Arc<Template>>>,
    namespaces: BTreeMap<Arc<str>, Namespace>,
    /// Which annotations the namespaces have; `None` before the first list is complete.
    kept: Option<Keys>,
    /// The list under way.
    listing: Option<(Keys, BTreeMap<Arc<str>, Namespace>)>,
    /// Why namespaces aren't known, if the server told.
    refusal: Option<Arc<str>>,
    /// What is known of the cluster.
    cluster: Option<Scope<'static>>,
    made: BTreeMap<Claim, Expansion>,
    claims: BTreeMap<Arc<str>, BTreeSet<Claim>>,
    /// Why a class of a namespace isn't in force though nothing is wrong with it.
    lost: BTreeMap<Claim, Diagnostic>,
}

impl Expansions {
    /// Which annotations of namespaces are needed, by what is in force and what is to be; `None` if no namespace is.
    #[must_use]
    pub fn needs(&self) -> Option<Keys> {
        let templates = self.templates.values().chain(self.next.iter().flatten());
        templates.map(|template| template.annotations()).reduce(Keys::and)
    }

    /// Whether what was loaded last is in force for every namespace.
    #[must_use]
    pub fn is_in_sync(&self) -> bool {
        self.next.is_none()
    }

    /// Why namespaces aren't known, if the server told.
    #[must_use]
    pub fn refusal(&self) -> Option<&Arc<str>> {
        self.refusal.as_ref()
    }

    /// Takes in what the files say now; the names of the classes that this concerns.
    pub fn load<'t>(&mut self, templates: impl IntoIterator<Item = &'t Arc<Template>>) -> BTreeSet<Arc<str>> {
        self.next = Some(templates.into_iter().cloned().collect());
        self.advance()
    }

    /// Takes in what the cluster is; the names of the classes that this concerns.
    pub fn know(&mut self, facts: &Arc<Facts>) -> BTreeSet<Arc<str>> {
        self.cluster = Some(Scope::of_cluster(facts));
        let mut changed = BTreeSet::new();
        let about_it = self.templates.values().filter(|template| template.names("cluster"));
        for template in about_it.cloned().collect::<Vec<_>>() {
            self.fill_in(&template, &mut changed);
        }
        changed.extend(self.advance());
        changed
    }

    /// Takes in an event; the names of the classes that it concerns.
    pub fn see(&mut self, seen: NamespaceSeen) -> BTreeSet<Arc<str>> {
        let mut changed = BTreeSet::new();
        match seen {
            NamespaceSeen::Listing(keys) => self.listing = Some((keys, BTreeMap::new())),
            NamespaceSeen::Item(namespace) => {
                if let Some((_, listed)) = &mut self.listing {
                    listed.insert(namespace.name.clone(), namespace);
                }
            }
            NamespaceSeen::Refused(why) => self.refusal = Some(why),
            NamespaceSeen::Listed => {
                // Otherwise it was begun for templates that are gone.
                let Some((keys, listed)) = self.listing.take() else { return changed };
                (self.kept, self.refusal) = (Some(keys), None);
                let before = std::mem::take(&mut self.namespaces);
                let gone = before.keys().filter(|name| !listed.contains_key(*name));
                gone.for_each(|name| self.drop_namespace(name, &mut changed));
                for (name, namespace) in listed {
                    if before.get(&name) != Some(&namespace) {
                        self.fill_in_for(&namespace, &mut changed);
                    }
                    self.namespaces.insert(name, namespace);
                }
                changed.extend(self.advance());
            }
            NamespaceSeen::Changed(namespace) => {
                if self.namespaces.get(&namespace.name) != Some(&namespace) {
                    self.fill_in_for(&namespace, &mut changed);
                    self.namespaces.insert(namespace.name.clone(), namespace);
                }
            }
            NamespaceSeen::Deleted(name) => {
                self.namespaces.remove(&name);
                self.drop_namespace(&name, &mut changed);
            }
        }
        changed
    }

    /// The class of a name, if a template gives one. Of several, that of the first namespace by name, and of the first
    /// template.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<DefaultClass>> {
        let claim = self.claims.get(name)?.first()?;
        self.made.get(claim)?.class.as_ref()
    }

    /// All classes, by name.
    pub fn classes(&self) -> impl Iterator<Item = &Arc<DefaultClass>> {
        self.claims.keys().filter_map(|name| self.get(name))
    }

    /// Compares classes with those of the files, which are preferred: who loses is told, and who doesn't any more isn't.
    pub fn settle(&mut self, names: &BTreeSet<Arc<str>>, files: &Defaults) {
        for name in names {
            let Some(claims) = self.claims.get(name) else { continue };
            let mut winner = files.get(name).map(|class| format!("at {}", class.origin));
            for claim in claims {
                let (namespace, template) = claim;
                match (&winner, self.templates.get(template)) {
                    (Some(winner), Some(template)) => {
                        let message = format!("the class {} is described already, {winner}", quoted(name));
                        self.lost.insert(claim.clone(), template.about_name(Code::DuplicateClass, message));
                    }
                    (None, _) => {
                        self.lost.remove(claim);
                        winner = Some(format!("for the namespace {namespace} by the template {template}"));
                    }
                    (Some(_), None) => {}
                }
            }
        }
    }

    /// The names of classes that would be there, if nothing was wrong with them.
    pub fn held(&self) -> impl Iterator<Item = &Arc<str>> {
        self.made.values().filter(|made| made.class.is_none()).filter_map(|made| made.name.as_ref())
    }

    /// The names that templates give.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.claims.keys()
    }

    /// What concerns the classes of single namespaces, ordered by namespace.
    pub fn findings(&self) -> impl Iterator<Item = NamespaceFinding> {
        let own = self.made.iter().flat_map(|(claim, made)| made.findings.iter().map(move |finding| (claim, finding)));
        own.chain(&self.lost).map(|((namespace, _), diagnostic)| NamespaceFinding {
            namespace: namespace.clone(),
            diagnostic: diagnostic.clone(),
        })
    }

    /// Puts in force what was loaded, if all that it asks for is known.
    fn advance(&mut self) -> BTreeSet<Arc<str>> {
        let mut changed = BTreeSet::new();
        let Some(next) = &self.next else { return changed };
        let needs = next.iter().map(|template| template.annotations()).reduce(Keys::and);
        let is_known = match (&needs, &self.kept) {
            (None, _) => true,
            (Some(needs), Some(kept)) => self.cluster.is_some() && kept.include(needs),
            (Some(_), None) => false,
        };
        if !is_known {
            return changed;
        }
        if needs.is_none() {
            // Nobody follows them from now on.
            (self.kept, self.listing, self.refusal) = (None, None, None);
            self.namespaces.clear();
        }
        let next: BTreeMap<_, _> =
            self.next.take().into_iter().flatten().map(|template| (template.name.clone(), template)).collect();
        let before = std::mem::replace(&mut self.templates, next.clone());
        let is_same = |name: &Arc<str>, template: &Arc<Template>| {
            before.get(name).is_some_and(|before| Arc::ptr_eq(before, template) || before == template)
        };
        let gone: BTreeSet<_> = before.keys().filter(|name| !next.contains_key(*name)).cloned().collect();
        let claims: Vec<_> = self.made.keys().filter(|(_, template)| gone.contains(template)).cloned().collect();
        for claim in &claims {
            self.replace(claim, None, &mut changed);
        }
        for template in next.iter().filter(|(name, template)| !is_same(name, template)).map(|(_, template)| template) {
            self.fill_in(template, &mut changed);
        }
        changed
    }

    /// Fills in a template for every namespace.
    fn fill_in(&mut self, template: &Arc<Template>, changed: &mut BTreeSet<Arc<str>>) {
        let namespaces = std::mem::take(&mut self.namespaces);
        for namespace in namespaces.values() {
            self.expand(template, namespace, changed);
        }
        self.namespaces = namespaces;
    }

    /// Fills in every template for a namespace.
    fn fill_in_for(&mut self, namespace: &Namespace, changed: &mut BTreeSet<Arc<str>>) {
        for template in self.templates.values().cloned().collect::<Vec<_>>() {
            self.expand(&template, namespace, changed);
        }
    }

    fn expand(&mut self, template: &Arc<Template>, namespace: &Namespace, changed: &mut BTreeSet<Arc<str>>) {
        let Some(cluster) = &self.cluster else { return };
        let made = template.selector.matches(&namespace.labels).then(|| template.expand(namespace, cluster));
        self.replace(&(namespace.name.clone(), template.name.clone()), made, changed);
    }

    fn drop_namespace(&mut self, name: &Arc<str>, changed: &mut BTreeSet<Arc<str>>) {
        let names: Vec<_> = self.templates.keys().cloned().collect();
        for template in names {
            self.replace(&(name.clone(), template), None, changed);
        }
    }

    fn replace(&mut self, claim: &Claim, made: Option<Expansion>, changed: &mut BTreeSet<Arc<str>>) {
        let before = match made {
            Some(mut made) => {
                if made.class.is_none() {
                    made.class = self.made.get(claim).and_then(|before| before.class.clone());
                }
                if self.made.get(claim) == Some(&made) {
                    return;
                }
                if let Some(class) = &made.class {
                    self.claims.entry(class.name.clone()).or_default().insert(claim.clone());
                    changed.insert(class.name.clone());
                }
                self.made.insert(claim.clone(), made)
            }
            None => self.made.remove(claim),
        };
        let Some(before) = before.and_then(|before| before.class) else { return };
        changed.insert(before.name.clone());
        let name = self.made.get(claim).and_then(|made| made.class.as_ref()).map(|class| &class.name);
        if name != Some(&before.name) {
            self.lost.remove(claim);
            if let Some(claims) = self.claims.get_mut(&before.name) {
                claims.remove(claim);
                if claims.is_empty() {
                    self.claims.remove(&before.name);
                }
            }
        }
    }
}
