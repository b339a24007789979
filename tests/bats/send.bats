#!/usr/bin/env bats
# send: frames onto interfaces between network namespaces: all of them, in time, and safely.
load helper

setup_file() {
	export dir=$BATS_FILE_TMPDIR a=sa$$ b=sb$$
	cd "$dir"
	weir read "$top/examples/demo.pcap" >demo.weir
	weir read "$top/examples/demo.pcap" | weir json -q -t frame --fields payload >demo.frames
	netns_up || true
}

teardown_file() {
	ip netns del "$a" 2>/dev/null || true
	ip netns del "$b" 2>/dev/null || true
}

# Two namespaces, joined by v0 and v1; nothing speaks there by itself.
netns_up() {
	[ "$(id -u)" = 0 ] && command -v ip || return 1
	ip netns add "$a" && ip netns add "$b" || return 1
	for ns in "$a" "$b"; do
		ip netns exec "$ns" bash -c 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6; echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6'
	done
	for v in v0 v1; do
		ip -n "$a" link add $v type veth peer name $v netns "$b"
		ip -n "$a" link set $v up
		ip -n "$b" link set $v up
	done
	touch "$dir/netns"
}

setup() {
	[ -e "$dir/netns" ] || skip "no network namespaces here (root and ip are needed)"
	cd "$BATS_TEST_TMPDIR"
}

in_a() { ip netns exec "$a" "$@"; }

# receive FILE [INTERFACE]: in the background, in the other namespace, until received().
receive() {
	ip netns exec "$b" timeout 30 "$top/tests/stages/receive.py" "${2:-v0}" "$1" 3>&- &
	receivers="${receivers:-} $!"
	for _ in $(seq 500); do [ -e "$1.ready" ] && return 0 || sleep 0.01; done
	return 1
}
received() {
	# shellcheck disable=SC2086
	kill $receivers
	# shellcheck disable=SC2086
	wait $receivers || true
	receivers=
}

frames() { weir read -q "$1" | weir json -q -t frame --fields payload; }

# Numbered UDP frames: flood COUNT BYTES [MS_APART]
flood() {
	python3 - "$top/tests/gen" "$@" <<'END'
import sys
sys.path.insert(0, sys.argv[1])
from packets import *
cap = Capture()
step = int(float(sys.argv[4]) * MS) if len(sys.argv) > 4 else MS
for i in range(int(sys.argv[2])):
    cap.datagram(SECOND + i * step, "10.78.0.1", 1000, "10.78.0.2", 9, b"%06d" % i + b"." * (int(sys.argv[3]) - 48))
sys.stdout.buffer.write(pcap(cap))
END
}

value() { jq -r ".$1" <<<"$2"; } # value FIELD REPORT

@test "send: every frame arrives, whole and in order, by a ring and by messages" {
	for method in ring mmsg; do
		receive $method.pcap
		report=$(in_a weir send -i "$dir/demo.weir" -I v0 -x 0 --method $method --json)
		received
		frames $method.pcap | cmp - "$dir/demo.frames"
		[ "$(value method "$report")" = $method ]
		[ "$(value frames "$report")" -eq 236 ]
		[ "$(value malformed "$report")" -eq 0 ]
	done
}

@test "send: rscap's fault 2: the ring is asked for with all 28 bytes, without which the kernel gives none" {
	in_a python3 - <<'END'
import errno, socket, struct
def ask(request):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.setsockopt(263, 10, 2)  # PACKET_VERSION: TPACKET_V3
    try:
        sock.setsockopt(263, 13, request)  # PACKET_TX_RING
        return 0
    except OSError as e:
        return e.errno
assert ask(struct.pack("IIII", 65536, 64, 2048, 2048)) == errno.EINVAL
assert ask(struct.pack("IIIIIII", 65536, 64, 2048, 2048, 0, 0, 0)) == 0
END
	[ "$(value method "$(in_a weir send -i "$dir/demo.weir" -I v0 -x 0 --json)")" = ring ]
}

@test "send: a kernel that takes no header in front of frames gets them without" {
	command -v strace >/dev/null || skip "no strace"
	send=(in_a strace -o trace -e trace=setsockopt)
	"${send[@]}" "$WEIR_BUILD/libexec/weir/weir-send" -i "$dir/demo.weir" -I v0 -x 0 --json >report 2>said || {
		grep -q ptrace said && skip "no ptrace here"
		false
	}
	nth=$(grep -n PACKET_VNET_HDR trace | cut -d: -f1)
	receive got.pcap
	"${send[@]}" -e inject=setsockopt:error=ENOPROTOOPT:when="$nth" "$WEIR_BUILD/libexec/weir/weir-send" -i "$dir/demo.weir" -I v0 -x 0 --json >report
	received
	frames got.pcap | cmp - "$dir/demo.frames"
	grep -q 'PACKET_VNET_HDR.*INJECTED' trace
	[ "$(jq -r .method report)" = ring ]
}

