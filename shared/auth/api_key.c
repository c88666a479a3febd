/* API keys through libsodium, see api_key.h. */
#include "shared/auth/api_key.h"

#include <sodium.h>

#include "shared/auth/mac.h"
#include "shared/base/random.h"

#define SECRET_BYTES 32

void api_key_make(char out[API_KEY_SIZE])
{
    unsigned char secret[SECRET_BYTES];
    struct buf text;

    random_bytes(secret, sizeof secret);
    buf_init(&text, 1024);
    base64url_encode(span_make((const char *)secret, sizeof secret), &text);
    snprintf(out, API_KEY_SIZE, "parley_%.*s", (int)text.len, text.data);
    explicit_bzero(secret, sizeof secret);
    explicit_bzero(text.data, text.len);
    buf_release(&text);
}

void api_key_hash(struct span key, unsigned char out[API_KEY_HASH_SIZE])
{
    crypto_generichash(out, API_KEY_HASH_SIZE, (const unsigned char *)key.ptr, key.len, NULL, 0);
}
