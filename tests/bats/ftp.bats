#!/usr/bin/env bats
# ftp: FTP and TFTP: sessions, transfers, and what joins them.
load helper

setup_file() {
	local name
	for name in ftp tftp; do
		python3 "$top/tests/gen/scenario.py" $name >"$BATS_FILE_TMPDIR/$name.pcap"
		weir read "$BATS_FILE_TMPDIR/$name.pcap" | weir flow | weir reasm >"$BATS_FILE_TMPDIR/$name.weir"
	done
}

setup() { cd "$BATS_FILE_TMPDIR"; }

# example PAGE CAPTURE: its last example, on that capture, gives what the page says.
example() {
	local page=$top/docs/man/weir-$1.1
	sed -n '/^\.Sh EXAMPLES/,/^\.Sh SEE/p' "$page" | sed -n '/^Files/,$p' | sed -n '/^weir/,/^\.Ed/p' | sed '/^\./d' |
		grep -v '^{' | sed "s/trace.pcap/$2/" >"$1.sh"
	grep '^{' "$page" >"$1.says"
	timeout 60 bash "$1.sh" | grep -e '"tftp"' -e '"ftp"' >"$1.out"
	diff "$1.says" "$1.out"
}

@test "ftp: a record a command, replies in order, what is secret left out, up to AUTH TLS" {
	weir ftp -i ftp.weir | weir csv --types ftp --fields resp_p,user,command,arg,password,reply_code,file_size,passive,data_resp_h,data_resp_p,tls --no-header | tr -d '\r' >ftp.csv
	diff - ftp.csv <<'END'
21,,,,,220,,,,,false
21,anonymous,USER,anonymous,,331,,,,,false
21,anonymous,PASS,,me@example.net,230,,,,,false
21,anonymous,TYPE,I,,200,,,,,false
21,anonymous,RETR,secret,,550,,,,,false
21,anonymous,EPSV,,,229,,true,198.51.100.1,50000,false
21,anonymous,RETR,boot.img,,226,700,true,198.51.100.1,50000,false
21,anonymous,PORT,"192,0,2,1,156,66",,200,,false,192.0.2.1,40002,false
21,anonymous,STOR,notes,,226,,false,192.0.2.1,40002,false
21,anonymous,PORT,"203,0,113,9,0,22",,500,,,,,false
21,anonymous,EPRT,|1|203.0.113.9|22|,,200,,false,203.0.113.9,22,false
21,anonymous,QUIT,,,221,,,,,false
21,,,,,220,,,,,false
21,bob,USER,bob,,331,,,,,false
21,bob,PASS,,,530,,,,,false
21,bob,AUTH,TLS,,234,,,,,true
END
	run bash -c "weir ftp -i ftp.weir --passwords | weir json --types ftp,anomaly --fields password,name,state,expected | grep -e secret -e elsewhere"
	[ "$output" = '{"type":"anomaly","name":"ftp_data_elsewhere","state":"EPRT","expected":"the client'"'"'s address"}
{"type":"ftp","password":"secret"}' ]
}

@test "ftp, tftp: behind infer a transfer is joined to its file as the pages say" {
	example ftp ftp.pcap
	example tftp tftp.pcap
}

@test "tftp: requests, and without infer what their flows and agreed options tell" {
	weir tftp -i tftp.weir | weir json --types tftp,tftp_request --fields orig_p,op,filename,options,state,blocks,bytes,request,server_port >tftp.json
	diff - tftp.json <<'END'
{"type":"tftp_request","orig_p":40000,"op":"read","filename":"boot.img","options":[{"name":"blksize","value":"1024"},{"name":"windowsize","value":"2"},{"name":"tsize","value":"0"}]}
{"type":"tftp","orig_p":50000,"op":"read","options":[{"name":"blksize","value":"1024"},{"name":"windowsize","value":"2"},{"name":"tsize","value":"3100"}],"state":"completed","blocks":4,"bytes":3100,"server_port":50000}
{"type":"tftp_request","orig_p":40001,"op":"write","filename":"notes"}
END
}

@test "ftp, tftp: what is not theirs passes on, the books balance, and so says weir conform" {
	run bash -c "set -o pipefail; weir merge -i ftp.weir -i tftp.weir | weir ftp | weir tftp | weir tls | weir books"
	[ "$status" -eq 0 ]
	[[ "${lines[-1]}" == "books balance: "* ]]
	weir conform weir ftp
	run weir ftp --password
	[ "$status" -eq 2 ]
	[[ "$output" == *passwords* ]]
}