@test "send: rscap's faults 1, 3 and 6: a ring for sending alone goes round many times, frames at a fixed distance" {
	# Lengths from the shortest to the longest, three times as many as the ring has frames.
	python3 - "$top/tests/gen" >mix.pcap <<'END'
import sys
sys.path.insert(0, sys.argv[1])
from packets import *
cap = Capture()
for i in range(6500):
    cap.add(SECOND + i, b"\2\0\0\0\0\1\2\0\0\0\0\2\x88\xb5" + noise(str(i), 32) * 47 if i % 7 == 0 else
            b"\2\0\0\0\0\1\2\0\0\0\0\2\x88\xb5%d" % i + b"x" * (i % 1480))
cap.frames = [(t, f[:1514], l, min(w, 1514)) for t, f, l, w in cap.frames]
sys.stdout.buffer.write(pcap(cap))
END
	receive got.pcap
	weir read mix.pcap | in_a weir send -I v0 -x 0 --method ring --json >report
	received
	weir read got.pcap | weir json -q -t frame --fields payload >have
	weir read mix.pcap | weir json -q -t frame --fields payload | cmp - have
}

@test "send: a frame that does not fit any more since the MTU went down is not sent, and those behind it are" {
	flood 400 1400 >long.pcap
	flood 400 100 >short.pcap
	weir read --merge long.pcap short.pcap >mix.weir
	for case in "ring 2" "mmsg 1"; do # what is kept for a loop was looked at before
		read -r method loops <<<"$case"
		receive $method.pcap
		in_a weir send -i mix.weir -I v0 --pps $((800 * loops)) --loop $loops --method $method --json >report 2>said 3>&- &
		pid=$!
		sleep 0.3
		ip -n "$a" link set v0 mtu 1000
		status=0
		wait $pid || status=$?
		received
		ip -n "$a" link set v0 mtu 1500
		[ "$status" -eq 1 ]
		[ "$(jq '.frames + .malformed + .not_sent.oversize' report)" -eq $((800 * loops)) ]
		if [ "$loops" = 2 ]; then
			grep -q "'v0': .* frames did not get out: Message too long" said
			[ "$(jq .malformed report)" -gt 400 ]
		else
			grep -q "frames were not sent: longer than the interface takes" said
			[ "$(jq .not_sent.oversize report)" -gt 0 ]
		fi
		[ "$(frames $method.pcap | wc -l)" -eq "$(jq .frames report)" ]
		[ "$(frames $method.pcap | grep -c "$(printf '%06d' 399 | xxd -p)")" -ge 1 ]
	done
}

@test "send: frames go out as recorded, or so many times as fast, and none before its time" {
	flood 50 100 10 >x.pcap # over 490 ms
	for speed in 1 4; do
		report=$(weir read x.pcap | in_a weir send -I v0 -x $speed --json)
		jq -e --argjson x $speed '.seconds >= 0.49 / $x and .seconds < 0.49 / $x + 2 and .paced == 50' <<<"$report"
	done
	report=$(weir read x.pcap | in_a weir send -I v0 --max-gap 1ms --json)
	jq -e '.seconds >= 0.049 and .seconds < 0.4' <<<"$report"
}

@test "send: rates hold over the whole run: frames a second, bits a second, bursts, loops" {
	flood 100 125 0 >x.pcap
	report=$(weir read x.pcap | in_a weir send -I v0 --pps 1000 --loop 3 --json)
	jq -e '.frames == 300 and .seconds >= 0.299 and .seconds < 2' <<<"$report"
	report=$(weir read x.pcap | in_a weir send -I v0 --bps 1M --json) # 1000 bits each
	jq -e '.frames == 100 and .seconds >= 0.099 and .seconds < 2' <<<"$report"
	receive got.pcap
	weir read x.pcap | in_a weir send -I v0 --pps 500 --burst 10 >text
	received
	# Ten at a time, 20 ms apart: nine gaps are long.
	[ "$(weir read got.pcap | weir json -q -t frame --fields ts | jq .ts | awk 'NR > 1 && $1 - last > 0.008 { n++ } { last = $1 } END { print n + 0 }')" -ge 7 ]
	grep -q '^100 frames, 12500 bytes in ' text
	grep -q '^late by' text
}

