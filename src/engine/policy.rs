//! How a default is kept: what a file may say under `policy`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::annotations::{ON_REMOVE, ON_REMOVE_DELETE, PROTECTED, PROTECTED_TRUE};
use super::unit::Unit;

/// How a default is kept. Everything is optional, and the first value of each enum is the default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Policy {
    /// Whether the class is written at all.
    pub mode: Mode,
    /// What happens to a unit that somebody else owns with another value.
    pub conflicts: Conflicts,
    /// Units taken back from any owner, whatever `conflicts` says. Sorted.
    pub enforce: Vec<Unit>,
    /// Units set when the class is created and never again. Sorted.
    pub create_only: Vec<Unit>,
    /// Field managers whose fields are taken over.
    pub adopt_from: Vec<String>,
    /// What happens to the class when its default leaves the files.
    pub on_remove: OnRemove,
    /// What happens when somebody else deletes the class.
    pub on_delete: OnDelete,
    /// What happens when an immutable field must change.
    pub on_replace: OnReplace,
    /// Whether a finalizer holds the class while Gateways use it, and an annotation says that it is protected.
    pub protect: bool,
}

impl Policy {
    /// The units that the policy itself puts on the class: what must outlive the files, or be seen by others.
    pub fn marks(&self) -> impl Iterator<Item = (Unit, Value)> + use<> {
        let on_remove = match self.on_remove {
            OnRemove::Release => None,
            OnRemove::Delete => Some((Unit::annotation(ON_REMOVE), ON_REMOVE_DELETE.into())),
        };
        let protected = self.protect.then(|| (Unit::annotation(PROTECTED), PROTECTED_TRUE.into()));
        on_remove.into_iter().chain(protected)
    }
}

/// Whether a class is written at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// Keep the class as the default says.
    #[default]
    Apply,
    /// Report what would be done, never write.
    Observe,
}

/// What happens to a unit that somebody else owns with another value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Conflicts {
    /// The other owner keeps the unit, everything else is applied.
    #[default]
    Yield,
    /// Nothing is written to the class.
    Fail,
    /// The unit is taken.
    Force,
}

/// What happens to the class when its default leaves the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum OnRemove {
    /// Class and values stay, our ownership goes.
    #[default]
    Release,
    /// The class is deleted, if nobody uses it and nobody else owns a unit of it.
    Delete,
}

/// What happens when somebody else deletes the class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum OnDelete {
    /// It is created again at once.
    #[default]
    Recreate,
    /// It stays deleted until its default changes.
    StayDeleted,
}

/// What happens when an immutable field must change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum OnReplace {
    /// Nothing, until the class on the server changes.
    #[default]
    Block,
    /// The class is deleted and created again, only while no Gateway uses it.
    Recreate,
}
