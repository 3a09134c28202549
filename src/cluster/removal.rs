//! When a class whose default is gone may be left: only once nothing else can explain that its default isn't there.
//!
//! Each author is looked at alone: a tenant's rejected ConfigMap keeps nobody else's classes, and nobody else's keeps the
//! tenant's.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::author::Author;
use crate::engine::source::{Deletion, Filling, Leaving, Listing, LoadState, Progress, SourceState, TenantState};
use crate::files::configuration::{Configuration, Names};

/// Whether an empty source counts as one whose classes were all removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptySource {
    /// It is taken for a mistake, and removes nothing.
    RemovesNothing,
    /// It removes everything (`--allow-empty`).
    RemovesAll,
}

/// What stands in the way of leaving classes.
#[derive(Debug)]
pub struct RemovalGate {
    /// A mount may lag behind for some minutes after the start.
    opens: Instant,
    delay: Duration,
    empty: EmptySource,
    platform: Word,
    tenants: HashMap<Arc<str>, Word>,
    /// The classes that aren't there only because something is wrong with them.
    held: Arc<BTreeSet<Arc<str>>>,
}

/// Whether what an author's sources don't describe is meant to be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// A source isn't read, or refused, or empty.
    Nothing,
    /// It is, and that is what may come of it.
    Meant(Leaving),
}

impl RemovalGate {
    /// A gate that opens after a delay, if the sources allow.
    #[must_use]
    pub fn new(start: Instant, delay: Duration, empty: EmptySource) -> Self {
        Self {
            opens: start + delay,
            delay,
            empty,
            platform: Word::Nothing,
            tenants: HashMap::new(),
            held: Arc::default(),
        }
    }

    /// Begins the delay anew: leadership was gained, and what the last leader saw isn't known.
    pub fn restart(&mut self, now: Instant) {
        self.opens = now + self.delay;
    }

    /// Takes in how the last loads ended.
    pub fn load(&mut self, configuration: &Configuration) {
        match configuration.names {
            Names::Decided => {}
            // What is nobody's for now was given up by nobody.
            Names::Undecided => {
                self.platform = Word::Nothing;
                self.tenants.values_mut().for_each(|word| *word = Word::Nothing);
                return;
            }
        }
        let of = |author: &Author| {
            let is_theirs = |source: &&SourceState| source.id.author() == *author;
            configuration.sources.iter().filter(is_theirs).collect::<Vec<_>>()
        };
        let platform = of(&Author::Platform);
        self.held = configuration.templates.held.clone();
        let is_complete = configuration.templates.progress == Progress::Complete;
        self.platform = if is_complete && !platform.is_empty() && self.all_said(&platform) {
            Word::Meant(Leaving::AsMarked)
        } else {
            Word::Nothing
        };
        let tenant = |TenantState { name, listing, deletion, leaving, trouble: _ }: &TenantState| {
            let sources = of(&Author::Tenant(name.clone()));
            // Who has none may have lost a label, unless somebody deleted it.
            let is_meant = !sources.is_empty() || *deletion == Deletion::Seen || self.empty == EmptySource::RemovesAll;
            let word = if *listing == Listing::Complete && is_meant && self.all_said(&sources) {
                Word::Meant(*leaving)
            } else {
                Word::Nothing
            };
            (name.clone(), word)
        };
        self.tenants = configuration.tenants.iter().map(tenant).collect();
    }

    /// Whether each of these sources is accepted, and none of them empty by mistake.
    fn all_said(&self, sources: &[&SourceState]) -> bool {
        sources.iter().all(|source| {
            let is_filled = source.filling == Filling::Filled || self.empty == EmptySource::RemovesAll;
            source.state == LoadState::Accepted && is_filled
        })
    }

    /// What may come now of an author's classes that no source describes; `None` if they must stay.
    #[must_use]
    pub fn leaving(&self, author: &Author, now: Instant) -> Option<Leaving> {
        match self.word(author) {
            Word::Meant(leaving) if now >= self.opens => Some(leaving),
            Word::Meant(_) | Word::Nothing => None,
        }
    }

    /// Whether a class that no source describes is only missing because something is wrong with it.
    #[must_use]
    pub fn holds(&self, class: &str) -> bool {
        self.held.contains(class)
    }

    /// Whether anybody's classes may be left now.
    #[must_use]
    pub fn is_open(&self, now: Instant) -> bool {
        self.is_meant_by_any() && now >= self.opens
    }

    /// When the gate opens by itself; `None` if it is open, or doesn't open without another load.
    #[must_use]
    pub fn opens(&self, now: Instant) -> Option<Instant> {
        (self.is_meant_by_any() && now < self.opens).then_some(self.opens)
    }

    fn is_meant_by_any(&self) -> bool {
        self.platform != Word::Nothing || self.tenants.values().any(|word| *word != Word::Nothing)
    }

