"""printed: goals among the figures that the other benches have printed."""
import re

# name, what it is, where its ratio is, the goal (None: none is promised), is it the least?
ROWS = [
    ("ring_rate", "ring against pipe, records of 300 bytes: records/s", r"^ring against pipe: ([\d.]+)", 4, True),
    ("ring_floor", "bare shared memory against pipe, the same records: records/s",
     r"^bare shared memory against pipe: ([\d.]+)", None, True),
    ("pipe_rate", "| with a ring against --no-ring, records of 300 bytes: records/s",
     r"^\| with a ring against without: ([\d.]+)", 3, True),
    ("readers_three", "three readers of a ring against one: records/s of each",
     r"^three readers against one: ([\d.]+)", 0.3, True),
    ("ring_nng", "ring against NNG in batches of 256 KiB, records of 300 bytes: records/s", r"^link ring_ratio ([\d.]+)", 3, True),
    ("link_acks", "a link with acknowledgements against one without: records/s", r"^link ack_ratio ([\d.]+)", 0.8, True),
    ("codec_encode", "encode against msgpack-c: rate", r"^codec encode_ratio ([\d.]+)", 5, True),
    ("codec_decode", "decode against msgpack-c: rate", r"^codec decode_ratio ([\d.]+)", 15, True),
    ("track_1M_10k", "tracking 1 M flows against 10 k: rate", r"^1 M flows at x([\d.]+)", 0.75, True),
    ("track_one_10k", "tracking one flow in a row against 10 k in turn: rate", r"^one flow in a row at x([\d.]+)", 1.3,
     True),
    ("track_allocated", "bytes allocated by tracking in steady state",
     r"^bytes allocated in steady state: (\d+)", 0, False),
    ("reasm_allocated", "blocks allocated by reassembly in steady state",
     r"^reasm steady_blocks_allocated (\d+)", 0, False),
    ("scapy_parse", "a frame taken apart and six fields read, against scapy: rate", r"^scapy: ([\d.]+)x in parsing", 50, True),
    ("scapy_make", "a frame made by craft, against scapy: rate", r"^scapy: ([\d.]+)x in making", 1000, True),
    ("capture_drops", "frames that capture dropped where tcpdump or netsniff-ng dropped none",
     r"^weir-capture dropped where another dropped none: (\d+)", 0, False),
    ("write_tcpdump", "write against tcpdump -w, 400 bytes: CPU", r"^write against tcpdump -w: ([\d.]+)", None, True)]
ROWS += [("send_%s_%d" % (peer.split()[0], length), "send against %s, %d bytes: frames/s" % (peer, length),
          r"^send against %s, %d bytes: ([\d.]+)" % (peer, length), bound, True)
         for peer, bound in (("trafgen -P 1", 1), ("tcpreplay -tK", 1.1)) for length in (60, 1500)]


def goals(page, path):
    """Adds those of the file at path to the page; returns its text."""
    with open(path) as f:
        text = f.read()

    def number(pattern):
        found = re.search(pattern, text, re.M)
        return float(found.group(1)) if found else None
    for name, what, pattern, bound, least in ROWS:
        value = number(pattern)
        if value is not None and bound is None:
            page.ratio(name, what, value)
        elif value is not None:
            page.goal(name, what, value, bound, least)
    return text
