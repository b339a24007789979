#!/usr/bin/env bats
# ask: packets and their answers, between network namespaces.
load helper

setup_file() {
	export a=aa$$ b=ab$$ dir=$BATS_FILE_TMPDIR
	netns_up || true
}

teardown_file() {
	[ ! -e "$dir/servers" ] || xargs kill <"$dir/servers" 2>/dev/null || true
	ip netns del "$a" 2>/dev/null || true
	ip netns del "$b" 2>/dev/null || true
}

netns_up() {
	[ "$(id -u)" = 0 ] && command -v ip || return 1
	ip netns add "$a" && ip netns add "$b" || return 1
	ip -n "$a" link add v0 type veth peer name v0 netns "$b"
	for ns in "$a" "$b"; do
		ip netns exec "$ns" sh -c 'echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad'
		ip -n "$ns" link set v0 up
		ip -n "$ns" link set lo up
	done
	ip -n "$a" addr add 10.79.0.1/24 dev v0
	ip -n "$b" addr add 10.79.0.2/24 dev v0
	ip -n "$b" addr add 10.80.0.1/32 dev lo
	ip -n "$a" addr add fd79::1/64 dev v0 nodad
	ip -n "$b" addr add fd79::2/64 dev v0 nodad
	ip -n "$a" route add 10.80.0.0/24 via 10.79.0.2
	ip -n "$a" route add unreachable 10.81.0.0/24
	# A listener, and a DNS server that answers with what it was asked.
	ip netns exec "$b" python3 - "$dir/ready" 3>&- <<'END' &
import os, select, socket, sys
tcp = socket.create_server(("10.79.0.2", 8000))
dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
dns.bind(("10.79.0.2", 53))
open(sys.argv[1], "w").close()
while True:
    data, peer = dns.recvfrom(2000)
    dns.sendto(bytes([data[0] ^ 1]) + data[1:2] + b"\x81\x80" + data[4:], peer)  # another id first
    dns.sendto(data[:2] + b"\x81\x80" + data[4:], peer)
END
	echo $! >"$dir/servers"
	for _ in $(seq 500); do [ -e "$dir/ready" ] && break || sleep 0.01; done
	touch "$dir/netns"
}

setup() {
	[ -e "$dir/netns" ] || skip "no network namespaces here (root and ip are needed)"
	cd "$BATS_TEST_TMPDIR"
}

ask() { # ask ARGUMENT...: the answers as JSON lines in $answers, exit code in $code
	code=0
	ip netns exec "$a" timeout 20 weir ask -o answers.weir "$@" 2>said || code=$?
	answers=$(weir json -q -i answers.weir)
}

field() { jq -r ".$1" <<<"$answers" | tr '\n' ' '; }

@test "ask: a ping is answered, with the time it took; IPv4, IPv6, and to this host itself" {
	for packet in 'ip(dst=10.79.0.2)/icmp' 'ipv6(dst=fd79::2)/icmpv6' 'ip(dst=127.0.0.1)/icmp' 'ip(dst=10.79.0.1)/icmp(id=7,seq=9)/"abc"'; do
		ask "$packet"
		echo "$packet: $answers"
		[ "$code" -eq 0 ]
		[ "$(field state)" = "answered " ]
		jq -e '.rtt > 0 and .rtt < 1 and .tries == 1' <<<"$answers"
		[[ "$(field received)" == *"echo-reply"* ]]
	done
	[[ "$(field received)" == *'id=0x7,seq=9)/"abc"'* ]]
	[ "$(field from)" = "10.79.0.1 " ]
}

@test "ask: source, next hop and MAC addresses are found, through a gateway too" {
	ip -n "$a" neigh flush all
	ask 'ip(dst=10.80.0.1)/icmp'
	[ "$code" -eq 0 ]
	mac=$(ip -n "$b" -j link show v0 | jq -r '.[].address')
	own=$(ip -n "$a" -j link show v0 | jq -r '.[].address')
	[[ "$(field sent)" == "eth(dst=$mac,src=$own)/ip(src=10.79.0.1,dst=10.80.0.1)/icmp "* ]]
	ip -n "$a" neigh flush all
	ask 'ipv6(dst=fd79::2)/icmpv6'
	[ "$code" -eq 0 ]
	[[ "$(field sent)" == "eth(dst=$mac,src=$own)/ipv6(src=fd79::1,dst=fd79::2)"* ]]
}

