//! Texts of defaults files.

/// A plain class.
pub(crate) fn class(name: &str, description: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata:\n  name: {name}\nspec:\n  \
         controllerName: example.com/controller\n  description: {description}\n---\n"
    )
}
