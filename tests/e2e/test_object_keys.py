"""Every key that S3 allows, and none of them leaves its bucket."""

import string
import urllib.parse

import pytest

from support import http
from support.errors import refusal

LEGAL = [
    "plain",
    "with space",
    "plus+and%2Bpercent",
    "a//b///c/",
    "/leading",
    "trailing/",
    ".",
    "..",
    "../../../../etc/passwd",
    "a/../b",
    "a/./b",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%00",
    "\\windows\\path",
    "C:\\x",
    "nul\tline\nfeed\rreturn",
    "question?mark=1&and#hash",
    "semi;colon:equals=@$,!*'()",
    '<xml attr="quoted">&amp;</xml>',
    "[brackets]{braces}|pipe^caret`tick~tilde",
    "ünïcödé",
    "日本語/キー",
    "emoji 🎉",
    "combining e\u0301 and \u00e9",
    "rtl \u202e text",
    "\x7f",
    "-starts-with-dash",
    string.printable.strip() + " ",
]


def test_a_key_that_xml_cannot_hold_is_listed_for_those_who_ask_for_urls(s3, bucket):
    s3.put_object(Bucket=bucket, Key="\x01\x0b", Body=b"control")
    # boto3 asks for keys encoded as in URLs.
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["\x01\x0b"]
    assert s3.get_object(Bucket=bucket, Key="\x01\x0b")["Body"].read() == b"control"
    s3.delete_object(Bucket=bucket, Key="\x01\x0b")


@pytest.mark.parametrize("key", LEGAL, ids=lambda key: ascii(key)[:30])
def test_a_key_comes_back_as_it_was_given(s3, bucket, key):
    body = key.encode()
    s3.put_object(Bucket=bucket, Key=key, Body=body)
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])] == [key]
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix=key[:3])["Contents"]] == [key]
    s3.copy_object(Bucket=bucket, Key=key + "~", CopySource={"Bucket": bucket, "Key": key})
    deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}, {"Key": key + "~"}]})
    assert {entry["Key"] for entry in deleted["Deleted"]} == {key, key + "~"}
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_keys_are_1024_bytes_long_at_most(s3, bucket):
    for key in ("k" * 1024, "ü" * 512, "🎉" * 256):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
        s3.head_object(Bucket=bucket, Key=key)
    assert refusal(s3.put_object, Bucket=bucket, Key="k" * 1025, Body=b"") == (400, "KeyTooLongError")
    assert refusal(s3.put_object, Bucket=bucket, Key="ü" * 513, Body=b"") == (400, "KeyTooLongError")


def test_listings_follow_the_bytes_of_the_keys(s3, bucket):
    keys = ["a", "a/b", "a b", "A", "ä", "z", "\uff21", "🎉", "a\u0301", "a-b", "a.b", "a0"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key)
    listed = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert listed == sorted(keys, key=str.encode)
    paged = [
        entry["Key"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 5})
        for entry in page["Contents"]
    ]
    assert paged == listed


@pytest.mark.parametrize(
    "target",
    [
        "/{bucket}/../../../../etc/passwd",
        "/{bucket}/..%2f..%2f..%2fetc/passwd",
        "/{bucket}/%2e%2e/%2e%2e/etc/passwd",
        "/../{bucket}/..",
        "/..%2fdata/x",
        "/%2e%2e/x",
        "/{bucket}%00/x",
        "//{bucket}//x",
    ],
)
def test_paths_that_want_out_stay_in(cloud, bucket, target):
    before = outside(cloud)
    path = target.format(bucket=bucket)
    put = http.request("PUT", cloud.url + path, b"escaped")
    got = http.request("GET", cloud.url + path)
    assert put.status in (200, 400, 403, 404, 405), put
    assert b"root:" not in got.body
    if put.status == 200:
        assert got.body == b"escaped"
    assert outside(cloud) == before


def outside(cloud):
    """The names beside and above the data directory that could have changed."""
    return sorted(path.name for path in (*cloud.home.iterdir(), *cloud.data_dir.iterdir()))


@pytest.mark.parametrize("bucket", ["..", ".", "a/b", "A", "-a", "a_b", "ab", "a..b", "192.168.0.1", "x" * 64, "ü" * 3])
def test_names_that_no_bucket_may_have(cloud, bucket):
    answer = http.request("PUT", f"{cloud.url}/{urllib.parse.quote(bucket, safe='')}")
    assert answer.status in (400, 403, 404, 405), answer
    names = [found["Name"] for found in cloud.client("s3").list_buckets()["Buckets"]]
    assert bucket not in names
