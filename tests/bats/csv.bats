#!/usr/bin/env bats
# csv: one type as RFC 4180, as Python's reader of it sees it, or between tabs.
load helper

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	weir read "$top/examples/demo.pcap" | weir flow | weir reasm | weir dns | weir http | weir tls >all.weir
	weir json -i all.weir >all.json
}

setup() {
	dir=$BATS_FILE_TMPDIR
	cd "$BATS_TEST_TMPDIR"
}

# same TYPE FILE: every column of the CSV is what the JSON has.
same() {
	python3 - "$@" <<-'EOF'
	import csv, json, sys
	kind, table, lines = sys.argv[1:4]
	want = {}
	for line in open(lines):
	    r = json.loads(line, parse_float=str, parse_int=str)
	    if r["type"] == kind:
	        want.setdefault((r["flow"], r["n"]), []).append(r)
	rows = list(csv.DictReader(open(table, newline="")))
	assert rows and sum(map(len, want.values())) == len(rows), (len(rows), len(want))
	def text(v):
	    if isinstance(v, bool): return "true" if v else "false"
	    if isinstance(v, list): return ";".join(text(i) for i in v)
	    return v
	seen = 0
	for row in rows:
	    def fits(r):
	        for k, v in row.items():
	            if "." in k:
	                a, b = k.split(".", 1)
	                w = text([i[b] for i in r.get(a, []) if b in i])
	            else:
	                w = text(r.get(k, ""))
	            if w != v: return False
	        return True
	    assert any(fits(r) for r in want[row["flow"], row["n"]]), row
	    seen += 1
	print(seen)
	EOF
}

@test "csv: Python's csv module reads back what the JSON has, for every type" {
	for t in dns http tls flow session_end anomaly stream_end; do
		weir csv --types $t -i "$dir/all.weir" >$t.csv
		[ "$(wc -l <$t.csv)" -ge 1 ] || continue
		grep -q "\"type\":\"$t\"" "$dir/all.json" || continue
		same $t $t.csv "$dir/all.json"
	done
}

@test "csv: columns can be chosen, the header left out, times written as ISO" {
	weir csv -t dns --fields ts,query,rcode_name -i "$dir/all.weir" >got
	head -n 1 got | tr -d '\r' | grep -qx 'ts,query,rcode_name'
	sed -n 2p got | tr -d '\r' | grep -qxE '[0-9]+\.[0-9]{9},[a-z0-9.-]+,[A-Z]+'
	weir csv -t dns --no-header --fields query,query -i "$dir/all.weir" | head -n 1 | tr -d '\r' | grep -qE '^([^,]+),\1$'
	weir csv -t dns --time iso --no-header --fields ts -i "$dir/all.weir" | head -n 1 | grep -q '^2026-01-01T00:00:0.*Z'
	run -3 weir csv -t dns --fields quary -i "$dir/all.weir"
	[[ $output == *"did you mean 'query'"* ]]
}

@test "csv: quotes, commas, line ends and tabs survive" {
	printf '%s\n' '{"n":1,"a":"x,y","b":"say \"hi\"","c":"two\nlines","d":"tab\there\\"}' >in.json
	weir from-json --type t --schema a:str,b:str,c:str,d:str in.json >in.weir
	weir csv -i in.weir --fields a,b,c,d | python3 -c '
import csv, sys, io
rows = list(csv.reader(io.TextIOWrapper(sys.stdin.buffer, newline="")))
assert rows[1] == ["x,y", "say \"hi\"", "two\nlines", "tab\there\\"], rows'
	weir csv --tsv --no-header -i in.weir --fields a,b,c,d >got
	printf '%s\n' 'x,y	say "hi"	two\nlines	tab\there\\' | cmp - got
}

@test "csv: a second type without --types ends it with advice" {
	run -1 weir csv -i "$dir/all.weir"
	[[ $output == *"choose one with --types"* ]]
	run -2 weir csv -t dns,tls -i "$dir/all.weir"
	[[ $output == *"a table is of one type"* ]]
	weir filter 'type == "dns"' -i "$dir/all.weir" | weir csv | head -n 1 | grep -q '^ts,flow,n,community_id,proto,'
	weir csv -t nix -i "$dir/all.weir" >got
	[ ! -s got ]
}
