"""weir.py: a weir stage in Python. Needs Debian's python3-msgpack alone.

    import weir
    for rec in weir.records(types=["stream"]):          # each a dict by field name
        weir.emit("mine.login", user="alice")           # with the flow, key and time of rec

Keeps the contract: hello first, schemas before records, marks before waiting, what is not taken
passes on byte for byte (with --only nothing does), an end record with the books, the first SIGINT
is ignored. Exits with 4 where the input ends without its end record. What records() gives has a
fileno() to wait for with select, and take(), the records of one read.
"""
import os, signal, sys, time, zlib
import msgpack

HELLO, SCHEMA, MARK, BOOKS, END, FIRST_DATA, FIRST_CUSTOM = 0, 1, 2, 3, 4, 32, 1000
KEY = {"proto": "u8", "orig_h": "ip", "orig_p": "u16", "resp_h": "ip", "resp_p": "u16"}
KINDS = {bool: "bool", int: "u64", float: "f64", bytes: "bytes"}
own = {}  # our types by name, as schemas have them
only = "--only" in sys.argv
name = os.path.basename(sys.argv[0]).removesuffix(".py").removeprefix("weir-") or "python"


class Stream:
    """What is true from a hello to its end; `cat a b |` gives two."""

    def __init__(self, hello):
        self.id, self.upstream = time.time_ns(), hello[7]
        self.schemas, self.declared, self.own = {}, {}, {}  # by id: read, written; our ids by name
        self.marks = {}                                     # source: [n and ts reached, n marked]
        self.count = dict.fromkeys(("in", "made", "out", "consumed", "filtered"), 0)
        self.current = self.rec = None                      # the record at hand: (raw, schema), and as a dict

    def declare(self, schema):
        if self.declared.get(schema[4]) != schema[5:]:
            self.declared[schema[4]] = schema[5:]
            write(schema)

    def reach(self, source, n, ts=0):
        m = self.marks.setdefault(source, [0, 0, 0])
        m[0], m[1] = max(m[0], n), max(m[1], ts)

    def end(self, cause, ledgers=()):
        rows = [[name, self.id, "in", self.upstream, self.count["in"]], [name, self.id, "out_to", 0, self.count["out"]]]
        rows += [[name, self.id, k, 0, v] for k, v in self.count.items() if k != "in"]
        last = max((m[0] for m in self.marks.values()), default=0)
        write([END, 0, 0, last, cause, self.count["out"], [*(ledgers or ()), *rows]])


stream = None


def write(rec):
    sys.stdout.buffer.write(msgpack.packb(rec, use_bin_type=True))


def declare(type_name, major=1, **fields):
    """A record type of your own: its fields' types by name, "str", "u64", "list<u16>"; the key comes first."""
    own[type_name] = [type_name, major, [list(f) for f in {**KEY, **fields}.items()]]


def emit(type_name, like=None, **values):
    """A record of your own type, with the flow, key, time and n of the record at hand, or of `like`.
    Where the type was not declared, its fields are those of the first one, typed as their values."""
    like = like or stream.rec
    if type_name not in own:
        declare(type_name, **{k: KINDS.get(type(v), "str") for k, v in values.items()})
    if type_name not in stream.own:
        at = FIRST_CUSTOM + zlib.crc32(type_name.encode()) % 60000
        taken = {*stream.schemas, *stream.own.values()}
        stream.own[type_name] = at = next(i for i in range(at, 65536) if i not in taken)
        stream.declare([SCHEMA, 0, 0, 0, at, *own[type_name]])
    size = 4 if like.get("ip_version") == 4 else 16  # the hot types keep IPv4 in the first 4 of 16 bytes
    key = [like[k][:size] if k.endswith("_h") else like[k] for k in KEY]
    names = [f[0] for f in own[type_name][2][len(KEY):]]
    if unknown := values.keys() - set(names):
        raise TypeError(f"{type_name} has no field {unknown.pop()}: declare() it with all of them")
    write([stream.own[type_name], like["ts"], like["flow"], like["n"], *key, *map(values.get, names)])
    stream.count["made"] += 1
    stream.count["out"] += 1


def pass_on():
    """The record at hand goes on, byte for byte; with --only it is left out."""
    raw, schema = stream.current
    stream.current = None
    stream.count["filtered" if only else "out"] += 1
    if not only:
        stream.declare(schema)
        sys.stdout.buffer.write(raw)


def control(rec):
    global stream
    if rec[0] == HELLO:
        stream = stream or Stream(rec)  # one that continues leaves all as it is
        write([HELLO, 0, 0, 0, bytes(157), "weir-" + name, "0.1.0", stream.id, *rec[8:12], " ".join(sys.argv)])
    elif rec[0] == SCHEMA:
        if rec[4] in stream.own.values() and rec[5:] != stream.declared[rec[4]]:
            sys.exit(f"weir-{name}: type {rec[4]} is ours, and another of a stage before")
        stream.schemas[rec[4]] = rec
    elif rec[0] == MARK:
        stream.reach(rec[4], rec[3], rec[1])
    elif rec[0] == END:
        stream.end(rec[4], rec[6])
        stream = None


def flush():
    """Before waiting: how far we are, else an ordered join behind us may wait for ever."""
    for source, m in stream.marks.items() if stream else ():
        if m[0] > m[2]:
            write([MARK, m[1], 0, m[0], source])
            m[2] = m[0]
    sys.stdout.buffer.flush()


class records:
    """The records of these types, as dicts; all others pass on. One of the named types that you do
    not pass_on() counts as consumed. At its end it ends the program."""

    def __init__(self, types):
        self.types, self.held, self.base = types, b"", 0  # bytes whose records are not done with, and their place
        self.unpacker = msgpack.Unpacker(raw=False, max_buffer_size=1 << 20, unicode_errors="surrogateescape")
        signal.signal(signal.SIGINT, lambda *_: signal.signal(signal.SIGINT, signal.SIG_DFL))
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)

    def fileno(self):
        return 0

    def __iter__(self):
        while True:
            yield from self.take()

    def take(self):
        """The records of one read, for which it may have to wait."""
        flush()
        chunk = os.read(0, 65536)
        if not chunk:
            if stream:
                stream.end(3)  # truncated
            sys.stdout.buffer.flush()
            sys.exit(4 if stream or self.held or not self.base else 0)
        self.unpacker.feed(chunk)
        self.held, done = self.held + chunk, 0
        for rec in self.unpacker:
            start, done = done, self.unpacker.tell() - self.base
            if rec[0] < FIRST_DATA:
                control(rec)
                continue
            schema = stream.schemas[rec[0]]
            stream.count["in"] += 1
            stream.reach(rec[2] >> 48, rec[3])
            stream.current = self.held[start:done], schema
            if schema[5] in self.types:
                fields = (f[0] for f in schema[7])
                stream.rec = {"type": schema[5], "ts": rec[1], "flow": rec[2], "n": rec[3], **dict(zip(fields, rec[4:]))}
                yield stream.rec
                stream.count["consumed"] += stream.current is not None
            else:
                pass_on()
        self.held, self.base = self.held[done:], self.base + done
