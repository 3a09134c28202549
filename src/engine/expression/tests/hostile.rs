//! Texts that were made to crash or to keep busy whoever compiles or evaluates them.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn ones(count: usize) -> String {
    format!("[{}1]", "1,".repeat(count - 1))
}

/// `open` and `close` around a text, so many times.
fn nested(open: &str, inner: &str, close: &str, times: usize) -> String {
    format!("{}{inner}{}", open.repeat(times), close.repeat(times))
}

/// A text with a part behind it so many times.
fn chain(start: &str, link: &str, times: usize) -> String {
    format!("{start}{}", link.repeat(times))
}

fn message(text: &str) -> String {
    problems(text).swap_remove(0).1
}

#[test]
fn what_would_overflow_the_stack_is_refused() {
    for (text, reason) in [
        (nested("(", "true", ")", 17), "more than 16 brackets"),
        ("(".repeat(1024), "more than 16 brackets"),
        (nested("[", "1", "]", 500), "more than 16 brackets"),
        (nested("{1:", "1", "}", 200), "more than 16 brackets"),
        (nested("string(", "1", ")", 120), "more than 16 brackets"),
        (nested("!(", "true", ")", 300), "more than 16 brackets"),
        (chain("", "true?", 200), "more than 16 choices"),
        (format!("{}true", "true?true:".repeat(17)), "more than 16 choices"),
        (format!("{}true", "true?true:".repeat(100)), "more than 16 choices"),
        (chain("cluster", ".b", 500), "more than 32 parts"),
        (chain("cluster", "[0]", 330), "more than 32 parts"),
        (chain("'a'", ".trim()", 140) + " == ''", "more than 32 parts"),
        (chain("1", "+1", 500) + " == 1", "more than 32 parts"),
        (chain("1", " < 1", 250), "more than 32 parts"),
        (chain("1", " in 1", 200), "more than 32 parts"),
    ] {
        assert!(message(&text).starts_with(reason), "{text}: {}", message(&text));
    }
}

#[test]
fn what_the_parser_reads_twice_at_each_step_is_refused() {
    for text in [
        nested("!!(", "true", ")", 16),
        nested("! !(", "true", ")", 16),
        nested("!// a comment\n!(", "true", ")", 16),
        nested("--(", "1", ")", 16) + " == 1",
        nested("- -(", "1", ")", 16) + " == 1",
        nested("-\n-(", "1", ")", 16) + " == 1",
        "!".repeat(1024),
        "-".repeat(1024),
    ] {
        assert!(message(&text).starts_with("a second "), "{text}: {}", message(&text));
    }
}

#[test]
fn what_would_take_long_or_much_memory_is_refused() {
    for text in [
        format!("{}.map(x, x).size() == 0", ones(480)),
        format!("{}.all(x, {}.all(y, x == y))", ones(200), ones(200)),
        format!("{}.map(x, {}.map(y, x)).size() == 0", ones(100), ones(100)),
        nested("[1,1,1].all(x,", "true", ")", 12),
        chain("['a']", ".map(x,x+x+x+x)", 12) + " == ['']",
        chain("[[1]]", ".map(x,x+x+x+x)", 12) + " == [[1]]",
        chain("'aaaaaaaaaa'", ".replace('a','aaaaaaaaaa')", 6) + " == ''",
        chain("''", ".replace('','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')", 6) + " == ''",
        chain("['a']", ".map(x, [x,x,x,x,x,x,x,x].join(''))", 9) + " == ['']",
        format!("'{}'.split('').all(x, x.split('').all(y, y == 'a'))", "a".repeat(300)),
        format!("'{}'.split('').join('{}') == ''", "a".repeat(400), "b".repeat(500))
            .replace(" == ''", ".split('') == ['']"),
        format!("{}.all(x, 'a'.matches('[a-z]{{40}}'))", ones(100)),
    ] {
        assert!(message(&text).starts_with("evaluating this could take"), "{text}: {}", message(&text));
    }
    for pattern in ["(((a{30}){30}){30})", &r"\\w{100}".repeat(4)] {
        assert_eq!(message(&format!("'a'.matches('{pattern}')")), "this pattern is too large");
    }
}

#[test]
fn what_would_make_the_library_panic_is_refused() {
    for (text, reason) in [
        ("A{} == A{}", "there are no messages here"),
        ("cluster.kubernetes{version: ''} == 1", "there are no messages here"),
        ("b''.contains(b'')", "bytes are of no use here"),
        ("Br''.contains(b'')", "bytes are of no use here"),
        ("-(-9223372036854775808) == 1", "- may stand before a number only"),
        ("timestamp('0000-01-01T00:00:00Z').getDayOfYear() == 1", "there is no function getDayOfYear"),
        ("optional.none().value() == 1", "there is no variable optional"),
    ] {
        assert!(problems(text).iter().any(|(_, message, _)| message == reason), "{text}: {:?}", problems(text));
    }
}

