/*
 * Enough JSON for a small tool: members of the one object that a call's arguments are, and text that goes into output.
 * The host has validated the arguments already, so what is here only has to find things. No memory is allocated.
 */
#ifndef JSON_H
#define JSON_H

#include "gateway/base.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int json_is_space(uint8_t byte) { return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n'; }

/* Past the text that begins here; never past the end, not even after a backslash that is the last byte. */
static const uint8_t *json_skip_text(const uint8_t *at, const uint8_t *end) {
    for (at++; at < end && *at != '"'; at++) {
        if (*at == '\\' && ++at >= end) return end;
    }
    return at < end ? at + 1 : end;
}

/* The value of a member of the outermost object, or null. */
static const uint8_t *json_member(gateway_bytes_t object, const char *name) {
    const uint8_t *at = object.data, *end = object.data + object.length;
    size_t length = strlen(name);
    int depth = 0;
    while (at < end) {
        if (*at == '{' || *at == '[') depth++;
        if ((*at == '}' || *at == ']') && --depth == 0) return NULL;
        if (*at != '"') {
            at++;
            continue;
        }
        const uint8_t *text = at + 1;
        at = json_skip_text(at, end);
        while (at < end && json_is_space(*at)) at++;
        if (depth != 1 || at >= end || *at != ':') continue;
        at++;
        while (at < end && json_is_space(*at)) at++;
        if (at < end && (size_t)(end - text) > length && memcmp(text, name, length) == 0 && text[length] == '"') return at;
    }
    return NULL;
}

static size_t json_put_utf8(char *out, unsigned code) {
    if (code < 0x80) return out[0] = (char)code, 1;
    if (code < 0x800) return out[0] = (char)(0xC0 | code >> 6), out[1] = (char)(0x80 | (code & 0x3F)), 2;
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12), out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        return out[2] = (char)(0x80 | (code & 0x3F)), 3;
    }
    out[0] = (char)(0xF0 | code >> 18), out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    return out[2] = (char)(0x80 | (code >> 6 & 0x3F)), out[3] = (char)(0x80 | (code & 0x3F)), 4;
}

static unsigned json_hex(const uint8_t *digits) {
    char text[5] = {(char)digits[0], (char)digits[1], (char)digits[2], (char)digits[3], 0};
    return (unsigned)strtoul(text, NULL, 16);
}

/* A member that is an object, to look into with these functions in turn; its length is 0 when there is none. The view
 * may reach beyond that object's end, where nobody looks. */
static inline gateway_bytes_t json_object(gateway_bytes_t object, const char *name) {
    const uint8_t *at = json_member(object, name);
    gateway_bytes_t inner = {at, 0};
    if (at != NULL && *at == '{') inner.length = object.length - (uint64_t)(at - object.data);
    return inner;
}

/* Copies a member that is text, decoded and NUL-terminated. Answers its length, or -1 when there is none that fits. */
static inline long json_text(gateway_bytes_t object, const char *name, char *out, size_t size) {
    const uint8_t *at = json_member(object, name), *end = object.data + object.length;
    size_t length = 0;
    if (at == NULL || *at != '"') return -1;
    for (at++; at < end && *at != '"'; at++) {
        if (length + 5 > size) return -1;
        if (*at != '\\') {
            out[length++] = (char)*at;
            continue;
        }
        if (++at >= end) return -1;
        const char *plain = "\"\\/bfnrt", *meant = "\"\\/\b\f\n\r\t";
        const char *found = *at == 0 ? NULL : strchr(plain, *at);
        if (found != NULL) {
            out[length++] = meant[found - plain];
        } else if (*at == 'u' && end - at > 4) {
            unsigned code = json_hex(at + 1);
            at += 4;
            if (code >= 0xD800 && code < 0xDC00 && end - at > 6 && at[1] == '\\' && at[2] == 'u') {
                code = 0x10000 + ((code - 0xD800) << 10) + (json_hex(at + 3) - 0xDC00);
                at += 6;
            }
            length += json_put_utf8(out + length, code);
        }
    }
    if (at >= end) return -1;
    out[length] = 0;
    return (long)length;
}

/* Reads a member that is a whole number. Answers 1, or 0 when there is none. */
static inline int json_integer(gateway_bytes_t object, const char *name, int64_t *out) {
    const uint8_t *at = json_member(object, name), *end = object.data + object.length;
    char digits[21];
    size_t length = 0;
    /* Nothing ends the view but its length, so the digits are copied before anything reads them that looks for more. */
    if (at == NULL) return 0;
    if (*at == '-') digits[length++] = (char)*at++;
    while (at < end && *at >= '0' && *at <= '9') {
        if (length + 1 == sizeof digits) return 0;
        digits[length++] = (char)*at++;
    }
    if (length == 0 || digits[length - 1] == '-') return 0;
    digits[length] = 0;
    errno = 0;
    long long number = strtoll(digits, NULL, 10);
    if (errno != 0) return 0;
    *out = number;
    return 1;
}

/* Writes text with quotes and escapes, NUL-terminated. Answers its length, or 0 when it does not fit. */
static inline size_t json_quote(char *out, size_t size, const char *text) {
    size_t length = 0;
    if (size < 3) return 0;
    out[length++] = '"';
    for (; *text != 0; text++) {
        if (length + 8 > size) return 0;
        unsigned char byte = (unsigned char)*text;
        if (byte < 0x20) {
            length += (size_t)snprintf(out + length, 7, "\\u%04x", byte);
        } else {
            if (byte == '"' || byte == '\\') out[length++] = '\\';
            out[length++] = (char)byte;
        }
    }
    out[length++] = '"';
    out[length] = 0;
    return length;
}

#endif
