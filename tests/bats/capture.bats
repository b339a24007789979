#!/usr/bin/env bats
# capture: weir-capture between two network namespaces, on frames of programs that are no part of weir.
load helper

setup_file() {
	export dir=$BATS_FILE_TMPDIR a=wca$$ b=wcb$$
	[ "$(id -u)" = 0 ] && command -v ip >/dev/null || return 0
	ip netns add "$a" && ip netns add "$b" || return 0
	for ns in "$a" "$b"; do # a link that nobody asked for speaks otherwise
		ip netns exec "$ns" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	done
	for v in eth0 eth1; do
		ip -n "$a" link add $v type veth peer name $v netns "$b"
		ip -n "$a" link set $v up
		ip -n "$b" link set $v up
	done
	ip -n "$a" link set lo up
	ip -n "$b" link set lo up
	ip -n "$a" addr add 10.78.0.1/24 dev eth0
	ip -n "$b" addr add 10.78.0.2/24 dev eth0
	touch "$dir/netns"
}

teardown_file() {
	ip netns del "$a" 2>/dev/null || true
	ip netns del "$b" 2>/dev/null || true
}

setup() {
	[ -e "$dir/netns" ] || [[ $BATS_TEST_DESCRIPTION != *" on a link"* ]] || skip "no network namespaces here (root and ip are needed)"
	cd "$BATS_TEST_TMPDIR" || return 1
	capture=$WEIR_BUILD/libexec/weir/weir-capture
	pids=
}

teardown() {
	# shellcheck disable=SC2086
	[ -z "$pids" ] || kill -9 $pids 2>/dev/null || true
}

# start NAME ARGS...: a capture in namespace b that is ready; its pid in $pid. Records go to NAME.weir,
# what it says to NAME.log.
start() {
	local name=$1
	shift
	ip netns exec "$b" "$capture" --log info -o "$name.weir" "$@" 2>"$name.log" 3>&- &
	pid=$!
	pids+=" $pid"
	until_said "$name" "start:"
}

until_said() { # NAME WORDS
	local i
	for i in $(seq 200); do
		grep -q -- "$2" "$1.log" && return
		sleep 0.02
	done
	cat "$1.log"
	return 1
}

until_still() { # FILE: it grows no more
	local size=-1 now
	until now=$(stat -c %s "$1") && [ "$now" = "$size" ]; do
		size=$now
		sleep 0.2
	done
}

stop() { # [PID]: as Ctrl-C does
	code=0
	kill -INT "${1:-$pid}"
	wait "${1:-$pid}" || code=$?
}

flood() { # NAMESPACE IFACE COUNT [LENGTH [PREFIX [EVERY_MS]]]
	ip netns exec "$1" python3 "$top/tests/gen/flood.py" "${@:2}"
}

frames() { # NAME FIELD...
	python3 "$top/tests/gen/records.py" frame "${@:2}" <"$1.weir"
}

counter() { # NAME COUNTER: its value in the end record; nothing where it is 0
	python3 "$top/tests/gen/records.py" end ledger <"$1.weir" | grep -o "'$2', [0-9]*, [0-9]*" | grep -o '[0-9]*$' || echo 0
}

rx() { # IFACE: frames that arrived there
	ip netns exec "$b" weir interfaces --json "$1" | jq .rx_frames
}

@test "capture: frames on a link come with their bytes, lengths and times, and the books balance" {
	before=$(rx eth0) now=$(date +%s)
	start x -I eth0
	flood "$a" eth0 5 100
	flood "$b" eth0 1 60
	stop
	[ "$code" -eq 0 ]
	[ "$(frames x n iface file_n link_type wire_len '#payload' flags | tr '\n' ';')" = \
		"1 0 1 1 100 100 0;2 0 2 1 100 100 0;3 0 3 1 100 100 0;4 0 4 1 100 100 0;5 0 5 1 100 100 0;6 0 6 1 60 60 2;" ]
	[[ "$(frames x payload | sed -n 3p)" == 020000000002020000000001"88b500000002"* ]]
	ts=$(frames x ts | head -n 1)
	[ "${ts%?????????}" -ge "$now" ] && [ "${ts%?????????}" -le "$(date +%s)" ]
	[ "$(counter x eth0.in)" -eq 6 ]
	[ "$(counter x eth0.frames)" -eq 6 ]
	[ $(($(rx eth0) - before)) -eq 5 ] # the sixth one was ours
	weir books -i x.weir
	weir write -i x.weir x.pcapng
	python3 - <<-'EOF'
	import struct
	data, at, kinds = open("x.pcapng", "rb").read(), 0, []
	while at < len(data):
	    kind, size = struct.unpack_from("<II", data, at)
	    kinds.append(kind)
	    last, at = data[at:at + size], at + size
	options = {}
	at = 20
	while struct.unpack_from("<H", last, at)[0]:
	    code, size = struct.unpack_from("<HH", last, at)
	    options[code], at = struct.unpack_from("<Q", last, at + 4)[0], at + 4 + size
	assert kinds[-1] == 5 and (options[4], options[5], options[8]) == (6, 0, 6), (kinds, options)
	EOF
	python3 "$top/tests/gen/records.py" hello live sources <x.weir | grep -qx "True \[\[0, 'eth0', 1\]\]"
}

