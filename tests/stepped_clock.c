/*
 * A wall clock that was set, for one process: to be preloaded (ld.so(8)).
 *
 * The file named by FTR_CLOCK_STEPS holds struct steps. The clock as the process reads it, and the
 * kernel's stamps on what it receives (SCM_TIMESTAMPNS, SCM_TIMESTAMPING), are off by the offset of
 * the latest step that had come at that time: what was stamped before a step keeps the old one.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NANO 1000000000LL
#define MOST 1000

struct steps {
    int64_t count;
    struct { int64_t at_ns, offset_ns; } step[MOST]; /* by the true wall clock, ascending */
};

static const struct steps *steps;
static int (*real_clock_gettime)(clockid_t, struct timespec *);
static ssize_t (*real_recvmsg)(int, struct msghdr *, int);
static int (*real_recvmmsg)(int, struct mmsghdr *, unsigned, int, struct timespec *);

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("FTR_CLOCK_STEPS");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    real_recvmsg = dlsym(RTLD_NEXT, "recvmsg");
    real_recvmmsg = dlsym(RTLD_NEXT, "recvmmsg");
    if (file >= 0) {
        void *mapped = mmap(NULL, sizeof(struct steps), PROT_READ, MAP_SHARED, file, 0);
        if (mapped != MAP_FAILED)
            steps = mapped;
        close(file);
    }
}

static void set(struct timespec *time)
{
    int64_t true_ns = time->tv_sec * NANO + time->tv_nsec, ns = true_ns;
    int64_t count = steps ? __atomic_load_n(&steps->count, __ATOMIC_ACQUIRE) : 0;
    for (int64_t i = count - 1; i >= 0; i--)
        if (steps->step[i].at_ns <= true_ns) {
            ns += steps->step[i].offset_ns;
            break;
        }
    time->tv_sec = ns / NANO;
    time->tv_nsec = ns % NANO;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    if (!real_clock_gettime) /* before our own start */
        real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real_clock_gettime(clock, time);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        set(time);
    return result;
}

int gettimeofday(struct timeval *time, void *zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *seconds)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (seconds)
        *seconds = now.tv_sec;
    return now.tv_sec;
}

static void set_stamps(struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET)
            continue;
        if (c->cmsg_type != SCM_TIMESTAMPNS && c->cmsg_type != SCM_TIMESTAMPING)
            continue;
        if (c->cmsg_len < CMSG_LEN(sizeof(struct timespec)))
            continue;
        /* The first of SCM_TIMESTAMPING is the software stamp; 0 says that there is none. */
        struct timespec *stamp = (struct timespec *)CMSG_DATA(c);
        if (stamp->tv_sec)
            set(stamp);
    }
}

ssize_t recvmsg(int descriptor, struct msghdr *message, int flags)
{
    ssize_t result = real_recvmsg(descriptor, message, flags);
    if (result >= 0)
        set_stamps(message);
    return result;
}

int recvmmsg(int descriptor, struct mmsghdr *messages, unsigned count, int flags,
             struct timespec *timeout)
{
    int result = real_recvmmsg(descriptor, messages, count, flags, timeout);
    for (int i = 0; i < result; i++)
        set_stamps(&messages[i].msg_hdr);
    return result;
}
