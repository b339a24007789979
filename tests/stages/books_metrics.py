#!/usr/bin/python3
"""books_metrics: are the metrics of a folder of pages what the pages say? Usage: books_metrics.py
RUNDIR < text. Reads the pages itself, and proto/metrics.def, and compares every value both ways."""
import os
import re
import struct
import sys

import openmetrics

top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")


def table():
    text = re.sub(r"/\*.*?\*/", "", open(os.path.join(top, "proto/metrics.def")).read(), flags=re.S)
    text = re.sub(r'"\s+"', "", text)
    bounds, scales = {}, {}
    for name, upper, le in re.findall(r'BOUND\((\w+), (\d+), "(.*?)"\)', text):
        bounds.setdefault(name, []).append(le)
    for name, scale in re.findall(r"BUCKETS_END\((\w+), (\d+)\)", text):
        scales[name] = int(scale)
    rows = []
    pattern = r'(METRIC|HISTOGRAM)\((\w+),\s*(?:(\w+),\s*)?"(\w*)",\s*"(\w*)",\s*"([^"]*)",\s*(?:(\w+),\s*)?"'
    for kind, name, typ, unit, stage, source, buckets in re.findall(pattern, text):
        rows.append((kind, name, typ, stage, source, bounds.get(buckets), scales.get(buckets)))
    return rows


def regex(source):
    out = re.escape(source.split("@")[0])
    out = re.sub(r"\\\{(\w+)\\\*\\\}", r"(?P<\1>.+)", out)
    return re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^.]+)", out)


def page(path):
    data = open(path, "rb").read()
    magic, n, instance, pid, state = struct.unpack_from("<IIQII", data)
    assert magic == 0x57424B31
    stage = data[24:64].split(b"\0")[0].decode()
    slots = []
    for i in range(n):
        name = data[64 + 56 * i:104 + 56 * i].split(b"\0")[0].decode()
        slots.append((name, *struct.unpack_from("<QQ", data, 104 + 56 * i)))
    slots.append(("running", 0, int(state == 0)))
    return stage, slots


def expected(rows, pipeline, copy, stage, slots):
    want, base = {}, {"pipeline": pipeline, "stage": stage, "copy": copy}
    values = {}
    for name, peer, value in slots:
        values[name] = values.get(name, 0) + value
    for name, peer, value in slots:
        for kind, metric, typ, only, source, bounds, scale in rows:
            if only and only != stage:
                continue
            if kind == "HISTOGRAM":
                m = re.fullmatch(f"(?P<all>{regex(source)})(_sum|\\.in|\\.le_.*)", name)
                if not m:
                    continue
                groups = {k: v for k, v in m.groupdict().items() if k != "all"}
                labels = {**base, **groups}
                total = 0
                for le in bounds + ["inf"]:
                    total += values[f"{m['all']}.le_{le}"]
                    want[f"weir_{metric}_bucket", frozenset(
                        {**labels, "le": "+Inf" if le == "inf" else le}.items())] = total
                assert total == values[m["all"] + ".in"]
                want[f"weir_{metric}_count", frozenset(labels.items())] = total
                want[f"weir_{metric}_sum", frozenset(labels.items())] = values[m["all"] + "_sum"] / scale
                break
            m = re.fullmatch(regex(source), name)
            if not m:
                continue
            labels = {**base, **m.groupdict()}
            if "@" in source:
                labels[source.split("@")[1]] = str(peer)
            suffix = "_total" if typ == "COUNTER" else ""
            want[f"weir_{metric}{suffix}", frozenset(labels.items())] = \
                value if "@" in source else values[name]
            break
        else:
            raise AssertionError(f"{name}: no metric")
    return want


def main():
    got = openmetrics.parse(sys.stdin.read())
    rows, want, n = table(), {}, 0
    for pipeline in os.listdir(sys.argv[1]):
        for file in os.listdir(os.path.join(sys.argv[1], pipeline)):
            stage, slots = page(os.path.join(sys.argv[1], pipeline, file))
            want.update(expected(rows, pipeline, file[:-len(".page")], stage, slots))
            n += 1
    own = frozenset({"stage": "metrics"}.items())
    want["weir_pages", own], want["weir_pages_left_out", own] = n, 0
    bad = [k for k in want.keys() | got.keys() if want.get(k) != got.get(k)]
    for k in bad[:20]:
        print(f"{k[0]} {sorted(k[1])}: books {want.get(k)}, metrics {got.get(k)}")
    print(f"{len(want)} samples of {n} pages, {len(bad)} differ")
    return bool(bad) or not n


if __name__ == "__main__":
    sys.exit(main())
