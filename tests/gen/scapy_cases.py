#!/usr/bin/python3
"""Expressions of weir craft beside the same packets in scapy: `scapy_cases.py` prints a line each,
expression, tab, the bytes that scapy gives in hex. tests/golden/scapy.tsv is what it printed with
scapy 2.5; the tests build the expressions and compare, and compare scapy itself where it is there."""
import sys
import warnings

warnings.filterwarnings("ignore")
import logging
logging.getLogger("scapy").setLevel(logging.CRITICAL)
from scapy.all import *  # noqa
from scapy.contrib.mpls import MPLS
from scapy.contrib.gtp import GTP_U_Header
from scapy.contrib.geneve import GENEVE, GeneveOptions

E = dict(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
EX = "eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02)"
I = dict(src="10.0.0.1", dst="10.0.0.2")
IX = "ip(src=10.0.0.1,dst=10.0.0.2"
J = dict(src="2001:db8::1", dst="2001:db8::2")
JX = "ipv6(src=2001:db8::1,dst=2001:db8::2"
cases = []


def add(text, packet):
    cases.append((text, packet))


def ether(**k):
    return Ether(**{**E, **k})


def ip(**k):
    return IP(**{**I, **k})


def ip6(**k):
    return IPv6(**{**J, **k})


def low():
    add(EX, ether())
    for t in (0x800, 0x86dd, 0x1234, 26):
        add(f"eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02,type={t})", ether(type=t))
    add(f'{EX}/"hello"', ether() / "hello")
    for prio, dei, vid in ((0, 0, 1), (7, 1, 4095), (3, 0, 100)):
        add(f"{EX}/vlan(prio={prio},dei={dei},vlan={vid})/{IX})/udp",
            ether() / Dot1Q(prio=prio, id=dei, vlan=vid) / ip() / UDP())
    add(f"{EX}/vlan(id=5)/vlan(id=6)/{IX})/icmp", ether() / Dot1Q(vlan=5) / Dot1Q(vlan=6) / ip() / ICMP())
    add(f"{EX}/qinq(vlan=5)/vlan(vlan=6)/{IX})/tcp", ether() / Dot1AD(vlan=5) / Dot1Q(vlan=6) / ip() / TCP())
    for op in ("who-has", "is-at"):
        add(f"{EX}/arp(op={op},hwsrc=02:00:00:00:00:01,psrc=10.0.0.1,hwdst=02:00:00:00:00:02,pdst=10.0.0.2)",
            ether() / ARP(op=op, hwsrc="02:00:00:00:00:01", psrc="10.0.0.1", hwdst="02:00:00:00:00:02", pdst="10.0.0.2"))
    for label in (3, 16, 1048575):
        add(f"{EX}/mpls(label={label},ttl=64)/{IX})/udp", ether() / MPLS(label=label, ttl=64, s=1) / ip() / UDP())
    add(f"{EX}/mpls(label=5,cos=3)/mpls(label=6)/{IX})/udp",
        ether() / MPLS(label=5, cos=3, s=0) / MPLS(label=6, s=1) / ip() / UDP())
    add(f"{EX}/pppoe(sessionid=7)/ppp/{IX})/udp", ether() / PPPoE(sessionid=7) / Raw(b"\x00\x21" + bytes(ip() / UDP())))  # scapy compresses what PPPoE may not
    add(f"{EX}/pppoe(sessionid=7)/ppp/{JX})/udp", ether() / PPPoE(sessionid=7) / Raw(b"\x00\x57" + bytes(ip6() / UDP())))


def ipv4():
    for k in ("ttl", "tos"):
        for v in (0, 1, 128, 255):
            add(f"{IX},{k}={v})/udp", ip(**{k: v}) / UDP())
    for v in (0, 1, 4660, 65535):
        add(f"{IX},id={v})/tcp", ip(id=v) / TCP())
    for v in ("DF", "MF", "MF+DF", "evil"):
        add(f"{IX},flags={v})/icmp", ip(flags=v) / ICMP())
    add(f'{IX},frag=185)/"rest"', ip(frag=185) / "rest")
    for v in (0, 1, 253, 255):
        add(f'{IX},proto={v})/"x"', ip(proto=v) / "x")
    add(f"{IX},len=9)/icmp", ip(len=9) / ICMP())
    add(f"{IX},ihl=7)/udp", ip(ihl=7) / UDP())
    add(f"{IX},chksum=0xdead)/udp", ip(chksum=0xdead) / UDP())
    add(f"{IX},version=5)/udp", ip(version=5) / UDP())
    add(f"{IX})/ip(src=1.1.1.1,dst=2.2.2.2)/tcp", ip() / IP(src="1.1.1.1", dst="2.2.2.2") / TCP())
    add(f"{IX})/{JX})/tcp", ip() / ip6() / TCP())
    add(f"{IX},options=[rtralt])/udp", ip(options=[IPOption_Router_Alert()]) / UDP())
    add(f"{IX},options=[nop,eol])/udp", ip(options=[IPOption_NOP(), IPOption_EOL()]) / UDP())
    add(f'{IX},options=[rr(4,x"0000000000000000")])/tcp',
        ip(options=[IPOption_RR(routers=["0.0.0.0", "0.0.0.0"])]) / TCP())
    add(f"{IX},options=[nop])/udp", ip(options=[IPOption_NOP()]) / UDP())


def ipv6():
    for k, vs in (("tc", (0, 7, 255)), ("fl", (1, 0xfffff)), ("hlim", (0, 1, 255))):
        for v in vs:
            add(f"{JX},{k}={v})/udp", ip6(**{k: v}) / UDP())
    add(JX + ")", ip6())
    add(f'{JX},nh=59)/"x"', ip6(nh=59) / "x")
    add(f"{JX},plen=3)/tcp", ip6(plen=3) / TCP())
    add(f"{JX})/{IX})/udp", ip6() / ip() / UDP())
    add(f"{JX})/hbh(options=[ip6rtralt(0)])/icmpv6(type=128)",
        ip6() / IPv6ExtHdrHopByHop(options=[RouterAlert(value=0)]) / ICMPv6EchoRequest())
    add(f'{JX})/dstopts(options=[padn(optdata="")])/udp', ip6() / IPv6ExtHdrDestOpt(options=[PadN()]) / UDP())
    add(f"{JX})/hbh(options=[jumbo(70000)])/udp", ip6() / IPv6ExtHdrHopByHop(options=[Jumbo(jumboplen=70000)]) / UDP())
    add(f'{JX})/frag(offset=3,m=1,id=9,nh=17)/"abcdefgh"',
        ip6() / IPv6ExtHdrFragment(offset=3, m=1, id=9, nh=17) / "abcdefgh")
    add(f"{JX})/routing(segleft=1,addresses=[addr(2001:db8::9)])/udp",
        ip6() / IPv6ExtHdrRouting(segleft=1, addresses=["2001:db8::9"]) / UDP())
    add(f"{JX})/routing(addresses=[addr(2001:db8::9)])/tcp",
        ip6() / IPv6ExtHdrRouting(segleft=0, addresses=["2001:db8::9"]) / TCP())


def control():
    for t in (8, 0):
        for body in ("", "abc", "0123456789"):
            tail = f'/"{body}"' if body else ""
            add(f"{IX})/icmp(type={t},id=7,seq=9){tail}", ip() / ICMP(type=t, id=7, seq=9) / body if body
                else ip() / ICMP(type=t, id=7, seq=9))
    for t in (3, 4, 5, 11, 12):
        add(f"{IX})/icmp(type={t},code=1)", ip() / ICMP(type=t, code=1))
    add(f"{IX})/icmp(type=5,gw=9.9.9.9)", ip() / ICMP(type=5, gw="9.9.9.9"))
    add(f"{IX})/icmp(type=3,code=4,nexthopmtu=1400)", ip() / ICMP(type=3, code=4, nexthopmtu=1400))
    add(f"{IX})/icmp(type=12,ptr=20)", ip() / ICMP(type=12, ptr=20))
    add(f"{IX})/icmp(type=13,id=1,ts_ori=1,ts_rx=2,ts_tx=3)", ip() / ICMP(type=13, id=1, ts_ori=1, ts_rx=2, ts_tx=3))
    add(f"{IX})/icmp(type=17,addr_mask=255.0.0.0)", ip() / ICMP(type=17, addr_mask="255.0.0.0"))
    add(f"{IX})/icmp(type=8,chksum=1)", ip() / ICMP(type=8, chksum=1))
    for body in ("", "odd"):
        tail = f'/"{body}"' if body else ""
        add(f"{JX})/icmpv6(type=128,id=1,seq=2){tail}", ip6() / ICMPv6EchoRequest(id=1, seq=2, data=body))
        add(f"{JX})/icmpv6(type=129,id=1,seq=2){tail}", ip6() / ICMPv6EchoReply(id=1, seq=2, data=body))
    add(f"{JX})/icmpv6(type=2,mtu=1300)/{JX})", ip6() / ICMPv6PacketTooBig(mtu=1300) / ip6())
    add(f'{JX})/icmpv6(type=1,code=4)/"x"', ip6() / ICMPv6DestUnreach(code=4) / "x")
    add(f'{JX})/icmpv6(type=3)/"x"', ip6() / ICMPv6TimeExceeded() / "x")
    add(f'{JX})/icmpv6(type=4,ptr=40)/"x"', ip6() / ICMPv6ParamProblem(ptr=40) / "x")
    add(f"{JX},hlim=255)/icmpv6(type=rs)", ip6(hlim=255) / ICMPv6ND_RS())
    add(f"{JX},hlim=255)/icmpv6(type=ra,chlim=64,M=1,prf=0,routerlifetime=600)",
        ip6(hlim=255) / ICMPv6ND_RA(chlim=64, M=1, prf=0, routerlifetime=600))
    add(f"{JX},hlim=255)/icmpv6(type=ra,chlim=0,options=[prefixinfo(prefix=2001:db8:1::),mtu(mtu=1400),srclladdr(02:00:00:00:00:01)])",
        ip6(hlim=255) / ICMPv6ND_RA(chlim=0) / ICMPv6NDOptPrefixInfo(prefix="2001:db8:1::") / ICMPv6NDOptMTU(mtu=1400) / ICMPv6NDOptSrcLLAddr(lladdr="02:00:00:00:00:01"))
    add(f"{JX},hlim=255)/icmpv6(type=ns,tgt=2001:db8::9,options=[srclladdr(02:00:00:00:00:01)])",
        ip6(hlim=255) / ICMPv6ND_NS(tgt="2001:db8::9") / ICMPv6NDOptSrcLLAddr(lladdr="02:00:00:00:00:01"))
    add(f"{JX},hlim=255)/icmpv6(type=na,tgt=2001:db8::9,R=0,S=1,O=1)/dstlladdr(02:00:00:00:00:01)",
        ip6(hlim=255) / ICMPv6ND_NA(tgt="2001:db8::9", R=0, S=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr="02:00:00:00:00:01"))
    add(f"{JX},hlim=255)/icmpv6(type=redirect,tgt=2001:db8::9,dst=2001:db8::8)",
        ip6(hlim=255) / ICMPv6ND_Redirect(tgt="2001:db8::9", dst="2001:db8::8"))
    add(f"{JX},hlim=1)/icmpv6(type=mld-query,mladdr=ff02::1)", ip6(hlim=1) / ICMPv6MLQuery(mladdr="ff02::1"))


def udp():
    for low_, make in ((IX + ")", ip), (JX + ")", ip6)):
        for s, d in ((1, 2), (53, 1234), (65535, 0)):
            for body in ("", "a", "ab", "\x00" * 3):
                tail = "/x\"" + body.encode("latin1").hex() + '"' if body else ""
                p = make() / UDP(sport=s, dport=d)
                add(f"{low_}/udp(sport={s},dport={d}){tail}", p / Raw(body.encode("latin1")) if body else p)
        add(f"{low_}/udp(len=3,chksum=0)", make() / UDP(len=3, chksum=0))


def tcp():
    for low_, make in ((IX + ")", ip), (JX + ")", ip6)):
        for f in ("S", "SA", "FPA", "R", "UECN", "FSRPAUECN"):
            add(f"{low_}/tcp(sport=1234,dport=443,flags={f},seq=1,ack=2)",
                make() / TCP(sport=1234, dport=443, flags=f, seq=1, ack=2))
        for k, v in (("window", 65535), ("urgptr", 7), ("reserved", 5), ("dataofs", 9), ("chksum", 1)):
            add(f'{low_}/tcp({k}={v})/"data"', make() / TCP(**{k: v}) / "data")
    options = [
        ("mss(1460)", ("MSS", 1460)), ("wscale(7)", ("WScale", 7)), ("sackok", ("SAckOK", b"")),
        ("ts(1,2)", ("Timestamp", (1, 2))), ("nop", ("NOP", None)), ("eol", ("EOL", None)),
        ("sack(blocks=[block(1,2)])", ("SAck", (1, 2))),
        ("sack(blocks=[block(1,2),block(3,4)])", ("SAck", (1, 2, 3, 4))),
        ("uto(9)", ("UTO", 9)),
        ('option(kind=34,data="cookie")', (34, b"cookie")),
        ('option(kind=253,data=x"f989")', (253, b"\xf9\x89")),
    ]
    for text, opt in options:
        add(f"{IX})/tcp(options=[{text}])", ip() / TCP(options=[opt]))
    for i in range(len(options) - 2):
        three = options[i:i + 3]
        add(f'{IX})/tcp(options=[{",".join(t for t, _ in three)}])/"x"', ip() / TCP(options=[o for _, o in three]) / "x")
    syn = [options[0], options[2], options[3], options[4], options[1]]
    add(f'{IX})/tcp(options=[{",".join(t for t, _ in syn)}])', ip() / TCP(options=[o for _, o in syn]))
    add(f'{IX})/tcp(options=[ao(1,2,x"000102030405060708090a0b")])',
        ip() / TCP(options=[("AO", TCPAOValue(keyid=1, rnextkeyid=2, mac=bytes(range(12))))]))
    add(f'{IX})/tcp(options=[md5(x"000102030405060708090a0b0c0d0e0f")])',
        ip() / TCP(options=[(19, bytes(range(16)))]))
    add(f'{IX})/tcp(options=[mptcp(subtype=capable,version=1,flags=0x81,data=x"0001020304050607")])',
        ip() / TCP(options=[(30, b"\x01\x81" + bytes(range(8)))]))


def sctp():
    S, SX = dict(sport=1, dport=2, tag=3), "sctp(sport=1,dport=2,tag=3)"
    add(f"{IX})/{SX}", ip() / SCTP(**S))
    for body in ("", "a", "abcd", "abcde"):
        add(f'{IX})/{SX}/data(beginning=1,ending=1,tsn=5,stream_id=6,stream_seq=7,proto_id=8,data="{body}")',
            ip() / SCTP(**S) / SCTPChunkData(beginning=1, ending=1, tsn=5, stream_id=6, stream_seq=7, proto_id=8, data=body))
    add(f"{IX})/{SX}/init(init_tag=1,a_rwnd=2,n_out_streams=3,n_in_streams=4,init_tsn=5)",
        ip() / SCTP(**S) / SCTPChunkInit(init_tag=1, a_rwnd=2, n_out_streams=3, n_in_streams=4, init_tsn=5))
    add(f'{IX})/{SX}/init(init_tag=1,params=[param(type=5,data=x"0a000001")])',
        ip() / SCTP(**S) / SCTPChunkInit(init_tag=1, params=[SCTPChunkParamIPv4Addr(addr="10.0.0.1")]))
    add(f"{IX})/{SX}/init_ack(init_tag=1,a_rwnd=2,n_out_streams=3,n_in_streams=4,init_tsn=5)",
        ip() / SCTP(**S) / SCTPChunkInitAck(init_tag=1, a_rwnd=2, n_out_streams=3, n_in_streams=4, init_tsn=5))
    add(f"{IX})/{SX}/cookie_ack", ip() / SCTP(**S) / SCTPChunkCookieAck())
    add(f'{IX})/{SX}/cookie_echo(cookie="abc")', ip() / SCTP(**S) / SCTPChunkCookieEcho(cookie="abc"))
    add(f"{IX})/{SX}/shutdown(cumul_tsn_ack=9)", ip() / SCTP(**S) / SCTPChunkShutdown(cumul_tsn_ack=9))
    add(f"{IX})/{SX}/shutdown_ack", ip() / SCTP(**S) / SCTPChunkShutdownAck())
    add(f"{IX})/{SX}/shutdown_complete(TCB=1)", ip() / SCTP(**S) / SCTPChunkShutdownComplete(TCB=1))
    add(f"{IX})/{SX}/abort(TCB=1)", ip() / SCTP(**S) / SCTPChunkAbort(TCB=1))
    add(f"{IX})/{SX}/sack(cumul_tsn_ack=4,a_rwnd=5,gap_ack_list=[gap(2,3)],dup_tsn_list=[tsn(9)])".replace("/sack", "/sctpsack"),
        ip() / SCTP(**S) / SCTPChunkSACK(cumul_tsn_ack=4, a_rwnd=5, gap_ack_list=["2:3"], dup_tsn_list=[9]))
    add(f'{JX})/{SX}/data(tsn=1,data="x")/cookie_ack',
        ip6() / SCTP(**S) / SCTPChunkData(tsn=1, data="x") / SCTPChunkCookieAck())


def tunnels():
    add(f"{IX})/gre/{IX})/udp", ip() / GRE() / ip() / UDP())
    add(f"{IX})/gre(key=5)/{IX})/udp", ip() / GRE(key_present=1, key=5) / ip() / UDP())
    add(f"{IX})/gre(sequence_number=5)/{JX})/udp", ip() / GRE(seqnum_present=1, seqence_number=5) / ip6() / UDP())
    add(f"{IX})/gre(chksum_present=1)/{IX})/udp", ip() / GRE(chksum_present=1) / ip() / UDP())
    add(f'{IX})/gre(chksum_present=1,key=1,sequence_number=2)/{IX})/tcp/"x"',
        ip() / GRE(chksum_present=1, key_present=1, seqnum_present=1, key=1, seqence_number=2) / ip() / TCP() / "x")
    for vni in (0, 5, 16777215):
        add(f"{IX})/udp(sport=4789,dport=4789)/vxlan(vni={vni})/{EX}/{IX})/tcp",
            ip() / UDP(sport=4789, dport=4789) / VXLAN(flags=8, vni=vni) / ether() / ip() / TCP())
        add(f"{IX})/udp(sport=1)/geneve(vni={vni})/{EX}/{IX})/udp",
            ip() / UDP(sport=1) / GENEVE(vni=vni) / ether() / ip() / UDP())
    add(f'{IX})/udp(sport=1)/geneve(vni=1,options=[option(classid=0x102,type=3,data="abcd")])/{EX}',
        ip() / UDP(sport=1) / GENEVE(vni=1, options=[GeneveOptions(classid=0x102, type=3, data=b"abcd")]) / ether())
    add(f"{IX})/udp(sport=2152)/gtp(teid=7)/{IX})/udp", ip() / UDP(sport=2152, dport=2152) / GTP_U_Header(teid=7) / ip() / UDP())
    add(f"{IX})/udp(sport=2152)/gtp(teid=7,seq=9)/{IX})/udp",
        ip() / UDP(sport=2152, dport=2152) / GTP_U_Header(teid=7, S=1, seq=9) / ip() / UDP())


def dns():
    for low_, make in ((f"{IX})/udp(sport=1234)", lambda: ip() / UDP(sport=1234)), (f"{JX})/udp", lambda: ip6() / UDP())):
        for name in ("a.b", "www.example.com", "."):
            add(f'{low_}/dns(id=7,qd=[q("{name}")])', make() / DNS(id=7, qd=DNSQR(qname=name)))
        for t in ("A", "AAAA", "MX", "TXT", "SRV"):
            add(f'{low_}/dns(qd=[q("a.b",{t})])', make() / DNS(qd=DNSQR(qname="a.b", qtype=t)))
        add(f'{low_}/dns(qr=1,aa=1,ra=1,rcode=3,qd=[q("a.b")])', make() / DNS(qr=1, aa=1, ra=1, rcode=3, qd=DNSQR(qname="a.b")))
        add(f'{low_}/dns(qr=1,qd=[q("a.b")],an=[rr("a.b",A,ttl=60,rdata=1.2.3.4)])',
            make() / DNS(qr=1, qd=DNSQR(qname="a.b"), an=DNSRR(rrname="a.b", type="A", ttl=60, rdata="1.2.3.4")))
        add(f'{low_}/dns(qr=1,an=[rr("a.b",AAAA,ttl=60,rdata=2001:db8::1)])',
            make() / DNS(qr=1, qd=None, an=DNSRR(rrname="a.b", type="AAAA", ttl=60, rdata="2001:db8::1")))
        add(f'{low_}/dns(qr=1,an=[rr("a.b",CNAME,ttl=60,rdata="c.d")])',
            make() / DNS(qr=1, qd=None, an=DNSRR(rrname="a.b", type="CNAME", ttl=60, rdata="c.d")))
        add(f'{low_}/dns(qr=1,an=[rr("a.b",TXT,ttl=60,rdata=x"0568656c6c6f")])',
            make() / DNS(qr=1, qd=None, an=DNSRR(rrname="a.b", type="TXT", ttl=60, rdata="hello")))
        add(f'{low_}/dns(qr=1,an=[rr("a.b",MX,ttl=60,preference=10,exchange="c.d")])',
            make() / DNS(qr=1, qd=None, an=DNSRRMX(rrname="a.b", type="MX", ttl=60, preference=10, exchange="c.d")))
        add(f'{low_}/dns(qr=1,ns=[rr("b",SOA,ttl=9,mname="m.b",rname="r.b",serial=1,refresh=2,retry=3,expire=4,minimum=5)])',
            make() / DNS(qr=1, qd=None, ns=DNSRRSOA(rrname="b", ttl=9, mname="m.b", rname="r.b", serial=1, refresh=2, retry=3, expire=4, minimum=5)))
        add(f'{low_}/dns(qr=1,ar=[rr("_s._tcp.b",SRV,ttl=9,priority=1,weight=2,port=3,target="t.b")])',
            make() / DNS(qr=1, qd=None, ar=DNSRRSRV(rrname="_s._tcp.b", ttl=9, priority=1, weight=2, port=3, target="t.b")))


for part in (low, ipv4, ipv6, control, udp, tcp, sctp, tunnels, dns):
    part()
for text, packet in cases:
    print(text + "\t" + bytes(packet).hex())
