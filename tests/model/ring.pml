/* ring: the ring's protocol (libcommon/port/ring.h) with one reader, for spin.
 *
 * Records of one byte each, whose value is their position, N of them, through a ring of SIZE. What
 * must hold: the reader sees each record once, in order, as it was written; nothing is overwritten
 * that it has not read; the end comes after the last record, and a death after the last published
 * one; and nobody sleeps for ever. A wait's time limit is there for deaths alone: here it only ends
 * a wait whose other side is dead, so that a wake that gets lost shows as a deadlock.
 *
 * -DDEATH=n: 1 the producer, 2 the reader may die anywhere; 3: the reader may, DEATHS
 * times, and a successor goes on from its tail (keep). -DBUG=n plants one of the bugs that the checks must find:
 * tests/model/run. Every step is sequentially consistent, as the accesses concerned are in C. */
#ifndef N
#define N 3
#endif
#ifndef SIZE
#define SIZE 2
#endif
#ifndef DEATH
#define DEATH 0
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef BUG
#define BUG 0
#endif

byte bytes[SIZE];

/* the producer's */
byte head, data_word, want, want_tail;
bool closed, released;
/* the reader's */
byte tail, sleep, space_word;
bool gone;
/* the kernel's: who lives, who waits */
bool producer_lives = true, reader_lives = true;
bool producer_waits, reader_waits;
byte deaths, successors;
bool producer_done, reader_done;

inline wake_reader()
{
	data_word++;
	reader_waits = false
}

/* ---- the producer: pos is committed, head published ---- */

inline publish(outright)
{
#if BUG == 1
	seen = sleep;
	head = pos;
#else
	head = pos;
	seen = sleep;
#endif
	asleep = false;
	if
	:: (seen % 2 == 1) && (seen != woken) ->
		if
		:: outright -> woken = seen; wake_reader()
		:: !outright -> asleep = true
		:: !outright && head - tail >= SIZE / 2 -> woken = seen; wake_reader()
		fi
	:: else
	fi
}

/* Until pos + 1 finds room. */
inline wait_for_space()
{
	do
	:: limit = tail + SIZE;
		if
		:: gone || released -> goto over
		:: else
		fi;
		if
		:: pos + 1 <= limit -> break
		:: else
		fi;
		value = space_word;
		want_tail = pos + 1 - SIZE / 2;
		if
		:: want_tail > head -> want_tail = head
		:: else
		fi;
		want++;
		if
#if BUG == 3
		:: true ->
#else
		:: tail < want_tail && !gone ->
#endif
			atomic {
				if
				:: space_word == value -> producer_waits = true
				:: else
				fi
			}
			if
			:: !producer_waits
			:: !reader_lives && DEATH != 3 -> producer_waits = false; released = true
			fi
		:: else
		fi;
		want++
	od
}

active proctype producer()
{
	byte pos, limit = SIZE, seen, woken, value;
	bool asleep;

	{
		do
		:: pos < N ->
			if
			:: pos + 1 > limit ->
				limit = tail + SIZE;
				if
				:: pos + 1 > limit ->
					if
					:: pos != head || asleep -> publish(true)
					:: else
					fi;
					wait_for_space()
				:: else
				fi
			:: else
			fi;
			assert(!reader_lives || pos < tail + SIZE);
#if BUG == 5
			head = pos + 1;
#endif
			bytes[pos % SIZE] = pos;
			pos++;
			if
			:: publish(false)
			:: true /* the batch is not full */
			:: publish(true) /* about to wait for input */
			fi
		:: else -> break
		od;
		publish(true);
		closed = true;
		wake_reader();
over:
		producer_done = true
	} unless {
		(DEATH == 1 && deaths == 1);
		producer_lives = false
	}
}

/* ---- the reader: at is its tail, seen_head the head that it knows ---- */

inline sync_tail(idle)
{
	tail = at;
	w = want;
	if
	:: (w % 2 == 1) && (w != woken) && (idle || at >= want_tail) ->
		woken = w;
		space_word++;
		producer_waits = false
	:: else
	fi
}

/* Sets what: 0 nothing there, 1 data, 2 the end, 3 the producer died. */
inline look()
{
#if BUG == 4
	seen_head = head;
	over = closed;
#else
	over = closed;
	seen_head = head;
#endif
	assert(seen_head >= at && seen_head - at <= SIZE);
	if
	:: seen_head > at -> what = 1
	:: else ->
		if
		:: over -> what = 2
		:: !over && dead -> what = 3
		:: else -> what = 0
		fi
	fi
}

proctype reader()
{
	byte at = tail, seen_head = tail, what, woken, w, value;
	bool over, dead;

#if BUG != 8
	sleep = sleep + sleep % 2;
#endif
	{
		do
		:: if
			:: seen_head > at -> what = 1
			:: else -> look()
			fi;
			if
			:: what == 1 ->
#if BUG == 6
				tail = at + 1;
#endif
				assert(bytes[at % SIZE] == at);
				at++;
				if
				:: sync_tail(false)
				:: tail = at
				fi
			:: what == 2 -> assert(at == N); break
			:: what == 3 -> assert(at == head); break
			:: what == 0 ->
				sync_tail(true);
				value = data_word;
				sleep++;
				look();
				if
#if BUG == 2
				:: true ->
#else
				:: what == 0 ->
#endif
					atomic {
						if
						:: data_word == value -> reader_waits = true
						:: else
						fi
					}
					if
					:: !reader_waits
					:: !producer_lives ->
						reader_waits = false;
						dead = true;
#if BUG == 7
						assert(at == head);
						break
#endif
					fi
				:: else
				fi;
				sleep++
			fi
		od;
		gone = true;
		sync_tail(true);
		reader_done = true
	} unless {
		(DEATH >= 2 && deaths > successors);
		atomic {
			reader_waits = false;
			if
			:: DEATH == 3 -> successors++; run reader()
			:: else -> reader_lives = false
			fi
		}
	}
}

init {
	run reader();
	do
	:: DEATH && deaths < DEATHS && !reader_done && !producer_done -> deaths++
	:: break
	od
}
