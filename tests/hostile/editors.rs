//! Files that are edited in place: whatever an editor leaves beside a file is not read, and a file is read when it is
//! whole.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use classkeeper::files::reload::{Loader, Reload};
use classkeeper::files::snapshot::Snapshot;
use classkeeper::files::watch::DirectoryWatch;
use tempfile::tempdir;
use tokio::time::{sleep, timeout};

use crate::text::class;

/// How long files must be quiet here.
const DEBOUNCE: Duration = Duration::from_millis(400);
/// What an editor takes for a step: together far longer than the debounce time.
const STEP: Duration = Duration::from_millis(60);
const A_WHILE: Duration = Duration::from_secs(30);

/// One step of an editor.
enum Step {
    /// A file made, or emptied and written.
    Write(&'static str, Part),
    /// Written on at its end.
    Append(&'static str, Part),
    Rename(&'static str, &'static str),
    Remove(&'static str),
    /// A link that leads nowhere, as Emacs' lock does.
    Lock(&'static str),
}

/// What is written.
#[derive(Clone, Copy)]
enum Part {
    Nothing,
    FirstHalf,
    SecondHalf,
    Whole,
    /// Something that is no YAML.
    Binary,
}

use Part::{Binary, FirstHalf, Nothing, SecondHalf, Whole};
use Step::{Append, Lock, Remove, Rename, Write as Writes};

/// What editors do to save `a.yaml`, as it can be seen with strace.
const EDITORS: &[(&str, &[Step])] = &[
    (
        "Vim",
        &[
            Writes(".a.yaml.swp", Binary),
            Writes("4913", Nothing),
            Remove("4913"),
            Rename("a.yaml", "a.yaml~"),
            Writes("a.yaml", FirstHalf),
            Append("a.yaml", SecondHalf),
            Remove("a.yaml~"),
        ],
    ),
    (
        "Vim, with backupcopy",
        &[Writes(".a.yaml.swp", Binary), Writes("a.yaml", FirstHalf), Append("a.yaml", SecondHalf)],
    ),
    (
        "Emacs",
        &[
            Lock(".#a.yaml"),
            Writes("#a.yaml#", FirstHalf),
            Rename("a.yaml", "a.yaml~"),
            Writes("a.yaml", FirstHalf),
            Append("a.yaml", SecondHalf),
        ],
    ),
    ("nano", &[Writes(".a.yaml.swp", Binary), Writes("a.yaml", Nothing), Append("a.yaml", Whole)]),
    ("VS Code", &[Writes("a.yaml", Nothing), Append("a.yaml", FirstHalf), Append("a.yaml", SecondHalf)]),
    (
        "IntelliJ",
        &[
            Writes("a.yaml___jb_tmp___", Whole),
            Rename("a.yaml", "a.yaml___jb_old___"),
            Rename("a.yaml___jb_tmp___", "a.yaml"),
            Remove("a.yaml___jb_old___"),
        ],
    ),
    (
        "GNOME's",
        &[
            Writes(".goutputstream-X1Y2Z3", FirstHalf),
            Append(".goutputstream-X1Y2Z3", SecondHalf),
            Rename(".goutputstream-X1Y2Z3", "a.yaml"),
        ],
    ),
    ("Kate", &[Writes(".a.yaml.kate-swp", Binary), Writes("a.yaml.AbCdEf", Whole), Rename("a.yaml.AbCdEf", "a.yaml")]),
    ("sed -i", &[Writes("sedQwErTy", FirstHalf), Append("sedQwErTy", SecondHalf), Rename("sedQwErTy", "a.yaml")]),
    ("git checkout", &[Remove("a.yaml"), Writes("a.yaml", FirstHalf), Append("a.yaml", SecondHalf)]),
    (
        "slow hands",
        &[
            Writes("a.yaml", FirstHalf),
            Append("a.yaml", Nothing),
            Append("a.yaml", Nothing),
            Append("a.yaml", SecondHalf),
        ],
    ),
];

fn part(text: &str, part: Part) -> &[u8] {
    // In the middle of a word: half a file is refused.
    let half = text.find("controllerName").unwrap() + 7;
    match part {
        Nothing => b"",
        FirstHalf => &text.as_bytes()[..half],
        SecondHalf => &text.as_bytes()[half..],
        Whole => text.as_bytes(),
        Binary => b"b0VIM 9.1\0\0\xff\xfe",
    }
}

fn carry_out(step: &Step, directory: &Path, text: &str) {
    let path = |name: &str| directory.join(name);
    match step {
        Writes(name, content) => fs::write(path(name), part(text, *content)).unwrap(),
        Append(name, content) => {
            let mut file = fs::File::options().append(true).open(path(name)).unwrap();
            file.write_all(part(text, *content)).unwrap();
        }
        Rename(from, to) => fs::rename(path(from), path(to)).unwrap(),
        Remove(name) => fs::remove_file(path(name)).unwrap(),
        Lock(name) => symlink("someone@somewhere.1234:1700000000", path(name)).unwrap(),
    }
}

fn description(reload: Reload) -> String {
    match reload {
        Reload::Accepted { defaults, findings } => {
            assert_eq!((defaults.len(), findings.len()), (1, 0));
            let class = defaults.get("edge").unwrap();
            class.units.get(&"spec.description".parse().unwrap()).unwrap().as_str().unwrap().to_owned()
        }
        Reload::Rejected { findings } => panic!("{findings:?}"),
        Reload::Unchanged => panic!("nothing was read anew"),
    }
}

/// The watch speaks once for each time that a file is saved, and what is read then is whole and has nothing beside it.
#[tokio::test]
async fn what_an_editor_saves_is_read_once_and_whole() {
    for (editor, steps) in EDITORS {
        let directory = tempdir().unwrap();
        let path = directory.path();
        fs::write(path.join("a.yaml"), class("edge", "old")).unwrap();
        let mut watch = DirectoryWatch::new(path, DEBOUNCE).unwrap();
        let mut loader = Loader::default();
        assert_eq!(description(loader.load(&Snapshot::read(path).unwrap())), "old");
        let new = class("edge", editor);
        let edit = async {
            for step in *steps {
                carry_out(step, path, &new);
                // This is the editor's own time, not a wait for something.
                sleep(STEP).await;
            }
        };
        let (changed, ()) = tokio::join!(timeout(A_WHILE, watch.changed()), edit);
        changed.unwrap_or_else(|_| panic!("{editor}: the change isn't noticed"));
        let snapshot = Snapshot::read(path).unwrap();
        let names: Vec<_> = snapshot.files().iter().map(|file| &*file.name).collect();
        assert_eq!(names, ["a.yaml"], "{editor}");
        assert_eq!(description(loader.load(&snapshot)), *editor, "{editor}");
    }
}

/// Half a file that stays so is refused, and what was in force stays.
#[test]
fn half_a_file_is_refused_wherever_it_ends() {
    let whole = class("edge", "new");
    let mut loader = Loader::default();
    let load =
        |loader: &mut Loader, text: &str| loader.load(&Snapshot::of([("a.yaml".to_owned(), text.as_bytes().to_vec())]));
    load(&mut loader, &class("edge", "old"));
    // From here on only the end of the description and the line after it are missing: that can't be seen.
    let end = whole.find("description").unwrap();
    let mut accepted = Vec::new();
    for length in 1..end {
        if let Reload::Accepted { defaults, .. } = load(&mut loader, &whole[..length]) {
            accepted.push((length, defaults.len()));
        }
    }
    // What is half may be whole by chance: an empty file, or one whose last value only looks finished.
    let plausible: Vec<_> = accepted.iter().map(|(length, _)| &whole[..*length]).collect();
    assert!(plausible.iter().all(|text| text.contains("controllerName: ") || text.trim().is_empty()), "{plausible:?}");
}
