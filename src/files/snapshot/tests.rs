//! Snapshots of real directories, of mounts as kubelet makes them, and of what stands in for a file.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tempfile::{TempDir, tempdir};

use super::directory::{Refusal, open};
use super::*;
use std::os::unix::ffi::OsStrExt;

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

fn contents(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.files().iter().map(|file| std::str::from_utf8(&file.bytes).unwrap()).collect()
}

fn findings(snapshot: &Snapshot) -> Vec<String> {
    let line = |finding: &Diagnostic| format!("{} {}: {}", finding.code, finding.place.file, finding.message);
    snapshot.findings().iter().map(line).collect()
}

/// What kubelet does: a new generation, and `..data` replaced by a rename.
fn write_generation(mount: &Path, generation: &str, files: &[(&str, &str)]) {
    let directory = mount.join(generation);
    fs::create_dir(&directory).unwrap();
    for (name, text) in files {
        fs::write(directory.join(name), text).unwrap();
        let link = mount.join(name);
        if !link.exists() {
            symlink(Path::new("..data").join(name), link).unwrap();
        }
    }
    symlink(generation, mount.join("..data_tmp")).unwrap();
    fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
}

#[test]
fn files_are_read_in_byte_order_of_their_names() {
    let files =
        [("b.yaml", "1"), ("a.yml", "2"), ("B.json", "3"), ("é.yaml", "4"), ("notes.txt", "5"), (".hidden.yaml", "6")];
    let directory = directory(&files);
    fs::create_dir(directory.path().join("sub.yaml")).unwrap();
    let snapshot = Snapshot::read(directory.path()).unwrap();
    assert_eq!(names(&snapshot), ["B.json", "a.yml", "b.yaml", "é.yaml"]);
    assert_eq!(contents(&snapshot), ["3", "2", "1", "4"]);
    assert_eq!(snapshot.findings(), []);
}

#[test]
fn a_single_file_may_have_any_name() {
    let directory = directory(&[("notes.txt", "text"), ("other.yaml", "")]);
    let snapshot = Snapshot::read(&directory.path().join("notes.txt")).unwrap();
    assert_eq!((names(&snapshot), contents(&snapshot)), (vec!["notes.txt"], vec!["text"]));
}

#[test]
fn a_missing_directory_is_an_error_and_an_empty_one_is_not() {
    let directory = directory(&[]);
    assert_eq!(names(&Snapshot::read(directory.path()).unwrap()), [""; 0]);
    let missing = directory.path().join("missing");
    let error = Snapshot::read(&missing).unwrap_err();
    assert!(matches!(error, SnapshotError::Missing { .. }), "{error}");
    assert_eq!(error.to_string(), format!("{} does not exist", missing.display()));
}

#[test]
fn the_digest_is_that_of_names_contents_and_findings() {
    let of = |files: &[(&str, &str)]| {
        Snapshot::of(files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()))).digest()
    };
    let digest = of(&[("a.yaml", "x"), ("b.yaml", "y")]);
    assert_eq!(digest.len(), 64);
    assert_eq!(digest, of(&[("b.yaml", "y"), ("a.yaml", "x"), ("notes.txt", "z")]));
    assert_eq!(digest, Snapshot::read(directory(&[("a.yaml", "x"), ("b.yaml", "y")]).path()).unwrap().digest());
    for other in [
        of(&[]),
        of(&[("a.yaml", "x")]),
        of(&[("a.yaml", "y"), ("b.yaml", "x")]),
        of(&[("a.yaml", "x"), ("c.yaml", "y")]),
        of(&[("a.yaml", "xb.yaml"), ("y.yaml", "")]),
        of(&[("a.yaml", "x"), ("b.yaml", &"y".repeat(FILE_AT_MOST + 1))]),
    ] {
        assert_ne!(other, digest);
    }
}

#[test]
fn a_mount_is_read_through_the_generation_that_data_leads_to() {
    let mount = tempdir().unwrap();
    write_generation(mount.path(), "..2026_11_23", &[("a.yaml", "old"), ("b.yaml", "gone")]);
    write_generation(mount.path(), "..2026_11_24", &[("a.yaml", "new"), ("c.yaml", "more")]);
    // Newer kubelets make the links of new keys after the swap, and older ones take those of old keys away late.
    fs::remove_file(mount.path().join("c.yaml")).unwrap();
    let snapshot = Snapshot::read(mount.path()).unwrap();
    assert_eq!((names(&snapshot), contents(&snapshot)), (vec!["a.yaml", "c.yaml"], vec!["new", "more"]));
    assert_eq!(snapshot.findings(), []);
    let single = Snapshot::read(&mount.path().join("a.yaml")).unwrap();
    assert_eq!((names(&single), contents(&single)), (vec!["a.yaml"], vec!["new"]));
}

