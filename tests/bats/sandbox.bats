#!/usr/bin/env bats
# What a running stage can still do. Not for sanitizer builds: they need more than it leaves.
load helper
load ../stages/build

setup_file() {
	local demo=$top/examples/demo.pcap dir=$BATS_FILE_TMPDIR
	weir read "$demo" >"$dir/frames.weir"
	weir flow -i "$dir/frames.weir" >"$dir/packets.weir"
	weir reasm -i "$dir/packets.weir" >"$dir/streams.weir"
	weir dns -i "$dir/streams.weir" | weir http | weir tls >"$dir/all.weir"
	weir json -i "$dir/all.weir" >"$dir/all.json"
	weir craft 'eth/ip(src=127.0.0.1,dst=127.0.0.1)/udp(dport=9)' -o "$dir/ping.weir"
	stage_program pass
	stage_program hostile
}

setup() {
	dir=$BATS_FILE_TMPDIR
	cd "$BATS_TEST_TMPDIR" || return 1
}

@test "sandbox: a stage whose parser opens a file, makes a socket, forks or runs a program is killed" {
	for bad in open socket fork exec; do
		status=0
		WEIR_PASS_BAD=$bad "$dir/weir-pass" -i "$dir/streams.weir" -o null: 2>said || status=$?
		[ "$status" -eq 159 ]
		run ! grep -q 'done' said
	done
	# The same with the sandbox off comes through: it was the sandbox.
	WEIR_PASS_BAD=open run "$dir/weir-pass" --sandbox off -i "$dir/streams.weir" -o null:
	[ "$status" -eq 0 ]
	[[ "$output" == *"open: done, got "[0-9]* ]]
}

# One ring, two readers: the printer and the hostile one.
hostile() {
	local ring=sandbox$BASHPID
	weir reasm -i "$dir/packets.weir" -o "shm:$ring,readers=json,hostile" 2>said.reasm 3>&- &
	reasm=$!
	weir json -i "shm:$ring,reader=json" >got.json 2>said.json 3>&- &
	json=$!
	status=0
	WEIR_HOSTILE=$1 timeout 20 "$dir/weir-hostile" -i "shm:$ring,reader=hostile" -o null: 2>said || status=$?
	wait "$json"
	lost=0
	wait "$reasm" || lost=$?
	echo "the producer: $lost $(cat said.reasm)"
	# A producer whose reader was killed has not delivered all; else it has.
	[ "$lost" -eq 0 ] || [ "$status" -gt 128 ]
	cmp got.json want.json
	[ ! -s said.json ]
}

@test "sandbox: a parser that was taken over reads no file, reaches nobody, signals nobody; the others go on" {
	weir json -i "$dir/streams.weir" >want.json
	[ "$(wc -l <want.json)" -gt 10 ]
	for what in file mem socket send signal group trace process exec memfd pwrite; do
		hostile "$what"
		echo "$what: $status $(cat said)"
		[ "$status" -eq 159 ]
		[ ! -s said ]
	done
	# Without the sandbox it could: it is the sandbox.
	WEIR_SANDBOX=off hostile file
	[ "$status" -eq 0 ]
	grep -q 'file: got [0-9]' said
}

@test "sandbox: it can't write the ring, the producer's pages or a sibling's, by whatever way" {
	weir json -i "$dir/streams.weir" >want.json
	for what in rights map; do
		hostile "$what"
		echo "$what: $status $(cat said)"
		[ "$status" -eq 0 ]
		grep -qx "weir-hostile: $what: got 0" said
	done
	hostile store
	[ "$status" -eq 139 ]
}

@test "sandbox: weir prints what the others make, and says which stage was killed" {
	weir "$top/examples/demo.pcap" -q >want.json
	status=0
	WEIR_HOSTILE=socket weir "$top/examples/demo.pcap" -q --with "$dir/weir-hostile" >got.json 2>said || status=$?
	cat said
	[ "$status" -eq 159 ]
	grep -q "was killed by signal 31" said
	cmp want.json got.json
}