@test "capture: a frame on a quiet link is there at once, with none behind it" {
	mkfifo x.weir
	cat >reader.py <<-EOF
	import sys, time
	sys.path.insert(0, "$top/tests/gen")
	import records
	for kind, ts, *_ in records.Stream(open("x.weir", "rb")):
	    if kind == 32:
	        print((time.time_ns() - ts) // 1000000, flush=True)
	EOF
	three() { # ARGS...: how long each of three frames took, one after the other
		python3 reader.py >took 3>&- &
		reader=$!
		pids+=" $reader"
		start x -I eth0 "$@"
		for i in 1 2 3; do
			flood "$a" eth0 1
			for _ in $(seq 500); do
				[ "$(wc -l <took)" -lt $i ] || break
				sleep 0.01
			done
		done
		[ "$(wc -l <took)" -eq 3 ] # before the capture ends
		stop
		wait "$reader"
		cat took
	}
	three
	[ "$(sort -n took | head -n 1)" -le 100 ]
	three --retire 2s # the second is sent soon after the block of the first was handed over
	[ "$(sort -n took | tail -n 1)" -gt 100 ]
}

@test "capture: a socket on a link has its ring and filter before it is bound, and its filter is locked" {
	command -v strace >/dev/null || skip "no strace"
	tcpdump -ddd -y EN10MB ip >f.bpf 2>/dev/null
	ip netns exec "$b" strace -o trace -e trace=socket,setsockopt,bind,mmap "$capture" -I eth0 -F f.bpf --for 0.1s -o x.weir 2>x.log || {
		grep -q ptrace x.log && skip "no ptrace here"
		cat x.log
		false
	}
	got=$(sed -n 's/.*socket(AF_PACKET.*htons(0 .*/protocol-0/p; s/.*PACKET_RX_RING.*, 28) = 0/ring/p; s/^mmap.*MAP_SHARED.*/map/p
		s/.*SO_ATTACH_FILTER.*/filter/p; s/^bind(.*AF_PACKET.*/bind/p; s/.*SO_LOCK_FILTER, \[1\].*= 0/lock/p' trace | tr '\n' ' ')
	[[ "$got" == "protocol-0 ring map filter bind lock "* ]] || { cat trace; false; }
}

@test "capture: not one frame of another interface on a link comes in" {
	start all -I eth1
	ip netns exec "$a" python3 "$top/tests/gen/flood.py" eth1 2000000 60 020000000002020000000001aaaa 3>&- &
	other=$!
	pids+=" $other"
	for _ in $(seq 200); do [ "$(rx eth1)" -lt 200 ] || break; sleep 0.02; done
	for _ in 1 2 3 4; do
		ip netns exec "$b" "$capture" -I eth0 --for 20ms -o one.weir
		cat one.weir >>x.weir
	done
	ip netns exec "$b" "$capture" -I eth0 --receive messages --for 20ms -o one.weir
	cat one.weir >>x.weir
	kill "$other"
	stop
	[ "$(frames all n | wc -l)" -gt 100 ]
	[ "$(python3 "$top/tests/gen/records.py" end records <x.weir | tr '\n' ' ')" = "0 0 0 0 0 " ]
}

@test "capture: no frame on a link is unaccounted for when it can't keep up" {
	before=$(rx eth0)
	start x -I eth0 --block-size 64K --blocks 2
	flood "$a" eth0 100
	kill -STOP "$pid"
	flood "$a" eth0 20000 200
	kill -USR1 "$pid"
	kill -CONT "$pid"
	flood "$a" eth0 1
	until_said x "books balance"
	flood "$a" eth0 100
	stop
	[ "$code" -eq 0 ]
	cat x.log
	grep -q "the kernel dropped $(counter x eth0.drops) of 20201 frames" x.log
	[ $(($(rx eth0) - before)) -eq 20201 ]
	[ "$(counter x eth0.in)" -eq 20201 ]
	[ $(($(counter x eth0.frames) + $(counter x eth0.drops))) -eq 20201 ]
	[ "$(frames x n | wc -l)" -eq "$(counter x eth0.frames)" ]
	[ "$(counter x eth0.drops)" -gt 10000 ]
	[ "$(counter x ring_freezes)" -ge 1 ]
	weir books -i x.weir
}

@test "capture: a limit on a link stops it, and what the kernel had counted is left, not lost" {
	start x -I eth0 -n 7
	flood "$a" eth0 50
	wait "$pid"
	[ "$(frames x n | tail -n 1)" -eq 7 ]
	[ "$(counter x eth0.frames)" -eq 7 ]
	[ $(($(counter x eth0.left) + 7)) -eq "$(counter x eth0.in)" ]
	weir books -i x.weir
	ip netns exec "$b" timeout 5 "$capture" -I eth0 --for 50ms -o null:
}

@test "capture: without a ring the same frames come on a link (rscap: a socket with a ring received none)" {
	start ring -I eth0
	start messages -I eth0 --receive messages
	flood "$a" eth0 40 1200
	flood "$a" eth0 10 60 0200000000020200000000018100000508004500
	stop
	[ "$code" -eq 0 ]
	stop "${pids%% "$pid"*}"
	frames ring n link_type wire_len flags payload >want
	[ "$(wc -l <want)" -eq 50 ]
	frames messages n link_type wire_len flags payload | cmp - want
	[ "$(counter messages eth0.in)" -eq 50 ]
}

@test "capture: a ring on a link that the kernel refuses is said, and frames come without, or not at all" {
	huge=(--block-size 256M --blocks 65536)
	start x -I eth0 "${huge[@]}"
	grep -q "interface 'eth0': cannot have a ring of 17592186044416 bytes, going on without: " x.log
	flood "$a" eth0 3
	stop
	[ "$(frames x n | wc -l)" -eq 3 ]
	run -1 ip netns exec "$b" "$capture" -I eth0 --receive ring "${huge[@]}" -o null:
	[[ "$output" == "weir-capture: interface 'eth0': cannot have a ring of 17592186044416 bytes: "* ]]
}

@test "capture: what a link gets for others or sends is taken as asked for, stamped by whom is counted, and nothing comes for nothing" {
	mode() { ip -n "$b" -d -j link show eth1 | jq -c '.[] | [.promiscuity, .allmulti]'; }
	plain=$(mode)
	start x -I eth1 -p --all-multicast --no-outgoing --time-source adapter
	[ "$(mode)" != "$plain" ] && [ "$(mode)" = "$(jq -c 'map(. + 1)' <<<"$plain")" ]
	grep -q "interface 'eth1': its card stamps no time for us" x.log # a veth has no clock
	flood "$b" eth1 2 # outgoing
	flood "$a" eth1 3
	sleep 0.5
	read -r -a stat <"/proc/$pid/stat"
	stop
	[ "$(mode)" = "$plain" ]
	[ "$(counter x eth1.frames)" -eq 3 ]
	[ $(($(counter x stamped_by_socket) + $(counter x stamped_by_kernel))) -eq 3 ]
	[ $((stat[13] + stat[14])) -le 10 ] # ticks of 10 ms: it sleeps while nothing comes
}

@test "capture: rscap's fault 7: a card that has a clock is asked to stamp every frame on a link, and its time to be told" {
	command -v strace >/dev/null || skip "no strace"
	traced() { # NAME [INJECT...]: what is asked of the kernel, where no card has a clock
		ip netns exec "$b" strace -o "$1.trace" -e trace=ioctl,setsockopt "${@:2}" "$capture" -I eth1 --time-source adapter --for 0.2s -o "$1.weir" 2>"$1.log" || {
			grep -q ptrace "$1.log" && skip "no ptrace here"
			cat "$1.log"
			false
		}
	}
	traced without
	grep -q "its card stamps no time for us" without.log
	nth=$(grep '^ioctl' without.trace | grep -n SIOCSHWTSTAMP | cut -d: -f1)
	traced with -e inject=ioctl:retval=0:when="$nth" # a card that has one
	grep -q 'SIOCSHWTSTAMP.*INJECTED' with.trace
	[ "$(grep -c "stamps no time" with.log)" = 0 ]
	for of in with without; do
		grep -q 'PACKET_TIMESTAMP, \[64\], 4) *= 0' $of.trace # SOF_TIMESTAMPING_RAW_HARDWARE
	done
}

@test "capture: a filter on a link is the kernel's, a snapshot length cuts, and both are locked" {
	tcpdump -ddd -y EN10MB 'ether proto 0xaaaa' >f.bpf 2>/dev/null
	start x -I eth0 -F f.bpf -s 30
	flood "$a" eth0 20
	flood "$a" eth0 3 60 020000000002020000000001aaaa
	stop
	[ "$(frames x wire_len '#payload' | sort | uniq -c | tr -s ' ')" = " 3 60 30" ]
	[ "$(counter x eth0.in)" -eq 3 ]
	[ "$(counter x snapped)" -eq 3 ]
	ip netns exec "$b" "$capture" -I eth0 -F - --log info -o y.weir <f.bpf 2>y.log 3>&- &
	pid=$!
	pids+=" $pid"
	until_said y "start:"
	flood "$a" eth0 20
	flood "$a" eth0 3 60 020000000002020000000001aaaa
	stop
	[ "$(counter y eth0.in)" -eq 3 ]
}

@test "capture: a VLAN tag on a link is where it was on the wire" {
	start x -I eth0
	flood "$a" eth0 2 64 02000000000202000000000181000005aaaa
	stop
	[ "$(frames x wire_len | tr '\n' ' ')" = "64 64 " ]
	[[ "$(frames x payload | head -n 1)" == 02000000000202000000000181000005aaaa00000000* ]]
	[ "$(counter x vlan_put_back)" -eq 2 ]
}

@test "capture: lo and tun on a link have their own link types, and any has all (rscap: todo!)" {
	start any -I any
	start lo -I lo
	ip netns exec "$b" python3 - >/dev/null 3>&- <<-'EOF' &
	import fcntl, os, struct, time
	t = os.open("/dev/net/tun", os.O_RDWR)
	fcntl.ioctl(t, 0x400454ca, struct.pack("16sH", b"tun9", 0x1001))  # IFF_TUN | IFF_NO_PI
	os.system("ip link set tun9 up")
	open("up", "w").close()
	while not os.path.exists("go"):
	    time.sleep(0.01)
	os.write(t, bytes.fromhex("4500001c000040004011b6cf0a4e00010a4e000200350035000800") + b"\0")
	while not os.path.exists("end"):
	    time.sleep(0.01)
	EOF
	pids+=" $!"
	for _ in $(seq 100); do [ ! -e up ] || break; sleep 0.02; done
	start tun -I tun9
	touch go
	flood "$b" lo 2
	flood "$a" eth0 1
	for _ in $(seq 100); do [ ! -s tun.weir ] || break; sleep 0.02; done
	sleep 0.1
	touch end
	until_said tun removed
	wait "$pid" || code=$?
	[ "$code" -eq 1 ]
	for p in $pids; do kill -INT "$p" 2>/dev/null || true; done
	wait
	[ "$(frames tun link_type wire_len payload)" = "101 28 4500001c000040004011b6cf0a4e00010a4e00020035003500080000" ]
	[ "$(frames lo link_type wire_len | sort -u)" = "1 60" ]
	[ "$(frames lo link_type | wc -l)" -eq 4 ] # out, and in again
	frames any link_type wire_len flags | sort | uniq -c | tr -s ' ' >any
	cat any
	[ "$(tr '\n' ';' <any)" = " 3 1 60 0; 2 1 60 2; 1 101 28 0;" ]
	[ "$(counter tun interface_removed)" -eq 1 ]
}

@test "capture: an interface that goes down on a link is said and waited for, or ends it" {
	start x -I eth1
	first=$pid
	start y -I eth1 --on-down end
	flood "$a" eth1 1
	ip -n "$b" link set eth1 down
	until_said x "interface 'eth1' is down: waiting"
	until_said y "interface 'eth1' is down: ending"
	code=0
	wait "$pid" || code=$?
	[ "$code" -eq 1 ]
	ip -n "$b" link set eth1 up
	until_said x "interface 'eth1' is up again"
	flood "$a" eth1 1
	# One that is removed is over, the others are not.
	ip -n "$b" link add gone type veth peer name away
	start z -I gone -I eth1
	ip -n "$b" link del gone
	until_said z "interface 'gone' was removed"
	flood "$a" eth1 1
	stop
	[ "$code" -eq 1 ]
	[ "$(counter z eth1.frames)" -eq 1 ]
	[ "$(counter z interface_removed)" -eq 1 ]
	stop "$first"
	[ "$(counter x eth1.frames)" -eq 3 ]
	[ "$(counter x interface_down)" -eq 1 ]
	[ "$(counter x interface_up)" -eq 1 ]
	[ "$(counter y eth1.frames)" -eq 1 ]
}

@test "capture: an interface on a link that is removed is waited for where it is told to return" {
	made() { ip -n "$b" link add back type veth peer name here && ip -n "$b" link set here up && ip -n "$b" link set back up; }
	made
	start x -I back --on-down return
	flood "$b" here 2
	ip -n "$b" link del back
	until_said x "interface 'back' was removed: waiting"
	made
	until_said x "interface 'back' is up again"
	flood "$b" here 3
	stop
	[ "$code" -eq 0 ]
	[ "$(counter x back.frames)" -eq 5 ]
	[ "$(counter x interface_removed)" -eq 1 ]
	# A capture that is killed meanwhile finds the new one.
	launch back --on-down return
	ip -n "$b" link del back
	until_said x "interface 'back' was removed: waiting"
	kill -STOP "$pid"
	kill -9 "$(capture_pid)"
	ip -n "$b" link add back type veth peer name here && ip -n "$b" link set here up && ip -n "$b" link set back up
	kill -CONT "$pid"
	for _ in $(seq 100); do flood "$b" here 1; [ ! -s out.json ] || break; done
	stop
	tail -n 8 x.log
	ip -n "$b" link del back
	[ "$code" -eq 0 ] && [ -s out.json ]
}

@test "capture: two captures on a link share its frames, none twice, none missing" {
	echo "2,48 0 0 $((0xfff00003)),22 0 0 0" | tr , '\n' >last.bpf # its verdict: the lowest byte of a frame's number
	for mode in hash rr pair cpu qm cbpf rollover; do
		with=(--fanout $mode)
		[ $mode != cbpf ] || with+=(--fanout-file last.bpf)
		[ $mode != rollover ] || with+=(--blocks 2 --block-size 4K)
		start one$mode -I eth0 "${with[@]}"
		first=$pid
		group=$(sed -n 's/.*fan-out group //p' one$mode.log)
		[ $mode != rollover ] || with=(--fanout $mode)
		start two$mode -I eth0 "${with[@]}" --fanout-group "$group"
		[ $mode != rollover ] || kill -STOP "$first" # its ring will be full
		taskset -c 0 ip netns exec "$a" python3 "$top/tests/gen/flood.py" eth0 300
		[ $mode != rollover ] || kill -CONT "$first"
		stop "$first"
		stop
		for which in one two; do weir json -q -t frame --fields payload -i $which$mode.weir | jq -r .payload >$which; done
		sort one two >all
		# The frame that finds a ring full may be lost with it.
		[ $mode = rollover ] && lost=$(counter one$mode eth0.drops) || lost=0
		[ "$(wc -l <all)" -eq $((300 - lost)) ] && [ "$lost" -le 5 ] || { wc -l all; cat one$mode.log two$mode.log; false; }
		[ -z "$(uniq -d all)" ]
		case $mode in
		rr) [ "$(wc -l <one)" -eq 150 ] ;;
		cpu | qm) [ "$(wc -l <one)" -eq 300 ] ;; # the first processor, and the only queue
		cbpf) [ "$(wc -l <one)" -eq 150 ] && ! cut -c 36 one | grep -q '[13579bdf]' ;;
		rollover) [ "$(wc -l <one)" -gt 0 ] && [ "$(wc -l <one)" -lt 300 ] ;;
		esac
	done
}

