#!/usr/bin/env python3
"""dns_server: answers A queries on port 53: 192.0.2.1 for weir.test, no such name for all others."""
import socket


def main():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("", 53))
    while True:
        query, peer = s.recvfrom(512)
        question = query[12:]
        known = question[1:5] == b"weir"
        head = query[:2] + (b"\x85\x80\0\1\0\1" if known else b"\x85\x83\0\1\0\0") + b"\0\0\0\0"
        answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1" if known else b""
        s.sendto(head + question + answer, peer)


main()
