/* Where the program begins: signals are kept, the engine is made, and the bytecode takes over. */
#include "host.h"
#include "engine/program.h"

#include <alloca.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

/* The exit code for what went wrong in rehup itself (specification 2.4). */
#define EXIT_FAILED 125

/* Where the kubelet looks for the reason of a container's end; the same in src/core/log/printable.ts. */
#define TERMINATION_LOG "/dev/termination-log"

/* Enough for every recursion of the core; JavaScript that goes deeper gets an exception instead of a crash. */
#define STACK_SIZE (512 * 1024)

/* Enough for a start, and what the kernel gives each program from the beginning, if it may have that much. */
#define LEAST_STACK (64 * 1024)

/* What C takes of the stack besides. */
#define STACK_FOR_C (32 * 1024)

/* Cycles are looked for when this much is allocated, bytes: half as much again as the program takes when it is loaded. */
#define GARBAGE_THRESHOLD (1152 * 1024)

/* Only what the bytecode uses; what is not added is not linked, the parser and eval for one. */
static JSContext *make_context(JSRuntime *runtime)
{
    JSContext *ctx = JS_NewContextRaw(runtime);
    if (ctx == NULL) return NULL;
    JS_AddIntrinsicBaseObjects(ctx);
    JS_AddIntrinsicDate(ctx);
    JS_AddIntrinsicRegExp(ctx);
    JS_AddIntrinsicJSON(ctx);
    JS_AddIntrinsicMapSet(ctx);
    JS_AddIntrinsicPromise(ctx);
    return ctx;
}

#define ADD_PART(name) JS_SetPropertyFunctionList(ctx, native, name##_functions, name##_count)

static void add_native(JSContext *ctx)
{
    JSValue global = JS_GetGlobalObject(ctx);
    JSValue native = JS_NewObject(ctx);
    ADD_PART(given);
    ADD_PART(spawn);
    ADD_PART(process);
    ADD_PART(signals);
    ADD_PART(events);
    ADD_PART(files);
    ADD_PART(generation);
    ADD_PART(staging);
    ADD_PART(digest);
    ADD_PART(descriptors);
    ADD_PART(sockets);
    JS_SetPropertyStr(ctx, global, "native", native);
    JS_FreeValue(ctx, global);
}

/* Milliseconds that the last words wait for a reader who is late. */
#define PATIENCE 1000

/* Says the last words; if nobody takes them nobody is there to be told. */
static void say(const char *text)
{
    struct pollfd room = { .fd = 2, .events = POLLOUT };
    if (text == NULL || poll(&room, 1, PATIENCE) != 1) return;
    ssize_t written = write(2, text, strlen(text));
    (void)written;
}

void fail(const char *line)
{
    char text[PIPE_BUF];
    snprintf(text, sizeof text, "rehup: %s\n", line);
    say(text);
    fill_empty(TERMINATION_LOG, text, strlen(text));
    _exit(EXIT_FAILED);
}

void fail_for(const char *call, const char *error)
{
    char line[256];
    bool refused = strcmp(error, errno_name(EPERM)) == 0 || strcmp(error, errno_name(ENOSYS)) == 0;
    bool exhausted = strcmp(error, errno_name(EMFILE)) == 0 || strcmp(error, errno_name(ENFILE)) == 0;
    if (exhausted) snprintf(line, sizeof line, "%s failed (%s); raise the limit of open files (ulimit -n)", call, error);
    else if (refused)
        snprintf(line, sizeof line, "%s is refused (%s), by a seccomp profile or an old kernel; allow it", call, error);
    else snprintf(line, sizeof line, "internal error: %s: %s", call, error);
    fail(line);
}

/* Ends with what the exception was, with the names and lines of the bytecode. */
_Noreturn static void fail_by_exception(JSContext *ctx)
{
    JSValue exception = JS_GetException(ctx);
    /* The engine throws null where there is no memory even for an error. */
    if (!JS_IsObject(exception)) fail(OUT_OF_MEMORY);
    JSValue stack = JS_GetPropertyStr(ctx, exception, "stack");
    JSValue call = JS_GetPropertyStr(ctx, exception, "call");
    if (JS_IsString(call)) {
        JSValue error = JS_GetPropertyStr(ctx, exception, "errno");
        const char *name = JS_ToCString(ctx, call), *why = JS_ToCString(ctx, error);
        if (name != NULL && why != NULL) fail_for(name, why);
    }
    const char *text = JS_ToCString(ctx, exception);
    if (text == NULL || strcmp(text, "InternalError: out of memory") == 0) fail(OUT_OF_MEMORY);
    say("rehup: internal error: ");
    say(text);
    say("\n");
    if (JS_IsString(stack)) say(JS_ToCString(ctx, stack));
    _exit(EXIT_FAILED);
}

