/*
 * Memory settings that are one file each (Documentation/admin-guide/sysctl/vm.rst,
 * admin-guide/mm/transhuge.rst, ksm.rst, hugetlbpage.rst). The counts of huge pages have a file of
 * their own, knob_hugepages.c.
 */
#include <errno.h>
#include <stdio.h>

#include "probes/knob_file.h"
#include "probes/owner.h"

#define THP "sys/kernel/mm/transparent_hugepage"
#define NO_THP "this kernel has no transparent huge pages (CONFIG_TRANSPARENT_HUGEPAGE)"
#define BACK "Undone by writing the old value back."

/* --- transparent huge pages --- */

KNOB_FILE_DEFINE(thp_enabled, "memory", KNOB_PARTIAL, STEP_WORD, 0,
		 "transparent huge pages for memory of processes",
		 "always: khugepaged and page faults may stall for milliseconds; never: more TLB "
		 "misses. Huge "
		 "pages that exist stay as they are, after a change and after its undo.",
		 .key = "host", .path = THP "/enabled", .absent = NO_THP, .owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(
	thp_defrag, "memory", KNOB_FREE, STEP_WORD, 0,
	"whether a page fault waits while memory is compacted for a huge page",
	"always stalls any process, madvise those that asked, defer leaves it to kcompactd. " BACK,
	.key = "host", .path = THP "/defrag", .absent = NO_THP, .owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(
	thp_shmem_enabled, "memory", KNOB_PARTIAL, STEP_WORD, 0,
	"transparent huge pages for shared memory (memfd, guests' memory shared with vhost-user)",
	"advise: where the program asked. Huge pages that exist stay as they are, after a change "
	"and "
	"after its undo.",
	.key = "host", .path = THP "/shmem_enabled",
	.absent = "this kernel has none (CONFIG_TRANSPARENT_HUGEPAGE and CONFIG_SHMEM)",
	.owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(khugepaged_defrag, "memory", KNOB_FREE, STEP_U64, 0,
		 "whether khugepaged compacts memory to make huge pages",
		 "0: fewer migrations, and page locks, behind the back of running processes. " BACK,
		 .key = "host", .path = THP "/khugepaged/defrag", .words = "0|1", .absent = NO_THP,
		 .owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(thp_size, "memory", KNOB_PARTIAL, STEP_WORD, 0,
		 "transparent huge pages of one size",
		 "inherit: as thp_enabled says. Folios that exist stay as they are, after a change "
		 "and after "
		 "its undo.",
		 .key = "thp:#kB", .path = THP "/hugepages-#kB/enabled",
		 .absent = "this kernel has no sizes to choose from (Linux 6.8 has them)",
		 .owners = OWNERS_SYSCTL);

/* --- KSM --- */

#define KSM "sys/kernel/mm/ksm"
#define NO_KSM "this kernel does not merge pages (CONFIG_KSM)"

static int check_ksm_run(struct host *host, const struct knob_file_parts *parts, const char *value,
			 char *why, size_t why_size)
{
	uint64_t sharing, shared;

	(void)parts;
	if (value[0] != '2' || host_read_u64f(host, &sharing, KSM "/pages_sharing") ||
	    host_read_u64f(host, &shared, KSM "/pages_shared") || sharing + shared == 0)
		return 0;
	(void)snprintf(why, why_size,
		       "2 gives every process its own copy again: about %llu pages more than now; "
		       "without room for them the kernel stops half-way and leaves ksm_run at 0",
		       (unsigned long long)sharing);
	return 0;
}

KNOB_FILE_DEFINE(
	ksm_run, "memory", KNOB_PARTIAL, STEP_U64, STEP_SLOW,
	"merging of equal pages: 0 stop and keep what is merged, 1 run, 2 unmerge all and stop",
	"ksmd uses CPU, and a write to a merged page waits for its copy. 2 takes memory and time; "
	"undone from 2 to 1, pages are merged again slowly.",
	.key = "host", .path = KSM "/run", .words = "0|1|2", .absent = NO_KSM,
	.check = check_ksm_run,
	.errors =
		(const struct knob_file_error[]){
			{ENOMEM, "not enough memory to unmerge all pages: the kernel stops merging "
				 "(run is 0 then): free memory, or 0 instead of 2"},
			{EINTR, "interrupted before all pages were unmerged: run is 0 then"},
			{0, NULL}},
	.owners = OWNER_BIT(OWNER_KSMTUNED) | OWNERS_SYSCTL);

static int check_ksm_nodes(struct host *host, const struct knob_file_parts *parts,
			   const char *value, char *why, size_t why_size)
{
	uint64_t shared;

	(void)parts;
	(void)value;
	if (!host_read_u64f(host, &shared, KSM "/pages_shared") && shared > 0)
		(void)snprintf(why, why_size,
			       "%llu pages are shared now: the kernel refuses until ksm_run was "
			       "set to 2",
			       (unsigned long long)shared);
	return 0;
}

KNOB_FILE_DEFINE(ksm_merge_across_nodes, "memory", KNOB_FREE, STEP_U64, 0,
		 "whether pages of different NUMA nodes are merged",
		 "0: no remote accesses to merged pages, less is saved. Only while nothing is "
		 "merged. " BACK,
		 .key = "host", .path = KSM "/merge_across_nodes", .words = "0|1",
		 .absent = "this kernel has none (CONFIG_KSM and CONFIG_NUMA)",
		 .check = check_ksm_nodes,
		 .errors = (const struct knob_file_error[]){{EBUSY,
							     "pages are shared: set ksm_run to 2 "
							     "first, which unmerges them"},
							    {0, NULL}},
		 .owners = OWNERS_SYSCTL);

/* --- sysctls --- */

KNOB_FILE_DEFINE(
	numa_balancing, "memory", KNOB_FREE, STEP_U64, 0,
	"whether the kernel moves memory to the node that uses it (1), and tiers it (2; 3: both)",
	"On, it takes page faults on purpose and migrates pages under running guests. What it "
	"moved "
	"stays where it is. " BACK,
	.key = "host", .path = "proc/sys/kernel/numa_balancing", .words = "0|1|2|3",
	.absent = "this kernel has none (CONFIG_NUMA_BALANCING)",
	.errors = (const struct knob_file_error[]){{EINVAL, "this kernel does not know this mode: "
							    "before Linux 5.18 there is 0 and 1"},
						   {0, NULL}},
	.owners = OWNERS_SYSCTL | OWNER_BIT(OWNER_NUMAD));

KNOB_FILE_DEFINE(swappiness, "memory", KNOB_FREE, STEP_U64, 0,
		 "how readily memory of processes is swapped out rather than file cache dropped",
		 "Low: the cache goes first; 0 swaps only when memory is nearly out. " BACK,
		 .key = "host", .path = "proc/sys/vm/swappiness", .max = 200,
		 .absent = "this kernel has none (CONFIG_SYSCTL)", .owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(stat_interval, "memory", KNOB_FREE, STEP_U64, 0,
		 "how often each CPU folds its memory counters (kworker vmstat_update)",
		 "Longer: fewer wakeups of idle and isolated CPUs, coarser memory figures. " BACK,
		 .key = "host", .path = "proc/sys/vm/stat_interval", .min = 1, .max = 86400,
		 .unit = "s", .absent = "this kernel has none (CONFIG_SMP)",
		 .owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(zone_reclaim_mode, "memory", KNOB_FREE, STEP_U64, 0,
		 "whether memory of a full node is reclaimed before another node's is taken",
		 "0: allocations go remote rather than wait. Bits: 1 reclaim, 2 write dirty pages, "
		 "4 swap. " BACK,
		 .key = "host", .path = "proc/sys/vm/zone_reclaim_mode", .max = 7,
		 .hint = "0: never", .absent = "this kernel has none (CONFIG_NUMA)",
		 .owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(compaction_proactiveness, "memory", KNOB_FREE, STEP_U64, 0,
		 "how eagerly kcompactd compacts memory before anybody needs it",
		 "0: no background compaction, which locks pages of running processes; huge pages "
		 "are harder "
		 "to get later. " BACK,
		 .key = "host", .path = "proc/sys/vm/compaction_proactiveness", .max = 100,
		 .absent = "this kernel has none (CONFIG_COMPACTION, Linux 5.9)",
		 .owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(watermark_boost_factor, "memory", KNOB_FREE, STEP_U64, 0,
		 "how much more kswapd reclaims when memory becomes fragmented",
		 "0: no boosts of kswapd and kcompactd. " BACK, .key = "host",
		 .path = "proc/sys/vm/watermark_boost_factor",
		 .unit = "hundredths of a percent of the high watermark", .hint = "0: never",
		 .absent = "this kernel has none (Linux 5.0)", .owners = OWNERS_SYSCTL);

KNOB_FILE_DEFINE(overcommit_memory, "memory", KNOB_PARTIAL, STEP_U64, 0,
		 "what may be promised: 0 by guess, 1 anything, 2 no more than there is",
		 "2 makes programs fail that reserve more than they use. What was promised stays "
		 "promised. " BACK,
		 .key = "host", .path = "proc/sys/vm/overcommit_memory", .words = "0|1|2",
		 .absent = "this kernel has none (CONFIG_SYSCTL)",
		 .owners = OWNERS_SYSCTL | OWNER_BIT(OWNER_KUBELET));

KNOB_FILE_DEFINE(dirty_writeback_centisecs, "memory", KNOB_FREE, STEP_U64, 0,
		 "how often the flusher threads wake up to write dirty pages",
		 "Longer: fewer wakeups, larger bursts, more lost in a crash. " BACK, .key = "host",
		 .path = "proc/sys/vm/dirty_writeback_centisecs", .unit = "1/100 s",
		 .hint = "0: never", .absent = "this kernel has none (CONFIG_SYSCTL)",
		 .owners = OWNERS_SYSCTL | OWNERS_POWER);

KNOB_FILE_DEFINE(dirty_expire_centisecs, "memory", KNOB_FREE, STEP_U64, 0,
		 "how old dirty pages get before they must be written",
		 "Longer: fewer and larger bursts, more lost in a crash. " BACK, .key = "host",
		 .path = "proc/sys/vm/dirty_expire_centisecs", .unit = "1/100 s",
		 .absent = "this kernel has none (CONFIG_SYSCTL)",
		 .owners = OWNERS_SYSCTL | OWNERS_POWER);

KNOB_FILE_DEFINE(
	hugepages_overcommit, "memory", KNOB_FREE, STEP_U64, 0,
	"how many huge pages of one size may come beyond the reserved ones, on demand",
	"They are taken when a process maps them, which may be slow or fail. Those in use stay "
	"until they are released. " BACK,
	.key = "all/#kB", .path = "sys/kernel/mm/hugepages/hugepages-#kB/nr_overcommit_hugepages",
	.unit = "pages", .absent = "this kernel has no huge pages (CONFIG_HUGETLBFS)",
	.errors = (const struct knob_file_error[]){{EINVAL,
						    "pages of this size cannot come on demand: "
						    "reserve them (hugepages), or on the kernel "
						    "command line"},
						   {0, NULL}},
	.owners = OWNERS_SYSCTL | OWNER_BIT(OWNER_KUBELET));
