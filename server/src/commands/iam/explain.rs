//! `iam explain`: the whole story of one call's decision.

use std::io;

use serde_json::Value;

use super::arguments::ExplainArgs;
use super::{Server, list, print, tree};
use crate::colours::Colours;
use crate::failure::Failure;

/// Prints the decision on a call as a tree, or as JSON.
pub(super) fn explain(server: &Server, arguments: &ExplainArgs) -> Result<(), Failure> {
    let found = server.get(
        "/_cloudtwin/decisions",
        &[
            ("request_id", arguments.request_id.as_deref()),
            ("principal", arguments.principal.as_deref()),
            ("allowed", arguments.denied.then_some("false")),
            ("limit", Some("1")),
        ],
    )?;
    let Some(decision) = list(&found, "decisions").first() else { return Err(server.nothing_decided()) };
    print(&if arguments.json { format!("{decision:#}\n") } else { shown(decision) });
    Ok(())
}

fn shown(decision: &Value) -> String {
    tree::draw(decision, Colours::of(&io::stdout()))
}
