"""Markdown tables from bench.json.  report.py BENCH.json  prints them again."""
import json, statistics, sys

from goals import AT_MOST, RATIO

FOOTPRINT = {
    "first_answer_empty_ms": "first ListBuckets after spawn, no data, ms",
    "first_answer_10k_ms": "the same with 10,000 objects of 1 KiB, ms",
    "first_answer_10k_killed_ms": "the same after SIGKILL, ms",
    "idle_mib": "resident memory, idle, MiB",
    "idle_10k_mib": "the same with 10,000 objects, MiB",
    "peak_before_upload_mib": "peak resident memory before any load, MiB",
    "upload_peak_mib": "peak resident memory during an upload of 1 GiB, MiB",
    "upload_mib_s": "that upload, MiB/s",
    "binary_mib": "release binary, MiB",
}


def short(v):
    return "n/a" if v is None else f"{v:,.0f}" if v >= 100 else f"{v:.3g}"


def spread(values, form=short):
    """median (min–max)"""
    values = [v for v in values if v is not None]
    if not values:
        return "n/a"
    if len(values) == 1:
        return form(values[0])
    return f"{form(statistics.median(values))} ({form(min(values))}–{form(max(values))})"


def percent(v):
    return f"{100 * v:.0f} %"


def verdict(met):
    return "" if met is None else "yes" if met else "**no**"


def table(head, rows):
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(map(str, r)) + " |" for r in [head, rule, *rows]) + "\n"


def by_cell(runs):
    cells = {}  # (workload, connections) -> server -> round -> run
    for r in runs:
        cells.setdefault((r["workload"], r["conc"]), {}).setdefault(r["server"], {})[r["round"]] = r
    return cells


def ratios(mine, other, value):
    """Of the rounds that both were in: each is measured against its own minute."""
    pairs = [(value(r), value(other[n])) for n, r in mine.items() if n in other]
    return [a / b for a, b in pairs if a and b]


def rate(run):
    return run["ops"]


def rate_per_cpu(run):
    return run["ops"] / run["cpu"] if run["cpu"] else None


def speed(rounds):
    text = spread([r["ops"] for r in rounds.values()])
    return text + " !" * any(r["bad"] for r in rounds.values())


def load_table(runs, ours, bare):
    rows = []
    for (name, conc), cell in by_cell(runs).items():
        mine, other = cell.get(ours, {}), cell.get(bare, {})
        found, goal = ratios(mine, other, rate), RATIO.get(name)
        met = statistics.median(found) >= goal if goal and found else None
        p = [short(statistics.median(r[k] for r in mine.values())) if mine else "n/a" for k in ("p50", "p99")]
        rows.append([f"{name} c{conc}", speed(mine), " / ".join(p), speed(other), spread(found, percent),
                     spread(ratios(mine, other, rate_per_cpu), percent),
                     f"≥ {percent(goal)}" if goal else "", verdict(met)])
    yield f"## Requests/s: {ours} over the bare server\n"
    yield table(["workload, connections", ours, "p50 / p99 ms", "bare server", "ratio", "ratio per CPU-second", "goal", "met"], rows)


def others_table(runs, ours, names):
    rows = [[f"{name} c{conc}", *(f"{speed(cell[n])}; {spread(ratios(cell.get(ours, {}), cell[n], rate))} ×" if n in cell
                                  else "n/a" for n in names)] for (name, conc), cell in by_cell(runs).items()]
    yield f"## Beside others: requests/s of theirs; how many times that {ours} does\n"
    yield table(["workload, connections", *names], rows)


def footprint_table(by_server, names):
    def cell(figure, server):
        return spread(by_server.get(server, {}).get(figure, []))

    rows = []
    for figure, title in FOOTPRINT.items():
        values, goal = by_server.get(names[0], {}).get(figure), AT_MOST.get(figure)
        met = statistics.median(values) <= goal if values and goal else None
        rows.append([title, *(cell(figure, n) for n in names), f"≤ {goal}" if goal else "", verdict(met)])
    yield "## Start-up, memory, size\n"
    yield table(["", *names, "goal", "met"], rows)


def commit_table(runs, names):
    cells = by_cell(runs)
    rows = [[name, *(spread([r["p50"] * 1e3 for r in cell.get(n, {}).values()]) for n in names)]
            for (name, _), cell in cells.items()]
    yield "## What durability costs: p50 of one connection, µs\n"
    yield table(["workload", *names], rows)


def cpu_micros(run):
    return run["cpu"] / run["ops"] * 1e6 if run["ops"] else 0


def iam_table(runs):
    rows = []
    for (name, conc), cell in by_cell(runs).items():
        strict, lax, goal = cell.get("enforced", {}), cell.get("unenforced", {}), RATIO.get(name)
        found = ratios(strict, lax, rate)
        met = statistics.median(found) >= goal if goal and found else None
        added = [cpu_micros(r) - cpu_micros(lax[n]) for n, r in strict.items() if n in lax]
        rows.append([f"{name} c{conc}", speed(strict), speed(lax), spread(found, percent),
                     spread(ratios(strict, lax, rate_per_cpu), percent), spread(added),
                     f"≥ {percent(goal)}" if goal else "", verdict(met)])
    yield "## What IAM costs: requests/s with ENFORCE_IAM=1 over those without\n"
    yield table(["workload, connections", "enforced", "unenforced", "ratio", "ratio per CPU-second",
                 "one decision, µs of CPU", "goal", "met"], rows)


def markdown(doc):
    ours, bare, others = doc["ours"], doc["bare"], doc["others"]
    text = [f"{doc['when']}, {doc['cores']} cores, {doc['rounds']} rounds of {doc['secs']} s. "
            "Figures are median (min–max) of the rounds; ! = some requests failed.\n"]
    if doc["load"]:
        text += load_table(doc["load"], ours, bare)
        busy = statistics.median(r["others"] for r in doc["load"])
        text.append(f"Other processes kept {short(busy)} of {doc['cores']} cores busy during a run (median).\n")
        if others:
            text += others_table(doc["load"], ours, others)
    if doc["commit"]:
        text += commit_table(doc["commit"], doc["durabilities"])
    if doc.get("iam"):
        text += iam_table(doc["iam"])
    if doc["footprint"]:
        text += footprint_table(doc["footprint"], [ours, bare, *others])
    if doc["failed"]:
        text.append("## Failed\n")
        text += [f"- {what}: {why}" for what, why in doc["failed"].items()]
    return "\n".join(text)


if __name__ == "__main__":
    print(markdown(json.load(open(sys.argv[1]))))
