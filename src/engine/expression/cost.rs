//! What the worst evaluation of an expression costs, before it is evaluated.
//!
//! A loop in a loop multiplies, `replace` and `x + x` in a chain of `map`s double: 1,024 characters are enough for hours
//! and for all memory. So the size of each value is estimated from its parts, and from the sizes the steps: a step
//! is about what takes 10 ns. Kubernetes does the same with the expressions of its API.

mod size;

use kube_cel::cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};

use self::size::{SHAPES, Shape, Size};
use super::declared::{Type, Variable};
use super::places::Fault;

/// The greatest number of steps: in the order of a millisecond.
const STEPS_AT_MOST: u64 = 1_000_000;
/// The same for an expression over a namespace, whose annotations may be large: in the order of ten milliseconds, if they
/// are. All annotations of all namespaces together have room in etcd, so it isn't ten milliseconds for each of many.
const STEPS_OVER_MAPS_AT_MOST: u64 = 10 * STEPS_AT_MOST;
/// The greatest number of parts that stand in one another: parsing and evaluating recurse.
const DEPTH_AT_MOST: usize = 32;
/// What a pattern costs: it is compiled each time, and may be as large as `scope::PATTERN_AT_MOST` allows.
const PATTERN: u64 = 100_000;

/// Refuses an expression whose parts stand in one another too deeply.
pub(super) fn depth(tree: &IdedExpr) -> Vec<Fault> {
    fn deepest(part: &IdedExpr) -> usize {
        1 + children(part).into_iter().map(deepest).max().unwrap_or_default()
    }
    if deepest(tree) <= DEPTH_AT_MOST {
        return Vec::new();
    }
    vec![Fault::of_the_whole(format!("more than {DEPTH_AT_MOST} parts of the expression stand in one another"))]
}

