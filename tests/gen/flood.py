#!/usr/bin/env python3
"""flood: sends numbered frames on an interface: flood.py IFACE COUNT [LENGTH [PREFIX [EVERY_MS]]].

Each holds PREFIX (hex digits; Ethernet addresses and type, as a rule), its number from 0 in four
bytes, and zeros up to LENGTH."""
import socket
import sys
import time


def main():
    iface, count, *more = sys.argv[1:]
    length = int(more[0]) if more else 60
    prefix = bytes.fromhex(more[1] if len(more) > 1 else "02000000000202000000000188b5")
    every = float(more[2]) / 1000 if len(more) > 2 else 0
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((iface, 0))
    rest = bytes(length - len(prefix) - 4)
    for i in range(int(count)):
        s.send(prefix + i.to_bytes(4, "big") + rest)
        if every:
            time.sleep(every)


main()
