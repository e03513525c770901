/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside of the windows' run time: window.c has the sets of windows and says
 * when there are some, window-map.c puts the guest's pages into them.
 */
#ifndef ANYKVM_BT_WINDOW_MAP_H
#define ANYKVM_BT_WINDOW_MAP_H

#include "run.h"
#include "window.h"

#define BT_WINDOW_SETS 8u		/* of a vCPU */
#define BT_WINDOW_AREAS 2048u		/* of a vCPU: 4 GiB of linear addresses */
#define BT_AREA_SHIFT 21
#define BT_AREA_PAGES 512u
#define BT_SET_HASH 256u
#define BT_FILTER_BITS 4096u

/* 2 MiB of the guest's linear addresses, with what the tables said when pages were mapped. */
struct bt_area {
	u64 lin;
	u64 source;		/* the table or large page under it: bt_window_source; 0: nothing mapped */
	u16 hash_next, next;	/* number + 1; next: in its set, or among the free */
	u16 misses;
	bool suspect;		/* to be verified: set->suspects */
	u64 mapped[BT_AREA_PAGES / 64], writable[BT_AREA_PAGES / 64];
	u64 pte[BT_AREA_PAGES];	/* of the mapped pages, when the source is a table */
};

/* The windows of one address space. */
struct bt_window_set {
	u64 root;		/* the top table's address, or BT_NO_ROOT */
	u32 pcid;
	u32 slot_a, stack;	/* slots; of rsp when the program ran last */
	u8 *host[BT_WINDOW_COUNT];	/* reservations, edges included; NULL: none yet */
	bool huge;		/* a part of a page of 1 GiB is among the areas */
	bool stale, suspects;	/* all or some areas are verified before user code runs */
	bool costly;		/* give it up */
	u16 areas;		/* list, number + 1 */
	u16 hash[BT_SET_HASH];
	u64 stamp;		/* of its last use */
	u64 verified;		/* TSC */
	u64 cost;		/* TSC cycles that keeping it up has taken */
	u32 samples;		/* ticks in which the program ran */
	u64 filter[BT_FILTER_BITS / 64];	/* frames that may be mapped writable */
};

/* Host memory that can be seen a second time in one piece. */
struct bt_span {
	u8 *lo, *hi;
};
#define BT_WINDOW_SPANS 8u

#define BT_NO_ROOT (~0ull)
#define BT_WINDOW_CANDIDATES 64u

struct bt_windows {
	struct plat_mutex lock;	/* of the maps, against other vCPUs that make code: bt_window_protect */
	struct bt_ctx *x;
	enum bt_window_mode { BT_WINDOW_AUTO, BT_WINDOW_ALWAYS, BT_WINDOW_NEVER } mode;
	bool off;		/* this guest's memory can't be seen twice, or there is no room */
	bool timer_ok, armed;
	u32 sampled;		/* set by the timer */
	struct plat_timer timer;
	struct bt_window_set set[BT_WINDOW_SETS], *cur;
	struct bt_area *area;
	u16 free, used;		/* those that were used and are free again; as many ever were */
	u64 table[BT_AREA_PAGES];	/* of the guest, just read */
	u32 runs;		/* about how many mappings of the host this vCPU's windows are */
	u64 stamp;
	u64 faulted;		/* where the guest got a #PF from its program; ~0 */
	bool faulted_write;
	struct bt_span span[BT_WINDOW_SPANS];
	struct bt_candidate {
		u64 root;
		u32 ticks;
		u64 banned_until;	/* TSC */
		u32 bans;
	} candidate[BT_WINDOW_CANDIDATES];
};

/* ---- window-map.c; the lock is held ---- */

struct bt_area *bt_window_area(struct bt_windows *ws, struct bt_window_set *set, u64 lin);
/* Map the page of @lin, and what is cheap to map with it. -errno when the host refused. */
int bt_window_fill(struct bt_windows *ws, struct bt_window_set *set, u64 lin, bool write);
/* What the tables no longer say goes. */
void bt_window_verify(struct bt_windows *ws, struct bt_window_set *set);
/* The guest flushed the page of @lin. False: nothing is mapped near it. */
bool bt_window_suspect(struct bt_windows *ws, struct bt_window_set *set, u64 lin);
void bt_window_forget_runs(struct bt_windows *ws);
/* Everything goes; the addresses stay reserved. */
void bt_window_wipe(struct bt_windows *ws, struct bt_window_set *set);
/* No store gets to the frame @gpa through @set any more. */
void bt_window_unwrite(struct bt_windows *ws, struct bt_window_set *set, u64 gpa);
/* Mappings of the host that all windows of the process may be. */
bool bt_window_crowded(struct bt_windows *ws);

#endif
