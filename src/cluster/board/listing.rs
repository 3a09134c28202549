//! The board as a table: what came of each class, a part of it at a time. Nothing is planned for it, and only the rows of
//! the part are copied: ten thousand classes are looked through in some milliseconds.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Board, State, Verdict};
use crate::cluster::execute::Task;
use crate::engine::author::Author;
use crate::engine::defaults::{DefaultClass, Origin};
use crate::engine::outcome::{LastChange, Outcome, Reason};
use crate::engine::unit::Unit;
use crate::engine::value::UnitValue;

/// What came of a class, if anything did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Its default is in force, and nothing came of it yet.
    Waiting,
    /// The last pass ended like this.
    Reached(Outcome),
}

/// Which classes are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Words that must all be found, in any case: in the name, the controller, the source, the author, the reason or the
    /// message.
    pub words: Vec<String>,
    /// How the class stands.
    pub standing: Option<Standing>,
    /// Whose its units are.
    pub units: Owned,
}

/// Whose the units of a class are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Owned {
    /// Anybody's.
    #[default]
    ByAnybody,
    /// Others keep one or more of those that the default names.
    ByOthersToo,
}

/// A part of the table, and what the whole of it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The rows of the part, ordered by name.
    pub rows: Vec<Row>,
    /// How many rows stand before them.
    pub before: usize,
    /// How many rows match.
    pub matching: usize,
    /// How many classes there are.
    pub all: usize,
    /// How many of all stand how.
    pub counts: BTreeMap<Standing, usize>,
    /// How many of all have units that others keep.
    pub with_others: usize,
}

/// One class in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub name: Arc<str>,
    /// Its `controllerName`, as its default has it, else as the cluster does.
    pub controller: Option<UnitValue>,
    /// Who wrote its default, and where; `None` if there is none any more.
    pub source: Option<(Author, Origin)>,
    /// How it stands.
    pub standing: Standing,
    /// Why, where the outcome alone doesn't say.
    pub reason: Option<Reason>,
    /// For people: the server's words, or what to do.
    pub message: Option<String>,
    /// How many units others keep.
    pub yielded: usize,
    /// The last outcome that was a change.
    pub last_change: Option<LastChange>,
}

impl Standing {
    /// Its name: that of the outcome.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "Waiting",
            Self::Reached(outcome) => outcome.as_str(),
        }
    }

    /// That of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let mut all = std::iter::once(Self::Waiting).chain(Outcome::ALL.map(Self::Reached));
        all.find(|standing| standing.as_str() == name)
    }

    /// Whether somebody should look at it.
    #[must_use]
    pub fn is_trouble(self) -> bool {
        match self {
            Self::Waiting => false,
            Self::Reached(outcome) => outcome.is_trouble(),
        }
    }
}

impl Filter {
    /// Takes what somebody searches for.
    #[must_use]
    pub fn of_words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn takes(&self, known: &Known<'_>) -> bool {
        self.standing.is_none_or(|standing| standing == known.standing())
            && (self.units == Owned::ByAnybody || known.yielded() > 0)
            && self.words.iter().all(|word| known.has(word))
    }
}

impl Board {
    /// The part of the table that begins after `page` times `length` rows; the last one if there aren't so many.
    #[must_use]
    pub fn listing(&self, filter: &Filter, page: usize, length: usize) -> Listing {
        let state = self.lock();
        let mut counts = BTreeMap::new();
        let (mut all, mut with_others) = (0, 0);
        let mut found: Vec<_> = known(&state)
            .inspect(|known| {
                all += 1;
                with_others += usize::from(known.yielded() > 0);
                *counts.entry(known.standing()).or_insert(0) += 1;
            })
            .filter(|known| filter.takes(known))
            .collect();
        found.sort_by_key(|known| known.name);
        let last = found.len().saturating_sub(1) / length.max(1);
        let before = page.min(last) * length;
        let rows = found.iter().skip(before).take(length).map(|known| known.row(&state)).collect();
        Listing { rows, before, matching: found.len(), all, counts, with_others }
    }
}

/// What is known of a class.
struct Known<'s> {
    name: &'s Arc<str>,
    default: Option<&'s Arc<DefaultClass>>,
    verdict: Option<&'s Verdict>,
}

/// All classes: those of which something came, and those that the defaults name beside them.
fn known(state: &State) -> impl Iterator<Item = Known<'_>> {
    let judged = state.verdicts.iter().map(|(name, verdict)| {
        let default = match &verdict.task {
            Task::Keep(default, _) => Some(default),
            Task::Leave(..) | Task::Release(..) | Task::Grip(..) => None,
        };
        Known { name, default, verdict: Some(verdict) }
    });
    let waiting = state.defaults.iter().flat_map(|defaults| defaults.iter());
    let waiting = waiting.filter(|default| !state.verdicts.contains_key(&default.name));
    judged.chain(waiting.map(|default| Known { name: &default.name, default: Some(default), verdict: None }))
}

