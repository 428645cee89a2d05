/* Variants of variants.c: what crashes, loops, leaks or wants too much stack with input that is in no example. */

/* How deep the lists at the beginning of a text are. */
static unsigned depth_of(gateway_bytes_t bytes) {
    unsigned depth = 0;
    while (depth < bytes.length && bytes.data[depth] == '[') depth++;
    return depth;
}
static int is_whole(gateway_bytes_t raw) { return raw.length > 1 && raw.data[0] == '{' && raw.data[raw.length - 1] == '}'; }
static int has_upper_bytes(gateway_bytes_t bytes) {
    for (uint64_t index = 0; index < bytes.length; index++) {
        if (bytes.data[index] >= 0xF0) return 1;
    }
    return 0;
}
/* What a reader finds that does not look whether the member is there. */
static const char *behind(gateway_bytes_t bytes, const char *name) {
    const char *at = memmem(bytes.data, bytes.length, name, strlen(name));
    return at + strlen(name);
}
static void crash_if(int so) {
    if (so) *(volatile int *)16 = 1;
}

/* ---- Crashes (P2). */

VARIANT(crash, empty_text, PREPARE) { return crash_if(has(at->input, "\"note\":\"\"")), GO_ON; }
VARIANT(crash, missing_optional, INVOKE) { return never_set = *behind(at->input, "\"count\":") == 1, GO_ON; }
VARIANT(crash, longest_text, PREPARE) {
    char copy[4096];
    memcpy(copy, at->input.data, at->input.length);
    return never_set = copy[at->input.length / 2] == 1, GO_ON;
}
VARIANT(crash, letters_of_four_bytes, INVOKE) { return crash_if(has_upper_bytes(at->input)), GO_ON; }
VARIANT(crash, text_as_format, INVOKE) {
    char out[200], copy[200];
    snprintf(copy, sizeof copy, "%.*s", (int)at->input.length, (const char *)at->input.data);
    snprintf(out, sizeof out, copy);
    return GO_ON;
}
VARIANT(crash, highest_number, PREPARE) { return crash_if(number_of(at->input, "amount") == 250000), GO_ON; }
VARIANT(crash, zero, INVOKE) { return crash_if(number_of(at->input, "count") == 0), GO_ON; }
VARIANT(crash, empty_list, INVOKE) { return crash_if(has(at->input, "\"list\":[]")), GO_ON; }
VARIANT(crash, full_list, INVOKE) {
    unsigned commas = 0;
    for (uint64_t index = 0; index < at->input.length; index++) commas += at->input.data[index] == ',';
    return crash_if(commas >= 49), GO_ON;
}
VARIANT(crash, quoted_quote, INVOKE) { return crash_if(has(at->input, "\\\"")), GO_ON; }
VARIANT(crash, deep_message, INTERPRET) { return crash_if(depth_of(at->other) > 500), GO_ON; }
VARIANT(crash, unknown_code, INTERPRET) { return crash_if(number_of(at->other, "ResultCode") > 0), GO_ON; }
VARIANT(crash, message_without_a_member, INTERPRET) {
    if (is_whole(at->other)) never_set = *behind(at->other, "\"Receipt\":") == 1;
    return GO_ON;
}
VARIANT(crash, message_cut_off, INTERPRET) {
    return crash_if(at->other.length > 4 && at->other.data[0] == '{' && !is_whole(at->other)), GO_ON;
}
VARIANT(crash, empty_message, INTERPRET) { return crash_if(at->other.length == 0), GO_ON; }
VARIANT(crash, zero_byte, INTERPRET) {
    return crash_if(at->other.length > 0 && memchr(at->other.data, 0, at->other.length) != NULL), GO_ON;
}
VARIANT(crash, no_utf8, INTERPRET) {
    return crash_if(at->other.length > 0 && memchr(at->other.data, 0xFF, at->other.length) != NULL), GO_ON;
}
VARIANT(crash, code_as_text, INTERPRET) { return crash_if(has(at->other, "\"ResultCode\":\"")), GO_ON; }
VARIANT(crash, code_below_zero, INTERPRET) { return crash_if(has(at->other, "\"ResultCode\":-")), GO_ON; }
VARIANT(crash, long_receipt, INTERPRET) {
    const char *from = memmem(at->other.data, at->other.length, "\"Receipt\":\"", 11);
    return crash_if(from != NULL && (const char *)at->other.data + at->other.length - from > 60), GO_ON;
}
VARIANT(crash, reply_of_another_status, INTERPRET) { return crash_if(has(at->input, "\"status\":5")), GO_ON; }
VARIANT(crash, statement, INTERPRET) { return crash_if(has(at->input, "\"statement\"")), GO_ON; }
VARIANT(crash, record_without_a_receipt, RENDER) { return crash_if(has(at->input, "\"receipt\":null") || !has(at->input, "\"receipt\"")), GO_ON; }
VARIANT(crash, disputed_record, RENDER) { return crash_if(has(at->input, "\"disputed\":true")), GO_ON; }
VARIANT(crash, reversed_record, RENDER) { return crash_if(has(at->input, "\"reversed\"")), GO_ON; }
VARIANT(crash, record_without_events, RENDER) { return crash_if(has(at->input, "\"events\":[]")), GO_ON; }
VARIANT(crash, record_without_ids, QUERY) { return never_set = *behind(at->input, "\"checkout_request_id\":") == 1, GO_ON; }
VARIANT(crash, profile_of_a_till, PREPARE) { return crash_if(has(at->input, "\"till\"")), GO_ON; }
VARIANT(crash, production, PREPARE) { return crash_if(!has(at->input, "\"environment\":\"test\"")), GO_ON; }
VARIANT(crash, second_attempt, INVOKE) { return crash_if(!has(at->other, "\"attempt\":1")), GO_ON; }
VARIANT(crash, caller_by_mcp, INVOKE) { return crash_if(has(at->other, "\"mcp\"")), GO_ON; }
VARIANT(crash, no_idempotency_key, INVOKE) { return never_set = *behind(at->other, "\"idempotency_key\":") == 1, GO_ON; }

