#!/usr/bin/env bats
# carve: the frames of flows and records, out of a file or out of a pre-roll.
load helper

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	weir read "$top/examples/demo.pcap" >frames.weir
	weir flow -i frames.weir | weir reasm | weir dns | weir tls >all.weir
	weir json -q -i frames.weir -t frame >frames.json
	weir json -q -i all.weir >all.json
	weir flow -i frames.weir | weir json -q -t packet --fields flow,n | jq -r '[.flow, .n] | @tsv' >members
}

setup() {
	cd "$BATS_TEST_TMPDIR"
	dir=$BATS_FILE_TMPDIR demo=$top/examples/demo.pcap
}

# The lines of frames.json for the frame numbers on standard input.
numbered() {
	awk 'NR == FNR { want[$1] = 1; next } FNR in want' - "$dir/frames.json"
}

# The frames of the flows on standard input, by weir-flow's packets.
of_flows() {
	awk 'NR == FNR { want[$1] = 1; next } $1 in want { print $2 }' - "$dir/members" | numbered
}

@test "carve: the frames of flows are those that weir-flow counts to them" {
	for query in 'type == "tls"' 'type == "dns" and query == "www.example.com"' 'type == "flow" and proto == 6' 'type == "flow"'; do
		weir filter -i "$dir/all.weir" "$query" >records.weir
		weir json -q -i records.weir | jq .flow | sort -u >flows
		[ -s flows ]
		weir carve -i records.weir --from "$demo" | weir json -q -t frame >have
		of_flows <flows | cmp - have
	done
}

@test "carve: --by n gives the frames that the records name" {
	weir filter -i "$dir/all.weir" 'type == "dns"' | weir carve --by n --from "$demo" | weir json -q -t frame >have
	jq -r 'select(.type == "dns") | .n, .first_n // empty' "$dir/all.json" | sort -nu | numbered | cmp - have
	# Frames name themselves, whatever is asked for.
	weir filter -i "$dir/frames.weir" 'wire_len > 500' | weir carve --from "$demo" | weir json -q -t frame >have
	jq -c 'select(.wire_len > 500) | .n' "$dir/frames.json" | numbered | cmp - have
}

@test "carve: of packets in fragments every fragment is there" {
	/usr/bin/python3 - "$top/tests/gen" >frag.pcap <<'END'
import sys
sys.path.insert(0, sys.argv[1])
from packets import *
cap, t = Capture(), 1767225600 * SECOND
A, B = "192.0.2.1", "198.51.100.2"
def pieces(port, ident):
    whole = udp(A, B, port, 9, noise("x%d" % port, 3000))
    return [(ident, at, whole[at:at + 1000]) for at in range(0, len(whole), 1000)]
rows = [p for pair in zip(pieces(1000, 7), pieces(2000, 8)) for p in pair]
rows[2], rows[6] = rows[6], rows[2]
for i, (ident, at, data) in enumerate(rows):
    cap.datagram(t + i * 2 * MS, A, 3000, B, 9, b"between")
    cap.packet(t + (i * 2 + 1) * MS, A, B, 17, data, ident=ident, frag=(0x2000 if at < 3000 else 0) | at // 8)
sys.stdout.buffer.write(pcap(cap))
END
	weir read frag.pcap | weir flow >all.weir
	for port in 1000 2000; do
		weir filter -i all.weir "type == \"flow\" and orig_p == $port" | weir carve --from frag.pcap | weir json -q -t frame --fields n >have
		tcpdump -nr frag.pcap "ip[4:2] == $((port / 1000 + 6))" 2>/dev/null | wc -l >want
		[ "$(wc -l <have)" -eq 4 ]
		[ "$(cat want)" -eq 4 ]
	done
	weir filter -i all.weir 'type == "flow"' | weir carve --from frag.pcap | weir json -q -t frame --fields n | wc -l | grep -qx 16
}

@test "carve: frames keep their times, numbers and link types, also over several files" {
	file=$(capture pcapng_two_links)
	weir read "$file" "$demo" | weir json -q -t frame >want
	weir read "$file" "$demo" | weir carve --from "$file" --from "$demo" | weir json -q -t frame | cmp - want
	weir read --merge "$file" "$demo" | weir json -q -t frame >want
	weir read --merge "$file" "$demo" | weir carve --merge --from "$file" --from "$demo" | weir json -q -t frame | cmp - want
}

@test "carve: no record, no frame; the books balance" {
	weir filter -i "$dir/all.weir" 'n == 0' | weir carve --from "$demo" >none.weir
	[ "$(weir json -q -t frame -i none.weir | wc -l)" -eq 0 ]
	weir filter -i "$dir/all.weir" 'type == "tls"' | weir carve --from "$demo" | weir books >books
	grep -q 'balance' books
}

@test "carve: flows and frames that are not in the file are said, exit 1" {
	run --separate-stderr bash -c "weir filter -i '$dir/all.weir' 'type == \"tls\"' | weir carve --from '$(capture ten)' -o null:"
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"flows are not in '"* ]]
	run --separate-stderr bash -c "weir carve -i '$dir/frames.weir' --from '$(capture ten)' -o null:"
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"frames up to number 236, and '"*"' has 10" ]]
}

