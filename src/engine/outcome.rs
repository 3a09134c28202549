//! What came of a class: the closed sets of outcomes, reasons and actions, and the report made of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::live::{Manager, Operation, ResourceVersion};
use super::unit::Unit;

/// What came of one class in one pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub enum Outcome {
    /// The class was missing and is there now.
    Created,
    /// Something of it was changed to what the default says.
    Configured,
    /// Everything is as wanted; nothing was sent.
    Unchanged,
    /// Units were taken over from a manager in `adoptFrom`.
    Adopted,
    /// It was deleted and created again.
    Recreated,
    /// `conflicts: Fail`: another owner's value differs, and nothing was written.
    Conflict,
    /// The annotation `classkeeper.dev/reconcile: disabled`.
    Paused,
    /// It isn't kept now, on purpose.
    Skipped,
    /// `mode: Observe`.
    Observed,
    /// It can't be kept until something else changes.
    Blocked,
    /// The server refused.
    Failed,
    /// Somebody else rewrites it again and again.
    Fighting,
    /// Our ownership was given up.
    Released,
    /// It was deleted with its default.
    Deleted,
}

impl Outcome {
    /// Every outcome, in the order of reports.
    pub const ALL: [Self; 14] = [
        Self::Created,
        Self::Configured,
        Self::Unchanged,
        Self::Adopted,
        Self::Recreated,
        Self::Conflict,
        Self::Paused,
        Self::Skipped,
        Self::Observed,
        Self::Blocked,
        Self::Failed,
        Self::Fighting,
        Self::Released,
        Self::Deleted,
    ];

    /// The outcome's name, as reports and metric labels spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "Created",
            Self::Configured => "Configured",
            Self::Unchanged => "Unchanged",
            Self::Adopted => "Adopted",
            Self::Recreated => "Recreated",
            Self::Conflict => "Conflict",
            Self::Paused => "Paused",
            Self::Skipped => "Skipped",
            Self::Observed => "Observed",
            Self::Blocked => "Blocked",
            Self::Failed => "Failed",
            Self::Fighting => "Fighting",
            Self::Released => "Released",
            Self::Deleted => "Deleted",
        }
    }

    /// Whether something was written to the class.
    #[must_use]
    pub fn is_change(self) -> bool {
        match self {
            Self::Created | Self::Configured | Self::Adopted | Self::Recreated | Self::Released | Self::Deleted => true,
            Self::Unchanged
            | Self::Conflict
            | Self::Paused
            | Self::Skipped
            | Self::Observed
            | Self::Blocked
            | Self::Failed
            | Self::Fighting => false,
        }
    }

    /// Whether `apply` must say that the class isn't as wanted.
    #[must_use]
    pub fn is_trouble(self) -> bool {
        match self {
            Self::Conflict | Self::Blocked | Self::Failed | Self::Fighting => true,
            Self::Created
            | Self::Configured
            | Self::Unchanged
            | Self::Adopted
            | Self::Recreated
            | Self::Paused
            | Self::Skipped
            | Self::Observed
            | Self::Released
            | Self::Deleted => false,
        }
    }
}

/// Why an outcome is what it is, where its name alone doesn't say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Reason {
    /// The class has another `controllerName`, which is immutable.
    ForeignController,
    /// The class has a deletionTimestamp.
    Terminating,
    /// Gateways use the class that was to be deleted.
    InUse,
    /// The cluster has no GatewayClass kind.
    #[serde(rename = "CRDMissing")]
    CrdMissing,
    /// The cluster's GatewayClass kind is being deleted.
    #[serde(rename = "CRDTerminating")]
    CrdTerminating,
    /// The server refused the object (422) or the request (400).
    Invalid,
    /// The server refused the user (403).
    Forbidden,
    /// The server couldn't be reached, or failed.
    Unavailable,
    /// The class was written by others, again and again, while a plan was carried out.
    Contended,
    /// The server took our apply and stored something else.
    NotApplied,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 10] = [
        Self::ForeignController,
        Self::Terminating,
        Self::InUse,
        Self::CrdMissing,
        Self::CrdTerminating,
        Self::Invalid,
        Self::Forbidden,
        Self::Unavailable,
        Self::Contended,
        Self::NotApplied,
    ];

    /// The reason's name, as reports and Events spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ForeignController => "ForeignController",
            Self::Terminating => "Terminating",
            Self::InUse => "InUse",
            Self::CrdMissing => "CRDMissing",
            Self::CrdTerminating => "CRDTerminating",
            Self::Invalid => "Invalid",
            Self::Forbidden => "Forbidden",
            Self::Unavailable => "Unavailable",
            Self::Contended => "Contended",
            Self::NotApplied => "NotApplied",
        }
    }
}

