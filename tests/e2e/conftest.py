"""Fixtures: fresh clouds and their clients."""

import itertools
import os
import uuid

import pytest

from support import loopback
from support.cloud import Cloud

loopback.forbid_everything_else()

# Nothing of the developer's own AWS configuration may reach a client.
for name in [name for name in os.environ if name.startswith(("AWS_", "LOCALSTACK_", "BOTO_"))]:
    del os.environ[name]
for name in [name for name in os.environ if name.lower() in ("http_proxy", "https_proxy", "all_proxy")]:
    del os.environ[name]
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull

LOGS = pytest.StashKey[list]()


def pytest_configure(config):
    config.stash[LOGS] = []


def pytest_collection_modifyitems(items):
    """The slowest begin first, so that nobody waits for them alone at the end.

    A worker holds on to the story that it will tell next, so a slow one is followed by a quick one.
    """

    def seconds(item):
        marker = item.get_closest_marker("slow")
        return marker.kwargs.get("seconds", 10) if marker else 0

    slow = sorted((item for item in items if seconds(item)), key=seconds, reverse=True)
    quick = [item for item in items if not seconds(item)]
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    ordered = slow[:workers] + quick[:workers]
    for pair in itertools.zip_longest(slow[workers:], quick[workers:]):
        ordered += [item for item in pair if item]
    items[:] = ordered


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A failing test shows what its clouds have logged."""
    report = yield
    if report.failed:
        for cloud in item.config.stash[LOGS]:
            report.sections.append((f"log of {cloud.home.name}", cloud.log()[-20_000:]))
    return report


@pytest.fixture(scope="session")
def clouds(request, tmp_path_factory):
    """Makes clouds that end together with whoever asked for them: `clouds(request, *arguments)`."""

    def make(owner, *arguments, name="cloud", started=True, **environment):
        cloud = Cloud(tmp_path_factory.mktemp(name), arguments, environment)
        logs = request.config.stash[LOGS]
        logs.append(cloud)
        owner.addfinalizer(lambda: logs.remove(cloud))
        owner.addfinalizer(cloud.end)
        return cloud.start() if started else cloud

    return make


@pytest.fixture(scope="module")
def cloud(request, clouds):
    """A fresh cloud for the stories of one file."""
    return clouds(request)


@pytest.fixture
def own_cloud(request, clouds):
    """A fresh cloud for one story, which may stop and kill it."""
    return clouds(request)


@pytest.fixture(scope="module")
def s3(cloud):
    return cloud.client("s3")


@pytest.fixture(scope="module")
def sqs(cloud):
    return cloud.client("sqs")


@pytest.fixture
def name():
    """A name that nothing else has."""
    return f"story-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def bucket(s3, name):
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def queue(sqs, name):
    return sqs.create_queue(QueueName=name)["QueueUrl"]
