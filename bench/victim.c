/* Tells when a SIGHUP or SIGUSR1 came: a line with CLOCK_MONOTONIC in nanoseconds on stdout for each. `ready` comes first. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static void stamp(int signal) {
  struct timespec now;
  char line[64];
  clock_gettime(CLOCK_MONOTONIC, &now);
  int length = snprintf(line, sizeof line, "%d %lld%09ld\n", signal, (long long)now.tv_sec, now.tv_nsec);
  if (write(1, line, length) < 0) _exit(1);
}

static void finish(int signal) {
  (void)signal;
  _exit(0);
}

int main(void) {
  struct sigaction on_hup = {.sa_handler = stamp}, on_term = {.sa_handler = finish};
  sigaction(SIGHUP, &on_hup, NULL);
  sigaction(SIGUSR1, &on_hup, NULL);
  sigaction(SIGTERM, &on_term, NULL);
  if (write(1, "ready\n", 6) < 0) return 1;
  for (;;) pause();
}
