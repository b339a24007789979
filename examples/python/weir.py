"""weir.py: a weir stage in Python. Needs Debian's python3-msgpack alone.

    import weir
    for rec in weir.records(types=["stream"]):          # each a dict by field name
        weir.emit("mine.login", 1, {"user": "str"}, rec, user="alice")

Keeps the contract: hello, schemas, marks before waiting, passing on what is not taken (unless
--only was given), an end record with the books, the first SIGINT ignored.
"""
import os
import signal
import sys
import time

import msgpack

HELLO, SCHEMA, MARK, BOOKS, END, FIRST_DATA, FIRST_CUSTOM = 0, 1, 2, 3, 4, 32, 1000
only = "--only" in sys.argv
name = os.path.basename(sys.argv[0]).removesuffix(".py").removeprefix("weir-") or "python"
_out = sys.stdout.buffer
_schemas, _declared, _own = {}, {}, {}
_count = {"in": 0, "made": 0, "out": 0, "consumed": 0, "filtered": 0}
_state = {"upstream": 0, "n": 0, "marked": 0, "current": None, "hello": False}
_stream = time.time_ns() & 0x7FFFFFFFFFFFFFFF ^ os.getpid()
_ledgers = []


def fileno():
    return sys.stdin.fileno()


def _pack(fields):
    _out.write(msgpack.packb(fields, use_bin_type=True))


def _hello(h):
    # offer, program, version, stream, pipeline, state, live, sources, command
    _pack([HELLO, 0, 0, 0, h[4], "weir-" + name, "0.1.0", _stream, h[8], 0, h[10], h[11], " ".join(sys.argv)])
    _state["upstream"], _state["hello"] = h[7], True


def _declare(schema):
    if _declared.get(schema[4]) != schema[4:]:
        _declared[schema[4]] = schema[4:]
        _pack(schema)


def _mark():
    if _state["n"] > _state["marked"] and _state["hello"]:
        _pack([MARK, 0, 0, _state["n"], 0])
        _state["marked"] = _state["n"]
    _out.flush()


def emit(type_name, major, fields, like, **values):
    """One record of your own type; its flow, key, time and n are those of the record `like`."""
    key = {"proto": "u8", "orig_h": "ip", "orig_p": "u16", "resp_h": "ip", "resp_p": "u16"}
    if type_name not in _own:
        _own[type_name] = FIRST_CUSTOM + len(_own)
        rows = [[k, t] for k, t in {**key, **fields}.items()]
        _declare([SCHEMA, 0, 0, 0, _own[type_name], type_name, major, rows])
    size = 4 if like.get("ip_version") == 4 else None
    head = [like["proto"], like["orig_h"][:size], like["orig_p"], like["resp_h"][:size], like["resp_p"]]
    _pack([_own[type_name], like["ts"], like["flow"], like["n"], *head, *(values.get(f) for f in fields)])
    _count["made"] += 1
    _count["out"] += 1


def pass_on():
    """The record at hand goes on, byte for byte (with --only it is left out)."""
    raw, schema = _state["current"]
    if only:
        _count["filtered"] += 1
    else:
        _declare(schema)
        _out.write(raw)
        _count["out"] += 1


def _control(rec):
    if rec[0] == HELLO:
        _hello(rec)
    elif rec[0] == SCHEMA:
        _schemas[rec[4]] = (rec, [f[0] for f in rec[7]])
    elif rec[0] == MARK:
        _state["n"] = max(_state["n"], rec[3])
    elif rec[0] == END:
        _state["cause"] = rec[4]
        _ledgers.extend(rec[6] or [])


def _end(cause):
    rows = [[name, _stream, "in", _state["upstream"], _count["in"]], [name, _stream, "out_to", 0, _count["out"]]]
    rows += [[name, _stream, k, 0, _count[k]] for k in ("made", "out", "consumed", "filtered")]
    _pack([END, 0, 0, _state["n"], cause, _count["out"], _ledgers + rows])
    _out.flush()


def records(types):
    """Yields the records of these types as dicts; a type that is not named passes on. What you do
    not pass_on() of the named ones counts as consumed."""
    signal.signal(signal.SIGINT, lambda *_: signal.signal(signal.SIGINT, signal.SIG_DFL))
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    unpacker = msgpack.Unpacker(raw=False, max_buffer_size=1 << 20, unicode_errors="surrogateescape")
    held, base = b"", 0
    while True:
        _mark()
        chunk = os.read(fileno(), 65536)
        if not chunk:
            break
        unpacker.feed(chunk)
        held += chunk
        done = 0
        for rec in unpacker:
            end = unpacker.tell() - base
            raw, done = held[done:end], end
            if rec[0] < FIRST_DATA:
                _control(rec)
                continue
            _count["in"] += 1
            _state["n"] = max(_state["n"], rec[3])
            schema, fields = _schemas[rec[0]]
            _state["current"] = (raw, schema)
            if schema[5] not in types:
                pass_on()
                continue
            before = _count["out"] + _count["filtered"], _count["made"]
            yield {"type": schema[5], "ts": rec[1], "flow": rec[2], "n": rec[3], **dict(zip(fields, rec[4:]))}
            passed = _count["out"] + _count["filtered"] - before[0] - (_count["made"] - before[1])
            _count["consumed"] += 0 if passed else 1
        held, base = held[done:], base + done
    if not _state["hello"]:
        sys.exit(f"weir-{name}: no stream")
    _end(_state.get("cause", 3))
    sys.exit(0 if "cause" in _state else 4)
