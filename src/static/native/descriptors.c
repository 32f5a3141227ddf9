/* Descriptors: pipes, datagrams, what rehup prints, and a log that never makes it wait. */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

/* RWF_NOWAIT of linux/fs.h, for pwritev2(2), which the C library may not have. */
#define NO_WAIT 8

int away_from_stdio(int descriptor)
{
    if (descriptor < 0 || descriptor >= FIRST_FOREIGN) return descriptor;
    int other = fcntl(descriptor, F_DUPFD_CLOEXEC, FIRST_FOREIGN);
    int error = errno;
    close(descriptor);
    errno = error;
    return other;
}

NATIVE(close)
{
    UNUSED;
    int descriptor;
    if (to_int(ctx, &descriptor, argv[0]) < 0) return JS_EXCEPTION;
    return result_of(ctx, "close", close(descriptor));
}

/* A pipe: the descriptor to read from, which does not make one wait, and the one to write to. */
NATIVE(pipe)
{
    UNUSED;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return throw_needed(ctx, "pipe2", errno);
    for (int end = 0; end < 2; end++) ends[end] = away_from_stdio(ends[end]);
    if (ends[0] < 0 || ends[1] < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0)
        return throw_needed(ctx, "fcntl", errno);
    JSValue list = JS_NewArray(ctx);
    uint32_t length = 0;
    append_number(ctx, &list, &length, ends[0]);
    append_number(ctx, &list, &length, ends[1]);
    return list;
}

/* A new file in memory, without a name. */
NATIVE(memoryFile)
{
    UNUSED;
    return result_of(ctx, "memfd_create", away_from_stdio((int)syscall(SYS_memfd_create, "rehup", MFD_CLOEXEC)));
}

/* read(descriptor, most): some bytes, at most 64 KiB; none at the end; EAGAIN where one would have to wait. */
NATIVE(read)
{
    UNUSED;
    static char buffer[CHUNK];
    int descriptor, most;
    if (to_int(ctx, &descriptor, argv[0]) < 0 || to_int(ctx, &most, argv[1]) < 0) return JS_EXCEPTION;
    size_t size = most < 0 ? 0 : most > CHUNK ? CHUNK : (size_t)most;
    ssize_t length = read(descriptor, buffer, size);
    return length < 0 ? throw_system(ctx, "read", errno) : from_bytes(ctx, buffer, (size_t)length);
}

/* readAt(descriptor, position, most): bytes from a position on, at most 4 KiB. It is a text, for one above 2^31. */
NATIVE(readAt)
{
    UNUSED;
    char buffer[4096];
    int descriptor, most;
    struct bytes text;
    if (to_int(ctx, &descriptor, argv[0]) < 0 || to_int(ctx, &most, argv[2]) < 0) return JS_EXCEPTION;
    if (to_c_string(ctx, &text, argv[1], "pread") < 0) return JS_EXCEPTION;
    off_t position = (off_t)strtoll(text.data, NULL, 10);
    free_bytes(ctx, &text);
    size_t size = most < 0 ? 0 : (size_t)most < sizeof buffer ? (size_t)most : sizeof buffer;
    ssize_t length = pread(descriptor, buffer, size, position);
    return length < 0 ? throw_system(ctx, "pread", errno) : from_bytes(ctx, buffer, (size_t)length);
}

/* hasChanged(descriptor): whether the list of mounts changed since it was opened or last asked: proc_pid_mountinfo(5). */
NATIVE(hasChanged)
{
    UNUSED;
    int descriptor;
    if (to_int(ctx, &descriptor, argv[0]) < 0) return JS_EXCEPTION;
    struct pollfd change = { .fd = descriptor, .events = POLLPRI };
    int ready = poll(&change, 1, 0);
    return ready < 0 ? throw_system(ctx, "poll", errno) : JS_NewBool(ctx, (change.revents & (POLLPRI | POLLERR)) != 0);
}

