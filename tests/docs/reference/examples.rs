//! An example of each kind of document, with every field that there is.

use classkeeper::engine::manifest::Kind;

/// A document in which every field is set.
pub fn example(kind: Kind) -> String {
    let text = match kind {
        Kind::DefaultGatewayClass => {
            "\
apiVersion: classkeeper.dev/v1alpha1
kind: DefaultGatewayClass
metadata:
  name: edge
  labels: {team: platform}
  annotations: {example.com/contact: edge@example.com}
spec:
  controllerName: kgateway.dev/kgateway
  description: North-south traffic
  parametersRef: {group: gateway.kgateway.dev, kind: GatewayParameters, name: edge, namespace: platform}
policy:                             # all optional; what stands here is what holds without it, but for the lists
  mode: Apply
  conflicts: Yield
  enforce: [spec.parametersRef]
  createOnly: [\"metadata.annotations['example.com/contact']\"]
  adoptFrom: [helm]
  onRemove: Release
  onDelete: Recreate
  onReplace: Block
  protect: false
when: 'cluster.serves(\"gateway.kgateway.dev/v1alpha1\", \"GatewayParameters\")'
"
        }
        Kind::GatewayClass => {
            "\
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata:
  name: internal
  labels: {team: platform}
  annotations: {example.com/contact: edge@example.com}
spec:
  controllerName: kgateway.dev/kgateway
  description: Between services
  parametersRef: {group: gateway.kgateway.dev, kind: GatewayParameters, name: internal, namespace: platform}
"
        }
        Kind::GatewayClassTemplate => {
            "\
apiVersion: classkeeper.dev/v1alpha1
kind: GatewayClassTemplate
metadata:
  name: per-team
forEach:
  namespaces:
    selector:
      matchLabels: {platform.example.com/tenant: \"true\"}
      matchExpressions:
        - {key: platform.example.com/tier, operator: In, values: [gold, silver]}
template:
  metadata:
    name: \"${namespace.name}-edge\"
    labels: {team: \"${namespace.name}\"}
    annotations: {example.com/contact: \"${namespace.annotations['example.com/contact']}\"}
  spec:
    controllerName: kgateway.dev/kgateway
    description: \"Edge of ${namespace.name}\"
    parametersRef: {group: gateway.kgateway.dev, kind: GatewayParameters, name: edge, namespace: \"${namespace.name}\"}
policy: {onRemove: Delete}
when: 'cluster.serves(\"gateway.kgateway.dev/v1alpha1\", \"GatewayParameters\")'
"
        }
        Kind::Tenant => {
            "\
apiVersion: classkeeper.dev/v1alpha1
kind: Tenant
metadata:
  name: team-a
namespaces: [team-a]
allow:
  names: [\"team-a-*\"]
  controllerNames: [\"kgateway.dev/*\"]
  parametersNamespaces: [team-a]
  parametersKinds: [gateway.kgateway.dev/GatewayParameters]
  policies: [Enforce, Delete]
"
        }
    };
    text.to_owned()
}
