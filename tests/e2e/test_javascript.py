"""Applications that use the AWS SDK for JavaScript (version 3)."""

import os
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent / "javascript"


@pytest.fixture(scope="module")
def cloud(request, clouds):
    """The SDK talks to the host that a queue's URL names. That host needs no DNS if it is the client's own."""
    return clouds(request, SQS_ENDPOINT_STRATEGY="dynamic")


@pytest.fixture
def node(cloud):
    """Runs a script with the SDK's packages, wherever `./test` has put them."""
    modules = Path(os.environ.get("CLOUDTWIN_NODE_MODULES", SCRIPTS / "node_modules"))
    assert modules.is_dir(), f"{modules} is not there: run ./test, or npm ci in {SCRIPTS}"

    def run(script):
        environment = {"NODE_PATH": modules, "AWS_REGION": "us-east-1"}
        return cloud.run("node", SCRIPTS / script, environment=environment, timeout=120).stdout.split()

    return run


def test_an_application_drains_the_queue(node):
    assert node("pipeline.js") == ["drained"]


def test_streams_checksums_presigned_addresses_and_identities(node):
    assert node("uploads.js") == ["streamed", "checksums", "presigned", "identities"]
