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

@test "edit: items of lists are set by place or kind, and names, lengths and sums follow" {
	tcp='ip/tcp(options=[mss,sackok,ts(1,2),nop,wscale(7)])/"x"'
	[ "$(edits "$tcp" 'tcp.options.mss.mss=1400; tcp.options[-1].shift=3; swap tcp.options.ts.val tcp.options.ts.ecr')" = 'ip/tcp(options=[mss(1400),sackok,ts(2,1),nop,wscale(3)])/"x"' ]
	[ "$(edits "$tcp" 'pop tcp.options.ts')" = 'ip/tcp(options=[mss,sackok,nop,wscale(7),eol])/"x"' ]
	[ "$(edits 'ip/tcp(options=[nop,nop,sack([block(1,2)])])' 'tcp.options.sack.blocks+=block(3,4); tcp.options.sack.blocks[0].left=9')" = 'ip/tcp(options=[nop,nop,sack([sackblock(9,2),sackblock(3,4)])])' ]
	[ "$(edits 'ip(options=[rtralt])/udp' 'ip.options.rtralt.alert=4')" = 'ip(options=[iprtralt(4)])/udp' ]
	[ "$(edits 'ip/sctp/data(tsn=1,data="hi")' 'sctp.chunks[0].tsn+=1; sctp.chunks.data.data="hello"')" = 'ip/sctp(chunks=[data(tsn=2,data="hello")])' ]
	dns='ip/udp/dns(qd=[q(qname="www.a.org")],an=[rr(rrname="@12",type=CNAME,rdata="b.@16"),rr(rrname="@39",rdata=1.2.3.4)])'
	[ "$(edits "$dns" 'dns.qd[0].qname=c.net; pop dns.an[1]')" = 'ip/udp/dns(qd=[dnsqr("c.net")],an=[dnsrr("@12",CNAME,rdata="b.a.org")])' ]
	[ "$(edits "$dns" 'dns.qd[0].qname=longer.a.org; dns.an[1].rdata=5.6.7.8; dns.an[-1].ttl=60')" = 'ip/udp/dns(qd=[dnsqr("longer.a.org")],an=[dnsrr("@12",CNAME,rdata="b.@19"),dnsrr("@42",ttl=60,rdata=5.6.7.8)])' ]
	# what is read is what was asked for, and tcpdump finds every sum right
	weir craft -q "eth/$dns" "; eth/$tcp" | weir edit -q 'dns.qd[0].qname="longer.a.org"; dns.an[1].rdata=5.6.7.8; tcp.options.mss.mss=1400' |
		weir write -q "$BATS_TEST_TMPDIR/x.pcap"
	tcpdump -vvnr "$BATS_TEST_TMPDIR/x.pcap" 2>/dev/null >text
	grep -q 'longer.a.org. CNAME b.a.org., b.a.org. A 5.6.7.8' text
	grep -q 'mss 1400' text
	[ "$(grep -c 'bad\|incorrect' text)" = 0 ]
	weir craft -q "$dns" | weir filter -q --frame 'dns.an[0].rrname=="WWW.A.ORG" and dns.an[1].rdata==1.2.3.0/24' | weir craft --from - -q | grep -q 'dns('
}

@test "edit: what can't be set in a frame is refused and counted, with the edit that it was" {
	dns='ip/udp/dns(qd=[q(qname="www.@16")],an=[rr(rrname="@16",type=CNAME,rdata="b.@16")])' # without an end
	cd "$BATS_TEST_TMPDIR"
	for edit in 'dns.qd[0].qname="www.b.org"' 'pop dns.qd[0]' 'dns.an[0].rdata=1.2.3.4' 'dns.an[0].rdata=anon("k")'; do
		weir craft -q "$dns" >in
		weir edit "ip.id=1; $edit" -i in 2>err >out
		weir craft --from - -q <out | diff - <(weir craft --from - -q <in)
		case $edit in *qd*) why=names ;; *) why=value ;; esac
		grep -qF "(for '$edit'; counted from now on)" err
		weir books -i out | grep -q "refused_$why 1"
	done
	run -2 weir edit 'tcp.options=3'
	[[ "$output" == *"column 13: a list takes '+='; an item of it is options[0]"* ]]
	run -2 weir edit 'tcp.options.mss=3'
	[[ "$output" == *"column 16: mss by itself can't be set: name a field of it"* ]]
	run -2 weir edit 'tcp.options.mss.msss=3'
	[[ "$output" == *"column 17: mss has no field 'msss'; is it 'mss'?"* ]]
	run -2 weir edit 'tcp.options.data.tsn=3'
	[[ "$output" == *"TCP options: none is called 'data'"* ]]
	run -2 weir edit 'dns.an[0].ttl="x"'
	run -2 weir edit 'tcp.options.mss.mss=65536'
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
	[ "$(edits 'ip/udp' 'ip.ttl=1' -m 'ip.src==0.0.0.0/0')" = 'ip(ttl=1)/udp' ]
	[ "$(edits 'ip/udp;ipv6' 'ip.ttl=1;ipv6.hlim=1' -m 'ip.src!=0.0.0.0/0 || ipv6.src in {::/0}')" = $'ip/udp\nipv6(hlim=1)' ]
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
	run -2 weir edit 'ip.src=map(10.0.0.0/x,11.0.0.0/x)'
	run -2 weir edit 'ip[4294967296].ttl=1'
	[[ "$output" == *'there are never so many'* ]]
	for match in 'ip.src>=10.0.0.0/8' 'ip.src & 10.0.0.0/8'; do
		run -2 weir edit -m "$match" 'ip.ttl=1'
		[[ "$output" == *"a prefix is compared by '==' or '!='" ]]
	done
	run -2 weir edit -m 'ip.src==10.0.0.0/' 'ip.ttl=1'
	run -2 weir edit -m 'ip.src in {10.0.0.0/8..11.0.0.0}' 'ip.ttl=1'
	run -2 weir edit -m 'frame.len>60' 'ip.ttl=1'
	[[ "$output" == *'weir-filter matches wire_len, ts and link_type' ]]
}
