/*
 * SipHash-2-4. Not a general digest: 64 bits, for tables that clients can fill.
 */
#include "shared/base/hash.h"

#include "shared/base/random.h"

struct sip {
    uint64_t v[4];
};

struct hash_key hash_key_new(void)
{
    struct hash_key key;
    random_bytes(&key, sizeof key);
    return key;
}

static uint64_t rotate(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static void sip_rounds(struct sip *sip, int rounds)
{
    uint64_t *v = sip->v;
    while (rounds-- > 0) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] = rotate(v[2], 32);
    }
}

static void sip_word(struct sip *sip, uint64_t word)
{
    sip->v[3] ^= word;
    sip_rounds(sip, 2);
    sip->v[0] ^= word;
}

/* Little endian, whatever the machine. */
static uint64_t load_word(const unsigned char *at, size_t len)
{
    uint64_t word = 0;
    for (size_t i = 0; i < len; i++)
        word |= (uint64_t)at[i] << (8 * i);
    return word;
}

uint64_t hash_bytes(const struct hash_key *key, struct span bytes)
{
    const uint64_t k0 = key->words[0], k1 = key->words[1];
    struct sip sip = {{
        k0 ^ 0x736f6d6570736575U,
        k1 ^ 0x646f72616e646f6dU,
        k0 ^ 0x6c7967656e657261U,
        k1 ^ 0x7465646279746573U,
    }};
    const unsigned char *at = (const unsigned char *)bytes.ptr;
    size_t left = bytes.len;
    for (; left >= 8; left -= 8, at += 8)
        sip_word(&sip, load_word(at, 8));
    sip_word(&sip, load_word(at, left) | (uint64_t)(bytes.len & 0xff) << 56);
    sip.v[2] ^= 0xff;
    sip_rounds(&sip, 4);
    return sip.v[0] ^ sip.v[1] ^ sip.v[2] ^ sip.v[3];
}
