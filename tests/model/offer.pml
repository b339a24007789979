/* offer: the word about an offered ring (libcommon/port/ring.h), for spin: however the two run and
 * die, nobody goes to the ring alone. -DBUG=1: the reader decides for itself, with a look at whether
 * the offer was withdrawn; -DBUG=2: it goes by the producer's death alone. */
#ifndef BUG
#define BUG 0
#endif

bool attached, gone, granted, released;
bool producer_lives = true, death;

/* Where each ended up: in the ring, or in the pipe. */
bool producer_ring, producer_pipe, reader_ring, reader_pipe;

active proctype producer()
{
	{
		do
		:: attached && !gone -> atomic { granted = true; producer_ring = true }; break
		:: !attached || gone -> skip /* looks again */
		:: !attached || gone -> released = true; /* the last look */
#if BUG == 1
			if
			:: attached -> producer_ring = true
			:: else -> producer_pipe = true
			fi;
			break
#else
			producer_pipe = true;
			break
#endif
		od;
		(reader_ring || reader_pipe) /* it goes on, and can still die */
	} unless {
		death;
		producer_lives = false
	}
}

active proctype reader()
{
	attached = true;
#if BUG == 1
	if
	:: released -> reader_pipe = true
	:: else -> reader_ring = true
	fi
#else
	do
	:: granted -> reader_ring = true; break
	:: released -> reader_pipe = true; break
	:: !granted && !released -> /* as it looked: now it looks at the producer's lock */
		if
		:: producer_lives
		:: !producer_lives ->
#if BUG == 2
			reader_pipe = true;
#else
			/* What it said last counts. */
			if
			:: granted -> reader_ring = true
			:: else -> reader_pipe = true
			fi;
#endif
			break
		fi
	od
#endif
	if
	:: reader_pipe -> gone = true
	:: else
	fi;
	/* Who is in the pipe finds nothing in the ring, and the other way round. */
	(producer_ring || producer_pipe || !producer_lives);
	assert(!(reader_ring && producer_pipe));
	assert(!(reader_pipe && producer_ring))
}

active proctype killer()
{
	if
	:: death = true
	:: true
	fi
}
