//! Admission: the real API server asks the real webhook over TLS.

use std::time::{Duration, Instant};

use control_plane::mount::{LinkOrder, swap};
use http::Method;
use serde_json::{Value, json};

use crate::program::{Program, output};
use crate::scenario::{Scenario, default, eventually, path_str, with};
use crate::webhook::{
    Answered, BAD, GOOD, Webhook, ask, certificate, connect, days_ago, directory, made_before, mount_files, names, ours,
};

const LABELS: &str = "classkeeper.dev/defaults";
const JSON: &str = "application/json";
const CONFIG_MAPS: &str = "POST /validate/configmaps";

#[tokio::test]
async fn defaults_that_check_refuses_are_refused_with_its_words() {
    let s = Scenario::new("adm-maps").await;
    let webhook = Webhook::new(&s).await;
    let labels = json!({LABELS: "true"});
    let name = s.name("a");
    let good = GOOD.replace("name: a", &format!("name: {name}")) + "  description: first\n";
    let bad = good.replace("controllerName", "controlerName");
    // Somebody was earlier than the webhook.
    assert_eq!(webhook.post_map("early", &bad, &labels, "").await.code, 201);
    let tenant = format!(
        "apiVersion: classkeeper.dev/v1alpha1\nkind: Tenant\nmetadata: {{name: a}}\nnamespaces: [{}]\n\
         allow: {{names: ['adm-maps-*'], controllerNames: ['example.com/*']}}\n",
        webhook.namespace
    );
    s.mount_text(&tenant);
    let program = webhook.run().await;
    webhook.refuses().await;

    let refused = webhook.post_map("bad", &bad, &labels, "").await;
    let file = s.defaults.with_file_name("10-edge.yaml");
    std::fs::write(&file, &bad).unwrap();
    let check = output(None, &["check", path_str(&file)]);
    // There it is a key of the ConfigMap.
    let words = String::from_utf8(check.stdout).unwrap().replace(path_str(&file), "10-edge.yaml");
    let message = refused.body["message"].as_str().unwrap();
    assert!(message.contains(words.trim_end()) && words.contains("did you mean"), "{message}\n{words}");
    assert_eq!((refused.code, &refused.body["reason"]), (422, &json!("Invalid")));

    assert_eq!(webhook.post_map("unlabelled", &bad, &json!({}), "").await.code, 201);
    let taken = webhook.post_map("good", &good, &labels, "").await;
    assert_eq!((taken.code, taken.warnings), (201, vec![]));
    // The tenant's class is kept, and an edit of it is told of as any other.
    program.class_is(&name, "Unchanged").await;
    let edited = webhook.edit(&name, &json!({"spec": {"description": "mine"}}), "").await;
    let yields = "spec.description stays as you set it, classkeeper yields; remove it to hand it back";
    assert_eq!((edited.code, edited.warnings), (200, vec![yields.to_owned()]));
    let edit = |text: &str| json!({"data": {"10-edge.yaml": text}});
    assert_eq!(webhook.patch_map("good", &edit(&bad)).await.code, 422);
    // What the boundary forbids is refused as well.
    let outside = good.replace(&name, "elsewhere");
    let refused = webhook.patch_map("good", &edit(&outside)).await;
    assert_eq!(refused.code, 422);
    assert!(refused.body.to_string().contains("which the tenant a isn't allowed"), "{:#}", refused.body);

    let annotated = webhook.patch_map("early", &json!({"metadata": {"annotations": {"a": "b"}}})).await;
    assert_eq!(
        (annotated.code, annotated.warnings),
        (200, vec!["as before, these defaults are not taken: 1 error".to_owned()])
    );
    let count = r#"classkeeper_webhook_reviews_total{resource="configmaps",result="refused"}"#;
    assert!(program.metric(count).await >= 3.0);
}

