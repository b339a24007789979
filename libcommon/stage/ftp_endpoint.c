/* ftp_endpoint: where a line of an FTP session says that its data goes. */
#include "libcommon/stage/ftp_endpoint.h"

#include "libcommon/base/words.h"
#include "libcommon/record/literal.h"

static bool six_numbers(struct bytes b, struct ip *ip, uint16_t *port)
{
	uint64_t v[6];

	for (int i = 0; i < 6; i++) {
		if (i && !words_take(&b, ","))
			return false;
		if (!words_number(&b, 255, &v[i]))
			return false;
	}
	*ip = (struct ip){ 4, { (uint8_t)v[0], (uint8_t)v[1], (uint8_t)v[2], (uint8_t)v[3] } };
	*port = (uint16_t)(v[4] << 8 | v[5]);
	return true;
}

/* d net d address d port d, where d is any sign; in 229 net and address are left out. */
static bool extended(struct bytes b, struct ip *ip, uint16_t *port)
{
	uint8_t sign = b.len ? b.ptr[0] : 0;
	struct bytes host, digits;
	struct ip named;
	uint64_t v;

	if (!b.len)
		return false;
	words_upto(&b, sign);
	words_upto(&b, sign);
	host = words_upto(&b, sign);
	digits = words_upto(&b, sign);
	if (host.len && !literal_ip(host, &named))
		return false;
	if (!words_number(&digits, 65535, &v) || digits.len)
		return false;
	if (host.len)
		*ip = named;
	*port = (uint16_t)v;
	return true;
}

bool ftp_endpoint(enum ftp_names what, struct bytes text, struct ip *ip, uint16_t *port)
{
	switch (what) {
	case FTP_PORT:
		return six_numbers(text, ip, port);
	case FTP_EPRT:
		return extended(text, ip, port);
	case FTP_PASV:
		while (text.len && (text.ptr[0] < '0' || text.ptr[0] > '9'))
			text = BYTES(text.ptr + 1, text.len - 1);
		return six_numbers(text, ip, port);
	case FTP_EPSV:
		return words_find(text, "(", &text) && extended(text, ip, port);
	}
	return false;
}
