/*
 * A target for libFuzzer: all of the C host that takes bytes apart. The first byte says which, the others are the bytes.
 * A promise that does not hold is an abort; the sanitizers see the rest.
 */
#include "../../src/static/native/digests/digest.c"
#include "../../src/static/native/events.c"
#include "../../src/static/native/engine/memory.c"
#include "../../src/static/native/files.c"
#include "../../src/static/native/given.c"
#include "../../src/static/native/sockets.c"
#include "../../src/static/native/engine/unpack.c"

#include <malloc.h>
#include <stdlib.h>

const enum program_kind program_kind = PROGRAM_BYTECODE;
const uint8_t rehup_program[1], rehup_program_end[1];
const size_t image_size;

static JSContext *ctx;

void fail(const char *line)
{
    (void)line;
    abort();
}

void fail_for(const char *call, const char *error)
{
    (void)call;
    fail(error);
}

static void require(bool holds)
{
    if (!holds) abort();
}

/* How many requests for memory succeed before one fails; -1: all. And whether all fail from then on. */
static int allowed = -1;
static bool for_good;

static bool is_exhausted(void)
{
    if (allowed < 0) return false;
    if (allowed > 0) {
        allowed--;
        return false;
    }
    if (!for_good) allowed = -1;
    return true;
}

static void *scarce_malloc(JSMallocState *state, size_t size)
{
    (void)state;
    return is_exhausted() ? NULL : malloc(size);
}

static void scarce_free(JSMallocState *state, void *memory)
{
    (void)state;
    free(memory);
}

static void *scarce_realloc(JSMallocState *state, void *memory, size_t size)
{
    if (size != 0) return is_exhausted() ? NULL : realloc(memory, size);
    scarce_free(state, memory);
    return NULL;
}

static size_t scarce_size(const void *memory)
{
    return malloc_usable_size((void *)memory);
}

static const JSMallocFunctions scarce_memory = { scarce_malloc, scarce_free, scarce_realloc, scarce_size };

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
    append_hints(ctx, &list, (const char *)data, size);
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
static void fed_in_parts(const uint8_t *data, size_t size)
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

/* RFC 4231, 4.3: a key and a text whose HMAC-SHA-256 is known. */
static void check_keyed_digest(void)
{
    static const char text[] = "what do ya want for nothing?";
    static const char expected[] = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    JSValue words[2] = { JS_TRUE, JS_UNDEFINED };
    memcpy(key, "Jefe", 4);
    has_key = true;
    words[0] = native_digest(ctx, JS_UNDEFINED, 1, words);
    words[1] = JS_NewString(ctx, text);
    native_digestBytes(ctx, JS_UNDEFINED, 2, words);
    JSValue result = native_digestEnd(ctx, JS_UNDEFINED, 1, words);
    const char *found = JS_ToCString(ctx, result);
    require(strcmp(found, expected) == 0);
    JS_FreeCString(ctx, found);
    JS_FreeValue(ctx, result);
    JS_FreeValue(ctx, words[1]);
}

#define BLOCKS 16

/* Whether both ends of some memory hold what was written there. */
static bool is_whole(const uint8_t *memory, size_t size, int mark)
{
    return size == 0 || (memory[0] == mark && memory[size / 2] == mark && memory[size - 1] == mark);
}

