"""Terraform: apply, a second plan without differences, changes in place, destroy."""

import json

import pytest
from botocore.exceptions import ClientError

from support.job_results import drain, objects_of
from support.terraform import Workspace


@pytest.fixture
def workspace(own_cloud, tmp_path):
    return Workspace(own_cloud, tmp_path)


@pytest.mark.slow(seconds=180)
@pytest.mark.parametrize("provider", ["provider_localstack.tf", "provider_endpoints_only.tf"])
def test_a_pipeline_is_built_used_and_removed(own_cloud, workspace, provider):
    workspace.add(provider, "pipeline.tf").init()
    assert "Apply complete! Resources: 4 added, 0 changed, 0 destroyed." in workspace.apply()
    workspace.plan_is_empty()
    region = "us-east-1" if "localstack" in provider else "eu-central-1"
    s3, sqs = own_cloud.client("s3", region=region), own_cloud.client("sqs", region=region)
    outputs = workspace.outputs()
    drain(sqs, outputs["queue_url"])
    for key in ("notes.txt", "date=20200101/metrics.json"):
        s3.put_object(Bucket=outputs["bucket_name"], Key=key, Body=b"{}")
    (message,) = drain(sqs, outputs["queue_url"])
    assert objects_of(message["Body"]) == [("job-results", "date=20200101/metrics.json")]
    # The bucket is not empty; force_destroy empties it.
    assert "Destroy complete! Resources: 4 destroyed." in workspace.destroy()
    assert s3.list_buckets()["Buckets"] == [] and "QueueUrls" not in sqs.list_queues()


@pytest.mark.slow(seconds=190)
def test_a_bucket_with_everything(own_cloud, workspace):
    (workspace.directory / "file.bin").write_bytes(bytes(range(256)) * 4096)
    workspace.add("provider_localstack.tf", "buckets.tf").init()
    assert "Resources: 15 added" in workspace.apply()
    workspace.plan_is_empty()
    outputs, s3 = workspace.outputs(), own_cloud.client("s3")
    found = s3.get_object(Bucket=outputs["bucket"], Key="inline/hällo world.txt")
    assert found["Body"].read() == b"hello" and found["ContentType"] == "text/plain"
    assert found["Metadata"] == {"author": "terraform"}
    assert s3.head_object(Bucket=outputs["site"], Key="index.html")["ContentLength"] == 1 << 20
    policy = json.loads(s3.get_bucket_policy(Bucket=outputs["bucket"])["Policy"])
    assert policy["Statement"][0]["Sid"] == "OnlyFromHere"
    rules = s3.get_bucket_lifecycle_configuration(Bucket=outputs["bucket"])["Rules"]
    assert {rule["ID"]: rule.get("Expiration", {}).get("Days") for rule in rules} == {"logs": 30, "uploads": None}
    (workspace.directory / "file.bin").write_bytes(b"changed")
    assert "0 added, 2 changed, 0 destroyed" in workspace.apply(max_age="60")
    assert s3.get_bucket_cors(Bucket=outputs["bucket"])["CORSRules"][0]["MaxAgeSeconds"] == 60
    assert s3.get_object(Bucket=outputs["bucket"], Key="file.bin")["Body"].read() == b"changed"
    assert len(s3.list_object_versions(Bucket=outputs["bucket"], Prefix="file.bin")["Versions"]) == 2
    workspace.plan_is_empty(max_age="60")
    assert "Destroy complete!" in workspace.destroy()
    assert s3.list_buckets()["Buckets"] == []


