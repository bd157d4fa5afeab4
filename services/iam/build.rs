//! Generates the API from the models, and the list of all actions.
fn main() {
    cloudtwin_smithy_codegen::build();
    cloudtwin_smithy_codegen::build_action_list();
}
