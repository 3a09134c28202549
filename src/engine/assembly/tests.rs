//! Who holds which name, and what becomes of everybody else.

use super::*;
use crate::engine::defaults::DefaultClass;
use crate::engine::policy::Policy;
use crate::engine::source::ConfigMapName;
use crate::engine::tenancy::{Boundary, Glob, Tenant};
use crate::engine::unit::{Unit, Units};

fn tenant(name: &str, names: &str) -> Arc<Tenant> {
    Arc::new(Tenant {
        name: name.into(),
        namespaces: [format!("ns-{name}").into()].into(),
        boundary: Boundary {
            names: [Glob::new(names)].into(),
            controller_names: [Glob::new("*")].into(),
            parameters_namespaces: Box::default(),
            parameters_kinds: Box::default(),
            rights: Box::default(),
        },
        origin: Origin { file: "tenants.yaml".into(), line: 1 },
    })
}

/// A source with what it asks for and what was in force of it.
struct Holds {
    id: SourceId,
    scope: Scope,
    candidate: Option<Arc<Defaults>>,
    in_force: Option<Arc<Defaults>>,
}

fn described(id: &SourceId, names: &[&str]) -> Arc<Defaults> {
    let class = |(line, name): (usize, &&str)| {
        let units: Units = [(Unit::Description, "d".into())].into_iter().collect();
        let origin = Origin { file: format!("{id}/a.yaml").into(), line: u32::try_from(line).unwrap() + 1 };
        let (policy, author) = (Policy::default(), id.author());
        Arc::new(DefaultClass { name: (*name).into(), units, policy, when: None, author, origin })
    };
    Arc::new(names.iter().enumerate().map(class).collect())
}

fn directory(names: &[&str]) -> Holds {
    let id = SourceId::Directory;
    Holds { candidate: Some(described(&id, names)), id, scope: Scope::Platform, in_force: None }
}

fn platform_map(name: &str, names: &[&str]) -> Holds {
    let id = SourceId::ConfigMap(name.parse().unwrap());
    Holds { candidate: Some(described(&id, names)), id, scope: Scope::Platform, in_force: None }
}

fn of_tenant(tenant: &Arc<Tenant>, map: &str, names: &[&str]) -> Holds {
    let config_map = ConfigMapName { namespace: format!("ns-{}", tenant.name).into(), name: map.into() };
    let id = SourceId::Tenant { tenant: tenant.name.clone(), config_map };
    Holds { candidate: Some(described(&id, names)), id, scope: Scope::Tenant(tenant.clone()), in_force: None }
}

impl Holds {
    fn was(mut self, names: &[&str]) -> Self {
        self.in_force = Some(described(&self.id, names));
        self
    }

    fn rejected(mut self) -> Self {
        self.candidate = None;
        self
    }
}

fn put(all: &[Holds], previous: Option<&Defaults>, holders: &[(&str, &str)]) -> Assembly {
    let holdings: Vec<_> = all
        .iter()
        .map(|Holds { id, scope, candidate, in_force }| Holding {
            id,
            scope,
            candidate: candidate.as_ref(),
            in_force: in_force.as_ref(),
        })
        .collect();
    let ask = |class: &str| {
        let of_class = holders.iter().filter(|(name, _)| *name == class);
        Holders::Known(of_class.map(|(_, tenant)| Author::Tenant((*tenant).into())).collect())
    };
    assemble(&holdings, previous, &ask)
}

/// The classes of each source that are in force, and whether it was rejected.
fn told(assembly: &Assembly) -> Vec<(Vec<&str>, bool)> {
    let of =
        |verdict: &'_ Verdict| verdict.in_force.as_ref().map(|defaults| defaults.iter().cloned().collect::<Vec<_>>());
    let names = |verdict: &Verdict| of(verdict).unwrap_or_default();
    assembly
        .verdicts
        .iter()
        .map(|verdict| {
            let names: Vec<&str> =
                names(verdict).iter().map(|class| &*Box::leak(class.name.to_string().into_boxed_str())).collect();
            (names, !verdict.findings.is_empty())
        })
        .collect()
}

#[test]
fn one_source_alone_is_what_is_in_force() {
    let all = [directory(&["a", "b"])];
    let assembly = put(&all, None, &[]);
    assert!(Arc::ptr_eq(assembly.defaults.as_ref().unwrap(), all[0].candidate.as_ref().unwrap()), "nothing is copied");
    assert_eq!(put(&[directory(&[]).rejected()], None, &[]).defaults, None);
}

#[test]
fn sources_that_hold_different_names_are_in_force_together() {
    let a = tenant("a", "a-*");
    let all = [directory(&["x"]), platform_map("p/d", &["y"]), of_tenant(&a, "m", &["a-1"])];
    let assembly = put(&all, None, &[]);
    assert_eq!(told(&assembly), [(vec!["x"], false), (vec!["y"], false), (vec!["a-1"], false)]);
    let names: Vec<_> = assembly.defaults.as_ref().unwrap().iter().map(|class| &*class.name).collect();
    assert_eq!(names, ["a-1", "x", "y"]);
}

