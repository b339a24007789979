#!/usr/bin/env python3
"""make_demo: writes the demonstration capture, examples/demo.pcap; the same bytes on each run.

    python3 tests/gen/make_demo.py examples/demo.pcap
"""
import sys

from packets import (AAAA, ACK, CNAME, HTTPS, MS, MX, PSH, RST, SECOND, SYN, TXT, A, Capture, Tcp, arp, client_hello,
                     dns, ether, icmp, mac, noise, packed, pcap, svcb, tcp, tls12_session, tls13_session, tls_record)

START = 1767225600 * SECOND  # 2026-01-01
CLIENT, LAPTOP, PRINTER = "192.0.2.10", "192.0.2.23", "192.0.2.40"
CLIENT6, RESOLVER6, WEB6 = "2001:db8:1::10", "2001:db8:1::53", "2001:db8:80::1"
RESOLVER, WEB, API, SHOP, OLD = "192.0.2.53", "198.51.100.80", "198.51.100.81", "203.0.113.44", "203.0.113.99"


def lookup(cap, t, client, resolver, port, ident, name, kind, answers, rcode=0, rtt=12 * MS, **more):
    cap.datagram(t, client, port, resolver, 53, dns(ident, name, kind))
    if answers is not None:
        cap.datagram(t + rtt, resolver, 53, client, port, dns(ident, name, kind, answers, rcode, **more))


def neighbours(cap, t):
    everyone = b"\xff" * 6
    cap.add(t, ether(mac(CLIENT), everyone, 0x806, arp(1, CLIENT, RESOLVER)) + b"\0" * 18)
    cap.add(t + MS, ether(mac(RESOLVER), mac(CLIENT), 0x806, arp(2, RESOLVER, CLIENT, mac(CLIENT))) + b"\0" * 18)
    target = "ff02::1:ff00:53"
    group = b"\x33\x33" + packed(target)[-4:]
    body = b"\0" * 4 + packed(RESOLVER6) + b"\x01\x01" + mac(CLIENT6)
    frame = icmp(CLIENT6, target, 135, 0, body)
    cap.packet(t + 2 * MS, CLIENT6, target, 58, frame, ttl=255)
    ts, data, link, wire = cap.frames.pop()
    cap.add(ts, group + data[6:], link, wire)
    body = b"\x60\0\0\0" + packed(RESOLVER6) + b"\x02\x01" + mac(RESOLVER6)
    cap.packet(t + 3 * MS, RESOLVER6, CLIENT6, 58, icmp(RESOLVER6, CLIENT6, 136, 0, body), ttl=255)


def pings(cap, t):
    for i in range(3):
        rest = b"\x12\x34\0" + bytes([i + 1]) + noise("ping", 48)
        cap.packet(t + i * SECOND, CLIENT, WEB, 1, icmp(CLIENT, WEB, 8, 0, rest), ident=i)
        cap.packet(t + i * SECOND + 18 * MS, WEB, CLIENT, 1, icmp(WEB, CLIENT, 0, 0, rest), ident=i, ttl=56)
    rest = b"\x43\x21\0\x01" + noise("ping6", 48)
    cap.packet(t, CLIENT6, WEB6, 58, icmp(CLIENT6, WEB6, 128, 0, rest))
    cap.packet(t + 21 * MS, WEB6, CLIENT6, 58, icmp(WEB6, CLIENT6, 129, 0, rest), ttl=55)


