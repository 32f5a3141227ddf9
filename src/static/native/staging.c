/*
 * Writing files: what a snapshot that is staged is made of. Each call is on one name in a directory by its descriptor
 * (undefined for an absolute path), and follows no link at its end.
 */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A call with a directory, a name in it, and perhaps a number. */
static JSValue with_name(JSContext *ctx, const char *name, JSValueConst *argv, int (*call)(int, const char *, int), int number)
{
    int directory;
    struct bytes path;
    if (to_directory(ctx, &directory, argv[0]) < 0 || to_c_string(ctx, &path, argv[1], name) < 0) return JS_EXCEPTION;
    JSValue result = result_of(ctx, name, call(directory, path.data, number));
    free_bytes(ctx, &path);
    return result;
}

/* A call with a directory and two strings. */
static JSValue with_names(JSContext *ctx, const char *name, JSValueConst *argv, int (*call)(int, const char *, const char *))
{
    int directory;
    struct bytes first, second;
    if (to_int(ctx, &directory, argv[0]) < 0 || to_c_string(ctx, &first, argv[1], name) < 0) return JS_EXCEPTION;
    JSValue result = JS_EXCEPTION;
    if (to_c_string(ctx, &second, argv[2], name) == 0) {
        result = result_of(ctx, name, call(directory, first.data, second.data));
        free_bytes(ctx, &second);
    }
    free_bytes(ctx, &first);
    return result;
}

static int make_directory(int directory, const char *name, int mode)
{
    return mkdirat(directory, name, (mode_t)mode);
}

static int create(int directory, const char *name, int mode)
{
    return openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode_t)mode);
}

/* O_PATH opens what may not be read, but does not serve fchmod(2); the link in /proc leads to what was opened. */
static int grant(int directory, const char *name, int mode)
{
    char path[32];
    int opened = openat(directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (opened < 0) return -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", opened);
    int result = chmod(path, (mode_t)mode);
    int error = errno;
    close(opened);
    errno = error;
    return result;
}

static int make_link(int directory, const char *name, const char *target)
{
    return symlinkat(target, directory, name);
}

static int move(int directory, const char *from, const char *to)
{
    return renameat(directory, from, directory, to);
}

/* mkdir(directory, name, mode), less the umask. */
NATIVE(mkdir)
{
    UNUSED;
    int mode;
    return to_int(ctx, &mode, argv[2]) < 0 ? JS_EXCEPTION : with_name(ctx, "mkdir", argv, make_directory, mode);
}

/* create(directory, name, mode): a new file for writing, its descriptor. */
NATIVE(create)
{
    UNUSED;
    int mode;
    return to_int(ctx, &mode, argv[2]) < 0 ? JS_EXCEPTION : with_name(ctx, "open", argv, create, mode);
}

/* grant(directory, name, mode): the mode of a directory that may not be entered yet. */
NATIVE(grant)
{
    UNUSED;
    int mode;
    return to_int(ctx, &mode, argv[2]) < 0 ? JS_EXCEPTION : with_name(ctx, "chmod", argv, grant, mode);
}

/* symlink(directory, name, target). */
NATIVE(symlink)
{
    UNUSED;
    return with_names(ctx, "symlink", argv, make_link);
}

/* rename(directory, from, to), in one step. */
NATIVE(rename)
{
    UNUSED;
    return with_names(ctx, "rename", argv, move);
}

/* unlink(directory, name): what is no directory. */
NATIVE(unlink)
{
    UNUSED;
    return with_name(ctx, "unlink", argv, unlinkat, 0);
}

/* rmdir(directory, name): an empty directory. */
NATIVE(rmdir)
{
    UNUSED;
    return with_name(ctx, "rmdir", argv, unlinkat, AT_REMOVEDIR);
}

/* chmod(descriptor, mode). */
NATIVE(chmod)
{
    UNUSED;
    int descriptor, mode;
    if (to_int(ctx, &descriptor, argv[0]) < 0 || to_int(ctx, &mode, argv[1]) < 0) return JS_EXCEPTION;
    return result_of(ctx, "fchmod", fchmod(descriptor, (mode_t)mode));
}

/* chown(descriptor, owner, group); -1 leaves one as it is. */
NATIVE(chown)
{
    UNUSED;
    int descriptor, owner, group;
    if (to_int(ctx, &descriptor, argv[0]) < 0 || to_int(ctx, &owner, argv[1]) < 0 || to_int(ctx, &group, argv[2]) < 0)
        return JS_EXCEPTION;
    return result_of(ctx, "fchown", fchown(descriptor, (uid_t)owner, (gid_t)group));
}

/* lock(descriptor): whether its file is locked by it, and by nothing else, until it is closed. */
NATIVE(lock)
{
    UNUSED;
    int descriptor;
    if (to_int(ctx, &descriptor, argv[0]) < 0) return JS_EXCEPTION;
    if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) return JS_TRUE;
    return errno == EWOULDBLOCK ? JS_FALSE : throw_system(ctx, "flock", errno);
}

