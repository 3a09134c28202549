//! What an expression may ask of a variable: so that of something large only what is asked for needs to be kept.

use std::collections::BTreeSet;

use kube_cel::cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

use super::cost::children;

/// Keys of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// These.
    Some(BTreeSet<Box<str>>),
    /// Any.
    All,
}

impl Default for Keys {
    fn default() -> Self {
        Self::Some(BTreeSet::new())
    }
}

impl Keys {
    /// Whether a key is among them.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        match self {
            Self::Some(keys) => keys.contains(key),
            Self::All => true,
        }
    }

    /// Whether all keys of others are among them.
    #[must_use]
    pub fn include(&self, others: &Self) -> bool {
        match (self, others) {
            (Self::All, _) => true,
            (Self::Some(_), Self::All) => false,
            (Self::Some(keys), Self::Some(others)) => others.is_subset(keys),
        }
    }

    /// These and others.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        match (self, others) {
            (Self::Some(mut keys), Self::Some(others)) => {
                keys.extend(others);
                Self::Some(keys)
            }
            (Self::All, _) | (_, Self::All) => Self::All,
        }
    }
}

/// Whether a part names a variable.
pub(super) fn names(part: &IdedExpr, variable: &str) -> bool {
    is_variable(part, variable) || children(part).into_iter().any(|child| names(child, variable))
}

/// Which keys of a variable's field, a map, a part asks for.
pub(super) fn keys(part: &IdedExpr, variable: &str, field: &str) -> Keys {
    let is_map = |part: &IdedExpr| match &part.expr {
        Expr::Select(select) => *select.field == *field && is_variable(&select.operand, variable),
        _ => false,
    };
    let one = |key: &str| Keys::Some(BTreeSet::from([key.into()]));
    match &part.expr {
        _ if is_map(part) => return Keys::All,
        Expr::Select(select) if is_map(&select.operand) => return one(&select.field),
        Expr::Call(call) => {
            let asked = match (&*call.func_name, &call.args[..]) {
                (operators::INDEX, [map, key]) | (operators::IN, [key, map]) if is_map(map) => Some(&key.expr),
                _ => None,
            };
            if let Some(Expr::Literal(LiteralValue::String(key))) = asked {
                return one(key.inner());
            }
        }
        _ => {}
    }
    children(part).into_iter().fold(Keys::default(), |found, child| found.and(keys(child, variable, field)))
}

fn is_variable(part: &IdedExpr, variable: &str) -> bool {
    matches!(&part.expr, Expr::Ident(name) if name == variable)
}
