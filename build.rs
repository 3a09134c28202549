//! Tells the linker how to lay the program out, in release builds for Linux.
//!
//! Half of the code that stays in memory never runs: it stands beside code that does. `link/order.ld` puts what a
//! controller at work runs together. And relocations are packed where the C library can unpack them (glibc 2.36, musl 1.2.4):
//! as a table they are 0.7 MiB, all of which is read at each start.
//!
//! Symbols are left out here and not by the profile, because that would be part of the hashes in the names of functions,
//! and the order is made from a build that has them: `CLASSKEEPER_SYMBOLS=1 cargo build --release`.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=link/order.ld");
    println!("cargo::rerun-if-env-changed=CLASSKEEPER_SYMBOLS");
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    if variable("PROFILE") != "release" || variable("CARGO_CFG_TARGET_OS") != "linux" {
        return;
    }
    let argument = |argument: &str| println!("cargo::rustc-link-arg-bin=classkeeper=-Wl,{argument}");
    argument(&format!("-T,{}/link/order.ld", variable("CARGO_MANIFEST_DIR")));
    if variable("CLASSKEEPER_SYMBOLS").is_empty() {
        argument("--strip-all");
    }
    let unpacks = match &*variable("CARGO_CFG_TARGET_ENV") {
        // The library of the machine that builds is the one that runs it only if it's built for that machine.
        "gnu" => variable("HOST") == variable("TARGET") && glibc().is_some_and(|version| version >= (2, 36)),
        // It comes with the compiler: 1.2.5 since Rust 1.93, and since 1.2.4 it does.
        "musl" => true,
        _ => false,
    };
    if unpacks {
        argument("-z,pack-relative-relocs");
    }
}

/// The version of this machine's glibc.
fn glibc() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
}
