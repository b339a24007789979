#!/usr/bin/python3
"""broken: passes everything on, with one fault planted on purpose: broken.py FAULT. `none` has none.

What weir conform must find. Built on examples/python/weir.py, by changing one thing of it.
"""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples", "python"))
import msgpack  # noqa: E402
import weir  # noqa: E402

fault = sys.argv[1]
write, raw_write = weir.write, sys.stdout.buffer.write
count = 0


class Out:
    """Standard output, to change what passes."""

    def write(self, data):
        global count
        count += 1
        if fault == "drop" and count == 20:
            return
        if fault == "double" and count == 20:
            raw_write(data)
        if fault == "alter" and count == 20:
            data = data[:-1] + bytes([data[-1] ^ 1])
        if fault == "reorder" and count == 20:
            self.late = data
            return
        raw_write(data)
        if fault == "reorder" and count == 21:
            raw_write(self.late)

    def flush(self):
        sys.stdout.flush()


def changed(rec):
    kind = rec[0]
    if fault == "no_hello" and kind == weir.HELLO or fault == "no_end" and kind == weir.END:
        return
    if fault == "no_schema" and kind == weir.SCHEMA or fault == "no_mark" and kind == weir.MARK:
        return
    if fault == "no_ledger" and kind == weir.END:
        rec[6] = []
    if fault == "books" and kind == weir.END:
        rec[6][-1][4] += 1
    if fault == "swallows_ledgers" and kind == weir.END:
        rec[6] = [r for r in rec[6] if r[0] != "conform"]
    if fault == "says_eof" and kind == weir.END:
        rec[4] = 0
    write(rec)
    if fault == "behind_end" and kind == weir.END:
        write([weir.MARK, 0, 0, 9999, 0])


weir.write = changed
if fault in ("drop", "double", "alter", "reorder"):
    out = Out()

    def pass_on():
        if not weir.only:
            out.write(weir.stream.raw)
        weir.stream.count["filtered" if weir.only else "out"] += 1
        weir.stream.raw = None

    weir.pass_on = pass_on
if fault == "ignores_only":
    weir.only = False
if fault == "no_flush":
    weir.flush = lambda: None
if fault == "short_reads":
    read = os.read

    def whole(fd, n):  # takes what one read gives for a whole record, or nothing
        data = read(fd, n)
        return b"" if len(data) == 1 else data

    os.read = whole
if fault == "noisy":
    sys.stderr.write("starting\n")
if fault == "segv":
    exit_ = sys.exit
    sys.exit = lambda code=0: os.kill(os.getpid(), signal.SIGSEGV) if code else exit_(code)
if fault == "exit_code":
    exit_ = sys.exit
    sys.exit = lambda code=0: exit_(0)
if fault == "sigint":
    keep = signal.signal
    signal.signal = lambda s, h: keep(s, signal.SIG_DFL if s == signal.SIGINT else h)
if fault == "hangs":
    exit_ = sys.exit

    def hang(code=0):
        sys.stdout.buffer.flush()
        signal.pause()

    sys.exit = hang
if fault == "one_stream":
    control = weir.control

    def first_only(rec, seen=[]):
        if rec[0] == weir.HELLO and seen:
            sys.stdout.buffer.flush()
            os._exit(0)
        seen.append(rec)
        control(rec)

    weir.control = first_only
if fault == "n_back":
    control = weir.control

    def late(rec):
        if rec[0] == weir.END and weir.stream.count["in"]:
            probe = next(i for i, s in weir.stream.schemas.items() if s[0] == "conform_probe")
            raw_write(msgpack.packb([probe, 1, 1, 1, 1, b"x", []], use_bin_type=True))
            weir.stream.count["made"] += 1
            weir.stream.count["out"] += 1
        control(rec)

    weir.control = late

for rec in weir.records(types=[]):
    pass