#[test]
fn a_mount_that_is_replaced_during_the_read_is_read_again() {
    let mount = tempdir().unwrap();
    let root = fs::canonicalize(mount.path()).unwrap();
    write_generation(&root, "..1", &[("a.yaml", "first"), ("b.yaml", "first")]);
    let mut reads = 0;
    let files = settled(
        || generation(&root),
        "mount",
        |generation| {
            reads += 1;
            let files = read_directory(generation, &root);
            if reads == 1 {
                write_generation(&root, "..2", &[("a.yaml", "second"), ("b.yaml", "second")]);
            }
            if reads == 2 {
                // The directory of the old generation goes while it is read: that's no error, for another one has come.
                write_generation(&root, "..3", &[("a.yaml", "third"), ("b.yaml", "third")]);
                fs::remove_dir_all(root.join("..2")).unwrap();
                return read_directory(generation, &root);
            }
            files
        },
    );
    assert_eq!(reads, 3);
    assert_eq!(contents(&Snapshot::collect(files.unwrap())), ["third", "third"]);
}

#[test]
fn a_mount_that_never_comes_to_rest_is_an_error() {
    let mount = tempdir().unwrap();
    let root = fs::canonicalize(mount.path()).unwrap();
    write_generation(&root, "..0", &[]);
    let mut reads = 0;
    let error = settled(
        || generation(&root),
        "mount",
        |_| {
            reads += 1;
            write_generation(&root, &format!("..{reads}"), &[]);
            Ok(())
        },
    );
    assert_eq!(error.unwrap_err().to_string(), "mount is replaced faster than it can be read");
    assert_eq!(reads, ATTEMPTS);
}

#[test]
fn links_out_of_the_directory_are_not_followed() {
    let outside = directory(&[("secret.yaml", "secret")]);
    let inside = directory(&[("a.yaml", "a")]);
    symlink(outside.path().join("secret.yaml"), inside.path().join("b.yaml")).unwrap();
    symlink("a.yaml", inside.path().join("c.yaml")).unwrap();
    symlink("nowhere", inside.path().join("d.yaml")).unwrap();
    symlink("e.yaml", inside.path().join("e.yaml")).unwrap();
    let snapshot = Snapshot::read(inside.path()).unwrap();
    assert_eq!((names(&snapshot), contents(&snapshot)), (vec!["a.yaml", "c.yaml"], vec!["a", "a"]));
    let found = findings(&snapshot);
    assert_eq!(
        found[..2],
        [
            "unreadable b.yaml: this link leads out of the directory, and isn't followed",
            "unreadable d.yaml: the file is gone, or the link leads nowhere",
        ]
    );
    assert!(found[2].starts_with("unreadable e.yaml: the file can't be read"), "{}", found[2]);
    assert_eq!(found.len(), 3);
    // The directory itself may be a link, as git-sync makes it.
    let link = outside.path().join("link");
    symlink(inside.path(), &link).unwrap();
    assert_eq!(names(&Snapshot::read(&link).unwrap()), ["a.yaml", "c.yaml"]);
}

#[test]
fn a_generation_outside_of_the_mount_is_an_error() {
    let outside = directory(&[("a.yaml", "a")]);
    let mount = tempdir().unwrap();
    symlink(outside.path(), mount.path().join("..data")).unwrap();
    let error = Snapshot::read(mount.path()).unwrap_err();
    assert!(matches!(error, SnapshotError::OutsideGeneration { .. }), "{error}");
}

#[test]
fn what_is_no_regular_file_is_not_opened() {
    let directory = directory(&[("z.yaml", "z")]);
    let fifo = directory.path().join("fifo.yaml");
    // No writer will ever open it: a read that waits for one hangs this test.
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    let socket = directory.path().join("socket.yaml");
    let _listener = UnixListener::bind(&socket).unwrap();
    symlink("/dev/zero", directory.path().join("device.yaml")).unwrap();
    let snapshot = Snapshot::read(directory.path()).unwrap();
    assert_eq!(names(&snapshot), ["z.yaml"]);
    assert_eq!(
        findings(&snapshot),
        [
            "unreadable device.yaml: this link leads out of the directory, and isn't followed",
            "unreadable fifo.yaml: this is not a regular file",
            "unreadable socket.yaml: this is not a regular file",
        ]
    );
    for path in [&fifo, &socket, Path::new("/dev/zero")] {
        let error = Snapshot::read(path).unwrap_err();
        assert!(matches!(error, SnapshotError::NeitherDirectoryNorFile { .. }), "{error}");
    }
}

/// The FIFO takes the file's place between the look and the opening.
#[test]
fn a_fifo_that_is_opened_all_the_same_does_not_block() {
    let directory = tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let (sender, opened) = mpsc::channel();
    // In a thread of its own, so that a blocked one fails the test instead of hanging it.
    thread::spawn(move || sender.send(open(&fifo, 0)));
    let file = opened.recv_timeout(Duration::from_secs(30)).expect("opening a FIFO blocks").unwrap();
    assert!(!file.metadata().unwrap().is_file());
}

