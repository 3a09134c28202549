//! Random histories: what users, other programs, the files and the cluster do between the program's passes.

use std::fmt;

use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use super::{CONTROLLER, default_class, object};
use crate::engine::annotations::{HELM_RELEASE, IGNORE, RECONCILE};
use crate::engine::defaults::DefaultClass;
use crate::engine::plan::server::{Refusal, Server};
use crate::engine::policy::{Conflicts, Mode, OnReplace, Policy};
use crate::engine::unit::Unit;

/// One thing that happens.
#[derive(Clone)]
pub(super) enum Event {
    /// The program passes over the class; perhaps somebody writes between its first plan and its first request.
    Pass(Option<Write>),
    /// Somebody else writes.
    Write(Write),
    /// Somebody takes a manager's entry off `managedFields`.
    Disown(&'static str),
    /// `managedFields` is emptied.
    Wipe,
    /// The program gives the class up.
    Release,
    /// The class is deleted.
    Delete,
    /// The files change.
    Files(Files),
}

/// The files, as far as the class is concerned.
#[derive(Clone)]
pub(super) struct Files(pub(super) Box<DefaultClass>);

/// A write to the class by somebody else.
#[derive(Clone)]
pub(super) struct Write {
    by: &'static str,
    how: How,
    body: Value,
}

#[derive(Clone, Copy, Debug)]
enum How {
    Update,
    Apply { force: bool },
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass(None) => f.write_str("pass"),
            Self::Pass(Some(write)) => write!(f, "pass, and meanwhile {write:?}"),
            Self::Write(write) => write!(f, "{write:?}"),
            Self::Disown(manager) => write!(f, "disown {manager}"),
            Self::Wipe => f.write_str("wipe"),
            Self::Release => f.write_str("release"),
            Self::Delete => f.write_str("delete"),
            Self::Files(files) => write!(f, "{files:?}"),
        }
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("files:")?;
        self.0.units.iter().try_for_each(|(unit, value)| write!(f, " {unit}={value}"))?;
        let Policy { mode, conflicts, enforce, create_only, adopt_from, on_replace, .. } = &*self.0.policy;
        write!(f, "; {mode:?} {conflicts:?} enforce {enforce:?} createOnly {create_only:?}")?;
        write!(f, " adoptFrom {adopt_from:?} onReplace {on_replace:?}")
    }
}

impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {} {}", self.by, self.how, self.body["metadata"], self.body["spec"])
    }
}

impl Write {
    /// Sends it; the server may refuse.
    pub(super) fn send(&self, server: &mut Server) -> Result<(), Refusal> {
        match self.how {
            How::Update => server.update(self.by, &self.body),
            How::Apply { force } => server.apply(self.by, &self.body, force),
        }
    }
}

/// A default and what happens to its class.
pub(super) fn history() -> impl Strategy<Value = (Files, Vec<Event>)> {
    (files(), vec(event(), 1..24))
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        10 => Just(Event::Pass(None)),
        3 => write().prop_map(|write| Event::Pass(Some(write))),
        10 => write().prop_map(Event::Write),
        1 => select(vec!["kubectl-edit", "argocd", "classkeeper"]).prop_map(Event::Disown),
        1 => Just(Event::Wipe),
        1 => Just(Event::Release),
        2 => Just(Event::Delete),
        4 => files().prop_map(Event::Files),
    ]
}

/// The scalar units that defaults name and others write.
fn scalars() -> [Unit; 5] {
    [Unit::Description, Unit::spec("profile"), Unit::label("team"), Unit::label("tier"), Unit::annotation("note")]
}

