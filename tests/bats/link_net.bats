#!/usr/bin/env bats
# Links over a network that breaks: between two network namespaces, and with TLS.
load helper
load ../stages/build

setup_file() {
	export dir=$BATS_FILE_TMPDIR WEIR_RUNDIR=$BATS_FILE_TMPDIR/run
	a=wa$$ b=wb$$
	export a b
	weir read "$top/examples/demo.pcap" | weir flow -o "$dir/demo.weir"
	python3 - >"$dir/big.pcap" <<-'EOF'
	import struct, sys
	out = sys.stdout.buffer
	out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
	for i in range(20000):
	    frame = b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\6" + bytes([i & 255, i >> 8]) * 500
	    out.write(struct.pack("<IIII", 1000 + i // 1000, i % 1000 * 1000, len(frame), len(frame)) + frame)
	EOF
	weir read "$dir/big.pcap" -o "$dir/big.weir"
	sum=$(sha256sum <"$dir/big.weir")
	export sum
	certificates
	netns_up || true
}

teardown_file() {
	ip netns del "$a" 2>/dev/null || true
	ip netns del "$b" 2>/dev/null || true
}

netns_up() {
	[ "$(id -u)" = 0 ] && command -v ip && command -v nft || return 1
	ip netns add "$a" && ip netns add "$b" || return 1
	ip -n "$a" link add v0 type veth peer name v0 netns "$b"
	ip -n "$a" addr add 10.77.0.1/24 dev v0
	ip -n "$b" addr add 10.77.0.2/24 dev v0
	ip -n "$a" link set v0 up
	ip -n "$b" link set v0 up
	touch "$dir/netns"
}

need_netns() {
	[ -e "$dir/netns" ] || skip "no network namespaces here (root, ip and nft are needed)"
}

# A certificate authority, a certificate each for the two sides, and one of another authority.
certificates() {
	local name
	for name in ca other; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$name" \
			-keyout "$dir/$name.key" -out "$dir/$name.pem" 2>/dev/null
	done
	for name in sensor collector; do
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" \
			-keyout "$dir/$name.key" -out "$dir/$name.csr" 2>/dev/null
		openssl x509 -req -in "$dir/$name.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 2 \
			-out "$dir/$name.pem" 2>/dev/null
	done
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=sensor" \
		-keyout "$dir/stranger.key" -out "$dir/stranger.csr" 2>/dev/null
	openssl x509 -req -in "$dir/stranger.csr" -CA "$dir/other.pem" -CAkey "$dir/other.key" -CAcreateserial -days 2 \
		-out "$dir/stranger.pem" 2>/dev/null
}

tls() { # tls NAME [CA]: the options that say who we are
	echo "cert=$dir/$1.pem,key=$dir/$1.key,ca=$dir/${2:-ca}.pem"
}

@test "net: over TLS, with certificates on both sides, the same bytes come out" {
	local p=$((23000 + $$ % 1000))
	timeout 30 weir link -q -i "tls+tcp://127.0.0.1:$p,$(tls collector)" -o "$dir/out" 3>&- &
	timeout 30 weir link -q -i "$dir/big.weir" -o "tls+tcp://127.0.0.1:$p,$(tls sensor),name=collector"
	wait $!
	[ "$(sha256sum <"$dir/out")" = "$sum" ]
	timeout 30 weir json -q -i "tls+tcp://127.0.0.1:$p,$(tls collector)" -o "$dir/demo.json" 3>&- &
	timeout 30 weir link -q -i "$dir/demo.weir" -o "tls+tcp://127.0.0.1:$p,$(tls sensor),name=collector"
	wait $!
	weir json -i "$dir/demo.weir" | cmp - "$dir/demo.json"
}

@test "net: a peer without our certificate, or without TLS, is told so, and others go on" {
	local p=$((24000 + $$ % 1000))
	timeout 30 weir link -q -i "tls+tcp://127.0.0.1:$p,$(tls collector)" -o "$dir/out" 2>"$dir/err" 3>&- &
	local receiver=$!
	sleep 0.3
	run timeout 3 weir link -i "$dir/demo.weir" -o "tls+tcp://127.0.0.1:$p,$(tls stranger),name=collector"
	[ "$status" -ne 0 ]
	[[ $output == *certificate* ]]
	run timeout 3 weir link -i "$dir/demo.weir" -o "tls+tcp://127.0.0.1:$p,$(tls sensor),name=somebody"
	[ "$status" -ne 0 ]
	[[ $output == *certificate* ]]
	run timeout 3 weir link -i "$dir/demo.weir" -o "tcp://127.0.0.1:$p"
	[ "$status" -ne 0 ]
	weir link -q -i "$dir/big.weir" -o "tls+tcp://127.0.0.1:$p,$(tls sensor),name=collector"
	wait $receiver
	[ "$(sha256sum <"$dir/out")" = "$sum" ]
}

# across PORT: the stream from one namespace to the other, slowly enough that it lasts a while.
across() {
	rm -f "$dir/got"
	mkfifo "$dir/pour$1"
	ip netns exec "$b" timeout 60 weir link -q -i "tcp://10.77.0.2:$1,insecure" -o "$dir/got" 3>&- &
	receiver=$!
	ip netns exec "$a" timeout 60 weir link -q -i "$dir/pour$1" -o "tcp://10.77.0.2:$1" 3>&- &
	sender=$!
	python3 - "$dir/big.weir" "$2" >"$dir/pour$1" 3>&- <<-'EOF' &
	import sys, time
	data = open(sys.argv[1], "rb").read()
	pause = float(sys.argv[2]) / 40
	for i in range(40):
	    sys.stdout.buffer.write(data[len(data) * i // 40:len(data) * (i + 1) // 40])
	    sys.stdout.flush()
	    time.sleep(pause)
	EOF
}

arrived() {
	wait $sender
	wait $receiver
	[ "$(sha256sum <"$dir/got")" = "$sum" ]
}

@test "net: a network that is gone for ten seconds loses nothing and doubles nothing" {
	need_netns
	across 9001 4
	sleep 1
	ip -n "$a" link set v0 down
	sleep 10
	ip -n "$a" link set v0 up
	arrived
}

@test "net: five packets lost in a hundred lose nothing and double nothing" {
	need_netns
	for ns in "$a" "$b"; do
		ip netns exec "$ns" nft -f - <<-'EOF'
		table inet lossy {
			chain in {
				type filter hook input priority 0;
				iifname "v0" numgen random mod 100 < 5 drop
			}
		}
		EOF
	done
	across 9002 1
	arrived
	for ns in "$a" "$b"; do ip netns exec "$ns" nft delete table inet lossy; done
}

@test "net: a host that is gone for good is counted: every record without a receipt, exit 5" {
	need_netns
	local got
	mkfifo "$dir/part"
	ip netns exec "$b" timeout 60 weir json -q -t frame -i "tcp://10.77.0.2:9003,insecure,retry=1s" -o "$dir/frames" 2>/dev/null 3>&- &
	receiver=$!
	python3 - "$dir/big.pcap" "$dir/part" 3>&- <<-'EOF' &
	import sys, time
	data = open(sys.argv[1], "rb").read()
	out = open(sys.argv[2], "wb")
	half = 24 + (len(data) - 24) // 2
	out.write(data[:half])
	out.flush()
	time.sleep(3)
	out.write(data[half:])
	EOF
	(sleep 1.5; ip -n "$a" link set v0 down) 3>&- &
	run -5 ip netns exec "$a" timeout 40 weir read "$dir/part" -o "tcp://10.77.0.2:9003,retry=1s"
	ip -n "$a" link set v0 up
	wait $receiver || true
	got=$(wc -l <"$dir/frames")
	[ "$got" -gt 0 ]
	[[ $output =~ ([0-9]+)\ of\ ([0-9]+)\ records\ have\ not\ arrived ]]
	[ $((BASH_REMATCH[1] + got)) = "${BASH_REMATCH[2]}" ]
}
