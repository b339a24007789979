#!/usr/bin/env bats
# The examples of the manual pages, run where the captures they name exist.
load helper

# The command lines of a page's EXAMPLES: from .Dl and literal blocks, mdoc's escapes undone.
examples() {
	sed -n '/^\.Sh EXAMPLES/,/^\.Sh [^E]/p' "$1" | sed -e 's/^\.Dl //' -e 's/^\$ //' |
		sed -e ':a' -e '/[|\\]$/{N;s/\n[[:space:]]*/ /;ba' -e '}' |
		sed -e 's/\\(dq/"/g' -e 's/\\(aq/'"'"'/g' -e 's/\\-/-/g' -e 's/\\&//g' -e 's/\\e/\\/g' |
		grep '^weir ' || true
}

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	mkdir examples
	cp "$top/examples/demo.pcap" examples/
	for name in x a b rx tx; do cp examples/demo.pcap $name.pcap; done
	# Has of all protocols that there is a page of.
	for name in ftp tftp ssh; do python3 "$top/tests/gen/scenario.py" $name >$name.cap; done
	weir read examples/demo.pcap {ftp,tftp,ssh}.cap | weir write trace.pcap
}

@test "man: every page of a tool has an example that runs and prints something" {
	cd "$BATS_FILE_TMPDIR"
	local bad=0 page line ran
	for page in "$top"/docs/man/*.1; do
		ran=0
		while IFS= read -r line; do
			case $line in *" /"* | *" &") continue ;; esac # files of the reader's own, jobs in the background
			line=${line//| less/| cat}
			status=0
			timeout 60 bash -c "set -o pipefail; $line" >out.txt 2>err.txt </dev/null || status=$?
			# head leaves when it has its lines: whoever writes to it may die of SIGPIPE, or be done.
			[[ "$status" -eq 141 && "$line" =~ \|\ (head|weir\ show\ -n) ]] && status=0
			if [ "$status" -ne 0 ]; then
				echo "${page##*/}: $line"
				cat err.txt
				bad=1
			fi
			[ ! -s out.txt ] || ran=1
		done < <(examples "$page")
		[ "$ran" = 1 ] || { echo "${page##*/}: no example that prints something"; bad=1; }
	done
	[ "$bad" = 0 ]
}

@test "man: an example that chooses fields prints records that have some of them" {
	cd "$BATS_FILE_TMPDIR"
	local bad=0 line
	while IFS= read -r line; do
		case $line in *" /"* | *" &"*) continue ;; esac
		if (eval "$line") 2>/dev/null </dev/null | grep -m 1 -xE '\{"type":"[a-z_]+"\}'; then
			echo "$line"
			bad=1
		fi
	done < <(for page in "$top"/docs/man/*.1; do examples "$page"; done | grep 'weir json [^|]*--fields')
	[ "$bad" = 0 ]
}

# Options whose name takes another kind of value elsewhere, each with its reason.
of_two_kinds() {
	cat <<-END
		by: what is chosen, sorted or counted by: one field, several, or one of three ways
		format: of text, or of capture files
		from: of a file, or of a record type to another
		list: what there is, or a file of values
		out: an endpoint; of the whole pipeline a file
		packets: whether they are written, or how many are looked at
		split: streams by process, or frames by side
		sum: of several fields, of one, or of a packet
		timeout: of one thing, or of each of several
		types: several, or the one of a table
	END
}

@test "man: an option of one name takes one kind of value in every tool, or it is said why not" {
	for tool in "$top"/cmd/*; do
		tool=${tool##*/}
		[ "$tool" = weir ] && words=(weir) || words=(weir "$tool")
		"${words[@]}" --help | sed -nE 's/^ +(-[A-Za-z], )?--([a-z0-9-]+)( [^ ]+)?( .*)?$/\2 \3/p'
	done | sort -u | cut -d' ' -f1 | uniq -d | diff - <(of_two_kinds | cut -d: -f1)
}

@test "man: the fan-out of weir-stage(7) gives what the chain gives" {
	cd "$BATS_FILE_TMPDIR"
	sed -n '/^\.Sh EXAMPLES/,/^\.Sh SEE/p' "$top/docs/man/weir-stage.7" | sed -n '/^\.Bd/,/^\.Ed/p' | sed '/^\./d' >fan.sh
	grep -q 'readers=' fan.sh
	sed -i "s/shm:\([a-z]\)/shm:man$$\1/g" fan.sh
	timeout 60 bash fan.sh >fan.out
	weir read x.pcap | weir flow | weir reasm | weir dns | weir tls | weir json | grep -e '"type":"dns"' -e '"type":"tls"' >chain.out
	grep -e '"type":"dns"' -e '"type":"tls"' fan.out | cmp - chain.out
}