fn files() -> impl Strategy<Value = Files> {
    let values = scalars().map(|unit| weighted(0.7, scalar()).prop_map(move |value| Some((unit.clone(), value?))));
    let reference = weighted(0.7, reference()).prop_map(|value| Some((Unit::ParametersRef, value?)));
    (values, reference, policy()).prop_map(|(values, reference, policy)| {
        let units = values.into_iter().chain([reference]).flatten();
        Files(Box::new(default_class(units, policy)))
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    let units = || {
        let units: Vec<_> = scalars().into_iter().chain([Unit::ParametersRef]).collect();
        weighted(0.3, subsequence(units, 1..=2)).prop_map(Option::unwrap_or_default)
    };
    let conflicts = prop_oneof![6 => Just(Conflicts::Yield), 1 => Just(Conflicts::Fail), 2 => Just(Conflicts::Force)];
    let mode = prop_oneof![12 => Just(Mode::Apply), 1 => Just(Mode::Observe)];
    let adopt_from = weighted(0.2, select(vec!["kubectl-edit", "argocd"]));
    let on_replace = prop_oneof![3 => Just(OnReplace::Block), 1 => Just(OnReplace::Recreate)];
    (mode, conflicts, units(), units(), adopt_from, on_replace).prop_map(
        |(mode, conflicts, enforce, mut create_only, adopt_from, on_replace)| {
            // The same unit in both is an invalid file.
            create_only.retain(|unit| !enforce.contains(unit));
            let adopt_from = adopt_from.into_iter().map(str::to_owned).collect();
            Policy { mode, conflicts, enforce, create_only, adopt_from, on_replace, ..Policy::default() }
        },
    )
}

fn scalar() -> impl Strategy<Value = Value> {
    select(vec!["a", "b", "c"]).prop_map(Value::from)
}

fn reference() -> impl Strategy<Value = Value> {
    let part = |values: [&'static str; 2]| select(values.to_vec());
    let namespace = of(part(["x", "y"]));
    (part(["g", "h"]), part(["K", "L"]), part(["a", "b"]), namespace).prop_map(|(group, kind, name, namespace)| {
        let mut reference = json!({"group": group, "kind": kind, "name": name});
        if let Some(namespace) = namespace {
            reference["namespace"] = namespace.into();
        }
        reference
    })
}

fn write() -> impl Strategy<Value = Write> {
    let update = (select(vec!["kubectl-edit", "helm"]), Just(How::Update), body(true));
    let apply = (select(vec!["argocd", "flux"]), any::<bool>().prop_map(|force| How::Apply { force }), body(false));
    // A patch under our own name, by hand or by an earlier version.
    let own = (Just("classkeeper"), Just(How::Update), own_body());
    prop_oneof![8 => update, 6 => apply, 1 => own].prop_map(|(by, how, body)| Write { by, how, body })
}

/// What somebody sends: an object for an apply, a merge patch for an update, whose nulls remove.
fn body(patch: bool) -> impl Strategy<Value = Value> {
    let nullable = move |value: BoxedStrategy<Value>| {
        if patch { prop_oneof![2 => value, 1 => Just(Value::Null)].boxed() } else { value }
    };
    let scalars = scalars().map(|unit| (Just(unit), weighted(0.3, nullable(scalar().boxed()))));
    let reference = weighted(0.4, nullable(if patch { patched_reference().boxed() } else { reference().boxed() }));
    let controller = prop_oneof![
        20 => Just(Some(CONTROLLER)), 8 => Just(None), 2 => Just(Some("foreign.dev/c"))
    ];
    let release = Just(Value::from("edge"));
    let annotations = [(RECONCILE, reconcile().boxed()), (IGNORE, ignore().boxed()), (HELM_RELEASE, release.boxed())]
        .map(|(key, value)| (Just(Unit::annotation(key)), weighted(0.1, nullable(value))));
    (scalars, reference, controller, annotations).prop_map(|(scalars, reference, controller, annotations)| {
        let reference = [(Unit::ParametersRef, reference)];
        let controller = [(Unit::ControllerName, controller.map(Value::from))];
        let units = scalars.into_iter().chain(reference).chain(controller).chain(annotations);
        object(units.filter_map(|(unit, value)| Some((unit, value?))))
    })
}

fn own_body() -> impl Strategy<Value = Value> {
    [Unit::Description, Unit::label("team")]
        .map(|unit| of(scalar()).prop_map(move |value| Some((unit.clone(), value?))))
        .prop_map(|units| object(units.into_iter().flatten().chain([(Unit::ControllerName, CONTROLLER.into())])))
}

/// A whole reference over what is there, or a single part of it.
fn patched_reference() -> impl Strategy<Value = Value> {
    let part = (select(vec!["group", "kind", "name", "namespace"]), select(vec!["a", "x", "g", "K"]));
    prop_oneof![
        reference().prop_map(|mut reference| {
            if reference.get("namespace").is_none() {
                reference["namespace"] = Value::Null;
            }
            reference
        }),
        part.prop_map(|(part, value)| json!({part: value})),
        Just(json!({"namespace": null})),
    ]
}

fn reconcile() -> impl Strategy<Value = Value> {
    select(vec!["disabled", "enabled", "off"]).prop_map(Value::from)
}

fn ignore() -> impl Strategy<Value = Value> {
    let units: Vec<_> = scalars().into_iter().chain([Unit::ParametersRef]).map(|unit| unit.to_string()).collect();
    prop_oneof![
        6 => subsequence(units, 1..3).prop_map(|units| units.join(", ").into()),
        1 => Just(Value::from("spec.description, the rest")),
    ]
}
