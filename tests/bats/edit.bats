#!/usr/bin/env bats
# edit: what it changes, what follows, what stays, and what it refuses.
load helper

# edits EXPRESSION EDITS [OPTION...]: the expression of what comes out.
edits() { local from=$1 how=$2; shift 2; weir craft -q "$from" | weir edit -q "$how" "$@" | weir craft --from - -q; }

@test "edit: fields are set, added to and swapped; sums and lengths that were right stay right" {
	[ "$(edits 'eth/ip(ttl=9)/tcp/"x"' 'ip.ttl-=1; tcp.dport=8080')" = 'eth/ip(ttl=8)/tcp(dport=8080)/"x"' ]
	[ "$(edits 'ip(src=1.1.1.1,dst=2.2.2.2)/udp(sport=1,dport=2)' 'swap ip.src ip.dst; swap udp.sport udp.dport')" = 'ip(src=2.2.2.2,dst=1.1.1.1)/udp(sport=2,dport=1)' ]
	[ "$(edits 'ip(ttl=0)' 'ip.ttl-=1')" = 'ip(ttl=255)' ]
	[ "$(edits 'ip/sctp/data(tsn=1,data="x")' 'sctp.tag=9')" = 'ip/sctp(tag=0x9,chunks=[data(tsn=1,data="x")])' ]
	[ "$(edits 'ipv6/udp/"x"' 'ipv6.src=2001:db8::1')" = 'ipv6(src=2001:db8::1)/udp/"x"' ]
}

@test "edit: a checksum that was wrong is wrong by as much as before" {
	# 7 more than right, before and after
	local right
	right=$(weir craft 'ip/tcp(dport=81)' | weir show --no-hex --no-expr | sed -n 's/.*chksum *0x\(.*\)/\1/p' | tail -n 1)
	local was
	was=$(weir craft 'ip/tcp(dport=80)' | weir show --no-hex --no-expr | sed -n 's/.*chksum *0x\(.*\)/\1/p' | tail -n 1)
	[ "$(edits "ip/tcp(chksum=$((0x$was + 7)))" 'tcp.dport=81')" = "ip/tcp(dport=81,chksum=$(printf '0x%x' $((0x$right + 7))))" ]
	[ "$(edits 'ip/udp(chksum=0)' 'udp.dport=81')" = 'ip/udp(dport=81,chksum=0x0)' ]
	[ "$(edits 'ip(chksum=1)/udp' 'ip.ttl=1' --sum force)" = 'ip(ttl=1)/udp' ]
	[ "$(edits 'ip/udp' 'ip.ttl=1; udp.dport=9' --sum zero)" = 'ip(ttl=1,chksum=0x0)/udp(dport=9,chksum=0x0)' ]
	[[ "$(edits 'ip/udp' 'ip.ttl=1' --sum bad)" == 'ip(ttl=1,chksum=0x'* ]]
	[[ "$(edits 'ip/udp' 'ip.ttl=1' --sum keep)" == 'ip(ttl=1,chksum=0x'* ]]
	[ "$(edits 'ip/udp' 'udp.chksum=7')" = 'ip/udp(chksum=0x7)' ]
}

@test "edit: layers go in and out, and what announces them follows" {
	[ "$(edits 'eth/ip/udp' 'push vlan(id=7) after eth')" = 'eth/vlan(vlan=7)/ip/udp' ]
	[ "$(edits 'eth/ip/udp' 'push mpls(label=16) before ip')" = 'eth/mpls(label=16)/ip/udp' ]
	[ "$(edits 'eth/vlan(vlan=7)/ip/udp' 'pop vlan')" = 'eth/ip/udp' ]
	[ "$(edits 'eth(type=0x1234)/"x"' 'push vlan(id=7)')" = 'eth/vlan(vlan=7,type=0x1234)/"x"' ]
	[ "$(edits 'eth/vlan(vlan=7,type=0x1234)/"x"' 'pop vlan')" = 'eth(type=0x1234)/"x"' ]
	# a length that was wrong grows by as much as the packet
	[ "$(edits 'eth/ip(len=999)/udp' 'push gre after ip')" = 'eth/ip(len=1003)/gre/x"0035003500080172"' ]
	[ "$(edits 'eth/ip/udp' 'pop eth' 2>/dev/null)" = 'eth/ip/udp' ]
}

@test "edit: options are appended, payloads searched, addresses mapped; a missing layer is no match" {
	[ "$(edits 'ip/tcp/"x"' 'tcp.options+=mss(1400)')" = 'ip/tcp(options=[mss(1400)])/"x"' ]
	[ "$(edits 'ip/udp/"a foo b foo"' 'payload~s/foo/quux/')" = 'ip/udp/"a quux b foo"' ]
	[ "$(edits 'ip/udp/"a foo b foo"' 'payload~s/foo//g')" = 'ip/udp/"a  b "' ]
	[ "$(edits 'ip(src={10.1.2.3,11.1.2.3})' 'ip.src=map(10.0.0.0/8,192.0.0.0/8)')" = $'ip(src=192.1.2.3)\nip(src=11.1.2.3)' ]
	[ "$(edits 'eth/vlan(id=1,prio=3)/vlan(id=2)/ip/udp' 'swap vlan[0] vlan[1]')" = 'eth/vlan(vlan=2)/vlan(prio=3)/ip/udp' ]
	[ "$(edits 'ip(ttl=1,chksum=5)/gre/ip(ttl=2,options=[rr])/tcp' 'swap ip[0] ip[1]' | sed 's/chksum=[^,)]*/wrong/')" = 'ip(ttl=2,wrong,options=[iprr,ipeol])/gre/ip(ttl=1)/tcp' ]
	[ "$(edits 'eth/mpls(label=1)/mpls(label=2)/mpls(label=3)/ip/udp' 'swap mpls[0] mpls[-1]; swap mpls[0] mpls[7]')" = 'eth/mpls/mpls(label=2)/mpls(label=1)/ip/udp' ]
	[ "$(edits 'ip(ttl=1)/ip(ttl=2)/udp' 'ip[1].ttl=8; ip[-2].ttl=9; ip[5].ttl=7; tcp.dport=1')" = 'ip(ttl=9)/ip(ttl=8)/udp' ]
}

