"""The same pipeline in a shell script: with the AWS CLI and with awslocal."""

import json

import pytest

SET_UP = """
set -eu
{aws} s3api create-bucket --bucket job-results --region eu-central-1
{aws} sqs create-queue --queue-name job-queue --region eu-central-1 \
    --attributes MaximumMessageSize=4096,MessageRetentionPeriod=345600,VisibilityTimeout=30
"""


@pytest.fixture(params=["aws", "awslocal"])
def shell(request, clouds):
    """Runs scripts with either way to reach the cloud."""
    cloud = clouds(request, name=request.param)
    # Neither the script nor the user needs more than keys.
    environment = {"AWS_DEFAULT_REGION": "eu-central-1", "DISABLE_DEPRECATION_NOTICE": "1"}
    # Version 1 of the CLI heeds AWS_ENDPOINT_URL for S3, but not for SQS.
    aws = f"aws --endpoint-url={cloud.url}" if request.param == "aws" else request.param

    def run(script, **options):
        done = cloud.run("bash", "-c", script.replace("{aws}", aws), environment=environment, **options)
        return done.stdout

    return run


def test_a_job_writes_and_a_script_drains(shell, tmp_path):
    shell(SET_UP)
    (tmp_path / "metrics.json").write_text('{"images": 7}')
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / "notification.json").write_text(
        json.dumps(
            {
                "QueueConfigurations": [
                    {
                        "QueueArn": "arn:aws:sqs:eu-central-1:000000000000:job-queue",
                        "Events": ["s3:ObjectCreated:*"],
                        "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".json"}]}},
                    }
                ]
            }
        )
    )
    shell(
        """
        set -eu
        {aws} s3api put-bucket-notification-configuration --bucket job-results \
            --notification-configuration file://notification.json
        url=$({aws} sqs get-queue-url --queue-name job-queue --query QueueUrl --output text)
        {aws} sqs purge-queue --queue-url "$url"
        {aws} s3 cp metrics.json s3://job-results/date=20200101/metrics.json
        {aws} s3 cp notes.txt s3://job-results/notes.txt
        """,
        cwd=tmp_path,
    )
    received = shell(
        """
        set -eu
        url=$({aws} sqs get-queue-url --queue-name job-queue --query QueueUrl --output text)
        {aws} sqs receive-message --queue-url "$url" --max-number-of-messages 10 --output json > received.json
        handle=$(python3 -c 'import json; print(json.load(open("received.json"))["Messages"][0]["ReceiptHandle"])')
        {aws} sqs delete-message --queue-url "$url" --receipt-handle "$handle"
        cat received.json
        """,
        cwd=tmp_path,
    )
    (message,) = json.loads(received)["Messages"]
    (record,) = json.loads(message["Body"])["Records"]
    assert record["awsRegion"] == "eu-central-1"
    key = record["s3"]["object"]["key"].replace("%3D", "=")
    assert shell(f"{{aws}} s3 cp s3://job-results/{key} -") == '{"images": 7}'
    listed = shell("{aws} s3 ls s3://job-results --recursive")
    assert [line.split()[-1] for line in listed.splitlines()] == ["date=20200101/metrics.json", "notes.txt"]
    counts = shell(
        """
        url=$({aws} sqs get-queue-url --queue-name job-queue --query QueueUrl --output text)
        {aws} sqs get-queue-attributes --queue-url "$url" --attribute-names All --query Attributes --output json
        """
    )
    attributes = json.loads(counts)
    assert attributes["ApproximateNumberOfMessages"] == attributes["ApproximateNumberOfMessagesNotVisible"] == "0"
    assert attributes["MaximumMessageSize"] == "4096" and attributes["VisibilityTimeout"] == "30"


def test_mistakes_are_told_as_aws_tells_them(cloud):
    done = cloud.run("aws", "s3", "cp", "s3://no-such-bucket/key", "-", status=1)
    assert "An error occurred (404) when calling the HeadObject operation: Not Found" in done.stderr
    done = cloud.run("aws", "s3", "ls", "s3://no-such-bucket", status=None)
    assert "(NoSuchBucket) when calling the ListObjectsV2 operation: The specified bucket does not exist" in done.stderr
    done = cloud.run(
        "aws", "--endpoint-url", cloud.url, "sqs", "get-queue-url", "--queue-name", "none", status=None
    )
    assert "(AWS.SimpleQueueService.NonExistentQueue) when calling the GetQueueUrl operation" in done.stderr
    cloud.aws("s3", "mb", "s3://taken")
    done = cloud.run("aws", "s3", "mb", "s3://Not_A_Name", status=1)
    assert "make_bucket failed: s3://Not_A_Name" in done.stderr


def test_a_directory_is_synchronised_both_ways(cloud, tmp_path):
    local, back = tmp_path / "local", tmp_path / "back"
    for name in ("a.txt", "deep/er/b.txt", "with space & ünïcode.txt"):
        path = local / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    cloud.aws("s3", "mb", "s3://mirror")
    cloud.aws("s3", "sync", local, "s3://mirror/x")
    cloud.aws("s3", "sync", "s3://mirror/x", back)
    found = {str(path.relative_to(back)): path.read_text() for path in back.rglob("*") if path.is_file()}
    assert found == {name: name for name in ("a.txt", "deep/er/b.txt", "with space & ünïcode.txt")}
    assert cloud.aws("s3", "sync", local, "s3://mirror/x") == ""
    (local / "a.txt").unlink()
    cloud.aws("s3", "sync", "--delete", local, "s3://mirror/x")
    listed = cloud.aws("s3api", "list-objects-v2", "--bucket", "mirror", "--prefix", "x/a")
    assert "Contents" not in (listed or {})
    cloud.aws("s3", "rb", "--force", "s3://mirror")
