//! What must hold of every run, whatever went wrong in it. What doesn't is told in words.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::acts::Rights;
use crate::fault::{Fault, Kind};
use crate::history::Revision;
use crate::ownership::{owners, units};
use crate::recording::{Recording, Target};
use crate::users::Done;

/// A cluster and what a program says of it, without what differs from run to run: times, uids, versions, names.
pub type End = BTreeMap<String, Value>;

/// What a run without faults came to.
#[derive(Clone, Debug)]
pub struct Clean {
    pub end: End,
    pub writes: Writes,
}

/// How often what was written.
pub type Writes = BTreeMap<(Target, String), usize>;

/// The end of a run: its classes, its state, and what the program reports.
pub fn end(prefix: &str, classes: &Value, state: &Value, status: &Value) -> End {
    let plain = |value: &Value| {
        let text = value.to_string();
        serde_json::from_str::<Value>(&text.replace(&format!("{prefix}-"), "").replace(prefix, "")).unwrap()
    };
    let mut end = End::new();
    for class in classes["items"].as_array().unwrap() {
        let name = class["metadata"]["name"].as_str().unwrap();
        let Some(suffix) = name.strip_prefix(&format!("{prefix}-")) else { continue };
        let mut class = plain(class);
        let metadata = class["metadata"].as_object_mut().unwrap();
        for key in ["uid", "resourceVersion", "creationTimestamp", "generation"] {
            metadata.remove(key);
        }
        let mut entries = metadata.remove("managedFields").unwrap_or_default();
        for entry in entries.as_array_mut().into_iter().flatten() {
            entry.as_object_mut().unwrap().remove("time");
        }
        let mut entries: Vec<_> = entries.as_array().into_iter().flatten().map(Value::to_string).collect();
        entries.sort();
        metadata.insert("managedFields".to_owned(), json!(entries));
        end.insert(format!("class {suffix}"), class);
    }
    end.insert("state".to_owned(), plain(&state["data"]));
    for class in status["classes"].as_array().into_iter().flatten() {
        let told = json!([class["outcome"], class["reason"]]);
        let name = plain(&class["name"]);
        end.insert(format!("reported {}", name.as_str().unwrap_or_default()), told);
    }
    let config = plain(&status["config"]);
    let sources = config["sources"].as_array().cloned().unwrap_or_default();
    for source in sources.iter().filter(|source| !source["tenant"].is_null()) {
        let codes = source["findings"].as_array().into_iter().flatten().map(|finding| finding["code"].clone());
        let told = json!([source["state"], source["classes"], codes.collect::<Vec<_>>()]);
        end.insert(format!("reported {}", source["source"].as_str().unwrap_or_default()), told);
    }
    end.insert("reported templates".to_owned(), config["templates"].clone());
    end
}

/// Where two ends differ.
pub fn difference(wanted: &End, is: &End) -> Option<String> {
    let keys = wanted.keys().chain(is.keys());
    let differing: BTreeMap<_, _> =
        keys.filter(|key| wanted.get(*key) != is.get(*key)).map(|key| (key, (wanted.get(key), is.get(key)))).collect();
    if differing.is_empty() {
        return None;
    }
    let told = differing.iter().map(|(key, (wanted, is))| {
        let text = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), |value| format!("{value:#}"));
        format!("{key}: wanted {}\nis {}", text(*wanted), text(*is))
    });
    Some(told.collect::<Vec<_>>().join("\n"))
}

/// What was written, the Lease aside, which has a rhythm of its own.
pub fn writes(prefix: &str, recordings: &[Recording]) -> Writes {
    let mut writes = Writes::new();
    for sent in recordings.iter().flatten() {
        let key = match sent.target {
            Some(Target::ClassWrite) => sent.written_class().unwrap_or_default().to_owned(),
            Some(Target::StateWrite | Target::Event) => String::new(),
            _ => continue,
        };
        *writes.entry((sent.target.unwrap(), key.replace(&format!("{prefix}-"), ""))).or_default() += 1;
    }
    writes
}

/// No more is written than without the fault, and a little.
pub fn too_many(rights: &Rights, clean: &Writes, is: &Writes, fault: Fault) -> Vec<String> {
    let allowed = |target: Target, clean: usize| match fault {
        Fault::KillBefore | Fault::KillAfter if target == Target::Event => clean + 2 + rights.told_at_start,
        // It can't know what it did before.
        Fault::Behind => 2 * clean + 1,
        // What is under way when the program or the server goes is done once more.
        Fault::KillBefore | Fault::KillAfter | Fault::StopLeader => clean + 2,
        // For as long as the server isn't there.
        _ if fault.kind() == Kind::Server => clean + 8,
        _ => clean + fault.times() as usize + 1,
    };
    let told = is.iter().filter_map(|(key, count)| {
        let most = allowed(key.0, clean.get(key).copied().unwrap_or_default());
        (*count > most).then(|| format!("{key:?} was written {count} times, more than {most}"))
    });
    told.collect()
}

