#!/usr/bin/env bats
# write: frames into pcap and pcapng files, what rotates them, and what a full disk leaves.
load helper

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	weir read "$top/examples/demo.pcap" >demo.weir
}

setup() {
	cd "$BATS_TEST_TMPDIR"
	demo=$BATS_FILE_TMPDIR/demo.weir
}

# What a capture holds, a line a frame.
frames() {
	weir read -q "$@" | weir json -q -t frame --fields ts,link_type,wire_len,payload
}

counter() { # counter NAME TEXT: of the books of weir-write, as SIGUSR1 and weir books print them
	sed -n "s/.*\b$1 *\([0-9]*\)$/\1/p" <<<"$2"
}

@test "write: frames that go through pcap and pcapng come back the same" {
	frames "$top/examples/demo.pcap" >want
	for name in a.pcap a.pcapng; do
		weir write -i "$demo" $name
		frames $name | cmp - want
		weir write -i "$demo" - --format "${name#a.}" | weir read - | weir json -q -t frame --fields ts,link_type,wire_len,payload | cmp - want
	done
	weir write -i "$demo" -w b.pcap
	cmp a.pcap b.pcap
}

@test "write: little-endian pcap that is read and written again is the same file" {
	for name in ten snapped ten_nano; do
		file=$(capture "$name")
		snaplen=$(od -An -tu4 -j16 -N4 "$file" | tr -d ' ')
		precision=us
		[ "$(head -c 1 "$file" | od -An -tx1)" = " d4" ] || precision=ns
		weir read -q "$file" | weir write -s "$snaplen" --precision $precision again.pcap
		cmp again.pcap "$file"
	done
}

@test "write: what tcpdump reads of it is what tcpdump reads of the original" {
	tcpdump -tttt -nr "$top/examples/demo.pcap" 2>/dev/null >want
	weir write -i "$demo" --precision us - | tcpdump -tttt -nr - 2>/dev/null | cmp - want
}

@test "write: pcapng is what capinfos and tshark call clean" {
	command -v capinfos >/dev/null && command -v tshark >/dev/null || skip "no capinfos here"
	weir read "$(capture pcapng_two_links)" "$(capture ten)" | weir write --comment 'two taps' --origin x.pcapng
	run --separate-stderr capinfos -M x.pcapng
	[ "$status" -eq 0 ]
	[ -z "$(grep -v 'Running as user' <<<"$stderr")" ]
	[[ "$output" == *"Capture comment:     two taps"* ]]
	[[ "$output" == *"Number of interfaces in file: 5"* ]]
	[[ "$output" == *"Time precision = nanoseconds (9)"* ]]
	run --separate-stderr tshark -r x.pcapng -T fields -e frame.comment
	[ "$status" -eq 0 ]
	[ -z "$(grep -v 'Running as user' <<<"$stderr")" ]
	[ "${#lines[@]}" -eq "$(weir read x.pcapng | weir json -q -t frame | wc -l)" ]
	[[ "${lines[-1]}" == "frame "*", 10 of "*ten.pcap ]]
}

@test "write: names of files that are long, or no UTF-8, stand in comments all the same" {
	command -v tshark >/dev/null || skip "no tshark here"
	long=$(printf '€%.0s' {1..70}) # 210 bytes: 66 of them fit
	for name in "$long" $'lat\xe4n'; do
		cp "$(capture ten)" "$name"
		weir read -n 1 "$name" | weir write --origin x.pcapng
		tshark -r x.pcapng -T fields -E separator='|' -e frame.comment -e frame.interface_description 2>/dev/null
	done >have
	{
		echo "frame 1, 1 of ${long:0:66}|${long:0:66}, interface 0"
		echo 'frame 1, 1 of lat\xe4n|lat\xe4n, interface 0'
	} | cmp - have
}

@test "write: outgoing frames are marked so in pcapng" {
	/usr/bin/python3 - "$top/tests/gen" "$demo" >out.weir <<'END'
import sys
data = bytearray(open(sys.argv[2], "rb").read())
# The flags of the frame records: behind prefix, link_type and wire_len, each number with its marker.
at = 0
while (at := data.find(b"\xdc\x00\x0b\xcd\x00\x20\xcf", at)) >= 0:
    data[at + 33 + 10 + 4] |= 2
    at += 1
sys.stdout.buffer.write(data)
END
	weir write -i out.weir out.pcapng
	weir read out.pcapng | weir json -t frame --fields flags | sort -u >flags
	[ "$(cat flags)" = '{"type":"frame","flags":2}' ]
}

@test "write: two link types do not go into one pcap, which is said once; they go into pcapng" {
	file=$(capture pcapng_two_links)
	frames "$file" >want
	run bash -c "weir read '$file' | weir write two.pcap"
	[ "$status" -eq 1 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ "${lines[0]}" == *"link type"*"--format=pcapng takes both" ]]
	frames two.pcap | wc -l
	[ "$(frames two.pcap | wc -l)" -lt "$(wc -l <want)" ]
	weir read "$file" | weir write two.pcapng
	frames two.pcapng | cmp - want
}