/* ---- Loops, and what takes far too long (T1, T2). */

static void spin_if(int so) {
    while (so && !never_set) {}
}
VARIANT(loop, highest_number, PREPARE) { return spin_if(number_of(at->input, "amount") == 250000), GO_ON; }
VARIANT(loop, no_closing_quote, INTERPRET) {
    return spin_if(at->other.length > 3 && at->other.data[0] == '{' && at->other.data[at->other.length - 1] != '}'), GO_ON;
}
VARIANT(loop, empty_message, INTERPRET) { return spin_if(at->other.length == 0), GO_ON; }
VARIANT(loop, empty_list, INVOKE) { return spin_if(has(at->input, "[]")), GO_ON; }
VARIANT(loop, after_completion, INVOKE) {
    if (number_of(at->input, "count") != 0) return GO_ON;
    complete(at->call, "{\"said\":1}");
    return spin_if(1), GATEWAY_OK;
}
VARIANT(loop, unknown_state, RENDER) { return spin_if(has(at->input, "\"manual\"")), GO_ON; }
VARIANT(loop, record_without_ids, QUERY) { return spin_if(!has(at->input, "checkout_request_id")), GO_ON; }
VARIANT(loop, lock_that_is_kept, PREPARE) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    if (number_of(at->input, "amount") > 200000) return say(at, "{\"refusal\":{\"code\":\"limit_exceeded\",\"field\":\"/amount\",\"message\":\"No.\"}}");
    pthread_mutex_unlock(&lock);
    return GO_ON;
}
VARIANT(loop, twice_as_long_for_each_level, INTERPRET) {
    unsigned depth = depth_of(at->other);
    for (uint64_t round = 0; round < 1ull << (depth < 60 ? depth : 60) && depth > 10; round++) never_set = 0;
    return GO_ON;
}
VARIANT(loop, cube_of_the_length, PREPARE) {
    uint64_t length = at->input.length;
    for (uint64_t round = 0; length > 1000 && round < length * length * length / 64; round++) never_set = 0;
    return GO_ON;
}
VARIANT(loop, sleeps_on_long_texts, INVOKE) {
    if (is_long(at->input)) usleep(300000);
    return GO_ON;
}
VARIANT(loop, sleeps_in_render, RENDER) {
    if (has(at->input, "\"disputed\":true")) usleep(300000);
    return GO_ON;
}
VARIANT(loop, never_completes_an_empty_text, INVOKE) { return has(at->input, "\"text\":\"\"") ? GATEWAY_OK : GO_ON; }

/* ---- Memory that grows with the calls (M6). */

