/*
 * Digests of files and byte strings: SHA-256, or HMAC-SHA-256 (RFC 2104) with a random key that is made once and never
 * leaves this file. A digest is known by its number while it is made.
 */
#include "host.h"
#include "sha256.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
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

/* digest(keyed): begins one; its number. */
NATIVE(digest)
{
    UNUSED;
    bool keyed = JS_ToBool(ctx, argv[0]);
    if (keyed && !has_key) {
        /* 32 bytes, as RFC 2104, section 3 wants; the rest of the block stays zero. */
        if (random_bytes(key, SHA256_SIZE) < 0) return throw_system(ctx, "getrandom", errno);
        has_key = true;
    }
    for (int number = 0; number < MOST_DIGESTS; number++) {
        struct digest *digest = &digests[number];
        if (digest->used) continue;
        *digest = (struct digest){ .used = true, .keyed = keyed };
        sha256_begin(&digest->hash);
        if (keyed) add_key(&digest->hash, 0x36);
        return JS_NewInt32(ctx, number);
    }
    return throw_system(ctx, "digest", EMFILE);
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
    uint8_t result[SHA256_SIZE];
    char text[2 * SHA256_SIZE + 1];
    struct digest *digest = find(ctx, argv[0]);
    if (digest == NULL) return JS_EXCEPTION;
    sha256_end(&digest->hash, result);
    if (digest->keyed) {
        sha256_begin(&digest->hash);
        add_key(&digest->hash, 0x5c);
        sha256_add(&digest->hash, result, sizeof result);
        sha256_end(&digest->hash, result);
    }
    digest->used = false;
    for (int index = 0; index < SHA256_SIZE; index++) snprintf(text + 2 * index, 3, "%02x", result[index]);
    return JS_NewStringLen(ctx, text, sizeof text - 1);
}

const JSCFunctionListEntry digest_functions[] = {
    FUNCTION(digest, 1), FUNCTION(digestFile, 2), FUNCTION(digestBytes, 2), FUNCTION(digestEnd, 1),
};
END_OF_PART(digest);
