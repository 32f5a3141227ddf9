/*
 * The static host: system calls for the TypeScript of rehup, which runs as bytecode on QuickJS. One thread, no policy:
 * each function does one thing, and what fails is thrown as the object { call, errno }.
 *
 * Strings that cross are byte strings: one character 0-255 for each byte.
 */
#ifndef REHUP_HOST_H
#define REHUP_HOST_H

#include <quickjs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first descriptor that is not the child's own. */
#define FIRST_FOREIGN 3

/* The most that is read or copied at once. */
#define CHUNK (64 * 1024)

/* engine.c: between C and the engine. */

/* A byte string in C, with a zero behind it. */
struct bytes {
    const char *data;
    size_t length;
    const char *held; /* the engine's copy, to be given back */
    char *own;        /* ours, to be freed */
};

/* Throws { call, errno } and returns JS_EXCEPTION. */
JSValue throw_system(JSContext *ctx, const char *call, int error);

/* The same for what rehup can't do without: where the kernel or a seccomp profile refuses it, that ends rehup. */
JSValue throw_needed(JSContext *ctx, const char *call, int error);

/* Takes a byte string out of the engine; -1 with an exception for anything else. To be freed by free_bytes. */
int to_bytes(JSContext *ctx, struct bytes *bytes, JSValueConst value);

/* The same for what C must see whole: a zero within is an EINVAL of this call. */
int to_c_string(JSContext *ctx, struct bytes *bytes, JSValueConst value, const char *call);

void free_bytes(JSContext *ctx, struct bytes *bytes);

JSValue from_bytes(JSContext *ctx, const void *data, size_t length);

/* An integer that fits; -1 with an exception for anything else. */
int to_int(JSContext *ctx, int *number, JSValueConst value);

/* The descriptor of a directory, AT_FDCWD for undefined; -1 with an exception for anything else. */
int to_directory(JSContext *ctx, int *directory, JSValueConst value);

/*
 * A list or an object that is being made. Where the engine has no memory for a part of it, the whole becomes an exception,
 * and what is added from then on is dropped; so it can be returned without being looked at.
 */
void append(JSContext *ctx, JSValue *list, uint32_t *length, JSValue item);
void append_number(JSContext *ctx, JSValue *list, uint32_t *length, int64_t number);
void put(JSContext *ctx, JSValue *object, const char *name, JSValue value);

/* Returns a number, or throws what errno(3) tells if it is negative. */
JSValue result_of(JSContext *ctx, const char *call, int64_t number);

/*
 * memory.c: for JS_NewRuntime2. Where there is no memory it does not return: an engine that is interrupted anywhere is
 * nothing to go on with.
 */
extern const JSMallocFunctions engine_memory;
#ifdef __SANITIZE_ADDRESS__
extern const JSMallocFunctions checked_memory;
#endif

/* errno.c: the name of an errno(3), for example "ENOENT"; "EIO" for one that has none. */
const char *errno_name(int error);

/* What getdents64(2) gives. */
struct entry {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

#define NAME_OFFSET offsetof(struct entry, name)

/*
 * files.c: adds the names that a buffer of getdents64(2) holds, but "." and "..", to a list of that length; -1 with an
 * exception where there is no memory.
 */
int append_names(JSContext *ctx, JSValue *list, uint32_t *length, const char *buffer, size_t size);

/*
 * files.c: what statx(2) tells of a path in a directory, of that itself for an empty one, and whether it is a file, and of
 * which size; an exception if it fails.
 */
JSValue status_of(JSContext *ctx, int directory, const char *path, bool follow, bool *is_file, uint64_t *size);

/*
 * digest.c: the digest in hexadecimal of what can be read of an open file, empty if that is more than 64 KiB, and how much it
 * was. What has as many bytes as fstat(2) has just told is not asked for more; that may be told as none though there are
 * some, as in /proc.
 */
JSValue digest_small(JSContext *ctx, int descriptor, bool keyed, uint64_t told, uint64_t *size);

/* digest.c: feeds a digest by its number; -1 with an exception if there is none. */
int feed_digest(JSContext *ctx, JSValueConst number, const void *data, size_t length);

/* descriptors.c: the same open file at a number that is not the child's, closed on exec; -1 and errno on failure. */
int away_from_stdio(int descriptor);

/* Writes to a regular file that is empty; -1, and EEXIST where it is not. Waits for nobody. */
ssize_t fill_empty(const char *path, const char *data, size_t length);

/* events.c: random bytes, as much as that; -1 and errno on failure. */
int random_bytes(void *data, size_t length);

/* The functions that each part gives, as properties of the global object `native`. */
#define PART(name)                               \
    extern const JSCFunctionListEntry name##_functions[]; \
    extern const int name##_count
PART(given);
PART(spawn);
PART(process);
PART(signals);
PART(events);
PART(files);
PART(generation);
PART(staging);
PART(digest);
PART(descriptors);
PART(sockets);

#define END_OF_PART(name) const int name##_count = sizeof name##_functions / sizeof name##_functions[0]

/* One function: its name in the engine and in C, and how many arguments it takes. */
#define FUNCTION(name, count) JS_CFUNC_DEF(#name, count, native_##name)

/* The head of a function. */
#define NATIVE(name) static JSValue native_##name(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)

/* Where a function does not look at all that it is given. */
#define UNUSED (void)ctx, (void)self, (void)argc, (void)argv

/* main.c: ends rehup with a line, unless nobody reads it, and the code for what went wrong in rehup itself. */
_Noreturn void fail(const char *line);

/* Ends rehup with the name of a system call that it can't do without. */
_Noreturn void fail_for(const char *call, const char *error);

/* What is said where there is no memory. */
#define OUT_OF_MEMORY \
    "out of memory; raise the limit of the container, or of its processes (ulimit -v, ulimit -d)"

/* given.c: what main was given. */
extern int given_argc;
extern char **given_argv;
extern char **given_environment;

/* signals.c: blocks every signal, before anything else, so that none is lost. */
void block_signals(void);

#endif
