"""Measures the release binary against the bare server (hello/) in one run; README.md explains it."""
import argparse, json, os, signal, sys, time
from pathlib import Path

import report
from footprint import MIB, footprint
from load import load
from servers import Server
from workloads import ALL, BY_USER

OURS, BARE = "cloudtwin", "hello"
PARTS = ["load", "commit", "iam", "footprint"]
COMMIT_WORKLOADS = ["s3_put_1k", "sqs_send"]


def choices(known):
    def parse(text):
        names = text.split(",")
        if unknown := [n for n in names if n not in known]:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: choose from {','.join(known)}")
        return names
    return parse


def pair(text):
    name, found, value = text.partition("=")
    if not found or not name.isidentifier():
        raise argparse.ArgumentTypeError("use NAME=COMMAND")
    return name, value


def options():
    p = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    p.add_argument("--binary", type=Path, help="a release binary, in place of building one")
    p.add_argument("--hello", type=Path, required=True, help=argparse.SUPPRESS)
    p.add_argument("--also", type=pair, action="append", default=[], metavar="NAME=COMMAND",
                   help="another emulator to measure beside; {port} and {data} are filled in")
    p.add_argument("--parts", type=choices(PARTS), default=PARTS, help=f"default {','.join(PARTS)}")
    p.add_argument("--only", type=choices(ALL), default=list(ALL), help=f"workloads; default {','.join(ALL)}")
    p.add_argument("--conc", default="1,32", help="connections; default %(default)s")
    p.add_argument("--rounds", type=int, default=3, help="default %(default)s")
    p.add_argument("--secs", type=int, default=3, help="length of one measurement; default %(default)s")
    p.add_argument("--starts", type=int, default=5, help="how often start-up is measured; default %(default)s")
    p.add_argument("--out", type=Path, default=Path(__file__).parent / "out", help="default bench/out")
    opt = p.parse_args()
    opt.conc = [int(c) for c in opt.conc.split(",")]
    return opt


def measure(opt, doc):
    binary = opt.binary.resolve()
    command = f"{binary} start --port {{port}} --data-dir {{data}}"
    ours = Server(OURS, command, opt.out)
    bare = Server(BARE, f"{opt.hello} 127.0.0.1:{{port}}", opt.out, canned=True)
    others = [Server(name, command, opt.out) for name, command in opt.also]
    by_durability = [ours, Server("sync", command + " --durability sync", opt.out),
                     Server("ephemeral", command + " --ephemeral", opt.out)]
    by_enforcement = [Server("unenforced", command, opt.out), Server("enforced", "ENFORCE_IAM=1 " + command, opt.out)]
    servers = [ours, bare, *others]
    doc["others"] = [s.name for s in others]
    doc["durabilities"] = [s.name for s in by_durability]
    try:
        if "footprint" in opt.parts:
            for s in servers:
                try:
                    doc["footprint"][s.name] = footprint(s, opt.starts)
                    print(s.name, doc["footprint"][s.name], flush=True)
                except Exception as e:
                    doc["failed"][f"{s.name} footprint"] = f"{type(e).__name__}: {e}"[:200]
            doc["footprint"].setdefault(OURS, {})["binary_mib"] = [binary.stat().st_size / MIB]
        if "load" in opt.parts:
            doc["failed"] |= load(servers, opt.only, opt.conc, opt.rounds, opt.secs, doc["load"])
        if "commit" in opt.parts:
            workloads = [w for w in COMMIT_WORKLOADS if w in opt.only]
            doc["failed"] |= load(by_durability, workloads, [1], opt.rounds, opt.secs, doc["commit"])
        if "iam" in opt.parts:
            doc["failed"] |= load(by_enforcement, list(BY_USER), opt.conc, opt.rounds, opt.secs, doc["iam"])
    finally:
        for s in {*servers, *by_durability, *by_enforcement}:
            s.stop()


def main():
    opt = options()
    opt.out.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped
    doc = dict(when=time.strftime("%F %T"), cores=os.cpu_count(), rounds=opt.rounds, secs=opt.secs, ours=OURS, bare=BARE,
               load=[], commit=[], iam=[], footprint={}, failed={})
    try:
        measure(opt, doc)
    finally:
        text = report.markdown(doc)
        (opt.out / "bench.json").write_text(json.dumps(doc, indent=1))
        (opt.out / "bench.md").write_text(text)
        print("\n" + text)
    return bool(doc["failed"])


if __name__ == "__main__":
    sys.exit(main())
