//! Directories that are not what they seem: links, loops, what is no file, what vanishes, what can't be read.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use classkeeper::files::reload::{Loader, Reload};
use classkeeper::files::snapshot::{Snapshot, SnapshotError};
use tempfile::{TempDir, tempdir};

use crate::text::class;

/// What stands outside, and must never be in a snapshot.
const SECRET: &str = "a secret that stands outside";
/// How often a race is tried, at least: so many changes, and so many reads.
const TRIED: usize = 10_000;
const A_WHILE: Duration = Duration::from_mins(2);

fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempdir().unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

fn names(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.files().iter().map(|file| &*file.name).collect()
}

fn findings(snapshot: &Snapshot) -> Vec<String> {
    snapshot.findings().iter().map(|finding| format!("{}: {}", finding.place.file, finding.message)).collect()
}

/// Reads a directory again and again while it is changed, and checks each snapshot.
fn while_changing(
    directory: &Path,
    mut change: impl FnMut(usize) + Send,
    check: impl Fn(Result<Snapshot, SnapshotError>),
) {
    let (is_over, changes) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                change(changes.fetch_add(1, Ordering::Relaxed));
            }
        });
        // Ends the other thread also if a check fails.
        let _over = Over(&is_over);
        let start = Instant::now();
        let mut reads = 0;
        while reads < TRIED || changes.load(Ordering::Relaxed) < TRIED {
            assert!(start.elapsed() < A_WHILE, "{reads} reads and {changes:?} changes are no race");
            check(Snapshot::read(directory));
            reads += 1;
        }
    });
}

/// Says so when it is dropped.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn has_no_secret(snapshot: &Snapshot) {
    for file in snapshot.files() {
        let text = String::from_utf8_lossy(&file.bytes);
        assert!(!text.contains(SECRET), "{} was read from outside", file.name);
    }
}

#[test]
fn a_file_that_becomes_a_link_out_of_the_directory_is_not_read_through_it() {
    let outside = directory(&[("secret.yaml", SECRET)]);
    let inside = directory(&[("a.yaml", "a"), ("b.yaml", "b")]);
    let (a, next) = (inside.path().join("a.yaml"), inside.path().join("next"));
    let change = |number: usize| {
        if number.is_multiple_of(2) {
            symlink(outside.path().join("secret.yaml"), &next).unwrap();
        } else {
            fs::write(&next, "a").unwrap();
        }
        fs::rename(&next, &a).unwrap();
    };
    while_changing(inside.path(), change, |snapshot| has_no_secret(&snapshot.unwrap()));
}

#[test]
fn a_generation_that_becomes_a_link_out_of_the_mount_is_not_read_through_it() {
    let outside = directory(&[("a.yaml", SECRET)]);
    let mount = tempdir().unwrap();
    let (generation, aside) = (mount.path().join("..1"), mount.path().join("..aside"));
    fs::create_dir(&generation).unwrap();
    fs::write(generation.join("a.yaml"), "a").unwrap();
    symlink("..1", mount.path().join("..data")).unwrap();
    symlink("..data/a.yaml", mount.path().join("a.yaml")).unwrap();
    let change = |number: usize| {
        if number.is_multiple_of(2) {
            fs::rename(&generation, &aside).unwrap();
            symlink(outside.path(), &generation).unwrap();
        } else {
            fs::remove_file(&generation).unwrap();
            fs::rename(&aside, &generation).unwrap();
        }
    };
    // That it can't be read just now is an error, and may be.
    while_changing(mount.path(), change, |snapshot| snapshot.iter().for_each(has_no_secret));
}

#[test]
fn a_file_that_vanishes_while_it_is_read_was_never_there() {
    let inside = directory(&[("a.yaml", "a")]);
    let b = inside.path().join("b.yaml");
    let change = |number: usize| {
        if number.is_multiple_of(2) {
            fs::write(&b, "b").unwrap();
        } else {
            fs::remove_file(&b).unwrap();
        }
    };
    while_changing(inside.path(), change, |snapshot| {
        let snapshot = snapshot.unwrap();
        assert_eq!(findings(&snapshot), [""; 0]);
        assert_eq!(names(&snapshot)[0], "a.yaml");
    });
}

