/* infer_caps: the most that a class of evidence can give, as weir-infer(1) has it. */
#ifndef TEST_INFER_CAPS_H
#define TEST_INFER_CAPS_H

#include "libcommon/record/record.h"

static inline unsigned evidence_cap(unsigned class)
{
	static const unsigned char caps[] = {
		[REC_evidence_class_CERTAIN] = 100,   [REC_evidence_class_USER] = 100,
		[REC_evidence_class_PARSER] = 99,     [REC_evidence_class_BOTH] = 97,
		[REC_evidence_class_ONE] = 90,        [REC_evidence_class_EXPECTED] = 85,
		[REC_evidence_class_SERVICE] = 70,    [REC_evidence_class_NAME] = 50,
		[REC_evidence_class_PORT] = 40,       [REC_evidence_class_SIZE] = 30,
		[REC_evidence_class_STATISTICS] = 20,
	};

	return caps[class];
}

#endif