impl Known<'_> {
    fn standing(&self) -> Standing {
        self.verdict.map_or(Standing::Waiting, |verdict| Standing::Reached(verdict.outcome))
    }

    fn yielded(&self) -> usize {
        self.verdict.map_or(0, |verdict| verdict.yielded.len())
    }

    fn has(&self, word: &str) -> bool {
        let is_in = |text: &str| contains(text, word);
        let in_default = |default: &Arc<DefaultClass>| {
            let controller = default.units.get(&Unit::ControllerName).and_then(UnitValue::as_str);
            controller.is_some_and(is_in)
                || is_in(&default.origin.file)
                || match &default.author {
                    Author::Platform => false,
                    Author::Tenant(name) => is_in(name),
                }
        };
        let in_verdict = |verdict: &Verdict| {
            verdict.message.as_deref().is_some_and(is_in) || verdict.reason.is_some_and(|reason| is_in(reason.as_str()))
        };
        is_in(self.name) || self.default.is_some_and(in_default) || self.verdict.is_some_and(in_verdict)
    }

    fn row(&self, state: &State) -> Row {
        let wanted = self.default.and_then(|default| default.units.get(&Unit::ControllerName));
        let live = || state.cache.get(self.name).and_then(|live| live.units.get(&Unit::ControllerName));
        Row {
            name: self.name.clone(),
            controller: wanted.or_else(live).cloned(),
            source: self.default.map(|default| (default.author.clone(), default.origin.clone())),
            standing: self.standing(),
            reason: self.verdict.and_then(|verdict| verdict.reason),
            message: self.verdict.and_then(|verdict| verdict.message.clone()),
            yielded: self.yielded(),
            last_change: self.verdict.and_then(|verdict| verdict.last_change),
        }
    }
}

/// Whether a text has a word, whatever the case of its ASCII letters.
#[must_use]
pub fn contains(text: &str, word: &str) -> bool {
    word.is_empty() || text.as_bytes().windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cluster::execute::{Pass, Retry};
    use crate::engine::author::Installation;
    use crate::engine::defaults::Defaults;
    use crate::engine::plan::Inherit;
    use crate::engine::policy::Policy;
    use crate::metrics::Metrics;

    fn default(name: &str, controller: &str, author: Author) -> Arc<DefaultClass> {
        Arc::new(DefaultClass {
            name: name.into(),
            units: [(Unit::ControllerName, UnitValue::from(controller))].into_iter().collect(),
            policy: Arc::new(Policy::default()),
            when: None,
            author,
            origin: Origin { file: "10-edge.yaml".into(), line: 3 },
        })
    }

    fn pass(outcome: Outcome, reason: Option<Reason>, message: Option<&str>, yielded: Vec<Unit>) -> Pass {
        Pass {
            outcome,
            at_rest: outcome,
            reason,
            message: message.map(str::to_owned),
            found: None,
            live: None,
            yielded: yielded.into(),
            writing: Some(Duration::ZERO),
            retry: Retry::Never,
        }
    }

    /// `a` is as wanted, `b` blocked, `c` a tenant's with a unit of somebody else, and nothing came of `d` yet.
    fn board() -> Board {
        let board = Board::new(Installation::new("classkeeper").unwrap(), Arc::new(Metrics::default()));
        let all = [
            default("a", "example.com/Edge", Author::Platform),
            default("b", "example.com/other", Author::Platform),
            default("c", "example.com/other", Author::Tenant("team-a".into())),
            default("d", "example.com/other", Author::Platform),
        ];
        board.lock().load(&Arc::new(all.iter().cloned().collect::<Defaults>()));
        let settle = |index: usize, pass: &Pass| board.settle(&Task::Keep(all[index].clone(), Inherit::Nothing), pass);
        settle(0, &pass(Outcome::Unchanged, None, None, Vec::new()));
        let message = Some("spec.controllerName is immutable");
        settle(1, &pass(Outcome::Blocked, Some(Reason::ForeignController), message, Vec::new()));
        settle(2, &pass(Outcome::Unchanged, None, None, vec![Unit::Description]));
        board
    }

    fn names(listing: &Listing) -> Vec<&str> {
        listing.rows.iter().map(|row| &*row.name).collect()
    }

    #[test]
    fn every_word_must_be_found_somewhere() {
        let board = board();
        let found = |text: &str| {
            let filter = Filter { words: Filter::of_words(text), ..Filter::default() };
            names(&board.listing(&filter, 0, 10)).join(" ")
        };
        assert_eq!(found(""), "a b c d");
        assert_eq!(found("EDGE"), "a b c d", "in the file's name");
        assert_eq!(found("example.com/edge"), "a");
        assert_eq!(found("immutable"), "b");
        assert_eq!(found("foreigncontroller other"), "b");
        assert_eq!(found("team-a"), "c");
        assert_eq!(found("team-a immutable"), "");
        assert_eq!(found("ä"), "");
    }

    #[test]
    fn classes_are_found_by_how_they_stand_and_by_whose_their_units_are() {
        let board = board();
        let standing = |name| Filter { standing: Some(Standing::named(name).unwrap()), ..Filter::default() };
        assert_eq!(names(&board.listing(&standing("Blocked"), 0, 10)), ["b"]);
        assert_eq!(names(&board.listing(&standing("Waiting"), 0, 10)), ["d"]);
        let others = Filter { units: Owned::ByOthersToo, ..Filter::default() };
        let listing = board.listing(&others, 0, 10);
        assert_eq!(names(&listing), ["c"]);
        let counts: Vec<_> = listing.counts.iter().map(|(standing, count)| (standing.as_str(), *count)).collect();
        assert_eq!(counts, [("Waiting", 1), ("Unchanged", 2), ("Blocked", 1)]);
        assert_eq!((listing.all, listing.matching, listing.with_others), (4, 1, 1));
        assert_eq!(Standing::named("blocked"), None);
    }

    #[test]
    fn a_page_beyond_the_end_is_the_last_one() {
        let board = board();
        let listing = |page| board.listing(&Filter::default(), page, 3);
        assert_eq!((names(&listing(0)).join(" "), listing(0).before), ("a b c".to_owned(), 0));
        assert_eq!((names(&listing(1)).join(" "), listing(1).before), ("d".to_owned(), 3));
        assert_eq!(listing(usize::MAX), listing(1));
        assert_eq!(
            names(&board.listing(&Filter { words: vec!["none".to_owned()], ..Filter::default() }, 5, 3)),
            [""; 0]
        );
    }
}
