#!/usr/bin/env bats
# infer: which protocol a flow carries: the cases that ports get wrong, options, exit codes.
load helper

guess() { # guess NAME: the generated capture
	local file=$BATS_FILE_TMPDIR/$1.pcap
	[ -e "$file" ] || python3 "$top/tests/gen/guess.py" "$1" >"$file"
	echo "$file"
}

# said NAME [OPTION...]: a line a guess: port, rev, protocol, state, confidence.
said() {
	local file
	file=$(guess "$1")
	shift
	weir read "$file" | weir flow | weir reasm | weir infer --only "$@" |
		weir csv --types guess --fields resp_p,rev,protocol,state,confidence --no-header | tr -d '\r'
}

# field NAME FIELDS: JSON of these fields of its guesses.
field() {
	weir read "$(guess "$1")" | weir flow | weir reasm | weir infer --only | weir json --types guess --fields "$2"
}

@test "infer: HTTP to port 22 that an SSH server answers: both stay visible" {
	run said http_on_ssh
	[[ "${lines[0]}" == 22,1,http,likely,* ]]
	[[ "${lines[1]}" == 22,2,ssh,contradicted,* ]]
	run field http_on_ssh cause,port_says,replaces,replaces_protocol,alternatives
	[[ "${lines[0]}" == *'"port_says":"ssh"'* ]]
	[[ "${lines[1]}" == *'"cause":"conflict"'*'"protocol":"http"'*'"replaces":1,"replaces_protocol":"http"'* ]]
}

@test "infer: TLS at port 25 follows STARTTLS, and is no contradiction" {
	run said starttls
	[[ "$output" == 25,1,smtp,likely,*25,2,smtp,confirmed,*25,3,tls,likely,*25,4,tls,confirmed,* ]]
	run field starttls cause,over,orig_offset,resp_offset
	[ "${lines[2]}" = '{"type":"guess","cause":"upgrade","over":"smtp","orig_offset":35,"resp_offset":84}' ]
}

@test "infer: CONNECT, Upgrade and SSLRequest let another protocol follow" {
	run said connect
	[[ "$output" == *8080,2,http,confirmed,*8080,3,tls,likely,*8080,4,tls,confirmed,* ]]
	run said websocket
	[[ "$output" == *80,2,http,confirmed,*80,3,websocket,likely,* ]]
	run said postgres_tls
	[[ "$output" == *5432,2,postgresql,confirmed,*5432,3,tls,likely,*5432,4,tls,confirmed,* ]]
}

@test "infer: only the server's port counts" {
	run said dns_and_http
	[[ "$output" == 53,1,dns,*53,2,dns,confirmed,*80,1,http,likely,90*80,2,http,confirmed,97* ]]
	run field dns_and_http port_says
	[[ "$output" != *dns* ]]
}

@test "infer: SSH at port 443 is SSH" {
	run said ssh_443
	[[ "${lines[0]}" == 443,1,ssh,likely,* && "${lines[1]}" == 443,2,ssh,confirmed,* ]]
}

@test "infer: a client's words from the responder turn the flow round" {
	run field turned cause,client,protocol
	[ "${lines[0]}" = '{"type":"guess","protocol":"http","cause":"flip","client":"resp"}' ]
}

@test "infer: random bytes at port 443 stay at 40 or below and are marked as looking random" {
	run said random_443
	for line in "${lines[@]}"; do [ "${line##*,}" -le 40 ]; done
	[[ "${lines[-1]}" == 443,2,tls,gave_up,* ]]
	run field random_443 encrypted
	[[ "${lines[-1]}" == *'"encrypted":true'* ]]
}

@test "infer: a service seen before names a flow of which the beginning is missing" {
	run said mysql_mid
	[[ "${lines[0]}" == 7306,1,unknown,gave_up,0 ]]
	run said mysql
	[[ "${lines[2]}" == 7306,1,mysql,likely,* ]]
}

