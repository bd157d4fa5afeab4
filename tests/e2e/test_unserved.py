"""What is not served says so: status 501 and the operation's name, in the words of each protocol."""

import pytest

from support import http
from support.errors import refusal

CALLS = {
    # JSON with a target
    "dynamodb": ("list_tables", {}, "ListTables"),
    "kms": ("list_keys", {}, "ListKeys"),
    # the query protocol
    "sns": ("list_topics", {}, "ListTopics"),
    "cloudformation": ("list_stacks", {}, "ListStacks"),
    # EC2's variant of it
    "ec2": ("describe_instances", {}, "DescribeInstances"),
    # REST with JSON
    "lambda": ("list_functions", {}, "ListFunctions"),
    "apigateway": ("get_rest_apis", {}, "GetRestApis"),
    # REST with XML
    "route53": ("list_hosted_zones", {}, "ListHostedZones"),
    # CBOR
    "cloudwatch": ("list_metrics", {}, "ListMetrics"),
    # operations of services that are served
    "s3": ("select_object_content", {}, "SelectObjectContent"),
    "sts": (
        "assume_root",
        {
            "TargetPrincipal": "000000000000",
            "TaskPolicyArn": {"arn": "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"},
        },
        "AssumeRoot",
    ),
}

SELECT = {
    "Bucket": "b123",
    "Key": "k",
    "Expression": "select * from s3object",
    "ExpressionType": "SQL",
    "InputSerialization": {"CSV": {}},
    "OutputSerialization": {"CSV": {}},
}


@pytest.mark.parametrize("service", CALLS)
def test_an_operation_that_is_not_served_is_named(cloud, service):
    method, parameters, operation = CALLS[service]
    client = cloud.client(service)
    if service == "s3":
        parameters = SELECT
    status, code = refusal(getattr(client, method), **parameters)
    assert (status, code) == (501, "NotImplemented")
    with pytest.raises(client.exceptions.ClientError) as caught:
        getattr(client, method)(**parameters)
    message = caught.value.response["Error"]["Message"]
    assert "Cloudtwin" in message and operation in message, message
    (newest,) = cloud.get(f"/_cloudtwin/requests?service={service}&limit=1").json()["requests"]
    assert newest["status"] == 501 and newest["operation"] == operation


def test_an_action_that_does_not_exist_is_no_missing_feature(cloud):
    answer = cloud.post("/", {"Action": "MakeCoffee", "Version": "2012-11-05"}, headers={"host": "sqs.localhost"})
    assert answer.status == 400 and "InvalidAction" in answer.text
    headers = {"x-amz-target": "AmazonSQS.MakeCoffee", "content-type": "application/x-amz-json-1.0"}
    answer = cloud.post("/", "{}", headers=headers)
    assert answer.status == 400 and "UnknownOperationException" in answer.text


def test_a_service_that_is_switched_off_says_how_to_switch_it_on(request, clouds):
    cloud = clouds(request, SERVICES="s3")
    client = cloud.client("sqs")
    assert refusal(client.list_queues)[0] == 501
    with pytest.raises(client.exceptions.ClientError, match="Please check your 'SERVICES' configuration variable"):
        client.list_queues()
    assert cloud.get("/_localstack/health").json()["services"]["sqs"] == "disabled"
    cloud.client("s3").list_buckets()


def test_the_cli_prints_it(cloud):
    done = cloud.run("aws", "dynamodb", "list-tables", status=None)
    assert done.returncode in (254, 255)
    assert "(NotImplemented) when calling the ListTables operation" in done.stderr


def test_paths_of_our_own_that_do_not_exist_have_a_message(cloud):
    for path in ("/_localstack/nothing", "/_cloudtwin/nothing", "/_localstack/pods/x"):
        answer = http.request("GET", cloud.url + path)
        assert answer.status == 404 and answer.json()["message"], path
