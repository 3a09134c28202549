// Pins the release of the Gateway API whose CRDs are installed unless a caller names another version. Nothing of it is
// compiled: `go mod download` checks it against go.sum, and the CRDs are read from config/crd/standard.
// No `go mod tidy` here: it takes off what nothing imports. To move: set the version, `go mod download` the module, and
// set `GATEWAY_API_VERSION` in src/crds.rs.
module classkeeper/control-plane/gateway-api

go 1.26.0

require sigs.k8s.io/gateway-api v1.6.3
