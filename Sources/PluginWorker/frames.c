#define _GNU_SOURCE
#include "worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t write_lock = PTHREAD_MUTEX_INITIALIZER;

/* Input that was received but not yet asked for: one system call brings many small frames. */
static uint8_t input[64 << 10];
static size_t input_start, input_end;

static void send_all(struct iovec *parts, int count) {
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
    while (message.msg_iovlen > 0) {
        ssize_t sent = sendmsg(GATEWAY_WORKER_SOCKET, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        /* The host has gone, and with it the reason to be here. */
        if (sent < 0) _exit(0);
        size_t rest = (size_t)sent;
        while (message.msg_iovlen > 0 && rest >= message.msg_iov->iov_len) {
            rest -= message.msg_iov->iov_len;
            message.msg_iov++;
            message.msg_iovlen--;
        }
        if (message.msg_iovlen > 0) {
            message.msg_iov->iov_base = (uint8_t *)message.msg_iov->iov_base + rest;
            message.msg_iov->iov_len -= rest;
        }
    }
}

void frame_write(uint32_t kind, uint64_t number, uint32_t index, int32_t status, gateway_bytes_t first,
                 gateway_bytes_t second) {
    int is_pair = kind == GATEWAY_FRAME_LOG || kind == GATEWAY_FRAME_CALL;
    uint32_t first_length = (uint32_t)first.length;
    gateway_frame_t frame = {
        .length = (uint32_t)(first.length + second.length + (is_pair ? sizeof first_length : 0)),
        .kind = kind, .number = number, .index = index, .status = status,
    };
    struct iovec parts[4];
    int count = 0;
    parts[count++] = (struct iovec){&frame, sizeof frame};
    if (is_pair) parts[count++] = (struct iovec){&first_length, sizeof first_length};
    if (first.length > 0) parts[count++] = (struct iovec){(void *)(uintptr_t)first.data, first.length};
    if (second.length > 0) parts[count++] = (struct iovec){(void *)(uintptr_t)second.data, second.length};
    pthread_mutex_lock(&write_lock);
    send_all(parts, count);
    pthread_mutex_unlock(&write_lock);
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int frame_may_say(uint64_t bytes) {
    enum { SECOND_NS = 1000000000 };
    static uint64_t since, said;
    static uint32_t frames;
    uint64_t now = now_ns();
    pthread_mutex_lock(&write_lock);
    if (now - since >= SECOND_NS) {
        since = now;
        said = 0;
        frames = 0;
    }
    int may = said + bytes <= GATEWAY_UNASKED_BYTES_MAX && frames < GATEWAY_UNASKED_FRAMES_MAX;
    if (may) {
        said += bytes;
        frames++;
    }
    pthread_mutex_unlock(&write_lock);
    return may;
}

/* Where requests come close upon each other, the next is looked for for a moment: waking this thread would take longer
 * than most requests do. */
static void look(void) {
    enum { LOOKS_NS = 40000, CLOSE_NS = 200000 };
    static uint64_t last;
    uint64_t start = now_ns();
    uint64_t now = start;
    uint8_t byte;
    while (start - last < CLOSE_NS && now - start < LOOKS_NS) {
        if (recv(GATEWAY_WORKER_SOCKET, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0) break;
        now = now_ns();
    }
    last = now;
}

static int read_exactly(void *target, size_t size) {
    uint8_t *next = target;
    while (size > 0) {
        size_t there = input_end - input_start;
        if (there > 0) {
            size_t taken = there < size ? there : size;
            memcpy(next, input + input_start, taken);
            input_start += taken;
            next += taken;
            size -= taken;
            continue;
        }
        /* What is larger than the buffer goes past it. */
        int is_direct = size >= sizeof input;
        look();
        ssize_t got = recv(GATEWAY_WORKER_SOCKET, is_direct ? next : input, is_direct ? size : sizeof input, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return 0;
        if (is_direct) {
            next += got;
            size -= (size_t)got;
        } else {
            input_start = 0;
            input_end = (size_t)got;
        }
    }
    return 1;
}

int frame_read(gateway_frame_t *frame, uint8_t **buffer, size_t *capacity) {
    if (!read_exactly(frame, sizeof *frame) || frame->length > GATEWAY_FRAME_BYTES_MAX) return 0;
    if (frame->length > *capacity) {
        uint8_t *grown = realloc(*buffer, frame->length);
        if (grown == NULL) return 0;
        *buffer = grown;
        *capacity = frame->length;
    }
    return read_exactly(*buffer, frame->length);
}
