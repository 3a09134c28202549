//! The kind itself comes and goes.

use control_plane::{ControlPlane, Crds, GATEWAY_API_VERSION, Options};
use serde_json::json;

use crate::scenario::{Scenario, default, eventually, with};

#[tokio::test]
async fn the_kind_may_come_late_go_and_return() {
    let options = Options { crds: Crds::None, ..Options::default() };
    let control_plane = ControlPlane::start(options).await.unwrap();
    let s = Scenario::on("kind", control_plane.client().await.unwrap()).await;
    let (name, stays) = (s.name("a"), s.name("stays"));
    let stay_deleted = with(default(&stays), "/policy", json!({"onDelete": "StayDeleted"}));
    s.mount(&[default(&name), stay_deleted]);
    let program = s.run().await;
    let blocked = || async {
        let class = program.class(&name).await;
        let is = class["outcome"] == "Blocked" && class["reason"] == "CRDMissing";
        if is { Ok(()) } else { Err(class) }
    };
    eventually("it waits for the kind", blocked).await;
    s.stays_quiet().await;
    let release = async |which| s.command(&["release", "--field-manager", &s.manager(), which]).await.status.code();
    assert_eq!((release("--all").await, release(&*name).await), (Some(0), Some(2)), "there is nothing to release");
    control_plane.install_crds(GATEWAY_API_VERSION).await.unwrap();
    s.class_where(&name, "is there", |class| !class.is_null()).await;
    s.class_where(&stays, "is there", |class| !class.is_null()).await;
    s.is_remembered(&stays).await;
    control_plane.remove_crds().await.unwrap();
    eventually("it waits again", blocked).await;
    s.is_forgotten(&stays).await;
    assert_eq!(program.get("/readyz").await.0, 200, "the kind is known to be absent");
    control_plane.install_crds(GATEWAY_API_VERSION).await.unwrap();
    s.class_where(&name, "is back", |class| !class.is_null()).await;
    s.class_where(&stays, "is back: it went with its kind", |class| !class.is_null()).await;
    s.is_remembered(&stays).await;
    s.stays_quiet().await;
}
