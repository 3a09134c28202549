//! Expressions in CEL, the language of Kubernetes' own conditions: compiled once, against declared variables, and
//! evaluated as often as what they are about changes.
//!
//! Parsing and evaluating is the library's. It knows no types and finds unknown names only at evaluation, and it was not
//! made for hostile text; so a text takes four steps here before it is an [`Expression`]:
//!
//! 1. [`scan`] refuses, before the parser sees it, what makes the parser overflow its stack, misread or take for ever.
//! 2. [`syntax`] parses, and says in plain words what is no CEL.
//! 3. [`check`] knows the type of each part: names, fields, functions and operators are resolved against what is
//!    [`declared`].
//! 4. [`cost`] estimates the work of the worst evaluation, and refuses what could take long.
//!
//! What is found has its place in the text, which [`places`] finds.

mod check;
mod cost;
pub mod declared;
mod functions;
mod places;
mod scan;
mod scope;
mod syntax;
#[cfg(test)]
mod tests;
mod uses;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::thread;

use kube_cel::cel;

pub use self::declared::{Type, Variable};
pub use self::scope::{EvaluationError, Scope};
pub use self::uses::Keys;

/// The greatest length of a text, in characters.
pub const LENGTH_AT_MOST: u32 = 1024;

/// The stack on which a text is parsed. In a debug build the parser takes 36 KiB for each link of a chain such as
/// `a.b.c`, 160 KiB for each bracket, and a text of the greatest length has up to 512 links. Only what is used is
/// backed by memory.
const STACK: usize = 32 << 20;

/// An expression that is ready to be evaluated.
#[derive(Clone)]
pub struct Expression {
    text: Arc<str>,
    tree: Arc<cel::IdedExpr>,
}

/// What is wrong with a part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The part, in bytes of the text.
    pub range: Range<usize>,
    /// What is wrong, a sentence without capital and full stop.
    pub message: String,
    /// What to write instead.
    pub suggestion: Option<String>,
}

impl Problem {
    pub(in crate::engine) fn new(range: Range<usize>, message: impl Into<String>) -> Self {
        Self { range, message: message.into(), suggestion: None }
    }

    pub(in crate::engine) fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }
}

impl Expression {
    /// Compiles a text whose result must be of a type, with all that is wrong with it.
    pub fn compile(text: &str, variables: &[Variable], wanted: &Type) -> Result<Self, Vec<Problem>> {
        scan::scan(text).map_err(|problem| vec![problem])?;
        let whole = |message: &str| vec![Problem::new(0..text.len(), message)];
        let compile = || -> Result<cel::IdedExpr, Vec<Problem>> {
            let tree = syntax::parse(text).map_err(|problem| vec![problem])?;
            let mut faults = cost::depth(&tree);
            if faults.is_empty() {
                faults = check::check(&tree, variables, wanted);
            }
            if faults.is_empty() {
                faults = cost::check(&tree, variables);
            }
            if faults.is_empty() { Ok(tree) } else { Err(places::locate(text, faults)) }
        };
        let tree = thread::scope(|scope| {
            match thread::Builder::new().name("expression".to_owned()).stack_size(STACK).spawn_scoped(scope, compile) {
                // No text is known to make the parser panic that `scan` lets through.
                Ok(thread) => thread.join().unwrap_or_else(|_| Err(whole("this expression can't be read"))),
                Err(error) => Err(whole(&format!("this expression can't be compiled just now: {error}"))),
            }
        })?;
        Ok(Self { text: text.into(), tree: Arc::new(tree) })
    }

    /// The text that it was compiled from.
    #[must_use]
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Whether it names a variable.
    #[must_use]
    pub fn names(&self, variable: &str) -> bool {
        uses::names(&self.tree, variable)
    }

    /// Which keys of `namespace.annotations` its value may depend on.
    #[must_use]
    pub fn annotations(&self) -> Keys {
        uses::keys(&self.tree, "namespace", "annotations")
    }
}

/// Expressions of the same text are the same.
impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Expression {}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.text).finish()
    }
}
