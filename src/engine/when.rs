//! `when`: the condition under which a default counts, a CEL expression about the cluster.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kube_cel::cel::Value;

use super::expression::declared::cluster;
use super::expression::{EvaluationError, Expression, Problem, Scope, Type};
use super::facts::Facts;

/// A condition: what stands as `when`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When(Expression);

/// A condition that is neither true nor false.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("when can't be evaluated: {0}")]
pub struct WhenError(EvaluationError);

impl When {
    /// Compiles a condition, with all that is wrong with it.
    pub fn compile(text: &str) -> Result<Self, Vec<Problem>> {
        Expression::compile(text, &[cluster()], &Type::Bool).map(Self)
    }

    /// The condition as it is written.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.text()
    }

    /// Whether the condition holds. For many conditions about the same facts there is a [`Round`].
    pub fn holds(&self, facts: &Arc<Facts>) -> Result<bool, WhenError> {
        self.evaluate(&Scope::of_cluster(facts))
    }

    fn evaluate(&self, scope: &Scope<'_>) -> Result<bool, WhenError> {
        match scope.evaluate(&self.0).map_err(WhenError)? {
            Value::Bool(holds) => Ok(holds),
            _ => Err(WhenError(EvaluationError::new("the result is neither true nor false"))),
        }
    }
}

/// A compiled condition, or what is wrong with it.
pub type Compiled = Result<Arc<When>, Arc<[Problem]>>;

/// The conditions of a file as they are compiled, each text once: a file may give all its classes the same one.
#[derive(Debug, Default)]
pub struct Conditions(HashMap<Box<str>, Compiled>);

impl Conditions {
    /// The compiled condition of a text, or what is wrong with it.
    pub fn compile(&mut self, text: &str) -> Compiled {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        let compiled = When::compile(text).map(Arc::new).map_err(Arc::from);
        self.0.insert(text.into(), compiled.clone());
        compiled
    }
}

/// The evaluation of any number of conditions about the same facts. Conditions of the same text are evaluated once.
#[derive(Debug)]
pub struct Round {
    scope: Scope<'static>,
    known: Mutex<HashMap<Arc<str>, Result<bool, WhenError>>>,
}

impl Round {
    /// A round about these facts. Facts that changed need a new one.
    #[must_use]
    pub fn new(facts: &Arc<Facts>) -> Self {
        Self { scope: Scope::of_cluster(facts), known: Mutex::default() }
    }

    /// Whether a condition holds.
    pub fn holds(&self, when: &When) -> Result<bool, WhenError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(result) = known.get(when.text()) {
            return result.clone();
        }
        let result = when.evaluate(&self.scope);
        known.insert(when.0.text().clone(), result.clone());
        result
    }
}
