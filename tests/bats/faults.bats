#!/usr/bin/env bats
# What goes wrong from outside: signals, readers that leave, full disks, wrong options, bad files.
# Each is said once, in one line, with the exit code that belongs to it; nothing hangs.
bats_require_minimum_version 1.5.0
load helper

mangle=$top/tests/stages/mangle.py
chain="weir flow | weir reasm | weir dns | weir http | weir tls"
tools="read flow reasm dns http tls streams json books"

setup_file() {
	local demo=$top/examples/demo.pcap dir=$BATS_FILE_TMPDIR files=()
	weir read "$demo" >"$dir/frames.weir"
	bash -c "$chain" <"$dir/frames.weir" >"$dir/all.weir"
	for _ in $(seq 40); do files+=("$demo"); done
	weir read -q "${files[@]}" | weir flow | weir reasm >"$dir/big.weir"
}

setup() {
	dir=$BATS_FILE_TMPDIR
	demo=$top/examples/demo.pcap
	cd "$BATS_TEST_TMPDIR" || return 1
}

# one_line OUTPUT-FILE: exactly one line was said.
one_line() {
	cat "$1"
	[ "$(wc -l <"$1")" -eq 1 ]
}

# ---- signals ----

# interrupted: Ctrl-C while run.sh reads from the FIFO slow, and writes out.weir and codes.
interrupted() {
	mkfifo slow
	# A shell leaves background jobs deaf to SIGINT; Python gives them a group and their ears back.
	python3 - <<'END' 3>&- &
import signal, subprocess
signal.signal(signal.SIGINT, signal.SIG_DFL)
p = subprocess.Popen(["bash", "-c", "trap : INT; . ./run.sh"], start_new_session=True, stderr=open("said", "wb"))
open("pid", "w").write(str(p.pid))
p.wait()
END
	job=$!
	exec 8>slow
	head -c 40000 "$demo" >&8
	sleep 0.7
	kill -INT -- "-$(cat pid)"
	wait "$job"
	exec 8>&-
	echo "codes $(cat codes), said: $(cat said)"
	# All ended in order: the end record is there, and the books balance.
	weir books -i out.weir >books
	grep -q '^books balance' books
	# What came out is what a file of as many whole frames gives.
	n=$(awk '$1 == "read" { print $3 }' books)
	[ "$n" -gt 50 ]
	python3 - "$demo" "$n" >first.pcap <<'END'
import struct, sys
data, at = open(sys.argv[1], "rb").read(), 24
for _ in range(int(sys.argv[2])):
    at += 16 + struct.unpack("<I", data[at + 8:at + 12])[0]
sys.stdout.buffer.write(data[:at])
END
	weir read first.pcap | bash -c "$chain" | weir json | cmp - <(weir json -i out.weir)
	! grep -qv '^0\( 0\)*$' codes || grep -q '^\(0\|4\|130\)\( \(0\|4\)\)*$' codes || false
}

@test "signals: Ctrl-C on a pipeline that reads a slow FIFO loses nothing that was read" {
	cat >run.sh <<'END'
weir read slow | weir flow | weir reasm | weir dns | weir http | weir tls >out.weir
echo "${PIPESTATUS[*]}" >codes
END
	interrupted
}

@test "signals: nor on one whose stages are jobs of the shell over rings with names" {
	cat >run.sh <<'END'
ring=shm:weir-int-$$
# Each job keeps its own code: bash may forget one where a signal came as the job ended.
job() { ( weir "$@"; echo $? >"$1.code" ) & }
job read slow -o "$ring-a,readers=flow"
job flow -i "$ring-a,reader=flow" -o "$ring-b,readers=reasm"
job reasm -i "$ring-b,reader=reasm" -o "$ring-c,readers=dns"
job dns -i "$ring-c,reader=dns" -o "$ring-d,readers=http"
job http -i "$ring-d,reader=http" -o "$ring-e,readers=tls"
job tls -i "$ring-e,reader=tls" -o out.weir
for _ in {1..1200}; do # a minute or two: a wait would end with the signal, too
	codes=$(cat {read,flow,reasm,dns,http,tls}.code 2>/dev/null | xargs)
	[ "$(wc -w <<<"$codes")" -lt 6 ] || break
	sleep 0.1
done
echo "$codes" >codes
END
	interrupted
}

