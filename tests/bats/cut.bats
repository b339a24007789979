#!/usr/bin/env bats
load helper

setup_file() {
	weir read "$top/examples/demo.pcap" | weir flow | weir reasm | weir dns | weir http | weir tls >"$BATS_FILE_TMPDIR/all.weir"
	weir json -i "$BATS_FILE_TMPDIR/all.weir" --no-community-id >"$BATS_FILE_TMPDIR/all.json"
}

@test "cut: the fields named stay, in that order, with their values" {
	cd "$BATS_FILE_TMPDIR"
	weir cut rtt,query,answers -i all.weir --only | weir json >got.json
	[ "$(head -n 1 got.json | jq -c keys_unsorted)" = '["type","ts","flow","n","rtt","query","answers"]' ]
	jq -cS 'select(.type == "dns") | {type, ts, flow, n, rtt, query, answers} | with_entries(select(.value != null))' all.json |
		cmp - <(jq -cS . got.json)
}

@test "cut: --drop keeps the others" {
	cd "$BATS_FILE_TMPDIR"
	weir cut --drop answers,history,orig_h -i all.weir | weir json --no-community-id | jq -cS . >got.json
	jq -cS 'del(.answers, .history, .orig_h)' all.json | cmp - got.json
}

@test "cut: other types go on as they are, with --only they are left out; the books balance" {
	cd "$BATS_FILE_TMPDIR"
	weir cut query --types dns -i all.weir -o cut.weir
	weir json -i cut.weir --no-community-id | jq -c 'select(.type != "dns")' | cmp - <(jq -c 'select(.type != "dns")' all.json)
	[ "$(weir json -i cut.weir -t dns | head -n 1 | jq -c 'keys_unsorted')" = '["type","ts","flow","n","query"]' ]
	[[ "$(weir books -i cut.weir)" == *"books balance"* ]]
	weir cut query --types dns --only -i all.weir -o cut.weir
	[ "$(weir json -i cut.weir | jq -r .type | sort -u)" = dns ]
	[[ "$(weir books -i cut.weir)" == *"books balance"* ]]
}

@test "cut: members of sub-records become lists, community_id a field" {
	cd "$BATS_FILE_TMPDIR"
	weir cut answers.rdata,answers.ttl,community_id -i all.weir --only --types dns | weir json >got.json
	weir json -i all.weir -t dns | jq -c '[[.answers[]?.rdata], [.answers[]?.ttl], .community_id]' |
		cmp - <(jq -c '[.["answers.rdata"] // [], .["answers.ttl"] // [], .community_id]' got.json)
	# and can be asked for under that name
	weir cut answers.rdata --only -i all.weir | weir filter 'answers.rdata in {198.51.100.0/24}' | weir json | grep -q 198.51.100.80
}

@test "cut: the addresses of packets stay addresses" {
	cd "$BATS_FILE_TMPDIR"
	weir read "$top/examples/demo.pcap" | weir flow >p.weir
	weir json -i p.weir -t packet | jq -c '[.n, .orig_h, .resp_p]' >want.json
	weir cut orig_h,resp_p -i p.weir | weir json -t packet | jq -c '[.n, .orig_h, .resp_p]' | cmp - want.json
	weir cut orig_h,resp_p,ip_version -i p.weir | weir json -t packet | jq -c '[.n, .orig_h, .resp_p]' | cmp - want.json
}

@test "cut: a stage that needs what is gone says so, exit 3" {
	weir read "$top/examples/demo.pcap" | weir flow | weir cut orig_h,resp_p --types packet >"$BATS_TEST_TMPDIR/c.weir"
	run weir reasm -i "$BATS_TEST_TMPDIR/c.weir" -o null:
	[ "$status" -eq 3 ]
	[[ "$output" == *"'packet' from weir-cut"*"lacks the required field"* ]]
}

@test "cut: cut twice is cut once more" {
	cd "$BATS_FILE_TMPDIR"
	weir cut query,rtt,retries -i all.weir --only | weir cut rtt | weir json | cmp - <(weir cut rtt -i all.weir --only --types dns | weir json)
}

@test "cut: what every record has may be all that is kept" {
	cd "$BATS_FILE_TMPDIR"
	weir cut ts -i all.weir | weir json --no-community-id | jq -c keys_unsorted | sort -u >keys.txt
	[ "$(sort -u keys.txt)" = '["type","ts","flow","n"]' ]
	weir cut ts -i all.weir --only | weir json | cmp - <(weir cut ts -i all.weir | weir json)
	[ "$(weir cut n,query -i all.weir -t dns,flow --only | weir json | jq -r .type | sort -u | tr '\n' ' ')" = "dns flow " ]
}

@test "cut: two streams one after the other are cut both" {
	cd "$BATS_FILE_TMPDIR"
	one=$(weir cut query -i all.weir --only | weir json | wc -l)
	[ "$(cat all.weir all.weir | weir cut query --only | weir json | wc -l)" -eq $((2 * one)) ]
}

@test "cut: wrong use, and fields that nobody has" {
	cd "$BATS_FILE_TMPDIR"
	run weir cut -i all.weir -o null:
	[ "$status" -eq 2 ]
	run weir cut 'a b' -i all.weir -o null:
	[ "$status" -eq 2 ]
	[[ "$output" == *"'a b' is no name"* ]]
	run weir cut --drop ts -i all.weir -o null:
	[ "$status" -eq 2 ]
	[[ "$output" == *"every record has 'ts'"* ]]
	run weir cut quer,rtt -i all.weir -o null:
	[ "$status" -eq 3 ]
	[[ "$output" == *"did you mean 'query'?"* ]]
}
