/* shard: which of n shards a record belongs to, so that each gets whole flows. Pure.
 *
 * The same in every process and on every run: no secret, no state. A record of a flow goes by its
 * flow id. Frames have no flow yet: they go by the pair of their outermost IP addresses, in either
 * order, so that both directions and all fragments of a packet stay together; frames without an IP
 * header go to shard 0. What lies behind VLAN tags, MPLS labels, PPPoE and their like is found, an
 * IP tunnel is not entered: a tunnel whose ends change their outer addresses, or a host that
 * speaks from several, is spread over shards. */
#ifndef WEIR_SHARD_H
#define WEIR_SHARD_H

#include "libcommon/record/record.h"

/* 0 .. n - 1; n >= 1. raw is the whole record with its canonical prefix, h that prefix. */
unsigned shard_of(const struct rec_head *h, struct bytes raw, unsigned n);

/* What that goes by, spread over all 64 bits; another seed is another choice. Frames without an IP
 * header are all alike. */
uint64_t shard_hash(const struct rec_head *h, struct bytes raw, uint64_t seed);

/* Its parts. A flow id spread over all 64 bits, for whoever picks flows by it (the seed makes
 * another choice). */
uint64_t shard_flow_hash(uint64_t flow, uint64_t seed);
/* The same for the address pair of a frame of that pcap LINKTYPE_; 0: no IP header. */
uint64_t shard_frame_hash(uint32_t link_type, struct bytes frame);

#endif