@test "capture: the fragments of a pair of hosts on a link go where its other frames go" {
	start one -I eth0 --fanout pair
	first=$pid
	start two -I eth0 --fanout pair --fanout-group "$(sed -n 's/.*fan-out group //p' one.log)"
	ip netns exec "$a" python3 - <<-'EOF'
	import socket
	s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
	s.bind(("eth0", 0))
	ether = "0200000000020200000000010800"
	for host in range(1, 9):  # a fragment, its like, UDP of the other direction
	    here, there = "0a0000%02x" % host, "0a000063"
	    for fields in ("450000200001200040110000" + here + there, "450000200001000340110000" + here + there,
	                   "450000200002000040110000" + there + here + "00350035"):
	        s.send(bytes.fromhex(ether + fields).ljust(60, b"\0"))
	EOF
	stop "$first"
	stop
	for name in one two; do # the address that differs, whichever side it is
		frames $name payload | grep -o '0a00000[1-8]' | sort | uniq -c >$name
		cat $name
	done
	[ "$(cat one two | awk '{ print $1 }' | sort -u)" = 3 ]
	[ "$(cat one two | wc -l)" -eq 8 ]
	[ -s one ] && [ -s two ]
}

# serve PORT COMMAND...: a server in namespace b, in the background, that listens there.
serve() {
	local port=$1
	shift
	ip netns exec "$b" "$@" >"serve.$port" 2>&1 3>&- &
	pids+=" $!"
	for _ in $(seq 200); do
		[ -z "$(ip netns exec "$b" ss -Hltun "sport = :$port")" ] || return 0
		sleep 0.02
	done
	cat "serve.$port"
	return 1
}

