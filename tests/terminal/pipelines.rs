//! What pipelines read: `JUnit` by an XML parser, and GitHub's commands by the rules of its runner.

use roxmltree::Document;

use crate::run;

/// What a line prints, however it ends.
fn report(line: &str) -> (Option<i32>, String) {
    let output = run(line);
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn junit_has_a_case_for_each_file_and_its_counts_are_right() {
    let (status, text) = report("classkeeper check -o junit bad.yaml good");
    assert_eq!(status, Some(1));
    let document = Document::parse(&text).unwrap();
    let count = |name: &str| document.descendants().filter(|node| node.has_tag_name(name)).count().to_string();
    for name in ["testsuites", "testsuite"] {
        let suite = document.descendants().find(|node| node.has_tag_name(name)).unwrap();
        assert_eq!(suite.attribute("tests"), Some(&*count("testcase")));
        assert_eq!(suite.attribute("failures"), Some(&*count("failure")));
    }
    let cases: Vec<_> = document.descendants().filter(|node| node.has_tag_name("testcase")).collect();
    let names: Vec<_> = cases.iter().map(|case| case.attribute("name").unwrap()).collect();
    assert_eq!(names, ["bad.yaml", "good/10-edge.yaml", "good/20-plain.yaml"]);
    let failure = cases[0].first_element_child().unwrap();
    assert_eq!(failure.attribute("type"), Some("unknown-field"));
    let text = failure.text().unwrap();
    assert!(text.contains("--> bad.yaml:7:3") && text.contains("did you mean \"controllerName\"?"), "{text}");
    assert!(!cases[1].has_children(), "a valid file passes");
    let warned = cases[2].first_element_child().unwrap();
    assert!(warned.has_tag_name("system-out") && warned.text().unwrap().contains("warning[ignored-field]"));
}

#[test]
fn junit_of_hostile_text_is_xml() {
    let file = "printf 'kind: \"<a>&]]>\\\\e\\x07\\\"\"\\n' > \"$d/a&<\\\"b.yaml\"";
    let (status, text) =
        report(&format!("d=$(mktemp -d); {file}; classkeeper check -o junit $d; s=$?; rm -r $d; exit $s"));
    assert_eq!(status, Some(1), "{text}");
    let document = Document::parse(&text).unwrap();
    let case = document.descendants().find(|node| node.has_tag_name("testcase")).unwrap();
    assert!(case.attribute("name").unwrap().ends_with("/a&<\"b.yaml"), "{text}");
}

/// As `ActionCommand.TryParseV2` in actions/runner reads a line.
fn command(line: &str) -> (String, Vec<(String, String)>, String) {
    let (head, message) = line.strip_prefix("::").unwrap().split_once("::").unwrap();
    let (name, properties) = head.split_once(' ').unwrap();
    let unescaped = |text: &str| {
        let text = text.replace("%0D", "\r").replace("%0A", "\n").replace("%3A", ":").replace("%2C", ",");
        text.replace("%25", "%")
    };
    let property = |pair: &str| pair.split_once('=').map(|(key, value)| (key.to_owned(), unescaped(value))).unwrap();
    (name.to_owned(), properties.split(',').map(property).collect(), unescaped(message))
}

#[test]
fn github_s_runner_finds_file_line_and_column() {
    let (status, text) = report("classkeeper check -o github ./bad.yaml ./good/");
    assert_eq!(status, Some(1));
    let commands: Vec<_> = text.lines().map(command).collect();
    let pairs = |place: [&str; 4]| {
        let keys = ["file", "line", "col", "title"];
        keys.into_iter().zip(place).map(|(key, value)| (key.to_owned(), value.to_owned())).collect::<Vec<_>>()
    };
    let error = &commands[0];
    assert_eq!((&*error.0, &error.1), ("error", &pairs(["bad.yaml", "7", "3", "unknown-field"])));
    assert!(error.2.contains("unknown field \"controlerName\" in spec\nhelp: did you mean"), "{}", error.2);
    let warning = commands.last().unwrap();
    assert_eq!((&*warning.0, &warning.1), ("warning", &pairs(["good/20-plain.yaml", "5", "3", "ignored-field"])));
}
