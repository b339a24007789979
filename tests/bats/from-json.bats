#!/usr/bin/env bats
# from-json: what weir json printed comes back as the records it was, and the same JSON again.
load helper

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	weir read "$top/examples/demo.pcap" >frames.weir
	weir flow -i frames.weir | weir reasm | weir dns | weir http | weir tls >all.weir
	weir json -i all.weir >all.json
}

setup() {
	dir=$BATS_FILE_TMPDIR
	cd "$BATS_TEST_TMPDIR"
}

@test "from-json: json, back and json again changes nothing, and the books balance" {
	weir from-json "$dir/all.json" >back.weir
	weir json -i back.weir | cmp - "$dir/all.json"
	weir from-json <"$dir/all.json" | weir json | cmp - "$dir/all.json"
	weir books -i back.weir >books
	grep -q '^books balance' books
	grep -q "lines.records $(wc -l <"$dir/all.json")" books
	weir json --time iso -i "$dir/all.weir" | weir from-json | weir json | cmp - "$dir/all.json"
}

@test "from-json: so do the hot types, and frames from JSON make the same flows" {
	for t in packet stream; do
		weir json --types $t -i "$dir/all.weir" >$t.json
		[ -s $t.json ]
		weir from-json $t.json | weir json --types $t | cmp - $t.json
	done
	weir json --types frame -i "$dir/frames.weir" >frame.json
	weir from-json frame.json | weir flow | weir reasm | weir dns | weir http | weir tls | weir json |
		cmp - "$dir/all.json"
}

@test "from-json: with the corpus, too" {
	[ -n "${WEIR_CORPUS:-}" ] || skip "no corpus"
	n=0
	while IFS= read -r f; do
		weir "$f" --quiet >a.json 2>/dev/null || continue
		weir from-json a.json | weir json | cmp - a.json || { echo "$f"; return 1; }
		n=$((n + 1))
	done < <(find "$WEIR_CORPUS/" -type f \( -name '*.pcap*' -o -name '*.cap' \) -size -300k | sort | sed -n '1~30p' | head -n 25)
	[ "$n" -gt 10 ]
}

@test "from-json: filtered by jq, sorted keys, blanks and Unicode escapes are the same records" {
	command -v jq >/dev/null || skip "no jq"
	grep '"type":"dns"' "$dir/all.json" >dns.json
	jq -cS . dns.json | weir from-json | weir json >got || true
	cut -c1-2 dns.json | head -n 1 | grep -q '{"'
	# jq holds numbers as doubles: times lose their last digits, all else is the same
	diff <(jq -cS 'del(.ts,.rtt)' dns.json) <(jq -cS 'del(.ts,.rtt)' got)
	printf '{ "type" : "note" , "n" : 1, "text" : "\\u0041\\ud83d\\ude00\\/" }\r\n\n' |
		weir from-json --type note --schema text:str | weir json >got
	grep -q '"text":"A😀/"' got
}

@test "from-json: a type of one's own is declared and used like any other" {
	printf '%s\n' '{"ts":5.000000001,"n":1,"name":"a","size":7,"tags":["x","y"],"at":"192.0.2.1"}' \
		'{"ts":6,"n":2,"name":"b"}' >own.json
	weir from-json --type mine --schema 'name:str,size:u32,tags:list<str>,at:ip' own.json >own.weir
	weir json -i own.weir >got
	cat >want <<-'EOF'
		{"type":"mine","ts":5.000000001,"flow":0,"n":1,"name":"a","size":7,"tags":["x","y"],"at":"192.0.2.1"}
		{"type":"mine","ts":6.000000000,"flow":0,"n":2,"name":"b"}
	EOF
	cmp got want
	weir from-json --type mine --schema 'name:str,size:u32,tags:list<str>,at:ip' got | weir json | cmp - want
	weir filter 'size == 7' -i own.weir | weir json | cmp - <(head -n 1 want)
	run -2 weir from-json --type mine own.json
	[[ $output == *"needs --schema"* ]]
	run -2 weir from-json --schema a:str own.json
	run -2 weir from-json --type mine --schema 'a' own.json
	run -2 weir from-json --type mine --schema 'a:nix' own.json
	run -2 weir from-json --type mine --schema 'A:str' own.json
}

