#!/usr/bin/env python3
"""sctp: small captures of SCTP, and of TCP in tunnels, for tests of streams, by name.

    python3 tests/gen/sctp.py talk > x.pcap        --list names them all
"""
import struct
import sys

from packets import MS, Capture, Tcp, ether, ip, mac, pcap, udp
from scenario import CLIENT, SERVER, START

DATA, INIT, INIT_ACK, SACK, ABORT, SHUTDOWN, SHUTDOWN_ACK, COOKIE_ECHO, COOKIE_ACK, COMPLETE = (
    0, 1, 2, 3, 6, 7, 8, 10, 11, 14)
FORWARD_TSN = 192
I_DATA, RE_CONFIG = 64, 130


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def chunk(kind, value=b"", flags=0):
    return struct.pack(">BBH", kind, flags, 4 + len(value)) + value + b"\0" * (-len(value) % 4)


class Association:
    """Sides are 0 (client) and 1 (server); tsn and ssn count what was sent."""

    def __init__(self, cap, t=START, sport=36412):
        self.cap, self.t, self.port = cap, t, (40000, sport)
        self.addr, self.tag, self.tsn = (CLIENT, SERVER), (0x11111111, 0x22222222), [1000, 5000]
        self.ssn = {}

    def send(self, side, *chunks, tag=None, lost=False):
        self.t += MS
        tag = self.tag[1 - side] if tag is None else tag
        head = struct.pack(">HHI", self.port[side], self.port[1 - side], tag)
        body = b"".join(chunks)
        crc = struct.pack("<I", crc32c(head + b"\0\0\0\0" + body))
        if not lost:
            self.cap.packet(self.t, self.addr[side], self.addr[1 - side], 132, head + crc + body)

    def init(self, side):
        """That of an INIT or INIT ACK, which offers RE-CONFIG and I-DATA (RFC 5061 4.2.7)."""
        return struct.pack(">IIHHI", self.tag[side], 65536, 16, 16, self.tsn[side]) + struct.pack(
            ">HHBBxx", 0x8008, 6, RE_CONFIG, I_DATA)

    def open(self):
        self.send(0, chunk(INIT, self.init(0)), tag=0)
        self.send(1, chunk(INIT_ACK, self.init(1) + struct.pack(">HH", 7, 8) + b"cook"))
        self.send(0, chunk(COOKIE_ECHO, b"cook"))
        self.send(1, chunk(COOKIE_ACK))

    def data(self, side, sid, text, flags=3):
        """A DATA chunk: flags 3 whole, 2 first, 0 middle, 1 last fragment, 4 unordered."""
        ssn = self.ssn.get((side, sid), 0)
        value = struct.pack(">IHHI", self.tsn[side], sid, ssn, 46) + text.encode()
        self.tsn[side] += 1
        if flags & 1 and not flags & 4:
            self.ssn[side, sid] = ssn + 1
        return chunk(DATA, value, flags)

    def idata(self, side, sid, mid, fsn, text, flags=0):
        """An I-DATA chunk (RFC 8260); flags as those of data()."""
        value = struct.pack(">IHHII", self.tsn[side], sid, 0, mid, 46 if flags & 2 else fsn) + text.encode()
        self.tsn[side] += 1
        return chunk(I_DATA, value, flags)

    def sack(self, side):
        self.send(side, chunk(SACK, struct.pack(">IIHH", self.tsn[1 - side] - 1, 65536, 0, 0)))

    def close(self):
        self.send(0, chunk(SHUTDOWN, struct.pack(">I", self.tsn[1] - 1)))
        self.send(1, chunk(SHUTDOWN_ACK))
        self.send(0, chunk(COMPLETE))


def talk():
    """Two streams each way, a message in three fragments, one unordered, closed."""
    cap = Capture()
    a = Association(cap)
    a.open()
    a.send(0, a.data(0, 1, "hello "), a.data(0, 2, "other stream"))
    a.send(1, a.data(1, 1, "HELLO "))
    a.send(0, a.data(0, 1, "frag", 2), a.data(0, 1, "men", 0), a.data(0, 1, "ted", 1))
    a.send(1, a.data(1, 1, "urgent", 7))
    a.sack(0)
    a.sack(1)
    a.close()
    return pcap(cap)


def reordered():
    """Packets of one stream in the wrong order, another stream in between."""
    cap = Capture()
    a = Association(cap)
    a.open()
    parts = [a.data(0, 1, "one "), a.data(0, 1, "two "), a.data(0, 2, "other"), a.data(0, 1, "three")]
    for i in (1, 2, 3, 0):
        a.send(0, parts[i])
    a.sack(1)
    a.close()
    return pcap(cap)


def lost():
    """A message that the receiver has and the capture lacks."""
    cap = Capture()
    a = Association(cap)
    a.open()
    a.send(0, a.data(0, 1, "one "))
    a.send(0, a.data(0, 1, "two "), lost=True)
    a.send(0, a.data(0, 1, "three"))
    for _ in range(20):
        a.sack(1)
    a.close()
    return pcap(cap)