/// The worst that is accepted, on the 2 MiB of stack that a test has, as a thread of the program does.
#[test]
fn the_worst_that_is_accepted_is_evaluated() {
    let scope = Scope::of_cluster(&facts());
    for text in [
        nested("(", "true", ")", 16),
        nested("!(", "true", ")", 16),
        nested("[true].all(x, ", "x", ")", 5),
        format!("{}true", "true?true:".repeat(16)),
        nested("[", "1", "]", 16) + " == " + &nested("[", "1", "]", 16),
        chain("1", "+1", 29) + " == 30",
        chain("'a'", ".trim()", 29) + " == 'a'",
        chain("true", " && true", 120),
        format!("{0} == {0}", ones(240)),
        format!("{}.all(x, x == 1)", ones(480)),
        format!("{}.map(x, x).size() == 150", ones(150)),
        format!("{0}.all(x, {0}.all(y, x == y))", ones(70)),
        nested("[1,1].all(x,", "true", ")", 10),
        chain("['a']", ".map(x,x+x+x+x)", 6) + ".size() == 1",
        chain("'aaaaaaaaaa'", ".replace('a','aaaaaaaaaa')", 3) + ".size() == 10000",
        format!("'{}'.split('').join('{}').size() > 1", "a".repeat(300), "b".repeat(300)),
        format!("{}.all(x, !'a'.matches('{}'))", ones(8), r"\\w{10}[^a]\\d".repeat(15)),
        format!("{}.all(x, !'a'.matches('{}'))", ones(8), "(.?){9}".repeat(15)).replace('!', ""),
        format!("!'{0}'.contains('{0}b')", "a".repeat(480)),
        format!("'{0}'.indexOf('{0}b') == -1", "a".repeat(480)),
    ] {
        let expression = compile(&text).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
        assert_eq!(scope.evaluate(&expression), Ok(kube_cel::cel::Value::Bool(true)), "{text}");
    }
}

/// Pieces of which texts are made at random, with blanks between them.
const PIECES: &str = r#"
    cluster kubernetes gatewayAPI version servedVersions channel serves x A . . . ( ) ( ) [ ] { } , : ? ?: ! ! !! - -- +
    * / % == != < <= > >= && || = & | true false null 1 0 -1 1u 1.5 9223372036854775807 -9223372036854775808 0x 1e999
    99999999999999999999 'a' '' "b" ' " ''' """ r'\' b'a' b r \ \u '\u00e4' '\xff' '\ud800' '\777' ü '🚪' // @ ; ` semver(
    size( string( int( double( .matches( .exists(x, .all(x, .map(x, .filter(x, .exists_one(x, .replace( .split( .join(
    .substring( .charAt( .indexOf( .lastIndexOf( .isLessThan( .major() has( '1.2.3' [1,2] ['a'] .?a [?1] A{a:1}
"#;

fn piece() -> impl Strategy<Value = &'static str> {
    let others = ["\n", " ", " in ", "\0", "\u{2028}", "// c\n"];
    select(PIECES.split_whitespace().chain(others).collect::<Vec<_>>())
}

/// Neither compiling nor evaluating panics, and what is wrong with a text has a place in it.
fn compile_and_evaluate(text: &str) -> Result<(), TestCaseError> {
    // Of any type, so that more of them are evaluated.
    match Expression::compile(text, &[cluster()], &Type::Any) {
        Ok(expression) => {
            let _ = Scope::of_cluster(&facts()).evaluate(&expression);
        }
        Err(problems) => {
            prop_assert!(!problems.is_empty());
            for problem in problems {
                prop_assert!(text.get(problem.range.clone()).is_some(), "{text:?}: {problem:?}");
                prop_assert!(problem.message != "this expression can't be read", "the parser panics on {text:?}");
            }
        }
    }
    Ok(())
}

/// An expression that parses, of types at random.
fn expression() -> impl Strategy<Value = String> {
    let leaf = select(vec![
        "cluster.kubernetes.version",
        "cluster.gatewayAPI.servedVersions",
        "cluster.gatewayAPI.channel",
        "x",
        "true",
        "null",
        "0",
        "1",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "0u",
        "18446744073709551615u",
        "0.0",
        "-1e308",
        "''",
        "'a'",
        "'ä🚪'",
        "'1.2.3'",
        "'v1.2'",
        "[]",
        "{}",
        "['a', 'b']",
        "[1, 'a', null]",
        "{'a': 1, 2: 'b'}",
        "semver('1.2.3')",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 3, |part| {
        let operator = select(vec!["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "in"]);
        let function = select(FUNCTIONS.map(|function| function.name).to_vec());
        let looped = select(vec!["all", "exists", "exists_one", "filter", "map"]);
        let parts = vec(part.clone(), 0..3).prop_map(|parts| parts.join(", "));
        prop_oneof![
            4 => (part.clone(), operator, part.clone()).prop_map(|(a, operator, b)| format!("({a} {operator} {b})")),
            4 => (part.clone(), function.clone(), parts.clone()).prop_map(|(a, name, b)| format!("{a}.{name}({b})")),
            2 => (function, parts.clone()).prop_map(|(name, a)| format!("{name}({a})")),
            2 => (part.clone(), looped, part.clone()).prop_map(|(a, name, b)| format!("{a}.{name}(x, {b})")),
            1 => (part.clone(), part.clone(), part.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            1 => (part.clone(), part.clone()).prop_map(|(a, b)| format!("{a}[{b}]")),
            1 => (part.clone(), part.clone()).prop_map(|(a, b)| format!("{{{a}: {b}}}")),
            1 => parts.prop_map(|parts| format!("[{parts}]")),
            1 => part.prop_map(|a| format!("!{a}")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_expression_is_evaluated_or_refused(text in expression()) {
        compile_and_evaluate(&text)?;
    }

    #[test]
    fn any_text_is_compiled_and_evaluated_or_refused(pieces in vec(piece(), 1..40)) {
        compile_and_evaluate(&pieces.concat())?;
    }
}
