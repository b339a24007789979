#!/usr/bin/env bats
load helper

@test "weir FILE: finds the same as the pipeline of the shell" {
	demo=$top/examples/demo.pcap
	weir read "$demo" | weir flow | weir reasm | weir dns | weir http | weir tls | weir smtp | weir json >"$BATS_TEST_TMPDIR/shell"
	weir "$demo" -q >"$BATS_TEST_TMPDIR/rings"
	[ -s "$BATS_TEST_TMPDIR/shell" ]
	cmp "$BATS_TEST_TMPDIR/shell" "$BATS_TEST_TMPDIR/rings"
}

@test "weir FILE --split: a process a parser makes the same; --protocols: these alone" {
	demo=$top/examples/demo.pcap
	weir "$demo" -q >"$BATS_TEST_TMPDIR/one"
	weir "$demo" -q --split --headers >"$BATS_TEST_TMPDIR/split"
	cmp <(weir "$demo" -q --headers) "$BATS_TEST_TMPDIR/split"
	weir "$demo" -q --split | cmp - "$BATS_TEST_TMPDIR/one"
	weir "$demo" -q --protocols dns --types dns,http,tls | cmp - <(grep '"type":"dns"' "$BATS_TEST_TMPDIR/one")
	grep -q '"type":"smtp"' "$BATS_TEST_TMPDIR/one"
	weir "$demo" -q --split --protocols dns,tls | cmp - <(weir "$demo" -q --protocols tls,dns)
	for wrong in htp ""; do
		run weir "$demo" -q --protocols "$wrong"
		[ "$status" -eq 2 ]
		[ "${#lines[@]}" -eq 1 ]
	done
}

@test "weir FILE: every branch of the fan-out ends with 0 and the closing line counts" {
	run bash -c "weir '$top/examples/demo.pcap' 2>&1 >/dev/null"
	[ "$status" -eq 0 ]
	[[ "$output" == *" packets, "*" flows, "*" records, "*" anomalies, 0 lost" ]]
}

@test "weir FILE: on a terminal a run of more than a second says how far it is, and when it ends" {
	printf '#!/bin/sh\nsleep 1.4\nexec weir dns "$@"\n' >slow
	chmod +x slow
	script -qec "weir '$top/examples/demo.pcap' --with ./slow -o out" /dev/null | tr '\r' '\n' >said
	grep -q '236 packets, 100 %, 0 s left' said
	tail -n 2 said | grep -q 'weir: 236 packets, 33 flows, .* 0 lost'
}

@test "weir FILE | head ends quietly" {
	run bash -c "weir '$top/examples/demo.pcap' -q 2>&1 | head -n 1"
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ "${lines[0]}" == '{"type":'* ]]
}

@test "weir FILE: cut short by SIGINT or SIGTERM it prints what it read, says so, and ends with 130 or 143" {
	cd "$BATS_TEST_TMPDIR"
	mkfifo in
	for how in "INT 130" "TERM 143" "INT 130 --"; do
		read -r sig want all <<<"$how"
		setsid weir in >out 2>err 3>&- 8>&- &
		pid=$!
		exec 8>in
		head -c 40000 "$top/examples/demo.pcap" >&8
		for _ in $(seq 200); do [ ! -s out ] || break; sleep 0.02; done
		# shellcheck disable=SC2086
		kill -$sig $all "${all:+-}$pid"
		code=0
		timeout 5 tail --pid=$pid -f /dev/null || kill -9 $pid
		wait $pid || code=$?
		exec 8>&-
		cat err
		[ "$code" -eq "$want" ]
		[ "$(wc -l <err)" -eq 1 ]
		grep -q '^weir: [1-9][0-9]* packets, .* 0 lost; stopped before the end of the input$' err
		[ "$(grep -c '"type":"flow"' out)" -gt 3 ]
	done
	# A limit is no cut.
	weir -n 5 "$top/examples/demo.pcap" 2>err >/dev/null
	grep -q ' lost$' err
}

@test "weir: an unknown command names the nearest, exit 127" {
	run -127 weir raed
	[[ "$output" == *"did you mean 'read'"* ]]
}

