#!/bin/sh
# sharded: the parsers twice, half of the flows each, on cores of their own; joined in order, so that
# the output is that of one.
#   sharded.sh CAPTURE
set -eu
ring=weir-sharded-$$
for i in 0 1; do
	weir reasm -i "shm:$ring.in$i,reader=r" |
		weir dns | weir http | weir tls -o "shm:$ring.out$i,readers=json" &
done
weir read "$1" | weir flow |
	weir shard -o "shm:$ring.in0,readers=r" -o "shm:$ring.in1,readers=r" &
weir json -i "shm:$ring.out0,reader=json" -i "shm:$ring.out1,reader=json"
wait
