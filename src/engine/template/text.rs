//! Strings with `${…}` in them: cut into literal parts and expressions, compiled, and filled in.

use std::ops::Range;

use kube_cel::cel::Value;

use crate::engine::expression::declared::{cluster, namespace};
use crate::engine::expression::{EvaluationError, Expression, Problem, Scope, Type};

/// What matches a string with an expression in it. `$${` stands for `${` and begins none.
pub(in crate::engine) const EXPRESSION: &str = r"(^|[^$])\$\{";

/// A string that isn't what is written, compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(Box<[Piece]>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(Box<str>),
    /// An expression, and where in the text it stands.
    Expression(Expression, Range<usize>),
}

impl Text {
    /// Compiles a text, with all that is wrong with it; `None` if it is what is written.
    pub fn compile(text: &str) -> Result<Option<Self>, Vec<Problem>> {
        if !text.contains("${") {
            return Ok(None);
        }
        let parts = split(text).map_err(|problem| vec![problem])?;
        let (mut pieces, mut problems) = (Vec::new(), Vec::new());
        for part in parts {
            match part {
                Part::Literal(literal) => pieces.push(Piece::Literal(literal.into())),
                Part::Expression(range) => {
                    match Expression::compile(&text[range.clone()], &[namespace(), cluster()], &Type::Text) {
                        Ok(expression) => pieces.push(Piece::Expression(expression, range)),
                        Err(found) => problems.extend(found.into_iter().map(|problem| Problem {
                            range: range.start + problem.range.start..range.start + problem.range.end,
                            ..problem
                        })),
                    }
                }
            }
        }
        if problems.is_empty() { Ok(Some(Self(pieces.into()))) } else { Err(problems) }
    }

    /// Its expressions.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Literal(_) => None,
            Piece::Expression(expression, _) => Some(expression),
        })
    }

    /// The text with what its expressions give, or which of them fails, by its place in the text as it is written.
    pub fn fill(&self, scope: &Scope<'_>) -> Result<String, (Range<usize>, EvaluationError)> {
        let mut filled = String::new();
        for piece in &*self.0 {
            match piece {
                Piece::Literal(literal) => filled.push_str(literal),
                Piece::Expression(expression, range) => match scope.evaluate(expression) {
                    Ok(Value::String(value)) => filled.push_str(&value),
                    Ok(_) => return Err((range.clone(), EvaluationError::new("the result is no string"))),
                    Err(error) => return Err((range.clone(), error)),
                },
            }
        }
        Ok(filled)
    }
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// As it comes out.
    Literal(String),
    /// An expression, by its place in the text.
    Expression(Range<usize>),
}

/// Cuts a text into its parts.
fn split(text: &str) -> Result<Vec<Part>, Problem> {
    let (mut parts, mut literal, mut at) = (Vec::new(), String::new(), 0);
    while let Some(found) = text[at..].find("${") {
        let open = at + found;
        if text[..open].ends_with('$') {
            literal.push_str(&text[at..open - 1]);
            literal.push_str("${");
            at = open + 2;
            continue;
        }
        literal.push_str(&text[at..open]);
        if !literal.is_empty() {
            parts.push(Part::Literal(std::mem::take(&mut literal)));
        }
        let close = end(text, open)?;
        parts.push(Part::Expression(open + 2..close));
        at = close + 1;
    }
    literal.push_str(&text[at..]);
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    Ok(parts)
}

/// The `}` of the `${` at a place: the first one that stands in no string and no comment, and closes nothing else.
fn end(text: &str, open: usize) -> Result<usize, Problem> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (open + 2, 0_usize);
    while let Some(next) = bytes.get(at) {
        match next {
            b'{' => depth += 1,
            b'}' if depth == 0 => return Ok(at),
            b'}' => depth -= 1,
            b'\'' | b'"' => {
                at = string_end(text, at)?;
                continue;
            }
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                at = text[at..].find('\n').map_or(text.len(), |end| at + end);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    Err(Problem::new(open..open + 2, "this ${ is never closed").suggest("write $${ for the two characters themselves"))
}

/// One past the end of the string that begins with the quote at a place.
fn string_end(text: &str, start: usize) -> Result<usize, Problem> {
    let quote = &text[start..=start];
    let is_raw = text[..start].ends_with(['r', 'R']);
    let triple = quote.repeat(3);
    let delimiter = if text[start..].starts_with(&triple) { &*triple } else { quote };
    let mut at = start + delimiter.len();
    while let Some(next) = text[at..].chars().next() {
        if text[at..].starts_with(delimiter) {
            return Ok(at + delimiter.len());
        }
        at += next.len_utf8();
        if next == '\\' && !is_raw {
            at += text[at..].chars().next().map_or(0, char::len_utf8);
        }
    }
    Err(Problem::new(start..start + 1, "this string is never closed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts of a text: literals in brackets, expressions as they stand.
    fn parts(text: &str) -> Vec<String> {
        let written = |part: Part| match part {
            Part::Literal(literal) => format!("[{literal}]"),
            Part::Expression(range) => text[range].to_owned(),
        };
        split(text).unwrap().into_iter().map(written).collect()
    }

    #[test]
    fn an_expression_ends_where_it_ends_in_cel() {
        for (text, expected) in [
            ("${a}", &["a"][..]),
            ("x-${a}-${b}y", &["[x-]", "a", "[-]", "b", "[y]"]),
            ("${a}${b}", &["a", "b"]),
            ("${ {'a': {'b': 1}}.a }", &[" {'a': {'b': 1}}.a "]),
            ("${'}' + \"}\" + a}-", &["'}' + \"}\" + a", "[-]"]),
            (r"${'\'}' + r'\'}", &[r"'\'}' + r'\'"]),
            ("${'''}'}''' }", &["'''}'}''' "]),
            ("${a // }\n}", &["a // }\n"]),
            ("${'//' + a}", &["'//' + a"]),
            ("ä${'🚪}'}ü", &["[ä]", "'🚪}'", "[ü]"]),
            ("${}", &[""]),
            ("$${a}", &["[${a}]"]),
            ("$${${a}$$", &["[${]", "a", "[$$]"]),
            ("$a {b} $ {c} $", &["[$a {b} $ {c} $]"]),
            ("", &[]),
        ] {
            assert_eq!(parts(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_never_closed_is_told_where_it_opens() {
        for (text, at, message) in [
            ("ab${c", 2, "this ${ is never closed"),
            ("${a}${ {'b': 1}", 4, "this ${ is never closed"),
            ("${a // }", 0, "this ${ is never closed"),
            ("${'a}", 2, "this string is never closed"),
            (r"${'a\'}", 2, "this string is never closed"),
        ] {
            let problem = split(text).unwrap_err();
            assert_eq!((problem.range.start, &*problem.message), (at, message), "{text}");
        }
    }

    /// What the schema takes for an expression, the compiler does too.
    #[test]
    fn schema_and_compiler_agree_on_what_has_an_expression() {
        let pattern = regex::Regex::new(EXPRESSION).unwrap();
        for text in
            ["${a}", "$${a}", "$$${a}", "a${b}", "a$${b}", "$${a}${b}", "${a}$${b}", "{a}", "$", "", "$ {a}", "x\n${a}"]
        {
            let has_expression = parts(text).iter().any(|part| !part.starts_with('['));
            assert_eq!(pattern.is_match(text), has_expression, "{text}");
        }
    }
}
