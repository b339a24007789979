#!/usr/bin/env python3
"""scapy_rate: bench/packet and weir craft beside scapy: an Ethernet/IPv4/TCP frame taken apart, six of its fields
read, and the same made: by weir craft as records into /dev/null, its start included.

    scapy_rate.py BUILD_DIR"""
import os
import resource
import subprocess
import sys
import time

EACH, RUNS, FRAMES = 300, 5, 2000000


def rate(job):
    """The best of a few runs, a second: what else runs makes it slower, never faster."""
    best = 0
    for _ in range(RUNS):
        start = time.process_time()
        for _ in range(EACH):
            job()
        best = max(best, EACH / (time.process_time() - start))
    return best


def craft(build):
    """Frames a second of weir craft; the best of a few runs."""
    best = 0
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([os.path.join(build, "bin/weir"), "craft", "-q", "-n", str(FRAMES), "-o", "/dev/null",
                        'eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02)/ip(src=10.0.0.2,dst=10.0.0.1,id=inc(0))'
                        '/tcp(dport=80)/"GET /"'], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = max(best, FRAMES / (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
    return best


def main():
    print("# scapy")
    try:
        from scapy.layers.inet import IP, TCP
        from scapy.layers.l2 import Ether
    except ImportError:
        print("# scapy_rate: left out (no scapy for %s)" % sys.executable)
        return
    frame = bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src="10.0.0.2", dst="10.0.0.1") / TCP(dport=80) / b"GET /")

    def parse():
        p = Ether(frame)
        ip, tcp = p[IP], p[TCP]
        return ip.src, ip.dst, tcp.sport, tcp.dport, tcp.seq, tcp.flags

    def make():
        return bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src="10.0.0.2", dst="10.0.0.1") / TCP(dport=80) / b"GET /")
    parsed, made = rate(parse), rate(make)
    print("scapy: %.0f packets/s parsed, %.0f made" % (parsed, made), flush=True)
    build = os.path.abspath(sys.argv[1])
    subprocess.run([os.path.join(build, "bench/packet"), str(parsed)])
    crafted = craft(build)
    print("weir craft: %.0f packets/s made" % crafted)
    print("scapy: %.0fx in making" % (crafted / made))


main()
