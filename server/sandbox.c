#include "server/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sched.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

void sandbox_allow(struct sandbox *sandbox, const char *path)
{
    if (path[0] && sandbox->num_paths < SANDBOX_MAX_PATHS)
        sandbox->paths[sandbox->num_paths++] = path;
}

bool sandbox_can(void)
{
#ifdef SANITIZED
    return false;
#else
    return true;
#endif
}

/* ---- landlock ---- */

/* The kernel's struct since version 6 of landlock. Older headers have fewer
 * fields, and older kernels are passed fewer. */
struct rules {
    uint64_t files, net, scoped;
};

enum {
    FIRST_WITH_REFER = 2,
    FIRST_WITH_TRUNCATE,
    FIRST_WITH_NET,
    FIRST_WITH_IOCTL,
    FIRST_WITH_SCOPES
};

static const uint64_t read_file = LANDLOCK_ACCESS_FS_READ_FILE;
static const uint64_t read_below =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;

/* Files that XNNPACK, the C library and the metrics read. */
static const char *const system_paths[] = {
    "/proc/self",         "/proc/cpuinfo", "/proc/meminfo",
    "/proc/stat",         "/proc/uptime",  "/proc/sys/vm",
    "/proc/sys/kernel",   "/sys/devices",  "/sys/kernel/mm",
    "/sys/fs/cgroup",     "/dev/urandom",  "/etc/localtime",
    "/usr/share/zoneinfo"};

static struct rules all_rules(long version)
{
    struct rules rules = {.files = (UINT64_C(1) << 13) - 1};

    if (version >= FIRST_WITH_REFER)
        rules.files |= UINT64_C(1) << 13;
    if (version >= FIRST_WITH_TRUNCATE)
        rules.files |= UINT64_C(1) << 14;
    if (version >= FIRST_WITH_NET)
        rules.net = 3; /* bind and connect, TCP */
    if (version >= FIRST_WITH_IOCTL)
        rules.files |= UINT64_C(1) << 15;
    if (version >= FIRST_WITH_SCOPES)
        rules.scoped = 3; /* abstract sockets, signals */
    return rules;
}

static size_t size_of(long version)
{
    if (version >= FIRST_WITH_SCOPES)
        return sizeof(struct rules);
    return version >= FIRST_WITH_NET ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
}

/* Adds a rule for a path, if it exists. `access` applies to a folder; a file
 * may only be read. */
static bool add_path(int ruleset, const char *path, uint64_t access,
                     struct error *err)
{
    struct landlock_path_beneath_attr rule = {0};
    struct stat info;
    int fd = open(path, O_PATH | O_CLOEXEC);
    bool ok;

    if (fd < 0)
        return true;
    rule.parent_fd = fd;
    rule.allowed_access =
        fstat(fd, &info) == 0 && S_ISDIR(info.st_mode) ? access : read_file;
    ok = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
                 &rule, 0) == 0;
    close(fd);
    return ok || fail(err, ERROR_IO, "landlock: %s", strerror(errno));
}

/* The parent folder of `path`; false if it is the root, or cannot be derived
 * from the name. */
static bool folder_of(char folder[PATH_MAX], const char *path)
{
    size_t len = strlen(path);
    char *slash;

    while (len > 1 && path[len - 1] == '/')
        len--;
    if (len >= PATH_MAX)
        return false;
    memcpy(folder, path, len);
    folder[len] = '\0';
    slash = strrchr(folder, '/');
    if (slash == folder || strcmp(folder, ".") == 0 ||
        (slash ? slash[1] == '.' : strcmp(folder, "..") == 0))
        return false;
    if (slash)
        *slash = '\0';
    else
        memcpy(folder, ".", 2);
    return true;
}

/* Whether other users have files in it, as in /tmp. */
static bool is_shared(const char *folder)
{
    struct stat info;

    return stat(folder, &info) == 0 && (info.st_mode & S_ISVTX);
}

/* Allows the targets of links in a folder: a model's files may be links into a
 * file store. */
static bool add_links(int ruleset, const char *folder, struct error *err)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    char path[PATH_MAX];
    bool ok = true;

    while (dir && ok && (entry = readdir(dir))) {
        if (entry->d_type != DT_LNK ||
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >=
                (int)sizeof path)
            continue;
        ok = add_path(ruleset, path, read_below, err);
    }
    if (dir)
        closedir(dir);
    return ok;
}

