#!/usr/bin/env bats
# craft and show: expressions to frames and back.
load helper

setup() { cd "$BATS_TEST_TMPDIR" || return 1; }

hex() { weir craft "$@" -q | weir show --no-tree --no-expr | grep '^  [0-9a-f]\{4\} ' | cut -c 8-56 | tr -d ' \n'; }
exprs() { weir craft "$@" -q | weir craft --from - -q; }

@test "craft: lengths, checksums and what announces the next layer come by themselves" {
	[ "$(hex 'ip(src=10.0.0.2,dst=10.0.0.1)/udp(sport=1,dport=2)/"hi"')" = \
		4500001e00010000401166cc0a0000020a00000100010002000a836b6869 ]
}

@test "craft: what is given stands as it was given" {
	[ "$(hex 'ip(src=10.0.0.2,dst=10.0.0.1,ihl=7,len=9,proto=250,chksum=!0xdead)/udp(sport=1,dport=2,len=3,chksum=1)')" = \
		470000090001000040fadead0a0000020a0000010001000200030001 ]
}

@test "craft: several values make packets of each with each, side by side with --zip" {
	[ "$(weir craft 'ip(ttl=1..3)/tcp(dport={80,443})' | weir show --no-tree --no-hex | grep -c '^#')" = 6 ]
	[ "$(weir craft --zip 'ip(ttl=1..3)/tcp(dport={80,443})' | weir show --no-tree --no-hex | grep -c '^#')" = 2 ]
	[ "$(weir craft 'ip(dst=10.0.0.0/30)/udp' | weir show --no-tree --no-hex | grep -c '^#')" = 4 ]
	[ "$(exprs 'ip(ttl=1..2)/tcp(dport={80,443})' | head -n 2)" = $'ip(ttl=1)/tcp\nip(ttl=1)/tcp(dport=443)' ]
	[ "$(exprs -n 3 'ip/tcp(seq=inc(5,10))')" = $'ip/tcp(seq=5)\nip/tcp(seq=15)\nip/tcp(seq=25)' ]
	[ "$(exprs -n 2 'ip;ipv6')" = $'ip\nipv6' ]
}

@test "craft: rand() is the same for a seed, and another for another" {
	[ "$(hex -n 3 'ip(id=rand())')" = "$(hex -n 3 'ip(id=rand())')" ]
	[ "$(hex -n 3 'ip(id=rand())')" != "$(hex -n 3 --seed 2 'ip(id=rand())')" ]
	[ "$(hex -n 3 'ip(id=rand(5))')" = "$(hex -n 3 'ip(id=rand(5))')" ]
	[ "$(hex -n 3 'ip(id=rand(5))')" != "$(hex -n 3 'ip(id=rand(6))')" ]
	[ "$(hex -n 3 'ip(id=rand(5))')" != "$(hex -n 3 --seed 2 'ip(id=rand(5))')" ]
}

@test "craft: what is given last counts, also where there were several values before" {
	[ "$(exprs 'ip(ttl=1..3,ttl=5)')" = 'ip(ttl=5)' ]
	[ "$(exprs 'ip(ttl=1..3,ttl=auto)')" = 'ip' ]
	[ "$(exprs 'ip(ttl=1..3,ttl=7..8)')" = $'ip(ttl=7)\nip(ttl=8)' ]
	[ "$(exprs 'ip(ttl=9,ttl={1,2})')" = $'ip(ttl=1)\nip(ttl=2)' ]
	[ "$(exprs 'ipv6(dst=::1..::9,dst=x"20010db800000000000000000000000a")')" = 'ipv6(dst=2001:db8::a)' ]
}

@test "craft: words without quotes say the same as an expression" {
	[ "$(hex ip.dst=10.0.0.1 tcp.dport=443 tcp.flags=SA payload=\"x\")" = "$(hex 'ip(dst=10.0.0.1)/tcp(dport=443,flags=SA)/"x"')" ]
	[ "$(hex ip.ttl=3 'ip[1].ttl=4')" = "$(hex 'ip(ttl=3)/ip(ttl=4)')" ]
}

