#!/usr/bin/env python3
"""send: weir-send beside trafgen and tcpreplay on one veth pair between two network namespaces:
frames a second at top speed; how exactly frames are
paced; and weir-write beside tcpdump -w.

    send.py BUILD_DIR        BENCH_SENT: frames of each run [300000]    BENCH_RUNS: of each side [5]

All run in turn, each other round the other way; the median counts. What a program takes for a
single frame, which is its start, is left out."""
import json
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time

from veth import A, down, inside, up

FRAMES = int(os.environ.get("BENCH_SENT", 300000))
RUNS = max(1, int(os.environ.get("BENCH_RUNS", 5)))
EACH = 100  # frames of the capture that is sent again and again
PACED_PPS, PACED = 5000, 5000


def pcap(path, length, n):
    frame = bytes.fromhex("020000000002020000000001") + b"\x88\xb5" + bytes(length - 14)
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i in range(n):
            f.write(struct.pack("<IIII", 1700000000, i, length, length) + frame)


class Sender:
    """words(frames) is the command that sends so many."""

    def __init__(self, name, words, text=None):
        self.name, self.words, self.text, self.ns = name, words, text, []

    def took(self, frames):
        start = time.monotonic()
        p = inside(A, *self.words(frames), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        said = p.communicate(self.text)[1]
        if p.returncode:
            sys.exit("send: %s: %s" % (self.name, said.decode(errors="replace")[-500:]))
        return time.monotonic() - start

    def prepare(self):
        self.start = min(self.took(EACH) for _ in range(3))

    def run(self):
        self.ns.append((self.took(FRAMES) - self.start) / FRAMES * 1e9)


def senders(build, folder, length):
    path, weir = os.path.join(folder, "x.pcap"), os.path.join(build, "libexec/weir/weir-send")
    records = os.path.join(folder, "x.weir")
    pcap(path, length, EACH)
    subprocess.run([os.path.join(build, "libexec/weir/weir-read"), "-q", "-o", records, path], check=True)

    def ours(*more):
        return lambda n: [weir, "-q", "-i", records, "-I", "eth0", "-x", "0", "--loop", str(n // EACH), *more]
    found = [Sender("weir-send", ours()), Sender("weir-send --bypass", ours("--bypass"))]
    if shutil.which("trafgen"):
        frame = "{ 2,0,0,0,0,2, 2,0,0,0,0,1, 0x88,0xb5, fill(0, %d) }" % (length - 14)
        found.append(Sender("trafgen -P 1", lambda n: ["trafgen", "-i", "-", "-o", "eth0", "-n", str(n), "-P", "1"], frame.encode()))
    if shutil.which("tcpreplay"):
        found.append(Sender("tcpreplay -tK", lambda n: ["tcpreplay", "-q", "-t", "-K", "-i", "eth0", "-l", str(n // EACH), path]))
    return found


def top_speed(build, folder):
    for length in 60, 1500:
        all_of = senders(build, folder, length)
        for s in all_of:
            s.prepare()
        for i in range(RUNS):
            for s in all_of[::-1] if i % 2 else all_of:
                s.run()
        for s in all_of:
            print("%4d bytes, %-18s %6.0f ns a frame (%.0f to %.0f)" % (length, s.name + ":", statistics.median(s.ns), min(s.ns), max(s.ns)))
        us = {"trafgen -P 1": "weir-send --bypass", "tcpreplay -tK": "weir-send"}
        by = {s.name: s for s in all_of}
        for peer, mine in us.items():
            if peer in by:
                ratio = statistics.median(t / o for t, o in zip(by[peer].ns, by[mine].ns))
                print("send against %s, %d bytes: %.2f" % (peer, length, ratio), flush=True)


def pacing(build, folder):
    """Each frame at its time: how late, of PACED_PPS frames a second."""
    path = os.path.join(folder, "p.pcap")
    pcap(path, 200, PACED)
    read = subprocess.Popen([os.path.join(build, "libexec/weir/weir-read"), "-q", path], stdout=subprocess.PIPE)
    p = inside(A, os.path.join(build, "libexec/weir/weir-send"), "-q", "-I", "eth0", "--pps", str(PACED_PPS), "--json",
               stdin=read.stdout, stdout=subprocess.PIPE)
    said = json.loads(p.communicate()[0])
    read.wait()
    print("paced, %d frames/s: late by less than %.1f us (99 of 100), %.1f us at worst" % (
        PACED_PPS, said["p99_late_ns"] / 1e3, said["worst_late_ns"] / 1e3))
    print("whole run of %.3f s longer than planned by %.0f us" % ((PACED - 1) / PACED_PPS, (said["seconds"] - (PACED - 1) / PACED_PPS) * 1e6))


def writing(build, folder):
    path, out = os.path.join(folder, "w.pcap"), os.path.join(folder, "out.pcap")
    pcap(path, 400, FRAMES)
    tools = os.path.join(build, "libexec/weir")
    records = os.path.join(folder, "w.weir")
    subprocess.run([tools + "/weir-read", "-q", "-o", records, path], check=True)
    sides = {"weir-write": [tools + "/weir-write", "-q", "-i", records, out]}
    if shutil.which("tcpdump"):
        sides["tcpdump -w"] = ["tcpdump", "-r", path, "-w", out]
    took = {name: [] for name in sides}
    for i in range(RUNS):
        for name in list(sides)[::-1] if i % 2 else sides:
            before = os.times()
            subprocess.run(sides[name], check=True, stderr=subprocess.DEVNULL)
            after = os.times()
            took[name].append((after.children_user + after.children_system - before.children_user - before.children_system) / FRAMES * 1e9)
    for name, ns in took.items():
        print("400 bytes to a file, %s: %.0f ns CPU a frame" % (name, statistics.median(ns)))
    if len(took) == 2:
        print("write against tcpdump -w: %.2f" % (statistics.median(took["tcpdump -w"]) / statistics.median(took["weir-write"])))


def main():
    build = os.path.abspath(sys.argv[1])
    if os.getuid() or not shutil.which("ip"):
        print("# send: left out (root and ip are needed)")
        return
    folder = tempfile.mkdtemp(prefix="weir-send-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    up()
    try:
        print("# send", flush=True)
        top_speed(build, folder)
        pacing(build, folder)
        writing(build, folder)
    finally:
        down()
        shutil.rmtree(folder, ignore_errors=True)


main()
