"""IAM as it is enforced, explained and cut down to what is needed; as a newcomer follows the guide."""

import itertools
import json
import subprocess
import threading

import pytest
from botocore.exceptions import ClientError

from support.cloud import LIMIT, binary
from support.errors import refusal
from support.waiting import eventually

ACCOUNT = "000000000000"
USER = f"arn:aws:iam::{ACCOUNT}:user/test"
TRUST = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
})


def policy(*actions, effect="Allow", sid=None, resource="*"):
    statement = {"Effect": effect, "Action": list(actions), "Resource": resource} | ({"Sid": sid} if sid else {})
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class User:
    """An IAM user with an access key, and clients that use it."""

    def __init__(self, cloud, name="test"):
        self.cloud, self.name, self.iam = cloud, name, cloud.client("iam")
        self.arn = self.iam.create_user(UserName=name)["User"]["Arn"]
        self.key = self.iam.create_access_key(UserName=name)["AccessKey"]

    def client(self, service):
        return self.cloud.client(service, self.key["AccessKeyId"], self.key["SecretAccessKey"])

    def environment(self):
        secret = self.key["SecretAccessKey"]
        return {"AWS_ACCESS_KEY_ID": self.key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": secret}

    def put_policy(self, document, name="own"):
        self.iam.put_user_policy(UserName=self.name, PolicyName=name, PolicyDocument=document)


def cloudtwin(cloud, *words, **options):
    """Our own command, at this cloud's port."""
    return cloud.run(binary(), "iam", *words, "--data-dir", cloud.data_dir, "--port", cloud.port, **options)


@pytest.fixture
def enforced(request, clouds):
    return clouds(request, ENFORCE_IAM=1, DEBUG=1)


@pytest.fixture
def soft(request, clouds):
    return clouds(request, IAM_SOFT_MODE=1, DEBUG=1)


def test_a_user_may_do_what_a_policy_allows(enforced):
    assert enforced.client("sts").get_caller_identity() | {"ResponseMetadata": None} == {
        "UserId": "AKIAIOSFODNN7EXAMPLE",
        "Account": ACCOUNT,
        "Arn": f"arn:aws:iam::{ACCOUNT}:root",
        "ResponseMetadata": None,
    }
    user = User(enforced)
    # Who one is needs no permission.
    assert user.client("sts").get_caller_identity()["Arn"] == USER
    with pytest.raises(ClientError, match="s3:CreateBucket") as denied:
        user.client("s3").create_bucket(Bucket="test-bucket")
    assert denied.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    made = enforced.client("iam").create_policy(PolicyName="p1", PolicyDocument=policy("s3:CreateBucket"))
    enforced.client("iam").attach_user_policy(UserName="test", PolicyArn=made["Policy"]["Arn"])
    done = enforced.run("aws", "s3", "mb", "s3://test-bucket", environment=user.environment())
    assert done.stdout == "make_bucket: test-bucket\n"
    assert refusal(user.client("s3").delete_bucket, Bucket="test-bucket") == (403, "AccessDenied")
    assert refusal(user.client("sqs").create_queue, QueueName="q")[0] in (400, 403)


def test_a_call_that_needs_two_permissions_says_so_in_the_log(enforced):
    user, iam = User(enforced), enforced.client("iam")
    iam.create_role(RoleName="web", AssumeRolePolicyDocument=TRUST)
    iam.create_instance_profile(InstanceProfileName="web")
    user.put_policy(policy("iam:AddRoleToInstanceProfile", sid="FirstStatement"))
    add = user.client("iam").add_role_to_instance_profile
    assert refusal(add, InstanceProfileName="web", RoleName="web") == (403, "AccessDenied")
    profile = f"Action 'iam:AddRoleToInstanceProfile' for 'arn:aws:iam::{ACCOUNT}:instance-profile/web'"
    role = f"Action 'iam:PassRole' for 'arn:aws:iam::{ACCOUNT}:role/web'"
    expected = [
        "Request for service iam for operation AddRoleToInstanceProfile denied.",
        f'Necessary permissions for this action: ["{profile}", "{role}"]',
        "0 permissions have been explicitly denied: []",
        f'1 permissions have been explicitly allowed: ["{profile}"]',
        f'1 permissions have been implicitly denied: ["{role}"]',
    ]
    told = [line.split("cloudtwin::iam: ", 1)[1] for line in enforced.log().splitlines() if "cloudtwin::iam: " in line]
    assert told == expected

    # The explanation ends in what is missing, and that is enough.
    shown = cloudtwin(enforced, "explain", "--last").stdout
    assert "✓ allowed iam:AddRoleToInstanceProfile" in shown and "✗ implicitly denied iam:PassRole" in shown
    assert "own (user/test) › FirstStatement (statement 0)" in shown and "\x1b[" not in shown
    decision = json.loads(cloudtwin(enforced, "explain", "--denied", "--principal", USER, "--json").stdout)
    (remedy,) = decision["remedies"]
    assert remedy["advice"] == "add to a policy of the user test"
    (statement,) = remedy["add"]
    assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
    user.put_policy(json.dumps({"Version": "2012-10-17", "Statement": remedy["add"]}), name="advised")
    add(InstanceProfileName="web", RoleName="web")
    again = cloudtwin(enforced, "explain", decision["request_id"]).stdout
    assert f"request     {decision['request_id']}" in again


def test_soft_mode_only_tells(soft):
    user = User(soft)
    user.client("s3").create_bucket(Bucket="made-anyway")
    assert "Request for service s3 for operation CreateBucket denied." in soft.log()
    (decision,) = soft.get("/_cloudtwin/decisions?allowed=false").json()["decisions"]
    assert (decision["principal"], decision["state"], decision["refused"]) == (USER, "SOFT_MODE", False)
    assert "would be denied" in cloudtwin(soft, "explain", "--denied").stdout


def test_the_state_can_be_changed_while_it_runs(own_cloud):
    # Nothing is decided, and whoever asks is told what to do.
    told = cloudtwin(own_cloud, "explain", "--last", status=1).stderr
    assert "cloudtwin iam config SOFT_MODE" in told
    assert "DISABLED" in cloudtwin(own_cloud, "stream", status=1).stderr
    user = User(own_cloud)
    user.client("s3").create_bucket(Bucket="before")
    assert cloudtwin(own_cloud, "config", "enforced").stdout == "ENFORCED\n"
    assert own_cloud.get("/_aws/iam/config").json()["state"] == "ENFORCED"
    assert refusal(user.client("s3").create_bucket, Bucket="after") == (403, "AccessDenied")
    answer = own_cloud.post("/_aws/iam/config", json.dumps({"state": "DISABLED"}))
    assert answer.status == 200 and answer.json()["state"] == "DISABLED"
    user.client("s3").create_bucket(Bucket="after")
    wrong = cloudtwin(own_cloud, "config", "on", status=1).stderr
    assert "one of DISABLED, ENGINE_ONLY, SOFT_MODE, ENFORCED" in wrong


@pytest.mark.parametrize("words", [("cloudtwin", "iam", "stream", "--denied"), ("localstack", "aws", "iam", "stream")])
def test_calls_are_watched_as_they_come_in(soft, tmp_path, words):
    (tmp_path / words[0]).symlink_to(binary())
    command = [tmp_path / words[0], *words[1:], "--data-dir", soft.data_dir, "--port", str(soft.port)]
    watcher = subprocess.Popen(command, env=soft.tool_environment(), stdout=subprocess.PIPE, text=True)
    lines, numbers = [], itertools.count()

    def read():
        for line in watcher.stdout:
            lines.append(line)

    reader = threading.Thread(target=read)
    reader.start()
    user = User(soft)

    def seen():
        # When it has begun to watch nobody can tell from outside, so calls are made until one is seen.
        user.client("sqs").create_queue(QueueName=f"jobs{next(numbers)}")
        return any("sqs:CreateQueue on" in line or '"Action": "sqs:CreateQueue"' in line for line in lines)

    try:
        eventually(seen)
    finally:
        watcher.kill()
        watcher.wait(LIMIT)
        reader.join(LIMIT)
        watcher.stdout.close()
    if words[0] == "cloudtwin":
        assert f"deny  sqs:CreateQueue by {USER}" in lines[0]
        assert lines[1].startswith("  implicitly denied: sqs:CreateQueue on arn:aws:sqs:us-east-1:")
    else:
        at = lines.index(f'Attached to identity: "{USER}"\n')
        assert lines[at + 1 : at + 5] == ["\n", "Policy:\n", "{\n", '  "Version": "2012-10-17",\n']


def test_the_generated_policy_is_enough(soft, tmp_path):
    user = User(soft)

    def work():
        s3, sqs, iam = user.client("s3"), user.client("sqs"), user.client("iam")
        s3.create_bucket(Bucket="results")
        for number in range(6):
            s3.put_object(Bucket="results", Key=f"runs/{number}.json", Body=b"{}")
        assert len(s3.list_objects_v2(Bucket="results")["Contents"]) == 6
        url = sqs.create_queue(QueueName="jobs", tags={"team": "blue"})["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="x")
        iam.create_role(RoleName="web", AssumeRolePolicyDocument=TRUST)
        iam.create_instance_profile(InstanceProfileName="web")
        iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName="web")

    def undo():
        s3, sqs, iam = soft.client("s3"), soft.client("sqs"), soft.client("iam")
        for number in range(6):
            s3.delete_object(Bucket="results", Key=f"runs/{number}.json")
        s3.delete_bucket(Bucket="results")
        sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="jobs")["QueueUrl"])
        # A queue's name is free after a minute.
        soft.advance_clock(61)
        iam.remove_role_from_instance_profile(InstanceProfileName="web", RoleName="web")
        iam.delete_instance_profile(InstanceProfileName="web")
        iam.delete_role(RoleName="web")

    work()
    undo()
    file = tmp_path / "policy.json"
    assert cloudtwin(soft, "generate", "--principal", USER, "--output", file).stdout == f"{file}\n"
    generated = json.loads(file.read_text())
    by_action = {}
    for statement in generated["Statement"]:
        actions = statement["Action"]
        by_action |= {action: statement for action in ([actions] if isinstance(actions, str) else actions)}
    assert by_action["s3:PutObject"]["Resource"] == "arn:aws:s3:::results/runs/*.json"
    assert by_action["sqs:SendMessage"]["Resource"] == f"arn:aws:sqs:us-east-1:{ACCOUNT}:jobs"
    passed = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
    assert by_action["iam:PassRole"]["Condition"] == passed and "*" not in by_action

    cloudtwin(soft, "config", "ENFORCED")
    assert refusal(user.client("s3").create_bucket, Bucket="results") == (403, "AccessDenied")
    user.put_policy(file.read_text())
    work()
    assert refusal(user.client("s3").create_bucket, Bucket="others") == (403, "AccessDenied")

    # All of it is in use; what is granted beside it is not.
    assert "unused" not in cloudtwin(soft, "diff", "--principal", USER).stdout
    user.put_policy(policy("sqs:*Queue", "s3:GetObject"), name="more")
    diff = cloudtwin(soft, "diff", "--principal", USER).stdout
    assert "+ used 2 of 6: sqs:CreateQueue, sqs:TagQueue" in diff and "- unused: s3:GetObject" in diff
    summary = cloudtwin(soft, "summary").stdout
    assert f'Attached to identity: "{USER}"' in summary


