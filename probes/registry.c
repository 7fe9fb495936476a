#include "probes/probes.h"

#define KNOB(symbol)
#define STEP_CLASS(symbol)
#define PROBE(symbol) &symbol,
const struct probe *const probe_registry[] = {
#include "probes/probes.def"
};
#undef PROBE
#undef KNOB
#undef STEP_CLASS
const unsigned probe_registry_count = ARRAY_SIZE(probe_registry);

#define PROBE(symbol)
#define STEP_CLASS(symbol)
#define KNOB(symbol) &symbol,
const struct knob *const knob_registry[] = {
#include "probes/probes.def"
	NULL,
};
#undef PROBE
#undef KNOB
#undef STEP_CLASS

#define PROBE(symbol)
#define KNOB(symbol)
#define STEP_CLASS(symbol) &symbol,
const struct step_class *const step_class_registry[] = {
#include "probes/probes.def"
	NULL,
};
