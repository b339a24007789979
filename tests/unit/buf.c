/* buf: growing, formatting and removing, against plain arrays. */
#include "libcommon/base/buf.h"

#include "tests/unit/check.h"

int main(void)
{
	struct buf b = { 0 };
	uint8_t *at;

	check_case("a zeroed buffer is empty and can be released");
	CHECK_EQ(buf_bytes(&b).len, 0);
	buf_release(&b);
	buf_release(&b);

	check_case("bytes are appended in order, over many growths");
	for (unsigned i = 0; i < 100000; i++) {
		if (i % 3)
			buf_add_byte(&b, (uint8_t)(i * 7));
		else
			buf_add(&b, &(uint8_t){ (uint8_t)(i * 7) }, 1);
		CHECK(b.len <= b.size);
	}
	CHECK_EQ(b.len, 100000);
	for (unsigned i = 0; i < 100000; i++)
		if (b.ptr[i] != (uint8_t)(i * 7)) {
			CHECK(!"a byte changed");
			break;
		}

	check_case("nothing from nowhere is nothing");
	buf_clear(&b);
	buf_add(&b, NULL, 0);
	buf_add_str(&b, "");
	CHECK_EQ(b.len, 0);

	check_case("reserved room is there, behind what is kept, and not counted");
	buf_add_str(&b, "abc");
	at = buf_reserve(&b, 1 << 20);
	CHECK(at == b.ptr + 3);
	CHECK(b.size - b.len >= 1 << 20);
	memset(at, 1, 1 << 20);
	CHECK_EQ(b.len, 3);
	CHECK(bytes_is(buf_bytes(&b), "abc"));

	check_case("formatted text is whole at every length round the first guess");
	for (int n = 0; n < 300; n++) {
		buf_clear(&b);
		buf_add_str(&b, ">");
		buf_printf(&b, "%*d", n, 7);
		CHECK_EQ(b.len, 1 + (n ? n : 1));
		CHECK(b.ptr[0] == '>' && b.ptr[b.len - 1] == '7');
	}

	check_case("dropping takes from the front");
	buf_clear(&b);
	buf_add_str(&b, "0123456789");
	buf_drop(&b, 0);
	CHECK(bytes_is(buf_bytes(&b), "0123456789"));
	buf_drop(&b, 4);
	CHECK(bytes_is(buf_bytes(&b), "456789"));
	buf_drop(&b, 6);
	CHECK_EQ(b.len, 0);

	check_case("release gives all back");
	buf_release(&b);
	CHECK(b.ptr == NULL && b.len == 0 && b.size == 0);
	return check_end();
}
