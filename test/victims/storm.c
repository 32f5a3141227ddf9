/*
 * storm COUNT CODE: leaves COUNT orphans to PID 1, has them all die at once when a line comes on stdin (or at once if
 * stdin is at its end), and tells "gone MILLISECONDS MILLISECONDS" when the last has been reaped: since the first began
 * to die, and since the last had let go of its descriptors, which is just before it becomes a zombie. Then it exits with CODE. With a
 * third word it does not wait for them: "storm COUNT CODE leave" exits while they die.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <sys/wait.h>
#include <unistd.h>

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

/* How many processes there are in this namespace. */
static int processes(void)
{
    int count = 0;
    DIR *list = opendir("/proc");
    for (struct dirent *entry; list != NULL && (entry = readdir(list)) != NULL;)
        count += isdigit((unsigned char)entry->d_name[0]) != 0;
    closedir(list);
    return count;
}

int main(int argc, char **argv)
{
    int gate[2], lives[2], count = argc > 1 ? atoi(argv[1]) : 0;
    char byte;
    int before = processes();
    if (argc < 3 || pipe(gate) < 0 || pipe(lives) < 0) return 2;
    /* A parent between, whose end makes orphans of them. */
    pid_t middle = fork();
    if (middle == 0) {
        for (int index = 0; index < count; index++) {
            if (fork() != 0) continue;
            close(gate[1]);
            _exit(read(gate[0], &byte, 1) < 0);
        }
        _exit(0);
    }
    waitpid(middle, NULL, 0);
    printf("ready %d\n", processes() - before);
    fflush(stdout);
    if (read(0, &byte, 1) < 0) return 2;
    double began = now();
    close(gate[1]);
    if (argc > 3) return atoi(argv[2]);
    close(lives[1]);
    if (read(lives[0], &byte, 1) != 0) return 2;
    double ended = now();
    while (processes() > before) usleep(500);
    printf("gone %.1f %.1f\n", now() - began, now() - ended);
    return atoi(argv[2]);
}
