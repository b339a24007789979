#!/usr/bin/python3
"""receive: the frames that come in on an interface, as a pcap file with the kernel's times.

    receive.py INTERFACE FILE

Makes FILE.ready once it listens. SIGTERM: what has come so far is written, and that was all. VLAN tags
that the kernel took off are put back."""
import signal
import socket
import struct
import sys

SO_TIMESTAMPNS, SO_RCVBUFFORCE = 35, 33
SOL_PACKET, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING = 263, 8, 23
VLAN_VALID, TPID_VALID = 0x10, 0x40
name, path = sys.argv[1:]
sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
sock.bind((name, 3))
over = False


def enough(*_):
    global over
    over = True


signal.signal(signal.SIGTERM, enough)
out = open(path, "wb")
out.write(struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 262144, 1))
open(path + ".ready", "w").close()
while True:
    sock.settimeout(0 if over else 0.1)
    try:
        data, more, _, _ = sock.recvmsg(262144, 1024)
    except (socket.timeout, BlockingIOError):
        if over and sock.gettimeout() == 0:
            break
        continue
    for level, kind, value in more:
        if level == SOL_PACKET:
            status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", value)
            if status & VLAN_VALID:
                data = data[:12] + struct.pack(">HH", tpid if status & TPID_VALID else 0x8100, tci) + data[12:]
        elif kind == SO_TIMESTAMPNS:
            seconds, ns = struct.unpack("qq", value)
    out.write(struct.pack("<IIII", seconds, ns, len(data), len(data)) + data)
out.close()
