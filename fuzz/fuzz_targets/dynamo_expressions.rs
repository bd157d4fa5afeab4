#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cloudtwin_dynamo_expr::fuzzing::fuzz_expressions(data));
