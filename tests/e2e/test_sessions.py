"""Credentials for a while: roles are assumed, tokens are checked, time ends them."""

import json

import pytest

from support.errors import refusal

TRUST_EVERYBODY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    }
)


@pytest.fixture
def role(cloud, name):
    role = cloud.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=TRUST_EVERYBODY)["Role"]
    return role["Arn"]


def client(cloud, service, credentials, **changed):
    session = {**credentials, **changed}
    return cloud.client(service, session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])


def test_an_assumed_role_is_who_calls(cloud, role, name):
    answer = cloud.client("sts").assume_role(RoleArn=role, RoleSessionName="story")
    expected = f"arn:aws:sts::000000000000:assumed-role/{name}/story"
    assert answer["AssumedRoleUser"]["Arn"] == expected
    assert answer["Credentials"]["AccessKeyId"].startswith(("ASIA", "LSIA"))
    assert client(cloud, "sts", answer["Credentials"]).get_caller_identity()["Arn"] == expected
    s3 = client(cloud, "s3", answer["Credentials"])
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="key", Body=b"by a role")
    assert s3.get_object(Bucket=name, Key="key")["Body"].read() == b"by a role"
    client(cloud, "sqs", answer["Credentials"]).create_queue(QueueName=name)


def test_token_key_and_secret_belong_together(cloud, role):
    sts = cloud.client("sts")
    mine, other = (
        sts.assume_role(RoleArn=role, RoleSessionName=session)["Credentials"] for session in ("mine", "other")
    )
    for token, s3_code in (("no-token-at-all", "InvalidToken"), (other["SessionToken"], "InvalidToken")):
        wrong = {"SessionToken": token}
        assert refusal(client(cloud, "sts", mine, **wrong).get_caller_identity) == (403, "InvalidClientTokenId")
        assert refusal(client(cloud, "s3", mine, **wrong).list_buckets) == (400, s3_code)
    missing = client(cloud, "sts", mine, SessionToken=None)
    assert refusal(missing.get_caller_identity) == (403, "InvalidClientTokenId")
    forged = client(cloud, "sts", mine, SecretAccessKey=other["SecretAccessKey"])
    assert refusal(forged.get_caller_identity) == (403, "SignatureDoesNotMatch")


def test_a_session_ends_when_its_time_is_over(request, clouds):
    cloud = clouds(request)
    arn = cloud.client("iam").create_role(RoleName="brief", AssumeRolePolicyDocument=TRUST_EVERYBODY)["Role"]["Arn"]
    session = cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName="story", DurationSeconds=900)["Credentials"]
    # A client's clock may differ by up to a quarter of an hour, just as long as the session.
    cloud.advance_clock(890)
    client(cloud, "sts", session).get_caller_identity()
    cloud.advance_clock(11)
    assert refusal(client(cloud, "sts", session).get_caller_identity) == (403, "ExpiredToken")
    assert refusal(client(cloud, "s3", session).list_buckets) in [(400, "ExpiredToken"), (403, "RequestTimeTooSkewed")]


def test_a_role_that_does_not_exist_can_be_assumed_until_policies_are_enforced(cloud):
    """As LocalStack's users expect; AWS refuses."""
    arn = "arn:aws:iam::000000000000:role/no-such-role"
    session = cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName="story")
    assert session["AssumedRoleUser"]["Arn"] == "arn:aws:sts::000000000000:assumed-role/no-such-role/story"


def test_the_cli_assumes_a_role_through_its_profile(cloud, role, name):
    config = cloud.home / ".aws" / "config"
    config.parent.mkdir(exist_ok=True)
    config.write_text(
        f"[profile base]\naws_access_key_id = test\naws_secret_access_key = test\n"
        f"[profile worker]\nrole_arn = {role}\nsource_profile = base\nrole_session_name = from-cli\n"
    )
    environment = {"AWS_PROFILE": "worker", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    identity = cloud.aws("sts", "get-caller-identity", environment=environment)
    assert identity["Arn"] == f"arn:aws:sts::000000000000:assumed-role/{name}/from-cli"


def test_a_session_token_of_a_user_is_the_user(cloud, name):
    iam = cloud.client("iam")
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    key = iam.create_access_key(UserName=name)["AccessKey"]
    session = cloud.client("sts", key["AccessKeyId"], key["SecretAccessKey"]).get_session_token()["Credentials"]
    assert client(cloud, "sts", session).get_caller_identity()["Arn"] == arn
