//! The functions that an expression may call.
//!
//! The library brings more. Only those stand here that are of use and whose cost [`super::cost`] can tell: what isn't
//! in this list can't be called.

use super::declared::Type;

/// A function, in one of the forms in which it may be called.
pub(super) struct Function {
    pub(super) name: &'static str,
    /// What stands before the dot; `None` for a function that is called without.
    pub(super) receiver: Option<Shape>,
    /// The arguments.
    pub(super) arguments: &'static [Shape],
    /// How many of the last arguments may be left out.
    pub(super) optional: usize,
    pub(super) result: Shape,
}

/// What a function takes or returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Bool,
    Int,
    Double,
    Text,
    Version,
    TextList,
    /// A string, a list or a map.
    Sized,
    /// A number, a string or true or false.
    Scalar,
    /// A string that is written out, and a regular expression.
    Pattern,
    /// `cluster` itself.
    Cluster,
}

impl Shape {
    /// Whether it takes a value of a type.
    pub(super) fn takes(self, given: &Type) -> bool {
        let is_number = matches!(given, Type::Int | Type::Uint | Type::Double);
        given.is_open()
            || match self {
                Self::Bool => *given == Type::Bool,
                Self::Int => *given == Type::Int,
                Self::Double => *given == Type::Double,
                Self::Text | Self::Pattern => *given == Type::Text,
                Self::Version => *given == Type::Version,
                Self::TextList => given.fits(&Type::list(Type::Text)),
                Self::Sized => matches!(given, Type::Text | Type::List(_) | Type::Map(_)),
                Self::Scalar => is_number || *given == Type::Text,
                Self::Cluster => matches!(given, Type::Record(record) if record.path == "cluster"),
            }
    }

    /// The type that it is.
    pub(super) fn r#type(self) -> Type {
        match self {
            Self::Bool => Type::Bool,
            Self::Int => Type::Int,
            Self::Double => Type::Double,
            Self::Text | Self::Pattern => Type::Text,
            Self::Version => Type::Version,
            Self::TextList => Type::list(Type::Text),
            Self::Sized | Self::Scalar | Self::Cluster => Type::Any,
        }
    }

    /// What it takes, in a few words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Int => "a whole number",
            Self::Double => "a number with a fraction",
            Self::Text | Self::Pattern => "a string",
            Self::Version => "a version, such as semver(\"1.35.0\")",
            Self::TextList => "a list of strings",
            Self::Sized => "a string, a list or a map",
            Self::Scalar => "a string or a number",
            Self::Cluster => "cluster",
        }
    }
}

const fn function(name: &'static str, arguments: &'static [Shape], optional: usize, result: Shape) -> Function {
    Function { name, receiver: None, arguments, optional, result }
}

const fn method(
    receiver: Shape,
    name: &'static str,
    arguments: &'static [Shape],
    optional: usize,
    result: Shape,
) -> Function {
    Function { name, receiver: Some(receiver), arguments, optional, result }
}

use Shape::{Bool, Cluster, Double, Int, Pattern, Scalar, Sized, Text, TextList, Version};

/// All functions.
pub(super) const FUNCTIONS: [Function; 28] = [
    function("size", &[Sized], 0, Int),
    function("string", &[Scalar], 0, Text),
    function("int", &[Scalar], 0, Int),
    function("double", &[Scalar], 0, Double),
    function("semver", &[Text, Bool], 1, Version),
    function("isSemver", &[Text, Bool], 1, Bool),
    method(Cluster, "serves", &[Text, Text], 0, Bool),
    method(Sized, "size", &[], 0, Int),
    method(Text, "contains", &[Text], 0, Bool),
    method(Text, "startsWith", &[Text], 0, Bool),
    method(Text, "endsWith", &[Text], 0, Bool),
    method(Text, "matches", &[Pattern], 0, Bool),
    method(Text, "lowerAscii", &[], 0, Text),
    method(Text, "upperAscii", &[], 0, Text),
    method(Text, "trim", &[], 0, Text),
    method(Text, "replace", &[Text, Text, Int], 1, Text),
    method(Text, "split", &[Text, Int], 1, TextList),
    method(Text, "substring", &[Int, Int], 1, Text),
    method(Text, "charAt", &[Int], 0, Text),
    method(Text, "indexOf", &[Text, Int], 1, Int),
    method(Text, "lastIndexOf", &[Text, Int], 1, Int),
    method(TextList, "join", &[Text], 1, Text),
    method(Version, "major", &[], 0, Int),
    method(Version, "minor", &[], 0, Int),
    method(Version, "patch", &[], 0, Int),
    method(Version, "isGreaterThan", &[Version], 0, Bool),
    method(Version, "isLessThan", &[Version], 0, Bool),
    method(Version, "compareTo", &[Version], 0, Int),
];

/// What the parser turns into loops, each called as `list.all(item, …)`.
pub(super) const LOOPS: [&str; 6] = ["all", "exists", "exists_one", "existsOne", "filter", "map"];
