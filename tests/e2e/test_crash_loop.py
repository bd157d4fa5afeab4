"""`kill -9`, again and again, while clients work: every promise is kept, and nothing is half done."""

import json
import random
import threading

import pytest

from support.job_results import drain, objects_of
from support.load import DELETED, Ledger, Sender, Taker, Writer, is_whole
from support.waiting import eventually


@pytest.mark.slow(seconds=30)
@pytest.mark.parametrize(("durability", "crashes", "most"), [("default", 25, 400), ("sync", 10, 150)])
def test_every_acknowledged_write_survives_every_crash(request, clouds, durability, crashes, most):
    cloud = clouds(request, "--durability", durability)
    pool = {"config": {"connect_timeout": 5, "read_timeout": 20, "max_pool_connections": 20}}
    s3, sqs = cloud.client("s3", **pool), cloud.client("sqs", **pool)
    s3.create_bucket(Bucket="load")
    events = sqs.create_queue(QueueName="events")["QueueUrl"]
    work = sqs.create_queue(QueueName="work", Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
    arn = "arn:aws:sqs:us-east-1:000000000000:events"
    configuration = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket="load", NotificationConfiguration=configuration)
    sqs.purge_queue(QueueUrl=events)

    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    ledger, up, stop = Ledger(), threading.Event(), threading.Event()
    up.set()
    workers = [Writer(s3, "load", ledger, up, stop, number) for number in range(3)]
    workers += [Sender(sqs, work, ledger, up, stop, number) for number in range(10, 12)]
    workers += [Taker(sqs, work, ledger, up, stop, 20)]
    for worker in workers:
        worker.start()
    try:
        for _ in range(crashes):
            ledger.wait_for(dice.randrange(1, most))
            assert not ledger.failures, ledger.failures
            # Not only at the moments at which an answer has just been sent.
            stop.wait(dice.random() / 100)
            up.clear()
            cloud.kill()
            cloud.start()
            up.set()
        ledger.wait_for(50)
    finally:
        stop.set()
        for worker in workers:
            worker.join(30)
    assert not ledger.failures, ledger.failures
    assert not any(worker.is_alive() for worker in workers)
    cloud.kill()
    cloud.start()

    print(f"{ledger.count} acknowledgements, {len(ledger.promised)} objects, {len(ledger.sent)} messages")
    check_objects(s3, ledger)
    check_events(s3, sqs, events, ledger)
    check_messages(cloud, sqs, work, ledger)


def possible(ledger, key):
    """The versions that an object may have: the last one promised, or any that was tried after it."""
    attempts = ledger.attempted[key]
    if key not in ledger.promised:
        return {DELETED, *attempts}
    return set(attempts[attempts.index(ledger.promised[key]) :])


def check_objects(s3, ledger):
    """Lists and contents agree with each other and with what was promised."""
    listed = {
        entry["Key"]: entry
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket="load")
        for entry in page.get("Contents", [])
    }
    for key in ledger.attempted:
        version = DELETED
        if key in listed:
            found = s3.get_object(Bucket="load", Key=key)
            data = found["Body"].read()
            assert (listed[key]["Size"], listed[key]["ETag"]) == (len(data), found["ETag"])
            version = is_whole(data, key)
        assert version in possible(ledger, key), (key, version, ledger.promised.get(key))
    assert set(listed) <= set(ledger.attempted)
    assert len(ledger.promised) > 50


def check_events(s3, sqs, url, ledger):
    """A write and its notification are one: what is in the bucket was announced, promised or not."""
    listed = {
        (entry["Key"], entry["ETag"].strip('"'))
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket="load")
        for entry in page.get("Contents", [])
    }
    announced = set()

    def nothing_is_missing():
        # What the last crash has delayed is delivered after the start.
        for message in drain(sqs, url):
            (record,) = json.loads(message["Body"])["Records"]
            ((_, key),) = objects_of(message["Body"])
            announced.add((key, record["s3"]["object"]["eTag"]))
        return ledger.written | listed <= announced

    eventually(nothing_is_missing)
    assert announced <= ledger.maybe_written


def check_messages(cloud, sqs, url, ledger):
    """Every message is there exactly once, or was deleted for good."""
    cloud.advance_clock(601)
    left = [message["Body"] for message in drain(sqs, url)]
    assert len(left) == len(set(left)), "a message was doubled"
    assert ledger.sent - ledger.maybe_taken <= set(left), "an acknowledged message is missing"
    assert set(left) <= ledger.maybe_sent
    assert not set(left) & ledger.taken, "a deleted message came back"
