//! Random histories against the real API server: users and other appliers edit, files and policies change, the
//! program restarts; whatever happens, the invariants hold.
//!
//! A round does one step to each class, then waits until the program is at rest, then holds the classes against what
//! they were right after the step. `CLASSKEEPER_SEED` replays a history: the seed is printed with every failure.
//!
//! Each invariant has been seen red, under these mutations of the engine (one at a time):
//!
//! | invariant | mutation | in |
//! |---|---|---|
//! | `theirs stay` | `Decisions::action` returns `Enforced` where it returns `Yielded` | `engine/plan.rs` |
//! | `ours are right` | `UnitPlan::is_change` ignores the live value of `Sent::Wanted` | `engine/plan.rs` |
//! | `only ours` | `Decisions::unit` holds what it should omit (`Removed`, `StillOwned`) | `engine/plan.rs` |
//! | `the rest is untouched` | a reference is taken together with all labels, whosever they are | `engine/plan.rs` |
//! | `at rest` | `UnitPlan::is_change` is always true for `Sent::Held` | `engine/plan.rs` |

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::{Value, json};

use crate::ownership::{owners, units};
use crate::program::Program;
use crate::scenario::{Scenario, eventually};

const CLASSES: usize = 24;
const ROUNDS: usize = 44;
/// How long no request may come once everything is as wanted.
const QUIET: Duration = Duration::from_millis(150);
const LABELS: [&str; 3] = ["team", "tier", "extra"];
const VALUES: [&str; 3] = ["a", "b", "c"];
const MANAGERS: [&str; 3] = ["kubectl-edit", "flux", "argocd"];

/// A class as the test knows it: its default, and how it was right after the last step.
struct Class {
    name: String,
    default: Value,
    after_step: Value,
    /// Steps of others since the default changed: more than five repairs in a minute would be a fight, which is another
    /// test's business.
    edits: u8,
}