/* Allows a path, its parent folder, and the targets of the links in it. */
static bool add_around(int ruleset, const char *path, struct error *err)
{
    char folder[PATH_MAX];

    if (folder_of(folder, path) && !is_shared(folder) &&
        !add_path(ruleset, folder, read_below, err))
        return false;
    return add_path(ruleset, path, read_below, err) &&
           add_links(ruleset, path, err);
}

static bool add_paths(int ruleset, const struct sandbox *sandbox,
                      struct error *err)
{
    size_t num = sizeof system_paths / sizeof system_paths[0];
    char folder[PATH_MAX];
    bool ok = true;

    for (size_t i = 0; i < num && ok; i++)
        ok = add_path(ruleset, system_paths[i], read_below, err);
    for (size_t i = 0; i < sandbox->num_paths && ok; i++)
        ok = add_around(ruleset, sandbox->paths[i], err);
    if (ok && sandbox->socket && folder_of(folder, sandbox->socket))
        ok = add_path(ruleset, folder, LANDLOCK_ACCESS_FS_REMOVE_FILE, err);
    return ok;
}

static bool enter_landlock(const struct sandbox *sandbox, struct error *err)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, 1U);
    struct rules rules;
    int ruleset;
    bool ok;

    if (version < 1)
        return fail(err, ERROR_UNSUPPORTED, "landlock: %s", strerror(errno));
    rules = all_rules(version);
    ruleset =
        (int)syscall(SYS_landlock_create_ruleset, &rules, size_of(version), 0U);
    if (ruleset < 0)
        return fail(err, ERROR_IO, "landlock: %s", strerror(errno));
    ok = add_paths(ruleset, sandbox, err);
    if (ok && syscall(SYS_landlock_restrict_self, ruleset, 0U) != 0)
        ok = fail(err, ERROR_IO, "landlock: %s", strerror(errno));
    close(ruleset);
    return ok;
}

/* ---- seccomp ---- */

/* Allowed with any arguments. Names that this architecture lacks are skipped.
 */
static const char *const calls[] = {
    /* open files and sockets */
    "read", "write", "readv", "writev", "pread64", "preadv", "close",
    "close_range", "lseek", "_llseek", "fstat", "fstat64", "fcntl", "fcntl64",
    "dup", "dup3", "sendfile", "sendfile64", "recvfrom", "recvmsg", "recv",
    "sendto", "sendmsg", "send", "shutdown", "accept", "accept4", "listen",
    "getsockopt", "setsockopt", "getsockname", "getpeername", "poll", "ppoll",
    "select", "pselect6", "_newselect", "epoll_create", "epoll_create1",
    "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2",
    "pipe2", "timerfd_create", "timerfd_settime", "timerfd_gettime",
    /* files by name, read only; open() is below */
    "stat", "lstat", "stat64", "lstat64", "newfstatat", "fstatat64", "statx",
    "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getcwd",
    "getdents", "getdents64", "statfs", "fstatfs",
    /* memory: mmap() and mprotect() are below */
    "brk", "munmap", "mremap", "madvise", "membarrier",
    /* threads and signals */
    "futex", "futex_time64", "futex_waitv", "set_robust_list",
    "get_robust_list", "rseq", "set_tid_address", "sched_yield",
    "sched_getaffinity", "sched_setaffinity", "sched_getparam",
    "sched_getscheduler", "getcpu", "gettid", "getpid", "getppid", "getuid",
    "geteuid", "getgid", "getegid", "exit", "exit_group", "restart_syscall",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait",
    "rt_sigtimedwait_time64", "rt_sigpending", "rt_sigsuspend", "sigreturn",
    "sigaltstack",
    /* time, randomness and the machine */
    "clock_gettime", "clock_gettime64", "clock_getres", "clock_nanosleep",
    "clock_nanosleep_time64", "nanosleep", "gettimeofday", "time", "times",
    "getrandom", "uname", "sysinfo", "getrusage", "getrlimit", "ugetrlimit"};

