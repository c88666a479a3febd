/*
 * UTF-8 after RFC 3629, and the rules for text and names.
 */
#include "shared/base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void length_counts_code_points(void **state)
{
    (void)state;
    assert_int_equal(utf8_length(SPAN_NONE), 0);
    assert_int_equal(utf8_length(SPAN_LIT("")), 0);
    assert_int_equal(utf8_length(SPAN_LIT("abc")), 3);
    assert_int_equal(utf8_length(SPAN_LIT("a\0b")), 3);
    assert_int_equal(utf8_length(SPAN_LIT("h\xc3\xa9")), 2);
    assert_int_equal(utf8_length(SPAN_LIT("e\xcc\x81")), 2); /* a letter and its accent */
    assert_int_equal(utf8_length(SPAN_LIT("\xf0\x9f\x98\x80")), 1);
}

static size_t put(unsigned long code, char out[4])
{
    return utf8_encode(code, out);
}

static void every_scalar_value_is_valid_and_nothing_else(void **state)
{
    (void)state;
    for (unsigned long code = 0; code <= 0x110000; code++) {
        char bytes[4];
        size_t len = put(code, bytes);
        bool valid = code < 0x110000 && !(code >= 0xD800 && code <= 0xDFFF);
        assert_int_equal(utf8_length(span_make(bytes, len)), valid ? 1 : -1);
        assert_int_equal(len, code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4);
        /* Cut anywhere it is not valid. */
        for (size_t cut = 1; valid && cut < len; cut++)
            assert_int_equal(utf8_length(span_make(bytes, cut)), -1);
    }
}

/* All sequences of two bytes, and all of three that begin with E0 to EF, against the table 3-7 of
 * the Unicode Standard, written out. */
static bool is_tail(int c)
{
    return c >= 0x80 && c <= 0xBF;
}

static bool fits_three(int a, int b, int c)
{
    bool second = a == 0xE0   ? b >= 0xA0 && b <= 0xBF
                  : a == 0xED ? b >= 0x80 && b <= 0x9F
                              : is_tail(b);
    return second && is_tail(c);
}

static void short_sequences_follow_the_table(void **state)
{
    (void)state;
    for (int a = 0x80; a < 0x100; a++)
        for (int b = 0x80; b < 0x100; b++) {
            char two[] = {(char)a, (char)b};
            bool valid = a >= 0xC2 && a <= 0xDF && is_tail(b);
            assert_int_equal(utf8_length(span_make(two, 2)), valid ? 1 : -1);
            for (int c = 0x70; a >= 0xE0 && a <= 0xEF && c < 0xD0; c++) {
                char three[] = {(char)a, (char)b, (char)c};
                assert_int_equal(utf8_is_valid(span_make(three, 3)), fits_three(a, b, c));
            }
        }
}

