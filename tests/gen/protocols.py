#!/usr/bin/env python3
"""protocols: an exchange of each protocol that a shipped spec describes, by the spec's name.

    python3 tests/gen/protocols.py redis > redis.pcap
"""
import struct
import sys
import zlib

from packets import ACK, MS, PSH, Capture, Tcp, pcap

START = 1_700_000_000_000_000_000
CLIENT, SERVER = "192.0.2.10", "198.51.100.20"


def tcp(port, *messages):
    """(side, bytes) in order, a segment each, 1 ms apart; a list of bytes is one segment each."""
    conn = Tcp(Capture(), START, CLIENT, 40000, SERVER, port, rtt=0)
    conn.open()
    for side, data in messages:
        for piece in data if isinstance(data, list) else [data]:
            conn.t += MS
            conn.segment(side, ACK | PSH, piece)
    conn.close()
    return pcap(conn.cap)


def udp(port, *messages):
    cap = Capture()
    for i, (side, data) in enumerate(messages):
        ends = (CLIENT, 40000, SERVER, port)
        cap.datagram(START + i * MS, *(ends[2:] + ends[:2] if side else ends), data)
    return pcap(cap)


def s16(text):
    return struct.pack(">H", len(text)) + text


def ber(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    return bytes([tag]) + (bytes([n]) if n < 128 else b"\x82" + struct.pack(">H", n)) + body


def resp(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


def redis():
    return tcp(6379, (0, resp(b"SET", b"key", b"a value") + b"PING\r\n"), (1, b"+OK\r\n+PONG\r\n"),
               (0, [b"*2\r\n$4\r\nMG", b"ET\r\n$1\r\na\r", b"\n"]), (1, [b"*3\r\n$3\r\none\r\n$-1\r\n*2\r\n:", b"1\r\n:-2\r\n"]),
               (0, resp(b"NOPE")), (1, b"-ERR unknown command\r\n"), (0, resp(b"HELLO", b"3")), (1, b"%1\r\n+proto\r\n:3\r\n"),
               (1, b">2\r\n+message\r\n$2\r\nhi\r\n"), (0, resp(b"GET", b"x")), (1, b"_\r\n"), (0, resp(b"WAIT")))


def mqtt():
    def packet(kind, flags, body):
        return bytes([kind << 4 | flags, *([len(body) & 127 | 128, len(body) >> 7] if len(body) > 127 else [len(body)])]) + body
    connect = packet(1, 0, s16(b"MQTT") + b"\x04\xc6" + b"\0\x3c" + s16(b"me") + s16(b"will/t") + s16(b"gone") + s16(b"user") + s16(b"pw"))
    return tcp(1883, (0, packet(3, 0, s16(b"early") + b"x")), (0, connect), (1, packet(2, 0, b"\0\0")),
               (0, packet(8, 2, b"\0\1" + s16(b"a/+") + b"\1" + s16(b"b") + b"\0")), (1, packet(9, 0, b"\0\1\1\x80")),
               (0, packet(3, 2, s16(b"a/b") + b"\0\2" + 200 * b"p")), (1, packet(4, 0, b"\0\2")), (1, packet(3, 3, s16(b"a/c") + b"\0\7hi")),
               (0, packet(12, 0, b"")), (1, packet(13, 0, b"")), (0, packet(3, 4, s16(b"q2") + b"\0\3")), (1, packet(5, 0, b"\0\3")),
               (0, packet(6, 2, b"\0\3")), (1, packet(7, 0, b"\0\3")), (0, packet(14, 0, b"")))


def modbus():
    def adu(transaction, body, unit=1):
        return struct.pack(">HHHB", transaction, 0, len(body) + 1, unit) + body
    return tcp(502, (0, adu(1, b"\3\0\x10\0\2") + adu(2, b"\6\0\1\0\5")), (1, adu(1, b"\3\4\0\x2a\xff\xff")), (1, adu(2, b"\6\0\1\0\5")),
               (0, adu(3, b"\x10\0\0\0\2\4\0\1\0\2")), (1, adu(3, b"\x10\0\0\0\2")), (0, adu(4, b"\1\0\0\0\x0a")), (1, adu(4, b"\x81\2")),
               (0, adu(5, b"\4\0\0\0\1")), (0, b"\0\6\0\7\0\3\1\3\0"))


def snmp():
    name = ber(6, bytes([0x2b, 6, 1, 2, 1, 1, 1, 0]))

    def pdu(tag, ident, value, error=0):
        return ber(0x30, ber(2, b"\1"), ber(4, b"public"), ber(tag, ber(2, struct.pack(">i", ident)), ber(2, bytes([error])), ber(2, b"\0"),
                                                                 ber(0x30, ber(0x30, name, value), ber(0x30, name, ber(0x41, b"\0\xff\xff\xff\xff")))))
    trap = ber(0x30, ber(2, b"\0"), ber(4, b"public"), ber(0xa4, name, ber(0x40, b"\xc0\0\2\1"), ber(2, b"\3"), ber(2, b"\0"), ber(0x43, b"\1\0"), ber(0x30)))
    return udp(161, (0, pdu(0xa0, 77, ber(5))), (1, pdu(0xa2, 77, ber(4, 150 * b"d"))), (0, pdu(0xa0, -5, ber(5))), (0, trap), (0, b"\x30\x80\0\0"))


def ntp():
    def at(s, frac):
        return struct.pack(">II", s + 2208988800, frac)

    def packet(mode, org, rec, xmt, stratum=0):
        return bytes([0x20 | mode, stratum, 6, 0xec]) + struct.pack(">II", 1, 2) + b"GPS\0" + bytes(8) + org + rec + xmt
    one, two = at(1_700_000_000, 0x80000000), at(1_700_000_001, 0x40000000)
    return udp(123, (0, packet(3, bytes(8), bytes(8), one)), (1, packet(4, one, two, two, 1)), (0, packet(3, bytes(8), bytes(8), two)),
               (0, b"\x1a\2\0\1" + bytes(4)), (1, b"\xe3short"))


def syslog():
    return udp(514, (0, b"<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - 'su root' failed"), (0, b"<13>Feb  5 17:32:18 host cron: done\n"),
               (0, b"no priority"), (0, b"<1234>too long"))


def radius():
    def packet(code, ident, *attributes):
        body = b"".join(bytes([kind, len(value) + 2]) + value for kind, value in attributes)
        return bytes([code, ident]) + struct.pack(">H", 20 + len(body)) + 16 * b"\xaa" + body
    return udp(1812, (0, packet(1, 5, (1, b"alice"), (2, 16 * b"p"), (4, bytes([192, 0, 2, 9])), (5, struct.pack(">I", 3)))),
               (1, packet(2, 5, (18, b"hello"), (27, struct.pack(">I", 3600)))), (0, packet(1, 6, (1, b"bob"))), (0, b"\1\7\0\x15" + 16 * b"a" + b"\1"))


def stun():
    ident = bytes(range(12))

    def message(kind, *attributes, wrong=0):
        body = b"".join(struct.pack(">HH", k, len(v)) + v + bytes(-len(v) % 4) for k, v in attributes)
        head = struct.pack(">HHI", kind, len(body) + 8, 0x2112a442) + ident
        crc = zlib.crc32(head + body) ^ 0x5354554e ^ wrong
        return head + body + struct.pack(">HHI", 0x8028, 4, crc)
    return udp(3478, (0, message(1, (6, b"user:name"))), (1, message(0x101, (0x20, b"\0\1" + struct.pack(">HI", 40000 ^ 0x2112, 0xc000020a ^ 0x2112a442)))),
               (0, message(3, (0x14, b"realm"))), (1, message(0x113, (9, b"\0\0\4\1Unauthorized"))), (0, message(0x11, wrong=1)))


def diameter():
    def avp(code, value, vendor=None):
        size = len(value) + (8 if vendor is None else 12)
        return struct.pack(">IB", code, 0x40 if vendor is None else 0xc0) + size.to_bytes(3, "big") + (b"" if vendor is None else struct.pack(">I", vendor)) + \
            value + bytes(-len(value) % 4)

    def message(flags, command, hop, *avps):
        body = b"".join(avps)
        return b"\1" + (20 + len(body)).to_bytes(3, "big") + bytes([flags]) + command.to_bytes(3, "big") + struct.pack(">III", 0, hop, hop + 1) + body
    asks = message(0x80, 257, 7, avp(264, b"a.example.com"), avp(296, b"example.com"), avp(266, struct.pack(">I", 10415)))
    return tcp(3868, (0, [asks[:9], asks[9:]]), (1, message(0, 257, 7, avp(268, struct.pack(">I", 2001)), avp(264, b"b"), avp(1032, b"\0\0\3\xec", 10415))),
               (0, message(0x80, 280, 8)), (1, message(0x20, 280, 8, avp(268, struct.pack(">I", 3002)), avp(281, b"no"))), (0, message(0x80, 280, 9)))


def mysql():
    def packet(seq, body):
        return len(body).to_bytes(3, "little") + bytes([seq]) + body
    greeting = b"\x0a8.0.36\0" + struct.pack("<I", 9) + 8 * b"s" + b"\0\xff\xf7\xff\2\0\xff\xc7\x15" + bytes(10) + 12 * b"t" + b"\0mysql_native_password\0"
    login = struct.pack("<IIB", 0x000fa68d, 1 << 24, 33) + bytes(23) + b"alice\0\x14" + 20 * b"h" + b"shop\0mysql_native_password\0"
    ok, eof = b"\0\0\0\2\0\0\0", b"\xfe\0\0\2\0"
    column = b"\3def\0\0\0\1c\0\x0c\x21\0\1\0\0\0\xfd\0\0\0\0\0"
    return tcp(3306, (1, packet(0, greeting)), (0, packet(1, login)), (1, packet(2, ok)), (0, packet(0, b"\3SELECT c FROM t")),
               (1, packet(1, b"\1") + packet(2, column) + packet(3, eof) + packet(4, b"\1a") + packet(5, b"\1b") + packet(6, eof)),
               (0, packet(0, b"\3DELETE FROM t")), (1, packet(1, b"\0\xfc\x2c\1\0\2\0\0\0")), (0, packet(0, b"\3SELEC")),
               (1, packet(1, b"\xff\x28\4#42000You have an error")), (0, packet(0, b"\x16SELECT ?")),
               (1, packet(1, b"\0\5\0\0\0\1\0\1\0\0\0\0") + packet(2, column) + packet(3, eof) + packet(4, column) + packet(5, eof)),
               (0, packet(0, b"\x17\5\0\0\0\0\1\0\0\0")), (1, packet(1, b"\1") + packet(2, column) + packet(3, eof) + packet(4, eof)),
               (0, packet(0, b"\x0e") + packet(0, b"\x0e")), (1, packet(1, ok)), (0, packet(0, b"\1")))


def postgresql():
    def message(kind, body):
        return kind + struct.pack(">I", len(body) + 4) + body
    startup = struct.pack(">II", 0, 196608) + b"user\0bob\0database\0shop\0\0"
    startup = struct.pack(">I", len(startup)) + startup[4:]
    error = message(b"E", b"SERROR\0C42P01\0Mrelation \"x\" does not exist\0P15\0\0")
    ready, row = message(b"Z", b"I"), message(b"D", b"\0\1\0\0\0\1a")
    return tcp(5432, (0, struct.pack(">II", 8, 80877103)), (1, b"N"), (0, startup), (1, message(b"R", struct.pack(">I", 5) + b"salt")),
               (0, message(b"p", b"md5abc\0")), (1, message(b"R", bytes(4)) + message(b"S", b"server_version\0" + b"16\0") + message(b"K", bytes(8)) + ready),
               (0, message(b"Q", b"SELECT a FROM t\0")), (1, [message(b"T", b"\0\0") + row, row + message(b"C", b"SELECT 2\0") + ready]),
               (0, message(b"Q", b"SELECT * FROM x\0")), (1, error + ready),
               (0, message(b"P", b"s1\0INSERT INTO t VALUES ($1)\0\0\0") + message(b"B", b"\0s1\0") + message(b"E", b"\0\0\0\0\0") + message(b"S", b"")),
               (1, message(b"1", b"") + message(b"2", b"") + message(b"C", b"INSERT 0 1\0") + ready), (0, message(b"p", b"again\0")), (0, message(b"X", b"")))


TABLE = {f.__name__: f for f in (redis, mqtt, modbus, snmp, ntp, syslog, radius, stun, diameter, mysql, postgresql)}
if sys.argv[1:] == ["--list"]:
    print("\n".join(TABLE))
elif len(sys.argv) == 2 and sys.argv[1] in TABLE:
    sys.stdout.buffer.write(TABLE[sys.argv[1]]())
else:
    sys.exit("usage: protocols.py NAME | --list")