@test "edit: anon() is Crypto-PAn, by its published vector, and keeps prefixes" {
	key=$(printf '%02x' 21 34 23 141 51 164 207 128 19 10 91 22 73 144 125 16 216 152 143 131 121 121 101 39 98 87 76 45 42 132 34 2)
	# the sample trace of the authors' implementation
	[ "$(edits 'ip(src=128.11.68.132,dst=129.118.74.4)' "ip.src=anon(x\"$key\"); ip.dst=anon(x\"$key\")")" = 'ip(src=135.242.180.132,dst=134.136.186.123)' ]
	[ "$(edits 'ip(src=10.0.0.1)' 'ip.src=anon("k")')" != "$(edits 'ip(src=10.0.0.1)' 'ip.src=anon("l")')" ]
}

@test "edit: only what matches is edited; the rest passes byte for byte" {
	[ "$(edits 'ip/tcp(dport={80,443})' 'ip.ttl=1' -m 'tcp.dport==80')" = $'ip(ttl=1)/tcp\nip/tcp(dport=443)' ]
	[ "$(edits 'ip/tcp(flags={S,SA,R})' 'ip.ttl=1' -m 'tcp.flags&A || tcp.flags==R')" = $'ip/tcp\nip(ttl=1)/tcp(flags=SA)\nip(ttl=1)/tcp(flags=R)' ]
	[ "$(edits 'ip(dst={10.0.0.1,11.0.0.1})' 'ip.ttl=1' -m '!(ip.dst==10.0.0.0/8) && !udp')" = $'ip(dst=10.0.0.1)\nip(ttl=1,dst=11.0.0.1)' ]
	[ "$(edits 'ip/udp/"abc"' 'ip.ttl=1' -m 'payload~"bc"')" = 'ip(ttl=1)/udp/"abc"' ]
	weir read "$top/examples/demo.pcap" >"$BATS_TEST_TMPDIR/in"
	weir edit 'ip.ttl-=0; push vlan(id=1) after sll' -i "$BATS_TEST_TMPDIR/in" | weir json --types frame >"$BATS_TEST_TMPDIR/out"
	weir json --types frame -i "$BATS_TEST_TMPDIR/in" | cmp - "$BATS_TEST_TMPDIR/out"
}

@test "edit: fragments and cut frames are edited right or refused, with a reason that is counted" {
	cd "$BATS_TEST_TMPDIR"
	weir craft -q 'ip(frag=3)/"abc"' | weir edit 'payload~s/b/x/' 2>err | weir craft --from - -q | grep -qx 'ip(frag=3)/"abc"'
	grep -q 'frame 1 was left as it is: it is a fragment' err
	weir craft -q 'ip(frag=3)/"abc"' | weir edit -q 'payload~s/b/x/' | weir books | grep -q 'refused_fragment 1'
	# the first fragment: its sum covers what is elsewhere, and still follows
	[ "$(edits 'ip(flags=MF)/udp(chksum=100,dport=53)/"abc"' 'udp.dport=54')" = 'ip(flags=MF)/udp(dport=54,chksum=0x63)/"abc"' ]
	# cut by the capture: lengths say what was on the wire
	[ "$(edits 'frame(len=99)/eth/ip(len=85,ttl=9)/udp(len=65,chksum=100)/"abc"' 'ip.ttl=8; udp.dport=54')" = 'frame(len=99)/eth/ip(len=85,ttl=8)/udp(dport=54,len=65,chksum=0x63)/"abc"' ]
	weir craft -q 'ip/udp/"x"*65507' | weir edit -q 'push gre after ip' | weir books | grep -q 'refused_length 1'
}

@test "edit: what is no edit or match is refused with the column and the nearest name" {
	run -2 weir edit 'ip.tll=1'
	[[ "$output" == *"column 4: ip has no field 'tll'; is it 'ttl'?"* ]]
	run -2 weir edit 'ip.ttl=256'
	run -2 weir edit 'ip.ttl'
	run -2 weir edit 'swap ip.ttl ip.src'
	run -2 weir edit 'swap ip udp'
	run -2 weir edit 'push nothing after ip'
	run -2 weir edit 'ip.src=map(10.0.0.0/8,10.0.0.0/9)'
	run -2 weir edit 'ip.ttl=anon("k")'
	run -2 weir edit
	run -2 weir edit -m 'ip.ttl==' 'ip.ttl=1'
	[[ "$output" == *'--match: column'* ]]
}
