# build: stage_program NAME compiles tests/stages/NAME.c against the library that is tested, as
# $BATS_FILE_TMPDIR/weir-NAME. Its sanitizers are those of the library.
# shellcheck shell=bash
stage_program() {
	local flags=()
	if nm "$WEIR_BUILD/libweir.a" 2>/dev/null | grep -q __asan_; then
		flags=(-fsanitize=address,undefined -DWEIR_SANITIZE)
	fi
	# shellcheck disable=SC2046
	${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror "${flags[@]}" -I"$top" -o "$BATS_FILE_TMPDIR/weir-$1" \
		"$top/tests/stages/$1.c" "$WEIR_BUILD/libweir.a" \
		$(pkg-config --libs msgpack libseccomp libcap-ng libcrypto) -lpthread -lm
}

# example_parser: builds examples/parser-line as somebody would who has weir's library; weir-line, and
# weir-line-2, here.
example_parser() {
	local flags=()
	sanitized && flags=(-fsanitize=address,undefined -DWEIR_SANITIZE)
	# shellcheck disable=SC2046
	${CC:-gcc} -std=gnu11 -D_GNU_SOURCE "${flags[@]}" -I"$top" -I"$top/examples/parser-line" -o weir-line \
		"$top"/examples/parser-line/*.c "$WEIR_BUILD/libweir.a" \
		$(pkg-config --libs msgpack libseccomp libcap-ng libcrypto) -lpthread -lm
	cp weir-line weir-line-2
}

# ahead CAPTURE...: one behind the other, each 1000 s later.
ahead() {
	python3 - "$@" <<-'END'
	import struct, sys
	out = []
	for i, data in enumerate(open(f, "rb").read() for f in sys.argv[1:]):
	    at, first = 24, struct.unpack_from("<I", data, 24)[0]
	    begin, out = (begin, out) if i else (first, [data[:24]])
	    while at < len(data):
	        sec, size = struct.unpack_from("<I", data, at)[0], struct.unpack_from("<I", data, at + 8)[0]
	        out.append(struct.pack("<I", sec - first + begin + 1000 * i) + data[at + 4:at + 16 + size])
	        at += 16 + size
	sys.stdout.buffer.write(b"".join(out))
	END
}

# sanitized: the build under test has sanitizers, so the sandbox is no_new_privs alone.
sanitized() {
	nm "$WEIR_BUILD/libweir.a" 2>/dev/null | grep -q __asan_
}
