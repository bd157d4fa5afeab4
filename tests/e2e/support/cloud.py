"""The real binary: started as a user starts it, on a free port, with a data directory of its own."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import boto3
import psutil
from botocore.config import Config

from support import http

# Far longer than anything takes; only a failing test waits for it.
LIMIT = 60

REPOSITORY = Path(__file__).resolve().parents[3]


def binary():
    """The program under test: `CLOUDTWIN_BINARY`, else the release build."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    program = Path(os.environ.get("CLOUDTWIN_BINARY", target / "release" / "cloudtwin"))
    assert program.is_file(), f"{program} is not there: run ./test, or cargo build --release"
    return program


def free_port():
    """A port that is free, and free again for the server that starts after this one.

    It is below those that the system hands out: while the server is away, no connection of another
    story can be given its port.
    """
    while True:
        port = random.randrange(10_000, 30_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def clean_environment(home, **more):
    """The environment of a user who has configured nothing, so that no test depends on the developer's."""
    # The tools of the virtual environment (aws, awslocal, tflocal) are the ones that are found.
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {
        "PATH": path,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "AWS_EC2_METADATA_DISABLED": "true",
        "OVERRIDE_IN_DOCKER": "0",
        **{name: str(value) for name, value in more.items()},
    }


class Cloud:
    """One server process after another on the same data directory and port."""

    def __init__(self, home, arguments=(), environment=None):
        self.home = Path(home)
        self.home.mkdir(parents=True, exist_ok=True)
        self.data_dir = self.home / "data"
        self.log_path = self.home / "cloudtwin.log"
        self.arguments = list(arguments)
        self.environment = environment or {}
        self.port = None
        self.process = None
        self.sessions = []

    # Life and death.

    def start(self):
        """Starts the server and returns when it has said `Ready.`."""
        assert self.process is None, "it runs already"
        self.port = self.port or free_port()
        command = [binary(), "start", "--port", str(self.port), "--data-dir", self.data_dir, *self.arguments]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                env=clean_environment(self.home, **self.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        self.sessions.append(self.process.pid)
        watchdog = threading.Timer(LIMIT, self.process.kill)
        watchdog.start()
        try:
            line = self.process.stdout.readline()
        finally:
            watchdog.cancel()
        if line != b"Ready.\n":
            self.process.kill()
            self.process.wait()
            self.process = None
            raise AssertionError(f"not ready: {line!r}\n{self.log()}")
        return self

    def stop(self):
        """Stops it as `docker stop` does; it must end by itself and without complaint."""
        self.process.send_signal(signal.SIGTERM)
        status = self._wait()
        assert status == 0, f"ended with {status}\n{self.log()}"

    def kill(self):
        """The end without warning: `kill -9`."""
        self.process.kill()
        assert self._wait() == -signal.SIGKILL

    def restart(self):
        self.stop()
        return self.start()

    def _wait(self):
        process, self.process = self.process, None
        try:
            return process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"it did not end within {LIMIT} s\n{self.log()}") from None
        finally:
            process.stdout.close()

    def end(self):
        """Ends it after the test and makes sure that nothing is left of it."""
        try:
            if self.process is not None:
                assert self.process.poll() is None, f"it has ended by itself\n{self.log()}"
                self.stop()
        finally:
            left = [process for session in self.sessions for process in processes_of_session(session)]
            for process in left:
                process.kill()
        assert not left, f"processes were left behind: {left}"
        assert "panicked" not in self.log(), self.log()

    def memory(self):
        """Resident memory in bytes."""
        return psutil.Process(self.process.pid).memory_info().rss

    # What it says.

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def get(self, path, **options):
        return http.request("GET", self.url + path, **options)

    def post(self, path, body=b"", **options):
        return http.request("POST", self.url + path, body, **options)

    def advance_clock(self, seconds):
        """Lets time pass for the services."""
        answer = self.post("/_cloudtwin/clock", json.dumps({"advance_seconds": seconds}))
        assert answer.status == 200, answer
        return answer.json()

    # Who talks to it.

    def client(self, service, key="test", secret="test", token=None, region="us-east-1", **options):
        """A boto3 client. It never retries, so that no failure hides."""
        settings = {"retries": {"total_max_attempts": 1}, "read_timeout": LIMIT, **options.pop("config", {})}
        return boto3.session.Session().client(
            service,
            endpoint_url=options.pop("endpoint_url", self.url),
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            region_name=region,
            config=Config(**settings),
            **options,
        )

    def tool_environment(self, **more):
        """What a user exports before using a tool on this cloud."""
        exported = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        return clean_environment(self.home, **{**exported, **more})

    def run(self, *command, status=0, input=None, cwd=None, environment=None, timeout=LIMIT):
        """Runs a tool on this cloud and returns what it printed."""
        done = subprocess.run(
            [str(word) for word in command],
            env=self.tool_environment(**(environment or {})),
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            cwd=cwd or self.home,
            timeout=timeout,
        )
        said = f"{' '.join(str(word) for word in command)}\n{done.stdout}\n{done.stderr}"
        assert status is None or done.returncode == status, f"status {done.returncode}: {said}"
        return done

    def aws(self, *words, **options):
        """The AWS CLI; returns its output as JSON where there is some."""
        output = self.run("aws", *words, "--output", "json", **options).stdout
        return json.loads(output) if output.startswith(("{", "[", '"')) else output

    def command(self, *words, **options):
        """Our own command line, about this server."""
        return self.run(binary(), *words, "--data-dir", self.data_dir, **options)


def processes_of_session(session):
    """The processes that a server has left, those included that moved to a group of their own."""
    found = []
    for pid in psutil.pids():
        try:
            if os.getsid(pid) == session and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(psutil.Process(pid))
        except (ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            continue
    return found
