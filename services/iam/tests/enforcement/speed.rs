//! What authorising costs. Run it alone, optimised, and look at what it says:
//! `cargo test --release -p cloudtwin-iam --test enforcement -- --ignored speed --nocapture`.

use std::time::{Duration, Instant};

use cloudtwin_core::authorize::Enforcement;
use cloudtwin_testkit::TestCloud;
use serde_json::json;

use crate::support::{cloud, done, policy, user};

/// How often each way is measured.
const ROUNDS: usize = 4_000;

#[expect(clippy::disallowed_methods, reason = "this measures")]
async fn once(caller: &TestCloud) -> Duration {
    let began = Instant::now();
    done(caller, "sqs", "GetQueueUrl", json!({"QueueName": "jobs"})).await;
    began.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[tokio::test]
#[ignore = "measures and asserts nothing: run it with --release and read what it prints"]
async fn speed_of_a_caller_with_ten_long_policies() {
    let root = cloud();
    done(&root, "sqs", "CreateQueue", json!({"QueueName": "jobs"})).await;
    let caller = user(&root, "ann", "").await;
    for number in 0..10 {
        let name = format!("long-{number}");
        // Statements of the sort that people write, as many as a managed policy can hold.
        let statements: Vec<_> = (0..)
            .map(|index| {
                json!({
                    "Sid": format!("s{index}"), "Effect": "Allow",
                    "Action": ["sqs:SendMessage", "sqs:GetQueueUrl", "s3:Get*"],
                    "Resource": format!("arn:aws:sqs:*:*:team-{index}-*"),
                    "Condition": {"StringEquals": {"aws:PrincipalTag/team": "red"}}
                })
            })
            .take(30)
            .collect();
        let mut kept = statements;
        if number == 9 {
            kept.push(json!({"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}));
        }
        let mut document = policy(&json!(kept));
        while document.len() > 6_144 {
            kept.remove(0);
            document = policy(&json!(kept));
        }
        let made = json!({"PolicyName": name, "PolicyDocument": document});
        let arn = done(&root, "iam", "CreatePolicy", made).await["Policy"]["Arn"].clone();
        done(&root, "iam", "AttachUserPolicy", json!({"UserName": "ann", "PolicyArn": arn})).await;
    }
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        root.cloud().set_enforcement(Enforcement::Disabled);
        without.push(once(&caller).await);
        root.cloud().set_enforcement(Enforcement::Enforced);
        with.push(once(&caller).await);
    }
    let (without, with) = (median(without), median(with));
    println!(
        "a call: {without:?} without, {with:?} with IAM enforced: {:?} more",
        with.saturating_sub(without)
    );
}