@test "carve: a capture that can't be read twice does for numbers only" {
	weir filter -i "$dir/all.weir" 'type == "tls"' >tls.weir
	run weir carve -i tls.weir --from <(cat "$demo") -o null:
	[ "$status" -eq 2 ]
	[[ "$output" == "weir-carve: --from: '/dev/fd/"*"' is no file that could be read twice; --by=n reads it once" ]]
	weir carve -i tls.weir --by n --from "$demo" | weir json -q -t frame >want
	weir carve -i tls.weir --by n --from <(cat "$demo") | weir json -q -t frame | cmp - want
}

@test "carve: what of a damaged file is whole comes out, exit 4" {
	weir read -q "$(capture cut)" >cut.weir 2>/dev/null || [ $? -eq 4 ]
	run --separate-stderr bash -c "weir filter -i cut.weir 'n > 0' | weir carve --from '$(capture cut)' | weir json -q -t frame | wc -l"
	[ "$output" -eq "$(weir json -q -t frame -i cut.weir | wc -l)" ]
}

@test "carve: with a trigger, the frames of its flows, those before it too, each once and in order" {
	weir carve -i "$dir/frames.weir" -i "$dir/all.weir" --trigger 'type == "tls"' --pre 100s | weir json -q -t frame >have
	jq 'select(.type == "tls") | .flow' "$dir/all.json" | sort -u | of_flows | cmp - have
}

@test "carve: with a trigger, the time round it" {
	weir carve -i "$dir/frames.weir" -i "$dir/all.weir" --trigger 'type == "dns" and query == "www.example.com"' --by time --pre 20ms --post 5ms |
		weir json -q -t frame --fields n,ts >have
	python3 - "$dir" <<'END'
import json, sys
frames = [json.loads(l) for l in open(sys.argv[1] + "/frames.json")]
want, ts = set(), {f["n"]: round(f["ts"] * 1e9) for f in frames}
for l in open(sys.argv[1] + "/all.json"):
    r = json.loads(l)
    if r["type"] == "dns" and r["query"] == "www.example.com":
        at = ts[r["n"]]
        want |= {n for n, t in ts.items() if at - 20_000_000 <= t <= at + 5_000_000}
have = [json.loads(l)["n"] for l in open("have")]
assert have == sorted(have) and set(have) == want and want, (sorted(want ^ set(have)))
END
}

@test "carve: with a trigger, little memory makes frames leave early, which is counted" {
	yes "$demo" | head -n 40 | xargs weir read >many.weir
	weir flow -i many.weir >flows.weir
	weir carve -i many.weir -i flows.weir --trigger 'orig_p == 1' --memory 1M --pre 1h -o out.weir
	weir books -i out.weir >books
	grep -q 'left_early [1-9]' books
	grep -q balance books
	[ "$(weir json -q -t frame -i out.weir | wc -l)" -eq 0 ]
}

@test "carve: a live pipeline over rings gives the same as the file" {
	ring=carve$$
	weir read "$demo" -o "shm:$ring-f,readers=a,b" 3>&- &
	weir flow -i "shm:$ring-f,reader=a" 3>&- | weir dns --only -o "shm:$ring-r,readers=r" 3>&- &
	timeout 20 weir carve -i "shm:$ring-f,reader=b" -i "shm:$ring-r,reader=r" --trigger 'type == "dns"' | weir json -q -t frame >have
	wait
	weir flow -i "$dir/frames.weir" | weir dns --only | weir filter 'type == "dns"' | weir carve --from "$demo" | weir json -q -t frame | cmp - have
	[ -s have ]
}

@test "carve: the pipeline of the manual page finds what is there" {
	sed -n '/^\.Bd -literal$/,/^\.Ed/p' "$top/docs/man/weir-carve.1" | sed -e '/^\./d' -e "s|x\.pcap|$demo|" >names.weir
	grep -q '^\[stage carve\]' names.weir
	timeout 20 weir run -q names.weir
	weir flow -i "$dir/frames.weir" | weir dns --only | weir filter 'rcode_name == "NXDOMAIN"' | weir carve --from "$demo" | weir json -q -t frame --fields ts,payload >want
	[ -s want ]
	weir read found.pcapng | weir json -q -t frame --fields ts,payload | cmp - want
}

@test "carve: wrong use is one line and exit 2, a file that is not there exit 1" {
	for wrong in "" "--from a --trigger n" "--by time --from a" "--trigger (" "--trigger n>1 --memory 1" "--trigger n>1 --max-flows 0"; do
		# shellcheck disable=SC2086
		run weir carve -i /dev/null $wrong
		echo "$wrong: $output"
		[ "$status" -eq 2 ]
		[ "${#lines[@]}" -eq 1 ]
	done
	run weir carve -i /dev/null --from /nowhere
	[ "$status" -eq 1 ]
	[ "${#lines[@]}" -eq 1 ]
	run -3 weir carve -i "$dir/frames.weir" --trigger 'no_such_field == 1' -o null:
}
