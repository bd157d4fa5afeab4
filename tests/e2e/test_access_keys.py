"""Access keys that were issued here are verified; any other key is the root of an account."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.errors import refusal


@pytest.fixture
def user(cloud, name):
    """A user with a key: (ARN, client maker)."""
    iam = cloud.client("iam")
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return arn, key["AccessKeyId"], key["SecretAccessKey"]


def test_the_right_secret_says_who_calls(cloud, user):
    arn, key, secret = user
    identity = cloud.client("sts", key, secret).get_caller_identity()
    assert (identity["Arn"], identity["Account"]) == (arn, "000000000000")
    cloud.client("s3", key, secret).list_buckets()
    cloud.client("sqs", key, secret).list_queues()


def test_a_wrong_secret_is_refused_by_every_service(cloud, user):
    _, key, _ = user
    assert refusal(cloud.client("sts", key, "wrong").get_caller_identity) == (403, "SignatureDoesNotMatch")
    assert refusal(cloud.client("iam", key, "wrong").list_users) == (403, "SignatureDoesNotMatch")
    assert refusal(cloud.client("s3", key, "wrong").list_buckets) == (403, "SignatureDoesNotMatch")
    assert refusal(cloud.client("sqs", key, "wrong").list_queues)[1] == "InvalidSignatureException"


def test_an_inactive_key_is_refused_until_it_is_active_again(cloud, user, name):
    _, key, secret = user
    iam, sts, s3 = cloud.client("iam"), cloud.client("sts", key, secret), cloud.client("s3", key, secret)
    iam.update_access_key(UserName=name, AccessKeyId=key, Status="Inactive")
    assert refusal(sts.get_caller_identity) == (403, "InvalidClientTokenId")
    assert refusal(s3.list_buckets) == (403, "InvalidAccessKeyId")
    iam.update_access_key(UserName=name, AccessKeyId=key, Status="Active")
    sts.get_caller_identity()


def test_a_deleted_key_is_of_no_use(cloud, user, name):
    _, key, secret = user
    cloud.client("iam").delete_access_key(UserName=name, AccessKeyId=key)
    assert refusal(cloud.client("sts", key, secret).get_caller_identity) == (403, "InvalidClientTokenId")
    assert refusal(cloud.client("s3", key, secret).list_buckets) == (403, "InvalidAccessKeyId")


def test_the_last_use_of_a_key_is_known(cloud, user, name):
    _, key, secret = user
    cloud.client("s3", key, secret, region="eu-west-1").list_buckets()
    used = cloud.client("iam").get_access_key_last_used(AccessKeyId=key)
    assert used["UserName"] == name
    assert (used["AccessKeyLastUsed"]["ServiceName"], used["AccessKeyLastUsed"]["Region"]) == ("s3", "eu-west-1")


def test_any_other_key_is_the_root_of_the_default_account(cloud):
    for key in ("test", "foo", "AKIAIOSFODNN7EXAMPLE"):
        identity = cloud.client("sts", key, "bar").get_caller_identity()
        assert identity["Arn"] == "arn:aws:iam::000000000000:root", key


def test_twelve_digits_name_an_account_with_a_world_of_its_own(cloud, name):
    one, two = "111111111111", "222222222222"
    assert cloud.client("sts", one).get_caller_identity()["Arn"] == f"arn:aws:iam::{one}:root"
    cloud.client("s3", one).create_bucket(Bucket=name)
    assert name not in json.dumps(cloud.client("s3", two).list_buckets(), default=str)
    # Names of buckets are the world's, as on AWS.
    assert refusal(cloud.client("s3", two).create_bucket, Bucket=name) == (409, "BucketAlreadyExists")
    urls = [cloud.client("sqs", account).create_queue(QueueName=name)["QueueUrl"] for account in (one, two)]
    assert urls[0] != urls[1]
    cloud.client("sqs", one).send_message(QueueUrl=urls[0], MessageBody="mine")
    assert "Messages" not in cloud.client("sqs", two).receive_message(QueueUrl=urls[1])
    for account in (one, two):
        arn = cloud.client("iam", account).create_user(UserName=name)["User"]["Arn"]
        assert arn == f"arn:aws:iam::{account}:user/{name}"


def test_regions_are_worlds_of_their_own(cloud, name):
    regions = ("us-east-1", "eu-central-1", "ap-southeast-2")
    clients = [cloud.client("sqs", region=region) for region in regions]
    urls = [client.create_queue(QueueName=name, tags={"n": "1"})["QueueUrl"] for client in clients]
    for client, url, region in zip(clients, urls, regions):
        arn = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        assert arn == f"arn:aws:sqs:{region}:000000000000:{name}"
        client.send_message(QueueUrl=url, MessageBody=region)
    for client, url, region in zip(clients, urls, regions):
        assert [message["Body"] for message in client.receive_message(QueueUrl=url)["Messages"]] == [region]
    # Buckets have a region but are found from all of them; users have none.
    where = {"LocationConstraint": "eu-central-1"}
    cloud.client("s3", region="eu-central-1").create_bucket(Bucket=name, CreateBucketConfiguration=where)
    assert cloud.client("s3").get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-central-1"
    assert cloud.client("s3").head_bucket(Bucket=name)["BucketRegion"] == "eu-central-1"
    cloud.client("iam", region="eu-central-1").create_user(UserName=name)
    cloud.client("iam").get_user(UserName=name)


def test_keys_are_verified_however_many_ask_at_once(cloud, user):
    arn, key, secret = user
    right = cloud.client("sts", key, secret, config={"max_pool_connections": 16})
    wrong = cloud.client("sts", key, "wrong", config={"max_pool_connections": 16})
    with ThreadPoolExecutor(16) as pool:
        asked = [
            pool.submit(right.get_caller_identity) if number % 2 else pool.submit(refusal, wrong.get_caller_identity)
            for number in range(64)
        ]
        answers = [future.result() for future in asked]
    assert all(answer["Arn"] == arn for answer in answers[1::2])
    assert set(answers[::2]) == {(403, "SignatureDoesNotMatch")}


def test_with_validation_unknown_keys_need_the_secret_test(request, clouds):
    cloud = clouds(request, S3_SKIP_SIGNATURE_VALIDATION="0")
    cloud.client("s3", "anything", "test").list_buckets()
    assert refusal(cloud.client("s3", "anything", "else").list_buckets) == (403, "SignatureDoesNotMatch")
