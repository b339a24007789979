#!/bin/sh
# tls-inventory: which TLS servers were spoken to, by name, version and cipher, most often first.
#   tls-inventory.sh CAPTURE
set -eu
weir read "$1" | weir flow | weir reasm | weir tls --only |
	weir rank --types tls --by resp_h,resp_p,sni,version_name,cipher_name -n 0 |
	weir csv --types rank --tsv