#[tokio::test]
async fn whatever_happens_the_invariants_hold() {
    let seed =
        std::env::var("CLASSKEEPER_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("CLASSKEEPER_SEED={seed}");
    let s = Scenario::new("random").await;
    let mut rng = Rng::with_seed(seed);
    let mut classes: Vec<_> = (0..CLASSES)
        .map(|index| {
            let name = s.name(&format!("{index:02}"));
            Class { default: random_default(&name, 0, &mut rng), name, after_step: Value::Null, edits: 0 }
        })
        .collect();
    mount(&s, &classes);
    let mut program = s.run().await;
    let mut steps = 0;
    for round in 0..ROUNDS {
        let told = format!("CLASSKEEPER_SEED={seed} round {round}");
        let at_rest = rest(&s, &program, &classes, &told).await;
        for class in &mut classes {
            check(&s, class, &at_rest[&class.name], &told);
        }
        let mut files_change = false;
        for class in &mut classes {
            class.after_step = at_rest[&class.name].clone();
            if class.edits == 4 || rng.u8(..4) == 0 {
                class.default = random_default(&class.name, round + 1, &mut rng);
                class.edits = 0;
                files_change = true;
            } else {
                class.after_step = step(&s, &class.name, &at_rest[&class.name], &mut rng).await;
                class.edits += 1;
            }
            steps += 1;
        }
        if files_change {
            mount(&s, &classes);
        }
        if round % 8 == 7 {
            assert!(program.stop("TERM").await.success());
            program = s.run().await;
        }
    }
    rest(&s, &program, &classes, &format!("CLASSKEEPER_SEED={seed} at the end")).await;
    assert!(steps >= 1000, "only {steps} steps");
}

fn mount(s: &Scenario, classes: &[Class]) {
    s.mount(&classes.iter().map(|class| class.default.clone()).collect::<Vec<_>>());
}

/// A default that no other round has, with some of the labels, a description or none, a reference or none, and a policy.
fn random_default(name: &str, round: usize, rng: &mut Rng) -> Value {
    let mut spec = json!({"controllerName": "example.com/controller"});
    if rng.bool() {
        spec["description"] = json!(rng.choice(VALUES));
    }
    if rng.u8(..3) > 0 {
        spec["parametersRef"] = random_reference(rng);
    }
    let labels: BTreeMap<_, _> =
        LABELS.into_iter().filter_map(|label| Some((label, rng.choice(VALUES)?)).filter(|_| rng.bool())).collect();
    let mut policy = json!({});
    match rng.u8(..8) {
        0 => policy["conflicts"] = json!("Force"),
        1 => policy["conflicts"] = json!("Fail"),
        2 => policy["enforce"] = json!(["spec.description"]),
        3 => policy["enforce"] = json!(["spec.parametersRef"]),
        4 => policy["onRemove"] = json!("Delete"),
        _ => {}
    }
    json!({"apiVersion": "classkeeper.dev/v1alpha1", "kind": "DefaultGatewayClass",
           "metadata": {"name": name, "labels": labels, "annotations": {"example.com/round": round.to_string()}}, "spec": spec, "policy": policy})
}

fn random_reference(rng: &mut Rng) -> Value {
    let mut reference = json!({"group": "example.com", "kind": "Parameters", "name": rng.choice(VALUES)});
    if rng.bool() {
        reference["namespace"] = json!(rng.choice(VALUES));
    }
    reference
}

/// Somebody does something to a class; the class then.
async fn step(s: &Scenario, name: &str, class: &Value, rng: &mut Rng) -> Value {
    let manager = rng.choice(MANAGERS).unwrap_or_default();
    let label = rng.choice(LABELS).unwrap_or_default();
    let value = rng.choice(VALUES).unwrap_or_default();
    let has_reference = !class["spec"]["parametersRef"].is_null();
    let patch = match rng.u8(..9) {
        0 => json!({"spec": {"description": value}}),
        1 => json!({"metadata": {"labels": {label: value}}}),
        2 => json!({"metadata": {"labels": {label: null}}}),
        3 => json!({"spec": {"description": null}}),
        4 if has_reference => json!({"spec": {"parametersRef": {"name": value}}}),
        4 => json!({"spec": {"parametersRef": random_reference(rng)}}),
        5 => json!({"spec": {"parametersRef": null}}),
        6 => {
            s.delete(name).await;
            return Value::Null;
        }
        // Another applier co-owns what is there, or sets its own, and gives up what it owned before.
        _ => {
            let mut body = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
                "metadata": {"name": name, "labels": {label: value}},
                "spec": {"controllerName": "example.com/controller"}});
            if rng.bool() {
                body["spec"]["description"] = class["spec"]["description"].clone();
            }
            if rng.bool() {
                body["spec"]["parametersRef"] = random_reference(rng);
            }
            for field in ["description", "parametersRef"] {
                if body["spec"][field].is_null() {
                    body["spec"].as_object_mut().unwrap().remove(field);
                }
            }
            return match s.try_apply_as(manager, &body).await {
                Ok(class) => class,
                // Giving up half of a reference is refused by the server, as it would be to any applier.
                Err(kube::Error::Api(status)) if status.code == 422 => class.clone(),
                Err(error) => panic!("{error}"),
            };
        }
    };
    s.edit(name, manager, &patch).await
}

