use super::*;

fn facts(version: &str) -> Arc<Facts> {
    Arc::new(Facts { kubernetes: version.into(), ..Facts::default() })
}

#[test]
fn a_condition_holds_or_not_as_the_facts_change() {
    let when = When::compile("cluster.kubernetes.version.startsWith('1.37.')").unwrap();
    assert_eq!(when.holds(&facts("1.37.2")), Ok(true));
    assert_eq!(when.holds(&facts("1.36.2")), Ok(false));
}

#[test]
fn without_a_gateway_api_its_facts_are_empty_and_not_missing() {
    for text in [
        "cluster.gatewayAPI.bundleVersion == '' && cluster.gatewayAPI.channel == ''",
        "cluster.gatewayAPI.servedVersions == [] && !('v1' in cluster.gatewayAPI.servedVersions)",
        "!cluster.serves('gateway.networking.k8s.io/v1', 'GatewayClass')",
    ] {
        assert_eq!(When::compile(text).unwrap().holds(&Arc::default()), Ok(true), "{text}");
    }
}

#[test]
fn a_condition_that_fails_says_why() {
    let when = When::compile("semver(cluster.gatewayAPI.bundleVersion, true).major() >= 1").unwrap();
    let error = when.holds(&facts("1.37.2")).unwrap_err().to_string();
    assert_eq!(error, "when can't be evaluated: semver: invalid semver '': empty string, expected a semver version");
    // Its type is only known when it is evaluated.
    let when = When::compile("[true, 'a'][1]").unwrap();
    let error = when.holds(&facts("1.37.2")).unwrap_err().to_string();
    assert_eq!(error, "when can't be evaluated: the result is neither true nor false");
}

#[test]
fn conditions_of_the_same_text_are_the_same() {
    let compile = |text| When::compile(text).unwrap();
    assert_eq!(compile("true"), compile("true"));
    assert_ne!(compile("true"), compile("true "));
    assert_eq!(format!("{:?}", compile("true")), "When(Expression(\"true\"))");
}

#[test]
fn a_file_compiles_a_text_once_whether_it_is_right_or_wrong() {
    let mut conditions = Conditions::default();
    let first = conditions.compile("true").unwrap();
    assert!(Arc::ptr_eq(&first, &conditions.compile("true").unwrap()));
    let first = conditions.compile("tru").unwrap_err();
    assert!(Arc::ptr_eq(&first, &conditions.compile("tru").unwrap_err()));
    assert_eq!(first[0].message, "there is no variable tru");
}

#[test]
fn a_round_evaluates_a_text_once() {
    let round = Round::new(&facts("1.37.2"));
    let text = "cluster.kubernetes.version == '1.37.2'";
    for _ in 0..3 {
        assert_eq!(round.holds(&When::compile(text).unwrap()), Ok(true));
    }
    assert_eq!(round.holds(&When::compile("false").unwrap()), Ok(false));
    assert!(round.holds(&When::compile("1 / 0 == 1").unwrap()).is_err());
    assert_eq!(round.known.lock().unwrap().len(), 3);
}

#[test]
fn conditions_and_rounds_go_from_thread_to_thread() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<When>();
    is_shared::<WhenError>();
    is_shared::<Conditions>();
    is_shared::<Round>();
}
