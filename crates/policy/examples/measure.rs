//! `cargo run --release -p cloudtwin-policy --example measure`: what a decision costs.
//!
//! A principal has ten managed policies of 6,144 characters. Three requests are timed: one that the
//! last policy allows, one that nothing allows, and one whose every statement has to be looked at.

#![expect(clippy::print_stdout, reason = "the figures are the purpose")]
#![expect(clippy::disallowed_methods, reason = "this measures time, it does not tell it")]

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cloudtwin_policy::{
    Context, Layers, NamedPolicy, Policy, PolicyName, Principal, Request, evaluate, explain, policy_size,
};
use serde_json::{Value, json};

const ROUNDS: usize = 20_000;
const SIZE: usize = 6144;

/// Actions as they stand in AWS's own managed policies: names, and some patterns.
const SERVICES: [(&str, [&str; 8]); 6] = [
    (
        "ec2",
        [
            "DescribeInstances",
            "DescribeSubnets",
            "Describe*",
            "RunInstances",
            "StopInstances",
            "CreateTags",
            "AttachVolume",
            "DeleteSnapshot",
        ],
    ),
    (
        "s3",
        [
            "ListBucket",
            "PutObject",
            "GetBucketLocation",
            "List*",
            "DeleteObject",
            "PutBucketPolicy",
            "GetBucketAcl",
            "AbortMultipartUpload",
        ],
    ),
    (
        "logs",
        [
            "CreateLogGroup",
            "CreateLogStream",
            "PutLogEvents",
            "Describe*",
            "FilterLogEvents",
            "GetLogEvents",
            "StartQuery",
            "TagResource",
        ],
    ),
    (
        "dynamodb",
        ["GetItem", "PutItem", "Query", "Scan", "BatchGet*", "UpdateItem", "DeleteItem", "DescribeTable"],
    ),
    (
        "lambda",
        [
            "InvokeFunction",
            "GetFunction",
            "List*",
            "CreateFunction",
            "UpdateFunctionCode",
            "AddPermission",
            "TagResource",
            "PublishVersion",
        ],
    ),
    (
        "kms",
        [
            "Decrypt",
            "Encrypt",
            "GenerateDataKey*",
            "DescribeKey",
            "CreateGrant",
            "ReEncrypt*",
            "Sign",
            "Verify",
        ],
    ),
];

/// A policy of the greatest size that is allowed, of statements for the services in turn.
fn policy(number: usize, last: Option<Value>, service: Option<&str>) -> String {
    let mut statements: Vec<Value> = Vec::new();
    let document =
        |statements: &[Value]| json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    for (index, (name, actions)) in SERVICES.iter().cycle().enumerate() {
        let name = service.unwrap_or(name);
        let actions: Vec<String> = actions.iter().map(|action| format!("{name}:{action}")).collect();
        let mut statement = json!({
            "Sid": format!("Number{number}Of{index}"),
            "Effect": if index % 5 == 4 { "Deny" } else { "Allow" },
            "Action": if service.is_some() { json!([format!("{name}:*")]) } else { json!(actions) },
            "Resource": [format!("arn:aws:{name}:*:*:unit-{number}-{index}/*")],
        });
        if index % 3 == 0 {
            let condition = json!({"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}});
            statement.as_object_mut().and_then(|members| members.insert("Condition".to_owned(), condition));
        }
        statements.push(statement);
        let mut whole = statements.clone();
        whole.extend(last.clone());
        if policy_size(&document(&whole)) > SIZE {
            statements.pop();
            break;
        }
    }
    statements.extend(last);
    document(&statements)
}

fn policies(last: Option<Value>, service: Option<&str>) -> Result<Vec<NamedPolicy>, Box<dyn Error>> {
    let named = |number: usize| {
        let last = last.clone().filter(|_| number == 9);
        let document = policy(number, last, service);
        let name = PolicyName::Managed(format!("arn:aws:iam::111122223333:policy/number-{number}"));
        Ok(NamedPolicy { name, policy: Arc::new(Policy::parse(&document)?) })
    };
    (0..10).map(named).collect()
}

fn median<T>(mut work: impl FnMut() -> T) -> Duration {
    let mut times: Vec<Duration> = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        black_box(work());
        times.push(start.elapsed());
    }
    times.sort_unstable();
    times.get(ROUNDS / 2).copied().unwrap_or_default()
}

fn main() -> Result<(), Box<dyn Error>> {
    let principal = Principal::from_arn("arn:aws:iam::111122223333:user/alice").ok_or("no principal")?;
    let context: Context = [
        ("aws:PrincipalArn", "arn:aws:iam::111122223333:user/alice"),
        ("aws:PrincipalAccount", "111122223333"),
        ("aws:PrincipalType", "User"),
        ("aws:PrincipalTag/team", "red"),
        ("aws:ResourceTag/team", "red"),
        ("aws:SourceIp", "198.51.100.7"),
        ("aws:SecureTransport", "true"),
        ("aws:RequestedRegion", "us-east-1"),
        ("aws:username", "alice"),
        ("aws:userid", "AIDAEXAMPLE"),
        ("aws:UserAgent", "aws-cli/2"),
        ("aws:CurrentTime", "2031-05-01T00:00:00Z"),
    ]
    .into_iter()
    .collect();
    let last = json!({
        "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::photos/${aws:username}/*",
        "Condition": {"Bool": {"aws:SecureTransport": "true"}}
    });
    for (what, last, service) in [
        ("allowed by the last statement", Some(last), None),
        ("allowed by nothing", None, None),
        ("every statement is about the action", None, Some("s3")),
    ] {
        let policies = policies(last, service)?;
        let statements: usize = policies.iter().map(|policy| policy.policy.statements().len()).sum();
        let layers = Layers { identity: &policies, ..Layers::default() };
        let request = Request {
            principal: &principal,
            action: "s3:GetObject",
            resource: "arn:aws:s3:::photos/alice/2031/cat.jpg",
            resource_account: Some("111122223333"),
            context: &context,
        };
        let outcome = evaluate(&request, &layers).outcome;
        let evaluated = median(|| evaluate(&request, &layers));
        let explained = median(|| explain(&request, &layers));
        println!(
            "{what} ({outcome:?}, {statements} statements): evaluate {evaluated:?}, explain {explained:?}"
        );
    }
    let document = policy(0, None, None);
    let parsed = median(|| Policy::parse(&document));
    println!("reading a policy of {} characters: {parsed:?}", policy_size(&document));
    Ok(())
}
