#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| sora_fuzz::sieve_interpreter(input));