@test "weir: no argument is wrong use, exit 2" {
	run weir
	[ "$status" -eq 2 ]
	[ "${#lines[@]}" -eq 1 ]
}

@test "weir: an unknown option names the nearest, exit 2" {
	run weir --summry x.pcap
	[ "$status" -eq 2 ]
	[[ "$output" == *"did you mean '--summary'"* ]]
}

@test "weir: a missing file is one line of the reader and exit 1" {
	run weir ./no-such.pcap -q
	[ "$status" -eq 1 ]
	[[ "$output" == *"no-such.pcap"* ]]
}

@test "weir FILE -o: where there is nothing to read, the file that is written to keeps what it holds" {
	demo=$top/examples/demo.pcap
	echo precious >keep
	for what in "./nosuch.pcap" "$demo -F nosuch" "-I nosuch" "$demo --protocols nosuch" "$demo ./nosuch"; do
		# shellcheck disable=SC2086
		run weir $what -q -o keep
		[ "$status" -ge 1 ]
		[ "$(cat keep)" = precious ]
	done
}

@test "weir FILE: the file that is read can't be the one that is written to" {
	cp "$top/examples/demo.pcap" keep.pcap
	ln keep.pcap other.pcap
	for to in "-o keep.pcap" "-o other.pcap" ">>keep.pcap"; do
		run -2 bash -c "weir keep.pcap -q $to"
		[ "$output" = "weir: 'keep.pcap': input file is output file" ]
		cmp keep.pcap "$top/examples/demo.pcap"
	done
}

@test "weir list: names every tool once" {
	run weir list
	[ "$status" -eq 0 ]
	for tool in read flow reasm dns http tls streams json books; do
		[ "$(grep -c "^$tool " <<<"$output")" -eq 1 ]
	done
}

@test "weir list: takes nothing, and says so" {
	run -2 weir list --anything
	[ "${#lines[@]}" -eq 1 ]
}

@test "weir: what a tool says of itself has no two empty lines in a row, and an example of json" {
	for tool in $(weir list | awk '/^[a-z]/ { print $1 }'); do
		[ -x "$WEIR_BUILD/libexec/weir/weir-$tool" ] || continue
		[ "$(weir "$tool" --help | grep -Pzc '\n\n\n')" = 0 ] || { echo "$tool"; false; }
	done
	weir json --help | grep -q 'weir json --types flow'
}

@test "weir list: says what each of our tools is for, of others where they are, and runs none of these" {
	printf '#!/bin/sh\ntouch "%s/ran"\n' "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/weir-mine"
	chmod +x "$BATS_TEST_TMPDIR/weir-mine"
	PATH="$PATH:$BATS_TEST_TMPDIR" run weir list
	[ "$status" -eq 0 ]
	grep -qx 'read  *read capture files and write their frames' <<<"$output"
	grep -qx "mine  *$BATS_TEST_TMPDIR/weir-mine" <<<"$output"
	[ ! -e "$BATS_TEST_TMPDIR/ran" ]
}

@test "weir version and --version and --help" {
	run weir version
	[ "$output" = "weir 0.1.0" ]
	run weir --version
	[ "$output" = "weir 0.1.0" ]
	run weir --help
	[ "$status" -eq 0 ]
	[[ "$output" == *"--with COMMAND"* ]]
}

@test "weir foo runs weir-foo from PATH when it is none of ours" {
	printf '#!/bin/sh\necho "mine $*"\n' >"$BATS_TEST_TMPDIR/weir-mine"
	chmod +x "$BATS_TEST_TMPDIR/weir-mine"
	PATH="$BATS_TEST_TMPDIR:$PATH" run weir mine a b
	[ "$output" = "mine a b" ]
}

@test "weir --summary: counts and the books, no records" {
	run weir --summary "$top/examples/demo.pcap"
	[ "$status" -eq 0 ]
	[[ "$output" == *"frames"* && "$output" == *"  dns "* && "$output" == *"books"* ]]
	[[ "$output" != *'{"type"'* ]]
	diff <(sed '/^books/,$d' <<<"$output" | sort) <(weir --summary --split "$top/examples/demo.pcap" | sed '/^books/,$d' | sort)
}

