#!/usr/bin/env bats
load helper

setup_file() {
	weir read "$top/examples/demo.pcap" | weir flow | weir reasm | weir dns | weir http | weir tls >"$BATS_FILE_TMPDIR/all.weir"
	weir json -i "$BATS_FILE_TMPDIR/all.weir" >"$BATS_FILE_TMPDIR/all.json"
}

@test "join: by flow: the flow's end has what its handshake said" {
	cd "$BATS_FILE_TMPDIR"
	weir join -i all.weir --from tls --to flow --fields sni,cipher,ts --window 1h -o j.weir
	weir json -i j.weir -t flow | jq -c '[.flow, .["tls.sni"], .["tls.cipher"], .["tls.ts"]]' | sort >got.txt
	jq -cs '(map(select(.type == "tls")) | map({(.flow | tostring): .}) | add) as $t | .[] | select(.type == "flow") |
		[.flow, $t[.flow | tostring].sni, $t[.flow | tostring].cipher, $t[.flow | tostring].ts]' all.json | sort | cmp - got.txt
	[ "$(grep -c www got.txt)" -ge 2 ]
	# all else is as it was
	weir json -i j.weir | jq -cS 'with_entries(select(.key | startswith("tls.") | not))' | cmp - <(jq -cS . all.json)
	weir books -i j.weir >books.txt
	grep -q 'matched 4   unmatched 29' books.txt
	grep -q 'books balance' books.txt
}

@test "join: by key: a text that is an address is one, and each of a list is a key" {
	cd "$BATS_FILE_TMPDIR"
	weir join -i all.weir --from dns --to tls --fields query,answers.rdata --on orig_h,resp_h=answers.rdata -o j.weir
	weir json -i j.weir -t tls | jq -c 'select(.["dns.query"]) | [.sni, .["dns.query"], (.resp_h as $r | .["dns.answers.rdata"] | index($r) != null)]' >got.txt
	printf '["www.example.com","www.example.com",true]\n["shop.example.net","shop.example.net",true]\n' | cmp - got.txt
}

@test "join: only within the window" {
	cd "$BATS_FILE_TMPDIR"
	matched() { weir join -i all.weir --from dns --to tls --fields query --on resp_h=answers.rdata --window "$1" --matched | weir json -t tls | wc -l; }
	[ "$(matched 10s)" -gt "$(matched 1900ms)" ]
	[ "$(matched 0)" = 0 ]
}

@test "join: --matched leaves out what got nothing; the fields are fields like others" {
	cd "$BATS_FILE_TMPDIR"
	weir join -i all.weir --from tls --to flow --fields sni --matched --window 1h -o j.weir
	[ "$(weir json -i j.weir -t flow | wc -l)" = 4 ]
	[[ "$(weir books -i j.weir)" == *"books balance"* ]]
	weir filter -i j.weir 'tls.sni ~ "shop"' | weir json | jq -r .type | grep -qx flow
	weir count -i j.weir --types flow --by tls.sni | weir json | jq -c '[.["tls.sni"], .count]' | grep -qx '\["www.example.com",2\]'
}

@test "join: keys are bounded, the oldest goes and is counted" {
	cd "$BATS_FILE_TMPDIR"
	weir join -i all.weir --from dns --to tls --fields query --on orig_h,resp_h=answers.rdata --keys 1 -o j.weir
	weir books -i j.weir | grep -q 'evicted'
	weir join -i all.weir --from dns --to tls --fields query --on orig_h,resp_h=answers.rdata --memory 100 -o j.weir
	weir books -i j.weir >books.txt
	grep -q 'evicted' books.txt
	grep -q 'books balance' books.txt
}

@test "join: two streams one after the other do not mix their flows" {
	cd "$BATS_FILE_TMPDIR"
	weir filter -i all.weir 'type == "tls"' -o tls.weir
	weir filter -i all.weir 'type == "flow"' -o flows.weir
	[ "$(cat tls.weir flows.weir | weir join --from tls --to flow --fields sni --window 1h --matched | weir json -t flow | wc -l)" = 0 ]
	[ "$(cat all.weir all.weir | weir join --from tls --to flow --fields sni --window 1h --matched | weir json -t flow | wc -l)" = 8 ]
}

@test "join: wrong use, and fields that nobody has" {
	cd "$BATS_FILE_TMPDIR"
	for args in "" "--from dns --to tls" "--from dns --to dns --fields query" "--from dns --to tls --fields Q" "--from dns --to tls --fields query --keys 0"; do
		# shellcheck disable=SC2086
		run weir join -i all.weir -o null: $args
		[ "$status" -eq 2 ]
		[ "${#lines[@]}" -eq 1 ]
	done
	run weir join -i all.weir -o null: --from dns --to tls --fields quer
	[ "$status" -eq 3 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ "$output" == *"did you mean 'query'?"* ]]
}
