#include <math.h>

#include "tui/widget.h"

void widget_spark(const struct pane *pane, int x, int y, int width, const float *points,
		  unsigned n_points, double top, enum role (*role_of)(double value))
{
	unsigned skip;

	if (width < 1)
		return;
	skip = n_points > (unsigned)width ? n_points - (unsigned)width : 0;
	for (unsigned i = skip; i < n_points; i++) {
		if (!isnan(points[i]))
			top = fmax(top, points[i]);
	}
	for (unsigned i = skip; i < n_points; i++) {
		int column = x + width - (int)(n_points - i);
		double v = points[i];
		int level;

		if (isnan(v))
			continue;
		level = top > 0 ? (int)lround(v / top * 7) : 0;
		level = level < 0 ? 0 : level > 7 ? 7 : level;
		pane_put(pane, column, y, 0x2581u + (unsigned)level,
			 role_of ? role_of(v) : ROLE_SPARK);
	}
}
