/*
 * What travels between the host and a plugin's worker: the same bytes that cross the boundary inside a process, each
 * call as one frame. A frame is this header in the machine's own byte order (both ends are one machine), then `length`
 * bytes. Where a call takes two texts, the first is preceded by its length as four bytes.
 */
#ifndef GATEWAY_PLUGIN_FRAMES_H
#define GATEWAY_PLUGIN_FRAMES_H

#include <stdint.h>

typedef struct gateway_frame {
    uint32_t length; /* of what follows the header */
    uint32_t kind;   /* one of enum gateway_frame_kind */
    uint64_t number; /* the request's, echoed by its reply; for INVOKE, what is like it, CANCEL, COMPLETE the invocation's */
    uint32_t index;  /* of the tool or operation; flags in STARTED; level in LOG; fraction in PROGRESS */
    int32_t status;  /* of a reply or completion */
} gateway_frame_t;

enum gateway_frame_kind {
    /* Host to worker. */
    GATEWAY_FRAME_DESCRIBE = 1,
    GATEWAY_FRAME_CONFIGURE = 2,  /* settings */
    GATEWAY_FRAME_SELFTEST = 3,
    GATEWAY_FRAME_PREPARE = 4,    /* input */
    GATEWAY_FRAME_INTERPRET = 5,  /* input, raw */
    GATEWAY_FRAME_QUERY = 6,      /* input */
    GATEWAY_FRAME_RENDER = 7,     /* input */
    GATEWAY_FRAME_INVOKE = 8,     /* arguments, meta */
    GATEWAY_FRAME_CANCEL = 9,
    GATEWAY_FRAME_DRAIN = 10,
    GATEWAY_FRAME_TIMER = 11,     /* timer, meta; as INVOKE */
    GATEWAY_FRAME_PROMPT = 12,    /* arguments */
    GATEWAY_FRAME_RESOURCE = 13,
    GATEWAY_FRAME_ANSWER = 14,    /* to a CALL: its index; status; answer */
    GATEWAY_FRAME_PROMPT_2 = 15,  /* arguments, meta; as INVOKE */
    GATEWAY_FRAME_RESOURCE_2 = 16, /* arguments, meta; as INVOKE */
    GATEWAY_FRAME_COMPLETION = 17, /* request, meta; as INVOKE */
    /* Worker to host. */
    GATEWAY_FRAME_STARTED = 32,   /* status; index: what it offers; a reason when it did not start, else what its
                                     confinement lacks here, one a line */
    GATEWAY_FRAME_REPLY = 33,     /* status; output */
    GATEWAY_FRAME_COMPLETE = 34,  /* status; payload */
    GATEWAY_FRAME_PROGRESS = 35,  /* message */
    GATEWAY_FRAME_LOG = 36,       /* message, values */
    GATEWAY_FRAME_CALL = 37,      /* number: the invocation's; index: the call's; service, request */
    GATEWAY_FRAME_TAKEN = 38      /* of an INVOKE or what is like it: the function has returned, its COMPLETE is to come */
};

/* What a plugin in a worker offers: `index` of STARTED. */
#define GATEWAY_OFFERS_OPERATION 1u
#define GATEWAY_OFFERS_INVOKE 2u
#define GATEWAY_OFFERS_DRAIN 4u
#define GATEWAY_OFFERS_TIMER 8u
#define GATEWAY_OFFERS_PROMPT 16u
#define GATEWAY_OFFERS_RESOURCE 32u
#define GATEWAY_OFFERS_PROMPT_2 64u
#define GATEWAY_OFFERS_RESOURCE_2 128u
#define GATEWAY_OFFERS_COMPLETION 256u

/* The descriptors that a worker is started with. */
#define GATEWAY_WORKER_SOCKET 3
#define GATEWAY_WORKER_LIBRARY 4

/* Longest frame that either end takes, whatever the settings say. */
#define GATEWAY_FRAME_BYTES_MAX (16u << 20)

/* Longest message of LOG and PROGRESS, longest values of LOG, and longest name of a service in CALL. */
#define GATEWAY_TEXT_BYTES_MAX 4096u
#define GATEWAY_SERVICE_BYTES_MAX 128u

/* What a worker says without having been asked (LOG, PROGRESS, CALL), a second: what is above it is not sent, and the
 * plugin is told so. The host ends a worker that says three times as much, which only code that writes frames itself
 * can: their seconds begin at different moments. */
#define GATEWAY_UNASKED_BYTES_MAX (32u << 20)
#define GATEWAY_UNASKED_FRAMES_MAX 10000u

/* How many CALLs of a worker may be unanswered. */
#define GATEWAY_ASKED_MAX 1024u

#endif
