/* The HTTP/1.1 request parser. Knows no sockets and nothing of what is asked for. */
#include "broker/net/http_parse.h"

#include <strings.h>

#include "broker/eio/fields.h"
#include "shared/base/hex.h"

static bool is_token_char(unsigned char c)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr(others, c));
}

static bool is_token(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_token_char((unsigned char)text.ptr[i]))
            return false;
    return text.len > 0;
}

/* No control characters but tab (RFC 9110 section 5.5). */
static bool is_field_value(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if ((c < 0x20 && c != '\t') || c == 0x7F)
            return false;
    }
    return true;
}

/* Up to CRLF, which is taken off `rest` with it. False: no CRLF. */
static bool next_line(struct span *rest, struct span *line)
{
    const char *end = rest->len > 0 ? memmem(rest->ptr, rest->len, "\r\n", 2) : NULL;

    if (!end)
        return false;
    *line = span_make(rest->ptr, (size_t)(end - rest->ptr));
    *rest = span_make(end + 2, rest->len - line->len - 2);
    return true;
}

/* "http://host/path": a server must take it (RFC 9112 section 3.2.2). */
static struct span strip_absolute(struct span target)
{
    const char *slash;

    if (target.len < 7 || strncasecmp(target.ptr, "http://", 7) != 0)
        return target;
    slash = memchr(target.ptr + 7, '/', target.len - 7);
    if (!slash)
        return SPAN_LIT("/");
    return span_make(slash, target.len - (size_t)(slash - target.ptr));
}

static bool is_target(struct span target)
{
    for (size_t i = 0; i < target.len; i++)
        if ((unsigned char)target.ptr[i] <= 0x20 || target.ptr[i] == 0x7F)
            return false;
    return target.len > 0;
}

/* 0, or minus a status. */
static int parse_request_line(struct span line, struct http_request *out)
{
    struct span target, path;

    if (!eio_field_cut(&line, ' ', &out->method) || !is_token(out->method) ||
        !eio_field_cut(&line, ' ', &target) || !is_target(target))
        return -400;
    if (line.len != 8 || memcmp(line.ptr, "HTTP/", 5) != 0 || line.ptr[6] != '.')
        return -400;
    if (line.ptr[5] != '1' || (line.ptr[7] != '0' && line.ptr[7] != '1'))
        return -505;
    out->minor = line.ptr[7] - '0';
    target = strip_absolute(target);
    if (target.ptr[0] != '/' && !span_is(target, "*"))
        return -400;
    out->query = SPAN_LIT("");
    out->path = target;
    if (eio_field_cut(&target, '?', &path)) {
        out->path = path;
        out->query = target;
    }
    return 0;
}

static int parse_field(struct span line, struct buf *fields)
{
    struct span name;
    char lower[64];

    if (!eio_field_cut(&line, ':', &name) || !is_token(name))
        return -400;
    line = eio_field_trim(line);
    if (!is_field_value(line))
        return -400;
    if (name.len > sizeof lower)
        return 0; /* nobody asks for it */
    for (size_t i = 0; i < name.len; i++)
        lower[i] =
            (char)(name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' ? name.ptr[i] + 32 : name.ptr[i]);
    eio_fields_add(fields, span_make(lower, name.len), line);
    return 0;
}

static bool parse_length(struct span text, int64_t *out)
{
    int64_t value = 0;

    if (text.len == 0 || text.len > 15)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        value = value * 10 + (text.ptr[i] - '0');
    }
    *out = value;
    return true;
}

/* How many fields of that name there are. */
static int field_count(struct span fields, const char *wanted)
{
    struct span name, value;
    int count = 0;

    for (size_t cursor = 0; eio_fields_next(fields, &cursor, &name, &value);)
        count += span_is(name, wanted);
    return count;
}

/* RFC 9112 section 6.3, refusing everything two readers could understand differently. */
static int parse_framing(struct http_request *out)
{
    struct span length = eio_fields_get(out->headers, "content-length");
    struct span coding = eio_fields_get(out->headers, "transfer-encoding");

    if (span_present(coding)) {
        if (span_present(length) || out->minor == 0)
            return -400;
        if (coding.len != 7 || strncasecmp(coding.ptr, "chunked", 7) != 0 ||
            field_count(out->headers, "transfer-encoding") > 1)
            return -501;
        out->chunked = true;
        out->content_length = -1;
    } else if (span_present(length)) {
        if (field_count(out->headers, "content-length") > 1 ||
            !parse_length(length, &out->content_length))
            return -400;
    }
    return 0;
}

static int parse_fields(struct span rest, struct buf *fields, struct http_request *out)
{
    struct span line, connection;
    int count = 0;
    int status;

    buf_clear(fields);
    while (next_line(&rest, &line) && line.len > 0) {
        if (++count > HTTP_HEADERS_MAX)
            return -431;
        if ((status = parse_field(line, fields)))
            return status;
    }
    out->headers = buf_span(fields);
    if (out->minor == 1 && field_count(out->headers, "host") != 1)
        return -400;
    connection = eio_fields_get(out->headers, "connection");
    out->keep_alive = out->minor == 1 ? !http_list_has(connection, "close")
                                      : http_list_has(connection, "keep-alive");
    return parse_framing(out);
}