@test "weir --types stream: all of them, also those that a parser reads" {
	weir read "$top/examples/demo.pcap" | weir flow | weir reasm | weir json --types stream,flow >all
	weir "$top/examples/demo.pcap" -q --types stream,flow | cmp - all
}

@test "weir --with: a Python stage of one's own joins the pipeline, also with a small ring" {
	run weir "$top/examples/demo.pcap" --with "$top/examples/python/weir-banner.py" -q --types dns,banner
	[ "$status" -eq 0 ]
	weir "$top/examples/demo.pcap" -q --types dns >"$BATS_TEST_TMPDIR/plain"
	grep -v '"type":"banner"' <<<"$output" | cmp - "$BATS_TEST_TMPDIR/plain"
}

@test "weir: text at 100 columns is the golden file" {
	weir "$top/examples/demo.pcap" -q --format text --color never --width 100 | diff - "$top/tests/golden/demo.txt"
}

@test "weir: the same bytes over pipes, rings, the smallest rings and reads of one byte" {
	demo=$top/examples/demo.pcap
	want=$(weir "$demo" -q | sha256sum)
	[ "$(weir "$demo" -q | sha256sum)" = "$want" ]
	[ "$(weir "$demo" -q --ring-size 1M | sha256sum)" = "$want" ]
	pipeline="weir read '$demo' | weir flow | weir reasm | weir dns | weir http | weir tls | weir smtp | weir json"
	[ "$(bash -c "$pipeline" | sha256sum)" = "$want" ]
	[ "$(WEIR_TEST_READ=1 bash -c "$pipeline" | sha256sum)" = "$want" ]
	[ "$(WEIR_TEST_WRITE=7 bash -c "$pipeline" | sha256sum)" = "$want" ]
}

@test "weir --with: a program that ends without a stream is named, with its exit" {
	cd "$BATS_TEST_TMPDIR"
	for code in 0 1; do
		printf '#!/bin/sh\nexit %d\n' $code >"end,s"
		chmod +x "end,s"
		run weir "$top/examples/demo.pcap" -q --with "./end,s"
		[ "$status" -eq $((code ? 1 : 4)) ]
		grep -q '^weir-json: fd:[0-9]*,from=./end,,s: offset 0: no stream$' <<<"$output"
		[ "$(grep '^weir: ' <<<"$output")" = "$([ $code -eq 0 ] || echo "weir: stage './end,s' ended with 1")" ]
	done
}

@test "weir: with text on a pipe no colour appears unless asked" {
	run bash -c "weir '$top/examples/demo.pcap' -q --format text | grep -c \$'\033'"
	[ "$output" = 0 ]
	run bash -c "weir '$top/examples/demo.pcap' -q --format text --color always | grep -c \$'\033'"
	[ "$output" -gt 10 ]
	colours() { env "$@" TERM=${term-xterm} script -qec "weir '$top/examples/demo.pcap' -q -n 20" /dev/null | grep -c $'\033'; }
	[ "$(colours A=1)" -gt 3 ]
	[ "$(colours NO_COLOR=1)" = 0 ]
	[ "$(term=dumb colours A=1)" = 0 ]
}

@test "weir: a long stream declares its types again every 64 MiB" {
	python3 "$top/tests/gen/make_bench.py" small "$BATS_TEST_TMPDIR/small.pcap" 600000 1000
	schemas=$(weir read "$BATS_TEST_TMPDIR/small.pcap" | LC_ALL=C grep -aoP '\xdc\x00\x08\xcd\x00\x01\xcf' | wc -l)
	[ "$schemas" -eq 2 ]
}

@test "weir: where the reader can't start, its line is the only one" {
	run weir ./no-such.pcap -q
	[ "$status" -eq 1 ]
	[ "${#lines[@]}" -eq 1 ]
}

