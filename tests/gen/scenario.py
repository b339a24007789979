#!/usr/bin/env python3
"""scenario: small captures for tests, by name. Each is a function here; the file goes to stdout.

    python3 tests/gen/scenario.py handshake_fin > x.pcap        --list names them all
"""
import struct
import sys

from packets import (ACK, FIN, MS, NULL, PSH, RAW, RST, SECOND, SLL, SYN, A, Capture, Tcp, dns, ether, gz, ip, mac,
                     ng_block, ng_interface, ng_packet, ng_section, noise, pcap, pcapng, tcp, udp)

START = 1767225600 * SECOND
LINES_START = 1700000000 * SECOND
CLIENT, SERVER = "192.0.2.1", "198.51.100.2"
CLIENT6, SERVER6 = "2001:db8::1", "2001:db8:1::2"
GET = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def connection(cap=None, client=CLIENT, server=SERVER, t=START, sport=80, **more):
    return Tcp(Capture() if cap is None else cap, t, client, 40000, server, sport, **more)


def numbered(n, link=1, t=START, step=MS):
    """n UDP datagrams, step apart."""
    cap = Capture(link)
    for i in range(n):
        cap.datagram(t + i * step, CLIENT, 1000 + i, SERVER, 9, b"frame %d" % i)
    return cap


def empty():
    return pcap(Capture())


def one():
    return pcap(numbered(1))


def ten():
    return pcap(numbered(10))


def ten_nano():
    return pcap(numbered(10, step=MS + 1), nano=True)


def ten_big_endian():
    return pcap(numbered(10), order=">")


def ten_big_endian_nano():
    return pcap(numbered(10, step=MS + 1), order=">", nano=True)


def ten_pcapng():
    return pcapng(numbered(10))


def ten_pcapng_big_endian():
    return pcapng(numbered(10), order=">")


def ten_gz():
    return gz(ten())


def ten_gz_members():
    """One file in three gzip members, and padding behind them."""
    data = ten()
    return gz(data[:100]) + gz(data[100:500]) + gz(data[500:]) + b"\0" * 512


def ten_pcapng_gz():
    return gz(ten_pcapng())


def ten_modified():
    """The layout of patched libpcaps of the 1990s: 8 more bytes in each packet header."""
    data = ten()
    out = b"\x34\xcd\xb2\xa1" + data[4:24]
    at = 24
    while at < len(data):
        size = int.from_bytes(data[at + 8:at + 12], "little")
        out += data[at:at + 16] + b"\x02\0\0\0\0\x08\0\0" + data[at + 16:at + 16 + size]
        at += 16 + size
    return out


def even_ms():
    """Ten frames at 0, 2, 4 .. ms; with odd_ms, for merging."""
    return pcap(numbered(10, step=2 * MS))


def odd_ms():
    return pcap(numbered(10, t=START + MS, step=2 * MS))


def snapped():
    return pcap(numbered(10), snaplen=40)


def long_frames():
    """Frames of the greatest length, and one byte more."""
    cap = Capture()
    for size in (262143, 262144, 262145):
        cap.add(START, noise("long", 1 << 12) * 64 + b"x" if size == 262145 else (noise("long", 1 << 12) * 64)[:size])
    return pcap(cap, snaplen=1 << 20)


def time_back():
    cap = Capture()
    for i in (0, 5, 3, 6, 6):
        cap.datagram(START + i * MS, CLIENT, 1000 + i, SERVER, 9, b"frame %d" % i)
    return pcap(cap)


def odd_link():
    """A link type that nobody has defined."""
    return pcap(numbered(3), link=9999)


def user_link():
    """A link type that is free for private use."""
    return pcap(numbered(3), link=147)


def cut():
    return ten()[:-3]


def cut_gz():
    return ten_gz()[:-12]


