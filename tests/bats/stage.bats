#!/usr/bin/env bats
# What every stage keeps to: records pass byte for byte, schemas are bound by name, inputs are
# joined in order, the sandbox holds, and each counter of a law is watched.
load helper
load ../stages/build

chain="weir dns | weir http | weir tls"
mangle=$top/tests/stages/mangle.py

setup_file() {
	local demo=$top/examples/demo.pcap dir=$BATS_FILE_TMPDIR
	weir read "$demo" >"$dir/frames.weir"
	weir flow -i "$dir/frames.weir" >"$dir/packets.weir"
	weir reasm -i "$dir/packets.weir" >"$dir/streams.weir"
	bash -c "$chain" <"$dir/streams.weir" >"$dir/all.weir"
	weir json -i "$dir/all.weir" >"$dir/all.json"
	stage_program pass
	stage_program prefixed
	python3 "$top/tests/stages/many_requests.py" 10000 >"$dir/many.pcap"
}

setup() {
	dir=$BATS_FILE_TMPDIR
	cd "$BATS_TEST_TMPDIR" || return 1
}

# ---- what passes ----

@test "stage: a filter that passes everything changes no byte of any record" {
	"$dir/weir-pass" -i "$dir/all.weir" >passed.weir
	types="packet stream flow stream_end session_end anomaly dns http tls"
	# shellcheck disable=SC2086
	cmp <("$mangle" show $types <"$dir/all.weir") <("$mangle" show $types <passed.weir)
	[ "$("$mangle" show $types <passed.weir | wc -l)" -gt 100 ]
}

@test "stage: appended fields and unknown enum values pass byte for byte through every stage" {
	"$mangle" appended <"$dir/streams.weir" >in.weir
	bash -c "set -o pipefail; $chain" <in.weir >out.weir
	types="flow stream_end anomaly"
	# shellcheck disable=SC2086
	"$mangle" show $types <in.weir >before
	# shellcheck disable=SC2086
	# What the parsers add is anomaly records of their own.
	"$mangle" show $types <out.weir | grep -vxFf before >new || true
	! grep -v '^anomaly' new || false
	"$mangle" show $types <out.weir | grep -xFf before >after
	cmp before after
	grep -q "$(printf tomorrow | xxd -p 2>/dev/null || echo 746f6d6f72726f77)" after
	weir json -i out.weir | grep -q '"field_of_tomorrow":"tomorrow"'
	weir json -i out.weir --types flow | grep -q 'value_of_tomorrow'
}

@test "stage: a type that no stage knows passes flow, reasm and the parsers byte for byte" {
	"$mangle" custom mine 1000 <"$dir/streams.weir" >in.weir
	bash -c "set -o pipefail; $chain" <in.weir >out.weir
	cmp <("$mangle" show mine <in.weir) <("$mangle" show mine <out.weir)
	[ "$("$mangle" show mine <out.weir | wc -l)" -gt 5 ]
	weir json -i out.weir --types mine | grep -q '"who":"mine"'
	"$mangle" custom mine 1000 <"$dir/packets.weir" | weir reasm >out.weir
	cmp <("$mangle" show mine <in.weir) <("$mangle" show mine <out.weir)
}

@test "stage: a control record of tomorrow is no error" {
	"$mangle" unknown <"$dir/streams.weir" | bash -c "set -o pipefail; $chain | weir json" | cmp - "$dir/all.json"
}

@test "stage: the hello of another version that says more is read" {
	"$mangle" hello 9.9.9 <"$dir/streams.weir" | bash -c "set -o pipefail; $chain | weir json" | cmp - "$dir/all.json"
}

@test "stage: the shortest integers, as Python packs them, are read like our own at every joint" {
	for joint in "frames flow|weir_reasm" "packets reasm" "streams dns"; do
		read -r file stages <<<"$joint"
		stages="weir ${stages//|weir_/ | weir }"
		[ "$file" = streams ] && stages="cat"
		"$mangle" shortest <"$dir/$file.weir" >short.weir
		[ "$(stat -c %s short.weir)" -lt "$(stat -c %s "$dir/$file.weir")" ]
		bash -c "set -o pipefail; $stages | $chain | weir json" <short.weir | cmp - "$dir/all.json"
	done
	"$mangle" shortest <"$dir/all.weir" | weir json | cmp - "$dir/all.json"
}

@test "stage: a text that comes as bytes is read as a text" {
	"$mangle" texts_as_bytes <"$dir/all.weir" | weir json | cmp - "$dir/all.json"
	"$mangle" texts_as_bytes <"$dir/streams.weir" | bash -c "set -o pipefail; $chain | weir json" | cmp - "$dir/all.json"
}

# ---- what does not ----

