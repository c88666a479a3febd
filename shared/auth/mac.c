/*
 * MACs and base64url by libsodium. Knows nothing of tokens.
 */
#include "shared/auth/mac.h"

#include <sodium.h>

void mac_compute(struct span key, const struct span *parts, size_t count,
                 unsigned char out[MAC_SIZE])
{
    /* Not crypto_auth_hmacsha256(), which takes keys of exactly 32 bytes. */
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)key.ptr, key.len);
    for (size_t i = 0; i < count; i++)
        crypto_auth_hmacsha256_update(&state, (const unsigned char *)parts[i].ptr, parts[i].len);
    crypto_auth_hmacsha256_final(&state, out);
    sodium_memzero(&state, sizeof state);
}

bool mac_verify(struct span key, const struct span *parts, size_t count, struct span given)
{
    unsigned char right[MAC_SIZE];
    mac_compute(key, parts, count, right);
    return given.len == MAC_SIZE && sodium_memcmp(right, given.ptr, MAC_SIZE) == 0;
}

void base64url_encode(struct span bytes, struct buf *out)
{
    const int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
    size_t size = sodium_base64_encoded_len(bytes.len, variant); /* with the NUL */
    char *to = buf_reserve(out, size);
    if (!to)
        return;
    sodium_bin2base64(to, size, (const unsigned char *)bytes.ptr, bytes.len, variant);
    out->len += size - 1;
}

/* libsodium 1.0.18 takes every byte from 0x80 on for a '_', so the alphabet is checked here. */
static bool is_base64url(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '_')
            return false;
    }
    return true;
}

bool base64url_decode(struct span text, struct buf *out)
{
    if (!is_base64url(text))
        return false;
    char *to = buf_reserve(out, text.len);
    size_t len = 0;
    const char *end = NULL;
    if (!to || sodium_base642bin((unsigned char *)to, text.len, text.ptr, text.len, NULL, &len,
                                 &end, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
        return false;
    if (end != text.ptr + text.len)
        return false;
    out->len += len;
    buf_terminate(out);
    return true;
}
