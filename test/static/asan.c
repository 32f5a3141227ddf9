/*
 * What dist/rehup-asan has besides: how its sanitizers behave, and memory that runs out when a test wants it to.
 *
 * REHUP_TEST_SITES=FILE writes a number for each way by which memory is asked for, that is for each chain of calls in the
 * executable; REHUP_TEST_FAILS=NUMBER has those of that way fail.
 */
#include "../../src/static/native/host.h"

#include <sanitizer/asan_interface.h>

#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

/* rehup ends without freeing what the kernel takes back anyway. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0:exitcode=99:handle_segv=1:allow_user_segv_handler=0";
}

/* The executable's code. */
extern const char __executable_start, etext;

/* Calls beyond these are not told apart. */
#define DEPTH 10

/* More than there are ways. */
#define MOST_SITES 65536

static uint32_t seen[MOST_SITES];

static struct {
    bool ready;
    int sites;
    uint32_t failing;
} plan;

static void make_plan(void)
{
    plan.ready = true;
    plan.sites = -1;
    const char *file = getenv("REHUP_TEST_SITES");
    const char *fails = getenv("REHUP_TEST_FAILS");
    /* Out of the way of those that rehup opens, whose numbers are to be as ever. */
    if (file != NULL) {
        int opened = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        plan.sites = fcntl(opened, F_DUPFD_CLOEXEC, 200);
        close(opened);
    }
    if (fails != NULL) plan.failing = (uint32_t)strtoul(fails, NULL, 16);
}

/* A number for the chain of calls that leads here, the same in each run; never 0. */
__attribute__((noinline)) static uint32_t site(void)
{
    struct frame {
        struct frame *caller;
        const char *back;
    };
    uint32_t hash = 2166136261U;
    struct frame *frame = __builtin_frame_address(0);
    for (int depth = 0; depth < DEPTH; depth++) {
        if (frame->back < &__executable_start || frame->back >= &etext) break;
        hash = (hash ^ (uint32_t)(frame->back - &__executable_start)) * 16777619U;
        if (frame->caller <= frame) break;
        frame = frame->caller;
    }
    return hash | 1;
}

static bool is_new(uint32_t number)
{
    for (uint32_t at = number; ; at++) {
        uint32_t *place = &seen[at % MOST_SITES];
        if (*place == number) return false;
        if (*place != 0) continue;
        *place = number;
        return true;
    }
}

static bool fails(void)
{
    if (!plan.ready) make_plan();
    if (plan.sites < 0 && plan.failing == 0) return false;
    uint32_t number = site();
    if (plan.sites >= 0 && is_new(number)) {
        char text[9];
        for (int digit = 0; digit < 8; digit++) text[digit] = "0123456789abcdef"[number >> (28 - 4 * digit) & 15];
        text[8] = '\n';
        if (write(plan.sites, text, sizeof text) != sizeof text) abort();
    }
    return number == plan.failing;
}

static void *checked(void *memory)
{
    if (memory == NULL) fail(OUT_OF_MEMORY);
    return memory;
}

static void *checked_malloc(JSMallocState *state, size_t size)
{
    (void)state;
    return checked(fails() ? NULL : malloc(size));
}

static void checked_free(JSMallocState *state, void *memory)
{
    (void)state;
    free(memory);
}

static void *checked_realloc(JSMallocState *state, void *memory, size_t size)
{
    if (size != 0) return checked(fails() ? NULL : realloc(memory, size));
    checked_free(state, memory);
    return NULL;
}

static size_t usable_size(const void *memory)
{
    return malloc_usable_size((void *)memory);
}

const JSMallocFunctions checked_memory = { checked_malloc, checked_free, checked_realloc, usable_size };
