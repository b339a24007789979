/* commit: a stage that dies twice, anywhere, and is started again; libcommon/stage/commit.h.
 *
 * It reads numbers from a ring of two, and writes each to another ring of two. A unit is one number.
 * What its reader gets must be every number once, in order, though a successor knows nothing but the
 * page: two slots of positions, and which of them is valid.
 *
 * BUG 1: the head is shown before the slot is stored.  2: so is the tail.  3: there is one slot. */
#ifndef BUG
#define BUG 0
#endif
#define NUMBERS 4
#define SIZE 2
#define CRASHES 2

byte in_ring[SIZE], out_ring[SIZE];
byte in_head, in_tail;   /* of the ring that it reads: shown by its producer, given back by it */
byte out_head, out_tail; /* of the ring that it writes */
byte slot_in[2], slot_out[2], number; /* the page */
byte crashes;

#define VALID (BUG == 3 -> 0 : number % 2)
#define FREE (BUG == 3 -> 0 : (number + 1) % 2)

active proctype producer()
{
	byte n;

	do
	:: n < NUMBERS && in_head - in_tail < SIZE ->
		in_ring[in_head % SIZE] = n + 1;
		n++;
		in_head++
	:: n == NUMBERS -> break
	od
}

#define MAY_DIE if :: crashes < CRASHES -> crashes++; goto born :: skip fi

active proctype stage()
{
	byte taken, written, value, free;

born:
	/* Whoever takes the place sets its own sides to the valid slot. */
	taken = slot_in[VALID];
	written = slot_out[VALID];
	assert(written >= out_head && taken >= in_tail);
	MAY_DIE;
	out_head = written;
	MAY_DIE;
	in_tail = taken;
	do
	:: taken == NUMBERS -> break
	:: taken < NUMBERS && in_head > taken && written - out_tail < SIZE ->
		MAY_DIE;
		value = in_ring[taken % SIZE];
		assert(value == taken + 1);
		out_ring[written % SIZE] = value;
		taken++;
		written++;
		MAY_DIE;
		if
		:: BUG == 1 -> out_head = written
		:: BUG == 2 -> in_tail = taken
		:: else
		fi;
		MAY_DIE;
		free = FREE;
		slot_in[free] = taken;
		MAY_DIE;
		slot_out[free] = written;
		MAY_DIE;
		number++;
		MAY_DIE;
		out_head = written;
		MAY_DIE;
		in_tail = taken;
		MAY_DIE
	od
}

active proctype reader()
{
	do
	:: out_tail < out_head ->
		assert(out_ring[out_tail % SIZE] == out_tail + 1);
		out_tail++
	:: out_tail == NUMBERS -> break
	od;
	assert(out_head == NUMBERS)
}
