//! Those who act in a soak: the platform, users, a team, and whoever labels namespaces, each at random.

use std::collections::BTreeMap;

use fastrand::Rng;
use serde_json::{Value, json};

use crate::acts::Cast;
use crate::ownership::owners;
use crate::scenario::{default, policy, with, without};

/// Defaults of the platform, of which the first is always there. Those before [`PROTECTED`] are protected.
const DEFAULTS: usize = 20;
const PROTECTED: usize = 3;
/// Classes of the team, in as many ConfigMaps of its own.
const OF_TEAM: usize = 4;
const NAMESPACES: [&str; 3] = ["one", "two", "three"];

/// The crowd, and what it wants.
pub struct Crowd {
    cast: Cast,
    rng: Rng,
    /// The revision of each of the platform's defaults; `None`: it isn't in the files.
    defaults: Vec<Option<u32>>,
    /// The same for each of the team's ConfigMaps.
    maps: Vec<Option<u32>>,
    used: [bool; PROTECTED],
    /// What users last wrote as descriptions.
    written: BTreeMap<String, String>,
    turn: u32,
    /// How often what was done.
    pub done: BTreeMap<&'static str, usize>,
}

impl Crowd {
    pub fn new(cast: Cast, seed: u64) -> Self {
        let (rng, used) = (Rng::with_seed(seed), [false; PROTECTED]);
        let (defaults, maps) = (vec![Some(0); DEFAULTS], vec![Some(0); OF_TEAM]);
        Self { cast, rng, defaults, maps, used, written: BTreeMap::new(), turn: 0, done: BTreeMap::new() }
    }

    /// Makes what is there before the program.
    pub async fn prepare(&mut self) {
        let users = &self.cast.users;
        users.create("kubectl-create", &crate::scenario::class(&self.cast.name("foreign"), &json!({}))).await;
        users.create_namespace(&self.cast.name("ns-a")).await;
        for namespace in NAMESPACES {
            let labels = json!({"rig": self.cast.name("run"), "tier": "0"});
            users.create_labelled_namespace(&self.cast.name(namespace), &labels).await;
        }
        for map in 0..OF_TEAM {
            self.apply_map(map).await;
        }
        self.mount(None);
    }

    /// How many classes there are when all is as wanted.
    pub fn classes() -> usize {
        DEFAULTS + OF_TEAM + NAMESPACES.len()
    }

    fn default(&self, suffix: &str, revision: u32) -> Value {
        let plain = without(default(&self.cast.name(suffix)), "/spec/parametersRef");
        let described = with(plain, "/spec/description", json!(format!("revision {revision}")));
        with(described, "/metadata/labels/team", json!(format!("r{revision}")))
    }

