"use strict";
// Uploads of unknown length, presigned addresses and identities with the AWS SDK for JavaScript.

const assert = require("node:assert/strict");
const { Readable } = require("node:stream");
const { createHash } = require("node:crypto");
const { S3Client, CreateBucketCommand, GetObjectCommand, HeadObjectCommand, PutObjectCommand } = require("@aws-sdk/client-s3");
const { Upload } = require("@aws-sdk/lib-storage");
const { getSignedUrl } = require("@aws-sdk/s3-request-presigner");
const { IAMClient, CreateAccessKeyCommand, CreateRoleCommand, CreateUserCommand } = require("@aws-sdk/client-iam");
const { STSClient, AssumeRoleCommand, GetCallerIdentityCommand } = require("@aws-sdk/client-sts");

const options = { maxAttempts: 1 };
const Bucket = "uploads";
const s3 = new S3Client({ ...options, forcePathStyle: true });

function* pieces(count) {
  for (let index = 0; index < count; index += 1) yield Buffer.alloc(1 << 20, index % 251);
}

function digest(buffers) {
  const hash = createHash("sha256");
  for (const buffer of buffers) hash.update(buffer);
  return hash.digest("hex");
}

async function streamed() {
  const upload = new Upload({
    client: s3,
    params: { Bucket, Key: "stream", Body: Readable.from(pieces(17)), ContentType: "application/x-test" },
    queueSize: 3,
    partSize: 5 << 20,
  });
  const { ETag } = await upload.done();
  assert.match(ETag, /-4"$/);
  const { Body, ContentLength, ContentType } = await s3.send(new GetObjectCommand({ Bucket, Key: "stream" }));
  assert.equal(ContentLength, 17 << 20);
  assert.equal(ContentType, "application/x-test");
  assert.equal(digest([await Body.transformToByteArray()]), digest(pieces(17)));
}

async function checksums() {
  for (const ChecksumAlgorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]) {
    const Key = ChecksumAlgorithm;
    const put = await s3.send(new PutObjectCommand({ Bucket, Key, Body: "checked", ChecksumAlgorithm }));
    const name = `Checksum${ChecksumAlgorithm}`;
    assert.ok(put[name], name);
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
    assert.equal(head[name], put[name]);
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
    assert.equal(await Body.transformToString(), "checked");
  }
}

async function presigned() {
  const put = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: "signed" }), { expiresIn: 60 });
  assert.equal((await fetch(put, { method: "PUT", body: "by address" })).status, 200);
  const get = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "signed" }), { expiresIn: 60 });
  assert.equal(await (await fetch(get)).text(), "by address");
}

async function identities() {
  const iam = new IAMClient({ ...options, region: "us-east-1" });
  const { User } = await iam.send(new CreateUserCommand({ UserName: "js" }));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: "js" }));
  const credentials = { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey };
  const sts = new STSClient({ ...options, credentials });
  assert.equal((await sts.send(new GetCallerIdentityCommand({}))).Arn, User.Arn);
  const { Role } = await iam.send(
    new CreateRoleCommand({
      RoleName: "js",
      AssumeRolePolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Principal: { AWS: User.Arn }, Action: "sts:AssumeRole" }],
      }),
    }),
  );
  const { Credentials: assumed } = await sts.send(
    new AssumeRoleCommand({ RoleArn: Role.Arn, RoleSessionName: "story" }),
  );
  const session = {
    accessKeyId: assumed.AccessKeyId,
    secretAccessKey: assumed.SecretAccessKey,
    sessionToken: assumed.SessionToken,
  };
  const { Arn } = await new STSClient({ ...options, credentials: session }).send(new GetCallerIdentityCommand({}));
  assert.equal(Arn, "arn:aws:sts::000000000000:assumed-role/js/story");
  const wrong = { ...credentials, secretAccessKey: "wrong" };
  await assert.rejects(
    new STSClient({ ...options, credentials: wrong }).send(new GetCallerIdentityCommand({})),
    (error) => error.name === "SignatureDoesNotMatch" && error.$metadata.httpStatusCode === 403,
  );
}

async function main() {
  await s3.send(new CreateBucketCommand({ Bucket }));
  for (const story of [streamed, checksums, presigned, identities]) {
    await story();
    console.log(story.name);
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
