#!/usr/bin/env bats
# Links between hosts: the same bytes come out, whatever breaks on the way, and nobody else gets in.
load helper
load ../stages/build

# big_capture N: N UDP datagrams of 1,000 bytes over 50 flows.
big_capture() {
	python3 - "$1" <<-'EOF'
	import struct, sys
	out = sys.stdout.buffer
	out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
	for i in range(int(sys.argv[1])):
	    udp = struct.pack(">HHHH", 1000 + i % 50, 2000, 1008, 0) + bytes([i & 255]) * 1000
	    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), i & 65535, 0, 64, 17, 0, b"\n\0\0\1", b"\n\0\0\2")
	    frame = b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + ip + udp
	    out.write(struct.pack("<IIII", 1000 + i // 1000, i % 1000 * 1000, len(frame), len(frame)) + frame)
	EOF
}

setup_file() {
	export dir=$BATS_FILE_TMPDIR WEIR_RUNDIR=$BATS_FILE_TMPDIR/run
	big_capture 6000 >"$dir/big.pcap"
	weir read "$dir/big.pcap" | weir flow -o "$dir/a.weir"
	[ "$(stat -c %s "$dir/a.weir")" -gt 4000000 ]
	weir json -t packet,flow -i "$dir/a.weir" >"$dir/a.json"
	sum=$(sha256sum <"$dir/a.weir")
	export sum
	stage_program links
}

# A number that no other test of this file uses.
port() { echo $((20000 + BATS_TEST_NUMBER * 20 + $$ % 20)); }

# carry SEND_EP RECEIVE_EP: the stream through two weir-links; what came out must be what went in.
carry() {
	timeout 30 weir link -q -i "$2" -o "$dir/out.$BATS_TEST_NUMBER" 3>&- &
	timeout 30 weir link -q -i "$dir/a.weir" -o "$1"
	wait $!
	[ "$(sha256sum <"$dir/out.$BATS_TEST_NUMBER")" = "$sum" ]
}

@test "link: what comes out is what went in, by ipc and tcp, whoever listens" {
	local p
	p=$(port)
	carry ipc:a ipc:a
	carry ipc:a,listen ipc:a,dial
	carry "ipc:$dir/run/path" "ipc://$dir/run/path"
	carry "tcp://127.0.0.1:$p" "tcp://127.0.0.1:$p"
	carry "tcp://localhost:$((p + 1)),listen" "tcp://localhost:$((p + 1)),dial"
	carry "tcp://[::1]:$((p + 2))" "tcp://[::1]:$((p + 2))"
	[ "$(stat -c %a "$dir/run")" = 700 ]
	[ -z "$(ls -A "$dir/run")" ]
}

@test "link: every tool takes one as its endpoint, and the output is the local pipe's" {
	local p
	p=$(port)
	weir json -t packet,flow -q -i "tcp://127.0.0.1:$p" -o "$dir/tool.json" 3>&- &
	timeout 30 weir flow -q -i "$dir/a.weir" -o "tcp://127.0.0.1:$p" || true
	wait $!
	weir flow -i "$dir/a.weir" 2>/dev/null | weir json -t packet,flow | cmp - "$dir/tool.json"
	weir json -t packet,flow -i ipc:t -o "$dir/tool.json" 3>&- &
	weir read "$(capture ten)" | weir flow -o ipc:t -o "$dir/ten.weir"
	wait $!
	weir json -t packet,flow -i "$dir/ten.weir" | cmp - "$dir/tool.json"
}

@test "link: several producers reach one consumer by a link each" {
	weir json -t packet -i ipc:one -i ipc:two -o "$dir/both.json" 3>&- &
	weir read "$(capture ten)" | weir flow -o ipc:one &
	weir read "$(capture reordered)" | weir flow -o ipc:two
	wait
	for x in ten reordered; do weir read "$(capture $x)" | weir flow | weir json -t packet; done | sort >"$dir/want"
	sort "$dir/both.json" | cmp - "$dir/want"
}

@test "link: a close right after the last send loses nothing, 100 times" {
	local want
	weir read "$(capture ten)" -o "$dir/few.weir"
	want=$(sha256sum <"$dir/few.weir")
	for _ in $(seq 50); do
		for ep in ipc:last ipc:last,listen; do
			timeout 10 weir link -q -i "${ep/listen/dial}" -o "$dir/few.out" 3>&- &
			timeout 10 weir link -q -i "$dir/few.weir" -o "$ep"
			wait $!
			[ "$(sha256sum <"$dir/few.out")" = "$want" ]
		done
	done
}

@test "link: either end may be killed with -9 and started again: nothing lost, nothing twice" {
	local who
	for who in send receive both; do
		timeout 60 "$dir/weir-links" "$dir/a.weir" 4 $who ipc:kill ipc:kill >"$dir/out" 2>"$dir/err"
		[ "$(sha256sum <"$dir/out")" = "$sum" ]
		grep -q '^0 kills left' "$dir/err"
	done
	timeout 60 "$dir/weir-links" "$dir/a.weir" 4 both ipc:kill,listen ipc:kill,dial >"$dir/out" 2>"$dir/err"
	[ "$(sha256sum <"$dir/out")" = "$sum" ]
}

@test "link: a receiver that is new to the stream gets hello and schemas first" {
	mkfifo "$dir/slow"
	exec 7<>"$dir/slow"
	weir link -q -i ipc:new -o "$dir/slow" 3>&- 7>&- &
	timeout 30 weir link -q -i "$dir/a.weir" -o ipc:new 3>&- 7>&- &
	local sender=$!
	sleep 0.7
	pkill -KILL -f "weir-link -q -i ipc:new -o $dir/slow"
	timeout 30 weir link -q -i ipc:new -o "$dir/rest.weir" 3>&- 7>&- &
	wait $sender
	wait $!
	exec 7>&-
	weir json -t packet,flow -i "$dir/rest.weir" >"$dir/rest.json"
	[ -s "$dir/rest.json" ]
	tail -n "$(wc -l <"$dir/rest.json")" "$dir/a.json" | cmp - "$dir/rest.json"
}

@test "link: a second peer is told so, and the first does not notice" {
	mkfifo "$dir/wait"
	timeout 20 weir link -q -i ipc:second -o "$dir/out" 3>&- &
	local receiver=$!
	timeout 20 weir link -q -i "$dir/wait" -o ipc:second 3>&- &
	exec 7>"$dir/wait"
	weir read "$(capture ten)" >"$dir/ten.weir"
	head -c 600 "$dir/ten.weir" >&7
	sleep 0.5
	run -1 timeout 10 weir link -q -i "$dir/a.weir" -o ipc:second
	[[ $output == *"refused: it waits for the sender that it had"* ]]
	run -1 timeout 10 weir link -q -i "$dir/ten.weir" -o ipc:second
	[[ $output == *"refused: it has its peer already"* ]]
	tail -c +601 "$dir/ten.weir" >&7
	exec 7>&-
	wait $receiver
	cmp "$dir/ten.weir" "$dir/out"
	# The same where the sender listens: the second receiver is told.
	mkfifo "$dir/wait2"
	timeout 20 weir link -q -i "$dir/wait2" -o ipc:second,listen 3>&- &
	exec 7>"$dir/wait2"
	cat "$dir/ten.weir" >&7
	timeout 20 weir link -q -i ipc:second,dial -o "$dir/out" 3>&- 7>&- &
	receiver=$!
	sleep 0.5
	run -1 timeout 10 weir link -q -i ipc:second,dial -o "$dir/out2"
	[[ $output == *"refused: it has its peer already"* ]]
	exec 7>&-
	wait $receiver
	cmp "$dir/ten.weir" "$dir/out"
}

@test "link: another version, garbage, a bomb and bad records are refused, and others go on" {
	local p out code
	p=$(port)
	timeout 30 weir link -i "tcp://127.0.0.1:$p" -o "$dir/out" 2>"$dir/err" 3>&- &
	local receiver=$!
	sleep 0.3
	ask() { timeout 10 python3 "$top/tests/stages/peer.py" "$p" "$@"; }
	[ "$(ask version)" = "refused: another version of the link" ]
	[ "$(ask garbage)" = "refused: it is no message of a link" ]
	[ "$(ask bomb)" = closed ]
	[ "$(ask bytes)" = closed ]
	grep -q "refused a peer: another version" "$dir/err"
	grep -q "refused a peer: it is no message" "$dir/err"
	weir link -q -i "$dir/a.weir" -o "tcp://127.0.0.1:$p"
	wait $receiver
	[ "$(sha256sum <"$dir/out")" = "$sum" ]
	timeout 30 weir link -i "tcp://127.0.0.1:$p,retry=100ms" -o "$dir/out" 2>"$dir/err" 3>&- &
	receiver=$!
	sleep 0.3
	out=$(ask batch)
	[[ $out == refused:* ]]
	code=0
	wait $receiver || code=$?
	[ $code = 4 ]
	[ ! -s "$dir/out" ]
}

@test "link: 100 connections that come and go leave no descriptor behind" {
	local p before
	p=$(port)
	timeout 30 weir link -q -i "tcp://127.0.0.1:$p" -o "$dir/out" 2>/dev/null 3>&- &
	sleep 0.3
	local receiver
	receiver=$(pgrep -f "weir-link -q -i tcp://127.0.0.1:$p" | tail -n 1)
	timeout 20 python3 "$top/tests/stages/peer.py" "$p" hang 1
	before=$(find "/proc/$receiver/fd" -mindepth 1 | wc -l)
	timeout 20 python3 "$top/tests/stages/peer.py" "$p" hang 100
	[ "$(find "/proc/$receiver/fd" -mindepth 1 | wc -l)" -le "$before" ]
	weir link -q -i "$dir/a.weir" -o "tcp://127.0.0.1:$p"
}

@test "link: the reader that dies is counted as loss: exit 5, and to the record" {
	mkfifo "$dir/held"
	weir flow -q -i ipc:dead -o "$dir/held" 2>/dev/null 3>&- &
	local reader=$!
	exec 7<>"$dir/held"
	(sleep 1; kill -9 $reader) &
	run -5 timeout 20 weir read "$dir/big.pcap" -o ipc:dead
	exec 7>&-
	[[ $output == *"the reader at the other side has died"* ]]
	[[ $output =~ ([0-9]+)\ of\ ([0-9]+)\ records\ have\ not\ arrived ]]
	[ "${BASH_REMATCH[1]}" -gt 0 ]
	[ "${BASH_REMATCH[1]}" -le "${BASH_REMATCH[2]}" ]
}

@test "link: a sender that is gone for good leaves a stream that is cut: exit 4" {
	mkfifo "$dir/w"
	weir link -q -i "$dir/w" -o ipc:cut 2>/dev/null 3>&- &
	local sender=$!
	exec 7>"$dir/w"
	weir read "$(capture ten)" | head -c 900 >&7
	(sleep 0.7; kill -9 $sender) &
	run -4 timeout 20 weir json -t frame -i ipc:cut,retry=300ms
	exec 7>&-
	[[ $output == *"the sender has not come back"* ]]
}

@test "link: where no peer has ever come, neither a tool that is told to end nor its weir-link stays" {
	local ep sig pid
	ep=tcp://127.0.0.1:$(port)
	for sig in TERM INT KILL; do
		# More than the ring holds, so that it waits for room; and less.
		for file in "$dir/big.pcap" "$top/examples/demo.pcap"; do
			weir read "$file" -o "$ep" 2>said 3>&- &
			pid=$!
			for _ in $(seq 200); do grep -q 'waiting for a peer' said && break || sleep 0.05; done
			kill -$sig $pid
			for _ in $(seq 200); do [ -e "/proc/$pid/cwd" ] && sleep 0.05 || break; done
			kill -9 $pid 2>/dev/null && false
			code=0
			wait $pid || code=$?
			echo "$sig $code: $(cat said)"
			case $sig in TERM) [ $code -eq 143 ] ;; INT) [ $code -eq 5 ] ;; esac
			[ $sig = KILL ] || grep -q 'records have not arrived' said
			for _ in $(seq 100); do pgrep -f "weir-link .*$ep" >/dev/null && sleep 0.05 || break; done
			[ -z "$(pgrep -af "weir-link .*$ep")" ]
		done
	done
}

