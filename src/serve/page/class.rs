//! `/classes/NAME`: whose each field of a class is and why, what happened to it, and its default.

use askama::Template;

use super::history::{Happened, rows};
use super::manifest::{policy_words, yaml};
use super::shell::Shell;
use super::tone::Tone;
use super::words::{Moment, Shown, count, unit, value};
use crate::cluster::board::listing::Standing;
use crate::cluster::board::view::{UnitView, View};
use crate::cluster::journal::KEPT_AT_MOST;
use crate::engine::annotations::IGNORE;
use crate::engine::author::{Author, are_siblings};
use crate::engine::live::{Live, Operation, Phase};
use crate::engine::outcome::{Outcome, Owner, Reason, UnitAction};
use crate::engine::policy::{Conflicts, Policy};
use crate::engine::unit::Unit;
use crate::engine::value::UnitValue;
use crate::serve::Pages;

/// The page.
#[derive(Template)]
#[template(path = "class.html")]
pub(super) struct ClassPage {
    shell: Shell,
    name: String,
    outcome: &'static str,
    tone: Tone,
    controller: String,
    source: Option<String>,
    manager: String,
    reason: &'static str,
    message: String,
    caption: String,
    units: Vec<Row>,
    history: Vec<Happened>,
    history_words: String,
    live: Option<OnCluster>,
    yaml: Option<String>,
    policy_words: String,
}

/// One unit.
struct Row {
    unit: String,
    wanted: Option<String>,
    live: Option<String>,
    owners: Vec<OwnedBy>,
    action: &'static str,
    tone: Tone,
    why: String,
}

impl Row {
    fn is_as_wanted(&self) -> bool {
        self.wanted.is_some() && self.wanted == self.live
    }
}

/// Who owns it.
struct OwnedBy {
    name: String,
    is_ours: bool,
    operation: &'static str,
    since: Option<Moment>,
}

/// The class as an object.
struct OnCluster {
    uid: String,
    version: String,
    phase: &'static str,
    finalizers: Vec<String>,
}

impl ClassPage {
    /// That of this class.
    pub(super) fn new(pages: &Pages, view: &View, shell: Shell) -> Self {
        let View { name, standing, reason, message, last_change, default, live, manager, units } = view;
        let policy = default.as_ref().map(|default| &*default.policy);
        let rows_of_units: Vec<_> = units.iter().map(|unit| Row::of(unit, view, policy, &shell)).collect();
        let others = units.iter().filter(|unit| unit.action == Some(UnitAction::Yielded)).count();
        let controller = units.iter().find(|unit| unit.unit == Unit::ControllerName);
        let controller = controller.and_then(|unit| unit.live.as_ref().or(unit.wanted.as_ref()));
        let since = shell.moment(pages.journal.since());
        let last = last_change.map_or_else(String::new, |change| {
            format!("The last change was {} at {}. ", change.outcome.as_str(), shell.moment(change.time).clock())
        });
        let kept =
            format!("What happened since {} is kept here, the last {KEPT_AT_MOST} over all classes.", since.clock());
        Self {
            name: Shown(name).to_string(),
            outcome: standing.as_str(),
            tone: (*standing).into(),
            controller: controller.and_then(UnitValue::as_str).map(|text| Shown(text).to_string()).unwrap_or_default(),
            source: default.as_ref().map(|default| match &default.author {
                Author::Platform => Shown(&default.origin.to_string()).to_string(),
                Author::Tenant(tenant) => format!("{} of the tenant {tenant}", Shown(&default.origin.to_string())),
            }),
            manager: Shown(manager.as_str()).to_string(),
            reason: reason.map(Reason::as_str).unwrap_or_default(),
            message: message.as_deref().map(|message| Shown(message).to_string()).unwrap_or_default(),
            caption: match others {
                0 => count(units.len(), "field", "fields"),
                others => format!("{}, {} left to others", count(units.len(), "field", "fields"), others),
            },
            units: rows_of_units,
            history: rows(&pages.journal.of_class(name), &shell),
            history_words: format!("{last}{kept}"),
            live: live.as_deref().map(OnCluster::of),
            yaml: default.as_deref().map(|default| hidden_spelled_out(&yaml(default))),
            policy_words: match policy.map(policy_words) {
                Some(words) if !words.is_empty() => format!("Its policy: {words}."),
                Some(_) => "Its policy is the usual one.".to_owned(),
                None => String::new(),
            },
            shell,
        }
    }
}

