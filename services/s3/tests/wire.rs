//! What clients see on the wire: statuses, headers, streamed bodies.

#![cfg(test)]

use bytes::Bytes;
use cloudtwin_smithy::ByteStream;
use cloudtwin_testkit::TestCloud;
use http::{HeaderMap, Request};
use http_body_util::BodyExt;

struct Client(TestCloud);

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The text of the first element of this name.
    #[track_caller]
    fn element(&self, name: &str) -> &str {
        let text = self.text();
        let start =
            text.find(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {}: {text}", self.status));
        let text = &text[start + name.len() + 2..];
        &text[..text.find('<').unwrap()]
    }
}

impl Client {
    async fn start() -> Self {
        let client = Self(TestCloud::start(vec![cloudtwin_s3::service()]).unwrap());
        assert_eq!(client.send("PUT", "/b-1", &[], "").await.status, 200);
        client
    }

    async fn send(
        &self,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        body: impl Into<String>,
    ) -> Answer {
        let body = body.into();
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header("host", "s3.localhost.localstack.cloud:4566")
            .header("content-length", body.len());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.0.cloud().handle(request.body(ByteStream::from(body)).unwrap()).await;
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }
}

#[tokio::test]
async fn large_objects_and_ranges_of_them_are_streamed() {
    let client = Client::start().await;
    let text: String = (0..200_000).map(|number| format!("{number:08}")).collect();
    assert_eq!(client.send("PUT", "/b-1/large", &[], text.as_str()).await.status, 200);
    let got = client.send("GET", "/b-1/large", &[], "").await;
    assert_eq!((got.status, got.header("content-length")), (200, "1600000"));
    assert_eq!(got.text(), text);
    let got = client.send("GET", "/b-1/large", &[("range", "bytes=800000-800015")], "").await;
    assert_eq!((got.status, got.header("content-range")), (206, "bytes 800000-800015/1600000"));
    assert_eq!(got.text(), &text[800_000..800_016]);
    let head = client.send("HEAD", "/b-1/large", &[], "").await;
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "1600000", 0));
    assert_eq!(head.header("accept-ranges"), "bytes");
    let etag = head.header("etag").to_owned();
    let same = client.send("GET", "/b-1/large", &[("if-none-match", &etag)], "").await;
    assert_eq!((same.status, same.header("etag"), same.body.len()), (304, etag.as_str(), 0));
    let beyond = client.send("GET", "/b-1/large", &[("range", "bytes=1600000-")], "").await;
    assert_eq!((beyond.status, beyond.element("Code")), (416, "InvalidRange"));
    assert_eq!(beyond.element("ActualObjectSize"), "1600000");
}

#[tokio::test]
async fn parts_become_an_object() {
    let client = Client::start().await;
    let upload = client.send("POST", "/b-1/m?uploads", &[], "").await;
    let id = upload.element("UploadId").to_owned();
    let first = "x".repeat(5 << 20);
    let mut list = String::new();
    for (number, text) in [(1, first.as_str()), (2, "the end")] {
        let part = client.send("PUT", &format!("/b-1/m?partNumber={number}&uploadId={id}"), &[], text).await;
        let etag = part.header("etag");
        list += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
    }
    let complete = format!("<CompleteMultipartUpload>{list}</CompleteMultipartUpload>");
    let done = client.send("POST", &format!("/b-1/m?uploadId={id}"), &[], complete).await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert!(done.element("ETag").ends_with("-2&quot;") || done.element("ETag").ends_with("-2\""));
    let got = client.send("GET", "/b-1/m", &[], "").await;
    assert_eq!(got.text(), format!("{first}the end"));
    let got = client.send("GET", "/b-1/m", &[("range", "bytes=-10")], "").await;
    assert_eq!((got.status, got.text()), (206, "xxxthe end"));
    let got = client.send("GET", "/b-1/m?partNumber=2", &[], "").await;
    assert_eq!((got.status, got.text(), got.header("x-amz-mp-parts-count")), (206, "the end", "2"));
    let copied = client.send("PUT", "/b-1/copy", &[("x-amz-copy-source", "/b-1/m")], "").await;
    assert!(!copied.element("ETag").contains('-'), "{}", copied.text());
    assert_eq!(copied.element("ChecksumCRC64NVME"), done.element("ChecksumCRC64NVME"));
    assert_eq!(client.send("DELETE", "/b-1/m", &[], "").await.status, 204);
    let got = client.send("GET", "/b-1/copy", &[("range", "bytes=5242877-")], "").await;
    assert_eq!(got.text(), "xxxthe end");
}

#[tokio::test]
async fn errors_name_what_was_not_there() {
    let client = Client::start().await;
    let missing = client.send("GET", "/b-1/none", &[], "").await;
    assert_eq!((missing.status, missing.element("Code"), missing.element("Key")), (404, "NoSuchKey", "none"));
    let missing = client.send("GET", "/b-2?list-type=2", &[], "").await;
    assert_eq!((missing.element("Code"), missing.element("BucketName")), ("NoSuchBucket", "b-2"));
    let missing = client.send("HEAD", "/b-2", &[], "").await;
    assert_eq!((missing.status, missing.body.len()), (404, 0));
    let bucket = client.send("HEAD", "/b-1", &[], "").await;
    assert_eq!((bucket.status, bucket.header("x-amz-bucket-region")), (200, "us-east-1"));
    let bad = client.send("PUT", "/b-1?versioning", &[], "<VersioningConfiguration/>").await;
    assert_eq!((bad.status, bad.element("Code")), (400, "IllegalVersioningConfigurationException"));
    let bad = client
        .send("PUT", "/b-1?tagging", &[], "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>")
        .await;
    assert_eq!((bad.status, bad.element("Code")), (400, "MalformedXML"));
    let location = client.send("GET", "/b-1?location", &[], "").await;
    assert!(location.text().contains("<LocationConstraint"), "{}", location.text());
}

#[tokio::test]
async fn browsers_upload_forms() {
    let client = Client::start().await;
    let form = |fields: &[(&str, &str)]| {
        let mut body = String::new();
        for (name, value) in fields {
            let filename = if *name == "file" { "; filename=\"photo.txt\"" } else { "" };
            body += &format!(
                "--B\r\nContent-Disposition: form-data; name=\"{name}\"{filename}\r\n\r\n{value}\r\n"
            );
        }
        body + "--B--\r\n"
    };
    let headers = [("content-type", "multipart/form-data; boundary=B")];
    let fields = [
        ("key", "up/${filename}"),
        ("success_action_status", "201"),
        ("x-amz-meta-a", "b"),
        ("file", "hello"),
    ];
    let posted = client.send("POST", "/b-1", &headers, form(&fields)).await;
    assert_eq!(posted.status, 201, "{}", posted.text());
    assert_eq!(posted.element("Key"), "up/photo.txt");
    let got = client.send("GET", "/b-1/up/photo.txt", &[], "").await;
    assert_eq!((got.text(), got.header("x-amz-meta-a")), ("hello", "b"));
    let redirect = [("key", "k"), ("success_action_redirect", "http://x.test/y"), ("file", "hello")];
    let posted = client.send("POST", "/b-1", &headers, form(&redirect)).await;
    assert_eq!(posted.status, 303);
    assert!(posted.header("location").starts_with("http://x.test/y?bucket=b%2D1&key=k&etag=%22"));
    let nothing = client.send("POST", "/b-1", &headers, form(&[("key", "k")])).await;
    assert_eq!((nothing.status, nothing.element("ArgumentName")), (400, "file"));
}
