"""packets: builds packets, conversations and capture files. Python's standard library only.

Everything is deterministic: what looks random comes from a hash of a label.
"""
import gzip
import hashlib
import ipaddress
import struct

ETHERNET, RAW, NULL, SLL = 1, 101, 0, 113
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
SECOND = 1_000_000_000
MS = 1_000_000
US = 1_000


def noise(label, n):
    """n bytes that look random."""
    out = b""
    i = 0
    while len(out) < n:
        out += hashlib.sha256(b"%d %s" % (i, label.encode())).digest()
        i += 1
    return out[:n]


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packed(address):
    return ipaddress.ip_address(address).packed


# ---- layers ----------------------------------------------------------------------------------

def mac(address):
    """A locally administered MAC address that belongs to an IP address."""
    return b"\x02" + hashlib.sha256(packed(address)).digest()[:5]


def ether(src, dst, ethertype, payload, vlans=()):
    head = dst + src
    for vid in vlans:
        head += struct.pack(">HH", 0x8100, vid)
    return head + struct.pack(">H", ethertype) + payload


def pseudo(src, dst, proto, length):
    a, b = packed(src), packed(dst)
    if len(a) == 4:
        return a + b + struct.pack(">BBH", 0, proto, length)
    return a + b + struct.pack(">IHBB", length, 0, 0, proto)


def ip(src, dst, proto, payload, ident=0, ttl=64, frag=0x4000, tos=0):
    """IPv4 or IPv6, by the addresses. frag: flags and offset field of IPv4."""
    a, b = packed(src), packed(dst)
    if len(a) == 16:
        return struct.pack(">IHBB", 6 << 28 | tos << 20, len(payload), proto, ttl) + a + b + payload
    head = struct.pack(">BBHHHBBH", 0x45, tos, 20 + len(payload), ident, frag, ttl, proto, 0) + a + b
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def udp(src, dst, sport, dport, payload):
    head = struct.pack(">HHHH", sport, dport, 8 + len(payload), 0)
    total = checksum(pseudo(src, dst, 17, 8 + len(payload)) + head + payload) or 0xffff
    return head[:6] + struct.pack(">H", total) + payload


