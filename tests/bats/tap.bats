#!/usr/bin/env bats
# weir tap, and readers of a ring that may lose records.
load helper

setup() {
	export WEIR_RUNDIR=$BATS_TEST_TMPDIR/run
	demo=$top/examples/demo.pcap
	ring=tap$$
}

teardown() {
	for job in $(jobs -p); do kill -9 "$job" 2>/dev/null || true; done
}

# fate FILE COUNTER: of the tap whose stream the file is.
fate() { weir books -i "$1" | awk -v c="$2" '$1 == "tap" { on = 1 } on { for (i = 1; i < NF; i++) if ($i == c) print $(i + 1) }'; }
taken() { weir books -i "$1" | awk '$1 == "tap" { print $2 }'; }

# paced: a pipeline named p that takes some seconds, in the background; its output in out.
paced() {
	weir run --name p "read '$demo' | replay -x ${1:-8} | flow | reasm | { dns, http } | json" \
		>"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	pid=$!
	await test -S "$WEIR_RUNDIR/p/control"
}

await() { for _ in $(seq 400); do "$@" 2>/dev/null && return 0 || sleep 0.02; done; return 1; }

# frames EXTRA..: the demo's frames into a small ring, with a reader that is waited for, x.
frames() { WEIR_TEST_RING=16384 timeout 30 weir read "$@" 3>&- & }

@test "tap: a ring by name from its beginning, and nothing is lost" {
	timeout 30 weir read "$demo" -o "shm:$ring,readers=x" 3>&- &
	timeout 30 weir tap -i "shm:$ring" -o "$BATS_TEST_TMPDIR/tap" 3>&- &
	await test -s "$BATS_TEST_TMPDIR/tap"
	timeout 30 weir tee -i "shm:$ring,reader=x" -o null:
	wait
	weir read "$demo" | weir json --types frame >"$BATS_TEST_TMPDIR/want"
	weir json --types frame -i "$BATS_TEST_TMPDIR/tap" | cmp - "$BATS_TEST_TMPDIR/want"
	[ -z "$(fate "$BATS_TEST_TMPDIR/tap" lost.overrun)" ]
	weir books -i "$BATS_TEST_TMPDIR/tap" | grep -q "books balance"
}

@test "tap: one that stands still stops nobody, and counts exactly what it missed" {
	frames "$demo" -o "shm:$ring,readers=x"
	timeout 30 weir tap -i "shm:$ring" -o "$BATS_TEST_TMPDIR/tap" 3>&- &
	tap=$!
	await test -s "$BATS_TEST_TMPDIR/tap"
	kill -STOP "$(pgrep -P $tap)"
	[ "$(timeout 20 weir json --types frame -i "shm:$ring,reader=x" | wc -l)" -eq 236 ]
	kill -CONT "$(pgrep -P $tap)"
	wait
	lost=$(fate "$BATS_TEST_TMPDIR/tap" lost.overrun)
	[ "$lost" -gt 0 ]
	[ "$(weir json --types frame -i "$BATS_TEST_TMPDIR/tap" | wc -l)" -eq $((236 - lost)) ]
	[ "$(taken "$BATS_TEST_TMPDIR/tap")" -eq $((236 - lost)) ]
	weir books -i "$BATS_TEST_TMPDIR/tap" | grep -q "books balance"
	# The law is one that can break.
	run -6 bash -c "sed 's/lost.overrun/lots.overrun/' '$BATS_TEST_TMPDIR/tap' | weir books"
	[[ "$output" == *"of the 236 records"* ]]
}

@test "readers=a:drop: a ring that nobody is waited for is never full; the loss is counted" {
	for _ in $(seq 12); do files+=("$demo"); done
	frames "${files[@]}" -o "shm:$ring,readers=a:drop,x,b:drop"
	for r in a b; do timeout 30 weir tap -i "shm:$ring,reader=$r" -o "$BATS_TEST_TMPDIR/$r" 3>&- & done
	for i in 1 2 3; do timeout 30 weir tap -i "shm:$ring" -o "$BATS_TEST_TMPDIR/$i" 3>&- & done
	for i in a b 1 2 3; do await test -s "$BATS_TEST_TMPDIR/$i"; done
	timeout 30 weir tee -i "shm:$ring,reader=x" -o null:
	wait
	for i in a b 1 2 3; do
		late=$(fate "$BATS_TEST_TMPDIR/$i" lost.late) lost=$(fate "$BATS_TEST_TMPDIR/$i" lost.overrun)
		[ $((${late:-0} + ${lost:-0} + $(taken "$BATS_TEST_TMPDIR/$i"))) -eq $((236 * 12)) ]
		weir books -i "$BATS_TEST_TMPDIR/$i" | grep -q "books balance"
	done
	# None that would be waited for: the producer goes at once.
	timeout 10 weir read "${files[@]}" -o "shm:$ring,readers=a:drop"
}

