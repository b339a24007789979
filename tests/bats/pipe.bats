#!/usr/bin/env bats
# Pipes between tools of weir: they become rings where both ends can, and nobody else can tell.
bats_require_minimum_version 1.5.0
load helper

setup_file() {
	export WEIR_TEST_OFFER_MS=1000 # a loaded machine starts no process in 20 ms
	weir read "$top/examples/demo.pcap" >"$BATS_FILE_TMPDIR/frames.weir"
	files=()
	for _ in $(seq 40); do files+=("$top/examples/demo.pcap"); done
	weir read -q "${files[@]}" -o "$BATS_FILE_TMPDIR/many.weir" # more than a ring holds
	weir json -t frame -i "$BATS_FILE_TMPDIR/many.weir" >"$BATS_FILE_TMPDIR/many.json"
	weir json -t frame -i "$BATS_FILE_TMPDIR/frames.weir" >"$BATS_FILE_TMPDIR/frames.json"
}

setup() {
	dir=$BATS_FILE_TMPDIR demo=$top/examples/demo.pcap
	cd "$BATS_TEST_TMPDIR" || return 1
	mkfifo hold
}

# taken PID: that process has left its pipe for a ring. Waits for the word.
taken() {
	for _ in $(seq 100); do
		grep -q "memfd:weir-ring" "/proc/$1/maps" && return
		sleep 0.02
	done
	return 1
}

# A consumer that stands in the middle of a stream: what it writes into is read by nobody. Its pid
# is in $consumer. stand COMMAND OPTION...: the producer's and the consumer's part.
stand() {
	local producer=$1
	shift
	# Opened for both, so that opening it waits for nobody.
	exec 7<>hold
	rm -f pid
	bash -c "$producer" 2>producer.err 3>&- 7>&- | {
		echo $BASHPID >pid
		exec "$WEIR_BUILD/libexec/weir/weir-json" -t frame --sandbox=off "$@" >&7 7>&- 3>&-
	} 2>consumer.err 3>&- &
	for _ in $(seq 100); do
		[ -s pid ] && break
		sleep 0.02
	done
	consumer=$(cat pid)
}

@test "pipe: two tools leave it for a ring; with --no-ring, WEIR_RING=off or cat they do not" {
	local ten
	ten=$(printf "'$demo' %.0s" $(seq 40))
	stand "weir read -q $ten"
	taken "$consumer"
	kill -9 "$consumer"
	for producer in "weir read -q --no-ring $ten" "WEIR_RING=off weir read -q $ten" "cat '$dir/many.weir'"; do
		stand "$producer"
		sleep 0.3
		run taken "$consumer"
		[ "$status" -eq 1 ]
		kill -9 "$consumer"
	done
	stand "WEIR_TEST_OFFER_MS=20 weir read -q $ten" --no-ring
	sleep 0.3
	run taken "$consumer"
	[ "$status" -eq 1 ]
	kill -9 "$consumer"
}

@test "pipe: the output is the same with a ring, without, and with a ring of 64 KiB" {
	chain="weir flow | weir reasm | weir dns | weir http | weir tls | weir json"
	bash -c "set -o pipefail; weir read '$demo' | $chain" >ring.json
	WEIR_RING=off bash -c "set -o pipefail; weir read '$demo' | $chain" >pipe.json
	WEIR_TEST_RING=65536 bash -c "set -o pipefail; weir read '$demo' | $chain" >small.json
	cmp ring.json pipe.json
	cmp small.json pipe.json
	[ -s ring.json ]
	run weir read --no-ring "$demo" -o null:
	[ "$status" -eq 0 ]
	WEIR_RING=maybe run weir read "$demo" -o null:
	[ "$status" -eq 2 ]
	[ "${lines[0]}" = "weir-read: WEIR_RING: 'maybe' is none of on, off" ]
}

@test "pipe: tee, cat, a saved file, python and head get the bytes, which bring no ring later" {
	WEIR_TEST_OFFER_MS=20 weir read "$demo" | tee saved.weir | weir json -t frame | cmp - "$dir/frames.json"
	weir json -t frame -i saved.weir | cmp - "$dir/frames.json"
	# shellcheck disable=SC2002 # a pipe is what is meant
	cat saved.weir | weir json -t frame | cmp - "$dir/frames.json"
	weir json -t frame <saved.weir | cmp - "$dir/frames.json"
	WEIR_TEST_OFFER_MS=20 weir read "$demo" |
		python3 -c 'import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)' |
		weir json -t frame | cmp - "$dir/frames.json"
	export WEIR_TEST_OFFER_MS=20
	run exits "weir read '$demo' | head -c 10"
	[[ "$output" = "141 0" || "$output" = "0 0" ]]
}

