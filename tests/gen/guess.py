#!/usr/bin/env python3
"""guess: small captures of flows whose protocol the port does not tell, by name.

    python3 tests/gen/guess.py starttls > x.pcap        --list names them all
"""
import struct
import sys

from packets import (A, HTTPS, MS, SECOND, Capture, Tcp, client_hello, dns, dns_name, noise, pcap, server_hello, svcb,
                     tls_record)

START = 1767225600 * SECOND
CLIENT, SERVER, OTHER = "192.0.2.1", "198.51.100.2", "198.51.100.9"
GET = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
HELLO = client_hello("mail.example.com")
ANSWER = tls_record(22, server_hello(0x1301))


def connection(sport, cap=None, cport=40000, client=CLIENT, server=SERVER, t=START):
    return Tcp(Capture() if cap is None else cap, t, client, cport, server, sport)


def http_on_ssh():
    """A web client at the port of an SSH server."""
    c = connection(22).open()
    c.send(0, GET)
    c.send(1, b"SSH-2.0-OpenSSH_9.2p1\r\n")
    return c.close(1).cap


def http_8443():
    return connection(8443).open().exchange(GET, OK).close().cap


def ssh_443():
    c = connection(443).open()
    c.send(1, b"SSH-2.0-OpenSSH_9.2p1\r\n").send(0, b"SSH-2.0-OpenSSH_9.2p1\r\n")
    return c.close().cap


def starttls():
    c = connection(25).open()
    c.send(1, b"220 mail.example.com ESMTP ready\r\n")
    c.exchange(b"EHLO client.example.com\r\n", b"250-mail.example.com\r\n250 STARTTLS\r\n")
    c.exchange(b"STARTTLS\r\n", b"220 go ahead\r\n")
    c.exchange(HELLO, ANSWER)
    return c.close().cap


def connect():
    """TLS to port 8080, within HTTP's CONNECT."""
    c = connection(8080).open()
    c.exchange(b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
               b"HTTP/1.1 200 Connection established\r\n\r\n")
    c.exchange(HELLO, ANSWER)
    return c.close().cap


