#!/usr/bin/env python3
"""capture: weir-capture beside tcpdump and netsniff-ng on one end of a veth pair between two network
namespaces: what each drops of the same load, and how long a single frame takes to come out.

    capture.py BUILD_DIR        BENCH_FRAMES: of each run [500000]"""
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

FRAMES = int(os.environ.get("BENCH_FRAMES", 500000))
SINGLES = 100
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "gen"))
import records  # noqa: E402
from veth import A, B, down, inside, up  # noqa: E402

def load(length):
    """Sends FRAMES frames as fast as one sender can; frames a second."""
    start = time.monotonic()
    if shutil.which("trafgen"):
        frame = "{ 2,0,0,0,0,2, 2,0,0,0,0,1, 0x88,0xb5, fill(0, %d) }" % (length - 14)
        subprocess.run(["ip", "netns", "exec", A, "trafgen", "-i", "-", "-o", "eth0", "-n", str(FRAMES), "-P", "1", "-q"],
                       input=frame, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    else:
        inside(A, sys.executable, os.path.join(HERE, "../gen/flood.py"), "eth0", str(FRAMES), str(length)).wait()
    return FRAMES / (time.monotonic() - start)


def run(words, length, pattern):
    """Frames dropped, by what the program says at its end; and all of it as text, with its CPU seconds."""
    before = os.times()
    p = inside(B, *words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    time.sleep(2)
    rate = load(length)
    time.sleep(0.5)
    p.send_signal(2)
    said = p.communicate()[0]
    after = os.times()
    found = re.search(pattern, said, re.S)
    got, dropped = (found.group(1), found.group(2)) if found else ("?", "?")
    return dropped, "%s got, %s dropped, %.2f Mframes/s sent, %.2f s CPU of both" % (
        got, dropped, rate / 1e6, after.children_user + after.children_system - before.children_user - before.children_system)


def latency(capture):
    r, w = os.pipe()
    p = inside(B, capture, "-I", "eth0", "-q", "-o", "fd:%d" % w, pass_fds=[w])
    os.close(w)
    flood = inside(A, sys.executable, os.path.join(HERE, "../gen/flood.py"), "eth0", str(SINGLES + 50), "60", "020000000002020000000001aaaa", "20")
    took = []
    for kind, ts, *_ in records.Stream(os.fdopen(r, "rb", buffering=0)):
        if kind == 32:
            took.append((time.time_ns() - ts) / 1e6)
            if len(took) == SINGLES:
                break
    p.send_signal(2)
    flood.kill()
    p.wait()
    took.sort()
    return "one frame each 20 ms: out after %.2f ms (median), %.2f ms (99 of 100)" % (statistics.median(took), took[int(len(took) * .99) - 1])


def main():
    capture = os.path.join(os.path.abspath(sys.argv[1]), "libexec/weir/weir-capture")
    if os.getuid() or not shutil.which("ip"):
        print("# capture: left out (root and ip are needed)")
        return
    up()
    try:
        print("# capture")
        sides = {"weir-capture": ([capture, "-I", "eth0", "-o", "null:", "--log", "info"], r"(\d+) frames, (\d+) dropped"),
                 "tcpdump -w": (["tcpdump", "-i", "eth0", "-w", "/dev/null"],
                                r"(\d+) packets captured.*?(\d+) packets dropped by kernel"),
                 "netsniff-ng": (["netsniff-ng", "--in", "eth0", "--out", "/dev/null", "--ring-size", "32MiB"],
                                 r"(\d+) +packets passed filter.*?(\d+) +packets failed filter")}
        worse = 0
        for length in 60, 300, 1500:
            dropped = {}
            for name, (words, pattern) in sides.items():
                if name == "weir-capture" or shutil.which(words[0]):
                    dropped[name], said = run(words, length, pattern)
                    print("%4d bytes, %-13s %s" % (length, name + ":", said))
            mine = dropped.pop("weir-capture")
            worse += int(mine) if mine != "?" and "0" in dropped.values() else 0
        print("weir-capture dropped where another dropped none: %d" % worse)
        print("weir-capture, " + latency(capture))
    finally:
        down()


main()
