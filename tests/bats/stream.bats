#!/usr/bin/env bats
# Streams: one after the other, cut, from the middle, by crumbs, with late and restarted readers.
bats_require_minimum_version 1.5.0
load helper
load ../stages/build

mangle=$top/tests/stages/mangle.py
chain="weir dns | weir http | weir tls"

setup_file() {
	local demo=$top/examples/demo.pcap dir=$BATS_FILE_TMPDIR
	weir read "$demo" >"$dir/frames.weir"
	weir flow -i "$dir/frames.weir" | weir reasm >"$dir/streams.weir"
	bash -c "$chain" <"$dir/streams.weir" >"$dir/all.weir"
	weir json -i "$dir/all.weir" >"$dir/all.json"
	stage_program pass
}

setup() {
	dir=$BATS_FILE_TMPDIR
	demo=$top/examples/demo.pcap
	cd "$BATS_TEST_TMPDIR" || return 1
}

@test "stream: a.weir and b.weir one after the other print as they do alone" {
	weir read "$demo" "$demo" | weir flow >b.weir
	for file in "$dir/all.weir" b.weir "$dir/frames.weir"; do
		weir json -i "$file"
	done >want
	cat "$dir/all.weir" b.weir "$dir/frames.weir" >three.weir
	weir json -i three.weir | cmp - want
	weir json <three.weir | cmp - want
}

@test "stream: streams one after the other go through the whole chain as they do alone" {
	cat "$dir/streams.weir" "$dir/streams.weir" | bash -c "set -o pipefail; $chain | weir json" >two.json
	cat "$dir/all.json" "$dir/all.json" | cmp - two.json
	cat "$dir/frames.weir" "$dir/frames.weir" | bash -c "set -o pipefail; weir flow | weir reasm | $chain | weir json" |
		cmp - two.json
}

@test "stream: without its end record it exits 4 with one line, and all of it is printed" {
	"$mangle" drop 4 <"$dir/all.weir" >cut.weir
	run --separate-stderr weir json -i cut.weir
	[ "$status" -eq 4 ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ "$stderr" == *"cut.weir: offset $(stat -c %s cut.weir): the stream ends without its end record" ]]
	cmp <(echo "$output") "$dir/all.json"
	for tool in flow reasm dns http tls; do
		run weir "$tool" -i cut.weir -o null:
		[ "$status" -eq 4 ]
		[ "${#lines[@]}" -eq 1 ]
	done
}

@test "stream: cut inside a record it says where that record starts" {
	size=$(stat -c %s "$dir/all.weir")
	for cut in 1 200 5000 $((size / 2)) $((size - 1)); do
		head -c "$cut" "$dir/all.weir" >cut.weir
		run weir json -i cut.weir
		[ "$status" -eq 4 ]
		at=$(sed -n 's/.*cut.weir: offset \([0-9]*\): .*/\1/p' <<<"$output")
		[ "$at" -le "$cut" ]
		# From there to the cut there is no whole record; the longest is the end, with all books.
		[ $((cut - at)) -lt 16384 ]
		[ "$(grep -c offset <<<"$output")" -eq 1 ]
	done
	(cat "$dir/frames.weir"; echo garbage) >tail.weir
	run weir flow -i tail.weir -o null:
	[ "$status" -eq 4 ]
	[[ "$output" == *"tail.weir: offset $(stat -c %s "$dir/frames.weir"): "* ]]
}

@test "stream: a truncated input is said once, by the stage that saw it, and all of the chain exits 4" {
	head -c 40000 "$dir/frames.weir" >cut.weir
	run bash -c "weir flow -i cut.weir | weir reasm | weir dns | weir http | weir tls | weir json 2>&1 >/dev/null; echo \"\${PIPESTATUS[*]}\""
	[ "${lines[-1]}" = "4 4 4 4 4 4" ]
	[ "$(grep -c offset <<<"$output")" -eq 1 ]
}

@test "stream: reads of one byte, writes of seven, and both, change nothing" {
	for hook in WEIR_TEST_READ=1 WEIR_TEST_WRITE=7 "WEIR_TEST_READ=1 WEIR_TEST_WRITE=7"; do
		# shellcheck disable=SC2086
		env $hook bash -c "set -o pipefail; weir flow -i '$dir/frames.weir' | weir reasm | $chain | weir json" |
			cmp - "$dir/all.json"
	done
}

