#!/usr/bin/env bats
load helper

setup_file() {
	python3 "$top/tests/gen/scenario.py" smtp >"$BATS_FILE_TMPDIR/smtp.pcap"
	weir read "$BATS_FILE_TMPDIR/smtp.pcap" | weir flow | weir reasm >"$BATS_FILE_TMPDIR/in.weir"
	export in=$BATS_FILE_TMPDIR/in.weir
}

@test "smtp: a record a mail, with envelope, header and reply; one for a session that went on encrypted" {
	weir smtp -i "$in" | weir json --types smtp --exclude ts,flow,n,community_id,proto,orig_h,orig_p,resp_h,first_n >"$BATS_TEST_TMPDIR/out"
	cat "$BATS_TEST_TMPDIR/out"
	diff - "$BATS_TEST_TMPDIR/out" <<'END'
{"type":"smtp","resp_p":25,"trans_depth":1,"server":"mail.example.com ESMTP","helo":"client.example.net","mailfrom":"bob@example.net","rcptto":["a@example.com","b@example.com"],"size":300,"from":"Bob <bob@example.net>","subject":"a long line","msg_id":"<1@x>","bytes":101,"auth_mech":"LOGIN","tls":false,"reply_code":250,"last_reply":"2.0.0 queued"}
{"type":"smtp","resp_p":587,"trans_depth":0,"server":"mx","helo":"c","bytes":0,"tls":true,"reply_code":220,"last_reply":"ready"}
{"type":"smtp","resp_p":25,"trans_depth":2,"server":"mail.example.com ESMTP","helo":"client.example.net","mailfrom":"","rcptto":["nobody@example.com"],"bytes":0,"auth_mech":"LOGIN","tls":false,"reply_code":221,"last_reply":"bye"}
END
}

@test "smtp: what is not its own passes on, the books balance, and so says weir conform" {
	run bash -c "set -o pipefail; weir smtp -i '$in' | weir tls | weir books"
	[ "$status" -eq 0 ]
	[[ "${lines[-1]}" == "books balance: "* ]]
	run weir conform weir smtp
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "smtp: a wrong option exits 2 and names the nearest" {
	run weir smtp --max-hold 3
	[ "$status" -eq 2 ]
	[[ "$output" == *max-held* ]]
}

@test "smtp: a line of text has the mail, or who was there" {
	run bash -c "weir '$BATS_FILE_TMPDIR/smtp.pcap' -q --types smtp --format text --color never | cut -c69-"
	[ "${lines[0]}" = 'bob@example.net > a@example.com, b@example.com "a long line" 101 B 250 2.0.0 queued' ]
	[ "${lines[1]}" = "c > mx 220 ready encrypted from here" ]
	[ "${lines[2]}" = "<> > nobody@example.com 0 B 221 bye" ]
}