@test "signals: weir json -i FILE obeys SIGINT, and a second one aborts with 130" {
	mkfifo out
	weir json -i "$dir/big.weir" --types packet,stream -o out 2>said 3>&- &
	pid=$!
	exec 8<out
	sleep 0.3
	# The shell started it deaf to SIGINT, but the stage sets its own handler.
	kill -INT "$pid"
	timeout 5 cat <&8 >got
	exec 8<&-
	status=0
	wait "$pid" || status=$?
	[ "$status" -eq 0 ] || [ "$status" -eq 130 ]
	full=$(weir json -i "$dir/big.weir" --types packet,stream | wc -l)
	[ "$(wc -l <got)" -lt "$full" ]
	[ "$(tail -c 1 got)" = "" ]
	[ ! -s said ]

	mkfifo frozen
	weir json -i "$dir/big.weir" --types packet,stream -o frozen 2>said 3>&- &
	pid=$!
	exec 8<frozen
	sleep 0.3
	kill -INT "$pid"
	sleep 0.1
	kill -INT "$pid"
	status=0
	wait "$pid" || status=$?
	exec 8<&-
	[ "$status" -eq 130 ]
}

@test "signals: SIGTERM to a stage in the middle is an orderly end" {
	mkfifo in
	weir flow -i in >out.weir 2>said 3>&- &
	pid=$!
	exec 8>in
	head -c 50000 "$dir/frames.weir" >&8
	sleep 0.5
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	exec 8>&-
	[ "$status" -eq 143 ]
	[ ! -s said ]
	weir books -i out.weir >books || true
	grep -q '^flow ' books
	# It ends with its end record, and every frame that it took has become something.
	weir json -i out.weir --types packet >packets
	[ "$(wc -l <packets)" -gt 50 ]
	in=$(awk '$1 == "flow" { print $2 }' books)
	[ "$(awk '$1 == "flow" { print $5 }' books)" -eq "$in" ]
}

@test "signals: SIGUSR1 prints the books and nothing ends" {
	mkfifo in
	weir flow -i in -o null: 2>said 3>&- &
	pid=$!
	exec 8>in
	head -c 50000 "$dir/frames.weir" >&8
	sleep 0.4
	kill -USR1 "$pid"
	for _ in $(seq 50); do grep -q '^books' said && break; sleep 0.05; done
	grep -q '^flow  *[1-9]' said
	cat said
	grep -q '^books balance' said
	kill -0 "$pid"
	tail -c +50001 "$dir/frames.weir" >&8
	exec 8>&-
	wait "$pid"
}

# ends PID CODE: of itself, within 5 s, with that code.
ends() {
	local code=0
	timeout 5 tail --pid="$1" -f /dev/null || { kill -9 "$1"; echo "does not end"; return 1; }
	wait "$1" || code=$?
	echo "ended with $code"
	[ "$code" -eq "$2" ]
}

