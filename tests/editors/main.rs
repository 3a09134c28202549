//! The shipped schema in editors, by the YAML server that VS Code, Neovim, Helix and others have: what it offers, what it
//! explains and what it marks.

#![allow(unreachable_pub, reason = "a test has no users")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on has failed")]

mod server;

use serde_json::{Value, json};

use crate::server::{Server, project};

const CLASS: &str = "apiVersion: classkeeper.dev/v1alpha1\nkind: DefaultGatewayClass\nmetadata:\n  name: edge\nspec:\n  \
                     controllerName: example.com/x\n";
const MANIFEST: &str = "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata:\n  name: edge\nspec:\n  \
                        controllerName: example.com/x\n";
const TEMPLATE: &str = "apiVersion: classkeeper.dev/v1alpha1\nkind: GatewayClassTemplate\nmetadata:\n  name: per-team\n\
                        forEach:\n  namespaces:\n    selector:\n      matchLabels: {tenant: \"true\"}\ntemplate:\n  \
                        metadata:\n    name: \"${namespace.name}-edge\"\n  spec:\n    controllerName: example.com/x\n";
const TENANT: &str = "apiVersion: classkeeper.dev/v1alpha1\nkind: Tenant\nmetadata:\n  name: team-a\nnamespaces: [team-a]\n\
                      allow:\n  names: [\"team-a-*\"]\n  controllerNames: [\"example.com/*\"]\n";

/// The line by which a document says what schema it follows.
fn modeline() -> String {
    format!("# yaml-language-server: $schema={}\n", project("schema/defaults.v1alpha1.json").display())
}

/// A server for whoever has no settings; nothing is fetched.
fn server() -> Option<Server> {
    Server::start(settings(&json!({})))
}

fn settings(schemas: &Value) -> Value {
    json!({"schemaStore": {"enable": false}, "schemas": schemas, "validate": true, "hover": true, "completion": true})
}

fn words(completions: &[(String, String)]) -> Vec<&str> {
    completions.iter().map(|(word, _)| &**word).collect()
}

#[test]
fn a_policy_s_fields_and_their_values_are_offered_with_what_they_are() {
    let Some(mut server) = server() else { return };
    let head = modeline() + CLASS;
    let fields = server.completions(&format!("{head}policy:\n  <>"));
    let all =
        ["adoptFrom", "conflicts", "createOnly", "enforce", "mode", "onDelete", "onRemove", "onReplace", "protect"];
    assert_eq!(words(&fields), all);
    assert!(fields.iter().all(|(_, what)| what.len() > 20), "{fields:#?}");
    let values = server.completions(&format!("{head}policy:\n  conflicts: <>"));
    assert_eq!(words(&values), ["Yield", "Fail", "Force"]);
    assert_eq!(values[0].1, "The other owner keeps the unit, everything else is applied.");
    let units = server.completions(&format!("{head}policy:\n  createOnly:\n    - <>"));
    assert!(words(&units).contains(&"spec.description"), "{units:?}");
}

#[test]
fn each_kind_is_offered_and_has_its_own_fields() {
    let Some(mut server) = server() else { return };
    let kinds = server.completions(&(modeline() + "apiVersion: classkeeper.dev/v1alpha1\nkind: <>"));
    let mut names = words(&kinds);
    names.sort_unstable();
    assert_eq!(names, ["DefaultGatewayClass", "GatewayClass", "GatewayClassTemplate", "Tenant"]);
    assert!(kinds.iter().any(|(_, what)| what.contains("boundary")), "{kinds:#?}");
    let of_template = server.completions(&format!("{}{TEMPLATE}policy:\n  onRemove: <>", modeline()));
    assert_eq!(words(&of_template), ["Release", "Delete"]);
    let of_selector = (modeline() + TEMPLATE).replace("matchLabels: {tenant: \"true\"}", "<>");
    assert_eq!(words(&server.completions(&of_selector)), ["matchExpressions", "matchLabels"]);
    let of_tenant = server.completions(&format!("{}{TENANT}  <>", modeline()));
    assert_eq!(words(&of_tenant), ["parametersKinds", "parametersNamespaces", "policies"]);
    let policies = server.completions(&format!("{}{TENANT}  policies:\n    - <>", modeline()));
    assert_eq!(words(&policies), ["Force", "Enforce", "Adopt", "Delete", "Protect"]);
    let of_manifest = server.completions(&format!("{}{MANIFEST}<>", modeline()));
    assert!(!words(&of_manifest).contains(&"policy"), "a manifest has none: {of_manifest:?}");
}

#[test]
fn what_is_under_the_cursor_is_explained() {
    let Some(mut server) = server() else { return };
    let mut shows = |text: String, words: &str| {
        let shown = server.hover(&(modeline() + &text));
        assert!(shown.contains(words), "{text}\n{shown}");
        assert!(!shown.contains("anyOf") && !shown.contains("||"), "one schema speaks: {shown}");
    };
    shows(CLASS.replace("kind", "ki<>nd"), "A class that classkeeper keeps, and how it keeps it.");
    shows(CLASS.replace("controllerName", "contr<>ollerName"), "the controller that is managing Gateways");
    shows(format!("{CLASS}policy:\n  mo<>de: Apply\n"), "`Observe`: Report what would be done, never write.");
    shows(format!("{CLASS}policy:\n  mode: Ap<>ply\n"), "`Apply`: Keep the class as the default says.");
    shows(TEMPLATE.replace("forEach", "for<>Each"), "What there is one class for each of.");
    shows(TENANT.replace("allow", "al<>low"), "What the team's files may ask for.");
}