serve_dns() {
	serve 53 dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root --pid-file= --no-resolv --no-hosts --local=/test/ --address=/weir.test/192.0.2.1
}

@test "capture: real clients and servers on a link give weir -I the records that tcpdump's file gives" {
	ip netns exec "$b" tcpdump -i eth0 --immediate-mode -s 70000 -B 65536 -U -w file.pcap 2>tcpdump.log 3>&- &
	dump=$!
	mkdir www && seq 20000 >www/numbers && echo hello >www/hello
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=weir.test -keyout key -out crt 2>/dev/null
	dropbearkey -t ed25519 -f host >/dev/null 2>&1
	printf '%s\n' 'daemon off; master_process off; user root; pid nginx.pid; error_log stderr;' 'events { }' \
		'http { access_log off; client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t; uwsgi_temp_path t; scgi_temp_path t;' \
		"server { listen 80; root $PWD/www; } }" >nginx.conf
	start sums -I eth0
	sums=$pid
	setsid ip netns exec "$b" weir -I eth0 --log info -o live.json 2>live.log 3>&- &
	pid=$!
	pids+=" $dump $pid"
	serve 80 nginx -p "$PWD" -c nginx.conf
	serve 443 openssl s_server -quiet -accept 443 -key key -cert crt -www
	serve 22 dropbear -F -E -s -r host -p 22 -P "$PWD/pid"
	serve_dns
	until_said tcpdump "listening on"
	until_said live "start: .*weir-capture"
	at_a() { ip netns exec "$a" timeout 5 "$@" >>said 2>&1 </dev/null || true; }
	at_a curl -s http://10.78.0.2/hello http://10.78.0.2/numbers http://10.78.0.2/nowhere
	at_a dig @10.78.0.2 weir.test +tries=1
	at_a dig @10.78.0.2 nowhere.test +tcp +tries=1
	at_a sh -c 'echo GET / | openssl s_client -connect 10.78.0.2:443 -servername weir.test -quiet'
	HOME=$PWD at_a dbclient -y -y -i /nowhere nobody@10.78.0.2 true
	until_still file.pcap
	code=0
	kill -INT -- "-$pid" "$dump"
	wait "$pid" || code=$?
	wait "$dump" || true
	[ "$code" -eq 0 ]
	weir file.pcap -q --no-checksum -o file.json
	# Times are those of two sockets, and a file of tcpdump's has microseconds: they are left out.
	for of in live file; do jq -cS 'with_entries(select((.value | type) != "number" or .value == (.value | floor)))' $of.json >$of; done
	diff live file
	[ "$(jq -r 'select(.type == "http").status_code' live | tr '\n' ' ')" = "200 200 404 " ]
	[ "$(jq -r 'select(.type == "dns") | [.query, .rcode_name, .proto] | join(" ")' live | sort | tr '\n' ,)" = "nowhere.test NXDOMAIN 6,weir.test NOERROR 17," ]
	[ "$(jq -r 'select(.type == "tls").sni' live)" = weir.test ]
	[[ "$(jq -r 'select(.type == "ssh").server_banner' live)" == *dropbear* ]]
	# Sums that the host leaves to its card are no error: what tcpdump's file can't tell, the frames do.
	stop "$sums"
	[ "$(counter sums csum_unready)" -gt 0 ]
	[ "$(counter sums gso)" -gt 0 ] # frames that are still to be cut into segments
}

