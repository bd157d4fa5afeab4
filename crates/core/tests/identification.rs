//! Whatever comes in from the wire is answered, and by the service that it means.
#![cfg(test)]

use cloudtwin_core::{Cloud, CloudConfig};
use cloudtwin_smithy::ByteStream;
use cloudtwin_store::Db;
use http::Request;
use proptest::prelude::*;

fn cloud() -> Cloud {
    Cloud::start(Db::ephemeral().unwrap(), CloudConfig::default(), Vec::new())
}

/// The error's name and message that an unserved request is answered with.
async fn answer(request: http::request::Builder, body: &str) -> (u16, String) {
    let cloud = cloud();
    let response = cloud.handle(request.body(ByteStream::from(body.to_owned())).unwrap()).await;
    cloud.stop();
    let status = response.status().as_u16();
    let body = response.into_body().as_bytes().unwrap();
    (status, String::from_utf8_lossy(&body).into_owned())
}

fn signed(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=test/20261122/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=00"
    )
}

#[track_caller]
fn assert_names((status, body): &(u16, String), operation: &str) {
    assert_eq!(*status, 501, "{body}");
    assert!(body.contains(operation), "{body}");
}

#[tokio::test]
async fn unserved_operations_are_named_in_their_own_protocol() {
    let target = Request::post("/").header("x-amz-target", "DynamoDB_20120810.ListTables");
    let found = answer(target, "{}").await;
    assert_names(&found, "`ListTables` of `dynamodb`");
    assert!(found.1.starts_with('{'));

    let query = Request::post("/").header("content-type", "application/x-www-form-urlencoded");
    let found = answer(query, "Action=DescribeInstances&Version=2016-11-15").await;
    assert_names(&found, "`DescribeInstances` of `ec2`");
    assert!(found.1.contains("<Errors>"), "{}", found.1);

    let rest = Request::get("/2015-03-31/functions").header("authorization", signed("lambda"));
    assert_names(&answer(rest, "").await, "`ListFunctions` of `lambda`");

    let cbor = Request::post("/service/GraniteServiceVersion20100801/operation/ListMetrics")
        .header("smithy-protocol", "rpc-v2-cbor");
    assert_names(&answer(cbor, "").await, "`ListMetrics` of `cloudwatch`");
}

#[tokio::test]
async fn the_scope_decides_between_services_with_the_same_action() {
    // `ListTagsForResource` is an action of many services.
    let query = Request::post("/")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("authorization", signed("rds"));
    let found = answer(query, "Action=ListTagsForResource&Version=2014-10-31").await;
    assert_eq!(found.0, 501);
    assert!(found.1.contains("ListTagsForResource"), "{}", found.1);
    assert!(["`rds`", "`neptune`", "`docdb`"].iter().any(|name| found.1.contains(name)), "{}", found.1);
}

#[tokio::test]
async fn an_operation_that_aws_does_not_have_is_not_ours_to_serve() {
    let target = Request::post("/").header("x-amz-target", "DynamoDB_20120810.MakeCoffee");
    let (status, body) = answer(target, "{}").await;
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("UnknownOperationException"), "{body}");
}

#[tokio::test]
async fn a_request_without_an_operation_is_answered_before_any_protocol() {
    for service in ["sqs", "dynamodb", "ec2", "rds"] {
        let request = Request::get("/").header("authorization", signed(service));
        let (status, body) = answer(request, "").await;
        assert_eq!((status, body.as_str()), (404, "<UnknownOperationException/>\n"), "{service}");
    }
}

fn header() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[ -~]{0,60}", "[A-Za-z_0-9]{1,12}\\.[A-Za-z]{1,12}", Just(signed("s3"))]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_request_is_answered(
        method in prop_oneof!["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "[A-Z]{1,9}"],
        path in "/[!-~&&[^#?]]{0,60}",
        query in proptest::option::of("[!-~&&[^#]]{0,60}"),
        host in header(),
        target in header(),
        authorization in header(),
        form in any::<bool>(),
        body in ".{0,80}",
    ) {
        let uri = query.map_or(path.clone(), |query| format!("{path}?{query}"));
        let media_type = if form { "application/x-www-form-urlencoded" } else { "application/json" };
        let request = Request::builder()
            .method(method.as_str())
            .uri(uri)
            .header("host", host)
            .header("x-amz-target", target)
            .header("authorization", authorization)
            .header("content-type", media_type)
            .body(ByteStream::from(body));
        // What http itself refuses never reaches the cloud.
        if let Ok(request) = request {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let status = runtime.block_on(async {
                let cloud = cloud();
                let status = cloud.handle(request).await.status();
                cloud.stop();
                status
            });
            prop_assert!(status.is_client_error() || status.is_server_error());
            prop_assert_ne!(status.as_u16(), 500);
        }
    }
}
