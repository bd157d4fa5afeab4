"""Plain HTTP, for what no SDK can be made to send."""

import http.client
import json
import select
import socket
import urllib.parse


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode(errors="replace")

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {dict(self.headers)} {self.text[:2000]}"


def request(method, url, body=None, headers=None, timeout=60):
    """Sends the target of the URL as it is: nothing is normalised."""
    parts = urllib.parse.urlsplit(url)
    target = url.split(parts.netloc, 1)[1] or "/"
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    if isinstance(body, dict):
        body = urllib.parse.urlencode(body)
        headers = {"content-type": "application/x-www-form-urlencoded", **(headers or {})}
    try:
        connection.request(method, target, body, headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def send_raw(port, data, finish=True):
    """Sends bytes and returns all that comes back until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as stream:
        stream.sendall(data)
        if finish:
            stream.shutdown(socket.SHUT_WR)
        received = b""
        while part := stream.recv(65536):
            received += part
        return received


def send_until_refused(port, head, limit):
    """Sends a head and then zeros until the server answers; returns the beginning of its answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as stream:
        stream.sendall(head)
        zeros, sent = bytes(1 << 16), 0
        while sent < limit:
            ready, _, _ = select.select([stream], [], [], 0)
            if ready and not (answer := stream.recv(1000)).startswith(b"HTTP/1.1 100"):
                return answer
            try:
                stream.sendall(zeros)
            except (BrokenPipeError, ConnectionResetError):
                return stream.recv(1000)
            sent += len(zeros)
    raise AssertionError(f"{limit} bytes were accepted")
