#!/usr/bin/env bats
load helper

# pages DIR CAPTURE: a pipeline over pipes, its pages in files DIR/STAGE.page.
pages() {
	local s
	mkdir -p "$1"
	for s in read flow reasm dns http tls json; do truncate -s 32768 "$1/$s.page"; done
	WEIR_PAGE_FD=9 weir read "$2" 9<>"$1/read.page" |
		WEIR_PAGE_FD=9 weir flow 9<>"$1/flow.page" |
		WEIR_PAGE_FD=9 weir reasm --memory 8M --ooo-bytes 4K 9<>"$1/reasm.page" |
		WEIR_PAGE_FD=9 weir dns 9<>"$1/dns.page" |
		WEIR_PAGE_FD=9 weir http 9<>"$1/http.page" |
		WEIR_PAGE_FD=9 weir tls 9<>"$1/tls.page" |
		WEIR_PAGE_FD=9 weir json -o null: 9<>"$1/json.page"
}

setup_file() {
	export run=$BATS_FILE_TMPDIR/run
	pages "$run/demo" "$top/examples/demo.pcap"
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
}

teardown() {
	[ -z "${server:-}" ] || kill "$server" 2>/dev/null || true
}

# serve OPTIONS...: a server on a free port; sets server, url, port.
serve() {
	weir metrics --listen 127.0.0.1:0 "$@" 2>served 3>&- 8>&- &
	server=$!
	for _ in $(seq 100); do grep -q '^weir-metrics: http' served && break; sleep 0.05; done
	url=$(grep -o 'http://.*' served)
	port=${url#http://127.0.0.1:}
	port=${port%/metrics}
}

# get URL: status line, headers and body.
get() {
	python3 - "$1" "${2:-GET}" <<'END'
import http.client, sys, urllib.parse
u = urllib.parse.urlparse(sys.argv[1])
c = http.client.HTTPConnection(u.hostname, u.port, timeout=5)
c.request(sys.argv[2], u.path)
r = c.getresponse()
print(r.status, r.getheader("Content-Type"))
sys.stdout.write(r.read().decode())
END
}

@test "metrics: every value is what the books say, and the text obeys OpenMetrics" {
	weir metrics --rundir "$run" --once >text
	run "$top/tests/stages/books_metrics.py" "$run" <text
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *" of 7 pages, 0 differ" ]]
	# Not all is 0.
	"$top/tests/stages/openmetrics.py" <text >samples
	for name in flows_started_total flows_ended_total packets_unmatched_total traffic_bytes_total \
		flow_duration_seconds_sum flow_packets_sum flow_bytes_sum reassembly_gap_bytes_total \
		reassembler_high_watermark_bytes_sum records_dropped parser_flows_claimed_total; do
		[ "$name" = records_dropped ] || grep -q "^weir_$name{.* [1-9]" samples
	done
	# The same as the table: flows, frames that are none, and what was made.
	table=$(weir books --page "$run/demo/flow.page")
	grep -oE 'flows_tcp\.in [0-9]+' <<<"$table" | grep -q "$(grep '^weir_flows_started_total.*l4=tcp' samples | grep -oE ' [0-9]+$')"
	[ "$(awk '$1 == "flow" { print $3 }' <<<"$table")" = "$(grep '^weir_records_made_total.*stage=flow' samples | grep -oE '[0-9]+$')" ]
}

@test "metrics: anomalies are counted by name, and gaps by side and reason" {
	local made=0
	for name in retransmit_overlap lost midstream port_reuse bad_checksums one_sided; do
		pages "r/$name" "$(capture "$name")"
		made=$((made + $(weir read "$(capture "$name")" | weir flow | weir reasm | weir json --types anomaly | wc -l)))
	done
	weir metrics --rundir r --once >text
	"$top/tests/stages/books_metrics.py" r <text
	"$top/tests/stages/openmetrics.py" <text >samples
	sum() { awk -v name="^weir_$1" '$0 ~ name { n += $NF } END { print n + 0 }' samples; }
	echo "anomalies $made, $(sum anomalies_total)"
	[ "$made" -gt 2 ]
	[ "$made" -eq "$(sum anomalies_total)" ]
	grep -q '^weir_anomalies_total{.*kind=overlap_diff,pipeline=retransmit_overlap,stage=reasm} 1$' samples
	grep -q '^weir_reassembly_gap_bytes_total{.*pipeline=lost,reason=acked,side=orig,.*} 100$' samples
	[ "$(sum reassembly_gap_bytes_total)" -eq "$(sum reassembly_lost_bytes_total)" ]
	[ "$(sum reassembly_gap_bytes_total)" -eq "$(sum 'reassembly_fate_bytes_total.*fate=gap')" ]
	grep -q '^weir_reassembly_out_of_order_segments_total{.*pipeline=lost,side=orig,.*} [1-9]' samples
}