#[tokio::test]
async fn defaults_that_nobody_reads_are_told_so() {
    let s = Scenario::new("adm-nobody").await;
    let webhook = Webhook::new(&s).await;
    s.mount(&[default(&s.name("a"))]);
    let _program = webhook.run().await;
    webhook.refuses().await;
    let taken = webhook.try_defaults(GOOD).await;
    let expected = format!("nobody reads these defaults: no Tenant names the namespace {}", webhook.namespace);
    assert_eq!((taken.code, taken.warnings), (201, vec![expected]));
}

#[tokio::test]
async fn the_platform_s_own_config_map_is_checked_label_or_not() {
    let s = Scenario::new("adm-platform").await;
    let webhook = Webhook::new(&s).await;
    s.mount(&[default(&s.name("a"))]);
    let platform = format!("--configmap={}/platform", webhook.namespace);
    let args: Vec<_> = webhook.args().into_iter().chain([platform]).collect();
    // It isn't ready before that ConfigMap is there.
    let tenant = "apiVersion: classkeeper.dev/v1alpha1\nkind: Tenant\nmetadata: {name: adm}\nnamespaces: [adm-none]\n\
                  allow: {names: ['adm-*'], controllerNames: ['*']}\n";
    assert_eq!(webhook.post_map("platform", tenant, &json!({}), "").await.code, 201);
    let program = s.run_with(&args.iter().map(String::as_str).collect::<Vec<_>>()).await;
    webhook.configure(program.webhook().await).await;
    webhook.refuses().await;
    let edit = |text: &str| json!({"data": {"10-edge.yaml": text}});
    assert_eq!(webhook.patch_map("platform", &edit(BAD)).await.code, 422);
    let taken = webhook
        .patch_map("platform", &edit(&(tenant.to_owned() + "---\n" + tenant.replace("adm", "adm-two").as_str())))
        .await;
    assert_eq!((taken.code, taken.warnings), (200, vec![]));
}

#[tokio::test]
async fn an_edit_of_a_unit_of_ours_is_allowed_and_told_what_comes_of_it() {
    let s = Scenario::new("adm-edit").await;
    let (webhook, name) = (Webhook::new(&s).await, s.name("a"));
    let wanted = with(default(&name), "/policy", json!({"enforce": ["metadata.labels['team']"]}));
    s.mount(std::slice::from_ref(&wanted));
    let program = webhook.run().await;
    program.class_is(&name, "Unchanged").await;
    webhook.refuses().await;

    let described = json!({"spec": {"description": "mine"}});
    let yields = "spec.description stays as you set it, classkeeper yields; remove it to hand it back";
    let tried = webhook.edit(&name, &described, "&dryRun=All").await;
    assert_eq!((tried.code, tried.warnings), (200, vec![yields.to_owned()]));
    let edited = webhook.edit(&name, &described, "").await;
    assert_eq!((edited.code, edited.warnings), (200, vec![yields.to_owned()]));
    s.class_stays(&name, "the user's", |class| class["spec"]["description"] == "mine").await;

    let removed = webhook.edit(&name, &json!({"metadata": {"annotations": {"example.com/note": null}}}), "").await;
    let pin = format!("classkeeper pin {name} \"metadata.annotations['example.com/note']\"");
    assert!(removed.warnings.len() == 1 && removed.warnings[0].ends_with(&pin), "{:?}", removed.warnings);
    let enforced = webhook.edit(&name, &json!({"metadata": {"labels": {"team": "mine"}}}), "").await;
    assert_eq!(enforced.warnings, ["metadata.labels['team'] is enforced: classkeeper sets it back at once"]);
    let back = |class: &Value| class["metadata"]["labels"]["team"] == "edge";
    s.class_where(&name, "as wanted", back).await;
    let other = webhook.edit(&name, &json!({"metadata": {"labels": {"other": "mine"}}}), "").await;
    assert_eq!((other.code, other.warnings), (200, vec![]));

    // Our own writes are asked about as well, and nobody hears a word.
    let told = r#"classkeeper_webhook_reviews_total{resource="gatewayclasses",result="warned"}"#;
    let silent = r#"classkeeper_webhook_reviews_total{resource="gatewayclasses",result="allowed"}"#;
    let (told_before, silent_before) = (program.metric(told).await, program.metric(silent).await);
    s.mount(&[with(wanted, "/metadata/labels/team", json!("changed"))]);
    s.class_where(&name, "changed", |class| class["metadata"]["labels"]["team"] == "changed").await;
    assert!(program.metric(silent).await > silent_before);
    assert!((program.metric(told).await - told_before).abs() < 0.1);

    let path = format!("/apis/gateway.networking.k8s.io/v1/gatewayclasses/{name}");
    let deleted = webhook
        .send(Method::DELETE, &path, "application/json", &json!({"kind": "DeleteOptions", "apiVersion": "v1"}))
        .await;
    assert_eq!(deleted.code, 200);
    assert!(deleted.warnings[0].starts_with(&format!("classkeeper creates {name} again")), "{:?}", deleted.warnings);
}

