#!/usr/bin/env bats
load helper

setup_file() {
	weir read "$top/examples/demo.pcap" | weir flow | weir reasm | weir dns >"$BATS_FILE_TMPDIR/all.weir"
}

@test "books: the books of a pipeline balance" {
	run weir books -i "$BATS_FILE_TMPDIR/all.weir"
	[ "$status" -eq 0 ]
	for stage in read flow reasm dns; do
		[[ "$output" == *"$stage "* ]]
	done
	[[ "${lines[-1]}" == "books balance: "*" laws" ]]
}

@test "books: a counter that is off by one exits 6 and names the stage" {
	for plant in read:made:-1 flow:in:1 flow:out:-1 flow:frames.packet:1 reasm:consumed:1; do
		export WEIR_TEST_BOOKS=$plant
		(weir read "$top/examples/demo.pcap" | weir flow | weir reasm || true) 2>/dev/null >"$BATS_TEST_TMPDIR/off.weir"
		unset WEIR_TEST_BOOKS
		run weir books -i "$BATS_TEST_TMPDIR/off.weir"
		[ "$status" -eq 6 ]
		[[ "$output" == *"books are off"* ]]
		[[ "$output" == *"${plant%%:*}: "* ]]
	done
}

@test "books: streams one after the other get a table each, joined ones get one" {
	weir read "$top/examples/demo.pcap" >"$BATS_TEST_TMPDIR/other.weir"
	run bash -c "cat '$BATS_FILE_TMPDIR/all.weir' '$BATS_TEST_TMPDIR/other.weir' | weir books"
	[ "$status" -eq 0 ]
	[ "$(grep -c '^books balance' <<<"$output")" -eq 2 ]
	run weir books -i "$BATS_FILE_TMPDIR/all.weir" -i "$BATS_TEST_TMPDIR/other.weir"
	[ "$status" -eq 0 ]
	[ "$(grep -c '^books balance' <<<"$output")" -eq 1 ]
	[ "$(grep -c '^read ' <<<"$output")" -eq 2 ]
}

@test "books: a stream without its end exits 4" {
	head -c 2000 "$BATS_FILE_TMPDIR/all.weir" >"$BATS_TEST_TMPDIR/cut.weir"
	run weir books -i "$BATS_TEST_TMPDIR/cut.weir"
	[ "$status" -ne 0 ]
	[ "$status" -ne 6 ]
}

@test "books: a page shows what its stage counted" {
	python3 - "$BATS_TEST_TMPDIR/page" <<'END'
import struct, sys
def name(s):
    return s.encode().ljust(40, b"\0")
slots = [("made", 0, 10), ("out", 0, 9), ("held", 0, 1)]
page = struct.pack("<IIQII", 0x57424B31, len(slots), 77, 1, 0) + name("read")
page += b"".join(name(n) + struct.pack("<QQ", p, v) for n, p, v in slots)
open(sys.argv[1], "wb").write(page.ljust(32768, b"\0"))
page = page.replace(struct.pack("<QII", 77, 1, 0), struct.pack("<QII", 77, 1, 1))
open(sys.argv[1] + ".ended", "wb").write(page.ljust(32768, b"\0"))
END
	run weir books --page "$BATS_TEST_TMPDIR/page"
	[ "$status" -eq 0 ]
	[[ "$output" == *"books balance"* ]]
	run weir books --page "$BATS_TEST_TMPDIR/page.ended"
	[ "$status" -eq 6 ]
	[[ "$output" == *"ended with 1 records held"* ]]
	run weir books --page "$top/README.md"
	[ "$status" -ne 0 ]
	[ "${#lines[@]}" -eq 1 ]
}
