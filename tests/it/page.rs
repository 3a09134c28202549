//! The page over HTTP: who may ask, what a browser may do with it, and what it tells. `tests/page` looks at it in a browser.

use control_plane::{ControlPlane, Options};
use serde_json::{Value, json};

use crate::program::{Answer, Program};
use crate::scenario::{Scenario, default, eventually, policy, with};

/// A class whose description is a user's.
async fn yielded(prefix: &str) -> (Scenario, Program, String) {
    let s = Scenario::new(prefix).await;
    let (yielded, other) = (s.name("a"), s.name("b"));
    s.mount(&[
        default(&yielded),
        policy(default(&other), &json!({"conflicts": "Fail", "enforce": ["metadata.labels['team']"]})),
    ]);
    let program = s.run().await;
    for name in [&yielded, &other] {
        s.class_where(name, "is there", |class| !class.is_null()).await;
    }
    s.edit(
        &yielded,
        "kubectl-edit",
        &json!({"spec": {"description": "mine"}, "metadata": {"labels": {"tier": "gold"}}}),
    )
    .await;
    let is_yielded = |class: &Value| class["units"][1]["action"] == "Yielded";
    program.class_where(&yielded, "its description is the user's", is_yielded).await;
    (s, program, yielded)
}

/// The part of a table's row from this text on: tags left out.
fn row(answer: &Answer, from: &str) -> String {
    let rest = &answer.body[answer.body.find(from).unwrap_or_else(|| panic!("no {from} in {}", answer.body))..];
    let row = rest.split("</tr>").next().unwrap();
    let mut text = String::new();
    for piece in row.split('<') {
        text += piece.split_once('>').map_or(piece, |(_, text)| text);
        text.push(' ');
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_page_tells_whose_each_field_is_and_asks_the_api_server_nothing() {
    let (s, program, name) = yielded("pageowners").await;
    s.stays_quiet().await;
    let before = s.proxy.all().len();
    let table = program.ask_admin("GET", "/", &[]).await;
    assert_eq!(table.status, 200);
    let told = row(&table, &format!("\"/classes/{name}\""));
    assert!(told.contains("example.com/controller Unchanged 1 field left to others 00.yaml:1 Created"), "{told}");
    let class = program.ask_admin("GET", &format!("/classes/{name}"), &[]).await;
    let field = |unit: &str| row(&class, &format!("<code>{unit}</code>"));
    let description = field("spec.description");
    assert!(
        description.starts_with("spec.description &#34;first&#34; &#34;mine&#34; kubectl-edit by update,"),
        "{description}"
    );
    assert!(description.contains("Yielded kubectl-edit owns it with another value"), "{description}");
    let controller = field("spec.controllerName");
    assert!(controller.contains(&format!("as wanted {} by apply", s.manager())), "{controller}");
    assert!(controller.ends_with("Kept It is as wanted, and ours alone."), "{controller}");
    let tier = field("metadata.labels[&#39;tier&#39;]");
    assert!(
        tier.contains("not named &#34;gold&#34; kubectl-edit") && tier.ends_with("Left alone No file names it."),
        "{tier}"
    );
    for happened in ["FieldsYielded", "Created"] {
        assert!(
            class.body.contains(&format!(
                "<span class=\"badge {}\">{happened}</span>",
                if happened == "Created" { "good" } else { "notice" }
            )),
            "{happened}"
        );
    }
    assert!(class.body.contains("left to their owners: spec.description (kubectl-edit)"));
    let configuration = program.ask_admin("GET", "/configuration", &[]).await;
    let other = row(&configuration, &format!("\"/classes/{}\"", s.name("b")));
    assert!(other.contains("the platform conflicts: Fail; enforce: metadata.labels[&#39;team&#39;]"), "{other}");
    for path in ["/?q=mine", "/classes/none", "/status", "/style.css", "/?outcome=Failed&page=7"] {
        program.ask_admin("GET", path, &[]).await;
    }
    assert_eq!(s.proxy.all().len(), before, "the API server was asked something");
}

#[tokio::test]
async fn a_refused_file_is_told_with_its_line_and_what_runs_instead() {
    let s = Scenario::new("pagerefused").await;
    s.mount(&[default(&s.name("a"))]);
    let program = s.run().await;
    let accepted = program.ask_admin("GET", "/", &[]).await.body;
    assert!(accepted.contains("<strong>Accepted</strong>") && !accepted.contains("class=\"alert\""), "{accepted}");
    s.mount_text("kind: GatewayClass\napiVersion: gateway.networking.k8s.io/v1\nmetadata: {name: a}\nspec: {controlerName: <a>/b}\n");
    let refused = eventually("it is refused", || async {
        let body = program.ask_admin("GET", "/", &[]).await.body;
        if body.contains("<strong>Refused</strong>") { Ok(body) } else { Err(body) }
    })
    .await;
    assert!(refused.contains("<strong>Running the last good one from 20"), "{refused}");
    assert!(
        refused.contains("<code>00.yaml:4:8</code> <bdi>unknown field &#34;controlerName&#34; in spec</bdi>"),
        "{refused}"
    );
    let configuration = program.ask_admin("GET", "/configuration", &[]).await.body;
    let line = "spec: {<mark>controlerName</mark>: &#60;a&#62;/b}";
    assert!(configuration.contains(line) && configuration.contains("did you mean"), "{configuration}");
    assert!(configuration.contains(">DefaultsRejected</span>") && configuration.contains(">DefaultsAccepted</span>"));
    assert!(configuration.contains(&format!("href=\"/classes/{}\"", s.name("a"))), "what runs is shown");
}

#[tokio::test]
async fn the_table_is_searched_filtered_and_linked_on_the_server() {
    let (s, program, name) = yielded("pagefilter").await;
    let other = s.name("b");
    let found = |query: &'static str| {
        let (program, name, other) = (&program, &name, &other);
        async move {
            let body = program.ask_admin("GET", &format!("/?{query}"), &[]).await.body;
            let has = |name: &str| body.contains(&format!("href=\"/classes/{name}\""));
            (has(name), has(other))
        }
    };
    assert_eq!(found("").await, (true, true));
    assert_eq!(found("q=PAGEFILTER-A").await, (true, false));
    assert_eq!(found("q=00.yaml+pagefilter").await, (true, false));
    assert_eq!(found("owner=others").await, (true, false));
    assert_eq!(found("outcome=Unchanged").await, (true, true));
    assert_eq!(found("outcome=Blocked").await, (false, false));
    assert_eq!(found("outcome=no-outcome&page=-1&q=&&=").await, (true, true));
    s.edit(&other, "kubectl-edit", &json!({"spec": {"description": "mine"}})).await;
    program.class_is(&other, "Conflict").await;
    assert_eq!(found("outcome=Conflict").await, (false, true));
    assert_eq!(found("q=conflicts:+Fail").await, (false, true), "in the message");
    let body = program.ask_admin("GET", "/?q=page&outcome=Conflict", &[]).await.body;
    assert!(
        body.contains("<a href=\"/?q=page&#38;outcome=Unchanged\">Unchanged <span class=\"count\">1</span>"),
        "{body}"
    );
    assert!(body.contains("<input type=\"hidden\" name=\"outcome\" value=\"Conflict\">"), "a search keeps the filter");
    assert!(!body.contains("http-equiv"), "nobody asked for it to come again by itself");
    let refreshing = program.ask_admin("GET", "/?refresh=10", &[]).await.body;
    assert!(refreshing.contains("<meta http-equiv=\"refresh\" content=\"10\">"), "{refreshing}");
    for refused in ["refresh=0", "refresh=1e9", "refresh=10;url=//evil.example"] {
        assert!(!program.ask_admin("GET", &format!("/?{refused}"), &[]).await.body.contains("http-equiv"), "{refused}");
    }
}

#[tokio::test]
async fn a_class_that_was_paused_or_whose_default_went_is_told_so() {
    let s = Scenario::new("pagepaused").await;
    let name = s.name("a");
    s.mount(&[default(&name)]);
    let program = s.run().await;
    s.class_where(&name, "is there", |class| !class.is_null()).await;
    s.edit(&name, "a-user", &json!({"metadata": {"annotations": {"classkeeper.dev/reconcile": "disabled"}}})).await;
    program.class_is(&name, "Paused").await;
    let body = program.ask_admin("GET", &format!("/classes/{name}"), &[]).await.body;
    assert!(
        body.contains("<span class=\"badge plain\">Paused</span></div></td>"),
        "its history has what no Event tells: {body}"
    );
    assert!(body.contains("The class says to leave all of it alone."), "{body}");
    s.mount(&[default(&s.name("b"))]);
    eventually("it has left the table", || async {
        let status = program.ask_admin("GET", &format!("/classes/{name}"), &[]).await.status;
        if status == 404 { Ok(()) } else { Err(status) }
    })
    .await;
}

#[tokio::test]
async fn answers_say_what_a_browser_may_do_with_them() {
    let s = Scenario::new("pageheaders").await;
    s.mount(&[default(&s.name("a"))]);
    let program = s.run().await;
    let policy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
    for (path, status, media_type) in [
        ("/", 200, "text/html; charset=utf-8"),
        ("/configuration", 200, "text/html; charset=utf-8"),
        ("/classes/none", 404, "text/html; charset=utf-8"),
        ("/none", 404, "text/html; charset=utf-8"),
        ("/status", 200, "application/json"),
        ("/style.css", 200, "text/css; charset=utf-8"),
        ("/icon.svg", 200, "image/svg+xml"),
    ] {
        let answer = program.ask_admin("GET", path, &[]).await;
        assert_eq!((answer.status, answer.header("content-type")), (status, Some(media_type)), "{path}");
        assert_eq!(answer.header("content-security-policy"), Some(policy), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"), "{path}");
        assert!(answer.header("access-control-allow-origin").is_none(), "{path}");
        let is_kept = ["/icon.svg"].contains(&path);
        assert_eq!(answer.header("cache-control") == Some("no-store"), !is_kept, "{path}");
        let head = program.ask_admin("HEAD", path, &[]).await;
        assert_eq!((head.status, &*head.body), (status, ""), "{path}");
    }
    let page = program.ask_admin("GET", "/", &[]).await.body;
    let style = page.split('"').find(|piece| piece.starts_with("/style.css?")).unwrap();
    let cached = program.ask_admin("GET", style, &[]).await;
    assert_eq!(cached.header("cache-control"), Some("public, max-age=31536000, immutable"));
    for needle in ["<script", "http://", "https://", " style=", "javascript:"] {
        assert!(!page.contains(needle), "{needle} in {page}");
    }
}

#[tokio::test]
async fn nothing_but_reading_is_answered_and_only_to_who_names_this_machine() {
    let s = Scenario::new("pagehosts").await;
    s.mount(&[default(&s.name("a"))]);
    let program = s.run().await;
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"] {
        for path in ["/", "/status", "/configuration", "/none"] {
            let answer = program.ask_admin(method, path, &[]).await;
            assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method} {path}");
        }
    }
    for (host, status) in [
        ("localhost:8081", 200),
        ("127.0.0.1", 200),
        ("[::1]:8081", 200),
        ("evil.example", 421),
        ("localhost.evil.example:8081", 421),
        ("", 421),
    ] {
        for path in ["/", "/status", "/style.css"] {
            let answer = program.ask_admin("GET", path, &[&format!("Host: {host}")]).await;
            assert_eq!(answer.status, status, "{host} {path}");
            assert!(status == 200 || !answer.body.contains(&s.name("a")), "{}", answer.body);
        }
    }
    // Whoever listens on more than this machine has given it a name.
    let arguments = ["--defaults", s.defaults_arg()];
    let open = Program::start_on("0.0.0.0:0", &[], &s.kubeconfig, "classkeeper-pagehosts-open", &arguments);
    assert_eq!(open.ask_admin("GET", "/", &["Host: classkeeper.example"]).await.status, 200);
}

