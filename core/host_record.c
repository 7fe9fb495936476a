#include "core/host_internal.h"
void host_record_free(struct host_record *record)
{
	(void)record;
}
void host_record_file(struct host *host, const char *path, const char *bytes, ssize_t result)
{
	(void)host;
	(void)path;
	(void)bytes;
	(void)result;
}
void host_record_link(struct host *host, const char *path)
{
	(void)host;
	(void)path;
}
void host_record_entry(struct host *host, const char *path, int result)
{
	(void)host;
	(void)path;
	(void)result;
}
void host_record_list(struct host *host, const char *path, const struct host_names *names,
		      int result)
{
	(void)host;
	(void)path;
	(void)names;
	(void)result;
}
int host_record(struct host *host, const char *dir)
{
	(void)host;
	(void)dir;
	return -38;
}
