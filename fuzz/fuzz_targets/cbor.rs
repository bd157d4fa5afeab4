#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cloudtwin_smithy::fuzzing::fuzz_cbor(data));
