//! What the pure parts cost in allocations and in bytes. These are the same on every machine, however busy it is, so that
//! a part that becomes dearer is seen at once; what time it takes, `cargo bench` says.
//!
//! A bound that is passed on purpose is raised here, to the figure that the test tells, and the commit says what for. A
//! bound that is undercut may be lowered.

use allocation_counter::{AllocationInfo, measure};
use classkeeper::engine::field_set::FieldSet;
use classkeeper::engine::live::Live;
use classkeeper::engine::outcome::Outcome;
use classkeeper::engine::plan::Plan;
use classkeeper::files::reload::{Loader, Reload};
use classkeeper::files::snapshot::Snapshot;
use serde_json::Value;

#[path = "../benches/engine/inputs.rs"]
#[allow(dead_code, reason = "benches and tests/costs.rs share them")]
mod inputs;

/// How many documents are loaded: enough that what a load costs once doesn't count.
const DOCUMENTS: usize = 2_000;

/// Holds a figure to its bound.
fn hold(what: &str, figure: u64, bound: u64) {
    assert!(
        figure <= bound,
        "{what}: {figure}, and at most {bound} are allowed. If it is worth that, raise the bound in tests/costs.rs to \
         {figure}, and say in the commit what for"
    );
}

fn allocations_of_plan(document: &str, object: Option<&Value>, outcome: Outcome) -> u64 {
    let (default, manager) = (inputs::default_class(document), inputs::ours());
    let live = object.map(inputs::live);
    let mut planned = None;
    let cost = measure(|| planned = Some(Plan::new(&default, live.as_ref(), &manager).outcome));
    assert_eq!(planned, Some(outcome));
    cost.count_total
}

/// The list of units, and nothing besides: ten thousand classes are planned for each reload.
#[test]
fn a_class_that_is_as_wanted_is_planned_with_one_allocation() {
    let figure = allocations_of_plan(&inputs::rich(1), Some(&inputs::object(1)), Outcome::Unchanged);
    hold("allocations of a plan that rests", figure, 1);
}

#[test]
fn a_class_whose_unit_another_keeps_is_planned_with_one_allocation() {
    let figure = allocations_of_plan(&inputs::yielding(1), Some(&inputs::edited(1)), Outcome::Unchanged);
    hold("allocations of a plan that yields", figure, 1);
}

#[test]
fn a_plan_that_sends_something_costs_no_more_than_its_body() {
    let mut object = inputs::object(1);
    object["spec"]["parametersRef"]["name"] = "other".into();
    let figure = allocations_of_plan(&inputs::rich(1), Some(&object), Outcome::Configured);
    hold("allocations of a plan that applies", figure, 57);
    let figure = allocations_of_plan(&inputs::rich(1), None, Outcome::Created);
    hold("allocations of a plan that creates", figure, 36);
}

#[test]
fn a_class_is_taken_in_with_few_allocations() {
    let fields = inputs::applied();
    let cost = measure(|| drop(FieldSet::decode(&fields)));
    hold("allocations of a decoded entry of managedFields", cost.count_total, 16);
    let (metadata, spec) = inputs::parts(&inputs::object(1));
    let mut live = None;
    let cost = measure(|| live = Live::new(metadata, spec).ok());
    assert!(live.is_some());
    hold("allocations of a class that the watch brings", cost.count_total, 43);
}

/// Loads so many documents; what that costs, the loader and what it loaded.
fn load(document: fn(usize) -> String, files: usize) -> (AllocationInfo, Loader, Reload) {
    let snapshot = inputs::source(document, files, DOCUMENTS / files);
    // Validators and their caches are made once.
    inputs::load(&inputs::source(document, 1, 1));
    let mut loaded = None;
    let cost = measure(|| {
        let mut loader = Loader::default();
        let reload = loader.load(&snapshot);
        loaded = Some((loader, reload));
    });
    let (loader, reload) = loaded.expect("it was loaded");
    match &reload {
        Reload::Accepted { defaults, .. } => assert_eq!(defaults.len(), DOCUMENTS),
        Reload::Rejected { .. } | Reload::Unchanged => panic!("{reload:?}"),
    }
    (cost, loader, reload)
}

/// For each document, rounded up.
fn each(figure: u64) -> u64 {
    figure.div_ceil(DOCUMENTS as u64)
}

#[test]
fn a_document_is_loaded_with_few_allocations() {
    hold("allocations of a small document", each(load(inputs::small, 10).0.count_total), 26);
    hold("allocations of a rich document", each(load(inputs::rich, 10).0.count_total), 79);
    hold("allocations of a file with a small document", each(load(inputs::small, DOCUMENTS).0.count_total), 38);
}

/// Rounded up to tens: a condition is compiled on a thread of its own, whose few bytes aren't always counted.
#[test]
fn a_class_is_kept_in_few_bytes() {
    let kept = |cost: AllocationInfo| each(u64::try_from(cost.bytes_current).expect("something is kept"));
    hold("bytes of a class whose description is its own", kept(load(inputs::small, 10).0), 490);
    hold("bytes of a class whose reference is its own", kept(load(inputs::rich, 10).0), 790);
    hold("bytes of a class that differs in its name alone", kept(load(inputs::alike, 10).0), 290);
    hold("bytes of a class and its file", kept(load(inputs::alike, DOCUMENTS).0), 460);
}

/// Beside what is kept, there is one document at a time, and for a moment the lists that become the defaults.
#[test]
fn a_load_holds_no_more_than_it_keeps_and_one_document() {
    let (cost, ..) = load(inputs::rich, 2);
    let peak = cost.bytes_max - u64::try_from(cost.bytes_current).expect("something is kept");
    hold("bytes for each document that a load needs for a moment", each(peak), 230);
}

#[test]
fn equal_content_is_neither_parsed_nor_compared() {
    let (_, mut loader, _) = load(inputs::small, 10);
    let again = inputs::source(inputs::small, 10, DOCUMENTS / 10);
    let cost = measure(|| assert!(matches!(loader.load(&again), Reload::Unchanged)));
    hold("allocations of a load of equal content", cost.count_total, 1);
}

#[test]
fn of_ten_files_only_the_one_that_changed_is_parsed() {
    let (whole, mut loader, _) = load(inputs::small, 10);
    let before = inputs::source(inputs::small, 10, DOCUMENTS / 10);
    let changed = |(index, name, mut bytes): (usize, String, Vec<u8>)| {
        bytes.extend_from_slice(if index == 3 { b"# edited\n" } else { b"" });
        (name, bytes)
    };
    let files = before.files().iter().enumerate();
    let edited = Snapshot::of(files.map(|(index, file)| changed((index, file.name.to_string(), file.bytes.clone()))));
    let cost = measure(|| assert!(matches!(loader.load(&edited), Reload::Accepted { .. })));
    hold("percent of a whole load for one file of ten", cost.count_total * 100 / whole.count_total, 11);
}
