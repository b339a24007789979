#!/usr/bin/env bats
# The pipelines of examples/pipelines do what their first lines say.
load helper

setup() {
	cd "$BATS_TEST_TMPDIR"
	demo=$top/examples/demo.pcap
	lines=$top/examples/pipelines
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
	! grep -q '"state":"answered"' got
}

@test "pipelines: the top talkers are those with the most bytes" {
	"$lines/top-talkers.sh" "$demo" >got
	first=$(weir "$demo" --types flow --quiet | jq -r 'select(.event == "end") | [.orig_h, .resp_bytes] | @tsv' |
		awk '{ s[$1] += $2 } END { for (h in s) print s[h], h }' | sort -rn | sed -n '1s/.* //p')
	sed -n 2p got | grep -qF "$first"
}

@test "pipelines: two shards over rings print what one pipeline does" {
	timeout 60 "$lines/sharded.sh" "$demo" >got
	weir "$demo" --format json --quiet | cmp - got
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
