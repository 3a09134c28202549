#![no_main]

#[path = "../../tests/hostile/targets/loader.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| target::run(bytes));
