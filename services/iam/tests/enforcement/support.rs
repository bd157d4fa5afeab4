//! Clouds where IAM is enforced, and who calls them.

use cloudtwin_core::CloudConfig;
use cloudtwin_core::authorize::Enforcement;
use cloudtwin_smithy::AwsError;
use cloudtwin_testkit::TestCloud;
use serde_json::{Value, json};

/// The account of a cloud that is not asked for another one.
pub(crate) const HOME: &str = "000000000000";
/// Somebody else's account.
pub(crate) const OTHER: &str = "111122223333";

/// A cloud where IAM is enforced, as the root of [`HOME`].
pub(crate) fn cloud() -> TestCloud {
    with(CloudConfig::default())
}

/// The same with further settings.
pub(crate) fn with(config: CloudConfig) -> TestCloud {
    let services = vec![
        cloudtwin_iam::service(),
        cloudtwin_organizations::service(),
        cloudtwin_s3::service(),
        cloudtwin_sqs::service(),
        cloudtwin_sts::service(),
    ];
    let config = CloudConfig { enforcement: Enforcement::Enforced, ..config };
    TestCloud::start_with(config, services).unwrap()
}

/// A policy of these statements.
pub(crate) fn policy(statements: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

/// A policy that allows this.
pub(crate) fn allow(actions: &str, resource: &str) -> String {
    policy(&json!({"Effect": "Allow", "Action": actions, "Resource": resource}))
}

/// Calls, and must get an answer.
pub(crate) async fn done(cloud: &TestCloud, service: &str, operation: &str, input: Value) -> Value {
    let answer = cloud.call(service, operation, input).await;
    answer.unwrap_or_else(|error| panic!("{service} {operation}: {error}"))
}

/// Calls, and must be refused.
pub(crate) async fn refused(cloud: &TestCloud, service: &str, operation: &str, input: Value) -> AwsError {
    match cloud.call(service, operation, input).await {
        Ok(answer) => panic!("{service} {operation} was answered: {answer}"),
        Err(error) => error,
    }
}

/// Calls, and must lack a permission: what is said of it.
pub(crate) async fn denied(cloud: &TestCloud, service: &str, operation: &str, input: Value) -> String {
    let error = refused(cloud, service, operation, input).await;
    assert!(error.code().starts_with("AccessDenied"), "{service} {operation}: {error}");
    error.message().to_owned()
}

/// A new user of the account, with a policy if one is given, and with a key.
pub(crate) async fn user(root: &TestCloud, name: &str, document: &str) -> TestCloud {
    done(root, "iam", "CreateUser", json!({"UserName": name})).await;
    if !document.is_empty() {
        permit(root, name, document).await;
    }
    let key = done(root, "iam", "CreateAccessKey", json!({"UserName": name})).await;
    with_key(root, &key["AccessKey"])
}

/// Gives a user a policy, in place of the one that it had.
pub(crate) async fn permit(root: &TestCloud, name: &str, document: &str) {
    let policy = json!({"UserName": name, "PolicyName": "own", "PolicyDocument": document});
    done(root, "iam", "PutUserPolicy", policy).await;
}

/// Whoever has the key of an answer.
pub(crate) fn with_key(cloud: &TestCloud, answer: &Value) -> TestCloud {
    let id = answer["AccessKeyId"].as_str().unwrap();
    cloud.key(id).unwrap().unwrap()
}

/// A trust policy with one statement for `principal`, with further members.
pub(crate) fn trust(principal: &Value, actions: &Value, condition: &Value) -> String {
    let mut statement = json!({"Effect": "Allow", "Principal": principal, "Action": actions});
    if !condition.is_null() {
        statement["Condition"] = condition.clone();
    }
    policy(&json!([statement]))
}

/// A new role with a trust policy and, if one is given, a policy: its ARN.
pub(crate) async fn role(root: &TestCloud, name: &str, trust: &str, document: &str) -> String {
    let made = json!({"RoleName": name, "AssumeRolePolicyDocument": trust});
    let made = done(root, "iam", "CreateRole", made).await;
    if !document.is_empty() {
        let policy = json!({"RoleName": name, "PolicyName": "own", "PolicyDocument": document});
        done(root, "iam", "PutRolePolicy", policy).await;
    }
    made["Role"]["Arn"].as_str().unwrap().to_owned()
}

/// What is sent to take on a role, with further members.
pub(crate) fn of_role(arn: &str, further: Value) -> Value {
    let mut input = json!({"RoleArn": arn, "RoleSessionName": "job"});
    if let (Value::Object(further), Some(input)) = (further, input.as_object_mut()) {
        input.extend(further);
    }
    input
}

/// A session of a role.
pub(crate) async fn assume(caller: &TestCloud, arn: &str, further: Value) -> TestCloud {
    let answer = done(caller, "sts", "AssumeRole", of_role(arn, further)).await;
    with_key(caller, &answer["Credentials"])
}
