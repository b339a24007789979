#!/usr/bin/env bats
# weir check and weir plan: what is refused, and that the printed commands do what they promise.
load helper

chain() { # what the pipeline of the shell prints
	weir read "$1" | weir flow | weir reasm | weir dns | weir http | weir tls | weir json
}

# The file of weir-pipeline(5), with this capture.
manual_file() {
	sed -n '/^\.Bd -literal/,/^\.Ed/p' "$top/docs/man/weir-pipeline.5" | sed -e '/^\./d' -e "s|x\.pcap|$top/examples/demo.pcap|" >"$BATS_TEST_TMPDIR/names.weir"
	echo "$BATS_TEST_TMPDIR/names.weir"
}

@test "plan: the commands of a line print what the chain prints" {
	weir plan --name "p$$" "read '$top/examples/demo.pcap' | flow | reasm | { dns, http, tls } | json" >"$BATS_TEST_TMPDIR/plan"
	[ "$(grep -c '&$' "$BATS_TEST_TMPDIR/plan")" -eq 6 ]
	timeout 60 sh "$BATS_TEST_TMPDIR/plan" >"$BATS_TEST_TMPDIR/out"
	chain "$top/examples/demo.pcap" | cmp - "$BATS_TEST_TMPDIR/out"
}

@test "plan: a program of one's own gets FIFOs, and its records join the others" {
	weir plan --name "q$$" "read '$top/examples/demo.pcap' | flow | reasm | { dns, '$top/examples/python/weir-banner.py', tls, http } | json" >"$BATS_TEST_TMPDIR/plan"
	TMPDIR=$BATS_TEST_TMPDIR timeout 60 sh "$BATS_TEST_TMPDIR/plan" >"$BATS_TEST_TMPDIR/out"
	weir "$top/examples/demo.pcap" -q --protocols dns,http,tls --with "$top/examples/python/weir-banner.py" | cmp - "$BATS_TEST_TMPDIR/out"
	grep -q '"type":"banner"' "$BATS_TEST_TMPDIR/out"
}

@test "plan: the file of weir-pipeline(5) gives what its chain gives" {
	weir plan --name "r$$" "$(manual_file)" >"$BATS_TEST_TMPDIR/plan"
	grep -q '^taskset -c 0 weir flow ' "$BATS_TEST_TMPDIR/plan"
	grep -q '^nice -n 5 weir json ' "$BATS_TEST_TMPDIR/plan"
	timeout 60 sh "$BATS_TEST_TMPDIR/plan" >"$BATS_TEST_TMPDIR/out"
	weir "$top/examples/demo.pcap" -q --types dns,tls | cmp - "$BATS_TEST_TMPDIR/out"
	[ -s "$BATS_TEST_TMPDIR/out" ]
}

@test "plan: the exit code is the sink's, and a truncated input shows in it" {
	head -c 5000 "$top/examples/demo.pcap" >"$BATS_TEST_TMPDIR/cut.pcap"
	weir plan --name "s$$" "read '$BATS_TEST_TMPDIR/cut.pcap' | flow | json" >"$BATS_TEST_TMPDIR/plan"
	run timeout 60 sh "$BATS_TEST_TMPDIR/plan"
	[ "$status" -eq 4 ]
}

@test "plan --host prints the stages of that host" {
	printf '[stage r]\nrun = read x\nout = a\nhost = here\n[stage j]\nrun = json\nin = a\nhost = there\n[link a]\nvia = ./f.weir\n' >"$BATS_TEST_TMPDIR/two.weir"
	run weir plan --host there "$BATS_TEST_TMPDIR/two.weir"
	[ "$status" -eq 0 ]
	[ "$output" = "weir json -i ./f.weir" ]
}

@test "check: the page's file and a line are fine" {
	run weir check "$(manual_file)"
	[ "$status" -eq 0 ]
	[ "$output" = "nothing wrong: 6 stages, 5 links" ]
	run weir check -q 'read x | flow | json'
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "check: every mistake is a line with its place, exit 2" {
	cd "$BATS_TEST_TMPDIR"
	cat >bad.weir <<-'END'
	[stage read]
	run = raed x.pcap
	out = pkts
	[stage flow]
	run = weir flow --max-flow 3
	in = pkt
	out = flows
	[stage two]
	run = flow --no-checksum
	in = flows x
	out = flows x
	[link flows]
	readers = json nix
	[stage json]
	run = json --time=iso -x
	in = flows
	END
	run weir check bad.weir
	[ "$status" -eq 2 ]
	diff - <(sort -t: -k3n <<<"$output") <<-'END'
	weir-check: bad.weir:2: stage 'read': no program 'raed'; did you mean 'read'?
	weir-check: bad.weir:3: nobody reads link 'pkts': stage 'read' would wait for ever
	weir-check: bad.weir:5: stage 'flow': 'flow' has no option --max-flow; did you mean --max-flows?
	weir-check: bad.weir:6: stage 'flow' reads 'pkt', which no stage writes; did you mean 'pkts'?
	weir-check: bad.weir:8: these stages wait for each other: 'two'
	weir-check: bad.weir:11: link 'flows' has two writers, 'flow' and 'two'
	weir-check: bad.weir:13: link 'flows': 'two' reads it, too
	weir-check: bad.weir:13: link 'flows': there is no stage 'nix'
	weir-check: bad.weir:15: stage 'json': 'json' has no option -x
	END
}

@test "check: parsers know the options that their --help names, with values and --no-" {
	run weir check 'read x | flow --no-checksum | reasm | dns --timeout -1 -i y.weir | json -t dns --fields=n'
	[ "$status" -eq 0 ]
	run weir check 'read x | json --tpyes dns'
	[ "$status" -eq 2 ]
	[[ "$output" == *"'json' has no option --tpyes; did you mean --types?" ]]
}

@test "check: a stage that reads text or a capture file instead of records is told, another program is not" {
	for text in json csv show streams info books write send; do
		run weir check "read x | flow | $text | csv"
		[ "$status" -eq 2 ]
		[[ "$output" == *"stage 'csv"*"' reads what '$text' writes, and that is no records" ]]
		weir check -q "read x | flow | $text | cat"
	done
	run weir check 'read x | json | from-json'
	[ "${#lines[@]}" -eq 1 ]
}

@test "check: two streams of records that would share a standard output are told; texts may" {
	run weir check 'read x | flow | reasm | { dns, http | filter true }'
	[ "$status" -eq 2 ]
	[ "$output" = "weir-check: pipeline: stages 'dns' and 'filter' would both write records to standard output: let another stage join them, or give them -o" ]
	for fine in '{ dns, http -o x }' '{ dns | json, http | json }' '{ dns, http } | count' '{ dns, write x.pcap }'; do
		weir check -q "read x | flow | reasm | $fine" | cat
		[ "${PIPESTATUS[0]}" -eq 0 ]
	done
	# What nobody keeps may be mixed up.
	weir check -q 'read x | flow | reasm | { dns, http }' >/dev/null
}

@test "check: a file that is not there, and wrong use" {
	run weir check no-such.weir
	[ "$status" -eq 1 ]
	[[ "$output" == "weir-check: cannot open 'no-such.weir': "* ]]
	run weir check
	[ "$status" -eq 2 ]
	run weir plan --name a/b 'read x | json'
	[ "$status" -eq 2 ]
}
