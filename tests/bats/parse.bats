#!/usr/bin/env bats
# parse: several parsers in one process.
load helper

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	local name
	for name in ftp tftp smtp ssh; do python3 "$top/tests/gen/scenario.py" $name >$name.pcap; done
	python3 "$top/tests/gen/guess.py" starttls >starttls.pcap
	weir read "$top/examples/demo.pcap" ./*.pcap | weir flow | weir reasm >in.weir
	weir infer -i in.weir >guessed.weir
}

setup() { cd "$BATS_FILE_TMPDIR"; }

@test "parse: the records of all parsers side by side, with guesses and without; the books balance" {
	local in p
	for in in in guessed; do
		for p in dns ftp http smtp ssh tftp tls; do
			weir $p --only -i $in.weir | weir json
		done | sort >apart
		weir parse --only -i $in.weir | tee together.weir | weir json | sort >together
		cmp apart together
		[ "$(wc -l <together)" -gt 60 ]
		weir books -i together.weir | tail -n 1 | grep -q '^books balance'
	done
	for p in dns ftp http smtp ssh tftp tls; do grep -q "\"type\":\"$p\"" together; done
}

@test "parse: some protocols alone, the rest passes on; options of a parser by its name" {
	weir parse --protocols dns,tls -i in.weir | weir http --only | weir json --types http,dns,tls >some
	[ "$(grep -c '"type":"http"' some)" -gt 5 ]
	weir parse --protocols http --http-headers -i in.weir | weir json --types http | cmp - <(weir http --headers -i in.weir | weir json --types http)
	run weir parse --protocols dns,htttp -i in.weir
	[ "$status" -eq 2 ]
	[[ "$output" == *"no parser of 'htttp'; did you mean 'http'?" ]]
	run weir parse --protocols '' -i in.weir
	[ "$status" -eq 2 ]
}

@test "parse --no-payload: all but frames, packets and streams passes on; what ends here is counted" {
	weir parse --no-payload -i guessed.weir >lean.weir
	weir parse -i guessed.weir | weir json >all
	weir json -i lean.weir | cmp - all
	! weir json -i lean.weir --types frame,packet,stream | grep -q . || false
	weir books -i lean.weir >books
	tail -n 1 books | grep -q '^books balance'
	for type in packet stream; do
		n=$(weir json -i guessed.weir --types $type | wc -l)
		[ "$n" -gt 0 ]
		grep -qE "seen\.$type $n( |\$)" books
	done
}
