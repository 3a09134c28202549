//! What each operator takes and gives.

use kube_cel::cel::common::ast::{CallExpr, IdedExpr, operators};

use super::{Checker, Type};

impl Checker {
    /// The type of an operator's result; `None` if this is none.
    pub(super) fn operator(&mut self, part: &IdedExpr, call: &CallExpr) -> Option<Type> {
        Some(match (&*call.func_name, &call.args[..]) {
            (operators::CONDITIONAL, [condition, yes, no]) => {
                self.expect(condition, &Type::Bool);
                self.value(yes).or(self.value(no))
            }
            (operators::LOGICAL_AND | operators::LOGICAL_OR, [left, right]) => {
                self.expect(left, &Type::Bool);
                self.expect(right, &Type::Bool);
                Type::Bool
            }
            (operators::LOGICAL_NOT | operators::NOT_STRICTLY_FALSE, [operand]) => {
                self.expect(operand, &Type::Bool);
                Type::Bool
            }
            // `-(-9223372036854775808)` panics in a debug build.
            (operators::NEGATE, [_]) => self.fault(part, "- may stand before a number only"),
            (operators::EQUALS | operators::NOT_EQUALS, [left, right]) => {
                let (left, right) = (self.value(left), self.value(right));
                let compares_with_null = left == Type::Null || right == Type::Null;
                if !left.fits(&right) && !compares_with_null {
                    self.fault(part, format!("compares {left} with {right}: they are never equal"));
                }
                Type::Bool
            }
            (
                operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS,
                [left, right],
            ) => self.comparison(part, left, right),
            (operators::ADD, [left, right]) => self.sum(part, left, right),
            (operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE | operators::MODULO, [left, right]) => {
                let (left, right) = (self.value(left), self.value(right));
                let counts = |number: &Type| number.is_open() || is_number(number);
                if counts(&left) && counts(&right) && left.fits(&right) {
                    left.or(right)
                } else {
                    self.fault(part, format!("calculates with {left} and {right}"))
                }
            }
            (operators::IN, [item, container]) => self.membership(item, container),
            (operators::INDEX, [container, index]) => {
                let found = self.value(container);
                match found {
                    Type::List(item) => {
                        self.expect(index, &Type::Int);
                        (*item).clone()
                    }
                    Type::Map(value) => {
                        self.value(index);
                        (*value).clone()
                    }
                    open if open.is_open() => {
                        self.value(index);
                        Type::Any
                    }
                    other => self.fault(part, format!("{other} has no items")),
                }
            }
            _ => return None,
        })
    }

    fn comparison(&mut self, part: &IdedExpr, left: &IdedExpr, right: &IdedExpr) -> Type {
        let (left, right) = (self.value(left), self.value(right));
        if left == Type::Version || right == Type::Version {
            self.fault(part, "versions have methods instead of < and >");
            self.suggest(Some("write a.isLessThan(b) or a.isGreaterThan(b)".to_owned()));
            return Type::Bool;
        }
        let ordered = |one: &Type| one.is_open() || is_number(one) || *one == Type::Text;
        let alike = is_number(&left) && is_number(&right) || left.fits(&right);
        if !(ordered(&left) && ordered(&right) && alike) {
            self.fault(part, format!("{left} and {right} have no order"));
        }
        Type::Bool
    }

    fn sum(&mut self, part: &IdedExpr, left: &IdedExpr, right: &IdedExpr) -> Type {
        let (left, right) = (self.value(left), self.value(right));
        match (&left, &right) {
            (Type::List(_), Type::List(_)) => left.or(right),
            (a, b) if a.is_open() || b.is_open() => Type::Any,
            (a, b) if a == b && (is_number(a) || *a == Type::Text) => left,
            _ => self.fault(part, format!("adds {left} and {right}")),
        }
    }

    fn membership(&mut self, item: &IdedExpr, container: &IdedExpr) -> Type {
        let (wanted, found) = (self.value(item), self.value(container));
        match found {
            Type::List(known) => {
                if !wanted.fits(&known) {
                    self.fault(item, format!("looks for {wanted} in a list of other values: it is never there"));
                }
            }
            Type::Map(_) | Type::Any | Type::Nothing => {}
            other => {
                let is_text = other == Type::Text;
                self.fault(container, format!("expected a list, found {other}"));
                self.suggest(is_text.then(|| "write text.contains(part)".to_owned()));
            }
        }
        Type::Bool
    }
}

fn is_number(found: &Type) -> bool {
    matches!(found, Type::Int | Type::Uint | Type::Double)
}
