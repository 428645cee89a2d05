#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

/* SHA-256 of short texts on the way of every call: the one-shot calls of OpenSSL 3 look the algorithm up by name each
 * time, which costs more than the hash. These functions are marked deprecated in favour of that; they are as right. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static inline int gateway_sha256(const unsigned char *bytes, size_t length, unsigned char *digest) {
    SHA256_CTX context;
    return SHA256_Init(&context) && SHA256_Update(&context, bytes, length) && SHA256_Final(digest, &context);
}
#pragma GCC diagnostic pop