@test "signals: the first one ends the wait for a ring's reader that has never come" {
	export WEIR_RUNDIR=$BATS_TEST_TMPDIR/run
	big=$(printf "$demo %.0s" $(seq 40))
	for how in "TERM 143" "INT 130" "TERM 143 $big" "INT 130 $big"; do
		read -r sig code more <<<"$how"
		# shellcheck disable=SC2086
		weir read "$demo" $more -o "shm:alone$$,readers=zz,size=1M" 2>said 3>&- &
		for _ in $(seq 100); do grep -q "waiting for the reader 'zz'" said && break; sleep 0.05; done
		kill "-$sig" $!
		ends $! "$code"
		grep -q "the reader 'zz' has not come" said
		# The one of two that is there gets what was made.
		weir read "$demo" -o "shm:two$$,readers=zz,json" 2>said 3>&- &
		weir json -i "shm:two$$,reader=json" >got.json 3>&- &
		json=$!
		read=$(jobs -p | tail -n 2 | head -n 1)
		for _ in $(seq 100); do grep -q "waiting for the reader 'zz'" said && break; sleep 0.05; done
		kill "-$sig" "$read"
		ends "$read" "$code"
		ends "$json" 0
		weir json -i "$dir/frames.weir" | cmp - got.json
	done
	# A plan of which one stage fails at once.
	weir plan --name "p$$" "read '$demo' | flow --max-flows abc | json" >plan
	setsid sh plan 2>said 3>&- &
	for _ in $(seq 100); do [ "$(grep -c 'waiting for' said)" -eq 2 ] && break; sleep 0.05; done
	kill -TERM -- -$!
	for _ in $(seq 100); do pgrep -g $! >/dev/null || break; sleep 0.05; done
	left=$(pgrep -g $! || true)
	[ -z "$left" ] || { pkill -9 -g $!; false; }
}

# ---- readers that leave ----

@test "pipes: a reader that leaves is no news: 141 all the way up, and nothing is said" {
	run bash -c "
		weir read -q $(printf "'$demo' %.0s" $(seq 300)) 2>>said | weir flow 2>>said | weir reasm 2>>said |
			weir json --types packet,stream,flow 2>>said | head -n 1 >first
		echo \"\${PIPESTATUS[*]}\""
	echo "$output"
	[ "$output" = "141 141 141 141 0" ]
	[ ! -s said ]
	[ "$(wc -l <first)" -eq 1 ]
	run bash -c "weir '$demo' 2>said | head -n 1 >first"
	[ "$status" -eq 0 ]
	[ "$(wc -l <first)" -eq 1 ]
}

@test "rings: a reader that leaves behind the last write is no news either: 141, and nothing is said" {
	export WEIR_RUNDIR=$BATS_TEST_TMPDIR/run
	weir flow -i "$dir/frames.weir" -o "shm:left$$,readers=head" 2>said 3>&- &
	flow=$!
	# All of it fits: now it waits for the reader to have it.
	for _ in $(seq 100); do grep -q "waiting for the reader 'head'" said && break; sleep 0.05; done
	weir head -n 3 -i "shm:left$$,reader=head" | weir info --json >got
	code=0
	wait "$flow" || code=$?
	[ "$code" -eq 141 ]
	[ "$(wc -l <said)" -eq 1 ]
	jq -e '.records == 3' got
	# One of two has left: the other has all, and so it is done.
	weir flow -i "$dir/frames.weir" -o "shm:two$$,readers=head,json" 2>/dev/null 3>&- &
	flow=$!
	weir json -i "shm:two$$,reader=json" >all.json 3>&- &
	json=$!
	weir head -n 3 -i "shm:two$$,reader=head" -o null:
	wait "$flow"
	wait "$json"
	weir flow -i "$dir/frames.weir" | weir json | cmp - all.json
	# Nor under a launcher, whenever it leaves.
	for _ in 1 2 3 4 5 6 7 8; do
		weir run -q "read '$demo' | flow | head -n 3 | json -t packet" >some.json 2>err
		[ "$(wc -l <some.json)" -le 3 ]
		[ ! -s err ]
	done
}

@test "pipes: closed, empty and senseless standard input is one line, exit 4 or 1, for every tool" {
	head -c 5000 /dev/zero >zeros
	printf 'GET / HTTP/1.1\r\nHost: example.com\r\n\r\n' >text
	for tool in flow reasm dns http tls json books streams; do
		extra=
		[ "$tool" = streams ] && extra=--digest
		for input in /dev/null zeros text "$demo"; do
			status=0
			# shellcheck disable=SC2086
			timeout 10 weir "$tool" $extra -o null: <"$input" 2>said || status=$?
			echo "$tool $input $status"
			[ "$status" -eq 4 ] || { [ "$tool" = books ] && [ "$status" -eq 1 ]; }
			one_line said
			grep -q -- "-: offset [0-9]*: " said
		done
		status=0
		# shellcheck disable=SC2086
		timeout 10 weir "$tool" $extra -o null: <&- 2>said || status=$?
		echo "$tool closed $status"
		[ "$status" -ne 0 ]
		[ "$status" -lt 124 ]
		one_line said
	done
}