def names(cap, t):
    web = "www.example.com"
    lookup(cap, t, CLIENT, RESOLVER, 50001, 0x1001, web, A, [(web, A, 300, WEB)])
    lookup(cap, t + MS, CLIENT, RESOLVER, 50002, 0x1002, web, AAAA, [(web, AAAA, 300, WEB6)])
    lookup(cap, t + 2 * MS, CLIENT, RESOLVER, 50003, 0x1003, web, HTTPS,
           [(web, HTTPS, 300, svcb(1, "", ["h3", "h2"]))])
    lookup(cap, t + 90 * MS, CLIENT, RESOLVER, 50004, 0x1004, "shop.example.net", A,
           [("shop.example.net", CNAME, 60, "edge.example.net"), ("edge.example.net", A, 30, SHOP)], rtt=31 * MS)
    lookup(cap, t + 2 * SECOND, CLIENT, RESOLVER, 50005, 0x1005, "wpad.example.com", A, [], 3)
    lookup(cap, t + 3 * SECOND, LAPTOP, RESOLVER, 50006, 0x2001, "telemetry.example.org", A, None)
    lookup(cap, t + 8 * SECOND, LAPTOP, RESOLVER, 50006, 0x2001, "telemetry.example.org", A, None)
    lookup(cap, t + 4 * SECOND, CLIENT6, RESOLVER6, 50007, 0x1006, web, AAAA, [(web, AAAA, 300, WEB6)])
    lookup(cap, t + 5 * SECOND, CLIENT, RESOLVER, 50008, 0x1007, "example.com", MX,
           [("example.com", MX, 3600, (10, "mx1.example.com")), ("example.com", MX, 3600, (20, "mx2.example.com"))])
    # An answer too long for a datagram: truncated, then asked again over TCP.
    texts = [("txt.example.com", TXT, 60, ["part %d of a long text: " % i + "x" * 180]) for i in range(8)]
    short = bytearray(dns(0x1008, "txt.example.com", TXT, []))
    short[2] |= 0x02
    cap.datagram(t + 6 * SECOND, CLIENT, 50009, RESOLVER, 53, dns(0x1008, "txt.example.com", TXT))
    cap.datagram(t + 6 * SECOND + 9 * MS, RESOLVER, 53, CLIENT, 50009, bytes(short))
    conn = Tcp(cap, t + 6 * SECOND + 11 * MS, CLIENT, 50010, RESOLVER, 53, rtt=8 * MS).open()
    query, answer = dns(0x1008, "txt.example.com", TXT), dns(0x1008, "txt.example.com", TXT, texts)
    conn.exchange(len(query).to_bytes(2, "big") + query, len(answer).to_bytes(2, "big") + answer).close()


def http(status, body, kind="text/html", more=""):
    head = "HTTP/1.1 %s\r\nServer: example\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n" % (
        status, kind, len(body), more)
    return head.encode() + body


def request(method, uri, host, body=b"", more=""):
    head = "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: demo/1.0\r\nAccept: */*\r\n%s" % (method, uri, host, more)
    if body:
        head += "Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
    return head.encode() + b"\r\n" + body


def page(title, n):
    text = "<html><head><title>%s</title></head><body>\n" % title
    while len(text) < n:
        text += "<p>line %d of %s</p>\n" % (text.count("\n"), title)
    return (text + "</body></html>\n").encode()


def chunked(parts):
    out = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
    return out + b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"


