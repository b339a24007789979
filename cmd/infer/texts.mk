# Tables of text that the program has in it.
$(B)/cmd/infer/texts.o: proto/signatures proto/ports
