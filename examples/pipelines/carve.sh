#!/bin/sh
# carve: the packets of all conversations in which a name was asked for or served, in a capture of their own.
#   carve.sh CAPTURE NAME-PATTERN OUT.pcapng
set -eu
weir read "$1" | weir flow | weir reasm | weir dns | weir tls | weir http |
	weir filter "query ~ \"$2\" or sni ~ \"$2\" or host ~ \"$2\"" |
	weir carve --from "$1" | weir write --origin "$3"
