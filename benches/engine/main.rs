//! How fast the pure parts are, in documents or classes and in bytes each second: `cargo bench --bench engine`.

use classkeeper::engine::diagnostic::text::{FileText, Findings};
use classkeeper::engine::field_set::FieldSet;
use classkeeper::engine::live::Live;
use classkeeper::engine::outcome::Outcome;
use classkeeper::engine::plan::Plan;
use classkeeper::engine::tenancy::Scope;
use classkeeper::engine::validate::validate;
use classkeeper::engine::when::Conditions;
use classkeeper::files::reload::Loader;
use classkeeper::files::snapshot::Snapshot;
use classkeeper::files::yaml::{self, Budget};
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use serde_json::Value;

#[allow(dead_code, reason = "benches and tests/costs.rs share them")]
mod inputs;

/// How many documents one file has: 0.1 MiB of the small ones.
const DOCUMENTS: usize = 500;

fn main() {
    divan::main();
}

/// Text to documents.
#[divan::bench(args = ["small", "rich", "json"])]
fn parse(bencher: Bencher<'_, '_>, kind: &str) {
    let text = text(kind);
    let file = FileText::new("a.yaml".into(), &text);
    bencher.counter(ItemsCount::new(DOCUMENTS)).counter(BytesCount::of_str(&text)).bench_local(|| {
        let documents = yaml::parse(&mut Findings::new(&file), Budget::default());
        assert_eq!(documents.len(), DOCUMENTS);
        documents
    });
}

/// Documents to classes.
#[divan::bench(args = ["small", "rich"])]
fn validate_documents(bencher: Bencher<'_, '_>, kind: &str) {
    let text = text(kind);
    let file = FileText::new("a.yaml".into(), &text);
    let documents = yaml::parse(&mut Findings::new(&file), Budget::default());
    bencher.counter(ItemsCount::new(DOCUMENTS)).counter(BytesCount::of_str(&text)).bench_local(|| {
        let (mut conditions, mut findings) = (Conditions::default(), Findings::new(&file));
        let classes: Vec<_> =
            documents.iter().map(|it| validate(it, &Scope::Platform, &mut conditions, &mut findings)).collect();
        assert_eq!(findings.errors(), 0);
        classes
    });
}

/// Documents to findings: each has a field that is misspelt.
#[divan::bench]
fn refuse_documents(bencher: Bencher<'_, '_>) {
    let text = text("small").replace("description", "descripton");
    let file = FileText::new("a.yaml".into(), &text);
    let documents = yaml::parse(&mut Findings::new(&file), Budget::default());
    bencher.counter(ItemsCount::new(DOCUMENTS)).counter(BytesCount::of_str(&text)).bench_local(|| {
        let (mut conditions, mut findings) = (Conditions::default(), Findings::new(&file));
        for document in &documents {
            validate(document, &Scope::Platform, &mut conditions, &mut findings);
        }
        assert_eq!(findings.errors(), DOCUMENTS);
        findings.into_list()
    });
}

/// A whole source, from bytes to the defaults in force: files, and documents in each.
#[divan::bench(args = [(20, 500), (10_000, 1)])]
fn load(bencher: Bencher<'_, '_>, (files, documents): (usize, usize)) {
    let snapshot = inputs::source(inputs::small, files, documents);
    let bytes: usize = snapshot.files().iter().map(|file| file.bytes.len()).sum();
    bencher
        .counter(ItemsCount::new(files * documents))
        .counter(BytesCount::new(bytes))
        .with_inputs(Loader::default)
        .bench_local_values(|mut loader| (loader.load(&snapshot), loader));
}

/// The same after one document of all was changed: what is unchanged is neither parsed nor validated.
#[divan::bench(args = [(20, 500), (10_000, 1)])]
fn reload(bencher: Bencher<'_, '_>, (files, documents): (usize, usize)) {
    let before = inputs::source(inputs::small, files, documents);
    let after = before.files().iter().enumerate().map(|(index, file)| {
        let mut bytes = file.bytes.clone();
        if index == 0 {
            bytes.extend_from_slice(b"  parametersRef: {group: example.com, kind: Parameters, name: edge}\n");
        }
        (file.name.to_string(), bytes)
    });
    let after = Snapshot::of(after);
    bencher
        .counter(ItemsCount::new(files * documents))
        .with_inputs(|| {
            let mut loader = Loader::default();
            loader.load(&before);
            loader
        })
        .bench_local_values(|mut loader| (loader.load(&after), loader));
}

/// One entry of `managedFields`, decoded.
#[divan::bench]
fn decode_managed_fields(bencher: Bencher<'_, '_>) {
    let fields = inputs::applied();
    bencher
        .counter(ItemsCount::new(1_u32))
        .counter(BytesCount::of_str(&fields.to_string()))
        .bench_local(|| FieldSet::decode(&fields).expect("a field set"));
}

/// An object of the watch, reduced to what planning needs.
#[divan::bench]
fn take_in(bencher: Bencher<'_, '_>) {
    let object = inputs::object(1);
    bencher
        .counter(ItemsCount::new(1_u32))
        .counter(BytesCount::of_str(&object.to_string()))
        .with_inputs(|| inputs::parts(&object))
        .bench_local_values(|(metadata, spec)| Live::new(metadata, spec).expect("a class"));
}

/// A class that is as wanted: the plan of every pass but few.
#[divan::bench]
fn plan_unchanged(bencher: Bencher<'_, '_>) {
    plan(bencher, &inputs::rich(1), Some(&inputs::object(1)), Outcome::Unchanged);
}

/// A class that isn't there.
#[divan::bench]
fn plan_created(bencher: Bencher<'_, '_>) {
    plan(bencher, &inputs::rich(1), None, Outcome::Created);
}

/// A class of which a unit changed in the files.
#[divan::bench]
fn plan_configured(bencher: Bencher<'_, '_>) {
    let mut object = inputs::object(1);
    object["spec"]["parametersRef"]["name"] = "other".into();
    plan(bencher, &inputs::rich(1), Some(&object), Outcome::Configured);
}

/// A class of which another owns a unit with another value.
#[divan::bench]
fn plan_yield(bencher: Bencher<'_, '_>) {
    plan(bencher, &inputs::yielding(1), Some(&inputs::edited(1)), Outcome::Unchanged);
}

fn plan(bencher: Bencher<'_, '_>, document: &str, object: Option<&Value>, outcome: Outcome) {
    let (default, manager) = (inputs::default_class(document), inputs::ours());
    let live = object.map(inputs::live);
    assert_eq!(Plan::new(&default, live.as_ref(), &manager).outcome, outcome);
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| Plan::new(&default, live.as_ref(), &manager).outcome);
}

fn text(kind: &str) -> String {
    match kind {
        "small" => inputs::file(inputs::small, DOCUMENTS),
        "rich" => inputs::file(inputs::rich, DOCUMENTS),
        "json" => inputs::file(json, DOCUMENTS),
        other => panic!("there are no documents called {other}"),
    }
}

fn json(index: usize) -> String {
    let document = serde_json::json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": format!("class-{index:05}"), "labels": {"app.kubernetes.io/part-of": "edge"}},
        "spec": {"controllerName": "example.com/controller", "description": format!("Class number {index}")},
    });
    format!("{document:#}\n")
}
