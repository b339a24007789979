#!/usr/bin/env bats
# weir spec: specs found, checked, run.
load helper

setup_file() {
	python3 "$top/tests/gen/scenario.py" pfx >"$BATS_FILE_TMPDIR/pfx.pcap"
	weir read "$BATS_FILE_TMPDIR/pfx.pcap" | weir flow | weir reasm >"$BATS_FILE_TMPDIR/pfx.weir"
	export pfx=$BATS_FILE_TMPDIR/pfx.weir
}

@test "spec: a shipped one by name, its records typed, in order, in their flow" {
	weir spec pfx -i "$pfx" -o - | weir json --types pfx --fields flow,n,dir,marker,length,body >"$BATS_TEST_TMPDIR/out"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/out")" -eq 10 ]
	[ "$(head -n 1 "$BATS_TEST_TMPDIR/out")" = '{"type":"pfx","flow":1,"n":4,"dir":0,"marker":"PFX2,","length":6,"body":"init-0"}' ]
	[ "$(grep -c '"dir":1' "$BATS_TEST_TMPDIR/out")" -eq 5 ]
	grep -q '"marker":"PFX4,","length":700,"body":"X\{700\}"' "$BATS_TEST_TMPDIR/out"
}

@test "spec: every spec that ships is listed, right, and has a name like its file" {
	weir spec --list >"$BATS_TEST_TMPDIR/list"
	local n=0 file name
	for file in "$top"/proto/specs/*.spec; do
		name=$(basename "$file" .spec)
		grep -q "^$name " "$BATS_TEST_TMPDIR/list"
		weir spec --check "$name" | grep -q "^$name: "
		n=$((n + 1))
	done
	[ "$(wc -l <"$BATS_TEST_TMPDIR/list")" -eq "$n" ]
}

@test "spec: a file is a spec, too, and --check prints its fields" {
	printf 'protocol mine "make mine"\nudp 9\nmessage\n\tu8 kind "what it is"\n\trepeat until end as items\n\t\tu16 value\n' >"$BATS_TEST_TMPDIR/mine.spec"
	run weir spec --check "$BATS_TEST_TMPDIR/mine.spec"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "mine: make mine" ]
	grep -q 'kind  *u8  *what it is' <<<"$output"
	grep -q 'items  *list<mine_items>' <<<"$output"
}

@test "spec: a wrong one is refused with its line and column, exit 2" {
	printf 'protocol mine "make mine"\nudp 9\nmessage\n\tu8 kind\n\tbytes body size\n' >"$BATS_TEST_TMPDIR/mine.spec"
	run weir spec --check "$BATS_TEST_TMPDIR/mine.spec"
	[ "$status" -eq 2 ]
	[ "$output" = "weir-spec: $BATS_TEST_TMPDIR/mine.spec:5:13: no field 'size' before this line" ]
	run weir spec "$BATS_TEST_TMPDIR/mine.spec" -i "$pfx"
	[ "$status" -eq 2 ]
}

@test "spec: one that is not there names the nearest; it stands anywhere among the options" {
	run weir spec modbsu
	[ "$status" -eq 2 ]
	[[ "$output" == *"did you mean 'modbus'?" ]]
	run weir spec ./none.spec
	[ "$status" -eq 2 ]
	[[ "$output" == "weir-spec: cannot open './none.spec': "* ]]
	run weir spec
	[ "$status" -eq 2 ]
	[ "$output" = "weir-spec: no spec; try 'weir spec --list'" ]
	run weir spec pfx mqtt -i "$pfx"
	[ "$status" -eq 2 ]
	[[ "$output" == *"unexpected argument 'mqtt'"* ]]
	weir spec -i "$pfx" pfx -o - | weir json --types pfx | grep -q PFX4
}

@test "spec: it is a stage like any other: weir conform finds nothing" {
	run weir conform weir spec pfx
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "spec: two of them in a chain, and beside each other in weir FILE --with; the books balance" {
	run bash -c "set -o pipefail; weir spec redis -i '$pfx' | weir spec pfx | weir books"
	[ "$status" -eq 0 ]
	[[ "${lines[-1]}" == "books balance: "* ]]
	weir "$BATS_FILE_TMPDIR/pfx.pcap" --with 'spec pfx' --with 'spec redis' --types pfx --quiet >"$BATS_TEST_TMPDIR/with"
	weir spec redis -i "$pfx" | weir spec pfx | weir json --types pfx | cmp - "$BATS_TEST_TMPDIR/with"
}

@test "spec: a request without an answer is unanswered where its flow ends" {
	printf 'protocol q "asks"\ntcp 5678\nmessage\n\ttext m 5\n\tif m is "PFX2,"\n\t\tu16 l\n\telse\n\t\tu32 l\n\tskip l\n\tif dir == 0\n\t\trequest\n\telse if l == 700\n\t\tresponse\n' >"$BATS_TEST_TMPDIR/q.spec"
	run bash -c "weir spec '$BATS_TEST_TMPDIR/q.spec' -i '$pfx' | weir json --types q --fields state,l | sort | uniq -c | tr -s ' '"
	echo "$output"
	[ "$output" = ' 4 {"type":"q","state":"alone","l":6}
 1 {"type":"q","state":"answered","l":700}
 4 {"type":"q","state":"unanswered","l":6}' ]
}

@test "spec: each that ships makes of an exchange of its protocol what the golden file says" {
	local name bad=0
	for name in $(python3 "$top/tests/gen/protocols.py" --list); do
		python3 "$top/tests/gen/protocols.py" "$name" >"$BATS_TEST_TMPDIR/$name.pcap"
		weir read "$BATS_TEST_TMPDIR/$name.pcap" | weir flow | weir reasm | weir spec "$name" --only |
			weir json --types "$name,anomaly" --exclude flow,community_id,proto,orig_h,orig_p,resp_h,resp_p,rule |
			diff - "$top/tests/golden/specs/$name.json" || { echo "# $name"; bad=1; }
	done
	[ "$bad" = 0 ]
	[ "$(weir spec --list | wc -l)" -eq $(($(python3 "$top/tests/gen/protocols.py" --list | wc -l) + 1)) ] # and pfx
}

@test "spec: behind guesses each that ships makes the same of its exchange" {
	local name bad=0
	for name in $(python3 "$top/tests/gen/protocols.py" --list); do
		python3 "$top/tests/gen/protocols.py" "$name" >"$BATS_TEST_TMPDIR/$name.pcap"
		weir read "$BATS_TEST_TMPDIR/$name.pcap" | weir flow | weir reasm | weir infer | weir spec "$name" --only |
			weir json --types "$name,anomaly" --exclude flow,community_id,proto,orig_h,orig_p,resp_h,resp_p,rule |
			diff - "$top/tests/golden/specs/$name.json" || { echo "# $name"; bad=1; }
	done
	[ "$bad" = 0 ]
}

# over PORT NAME: Redis and HTTP, each to that port, as records behind infer.
over() {
	python3 - "$top/tests/gen" "$1" "$2" <<-'END' >"$BATS_TEST_TMPDIR/over.pcap"
		import sys
		sys.path.insert(0, sys.argv[1])
		from packets import ACK, MS, PSH, Capture, Tcp, pcap
		says = {"redis": (b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"),
		        "http": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 204 No\r\n\r\n"),
		        "snmp": (b"\x30\x18\x02\x01\x01\x04\x06public\xa0\x0b\x02\x01\x05\x02\x01\0\x02\x01\0\x30\0",) * 2}
		conn = Tcp(Capture(), 1_700_000_000_000_000_000, "192.0.2.10", 40000, "198.51.100.20", int(sys.argv[2]), rtt=0)
		conn.open()
		for side in 0, 1:
		    conn.t += MS
		    conn.segment(side, ACK | PSH, says[sys.argv[3]][side])
		conn.close()
		sys.stdout.buffer.write(pcap(conn.cap))
	END
	weir read "$BATS_TEST_TMPDIR/over.pcap" | weir flow | weir reasm | weir infer
}

@test "spec: behind guesses a flow is the spec's by what it carries, not by its port" {
	over 7001 redis | weir spec redis | weir json --types redis --fields state,command,values >"$BATS_TEST_TMPDIR/out"
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = '{"type":"redis","state":"answered","command":"PING","values":["PONG"]}' ]
	over 6379 http | weir spec redis | weir json --types guess,redis,anomaly --fields protocol >"$BATS_TEST_TMPDIR/out"
	grep -q '"http"' "$BATS_TEST_TMPDIR/out"
	! grep -E '"type":"(redis|anomaly)"' "$BATS_TEST_TMPDIR/out" || false
	# of a flow over what the spec is not for there is no record
	over 161 snmp >"$BATS_TEST_TMPDIR/in"
	run bash -c "set -o pipefail; weir spec snmp -i '$BATS_TEST_TMPDIR/in' | weir json --types guess,snmp --fields protocol"
	[ "$status" -eq 0 ]
	[[ "$output" == *'"snmp"'* && "$output" != *'"type":"snmp"'* ]]
}

@test "spec: of a protocol that no guess names its own claims decide, behind guesses, too" {
	weir infer -i "$pfx" | weir spec pfx | weir json --types pfx >"$BATS_TEST_TMPDIR/out"
	weir spec pfx -i "$pfx" | weir json --types pfx | cmp - "$BATS_TEST_TMPDIR/out"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/out")" -eq 10 ]
	sed '/^tcp/a guess "no-such"' "$top/proto/specs/pfx.spec" >"$BATS_TEST_TMPDIR/named.spec"
	run bash -c "weir infer -i '$pfx' | weir spec '$BATS_TEST_TMPDIR/named.spec' | weir json --types guess,pfx --fields n"
	[[ "$output" != *'"pfx"'* ]]
}

# datagrams PORT BYTES..: of that port's client, as Python writes bytes; what flow makes of them.
datagrams() {
	python3 - "$top/tests/gen" "$@" <<-'END' >"$BATS_TEST_TMPDIR/datagrams.pcap"
		import ast, sys
		sys.path.insert(0, sys.argv[1])
		from packets import MS, Capture, pcap
		cap = Capture()
		for i, text in enumerate(sys.argv[3:]):
		    cap.datagram(i * MS, "192.0.2.10", 40000, "198.51.100.20", int(sys.argv[2]), ast.literal_eval("b'%s'" % text))
		sys.stdout.buffer.write(pcap(cap))
	END
	weir read "$BATS_TEST_TMPDIR/datagrams.pcap" | weir flow
}

@test "spec: a syslog message that begins with 1 has a version where a time follows, and is whole" {
	run bash -c "$(declare -f datagrams); top='$top' datagrams 514 '<189>1234: *Mar  1 x' '<189>10.0.0.1 hi' '<189>1' '<189>1234567890' '<189>1 - h a - m text' '<189>1 file copied' '<189>1 2026-11-30T06:37:00Z h a - m -' |
		weir spec syslog | weir json --types syslog,anomaly --fields hostname,message,event"
	echo "$output"
	[ "$output" = '{"type":"syslog","message":"1234: *Mar  1 x"}
{"type":"syslog","message":"10.0.0.1 hi"}
{"type":"syslog","message":"1"}
{"type":"syslog","message":"1234567890"}
{"type":"syslog","hostname":"h","message":"text"}
{"type":"syslog","message":"1 file copied"}
{"type":"syslog","hostname":"h","message":"-"}' ]
}

@test "spec: SNMP's counters have 64 bits" {
	run bash -c "$(declare -f datagrams); top='$top' datagrams 161 '0\\x2d\\x02\\x01\\x01\\x04\\x06public\\xa8\\x20\\x02\\x01\\x01\\x02\\x01\\0\\x02\\x01\\0\\x30\\x15\\x30\\x13\\x06\\x06+\\x06\\x01\\x02\\x01\\x1f\\x46\\x09\\0\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff' |
		weir spec snmp | weir json --types snmp,anomaly --fields bindings,event"
	echo "$output"
	[ "$output" = '{"type":"snmp","bindings":[{"name":"1.3.6.1.2.1.31","kind":"counter64","unsigned":"18446744073709551615"}]}' ]
}

@test "spec: swapped into a pipeline that runs" {
	export WEIR_RUNDIR=$BATS_TEST_TMPDIR/run
	cd "$BATS_TEST_TMPDIR"
	printf 'protocol asked "make a record of the first line to port 80"\ntcp 80\nstates start\nmidstream start\nmessage orig\n\twithin until "\\r\\n" max 4096\n\t\ttext verb until " " max 16\n\t\ttext what until " "\n\tover\n' >asked.spec
	mkfifo in
	weir run --name spec$$ "read in | flow | reasm | { dns, http } | json" >out 2>err 3>&- &
	local pid=$! code=0
	exec 9>in
	head -c 24000 "$top/examples/demo.pcap" >&9
	for _ in $(seq 200); do grep -q '"type":"dns"' out && break || sleep 0.05; done
	run weir swap spec$$ dns -- spec "$BATS_TEST_TMPDIR/asked.spec" --only
	tail -c +24001 "$top/examples/demo.pcap" >&9
	exec 9>&-
	wait $pid || code=$?
	cat err
	[ "$status" -eq 0 ]
	[ "$code" -eq 0 ]
	grep -q '"type":"asked".*"verb":"GET","what":"/' out
}

@test "spec: what is wrong with its options is told by the spec's name, and the help is spec's" {
	run weir spec modbus --nosuch
	[ "$status" -eq 2 ]
	[ "$output" = "weir-modbus: unknown option '--nosuch'; try 'weir-spec --help'" ]
}
