#include <stdlib.h>
#include <string.h>

#include "core/guard.h"

struct guard_event *guard_event_new(void)
{
	return xcalloc(1, sizeof(struct guard_event));
}

void guard_event_done(struct guard_event *event)
{
	plan_done(&event->plan);
	change_report_done(&event->report);
	*event = (struct guard_event){0};
}

void guard_event_free(struct guard_event *event)
{
	if (event)
		guard_event_done(event);
	free(event);
}

void guard_event_freep(struct guard_event **event)
{
	guard_event_free(*event);
}

void guard_event_copy(struct guard_event *event, const struct guard_event *from)
{
	struct plan plan = event->plan;
	struct change_report report = event->report;

	plan_copy(&plan, &from->plan);
	change_report_copy(&report, &from->report);
	*event = *from;
	event->plan = plan;
	event->report = report;
}

const char *transaction_state_name(enum transaction_state state)
{
	switch (state) {
	case TRANSACTION_APPLYING:
		return "applying";
	case TRANSACTION_TRIAL:
		return "trial";
	case TRANSACTION_KEPT:
		return "kept";
	case TRANSACTION_REVERTED:
		return "reverted";
	case TRANSACTION_REFUSED:
		return "refused";
	case TRANSACTION_RESIDUE:
		return "residue";
	}
	return "?";
}
