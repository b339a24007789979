#!/usr/bin/env python3
# peer: speaks to a weir-link by hand, as no weir-link would: SP's pair1 over TCP.
#   peer.py PORT version|garbage|bomb|bytes|batch|hang N   prints what it is answered
import socket
import struct
import sys
import time


def message(kind, instance=7, seq=0, count=0, more=0, payload=b"", version=1):
    head = b"\x97"
    for n in (version, kind, instance, seq, count, more, len(payload)):
        head += b"\xcf" + struct.pack(">Q", n)
    return head + payload


def open_pipe(port):
    s = socket.create_connection(("127.0.0.1", port))
    s.settimeout(5)
    s.sendall(b"\0SP\0\0\x11\0\0")
    take(s, 8)
    return s


def take(s, n):
    b = b""
    while len(b) < n:
        more = s.recv(n - len(b))
        if not more:
            raise EOFError
        b += more
    return b


def put(s, body):
    s.sendall(struct.pack(">QI", len(body) + 4, 1) + body)


def answer(s):
    """The text of the refusal that comes, or what happened instead."""
    try:
        while True:
            body = take(s, struct.unpack(">Q", take(s, 8))[0])[4:]
            if body[18] == 3:
                return "refused: " + body[64:].decode()
    except (EOFError, ConnectionError):
        return "closed"


port, what = int(sys.argv[1]), sys.argv[2]
if what == "bytes":  # not even SP
    s = socket.create_connection(("127.0.0.1", port))
    s.settimeout(5)
    s.sendall(b"GET / HTTP/1.0\r\n\r\n")
    take(s, 8)
    print("open" if s.recv(1) else "closed")
elif what == "hang":  # N connections that come and go
    for _ in range(int(sys.argv[3])):
        s = open_pipe(port)
        put(s, message(12))
        s.close()
    time.sleep(0.5)
else:
    s = open_pipe(port)
    if what == "version":
        put(s, message(1, version=2))
    elif what == "garbage":
        put(s, b"\xc1 nothing that makes sense")
    elif what == "bomb":
        s.sendall(struct.pack(">QI", 1 << 40, 1))
    elif what == "batch":
        put(s, message(1))
        put(s, message(5, count=1, payload=b"\xdd\xff\xff\xff\xff"))
    print(answer(s))