/// Refuses an expression whose evaluation could take long.
pub(super) fn check(tree: &IdedExpr, variables: &[Variable]) -> Vec<Fault> {
    let steps = |shape: Shape| {
        let declared = |variable: &Variable| (variable.name.to_owned(), Known::Declared(variable.r#type.clone()));
        let known = variables.iter().map(declared).collect();
        let mut estimate = Estimate { known, shape, steps: 0, times: 1 };
        estimate.size(tree);
        estimate.steps
    };
    let has_maps = |variable: &Variable| match &variable.r#type {
        Type::Record(record) => record.fields.iter().any(|(_, field)| matches!(field, Type::Map(_))),
        _ => false,
    };
    let at_most = if variables.iter().any(has_maps) { STEPS_OVER_MAPS_AT_MOST } else { STEPS_AT_MOST };
    let steps = SHAPES.into_iter().map(steps).max().unwrap_or_default();
    if steps <= at_most {
        return Vec::new();
    }
    let times = steps.div_ceil(at_most);
    let message = format!(
        "evaluating this could take {times} times as long as is allowed: lists or strings are too large, or loops stand in loops"
    );
    vec![Fault::of_the_whole(message)]
}

/// What is known of a variable.
enum Known {
    /// Its type: it is one of the place's.
    Declared(Type),
    /// Its size: it is a loop's.
    Sized(Size),
}

struct Estimate {
    known: Vec<(String, Known)>,
    /// What the maps of variables are like.
    shape: Shape,
    steps: u64,
    /// How often the part that is looked at is evaluated.
    times: u64,
}

impl Estimate {
    fn spend(&mut self, steps: u64) {
        self.steps = self.steps.saturating_add(self.times.saturating_mul(steps));
    }

    /// The size of a part's value, its cost counted.
    fn size(&mut self, part: &IdedExpr) -> Size {
        let size = match &part.expr {
            Expr::Literal(LiteralValue::String(text)) => Size::text(text.inner().len()),
            Expr::Literal(_) | Expr::Unspecified | Expr::Struct(_) => Size::scalar(),
            Expr::Ident(name) => match self.known(name) {
                Some(Known::Declared(declared)) => Size::of(declared),
                Some(Known::Sized(size)) => size.clone(),
                None => Size::scalar(),
            },
            Expr::Select(select) => match self.declared(part) {
                Some(Type::Map(_)) => self.shape.map(&select.field),
                Some(declared) => Size::of(declared),
                None => self.size(&select.operand).item().unwrap_or(Size::scalar()),
            },
            Expr::Call(call) => self.call(call),
            Expr::List(list) => Size::list(list.elements.iter().map(|item| self.size(item)).collect()),
            Expr::Map(map) => {
                let mut values = Vec::new();
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        let key = self.size(&entry.key);
                        values.push(self.size(&entry.value).or(key));
                    }
                }
                Size::list(values)
            }
            Expr::Comprehension(looped) => self.comprehension(looped),
        };
        // Each value may be copied once or twice.
        self.spend(size.total().saturating_mul(2).saturating_add(20));
        size
    }

    fn known(&self, name: &str) -> Option<&Known> {
        self.known.iter().rev().find(|(known, _)| known == name).map(|(_, known)| known)
    }

    /// The type of a variable, or of its field.
    fn declared(&self, part: &IdedExpr) -> Option<&Type> {
        match &part.expr {
            Expr::Ident(name) => match self.known(name)? {
                Known::Declared(declared) => Some(declared),
                Known::Sized(_) => None,
            },
            Expr::Select(select) => match self.declared(&select.operand)? {
                Type::Record(record) => record.field(&select.field),
                _ => None,
            },
            _ => None,
        }
    }

    fn call(&mut self, call: &CallExpr) -> Size {
        let mut sizes: Vec<_> = call.target.iter().map(|target| self.size(target)).collect();
        sizes.extend(call.args.iter().map(|argument| self.size(argument)));
        let [first, second, third] = [0, 1, 2].map(|at| sizes.get(at).cloned().unwrap_or(Size::scalar()));
        match &*call.func_name {
            operators::ADD => first.plus(second),
            operators::CONDITIONAL => second.or(third),
            operators::INDEX => first.item().unwrap_or(Size::scalar()),
            "replace" => first.replaced(&third),
            "split" => Size::split(&first),
            "join" => first.joined(&second),
            "string" => first.or(Size::text(32)),
            "lowerAscii" | "upperAscii" | "trim" | "substring" | "semver" => first,
            "matches" => {
                self.spend(PATTERN.saturating_add(first.total().saturating_mul(second.total())));
                Size::scalar()
            }
            "contains" | "indexOf" | "lastIndexOf" => {
                self.spend(first.total().saturating_mul(second.total()));
                Size::scalar()
            }
            _ => Size::scalar(),
        }
    }

    fn comprehension(&mut self, looped: &ComprehensionExpr) -> Size {
        let range = self.size(&looped.iter_range);
        let (outside, times) = (self.known.len(), self.times);
        let start = self.size(&looped.accu_init);
        self.known.push((looped.accu_var.clone(), Known::Sized(start)));
        self.known.push((looped.iter_var.clone(), Known::Sized(range.item().unwrap_or(Size::scalar()))));
        self.times = times.saturating_mul(range.count());
        self.size(&looped.loop_cond);
        let one = self.size(&looped.loop_step);
        // What is collected grows by an item each time, and is copied as a whole each time.
        let all = one.repeated(range.count());
        self.spend(all.total().saturating_mul(3));
        self.times = times;
        self.known.truncate(outside);
        all
    }
}

/// The parts of a part.
pub(super) fn children(part: &IdedExpr) -> Vec<&IdedExpr> {
    match &part.expr {
        Expr::Literal(_) | Expr::Unspecified | Expr::Struct(_) | Expr::Ident(_) => Vec::new(),
        Expr::Select(select) => vec![&select.operand],
        Expr::Call(call) => call.target.iter().map(|target| &**target).chain(&call.args).collect(),
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => map
            .entries
            .iter()
            .filter_map(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => Some([&entry.key, &entry.value]),
                EntryExpr::StructField(_) => None,
            })
            .flatten()
            .collect(),
        Expr::Comprehension(looped) => {
            vec![&looped.iter_range, &looped.accu_init, &looped.loop_cond, &looped.loop_step, &looped.result]
        }
    }
}