@test "capture: weir -I runs the whole pipeline on a link, prints as it goes, and ends in order by Ctrl-C" {
	serve_dns
	tcpdump -ddd -y EN10MB udp port 53 >dns.bpf 2>/dev/null
	# A group of its own, as a terminal has: Ctrl-C is for all of it.
	setsid ip netns exec "$b" weir -I eth0 -F dns.bpf --capture '-p  -s 2000' --log info -o out.json 2>x.log 3>&- &
	pid=$!
	pids+=" $pid"
	until_said x "start: .*weir-capture"
	ip netns exec "$a" dig @10.78.0.2 weir.test +tries=1
	for _ in $(seq 200); do ! grep -qs '"query":"weir.test"' out.json || break; sleep 0.02; done
	grep -q '"query":"weir.test"' out.json # while it runs
	code=0
	kill -INT -- "-$pid"
	wait "$pid" || code=$?
	cat x.log
	[ "$code" -eq 0 ]
	grep -q 'start: .*weir-capture .*-p -s 2000 --' x.log
	grep -qx 'weir: 2 packets, 1 flows, [0-9]* records, 0 anomalies, 0 lost' x.log
	[ "$(jq -r 'select(.type == "flow") | .reason' out.json)" = end_of_input ]
}

@test "capture: weir -I on a link ends in order by a SIGINT or SIGTERM to it alone, as by one to all" {
	for how in "INT" "TERM" "INT --" "INT --" "INT --"; do
		read -r sig all <<<"$how"
		setsid ip netns exec "$b" weir -I lo --log info -o out.json 2>x.log 3>&- &
		pid=$!
		pids+=" $pid"
		until_said x "start: .*weir-capture"
		ip netns exec "$b" bash -c 'echo hello >/dev/udp/127.0.0.1/9'
		for _ in $(seq 200); do [ ! -s out.json ] || break; sleep 0.02; done
		# shellcheck disable=SC2086
		kill -$sig $all "${all:+-}$pid"
		code=0
		timeout 5 tail --pid=$pid -f /dev/null || kill -9 $pid
		wait "$pid" || code=$?
		cat x.log
		[ "$code" -eq 0 ]
		grep -q '^weir: [1-9][0-9]* packets, .* 0 lost$' x.log
		! grep -q 'died' x.log || false
	done
}