@test "pipe: a reader that comes late gets bytes, all of them" {
	export WEIR_TEST_OFFER_MS=20
	weir read "$demo" | { sleep 0.2; weir json -t frame; } | cmp - "$dir/frames.json"
}

@test "pipe: two producers one after the other, through one pipe, whichever way each goes" {
	(weir read "$demo"; weir read "$demo") | weir json -t frame >two.json
	cat "$dir/frames.json" "$dir/frames.json" | cmp - two.json
	(cat "$dir/frames.weir"; weir read "$demo") | weir json -t frame | cmp - two.json
	(weir read "$demo"; cat "$dir/frames.weir") | weir json -t frame | cmp - two.json
	(weir read --no-ring "$demo"; weir read "$demo") | weir json -t frame | cmp - two.json
}

@test "pipe: fd:N, a FIFO by name, and several outputs" {
	mkfifo a b
	weir json -t frame -i a >a.json 3>&- &
	weir json -t frame -i b >b.json 3>&- &
	weir read "$demo" -o a -o fd:5 -o c.weir -o - 5>b | weir json -t frame | cmp - "$dir/frames.json"
	wait
	cmp a.json "$dir/frames.json"
	cmp b.json "$dir/frames.json"
	weir json -t frame -i c.weir | cmp - "$dir/frames.json"
	# Joined from two: both are rings.
	weir merge -i <(weir read "$demo") -i <(weir read "$demo") | weir json -t frame | wc -l >n
	[ "$(cat n)" -eq $((2 * $(wc -l <"$dir/frames.json"))) ]
}

@test "pipe: a reader that has had enough ends its producer quietly" {
	run exits "weir read -q $(printf "'$demo' %.0s" $(seq 60)) | weir json -t frame | head -n 1"
	[ "$output" = "141 141 0" ]
	run bash -c "weir read -q $(printf "'$demo' %.0s" $(seq 60)) | weir json -t frame | head -n 1 2>&1"
	[ "${#lines[@]}" -eq 1 ]
}

@test "pipe: the other end's kill -9 is noticed" {
	stand "weir read -q $(printf "'$demo' %.0s" $(seq 60)); echo \$? >producer.code"
	taken "$consumer"
	kill -9 "$consumer"
	for _ in $(seq 100); do
		[ -s producer.code ] && break
		sleep 0.05
	done
	[ "$(cat producer.code)" -eq 141 ]
	[ ! -s producer.err ]
	mkfifo feed
	exec 8<>feed
	{
		echo $BASHPID >feeder
		exec "$WEIR_BUILD/libexec/weir/weir-flow" <feed 8>&- 3>&-
	} | {
		status=0
		weir json 2>said >/dev/null || status=$?
		echo $status >code
	} 3>&- 8>&- &
	cat "$dir/frames.weir" >&8
	sleep 0.5
	kill -9 "$(cat feeder)"
	wait $! || true
	exec 8>&-
	[ "$(cat code)" -eq 4 ]
	[ "$(cat said)" = "weir-json: -: offset $(sed 's/.*offset \([0-9]*\):.*/\1/' said): the stream ends without its end record" ]
}

@test "pipe: another user's process gets bytes" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	export WEIR_TEST_OFFER_MS=100
	chmod 711 "$BATS_TEST_TMPDIR"
	bins=$(mktemp -d /tmp/weir-pipe.XXXXXX)
	cp "$WEIR_BUILD"/libexec/weir/weir-{read,json} "$demo" "$bins"
	chmod -R a+rX "$bins"
	as="setpriv --reuid 65534 --clear-groups"
	"$bins/weir-read" "$bins/demo.pcap" | $as "$bins/weir-json" -t frame | wc -l >a
	$as "$bins/weir-read" "$bins/demo.pcap" | "$bins/weir-json" -t frame | wc -l >b
	$as "$bins/weir-read" "$bins/demo.pcap" | $as "$bins/weir-json" -t frame | wc -l >c
	rm -r "$bins"
	for n in a b c; do [ "$(cat $n)" -eq "$(wc -l <"$dir/frames.json")" ]; done
}

@test "pipe: an offer that lies in one point is no offer" {
	for lie in nonce seals page fifo file pid fd end inode rest; do
		echo "$lie"
		rm -f trap ring
		"$top/tests/stages/offer.py" "$lie" "$dir/frames.weir" | weir json -t frame | cmp - "$dir/frames.json"
	done
	run exits "'$top/tests/stages/offer.py' none '$dir/frames.weir' | weir json"
	[ "$output" = "0 4" ]
}
