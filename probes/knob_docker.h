/*
 * Private to probes/: limits of docker's containers, read from docker's own record of a container
 * (its hostconfig.json, which only docker's users write, not what runs in the container) and set
 * through its API (POST /containers/ID/update), so that record and control group agree.
 *
 * Step class docker_limit, objects "docker:ID/FIELD" with the whole id:
 *
 *   cpus, mems   a list, or "all": no limit recorded, or one that holds everything there is
 *   quota        "max", or "MICROSECONDS PERIOD"
 *   shares       a number; 1024 where none is recorded
 *
 * docker cannot forget a limit: what was unset comes back as the value that means the same (all
 * CPUs, no quota, 1024 shares), and `docker inspect` shows that value from then on.
 */
#ifndef JT_PROBES_KNOB_DOCKER_H
#define JT_PROBES_KNOB_DOCKER_H

#include "core/step.h"

extern const struct step_class step_class_docker_limit;

enum docker_field { DOCKER_CPUS, DOCKER_MEMS, DOCKER_QUOTA, DOCKER_SHARES, DOCKER_FIELDS };

void docker_object(const char *id, enum docker_field field, char *buf, size_t size);
/* True: an engine of this host has a record of it. */
bool docker_knows(struct host *host, const char *id);

#endif
