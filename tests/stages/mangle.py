#!/usr/bin/python3
"""mangle: changes a weir stream in one way, for tests of what a stage does with it.

    mangle.py COMMAND [ARGUMENT...] <in.weir >out.weir

Needs python3-msgpack. Records that a command does not concern go out as the bytes they were.
"""
import signal
import sys

import msgpack

HELLO, SCHEMA, END, INDEX, FIRST_DATA = 0, 1, 4, 5, 32
HOT = ("frame", "packet", "stream")


def pack(fields):
    return msgpack.packb(fields, use_bin_type=True, unicode_errors="surrogateescape")


def canonical(fields):
    """The prefix as weir's own C stages write it, the fields as Python does."""
    kind, ts, flow, n = fields[:4]
    head = b"\xdc" + len(fields).to_bytes(2, "big") + b"\xcd" + kind.to_bytes(2, "big")
    for v in (ts, flow, n):
        head += b"\xcf" + v.to_bytes(8, "big")
    return head + b"".join(pack(v) for v in fields[4:])


def stream(data):
    """(bytes, fields, schema of its type) of each record."""
    unpacker = msgpack.Unpacker(raw=False, unicode_errors="surrogateescape", strict_map_key=False)
    unpacker.feed(data)
    schemas, start = {}, 0
    for fields in unpacker:
        end = unpacker.tell()
        if fields[0] == SCHEMA:
            schemas[fields[4]] = fields
        yield data[start:end], fields, schemas.get(fields[0])
        start = end


def shortest(records):
    """Every record as Python packs it: shortest integers, fixarray, fixstr."""
    for _, fields, _ in records:
        yield pack(fields)


def texts_as_bytes(records):
    """Every text of a data record comes as bin."""
    def blob(v):
        if isinstance(v, list):
            return [blob(x) for x in v]
        return v.encode("utf-8", "surrogateescape") if isinstance(v, str) else v
    for raw, fields, _ in records:
        yield pack(blob(fields)) if fields[0] >= FIRST_DATA else raw


def tomorrow(row):
    return max(number for number, _ in row[2]) + 1


def appended(records):
    """Cold types have one more field at the end, and their enums one more value, which is used."""
    for raw, fields, schema in records:
        if fields[0] == SCHEMA and fields[5] not in HOT:
            rows = [[*r[:2], r[2] + [[tomorrow(r), "value_of_tomorrow"]]] if r[1] == "enum" else r for r in fields[7]]
            yield canonical(fields[:7] + [rows + [["field_of_tomorrow", "str"]]])
        elif fields[0] >= FIRST_DATA and schema[5] not in HOT:
            values = fields[4:]
            for i, row in enumerate(schema[7]):
                if row[1] == "enum" and row[0] not in ("event", "dir") and i < len(values) and values[i] is not None:
                    values[i] = tomorrow(row)
            yield canonical(fields[:4] + values + ["tomorrow"])
        else:
            yield raw


def custom(records, name, ident):
    """A record of a custom type for each flow record, behind it."""
    declared = False
    for raw, fields, schema in records:
        yield raw
        if fields[0] >= FIRST_DATA and schema[5] == "flow":
            if not declared:
                yield canonical([SCHEMA, 0, 0, 0, int(ident), name, 1, [["who", "str"], ["blob", "bytes"]]])
            declared = True
            yield canonical([int(ident), fields[1], fields[2], fields[3], name, b"\xff\0" + name.encode()])


def without(records, name, field):
    """The type lacks that field."""
    for raw, fields, schema in records:
        if fields[0] == SCHEMA and fields[5] == name:
            yield canonical(fields[:7] + [[r for r in fields[7] if r[0] != field]])
        elif fields[0] >= FIRST_DATA and schema[5] == name:
            yield canonical(fields[:4] + [v for v, r in zip(fields[4:], schema[7]) if r[0] != field])
        else:
            yield raw


def major(records, name, number):
    for raw, fields, _ in records:
        other = fields[0] == SCHEMA and fields[5] == name
        yield canonical(fields[:6] + [int(number)] + fields[7:]) if other else raw


def hello(records, version):
    """Another version of weir made it, and said more in its hello."""
    for raw, fields, _ in records:
        if fields[0] == HELLO:
            fields[6] = version
            yield canonical(fields + ["more", 7])
        else:
            yield raw


def drop(records, *types):
    """Without the records of these types, by number."""
    for raw, fields, _ in records:
        if str(fields[0]) not in types:
            yield raw


def unknown(records):
    """A data type and a control type that nobody has declared, in the middle."""
    done = False
    for raw, fields, _ in records:
        if fields[0] >= FIRST_DATA and not done:
            yield canonical([20, 0, 0, fields[3], "a control type of tomorrow", [1, 2, [3]]])
            done = True
        yield raw


def blob(records, size):
    """A record with a body of so many bytes that are not its payload, before the end."""
    for raw, fields, _ in records:
        if fields[0] == END:
            yield canonical([SCHEMA, 0, 0, 0, 1000, "big", 1, [["text", "str"], ["number", "u8"]]])
            yield canonical([1000, 0, 0, fields[3], "x" * int(size), 1])
        yield raw


LENGTHS = {
    "right": lambda i, n: n,
    "short": lambda i, n: n - 1 - i % 40 if i % 7 == 3 else n,
    "long": lambda i, n: n + 1 + i % 2000 if i % 7 == 3 else n,
    "zero": lambda i, n: 0 if i % 3 else n,
    "huge": lambda i, n: 0xffff,
    "tiny": lambda i, n: i % 40,
}


def index(records, lie, run="64", every="1"):
    """An index in front of every so-manieth run of records, which says the truth or not."""
    records, run, every = [raw for raw, _, _ in records], int(run), int(every)
    for at in range(0, len(records), run):
        if at // run % every == 0:
            lengths = [LENGTHS[lie](i, len(raw)) for i, raw in enumerate(records[at:at + run])]
            yield canonical([INDEX, 0, 0, 0, b"".join(min(n, 0xffff).to_bytes(2, "big") for n in lengths)])
        yield from records[at:at + run]


def indexed(records, least):
    """Not a stream: the index records hold the length of all records behind each that has room."""
    count, lengths, indexes = 0, [], 0
    for raw, fields, _ in records:
        if fields[0] == INDEX:
            indexes += 1
            lengths = [int.from_bytes(fields[4][i:i + 2], "big") for i in range(0, len(fields[4]), 2)]
        elif lengths:
            n = lengths.pop(0)
            assert n in (0, len(raw)), "a wrong length"
            lengths = lengths if n else []
            count += n > 0
    assert count >= int(least), f"only {count} lengths in {indexes} indexes"
    yield f"{count} lengths\n".encode()


def show(records, *names):
    """Not a stream but a line for each data record of these types: its name and its bytes."""
    for raw, fields, schema in records:
        if fields[0] >= FIRST_DATA and schema[5] in names:
            yield (schema[5] + " " + raw.hex() + "\n").encode()


def ids(records):
    """Not a stream: the name and id of each custom type, and how many records it has."""
    count, names = {}, {}
    for _, fields, schema in records:
        if fields[0] >= 1000:
            assert schema[5] == fields[4], "a record under another type's id"
            count[schema[5]] = count.get(schema[5], 0) + 1
            names[schema[5]] = fields[0]
    for name in sorted(names):
        yield f"{name} {names[name]} {count[name]}\n".encode()


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    command = globals()[sys.argv[1]]
    for out in command(stream(sys.stdin.buffer.read()), *sys.argv[2:]):
        sys.stdout.buffer.write(out)


if __name__ == "__main__":
    main()
