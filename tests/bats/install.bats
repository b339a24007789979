#!/usr/bin/env bats
# make install: what it puts where, and that it works from there.
load helper

setup_file() {
	make -s -C "$top" B="$WEIR_BUILD" install PREFIX=/opt/weir DESTDIR="$BATS_FILE_TMPDIR/root"
}

@test "install: under DESTDIR are weir, its stages, the pages, the library" {
	cd "$BATS_FILE_TMPDIR/root/opt/weir"
	[ -x bin/weir ]
	for tool in read flow reasm dns http tls streams json books; do
		[ -x "libexec/weir/weir-$tool" ]
		[ -r "share/man/man1/weir-$tool.1" ]
	done
	[ -r share/man/man1/weir.1 ]
	[ -r share/man/man7/weir-stage.7 ]
	[ -r lib/libweir.a ]
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
	[[ "$output" == *" $BATS_FILE_TMPDIR/moved/libexec/weir/weir-flow"* ]]
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
