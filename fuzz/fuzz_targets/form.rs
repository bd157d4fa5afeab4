#![no_main]
use cloudtwin_smithy::codec::form::Form;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = Form::default().add(data);
});
