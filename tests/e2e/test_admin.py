"""What the server tells about itself, and what it can be told."""

import json

import pytest

from support.job_results import drain

SECRET = "this must not be shown anywhere"


def test_health_is_as_tools_expect_it(cloud, s3):
    s3.list_buckets()
    health = cloud.get("/_localstack/health").json()
    assert health["edition"] == "community" and health["version"]
    assert health["services"]["s3"] == "running" and set(health["services"].values()) <= {"available", "running"}
    assert cloud.get("/health").status == 200


def test_info_tells_the_version_and_the_session(cloud):
    info = cloud.get("/_localstack/info").json()
    assert info["version"] and info["session_id"] and info["machine_id"].startswith("gen_")
    assert info["is_docker"] is False and isinstance(info["uptime"], int)


def test_a_reset_is_done_when_it_answers(own_cloud):
    s3, sqs, iam = (own_cloud.client(service) for service in ("s3", "sqs", "iam"))

    def fill():
        s3.create_bucket(Bucket="reset")
        s3.put_object(Bucket="reset", Key="k", Body=b"x" * 200_000)
        sqs.send_message(QueueUrl=sqs.create_queue(QueueName="reset")["QueueUrl"], MessageBody="x")
        iam.create_user(UserName="reset")

    def left():
        users = [user["UserName"] for user in iam.list_users()["Users"]]
        return len(s3.list_buckets()["Buckets"]), len(sqs.list_queues().get("QueueUrls", [])), len(users)

    fill()
    assert own_cloud.post("/_localstack/state/sqs/reset").status == 200
    assert left() == (1, 0, 1)
    assert own_cloud.post("/_localstack/state/reset").status == 200
    assert left() == (0, 0, 0)
    fill()
    own_cloud.restart()
    assert left() == (1, 1, 1)
    assert own_cloud.post("/_localstack/state/nothing/reset").status == 404


def test_messages_can_be_looked_at_without_receiving_them(cloud, sqs, queue, name):
    for body in ("one", "two"):
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    answer = cloud.get(f"/_aws/sqs/messages/us-east-1/000000000000/{name}", headers={"accept": "application/json"})
    seen = answer.json()["ReceiveMessageResponse"]["ReceiveMessageResult"]["Message"]
    assert [message["Body"] for message in seen] == ["one", "two"]
    by_url = cloud.get(f"/_aws/sqs/messages?QueueUrl={queue}")
    assert "<Body>one</Body>" in by_url.text
    received = drain(sqs, queue)
    assert [message["Body"] for message in received] == ["one", "two"]
    assert {message["Attributes"]["ApproximateReceiveCount"] for message in received} == {"1"}


def test_requests_are_remembered_without_their_secrets(cloud, s3, sqs, queue, name):
    iam = cloud.client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    iam.create_login_profile(UserName=name, Password=f"{SECRET} 1Aa!")
    sqs.send_message(QueueUrl=queue, MessageBody="hello")
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.list_objects_v2(Bucket=f"{name}-none")
    told = cloud.get("/_cloudtwin/requests?limit=1000")
    assert SECRET not in told.text and key["SecretAccessKey"] not in told.text
    newest = told.json()["requests"][0]
    assert (newest["service"], newest["operation"], newest["status"]) == ("s3", "ListObjectsV2", 404)
    assert newest["error"] == "NoSuchBucket" and newest["caller"] == "arn:aws:iam::000000000000:root"
    sent = cloud.get("/_cloudtwin/requests?service=sqs&operation=SendMessage").json()["requests"][0]
    assert sent["status"] == 200 and sent["region"] == "us-east-1"
    assert cloud.get("/_cloudtwin/requests?status=404&limit=1").json()["requests"][0]["request_id"] == newest["request_id"]
    assert cloud.get("/_cloudtwin/requests?colour=red").status == 400
    assert SECRET not in cloud.log() and key["SecretAccessKey"] not in cloud.log()


def test_a_notification_shows_up_as_a_request_of_s3(cloud, s3, sqs, bucket, queue, name):
    arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"
    configuration = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    sent = cloud.get("/_cloudtwin/requests?service=sqs&operation=SendMessage").json()["requests"][0]
    assert sent["via"] == "s3.amazonaws.com" and sent["status"] == 200


def test_the_clock_goes_forward_for_everybody(own_cloud):
    sqs = own_cloud.client("sqs")
    url = sqs.create_queue(QueueName="clock")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=900)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    assert own_cloud.advance_clock(900)["offset_seconds"] == 900
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "later"
    for wrong in ({"advance_seconds": -1}, {"set": "noon"}, {}, []):
        assert own_cloud.post("/_cloudtwin/clock", json.dumps(wrong)).status == 400


def test_somebody_who_waits_for_a_message_is_woken(own_cloud):
    """Long polling: the answer comes with the message, and with the clock."""
    import threading

    sqs = own_cloud.client("sqs")
    url = sqs.create_queue(QueueName="long")["QueueUrl"]
    received = []

    def wait():
        received.append(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20).get("Messages"))

    waiting = threading.Thread(target=wait)
    waiting.start()
    own_cloud.client("sqs").send_message(QueueUrl=url, MessageBody="wake up")
    waiting.join(15)
    assert not waiting.is_alive() and received[0][0]["Body"] == "wake up"


def test_a_server_that_is_told_to_stop_answers_first(request, clouds):
    cloud = clouds(request)
    assert cloud.post("/_localstack/health", b'{"action":"kill"}').status == 200
    assert cloud.process.wait(30) == 0
    cloud.process.stdout.close()
    cloud.process = None
