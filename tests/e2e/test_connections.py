"""HTTP/1.1, HTTP/2 and TLS on the one port."""

import json

import pytest


@pytest.fixture
def curl(cloud):
    def run(*words, **options):
        return cloud.run("curl", "--silent", "--show-error", "--noproxy", "*", *words, **options).stdout

    return run


WHICH = ("--write-out", "\n%{http_version} %{http_code}")


def test_every_version_of_http_on_one_port(cloud, curl):
    for words, expected in (
        (["--http1.1", cloud.url], "1.1 200"),
        (["--http1.0", cloud.url], "1.1 200"),
        (["--http2-prior-knowledge", cloud.url], "2 200"),
        (["--http2", "--insecure", f"https://localhost:{cloud.port}"], "2 200"),
        (["--http1.1", "--insecure", f"https://localhost:{cloud.port}"], "1.1 200"),
    ):
        *options, url = words
        printed = curl(*WHICH, *options, f"{url}/_localstack/health")
        body, version = printed.rsplit("\n", 1)
        assert version in (expected, expected.replace("1.1", "1") if "1.0" in options[0] else expected), (words, version)
        assert json.loads(body)["services"]["s3"] in ("available", "running")


def test_uploads_and_downloads_over_http2(cloud, curl, s3, bucket, tmp_path):
    (tmp_path / "file").write_bytes(bytes(range(256)) * 20_000)
    url = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "h2"})
    printed = curl(*WHICH, "--http2-prior-knowledge", "--upload-file", tmp_path / "file", url)
    assert printed.endswith("\n2 200"), printed
    url = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "h2"})
    curl("--http2-prior-knowledge", "--output", tmp_path / "back", url)
    assert (tmp_path / "back").read_bytes() == (tmp_path / "file").read_bytes()


def test_sdks_trust_the_certificate_that_the_server_hands_out(cloud, tmp_path, name):
    authority = tmp_path / "ca.pem"
    authority.write_bytes(cloud.get("/_cloudtwin/ca.pem").body)
    s3 = cloud.client("s3", endpoint_url=f"https://localhost:{cloud.port}", verify=str(authority))
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"encrypted on the way")
    assert s3.get_object(Bucket=name, Key="k")["Body"].read() == b"encrypted on the way"
    environment = {"AWS_ENDPOINT_URL": f"https://localhost:{cloud.port}", "AWS_CA_BUNDLE": authority}
    assert cloud.aws("s3", "cp", f"s3://{name}/k", "-", environment=environment) == "encrypted on the way"
    shown = cloud.command("config", "show", "--ca-certificate").stdout
    assert shown == authority.read_text()


def test_the_certificate_stays_the_same_after_a_restart(own_cloud):
    before = own_cloud.get("/_cloudtwin/ca.pem").body
    own_cloud.restart()
    assert own_cloud.get("/_cloudtwin/ca.pem").body == before


def test_queue_urls_of_a_tls_client_begin_with_https(cloud, name):
    sqs = cloud.client("sqs", endpoint_url=f"https://localhost:{cloud.port}", verify=False)
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    assert url.startswith("https://") and url.endswith(f"/000000000000/{name}")
    sqs.send_message(QueueUrl=url, MessageBody="x")


def test_a_hundred_requests_share_one_connection(cloud, curl):
    urls = [f"{cloud.url}/_localstack/health"] * 100
    printed = curl("--write-out", "%{num_connects}\n", *(word for url in urls for word in ("-o", "/dev/null", url)))
    assert sum(int(line) for line in printed.split()) == 1


def test_every_answer_names_its_request(cloud, s3, sqs):
    for metadata in (s3.list_buckets()["ResponseMetadata"], sqs.list_queues()["ResponseMetadata"]):
        assert metadata["RequestId"]
        assert "x-localstack" in metadata["HTTPHeaders"] and "date" in metadata["HTTPHeaders"]
        (record,) = cloud.get(f"/_cloudtwin/requests?request_id={metadata['RequestId']}").json()["requests"]
        assert record["status"] == 200
