#include <math.h>

#include "tui/widget.h"

void widget_bar(const struct pane *pane, int x, int y, int width, const struct bar_part *parts,
		unsigned n_parts)
{
	int inner = width - 2, at = 0;
	double sum = 0;

	if (inner < 1)
		return;
	pane_put(pane, x, y, '[', ROLE_RULE);
	for (unsigned i = 0; i < n_parts; i++) {
		double share = isnan(parts[i].share) ? 0 : fmax(parts[i].share, 0);
		int end;

		/* Ends are rounded from the running sum, so that the parts add up to the whole. */
		sum = fmin(sum + share, 1);
		end = (int)lround(sum * inner);
		for (; at < end; at++)
			pane_put(pane, x + 1 + at, y, (unsigned char)parts[i].mark, parts[i].role);
	}
	for (; at < inner; at++)
		pane_put(pane, x + 1 + at, y, ' ', ROLE_BAR_FREE);
	pane_put(pane, x + width - 1, y, ']', ROLE_RULE);
}
