//! What every page begins with: how this replica is, at a glance, and what is wrong with the configuration.

use std::sync::LazyLock;

use k8s_openapi::jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::STYLE;
use super::configuration::source_words;
use super::pager::{link, parameter};
use super::tone::Tone;
use super::words::{Moment, Shown, count};
use crate::cluster::classes::CacheState;
use crate::cluster::leader::Role;
use crate::engine::diagnostic::Severity;
use crate::engine::source::{LoadState, SourceState};
use crate::files::configuration::Configuration;
use crate::files::snapshot::hex;
use crate::serve::Pages;

/// Refused sources that the banner tells of; the page of the configuration has all.
const REFUSALS_AT_MOST: usize = 3;
/// The shortest time, in seconds, after which a page may be asked to come again by itself, and the longest.
const REFRESH: std::ops::RangeInclusive<u32> = 2..=3600;

/// What every page begins with.
#[derive(Clone, Debug)]
pub(super) struct Shell {
    /// The page itself, to be asked for again.
    pub(super) here: String,
    path: String,
    /// When it was made.
    pub(super) made: Moment,
    /// After how many seconds it comes again, if it was asked for so.
    pub(super) refresh: Option<u32>,
    /// How this replica is.
    pub(super) facts: [Fact; 4],
    /// Sources that were refused.
    pub(super) refusals: Vec<Refusal>,
    /// How many findings there are.
    pub(super) findings: usize,
    /// The stylesheet.
    pub(super) style: String,
    /// The program's version.
    pub(super) version: &'static str,
}

/// One thing to know of this replica.
#[derive(Clone, Debug)]
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) state: &'static str,
    pub(super) tone: Tone,
    /// More about it, a time, and more.
    pub(super) before: String,
    pub(super) moment: Option<Moment>,
    pub(super) after: String,
}

/// A source that was refused.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) source: String,
    /// Since when what runs of it is in force, if anything is.
    pub(super) running: Option<Moment>,
    pub(super) place: String,
    pub(super) message: String,
}

/// What is in the stylesheet, for its address.
pub(super) fn style_tag() -> String {
    static TAG: LazyLock<String> = LazyLock::new(|| hex(&Sha256::digest(STYLE)[..8]));
    TAG.clone()
}

