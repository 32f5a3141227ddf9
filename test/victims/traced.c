/*
 * traced WAY: asks to be traced by its parent, as programs do that look for a debugger, and tells of signals, a line each
 * on stdout: "start", and their numbers. A SIGTERM ends it with 3. WAY is "first" (it asks before an exec of itself),
 * "itself", or "dies" (by SIGSEGV).
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

static volatile sig_atomic_t came;

static void keep(int signal)
{
    came = signal;
}

int main(int argc, char **argv)
{
    sigset_t most, none;
    const char *way = argc > 1 ? argv[1] : "itself";
    sigfillset(&most);
    sigdelset(&most, SIGSEGV);
    sigdelset(&most, SIGTRAP);
    sigemptyset(&none);
    sigprocmask(SIG_BLOCK, &most, NULL);
    if (strcmp(way, "executed") != 0 && ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0) {
        perror("traced: PTRACE_TRACEME");
        return 2;
    }
    if (strcmp(way, "first") == 0) {
        execl("/proc/self/exe", "traced", "executed", (char *)NULL);
        return 2;
    }
    for (int number = 1; number < 32; number++)
        if (number != SIGSEGV && number != SIGCHLD && number != SIGTRAP) signal(number, keep);
    printf("start\n");
    fflush(stdout);
    if (strcmp(way, "dies") == 0) raise(SIGSEGV);
    for (;;) {
        sigsuspend(&none);
        printf("%d\n", (int)came);
        fflush(stdout);
        if (came == SIGTERM) return 3;
    }
}
