/* Writing files: what a snapshot that is staged is made of. */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* A call with one path, and perhaps a number. */
static JSValue with_path(JSContext *ctx, const char *name, JSValueConst value, int (*call)(const char *, int), int number)
{
    struct bytes path;
    if (to_c_string(ctx, &path, value, name) < 0) return JS_EXCEPTION;
    JSValue result = result_of(ctx, name, call(path.data, number));
    free_bytes(ctx, &path);
    return result;
}

/* A call with two paths. */
static JSValue with_paths(JSContext *ctx, const char *name, JSValueConst *argv, int (*call)(const char *, const char *))
{
    struct bytes first, second;
    if (to_c_string(ctx, &first, argv[0], name) < 0) return JS_EXCEPTION;
    JSValue result = JS_EXCEPTION;
    if (to_c_string(ctx, &second, argv[1], name) == 0) {
        result = result_of(ctx, name, call(first.data, second.data));
        free_bytes(ctx, &second);
    }
    free_bytes(ctx, &first);
    return result;
}

static int make_directory(const char *path, int mode)
{
    return mkdir(path, (mode_t)mode);
}

static int create(const char *path, int mode)
{
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode_t)mode);
}

static int change_mode(const char *path, int mode)
{
    return chmod(path, (mode_t)mode);
}

static int remove_file(const char *path, int unused)
{
    (void)unused;
    return unlink(path);
}

static int remove_directory(const char *path, int unused)
{
    (void)unused;
    return rmdir(path);
}

/* mkdir(path, mode), less the umask. */
NATIVE(mkdir)
{
    UNUSED;
    int mode;
    if (to_int(ctx, &mode, argv[1]) < 0) return JS_EXCEPTION;
    return with_path(ctx, "mkdir", argv[0], make_directory, mode);
}

/* create(path, mode): a new file for writing, its descriptor. */
NATIVE(create)
{
    UNUSED;
    int mode;
    if (to_int(ctx, &mode, argv[1]) < 0) return JS_EXCEPTION;
    return with_path(ctx, "open", argv[0], create, mode);
}

NATIVE(chmod)
{
    UNUSED;
    int mode;
    if (to_int(ctx, &mode, argv[1]) < 0) return JS_EXCEPTION;
    return with_path(ctx, "chmod", argv[0], change_mode, mode);
}

/* chown(path, owner, group): of a link itself; -1 leaves one as it is. */
NATIVE(chown)
{
    UNUSED;
    int owner, group;
    struct bytes path;
    if (to_int(ctx, &owner, argv[1]) < 0 || to_int(ctx, &group, argv[2]) < 0) return JS_EXCEPTION;
    if (to_c_string(ctx, &path, argv[0], "lchown") < 0) return JS_EXCEPTION;
    JSValue result = result_of(ctx, "lchown", lchown(path.data, (uid_t)owner, (gid_t)group));
    free_bytes(ctx, &path);
    return result;
}

/* symlink(target, path). */
NATIVE(symlink)
{
    UNUSED;
    return with_paths(ctx, "symlink", argv, symlink);
}

/* rename(from, to), in one step. */
NATIVE(rename)
{
    UNUSED;
    return with_paths(ctx, "rename", argv, rename);
}

NATIVE(unlink)
{
    UNUSED;
    return with_path(ctx, "unlink", argv[0], remove_file, 0);
}

NATIVE(rmdir)
{
    UNUSED;
    return with_path(ctx, "rmdir", argv[0], remove_directory, 0);
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

NATIVE(sync)
{
    UNUSED;
    int descriptor;
    if (to_int(ctx, &descriptor, argv[0]) < 0) return JS_EXCEPTION;
    return result_of(ctx, "fsync", fsync(descriptor));
}

const JSCFunctionListEntry staging_functions[] = {
    FUNCTION(mkdir, 2),  FUNCTION(create, 2), FUNCTION(chmod, 2), FUNCTION(chown, 3), FUNCTION(symlink, 2),
    FUNCTION(rename, 2), FUNCTION(unlink, 1), FUNCTION(rmdir, 1), FUNCTION(copy, 3),  FUNCTION(store, 2),
    FUNCTION(sync, 1),
};
END_OF_PART(staging);
