//! Facts: what is known of the cluster beside its classes. They decide how the API is spoken to, and a default's `when`
//! may ask for them.

use std::collections::BTreeSet;

/// What is known of the cluster beside its classes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The API server's version without its `v`, such as `1.37.2`.
    pub kubernetes: Box<str>,
    /// The installed Gateway API.
    pub gateway_api: GatewayApi,
    /// Every kind that the cluster serves.
    pub kinds: Kinds,
}

/// The installed Gateway API, as far as GatewayClasses are concerned. The default is: none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayApi {
    /// The release, from the annotation of the GatewayClass CRD: `v1.6.3`. Empty if there is none.
    pub bundle_version: Box<str>,
    /// `standard` or `experimental`, from the annotation of the GatewayClass CRD. Empty if there is none.
    pub channel: Box<str>,
    /// The versions in which GatewayClasses are served, such as `v1` and `v1beta1`, in the server's order of preference.
    pub served_versions: Vec<Box<str>>,
}

/// Kinds that a cluster serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kinds(BTreeSet<(Box<str>, Box<str>)>);

impl Kinds {
    /// Whether a kind is served in an API version: `("apps/v1", "Deployment")`, `("v1", "Pod")`.
    #[must_use]
    pub fn serves(&self, api_version: &str, kind: &str) -> bool {
        self.0.contains(&(api_version.into(), kind.into()))
    }
}

impl<V: Into<Box<str>>, K: Into<Box<str>>> FromIterator<(V, K)> for Kinds {
    fn from_iter<I: IntoIterator<Item = (V, K)>>(kinds: I) -> Self {
        Self(kinds.into_iter().map(|(api_version, kind)| (api_version.into(), kind.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_served_in_its_version_only() {
        let kinds: Kinds = [("v1", "Pod"), ("apps/v1", "Deployment")].into_iter().collect();
        assert!(kinds.serves("v1", "Pod") && kinds.serves("apps/v1", "Deployment"));
        assert!(!kinds.serves("v1", "Deployment") && !kinds.serves("apps/v1beta1", "Deployment"));
    }
}
