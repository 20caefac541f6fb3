/* The sandbox: each test tries, in a process of its own, what is forbidden, and
 * what is not. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/sandbox.h"

#include <cmocka.h>

static char folder[] = "/tmp/wherefore-sandbox-XXXXXX";
static char inside[64], models[64], file[80], outside[64];

/* A file that is not to be read, and one below the folder that is. */
static int set_up(void **state)
{
    int fd;

    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(inside, sizeof inside, "%s/in", folder);
    snprintf(models, sizeof models, "%s/in/model", folder);
    snprintf(file, sizeof file, "%s/in/model/file", folder);
    snprintf(outside, sizeof outside, "%s/out", folder);
    if (mkdir(inside, 0755) != 0 || mkdir(models, 0755) != 0)
        return -1;
    fd = open(file, O_CREAT | O_WRONLY, 0644);
    close(fd);
    fd = open(outside, O_CREAT | O_WRONLY, 0644);
    close(fd);
    return fd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(file);
    rmdir(models);
    rmdir(inside);
    unlink(outside);
    return rmdir(folder);
}

static bool opens(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool is_denied(long result)
{
    return result < 0 && (errno == EPERM || errno == EACCES || errno == ENOSYS);
}

static void *nothing(void *arg)
{
    return arg;
}

static bool starts_thread(void)
{
    pthread_t thread;

    return pthread_create(&thread, NULL, nothing, NULL) == 0 &&
           pthread_join(thread, NULL) == 0;
}

/* Whether the kernel is asked for the registers of AMX: it may say that the
 * processor has none. */
static bool asks_for_registers(void)
{
#ifdef SYS_arch_prctl
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };

    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0 ||
           errno != EPERM;
#else
    return true;
#endif
}

/* X(what, whether it is as it should be) */
#define TRIALS(X)                                                              \
    X("reads below the folder", opens(file, O_RDONLY))                         \
    X("reads about the processor", opens("/proc/cpuinfo", O_RDONLY))           \
    X("starts threads", starts_thread())                                       \
    X("has memory", mmap(NULL, 4096, PROT_READ | PROT_WRITE,                   \
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)    \
    X("asks for registers", asks_for_registers())                              \
    X("has no executable memory",                                              \
      mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, \
           0) == MAP_FAILED)                                                   \
    X("writes no file that is there", !opens(file, O_WRONLY))                  \
    X("makes no file", !opens("/tmp/wherefore-made", O_RDWR | O_CREAT))        \
    X("makes no file without a name", !opens("/tmp", O_RDWR | O_TMPFILE))      \
    X("shortens no file", is_denied(truncate(outside, 0)))                     \
    X("removes no file", is_denied(unlink(outside)))                           \
    X("renames no file", is_denied(rename(outside, file)))                     \
    X("makes no folder", is_denied(mkdir("/tmp/wherefore-made", 0700)))        \
    X("changes no permissions", is_denied(chmod(outside, 0777)))               \
    X("starts no program", is_denied(execl("/bin/true", "true", NULL)))        \
    X("starts no process", is_denied(fork()))                                  \
    X("traces nobody", is_denied(ptrace(PTRACE_ATTACH, getppid(), 0, 0)))      \
    X("reads nobody's memory",                                                 \
      is_denied(                                                               \
          syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0)))      \
    X("ends nobody", is_denied(kill(getppid(), 0)))                            \
    X("makes no TCP socket", is_denied(socket(AF_INET, SOCK_STREAM, 0)))       \
    X("makes no Unix socket", is_denied(socket(AF_UNIX, SOCK_STREAM, 0)))      \
    X("makes no raw socket", is_denied(socket(AF_PACKET, SOCK_RAW, 0)))        \
    X("connects to nobody", is_denied(connect(0, NULL, 0)))                    \
    X("mounts nothing", is_denied(mount("a", "/tmp", "tmpfs", 0, NULL)))       \
    X("loads no bpf", is_denied(syscall(SYS_bpf, 0, NULL, 0)))                 \
    X("has no new namespaces", is_denied(unshare(CLONE_NEWUSER)))              \
    X("asks no keys", is_denied(syscall(SYS_keyctl, 0, 0, 0, 0, 0)))           \
    X("has no io_uring", is_denied(syscall(SYS_io_uring_setup, 1, NULL)))      \
    X("becomes nobody else", is_denied(setuid(1)))                             \
    X("dumps no core", prctl(PR_GET_DUMPABLE) == 0)

