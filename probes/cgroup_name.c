/*
 * What the names of control groups say. The conventions are those of the engines' own sources:
 * docker (cgroupfs: /docker/ID; systemd: docker-ID.scope), podman (libpod-ID.scope, conmon beside
 * it), the kubelet (kubepods, by quality of service, by pod; dashes of a pod's uid are underscores
 * in slices), CRI runtimes (cri-containerd-ID.scope, crio-ID.scope), LXC (lxc.payload.NAME,
 * formerly lxc/NAME), systemd-machined (machine-NAME.scope; libvirt: machine-qemu\x2d3\x2dNAME).
 */
#include <stdio.h>
#include <string.h>

#include "core/parse.h"
#include "probes/cgroup.h"

const char *cgroup_engine_word(enum cgroup_engine engine)
{
	switch (engine) {
	case CGROUP_ENGINE_NONE:
		return "cgroup";
	case CGROUP_ENGINE_SYSTEMD:
		return "systemd";
	case CGROUP_ENGINE_DOCKER:
		return "docker";
	case CGROUP_ENGINE_PODMAN:
		return "podman";
	case CGROUP_ENGINE_CONTAINERD:
		return "containerd";
	case CGROUP_ENGINE_CRIO:
		return "crio";
	case CGROUP_ENGINE_CRI:
		return "cri";
	case CGROUP_ENGINE_LXC:
		return "lxc";
	case CGROUP_ENGINE_NSPAWN:
		return "nspawn";
	case CGROUP_ENGINE_LIBVIRT:
		return "libvirt";
	}
	return "";
}

const char *cgroup_role_word(enum cgroup_role role)
{
	switch (role) {
	case CGROUP_ROLE_GROUP:
		return "group";
	case CGROUP_ROLE_CONTAINER:
		return "container";
	case CGROUP_ROLE_POD:
		return "pod";
	case CGROUP_ROLE_HELPER:
		return "helper";
	case CGROUP_ROLE_VM:
		return "vm";
	case CGROUP_ROLE_SLICE:
		return "slice";
	case CGROUP_ROLE_SERVICE:
		return "service";
	case CGROUP_ROLE_SCOPE:
		return "scope";
	case CGROUP_ROLE_UNIT:
		return "unit";
	}
	return "";
}

/* What stands between a rule's prefix and suffix. */
enum middle {
	MIDDLE_ID,   /* 64 hexadecimal digits */
	MIDDLE_NAME, /* anything, escaped as systemd does it */
	MIDDLE_VM,   /* NUMBER\x2dNAME, libvirt's */
};

static const struct rule {
	const char *parent; /* the name of the group above; NULL: any */
	const char *prefix, *suffix;
	enum middle middle;
	enum cgroup_engine engine;
	enum cgroup_role role;
} rules[] = {
	{NULL, "docker-", ".scope", MIDDLE_ID, CGROUP_ENGINE_DOCKER, CGROUP_ROLE_CONTAINER},
	{"docker", "", "", MIDDLE_ID, CGROUP_ENGINE_DOCKER, CGROUP_ROLE_CONTAINER},
	{NULL, "system.slice:docker:", "", MIDDLE_ID, CGROUP_ENGINE_DOCKER, CGROUP_ROLE_CONTAINER},
	{NULL, "libpod-conmon-", ".scope", MIDDLE_ID, CGROUP_ENGINE_PODMAN, CGROUP_ROLE_HELPER},
	{NULL, "libpod-conmon-", "", MIDDLE_ID, CGROUP_ENGINE_PODMAN, CGROUP_ROLE_HELPER},
	{NULL, "libpod-payload-", "", MIDDLE_ID, CGROUP_ENGINE_PODMAN, CGROUP_ROLE_CONTAINER},
	{NULL, "libpod-", ".scope", MIDDLE_ID, CGROUP_ENGINE_PODMAN, CGROUP_ROLE_CONTAINER},
	{NULL, "libpod-", "", MIDDLE_ID, CGROUP_ENGINE_PODMAN, CGROUP_ROLE_CONTAINER},
	{NULL, "machine-libpod_pod_", ".slice", MIDDLE_ID, CGROUP_ENGINE_PODMAN, CGROUP_ROLE_POD},
	{NULL, "user-libpod_pod_", ".slice", MIDDLE_ID, CGROUP_ENGINE_PODMAN, CGROUP_ROLE_POD},
	{NULL, "cri-containerd-", ".scope", MIDDLE_ID, CGROUP_ENGINE_CONTAINERD,
	 CGROUP_ROLE_CONTAINER},
	{NULL, "nerdctl-", ".scope", MIDDLE_ID, CGROUP_ENGINE_CONTAINERD, CGROUP_ROLE_CONTAINER},
	{NULL, "crio-conmon-", ".scope", MIDDLE_ID, CGROUP_ENGINE_CRIO, CGROUP_ROLE_HELPER},
	{NULL, "crio-conmon-", "", MIDDLE_ID, CGROUP_ENGINE_CRIO, CGROUP_ROLE_HELPER},
	{NULL, "crio-", ".scope", MIDDLE_ID, CGROUP_ENGINE_CRIO, CGROUP_ROLE_CONTAINER},
	{NULL, "crio-", "", MIDDLE_ID, CGROUP_ENGINE_CRIO, CGROUP_ROLE_CONTAINER},
	/* Of no known engine: its API or files may tell. */
	{NULL, "", "", MIDDLE_ID, CGROUP_ENGINE_NONE, CGROUP_ROLE_CONTAINER},
	{NULL, "lxc.payload.", "", MIDDLE_NAME, CGROUP_ENGINE_LXC, CGROUP_ROLE_CONTAINER},
	{NULL, "lxc.monitor.", "", MIDDLE_NAME, CGROUP_ENGINE_LXC, CGROUP_ROLE_HELPER},
	{"lxc.payload", "", "", MIDDLE_NAME, CGROUP_ENGINE_LXC, CGROUP_ROLE_CONTAINER},
	{"lxc.monitor", "", "", MIDDLE_NAME, CGROUP_ENGINE_LXC, CGROUP_ROLE_HELPER},
	{"lxc", "", "", MIDDLE_NAME, CGROUP_ENGINE_LXC, CGROUP_ROLE_CONTAINER},
	{NULL, "systemd-nspawn@", ".service", MIDDLE_NAME, CGROUP_ENGINE_NSPAWN,
	 CGROUP_ROLE_CONTAINER},
	{NULL, "machine-qemu\\x2d", ".scope", MIDDLE_VM, CGROUP_ENGINE_LIBVIRT, CGROUP_ROLE_VM},
	{NULL, "machine-lxc\\x2d", ".scope", MIDDLE_VM, CGROUP_ENGINE_LXC, CGROUP_ROLE_CONTAINER},
	{NULL, "machine-", ".scope", MIDDLE_NAME, CGROUP_ENGINE_NSPAWN, CGROUP_ROLE_CONTAINER},
};