    fn word(&self, author: &Author) -> Word {
        match author {
            Author::Platform => self.platform,
            // A tenant that is gone was the platform's, and so are its classes.
            Author::Tenant(name) => self.tenants.get(name).copied().unwrap_or(self.platform),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::source::SourceId;

    fn source(id: SourceId, state: LoadState, filling: Filling) -> SourceState {
        let (in_force, classes, digest, loaded_at) = (true, 1, None, None);
        SourceState { id, uid: None, state, filling, in_force, classes, digest, loaded_at, findings: Arc::default() }
    }

    fn directory(state: LoadState) -> SourceState {
        source(SourceId::Directory, state, Filling::Filled)
    }

    fn of_a(map: &str, state: LoadState) -> SourceState {
        let id = SourceId::Tenant { tenant: "a".into(), config_map: format!("a/{map}").parse().unwrap() };
        source(id, state, Filling::Filled)
    }

    fn tenant(name: &str, listing: Listing, deletion: Deletion) -> TenantState {
        TenantState { name: name.into(), listing, deletion, leaving: Leaving::AsMarked, trouble: None }
    }

    /// Whether the classes of the platform, of the tenant a and of a tenant that isn't there (any more) may be left.
    fn may_leave(empty: EmptySource, sources: Vec<SourceState>, tenants: Vec<TenantState>) -> [bool; 3] {
        let now = Instant::now();
        let mut gate = RemovalGate::new(now, Duration::from_mins(3), empty);
        gate.load(&Configuration::of(None, Names::Decided, sources, tenants));
        let authors = [Author::Platform, Author::Tenant("a".into()), Author::Tenant("gone".into())];
        assert!(authors.iter().all(|author| gate.leaving(author, now).is_none()), "a mount may lag");
        authors.map(|author| gate.leaving(&author, now + Duration::from_mins(3)).is_some())
    }

    #[test]
    fn each_author_waits_for_each_of_its_own_sources_and_for_no_other_s() {
        use LoadState::{Accepted, Pending, Rejected};
        let strict = |sources, tenants| may_leave(EmptySource::RemovesNothing, sources, tenants);
        let a = || vec![tenant("a", Listing::Complete, Deletion::None)];
        assert_eq!(strict(vec![directory(Accepted), of_a("x", Accepted)], a()), [true; 3]);
        for other in [Pending, Rejected] {
            let sources = vec![directory(Accepted), of_a("x", Accepted), of_a("y", other)];
            assert_eq!(strict(sources, a()), [true, false, true], "{other:?}");
            assert_eq!(strict(vec![directory(other), of_a("x", Accepted)], a()), [false, true, false], "{other:?}");
            let map = source(SourceId::ConfigMap("p/d".parse().unwrap()), other, Filling::Filled);
            assert_eq!(strict(vec![directory(Accepted), map], vec![]), [false; 3], "{other:?}");
        }
        let incomplete = vec![tenant("a", Listing::Incomplete, Deletion::Seen)];
        assert_eq!(strict(vec![directory(Accepted), of_a("x", Accepted)], incomplete), [true, false, true]);
        assert_eq!(strict(vec![], vec![]), [false; 3]);
    }

    #[test]
    fn what_is_empty_or_missing_removes_nothing_unless_it_is_allowed() {
        let empty = |id| source(id, LoadState::Accepted, Filling::Empty);
        let none = || vec![tenant("a", Listing::Complete, Deletion::None)];
        let nothing = || vec![empty(SourceId::Directory)];
        assert_eq!(may_leave(EmptySource::RemovesNothing, nothing(), none()), [false; 3]);
        assert_eq!(may_leave(EmptySource::RemovesAll, nothing(), none()), [true; 3]);
        // The one exception: a tenant's ConfigMap that was deleted.
        let deleted = vec![tenant("a", Listing::Complete, Deletion::Seen)];
        let sources = vec![directory(LoadState::Accepted)];
        assert_eq!(may_leave(EmptySource::RemovesNothing, sources.clone(), deleted), [true; 3]);
        assert_eq!(may_leave(EmptySource::RemovesNothing, sources, none()), [true, false, true]);
    }

    #[test]
    fn while_templates_wait_nothing_of_the_platform_s_is_removed() {
        let now = Instant::now();
        let mut gate = RemovalGate::new(now, Duration::ZERO, EmptySource::RemovesNothing);
        let sources = || vec![directory(LoadState::Accepted), of_a("x", LoadState::Accepted)];
        let tenants = || vec![tenant("a", Listing::Complete, Deletion::None)];
        let mut configuration = Configuration::of(None, Names::Decided, sources(), tenants());
        configuration.templates.progress = Progress::Waiting;
        configuration.templates.held = Arc::new(["held".into()].into());
        gate.load(&configuration);
        assert_eq!(gate.leaving(&Author::Platform, now), None);
        assert!(gate.leaving(&Author::Tenant("a".into()), now).is_some());
        assert!(gate.holds("held") && !gate.holds("other"));
        gate.load(&Configuration::of(None, Names::Decided, sources(), tenants()));
        assert!(gate.leaving(&Author::Platform, now).is_some() && !gate.holds("held"));
    }

    #[test]
    fn who_may_not_delete_only_releases() {
        let (now, sources) = (Instant::now(), vec![directory(LoadState::Accepted), of_a("x", LoadState::Accepted)]);
        let mut gate = RemovalGate::new(now, Duration::ZERO, EmptySource::RemovesNothing);
        let a = TenantState { leaving: Leaving::Released, ..tenant("a", Listing::Complete, Deletion::None) };
        gate.load(&Configuration::of(None, Names::Decided, sources.clone(), vec![a.clone()]));
        assert_eq!(gate.leaving(&Author::Tenant("a".into()), now), Some(Leaving::Released));
        assert_eq!(gate.leaving(&Author::Platform, now), Some(Leaving::AsMarked));
        // Whose a name is isn't known: then nobody has given it up.
        gate.load(&Configuration::of(None, Names::Undecided, sources, vec![a]));
        let authors = [Author::Platform, Author::Tenant("a".into()), Author::Tenant("gone".into())];
        assert!(authors.iter().all(|author| gate.leaving(author, now).is_none()));
    }
}