#[tokio::test]
async fn a_class_whose_condition_does_not_hold_is_edited_in_silence() {
    let s = Scenario::new("adm-when").await;
    let (webhook, name) = (Webhook::new(&s).await, s.name("a"));
    s.mount(&[default(&name)]);
    let program = webhook.run().await;
    program.class_is(&name, "Unchanged").await;
    webhook.refuses().await;
    s.mount(&[with(default(&name), "/when", json!("cluster.serves('example.com/v1', 'Nothing')"))]);
    program.class_is(&name, "Skipped").await;
    let edited = webhook.edit(&name, &json!({"spec": {"description": "mine"}}), "").await;
    assert_eq!((edited.code, edited.warnings), (200, vec![]));
}

#[tokio::test]
async fn a_stopped_program_blocks_nobody() {
    let s = Scenario::new("adm-stop").await;
    let webhook = Webhook::new(&s).await;
    s.mount(&[default(&s.name("a"))]);
    let program = webhook.run().await;
    webhook.refuses().await;
    assert!(program.stop("TERM").await.success());
    assert_eq!(webhook.try_defaults(BAD).await.code, 201);
}

#[tokio::test]
async fn two_replicas_serve_one_certificate_and_one_of_them_writes_it() {
    let s = Scenario::new("adm-two").await;
    let webhook = Webhook::new(&s).await;
    let (standby_proxy, standby_kubeconfig) = s.another_way(s.client.clone()).await;
    s.mount(&[default(&s.name("a"))]);
    let args = webhook.args();
    let args: Vec<_> = args.iter().map(String::as_str).chain(["--leader-elect"]).collect();
    let leader = Program::start(&s.kubeconfig, &s.defaults, &s.manager(), &args);
    eventually("it leads", || async {
        if leader.status().await["leader"] == true { Ok(()) } else { Err("it doesn't") }
    })
    .await;
    let standby = Program::start(&standby_kubeconfig, &s.defaults, &s.manager(), &args);
    standby.ready().await;
    // It is the standby that is asked.
    webhook.configure(standby.webhook().await).await;
    webhook.is_trusted().await;
    webhook.refuses().await;
    let bundle = webhook.secret().await.data.unwrap()["ca.crt"].0.clone();
    let [one, other] = [&leader, &standby]
        .map(|program| async { certificate(&connect(program.webhook().await, &bundle).await.unwrap()) });
    assert_eq!(one.await, other.await);
    let secret = webhook.secret().await;
    assert_eq!(secret.type_.as_deref(), Some("kubernetes.io/tls"));
    let written: Vec<_> = standby_proxy.writes().into_iter().filter(|write| !write.path.contains("/leases")).collect();
    assert!(written.is_empty(), "{written:#?}");
}