@test "stage: a missing required field exits 3, one line names field and producer" {
	for case in "packet dir dns reasm streams" "stream offset http reasm streams" "flow event tls reasm streams" \
		"frame wire_len flow read frames" "packet verdict reasm flow packets"; do
		read -r type field tool producer file <<<"$case"
		"$mangle" without "$type" "$field" <"$dir/$file.weir" >in.weir
		run weir "$tool" -i in.weir -o null:
		[ "$status" -eq 3 ]
		[ "${#lines[@]}" -eq 1 ]
		[[ "$output" == *"type '$type' from weir-$producer "*"required field '$field'" ]]
	done
}

@test "stage: another major version of a type exits 3 and names the type" {
	for case in "packet dns streams" "stream tls streams" "frame flow frames"; do
		read -r type tool file <<<"$case"
		"$mangle" major "$type" 2 <"$dir/$file.weir" >in.weir
		run weir "$tool" -i in.weir -o null:
		[ "$status" -eq 3 ]
		[ "${#lines[@]}" -eq 1 ]
		[[ "$output" == *"'$type'"*version* ]]
	done
}

@test "stage: a stage that does not read a type does not care for its version" {
	"$mangle" major frame 2 <"$dir/frames.weir" >in.weir
	run "$dir/weir-pass" -i in.weir -o null:
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

# ---- joins ----

@test "join: two custom types with one id are told apart, one type with two ids is one" {
	"$mangle" custom alpha 1000 <"$dir/streams.weir" >a.weir
	"$mangle" custom beta 1000 <"$dir/streams.weir" >b.weir
	"$mangle" custom alpha 1007 <"$dir/streams.weir" >c.weir
	flows=$("$mangle" show flow <"$dir/streams.weir" | wc -l)
	weir dns -i a.weir -i b.weir -i c.weir >joined.weir
	"$mangle" ids <joined.weir >ids
	[ "$(wc -l <ids)" -eq 2 ]
	grep -q "^alpha [0-9]* $((2 * flows))$" ids
	grep -q "^beta [0-9]* $flows$" ids
	[ "$(cut -d ' ' -f 2 ids | sort -u | wc -l)" -eq 2 ]
	weir json -i a.weir -i b.weir -i c.weir --types alpha,beta >joined.json
	[ "$(grep -c '"type":"alpha".*"who":"alpha"' joined.json)" -eq $((2 * flows)) ]
	[ "$(grep -c '"type":"beta".*"who":"beta"' joined.json)" -eq "$flows" ]
}

@test "join: inputs are joined in order of n, whatever order they are named in" {
	weir dns --only -i "$dir/streams.weir" >d.weir
	weir http --only -i "$dir/streams.weir" >h.weir
	weir tls -i <(weir http -i <(weir dns -i "$dir/streams.weir")) >rest.weir
	bash -c "weir json -i d.weir -i h.weir" >one.json
	bash -c "weir json -i h.weir -i d.weir" >two.json
	cmp one.json two.json
	python3 - one.json <<'END'
import json, sys
n = [json.loads(line)["n"] for line in open(sys.argv[1])]
assert n == sorted(n) and len(n) > 20, n
END
	# The fan-out finds what the chain finds, the third branch passing on the rest.
	weir json --types dns,http -i d.weir -i h.weir | cmp - <(weir json --types dns,http -i "$dir/all.weir")
}

fan_out() {
	local ring=weir-test-$$-$RANDOM
	weir reasm -i "$dir/many.weir" -o "shm:$ring,readers=dns,http,size=1M" 3>&- &
	weir json -i <(weir dns --only -i "shm:$ring,reader=dns") -i <(weir http --only -i "shm:$ring,reader=http")
}

@test "join: a fan-out over a small ring ends though one branch is quiet, and fast; without marks it hangs" {
	export dir
	export -f fan_out
	weir read "$dir/many.pcap" | weir flow >"$dir/many.weir"
	start=$SECONDS
	timeout -k 1 60 bash -c fan_out >out.json
	[ $((SECONDS - start)) -lt 10 ]
	[ "$(grep -c '"type":"http"' out.json)" -eq 10000 ]
	weir reasm -i "$dir/many.weir" | weir http | weir json --types http | cmp - <(grep '"type":"http"' out.json)
	# The same without marks: nothing is left to say that the quiet branch has come as far.
	export WEIR_TEST_NO_MARKS=1
	status=0
	setsid timeout -k 1 3 bash -c fan_out >hung.json 2>/dev/null || status=$?
	[ "$status" -ge 124 ]
	[ "$(wc -l <hung.json)" -lt 10000 ]
}

@test "join: the whole pipeline on a capture of one protocol does not crawl" {
	start=$SECONDS
	[ "$(weir "$dir/many.pcap" -q --ring-size 1M --types http | wc -l)" -eq 10000 ]
	[ $((SECONDS - start)) -lt 10 ]
}

# ---- a parser that is lost ----

@test "stage: HTTP is garbage to a length-prefixed parser: one anomaly and one session_end a flow" {
	"$dir/weir-prefixed" --only -i "$dir/streams.weir" | weir json >out.json
	flows=$(weir json -i "$dir/streams.weir" --types flow | grep '"event":"end"' | grep -c '"resp_p":80,.*')
	for type in anomaly session_end; do
		[ "$(grep -c "\"type\":\"$type\"" out.json)" -gt 0 ]
		[ -z "$(grep "\"type\":\"$type\"" out.json | grep -o '"flow":[0-9]*' | sort | uniq -d)" ]
	done
	[ "$(grep -c '"type":"anomaly"' out.json)" -eq "$(grep -c '"type":"session_end"' out.json)" ]
	[ "$(grep -c '"type":"session_end"' out.json)" -le "$flows" ]
	[ "$(grep -c '"name":"prefixed_parse_error"' out.json)" -eq "$(grep -c '"type":"anomaly"' out.json)" ]
}

# ---- books ----

@test "books: an off-by-one of any counter in a law of any stage is caught" {
	stages=(read flow reasm dns http tls)
	missed=
	weir books -i "$dir/all.weir" >/dev/null
	for i in "${!stages[@]}"; do
		stage=${stages[$i]}
		case $stage in
		read) in="weir read '$top/examples/demo.pcap'" counters="made out out_to" ;;
		flow) in="weir flow -i '$dir/frames.weir'" counters="in made out out_to consumed filtered frames.in frames.packet flows.in" ;;
		reasm) in="weir reasm -i '$dir/packets.weir'" counters="in made out out_to consumed filtered bytes.in bytes.delivered" ;;
		*) in="weir $stage -i '$dir/streams.weir'" counters="in made out out_to consumed filtered" ;;
		esac
		for counter in $counters; do
			status=0
			WEIR_TEST_BOOKS=$stage:$counter:1 bash -c "$in" >off.weir 2>said || status=$?
			grep -q '^weir-'"$stage"': books are off' said || status=0
			if [ "$status" -ne 6 ]; then
				weir books -i off.weir >table 2>&1 || status=$?
			fi
			[ "$status" -eq 6 ] || missed+=" $stage:$counter"
		done
	done
	echo "missed:$missed"
	[ -z "$missed" ]
}

