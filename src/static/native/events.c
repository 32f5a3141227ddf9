/* Waiting for descriptors, hints on directories, clocks and chance. */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* The epoll(7) instance, made when it is first needed; -1 with an exception. */
static int open_queue(JSContext *ctx)
{
    static int queue = -1;
    if (queue < 0) queue = away_from_stdio(epoll_create1(EPOLL_CLOEXEC));
    if (queue < 0) throw_system(ctx, "epoll_create1", errno);
    return queue;
}

/* expect(descriptor, mask): has wait() tell of these epoll(7) events on it; a mask of 0 for none any more. */
NATIVE(expect)
{
    UNUSED;
    int descriptor, mask;
    if (to_int(ctx, &descriptor, argv[0]) < 0 || to_int(ctx, &mask, argv[1]) < 0) return JS_EXCEPTION;
    int queue = open_queue(ctx);
    if (queue < 0) return JS_EXCEPTION;
    struct epoll_event event = { .events = (uint32_t)mask, .data.fd = descriptor };
    if (mask == 0) return result_of(ctx, "epoll_ctl", epoll_ctl(queue, EPOLL_CTL_DEL, descriptor, NULL));
    int result = epoll_ctl(queue, EPOLL_CTL_ADD, descriptor, &event);
    if (result < 0 && errno == EEXIST) result = epoll_ctl(queue, EPOLL_CTL_MOD, descriptor, &event);
    return result_of(ctx, "epoll_ctl", result);
}

/* wait(milliseconds): descriptors and their events in turn; -1 waits for ever. */
NATIVE(wait)
{
    UNUSED;
    int timeout;
    struct epoll_event events[16];
    if (to_int(ctx, &timeout, argv[0]) < 0) return JS_EXCEPTION;
    int queue = open_queue(ctx);
    if (queue < 0) return JS_EXCEPTION;
    int count = epoll_wait(queue, events, sizeof events / sizeof events[0], timeout);
    if (count < 0 && errno != EINTR) return throw_system(ctx, "epoll_wait", errno);
    JSValue list = JS_NewArray(ctx);
    uint32_t length = 0;
    for (int index = 0; index < count; index++) {
        append_number(ctx, &list, &length, events[index].data.fd);
        append_number(ctx, &list, &length, events[index].events);
    }
    return list;
}

NATIVE(openNotifier)
{
    UNUSED;
    int descriptor = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (descriptor < 0) return throw_system(ctx, "inotify_init1", errno);
    return result_of(ctx, "inotify_init1", away_from_stdio(descriptor));
}

/*
 * watchPlace(notifier, path, mask): the watch's number, the same for the same file or directory under another path; what
 * was asked for there before is told as well.
 */
NATIVE(watchPlace)
{
    UNUSED;
    int notifier, mask;
    struct bytes path;
    if (to_int(ctx, &notifier, argv[0]) < 0 || to_int(ctx, &mask, argv[2]) < 0) return JS_EXCEPTION;
    if (to_c_string(ctx, &path, argv[1], "inotify_add_watch") < 0) return JS_EXCEPTION;
    JSValue result =
        result_of(ctx, "inotify_add_watch",
                  inotify_add_watch(notifier, path.data, (uint32_t)mask | IN_EXCL_UNLINK | IN_MASK_ADD));
    free_bytes(ctx, &path);
    return result;
}

NATIVE(unwatch)
{
    UNUSED;
    int notifier, watch;
    if (to_int(ctx, &notifier, argv[0]) < 0 || to_int(ctx, &watch, argv[1]) < 0) return JS_EXCEPTION;
    return result_of(ctx, "inotify_rm_watch", inotify_rm_watch(notifier, watch));
}

/* What a write makes two of, and each line of a log. */
#define CONTENT (IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB)

/* Whether an event tells of the same file's content as the one before it. */
static bool is_told(const struct inotify_event *event, const char *name, const struct inotify_event *before,
                    const char *name_before)
{
    return ((event->mask | before->mask) & ~(uint32_t)CONTENT) == 0 && event->wd == before->wd &&
           event->len == before->len && memcmp(name, name_before, event->len) == 0;
}

/* Adds what is in a buffer of inotify(7) events to a list, the content of one file once in a row. */
static void append_hints(JSContext *ctx, JSValue *list, const char *buffer, size_t size)
{
    uint32_t length = 0;
    struct inotify_event event, before = { .wd = -1 };
    const char *name_before = buffer;
    for (size_t at = 0; size - at >= sizeof event;) {
        memcpy(&event, buffer + at, sizeof event);
        if (size - at - sizeof event < event.len) return;
        const char *name = buffer + at + sizeof event;
        at += sizeof event + event.len;
        if (is_told(&event, name, &before, name_before)) continue;
        append_number(ctx, list, &length, event.wd);
        append_number(ctx, list, &length, event.mask);
        append(ctx, list, &length, from_bytes(ctx, name, strnlen(name, event.len)));
        before = event;
        name_before = name;
    }
}

/*
 * takeHints(notifier): numbers of watches, their inotify(7) masks and the names concerned in turn, a name being empty for
 * the directory itself; an empty list when there are no more.
 */
NATIVE(takeHints)
{
    UNUSED;
    int notifier;
    static char buffer[16 * 1024];
    if (to_int(ctx, &notifier, argv[0]) < 0) return JS_EXCEPTION;
    ssize_t size = read(notifier, buffer, sizeof buffer);
    if (size < 0 && errno != EAGAIN) return throw_system(ctx, "read", errno);
    JSValue list = JS_NewArray(ctx);
    if (size > 0) append_hints(ctx, &list, buffer, (size_t)size);
    return list;
}

static JSValue milliseconds(JSContext *ctx, clockid_t clock)
{
    struct timespec time;
    if (clock_gettime(clock, &time) < 0) return throw_system(ctx, "clock_gettime", errno);
    return JS_NewFloat64(ctx, (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6);
}

/* Milliseconds on a clock that never jumps. */
NATIVE(now)
{
    UNUSED;
    return milliseconds(ctx, CLOCK_MONOTONIC);
}

/* Milliseconds since the epoch. */
NATIVE(time)
{
    UNUSED;
    return milliseconds(ctx, CLOCK_REALTIME);
}

/* Milliseconds of processor time that this thread has taken. */
NATIVE(processorTime)
{
    UNUSED;
    return milliseconds(ctx, CLOCK_THREAD_CPUTIME_ID);
}

int random_bytes(void *data, size_t length)
{
    if (getrandom(data, length, 0) == (ssize_t)length) return 0;
    /* For kernels before 3.17, and profiles of that age. */
    int device = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (device < 0) return -1;
    ssize_t got = read(device, data, length);
    int error = got < 0 ? errno : EIO;
    close(device);
    errno = error;
    return got == (ssize_t)length ? 0 : -1;
}

/* 32 random bits. */
NATIVE(random)
{
    UNUSED;
    uint32_t bits;
    if (random_bytes(&bits, sizeof bits) < 0) return throw_system(ctx, "getrandom", errno);
    return JS_NewUint32(ctx, bits);
}

const JSCFunctionListEntry events_functions[] = {
    FUNCTION(expect, 2),  FUNCTION(wait, 1),      FUNCTION(openNotifier, 0), FUNCTION(watchPlace, 3),
    FUNCTION(unwatch, 2), FUNCTION(takeHints, 1), FUNCTION(now, 0),          FUNCTION(time, 0),
    FUNCTION(random, 0),  FUNCTION(processorTime, 0),
};
END_OF_PART(events);