@test "infer: what one capture taught serves the next" {
	cd "$BATS_TEST_TMPDIR"
	said mysql --dump learnt >/dev/null
	grep -q '^service 198.51.100.2 tcp 7306 mysql 1 ' learnt
	run said mysql_mid --load learnt
	[[ "${lines[0]}" == 7306,1,mysql,likely,* ]]
}

@test "infer: --dump leaves a file as it is until the run has come to its end" {
	cd "$BATS_TEST_TMPDIR"
	said mysql --dump learnt >/dev/null
	cp learnt before
	run -2 weir infer --load learnt --dump learnt --protocols nosuch </dev/null
	cmp learnt before
	run -2 weir infer --load learnt --dump fresh --protocols nosuch </dev/null
	[ ! -e fresh ]
	weir read "$(guess mysql)" | weir flow | weir reasm >in.weir
	# Two streams in a row have two ends; the second knows all.
	printf '%500s\n' '' >>learnt
	cat in.weir in.weir | weir infer --only --load learnt --dump learnt >/dev/null
	[ "$(wc -l <learnt)" = 1 ]
	grep -q '^service 198.51.100.2 tcp 7306 mysql ' learnt
	mkfifo pipe
	cat pipe >piped &
	weir infer --only --load learnt --dump pipe <in.weir >/dev/null
	wait
	grep -q '^service ' piped
}

@test "infer: a user's rule is certain" {
	cd "$BATS_TEST_TMPDIR"
	echo '198.51.100.0/24 tcp 400-500 = mine' >rules
	run said random_443 --rules rules
	[[ "${lines[0]}" == 443,1,mine,confirmed,100 ]]
	run field random_443 protocol
	[[ "${lines[0]}" == *tls* ]]
}

@test "infer: signatures and ports of one's own come beside those that are built in" {
	cd "$BATS_TEST_TMPDIR"
	printf '# mine\nmine tcp server 95 0:"SSH-2.0-OpenSSH_9.2"\n' >signatures
	echo '443/tcp mine' >ports
	run said ssh_443 --signatures signatures --ports ports
	[[ "${lines[0]}" == 443,1,mine,likely,* ]]
}

@test "infer: a wrong line is refused with its file and number" {
	cd "$BATS_TEST_TMPDIR"
	printf '# mine\nmine tcp server 95 0:5\n' >s
	printf '443/tcp mine\n443/tcx mine\n' >p
	printf '10.0.0.0/33 tcp 1 = x\n' >r
	run -2 weir infer --signatures s </dev/null
	[[ "$output" == "weir-infer: s:2: a pattern is"* ]]
	run -2 weir infer --ports p </dev/null
	[[ "$output" == "weir-infer: p:2: a kind is"* ]]
	run -2 weir infer --rules r </dev/null
	[[ "$output" == "weir-infer: r:1: no such number of bits" ]]
	run -1 weir infer --load nowhere </dev/null
	[[ "$output" == "weir-infer: cannot open 'nowhere'"* ]]
	printf 'any tcp 8000-9000 = x\nany tcp 8999-8000 = x\n' >r
	run -2 weir infer --rules r </dev/null
	[[ "$output" == "weir-infer: r:2: the last port is lower than the first" ]]
	run -2 weir infer --depth 2000 </dev/null
	[[ "$output" == "weir-infer: --depth is"* ]]
}

@test "infer: --explain says it in words, --calibrate how often it was right" {
	run bash -c "weir read '$(guess starttls)' | weir flow | weir reasm | weir infer --explain"
	[[ "$output" == *"192.0.2.1:40000 -> 198.51.100.2:25 tcp"*"1.  smtp, likely"*"port      38%  25/tcp smtp"* ]]
	[[ "$output" == *"takes over from smtp, which gave way to it"* ]]
	echo 'tcp 192.0.2.1 40000 198.51.100.2 25 smtp' >"$BATS_TEST_TMPDIR/truth"
	run bash -c "weir read '$(guess starttls)' | weir flow | weir reasm | weir infer --calibrate '$BATS_TEST_TMPDIR/truth'"
	[[ "$output" == *"class both 90..100 guesses 2 right 1"* ]]
	[[ "$output" == *"protocol smtp guesses 2 right 2"*"protocol tls guesses 2 right 0"* ]]
}