@test "sandbox: a pipeline goes on with a parser that was taken over started again, and the record counted" {
	cat >p.weir <<-END
	[pipeline]
	backoff = 1ms
	[stage read]
	run = read $top/examples/demo.pcap
	out = frames
	[stage hostile]
	run = $dir/weir-hostile
	in = frames
	out = same
	join = ring
	[stage json]
	run = json --types frame
	in = same
	[stage flow]
	run = flow
	in = frames
	out = packets
	[stage flows]
	run = json -o flows.json
	in = packets
	END
	weir json -i "$dir/frames.weir" --types frame | grep -v '"n":100,' >want.json
	weir json -i "$dir/packets.weir" >flows.want
	for what in file socket signal exec store; do
		rm -f poison-*
		WEIR_HOSTILE=$what WEIR_HOSTILE_AT=100 timeout 30 weir run p.weir >got.json 2>said
		# All but the record that did it, which is kept for a look; its siblings see nothing of it.
		cmp want.json got.json
		cmp flows.want flows.json
		[ "$(weir json -i poison-hostile-1.weir --types frame | jq .n)" = 100 ]
		grep -q "^weir-run: stage 'hostile' was killed by signal $([ $what = store ] && echo 11 || echo 31)" said
		grep -qE 'dropped.poison 1\b|poison 1\b' said
		grep -qE 'restarts [1-9]' said
		grep -q '^books balance' said
	done
}

@test "sandbox: a running stage has no capability, no new privileges, a filter, and is nobody" {
	for case in flow reasm dns http tls json books tee merge head tail meter replay info csv buffer sort count \
		"shard -o null:" "sample --rate 1/4" "filter resp_p==53" "cut resp_p" "rank --by resp_p"; do
		read -r tool args <<<"$case"
		mkfifo "$tool.fifo"
		# shellcheck disable=SC2086
		weir "$tool" $args -i "$tool.fifo" -o null: 2>/dev/null 3>&- &
		pid=$!
		exec 9>"$tool.fifo"
		head -c 300 "$dir/frames.weir" >&9
		for _ in $(seq 100); do
			grep -q '^Seccomp:.*2' "/proc/$pid/status" && break
			sleep 0.02
		done
		grep -q '^NoNewPrivs:[[:space:]]*1$' "/proc/$pid/status"
		grep -q '^Seccomp:[[:space:]]*2$' "/proc/$pid/status"
		grep -q '^CapEff:[[:space:]]*0*$' "/proc/$pid/status"
		grep -q '^CapPrm:[[:space:]]*0*$' "/proc/$pid/status"
		if [ "$(id -u)" -eq 0 ]; then
			grep -q '^Uid:[[:space:]]*65534[[:space:]]*65534[[:space:]]*65534' "/proc/$pid/status"
		fi
		exec 9>&-
		wait "$pid" || true
	done
}

# The calls of every stage.
listed="read|readv|write|writev|pread64|lseek|close|poll|ppoll|fstat|newfstatat|ftruncate|futex|clock_gettime"
listed+="|gettimeofday|time|nanosleep|clock_nanosleep|mmap|munmap|madvise|brk|rt_sig[a-z]*|restart_syscall|getrandom"
listed+="|sched_yield|getpid|gettid|getrusage|sysinfo|exit|exit_group|kill|tgkill|fcntl|mremap|mprotect|ioctl"

