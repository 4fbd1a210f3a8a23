#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| parser::fuzzing::lmtp_stream(input));