@test "stage: records of a type that was never declared are said once, counted, exit 3" {
	weir read "$top/examples/demo.pcap" | weir flow | weir reasm >"$BATS_TEST_TMPDIR/r.weir"
	/usr/bin/python3 "$top/tests/stages/mangle.py" drop 1 <"$BATS_TEST_TMPDIR/r.weir" >"$BATS_TEST_TMPDIR/bare.weir"
	for tool in dns json; do
		run --separate-stderr weir "$tool" -i "$BATS_TEST_TMPDIR/bare.weir" -o null:
		[ "$status" -eq 3 ]
		[ "${#stderr_lines[@]}" -eq 1 ]
		[[ "$stderr" == *"without a schema"* ]]
	done
}

@test "a stage says on \$WEIR_READY_FD that it is ready, once, and closes it" {
	mkfifo "$BATS_TEST_TMPDIR/ready" "$BATS_TEST_TMPDIR/in"
	WEIR_READY_FD=9 weir dns <"$BATS_TEST_TMPDIR/in" 9>"$BATS_TEST_TMPDIR/ready" >/dev/null 2>&1 3>&- &
	exec 8>"$BATS_TEST_TMPDIR/in" # it has no input yet, and waits for it
	[ "$(timeout 10 od -An -tx1 <"$BATS_TEST_TMPDIR/ready")" = " 0a" ]
	kill -0 $!
	exec 8>&-
	wait $! || [ $? -eq 4 ]
}

@test "stage: a chain from which flow or reasm is missing is told so in one line, by who misses it" {
	demo=$top/examples/demo.pcap
	said() { bash -c "set -o pipefail; $1" 2>&1 >/dev/null; }
	run -0 said "weir read '$demo' | weir dns | weir json"
	[ "$output" = "weir-dns: frames came in, and no packets: before this stage 'weir flow' is missing" ]
	run -0 said "weir read '$demo' | weir reasm | weir json"
	[ "$output" = "weir-reasm: frames came in, and no packets: before this stage 'weir flow' is missing" ]
	run -0 said "weir read '$demo' | weir flow | weir http | weir json"
	[ "$output" = "weir-http: TCP packets came in, and no streams: before this stage 'weir reasm' is missing" ]
	for printer in json "json -t dns" csv "csv -t dns"; do
		run -0 said "weir read '$demo' | weir $printer"
		[ "$output" = "weir-${printer%% *}: frames came in, and no packets: before this stage 'weir flow' is missing" ]
	done
	# A printer may have been asked for frames, or for what none of the records is.
	for chain in "weir json -t frame" "weir csv -t frame" "weir json -q" "weir flow | weir json -t smtp" "weir flow | weir reasm | weir csv -t smtp" "weir filter 'n > 1000' | weir json"; do
		run -0 said "weir read '$demo' | $chain"
		[ -z "$output" ]
	done
	# Nothing is said where all is there, where UDP is enough, where nothing came, or where it is not wanted.
	for chain in "weir flow | weir reasm | weir http | weir parse" "weir flow | weir dns" "weir filter 'n > 1000' | weir dns" "weir dns -q"; do
		run -0 said "weir read '$demo' | $chain | weir json"
		[ -z "$output" ]
	done
}

