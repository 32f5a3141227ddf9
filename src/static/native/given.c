/* What rehup was given: words, environment, directory, terminal. */
#include "host.h"
#include "engine/program.h"

#include <errno.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <unistd.h>

int given_argc;
char **given_argv;
char **given_environment;

static JSValue list_of(JSContext *ctx, char **strings)
{
    JSValue list = JS_NewArray(ctx);
    for (uint32_t index = 0; strings[index] != NULL && !JS_IsException(list);) {
        size_t length = 0;
        while (strings[index][length] != '\0') length++;
        append(ctx, &list, &index, from_bytes(ctx, strings[index], length));
    }
    return list;
}

NATIVE(words)
{
    UNUSED;
    return list_of(ctx, given_argc > 0 ? given_argv + 1 : given_argv);
}

NATIVE(environment)
{
    UNUSED;
    return list_of(ctx, given_environment);
}

NATIVE(directory)
{
    UNUSED;
    char path[PATH_MAX];
    if (getcwd(path, sizeof path) == NULL) return throw_system(ctx, "getcwd", errno);
    size_t length = 0;
    while (path[length] != '\0') length++;
    return from_bytes(ctx, path, length);
}

NATIVE(changeDirectory)
{
    UNUSED;
    struct bytes path;
    if (to_c_string(ctx, &path, argv[0], "chdir") < 0) return JS_EXCEPTION;
    JSValue result = result_of(ctx, "chdir", chdir(path.data));
    free_bytes(ctx, &path);
    return result;
}

/* The columns of the terminal on a descriptor, 0 if it does not say; -1 if it is none. */
NATIVE(terminal)
{
    UNUSED;
    int descriptor;
    struct winsize size;
    if (to_int(ctx, &descriptor, argv[0]) < 0) return JS_EXCEPTION;
    if (!isatty(descriptor)) return JS_NewInt32(ctx, -1);
    return JS_NewInt32(ctx, ioctl(descriptor, TIOCGWINSZ, &size) < 0 ? 0 : size.ws_col);
}

/* giveBackMemory(): what only the start needed. */
NATIVE(giveBackMemory)
{
    UNUSED;
    give_back_memory(ctx);
    return JS_UNDEFINED;
}

const JSCFunctionListEntry given_functions[] = {
    FUNCTION(words, 0), FUNCTION(environment, 0), FUNCTION(directory, 0),
    FUNCTION(changeDirectory, 1), FUNCTION(terminal, 1),      FUNCTION(giveBackMemory, 0),
};
END_OF_PART(given);