/// YAML, which is spelled out line by line: its line breaks are meant.
fn hidden_spelled_out(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(|line| Shown(line).to_string()).collect();
    lines.join("\n")
}

impl OnCluster {
    fn of(live: &Live) -> Self {
        Self {
            uid: Shown(&live.uid).to_string(),
            version: Shown(live.resource_version.as_str()).to_string(),
            phase: match live.phase {
                Phase::Present => "there",
                Phase::Terminating => "being deleted",
            },
            finalizers: live.finalizers.iter().map(|finalizer| Shown(finalizer).to_string()).collect(),
        }
    }
}

impl Row {
    fn of(view: &UnitView, class: &View, policy: Option<&Policy>, shell: &Shell) -> Self {
        let is_ours = |owner: &Owner| are_siblings(&owner.manager, class.manager.as_str());
        let others: Vec<_> = view.owners.iter().filter(|owner| !is_ours(owner)).map(|owner| &*owner.manager).collect();
        let is_ours_too = view.owners.iter().any(is_ours);
        Self {
            unit: unit(&view.unit),
            wanted: view.wanted.as_ref().map(value),
            live: view.live.as_ref().map(value),
            owners: view
                .owners
                .iter()
                .map(|owner| OwnedBy {
                    name: Shown(&owner.manager).to_string(),
                    is_ours: is_ours(owner),
                    operation: match owner.operation {
                        Operation::Apply => "by apply",
                        Operation::Update => "by update",
                    },
                    since: owner.time.map(|time| shell.moment(time)),
                })
                .collect(),
            action: view.action.map_or("Left alone", UnitAction::as_str),
            tone: view.action.map_or(Tone::Plain, Tone::from),
            why: why(view, class, policy, &names(&others), is_ours_too),
        }
    }
}

/// Names of field managers, for people.
fn names(managers: &[&str]) -> String {
    managers.iter().map(|name| Shown(name).to_string()).collect::<Vec<_>>().join(" and ")
}

