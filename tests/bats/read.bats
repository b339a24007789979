#!/usr/bin/env bats
# read: options, layouts, messages and exit codes of weir-read.

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || exit 1
	read="${WEIR_BUILD:-build/plain}/libexec/weir/weir-read"
	dir=$BATS_TEST_TMPDIR
}

capture() { # NAME [FILE]: a scenario, as a file
	python3 tests/gen/scenario.py "$1" >"${2:-$dir/$1}"
}

frames() { # FIELD...: of the frame records on stdin
	python3 tests/gen/records.py frame "$@"
}

counter() { # NAME: its value in the end record on stdin
	python3 tests/gen/records.py end ledger | grep -o "'$1', [0-9]*, [0-9]*" | grep -o '[0-9]*$'
}

# Runs weir-read with its stderr in $dir/err and its records in $dir/out; sets $code.
run_read() {
	code=0
	timeout 20 "$read" "$@" >"$dir/out" 2>"$dir/err" || code=$?
}

said() { # LINE: stderr is this line and nothing else
	[ "$(cat "$dir/err")" = "weir-read: $1" ] || { cat "$dir/err"; false; }
}

@test "a frame record holds number, time, lengths and bytes of a packet" {
	capture ten
	run_read "$dir/ten"
	[ "$code" -eq 0 ]
	[ ! -s "$dir/err" ]
	[ "$(frames n ts link_type wire_len '#payload' file file_n flow <"$dir/out" | sed -n 3p)" = \
		"3 1767225600002000000 1 60 60 0 3 0" ]
	payload=$(dd if="$dir/ten" bs=1 skip=$((24 + 2 * 76 + 16)) count=60 2>/dev/null | od -An -v -tx1 | tr -d ' \n')
	[ "$(frames payload <"$dir/out" | sed -n 3p)" = "$payload" ]
}

@test "every layout of the same packets gives the same records" {
	capture ten
	"$read" "$dir/ten" | frames >"$dir/expected"
	[ "$(wc -l <"$dir/expected")" -eq 10 ]
	for name in ten_big_endian ten_pcapng ten_pcapng_big_endian ten_gz ten_gz_members ten_pcapng_gz ten_modified; do
		capture $name
		"$read" "$dir/$name" | frames | cmp - "$dir/expected" || { echo "$name" && false; }
	done
}

@test "nanoseconds are kept in either byte order" {
	for name in ten_nano ten_big_endian_nano; do
		capture $name
		[ "$("$read" "$dir/$name" | frames ts | tail -n 1)" = 1767225600009000009 ]
	done
}

@test "contents decide and suffixes do not" {
	capture ten_gz "$dir/x.pcapng"
	capture ten_pcapng "$dir/x.txt"
	[ "$("$read" "$dir/x.pcapng" "$dir/x.txt" | frames n | tail -n 1)" = 20 ]
}

@test "pcapng interfaces of unlike link type and snapshot length are read" {
	capture pcapng_two_links
	[ "$("$read" "$dir/pcapng_two_links" | frames iface link_type | tr '\n' ' ')" = "1 1 1 1 1 1 2 101 0 0 3 113 " ]
}

@test "pcapng sections of unlike byte order are read and unknown blocks passed over" {
	capture pcapng_sections
	[ "$("$read" "$dir/pcapng_sections" | frames iface ts | tr '\n' ' ')" = \
		"0 1767225600000000000 0 1767225600000001000 0 1767225600000002000 1 1767225600000000000 \
1 1767225600000001000 1 1767225600000002000 " ]
}

@test "standard input is read by default, as - and through a pipe of 1-byte writes" {
	capture ten
	"$read" "$dir/ten" | frames >"$dir/expected"
	"$read" <"$dir/ten" | frames | cmp - "$dir/expected"
	"$read" - <"$dir/ten" | frames | cmp - "$dir/expected"
	dd if="$dir/ten" bs=1 2>/dev/null | "$read" | frames | cmp - "$dir/expected"
	for name in ten_pcapng_gz ten_modified; do
		capture $name
		dd if="$dir/$name" bs=1 2>/dev/null | "$read" | frames | cmp - "$dir/expected"
	done
}