@test "metrics: a reader that knows the format refuses text that breaks it" {
	weir metrics --rundir "$run" --once >good
	refused() { ! "$top/tests/stages/openmetrics.py" <bad 2>why; }
	grep -v '^# EOF' good >bad && refused
	grep -v 'le="+Inf"' good >bad && refused
	sed '/flow_packets_bucket.*le="10.0"/s/[0-9]*$/0/' good >bad && refused
	sed '0,/_total{/s/_total{/{/' good >bad && refused
	sed '0,/^# TYPE/s/^# TYPE/#TYPE/' good >bad && refused
	sed 's/^\(weir_records_in_total.*flow.*\)$/\1\n\1/' good >bad && refused
	sed '0,/copy="flow"/s/copy="flow"/copy="fl"ow"/' good >bad && refused
	# And the comparison sees one counter off by one.
	sed '0,/^\(weir_records_made_total.*\) \([0-9]*\)$/s//\1 1\2/' good >bad
	! "$top/tests/stages/books_metrics.py" "$run" <bad || false
}

@test "metrics: served over HTTP as printed; other paths and methods are refused" {
	serve --rundir "$run"
	get "$url" >got
	head -n 1 got | grep -q '^200 application/openmetrics-text; version=1.0.0; charset=utf-8$'
	weir metrics --rundir "$run" --once | cmp - <(tail -n +2 got)
	[ "$(get "$url" HEAD | wc -l)" -eq 1 ]
	get "${url}x" | grep -q '^404 '
	get "http://127.0.0.1:$port/" | grep -q '^404 '
	get "$url" POST | grep -q '^405 '
	kill -TERM "$server"
	status=0
	wait "$server" || status=$?
	[ "$status" -eq 143 ]
	[ "$(wc -l <served)" -eq 1 ]
	server=
}

@test "metrics: follows a stage that runs, and one that starts later" {
	mkdir -p r/p
	truncate -s 32768 r/p/flow.page
	mkfifo in
	WEIR_PAGE_FD=9 weir flow -i in -o null: 9<>r/p/flow.page 3>&- &
	flow=$!
	exec 8>in
	weir read "$top/examples/demo.pcap" >frames.weir
	head -c 40000 frames.weir >&8
	serve --rundir r
	value() { get "$url" | tail -n +2 | "$top/tests/stages/openmetrics.py" | grep "^$1" | awk '{ print $NF }'; }
	for _ in $(seq 50); do [ "$(value 'weir_frames_total')" -gt 0 ] && break; sleep 0.1; done
	before=$(value 'weir_frames_total')
	[ "$before" -gt 0 ]
	[ "$(value 'weir_stage_running')" -eq 1 ]
	cat <(tail -c +40001 frames.weir) >&8
	exec 8>&-
	wait "$flow"
	sleep 0.2
	[ "$(value 'weir_frames_total')" -eq 236 ]
	[ "$(value 'weir_stage_running')" -eq 0 ]
	[ "$(value 'weir_flows_active.*l4=tcp')" -eq 0 ]
	pages r/later "$top/examples/demo.pcap"
	sleep 0.2
	[ "$(value 'weir_pages{')" -eq 8 ]
	# Written over by a stage that starts again: a new one, from 0.
	WEIR_PAGE_FD=9 weir flow -i /dev/null -o null: 9<>r/p/flow.page 2>/dev/null || true
	sleep 0.2
	[ "$(value 'weir_frames_total{.*pipeline=p')" -eq 0 ]
}

@test "metrics: pages by name, and what is none is left out and counted" {
	weir metrics --once --page "$run/demo/flow.page" --page "$run/demo/read.page" >text
	grep -q '^weir_pages{stage="metrics"} 2$' text
	grep -q '^weir_frames_total{pipeline="demo",stage="flow",copy="flow"} 236$' text
	run weir metrics --once --page "$run/demo/flow.page" --page "$run/demo/flow.page"
	[ "$status" -eq 2 ]
	mkdir -p r/p r/.hidden
	cp "$run/demo/flow.page" r/p/
	cp "$run/demo/flow.page" r/.hidden/
	head -c 32768 /dev/zero >r/p/zeros.page
	head -c 100 "$run/demo/flow.page" >r/p/short.page
	mkfifo r/p/fifo.page
	ln -s /etc/passwd r/p/link.page
	mkdir r/p/dir.page
	echo x >r/p/other
	timeout 10 weir metrics --once --rundir r >text
	grep -q '^weir_pages{stage="metrics"} 1$' text
	grep -q '^weir_pages_left_out{stage="metrics"} 5$' text
	"$top/tests/stages/openmetrics.py" <text >/dev/null
}

