#!/usr/bin/env bats
load helper

setup_file() {
	weir read "$top/examples/demo.pcap" | weir flow | weir reasm | weir dns | weir http | weir tls >"$BATS_FILE_TMPDIR/all.weir"
	weir json -i "$BATS_FILE_TMPDIR/all.weir" >"$BATS_FILE_TMPDIR/all.json"
}

@test "tag: the longest prefix, over IPv4 and IPv6" {
	cd "$BATS_FILE_TMPDIR"
	printf '%s\n' '0.0.0.0/0 world' '192.0.2.0/24 the lab' '# a remark' '' '192.0.2.10 one host' '2001:db8::/32	six' >sites.txt
	weir tag -i all.weir --field orig_h --as site --prefix sites.txt -o t.weir
	weir json -i t.weir -t flow | jq -r '[.orig_h, .site] | @tsv' | sort -u >got.txt
	printf '192.0.2.10\tone host\n192.0.2.23\tthe lab\n192.0.2.40\tthe lab\n2001:db8:1::10\tsix\n' | cmp - got.txt
	# all else is as it was
	weir json -i t.weir | jq -cS 'del(.site)' | cmp - <(jq -cS . all.json)
	[[ "$(weir books -i t.weir)" == *"books balance"* ]]
	tagged=$(weir count -i t.weir --by site | weir json | jq -s 'map(select(.site) | .count) | add')
	[ "$(weir books -i t.weir | grep -o 'tagged [0-9]*')" = "tagged $tagged" ]
}

@test "tag: a list says true or false" {
	cd "$BATS_FILE_TMPDIR"
	printf 'www.example.com\nwpad.example.com\n' >names.txt
	weir tag -i all.weir --field query --as known --list names.txt | weir json -t dns | jq -c '[.query, .known]' >got.txt
	jq -c 'select(.type == "dns") | [.query, .query == "www.example.com" or .query == "wpad.example.com"]' all.json | cmp - got.txt
	printf '53\n443\n' >ports.txt
	weir tag -i all.weir --field resp_p --as known --list ports.txt | weir filter known | weir json | jq -r .resp_p | sort -u | paste -sd' ' | grep -qx '443 53'
}

@test "tag: comma-separated values with quotes, columns by their names" {
	cd "$BATS_FILE_TMPDIR"
	printf 'id,name,port\r\n1,"the ""web"", in clear",80\r\n2, secure ,443\r\n' >c.csv
	weir tag -i all.weir --field resp_p --as service --csv c.csv,port,name | weir json -t flow | jq -r 'select(.service) | [.resp_p, .service] | @tsv' | sort -u >got.txt
	printf '443\tsecure\n80\tthe "web", in clear\n' | cmp - got.txt
}

@test "tag: members of lists are looked up, texts that are addresses too" {
	cd "$BATS_FILE_TMPDIR"
	echo '198.51.100.0/24 web' >p.txt
	weir tag -i all.weir --field answers.rdata --as where --prefix p.txt | weir filter 'where == "web"' | weir json | jq -r '.answers[].rdata' | sort -u | grep -qx 198.51.100.80
}

@test "tag: several tags one behind the other, read on by filter and count" {
	cd "$BATS_FILE_TMPDIR"
	echo '192.0.2.0/24 lab' >a.txt
	echo '198.51.100.0/24 web' >b.txt
	weir tag -i all.weir --field orig_h --as from --prefix a.txt | weir tag --field resp_h --as to --prefix b.txt |
		weir count --types flow --by from,to | weir json | jq -c 'select(.from == "lab" and .to == "web") | .count' >got.txt
	jq -cs 'map(select(.type == "flow" and (.orig_h | startswith("192.0.2.")) and (.resp_h | startswith("198.51.100.")))) | length' all.json | cmp - got.txt
}

@test "tag: a changed file is read again on SIGHUP, a wrong one is not taken" {
	cd "$BATS_TEST_TMPDIR"
	mkdir lists
	echo www.example.com >lists/names
	mkfifo in
	weir tag -i in --field query --as known --list lists/names --reload -o out.weir 2>err 3>&- &
	pid=$!
	exec 9>in
	again() { # again TEXT COUNTER: the file is replaced by one of that text
		printf '%s\n' "$1" >lists/new
		mv lists/new lists/names
		kill -HUP $pid
		for _ in $(seq 200); do
			kill -USR1 $pid
			grep -qE "$2 +$3\b" err && break || sleep 0.02
		done
		grep -qE "$2 +$3\b" err
	}
	size=$(stat -c %s "$BATS_FILE_TMPDIR/all.weir")
	head -c $((size / 3)) "$BATS_FILE_TMPDIR/all.weir" >&9
	again "$(head -c 5000 /dev/zero | tr '\0' x)" reloads_refused 1
	again txt.example.com reloads 1
	tail -c +$((size / 3 + 1)) "$BATS_FILE_TMPDIR/all.weir" >&9
	exec 9>&-
	wait $pid
	grep -q "lists/names:1: longer than 4096 bytes; going on with what was read before" err
	weir json -i out.weir -t dns | jq -r 'select(.known) | .query' >got.txt
	# www, whose question comes first, by the first file; txt by the last.
	[ "$(sort -u got.txt | paste -sd" ")" = "txt.example.com www.example.com" ]
	[ "$(head -n 1 got.txt)" = www.example.com ]
	[ "$(tail -n 1 got.txt)" = txt.example.com ]
	weir json -i out.weir | jq -cS 'del(.known)' | cmp - <(jq -cS . "$BATS_FILE_TMPDIR/all.json")
	[[ "$(weir books -i out.weir)" == *"books balance"* ]]
}

@test "tag: what is wrong with a file is said with its line, exit 1" {
	cd "$BATS_FILE_TMPDIR"
	one() {
		run weir tag -i all.weir -o null: --field orig_h --as x "$@"
		[ "$status" -eq 1 ]
		[ "${#lines[@]}" -eq 1 ]
	}
	one --prefix none.txt
	printf '10.0.0.0/8 a\nnonsense b\n' >bad.txt
	one --prefix bad.txt
	[[ "$output" == *"bad.txt:2: 'nonsense' is no address or prefix"* ]]
	printf 'a,b\n1\n' >bad.csv
	one --csv bad.csv,a,b
	[[ "$output" == *"bad.csv:2: only 1 columns"* ]]
	one --csv bad.csv,a,c
	[[ "$output" == *"no column 'c'"* ]]
	seq 1000 >many.txt
	one --list many.txt --memory 10000
	[[ "$output" == *"see --memory"* ]]
}

@test "tag: wrong use, and names that clash" {
	cd "$BATS_FILE_TMPDIR"
	echo x >l.txt
	for args in "" "--field orig_h" "--field orig_h --as x" "--field orig_h --as X --list l.txt" "--field orig_h --as x --list l.txt --prefix l.txt" "--field orig_h --as x --csv l.txt"; do
		# shellcheck disable=SC2086
		run weir tag -i all.weir -o null: $args
		[ "$status" -eq 2 ]
	done
	run weir tag -i all.weir -o null: --field orig_h --as resp_h --list l.txt
	[ "$status" -eq 3 ]
	run weir tag -i all.weir -o null: --field orig_i --as x --list l.txt
	[ "$status" -eq 3 ]
}