@test "tap: a pipeline by name, late: hello and schemas first, then what comes" {
	paced
	await grep -q '"type":"dns"' "$BATS_TEST_TMPDIR/out"
	WEIR_TEST_READ=1 timeout 30 weir tap p flow >"$BATS_TEST_TMPDIR/one" 3>&- &
	timeout 30 weir tap p replay reasm dns 3>&- | weir json --types dns,stream >"$BATS_TEST_TMPDIR/several" 3>&- &
	timeout 30 weir tap p reasm 3>&- | weir http --only | weir json >"$BATS_TEST_TMPDIR/http" 3>&- &
	timeout 30 weir tap p flow >"$BATS_TEST_TMPDIR/killed" 3>&- &
	killed=$!
	await test -s "$BATS_TEST_TMPDIR/killed"
	kill -9 "$(pgrep -P $killed)"
	code=0
	wait $pid || code=$?
	[ "$code" -eq 0 ]
	wait
	weir json --types flow -i "$BATS_TEST_TMPDIR/one" >"$BATS_TEST_TMPDIR/flows"
	grep '"type":"flow"' "$BATS_TEST_TMPDIR/out" | cmp - "$BATS_TEST_TMPDIR/flows"
	weir books -i "$BATS_TEST_TMPDIR/one" | grep -q "books balance"
	grep -q '"type":"dns"' "$BATS_TEST_TMPDIR/several"
	grep -q '"type":"stream"' "$BATS_TEST_TMPDIR/several"
	weir read "$demo" | weir flow | weir reasm | weir dns | weir http | weir json | cmp - "$BATS_TEST_TMPDIR/out" # which nobody who looked on has changed
}

@test "tap: an interrupt ends it alone; the end of the launcher does, too" {
	paced 3
	weir tap p flow -o "$BATS_TEST_TMPDIR/a" 3>&- &
	tap=$!
	await test -s "$BATS_TEST_TMPDIR/a"
	kill -INT $tap
	wait $tap
	weir tap p flow -o "$BATS_TEST_TMPDIR/b" 2>"$BATS_TEST_TMPDIR/said" 3>&- &
	tap=$!
	await test -s "$BATS_TEST_TMPDIR/b"
	kill -9 $pid
	code=0
	wait $tap || code=$?
	[ "$code" -eq 4 ]
	grep -q "the producer died" "$BATS_TEST_TMPDIR/said"
}

@test "tap: what is not there is said in a line, with what is" {
	run -1 weir tap nothing
	[ "${#lines[@]}" -eq 1 ]
	run -1 weir tap </dev/null
	[ "${#lines[@]}" -eq 1 ]
	run -2 weir tap -i /dev/null p
	paced 3
	run -1 weir tap p nosuch
	[[ "$output" == *"'nosuch'; it has: read (of stage 'read'), replay (of stage 'replay')"* ]]
	run -1 weir tap p
	[[ "$output" == *"several rings"* ]]
	run -1 weir tap
	[[ "$output" == *"several rings"* ]]
	run -2 weir tap p flow -i /dev/null
	kill -9 $pid
}

@test "readers = NAME:drop: in a pipeline on an interface, one that stands still stops nobody" {
	unshare -n ip link set lo up 2>/dev/null || skip "no network namespaces here"
	cd "$BATS_TEST_TMPDIR"
	printf '%s\n' '[pipeline]' 'name = p' 'ring-size = 1M' 'backoff = 1ms' \
		'[stage capture]' 'run = capture -I lo -n 1800' 'out = frames' \
		'[stage main]' 'run = json --types frame --fields n -o main.json' 'in = frames' \
		'[stage look]' 'run = json --types frame --fields n -o look.json' 'in = frames' \
		'[link frames]' 'readers = main look:drop' >p.weir
	weir plan p.weir | grep -q -- 'readers=main,look:drop'
	cat >live.sh <<'END'
ip link set lo up
weir run p.weir 2>err &
pid_of() { weir top p --once --json --every 10ms 2>/dev/null | jq -r --arg s "$1" '.stages[] | select(.stage == $s and .state == "running") | .pid'; }
await() { for _ in $(seq 400); do "$@" && return; sleep 0.02; done; echo "waited for $*"; exit 1; }
send() { python3 -c 'import socket,sys,time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(int(sys.argv[1])):
    s.sendto(bytes(1000), ("127.0.0.1", 9)); i % 50 or time.sleep(0.001)' "$1"; }
has() { [ "$(wc -l <"$2")" -ge "$1" ]; }
await eval '[ -n "$(pid_of capture)" ]'
send 5
await has 1 look.json
look=$(pid_of look)
kill -STOP "$look"
send 1800
await has 1800 main.json
kill -9 "$look" # its successor goes on behind what it committed
wait
END
	run -0 timeout 40 unshare -n bash live.sh 3>&-
	[ "$(wc -l <main.json)" -eq 1800 ]
	grep -q "^books balance" err
	missed=$(grep -o 'lost.[a-z]* [0-9]*' err | awk '{ n += $2 } END { print n + 0 }')
	[ "$missed" -gt 0 ]
	[ $(($(wc -l <look.json) + missed)) -eq 1800 ]
	[ "$(sort look.json | uniq -d | wc -l)" -eq 0 ]
}
