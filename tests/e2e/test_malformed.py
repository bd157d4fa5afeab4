"""Requests that no SDK sends: each is refused with its protocol's own error, and nothing breaks."""

import json
import random

import pytest

from support import http

JSON = {"content-type": "application/x-amz-json-1.0"}
SIGNED_FOR = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"


def signed(service, **headers):
    return {"authorization": SIGNED_FOR.format(service), "x-amz-date": "20260101T000000Z", **headers}


@pytest.fixture(autouse=True)
def still_well(cloud):
    yield
    assert cloud.get("/_localstack/health").status == 200


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'"text"', b"null", b"{}}", b'{"QueueName":}', b"\xff\xfe", b'{"a":' * 100_000, b"[" * 1_000_000],
    ids=["open", "list", "text", "null", "rest", "no value", "not UTF-8", "deep object", "deep list"],
)
def test_json_that_is_none(cloud, body):
    answer = cloud.post("/", body, headers={**JSON, "x-amz-target": "AmazonSQS.CreateQueue"})
    assert answer.status == 400, answer
    assert answer.json()["__type"].split("#")[-1] == "SerializationException"


@pytest.mark.parametrize("value", [1, [], {}, True, "x" * 81, "", "has space", "ü", None])
def test_json_with_wrong_values(cloud, value):
    answer = cloud.post("/", json.dumps({"QueueName": value}), headers={**JSON, "x-amz-target": "AmazonSQS.CreateQueue"})
    assert answer.status == 400, answer
    assert answer.json()["__type"] and "message" in {name.lower() for name in answer.json()}


def test_json_with_unknown_members_is_read(cloud, name):
    body = json.dumps({"QueueName": name, "Unknown": {"deep": [1, 2, {"x": None}]}})
    assert cloud.post("/", body, headers={**JSON, "x-amz-target": "AmazonSQS.CreateQueue"}).status == 200


@pytest.mark.parametrize(
    "xml",
    [
        b"<", b"", b"text", b"<a></b>", b"<VersioningConfiguration>", b"\xff", b"<?xml version='1.0'?>",
        b"<VersioningConfiguration><Status>Sometimes</Status></VersioningConfiguration>",
        b"<SomethingElse/>",
        b"<a>" * 100_000,
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><VersioningConfiguration><Status>&b;</Status></VersioningConfiguration>',
        b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><VersioningConfiguration><Status>&f;</Status></VersioningConfiguration>',
    ],
    ids=lambda xml: xml[:30].decode(errors="replace") or "empty",
)  # fmt: skip
def test_xml_that_is_none(cloud, bucket, xml):
    answer = cloud.get(f"/{bucket}?versioning")
    answer = http.request("PUT", f"{cloud.url}/{bucket}?versioning", xml)
    assert answer.status == 400, answer
    assert "<Code>MalformedXML</Code>" in answer.text or "<Code>MissingRequestBodyError</Code>" in answer.text
    assert "root:" not in answer.text


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"Action": "CreateQueue"}, "MissingParameter"),
        ({"Action": "CreateQueue", "QueueName": "a b"}, "InvalidParameterValue"),
        ({"Action": "NoSuchAction"}, "InvalidAction"),
        ({"Action": "GetQueueUrl", "QueueName": "none-such"}, "AWS.SimpleQueueService.NonExistentQueue"),
        ("Action=CreateQueue&QueueName=%ff%fe", None),
        ("Action=CreateQueue&QueueName=%zz", None),
        ("Action=CreateQueue&QueueName=q&Attribute.99999999999999999999.Name=x", None),
        ("Action=CreateQueue&QueueName=q&Attribute.1000000000.Name=VisibilityTimeout&Attribute.1.Value=1", None),
        ("Action=CreateQueue&" + "&".join(f"Tag.{n}.Key=k{n}" for n in range(20_000)), None),
        ("&&==&%&Action=CreateQueue", None),
    ],
)
def test_forms_with_mistakes(cloud, form, code):
    headers = {**signed("sqs"), "content-type": "application/x-www-form-urlencoded"}
    answer = cloud.post("/", form, headers=headers)
    if code is None:
        assert answer.status in (200, 400, 404), answer
    else:
        assert answer.status == 400 and "<ErrorResponse" in answer.text and f"<Code>{code}</Code>" in answer.text, answer