#[test]
fn loops_of_links_are_told_and_not_followed() {
    let inside = directory(&[("z.yaml", "z")]);
    let link = |to: &str, name: &str| symlink(to, inside.path().join(name)).unwrap();
    link("itself.yaml", "itself.yaml");
    link("b.yaml", "a.yaml");
    link("a.yaml", "b.yaml");
    // Links to directories, be it the one that they stand in, are skipped as directories are.
    link(".", "here.yaml");
    link("here.yaml/here.yaml/here.yaml", "deep.yaml");
    // Through the loop, and still inside.
    link("here.yaml/here.yaml/z.yaml", "y.yaml");
    let snapshot = Snapshot::read(inside.path()).unwrap();
    assert_eq!(names(&snapshot), ["y.yaml", "z.yaml"]);
    let found = findings(&snapshot);
    assert_eq!(found.len(), 3, "{found:?}");
    for (finding, name) in found.iter().zip(["a.yaml", "b.yaml", "itself.yaml"]) {
        assert!(finding.starts_with(&format!("{name}: the file can't be read")), "{finding}");
    }
    let of_loop =
        |name: &str| matches!(Snapshot::read(&inside.path().join(name)), Err(SnapshotError::Unreadable { .. }));
    assert!(of_loop("itself.yaml") && of_loop("a.yaml"));
    link("..data", "..data");
    assert!(matches!(Snapshot::read(inside.path()), Err(SnapshotError::Unreadable { .. })));
}

#[test]
fn links_to_what_the_kernel_makes_up_lead_out_of_the_directory() {
    let inside = directory(&[]);
    for (number, target) in
        ["/proc/self/environ", "/proc/self/root/etc/passwd", "/dev/stdin", "/etc/passwd", "../"].into_iter().enumerate()
    {
        symlink(target, inside.path().join(format!("{number}.yaml"))).unwrap();
    }
    let snapshot = Snapshot::read(inside.path()).unwrap();
    assert_eq!(names(&snapshot), [""; 0]);
    let found = findings(&snapshot);
    assert_eq!(found.len(), 5, "{found:?}");
}

#[test]
fn a_device_is_not_opened() {
    let inside = directory(&[("z.yaml", "z")]);
    let device = inside.path().join("device.yaml");
    // /dev/zero, of which there is no end.
    let made = Command::new("mknod").arg(&device).args(["c", "1", "5"]).output().unwrap();
    if !made.status.success() {
        // Only root makes devices, and not in every container. The loader refuses it by the same look.
        let words = String::from_utf8_lossy(&made.stderr);
        assert!(words.contains("not permitted"), "{words}");
        let made = Command::new("mkfifo").arg(&device).status().unwrap();
        assert!(made.success());
    }
    let snapshot = Snapshot::read(inside.path()).unwrap();
    assert_eq!(names(&snapshot), ["z.yaml"]);
    assert_eq!(findings(&snapshot), ["device.yaml: this is not a regular file"]);
}

/// An editor or a clock may leave size and times as they were; what counts is the content.
#[test]
fn other_content_of_the_same_size_and_time_is_a_change() {
    let old = class("edge", "old");
    let inside = directory(&[("a.yaml", &old)]);
    let path = inside.path().join("a.yaml");
    let before = fs::metadata(&path).unwrap();
    let mut loader = Loader::default();
    let mut load = || match loader.load(&Snapshot::read(inside.path()).unwrap()) {
        Reload::Accepted { defaults, .. } => {
            Some(defaults.get("edge").unwrap().units.get(&"spec.description".parse().unwrap()).unwrap().clone())
        }
        Reload::Unchanged => None,
        Reload::Rejected { findings } => panic!("{findings:?}"),
    };
    assert_eq!(load(), Some("old".into()));
    fs::write(&path, old.replace("old", "new")).unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    file.set_modified(before.modified().unwrap()).unwrap();
    let after = fs::metadata(&path).unwrap();
    assert_eq!((after.len(), after.modified().unwrap()), (before.len(), before.modified().unwrap()));
    assert_eq!(load(), Some("new".into()));
    // The clock goes back: what is newer looks older. And times alone are no change.
    fs::write(&path, &old).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(load(), Some("old".into()));
    file.set_modified(SystemTime::now() + Duration::from_secs(1 << 30)).unwrap();
    assert_eq!(load(), None);
}

