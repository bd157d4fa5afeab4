"""Throughput: round by round, workload by workload, the servers one after the other."""
import json, os, re, resource, statistics, subprocess, tempfile, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from captured import capture
from servers import TICK
from workloads import ALL, BY_USER, State

HERE = Path(__file__).resolve().parent


def run_stream(server, raws, conc, secs):
    """Large bodies: wrk reads 8 KiB at a time and would be the limit; this reads 1 MiB."""
    begun, done = time.perf_counter(), []

    def loop(i):
        conn, into = server.connect(), bytearray(1 << 20)
        while (t := time.perf_counter()) < begun + secs:
            status, _ = raws[i % len(raws)].send(conn, into=into)
            assert status == 200, status
            done.append((time.perf_counter() - t) * 1e3)

    with ThreadPoolExecutor(conc) as pool:
        loops = [pool.submit(loop, i) for i in range(conc)]
    took, ms = time.perf_counter() - begun, sorted(done) or [0]
    return dict(ops=len(done) / took, p50=statistics.median(ms), p99=ms[min(len(ms) - 1, int(len(ms) * 0.99))],
                bad=sum(bool(f.exception()) for f in loops))


def run_wrk(server, mode, raws, conc, secs):
    with tempfile.NamedTemporaryFile() as f:
        for raw in raws:
            f.write(b"%d\n%s" % (len(raw.frame()), raw.frame()))
        f.flush()
        out = subprocess.run(["wrk", "-t1", f"-c{conc}", f"-d{secs}", "--timeout", "60s", "-s", HERE / "wrk.lua", server.url,
                              "--", mode, f.name], capture_output=True, text=True, timeout=secs + 120)
    if not (found := re.search(r"^JSON (.*)$", out.stdout, re.M)):
        raise RuntimeError((out.stdout + out.stderr)[-300:])
    j = json.loads(found[1])
    if mode == "cycle" and j["hits"] < 0.9 * j["requests"] / len(raws):
        raise RuntimeError(f"only {j['hits']} messages received in {j['requests']} requests")
    return dict(ops=(j["requests"] - j["bad_status"]) / j["us"] * 1e6, p50=j["p50"] / 1e3, p99=j["p99"] / 1e3,
                bad=j["socket_errors"] + j["timeouts"] + j["bad_status"])


def busy_s():
    user, nice, system, _, _, irq, soft = map(int, open("/proc/stat").readline().split()[1:8])
    return (user + nice + system + irq + soft) / TICK


def own_s():
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def run(server, plan, conc, secs):
    """One measurement; `cpu` is what the server took of a core, `others` what strangers took."""
    raws = [capture(server, *c) for c in plan.calls]
    server.quiesce()
    before = time.perf_counter(), server.cpu_s(), busy_s(), own_s()
    one = run_stream(server, raws, conc, secs) if plan.mode == "stream" else run_wrk(server, plan.mode, raws, conc, secs)
    took, cpu, busy, own = (b - a for a, b in zip(before, (time.perf_counter(), server.cpu_s(), busy_s(), own_s())))
    server.quiesce()
    return dict(one, cpu=cpu / took, others=max(0, busy - cpu - own) / took)


def checked_plan(st, name):
    plan = (ALL | BY_USER)[name](st)
    service, operation, arguments = plan.calls[0]
    if not st.server.canned and not plan.check(st.call(service, operation, **arguments)):
        raise RuntimeError("wrong answer to " + operation)
    return plan


def load(servers, workloads, connections, rounds, secs, results):
    """Appends every measurement to `results`; returns what failed. A different server goes first each round."""
    failed = {}
    for rnd in range(rounds):
        for s in servers:
            s.fresh()
            s.start()
        states = [State(s, f"{os.getpid()}r{rnd}", secs) for s in servers]
        turn = rnd % len(servers)
        for name, conc in [(n, c) for n in workloads for c in connections]:
            for st in states[turn:] + states[:turn]:
                who = st.server.name
                if f"{who} {name}" in failed:
                    continue
                try:
                    plan = checked_plan(st, name)
                    one = run(st.server, plan, conc, secs)
                    results.append(dict(one, server=who, workload=name, conc=conc, round=rnd))
                    print(rnd, who, name, f"c{conc}", {k: round(v, 3) for k, v in one.items()}, flush=True)
                    for service, operation, arguments in plan.clean:
                        st.call(service, operation, **arguments)
                except Exception as e:
                    failed[f"{who} {name}"] = f"{type(e).__name__}: {e}"[:200]
                    print("#", who, name, failed[f"{who} {name}"], flush=True)
        for s in servers:
            s.stop()
    return failed
