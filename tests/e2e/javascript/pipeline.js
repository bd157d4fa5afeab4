"use strict";
// The pipeline of an application that uses the AWS SDK for JavaScript.

const assert = require("node:assert/strict");
const {
  S3Client,
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketNotificationConfigurationCommand,
  PutObjectCommand,
} = require("@aws-sdk/client-s3");
const {
  SQSClient,
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
} = require("@aws-sdk/client-sqs");

// As users write it: where the cloud is comes from AWS_ENDPOINT_URL.
const s3 = new S3Client({ forcePathStyle: true, maxAttempts: 1 });
const sqs = new SQSClient({ maxAttempts: 1 });

async function main() {
  const Bucket = "job-results";
  await s3.send(new CreateBucketCommand({ Bucket }));
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: "job-queue" }));
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["QueueArn"] }),
  );
  await s3.send(
    new PutBucketNotificationConfigurationCommand({
      Bucket,
      NotificationConfiguration: {
        QueueConfigurations: [
          {
            QueueArn: Attributes.QueueArn,
            Events: ["s3:ObjectCreated:*"],
            Filter: { Key: { FilterRules: [{ Name: "suffix", Value: ".json" }] } },
          },
        ],
      },
    }),
  );
  await sqs.send(new PurgeQueueCommand({ QueueUrl }));

  for (const [Key, Body] of [
    ["notes.txt", "nothing"],
    ["date=20200101/metrics.json", JSON.stringify({ images: 7 })],
  ]) {
    await s3.send(new PutObjectCommand({ Bucket, Key, Body }));
  }

  const drained = [];
  for (;;) {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
    if (Messages.length === 0) break;
    for (const { Body, ReceiptHandle } of Messages) {
      for (const record of JSON.parse(Body).Records ?? []) {
        const key = decodeURIComponent(record.s3.object.key.replaceAll("+", " "));
        const object = await s3.send(new GetObjectCommand({ Bucket, Key: key }));
        drained.push([key, JSON.parse(await object.Body.transformToString())]);
      }
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    }
  }
  assert.deepEqual(drained, [["date=20200101/metrics.json", { images: 7 }]]);

  const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket }));
  assert.deepEqual(Contents.map(({ Key }) => Key), ["date=20200101/metrics.json", "notes.txt"]);

  await assert.rejects(
    s3.send(new GetObjectCommand({ Bucket, Key: "date=19700101/metrics.json" })),
    (error) => error.name === "NoSuchKey" && error.$metadata.httpStatusCode === 404,
  );
  await assert.rejects(
    sqs.send(new ReceiveMessageCommand({ QueueUrl: `${QueueUrl}-not` })),
    (error) => error.name === "QueueDoesNotExist",
  );
  console.log("drained");
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
