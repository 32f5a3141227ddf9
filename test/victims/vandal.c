/*
 * vandal TARGET OWN OUTSIDE SECONDS: does to the names in TARGET, as fast as it can, what whoever may write there can do:
 * exchanges them with links to OUTSIDE and with directories of its own, plants files, links and full directories, links
 * what is outside, renames and removes. OWN is a directory of its own on the same file system. Then it removes what it can
 * of what it planted at names that are none of a stage, and tells "exchanged N planted N linked N renamed N removed N".
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MOST 64

static unsigned long exchanged, planted, linked, renamed, removed, made;
static const char *target, *own, *outside;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void write_file(const char *path)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644);
    if (file < 0) return;
    if (write(file, "evil", 4) != 4) exit(2);
    close(file);
}

/* Something of its own, by a new name: a link outside, a directory with files and links, or a file. */
static void make(char *path, size_t size, int kind)
{
    char inside[4096];
    snprintf(path, size, "%s/x%lu", own, made++);
    if (kind == 0 && symlink(outside, path) < 0) exit(2);
    if (kind == 1) {
        if (mkdir(path, 0777) < 0) exit(2);
        for (int index = 0; index < 4; index++) {
            snprintf(inside, sizeof inside, "%s/%s", path, (const char *[]){ "key", "other", "sub", "same" }[index]);
            if (index == 3 ? symlink(outside, inside) < 0 : (write_file(inside), false)) exit(2);
        }
    }
    if (kind == 2) write_file(path);
}

/* One of the names in TARGET, or of those that a stage uses for a moment. */
static void choose(char *name, size_t size)
{
    static const char *const known[] = { "..data", "..good", "..data_tmp", "..good_tmp", "..back_tmp", "..record",
                                         "..record_tmp", "key", "other", "sub", "..rehup_1", "..rehup_2" };
    static char found[MOST][256];
    static int count, calls;
    if (calls++ % 16 == 0) {
        DIR *list = opendir(target);
        if (list == NULL) exit(2);
        count = 0;
        for (struct dirent *entry; (entry = readdir(list)) != NULL && count < MOST;) {
            if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                snprintf(found[count++], sizeof found[0], "%s", entry->d_name);
        }
        closedir(list);
    }
    int length = (int)(sizeof known / sizeof known[0]);
    int index = rand() % (length + count);
    snprintf(name, size, "%s", index < length ? known[index] : found[index - length]);
    /* The generation that comes after one that is there. */
    if (strncmp(name, "..rehup_", 8) == 0 && rand() % 2 == 0) snprintf(name, size, "..rehup_%ld", atol(name + 8) + 1);
}

static void attack(void)
{
    char name[256], at[4096], mine[4096], aside[4200];
    choose(name, sizeof name);
    snprintf(at, sizeof at, "%s/%s", target, name);
    switch (rand() % 8) {
    case 0:
    case 1:
    case 2:
        make(mine, sizeof mine, rand() % 3);
        if (renameat2(AT_FDCWD, mine, AT_FDCWD, at, RENAME_EXCHANGE) == 0) {
            exchanged++;
            /* And back, at once: a look and what follows it see different things. */
            if (rand() % 2 == 0) renameat2(AT_FDCWD, mine, AT_FDCWD, at, RENAME_EXCHANGE);
        }
        break;
    case 3:
        make(mine, sizeof mine, rand() % 3);
        if (renameat2(AT_FDCWD, mine, AT_FDCWD, at, RENAME_NOREPLACE) == 0) planted++;
        break;
    case 4:
        snprintf(mine, sizeof mine, "%s/key", outside);
        if (link(mine, at) == 0) linked++;
        break;
    case 5:
        snprintf(aside, sizeof aside, "%s/..rehup_%d", target, 100 + rand() % 8);
        if (renameat2(AT_FDCWD, at, AT_FDCWD, aside, rand() % 2 == 0 ? RENAME_EXCHANGE : 0) == 0) renamed++;
        break;
    case 6:
        if (unlink(at) == 0 || rmdir(at) == 0) removed++;
        break;
    default:
        snprintf(aside, sizeof aside, "%s/fill", at);
        write_file(aside);
    }
}

/* What is left of this process's under names of a stage is rehup's to replace; what is not, it would leave. */
static void clean(void)
{
    char path[4096];
    struct stat found;
    DIR *list = opendir(target);
    for (struct dirent *entry; list != NULL && (entry = readdir(list)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", target, entry->d_name);
        if (strncmp(entry->d_name, "..", 2) != 0 && lstat(path, &found) == 0 && found.st_uid == getuid()) unlink(path);
    }
    if (list != NULL) closedir(list);
}

int main(int argc, char **argv)
{
    if (argc < 5) return 2;
    target = argv[1];
    own = argv[2];
    outside = argv[3];
    srand((unsigned)getpid());
    for (double until = now() + atof(argv[4]); now() < until;) attack();
    clean();
    printf("exchanged %lu planted %lu linked %lu renamed %lu removed %lu\n", exchanged, planted, linked, renamed, removed);
    return 0;
}