# A pipeline in namespace b of a capture that is started again, and a printer; $pid is the launcher.
launch() { # INTERFACE OPTION...
	export WEIR_RUNDIR=$BATS_TEST_TMPDIR/run
	cat >live.weir <<-EOF
	[pipeline]
	backoff = 1ms
	stop-timeout = 3s
	[stage capture]
	run = capture -I $*
	out = frames
	restart = on-failure
	max = 100/60s
	[stage json]
	run = json --types frame --fields n,file_n,payload --format json -o out.json
	in = frames
	EOF
	ip netns exec "$b" weir run --name live --log info live.weir 2>x.log 3>&- &
	pid=$!
	pids+=" $pid"
	until_said x "start: .*weir-capture"
}

# The process of the capture in that pipeline.
capture_pid() {
	sed -n "s/.*start: stage 'capture', pid //p" x.log | tail -n 1
}

# The numbers of the frames that were printed are in order, none twice; of 0 to N - 1 none is missing but
# those that the kernel says it dropped: a few, as it may find a block in its own hands while a timer closes it.
printed() { # N DROPS
	python3 - "$1" "$2" <<-'EOF'
	import json, sys
	count, drops = map(int, sys.argv[1:])
	records = [json.loads(line) for line in open("out.json")]
	got = [int(r["payload"][28:36], 16) for r in records]
	ordered = all(a < b for a, b in zip(got, got[1:])) and [r["n"] for r in records] == list(range(1, len(got) + 1))
	if not ordered or len(got) != count - drops or drops > 5:
	    sys.exit("%d frames, %d distinct, from %s to %s, %d dropped" % (len(got), len(set(got)), min(got), max(got), drops))
	EOF
}

