"""A job's results go from a bucket through a queue to an application that uses boto3."""

import json
import socket
import sys
import types

import boto3
import pytest
from botocore.exceptions import ClientError

from support.job_results import CloudResourceHandler, FakeStatsd, MetricSubmitter, drain, objects_of

# One after the other: the stories share a queue, and the old ports are there only once.
pytestmark = pytest.mark.xdist_group("pipeline")

BUCKET = "cloud-job-results-bucket"
QUEUE = "cloud-job-results-queue"


@pytest.fixture(scope="module", params=["one port", "a port for every service"])
def stack(request, clouds):
    """The cloud with bucket, queue and notification, as the application's tests set them up."""
    if request.param == "one port":
        cloud = clouds(request)
        s3, sqs = cloud.client("s3"), cloud.client("sqs")
    else:
        for port in (4572, 4576):
            with socket.socket() as taken:
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                taken.bind(("127.0.0.1", port))  # A failure here names the port that something else uses.
        # As the post does: SERVICES=s3,sqs, keys foo and bar, one port for each service.
        cloud = clouds(request, "--legacy-ports", SERVICES="s3,sqs")
        s3, sqs = (
            cloud.client(service, "foo", "bar", endpoint_url=f"http://localhost:{port}")
            for service, port in (("s3", 4572), ("sqs", 4576))
        )
    s3.create_bucket(Bucket=BUCKET)
    attributes = {"MaximumMessageSize": "4096", "MessageRetentionPeriod": "345600", "VisibilityTimeout": "30"}
    url = sqs.create_queue(QueueName=QUEUE, Attributes=attributes)["QueueUrl"]
    if request.param != "one port":
        url = f"http://localhost:4576/queue/{QUEUE}"
    resource = boto3.resource("s3", endpoint_url=s3.meta.endpoint_url, **keys(s3))
    resource.BucketNotification(BUCKET).put(
        NotificationConfiguration={
            "QueueConfigurations": [
                {
                    "QueueArn": f"arn:aws:sqs:us-east-1:000000000000:{QUEUE}",
                    "Events": ["s3:ObjectCreated:*"],
                    "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".json"}]}},
                }
            ]
        }
    )
    return types.SimpleNamespace(cloud=cloud, s3=s3, sqs=sqs, url=url)


def keys(client):
    credentials = client._request_signer._credentials
    return {
        "aws_access_key_id": credentials.access_key,
        "aws_secret_access_key": credentials.secret_key,
        "region_name": client.meta.region_name,
    }


@pytest.fixture
def statsd():
    return FakeStatsd()


@pytest.fixture
def handler(stack):
    return CloudResourceHandler(stack.s3, stack.sqs, stack.url)


@pytest.fixture
def submitter(handler, statsd):
    return MetricSubmitter(handler, statsd)


def test_configuring_a_notification_sends_a_test_event(stack):
    (message,) = drain(stack.sqs, stack.url)
    event = json.loads(message["Body"])
    assert event["Event"] == "s3:TestEvent" and event["Bucket"] == BUCKET and "Records" not in event


@pytest.fixture(autouse=True)
def clean_slate(stack, request):
    """Purging works before every test, however soon one follows the other."""
    if "test_event" not in request.node.name:
        stack.sqs.purge_queue(QueueUrl=stack.url)


def test_valid_results_become_metrics(stack, submitter, statsd):
    stack.s3.put_object(Bucket=BUCKET, Key="date=20200101/metrics.json", Body=b'{"images": 120, "seconds": 4.5}')
    submitter.run()
    assert statsd.gauges == [("job.images", 120), ("job.seconds", 4.5)]
    assert not submitter.handler.has_available_messages()


def test_invalid_results_become_an_event(stack, submitter, statsd):
    stack.s3.put_object(Bucket=BUCKET, Key="date=20200102/metrics.json", Body=b"not json")
    submitter.run()
    assert statsd.gauges == [] and statsd.events == [("job results are not readable", "error")]


def test_the_message_is_there_when_the_upload_returns(stack, handler):
    for number in range(20):
        stack.s3.put_object(Bucket=BUCKET, Key=f"now/{number}.json", Body=b"{}")
        assert handler.has_available_messages(), number
        (message,) = handler.messages
        assert objects_of(message["Body"]) == [(BUCKET, f"now/{number}.json")]
        handler.delete(message)


