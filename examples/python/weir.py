"""weir.py: a weir stage in Python. Needs Debian's python3-msgpack alone.

    import weir
    for rec in weir.records(types=["stream"]):          # each a dict by field name
        weir.emit("mine.login", user="alice")           # with the flow, key and time of rec

Keeps the contract: hello first, schemas before records, marks before waiting, what is not taken passes on byte for
byte (with --only nothing does), an end record with the books, the first SIGINT is ignored. Exits with 4 where the
input ends without its end record.
"""
import os, signal, sys, time, types, zlib
import msgpack

HELLO, SCHEMA, MARK, END, FIRST_DATA, FIRST_CUSTOM = 0, 1, 2, 4, 32, 1000
KEY = {"proto": "u8", "orig_h": "ip", "orig_p": "u16", "resp_h": "ip", "resp_p": "u16"}
KINDS = {bool: "bool", int: "u64", float: "f64", bytes: "bytes"}
own, only = {}, "--only" in sys.argv  # our types by name, as schemas have them
name = os.path.basename(sys.argv[0]).removesuffix(".py").removeprefix("weir-") or "python"
stream = None  # what is true from a hello to its end; `cat a b |` gives two


def write(rec):
    sys.stdout.buffer.write(msgpack.packb(rec, use_bin_type=True))


def announce(schema):
    """Before a record of that type: its schema, where that is new."""
    if stream.declared.get(schema[4]) != schema[5:]:
        stream.declared[schema[4]] = schema[5:]
        write(schema)


def declare(type_name, major=1, **fields):
    """A record type of your own: its fields' types by name, "str", "u64", "list<u16>"; the key comes first."""
    own[type_name] = [type_name, major, [list(f) for f in {**KEY, **fields}.items()]]


def emit(type_name, like=None, **values):
    """A record of your own type, with the flow, key, time and n of the record at hand, or of `like`. Where the type
    was not declared, its fields are those of the first one, typed as their values."""
    like = like or stream.rec
    if type_name not in own:
        declare(type_name, **{k: KINDS.get(type(v), "str") for k, v in values.items()})
    if type_name not in stream.own:
        at, taken = FIRST_CUSTOM + zlib.crc32(type_name.encode()) % 60000, {*stream.schemas, *stream.own.values()}
        stream.own[type_name] = next(i for i in range(at, 65536) if i not in taken)
    names = [f[0] for f in own[type_name][2][len(KEY):]]
    if unknown := values.keys() - set(names):
        raise TypeError(f"{type_name} has no field {unknown.pop()}: declare() it with all of them")
    size = 4 if like.get("ip_version") == 4 else 16  # the hot types keep IPv4 in the first 4 of 16 bytes
    key = [like[k][:size] if k.endswith("_h") else like[k] for k in KEY]
    at = stream.own[type_name]
    announce([SCHEMA, 0, 0, 0, at, *own[type_name]])
    write([at, like["ts"], like["flow"], like["n"], *key, *map(values.get, names)])
    stream.count.update(made=stream.count["made"] + 1, out=stream.count["out"] + 1)


def pass_on():
    """The record at hand goes on, byte for byte; with --only it is left out."""
    (raw, schema), stream.current = stream.current, None
    stream.count["filtered" if only else "out"] += 1
    if not only:
        announce(schema)
        sys.stdout.buffer.write(raw)


def reach(source, n, ts=0):
    m = stream.marks.setdefault(source, [0, 0, 0])  # n and ts reached, n marked
    m[:2] = max(m[0], n), max(m[1], ts)


def control(rec):
    global stream
    if rec[0] == HELLO:  # one that continues leaves all as it is
        stream = stream or types.SimpleNamespace(
            id=time.time_ns(), upstream=rec[7], schemas={}, declared={}, own={}, marks={}, current=None, rec=None,
            count=dict.fromkeys(("in", "made", "out", "consumed", "filtered"), 0))
        write([HELLO, 0, 0, 0, bytes(157), "weir-" + name, "0.1.0", stream.id, *rec[8:12], " ".join(sys.argv)])
    elif rec[0] == SCHEMA:
        if rec[4] in stream.own.values() and rec[5:] != stream.declared[rec[4]]:
            sys.exit(f"weir-{name}: type {rec[4]} is ours, and another of a stage before")
        stream.schemas[rec[4]] = rec
    elif rec[0] == MARK:
        reach(rec[4], rec[3], rec[1])
    elif rec[0] == END:
        rows = [["in", stream.upstream, stream.count["in"]], ["out_to", 0, stream.count["out"]]]
        rows += [[k, 0, v] for k, v in stream.count.items() if k != "in"]
        last = max((m[0] for m in stream.marks.values()), default=0)
        write([END, 0, 0, last, rec[4], stream.count["out"], [*(rec[6] or ()), *([name, stream.id, *r] for r in rows)]])
        stream = None


def flush():
    """Before waiting: how far we are, else an ordered join behind us may wait for ever."""
    for source, m in stream.marks.items() if stream else ():
        if m[0] > m[2]:
            write([MARK, m[1], 0, m[0], source])
            m[2] = m[0]
    sys.stdout.buffer.flush()


class records:
    """The records of these types, as dicts; all others pass on. One of the named types that you do not pass_on() counts
    as consumed. At its end it ends the program. It has a fileno() to wait for, and take(), the records of one read."""

    def __init__(self, types):
        self.types, self.held, self.base = types, b"", 0  # bytes whose records are not done with, and their place
        self.unpacker = msgpack.Unpacker(raw=False, max_buffer_size=1 << 20, unicode_errors="surrogateescape")
        signal.signal(signal.SIGINT, lambda *_: signal.signal(signal.SIGINT, signal.SIG_DFL))
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)

    def __iter__(self):
        while True:
            yield from self.take()

    def fileno(self):
        return 0

    def take(self):
        flush()
        chunk = os.read(0, 65536)
        if not chunk:
            cut = stream or self.held or not self.base
            if stream:
                control([END, 0, 0, 0, 3, 0, ()])  # truncated
            sys.stdout.buffer.flush()
            sys.exit(4 if cut else 0)
        self.unpacker.feed(chunk)
        self.held, done = self.held + chunk, 0
        for rec in self.unpacker:
            start, done = done, self.unpacker.tell() - self.base
            if rec[0] < FIRST_DATA:
                control(rec)
                continue
            schema = stream.schemas[rec[0]]
            stream.count["in"] += 1
            reach(rec[2] >> 48, rec[3])
            stream.current = self.held[start:done], schema
            if schema[5] not in self.types:
                pass_on()
                continue
            fields = ["type", "ts", "flow", "n", *(f[0] for f in schema[7])]
            stream.rec = dict(zip(fields, [schema[5], *rec[1:]]))
            yield stream.rec
            stream.count["consumed"] += stream.current is not None
        self.held, self.base = self.held[done:], self.base + done