def interleaved():
    """Messages of two streams whose pieces come by turns, one of them with a piece lost."""
    cap = Capture()
    a = Association(cap)
    a.open()
    a.send(0, a.idata(0, 1, 0, 0, "GET /", 2), a.idata(0, 2, 0, 0, "another ", 2))
    a.send(0, a.idata(0, 1, 0, 1, "index.html"), a.idata(0, 2, 0, 1, "message", 1))
    a.send(0, a.idata(0, 1, 0, 2, " HTTP/1.1", 1), a.idata(0, 2, 1, 0, "in ", 2))
    a.send(0, a.idata(0, 2, 1, 1, "three "), lost=True)
    a.send(0, a.idata(0, 2, 1, 2, "pieces", 1), a.idata(0, 2, 2, 0, "whole", 3))
    for _ in range(20):
        a.sack(1)
    a.close()
    return pcap(cap)


def restarted():
    """All TSNs and SSNs begin anew at the client's request (RFC 6525), which comes twice."""
    cap = Capture()
    a = Association(cap)
    a.open()
    a.send(0, a.data(0, 1, "one "), a.data(0, 1, "two "))
    a.send(1, a.data(1, 1, "ONE "))
    ask = chunk(RE_CONFIG, struct.pack(">HHI", 15, 8, 1000))
    answer = chunk(RE_CONFIG, struct.pack(">HHIIII", 16, 20, 1000, 1, a.tsn[1], a.tsn[0] + 2**31))
    a.send(0, ask)
    a.send(1, answer)
    a.tsn[0] += 2**31
    a.ssn = {}
    late = a.data(0, 1, "three ")
    a.send(0, a.data(0, 1, "four"))
    a.send(0, ask)
    a.send(1, answer, a.data(1, 1, "TWO"))
    a.send(0, late)
    a.close()
    return pcap(cap)


def blind_abort():
    """An ABORT without the right tag, then one with it."""
    cap = Capture()
    a = Association(cap)
    a.open()
    a.send(0, a.data(0, 1, "one "))
    a.send(1, chunk(ABORT), tag=0x33333333)
    a.send(0, a.data(0, 1, "two"))
    a.send(1, chunk(ABORT))
    return pcap(cap)


# ---- the same bytes in TCP, plain and in tunnels ---------------------------------------------

def tcp_frames():
    cap = Capture()
    conn = Tcp(cap, START, "10.0.0.1", 40000, "10.0.0.2", 80)
    conn.exchange(b"GET / HTTP/1.1\r\nHost: inner.example\r\n\r\n",
                  b"HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\ninner application bytes\n")
    return cap.frames


def plain():
    cap = Capture()
    cap.frames = tcp_frames()
    return pcap(cap)


def tunnel(wrap):
    """wrap(inner frame, from the client?) gives protocol and payload of the outer IP packet."""
    cap = Capture()
    for ts, frame, _, _ in tcp_frames():
        mine = frame[6:12] == mac("10.0.0.1")
        src, dst = (CLIENT, SERVER) if mine else (SERVER, CLIENT)
        proto, payload = wrap(frame, src, dst)
        cap.packet(ts, src, dst, proto, payload)
    return pcap(cap)


def vxlan(frame, src, dst):
    return udp(src, dst, 50000, 4789, struct.pack(">II", 0x08000000, 42 << 8) + frame)


def gtp(frame, src, dst):
    return udp(src, dst, 2152, 2152, struct.pack(">BBHI", 0x30, 0xff, len(frame) - 14, 7) + frame[14:])


def in_vxlan():
    return tunnel(lambda *which: (17, vxlan(*which)))


def in_gre():
    return tunnel(lambda f, s, d: (47, struct.pack(">HH", 0, 0x800) + f[14:]))


def in_gtp():
    return tunnel(lambda *which: (17, gtp(*which)))


def in_mpls():
    cap = Capture()
    for ts, frame, _, _ in tcp_frames():
        labels = struct.pack(">II", 16 << 12 | 64, 17 << 12 | 0x100 | 64)
        cap.add(ts, frame[:12] + struct.pack(">H", 0x8847) + labels + frame[14:])
    return pcap(cap)


def fragments(wrap):
    """wrap() as above gives UDP; it is cut in pieces of 64 bytes, the last one first, in a VLAN."""
    cap = Capture()
    for ident, (ts, frame, _, _) in enumerate(tcp_frames()):
        mine = frame[6:12] == mac("10.0.0.1")
        src, dst = (CLIENT, SERVER) if mine else (SERVER, CLIENT)
        whole = wrap(frame, src, dst)
        for at in reversed(range(0, len(whole), 64)):
            more = 0x2000 if at + 64 < len(whole) else 0
            data = ip(src, dst, 17, whole[at:at + 64], ident=ident, frag=more | at // 8)
            cap.add(ts, ether(mac(src), mac(dst), 0x800, data, (5,)))
            ts += 1
    return pcap(cap)


def in_fragments():
    return fragments(vxlan)


def in_gtp_fragments():
    return fragments(gtp)


def main():
    table = {f.__name__: f for f in (talk, reordered, lost, interleaved, blind_abort, plain, in_vxlan, in_gre, in_gtp, in_mpls,
                                     in_fragments, in_gtp_fragments, restarted)}
    if sys.argv[1:] == ["--list"]:
        print("\n".join(table))
    elif len(sys.argv) == 2 and sys.argv[1] in table:
        sys.stdout.buffer.write(table[sys.argv[1]]())
    else:
        sys.exit("usage: sctp.py NAME | --list")


if __name__ == "__main__":
    main()