/// Why this happens to a unit: whose it is, by which rule. `others` are the owners that aren't us.
fn why(view: &UnitView, class: &View, policy: Option<&Policy>, others: &str, is_ours_too: bool) -> String {
    let is_listed = |units: fn(&Policy) -> &Vec<Unit>| policy.is_some_and(|policy| units(policy).contains(&view.unit));
    let is_paused = class.standing == Standing::Reached(Outcome::Paused);
    let Some(action) = view.action else {
        return match (&view.wanted, class.standing) {
            (None, _) if is_ours_too => "No file names it, and it is ours for now.".to_owned(),
            (None, _) => "No file names it.".to_owned(),
            (Some(_), Standing::Waiting) => "Nothing came of the class yet.".to_owned(),
            (Some(_), Standing::Reached(_)) => "Nothing is done about the class as it stands.".to_owned(),
        };
    };
    match action {
        UnitAction::Kept if is_listed(|policy| &policy.create_only) => {
            "createOnly: it is set with the class and never again.".to_owned()
        }
        UnitAction::Kept if others.is_empty() => "It is as wanted, and ours alone.".to_owned(),
        UnitAction::Kept => format!("It is as wanted, and owned together with {others}."),
        UnitAction::Set if view.live.is_none() => "It is missing, and nobody's: it is set.".to_owned(),
        UnitAction::Set if others.is_empty() => "Nobody else owns it: it is set.".to_owned(),
        UnitAction::Set if view.live == view.wanted => {
            format!("{others} has the same value: it is owned together from now on.")
        }
        UnitAction::Set => format!("adoptFrom: it is taken over from {others}."),
        UnitAction::Removed => "It left the files, and nobody else owns it: it is removed.".to_owned(),
        UnitAction::Yielded if policy.is_some_and(|policy| policy.conflicts == Conflicts::Fail) => {
            format!("{others} owns it with another value, and conflicts: Fail writes nothing to the class then.")
        }
        UnitAction::Yielded => format!(
            "{} owns it with another value, so it stays. It comes back once they give it up, or with enforce in its policy.",
            if others.is_empty() { "Somebody else" } else { others }
        ),
        UnitAction::Enforced if is_listed(|policy| &policy.enforce) => {
            format!("enforce: it is taken back from {others}.")
        }
        UnitAction::Enforced => format!("conflicts: Force: it is taken from {others}."),
        UnitAction::Ignored if is_paused => "The class says to leave all of it alone.".to_owned(),
        UnitAction::Ignored => format!("The class's annotation {IGNORE} names it."),
        UnitAction::StillOwned => format!("It left the files, and stays because {others} owns it too."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::live::FieldManager;

    /// What is said of a description of which the files say `first`, and the cluster this.
    fn said(action: UnitAction, live: Option<&str>, others: &str, policy: &Policy) -> String {
        let class = View {
            name: "edge".into(),
            standing: Standing::Reached(Outcome::Unchanged),
            reason: None,
            message: None,
            last_change: None,
            default: None,
            live: None,
            manager: FieldManager::new("classkeeper").unwrap(),
            units: Vec::new(),
        };
        let (wanted, live) = (Some("first".into()), live.map(UnitValue::from));
        let unit = UnitView { unit: Unit::Description, action: Some(action), wanted, live, owners: Vec::new() };
        why(&unit, &class, Some(policy), others, true)
    }

    #[test]
    fn the_rule_by_which_something_happens_is_named() {
        let usual = Policy::default();
        let create_only = Policy { create_only: vec![Unit::Description], ..Policy::default() };
        let enforce = Policy { enforce: vec![Unit::Description], ..Policy::default() };
        let (fail, force) = (Conflicts::Fail, Conflicts::Force);
        let (fail, force) = [fail, force].map(|conflicts| Policy { conflicts, ..Policy::default() }).into();
        for (action, live, others, policy, expected) in [
            (UnitAction::Kept, Some("first"), "", &usual, "ours alone"),
            (UnitAction::Kept, Some("first"), "helm", &usual, "owned together with helm"),
            (UnitAction::Kept, Some("mine"), "helm", &create_only, "createOnly: "),
            (UnitAction::Set, None, "", &usual, "It is missing"),
            (UnitAction::Set, Some("mine"), "", &usual, "Nobody else owns it"),
            (UnitAction::Set, Some("first"), "helm", &usual, "helm has the same value"),
            (UnitAction::Set, Some("mine"), "helm", &usual, "adoptFrom: it is taken over from helm"),
            (UnitAction::Yielded, Some("mine"), "helm", &usual, "helm owns it with another value, so it stays."),
            (UnitAction::Yielded, Some("mine"), "helm", &fail, "conflicts: Fail writes nothing"),
            (UnitAction::Enforced, Some("mine"), "helm", &enforce, "enforce: it is taken back from helm"),
            (UnitAction::Enforced, Some("mine"), "helm", &force, "conflicts: Force: it is taken from helm"),
            (UnitAction::Ignored, Some("mine"), "helm", &usual, "classkeeper.dev/ignore names it"),
            (UnitAction::StillOwned, Some("mine"), "helm", &usual, "helm owns it too"),
        ] {
            let said = said(action, live, others, policy);
            assert!(said.contains(expected), "{action:?} of {live:?}, {others:?}: {said}");
        }
    }
}
