"""What was acknowledged is still there when the server comes back, however it ended."""

import hashlib
import random

import pytest
from botocore.exceptions import ClientError

from support.job_results import drain

BIG = random.Random(1).randbytes(20 << 20)
SMALL = b"a few bytes"


@pytest.fixture(params=["SIGTERM", "SIGKILL"])
def come_back(request, own_cloud):
    def end_and_start():
        own_cloud.stop() if request.param == "SIGTERM" else own_cloud.kill()
        own_cloud.start()

    return end_and_start


def test_objects_come_back(own_cloud, come_back):
    s3 = own_cloud.client("s3")
    s3.create_bucket(Bucket="kept")
    s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket="kept", Key="small", Body=b"older")["VersionId"]
    s3.put_object(
        Bucket="kept", Key="small", Body=SMALL, ContentType="text/x-kept", Metadata={"who": "me"}, Tagging="a=b"
    )
    s3.put_object(Bucket="kept", Key="big", Body=BIG)
    upload = s3.create_multipart_upload(Bucket="kept", Key="parts")["UploadId"]
    part = {"Bucket": "kept", "Key": "parts", "UploadId": upload}
    etags = [s3.upload_part(**part, PartNumber=1, Body=BIG[: 6 << 20])["ETag"]]
    come_back()
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["kept"]
    small = s3.get_object(Bucket="kept", Key="small")
    assert small["Body"].read() == SMALL and small["ContentType"] == "text/x-kept"
    assert small["Metadata"] == {"who": "me"} and small["TagCount"] == 1
    assert s3.get_object(Bucket="kept", Key="small", VersionId=first)["Body"].read() == b"older"
    big = s3.get_object(Bucket="kept", Key="big")["Body"].read()
    assert hashlib.sha256(big).digest() == hashlib.sha256(BIG).digest()
    # The upload that was under way goes on.
    etags.append(s3.upload_part(**part, PartNumber=2, Body=b"end")["ETag"])
    parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
    s3.complete_multipart_upload(**part, MultipartUpload={"Parts": parts})
    assert s3.head_object(Bucket="kept", Key="parts")["ContentLength"] == (6 << 20) + 3


def test_messages_come_back_and_those_in_flight_stay_there(own_cloud, come_back):
    sqs = own_cloud.client("sqs")
    url = sqs.create_queue(QueueName="work", Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
    for number in range(5):
        sqs.send_message(QueueUrl=url, MessageBody=f"message {number}")
    delayed = sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=900)["MessageId"]
    taken = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=2)["Messages"]
    come_back()
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert [attributes[name] for name in names] == [str(5 - len(taken)), str(len(taken)), "1"]
    # Who had received a message before can still acknowledge it.
    sqs.delete_message(QueueUrl=url, ReceiptHandle=taken[0]["ReceiptHandle"])
    waiting = {message["Body"] for message in drain(sqs, url)}
    assert len(waiting) == 5 - len(taken) and not waiting & {message["Body"] for message in taken}
    own_cloud.advance_clock(601)
    again = drain(sqs, url)
    assert {message["Body"] for message in again} == {message["Body"] for message in taken[1:]}
    assert all(message["Attributes"]["ApproximateReceiveCount"] == "2" for message in again)
    own_cloud.advance_clock(300)
    assert [message["MessageId"] for message in drain(sqs, url)] == [delayed]


def test_fifo_queues_remember_what_they_have_seen(own_cloud, come_back):
    sqs = own_cloud.client("sqs")
    url = sqs.create_queue(QueueName="work.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    send = {"QueueUrl": url, "MessageBody": "once", "MessageGroupId": "g", "MessageDeduplicationId": "d"}
    first = sqs.send_message(**send)
    come_back()
    assert sqs.send_message(**send)["MessageId"] == first["MessageId"]
    sqs.send_message(**{**send, "MessageBody": "twice", "MessageDeduplicationId": "e"})
    assert [message["Body"] for message in drain(sqs, url)] == ["once", "twice"]


def test_users_and_their_keys_come_back(own_cloud, come_back):
    iam = own_cloud.client("iam")
    arn = iam.create_user(UserName="kept")["User"]["Arn"]
    key = iam.create_access_key(UserName="kept")["AccessKey"]
    trust = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}'
    role = iam.create_role(RoleName="kept", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    session = own_cloud.client("sts").assume_role(RoleArn=role, RoleSessionName="story")["Credentials"]
    come_back()
    assert iam.get_user(UserName="kept")["User"]["Arn"] == arn
    sts = own_cloud.client("sts", key["AccessKeyId"], key["SecretAccessKey"])
    assert sts.get_caller_identity()["Arn"] == arn
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        own_cloud.client("sts", key["AccessKeyId"], "wrong").get_caller_identity()
    assumed = own_cloud.client(
        "sts", session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"]
    ).get_caller_identity()
    assert assumed["Arn"].endswith(":assumed-role/kept/story")


def test_notifications_go_on(own_cloud, come_back):
    s3, sqs = own_cloud.client("s3"), own_cloud.client("sqs")
    s3.create_bucket(Bucket="kept")
    url = sqs.create_queue(QueueName="kept")["QueueUrl"]
    configuration = {
        "QueueConfigurations": [
            {"QueueArn": "arn:aws:sqs:us-east-1:000000000000:kept", "Events": ["s3:ObjectCreated:*"]}
        ]
    }
    s3.put_bucket_notification_configuration(Bucket="kept", NotificationConfiguration=configuration)
    sqs.purge_queue(QueueUrl=url)
    come_back()
    s3.put_object(Bucket="kept", Key="after", Body=b"")
    (message,) = drain(sqs, url)
    assert '"key":"after"' in message["Body"]


def test_without_persistence_nothing_comes_back(request, clouds):
    cloud = clouds(request, "--ephemeral")
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="gone")
    s3.put_object(Bucket="gone", Key="big", Body=BIG)
    cloud.restart()
    assert s3.list_buckets()["Buckets"] == []