/// What happens to one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum UnitAction {
    /// Its value or our ownership of it is set.
    Set,
    /// It is as wanted and ours.
    Kept,
    /// It left the files and is removed from the class.
    Removed,
    /// Another owner keeps it.
    Yielded,
    /// It is taken from its owner.
    Enforced,
    /// The class says to leave it alone.
    Ignored,
    /// It left the files, but somebody else owns it too, so that it stays.
    StillOwned,
}

impl UnitAction {
    /// Every action.
    pub const ALL: [Self; 7] =
        [Self::Set, Self::Kept, Self::Removed, Self::Yielded, Self::Enforced, Self::Ignored, Self::StillOwned];

    /// The action's name, as reports spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Set => "Set",
            Self::Kept => "Kept",
            Self::Removed => "Removed",
            Self::Yielded => "Yielded",
            Self::Enforced => "Enforced",
            Self::Ignored => "Ignored",
            Self::StillOwned => "StillOwned",
        }
    }
}

/// An owner of a unit, as reports show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Owner {
    /// The field manager.
    pub manager: Arc<str>,
    /// How it came to own the unit.
    pub operation: Operation,
    /// The last change of the manager's entry.
    pub time: Option<Timestamp>,
}

impl From<&Manager> for Owner {
    fn from(manager: &Manager) -> Self {
        Self { manager: manager.name.clone(), operation: manager.operation, time: manager.time }
    }
}

/// One unit in a report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnitReport {
    /// The unit.
    pub unit: Unit,
    /// What happens to it.
    pub action: UnitAction,
    /// The value in the files.
    pub wanted: Option<Value>,
    /// The value on the server.
    pub live: Option<Value>,
    /// Everybody who owns a part of it on the server.
    pub owners: Vec<Owner>,
}

/// One class in a report.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassReport {
    /// The class's name.
    pub name: Arc<str>,
    /// What came of it.
    pub outcome: Outcome,
    /// Why, where the outcome alone doesn't say.
    pub reason: Option<Reason>,
    /// For people: the server's words, or what to do.
    pub message: Option<String>,
    /// Where its default is written, as `10-kgateway.yaml:1`.
    pub source: Option<String>,
    /// The class's version that the report speaks of.
    pub resource_version: Option<ResourceVersion>,
    /// Its units.
    pub units: Vec<UnitReport>,
    /// The last outcome that was a change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_change: Option<LastChange>,
}

/// The last outcome of a class that was a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LastChange {
    /// What it was.
    pub outcome: Outcome,
    /// When.
    pub time: Timestamp,
}

/// A report on classes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// The classes, ordered by name.
    pub classes: Vec<ClassReport>,
    /// How many classes have which outcome.
    pub summary: BTreeMap<Outcome, usize>,
}

impl FromIterator<ClassReport> for Report {
    fn from_iter<I: IntoIterator<Item = ClassReport>>(classes: I) -> Self {
        let mut classes: Vec<_> = classes.into_iter().collect();
        classes.sort_by(|a, b| a.name.cmp(&b.name));
        let mut summary = BTreeMap::new();
        for class in &classes {
            *summary.entry(class.outcome).or_insert(0) += 1;
        }
        Self { classes, summary }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_is_serialized() {
        for outcome in Outcome::ALL {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.as_str());
        }
        for reason in [Reason::CrdMissing, Reason::CrdTerminating, Reason::ForeignController, Reason::NotApplied] {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
    }
}
