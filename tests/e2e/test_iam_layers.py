"""IAM where it is enforced: what each layer of policies has to say, over the wire and with real signatures."""

import json
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

from support.errors import refusal

HOME, OTHER = "000000000000", "111122223333"
NOBODY_ELSE = "because no identity-based policy allows"


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action, resource="*", **more):
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def said(call, *arguments, **parameters):
    """Calls, and returns the message of the error that must come."""
    with pytest.raises(ClientError) as caught:
        call(*arguments, **parameters)
    return caught.value.response["Error"]["Message"]


class Caller:
    """Somebody with credentials."""

    def __init__(self, cloud, key, secret, token=None):
        self.cloud, self.credentials = cloud, (key, secret, token)

    def client(self, service, **options):
        return self.cloud.client(service, *self.credentials, **options)

    def assume(self, role, **parameters):
        answer = self.client("sts").assume_role(RoleArn=role, RoleSessionName="job", **parameters)["Credentials"]
        return Caller(self.cloud, answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])


def user(cloud, name, *statements, account=HOME):
    iam = cloud.client("iam", account)
    iam.create_user(UserName=name)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document(*statements))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Caller(cloud, key["AccessKeyId"], key["SecretAccessKey"])


def role(cloud, name, principal, *statements, condition=None, actions="sts:AssumeRole"):
    trust = {"Effect": "Allow", "Principal": principal, "Action": actions} | (
        {"Condition": condition} if condition else {}
    )
    iam = cloud.client("iam")
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document(*statements))
    return made


def visit(url, method="GET", headers=None):
    request = urllib.request.Request(url, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture
def enforced(request, clouds):
    return clouds(request, ENFORCE_IAM=1)


def make_bucket(cloud, name, policy=None):
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"open")
    s3.put_object(Bucket=name, Key="secret", Body=b"closed", Tagging="level=high")
    if policy:
        s3.delete_public_access_block(Bucket=name)
        s3.put_bucket_policy(Bucket=name, Policy=policy)
    return s3


def test_what_is_missing_is_told_to_those_who_may_know(enforced):
    make_bucket(enforced, "b-1")
    ann = user(enforced, "ann", allow("s3:GetObject")).client("s3")
    assert refusal(ann.get_object, Bucket="absent", Key="k") == (404, "NoSuchBucket")
    assert refusal(ann.head_bucket, Bucket="absent") == (404, "404")
    assert refusal(ann.get_object, Bucket="b-1", Key="absent") == (403, "AccessDenied")
    assert refusal(ann.head_object, Bucket="b-1", Key="absent") == (403, "403")
    assert refusal(enforced.client("s3").head_object, Bucket="b-1", Key="absent") == (404, "404")


def test_a_presigned_url_may_do_what_its_signer_may(enforced):
    make_bucket(enforced, "b-1")
    ann = user(enforced, "ann", allow("s3:GetObject", "arn:aws:s3:::b-1/k"))
    address = ann.client("s3").generate_presigned_url
    assert visit(address("get_object", Params={"Bucket": "b-1", "Key": "k"})) == (200, "open")
    status, body = visit(address("get_object", Params={"Bucket": "b-1", "Key": "secret"}))
    assert status == 403 and "user/ann is not authorized to perform: s3:GetObject" in body
    enforced.client("iam").delete_user_policy(UserName="ann", PolicyName="own")
    assert visit(address("get_object", Params={"Bucket": "b-1", "Key": "k"}))[0] == 403


def test_a_form_may_do_what_its_signer_may(enforced):
    make_bucket(enforced, "b-1")
    ann = user(enforced, "ann", allow("s3:PutObject", "arn:aws:s3:::b-1/in/*"))

    def upload(key):
        form = ann.client("s3").generate_presigned_post("b-1", key)
        fields = [*form["fields"].items()]
        parts = [f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in fields]
        parts.append('--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nhello\r\n--x--\r\n')
        request = urllib.request.Request(
            form["url"], "".join(parts).encode(), {"Content-Type": "multipart/form-data; boundary=x"}
        )
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    assert upload("in/letter") == 204
    assert upload("out/letter") == 403


