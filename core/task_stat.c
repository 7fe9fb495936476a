#include "core/task_stat.h"

#include <errno.h>
#include <string.h>

#include "core/parse.h"

int task_stat_parse(const char *text, struct task_stat *ret)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')'), *word;
	unsigned field = 4;
	size_t len;

	if (!open || !close || close < open)
		return -EINVAL;
	*ret = (struct task_stat){.comm = open + 1, .comm_len = (size_t)(close - open - 1)};
	if (close[1] != ' ' || !close[2])
		return 0;
	ret->state = close[2];
	for (struct scan scan = {close + 3}; field <= TASK_STAT_LAST; field++) {
		if (scan_word(&scan, &word, &len))
			break;

		struct scan number = {word};

		/* Some of the others are signed. */
		if (!scan_u64(&number, &ret->fields[field]))
			ret->has |= UINT64_C(1) << field;
	}
	ret->is_whole = field > TASK_STAT_LAST;
	return 0;
}

const char *task_policy_name(uint64_t policy)
{
	/* include/uapi/linux/sched.h */
	static const char *const names[] = {"other", "fifo", "rr",	 "batch",
					    NULL,    "idle", "deadline", "ext"};

	return policy < ARRAY_SIZE(names) ? names[policy] : NULL;
}
