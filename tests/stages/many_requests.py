#!/usr/bin/python3
"""many_requests: a capture of one connection with so many HTTP exchanges, and no DNS; to stdout."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "gen"))
from packets import SECOND, Capture, Tcp, pcap  # noqa: E402

cap = Capture()
conn = Tcp(cap, 1767225600 * SECOND, "192.0.2.1", 40000, "198.51.100.2", 80)
conn.open()
for i in range(int(sys.argv[1])):
    conn.send(0, b"GET /%d%s HTTP/1.1\r\nHost: example.com\r\n\r\n" % (i, b"x" * 600), ack=False)
    conn.send(1, b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello", ack=False)
conn.close()
sys.stdout.buffer.write(pcap(cap))
