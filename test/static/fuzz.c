/*
 * A target for libFuzzer: all of the C host that takes bytes apart. The first byte says which, the others are the bytes.
 * A promise that does not hold is an abort; the sanitizers see the rest.
 */
#include "../../src/static/native/events.c"
#include "../../src/static/native/sockets.c"

#include "../../src/static/native/sha256.h"

#include <stdlib.h>

int given_argc;
char **given_argv;
char **given_environment;

static JSContext *ctx;

static void require(bool holds)
{
    if (!holds) abort();
}

/* Bytes go into the engine and come out as they were. */
static void through_the_engine(const uint8_t *data, size_t size)
{
    struct bytes bytes;
    JSValue string = from_bytes(ctx, data, size);
    require(to_bytes(ctx, &bytes, string) == 0);
    require(bytes.length == size && memcmp(bytes.data, data, size) == 0);
    free_bytes(ctx, &bytes);
    JS_FreeValue(ctx, string);
}

/* Any text comes out as bytes or as an exception. */
static void out_of_the_engine(const uint8_t *data, size_t size)
{
    struct bytes bytes;
    JSValue string = JS_NewStringLen(ctx, (const char *)data, size);
    if (to_c_string(ctx, &bytes, string, "fuzz") == 0) {
        require(bytes.data[bytes.length] == '\0' && strlen(bytes.data) == bytes.length);
        free_bytes(ctx, &bytes);
    } else {
        JS_FreeValue(ctx, JS_GetException(ctx));
    }
    JS_FreeValue(ctx, string);
}

static void hints(const uint8_t *data, size_t size)
{
    JSValue list = JS_NewArray(ctx);
    append_hints(ctx, list, (const char *)data, size);
    JS_FreeValue(ctx, list);
}

static void address(const uint8_t *data, size_t size)
{
    union address parsed;
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    socklen_t length = parse_address(&parsed, text, 80);
    require(length == 0 || (length <= sizeof parsed && parsed.any.sa_family != AF_UNSPEC));
    free(text);
}

/* A digest does not depend on how it is fed. */
static void digest(const uint8_t *data, size_t size)
{
    struct sha256 whole, parts;
    uint8_t first[SHA256_SIZE], second[SHA256_SIZE];
    size_t cut = size == 0 ? 0 : data[0] % (size + 1);
    sha256_begin(&whole);
    sha256_add(&whole, data, size);
    sha256_end(&whole, first);
    sha256_begin(&parts);
    sha256_add(&parts, data, cut);
    sha256_add(&parts, data + cut, size - cut);
    sha256_end(&parts, second);
    require(memcmp(first, second, sizeof first) == 0);
}

static void (*const targets[])(const uint8_t *, size_t) = {
    through_the_engine, out_of_the_engine, hints, address, digest,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (ctx == NULL) ctx = JS_NewContext(JS_NewRuntime());
    if (size > 0) targets[data[0] % (sizeof targets / sizeof targets[0])](data + 1, size - 1);
    return 0;
}
