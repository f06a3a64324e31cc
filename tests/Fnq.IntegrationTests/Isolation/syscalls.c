/* Tells which system calls a sandbox lets through. Static, shipped in a zip as `bootstrap`, its own Runtime API client.
 *
 * "decide": each call is made in a child that has stacked a filter of its own, which answers everything by
 * SECCOMP_RET_TRACE. Nobody traces, so the kernel answers ENOSYS and does not run the call; a refusal of the sandbox's
 * filter ranks above that. So ENOSYS means let through, EPERM or a deadly signal means refused, and nothing happens.
 * "run": without that filter, with -1 for every argument.
 *
 * The event may name calls: "calls":"56:17,135:8" are a number and its first arguments. The answer has an array for each
 * ABI, one value a number: minus errno or the result, 1000 + signal, or one of the values below.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NATIVE, X32, I386 };
enum { NUMBERS = 548, ARGUMENTS = 6, EVENT_BYTES = 65536, ANSWER_BYTES = 65536 };
enum { DIED_BY_SIGNAL = 1000, EXITED = 2000, NEVER_RETURNED = 3000, UNANSWERED = 4000 };
static const struct timespec PATIENCE = { 0, 300000000 };

static volatile long *result; /* shared with the child, which may have no system call left */

static long make_call(int abi, long number, const long *a)
{
    long answer;
    if (abi == I386) {
        __asm__ volatile("int $0x80"
                         : "=a"(answer)
                         : "a"(number), "b"(a[0]), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4])
                         : "memory", "r8", "r9", "r10", "r11");
        return (int)answer;
    }
    register long fourth __asm__("r10") = a[3], fifth __asm__("r8") = a[4], sixth __asm__("r9") = a[5];
    __asm__ volatile("syscall"
                     : "=a"(answer)
                     : "a"(abi == X32 ? number | 0x40000000 : number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(fourth), "r"(fifth), "r"(sixth)
                     : "rcx", "r11", "memory");
    return answer;
}

static int stack_filter(void)
{
    struct sock_filter trace = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
    struct sock_fprog program = { 1, &trace };
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

static long probe(int is_run, int abi, long number, const long *arguments)
{
    int status;
    sigset_t ended;
    sigemptyset(&ended);
    sigaddset(&ended, SIGCHLD);
    *result = UNANSWERED;
    pid_t child = fork();
    if (child == 0) {
        if (!is_run && stack_filter())
            _exit(1);
        *result = make_call(abi, number, arguments);
        __builtin_trap(); /* the one end that needs no system call */
    }
    if (child < 0)
        return UNANSWERED;
    int is_late = sigtimedwait(&ended, NULL, &PATIENCE) < 0;
    if (is_late)
        kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    if (*result != UNANSWERED)
        return *result;
    return is_late ? NEVER_RETURNED : WIFSIGNALED(status) ? DIED_BY_SIGNAL + WTERMSIG(status) : EXITED;
}

static size_t all_numbers(int is_run, int abi, const char *name, char *out)
{
    const long arguments[ARGUMENTS] = { -1, -1, -1, -1, -1, -1 };
    size_t used = (size_t)sprintf(out, "\"%s\":[", name);
    for (long number = 0; number < NUMBERS; number++)
        used += (size_t)sprintf(out + used, "%s%ld", number ? "," : "", probe(is_run, abi, number, arguments));
    return used + (size_t)sprintf(out + used, "],");
}

static size_t named_calls(int is_run, const char *text, char *out)
{
    size_t used = (size_t)sprintf(out, "\"calls\":[");
    for (int count = 0; text && *text >= '0' && *text <= '9'; count++) {
        char *rest;
        long arguments[ARGUMENTS] = { 0 }, number = strtol(text, &rest, 10);
        for (int i = 0; i < ARGUMENTS && *rest == ':'; i++)
            arguments[i] = (long)strtoull(rest + 1, &rest, 10);
        used += (size_t)sprintf(out + used, "%s%ld", count ? "," : "", probe(is_run, NATIVE, number, arguments));
        text = *rest == ',' ? rest + 1 : NULL;
    }
    return used + (size_t)sprintf(out + used, "]");
}

static int dial(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(9001), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address))
        exit(2);
    return fd;
}

static void send_all(int fd, const char *text, size_t length)
{
    while (length) {
        ssize_t n = write(fd, text, length);
        if (n <= 0)
            exit(3);
        text += n;
        length -= (size_t)n;
    }
}

/* The whole answer, head and body, ended by NUL. */
static void receive(int fd, char *into, size_t room)
{
    size_t used = 0;
    for (;;) {
        ssize_t n = read(fd, into + used, room - 1 - used);
        if (n < 0)
            exit(4);
        used += (size_t)n;
        into[used] = 0;
        char *body = strstr(into, "\r\n\r\n"), *length = strcasestr(into, "Content-Length:");
        if (n == 0 || (body && length && used >= (size_t)(body + 4 - into) + strtoul(length + 15, NULL, 10)))
            return;
    }
}

int main(void)
{
    static char event[EVENT_BYTES], answer[ANSWER_BYTES], head[512];
    sigset_t ended;
    sigemptyset(&ended);
    sigaddset(&ended, SIGCHLD);
    sigprocmask(SIG_BLOCK, &ended, NULL);
    result = mmap(NULL, sizeof *result, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (;;) {
        int fd = dial();
        const char *next = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n\r\n";
        send_all(fd, next, strlen(next));
        receive(fd, event, sizeof event);
        close(fd);
        char *id = strcasestr(event, "Lambda-Runtime-Aws-Request-Id:"), *calls = strstr(event, "\"calls\":\"");
        if (!id)
            return 5;
        id += 30 + strspn(id + 30, " ");
        int is_run = strstr(event, "\"run\"") != NULL;
        size_t used = (size_t)sprintf(answer, "{");
        if (!calls) {
            used += all_numbers(is_run, NATIVE, "native", answer + used);
            used += all_numbers(is_run, X32, "x32", answer + used);
            used += all_numbers(is_run, I386, "i386", answer + used);
        }
        used += named_calls(is_run, calls ? calls + 9 : NULL, answer + used);
        used += (size_t)sprintf(answer + used, "}");
        int length = snprintf(
            head, sizeof head,
            "POST /2018-06-01/runtime/invocation/%.*s/response HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nContent-Length: %zu\r\n\r\n",
            (int)strcspn(id, "\r"), id, used);
        fd = dial();
        send_all(fd, head, (size_t)length);
        send_all(fd, answer, used);
        receive(fd, event, sizeof event);
        close(fd);
    }
}
