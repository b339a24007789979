#!/usr/bin/env bats
# What the pages tell a reader to type, typed word for word in a copy of the tree.
load helper

setup_file() {
	# What they build is to be right, not fast.
	export MAKEFLAGS=' -- LTO= OPT=-O0'
	mkdir "$BATS_FILE_TMPDIR/tree"
	(cd "$top" && git ls-files -z 2>/dev/null || find . -path ./build -prune -o -type f -print0) |
		tar -C "$top" --null --ignore-failed-read -cf - -T - 2>/dev/null | tar -C "$BATS_FILE_TMPDIR/tree" -xf -
}

@test "docs: the commands of README.md do what it shows" {
	run "$top/tests/bats/blocks.py" "$top/README.md" "$BATS_FILE_TMPDIR/tree"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "docs: the commands of docs/write-a-parser.md do what it shows" {
	run "$top/tests/bats/blocks.py" "$top/docs/write-a-parser.md" "$BATS_FILE_TMPDIR/tree"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "docs: the commands of docs/write-a-spec.md do what it shows" {
	run "$top/tests/bats/blocks.py" "$top/docs/write-a-spec.md" "$BATS_FILE_TMPDIR/tree"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "docs: the spec of docs/write-a-spec.md is the one that ships" {
	cd "$top"
	sed -n "/^cat >pfx.spec <<'END'$/,/^END$/p" docs/write-a-spec.md | sed '1d;$d' | diff - proto/specs/pfx.spec
}

@test "docs: every statement of a spec stands in docs/write-a-spec.md" {
	cd "$top"
	local word bad=0
	for word in $(sed -n 's/^\t*{ "\([a-z0-9]*\)", .*/\1/p' cmd/spec/compile.c cmd/spec/compile_blocks.c cmd/spec/compile_fields.c) $(sed -n 's/^\t{ "\([a-z0-9_]*\)", .*/\1/p' cmd/spec/sums.c); do
		grep -q "\`$word\b" docs/write-a-spec.md || { echo "$word"; bad=1; }
	done
	[ "$bad" = 0 ]
}

@test "docs: the commands of docs/choose.md do what it shows" {
	run "$top/tests/bats/blocks.py" "$top/docs/choose.md" "$BATS_FILE_TMPDIR/tree"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "docs: the commands of docs/two-hosts.md do what it shows" {
	WEIR_RUNDIR=$BATS_FILE_TMPDIR/run run "$top/tests/bats/blocks.py" "$top/docs/two-hosts.md" "$BATS_FILE_TMPDIR/tree"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "docs: a page whose output differs is found" {
	printf '```sh\necho a\necho b\n```\n\n```text\na\n...\n```\n' >"$BATS_TEST_TMPDIR/good.md"
	printf '```sh\necho a\n```\n\n```text\nb\n```\n' >"$BATS_TEST_TMPDIR/bad.md"
	printf '```sh\nfalse\n```\n\n```text\n```\n' >"$BATS_TEST_TMPDIR/fails.md"
	"$top/tests/bats/blocks.py" "$BATS_TEST_TMPDIR/good.md" "$BATS_TEST_TMPDIR"
	run "$top/tests/bats/blocks.py" "$BATS_TEST_TMPDIR/bad.md" "$BATS_TEST_TMPDIR"
	[ "$status" -eq 1 ]
	run "$top/tests/bats/blocks.py" "$BATS_TEST_TMPDIR/fails.md" "$BATS_TEST_TMPDIR"
	[ "$status" -eq 1 ]
}

@test "docs: every file that a page links to is there" {
	cd "$top"
	local bad=0 page link dir
	for page in README.md docs/*.md proto/README.md; do
		dir=$(dirname "$page")
		while read -r link; do
			[ -e "$dir/$link" ] || { echo "$page: $link"; bad=1; }
		done < <(grep -o ']([^)#]*' "$page" | sed 's/^](//' | grep -v -e '^http' -e '^$')
	done
	[ "$bad" = 0 ]
}

@test "docs: the two commands of README.md are those of the Makefile and of .ci/run" {
	cd "$top"
	grep -qE '^    make demo ' README.md
	grep -qE '^    make test ' README.md
	grep -qE '^demo: deps' Makefile
	grep -qE '^test: deps' Makefile
	grep -qE '^tests "make test" make .*\btest$' .ci/run
}

@test "docs: the example parser in the tree is the one of the page" {
	cd "$top"
	for file in line.def line.c; do
		sed -n "/^cat >$file <<'END'$/,/^END$/p" docs/write-a-parser.md | sed '1d;$d' |
			diff - "examples/parser-line/$file"
	done
}

@test "docs: every name of ours in docs/names.md is a field of that record" {
	cd "$top"
	python3 - <<'END'
import re
fields = {}
for section in re.split(r"^##+ ", open("docs/records.md").read(), flags=re.M)[1:]:
    fields[section.split()[0]] = set(re.findall(r"^\| `(\w+)` \|", section, re.M))
checked = 0
for section in re.split(r"^## ", open("docs/names.md").read(), flags=re.M)[1:]:
    kind = section.split()[0].rstrip(":")
    known = fields[kind] if kind in fields else fields["dns"] | {"type", "ts", "flow", "n", "community_id"}
    for name in re.findall(r"^\| `(\w+)` \|", section, re.M):
        assert name in known, f"{kind} has no field {name}"
        checked += 1
assert checked > 80, checked
END
}

@test "docs: make demo shows its command, the lines of the golden file and what to try next" {
	"$top/tests/demo" "$WEIR_BUILD" 2>/dev/null >"$BATS_TEST_TMPDIR/out"
	[ "$(head -n 1 "$BATS_TEST_TMPDIR/out")" = '$ weir examples/demo.pcap' ]
	grep -q '^Try next' "$BATS_TEST_TMPDIR/out"
	[ "$(grep -c '^00:00:' "$BATS_TEST_TMPDIR/out")" -eq "$(wc -l <"$top/tests/golden/demo.txt")" ]
	! grep -q $'\033' "$BATS_TEST_TMPDIR/out" || false
	script -qec "'$top/tests/demo' '$WEIR_BUILD'" /dev/null >"$BATS_TEST_TMPDIR/tty"
	grep -q $'\033\\[36m00:00:' "$BATS_TEST_TMPDIR/tty"
}

@test "docs: the demo capture is what its generator writes, and holds what it should" {
	python3 "$top/tests/gen/make_demo.py" "$BATS_TEST_TMPDIR/demo.pcap"
	cmp "$BATS_TEST_TMPDIR/demo.pcap" "$top/examples/demo.pcap"
	local golden=$top/tests/golden/demo.txt
	for what in ' dns  ' ' http  ' ' tls  ' ' gap  ' ' flow  ' '\[2001:db8' 'vlan 120' 'NXDOMAIN' 'unanswered' 'ShADdtF' 'missing'; do
		grep -q "$what" "$golden"
	done
}
