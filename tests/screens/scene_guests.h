/*
 * Made-up virtual machines and containers for the scene: a probe of its own, so that the scenes
 * without them have no such kinds. The values follow the tick; nothing depends on the host.
 */
#ifndef JT_TESTS_SCREENS_SCENE_GUESTS_H
#define JT_TESTS_SCREENS_SCENE_GUESTS_H

#include "core/probe.h"

extern const struct probe scene_guests_probe;
/* n_more: as many machines (of two vCPUs) and control groups more, for tests of large numbers. */
void scene_guests_fill(struct sample *sample, unsigned tick, unsigned n_more);

#endif
