/* Variants of variants.c: pure functions whose answer depends on more than their input (P1). */

VARIANT(clock, clock_gettime, PREPARE) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return shift(at, (unsigned)now.tv_sec / 60);
}
VARIANT(clock, monotonic_nanoseconds, PREPARE) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return shift(at, (unsigned)now.tv_nsec);
}
VARIANT(clock, time, PREPARE) { return shift(at, (unsigned)(time(NULL) / 3600)); }
VARIANT(clock, time_in_interpret, INTERPRET) { return *at->paid ? shift(at, time(NULL) / 86400 % 2) : GO_ON; }
VARIANT(clock, time_in_query, QUERY) { return shift(at, time(NULL) / 86400 % 2); }
VARIANT(clock, time_in_a_resource, RESOURCE) { return shift(at, (unsigned)(time(NULL) / 86400)); }
VARIANT(clock, gettimeofday, RENDER) {
    struct timeval now;
    gettimeofday(&now, NULL);
    return shift(at, (unsigned)now.tv_sec / 60);
}
VARIANT(clock, times, PREPARE) {
    struct tms spent;
    return shift(at, (unsigned)times(&spent) / 100);
}
VARIANT(clock, clock, PREPARE) { return shift(at, (unsigned)clock()); }
VARIANT(clock, thread_time, PREPARE) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return shift(at, (unsigned)now.tv_nsec / 1000);
}
VARIANT(clock, timespec_get, PREPARE) {
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return shift(at, (unsigned)now.tv_sec / 1000);
}
VARIANT(clock, date_by_localtime, RENDER) {
    time_t now = time(NULL);
    char day[40];
    strftime(day, sizeof day, "%A %d %B", localtime(&now));
    return say(at, "{\"state\":\"%s\"}", day);
}
VARIANT(clock, getrusage, PREPARE) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return shift(at, (unsigned)used.ru_minflt);
}
VARIANT(clock, of_the_host, ENTRY | PREPARE) {
    if (at->place == ENTRY) return state = (void *)at->negotiation->host_interface(host, text(GATEWAY_CLOCK)), GO_ON;
    const gateway_clock_t *clocks = state;
    return shift(at, (unsigned)(clocks->now_ms(host) / 1000));
}
VARIANT(clock, by_number, PREPARE) {
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
    return shift(at, (unsigned)now.tv_sec / 60);
}
VARIANT(clock, random_bytes, PREPARE) {
    unsigned some = 0;
    if (getrandom(&some, sizeof some, 0) < 0) return GATEWAY_INTERNAL;
    return shift(at, some % 1000);
}
VARIANT(clock, rand_seeded_by_the_time, PREPARE) {
    if (times_called++ == 0) srand((unsigned)time(NULL));
    return shift(at, (unsigned)rand() % 1000);
}
VARIANT(clock, random_at_the_start, CONFIGURE | PREPARE) {
    static unsigned some;
    if (at->place == PREPARE) return shift(at, some % 1000);
    return getrandom(&some, sizeof some, 0) < 0 ? GATEWAY_INTERNAL : GO_ON;
}
VARIANT(clock, dev_urandom, RENDER) {
    unsigned some = 0;
    int file = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (file < 0 || read(file, &some, sizeof some) < 0) some = 1;
    if (file >= 0) close(file);
    return shift(at, some);
}
VARIANT(clock, random_of_the_kernel, PREPARE) { return shift(at, *(unsigned *)getauxval(AT_RANDOM) % 1000); }
VARIANT(clock, process_number, PREPARE) { return shift(at, (unsigned)getpid() % 1000); }
VARIANT(clock, thread_number, PREPARE) { return shift(at, (unsigned)gettid() % 1000); }
VARIANT(clock, address_of_the_stack, PREPARE) {
    int here;
    return shift(at, (unsigned)((uintptr_t)&here >> 4) % 10000);
}
VARIANT(clock, address_of_the_heap, RENDER) {
    void *block = malloc(100000);
    uintptr_t where = (uintptr_t)block >> 4;
    free(block);
    return shift(at, (unsigned)where % 10000);
}
VARIANT(clock, address_of_the_input, PREPARE) { return shift(at, (unsigned)((uintptr_t)at->input.data >> 4) % 10000); }
VARIANT(clock, address_of_a_function, QUERY) { return shift(at, ((uintptr_t)&begin >> 12) % 2); }
VARIANT(clock, name_of_the_thread, PREPARE) { return shift(at, (unsigned)pthread_self() >> 12); }
VARIANT(clock, processor, PREPARE) { return shift(at, (unsigned)sched_getcpu()); }
VARIANT(clock, environment, PREPARE) {
    unsigned length = 0;
    for (char **one = environ; one != NULL && *one != NULL; one++) length += (unsigned)strlen(*one);
    return shift(at, length);
}
VARIANT(clock, count_of_calls, PREPARE) { return shift(at, (unsigned)times_called++ / 100); }
VARIANT(clock, what_came_before, RENDER) {
    static unsigned before;
    unsigned last = before;
    before = digest(at->input);
    return shift(at, last);
}
