/*
 * silent MOUNT_POINT: a file server that stops answering when it is told to. It serves one file, `key`, by /dev/fuse
 * itself, since a library would answer behind its back. Lines on stdin tell it what to do:
 *
 *     put TEXT   the file holds this from now on
 *     hold       requests are read and not answered
 *     answer     what was held is answered, and all that comes
 *
 * It says `ready`, `done` to each line, and `held` for each request that it holds. It ends with its stdin.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define ROOT FUSE_ROOT_ID
#define KEY 2
#define NAME "key"
#define MOST_HELD 64
#define BUFFER (FUSE_MIN_READ_BUFFER + 128 * 1024)

struct request {
    struct fuse_in_header head;
    char body[BUFFER];
};

static int device;
static char content[4096] = "one\n";
static bool holding;
static struct request *held[MOST_HELD];
static int count;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void reply(const struct request *request, int error, const void *data, size_t size)
{
    struct fuse_out_header head = {
        .len = (uint32_t)(sizeof head + size), .error = -error, .unique = request->head.unique
    };
    struct iovec parts[] = { { &head, sizeof head }, { (void *)data, size } };
    /* ENOENT: who asked was interrupted. */
    if (writev(device, parts, 2) < 0 && errno != ENOENT) fail("writev");
}

static struct fuse_attr attributes(uint64_t node)
{
    struct fuse_attr found = { .ino = node, .nlink = 1, .blksize = 4096 };
    found.mode = node == ROOT ? S_IFDIR | 0755 : S_IFREG | 0644;
    found.size = node == ROOT ? 0 : strlen(content);
    return found;
}

static void list(const struct request *request, const struct fuse_read_in *in)
{
    char buffer[256] = { 0 };
    struct fuse_dirent *entry = (struct fuse_dirent *)(void *)buffer;
    entry->ino = KEY;
    entry->off = 1;
    entry->namelen = strlen(NAME);
    entry->type = DT_REG;
    memcpy(entry->name, NAME, strlen(NAME));
    reply(request, 0, buffer, in->offset == 0 ? FUSE_DIRENT_SIZE(entry) : 0);
}

static void answer(const struct request *request)
{
    const void *body = request->body;
    uint64_t node = request->head.nodeid;
    switch (request->head.opcode) {
    case FUSE_INIT: {
        struct fuse_init_out out = { .major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 4096 };
        reply(request, 0, &out, sizeof out);
        break;
    }
    case FUSE_LOOKUP: {
        struct fuse_entry_out out = { .nodeid = KEY, .attr = attributes(KEY) };
        bool there = node == ROOT && strcmp(body, NAME) == 0;
        reply(request, there ? 0 : ENOENT, &out, there ? sizeof out : 0);
        break;
    }
    case FUSE_GETATTR: {
        struct fuse_attr_out out = { .attr = attributes(node) };
        reply(request, 0, &out, sizeof out);
        break;
    }
    case FUSE_OPEN:
    case FUSE_OPENDIR: {
        struct fuse_open_out out = { .open_flags = FOPEN_DIRECT_IO };
        reply(request, 0, &out, sizeof out);
        break;
    }
    case FUSE_READ: {
        const struct fuse_read_in *in = body;
        size_t length = strlen(content), at = in->offset < length ? in->offset : length;
        reply(request, 0, content + at, length - at < in->size ? length - at : in->size);
        break;
    }
    case FUSE_READDIR:
        list(request, body);
        break;
    case FUSE_STATFS: {
        struct fuse_statfs_out out = { .st = { .bsize = 4096, .namelen = 255 } };
        reply(request, 0, &out, sizeof out);
        break;
    }
    case FUSE_FLUSH:
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR:
    case FUSE_ACCESS:
        reply(request, 0, NULL, 0);
        break;
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
        break;
    default:
        reply(request, ENOSYS, NULL, 0);
    }
}

static void take(void)
{
    struct request *request = malloc(sizeof *request);
    if (request == NULL) fail("malloc");
    ssize_t length = read(device, request, sizeof *request);
    if (length < 0 && errno == ENODEV) exit(0);
    if (length < 0 && errno != EINTR && errno != ENOENT) fail("read");
    bool asks = request->head.opcode != FUSE_FORGET && request->head.opcode != FUSE_INTERRUPT;
    if (length > 0 && holding && asks && count < MOST_HELD) {
        held[count++] = request;
        puts("held");
        return;
    }
    if (length > 0) answer(request);
    free(request);
}

static void obey(const char *line)
{
    if (strncmp(line, "put ", 4) == 0) snprintf(content, sizeof content, "%s", line + 4);
    holding = strncmp(line, "hold", 4) == 0 || (holding && strncmp(line, "answer", 6) != 0);
    for (int index = 0; !holding && index < count; index++) {
        answer(held[index]);
        free(held[index]);
    }
    if (!holding) count = 0;
    puts("done");
}

int main(int argc, char **argv)
{
    char options[64], line[4096];
    if (argc != 2) return 2;
    setlinebuf(stdout);
    device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (device < 0) fail("/dev/fuse");
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", device);
    if (mount("silent", argv[1], "fuse.silent", MS_NOSUID | MS_NODEV, options) < 0) fail("mount");
    puts("ready");
    struct pollfd sources[] = { { .fd = device, .events = POLLIN }, { .fd = 0, .events = POLLIN } };
    for (;;) {
        if (poll(sources, 2, -1) < 0) fail("poll");
        if (sources[0].revents & POLLERR) return 0;
        if (sources[0].revents & POLLIN) take();
        if (sources[1].revents == 0) continue;
        /* Lines come one at a time, each after the answer to the one before. */
        ssize_t length = read(0, line, sizeof line - 1);
        if (length <= 0) break;
        line[length] = 0;
        obey(line);
    }
    umount2(argv[1], MNT_DETACH);
    return 0;
}
