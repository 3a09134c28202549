//! `/configuration`: what is in force and where it comes from, and what was refused, with its findings at their lines.

mod finding;

use std::sync::Arc;

use askama::Template;

use self::finding::Finding;
use super::history::{Happened, rows};
use super::manifest::policy_words;
use super::pager::{Pager, ROWS, link, page_of, page_parameter, text_of};
use super::shell::Shell;
use super::tone::Tone;
use super::words::{Moment, Shown, class_link, count, number};
use crate::cluster::board::listing::contains;
use crate::engine::author::Author;
use crate::engine::defaults::DefaultClass;
use crate::engine::source::{Listing, LoadState, Progress, SourceId, SourceState, TenantState};
use crate::engine::tenancy::{Glob, Right};
use crate::engine::unit::Unit;
use crate::engine::value::UnitValue;
use crate::files::configuration::Configuration;
use crate::serve::Pages;

/// Findings that are shown whole.
const FINDINGS_AT_MOST: usize = 100;

/// The page.
#[derive(Template)]
#[template(path = "configuration.html")]
pub(super) struct ConfigurationPage {
    shell: Shell,
    findings: Vec<Finding>,
    findings_words: String,
    more_findings: usize,
    sources: Vec<Source>,
    tenants: Vec<Tenant>,
    templates: Vec<TemplateRow>,
    templates_words: String,
    text: String,
    defaults: Vec<DefaultRow>,
    caption: String,
    pager: Pager,
    history: Vec<Happened>,
}

/// A source.
struct Source {
    name: String,
    author: String,
    state: &'static str,
    tone: Tone,
    classes: String,
    since: Option<Moment>,
    digest: String,
}

impl Source {
    fn short_digest(&self) -> &str {
        self.digest.get(..12).unwrap_or(&self.digest)
    }
}

/// A tenant.
struct Tenant {
    name: String,
    namespaces: String,
    names: String,
    controllers: String,
    policies: String,
    listed: &'static str,
    trouble: String,
}

/// A template.
struct TemplateRow {
    name: String,
    source: String,
    policy: String,
}

/// A default in force.
struct DefaultRow {
    name: String,
    link: String,
    controller: String,
    source: String,
    author: String,
    policy: String,
}

/// A source, for people.
pub(super) fn source_words(id: &SourceId) -> String {
    match id {
        SourceId::Directory => "the defaults directory".to_owned(),
        SourceId::Templates => "the templates".to_owned(),
        SourceId::ConfigMap(name) | SourceId::Tenant { config_map: name, .. } => format!("ConfigMap {name}"),
    }
}

impl ConfigurationPage {
    /// That of what is in force, with the defaults that this query asks for.
    pub(super) fn new(pages: &Pages, query: Option<&str>, shell: Shell) -> Self {
        let configuration = pages.configuration.borrow().clone();
        let found = Finding::all(&configuration, FINDINGS_AT_MOST);
        let (text, all) = (text_of(query), configuration.defaults.clone().unwrap_or_default());
        let words: Vec<_> = text.split_whitespace().collect();
        let matching: Vec<_> = all.iter().filter(|default| words.iter().all(|word| has(default, word))).collect();
        let page = page_of(query).min(matching.len().saturating_sub(1) / ROWS);
        let shown: Vec<_> =
            matching.iter().skip(page * ROWS).take(ROWS).map(|default| DefaultRow::of(default)).collect();
        let to = |page| link("/configuration", &[("q", &text), ("page", &page_parameter(page))]) + "#defaults";
        let pager = Pager::new(page * ROWS, shown.len(), matching.len(), to);
        Self {
            findings_words: shell.findings_words(),
            more_findings: shell.findings.saturating_sub(found.len()),
            findings: found,
            sources: configuration.sources.iter().map(|source| Source::of(source, &shell)).collect(),
            tenants: tenants(&configuration),
            templates: all
                .templates()
                .map(|template| TemplateRow {
                    name: Shown(&template.name).to_string(),
                    source: Shown(&template.origin.to_string()).to_string(),
                    policy: Shown(&usual_or(policy_words(&template.policy))).to_string(),
                })
                .collect(),
            templates_words: templates_words(&configuration),
            caption: match (matching.len(), pager.is_needed()) {
                (0, _) if all.is_empty() => "Nothing is in force.".to_owned(),
                (0, _) => "No default matches.".to_owned(),
                (_, true) => pager.words.clone(),
                (found, false) if found == all.len() => count(found, "default", "defaults"),
                (found, false) => {
                    format!("{} of {}, which match", count(found, "default", "defaults"), number(all.len()))
                }
            },
            defaults: shown,
            pager,
            history: rows(&pages.journal.of_sources(), &shell),
            text,
            shell,
        }
    }
}