@test "link: it has no capability, no file and no other user's rights once it listens" {
	sanitized && skip "the sandbox is off under sanitizers"
	local p pid
	p=$(port)
	timeout 30 weir link -q -i "tcp://127.0.0.1:$p" -o "$dir/out" 3>&- &
	sleep 0.4
	pid=$(pgrep -f "weir-link -q -i tcp://127.0.0.1:$p" | tail -n 1)
	grep -q '^NoNewPrivs:[[:space:]]*1$' "/proc/$pid/status"
	grep -q '^CapEff:[[:space:]]*0*$' "/proc/$pid/status"
	for task in "/proc/$pid/task"/*; do
		grep -q '^Seccomp:[[:space:]]*2$' "$task/status"
		[ "$(id -u)" -ne 0 ] || grep -q '^Uid:[[:space:]]*65534[[:space:]]*65534' "$task/status"
	done
	weir link -q -i "$dir/a.weir" -o "tcp://127.0.0.1:$p"
}

@test "link: wrong use is said in one line" {
	run -2 weir link -i "$dir/a.weir" -o "$dir/b"
	[[ $output == *"is a link"* ]]
	run -2 weir link -i tcp://0.0.0.0:1 -o null:
	[[ $output == *insecure* ]]
	run -2 weir json -i tls+tcp://h:1
	[[ $output == *"ca= are needed"* ]]
	run -1 weir json -i "tls+tcp://127.0.0.1:1,cert=$dir/none,key=$dir/none,ca=$dir/none"
	[[ $output == *"No such file"* ]]
	mkdir -m 755 "$dir/open"
	WEIR_RUNDIR=$dir/open run -1 weir json -i ipc:x
	[[ $output == *"0700"* ]]
	weir link -i ipc:taken -o null: 3>&- &
	sleep 0.3
	run -1 weir json -i ipc:taken
	[[ $output == *"somebody listens there"* ]]
	weir link -q -i "$dir/a.weir" -o ipc:taken
}