int __wrap_gettimeofday(struct timeval *now, void *zone);
int __real_gettimeofday(struct timeval *now, void *zone);

/* Stands before gettimeofday(2), by which the engine seeds Math.random (not used), so that every image is the same. */
int __wrap_gettimeofday(struct timeval *now, void *zone)
{
    if (program_kind != PROGRAM_TO_IMAGE) return __real_gettimeofday(now, zone);
    *now = (struct timeval){ 0 };
    return 0;
}

/* An engine in which the program was loaded; NULL if there is no memory for it. */
static JSContext *load(void)
{
#ifdef __SANITIZE_ADDRESS__
    /* ASAN looks after the memory that its own allocator gives (test/static/asan.c). */
    JSRuntime *runtime = JS_NewRuntime2(&checked_memory, NULL);
#else
    JSRuntime *runtime = JS_NewRuntime2(&engine_memory, NULL);
#endif
    JSContext *ctx = runtime == NULL ? NULL : make_context(runtime);
    if (ctx == NULL) return NULL;
    JS_SetGCThreshold(runtime, GARBAGE_THRESHOLD);
    JSValue program = JS_ReadObject(ctx, rehup_program, (size_t)(rehup_program_end - rehup_program),
                                    JS_READ_OBJ_BYTECODE);
    if (!JS_IsException(program)) program = JS_EvalFunction(ctx, program);
    if (JS_IsException(program)) fail_by_exception(ctx);
    /* Only now, so that a file that calls the host when it is loaded, which may be when it is built, fails there. */
    add_native(ctx);
    return ctx;
}

/* Has the stack grow now, while there is room. */
__attribute__((noinline)) static void grow_stack(size_t size)
{
    volatile char *far = alloca(size);
    *far = 0;
}

/*
 * What JavaScript may take of the stack; ends rehup if that is too little. The stack is made as large at once, because one
 * that can't grow any more, where the address space is limited now or later, is a SIGSEGV. That costs one page.
 */
static size_t stack_size(void)
{
    struct rlimit stack, space;
    bool limited = getrlimit(RLIMIT_STACK, &stack) == 0 && stack.rlim_cur != RLIM_INFINITY;
    /* Up to a quarter holds arguments and environment (execve(2)). */
    rlim_t most = limited ? stack.rlim_cur / 4 * 3 : STACK_SIZE + STACK_FOR_C;
    if (most < LEAST_STACK + STACK_FOR_C) fail("a stack of less than 128 KiB; raise the limit (ulimit -s)");
    size_t size = most < STACK_SIZE + STACK_FOR_C ? (size_t)most - STACK_FOR_C : STACK_SIZE;
    if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY) {
        void *room = mmap(NULL, size + STACK_FOR_C, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (room == MAP_FAILED) return LEAST_STACK;
        munmap(room, size + STACK_FOR_C);
    }
    grow_stack(size + STACK_FOR_C);
    return size;
}

/*
 * Calls what the program exports as `main`, and then what that returns. This ends by native.exit(), so if it comes back
 * that is a failure. Meanwhile nothing holds what only `main` needs, so that native.giveBackMemory() can free it.
 */
_Noreturn static void run(JSContext *ctx)
{
    JSValue global = JS_GetGlobalObject(ctx);
    JSValue program = JS_GetPropertyStr(ctx, global, "rehup");
    JSValue function = JS_GetPropertyStr(ctx, program, "main");
    JS_FreeValue(ctx, program);
    JSValue rest = JS_Call(ctx, function, JS_UNDEFINED, 0, NULL);
    JS_FreeValue(ctx, function);
    if (JS_SetPropertyStr(ctx, global, "rehup", JS_UNDEFINED) < 0) fail_by_exception(ctx);
    JS_FreeValue(ctx, global);
    JS_Call(ctx, rest, JS_UNDEFINED, 0, NULL);
    fail_by_exception(ctx);
}

int main(int argc, char **argv, char **environment)
{
    block_signals();
    /* Without it a pipe never ends, and rehup would wait for the start of its child for ever. */
    if (close(-1) == 0 || errno != EBADF) fail_for("close", errno_name(errno));
    given_argc = argc;
    given_argv = argv;
    given_environment = environment;
    if (program_kind == PROGRAM_TO_IMAGE && (part_code() < 0 || prepare_making(0) < 0))
        fail_for("mmap", errno_name(errno));
    JSContext *ctx = program_kind == PROGRAM_IMAGE ? read_image() : load();
    if (ctx == NULL) fail(OUT_OF_MEMORY);
    JS_SetMaxStackSize(JS_GetRuntime(ctx), stack_size());
    if (program_kind == PROGRAM_TO_IMAGE) {
        JS_RunGC(JS_GetRuntime(ctx));
        if (write_image(ctx, 1) < 0) fail_for("write_image", errno_name(errno));
        return 0;
    }
    run(ctx);
}