@test "infer: --min-confidence leaves out what is less sure" {
	run said random_443 --min-confidence 50
	[ -z "$output" ]
}

@test "infer: --class leaves out guesses whose strongest sign is another one" {
	run said starttls --class both
	[[ "$output" == 25,2,smtp,confirmed,*25,4,tls,confirmed,* || "$output" == 25,1,smtp,confirmed,*25,2,tls,confirmed,* ]]
	run said starttls --class one,port
	[[ "$output" == *smtp,likely,*tls,likely,* && "$output" != *confirmed* ]]
	run said starttls --class one --final-only # its last guess is of another class
	[ -z "$output" ]
	run said random_443 --class one,both
	[ -z "$output" ]
	run weir infer --class ports </dev/null
	[ "$status" -eq 2 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ "$output" == *"class"*"ports"* ]]
}

# last_words FILE: of each flow the last guess, without what says when it was written.
last_words() {
	weir json -i "$1" --types guess | jq -cs 'group_by(.flow)[] | last | del(.ts, .n, .rev, .replaces,
		.replaces_protocol, .replaces_confidence)' | sort
}

@test "infer: --final-only writes the last word about each flow, and parsers follow all of them" {
	cd "$BATS_TEST_TMPDIR"
	for name in demo starttls http_on_ssh connect ftp random_443; do
		file=$top/examples/demo.pcap
		[ "$name" = demo ] || file=$(guess "$name")
		weir read "$file" | weir flow | weir reasm -o in.weir
		weir infer -i in.weir --parse -o all.weir
		weir infer -i in.weir --parse --final-only -o final.weir
		last_words all.weir >a
		last_words final.weir >b
		[ -s a ]
		cmp a b
		[ "$(weir json -i final.weir --types guess | wc -l)" = "$(wc -l <b)" ]
		weir json -i all.weir | grep -v '"type":"guess"' >a
		weir json -i final.weir | grep -v '"type":"guess"' | cmp - a
	done
}

@test "infer: all that came in goes on, and the books balance" {
	run bash -c "weir read '$(guess starttls)' | weir flow | weir reasm | weir infer | weir books"
	[[ "$output" == *"books balance"* ]]
	cd "$BATS_TEST_TMPDIR"
	weir read "$(guess starttls)" | weir flow | weir reasm | tee before | weir infer >after
	weir json -i before --types flow,stream,stream_end >a
	weir infer --only -i before | weir json --types guess >only
	weir json -i after --types flow,stream,stream_end >b
	cmp a b
	weir json -i after --types guess >c
	cmp c only
}

@test "infer: with room for one flow the others are given up and counted" {
	run bash -c "weir read '$top/examples/demo.pcap' | weir flow | weir reasm | weir infer --max-flows 1 | weir books"
	[[ "$output" == *"books balance"* ]]
	[[ "$output" =~ flows_evicted\ +[1-9] ]]
}

