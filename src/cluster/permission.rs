//! Permissions: the RBAC rule that a refused call lacked, as it would stand in a Role.

use std::fmt;

use http::Method;
use kube::runtime::watcher;

/// What is done to a resource, in RBAC's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// One object is read.
    Get,
    /// Many are read.
    List,
    /// Changes are followed.
    Watch,
    /// One is made.
    Create,
    /// One is replaced.
    Update,
    /// One is changed, also by server-side apply.
    Patch,
    /// One is deleted.
    Delete,
}

impl Verb {
    fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}

/// What a call was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    group: String,
    resource: String,
    namespace: Option<String>,
}

impl Permission {
    /// Of a cluster-scoped kind.
    #[must_use]
    pub fn of_kind(group: &str, resource: &str) -> Self {
        Self { group: group.to_owned(), resource: resource.to_owned(), namespace: None }
    }

    /// Of a kind, in one namespace.
    #[must_use]
    pub fn in_namespace(group: &str, resource: &str, namespace: &str) -> Self {
        Self { namespace: Some(namespace.to_owned()), ..Self::of_kind(group, resource) }
    }

    /// The rule that allows these verbs, and where it has to stand.
    #[must_use]
    pub fn to<'a>(&'a self, verbs: &'a [Verb]) -> Rule<'a> {
        Rule { permission: self, verbs: verbs.iter().map(|verb| verb.as_str()).collect() }
    }

    /// What a request was about, by its path; `None` for discovery and the like, which everybody may read.
    fn of_path(path: &str) -> Option<(Self, Option<&str>)> {
        let path = path.split('?').next().unwrap_or_default();
        let mut parts = path.trim_start_matches('/').split('/');
        let group = match parts.next()? {
            "api" => "",
            "apis" => parts.next()?,
            _ => return None,
        };
        let _version = parts.next()?;
        let (namespace, resource) = match parts.next()? {
            "namespaces" => {
                let namespace = parts.next()?;
                match parts.next() {
                    Some(resource) => (Some(namespace.to_owned()), resource),
                    None => return Some((Self::of_kind(group, "namespaces"), Some(namespace))),
                }
            }
            resource => (None, resource),
        };
        let permission = Self { group: group.to_owned(), resource: resource.to_owned(), namespace };
        Some((permission, parts.next()))
    }
}

/// A rule of RBAC.
#[derive(Clone, Debug)]
pub struct Rule<'a> {
    permission: &'a Permission,
    verbs: Vec<&'a str>,
}

impl fmt::Display for Rule<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Permission { group, resource, namespace } = self.permission;
        let group = if group.is_empty() { "\"\"" } else { group };
        write!(f, "apiGroups: [{group}], resources: [{resource}], verbs: [{}]", self.verbs.join(", "))?;
        match namespace {
            Some(namespace) => write!(f, " in a Role in the namespace {namespace}"),
            None => f.write_str(" in a ClusterRole"),
        }
    }
}

/// What a watch lacked that was refused; `None` if it failed for another reason.
#[must_use]
pub fn refused_verb(error: &watcher::Error) -> Option<Verb> {
    let (verb, error) = match error {
        watcher::Error::InitialListFailed(error) => (Verb::List, error),
        watcher::Error::WatchStartFailed(error) | watcher::Error::WatchFailed(error) => (Verb::Watch, error),
        watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => return None,
    };
    matches!(error, kube::Error::Api(status) if matches!(status.code, 401 | 403)).then_some(verb)
}

/// The rule that a request lacked which was answered by 403, as a sentence; empty if the request needs none.
#[must_use]
pub fn missing_rule(method: &Method, path: &str, answer: &str) -> String {
    let Some((permission, name)) = Permission::of_path(path) else { return String::new() };
    let verb = match *method {
        Method::GET if path.contains("watch=true") => Verb::Watch,
        Method::GET if name.is_some() => Verb::Get,
        Method::GET => Verb::List,
        Method::POST => Verb::Create,
        Method::PUT => Verb::Update,
        Method::DELETE => Verb::Delete,
        // An apply to what isn't there needs `create` as well, and only the server's words tell which one was refused.
        // The worst that other words can do is that both are named.
        _ if answer.contains("cannot create resource") => Verb::Create,
        _ if answer.contains("cannot patch resource") => Verb::Patch,
        _ => return format!("; the rule that is missing: {}", permission.to(&[Verb::Create, Verb::Patch])),
    };
    format!("; the rule that is missing: {}", permission.to(&[verb]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(method: &Method, path: &str, answer: &str) -> String {
        missing_rule(method, path, answer).trim_start_matches("; the rule that is missing: ").to_owned()
    }

    #[test]
    fn a_request_names_its_rule() {
        let classes = "/apis/gateway.networking.k8s.io/v1/gatewayclasses";
        let of_classes = |verb| {
            format!(
                "apiGroups: [gateway.networking.k8s.io], resources: [gatewayclasses], verbs: [{verb}] in a ClusterRole"
            )
        };
        assert_eq!(rule(&Method::GET, &format!("{classes}/a"), ""), of_classes("get"));
        assert_eq!(rule(&Method::GET, &format!("{classes}?limit=500"), ""), of_classes("list"));
        assert_eq!(rule(&Method::GET, &format!("{classes}?watch=true"), ""), of_classes("watch"));
        assert_eq!(rule(&Method::DELETE, &format!("{classes}/a"), ""), of_classes("delete"));
        let (apply, create) =
            (format!("{classes}/a?force=true"), "User \"u\" cannot create resource \"gatewayclasses\"");
        assert_eq!(rule(&Method::PATCH, &apply, create), of_classes("create"));
        assert_eq!(rule(&Method::PATCH, &apply, "cannot patch resource"), of_classes("patch"));
        assert_eq!(rule(&Method::PATCH, &apply, "in other words"), of_classes("create, patch"));
    }

    #[test]
    fn a_namespace_s_rule_stands_in_a_role_there() {
        let expected = "apiGroups: [\"\"], resources: [configmaps], verbs: [get] in a Role in the namespace system";
        assert_eq!(rule(&Method::GET, "/api/v1/namespaces/system/configmaps/a", ""), expected);
    }

    #[test]
    fn discovery_needs_no_rule() {
        assert_eq!(missing_rule(&Method::GET, "/apis", ""), "");
        assert_eq!(missing_rule(&Method::GET, "/version", ""), "");
    }
}
