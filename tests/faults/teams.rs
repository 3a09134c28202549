//! The scenarios with tenants and with templates: what is there before, what the platform writes, and what happens.

use std::time::Duration;

use serde_json::{Value, json};

use crate::acts::Cast;
use crate::ownership::owners;
use crate::scenario::{default, policy, with, without};

/// How long it takes somebody to notice that they took away a label.
const UNTIL_NOTICED: Duration = Duration::from_secs(2);

impl Cast {
    /// A default without parameters, for which a tenant needs a right of its own.
    fn plain(&self, suffix: &str, description: &str) -> Value {
        with(without(default(&self.name(suffix)), "/spec/parametersRef"), "/spec/description", json!(description))
    }

    fn deleted_when_removed(&self, suffix: &str) -> Value {
        policy(self.plain(suffix, "first"), &json!({"onRemove": "Delete"}))
    }

    fn namespace(&self, team: &str) -> String {
        self.name(&format!("ns-{team}"))
    }

    async fn files_of(&self, team: &str, map: &str, documents: &[Value]) {
        self.users.apply_config_map(&self.namespace(team), &self.name(map), documents).await;
    }

    async fn was_given_up(&self, suffix: &str) {
        self.class_where(suffix, "was given up", |class| owners(class, "spec.description").is_empty()).await;
    }

    fn tenant(&self, team: &str, names: &[&str]) -> Value {
        let names: Vec<_> = names.iter().map(|name| self.name(name)).collect();
        json!({"apiVersion": "classkeeper.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": team},
               "namespaces": [self.namespace(team)],
               "allow": {"names": names, "controllerNames": ["example.com/*"], "policies": ["Delete"]}})
    }

    pub async fn prepare_tenants(&self) {
        self.users.create_namespace(&self.namespace("a")).await;
        self.users.create_namespace(&self.namespace("b")).await;
        let (changed, edited, dropped) =
            (self.plain("a-changed", "first"), self.plain("a-edited", "first"), self.plain("a-dropped", "first"));
        self.files_of("a", "one", &[changed, edited, dropped]).await;
        self.files_of("a", "two", &[self.plain("a-gone", "first"), self.deleted_when_removed("a-deleted")]).await;
        self.files_of("a", "three", &[self.plain("a-far", "first")]).await;
        self.files_of("a", "four", &[self.deleted_when_removed("a-label")]).await;
        self.files_of("b", "first", &[self.plain("b-new", "first")]).await;
    }

    pub fn tenants_files(&self) -> Vec<Value> {
        vec![self.tenant("a", &["a-*"]), self.plain("platform", "first")]
    }

    pub async fn change_tenants(&self) {
        self.users.edit(&self.name("a-edited"), &json!({"spec": {"description": "mine"}})).await;
        // A ConfigMap without its label isn't deleted, whatever the look for it comes to.
        let (namespace, four, files) = (self.namespace("a"), self.name("four"), [self.deleted_when_removed("a-label")]);
        self.users.apply_labelled_config_map(&namespace, &four, "false", &files).await;
        tokio::time::sleep(UNTIL_NOTICED).await;
        self.users.apply_config_map(&namespace, &four, &files).await;
        let edited = with(self.plain("a-edited", "second"), "/metadata/labels/team", json!("core"));
        // What comes goes if an older state of the files is taken for the newest.
        self.files_of("a", "one", &[self.plain("a-changed", "second"), edited, self.deleted_when_removed("a-new")])
            .await;
        self.was_given_up("a-dropped").await;
        self.users.delete_config_map(&self.namespace("a"), &self.name("two")).await;
        self.class_where("a-deleted", "went", Value::is_null).await;
        self.was_given_up("a-gone").await;
        self.class_where("a-new", "came", |class| !class.is_null()).await;
        // `a-far` isn't allowed any more. The second tenant's class tells that this is known.
        let narrow =
            self.tenant("a", &["a-changed", "a-edited", "a-dropped", "a-gone", "a-deleted", "a-new", "a-label"]);
        self.stage.mount(&[narrow, self.tenant("b", &["b-*"]), self.plain("platform", "second")]);
        self.class_where("b-new", "came", |class| !class.is_null()).await;
        self.users.edit(&self.name("a-far"), &json!({"metadata": {"labels": {"team": null}}})).await;
    }

    pub async fn are_tenants_changed(&self) -> bool {
        let edited = self.class("a-edited").await;
        self.class("a-changed").await["spec"]["description"] == "second"
            && edited["spec"]["description"] == "mine"
            && edited["metadata"]["labels"]["team"] == "core"
            && self.class("a-far").await["metadata"]["labels"].is_null()
            && self.class("platform").await["spec"]["description"] == "second"
            && self.class("b-new").await["spec"]["description"] == "first"
    }

    /// A template of a class for each namespace that is labelled for this run.
    fn template(&self, name: &str, description: &str) -> Value {
        json!({
            "apiVersion": "classkeeper.dev/v1alpha1", "kind": "GatewayClassTemplate", "metadata": {"name": name},
            "forEach": {"namespaces": {"selector": {"matchLabels": {"rig": self.name("run")}}}},
            "template": {
                "metadata": {"name": format!("${{namespace.name}}-{name}")},
                "spec": {"controllerName": "example.com/controller", "description": description},
            },
            "policy": {"onRemove": "Delete"},
        })
    }

    fn first_template(&self) -> Value {
        self.template("t", "${namespace.labels['tier']}")
    }

    async fn create_selected(&self, suffix: &str) {
        let labels = json!({"rig": self.name("run"), "tier": "first"});
        self.users.create_labelled_namespace(&self.name(suffix), &labels).await;
    }

    pub async fn prepare_templates(&self) {
        for suffix in ["one", "two", "four"] {
            self.create_selected(suffix).await;
        }
    }

    pub fn templates_files(&self) -> Vec<Value> {
        vec![self.first_template(), self.plain("platform", "first")]
    }

    pub async fn change_templates(&self) {
        self.users.label_namespace(&self.name("one"), &json!({"tier": "second"})).await;
        self.create_selected("three").await;
        self.users.label_namespace(&self.name("two"), &json!({"rig": null})).await;
        self.users.delete_namespace(&self.name("four")).await;
        self.class_where("two-t", "went", Value::is_null).await;
        self.class_where("four-t", "went", Value::is_null).await;
        self.class_where("three-t", "came", |class| !class.is_null()).await;
        // It asks for an annotation, so that namespaces are listed again.
        let second = self.template("u", "${namespace.annotations['note']}");
        self.stage.mount(&[self.first_template(), second, self.plain("platform", "second")]);
    }

    pub async fn are_templates_changed(&self) -> bool {
        let described =
            async |suffix, description: &str| self.class(suffix).await["spec"]["description"] == description;
        described("one-t", "second").await
            && described("three-t", "first").await
            && described("one-u", "noted").await
            && described("three-u", "noted").await
            && described("platform", "second").await
    }
}
