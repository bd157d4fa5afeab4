//! temporary
use crate::queue::*;
use serde_json::json;
use std::time::Instant;
#[tokio::test]
#[ignore]
#[expect(clippy::disallowed_methods)]
async fn speed() {
    for (name, depth) in [("memory", 0), ("memory deep", 1000)] {
        let queue = queue("jobs", json!({})).await;
        run(name, &queue, depth).await;
    }
    let dir = tempfile::tempdir().unwrap();
    let db = cloudtwin_store::Db::open(dir.path(), cloudtwin_store::Durability::Process).unwrap();
    let cloud = cloudtwin_core::Cloud::start(
        db,
        cloudtwin_core::CloudConfig::default(),
        vec![cloudtwin_sqs::service()],
    );
    raw("disk", &cloud, 0).await;
    raw("disk deep", &cloud, 1000).await;
    let cloud = cloudtwin_core::Cloud::start(
        cloudtwin_store::Db::ephemeral().unwrap(),
        cloudtwin_core::CloudConfig::default(),
        vec![cloudtwin_sqs::service()],
    );
    raw("memory", &cloud, 0).await;
    raw("memory deep", &cloud, 1000).await;
}
async fn run(name: &str, queue: &Queue, depth: usize) {
    for _ in 0..depth {
        queue.send(&"m".repeat(200)).await;
    }
    let n = 20_000;
    let t = Instant::now();
    for _ in 0..n {
        queue.send(&"m".repeat(200)).await;
    }
    let send = t.elapsed();
    let t = Instant::now();
    let mut got = Vec::new();
    for _ in 0..n {
        got.extend(queue.receive(json!({})).await);
    }
    let recv = t.elapsed();
    let t = Instant::now();
    for m in &got {
        queue.delete(m).await;
    }
    let del = t.elapsed();
    println!("{name}: send {:?} receive {:?} delete {:?} ({})", send / n, recv / n, del / n, got.len());
}
async fn http(cloud: &cloudtwin_core::Cloud, op: &str, body: String) -> String {
    use http_body_util::BodyExt;
    let request = http::Request::post("http://localhost:4566/")
        .header("host", "localhost:4566")
        .header("x-amz-target", format!("AmazonSQS.{op}"))
        .header("content-type", "application/x-amz-json-1.0")
        .body(cloudtwin_smithy::ByteStream::from(body))
        .unwrap();
    let response = cloud.handle(request).await;
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}
async fn raw(name: &str, cloud: &cloudtwin_core::Cloud, depth: usize) {
    http(cloud, "CreateQueue", r#"{"QueueName":"q"}"#.to_owned()).await;
    let url = r#""QueueUrl":"http://localhost:4566/000000000000/q""#;
    let body = format!(r#"{{{url},"MessageBody":"{}"}}"#, "m".repeat(200));
    for _ in 0..depth {
        http(cloud, "SendMessage", body.clone()).await;
    }
    let n = 30_000_u32;
    let t = Instant::now();
    for _ in 0..n {
        http(cloud, "GetQueueUrl", r#"{"QueueName":"q"}"#.to_owned()).await;
    }
    let url_t = t.elapsed();
    let t = Instant::now();
    for _ in 0..n {
        http(cloud, "SendMessage", body.clone()).await;
    }
    let send = t.elapsed();
    let (mut recv, mut del) = (std::time::Duration::ZERO, std::time::Duration::ZERO);
    for _ in 0..n {
        let t = Instant::now();
        let got = http(cloud, "ReceiveMessage", format!("{{{url}}}")).await;
        recv += t.elapsed();
        let handle = got.split("\"ReceiptHandle\":\"").nth(1).unwrap().split('"').next().unwrap();
        let t = Instant::now();
        http(cloud, "DeleteMessage", format!(r#"{{{url},"ReceiptHandle":"{handle}"}}"#)).await;
        del += t.elapsed();
    }
    println!(
        "{name}: geturl {:?} send {:?} receive {:?} delete {:?}",
        url_t / n,
        send / n,
        recv / n,
        del / n
    );
}
