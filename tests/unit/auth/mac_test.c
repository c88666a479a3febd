/*
 * HMAC-SHA-256 by the vectors of RFC 4231, base64url by those of RFC 4648 and by what it must
 * refuse.
 */
#include "shared/auth/mac.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void mac_is(struct span key, struct span data, const char *hex)
{
    unsigned char mac[MAC_SIZE];
    char got[2 * MAC_SIZE + 1];
    mac_compute(key, &data, 1, mac);
    for (int i = 0; i < MAC_SIZE; i++)
        snprintf(got + 2 * i, 3, "%02x", mac[i]);
    assert_string_equal(got, hex);
}

static void rfc_4231_vectors(void **state)
{
    char key[131];
    (void)state;
    mac_is(SPAN_LIT("Jefe"), SPAN_LIT("what do ya want for nothing?"),
           "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0x0b, 20);
    mac_is(span_make(key, 20), SPAN_LIT("Hi There"),
           "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    memset(key, 0xaa, sizeof key); /* longer than a block of SHA-256 */
    mac_is(span_make(key, sizeof key),
           SPAN_LIT("Test Using Larger Than Block-Size Key - Hash Key First"),
           "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void parts_are_one_text(void **state)
{
    const struct span whole = SPAN_LIT("what do ya want for nothing?");
    const struct span parts[] = {SPAN_LIT("what do ya "), SPAN_LIT(""),
                                 SPAN_LIT("want for nothing?")};
    unsigned char one[MAC_SIZE], three[MAC_SIZE];
    (void)state;
    mac_compute(SPAN_LIT("Jefe"), &whole, 1, one);
    mac_compute(SPAN_LIT("Jefe"), parts, 3, three);
    assert_memory_equal(one, three, MAC_SIZE);
}

static void a_mac_is_right_as_a_whole(void **state)
{
    const struct span data = SPAN_LIT("data");
    char mac[MAC_SIZE];
    (void)state;
    mac_compute(SPAN_LIT("key"), &data, 1, (unsigned char *)mac);
    assert_true(mac_verify(SPAN_LIT("key"), &data, 1, span_make(mac, MAC_SIZE)));
    assert_false(mac_verify(SPAN_LIT("kex"), &data, 1, span_make(mac, MAC_SIZE)));
    assert_false(mac_verify(SPAN_LIT("key"), &data, 1, span_make(mac, MAC_SIZE - 1)));
    assert_false(mac_verify(SPAN_LIT("key"), &data, 1, SPAN_LIT("")));
    for (int bit = 0; bit < 8 * MAC_SIZE; bit++) {
        mac[bit / 8] ^= (char)(1 << bit % 8);
        assert_false(mac_verify(SPAN_LIT("key"), &data, 1, span_make(mac, MAC_SIZE)));
        mac[bit / 8] ^= (char)(1 << bit % 8);
    }
}

static void base64url_follows_rfc_4648(void **state)
{
    static const struct {
        const char *bytes, *text;
    } vectors[] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xfe", "-__-"}};
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct buf text, bytes;
        buf_init(&text, 100);
        buf_init(&bytes, 100);
        buf_add_str(&text, "");
        base64url_encode(span_of(vectors[i].bytes), &text);
        assert_string_equal(text.data, vectors[i].text);
        assert_true(base64url_decode(buf_span(&text), &bytes));
        assert_string_equal(bytes.data, vectors[i].bytes);
        buf_release(&text);
        buf_release(&bytes);
    }
}

static void only_canonical_base64url_is_decoded(void **state)
{
    static const char *const bad[] = {
        "Z",   "Zg==", "Zg=",  "Zm8=",  "Zh",   "Zm9",      "Zm9v\n",     " Zg",     "Z g",
        "Zg ", "+__-", "/__-", "Zm9v.", "Zm!v", "\xc3\xa9", "-\xff\xff-", "Zm9\x80", "Zm9vY"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct buf bytes;
        buf_init(&bytes, 100);
        if (base64url_decode(span_of(bad[i]), &bytes))
            fail_msg("<%s> was decoded", bad[i]);
        buf_release(&bytes);
    }
}

static void buffers_that_are_full_say_so(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 3);
    base64url_encode(SPAN_LIT("foo"), &out);
    assert_false(buf_ok(&out));
    buf_clear(&out);
    assert_false(base64url_decode(SPAN_LIT("Zm9vYmFy"), &out));
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_4231_vectors),
        cmocka_unit_test(parts_are_one_text),
        cmocka_unit_test(a_mac_is_right_as_a_whole),
        cmocka_unit_test(base64url_follows_rfc_4648),
        cmocka_unit_test(only_canonical_base64url_is_decoded),
        cmocka_unit_test(buffers_that_are_full_say_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