@test "craft: each expression of the command line is a packet, words that follow each other are one" {
	[ "$(exprs eth/ip/udp 'ip/tcp;ip' ip.ttl=3 udp.dport=9 ipv6)" = $'eth/ip/udp\nip/tcp\nip\nip(ttl=3)/udp(dport=9)\nipv6' ]
	run -2 weir craft ip/udp /tcp
}

@test "craft: payloads from files, hex, and repeated" {
	cd "$BATS_TEST_TMPDIR"
	printf 'abc' >body
	[ "$(hex '"abc"*2/x"00 ff"/@body')" = 61626361626300ff616263 ]
}

@test "craft: what is no expression is refused with the column and the nearest name" {
	run -2 weir craft 'eth/ip(dts=10.0.0.1)'
	[[ "$output" == *"column 8: ip has no field 'dts'; is it 'dst'?"* ]]
	run -2 weir craft 'eth/upd'
	[[ "$output" == *"column 5: there is no layer 'upd'; is it 'udp'?"* ]]
	run -2 weir craft 'ip(ttl=256)'
	[[ "$output" == *"'256' for ip.ttl: it does not fit the field"* ]]
	run -2 weir craft 'ip(ttl=1'
	[[ "$output" == *"')' is missing here"* ]]
	run -2 weir craft 'ip(flags=x"02")/udp'
	[[ "$output" == *"column 10: 'x\"02\"' for ip.flags: it is not of whole bytes: a number is wanted"* ]]
	run -2 weir craft 'eth/ipv6(tc=x"ff")'
	run -2 weir craft 'ip(src=x"0a00000105")'
	[[ "$output" == *"'x\"0a00000105\"' for ip.src: it does not fit the field"* ]]
	run -2 weir craft -n 2 'ip(id=inc(0,ten))'
	[[ "$output" == *"column 16: a step is a number"* ]]
	run -2 weir craft 'ipv6(dst=2001:db8:0:1::..2001:db8:0:3::)'
	[[ "$output" == *"a range is of the low 64 bits of an address"* ]]
	run -2 weir craft 'ipv6(dst=::1..x"00")'
	run -2 weir craft 'ipv6(dst=::..::ffff:ffff:ffff:ffff)'
	run -2 weir craft 'ip.ttl=3' 'ip[2].ttl=4'
	[[ "$output" == *"there are not so many ip below it"* ]]
	run -2 weir craft 'ip[-1].ttl=4'
	run -2 weir craft '"abc'
	run -2 weir craft ''
	run -2 weir craft
	run -1 weir craft 'ip/"x"*70000'
	[[ "$output" == *"packet 1: a length is more than its field can say"* ]]
}

@test "craft --from: the demo's frames come out the same" {
	weir read "$top/examples/demo.pcap" | weir craft --from - --times -q >exprs
	weir craft --file exprs -q | weir json --types frame --exclude file,file_n,iface >now
	weir read "$top/examples/demo.pcap" | weir json --types frame --exclude file,file_n,iface | cmp - now
	weir craft --from "$top/examples/demo.pcap" --times -q | cmp - exprs
	run -1 weir craft --from /nonexistent.pcap
	[[ "$output" == *"cannot open '/nonexistent.pcap'"* ]]
}

@test "craft --list: layers, and a layer's fields with offset and width" {
	weir craft --list | grep -q '^tcp  *TCP, RFC 9293'
	weir craft --list tcp | grep -q '^dport  *port  *16  *16  80'
	weir craft tcp --list | cmp - <(weir craft --list tcp)
	run -2 weir craft --list nothing
}

@test "show: fields, bytes, the expression, and what is wrong with a frame" {
	weir craft 'eth/ip(len=99)/tcp' | weir show >shown
	grep -q '^    dport  *80$' shown
	grep -q '^  0000  ff ff ff ff ff ff 00 00' shown
	grep -q '^  eth/ip(len=99)/tcp$' shown
	grep -q '^  insufficient bytes: ip.len$' shown
	weir craft 'eth/ip/tcp' | weir show --color always | grep -q $'\033\[1mtcp'
	! weir craft 'eth/ip/tcp' | weir show | grep -q $'\033' || false
	[ "$(weir craft -n 9 'ip' | weir show -n 2 | grep -c '^#')" = 2 ]
}

