#!/usr/bin/env bats
# The Python example keeps the contract of a stage.
load helper

setup_file() {
	weir read "$top/examples/demo.pcap" | weir flow | weir reasm >"$BATS_FILE_TMPDIR/in.weir"
	export banner=$top/examples/python/weir-banner.py in=$BATS_FILE_TMPDIR/in.weir
}

@test "python: what is not its own passes on byte for byte" {
	"$banner" <"$in" | weir json | grep -v '"type":"banner"' >"$BATS_TEST_TMPDIR/with"
	weir json -i "$in" | cmp - "$BATS_TEST_TMPDIR/with"
}

@test "python: its record stands at its place in the order, with flow, key and Community ID" {
	run bash -c "'$banner' <'$in' | weir json --types banner"
	[ "${#lines[@]}" -eq 1 ]
	[[ "$output" == *'"n":227,"community_id":"1:'*'"resp_p":25,"text":"220 mail.example.com ESMTP ready"}' ]]
}

@test "python: two of them in a row, then a C stage: the books of all balance" {
	run bash -c "set -o pipefail; '$banner' <'$in' | '$banner' | weir tls | weir books"
	[ "$status" -eq 0 ]
	[ "$(grep -c '^banner ' <<<"$output")" -eq 2 ]
	[[ "${lines[-1]}" == "books balance: "* ]]
}

@test "python: two streams one after the other each get their books" {
	run bash -c "set -o pipefail; cat '$in' '$in' | '$banner' | weir books"
	[ "$status" -eq 0 ]
	[ "$(grep -c '^books balance' <<<"$output")" -eq 2 ]
}

@test "python: --only writes its own records alone" {
	run bash -c "'$banner' --only <'$in' | weir json | cut -d, -f1 | sort | uniq -c | tr -s ' '"
	[ "$output" = ' 1 {"type":"banner"' ]
}

# made VALUES..: what a stage emits that makes a record of each of these values, one after the other.
made() {
	cat >"$BATS_TEST_TMPDIR/made.py" <<-END
		#!/usr/bin/python3
		import sys
		sys.path.insert(0, "$top/examples/python")
		import weir
		values = [$1]
		for rec in weir.records(types=["stream"]):
		    if values:
		        weir.emit("mine.made", v=values.pop(0))
	END
	chmod +x "$BATS_TEST_TMPDIR/made.py"
	"$BATS_TEST_TMPDIR/made.py" --only <"$in" >"$BATS_TEST_TMPDIR/made" || return
	weir json -i "$BATS_TEST_TMPDIR/made" --types mine.made --fields v
}

@test "python: a field has the type of its first value, lists and negative numbers too; else it says so" {
	run made '["a", "b"], ["c"], []'
	[ "$output" = '{"type":"mine.made","v":["a","b"]}
{"type":"mine.made","v":["c"]}
{"type":"mine.made","v":[]}' ]
	run made '[1, -2], [3]'
	[ "${lines[0]}" = '{"type":"mine.made","v":[1,-2]}' ]
	LC_ALL=C grep -aq 'v.list<i64>' "$BATS_TEST_TMPDIR/made"
	run made '7, -7'
	[ "${lines[1]}" = '{"type":"mine.made","v":-7}' ]
	LC_ALL=C grep -aq 'v.i64' "$BATS_TEST_TMPDIR/made"
	for v in '{1}' '[]' 'None' '[[1]]'; do
		run made "$v"
		[[ "$output" == *"TypeError: $v does not say"* ]]
	done
}

@test "python: a cut input is exit 4, and what came before is there" {
	run exits "head -c 60000 '$in' | '$banner' | weir json"
	[ "$output" = "0 4 4" ]
	run exits "'$banner' </dev/null | cat"
	[ "$output" = "4 0" ]
}

@test "python: the first SIGINT is left to the source" {
	mkfifo "$BATS_TEST_TMPDIR/in"
	"$banner" <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out" 3>&- &
	pid=$!
	exec 9>"$BATS_TEST_TMPDIR/in"
	head -c 100000 "$in" >&9
	# It has set its handler once it has written something.
	for _ in $(seq 100); do [ -s "$BATS_TEST_TMPDIR/out" ] && break; sleep 0.05; done
	kill -INT "$pid"
	tail -c +100001 "$in" >&9
	exec 9>&-
	wait "$pid"
	weir json -i "$BATS_TEST_TMPDIR/out" --types banner | grep -q ESMTP
}

@test "python: before it waits it tells how far it is" {
	mkfifo "$BATS_TEST_TMPDIR/in"
	"$banner" --only <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out" 3>&- &
	pid=$!
	exec 9>"$BATS_TEST_TMPDIR/in"
	head -c 100000 "$in" >&9
	for _ in $(seq 100); do
		n=$(python3 "$top/tests/gen/records.py" mark n <"$BATS_TEST_TMPDIR/out" 2>/dev/null | tail -n 1)
		[ "${n:-0}" -ge 100 ] && break
		sleep 0.05
	done
	[ "$n" -ge 100 ]
	exec 9>&-
	wait "$pid" || [ $? -eq 4 ]
}