#[tokio::test]
async fn a_certificate_is_renewed_before_its_end_and_no_request_is_lost() {
    let s = Scenario::new("adm-renew").await;
    let webhook = Webhook::new(&s).await;
    s.mount(&[default(&s.name("a"))]);
    let program = webhook.run().await;
    webhook.refuses().await;
    let address = program.webhook().await;
    // 20 of 90 days are left.
    let old = made_before(70);
    s.delete_object(&webhook.secret_path()).await;
    // By the time the program sees it, it is the test's, unless the program was faster.
    let mut operations = Vec::new();
    eventually("the Secret is the program's again", || async {
        if s.object(&webhook.secret_path()).await.is_null() { Err("gone") } else { Ok(()) }
    })
    .await;
    for (key, bytes) in old.data() {
        operations.push(json!({"op": "add", "path": format!("/data/{key}"), "value": bytes}));
    }
    s.patch_object(&webhook.secret_path(), &json!(operations)).await.unwrap();
    eventually("the certificate is another one", || async {
        let data = webhook.secret().await.data.unwrap();
        if data["tls.crt"] == old.data()["tls.crt"] || data["ca.crt"] != old.data()["ca.crt"] {
            return Err("not yet".to_owned());
        }
        let served = connect(address, &old.bundle()).await?;
        let renewed = pem::parse(&data["tls.crt"].0).unwrap().into_contents();
        if *certificate(&served) == *renewed { Ok(()) } else { Err("it isn't served".to_owned()) }
    })
    .await;
    webhook.is_trusted().await;
    webhook.refuses().await;
    assert_eq!(program.logged("renewed the webhook's certificates").len(), 1);
    let end = program.metric("classkeeper_webhook_certificate_expiry_timestamp_seconds").await;
    let left = end - days_ago(0).as_duration().as_secs_f64();
    assert!((89.0 * 86400.0..91.0 * 86400.0).contains(&left), "{left}");
}