/*
 * readTail(descriptor, most): takes all that can be read at once, at most 64 KiB, and gives its last bytes. What a
 * check writes is not to fill the memory. None at the end; EAGAIN where one would have to wait.
 */
NATIVE(readTail)
{
    UNUSED;
    static char buffer[CHUNK];
    int descriptor, most;
    if (to_int(ctx, &descriptor, argv[0]) < 0 || to_int(ctx, &most, argv[1]) < 0) return JS_EXCEPTION;
    ssize_t length = read(descriptor, buffer, sizeof buffer);
    if (length < 0) return throw_system(ctx, "read", errno);
    ssize_t kept = length > most ? most : length;
    return from_bytes(ctx, buffer + (length - kept), (size_t)kept);
}

/* openDatagrams(name): a datagram socket with this abstract name (unix(7)); the kernel adds to each who sent it. */
NATIVE(openDatagrams)
{
    UNUSED;
    static const int yes = 1;
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct bytes name;
    if (to_c_string(ctx, &name, argv[0], "bind") < 0) return JS_EXCEPTION;
    size_t length = name.length;
    bool fits = length < sizeof address.sun_path;
    if (fits) memcpy(address.sun_path + 1, name.data, length);
    free_bytes(ctx, &name);
    if (!fits) return throw_system(ctx, "bind", ENAMETOOLONG);
    int descriptor = away_from_stdio(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (descriptor < 0) return throw_system(ctx, "socket", errno);
    const char *failed = setsockopt(descriptor, SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes) < 0 ? "setsockopt" : NULL;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
    if (failed == NULL && bind(descriptor, (const struct sockaddr *)&address, size) < 0) failed = "bind";
    if (failed != NULL) {
        int error = errno;
        close(descriptor);
        return throw_system(ctx, failed, error);
    }
    return JS_NewInt32(ctx, descriptor);
}

/* Who sent a message, 0 if that is not told. Closes the descriptors that came along. */
static pid_t sender_of(struct msghdr *message)
{
    pid_t sender = 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL; part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level != SOL_SOCKET) continue;
        if (part->cmsg_type == SCM_CREDENTIALS && part->cmsg_len == CMSG_LEN(sizeof(struct ucred))) {
            struct ucred credentials;
            memcpy(&credentials, CMSG_DATA(part), sizeof credentials);
            sender = credentials.pid;
        }
        if (part->cmsg_type != SCM_RIGHTS) continue;
        for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= part->cmsg_len; at += sizeof(int)) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(part) + at, sizeof descriptor);
            close(descriptor);
        }
    }
    return sender;
}

/*
 * receive(descriptor): a message of a datagram socket as a list of its sender's process id, whether it is whole, and its
 * bytes, at most 16 KiB. EAGAIN if there is none. There is room for the sender alone, so that the kernel itself drops the
 * descriptors that come along, and rehup never has them (unix(7)).
 */
NATIVE(receive)
{
    UNUSED;
    static char buffer[16 * 1024];
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    int descriptor;
    if (to_int(ctx, &descriptor, argv[0]) < 0) return JS_EXCEPTION;
    struct iovec piece = { .iov_base = buffer, .iov_len = sizeof buffer };
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes
    };
    ssize_t length = recvmsg(descriptor, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (length < 0) return throw_system(ctx, "recvmsg", errno);
    JSValue list = JS_NewArray(ctx);
    uint32_t count = 0;
    append_number(ctx, &list, &count, sender_of(&message));
    append_number(ctx, &list, &count, (message.msg_flags & MSG_TRUNC) == 0);
    append(ctx, &list, &count, from_bytes(ctx, buffer, (size_t)length));
    return list;
}