# ---- files ----

@test "stage: a start that fails takes nothing from the file that -o names" {
	echo precious >keep
	# kept CODE ARGUMENT...: weir with these fails so, and the file is what it was.
	kept() {
		local code=$1
		shift
		run -"$code" weir "$@" -o keep
		[ "$(cat keep)" = precious ] || { echo "lost by: $*"; return 1; }
	}
	for tool in flow dns reasm "filter n>0" count head sort "cut n" tee json "csv -t dns" books; do
		# shellcheck disable=SC2086
		kept 1 $tool -i nosuch
	done
	for tool in cut sample join rank tag edit write carve spec; do
		# shellcheck disable=SC2086
		kept 2 $tool -i "$dir/all.weir"
	done
	kept 2 filter 'a ((' -i "$dir/all.weir"
	kept 2 flow --decap bogus -i "$dir/frames.weir"
	kept 2 json extra -i "$dir/all.weir"
	kept 2 craft 'ip/(('
	kept 1 read nosuch
	kept 1 read "$top/examples/demo.pcap" nosuch
	kept 1 from-json nosuch
	kept 1 capture -I nosuch
	kept 2 link -i tcp://127.0.0.1:nosuch
	# Neither where it is the source in front that can't start, or where no stream comes.
	for tool in json "filter 'n > 0'" sort "csv -t dns" write; do
		run bash -c "weir read nosuch | weir $tool -o keep; weir run \"read nosuch | $tool -o keep\"; weir $tool -o keep </dev/null"
		[ "$(cat keep)" = precious ] || { echo "lost by: $tool"; return 1; }
	done
	# With nothing wrong the whole of it goes, also where what comes is shorter.
	seq 100000 >keep
	weir json -t dns -i "$dir/all.weir" -o keep
	cmp keep <(weir json -t dns -i "$dir/all.weir")
	weir filter 'n > 1000000' -i "$dir/all.weir" -o keep
	[ "$(weir json -i keep | wc -l)" -eq 0 ]
	# What the shell opened to append to is appended to.
	weir json -t dns -i "$dir/all.weir" >twice
	weir json -t dns -i "$dir/all.weir" >>twice
	[ "$(wc -l <twice)" -eq $((2 * $(weir json -t dns -i "$dir/all.weir" | wc -l))) ]
	mkfifo pipe
	cat pipe >through &
	weir filter 'n > 0' -i "$dir/all.weir" -o pipe
	wait $!
	cmp <(weir json -i through) "$dir/all.json"
	weir filter 'n > 0' -i "$dir/all.weir" -o /dev/null
	weir filter 'n > 0' -i "$dir/all.weir" -o /dev/stdout | weir json >lines
	[ -s lines ]
}

@test "stage: a file that is read can't be one that is written" {
	# apart COMMAND: it refuses, and the file is what it was.
	apart() {
		run -2 bash -c "$1"
		[[ "$output" == *"input file is output file"* ]]
		cmp keep.weir "$dir/all.weir"
	}
	cp "$dir/all.weir" keep.weir
	ln keep.weir twin.weir
	for tool in "filter 'n > 0'" "cut n" sort tee reasm flow json "csv -t dns" dns head buffer; do
		apart "weir $tool -i keep.weir -o keep.weir"
	done
	apart "weir sort -i '$dir/all.weir' -i keep.weir -o null: -o ./twin.weir"
	apart "weir sort <keep.weir >>keep.weir"
	apart "weir json <keep.weir >>keep.weir"
	apart "weir write keep.weir <keep.weir"
	apart "weir read keep.weir -o keep.weir"
	apart "weir read keep.weir >>keep.weir"
	apart "weir filter 'n > 9' --fail keep.weir -i keep.weir -o null:"
	apart "weir carve --from keep.weir -i '$dir/all.weir' -o keep.weir"
	apart "weir from-json keep.weir -o keep.weir"
	# What is no file is read and written at once.
	weir sort -i "$dir/all.weir" -o /dev/null </dev/null
	weir sort <"$dir/all.weir" >sorted.weir
}
