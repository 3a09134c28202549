//! Fills a directory the way kubelet's `AtomicWriter` fills a ConfigMap volume.
//!
//! ```text
//! dir/..2026_11_23_21_00_00.000000001/10-classes.yaml    a generation's content
//! dir/..data -> ..2026_11_23_21_00_00.000000001          replaced by a rename: that is the commit
//! dir/10-classes.yaml -> ..data/10-classes.yaml          a link for each key
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// When the links of new keys are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkOrder {
    /// As newer kubelets do: the new generation is live before its new links are.
    AfterSwap,
    /// As older kubelets do: a new link dangles until the new generation is live.
    BeforeSwap,
}

/// The keys of a ConfigMap with their content.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Makes `files` the content of `dir` in one step, and removes the generation before.
pub fn swap(dir: &Path, files: &Files, order: LinkOrder) -> io::Result<()> {
    static GENERATION: AtomicU64 = AtomicU64::new(1);
    let previous = fs::read_link(dir.join("..data")).ok();
    let generation = PathBuf::from(format!("..2026_11_23_21_00_00.{:09}", GENERATION.fetch_add(1, Ordering::Relaxed)));
    fs::create_dir_all(dir.join(&generation))?;
    for (name, content) in files {
        fs::write(dir.join(&generation).join(name), content)?;
    }
    if order == LinkOrder::BeforeSwap {
        add_links(dir, files)?;
    }
    symlink(&generation, dir.join("..data_tmp"))?;
    fs::rename(dir.join("..data_tmp"), dir.join("..data"))?;
    if order == LinkOrder::AfterSwap {
        add_links(dir, files)?;
    }
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with("..") && !files.contains_key(&*name) {
            fs::remove_file(entry.path())?;
        }
    }
    previous.map_or(Ok(()), |previous| fs::remove_dir_all(dir.join(previous)))
}

fn add_links(dir: &Path, files: &Files) -> io::Result<()> {
    for name in files.keys() {
        match symlink(Path::new("..data").join(name), dir.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}
