//! Generates the types of the operations that `src/lib.rs` serves.

fn main() {
    cloudtwin_smithy_codegen::build();
}
