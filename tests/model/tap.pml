/* tap: the claim, by which a reader that may lose records sees that it did (libcommon/port/ring.h),
 * for spin.
 *
 * Records of one byte each, whose value is their position, N of them, through a ring of SIZE by a
 * producer that waits for nobody, in batches of at most BATCH, claiming STEP ahead. What must hold:
 * what the tap accepts is as it was written; where it goes on a record begins; what it has and what
 * it knows to have missed are all records, at the end that comes behind the last of them.
 *
 * -DBUG=n plants one of the bugs that the checks must find: tests/model/run. Every step is
 * sequentially consistent; the fence behind the claim, and the acquires of the copy, see to that
 * in C for the two that matter: claim before bytes, bytes before claim. */
#ifndef N
#define N 7
#endif
#ifndef SIZE
#define SIZE 3
#endif
#ifndef BATCH
#define BATCH 2
#endif
#ifndef STEP
#define STEP 1
#endif
#ifndef BUG
#define BUG 0
#endif

byte bytes[SIZE];
byte head, batch, claim;
bool closed;

inline publish()
{
	batch = head;
	head = pos
}

active proctype producer()
{
	byte pos, claimed;

	do
	:: pos < N ->
#if BUG == 1
		bytes[pos % SIZE] = pos;
#endif
		if
		:: pos + 1 > claimed -> claimed = pos + 1 + STEP; claim = claimed
		:: else
		fi;
#if BUG != 1
		bytes[pos % SIZE] = pos;
#endif
		pos++;
		if
		:: publish()
		:: pos - head < BATCH
		fi
	:: else -> break
	od;
	if
	:: pos != head -> publish()
	:: else
	fi;
	closed = true
}

/* Copies [at, seen). Sets whole. */
inline take()
{
	whole = claim <= at + SIZE && seen - at <= SIZE;
	if
	:: whole ->
		i = 0;
		do
		:: at + i < seen -> copy[i] = bytes[(at + i) % SIZE]; i++
		:: else -> break
		od;
#if BUG != 2
		whole = claim <= at + SIZE;
#endif
		if
		:: whole ->
			d_step {
				i = 0;
				do
				:: at + i < seen -> assert(copy[i] == at + i); i++
				:: else -> break
				od;
				had = had + i;
				at = seen
			}
		:: else
		fi
	:: else
	fi
}

active proctype tap()
{
	byte at, seen, b, i, had, missed;
	byte copy[SIZE];
	bool over, whole;

	do
	:: skip;
#if BUG == 4
		seen = head;
		over = closed;
#else
		over = closed;
		seen = head;
#endif
		if
		:: seen == at && over -> break
		:: seen == at && !over -> (head != at || closed)
		:: else ->
			take();
			if
			:: whole
			:: else ->
#if BUG == 3
				seen = head;
				b = batch;
#else
				b = batch;
				seen = head;
#endif
				assert(at <= b && b <= seen);
				missed = missed + b - at;
				at = b;
				take();
				if
				:: whole
#if BUG == 5
				:: else -> at = seen
#else
				:: else -> missed = missed + seen - at; at = seen
#endif
				fi
			fi
		fi
	od;
	assert(at == N && had + missed == N)
}