@test "write: what a format can't say is left out, which is said once, counted, and exit 1" {
	weir craft 'frame(time={5000000000,5000000001})/eth/ip' 'frame(time=1)/eth/ip' >late.weir
	run weir write -i late.weir x.pcap
	[ "$status" -eq 1 ]
	[ "$output" = "weir-write: 'x.pcap' has no room for times beyond the year 2106; --format=pcapng takes them; such frames are left out" ]
	[ "$(frames x.pcap | wc -l)" -eq 1 ]
	weir write -i late.weir x.pcapng
	[ "$(frames x.pcapng | wc -l)" -eq 3 ]
	run weir write x.pcapng < <(weir craft --no-ring 'frame(link=70000)/eth/ip' 'eth/ip')
	[ "$status" -eq 1 ]
	[[ "$output" == *"no room for link types above 65535"* ]]
	[ "$(frames x.pcapng | wc -l)" -eq 1 ]
}

@test "write: no frames make a capture of none" {
	weir filter -i "$demo" 'n == 0' | weir write none.pcap
	weir filter -i "$demo" 'n == 0' | weir write none.pcapng
	for name in none.pcap none.pcapng; do
		weir read $name >none.weir
		[ "$(weir json -t frame -i none.weir | wc -l)" -eq 0 ]
	done
	tcpdump -r none.pcap 2>&1 | grep -q EN10MB
}

@test "write: --snaplen cuts frames, and says how long they were" {
	weir write -i "$demo" -s 60 s.pcap
	weir read s.pcap | weir json -t frame --fields wire_len >have
	weir json -i "$demo" -t frame --fields wire_len | cmp - have
	[ "$(tcpdump -r s.pcap 2>&1 | grep -c 'snapshot length 60')" -eq 1 ]
	[ "$(stat -c %s s.pcap)" -le $((24 + 236 * 76)) ]
}

@test "write: files rotate by size, number and time, and hold all frames in order" {
	frames "$top/examples/demo.pcap" >want
	weir write -i "$demo" -C 8K size.pcap
	[ "$(find . -name 'size-*.pcap' -size +8192c | wc -l)" -eq 0 ]
	[ "$(ls size-*.pcap | wc -l)" -gt 8 ]
	frames size-*.pcap | cmp - want
	weir write -i "$demo" -C 8K size.pcapng
	[ "$(find . -name 'size-*.pcapng' -size +8192c | wc -l)" -eq 0 ]
	frames size-*.pcapng | cmp - want
	weir write -i "$demo" --rotate-packets 100 count.pcap
	[ "$(echo count-*)" = "count-000001.pcap count-000002.pcap count-000003.pcap" ]
	[ "$(frames count-000003.pcap | wc -l)" -eq 36 ]
	frames count-*.pcap | cmp - want
	weir write -i "$demo" -G 2s time.pcap
	frames time-*.pcap | cmp - want
	for file in time-*.pcap; do
		[ "$(tcpdump -ttnr "$file" 2>/dev/null | awk '{ print int($1 / 2) }' | sort -u | wc -l)" -eq 1 ]
	done
}

@test "write: of the numbered files the last are kept" {
	weir write -i "$demo" --rotate-packets 50 -W 2 ring.pcap
	[ "$(echo ring-*)" = "ring-000004.pcap ring-000005.pcap" ]
	frames "$top/examples/demo.pcap" | tail -n 86 >want
	frames ring-*.pcap | cmp - want
}

@test "write: a full disk costs whole frames only, is said once, and is left behind" {
	mkdir full
	weir head -n 120 -i "$demo" >first.weir
	weir filter -i "$demo" 'n > 120' >second.weir
	cat >go.sh <<-'END'
		mount -t tmpfs -o size=64k none full || exit 77
		dd if=/dev/zero of=full/ballast bs=4k count=13 status=none
		mkfifo in
		weir write -i in full/$1 2>said & # its standard output is not needed
		pid=$!
		exec 5>in
		cat first.weir >&5
		for i in $(seq 500); do [ -s said ] && break; sleep 0.01; done
		weir read full/$1 >first.frames || exit 2
		rm full/ballast
		cat second.weir >&5
		exec 5>&-
		wait $pid
		echo "status $?"
		cp full/$1 got
		weir read got || exit 3
	END
	for name in x.pcap x.pcapng; do
		rm -f in said
		run --separate-stderr unshare -m bash -c "bash go.sh $name >out.weir 2>err; echo \$?; cat err"
		[ "${lines[0]}" != 77 ] || skip "cannot mount here"
		[ "${lines[0]}" = 0 ]
		grep -a -q "status 1" out.weir
		sed -i 's/^status 1$//' out.weir
		[ "$(wc -l <said)" -eq 1 ]
		grep -q "cannot write 'full/$name': No space left on device" said
		frames got >have
		frames "$top/examples/demo.pcap" >want
		# What is there is some of what was read, in its order, and all of the second part.
		[ "$(wc -l <have)" -lt 236 ]
		tail -n 116 want | cmp - <(tail -n 116 have)
		[ "$(wc -l <have)" -ge 116 ]
		[ -z "$(comm -13 <(sort want) <(sort have))" ]
	done
}