# Frames of many files: more than a ring of 1 MiB holds.
many_frames() {
	local files=()
	for _ in $(seq 40); do files+=("$demo"); done
	weir read -q "${files[@]}" -o "$1"
}

@test "ring: a reader that starts when the first MiB is through gets everything" {
	many_frames want.weir
	[ "$(stat -c %s want.weir)" -gt $((5 << 19)) ]
	weir json --types frame -i want.weir >want.json
	ring=weir-late-$$
	many_frames "shm:$ring,readers=a,b,size=1M" 3>&- &
	producer=$!
	weir json --types frame -i "shm:$ring,reader=a" >a.json 3>&- &
	first=$!
	# It stands still when the ring is full of what b has not read.
	for _ in $(seq 100); do [ -s a.json ] && break; sleep 0.05; done
	sleep 0.3
	[ "$(wc -l <a.json)" -lt "$(wc -l <want.json)" ]
	weir json --types frame -i "shm:$ring,reader=b" >b.json
	wait "$first"
	wait "$producer"
	cmp a.json want.json
	cmp b.json want.json
}

@test "ring: a filter that is one of the late readers has every schema and all the books" {
	ring=weir-late-$$
	weir flow -i "$dir/frames.weir" -o "shm:$ring,readers=a,b" 3>&- &
	producer=$!
	weir reasm -i "shm:$ring,reader=a" >a.weir 3>&- &
	first=$!
	sleep 0.3
	weir reasm -i "shm:$ring,reader=b" >b.weir
	wait "$first"
	wait "$producer"
	cmp <(weir json -i a.weir) <(weir json -i b.weir)
	weir books -i b.weir | grep -q '^books balance'
}

@test "ring: a name without a producer is said after a second and gives way to a signal" {
	for signal in INT TERM; do
		weir json -i "shm:weir-nosuch-$$,reader=a" 2>said 3>&- &
		pid=$!
		sleep 1.5
		[ "$(grep -c "waiting for the ring" said)" -eq 1 ]
		kill -s "$signal" "$pid"
		status=0
		wait "$pid" || status=$?
		[ "$status" -ne 0 ]
		[ "$(wc -l <said)" -le 2 ]
	done
}

@test "ring: 64 MiB of /dev/shm are enough for the rings of a pipeline" {
	unshare -m true 2>/dev/null || skip "no mount namespaces here"
	weir plan --name "m$$" "read '$demo' | flow | reasm | { dns, http, tls } | json" >plan
	[ "$(grep -o -- '-o shm:' plan | wc -l)" -eq 6 ]
	unshare -m bash -c "mount -t tmpfs -o size=64m none /dev/shm && bash plan" >out
	weir "$demo" -q --protocols dns,http,tls | cmp - out
}

@test "ring: a full /dev/shm is refused at the start, in one line" {
	unshare -m true 2>/dev/null || skip "no mount namespaces here"
	run unshare -m bash -c "mount -t tmpfs -o size=256k none /dev/shm &&
		exec timeout 10 weir read '$demo' -o shm:weir-full-$$,readers=a"
	[ "$status" -eq 1 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ "$output" == *"No space left"* ]]
	run unshare -m bash -c "mount -t tmpfs -o size=64k none /dev/shm && exec timeout 10 weir '$demo' -q | wc -l"
	[ "$status" -eq 0 ]
	[ "$output" -gt 50 ]
}

@test "ring: a name that somebody else has made is refused, whatever is behind it" {
	ring=weirtest-$$-other file=/dev/shm/weir.$UID.weirtest-$$-other
	for made in "mkfifo -m 666 $file" "mkdir $file" "ln -s $demo $file" "cp $demo $file && chown 65534 $file"; do
		[[ "$made" != *chown* ]] || [ "$UID" -eq 0 ] || continue
		bash -c "$made"
		for tool in "weir read $demo -o shm:$ring,readers=a" "weir json -i shm:$ring,reader=a"; do
			# shellcheck disable=SC2086
			run timeout 5 $tool
			[ "$status" -eq 1 ]
			[[ "$output" == *"': $file is not ours" ]]
		done
		rm -r "$file"
	done
}

