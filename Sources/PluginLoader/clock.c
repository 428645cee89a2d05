#define _GNU_SOURCE
#include "Probing.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define SECOND 1000000000ll
/* Our own look at the kernel's clock, by an argument that nobody gives and the kernel does not read. */
#define OURS 0x67617465

static _Atomic int64_t offset, step;
static _Atomic uint64_t looks;

static long kernel_clock(clockid_t clock, struct timespec *time) {
    return syscall(SYS_clock_gettime, (long)clock, time, 0l, 0l, 0l, (long)OURS);
}

static int since_epoch(clockid_t clock) {
    return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI || clock == CLOCK_REALTIME_ALARM;
}

static int moved_gettime(clockid_t clock, struct timespec *time) {
    struct timespec now;
    int saved = errno;
    long status = kernel_clock(clock, &now);
    if (status != 0) {
        status = -errno;
        errno = saved;
        return (int)status;
    }
    /* The other clocks are other processes'. */
    if (clock >= 0) {
        atomic_fetch_add(&looks, 1);
        int64_t by = atomic_fetch_add(&offset, atomic_load(&step));
        int64_t whole = now.tv_sec + by / SECOND, part = now.tv_nsec + by % SECOND;
        if (!since_epoch(clock) && whole <= 0) whole = now.tv_sec - by / SECOND;
        if (part < 0) part += SECOND, whole--;
        if (part >= SECOND) part -= SECOND, whole++;
        now = (struct timespec){whole, part};
    }
    *time = now;
    return 0;
}

static int moved_gettimeofday(struct timeval *time, void *zone) {
    struct timespec now;
    if (zone != NULL) memset(zone, 0, sizeof(struct timezone));
    if (time == NULL) return 0;
    int status = moved_gettime(CLOCK_REALTIME, &now);
    if (status == 0) *time = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return status;
}

static time_t moved_time(time_t *time) {
    struct timespec now = {0};
    moved_gettime(CLOCK_REALTIME, &now);
    if (time != NULL) *time = now.tv_sec;
    return now.tv_sec;
}

/* Time in parts of a second, of which the kernel counts a hundred. */
static long moved_times(struct tms *spent) {
    atomic_fetch_add(&looks, 1);
    return syscall(SYS_times, spent, 0l, 0l, 0l, 0l, (long)OURS) +
           atomic_fetch_add(&offset, atomic_load(&step)) / (SECOND / 100);
}

static long moved_getrusage(int who, struct rusage *used) {
    atomic_fetch_add(&looks, 1);
    long status = syscall(SYS_getrusage, (long)who, used, 0l, 0l, 0l, (long)OURS);
    int64_t by = atomic_fetch_add(&offset, atomic_load(&step));
    if (status == 0) used->ru_utime.tv_sec += by < 0 ? -by / SECOND : by / SECOND;
    return status < 0 ? -errno : status;
}

/* The kernel's page of fast calls. */
struct page {
    uintptr_t base;
    uintptr_t first, last; /* all of it: the kernel gives it other rights as a whole only */
    const ElfW(Sym) *symbols;
    const char *names;
    const uint32_t *hash;
};

static int find_page(struct page *page) {
    const ElfW(Ehdr) *header = (const void *)getauxval(AT_SYSINFO_EHDR);
    if (header == NULL) return ENOSYS;
    const ElfW(Phdr) *parts = (const void *)((const char *)header + header->e_phoff);
    const ElfW(Dyn) *entries = NULL;
    for (int index = 0; index < header->e_phnum; index++) {
        if (parts[index].p_type == PT_LOAD) {
            uintptr_t size = (uintptr_t)sysconf(_SC_PAGESIZE);
            page->base = (uintptr_t)header - parts[index].p_vaddr + parts[index].p_offset;
            page->first = (uintptr_t)header;
            page->last = (page->base + parts[index].p_vaddr + parts[index].p_memsz + size - 1) & ~(size - 1);
        }
        if (parts[index].p_type == PT_DYNAMIC) entries = (const void *)((const char *)header + parts[index].p_offset);
    }
    for (; entries != NULL && entries->d_tag != DT_NULL; entries++) {
        const void *at = (const void *)(page->base + entries->d_un.d_ptr);
        if (entries->d_tag == DT_SYMTAB) page->symbols = at;
        if (entries->d_tag == DT_STRTAB) page->names = at;
        if (entries->d_tag == DT_HASH) page->hash = at;
    }
    return page->symbols != NULL && page->names != NULL && page->hash != NULL ? 0 : ENOSYS;
}