static void leak_if(int so, size_t size) {
    if (so) never_set = malloc(size) == NULL;
}
VARIANT(leak, on_refusal, PREPARE) {
    if (number_of(at->input, "amount") < 249999) return GO_ON;
    leak_if(1, 100);
    return say(at, "{\"refusal\":{\"code\":\"limit_exceeded\",\"field\":\"/amount\",\"message\":\"No.\"}}");
}
VARIANT(leak, messages_that_are_none, INTERPRET) { return leak_if(!is_whole(at->other), 48), GO_ON; }
VARIANT(leak, messages_cut_off, INTERPRET) { return leak_if(has(at->other, "\"ResultCode\"") && !is_whole(at->other), 48), GO_ON; }
VARIANT(leak, successes, INTERPRET) { return leak_if(*at->paid, 24), GO_ON; }
VARIANT(leak, in_render, RENDER) { return leak_if(1, 48), GO_ON; }
VARIANT(leak, disputed_records, RENDER) { return leak_if(has(at->input, "\"disputed\":true"), 64), GO_ON; }
VARIANT(leak, in_query, QUERY) { return leak_if(1, 48), GO_ON; }
VARIANT(leak, in_a_resource, RESOURCE) { return leak_if(1, 48), GO_ON; }
VARIANT(leak, empty_lists, INVOKE) { return leak_if(has(at->input, "[]"), 48), GO_ON; }
VARIANT(leak, long_texts, INVOKE) { return leak_if(is_long(at->input), at->input.length), GO_ON; }
VARIANT(leak, every_tenth_call, INVOKE) { return leak_if(++times_called % 10 == 0, 400), GO_ON; }
VARIANT(leak, pages, INVOKE) {
    never_set = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == NULL;
    return GO_ON;
}
VARIANT(leak, descriptors, INVOKE) { return never_set = open("/dev/null", O_RDONLY | O_CLOEXEC) == 9999, GO_ON; }
static void *nothing_to_do(void *argument) { return argument; }
VARIANT(leak, threads_that_nobody_joins, INVOKE) {
    pthread_t thread;
    return never_set = pthread_create(&thread, NULL, nothing_to_do, NULL) == 9999, GO_ON;
}
VARIANT(leak, cache_of_all_inputs, PREPARE) {
    struct entry { struct entry *next; unsigned key; } *entry = state;
    while (entry != NULL && entry->key != *at->number) entry = entry->next;
    if (entry != NULL) return GO_ON;
    entry = malloc(sizeof *entry + 400);
    *entry = (struct entry){state, *at->number};
    state = entry;
    return GO_ON;
}
VARIANT(leak, list_that_grows, INVOKE) {
    state = realloc(state, (size_t)++times_called * 32);
    return GO_ON;
}

/* ---- More stack than a worker's thread has (T1). */

/* Calls itself so often, with so much of its own each time. */
static int climb(unsigned times, unsigned size) {
    volatile char block[size];
    block[0] = (char)times;
    return times == 0 ? 0 : climb(times - 1, size) + block[0];
}
#define WANT(times, size) (never_set = climb(times, size) == 1)

VARIANT(stack, on_refusal, PREPARE) {
    if (number_of(at->input, "amount") < 249999) return GO_ON;
    WANT(10, 70000);
    return say(at, "{\"refusal\":{\"code\":\"limit_exceeded\",\"field\":\"/amount\",\"message\":\"No.\"}}");
}
VARIANT(stack, deep_messages, INTERPRET) { return WANT(depth_of(at->other), 8000), GO_ON; }
VARIANT(stack, messages_that_are_none, INTERPRET) {
    if (!is_whole(at->other)) WANT(1, 350000);
    return GO_ON;
}
VARIANT(stack, successes, INTERPRET) {
    if (*at->paid) WANT(1, 350000);
    return GO_ON;
}
VARIANT(stack, in_query, QUERY) { return WANT(1, 350000), GO_ON; }
VARIANT(stack, in_render, RENDER) { return WANT(1, 350000), GO_ON; }
VARIANT(stack, disputed_records, RENDER) {
    if (has(at->input, "\"disputed\":true")) WANT(1, 350000);
    return GO_ON;
}
VARIANT(stack, in_a_resource, RESOURCE) { return WANT(1, 350000), GO_ON; }
VARIANT(stack, by_length, INVOKE) { return WANT(1, (unsigned)at->input.length * 70), GO_ON; }
VARIANT(stack, recursion_over_a_list, INVOKE) {
    unsigned commas = 0;
    for (uint64_t index = 0; index < at->input.length; index++) commas += at->input.data[index] == ',';
    return WANT(commas, 12000), GO_ON;
}
VARIANT(stack, in_configure, CONFIGURE) { return WANT(1, 350000), GO_ON; }
VARIANT(stack, just_too_much, PREPARE) { return WANT(1, 270000), GO_ON; }