@test "from-json: a line that is no record is named, counted, left out, and exit code 4" {
	{
		sed -n 1p "$dir/all.json"
		echo 'nonsense'
		echo '{"type":"nix"}'
		echo '{"n":1}'
		echo '{"type":"dns","n":1}'
		sed 's/"n":[0-9]*/"n":true/;q' "$dir/all.json"
		sed -n 2p "$dir/all.json"
	} >bad.json
	run -4 --separate-stderr weir from-json bad.json -o out.weir
	[[ $stderr == *"bad.json:2: this is no JSON"* ]]
	[[ $stderr == *"bad.json:3: no type 'nix'"* ]]
	[[ $stderr == *"bad.json:4: no type; give --type"* ]]
	[[ $stderr == *"bad.json:5: field "*" is missing"* ]]
	[[ $stderr == *"bad.json:6: field 'n': not a number"* ]]
	run -4 weir json -i out.weir
	[ "$(grep -c '^{' <<<"$output")" = 2 ]
	weir books -i out.weir | grep -q 'lines.bad 5' || true
	weir json -i out.weir >two || true
	head -n 2 "$dir/all.json" | cmp - two
	run -4 weir from-json --on-error stop bad.json -o stop.weir
	weir json -i stop.weir >one || true
	[ "$(wc -l <one)" = 1 ]
}

@test "from-json: unknown members are refused, or left out where told" {
	sed 's/}$/,"more":1}/;q' "$dir/all.json" >more.json
	run -4 weir from-json more.json -o null:
	[[ $output == *"has no field 'more'"* ]]
	weir from-json --ignore-unknown more.json | weir json | cmp - <(head -n 1 "$dir/all.json")
}

@test "from-json: a line beyond 2 MiB is counted, and the ones behind it are read" {
	python3 -c 'print("{" + "x" * 5000000 + "}")' >long.json
	head -n 1 "$dir/all.json" >>long.json
	run -4 weir from-json long.json -o out.weir
	[[ $output == *"long.json:1: longer than 2 MiB"* ]]
	weir json -i out.weir >one || true
	head -n 1 "$dir/all.json" | cmp - one
}

@test "from-json: lines pass at once, short reads and a missing last newline change nothing" {
	mkfifo in
	exec 9<>in
	weir from-json in 9>&- | weir json 9>&- >got &
	head -n 3 "$dir/all.json" >&9
	sed -n 4p "$dir/all.json" >&9
	for ((i = 0; i < 100; i++)); do
		[ -s got ] && break
		sleep 0.1
	done
	[ -s got ]
	exec 9>&-
	wait $!
	head -n 4 "$dir/all.json" | cmp - got
	head -c -1 "$dir/all.json" | weir from-json | weir json | cmp - "$dir/all.json"
	sed 5q "$dir/all.json" | { while IFS= read -r -n 7 x || [ -n "$x" ]; do printf '%s' "$x"; [ ${#x} -lt 7 ] && echo; done; true; } | weir from-json | weir json | cmp - <(sed 5q "$dir/all.json")
}

@test "from-json: n that goes back is raised, counted and said" {
	printf '%s\n' '{"n":5,"a":1}' '{"n":3,"a":2}' >back.json
	run -0 weir from-json --type t --schema a:u8 back.json -o out.weir
	[[ $output == *"n goes back"* ]]
	weir json -i out.weir | grep -q '"n":5,"a":2'
	weir books -i out.weir | grep -q 'n_raised 1'
}

@test "from-json: what can't be read is said with why at the start, exit 1; one wrong line is one" {
	run -1 weir from-json . -o out.weir
	[ "$output" = "weir-from-json: '.': Is a directory" ]
	run -1 bash -c "weir from-json <&- | cat; exit \${PIPESTATUS[0]}"
	[ "$output" = "weir-from-json: '-': Bad file descriptor" ]
	run -1 bash -c "weir from-json -o out.weir <&-"
	[ "$output" = "weir-from-json: '-': not open for reading" ]
	run -4 bash -c "echo x | weir from-json -o out.weir"
	[ "${lines[1]}" = "weir-from-json: -: offset 2: 1 line is no record" ]
	run -4 bash -c "printf 'x\ny\n' | weir from-json -o out.weir"
	[ "${lines[2]}" = "weir-from-json: -: offset 4: 2 lines are no records" ]
}
