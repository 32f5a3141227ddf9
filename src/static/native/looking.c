/* What lies in a directory, in pieces, and what lies at a path, with the digest of a small file. */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* getdents64(2): the head of an entry, with the name behind it. */
struct entry {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
};

/* Where the name begins in the kernel's layout, without the padding of the structure. */
#define NAME_OFFSET 19

/* Of one call; a directory that fills it is read on with the next. */
#define PIECE (32 * 1024)

/* Adds the names that the buffer holds to a list. */
static int append_names(JSContext *ctx, JSValueConst list, uint32_t *length, const char *buffer, size_t size)
{
    for (size_t at = 0; at + NAME_OFFSET < size;) {
        struct entry entry;
        memcpy(&entry, buffer + at, NAME_OFFSET);
        if (entry.length <= NAME_OFFSET || entry.length > size - at) return 0;
        const char *name = buffer + at + NAME_OFFSET;
        size_t most = entry.length - NAME_OFFSET;
        at += entry.length;
        if (strncmp(name, ".", most) == 0 || strncmp(name, "..", most) == 0) continue;
        JSValue text = from_bytes(ctx, name, strnlen(name, most));
        if (JS_IsException(text) || JS_SetPropertyUint32(ctx, list, (*length)++, text) < 0) return -1;
    }
    return 0;
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
    append(ctx, list, &length, descriptor);
    while (told < PIECE / 2) {
        long size = syscall(SYS_getdents64, descriptor, buffer, sizeof buffer);
        if (size > 0 && append_names(ctx, list, &length, buffer, (size_t)size) == 0) {
            told += (size_t)size;
            continue;
        }
        int error = errno;
        close(descriptor);
        if (size == 0) {
            uint32_t first = 0;
            append(ctx, list, &first, -1);
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
    int descriptor = away_from_stdio(open(path.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
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

/* Opens what was a file a moment ago, and gives the digest if it still is one; NULL-length text for anything else. */
static JSValue digest_at(JSContext *ctx, const char *path, bool keyed, uint64_t *size)
{
    struct stat now;
    int descriptor = away_from_stdio(open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW));
    if (descriptor < 0) return throw_system(ctx, "open", errno);
    JSValue digest;
    if (fstat(descriptor, &now) < 0) digest = throw_system(ctx, "fstat", errno);
    else if (!S_ISREG(now.st_mode)) digest = JS_NewString(ctx, "");
    else digest = digest_small(ctx, descriptor, keyed, size);
    close(descriptor);
    return digest;
}

/* inspect(path, keyed): what status() tells, no link followed, and the size and digest of a file of at most 64 KiB. */
NATIVE(inspect)
{
    UNUSED;
    struct bytes path;
    bool is_file;
    uint64_t size;
    if (to_c_string(ctx, &path, argv[0], "statx") < 0) return JS_EXCEPTION;
    JSValue status = status_of(ctx, path.data, false, &is_file, &size);
    JSValue digest = JS_UNDEFINED;
    if (!JS_IsException(status)) {
        digest = is_file && size <= CHUNK ? digest_at(ctx, path.data, JS_ToBool(ctx, argv[1]), &size)
                                          : JS_NewString(ctx, "");
    }
    free_bytes(ctx, &path);
    if (JS_IsException(status)) return status;
    if (JS_IsException(digest)) {
        JS_FreeValue(ctx, status);
        return digest;
    }
    JS_SetPropertyStr(ctx, status, "size", JS_NewInt64(ctx, (int64_t)size));
    JS_SetPropertyStr(ctx, status, "digest", digest);
    return status;
}

const JSCFunctionListEntry looking_functions[] = {
    FUNCTION(list, 1),
    FUNCTION(listRest, 1),
    FUNCTION(inspect, 2),
};
END_OF_PART(looking);
