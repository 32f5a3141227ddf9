/* Writes the image of the heap when the executable is built, and brings it back when that starts. */
#include "heap.h"
#include "program.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What is allocated until the child is started, beyond what is free in the image. */
#define LIKELY_MORE (16 * 1024)

/* Of Linux 5.14, which musl does not know yet. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* Addresses of the stack, which are others in each run and of no use in the next, become zero. */
static void forget_stack(size_t size)
{
    const uintptr_t span = 1024 * 1024;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    for (size_t at = 0; at < size; at += sizeof(uintptr_t)) {
        uintptr_t word;
        memcpy(&word, (char *)&heap + at, sizeof word);
        if (word - (here - span) < 2 * span) memset((char *)&heap + at, 0, sizeof word);
    }
}

/* The section .rehup_code (scripts/build/toolchain.ts), and more than a program has. */
#define CODE_PLACE 0x18000000
#define MOST_CODE (2 * 1024 * 1024)

static size_t code_size;

static uint8_t *next_room(size_t size)
{
    if (size > MOST_CODE - code_size) return NULL;
    uint8_t *room = (uint8_t *)CODE_PLACE + code_size;
    code_size += size;
    return room;
}

int part_code(void)
{
    void *place = mmap((void *)CODE_PLACE, MOST_CODE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (place == MAP_FAILED) return -1;
    room_for_code = next_room;
    return 0;
}

static int write_all(int descriptor, const void *data, size_t size)
{
    for (size_t written = 0; written < size;) {
        ssize_t more = write(descriptor, (const char *)data + written, size - written);
        if (more < 0 && errno != EINTR) return -1;
        if (more > 0) written += (size_t)more;
    }
    return 0;
}

int write_image(JSContext *ctx, int descriptor)
{
    const uint8_t *bits;
    if (!is_known()) {
        size_t length = lasting_blocks(&bits);
        return write_all(descriptor, bits, length);
    }
    if (!is_made()) {
        errno = EINVAL;
        return -1;
    }
    heap.ctx = ctx;
    size_t size = (size_t)(heap.top - (char *)&heap);
    forget_stack(size);
    uint64_t told = size;
    if (write_all(descriptor, &told, sizeof told) < 0 || write_all(descriptor, &heap, size) < 0) return -1;
    return write_all(descriptor, (void *)CODE_PLACE, code_size);
}

JSContext *read_image(void)
{
    if (!map_heap() || rehup_code != (const uint8_t *)CODE_PLACE) return NULL;
    /* Its pages are there at once, since faults cost more. A kernel before 5.14 can't do that, and they come one by one. */
    madvise(&heap, round_up(image_size + LIKELY_MORE, PAGE), MADV_POPULATE_WRITE);
    size_t size = (size_t)(rehup_program_end - rehup_program);
    if (unpack((uint8_t *)&heap, sizeof heap, rehup_program, size) != (ptrdiff_t)image_size) return NULL;
    JS_UpdateStackTop(JS_GetRuntime(heap.ctx));
    return heap.ctx;
}
