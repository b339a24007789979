#!/usr/bin/env bats
load helper

# talk FILE: writes a capture of TCP conversations. stdin: a line a conversation, "PORT step|step..";
# a step is > or < and the bytes of one segment, in which \r \n \xHH stand for themselves.
talk() {
	python3 - "$1" 3<&0 <<'END'
import os, struct, sys
def checksum(b):
    b += b"\0" * (len(b) % 2)
    s = sum(struct.unpack("!%dH" % (len(b) // 2), b))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff
out = open(sys.argv[1], "wb")
out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
t = 0
def send(sp, dp, seq, ack, flags, data, client):
    global t
    a, b = (b"\x0a\0\0\1", b"\x0a\0\0\2") if client else (b"\x0a\0\0\2", b"\x0a\0\0\1")
    tcp = struct.pack("!HHIIBBHHH", sp, dp, seq, ack, 0x50, flags, 60000, 0, 0) + data
    c = checksum(a + b + struct.pack("!HH", 6, len(tcp)) + tcp)
    tcp = tcp[:16] + struct.pack("!H", c) + tcp[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0) + a + b
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + tcp
    t += 1000
    out.write(struct.pack("<IIII", 1700000000 + t // 1000000, t % 1000000, len(ip), len(ip)) + ip)
for number, line in enumerate(os.fdopen(3)):
    port, _, steps = line.rstrip("\n").partition(" ")
    cp, sp, c, s = 40000 + number, int(port), 100, 900
    send(cp, sp, c, 0, 2, b"", True)
    send(sp, cp, s, c + 1, 18, b"", False)
    c, s = c + 1, s + 1
    send(cp, sp, c, s, 16, b"", True)
    for step in steps.split("|"):
        data = step[1:].encode("latin-1").decode("unicode_escape").encode("latin-1")
        if step[0] == ">":
            send(cp, sp, c, s, 24, data, True)
            c += len(data)
        else:
            send(sp, cp, s, c, 24, data, False)
            s += len(data)
    send(cp, sp, c, s, 17, b"", True)
    send(sp, cp, s, c + 1, 17, b"", False)
    send(cp, sp, c + 1, s + 1, 16, b"", True)
END
}

# records FILE [OPTION..]: the http records of a capture as JSON lines.
records() {
	local file=$1
	shift
	weir read "$file" | weir flow | weir reasm | weir http "$@" | weir json --types http
}

ok='HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'

setup_file() {
	cat >"$BATS_FILE_TMPDIR/lines" <<-'END'
	80 >GET /one HTTP/1.1\r\nHost: h:80\r\n\r\nGET /two HTTP/1.1\r\nHost: h\r\n\r\n|<HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello|<HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n
	8123 >POST /form HTTP/1.1\r\nX: \r\n folded\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n|>0\r\n\r\n|<HTTP/1.1 200 OK\r\n\r\nuntil the end
	80 >SSH-2.0-x\r\n|<SSH-2.0-y\r\n
	80 >CONNECT in.example:443 HTTP/1.1\r\n\r\n|<HTTP/1.1 200 OK\r\n\r\n|>\x16\x03\x01\0\x05hello
	80 >POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\n\r\n|<HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n|<HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n
	END
	talk "$BATS_FILE_TMPDIR/http.pcap" <"$BATS_FILE_TMPDIR/lines"
}

@test "http: an exchange is a record, on any port" {
	records "$BATS_FILE_TMPDIR/http.pcap" >"$BATS_TEST_TMPDIR/out"
	python3 - "$BATS_TEST_TMPDIR/out" <<'END'
import json, sys
got = [json.loads(l) for l in open(sys.argv[1])]
by = {r["uri"]: r for r in got}
assert sorted(by) == ["/", "/form", "/hidden", "/one", "/two", "in.example:443"], by.keys()
assert by["/one"]["status_code"] == 200 and by["/one"]["host"] == "h", by["/one"]
assert by["/one"]["resp_body_len"] == 5 and by["/one"]["outcome"] == "completed"
assert by["/two"]["status_code"] == 404 and by["/two"]["tx_id"] == 1
f = by["/form"]
assert f["resp_p"] == 8123 and f["req_body_len"] == 3 and f["resp_body_len"] == 13, f
assert f["framing"] == "close" and f["outcome"] == "completed" and f["tags"] == ["http_obs_fold"], f
assert by["in.example:443"]["outcome"] == "switched"
assert "http_cl_te" in by["/"]["tags"] and by["/hidden"]["status_code"] == 200
assert all("req_headers" not in r and "req_body" not in r for r in got)
END
}

@test "http: --headers and --body-max show more" {
	records "$BATS_FILE_TMPDIR/http.pcap" --headers --body-max 4 >"$BATS_TEST_TMPDIR/out"
	python3 - "$BATS_TEST_TMPDIR/out" <<'END'
import json, sys
by = {r["uri"]: r for r in map(json.loads, open(sys.argv[1]))}
names = [(h["name"], h["value"]) for h in by["/form"]["req_headers"]]
assert names == [("X", "folded"), ("Transfer-Encoding", "chunked")], names
assert by["/one"]["resp_headers"][0]["name"] == "Content-Length"
assert by["/one"]["truncated"] == ["resp_body"], by["/one"]
assert "truncated" not in by["/two"]
assert len(by["/one"]["resp_body"]) in (4, 8), by["/one"]["resp_body"]
END
}

@test "http: what is ambiguous is an anomaly as well" {
	run bash -c "weir read '$BATS_FILE_TMPDIR/http.pcap' | weir flow | weir reasm | weir http | weir json --types anomaly | grep -c -e '\"name\":\"http_cl_te\"' -e '\"name\":\"http_obs_fold\"'"
	[ "$output" = 2 ]
}

@test "http: streams of other protocols, and what follows CONNECT, pass on" {
	weir read "$BATS_FILE_TMPDIR/http.pcap" | weir flow | weir reasm | weir http | weir json --types stream >"$BATS_TEST_TMPDIR/out"
	[ "$(grep -c . "$BATS_TEST_TMPDIR/out")" = 4 ]
	weir read "$BATS_FILE_TMPDIR/http.pcap" | weir flow | weir reasm | weir http --only | weir json --types stream,flow,http >"$BATS_TEST_TMPDIR/only"
	run grep -c '"type":"http"' "$BATS_TEST_TMPDIR/only"
	[ "$output" = 6 ]
	run grep -c -e '"type":"stream"' -e '"type":"flow"' "$BATS_TEST_TMPDIR/only"
	[ "$output" = 0 ]
}

@test "http: how segments are cut does not show" {
	echo "80 >GET /cut HTTP/1.1\r\nHost: h\r\n\r\n|<$ok" >"$BATS_TEST_TMPDIR/whole"
	echo "80 >GET /c|>ut HTTP/1.1\r|>\nHost: h\r\n|>\r|>\n|<HTTP/1.|<1 200 OK\r\nContent-Le|<ngth: 5\r\n\r\nh|<ello" >"$BATS_TEST_TMPDIR/cut"
	for i in whole cut; do
		talk "$BATS_TEST_TMPDIR/$i.pcap" <"$BATS_TEST_TMPDIR/$i"
		weir read "$BATS_TEST_TMPDIR/$i.pcap" | weir flow | weir reasm | weir http |
			weir json --types http --exclude ts,n,ttfb,duration >"$BATS_TEST_TMPDIR/$i.json"
	done
	[ -s "$BATS_TEST_TMPDIR/whole.json" ]
	cmp "$BATS_TEST_TMPDIR/whole.json" "$BATS_TEST_TMPDIR/cut.json"
}

@test "http: wrong use exits with 2 and names the option" {
	run weir http --header
	[ "$status" = 2 ]
	[[ "$output" == *--headers* ]]
	run weir http --body-max many
	[ "$status" = 2 ]
}