def test_visitors_see_what_is_public(enforced):
    everybody = allow("s3:GetObject", "arn:aws:s3:::open/k", Principal="*")
    make_bucket(enforced, "open", document(everybody))
    assert visit(f"{enforced.url}/open/k") == (200, "open")
    status, body = visit(f"{enforced.url}/open/secret")
    assert status == 403 and "<Code>AccessDenied</Code><Message>Access Denied</Message>" in body
    assert visit(f"{enforced.url}/open/secret", "HEAD") == (403, "")


def test_bucket_policies_look_at_tags_lists_and_addresses(enforced):
    things = "arn:aws:s3:::b-1/*"
    policy = document(
        deny("s3:GetObject", things, Principal="*",
             Condition={"StringEquals": {"s3:ExistingObjectTag/level": "high"}}),
        deny("s3:PutObject", things, Principal="*", Condition={"StringEquals": {"s3:x-amz-acl": "public-read"}}),
        deny("s3:DeleteObject", things, Principal="*", Condition={"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}),
    )
    root = make_bucket(enforced, "b-1", policy)
    assert refusal(root.get_object, Bucket="b-1", Key="secret") == (403, "AccessDenied")
    root.get_object(Bucket="b-1", Key="k")
    assert refusal(root.put_object, Bucket="b-1", Key="p", ACL="public-read") == (403, "AccessDenied")
    root.put_object(Bucket="b-1", Key="p")
    assert "with an explicit deny in a resource-based policy" in said(root.delete_object, Bucket="b-1", Key="p")
    deleted = root.delete_objects(Bucket="b-1", Delete={"Objects": [{"Key": "p"}]})
    assert [(error["Key"], error["Code"]) for error in deleted["Errors"]] == [("p", "AccessDenied")]


def test_a_proxy_that_is_trusted_tells_the_address(request, clouds):
    cloud = clouds(request, ENFORCE_IAM=1, IAM_TRUSTED_PROXIES="127.0.0.0/8,::1")
    office = allow("s3:GetObject", "arn:aws:s3:::b-1/*", Principal="*",
                   Condition={"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}})
    make_bucket(cloud, "b-1", document(office))
    assert visit(f"{cloud.url}/b-1/k", headers={"X-Forwarded-For": "192.0.2.7"})[0] == 200
    assert visit(f"{cloud.url}/b-1/k", headers={"X-Forwarded-For": "192.0.2.7, 198.51.100.1"})[0] == 403
    assert visit(f"{cloud.url}/b-1/k")[0] == 403


def test_buckets_are_shared_between_accounts_by_both(enforced):
    root = make_bucket(enforced, "b-1")
    ann = user(enforced, "ann", allow("s3:*"), account=OTHER).client("s3")
    ben = user(enforced, "ben", account=OTHER).client("s3")
    assert said(ann.get_object, Bucket="b-1", Key="k") == "Access Denied"
    share = allow("s3:GetObject", "arn:aws:s3:::b-1/*", Principal={"AWS": OTHER})
    root.put_bucket_policy(Bucket="b-1", Policy=document(share))
    assert ann.get_object(Bucket="b-1", Key="k")["Body"].read() == b"open"
    assert refusal(ben.get_object, Bucket="b-1", Key="k") == (403, "AccessDenied")
    ann.create_bucket(Bucket="theirs")
    assert refusal(root.list_objects_v2, Bucket="theirs") == (403, "AccessDenied")


def test_a_queue_of_another_account_and_what_it_answers_in_either_protocol(enforced):
    sqs = enforced.client("sqs")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{HOME}:jobs"
    ann = user(enforced, "ann", allow("sqs:*"), account=OTHER).client("sqs")
    with pytest.raises(ClientError) as caught:
        ann.send_message(QueueUrl=url, MessageBody="x")
    answer = caught.value.response
    assert answer["Error"]["Code"] == "AccessDenied" and answer["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert answer["Error"]["Message"] == (
        f"User: arn:aws:iam::{OTHER}:user/ann is not authorized to perform: sqs:sendmessage on resource: {arn} "
        "because no resource-based policy allows the sqs:sendmessage action"
    )
    share = allow("sqs:SendMessage", arn, Principal={"AWS": OTHER})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(share)})
    ann.send_message_batch(QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "x"}])
    assert refusal(ann.delete_queue, QueueUrl=url) == (403, "AccessDenied")


