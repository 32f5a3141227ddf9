/* A kubelet volume that holds a few small files, as most do, looked at by one call of the engine. */
#include "host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/* As many names as the kernel tells at once for this room, bytes, are few. */
#define ROOM 4096

static int open_directory(int directory, const char *path, int flags)
{
    return away_from_stdio(openat(directory, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags));
}

/* Takes all names of a directory; how many bytes that are, -1 if they are not few or can't be told. */
static long take_names(int directory, char *names)
{
    long size = syscall(SYS_getdents64, directory, names, ROOM);
    return size > 0 && syscall(SYS_getdents64, directory, names + size, ROOM) == 0 ? size : -1;
}

/* Adds the size and the digest of a file; false if it is anything else, or lies on another file system. */
static bool append_digest(JSContext *ctx, JSValue *list, uint32_t *length, int file, const struct stat *around,
                          bool keyed, uint64_t *left)
{
    struct stat found;
    uint64_t size;
    if (fstat(file, &found) < 0 || !S_ISREG(found.st_mode) || found.st_nlink == 0) return false;
    if (found.st_dev != around->st_dev || (uint64_t)found.st_size > *left) return false;
    JSValue digest = digest_small(ctx, file, keyed, (uint64_t)found.st_size, &size);
    if (JS_IsException(digest)) JS_FreeValue(ctx, JS_GetException(ctx));
    if (JS_IsException(digest) || size > *left) {
        JS_FreeValue(ctx, digest);
        return false;
    }
    *left -= size;
    append_number(ctx, list, length, (int64_t)size);
    append(ctx, list, length, digest);
    return true;
}

/* Adds name, size and digest of each file in a directory; false if there is anything else. */
static bool append_files(JSContext *ctx, JSValue *list, uint32_t *length, int directory, const struct stat *around,
                         bool keyed)
{
    static char names[2 * ROOM];
    uint64_t left = CHUNK;
    long size = take_names(directory, names);
    for (long at = 0; at < size;) {
        struct entry entry;
        memcpy(&entry, names + at, NAME_OFFSET);
        if (entry.length <= NAME_OFFSET || entry.length > size - at) return false;
        const char *name = names + at + NAME_OFFSET;
        at += entry.length;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
        if (entry.type != DT_REG) return false;
        int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW;
        int file = away_from_stdio(openat(directory, name, flags));
        if (file < 0) return false;
        append(ctx, list, length, from_bytes(ctx, name, strlen(name)));
        bool added = append_digest(ctx, list, length, file, around, keyed, &left);
        close(file);
        if (!added) return false;
    }
    return size > 0;
}

/* Adds the type of the file system, and the files; false if there is anything else. */
static bool append_generation(JSContext *ctx, JSValue *list, uint32_t *length, int directory, bool keyed)
{
    struct statfs system;
    struct stat around;
    if (fstatfs(directory, &system) < 0 || fstat(directory, &around) < 0) return false;
    append_number(ctx, list, length, (int64_t)system.f_type);
    return append_files(ctx, list, length, directory, &around, keyed);
}

/* Adds the names that are visible, before which stands null. */
static bool append_visible(JSContext *ctx, JSValue *list, uint32_t *length, int directory)
{
    static char names[2 * ROOM];
    long size = take_names(directory, names);
    append(ctx, list, length, JS_NULL);
    return size > 0 && append_names(ctx, list, length, names, (size_t)size) == 0;
}

/*
 * generation(path, name, keyed): the type of the file system, the name, size and digest of each file of that generation of a
 * volume, null, and the names that are visible in the volume; undefined where the generation holds anything but files of
 * 64 KiB altogether, where there are many names, and where anything fails.
 */
NATIVE(generation)
{
    UNUSED;
    struct bytes path, name;
    if (to_c_string(ctx, &path, argv[0], "open") < 0) return JS_EXCEPTION;
    if (to_c_string(ctx, &name, argv[1], "open") < 0) {
        free_bytes(ctx, &path);
        return JS_EXCEPTION;
    }
    int volume = open_directory(AT_FDCWD, path.data, 0);
    int inside = volume < 0 ? -1 : open_directory(volume, name.data, O_NOFOLLOW);
    free_bytes(ctx, &path);
    free_bytes(ctx, &name);
    JSValue list = JS_NewArray(ctx);
    uint32_t length = 0;
    bool whole = inside >= 0 && append_generation(ctx, &list, &length, inside, JS_ToBool(ctx, argv[2])) &&
                 append_visible(ctx, &list, &length, volume);
    if (inside >= 0) close(inside);
    if (volume >= 0) close(volume);
    if (whole) return list;
    JS_FreeValue(ctx, list);
    return JS_UNDEFINED;
}

const JSCFunctionListEntry generation_functions[] = { FUNCTION(generation, 3) };
END_OF_PART(generation);