#[test]
fn a_mistake_is_marked_at_its_place_in_one_schema_s_words() {
    let Some(mut server) = server() else { return };
    let mut marks = |text: String, expected: &[&str]| assert_eq!(server.problems(&(modeline() + &text)), expected);
    for kind in [CLASS, MANIFEST, TEMPLATE, TENANT] {
        marks(kind.to_owned(), &[]);
    }
    marks(format!("{CLASS}policy:\n  mod: Apply\n"), &["9:3 Property mod is not allowed."]);
    marks(
        CLASS.replace("controllerName", "controlerName"),
        &["6:1 Missing property \"controllerName\".", "7:3 Property controlerName is not allowed."],
    );
    marks(
        format!("{CLASS}policy:\n  mode: Aply\n"),
        &["9:9 Value is not accepted. Valid values: \"Apply\", \"Observe\"."],
    );
    marks(
        CLASS.replace("DefaultGatewayClass", "DefaultGatewayClas"),
        &[
            "3:7 Value is not accepted. Valid values: \"DefaultGatewayClass\", \"GatewayClass\", \"GatewayClassTemplate\", \
           \"Tenant\".",
        ],
    );
    marks(
        CLASS.replace("example.com/x", "x"),
        &["7:19 must be a domain-prefixed path such as example.com/gateway-controller"],
    );
    let owned = "  finalizers: [a]\n  labels:\n    meta.helm.sh/x: y\n";
    marks(
        CLASS.replace("spec:", &format!("{owned}spec:")),
        &[
            "6:15 can't be set in a defaults file: finalizers belong to the programs that take them off again",
            "8:5 is reserved: classkeeper and Helm set it themselves",
        ],
    );
    marks(
        TEMPLATE.replace("${namespace.name}-edge", "edge"),
        &["12:11 is the same for every namespace: write ${namespace.name} into it"],
    );
    marks(
        TENANT.replace("  names", "  nams"),
        &["7:1 Missing property \"names\".", "8:3 Property nams is not allowed."],
    );
}

/// The line counts for its own document only: `docs/editors.md` says so.
#[test]
fn each_document_of_a_file_says_what_it_follows() {
    let Some(mut server) = server() else { return };
    let (line, misspelt) = (modeline(), TENANT.replace("  names", "  nams"));
    assert_eq!(server.problems(&format!("{line}{CLASS}---\n{misspelt}")), [""; 0]);
    let marked = server.problems(&format!("{line}{CLASS}---\n{line}{misspelt}---\n{line}{MANIFEST}"));
    assert_eq!(marked, ["15:1 Missing property \"names\".", "16:3 Property nams is not allowed."]);
    let offered = server.completions(&format!("{line}{CLASS}---\n{line}{TENANT}  <>"));
    assert_eq!(words(&offered), ["parametersKinds", "parametersNamespaces", "policies"]);
    let shown = server.hover(&format!("{line}{CLASS}---\n{line}{}", TENANT.replace("allow", "al<>low")));
    assert!(shown.contains("What the team's files may ask for."), "{shown}");
}

/// What `docs/editors.md` has for whole folders.
#[test]
fn a_setting_is_enough_for_every_document_of_a_folder() {
    let schema = project("schema/defaults.v1alpha1.json").display().to_string();
    let Some(mut server) = Server::start(settings(&json!({schema: ["**/defaults/*.yaml"]}))) else { return };
    let text = format!("{CLASS}---\n{}", TENANT.replace("  names", "  nams"));
    assert_eq!(server.problems(&text), ["13:1 Missing property \"names\".", "14:3 Property nams is not allowed."]);
    let offered = server.completions(&format!("{CLASS}---\n{TENANT}  <>"));
    assert_eq!(words(&offered), ["parametersKinds", "parametersNamespaces", "policies"]);
}

#[test]
fn the_shipped_defaults_have_no_mistake_in_an_editor() {
    let Some(mut server) = server() else { return };
    let mut documents = 0;
    for file in project("defaults.d").read_dir().unwrap().map(|entry| entry.unwrap().path()) {
        let text = std::fs::read_to_string(&file).unwrap();
        let schema = project("schema").display().to_string();
        let text = text.replace("$schema=../schema", &format!("$schema={schema}"));
        assert_eq!(server.problems(&text), [""; 0], "{}", file.display());
        let own = text.split("\n---\n").filter(|document| document.contains("kind: DefaultGatewayClass"));
        for document in own {
            assert!(
                document.contains("# yaml-language-server: $schema="),
                "{}: each document needs it",
                file.display()
            );
            documents += 1;
        }
    }
    assert!(documents > 5, "only {documents} documents were looked at");
}
