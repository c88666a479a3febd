/*
 * Refresh tokens: session id, generation, MAC. Nothing is looked up here: whether the generation is
 * the session's present one is known to shared/store.
 */
#include "shared/auth/token.h"

#include "shared/auth/mac.h"

#define NUMBERS_SIZE 16
#define RAW_SIZE (NUMBERS_SIZE + MAC_SIZE)

static void put_number(unsigned char out[8], int64_t number)
{
    uint64_t rest = (uint64_t)number;
    for (int i = 7; i >= 0; i--, rest >>= 8)
        out[i] = (unsigned char)rest;
}

static int64_t get_number(const unsigned char in[8])
{
    uint64_t number = 0;
    for (int i = 0; i < 8; i++)
        number = number << 8 | in[i];
    return (int64_t)number;
}

/* What is signed: a label that no JWT can begin with (it has a NUL), who issued, the numbers. */
enum { LABEL, ISSUER, NUMBERS, SIGNED_COUNT };

static void signed_parts(const struct token_key *key, const unsigned char *numbers,
                         struct span parts[SIGNED_COUNT])
{
    parts[LABEL] = SPAN_LIT("parley refresh token\0");
    parts[ISSUER] = span_make(key->issuer, strlen(key->issuer) + 1);
    parts[NUMBERS] = span_make((const char *)numbers, NUMBERS_SIZE);
}

void token_refresh_issue(const struct token_key *key, int64_t session_id, int64_t generation,
                         struct buf *out)
{
    unsigned char raw[RAW_SIZE];
    struct span parts[SIGNED_COUNT];
    put_number(raw, session_id);
    put_number(raw + 8, generation);
    signed_parts(key, raw, parts);
    mac_compute(span_of(key->secret), parts, SIGNED_COUNT, raw + NUMBERS_SIZE);
    base64url_encode(span_make((const char *)raw, sizeof raw), out);
}

enum err token_refresh_verify(const struct token_key *key, struct span text, int64_t *session_id,
                              int64_t *generation)
{
    struct buf raw;
    buf_init(&raw, TOKEN_MAX_BYTES);
    enum err err = ERR_UNAUTHENTICATED;
    if (text.len <= TOKEN_MAX_BYTES && base64url_decode(text, &raw) && raw.len == RAW_SIZE) {
        struct span parts[SIGNED_COUNT];
        const unsigned char *numbers = (const unsigned char *)raw.data;
        signed_parts(key, numbers, parts);
        struct span mac = span_make(raw.data + NUMBERS_SIZE, MAC_SIZE);
        if (mac_verify(span_of(key->secret), parts, SIGNED_COUNT, mac)) {
            *session_id = get_number(numbers);
            *generation = get_number(numbers + 8);
            err = ERR_OK;
        }
    }
    buf_release(&raw);
    return err;
}