@test "index: what a ring carries says the length of the records behind it" {
	ring=weirtest-$$-index
	weir read -q "$demo" "$demo" "$demo" "$demo" -o "shm:$ring,readers=r" 3>&- &
	pid=$!
	for _ in $(seq 100); do
		[ -e "/dev/shm/weir.$UID.$ring" ] && break
		sleep 0.05
	done
	sleep 0.5
	# From behind the header as far as the ring has been published.
	python3 - "/dev/shm/weir.$UID.$ring" >published <<'END'
import sys
ring = open(sys.argv[1], "rb").read()
head = int.from_bytes(ring[4096:4104], sys.byteorder)
sys.stdout.buffer.write(ring[131072:131072 + head])
END
	weir json -i "shm:$ring,reader=r" >/dev/null
	wait "$pid"
	/usr/bin/python3 "$mangle" indexed 100 <published
}

@test "index: right, missing for some records or zero, it changes nothing" {
	weir flow -i "$dir/frames.weir" | weir json -t packet,flow,anomaly >flows.json
	for way in "right" "right 5 3" "right 127 2" "right 127 1" "zero" "zero 7"; do
		# shellcheck disable=SC2086
		/usr/bin/python3 "$mangle" index $way <"$dir/frames.weir" | weir flow | weir json -t packet,flow,anomaly |
			cmp - flows.json
		# shellcheck disable=SC2086
		/usr/bin/python3 "$mangle" index $way <"$dir/streams.weir" | bash -c "set -o pipefail; $chain | weir json" |
			cmp - "$dir/all.json"
	done
}

@test "index: wrong lengths are dropped as malformed or end the input with 4, nothing worse" {
	used=0
	for lie in short long huge tiny; do
		for run in 1 2 64; do
			for file in frames streams all; do
				/usr/bin/python3 "$mangle" index "$lie" "$run" <"$dir/$file.weir" >lie.weir
				for tool in flow reasm dns http tls "dns --only" "json -t packet,stream,flow,dns" books; do
					status=0
					# shellcheck disable=SC2086
					WEIR_TEST_READ=$((run * 700)) weir $tool -i lie.weir >out 2>said || status=$?
					if [ "$status" -ne 0 ] && [ "$status" -ne 4 ]; then
						echo "$tool, $lie $run, $file: $status, $(cat said)"
						false
					fi
					[ "$status" -eq 0 ] || used=$((used + 1))
				done
			done
		done
	done
	# They are not simply ignored: else nothing here is tested.
	[ "$used" -gt 0 ]
}

@test "index: a stage that joins inputs reads each with its own" {
	weir "$demo" --protocols dns,http,tls | cmp - "$dir/all.json"
	for way in "right 3" "right 64" "zero 5"; do
		for p in dns http tls; do
			only=(--only)
			[ $p != dns ] || only=()
			weir $p "${only[@]}" -i "$dir/streams.weir" >$p.weir
			# shellcheck disable=SC2086
			/usr/bin/python3 "$mangle" index $way <$p.weir >$p.index
		done
		"$BATS_FILE_TMPDIR/weir-pass" -i dns.index -i http.index -i tls.index >joined.weir
		weir json -i joined.weir | cmp - "$dir/all.json"
	done
}

@test "ring: a reader that goes on where another one died has hello, schemas and all that is left" {
	stage_program restart
	restart=$BATS_FILE_TMPDIR/weir-restart
	weir json -t frame -i "$dir/frames.weir" >whole.json
	"$restart" "$dir/frames.weir" 0 weir json -t frame | cmp - whole.json
	"$restart" "$dir/frames.weir" 30 weir json -t frame >rest.json
	tail -n +31 whole.json | cmp - rest.json
	# A filter writes a stream that is whole in itself.
	"$restart" "$dir/frames.weir" 30 "$WEIR_BUILD/libexec/weir/weir-flow" | weir json >rest.json
	grep -q '"flow"' rest.json
}