@test "FIFOs are read in turn, whichever is written first" {
	capture ten
	mkfifo "$dir/a" "$dir/b"
	(sleep 0.3 && cat "$dir/ten" >"$dir/a" && cat "$dir/ten" >"$dir/b") 3>&- &
	[ "$(timeout 20 "$read" "$dir/a" "$dir/b" | frames n file file_n | tail -n 1)" = "20 1 10" ]
	wait
	(sleep 0.3 && cat "$dir/ten" >"$dir/b" && cat "$dir/ten" >"$dir/a") 3>&- &
	[ "$(timeout 20 "$read" --merge "$dir/a" "$dir/b" | frames n file file_n | tail -n 1)" = "20 1 10" ]
	wait
}

@test "files are numbered through and each is announced by a hello" {
	capture ten
	capture one
	run_read "$dir/ten" "$dir/one" "$dir/ten"
	[ "$code" -eq 0 ]
	[ "$(frames n file file_n <"$dir/out" | sed -n '10,12p' | tr '\n' ' ')" = "10 0 10 11 1 1 12 2 1 " ]
	[ "$(python3 tests/gen/records.py hello sources <"$dir/out" | tr '\n' ' ')" = \
		"[[0, '$dir/ten', 1]] [[0, '$dir/one', 11]] [[0, '$dir/ten', 12]] " ]
}

@test "a directory is read in order of names, without hidden files and folders" {
	mkdir "$dir/d" "$dir/d/sub"
	capture one "$dir/d/b"
	capture ten "$dir/d/a"
	capture ten "$dir/d/.hidden"
	capture ten "$dir/d/sub/c"
	[ "$("$read" "$dir/d" | frames file file_n | tail -n 2 | tr '\n' ' ')" = "0 10 1 1 " ]
	mkdir "$dir/none"
	run_read "$dir/none"
	[ "$code" -eq 1 ]
	said "no file in directory '$dir/none'"
}

@test "--merge gives the frames of all files by time and keeps file and frame" {
	capture even_ms
	capture odd_ms
	"$read" --merge "$dir/odd_ms" "$dir/even_ms" | frames n ts file file_n >"$dir/merged"
	[ "$(wc -l <"$dir/merged")" -eq 20 ]
	[ "$(sed -n '1,3p' "$dir/merged" | tr '\n' ' ')" = \
		"1 1767225600000000000 1 1 2 1767225600001000000 0 1 3 1767225600002000000 1 2 " ]
	sort -c -n -k2,2 "$dir/merged"
	capture ten
	[ "$("$read" --merge "$dir/ten" "$dir/ten" | frames file | head -n 4 | tr '\n' ' ')" = "0 1 0 1 " ]
}

@test "--merge goes on without a damaged file" {
	capture cut
	capture ten
	capture handshake_fin
	run_read --merge "$dir/ten" "$dir/cut" "$dir/handshake_fin"
	[ "$code" -eq 4 ]
	said "$dir/cut: offset 708: cut in a packet, 57 of 60 bytes there"
	[ "$(frames n <"$dir/out" | tail -n 1)" = 28 ]
}

@test "--count stops after so many frames over all files" {
	capture ten
	[ "$("$read" -n 3 "$dir/ten" | frames n | tail -n 1)" = 3 ]
	[ "$("$read" --count 13 "$dir/ten" "$dir/ten" | frames n | tail -n 1)" = 13 ]
	[ "$("$read" --merge --count=13 "$dir/ten" "$dir/ten" | frames n | tail -n 1)" = 13 ]
	[ "$("$read" -n 0 "$dir/ten" | frames n | tail -n 1)" = 10 ]
}

@test "a frame older than one before it is flagged and counted" {
	capture time_back
	run_read "$dir/time_back"
	[ "$(frames flags <"$dir/out" | tr '\n' ' ')" = "0 0 4 0 0 " ]
	[ "$(counter time_back <"$dir/out")" -eq 1 ]
}

@test "a snapped frame keeps its length on the wire" {
	capture snapped
	[ "$("$read" "$dir/snapped" | frames wire_len '#payload' | sort -u)" = "60 40" ]
}