@test "write: what was written and what was not adds up in the books" {
	# A file that may not grow beyond 16 KiB is as good as a full disk.
	run --separate-stderr bash -c "ulimit -f 16; trap '' XFSZ; weir write -i '$demo' --log info limited.pcap"
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"File too large"* ]]
	[ "$(frames limited.pcap | wc -l)" -gt 10 ]
	[ "$(stat -c %s limited.pcap)" -le 16384 ]
	[[ "$stderr" != *"books are off"* ]]
}

@test "write: a reader that leaves ends it as any filter's would" {
	for i in {1..100}; do cat "$demo"; done >many # more than a pipe holds
	[[ "$(exits "cat many | weir write - | head -c 100")" =~ ^(141|0)\ 141\ 0$ ]]
}

@test "write: two streams in a row are sections of one pcapng, with interfaces of their own" {
	cat "$demo" "$demo" | weir write twice.pcapng
	{ frames "$top/examples/demo.pcap"; frames "$top/examples/demo.pcap"; } >want
	frames twice.pcapng | cmp - want
	[ "$(weir read twice.pcapng | weir json -t frame --fields iface | sort | uniq -c | awk '{ print $1 }' | tr '\n' ' ')" = "236 236 " ]
}

# Runs write in a pipeline, kills it once FIRST has more than 10000 bytes, and goes on.
killed_midway() { # killed_midway FIRST ARGUMENT..
	local first=$1 pid stage
	shift
	export WEIR_RUNDIR=$PWD/run
	rm -f in
	mkfifo in
	exec 9<>in
	timeout 30 weir run --name test --backoff 10ms "read in | write $*" 2>said 3>&- 9>&- &
	pid=$!
	head -c 30024 "$top/examples/demo.pcap" >&9
	for _ in $(seq 500); do [ "$(stat -c %s "$first" 2>/dev/null || echo 0)" -gt 10000 ] && break; sleep 0.01; done
	for stage in $(pgrep -f "libexec/weir/weir-write .*$*"); do
		grep -qz "^WEIR_RUNDIR=$WEIR_RUNDIR$" "/proc/$stage/environ" && kill -9 "$stage"
	done
	for _ in $(seq 500); do grep -q "was killed" said && break; sleep 0.01; done
	tail -c +30025 "$top/examples/demo.pcap" >&9
	exec 9>&-
	wait $pid
	grep -q "stage 'write' was killed by signal 9" said
}

@test "write: killed under a launcher it goes on where it stopped, nothing lost or doubled" {
	for name in k.pcap k.pcapng; do
		killed_midway $name $name
		frames $name >have
		frames "$top/examples/demo.pcap" | cmp - have
	done
}

@test "write: killed under a launcher it begins its next file where it would have without" {
	killed_midway r-000001.pcap --rotate-packets 200 r.pcap
	[ "$(frames r-000001.pcap | wc -l) $(frames r-000002.pcap | wc -l)" = "200 36" ]
	killed_midway g-000001.pcap -G 1h g.pcap
	[ "$(frames g-000001.pcap | wc -l)" -eq 236 ]
	[ ! -e g-000002.pcap ]
}

@test "write: wrong use is one line and exit 2" {
	for wrong in "" "a b" "-w a b" "-s 0 a" "-s 300000 a" "-W 3 a" "-C 1M -" "--comment x a.pcap" "--origin a" "--form pcap a"; do
		# shellcheck disable=SC2086
		run weir write -i /dev/null $wrong
		echo "$wrong: $output"
		[ "$status" -eq 2 ]
		[ "${#lines[@]}" -eq 1 ]
	done
	for comment in $'lat\xe4n' "$(printf '%01025d' 0)"; do
		run weir write -i /dev/null --comment "$comment" a.pcapng
		[ "$status" -eq 2 ]
		[ "$output" = "weir-write: --comment: not UTF-8, or more than 1024 bytes" ]
	done
}

@test "write: a file that can't be opened is one line and exit 1" {
	for wrong in "/proc/nowhere.pcap" "-C 1M /nowhere/x.pcap" "$BATS_TEST_TMPDIR/"; do
		# shellcheck disable=SC2086
		run weir write -i /dev/null $wrong
		[ "$status" -eq 1 ]
		[ "${#lines[@]}" -eq 1 ]
	done
}
