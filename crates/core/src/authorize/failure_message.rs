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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CloudConfig;
    use crate::authorize::Access;
    use crate::caller::Caller;
    use crate::ctx::RequestFacts;
    use cloudtwin_store::Db;

    #[tokio::test]
    async fn what_was_sealed_for_a_denial_is_read_again() {
        let cloud = Cloud::start(Db::ephemeral().unwrap(), CloudConfig::default(), Vec::new());
        let caller = Caller::anonymous("111122223333");
        let request = RequestFacts { source_ip: "192.0.2.1".to_owned(), ..RequestFacts::default() };
        let subject = Subject::of(&cloud, &caller, "eu-west-1", &request).unwrap();
        let access = Access::new("ec2:RunInstances", "arn:aws:ec2:eu-west-1:111122223333:instance/*")
            .key("ec2:InstanceType", "t3.micro");
        let decided = cloud.decide(&subject, access).unwrap();
        assert!(!decided.is_allowed());
        let sealed = encoded(&cloud, &subject, &decided).await.unwrap();
        let read = cloud.decode_authorization_message("111122223333", &sealed).unwrap().unwrap();
        let read: Value = serde_json::from_str(&read).unwrap();
        assert_eq!((&read["allowed"], &read["explicitDeny"]), (&json!(false), &json!(false)));
        assert_eq!(read["context"]["action"], "ec2:RunInstances");
        let conditions = read["context"]["conditions"]["items"].as_array().unwrap();
        let instance = json!({"key": "ec2:InstanceType", "values": {"items": [{"value": "t3.micro"}]}});
        assert!(conditions.contains(&instance), "{read}");
        assert!(cloud.decode_authorization_message("999988887777", &sealed).unwrap().is_none());
        cloud.stop();
    }
}