@test "frames of 262,144 bytes are read and longer ones are damage" {
	capture long_frames
	run_read "$dir/long_frames"
	[ "$code" -eq 4 ]
	[ "$(frames '#payload' <"$dir/out" | tr '\n' ' ')" = "262143 262144 " ]
	said "$dir/long_frames: offset 524343: captured length 262145 of a packet is above the limit of 262144"
}

@test "frames of other link types pass and are counted" {
	capture user_link
	run_read "$dir/user_link"
	[ "$code" -eq 0 ]
	[ "$(counter link_type_147 <"$dir/out")" -eq 3 ]
	capture odd_link
	run_read "$dir/odd_link"
	[ "$code" -eq 4 ]
	said "$dir/odd_link: offset 20: unknown link type 9999"
	[ "$(frames link_type <"$dir/out" | sort -u)" = 9999 ]
	[ "$(counter link_type_9999 <"$dir/out")" -eq 3 ]
}

@test "what comes before a damage comes out, and the next file is read" {
	capture ten
	while IFS='|' read -r name count message; do
		capture "$name"
		run_read "$dir/$name" "$dir/ten"
		[ "$code" -eq 4 ]
		said "$dir/$name: $message"
		[ "$(frames n <"$dir/out" | tail -n 1)" -eq $((count + 10)) ]
	done <<-END
		cut|9|offset 708: cut in a packet, 57 of 60 bytes there
		cut_gz|9|offset 772: cut in the gzip data
		bad_gz_check|10|offset 784: incorrect data check
		garbage_tail|10|offset 784: captured length 4294967295 of a packet is above the limit of 262144
		pcapng_garbage_tail|10|offset 980: block with a length of 4294967295 bytes
	END
}

@test "a file cut at any byte gives its whole packets and exit status 4" {
	capture ten
	for size in 0 1 3 4 23 24 25 39 40 41 99 100 101 115 116 783; do
		head -c $size "$dir/ten" >"$dir/part"
		run_read "$dir/part"
		whole=$(((size - 24) / 76))
		[ $size -ge 24 ] || whole=0
		[ "$(frames n <"$dir/out" | wc -l)" -eq $whole ]
		if [ $size -ge 24 ] && [ $(((size - 24) % 76)) -eq 0 ]; then
			[ "$code" -eq 0 ] && [ ! -s "$dir/err" ]
		else
			[ "$code" -eq 4 ] && [ "$(wc -l <"$dir/err")" -eq 1 ]
			grep -q "^weir-read: $dir/part: offset [0-9]*: [a-z]" "$dir/err"
		fi
	done
}

@test "what is no capture gets one line and exit status 1, and the next file is read" {
	capture ten
	printf 'GET / HTTP/1.1\r\nHost: example.com\r\n\r\n' >"$dir/text"
	run_read "$dir/text" "$dir/ten"
	[ "$code" -eq 1 ]
	said "$dir/text: offset 0: not a capture file"
	[ "$(frames n <"$dir/out" | tail -n 1)" -eq 10 ]
	{ printf '\324\303\262\241\115\0\011\0' && tail -c +9 "$dir/ten"; } >"$dir/version"
	run_read "$dir/version"
	[ "$code" -eq 1 ]
	said "$dir/version: offset 0: unsupported pcap savefile version 77.9"
	capture ten_pcapng
	{ head -c 12 "$dir/ten_pcapng" && printf '\2\0' && tail -c +15 "$dir/ten_pcapng"; } >"$dir/two"
	run_read "$dir/two" "$dir/ten"
	[ "$code" -eq 1 ]
	said "$dir/two: offset 0: unsupported pcapng version 2.0"
	# Behind a section that was read it is a damage.
	cat "$dir/ten_pcapng" "$dir/two" >"$dir/three"
	run_read "$dir/three"
	[ "$code" -eq 4 ]
	said "$dir/three: offset $(stat -c %s "$dir/ten_pcapng"): unsupported pcapng version 2.0"
	[ "$(frames n <"$dir/out" | tail -n 1)" -eq 10 ]
}