def test_a_policy_is_tried_on_recorded_calls(soft, tmp_path):
    user = User(soft)
    user.put_policy(policy("s3:*"))
    user.client("s3").create_bucket(Bucket="photos")
    user.client("sqs").create_queue(QueueName="jobs")
    (tmp_path / "less.json").write_text(policy("s3:Get*"))
    (tmp_path / "more.json").write_text(policy("sqs:*"))
    question = ("what-if", "--principal", USER, "--policy")
    tried = cloudtwin(soft, *question, tmp_path / "less.json", status=1)
    assert "allow → implicitDeny  s3:CreateBucket on arn:aws:s3:::photos" in tried.stdout
    assert "1 permissions that were granted would be denied" in tried.stderr
    tried = cloudtwin(soft, *question, tmp_path / "more.json", "--add")
    assert tried.stdout.endswith("2 calls with 2 permissions: 0 newly denied, 1 newly allowed\n")
    (tmp_path / "bad.json").write_text("{}")
    assert "policy 1 cannot be attached" in cloudtwin(soft, *question, tmp_path / "bad.json", status=1).stderr
    nobody = ("what-if", "--principal", USER + "2", "--policy", tmp_path / "more.json")
    assert USER in cloudtwin(soft, *nobody, status=1).stderr


def test_actions_are_checked_without_a_call(own_cloud):
    user = User(own_cloud)
    user.put_policy(policy("s3:GetObject"))
    wanted = [{"action": action, "resource": "arn:aws:s3:::b/k"} for action in ("s3:GetObject", "s3:PutObject")]
    question = {
        "access_key_id": user.key["AccessKeyId"],
        "region_name": "us-east-1",
        "required_permission": wanted,
    }
    answer = own_cloud.post("/_aws/iam/check-actions-allowed", json.dumps(question)).json()
    assert not answer["allowed"] and answer["source_principal"] == {"arn": USER, "account": ACCOUNT}
    assert [one["action"] for one in answer["explicit_allow"]] == ["s3:GetObject"]
    assert [one["action"] for one in answer["implicit_deny"]] == ["s3:PutObject"]
