#![no_main]

#[path = "../../tests/hostile/targets/template.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| target::run(bytes));
