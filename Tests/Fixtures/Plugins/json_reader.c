/* What the template's json.h finds, and what it must not. */
#define _DEFAULT_SOURCE
#include "json.h"

#include <assert.h>
#include <sys/mman.h>
#include <unistd.h>

/* Every beginning of a text, lent where the next byte is nobody's: whatever reads past the end does not come back. */
static void reads_nothing_past_the_end(const char *text) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), length = strlen(text);
    uint8_t *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert(pages != MAP_FAILED && mprotect(pages + page, page, PROT_NONE) == 0);
    for (size_t size = 0; size <= length; size++) {
        gateway_bytes_t lent = {pages + page - size, size};
        char decoded[64];
        int64_t number;
        memcpy(pages + page - size, text, size);
        json_integer(lent, "x", &number);
        json_text(lent, "t", decoded, sizeof decoded);
        json_integer(json_object(lent, "o"), "x", &number);
        json_text(json_object(lent, "o"), "t", decoded, sizeof decoded);
    }
    munmap(pages, 2 * page);
}

int main(void) {
    static const char text[] = "{\"a\":{\"y\":\"}\",\"z\":{\"x\":1}},\"b\":{\"x\":2},\"c\":7,\"d\":\"\\u007d{\",\"x\":9}";
    gateway_bytes_t whole = {(const uint8_t *)text, sizeof text - 1};
    int64_t number = 0;
    char decoded[16];
    assert(json_integer(whole, "x", &number) && number == 9);
    gateway_bytes_t first = json_object(whole, "a");
    /* Neither what is deeper nor what comes after the object is its own. */
    assert(first.length > 0 && !json_integer(first, "x", &number) && json_object(first, "b").length == 0);
    assert(json_text(first, "y", decoded, sizeof decoded) == 1 && decoded[0] == '}');
    assert(json_integer(json_object(first, "z"), "x", &number) && number == 1);
    assert(json_integer(json_object(whole, "b"), "x", &number) && number == 2);
    assert(json_object(whole, "c").length == 0 && json_object(whole, "none").length == 0);
    assert(!json_integer(json_object(whole, "none"), "x", &number));
    assert(json_text(whole, "d", decoded, sizeof decoded) == 2 && strcmp(decoded, "}{") == 0);
    reads_nothing_past_the_end("{\"x\":-9223372036854775808}");
    reads_nothing_past_the_end("{\"t\":\"a\\n\\u00e9\\ud83d\\ude00\\\\\",\"x\" : 12}");
    reads_nothing_past_the_end("{\"o\":{\"t\":\"\\\"\\u0041\",\"x\":7 }, \"x\":[1]}");
    static const char far[] = "{\"x\":9223372036854775808,\"t\":\"cut off\\";
    gateway_bytes_t wrong = {(const uint8_t *)far, sizeof far - 1};
    /* What is no 64-bit number, and what has no end, is not there. */
    assert(!json_integer(wrong, "x", &number) && json_text(wrong, "t", decoded, sizeof decoded) == -1);
    static const char least[] = "{\"x\":-9223372036854775808}";
    gateway_bytes_t negative = {(const uint8_t *)least, sizeof least - 1};
    assert(json_integer(negative, "x", &number) && number == INT64_MIN);
    return 0;
}
