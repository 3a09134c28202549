//! The scenarios: what is there before, what happens, and what the program may do about it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::plan::Scenario;
use crate::scenario::{Scenario as Stage, class, default, policy, with};
use crate::users::Users;

/// How long an act waits for what must come before it goes on.
const LIMIT: Duration = Duration::from_secs(150);

/// Those who act.
#[derive(Clone)]
pub struct Cast {
    pub stage: Arc<Stage>,
    pub users: Arc<Users>,
}

/// What the program may do that it otherwise may not.
#[derive(Default)]
pub struct Rights {
    /// Units that it may take from their owners, by class.
    pub takes: BTreeMap<&'static str, &'static [&'static str]>,
    /// Classes that it may delete, once each.
    pub deletes: Vec<&'static str>,
    /// Classes that it may delete if it was started anew, and so forgot that their ConfigMap only lost its label.
    pub deletes_after_restart: &'static [&'static str],
    /// Classes in the state that the program must not write them in: paused.
    pub untouchable: &'static [&'static str],
    /// Tenants, whose classes begin with their names, and which no other author writes.
    pub tenants: &'static [&'static str],
    /// ConfigMaps of which a program that starts tells that they are accepted, whoever told it before.
    pub told_at_start: usize,
}

impl Rights {
    /// Those that it has where it is killed and started anew.
    pub fn after_a_kill(mut self) -> Self {
        self.deletes.extend(self.deletes_after_restart);
        self
    }

    /// Under which name a class is written, where this is the platform's.
    pub fn manager_of(&self, class: &str, platform: &str) -> String {
        let tenant = class.split_once('-').map(|(tenant, _)| tenant).filter(|tenant| self.tenants.contains(tenant));
        tenant.map_or_else(|| platform.to_owned(), |tenant| format!("{platform}/{tenant}"))
    }
}

impl Cast {
    pub fn name(&self, suffix: &str) -> String {
        self.stage.name(suffix)
    }

    fn default(&self, suffix: &str) -> Value {
        default(&self.name(suffix))
    }

    fn described(&self, suffix: &str, description: &str) -> Value {
        with(self.default(suffix), "/spec/description", json!(description))
    }

    pub async fn class(&self, suffix: &str) -> Value {
        self.users.object(&format!("{}/{}", crate::users::CLASSES, self.name(suffix))).await
    }

