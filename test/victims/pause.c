/* pause: waits and reaps, as what holds the namespaces of a pod does. */
#include <signal.h>
#include <unistd.h>

int main(void)
{
    struct sigaction reap = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};
    if (sigaction(SIGCHLD, &reap, 0) != 0) return 1;
    for (;;) pause();
}
