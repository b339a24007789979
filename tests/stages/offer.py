#!/usr/bin/env python3
"""offer: writes a stream behind the head of a hello with an offer that lies. offer.py LIE FILE:
the offer in front of FILE's records speaks of the pipe that stdout is, and of memory files of this
process, in every point right but one. The reader must go on with the bytes in the pipe. With the lie
`none` it takes the offer: of a ring that has ended before its first byte."""
import fcntl
import os
import struct
import sys
import time

lie, path = sys.argv[1:]
SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
nonce, size = 0x1234567, 1 << 20


def memory(name, length, head, seal=SEALS):
    fd = os.memfd_create(name, os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, length)
    os.pwrite(fd, head, 0)
    if seal:
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seal)
    return fd


def ring_bytes(size):
    whole = bytearray(131072 + size)
    whole[:len(header)] = header
    whole[4096 + 256] = 1  # closed
    whole[8192 + 52] = 1  # the word: granted
    return bytes(whole)


header = struct.pack("=IIQQIIIIII", 0x57524731, 2, nonce + (lie == "nonce"), size, 1, 0, 16384, 65536,
                     131072, os.getpid())
ring = memory("ring", 131072 + size, ring_bytes(size), 0 if lie == "seals" else SEALS)
page = memory("page", 4096, struct.pack("=IIQI", 0x57525031, 2, nonce + (lie == "page"), 0))
if lie == "fifo":  # opening it would wait, or wake somebody
    os.mkfifo("trap")
    ring = os.open("trap", os.O_RDWR)
if lie == "file":
    ring = os.open("ring", os.O_RDWR | os.O_CREAT)
    os.pwrite(ring, ring_bytes(size), 0)
pipe = os.fstat(1)
offer = struct.pack(">IIIIIQQQ", 0x574f4631, 1 if lie == "pid" else os.getpid(),
                    1000000 if lie == "fd" else ring, page, 0 if lie == "end" else 1,
                    pipe.st_dev, pipe.st_ino + (lie == "inode"), nonce).ljust(157, b"\0")
if lie == "rest":
    offer = offer[:-1] + b"\1"
stream = open(path, "rb").read()
assert stream[33:35] == b"\xc4\x9d"
os.write(1, stream[:35] + offer)
time.sleep(0.3)  # as long as it looks
sys.stdout.buffer.write(stream[192:])