@test "capture: killed under load on a link and started again by its launcher, it loses no frame and doubles none" {
	launch eth0
	ip netns exec "$a" python3 "$top/tests/gen/flood.py" eth0 60000 100 3>&- &
	other=$!
	kills=0 last=
	while kill -0 "$other" 2>/dev/null && [ $kills -lt 7 ]; do
		next=$(capture_pid)
		if [ "$next" != "$last" ] && kill -9 "$next" 2>/dev/null; then
			kills=$((kills + 1)) last=$next
		fi
		sleep 0.03
	done
	wait "$other"
	for _ in $(seq 500); do # until the last one works
		if [ "$(capture_pid)" != "$last" ] && grep -q '^Seccomp:[[:space:]]*2$' "/proc/$(capture_pid)/status" 2>/dev/null; then break; fi
		sleep 0.02
	done
	stop
	tail -n 12 x.log
	[ "$code" -eq 0 ]
	[ "$kills" -ge 1 ] # a full machine has time for no more
	drops=$(sed -n 's/.*eth0.drops \([0-9]*\).*/\1/p' x.log | tail -n 1)
	printed 60000 "${drops:-0}"
	grep -q 'books balance' x.log
	grep -q 'eth0.in 60000 ' x.log
	! grep -qE 'eth0.(missed|lost) |ring_freezes' x.log || false
}

@test "capture: another filter on a link is another capture, and what came in between is counted" {
	tcpdump -ddd -y EN10MB 'ether proto 0x88b5' >first.bpf 2>/dev/null
	tcpdump -ddd -y EN10MB 'ether proto 0xaaaa' >second.bpf 2>/dev/null
	launch eth0 -F "$PWD/first.bpf"
	flood "$a" eth0 5
	flood "$a" eth0 5 60 020000000002020000000001aaaa
	for _ in $(seq 200); do [ "$(cat out.json 2>/dev/null | wc -l)" -lt 5 ] || break; sleep 0.02; done
	old=$(capture_pid)
	kill -STOP "$old" # what comes now is missed
	flood "$a" eth0 7
	weir swap live capture -- capture -I eth0 -F "$PWD/second.bpf"
	flood "$a" eth0 3
	flood "$a" eth0 4 60 020000000002020000000001aaaa
	for _ in $(seq 200); do [ "$(wc -l <out.json)" -lt 9 ] || break; sleep 0.02; done
	stop
	tail -n 12 x.log
	[ "$code" -eq 0 ]
	[ "$(jq -r .payload out.json | cut -c25-28 | uniq -c | tr -s ' ' | tr '\n' ';')" = " 5 88b5; 4 aaaa;" ]
	grep -q 'eth0.in 16 .*eth0.frames 9 .*eth0.missed 7' x.log
	grep -q 'books balance' x.log
}