@test "weir: a stage that cannot be run, or dies at once, is said, and the others end" {
	mkdir "$BATS_TEST_TMPDIR/own"
	for stage in flow parse json; do
		ln -sf "$WEIR_BUILD"/libexec/weir/weir-* "$BATS_TEST_TMPDIR/own/"
		rm "$BATS_TEST_TMPDIR/own/weir-$stage"
		printf '#!/nowhere/at/all\n' >"$BATS_TEST_TMPDIR/own/weir-$stage"
		chmod +x "$BATS_TEST_TMPDIR/own/weir-$stage"
		status=0
		output=$(WEIR_EXEC_PATH=$BATS_TEST_TMPDIR/own timeout 10 weir -q "$top/examples/demo.pcap" 2>&1) || status=$?
		[ "$status" -eq 127 ] || [ "$status" -eq 1 ] # 1: of the stage that was to feed it
		[[ "$output" == *"cannot run '$BATS_TEST_TMPDIR/own/weir-$stage'"* ]]
		printf '#!/bin/sh\nkill -9 $$\n' >"$BATS_TEST_TMPDIR/own/weir-$stage"
		WEIR_EXEC_PATH=$BATS_TEST_TMPDIR/own run timeout 10 weir -q "$top/examples/demo.pcap"
		[ "$status" -eq 137 ]
		[[ "$output" == *"stage '$stage' was killed by signal 9"* ]]
	done
}

@test "weir help: the page of a tool, or what the tool says where no page is found" {
	mkdir "$BATS_TEST_TMPDIR/moved" && cp -r "$WEIR_BUILD/bin" "$WEIR_BUILD/libexec" "$BATS_TEST_TMPDIR/moved"
	run "$BATS_TEST_TMPDIR/moved/bin/weir" help dns
	[ "$status" -eq 0 ]
	[[ "$output" == "weir-dns: "*"--only"* ]]
	run weir help nosuch
	[ "$status" -eq 2 ]
	[[ "$output" == *"no tool 'weir-nosuch'"* ]]
	run weir help flwo
	[ "$status" -eq 2 ]
	[ "$output" = "weir: no tool 'weir-flwo'; did you mean 'flow'?" ]
}

@test "weir: a word that WEIR_SANDBOX does not know takes no sandbox away" {
	export WEIR_SANDBOX=requier
	for tool in "" metrics run json "link -i ipc:x"; do
		run weir $tool "$top/examples/demo.pcap"
		[ "$status" -eq 2 ]
		[[ "$output" == *": WEIR_SANDBOX: 'requier' is none of require, try, off" ]]
	done
}

@test "weir: what an option or a tool can't take is said with what it can" {
	demo=$top/examples/demo.pcap
	wrong() { # wrong CODE TEXT COMMAND...
		local code=$1 text=$2
		shift 2
		run "$@"
		[ "$status" -eq "$code" ]
		[ "${#lines[@]}" -eq 1 ]
		[[ "$output" == *"$text" ]]
	}
	weir read "$demo" -o frames.weir
	wrong 2 "unexpected argument 'frames.weir'; to read it: -i frames.weir" weir json frames.weir
	wrong 2 "unexpected argument 'frames.weir'; to read it: -i frames.weir" weir flow frames.weir
	wrong 2 "'tcp://h:1' takes records, and this tool writes lines: to a file or -" weir json -i frames.weir -o tcp://h:1
	wrong 1 "cannot write the output '/dev/full': No space left on device" weir read "$demo" -o /dev/full
	wrong 1 "offset 0: a stream of records, not a capture file; -i of the other tools reads it" weir read frames.weir -o null:
	wrong 4 "offset 0: this is a capture file, which weir-read reads" weir json -i "$demo"
	weir "$demo" -q -o lines
	wrong 4 "offset 0: this is JSON, which weir-from-json reads" weir json -i lines
	gzip -c "$demo" >packed
	wrong 4 "offset 0: this is gzip: zcat it, or if it is a capture, give it to weir-read" weir json -i packed
	wrong 4 "offset 0: this is no weir stream" weir json -i "$top/LICENSE"
	wrong 2 "--ring-size: 256K to 1G" weir "$demo" --ring-size 1
	wrong 2 "'./nosuch' is no tool of weir's, nor the path of a program" weir "$demo" --with ./nosuch
}
