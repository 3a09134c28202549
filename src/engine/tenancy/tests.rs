//! Boundaries: what each allows, and that both ways of asking say the same.

use serde_json::json;

use super::*;
use crate::engine::unit::Units;

fn tenant(rights: &[Right]) -> Tenant {
    Tenant {
        name: "team-a".into(),
        namespaces: ["team-a".into()].into(),
        boundary: Boundary {
            names: [Glob::new("team-a-*")].into(),
            controller_names: [Glob::new("example.com/*")].into(),
            parameters_namespaces: ["team-a".into()].into(),
            parameters_kinds: ["example.com/Parameters".into()].into(),
            rights: rights.into(),
        },
        origin: Origin { file: "tenants.yaml".into(), line: 1 },
    }
}

fn class(name: &str, units: impl IntoIterator<Item = (Unit, Value)>, policy: Policy) -> DefaultClass {
    let units: Units = units.into_iter().collect();
    let origin = Origin { file: "a.yaml".into(), line: 1 };
    DefaultClass { name: name.into(), units, policy, when: None, author: Author::Platform, origin }
}

fn refused(tenant: &Tenant, class: &DefaultClass) -> Vec<&'static str> {
    tenant.violations(&Wish::of_class(class)).iter().map(|violation| violation.place).collect()
}

#[test]
fn names_controllers_and_parameters_are_held_against_the_boundary() {
    let tenant = tenant(&[]);
    let with = |name: &str, controller: &str, reference: Option<Value>| {
        let mut units = vec![(Unit::ControllerName, controller.into())];
        units.extend(reference.map(|reference| (Unit::ParametersRef, reference)));
        refused(&tenant, &class(name, units, Policy::default()))
    };
    let inside = json!({"group": "example.com", "kind": "Parameters", "name": "x", "namespace": "team-a"});
    assert!(with("team-a-x", "example.com/c", Some(inside)).is_empty());
    assert_eq!(with("team-b-x", "example.com/c", None), ["/metadata/name"]);
    assert_eq!(with("team-a-x", "example.org/c", None), ["/spec/controllerName"]);
    let elsewhere = json!({"group": "example.com", "kind": "Parameters", "name": "x", "namespace": "team-b"});
    assert_eq!(with("team-a-x", "example.com/c", Some(elsewhere)), ["/spec/parametersRef/namespace"]);
    let cluster = json!({"group": "example.com", "kind": "Parameters", "name": "x"});
    assert_eq!(with("team-a-x", "example.com/c", Some(cluster)), ["/spec/parametersRef"]);
    let other_kind = json!({"group": "", "kind": "Secret", "name": "x", "namespace": "team-a"});
    assert_eq!(with("team-a-x", "example.com/c", Some(other_kind)), ["/spec/parametersRef/kind"]);
}

#[test]
fn cluster_scoped_parameters_and_any_kind_can_be_allowed() {
    let mut tenant = tenant(&[]);
    tenant.boundary.parameters_namespaces = ["".into()].into();
    tenant.boundary.parameters_kinds = Box::default();
    let reference = json!({"group": "", "kind": "Secret", "name": "x"});
    let class = class("team-a-x", [(Unit::ParametersRef, reference)], Policy::default());
    assert!(refused(&tenant, &class).is_empty());
}

#[test]
fn each_policy_that_reaches_further_needs_its_right() {
    let policies = [
        (Policy { conflicts: Conflicts::Force, ..Policy::default() }, "/policy/conflicts", &[Right::Force][..]),
        (Policy { enforce: vec![Unit::Description], ..Policy::default() }, "/policy/enforce", &[Right::Enforce]),
        (Policy { adopt_from: vec!["helm".to_owned()], ..Policy::default() }, "/policy/adoptFrom", &[Right::Adopt]),
        (Policy { on_remove: OnRemove::Delete, ..Policy::default() }, "/policy/onRemove", &[Right::Delete]),
        (
            Policy { on_replace: OnReplace::Recreate, ..Policy::default() },
            "/policy/onReplace",
            &[Right::Delete, Right::Force],
        ),
        (Policy { protect: true, ..Policy::default() }, "/policy/protect", &[Right::Protect]),
    ];
    let all = [Right::Force, Right::Enforce, Right::Adopt, Right::Delete, Right::Protect];
    for (policy, place, needed) in policies {
        let class = class("team-a-x", [], policy);
        assert_eq!(refused(&tenant(&[]), &class), [place]);
        assert!(refused(&tenant(needed), &class).is_empty(), "{place}");
        for missing in needed {
            let rest: Vec<_> = all.into_iter().filter(|right| right != missing).collect();
            assert_eq!(refused(&tenant(&rest), &class), [place], "without {missing:?}");
        }
    }
}

#[test]
fn a_finding_says_what_is_allowed() {
    let violations = tenant(&[Right::Protect]);
    let class = class("x", [], Policy { conflicts: Conflicts::Force, ..Policy::default() });
    let told: Vec<_> = violations
        .violations(&Wish::of_class(&class))
        .into_iter()
        .map(|violation| format!("{}; {}", violation.message, violation.suggestion))
        .collect();
    assert_eq!(
        told,
        [
            "the class is named \"x\", which the tenant team-a isn't allowed; allow.names of the Tenant team-a: \"team-a-*\"",
            "conflicts: Force needs the policy Force, which the tenant team-a isn't allowed; allow.policies of the Tenant \
         team-a: Protect",
        ]
    );
}
