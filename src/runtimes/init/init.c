/* Process 1 of every sandbox: starts the runtime, reaps orphans, kills on command, and ends when its worker does.
 *
 * fd 3 is a stream socket to the worker. Frames both ways: u32 LE payload length, one type byte, payload.
 *   worker -> init  S  start: cwd, argc (decimal), argv..., envp..., each ended by NUL
 *                   K  SIGKILL everything, answered by K when nothing is left; S may follow
 *                   T  SIGTERM to everything
 *   init -> worker  X  i32 LE: exit code of what S started, or minus the signal; not sent after K
 *                   F  i32 LE: errno, S could not be carried out; no X follows
 *                   K  all processes are gone
 * A hang-up or a frame that breaks these rules ends init, and the kernel then ends the pid namespace.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKER = 3, HEADER = 5, FRAME_BYTES_MAX = 1 << 20, POINTERS_MAX = 4096, PATH_BYTES_MAX = 4096 };

static unsigned char frame[HEADER + FRAME_BYTES_MAX + 1];
static size_t frame_used;
static char *strings[POINTERS_MAX + 2];
static pid_t child;     /* what S started, 0 if nothing runs */
static int killing;     /* a K waits for its answer */

static void quit(int status)
{
    kill(-1, SIGKILL);
    _exit(status);
}

static void answer(char type, int with_value, int32_t value)
{
    unsigned char out[HEADER + 4] = { with_value ? 4 : 0, 0, 0, 0, (unsigned char)type };
    for (int i = 0; i < 4; i++)
        out[HEADER + i] = (unsigned char)((uint32_t)value >> (8 * i));
    size_t length = HEADER + (with_value ? 4 : 0), sent = 0;
    while (sent < length) {
        ssize_t n = send(WORKER, out + sent, length - sent, MSG_NOSIGNAL);
        if (n > 0)
            sent += (size_t)n;
        else if (errno != EINTR)
            quit(0);
    }
}

static const char *path_of(char **envp)
{
    for (; *envp; envp++)
        if (!strncmp(*envp, "PATH=", 5))
            return *envp + 5;
    return "/usr/local/bin:/usr/bin:/bin";
}

/* execve with a search through the child's own PATH; returns errno. */
static int execute(char **argv, char **envp)
{
    static char file[PATH_BYTES_MAX];
    if (strchr(argv[0], '/')) {
        execve(argv[0], argv, envp);
        return errno;
    }
    int result = ENOENT;
    for (const char *path = path_of(envp); ; path++) {
        size_t folder = strcspn(path, ":"), name = strlen(argv[0]);
        if (folder && folder + name + 2 <= sizeof file) {
            memcpy(file, path, folder);
            file[folder] = '/';
            memcpy(file + folder + 1, argv[0], name + 1);
            execve(file, argv, envp);
            if (errno != ENOENT && errno != ENOTDIR)
                result = errno;
        }
        path += folder;
        if (!*path)
            return result;
    }
}

static int run_child(const char *cwd, char **argv, char **envp)
{
    sigset_t none;
    for (int s = 1; s < NSIG; s++)
        signal(s, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    setpriority(PRIO_PROCESS, 0, 0); /* the worker raises ours, so that a kill need not wait for its turn */
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, 0) < 0)
        return errno;
    if (null > 0)
        close(null);
    if (chdir(cwd))
        return errno;
    return execute(argv, envp);
}

static void start(char *cwd, char **argv, char **envp)
{
    int report[2], failure = 0;
    if (pipe2(report, O_CLOEXEC)) {
        answer('F', 1, errno);
        return;
    }
    child = fork();
    if (child == 0) {
        failure = run_child(cwd, argv, envp);
        ssize_t ignored = write(report[1], &failure, sizeof failure);
        (void)ignored;
        _exit(127);
    }
    if (child < 0) {
        failure = errno;
        child = 0;
    }
    close(report[1]);
    ssize_t n = 0;
    while (!failure && (n = read(report[0], &failure, sizeof failure)) < 0 && errno == EINTR)
        ;
    close(report[0]);
    if (failure) {
        if (child > 0)
            waitpid(child, NULL, 0);
        child = 0;
        answer('F', 1, failure);
    }
}

/* Splits the payload in place; a payload that does not fit is a protocol error. */
static void start_frame(char *payload, size_t length)
{
    size_t count = 0, argc;
    if (child || killing || !length || payload[length - 1])
        quit(2);
    for (char *p = payload; p < payload + length; p += strlen(p) + 1) {
        if (count == POINTERS_MAX)
            quit(2);
        strings[count++] = p;
    }
    if (count < 3 || (argc = strtoul(strings[1], NULL, 10)) < 1 || argc > count - 2)
        quit(2);
    char **argv = strings + 2, **envp = argv + argc;
    memmove(envp + 1, envp, (count - 2 - argc) * sizeof *envp);
    *envp++ = NULL;
    envp[count - 2 - argc] = NULL;
    start(strings[0], argv, envp);
}

static void reap(void)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == child) {
            child = 0;
            if (!killing)
                answer('X', 1, WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status));
        }
    if (killing && pid == 0)
        kill(-1, SIGKILL);
    if (killing && pid < 0 && errno == ECHILD) {
        killing = 0;
        answer('K', 0, 0);
    }
}

static void handle(char type, char *payload, size_t length)
{
    switch (type) {
    case 'S':
        start_frame(payload, length);
        break;
    case 'K':
        killing = 1;
        kill(-1, SIGKILL);
        reap();
        break;
    case 'T':
        kill(-1, SIGTERM);
        break;
    default:
        quit(2);
    }
}

static void receive(void)
{
    ssize_t n = recv(WORKER, frame + frame_used, sizeof frame - 1 - frame_used, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        quit(0);
    if (n > 0)
        frame_used += (size_t)n;
    while (frame_used >= HEADER) {
        size_t length = frame[0] | frame[1] << 8 | frame[2] << 16 | (size_t)frame[3] << 24;
        if (length > FRAME_BYTES_MAX)
            quit(2);
        if (frame_used < HEADER + length)
            return;
        handle((char)frame[4], (char *)frame + HEADER, length);
        frame_used -= HEADER + length;
        memmove(frame, frame + HEADER + length, frame_used);
        /* A start frame holds the function's credentials. */
        explicit_bzero(frame + frame_used, HEADER + length);
    }
}

int main(void)
{
    sigset_t all;
    struct signalfd_siginfo ignored;
    if (getpid() != 1) /* kill(-1) must stay inside a pid namespace of our own */
        return 1;
    prctl(PR_SET_DUMPABLE, 0);
    fcntl(WORKER, F_SETFD, FD_CLOEXEC);
    close_range(WORKER + 1, ~0U, 0);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    sigemptyset(&all);
    sigaddset(&all, SIGCHLD);
    struct pollfd fds[] = { { WORKER, POLLIN, 0 }, { signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK), POLLIN, 0 } };
    if (fds[1].fd < 0)
        return 1;
    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            quit(1);
        if (fds[1].revents) {
            while (read(fds[1].fd, &ignored, sizeof ignored) > 0)
                ;
            reap();
        }
        if (fds[0].revents)
            receive();
    }
}
