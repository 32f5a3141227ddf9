/*
 * teller FILE CODE: tells what happens to it, a line each on stdout: "start CONTENT", "descriptors N..." (those above 2
 * that it was given), and the number of each signal with the content of FILE at that moment. A SIGTERM ends it with CODE.
 * In C, since most images have nothing that could run the witness.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void tell(const char *what, const char *path)
{
    char content[256] = "";
    FILE *file = fopen(path, "r");
    if (file != NULL) {
        if (fgets(content, sizeof content, file) == NULL) content[0] = '\0';
        fclose(file);
    }
    printf("%s %s\n", what, content);
    fflush(stdout);
}

static void nothing(int signal)
{
    (void)signal;
}

int main(int argc, char **argv)
{
    sigset_t all;
    if (argc < 3) return 2;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    /* Blocked, so that none is lost, and with handlers, as one that catches them has. */
    for (int number = 1; number <= 64; number++) signal(number, nothing);
    printf("descriptors");
    for (int number = 3; number < 64; number++)
        if (fcntl(number, F_GETFD) >= 0) printf(" %d", number);
    printf("\n");
    tell("start", argv[1]);
    for (;;) {
        int number;
        char text[16];
        if (sigwait(&all, &number) != 0) return 2;
        snprintf(text, sizeof text, "%d", number);
        if (number != SIGCONT) tell(text, argv[1]);
        if (number == SIGTERM) return atoi(argv[2]);
    }
}
