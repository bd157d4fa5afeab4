#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cloudtwin_policy::fuzzing::fuzz_policy(data));