impl Shell {
    /// That of the page at this path.
    pub(super) fn new(pages: &Pages, path: &str, query: Option<&str>) -> Self {
        let now = Timestamp::now();
        let configuration = pages.configuration.borrow();
        let is_refused = |source: &&SourceState| source.state == LoadState::Rejected;
        let refused = configuration.sources.iter().filter(is_refused);
        let refresh = parameter(query, "refresh").and_then(|seconds| seconds.parse().ok());
        Self {
            here: match query {
                Some(query) if !query.is_empty() => format!("{path}?{query}"),
                Some(_) | None => link(path, &[]),
            },
            path: path.to_owned(),
            made: Moment { time: now, now },
            refresh: refresh.filter(|seconds| REFRESH.contains(seconds)),
            facts: [loaded(&configuration, now), leads(pages), reached(pages, now), watched(pages)],
            refusals: refused.take(REFUSALS_AT_MOST).map(|source| Refusal::of(source, now)).collect(),
            findings: configuration.findings.len() + configuration.templates.findings.len(),
            style: format!("/style.css?{}", style_tag()),
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// Whether this is the page at a path.
    pub(super) fn is_at(&self, path: &str) -> bool {
        self.path == path
    }

    pub(super) fn moment(&self, time: Timestamp) -> Moment {
        Moment { time, now: self.made.now }
    }

    pub(super) fn findings_words(&self) -> String {
        count(self.findings, "finding", "findings")
    }
}

impl Fact {
    fn new(name: &'static str, state: &'static str, tone: Tone) -> Self {
        Self { name, state, tone, before: String::new(), moment: None, after: String::new() }
    }
}

impl Refusal {
    fn of(source: &SourceState, now: Timestamp) -> Self {
        let finding = source.findings.iter().find(|finding| finding.severity == Severity::Error);
        let running = source.loaded_at.filter(|_| source.in_force).map(|time| Moment { time, now });
        Self {
            source: source_words(&source.id),
            running,
            place: finding.map(|finding| Shown(&finding.place.to_string()).to_string()).unwrap_or_default(),
            message: finding.map(|finding| Shown(&finding.message).to_string()).unwrap_or_default(),
        }
    }
}

fn loaded(configuration: &Configuration, now: Timestamp) -> Fact {
    let moment = configuration.loaded_at.map(|time| Moment { time, now });
    let classes = configuration.defaults.as_ref().map_or(0, |defaults| defaults.len());
    let (state, before) = match (configuration.state, moment) {
        (LoadState::Accepted, _) => ("Accepted", format!("{}, loaded ", count(classes, "class", "classes"))),
        (LoadState::Rejected, Some(_)) => ("Refused", "running that from ".to_owned()),
        (LoadState::Rejected, None) => ("Refused", "no good one was there before, so nothing is written".to_owned()),
        (LoadState::Pending, Some(_)) => ("Waiting", "for some of its sources; loaded ".to_owned()),
        (LoadState::Pending, None) => ("Waiting", "nothing is loaded yet".to_owned()),
    };
    Fact { before, moment, ..Fact::new("Configuration", state, configuration.state.into()) }
}

fn leads(pages: &Pages) -> Fact {
    let holder = pages.holder.borrow().as_deref().map(|holder| Shown(replica(holder)).to_string());
    let (state, tone, before) = match (*pages.role.borrow(), holder) {
        (Role::Leader, None) => ("This replica writes", Tone::Good, "there is no election".to_owned()),
        (Role::Leader, Some(holder)) => ("This replica writes", Tone::Good, format!("as {holder}")),
        (Role::Standby, Some(holder)) => ("Standing by", Tone::Plain, format!("the Lease is held by {holder}")),
        (Role::Standby, None) => ("Standing by", Tone::Notice, "nobody is known to hold the Lease".to_owned()),
    };
    Fact { before, ..Fact::new("Leader", state, tone) }
}

/// The Pod or machine that a replica is, by its identity: what follows is only there to tell it from its predecessor.
fn replica(identity: &str) -> &str {
    identity.rsplit_once('_').map_or(identity, |(name, _)| name)
}

fn reached(pages: &Pages, now: Timestamp) -> Fact {
    const NAME: &str = "API server";
    let contact = pages.reach.contact();
    let moment = |time| Some(Moment { time, now });
    match (contact.trouble, contact.heard) {
        (Some(trouble), _) => Fact {
            before: "since ".to_owned(),
            moment: moment(trouble.since),
            after: format!(": {}", Shown(&trouble.message)),
            ..Fact::new(NAME, "Not reachable", Tone::Bad)
        },
        (None, Some(heard)) => {
            Fact { before: "last heard ".to_owned(), moment: moment(heard), ..Fact::new(NAME, "Reachable", Tone::Good) }
        }
        (None, None) => Fact { before: "it wasn't asked yet".to_owned(), ..Fact::new(NAME, "Not known", Tone::Plain) },
    }
}

fn watched(pages: &Pages) -> Fact {
    const NAME: &str = "GatewayClasses";
    match pages.board.cache_state() {
        CacheState::Synced(version) => {
            Fact { before: format!("as {}", version.api_version()), ..Fact::new(NAME, "In sync", Tone::Good) }
        }
        CacheState::KindMissing => Fact {
            before: "the cluster has no such kind; waiting for the Gateway API's CRDs".to_owned(),
            ..Fact::new(NAME, "No CRD", Tone::Bad)
        },
        CacheState::Listing(_) => {
            Fact { before: "the first list is under way".to_owned(), ..Fact::new(NAME, "Listing", Tone::Plain) }
        }
        CacheState::Unknown => {
            Fact { before: "nothing is known yet".to_owned(), ..Fact::new(NAME, "Not known", Tone::Plain) }
        }
    }
}
