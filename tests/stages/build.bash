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

# sanitized: the build under test has sanitizers, so the sandbox is no_new_privs alone.
sanitized() {
	nm "$WEIR_BUILD/libweir.a" 2>/dev/null | grep -q __asan_
}