#[tokio::test]
async fn an_api_server_that_is_gone_is_told_and_so_is_its_return() {
    let control_plane = ControlPlane::start(Options::default()).await.unwrap();
    let s = Scenario::on("pagereach", control_plane.client().await.unwrap()).await;
    s.mount(&[default(&s.name("a"))]);
    let program = Program::start(
        control_plane.kubeconfig(),
        &s.defaults,
        &s.manager(),
        &["--leader-elect", "--namespace", "default"],
    );
    program.ready().await;
    let says = async |what: &str| {
        eventually(what, || async {
            let body = program.ask_admin("GET", "/", &[]).await.body;
            let fact = body.split("<dt>API server</dt>").nth(1).unwrap().split("</dd>").next().unwrap().to_owned();
            if fact.contains(&format!("<strong>{what}</strong>")) { Ok(fact) } else { Err(fact) }
        })
        .await
    };
    says("Reachable").await;
    let leader = program.ask_admin("GET", "/", &[]).await.body;
    assert!(leader.contains("<strong>This replica writes</strong>"), "{leader}");
    control_plane.stop_apiserver().await.unwrap();
    let gone = says("Not reachable").await;
    assert!(gone.contains("since ") && gone.contains("</time><bdi>: "), "{gone}");
    control_plane.start_apiserver().await.unwrap();
    says("Reachable").await;
}

#[tokio::test]
async fn a_standby_says_who_leads() {
    let s = Scenario::new("pagestandby").await;
    let namespace = s.create_namespace().await;
    s.mount(&[with(default(&s.name("a")), "/spec/description", json!("led"))]);
    let arguments = ["--leader-elect", "--namespace", &namespace];
    let leader = Program::start_in(&[("POD_NAME", "first-pod")], &s.kubeconfig, &s.defaults, &s.manager(), &arguments);
    leader.class_is(&s.name("a"), "Unchanged").await;
    let second = Program::start_in(&[("POD_NAME", "second-pod")], &s.kubeconfig, &s.defaults, &s.manager(), &arguments);
    second.ready().await;
    eventually("it says who leads", || async {
        let body = second.ask_admin("GET", "/", &[]).await.body;
        let told = body.contains("<strong>Standing by</strong>") && body.contains("the Lease is held by first-pod<");
        if told { Ok(()) } else { Err(body) }
    })
    .await;
}
