#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

/* SHA-256 of short texts on the way of every call: the one-shot calls of OpenSSL 3 look the algorithm up by name each
 * time, which costs more than the hash. These functions are marked deprecated in favour of that; they are as right. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static inline int gateway_sha256(const unsigned char *bytes, size_t length, unsigned char *digest) {
    SHA256_CTX context;
    return SHA256_Init(&context) && SHA256_Update(&context, bytes, length) && SHA256_Final(digest, &context);
}
#pragma GCC diagnostic pop

/* The public key in a PEM text: a certificate, valid now or long expired, or a public key. Null when it is neither. */
static inline EVP_PKEY *gateway_public_key(const char *pem, int length) {
    BIO *text = BIO_new_mem_buf(pem, length);
    X509 *certificate = PEM_read_bio_X509(text, NULL, NULL, NULL);
    EVP_PKEY *key = certificate != NULL ? X509_get_pubkey(certificate) : NULL;
    X509_free(certificate);
    if (key == NULL) {
        BIO_free(text);
        text = BIO_new_mem_buf(pem, length);
        key = PEM_read_bio_PUBKEY(text, NULL, NULL, NULL);
    }
    BIO_free(text);
    return key;
}

static inline EVP_PKEY *gateway_rsa_generate(void) { return EVP_RSA_gen(2048); }

/* Writes the public half as PEM; answers its length, or 0. */
static inline size_t gateway_public_pem(EVP_PKEY *key, char *out, size_t size) {
    BIO *text = BIO_new(BIO_s_mem());
    size_t length = 0;
    if (PEM_write_bio_PUBKEY(text, key) == 1) length = (size_t)BIO_read(text, out, (int)size);
    BIO_free(text);
    return length;
}

/* RSA with PKCS #1 v1.5 padding, either way; answers the length of what was written, or 0. */
static inline size_t gateway_rsa(EVP_PKEY *key, int encrypts, const unsigned char *in, size_t in_length,
                                 unsigned char *out, size_t size) {
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    size_t length = size;
    int done = context != NULL && (encrypts ? EVP_PKEY_encrypt_init(context) : EVP_PKEY_decrypt_init(context)) == 1 &&
               EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
               (encrypts ? EVP_PKEY_encrypt(context, out, &length, in, in_length)
                         : EVP_PKEY_decrypt(context, out, &length, in, in_length)) == 1;
    EVP_PKEY_CTX_free(context);
    return done ? length : 0;
}
