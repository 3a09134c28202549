//! The type of each part of an expression: what is named must be declared, and what can't be evaluated is found before
//! it is.
//!
//! The library would find the same only at evaluation, and some of it never: a field of a string is `false` to it.

mod calls;
mod operators;

use std::sync::Arc;

use kube_cel::cel::common::ast::{ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SelectExpr};

use super::declared::{Record, Type, Variable};
use super::places::Fault;
use crate::engine::validate::suggest::did_you_mean;

/// Checks an expression whose result must be of a type; the faults.
pub(super) fn check(tree: &IdedExpr, variables: &[Variable], wanted: &Type) -> Vec<Fault> {
    let known = variables.iter().map(|variable| (variable.name.to_owned(), variable.r#type.clone())).collect();
    let mut checker = Checker { known, faults: Vec::new() };
    let found = checker.value(tree);
    if checker.faults.is_empty() && !found.fits(wanted) {
        checker.faults.push(Fault::of_the_whole(format!("the result is {found}, and must be {wanted}")));
    }
    checker.faults
}

/// Walks through an expression. What has a fault is of any type to what is around it, so that it is told once.
struct Checker {
    /// The variables by name, the innermost last.
    known: Vec<(String, Type)>,
    faults: Vec<Fault>,
}

impl Checker {
    fn fault(&mut self, part: &IdedExpr, message: impl Into<String>) -> Type {
        self.faults.push(Fault::new(part.id, message));
        Type::Any
    }

    fn suggest(&mut self, suggestion: Option<String>) -> Type {
        if let Some(fault) = self.faults.last_mut() {
            fault.suggestion = suggestion;
        }
        Type::Any
    }

    /// The type of a part that is used as a value, which a record isn't.
    fn value(&mut self, part: &IdedExpr) -> Type {
        match self.infer(part) {
            Type::Record(record) => {
                let fields: Vec<_> = record.fields.iter().map(|(name, _)| format!("{}.{name}", record.path)).collect();
                self.fault(part, format!("{} is no value", record.path));
                self.suggest(Some(format!("name one of its fields: {}", fields.join(", "))))
            }
            found => found,
        }
    }

    /// The type of a part that must be of a type.
    fn expect(&mut self, part: &IdedExpr, wanted: &Type) {
        let found = self.value(part);
        if !found.fits(wanted) {
            self.fault(part, format!("expected {wanted}, found {found}"));
        }
    }

    fn infer(&mut self, part: &IdedExpr) -> Type {
        match &part.expr {
            Expr::Literal(literal) => match literal {
                LiteralValue::Boolean(_) => Type::Bool,
                LiteralValue::Int(_) => Type::Int,
                LiteralValue::UInt(_) => Type::Uint,
                LiteralValue::Double(_) => Type::Double,
                LiteralValue::String(_) => Type::Text,
                LiteralValue::Null => Type::Null,
                LiteralValue::Bytes(_) => self.fault(part, "bytes are of no use here"),
            },
            Expr::Ident(name) => match self.known.iter().rev().find(|(known, _)| known == name) {
                Some((_, found)) => found.clone(),
                None => self.unknown_variable(part, name),
            },
            Expr::Select(select) => self.select(part, select),
            Expr::Call(call) => self.call(part, call),
            Expr::List(list) => {
                Type::list(list.elements.iter().fold(Type::Nothing, |items, item| items.or(self.value(item))))
            }
            Expr::Map(map) => {
                let mut values = Type::Nothing;
                for entry in &map.entries {
                    let EntryExpr::MapEntry(entry) = &entry.expr else { continue };
                    let key = self.value(&entry.key);
                    if !matches!(key, Type::Text | Type::Int | Type::Uint | Type::Bool) && !key.is_open() {
                        self.fault(&entry.key, format!("{key} can't be a key"));
                    }
                    values = values.or(self.value(&entry.value));
                }
                Type::Map(Arc::new(values))
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Struct(_) => self.fault(part, "there are no messages here"),
            Expr::Unspecified => self.fault(part, "this is no CEL expression"),
        }
    }

    fn unknown_variable(&mut self, part: &IdedExpr, name: &str) -> Type {
        let names: Vec<_> =
            self.known.iter().map(|(name, _)| name.clone()).filter(|name| !name.starts_with('@')).collect();
        // `gatewayAPI.channel` for `cluster.gatewayAPI.channel`.
        let field = self.known.iter().find_map(|(_, known)| match known {
            Type::Record(record) if record.field(name).is_some() => {
                Some(format!("did you mean {}.{name}?", record.path))
            }
            _ => None,
        });
        self.fault(part, format!("there is no variable {name}"));
        let suggestion = field.or_else(|| did_you_mean(name, names.iter().map(String::as_str)));
        self.suggest(suggestion.or_else(|| Some(format!("there is {}", names.join(", ")))))
    }

    fn select(&mut self, part: &IdedExpr, select: &SelectExpr) -> Type {
        let field = &*select.field;
        let found = match self.infer(&select.operand) {
            Type::Record(record) => match record.field(field) {
                Some(found) => found.clone(),
                None => self.unknown_field(part, &record, field),
            },
            Type::Map(value) => (*value).clone(),
            open if open.is_open() => Type::Any,
            other => self.fault(part, format!("{other} has no field {field}")),
        };
        if select.test { Type::Bool } else { found }
    }

    fn unknown_field(&mut self, part: &IdedExpr, record: &Record, field: &str) -> Type {
        let fields: Vec<_> = record.fields.iter().map(|(name, _)| *name).collect();
        self.fault(part, format!("{} has no field {field}", record.path));
        let suggestion = did_you_mean(field, fields.iter().copied());
        self.suggest(suggestion.or_else(|| Some(format!("it has {}", fields.join(", ")))))
    }

    /// A loop, which `all`, `exists`, `exists_one`, `map` and `filter` are turned into.
    fn comprehension(&mut self, looped: &ComprehensionExpr) -> Type {
        let item = match self.value(&looped.iter_range) {
            Type::List(item) => (*item).clone(),
            Type::Map(_) | Type::Any | Type::Nothing => Type::Any,
            other => self.fault(&looped.iter_range, format!("expected a list, found {other}")),
        };
        let start = self.value(&looped.accu_init);
        let outside = self.known.len();
        self.known.push((looped.accu_var.clone(), start));
        self.value(&looped.loop_cond);
        self.known.push((looped.iter_var.clone(), item));
        let end = self.value(&looped.loop_step);
        self.known.truncate(outside);
        self.known.push((looped.accu_var.clone(), end));
        let result = self.value(&looped.result);
        self.known.truncate(outside);
        result
    }
}
