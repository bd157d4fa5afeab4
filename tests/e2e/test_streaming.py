"""Objects of any size: in and out as they come, never as a whole in memory."""

import hashlib
import io
import random
import threading

import pytest
from boto3.s3.transfer import TransferConfig

from support.errors import refusal

GIB = 1 << 30
MIB = 1 << 20
FLAT = 150 * MIB


class Pattern(io.RawIOBase):
    """A file of any length that takes no memory: a block that is repeated, with its number in front."""

    BLOCK = random.Random(5).randbytes(MIB - 8)

    def __init__(self, length):
        self.length, self.position = length, 0

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=io.SEEK_SET):
        self.position = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.length}[whence] + offset
        return self.position

    def tell(self):
        return self.position

    def read(self, size=-1):
        left = self.length - self.position
        size = left if size is None or size < 0 else min(size, left)
        first, offset = divmod(self.position, MIB)
        blocks = range(first, (self.position + size + MIB - 1) // MIB)
        self.position += size
        return b"".join(number.to_bytes(8, "big") + self.BLOCK for number in blocks)[offset : offset + size]


def digest(stream):
    result = hashlib.sha256()
    while part := stream.read(MIB):
        result.update(part)
    return result.hexdigest()


class MemoryWatch(threading.Thread):
    """Remembers the highest memory use of a cloud."""

    def __init__(self, cloud):
        super().__init__(daemon=True)
        self.cloud, self.highest, self.over = cloud, 0, threading.Event()

    def __enter__(self):
        self.start()
        return self

    def run(self):
        while not self.over.wait(0.02):
            self.highest = max(self.highest, self.cloud.memory())

    def __exit__(self, *_):
        self.over.set()
        self.join()


@pytest.mark.slow(seconds=20)
def test_a_gibibyte_flows_through_in_flat_memory(own_cloud):
    s3 = own_cloud.client("s3")
    s3.create_bucket(Bucket="large")
    expected = digest(Pattern(GIB))
    with MemoryWatch(own_cloud) as watch:
        s3.put_object(Bucket="large", Key="one", Body=Pattern(GIB))
        found = s3.get_object(Bucket="large", Key="one")
        assert found["ContentLength"] == GIB
        assert digest(found["Body"]) == expected
        s3.copy_object(Bucket="large", Key="two", CopySource={"Bucket": "large", "Key": "one"})
        assert s3.get_object(Bucket="large", Key="two", Range="bytes=-8")["Body"].read() == Pattern.BLOCK[-8:]
    print(f"{watch.highest >> 20} MiB at most")
    assert watch.highest < FLAT, f"{watch.highest >> 20} MiB"


@pytest.mark.slow(seconds=20)
def test_a_gibibyte_in_parts_takes_no_more_memory(own_cloud):
    s3 = own_cloud.client("s3")
    s3.create_bucket(Bucket="large")
    config = TransferConfig(multipart_chunksize=32 * MIB, max_concurrency=4)
    with MemoryWatch(own_cloud) as watch:
        s3.upload_fileobj(Pattern(GIB), "large", "parts", Config=config)
        head = s3.head_object(Bucket="large", Key="parts")
        assert head["ContentLength"] == GIB and head["ETag"].endswith('-32"')
        assert digest(s3.get_object(Bucket="large", Key="parts")["Body"]) == digest(Pattern(GIB))
    print(f"{watch.highest >> 20} MiB at most")
    assert watch.highest < FLAT, f"{watch.highest >> 20} MiB"


def test_many_slow_readers_cost_little(own_cloud):
    s3 = own_cloud.client("s3", config={"max_pool_connections": 40})
    s3.create_bucket(Bucket="large")
    s3.put_object(Bucket="large", Key="k", Body=Pattern(64 * MIB))
    with MemoryWatch(own_cloud) as watch:
        readers = [s3.get_object(Bucket="large", Key="k")["Body"] for _ in range(30)]
        for reader in readers:
            assert reader.read(100) == Pattern(64 * MIB).read(100)
        assert all(reader.read(MIB) for reader in readers)
        for reader in readers:
            reader.close()
    assert watch.highest < FLAT, f"{watch.highest >> 20} MiB"


def test_every_range_of_an_object(s3, bucket):
    data = Pattern.BLOCK[:100_000]
    s3.put_object(Bucket=bucket, Key="k", Body=data)
    for asked, expected in (
        ("bytes=0-0", data[:1]),
        ("bytes=10-19", data[10:20]),
        ("bytes=99990-", data[99990:]),
        ("bytes=-10", data[-10:]),
        ("bytes=-200000", data),
        ("bytes=50000-999999", data[50000:]),
    ):
        found = s3.get_object(Bucket=bucket, Key="k", Range=asked)
        assert found["Body"].read() == expected and found["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert found["ContentRange"].endswith("/100000") and found["ContentLength"] == len(expected)
    assert refusal(s3.get_object, Bucket=bucket, Key="k", Range="bytes=100000-") == (416, "InvalidRange")
    # What is no range asks for everything.
    assert s3.get_object(Bucket=bucket, Key="k", Range="pages=1-2")["Body"].read() == data


def test_the_transfer_manager_uploads_and_downloads_in_parts(s3, bucket, tmp_path):
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=5)
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(Pattern(23 * MIB + 17).readall())
    s3.upload_file(str(source), bucket, "file", Config=config, ExtraArgs={"Metadata": {"a": "b"}, "ContentType": "x/y"})
    head = s3.head_object(Bucket=bucket, Key="file")
    assert head["ETag"].endswith('-5"') and head["Metadata"] == {"a": "b"} and head["ContentType"] == "x/y"
    s3.download_file(bucket, "file", str(back), Config=config)
    assert back.read_bytes() == source.read_bytes()
    part = s3.get_object(Bucket=bucket, Key="file", PartNumber=5)
    assert part["Body"].read() == source.read_bytes()[20 * MIB :] and part["PartsCount"] == 5
    s3.copy({"Bucket": bucket, "Key": "file"}, bucket, "copy", Config=config)
    assert hashlib.sha256(s3.get_object(Bucket=bucket, Key="copy")["Body"].read()).digest() == hashlib.sha256(
        source.read_bytes()
    ).digest()


def test_parts_are_checked_when_they_are_put_together(s3, bucket):
    upload = {"Bucket": bucket, "Key": "k", "UploadId": s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]}
    small = s3.upload_part(**upload, PartNumber=1, Body=b"too small")["ETag"]
    last = s3.upload_part(**upload, PartNumber=2, Body=b"last")["ETag"]

    def complete(*parts):
        entries = [{"PartNumber": number, "ETag": etag} for number, etag in parts]
        return refusal(s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": entries})

    assert complete((1, small), (2, last)) == (400, "EntityTooSmall")
    assert complete((2, last), (1, small)) == (400, "InvalidPartOrder")
    assert complete((1, last)) == (400, "InvalidPart")
    assert complete((3, last)) == (400, "InvalidPart")
    assert refusal(s3.head_object, Bucket=bucket, Key="k") == (404, "404")
    assert len(s3.list_parts(**upload)["Parts"]) == 2
    s3.abort_multipart_upload(**upload)
    assert refusal(s3.list_parts, **upload) == (404, "NoSuchUpload")
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
