//! What Events tell: each thing that may happen, with the words of `events.k8s.io` for it.

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Happening {
    /// The class was made.
    Created,
    /// Something of it was changed to what its default says.
    Configured,
    /// Units were taken over from another manager.
    Adopted,
    /// Another owner keeps units that the default names.
    FieldsYielded,
    /// What somebody changed was put back.
    DriftRepaired,
    /// It can't be kept until something else changes.
    Blocked,
    /// Somebody else rewrites it again and again.
    Fighting,
    /// Our ownership was given up.
    Released,
    /// It was deleted with its default.
    Deleted,
    /// New defaults are in force.
    DefaultsAccepted,
    /// New defaults were refused.
    DefaultsRejected,
}

impl Happening {
    /// Everything that may happen.
    pub const ALL: [Self; 11] = [
        Self::Created,
        Self::Configured,
        Self::Adopted,
        Self::FieldsYielded,
        Self::DriftRepaired,
        Self::Blocked,
        Self::Fighting,
        Self::Released,
        Self::Deleted,
        Self::DefaultsAccepted,
        Self::DefaultsRejected,
    ];

    /// The Event's reason.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "Created",
            Self::Configured => "Configured",
            Self::Adopted => "Adopted",
            Self::FieldsYielded => "FieldsYielded",
            Self::DriftRepaired => "DriftRepaired",
            Self::Blocked => "Blocked",
            Self::Fighting => "Fighting",
            Self::Released => "Released",
            Self::Deleted => "Deleted",
            Self::DefaultsAccepted => "DefaultsAccepted",
            Self::DefaultsRejected => "DefaultsRejected",
        }
    }

    /// The Event's type.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Blocked | Self::Fighting | Self::DefaultsRejected => "Warning",
            Self::Created
            | Self::Configured
            | Self::Adopted
            | Self::FieldsYielded
            | Self::DriftRepaired
            | Self::Released
            | Self::Deleted
            | Self::DefaultsAccepted => "Normal",
        }
    }

    /// What we were doing: the Event's action.
    pub(super) fn action(self) -> &'static str {
        match self {
            Self::Created | Self::Configured | Self::FieldsYielded | Self::DriftRepaired | Self::Fighting => "Apply",
            Self::Adopted => "Adopt",
            Self::Blocked => "Plan",
            Self::Released => "Release",
            Self::Deleted => "Delete",
            Self::DefaultsAccepted | Self::DefaultsRejected => "Load",
        }
    }
}
