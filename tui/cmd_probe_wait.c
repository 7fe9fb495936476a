/*
 * Waiting for the end of a run: its time, ^C, or what the reference says; and one line of progress
 * on standard error where that is a terminal.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "tui/cmd_probe_internal.h"
#include "tui/format.h"

#define LINE_CELLS 79

int probe_wait_open(struct probe_wait *wait, const char *name)
{
	struct sigaction hangup;
	sigset_t signals;

	memset(wait, 0, sizeof(*wait));
	wait->name = name;
	wait->is_terminal = isatty(STDERR_FILENO);
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGTERM);
	/* A blocked signal stays pending even when it is ignored: nohup must go on meaning it. */
	if (sigaction(SIGHUP, NULL, &hangup) || hangup.sa_handler != SIG_IGN)
		(void)sigaddset(&signals, SIGHUP);
	(void)pthread_sigmask(SIG_BLOCK, &signals, &wait->saved_mask);
	wait->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (wait->signal_fd >= 0)
		return 0;

	int err = -errno;
	(void)pthread_sigmask(SIG_SETMASK, &wait->saved_mask, NULL);
	return err;
}

static void erase(struct probe_wait *wait)
{
	if (wait->is_shown)
		fprintf(stderr, "\r%*s\r", LINE_CELLS, "");
	wait->is_shown = false;
}

void probe_wait_close(struct probe_wait *wait)
{
	erase(wait);
	fd_closep(&wait->signal_fd);
	(void)pthread_sigmask(SIG_SETMASK, &wait->saved_mask, NULL);
}

int probe_wait_for(struct probe_wait *wait, int fd, uint64_t now_ns, uint64_t until_ns)
{
	struct pollfd fds[] = {{.fd = wait->signal_fd, .events = POLLIN},
			       {.fd = fd, .events = POLLIN}};
	uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
	struct signalfd_siginfo info;

	if (wait->is_terminal && left_ns > NSEC_PER_SEC)
		left_ns = NSEC_PER_SEC;

	struct timespec timeout = {.tv_sec = (time_t)(left_ns / NSEC_PER_SEC),
				   .tv_nsec = (long)(left_ns % NSEC_PER_SEC)};
	(void)ppoll(fds, 2, &timeout, NULL);
	if (read(wait->signal_fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	return (int)info.ssi_signo;
}

void probe_wait_show(struct probe_wait *wait, uint64_t now_ns, uint64_t elapsed_ns,
		     uint64_t total_ns, uint64_t worst_ns, unsigned worst_cpu)
{
	char line[LINE_CELLS + 1], left[32], worst[32], text[64] = "";
	uint64_t left_ns = total_ns > elapsed_ns ? total_ns - elapsed_ns : 0;

	if (!wait->is_terminal || (wait->is_shown && now_ns - wait->shown_ns < NSEC_PER_SEC))
		return;
	if (worst_ns)
		(void)snprintf(text, sizeof(text), ", worst so far %s on cpu %u",
			       format_ns(worst_ns, worst, sizeof(worst)), worst_cpu);
	(void)snprintf(line, sizeof(line), "%s: %s left%s (^C ends it)", wait->name,
		       format_duration(left_ns + NSEC_PER_SEC / 2, left, sizeof(left)), text);
	fprintf(stderr, "\r%-*s", LINE_CELLS, line);
	(void)fflush(stderr);
	wait->is_shown = true;
	wait->shown_ns = now_ns;
}
