/*
 * compile SCRIPT BYTECODE: the bytecode of one classic script, with the names that an error shows, but without its source
 * and lines: those of a minified script tell little, and would take a third of the memory. Runs at build time only.
 */
#include <quickjs.h>

#include <stdio.h>
#include <stdlib.h>

static char *read_all(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) < 0) return NULL;
    long size = ftell(file);
    char *text = size < 0 ? NULL : malloc((size_t)size + 1);
    rewind(file);
    if (text == NULL || fread(text, 1, (size_t)size, file) != (size_t)size) return NULL;
    text[size] = '\0';
    *length = (size_t)size;
    fclose(file);
    return text;
}

int main(int argc, char **argv)
{
    size_t length, size;
    char *text = argc == 3 ? read_all(argv[1], &length) : NULL;
    if (text == NULL) {
        fprintf(stderr, "compile: can't read %s\n", argc == 3 ? argv[1] : "SCRIPT");
        return 1;
    }
    JSRuntime *runtime = JS_NewRuntime();
    JSContext *ctx = JS_NewContext(runtime);
    JS_SetStripInfo(runtime, JS_STRIP_DEBUG);
    JSValue script = JS_Eval(ctx, text, length, "rehup.js", JS_EVAL_TYPE_GLOBAL | JS_EVAL_FLAG_COMPILE_ONLY);
    uint8_t *bytecode = JS_IsException(script) ? NULL : JS_WriteObject(ctx, &size, script, JS_WRITE_OBJ_BYTECODE);
    if (bytecode == NULL) {
        fprintf(stderr, "compile: %s\n", JS_ToCString(ctx, JS_GetException(ctx)));
        return 1;
    }
    FILE *file = fopen(argv[2], "wb");
    if (file == NULL || fwrite(bytecode, 1, size, file) != size || fclose(file) != 0) {
        fprintf(stderr, "compile: can't write %s\n", argv[2]);
        return 1;
    }
    return 0;
}
