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

/* How many certificates a PEM text holds. */
static inline int gateway_certificates(const char *pem, int length) {
    BIO *text = BIO_new_mem_buf(pem, length);
    int count = 0;
    X509 *certificate;
    while ((certificate = PEM_read_bio_X509(text, NULL, NULL, NULL)) != NULL) {
        X509_free(certificate);
        count++;
    }
    BIO_free(text);
    return count;
}

/* Ed25519. Keys are PEM; a signature is 64 bytes, a raw public key 32. */
static inline EVP_PKEY *gateway_ed25519_generate(void) { return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"); }

/* Reads the next key of a text; `*used` is how far it was read. Null when there is none, or it is not Ed25519. */
static inline EVP_PKEY *gateway_ed25519_read(const char *pem, int length, int is_private, int *used) {
    BIO *text = BIO_new_mem_buf(pem, length);
    EVP_PKEY *key = is_private ? PEM_read_bio_PrivateKey(text, NULL, NULL, NULL) : PEM_read_bio_PUBKEY(text, NULL, NULL, NULL);
    *used = length - (int)BIO_pending(text);
    BIO_free(text);
    if (key != NULL && EVP_PKEY_get_id(key) != EVP_PKEY_ED25519) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    return key;
}

static inline size_t gateway_private_pem(EVP_PKEY *key, char *out, size_t size) {
    BIO *text = BIO_new(BIO_s_mem());
    size_t length = 0;
    if (PEM_write_bio_PKCS8PrivateKey(text, key, NULL, NULL, 0, NULL, NULL) == 1) {
        length = (size_t)BIO_read(text, out, (int)size);
    }
    BIO_free(text);
    return length;
}

static inline int gateway_ed25519_raw(EVP_PKEY *key, unsigned char raw[32]) {
    size_t length = 32;
    return EVP_PKEY_get_raw_public_key(key, raw, &length) == 1 && length == 32;
}

static inline int gateway_ed25519_sign(EVP_PKEY *key, const unsigned char *in, size_t in_length, unsigned char out[64]) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t length = 64;
    int done = EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
               EVP_DigestSign(context, out, &length, in, in_length) == 1 && length == 64;
    EVP_MD_CTX_free(context);
    return done;
}

static inline int gateway_ed25519_verify(EVP_PKEY *key, const unsigned char *in, size_t in_length,
                                         const unsigned char *signature, size_t signature_length) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int done = EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
               EVP_DigestVerify(context, signature, signature_length, in, in_length) == 1;
    EVP_MD_CTX_free(context);
    return done;
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