impl Source {
    fn of(source: &SourceState, shell: &Shell) -> Self {
        Self {
            name: source_words(&source.id),
            author: source.id.author().to_string(),
            state: match source.state {
                LoadState::Pending => "Waiting",
                LoadState::Accepted => "Accepted",
                LoadState::Rejected => "Refused",
            },
            tone: source.state.into(),
            classes: count(source.classes, "class", "classes"),
            since: source.loaded_at.map(|time| shell.moment(time)),
            digest: source.digest.clone().unwrap_or_default(),
        }
    }
}

fn tenants(configuration: &Configuration) -> Vec<Tenant> {
    let defaults = configuration.defaults.clone().unwrap_or_default();
    let state = |name: &str| configuration.tenants.iter().find(|state| *state.name == *name);
    let globs =
        |globs: &[Glob]| globs.iter().map(|glob| Shown(&glob.to_string()).to_string()).collect::<Vec<_>>().join(", ");
    let tenant = |tenant: &Arc<crate::engine::tenancy::Tenant>| Tenant {
        name: tenant.name.to_string(),
        namespaces: tenant.namespaces.join(", "),
        names: globs(&tenant.boundary.names),
        controllers: globs(&tenant.boundary.controller_names),
        policies: match &*tenant.boundary.rights {
            [] => "harmless ones only".to_owned(),
            rights => rights.iter().map(|right| Right::as_str(*right)).collect::<Vec<_>>().join(", "),
        },
        listed: match state(&tenant.name).map(|state| state.listing) {
            Some(Listing::Complete) => "known",
            Some(Listing::Incomplete) | None => "not known yet",
        },
        trouble: state(&tenant.name)
            .and_then(|state: &TenantState| state.trouble.as_deref())
            .map(|trouble| Shown(trouble).to_string())
            .unwrap_or_default(),
    };
    defaults.tenants().map(tenant).collect()
}

fn templates_words(configuration: &Configuration) -> String {
    let templates = &configuration.templates;
    let classes = count(templates.classes, "class", "classes");
    match (templates.progress, &templates.trouble) {
        (_, Some(trouble)) => format!("They give {classes}; not all is known: {}", Shown(trouble)),
        (Progress::Complete, None) => format!("They give {classes}."),
        (Progress::Waiting, None) => format!("They give {classes}; something that they ask for isn't known yet."),
    }
}

fn usual_or(words: String) -> String {
    if words.is_empty() { "the usual one".to_owned() } else { words }
}

fn controller(default: &DefaultClass) -> &str {
    default.units.get(&Unit::ControllerName).and_then(UnitValue::as_str).unwrap_or_default()
}

/// Whether a default has a word: in its name, controller, file, author or policy.
fn has(default: &DefaultClass, word: &str) -> bool {
    let is_author = |word| match &default.author {
        Author::Platform => false,
        Author::Tenant(name) => contains(name, word),
    };
    contains(&default.name, word)
        || contains(controller(default), word)
        || contains(&default.origin.file, word)
        || is_author(word)
        || contains(&policy_words(&default.policy), word)
}

impl DefaultRow {
    fn of(default: &DefaultClass) -> Self {
        let policy = usual_or(policy_words(&default.policy));
        let policy = match &default.when {
            Some(when) => format!("{policy}; when: {}", when.text()),
            None => policy,
        };
        Self {
            name: Shown(&default.name).to_string(),
            link: class_link(&default.name),
            controller: Shown(controller(default)).to_string(),
            source: Shown(&default.origin.to_string()).to_string(),
            author: default.author.to_string(),
            policy: Shown(&policy).to_string(),
        }
    }
}
