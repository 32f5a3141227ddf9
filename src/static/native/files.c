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
#include <sys/sysmacros.h>
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

/* What stat(2) tells of the same, for kernels before 4.11 and profiles of that age; without the time of birth. */
static int plain_status(int directory, const char *path, int flags, struct status *found)
{
    struct stat plain;
    if (fstatat(directory, path, &plain, flags) < 0) return -1;
    *found = (struct status){
        .mode = (uint16_t)plain.st_mode,
        .inode = plain.st_ino,
        .owner = plain.st_uid,
        .group = plain.st_gid,
        .major = major(plain.st_dev),
        .minor = minor(plain.st_dev),
        .links = (uint32_t)plain.st_nlink,
        .size = (uint64_t)plain.st_size,
        .modified = { .seconds = plain.st_mtim.tv_sec, .nanoseconds = (uint32_t)plain.st_mtim.tv_nsec },
        .changed = { .seconds = plain.st_ctim.tv_sec, .nanoseconds = (uint32_t)plain.st_ctim.tv_nsec },
    };
    return 0;
}

/* STATX_BASIC_STATS | STATX_BTIME of linux/stat.h. */
#define WANTED 0xfffU

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
    for (uint32_t length = 0; !JS_IsException(list);) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (entry == NULL) break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        append(ctx, &list, &length, from_bytes(ctx, entry->d_name, strlen(entry->d_name)));
    }
    int error = errno;
    if (error == 0 || JS_IsException(list)) return list;
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

JSValue status_of(JSContext *ctx, int directory, const char *path, bool follow, bool *is_file, uint64_t *size)
{
    struct status found;
    int flags = (follow ? 0 : AT_SYMLINK_NOFOLLOW) | (directory != AT_FDCWD && *path == '\0' ? AT_EMPTY_PATH : 0);
    long result = syscall(SYS_statx, directory, path, AT_STATX_SYNC_AS_STAT | flags, WANTED, &found);
    if (result < 0 && (errno == ENOSYS || errno == EPERM)) result = plain_status(directory, path, flags, &found);
    if (result < 0) return throw_system(ctx, "statx", errno);
    char device[32], text[128];
    double modified = epoch(found.modified.seconds, found.modified.nanoseconds);
    double changed = epoch(found.changed.seconds, found.changed.nanoseconds);
    *is_file = (found.mode & S_IFMT) == S_IFREG;
    *size = found.size;
    JSValue status = JS_NewObject(ctx);
    put(ctx, &status, "kind", JS_NewString(ctx, kind_of(found.mode)));
    snprintf(device, sizeof device, "%u.%u", found.major, found.minor);
    snprintf(text, sizeof text, "%s:%llu:%lld.%u", device, (unsigned long long)found.inode,
             (long long)found.born.seconds, found.born.nanoseconds);
    put(ctx, &status, "identity", JS_NewString(ctx, text));
    put(ctx, &status, "device", JS_NewString(ctx, device));
    put(ctx, &status, "mode", JS_NewInt32(ctx, found.mode & 07777));
    put(ctx, &status, "owner", JS_NewUint32(ctx, found.owner));
    put(ctx, &status, "group", JS_NewUint32(ctx, found.group));
    put(ctx, &status, "links", JS_NewUint32(ctx, found.links));
    snprintf(text, sizeof text, "%llu:%lld.%u:%lld.%u", (unsigned long long)found.size,
             (long long)found.modified.seconds, found.modified.nanoseconds, (long long)found.changed.seconds,
             found.changed.nanoseconds);
    put(ctx, &status, "stamp", JS_NewString(ctx, text));
    put(ctx, &status, "changed", JS_NewFloat64(ctx, modified > changed ? modified : changed));
    return status;
}

/*
 * status(path, follow, directory): what statx(2) tells; of the directory itself for an empty path. The identity differs
 * when the path names another file than before: inode numbers are used again, but hardly with the same time of birth.
 */
NATIVE(status)
{
    UNUSED;
    int directory;
    struct bytes path;
    bool is_file;
    uint64_t size;
    if (to_directory(ctx, &directory, argv[2]) < 0) return JS_EXCEPTION;
    if (to_c_string(ctx, &path, argv[0], "statx") < 0) return JS_EXCEPTION;
    JSValue status = status_of(ctx, directory, path.data, JS_ToBool(ctx, argv[1]), &is_file, &size);
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

/* Of one call; a directory that fills it is read on with the next. */
#define PIECE (32 * 1024)

int append_names(JSContext *ctx, JSValue *list, uint32_t *length, const char *buffer, size_t size)
{
    for (size_t at = 0; at + NAME_OFFSET < size;) {
        struct entry entry;
        memcpy(&entry, buffer + at, NAME_OFFSET);
        if (entry.length <= NAME_OFFSET || entry.length > size - at) return 0;
        const char *name = buffer + at + NAME_OFFSET;
        size_t most = entry.length - NAME_OFFSET;
        at += entry.length;
        if (strncmp(name, ".", most) == 0 || strncmp(name, "..", most) == 0) continue;
        append(ctx, list, length, from_bytes(ctx, name, strnlen(name, most)));
    }
    return JS_IsException(*list) ? -1 : 0;
}

/* The descriptor, or -1 and that closed if there is no more, and the next names; closes it on failure. */
static JSValue list_piece(JSContext *ctx, int descriptor)
{
    static char buffer[PIECE];
    JSValue list = JS_NewArray(ctx);
    uint32_t length = 0;
    size_t told = 0;
    if (JS_IsException(list)) {
        close(descriptor);
        return list;
    }
    append_number(ctx, &list, &length, descriptor);
    while (told < PIECE / 2) {
        long size = syscall(SYS_getdents64, descriptor, buffer, sizeof buffer);
        if (size > 0 && append_names(ctx, &list, &length, buffer, (size_t)size) == 0) {
            told += (size_t)size;
            continue;
        }
        int error = errno;
        close(descriptor);
        if (size == 0) {
            uint32_t first = 0;
            append_number(ctx, &list, &first, -1);
            return list;
        }
        JS_FreeValue(ctx, list);
        return size > 0 ? JS_EXCEPTION : throw_system(ctx, "getdents64", error);
    }
    return list;
}

/* list(path): a descriptor to read on from, -1 if that is all, and the names in a directory but "." and "..". */
NATIVE(list)
{
    UNUSED;
    struct bytes path;
    if (to_c_string(ctx, &path, argv[0], "open") < 0) return JS_EXCEPTION;
    int descriptor = away_from_stdio(openat(AT_FDCWD, path.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    int error = errno;
    free_bytes(ctx, &path);
    return descriptor < 0 ? throw_system(ctx, "open", error) : list_piece(ctx, descriptor);
}

/* listRest(descriptor): the same for what is left. */
NATIVE(listRest)
{
    UNUSED;
    int descriptor;
    return to_int(ctx, &descriptor, argv[0]) < 0 ? JS_EXCEPTION : list_piece(ctx, descriptor);
}

const JSCFunctionListEntry files_functions[] = {
    FUNCTION(readlink, 2), FUNCTION(names, 1), FUNCTION(status, 3), FUNCTION(fileSystem, 1),
    FUNCTION(open, 2),     FUNCTION(enter, 2), FUNCTION(list, 1),   FUNCTION(listRest, 1),
};
END_OF_PART(files);