/* entries(directory, anew): some more names but "." and "..", from the beginning if it is to be; none at the end. */
NATIVE(entries)
{
    UNUSED;
    static char piece[CHUNK / 2];
    int directory;
    if (to_int(ctx, &directory, argv[0]) < 0) return JS_EXCEPTION;
    if (JS_ToBool(ctx, argv[1]) && lseek(directory, 0, SEEK_SET) < 0) return throw_system(ctx, "lseek", errno);
    for (;;) {
        long size = syscall(SYS_getdents64, directory, piece, sizeof piece);
        if (size < 0) return throw_system(ctx, "getdents64", errno);
        uint32_t count = 0;
        JSValue list = JS_NewArray(ctx);
        if (size == 0 || JS_IsException(list)) return list;
        if (append_names(ctx, &list, &count, piece, (size_t)size) < 0) return JS_EXCEPTION;
        if (count > 0) return list;
        JS_FreeValue(ctx, list);
    }
}

/* Writes all of it, however often that takes; only to files, which do not make one wait. */
static ssize_t write_all(int descriptor, const char *data, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t written = write(descriptor, data + done, length - done);
        if (written < 0) return -1;
        done += (size_t)written;
    }
    return (ssize_t)length;
}

/* copy(digest, from, to): at most 64 KiB from one open file to another and a digest; the number of bytes, 0 at the end. */
NATIVE(copy)
{
    UNUSED;
    static char buffer[CHUNK];
    int from, to;
    if (to_int(ctx, &from, argv[1]) < 0 || to_int(ctx, &to, argv[2]) < 0) return JS_EXCEPTION;
    ssize_t length = read(from, buffer, sizeof buffer);
    if (length < 0) return throw_system(ctx, "read", errno);
    if (feed_digest(ctx, argv[0], buffer, (size_t)length) < 0) return JS_EXCEPTION;
    return result_of(ctx, "write", write_all(to, buffer, (size_t)length));
}

/* store(descriptor, bytes): writes all of it to a file. */
NATIVE(store)
{
    UNUSED;
    int descriptor;
    struct bytes bytes;
    if (to_int(ctx, &descriptor, argv[0]) < 0 || to_bytes(ctx, &bytes, argv[1]) < 0) return JS_EXCEPTION;
    JSValue result = result_of(ctx, "write", write_all(descriptor, bytes.data, bytes.length));
    free_bytes(ctx, &bytes);
    return result;
}

ssize_t fill_empty(const char *path, const char *data, size_t length)
{
    struct stat found;
    int file = open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (file < 0) return -1;
    ssize_t written = fstat(file, &found);
    if (written == 0 && (!S_ISREG(found.st_mode) || found.st_size > 0)) {
        errno = EEXIST;
        written = -1;
    }
    if (written == 0) written = write(file, data, length);
    int error = errno;
    close(file);
    errno = error;
    return written;
}

/* fillEmpty(path, bytes): writes to a file that is there and empty. */
NATIVE(fillEmpty)
{
    UNUSED;
    struct bytes path, bytes;
    if (to_c_string(ctx, &path, argv[0], "open") < 0) return JS_EXCEPTION;
    JSValue result = JS_EXCEPTION;
    if (to_bytes(ctx, &bytes, argv[1]) == 0) {
        result = result_of(ctx, "write", fill_empty(path.data, bytes.data, bytes.length));
        free_bytes(ctx, &bytes);
    }
    free_bytes(ctx, &path);
    return result;
}

/* append(path, bytes): writes to what is there, once, and as much as it takes at once. */
NATIVE(append)
{
    UNUSED;
    struct bytes path, bytes;
    if (to_c_string(ctx, &path, argv[0], "open") < 0) return JS_EXCEPTION;
    int opened = open(path.data, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int error = errno;
    free_bytes(ctx, &path);
    if (opened < 0) return throw_system(ctx, "open", error);
    JSValue result = JS_EXCEPTION;
    if (to_bytes(ctx, &bytes, argv[1]) == 0) {
        result = result_of(ctx, "write", write(opened, bytes.data, bytes.length));
        free_bytes(ctx, &bytes);
    }
    close(opened);
    return result;
}

NATIVE(sync)
{
    UNUSED;
    int descriptor;
    if (to_int(ctx, &descriptor, argv[0]) < 0) return JS_EXCEPTION;
    return result_of(ctx, "fsync", fsync(descriptor));
}

const JSCFunctionListEntry staging_functions[] = {
    FUNCTION(mkdir, 3),  FUNCTION(create, 3), FUNCTION(grant, 3), FUNCTION(symlink, 3), FUNCTION(rename, 3),
    FUNCTION(unlink, 2), FUNCTION(rmdir, 2),  FUNCTION(chmod, 2), FUNCTION(chown, 3),   FUNCTION(lock, 1),
    FUNCTION(entries, 2), FUNCTION(copy, 3),   FUNCTION(store, 2),  FUNCTION(sync, 1),    FUNCTION(fillEmpty, 2),
    FUNCTION(append, 2),
};
END_OF_PART(staging);
