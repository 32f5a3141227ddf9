/*
 * Digests of files and byte strings: SHA-256, or HMAC-SHA-256 (RFC 2104) with a random key that is made once and never
 * leaves this file. A digest is known by its number while it is made.
 */
#include "../host.h"
#include "sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* As many as can be made at a time; the core makes one after the other. */
#define MOST_DIGESTS 4

struct digest {
    bool used;
    bool keyed;
    struct sha256 hash;
};

static struct digest digests[MOST_DIGESTS];

static uint8_t key[SHA256_BLOCK];
static bool has_key;

/* Half of what RFC 2104, section 2 hashes before the data: the key with each byte changed by this pad. */
static void add_key(struct sha256 *hash, uint8_t pad)
{
    uint8_t block[SHA256_BLOCK];
    for (int index = 0; index < SHA256_BLOCK; index++) block[index] = key[index] ^ pad;
    sha256_add(hash, block, sizeof block);
}

/* The digest of a number that digest() gave; NULL with an exception. */
static struct digest *find(JSContext *ctx, JSValueConst value)
{
    int number;
    if (to_int(ctx, &number, value) < 0) return NULL;
    if (number >= 0 && number < MOST_DIGESTS && digests[number].used) return &digests[number];
    throw_system(ctx, "digest", EBADF);
    return NULL;
}

/* Makes the key when it is first needed; -1 with an exception. */
static int make_key(JSContext *ctx)
{
    if (has_key) return 0;
    /* 32 bytes, as RFC 2104, section 3 wants; the rest of the block stays zero. */
    if (random_bytes(key, SHA256_SIZE) < 0) {
        throw_system(ctx, "getrandom", errno);
        return -1;
    }
    has_key = true;
    return 0;
}

static void begin(struct digest *digest, bool keyed)
{
    *digest = (struct digest){ .used = true, .keyed = keyed };
    sha256_begin(&digest->hash);
    if (keyed) add_key(&digest->hash, 0x36);
}

/* The result in hexadecimal. */
static JSValue end(JSContext *ctx, struct digest *digest)
{
    static const char DIGITS[] = "0123456789abcdef";
    uint8_t result[SHA256_SIZE];
    char text[2 * SHA256_SIZE];
    sha256_end(&digest->hash, result);
    if (digest->keyed) {
        sha256_begin(&digest->hash);
        add_key(&digest->hash, 0x5c);
        sha256_add(&digest->hash, result, sizeof result);
        sha256_end(&digest->hash, result);
    }
    digest->used = false;
    for (int index = 0; index < SHA256_SIZE; index++) {
        text[2 * index] = DIGITS[result[index] >> 4];
        text[2 * index + 1] = DIGITS[result[index] & 15];
    }
    return JS_NewStringLen(ctx, text, sizeof text);
}

/* digest(keyed): begins one; its number. */
NATIVE(digest)
{
    UNUSED;
    bool keyed = JS_ToBool(ctx, argv[0]);
    if (keyed && make_key(ctx) < 0) return JS_EXCEPTION;
    for (int number = 0; number < MOST_DIGESTS; number++) {
        if (digests[number].used) continue;
        begin(&digests[number], keyed);
        return JS_NewInt32(ctx, number);
    }
    return throw_system(ctx, "digest", EMFILE);
}

JSValue digest_small(JSContext *ctx, int descriptor, bool keyed, uint64_t told, uint64_t *size)
{
    static char buffer[CHUNK];
    struct digest digest;
    if (keyed && make_key(ctx) < 0) return JS_EXCEPTION;
    begin(&digest, keyed);
    *size = 0;
    for (;;) {
        ssize_t length = read(descriptor, buffer, sizeof buffer);
        if (length < 0) return throw_system(ctx, "read", errno);
        if (length == 0) return end(ctx, &digest);
        *size += (uint64_t)length;
        if (*size > CHUNK) return JS_NewString(ctx, "");
        sha256_add(&digest.hash, buffer, (size_t)length);
        if (*size == told) return end(ctx, &digest);
    }
}

int feed_digest(JSContext *ctx, JSValueConst number, const void *data, size_t length)
{
    struct digest *digest = find(ctx, number);
    if (digest == NULL) return -1;
    sha256_add(&digest->hash, data, length);
    return 0;
}

/* digestFile(digest, descriptor): feeds it at most 64 KiB; the number of bytes, 0 at the end. */
NATIVE(digestFile)
{
    UNUSED;
    static char buffer[CHUNK];
    int descriptor;
    if (to_int(ctx, &descriptor, argv[1]) < 0) return JS_EXCEPTION;
    ssize_t length = read(descriptor, buffer, sizeof buffer);
    if (length < 0) return throw_system(ctx, "read", errno);
    return feed_digest(ctx, argv[0], buffer, (size_t)length) < 0 ? JS_EXCEPTION : JS_NewInt64(ctx, length);
}

NATIVE(digestBytes)
{
    UNUSED;
    struct bytes bytes;
    struct digest *digest = find(ctx, argv[0]);
    if (digest == NULL || to_bytes(ctx, &bytes, argv[1]) < 0) return JS_EXCEPTION;
    sha256_add(&digest->hash, bytes.data, bytes.length);
    free_bytes(ctx, &bytes);
    return JS_UNDEFINED;
}

/* Ends a digest; it in hexadecimal. */
NATIVE(digestEnd)
{
    UNUSED;
    struct digest *digest = find(ctx, argv[0]);
    return digest == NULL ? JS_EXCEPTION : end(ctx, digest);
}

/* Opens what was a file a moment ago, and gives the digest if it still is one; NULL-length text for anything else. */
static JSValue digest_at(JSContext *ctx, const char *path, bool keyed, uint64_t *size)
{
    struct stat now;
    /* By openat(2), since musl sets O_CLOEXEC once more after open(2), for kernels before 2.6.23. */
    int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW;
    int descriptor = away_from_stdio(openat(AT_FDCWD, path, flags));
    if (descriptor < 0) return throw_system(ctx, "open", errno);
    JSValue digest;
    /* Where that is refused it is read as one that is not small. */
    if (fstat(descriptor, &now) < 0 || !S_ISREG(now.st_mode)) digest = JS_NewString(ctx, "");
    else digest = digest_small(ctx, descriptor, keyed, (uint64_t)now.st_size, size);
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
    JSValue status = status_of(ctx, AT_FDCWD, path.data, false, &is_file, &size);
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
    put(ctx, &status, "size", JS_NewInt64(ctx, (int64_t)size));
    put(ctx, &status, "digest", digest);
    return status;
}

const JSCFunctionListEntry digest_functions[] = {
    FUNCTION(digest, 1), FUNCTION(digestFile, 2), FUNCTION(digestBytes, 2), FUNCTION(digestEnd, 1),
    FUNCTION(inspect, 2),
};
END_OF_PART(digest);
