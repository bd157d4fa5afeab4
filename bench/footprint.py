"""Start-up times, memory and size."""
import os, signal, time

from captured import NUM, capture

MIB, GIB = 1 << 20, 1 << 30


def put_objects(server, count):
    server.client("s3").create_bucket(Bucket="ten-thousand")
    raw = capture(server, "s3", "put_object", dict(Bucket="ten-thousand", Key="o" + NUM, Body=b"x" * 1024))
    conn = server.connect()
    assert all([raw.send(conn, i)[0] == 200 for i in range(count)]), "a put failed"


def stream_upload(server, size):
    """Seconds that one PUT of `size` bytes takes, sent 1 MiB at a time."""
    server.client("s3").create_bucket(Bucket="large")
    url = server.client("s3").generate_presigned_url("put_object", Params=dict(Bucket="large", Key="object"))
    conn, chunk = server.connect(), os.urandom(MIB)
    begun = time.perf_counter()
    conn.putrequest("PUT", url.removeprefix(server.url))
    conn.putheader("Content-Length", str(size))
    conn.endheaders()
    for _ in range(size // MIB):
        conn.send(chunk)
    response = conn.getresponse()
    assert response.status == 200, response.read()
    return time.perf_counter() - begun


def starts(server, count, *end):
    """Milliseconds from spawn to the first answer, `count` times; `end` are the signals between them."""
    times = []
    for _ in range(count):
        server.stop(*end)
        times.append(server.start() * 1e3)
    return times


def footprint(server, count):
    """Figures by name: each a list of measurements. The server is left stopped."""
    out = {"first_answer_empty_ms": []}
    for _ in range(count):
        server.stop()
        server.fresh()
        out["first_answer_empty_ms"].append(server.start() * 1e3)
    if not server.canned:
        time.sleep(2)  # "idle" is a state some time after the start
        out["idle_mib"] = [server.memory_mib()]
        out["peak_before_upload_mib"] = [server.memory_mib("VmHWM")]
        server.forget_peak()
        took = stream_upload(server, GIB)
        out["upload_peak_mib"] = [server.memory_mib("VmHWM")]
        out["upload_mib_s"] = [GIB / MIB / took]
        server.stop()
        server.fresh()
        server.start()
        put_objects(server, 10_000)
        out["first_answer_10k_ms"] = starts(server, count)
        time.sleep(2)
        out["idle_10k_mib"] = [server.memory_mib()]
        server.stop()
        server.fresh()
        server.start()
        put_objects(server, 10_000)
        out["first_answer_10k_killed_ms"] = starts(server, count, signal.SIGKILL)
    server.stop()
    return out
