//! Writes the seeds of each target to `corpus/TARGET/`, where the fuzzer finds them. It needs nothing but the standard
//! library, and runs in the folder `fuzz`.

use std::path::Path;
use std::{fs, io};

#[path = "../tests/hostile/seeds.rs"]
mod seeds;

/// The targets, as `Cargo.toml` has them.
const TARGETS: [&str; 7] =
    ["loader", "managed_fields", "expression", "template", "admission", "certificates", "unit"];

fn main() -> io::Result<()> {
    for target in TARGETS {
        let corpus = Path::new("corpus").join(target);
        fs::create_dir_all(&corpus)?;
        let seeds = seeds::of(target, Path::new(".."));
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(corpus.join(format!("seed-{number:03}")), seed)?;
        }
        println!("{target}: {} seeds", seeds.len());
    }
    Ok(())
}
