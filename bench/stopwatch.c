/*
 * stopwatch COMMAND...: nanoseconds from just before the exec of COMMAND to the first statement of the child that it runs,
 * and from the last statement of that child to the end of COMMAND; the second is 0 with `--stays` before COMMAND, which is
 * ended as soon as its child has. The child is stopwatch itself, without words: it tells when it began and when it ended.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int child(void)
{
    char line[64];
    int length = snprintf(line, sizeof line, "stamp %lld\n", now());
    if (write(1, line, length) != length) return 1;
    length = snprintf(line, sizeof line, "stamp %lld\n", now());
    return write(1, line, length) != length;
}

int main(int argc, char **argv)
{
    int ends[2], stays = argc > 1 && strcmp(argv[1], "--stays") == 0;
    char line[512];
    long long stamps[2] = { 0, 0 };
    if (argc == 1) return child();
    if (pipe(ends) < 0) return 1;
    long long began = now();
    pid_t pid = vfork();
    if (pid == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        execvp(argv[1 + stays], argv + 1 + stays);
        _exit(127);
    }
    close(ends[1]);
    FILE *told = fdopen(ends[0], "r");
    for (int count = 0; count < 2 && fgets(line, sizeof line, told) != NULL;)
        count += sscanf(line, "stamp %lld", &stamps[count]) == 1;
    if (stays) kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    if (stamps[1] == 0) return 1;
    printf("%lld %lld\n", stamps[0] - began, stays ? 0 : now() - stamps[1]);
    return 0;
}