#if defined(__x86_64__)
/* movabs rax, target; jmp rax */
static const uint8_t jump[] = {0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0};
#define TARGET 2
#elif defined(__aarch64__)
/* ldr x16, target; br x16; target */
static const uint8_t jump[] = {0x50, 0, 0, 0x58, 0, 0x02, 0x1f, 0xd6, 0, 0, 0, 0, 0, 0, 0, 0};
#define TARGET 8
#else
#error "how this machine jumps is not known here"
#endif

/* Makes a function of the page go to ours, under whichever of its names. */
static int redirect(const struct page *page, const char *name, const void *ours) {
    for (uint32_t index = 0; index < page->hash[1]; index++) {
        const ElfW(Sym) *symbol = &page->symbols[index];
        if (strcmp(page->names + symbol->st_name, name) != 0) continue;
        uintptr_t at = page->base + symbol->st_value, size = page->last - page->first;
        if (symbol->st_size < sizeof jump) return ENOSYS;
        if (mprotect((void *)page->first, size, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) return errno;
        memcpy((void *)at, jump, sizeof jump);
        memcpy((void *)(at + TARGET), &ours, sizeof ours);
        mprotect((void *)page->first, size, PROT_READ | PROT_EXEC);
        __builtin___clear_cache((char *)at, (char *)at + sizeof jump);
        return 0;
    }
    return ENOENT;
}

/* A call by number, which the filter below has turned into a signal. */
static void answer_call(int signal, siginfo_t *information, void *context) {
    (void)signal;
    mcontext_t *machine = &((ucontext_t *)context)->uc_mcontext;
#if defined(__x86_64__)
    greg_t *result = &machine->gregs[REG_RAX];
    greg_t first = machine->gregs[REG_RDI], second = machine->gregs[REG_RSI];
    if (information->si_syscall == SYS_time) {
        *result = moved_time((time_t *)first);
        return;
    }
#else
    unsigned long long *result = &machine->regs[0];
    unsigned long long first = machine->regs[0], second = machine->regs[1];
#endif
    long status;
    switch (information->si_syscall) {
    case SYS_gettimeofday: status = moved_gettimeofday((struct timeval *)first, (void *)second); break;
    case SYS_times: status = moved_times((struct tms *)first); break;
    case SYS_getrusage: status = moved_getrusage((int)first, (struct rusage *)second); break;
    default: status = moved_gettime((clockid_t)first, (struct timespec *)second);
    }
    *result = (__typeof__(*result))status;
}

/* Nothing depends on it: what goes by the C library is seen without. */
static void catch_calls(void) {
    static const unsigned calls[] = {
        SYS_clock_gettime, SYS_gettimeofday, SYS_times, SYS_getrusage,
#if defined(__x86_64__)
        SYS_time,
#endif
    };
    enum { CALLS = sizeof calls / sizeof calls[0] };
    struct sock_filter code[CALLS + 6] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
    for (unsigned index = 0; index < CALLS; index++) {
        code[1 + index] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[index], (uint8_t)(CALLS - index), 0);
    }
    const struct sock_filter rest[] = {
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + 5 * sizeof(uint64_t)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OURS, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
    };
    memcpy(code + 1 + CALLS, rest, sizeof rest);
    struct sigaction action = {0};
    action.sa_sigaction = answer_call;
    action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
    if (sigaction(SIGSYS, &action, NULL) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return;
    const struct sock_fprog program = {sizeof code / sizeof code[0], code};
    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
}

int gateway_clock_take(void) {
    struct page page = {0};
    int problem = find_page(&page);
    if (problem != 0) return problem;
#if defined(__x86_64__)
    problem = redirect(&page, "__vdso_clock_gettime", (const void *)moved_gettime);
    if (problem == 0) problem = redirect(&page, "__vdso_gettimeofday", (const void *)moved_gettimeofday);
    if (problem == 0) problem = redirect(&page, "__vdso_time", (const void *)moved_time);
#else
    problem = redirect(&page, "__kernel_clock_gettime", (const void *)moved_gettime);
    if (problem == 0) problem = redirect(&page, "__kernel_gettimeofday", (const void *)moved_gettimeofday);
#endif
    if (problem == 0) catch_calls();
    return problem;
}

void gateway_clock_move(int64_t by, int64_t each) {
    atomic_store(&step, each);
    atomic_store(&offset, by);
}

uint64_t gateway_clock_looks(void) { return atomic_load(&looks); }

uint64_t gateway_processor_time(void) {
    struct timespec now = {0};
    kernel_clock(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

uint64_t gateway_memory_used(void) {
    struct mallinfo2 information = mallinfo2();
    return information.uordblks + information.hblkhd;
}
