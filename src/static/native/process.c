/* Starting, signalling and waiting for processes, and the terminal's foreground. */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The most that is tried where neither the kernel nor /proc tells which descriptors are open. */
#define MOST_DESCRIPTORS 65536

struct request {
    const char *file;
    char **argv;
    char **environment;
    const char *directory; /* NULL: that of rehup */
    bool foreground;
    int stdio[3]; /* -1: that of rehup */
    int third;    /* what is to be its descriptor 3; -1: none */
};

/*
 * What went wrong between vfork and exec, as the child writes it into a pipe that an exec closes. Memory would do where
 * vfork(2) shares it; where Linux is emulated (qemu) it need not.
 */
struct mishap {
    const char *call;
    int error;
};

/* The child's end of that pipe, while it has one: behind what it may be given at descriptor 3. */
#define MISHAP_PIPE (FIRST_FOREIGN + 1)

/* What getdents64(2) gives. */
struct entry {
    uint64_t inode;
    int64_t offset;
    unsigned short size;
    unsigned char type;
    char name[];
};

/* Closes all that is no child's, for kernels before 5.9: by what /proc lists, else by number. */
static void close_each(void)
{
    _Alignas(struct entry) char buffer[1024];
    int list = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (list >= 0) {
        long size;
        while ((size = syscall(SYS_getdents64, list, buffer, sizeof buffer)) > 0) {
            for (long at = 0; at < size;) {
                const struct entry *entry = (const struct entry *)(const void *)(buffer + at);
                int number = atoi(entry->name);
                if (number > MISHAP_PIPE && number != list) close(number);
                at += entry->size;
            }
        }
        close(list);
        return;
    }
    struct rlimit limit;
    rlim_t most = getrlimit(RLIMIT_NOFILE, &limit) < 0 ? MOST_DESCRIPTORS : limit.rlim_cur;
    for (int number = MISHAP_PIPE + 1; number < (int)(most < MOST_DESCRIPTORS ? most : MOST_DESCRIPTORS); number++)
        close(number);
}

/* Puts the pipe in its place, and what is to be descriptor 3, or nothing: first both out of each other's way. */
static int place_descriptors(int third, int *pipe)
{
    int moved = fcntl(*pipe, F_DUPFD_CLOEXEC, MISHAP_PIPE + 1);
    if (moved < 0) return -1;
    *pipe = moved;
    if (third >= 0) {
        int given = fcntl(third, F_DUPFD_CLOEXEC, MISHAP_PIPE + 1);
        if (given < 0 || lseek(given, 0, SEEK_SET) < 0 || dup2(given, FIRST_FOREIGN) < 0) return -1;
    } else {
        close(FIRST_FOREIGN);
    }
    if (dup3(moved, MISHAP_PIPE, O_CLOEXEC) < 0) return -1;
    *pipe = MISHAP_PIPE;
    return 0;
}

/* In the child: all that comes before exec. Only system calls, since the memory is the parent's. */
static const char *prepare(const struct request *request, int *pipe)
{
    static const uint64_t no_signals = 0;
    if (setpgid(0, 0) < 0) return "setpgid";
    /* SIGTTOU is blocked, so this does not stop us; a terminal that went away is no reason not to start. */
    if (request->foreground) tcsetpgrp(0, getpid());
    for (int number = 0; number < 3; number++)
        if (request->stdio[number] >= 0 && dup2(request->stdio[number], number) < 0) return "dup2";
    if (request->directory != NULL && chdir(request->directory) < 0) return "chdir";
    if (place_descriptors(request->third, pipe) < 0) return "dup";
    if (syscall(SYS_close_range, MISHAP_PIPE + 1, ~0U, 0) < 0) close_each();
    if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, NULL, sizeof no_signals) < 0) return "sigprocmask";
    return NULL;
}

/* Apart from the parent's frame, which a child of vfork(2) must leave as it is. */
__attribute__((noinline)) static pid_t start(const struct request *request, int pipe)
{
    pid_t pid = vfork();
    if (pid != 0) return pid;
    struct mishap mishap = { .call = prepare(request, &pipe) };
    if (mishap.call == NULL) {
        execve(request->file, request->argv, request->environment);
        mishap.call = "execve";
    }
    mishap.error = errno;
    ssize_t told = write(pipe, &mishap, sizeof mishap);
    _exit(told == sizeof mishap ? 127 : 126);
}

