//! What an encoded authorisation failure message says (`sts:DecodeAuthorizationMessage`).

use cloudtwin_policy::{Effect, Outcome, explain};
use cloudtwin_store::StoreError;
use serde_json::{Value, json};

use super::decide::Decided;
use super::subject::Subject;
use crate::caller::Principal;
use crate::cloud::Cloud;

/// The sealed message of a denial.
pub(crate) async fn encoded(
    cloud: &Cloud,
    subject: &Subject,
    decided: &Decided,
) -> Result<String, StoreError> {
    let message = message(subject, decided);
    cloud.encode_authorization_message(&subject.caller.account, &message).await
}

fn message(subject: &Subject, decided: &Decided) -> Value {
    let explanation = explain(&decided.request(subject), &decided.layers(subject));
    let matched = explanation.layers.iter().flat_map(|layer| &layer.matched).map(|matched| {
        json!({
            "sourcePolicyId": matched.statement.policy.to_string(),
            "statementId": matched.statement.sid.clone().unwrap_or_default(),
            "effect": if matched.effect == Effect::Deny { "DENY" } else { "ALLOW" },
        })
    });
    let conditions = decided.context.iter().map(|(key, value)| {
        let values: Vec<Value> = value.iter().map(|value| json!({ "value": value })).collect();
        json!({ "key": key, "values": { "items": values } })
    });
    let caller = &subject.caller;
    let mut principal = json!({ "id": caller.user_id, "arn": caller.arn });
    if let (Principal::User { name }, Some(principal)) = (&caller.principal, principal.as_object_mut()) {
        principal.insert("name".to_owned(), json!(name));
    }
    json!({
        "allowed": false,
        "explicitDeny": decided.outcome == Outcome::ExplicitDeny,
        "matchedStatements": { "items": matched.collect::<Vec<_>>() },
        "failures": { "items": [] },
        "context": {
            "principal": principal,
            "action": decided.action,
            "resource": decided.resource,
            "conditions": { "items": conditions.collect::<Vec<_>>() },
        },
    })
}