/* Allowed if (argument & mask) == value. */
static const struct rule {
    const char *call;
    unsigned argument;
    uint64_t mask, value;
} rules[] = {
    {"open", 1, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY},
    {"openat", 2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY},
    {"mmap", 2, PROT_EXEC, 0},
    {"mmap2", 2, PROT_EXEC, 0},
    {"mprotect", 2, PROT_EXEC, 0},
    {"clone", 0, CLONE_THREAD | CLONE_NEWUSER, CLONE_THREAD},
    {"prctl", 0, UINT32_MAX, PR_SET_NAME},
    {"prctl", 0, UINT32_MAX, PR_GET_NAME},
    {"prctl", 0, UINT32_MAX, PR_GET_DUMPABLE},
    {"prctl", 0, UINT32_MAX, 0x53564d41},  /* PR_SET_VMA: names of mappings */
    {"arch_prctl", 0, UINT32_MAX, 0x1023}, /* ARCH_REQ_XCOMP_PERM: for AMX */
    {"ioctl", 1, UINT32_MAX, FIONBIO},
    {"ioctl", 1, UINT32_MAX, FIONREAD},
    {"ioctl", 1, UINT32_MAX, TCGETS},
};

static int add_call(scmp_filter_ctx filter, const char *name, uint32_t action,
                    unsigned num_args, struct scmp_arg_cmp arg)
{
    int number = seccomp_syscall_resolve_name(name);

    if (number == __NR_SCMP_ERROR)
        return 0;
    return seccomp_rule_add_array(filter, action, number, num_args, &arg);
}

/* A thread may signal threads of its own process, as abort() does. */
static int add_own(scmp_filter_ctx filter)
{
    struct scmp_arg_cmp self = {0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0};
    struct scmp_arg_cmp zero = {0, SCMP_CMP_EQ, 0, 0};
    int code = add_call(filter, "tgkill", SCMP_ACT_ALLOW, 1, self);

    if (code == 0)
        code = add_call(filter, "prlimit64", SCMP_ACT_ALLOW, 1, zero);
    return code;
}

static int fill(scmp_filter_ctx filter, bool unlinks)
{
    struct scmp_arg_cmp none = {0};
    int code = add_own(filter);

    if (unlinks && code == 0)
        code = add_call(filter, "unlink", SCMP_ACT_ALLOW, 0, none);
    if (unlinks && code == 0)
        code = add_call(filter, "unlinkat", SCMP_ACT_ALLOW, 0, none);

    for (size_t i = 0; i < sizeof calls / sizeof calls[0] && code == 0; i++)
        code = add_call(filter, calls[i], SCMP_ACT_ALLOW, 0, none);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0] && code == 0; i++) {
        struct scmp_arg_cmp arg = {rules[i].argument, SCMP_CMP_MASKED_EQ,
                                   rules[i].mask, rules[i].value};

        code = add_call(filter, rules[i].call, SCMP_ACT_ALLOW, 1, arg);
    }
    /* Its flags cannot be filtered. With ENOSYS the C library uses clone(). */
    if (code == 0)
        code = add_call(filter, "clone3", SCMP_ACT_ERRNO(ENOSYS), 0, none);
    return code;
}

static bool enter_seccomp(const struct sandbox *sandbox, struct error *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int code;

    if (!filter)
        return fail(err, ERROR_MEMORY,
                    "seccomp: not enough memory for the filter");
    code = fill(filter, sandbox->socket != NULL);
    if (code == 0)
        code = seccomp_load(filter);
    seccomp_release(filter);
    return code == 0 || fail(err, ERROR_IO, "seccomp: %s", strerror(-code));
}

/* ---- all of it ---- */

static bool drop_privileges(struct error *err)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)
        return true;
    return fail(err, ERROR_IO, "prctl: %s", strerror(errno));
}

unsigned sandbox_enter(const struct sandbox *sandbox, struct error *err)
{
    unsigned parts = 0;

    if (!sandbox_can()) {
        fail(err, ERROR_UNSUPPORTED,
             "not available in a build with sanitizers");
        return 0;
    }
    if (!drop_privileges(err))
        return 0;
    parts |= SANDBOX_PRIVILEGES;
    if (enter_landlock(sandbox, err))
        parts |= SANDBOX_LANDLOCK;
    if (enter_seccomp(sandbox, err))
        parts |= SANDBOX_SECCOMP;
    return parts;
}