def tcp(src, dst, sport, dport, seq, ack, flags, payload=b"", window=64240, options=b"", urgent=0):
    options += b"\0" * (-len(options) % 4)
    head = struct.pack(">HHIIBBHHH", sport, dport, seq & 0xffffffff, ack & 0xffffffff,
                       (5 + len(options) // 4) << 4, flags, window, 0, urgent) + options
    total = checksum(pseudo(src, dst, 6, len(head) + len(payload)) + head + payload)
    return head[:16] + struct.pack(">H", total) + head[18:] + payload


def icmp(src, dst, kind, code, rest):
    if len(packed(src)) == 4:
        total = checksum(struct.pack(">BBH", kind, code, 0) + rest)
    else:
        total = checksum(pseudo(src, dst, 58, 4 + len(rest)) + struct.pack(">BBH", kind, code, 0) + rest)
    return struct.pack(">BBH", kind, code, total) + rest


def arp(op, sender, target, target_mac=b"\0" * 6):
    return struct.pack(">HHBBH", 1, 0x800, 6, 4, op) + mac(sender) + packed(sender) + target_mac + packed(target)


# ---- conversations ---------------------------------------------------------------------------

class Capture:
    """Frames with their times in ns; link: for all frames, unless one brings its own."""

    def __init__(self, link=ETHERNET):
        self.link = link
        self.frames = []  # (ts, bytes, link, wire length)

    def add(self, ts, frame, link=None, wire=None):
        self.frames.append((ts, frame, self.link if link is None else link, wire or len(frame)))

    def packet(self, ts, src, dst, proto, payload, vlans=(), **more):
        """An IP packet in an Ethernet frame."""
        data = ip(src, dst, proto, payload, **more)
        if self.link == ETHERNET:
            data = ether(mac(src), mac(dst), 0x86dd if ":" in src else 0x800, data, vlans)
            data += b"\0" * (60 - len(data))
        self.add(ts, data)

    def datagram(self, ts, src, sport, dst, dport, payload, vlans=(), **more):
        self.packet(ts, src, dst, 17, udp(src, dst, sport, dport, payload), vlans, **more)

    def sort(self):
        self.frames.sort(key=lambda f: f[0])
        return self


class Tcp:
    """One TCP connection; t is its clock. Sides are 0 (client) and 1 (server)."""

    def __init__(self, cap, t, client, cport, server, sport, vlans=(), rtt=20 * MS, mss=1460, timestamps=True):
        self.cap, self.t, self.vlans, self.rtt, self.mss = cap, t, vlans, rtt, mss
        self.addr, self.port = (client, server), (cport, sport)
        label = "%s %d %s %d" % (client, cport, server, sport)
        self.isn = [int.from_bytes(noise(label + str(side), 4), "big") for side in (0, 1)]
        self.seq = list(self.isn)
        self.acked = [0, 0]  # what each side has last acknowledged
        self.ident = [int.from_bytes(noise(label + "id%d" % side, 2), "big") for side in (0, 1)]
        self.timestamps = timestamps
        self.echo = [0, 0]

    def wait(self, ns):
        self.t += ns
        return self

    def options(self, side, flags):
        opts = b""
        if flags & SYN:
            opts += struct.pack(">BBH", 2, 4, self.mss) + b"\x01\x03\x03\x07"
            opts += b"\x04\x02" + (b"" if self.timestamps else b"\x01\x01")
        else:
            opts += b"\x01\x01" if self.timestamps else b""
        if self.timestamps:
            value = (self.isn[side] + self.t // MS) & 0xffffffff
            opts += struct.pack(">BBII", 8, 10, value, self.echo[1 - side] if flags & ACK else 0)
            self.echo[side] = value
        return opts

    def segment(self, side, flags, data=b"", seq=None, ack=None, lost=False, window=502):
        """One segment as it is; lost: sent, but not captured."""
        src, dst = self.addr[side], self.addr[1 - side]
        if flags & ACK and ack is None:
            ack = self.acked[side] = self.seq[1 - side]
        opts = b"" if flags & RST else self.options(side, flags)
        body = tcp(src, dst, self.port[side], self.port[1 - side], self.seq[side] if seq is None else seq,
                   ack or 0, flags, data, 64240 if flags & SYN else window, opts)
        self.ident[side] = (self.ident[side] + 1) & 0xffff
        if not lost:
            self.cap.packet(self.t, src, dst, 6, body, self.vlans, ident=self.ident[side])
        if seq is None:
            self.seq[side] += len(data) + bool(flags & SYN) + bool(flags & FIN)
        self.t += 40 * US

    def open(self):
        self.segment(0, SYN)
        self.wait(self.rtt)
        self.segment(1, SYN | ACK)
        self.segment(0, ACK)
        return self

    def pieces(self, data, size=None):
        size = size or self.mss - (12 if self.timestamps else 0)
        return [data[i:i + size] for i in range(0, len(data), size)]

    def send(self, side, data, size=None, ack=True):
        """Data in segments; acknowledged by the other side after every second one."""
        parts = self.pieces(data, size)
        for i, part in enumerate(parts):
            last = i == len(parts) - 1
            self.segment(side, ACK | (PSH if last else 0), part)
            if ack and (last or i % 2):
                self.wait(self.rtt // 4)
                self.segment(1 - side, ACK)
        return self

    def exchange(self, request, response):
        self.send(0, request, ack=False)
        self.wait(self.rtt)
        self.send(1, response)
        return self

    def close(self, side=0):
        self.segment(side, FIN | ACK)
        self.wait(self.rtt // 2)
        self.segment(1 - side, FIN | ACK)
        self.segment(side, ACK)
        return self

    def reset(self, side):
        self.segment(side, RST | ACK)
        return self


# ---- DNS -------------------------------------------------------------------------------------

A, CNAME, PTR, MX, TXT, AAAA, HTTPS, OPT = 1, 5, 12, 15, 16, 28, 65, 41


def dns_name(name):
    return b"".join(bytes([len(p)]) + p.encode() for p in name.split(".") if p) + b"\0"


def dns_rdata(kind, value):
    if kind in (A, AAAA):
        return packed(value)
    if kind in (CNAME, PTR):
        return dns_name(value)
    if kind == MX:
        return struct.pack(">H", value[0]) + dns_name(value[1])
    if kind == TXT:
        return b"".join(bytes([len(v)]) + v.encode() for v in value)
    return value


def dns(ident, name, kind, answers=None, rcode=0, edns=True, authority=()):
    """A query, or a response where answers is a list of (name, type, ttl, value)."""
    flags = 0x0100 if answers is None else 0x8180 | rcode
    counts = (1, len(answers or ()), len(authority), int(edns))
    out = struct.pack(">HHHHHH", ident, flags, *counts) + dns_name(name) + struct.pack(">HH", kind, 1)
    for owner, rtype, ttl, value in list(answers or ()) + list(authority):
        data = dns_rdata(rtype, value)
        where = b"\xc0\x0c" if owner == name else dns_name(owner)
        out += where + struct.pack(">HHIH", rtype, 1, ttl, len(data)) + data
    if edns:
        out += b"\0" + struct.pack(">HHIH", OPT, 1232, 0, 0)
    return out


def svcb(priority, target, alpn):
    ids = b"".join(bytes([len(p)]) + p.encode() for p in alpn)
    return struct.pack(">H", priority) + dns_name(target) + struct.pack(">HH", 1, len(ids)) + ids


# ---- TLS -------------------------------------------------------------------------------------

def vec8(data):
    return bytes([len(data)]) + data


def vec16(data):
    return struct.pack(">H", len(data)) + data


def vec24(data):
    return struct.pack(">I", len(data))[1:] + data


def u16s(values):
    return b"".join(struct.pack(">H", v) for v in values)


def tls_record(kind, data, version=0x0303):
    return struct.pack(">BHH", kind, version, len(data)) + data


def handshake(kind, body):
    return bytes([kind]) + vec24(body)


def extension(kind, body):
    return struct.pack(">H", kind) + vec16(body)


def client_hello(sni, alpn=("h2", "http/1.1"), tls13=True, label="client", session=True):
    ciphers = ([0x1301, 0x1302, 0x1303] if tls13 else []) + [0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8,
                                                            0xc013, 0xc014, 0x009c, 0x002f]
    exts = extension(0, vec16(b"\0" + vec16(sni.encode()))) if sni else b""
    exts += extension(23, b"") + extension(0xff01, b"\0")
    exts += extension(10, vec16(u16s([0x1d, 0x17, 0x18]))) + extension(11, vec8(b"\0")) + extension(35, b"")
    if alpn:
        exts += extension(16, vec16(b"".join(vec8(p.encode()) for p in alpn)))
    exts += extension(5, b"\x01\0\0\0\0")
    exts += extension(13, vec16(u16s([0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601])))
    if tls13:
        exts += extension(51, vec16(struct.pack(">H", 0x1d) + vec16(noise(label + "share", 32))))
        exts += extension(45, vec8(b"\x01")) + extension(43, vec8(u16s([0x0304, 0x0303])))
    sid = noise(label + "session", 32) if tls13 and session else b""
    body = b"\x03\x03" + noise(label + "random", 32) + vec8(sid) + vec16(u16s(ciphers)) + vec8(b"\0") + vec16(exts)
    return tls_record(22, handshake(1, body), 0x0301)


def server_hello(cipher, tls13=True, label="server", client="client", alpn=None):
    sid = noise(client + "session", 32) if tls13 else noise(label + "session", 32)
    if tls13:
        exts = extension(43, b"\x03\x04")
        exts += extension(51, struct.pack(">H", 0x1d) + vec16(noise(label + "share", 32)))
    else:
        exts = extension(0xff01, b"\0") + extension(23, b"") + extension(11, vec8(b"\0"))
        exts += extension(16, vec16(vec8(alpn.encode()))) if alpn else b""
    body = b"\x03\x03" + noise(label + "random", 32) + vec8(sid) + struct.pack(">HB", cipher, 0) + vec16(exts)
    return handshake(2, body)


def der(tag, *parts):
    body = b"".join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes(2, "big") if len(body) > 255 else bytes([len(body)])
    return bytes([tag, 0x80 | len(size)]) + size + body


def oid(text):
    parts = [int(p) for p in text.split(".")]
    out = bytes([40 * parts[0] + parts[1]])
    for p in parts[2:]:
        chunk = bytes([p & 0x7f])
        while p > 0x7f:
            p >>= 7
            chunk = bytes([0x80 | p & 0x7f]) + chunk
        out += chunk
    return der(6, out)


def certificate(host, issuer="Example Test CA", label="cert"):
    """An X.509 certificate of the right shape; its key and signature are noise."""
    def name(cn):
        return der(0x30, der(0x31, der(0x30, oid("2.5.4.3"), der(0x0c, cn.encode()))))
    ecdsa = der(0x30, oid("1.2.840.10045.4.3.2"))
    key = der(0x30, der(0x30, oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")),
              der(3, b"\0\x04" + noise(label + "key", 64)))
    names = der(0x30, der(0x82, host.encode()), der(0x82, ("www." + host).encode()))
    exts = der(0xa3, der(0x30, der(0x30, oid("2.5.29.17"), der(4, names))))
    body = der(0x30, der(0xa0, der(2, b"\x02")), der(2, b"\x01" + noise(label + "serial", 15)), ecdsa, name(issuer),
               der(0x30, der(0x17, b"260101000000Z"), der(0x17, b"270101000000Z")), name(host), key, exts)
    sig = der(0x30, der(2, b"\x01" + noise(label + "r", 31)), der(2, b"\x01" + noise(label + "s", 31)))
    return der(0x30, body, ecdsa, der(3, b"\0" + sig))


def tls13_session(conn, sni, label, request=380, response=4200):
    """A whole TLS 1.3 connection on an open TCP connection."""
    conn.send(0, client_hello(sni, label=label), ack=False).wait(conn.rtt)
    flight = tls_record(22, server_hello(0x1301, label=label + "s", client=label)) + tls_record(20, b"\x01")
    flight += tls_record(23, noise(label + "certificate", 2100)) + tls_record(23, noise(label + "finished", 69))
    conn.send(1, flight).wait(2 * MS)
    conn.send(0, tls_record(20, b"\x01") + tls_record(23, noise(label + "cfin", 53)), ack=False)
    conn.send(0, tls_record(23, noise(label + "request", request)), ack=False).wait(conn.rtt)
    conn.send(1, tls_record(23, noise(label + "response", response)))
    conn.send(0, tls_record(23, noise(label + "close", 19)), ack=False)
    return conn


def tls12_session(conn, sni, label, request=300, response=2600):
    """A whole TLS 1.2 connection (ECDHE) on an open TCP connection."""
    conn.send(0, client_hello(sni, ("http/1.1",), tls13=False, label=label), ack=False).wait(conn.rtt)
    flight = server_hello(0xc02b, tls13=False, label=label + "s", alpn="http/1.1")
    flight += handshake(11, vec24(vec24(certificate(sni, label=label))))
    sig = der(0x30, der(2, b"\x01" + noise(label + "kr", 31)), der(2, b"\x01" + noise(label + "ks", 31)))
    flight += handshake(12, b"\x03\0\x1d" + vec8(noise(label + "share", 32)) + b"\x04\x03" + vec16(sig))
    flight += handshake(14, b"")
    conn.send(1, tls_record(22, flight)).wait(3 * MS)
    finish = tls_record(20, b"\x01") + tls_record(22, noise(label + "finished", 40))
    conn.send(0, tls_record(22, handshake(16, vec8(noise(label + "cshare", 32)))) + finish, ack=False).wait(conn.rtt)
    conn.send(1, finish)
    conn.send(0, tls_record(23, noise(label + "request", request)), ack=False).wait(conn.rtt)
    conn.send(1, tls_record(23, noise(label + "response", response)))
    conn.send(0, tls_record(21, noise(label + "close", 26)), ack=False)
    return conn


# ---- capture files ---------------------------------------------------------------------------

def pcap(cap, order="<", nano=False, snaplen=262144, link=None):
    """The bytes of a classic pcap file."""
    out = [struct.pack(order + "IHHiIII", 0xa1b23c4d if nano else 0xa1b2c3d4, 2, 4, 0, 0, snaplen,
                       cap.link if link is None else link)]
    for ts, frame, _, wire in cap.frames:
        sub = ts % SECOND if nano else ts % SECOND // 1000
        frame = frame[:snaplen]
        out.append(struct.pack(order + "IIII", ts // SECOND, sub, len(frame), wire) + frame)
    return b"".join(out)


def ng_block(order, kind, body):
    body += b"\0" * (-len(body) % 4)
    size = len(body) + 12
    return struct.pack(order + "II", kind, size) + body + struct.pack(order + "I", size)


def ng_section(order="<"):
    return ng_block(order, 0x0a0d0d0a, struct.pack(order + "IHHq", 0x1a2b3c4d, 1, 0, -1))


def ng_interface(order, link, snaplen=0, tsresol=9):
    opts = struct.pack(order + "HHB3x", 9, 1, tsresol) + struct.pack(order + "HH", 0, 0)
    return ng_block(order, 1, struct.pack(order + "HHI", link, 0, snaplen) + opts)


def ng_packet(order, iface, ts, frame, wire=None):
    """ts in units of the interface."""
    return ng_block(order, 6, struct.pack(order + "IIIII", iface, ts >> 32, ts & 0xffffffff, len(frame),
                                          wire or len(frame)) + frame)


def pcapng(cap, order="<", snaplens=None):
    """The bytes of a pcapng file: one interface per link type, in ns."""
    links = sorted({f[2] for f in cap.frames}) or [cap.link]
    out = ng_section(order)
    for i, link in enumerate(links):
        out += ng_interface(order, link, snaplens[i] if snaplens else 0)
    return out + b"".join(ng_packet(order, links.index(link), ts, frame, wire) for ts, frame, link, wire in cap.frames)


def gz(data):
    return gzip.compress(data, mtime=0)
