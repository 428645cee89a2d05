/* What the template's json.h finds, and what it must not. */
#include "json.h"

#include <assert.h>

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
    return 0;
}
