"""The workloads: what to set up, what to send, and how to tell that the answer is right."""
import json, time
from functools import cached_property
from typing import NamedTuple

from captured import HANDLE, capture

K = 1024
ALL = {}  # name -> function from State to Plan


class Plan(NamedTuple):
    calls: list  # of (service, operation, arguments)
    check: object = bool  # of the first call's answer
    mode: str = "plain"  # plain, cycle: see wrk.lua; stream: large bodies
    clean: tuple = ()  # calls that free what the run left


class State:
    """What one server holds in one round; each thing is made when a workload first needs it."""

    def __init__(self, server, tag, secs):
        self.server, self.tag, self.secs, self.made = server, tag, secs, 0

    def call(self, service, operation, **arguments):
        if self.server.canned:
            return {"QueueUrl": self.server.url + "/000000000000/q"}
        return getattr(self.server.client(service), operation)(**arguments)

    def name(self, kind):
        self.made += 1
        return f"bench-{kind}-{self.tag}-{self.made}"

    @cached_property
    def bucket(self):
        name = self.name("b")
        self.call("s3", "create_bucket", Bucket=name)
        return name

    def queue(self, depth=0):
        url = self.call("sqs", "create_queue", QueueName=self.name("q"))["QueueUrl"]
        if depth and not self.server.canned:
            ten = capture(self.server, "sqs", "send_message_batch", dict(
                QueueUrl=url, Entries=[{"Id": str(i), "MessageBody": "m" * 200} for i in range(10)]))
            conn, end = self.server.connect(), time.monotonic() + 30  # a slow server will not receive them all
            for _ in range(depth // 10):
                assert ten.send(conn)[0] == 200, "a batch failed"
                if time.monotonic() > end:
                    break
        return url


def put_calls(st, tag, size, keys):
    return [("s3", "put_object", dict(Bucket=st.bucket, Key=f"{tag}-{i}", Body=b"x" * size)) for i in range(keys)]


def get_plan(st, tag, size, keys, mode):
    for service, operation, arguments in put_calls(st, tag, size, keys):
        st.call(service, operation, **arguments)
    return Plan([("s3", "get_object", dict(Bucket=st.bucket, Key=f"{tag}-{i}")) for i in range(keys)],
                lambda r: len(r["Body"].read()) == size, mode)


def send(url):
    return "sqs", "send_message", dict(QueueUrl=url, MessageBody="m" * 200)


def receive_and_delete(url):
    return [("sqs", "receive_message", dict(QueueUrl=url)),
            ("sqs", "delete_message", dict(QueueUrl=url, ReceiptHandle=HANDLE))]


def drop(url):
    return (("sqs", "delete_queue", dict(QueueUrl=url)),)


def workload(f):
    ALL[f.__name__] = f


@workload
def s3_put_1k(st):
    return Plan(put_calls(st, "p1k", K, 256))


@workload
def s3_get_1k(st):
    return get_plan(st, "g1k", K, 256, "plain")


@workload
def s3_put_1m(st):
    return Plan(put_calls(st, "p1m", K * K, 8))


@workload
def s3_get_8m(st):
    return get_plan(st, "g8m", 8 * K * K, 2, "stream")


@workload
def sqs_send(st):
    url = st.queue()
    return Plan([send(url)], clean=drop(url))


@workload
def sqs_cycle(st):
    """Send, receive, delete on a queue kept 1,000 deep; each is one request."""
    url = st.queue(depth=1000)
    return Plan([*receive_and_delete(url), send(url)], mode="cycle", clean=drop(url))


@workload
def sqs_receive_delete(st):
    """Receive and delete, each one request, on a queue that was filled with more than can be received."""
    url = st.queue(depth=40_000 * st.secs)
    return Plan(receive_and_delete(url), mode="cycle", clean=drop(url))


@workload
def sts_identity(st):
    return Plan([("sts", "get_caller_identity", {})], lambda r: r["Account"])


def sqs_send_by_user(st):
    """What sqs_send does, signed by a user whose policy allows it: signatures of issued keys are verified."""
    url, user = st.queue(), st.name("u")
    allow = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:us-east-1:000000000000:bench-*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": allow})
    st.call("iam", "create_user", UserName=user)
    st.call("iam", "put_user_policy", UserName=user, PolicyName="send", PolicyDocument=document)
    key = st.call("iam", "create_access_key", UserName=user)["AccessKey"]
    st.server.sign_as(key["AccessKeyId"], key["SecretAccessKey"])
    return Plan([send(url)], clean=drop(url))


BY_USER = {f.__name__: f for f in [sqs_send_by_user]}  # for the part that compares states of enforcement
