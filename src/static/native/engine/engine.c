#include "../host.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

JSValue throw_system(JSContext *ctx, const char *call, int error)
{
    JSValue failure = JS_NewObject(ctx);
    put(ctx, &failure, "call", JS_NewString(ctx, call));
    put(ctx, &failure, "errno", JS_NewString(ctx, errno_name(error)));
    return JS_IsException(failure) ? failure : JS_Throw(ctx, failure);
}

JSValue throw_needed(JSContext *ctx, const char *call, int error)
{
    if (error == EPERM || error == ENOSYS) fail_for(call, errno_name(error));
    return throw_system(ctx, call, error);
}

JSValue result_of(JSContext *ctx, const char *call, int64_t number)
{
    return number < 0 ? throw_system(ctx, call, errno) : JS_NewInt64(ctx, number);
}

/* The bytes of a text whose characters are all below 256, from the UTF-8 that the engine gives; -1 for any other. */
static ptrdiff_t narrow(char *to, const char *utf8, size_t length)
{
    size_t made = 0;
    for (size_t at = 0; at < length; at++) {
        unsigned char lead = (unsigned char)utf8[at];
        if (lead >= 0x80) {
            if ((lead != 0xc2 && lead != 0xc3) || at + 1 == length) return -1;
            lead = (unsigned char)((lead & 0x03) << 6 | ((unsigned char)utf8[++at] & 0x3f));
        }
        to[made++] = (char)lead;
    }
    to[made] = '\0';
    return (ptrdiff_t)made;
}

static bool is_ascii(const unsigned char *data, size_t length)
{
    for (size_t at = 0; at < length; at++)
        if (data[at] >= 0x80) return false;
    return true;
}

int to_bytes(JSContext *ctx, struct bytes *bytes, JSValueConst value)
{
    memset(bytes, 0, sizeof *bytes);
    if (!JS_IsString(value)) {
        JS_ThrowTypeError(ctx, "not a byte string");
        return -1;
    }
    bytes->held = JS_ToCStringLen(ctx, &bytes->length, value);
    if (bytes->held == NULL) return -1;
    bytes->data = bytes->held;
    if (is_ascii((const unsigned char *)bytes->held, bytes->length)) return 0;
    bytes->own = js_malloc(ctx, bytes->length + 1);
    ptrdiff_t length = bytes->own == NULL ? -1 : narrow(bytes->own, bytes->held, bytes->length);
    if (length < 0) {
        if (bytes->own != NULL) JS_ThrowTypeError(ctx, "a character above 255 in a byte string");
        free_bytes(ctx, bytes);
        return -1;
    }
    bytes->data = bytes->own;
    bytes->length = (size_t)length;
    return 0;
}

int to_c_string(JSContext *ctx, struct bytes *bytes, JSValueConst value, const char *call)
{
    if (to_bytes(ctx, bytes, value) < 0) return -1;
    if (memchr(bytes->data, '\0', bytes->length) == NULL) return 0;
    free_bytes(ctx, bytes);
    throw_system(ctx, call, EINVAL);
    return -1;
}

void free_bytes(JSContext *ctx, struct bytes *bytes)
{
    js_free(ctx, bytes->own);
    if (bytes->held != NULL) JS_FreeCString(ctx, bytes->held);
    memset(bytes, 0, sizeof *bytes);
}

JSValue from_bytes(JSContext *ctx, const void *data, size_t length)
{
    const unsigned char *bytes = data;
    if (is_ascii(bytes, length)) return JS_NewStringLen(ctx, data, length);
    /* The engine takes UTF-8, of which a character below 256 needs two bytes at most. */
    char *utf8 = js_malloc(ctx, 2 * length);
    if (utf8 == NULL) return JS_EXCEPTION;
    size_t made = 0;
    for (size_t at = 0; at < length; at++) {
        if (bytes[at] < 0x80) {
            utf8[made++] = (char)bytes[at];
        } else {
            utf8[made++] = (char)(0xc0 | bytes[at] >> 6);
            utf8[made++] = (char)(0x80 | (bytes[at] & 0x3f));
        }
    }
    JSValue string = JS_NewStringLen(ctx, utf8, made);
    js_free(ctx, utf8);
    return string;
}

int to_int(JSContext *ctx, int *number, JSValueConst value)
{
    int32_t converted;
    if (JS_ToInt32(ctx, &converted, value) < 0) return -1;
    *number = converted;
    return 0;
}

int to_directory(JSContext *ctx, int *directory, JSValueConst value)
{
    *directory = AT_FDCWD;
    return JS_IsUndefined(value) ? 0 : to_int(ctx, directory, value);
}

/* Makes an exception of a value of which a part could not be made. */
static void give_up(JSContext *ctx, JSValue *whole)
{
    JS_FreeValue(ctx, *whole);
    *whole = JS_EXCEPTION;
}

void append(JSContext *ctx, JSValue *list, uint32_t *length, JSValue item)
{
    if (JS_IsException(*list)) JS_FreeValue(ctx, item);
    else if (JS_IsException(item) || JS_SetPropertyUint32(ctx, *list, (*length)++, item) < 0) give_up(ctx, list);
}

void append_number(JSContext *ctx, JSValue *list, uint32_t *length, int64_t number)
{
    append(ctx, list, length, JS_NewInt64(ctx, number));
}

void put(JSContext *ctx, JSValue *object, const char *name, JSValue value)
{
    if (JS_IsException(*object)) JS_FreeValue(ctx, value);
    else if (JS_IsException(value) || JS_SetPropertyStr(ctx, *object, name, value) < 0) give_up(ctx, object);
}