@test "craft: over 200 expressions make the bytes that scapy 2.5 makes" {
	cd "$BATS_TEST_TMPDIR"
	[ "$(wc -l <"$top/tests/golden/scapy.tsv")" -ge 200 ]
	cut -f 2 "$top/tests/golden/scapy.tsv" >want
	cut -f 1 "$top/tests/golden/scapy.tsv" | weir craft -q --file - |
		/usr/bin/python3 -c 'import sys,msgpack
for r in msgpack.Unpacker(sys.stdin.buffer): r[0] == 32 and print(r[10].hex())' >got
	diff want got
	if /usr/bin/python3 -c 'import scapy' 2>/dev/null; then
		/usr/bin/python3 "$top/tests/gen/scapy_cases.py" 2>/dev/null | diff - "$top/tests/golden/scapy.tsv"
	fi
}

@test "craft: tcpdump calls every checksum that was filled in correct" {
	cd "$BATS_TEST_TMPDIR"
	# It takes the last address of a routing header for the end also where no segment is left (RFC 8200 8.1).
	grep -v -e 'routing(addresses' -e chksum= -e len=9 -e ihl= -e version= -e dataofs= -e len=3 -e plen= -e cksum= "$top/tests/golden/scapy.tsv" |
		grep -e '^ip(' -e '^ipv6(' | cut -f 1 | weir craft -q --file - | weir write -q all.pcap
	tcpdump -vvnr all.pcap >text 2>/dev/null
	! grep -i -e 'bad.*cksum' -e 'bad sctp' -e 'incorrect' -e 'cksum 0x[0-9a-f]* (wrong' text || false
	[ "$(grep -c -e 'cksum ok' -e 'cksum 0x[0-9a-f]* (correct)' -e 'sum ok' text)" -gt 100 ]
}

@test "craft: names in DNS are as short as those before them allow, as tcpdump reads them" {
	weir craft -q 'eth/ip/udp(sport=53)/dns(qr=1,qd=[q("www.weir.test")],an=[rr("www.weir.test@",CNAME,rdata="a.weir.test@"),rr("a.weir.test@",rdata=192.0.2.1)])' >dns.weir
	weir edit -q -i dns.weir 'dns.an+=rr("b.weir.test@",rdata=192.0.2.2)' | weir write -q dns.pcap
	tcpdump -vnr dns.pcap 2>/dev/null | grep -q '3/0/0 www.weir.test. CNAME a.weir.test., a.weir.test. A 192.0.2.1, b.weir.test. A 192.0.2.2 (81)'
}

@test "craft in C: two layers and two fields in five lines; mixed up types don't compile" {
	cd "$BATS_TEST_TMPDIR"
	local cc="${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -I$top -Werror"
	# the sanitizers of the build, where it has some
	case $WEIR_BUILD in */san*) skip "the library needs its sanitizer" ;; esac
	$cc -o syn "$top/examples/packet/syn.c" "$WEIR_BUILD/libweir.a" -lcrypto -lm
	[ "$(./syn)" = "$(hex 'ip(dst=10.0.0.1)/tcp(dport=443)')" ]
	compiles() { printf '#include "libcommon/packet/typed.h"\nvoid f(struct pkt_model *m);\nvoid f(struct pkt_model *m) { %s; }\n' "$1" | $cc -fsyntax-only -x c - 2>err; }
	compiles 'pkt_set_tcp_dport(m, PKT_PORT_OF(80))'
	compiles 'pkt_set_ip_dst(m, PKT_IPV4(1, 2, 3, 4))'
	compiles 'pkt_set_eth_dst(m, PKT_MAC_OF(1, 2, 3, 4, 5, 6))'
	local wrong
	for wrong in 'pkt_set_tcp_dport(m, PKT_IPV4(1, 2, 3, 4))' 'pkt_set_tcp_dport(m, 80)' 'pkt_set_ip_dst(m, PKT_PORT_OF(80))' \
		'pkt_set_ip_dst(m, PKT_MAC_OF(1, 2, 3, 4, 5, 6))' 'pkt_set_eth_dst(m, PKT_IPV4(1, 2, 3, 4))' \
		'pkt_set_ip_ttl(m, PKT_PORT_OF(80))' 'pkt_set_ipv6_dst(m, PKT_IPV4(1, 2, 3, 4))'; do
		! compiles "$wrong" || false
		grep -q 'incompatible type' err
	done
}
