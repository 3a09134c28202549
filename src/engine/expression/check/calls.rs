//! Calls: there must be such a function, for what it is called on and with.

use kube_cel::cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue};

use super::super::functions::{FUNCTIONS, Function, LOOPS, Shape};
use super::super::scope;
use super::{Checker, Type};
use crate::engine::validate::suggest::did_you_mean;

impl Checker {
    pub(super) fn call(&mut self, part: &IdedExpr, call: &CallExpr) -> Type {
        if let Some(result) = self.operator(part, call) {
            return result;
        }
        let name = &*call.func_name;
        // The parser leaves a loop as it is if its arguments aren't those of one.
        if LOOPS.contains(&name) {
            self.fault(part, format!("{name} takes a name and an expression"));
            return self.suggest(Some(format!("write list.{name}(item, …)")));
        }
        let receiver = call.target.as_ref().map(|target| self.infer(target));
        let is_method = receiver.is_some();
        let alike = |function: &&Function| function.receiver.is_some() == is_method;
        let Some(function) = FUNCTIONS.iter().filter(alike).find(|known| known.name == name) else {
            // Its arguments may be those of a loop, whose names are declared by it.
            return self.unknown_function(part, name, is_method);
        };
        let given: Vec<_> = call.args.iter().map(|argument| self.value(argument)).collect();
        let result = function.result.r#type();
        if let (Some(takes), Some(receiver)) = (function.receiver, &receiver)
            && !takes.takes(receiver)
        {
            let found = match receiver {
                Type::Record(record) => record.path.to_owned(),
                other => other.to_string(),
            };
            self.fault(part, format!("{name} is for {}, not for {found}", takes.words()));
            let is_unread_version = takes == Shape::Version && *receiver == Type::Text;
            self.suggest(is_unread_version.then(|| format!("write semver(…).{name}(…)")));
            return result;
        }
        let (most, least) = (function.arguments.len(), function.arguments.len() - function.optional);
        if given.len() < least || given.len() > most {
            let takes = if least == most { format!("{most}") } else { format!("{least} or {most}") };
            let plural = if most == 1 { "" } else { "s" };
            self.fault(part, format!("{name} takes {takes} argument{plural}, not {}", given.len()));
            return result;
        }
        for ((takes, given), argument) in function.arguments.iter().zip(&given).zip(&call.args) {
            if !takes.takes(given) {
                self.fault(argument, format!("{name} takes {} here, not {given}", takes.words()));
            } else if *takes == Shape::Pattern {
                self.pattern(argument);
            }
        }
        result
    }

    /// A regular expression: written out, so that it can be looked at before it is used.
    fn pattern(&mut self, argument: &IdedExpr) {
        let Expr::Literal(LiteralValue::String(pattern)) = &argument.expr else {
            self.fault(argument, "the pattern of matches must be written out, in quotes");
            return;
        };
        if let Err(message) = scope::regex(pattern.inner()) {
            self.fault(argument, message);
        }
    }

    fn unknown_function(&mut self, part: &IdedExpr, name: &str, is_method: bool) -> Type {
        let elsewhere = FUNCTIONS.iter().find(|known| known.name == name).map(|known| match known.receiver {
            Some(Shape::Cluster) => format!("write cluster.{name}(…)"),
            Some(_) => format!("write value.{name}(…)"),
            None => format!("write {name}(…) without a dot before it"),
        });
        let alike = FUNCTIONS.iter().filter(|known| known.receiver.is_some() == is_method).map(|known| known.name);
        let loops = LOOPS.into_iter().filter(|_| is_method);
        self.fault(part, format!("there is no function {name}"));
        self.suggest(elsewhere.or_else(|| did_you_mean(name, alike.chain(loops))))
    }
}
