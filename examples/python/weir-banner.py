#!/usr/bin/python3
"""weir-banner: the first line that a server says, of every TCP connection where it speaks first."""
import weir

LIMIT = 200
seen = set()  # flows that need no further look; a flow's end takes it out again

for rec in weir.records(types=["stream", "flow"]):
    weir.pass_on()
    flow = rec["flow"]
    if rec["type"] == "flow":
        if rec["event"] == 3:
            seen.discard(flow)
    elif flow not in seen:
        seen.add(flow)
        line = bytes(rec["payload"][:LIMIT]).split(b"\n")[0].strip()
        if rec["dir"] == 1 and rec["offset"] == 0 and line.isascii() and line:
            weir.emit("banner", text=line.decode())
