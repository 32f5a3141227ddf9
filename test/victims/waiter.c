/*
 * waiter HOW: takes its signals without a handler. "sigwait": HUP and TERM, by a thread that waits for them; "signalfd": the same
 * by descriptor; "timer": not at all, but with the timer thread of glibc (SIGEV_THREAD), which waits for another signal; "left": by
 * sigwait, in the process group of its parent; "ended": by sigwait in a thread, when the main one has ended; "named": in a thread whose name
 * is the next word.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

static sigset_t set;

static void took(int signal)
{
    printf("took %d\n", signal);
    fflush(stdout);
    if (signal == SIGTERM) exit(3);
}

static void *waiting(void *nothing)
{
    (void)nothing;
    int signal;
    while (sigwait(&set, &signal) == 0) took(signal);
    return NULL;
}

static void *reading(void *nothing)
{
    (void)nothing;
    struct signalfd_siginfo came;
    int descriptor = signalfd(-1, &set, SFD_CLOEXEC);
    while (read(descriptor, &came, sizeof came) == sizeof came) took((int)came.ssi_signo);
    return NULL;
}

static void expired(union sigval value) { (void)value; }

int main(int count, char **words)
{
    const char *how = count > 1 ? words[1] : "";
    pthread_t thread;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGTERM);
    if (strcmp(how, "timer") == 0) {
        struct sigevent event = { .sigev_notify = SIGEV_THREAD, .sigev_notify_function = expired };
        struct itimerspec each = { .it_interval.tv_sec = 3600, .it_value.tv_sec = 3600 };
        timer_t timer;
        if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) return 1;
        timer_settime(timer, 0, &each, NULL);
    } else {
        pthread_sigmask(SIG_BLOCK, &set, NULL);
    }
    if (strcmp(how, "named") == 0) {
        if (pthread_create(&thread, NULL, waiting, NULL) != 0) return 1;
        if (pthread_setname_np(thread, count > 2 ? words[2] : "") != 0) return 1;
    }
    if (strcmp(how, "left") == 0 && setpgid(0, getpgid(getppid())) != 0) return 1;
    printf("start %d\n", getpid());
    fflush(stdout);
    if (strcmp(how, "signalfd") == 0) reading(NULL);
    if (strcmp(how, "sigwait") == 0 || strcmp(how, "left") == 0) waiting(NULL);
    if (strcmp(how, "ended") == 0) {
        pthread_create(&thread, NULL, waiting, NULL);
        pthread_exit(NULL);
    }
    for (;;) poll(NULL, 0, -1);
}