#[tokio::test]
async fn a_new_authority_is_trusted_before_it_signs_and_no_request_is_lost() {
    let s = Scenario::new("adm-authority").await;
    let webhook = Webhook::new(&s).await;
    s.mount(&[default(&s.name("a"))]);
    // The authority is seven of its ten years old, and the certificate 70 of its 90 days.
    let old = made_before(7 * 365)
        .renewed(classkeeper::admission::authority::Renewal::Certificate, &names(), days_ago(70))
        .unwrap();
    webhook.create_secret(&old, ours()).await;
    let program = webhook.run().await;
    webhook.is_trusted().await;
    webhook.refuses().await;
    let address = program.webhook().await;
    let mut kept_open = connect(address, &webhook.bundles().await[0].clone().unwrap()).await.unwrap();
    // All the while, the webhook is asked and answers.
    let start = Instant::now();
    loop {
        let answered = webhook.try_defaults(BAD).await;
        assert_eq!(answered.code, 422, "after {:?}: {answered:?}, {:#?}", start.elapsed(), program.log());
        let bundle = webhook.bundles().await[0].clone().unwrap();
        let newest = pem::encode(&pem::parse_many(&bundle).unwrap()[0]);
        let by_the_new_one = connect(address, newest.as_bytes()).await.is_ok();
        if by_the_new_one && pem::parse_many(&bundle).unwrap().len() == 2 {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(40), "{:#?}", program.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(webhook.bundles().await[0].clone().unwrap().ends_with(&old.bundle()), "the former one is trusted still");
    assert_eq!(ask(&mut kept_open, "GET /validate/configmaps", JSON, b"").await.0, 405, "open connections go on");
    assert_eq!(program.logged("renewed the webhook's certificates").len(), 2);
}

#[tokio::test]
async fn what_somebody_breaks_of_the_certificates_is_mended() {
    let s = Scenario::new("adm-mend").await;
    let webhook = Webhook::new(&s).await;
    s.mount(&[default(&s.name("a"))]);
    let program = webhook.run().await;
    webhook.is_trusted().await;
    webhook.refuses().await;

    let before = s.object(&webhook.configuration_path()).await;
    let broken = json!([{"op": "remove", "path": "/webhooks/1/clientConfig/caBundle"},
        {"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": "b3RoZXI="},
        {"op": "replace", "path": "/webhooks/0/timeoutSeconds", "value": 3}]);
    s.patch_object(&webhook.configuration_path(), &broken).await.unwrap();
    webhook.is_trusted().await;
    let mut after = s.object(&webhook.configuration_path()).await;
    assert_eq!(after["webhooks"][0]["timeoutSeconds"], 3, "nothing else is touched");
    after["webhooks"][0]["timeoutSeconds"] = 5.into();
    assert_eq!(after["webhooks"], before["webhooks"]);

    let old = webhook.secret().await.data.unwrap();
    s.delete_object(&webhook.secret_path()).await;
    eventually("it is made anew", || async {
        let secret = s.object(&webhook.secret_path()).await;
        if secret["data"]["tls.key"].is_string() { Ok(()) } else { Err(format!("{secret}")) }
    })
    .await;
    assert_ne!(webhook.secret().await.data.unwrap()["ca.key"], old["ca.key"], "whoever deletes it wants new ones");
    webhook.is_trusted().await;
    webhook.refuses().await;

    let garbage = json!([{"op": "replace", "path": "/data/tls.crt", "value": "Z2FyYmFnZQ=="}]);
    s.patch_object(&webhook.secret_path(), &garbage).await.unwrap();
    eventually("it is made anew", || async {
        let crt = webhook.secret().await.data.unwrap()["tls.crt"].clone();
        if crt.0 == b"garbage" { Err("garbage") } else { Ok(()) }
    })
    .await;
    webhook.is_trusted().await;
    webhook.refuses().await;
    assert!(!program.logged("what is in the webhook's Secret is of no use").is_empty());
}

#[tokio::test]
async fn a_secret_of_somebody_else_is_left_alone() {
    let s = Scenario::new("adm-foreign").await;
    let webhook = Webhook::new(&s).await;
    s.mount(&[default(&s.name("a"))]);
    webhook.create_secret(&made_before(100), json!({})).await;
    let before = webhook.secret().await;
    let program = webhook.run().await;
    eventually("it is told", || async {
        let told = program
            .log()
            .into_iter()
            .any(|line| line["error"].as_str().is_some_and(|error| error.contains("isn't ours")));
        if told { Ok(()) } else { Err(format!("{:#?}", program.log())) }
    })
    .await;
    assert_eq!(webhook.secret().await, before);
    assert_eq!(program.get("/readyz").await.0, 200, "classes are kept all the same");
    assert_eq!(webhook.try_defaults(BAD).await.code, 201, "it fails open");
}

#[tokio::test]
async fn mounted_certificates_are_read_again_when_the_mount_swaps() {
    let s = Scenario::new("adm-mount").await;
    let webhook = Webhook::new(&s).await;
    s.mount(&[default(&s.name("a"))]);
    let folder = directory(&s);
    let (first_bundle, first) = mount_files(&made_before(1));
    swap(&folder, &first, LinkOrder::AfterSwap).unwrap();
    let args = [
        "--webhook-listen=127.0.0.1:0",
        &format!("--webhook-cert-dir={}", path_str(&folder)),
        &format!("--webhook-config={}", webhook.configuration),
        &format!("--namespace={}", webhook.namespace),
    ];
    let program = s.run_with(&args).await;
    let address = program.webhook().await;
    webhook.configure(address).await;
    let mut kept_open = eventually("the first is served", || connect(address, &first_bundle)).await;

    let (second_bundle, second) = mount_files(&made_before(0));
    swap(&folder, &second, LinkOrder::AfterSwap).unwrap();
    eventually("the second is served", || connect(address, &second_bundle)).await;
    assert!(connect(address, &first_bundle).await.is_err());
    assert_eq!(ask(&mut kept_open, "GET /validate/configmaps", JSON, b"").await.0, 405, "open connections go on");

    // A key of another certificate: what was good stays, and it is told.
    let mixed = second.clone().into_iter().chain([("tls.key".to_owned(), first["tls.key"].clone())]).collect();
    swap(&folder, &mixed, LinkOrder::AfterSwap).unwrap();
    eventually("it is told", || async {
        let told = program.logged("the webhook's certificate can't be read");
        if told.is_empty() { Err(format!("{:#?}", program.log())) } else { Ok(()) }
    })
    .await;
    connect(address, &second_bundle).await.unwrap();
    assert_eq!(webhook.bundles().await, [None, None], "whoever makes the certificates says who trusts them");
    assert!(s.object(&webhook.secret_path()).await.is_null());
}

#[tokio::test]
async fn what_is_no_review_is_told_so_and_ends_nothing() {
    let s = Scenario::new("adm-wire").await;
    let webhook = Webhook::new(&s).await;
    s.mount(&[default(&s.name("a"))]);
    let program = webhook.run().await;
    webhook.is_trusted().await;
    let (address, bundle) = (program.webhook().await, webhook.bundles().await[0].clone().unwrap());
    let review = |version: &str, request: Value| {
        json!({"apiVersion": version, "kind": "AdmissionReview", "request": request}).to_string()
    };
    let v1 = "admission.k8s.io/v1";
    let cases: [(&str, String, u16); 9] = [
        ("/validate/configmaps", String::new(), 400),
        ("/validate/configmaps", "{".repeat(100_000), 400),
        ("/validate/configmaps", "[]".to_owned(), 400),
        ("/validate/configmaps", review("admission.k8s.io/v1beta1", json!({"uid": "u", "operation": "CREATE"})), 400),
        ("/validate/configmaps", review(v1, Value::Null), 400),
        (
            "/validate/configmaps",
            review(v1, json!({"uid": "u", "operation": "CREATE", "object": {"kind": "Pod", "apiVersion": "v1"}})),
            400,
        ),
        ("/validate/gatewayclasses", review(v1, json!({"uid": "u", "operation": "CREATE", "object": 7})), 400),
        ("/validate/nothing", review(v1, Value::Null), 404),
        ("/validate/configmaps", format!("\"{}\"", "x".repeat(8 << 20)), 413),
    ];
    for (path, body, code) in cases {
        let mut stream = connect(address, &bundle).await.unwrap();
        let (answered, text) = ask(&mut stream, &format!("POST {path}"), JSON, body.as_bytes()).await;
        assert_eq!(answered, code, "{path} {body:.100}: {text}");
    }
    let mut stream = connect(address, &bundle).await.unwrap();
    assert_eq!(ask(&mut stream, CONFIG_MAPS, "text/plain", b"{}").await.0, 415);
    // What wasn't read of that one may end its connection.
    let mut stream = connect(address, &bundle).await.unwrap();
    // A class that can't be read is nothing that its editor could help.
    let odd = review(
        v1,
        json!({"uid": "u", "operation": "UPDATE", "object": {"metadata": {}}, "oldObject": {"metadata": {}}}),
    );
    let (code, text) = ask(&mut stream, "POST /validate/gatewayclasses", JSON, odd.as_bytes()).await;
    assert_eq!(code, 200, "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["response"], json!({"uid": "u", "allowed": true}));

    // Whoever connects and says nothing holds up nobody.
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(tokio::net::TcpStream::connect(address).await.unwrap());
    }
    webhook.refuses().await;
    assert_eq!(program.get("/livez").await.0, 200);
}

#[tokio::test]
async fn a_large_config_map_is_answered_within_the_second() {
    let s = Scenario::new("adm-large").await;
    let webhook = Webhook::new(&s).await;
    s.mount(&[default(&s.name("a"))]);
    let _program = webhook.run().await;
    webhook.refuses().await;
    // As many classes as fit, the last of them bad.
    let class = |index: usize| format!("{}---\n", GOOD.replace("name: a", &format!("name: large-{index}")));
    let text: String = (0..300).map(class).chain([BAD.to_owned()]).collect();
    let start = Instant::now();
    let Answered { code, body, .. } = webhook.try_defaults(&text).await;
    assert_eq!(code, 422, "after {:?}: {body}", start.elapsed());
}
