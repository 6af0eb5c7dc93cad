// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * output.bpf.c: the way to user space. Details do not wake the reader, who comes by timer (a wake-up
 * costs more than the record), but for those that fill another quarter of the ring: in a storm the
 * timer is too slow. An identity does, once per process, so that /proc can be read while the process
 * lives. Names are worth more than details: the last quarter of the ring is theirs.
 */
#include "pgleaktrace.bpf.h"

/* Inserted: here. Read and emptied: src/stream/live_ring.c. Full: counted in `lost`, the books in
 * ledger.bpf.c stay exact. Resized by --ring-size before load. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 512 << 10);
} events SEC(".maps");

/* Counters by enum loss. Written: loss_count(). Read: src/stream/live_snapshot.c. */
__u64 lost[LOSSES];

/* Size of `events`, set by user space before load. */
const volatile __u64 ring_size = 512 << 10;

GLOBAL int loss_count(enum loss loss)
{
	if (loss < LOSSES)
		__sync_fetch_and_add(&lost[loss], 1);
	return 0;
}

__hidden bool output_detail(void *event, __u64 size)
{
	__u64 waiting = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
	bool fills = (waiting ^ (waiting + size + BPF_RINGBUF_HDR_SZ)) & ring_size / 4; /* a power of two */

	if (waiting > ring_size / 4 * 3 ||
		bpf_ringbuf_output(&events, event, size, fills ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP)) {
		loss_count(LOSS_RING_FULL);
		return false;
	}
	return true;
}

__hidden bool output_identity(void *event, __u64 size)
{
	return !bpf_ringbuf_output(&events, event, size, BPF_RB_FORCE_WAKEUP);
}