/// Whoever is told to stay away does so, for a minute at most. The Lease is renewed all the same, or it would be lost; and
/// each class that is to be deleted asks for the Gateways by itself.
pub fn hurried(recordings: &[Recording]) -> Vec<String> {
    let mut told = Vec::new();
    for recording in recordings {
        for (index, refused) in recording.iter().enumerate() {
            let (Some(Fault::Status(_, Some(seconds))), Some(target)) = (refused.fault, refused.target) else {
                continue;
            };
            let away = Duration::from_secs(u64::from(seconds.min(60)));
            let is_same = |sent: &&crate::recording::Sent| {
                sent.target == Some(target) && sent.request.path == refused.request.path
            };
            let is_exempt = matches!(target, Target::Lease | Target::GatewayList);
            let next = recording[index + 1..].iter().find(is_same);
            if let Some(next) = next.filter(|next| !is_exempt && next.at < refused.at + away) {
                let after = next.at - refused.at;
                told.push(format!("{target:?} was asked again after {after:?}, although told to wait for {away:?}"));
            }
        }
    }
    told
}

/// Whether anything was written since.
pub fn is_quiet(recordings: &[Recording], since: Instant) -> bool {
    let writes = [Target::ClassWrite, Target::StateWrite, Target::Event];
    let is_late =
        |sent: &&crate::recording::Sent| sent.at > since && sent.target.is_some_and(|target| writes.contains(&target));
    recordings.iter().flatten().find(is_late).is_none()
}

/// What is wrong in a history, revision by revision.
pub fn violations(platform: &str, prefix: &str, rights: &Rights, history: &[Revision], users: &Done) -> Vec<String> {
    let (mut known, mut told) = (BTreeMap::<&str, &Value>::new(), Vec::new());
    let mut deletions = BTreeMap::<&str, usize>::new();
    for revision in history {
        let suffix = revision.class.strip_prefix(&format!("{prefix}-")).unwrap();
        let before = known.insert(suffix, &revision.object).unwrap_or(&Value::Null);
        let mut tell = |what: String| {
            let shown = |object: &Value| format!("{object:#}");
            told.push(format!(
                "{suffix} at {}: {what}\nbefore {}\nafter {}",
                revision.version,
                shown(before),
                shown(&revision.object)
            ));
        };
        if revision.object.is_null() {
            *deletions.entry(suffix).or_default() += 1;
            let by_users = users.deletions.get(&revision.class).copied().unwrap_or_default();
            let allowed = by_users + usize::from(rights.deletes.contains(&suffix));
            if deletions[suffix] > allowed {
                tell(format!("it was deleted {} times, and not by its users", deletions[suffix]));
            }
            continue;
        }
        if users.revisions.contains(&revision.version) {
            continue;
        }
        // Whatever else came, came from the program.
        if suffix == "foreign" {
            tell("a foreign class was touched".to_owned());
        }
        // A class that is marked for deletion by its user comes once more before it goes.
        if rights.untouchable.contains(&suffix) && is_held(suffix, before) {
            tell("it was written, although it is to be left alone".to_owned());
        }
        let manager = &rights.manager_of(suffix, platform);
        let takes = rights.takes.get(suffix).copied().unwrap_or_default();
        let after = units(&revision.object);
        for (unit, value) in units(before) {
            let theirs = owners(before, &unit).iter().any(|owner| owner != manager);
            if theirs && after.get(&unit) != Some(&value) && !takes.contains(&&*unit) {
                tell(format!("{unit} was a user's and was changed"));
            }
        }
        let entries = |object: &Value| {
            let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
            entries.into_iter().filter(|entry| entry["manager"] != *manager).collect::<Vec<_>>()
        };
        let gone: Vec<_> =
            entries(before).into_iter().filter(|entry| !entries(&revision.object).contains(entry)).collect();
        if takes.is_empty() && !gone.is_empty() {
            tell(format!("what others own was changed: {gone:#?}"));
        }
    }
    told
}

/// Whether a class is in the state in which it is to be left alone.
fn is_held(suffix: &str, class: &Value) -> bool {
    match suffix {
        "paused" => class["metadata"]["annotations"]["classkeeper.dev/reconcile"] == "disabled",
        _ => !class.is_null(),
    }
}
