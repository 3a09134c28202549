//! The closed list of what findings are about.

use std::fmt;

use serde::{Serialize, Serializer};

/// What kind of thing a finding is about. A closed list: metrics and other programs rely on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// Text that is no YAML.
    Syntax,
    /// Bytes that are no UTF-8.
    NotUtf8,
    /// A file that can't be read, or isn't read because of what it is.
    Unreadable,
    /// A file, a source or an expanded document beyond its limit.
    TooLarge,
    /// A source with too many documents.
    TooManyDocuments,
    /// Values nested too deeply.
    TooDeep,
    /// Aliases that expand to too much.
    AliasBudget,
    /// A key that stands twice in one map.
    DuplicateKey,
    /// A `kind` that is none of ours.
    UnknownKind,
    /// An `apiVersion` in which a kind isn't known.
    UnknownVersion,
    /// Something that this version of the program doesn't support.
    Unsupported,
    /// A field that doesn't exist.
    UnknownField,
    /// A field that must be there and isn't.
    MissingField,
    /// A value of another type than the field's.
    WrongType,
    /// A value that the API server or the program would refuse.
    InvalidValue,
    /// A CEL expression that can't be compiled.
    InvalidExpression,
    /// A field that exists, but not in a defaults file.
    ForbiddenField,
    /// A label or annotation that belongs to somebody else.
    Reserved,
    /// A class that is described twice, or a tenant, or a namespace with two tenants.
    DuplicateClass,
    /// What a tenant isn't allowed.
    OutsideBoundary,
    /// A name that another source holds.
    NameHeld,
    /// A tenant's ConfigMap that lost the label by which it was known.
    LabelLost,
    /// Parts of a policy that contradict each other.
    Contradiction,
    /// A field that is left out because only a server sets it.
    IgnoredField,
    /// A part of a policy that does nothing.
    NoEffect,
    /// A name that the server takes and the Gateway API advises against.
    DiscouragedName,
    /// More findings in one file than are shown.
    TooManyFindings,
}

impl Code {
    /// All codes.
    pub const ALL: [Self; 27] = [
        Self::Syntax,
        Self::NotUtf8,
        Self::Unreadable,
        Self::TooLarge,
        Self::TooManyDocuments,
        Self::TooDeep,
        Self::AliasBudget,
        Self::DuplicateKey,
        Self::UnknownKind,
        Self::UnknownVersion,
        Self::Unsupported,
        Self::UnknownField,
        Self::MissingField,
        Self::WrongType,
        Self::InvalidValue,
        Self::InvalidExpression,
        Self::ForbiddenField,
        Self::Reserved,
        Self::DuplicateClass,
        Self::OutsideBoundary,
        Self::NameHeld,
        Self::LabelLost,
        Self::Contradiction,
        Self::IgnoredField,
        Self::NoEffect,
        Self::DiscouragedName,
        Self::TooManyFindings,
    ];

    /// The code as it is shown and reported, in kebab-case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::NotUtf8 => "not-utf8",
            Self::Unreadable => "unreadable",
            Self::TooLarge => "too-large",
            Self::TooManyDocuments => "too-many-documents",
            Self::TooDeep => "too-deep",
            Self::AliasBudget => "alias-budget",
            Self::DuplicateKey => "duplicate-key",
            Self::UnknownKind => "unknown-kind",
            Self::UnknownVersion => "unknown-version",
            Self::Unsupported => "unsupported",
            Self::UnknownField => "unknown-field",
            Self::MissingField => "missing-field",
            Self::WrongType => "wrong-type",
            Self::InvalidValue => "invalid-value",
            Self::InvalidExpression => "invalid-expression",
            Self::ForbiddenField => "forbidden-field",
            Self::Reserved => "reserved",
            Self::DuplicateClass => "duplicate-class",
            Self::OutsideBoundary => "outside-boundary",
            Self::NameHeld => "name-held",
            Self::LabelLost => "label-lost",
            Self::Contradiction => "contradiction",
            Self::IgnoredField => "ignored-field",
            Self::NoEffect => "no-effect",
            Self::DiscouragedName => "discouraged-name",
            Self::TooManyFindings => "too-many-findings",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