def web(cap, t):
    host = "www.example.com"
    conn = Tcp(cap, t, CLIENT, 40001, WEB, 80).open()
    conn.exchange(request("GET", "/", host), http("200 OK", page("Welcome", 5200))).wait(80 * MS)
    conn.exchange(request("GET", "/missing.png", host, more="Referer: http://%s/\r\n" % host),
                  http("404 Not Found", page("Not found", 300)))
    conn.exchange(request("HEAD", "/big.iso", host),
                  b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 734003200\r\n\r\n")
    conn.close()
    conn = Tcp(cap, t + 300 * MS, CLIENT, 40002, API, 8080).open()
    conn.exchange(request("POST", "/v1/items?dry=1", "api.example.com", b'{"name":"lamp","price":12.5}'),
                  http("201 Created", b'{"id":42}\n', "application/json", "Location: /v1/items/42\r\n"))
    conn.exchange(request("GET", "/v1/log", "api.example.com"),
                  chunked([b"first line\n", b"second line, which is longer\n", noise("log", 900).hex().encode()]))
    conn.close(1)
    # Three requests before the first answer.
    conn = Tcp(cap, t + 700 * MS, LAPTOP, 40003, WEB, 80).open()
    conn.send(0, b"".join(request("GET", "/%s.css" % n, host) for n in "abc"), ack=False).wait(conn.rtt)
    conn.send(1, b"".join(http("200 OK", page(n, 200), "text/css") for n in "abc")).close()
    # On a VLAN, and over IPv6.
    conn = Tcp(cap, t + 900 * MS, PRINTER, 40004, OLD, 80, vlans=(120,)).open()
    conn.exchange(request("GET", "/firmware.txt", "update.example.org"),
                  http("304 Not Modified", b"")).close()
    conn = Tcp(cap, t + 1200 * MS, CLIENT6, 40005, WEB6, 80, mss=1440).open()
    conn.exchange(request("GET", "/six", host), http("200 OK", page("Six", 1800))).close()


def troubles(cap, t):
    """What a network does: a retransmission, a lost segment, a pair out of order."""
    host = "files.example.net"
    conn = Tcp(cap, t, CLIENT, 40010, SHOP, 80, rtt=35 * MS).open()
    conn.send(0, request("GET", "/report.txt", host), ack=False).wait(conn.rtt)
    parts = conn.pieces(http("200 OK", page("Report", 8600)))
    for i, part in enumerate(parts):
        seq = conn.seq[1]
        if i == 1:  # repeated
            conn.segment(1, ACK, part)
            conn.wait(210 * MS).segment(1, ACK, part, seq=seq)
        elif i == 3:  # overtaken by the next one
            conn.seq[1] += len(part)
            conn.segment(1, ACK, parts[4])
            conn.segment(1, ACK, part, seq=seq)
        elif i != 4:
            conn.segment(1, ACK | PSH, part)
        conn.wait(4 * MS).segment(0, ACK)
    conn.close()
    # One segment that the capture missed: the client has it, and acknowledges it.
    conn = Tcp(cap, t + 900 * MS, LAPTOP, 40011, SHOP, 80, rtt=35 * MS).open()
    conn.send(0, request("GET", "/photo.jpg", host), ack=False).wait(conn.rtt)
    for i, part in enumerate(conn.pieces(http("200 OK", noise("photo", 9000), "image/jpeg"))):
        conn.segment(1, ACK, part, lost=i == 2)
        conn.wait(3 * MS).segment(0, ACK)
    conn.close()
    # Refused: nothing listens there.
    for i, port in enumerate((22, 23, 443, 3389, 8443)):
        at = t + 1500 * MS + i * 3 * MS
        isn = int.from_bytes(noise("probe%d" % port, 4), "big")
        cap.packet(at, LAPTOP, OLD, 6, tcp(LAPTOP, OLD, 45000, port, isn, 0, SYN, options=b"\x02\x04\x05\xb4"))
        if port != 3389:
            cap.packet(at + MS, OLD, LAPTOP, 6, tcp(OLD, LAPTOP, port, 45000, 0, isn + 1, RST | ACK, window=0))


def secrets(cap, t):
    tls13_session(Tcp(cap, t, CLIENT, 40020, WEB, 443).open(), "www.example.com", "one").close()
    conn = Tcp(cap, t + 150 * MS, CLIENT, 40021, SHOP, 443, rtt=33 * MS).open()
    tls12_session(conn, "shop.example.net", "two").close()
    conn = Tcp(cap, t + 400 * MS, CLIENT6, 40022, WEB6, 443, mss=1440).open()
    tls13_session(conn, "www.example.com", "three", 900, 7000).close(1)
    # Refused by the server with an alert.
    conn = Tcp(cap, t + 800 * MS, LAPTOP, 40023, OLD, 443).open()
    conn.send(0, client_hello("old.example.org", tls13=False, label="four"), ack=False).wait(conn.rtt)
    conn.send(1, tls_record(21, b"\x02\x28")).reset(0)


def others(cap, t):
    ntp = b"\x23\0\x06\xec" + b"\0" * 44
    cap.datagram(t, CLIENT, 123, "203.0.113.123", 123, ntp)
    cap.datagram(t + 25 * MS, "203.0.113.123", 123, CLIENT, 123, b"\x24\x01\x06\xec" + noise("ntp", 44))
    conn = Tcp(cap, t + 100 * MS, CLIENT, 40030, PRINTER, 9100, rtt=MS, timestamps=False).open()
    conn.send(0, b"\x1b%-12345X@PJL INFO STATUS\r\n").send(1, b"@PJL INFO STATUS\r\nCODE=10001\r\nONLINE=TRUE\r\n\f")
    conn.reset(1)
    # The server speaks first.
    conn = Tcp(cap, t + 400 * MS, CLIENT, 40031, API, 25).open().wait(15 * MS)
    conn.send(1, b"220 mail.example.com ESMTP ready\r\n").send(0, b"QUIT\r\n").send(1, b"221 2.0.0 Bye\r\n").close(1)


def main():
    cap = Capture()
    neighbours(cap, START)
    names(cap, START + 50 * MS)
    web(cap, START + 300 * MS)
    pings(cap, START + 1100 * MS)
    secrets(cap, START + 2 * SECOND)
    troubles(cap, START + 4 * SECOND)
    others(cap, START + 7 * SECOND)
    with open(sys.argv[1], "wb") as out:
        out.write(pcap(cap.sort()))


if __name__ == "__main__":
    main()
