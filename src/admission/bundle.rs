//! The authorities in the ValidatingWebhookConfiguration: what has to be written so that the API server trusts the
//! webhook, and nothing else.
//!
//! By a JSON patch that is bound to the version it was made from. Server-side apply could name an entry of `webhooks` as
//! well, but would make an entry, half of one, that was removed meanwhile; and an entry of which it owns the name stays
//! when its owner drops it.

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use serde_json::{Value, json};

/// The patch that puts a bundle into each webhook; empty if it is there.
#[must_use]
pub fn patch(configuration: &ValidatingWebhookConfiguration, bundle: &[u8]) -> Vec<Value> {
    let webhooks = configuration.webhooks.as_deref().unwrap_or_default().iter().enumerate();
    let value = ByteString(bundle.to_vec());
    let mut operations: Vec<_> = webhooks
        .filter(|(_, webhook)| webhook.client_config.ca_bundle.as_ref() != Some(&value))
        // It replaces what is there.
        .map(|(index, _)| json!({"op": "add", "path": format!("/webhooks/{index}/clientConfig/caBundle"), "value": value}))
        .collect();
    if !operations.is_empty() {
        let version = &configuration.metadata.resource_version;
        // A `replace` with a former version is answered by 409, a failed `test` by 422.
        operations.insert(0, json!({"op": "replace", "path": "/metadata/resourceVersion", "value": version}));
    }
    operations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(bundles: &[Option<&str>]) -> ValidatingWebhookConfiguration {
        let webhooks = bundles.iter().enumerate().map(|(index, bundle)| {
            json!({"name": format!("w{index}"), "clientConfig": {"url": "https://127.0.0.1", "caBundle": bundle},
                "admissionReviewVersions": ["v1"], "sideEffects": "None"})
        });
        let metadata = json!({"name": "classkeeper", "resourceVersion": "7"});
        serde_json::from_value(json!({"metadata": metadata, "webhooks": webhooks.collect::<Vec<_>>()})).unwrap()
    }

    #[test]
    fn only_what_differs_is_written_and_only_to_the_version_that_was_read() {
        // "abc" and "other" in base64.
        let patch = |bundles: &[Option<&str>]| patch(&configuration(bundles), b"abc");
        let guard = json!({"op": "replace", "path": "/metadata/resourceVersion", "value": "7"});
        let put = |index: usize| json!({"op": "add", "path": format!("/webhooks/{index}/clientConfig/caBundle"), "value": "YWJj"});
        assert_eq!(patch(&[None, Some("YWJj"), Some("b3RoZXI=")]), [guard, put(0), put(2)]);
        assert!(patch(&[Some("YWJj")]).is_empty() && patch(&[]).is_empty());
    }
}