@test "send: with two interfaces, clients send on one and servers on the other" {
	receive first.pcap v0
	receive second.pcap v1
	in_a weir send -i "$dir/demo.weir" -I v0 -I v1 -x 0 --json >report
	received
	{ frames first.pcap; frames second.pcap; } | sort | cmp - <(sort "$dir/demo.frames")
	weir flow -i "$dir/demo.weir" | weir json -q -t packet --fields n,dir | jq -r '[.n, .dir] | @tsv' >dirs
	for side in 0 1; do
		[ $side = 0 ] && got=first.pcap || got=second.pcap
		awk -v side=$side 'NR == FNR { if ($2 == side) want[$1] = 1; next } FNR in want' dirs "$dir/demo.frames" | sort >want
		[ -s want ]
		[ -z "$(frames $got | sort | comm -13 - want)" ]
	done
	receive third.pcap v0
	in_a weir send -i "$dir/demo.weir" -I v0 -I v1 -x 0 --split 192.0.2.0/24 --json >report
	received
	tcpdump -nr third.pcap 'ip and not src net 192.0.2.0/24' 2>/dev/null | wc -l | grep -qx 0
	tcpdump -nr third.pcap 'ip' 2>/dev/null | wc -l >have
	tcpdump -nr "$top/examples/demo.pcap" 'ip and src net 192.0.2.0/24' 2>/dev/null | wc -l | cmp - have
}

@test "send: --l3 lets the kernel route, IPv4 and IPv6" {
	for ns in "$a" "$b"; do ip netns exec "$ns" sh -c 'echo 0 >/proc/sys/net/ipv6/conf/v0/disable_ipv6'; done
	ip -n "$a" addr add 10.78.0.1/24 dev v0
	ip -n "$b" addr add 10.78.0.2/24 dev v0
	ip -n "$a" addr add fd78::1/64 dev v0 nodad
	ip -n "$b" addr add fd78::2/64 dev v0 nodad
	python3 - "$top/tests/gen" >x.pcap <<'END'
import sys
sys.path.insert(0, sys.argv[1])
from packets import *
cap = Capture(RAW)
for i in range(10):
    cap.datagram(SECOND + i * MS, "10.78.0.1", 1000, "10.78.0.2", 5000, b"four %d" % i)
    cap.datagram(SECOND + i * MS, "fd78::1", 1000, "fd78::2", 5000, b"six %d" % i)
sys.stdout.buffer.write(pcap(cap))
END
	receive got.pcap v0
	weir read x.pcap | in_a weir send --l3 -I v0 --json >report
	received
	for ns in "$a" "$b"; do ip -n "$ns" addr flush dev v0; ip netns exec "$ns" sh -c 'echo 1 >/proc/sys/net/ipv6/conf/v0/disable_ipv6'; done
	[ "$(jq .frames report)" -eq 20 ]
	[ "$(tcpdump -nr got.pcap 'dst 10.78.0.2 and udp port 5000' 2>/dev/null | wc -l)" -eq 10 ]
	[ "$(tcpdump -nr got.pcap 'dst fd78::2 and udp port 5000' 2>/dev/null | wc -l)" -eq 10 ]
	mac=$(ip -n "$b" -j link show v0 | jq -r '.[].address')
	[ "$(tcpdump -nr got.pcap "ether dst $mac and udp" 2>/dev/null | wc -l)" -eq 20 ]
}

@test "send: an interface without a link header takes IP packets" {
	cat >tun.py <<'END'
import fcntl, os, struct, subprocess, sys
fd = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", b"t0", 0x1001))
subprocess.run(["ip", "link", "set", "t0", "up"], check=True)
send = subprocess.Popen(["weir", "send", "-I", "t0", "-x", "0", "--json"], stdin=open(sys.argv[1]), stdout=open("report", "w"))
for i in range(int(sys.argv[2])):
    print(os.read(fd, 65536).hex())
sys.exit(send.wait())
END
	[ -e /dev/net/tun ] || skip "no /dev/net/tun"
	weir read "$(capture raw_ip)" >raw.weir
	n=$(weir json -q -t frame -i raw.weir | wc -l)
	in_a timeout 20 python3 tun.py raw.weir "$n" >have
	weir json -q -t frame --fields payload -i raw.weir | jq -r .payload | cmp - have
	[ "$(jq -r .method report)" = mmsg ]
}