    pub async fn class_where(&self, suffix: &str, what: &str, is: impl Fn(&Value) -> bool) {
        let start = Instant::now();
        loop {
            let class = self.class(suffix).await;
            if is(&class) {
                return;
            }
            assert!(start.elapsed() < LIMIT, "class {suffix} never {what}: {class:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Scenario {
    /// What is on the cluster before the program starts. One class is nobody's business in each scenario.
    pub async fn prepare(self, cast: &Cast) {
        let made = |suffix, spec: &Value| class(&cast.name(suffix), spec);
        cast.users.create("kubectl-create", &made("foreign", &json!({"description": "theirs"}))).await;
        match self {
            Self::Start => {
                cast.users.create("kubectl-create", &made("edited", &json!({"description": "mine"}))).await;
                let alien = made("alien", &json!({"controllerName": "example.net/theirs"}));
                cast.users.create("kubectl-create", &alien).await;
                let mut paused = made("paused", &json!({}));
                paused["metadata"]["annotations"] = json!({"classkeeper.dev/reconcile": "disabled"});
                cast.users.create("kubectl-create", &paused).await;
            }
            Self::Adoption => {
                let mut helm = made("helm", &json!({"description": "chart"}));
                helm["metadata"]["labels"] = json!({"team": "chart", "helm": "yes"});
                helm["metadata"]["annotations"] = json!({"meta.helm.sh/release-name": "edge",
                                                         "meta.helm.sh/release-namespace": "default"});
                cast.users.create("helm", &helm).await;
            }
            Self::Release => cast.users.create_gateway(&cast.name("used")).await,
            Self::Replacement => {
                let old = made("replaced", &json!({"controllerName": "example.net/before"}));
                cast.users.create("kubectl-create", &old).await;
                cast.users.create_gateway(&cast.name("replaced")).await;
            }
            Self::Tenants => cast.prepare_tenants().await,
            Self::Templates => cast.prepare_templates().await,
            Self::Reload | Self::Deletion | Self::Edit | Self::Protection | Self::Replicas => {}
        }
    }

    /// The files that the program starts with.
    pub fn files(self, cast: &Cast) -> Vec<Value> {
        let with_policy = |suffix, how: Value| policy(cast.default(suffix), &how);
        match self {
            Self::Start => vec![
                cast.default("new"),
                cast.default("edited"),
                cast.default("alien"),
                cast.default("paused"),
                with_policy("stays", json!({"onDelete": "StayDeleted"})),
            ],
            Self::Reload | Self::Replicas => vec![cast.default("a"), cast.default("b")],
            Self::Deletion => vec![cast.default("back"), with_policy("stays", json!({"onDelete": "StayDeleted"}))],
            Self::Edit => vec![
                cast.default("taken"),
                cast.default("removed"),
                with_policy("enforced", json!({"enforce": ["spec.description"]})),
                cast.default("paused"),
            ],
            Self::Adoption => vec![cast.default("a"), cast.default("helm")],
            Self::Release => vec![
                cast.default("kept"),
                cast.default("released"),
                with_policy("deleted", json!({"onRemove": "Delete"})),
                with_policy("used", json!({"onRemove": "Delete"})),
            ],
            Self::Replacement => {
                vec![with_policy("replaced", json!({"onReplace": "Recreate", "onDelete": "StayDeleted"}))]
            }
            Self::Protection => vec![with_policy("protected", json!({"protect": true}))],
            Self::Tenants => cast.tenants_files(),
            Self::Templates => cast.templates_files(),
        }
    }

    /// How many classes are kept before anything happens.
    pub fn kept(self, cast: &Cast) -> usize {
        match self {
            // The platform's, and those of the tenant.
            Self::Tenants => 1 + 7,
            // The platform's, and one for each namespace.
            Self::Templates => 1 + 3,
            Self::Start
            | Self::Reload
            | Self::Deletion
            | Self::Edit
            | Self::Adoption
            | Self::Release
            | Self::Replacement
            | Self::Protection
            | Self::Replicas => self.files(cast).len(),
        }
    }

    /// What happens then.
    pub async fn act(self, cast: &Cast) {
        match self {
            // The start itself is what happens.
            Self::Start => {}
            Self::Reload | Self::Replicas => {
                cast.stage.mount(&[cast.described("a", "second"), cast.default("b"), cast.default("c")]);
            }
            Self::Deletion => {
                cast.users.delete(&cast.name("stays")).await;
                cast.users.delete(&cast.name("back")).await;
            }
            Self::Edit => {
                cast.users.edit(&cast.name("taken"), &json!({"spec": {"description": "mine"}})).await;
                cast.users.edit(&cast.name("removed"), &json!({"metadata": {"labels": {"team": null}}})).await;
                cast.users.edit(&cast.name("enforced"), &json!({"spec": {"description": "mine"}})).await;
                let pause = json!({"metadata": {"annotations": {"classkeeper.dev/reconcile": "disabled"},
                                                "labels": {"team": null}}});
                cast.users.edit(&cast.name("paused"), &pause).await;
            }
            Self::Adoption => {
                let adopting = policy(cast.default("helm"), &json!({"adoptFrom": ["helm"]}));
                cast.stage.mount(&[cast.default("a"), adopting]);
            }
            Self::Release => {
                cast.users.edit(&cast.name("released"), &json!({"metadata": {"labels": {"mine": "yes"}}})).await;
                cast.stage.mount(&[cast.default("kept")]);
                cast.class_where("deleted", "went", Value::is_null).await;
                cast.users.delete_gateway(&cast.name("used")).await;
            }
            Self::Replacement => cast.users.delete_gateway(&cast.name("replaced")).await,
            Self::Protection => {
                let is_held = |class: &Value| class["metadata"]["finalizers"].is_array();
                cast.users.create_gateway(&cast.name("protected")).await;
                cast.class_where("protected", "was held", is_held).await;
                cast.users.delete_gateway(&cast.name("protected")).await;
            }
            Self::Tenants => cast.change_tenants().await,
            Self::Templates => cast.change_templates().await,
        }
    }

    /// Whether it has come to its end, as somebody sees who knows the contract.
    pub async fn is_over(self, cast: &Cast) -> bool {
        let described =
            async |suffix, description: &str| cast.class(suffix).await["spec"]["description"] == description;
        let is_gone = async |suffix| cast.class(suffix).await.is_null();
        match self {
            Self::Start => {
                let edited = cast.class("edited").await;
                described("new", "first").await
                    && described("stays", "first").await
                    && edited["spec"]["description"] == "mine"
                    && edited["metadata"]["labels"]["team"] == "edge"
                    && cast.class("paused").await["metadata"]["labels"].is_null()
            }
            Self::Reload | Self::Replicas => described("a", "second").await && described("c", "first").await,
            Self::Deletion => described("back", "first").await && is_gone("stays").await,
            Self::Edit => {
                described("taken", "mine").await
                    && cast.class("removed").await["metadata"]["labels"]["team"] == "edge"
                    && described("enforced", "first").await
                    && cast.class("paused").await["metadata"]["labels"].is_null()
            }
            Self::Adoption => {
                let helm = cast.class("helm").await;
                helm["spec"]["description"] == "first" && helm["metadata"]["labels"]["helm"] == "yes"
            }
            Self::Release => {
                let released = cast.class("released").await;
                let owners = crate::ownership::owners(&released, "spec.description");
                released["spec"]["description"] == "first"
                    && owners.is_empty()
                    && is_gone("deleted").await
                    && is_gone("used").await
            }
            Self::Replacement => cast.class("replaced").await["spec"]["controllerName"] == "example.com/controller",
            Self::Protection => cast.class("protected").await["metadata"]["finalizers"].is_null(),
            Self::Tenants => cast.are_tenants_changed().await,
            Self::Templates => cast.are_templates_changed().await,
        }
    }

    /// What the program may do in it.
    pub fn rights(self) -> Rights {
        const ALL: &[&str] = &[
            "spec.description",
            "spec.controllerName",
            "metadata.labels['team']",
            "metadata.annotations['helm.sh/resource-policy']",
        ];
        match self {
            Self::Start => Rights { untouchable: &["paused", "alien"], ..Rights::default() },
            Self::Edit => Rights {
                takes: BTreeMap::from([("enforced", &["spec.description"][..])]),
                untouchable: &["paused"],
                ..Rights::default()
            },
            Self::Adoption => Rights { takes: BTreeMap::from([("helm", ALL)]), ..Rights::default() },
            Self::Release => Rights { deletes: vec!["deleted", "used"], ..Rights::default() },
            Self::Replacement => Rights { deletes: vec!["replaced"], ..Rights::default() },
            Self::Tenants => Rights {
                deletes: vec!["a-deleted"],
                deletes_after_restart: &["a-label"],
                untouchable: &["a-far"],
                tenants: &["a", "b"],
                told_at_start: 5,
                ..Rights::default()
            },
            Self::Templates => Rights { deletes: vec!["two-t", "four-t"], ..Rights::default() },
            Self::Reload | Self::Deletion | Self::Protection | Self::Replicas => Rights::default(),
        }
    }

    /// How many programs take part.
    pub fn replicas(self) -> usize {
        if self == Self::Replicas { 2 } else { 1 }
    }
}
