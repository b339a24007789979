#!/usr/bin/env bats
# The pipelines of examples/pipelines do what their first lines say.
load helper
load ../stages/build

setup() {
	cd "$BATS_TEST_TMPDIR"
	demo=$top/examples/demo.pcap
	lines=$top/examples/pipelines
}

teardown() {
	[ -z "${ns:-}" ] || { ip netns del $ns-a; ip netns del $ns-b; } 2>/dev/null || true
}

@test "pipelines: the TLS inventory has every server once" {
	"$lines/tls-inventory.sh" "$demo" >got
	weir "$demo" --types tls --quiet | jq -r '[.resp_h,.resp_p,.sni // "",.version_name // "",.cipher_name // ""] | @tsv' | sort -u >want
	[ "$(tail -n +2 got | wc -l)" = "$(wc -l <want)" ]
	grep -q 'www.example.com' got
}

@test "pipelines: the DNS log has a line for each transaction" {
	"$lines/dns-log.sh" "$demo" >got
	[ "$(tail -n +2 got | wc -l)" = "$(weir "$demo" --types dns --quiet | wc -l)" ]
	head -n 2 got | tail -n 1 | grep -qP '^2026-01-01T00:00:00\.\d{9}Z\t192\.0\.2\.10\t192\.0\.2\.53\twww\.example\.com\tA\tNOERROR\t0\.012000000\t198\.51\.100\.80$'
}

@test "pipelines: unanswered DNS is what has no answer" {
	"$lines/unanswered-dns.sh" "$demo" >got
	[ "$(wc -l <got)" = "$(weir "$demo" --types dns --quiet | jq -c 'select(.state != "answered")' | wc -l)" ]
	! grep -q '"state":"answered"' got || false
}

@test "pipelines: the top talkers are those with the most bytes" {
	"$lines/top-talkers.sh" "$demo" >got
	first=$(weir "$demo" --types flow --quiet | jq -r 'select(.event == "end") | [.orig_h, .resp_bytes] | @tsv' |
		awk '{ s[$1] += $2 } END { for (h in s) print s[h], h }' | sort -rn | sed -n '1s/.* //p')
	sed -n 2p got | grep -qF "$first"
}

@test "pipelines: two shards over rings print what one pipeline does" {
	timeout 60 "$lines/sharded.sh" "$demo" >got
	weir "$demo" --protocols dns,http,tls --format json --quiet | cmp - got
}

@test "pipelines: a sample goes through jq and back" {
	"$lines/sampled.sh" "$demo" >got
	grep -q '^books     balance' got
	grep -qE '^flow +34 ' got
}

@test "pipelines: carve has the packets of the conversations of a name, and only those" {
	"$lines/carve.sh" "$demo" '^www\.example\.com$' out.pcapng
	weir "$demo" --quiet | jq -r 'select([.query, .sni, .host] | any(. == "www.example.com")) | .flow' | sort -u >flows
	weir read "$demo" | weir flow | weir json -q -t packet --fields flow,n | jq -r '[.flow, .n] | @tsv' |
		awk 'NR == FNR { want[$1] = 1; next } $1 in want { print $2 }' flows - | sort -n >want
	[ "$(wc -l <want)" -gt 50 ]
	weir read out.pcapng | weir json -q -t frame --fields ts,payload >have
	weir read "$demo" | weir json -q -t frame --fields ts,payload | awk 'NR == FNR { want[$1] = 1; next } FNR in want' want - | cmp - have
}

@test "pipelines: a stage of one's own stands between weir's" {
	"$lines/own-stage.sh" "$demo" >got
	[ "$(grep -c '"type":"banner"' got)" -eq 1 ]
	grep -q '"resp_p":25,"text":"220 mail.example.com ESMTP ready"' got
	[ "$(grep -c '"type":"tls"' got)" = "$(weir "$demo" --types tls --quiet | wc -l)" ]
}

@test "pipelines: the sensor keeps a log for each protocol, flows, and minutes" {
	export WEIR_RUNDIR=$BATS_TEST_TMPDIR/run
	timeout 60 "$lines/sensor.sh" "$demo" logs
	for type in dns http tls flow; do
		weir "$demo" --types $type --quiet --format json | cmp - logs/$type.json
	done
	[ "$(jq -s 'map(.count) | add' logs/minutes.json)" = "$(wc -l <logs/flow.json)" ]
}

@test "pipelines: over two hosts, each with a network of its own, the output is that of one" {
	[ "$(id -u)" = 0 ] && command -v ip >/dev/null || skip "no network namespaces here (root and ip are needed)"
	ns=pipelines$$
	export WEIR_RUNDIR=$BATS_TEST_TMPDIR/run
	ip netns add $ns-a || skip "no network namespaces here"
	ip netns add $ns-b
	ip -n $ns-a link add v0 type veth peer name v0 netns $ns-b
	ip -n $ns-a addr add 10.78.0.1/24 dev v0
	ip -n $ns-b addr add 10.78.0.2/24 dev v0
	ip -n $ns-a link set v0 up
	ip -n $ns-b link set v0 up
	ip netns exec $ns-b timeout 60 "$lines/two-hosts.sh" collector "$demo" 10.78.0.2:9100 >got 3>&- &
	collector=$!
	ip netns exec $ns-a timeout 60 "$lines/two-hosts.sh" sensor "$demo" 10.78.0.2:9100
	wait $collector
	weir "$demo" --protocols dns,http,tls --format json --quiet | cmp - got
}

@test "pipelines: a parser is swapped for its next version, and every record comes once" {
	export WEIR_RUNDIR=$BATS_TEST_TMPDIR/run
	example_parser
	ahead "$(capture lines)" "$demo" "$(capture lines)" >calm.pcap
	timeout 60 "$lines/swap.sh" calm.pcap ./weir-line ./weir-line-2 20 >got 2>err
	grep -q "stage 'parser' is replaced by '.*weir-line-2'" err
	[ "$(grep '"type":"line"' got | jq -r .text | paste -sd' ')" = "hello world ok hello world ok" ]
	weir read calm.pcap | weir flow | weir reasm | ./weir-line | weir json >want
	cmp <(grep -v '"type":"session_end"' want) <(grep -v '"type":"session_end"' got)
	[ "$(jq -r 'select(.type == "session_end") | .reason' got | sort -u | paste -sd' ')" != "" ]
}