    /// Swaps the mount; with something wrong in it, nothing of it is taken.
    fn mount(&self, wrong: Option<Value>) {
        let tenant = json!({"apiVersion": "classkeeper.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": "a"},
            "namespaces": [self.cast.name("ns-a")],
            "allow": {"names": [self.cast.name("a-*")], "controllerNames": ["example.com/*"]}});
        let template = json!({
            "apiVersion": "classkeeper.dev/v1alpha1", "kind": "GatewayClassTemplate", "metadata": {"name": "t"},
            "forEach": {"namespaces": {"selector": {"matchLabels": {"rig": self.cast.name("run")}}}},
            "template": {
                "metadata": {"name": "${namespace.name}-t"},
                "spec": {"controllerName": "example.com/controller", "description": "tier ${namespace.labels['tier']}"},
            },
        });
        let of_platform = self.defaults.iter().enumerate().filter_map(|(number, revision)| {
            let default = self.default(&format!("d{number}"), (*revision)?);
            Some(if number < PROTECTED { policy(default, &json!({"protect": true})) } else { default })
        });
        let documents: Vec<_> = [tenant, template].into_iter().chain(of_platform).chain(wrong).collect();
        self.cast.stage.mount(&documents);
    }

    async fn apply_map(&self, map: usize) {
        let (namespace, name) = (self.cast.name("ns-a"), self.cast.name(&format!("map{map}")));
        match self.maps[map] {
            Some(revision) => {
                let documents = [self.default(&format!("a-{map}"), revision)];
                self.cast.users.apply_config_map(&namespace, &name, &documents).await;
            }
            None => self.cast.users.delete_config_map(&namespace, &name).await,
        }
    }

    fn some_class(&mut self) -> String {
        match self.rng.usize(0..10) {
            0 => format!("a-{}", self.rng.usize(0..OF_TEAM)),
            1 => format!("{}-t", NAMESPACES[self.rng.usize(0..NAMESPACES.len())]),
            _ => format!("d{}", self.rng.usize(0..DEFAULTS)),
        }
    }

    /// Somebody does something.
    pub async fn act(&mut self) {
        self.turn += 1;
        let turn = self.turn;
        let what = match self.rng.usize(0..100) {
            0..25 => {
                for _ in 0..self.rng.usize(1..4) {
                    self.defaults[self.rng.usize(1..DEFAULTS)] = Some(turn);
                }
                self.mount(None);
                "reload"
            }
            25..30 => {
                self.defaults[self.rng.usize(PROTECTED..DEFAULTS)] = None;
                self.mount(None);
                "default removed"
            }
            30..34 => {
                self.mount(Some(json!({"kind": "GatewayClas"})));
                "wrong reload"
            }
            34..60 => {
                let suffix = self.some_class();
                self.edit(&suffix, turn).await
            }
            60..70 => {
                let suffix = self.some_class();
                self.cast.users.delete(&self.cast.name(&suffix)).await;
                self.written.remove(&suffix);
                "class deleted"
            }
            70..84 => {
                let map = self.rng.usize(0..OF_TEAM);
                self.maps[map] = (self.rng.usize(0..5) > 0).then_some(turn);
                self.apply_map(map).await;
                "tenant's ConfigMap"
            }
            84..92 => {
                let namespace = self.cast.name(NAMESPACES[self.rng.usize(0..NAMESPACES.len())]);
                let rig = if self.rng.bool() { json!(self.cast.name("run")) } else { Value::Null };
                self.cast.users.label_namespace(&namespace, &json!({"rig": rig, "tier": turn.to_string()})).await;
                "namespace labelled"
            }
            _ => {
                let number = self.rng.usize(0..PROTECTED);
                let class = self.cast.name(&format!("d{number}"));
                if self.used[number] {
                    self.cast.users.delete_gateway(&class).await;
                } else {
                    self.cast.users.create_gateway(&class).await;
                }
                self.used[number] = !self.used[number];
                "Gateway"
            }
        };
        *self.done.entry(what).or_default() += 1;
    }

    /// A user takes a description, or takes a label away, which comes back.
    async fn edit(&mut self, suffix: &str, turn: u32) -> &'static str {
        if self.cast.class(suffix).await.is_null() {
            return "nothing to edit";
        }
        if self.rng.bool() {
            let drift = json!({"metadata": {"labels": {"team": null}}});
            self.cast.users.edit(&self.cast.name(suffix), &drift).await;
            return "drift";
        }
        let description = format!("mine since {turn}");
        let edit = json!({"spec": {"description": description}});
        self.cast.users.edit(&self.cast.name(suffix), &edit).await;
        self.written.insert(suffix.to_owned(), description);
        "edit"
    }

    /// Everybody says once more what they want: all defaults in a last revision, and no Gateway.
    pub async fn settle(&mut self) {
        self.turn += 1;
        self.defaults = vec![Some(self.turn); DEFAULTS];
        self.maps = vec![Some(self.turn); OF_TEAM];
        for (number, used) in std::mem::take(&mut self.used).into_iter().enumerate() {
            if used {
                self.cast.users.delete_gateway(&self.cast.name(&format!("d{number}"))).await;
            }
        }
        for map in 0..OF_TEAM {
            self.apply_map(map).await;
        }
        for namespace in NAMESPACES {
            let labels = json!({"rig": self.cast.name("run"), "tier": self.turn.to_string()});
            self.cast.users.label_namespace(&self.cast.name(namespace), &labels).await;
        }
        self.mount(None);
    }

    /// What isn't as wanted after that: each class has its last revision, but for what a user took of it.
    pub async fn unsettled(&self) -> Vec<String> {
        let mut told = Vec::new();
        let revision = (format!("revision {}", self.turn), json!({"team": format!("r{}", self.turn)}));
        let of_files = (0..DEFAULTS).map(|number| format!("d{number}"));
        let of_files = of_files.chain((0..OF_TEAM).map(|map| format!("a-{map}"))).map(|suffix| (suffix, &revision));
        let tier = (format!("tier {}", self.turn), Value::Null);
        let of_namespaces = NAMESPACES.iter().map(|namespace| (format!("{namespace}-t"), &tier));
        for (suffix, (description, labels)) in of_files.chain(of_namespaces) {
            let class = self.cast.class(&suffix).await;
            let is_theirs = owners(&class, "spec.description").contains("kubectl-edit");
            let described = self.written.get(&suffix).filter(|_| is_theirs).unwrap_or(description);
            if class["spec"]["description"] != **described || class["metadata"]["labels"] != *labels {
                told.push(format!("{suffix} should have {described:?} and {labels}: {class:#}"));
            }
        }
        told
    }
}
