/* Starting processes. */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
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
    int stdio[3];  /* -1: that of rehup */
    int gift;      /* one more descriptor of rehup's; -1: none */
    int gift_number; /* what it is in the child, beyond 2 */
};

/*
 * What went wrong between vfork and exec, as the child writes it into a pipe that an exec closes. Memory would do where
 * vfork(2) shares it; where Linux is emulated (qemu) it need not.
 */
struct mishap {
    const char *call;
    int error;
};

/* The child's end of that pipe, while it has one: beside what it is given. */
static int mishap_pipe(const struct request *request)
{
    return request->gift >= 0 && request->gift_number == FIRST_FOREIGN ? FIRST_FOREIGN + 1 : FIRST_FOREIGN;
}

/* Closes all that is no child's, for kernels before 5.9: by what /proc lists, else by number. Two of them stay. */
static void close_each(int pipe, int gift)
{
    _Alignas(struct entry) char buffer[1024];
    int list = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (list >= 0) {
        long size;
        while ((size = syscall(SYS_getdents64, list, buffer, sizeof buffer)) > 0) {
            for (long at = 0; at < size;) {
                const struct entry *entry = (const struct entry *)(const void *)(buffer + at);
                int number = atoi(entry->name);
                if (number >= FIRST_FOREIGN && number != pipe && number != gift && number != list) close(number);
                at += entry->length;
            }
        }
        close(list);
        return;
    }
    struct rlimit limit;
    rlim_t most = getrlimit(RLIMIT_NOFILE, &limit) < 0 ? MOST_DESCRIPTORS : limit.rlim_cur;
    for (int number = FIRST_FOREIGN; number < (int)(most < MOST_DESCRIPTORS ? most : MOST_DESCRIPTORS); number++)
        if (number != pipe && number != gift) close(number);
}

static int close_range_of(unsigned first, unsigned last)
{
    return first > last ? 0 : (int)syscall(SYS_close_range, first, last, 0);
}

/* Leaves open what is the child's own, the pipe and the gift. */
static void close_others(int pipe, int gift)
{
    unsigned one = (unsigned)pipe, other = gift < 0 ? one : (unsigned)gift;
    unsigned low = one < other ? one : other, high = one < other ? other : one;
    if (close_range_of(FIRST_FOREIGN, low - 1) < 0 || close_range_of(low + 1, high - 1) < 0 ||
        close_range_of(high + 1, ~0U) < 0)
        close_each(pipe, gift);
}

/* In the child: puts the gift at its number, from which the pipe goes away. */
static const char *take_gift(const struct request *request, int *pipe)
{
    /* A file is read from its beginning; anything else has none. */
    lseek(request->gift, 0, SEEK_SET);
    if (*pipe == request->gift_number && (*pipe = fcntl(*pipe, F_DUPFD_CLOEXEC, FIRST_FOREIGN)) < 0) return "fcntl";
    if (request->gift == request->gift_number) return fcntl(request->gift, F_SETFD, 0) < 0 ? "fcntl" : NULL;
    return dup2(request->gift, request->gift_number) < 0 ? "dup2" : NULL;
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
    const char *failed = request->gift < 0 ? NULL : take_gift(request, pipe);
    if (failed != NULL) return failed;
    int end = mishap_pipe(request);
    if (*pipe != end && dup3(*pipe, end, O_CLOEXEC) < 0) return "dup3";
    *pipe = end;
    close_others(end, request->gift < 0 ? -1 : request->gift_number);
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
    if (JS_IsException(size) || JS_ToUint32(ctx, &length, size) < 0) return NULL;
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
    /* It takes no child to find out that a file is not there, and a command is looked for in each directory of PATH. */
    bool is_absolute = request->file[0] == '/';
    if (is_absolute && access(request->file, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR))
        return throw_system(ctx, "execve", errno);
    if (pipe2(ends, O_CLOEXEC) < 0) return throw_needed(ctx, "pipe2", errno);
    /* Away from 0-2, which the child may replace. */
    for (int end = 0; end < 2; end++) ends[end] = away_from_stdio(ends[end]);
    pid_t pid = ends[0] < 0 || ends[1] < 0 ? -1 : start(request, ends[1]);
    int error = errno;
    if (ends[1] >= 0) close(ends[1]);
    ssize_t length = pid < 0 ? 0 : read(ends[0], &mishap, sizeof mishap);
    if (ends[0] >= 0) close(ends[0]);
    if (pid < 0) return throw_needed(ctx, "vfork", error);
    if (length != sizeof mishap) return JS_NewInt32(ctx, pid);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    bool by_file = strcmp(mishap.call, "execve") == 0;
    return (by_file ? throw_system : throw_needed)(ctx, mishap.call, mishap.error);
}

/*
 * spawn(file, argv, environment, directory | undefined, foreground, stdin, stdout, stderr, gift, number): the process id.
 * The gift is one more descriptor, which is `number` in the process; none if it is negative.
 */
NATIVE(spawn)
{
    UNUSED;
    struct request request = { .foreground = JS_ToBool(ctx, argv[4]) };
    struct bytes file = { 0 }, directory = { 0 }, *held_argv = NULL, *held_environment = NULL;
    JSValue result = JS_EXCEPTION;
    for (int number = 0; number < 3; number++)
        if (to_int(ctx, &request.stdio[number], argv[5 + number]) < 0) return JS_EXCEPTION;
    if (to_int(ctx, &request.gift, argv[8]) < 0 || to_int(ctx, &request.gift_number, argv[9]) < 0) return JS_EXCEPTION;
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

/* The one descriptor of a helper. */
#define HELPER_SOCKET FIRST_FOREIGN

/* In a helper: leaves all that is rehup's or its child's, and ends with rehup. */
static int become_helper(int socket, pid_t parent)
{
    prctl(PR_SET_NAME, "rehup-files", 0, 0, 0);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent || setsid() < 0) return -1;
    if (dup2(socket, HELPER_SOCKET) < 0) return -1;
    /* What it opens later must not take the place of stdin, stdout or stderr. */
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing < 0) return -1;
    for (int number = 0; number < FIRST_FOREIGN; number++)
        if (dup2(nothing, number) < 0) return -1;
    close_others(HELPER_SOCKET, -1);
    return 0;
}

/*
 * helper(): goes on from here in a second process as well, which may wait where rehup must not. A list of its process id,
 * 0 in the helper, and of the socket to the other; rehup's does not make it wait. All signals but KILL stay blocked in it.
 */
NATIVE(helper)
{
    UNUSED;
    int ends[2];
    pid_t parent = getpid();
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) return throw_system(ctx, "socketpair", errno);
    for (int end = 0; end < 2; end++) ends[end] = away_from_stdio(ends[end]);
    pid_t pid = ends[0] < 0 || ends[1] < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 ? -1 : fork();
    int error = errno;
    if (pid == 0 && become_helper(ends[1], parent) < 0) _exit(1);
    if (pid != 0 && ends[1] >= 0) close(ends[1]);
    if (pid < 0) {
        if (ends[0] >= 0) close(ends[0]);
        return throw_system(ctx, "fork", error);
    }
    JSValue list = JS_NewArray(ctx);
    uint32_t length = 0;
    append_number(ctx, &list, &length, pid);
    append_number(ctx, &list, &length, pid == 0 ? HELPER_SOCKET : ends[0]);
    return list;
}

const JSCFunctionListEntry spawn_functions[] = { FUNCTION(spawn, 10), FUNCTION(helper, 0) };
END_OF_PART(spawn);