def test_only_json_files_are_announced(stack, handler):
    for key in ("metrics.csv", "metrics.json.gz", "json", "metrics.JSON"):
        stack.s3.put_object(Bucket=BUCKET, Key=key, Body=b"{}")
    assert not handler.has_available_messages()


def test_the_record_tells_what_has_happened(stack):
    answer = stack.s3.put_object(Bucket=BUCKET, Key="a folder/ü+1.json", Body=b"[1]")
    (message,) = drain(stack.sqs, stack.url)
    (record,) = json.loads(message["Body"])["Records"]
    assert record["eventName"] == "ObjectCreated:Put" and record["eventSource"] == "aws:s3"
    assert record["awsRegion"] == "us-east-1"
    assert record["responseElements"]["x-amz-request-id"] == answer["ResponseMetadata"]["RequestId"]
    assert record["s3"]["bucket"] == {
        "name": BUCKET,
        "arn": f"arn:aws:s3:::{BUCKET}",
        "ownerIdentity": record["s3"]["bucket"]["ownerIdentity"],
    }
    described = record["s3"]["object"]
    assert described["key"] == "a+folder/%C3%BC%2B1.json"
    assert described["size"] == 3 and f'"{described["eTag"]}"' == answer["ETag"]
    assert objects_of(message["Body"]) == [(BUCKET, "a folder/ü+1.json")]


def test_copies_and_multipart_uploads_are_announced_too(stack):
    stack.s3.put_object(Bucket=BUCKET, Key="source", Body=b"{}")
    stack.s3.copy_object(Bucket=BUCKET, Key="copy.json", CopySource={"Bucket": BUCKET, "Key": "source"})
    upload = stack.s3.create_multipart_upload(Bucket=BUCKET, Key="parts.json")["UploadId"]
    part = {"Bucket": BUCKET, "Key": "parts.json", "UploadId": upload}
    etag = stack.s3.upload_part(**part, PartNumber=1, Body=b"{}")["ETag"]
    stack.s3.complete_multipart_upload(**part, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    records = [json.loads(message["Body"])["Records"][0] for message in drain(stack.sqs, stack.url)]
    assert sorted((record["eventName"], record["s3"]["object"]["key"]) for record in records) == [
        ("ObjectCreated:CompleteMultipartUpload", "parts.json"),
        ("ObjectCreated:Copy", "copy.json"),
    ]


def test_an_unknown_key_is_no_such_key(handler):
    with pytest.raises(ClientError) as caught:
        handler.read(BUCKET, "date=19700101/metrics.json")
    assert caught.value.response["Error"]["Code"] == "NoSuchKey"
    assert caught.value.response["Error"]["Key"] == "date=19700101/metrics.json"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_purging_twice_within_a_minute_is_allowed_and_works_at_once(stack, handler):
    for number in range(2):
        stack.s3.put_object(Bucket=BUCKET, Key=f"{number}.json", Body=b"{}")
        stack.sqs.purge_queue(QueueUrl=stack.url)
        assert not handler.has_available_messages()


def test_a_queue_that_does_not_exist_is_told_in_every_way(stack):
    with pytest.raises(stack.sqs.exceptions.QueueDoesNotExist) as caught:
        stack.sqs.receive_message(QueueUrl=stack.url.replace(QUEUE, "no-such-queue"))
    assert caught.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    with pytest.raises(stack.sqs.exceptions.QueueDoesNotExist):
        stack.sqs.get_queue_url(QueueName="no-such-queue")


def test_the_localstack_client_finds_every_service(stack):
    """The package that the application's own tests use; it knows the old ports by heart."""
    old_ports = stack.s3.meta.endpoint_url.endswith(":4572")
    script = f"""
from localstack_client.session import Session

session = Session()
assert "{BUCKET}" in [bucket["Name"] for bucket in session.client("s3").list_buckets()["Buckets"]]
assert session.client("sqs").get_queue_url(QueueName="{QUEUE}")["QueueUrl"].endswith("/{QUEUE}")
"""
    environment = {"USE_LEGACY_PORTS": "1", "LOCALSTACK_HOST": "localhost", "AWS_ENDPOINT_URL": ""} if old_ports else {}
    stack.cloud.run(sys.executable, "-c", script, environment=environment)