static void invalid_bytes_are_found_anywhere(void **state)
{
    static const char *const bad[] = {
        "\x80",
        "\xc0\x80",
        "\xc1\xbf",
        "\xe0\x80\x80",
        "\xed\xa0\x80",
        "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xfe",
        "\xff",
        "abc\x80",
        "\xc3\xa9\xa9",
        "\xe2\x82",
        "\xf0\x9f\x98",
        "\xe2\x82"
        "a",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(utf8_is_valid(span_of(bad[i])));
}

static void blank_is_white_space_of_any_kind(void **state)
{
    (void)state;
    assert_true(utf8_is_blank(SPAN_LIT("")));
    assert_true(utf8_is_blank(SPAN_LIT(" \t\r\n")));
    assert_true(utf8_is_blank(SPAN_LIT("\xc2\xa0\xe2\x80\x83\xe3\x80\x80\xe2\x80\xa8")));
    assert_false(utf8_is_blank(SPAN_LIT("\xe2\x80\x8b"))); /* zero width space is Cf */
    assert_false(utf8_is_blank(SPAN_LIT("  a ")));
    assert_false(utf8_is_blank(SPAN_LIT("\xf0\x9f\x98\x80")));
}

static void controls_but_newline_and_tab(void **state)
{
    (void)state;
    assert_false(utf8_has_control(SPAN_LIT("line\none\ttab")));
    assert_false(utf8_has_control(SPAN_LIT("")));
    assert_false(utf8_has_control(SPAN_LIT("\xc2\xa0\xc3\xa9\xe2\x80\x8d")));
    assert_true(utf8_has_control(SPAN_LIT("a\0b")));
    assert_true(utf8_has_control(SPAN_LIT("a\r\n")));
    assert_true(utf8_has_control(SPAN_LIT("\x1e")));
    assert_true(utf8_has_control(SPAN_LIT("\x7f")));
    assert_true(utf8_has_control(SPAN_LIT("x\xc2\x85"))); /* C1: next line */
    assert_true(utf8_has_control(SPAN_LIT("\xc2\x9f")));
}

static void names_have_neither_tricks_nor_loose_ends(void **state)
{
    (void)state;
    assert_false(utf8_is_unfit_name(SPAN_LIT("general")));
    assert_false(utf8_is_unfit_name(SPAN_LIT("two words")));
    assert_false(utf8_is_unfit_name(SPAN_LIT("caf\xc3\xa9 \xf0\x9f\x98\x80")));
    assert_true(utf8_is_unfit_name(SPAN_LIT(" a")));
    assert_true(utf8_is_unfit_name(SPAN_LIT("a ")));
    assert_true(utf8_is_unfit_name(SPAN_LIT(" ")));
    assert_true(utf8_is_unfit_name(SPAN_LIT("\xc2\xa0"
                                            "a")));             /* no-break space */
    assert_true(utf8_is_unfit_name(SPAN_LIT("a\xe3\x80\x80"))); /* ideographic space */
    assert_true(utf8_is_unfit_name(SPAN_LIT("a\nb")));
    assert_true(utf8_is_unfit_name(SPAN_LIT("a\tb")));
    assert_true(utf8_is_unfit_name(SPAN_LIT("a\0b")));
    assert_true(utf8_is_unfit_name(SPAN_LIT("a\xe2\x80\x8b"
                                            "b"))); /* zero width space, Cf */
    assert_true(utf8_is_unfit_name(SPAN_LIT("a\xe2\x80\xae"
                                            "b"))); /* right-to-left override */
    assert_true(utf8_is_unfit_name(SPAN_LIT("a\xc2\xad"
                                            "b"))); /* soft hyphen */
    assert_true(utf8_is_unfit_name(SPAN_LIT("\xef\xbb\xbf"
                                            "a"))); /* byte order mark */
    assert_true(utf8_is_unfit_name(SPAN_LIT("a\xe2\x80\xa8"
                                            "b"))); /* line separator, Zl */
    assert_true(utf8_is_unfit_name(SPAN_LIT("a\xe2\x80\xa9"
                                            "b"))); /* paragraph separator, Zp */
}

static void folds(const char *text, const char *expected)
{
    struct buf once, twice;
    buf_init(&once, 1000);
    buf_init(&twice, 1000);
    utf8_fold(span_of(text), &once);
    assert_true(buf_ok(&once));
    assert_string_equal(once.data, expected);
    utf8_fold(buf_span(&once), &twice); /* folding what is folded changes nothing */
    assert_string_equal(twice.data, expected);
    buf_release(&once);
    buf_release(&twice);
}

static void folding_is_nfkc_and_case(void **state)
{
    (void)state;
    folds("", "");
    folds("General", "general");
    folds("STRASSE", "strasse");
    folds("Stra\xc3\x9f"
          "e",
          "strasse");
    folds("\xe1\xba\x9e", "ss");                                   /* capital sharp s */
    folds("E\xcc\x81", "\xc3\xa9");                                /* E and accent: composed */
    folds("\xef\xbc\xa1\xef\xbc\xa2", "ab");                       /* fullwidth AB */
    folds("\xf0\x9d\x90\x80", "a");                                /* mathematical bold A */
    folds("\xe2\x84\xaa", "k");                                    /* kelvin sign */
    folds("\xef\xac\x80", "ff");                                   /* ligature */
    folds("\xce\xa3\xcf\x83\xcf\x82", "\xcf\x83\xcf\x83\xcf\x83"); /* sigma, also the final one */
    folds("\xe2\x93\x90\xe2\x92\xb6", "aa");                       /* circled letters */
    folds("\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80");
}

/* ASCII has a way of its own: it must be the same as that of the tables, which is seen by giving
 * them another character too. */
static void ascii_is_as_the_tables_have_it(void **state)
{
    (void)state;
    for (int code = 0; code < 0x80; code++) {
        const char c = (char)code;
        const char with[] = {c, '\xc3', '\xa9'};
        struct buf alone, both;

        buf_init(&alone, 16);
        buf_init(&both, 16);
        utf8_fold(span_make(&c, 1), &alone);
        utf8_fold(span_make(with, sizeof with), &both);
        assert_int_equal(alone.len, 1);
        assert_int_equal(both.len, 3);
        assert_int_equal(alone.data[0], both.data[0]);
        buf_release(&alone);
        buf_release(&both);
        assert_int_equal(utf8_has_control(span_make(&c, 1)),
                         (c < 0x20 || c == 0x7f) && c != '\n' && c != '\t');
        assert_int_equal(utf8_is_unfit_name(span_make(&c, 1)), c <= 0x20 || c == 0x7f);
    }
}

static void folding_keeps_to_the_buffers_maximum(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 3);
    utf8_fold(SPAN_LIT("\xef\xac\x83"
                       "x"),
              &out); /* one ligature is three letters */
    assert_false(buf_ok(&out));
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(length_counts_code_points),
        cmocka_unit_test(every_scalar_value_is_valid_and_nothing_else),
        cmocka_unit_test(short_sequences_follow_the_table),
        cmocka_unit_test(invalid_bytes_are_found_anywhere),
        cmocka_unit_test(blank_is_white_space_of_any_kind),
        cmocka_unit_test(controls_but_newline_and_tab),
        cmocka_unit_test(names_have_neither_tricks_nor_loose_ends),
        cmocka_unit_test(folding_is_nfkc_and_case),
        cmocka_unit_test(ascii_is_as_the_tables_have_it),
        cmocka_unit_test(folding_keeps_to_the_buffers_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