# ---- bombs ----

@test "bombs: a record above the caps is one line, exit 4, without the memory it asks for" {
	"$mangle" blob 300000 <"$dir/frames.weir" >big.weir
	head -c 3000 "$dir/frames.weir" >head.weir
	bomb() { (cat head.weir; printf '%b' "$1"; head -c 100000 /dev/zero) >"$2"; }
	# The hello alone is whole; what follows it is not.
	size=$(python3 -c "
import sys; sys.path.insert(0, '$top/tests/stages')
import mangle
print(len(next(mangle.stream(open('head.weir', 'rb').read()))[0]))" 2>/dev/null ||
		/usr/bin/python3 -c "
import sys; sys.path.insert(0, '$top/tests/stages')
import mangle
print(len(next(mangle.stream(open('head.weir', 'rb').read()))[0]))")
	head -c "$size" "$dir/frames.weir" >head.weir
	bomb '\xdd\xff\xff\xff\xff' array.weir
	bomb '\xdc\x00\x05\xcd\x00\x20\x01\x01\x01\xc6\xff\xff\xff\xff' bin.weir
	bomb '\xdc\x00\x05\xcd\x00\x20\x01\x01\x01\xdf\x7f\xff\xff\xff' map.weir
	bomb '\xdc\x00\x05\xcd\x00\x20\x01\x01\x01\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91' deep.weir
	bomb '\xdc\x00\x05\xcd\x00\x20\x01\x01\x01\xc9\xff\xff\xff\xff\x01' ext.weir
	for file in big array bin map deep ext; do
		for tool in flow dns json books; do
			status=0
			python3 - "$WEIR_BUILD/libexec/weir/weir-$tool" "$file.weir" >rss 2>said <<'END' || status=$?
import resource, subprocess, sys
p = subprocess.run([sys.argv[1], "-i", sys.argv[2], "-o", "null:"], timeout=10, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(p.returncode)
END
			echo "$file $tool $status $(cat rss) kB"
			[ "$status" -eq 4 ] || { [ "$tool" = books ] && [ "$status" -eq 1 ]; }
			one_line said
			grep -q "$file.weir: offset [0-9]*: " said
			nm "$WEIR_BUILD/libweir.a" | grep -q __asan_ || [ "$(cat rss)" -lt 40000 ]
		done
	done
}

# ---- bad captures ----

@test "bad captures: one line with file and offset, exit 4 or 1, never a hang, alone and in the chain" {
	[ -n "${WEIR_CORPUS:-}" ] || skip "no WEIR_CORPUS"
	for file in "$WEIR_CORPUS"/bad/*; do
		name=${file##*/}
		want="[14]"
		case $name in
		bad-header-only.pcap | bad-bitrot.pcap | bad-caplen-gt-wirelen.pcap) want=0 ;;
		esac
		status=0
		timeout 10 weir "$file" -q >out 2>said || status=$?
		echo "$name weir: $status, $(cat said)"
		[[ "$status" == $want ]]
		if [ "$want" = 0 ]; then
			[ ! -s said ]
		else
			one_line said
			grep -q "$name: " said
		fi
		codes=$(timeout 10 bash -c "weir read '$file' 2>said2 | weir flow 2>>said2 | weir reasm 2>>said2 | weir dns 2>>said2 |
			weir http 2>>said2 | weir tls 2>>said2 |
			weir json 2>>said2 >out2; echo \"\${PIPESTATUS[*]}\"")
		echo "$name chain: $codes, $(cat said2)"
		[[ "${codes%% *}" == $want ]]
		grep -qE '^[014]( [04]){6}$' <<<"$codes"
		[ "$want" = 0 ] || grep -q "$name: " said2
		cmp out out2 || [ "$want" != 0 ]
	done
}

# ---- wrong use ----

