#!/usr/bin/env python3
"""make_bench: writes a big capture for benches; the same bytes on each run.

    make_bench.py mix OUT.pcap [PACKETS]             a mix of protocols; 2,500,000 packets, 1.2 GB
    make_bench.py small OUT.pcap [PACKETS] [FLOWS]   64-byte packets, every flow open at once;
                                                     10,000,000 packets in 1,000,000 flows
    make_bench.py template OUT.pcap                  the conversations that the mix copies

The mix is made of copies of some hundred conversations, each copy between other hosts. A
C program beside this one does the copying; it is built with $CC (cc) in a temporary folder.
"""
import os
import random
import shlex
import subprocess
import sys
import tempfile

from packets import (AAAA, ACK, HTTPS, MS, SECOND, A, Capture, Tcp, dns, noise, pcap, svcb, tls12_session,
                     tls13_session)

HERE = os.path.dirname(os.path.abspath(__file__))


def client(rng, v6=False):
    return "fd00:a::%x" % rng.randrange(1, 4000) if v6 else "10.0.%d.%d" % (rng.randrange(4), rng.randrange(1, 250))


def server(rng, v6=False):
    return "fd00:b::%x" % rng.randrange(1, 400) if v6 else "172.16.%d.%d" % (rng.randrange(2), rng.randrange(1, 250))


class Mix:
    """Conversations over ten seconds."""

    def __init__(self):
        self.rng = random.Random(1)
        self.cap = Capture()
        self.bulk = noise("bulk", 1 << 16)
        self.port = 20000

    def start(self):
        return self.rng.randrange(10000) * MS + self.rng.randrange(1000) * 1000

    def connection(self, dport, **more):
        v6 = self.rng.random() < 0.15
        self.port += 1
        return Tcp(self.cap, self.start(), client(self.rng, v6), self.port, server(self.rng, v6), dport,
                   rtt=self.rng.randrange(2, 60) * MS, mss=1440 if v6 else 1460, **more).open()

    def lookup(self):
        rng, name = self.rng, "host%d.example.com" % self.rng.randrange(500)
        self.port += 1
        t, src, dst, ident = self.start(), client(rng), server(rng), rng.randrange(65536)
        kind, value = rng.choice([(A, "192.0.2.%d" % rng.randrange(250)), (AAAA, "2001:db8::%x" % rng.randrange(250)),
                                  (HTTPS, svcb(1, "", ["h2"]))])
        self.cap.datagram(t, src, self.port, dst, 53, dns(ident, name, kind))
        if rng.random() < 0.95:
            missing = rng.random() < 0.1
            answers = [] if missing else [(name, kind, 300, value)] * rng.randrange(1, 3)
            self.cap.datagram(t + rng.randrange(1, 40) * MS, dst, 53, src, self.port,
                              dns(ident, name, kind, answers, 3 if missing else 0))

    def http(self):
        conn = self.connection(80)
        for i in range(self.rng.randrange(1, 4)):
            size = int(self.rng.paretovariate(0.9) * 700) % 30000
            conn.exchange(b"GET /item/%d HTTP/1.1\r\nHost: www%d.example.com\r\nUser-Agent: bench/1.0\r\n"
                          b"Accept: */*\r\nCookie: session=%s\r\n\r\n" % (i, self.port % 50, noise("c", 16).hex().encode()),
                          b"HTTP/1.1 200 OK\r\nServer: example\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n"
                          % size + self.bulk[:size])
        conn.close(self.rng.randrange(2))

    def tls(self):
        label, host = "t%d" % self.port, "www%d.example.net" % (self.port % 80)
        conn = self.connection(443)
        session = tls13_session if self.rng.random() < 0.8 else tls12_session
        session(conn, host, label, self.rng.randrange(100, 900), self.rng.randrange(200, 9000)).close()

    def transfer(self):
        """Bulk on a port that says nothing; sometimes repeated or out of order."""
        conn = self.connection(self.rng.randrange(5000, 6000))
        side = self.rng.randrange(2)
        for i in range(self.rng.randrange(10, 30)):
            data = self.bulk[i * 1000:i * 1000 + 1300]
            trouble = self.rng.random()
            seq = conn.seq[side]
            if trouble < 0.02:
                conn.segment(side, ACK, data)
                conn.wait(MS).segment(side, ACK, data, seq=seq)
            elif trouble < 0.04:
                conn.seq[side] += len(data)
                conn.segment(side, ACK, data)
                conn.segment(side, ACK, data, seq=seq)
            else:
                conn.segment(side, ACK, data)
            if i % 2:
                conn.wait(MS).segment(1 - side, ACK)
        conn.close()

    def chatter(self):
        """Small messages to and fro."""
        conn = self.connection(self.rng.randrange(6000, 7000))
        for i in range(self.rng.randrange(4, 30)):
            conn.send(i & 1, self.bulk[i:i + self.rng.randrange(1, 200)])
        conn.close()

    def media(self):
        self.port += 1
        t, src, dst = self.start(), client(self.rng), server(self.rng)
        for i in range(self.rng.randrange(20, 60)):
            self.cap.datagram(t + i * 20 * MS, src, self.port, dst, 16384, self.bulk[i:i + 172])
            self.cap.datagram(t + i * 20 * MS + 9 * MS, dst, 16384, src, self.port, self.bulk[i:i + 172])

    def build(self):
        kinds = [(self.lookup, 520), (self.http, 150), (self.tls, 190), (self.transfer, 150), (self.chatter, 70),
                 (self.media, 20)]
        for kind, count in kinds:
            for _ in range(count):
                kind()
        return self.cap.sort()


def main():
    args = sys.argv[1:]
    if len(args) < 2 or args[0] not in ("mix", "small", "template") or len(args) > 4:
        sys.exit(__doc__.strip())
    kind, out = args[:2]
    numbers = [int(a) for a in args[2:]]
    if kind == "template":
        with open(out, "wb") as f:
            f.write(pcap(Mix().build()))
        return
    with tempfile.TemporaryDirectory() as folder:
        tool, template = os.path.join(folder, "mkbench"), os.path.join(folder, "template.pcap")
        subprocess.run([*shlex.split(os.environ.get("CC", "cc")), "-O2", "-o", tool, os.path.join(HERE, "mkbench.c")], check=True)
        if kind == "mix":
            with open(template, "wb") as f:
                f.write(pcap(Mix().build()))
            command = ["mix", template, out] + [str(n) for n in (numbers or [2500000])[:1]]
        else:
            command = ["small", out] + [str(n) for n in numbers + [10000000, 1000000][len(numbers):]]
        subprocess.run([tool] + command, check=True)


if __name__ == "__main__":
    main()
