//! Generates the API from the models.
fn main() {
    cloudtwin_smithy_codegen::build();
}