static const struct unit {
	const char *suffix;
	enum cgroup_role role;
} units[] = {
	{".slice", CGROUP_ROLE_SLICE}, {".service", CGROUP_ROLE_SERVICE},
	{".scope", CGROUP_ROLE_SCOPE}, {".mount", CGROUP_ROLE_UNIT},
	{".socket", CGROUP_ROLE_UNIT}, {".swap", CGROUP_ROLE_UNIT},
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void cgroup_unescape(const char *text, size_t len, char *buf, size_t size)
{
	size_t out = 0;

	for (size_t i = 0; i < len && out + 1 < size; i++) {
		bool is_escape = i + 3 < len && text[i] == '\\' && text[i + 1] == 'x' &&
				 hex_digit(text[i + 2]) >= 0 && hex_digit(text[i + 3]) >= 0;
		int value = is_escape ? hex_digit(text[i + 2]) * 16 + hex_digit(text[i + 3]) : 0;

		/* An escaped NUL would end the name before its end. */
		buf[out++] = value ? (char)value : text[i];
		i += value ? 3 : 0;
	}
	buf[out] = '\0';
}

static bool is_id(const char *text, size_t len)
{
	if (len != 64)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (hex_digit(text[i]) < 0)
			return false;
	}
	return true;
}

struct span {
	const char *at;
	size_t len;
};

static bool begins(struct span text, const char *prefix)
{
	size_t n = strlen(prefix);

	return text.len >= n && !memcmp(text.at, prefix, n);
}

static bool ends(struct span text, const char *suffix)
{
	size_t n = strlen(suffix);

	return text.len >= n && !memcmp(text.at + text.len - n, suffix, n);
}

static bool is_word(struct span text, const char *word)
{
	return text.len == strlen(word) && begins(text, word);
}

/* "3\x2dname" gives "name". */
static struct span without_number(struct span text)
{
	static const char dash[] = "\\x2d";
	size_t digits = 0;

	while (digits < text.len && text.at[digits] >= '0' && text.at[digits] <= '9')
		digits++;

	struct span rest = {text.at + digits, text.len - digits};

	if (!digits || !begins(rest, dash) || rest.len == sizeof(dash) - 1)
		return text;
	return (struct span){rest.at + sizeof(dash) - 1, rest.len - (sizeof(dash) - 1)};
}

static bool apply(const struct rule *rule, struct span text, struct span parent,
		  struct cgroup_name *name)
{
	size_t prefix = strlen(rule->prefix), suffix = strlen(rule->suffix);

	if ((rule->parent && !is_word(parent, rule->parent)) || !begins(text, rule->prefix) ||
	    !ends(text, rule->suffix) || text.len <= prefix + suffix)
		return false;

	struct span middle = {text.at + prefix, text.len - prefix - suffix};

	if (rule->middle == MIDDLE_ID && !is_id(middle.at, middle.len))
		return false;
	name->engine = rule->engine;
	name->role = rule->role;
	if (rule->middle == MIDDLE_ID) {
		memcpy(name->id, middle.at, middle.len);
		name->id[middle.len] = '\0';
	}
	if (rule->middle == MIDDLE_VM)
		middle = without_number(middle);
	cgroup_unescape(middle.at, middle.len, name->name, sizeof(name->name));
	return true;
}

