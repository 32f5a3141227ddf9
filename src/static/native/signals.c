/*
 * Signals are never handled, only read. All are blocked from the first instruction on: a blocked signal is kept even
 * for PID 1, whose defaults the kernel would discard (pid_namespaces(7)), and even if it was ignored when rehup began.
 * The C library's signal sets are passed by, because it hides the real-time signals that it uses itself.
 */
#include "host.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's signal set. */
typedef uint64_t signal_set;

static const signal_set ALL_SIGNALS = ~(signal_set)0;

/* What rt_sigaction(2) takes; all zero is the default disposition. */
struct kernel_action {
    void *handler;
    unsigned long flags;
    void *restorer;
    signal_set mask;
};

void block_signals(void)
{
    static const struct kernel_action default_action;
    if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, &ALL_SIGNALS, NULL, sizeof ALL_SIGNALS) < 0)
        fail_for("sigprocmask", errno_name(errno));
    /* The child is to have the defaults, and an ignored SIGCHLD would take the exit statuses away. */
    for (int signal = 1; signal <= 64; signal++)
        syscall(SYS_rt_sigaction, signal, &default_action, NULL, sizeof ALL_SIGNALS);
}

/*
 * Whether a signal is about rehup itself and meant for nobody: what a write of its own to a closed pipe or beyond
 * RLIMIT_FSIZE raised comes from its own process id, and what its own RLIMIT_CPU raised comes from the kernel.
 */
static bool is_own(const struct signalfd_siginfo *signal)
{
    switch (signal->ssi_signo) {
    case SIGPIPE:
    case SIGXFSZ:
        return signal->ssi_pid == (uint32_t)getpid();
    case SIGXCPU:
        return signal->ssi_code == SI_KERNEL;
    default:
        return false;
    }
}

NATIVE(openSignals)
{
    UNUSED;
    long descriptor =
        syscall(SYS_signalfd4, -1, &ALL_SIGNALS, sizeof ALL_SIGNALS, SFD_CLOEXEC | SFD_NONBLOCK);
    if (descriptor < 0) return throw_system(ctx, "signalfd", errno);
    return result_of(ctx, "signalfd", away_from_stdio((int)descriptor));
}

/* Takes signals that came, by number; an empty list when there are no more. */
NATIVE(takeSignals)
{
    UNUSED;
    int descriptor;
    struct signalfd_siginfo came[32];
    if (to_int(ctx, &descriptor, argv[0]) < 0) return JS_EXCEPTION;
    ssize_t size = read(descriptor, came, sizeof came);
    if (size < 0 && errno != EAGAIN) return throw_system(ctx, "read", errno);
    JSValue list = JS_NewArray(ctx);
    uint32_t length = 0;
    for (ssize_t index = 0; index < size / (ssize_t)sizeof came[0]; index++) {
        if (is_own(&came[index])) continue;
        append_number(ctx, &list, &length, came[index].ssi_signo);
    }
    return list;
}

const JSCFunctionListEntry signals_functions[] = { FUNCTION(openSignals, 0), FUNCTION(takeSignals, 1) };
END_OF_PART(signals);