def test_a_bucket_may_notify_a_queue_that_lets_it(enforced):
    s3 = make_bucket(enforced, "b-1")
    sqs = enforced.client("sqs")
    url = sqs.create_queue(QueueName="events")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{HOME}:events"
    notify = {
        "Bucket": "b-1",
        "NotificationConfiguration": {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]},
    }
    assert refusal(s3.put_bucket_notification_configuration, **notify) == (400, "InvalidArgument")
    from_bucket = allow("sqs:SendMessage", arn, Principal={"Service": "s3.amazonaws.com"}, Condition={
        "ArnEquals": {"aws:SourceArn": "arn:aws:s3:::b-1"}, "StringEquals": {"aws:SourceAccount": HOME}})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(from_bucket)})
    s3.put_bucket_notification_configuration(**notify)
    sqs.purge_queue(QueueUrl=url)
    s3.put_object(Bucket="b-1", Key="new")
    received = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert json.loads(received[0]["Body"])["Records"][0]["s3"]["object"]["key"] == "new"


def test_roles_trust_with_external_ids_session_policies_and_tags(enforced):
    vendor = role(enforced, "vendor", {"AWS": OTHER}, allow("sqs:*"), actions=["sts:AssumeRole", "sts:TagSession"],
                  condition={"StringEquals": {"sts:ExternalId": "deal-17"}})
    ann = user(enforced, "ann", allow(["sts:AssumeRole", "sts:TagSession"]), account=OTHER)
    sts = ann.client("sts")
    assert refusal(sts.assume_role, RoleArn=vendor, RoleSessionName="job") == (403, "AccessDenied")
    session = ann.assume(vendor, ExternalId="deal-17", Policy=document(allow("sqs:ListQueues")))
    session.client("sqs").list_queues()
    assert "because no session policy allows" in said(session.client("sqs").create_queue, QueueName="q")
    tagged = role(enforced, "tagged", {"AWS": HOME}, allow("sqs:ListQueues", Condition={
        "StringEquals": {"aws:PrincipalTag/team": "red"}}), actions=["sts:AssumeRole", "sts:TagSession"])
    ben = user(enforced, "ben", allow(["sts:AssumeRole", "sts:TagSession"]))
    red = ben.assume(tagged, Tags=[{"Key": "team", "Value": "red"}])
    red.client("sqs").list_queues()
    blue = ben.assume(tagged, Tags=[{"Key": "team", "Value": "blue"}])
    assert refusal(blue.client("sqs").list_queues) == (403, "AccessDenied")


def test_a_role_does_not_trust_the_next_user_of_the_same_name(enforced):
    ann = user(enforced, "ann")
    trusted = role(enforced, "app", {"AWS": f"arn:aws:iam::{HOME}:user/ann"})
    ann.assume(trusted)
    iam = enforced.client("iam")
    unique = iam.get_user(UserName="ann")["User"]["UserId"]
    iam.delete_access_key(UserName="ann", AccessKeyId=ann.credentials[0])
    iam.delete_user(UserName="ann")
    again = user(enforced, "ann")
    assert refusal(again.assume, trusted) == (403, "AccessDenied")
    shown = iam.get_role(RoleName="app")["Role"]["AssumeRolePolicyDocument"]
    assert shown["Statement"][0]["Principal"] == {"AWS": unique}
    wrong = document({"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{HOME}:role/no"}, "Action": "sts:AssumeRole"})
    message = said(iam.create_role, RoleName="other", AssumeRolePolicyDocument=wrong)
    assert message == f'Invalid principal in policy: "AWS":"arn:aws:iam::{HOME}:role/no"'