# Every tool of weir, with what it is given to do, or why it is not watched doing it.
# TOOL[+CALLS] ARGUMENTS: CALLS it has beyond those of every stage. TOOL! needs the rights of root.
watched() {
	local files="openat|statx|getdents64" takes="recvmsg|recvmmsg|recvfrom|getsockopt" gives="sendto|sendmsg|sendmmsg"
	local writes="pwrite64|mkdirat|renameat|renameat2|unlinkat|fallocate|fsync|fdatasync"
	cat <<-END
		read+$files $top/examples/demo.pcap
		capture!+$takes -I lo --for 50ms
		capture!+$takes -I lo --for 50ms --receive messages
		flow -i $dir/frames.weir
		reasm -i $dir/packets.weir
		$(for parser in dns http tls smtp ftp tftp ssh parse infer; do echo "$parser -i $dir/streams.weir"; done)
		spec redis -i $dir/streams.weir
		json -i $dir/all.weir
		csv --types dns -i $dir/all.weir
		show -i $dir/frames.weir -n 20
		books -i $dir/all.weir
		info -i $dir/all.weir
		streams -i $dir/streams.weir --digest
		streams+$files|$writes -i $dir/streams.weir --dir streams
		filter resp_p==53 -i $dir/all.weir
		filter --per-flow resp_p==53 -i $dir/all.weir
		cut resp_p -i $dir/all.weir
		sort -i $dir/all.weir
		shard -o null: -i $dir/all.weir
		sample --rate 1/4 -i $dir/all.weir
		count --by type --every 1s -i $dir/all.weir
		rank --by resp_p -i $dir/all.weir
		tag --field resp_p --as x --list $top/LICENSE -i $dir/all.weir
		join --from dns --to tls --fields query -i $dir/all.weir
		merge -i $dir/all.weir -i $dir/packets.weir
		tee -i $dir/all.weir
		head -i $dir/all.weir
		tail -i $dir/all.weir
		meter -i $dir/all.weir
		replay --speed 0 -i $dir/all.weir
		buffer -i $dir/all.weir
		from-json $dir/all.json
		craft eth/ip(dst=192.0.2.1)/udp(dport=1..20)
		edit ip.ttl=1 -i $dir/frames.weir
		carve+$files --from $top/examples/demo.pcap -i $dir/all.weir
		write -i $dir/frames.weir written.pcap
		write+$files|$writes -i $dir/frames.weir -C 10k rotated.pcap
		send!+$gives -I lo -x 0 -i $dir/ping.weir
		ask!+$gives|$takes -t 50ms ip(dst=127.0.0.1)/icmp
	END
}
unwatched() {
	cat <<-END
		link tap metrics: in a test of their own, below
		weir run plan check: start programs, and read what their user wrote
		stop swap top flows: ask a running launcher for their user, and read its pages
		conform: starts the program that it is to judge
		interfaces: asks the kernel, and reads no input
	END
}

