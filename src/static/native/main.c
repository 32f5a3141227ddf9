/* Where the program begins: signals are kept, the engine is made, and the bytecode takes over. */
#include "host.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The exit code for what went wrong in rehup itself (specification 2.4). */
#define EXIT_FAILED 125

/* Enough for every recursion of the core; JavaScript that goes deeper gets an exception instead of a crash. */
#define STACK_SIZE (512 * 1024)

/* Cycles are looked for when this much is allocated, bytes: not while the bytecode is loaded, which makes none. */
#define GARBAGE_THRESHOLD (1024 * 1024)

/*
 * The bytecode, put here by the assembler from the file that the build names. Its labels are global, because the linker
 * for arm64 can't tell two local ones of a section apart where they are reached through a table.
 */
__asm__(".section .rodata\n"
        ".balign 16\n"
        ".global rehup_bytecode, rehup_bytecode_end\n"
        "rehup_bytecode: .incbin \"" REHUP_BYTECODE "\"\n"
        "rehup_bytecode_end: .byte 0\n"
        ".previous\n");
extern const uint8_t rehup_bytecode[] __attribute__((visibility("hidden")));
extern const uint8_t rehup_bytecode_end[] __attribute__((visibility("hidden")));

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

int main(int argc, char **argv, char **environment)
{
    block_signals();
    given_argc = argc;
    given_argv = argv;
    given_environment = environment;
#ifdef __SANITIZE_ADDRESS__
    /* ASAN looks after the memory that its own allocator gives. */
    JSRuntime *runtime = JS_NewRuntime();
#else
    JSRuntime *runtime = JS_NewRuntime2(&engine_memory, NULL);
#endif
    JSContext *ctx = runtime == NULL ? NULL : make_context(runtime);
    if (ctx == NULL) {
        say("rehup: out of memory\n");
        return EXIT_FAILED;
    }
    JS_SetMaxStackSize(runtime, STACK_SIZE);
    JS_SetGCThreshold(runtime, GARBAGE_THRESHOLD);
    add_native(ctx);
    JSValue program = JS_ReadObject(ctx, rehup_bytecode, (size_t)(rehup_bytecode_end - rehup_bytecode),
                                    JS_READ_OBJ_BYTECODE);
    /* The program ends by native.exit(), so whatever comes back is a failure. */
    if (!JS_IsException(program)) JS_EvalFunction(ctx, program);
    say_exception(ctx);
    return EXIT_FAILED;
}
