#include <arpa/inet.h>
#include <curl/curl.h>
#include <linux/sockios.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
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
static inline CURLcode gateway_set_recipients(CURL *easy, struct curl_slist *recipients) {
    return curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, recipients);
}
typedef size_t (*gateway_write_callback)(char *bytes, size_t size, size_t count, void *context);
static inline CURLcode gateway_set_writer(CURL *easy, gateway_write_callback callback, void *context) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, callback);
    return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_WRITEDATA, context);
}
/* Where libcurl gets what it uploads. */
static inline CURLcode gateway_set_reader(CURL *easy, gateway_write_callback callback, void *context) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_READFUNCTION, callback);
    return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_READDATA, context);
}
static inline CURLcode gateway_set_header_reader(CURL *easy, gateway_write_callback callback, void *context) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, callback);
    return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_HEADERDATA, context);
}
static inline CURLcode gateway_set_socket_hearer(CURL *easy, curl_sockopt_callback callback, void *context) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, callback);
    return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, context);
}
/* Who opens the sockets: asked with each address that a name has led to, before it is connected to. */
static inline CURLcode gateway_set_socket_opener(CURL *easy, curl_opensocket_callback callback, void *context) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, callback);
    return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, context);
}
/* Writes an address as text, which has room for INET6_ADDRSTRLEN bytes; 0 where it is no IP address. */
static inline int gateway_address_text(const struct curl_sockaddr *address, char *text) {
    const void *bytes = NULL;
    if (address->family == AF_INET) bytes = &((const struct sockaddr_in *)(const void *)&address->addr)->sin_addr;
    if (address->family == AF_INET6) bytes = &((const struct sockaddr_in6 *)(const void *)&address->addr)->sin6_addr;
    return bytes != NULL && inet_ntop(address->family, bytes, text, INET6_ADDRSTRLEN) != NULL;
}
/* The port of an address; 0 where it is no IP address. */
static inline int gateway_address_port(const struct curl_sockaddr *address) {
    if (address->family == AF_INET) return ntohs(((const struct sockaddr_in *)(const void *)&address->addr)->sin_port);
    if (address->family == AF_INET6) return ntohs(((const struct sockaddr_in6 *)(const void *)&address->addr)->sin6_port);
    return 0;
}
static inline CURLcode gateway_set_names(CURL *easy, struct curl_slist *names) {
    return curl_easy_setopt(easy, CURLOPT_RESOLVE, names);
}
static inline curl_socket_t gateway_open_socket(const struct curl_sockaddr *address) {
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
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
/* For how many seconds an answer asks to be left alone, whether it says seconds or a date; 0 where it does not. */
static inline curl_off_t gateway_retry_after(CURL *easy) {
    curl_off_t seconds = 0;
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
    return seconds;
}
/* How many bytes of the request's body libcurl has written. */
static inline curl_off_t gateway_body_written(CURL *easy) {
    curl_off_t bytes = 0;
    curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &bytes);
    return bytes;
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

/* The port of a socket's own side; -1 where it has none. */
static inline int gateway_local_port(int socket) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (getsockname(socket, (struct sockaddr *)&address, &length) != 0) return -1;
    if (address.ss_family == AF_INET) return ntohs(((struct sockaddr_in *)&address)->sin_port);
    if (address.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return -1;
}
/* How many bytes the other side has not confirmed; 0 where the kernel does not tell. */
static inline int gateway_unconfirmed(int socket) {
    int bytes = 0;
    return ioctl(socket, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
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
