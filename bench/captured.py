"""HTTP requests as boto3 signs them, captured in place of being sent."""
import re
from urllib.parse import urlsplit

NUM, HANDLE, LEN = "N0N0N0N0N0", "HANDLE0HANDLE", "LEN0LEN"  # wrk.lua fills the last two in


class Raw(Exception):
    """One request; raised to keep boto3 from sending it."""

    def __init__(self, request):
        u = urlsplit(request.url)
        self.method, self.target = request.method, u.path + ("?" + u.query if u.query else "")
        body = request.body or b""
        self.body = body.read() if hasattr(body, "read") else body.encode() if isinstance(body, str) else bytes(body)
        text = lambda v: v.decode() if isinstance(v, bytes) else str(v)
        self.headers = [("Host", u.netloc)] + [  # 'Expect' is not signed, and wrk can't follow it
            (k, text(v)) for k, v in request.headers.items() if k.lower() not in ("expect", "host")]

    def frame(self):
        """Its bytes on the wire, with a place for the length where a receipt handle will be filled in."""
        head = "".join(f"{k}: {v}\r\n" for k, v in self.headers)
        if HANDLE.encode() in self.body:
            head = re.sub(r"(?i)(content-length: )\d+", r"\g<1>" + LEN, head)
        return f"{self.method} {self.target} HTTP/1.1\r\n{head}\r\n".encode() + self.body

    def send(self, conn, number=None, into=None):
        """Its status and body; only the body's size when read into a buffer."""
        fill = (lambda b: b) if number is None else (lambda b: b.replace(NUM.encode(), b"%010d" % number))
        conn.putrequest(self.method, fill(self.target.encode()).decode(), skip_host=True, skip_accept_encoding=True)
        for k, v in self.headers:
            conn.putheader(k, v)
        conn.endheaders(fill(self.body) or None)
        r, size = conn.getresponse(), 0
        if into is None:
            return r.status, r.read()
        while n := r.readinto(into):
            size += n
        return r.status, size


def divert(request, **_):
    raise Raw(request)


def capture(server, service, operation, arguments):
    client = server.client(service, "capture")
    client.meta.events.register("before-send", divert, unique_id="divert")
    try:
        getattr(client, operation)(**arguments)
    except Raw as raw:
        return raw