int http_parse(struct span input, size_t max_bytes, struct buf *fields, struct http_request *out)
{
    struct span section = input;
    struct span line;
    const char *end;
    int skipped = 0;
    int status;

    *out = (struct http_request){0};
    while (section.len >= 2 && memcmp(section.ptr, "\r\n", 2) == 0 && skipped < 8) {
        section = span_make(section.ptr + 2, section.len - 2); /* RFC 9112 section 2.2 */
        skipped += 2;
    }
    end = section.len > 0 ? memmem(section.ptr, section.len, "\r\n\r\n", 4) : NULL;
    if (!end)
        return section.len > max_bytes ? -431 : 0;
    section.len = (size_t)(end - section.ptr) + 4;
    if (section.len > max_bytes)
        return -431;
    skipped += (int)section.len;
    if (!next_line(&section, &line))
        return -400;
    if ((status = parse_request_line(line, out)))
        return status;
    if ((status = parse_fields(section, fields, out)))
        return status;
    return skipped;
}

/* ---- chunks ---- */

enum {
    CHUNK_SIZE,
    CHUNK_SPACE, /* white space behind the size: an extension must follow */
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    TRAILER_START,
    TRAILER_LINE,
    TRAILER_LF,
    TRAILER_END_LF
};

#define CHUNK_DIGITS_MAX 12
#define CHUNK_LINE_MAX 4096

/* A byte of the size line. */
static bool size_byte(struct http_chunks *chunks, char c)
{
    int value = hex_digit(c);

    if (value >= 0) {
        chunks->left = chunks->left * 16 + (uint64_t)value;
        return ++chunks->digits <= CHUNK_DIGITS_MAX;
    }
    if (chunks->digits == 0)
        return false;
    chunks->line = 0;
    if (c == '\r')
        chunks->state = CHUNK_SIZE_LF;
    else if (c == ';')
        chunks->state = CHUNK_EXTENSION;
    else if (c == ' ' || c == '\t')
        chunks->state = CHUNK_SPACE;
    else
        return false;
    return true;
}

/* A byte that is part of no chunk's data. False: it may not come here. */
static bool frame_byte(struct http_chunks *chunks, char c, bool *done)
{
    static const struct {
        char wanted;
        uint8_t next;
    } fixed[] = {
        [CHUNK_DATA_CR] = {'\r', CHUNK_DATA_LF},
        [CHUNK_DATA_LF] = {'\n', CHUNK_SIZE},
        [TRAILER_LF] = {'\n', TRAILER_START},
        [TRAILER_END_LF] = {'\n', TRAILER_END_LF},
    };

    switch (chunks->state) {
    case CHUNK_SIZE:
        return size_byte(chunks, c);
    case CHUNK_SPACE:
        if (c == ';')
            chunks->state = CHUNK_EXTENSION;
        return (c == ';' || c == ' ' || c == '\t') && ++chunks->line < CHUNK_LINE_MAX;
    case CHUNK_EXTENSION:
        if (c == '\r')
            chunks->state = CHUNK_SIZE_LF;
        return c != '\n' && ++chunks->line < CHUNK_LINE_MAX;
    case CHUNK_SIZE_LF:
        chunks->state = chunks->left > 0 ? CHUNK_DATA : TRAILER_START;
        chunks->digits = 0;
        chunks->line = 0;
        return c == '\n';
    case TRAILER_START:
    case TRAILER_LINE:
        if (c == '\r')
            chunks->state = chunks->state == TRAILER_START ? TRAILER_END_LF : TRAILER_LF;
        else
            chunks->state = TRAILER_LINE;
        return c != '\n' && ++chunks->line < CHUNK_LINE_MAX;
    default:
        *done = chunks->state == TRAILER_END_LF;
        if (c != fixed[chunks->state].wanted)
            return false;
        chunks->state = fixed[chunks->state].next;
        return true;
    }
}

int64_t http_chunks_feed(struct http_chunks *chunks, struct span input, struct buf *body,
                         bool *done)
{
    size_t used = 0;

    *done = false;
    while (used < input.len && !*done) {
        if (chunks->state == CHUNK_DATA) {
            size_t here = input.len - used;

            here = here < chunks->left ? here : (size_t)chunks->left;
            buf_add(body, input.ptr + used, here);
            used += here;
            chunks->left -= here;
            if (chunks->left == 0)
                chunks->state = CHUNK_DATA_CR;
        } else if (!frame_byte(chunks, input.ptr[used++], done)) {
            return -1;
        }
    }
    return (int64_t)used;
}

/* ---- lists and names ---- */

bool http_list_has(struct span list, const char *token)
{
    struct span item;
    bool more = span_present(list);

    while (more) {
        more = eio_field_cut(&list, ',', &item);
        item = eio_field_trim(more ? item : list);
        if (item.len == strlen(token) && strncasecmp(item.ptr, token, item.len) == 0)
            return true;
    }
    return false;
}

const char *http_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {101, "Switching Protocols"},
        {200, "OK"},
        {204, "No Content"},
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {426, "Upgrade Required"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "";
}