/* Memory that was given keeps what was written into it, whatever else is taken, resized and given back. */
static void memory(const uint8_t *data, size_t size)
{
    static JSMallocState state;
    uint8_t *blocks[BLOCKS] = { NULL };
    size_t sizes[BLOCKS] = { 0 };
    for (size_t at = 0; at + 3 <= size && at < 192; at += 3) {
        int index = data[at] % BLOCKS;
        /* Few are large, so that a run does not take its time for them. */
        size_t wanted = (size_t)data[at + 1] << (data[at + 2] % 9);
        size_t before = sizes[index];
        require(is_whole(blocks[index], before, index));
        if (data[at] % 16 == 15) gather();
        if (data[at] >= 128) {
            engine_memory.js_free(&state, blocks[index]);
            blocks[index] = wanted == 0 ? NULL : engine_memory.js_malloc(&state, wanted);
        } else {
            blocks[index] = engine_memory.js_realloc(&state, blocks[index], wanted);
            require(wanted == 0 || before == 0 || blocks[index][0] == index);
        }
        sizes[index] = wanted;
        if (wanted == 0) continue;
        require((uintptr_t)blocks[index] % GRAIN == 0);
        sizes[index] = engine_memory.js_malloc_usable_size(blocks[index]);
        require(sizes[index] >= wanted);
        memset(blocks[index], index, sizes[index]);
    }
    for (int index = 0; index < BLOCKS; index++) engine_memory.js_free(&state, blocks[index]);
    require(state.malloc_count == 0 && state.malloc_size == 0);
}

/* Whatever is unpacked stays in the room that there is. */
static void packed(const uint8_t *data, size_t size)
{
    size_t room = size == 0 ? 0 : data[0] * 4U;
    uint8_t *to = malloc(room + 1);
    ptrdiff_t made = unpack(to, room, data, size);
    require(made >= -1 && made <= (ptrdiff_t)room);
    free(to);
}

/* Whatever there is no memory for becomes an exception, and what there is memory for is as ever. */
static void without_memory(const uint8_t *data, size_t size)
{
    static char *strings[] = { "one", "zw\xc3\xb6lf", "three", NULL };
    if (size < 2) return;
    for_good = data[0] & 1;
    DIR *directory = opendir("/");
    JSValue path = JS_NewString(ctx, "/");
    JSValue words[3] = { path, JS_TRUE, JS_UNDEFINED };
    struct bytes bytes;
    allowed = data[0] >> 1;
    JSValue made;
    switch (data[1] % 5) {
    case 0:
        made = list_names(ctx, directory);
        break;
    case 1:
        made = JS_NewArray(ctx);
        append_hints(ctx, &made, (const char *)data, size);
        break;
    case 2:
        made = list_of(ctx, strings);
        break;
    case 3:
        made = native_status(ctx, JS_UNDEFINED, 3, words);
        break;
    default:
        made = throw_system(ctx, "fuzz", EIO);
        break;
    }
    JSValue string = from_bytes(ctx, data, size);
    /* The engine's JS_ToCStringLen leaks where it has no memory, so that goes on with all of it. */
    allowed = -1;
    if (!JS_IsException(string)) {
        require(to_bytes(ctx, &bytes, string) == 0);
        require(bytes.length == size && memcmp(bytes.data, data, size) == 0);
        free_bytes(ctx, &bytes);
    }
    JSValue length = JS_IsException(made) ? JS_UNDEFINED : JS_GetPropertyStr(ctx, made, "length");
    uint32_t most = 0;
    require(JS_IsUndefined(length) || JS_ToUint32(ctx, &most, length) == 0);
    for (uint32_t index = 0; index < most; index++) {
        JSValue item = JS_GetPropertyUint32(ctx, made, index);
        require(!JS_IsException(item) && !JS_IsUndefined(item));
        JS_FreeValue(ctx, item);
    }
    JS_FreeValue(ctx, JS_GetException(ctx));
    JS_FreeValue(ctx, string);
    JS_FreeValue(ctx, made);
    JS_FreeValue(ctx, path);
    closedir(directory);
}

static void (*const targets[])(const uint8_t *, size_t) = {
    through_the_engine, out_of_the_engine, hints, address, fed_in_parts, memory, packed, without_memory,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (ctx == NULL) {
        ctx = JS_NewContext(JS_NewRuntime2(&scarce_memory, NULL));
        check_keyed_digest();
    }
    if (size > 0) targets[data[0] % (sizeof targets / sizeof targets[0])](data + 1, size - 1);
    return 0;
}