/* "43e1c477_180a_11e8_8537_d4bed9f4c83b", with dashes, or the 32 digits of a static pod. */
static bool take_uid(struct span text, struct cgroup_name *name)
{
	if (text.len < 8 || text.len >= sizeof(name->pod_uid))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		bool is_dash = text.at[i] == '-' || text.at[i] == '_';

		if (!is_dash && hex_digit(text.at[i]) < 0)
			return false;
		name->pod_uid[i] = text.at[i] == '_' ? '-' : text.at[i];
	}
	name->pod_uid[text.len] = '\0';
	return true;
}

/* kubepods-burstable-podUID.slice, with whatever the kubelet's --cgroup-root put in front, or
 * podUID somewhere below kubepods. */
static bool apply_pod(struct span text, bool is_below_kubepods, struct cgroup_name *name)
{
	static const char slice[] = ".slice", between[] = "-pod";
	struct span uid = {0};

	if (is_below_kubepods && begins(text, "pod") && !ends(text, slice)) {
		uid = (struct span){text.at + 3, text.len - 3};
	} else if (ends(text, slice)) {
		size_t end = text.len - (sizeof(slice) - 1), i = 0;
		const char *kubepods = memmem(text.at, end, "kubepods", 8);

		for (i = kubepods ? (size_t)(kubepods - text.at) : end; i + 4 < end; i++) {
			if (!memcmp(text.at + i, between, 4))
				break;
		}
		if (i + 4 < end)
			uid = (struct span){text.at + i + 4, end - i - 4};
	}
	if (!uid.at || !take_uid(uid, name))
		return false;
	name->engine = CGROUP_ENGINE_CRI;
	name->role = CGROUP_ROLE_POD;
	(void)snprintf(name->name, sizeof(name->name), "pod %s", name->pod_uid);
	return true;
}

/* containerd with the driver that its configuration does not expect:
 * "kubepods-burstable-podUID.slice:cri-containerd:ID", one directory. */
static bool apply_colons(struct span text, struct cgroup_name *name)
{
	static const char between[] = ":cri-containerd:";
	const char *at = memmem(text.at, text.len, between, sizeof(between) - 1);

	if (!at)
		return false;

	struct span slice = {text.at, (size_t)(at - text.at)};
	struct span id = {at + sizeof(between) - 1, text.len - slice.len - (sizeof(between) - 1)};

	if (!is_id(id.at, id.len))
		return false;
	(void)apply_pod(slice, false, name);
	name->engine = CGROUP_ENGINE_CONTAINERD;
	name->role = CGROUP_ROLE_CONTAINER;
	memcpy(name->id, id.at, id.len);
	name->id[id.len] = '\0';
	(void)snprintf(name->name, sizeof(name->name), "%s", name->id);
	return true;
}

static bool apply_unit(struct span text, struct cgroup_name *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (!ends(text, units[i].suffix) || text.len == strlen(units[i].suffix))
			continue;
		name->engine = CGROUP_ENGINE_SYSTEMD;
		name->role = units[i].role;
		return true;
	}
	return false;
}

static void classify_part(struct span text, struct span parent, bool is_below_kubepods,
			  struct cgroup_name *name)
{
	name->engine = CGROUP_ENGINE_NONE;
	name->role = CGROUP_ROLE_GROUP;
	name->id[0] = '\0';
	cgroup_unescape(text.at, text.len, name->name, sizeof(name->name));
	if (apply_pod(text, is_below_kubepods, name) || apply_colons(text, name))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (apply(&rules[i], text, parent, name)) {
			/* An identifier in a pod is a container of some CRI runtime. */
			if (name->engine == CGROUP_ENGINE_NONE && name->pod_uid[0])
				name->engine = CGROUP_ENGINE_CRI;
			return;
		}
	}
	(void)apply_unit(text, name);
}

static void note_user(struct span text, struct cgroup_name *name)
{
	char digits[16];
	uint64_t uid;

	if (!begins(text, "user-") || !ends(text, ".slice") || text.len < 12 || text.len > 22)
		return;
	memcpy(digits, text.at + 5, text.len - 11);
	digits[text.len - 11] = '\0';
	if (parse_u64(digits, &uid) == 0 && uid < UINT32_MAX)
		name->user_uid = (unsigned)uid;
}

void cgroup_classify(const char *path, struct cgroup_name *ret)
{
	struct span parent = {"", 0}, part;
	bool is_below_kubepods = false;

	*ret = (struct cgroup_name){0};
	if (!*path)
		(void)snprintf(ret->name, sizeof(ret->name), "/");
	for (const char *at = path; *at; at = part.at + part.len + (part.at[part.len] == '/')) {
		part = (struct span){at, strcspn(at, "/")};
		/* The first user-UID.slice counts: below it a user names as he likes. */
		if (!ret->user_uid)
			note_user(part, ret);
		classify_part(part, parent, is_below_kubepods, ret);
		if (is_word(part, "kubepods") ||
		    (ends(part, ".slice") && memmem(part.at, part.len, "kubepods", 8)))
			is_below_kubepods = true;
		parent = part;
	}
}
