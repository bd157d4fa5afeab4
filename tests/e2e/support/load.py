"""Clients that work without pause and remember exactly what they were promised."""

import hashlib
import random
import threading

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

# The version of an object that is not there.
DELETED = -1


def content(key, version, size):
    """What an object holds: anyone can recompute it from its first line."""
    head = f"{key} {version} {size}\n".encode()
    block = hashlib.sha256(head).digest()
    return head + (block * (size // len(block) + 1))[:size]


def is_whole(data, key):
    """The version in an object's content, if the content is complete."""
    named, version, size = data.split(b"\n", 1)[0].decode().split(" ")
    assert named == key and data == content(key, int(version), int(size)), f"damaged: {key} {len(data)} bytes"
    return int(version)


class Ledger:
    """What happened, as the clients know it.

    A request that was cut off by the server's death may have taken effect or not: it is in `attempted`
    but not in `promised`.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.acknowledged = threading.Condition(self.lock)
        self.count = 0
        self.promised = {}
        self.attempted = {}
        self.written, self.maybe_written = set(), set()
        self.sent, self.maybe_sent = set(), set()
        self.taken, self.maybe_taken = set(), set()
        self.failures = []

    def acknowledge(self, note):
        with self.lock:
            note()
            self.count += 1
            self.acknowledged.notify_all()

    def wait_for(self, more, limit=60):
        """Waits for so many more acknowledgements."""
        with self.lock:
            goal = self.count + more
            reached = self.acknowledged.wait_for(lambda: self.count >= goal or self.failures, limit)
            assert reached, f"only {self.count} of {goal} requests were acknowledged"


class Worker(threading.Thread):
    """One client: works while the server is up, pauses while it is not."""

    def __init__(self, ledger, up, stop, seed):
        super().__init__(daemon=True)
        self.ledger, self.up, self.stopped = ledger, up, stop
        self.random = random.Random(seed)
        self.seed = seed
        self.turn = 0

    def run(self):
        while not self.stopped.is_set():
            if not self.up.wait(0.1):
                continue
            self.turn += 1
            try:
                self.work()
            except (ConnectionError, HTTPClientError):
                continue  # The server died: nothing was promised.
            except (ClientError, BotoCoreError, AssertionError) as failure:
                self.ledger.failures.append(repr(failure))
                return


class Writer(Worker):
    """Writes, overwrites and deletes objects; every tenth is big enough to be a file of its own."""

    def __init__(self, s3, bucket, *arguments):
        super().__init__(*arguments)
        self.s3, self.bucket = s3, bucket

    def work(self):
        key = f"{self.seed}/{self.random.randrange(self.turn)}"
        size = self.random.choice([10, 3000, 60_000] * 3 + [400_000])
        delete = self.turn % 7 == 0
        version = DELETED if delete else self.turn
        self.ledger.attempted.setdefault(key, []).append(version)
        written = set()
        if delete:
            self.s3.delete_object(Bucket=self.bucket, Key=key)
        else:
            body = content(key, version, size)
            written.add((key, hashlib.md5(body).hexdigest()))
            self.ledger.maybe_written.update(written)
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

        def note():
            self.ledger.promised[key] = version
            self.ledger.written.update(written)

        self.ledger.acknowledge(note)


class Sender(Worker):
    """Sends messages."""

    def __init__(self, sqs, url, *arguments):
        super().__init__(*arguments)
        self.sqs, self.url = sqs, url

    def work(self):
        bodies = [f"{self.seed}-{self.turn}-{index}" for index in range(self.random.choice([1, 10]))]
        self.ledger.maybe_sent.update(bodies)
        if len(bodies) == 1:
            self.sqs.send_message(QueueUrl=self.url, MessageBody=bodies[0])
        else:
            entries = [{"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies)]
            answer = self.sqs.send_message_batch(QueueUrl=self.url, Entries=entries)
            assert len(answer["Successful"]) == len(bodies), answer
        self.ledger.acknowledge(lambda: self.ledger.sent.update(bodies))


class Taker(Worker):
    """Receives messages and deletes them."""

    def __init__(self, sqs, url, *arguments):
        super().__init__(*arguments)
        self.sqs, self.url = sqs, url

    def work(self):
        for message in self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=2).get("Messages", []):
            body = message["Body"]
            assert body not in self.ledger.taken, f"{body} was deleted and came back"
            self.ledger.maybe_taken.add(body)
            self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
            self.ledger.acknowledge(lambda body=body: self.ledger.taken.add(body))
