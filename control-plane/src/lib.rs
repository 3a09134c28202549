//! A real API server for tests, the demo and benchmarks: etcd and kube-apiserver on loopback, with the Gateway API's
//! CRDs. There is no controller manager: namespaces and owner references aren't collected.
//!
//! ```no_run
//! # async fn test() -> anyhow::Result<()> {
//! let control_plane = control_plane::shared().await?;
//! let client = control_plane.client().await?; // one for each runtime, so one for each test
//! # Ok(())
//! # }
//! ```
//!
//! # Layout
//!
//! - [`binaries`]: where the programs are · [`kubernetes`]: which versions there are
//! - [`cache`]: builds them from Go modules, once · [`helm`]: real Helm, likewise
//! - `go`: runs Go · `watchdog`: a program that ends when its user ends, also by SIGKILL
//! - [`Options`] · `credentials`: users, tokens, kubeconfig · `programs`: ports, files and command lines
//! - [`ControlPlane`]: starts, waits until ready, stops
//! - [`crds`]: installs and removes the Gateway API's CRDs, of any release
//! - [`mount`]: fills a directory as kubelet fills a ConfigMap volume
//! - [`shared`](shared()): one control plane for all tests of a binary

mod another;
pub mod binaries;
pub mod cache;
mod control_plane;
pub mod crds;
mod credentials;
mod go;
pub mod helm;
pub mod kubernetes;
pub mod mount;
mod options;
mod programs;
mod shared;
mod watchdog;

pub use another::AnotherApiserver;
pub use binaries::{Binaries, KUBERNETES_VERSION, Program};
pub use control_plane::{ControlPlane, Error};
pub use crds::GATEWAY_API_VERSION;
pub use go::Error as GoError;
pub use kubernetes::Kubernetes;
pub use options::{Crds, Options, User};
pub use shared::shared;
