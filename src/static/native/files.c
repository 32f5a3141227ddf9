/* Looking at files. Paths are absolute and need not be UTF-8. */
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

NATIVE(readlink)
{
    UNUSED;
    struct bytes path;
    char target[PATH_MAX];
    if (to_c_string(ctx, &path, argv[0], "readlink") < 0) return JS_EXCEPTION;
    ssize_t length = readlink(path.data, target, sizeof target);
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

/* Milliseconds since the epoch. */
static double epoch(int64_t seconds, uint32_t nanoseconds)
{
    return (double)seconds * 1e3 + (double)nanoseconds / 1e6;
}

JSValue status_of(JSContext *ctx, const char *path, bool follow, bool *is_file, uint64_t *size)
{
    struct status found;
    int flags = AT_STATX_SYNC_AS_STAT | (follow ? 0 : AT_SYMLINK_NOFOLLOW);
    if (syscall(SYS_statx, AT_FDCWD, path, flags, WANTED, &found) < 0) return throw_system(ctx, "statx", errno);
    char device[32], text[128];
    double modified = epoch(found.modified.seconds, found.modified.nanoseconds);
    double changed = epoch(found.changed.seconds, found.changed.nanoseconds);
    *is_file = (found.mode & S_IFMT) == S_IFREG;
    *size = found.size;
    JSValue status = JS_NewObject(ctx);
    JS_SetPropertyStr(ctx, status, "kind", JS_NewString(ctx, kind_of(found.mode)));
    snprintf(device, sizeof device, "%u.%u", found.major, found.minor);
    snprintf(text, sizeof text, "%s:%llu:%lld.%u", device, (unsigned long long)found.inode,
             (long long)found.born.seconds, found.born.nanoseconds);
    JS_SetPropertyStr(ctx, status, "identity", JS_NewString(ctx, text));
    JS_SetPropertyStr(ctx, status, "device", JS_NewString(ctx, device));
    JS_SetPropertyStr(ctx, status, "mode", JS_NewInt32(ctx, found.mode & 07777));
    JS_SetPropertyStr(ctx, status, "owner", JS_NewUint32(ctx, found.owner));
    JS_SetPropertyStr(ctx, status, "group", JS_NewUint32(ctx, found.group));
    JS_SetPropertyStr(ctx, status, "links", JS_NewUint32(ctx, found.links));
    snprintf(text, sizeof text, "%llu:%lld.%u:%lld.%u", (unsigned long long)found.size,
             (long long)found.modified.seconds, found.modified.nanoseconds, (long long)found.changed.seconds,
             found.changed.nanoseconds);
    JS_SetPropertyStr(ctx, status, "stamp", JS_NewString(ctx, text));
    JS_SetPropertyStr(ctx, status, "changed", JS_NewFloat64(ctx, modified > changed ? modified : changed));
    return status;
}

/*
 * status(path, follow): what statx(2) tells. The identity differs when the path names another file than before: inode
 * numbers are used again, but hardly with the same time of birth.
 */
NATIVE(status)
{
    UNUSED;
    struct bytes path;
    bool is_file;
    uint64_t size;
    if (to_c_string(ctx, &path, argv[0], "statx") < 0) return JS_EXCEPTION;
    JSValue status = status_of(ctx, path.data, JS_ToBool(ctx, argv[1]), &is_file, &size);
    free_bytes(ctx, &path);
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

/* Opens for reading, without waiting for a writer of a FIFO. */
NATIVE(open)
{
    UNUSED;
    struct bytes path;
    if (to_c_string(ctx, &path, argv[0], "open") < 0) return JS_EXCEPTION;
    JSValue result = result_of(ctx, "open", open(path.data, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    free_bytes(ctx, &path);
    return result;
}

const JSCFunctionListEntry files_functions[] = {
    FUNCTION(readlink, 1), FUNCTION(names, 1), FUNCTION(status, 2), FUNCTION(fileSystem, 1), FUNCTION(open, 1),
};
END_OF_PART(files);
