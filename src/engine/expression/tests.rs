use std::collections::BTreeSet;

use kube_cel::cel::Value;

use super::declared::cluster;
use super::functions::FUNCTIONS;
use super::*;
use crate::engine::facts::{Facts, GatewayApi};

mod hostile;

fn facts() -> Arc<Facts> {
    Arc::new(Facts {
        kubernetes: "1.37.2".into(),
        gateway_api: GatewayApi {
            bundle_version: "v1.6.3".into(),
            channel: "standard".into(),
            served_versions: vec!["v1".into(), "v1beta1".into()],
        },
        kinds: [("v1", "Pod"), ("gateway.kgateway.dev/v1alpha1", "GatewayParameters")].into_iter().collect(),
    })
}

fn compile(text: &str) -> Result<Expression, Vec<Problem>> {
    Expression::compile(text, &[cluster()], &Type::Bool)
}

/// What is wrong: the part of the text, the message, the suggestion.
fn problems(text: &str) -> Vec<(String, String, String)> {
    let Err(problems) = compile(text) else { panic!("{text} compiles") };
    let told =
        |problem: Problem| (text[problem.range].to_owned(), problem.message, problem.suggestion.unwrap_or_default());
    problems.into_iter().map(told).collect()
}

fn value(text: &str) -> Result<bool, String> {
    let expression = compile(text).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
    match Scope::of_cluster(&facts()).evaluate(&expression) {
        Ok(Value::Bool(holds)) => Ok(holds),
        Ok(other) => panic!("{text} is {other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn the_cluster_is_as_its_facts_are() {
    for text in [
        "cluster.kubernetes.version == '1.37.2'",
        "cluster.gatewayAPI.bundleVersion == 'v1.6.3' && cluster.gatewayAPI.channel == 'standard'",
        "cluster.gatewayAPI.servedVersions == ['v1', 'v1beta1'] && 'v1' in cluster.gatewayAPI.servedVersions",
        "cluster.serves('v1', 'Pod') && cluster.serves('gateway.kgateway.dev/v1alpha1', 'GatewayParameters')",
        "!cluster.serves('v1', 'pod') && !cluster.serves('apps/v1', 'Pod')",
        "has(cluster.gatewayAPI.channel) && has(cluster.kubernetes)",
        "cluster . kubernetes\n .version != '' // a comment",
    ] {
        assert_eq!(value(text), Ok(true), "{text}");
    }
}

/// One expression that holds for each function that may be called: what is listed is what the library has.
#[test]
fn every_function_that_is_listed_can_be_called() {
    let mut called = BTreeSet::new();
    for (name, text) in [
        ("size", "size('abc') == 3 && size([1]) == 1 && {'a': 1}.size() == 1 && 'ab'.size() == 2"),
        ("string", "string(1) == '1' && string(1u) == '1' && string('a') == 'a' && string(1.5) == '1.5'"),
        ("int", "int('7') == 7 && int(1.9) == 1 && int(2u) == 2"),
        ("double", "double('1.5') == 1.5 && double(1) == 1.0"),
        ("semver", "semver('1.2.3') == semver('v1.2.3', true) && semver('1.2', true).patch() == 0"),
        ("isSemver", "isSemver('1.2.3') && !isSemver('v1.2.3') && isSemver('v1.2.3', true)"),
        ("serves", "cluster.serves('v1', 'Pod')"),
        ("contains", "'abc'.contains('b') && !'abc'.contains('d')"),
        ("startsWith", "'abc'.startsWith('ab')"),
        ("endsWith", "'abc'.endsWith('bc')"),
        ("matches", "'1.37.2'.matches('^1[.]3[0-9]') && !'2.0.0'.matches('^1') && 'xab'.matches('a')"),
        ("lowerAscii", "'AbÄ'.lowerAscii() == 'abÄ'"),
        ("upperAscii", "'aB'.upperAscii() == 'AB'"),
        ("trim", "' a '.trim() == 'a'"),
        ("replace", "'aaa'.replace('a', 'b') == 'bbb' && 'aaa'.replace('a', 'b', 1) == 'baa'"),
        ("split", "'1.2.3'.split('.') == ['1', '2', '3'] && '1.2.3'.split('.', 2) == ['1', '2.3']"),
        ("substring", "'abc'.substring(1) == 'bc' && 'abc'.substring(0, 1) == 'a'"),
        ("charAt", "'abc'.charAt(1) == 'b'"),
        ("indexOf", "'abca'.indexOf('a') == 0 && 'abca'.indexOf('a', 1) == 3 && 'a'.indexOf('b') == -1"),
        ("lastIndexOf", "'abca'.lastIndexOf('a') == 3 && 'abca'.lastIndexOf('a', 2) == 0"),
        ("join", "['a', 'b'].join('-') == 'a-b' && ['a', 'b'].join() == 'ab'"),
        ("major", "semver(cluster.kubernetes.version).major() == 1"),
        ("minor", "semver(cluster.kubernetes.version).minor() == 37"),
        ("patch", "semver(cluster.kubernetes.version).patch() == 2"),
        ("isGreaterThan", "semver(cluster.kubernetes.version).isGreaterThan(semver('1.9.0'))"),
        ("isLessThan", "semver('1.9.0').isLessThan(semver(cluster.kubernetes.version))"),
        ("compareTo", "semver('1.9.0').compareTo(semver('1.10.0')) == -1"),
    ] {
        assert_eq!(value(text), Ok(true), "{text}");
        assert!(text.contains(name));
        called.insert(name);
    }
    assert_eq!(called, FUNCTIONS.iter().map(|function| function.name).collect());
}

#[test]
fn operators_and_loops_mean_what_they_mean_in_cel() {
    for text in [
        "1 + 2 * 3 - 4 / 2 % 3 == 5 && -1 < 0 && 4--4 == 8 && 1u < 2u && 1.5 + 1.5 == 3.0",
        "'a' + 'b' == 'ab' && [1] + [2] == [1, 2] && 'a' < 'b' && 1 < 1.5",
        "true ? !false : false",
        "null == null && cluster.gatewayAPI.channel != null",
        "{'a': 1}['a'] == 1 && {'a': 1}.a == 1 && 'a' in {'a': 1} && [1, 2][1] == 2",
        "[1, 2].all(x, x > 0) && [1, 2].exists(x, x == 2) && [1, 2].exists_one(x, x == 2) && [].all(x, x.y)",
        "[1, 2].map(x, x + 1) == [2, 3] && [1, 2].map(x, x > 1, x * 2) == [4] && [1, 2].filter(x, x > 1) == [2]",
        "[[1], [2]].map(x, x[0]).filter(x, x in [2]).size() == 1",
        // The inner name hides the outer one.
        "['a'].all(cluster, cluster == 'a')",
        r#"r'\d' == "\\d" && """a'b""" == "a'b" && '\u00e4' == 'ä'"#,
    ] {
        assert_eq!(value(text), Ok(true), "{text}");
    }
}

#[test]
fn what_is_wrong_is_found_before_evaluation() {
    for (text, part, message, suggestion) in [
        ("has(cluster.foo)", "has", "cluster has no field foo", "it has kubernetes, gatewayAPI"),
        ("[1].all(x, x == 1) && x == 1", "x", "there is no variable x", "there is cluster"),
        ("has(cluster)", "cluster", "has() takes a field such as cluster.gatewayAPI", ""),
        ("cluster.gatewayAPI.channel.foo", "foo", "a string has no field foo", ""),
        ("cluster.gatewayAPI.channel[0] == 'a'", "[", "a string has no items", ""),
        (
            "cluster['kubernetes'].version == ''",
            "cluster",
            "cluster is no value",
            "name one of its fields: cluster.kubernetes, cluster.gatewayAPI",
        ),
        (
            "[cluster].size() == 1",
            "cluster",
            "cluster is no value",
            "name one of its fields: cluster.kubernetes, cluster.gatewayAPI",
        ),
        ("[1].serves('v1', 'Pod')", "serves", "serves is for cluster, not for a list", ""),
        ("serves('v1', 'Pod')", "serves", "there is no function serves", "write cluster.serves(…)"),
        ("contains('a', 'b')", "contains", "there is no function contains", "write value.contains(…)"),
        ("'1.2.3'.semver() == 1", "semver", "there is no function semver", "write semver(…) without a dot before it"),
        ("'a'.startWith('a')", "startWith", "there is no function startWith", "did you mean \"startsWith\"?"),
        ("[1].exist(x, x == 1)", "exist", "there is no function exist", "did you mean \"exists\"?"),
        ("duration('1h') == 1", "duration", "there is no function duration", ""),
        ("size(1) == 1", "1", "size takes a string, a list or a map here, not a whole number", ""),
        ("'a'.contains() ", "contains", "contains takes 1 argument, not 0", ""),
        ("semver() == semver('1.2.3')", "semver", "semver takes 1 or 2 arguments, not 0", ""),
        ("!cluster.kubernetes.version", "version", "expected true or false, found a string", ""),
        ("true && 'a'", "'a'", "expected true or false, found a string", ""),
        ("1 ? true : false", "1", "expected true or false, found a whole number", ""),
        ("[1].exists(x, x)", "x", "expected true or false, found a whole number", ""),
        ("'a'.exists(x, true)", "'a'", "expected a list, found a string", ""),
        ("cluster.kubernetes.version == 1", "==", "compares a string with a whole number: they are never equal", ""),
        ("['a'] == [1]", "==", "compares a list with a list: they are never equal", ""),
        ("1 in ['a']", "1", "looks for a whole number in a list of other values: it is never there", ""),
        ("1 + 'a' == 2", "+", "adds a whole number and a string", ""),
        ("1 - 1.5 == 2.0", "-", "calculates with a whole number and a number with a fraction", ""),
        ("true < false", "<", "true or false and true or false have no order", ""),
        ("{[1]: 1} == {}", "[", "a list can't be a key", ""),
        (
            "'1.2' > semver('1.2.3')",
            ">",
            "versions have methods instead of < and >",
            "write a.isLessThan(b) or a.isGreaterThan(b)",
        ),
        ("true ? 'a' : 'b'", "true ? 'a' : 'b'", "the result is a string, and must be true or false", ""),
        ("[1].map(x, x) ", "[1].map(x, x)", "the result is a list, and must be true or false", ""),
        ("[1].map(1, true)", "1", "the first argument must be a new name for the item", ""),
        (
            "cluster.kubernetes.version.matches(cluster.gatewayAPI.channel)",
            "channel",
            "the pattern of matches must be written out, in quotes",
            "",
        ),
        ("true | false", "|", "a single | means nothing", "did you mean ||?"),
        ("true OR false", "OR", "unexpected \"OR\"", "did you mean ||?"),
        ("a.?b", ".", "optional values such as a.?b and [?a] are not supported", ""),
        ("'a' == x'b'", "'", "unexpected quote", ""),
        ("'ä' == 'b", "'b", "this string is never closed", ""),
        (r"'\q' == ''", "'", "this string has an escape that means nothing", r"write \\ for one \"),
        ("[true)", ")", "this ) doesn't close the [ before it", ""),
        ("true)", ")", "this ) closes nothing", ""),
        ("99999999999999999999 == 1", "99999999999999999999", "this number is too large", ""),
        ("true // fine\n && ?", "?", "unexpected \"?\"", ""),
        ("@result", "@", "unexpected \"@\"", ""),
        ("", "", "the expression is empty", ""),
        ("// nothing", "", "the expression ends too early", ""),
    ] {
        let expected = (part.to_owned(), message.to_owned(), suggestion.to_owned());
        assert_eq!(problems(text), [expected], "{text}");
    }
}

#[test]
fn all_that_is_wrong_is_found_at_once_and_in_order() {
    let text = "cluster . foo == 'ä🚪' && size ( 1 ) == 2 || [1].all(x, y == z) // ü\n && cluster.gatewayAPI.bar()";
    let found: Vec<_> = problems(text).into_iter().map(|(part, message, _)| format!("{part}: {message}")).collect();
    let expected = [
        "foo: cluster has no field foo",
        "1: size takes a string, a list or a map here, not a whole number",
        "y: there is no variable y",
        "z: there is no variable z",
        "bar: there is no function bar",
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_can_only_fail_at_evaluation_fails_in_plain_words() {
    for (text, words) in [
        (
            "semver(cluster.gatewayAPI.bundleVersion).major() == 1",
            "semver: invalid semver 'v1.6.3': unexpected character 'v' while parsing major version number",
        ),
        ("cluster.gatewayAPI.servedVersions[7] == 'v1'", "the list has no such item"),
        ("{'a': 1}[cluster.gatewayAPI.channel] == 1", "there is no key standard"),
        ("1 / 0 == 1", "divides by zero"),
        ("9223372036854775807 + 1 == 0", "a number becomes too large"),
        ("[1, 'a'][0].contains('a') || [1, 'a'][0] < 'b'", "an operator stands between values it isn't for"),
    ] {
        assert_eq!(value(text), Err(words.to_owned()), "{text}");
    }
    assert_eq!(value("1 / 0 == 1 || true"), Ok(true), "the other side decides, as in CEL");
}
