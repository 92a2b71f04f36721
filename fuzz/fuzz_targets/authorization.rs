#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    cairnd::fuzzing::authorization(bytes);
});