@test "ask: TCP and UDP answer by their ports, and ICMP errors quote what they are about" {
	ask 'ip(dst=10.79.0.2)/tcp(sport=4000,dport={8000,81},flags=S)'
	[ "$code" -eq 0 ]
	[[ "$(jq -r .received <<<"$answers" | head -n 1)" == *"sport=8000,dport=4000"*"flags=SA"* ]]
	[[ "$(jq -r .received <<<"$answers" | tail -n 1)" == *"sport=81,dport=4000"*"flags=RA"* ]]
	ask 'ip(dst=10.79.0.2)/udp(sport=4000,dport=9)'
	[ "$code" -eq 1 ]
	[ "$(field state)" = "error " ]
	[[ "$(field received)" == *"dest-unreach,code=3)/ip(src=10.79.0.1,dst=10.79.0.2)/udp(sport=4000,dport=9"* ]]
	[ "$(cat said)" = "weir-ask: 1 of 1 packets without an answer" ]
}

@test "ask: DNS answers count by their id" {
	ask 'ip(dst=10.79.0.2)/udp(sport=4000,dport=53)/dns(id=1..3,qd=[dnsqr(qname="a.example")])'
	echo "$answers"
	[ "$code" -eq 0 ]
	# The server sends an answer with another id ahead of each.
	for id in 1 2 3; do
		line=$(sed -n ${id}p <<<"$answers")
		[[ "$(jq -r .received <<<"$line")" == *"dns(id=$id,"* ]]
	done
}

@test "ask: ARP" {
	ask 'arp(pdst=10.79.0.2)'
	[ "$code" -eq 0 ]
	[ "$(field from)" = "10.79.0.2 " ]
	[[ "$(field received)" == *"arp(op=is-at,hwsrc=$(ip -n "$b" -j link show v0 | jq -r '.[].address')"* ]]
}

@test "ask: an ARP request goes out once, and is not asked before by itself" {
	printf '4\n40 0 0 12\n21 0 1 2054\n6 0 0 262144\n6 0 0 0\n' >arp.bpf
	ip netns exec "$b" weir capture -q -I v0 -F arp.bpf --for 60s -o seen.weir 3>&- &
	pid=$!
	# Until its socket is bound.
	for _ in $(seq 400); do ip netns exec "$b" grep -q ' 0003 ' /proc/net/packet && break || sleep 0.05; done
	ask --timeout 300ms 'arp(pdst={10.79.0.98,10.79.0.99})'
	[ "$code" -eq 1 ]
	kill -INT $pid
	wait $pid
	[ "$(weir craft -q --from - <seen.weir | grep -o 'pdst=[0-9.]*' | tr '\n' ' ')" = "pdst=10.79.0.98 pdst=10.79.0.99 " ]
}

@test "ask: while it asks for a next hop, SIGINT ends it" {
	ip netns exec "$a" weir ask -q --timeout 20s 'ip(dst=10.79.0.97)/icmp' -o null: 2>said 3>&- &
	pid=$!
	sleep 0.7
	started=$SECONDS
	kill -INT $pid
	wait $pid || true
	[ $((SECONDS - started)) -lt 15 ]
}

@test "ask: packets that come without end do not keep it" {
	weir craft -q 'eth/ip(src=10.79.0.2,dst=10.79.0.1)/udp(sport=1..500)' >flood.weir
	for _ in 1 2; do
		ip netns exec "$b" timeout 20 weir send -q -x 0 -l 0 -I v0 -i flood.weir >/dev/null 2>&1 3>&- &
		senders+=($!)
	done
	sleep 1
	started=$SECONDS
	ask --timeout 300ms 'arp(pdst=10.79.0.99)'
	took=$((SECONDS - started))
	kill "${senders[@]}" || true
	wait
	[ $took -lt 10 ]
	[ "$(jq -s length <<<"$answers")" -eq 1 ]
}