@pytest.mark.slow(seconds=300)
def test_queues_with_dead_letters_and_order(own_cloud, workspace):
    workspace.add("provider_localstack.tf", "queues.tf").init()
    assert "Resources: 5 added" in workspace.apply()
    workspace.plan_is_empty()
    outputs, sqs = workspace.outputs(), own_cloud.client("sqs")
    assert "0 added, 1 changed, 0 destroyed" in workspace.apply(delay="0")
    workspace.plan_is_empty(delay="0")
    sqs.send_message(QueueUrl=outputs["main"], MessageBody="poison")
    for _ in range(2):
        (message,) = sqs.receive_message(QueueUrl=outputs["main"], WaitTimeSeconds=0)["Messages"]
        sqs.change_message_visibility(
            QueueUrl=outputs["main"], ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )
    assert "Messages" not in sqs.receive_message(QueueUrl=outputs["main"], WaitTimeSeconds=0)
    assert [message["Body"] for message in drain(sqs, outputs["dead"])] == ["poison"]
    for number in range(3):
        sqs.send_message(QueueUrl=outputs["ordered"], MessageBody=str(number), MessageGroupId="g")
    assert [message["Body"] for message in drain(sqs, outputs["ordered"])] == ["0", "1", "2"]
    assert "Resources: 5 destroyed." in workspace.destroy(delay="0")
    assert "QueueUrls" not in sqs.list_queues()


@pytest.mark.slow(seconds=120)
def test_users_roles_and_policies(own_cloud, workspace):
    workspace.add("provider_localstack.tf", "identities.tf").init()
    assert "Resources: 13 added" in workspace.apply()
    workspace.plan_is_empty()
    outputs = workspace.outputs()
    # The key that Terraform made works.
    sts = own_cloud.client("sts", outputs["key"], outputs["secret"])
    assert sts.get_caller_identity()["Arn"] == outputs["user"] == "arn:aws:iam::000000000000:user/people/developer"
    session = sts.assume_role(RoleArn=outputs["role"], RoleSessionName="me", DurationSeconds=7200)["Credentials"]
    assumed = own_cloud.client("sts", session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
    assert assumed.get_caller_identity()["Arn"] == "arn:aws:sts::000000000000:assumed-role/worker/me"
    iam = own_cloud.client("iam")
    attached = iam.list_attached_role_policies(RoleName="worker")["AttachedPolicies"]
    assert sorted(policy["PolicyName"] for policy in attached) == ["AWSLambdaBasicExecutionRole", "read-results"]
    assert "Resources: 13 destroyed." in workspace.destroy()
    assert iam.list_users()["Users"] == [] and iam.list_instance_profiles()["InstanceProfiles"] == []
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_role(RoleName="worker")


@pytest.mark.slow(seconds=40)
def test_a_provider_that_skips_nothing_learns_who_it_is(own_cloud, workspace):
    workspace.add("provider_endpoints_only.tf", "account.tf").init()
    workspace.apply()
    assert workspace.outputs() == {
        "account": "000000000000",
        "arn": "arn:aws:iam::000000000000:root",
        "region": "eu-central-1",
    }


@pytest.mark.slow(seconds=90)
def test_tflocal_needs_no_provider_configuration(own_cloud, tmp_path):
    workspace = Workspace(own_cloud, tmp_path, "tflocal").add("account.tf")
    workspace.write("main.tf", 'resource "aws_s3_bucket" "it" {\n  bucket = "made-by-tflocal"\n}\n')
    # The name that tflocal gives S3 by default needs DNS.
    workspace.environment |= {"S3_HOSTNAME": "127.0.0.1", "DISABLE_DEPRECATION_NOTICE": "1"}
    workspace.init()
    assert "Resources: 1 added" in workspace.apply()
    assert workspace.outputs()["account"] == "000000000000"
    assert [bucket["Name"] for bucket in own_cloud.client("s3").list_buckets()["Buckets"]] == ["made-by-tflocal"]
    assert "Resources: 1 destroyed." in workspace.destroy()


@pytest.mark.slow(seconds=120)
def test_an_organization_with_an_account_and_a_policy(own_cloud, workspace):
    workspace.add("provider_localstack.tf", "organization.tf").init()
    assert "Apply complete! Resources: 5 added" in workspace.apply()
    workspace.plan_is_empty()
    organizations = own_cloud.client("organizations")
    account = organizations.describe_account(AccountId=workspace.outputs()["account"])["Account"]
    assert (account["Name"], account["Status"]) == ("prod", "ACTIVE")
    assert "Destroy complete! Resources: 5 destroyed." in workspace.destroy()
    with pytest.raises(ClientError, match="Your account is not a member of an organization."):
        organizations.describe_organization()