@test "metrics: hostile pages make text that still obeys the format" {
	mkdir -p r/p
	python3 - <<'END'
import os, random, struct
rng = random.Random(7)
base = open(os.environ["run"] + "/demo/flow.page", "rb").read()
for i in range(60):
    data = bytearray(base)
    for _ in range(1 << rng.randrange(12)):
        data[rng.randrange(4, len(data))] = rng.randrange(256)
    if i % 3 == 0:
        data[4:8] = struct.pack("<I", rng.choice([0, 1, 583, 584, 2**31, 2**32 - 1]))
    open(f"r/p/{i}.page", "wb").write(data)
END
	timeout 60 weir metrics --once --rundir r >text
	"$top/tests/stages/openmetrics.py" <text >samples
	[ "$(wc -l <samples)" -gt 1000 ]
}

@test "metrics: many clients, slow ones and garbage: bounded, and others are served" {
	serve --rundir "$run"
	most=40000 # kB
	! nm "$WEIR_BUILD/libweir.a" 2>/dev/null | grep -q __asan_ || most=200000 || false
	python3 - "$port" "$server" "$most" <<'END'
import http.client, os, resource, socket, sys, time
port, pid = int(sys.argv[1]), sys.argv[2]
resource.setrlimit(resource.RLIMIT_NOFILE, (2048, 2048))
def cpu():
    f = open(f"/proc/{pid}/stat").read().split()
    return (int(f[13]) + int(f[14])) / 100
def rss():
    return [int(l.split()[1]) for l in open(f"/proc/{pid}/status") if l.startswith("VmRSS")][0]
def ask():
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    c.request("GET", "/metrics")
    return len(c.getresponse().read())
n, idle = ask(), []
for _ in range(700):
    s = socket.socket()
    s.settimeout(2)
    try:
        s.connect(("127.0.0.1", port))
        s.send(b"GET /metr")
    except OSError:
        pass
    idle.append(s)
time.sleep(1)
before = cpu()
time.sleep(1)
assert cpu() - before < 0.5, "spins"
assert len(os.listdir(f"/proc/{pid}/fd")) < 80, "keeps them"
assert ask() == n
for junk in (b"\0" * 100, b"A" * 100000, b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 20000,
             b"POST /metrics HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\nabc", os.urandom(5000)):
    s = socket.create_connection(("127.0.0.1", port), 2)
    try:
        s.sendall(junk + b"\r\n\r\n")
    except OSError:
        pass
    s.close()
# A client that asks and does not read.
s = [socket.create_connection(("127.0.0.1", port), 2) for _ in range(10)]
for x in s:
    x.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
time.sleep(0.5)
assert ask() == n
assert rss() < int(sys.argv[3]), rss()
END
	kill -0 "$server"
	[ "$(wc -l <served)" -eq 1 ]
}

