"""Uploads that end in the middle, lie about what they are, or come drop by drop: nothing of them is kept."""

import base64
import hashlib
import io
import socket
import urllib.parse

import pytest

from support import http
from support.errors import refusal
from support.waiting import eventually


def files(cloud):
    """Everything below the data directory that holds bytes of objects."""
    blobs = cloud.data_dir / "state" / "blobs"
    return {path for path in blobs.rglob("*") if path.is_file()}


def target_of(s3, bucket, key):
    url = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": key})
    parts = urllib.parse.urlsplit(url)
    return f"{parts.path}?{parts.query}"


def start_of_upload(cloud, target, length, body=b"", *headers):
    stream = socket.create_connection(("127.0.0.1", cloud.port), timeout=30)
    lines = [f"PUT {target} HTTP/1.1", f"Host: 127.0.0.1:{cloud.port}", f"Content-Length: {length}", *headers]
    stream.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    return stream


@pytest.mark.parametrize("sent", [0, 1, 100_000, 5 << 20])
def test_an_upload_that_breaks_off_leaves_nothing(cloud, s3, bucket, sent):
    before = files(cloud)
    stream = start_of_upload(cloud, target_of(s3, bucket, "half"), 10 << 20, b"x" * sent)
    if sent > 1 << 20:
        # The bytes are on the disk while the upload goes on.
        eventually(lambda: files(cloud) - before)
    stream.close()
    eventually(lambda: files(cloud) == before)
    assert refusal(s3.head_object, Bucket=bucket, Key="half") == (404, "404")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_an_upload_that_breaks_off_keeps_what_was_there(cloud, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"whole")
    before = files(cloud)
    stream = start_of_upload(cloud, target_of(s3, bucket, "k"), 10 << 20, b"x" * (3 << 20))
    eventually(lambda: files(cloud) - before)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"whole"
    stream.close()
    eventually(lambda: files(cloud) == before)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"whole"


def test_what_a_killed_server_had_half_received_is_gone_after_the_start(own_cloud):
    s3 = own_cloud.client("s3")
    s3.create_bucket(Bucket="halves")
    stream = start_of_upload(own_cloud, target_of(s3, "halves", "half"), 10 << 20, b"x" * (5 << 20))
    eventually(lambda: files(own_cloud))
    own_cloud.kill()
    stream.close()
    own_cloud.start()
    eventually(lambda: not files(own_cloud))
    assert "Contents" not in s3.list_objects_v2(Bucket="halves")


def test_content_that_is_not_what_was_promised_is_refused(cloud, s3, bucket):
    target = cloud.url + target_of(s3, bucket, "k")
    before = files(cloud)
    big = b"x" * (1 << 20)
    wrong = hashlib.md5(b"something else").digest()
    for body in (b"x", big):
        answer = http.request("PUT", target, body, {"content-md5": base64_of(wrong)})
        assert "<Code>BadDigest</Code>" in answer.text, answer
        answer = http.request("PUT", target, body, {"x-amz-checksum-sha256": base64_of(b"0" * 32)})
        assert answer.status == 400 and "<Code>BadDigest</Code>" in answer.text, answer
        answer = http.request("PUT", target, body, {"content-md5": "not base64"})
        assert "<Code>InvalidDigest</Code>" in answer.text, answer
    assert refusal(s3.head_object, Bucket=bucket, Key="k") == (404, "404")
    eventually(lambda: files(cloud) == before)


def base64_of(data):
    return base64.b64encode(data).decode()


def test_a_signed_body_is_the_one_that_was_signed(cloud, bucket, name):
    """The signature covers the hash of the body, and the hash is checked while the body arrives."""
    iam = cloud.client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    no_checksum = {"request_checksum_calculation": "when_required"}
    signer = cloud.client("s3", key["AccessKeyId"], key["SecretAccessKey"], config=no_checksum)

    def swap(request, **_):
        request.body = io.BytesIO(b"y" * 100)

    signer.meta.events.register("before-send.s3.PutObject", swap)
    assert refusal(signer.put_object, Bucket=bucket, Key="k", Body=b"x" * 100) == (400, "XAmzContentSHA256Mismatch")
    assert refusal(cloud.client("s3").head_object, Bucket=bucket, Key="k") == (404, "404")


def test_slow_clients_do_not_keep_others_waiting(cloud, s3, bucket):
    target = target_of(s3, bucket, "slow")
    slow = [start_of_upload(cloud, target, 1000, b"x") for _ in range(200)]
    try:
        for number in range(20):
            s3.put_object(Bucket=bucket, Key=f"quick-{number}", Body=b"x")
        assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 20
    finally:
        for stream in slow:
            stream.close()


def test_an_upload_goes_on_after_the_server_says_continue(cloud, s3, bucket):
    stream = start_of_upload(cloud, target_of(s3, bucket, "k"), 5, b"", "Expect: 100-continue", "Connection: close")
    assert stream.recv(100).startswith(b"HTTP/1.1 100 Continue")
    stream.sendall(b"hello")
    assert b"HTTP/1.1 200" in stream.recv(1000)
    stream.close()
    # Whoever may not write is told so before the body is sent.
    stream = start_of_upload(cloud, f"/{bucket}-not/k", 10 << 20, b"", "Expect: 100-continue", "Connection: close")
    assert b" 404 " in stream.recv(1000).split(b"\r\n")[0]
    stream.close()