@test "send: what does not fit is counted with its reason, and said" {
	python3 - "$top/tests/gen" >x.pcap <<'END'
import sys
sys.path.insert(0, sys.argv[1])
from packets import *
cap = Capture()
for i, n in enumerate((1514, 1515, 3000, 60, 10)):
    cap.add(SECOND + i, (b"\2\0\0\0\0\1\2\0\0\0\0\2\x88\xb5" + bytes(3000))[:n])
cap.add(SECOND + 9, bytes(12) + b"\x81\0\0\7\x88\xb5" + bytes(1500))
cap.add(SECOND + 9, bytes(40), wire=80)
sys.stdout.buffer.write(pcap(cap))
END
	receive got.pcap v0
	run --separate-stderr bash -c "weir read x.pcap | ip netns exec $a weir send -I v0 --json"
	received
	[ "$status" -eq 1 ]
	[ "$(jq -c .not_sent <<<"$output")" = '{"oversize":2,"too_short":1,"snapped":1}' ]
	[ "${#stderr_lines[@]}" -eq 3 ]
	[ "$(frames got.pcap | wc -l)" -eq 3 ]
	run --separate-stderr bash -c "weir read '$(capture raw_ip)' | ip netns exec $a weir send -I v0"
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"of another link type"*"--l3"* ]]
}

@test "send: an interface that leads elsewhere needs --yes" {
	ip -n "$a" link add br0 type bridge
	ip -n "$a" link set br0 up
	run in_a weir send -i "$dir/demo.weir" -I br0 -x 0
	no=$status said=$output
	run in_a weir send -i "$dir/demo.weir" -I br0 -x 0 --yes
	ip -n "$a" link del br0
	[ "$no" -eq 2 ]
	[[ "$said" == *"'br0' is no veth, tun, dummy or lo"*"--yes"* ]]
	[ "$status" -eq 0 ]
	run in_a weir send -i "$dir/demo.weir" --l3
	[ "$status" -eq 2 ]
	ip -n "$a" link set lo up
	in_a weir send -i "$dir/demo.weir" -I lo -x 0
	ip -n "$a" link add d0 type dummy || return 0 # not every kernel has it
	ip -n "$a" link set d0 up
	in_a weir send -i "$dir/demo.weir" -I d0 -x 0
	ip -n "$a" link del d0
}

@test "send: without the right to it, it says which and how to get it" {
	command -v setpriv || skip "no setpriv here"
	chmod 755 "$BATS_TEST_TMPDIR" "$dir"
	run in_a setpriv --reuid 65534 --clear-groups weir send -I v0 <"$dir/demo.weir"
	[ "$status" -eq 1 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ "${lines[0]}" == *"CAP_NET_RAW"*"setcap cap_net_raw+ep "*"/weir-send" ]]
}

@test "send: an interface that goes down ends it, and all is accounted for" {
	flood 400 100 1 >x.pcap
	ip -n "$a" link add d1 type veth peer name d2
	ip -n "$a" link set d1 up
	ip -n "$a" link set d2 up
	weir read x.pcap | in_a weir send -I d1 --pps 400 --json >report 2>said 3>&- &
	pid=$!
	sleep 0.3
	ip -n "$a" link set d1 down
	status=0
	wait $pid || status=$?
	ip -n "$a" link del d1
	[ "$status" -eq 1 ]
	grep -q "down" said
	! grep -q "books are off" said || false
	[ "$(jq .frames report)" -lt 400 ]
}

@test "send: the first SIGINT ends a loop without an end" {
	weir head -n 5 -i "$dir/demo.weir" >five.weir
	ip netns exec "$a" weir send -i five.weir -I v0 --pps 1000 --loop 0 --json >report 3>&- &
	pid=$!
	sleep 0.3
	kill -INT $pid
	wait $pid
	[ "$(jq .frames report)" -gt 5 ]
}

@test "send: wrong use is one line and exit 2; no such interface, exit 1" {
	for wrong in "" "-I v0 -I v1 -I v0" "-I v0 --pps 1 --bps 1" "-I v0 -x 0 --pps 5" "-I v0 -x 1 --bps 5" "-I v0 --split client" "-I v0 --pps 0" "-I v0 --bps 0" "-I v0 --pps 0.5" "-I v0 -x fast" "-I v0 -I v1 --split x" "-I v0 -I v1 --l3" "--l3 -I v0 --bypass"; do
		# shellcheck disable=SC2086
		run in_a weir send -i /dev/null $wrong
		echo "$wrong: $output"
		[ "$status" -eq 2 ]
		[ "${#lines[@]}" -eq 1 ]
	done
	for wrong in nothing averyverylongnameofone; do
		run in_a weir send -i /dev/null -I $wrong
		[ "$status" -eq 1 ]
		[ "${#lines[@]}" -eq 1 ]
		[[ "${lines[0]}" == *"No such device"* ]]
	done
}