/* Only landlock knows folders. */
#define LANDLOCK_TRIALS(X)                                   \
    X("reads nothing else", !opens(outside, O_RDONLY))       \
    X("reads no passwords", !opens("/etc/passwd", O_RDONLY)) \
    X("lists no other folder", !opens("/", O_RDONLY | O_DIRECTORY))

static int try_all(unsigned parts)
{
    int failures = 0;

#define X(what, ok)                            \
    if (!(ok)) {                               \
        fprintf(stderr, "not so: %s\n", what); \
        failures++;                            \
    }
    TRIALS(X)
    if (parts & SANDBOX_LANDLOCK) {
        LANDLOCK_TRIALS(X)
    }
#undef X
    return failures;
}

static int in_child(int (*work)(void))
{
    int status = 0;
    pid_t child = fork();

    if (child == 0)
        _exit(work());
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

enum { NO_SANDBOX = 99 };

static int enter_and_try(void)
{
    struct sandbox sandbox = {0};
    struct error err = {0};
    unsigned parts;

    sandbox_allow(&sandbox, "");
    sandbox_allow(&sandbox, models);
    parts = sandbox_enter(&sandbox, &err);
    if (parts != SANDBOX_ALL)
        fprintf(stderr, "parts %u: %s\n", parts, err.text);
    if (!(parts & SANDBOX_SECCOMP))
        return NO_SANDBOX;
    return try_all(parts);
}

static void what_is_not_needed_is_denied(void **state)
{
    int status = in_child(enter_and_try);

    (void)state;
    if (status == NO_SANDBOX)
        skip();
    assert_int_equal(status, 0);
}

/* The folder itself is in /tmp. */
static int enter_and_read(void)
{
    struct sandbox sandbox = {0};
    struct error err = {0};

    sandbox_allow(&sandbox, folder);
    if (!(sandbox_enter(&sandbox, &err) & SANDBOX_LANDLOCK))
        return NO_SANDBOX;
    if (opens("/tmp", O_RDONLY | O_DIRECTORY))
        return 1;
    return opens(file, O_RDONLY) ? 0 : 2;
}

static void a_folder_of_everybody_is_not_opened(void **state)
{
    int status = in_child(enter_and_read);

    (void)state;
    if (status == NO_SANDBOX)
        skip();
    assert_int_equal(status, 0);
}

static int enter_and_remove(void)
{
    struct sandbox sandbox = {.socket = file};
    struct error err = {0};
    unsigned parts = sandbox_enter(&sandbox, &err);

    if (!(parts & SANDBOX_SECCOMP))
        return NO_SANDBOX;
    if ((parts & SANDBOX_LANDLOCK) && !is_denied(unlink(outside)))
        return 1;
    return unlink(file) == 0 ? 0 : 2;
}

static void a_socket_may_be_removed_where_it_is(void **state)
{
    int status = in_child(enter_and_remove);

    (void)state;
    if (status == NO_SANDBOX)
        skip();
    assert_int_equal(status, 0);
}

static void a_sanitized_build_says_that_it_has_none(void **state)
{
    struct sandbox sandbox = {0};
    struct error err = {0};

    (void)state;
    if (sandbox_can())
        skip();
    assert_int_equal(sandbox_enter(&sandbox, &err), 0);
    assert_int_equal(err.kind, ERROR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_needed_is_denied),
        cmocka_unit_test(a_folder_of_everybody_is_not_opened),
        cmocka_unit_test(a_socket_may_be_removed_where_it_is),
        cmocka_unit_test(a_sanitized_build_says_that_it_has_none),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