@test "infer: it tells in front of its first record that it is there" {
	run bash -c "weir read '$(capture empty)' | weir flow | weir reasm | weir infer | python3 -c '
import sys
data = sys.stdin.buffer.read()
print(data.count(b\"guess\") > 0)'"
	[ "$output" = True ]
}

# parsed NAME TYPE FIELDS: what the parsers make of it behind weir-infer.
parsed() {
	weir read "$(guess "$1")" | weir flow | weir reasm | weir infer | weir dns | weir http | weir tls |
		weir json --types "$2" --fields "$3"
}

@test "infer: parsers follow the guess" {
	run parsed http_8443 http resp_p,uri
	[ "$output" = '{"type":"http","resp_p":8443,"uri":"/"}' ]
	run parsed starttls tls resp_p,sni
	[ "$output" = '{"type":"tls","resp_p":25,"sni":"mail.example.com"}' ]
	run parsed connect http,tls resp_p,method,sni
	[[ "${lines[0]}" == *CONNECT* && "${lines[1]}" == *'"sni":"mail.example.com"'* ]]
	run parsed dns_and_http dns,http resp_p
	[ "${lines[0]}${lines[1]}" = '{"type":"dns","resp_p":53}{"type":"http","resp_p":80}' ]
}

@test "infer: without it each parser looks for itself" {
	run bash -c "weir read '$(guess http_8443)' | weir flow | weir reasm | weir http | weir json --types http --fields uri"
	[ "$output" = '{"type":"http","uri":"/"}' ]
}

@test "infer: weir FILE --infer is the same as its stages in a row" {
	cd "$BATS_TEST_TMPDIR"
	weir "$(guess starttls)" -q --infer --protocols dns,http,tls --types guess,tls,session_end >a
	weir read "$(guess starttls)" | weir flow | weir reasm | weir infer | weir dns | weir http | weir tls |
		weir json --types guess,tls,session_end >b
	cmp a b
	[ "$(grep -c '"type":"guess"' a)" = 4 ]
	weir "$top/examples/demo.pcap" -q --types dns,http,tls,session_end,anomaly >a
	weir "$top/examples/demo.pcap" -q --infer --types dns,http,tls,session_end,anomaly >b
	cmp a b
}

@test "infer: --protocols leaves out payload that no parser behind it takes, and changes none of their records" {
	cd "$BATS_TEST_TMPDIR"
	for name in demo http_on_ssh starttls connect ftp; do
		file=$top/examples/demo.pcap
		[ "$name" = demo ] || file=$(guess "$name")
		weir read "$file" | weir flow | weir reasm -o in.weir
		for list in dns,http,tls ftp; do
			weir infer -i in.weir | weir parse --protocols="$list" | weir json >without
			weir infer -i in.weir --protocols "$list" -o for.weir
			weir parse -i for.weir --protocols="$list" | weir json >with
			cmp without with
		done
	done
	weir infer -i in.weir --protocols http -o for.weir
	run weir books -i for.weir
	[[ "$output" == *"not_wanted 6"*"books balance"* ]]
	run -1 grep '^stream ' <(weir info for.weir)
	weir infer -i in.weir --protocols ftp-data,http -o for.weir
	run weir json -i for.weir --types stream --fields resp_p
	[[ "$output" == *'"resp_p":50000'* && "$output" != *'"resp_p":21'* ]]
	for list in '' , ,,; do
		run -2 weir infer --protocols "$list" -i in.weir
		[[ "$output" == *"--protocols: '$list' names none"* ]]
		run -2 weir infer --parse --protocols "$list" -i in.weir
		[[ "$output" == *"--protocols: '$list' names none"* ]]
	done
	run -2 weir infer --protocols dns,mouse -i in.weir
	[[ "$output" == *"--protocols: there is neither a parser nor a protocol 'mouse'"* ]]
}

@test "infer --parse: the same records as those of infer and parse in a row, the books balance" {
	cd "$BATS_TEST_TMPDIR"
	local name file list
	for name in demo http_on_ssh starttls connect websocket ftp tftp random_443 turned mysql_mid; do
		file=$top/examples/demo.pcap
		[ "$name" = demo ] || file=$(guess "$name")
		weir read "$file" | weir flow | weir reasm -o in.weir
		for list in dns,ftp,http,smtp,ssh,tftp,tls dns,http,tls ftp; do
			weir infer -i in.weir | weir parse --no-payload --protocols="$list" | weir json >apart
			weir infer --parse --no-payload --protocols="$list" -i in.weir -o one.weir
			weir json -i one.weir | cmp - apart
			weir books -i one.weir | grep -q '^books balance'
		done
		weir infer -i in.weir | weir parse | weir json >apart
		weir infer --parse -i in.weir | weir json | cmp - apart
		weir infer --only -i in.weir | cat - <(weir infer -i in.weir | weir parse --only) | weir json | sort >apart
		weir infer --parse --only -i in.weir | weir json | sort | cmp - apart
	done
}

@test "infer --parse: the parsers' options, by their names, and no words instead of records" {
	cd "$BATS_TEST_TMPDIR"
	weir read "$top/examples/demo.pcap" | weir flow | weir reasm -o in.weir
	weir infer --parse --http-headers -i in.weir | weir json --types http >a
	grep -q '"req_headers":' a
	weir infer -i in.weir | weir http --headers | weir json --types http | cmp - a
	weir infer --parse --no-payload -i in.weir -o lean.weir
	run -1 grep -E '^(frame|packet|stream) ' <(weir info lean.weir)
	weir books -i lean.weir | grep -q "seen.stream $(weir json -i in.weir --types stream | wc -l)"
	run -2 weir infer --parse --protocols dns,mouse -i in.weir
	[[ "$output" == *"mouse"* ]]
	run -2 weir infer --http-headers -i in.weir
	run -2 weir infer --parse --explain -i in.weir
	[[ "$output" == *"--parse makes records: not with --explain or --calibrate"* ]]
	run -2 weir infer --no-payload -i in.weir
	[[ "$output" == *"--no-payload is for --parse"* ]]
}

@test "infer: weir FILE --infer counts and prints the same whichever way its parsers run" {
	cd "$BATS_TEST_TMPDIR"
	local file=$top/examples/demo.pcap
	weir "$file" -q --infer >a
	weir "$file" -q --infer --split | cmp - a
	weir "$file" -q --infer --with "http" --protocols dns,ftp,smtp,ssh,tftp,tls | cmp - a
	weir "$file" -q --infer --summary | sed -n '/^records/,/^$/p' >a
	weir "$file" -q --infer --with http --protocols dns,ftp,smtp,ssh,tftp,tls --summary | sed -n '/^records/,/^$/p' >b
	grep -q ' stream ' a
	cmp a b
}

# told NAME: port of the responder, protocol and bytes taken, of the guesses that another flow told of.
told() {
	weir read "$(guess "$1")" | weir flow | weir reasm | weir infer --only |
		weir filter 'exists(expected_by) and rev == 1' |
		weir csv --types guess --fields resp_p,protocol,bytes,expected_by,client --no-header | tr -d '\r'
}

@test "infer: FTP's data connections have their name before their first byte" {
	run told ftp
	[ "$output" = 50000,ftp-data,0,1,orig ]
	run told ftp_active
	[ "$output" = 40001,ftp-data,0,1,resp ]
}

@test "infer: an answer that comes in pieces tells as much" {
	run told ftp_split
	[ "$output" = 50000,ftp-data,0,1,orig ]
}

# A stage of one's own says what its protocol announces: here each line "open PORT" of a server.
announcer() {
	cat >announcer.py <<-END
		#!/usr/bin/python3
		import sys
		sys.path.insert(0, "$top/examples/python")
		import weir
		facts = open(sys.argv[1], "a", buffering=1)
		for rec in weir.records(types=["stream"]):
		    weir.pass_on()
		    said = rec["payload"].split()
		    if said[:1] == [b"open"]:
		        host = ".".join(map(str, rec["resp_h"][:4]))
		        print("expect", host, "tcp", said[1].decode(), "mine", 60, rec["flow"], file=facts)
	END
	chmod +x announcer.py
}

@test "infer --facts: what another stage tells of a flow that will come names it, live" {
	announcer
	weir read "$(guess announced)" | weir flow | weir reasm >in.weir
	: >facts
	mkfifo in
	weir infer --no-ring --facts facts -i in -o - 3>&- | ./announcer.py facts 3>&- >out.weir &
	exec 9>in
	# In the middle of the first record that has port 5556.
	cut=$(python3 -c 'print(open("in.weir", "rb").read().index(b"\xcd\x15\xb4"))')
	head -c "$cut" in.weir >&9
	for _ in $(seq 200); do [ -s facts ] && break; sleep 0.05; done
	grep -q '^expect .* tcp 5556 mine 60 ' facts
	tail -c "+$((cut + 1))" in.weir >&9
	exec 9>&-
	wait
	run weir json -i out.weir --types guess --fields resp_p,protocol,state,expected_by,why
	[[ "$output" == *'"resp_p":5556,"protocol":"mine","state":"likely","why":[{"class":"expected","what":"flow 1 announced it"'* ]]
	weir books -i out.weir | grep -qE 'facts_told 1( |$)'
}

@test "infer --facts: a folder is no file of facts, exit 1" {
	run -1 weir infer --facts . -i "$top/LICENSE" -o null:
	[ "$output" = "weir-infer: cannot read '.': Is a directory" ]
}

@test "infer --facts: lines that were there before, a wrong one said once and counted, a file that is not there" {
	weir read "$(guess random_443)" | weir flow | weir reasm >in.weir
	host=$(weir json -i in.weir --types flow --fields resp_h | head -n 1 | cut -d'"' -f8)
	printf 'expect %s tcp 443 mine 60\nnonsense\nexpect nobody tcp 1 a 1\nany tcp 443 = other\nexpect' "$host" >facts
	run --separate-stderr weir infer --facts facts --only -i in.weir -o out.weir
	[ "$status" -eq 0 ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ "$stderr" == *"facts: a rule is ADDRESS"*"'nonsense'" ]]
	weir books -i out.weir >books
	grep -qE 'facts_told 2( |$)' books
	grep -qE 'facts_wrong 3( |$)' books # with the line that has no end
	printf 'nonsense\nany tcp 443 = last' >facts
	weir infer --facts facts --only -i in.weir -o late.weir 2>/dev/null
	weir books -i late.weir | grep -qE 'facts_told 1( |$)'
	printf 'expect %s tcp 443 mine 60\n' "$host" >facts
	weir infer --facts facts --only -i in.weir | weir json --types guess --fields expected_by,why >out
	grep -q '"what":"it was announced"' out
	run -1 grep expected_by out
	weir json -i out.weir --fields protocol,state | grep -q '"protocol":"other","state":"confirmed"'
	run -1 weir infer --facts not/there -i in.weir
	[[ "$output" == *"cannot open 'not/there'"* ]]
}

@test "infer: SIP and RTSP tell of RTP and RTCP" {
	run told sip
	[[ "${lines[0]}" == 50000,rtp,0,1,* && "${lines[1]}" == 50001,rtcp,0,1,* ]]
	run told rtsp
	[[ "$output" == 41000,rtp,0,1,* ]]
}

@test "infer: TFTP goes on from a port of the server's choice" {
	run told tftp
	[ "$output" = 40000,tftp,0,1,resp ]
}

@test "infer: portmap, HTTPS and SRV records name what is at a port" {
	run told portmap
	[ "$output" = 40049,nfs,0,1,orig ]
	run told names
	[ "$output" = 8444,quic,0,3,orig ]
	run told srv
	[ "$output" = 5099,sip,0,1,orig ]
	run field names server_name
	[[ "${lines[-1]}" == *'"server_name":"www.example.com"'* ]]
}

@test "infer: what does not fit into its memory is counted" {
	run bash -c "weir read '$(guess names)' | weir flow | weir reasm | weir infer --context 1 | weir books"
	[[ "$output" =~ context_evicted\ +[1-9] && "$output" == *"books balance"* ]]
}
