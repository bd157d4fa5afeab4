"""Organizations with boto3: a tree of accounts, and what policies are attached to it."""

import json

import pytest
from botocore.exceptions import ClientError

NO_BUCKETS = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "NoBuckets", "Effect": "Deny", "Action": "s3:CreateBucket", "Resource": "*"}],
    }
)


@pytest.fixture
def organizations(own_cloud):
    client = own_cloud.client("organizations")
    client.create_organization(FeatureSet="ALL")
    return client


@pytest.fixture
def root(organizations):
    return organizations.list_roots()["Roots"][0]["Id"]


def new_account(organizations, name):
    status = organizations.create_account(AccountName=name, Email=f"{name}@corp.test")["CreateAccountStatus"]
    status = organizations.describe_create_account_status(CreateAccountRequestId=status["Id"])
    assert status["CreateAccountStatus"]["State"] == "SUCCEEDED"
    return status["CreateAccountStatus"]["AccountId"]


def test_the_management_account_enters_an_account_that_it_created(own_cloud, organizations):
    account = new_account(organizations, "dev")
    role = f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole"
    session = own_cloud.client("sts").assume_role(RoleArn=role, RoleSessionName="setup")["Credentials"]
    keys = session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"]
    assert own_cloud.client("sts", *keys).get_caller_identity()["Account"] == account
    member = own_cloud.client("organizations", *keys)
    described = member.describe_organization()["Organization"]
    assert described["MasterAccountId"] == "000000000000"
    with pytest.raises(member.exceptions.AccessDeniedException):
        member.list_accounts()


def test_policies_are_attached_to_a_tree(organizations, root):
    unit = organizations.create_organizational_unit(ParentId=root, Name="workloads")["OrganizationalUnit"]
    account = new_account(organizations, "prod")
    organizations.move_account(AccountId=account, SourceParentId=root, DestinationParentId=unit["Id"])
    organizations.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
    policy = organizations.create_policy(
        Name="no-buckets", Description="", Type="SERVICE_CONTROL_POLICY", Content=NO_BUCKETS
    )["Policy"]
    policy_id = policy["PolicySummary"]["Id"]
    assert policy["Content"] == NO_BUCKETS
    organizations.attach_policy(PolicyId=policy_id, TargetId=unit["Id"])
    attached = organizations.list_policies_for_target(TargetId=unit["Id"], Filter="SERVICE_CONTROL_POLICY")
    assert {one["Name"] for one in attached["Policies"]} == {"FullAWSAccess", "no-buckets"}
    with pytest.raises(organizations.exceptions.PolicyInUseException):
        organizations.delete_policy(PolicyId=policy_id)
    with pytest.raises(organizations.exceptions.ConstraintViolationException) as last:
        organizations.detach_policy(PolicyId="p-FullAWSAccess", TargetId=account)
    assert last.value.response["Reason"] == "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED"
    with pytest.raises(organizations.exceptions.MalformedPolicyDocumentException):
        organizations.update_policy(PolicyId=policy_id, Content="{}")


def test_pages_go_through_the_paginator(organizations):
    accounts = {new_account(organizations, f"a{number}") for number in range(5)}
    pages = organizations.get_paginator("list_accounts").paginate(PaginationConfig={"PageSize": 2})
    assert {account["Id"] for page in pages for account in page["Accounts"]} == accounts | {"000000000000"}


def test_an_organization_survives_a_restart(own_cloud, organizations):
    account = new_account(organizations, "kept")
    own_cloud.restart()
    organizations = own_cloud.client("organizations")
    assert organizations.describe_account(AccountId=account)["Account"]["Name"] == "kept"
    with pytest.raises(ClientError, match="must first remove all member accounts"):
        organizations.delete_organization()
    organizations.remove_account_from_organization(AccountId=account)
    organizations.delete_organization()
