//! What the log says of a call that lacks permissions, in the words that users of LocalStack know.

#![cfg(test)]

use std::io;
use std::sync::{Arc, Mutex};

use cloudtwin_core::authorize::Enforcement;
use cloudtwin_core::credentials::CREDENTIALS;
use cloudtwin_store::StoreError;
use cloudtwin_testkit::TestCloud;
use serde_json::{Value, json};

/// The log, kept.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// The lines of the policy engine so far, each with its level.
    fn take(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        let text = String::from_utf8(bytes).unwrap();
        let ours = text.lines().filter(|line| line.contains(" cloudtwin::iam: "));
        ours.map(|line| line.trim_start().replacen(" cloudtwin::iam: ", " ", 1)).collect()
    }
}

async fn iam(cloud: &TestCloud, operation: &str, input: Value) -> Value {
    cloud.call("iam", operation, input).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
}

#[tokio::test]
async fn a_call_that_lacks_a_permission_is_told_in_five_lines() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
        .without_time()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing_subscriber::util::SubscriberInitExt::set_default(subscriber);

    let root = TestCloud::start(vec![cloudtwin_iam::service()]).unwrap();
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    iam(&root, "CreateRole", json!({"RoleName": "web", "AssumeRolePolicyDocument": trust})).await;
    iam(&root, "CreateInstanceProfile", json!({"InstanceProfileName": "web"})).await;
    iam(&root, "CreateUser", json!({"UserName": "test-user"})).await;
    let made = iam(&root, "CreateAccessKey", json!({"UserName": "test-user"})).await;
    let key = made["AccessKey"]["AccessKeyId"].as_str().unwrap();
    let db = root.cloud().db().scoped("", "");
    let credential = db.read::<_, StoreError, _>(|tx| tx.get(&CREDENTIALS, key)).unwrap().unwrap();
    let user = root.caller(credential.caller);
    let grant = async |statement: Value| {
        let document = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        let input = json!({"UserName": "test-user", "PolicyName": "policy1", "PolicyDocument": document});
        iam(&root, "PutUserPolicy", input).await;
    };
    grant(json!({"Sid": "FirstStatement", "Effect": "Allow", "Action": "iam:AddRoleToInstanceProfile", "Resource": "*"}))
        .await;
    let add = async || {
        let input = json!({"InstanceProfileName": "web", "RoleName": "web"});
        user.call("iam", "AddRoleToInstanceProfile", input).await
    };
    let expected = [
        "INFO Request for service iam for operation AddRoleToInstanceProfile denied.",
        "DEBUG Necessary permissions for this action: [\"Action 'iam:AddRoleToInstanceProfile' for \
         'arn:aws:iam::000000000000:instance-profile/web'\", \"Action 'iam:PassRole' for \
         'arn:aws:iam::000000000000:role/web'\"]",
        "DEBUG 0 permissions have been explicitly denied: []",
        "DEBUG 1 permissions have been explicitly allowed: [\"Action 'iam:AddRoleToInstanceProfile' for \
         'arn:aws:iam::000000000000:instance-profile/web'\"]",
        "DEBUG 1 permissions have been implicitly denied: [\"Action 'iam:PassRole' for \
         'arn:aws:iam::000000000000:role/web'\"]",
    ];

    root.cloud().set_enforcement(Enforcement::Enforced);
    log.take();
    assert_eq!(add().await.unwrap_err().code(), "AccessDenied");
    assert_eq!(log.take(), expected);

    // The engine alone says nothing, soft mode says the same and lets it happen.
    root.cloud().set_enforcement(Enforcement::EngineOnly);
    add().await.unwrap();
    assert!(log.take().is_empty());
    root.cloud().set_enforcement(Enforcement::SoftMode);
    assert_eq!(add().await.unwrap_err().code(), "LimitExceeded");
    assert_eq!(log.take(), expected);

    // With both permissions there is nothing to tell.
    let both = json!(["iam:AddRoleToInstanceProfile", "iam:PassRole"]);
    grant(json!({"Sid": "FirstStatement", "Effect": "Allow", "Action": both, "Resource": "*"})).await;
    root.cloud().set_enforcement(Enforcement::Enforced);
    log.take();
    assert_eq!(add().await.unwrap_err().code(), "LimitExceeded");
    assert!(log.take().is_empty());
}
