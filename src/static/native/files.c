/*
 * Looking at files. Paths need not be UTF-8; they are absolute, or one name in a directory by its descriptor, which then is
 * the last argument.
 */
#include "host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Where the C library does not declare statx(2): the part of its result that is used, in the kernel's layout. */
struct status {
    uint32_t mask, block_size;
    uint64_t attributes;
    uint32_t links, owner, group;
    uint16_t mode, spare;
    uint64_t inode, size, blocks, attributes_mask;
    struct {
        int64_t seconds;
        uint32_t nanoseconds;
        int32_t spare;
    } accessed, born, changed, modified;
    uint32_t special_major, special_minor, major, minor;
    uint64_t rest[14];
};

/* STATX_BASIC_STATS | STATX_BTIME of linux/stat.h. */
#define WANTED 0xfffU

int to_directory(JSContext *ctx, int *directory, JSValueConst value)
{
    *directory = AT_FDCWD;
    return JS_IsUndefined(value) ? 0 : to_int(ctx, directory, value);
}

/* readlink(path, directory). */
NATIVE(readlink)
{
    UNUSED;
    int directory;
    struct bytes path;
    char target[PATH_MAX];
    if (to_directory(ctx, &directory, argv[1]) < 0) return JS_EXCEPTION;
    if (to_c_string(ctx, &path, argv[0], "readlink") < 0) return JS_EXCEPTION;
    ssize_t length = readlinkat(directory, path.data, target, sizeof target);
    int error = errno;
    free_bytes(ctx, &path);
    return length < 0 ? throw_system(ctx, "readlink", error) : from_bytes(ctx, target, (size_t)length);
}

static JSValue list_names(JSContext *ctx, DIR *directory)
{
    JSValue list = JS_NewArray(ctx);
    for (uint32_t length = 0;;) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (entry == NULL) break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        JS_SetPropertyUint32(ctx, list, length++, from_bytes(ctx, entry->d_name, strlen(entry->d_name)));
    }
    if (errno == 0) return list;
    int error = errno;
    JS_FreeValue(ctx, list);
    return throw_system(ctx, "readdir", error);
}

/* The names in a directory but "." and "..". */
NATIVE(names)
{
    UNUSED;
    struct bytes path;
    if (to_c_string(ctx, &path, argv[0], "opendir") < 0) return JS_EXCEPTION;
    DIR *directory = opendir(path.data);
    int error = errno;
    free_bytes(ctx, &path);
    if (directory == NULL) return throw_system(ctx, "opendir", error);
    JSValue list = list_names(ctx, directory);
    closedir(directory);
    return list;
}

static const char *kind_of(unsigned mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return "file";
    case S_IFDIR:
        return "directory";
    case S_IFLNK:
        return "link";
    default:
        return "other";
    }
}

/*
 * status(path, follow, directory): what statx(2) tells; of the directory itself for an empty path. The identity differs when the path names another file than before: inode
 * numbers are used again, but hardly with the same time of birth.
 */
NATIVE(status)
{
    UNUSED;
    int directory;
    struct bytes path;
    struct status found;
    if (to_directory(ctx, &directory, argv[2]) < 0) return JS_EXCEPTION;
    if (to_c_string(ctx, &path, argv[0], "statx") < 0) return JS_EXCEPTION;
    int flags = AT_STATX_SYNC_AS_STAT | (JS_ToBool(ctx, argv[1]) ? 0 : AT_SYMLINK_NOFOLLOW) |
                (directory != AT_FDCWD && path.length == 0 ? AT_EMPTY_PATH : 0);
    long result = syscall(SYS_statx, directory, path.data, flags, WANTED, &found);
    int error = errno;
    free_bytes(ctx, &path);
    if (result < 0) return throw_system(ctx, "statx", error);
    char device[32], identity[128], stamp[128];
    snprintf(device, sizeof device, "%u.%u", found.major, found.minor);
    snprintf(identity, sizeof identity, "%s:%llu:%lld.%u", device, (unsigned long long)found.inode,
             (long long)found.born.seconds, found.born.nanoseconds);
    snprintf(stamp, sizeof stamp, "%llu:%lld.%u:%lld.%u", (unsigned long long)found.size,
             (long long)found.modified.seconds, found.modified.nanoseconds, (long long)found.changed.seconds,
             found.changed.nanoseconds);
    JSValue status = JS_NewObject(ctx);
    JS_SetPropertyStr(ctx, status, "kind", JS_NewString(ctx, kind_of(found.mode)));
    JS_SetPropertyStr(ctx, status, "identity", JS_NewString(ctx, identity));
    JS_SetPropertyStr(ctx, status, "device", JS_NewString(ctx, device));
    JS_SetPropertyStr(ctx, status, "stamp", JS_NewString(ctx, stamp));
    JS_SetPropertyStr(ctx, status, "mode", JS_NewInt32(ctx, found.mode & 07777));
    JS_SetPropertyStr(ctx, status, "owner", JS_NewUint32(ctx, found.owner));
    JS_SetPropertyStr(ctx, status, "group", JS_NewUint32(ctx, found.group));
    return status;
}

/* The type of the file system that a path lies on: the magic number of statfs(2). */
NATIVE(fileSystem)
{
    UNUSED;
    struct bytes path;
    struct statfs found;
    if (to_c_string(ctx, &path, argv[0], "statfs") < 0) return JS_EXCEPTION;
    int result = statfs(path.data, &found);
    int error = errno;
    free_bytes(ctx, &path);
    return result < 0 ? throw_system(ctx, "statfs", error) : JS_NewInt64(ctx, (int64_t)found.f_type);
}

static JSValue open_in(JSContext *ctx, JSValueConst *argv, int flags)
{
    int directory;
    struct bytes path;
    if (to_directory(ctx, &directory, argv[1]) < 0) return JS_EXCEPTION;
    if (to_c_string(ctx, &path, argv[0], "open") < 0) return JS_EXCEPTION;
    flags |= O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (directory == AT_FDCWD ? 0 : O_NOFOLLOW);
    JSValue result = result_of(ctx, "open", away_from_stdio(openat(directory, path.data, flags)));
    free_bytes(ctx, &path);
    return result;
}

/* open(path, directory): for reading, without waiting for a writer of a FIFO; links are followed to absolute paths only. */
NATIVE(open)
{
    UNUSED;
    return open_in(ctx, argv, 0);
}

/* enter(path, directory): the same for what is a directory. */
NATIVE(enter)
{
    UNUSED;
    return open_in(ctx, argv, O_DIRECTORY);
}

const JSCFunctionListEntry files_functions[] = {
    FUNCTION(readlink, 2), FUNCTION(names, 1), FUNCTION(status, 3),
    FUNCTION(fileSystem, 1), FUNCTION(open, 2), FUNCTION(enter, 2),
};
END_OF_PART(files);