def websocket():
    c = connection(80).open()
    c.exchange(b"GET /chat HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
               b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    c.send(1, b"\x81\x05hello")
    return c.close().cap


def postgres_tls():
    c = connection(5432).open()
    c.exchange(struct.pack(">II", 8, 80877103), b"S")
    c.exchange(HELLO, ANSWER)
    return c.close().cap


def dns_and_http():
    """DNS to port 53 over TCP, and HTTP from port 53."""
    cap = Capture()
    query, answer = dns(7, "example.com", A), dns(7, "example.com", A, [("example.com", A, 60, "203.0.113.5")])
    c = connection(53, cap).open()
    c.exchange(struct.pack(">H", len(query)) + query, struct.pack(">H", len(answer)) + answer).close()
    connection(80, cap, cport=53, t=START + SECOND).open().exchange(GET, OK).close()
    return cap.sort()


def ftp(pasv=True):
    cap = Capture()
    c = connection(21, cap).open()
    c.send(1, b"220 FTP server ready\r\n").exchange(b"USER anonymous\r\n", b"230 in\r\n")
    if pasv:
        c.exchange(b"PASV\r\n", b"227 Entering Passive Mode (198,51,100,2,195,80)\r\n")
        data = connection(195 * 256 + 80, cap, cport=40001, t=c.t + MS)
    else:
        c.exchange(b"EPRT |1|192.0.2.1|40001|\r\n", b"200 good\r\n")
        data = Tcp(cap, c.t + MS, SERVER, 20, CLIENT, 40001)
    data.open().send(int(pasv), noise("file", 400)).close()
    c.t = data.t
    c.close()
    return cap.sort()


def ftp_active():
    return ftp(False)


def ftp_split():
    """The answer to EPSV in pieces of three bytes."""
    cap = Capture()
    c = connection(21, cap).open()
    c.send(1, b"220 FTP server ready\r\n").send(0, b"EPSV\r\n")
    c.send(1, b"229 Entering Extended Passive Mode (|||50000|)\r\n", size=3)
    data = connection(50000, cap, cport=40001, t=c.t + MS)
    data.open().send(1, noise("file", 400)).close()
    return cap.sort()


def sdp(address, port):
    return b"v=0\r\nc=IN IP4 %s\r\nm=audio %d RTP/AVP 0\r\n" % (address.encode(), port)


def sip():
    cap = Capture()
    head = b"Via: SIP/2.0/UDP 192.0.2.1\r\nCSeq: 1 INVITE\r\n\r\n"
    cap.datagram(START, CLIENT, 5060, SERVER, 5060, b"INVITE sip:b@example.com SIP/2.0\r\n" + head + sdp(CLIENT, 40000))
    cap.datagram(START + MS, SERVER, 5060, CLIENT, 5060, b"SIP/2.0 200 OK\r\n" + head + sdp(OTHER, 50000))
    for i in range(3):
        rtp = struct.pack(">BBHII", 0x80, 0, i, i * 160, 7) + noise("rtp%d" % i, 160)
        cap.datagram(START + (10 + i) * MS, CLIENT, 40000, OTHER, 50000, rtp)
    cap.datagram(START + 20 * MS, CLIENT, 40001, OTHER, 50001, struct.pack(">BBHI", 0x80, 200, 6, 7) + noise("sr", 20))
    return cap


def rtsp():
    cap = Capture()
    c = connection(554, cap).open()
    c.exchange(b"SETUP rtsp://example.com/x RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP;unicast;client_port=41000-41001\r\n\r\n",
               b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nTransport: RTP/AVP;unicast;client_port=41000-41001;server_port=6970-6971\r\n\r\n")
    rtp = struct.pack(">BBHII", 0x80, 96, 1, 160, 7) + noise("rtp", 160)
    cap.datagram(c.t + MS, SERVER, 6970, CLIENT, 41000, rtp)
    return cap.sort()


def tftp():
    cap = Capture()
    cap.datagram(START, CLIENT, 40000, SERVER, 69, b"\0\1boot.img\0octet\0")
    cap.datagram(START + MS, SERVER, 34567, CLIENT, 40000, struct.pack(">HH", 3, 1) + b"x" * 100)
    cap.datagram(START + 2 * MS, CLIENT, 40000, SERVER, 34567, struct.pack(">HH", 4, 1))
    return cap


def portmap():
    """NFS on a port that the portmapper names."""
    cap = Capture()
    call = struct.pack(">10I", 9, 0, 2, 100000, 2, 3, 0, 0, 0, 0) + struct.pack(">4I", 100003, 3, 17, 0)
    reply = struct.pack(">7I", 9, 1, 0, 0, 0, 0, 40049)
    cap.datagram(START, CLIENT, 40000, SERVER, 111, call)
    cap.datagram(START + MS, SERVER, 111, CLIENT, 40000, reply)
    cap.datagram(START + 2 * MS, CLIENT, 40001, SERVER, 40049, noise("opaque", 40))
    return cap


def names():
    """An HTTPS record says that HTTP/3 is at port 8444; the address comes in another answer."""
    cap = Capture()
    svc = svcb(1, "", ["h3"]) + struct.pack(">HHH", 3, 2, 8444)
    cap.datagram(START, CLIENT, 40000, SERVER, 53, dns(1, "www.example.com", HTTPS))
    cap.datagram(START + MS, SERVER, 53, CLIENT, 40000,
                 dns(1, "www.example.com", HTTPS, [("www.example.com", HTTPS, 300, svc)]))
    cap.datagram(START + 2 * MS, CLIENT, 40001, SERVER, 53, dns(2, "www.example.com", A))
    cap.datagram(START + 3 * MS, SERVER, 53, CLIENT, 40001,
                 dns(2, "www.example.com", A, [("www.example.com", A, 300, OTHER)]))
    cap.datagram(START + 4 * MS, CLIENT, 40002, OTHER, 8444, noise("opaque", 60))
    return cap


def srv():
    """An SRV record names host and port of a SIP service."""
    cap = Capture()
    data = struct.pack(">HHH", 0, 5, 5099) + dns_name("sip.example.com")
    cap.datagram(START, CLIENT, 40000, SERVER, 53, dns(1, "_sip._udp.example.com", 33))
    cap.datagram(START + MS, SERVER, 53, CLIENT, 40000,
                 dns(1, "_sip._udp.example.com", 33, [("_sip._udp.example.com", 33, 300, data),
                                                     ("sip.example.com", A, 300, OTHER)]))
    cap.datagram(START + 4 * MS, CLIENT, 40002, OTHER, 5099, noise("opaque", 60))
    return cap


def mysql(midstream=False):
    cap = Capture()
    if not midstream:
        c = connection(7306, cap).open()
        greeting = b"\x0a8.0.32\0" + noise("salt", 60)
        login = struct.pack("<IIB", 0x0101a685, 1 << 24, 33) + bytes(23) + b"root\0"
        c.send(1, struct.pack("<I", len(greeting))[:3] + b"\0" + greeting)
        c.exchange(struct.pack("<I", len(login))[:3] + b"\1" + login, b"\7\0\0\2\0\0\0\2\0\0\0").close()
    late = connection(7306, cap, cport=40007, t=START + SECOND)
    late.send(0, b"\x01\0\0\0\x0e").send(1, b"\7\0\0\1\0\0\0\2\0\0\0")
    return cap


def mysql_mid():
    return mysql(True)


def random_443():
    c = connection(443).open()
    c.send(0, noise("there", 900)).send(1, noise("back", 900))
    return c.close().cap


def turned():
    """Who opened the connection is the server: a client's words come from the other side."""
    c = connection(40777, cport=8000).open()
    c.send(1, GET).send(0, OK)
    return c.close().cap


def announced():
    """A protocol of nobody's says which port it goes on at; a second later the client is there."""
    c = connection(5555).open().send(0, b"hello\n").send(1, b"open 5556\n").close()
    return connection(5556, c.cap, cport=40001, t=START + SECOND).open().send(0, noise("data", 300)).close().cap


def main():
    table = {f.__name__: f for f in (http_on_ssh, http_8443, ssh_443, starttls, connect, websocket, postgres_tls,
                                     dns_and_http, ftp, ftp_active, ftp_split, sip, rtsp, tftp, portmap, names, srv,
                                     mysql, mysql_mid, random_443, turned, announced)}
    if sys.argv[1:] == ["--list"]:
        print("\n".join(table))
    elif len(sys.argv) == 2 and sys.argv[1] in table:
        sys.stdout.buffer.write(pcap(table[sys.argv[1]]()))
    else:
        sys.exit("usage: guess.py NAME | --list")


if __name__ == "__main__":
    main()
