"""weir.py: a weir stage in Python. Needs Debian's python3-msgpack alone.

    import weir
    for rec in weir.records(types=["stream"]):          # each a dict by field name
        weir.emit("mine.login", user="alice")           # with the flow, key and time of rec

What is not taken passes on byte for byte (with --only nothing does). Exits with 4 where the input is cut.
"""
import os, signal, sys, time, types, zlib
import msgpack

HELLO, SCHEMA, MARK, END, FIRST_DATA, FIRST_CUSTOM = 0, 1, 2, 4, 32, 1000
KEY = {"proto": "u8", "orig_h": "ip", "orig_p": "u16", "resp_h": "ip", "resp_p": "u16"}
KINDS = {bool: "bool", int: "i64", float: "f64", str: "str", bytes: "bytes"}
own, only = {}, "--only" in sys.argv  # what schemas say of our types, by name
name = os.path.basename(sys.argv[0]).removesuffix(".py").removeprefix("weir-") or "python"
stream = None  # what is true from a hello to its end; `cat a b |` gives two


def write(rec):
    sys.stdout.buffer.write(msgpack.packb(rec))


def kind(value):  # the type of a field whose first value that is: i64 of an int, as a later one may be negative
    item = value[0] if isinstance(value, list) and value else value
    if type(item) not in KINDS:
        raise TypeError(f"{value!r} does not say what type it is of: declare() it")
    return KINDS[type(item)] if item is value else f"list<{KINDS[type(item)]}>"


def declare(type_name, major=1, **fields):
    """A record type of your own: its fields' types by name, "str", "u64", "list<u16>"; the key comes first."""
    own[type_name] = [type_name, major, [list(f) for f in {**KEY, **fields}.items()]]


def emit(type_name, like=None, **values):
    """A record of your own type, with the flow, key, time and n of the one at hand, or of `like`. The first declares it."""
    like = like or stream.rec
    if type_name not in own:
        declare(type_name, **{k: kind(v) for k, v in values.items()})
    if type_name not in stream.ids:
        ids = range(FIRST_CUSTOM + zlib.crc32(type_name.encode()) % 60000, 65536)
        stream.ids[type_name] = next(i for i in ids if i not in stream.schemas and i not in stream.ids.values())
        write([SCHEMA, 0, 0, 0, stream.ids[type_name], *own[type_name]])
    names = [f[0] for f in own[type_name][2]][len(KEY):]
    if unknown := values.keys() - {*names}:
        raise TypeError(f"{type_name} has no field {unknown.pop()}: declare() it with all of them")
    size = 4 if like.get("ip_version") == 4 else 16  # the hot types keep IPv4 in the first 4 of 16 bytes
    key = [like[k][:size] if k.endswith("_h") else like[k] for k in KEY]
    write([stream.ids[type_name], like["ts"], like["flow"], like["n"], *key, *map(values.get, names)])
    stream.count.update(made=stream.count["made"] + 1, out=stream.count["out"] + 1)


def pass_on():
    """The record at hand goes on; with --only it is left out."""
    if not only:
        sys.stdout.buffer.write(stream.raw)
    stream.count["filtered" if only else "out"] += 1
    stream.raw = None


def control(rec):
    global stream
    if rec[0] == HELLO:  # one that continues leaves all as it is
        stream = stream or types.SimpleNamespace(
            id=time.time_ns(), upstream=rec[7], schemas={}, ids={}, reached={},
            count=dict.fromkeys(("in", "made", "out", "consumed", "filtered"), 0))
        write([HELLO, 0, 0, 0, bytes(157), "weir-" + name, "0.1.0", stream.id, *rec[8:12], " ".join(sys.argv)])
    elif rec[0] == SCHEMA:
        if rec[4] in stream.ids.values() and rec[5:] not in own.values():
            sys.exit(f"weir-{name}: type {rec[4]} is ours, and another of a stage before")
        stream.schemas[rec[4]] = rec[5], ["type", "ts", "flow", "n", *(f[0] for f in rec[7])]
        if not only:
            write(rec)
    elif rec[0] == MARK:
        reach(rec[4], rec)
    elif rec[0] == END:
        out, last = stream.count["out"], max(stream.reached.values(), default=(0, 0))[0]
        rows = [[name, stream.id, k, (k == "in") * stream.upstream, v] for k, v in {**stream.count, "out_to": out}.items()]
        write([END, 0, 0, last, rec[4], out, [*(rec[6] or ()), *rows]])
        stream = None


def reach(source, rec):
    stream.reached[source] = max(stream.reached.get(source, (0, 0)), (rec[3], rec[1]))


def flush():
    """Before waiting: how far we are, else an ordered join behind us may wait for ever."""
    for source, (n, ts) in stream.reached.items() if stream else ():
        write([MARK, ts, 0, n, source])
    sys.stdout.buffer.flush()


class records:
    """The records of these types, as dicts; all others pass on. One that you do not pass_on() counts as consumed. Its
    end ends the program. There is a fileno() to wait for, and take(): the records of one read."""

    def __init__(self, types):
        self.types, self.held, self.base = types, b"", 0  # bytes whose records are not done with, and their place
        self.unpacker = msgpack.Unpacker(max_buffer_size=1 << 20, unicode_errors="surrogateescape")
        signal.signal(signal.SIGINT, lambda *_: signal.signal(signal.SIGINT, signal.SIG_DFL))  # the first is the source's
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)

    def __iter__(self):
        while True:
            yield from self.take()

    def fileno(self):
        return 0

    def take(self):
        flush()
        if not (chunk := os.read(0, 65536)):
            cut = stream or self.held or not self.base
            if stream:
                control([END, 0, 0, 0, 3, 0, ()])  # truncated
            sys.exit(4 if cut else 0)
        self.unpacker.feed(chunk)
        self.held, done = self.held + chunk, 0
        for rec in self.unpacker:
            start, done = done, self.unpacker.tell() - self.base
            if rec[0] < FIRST_DATA:
                control(rec)
                continue
            type_name, fields = stream.schemas[rec[0]]
            stream.count["in"] += 1
            reach(rec[2] >> 48, rec)
            stream.raw = self.held[start:done]
            if type_name in self.types:
                stream.rec = dict(zip(fields, [type_name, *rec[1:]]))
                yield stream.rec
                stream.count["consumed"] += stream.raw is not None
            else:
                pass_on()
        self.held, self.base = self.held[done:], self.base + done
