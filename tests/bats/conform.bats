#!/usr/bin/env bats
# conform: the project's own stages keep to the contract, and each fault planted in one is found.
load helper

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	weir read "$top/examples/demo.pcap" | weir flow | weir reasm >streams.weir
}

setup() {
	dir=$BATS_FILE_TMPDIR
	cd "$BATS_TEST_TMPDIR"
}

# finds FAULT TITLE: with that fault the check of that title fails.
finds() {
	weir conform --timeout 3s -- "$top/tests/stages/broken.py" "$1" >out && { echo "$1: not found"; return 1; }
	grep -qE "^not ok [0-9]+ - .*$2" out || { cat out; return 1; }
}

@test "conform: a stage in Python keeps to the contract, with input of its own too" {
	run -0 weir conform --input "$dir/streams.weir" "$top/examples/python/weir-banner.py"
	[ "$(grep -c '^ok' <<<"$output")" = 16 ]
	[ "${lines[-1]}" = 1..16 ]
	run -0 weir conform "$top/tests/stages/broken.py" none
}

@test "conform: so do stages and parsers of weir" {
	for stage in dns http tls reasm flow tee merge buffer "sample -r 1/1"; do
		# shellcheck disable=SC2086
		weir conform -- weir-${stage%% *} $(cut -s -d' ' -f2- <<<"$stage") >out || { echo "$stage"; cat out; return 1; }
	done
	weir conform --input "$dir/streams.weir" -- weir-dns >out
	[ "$(grep -c '^ok' out)" = 16 ]
}

@test "conform: faults in the form of the stream are found" {
	finds no_hello 'empty stream'
	finds no_end 'empty stream'
	finds behind_end 'what comes out is a stream'
	finds no_schema 'what comes out is a stream'
	finds n_back 'what comes out is a stream'
}

@test "conform: records that are lost, doubled, changed or moved are found" {
	for fault in drop double alter reorder; do
		finds $fault 'nobody knows pass byte for byte|appended pass byte for byte'
	done
}

@test "conform: books that are off, or lack a ledger, are found" {
	finds books 'books balance'
	finds no_ledger 'books balance'
	finds swallows_ledgers 'books balance'
}

@test "conform: a stage that waits without a word is found" {
	finds no_flush 'has come out when it waits'
	finds no_mark 'a mark has come out'
}

@test "conform: wrong ends are found" {
	finds says_eof 'cut input'
	finds exit_code 'cut input'
	finds segv 'cut input'
	finds hangs 'empty stream'
	finds noisy 'reader leaves'
	finds sigint 'first SIGINT'
	finds one_stream 'stay two'
	finds short_reads 'a byte at a time'
	finds ignores_only '--only'
}

@test "conform: what is no stage fails, and a command that is not there is said" {
	run -1 weir conform -- cat
	run -1 weir conform -- true
	run -1 weir conform --timeout 2s -- sleep 60
	[[ $output == *"did not end within 2 s"* ]]
	run -1 weir conform /nonexistent/stage
	[[ $output == *"cannot run '/nonexistent/stage'"* ]]
	run -2 weir conform
	run -2 weir conform --timeout 0 true
}
