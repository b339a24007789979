#!/usr/bin/env bats
# make install: what it puts where, and that it works from there.
load helper

setup_file() {
	make -s -C "$top" B="$WEIR_BUILD" install PREFIX=/opt/weir DESTDIR="$BATS_FILE_TMPDIR/root"
}

@test "install: under DESTDIR are weir, its stages, the pages, the library" {
	cd "$BATS_FILE_TMPDIR/root/opt/weir"
	[ -x bin/weir ]
	for tool in read flow reasm dns http tls streams json books plan check run stop top; do
		[ -x "libexec/weir/weir-$tool" ]
		[ -r "share/man/man1/weir-$tool.1" ]
	done
	[ -r share/man/man1/weir.1 ]
	[ -r share/man/man7/weir-stage.7 ]
	[ -r share/man/man5/weir-pipeline.5 ]
	[ -r lib/libweir.a ]
	[ -r lib/libweir-parsers.a ]
	[ -r include/weir/libcommon/stage/weir.h ]
	grep -qx "#include \"cmd/dns/dns.h\"" include/weir/parsers.h
	[ -r include/weir/libcommon/stage/l7.h ]
	[ -r include/weir/proto/records.def ]
	grep -qx 'prefix=/opt/weir' lib/pkgconfig/weir.pc
	# Nothing in it knows where it was built or staged.
	run grep -rl -e "$BATS_FILE_TMPDIR" bin share lib/pkgconfig include
	[ "$status" -eq 1 ]
}

@test "install: the installed weir finds the stages beside it, wherever it was moved" {
	mv "$BATS_FILE_TMPDIR/root/opt/weir" "$BATS_FILE_TMPDIR/moved"
	run env -u WEIR_EXEC_PATH PATH=/usr/bin:/bin "$BATS_FILE_TMPDIR/moved/bin/weir" list
	[ "$status" -eq 0 ]
	grep -Eq '^ *flow ' <<<"$output"
	[ "$(wc -l <<<"$output")" -ge 30 ]
	env PATH=/usr/bin:/bin "$BATS_FILE_TMPDIR/moved/bin/weir" "$top/examples/demo.pcap" -q >"$BATS_TEST_TMPDIR/out"
	weir "$top/examples/demo.pcap" -q | cmp - "$BATS_TEST_TMPDIR/out"
	mv "$BATS_FILE_TMPDIR/moved" "$BATS_FILE_TMPDIR/root/opt/weir"
}

@test "install: examples/parser-line builds against weir.pc and joins the pipeline" {
	case $WEIR_BUILD in */san*) sanitize=-fsanitize=address,undefined ;; esac
	cp -r "$top/examples/parser-line" "$BATS_TEST_TMPDIR/line"
	rm -f "$BATS_TEST_TMPDIR/line/weir-line"
	PKG_CONFIG_PATH=$BATS_FILE_TMPDIR/root/opt/weir/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$BATS_FILE_TMPDIR/root \
		make -s -C "$BATS_TEST_TMPDIR/line" CC="gcc ${sanitize:-}"
	weir "$(capture lines)" --with "$BATS_TEST_TMPDIR/line/weir-line" -q --types line --fields n,dir,text >"$BATS_TEST_TMPDIR/out"
	diff - "$BATS_TEST_TMPDIR/out" <<-'END'
	{"type":"line","n":4,"dir":0,"text":"hello"}
	{"type":"line","n":4,"dir":0,"text":"world"}
	{"type":"line","n":5,"dir":1,"text":"ok"}
	END
	weir read "$(capture lines)" | weir flow | weir reasm | "$BATS_TEST_TMPDIR/line/weir-line" |
		weir json --types line --fields n,dir,text | diff - "$BATS_TEST_TMPDIR/out"
}

@test "install: examples/embed builds against weir.pc, and has in one process what the pipeline has" {
	case $WEIR_BUILD in */san*) sanitize=-fsanitize=address,undefined ;; esac
	cp -r "$top/examples/embed" "$BATS_TEST_TMPDIR/embed"
	cd "$BATS_TEST_TMPDIR/embed"
	rm -f embed
	PKG_CONFIG_PATH=$BATS_FILE_TMPDIR/root/opt/weir/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$BATS_FILE_TMPDIR/root \
		make -s CC="gcc -Werror ${sanitize:-}"
	./embed "$top/examples/demo.pcap" >out
	weir "$top/examples/demo.pcap" -q -t flow,dns,http,tls --fields n,flow | sed 's/[^a-z0-9]\+/ /g' >want
	grep -v -e ^banner -e frames out | sed 's/^\([a-z]*\) *n=\([0-9]*\) flow=\([0-9]*\) .*/ type \1 flow \3 n \2 /' >got
	[ "$(wc -l <want)" -gt 50 ]
	diff <(sort want) <(sort got)
	# The banner parser has what the others leave.
	grep '^banner' out | sed 's/ *$//' | diff - <(printf '%s\n' \
		'banner n=227 flow=224 192.0.2.10:40031 > 198.51.100.81:25 220 mail.example.com ESMTP ready.')
	[ "$(tail -n 1 out | cut -d' ' -f1-2)" = "236 frames," ]
	run -1 ./embed /nonexistent.pcap
	run -2 ./embed
}

@test "install: a program that uses no parser needs none of their names" {
	cat >"$BATS_TEST_TMPDIR/bare.c" <<-'C'
	#include "libcommon/stage/weir.h"

	int main(void)
	{
		struct weir_config config;
		struct weir *weir;

		weir_defaults(&config);
		weir = weir_new(&config);
		weir_frame(weir, 1, 1, BYTES("short", 5), 5);
		weir_finish(weir);
		return weir_flows(weir)->frames != 1;
	}
	C
	case $WEIR_BUILD in */san*) sanitize=-fsanitize=address,undefined ;; esac
	export PKG_CONFIG_PATH=$BATS_FILE_TMPDIR/root/opt/weir/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$BATS_FILE_TMPDIR/root
	# shellcheck disable=SC2046
	gcc -Wall -Wextra -Werror ${sanitize:-} $(pkg-config --cflags weir) -o "$BATS_TEST_TMPDIR/bare" \
		"$BATS_TEST_TMPDIR/bare.c" $(pkg-config --libs weir)
	"$BATS_TEST_TMPDIR/bare"
	run nm "$BATS_TEST_TMPDIR/bare"
	[[ "$output" != *dns_parser* ]]
}

@test "install: the systemd unit is one, and leaves its pipelines few rights" {
	unit=$BATS_FILE_TMPDIR/root/opt/weir/lib/systemd/system/weir@.service
	grep -qx 'ExecStart=/opt/weir/bin/weir run --name %i /etc/weir/%i.weir' "$unit"
	command -v systemd-analyze >/dev/null || return 0
	# In a root of its own, where the command is found.
	mkdir -p "$BATS_TEST_TMPDIR/root/etc/systemd/system" "$BATS_TEST_TMPDIR/root/opt"
	cp -r /lib/systemd/system/. "$BATS_TEST_TMPDIR/root/etc/systemd/system/"
	cp -r "$BATS_FILE_TMPDIR/root/opt/weir" "$BATS_TEST_TMPDIR/root/opt/"
	cp "$unit" "$BATS_TEST_TMPDIR/root/etc/systemd/system/weir@edge.service"
	run systemd-analyze verify --man=no --root="$BATS_TEST_TMPDIR/root" weir@edge.service
	run grep -i weir <<<"$output"
	[ "$status" -eq 1 ]
	run systemd-analyze security --offline=yes --threshold=30 "$unit"
	[ "$status" -eq 0 ]
}
