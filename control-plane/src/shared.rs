//! One control plane for all tests of a binary.

use tokio::sync::OnceCell;

use crate::{ControlPlane, Error, Options};

static SHARED: OnceCell<Result<ControlPlane, Error>> = OnceCell::const_new();

/// The control plane of this process, with the default [`Options`], started by whoever asks first.
///
/// It isn't tied to the runtime of that test. It ends with the process, whichever way that ends, so tests of one binary
/// share its objects: give cluster-scoped names a prefix per test. A start that failed isn't tried again, so that not
/// each test waits for the limit.
pub async fn shared() -> Result<&'static ControlPlane, &'static Error> {
    SHARED.get_or_init(|| ControlPlane::start(Options::default())).await.as_ref()
}