/* print(descriptor, bytes): all of it, waiting for the reader; for what rehup says before it supervises anything. */
NATIVE(print)
{
    UNUSED;
    int descriptor;
    struct bytes bytes;
    if (to_int(ctx, &descriptor, argv[0]) < 0 || to_bytes(ctx, &bytes, argv[1]) < 0) return JS_EXCEPTION;
    ssize_t written = 0;
    for (size_t done = 0; done < bytes.length && written >= 0; done += (size_t)written) {
        written = write(descriptor, bytes.data + done, bytes.length - done);
        if (written < 0 && errno == EAGAIN) {
            struct pollfd room = { .fd = descriptor, .events = POLLOUT };
            written = poll(&room, 1, -1) < 0 ? -1 : 0;
        }
    }
    int error = errno;
    free_bytes(ctx, &bytes);
    return written < 0 ? throw_system(ctx, "write", error) : JS_UNDEFINED;
}

/* How lines are written to descriptor 2, which is the child's as well, so that its flags must stay as they are. */
static enum { PLAIN, SOCKET, SHARED } way = PLAIN;
static int log_descriptor = 2;

/* Finds out what descriptor 2 is; a pipe or terminal is opened once more, for a description with flags of our own. */
NATIVE(openLog)
{
    UNUSED;
    struct stat given, opened;
    if (fstat(2, &given) < 0 || S_ISREG(given.st_mode)) return JS_UNDEFINED;
    way = S_ISSOCK(given.st_mode) ? SOCKET : SHARED;
    if (!S_ISFIFO(given.st_mode) && !isatty(2)) return JS_UNDEFINED;
    int own = away_from_stdio(open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (own < 0) return JS_UNDEFINED;
    if (fstat(own, &opened) < 0 || opened.st_ino != given.st_ino || opened.st_dev != given.st_dev) {
        close(own);
        return JS_UNDEFINED;
    }
    log_descriptor = own;
    way = PLAIN;
    return JS_UNDEFINED;
}

/* Writes to a description with the child's flags: by a call that does not wait, else only where there is room. */
static ssize_t write_shared(const char *data, size_t length)
{
    struct iovec piece = { .iov_base = (void *)data, .iov_len = length };
    ssize_t written = way == SOCKET
                          ? send(log_descriptor, data, length, MSG_DONTWAIT | MSG_NOSIGNAL)
                          : syscall(SYS_pwritev2, log_descriptor, &piece, 1L, -1L, -1L, NO_WAIT);
    /* Whatever else it fails with, the plain write tells as well: some kernels and profiles do not have the call. */
    if (written >= 0 || errno == EAGAIN) return written;
    struct pollfd room = { .fd = log_descriptor, .events = POLLOUT };
    if (poll(&room, 1, 0) != 1 || (room.revents & POLLOUT) == 0) {
        errno = EAGAIN;
        return -1;
    }
    /* A pipe that has room has room for this much (pipe(7)), and a socket for more. */
    return write(log_descriptor, data, length < PIPE_BUF ? length : PIPE_BUF);
}

/* log(bytes): writes some of it, as much as goes without waiting; EAGAIN if nothing does. */
NATIVE(log)
{
    UNUSED;
    struct bytes bytes;
    if (to_bytes(ctx, &bytes, argv[0]) < 0) return JS_EXCEPTION;
    ssize_t written = way == PLAIN ? write(log_descriptor, bytes.data, bytes.length)
                                   : write_shared(bytes.data, bytes.length);
    JSValue result = result_of(ctx, "write", written);
    free_bytes(ctx, &bytes);
    return result;
}

const JSCFunctionListEntry descriptors_functions[] = {
    FUNCTION(close, 1), FUNCTION(pipe, 0),    FUNCTION(read, 2), FUNCTION(readAt, 3), FUNCTION(readTail, 2),   FUNCTION(openDatagrams, 1),
    FUNCTION(print, 2), FUNCTION(openLog, 0), FUNCTION(log, 1),  FUNCTION(memoryFile, 0), FUNCTION(receive, 1),
    FUNCTION(hasChanged, 1),
};
END_OF_PART(descriptors);
