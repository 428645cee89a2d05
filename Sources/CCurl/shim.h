#include <curl/curl.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* curl_easy_setopt and curl_easy_getinfo are variadic, which Swift cannot import. */
static inline CURLcode gateway_set_long(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode gateway_set_text(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode gateway_set_pointer(CURL *easy, CURLoption option, void *value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode gateway_set_headers(CURL *easy, struct curl_slist *headers) {
    return curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
}
static inline CURLcode gateway_set_body(CURL *easy, const void *bytes, curl_off_t length) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, length);
    return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, bytes);
}
typedef size_t (*gateway_write_callback)(char *bytes, size_t size, size_t count, void *context);
static inline CURLcode gateway_set_writer(CURL *easy, gateway_write_callback callback, void *context) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, callback);
    return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_WRITEDATA, context);
}
typedef int (*gateway_before_request_callback)(void *context, char *primary_ip, char *local_ip, int primary_port,
                                               int local_port);
static inline CURLcode gateway_set_before_request(CURL *easy, gateway_before_request_callback callback,
                                                  void *context) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, callback);
    return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_PREREQDATA, context);
}
static inline long gateway_status(CURL *easy) {
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}
static inline CURLMcode gateway_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}
/* The easy handle and result of a finished transfer; the union is read here, where its member is known. */
static inline CURL *gateway_next_done(CURLM *multi, CURLcode *result) {
    int left = 0;
    CURLMsg *message = curl_multi_info_read(multi, &left);
    while (message != NULL && message->msg != CURLMSG_DONE) message = curl_multi_info_read(multi, &left);
    if (message == NULL) return NULL;
    *result = message->data.result;
    return message->easy_handle;
}

/* Which sockets libcurl wants watched for what, and when it wants to be called at the latest. */
static inline CURLMcode gateway_multi_set_socket_watcher(CURLM *multi, curl_socket_callback callback, void *context) {
    CURLMcode code = curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, callback);
    return code != CURLM_OK ? code : curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, context);
}
static inline CURLMcode gateway_multi_set_timer(CURLM *multi, curl_multi_timer_callback callback, void *context) {
    CURLMcode code = curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, callback);
    return code != CURLM_OK ? code : curl_multi_setopt(multi, CURLMOPT_TIMERDATA, context);
}

/* epoll, with a bell that any thread may ring: Swift's Glibc has neither. */
static inline int gateway_epoll(void) { return epoll_create1(EPOLL_CLOEXEC); }
static inline int gateway_bell(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }
/* It can only fail when the bell rings already. */
static inline void gateway_ring(int bell) { (void)!eventfd_write(bell, 1); }
static inline void gateway_silence(int bell) {
    eventfd_t rings;
    (void)!eventfd_read(bell, &rings);
}
/* Watches a socket for what libcurl says (CURL_POLL_...), or no longer. */
static inline void gateway_watch(int poll, int socket, int what) {
    struct epoll_event event = {.data.fd = socket};
    if (what & CURL_POLL_IN) event.events |= EPOLLIN;
    if (what & CURL_POLL_OUT) event.events |= EPOLLOUT;
    if (what == CURL_POLL_REMOVE)
        epoll_ctl(poll, EPOLL_CTL_DEL, socket, &event);
    else if (epoll_ctl(poll, EPOLL_CTL_MOD, socket, &event) != 0)
        epoll_ctl(poll, EPOLL_CTL_ADD, socket, &event);
}
/* Waits for sockets, and says of each what libcurl wants to know (CURL_CSELECT_...); answers how many, at most 128. */
static inline int gateway_wait(int poll, int milliseconds, int sockets[128], int actions[128]) {
    struct epoll_event events[128];
    int count = epoll_wait(poll, events, 128, milliseconds);
    for (int index = 0; index < count; index++) {
        uint32_t what = events[index].events;
        sockets[index] = events[index].data.fd;
        actions[index] = (what & EPOLLIN ? CURL_CSELECT_IN : 0) | (what & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                         (what & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
    }
    return count;
}
