//! The spelling of units: in policies, on the command line, and in the annotation that anybody may write on a class.

use classkeeper::engine::annotations::{IGNORE, Ignore};
use classkeeper::engine::live::Live;
use classkeeper::engine::unit::{Unit, UnitPath};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Map;

/// Reads the bytes as a unit, and as a list of them. What is accepted is spelt in one way only.
pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(unit) = text.parse::<Unit>() {
        assert_eq!(unit.to_string(), text);
        assert_eq!(serde_json::to_value(&unit).unwrap(), text);
        let again = match unit.path() {
            UnitPath::Spec(field) => Unit::spec(field),
            UnitPath::Metadata("labels", key) => Unit::label(key),
            UnitPath::Metadata("annotations", key) => Unit::annotation(key),
            UnitPath::Metadata(map, _) => panic!("{unit} is in {map}"),
        };
        assert_eq!(again, unit);
    }
    let metadata = ObjectMeta {
        name: Some("edge".to_owned()),
        uid: Some("1".to_owned()),
        annotations: Some([(IGNORE.to_owned(), text.to_owned())].into()),
        ..ObjectMeta::default()
    };
    let ignore = Ignore::of(&Live::new(metadata, Map::new()).unwrap());
    let names: Vec<_> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let units: Result<Vec<Unit>, _> = names.iter().map(|name| name.parse()).collect();
    match units {
        Ok(units) => {
            assert_eq!(ignore.complaint(), None);
            assert!(units.iter().all(|unit| ignore.covers(unit)), "{text:?}");
            assert_eq!(ignore.covers(&Unit::Description), units.contains(&Unit::Description));
        }
        // What can't be understood leaves all alone.
        Err(_) => assert!(ignore.complaint().is_some() && ignore.covers(&Unit::Description), "{text:?}"),
    }
}
