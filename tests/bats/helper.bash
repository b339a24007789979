# helper: what every bats file loads. WEIR_BUILD is the build folder; weir is first in PATH.
# shellcheck shell=bash
bats_require_minimum_version 1.5.0
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
WEIR_BUILD=${WEIR_BUILD:-$top/build/plain}
export PATH="$WEIR_BUILD/bin:$PATH" LC_ALL=C.UTF-8
unset WEIR_PAGE_FD WEIR_EXEC_PATH COLUMNS

# What a test writes goes with it; a file with a setup of its own does this there.
setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

# capture NAME: a generated capture, made once per file.
capture() {
	local file=$BATS_FILE_TMPDIR/$1.pcap
	[ -e "$file" ] || python3 "$top/tests/gen/scenario.py" "$1" >"$file"
	echo "$file"
}

# exits COMMANDS: runs a pipeline, prints the exit code of each of its stages.
exits() {
	bash -c "$1; echo \"\${PIPESTATUS[*]}\" >&3" 3>&1 >/dev/null 2>/dev/null
}

# free_port: a TCP port of the loopback that nobody has at this moment.
free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
