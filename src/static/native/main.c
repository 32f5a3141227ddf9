/* Where the program begins: signals are kept, the engine is made, and the bytecode takes over. */
#include "host.h"
#include "engine/program.h"

#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* The exit code for what went wrong in rehup itself (specification 2.4). */
#define EXIT_FAILED 125

/* Enough for every recursion of the core; JavaScript that goes deeper gets an exception instead of a crash. */
#define STACK_SIZE (512 * 1024)

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
    ADD_PART(staging);
    ADD_PART(digest);
    ADD_PART(descriptors);
    ADD_PART(sockets);
    JS_SetPropertyStr(ctx, global, "native", native);
    JS_FreeValue(ctx, global);
}

static void say(const char *text)
{
    /* Nobody is there to be told that this failed. */
    if (text != NULL && write(2, text, strlen(text)) < 0) return;
}

/* Says what the exception was, with the names and lines of the bytecode. */
static void say_exception(JSContext *ctx)
{
    JSValue exception = JS_GetException(ctx);
    JSValue stack = JS_GetPropertyStr(ctx, exception, "stack");
    JSValue call = JS_GetPropertyStr(ctx, exception, "call");
    const char *text = JS_ToCString(ctx, exception);
    say("rehup: internal error: ");
    if (JS_IsString(call)) {
        JSValue error = JS_GetPropertyStr(ctx, exception, "errno");
        say(JS_ToCString(ctx, call));
        say(": ");
        say(JS_ToCString(ctx, error));
    } else {
        say(text);
    }
    say("\n");
    if (JS_IsString(stack)) say(JS_ToCString(ctx, stack));
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
    /* ASAN looks after the memory that its own allocator gives. */
    JSRuntime *runtime = JS_NewRuntime();
#else
    JSRuntime *runtime = JS_NewRuntime2(&engine_memory, NULL);
#endif
    JSContext *ctx = runtime == NULL ? NULL : make_context(runtime);
    if (ctx == NULL) return NULL;
    JS_SetMaxStackSize(runtime, STACK_SIZE);
    JS_SetGCThreshold(runtime, GARBAGE_THRESHOLD);
    JSValue program = JS_ReadObject(ctx, rehup_program, (size_t)(rehup_program_end - rehup_program),
                                    JS_READ_OBJ_BYTECODE);
    if (!JS_IsException(program)) program = JS_EvalFunction(ctx, program);
    if (JS_IsException(program)) {
        say_exception(ctx);
        _exit(EXIT_FAILED);
    }
    /* Only now, so that a file that calls the host when it is loaded, which may be when it is built, fails there. */
    add_native(ctx);
    return ctx;
}

/* Calls what the program exports as `main`. It ends by native.exit(), so if it comes back that is a failure. */
static void run(JSContext *ctx)
{
    JSValue global = JS_GetGlobalObject(ctx);
    JSValue program = JS_GetPropertyStr(ctx, global, "rehup");
    JSValue function = JS_GetPropertyStr(ctx, program, "main");
    JS_Call(ctx, function, JS_UNDEFINED, 0, NULL);
    say_exception(ctx);
}

int main(int argc, char **argv, char **environment)
{
    block_signals();
    given_argc = argc;
    given_argv = argv;
    given_environment = environment;
    JSContext *ctx = program_kind == PROGRAM_IMAGE ? read_image() : load();
    if (ctx == NULL) {
        say("rehup: out of memory\n");
        return EXIT_FAILED;
    }
    if (program_kind == PROGRAM_TO_IMAGE) {
        JS_RunGC(JS_GetRuntime(ctx));
        return write_image(ctx, 1) < 0 ? EXIT_FAILED : 0;
    }
    run(ctx);
    return EXIT_FAILED;
}
