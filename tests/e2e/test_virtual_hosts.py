"""Buckets and queues that are named by the host."""

import json

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from support import http

PUBLIC = "localhost.localstack.cloud"


@pytest.fixture
def ask(cloud):
    """Asks with a host that needs no DNS."""

    def send(method, path, host, body=None, **headers):
        return http.request(method, cloud.url + path, body, {"host": f"{host}:{cloud.port}", **headers})

    return send


@pytest.mark.parametrize("suffix", [f"s3.{PUBLIC}", f"s3.us-east-1.{PUBLIC}", "s3.amazonaws.com", "s3.localhost"])
def test_the_host_names_the_bucket(ask, s3, bucket, suffix):
    host = f"{bucket}.{suffix}"
    assert ask("PUT", "/a/key.txt", host, b"virtual").status == 200
    assert s3.get_object(Bucket=bucket, Key="a/key.txt")["Body"].read() == b"virtual"
    assert ask("GET", "/a/key.txt", host).body == b"virtual"
    listing = ask("GET", "/?list-type=2", host)
    assert "<Key>a/key.txt</Key>" in listing.text
    assert ask("DELETE", "/a/key.txt", host).status == 204


def test_a_bucket_with_dots_is_found_too(ask, s3, name):
    bucket = f"{name}.with.dots"
    s3.create_bucket(Bucket=bucket)
    assert ask("PUT", "/k", f"{bucket}.s3.{PUBLIC}", b"x").status == 200
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == 1


def test_without_a_bucket_in_the_host_the_path_names_it(ask, bucket):
    assert ask("PUT", f"/{bucket}/k", f"s3.{PUBLIC}", b"x").status == 200
    assert ask("GET", f"/{bucket}/k", "localhost").body == b"x"


@pytest.mark.parametrize("style", ["virtual", "path"])
def test_boto3_signs_for_either_style(cloud, monkeypatch, name, style):
    """The SDK's own requests for `bucket.s3.localhost.localstack.cloud`, sent to this machine."""
    iam = cloud.client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=f"http://s3.{PUBLIC}:{cloud.port}",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        region_name="us-east-1",
        config=Config(s3={"addressing_style": style}, retries={"total_max_attempts": 1}),
    )
    resolve_here(monkeypatch)
    hosts = []
    client.meta.events.register("before-send.s3", lambda request, **_: hosts.append(request.url.split("/")[2]))
    client.create_bucket(Bucket=name)
    client.put_object(Bucket=name, Key="ü/k", Body=b"signed", Metadata={"a": "b"})
    assert client.get_object(Bucket=name, Key="ü/k")["Body"].read() == b"signed"
    assert client.list_objects_v2(Bucket=name)["KeyCount"] == 1
    expected = f"{name}.s3.{PUBLIC}:{cloud.port}" if style == "virtual" else f"s3.{PUBLIC}:{cloud.port}"
    assert set(hosts) == {expected}


def resolve_here(monkeypatch):
    """What public DNS answers for `*.localhost.localstack.cloud`."""
    import socket

    original = socket.getaddrinfo

    def resolve(host, *arguments, **options):
        return original("127.0.0.1" if str(host).endswith(PUBLIC) else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_the_queue_url_is_an_address_that_works(ask, sqs, queue, name):
    host, path = queue.split("//")[1].split(":")[0], "/" + queue.split("/", 3)[3]
    form = {"Action": "SendMessage", "MessageBody": "to the URL", "Version": "2012-11-05"}
    assert ask("POST", path, host, form).status == 200
    assert sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"] == "to the URL"


def test_queue_urls_of_every_strategy_lead_to_the_queue(request, clouds):
    cloud = clouds(request)
    sqs = cloud.client("sqs", region="eu-west-1")
    sqs.create_queue(QueueName="jobs")
    for url in (
        f"http://sqs.eu-west-1.{PUBLIC}:{cloud.port}/000000000000/jobs",
        f"http://eu-west-1.queue.{PUBLIC}:{cloud.port}/000000000000/jobs",
        f"http://localhost:{cloud.port}/queue/eu-west-1/000000000000/jobs",
        f"http://localhost:{cloud.port}/000000000000/jobs",
        "https://sqs.eu-west-1.amazonaws.com/000000000000/jobs",
    ):
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        assert attributes["QueueArn"] == "arn:aws:sqs:eu-west-1:000000000000:jobs", url


def test_a_public_bucket_is_read_without_a_signature(cloud, s3, bucket):
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
        ],
    }
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    s3.put_object(Bucket=bucket, Key="k", Body=b"public")
    anybody = cloud.client("s3", config={"signature_version": UNSIGNED})
    assert anybody.get_object(Bucket=bucket, Key="k")["Body"].read() == b"public"