@test "what is packed by another program than gzip is said, with what unpacks it" {
	while read -r magic program command; do
		{ printf '%b' "$magic" && head -c 100 /dev/zero; } >"$dir/packed"
		run_read "$dir/packed"
		[ "$code" -eq 1 ]
		said "$dir/packed: offset 0: packed by $program, which is not unpacked here: $command FILE | weir read"
	done <<-'END'
		\x28\xb5\x2f\xfd zstd zstd -dc
		\xfd7zXZ\x00 xz xz -dc
		\x04\x22\x4d\x18 lz4 lz4 -dc
		BZh9 bzip2 bzip2 -dc
		PK\x03\x04 zip unzip -p
	END
}

@test "an input that gives no frame and has no end does not keep it from stopping" {
	for input in blocks members; do
		python3 - $input <<-'END' 2>/dev/null | timeout --preserve-status -k 10 1 "$read" >"$dir/out" &
			import struct, sys, zlib
			if sys.argv[1] == "blocks":
			    first = struct.pack("<IIIHHqI", 0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0, -1, 28)
			    more = struct.pack("<II4084xI", 0xbad, 4096, 4096)
			else:
			    empty = zlib.compressobj(9, zlib.DEFLATED, 31)
			    first = more = empty.flush()
			sys.stdout.buffer.write(first)
			while True:
			    sys.stdout.buffer.write(more * 64)
		END
		code=0
		wait $! || code=$?
		[ "$code" -eq 143 ]
	done
}

@test "a file that can't be opened ends it before anything is written" {
	capture ten
	run_read "$dir/ten" "$dir/missing"
	[ "$code" -eq 1 ]
	said "can't open '$dir/missing': No such file or directory"
	[ ! -s "$dir/out" ]
}

@test "wrong use gets one line and exit status 2" {
	run_read --mrge
	[ "$code" -eq 2 ]
	said "unknown option '--mrge'; did you mean '--merge'?"
	run_read -n many
	[ "$code" -eq 2 ]
	[ "$(wc -l <"$dir/err")" -eq 1 ]
	run_read - -
	[ "$code" -eq 2 ]
	said "standard input is named twice"
}

@test "the books tell frames made and bytes read" {
	capture ten
	capture ten_gz
	run_read "$dir/ten" "$dir/ten_gz"
	[ "$(counter made <"$dir/out")" -eq 20 ]
	size=$(($(stat -c %s "$dir/ten") + $(stat -c %s "$dir/ten_gz")))
	[ "$(counter file_bytes <"$dir/out")" -eq $size ]
	[ "$(counter file_size <"$dir/out")" -eq $size ]
}

@test "the demonstration capture is what its script writes" {
	python3 tests/gen/make_demo.py "$dir/demo.pcap"
	cmp "$dir/demo.pcap" examples/demo.pcap
}

@test "inputs for benches are the same bytes on each run and have the packets asked for" {
	python3 tests/gen/make_bench.py mix "$dir/mix" 30000
	python3 tests/gen/make_bench.py mix "$dir/again" 30000
	cmp "$dir/mix" "$dir/again"
	python3 tests/gen/make_bench.py small "$dir/small" 3000 250
	[ "$("$read" "$dir/mix" | frames n | tail -n 1)" -eq 30000 ]
	[ "$("$read" "$dir/small" | frames n | tail -n 1)" -eq 3000 ]
}

@test "a filter keeps what it accepts, cut as it says, counts the rest and numbers what is left" {
	capture ten
	tcpdump -ddd -y EN10MB 'greater 61' >"$dir/none.bpf" 2>/dev/null
	tcpdump -ddd -y EN10MB ip >"$dir/ip.bpf" 2>/dev/null
	run_read -F "$dir/none.bpf" "$dir/ten"
	[ "$code" -eq 0 ] && [ ! -s "$dir/err" ]
	[ -z "$(frames n <"$dir/out")" ]
	[ "$(counter filtered <"$dir/out")" -eq 10 ]
	[ "$(counter made <"$dir/out")" -eq 10 ]
	run_read --filter-file - "$dir/ten" <"$dir/ip.bpf"
	[ "$code" -eq 0 ]
	[ "$(frames n <"$dir/out" | tail -n 1)" -eq 10 ]
	printf '1\n6 0 0 20\n' >"$dir/cut.bpf"
	[ "$("$read" -F "$dir/cut.bpf" "$dir/ten" | frames '#payload' wire_len | sort -u)" = "20 60" ]
	# Every second one, by the number of the frame: what is left is numbered through.
	printf '3\n48 0 0 59\n84 0 0 1\n22 0 0 0\n' >"$dir/half.bpf"
	"$read" -F "$dir/half.bpf" -n 2 "$dir/ten" | frames n file_n >"$dir/got"
	"$read" "$dir/ten" | frames file_n payload | awk 'substr($2, length($2)) ~ /[13579bdf]/ { print ++n, $1 }' |
		head -n 2 | cmp - "$dir/got"
}

