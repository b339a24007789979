#!/usr/bin/env bats
load helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	unset WEIR_LOG
	demo=$top/examples/demo.pcap
}

@test "log: by default nothing is said of what goes well, and a warning is as it always was" {
	weir read "$demo" 2>said | weir flow -o null: 2>>said
	[ ! -s said ]
	head -c 3000 "$demo" >cut.pcap
	weir read cut.pcap -o null: 2>said || true
	[ "$(wc -l <said)" -eq 1 ]
	grep -q '^weir-read: cut.pcap: offset ' said
}

@test "log: --log error leaves warnings out, the exit code stays" {
	head -c 3000 "$demo" >cut.pcap
	status=0
	weir read --log error cut.pcap -o null: 2>said || status=$?
	[ "$status" -eq 4 ]
	[ ! -s said ]
	status=0
	weir read --log error nothing -o null: 2>said || status=$?
	[ "$status" -eq 1 ]
	[ "$(wc -l <said)" -eq 1 ]
}

@test "log: --log info tells starts, attachments and stops" {
	weir read "$demo" | weir flow --log info -o null: 2>said
	cat said
	grep -q "^weir-flow: info: start: " said
	grep -qE "^weir-flow: info: attach: input '-' is weir-read [0-9.]+, stream [0-9a-f]{16}$" said
	grep -q "^weir-flow: info: stop: end of the input, 236 records in, 267 made, 267 out$" said
	[ "$(wc -l <said)" -eq 3 ]
}

@test "log: weir's stages have its level, and it tells of each" {
	weir --log info "$demo" -q >/dev/null 2>said
	for s in read flow reasm parse json; do
		grep -q "^weir-$s: info: start: " said
		grep -qE "^weir: info: start: stage '$s', pid [0-9]+$" said
		grep -qE "^weir: info: stop: stage '$s', pid [0-9]+, with 0$" said
	done
	WEIR_LOG=info weir "$demo" -q >/dev/null 2>again
	[ "$(wc -l <said)" -eq "$(wc -l <again)" ]
	# What is put out does not change.
	weir "$demo" -q | cmp - <(weir --log debug --log-json "$demo" -q 2>/dev/null)
}

@test "log: --log-json is an object a line, whatever bytes a message holds" {
	weir --log info --log-json "$demo" -q >/dev/null 2>said
	[ "$(wc -l <said)" -ge 21 ]
	[ "$(jq -r '[.ts > 1000000000, (.pid > 1), (.tool | startswith("weir")), (.level == "info"), (.msg | length > 5), (keys | length == 5)] | all' said | sort | uniq -c | awk '{ print $2 }')" = true ]
	name=$'a"b\\c\nd\x01\xff\xc3\xa9\xed\xa0\x80'
	status=0
	WEIR_LOG=warn,json weir read "$name" -o null: 2>said || status=$?
	[ "$status" -eq 1 ]
	[ "$(wc -l <said)" -eq 1 ]
	python3 - <<'END'
import json
line = open("said", "rb").read()
o = json.loads(line.decode("utf-8"))
assert o["level"] == "error" and o["tool"] == "weir-read", o
assert 'a"b\\c\nd\x01\ufffd\u00e9\ufffd\ufffd\ufffd' in o["msg"], o["msg"]
END
	long=$(head -c 3000 /dev/zero | tr '\0' '\001')
	WEIR_LOG=warn,json weir read --overlap="$long" 2>said || true
	WEIR_LOG=warn,json weir flow "--timeout=$long" 2>>said </dev/null || true
	[ "$(jq -r .level said | sort -u)" = error ]
}

@test "log: wrong levels are wrong use, in the form that was asked for" {
	for tool in read flow json books metrics; do
		status=0
		weir $tool --log loud </dev/null 2>said || status=$?
		[ "$status" -eq 2 ]
		grep -q "error|warn|info|debug" said
	done
	status=0
	WEIR_LOG=loud weir flow </dev/null 2>said || status=$?
	[ "$status" -eq 2 ]
	[ "$(wc -l <said)" -eq 1 ]
	status=0
	weir flow --log-json --nothing </dev/null 2>said || status=$?
	[ "$status" -eq 2 ]
	[ "$(jq -r .level said)" = error ]
	run weir flow --log-jsn
	[[ "$output" == *"did you mean '--log-json'"* ]]
	weir flow --help | grep -q -- '--log error|warn|info|debug'
}

@test "log: a name, or what a stream says of itself, is no word to the terminal and no line" {
	name=$'a\e[31m\nweir-read: fine\x7f\xff\xc2\x9b€'
	echo >"$name"
	weir read "$name" -o null: 2>said || true
	echo 'weir-read: a\x1b[31m\x0aweir-read: fine\x7f\xff\xc2\x9b€: offset 0: cut in the file header, 1 of 24 bytes there' | cmp - said
	# Who made it, and a field that is none, of the same lengths.
	weir read --no-ring -n 1 "$demo" | LC_ALL=C sed -z 's/weir-read/we\x1b[2J\nad/; s/wire_len/wirexlen/' >hostile.weir
	status=0
	weir flow -i hostile.weir -o null: 2>said || status=$?
	[ "$status" -eq 3 ]
	[ "$(cat said)" = "weir-flow: input 'hostile.weir': type 'frame' from we\x1b[2J\x0aad $(weir version | cut -d' ' -f2) lacks the required field 'wire_len'" ]
}
