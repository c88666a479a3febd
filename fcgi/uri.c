/* Percent-decoding and -encoding. It knows no structure of a URI: that is request.c. */
#include "fcgi/uri.h"

#include "shared/base/hex.h"

bool uri_decode(struct span in, bool plus_is_space, char *out, size_t *len)
{
    size_t n = 0;

    for (size_t i = 0; i < in.len; i++) {
        char c = in.ptr[i];
        if (c == '%') {
            if (in.len - i < 3 || hex_digit(in.ptr[i + 1]) < 0 || hex_digit(in.ptr[i + 2]) < 0)
                return false;
            c = (char)(hex_digit(in.ptr[i + 1]) << 4 | hex_digit(in.ptr[i + 2]));
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        out[n++] = c;
    }
    *len = n;
    return true;
}

/* RFC 3986 section 2.3, and "@", which a path segment may hold (it is in names of direct rooms). */
static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-._~@", c));
}

void uri_encode(struct span in, struct buf *out)
{
    for (size_t i = 0; i < in.len; i++) {
        if (is_plain(in.ptr[i]))
            buf_add_char(out, in.ptr[i]);
        else
            buf_addf(out, "%%%02X", (unsigned char)in.ptr[i]);
    }
}