@test "a filter that is none, or can't be had, is said in a line" {
	capture ten
	printf '2\n6 0 0 20\n' >"$dir/short"
	run_read -F "$dir/short" "$dir/ten"
	[ "$code" -eq 2 ]
	said "filter '$dir/short': line 3: ends within instruction 1 of 2; wanted is the output of 'tcpdump -ddd'"
	printf '1\n0 0 0 20\n' >"$dir/endless"
	run_read -F "$dir/endless" "$dir/ten"
	[ "$code" -eq 2 ]
	said "filter '$dir/endless': instruction 0: the last one is no return"
	run_read -F "$dir/nowhere" "$dir/ten"
	[ "$code" -eq 1 ]
	said "cannot open '$dir/nowhere': No such file or directory"
	run_read -F - - <"$dir/ten"
	[ "$code" -eq 2 ]
	said "standard input can't be both the filter and a capture"
}

@test "every capture of the corpus gives the frames that tcpdump counts" {
	[ -n "${WEIR_CORPUS:-}" ] || skip "WEIR_CORPUS is not set"
	for f in "$WEIR_CORPUS"/pcap/*; do
		plain=$f
		if cmp -s -n 2 "$f" <(printf '\037\213'); then
			plain=$dir/plain
			gzip -dc "$f" >"$plain"
		fi
		expected=$(tcpdump -n -r "$plain" --count 2>"$dir/tcpdump") || true
		expected=${expected%% *}
		case $(<"$dir/tcpdump") in
		*"different from the"*"of the first interface"*) expected=any ;; # libpcap refuses it
		esac
		run_read "$f"
		case $(<"$dir/tcpdump") in
		*"invalid packet capture length"* | *"truncated dump file"*)
			[ "$code" -eq 4 ] && [ "$(wc -l <"$dir/err")" -eq 1 ]
			;;
		*)
			[ "$code" -eq 0 ] && [ ! -s "$dir/err" ]
			;;
		esac
		echo "$expected" >>"$dir/expected"
		cat "$dir/out" >>"$dir/all"
	done
	[ "$(wc -l <"$dir/expected")" -ge 340 ]
	# Counted out of the stream: each starts with a hello and ends with the number of its frames.
	python3 tests/gen/records.py end records <"$dir/all" >"$dir/told"
	python3 tests/gen/records.py frame file_n <"$dir/all" | awk '
		$1 == 1 && NR > 1 { print last } { last = $1 } END { print last }' >"$dir/seen"
	grep -v '^0$' "$dir/told" | cmp - "$dir/seen"
	paste -d' ' "$dir/expected" "$dir/told" | awk '$1 != "any" && $1 != $2 { print; bad = 1 } END { exit bad }'
}

@test "every damaged file of the corpus gets one line, and three of them are whole" {
	[ -n "${WEIR_CORPUS:-}" ] || skip "WEIR_CORPUS is not set"
	whole=0
	for f in "$WEIR_CORPUS"/bad/*; do
		run_read "$f"
		if [ "$code" -eq 0 ]; then
			whole=$((whole + 1))
			[ ! -s "$dir/err" ]
		else
			[ "$code" -eq 1 ] || [ "$code" -eq 4 ]
			[ "$(wc -l <"$dir/err")" -eq 1 ]
			grep -q "^weir-read: $f: offset [0-9]*: [a-z]" "$dir/err"
		fi
		run_read - <"$f"
		[ "$code" -ne 0 ] || [ ! -s "$dir/err" ]
	done
	[ $whole -eq 3 ]
	run_read "$WEIR_CORPUS/bad/bad-caplen-gt-wirelen.pcap"
	[ "$code" -eq 0 ]
	[ "$(counter odd_caplen <"$dir/out")" -eq 1 ]
}
