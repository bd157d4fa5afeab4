//! What calls of SQS require, resolved from real inputs.

#![cfg(test)]

use cloudtwin_core::authorize::{Access, CallFacts, KeyValue};
use cloudtwin_smithy::Shape;
use cloudtwin_smithy::shape::Operation;
use cloudtwin_sqs::api::*;
use cloudtwin_testkit::TestCloud;

const CALL: CallFacts<'_> =
    CallFacts { partition: "aws", region: "eu-west-1", account: "111122223333", caller: None };

fn of<O: Operation>(_: O, input: &O::Input) -> Vec<Access>
where
    O::Input: Shape,
{
    // A cloud has work in the background.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _entered = runtime.enter();
    let cloud = TestCloud::start(Vec::new()).unwrap();
    cloudtwin_sqs::service().required(cloud.cloud(), O::schema(), input, &CALL)
}

fn url(name: &str) -> String {
    format!("http://sqs.eu-west-1.localhost.localstack.cloud:4566/444455556666/{name}")
}

fn check(found: &[Access], expected: &[(&str, &str)]) {
    let found: Vec<(&str, &str)> =
        found.iter().map(|access| (access.action.as_ref(), access.resource.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_message_is_sent_to_the_queue_of_the_urls_account() {
    let input =
        SendMessageInput { queue_url: url("jobs"), message_body: "hello".into(), ..Default::default() };
    check(&of(SendMessage, &input), &[("sqs:SendMessage", "arn:aws:sqs:eu-west-1:444455556666:jobs")]);
}

#[test]
fn a_batch_needs_the_action_of_the_single_call() {
    let input = SendMessageBatchInput { queue_url: url("jobs"), entries: vec![Default::default(); 3] };
    check(&of(SendMessageBatch, &input), &[("sqs:SendMessage", "arn:aws:sqs:eu-west-1:444455556666:jobs")]);
}

#[test]
fn a_queue_that_is_created_with_tags_is_tagged_too() {
    let arn = "arn:aws:sqs:eu-west-1:111122223333:jobs";
    let mut input = CreateQueueInput { queue_name: "jobs".into(), ..Default::default() };
    check(&of(CreateQueue, &input), &[("sqs:CreateQueue", arn)]);

    input.tags = Some([("env".to_owned(), "prod".to_owned()), ("team".to_owned(), "a".to_owned())].into());
    let found = of(CreateQueue, &input);
    check(&found, &[("sqs:CreateQueue", arn), ("sqs:TagQueue", arn)]);
    for access in &found {
        assert_eq!(
            access.keys,
            [
                ("aws:RequestTag/env".to_owned(), KeyValue::from("prod")),
                ("aws:RequestTag/team".to_owned(), KeyValue::from("a")),
                ("aws:TagKeys".to_owned(), KeyValue::Many(vec!["env".into(), "team".into()])),
            ]
        );
    }
    assert_eq!(found.iter().map(|access| access.dependent).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn a_move_task_reads_its_source_and_writes_to_its_destination() {
    let input = StartMessageMoveTaskInput {
        source_arn: "arn:aws:sqs:eu-west-1:111122223333:dead".into(),
        destination_arn: Some("arn:aws:sqs:eu-west-1:111122223333:jobs".into()),
        ..Default::default()
    };
    let source = "arn:aws:sqs:eu-west-1:111122223333:dead";
    check(
        &of(StartMessageMoveTask, &input),
        &[
            ("sqs:StartMessageMoveTask", source),
            ("sqs:ReceiveMessage", source),
            ("sqs:DeleteMessage", source),
            ("sqs:GetQueueAttributes", source),
            ("sqs:SendMessage", "arn:aws:sqs:eu-west-1:111122223333:jobs"),
        ],
    );
}

#[test]
fn every_form_of_a_url_means_the_queue_that_is_used() {
    for (url, arn) in [
        ("jobs", "arn:aws:sqs:eu-west-1:111122223333:jobs"),
        ("http://localhost:4576/queue/jobs", "arn:aws:sqs:eu-west-1:111122223333:jobs"),
        ("https://sqs.us-west-2.amazonaws.com/444455556666/jobs", "arn:aws:sqs:us-west-2:444455556666:jobs"),
        (
            "http://localhost:4566/queue/us-east-2/444455556666/jobs?x=/1/y",
            "arn:aws:sqs:us-east-2:444455556666:jobs",
        ),
        ("http://nothing", "*"),
    ] {
        let input = SendMessageInput { queue_url: url.into(), ..Default::default() };
        check(&of(SendMessage, &input), &[("sqs:SendMessage", arn)]);
    }
}