/// Root reads everything, so the program runs as somebody else where the test is root.
#[test]
fn what_may_not_be_read_is_told_by_name() {
    let place = tempdir().unwrap();
    fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
    // Where it was built, nobody else may be allowed to look.
    let program = place.path().join("classkeeper");
    fs::copy(env!("CARGO_BIN_EXE_classkeeper"), &program).unwrap();
    let defaults = place.path().join("defaults");
    fs::create_dir(&defaults).unwrap();
    fs::write(defaults.join("a.yaml"), class("a", "x")).unwrap();
    fs::write(defaults.join("b.yaml"), class("b", "x")).unwrap();
    fs::create_dir(defaults.join("sub")).unwrap();
    fs::write(defaults.join("sub/target"), class("c", "x")).unwrap();
    symlink("sub/target", defaults.join("c.yaml")).unwrap();
    let check = || {
        let mut command = Command::new(&program);
        command.arg("check").arg(&defaults).current_dir(place.path());
        if fs::metadata("/proc/self").unwrap().uid() == 0 {
            command.uid(65_534).gid(65_534);
        }
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code().unwrap(), text)
    };
    assert_eq!(check(), (0, "3 classes, no findings\n".to_owned()));
    fs::set_permissions(defaults.join("a.yaml"), Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(defaults.join("sub"), Permissions::from_mode(0o000)).unwrap();
    let (status, text) = check();
    assert_eq!(status, 1, "{text}");
    for name in ["a.yaml", "c.yaml"] {
        let path = defaults.join(name);
        let finding = format!("error[unreadable]: the file can't be read: permission denied\n--> {}\n", path.display());
        assert!(text.contains(&finding), "{text}");
    }
    assert!(text.contains("2 errors"), "{text}");
    // It may be entered, but not listed.
    fs::set_permissions(&defaults, Permissions::from_mode(0o111)).unwrap();
    let (status, text) = check();
    assert_eq!(status, 2, "{text}");
    assert!(text.contains("can't read") && text.to_lowercase().contains("permission denied"), "{text}");
    fs::set_permissions(&defaults, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(defaults.join("sub"), Permissions::from_mode(0o755)).unwrap();
}

/// All that there may be of them, and of one changed no more than that one is new.
#[test]
fn ten_thousand_files_are_read_and_followed() {
    let inside = directory(&[]);
    for number in 0..10_000 {
        fs::write(inside.path().join(format!("{number:05}.yaml")), class(&format!("c{number}"), "old")).unwrap();
    }
    let mut loader = Loader::default();
    let mut load = || match loader.load(&Snapshot::read(inside.path()).unwrap()) {
        Reload::Accepted { defaults, .. } => Some(defaults),
        Reload::Unchanged => None,
        Reload::Rejected { findings } => panic!("{findings:?}"),
    };
    let before = load().unwrap();
    assert_eq!(before.len(), 10_000);
    assert!(load().is_none());
    fs::write(inside.path().join("07777.yaml"), class("c7777", "new")).unwrap();
    let after = load().unwrap();
    let changed = after.iter().zip(before.iter()).filter(|(after, before)| after != before);
    assert_eq!(changed.map(|(class, _)| &*class.name).collect::<Vec<_>>(), ["c7777"]);
}

#[test]
fn of_a_hundred_thousand_files_and_one_the_last_is_refused() {
    let inside = directory(&[]);
    for number in (0..=100_000).rev() {
        File::create(inside.path().join(format!("{number:06}.yaml"))).unwrap();
    }
    let snapshot = Snapshot::read(inside.path()).unwrap();
    assert_eq!(snapshot.files().len(), 100_000);
    assert_eq!(findings(&snapshot), ["100000.yaml: with this file, there are more than 100000 files"]);
}
