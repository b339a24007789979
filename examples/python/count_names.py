#!/usr/bin/python3
"""count_names: reads JSON lines of weir and counts the names that DNS and TLS speak of."""
import collections
import json
import sys

names = collections.Counter()
for line in sys.stdin:
    rec = json.loads(line)
    name = rec.get("query") or rec.get("sni")
    if name:
        names[name.lower()] += 1
for name, count in sorted(names.items(), key=lambda item: (-item[1], item[0])):
    print(f"{count:6d} {name}")