/// The link takes the file's place between the list and the opening.
#[test]
fn a_link_in_the_place_of_a_file_is_not_opened() {
    let directory = directory(&[("a.yaml", "a")]);
    let link = directory.path().join("b.yaml");
    symlink(directory.path().join("a.yaml"), &link).unwrap();
    assert!(open(&directory.path().join("a.yaml"), libc::O_NOFOLLOW).is_ok());
    assert!(open(&link, libc::O_NOFOLLOW).is_err());
}

#[test]
fn a_file_without_permission_is_a_finding() {
    let directory = directory(&[("a.yaml", "a"), ("b.yaml", "b")]);
    fs::set_permissions(directory.path().join("a.yaml"), Permissions::from_mode(0o000)).unwrap();
    let snapshot = Snapshot::read(directory.path()).unwrap();
    // Root may read it all the same.
    if fs::read(directory.path().join("a.yaml")).is_ok() {
        assert_eq!(names(&snapshot), ["a.yaml", "b.yaml"]);
    } else {
        assert_eq!(names(&snapshot), ["b.yaml"]);
        assert_eq!(findings(&snapshot), ["unreadable a.yaml: the file can't be read: permission denied"]);
    }
    let refused = Refusal::from(io::Error::from(io::ErrorKind::PermissionDenied));
    assert_eq!(refused.message, "the file can't be read: permission denied");
}

#[test]
fn a_file_that_is_too_large_is_not_read_to_its_end() {
    let directory = directory(&[]);
    let path = directory.path().join("a.yaml");
    // Sparse: reading all of it would take more memory than there is.
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(findings(&Snapshot::read(directory.path()).unwrap()), ["too-large a.yaml: the file is over 1 MiB"]);
    File::create(&path).unwrap().set_len(1 << 20).unwrap();
    assert_eq!(Snapshot::read(directory.path()).unwrap().files()[0].bytes.len(), 1 << 20);
    File::create(&path).unwrap().set_len((1 << 20) + 1).unwrap();
    assert_eq!(names(&Snapshot::read(directory.path()).unwrap()), [""; 0]);
}

#[test]
fn all_files_together_have_at_most_64_mib() {
    let file = |number: usize| (format!("{number:02}.yaml"), vec![b'#'; 1 << 20]);
    let snapshot = Snapshot::of((0..64).map(file));
    assert_eq!((snapshot.files().len(), snapshot.findings().len()), (64, 0));
    let snapshot = Snapshot::of((0..66).map(file));
    assert_eq!(snapshot.files().len(), 64);
    assert_eq!(
        findings(&snapshot),
        [
            "too-large 64.yaml: with this file, all files are over 64 MiB",
            "too-large 65.yaml: with this file, all files are over 64 MiB",
        ]
    );
}

#[test]
fn a_name_that_is_no_utf_8_is_a_finding() {
    let directory = directory(&[]);
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.yaml");
    // Some file systems take no such name.
    if fs::write(directory.path().join(name), "a").is_ok() {
        let snapshot = Snapshot::read(directory.path()).unwrap();
        assert_eq!(findings(&snapshot), ["not-utf8 caf\u{fffd}.yaml: the file's name is not UTF-8"]);
    }
}

#[test]
fn a_config_map_is_read_as_the_directory_that_kubelet_makes_of_it() {
    let text = |key: &str, text: &str| (key.to_owned(), text.to_owned());
    let data = BTreeMap::from([text("b.yaml", "b"), text(".a.yaml", "x"), text("note.txt", "x"), text("c.json", "{}")]);
    let binary = BTreeMap::from([("a.yml".to_owned(), vec![0xff]), ("image.png".to_owned(), vec![0])]);
    let snapshot = Snapshot::of_config_map("platform", "defaults", data.clone(), binary);
    let files: Vec<_> = snapshot.files().iter().map(|file| (&*file.name, &*file.bytes)).collect();
    let expected: [(&str, &[u8]); 3] = [
        ("configmap platform/defaults/a.yml", &[0xff]),
        ("configmap platform/defaults/b.yaml", b"b"),
        ("configmap platform/defaults/c.json", b"{}"),
    ];
    assert_eq!(files, expected);
    let elsewhere = Snapshot::of_config_map("platform", "other", data.clone(), BTreeMap::new());
    let again = Snapshot::of_config_map("platform", "other", data, BTreeMap::new());
    assert_eq!(elsewhere.digest(), again.digest());
    assert_ne!(elsewhere.digest(), snapshot.digest());
}

#[test]
fn a_key_of_a_config_map_has_the_limit_of_a_file() {
    let data = BTreeMap::from([("a.yaml".to_owned(), "#".repeat(FILE_AT_MOST + 1))]);
    let snapshot = Snapshot::of_config_map("platform", "defaults", data, BTreeMap::new());
    let findings: Vec<_> = snapshot.findings().iter().map(|finding| finding.place.to_string()).collect();
    assert_eq!(findings, ["configmap platform/defaults/a.yaml:1:1"]);
    assert!(snapshot.files().is_empty());
}
