#![no_main]
use cloudtwin_smithy::codec::xml::Tree;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = Tree::parse(data);
});