@test "ask: a sweep tells who is there, and why others could not be asked" {
	ask -t 200ms 'ip(dst=10.79.0.0/29)/icmp;ip(dst=10.81.0.1)/icmp;ip(dst=10.99.0.1)/icmp'
	[ "$code" -eq 1 ]
	[ "$(jq -r 'select(.state == "answered") | .from' <<<"$answers" | tr '\n' ' ')" = "10.79.0.1 10.79.0.2 " ]
	[ "$(jq -r 'select(.state == "not_sent") | .why' <<<"$answers" | sort | uniq -c | sed 's/^ *//')" = "1 Network is unreachable
1 No route to host
6 its next hop does not say its MAC address" ]
	grep -qx 'weir-ask: 8 of 10 packets without an answer' said
	[ "$(jq -r .n <<<"$answers" | tr '\n' ' ')" = "1 2 3 4 5 6 7 8 9 10 " ]
}

@test "ask: what has no answer is sent again, and waits no longer than it is told" {
	ip netns exec "$b" sh -c 'echo 1 >/proc/sys/net/ipv4/icmp_echo_ignore_all'
	start=$(date +%s%N)
	ask -t 200ms --retry 2 'ip(dst=10.79.0.2)/icmp'
	took=$((($(date +%s%N) - start) / 1000000))
	ip netns exec "$b" sh -c 'echo 0 >/proc/sys/net/ipv4/icmp_echo_ignore_all'
	[ "$code" -eq 1 ]
	[ "$(field state)" = "unanswered " ]
	[ "$(field tries)" = "3 " ]
	[ "$took" -ge 600 ]
	[ "$took" -lt 5000 ]
}

@test "ask: frames go out as they are, and keep their numbers" {
	weir craft 'eth(dst=ff:ff:ff:ff:ff:ff)/arp(psrc=10.79.0.1,pdst=10.79.0.2);ip/icmp' >x.weir
	ask - -I v0 -i x.weir
	[ "$code" -eq 1 ]
	[ "$(field state)" = "answered not_sent " ]
	[ "$(field n)" = "1 2 " ]
	[[ "$(field why)" == *"its link type is not that of the interface"* ]]
	weir books -i answers.weir | grep -q balance
	ask -I v0 'eth(dst=ff:ff:ff:ff:ff:ff)/arp(psrc=10.79.0.1,pdst=10.79.0.2)'
	[ "$code" -eq 0 ]
}

@test "ask: an interface that leads elsewhere needs --yes, and it says which right it lacks" {
	ip -n "$a" link add br0 type bridge
	ip -n "$a" addr add 10.82.0.1/24 dev br0
	ip -n "$a" link set br0 up
	run ip netns exec "$a" weir ask 'ip(dst=10.82.0.2)/icmp' -o null:
	ip -n "$a" link del br0
	[ "$status" -eq 2 ]
	[[ "$output" == *"'br0' is no veth, tun, dummy or lo"*"--yes"* ]]
	command -v setpriv || skip "no setpriv here"
	run ip netns exec "$a" setpriv --reuid 65534 --clear-groups weir ask 'ip(dst=10.79.0.2)/icmp' -o null:
	[ "$status" -eq 1 ]
	[[ "$output" == *"CAP_NET_RAW"*"setcap cap_net_raw+ep "*"/weir-ask" ]]
}

@test "ask: wrong use is one line and exit 2" {
	for wrong in "" "ip(dst=1.2.3)" "udp" "eth/arp" "- -i /dev/null" "ip --retry 2000"; do
		# shellcheck disable=SC2086
		run ip netns exec "$a" weir ask -o null: $wrong
		echo "$wrong: $output"
		[ "$status" -eq 2 ]
		[ "${#lines[@]}" -eq 1 ]
	done
	run ip netns exec "$a" weir ask -o null: -I nothing 'ip/icmp'
	[ "$status" -eq 1 ]
	[[ "$output" == *"No such device"* ]]
}