#[test]
fn the_platform_s_source_keeps_a_name_and_the_tenant_s_is_rejected_as_a_whole() {
    let a = tenant("a", "*");
    let all = [directory(&["x"]), of_tenant(&a, "m", &["x", "y"]).was(&["x", "z"])];
    // Also if the tenant has applied it already.
    let assembly = put(&all, None, &[("x", "a")]);
    assert_eq!(
        told(&assembly),
        [(vec!["x"], false), (vec!["z"], true)],
        "the last good content stays, without the name"
    );
    let finding = &assembly.verdicts[1].findings[0];
    assert_eq!((finding.code, finding.severity), (Code::NameHeld, Severity::Error));
    assert_eq!(finding.message, "the class \"x\" is held by the platform, at directory/a.yaml:1");
    assert_eq!(finding.place.to_string(), "configmap ns-a/m/a.yaml:1:1");
}

#[test]
fn of_two_sources_of_the_platform_the_directory_keeps_a_name_then_the_first_by_name() {
    let all = [directory(&["x"]), platform_map("p/a", &["x"]), platform_map("p/b", &["y"])];
    assert_eq!(told(&put(&all, None, &[])), [(vec!["x"], false), (vec![], true), (vec!["y"], false)]);
    let all = [platform_map("p/a", &["x"]), platform_map("p/b", &["x"])];
    assert_eq!(told(&put(&all, None, &[])), [(vec!["x"], false), (vec![], true)]);
}

#[test]
fn of_two_tenants_the_one_that_has_applied_it_keeps_a_name() {
    let (a, b) = (tenant("a", "*"), tenant("b", "*"));
    let all = [of_tenant(&a, "m", &["x"]), of_tenant(&b, "m", &["x"])];
    assert_eq!(told(&put(&all, None, &[])), [(vec!["x"], false), (vec![], true)], "else the first by name");
    assert_eq!(told(&put(&all, None, &[("x", "b")])), [(vec![], true), (vec!["x"], false)]);
    assert_eq!(told(&put(&all, None, &[("x", "b"), ("x", "a")])), [(vec!["x"], false), (vec![], true)]);
    // Somebody deleted the class: it comes back as whose it was.
    let previous = described(&all[1].id, &["x"]);
    assert_eq!(told(&put(&all, Some(&previous), &[])), [(vec![], true), (vec!["x"], false)]);
}

#[test]
fn a_second_config_map_of_a_tenant_can_t_take_what_the_first_holds() {
    let a = tenant("a", "*");
    let all = [of_tenant(&a, "m", &["x"]), of_tenant(&a, "n", &["x", "y"])];
    assert_eq!(told(&put(&all, None, &[("x", "a")])), [(vec!["x"], false), (vec![], true)]);
}

#[test]
fn while_it_isn_t_known_who_has_applied_it_nobody_has_the_name() {
    let (a, b) = (tenant("a", "*"), tenant("b", "*"));
    let all = [of_tenant(&a, "m", &["x", "y"]), of_tenant(&b, "m", &["x"])];
    let holdings: Vec<_> = all
        .iter()
        .map(|Holds { id, scope, candidate, .. }| Holding { id, scope, candidate: candidate.as_ref(), in_force: None })
        .collect();
    let assembly = assemble(&holdings, None, &|_| Holders::Unknown);
    assert!(assembly.is_undecided);
    assert_eq!(told(&assembly), [(vec!["y"], false), (vec![], false)]);
}

#[test]
fn a_boundary_that_became_narrower_takes_out_of_force_what_it_doesn_t_allow() {
    let narrow = tenant("a", "a-*");
    let all = [of_tenant(&narrow, "m", &[]).was(&["a-1", "b-1"]).rejected()];
    assert_eq!(told(&put(&all, None, &[])), [(vec!["a-1"], false)]);
}

#[test]
fn who_loses_to_a_loser_may_keep_what_that_one_must_give_up() {
    let (a, b) = (tenant("a", "*"), tenant("b", "*"));
    // b has applied x, so a would lose it; but b loses y to the platform, and x with it.
    let all = [directory(&["y"]), of_tenant(&a, "m", &["x"]), of_tenant(&b, "m", &["x", "y"])];
    let assembly = put(&all, None, &[("x", "b")]);
    assert_eq!(told(&assembly), [(vec!["y"], false), (vec!["x"], false), (vec![], true)]);
    // Each has applied what the other claims too: one of them gives way, and the other has it all.
    let all = [of_tenant(&a, "m", &["x", "y"]), of_tenant(&b, "m", &["x", "y"])];
    let assembly = put(&all, None, &[("x", "b"), ("y", "a")]);
    assert_eq!(told(&assembly), [(vec!["x", "y"], false), (vec![], true)]);
}

#[test]
fn a_tenant_and_a_namespace_belong_to_one_source_too() {
    let with = |tenants: &[Arc<Tenant>]| -> Arc<Defaults> {
        Arc::new(tenants.iter().cloned().map(Described::Tenant).collect())
    };
    let (a, b) = (tenant("a", "*"), tenant("b", "*"));
    let other = Arc::new(Tenant { namespaces: ["ns-a".into()].into(), ..Tenant::clone(&b) });
    for second in [&a, &other] {
        let mut all = [directory(&[]), platform_map("p/d", &["x"])];
        all[0].candidate = Some(with(std::slice::from_ref(&a)));
        all[1].candidate = Some(with(std::slice::from_ref(second)));
        let assembly = put(&all, None, &[]);
        assert_eq!(told(&assembly), [(vec![], false), (vec![], true)]);
        assert_eq!(assembly.defaults.unwrap().tenants().count(), 1);
    }
}