/// Waits until the program knows every class as the server has it and has nothing left to do; the classes then.
async fn rest(s: &Scenario, program: &Program, classes: &[Class], told: &str) -> BTreeMap<String, Value> {
    let classes = eventually(&format!("{told}: the program is at rest"), || async {
        let status = program.status().await;
        if status["config"]["state"] != "Accepted" {
            return Err(format!("{:#}", status["config"]));
        }
        let reported = |name: &str| {
            let classes = status["classes"].as_array().unwrap();
            classes.iter().find(|class| class["name"] == name).cloned().unwrap_or_default()
        };
        let mut found = BTreeMap::new();
        for class in classes {
            let (live, reported) = (s.get(&class.name).await, reported(&class.name));
            let known = !live.is_null() && reported["resourceVersion"] == live["metadata"]["resourceVersion"];
            let settled = reported["outcome"] == "Unchanged" || reported["outcome"] == "Conflict";
            if !known || !settled || !is_loaded(&reported, &class.default) {
                return Err(format!("{reported:#}\n{live:#}"));
            }
            found.insert(class.name.clone(), live);
        }
        Ok(found)
    })
    .await;
    // Invariant "quiet at rest": no request at all, not even a read.
    let (before, start) = (s.proxy.writes().len(), Instant::now());
    while start.elapsed() < QUIET {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let writes = s.proxy.writes().split_off(before);
    assert!(writes.is_empty(), "{told}: quiet at rest: {writes:#?}");
    classes
}

/// Whether what is reported was planned from this default: each of its units is there with its value.
fn is_loaded(reported: &Value, default: &Value) -> bool {
    let wanted = units(default);
    let of = |unit: &Value| {
        let name = unit["unit"].as_str().unwrap_or_default();
        wanted.get(name).cloned().unwrap_or_else(|| mark(default, name))
    };
    let units = reported["units"].as_array().cloned().unwrap_or_default();
    let named: BTreeSet<_> = units.iter().filter_map(|unit| unit["unit"].as_str()).collect();
    units.iter().all(|unit| unit["wanted"] == of(unit)) && wanted.keys().all(|unit| named.contains(unit.as_str()))
}

/// The value of a unit that the policy itself puts on a class.
fn mark(default: &Value, unit: &str) -> Value {
    let deletes = default["policy"]["onRemove"] == "Delete" && unit == ON_REMOVE;
    if deletes { json!("Delete") } else { Value::Null }
}

const ON_REMOVE: &str = "metadata.annotations['classkeeper.dev/on-remove']";

/// Holds a class at rest against what it was right after the last step.
fn check(s: &Scenario, class: &Class, at_rest: &Value, told: &str) {
    let (then, now) = (units(&class.after_step), units(at_rest));
    let wanted = units(&class.default);
    let policy = &class.default["policy"];
    let told = |what: &str| {
        format!(
            "{told}: {what}\ndefault {:#}\nafter the step {:#}\nat rest {at_rest:#}",
            class.default, class.after_step
        )
    };
    for (unit, value) in &then {
        let ours = owners(&class.after_step, unit).contains(&s.manager());
        if !ours && !wanted.contains_key(unit) {
            assert_eq!(now.get(unit), Some(value), "{}", told(&format!("the rest is untouched: {unit}")));
        }
        let takes = policy["conflicts"] == "Force" || policy["enforce"] == json!([unit]);
        let others = owners(&class.after_step, unit).iter().any(|owner| *owner != s.manager());
        if others && !(takes && wanted.contains_key(unit)) {
            assert_eq!(now.get(unit), Some(value), "{}", told(&format!("theirs stay: {unit}")));
        }
    }
    let fails = policy["conflicts"] == "Fail";
    for (unit, value) in &wanted {
        let others = owners(at_rest, unit).iter().any(|owner| *owner != s.manager());
        if !others && !fails {
            assert_eq!(now.get(unit), Some(value), "{}", told(&format!("ours are right: {unit}")));
            assert!(owners(at_rest, unit).contains(&s.manager()), "{}", told(&format!("ours are ours: {unit}")));
        }
    }
    for unit in now.keys() {
        let ours = owners(at_rest, unit).contains(&s.manager());
        let held = unit == "spec.parametersRef" && owners(at_rest, unit).len() > 1;
        let marked = !mark(&class.default, unit).is_null();
        if ours && !fails {
            assert!(wanted.contains_key(unit) || held || marked, "{}", told(&format!("only ours: {unit}")));
        }
    }
}