# behind: the calls of a trace that began behind its last filter, each on one line: a call of another
# thread in between cuts one into "call(.. <unfinished ...>" and "<... call resumed>..".
behind() {
	awk '{ pid = $1; sub(/^[0-9]+ +/, ""); since = filters }
		sub(/ *<unfinished \.\.\.>$/, "") { begun[pid] = $0; at[pid] = filters; next }
		sub(/^<\.\.\. [a-z0-9_]+ resumed>/, "") { $0 = begun[pid] $0; since = at[pid]; delete begun[pid] }
		/^seccomp\(SECCOMP_SET_MODE_FILTER.* = 0$/ { filters++; n = 0; next }
		filters && since == filters { call[++n] = $0 }
		END {
			for (i = 1; i <= n; i++) print call[i]
			for (pid in begun) if (filters && at[pid] == filters) print begun[pid]
		}' "$1"
}

# within NAME LIST: what `trace` has behind the filter is on the list.
within() {
	behind trace >after
	[ -s after ] || {
		echo "$1: no call behind a filter in its trace of $(wc -l <trace) lines, which has of filters and ends with:"
		grep 'seccomp' trace || true
		tail -n 5 trace
		cat said
		return 1
	}
	grep -oE '^[a-z0-9_]+\(' after | sort -u | tr -d '(' | grep -vxE "$2" >odd || true
	echo "$1: $(tr '\n' ' ' <odd)"
	[ ! -s odd ]
}

@test "sandbox: the reading of a trace knows calls that are cut in two" {
	printf '%s\n' '1 openat(1) = 3' '2 poll([{fd=3}], 1, -1 <unfinished ...>' \
		'1 seccomp(SECCOMP_SET_MODE_FILTER, 0x1, NULL) = -1 EFAULT (Bad address)' \
		'1 seccomp(SECCOMP_SET_MODE_FILTER, 0x1, {len=1} <unfinished ...>' '2 <... poll resumed>) = 1' \
		'2 read(3,  <unfinished ...>' '1 <... seccomp resumed>) = 0' '2 <... read resumed>"", 1) = 0' \
		'1 openat(2 <unfinished ...>' '2 futex(1 <unfinished ...>' '1 <... openat resumed>) = 4' '1 close(4) = 0' >trace
	behind trace >after
	printf '%s\n' 'openat(2) = 4' 'close(4) = 0' 'futex(1' | diff - after
	within these "openat|close|futex"
	run ! within these "openat|close"
	grep -v 'seccomp' trace >without && mv without trace
	echo said by it >said
	run within none "openat"
	[ "$status" -ne 0 ]
	[[ "$output" == "none: no call behind a filter in its trace of 9 lines"*"said by it" ]]
}

@test "sandbox: every tool of weir is watched below, or it is said why not" {
	{
		watched | sed 's/[+! ].*//' | sort -u
		unwatched | sed 's/:.*//' | xargs -n 1
	} | sort >named
	find "$top/cmd" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort | diff - named
}

# watch NUMBER TOOL ARGUMENTS...: its trace, exit code and what it says, in a folder of its own.
watch() {
	mkdir "$1" && cd "$1" || return 1
	shift
	status=0
	WEIR_EXEC_PATH=$WEIR_BUILD/libexec/weir strace -f -o trace "$WEIR_BUILD/libexec/weir/weir-$1" "${@:2}" -o null: 2>said || status=$?
	echo "$status" >status
}

@test "sandbox: behind the filter no stage calls what is not on its list" {
	command -v strace >/dev/null || skip "no strace"
	watched >cases
	i=0
	while read -r tool args; do
		i=$((i + 1))
		name=${tool%%[+!]*}
		[[ "$tool" == *!* ]] && [ "$(id -u)" -ne 0 ] && continue
		# shellcheck disable=SC2086
		watch $i "$name" $args 3>&- </dev/null &
		[ $((i % 8)) -ne 0 ] || wait
	done <cases
	wait
	for i in $(ls -d [0-9]* | sort -n); do
		read -r tool args < <(sed -n "${i}p" cases)
		! grep -q 'ptrace' $i/said || skip "no ptrace here" || false
		more=${tool#*+}
		(cd $i && within "${tool%%[+!]*}" "$listed$([ "$more" = "$tool" ] || echo "|$more")") && [ "$(cat $i/status)" -eq 0 ] || {
			bad=1
			cat $i/status $i/said
		}
	done
	[ -z "${bad:-}" ]
}

@test "sandbox: neither do links, taps and metrics, which talk to others" {
	command -v strace >/dev/null || skip "no strace"
	bin=$WEIR_BUILD/libexec/weir
	talk="epoll_wait|epoll_pwait|epoll_ctl|accept|accept4|getsockopt|setsockopt|getsockname|getpeername|sendmsg|sendto|recvmsg|recvfrom"
	talk+="|shutdown|set_robust_list|sched_getaffinity|rseq|prctl"
	port=$(free_port)
	"$bin/weir-link" -q -i "tcp://127.0.0.1:$port" -o got.weir 3>&- &
	strace -f -o trace "$bin/weir-link" -q -i "$dir/all.weir" -o "tcp://127.0.0.1:$port" 2>said || {
		kill $!
		grep -q 'ptrace' said && skip "no ptrace here"
		false
	}
	wait $!
	weir json -i got.weir | cmp - "$dir/all.json"
	# openat and a netlink socket are tried by the C library, and refused.
	within link "$listed|$talk|connect|socket|unlink|openat"
	run ! grep -E '^(openat|socket\(AF_NETLINK).* = [0-9]' after
	rm trace
	mkdir -m 700 run
	mkfifo in
	WEIR_RUNDIR=run weir run -q --name tapped "read in | json -o null:" 3>&- &
	exec 9>in
	for _ in $(seq 200); do [ -S run/tapped/control ] && break || sleep 0.05; done
	WEIR_RUNDIR=run strace -f -o trace "$bin/weir-tap" -q tapped -o tapped.weir 2>said 3>&- 9>&- &
	for _ in $(seq 200); do [ -n "$(behind trace 2>/dev/null)" ] && break || sleep 0.05; done
	cat "$top/examples/demo.pcap" >&9
	exec 9>&-
	wait
	weir json -i tapped.weir --types frame | cmp - <(weir json -i "$dir/frames.weir" --types frame)
	within tap "$listed"
	strace -f -o trace "$bin/weir-metrics" --rundir run --listen 127.0.0.1:0 2>said 3>&- &
	for _ in $(seq 200); do grep -q '/metrics$' said && break || sleep 0.05; done
	python3 -c "import urllib.request; urllib.request.urlopen('$(grep -o 'http://.*' said)').read()"
	kill -TERM "$(awk '{ print $1; exit }' trace)"
	wait $! || true
	within metrics "$listed|$talk|openat|statx|getdents64"
	run ! grep -E '^openat\(.*(O_WRONLY|O_RDWR|O_CREAT).* = [0-9]' after
}
