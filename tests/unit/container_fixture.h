/*
 * For the tests of the probe of containers: files of a fake host, and one docker container on a
 * host of version 2.
 */
#ifndef JT_TESTS_UNIT_CONTAINER_FIXTURE_H
#define JT_TESTS_UNIT_CONTAINER_FIXTURE_H

#include "tests/unit/probe_fixture.h"

#define ID "f4d3b90bea1585f216da780c97cc4675827296e1c90fdc957fb2ea0c1db85a6a"
#define DOCKER "container:/system.slice/docker-" ID ".scope"
#define V2 "sys/fs/cgroup/"
#define V1 "sys/fs/cgroup/"
#define SCOPE "system.slice/docker-" ID ".scope"

__attribute__((unused)) static void put(struct fixture *f, const char *dir, const char *name,
					const char *text)
{
	_cleanup_(freep) char *path = xasprintf("%s/%s", dir, name);

	host_fake_file(f->host, path, text);
}

__attribute__((unused)) static void put_process(struct fixture *f, unsigned pid, const char *policy,
						unsigned start)
{
	_cleanup_(freep) char *dir = xasprintf("proc/%u", pid);
	_cleanup_(freep) char *stat = xasprintf(
		"%u (a) b) c) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 %u 0 0 0 0 0 0 0 0 0 0 0 0 "
		"0 0 0 17 1 0 %s 0 0 0",
		pid, start, policy);

	put(f, dir, "stat", stat);
}

__attribute__((unused)) static void put_namespaces(struct fixture *f, const char *pid,
						   const char *net)
{
	_cleanup_(freep) char *mnt_path = xasprintf("proc/%s/ns/mnt", pid);
	_cleanup_(freep) char *net_path = xasprintf("proc/%s/ns/net", pid);

	host_fake_link(f->host, mnt_path, "mnt:[1]");
	host_fake_link(f->host, net_path, net);
}

/* One docker container on a host of version 2. */
__attribute__((unused)) static void setup_v2(struct fixture *f)
{
	static const char dir[] = V2 SCOPE;

	fixture_fake(f, &probe_container);
	host_fake_file(f->host, "proc/self/mountinfo",
		       "1 2 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	host_fake_file(f->host, "proc/sys/kernel/cap_last_cap", "40");
	put_namespaces(f, "1", "net:[1]");
	put(f, dir, "cpu.stat",
	    "usage_usec 5000000\nuser_usec 1\nsystem_usec 2\nnr_periods 100\nnr_throttled 10\n"
	    "throttled_usec 7000\nnr_bursts 0");
	put(f, dir, "cpu.max", "150000 100000");
	put(f, dir, "cpu.weight", "79");
	put(f, dir, "cpu.pressure",
	    "some avg10=12.50 avg60=0.00 avg300=0.00 total=9\nfull avg10=1");
	put(f, dir, "memory.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=9");
	put(f, dir, "cpuset.cpus", "0-3");
	put(f, dir, "cpuset.cpus.effective", "0-3");
	put(f, dir, "cpuset.mems", "");
	put(f, dir, "cpuset.mems.effective", "0");
	put(f, dir, "memory.current", "1048576");
	put(f, dir, "memory.max", "max");
	put(f, dir, "pids.current", "3");
	put(f, dir, "pids.max", "max");
	put(f, dir, "cgroup.events", "populated 1\nfrozen 0");
	put(f, dir, "cgroup.procs", "812\n711");
	put(f, dir, "cgroup.threads", "812\n711\n712");
	put(f, dir, "hugetlb.2MB.current", "4194304");
	put(f, dir, "hugetlb.1GB.current", "1073741824");
	host_fake_file(f->host, "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "1");
	host_fake_file(f->host, "sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "1");
	put(f, V2 "system.slice", "cgroup.threads", "");
	put(f, "sys/fs/cgroup", "cgroup.threads", "");
	put_process(f, 711, "0", 100);
	put_process(f, 712, "1", 101);
	put_process(f, 812, "0", 102);
	put_namespaces(f, "711", "net:[2]");
	put(f, "proc/711", "net/dev",
	    "Inter-|   Receive\n face |bytes\n    lo: 0 0\n  eth0: 1 2\n");
	put(f, "proc/711", "status",
	    "Name:\tsh\nCapEff:\t00000000a80425fb\nCapBnd:\t000001ffffffffff\nNoNewPrivs:\t1\n"
	    "Seccomp:\t2\nSeccomp_filters:\t1");
}

#endif
