#!/usr/bin/python3
"""openmetrics: a strict reader of OpenMetrics text 1.0.0 (its ABNF and its rules for types), which
shares nothing with the writer. Usage: openmetrics.py < text: prints "NAME{label=value,..} VALUE" of
each sample, sorted; exit 1 and a line where the text breaks a rule."""
import re
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SUFFIXES = {
    "counter": {"_total", "_created"},
    "gauge": {""},
    "unknown": {""},
    "histogram": {"_bucket", "_count", "_sum", "_created", "_gcount", "_gsum"},
}


class Bad(Exception):
    pass


def need(ok, why):
    if not ok:
        raise Bad(why)


def labels_of(text):
    """The pairs of 'a="b",c="d"', escapes undone."""
    found, at = {}, 0
    while at < len(text):
        m = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"').match(text, at)
        need(m, f"bad labels: {text}")
        need(m[1] not in found, f"label {m[1]} twice")
        found[m[1]] = re.sub(r"\\(.)", lambda e: {"n": "\n"}.get(e[1], e[1]), m[2])
        at = m.end()
        if at < len(text):
            need(text[at] == "," and at + 1 < len(text), f"bad labels: {text}")
            at += 1
    return found


def number(text):
    need(re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|[+-]?[Ii]nf(inity)?|[Nn]a[Nn]", text),
         f"no number: {text}")
    return float(text)


def check_histogram(name, rows):
    series = {}
    for suffix, labels, value in rows:
        key = tuple(sorted((k, v) for k, v in labels.items() if k != "le"))
        s = series.setdefault(key, {"buckets": []})
        if suffix == "_bucket":
            need("le" in labels, f"{name}: bucket without le")
            s["buckets"].append((number(labels["le"]), value))
        else:
            need(suffix not in s and "le" not in labels, f"{name}{suffix}: twice, or with le")
            s[suffix] = value
    for s in series.values():
        bounds = [b for b, _ in s["buckets"]]
        counts = [c for _, c in s["buckets"]]
        need(bounds == sorted(set(bounds)), f"{name}: bounds do not rise")
        need(bounds and bounds[-1] == float("inf"), f"{name}: no +Inf bucket")
        need(counts == sorted(counts), f"{name}: buckets do not add up")
        need(s.get("_count") == counts[-1] and "_sum" in s, f"{name}: count is not the +Inf bucket")
        need(not any(b < 0 for b in bounds), f"{name}: sum with bounds below 0")


def parse(text):
    """{(sample name, labels as a frozenset of pairs): value}"""
    need(text.endswith("# EOF\n"), "the last line is not # EOF")
    lines = text[:-len("# EOF\n")].split("\n")
    need(lines.pop() == "", "a line without its end")
    family, kind, unit, seen, stage, samples, rows = None, None, "", set(), 0, {}, []

    def close():
        if family is not None and kind == "histogram":
            check_histogram(family, rows)

    for line in lines:
        m = re.fullmatch(rf"# (TYPE|UNIT|HELP) ({NAME}) (.*)", line)
        if line.startswith("#"):
            need(m, f"bad comment: {line}")
            if m[2] != family:
                close()
                need(m[2] not in seen, f"{m[2]}: a family in two pieces")
                family, kind, unit, stage, rows, told = m[2], "unknown", "", 0, [], set()
                seen.add(family)
            need(not rows, f"{family}: {m[1]} behind samples")
            need(m[1] not in told, f"{family}: {m[1]} twice")
            told.add(m[1])
            if m[1] == "TYPE":
                need(m[3] in SUFFIXES, f"unknown type {m[3]}")
                kind = m[3]
            elif m[1] == "UNIT":
                unit = m[3]
                need(unit == "" or family.endswith("_" + unit), f"{family}: not named by {unit}")
            else:
                need(re.fullmatch(r'(?:[^\\\n]|\\["\\n])*', m[3]), f"{family}: bad help")
            continue
        m = re.fullmatch(rf"({NAME})(?:\{{(.*)\}})? (\S+)", line)
        need(m, f"bad sample: {line}")
        need(family and m[1].startswith(family) and m[1][len(family):] in SUFFIXES[kind],
             f"{m[1]}: does not belong to {family} {kind}")
        labels, value = labels_of(m[2] or ""), number(m[3])
        if kind in ("counter", "histogram"):
            need(value >= 0, f"{m[1]} is negative")
        key = (m[1], frozenset(labels.items()))
        need(key not in samples, f"series twice: {line}")
        samples[key] = value
        rows.append((m[1][len(family):], labels, value))
    close()
    return samples


def main():
    try:
        samples = parse(sys.stdin.buffer.read().decode("utf-8"))
    except (Bad, UnicodeDecodeError) as e:
        print(f"openmetrics: {e}", file=sys.stderr)
        return 1
    for (name, labels), value in sorted(samples.items(), key=lambda s: (s[0][0], sorted(s[0][1]))):
        text = ",".join(f"{k}={v}" for k, v in sorted(labels))
        print(f"{name}{{{text}}} {value:.6f}".rstrip("0").rstrip("."))
    return 0


if __name__ == "__main__":
    sys.exit(main())
