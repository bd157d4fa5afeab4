"""An application as its developer writes it: a job puts its results into a bucket, the bucket notifies a
queue, and the application drains the queue, fetches the results and submits them as metrics."""

import json
import urllib.parse


class FakeStatsd:
    """Collects what the application would submit to Datadog."""

    def __init__(self):
        self.gauges, self.events = [], []

    def gauge(self, metric, value, tags=None, sample_rate=None):
        self.gauges.append((metric, value))

    def event(self, title, text, alert_type=None, **_):
        self.events.append((title, alert_type))


class CloudResourceHandler:
    """Everything that the application does with AWS."""

    def __init__(self, s3, sqs, queue_url):
        self.s3, self.sqs, self.queue_url = s3, sqs, queue_url
        self.messages = []

    def has_available_messages(self):
        answer = self.sqs.receive_message(
            QueueUrl=self.queue_url, WaitTimeSeconds=0, VisibilityTimeout=15, MaxNumberOfMessages=10
        )
        self.messages = answer.get("Messages", [])
        return bool(self.messages)

    def read(self, bucket, key):
        return json.load(self.s3.get_object(Bucket=bucket, Key=key)["Body"])

    def delete(self, message):
        self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])


class MetricSubmitter:
    def __init__(self, handler, statsd):
        self.handler, self.statsd = handler, statsd

    def run(self):
        while self.handler.has_available_messages():
            for message in self.handler.messages:
                for bucket, key in objects_of(message["Body"]):
                    self.submit(bucket, key)
                self.handler.delete(message)

    def submit(self, bucket, key):
        try:
            results = self.handler.read(bucket, key)
        except ValueError:
            self.statsd.event("job results are not readable", key, alert_type="error")
            return
        for metric, value in results.items():
            self.statsd.gauge(f"job.{metric}", value)


def objects_of(body):
    """Bucket and key of every record in a notification; the test event that S3 sends first has none."""
    return [
        (record["s3"]["bucket"]["name"], urllib.parse.unquote_plus(record["s3"]["object"]["key"]))
        for record in json.loads(body).get("Records", [])
    ]


def drain(sqs, queue_url):
    """All messages that can be received now, deleted."""
    messages = []
    while received := sqs.receive_message(
        QueueUrl=queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"]
    ).get("Messages"):
        messages += received
        entries = [
            {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]} for index, message in enumerate(received)
        ]
        answer = sqs.delete_message_batch(QueueUrl=queue_url, Entries=entries)
        assert not answer.get("Failed"), answer
    return messages