@test "wrong use: an unknown option of any tool is one line with the nearest name, exit 2" {
	for tool in $tools; do
		for pair in --sandbix:--sandbox --outt:--out --quite:--quiet --verson:--version; do
			status=0
			weir "$tool" "${pair%%:*}" </dev/null >out 2>said || status=$?
			[ "$status" -eq 2 ]
			one_line said
			grep -q "^weir-$tool: unknown option '${pair%%:*}'; did you mean '${pair##*:}'?$" said
			[ ! -s out ]
		done
		for args in "-o" "--sandbox maybe" "-o shm:x,wrong=1" "-o fd:99999" "-Z"; do
			status=0
			# shellcheck disable=SC2086
			weir "$tool" $args </dev/null >out 2>said || status=$?
			echo "$tool $args: $status"
			[ "$status" -eq 2 ] || [[ "$args" == *fd:* && "$status" -eq 1 ]] || { [[ "$args" == *shm:* ]] && [ "$status" -ne 0 ]; }
			one_line said
		done
	done
}

@test "every tool that weir lists has --help, --version and their exit code 0" {
	weir list | awk 'NF && $1 !~ /:$/ { print $1 }' >names
	for tool in $tools; do grep -qx "$tool" names; done
	for tool in $tools; do
		weir "$tool" --version >out 2>said
		[ "$(cat out)" = "weir-$tool 0.1.0" ]
		weir "$tool" --help >out 2>>said
		grep -q "^usage: weir-$tool" out
		grep -q -- "--version" out
		[ ! -s said ]
		status=0
		weir "$tool" --help >/dev/full 2>said || status=$?
		[ "$status" -eq 1 ]
	done
}

# ---- full disks ----

@test "full disk: every tool says it once, exits 1, and nothing is torn" {
	for tool in flow reasm dns http tls; do
		input=$dir/big.weir
		[ "$tool" = flow ] && input=$dir/frames.weir
		status=0
		weir "$tool" -i "$input" -o /dev/full 2>said || status=$?
		echo "$tool $status"
		[ "$status" -eq 1 ]
		one_line said
		grep -q 'No space left on device' said
	done
	for command in "read '$demo' -o /dev/full" "json -i '$dir/all.weir' -o /dev/full" "books -i '$dir/all.weir' -o /dev/full"; do
		status=0
		bash -c "weir $command" 2>said || status=$?
		echo "$command $status"
		[ "$status" -eq 1 ]
		one_line said
		grep -q 'No space left on device' said
	done
}

@test "full disk: on a small file system lines and records stay whole, the rest is counted" {
	unshare -m true 2>/dev/null || skip "no mount namespaces here"
	mkdir small
	cat >full.sh <<'END'
mount -t tmpfs -o size=256k none small
weir json -i "$1/big.weir" --types packet,stream -o small/out.json 2>said.json; echo "json $?"
tail -c 1 small/out.json | od -An -c | grep -q '\\n' && echo "json whole $(stat -c %s small/out.json)"
rm -f small/*
weir reasm -i "$1/big.weir" -o small/out.weir 2>said.weir; echo "weir $?"
cp small/out.weir cut.weir
rm -f small/*
mkdir small/streams
weir streams -i "$1/big.weir" -d small/streams -o null: 2>said.streams; echo "streams $?"
END
	run timeout 60 unshare -m bash full.sh "$dir"
	echo "$output"
	[[ "$output" == *"json 1"* ]]
	[[ "$output" == *"json whole "[0-9]* ]]
	[[ "$output" == *"weir 1"* ]]
	one_line said.json
	one_line said.weir
	grep -q 'No space left on device' said.json
	grep -q 'No space left on device' said.weir
	# A stream file that broke off is read to its last whole record.
	status=0
	weir json -i cut.weir --types flow,stream >cut.json 2>said || status=$?
	[ "$status" -eq 4 ]
	one_line said
	[ "$(wc -l <cut.json)" -gt 50 ]
	[[ "$output" == *"streams "[01]* ]]
	[ "$(wc -l <said.streams)" -le 1 ]
}
