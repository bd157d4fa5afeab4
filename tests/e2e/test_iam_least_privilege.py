"""Soft mode and a generated policy: the same `terraform apply`, with nothing more than it needs."""

import json

import pytest

from support.cloud import binary
from support.terraform import Workspace

DEPLOYER = "arn:aws:iam::000000000000:user/deployer"


@pytest.mark.slow(seconds=240)
def test_a_stack_is_applied_with_the_policy_that_its_first_apply_wrote(clouds, request, tmp_path):
    cloud = clouds(request, IAM_SOFT_MODE=1)
    iam = cloud.client("iam")
    iam.create_user(UserName="deployer")
    key = iam.create_access_key(UserName="deployer")["AccessKey"]
    workspace = Workspace(cloud, tmp_path).add("provider_endpoints_only.tf", "least_privilege.tf").init()
    access = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    workspace.environment |= access

    assert "Resources: 7 added" in workspace.apply()
    assert "Resources: 7 destroyed" in workspace.destroy()
    file = tmp_path / "policy.json"
    command = (binary(), "iam", "generate", "--principal", DEPLOYER, "--output", file, "--data-dir", cloud.data_dir)
    cloud.run(*command)
    statements = json.loads(file.read_text())["Statement"]
    passed = [statement for statement in statements if statement["Action"] == "iam:PassRole"]
    assert [statement["Condition"] for statement in passed] == [
        {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
    ]
    # The bucket's name ends in what Terraform makes up for every apply.
    create = [statement for statement in statements if "s3:CreateBucket" in statement["Action"]]
    assert [statement["Resource"] for statement in create] == ["arn:aws:s3:::least-*"]

    cloud.post("/_aws/iam/config", json.dumps({"state": "ENFORCED"}))
    assert "403" in workspace.run("apply", "-auto-approve", "-input=false", "-no-color", status=1).stderr
    iam.put_user_policy(UserName="deployer", PolicyName="generated", PolicyDocument=file.read_text())
    assert "Apply complete!" in workspace.apply()
    workspace.plan_is_empty()
    assert "Destroy complete!" in workspace.destroy()
    denied = cloud.get(f"/_cloudtwin/decisions?allowed=false&principal={DEPLOYER}&limit=1").json()["decisions"]
    # Those of the refused apply; nothing since the policy is there.
    assert all(decision["permissions"][0]["explanation"]["layers"][0]["policies"] == [] for decision in denied)