/* A list of byte strings as execve(2) wants it, freed by free_strings; NULL with an exception. */
static char **to_strings(JSContext *ctx, JSValueConst list, struct bytes **held, const char *call)
{
    JSValue size = JS_GetPropertyStr(ctx, list, "length");
    uint32_t length = 0;
    if (JS_ToUint32(ctx, &length, size) < 0) return NULL;
    char **strings = js_mallocz(ctx, (length + 1) * sizeof *strings);
    *held = js_mallocz(ctx, (length + 1) * sizeof **held);
    for (uint32_t index = 0; strings != NULL && *held != NULL; index++) {
        if (index == length) return strings;
        JSValue item = JS_GetPropertyUint32(ctx, list, index);
        int result = to_c_string(ctx, &(*held)[index], item, call);
        JS_FreeValue(ctx, item);
        if (result < 0) break;
        strings[index] = (char *)(*held)[index].data;
    }
    for (uint32_t index = 0; *held != NULL && (*held)[index].data != NULL; index++)
        free_bytes(ctx, &(*held)[index]);
    js_free(ctx, *held);
    js_free(ctx, strings);
    *held = NULL;
    return NULL;
}

static void free_strings(JSContext *ctx, char **strings, struct bytes *held)
{
    for (uint32_t index = 0; strings != NULL && strings[index] != NULL; index++) free_bytes(ctx, &held[index]);
    js_free(ctx, held);
    js_free(ctx, strings);
}

static JSValue spawn(JSContext *ctx, const struct request *request)
{
    int ends[2];
    struct mishap mishap;
    if (pipe2(ends, O_CLOEXEC) < 0) return throw_system(ctx, "pipe2", errno);
    /* Away from 0-2, which the child may replace. */
    for (int end = 0; end < 2; end++) ends[end] = away_from_stdio(ends[end]);
    pid_t pid = ends[0] < 0 || ends[1] < 0 ? -1 : start(request, ends[1]);
    int error = errno;
    if (ends[1] >= 0) close(ends[1]);
    ssize_t length = pid < 0 ? 0 : read(ends[0], &mishap, sizeof mishap);
    if (ends[0] >= 0) close(ends[0]);
    if (pid < 0) return throw_system(ctx, "vfork", error);
    if (length != sizeof mishap) return JS_NewInt32(ctx, pid);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    return throw_system(ctx, mishap.call, mishap.error);
}

/* spawn(file, argv, environment, directory | undefined, foreground, stdin, stdout, stderr, third): the process id. */
NATIVE(spawn)
{
    UNUSED;
    struct request request = { .foreground = JS_ToBool(ctx, argv[4]) };
    struct bytes file = { 0 }, directory = { 0 }, *held_argv = NULL, *held_environment = NULL;
    JSValue result = JS_EXCEPTION;
    for (int number = 0; number < 3; number++)
        if (to_int(ctx, &request.stdio[number], argv[5 + number]) < 0) return JS_EXCEPTION;
    if (to_int(ctx, &request.third, argv[8]) < 0) return JS_EXCEPTION;
    if (to_c_string(ctx, &file, argv[0], "execve") < 0) return JS_EXCEPTION;
    if (JS_IsUndefined(argv[3]) || to_c_string(ctx, &directory, argv[3], "chdir") == 0) {
        request.file = file.data;
        request.directory = directory.data;
        request.argv = to_strings(ctx, argv[1], &held_argv, "execve");
        if (request.argv != NULL) request.environment = to_strings(ctx, argv[2], &held_environment, "execve");
        if (request.environment != NULL) result = spawn(ctx, &request);
        free_strings(ctx, request.environment, held_environment);
        free_strings(ctx, request.argv, held_argv);
        free_bytes(ctx, &directory);
    }
    free_bytes(ctx, &file);
    return result;
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
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0) break;
        append(ctx, list, &length, info.si_pid);
        append(ctx, list, &length, info.si_code == CLD_EXITED);
        append(ctx, list, &length, info.si_status);
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

/* Whether rehup's process group holds the terminal on descriptor 0. */
NATIVE(inForeground)
{
    UNUSED;
    return JS_NewBool(ctx, tcgetpgrp(0) == getpgrp());
}

NATIVE(takeForeground)
{
    UNUSED;
    return result_of(ctx, "tcsetpgrp", tcsetpgrp(0, getpgrp()));
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
    FUNCTION(spawn, 9), FUNCTION(reap, 1), FUNCTION(hasChildren, 0), FUNCTION(kill, 2), FUNCTION(processId, 0),
    FUNCTION(becomeSubreaper, 0), FUNCTION(inForeground, 0), FUNCTION(takeForeground, 0), FUNCTION(exit, 1),
};
END_OF_PART(process);