@test "capture: it runs with CAP_NET_RAW alone on a link, and holds nothing afterwards" {
	command -v setpriv >/dev/null || skip "no setpriv"
	ip netns exec "$b" setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all,+net_raw --ambient-caps=-all,+net_raw \
		--bounding-set=-all,+net_raw "$capture" -I eth0 -p --log info -o null: 2>x.log 3>&- &
	pid=$!
	pids+=" $pid"
	until_said x start:
	grep -q '^Cap\(Eff\|Prm\|Amb\):[[:space:]]*0*[1-9a-f]' "/proc/$pid/status" && false
	grep -q '^Seccomp:[[:space:]]*2$' "/proc/$pid/status"
	grep -q '^NoNewPrivs:[[:space:]]*1$' "/proc/$pid/status"
	stop
	[ "$code" -eq 0 ]
}

@test "capture: with the right in its file on a link, under a launcher that has none: it goes on, and ends with it" {
	command -v setpriv >/dev/null || skip "no setpriv"
	own=$(mktemp -d)
	cp "$WEIR_BUILD/libexec/weir/weir-run" "$WEIR_BUILD/libexec/weir/weir-json" "$capture" "$own"
	printf '%s\n' '[stage capture]' 'run = capture -I eth0' 'out = frames' 'restart = on-failure' \
		'[stage json]' 'run = json --types frame --fields n' 'in = frames' >"$own/live.weir"
	chown -R 65534 "$own"
	# cap_net_raw+ep
	python3 - "$own/weir-capture" <<-'EOF' || skip "no rights in files here"
	import os, struct, sys
	os.setxattr(sys.argv[1], "security.capability", struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0))
	EOF
	WEIR_EXEC_PATH=$own WEIR_RUNDIR=$own/run ip netns exec "$b" setpriv --reuid=65534 --regid=65534 --clear-groups \
		--inh-caps=-all "$own/weir-run" --backoff 1ms --log info "$own/live.weir" 2>x.log >out.json 3>&- &
	pid=$!
	pids+=" $pid"
	until_said x "start: .*weir-capture"
	[[ "$(grep CapEff "/proc/$pid/status")" =~ ^CapEff:[[:space:]]0*$ ]]
	flood "$a" eth0 5
	first=$(capture_pid)
	kill -9 "$first"
	flood "$a" eth0 5
	for _ in $(seq 200); do [ "$(wc -l <out.json)" -lt 10 ] || break; sleep 0.02; done
	# But for one now and then that the kernel drops, see printed().
	[ "$(wc -l <out.json)" -gt 5 ]
	jq .n out.json | cmp - <(seq "$(wc -l <out.json)")
	[ "$(capture_pid)" != "$first" ]
	kill -9 "$pid"
	for _ in $(seq 100); do kill -0 "$(capture_pid)" 2>/dev/null || break; sleep 0.02; done
	run ! kill -0 "$(capture_pid)"
	rm -r "$own"
}

@test "capture: without the right it says which command gives it" {
	command -v setpriv >/dev/null || skip "no setpriv"
	status=0
	setpriv --reuid=65534 --clear-groups --bounding-set=-net_raw --inh-caps=-net_raw "$capture" -I lo -o null: 2>said || status=$?
	[ "$status" -eq 1 ]
	[ "$(cat said)" = "weir-capture: not allowed to capture; as root: setcap cap_net_raw+ep $(readlink -f "$capture")" ]
}

@test "capture: wrong use is said in a line" {
	wrong() { # LINE ARGS...
		local line=$1
		shift
		run -2 "$capture" -o null: "$@"
		[ "$output" = "weir-capture: $line" ] || { echo "$output"; false; }
	}
	wrong "no interface given: -I NAME; try 'weir interfaces'"
	run -2 weir "$top/examples/demo.pcap" --capture -p
	[ "$output" = "weir: --capture is for interfaces" ]
	wrong "interface 'lo' is given twice" -I lo -I lo
	wrong "'any' has the other interfaces in it" -I lo -I any
	wrong "'any' is no interface of its own that could be set up" -I any -p
	wrong "--block-size: no power of two from 4K to 256M" -I lo --block-size 5000
	wrong "--blocks: not 2 to 65536" -I lo --blocks 1
	wrong "--retire: not 1ms to 10s" -I lo --retire 1us
	wrong "--snaplen: not 1 to 262144 bytes" -I lo -s 0
	wrong "--on-down return can't set another interface up: not with --fanout, --promiscuous, --all-multicast, --time-source" -I lo -p --on-down return
	wrong "--fanout cbpf and --fanout-file go together" -I lo --fanout cbpf
	wrong "--fanout-group: not 0 to 65535" -I lo --fanout hash --fanout-group 65536
	wrong "--fanout-group goes with --fanout" -I lo --fanout-group 1
	[ "$(id -u)" = 0 ] || return 0
	run -1 "$capture" -o null: -I nowhere0
	[ "$output" = "weir-capture: no interface 'nowhere0'; try 'weir interfaces'" ]
}
