#!/bin/sh
# own-stage: a stage of one's own in the middle of weir's: the first line that each server says, by a
# parser of twenty lines of Python. It passes on what is not its own, as all stages do.
#   own-stage.sh CAPTURE
set -eu
here=$(dirname "$0")
weir read "$1" | weir flow | weir reasm | "$here/../python/weir-banner.py" | weir tls |
	weir json --types banner,tls --fields type,ts,resp_h,resp_p,text,sni
