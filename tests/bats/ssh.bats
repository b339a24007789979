#!/usr/bin/env bats
load helper

setup_file() {
	python3 "$top/tests/gen/scenario.py" ssh >"$BATS_FILE_TMPDIR/ssh.pcap"
	weir read "$BATS_FILE_TMPDIR/ssh.pcap" | weir flow | weir reasm >"$BATS_FILE_TMPDIR/in.weir"
	export in=$BATS_FILE_TMPDIR/in.weir
}

@test "ssh: what both sides agree on, and their fingerprints" {
	weir ssh -i "$in" | weir json --types ssh --fields n,version,client_banner,server_banner,kex_alg,host_key_alg,cipher_c2s,cipher_s2c,mac_c2s,comp_c2s,hassh,hassh_server_algorithms |
		head -n 1 >"$BATS_TEST_TMPDIR/out"
	md5=$(printf %s 'curve25519-sha256,ext-info-c;aes256-ctr,aes128-ctr;hmac-sha2-256;none' | md5sum | cut -d' ' -f1)
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = '{"type":"ssh","n":7,"version":2,"client_banner":"SSH-2.0-PuTTY_Release_0.80","server_banner":"SSH-2.0-OpenSSH_9.2p1","kex_alg":"curve25519-sha256","host_key_alg":"ssh-ed25519","cipher_c2s":"aes128-ctr","cipher_s2c":"aes256-ctr","mac_c2s":"hmac-sha2-256","comp_c2s":"none","hassh":"'"$md5"'","hassh_server_algorithms":"sntrup761x25519-sha512,curve25519-sha256;aes128-ctr,aes256-ctr;hmac-sha2-256;none"}' ]
}

@test "ssh: on any port, and of a flow that ends early what was seen" {
	run bash -c "weir ssh -i '$in' | weir json --types ssh --fields resp_p,client_banner,hassh | tail -n 1"
	[ "$output" = '{"type":"ssh","resp_p":2222,"client_banner":"SSH-2.0-scanner"}' ]
}

@test "ssh: what is not its own passes on, the books balance, and so says weir conform" {
	run bash -c "set -o pipefail; weir ssh -i '$in' | weir tls | weir books"
	[ "$status" -eq 0 ]
	[[ "${lines[-1]}" == "books balance: "* ]]
	run weir conform weir ssh
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "ssh: a wrong option exits 2 and names the nearest" {
	run weir ssh --max-hold 3
	[ "$status" -eq 2 ]
	[[ "$output" == *max-held* ]]
}

@test "ssh: a line of text says who is there and what they agree on" {
	run bash -c "weir '$BATS_FILE_TMPDIR/ssh.pcap' -q --types ssh --format text --color never | cut -c69-"
	[ "${lines[0]}" = "SSH-2.0-PuTTY_Release_0.80 > SSH-2.0-OpenSSH_9.2p1 curve25519-sha256 ssh-ed25519 aes128-ctr 76c83a6745f9357e60b9098be399ccde" ]
	[ "${lines[1]}" = "SSH-2.0-scanner" ]
}
