/* Signalling and waiting for processes, and the terminal's foreground. */
#include "host.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * A child that wants to be traced by its parent (PTRACE_TRACEME, as programs do that look for a debugger) stops at each
 * signal and tells waitid(2) so. It is let go, with the signal, as if it had never asked. The SIGTRAP of its exec, which
 * it has from itself, is part of being traced.
 */
static void release(pid_t pid, int stopped_by)
{
    siginfo_t cause = { .si_pid = 0 };
    if (stopped_by == SIGTRAP && ptrace(PTRACE_GETSIGINFO, pid, NULL, &cause) == 0 && cause.si_code == SI_USER &&
        cause.si_pid == pid)
        stopped_by = 0;
    /* It fails where somebody's SIGKILL came first, which is told as well. */
    ptrace(PTRACE_DETACH, pid, NULL, (void *)(intptr_t)stopped_by);
}

/*
 * reap(most): takes the exit status of zombies, as a list of process id, whether it exited by itself, and its code or
 * signal. The one place that waits, so that no status goes to anybody else.
 */
NATIVE(reap)
{
    UNUSED;
    int most;
    if (to_int(ctx, &most, argv[0]) < 0) return JS_EXCEPTION;
    JSValue list = JS_NewArray(ctx);
    uint32_t length = 0;
    for (int count = 0; count < most; count++) {
        siginfo_t info = { .si_pid = 0 };
        int result = waitid(P_ALL, 0, &info, WEXITED | WNOHANG);
        if (result < 0 && errno != ECHILD) fail_for("waitid", errno_name(errno));
        if (result < 0 || info.si_pid == 0) break;
        if (info.si_code != CLD_EXITED && info.si_code != CLD_KILLED && info.si_code != CLD_DUMPED) {
            release(info.si_pid, info.si_status);
            continue;
        }
        append_number(ctx, &list, &length, info.si_pid);
        append_number(ctx, &list, &length, info.si_code == CLD_EXITED);
        append_number(ctx, &list, &length, info.si_status);
    }
    return list;
}

/* Whether there is any child, ended or not. */
NATIVE(hasChildren)
{
    UNUSED;
    siginfo_t info;
    return JS_NewBool(ctx, waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0);
}

NATIVE(kill)
{
    UNUSED;
    int pid, signal;
    if (to_int(ctx, &pid, argv[0]) < 0 || to_int(ctx, &signal, argv[1]) < 0) return JS_EXCEPTION;
    return result_of(ctx, "kill", kill(pid, signal));
}

NATIVE(openProcess)
{
    UNUSED;
    int pid;
    if (to_int(ctx, &pid, argv[0]) < 0) return JS_EXCEPTION;
    return result_of(ctx, "pidfd_open", away_from_stdio((int)syscall(SYS_pidfd_open, pid, 0)));
}

NATIVE(signalOpened)
{
    UNUSED;
    int opened, signal;
    if (to_int(ctx, &opened, argv[0]) < 0 || to_int(ctx, &signal, argv[1]) < 0) return JS_EXCEPTION;
    return result_of(ctx, "pidfd_send_signal", syscall(SYS_pidfd_send_signal, opened, signal, NULL, 0));
}

NATIVE(processId)
{
    UNUSED;
    return JS_NewInt32(ctx, getpid());
}

NATIVE(becomeSubreaper)
{
    UNUSED;
    return result_of(ctx, "prctl", prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
}

/* stopped(pid): the signal by which a child was stopped, told once; 0 if it was not. One that stopped as traced is let go. */
NATIVE(stopped)
{
    UNUSED;
    int pid;
    siginfo_t info = { .si_pid = 0 };
    if (to_int(ctx, &pid, argv[0]) < 0) return JS_EXCEPTION;
    int result = waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOHANG);
    if (result < 0 || info.si_pid != pid) return JS_NewInt32(ctx, 0);
    if (info.si_code == CLD_STOPPED) return JS_NewInt32(ctx, info.si_status);
    release(pid, info.si_status);
    return JS_NewInt32(ctx, 0);
}

/* user(): the effective user that rehup runs as. */
NATIVE(user)
{
    UNUSED;
    return JS_NewInt64(ctx, geteuid());
}

NATIVE(group)
{
    UNUSED;
    return JS_NewInt32(ctx, getpgrp());
}

/* The process group that holds the terminal on descriptor 0; -1 if there is none. */
NATIVE(foreground)
{
    UNUSED;
    return JS_NewInt32(ctx, tcgetpgrp(0));
}

NATIVE(giveForeground)
{
    UNUSED;
    int group;
    if (to_int(ctx, &group, argv[0]) < 0) return JS_EXCEPTION;
    return result_of(ctx, "tcsetpgrp", tcsetpgrp(0, group));
}

/* Ends the process at once; nothing is left to be flushed or freed. */
NATIVE(exit)
{
    UNUSED;
    int code;
    if (to_int(ctx, &code, argv[0]) < 0) return JS_EXCEPTION;
    _exit(code);
}

const JSCFunctionListEntry process_functions[] = {
    FUNCTION(reap, 1), FUNCTION(hasChildren, 0), FUNCTION(kill, 2), FUNCTION(processId, 0),
    FUNCTION(becomeSubreaper, 0), FUNCTION(stopped, 1), FUNCTION(group, 0), FUNCTION(foreground, 0),
    FUNCTION(giveForeground, 1), FUNCTION(exit, 1), FUNCTION(openProcess, 1), FUNCTION(signalOpened, 2),
    FUNCTION(user, 0),
};
END_OF_PART(process);
