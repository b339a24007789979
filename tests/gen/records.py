#!/usr/bin/env python3
"""records: prints a weir stream as lines, one a record; shares no code with weir.

    weir read x.pcap | records.py [TYPE] [FIELD...]

All types and fields unless named. `n`, `ts` and `flow` may be named, too; bytes are printed as
hex digits, and `#FIELD` is the length of one. Python's standard library only.
"""
import struct
import sys

FIXED = {0xca: ">f", 0xcb: ">d", 0xcc: ">B", 0xcd: ">H", 0xce: ">I", 0xcf: ">Q", 0xd0: ">b", 0xd1: ">h", 0xd2: ">i",
         0xd3: ">q"}
SIZED = {0xc4: ">B", 0xc5: ">H", 0xc6: ">I", 0xd9: ">B", 0xda: ">H", 0xdb: ">I", 0xdc: ">H", 0xdd: ">I"}


class Stream:
    def __init__(self, f):
        self.f = f

    def take(self, n):
        data = self.f.read(n)
        if len(data) != n:
            raise SystemExit("records: the stream is cut")
        return data

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def value(self, mark=None):
        mark = self.take(1)[0] if mark is None else mark
        if mark < 0x80:
            return mark
        if mark >= 0xe0:
            return mark - 256
        if mark < 0x90 or mark in (0xde, 0xdf):
            raise SystemExit("records: a map")
        if mark < 0xa0:
            return [self.value() for _ in range(mark & 15)]
        if mark < 0xc0:
            return self.take(mark & 31).decode()
        if mark in (0xc0, 0xc2, 0xc3):
            return {0xc0: None, 0xc2: False, 0xc3: True}[mark]
        if mark in FIXED:
            return self.number(FIXED[mark])
        if mark not in SIZED:
            raise SystemExit("records: marker %#x" % mark)
        n = self.number(SIZED[mark])
        if mark >= 0xdc:
            return [self.value() for _ in range(n)]
        return self.take(n) if mark < 0xc8 else self.take(n).decode()

    def __iter__(self):
        while mark := self.f.read(1):
            yield self.value(mark[0])


CONTROL = {
    0: ("hello", ["offer", "program", "version", "stream", "pipeline", "state", "live", "sources", "command", "sorted"]),
    1: ("schema", ["id", "name", "major", "fields"]),
    2: ("mark", ["source"]),
    3: ("books", ["ledger"]),
    4: ("end", ["cause", "records", "ledger"]),
}


def text(value):
    return value.hex() if isinstance(value, bytes) else str(value)


def main():
    wanted, fields = sys.argv[1:2], sys.argv[2:]
    types = dict(CONTROL)
    for kind, ts, flow, n, *rest in Stream(sys.stdin.buffer):
        if kind == 1:
            types[rest[0]] = (rest[1], [f[0] for f in rest[3]])
        name, names = types[kind]
        if wanted and name != wanted[0]:
            continue
        values = dict(zip(names, rest), n=n, ts=ts, flow=flow)
        if fields:
            print(*(len(values[f[1:]]) if f[0] == "#" else text(values[f]) for f in fields))
        else:
            print(name, *("%s=%s" % (k, text(v)) for k, v in values.items()))


if __name__ == "__main__":
    main()
