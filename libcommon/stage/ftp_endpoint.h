/* ftp_endpoint: the address and port that a line of an FTP session names for its data (RFC 959
 * 4.1.2, RFC 2428). Pure. */
#ifndef WEIR_FTP_ENDPOINT_H
#define WEIR_FTP_ENDPOINT_H

#include "libcommon/record/types.h"

enum ftp_names {
	FTP_PORT, /* argument of PORT: h1,h2,h3,h4,p1,p2 */
	FTP_EPRT, /* of EPRT: |1|192.0.2.1|40000| */
	FTP_PASV, /* text of reply 227, the same six numbers somewhere in it */
	FTP_EPSV, /* of reply 229, with (|||40000|) in it */
};

/* False where it names none. ip stays as it is where the text leaves the address out: then it is
 * the speaker's own. */
bool ftp_endpoint(enum ftp_names what, struct bytes text, struct ip *ip, uint16_t *port);

#endif
