"""A server under test: how to start it, stop it, and see what it takes from the machine."""
import http.client, os, re, shlex, signal, socket, subprocess, tempfile, time
from pathlib import Path
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from captured import capture

TICK = os.sysconf("SC_CLK_TCK")


class Server:
    """`command` may start with VAR=value; `{port}` and `{data}` are filled in."""

    def __init__(self, name, command, logs, canned=False):
        self.name, self.command = name, command
        self.canned = canned  # gives canned answers: there is nothing to set up or to check
        self.log, self.proc, self.clients = logs / f"{name}.log", None, {}
        self.home = tempfile.TemporaryDirectory(prefix=f"bench-{name}-")
        self.fresh()

    def fresh(self):
        """Lets the next start begin with an empty data directory."""
        self.data = tempfile.mkdtemp(dir=self.home.name)

    def start(self, timeout=60):
        """Spawns it; seconds until S3 ListBuckets answers 200."""
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.url, self.clients = f"http://127.0.0.1:{port}", {}
        self.signer = "test", "test"  # id and secret of the key that signs what is captured
        words = shlex.split(self.command.replace("{port}", str(port)).replace("{data}", self.data))
        # Settings of the user who runs this would make figures that nobody else can repeat.
        env = {"PATH": os.environ["PATH"], "HOME": self.home.name}
        while "=" in words[0]:
            env.update([words.pop(0).split("=", 1)])
        probe = capture(self, "s3", "list_buckets", {})
        with open(self.log, "ab") as log:
            begun = time.perf_counter()
            self.proc = subprocess.Popen(words, env=env, stdout=log, stderr=log, start_new_session=True)
        while (took := time.perf_counter() - begun) < timeout:
            try:
                if probe.send(self.connect())[0] == 200:
                    return time.perf_counter() - begun
            except (OSError, http.client.HTTPException):
                pass
            if self.proc.poll() is not None:
                raise RuntimeError(f"{self.name} exited {self.proc.returncode}; see {self.log}")
            time.sleep(0.001)
        raise RuntimeError(f"{self.name} did not answer in {timeout} s; see {self.log}")

    def stop(self, *signals):
        """Ends it, politely first."""
        for sig in signals or (signal.SIGTERM, signal.SIGKILL):
            if self.proc:
                try:
                    os.killpg(self.proc.pid, sig)
                    self.proc.wait(10)
                    self.proc = None
                except (subprocess.TimeoutExpired, ProcessLookupError):
                    pass

    def connect(self):
        return http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)

    def client(self, service, use="call"):
        if (service, use) not in self.clients:
            key_id, secret = self.signer if use == "capture" else ("test", "test")
            self.clients[service, use] = boto3.client(
                service, endpoint_url=self.url, region_name="us-east-1",
                aws_access_key_id=key_id, aws_secret_access_key=secret,
                config=Config(retries={"total_max_attempts": 1}, read_timeout=120, s3={"addressing_style": "path"}))
        return self.clients[service, use]

    def sign_as(self, key_id, secret):
        """Has what is captured from now on signed with this key."""
        self.signer = key_id, secret
        self.clients = {(s, use): client for (s, use), client in self.clients.items() if use != "capture"}

    def tree_sum(self, read):
        """Sums read(/proc/PID) over its process and all descendants."""
        kids = {}
        for stat in Path("/proc").glob("[0-9]*/stat") if self.proc else ():
            try:
                parent = int(stat.read_text().rsplit(")", 1)[1].split()[1])
                kids.setdefault(parent, []).append(int(stat.parent.name))
            except OSError:
                pass
        todo, total = [self.proc.pid] if self.proc else [], 0
        while todo:
            pid = todo.pop()
            todo += kids.get(pid, [])
            try:
                total += read(Path(f"/proc/{pid}"))
            except (OSError, TypeError):  # ended meanwhile
                pass
        return total

    def memory_mib(self, field="VmRSS"):
        """Resident memory; `VmHWM` is its peak since the start or since `forget_peak`."""
        return self.tree_sum(lambda p: int(re.search(rf"{field}:\s+(\d+)", (p / "status").read_text())[1])) / 1024

    def forget_peak(self):
        self.tree_sum(lambda p: (p / "clear_refs").write_text("5"))

    def cpu_s(self):
        return self.tree_sum(lambda p: sum(map(int, (p / "stat").read_text().rsplit(")", 1)[1].split()[11:13]))) / TICK

    def quiesce(self, limit=30):
        """Waits out work left over from the last run, so that it can't disturb the next server's."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            before = self.cpu_s()
            time.sleep(0.2)
            if self.cpu_s() - before <= 0.04:
                return