def bad_gz():
    """Damaged in the middle of the packed data; incompressible, so that much comes before it."""
    cap = Capture()
    for i in range(4000):
        cap.datagram(START + i * MS, CLIENT, 1000, SERVER, 9, noise("n%d" % i, 256))
    data = bytearray(gz(pcap(cap)))
    data[len(data) // 2:len(data) // 2 + 64] = b"\xff" * 64
    return bytes(data)


def bad_gz_check():
    """The checksum behind the packed data is wrong."""
    data = bytearray(ten_gz())
    data[-8] ^= 1
    return bytes(data)


def garbage_tail():
    """Ten good packets, then garbage."""
    return ten() + b"\xff" * 100


def pcapng_two_links():
    """Interfaces of unlike link type and snapshot length, which libpcap refuses."""
    cap = numbered(3)
    inner = ip(CLIENT, SERVER, 17, udp(CLIENT, SERVER, 5, 6, b"raw"))
    cap.add(START + 10 * MS, inner, RAW)
    cap.add(START + 11 * MS, b"\x02\0\0\0" + inner, NULL)
    cap.add(START + 12 * MS, b"\0\0\0\x01\0\x06" + mac(CLIENT) + b"\0\0\x08\0" + inner, SLL)
    return pcapng(cap, snaplens=[96, 65535, 0, 2000])


def pcapng_sections():
    """Two sections of unlike byte order; blocks of unknown types between the packets."""
    frame = numbered(1).frames[0][1]
    out = b""
    for order in "<>":
        out += ng_section(order) + ng_block(order, 0x0bad, b"x" * 700000) + ng_interface(order, 1, tsresol=6)
        for i in range(3):
            out += ng_packet(order, 0, START // 1000 + i, frame) + ng_block(order, 5, b"statistics")
    return out


def pcapng_garbage_tail():
    return ten_pcapng() + b"\xff" * 100


def handshake_fin():
    conn = connection().open()
    return pcap(conn.exchange(GET, OK).close().cap)


def handshake_rst():
    conn = connection().open()
    return pcap(conn.send(0, GET).reset(1).cap)


def data_in_parts(conn, order, lost=(), size=100, parts=6):
    """Parts of 100 bytes from the client, in the order given; afterwards all are acknowledged."""
    base = conn.seq[0]
    for i in order:
        conn.segment(0, ACK | PSH, bytes([97 + i]) * size, seq=base + i * size, lost=i in lost)
    conn.seq[0] = base + parts * size
    conn.segment(1, ACK)
    return conn


def reordered():
    return pcap(data_in_parts(connection().open(), (0, 2, 1, 5, 4, 3)).close().cap)


def lost():
    """The third of six segments was not captured, yet it is acknowledged."""
    return pcap(data_in_parts(connection().open(), range(6), lost=(2,)).close().cap)


def retransmitted():
    return pcap(data_in_parts(connection().open(), (0, 1, 1, 2, 0, 3, 4, 5, 5)).close().cap)


def retransmit_overlap():
    """Bytes 50..149 come again, with other contents."""
    conn = connection().open()
    base = conn.seq[0]
    conn.segment(0, ACK | PSH, b"a" * 100, seq=base)
    conn.segment(0, ACK | PSH, b"X" * 100, seq=base + 50)
    conn.segment(0, ACK | PSH, b"c" * 50, seq=base + 150)
    conn.seq[0] = base + 200
    conn.segment(1, ACK)
    return pcap(conn.close().cap)


def midstream():
    """A connection whose start was not captured."""
    conn = connection()
    conn.acked = list(conn.seq)
    return pcap(conn.exchange(GET, OK).exchange(GET, OK).close().cap)


def one_sided():
    """Only the client's packets were captured."""
    conn = connection().open().exchange(GET, OK).close()
    conn.cap.frames = [f for f in conn.cap.frames if f[1][6:12] == mac(CLIENT)]
    return pcap(conn.cap)


def http_pipeline():
    conn = connection().open()
    conn.send(0, GET * 3, ack=False).wait(MS)
    return pcap(conn.send(1, OK * 3).close().cap)


def port_reuse():
    """Two connections in a row with the same addresses and ports."""
    first = connection().open().exchange(GET, OK).close()
    second = connection(first.cap, t=first.t + SECOND)
    second.isn = second.seq = [second.seq[0] + 1000000, second.seq[1] + 2000000]
    return pcap(second.open().exchange(GET, OK).close().cap)


def syn_refused():
    cap = Capture()
    cap.packet(START, CLIENT, SERVER, 6, tcp(CLIENT, SERVER, 40000, 81, 1000, 0, SYN))
    cap.packet(START + MS, SERVER, CLIENT, 6, tcp(SERVER, CLIENT, 81, 40000, 0, 1001, RST | ACK))
    return pcap(cap)


def half_closed():
    """The client closes its side; the server goes on for a while."""
    conn = connection().open().send(0, GET)
    conn.segment(0, FIN | ACK)
    conn.segment(1, ACK)
    conn.send(1, OK * 20)
    conn.segment(1, FIN | ACK)
    conn.segment(0, ACK)
    return pcap(conn.cap)


def dns_answered():
    cap = Capture()
    cap.datagram(START, CLIENT, 5353, SERVER, 53, dns(7, "example.com", A))
    cap.datagram(START + 5 * MS, SERVER, 53, CLIENT, 5353,
                 dns(7, "example.com", A, [("example.com", A, 60, "203.0.113.5")]))
    return pcap(cap)


def dns_unanswered():
    cap = Capture()
    for i in range(3):
        cap.datagram(START + i * 5 * SECOND, CLIENT, 5353, SERVER, 53, dns(7, "example.com", A))
    return pcap(cap)


def lines():
    """A protocol of text lines on port 7777, for the example parser: a frame each millisecond."""
    conn = Tcp(Capture(), LINES_START, CLIENT, 40000, "198.51.100.1", 7777, rtt=0)
    for side, flags, data in ((0, SYN, b""), (1, SYN | ACK, b""), (0, ACK, b""), (0, ACK | PSH, b"hello\nworld\n"),
                              (1, ACK | PSH, b"ok\n"), (0, FIN | ACK, b""), (1, FIN | ACK, b""), (0, ACK, b"")):
        conn.segment(side, flags, data)
        conn.t = LINES_START + len(conn.cap.frames) * MS
    return pcap(conn.cap)


def pfx():
    """Length-prefixed messages: five from each side, one of them long."""
    conn = Tcp(Capture(), LINES_START, "10.0.0.1", 4321, "10.0.0.2", 5678)
    conn.open()
    conn.segment(0, ACK | PSH, b"".join(b"PFX2,\0\6init-%d" % i for i in range(5)))
    conn.segment(1, ACK | PSH, b"".join(b"PFX2,\0\6resp-%d" % i for i in range(4)) + b"PFX4,\0\0\2\xbc" + 700 * b"X")
    conn.close()
    return pcap(conn.cap)


def smtp():
    """Two mails in a session, the second refused; a session that goes on encrypted."""
    cap = Capture()
    conn = Tcp(cap, LINES_START, CLIENT, 40000, "198.51.100.1", 25)
    conn.open()
    for side, text in ((1, "220-mail.example.com ESMTP\r\n220 no spam"), (0, "EHLO client.example.net"), (1, "250-mail.example.com\r\n250 PIPELINING"),
                       (0, "AUTH LOGIN"), (1, "334 VXNlcm5hbWU6"), (0, "Ym9i"), (1, "235 ok"), (0, "MAIL FROM:<bob@example.net> SIZE=300\r\nRCPT TO:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA"),
                       (1, "250 ok\r\n250 ok\r\n250 ok\r\n354 go"), (0, "From: Bob <bob@example.net>\r\nSubject: a long\r\n line\r\nMessage-ID: <1@x>\r\n\r\nFrom: not a header\r\n..dot\r\n."),
                       (1, "250 2.0.0 queued"), (0, "MAIL FROM:<>"), (1, "250 ok"), (0, "RCPT TO:<nobody@example.com>"), (1, "550 no such user"), (0, "QUIT"), (1, "221 bye")):
        conn.segment(side, ACK | PSH, text.encode() + b"\r\n")
    conn.close()
    other = Tcp(cap, LINES_START + 1000 * MS, CLIENT, 40001, "198.51.100.1", 587)
    other.open()
    for side, data in ((1, b"220 mx\r\n"), (0, b"EHLO c\r\n"), (1, b"250 STARTTLS\r\n"), (0, b"STARTTLS\r\n"), (1, b"220 ready\r\n"), (0, b"\x16\x03\x01\0\x05hello")):
        other.segment(side, ACK | PSH, data)
    other.close()
    return pcap(cap)


def ftp():
    """A session of FTP with a transfer each way and one that is refused, and their data connections; one that goes on
    encrypted."""
    cap = Capture()
    server = "198.51.100.1"
    conn = Tcp(cap, LINES_START, CLIENT, 40000, server, 21)

    def say(side, text):
        conn.segment(side, ACK | PSH, text.encode() + b"\r\n")

    def carry(data, side, payload):
        data.open()
        data.segment(side, ACK | PSH, payload)
        data.close(side)
        conn.t = max(conn.t, data.t)
    conn.open()
    for side, text in ((1, "220-files.example.com\r\n no spam\r\n220 FTP ready"), (0, "USER anonymous\r\nPASS me@example.net"),
                       (1, "331 your address, please\r\n230 welcome"), (0, "TYPE I\r\nRETR secret\r\nEPSV"),
                       (1, "200 binary\r\n550 no such file\r\n229 Extended passive (|||50000|)"), (0, "RETR boot.img")):
        say(side, text)
    say(1, "150 Opening data connection for boot.img (700 bytes)")
    carry(Tcp(cap, conn.t, CLIENT, 40001, server, 50000), 1, bytes(700))
    say(1, "226 done")
    say(0, "PORT 192,0,2,1,156,66")
    say(1, "200 PORT ok")
    say(0, "STOR notes")
    say(1, "150 send it")
    carry(Tcp(cap, conn.t, server, 20, CLIENT, 40002), 1, b"a few notes")
    say(1, "226 got it")
    say(0, "PORT 203,0,113,9,0,22")
    say(1, "500 no")
    say(0, "EPRT |1|203.0.113.9|22|")
    say(1, "200 ok")
    say(0, "QUIT")
    say(1, "221 bye")
    conn.close()
    other = Tcp(cap, conn.t + 1000 * MS, CLIENT, 40003, server, 21)
    other.open()
    for side, data in ((1, b"220 FTP\r\n"), (0, b"USER bob\r\n"), (1, b"331 who\r\n"), (0, b"PASS secret\r\n"), (1, b"530 no\r\n"),
                       (0, b"AUTH TLS\r\n"), (1, b"234 go\r\n"), (0, b"\x16\x03\x01\0\x05hello")):
        other.segment(side, ACK | PSH, data)
    other.close()
    return pcap(cap.sort())


def tftp():
    """A file that is read in windows of two blocks of 1,024 bytes, and one that may not be written."""
    cap = Capture()
    server = "198.51.100.1"
    t = [LINES_START]

    def send(from_client, sport, cport, payload):
        t[0] += MS
        cap.datagram(t[0], *((CLIENT, cport, server, sport) if from_client else (server, sport, CLIENT, cport)), payload)

    def block(number, size):
        return struct.pack(">HH", 3, number) + bytes(size)

    def ack(number):
        return struct.pack(">HH", 4, number)
    options = b"blksize\0001024\0windowsize\0002\0tsize\000%d\0"
    send(True, 69, 40000, b"\0\1boot.img\0octet\0" + options % 0)
    send(False, 50000, 40000, b"\0\6" + options % 3100)
    send(True, 50000, 40000, ack(0))
    for numbers in ((1, 2), (3, 4)):
        for n in numbers:
            send(False, 50000, 40000, block(n, 1024 if n < 4 else 28))
        send(True, 50000, 40000, ack(numbers[-1]))
    send(True, 69, 40001, b"\0\2notes\0netascii\0")
    send(False, 50001, 40001, b"\0\5\0\2access violation\0")
    return pcap(cap)


def ssh():
    """Two connections of SSH: both sides' lists, and one that is refused after the identification."""
    def packet(payload):
        return struct.pack(">IB", len(payload) + 5, 4) + payload + bytes(4)

    def kexinit(*lists):
        names = [name.encode() for name in lists] + [b"", b""]
        return packet(b"\x14" + 16 * b"c" + b"".join(struct.pack(">I", len(n)) + n for n in names) + bytes(5))
    cap = Capture()
    conn = Tcp(cap, LINES_START, CLIENT, 40000, "198.51.100.1", 22)
    conn.open()
    conn.segment(1, ACK | PSH, b"SSH-2.0-OpenSSH_9.2p1\r\n")
    conn.segment(0, ACK | PSH, b"SSH-2.0-PuTTY_Release_0.80\r\n")
    conn.segment(0, ACK | PSH, kexinit("curve25519-sha256,ext-info-c", "ssh-ed25519", "aes256-ctr,aes128-ctr", "aes256-ctr", "hmac-sha2-256", "hmac-sha2-256", "none", "none"))
    conn.segment(1, ACK | PSH, kexinit("sntrup761x25519-sha512,curve25519-sha256", "rsa-sha2-512,ssh-ed25519", "aes128-ctr", "aes128-ctr,aes256-ctr", "hmac-sha1,hmac-sha2-256", "hmac-sha2-256", "none", "none"))
    conn.segment(0, ACK | PSH, packet(b"\x1e" + 32 * b"k"))
    conn.close()
    other = Tcp(cap, LINES_START + 1000 * MS, CLIENT, 40001, "198.51.100.1", 2222)
    other.open()
    other.segment(0, ACK | PSH, b"SSH-2.0-scanner\r\n")
    other.reset(1)
    return pcap(cap)


def vlan():
    return pcap(connection(vlans=(100,)).open().exchange(GET, OK).close().cap)


def vlan_stack():
    return pcap(connection(vlans=(100, 7)).open().exchange(GET, OK).close().cap)


def ipv6():
    return pcap(connection(client=CLIENT6, server=SERVER6).open().exchange(GET, OK).close().cap)


def raw_ip():
    return pcap(connection(Capture(RAW)).open().exchange(GET, OK).close().cap)


def bad_checksums():
    """Every packet of the client has a wrong TCP checksum, as with checksum offload."""
    conn = connection().open().exchange(GET, OK).close()
    for i, (ts, frame, link, wire) in enumerate(conn.cap.frames):
        if frame[6:12] == mac(CLIENT):
            frame = frame[:50] + bytes([frame[50] ^ 0x55]) + frame[51:]
            conn.cap.frames[i] = (ts, frame, link, wire)
    return pcap(conn.cap)


def not_ip():
    cap = Capture()
    for i in range(3):
        cap.add(START + i * MS, ether(mac(CLIENT), mac(SERVER), 0x88cc, b"lldp" * 20))
    return pcap(cap)


def many_flows(n=1000):
    cap = Capture()
    for i in range(n):
        cap.datagram(START + i * MS, "192.0.2.%d" % (i % 250 + 1), 1024 + i, SERVER, 9, b"x")
    return pcap(cap)


def scenarios():
    helpers = {"connection", "numbered", "data_in_parts", "scenarios", "main"}
    return {k: v for k, v in globals().items()
            if callable(v) and getattr(v, "__module__", "") == "__main__" and k not in helpers}


def main():
    table = scenarios()
    if len(sys.argv) == 2 and sys.argv[1] == "--list":
        print("\n".join(table))
    elif len(sys.argv) == 2 and sys.argv[1] in table:
        sys.stdout.buffer.write(table[sys.argv[1]]())
    else:
        sys.exit("usage: scenario.py NAME | --list")


if __name__ == "__main__":
    main()
