"""Scripts that set up the cloud before anybody uses it."""

import json
import textwrap

import pytest


@pytest.fixture
def hooks(request, clouds, tmp_path):
    """Writes scripts, and starts a cloud that runs them."""

    def write(name, text):
        path = tmp_path / "init" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip())
        path.chmod(0o755)

    def start(**environment):
        return clouds(request, "--init-dir", str(tmp_path / "init"), **environment)

    write.start = start
    return write


def test_what_a_ready_script_makes_is_there_when_the_server_is_ready(hooks):
    hooks(
        "ready.d/resources.sh",
        """
        #!/bin/bash
        set -eu
        awslocal s3api create-bucket --bucket bucket-name --region eu-central-1
        awslocal sqs create-queue --queue-name queue-name --region eu-central-1 \\
            --attributes MaximumMessageSize=4096,MessageRetentionPeriod=345600,VisibilityTimeout=30
        """,
    )
    cloud = hooks.start()
    assert [bucket["Name"] for bucket in cloud.client("s3").list_buckets()["Buckets"]] == ["bucket-name"]
    sqs = cloud.client("sqs", region="eu-central-1")
    attributes = sqs.get_queue_attributes(
        QueueUrl=sqs.get_queue_url(QueueName="queue-name")["QueueUrl"], AttributeNames=["All"]
    )["Attributes"]
    assert (attributes["MaximumMessageSize"], attributes["VisibilityTimeout"]) == ("4096", "30")
    assert cloud.get("/_localstack/init").json() == {
        "completed": {"BOOT": True, "START": True, "READY": True, "SHUTDOWN": False},
        "scripts": [{"stage": "READY", "name": "resources.sh", "state": "SUCCESSFUL"}],
    }


def test_python_scripts_use_boto3(hooks):
    hooks(
        "ready.d/resources.py",
        """
        import boto3

        # Where the cloud is and who asks comes from the environment.
        boto3.client("s3").create_bucket(Bucket="by-python")
        """,
    )
    cloud = hooks.start()
    cloud.client("s3").head_bucket(Bucket="by-python")


def test_stages_and_scripts_run_in_their_order(hooks, tmp_path):
    notes = tmp_path / "notes"
    for name in ("shutdown.d/1.sh", "ready.d/2.sh", "ready.d/10.sh", "ready.d/a/1.sh", "boot.d/1.sh", "start.d/1.sh"):
        hooks(name, f"#!/bin/sh\necho {name} >> {notes}\n")
    cloud = hooks.start()
    expected = ["boot.d/1.sh", "start.d/1.sh", "ready.d/10.sh", "ready.d/2.sh", "ready.d/a/1.sh"]
    assert notes.read_text().split() == expected
    cloud.stop()
    assert notes.read_text().split() == [*expected, "shutdown.d/1.sh"]
    cloud.start()


def test_a_script_that_fails_is_seen_and_the_others_run(hooks):
    hooks("ready.d/1.sh", "#!/bin/sh\necho this went wrong\nexit 7\n")
    hooks("ready.d/2.sh", "#!/bin/sh\nexit 0\n")
    cloud = hooks.start()
    states = [script["state"] for script in cloud.get("/_localstack/init/ready").json()["scripts"]]
    assert states == ["ERROR", "SUCCESSFUL"]
    assert "this went wrong" in cloud.log() and "exit status: 7" in cloud.log()


def test_a_script_that_hangs_is_ended_with_all_that_it_started(hooks):
    # The fixture makes sure that neither `sleep` is left.
    hooks("ready.d/hang.sh", "#!/bin/sh\nsleep 1000 &\nsleep 1000\n")
    cloud = hooks.start(INIT_SCRIPT_TIMEOUT="1")
    assert cloud.get("/_localstack/init/ready").json()["scripts"][0]["state"] == "ERROR"
    assert json.loads(cloud.get("/_localstack/health").body)["services"]