@test "metrics: behind its sandbox the server opens only what is below the run directory" {
	nm "$WEIR_BUILD/libweir.a" 2>/dev/null | grep -q __asan_ && skip "a sanitizer build has no sandbox"
	serve --rundir "$run"
	get "$url" >/dev/null
	for task in /proc/"$server"/task/*; do
		grep -q '^Seccomp:[[:space:]]*2$' "$task/status"
		grep -q '^NoNewPrivs:[[:space:]]*1$' "$task/status"
		grep -q '^CapEff:[[:space:]]*0*$' "$task/status"
	done
	command -v strace >/dev/null || skip "no strace"
	kill "$server"
	server=
	bin=$WEIR_BUILD/libexec/weir/weir-metrics
	strace -f -o trace "$bin" --rundir "$run" --once >text 2>said || { grep -q ptrace said && skip "no ptrace here"; false; }
	awk '/seccomp\(SECCOMP_SET_MODE_FILTER.* = 0$/ { n = NR } { line[NR] = $0 } END { for (i = n + 1; n && i <= NR; i++) print line[i] }' trace >after
	[ -s after ]
	! grep -E 'openat\(' after | grep -vE "\"($run|demo|launcher|[a-z]+\.page)\", O_RDONLY" || false
}

@test "metrics: wrong use is one line" {
	one() { local want=$1; shift; status=0; "$@" >out 2>said || status=$?; cat said; [ "$status" -eq "$want" ] && [ "$(wc -l <said)" -eq 1 ]; }
	one 2 weir metrics --once --listen
	one 2 weir metrics --page x --rundir y
	one 1 weir metrics --once --page nothing
	one 1 weir metrics --once --rundir nothing
	WEIR_RUNDIR=$PWD/nothing/yet one 1 weir metrics --once
	one 2 weir metrics --rundir "$run" --listen localhost:9273
	one 2 weir metrics --rundir "$run" --listen 127.0.0.1
	one 2 weir metrics --rundir "$run" --listen 127.0.0.1:99999
	one 2 weir metrics --rundir "$run" --listen ::1:80
	one 2 weir metrics extra
	serve --rundir "$run"
	one 1 weir metrics --rundir "$run" --listen "127.0.0.1:$port"
	grep -q "listen on 127.0.0.1:$port" said
	status=0
	weir metrics --rundir "$run" --once >/dev/full 2>said || status=$?
	[ "$status" -eq 1 ]
}

@test "metrics: it may be there before the first pipeline is, and then shows it" {
	export WEIR_RUNDIR=$BATS_TEST_TMPDIR/first
	serve
	[ "$(stat -c %a first)" = 700 ]
	get "$url" >none
	[ "$(grep -v '^#' none)" = "$(printf '%s\n' '200 application/openmetrics-text; version=1.0.0; charset=utf-8' \
		'weir_pages{stage="metrics"} 0' 'weir_pages_left_out{stage="metrics"} 0')" ]
	mkfifo in
	weir run -q --name later "read in | flow | json -o null:" 3>&- 8>&- &
	launcher=$!
	exec 8>in
	for _ in $(seq 200); do
		get "$url" >some
		grep -q 'pipeline="later"' some && break || sleep 0.05
	done
	grep -q 'pipeline="later",stage="json"' some
	cat "$top/examples/demo.pcap" >&8
	exec 8>&-
	wait $launcher
}

@test "metrics: what the launcher says of processes and rings is with their stages" {
	export WEIR_RUNDIR=$BATS_TEST_TMPDIR/rundir
	mkfifo in
	weir run --name p "read in | flow | json --types packet --fields n" >out 2>err 3>&- &
	launcher=$!
	exec 8>in
	cat "$top/examples/demo.pcap" >&8
	sample() { weir metrics --once | "$top/tests/stages/openmetrics.py" | grep "^weir_$1{.*copy=$2[,}]" | awk '{ print $NF }'; }
	await() { for _ in $(seq 200); do "$@" && return 0 || sleep 0.05; done; return 1; }
	up() { [ "$(sample process_up json)" = 1 ] && [ "$(sample ring_taken_bytes_total json)" -gt 20000 ]; }
	await up
	slow=$(weir top p --once --json --every 10ms | jq '.stages[] | select(.stage == "json") | .pid')
	kill -STOP "$slow"
	for _ in $(seq 60); do tail -c +25 "$top/examples/demo.pcap"; done >&8 &
	blocked() { [ "$(sample ring_blocked_by flow)" = 1 ] && [ "$(sample ring_blocked_by read)" = 1 ]; }
	await blocked
	weir metrics --once >text
	grep -q '^weir_ring_blocked_by{pipeline="p",stage="flow",copy="flow",reader="json"} 1$' text
	# The same as weir top has; and what is published is what is taken, and the rest.
	table=$(weir top p --once --json --every 10ms)
	[ "$(sample ring_lag_bytes json)" -eq "$(jq '.stages[] | select(.stage == "json") | .lag' <<<"$table")" ]
	[ "$(sample ring_published_bytes_total flow)" -eq $(($(sample ring_taken_bytes_total json) + $(sample ring_lag_bytes json))) ]
	[ "$(sample ring_fill_ratio json | cut -c 1-5)" = "$(jq -r '.stages[] | select(.stage == "json") | .lag / 1048576 | tostring | .[0:5]' <<<"$table")" ]
	[ "$(sample process_restarts_total json)" -eq 0 ]
	kill -9 "$slow"
	restarted() { [ "$(sample process_restarts_total json)" = 1 ]; }
	await restarted
	awk -v v="$(sample process_cpu_seconds_total json)" 'BEGIN { exit !(v > 0 && v < 60) }'
	exec 8>&-
	wait $launcher
}
