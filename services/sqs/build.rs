//! Writes the types of the SQS API.
fn main() {
    cloudtwin_smithy_codegen::build();
}
