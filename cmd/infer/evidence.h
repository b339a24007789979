/* evidence: weighs the signs that speak for protocols. Pure.
 *
 * Signs of one class are joined by noisy-or up to the class's cap, classes among each other too;
 * protocols exclude each other, so what speaks for one speaks against the rest. No protocol gets
 * more than the cap of its strongest class. */
#ifndef WEIR_INFER_EVIDENCE_H
#define WEIR_INFER_EVIDENCE_H

#include "libcommon/record/record.h"

enum {
	EVIDENCE_MAX = 16,
	VERDICT_OTHERS = 3,
	EVIDENCE_CLASSES = REC_evidence_class_STATISTICS + 1
};

struct evidence {
	uint16_t protocol;
	uint8_t class;   /* enum rec_evidence_class; ONE for signatures */
	uint8_t weight;  /* 1..100 */
	uint8_t dirs;    /* of signatures: bit 1 << dir of who sent it */
	bool both;       /* counts only where the other side shows the protocol, too */
	uint16_t number; /* of the signature, the port .. */
};

struct evidence_list {
	struct evidence items[EVIDENCE_MAX];
	unsigned count;
	bool news; /* since somebody set it false */
};

/* A sign that is there already is not added again; a weaker one of its kind gives way. False where
 * nothing changed. */
bool evidence_add(struct evidence_list *l, const struct evidence *e);
/* Takes out all signs of a class. */
void evidence_drop(struct evidence_list *l, unsigned class);

struct verdict {
	uint16_t protocol;         /* 0: nothing speaks for anything */
	uint8_t confidence, class; /* its strongest */
	bool conflict;             /* each side shows another protocol */
	struct {
		uint16_t protocol;
		uint8_t confidence;
	} others[VERDICT_OTHERS];
	unsigned nothers;
};

struct verdict evidence_judge(const struct evidence_list *l);
/* The directions, 1 and 2, in which signatures of a protocol were seen. */
unsigned evidence_dirs(const struct evidence_list *l, uint16_t protocol);
/* Does the sign count, and in which class? dirs: those of its protocol. False where it does not. */
bool evidence_class(const struct evidence *e, unsigned dirs, unsigned *class);

#endif