def test_session_tokens_do_not_reach_iam(enforced):
    ann = user(enforced, "ann", allow("*"))
    answer = ann.client("sts").get_session_token()["Credentials"]
    session = Caller(enforced, answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])
    session.client("s3").list_buckets()
    assert refusal(session.client("iam").list_users) == (403, "InvalidClientTokenId")
    assert refusal(session.client("sts").get_session_token) == (403, "AccessDenied")
    guest = ann.client("sts").get_federation_token(Name="guest", Policy=document(allow("s3:ListAllMyBuckets")))
    guest = guest["Credentials"]
    guest = Caller(enforced, guest["AccessKeyId"], guest["SecretAccessKey"], guest["SessionToken"])
    guest.client("s3").list_buckets()
    assert refusal(guest.client("sqs").list_queues) == (403, "AccessDenied")


def test_a_boundary_and_an_organization_limit_what_is_given(enforced):
    iam = enforced.client("iam")
    edge = iam.create_policy(PolicyName="edge", PolicyDocument=document(allow("sqs:*")))["Policy"]["Arn"]
    ann = user(enforced, "ann", allow("*"))
    iam.put_user_permissions_boundary(UserName="ann", PermissionsBoundary=edge)
    ann.client("sqs").list_queues()
    assert "because no permissions boundary allows" in said(ann.client("s3").list_buckets)

    organizations = enforced.client("organizations")
    organizations.create_organization(FeatureSet="ALL")
    top = organizations.list_roots()["Roots"][0]["Id"]
    organizations.enable_policy_type(RootId=top, PolicyType="SERVICE_CONTROL_POLICY")
    account = organizations.create_account(AccountName="dev", Email="dev@corp.test")["CreateAccountStatus"]["AccountId"]
    scp = organizations.create_policy(
        Name="no-queues", Description="", Type="SERVICE_CONTROL_POLICY", Content=document(deny("sqs:CreateQueue"))
    )["Policy"]["PolicySummary"]["Id"]
    organizations.attach_policy(PolicyId=scp, TargetId=account)
    message = said(enforced.client("sqs", account).create_queue, QueueName="q")
    assert "with an explicit deny in a service control policy: arn:aws:organizations::" in message
    enforced.client("sqs").create_queue(QueueName="q")


def test_what_has_no_resource_is_named_as_aws_names_it(enforced):
    nobody = user(enforced, "nobody")
    iam = nobody.client("iam")
    assert f"iam:ListUsers on resource: arn:aws:iam::{HOME}:user/ {NOBODY_ELSE}" in said(iam.list_users)
    assert f"iam:ListPolicies on resource: policy path / {NOBODY_ELSE}" in said(iam.list_policies)
    listed = said(nobody.client("sqs").list_queues)
    assert f"sqs:listqueues on resource: arn:aws:sqs:us-east-1:{HOME}: {NOBODY_ELSE}" in listed
    assert f"s3:ListAllMyBuckets {NOBODY_ELSE}" in said(nobody.client("s3").list_buckets)


def test_unknown_keys_can_be_refused(request, clouds):
    cloud = clouds(request, ENFORCE_IAM=1, IAM_UNKNOWN_KEYS="deny")
    assert refusal(cloud.client("s3").list_buckets) == (403, "InvalidAccessKeyId")
    assert refusal(cloud.client("sts").get_caller_identity) == (403, "InvalidClientTokenId")
