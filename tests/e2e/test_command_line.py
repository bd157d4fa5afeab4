"""The commands, as people and their scripts type them; under the name `localstack` too."""

import json
import signal
import subprocess

import psutil
import pytest

from support import http
from support.cloud import LIMIT, binary, clean_environment
from support.waiting import eventually


def runs(pid):
    """Whether a process lives. One that has ended may wait for somebody to ask how."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def port_of(status):
    return status["url"].rsplit(":", 1)[1]


class Shell:
    """A user's shell, with a data directory that all commands find in the environment."""

    def __init__(self, home):
        self.home = home
        self.bin = home / "bin"
        self.bin.mkdir()
        for name in ("cloudtwin", "localstack"):
            (self.bin / name).symlink_to(binary())
        self.environment = clean_environment(home, CLOUDTWIN_DATA_DIR=home / "data")

    def __call__(self, *words, status=0, **environment):
        command = self.bin / words[0] if words[0] in ("cloudtwin", "localstack") else words[0]
        done = subprocess.run(
            [command, *words[1:]],
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        assert done.returncode == status, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def status(self):
        return json.loads(self("cloudtwin", "status", "--format", "json").stdout)

    def processes(self):
        """What still runs on the data directory."""
        ours = self.environment["CLOUDTWIN_DATA_DIR"]
        everybody = psutil.process_iter(["environ"])
        return [one for one in everybody if (one.info["environ"] or {}).get("CLOUDTWIN_DATA_DIR") == ours]


@pytest.fixture
def shell(tmp_path):
    shell = Shell(tmp_path)
    yield shell
    left = shell.processes()
    for process in left:
        process.kill()
    assert not left, f"left running: {left}"


@pytest.mark.parametrize("name", ["cloudtwin", "localstack"])
def test_the_life_of_a_server_in_the_background(shell, name):
    assert shell(name, "start", "-d", "-e", "GATEWAY_LISTEN=127.0.0.1:0").stdout.endswith("Ready.\n")
    shell(name, "wait", "-t", "30")
    status = shell.status()
    assert status["running"] and runs(status["pid"])
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    made = shell("aws", "--endpoint-url", status["url"], "s3", "mb", "s3://made", **keys)
    assert made.stdout == "make_bucket: made\n"
    services = json.loads(shell(name, "status", "services", "--format", "json").stdout)
    assert services["s3"] == "running" and services["sqs"] == "available"
    assert "s3" in shell(name, "status", "services").stdout
    assert "listening on http://127.0.0.1:" in shell(name, "logs").stdout
    assert shell(name, "stop").stdout == f"stopped the server at {status['url']} (pid {status['pid']})\n"
    # Stopped means stopped: process, port and data directory can be had at once.
    assert not runs(status["pid"]) and not shell.processes()
    shell(name, "status", status=1)
    shell(name, "start", "-d", "-e", f"GATEWAY_LISTEN=127.0.0.1:{port_of(status)}")
    listed = shell("aws", "--endpoint-url", status["url"], "s3", "ls", **keys)
    assert listed.stdout.endswith(" made\n")
    shell(name, "stop")


def test_nobody_can_be_stopped_twice(shell):
    shell("cloudtwin", "start", "-d", "--port", "0")
    shell("cloudtwin", "stop")
    again = shell("cloudtwin", "stop", status=1)
    assert f"no server runs with the data directory {shell.home / 'data'}" in again.stderr


def test_a_second_server_on_the_same_data_is_refused(shell):
    shell("cloudtwin", "start", "-d", "--port", "0")
    first = shell.status()
    second = shell("cloudtwin", "start", "-d", "--port", "0", status=5)
    assert f"is in use by the server with pid {first['pid']} at {first['url']}; stop that one" in second.stderr
    assert shell.status()["pid"] == first["pid"]
    shell("cloudtwin", "stop")


def test_a_restart_keeps_everything(shell):
    shell("cloudtwin", "start", "-d", "--port", "0")
    before = shell.status()
    bucket = f"{before['url']}/kept-bucket"
    assert http.request("PUT", bucket).status == 200
    shell("cloudtwin", "restart")
    # It is the same process, so only its log tells that it has begun anew.
    eventually(lambda: shell("cloudtwin", "logs").stdout.count("milliseconds=") == 2)
    after = shell.status()
    assert after["pid"] == before["pid"]
    assert http.request("HEAD", f"{after['url']}/kept-bucket").status == 200
    shell("cloudtwin", "stop")


def test_logs_are_followed_until_the_server_ends(shell):
    shell("cloudtwin", "start", "-d", "--port", "0")
    follower = subprocess.Popen(
        [shell.bin / "cloudtwin", "logs", "--follow"], env=shell.environment, stdout=subprocess.PIPE, text=True
    )
    for line in follower.stdout:
        if "ready" in line:
            break
    shell("cloudtwin", "stop")
    assert "stopped" in follower.stdout.read()
    assert follower.wait(LIMIT) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_in_the_foreground_ends_with_its_signal(shell, number):
    command = [shell.bin / "cloudtwin", "start", "--port", "0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    server = subprocess.Popen(command, env=shell.environment, **pipes)
    assert server.stdout.readline() == b"Ready.\n"
    server.send_signal(number)
    _, log = server.communicate(timeout=LIMIT)
    assert server.returncode == 0, log


def test_misspelt_settings_are_pointed_out(shell):
    started = shell("cloudtwin", "start", "-d", "--port", "0", PERSISTANCE="1", LOCALSTACK_SERVICE="s3")
    assert "unknown setting PERSISTANCE: did you mean PERSISTENCE?" in started.stderr
    assert "unknown setting LOCALSTACK_SERVICE: did you mean LOCALSTACK_SERVICES?" in started.stderr
    shell("cloudtwin", "stop")


def test_a_port_that_is_taken_is_named(shell):
    shell("cloudtwin", "start", "-d", "--port", "0")
    port = port_of(shell.status())
    other = shell("cloudtwin", "start", "--port", port, "--data-dir", str(shell.home / "other"), status=3)
    assert f"cannot listen on 127.0.0.1:{port}: the port is in use" in other.stderr
    shell("cloudtwin", "stop")


def test_waiting_for_nobody_ends(shell):
    done = shell("cloudtwin", "wait", "-t", "0.3", "--port", "1", status=1)
    assert "timeout" in done.stderr


def test_where_a_setting_comes_from_is_shown(shell):
    shown = json.loads(shell("cloudtwin", "config", "show", "--format", "json", LOCALSTACK_DEBUG="1").stdout)
    debug = shown["settings"]["DEBUG"]
    assert (debug["value"], debug["origin"]) == ("1", "environment LOCALSTACK_DEBUG")


def test_the_version_is_told(shell):
    assert shell("cloudtwin", "--version").stdout.startswith("cloudtwin ")
    assert shell("localstack", "--version").stdout.strip()