def test_a_form_creates_sends_and_receives(cloud, name):
    """The query protocol, as older SDKs and plain HTTP clients speak it."""

    def ask(path="/", **form):
        answer = cloud.post(path, {"Version": "2012-11-05", **form}, headers=signed("sqs"))
        assert answer.status == 200, answer
        return answer.text

    created = ask(
        Action="CreateQueue", QueueName=name, **{"Attribute.1.Name": "VisibilityTimeout", "Attribute.1.Value": "5"}
    )
    url = created.partition("<QueueUrl>")[2].partition("</QueueUrl>")[0]
    path = "/" + url.split("/", 3)[3]
    sent = ask(path, Action="SendMessage", MessageBody="a <b> & c")
    assert "<MD5OfMessageBody>" in sent and "<RequestId>" in sent
    received = ask(path, Action="ReceiveMessage", MaxNumberOfMessages="1")
    assert "<Body>a &lt;b&gt; &amp; c</Body>" in received
    assert "<Value>5</Value>" in ask(path, **{"Action": "GetQueueAttributes", "AttributeName.1": "VisibilityTimeout"})
    with_get = http.request("GET", f"{cloud.url}{path}?Action=GetQueueAttributes&AttributeName.1=QueueArn", headers=signed("sqs"))
    assert f"<Value>arn:aws:sqs:us-east-1:000000000000:{name}</Value>" in with_get.text


@pytest.mark.parametrize("body", [b"", b"\xff", b"\xbf", b"\x9f" * 100_000, b"\xa1\x61a", b"\x5b" + b"\xff" * 8])
def test_cbor_that_is_none(cloud, body):
    headers = {"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor"}
    answer = cloud.post("/service/GraniteServiceVersion20100801/operation/PutMetricData", body, headers=headers)
    # The service is not served; what matters is that the answer is one of its protocol.
    assert answer.status in (400, 501) and answer.headers["smithy-protocol"] == "rpc-v2-cbor"


def test_messages_and_documents_that_are_too_large(cloud, sqs, queue, bucket):
    with pytest.raises(sqs.exceptions.ClientError) as caught:
        sqs.send_message(QueueUrl=queue, MessageBody="x" * (1 << 20) + "x")
    assert caught.value.response["Error"]["Code"] == "InvalidParameterValue"
    assert "Message must be shorter than 1048576 bytes" in caught.value.response["Error"]["Message"]
    for method, path, headers in (
        ("PUT", f"/{bucket}?tagging", {}),
        ("POST", "/", {**JSON, "x-amz-target": "AmazonSQS.ListQueues"}),
        ("POST", "/", {**signed("sqs"), "content-type": "application/x-www-form-urlencoded"}),
    ):
        lines = [f"{method} {path} HTTP/1.1", "host: x", f"content-length: {1 << 40}", "expect: 100-continue"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        answer = http.send_until_refused(cloud.port, "\r\n".join(lines).encode() + b"\r\n\r\n", limit=200 << 20)
        assert answer.split(b" ")[1] in (b"400", b"413"), answer
        assert cloud.memory() < 400 << 20


def test_signatures_that_are_none(cloud):
    for header in ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=", "Basic x", "AWS4-HMAC-SHA256 Credential=a/b/c", "\t"):
        answer = cloud.get("/", headers={"authorization": header, "x-amz-date": "yesterday"})
        assert answer.status in (400, 403, 404), (header, answer)
    answer = cloud.get("/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=%00&X-Amz-Signature=&X-Amz-Expires=-1")
    assert answer.status in (400, 403), answer


def test_noise_does_no_harm(cloud):
    """Random bytes, and real requests with random damage, as raw connections."""
    dice = random.Random(7)
    request = (
        b"PUT /bucket/key?versioning&x=%zz HTTP/1.1\r\nhost: x\r\nauthorization: AWS4-HMAC-SHA256 Credential=test/2/r/s3/a"
        b"\r\nx-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD\r\ncontent-length: 20\r\nconnection: close\r\n\r\n"
        b"10;chunk-signature=0\r\n"
    )
    for _ in range(300):
        data = bytearray(request)
        for _ in range(dice.randrange(1, 12)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        if dice.random() < 0.2:
            data = dice.randbytes(dice.randrange(200))
        try:
            http.send_raw(cloud.port, bytes(data))
        except ConnectionError:
            continue  # Hanging up is an answer.
